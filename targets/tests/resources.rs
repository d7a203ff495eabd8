//! What targets do when their nodes are short of processor or memory: they are slow, and keep their promises.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use murphy_schedule::{Dice, FaultKind, Vocabulary, mutate};
use murphy_sim::{Options, Run, Runner, Target, echo::Echo, vocabulary};
use murphy_targets::{omnipaxos::OmniPaxosTarget, raft_kv::RaftKv};

const FAULTS: [FaultKind; 7] = [
    FaultKind::Cpu,
    FaultKind::Memory,
    FaultKind::Leak,
    FaultKind::Yield,
    FaultKind::Clock,
    FaultKind::Crash,
    FaultKind::Partition,
];

/// What a target is blamed for under a thousand random schedules of these faults. What needs nothing of a target has effects in them.
fn blamed(target: impl Target) -> BTreeSet<String> {
    let vocabulary = Vocabulary { faults: FAULTS.to_vec(), ..vocabulary(&target) };
    let mut runner = Runner::new(Rc::new(target), BTreeSet::new());
    let mut effects: BTreeMap<FaultKind, u32> = BTreeMap::new();
    let mut blamed = BTreeSet::new();
    for seed in 0..1_000 {
        let schedule = mutate::random(&vocabulary, &mut Dice::new(seed));
        let outcome = runner.run(&schedule, Options::SEARCH);
        blamed.extend(outcome.verdict.anomaly().map(|anomaly| anomaly.name.to_string()));
        for report in &outcome.steps {
            *effects.entry(report.step.fault.kind()).or_default() += report.effects;
        }
    }
    assert!([FaultKind::Cpu, FaultKind::Yield].iter().all(|kind| effects[kind] > 100), "{effects:?}");
    blamed
}

#[test]
fn no_pressure_gets_a_correct_target_blamed() {
    assert_eq!(blamed(Echo), BTreeSet::new());
    assert_eq!(blamed(RaftKv), BTreeSet::new());
}

#[test]
fn pressure_shows_no_more_of_omnipaxos_than_what_its_release_is_known_for() {
    assert_eq!(blamed(OmniPaxosTarget), BTreeSet::from(["decided-entry".to_owned()]));
}
