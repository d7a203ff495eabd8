//! Histories as text that other tools read: Jepsen's EDN operation maps, and the same as JSON, one event a line.
//!
//! Every line carries the index of its event, its virtual time in nanoseconds, and the function by its name. A completion
//! repeats what was handed in unless it returned a value, as Jepsen's clients do. What else was read of an event is written back.
//!
//! Deliberately absent: readers, and files.

use std::fmt::{self, Write};

use crate::{
    edn::Edn,
    history::{Completion, Deed, Event, History, Micro, Operation, Value, Values},
    read::to_json,
};

/// Writes `history` as Jepsen EDN, one operation map a line; values are `[key value]`, which `jepsen.independent`
/// partitions by. Transactions span keys and stand for themselves: `[[:r 1 [5]] [:append 1 6]]`, as Elle reads them.
///
/// # Errors
/// Those of `out`.
pub fn write_edn(history: &History, out: &mut impl Write) -> fmt::Result {
    for line in lines(history) {
        let Line { index, event, time, kind, operation, value } = line;
        let Operation { process, call, .. } = operation;
        let function = name(history, operation);
        write!(out, "{{:index {index} :time {time} :type :{kind} :process {process} :f :{function} ")?;
        write!(out, ":value ")?;
        put_with_key(out, &history.values, call.key, value)?;
        for (field, contents) in history.names.notes(event) {
            write!(out, " {} {contents}", keyword(field))?;
        }
        writeln!(out, "}}")?;
    }
    Ok(())
}

/// Writes `history` as Jepsen's `history.txt` has it: process, type, function and value in columns, a line for each event.
///
/// # Errors
/// Those of `out`.
pub fn write_table(history: &History, out: &mut impl Write) -> fmt::Result {
    for Line { kind, operation, value, .. } in lines(history) {
        write!(out, "{}\t:{kind}\t:{}\t", operation.process, name(history, operation))?;
        put_with_key(out, &history.values, operation.call.key, value)?;
        writeln!(out)?;
    }
    Ok(())
}

/// `[key value]` in EDN; a transaction stands for itself.
fn put_with_key(out: &mut impl Write, values: &Values, key: u32, value: Value) -> fmt::Result {
    if matches!(value, Value::Transaction(_)) {
        return put(out, &EDN, values, value);
    }
    write!(out, "[{key} ")?;
    put(out, &EDN, values, value)?;
    write!(out, "]")
}

/// A field as a keyword, or as a text if no keyword can be so.
fn keyword(field: &str) -> String {
    let is_word = !field.is_empty() && field.chars().all(|c| c.is_alphanumeric() || "-_/.?!*+".contains(c));
    if is_word { format!(":{field}") } else { Edn::Text(field.to_owned()).to_string() }
}

