//! TOML, through the `toml` crate, which says where everything stands and goes on after a mistake.
//!
//! Written here, because what people want to see is `[[steps]]` with everything below on one line.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use ::toml::{
    Spanned,
    de::{DeTable, DeValue, Error},
};
use toml_parser::{Source, lexer::TokenKind};

use super::{Complaints, DEPTH_MAX, Key, Readable, Tree, Value, is_toml_number, quote, spell, word};
use crate::diagnostic::Diagnostic;

/// Among how many keys that are written alike the one is looked for that stands twice.
const CANDIDATES_MAX: usize = 16;
/// What `toml` says of a value that is no value.
const UNQUOTED: &str = "string values must be quoted";
/// What `toml` says of a key that its table has already.
const REPEATED: &str = "duplicate key";

pub(super) fn read(text: &str) -> Result<Readable, Vec<Diagnostic>> {
    let mut complaints = Complaints::new(text);
    if let Some(at) = too_deep(text) {
        complaints.too_deep(at);
        return complaints.finish(None);
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut errors: Vec<(Range<usize>, &Error)> = errors.iter().map(|error| (place(text, error), error)).collect();
    errors.sort_by_key(|(span, _)| span.start);
    // What follows on the same line is most often a consequence.
    errors.dedup_by_key(|(span, _)| complaints.line(span.start));
    let mut reader = Reader { text, complaints, keys: BTreeMap::new() };
    let tree = reader.table(table.get_ref(), 1).at(0..text.len());
    for (span, error) in errors {
        match reader.earlier(&span, error) {
            Some(earlier) => reader.complaints.repeated(span.clone(), &super::excerpt(&text[span]), earlier),
            None => complain(span, error, &mut reader.complaints),
        }
    }
    reader.complaints.finish(Some(tree))
}

/// The whole word that an error is about.
fn place(text: &str, error: &Error) -> Range<usize> {
    whole_word(text, error.span().unwrap_or(text.len()..text.len()))
}

/// Where nesting goes too deep. `toml` bounds brackets and dotted keys each by itself, and their product overflows its stack.
fn too_deep(text: &str) -> Option<usize> {
    // Of each open bracket: the depth inside, and whether keys stand there.
    let mut open = vec![(1, true)];
    let (mut depth, mut in_key) = (1, true);
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::LeftCurlyBracket => in_key = true,
            TokenKind::Equals => in_key = false,
            TokenKind::RightCurlyBracket | TokenKind::RightSquareBracket if open.len() > 1 => {
                open.pop();
                in_key = false;
            }
            TokenKind::Comma | TokenKind::Newline => (depth, in_key) = open.last().copied().unwrap_or((1, true)),
            _ => {}
        }
        match token.kind() {
            TokenKind::LeftCurlyBracket | TokenKind::LeftSquareBracket => {
                depth += 1;
                open.push((depth, in_key));
            }
            TokenKind::Dot if in_key => depth += 1,
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Some(token.span().start());
        }
    }
    None
}

fn complain(span: Range<usize>, error: &Error, complaints: &mut Complaints<'_>) {
    let found = &complaints.text[span.clone()];
    let (problem, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
    let is_word = !found.is_empty() && !found.contains(['"', '\'', ' ']);
    let suggestion = (problem == UNQUOTED && is_word).then(|| quote(found));
    let expected = match problem {
        REPEATED => format!("`{}` once", super::excerpt(found)),
        UNQUOTED => "text in quotes, a number, true, false, a list or a map".to_owned(),
        "invalid unquoted key" if found.starts_with(':') => "`=` between key and value".to_owned(),
        "unexpected leading zero" => "a number without a leading zero".to_owned(),
        _ if expected.is_empty() => format!("something else ({problem})"),
        _ => format!("{expected} ({problem})"),
    };
    complaints.push_near(span, expected, suggestion);
}

/// `span`, or the whole word of which it is a part.
fn whole_word(text: &str, span: Range<usize>) -> Range<usize> {
    let in_word = |c: char| c.is_alphanumeric() || "_.+-".contains(c);
    let start = text.floor_char_boundary(span.start);
    let end = text.ceil_char_boundary(span.end.max(start));
    if start == end {
        return word(text, start);
    }
    if !text[start..end].chars().all(in_word) {
        return start..end;
    }
    let before = text[..start].trim_end_matches(in_word).len();
    before..text.len() - text[end..].trim_start_matches(in_word).len()
}

struct Reader<'t> {
    text: &'t str,
    complaints: Complaints<'t>,
    /// Where each key stands that the tree has, by what is written there.
    keys: BTreeMap<&'t str, BTreeSet<usize>>,
}

