//! Mistakes in a text that is not a `*.murphy` file, and pieces of it that are read as if they stood in one.

use std::ops::Range;

use crate::{
    diagnostic::{Diagnostic, nearest},
    tree::Tree,
};

/// How much of what stands in the wrong place is repeated, in characters.
const FOUND_MAX: usize = 60;
/// How many mistakes are reported of one text.
const COMPLAINTS_MAX: usize = 64;

/// A text and the mistakes that were found in it.
pub(crate) struct Source<'t> {
    text: &'t str,
    found: Vec<Diagnostic>,
}

impl<'t> Source<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// The line on which the byte `at` stands, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    /// Complains about the bytes `span`.
    pub(crate) fn complain(&mut self, span: Range<usize>, expected: impl Into<String>) {
        self.complain_near(span, expected, None);
    }

    /// The same, with a word that would have done.
    pub(crate) fn complain_near(
        &mut self,
        span: Range<usize>,
        expected: impl Into<String>,
        suggestion: Option<String>,
    ) {
        if self.found.len() == COMPLAINTS_MAX {
            return;
        }
        let before = &self.text[..span.start];
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        self.found.push(Diagnostic {
            line: before.matches('\n').count() as u32 + 1,
            column: self.text[begin..span.start].chars().count() as u32 + 1,
            found: excerpt(&self.text[span.clone()]),
            span,
            expected: expected.into(),
            suggestion,
        });
    }

    /// Complains about a word that is none of `known`; where it stands in quotes, without them.
    pub(crate) fn complain_unknown<'k>(
        &mut self,
        span: Range<usize>,
        word: &str,
        expected: impl Into<String>,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let within = self.text[span.clone()].find(word).filter(|_| !word.is_empty());
        let span = within.map_or(span.clone(), |at| span.start + at..span.start + at + word.len());
        self.complain_near(span, expected, nearest(word, known));
    }

    /// Complains about a value that is a list or a map or the like where it cannot be one.
    pub(crate) fn complain_of_kind(&mut self, value: &Tree, expected: &str) {
        self.complain(value.span.clone(), format!("{expected}, not {}", value.kind()));
    }

    /// Takes over a complaint about `draft`.
    pub(crate) fn carry(&mut self, draft: &Draft, complaint: Diagnostic) {
        let expected = complaint.expected.replace("the end of the line", "the end of the value");
        if complaint.span.is_empty() && !draft.said().is_empty() {
            self.complain_near(draft.whole(), expected + " after it", complaint.suggestion);
        } else {
            self.complain_near(draft.origin(self.text, &complaint.span), expected, complaint.suggestion);
        }
    }

    /// All mistakes in the order of the text; nothing if there are none.
    pub(crate) fn finish(mut self) -> Result<(), Vec<Diagnostic>> {
        self.found.sort_by_key(|complaint| (complaint.span.start, complaint.span.end));
        self.found.dedup();
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
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

/// A part of a `*.murphy` line that is made of pieces of another text, and knows where each of them stands there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    /// In the draft.
    at: Range<usize>,
    /// In the text that it comes from.
    span: Range<usize>,
    /// Whether it is a word of ours that no text contains.
    ours: bool,
}

impl Draft {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds words of our own on account of what stands on `span`.
    pub(crate) fn ours(mut self, words: &str, span: &Range<usize>) -> Self {
        self.push(words, span, true);
        self
    }

    /// Adds what `span` says.
    pub(crate) fn say(mut self, words: &str, span: &Range<usize>) -> Self {
        self.push(words, span, false);
        self
    }

    fn push(&mut self, words: &str, span: &Range<usize>, ours: bool) {
        let start = self.text.len();
        self.text.push_str(words);
        self.pieces.push(Piece { at: start..self.text.len(), span: span.clone(), ours });
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What is not our own.
    fn said(&self) -> String {
        self.pieces.iter().filter(|piece| !piece.ours).map(|piece| self.text[piece.at.clone()].trim()).collect()
    }

    /// Everything that is not our own, in the text that it comes from.
    fn whole(&self) -> Range<usize> {
        let said = || self.pieces.iter().filter(|piece| !piece.ours).map(|piece| &piece.span);
        let start = said().map(|span| span.start).min();
        let end = said().map(|span| span.end).max();
        start.zip(end).map_or_else(|| self.first(), |(start, end)| start..end.max(start))
    }

    fn first(&self) -> Range<usize> {
        self.pieces.first().map_or(0..0, |piece| piece.span.clone())
    }

    /// Where in `source` the bytes `span` of the draft come from: exactly, if they stand there as they are.
    fn origin(&self, source: &str, span: &Range<usize>) -> Range<usize> {
        let touches = |piece: &&Piece| piece.at.start <= span.start && span.start < piece.at.end;
        let Some(piece) = self.pieces.iter().find(touches) else { return self.whole() };
        let words = &self.text[piece.at.clone()];
        let Some(offset) = source[piece.span.clone()].find(words).filter(|_| span.end <= piece.at.end) else {
            return piece.span.clone();
        };
        let start = piece.span.start + offset + span.start - piece.at.start;
        start..start + span.len()
    }
}
