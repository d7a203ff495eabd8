//! The crate `raft` keeps its promises under random schedules, and does all that its harness marks.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{history::Completion, verdict::Verdict};
use murphy_schedule::{Header, Schedule};
use murphy_sim::{Options, Run, Runner};
use murphy_targets::raft_rs::RaftRs;

fn runner() -> Runner<RaftRs> {
    Runner::new(Rc::new(RaftRs), BTreeSet::new())
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
