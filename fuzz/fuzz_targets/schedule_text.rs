//! The text form: whatever is read says the same in every form, and every mistake lies within the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use murphy_fuzz::{says_the_same_in_every_form, text_of};
use murphy_schedule::Document;

fuzz_target!(|bytes: &[u8]| {
    let text = format!("murphy 1\n{}", text_of(bytes));
    match Document::parse(&text) {
        Ok(document) => says_the_same_in_every_form(&document),
        Err(mistakes) => {
            assert!(mistakes.iter().all(|mistake| text.get(mistake.span.clone()).is_some()), "{mistakes:?}")
        }
    }
    let _ = Document::parse(&String::from_utf8_lossy(bytes));
});
