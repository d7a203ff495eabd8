//! One tree of values behind four syntaxes: TOML, YAML, JSON and the script form.
//!
//! A [`Form`] reads its text into a [`Tree`] whose every value and key knows the bytes that it stands on, and writes a tree
//! back. Numbers keep their spelling, so that no digit of a seed is lost on the way. What the keys mean is not known here:
//! nothing in this module has heard of a fault.
//!
//! Reading never panics, whatever the text: nesting ends at [`DEPTH_MAX`], a key may be given once, and YAML's anchors,
//! aliases and tags are errors rather than a way to make a small file large.

use std::{collections::BTreeMap, fmt::Write, ops::Range};

use crate::diagnostic::{self, Diagnostic};

mod json;
mod script;
mod toml;
mod yaml;

/// How many lists and maps may stand inside one another.
pub const DEPTH_MAX: usize = 64;
/// How much of what stands in the wrong place is repeated, in characters.
const FOUND_MAX: usize = 60;

/// A value and where it stands in its text. Equality is that of the values.
#[derive(Clone, Debug)]
pub struct Tree {
    /// What it is.
    pub value: Value,
    /// The bytes of the text that say so.
    pub span: Range<usize>,
}

/// What a [`Tree`] can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing. Only YAML and JSON can say so; the other forms leave it out.
    Null,
    /// True or false.
    Bool(bool),
    /// A number as written: `3`, `0.5`, `0x5eed`.
    Number(String),
    /// Text, without quotes and escapes.
    Text(String),
    /// Values in order.
    List(Vec<Tree>),
    /// Values by key, in the order of the text. No key stands twice in what was read.
    Map(Vec<(Key, Tree)>),
}

/// A key of a map and where it stands. Equality is that of the texts.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key, without quotes and escapes.
    pub text: String,
    /// The bytes of the text that it stands on.
    pub span: Range<usize>,
}

/// A concrete syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// TOML 1.1.
    Toml,
    /// YAML 1.2: one document, without anchors, aliases, tags and merge keys.
    Yaml,
    /// JSON.
    Json,
    /// One call per step: `crash("n1", at="2s")`.
    Script,
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Tree {}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key {}

impl Tree {
    /// A map that stands nowhere.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entry = |(key, tree): (K, Self)| (Key { text: key.into(), span: 0..0 }, tree);
        Value::Map(entries.into_iter().map(entry).collect()).at(0..0)
    }

    /// A list that stands nowhere.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Value::List(items.into_iter().collect()).at(0..0)
    }

    /// Text that stands nowhere.
    pub fn text(text: impl Into<String>) -> Self {
        Value::Text(text.into()).at(0..0)
    }

    /// A number that stands nowhere, spelled as it prints.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers are copied, and `number(3)` is what a caller wants to say"
    )]
    pub fn number(number: impl ToString) -> Self {
        Value::Number(number.to_string()).at(0..0)
    }

    /// True or false, standing nowhere.
    pub fn bool(value: bool) -> Self {
        Value::Bool(value).at(0..0)
    }

    /// The value under `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(candidate, _)| candidate.text == key).map(|(_, tree)| tree)
    }

    /// The entries of a map; of anything else, none.
    pub fn entries(&self) -> &[(Key, Self)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a list; of anything else, none.
    pub fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    fn is_scalar(&self) -> bool {
        !matches!(self.value, Value::List(_) | Value::Map(_))
    }

    fn is_null(&self) -> bool {
        self.value == Value::Null
    }
}

impl Value {
    /// This value, standing on `span`.
    pub fn at(self, span: Range<usize>) -> Tree {
        Tree { value: self, span }
    }
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 4] = [Self::Toml, Self::Yaml, Self::Json, Self::Script];

    /// The form of files that end in `.extension`.
    pub fn from_extension(extension: &str) -> Option<Self> {
        let canonical = if extension == "yml" { "yaml" } else { extension };
        Self::ALL.into_iter().find(|form| form.extension() == canonical)
    }

    /// How a file of this form ends, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Toml => "toml",
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Script => "script",
        }
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Toml => "TOML",
            Self::Yaml => "YAML",
            Self::Json => "JSON",
            Self::Script => "script",
        }
    }

    /// Reads a text of this form.
    ///
    /// # Errors
    /// Every mistake that was found, in the order of the text. JSON and YAML stop at the first that breaks their syntax.
    pub fn read(self, text: &str) -> Result<Tree, Vec<Diagnostic>> {
        let (tree, repeated) = self.read_on(text)?;
        if repeated.is_empty() { Ok(tree) } else { Err(repeated.finish()) }
    }

    /// The same for whoever looks for further mistakes in the tree: a key that stands twice is no reason to stop. The tree has
    /// the first value of each.
    pub(crate) fn read_on(self, text: &str) -> Result<Readable, Vec<Diagnostic>> {
        match self {
            Self::Toml => toml::read(text),
            Self::Yaml => yaml::read(text),
            Self::Json => json::read(text),
            Self::Script => script::read(text),
        }
    }

    /// Writes `tree`, so that reading gives it back as far as the form can say it. TOML and scripts have no null and leave it
    /// out, and they put `steps` and other lists of maps last. They hold maps only: of any other tree they write the value
    /// alone, which does not read back. A number that the form cannot spell becomes text.
    pub fn write(self, tree: &Tree) -> String {
        match self {
            Self::Toml => toml::write(tree),
            Self::Yaml => yaml::write(tree),
            Self::Json => json::write(tree),
            Self::Script => script::write(tree),
        }
    }
}

/// A tree, and complaints about keys that stand in it twice.
type Readable = (Tree, diagnostic::Complaints);

