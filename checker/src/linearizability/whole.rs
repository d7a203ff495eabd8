//! The judgement of a history that is already there.
//!
//! How an operation ends is known when it is invoked. So a result takes part from the start, and what failed and reads without a
//! result are left out. Keys are judged one after the other, each in memory of its own, which matters where they are many.
//!
//! A search that knows results beforehand may end too early: what dooms it can be a result that was still to come. So it only
//! says whether all is well. If not, the history is observed event by event.

use super::{
    Linearizability, anomaly,
    depth_first::DepthFirst,
    ended,
    key_search::{self, Record, Status},
    slots::Fate,
    transitions::Transitions,
};
use crate::{
    history::{Completion, Event, History, OpId, Operation},
    interner::Interner,
    model::{Effect, Model},
    observer::{Observer, observe},
    verdict::Verdict,
};

/// The operations and events of a history, sorted by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Sorted {
    parts: Vec<Part>,
    records: Vec<Record>,
    events: Vec<key_search::Event>,
    /// The part of an operation, and later where its record is, by [`OpId`]; [`LEFT_OUT`] if it says nothing.
    places: Vec<u32>,
    depth_first: DepthFirst,
}

/// Up to so many events a history is short.
const SHORT: usize = 256;

const LEFT_OUT: u32 = u32::MAX;

/// The records and events of a key: how many, and later where they end.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    records: usize,
    events: usize,
}

impl<M: Model> Linearizability<M> {
    /// Judges a whole history, forgetting what was seen before.
    ///
    /// The verdict is what observing its events one by one would give, evidence included; only where that would be
    /// `Unknown` may this still know.
    pub fn check(&mut self, history: &History) -> Verdict {
        let verdict = self.check_zones(history).or_else(|| self.check_elements(history));
        verdict.unwrap_or_else(|| self.search_whole(history))
    }

    /// The verdict of a search, whatever the keys.
    pub(super) fn search_whole(&mut self, history: &History) -> Verdict {
        let is_short = history.events.len() <= SHORT;
        let verdict = if is_short { self.search_short(history) } else { None };
        verdict.unwrap_or_else(|| self.search_sorted(history))
    }

    /// The verdict of a search key by key.
    pub(super) fn search_sorted(&mut self, history: &History) -> Verdict {
        self.reset();
        self.sorted.sort(history, &mut self.keys, &mut self.shared.transitions);
        let init = self.shared.transitions.init();
        if self.sorted.is_explained(init, &mut self.shared) { Verdict::Valid } else { observe(self, history) }
    }

    /// The verdict, if no key needs a search.
    pub(super) fn check_zones(&mut self, history: &History) -> Option<Verdict> {
        self.reset();
        self.records.reserve(history.operations.len());
        for &event in &history.events {
            self.event_count += 1;
            let (op, fate) = match event {
                Event::Invoke(op) => {
                    self.record(op, history);
                    (op, self.invoke_zoned(op))
                }
                Event::Complete(op) => (op, self.complete_zoned(op, ended(op, history))),
            };
            if fate.ok()? == Fate::Dead {
                return Some(Verdict::Invalid(anomaly::<M>(history, self.event_count, op)));
            }
        }
        Some(Verdict::Valid)
    }
}

impl Sorted {
    /// Whether every key has an explanation that was found.
    fn is_explained<M: Model>(&mut self, init: u32, shared: &mut super::Shared<M>) -> bool {
        let Self { parts, records, events, depth_first, .. } = self;
        let mut since = 0;
        parts.iter().all(|part| {
            depth_first.reset(init);
            let fate = depth_first.pass_all(shared, records, &events[since..part.events]);
            since = part.events;
            fate == Fate::Alive
        })
    }

    fn sort<M: Model>(&mut self, history: &History, keys: &mut Interner<u32>, transitions: &mut Transitions<M>) {
        self.count::<M>(history, keys);
        for &event in &history.events {
            match event {
                Event::Invoke(op) => self.invoke(op, history, transitions),
                Event::Complete(op) => self.complete(op, history.operation(op)),
            }
        }
    }

    /// Makes room for the parts. Each says where it begins.
    fn count<M: Model>(&mut self, history: &History, keys: &mut Interner<u32>) {
        self.parts.clear();
        self.places.clear();
        let mut last = (u32::MAX, 0);
        for operation in &history.operations {
            let key = operation.call.key;
            if effect::<M>(operation).is_none() {
                self.places.push(LEFT_OUT);
                continue;
            }
            if last.0 != key || self.parts.is_empty() {
                last = (key, keys.id(key));
            }
            let part = last.1 as usize;
            if part == self.parts.len() {
                self.parts.push(Part::default());
            }
            self.parts[part].records += 1;
            self.parts[part].events += 1 + usize::from(is_ok(operation));
            self.places.push(part as u32);
        }
        let mut end = Part::default();
        for part in &mut self.parts {
            let Part { records, events } = std::mem::replace(part, end);
            end.records += records;
            end.events += events;
        }
        self.records.resize(end.records, Record::default());
        self.events.resize(end.events, key_search::Event::Invoke(0));
    }

    fn invoke<M: Model>(&mut self, op: OpId, history: &History, transitions: &mut Transitions<M>) {
        let place = &mut self.places[op.0 as usize];
        if *place == LEFT_OUT {
            return;
        }
        let Operation { call, completion, .. } = history.operation(op);
        let (completion, _) = completion.unwrap_or((Completion::Info, 0));
        let output = if let Completion::Ok(output) = completion { Some(output) } else { None };
        let (action, effect) = (transitions.action(call, output, &history.values), M::effect(call, output));
        let status = Status::Known(completion.map(|_| ()));
        let part = &mut self.parts[*place as usize];
        self.records[part.records] =
            Record { status, effect, action, search: *place, began: u32::MAX, ..Record::default() };
        self.events[part.events] = key_search::Event::Invoke(part.records as u32);
        *place = part.records as u32;
        part.records += 1;
        part.events += 1;
    }

    fn complete(&mut self, op: OpId, operation: &Operation) {
        let place = self.places[op.0 as usize];
        if place != LEFT_OUT && is_ok(operation) {
            let part = &mut self.parts[self.records[place as usize].search as usize];
            self.events[part.events] = key_search::Event::Complete(place);
            part.events += 1;
        }
    }
}

fn is_ok(operation: &Operation) -> bool {
    matches!(operation.completion, Some((Completion::Ok(_), _)))
}

/// What an operation may do, given how it ends, unless it says nothing.
fn effect<M: Model>(operation: &Operation) -> Option<Effect> {
    let output = match operation.completion {
        Some((Completion::Ok(output), _)) => Some(output),
        Some((Completion::Info, _)) | None => None,
        Some((Completion::Fail, _)) => return None,
    };
    let effect = M::effect(&operation.call, output);
    (output.is_some() || effect != Effect::Observation).then_some(effect)
}
