//! EDN, the notation of Clojure's data: as much of it as histories use, with the place of everything.
//!
//! Commas are space, `;` begins a comment, `#_` drops the next form, and a tag (`#inst`, `#jepsen.history.Op`) is
//! dropped and what it marks kept. Namespaces of keywords are kept as they are.
//!
//! Deliberately absent: characters, ratios, metadata.

use std::fmt::{self, Display};

/// A form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Edn {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A keyword without its colon, or a symbol.
    Word(String),
    /// A vector, a list or a set.
    Items(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

impl Edn {
    /// What a map holds under this keyword or text.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(key, _)| key.word() == Some(name)).map(|(_, value)| value)
    }

    /// The word of a keyword, a symbol or a text.
    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) | Self::Text(word) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
}

/// As EDN; sets and lists are vectors.
impl Display for Edn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => write!(f, "nil"),
            Self::Bool(is) => write!(f, "{is}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Text(text) => write_text(f, text),
            Self::Word(word) => write!(f, ":{word}"),
            Self::Items(items) => {
                write!(f, "[")?;
                spaced(f, items, |f, item| write!(f, "{item}"))?;
                write!(f, "]")
            }
            Self::Map(entries) => {
                write!(f, "{{")?;
                spaced(f, entries, |f, (key, value)| write!(f, "{key} {value}"))?;
                write!(f, "}}")
            }
        }
    }
}

/// With the escapes that [`Reader`] knows.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    write!(f, "\"{}\"", escaped.replace('\t', "\\t").replace('\r', "\\r"))
}

fn spaced<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    each: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        write!(f, "{}", if at == 0 { "" } else { " " })?;
        each(f, item)?;
    }
    Ok(())
}

/// Where in a text, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is wrong with a form, and the byte where.
pub(crate) type Wrong = (usize, String);

/// The place of the byte `at` of `text`.
pub(crate) fn place(text: &str, at: usize) -> Place {
    let before = &text[..text.floor_char_boundary(at)];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
}

/// Forms lie within each other up to so many deep: no history needs more, and a reader's stack has an end.
const DEPTH_MAX: u32 = 100;