/// Writes `history` as JSON lines: an object with `index`, `time`, `type`, `process`, `node`, `f`, `key` and `value`
/// for each event.
///
/// # Errors
/// Those of `out`.
pub fn write_json_lines(history: &History, out: &mut impl Write) -> fmt::Result {
    for line in lines(history) {
        let Line { index, event, time, kind, operation, value } = line;
        let Operation { process, call, node, .. } = operation;
        let function = serde_json::Value::from(name(history, operation));
        write!(out, r#"{{"index":{index},"time":{time},"type":"{kind}","process":{process},"node":{node},"#)?;
        write!(out, r#""f":{function},"key":{},"value":"#, call.key)?;
        put(out, &JSON, &history.values, value)?;
        for (field, contents) in history.names.notes(event) {
            write!(out, ",{}:{}", serde_json::Value::from(field), to_json(contents))?;
        }
        writeln!(out, "}}")?;
    }
    Ok(())
}

/// How values look.
struct Dialect {
    nil: &'static str,
    separator: &'static str,
    read: &'static str,
    write: &'static str,
    append: &'static str,
    /// What words begin with, and what they and the keys of maps end with.
    keyword: &'static str,
    quote: &'static str,
    /// What stands between a key and its value.
    colon: &'static str,
}

const EDN: Dialect = Dialect {
    nil: "nil",
    separator: " ",
    read: ":r",
    write: ":w",
    append: ":append",
    keyword: ":",
    quote: "",
    colon: " ",
};
const JSON: Dialect = Dialect {
    nil: "null",
    separator: ",",
    read: "\"r\"",
    write: "\"w\"",
    append: "\"append\"",
    keyword: "\"",
    quote: "\"",
    colon: ":",
};

fn put(out: &mut impl Write, dialect: &Dialect, values: &Values, value: Value) -> fmt::Result {
    match value {
        Value::Nil => write!(out, "{}", dialect.nil),
        Value::Int(number) => write!(out, "{number}"),
        Value::Pair(first, second) => write!(out, "[{first}{}{second}]", dialect.separator),
        Value::List(span) => bracketed(out, dialect, values.items(span), |out, item| write!(out, "{item}")),
        Value::Transaction(span) if values.parts(span).first().is_some_and(|part| part.deed == Deed::Begin) => {
            put_map(out, dialect, values.parts(span))
        }
        Value::Transaction(span) => bracketed(out, dialect, values.parts(span), |out, part| {
            let deed = match part.deed {
                Deed::Read => dialect.read,
                Deed::Write => dialect.write,
                Deed::Append => dialect.append,
                Deed::Match => return put_search(out, dialect, values, part),
                Deed::Begin => dialect.read,
            };
            let separator = dialect.separator;
            write!(out, "[{deed}{separator}{}{separator}", part.key)?;
            put(out, dialect, values, part.value)?;
            write!(out, "]")
        }),
    }
}

/// What objects hold: `{1 5}`, in JSON `{"1":5}`.
fn put_map(out: &mut impl Write, dialect: &Dialect, parts: &[Micro]) -> fmt::Result {
    write!(out, "{{")?;
    for (at, part) in parts.iter().enumerate() {
        let (quote, colon) = (dialect.quote, dialect.colon);
        write!(out, "{}{quote}{}{quote}{colon}", if at == 0 { "" } else { dialect.separator }, part.key)?;
        match part.value {
            Value::Int(number) => write!(out, "{}", number.cast_signed())?,
            Value::Nil | Value::Pair(..) | Value::List(_) | Value::Transaction(_) => write!(out, "{}", dialect.nil)?,
        }
    }
    write!(out, "}}")
}

/// `[:rp [:= 1] {1 1}]`.
fn put_search(out: &mut impl Write, dialect: &Dialect, values: &Values, micro: &Micro) -> fmt::Result {
    let Some((predicate, found)) = values.searched(micro) else { return write!(out, "{}", dialect.nil) };
    let (separator, (name, numbers)) = (dialect.separator, predicate.spelled());
    let word = |word: &str| format!("{}{word}{}", dialect.keyword, dialect.quote);
    let numbers: String = numbers.iter().map(|number| format!("{separator}{}", number.cast_signed())).collect();
    let predicate = if numbers.is_empty() { word(name) } else { format!("[{}{numbers}]", word(name)) };
    write!(out, "[{}{separator}{predicate}{separator}", word("rp"))?;
    match found {
        Some(found) => put_map(out, dialect, found)?,
        None => write!(out, "{}", dialect.nil)?,
    }
    write!(out, "]")
}

fn bracketed<W: Write, T>(
    out: &mut W,
    dialect: &Dialect,
    items: &[T],
    mut each: impl FnMut(&mut W, &T) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        write!(out, "{}", if at == 0 { "[" } else { dialect.separator })?;
        each(out, item)?;
    }
    write!(out, "{}", if items.is_empty() { "[]" } else { "]" })
}

/// What [`write_edn`] writes.
pub fn to_edn(history: &History) -> String {
    let mut text = String::new();
    write_edn(history, &mut text).expect("a string takes all that is written");
    text
}

/// What [`write_table`] writes.
pub fn to_table(history: &History) -> String {
    let mut text = String::new();
    write_table(history, &mut text).expect("a string takes all that is written");
    text
}

/// What [`write_json_lines`] writes.
pub fn to_json_lines(history: &History) -> String {
    let mut text = String::new();
    write_json_lines(history, &mut text).expect("a string takes all that is written");
    text
}

/// What both forms say of an event.
struct Line<'a> {
    index: usize,
    event: Event,
    time: u64,
    kind: &'static str,
    operation: &'a Operation,
    value: Value,
}

fn lines(history: &History) -> impl Iterator<Item = Line<'_>> {
    history.events.iter().enumerate().map(|(index, &event)| match event {
        Event::Invoke(op) => {
            let operation = history.operation(op);
            Line { index, event, time: operation.invoked_at, kind: "invoke", operation, value: operation.call.input }
        }
        Event::Complete(op) => {
            let operation = history.operation(op);
            let (completion, time) = operation.completion.expect("a complete event has a completion");
            let (kind, value) = match completion {
                Completion::Ok(Value::Nil) => ("ok", operation.call.input),
                Completion::Ok(output) => ("ok", output),
                Completion::Fail => ("fail", operation.call.input),
                Completion::Info => ("info", operation.call.input),
            };
            Line { index, event, time, kind, operation, value }
        }
    })
}

