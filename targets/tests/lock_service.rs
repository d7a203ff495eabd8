//! `lock-service` keeps its promises, and each planted bug breaks them where its hand-written schedule says.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{
    history::{Completion, Operation},
    verdict::Verdict,
};
use murphy_schedule::{Dice, Document, Header, Schedule, mutate};
use murphy_sim::{Options, Run, Runner, marks, vocabulary};
use murphy_targets::lock_service::LockService;

fn runner(bug: Option<&str>) -> Runner<LockService> {
    Runner::new(Rc::new(LockService), bug.into_iter().map(String::from).collect())
}

fn random(index: u64) -> Schedule {
    mutate::random(&vocabulary(&LockService), &mut Dice::new(index))
}

/// The name of the anomaly that this bug shows as under the schedule of a file.
#[track_caller]
fn anomaly(text: &str, bug: Option<&str>) -> Option<String> {
    let document = Document::parse(text).expect("the file is well-formed");
    let mut runner = runner(bug);
    let outcome = runner.run(&document.schedule, Options::SEARCH);
    outcome.verdict.anomaly().map(|found| found.name.to_string())
}

#[test]
fn a_worker_that_was_away_for_longer_than_its_lease_must_not_write() {
    let text = include_str!("../../testdata/lock-service-unfenced.invalid.murphy");
    let found = anomaly(text, Some("unfenced"));
    assert_eq!((found.as_deref(), anomaly(text, None)), (Some("incompatible-order"), None));
}

#[test]
fn a_grant_must_not_be_told_before_it_is_durable() {
    let text = include_str!("../../testdata/lock-service-volatile-grants.invalid.murphy");
    let found = anomaly(text, Some("volatile-grants"));
    assert_eq!((found.as_deref(), anomaly(text, None)), (Some("double-hold"), None));
}

#[test]
fn without_faults_every_operation_is_answered() {
    let mut runner = runner(None);
    for seed in 0..100 {
        let header = Header { seed, nodes: 4 + (seed % 2) as u8, ..Header::default() };
        let outcome = runner.run(&Schedule { header, steps: vec![] }, Options::SEARCH);
        assert_eq!(outcome.verdict, Verdict::Valid, "seed {seed}");
        assert!(outcome.history.operations.len() > 50, "seed {seed}: {} operations", outcome.history.operations.len());
        let is_ok = |one: &&Operation| matches!(one.completion, Some((Completion::Ok(_), _)));
        let is_answered = |one: &&Operation| matches!(one.completion, Some((Completion::Ok(_) | Completion::Fail, _)));
        let (ok, answered) = (
            outcome.history.operations.iter().filter(is_ok).count(),
            outcome.history.operations.iter().filter(is_answered).count(),
        );
        // Locks are busy, and released by who has none; workers are.
        assert_eq!(answered, outcome.history.operations.len(), "seed {seed}");
        assert!(ok * 3 > answered, "seed {seed}: {ok} of {answered} succeeded");
    }
}

#[test]
fn two_that_wait_for_each_other_are_told_apart_by_the_end_of_a_lease() {
    // Many transactions on two locks, in either order.
    let text = "murphy 1\nseed 1\nnodes 5, clients 6, keys 2, ops 400\n";
    let header = Document::parse(text).expect("a schedule").schedule.header;
    let mut runner = runner(None);
    let mut hits: BTreeSet<&str> = BTreeSet::new();
    for seed in 0..20 {
        let outcome = runner.run(&Schedule { header: Header { seed, ..header }, steps: vec![] }, Options::SEARCH);
        assert_eq!(outcome.verdict, Verdict::Valid, "seed {seed}");
        let marks = marks::names().iter().zip(outcome.signals.marks.clone());
        hits.extend(marks.filter(|(_, hits)| *hits > 0).map(|(name, _)| name));
    }
    for mark in ["a lease runs out before those who wait", "a read is fenced", "several wait for one lock"] {
        assert!(hits.contains(mark), "{mark}: {hits:?}");
    }
}

#[test]
fn random_schedules_find_every_planted_bug() {
    for bug in ["unfenced", "volatile-grants"] {
        let mut runner = runner(Some(bug));
        let found =
            (0..30_000).find_map(|index| runner.run(&random(index), Options::SEARCH).verdict.anomaly().cloned());
        assert!(found.is_some(), "{bug} is not found");
    }
}

/// A commit is made and its answer lost. A copy of the read before it comes late, and is fenced: that is no answer to the commit.
#[test]
fn a_late_read_that_is_fenced_calls_no_commit_failed() {
    let text = "murphy 1\ntarget lock-service\nseed 0x5b298f82d149045\nnodes 5, clients 4, keys 1, ops 22\n\
        phases chaos 400ms, heal 1s, settle 3s\nbefore send Committed n2->n5 #4 loss\n\
        before send Read n5->n2 #5 duplicate lag 21ms\n\
        after manager write #1 +100ms disk-delay manager takes 90ms for lease\n";
    assert_eq!(anomaly(text, None), None);
}

/// A manager that crashes while it waits for its disk has not seen the time at which it would have gone on.
#[test]
fn a_clock_is_not_where_a_handler_foresaw_it_that_a_crash_ended() {
    let text = "murphy 1\ntarget lock-service\nseed 0x5cd2f7f68f6226bd\nnodes 4, clients 2, keys 1, ops 42\n\
        phases chaos 3s, heal 1s, settle 3s\ns14: at 0s note\nat 900ms attrition n1 gap 3ms down 0s for 200ms\n\
        after s14 begins +20us disk-delay manager on read takes bimodal 670us or 202ms share 5%\n";
    assert_eq!(anomaly(text, None), None);
}
