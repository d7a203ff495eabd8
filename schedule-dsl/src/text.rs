//! The text form of a schedule (`*.murphy`): its grammar, and the two hands that write and read a line of it.
//!
//! ```text
//! file     = "murphy 1"  header lines in any order  step lines        # comments, on lines of their own or after others
//! header   = "target" NAME | "seed" N | "workload" NAME | "mix" N… | ("nodes" | "clients" | "keys" | "ops" | "rate") N, … | "budget off"
//!          | "phases" ("chaos" | "active" | "calm" | "heal" | "settle") TIME, …
//!          | "ambient" "jitter" TIME, "loss" SHARE, "duplication" SHARE
//!          | "dcs" N | "dc" [NAME] ["{n1,n3}"] | "group" NAME "{n1,n3}"
//!          | "latency" ("within" TIME | "between" TIME | DC "to" DC TIME), … | "resources" "cpu" SHARE, "memory" SIZE, "disk" SIZE
//! step     = [LABEL ":"]  when  fault  [lasts]  [again]
//! when     = "at" TIME | "on call" | "after" LABEL edge ["+" TIME]
//!          | ("before" | "after") fact ["#" n] ["from" LABEL [edge]] ["+" TIME]
//! edge     = "begins" | "ends"
//! fact     = ("send" | "deliver") [KIND] [link] | nodes ("sync" | "write" | "stops" | "starts") | nodes "becomes" ROLE
//!          | "mark" NAME | ("invoke" | "complete") [FUNCTION] | "fault" KEYWORD edge
//! nodes    = "n3" | ROLE | "previous-"ROLE | "{n1,n3}" | ("majority" | "minority" | "minority-third") ["from" "n3"] | "all"
//!          | "rest" | "primaries" | "one" | "some" | "half" | "group" NAME
//!          | "most-up-to-date" | "least-up-to-date" | "last-voter"
//! link     = nodes "->" nodes
//! fault    = KEYWORD and its fields, see `fault` and `field`
//! lasts    = "for" length | "until" LABEL edge | ", restart after" length (a crash)
//! length   = TIME | CONSTANT ["*" FACTOR] [("+" | "-") CONSTANT]
//! again    = "again" ("once" | N "times") ["every" ["about"] TIME]
//! ```
//!
//! A time is `40us`, `250ms`, `1.2s` or `2m`. A name (of a role, a kind, a mark) is an identifier, anything without quotes
//! in quotes, or its hash `name:3fa2`; quotes also keep a name apart from a word of the grammar: `"rest"` is a role. A label
//! `s7` means id 7, any other takes the lowest free id; `s7~:` gives a step an id that another step owns. Where `#n` is left
//! out it is `#1`, and `from LABEL` alone means its beginning. Fields that begin with a word come in any order.
//!
//! What is left out means the default and is not printed, so every schedule has one text and every text one schedule.
//! Whole files (headers, comments, columns) are in [`crate::document`], the phrases for when, whom and how long next to this.

use std::{collections::BTreeMap, ops::RangeInclusive};

use crate::{
    diagnostic::{Diagnostic, nearest},
    fault::{FIELD_WORDS, FaultKind},
    field::{latency, place, words},
    header,
    labels::Labels,
    lexer::{Kind, Token, is_identifier},
    name::Name,
    schedule::{Edge, StepId},
    units::{NoDuration, factor, is_decimal, micros, percent, print_micros, print_percent, scaled},
};

/// What stands where a duration is expected.
const DURATION: &str = "a duration such as `10ms` (units us, ms, s, m)";

/// Words that a name must not be confused with, beside `n3`, the keywords of faults and the words of their fields.
const RESERVED: [&[&str]; 7] = [
    &["all", "rest", "majority", "minority", "minority-third", "primaries", "one", "some", "half", "group"],
    &["most-up-to-date", "least-up-to-date", "last-voter", "halves", "ring", "bridge", "ahead", "behind"],
    &["send", "deliver", "mark", "begins", "ends", "from", "for", "until", "again", "to", "or", "dev", "mean", "via"],
    &["invoke", "complete", "fault", "at", "on", "before", "after", "sync", "write", "becomes", "stops", "starts"],
    &["restart", "rejoin", "every", "about", "times", "once", "bytes"],
    &latency::WORDS,
    &place::WORDS,
];

/// Whether `word` means something in a place where a name may stand.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.concat().contains(&word)
        || node_number(word).is_some()
        || FaultKind::from_keyword(word).is_some()
        || FIELD_WORDS.contains(&word)
        || words::WORDS.iter().any(|choices| choices.contains(&word))
}

