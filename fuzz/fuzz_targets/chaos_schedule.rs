//! Fault schedules under libFuzzer: the target that `MURPHY_TARGET` names, `omnipaxos` if none.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use murphy::entry::{Entry, MARKS, STATES};
use murphy_schedule::Schedule;

const COUNTERS: usize = MARKS + STATES;

/// libFuzzer finds these counters by the name of their section, and clears them before each run.
#[used]
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static mut REACHED: [u8; COUNTERS] = [0; COUNTERS];

thread_local! {
    static ENTRY: RefCell<Entry> = RefCell::new(Entry::from_env(&murphy_targets::all(), "omnipaxos"));
}

fuzz_target!(init: ENTRY.with_borrow(|_| ()), |schedule: Schedule| {
    // SAFETY: libFuzzer runs the target in one thread, and nothing else refers to the counters.
    let counters = unsafe { &mut *(&raw mut REACHED) };
    ENTRY.with_borrow_mut(|entry| entry.run(&schedule, counters));
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    ENTRY.with_borrow(|entry| entry.mutate(data, size, max_size, seed))
});
