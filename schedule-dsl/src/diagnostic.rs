//! What is wrong in a text, and where.
//!
//! A [`Diagnostic`] carries enough for a renderer to point at the place (a byte span) and for a person to repair it without
//! one (line, column, what was found, what was expected, and the nearest word that would have done). Rendering with source
//! excerpts and colours is not done here.

use std::ops::Range;

use thiserror::Error;

/// One mistake in a schedule's text.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}:{column}: found {}, expected {expected}{}", self.finding(), self.hint())]
pub struct Diagnostic {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The bytes of the text that are wrong; empty where something is missing.
    pub span: Range<usize>,
    /// What stands there; empty at the end of a line.
    pub found: String,
    /// What should stand there, in words.
    pub expected: String,
    /// The nearest word that would have been understood.
    pub suggestion: Option<String>,
}

impl Diagnostic {
    fn finding(&self) -> String {
        if self.found.is_empty() { "the end of the line".to_owned() } else { format!("`{}`", self.found) }
    }

    fn hint(&self) -> String {
        self.suggestion.as_ref().map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
    }
}

/// How many mistakes are reported of one text. The last of them says how many more there are.
const COMPLAINTS_MAX: usize = 100;

/// The mistakes of one text as they are found. Of very many, only the first are kept and the others counted, so that a file
/// that is wrong from end to end costs no more than one that is right.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    found: Vec<Diagnostic>,
    /// How many were not kept.
    more: usize,
}

impl Complaints {
    /// Adds one, which is only made if it is kept.
    pub(crate) fn push(&mut self, complaint: impl FnOnce() -> Diagnostic) {
        if self.is_full() { self.more += 1 } else { self.found.push(complaint()) }
    }

    /// Whether all further ones are only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= COMPLAINTS_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Adds those that another search through the same text has found.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.found.append(&mut other.found);
        self.more += other.more;
    }

    /// All of them in the order of the text, as far as they were kept.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|complaint| (complaint.span.start, complaint.span.end));
        self.found.dedup();
        self.more += self.found.len().saturating_sub(COMPLAINTS_MAX);
        self.found.truncate(COMPLAINTS_MAX);
        if let (Some(last), 1..) = (self.found.last_mut(), self.more) {
            last.expected.push_str(&format!(" (and {} more mistakes below)", self.more));
        }
        self.found
    }
}

/// The candidate nearest to `word`, if it is near enough to be a slip: one edit in three letters, at least one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let letters = word.chars().count();
    let most = 1.max(letters / 3);
    // Words of very different lengths are never near, and comparing them would cost as much as both are long.
    let near = candidates.into_iter().filter(|candidate| candidate.chars().count().abs_diff(letters) <= most);
    let (distance, best) = near.map(|candidate| (distance(word, candidate), candidate)).min()?;
    (letters > 1 && 0 < distance && distance <= most).then(|| best.to_owned())
}

/// How many insertions, deletions, substitutions and swaps of neighbours lead from `a` to `b` (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, edits) | (edits, 0) => edits,
                _ => {
                    let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    let swapped = if swap { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                    substituted.min(swapped).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1)
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognized_and_a_different_word_is_not() {
        assert_eq!(nearest("crush", ["crash", "pause"]).as_deref(), Some("crash"));
        assert_eq!(nearest("partiton", ["partition", "pause"]).as_deref(), Some("partition"));
        assert_eq!(nearest("tron", ["keep", "torn"]).as_deref(), Some("torn"));
        assert_eq!(nearest("clock", ["crash", "block", "pause"]).as_deref(), Some("block"));
        assert_eq!(nearest("teleport", ["crash", "pause"]), None);
        assert_eq!(nearest("at", []), None);
    }
}
