//! YAML 1.2, core schema: one document, and nothing that makes it a graph.
//!
//! Parsed by `saphyr-parser`, whose events know where they stand. Anchors, aliases, tags and merge keys are errors: a file
//! then means what it shows, and cannot unfold into more. Written here, and quoted whenever in doubt: a label `no` or `1e3`
//! stays text for every reader, those of YAML 1.1 among them.

use std::{borrow::Cow, ops::Range};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};

use super::{
    Complaints, DEPTH_MAX, Key, Readable, Tree, Value, is_decimal, is_digits, mark_length, quote, spell, word,
};
use crate::diagnostic::Diagnostic;

/// Reading stopped: the complaint has been made.
struct Stop;

pub(super) fn read(text: &str) -> Result<Readable, Vec<Diagnostic>> {
    let start = mark_length(text);
    let body = &text[start..];
    let offsets = body.char_indices().map(|(at, _)| start + at).chain([text.len()]).collect();
    let complaints = Complaints::new(text);
    let mut reader = Reader { parser: Parser::new_from_str(body), text, offsets, last: 0, complaints };
    let tree = reader.document().ok();
    reader.complaints.finish(tree)
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    text: &'t str,
    /// The byte at which each character starts, and the end.
    offsets: Vec<usize>,
    /// Where the last event ended.
    last: usize,
    complaints: Complaints<'t>,
}

