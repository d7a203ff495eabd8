//! The script form: one call per statement.
//!
//! ```text
//! schedule(target="raft-kv", seed="0x5eed", nodes=3, phases={chaos="4s"})
//! slow = clock("leader", rate=0.5, at="1.2s", for="2s")   # a step with a label
//! crash_node("database1")
//! ```
//!
//! A newline or `;` ends a statement outside of brackets, `#` begins a comment. The arguments of `schedule` are the keys of
//! the tree; every other call is one of its `steps`, with the callee as `fault` and an argument without a key as `target`.
//! There are no variables, no expressions and no control flow. A key that is no identifier stands in quotes.

use std::{fmt::Write, ops::Range};

use super::{Complaints, DEPTH_MAX, Key, Readable, Tree, Value, is_toml_number, mark_length, quote_with, spell};
use crate::diagnostic::Diagnostic;

const VALUE: &str = "a value: text in double quotes, a number, true, false, a list or a map";
/// The call whose arguments are not a step's.
const SCHEDULE: &str = "schedule";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Number,
    /// With its quotes.
    Quoted,
    /// A quote without its other half, up to the end of the line.
    Open,
    Mark(char),
    /// A line's end.
    Newline,
    /// The text's end.
    End,
    /// Nothing that a script contains.
    Stray,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    span: Range<usize>,
}

/// Takes the text apart. The last token is always [`Kind::End`].
fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = mark_length(text);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = match first {
            '\n' => (Some(Kind::Newline), 1),
            '#' => (None, run(rest, |c| c != '\n')),
            _ if first.is_whitespace() => (None, first.len_utf8()),
            _ => token(rest, first),
        };
        tokens.extend(kind.map(|kind| Token { kind, span: at..at + length }));
        at += length;
    }
    tokens.push(Token { kind: Kind::End, span: at..at });
    tokens
}

fn token(rest: &str, first: char) -> (Option<Kind>, usize) {
    let (kind, length) = match first {
        '"' => quoted(rest),
        '(' | ')' | '[' | ']' | '{' | '}' | '=' | ',' | ';' => (Kind::Mark(first), 1),
        '0'..='9' => (Kind::Number, number_length(rest)),
        '+' | '-' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            (Kind::Number, 1 + number_length(&rest[1..]))
        }
        _ if first.is_alphabetic() || first == '_' => (Kind::Word, run(rest, in_word)),
        _ => (Kind::Stray, first.len_utf8()),
    };
    (Some(kind), length)
}

fn quoted(rest: &str) -> (Kind, usize) {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => return (Kind::Open, rest[..at].trim_end().len()),
            '"' if !escaped => return (Kind::Quoted, at + 1),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    (Kind::Open, rest.trim_end().len())
}

