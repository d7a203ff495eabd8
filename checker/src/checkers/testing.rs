//! The one door for the tests of checkers, through the reader of histories.

use std::{cell::Cell, collections::BTreeSet, fmt::Write};

use proptest::{prelude::*, test_runner::RngSeed};

use crate::{
    checkers::figures,
    explain::explain_as,
    family::Family,
    history::{Completion, Event, History, OpId, Operation, Value},
    observer::observe,
    read::{Format, read},
    verdict::Verdict,
};

thread_local! {
    static MUTED: Cell<&'static str> = const { Cell::new("") };
}

/// Whether the clause `name` is switched off.
pub(crate) fn is_muted(name: &str) -> bool {
    MUTED.get() == name
}

/// Reads one event a line, a nanosecond each: `0 add 1`, then `0 ok`, `0 ok [1 2]`, `0 fail` or `0 info`. `0@2` is process 0 at node 2.
/// Values are EDN; a completion without one repeats what was asked.
#[track_caller]
pub(crate) fn history(family: Family, text: &str) -> History {
    let mut asked = vec![("", ""); 16];
    let mut edn = String::new();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let (who, what, value) = (words.next().unwrap(), words.next().unwrap(), words.next());
        let (process, node) = who.split_once('@').unwrap_or((who, "0"));
        let open = &mut asked[process.parse::<usize>().expect("a line begins with its process")];
        let is_end = matches!(what, "ok" | "fail" | "info");
        let kind = if is_end { what } else { "invoke" };
        if !is_end {
            *open = (what, value.unwrap_or("nil"));
        }
        let (f, value) = (open.0, value.unwrap_or(open.1));
        writeln!(edn, "{{:process {process} :node {node} :type :{kind} :f :{f} :value {value}}}").unwrap();
    }
    read(&edn, Format::Edn, family).unwrap_or_else(|error| panic!("{error}\n{edn}"))
}

fn word(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Unknown(_) => "unknown",
        Verdict::Invalid(anomaly) => &anomaly.name,
    }
}

fn judged(family: Family, history: &History) -> Verdict {
    observe(&mut *family.judge(0), history)
}

/// What the checker says that sees no more of the history than has happened.
fn judged_online(family: Family, whole: &History) -> Verdict {
    let mut judge = family.judge(0);
    let mut history = History { functions: whole.functions, values: whole.values.clone(), ..History::default() };
    judge.reset();
    for event in &whole.events {
        match *event {
            Event::Invoke(op) => {
                let Operation { process, call, node, invoked_at, .. } = *whole.operation(op);
                history.invoke(process, call, node, invoked_at);
                judge.invoke(op, &history);
            }
            Event::Complete(op) => {
                let (completion, at) = whole.operation(op).completion.unwrap();
                history.complete(op, completion, at);
                if let Some(anomaly) = judge.complete(op, &history) {
                    return Verdict::Invalid(anomaly);
                }
            }
        }
    }
    judge.finish(&history)
}

/// The verdict is `valid`, `unknown`, or an anomaly's name, whole and as it happens.
#[track_caller]
pub(crate) fn check(family: Family, text: &str, expected: &str) {
    let history = history(family, text);
    assert_eq!(word(&judged(family, &history)), expected);
    assert_eq!(word(&judged_online(family, &history)), expected, "as it happens");
}

/// The history is wrong by the clause `name`, and by no other.
#[track_caller]
pub(crate) fn only(family: Family, text: &str, name: &'static str) {
    check(family, text, name);
    MUTED.set(name);
    let others = judged(family, &history(family, text));
    MUTED.set("");
    assert_eq!(others.anomaly(), None, "without the clause {name}");
}

/// The explanation begins with this sentence.
#[track_caller]
pub(crate) fn says(family: Family, text: &str, sentence: &str) {
    let history = history(family, text);
    let verdict = judged(family, &history);
    let told = explain_as(family, &history, verdict.anomaly().expect("the history is wrong"));
    assert_eq!(told.summary, sentence);
    assert!(!told.operations.is_empty() && told.picture.len() == told.operations.len());
}

/// The figures, in a line.
pub(crate) fn reported(family: Family, text: &str) -> String {
    let figures = figures(&mut *family.judge(0), &history(family, text));
    let figures: Vec<String> = figures.iter().map(|figure| format!("{} {}", figure.name, figure.value)).collect();
    figures.join(", ")
}

/// The clauses that a history breaks, by a definition; `None`: it cannot be judged.
pub(crate) type Clauses = Option<BTreeSet<&'static str>>;

