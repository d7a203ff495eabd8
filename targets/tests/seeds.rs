//! The seeds for any system, on ours: a correct one is not blamed under any of them, and what the world can do strikes.

mod common;

use std::collections::BTreeSet;

use murphy_schedule::{Document, FaultKind};
use murphy_sim::{AnyTarget, Options, Outcome};

/// The seeds that are for any target, or for this one.
fn seeds(target: &str) -> Vec<(String, Document)> {
    common::seeds().filter(|(_, document)| ["any", target].contains(&&*document.target)).collect()
}

fn target(name: &str) -> Box<dyn AnyTarget> {
    murphy_targets::all().into_iter().find(|target| target.about().name == name).expect("there is such a target")
}

/// The outcomes of all seeds on a target.
fn outcomes(name: &str) -> Vec<(String, Outcome)> {
    let mut runner = target(name).runner(&BTreeSet::new());
    let run = |(name, document): (String, Document)| (name, runner.run(&document.schedule, Options::SEARCH).clone());
    seeds(name).into_iter().map(run).collect()
}

#[test]
fn no_seed_blames_a_correct_system() {
    for target in ["raft-kv", "cycle", "isr-log", "paxos-register", "crdt-store", "lock-service", "raft-rs"] {
        for (seed, outcome) in outcomes(target) {
            assert!(outcome.verdict.anomaly().is_none(), "{target}, {seed}: {:?}", outcome.verdict);
        }
    }
}

#[test]
fn every_step_that_a_target_bears_strikes() {
    let (mut struck, possible) = (0, target("raft-kv").vocabulary().faults);
    for (seed, outcome) in outcomes("raft-kv") {
        // What a target does not offer or promise is void: damaged disks, splits of shards. It may refuse other changes by operators.
        let strikes = |kind: FaultKind| kind != FaultKind::Admin && possible.contains(&kind);
        for step in outcome.steps.iter().filter(|step| strikes(step.step.fault.kind())) {
            assert!(step.effects > 0, "{seed}: {} did nothing", step.step.fault.kind().keyword());
            struck += 1;
        }
    }
    assert!(struck > 50, "only {struck} steps");
}
