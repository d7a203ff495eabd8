//! The crate `foca` 0.11.0 breaks its promise under random schedules, in the way that is known, and in no other.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{history::Completion, verdict::Verdict};
use murphy_schedule::{Dice, Document, Header, Schedule, mutate};
use murphy_sim::{Options, Run, Runner, vocabulary};
use murphy_targets::foca::FocaTarget;

fn runner() -> Runner<FocaTarget> {
    Runner::new(Rc::new(FocaTarget), BTreeSet::new())
}

fn random(index: u64) -> Schedule {
    mutate::random(&vocabulary(&FocaTarget), &mut Dice::new(index))
}

#[test]
fn without_faults_every_node_knows_all_others() {
    let mut runner = runner();
    for seed in 0..50 {
        let nodes = 3 + (seed % 3) as u8;
        let header = Header { seed, nodes, ..Header::default() };
        let outcome = runner.run(&Schedule { header, steps: vec![] }, Options::SEARCH);
        assert_eq!(outcome.verdict, Verdict::Valid, "seed {seed}");
        for operation in outcome.history.operations.iter().filter(|operation| operation.invoked_at > 1_500_000_000) {
            let Some((Completion::Ok(value), _)) = operation.completion else { panic!("seed {seed}: {operation:?}") };
            assert_eq!(value, murphy_checker::history::Value::Int(nodes.into()), "seed {seed}: {operation:?}");
        }
    }
}

#[test]
fn two_halves_that_have_given_each_other_up_never_stop_to_say_so() {
    let text = include_str!("../../testdata/foca.invalid.murphy");
    let schedule = Document::parse(text).expect("it is a schedule").schedule;
    let verdict = runner().run(&schedule, Options::SEARCH).verdict.clone();
    assert_eq!(verdict.anomaly().map(|anomaly| &*anomaly.name), Some("message-flood"));
}

#[test]
fn random_schedules_find_the_flood_and_nothing_else() {
    let mut runner = runner();
    let execs = std::env::var("MURPHY_EXECS").map_or(3000, |execs| execs.parse().expect("a number of executions"));
    let mut found = 0;
    for index in 0..execs {
        match &runner.run(&random(index), Options::SEARCH).verdict {
            Verdict::Valid => {}
            Verdict::Invalid(anomaly) if anomaly.name == "message-flood" => found += 1,
            other => panic!("schedule {index}: {other:?}"),
        }
    }
    println!("{found} of {execs} runs");
    assert!(found * 100 > execs, "{found} of {execs} runs");
}
