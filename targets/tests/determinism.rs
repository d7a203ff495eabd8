//! The same schedule gives the same trace hash: twice, after a thousand other runs, and in a new process. On every target but
//! the one that shows how it is caught if it does not.

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
};

use murphy_schedule::{Dice, Schedule, mutate};
use murphy_sim::{AnyTarget, Options, Run};

/// Schedules of each target; with a bug planted a part of them.
const SCHEDULES: usize = 1000;
const WITH_BUG: usize = 200;
/// Set in the process that only prints its hashes.
const PRINT: &str = "MURPHY_PRINT_HASHES";

fn schedules(target: &dyn AnyTarget, count: usize) -> Vec<Schedule> {
    let (words, mut dice) = (target.vocabulary(), Dice::new(1));
    (0..count).map(|_| mutate::random(&words, &mut dice)).collect()
}

fn hash(runner: &mut dyn Run, schedule: &Schedule) -> u64 {
    runner.run(schedule, Options::SEARCH).trace_hash
}

fn hashes(runner: &mut dyn Run, schedules: &[Schedule]) -> Vec<u64> {
    schedules.iter().map(|schedule| hash(runner, schedule)).collect()
}

/// Calls `with` for every target, clean and with each of its bugs, with a name for it, a fresh runner and its schedules.
fn for_each_target(mut with: impl FnMut(&str, &mut dyn Run, &[Schedule])) {
    for target in murphy_targets::deterministic() {
        let about = target.about();
        let bugs = about.bugs.iter().map(|bug| (BTreeSet::from([bug.name.to_string()]), WITH_BUG));
        for (bugs, count) in std::iter::once((BTreeSet::new(), SCHEDULES)).chain(bugs) {
            let name = format!("{}{bugs:?}", about.name);
            with(&name, &mut *target.runner(&bugs), &schedules(&*target, count));
        }
    }
}

#[test]
fn runs_repeat_after_a_thousand_others_and_in_a_new_process() {
    let line = |name: &str, hashes: &[u64]| format!("{name} {hashes:x?}");
    if std::env::var_os(PRINT).is_some() {
        return for_each_target(|name, runner, schedules| println!("hash {}", line(name, &hashes(runner, schedules))));
    }
    let program = std::env::current_exe().expect("a test knows its own program");
    let arguments = ["runs_repeat_after_a_thousand_others_and_in_a_new_process", "--exact", "--nocapture"];
    let other =
        Command::new(program).args(arguments).env(PRINT, "1").stdout(Stdio::piped()).spawn().expect("it starts");
    let mut ours = Vec::new();
    for_each_target(|name, runner, schedules| {
        let first = hashes(runner, schedules);
        let later = hashes(runner, schedules);
        let at = first.iter().zip(&later).position(|(first, later)| first != later);
        assert_eq!(at, None, "{name}, after {} other runs: {:?}", schedules.len() - 1, at.map(|at| &schedules[at]));
        let distinct: BTreeSet<u64> = first.iter().copied().collect();
        assert!(distinct.len() * 10 > first.len() * 9, "{name}: the hash hardly tells runs apart");
        ours.push(line(name, &first));
    });
    let output = other.wait_with_output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // The harness prints its own words before the first line of a test, without a line break.
    let theirs: Vec<String> =
        text.lines().filter_map(|line| line.split_once("hash ").map(|(_, line)| line.to_string())).collect();
    assert_eq!(ours, theirs);
}

/// A run that keeps its trace takes the long way with each message; one that does not, where nothing befalls it, the short way.
#[test]
fn a_run_that_is_watched_is_the_same_run() {
    for target in murphy_targets::deterministic() {
        let mut runner = target.runner(&BTreeSet::new());
        for schedule in schedules(&*target, WITH_BUG) {
            let [alone, watched] =
                [Options::SEARCH, Options::TRACE].map(|options| runner.run(&schedule, options).clone());
            let name = target.about().name;
            assert_eq!(alone.trace_hash, watched.trace_hash, "{name}: {schedule:?}");
            assert_eq!(alone.events, watched.events, "{name}: {schedule:?}");
            assert_eq!(alone.history.operations, watched.history.operations, "{name}: {schedule:?}");
            assert_eq!(alone.steps, watched.steps, "{name}: {schedule:?}");
            assert_eq!(alone.signals.states, watched.signals.states, "{name}: {schedule:?}");
        }
    }
}

#[test]
fn the_order_of_a_hash_map_shows_in_the_hash() {
    let targets = murphy_targets::all();
    let target = targets.iter().find(|target| target.about().name == "echo-nondet").expect("it ships with Murphy");
    let mut runner = target.runner(&BTreeSet::new());
    let schedules = schedules(&**target, 20);
    let differs = schedules.iter().filter(|schedule| hash(&mut *runner, schedule) != hash(&mut *runner, schedule));
    assert!(differs.count() > 10);
}
