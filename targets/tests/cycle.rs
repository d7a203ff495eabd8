//! `cycle` keeps its ring whole, and a transaction that is not validated breaks it.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{history::Completion, verdict::Verdict};
use murphy_schedule::{Dice, Header, Schedule, mutate};
use murphy_sim::{Options, Run, Runner, vocabulary};
use murphy_targets::cycle::Cycle;

fn runner(bug: Option<&str>) -> Runner<Cycle> {
    Runner::new(Rc::new(Cycle), bug.into_iter().map(String::from).collect())
}

fn random(index: u64) -> Schedule {
    mutate::random(&vocabulary(&Cycle), &mut Dice::new(index))
}

#[test]
fn without_faults_every_transaction_ends_and_some_abort() {
    let mut runner = runner(None);
    let mut endings = BTreeSet::new();
    for seed in 0..100 {
        // Many at once, so that they meet.
        let schedule = Schedule {
            header: Header { seed, clients: 8, rate: 400, ops: Some(1000), ..Header::default() },
            steps: vec![],
        };
        let outcome = runner.run(&schedule, Options::SEARCH);
        assert_eq!(outcome.verdict, Verdict::Valid, "seed {seed}");
        let late = outcome.history.operations.iter().filter(|operation| operation.invoked_at > 600_000_000);
        endings.extend(late.map(|operation| match operation.completion {
            Some((Completion::Ok(_), _)) => "ok",
            Some((Completion::Fail, _)) => "fail",
            Some((Completion::Info, _)) | None => "open",
        }));
    }
    assert_eq!(endings, BTreeSet::from(["fail", "ok"]));
}

#[test]
fn random_schedules_break_the_ring_where_nothing_is_validated() {
    let mut runner = runner(Some("unvalidated"));
    let broken = |verdict: &Verdict| matches!(verdict, Verdict::Invalid(found) if found.name == "broken-ring");
    assert!((0..30_000).any(|index| broken(&runner.run(&random(index), Options::SEARCH).verdict)));
}
