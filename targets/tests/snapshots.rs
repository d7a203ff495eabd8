//! A run that goes on from a snapshot is the run from the start, whatever schedule it goes on under.

#![allow(clippy::print_stdout, reason = "the test says what it tried")]

use std::collections::{BTreeMap, BTreeSet};

use murphy_schedule::{Dice, Header, Schedule, Step, When, mutate};
use murphy_sim::{AnyTarget, Options, Outcome, Snapshot};

/// Targets on crates whose types cannot be copied: their runs always begin at the start.
const NOT_COPIED: &[&str] = &["omnipaxos", "raft-rs", "redb", "foca"];

/// A run's outcome in one comparable piece.
#[track_caller]
fn assert_same(resumed: &Outcome, whole: &Outcome, what: &str) {
    let numbers = |outcome: &Outcome| (outcome.trace_hash, outcome.events, outcome.time);
    assert_eq!(resumed.trace, whole.trace, "{what}");
    assert_eq!(numbers(resumed), numbers(whole), "{what}");
    assert_eq!(resumed.verdict, whole.verdict, "{what}");
    assert_eq!(resumed.history, whole.history, "{what}");
    assert_eq!(resumed.steps, whole.steps, "{what}");
    assert_eq!(resumed.signals.marks, whole.signals.marks, "{what}");
    assert_eq!(resumed.signals.states, whole.signals.states, "{what}");
    assert_eq!(resumed.signals.moments, whole.signals.moments, "{what}");
}

/// Another schedule, most often one that differs late.
fn mutant(target: &dyn AnyTarget, schedule: &Schedule, snapshot: &Snapshot, dice: &mut Dice) -> Schedule {
    let words = target.vocabulary();
    let donor = mutate::random(&words, dice);
    let mut mutant = schedule.clone();
    let now = (snapshot.time() / 1000) as u32;
    for _ in 0..=dice.below(3) {
        let at = dice.below(mutant.steps.len().max(1) as u64) as usize;
        match dice.below(8) {
            0 if !mutant.steps.is_empty() => _ = mutant.steps.remove(at),
            1 => {
                let Header { heal, settle, .. } = donor.header;
                mutant.header = Header { heal, settle, ..mutant.header };
            }
            2 => {
                let header = mutant.header;
                mutate::mutate(&mut mutant, Some(&donor), &words, dice);
                mutant.header = header;
            }
            3..5 => mutant.steps.extend(dice.pick(&donor.steps)),
            // The same step once more: which of them is which?
            5 => mutant.steps.extend(schedule.steps.get(at)),
            _ => mutant.steps.extend(dice.pick(&donor.steps).map(|step| late(*step, now, dice))),
        }
    }
    mutant
}

/// The same step at a time that is still to come.
fn late(step: Step, now: u32, dice: &mut Dice) -> Step {
    Step { when: When::At(now + 1 + dice.below(1_000_000) as u32), ..step }
}

/// Resumes so many mutants of random schedules of a target from snapshots of their runs.
fn check(target: &dyn AnyTarget, bugs: BTreeSet<String>, options: Options, cases: usize) {
    let (words, mut dice) = (target.vocabulary(), Dice::new(3));
    let (mut runner, mut other) = (target.runner(&bugs), target.runner(&bugs));
    let (mut served, mut refused) = (0, BTreeMap::new());
    while served < cases {
        let draw = if dice.chance(1, 4) { mutate::pct } else { mutate::random };
        let schedule = draw(&words, &mut dice);
        let whole = other.run(&schedule, options).clone();
        let mut moments: Vec<u64> = (0..4).map(|_| dice.below(whole.events)).collect();
        moments.sort_unstable();
        let snapshots = runner.run_keeping(&schedule, options, &moments);
        assert_same(runner.outcome_mut(), &whole, "taking snapshots changes nothing");
        assert_eq!(snapshots.iter().map(Snapshot::events).collect::<Vec<_>>(), moments);
        for snapshot in &snapshots {
            let what = |schedule: &Schedule| format!("from event {}: {schedule:?}", snapshot.events());
            let resumed = runner.resume(snapshot, &schedule, options).expect("a snapshot serves its own schedule");
            assert_same(resumed, &whole, &what(&schedule));
            for _ in 0..6 {
                let mutant = mutant(target, &schedule, snapshot, &mut dice);
                match runner.resume(snapshot, &mutant, options) {
                    Ok(resumed) => {
                        let run = || format!("{}\ninstead of {schedule:?}", what(&mutant));
                        assert_same(resumed, other.run(&mutant, options), &run());
                        served += 1;
                    }
                    Err(reason) => *refused.entry(format!("{reason:?}")).or_insert(0) += 1,
                }
            }
        }
    }
    println!("{}: {served} mutants served, refused {refused:?}", target.about().name);
}

#[test]
fn a_resumed_run_is_the_run_from_the_start() {
    let cases = std::env::var("MURPHY_EXECS").map_or(1000, |execs| execs.parse().expect("a number of executions"));
    for target in murphy_targets::deterministic().iter().filter(|target| !NOT_COPIED.contains(&target.about().name)) {
        check(&**target, BTreeSet::new(), Options::SEARCH, cases);
        check(&**target, BTreeSet::new(), Options::TRACE, cases / 20);
        for bug in target.about().bugs {
            check(&**target, BTreeSet::from([bug.name.to_owned()]), Options::SEARCH, cases / 20);
        }
    }
}
