//! Tests written for other tools, as schedules.
//!
//! [`jepsen()`] reads the options of a Jepsen command line, [`fdb()`] a FoundationDB test in TOML. Both give the text of a
//! schedule, with comments that say what each part came from and what was left out, or every mistake with its place. Nothing
//! here reads histories, nor runs anything.

mod fdb;
mod jepsen;

use std::ops::Range;

pub use fdb::fdb;
pub use jepsen::jepsen;

use crate::diagnostic::{Diagnostic, nearest};

/// How much of what stands in the wrong place is repeated, in characters.
const FOUND_MAX: usize = 60;

/// A complaint about the bytes `span` of `text`.
fn complaint(text: &str, span: Range<usize>, expected: impl Into<String>) -> Diagnostic {
    let before = &text[..span.start];
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    Diagnostic {
        line: before.matches('\n').count() as u32 + 1,
        column: text[begin..span.start].chars().count() as u32 + 1,
        found: text[span.clone()].lines().next().unwrap_or_default().chars().take(FOUND_MAX).collect(),
        span,
        expected: expected.into(),
        suggestion: None,
    }
}

/// The same, with the nearest word that would have done.
fn misspelling<'a>(
    text: &str,
    span: Range<usize>,
    word: &str,
    expected: impl Into<String>,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    Diagnostic { suggestion: nearest(word, known), ..complaint(text, span, expected) }
}

/// A number of seconds as microseconds, if it is one: `10`, `0.5`. At most `max` seconds, so that nothing overflows.
fn seconds(text: &str, max: f64) -> Option<u64> {
    number(text).filter(|seconds| (0.0..=max).contains(seconds)).map(|seconds| (seconds * 1e6).round() as u64)
}

/// A number as both sources write it.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-._eE".contains(&b));
    let digits = text.replace('_', "");
    digits.parse().ok().filter(|number: &f64| plain && number.is_finite())
}
