//! What targets do about disks that fail: they stop, start again when all is healed, and keep their promises throughout.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{history::Completion, verdict::Verdict};
use murphy_schedule::{Dice, Document, FaultKind, Vocabulary, mutate};
use murphy_sim::{Options, Run, Runner, Target, What, echo::Echo, vocabulary};
use murphy_targets::{omnipaxos::OmniPaxosTarget, raft_kv::RaftKv};

/// Under these steps a node stops itself, every node that did so starts again, and all keys can be read in the end.
#[track_caller]
fn check(target: impl Target, steps: &str) {
    let document = Document::parse(&format!("murphy 1\nseed 5\nops 60\n{steps}\n")).expect("it is correct");
    let outcome = Runner::new(Rc::new(target), BTreeSet::new()).run(&document.schedule, Options::TRACE).clone();
    assert_eq!(outcome.verdict, Verdict::Valid, "{steps}");
    let stops = outcome.trace.iter().enumerate().filter(|(_, event)| matches!(event.what, What::FailStop(_)));
    let stops: Vec<_> = stops.map(|(at, event)| (at, event.node)).collect();
    assert!(!stops.is_empty(), "{steps}: nobody stopped");
    for (at, node) in stops {
        let mut later = outcome.trace[at..].iter();
        assert!(later.any(|event| event.node == node && matches!(event.what, What::Start(_))), "{steps}: {node:?}");
    }
    let last = outcome.history.operations.last().expect("there are final reads");
    assert!(matches!(last.completion, Some((Completion::Ok(_), _))), "{steps}: {last:?}");
}

fn check_all(steps: &str) {
    check(Echo, steps);
    check(RaftKv, steps);
    check(OmniPaxosTarget, steps);
}

#[test]
fn a_target_whose_disk_fails_stops_and_starts_again_when_all_is_healed() {
    for call in ["write", "sync"] {
        for error in ["EIO", "ENOSPC", "EROFS", "EINTR", "ENOENT"] {
            check_all(&format!("at 1s disk-error all on {call} error {error} for 300ms"));
        }
    }
    check_all("at 1s disk-full all free 20B for 1s");
    check_all("at 1s crash n1, restart after 200ms\nat 1.1s disk-error n1 on read for 300ms");
    check_all("at 1s disk-error n1 in last record on write for 1s");
}

#[test]
fn nothing_that_a_disk_may_do_gets_a_correct_target_blamed() {
    fn blamed(target: impl Target, runs: u64) -> Vec<u64> {
        use FaultKind::{Crash, DiskDelay, DiskError, DiskFull, DiskStall, DiskThrottle, Heal, Partition};
        let faults = vec![DiskError, DiskFull, DiskDelay, DiskStall, DiskThrottle, Crash, Heal, Partition];
        let vocabulary = Vocabulary { faults, ..vocabulary(&target) };
        let mut runner = Runner::new(Rc::new(target), BTreeSet::new());
        let invalid = |seed: &u64| {
            let schedule = mutate::random(&vocabulary, &mut Dice::new(*seed));
            runner.run(&schedule, Options::SEARCH).verdict.anomaly().is_some()
        };
        (0..runs).filter(invalid).collect()
    }
    assert_eq!(blamed(Echo, 1_500), [0u64; 0]);
    assert_eq!(blamed(RaftKv, 1_500), [0u64; 0]);
}
