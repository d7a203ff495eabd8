//! Histories of others: Jepsen's EDN operation maps in all their shapes, JSON lines and arrays, the logs that Porcupine tests with, and
//! the texts of AWDIT and Plume.
//!
//! An operation of a history is a small number of numbers, so what is none (a keyword, a text) is given a large one when it
//! first occurs, keys and values apart. Which words are functions, and what their values mean, depends on the [`Family`].
//!
//! Where a file leaves something open: events without a time are a nanosecond apart; without a process, an invocation is completed by
//! the next entry that is none; without a function, it is the only one of the family; entries whose process is no number (`:nemesis`) are not of clients and left out. A process that
//! invokes again has left its operation open.
//!
//! Deliberately absent: files, and guesses at the family.

mod counted;
mod predicates;
mod sessions;

use std::collections::BTreeMap;

use thiserror::Error;

pub use crate::edn::Place;
use crate::{
    edn::{self, Edn, Reader},
    family::Family,
    history::{Call, Completion, Deed, Event, History, Micro, Names, NodeId, OpId, Process, Value},
};

/// How a history is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Operation maps, in a vector or one after the other.
    Edn,
    /// An object on each line, with the keys of the maps.
    JsonLines,
    /// An array of such objects.
    Json,
    /// Reads and writes of transactions by session, `w 1 5`, with lines `-----` after transactions and `=====` after sessions.
    Awdit,
    /// Lines `w(key,value,session,transaction)`, as Plume has them.
    Plume,
    /// Lines like `INFO  jepsen.util - 4<TAB>:invoke<TAB>:cas<TAB>[0 3]` among others, of one register.
    EtcdLog,
}

impl Format {
    /// The format of `text`, by its looks.
    pub fn of(text: &str) -> Self {
        let first = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        let is_object = |text: &str| text.strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with('"'));
        if let Some(format) = sessions::format(first) {
            format
        } else if text.contains(LOG_PREFIX) {
            Self::EtcdLog
        } else if is_object(first) {
            Self::JsonLines
        } else if first.strip_prefix('[').is_some_and(|rest| is_object(rest.trim_start())) {
            Self::Json
        } else {
            Self::Edn
        }
    }
}

impl Format {
    /// Whether its operations are in the order of time, those of different processes, too.
    pub fn has_times(self) -> bool {
        !matches!(self, Self::Awdit | Self::Plume)
    }
}

const LOG_PREFIX: &str = "jepsen.util - ";

/// Why a history could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {kind}")]
pub struct ReadError {
    /// Where in the text.
    pub place: Place,
    /// What is wrong there.
    pub kind: ReadErrorKind,
}

/// What is wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadErrorKind {
    /// It is not text.
    #[error("byte {0:#04x} is no text in UTF-8")]
    NotText(u8),
    /// It is not written as it should be.
    #[error("{0}")]
    Syntax(String),
    /// An entry lacks something.
    #[error("an operation without `{0}`")]
    Missing(&'static str),
    /// An entry is of no known type.
    #[error("unknown type `{0}`, expected one of invoke, ok, fail, info")]
    UnknownType(String),
    /// The family has no such function.
    #[error("unknown function `{found}`, a {} has {}", family.name(), family.functions().join(", "))]
    UnknownFunction {
        /// The function.
        found: String,
        /// The family.
        family: Family,
    },
    /// A value is not what the function takes or returns.
    #[error("`{function}` has a value of another kind than expected: {expected}")]
    BadValue {
        /// The function.
        function: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// A completion without an invocation.
    #[error("process {0} completes what it has not invoked")]
    CompletesNothing(u64),
}

/// The bytes as the text that they should be.
///
/// # Errors
/// The place of the first byte that is none.
pub fn text(bytes: &[u8]) -> Result<&str, ReadError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let before = std::str::from_utf8(&bytes[..at]).expect("it is valid up to there");
        ReadError { place: edn::place(before, at), kind: ReadErrorKind::NotText(bytes[at]) }
    })
}

