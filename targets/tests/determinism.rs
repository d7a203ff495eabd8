//! The same schedule gives the same trace hash: twice, after a thousand other runs, and in a new process.

use std::{collections::BTreeSet, process::Command};

use murphy_schedule::{Dice, Schedule, mutate};
use murphy_sim::{AnyTarget, Options, Run};

const SCHEDULES: usize = 200;
const OTHERS: usize = 1000;
/// Set in the process that only prints its hashes.
const PRINT: &str = "MURPHY_PRINT_HASHES";

fn schedules(target: &dyn AnyTarget, seed: u64, count: usize) -> Vec<Schedule> {
    let (words, mut dice) = (target.vocabulary(), Dice::new(seed));
    (0..count).map(|_| mutate::random(&words, &mut dice)).collect()
}

fn hashes(runner: &mut dyn Run, schedules: &[Schedule]) -> Vec<u64> {
    schedules.iter().map(|schedule| runner.run(schedule, Options::SEARCH).trace_hash).collect()
}

/// Every target, clean and with each of its bugs, with the hashes of its schedules in a fresh runner.
fn all_hashes() -> Vec<(String, Vec<u64>)> {
    let mut all = Vec::new();
    for target in murphy_targets::all() {
        let about = target.about();
        let bugs = about.bugs.iter().map(|bug| BTreeSet::from([bug.name.to_string()]));
        for bugs in std::iter::once(BTreeSet::new()).chain(bugs) {
            let mut runner = target.runner(&bugs);
            all.push((format!("{}{bugs:?}", about.name), hashes(&mut *runner, &schedules(&*target, 1, SCHEDULES))));
        }
    }
    all
}

#[test]
fn runs_repeat_in_one_process_and_after_a_thousand_others() {
    for target in murphy_targets::all() {
        let (probe, others) = (schedules(&*target, 1, SCHEDULES), schedules(&*target, 2, OTHERS));
        let mut runner = target.runner(&BTreeSet::new());
        let first = hashes(&mut *runner, &probe);
        assert_eq!(first, hashes(&mut *runner, &probe), "{}, again", target.about().name);
        hashes(&mut *runner, &others);
        assert_eq!(first, hashes(&mut *runner, &probe), "{}, after {OTHERS} other runs", target.about().name);
        let distinct: BTreeSet<u64> = first.iter().copied().collect();
        assert!(distinct.len() * 10 > probe.len() * 9, "{}: the hash hardly tells runs apart", target.about().name);
    }
}

#[test]
fn runs_repeat_in_a_new_process() {
    let lines = |all: Vec<(String, Vec<u64>)>| {
        all.iter().map(|(name, hashes)| format!("{name} {hashes:?}")).collect::<Vec<_>>()
    };
    if std::env::var_os(PRINT).is_some() {
        lines(all_hashes()).iter().for_each(|line| println!("hash {line}"));
        return;
    }
    let program = std::env::current_exe().expect("a test knows its own program");
    let name = "runs_repeat_in_a_new_process";
    let output =
        Command::new(program).args([name, "--exact", "--nocapture"]).env(PRINT, "1").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // The harness prints its own words before the first line of a test, without a line break.
    let theirs: Vec<String> =
        text.lines().filter_map(|line| line.split_once("hash ").map(|(_, line)| line.to_string())).collect();
    assert_eq!(lines(all_hashes()), theirs);
}
