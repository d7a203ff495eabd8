//! JSON (RFC 8259), and nothing beside it: no comments, no trailing commas, no bare keys.

use std::ops::Range;

use super::{
    Complaints, DEPTH_MAX, Key, Readable, Tree, Value, is_decimal, leads_with_zero, mark_length, quote, spell, word,
};
use crate::diagnostic::Diagnostic;

const VALUE: &str = "a value: text in double quotes, a number, true, false, null, a list or a map";

/// Reading stopped: the complaint has been made.
struct Stop;

pub(super) fn read(text: &str) -> Result<Readable, Vec<Diagnostic>> {
    let mut reader = Reader { text, at: mark_length(text), complaints: Complaints::new(text) };
    let tree = reader.document().ok();
    reader.complaints.finish(tree)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    complaints: Complaints<'t>,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<Tree, Stop> {
        let tree = self.value(0)?;
        match self.peek() {
            None => Ok(tree),
            Some(_) => self.fail("nothing after the value"),
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// The next character that says something.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest().trim_start_matches([' ', '\t', '\n', '\r']);
        self.at = self.text.len() - rest.len();
        rest.chars().next()
    }

    fn accept(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(mark);
        self.at += usize::from(found);
        found
    }

    fn fail<T>(&mut self, expected: &str) -> Result<T, Stop> {
        self.fail_at(word(self.text, self.at), expected)
    }

    fn fail_at<T>(&mut self, span: Range<usize>, expected: &str) -> Result<T, Stop> {
        self.complaints.push(span, expected);
        Err(Stop)
    }

    fn value(&mut self, depth: usize) -> Result<Tree, Stop> {
        let first = self.peek();
        let start = self.at;
        let value = match first {
            Some('{' | '[') if depth == DEPTH_MAX => {
                self.complaints.too_deep(start);
                return Err(Stop);
            }
            Some('{') => self.map(depth + 1)?,
            Some('[') => self.list(depth + 1)?,
            Some('"') => Value::Text(self.string()?),
            _ => self.word()?,
        };
        Ok(value.at(start..self.at))
    }

    fn word(&mut self) -> Result<Value, Stop> {
        let length = self.rest().find(|c: char| !c.is_ascii_alphanumeric() && !"+-._".contains(c));
        let word = &self.rest()[..length.unwrap_or(self.rest().len())];
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if is_number(word) => Value::Number(word.to_owned()),
            "" => return self.fail(VALUE),
            _ => return self.fail_at(self.at..self.at + word.len(), VALUE),
        };
        self.at += word.len();
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Value, Stop> {
        self.at += 1;
        let mut items = Vec::new();
        if self.accept(']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.accept(']') {
                return Ok(Value::List(items));
            }
            if !self.accept(',') {
                return self.fail("`,` or `]`");
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Stop> {
        self.at += 1;
        let mut entries = Vec::new();
        let mut closed = self.accept('}');
        while !closed {
            entries.push(self.entry(depth)?);
            closed = self.accept('}');
            if !closed && !self.accept(',') {
                return self.fail("`,` or `}`");
            }
        }
        self.complaints.unique(&mut entries);
        Ok(Value::Map(entries))
    }

    fn entry(&mut self, depth: usize) -> Result<(Key, Tree), Stop> {
        if self.peek() != Some('"') {
            return self.fail("a key in double quotes");
        }
        let start = self.at;
        let key = Key { text: self.string()?, span: start..self.at };
        if !self.accept(':') {
            return self.fail("`:` between key and value");
        }
        Ok((key, self.value(depth)?))
    }

    /// The text whose opening quote stands here.
    fn string(&mut self) -> Result<String, Stop> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let length = self.rest().find(|c: char| c < ' ' || c == '"' || c == '\\').unwrap_or(self.rest().len());
            text.push_str(&self.rest()[..length]);
            self.at += length;
            match self.rest().chars().next() {
                Some('"') => break,
                Some('\\') => text.push(self.escape()?),
                None | Some('\n' | '\r') => {
                    return self.fail_at(start..self.at, "text that ends with `\"` on its line");
                }
                Some(_) => {
                    return self.fail_at(self.at..self.at + 1, "no bare control character (escape it: `\\u0009`)");
                }
            }
        }
        self.at += 1;
        Ok(text)
    }

    fn escape(&mut self) -> Result<char, Stop> {
        let start = self.at;
        let letter = self.rest()[1..].chars().next();
        self.at += 1 + letter.map_or(0, char::len_utf8);
        let plain = match letter {
            Some(c @ ('"' | '\\' | '/')) => Some(c),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => self.unicode(),
            _ => None,
        };
        match plain {
            Some(c) => Ok(c),
            None => self.fail_at(start..self.at, "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four digits"),
        }
    }

    /// What follows `\u`; of a character beyond the first 65536, both halves.
    fn unicode(&mut self) -> Option<char> {
        let high = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        if !self.rest().starts_with("\\u") {
            return None;
        }
        self.at += 2;
        let low = self.four_digits()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4).filter(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    is_decimal(unsigned, false) && !leads_with_zero(unsigned)
}

