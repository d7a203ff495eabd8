//! Checkers that count: each goes through a history once, or once more at its end, and searches nothing.
//!
//! Each is a small file with its definition on top, most of them Jepsen's under Jepsen's names. They say less than
//! linearizability does and say it of histories of any length, and of systems that promise less. A [`Checker`] judges one object;
//! [`ByKey`] makes an observer of it that keeps the objects of a history apart.
//!
//! What a definition decides by what happens later (a lost element, an add that turns out to have failed) is said at the end of
//! the history; all else at the event that shows it.
//!
//! Deliberately absent: orders of operations; see [`crate::linearizability`], [`crate::set`] and [`crate::list_append`].

pub mod bank;
pub mod convergence;
pub mod counter;
pub mod elements;
pub mod fifo_groups;
pub mod final_reads;
pub mod g_set;
pub mod kafka;
pub mod lock;
pub mod log_patterns;
pub mod message_rate;
pub mod monotonic;
pub mod queue;
pub mod replicated;
pub mod ring;
pub mod set;
pub mod set_full;
pub mod stats;
pub mod total_queue;
pub mod unique_ids;

use crate::{
    explain::told,
    history::{Completion, Event, History, OpId, Operation, Process, Value},
    interner::Interner,
    observer::Observer,
    verdict::{Anomaly, Class, Evidence, Verdict},
};

/// Something was acknowledged and is gone.
pub const LOST: &str = "lost";
/// Something came back that nobody had asked for.
pub const UNEXPECTED: &str = "unexpected";
/// Something came back more often than it was put in.
pub const DUPLICATED: &str = "duplicated";

/// A number that a checker reports besides its verdict. Its name ends with its unit, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What was counted: `lost`, `stable_latency_max_ns`.
    pub name: String,
    /// How many, or how long.
    pub value: u64,
}

impl Figure {
    /// A figure of this name.
    pub fn new(name: impl Into<String>, value: impl TryInto<u64>) -> Self {
        Self { name: name.into(), value: value.try_into().unwrap_or(u64::MAX) }
    }
}

/// How the smallest, the middle and the largest of `samples` are reported.
pub(crate) fn spread(name: &str, samples: &mut [u64]) -> Vec<Figure> {
    samples.sort_unstable();
    let Some(last) = samples.len().checked_sub(1) else { return Vec::new() };
    let quantile =
        |(word, of_hundred): (&str, usize)| Figure::new(format!("{name}_{word}_ns"), samples[last * of_hundred / 100]);
    [("min", 0), ("median", 50), ("p95", 95), ("p99", 99), ("max", 100)].map(quantile).into()
}

/// An event of a history, as a checker hears of it.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The history; nothing after the event need be in it.
    pub history: &'a History,
    /// Whose event it is.
    pub op: OpId,
    /// Its position among all events.
    pub at: u32,
    /// The position of the operation's invocation.
    pub invoked: u32,
}

impl<'a> Heard<'a> {
    /// The operation.
    pub fn operation(&self) -> &'a Operation {
        self.history.operation(self.op)
    }

    /// The number that was handed in, if one was.
    pub fn input(&self) -> Option<u64> {
        match self.operation().call.input {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// What came out, if the operation completed and took effect.
    pub fn output(&self) -> Option<Value> {
        output(self.history, self.op)
    }

    /// Whether it is known by now that the operation took no effect.
    pub fn has_failed(&self) -> bool {
        matches!(self.operation().completion, Some((Completion::Fail, _)))
    }
}

/// Who answered an operation: its node, or, where the history names none, one that stands for its process.
pub(crate) fn replica(operation: &Operation) -> u64 {
    match operation.node {
        0 => 1 << Process::BITS | u64::from(operation.process),
        node => node.into(),
    }
}

/// What came out of `op`, if it completed and took effect.
pub(crate) fn output(history: &History, op: OpId) -> Option<Value> {
    match history.operation(op).completion {
        Some((Completion::Ok(output), _)) => Some(output),
        _ => None,
    }
}

/// The numbers that came out of `op`.
pub(crate) fn numbers(history: &History, op: OpId) -> &[u64] {
    match &history.operation(op).completion {
        Some((Completion::Ok(output), _)) => history.values.numbers(output),
        _ => &[],
    }
}

/// The events of one key, as a checker hears of them.
pub(crate) fn events_of(history: &History, key: u32) -> impl Iterator<Item = (Event, Heard<'_>)> {
    let mut invoked = vec![0; history.operations.len()];
    let hear = move |(at, event): (u32, &Event)| {
        let (Event::Invoke(op) | Event::Complete(op)) = *event;
        if *event == Event::Invoke(op) {
            invoked[op.0 as usize] = at;
        }
        (*event, Heard { history, op, at, invoked: invoked[op.0 as usize] })
    };
    (0..).zip(&history.events).map(hear).filter(move |(_, event)| event.operation().call.key == key)
}

/// A checker of one object.
pub trait Checker: Clone + 'static {
    /// An operation was invoked.
    fn invoke(&mut self, event: Heard<'_>);
    /// An operation completed; what is wrong now, whatever comes.
    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly>;
    /// The history is over. Asked only where nothing was wrong before.
    fn finish(&mut self, _history: &History) -> Verdict {
        Verdict::Valid
    }
    /// What was counted, after [`finish`](Self::finish).
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
}

/// An observer that judges each key by a checker of its own.
#[derive(Clone)]
pub struct ByKey<C> {
    new: C,
    keys: Interner<u32>,
    checkers: Vec<C>,
    event_count: u32,
    /// By [`OpId`], the position of the invocation among all events.
    invoked: Vec<u32>,
    anomaly: Option<Anomaly>,
}

impl<C: Checker> ByKey<C> {
    /// One that judges each key as `new` does, which has seen nothing.
    pub fn new(new: C) -> Self {
        let (checkers, invoked) = (Vec::new(), Vec::new());
        Self { new, keys: Interner::new(), checkers, event_count: 0, invoked, anomaly: None }
    }

    fn hear<'a>(&mut self, op: OpId, history: &'a History) -> (&mut C, Heard<'a>) {
        let key = self.keys.id(history.operation(op).call.key) as usize;
        if key == self.checkers.len() {
            self.checkers.push(self.new.clone());
        }
        let at = self.event_count;
        self.event_count += 1;
        if op.0 as usize == self.invoked.len() {
            self.invoked.push(at);
        }
        (&mut self.checkers[key], Heard { history, op, at, invoked: self.invoked[op.0 as usize] })
    }
}