/// Of what begins with a digit: a number, or what somebody took for one, such as `1.2s`.
fn number_length(rest: &str) -> usize {
    let length = run(rest, |c| c.is_alphanumeric() || matches!(c, '_' | '.' | '%'));
    let signed = rest[length..].starts_with(['+', '-']) && rest[..length].ends_with(['e', 'E']);
    if signed && !rest.starts_with("0x") { length + 1 + run(&rest[length + 1..], in_word) } else { length }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

fn run(text: &str, accept: impl Fn(char) -> bool) -> usize {
    text.find(|c| !accept(c)).unwrap_or(text.len())
}

/// Whether `text` is one word of a script.
fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The statement cannot be read on: the complaint has been made.
struct Stop;

pub(super) fn read(text: &str) -> Result<Readable, Vec<Diagnostic>> {
    let mut reader = Reader { text, tokens: lex(text), at: 0, enclosed: false, complaints: Complaints::new(text) };
    let tree = reader.document();
    reader.complaints.finish(Some(tree))
}

struct Reader<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    /// Whether brackets are open.
    enclosed: bool,
    complaints: Complaints<'t>,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Tree {
        let (mut entries, mut steps) = (Vec::new(), Vec::new());
        while self.next_statement() {
            self.enclosed = false;
            let start = self.at;
            if self.statement(&mut entries, &mut steps).is_err() {
                self.resynchronize(start);
            }
        }
        if let (Some(first), Some(last)) = (steps.first(), steps.last()) {
            let span = first.span.start..last.span.end;
            let key = Key { text: "steps".to_owned(), span: first.span.start..first.span.start };
            entries.push((key, Value::List(steps).at(span)));
        }
        self.complaints.unique(&mut entries);
        Value::Map(entries).at(0..self.text.len())
    }

    /// Goes on to the next statement, if there is one.
    fn next_statement(&mut self) -> bool {
        while matches!(self.tokens[self.at].kind, Kind::Newline | Kind::Mark(';')) {
            self.at += 1;
        }
        self.tokens[self.at].kind != Kind::End
    }

    /// Goes on from the statement that began at `start` to the next line on which one can begin: the next line, or if brackets
    /// are open at its end, one that looks like a call.
    fn resynchronize(&mut self, start: usize) {
        let mut open = 0_i32;
        for at in start..self.tokens.len() {
            match self.tokens[at].kind {
                Kind::Mark('(' | '[' | '{') => open += 1,
                Kind::Mark(')' | ']' | '}') => open -= 1,
                Kind::End => self.at = at,
                Kind::Newline if at >= self.at && (open <= 0 || self.begins_statement(at + 1)) => {
                    self.at = at;
                    return;
                }
                _ => {}
            }
        }
    }

    /// Whether `word (` or `word = word (` stands at `at`.
    fn begins_statement(&self, at: usize) -> bool {
        let kind = |at: usize| self.tokens.get(at).map_or(Kind::End, |token| token.kind);
        let call = |at: usize| kind(at) == Kind::Word && kind(at + 1) == Kind::Mark('(');
        call(at) || kind(at) == Kind::Word && kind(at + 1) == Kind::Mark('=') && call(at + 2)
    }

    /// The next token that says something here. Within brackets a newline does not, unless the next line begins a statement, so
    /// that a bracket of this one has been forgotten.
    fn peek(&mut self) -> Token {
        if self.enclosed && self.tokens[self.at].kind == Kind::Newline {
            let newlines = self.tokens[self.at..].iter().position(|token| token.kind != Kind::Newline).unwrap_or(0);
            let broken_off = self.begins_statement(self.at + newlines);
            self.at += if broken_off { 0 } else { newlines };
        }
        self.tokens[self.at].clone()
    }

    /// The next token, which is not the last.
    fn advance(&mut self) -> Token {
        let token = self.peek();
        self.at += usize::from(token.kind != Kind::End);
        token
    }

    fn accept(&mut self, mark: char) -> bool {
        let found = self.peek().kind == Kind::Mark(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: char, expected: &str) -> Result<(), Stop> {
        if self.accept(mark) { Ok(()) } else { self.fail(expected) }
    }

    fn slice(&self, span: &Range<usize>) -> &'t str {
        &self.text[span.clone()]
    }

    /// Complains about the next token; where a line ends too early, about the place after the last one.
    fn fail<T>(&mut self, expected: &str) -> Result<T, Stop> {
        let token = self.peek();
        match token.kind {
            Kind::Newline | Kind::End => {
                let end = self.tokens[..self.at].iter().rfind(|t| t.kind != Kind::Newline).map_or(0, |t| t.span.end);
                self.fail_at(end..end, expected)
            }
            Kind::Open => self.fail_at(token.span, "`\"` at the end of the text, on the same line"),
            _ => self.fail_at(token.span, expected),
        }
    }

    fn fail_at<T>(&mut self, span: Range<usize>, expected: &str) -> Result<T, Stop> {
        self.complaints.push(span, expected);
        Err(Stop)
    }

    fn statement(&mut self, entries: &mut Vec<(Key, Tree)>, steps: &mut Vec<Tree>) -> Result<(), Stop> {
        let first = self.identifier("a call, such as `crash(\"n1\")`")?;
        let label = if self.accept('=') { Some(first.clone()) } else { None };
        let callee = if label.is_some() { self.identifier("a call after `=`")? } else { first.clone() };
        let is_schedule = label.is_none() && callee.text == SCHEDULE;
        self.expect('(', "`(` after the name")?;
        self.enclosed = true;
        let mut arguments = Vec::new();
        if !is_schedule {
            let text = |key: &Key| Value::Text(key.text.clone()).at(key.span.clone());
            let named = |name: &str, key: &Key| (Key { text: name.to_owned(), span: key.span.clone() }, text(key));
            arguments.push(named("fault", &callee));
            arguments.extend(label.as_ref().map(|label| named("label", label)));
        }
        self.arguments(&mut arguments, is_schedule)?;
        self.enclosed = false;
        let span = first.span.start..self.tokens[self.at - 1].span.end;
        if is_schedule {
            entries.append(&mut arguments);
        } else {
            self.complaints.unique(&mut arguments);
            steps.push(Value::Map(arguments).at(span));
        }
        match self.peek().kind {
            Kind::Newline | Kind::Mark(';') | Kind::End => Ok(()),
            _ => self.fail("the end of the line or `;`"),
        }
    }

    fn identifier(&mut self, expected: &str) -> Result<Key, Stop> {
        let token = self.peek();
        let text = self.slice(&token.span);
        if token.kind != Kind::Word || !is_identifier(text) {
            return self.fail(expected);
        }
        self.at += 1;
        Ok(Key { text: text.to_owned(), span: token.span })
    }

    /// What stands between the parentheses of a call, and the closing one.
    fn arguments(&mut self, arguments: &mut Vec<(Key, Tree)>, is_schedule: bool) -> Result<(), Stop> {
        let (mut keyed, mut positional) = (false, is_schedule);
        // A step stands in the list of steps, which stands in the map of everything.
        let depth = if is_schedule { 1 } else { 3 };
        loop {
            if self.accept(')') {
                return Ok(());
            }
            if self.at_key() {
                keyed = true;
                arguments.push(self.entry(depth)?);
            } else {
                let tree = self.value(depth)?;
                let complaint = match () {
                    () if is_schedule => Some("`key=value`"),
                    () if positional => Some("one argument without a key at most"),
                    () => keyed.then_some("`key=value` after the first key"),
                };
                positional = true;
                match complaint {
                    Some(complaint) => self.complaints.push(tree.span, complaint),
                    None => arguments.push((Key { text: "target".to_owned(), span: tree.span.clone() }, tree)),
                }
            }
            if !self.accept(',') {
                return self.expect(')', "`,` or `)`");
            }
        }
    }

    /// Whether a key and its `=` stand here.
    fn at_key(&mut self) -> bool {
        let token = self.peek();
        let rest = self.tokens.iter().skip(self.at + 1).find(|token| token.kind != Kind::Newline);
        matches!(token.kind, Kind::Word | Kind::Quoted) && rest.is_some_and(|token| token.kind == Kind::Mark('='))
    }

    fn entry(&mut self, depth: usize) -> Result<(Key, Tree), Stop> {
        let token = self.peek();
        let key = match token.kind {
            Kind::Quoted => {
                let text = self.unquote(&token)?;
                self.at += 1;
                Key { text, span: token.span }
            }
            _ => self.identifier("a key")?,
        };
        self.expect('=', "`=` between key and value")?;
        Ok((key, self.value(depth)?))
    }

    fn value(&mut self, depth: usize) -> Result<Tree, Stop> {
        let token = self.peek();
        let value = match token.kind {
            Kind::Mark('[' | '{') if depth >= DEPTH_MAX => {
                self.complaints.too_deep(token.span.start);
                return Err(Stop);
            }
            Kind::Mark('[') => return self.list(depth + 1),
            Kind::Mark('{') => return self.map(depth + 1),
            Kind::Quoted => Value::Text(self.unquote(&token)?),
            Kind::Number | Kind::Word => self.word(&token)?,
            _ => return self.fail(VALUE),
        };
        self.advance();
        Ok(value.at(token.span))
    }

    fn word(&mut self, token: &Token) -> Result<Value, Stop> {
        match self.slice(&token.span) {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            number if is_toml_number(number) => Ok(Value::Number(number.to_owned())),
            text => {
                self.complaints.push_near(token.span.clone(), VALUE, Some(quote(text)));
                Err(Stop)
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Tree, Stop> {
        let start = self.advance().span.start;
        let mut items = Vec::new();
        while self.peek().kind != Kind::Mark(']') {
            items.push(self.value(depth)?);
            if !self.accept(',') {
                break;
            }
        }
        self.expect(']', "`,` or `]`")?;
        Ok(Value::List(items).at(start..self.tokens[self.at - 1].span.end))
    }

    fn map(&mut self, depth: usize) -> Result<Tree, Stop> {
        let start = self.advance().span.start;
        let mut entries = Vec::new();
        while self.peek().kind != Kind::Mark('}') {
            entries.push(self.entry(depth)?);
            if !self.accept(',') {
                break;
            }
        }
        self.expect('}', "`,` or `}`")?;
        self.complaints.unique(&mut entries);
        Ok(Value::Map(entries).at(start..self.tokens[self.at - 1].span.end))
    }

    /// The text between the quotes of `token`.
    fn unquote(&mut self, token: &Token) -> Result<String, Stop> {
        let inner = token.span.start + 1..token.span.end - 1;
        let mut text = String::new();
        let mut at = inner.start;
        while let Some(next) = self.text[at..inner.end].find('\\').map(|length| at + length) {
            text.push_str(&self.text[at..next]);
            let (c, length) = match escape(&self.text[next..inner.end]) {
                Ok(read) => read,
                Err(length) => return self.fail_at(next..next + length, "one of \\\" \\\\ \\n \\t and \\u{…}"),
            };
            text.push(c);
            at = next + length;
        }
        Ok(text + &self.text[at..inner.end])
    }
}

/// The character that the escape at the start of `rest` stands for, and the escape's length; of a wrong one, only that.
fn escape(rest: &str) -> Result<(char, usize), usize> {
    let letter = rest[1..].chars().next();
    match letter {
        Some(c @ ('"' | '\\')) => Ok((c, 2)),
        Some('n') => Ok(('\n', 2)),
        Some('t') => Ok(('\t', 2)),
        Some('u') => {
            let length = rest.find('}').map_or(2, |end| end + 1);
            let digits = rest.get(3..length.max(4) - 1).filter(|_| rest[2..].starts_with('{')).unwrap_or_default();
            let digits_fit = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit());
            let code = digits_fit.then(|| u32::from_str_radix(digits, 16).ok()).flatten();
            code.and_then(char::from_u32).map(|c| (c, length)).ok_or(length)
        }
        _ => Err(1 + letter.map_or(0, char::len_utf8)),
    }
}

pub(super) fn write(tree: &Tree) -> String {
    let Value::Map(entries) = &tree.value else { return inline(tree) + "\n" };
    let calls: Option<Vec<_>> = tree.get("steps").map(Tree::items).unwrap_or_default().iter().map(call).collect();
    let calls = calls.unwrap_or_default();
    let arguments: Vec<_> = entries.iter().filter(|(key, _)| key.text != "steps" || calls.is_empty()).collect();
    let mut out = String::new();
    if arguments.iter().any(|(_, tree)| !tree.is_null()) {
        out.push_str(&format!("{SCHEDULE}({})\n", keywords(arguments)));
    }
    for call in calls {
        out.push_str(&call);
        out.push('\n');
    }
    out
}

/// A step as a call, if it says what to call.
fn call(step: &Tree) -> Option<String> {
    let Value::Map(entries) = &step.value else { return None };
    let name = if step.get("fault").is_some() { "fault" } else { "type" };
    let callee = step.get(name)?.as_text().filter(|callee| is_identifier(callee))?;
    let label = step.get("label").and_then(Tree::as_text).filter(|label| is_identifier(label));
    if callee == SCHEDULE && label.is_none() {
        return None;
    }
    let spoken = |key: &str| key == name || key == "label" && label.is_some();
    let arguments = entries.iter().filter(|(key, _)| !spoken(&key.text));
    let label = label.map_or_else(String::new, |label| format!("{label} = "));
    Some(format!("{label}{callee}({})", keywords(arguments)))
}

fn keywords<'e>(entries: impl IntoIterator<Item = &'e (Key, Tree)>) -> String {
    let keyword = |(key, tree): &(Key, Tree)| {
        let key = if is_identifier(&key.text) { key.text.clone() } else { quote(&key.text) };
        format!("{key}={}", inline(tree))
    };
    let entries = entries.into_iter().filter(|(_, tree)| !tree.is_null());
    entries.map(keyword).collect::<Vec<_>>().join(", ")
}

