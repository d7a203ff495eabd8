//! `crdt-store` keeps its promises, and each planted bug breaks them where its hand-written schedule says.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{history::Completion, verdict::Verdict};
use murphy_schedule::{Dice, Document, Header, Schedule, mutate};
use murphy_sim::{Options, Outcome, Run, Runner, vocabulary};
use murphy_targets::crdt_store::CrdtStore;

fn runner(bug: Option<&str>) -> Runner<CrdtStore> {
    Runner::new(Rc::new(CrdtStore), bug.into_iter().map(String::from).collect())
}

fn random(index: u64) -> Schedule {
    mutate::random(&vocabulary(&CrdtStore), &mut Dice::new(index))
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
fn numbers_that_begin_again_make_replicas_diverge() {
    let text = include_str!("../../testdata/crdt-store-j3.invalid.murphy");
    assert_eq!((anomaly(text, Some("J3")).as_deref(), anomaly(text, None)), (Some("diverged"), None));
}

#[test]
fn a_gap_that_nobody_asks_about_makes_replicas_diverge() {
    for text in [
        include_str!("../../testdata/crdt-store-gap.invalid.murphy"),
        include_str!("../../testdata/crdt-store-gap-dcs.invalid.murphy"),
    ] {
        assert_eq!((anomaly(text, Some("gap")).as_deref(), anomaly(text, None)), (Some("diverged"), None));
    }
}

/// In one data centre, or each replica in one of its own.
fn calm(seed: u64) -> Schedule {
    let topology = if seed.is_multiple_of(2) { "" } else { "dcs 3\nlatency between 40ms\n" };
    let document = Document::parse(&format!("murphy 1\nseed {seed}\nnodes 3\n{topology}")).expect("a schedule");
    Schedule { header: Header { nodes: 3 + (seed % 3) as u8, ..document.schedule.header }, steps: vec![] }
}

#[test]
fn without_faults_every_operation_is_answered_and_every_node_is_read() {
    let mut runner = runner(None);
    for seed in 0..100 {
        let schedule = calm(seed);
        let outcome = runner.run(&schedule, Options::SEARCH);
        assert_eq!(outcome.verdict, Verdict::Valid, "seed {seed}");
        assert!(outcome.history.operations.len() > 50, "seed {seed}: {} operations", outcome.history.operations.len());
        for operation in &outcome.history.operations {
            assert!(matches!(operation.completion, Some((Completion::Ok(_), _))), "seed {seed}: {operation:?}");
        }
        assert_eq!(final_nodes(outcome), (1..=u16::from(schedule.header.nodes)).collect(), "seed {seed}");
    }
}

/// The nodes that were read in the last phase.
fn final_nodes(outcome: &Outcome) -> BTreeSet<u16> {
    let last = outcome.history.operations.iter().filter(|one| one.invoked_at >= 5_000_000_000);
    last.map(|one| one.node).collect()
}

#[test]
fn random_schedules_find_every_planted_bug() {
    for bug in ["J3", "gap"] {
        let mut runner = runner(Some(bug));
        let found = (0..3_000).find_map(|index| runner.run(&random(index), Options::SEARCH).verdict.anomaly().cloned());
        assert!(found.is_some(), "{bug} is not found");
    }
}
