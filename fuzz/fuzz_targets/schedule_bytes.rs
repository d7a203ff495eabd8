//! The byte form: any bytes are a schedule, which says the same in every form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use murphy_fuzz::says_the_same_in_every_form;
use murphy_schedule::{Document, Schedule, Vocabulary};

fuzz_target!(|bytes: &[u8]| {
    let schedule = Schedule::from_bytes(bytes);
    says_the_same_in_every_form(&Document::new("any", schedule, &Vocabulary::default()));
});