/// Reads a history of objects of a family.
///
/// # Errors
/// The first mistake, with its line and column.
pub fn read(text: &str, format: Format, family: Family) -> Result<History, ReadError> {
    if matches!(format, Format::Awdit | Format::Plume) {
        return sessions::read(text, format, Builder::new(family));
    }
    let entries = entries(text, format)?;
    let tells_mismatch = format == Format::EtcdLog && family == Family::CasRegister;
    let mut builder = Builder { is_keyed: are_keyed(&entries), tells_mismatch, ..Builder::new(family) };
    if family == Family::Stats {
        builder.history.functions = counted::functions(&entries);
    }
    for (at, entry) in &entries {
        builder.entry(entry).map_err(|kind| ReadError { place: edn::place(text, *at), kind })?;
    }
    Ok(builder.history)
}

/// The operation maps of a text, and the byte where each begins; none where it has no maps.
pub(crate) fn entries(text: &str, format: Format) -> Result<Vec<(usize, Edn)>, ReadError> {
    let fail = |(at, message)| ReadError { place: edn::place(text, at), kind: ReadErrorKind::Syntax(message) };
    match format {
        Format::Edn => edn_entries(text).map_err(fail),
        Format::JsonLines => json_entries(text),
        Format::Json => json_array(text),
        Format::EtcdLog => log_entries(text).map_err(fail),
        Format::Awdit | Format::Plume => Ok(Vec::new()),
    }
}

fn edn_entries(text: &str) -> Result<Vec<(usize, Edn)>, edn::Wrong> {
    let mut reader = Reader::new(text);
    let mut entries = Vec::new();
    let is_nested = reader.enter()?;
    loop {
        if is_nested && reader.leave()? {
            break;
        }
        match reader.next()? {
            Some(entry) => entries.push(entry),
            None if is_nested => return Err((reader.at(), "the history ends within a vector".to_owned())),
            None => break,
        }
    }
    match reader.next()? {
        Some((at, _)) => Err((at, "something follows the vector of operations".to_owned())),
        None => Ok(entries),
    }
}

fn json_entries(text: &str) -> Result<Vec<(usize, Edn)>, ReadError> {
    let mut start = 0;
    let mut entries = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if !line.trim().is_empty() {
            let value: serde_json::Value = serde_json::from_str(line).map_err(|error| ReadError {
                place: Place { line: at + 1, column: error.column() },
                kind: ReadErrorKind::Syntax(error.to_string()),
            })?;
            entries.push((start, of_json(value)));
        }
        start += line.len() + 1;
    }
    Ok(entries)
}

fn json_array(text: &str) -> Result<Vec<(usize, Edn)>, ReadError> {
    let wrong =
        |at, message: &str| ReadError { place: edn::place(text, at), kind: ReadErrorKind::Syntax(message.to_owned()) };
    let skip = |at: usize, also: &[char]| {
        let rest = text[at..].trim_start_matches(|c: char| c.is_whitespace() || also.contains(&c));
        text.len() - rest.len()
    };
    let mut at = skip(0, &['[']);
    let mut entries = Vec::new();
    while !text[at..].starts_with(']') {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<serde_json::Value>();
        match values.next() {
            Some(Ok(value)) => entries.push((at, of_json(value))),
            Some(Err(error)) => return Err(wrong(at, &error.to_string())),
            None => return Err(wrong(at, "the history ends within an array")),
        }
        at = skip(at + values.byte_offset(), &[',']);
    }
    Ok(entries)
}

/// The contents of a field in EDN as JSON: words are texts, and so are the keys of objects.
pub(crate) fn to_json(text: &str) -> serde_json::Value {
    let form = Reader::new(text).next().ok().flatten();
    form.map_or(serde_json::Value::Null, |(_, form)| json_of(form))
}

pub(crate) fn json_of(form: Edn) -> serde_json::Value {
    let key = |key: Edn| key.word().map_or_else(|| key.to_string(), str::to_owned);
    match form {
        Edn::Nil => serde_json::Value::Null,
        Edn::Bool(is) => is.into(),
        Edn::Int(number) => number.into(),
        Edn::Float(number) => number.into(),
        Edn::Text(text) | Edn::Word(text) => text.into(),
        Edn::Items(items) => items.into_iter().map(json_of).collect(),
        Edn::Map(entries) => entries.into_iter().map(|(name, value)| (key(name), json_of(value))).collect(),
    }
}