fn inline(tree: &Tree) -> String {
    match &tree.value {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => spell(number, is_toml_number, quote),
        Value::Text(text) => quote(text),
        Value::List(items) => {
            let items: Vec<_> = items.iter().filter(|item| !item.is_null()).map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => format!("{{{}}}", keywords(entries)),
    }
}

fn quote(text: &str) -> String {
    quote_with(text, |quoted, c| match c {
        '\n' => quoted.push_str("\\n"),
        '\t' => quoted.push_str("\\t"),
        c => write!(quoted, "\\u{{{:x}}}", u32::from(c)).expect("writing to a string cannot fail"),
    })
}

#[cfg(test)]
mod tests {
    use crate::tree::{Form, Tree, tests::complaints};

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(complaints(Form::Script, text), expected);
    }

    const SAMPLE: &str = "\
schedule(target=\"raft-kv\", seed=\"0x5eed\", nodes=3, phases={chaos=\"4s\"})
slow = clock(\"leader\", rate=0.5, at=\"1.2s\", for=\"2s\")
network_delay(nodes=[\"n1\", \"n2\"], delay=\"100ms\")
crash_node(target=\"database1\")
";

    #[test]
    fn calls_are_steps() {
        let spaced = "# chaos\nschedule(target=\"raft-kv\", seed=\"0x5eed\",\n  nodes=3, # three\n)\n\
             schedule(phases={chaos=\"4s\",}); slow = clock(\"leader\", rate=0.5, at=\"1.2s\", for=\"2s\")\r\n\
             network_delay(nodes=[\n\"n1\",\"n2\"\n], delay=\"100ms\")\ncrash_node(\"database1\")";
        let expected = Tree::map([
            ("target", Tree::text("raft-kv")),
            ("seed", Tree::text("0x5eed")),
            ("nodes", Tree::number(3)),
            ("phases", Tree::map([("chaos", Tree::text("4s"))])),
            (
                "steps",
                Tree::list([
                    Tree::map([
                        ("fault", Tree::text("clock")),
                        ("label", Tree::text("slow")),
                        ("target", Tree::text("leader")),
                        ("rate", Tree::number(0.5)),
                        ("at", Tree::text("1.2s")),
                        ("for", Tree::text("2s")),
                    ]),
                    Tree::map([
                        ("fault", Tree::text("network_delay")),
                        ("nodes", Tree::list([Tree::text("n1"), Tree::text("n2")])),
                        ("delay", Tree::text("100ms")),
                    ]),
                    Tree::map([("fault", Tree::text("crash_node")), ("target", Tree::text("database1"))]),
                ]),
            ),
        ]);
        assert_eq!(Form::Script.read(SAMPLE), Ok(expected.clone()));
        assert_eq!(Form::Script.read(spaced), Ok(expected.clone()));
        assert_eq!(Form::Script.write(&expected), SAMPLE.replace("(\"leader\"", "(target=\"leader\""));
    }

    #[test]
    fn a_callee_stands_where_it_is_called() {
        let tree = Form::Script.read(SAMPLE).expect("valid");
        let step = &tree.get("steps").expect("there are some").items()[0];
        let spans = ["fault", "label", "rate"].map(|key| SAMPLE[step.get(key).expect("given").span.clone()].to_owned());
        assert_eq!(spans, ["clock", "slow", "0.5"]);
        assert_eq!(&SAMPLE[step.span.clone()], SAMPLE.lines().nth(1).expect("two lines"));
    }

    #[test]
    fn every_statement_gives_its_own_complaint() {
        check(
            "crash(é=1)\ncrash(\"n1\", \"n2\")\ncrash(for=\"2s\", \"n2\")\ncrash(\"n1)\ncrash(at=2s)\n7\ncrash @ 3\n",
            &[
                "1:7 `é`: a key",
                "2:13 `\"n2\"`: one argument without a key at most",
                "3:17 `\"n2\"`: `key=value` after the first key",
                "4:7 `\"n1)`: `\"` at the end of the text, on the same line",
                "5:10 `2s`: a value: text in double quotes, a number, true, false, a list or a map; did you mean `\"2s\"`?",
                "6:1 `7`: a call, such as `crash(\"n1\")`",
                "7:7 `@`: `(` after the name",
            ],
        );
    }

    #[test]
    fn a_forgotten_bracket_is_missed_on_its_own_line() {
        check("crash(\"n1\"\nslow = clock(rate=0.5,\n  at=\"1s\"\n", &["1:11 ``: `,` or `)`", "3:10 ``: `,` or `)`"]);
        check(
            "crash(nodes=[\"n1\")\npause(\"n1\") crash(\"n2\")",
            &["1:18 `)`: `,` or `]`", "2:13 `crash`: the end of the line or `;`"],
        );
    }

    #[test]
    fn an_escape_that_is_none_is_pointed_at() {
        for escape in ["\\x", "\\u0041", "\\u{}", "\\u{110000}", "\\u{+41}", "\\u{41"] {
            let found = complaints(Form::Script, &format!("crash(\"a{escape}\")"));
            assert!(found[0].starts_with("1:9 "), "{found:?}");
        }
    }

    #[test]
    fn a_step_that_calls_nothing_is_written_as_a_list() {
        for step in
            [Tree::map([("at", Tree::text("1s"))]), Tree::map([("fault", Tree::text("schedule"))]), Tree::number(1)]
        {
            let tree = Tree::map([("steps", Tree::list([step]))]);
            assert_eq!(Form::Script.read(&Form::Script.write(&tree)), Ok(tree));
        }
    }

    #[test]
    fn keys_and_labels_that_are_no_words_stand_in_quotes() {
        let step = [("fault", "crash"), ("label", "two words"), ("odd key", "\r\n\"é\u{7}")];
        let tree = Tree::map([("steps", Tree::list([Tree::map(step.map(|(key, text)| (key, Tree::text(text))))]))]);
        let text = Form::Script.write(&tree);
        assert_eq!(text, "crash(label=\"two words\", \"odd key\"=\"\\u{d}\\n\\\"é\\u{7}\")\n");
        assert_eq!(Form::Script.read(&text), Ok(tree));
    }
}