impl Reader<'_> {
    /// Where the key stands for the first time that an error says stands twice. `toml` does not tell: it is the nearest one
    /// above that is written alike, as a table's name or within one, and not between other brackets.
    fn earlier(&self, span: &Range<usize>, error: &Error) -> Option<usize> {
        if error.message() != REPEATED {
            return None;
        }
        let sort = |at: usize| {
            let line = self.complaints.starts[self.complaints.line(at)];
            (self.text[line..].trim_start().starts_with('['), self.text[..at].ends_with('.'))
        };
        let closed = |at: usize| {
            let between = &self.text[at..span.start];
            between.matches(['}', ']']).count() > between.matches(['{', '[']).count()
        };
        // Of a table that is opened again the tree has only the last header.
        let line = |number: usize| {
            let end = self.complaints.starts.get(number + 1).copied().unwrap_or(self.text.len());
            self.text[self.complaints.starts[number]..end].trim()
        };
        let own = self.complaints.line(span.start);
        if sort(span.start).0 && !self.complaints.found.is_full() {
            let first = (0..own).find(|number| line(*number) == line(own));
            return first.map(|number| self.complaints.starts[number]);
        }
        let same = self.keys.get(&self.text[span.clone()])?.range(..span.start);
        let alike = same.rev().take(CANDIDATES_MAX).find(|at| sort(**at) == sort(span.start) && !closed(**at));
        alike.copied()
    }

    fn table(&mut self, table: &DeTable<'_>, depth: usize) -> Value {
        let mut rows: Vec<_> = table.iter().collect();
        // `toml` sorts the keys by name.
        rows.sort_by_key(|(key, _)| key.span().start);
        let mut entries = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            if let Some(written) = self.text.get(key.span()) {
                self.keys.entry(written).or_default().insert(key.span().start);
            }
            let key = Key { text: key.get_ref().clone().into_owned(), span: key.span() };
            let tree = self.value(value, depth);
            entries.push((key, tree));
        }
        Value::Map(entries)
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Tree {
        let span = value.span();
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Integer(_) | DeValue::Float(_) => Value::Number(self.slice(&span)),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(_) => Value::Text(self.slice(&span)),
            DeValue::Array(_) | DeValue::Table(_) if depth == DEPTH_MAX => {
                self.complaints.too_deep(span.start);
                Value::Null
            }
            DeValue::Array(items) => Value::List(items.iter().map(|item| self.value(item, depth + 1)).collect()),
            DeValue::Table(table) => self.table(table, depth + 1),
        };
        value.at(span)
    }

    fn slice(&self, span: &Range<usize>) -> String {
        self.text.get(span.clone()).unwrap_or_default().to_owned()
    }
}

pub(super) fn write(tree: &Tree) -> String {
    let Value::Map(entries) = &tree.value else { return inline(tree) + "\n" };
    let mut out = String::new();
    let (tables, scalars): (Vec<_>, Vec<_>) = entries.iter().partition(|(_, tree)| is_tables(tree));
    write_entries(scalars, &mut out);
    for (key, list) in tables {
        for table in list.items() {
            let gap = if out.is_empty() { "" } else { "\n" };
            out.push_str(&format!("{gap}[[{}]]\n", bare_or_quoted(&key.text)));
            write_entries(table.entries(), &mut out);
        }
    }
    out
}

/// Whether it can be written as `[[key]]`, once per item.
fn is_tables(tree: &Tree) -> bool {
    !tree.items().is_empty() && tree.items().iter().all(|item| matches!(item.value, Value::Map(_)))
}