/// An event and the bytes that it stands on.
type Placed<'t> = (Event<'t>, Range<usize>);

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<Tree, Stop> {
        let mut first = self.next()?;
        while matches!(first.0, Event::StreamStart | Event::DocumentStart(_)) {
            first = self.next()?;
        }
        if matches!(first.0, Event::StreamEnd) {
            return Ok(Value::Null.at(0..self.text.len()));
        }
        let tree = self.node(first, 1)?;
        let line = self.line(tree.span.start);
        if matches!(tree.value, Value::Text(_)) && assigns(&self.text[line.clone()]) {
            return self.fail_assignment(line);
        }
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(tree),
                Event::DocumentStart(_) => return self.fail(word(self.text, span.start), "one document only"),
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<Placed<'t>, Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let start = self.byte(span.start.index());
                Ok((event, start..self.byte(span.end.index()).max(start)))
            }
            Some(Err(error)) => self.fail_scan(&error),
            None => Err(Stop),
        }
    }

    fn byte(&self, index: usize) -> usize {
        self.offsets.get(index).copied().unwrap_or(self.text.len())
    }

    fn fail<T>(&mut self, span: Range<usize>, expected: impl Into<String>) -> Result<T, Stop> {
        self.complaints.push(span, expected);
        Err(Stop)
    }

    /// The parser stopped. What it says is put into our words; where it saw only the consequence of a mistake on the line
    /// before, that line is pointed at.
    fn fail_scan<T>(&mut self, error: &ScanError) -> Result<T, Stop> {
        let at = self.byte(error.marker().index());
        let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let before = self.line(self.text[..start].trim_end().len());
        let lines = [self.line(at), before.clone()];
        if let Some(line) = lines.into_iter().find(|line| assigns(&self.text[line.clone()])) {
            return self.fail_assignment(line);
        }
        let rest = &self.text[at..];
        let span = match rest.chars().next() {
            _ if error.info().starts_with("simple key expect") => before,
            Some('"' | '\'') => at..at + rest.find(['\r', '\n']).unwrap_or(rest.len()),
            Some('*' | '&' | '!') => name(self.text, at),
            _ => word(self.text, at),
        };
        self.fail(span, in_our_words(error.info()))
    }

    /// The line around `at`, without the space around it and without the dash of a list.
    fn line(&self, at: usize) -> Range<usize> {
        let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[start..].lines().next().unwrap_or_default().trim_end();
        let trimmed = line.trim_start_matches([' ', '\t', '-', '\u{feff}']);
        start + line.len() - trimmed.len()..start + line.len()
    }

    /// Complains about TOML's `key = value` on `span`, which YAML takes for text.
    fn fail_assignment<T>(&mut self, span: Range<usize>) -> Result<T, Stop> {
        self.complain_of_assignment(span);
        Err(Stop)
    }

    fn complain_of_assignment(&mut self, span: Range<usize>) {
        let (key, value) = self.text[span.clone()].split_once('=').unwrap_or_default();
        let suggestion = format!("{}: {}", key.trim(), value.trim());
        self.complaints.push_near(span, "`:` between key and value", Some(suggestion));
    }

    fn node(&mut self, (event, span): Placed<'t>, depth: usize) -> Result<Tree, Stop> {
        let from = std::mem::replace(&mut self.last, span.end);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.plain_only(from, &span, anchor, tag.is_some());
                Ok(scalar(text, style).at(span))
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain_only(from, &span, anchor, tag.is_some());
                self.not_too_deep(&span, depth)?;
                self.list(span, depth)
            }
            Event::MappingStart(anchor, tag) => {
                self.plain_only(from, &span, anchor, tag.is_some());
                self.not_too_deep(&span, depth)?;
                self.map(span, depth)
            }
            Event::Alias(_) => {
                self.complaints.push(name(self.text, span.start), "a value (no alias is understood here)");
                Ok(Value::Null.at(span))
            }
            _ => self.fail(word(self.text, span.start), "a value"),
        }
    }

    /// Complains about an anchor or a tag before the node on `span`.
    fn plain_only(&mut self, from: usize, span: &Range<usize>, anchor: usize, tag: bool) {
        let before = self.text.get(from..span.start).unwrap_or_default();
        for (given, sign, expected) in [(anchor > 0, '&', "no anchor"), (tag, '!', "no tag")] {
            if given {
                let at = before.find(sign).map_or(span.start, |at| from + at);
                self.complaints.push(name(self.text, at), format!("a value ({expected} is understood here)"));
            }
        }
    }

    fn not_too_deep(&mut self, span: &Range<usize>, depth: usize) -> Result<(), Stop> {
        if depth <= DEPTH_MAX {
            return Ok(());
        }
        self.complaints.too_deep(span.start);
        Err(Stop)
    }

    fn list(&mut self, span: Range<usize>, depth: usize) -> Result<Tree, Stop> {
        let mut items: Vec<Tree> = Vec::new();
        loop {
            let next = self.next()?;
            if matches!(next.0, Event::SequenceEnd) {
                let end = self.end(&span, &next.1, items.last());
                return Ok(Value::List(items).at(span.start..end));
            }
            items.push(self.node(next, depth + 1)?);
        }
    }

    /// Where a list or map ends: with its bracket, or with the last that stands in it.
    fn end(&mut self, opening: &Range<usize>, closing: &Range<usize>, last: Option<&Tree>) -> usize {
        let in_brackets = self.text[opening.start..].starts_with(['[', '{']) && !closing.is_empty();
        self.last = closing.end.max(self.last);
        if in_brackets { closing.end } else { last.map_or(opening.end, |last| last.span.end) }
    }

    fn map(&mut self, span: Range<usize>, depth: usize) -> Result<Tree, Stop> {
        let mut entries: Vec<(Key, Tree)> = Vec::new();
        loop {
            let next = self.next()?;
            if matches!(next.0, Event::MappingEnd) {
                let end = self.end(&span, &next.1, entries.last().map(|(_, tree)| tree));
                self.complaints.unique(&mut entries);
                return Ok(Value::Map(entries).at(span.start..end));
            }
            let key = self.key(next, depth + 1)?;
            let value = self.next()?;
            let no_value = matches!(&value.0, Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty());
            let tree = self.node(value, depth + 1)?;
            let Some(key) = key else { continue };
            if no_value && assigns(&key.text) {
                self.complain_of_assignment(key.span.clone());
            }
            entries.push((key, tree));
        }
    }

    /// The key that begins with this event; none if a complaint has been made of it.
    fn key(&mut self, (event, span): Placed<'t>, depth: usize) -> Result<Option<Key>, Stop> {
        let plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
        let tree = self.node((event, span.clone()), depth)?;
        let text = match tree.value {
            Value::Text(text) | Value::Number(text) => text,
            Value::Bool(_) | Value::Null if !span.is_empty() => self.text[span.clone()].to_owned(),
            _ => {
                self.complaints.push(word(self.text, span.start), "a key that is text");
                return Ok(None);
            }
        };
        if plain && text == "<<" {
            self.complaints.push(span.clone(), "the keys themselves (`<<` does not merge here)");
        }
        Ok(Some(Key { text, span }))
    }
}

/// Whether `text` begins like `key = value`.
fn assigns(text: &str) -> bool {
    let key = text.split_once('=').map_or("", |(key, _)| key.trim_end());
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c))
}

