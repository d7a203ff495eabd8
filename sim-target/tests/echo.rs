//! The framework, on the smallest target.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::verdict::Verdict;
use murphy_schedule::{Header, Schedule};
use murphy_sim::{Options, Outcome, Run, Runner, echo::Echo};

fn run(bug: Option<&str>, schedule: &Schedule) -> Outcome {
    let bugs: BTreeSet<String> = bug.into_iter().map(str::to_string).collect();
    Runner::new(Rc::new(Echo), bugs).run(schedule, Options::TRACE).clone()
}

#[test]
fn a_run_without_faults_completes_every_operation() {
    let schedule = Schedule { header: Header { seed: 7, ..Header::default() }, steps: Vec::new() };
    let outcome = run(None, &schedule);
    for event in outcome.trace.iter().take(60) {
        println!("{event:?}");
    }
    println!("{} events, {} ops, {:?}", outcome.events, outcome.history.operations.len(), outcome.verdict);
    println!("{:?}", outcome.history.operations);
    assert_eq!(outcome.verdict, Verdict::Valid);
}