fn write_entries<'e>(entries: impl IntoIterator<Item = &'e (Key, Tree)>, out: &mut String) {
    for entry in entries.into_iter().filter(|(_, tree)| !tree.is_null()) {
        out.push_str(&inline_entry(entry));
        out.push('\n');
    }
}

fn inline_entry((key, tree): &(Key, Tree)) -> String {
    format!("{} = {}", bare_or_quoted(&key.text), inline(tree))
}

fn inline(tree: &Tree) -> String {
    match &tree.value {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => spell(number, is_number, quote),
        Value::Text(text) => quote(text),
        Value::List(items) => {
            let items: Vec<_> = items.iter().filter(|item| !item.is_null()).map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<_> = entries.iter().filter(|(_, tree)| !tree.is_null()).map(inline_entry).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
    }
}

fn bare_or_quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_owned() } else { quote(key) }
}

/// Whether TOML can say it as a number: an integer must fit into 64 bits with a sign.
fn is_number(text: &str) -> bool {
    if !is_toml_number(text) {
        return false;
    }
    let plain = text.replace('_', "");
    match plain.get(..2) {
        Some("0x") => i64::from_str_radix(&plain[2..], 16).is_ok(),
        Some("0o") => i64::from_str_radix(&plain[2..], 8).is_ok(),
        Some("0b") => i64::from_str_radix(&plain[2..], 2).is_ok(),
        _ => plain.contains(['.', 'e', 'E']) || plain.parse::<i64>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::{Form, tests::complaints};

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(complaints(Form::Toml, text), expected);
    }

    #[test]
    fn every_line_gives_its_own_complaint() {
        let value = "text in quotes, a number, true, false, a list or a map";
        check(
            "a = leader\nb = 3\nc =\nd = [00, 1]\né = 1\n\"ü\" = \"x\ng = [1 2]\n[x\n[y]]\nf: 3\n",
            &[
                &format!("1:5 `leader`: {value}; did you mean `\"leader\"`?"),
                &format!("3:4 ``: {value}"),
                "4:6 `00`: a number without a leading zero",
                "5:1 `é`: letters, numbers, `-`, `_` (invalid unquoted key)",
                "6:9 ``: `\"` (invalid basic string)",
                &format!("7:6 `1 2`: {value}"),
                "8:3 ``: `]` (unclosed table)",
                "9:4 `]`: newline, `#` (unexpected key or value)",
                "10:2 `:`: `=` between key and value",
            ],
        );
    }

    #[test]
    fn a_key_stands_once() {
        check("[a]\nb = 1\n[c]\na = 1\n[a]\n", &["5:2 `a`: `a` once (line 1 has it)"]);
        check(
            "\"é\" = { b = 1, b = 2 }\n\"é\" = 1\n",
            &["1:16 `b`: `b` once (line 1 has it)", "2:1 `\"é\"`: `\"é\"` once (line 1 has it)"],
        );
        check("b = 1\nc = { b = 2 }\nb = 3\n", &["3:1 `b`: `b` once (line 1 has it)"]);
        check("[[s]]\nb = 1\n[[s]]\nb = 2\nx.b = 1\nb = 3\n", &["6:1 `b`: `b` once (line 4 has it)"]);
    }

    #[test]
    fn steps_are_written_as_tables() {
        let text = "\
target = \"raft-kv\"
seed = 0x5eed
phases = { chaos = \"4s\" }

[[steps]]
fault = \"crash\"
nodes = [\"n1\", \"n2\"]

[[steps]]
\"odd key\" = \"a\\nb\"
";
        let tree = Form::Toml.read(text).expect("valid");
        assert_eq!(Form::Toml.write(&tree), text);
    }

    #[test]
    fn dotted_keys_within_brackets_do_not_multiply() {
        let bomb = format!("{} = {{", vec!["a"; 40].join(".")).repeat(40);
        assert!(complaints(Form::Toml, &bomb)[0].ends_with("lists and maps nested 64 deep at most"));
    }
}