/// The names of those that are broken.
pub(crate) fn clauses<const N: usize>(broken: [(&'static str, bool); N]) -> Clauses {
    Some(broken.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect())
}

/// Compares the checker with a definition on random histories: what processes ask is `invoke` of two random numbers, and how it ends
/// `complete` of the function and two.
pub(crate) fn compare(
    family: Family,
    oracle: fn(&History) -> Clauses,
    invoke: impl Fn(u8, u8) -> String,
    complete: impl Fn(&str, u8, u8) -> String,
) {
    let config =
        ProptestConfig { cases: 2_000, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Default::default() };
    let draws = prop::collection::vec((0..3_u8, any::<u8>(), any::<u8>()), 0..24);
    let (mut valid, mut invalid) = (0, 0);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let counts = std::cell::RefCell::new((&mut valid, &mut invalid));
    let done = runner.run(&draws, |draws| {
        let text = random(&draws, &invoke, &complete);
        let history = history(family, &text);
        let expected = oracle(&history);
        for verdict in [judged(family, &history), judged_online(family, &history)] {
            let is_so = match (&expected, word(&verdict)) {
                (None, word) => word == "unknown",
                (Some(broken), "valid") => broken.is_empty(),
                (Some(broken), name) => broken.contains(name),
            };
            prop_assert!(is_so, "{verdict:?}, but {expected:?}\n{text}");
        }
        let mut counts = counts.borrow_mut();
        match expected {
            Some(broken) if broken.is_empty() => *counts.0 += 1,
            Some(_) => *counts.1 += 1,
            None => {}
        }
        Ok(())
    });
    done.unwrap_or_else(|error| panic!("{error}"));
    assert!(valid > 50 && invalid > 50, "{valid} valid, {invalid} invalid: the histories are too much alike");
}

/// A history as text: each draw is an event of the process, the end of what it asked or else what it asks next.
fn random(
    draws: &[(u8, u8, u8)],
    invoke: &impl Fn(u8, u8) -> String,
    complete: &impl Fn(&str, u8, u8) -> String,
) -> String {
    let mut open = [const { None::<String> }; 3];
    let mut lines = Vec::new();
    for &(process, pick, value) in draws {
        let open = &mut open[usize::from(process)];
        let what = match open.take() {
            Some(function) => complete(&function, pick, value),
            None => {
                let call = invoke(pick, value);
                *open = call.split(' ').next().map(str::to_owned);
                call
            }
        };
        lines.push(format!("{process}@{} {what}", process + 1));
    }
    lines.join("\n")
}

/// The numbers below `count` whose bits are set, in EDN.
pub(crate) fn subset(bits: u8, count: u8) -> String {
    let items: Vec<String> = (0..count).filter(|at| bits & 1 << at != 0).map(|at| at.to_string()).collect();
    format!("[{}]", items.join(" "))
}

pub(crate) fn ops(history: &History) -> impl DoubleEndedIterator<Item = (OpId, &Operation)> {
    history.operations.iter().enumerate().map(|(at, operation)| (OpId(at as u32), operation))
}

pub(crate) fn is_ok(operation: &Operation) -> bool {
    matches!(operation.completion, Some((Completion::Ok(_), _)))
}

pub(crate) fn has_failed(operation: &Operation) -> bool {
    matches!(operation.completion, Some((Completion::Fail, _)))
}

pub(crate) fn int(value: Value) -> Option<u64> {
    match value {
        Value::Int(number) => Some(number),
        _ => None,
    }
}

/// Position of the invocation among all events.
pub(crate) fn invoked(history: &History, op: OpId) -> usize {
    history.events.iter().position(|event| *event == Event::Invoke(op)).unwrap()
}

/// Position of the completion, the largest number if there is none.
pub(crate) fn completed(history: &History, op: OpId) -> usize {
    history.events.iter().position(|event| *event == Event::Complete(op)).unwrap_or(usize::MAX)
}

/// Of each node that was asked anything, its last read, if that was asked for after the last update had ended. An update is function 0,
/// a read is function 1.
pub(crate) fn last_reads(history: &History) -> Vec<Option<OpId>> {
    let updates = ops(history).filter(|(_, one)| one.call.function == 0);
    let ends = |op| [invoked(history, op), Some(completed(history, op)).filter(|at| *at < usize::MAX).unwrap_or(0)];
    let last_update = updates.flat_map(|(op, _)| ends(op)).max().unwrap_or(0);
    let nodes: BTreeSet<u16> = history.operations.iter().map(|one| one.node).collect();
    let of = |node: u16| {
        let reads = ops(history).filter(move |(_, one)| one.node == node && one.call.function == 1 && is_ok(one));
        let last = reads.max_by_key(|(op, _)| completed(history, *op))?.0;
        (invoked(history, last) >= last_update).then_some(last)
    };
    nodes.into_iter().map(of).collect()
}

/// What clients of a queue ask.
pub(crate) fn queue_calls(pick: u8, value: u8) -> String {
    match pick % 8 {
        0..4 => format!("enqueue {}", value % 3),
        4..7 => "dequeue".to_owned(),
        _ => "drain".to_owned(),
    }
}

/// What they get.
pub(crate) fn queue_ends(function: &str, pick: u8, value: u8) -> String {
    match (function, pick % 16) {
        (_, 0) => "fail".to_owned(),
        (_, 1) => "info".to_owned(),
        ("dequeue", 2) => "ok".to_owned(),
        ("dequeue", _) => format!("ok {}", value % 3),
        ("drain", _) => format!("ok {}", subset(value, 3)),
        _ => "ok".to_owned(),
    }
}

/// The numbers that came out of an operation.
pub(crate) fn numbers(history: &History, op: OpId) -> Vec<u64> {
    super::numbers(history, op).to_vec()
}
