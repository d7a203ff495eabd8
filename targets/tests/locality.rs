//! Editing one step of a schedule leaves unrelated latencies as they were. Without that, mutation is a lottery.

#![allow(clippy::print_stdout, reason = "the test says what it measured")]

use std::collections::{BTreeMap, BTreeSet};

use murphy_schedule::{Dice, FaultKind, Schedule, Step, Vocabulary, mutate};
use murphy_sim::{AnyTarget, Keying, NodeId, Options, Outcome, TraceEvent, What};

const EDITS: usize = 120;

/// Steps whose purpose is not to change latencies.
fn calm(schedule: &mut Schedule) {
    let kinds = [FaultKind::Partition, FaultKind::Block, FaultKind::Crash, FaultKind::Pause];
    schedule.steps.retain(|step| kinds.contains(&step.fault.kind()));
    (schedule.header.loss, schedule.header.duplication) = (0, 0);
}

/// Random schedules, each with an edit of one step.
fn edits(words: &Vocabulary) -> Vec<(Schedule, Schedule, Step, Step)> {
    let (mut dice, mut edits) = (Dice::new(4), Vec::new());
    while edits.len() < EDITS {
        let mut schedule = mutate::random(words, &mut dice);
        let mut donor = mutate::random(words, &mut dice);
        calm(&mut schedule);
        calm(&mut donor);
        if schedule.steps.len() >= 2 && !donor.steps.is_empty() {
            let mut edited = schedule.clone();
            let at = dice.below(schedule.steps.len() as u64) as usize;
            edited.steps[at] = Step { id: schedule.steps[at].id, ..donor.steps[0] };
            edits.push((schedule.clone(), edited.clone(), schedule.steps[at], edited.steps[at]));
        }
    }
    edits
}

fn begun(outcome: &Outcome, step: Step) -> u64 {
    let report = outcome.steps.iter().find(|report| report.step == step).expect("the step is in the schedule");
    report.begun.unwrap_or(u64::MAX)
}

/// Messages of one content on one link, as (sent, latency) in nanoseconds, in the order of sending.
type Messages<'a> = BTreeMap<(NodeId, NodeId, &'a str), Vec<(u64, u64)>>;

fn messages(outcome: &Outcome) -> Messages<'_> {
    let mut messages = Messages::new();
    for event in &outcome.trace {
        let (Some(from), What::Send { to, text, arrives: Some(at), .. }) = (event.node, &event.what) else { continue };
        messages.entry((from, *to, text)).or_default().push((event.time, at - event.time));
    }
    messages
}

/// A message of equal content that another run sent this much earlier or later, in nanoseconds, is the same message. The
/// heartbeat before or after it is not.
const SAME: u64 = 10_000_000;

/// Latencies, in both runs, of the messages that occur in both.
fn common(first: &Outcome, second: &Outcome) -> Vec<(u64, u64)> {
    let mut second = messages(second);
    let mut pairs = Vec::new();
    for (content, sent) in messages(first) {
        let Some(others) = second.get_mut(&content) else { continue };
        for (time, latency) in sent {
            if let Some(at) = others.iter().position(|(other, _)| other.abs_diff(time) <= SAME) {
                pairs.push((latency, others.remove(at).1));
            }
        }
    }
    pairs
}

/// Of the messages that occur in both runs of each edit, the share that keeps its latency, in percent.
fn kept(target: &dyn AnyTarget, keying: Keying, mut inspect: impl FnMut(&Outcome, &Outcome, u64)) -> f64 {
    let mut runner = target.runner(&BTreeSet::new());
    let options = Options { keying, ..Options::TRACE };
    let mut pairs = Vec::new();
    for (schedule, edited, old, new) in edits(&target.vocabulary()) {
        let first = runner.run(&schedule, options).clone();
        let second = runner.run(&edited, options).clone();
        inspect(&first, &second, begun(&first, old).min(begun(&second, new)));
        pairs.extend(common(&first, &second));
    }
    let same = pairs.iter().filter(|(before, after)| before == after).count();
    let (name, all) = (target.about().name, pairs.len());
    println!("{name}, {keying:?}: {same} of {all} messages that occur in both runs keep their latency");
    assert!(all > 1000, "{name} has too few messages to say anything");
    same as f64 * 100.0 / pairs.len() as f64
}

#[test]
fn an_edit_changes_nothing_before_its_step_begins_and_few_latencies_after() {
    let until = |events: &[TraceEvent], end: u64| {
        events.iter().take_while(|event| event.time < end).cloned().collect::<Vec<_>>()
    };
    for target in murphy_targets::deterministic() {
        if target.vocabulary().kinds.is_empty() {
            continue;
        }
        let name = target.about().name;
        let slots = kept(&*target, Keying::Slots, |first, second, begins| {
            assert_eq!(until(&first.trace, begins), until(&second.trace, begins), "{name}");
        });
        let streams = kept(&*target, Keying::Streams, |_, _, _| ());
        println!("{name}, keyed by slot: {slots:.1} %, by stream: {streams:.1} %");
        assert!(slots >= 95.0, "{name}: only {slots:.1} % of the latencies survive an edit");
        assert!(streams < slots, "{name}: streams keep {streams:.1} %: the comparison has lost its point");
    }
}
