//! `raft-kv` keeps its promises, and each planted bug breaks them where its hand-written schedule says.

use std::rc::Rc;

use murphy_checker::{
    history::{Completion, Operation},
    verdict::Verdict,
};
use murphy_schedule::{Dice, Document, Header, Schedule, mutate};
use murphy_sim::{Options, Run, Runner, Target, vocabulary};
use murphy_targets::raft_kv::RaftKv;

fn runner(bug: Option<&str>) -> Runner<RaftKv> {
    Runner::new(Rc::new(RaftKv), bug.into_iter().map(String::from).collect())
}

fn random(index: u64) -> Schedule {
    mutate::random(&vocabulary(&RaftKv), &mut Dice::new(index))
}

/// Runs a file of `testdata` with its bug, which must show as `anomaly`, and without, which must show nothing.
#[track_caller]
fn check(text: &str, anomaly: &str) {
    let document = Document::parse(text).expect("the file is well-formed");
    let (_, bug) = document.target.split_once('+').expect("the file names a bug");
    let buggy = runner(Some(bug)).run(&document.schedule, Options::SEARCH).verdict.clone();
    assert!(matches!(&buggy, Verdict::Invalid(found) if found.name == anomaly), "with {bug}: {buggy:?}");
    let twin = runner(None).run(&document.schedule, Options::SEARCH).verdict.clone();
    assert!(matches!(twin, Verdict::Valid), "without {bug}: {twin:?}");
    assert_eq!(document.to_string(), text, "the file is not formatted");
}

#[test]
fn a_leader_without_a_quorum_must_not_read() {
    check(include_str!("../../testdata/raft-kv-b1.invalid.murphy"), "stale-read");
}

#[test]
fn a_new_leader_must_not_read_before_it_commits() {
    check(include_str!("../../testdata/raft-kv-b2.invalid.murphy"), "stale-read");
}

#[test]
fn a_lease_must_not_outlast_its_time_when_a_wall_clock_is_set_back() {
    check(include_str!("../../testdata/raft-kv-b5.invalid.murphy"), "stale-read");
}

#[test]
fn an_answer_must_not_leave_before_what_it_promises_is_durable() {
    check(include_str!("../../testdata/raft-kv-a4.invalid.murphy"), "committed-entry");
}

#[test]
fn an_older_terms_entry_is_not_committed_by_counting_who_has_it() {
    check(include_str!("../../testdata/raft-kv-a1.invalid.murphy"), "committed-entry");
}

#[test]
fn a_node_votes_once_in_a_term() {
    check(include_str!("../../testdata/raft-kv-a3.invalid.murphy"), "one-leader-per-term");
}

#[test]
fn a_pre_candidate_must_not_refuse_others_for_the_leader_it_lost() {
    check(include_str!("../../testdata/raft-kv-a12.invalid.murphy"), "stuck");
}

#[test]
fn voters_must_not_change_before_a_leader_has_committed() {
    check(include_str!("../../testdata/raft-kv-c1.invalid.murphy"), "committed-entry");
}

#[test]
fn an_old_snapshot_must_not_take_the_place_of_a_longer_log() {
    check(include_str!("../../testdata/raft-kv-d1.invalid.murphy"), "committed-entry");
}

#[test]
fn what_may_be_committed_yet_has_not_failed() {
    check(include_str!("../../testdata/raft-kv-d6.invalid.murphy"), "aborted-read");
}

#[test]
fn a_torn_end_of_the_log_is_cut_off_before_more_is_appended() {
    check(include_str!("../../testdata/raft-kv-d7.invalid.murphy"), "committed-entry");
}

#[test]
fn a_node_that_starts_again_does_not_bootstrap_again() {
    check(include_str!("../../testdata/raft-kv-bootstrap.invalid.murphy"), "cannot-bootstrap-this-node-is-part-of-a");
}

#[test]
fn without_faults_every_operation_is_answered() {
    let mut runner = runner(None);
    let compare_and_set = |operation: &Operation| operation.call.function == 2;
    for seed in 0..100 {
        let schedule =
            Schedule { header: Header { seed, nodes: 3 + (seed % 3) as u8, ..Header::default() }, steps: vec![] };
        let outcome = runner.run(&schedule, Options::SEARCH);
        assert!(matches!(outcome.verdict, Verdict::Valid), "seed {seed}: {:?}", outcome.verdict);
        assert!(outcome.history.operations.len() > 50, "seed {seed}: {} operations", outcome.history.operations.len());
        for operation in &outcome.history.operations {
            let led = operation.invoked_at > 600_000_000;
            match operation.completion {
                Some((Completion::Ok(_), _)) => {}
                Some((Completion::Fail, _)) if !led || compare_and_set(operation) => {}
                other => panic!("seed {seed}: {operation:?} ended {other:?}"),
            }
        }
    }
}

#[test]
fn random_schedules_find_every_shallow_bug() {
    for bug in RaftKv.about().bugs.into_iter().filter(|bug| bug.depth() == 'S') {
        let mut runner = runner(Some(bug.name));
        let found =
            (0..30_000).any(|index| matches!(runner.run(&random(index), Options::SEARCH).verdict, Verdict::Invalid(_)));
        assert!(found, "{}: {}", bug.name, bug.about);
    }
}

#[test]
fn a_run_is_a_function_of_its_schedule() {
    let (mut one, mut other) = (runner(None), runner(None));
    for index in 0..300 {
        let schedule = random(index);
        let first = one.run(&schedule, Options::SEARCH).trace_hash;
        let again = other.run(&schedule, Options::TRACE).trace_hash;
        assert_eq!(first, again, "schedule {index}");
        other.run(&random(index + 1000), Options::SEARCH);
    }
}