/// What the parser expected instead. Its own words speak of scanners and tokens.
fn in_our_words(info: &str) -> String {
    let ours = match info {
        "mapping values are not allowed in this context" => {
            "no second `:` here (text with a colon needs quotes; a key, the indentation of the keys above)"
        }
        "illegal placement of ':' indicator" => "no `:` here (a bracket before it may still be open)",
        "invalid indentation in quoted scalar" | "while scanning a quoted scalar, found unexpected end of stream" => {
            "the same quote at the end of the text"
        }
        "while parsing node, found unknown anchor" => "a value (no alias is understood here)",
        "while parsing a block mapping, did not find expected key" => "a key, indented like those above it",
        "while parsing a block collection, did not find expected '-' indicator" => "`-`, as above it",
        "while parsing a flow mapping, did not find expected ',' or '}'" => "`,` or `}`",
        "while parsing a flow sequence, expected ',' or ']'" => "`,` or `]`",
        "while parsing a quoted scalar, found unknown escape character" => "an escape that YAML has, such as `\\n`",
        "did not find expected <document start>" => "nothing after the value",
        "misplaced bracket" => "no bracket here",
        _ if info.starts_with("simple key expect") => "`:` after the key",
        _ if info.starts_with("tab") => "spaces (a tab does not indent)",
        _ if info.starts_with("unexpected character") => "text in quotes (it cannot begin like this without)",
        _ => return format!("something else: {info}"),
    };
    ours.to_owned()
}

/// The anchor, alias or tag at `at`.
fn name(text: &str, at: usize) -> Range<usize> {
    let length = text[at..].find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(text.len() - at);
    at..at + length
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.into_owned());
    }
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        number if is_number(number) => Value::Number(text.into_owned()),
        _ => Value::Text(text.into_owned()),
    }
}

/// Whether the core schema takes a plain scalar for a number. Infinities and the like are text here.
fn is_number(text: &str) -> bool {
    match text.get(..2) {
        Some("0x") => is_digits(&text[2..], 16),
        Some("0o") => is_digits(&text[2..], 8),
        _ => is_decimal(text.strip_prefix(['+', '-']).unwrap_or(text), true),
    }
}

pub(super) fn write(tree: &Tree) -> String {
    let mut out = String::new();
    match &tree.value {
        Value::Map(entries) if !entries.is_empty() => write_map(entries, 0, &mut out),
        Value::List(items) if !items.is_empty() => write_list(items, 0, &mut out),
        _ => out = flow(tree) + "\n",
    }
    out
}

/// Writes a map whose first key stands where the text ends.
fn write_map(entries: &[(Key, Tree)], indent: usize, out: &mut String) {
    for (at, (key, tree)) in entries.iter().enumerate() {
        if at > 0 {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(&plain_or_quoted(&key.text));
        out.push(':');
        write_value(tree, indent, out);
    }
}

fn write_list(items: &[Tree], indent: usize, out: &mut String) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(&" ".repeat(indent));
        }
        out.push('-');
        match &item.value {
            Value::Map(entries) if !entries.is_empty() => {
                out.push(' ');
                write_map(entries, indent + 2, out);
            }
            _ => write_value(item, indent, out),
        }
    }
}

/// Writes a value after `key:` or `-`: on the same line if it holds no more lists and maps, else below.
fn write_value(tree: &Tree, indent: usize, out: &mut String) {
    let below = |out: &mut String| {
        out.push('\n');
        out.push_str(&" ".repeat(indent + 2));
    };
    match &tree.value {
        Value::Map(entries) if !entries.iter().all(|(_, tree)| tree.is_scalar()) => {
            below(out);
            write_map(entries, indent + 2, out);
        }
        Value::List(items) if !items.iter().all(Tree::is_scalar) => {
            below(out);
            write_list(items, indent + 2, out);
        }
        _ => {
            out.push(' ');
            out.push_str(&flow(tree));
            out.push('\n');
        }
    }
}