pub(super) fn write(tree: &Tree) -> String {
    let mut out = String::new();
    write_value(tree, 0, &mut out);
    out + "\n"
}

fn write_value(tree: &Tree, depth: usize, out: &mut String) {
    match &tree.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&spell(number, is_number, quote)),
        Value::Text(text) => out.push_str(&quote(text)),
        Value::List(items) => {
            let flat = items.iter().all(Tree::is_scalar);
            write_all(items, ["[", "]"], flat, depth, out, |item, out| write_value(item, depth + 1, out));
        }
        Value::Map(entries) => {
            let flat = depth > 0 && entries.iter().all(|(_, tree)| tree.is_scalar());
            write_all(entries, ["{", "}"], flat, depth, out, |(key, tree), out| {
                out.push_str(&quote(&key.text));
                out.push_str(": ");
                write_value(tree, depth + 1, out);
            });
        }
    }
}

/// Writes `items` between `ends`: on one line if `flat`, else on one line each.
fn write_all<T>(
    items: &[T],
    ends: [&str; 2],
    flat: bool,
    depth: usize,
    out: &mut String,
    each: impl Fn(&T, &mut String),
) {
    let newline = |depth: usize| format!("\n{}", "  ".repeat(depth));
    let flat = flat || items.is_empty();
    out.push_str(ends[0]);
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        match (flat, at) {
            (true, 0) => {}
            (true, _) => out.push(' '),
            (false, _) => out.push_str(&newline(depth + 1)),
        }
        each(item, out);
    }
    if !flat {
        out.push_str(&newline(depth));
    }
    out.push_str(ends[1]);
}

#[cfg(test)]
mod tests {
    use crate::tree::{Form, tests::complaints};

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(complaints(Form::Json, text), expected);
    }

    #[test]
    fn what_json_has_not_is_pointed_at() {
        check("{\n  seed: 3\n}", &["2:3 `seed`: a key in double quotes"]);
        check("{\n  // chaos\n}", &["2:3 `//`: a key in double quotes"]);
        check("{\"a\": 1,\n}", &["2:1 `}`: a key in double quotes"]);
        check("{\"a\" 1}", &["1:6 `1`: `:` between key and value"]);
        check("{\"a\": 1 \"b\": 2}", &["1:9 `\"`: `,` or `}`"]);
        check("[1 2]", &["1:4 `2`: `,` or `]`"]);
        check("{} x", &["1:4 `x`: nothing after the value"]);
        check("{\"é\": \"open\n}", &["1:7 `\"open`: text that ends with `\"` on its line"]);
    }

    #[test]
    fn a_number_that_is_none_is_pointed_at() {
        for number in ["0x5eed", "01", "+1", "1.", ".5", "NaN", "1e", "1_0"] {
            let found = complaints(Form::Json, &format!("{{\"seed\": {number}}}"));
            assert!(found[0].starts_with(&format!("1:10 `{number}`: a value")), "{found:?}");
        }
    }

    #[test]
    fn an_escape_that_is_none_is_pointed_at() {
        for escape in ["\\x", "\\u12", "\\ud800", "\\ud800\\u0041", "\\udc00"] {
            let found = complaints(Form::Json, &format!("[\"a{escape}\"]"));
            assert!(found[0].starts_with("1:4 "), "{found:?}");
        }
    }

    #[test]
    fn every_repeated_key_is_pointed_at() {
        check(
            "{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2},\n \"a\": 2}",
            &["1:24 `\"c\"`: `c` once (line 1 has it)", "2:2 `\"a\"`: `a` once (line 1 has it)"],
        );
    }

    #[test]
    fn halves_of_a_character_are_joined() {
        let tree = Form::Json.read("\"\\ud83d\\ude00\"").expect("valid");
        assert_eq!(tree, crate::tree::Tree::text("😀"));
    }
}
