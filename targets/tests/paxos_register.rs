//! `paxos-register` keeps its promises, and the planted bug breaks them where its hand-written schedule says.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{
    history::{Completion, Operation},
    verdict::Verdict,
};
use murphy_schedule::{Dice, Document, Header, Schedule, mutate};
use murphy_sim::{Options, Run, Runner, marks, vocabulary};
use murphy_targets::paxos_register::PaxosRegister;

fn runner(bug: Option<&str>) -> Runner<PaxosRegister> {
    Runner::new(Rc::new(PaxosRegister), bug.into_iter().map(String::from).collect())
}

fn random(index: u64) -> Schedule {
    mutate::random(&vocabulary(&PaxosRegister), &mut Dice::new(index))
}

#[test]
fn an_acceptor_must_not_go_back_to_an_older_proposal() {
    let text = include_str!("../../testdata/paxos-register-e4.invalid.murphy");
    let document = Document::parse(text).expect("the file is well-formed");
    let verdict = |bug| runner(bug).run(&document.schedule, Options::SEARCH).verdict.clone();
    let buggy = verdict(Some("E4"));
    assert!(matches!(&buggy, Verdict::Invalid(found) if found.name == "stale-cas"), "{buggy:?}");
    assert_eq!(verdict(None), Verdict::Valid);
}

#[test]
fn without_faults_every_operation_is_answered() {
    let mut runner = runner(None);
    let compare_and_set = |operation: &Operation| operation.call.function == 2;
    for seed in 0..100 {
        let header = Header { seed, keys: 1 + (seed % 2) as u8, ops: Some(60 + seed as u16), ..Header::default() };
        let outcome = runner.run(&Schedule { header, steps: vec![] }, Options::SEARCH);
        assert!(matches!(outcome.verdict, Verdict::Valid), "seed {seed}: {:?}", outcome.verdict);
        assert!(outcome.history.operations.len() > 50, "seed {seed}: {} operations", outcome.history.operations.len());
        for operation in &outcome.history.operations {
            match operation.completion {
                Some((Completion::Ok(_), _)) => {}
                Some((Completion::Fail, _)) if compare_and_set(operation) => {}
                other => panic!("seed {seed}: {operation:?} ended {other:?}"),
            }
        }
    }
}

#[test]
fn random_schedules_blame_nobody() {
    let mut runner = runner(None);
    let execs = std::env::var("MURPHY_EXECS").map_or(3000, |execs| execs.parse().expect("a number of executions"));
    for index in 0..execs {
        let schedule = random(index);
        let outcome = runner.run(&schedule, Options::SEARCH);
        assert!(matches!(outcome.verdict, Verdict::Valid), "schedule {index}: {:?}\n{schedule:?}", outcome.verdict);
    }
}

#[test]
fn every_mark_can_be_hit() {
    let mut runner = runner(None);
    let mut unhit: BTreeSet<_> = vocabulary(&PaxosRegister).marks.spellings().iter().cloned().collect();
    for index in 0..20_000 {
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