fn name(history: &History, operation: &Operation) -> &'static str {
    history.functions[operation.call.function as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{parse, parse_as};

    const HISTORY: &str =
        "p0 write 1\np1 k2 read\np0 ok\np1 ok nil\np0 cas 1 3\np0 fail\np1 read\np1 ok 1\np2 write 4\np2 info";

    #[test]
    fn a_table_has_a_line_for_each_event() {
        let table = to_table(&parse("p0 write 1\np1 k2 read\np1 ok nil\np0 info"));
        assert_eq!(
            table,
            "0\t:invoke\t:write\t[1 1]\n1\t:invoke\t:read\t[2 nil]\n1\t:ok\t:read\t[2 nil]\n0\t:info\t:write\t[1 1]\n"
        );
    }

    #[test]
    fn jepsen_can_read_a_history() {
        let expected = "\
{:index 0 :time 0 :type :invoke :process 0 :f :write :value [1 1]}
{:index 1 :time 1000000 :type :invoke :process 1 :f :read :value [2 nil]}
{:index 2 :time 2000000 :type :ok :process 0 :f :write :value [1 1]}
{:index 3 :time 3000000 :type :ok :process 1 :f :read :value [2 nil]}
{:index 4 :time 4000000 :type :invoke :process 0 :f :cas :value [1 [1 3]]}
{:index 5 :time 5000000 :type :fail :process 0 :f :cas :value [1 [1 3]]}
{:index 6 :time 6000000 :type :invoke :process 1 :f :read :value [1 nil]}
{:index 7 :time 7000000 :type :ok :process 1 :f :read :value [1 1]}
{:index 8 :time 8000000 :type :invoke :process 2 :f :write :value [1 4]}
{:index 9 :time 9000000 :type :info :process 2 :f :write :value [1 4]}
";
        assert_eq!(to_edn(&parse(HISTORY)), expected);
    }

    #[test]
    fn a_history_is_one_json_object_a_line() {
        let expected = r#"{"index":0,"time":0,"type":"invoke","process":0,"node":1,"f":"write","key":1,"value":1}
{"index":1,"time":1000000,"type":"invoke","process":1,"node":2,"f":"read","key":2,"value":null}
{"index":2,"time":2000000,"type":"ok","process":0,"node":1,"f":"write","key":1,"value":1}
{"index":3,"time":3000000,"type":"ok","process":1,"node":2,"f":"read","key":2,"value":null}
{"index":4,"time":4000000,"type":"invoke","process":0,"node":1,"f":"cas","key":1,"value":[1,3]}
{"index":5,"time":5000000,"type":"fail","process":0,"node":1,"f":"cas","key":1,"value":[1,3]}
{"index":6,"time":6000000,"type":"invoke","process":1,"node":2,"f":"read","key":1,"value":null}
{"index":7,"time":7000000,"type":"ok","process":1,"node":2,"f":"read","key":1,"value":1}
{"index":8,"time":8000000,"type":"invoke","process":2,"node":3,"f":"write","key":1,"value":4}
{"index":9,"time":9000000,"type":"info","process":2,"node":3,"f":"write","key":1,"value":4}
"#;
        let written = to_json_lines(&parse(HISTORY));
        assert_eq!(written, expected);
        assert!(written.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }

    #[test]
    fn sets_and_transactions_are_written_as_jepsen_and_elle_have_them() {
        let set = parse_as(&["add", "read"], "p0 add 7\np0 ok\np1 read\np1 ok [7 8]\np1 read\np1 ok []");
        let edn = to_edn(&set);
        assert!(edn.contains(":type :ok :process 1 :f :read :value [1 [7 8]]}"), "{edn}");
        assert!(edn.ends_with(":f :read :value [1 []]}\n"), "{edn}");
        let transactions = parse_as(&["txn"], "p0 txn r1 a2=5\np0 ok r1=3,4 a2=5\np1 txn r2\np1 ok r2=");
        let edn = to_edn(&transactions);
        assert!(edn.contains(":type :invoke :process 0 :f :txn :value [[:r 1 nil] [:append 2 5]]}"), "{edn}");
        assert!(edn.contains(":type :ok :process 0 :f :txn :value [[:r 1 [3 4]] [:append 2 5]]}"), "{edn}");
        assert!(edn.ends_with(":f :txn :value [[:r 2 []]]}\n"), "{edn}");
        let json = to_json_lines(&transactions);
        assert!(json.contains(r#""f":"txn","key":0,"value":[["r",1,[3,4]],["append",2,5]]}"#), "{json}");
        assert!(json.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }

    #[test]
    fn an_empty_history_is_empty_text() {
        assert_eq!(to_edn(&History::default()) + &to_json_lines(&History::default()), "");
    }
}
