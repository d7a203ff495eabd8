//! `paxos-register` keeps its promises, and the planted bug breaks them where its hand-written schedule says.

use std::rc::Rc;

use murphy_checker::{
    history::{Completion, Operation},
    verdict::Verdict,
};
use murphy_schedule::{Document, Header, Schedule};
use murphy_sim::{Options, Run, Runner};
use murphy_targets::paxos_register::PaxosRegister;

fn runner(bug: Option<&str>) -> Runner<PaxosRegister> {
    Runner::new(Rc::new(PaxosRegister), bug.into_iter().map(String::from).collect())
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