pub(crate) fn of_json(value: serde_json::Value) -> Edn {
    match value {
        serde_json::Value::Null => Edn::Nil,
        serde_json::Value::Bool(is) => Edn::Bool(is),
        serde_json::Value::Number(number) => {
            let int = number.as_i64().or_else(|| number.as_u64().map(u64::cast_signed));
            int.map_or_else(|| Edn::Float(number.as_f64().unwrap_or(f64::NAN)), Edn::Int)
        }
        serde_json::Value::String(text) => Edn::Text(text),
        serde_json::Value::Array(items) => Edn::Items(items.into_iter().map(of_json).collect()),
        serde_json::Value::Object(entries) => {
            Edn::Map(entries.into_iter().map(|(key, value)| (Edn::Text(key), of_json(value))).collect())
        }
    }
}

fn log_entries(text: &str) -> Result<Vec<(usize, Edn)>, edn::Wrong> {
    let mut start = 0;
    let mut entries = Vec::new();
    for line in text.lines() {
        let fields = line.split_once(LOG_PREFIX).map(|(before, rest)| (before.len() + LOG_PREFIX.len(), rest));
        if let Some((skipped, fields)) = fields.filter(|(_, fields)| fields.starts_with(|c: char| c.is_ascii_digit())) {
            let mut reader = Reader::new(fields);
            let mut forms = Vec::new();
            while let Some((_, form)) = reader.next().map_err(|(at, message)| (start + skipped + at, message))? {
                forms.push(form);
            }
            let names = ["process", "type", "f", "value"].map(|name| Edn::Word(name.to_owned()));
            entries.push((start + skipped, Edn::Map(names.into_iter().zip(forms).collect())));
        }
        start += line.len() + 1;
    }
    Ok(entries)
}

/// Whether every value is a pair of a key and the rest, as `jepsen.independent` has it.
fn are_keyed(entries: &[(usize, Edn)]) -> bool {
    let is_client = |entry: &&Edn| !matches!(entry.get("process"), Some(Edn::Word(_) | Edn::Text(_)));
    let mut calls =
        entries.iter().map(|(_, entry)| entry).filter(is_client).filter(|entry| is_type(entry, "invoke")).peekable();
    let is_keyed = |entry: &Edn| match (entry.get("value"), entry.get("f").and_then(Edn::word)) {
        (Some(Edn::Items(items)), Some("cas")) => matches!(items[..], [_, Edn::Items(_)]),
        (Some(Edn::Items(items)), _) => items.len() == 2,
        _ => false,
    };
    calls.peek().is_some() && calls.all(is_keyed)
}

fn is_type(entry: &Edn, name: &str) -> bool {
    entry.get("type").and_then(Edn::word) == Some(name)
}

/// The fields of an entry that a history has a place for, or that follow from its order.
const KNOWN: [&str; 8] = ["index", "time", "type", "process", "node", "f", "key", "value"];

struct Builder {
    family: Family,
    is_keyed: bool,
    /// A compare-and-set that failed is an answer: the value was another.
    tells_mismatch: bool,
    history: History,
    keys: BTreeMap<String, u32>,
    words: BTreeMap<String, u64>,
    open: BTreeMap<Process, OpId>,
}

impl Builder {
    fn new(family: Family) -> Self {
        let history = History { functions: family.functions(), ..History::default() };
        let (keys, words, open) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { family, is_keyed: false, tells_mismatch: false, history, keys, words, open }
    }