/// Reads the forms of a text one by one.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// The next form and where it begins; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Edn)>, Wrong> {
        self.skip()?;
        if self.at == self.text.len() {
            return Ok(None);
        }
        let start = self.at;
        Ok(Some((start, self.form()?)))
    }

    /// Steps into a vector or list, if one begins here: its forms are then those of the text, up to [`leave`](Self::leave).
    pub(crate) fn enter(&mut self) -> Result<bool, Wrong> {
        self.skip()?;
        let enters = matches!(self.peek(), Some('[' | '('));
        self.at += usize::from(enters);
        Ok(enters)
    }

    /// Steps out of what was entered, if it ends here.
    pub(crate) fn leave(&mut self) -> Result<bool, Wrong> {
        self.skip()?;
        let leaves = matches!(self.peek(), Some(']' | ')'));
        self.at += usize::from(leaves);
        Ok(leaves)
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Wrong> {
        Err((self.at, message.into()))
    }

    fn skip(&mut self) -> Result<(), Wrong> {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with(';') {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("#_") {
                self.at += 2;
                self.nest(|reader| reader.skip().and_then(|()| reader.form()))?;
            } else {
                return Ok(());
            }
        }
    }

    /// Reads what lies one deeper.
    fn nest<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        if self.depth == DEPTH_MAX {
            return self.fail(format!("more than {DEPTH_MAX} values within each other"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn form(&mut self) -> Result<Edn, Wrong> {
        self.nest(Self::any_form)
    }

    fn any_form(&mut self) -> Result<Edn, Wrong> {
        match self.peek() {
            None => self.fail("the text ends where a value was expected"),
            Some('[') => self.items(']'),
            Some('(') => self.items(')'),
            Some('{') => self.map(),
            Some('"') => self.text(),
            Some('#') => self.tagged(),
            Some(close @ (']' | ')' | '}')) => self.fail(format!("`{close}` closes nothing")),
            Some(_) => self.atom(),
        }
    }

    fn items(&mut self, close: char) -> Result<Edn, Wrong> {
        let start = self.at;
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip()?;
            match self.peek() {
                Some(found) if found == close => break,
                None => return Err((start, format!("no `{close}` closes this"))),
                Some(_) => items.push(self.form()?),
            }
        }
        self.at += 1;
        Ok(Edn::Items(items))
    }

    fn map(&mut self) -> Result<Edn, Wrong> {
        let start = self.at;
        let Edn::Items(items) = self.items('}')? else { return self.fail("no map") };
        if items.len() % 2 == 1 {
            return Err((start, "a map holds a key without a value".to_owned()));
        }
        let mut items = items.into_iter();
        let mut entries = Vec::new();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            entries.push((key, value));
        }
        Ok(Edn::Map(entries))
    }

    fn text(&mut self) -> Result<Edn, Wrong> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        let mut chars = self.text[self.at..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(Edn::Text(text));
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    _ => return Err((self.at + at, "expected one of \\n \\t \\r \\\" \\\\".to_owned())),
                },
                c => text.push(c),
            }
        }
        Err((start, "no `\"` ends this text".to_owned()))
    }

    fn tagged(&mut self) -> Result<Edn, Wrong> {
        self.at += 1;
        match self.peek() {
            Some('{') => self.items('}'),
            Some(c) if c.is_alphabetic() => {
                self.word();
                self.skip()?;
                self.form()
            }
            _ => self.fail("expected a set or a tag after `#`"),
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '[' | ']' | '(' | ')' | '{' | '}');
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn atom(&mut self) -> Result<Edn, Wrong> {
        let start = self.at;
        let word = self.word();
        let is_number = word.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit());
        Ok(match word {
            "nil" => Edn::Nil,
            "true" => Edn::Bool(true),
            "false" => Edn::Bool(false),
            _ if is_number => {
                let digits = word.trim_end_matches(['N', 'M']);
                let int = digits.parse().map(Edn::Int).ok();
                let number = int.or_else(|| digits.parse().map(Edn::Float).ok());
                return number.ok_or_else(|| (start, format!("`{word}` is no number")));
            }
            _ => Edn::Word(word.trim_start_matches(':').to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut reader = Reader::new(text);
        let mut forms = Vec::new();
        let outcome = loop {
            match reader.next() {
                Ok(Some((at, form))) => forms.push(format!("{at} {form:?}")),
                Ok(None) => break forms.join(", "),
                Err((at, message)) => break format!("{}: {message}", place(text, at)),
            }
        };
        assert_eq!(outcome, expected);
    }

    #[test]
    fn forms_are_read_with_their_places() {
        check("nil, true 5 -7 2.5 9N", "0 Nil, 5 Bool(true), 10 Int(5), 12 Int(-7), 15 Float(2.5), 19 Int(9)");
        check(":a/b \"x\\\"\\n\" sym", "0 Word(\"a/b\"), 5 Text(\"x\\\"\\n\"), 13 Word(\"sym\")");
        check("; note\n[1 (2) #{3}]", "7 Items([Int(1), Items([Int(2)]), Items([Int(3)])])");
        check("{:a 1 #_ 2 #_[3] :b #inst \"x\"}", "0 Map([(Word(\"a\"), Int(1)), (Word(\"b\"), Text(\"x\"))])");
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_column() {
        check("[1\n 2", "1:1: no `]` closes this");
        check("1\n  }", "2:3: `}` closes nothing");
        check("{:a 1\n :b}", "1:1: a map holds a key without a value");
        check("é \"abc", "1:3: no `\"` ends this text");
        check("#", "1:2: expected a set or a tag after `#`");
        check("12x", "1:1: `12x` is no number");
    }

    #[test]
    fn what_lies_too_deep_is_an_error_and_no_end_of_the_stack() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Reader::new(&nested(99)).next().is_ok());
        check(&nested(100), "1:101: more than 100 values within each other");
        check(&"{".repeat(200_000), "1:101: more than 100 values within each other");
        check(&"#_".repeat(200_000), "1:203: more than 100 values within each other");
        check(&"#a ".repeat(200_000), "1:301: more than 100 values within each other");
    }
}
