//! The crate `raft` keeps its promises under random schedules, and does all that its harness marks.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{history::Completion, verdict::Verdict};
use murphy_schedule::{Dice, Header, Schedule, mutate};
use murphy_sim::{Options, Run, Runner, marks, vocabulary};
use murphy_targets::raft_rs::RaftRs;

fn runner() -> Runner<RaftRs> {
    Runner::new(Rc::new(RaftRs), BTreeSet::new())
}

fn random(index: u64) -> Schedule {
    mutate::random(&vocabulary(&RaftRs), &mut Dice::new(index))
}

#[test]
fn without_faults_every_operation_is_answered_once_there_is_a_leader() {
    let mut runner = runner();
    for seed in 0..100 {
        let header = Header { seed, nodes: 3 + (seed % 3) as u8, ..Header::default() };
        let outcome = runner.run(&Schedule { header, steps: vec![] }, Options::SEARCH);
        assert_eq!(outcome.verdict, Verdict::Valid, "seed {seed}");
        let operations = &outcome.history.operations;
        assert!(operations.len() > 50, "seed {seed}: {} operations", operations.len());
        for operation in operations.iter().filter(|operation| operation.invoked_at > 1_000_000_000) {
            let compare_and_set = operation.call.function == 2;
            match operation.completion {
                Some((Completion::Ok(_), _)) => {}
                Some((Completion::Fail, _)) if compare_and_set => {}
                other => panic!("seed {seed}: {operation:?} ended {other:?}"),
            }
        }
    }
}

/// The long run is `MURPHY_EXECS=100000`.
#[test]
fn random_schedules_blame_nobody() {
    let mut runner = runner();
    let execs = std::env::var("MURPHY_EXECS").map_or(2000, |execs| execs.parse().expect("a number of executions"));
    for index in 0..execs {
        let schedule = random(index);
        let outcome = runner.run(&schedule, Options::SEARCH);
        assert_eq!(outcome.verdict, Verdict::Valid, "schedule {index}: {schedule:?}");
    }
}

#[test]
fn every_mark_can_be_hit() {
    let mut runner = runner();
    let mut unhit: BTreeSet<_> = vocabulary(&RaftRs).marks.spellings().iter().cloned().collect();
    for index in 0..10_000 {
        let hits = &runner.run(&random(index), Options::SEARCH).signals.marks;
        for (name, _) in marks::names().iter().zip(hits).filter(|(_, hits)| **hits > 0) {
            unhit.remove(*name);
        }
        if unhit.is_empty() {
            return;
        }
    }
    panic!("never hit: {unhit:?}");
}