    fn entry(&mut self, entry: &Edn) -> Result<(), ReadErrorKind> {
        let process = match entry.get("process") {
            None => 0,
            Some(Edn::Int(process)) => *process as Process,
            Some(_) => return Ok(()),
        };
        let kind = entry.get("type").and_then(Edn::word).ok_or(ReadErrorKind::Missing("type"))?;
        let time = entry.get("time").and_then(Edn::int).map_or(self.history.events.len() as u64, |time| time as u64);
        let (key, value) = self.key_and_value(entry);
        if kind == "invoke" {
            let only = self.history.functions.first().filter(|_| self.history.functions.len() == 1).copied();
            let function = entry.get("f").and_then(Edn::word).or(only).ok_or(ReadErrorKind::Missing("f"))?;
            let call = self.call(function, key, value, process)?;
            let op = self.history.invoke(process, call, node(entry), time);
            self.open.insert(process, op);
            self.note(Event::Invoke(op), entry);
            return Ok(());
        }
        let op = self.open.remove(&process);
        let completion = match (kind, op) {
            ("info", None) => return Ok(()),
            (_, None) => return Err(ReadErrorKind::CompletesNothing(process.into())),
            ("info", Some(_)) => Completion::Info,
            ("fail", Some(op)) => self.failure(op, value),
            ("ok", Some(op)) => Completion::Ok(self.output(self.history.operation(op).call, value)?),
            (other, Some(_)) => return Err(ReadErrorKind::UnknownType(other.to_owned())),
        };
        let op = op.expect("all others have returned");
        self.history.complete(op, completion, time);
        self.note(Event::Complete(op), entry);
        Ok(())
    }

    /// Keeps what an entry says beyond what a history knows.
    fn note(&mut self, event: Event, entry: &Edn) {
        let Edn::Map(fields) = entry else { return };
        for (field, contents) in fields {
            if let Some(field) = field.word().filter(|field| !KNOWN.contains(field)) {
                self.history.names.add_note(event, field, contents.to_string());
            }
        }
    }

    /// Whether operations are of several objects at once.
    fn spans_keys(&self) -> bool {
        use Family::{ClosedPredicate, Kafka, ListAppend, MultiRegister, RwRegister, Stats};
        matches!(self.family, MultiRegister | ListAppend | RwRegister | ClosedPredicate | Kafka | Stats)
    }