impl<C: Checker> Observer for ByKey<C> {
    /// Keeps no memory: what a checker counts is as long as its history.
    fn reset(&mut self) {
        self.keys.clear();
        self.checkers.clear();
        self.event_count = 0;
        self.invoked.clear();
        self.anomaly = None;
    }

    fn invoke(&mut self, op: OpId, history: &History) {
        let (checker, event) = self.hear(op, history);
        checker.invoke(event);
    }

    fn complete(&mut self, op: OpId, history: &History) -> Option<Anomaly> {
        let (checker, event) = self.hear(op, history);
        let found = checker.complete(event)?;
        Some(self.anomaly.get_or_insert(found).clone())
    }

    fn finish(&mut self, history: &History) -> Verdict {
        if self.checkers.is_empty() {
            return self.new.clone().finish(history);
        }
        let online = self.anomaly.clone().map_or(Verdict::Valid, Verdict::Invalid);
        let rest = self.checkers.iter_mut().map(|checker| checker.finish(history));
        std::iter::once(online).chain(rest).fold(Verdict::Valid, worse)
    }

    fn fork(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }

    fn figures(&self) -> Vec<Figure> {
        let named = |at: usize, figure: Figure| match self.checkers.len() {
            1 => figure,
            _ => Figure { name: format!("k{}.{}", self.keys.item(at as u32), figure.name), ..figure },
        };
        let of = |(at, checker): (usize, &C)| checker.figures().into_iter().map(move |figure| (at, figure)).collect();
        let all: Vec<(usize, Figure)> = self.checkers.iter().enumerate().flat_map::<Vec<_>, _>(of).collect();
        all.into_iter().map(|(at, figure)| named(at, figure)).collect()
    }
}

/// What `observer` counts in a whole history, right or wrong.
pub fn figures(observer: &mut dyn Observer, history: &History) -> Vec<Figure> {
    observer.reset();
    for &event in &history.events {
        match event {
            Event::Invoke(op) => observer.invoke(op, history),
            Event::Complete(op) => drop(observer.complete(op, history)),
        }
    }
    let _ = observer.finish(history);
    observer.figures()
}

/// The first that is invalid, or else unknown.
fn worse(one: Verdict, other: Verdict) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Invalid(_) => 0,
        Verdict::Unknown(_) => 1,
        Verdict::Valid => 2,
    };
    if rank(&other) < rank(&one) { other } else { one }
}

/// What the clause `name` found: these operations, in order, show it, as the sentence says without a full stop.
#[cold]
pub(crate) fn breach(name: &'static str, operations: &[OpId], sentence: String) -> Option<Anomaly> {
    #[cfg(test)]
    if testing::is_muted(name) {
        return None;
    }
    let mut operations = operations.to_vec();
    operations.sort_unstable();
    operations.dedup();
    let evidence = Evidence::Operations { operations, sentence };
    Some(Anomaly { class: Class::Invariant, name: name.into(), evidence })
}

/// Invalid if something was found.
pub(crate) fn verdict(found: Option<Anomaly>) -> Verdict {
    found.map_or(Verdict::Valid, Verdict::Invalid)
}

/// `, and 3 more`: those of `count` that a sentence does not name.
pub(crate) fn more(count: usize) -> String {
    if count > 1 { format!(", and {} more", count - 1) } else { String::new() }
}

/// A number of a history as people read it.
pub(crate) fn spell(history: &History, number: u64) -> String {
    history.names.number(number)
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use crate::family::Family;

    #[test]
    fn the_page_for_users_has_every_checker() {
        let page = include_str!("../../docs/checkers.md");
        for family in Family::ALL.iter().filter(|family| family.counts()) {
            assert!(page.contains(&format!("\n| `{}` |", family.name())), "{} is not there", family.name());
        }
    }
}
