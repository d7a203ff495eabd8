//! The importers, of which the first byte picks one: whatever they make of another tool's test is a schedule.

#![no_main]

use libfuzzer_sys::fuzz_target;
use murphy_fuzz::says_the_same_in_every_form;
use murphy_schedule::{Document, import};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let source = String::from_utf8_lossy(rest);
    let imported = if first % 2 == 0 { import::jepsen(&source, "any") } else { import::fdb(&source, "any") };
    match imported {
        Ok(text) => {
            let document = Document::parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"));
            says_the_same_in_every_form(&document);
        }
        Err(mistakes) => {
            assert!(mistakes.iter().all(|mistake| source.get(mistake.span.clone()).is_some()), "{mistakes:?}")
        }
    }
});
