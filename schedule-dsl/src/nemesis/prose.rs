//! How the file is laid out: comments, lengths that read well, canonical form.

use std::fmt::Write;

use crate::document::Document;

/// The widest comment.
const COMMENT_MAX: usize = 118;

/// A comment of one paragraph, wrapped.
pub(crate) fn comment(text: &mut String, remark: &str) {
    let mut width = 0;
    for word in remark.split_whitespace() {
        let letters = word.chars().count();
        if width == 0 || width + 1 + letters > COMMENT_MAX {
            text.push_str(if width == 0 { "#" } else { "\n#" });
            width = 1;
        }
        let _ = write!(text, " {word}");
        width += 1 + letters;
    }
    text.push('\n');
}

/// A length near `micros` that reads well, and that every field for a length can hold.
pub(crate) fn tidy(micros: u64) -> u64 {
    let unit = match micros {
        16_000_000.. => 100_000,
        1_000_000.. => 10_000,
        100_000.. => 1_000,
        _ => 100,
    };
    ((micros + unit / 2) / unit * unit).max(unit)
}

/// The text as `murphy fmt` has it.
pub(crate) fn canonical(text: String) -> String {
    Document::parse(&text).map_or(text, |document| document.to_string())
}
