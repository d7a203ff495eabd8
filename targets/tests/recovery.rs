//! Our targets recover once all is healed, and within the time that they declare.

#![allow(clippy::print_stdout, reason = "the test says what it measured")]

use std::{collections::BTreeSet, time::Duration};

use murphy_checker::verdict::Class;
use murphy_schedule::{Dice, Schedule, mutate};
use murphy_sim::{Options, resolve};

/// What one operation may take its client beyond the recovery: two attempts of half a second.
const OPERATION: Duration = Duration::from_secs(1);

#[test]
fn targets_recover_within_the_time_that_they_declare() {
    let execs: u64 = std::env::var("MURPHY_EXECS").map_or(300, |execs| execs.parse().expect("a number of executions"));
    for target in murphy_targets::all() {
        let (about, words) = (target.about(), target.vocabulary());
        if about.recovers_within == Duration::MAX {
            continue;
        }
        let mut runner = target.runner(&BTreeSet::new());
        let (mut late, mut slowest) = (0, Duration::ZERO);
        for index in 0..execs {
            let schedule: Schedule = mutate::random(&words, &mut Dice::new(index));
            let heal = Duration::from_millis(10 * u64::from(resolve(&schedule.header, &about).heal));
            let outcome = runner.run(&schedule, Options::SEARCH);
            let class = outcome.verdict.anomaly().map(|anomaly| anomaly.class);
            assert_ne!(class, Some(Class::Liveness), "{}, {index}: {:?}\n{schedule:?}", about.name, outcome.verdict);
            // Reads begin when the schedule says, however soon the target was back.
            let took = Duration::from_nanos(outcome.recovered.unwrap_or(0)).saturating_sub(heal);
            late += u64::from(took > about.recovers_within + OPERATION);
            slowest = slowest.max(took);
        }
        let (name, promise) = (about.name, about.recovers_within);
        println!(
            "{name} promises {promise:?}: the slowest of {execs} runs took {slowest:?} more than its healing phase, {late} were late"
        );
        assert!(late * 1000 <= execs, "{name}: {late} of {execs} runs recovered later than {promise:?}");
    }
}