/// Every word that means something in a schedule, sorted.
pub fn vocabulary() -> Vec<&'static str> {
    let lists = RESERVED.iter().chain(words::WORDS).copied().chain([FIELD_WORDS, &header::WORDS]).flatten().copied();
    let lasting = FaultKind::ALL.iter().flat_map(|kind| kind.lasting_words()).copied();
    let keywords = FaultKind::ALL.iter().map(|kind| kind.keyword());
    let mut words: Vec<&str> = lists.chain(lasting).chain(keywords).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// The digits of a node's number: `3` of `n3`.
pub(crate) fn node_number(word: &str) -> Option<&str> {
    word.strip_prefix('n').filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Writes words, with the spellings of names and the labels of steps.
pub struct Printer<'a> {
    names: &'a BTreeMap<Name, String>,
    labels: &'a BTreeMap<StepId, String>,
    text: String,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(names: &'a BTreeMap<Name, String>, labels: &'a BTreeMap<StepId, String>) -> Self {
        Self { names, labels, text: String::new() }
    }

    /// What has been written.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// Writes a word, set off from the one before it.
    pub(crate) fn word(&mut self, word: impl AsRef<str>) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(word.as_ref());
    }

    /// Writes directly after the word before.
    pub(crate) fn append(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn duration(&mut self, micros: u32) {
        self.word(print_micros(micros.into()));
    }

    /// A name where no word of the grammar can stand.
    pub(crate) fn name(&self, name: Name) -> String {
        self.spelled(name, is_identifier)
    }

    /// A name where a word of the grammar could stand.
    pub(crate) fn guarded_name(&self, name: Name) -> String {
        self.spelled(name, |word| is_identifier(word) && !is_reserved(word) && !word.starts_with("previous-"))
    }

    /// A name that has quotes if it is one of some words.
    pub(crate) fn name_unless(&self, name: Name, word: impl Fn(&str) -> bool) -> String {
        self.spelled(name, |spelling| is_identifier(spelling) && !word(spelling))
    }

    /// A name directly after `previous-`.
    pub(crate) fn suffix_name(&self, name: Name) -> String {
        self.spelled(name, |word| is_identifier(word) && !word.starts_with('_'))
    }

    /// A name in quotes.
    pub(crate) fn quoted_name(&self, name: Name) -> String {
        self.spelled(name, |_| false)
    }

    pub(crate) fn label(&self, id: StepId) -> String {
        self.labels.get(&id).cloned().unwrap_or_else(|| format!("s{id}"))
    }

    pub(crate) fn reference(&mut self, id: StepId, edge: Edge) {
        self.word(self.label(id));
        self.word(crate::phrase::edge_word(edge));
    }

    /// A kind of fault by its keyword.
    pub(crate) fn keyword(&self, name: Name) -> String {
        let kind = FaultKind::ALL.iter().find(|kind| Name::of(kind.keyword()) == name);
        kind.map_or_else(|| format!("name:{:04x}", name.0), |kind| kind.keyword().to_owned())
    }

    fn spelled(&self, name: Name, plain: impl Fn(&str) -> bool) -> String {
        let quotable = |word: &&String| !word.contains(|c: char| c == '"' || c.is_control()) && Name::of(word) == name;
        match self.names.get(&name).filter(quotable) {
            Some(word) if plain(word) => word.clone(),
            Some(word) => format!("\"{word}\""),
            None => format!("name:{:04x}", name.0),
        }
    }
}

/// Where a line stands in its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) number: u32,
    /// Byte offset of the line in the file.
    pub(crate) start: usize,
    pub(crate) text: &'a str,
    /// Where what is said on the line ends.
    end: usize,
    /// Nobody will read what is wrong here: that something is wrong is enough.
    brief: bool,
}

impl<'a> Place<'a> {
    pub(crate) fn new(number: u32, start: usize, text: &'a str, tokens: &[Token<'_>]) -> Self {
        let end = tokens.last().map_or(0, |token| token.at + token.text.len());
        Self { number, start, text, end, brief: false }
    }

    /// The same place, where complaints need not say anything if `brief`.
    pub(crate) fn brief_if(self, brief: bool) -> Self {
        Self { brief, ..self }
    }

    /// The column of this byte of the line, in characters from 1.
    pub(crate) fn column(&self, at: usize) -> u32 {
        self.text[..at].chars().count() as u32 + 1
    }

    /// A complaint about the token, or about the end of what is said on the line.
    pub(crate) fn complain(&self, token: Option<&Token<'_>>, expected: impl Into<String>) -> Diagnostic {
        let (at, found) = token.map_or((self.end, ""), |token| (token.at, token.text));
        Diagnostic {
            line: self.number,
            column: if self.brief { 1 } else { self.column(at) },
            span: self.start + at..self.start + at + found.len(),
            found: found.to_owned(),
            expected: expected.into(),
            suggestion: None,
        }
    }
}