    fn key_and_value<'a>(&mut self, entry: &'a Edn) -> (u32, &'a Edn) {
        let value = entry.get("value").unwrap_or(&Edn::Nil);
        match (entry.get("key"), value) {
            _ if self.spans_keys() => (0, value),
            (Some(key), _) => (self.key(key), value),
            (None, Edn::Items(items)) if self.is_keyed && items.len() == 2 => (self.key(&items[0]), &items[1]),
            (None, _) => (1, value),
        }
    }

    /// Small numbers from 1 stand for themselves.
    fn key(&mut self, key: &Edn) -> u32 {
        match key {
            Edn::Int(number) if Names::is_plain_key(*number) => *number as u32,
            key => *self.keys.entry(format!("{key:?}")).or_insert_with(|| self.history.names.add_key(spelled(key))),
        }
    }

    /// Reads that failed did nothing; of a compare-and-set some logs say that it found another value.
    fn failure(&self, op: OpId, value: &Edn) -> Completion<Value> {
        let is_cas = self.history.operation(op).call.function == crate::model::CAS;
        let is_answer = self.tells_mismatch && is_cas && value.word() != Some("timed-out");
        if is_answer { Completion::Ok(Value::Int(0)) } else { Completion::Fail }
    }

    fn call(&mut self, function: &str, key: u32, value: &Edn, process: Process) -> Result<Call, ReadErrorKind> {
        let unknown = || ReadErrorKind::UnknownFunction { found: function.to_owned(), family: self.family };
        let known = self.history.functions.iter().position(|known| *known == synonym(self.family, function));
        let function = known.ok_or_else(unknown)? as u8;
        let input = self.input(function, value, process)?;
        Ok(Call { function, key, input })
    }

    fn input(&mut self, function: u8, value: &Edn, process: Process) -> Result<Value, ReadErrorKind> {
        let name = self.history.functions[usize::from(function)];
        if self.family.counts() {
            return self.counted_input(name, value);
        }
        let wrong = |expected| ReadErrorKind::BadValue { function: name, expected };
        match (self.family, name, value) {
            (Family::OwnedMutex | Family::ReentrantMutex | Family::FencedMutex, ..) => Ok(Value::Int(process.into())),
            (_, "read" | "get" | "dequeue" | "pop" | "acquire" | "release", _) => Ok(Value::Nil),
            (Family::ClosedPredicate, "init", value) => {
                self.beginning(value).ok_or_else(|| wrong("a map of keys to values"))
            }
            (_, "txn", value) => self.transaction(value).ok_or_else(|| wrong("a list of [:r key value] and the like")),
            (_, "cas", Edn::Items(pair)) if pair.len() == 2 => {
                Ok(Value::Pair(self.number(&pair[0]), self.number(&pair[1])))
            }
            (_, "cas", _) => Err(wrong("[old new]")),
            (Family::KeyValue, _, Edn::Text(text)) => Ok(self.letters(text)),
            (_, _, Edn::Nil | Edn::Items(_) | Edn::Map(_)) => Err(wrong("a number or a word")),
            (_, _, scalar) => Ok(Value::Int(self.number(scalar))),
        }
    }

    fn output(&mut self, call: Call, value: &Edn) -> Result<Value, ReadErrorKind> {
        let name = self.history.functions[usize::from(call.function)];
        if self.family.counts() {
            return self.counted_output(name, value);
        }
        let wrong = |expected| ReadErrorKind::BadValue { function: name, expected };
        let has_lists = matches!(self.family, Family::Set | Family::GrowSet | Family::List | Family::KeyValue);
        match (name, value) {
            ("txn", value) => self.transaction(value).ok_or_else(|| wrong("a list of [:r key value] and the like")),
            ("read" | "get", Edn::Text(text)) if self.family == Family::KeyValue => Ok(self.letters(text)),
            ("read" | "get", Edn::Items(items)) if has_lists => Ok(self.list(items)),
            ("read", Edn::Nil) if has_lists => Ok(self.list(&[])),
            ("read" | "get" | "dequeue" | "pop" | "contains", Edn::Nil) => Ok(Value::Nil),
            ("read" | "get" | "dequeue" | "pop" | "contains", Edn::Items(_) | Edn::Map(_)) => {
                Err(wrong("a number or a word"))
            }
            ("read" | "get" | "dequeue" | "pop" | "contains", scalar) => Ok(Value::Int(self.number(scalar))),
            ("acquire", Edn::Int(token)) if self.family == Family::FencedMutex => Ok(Value::Int(*token as u64)),
            ("cas", Edn::Bool(matched)) => Ok(Value::Int(u64::from(*matched))),
            _ => Ok(Value::Nil),
        }
    }

    fn number(&mut self, scalar: &Edn) -> u64 {
        match scalar {
            Edn::Int(number) => number.cast_unsigned(),
            Edn::Bool(is) => u64::from(*is),
            other => {
                let names = &mut self.history.names;
                *self.words.entry(format!("{other:?}")).or_insert_with(|| names.add_word(spelled(other)))
            }
        }
    }

    fn list(&mut self, items: &[Edn]) -> Value {
        let items: Vec<u64> = items.iter().map(|item| self.number(item)).collect();
        self.history.values.list(&items)
    }

    fn letters(&mut self, text: &str) -> Value {
        self.history.names.spells = true;
        let letters: Vec<u64> = text.chars().map(u64::from).collect();
        self.history.values.list(&letters)
    }

    /// `[[:r 1 nil] [:append 2 5]]`, or of registers a map of what was read.
    fn transaction(&mut self, value: &Edn) -> Option<Value> {
        let Edn::Items(parts) = value else { return None };
        let parts: Option<Vec<Micro>> = parts.iter().map(|part| self.part(part)).collect();
        parts.map(|parts| self.history.values.transaction(&parts))
    }

    fn part(&mut self, part: &Edn) -> Option<Micro> {
        let Edn::Items(fields) = part else { return None };
        if self.family == Family::ClosedPredicate {
            return self.predicate_part(fields);
        }
        let [deed, key, value] = &fields[..] else { return None };
        let deed = match deed.word()? {
            "r" | "read" => Deed::Read,
            "w" | "write" => Deed::Write,
            "append" => Deed::Append,
            _ => return None,
        };
        let key = self.key(key);
        let value = match value {
            Edn::Nil => Value::Nil,
            Edn::Items(items) => self.list(items),
            scalar => Value::Int(self.number(scalar)),
        };
        Some(Micro { deed, key, value })
    }
}