fn flow(tree: &Tree) -> String {
    match &tree.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => spell(number, is_number, quote),
        Value::Text(text) => plain_or_quoted(text),
        Value::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Map(entries) => {
            let entry = |(key, tree): &(Key, Tree)| format!("{}: {}", plain_or_quoted(&key.text), flow(tree));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

fn plain_or_quoted(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quote(text) }
}

/// Whether every YAML reader takes `text` for text without quotes: a word, or a number with a unit.
fn is_plain(text: &str) -> bool {
    const RESERVED: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"];
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let unit = &text[digits..];
    let in_word = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if digits > 0 {
        return text.starts_with(|c: char| c.is_ascii_digit())
            && matches!(unit, "ns" | "us" | "ms" | "s" | "m" | "h" | "%");
    }
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(in_word)
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use crate::tree::{Form, Tree, tests::complaints};

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(complaints(Form::Yaml, text), expected);
    }

    #[test]
    fn what_unfolds_is_a_mistake() {
        check(
            "a: &x [1]\nb: *x\nc: !!str 1\nd: {<<: {é: &f 1}}\n",
            &[
                "1:4 `&x`: a value (no anchor is understood here)",
                "2:4 `*x`: a value (no alias is understood here)",
                "3:4 `!!str`: a value (no tag is understood here)",
                "4:5 `<<`: the keys themselves (`<<` does not merge here)",
                "4:13 `&f`: a value (no anchor is understood here)",
            ],
        );
        check("a: *x\n", &["1:4 `*x`: a value (no alias is understood here)"]);
        check("a: 1\n---\nb: 2\n", &["2:1 `---`: one document only"]);
    }

    #[test]
    fn a_key_is_text() {
        check("a:\n  [x]: 1\n  : 3\n", &["2:3 `[`: a key that is text", "3:3 `:`: a key that is text"]);
        let tree = Form::Yaml.read("1: a\ntrue: b\nnull: c\n").expect("valid");
        assert_eq!(tree, Tree::map(["1", "true", "null"].into_iter().zip(["a", "b", "c"].map(Tree::text))));
    }

    #[test]
    fn a_broken_line_is_pointed_at() {
        let bracket = "no `:` here (a bracket before it may still be open)";
        let colon = "no second `:` here (text with a colon needs quotes; a key, the indentation of the keys above)";
        check("a: [1, 2\nb: 3\n", &[&format!("2:2 `:`: {bracket}")]);
        check("a: {b: 1\nc: 2\n", &["2:2 `:`: `,` or `}`"]);
        check("a: 1\n b: 2\n", &[&format!("2:3 `:`: {colon}")]);
        check("é: b: c\n", &[&format!("1:5 `:`: {colon}")]);
        check("a: 1\nbcd\nc: 2\n", &["2:1 `bcd`: `:` after the key"]);
        check("é: \"x y\nb: 2\n", &["1:4 `\"x y`: the same quote at the end of the text"]);
        check("a:\n\t- 1\n", &["2:2 `-`: spaces (a tab does not indent)"]);
        check("a: @x\n", &["1:4 `@x`: text in quotes (it cannot begin like this without)"]);
        check("a:\n  - b\n c: d\n", &["3:2 `c`: a key, indented like those above it"]);
        check("- a\nb: 1\n", &["2:1 `b`: `-`, as above it"]);
        check("é: [ü, ]]\n", &["1:9 `]`: no bracket here"]);
    }

    #[test]
    fn toml_is_told_from_yaml() {
        let expected = |place: &str| format!("{place} `a = 1`: `:` between key and value; did you mean `a: 1`?");
        check("a = 1\nb = 2\n", &[&expected("1:1")]);
        check("a = 1\nb: 2\n", &[&expected("1:1")]);
        check("[faults]\na = 1\n", &[&expected("2:1")]);
        check("b: 1\na = 1\nc: 2\n", &[&expected("2:1")]);
        check("b:\n  - a = 1\n    c: 2\n", &[&expected("2:5")]);
        check("b: { a = 1, c: 2 }\n", &[&expected("1:6")]);
    }

    #[test]
    fn lines_may_end_in_a_return() {
        check("é: 1\r\nb: @x\r\n", &["2:4 `@x`: text in quotes (it cannot begin like this without)"]);
        check("\u{feff}a: @x\n", &["1:5 `@x`: text in quotes (it cannot begin like this without)"]);
    }

    #[test]
    fn what_could_be_something_else_is_quoted() {
        let text = "\
target: raft-kv
seed: 0x5eed
phases: { chaos: 4s }
steps:
  - fault: crash
    nodes: [n1, \"no\", \"1e3\", \"\", \"~\", \" a\", \"b: c\"]
  -
    - []
    - {}
  - null
";
        let tree = Form::Yaml.read(text).expect("valid");
        assert_eq!(Form::Yaml.write(&tree), text);
    }
}
