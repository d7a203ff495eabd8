//! `isr-log` keeps its promises, and the planted bug breaks them where its hand-written schedule says.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{history::Completion, verdict::Verdict};
use murphy_schedule::{Dice, Document, Header, Schedule, mutate};
use murphy_sim::{Options, Run, Runner, marks, vocabulary};
use murphy_targets::isr_log::IsrLog;

fn runner(bug: Option<&str>) -> Runner<IsrLog> {
    Runner::new(Rc::new(IsrLog), bug.into_iter().map(String::from).collect())
}

fn random(index: u64) -> Schedule {
    mutate::random(&vocabulary(&IsrLog), &mut Dice::new(index))
}

#[test]
fn a_follower_must_not_truncate_to_its_own_high_watermark() {
    let text = include_str!("../../testdata/isr-log-f4.invalid.murphy");
    let document = Document::parse(text).expect("the file is well-formed");
    let verdict = |bug| runner(bug).run(&document.schedule, Options::SEARCH).verdict.clone();
    let buggy = verdict(Some("F4"));
    assert!(matches!(&buggy, Verdict::Invalid(found) if found.name == "missing-element"), "{buggy:?}");
    assert_eq!(verdict(None), Verdict::Valid);
}

#[test]
fn without_faults_every_operation_succeeds() {
    let mut runner = runner(None);
    for seed in 0..100 {
        let schedule = Schedule { header: Header { seed, ..Header::default() }, steps: vec![] };
        let outcome = runner.run(&schedule, Options::SEARCH);
        assert!(matches!(outcome.verdict, Verdict::Valid), "seed {seed}: {:?}", outcome.verdict);
        assert!(outcome.history.operations.len() > 50, "seed {seed}: {} operations", outcome.history.operations.len());
        for operation in &outcome.history.operations {
            // Before the first decision of the controller has arrived nobody knows who leads.
            let led = operation.invoked_at > 10_000_000;
            match operation.completion {
                Some((Completion::Ok(_), _)) => {}
                Some((Completion::Fail, _)) if !led => {}
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
fn random_schedules_find_the_planted_bug() {
    let mut runner = runner(Some("F4"));
    let found = (0..30_000).find(|index| runner.run(&random(*index), Options::SEARCH).verdict.anomaly().is_some());
    assert!(found.is_some());
}

#[test]
fn every_mark_can_be_hit() {
    let mut runner = runner(None);
    let mut unhit: BTreeSet<_> = vocabulary(&IsrLog).marks.spellings().iter().cloned().collect();
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
