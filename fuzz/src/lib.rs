//! What must hold of every schedule that a parser lets through, whatever it was made from. Shared by the entries.

use murphy_schedule::{Document, FaultKind, Schedule, forms, tree::Form};

/// A schedule that was read says the same in every form: text, bytes, TOML, YAML, JSON and script.
///
/// # Panics
/// If a form changes what it says.
pub fn says_the_same_in_every_form(document: &Document) {
    let schedule = &document.schedule;
    let text = document.to_string();
    let again = Document::parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"));
    assert_eq!(again.schedule, *schedule, "{text}");
    assert_eq!(again.to_string(), text, "formatting a second time changes something");
    assert_eq!(Schedule::from_bytes(&schedule.to_bytes()), *schedule, "bytes change something: {text}");
    for form in Form::ALL {
        let written = forms::print(form, document);
        let again = forms::parse(form, &written);
        let again = again.unwrap_or_else(|mistakes| panic!("{}: {mistakes:?}\n{text}\n{written}", form.name()));
        assert_eq!(again.schedule, *schedule, "{}: {text}\n{written}", form.name());
    }
}

/// Text for a parser: most bytes as they are, and those that no text contains as keywords, so that few bytes say much.
pub fn text_of(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let kind = FaultKind::ALL[usize::from(*byte) % FaultKind::ALL.len()];
            text.push_str(&format!("\n{}\n", kind.example()));
        }
    }
    text
}
