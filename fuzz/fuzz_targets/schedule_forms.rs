//! The structured forms, of which the first byte picks one: reading never panics, and whatever is read says the same in every
//! form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use murphy_fuzz::says_the_same_in_every_form;
use murphy_schedule::{forms, tree::Form};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let (form, text) = (Form::ALL[usize::from(*first) % Form::ALL.len()], String::from_utf8_lossy(rest));
    let _ = form.read(&text);
    match forms::parse(form, &text) {
        Ok(document) => says_the_same_in_every_form(&document),
        Err(mistakes) => {
            assert!(mistakes.iter().all(|mistake| text.get(mistake.span.clone()).is_some()), "{mistakes:?}")
        }
    }
});