/// What a bare number may have meant as a share: a part of one, or a number of percent.
fn as_share(number: &str) -> Option<String> {
    let part = scaled(number, 10_000).filter(|share| (1..10_000).contains(share)).map(|share| share as u16);
    part.map(print_percent).or_else(|| percent(&format!("{number}%")).map(print_percent))
}

/// Reads the words of one line from left to right.
pub struct Cursor<'a> {
    tokens: &'a [Token<'a>],
    place: Place<'a>,
    labels: &'a Labels,
    names: &'a mut BTreeMap<Name, String>,
    /// Words that would have been understood where the cursor stands: one of them may have been meant.
    tried: Vec<&'static str>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(
        place: Place<'a>,
        tokens: &'a [Token<'a>],
        labels: &'a Labels,
        names: &'a mut BTreeMap<Name, String>,
    ) -> Self {
        Self { tokens, place, labels, names, tried: Vec::new() }
    }

    pub(crate) fn place(&self) -> Place<'a> {
        self.place
    }

    /// What has not been read.
    pub(crate) fn remaining(&self) -> &'a [Token<'a>] {
        self.tokens
    }

    pub(crate) fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.first()
    }

    /// The text of the token `ahead` of the next one; empty past the end.
    pub(crate) fn text(&self, ahead: usize) -> &'a str {
        self.tokens.get(ahead).map_or("", |token| token.text)
    }

    pub(crate) fn advance(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
        self.tried.clear();
    }

    /// Takes the next token if it is this one.
    pub(crate) fn accept(&mut self, word: &'static str) -> bool {
        if self.text(0) == word {
            self.advance();
            return true;
        }
        self.consider(&[word]);
        false
    }

    /// Remembers words that would have been understood here.
    pub(crate) fn consider(&mut self, words: &[&'static str]) {
        let new = words.iter().filter(|word| !self.tried.contains(word)).copied();
        self.tried.extend(new.collect::<Vec<_>>());
    }

    pub(crate) fn expect(&mut self, word: &'static str) -> Result<(), Diagnostic> {
        if self.accept(word) { Ok(()) } else { Err(self.fail(format!("`{word}`"))) }
    }

    /// A complaint about the next token.
    pub(crate) fn fail(&self, expected: impl Into<String>) -> Diagnostic {
        self.fail_near(expected, self.tried.iter().copied())
    }

    /// A complaint about the next token, which may be a slip for one of `words`.
    pub(crate) fn fail_near<'w>(
        &self,
        expected: impl Into<String>,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Diagnostic {
        let suggestion = if self.place.brief { None } else { nearest(self.text(0), words) };
        Diagnostic { suggestion, ..self.place.complain(self.peek(), expected) }
    }

    /// Complains unless all has been read.
    pub(crate) fn finish(&mut self) -> Result<(), Diagnostic> {
        if self.tokens.is_empty() {
            return Ok(());
        }
        let words: String = self.tried.iter().map(|word| format!("`{word}`, ")).collect();
        Err(self.fail(format!("{words}{}the end of the line", if words.is_empty() { "" } else { "or " })))
    }

    /// The next token, if it is a number that `read` understands.
    pub(crate) fn number<T>(
        &mut self,
        read: impl Fn(&str) -> Option<T>,
        expected: impl Into<String>,
    ) -> Result<T, Diagnostic> {
        let value = self.peek().filter(|token| token.kind == Kind::Number).and_then(|token| read(token.text));
        let value = value.ok_or_else(|| self.fail(expected))?;
        self.advance();
        Ok(value)
    }

    /// A whole number in `range`.
    pub(crate) fn integer(&mut self, range: RangeInclusive<u32>) -> Result<u32, Diagnostic> {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        self.number(|text| text.parse().ok().filter(|value| range.contains(value)), expected)
    }

    /// A word that is a prefix and a number in `range`: `k1`.
    pub(crate) fn numbered(&mut self, prefix: char, range: RangeInclusive<u8>, what: &str) -> Result<u8, Diagnostic> {
        let value = self.text(0).strip_prefix(prefix).and_then(|digits| digits.parse().ok());
        let value = value.filter(|value| range.contains(value)).ok_or_else(|| {
            self.fail(format!("{what} from `{prefix}{}` to `{prefix}{}`", range.start(), range.end()))
        })?;
        self.advance();
        Ok(value)
    }

    /// A duration in microseconds.
    pub(crate) fn duration(&mut self) -> Result<u32, Diagnostic> {
        self.duration_in(1, u32::MAX)
    }

    /// A duration as a number of units of `unit` microseconds, up to `most` of them.
    pub(crate) fn duration_in(&mut self, unit: u32, most: u32) -> Result<u32, Diagnostic> {
        let micros = self.peek_duration()?;
        if !micros.is_multiple_of(unit) {
            return Err(self.fail(format!("a duration in steps of {}", print_micros(unit.into()))));
        }
        let longest = || format!("a duration of at most {}", print_micros(u64::from(most) * u64::from(unit)));
        let units = Some(micros / unit).filter(|units| *units <= most).ok_or_else(|| self.fail(longest()))?;
        self.advance();
        Ok(units)
    }

    /// The microseconds of the duration that comes next, without taking it.
    pub(crate) fn peek_duration(&self) -> Result<u32, Diagnostic> {
        let longest = || self.fail(format!("a duration of at most {}", print_micros(u32::MAX.into())));
        u32::try_from(self.peek_long_duration()?).map_err(|_| longest())
    }

    /// The same for durations of any length.
    pub(crate) fn peek_long_duration(&self) -> Result<u64, Diagnostic> {
        let token = self.peek().filter(|token| token.kind == Kind::Number);
        token.map_or(Err(NoDuration::Form), |token| micros(token.text)).map_err(|wrong| match wrong {
            NoDuration::Form => self.fail(DURATION),
            NoDuration::Precision => self.fail("a duration in steps of 1us"),
        })
    }

    pub(crate) fn percent(&mut self) -> Result<u16, Diagnostic> {
        self.without_unit()?;
        self.number(percent, "a share from `0%` to `100%`, in steps of 0.01%")
    }

    /// Complains about a bare number where a share has to stand.
    pub(crate) fn without_unit(&self) -> Result<(), Diagnostic> {
        if !self.at_bare_number() {
            return Ok(());
        }
        let suggestion = as_share(self.text(0));
        Err(Diagnostic { suggestion, ..self.place.complain(self.peek(), "a share such as `30%`, with its `%`") })
    }

    pub(crate) fn factor(&mut self) -> Result<i8, Diagnostic> {
        self.number(factor, "a factor from 0 to 2.27, in steps of 0.01")
    }

    pub(crate) fn at_number(&self) -> bool {
        self.peek().is_some_and(|token| token.kind == Kind::Number)
    }

    /// Whether the next token is a number without a unit: `30`, `0.3`.
    pub(crate) fn at_bare_number(&self) -> bool {
        self.at_number() && is_decimal(self.text(0))
    }

    /// Whether the next token is a whole number without a unit.
    pub(crate) fn at_integer(&self) -> bool {
        self.at_number() && self.text(0).bytes().all(|b| b.is_ascii_digit())
    }

    /// Whether the next token is a word without quotes.
    pub(crate) fn is_word(&self) -> bool {
        self.peek().is_some_and(|token| token.kind == Kind::Word)
    }

    /// Whether the next token can be a name.
    pub(crate) fn at_name(&self) -> bool {
        self.peek().is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Quoted | Kind::Hash))
    }

    /// A name, plain, in quotes or by its hash.
    pub(crate) fn name(&mut self, what: &str) -> Result<Name, Diagnostic> {
        let Some(token) = self.peek().filter(|_| self.at_name()) else { return Err(self.fail(what)) };
        self.advance();
        Ok(self.learn(token.kind, token.text))
    }

    /// The name that is written `text`, whose spelling is remembered.
    pub(crate) fn learn(&mut self, kind: Kind, text: &str) -> Name {
        if kind == Kind::Hash {
            let digits = &text[text.len() - 4..];
            return Name(u16::from_str_radix(digits, 16).expect("the lexer checked four hexadecimal digits"));
        }
        let spelling = if kind == Kind::Quoted { text.trim_matches('"') } else { text };
        self.names.insert(Name::of(spelling), spelling.to_owned());
        Name::of(spelling)
    }

    /// A reference to another step.
    pub(crate) fn label(&mut self) -> Result<StepId, Diagnostic> {
        let word = self.peek().filter(|token| token.kind == Kind::Word);
        let word = word.ok_or_else(|| self.fail("the label of a step"))?.text;
        let id = self.labels.id(word);
        let id = id.ok_or_else(|| self.fail_near("the label of a step", self.labels.spellings()))?;
        self.advance();
        Ok(id)
    }

    pub(crate) fn edge(&mut self) -> Result<Edge, Diagnostic> {
        self.maybe_edge().ok_or_else(|| self.fail("`begins` or `ends`"))
    }

    pub(crate) fn maybe_edge(&mut self) -> Option<Edge> {
        if self.accept("begins") {
            return Some(Edge::Begins);
        }
        self.accept("ends").then_some(Edge::Ends)
    }
}