/// Where each line of a text starts.
pub(crate) fn line_starts(text: &str) -> Vec<usize> {
    [0].into_iter().chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// The bytes of a text that come before what it says: a byte order mark.
fn mark_length(text: &str) -> usize {
    if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
}

/// The mistakes of one text.
struct Complaints<'t> {
    text: &'t str,
    /// Where each line starts.
    starts: Vec<usize>,
    found: diagnostic::Complaints,
    /// Whether there are others than keys that stand twice, so that the tree does not say what was meant.
    grave: bool,
}

impl<'t> Complaints<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, starts: line_starts(text), found: diagnostic::Complaints::default(), grave: false }
    }

    /// The line that `at` stands on, from 0.
    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at) - 1
    }

    fn push(&mut self, span: Range<usize>, expected: impl Into<String>) {
        self.push_near(span, expected, None);
    }

    fn push_near(&mut self, span: Range<usize>, expected: impl Into<String>, suggestion: Option<String>) {
        self.grave = true;
        self.add(span, expected, suggestion);
    }

    fn add(&mut self, span: Range<usize>, expected: impl Into<String>, suggestion: Option<String>) {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.ceil_char_boundary(span.end.max(start));
        let line = self.line(start);
        let (text, from) = (self.text, self.starts[line]);
        self.found.push(|| Diagnostic {
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(text[from..start].chars().count() + 1).unwrap_or(u32::MAX),
            span: start..end,
            found: excerpt(&text[start..end]),
            expected: expected.into(),
            suggestion,
        });
    }

    /// Complains about a key that stands at `earlier` already.
    fn repeated(&mut self, span: Range<usize>, key: &str, earlier: usize) {
        let line = self.line(earlier) + 1;
        self.add(span, format!("`{key}` once (line {line} has it)"), None);
    }

    /// Leaves the first entry of each key, and complains about the others.
    fn unique(&mut self, entries: &mut Vec<(Key, Tree)>) {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        entries.retain(|(key, _)| {
            let earlier = *seen.entry(key.text.clone()).or_insert(key.span.start);
            let first = earlier == key.span.start;
            if !first {
                self.repeated(key.span.clone(), &key.text, earlier);
            }
            first
        });
    }

    fn too_deep(&mut self, at: usize) {
        self.push(at..self.text.ceil_char_boundary(at + 1), format!("lists and maps nested {DEPTH_MAX} deep at most"));
    }

    fn finish(mut self, tree: Option<Tree>) -> Result<Readable, Vec<Diagnostic>> {
        if let (Some(tree), false) = (tree, self.grave) {
            return Ok((tree, self.found));
        }
        if self.found.is_empty() {
            self.push(0..0, "a text that can be read");
        }
        Err(self.found.finish())
    }
}

/// The first line of `text`, cut short.
fn excerpt(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim_end();
    match line.char_indices().nth(FOUND_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The word that stands at `at`: up to a space or a sign of punctuation, but one character at least. Nothing at the end of a
/// line.
fn word(text: &str, at: usize) -> Range<usize> {
    let rest = &text[at..];
    let stops = |c: char| c.is_whitespace() || ",;:=()[]{}\"'`#".contains(c);
    let length = match rest.chars().next() {
        None | Some('\n' | '\r') => 0,
        Some(c) => rest.find(stops).unwrap_or(rest.len()).max(c.len_utf8()),
    };
    at..at + length
}

/// `text` between double quotes, as TOML, YAML and JSON all read it.
fn quote(text: &str) -> String {
    quote_with(text, |quoted, c| match u32::from(c) {
        0xa => quoted.push_str("\\n"),
        0x9 => quoted.push_str("\\t"),
        code => write!(quoted, "\\u{code:04x}").expect("writing to a string cannot fail"),
    })
}

fn quote_with(text: &str, escape: impl Fn(&mut String, char)) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                escape(&mut quoted, c);
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// `number` as a form can spell it: as it is, without underscores, or between quotes.
fn spell(number: &str, valid: impl Fn(&str) -> bool, quote: impl Fn(&str) -> String) -> String {
    let plain = number.replace('_', "");
    match (valid(number), valid(&plain)) {
        (true, _) => number.to_owned(),
        (false, true) => plain,
        (false, false) => quote(number),
    }
}

/// Whether `text` is digits, perhaps with a fraction and an exponent, but no sign. `lax` lets either side of the point be empty.
fn is_decimal(text: &str, lax: bool) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let fraction_fits = match fraction {
        None => is_digits(whole, 10),
        Some(fraction) if lax => whole.len() + fraction.len() > 0 && [whole, fraction].iter().all(|t| digits(t, 10)),
        Some(fraction) => is_digits(whole, 10) && is_digits(fraction, 10),
    };
    fraction_fits
        && exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent), 10))
}

fn digits(text: &str, radix: u32) -> bool {
    text.chars().all(|c| c.is_digit(radix))
}

fn is_digits(text: &str, radix: u32) -> bool {
    !text.is_empty() && digits(text, radix)
}

/// Whether TOML reads `text` as a number. The script form does as well, so that both agree on what a number is.
fn is_toml_number(text: &str) -> bool {
    let between_digits = |(at, _): (usize, &str)| {
        let around = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_hexdigit);
        around(at.checked_sub(1)) && around(Some(at + 1))
    };
    if !text.match_indices('_').all(between_digits) {
        return false;
    }
    let text = text.replace('_', "");
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return is_digits(rest, radix);
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    is_decimal(unsigned, false) && !leads_with_zero(unsigned)
}

fn leads_with_zero(unsigned: &str) -> bool {
    unsigned.starts_with('0') && unsigned[1..].starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests;
