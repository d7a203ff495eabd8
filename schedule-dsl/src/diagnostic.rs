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

/// The candidate nearest to `word`, if it is near enough to be a slip: one edit in three letters, at least one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let letters = word.chars().count();
    let (distance, best) = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate)).min()?;
    (letters > 1 && 0 < distance && distance <= 1.max(letters / 3)).then(|| best.to_owned())
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