/// A key or a value as the file has it, more or less.
fn spelled(value: &Edn) -> String {
    match value {
        Edn::Word(word) => word.clone(),
        Edn::Int(number) => number.to_string(),
        Edn::Text(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    }
}

/// What the family calls a function that others call otherwise.
fn synonym(family: Family, function: &str) -> &str {
    match (family, function) {
        (Family::KeyValue, "read") => "get",
        (Family::KeyValue, "write") => "put",
        (Family::Mutex | Family::OwnedMutex | Family::ReentrantMutex | Family::FencedMutex, "lock") => "acquire",
        (Family::Mutex | Family::OwnedMutex | Family::ReentrantMutex | Family::FencedMutex, "unlock") => "release",
        (_, function) => function,
    }
}

/// `3` or `n3`; 0 where none is named.
fn node(entry: &Edn) -> NodeId {
    let number = entry.get("node").and_then(|node| match node {
        Edn::Int(number) => NodeId::try_from(*number).ok(),
        node => node.word()?.trim_start_matches('n').parse().ok(),
    });
    number.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{testing::parse_as, verdict::Verdict, write};

    #[track_caller]
    fn check(family: Family, text: &str, expected: &str) {
        let history = match read(text, Format::of(text), family) {
            Ok(history) => history,
            Err(error) => return assert_eq!(error.to_string(), expected),
        };
        let verdict = family.check(&history, 1 << 14);
        let count = history.events.len();
        assert_eq!(format!("{count} {}", if verdict == Verdict::Valid { "valid" } else { "invalid" }), expected);
    }

    #[test]
    fn operation_maps_come_in_many_shapes() {
        let ops = "{:type :invoke, :f :write, :value 1, :process 0}\n{:type :ok, :f :write, :value 1, :process 0}\n\
                   {:type :invoke :f :read :value nil :process 3} {:type :ok :f :read :value 1 :process 3}";
        check(Family::Register, ops, "4 valid");
        check(Family::Register, &format!("; a note\n[{ops}]\n"), "4 valid");
        check(Family::Register, &format!("({ops})"), "4 valid");
        check(Family::Register, &ops.replace(":value 1 :process 3", ":value 2 :process 3"), "4 invalid");
        check(Family::Register, &ops.replace(":process 0", "").replace(":process 3", ""), "4 valid");
        check(
            Family::Register,
            &format!("{ops}{{:type :info :f :kill :process :nemesis :value {{:n1 [1 2]}}}}"),
            "4 valid",
        );
        check(Family::Register, &ops.replace("{:", "#jepsen.history.Op{:"), "4 valid");
        check(Family::Register, "", "0 valid");
    }

    #[test]
    fn keys_are_told_from_values() {
        let keyed = |seen: u32| {
            format!(
                "{{:process 0 :type :invoke :f :write :value [:x 1]}}{{:process 0 :type :ok :f :write :value [:x 1]}}\
                 {{:process 0 :type :invoke :f :read :value [:y nil]}}{{:process 0 :type :ok :f :read :value [:y nil]}}\
                 {{:process 0 :type :invoke :f :cas :value [:x [1 2]]}}{{:process 0 :type :ok :f :cas :value [:x [1 2]]}}\
                 {{:process 0 :type :invoke :f :read :value [:x nil]}}{{:process 0 :type :ok :f :read :value [:x {seen}]}}"
            )
        };
        check(Family::Register, &keyed(2), "8 valid");
        check(Family::Register, &keyed(1), "8 invalid");
    }

    #[test]
    fn texts_are_put_and_appended() {
        let store = |seen: &str| {
            format!(
                "{{:process 0, :type :invoke, :f :append, :key \"7\", :value \"x 1\"}}{{:process 0, :type :ok, :f :append, :key \"7\", :value \"x 1\"}}\
                 {{:process 0, :type :invoke, :f :append, :key \"7\", :value \"y\"}}{{:process 0, :type :ok, :f :append, :key \"7\", :value \"y\"}}\
                 {{:process 0, :type :invoke, :f :get, :key \"7\", :value nil}}{{:process 0, :type :ok, :f :get, :key \"7\", :value \"{seen}\"}}"
            )
        };
        check(Family::KeyValue, &store("x 1y"), "6 valid");
        check(Family::KeyValue, &store("yx 1"), "6 invalid");
        check(Family::KeyValue, &store(""), "6 invalid");
    }

    #[test]
    fn json_comes_in_lines_and_in_arrays() {
        let entry = |kind: &str| {
            format!("{{\"type\":\"{kind}\",\"f\":\"txn\",\"process\":0,\"value\":[[\"append\",1,5],[\"r\",1,[5]]]}}")
        };
        check(Family::ListAppend, &format!("[{}, {}]\n", entry("invoke"), entry("ok")), "2 valid");
        check(
            Family::ListAppend,
            &format!("[\n{},\n{}\n]", entry("invoke"), entry("ok").replace("[5]", "[]")),
            "2 invalid",
        );
        check(
            Family::ListAppend,
            &format!("[{},\n {{\"type\"", entry("invoke")),
            "2:2: EOF while parsing an object at line 1 column 7",
        );
        check(Family::ListAppend, &format!("[{}", entry("invoke")), "1:78: the history ends within an array");
    }

    #[test]
    fn logs_of_etcd_have_other_lines_too() {
        let log = |seen: u32| {
            format!(
                "INFO  jepsen.util - Thread 1 starts\nINFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO  jepsen.util - :nemesis\t:info\t:start\tnil\n\
                 INFO  jepsen.util - 0\t:ok\t:write\t1\nINFO  jepsen.util - 1\t:invoke\t:cas\t[{seen} 2]\nINFO  jepsen.util - 1\t:fail\t:cas\t[{seen} 2]\n"
            )
        };
        check(Family::CasRegister, &log(3), "4 valid");
        check(Family::CasRegister, &log(1), "4 invalid");
        check(Family::Register, &log(1), "4 valid");
    }

    #[test]
    fn what_checkers_count_is_of_the_kind_that_they_count() {
        let read = |value: &str| format!("{{:type :invoke :f :read :value 7}}{{:type :ok :f :read :value {value}}}");
        check(Family::Bank, &read("{0 10, 1 10}"), "2 valid");
        check(Family::Ring, &read("{0 1, 1 0}"), "2 valid");
        check(Family::PnCounter, &read("0"), "2 valid");
        check(Family::FinalReads, &read("nil"), "2 valid");
        for (family, value, expected) in [
            (Family::Bank, "7", "a map of all that was read"),
            (Family::PnCounter, "[7]", "a number or a word"),
            (Family::FinalReads, "7", "a list"),
        ] {
            let expected = format!("1:34: `read` has a value of another kind than expected: {expected}");
            check(family, &read(value), &expected);
        }
        let sent = "{:type :invoke :f :send :value [[:send 1]]}";
        let expected = "[[:send key value] [:poll {key [[offset value]]}]]";
        check(Family::Kafka, sent, &format!("1:1: `send` has a value of another kind than expected: {expected}"));
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        check(Family::Register, "[{:type :invoke :f :read :process 0}\n {:type :ok :f", "2:2: no `}` closes this");
        check(Family::Register, "[{:type :invoke :f :read :process 0}", "1:37: the history ends within a vector");
        check(Family::Register, "{:f :read :process 0}", "1:1: an operation without `type`");
        check(Family::Register, "{:type :invoke :process 0}", "1:1: an operation without `f`");
        let pushed = "\n  {:type :invoke :f :push :value 1 :process 0}";
        check(Family::Register, pushed, "2:3: unknown function `push`, a register has read, write, cas");
        check(Family::Register, "{:type :ok :f :read :process 7}", "1:1: process 7 completes what it has not invoked");
        let odd = "{:type :invoke :f :cas :value 1 :process 0}";
        check(Family::Register, odd, "1:1: `cas` has a value of another kind than expected: [old new]");
        check(
            Family::Register,
            "{\"type\":\"invoke\",\"f\":\"read\",\"process\":0}\n{\"type\":",
            "2:8: EOF while parsing a value at line 1 column 8",
        );
        let strange = "{:type :invoke :f :read :process 0}\n{:type :perhaps :f :read :process 0}";
        check(Family::Register, strange, "2:1: unknown type `perhaps`, expected one of invoke, ok, fail, info");
    }

    #[test]
    fn what_is_no_text_has_a_place() {
        assert_eq!(text("{:f :ä}".as_bytes()), Ok("{:f :ä}"));
        let error = text(b"{:f :read}\n{:f \xc3\xa4\xff}").map_err(|error| error.to_string());
        assert_eq!(error, Err("2:6: byte 0xff is no text in UTF-8".to_owned()));
    }

    #[test]
    fn what_else_a_file_says_is_kept_and_written_back() {
        let text = "{:process 0 :type :invoke :f :read :value nil :debug {:at \"n1\" :tries [1 2.5]}}\n\
            {:process 0 :type :info :f :read :value nil :error :timeout}\n\
            {:process 1 :type :invoke :f :read :value nil}{:process 1 :type :info :f :read :value nil :error :timeout \"two words\" 7}";
        let history = read(text, Format::Edn, Family::Register).expect("it can be read");
        let notes = |history: &History, op| {
            let notes = history.names.notes(Event::Complete(OpId(op))).into_iter();
            notes.map(|(field, contents)| format!("{field} {contents}")).collect::<String>()
        };
        assert_eq!(notes(&history, 0), "error :timeout");
        let edn = write::to_edn(&history);
        assert!(edn.contains(":value [1 nil] :debug {:at \"n1\" :tries [1 2.5]}}\n"), "{edn}");
        assert!(edn.ends_with(":error :timeout \"two words\" 7}\n"), "{edn}");
        let json = write::to_json_lines(&history);
        assert!(json.contains(r#""value":null,"debug":{"at":"n1","tries":[1,2.5]}}"#), "{json}");
        assert!(json.ends_with("\"error\":\"timeout\",\"two words\":7}\n"), "{json}");
        for (form, text) in [(Format::Edn, &edn), (Format::JsonLines, &json)] {
            let again = read(text, form, Family::Register).expect("it can be read");
            assert_eq!(write::to_json_lines(&again), json);
        }
        let part = history.filter(|operation| operation.process == 1);
        assert_eq!(notes(&part, 0), "error :timeouttwo words 7");
        assert!(part.names.notes(Event::Invoke(OpId(0))).is_empty());
        // It lies beside the operations, which are no larger for it.
        assert!(size_of::<crate::history::Operation>() <= 80);
    }

    /// What is written is read back as it was, in both forms.
    #[track_caller]
    fn survives(family: Family, text: &str) {
        let history = parse_as(family.functions(), text);
        for (form, written) in
            [(Format::Edn, write::to_edn(&history)), (Format::JsonLines, write::to_json_lines(&history))]
        {
            let again = read(&written, form, family).unwrap_or_else(|error| panic!("{error}\n{written}"));
            assert_eq!(family.check(&again, 1 << 14), family.check(&history, 1 << 14), "{written}");
            assert_eq!(Format::of(&written), form);
            let rewritten = if form == Format::Edn { write::to_edn(&again) } else { write::to_json_lines(&again) };
            assert_eq!(rewritten, written);
        }
    }

    #[test]
    fn what_is_written_is_read_back_with_the_same_verdict() {
        survives(
            Family::Register,
            "p0 write 1\np0 ok\np1 k2 read\np1 ok nil\np0 cas 1 3\np0 fail\np1 read\np1 ok 7\np2 write 4\np2 info",
        );
        survives(Family::GrowSet, "p0 add 1\np0 ok\np1 read\np1 ok [1 2]\np0 add 2\np0 info");
        survives(Family::ListAppend, "p0 txn r1 a2=5\np0 ok r1= a2=5\np1 txn r2\np1 ok r2=5\np1 txn r1 a1=7\np1 info");
    }
}
