//! Mistakes in a text that is not a `*.murphy` file, and pieces of it that are read as if they stood in one.

use std::ops::Range;

use crate::{
    diagnostic::{Complaints, Diagnostic, nearest},
    tree::{Tree, line_starts},
};

/// How much of what stands in the wrong place is repeated, in characters.
const FOUND_MAX: usize = 60;

/// A text and the mistakes that were found in it.
pub(crate) struct Source<'t> {
    text: &'t str,
    /// Where each line starts.
    starts: Vec<usize>,
    found: Complaints,
}

impl<'t> Source<'t> {
    /// A text in which these mistakes were found already.
    pub(crate) fn new(text: &'t str, found: Complaints) -> Self {
        Self { text, starts: line_starts(text), found }
    }

    /// The line on which the byte `at` stands, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    /// The line and the column of the byte `at`, from 1.
    pub(crate) fn place(&self, at: usize) -> (u32, u32) {
        let line = self.line(at);
        (line as u32, self.text[self.starts[line - 1]..at].chars().count() as u32 + 1)
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
        let (line, column) = if self.found.is_full() { (0, 0) } else { self.place(span.start) };
        self.found.push(|| Diagnostic {
            line,
            column,
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
        if self.found.is_full() {
            return self.complain(span, "");
        }
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
        if self.found.is_full() {
            return self.complain(0..0, "");
        }
        let expected = complaint.expected.replace("the end of the line", "the end of the value");
        if complaint.span.is_empty() && !draft.said().is_empty() {
            self.complain_near(draft.whole(), expected + " after it", complaint.suggestion);
        } else {
            self.complain_near(draft.origin(self.text, &complaint.span), expected, complaint.suggestion);
        }
    }

    /// All mistakes in the order of the text; nothing if there are none.
    pub(crate) fn finish(self) -> Result<(), Vec<Diagnostic>> {
        if self.found.is_empty() { Ok(()) } else { Err(self.found.finish()) }
    }

    /// Whether further mistakes are only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.found.is_full()
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

    /// Where the first piece comes from.
    pub(crate) fn first(&self) -> Range<usize> {
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
