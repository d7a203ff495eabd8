//! The crate `redb` 4.1.0 breaks its promise under random schedules, in the way that is known, and in no other.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{history::Completion, verdict::Verdict};
use murphy_schedule::{Dice, Document, Header, Schedule, mutate};
use murphy_sim::{Options, Run, Runner, vocabulary};
use murphy_targets::redb::RedbTarget;

fn runner() -> Runner<RedbTarget> {
    Runner::new(Rc::new(RedbTarget), BTreeSet::new())
}

fn random(index: u64) -> Schedule {
    mutate::random(&vocabulary(&RedbTarget), &mut Dice::new(index))
}

/// What a run is blamed for, if it is.
fn blamed(runner: &mut Runner<RedbTarget>, schedule: &Schedule) -> Option<String> {
    let verdict = &runner.run(schedule, Options::SEARCH).verdict;
    assert!(!matches!(verdict, Verdict::Unknown(_)), "{verdict:?}: {schedule:?}");
    verdict.anomaly().map(|anomaly| anomaly.name.to_string())
}

#[test]
fn without_faults_every_operation_is_answered() {
    let mut runner = runner();
    for seed in 0..20 {
        let header = Header { seed, ..Header::default() };
        let outcome = runner.run(&Schedule { header, steps: vec![] }, Options::SEARCH);
        assert_eq!(outcome.verdict, Verdict::Valid, "seed {seed}");
        for operation in &outcome.history.operations {
            let compare_and_set = operation.call.function == 2;
            match operation.completion {
                Some((Completion::Ok(_), _)) => {}
                Some((Completion::Fail, _)) if compare_and_set => {}
                other => panic!("seed {seed}: {operation:?} ended {other:?}"),
            }
        }
    }
}

#[test]
fn a_crash_while_the_file_grows_leaves_what_cannot_be_opened() {
    let text = include_str!("../../testdata/redb.invalid.murphy");
    let schedule = Document::parse(text).expect("it is a schedule").schedule;
    let blamed = blamed(&mut runner(), &schedule).expect("it is known to fail");
    assert!(blamed.contains("raw-file-len") || blamed.contains("cannot-be-opened"), "{blamed}");
}

/// How many runs say what, under `MURPHY_EXECS` random schedules.
#[test]
fn random_schedules_say_nothing_else_against_it() {
    let mut runner = runner();
    let execs = std::env::var("MURPHY_EXECS").map_or(1000, |execs| execs.parse().expect("a number of executions"));
    let found: Vec<(u64, String)> =
        (0..execs).filter_map(|index| Some((index, blamed(&mut runner, &random(index))?))).collect();
    println!("{execs} runs: {found:?}");
    for (index, name) in found {
        assert!(name.contains("raw-file-len") || name.contains("cannot-be-opened"), "schedule {index}: {name}");
    }
}
