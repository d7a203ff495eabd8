//! What holds of every target without a bug: no schedule gets it blamed, and every mark in its code can be hit.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use murphy_checker::verdict::Verdict;
use murphy_schedule::{Dice, Schedule, mutate};
use murphy_sim::{AnyTarget, Options, marks};

/// Crates whose published release breaks its promises; their own tests say how.
const PUBLISHED_BUGS: [&str; 3] = ["omnipaxos", "redb", "foca"];

fn random(target: &dyn AnyTarget, many: u64) -> impl Iterator<Item = Schedule> {
    let words = target.vocabulary();
    (0..many).map(move |index| mutate::random(&words, &mut Dice::new(index)))
}

/// The long run is `MURPHY_EXECS=100000`.
#[test]
fn random_schedules_blame_nobody() {
    let execs = std::env::var("MURPHY_EXECS").map_or(3000, |execs| execs.parse().expect("a number of executions"));
    for target in murphy_targets::deterministic() {
        let name = target.about().name;
        if PUBLISHED_BUGS.contains(&name) {
            continue;
        }
        let mut runner = target.runner(&BTreeSet::new());
        for (index, schedule) in random(&*target, execs).enumerate() {
            let verdict = &runner.run(&schedule, Options::SEARCH).verdict;
            assert_eq!(*verdict, Verdict::Valid, "{name}, schedule {index}: {schedule:?}");
        }
    }
}

#[test]
fn every_mark_can_be_hit() {
    let mut never = BTreeMap::new();
    for target in murphy_targets::deterministic() {
        let mut runner = target.runner(&BTreeSet::new());
        let mut unhit: BTreeSet<_> = target.vocabulary().marks.spellings().iter().cloned().collect();
        let seeds = common::seeds().map(|(_, document)| document.schedule);
        for schedule in seeds.chain(random(&*target, 50_000)) {
            if unhit.is_empty() {
                break;
            }
            let hits = &runner.run(&schedule, Options::SEARCH).signals.marks;
            for (name, _) in marks::names().iter().zip(hits).filter(|(_, hits)| **hits > 0) {
                unhit.remove(*name);
            }
        }
        if !unhit.is_empty() {
            never.insert(target.about().name, unhit);
        }
    }
    assert!(never.is_empty(), "never hit: {never:?}");
}
