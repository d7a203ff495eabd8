//! Histories of containers, judged by their elements.
//!
//! A queue or a stack into which nothing is put twice needs no search ([`unique`](super::unique)). Where that is not known, and
//! there is none of an order and nothing was found empty, each element is an object of its own, since no operation is about two of
//! them; so it is of a set that nobody reads as a whole (Horn & Kroening, 2015). A set of which nothing is removed, and no element
//! asked for, is one that only grows ([`GrowSet`]).
//!
//! The rest is searched, key by key.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::{
    Linearizability, anomaly,
    unique::{NEVER, Timed, judge},
};
use crate::{
    history::{Completion, Event, History, OpId, Operation, Value},
    interner::Interner,
    model::{Container, Model, TakesOut},
    observer::observe,
    parts::{first, renumbered},
    set::{self, GrowSet},
    verdict::{Evidence, Verdict},
};

/// The functions of a [`Set`](crate::models::Set).
const ADD: u8 = 0;
const REMOVE: u8 = 1;
const CONTAINS: u8 = 2;
const READ: u8 = 3;

/// The operations on one key.
#[derive(Default)]
struct Object {
    ops: Vec<Timed>,
    ids: Vec<OpId>,
    events: Vec<Event>,
    /// How many of the first events there are up to each completion.
    ends: Vec<u32>,
}

impl<M: Model> Linearizability<M> {
    /// The verdict, if the object is a container whose elements help.
    pub(super) fn check_elements(&mut self, history: &History) -> Option<Verdict> {
        match M::CONTAINER? {
            Container::Set => self.check_set(history),
            Container::Queue(order) => Some(self.check_queues(order, history)),
        }
    }

    fn check_queues(&mut self, order: TakesOut, history: &History) -> Verdict {
        let judged = objects(history).into_values().map(|object| {
            let count = object.events.len();
            match judge(order, &object.ops, count as u32) {
                Some(true) => Verdict::Valid,
                Some(false) => self.first_wrong_of(order, &object, history),
                None => renumbered(self.search_queue(order, &object.part(history, count)), &object.ids),
            }
        });
        let verdicts = judged.collect();
        first(history, verdicts)
    }

    /// The completion with which the shortest wrong beginning of the history of `object` ends; a later one, if the budget does not
    /// suffice.
    fn first_wrong_of(&mut self, order: TakesOut, object: &Object, history: &History) -> Verdict {
        let (mut right, mut wrong) = (0, object.ends.len());
        while wrong - right > 1 {
            let middle = right.midpoint(wrong);
            let count = object.ends[middle - 1];
            let answer = judge(order, &object.ops, count);
            match answer.or_else(|| self.is_right(&object.part(history, count as usize))) {
                Some(true) => right = middle,
                Some(false) => wrong = middle,
                None => break,
            }
        }
        let (Event::Invoke(op) | Event::Complete(op)) = object.events[object.ends[wrong - 1] as usize - 1];
        invalid::<M>(history, op)
    }

    /// What a search says.
    fn is_right(&mut self, part: &History) -> Option<bool> {
        match self.search_whole(part) {
            Verdict::Valid => Some(true),
            Verdict::Invalid(_) => Some(false),
            Verdict::Unknown(_) => None,
        }
    }

    /// The verdict on one queue into which something is put twice, or of which it is not known what was taken.
    fn search_queue(&mut self, order: TakesOut, part: &History) -> Verdict {
        let finds_nothing = |one: &Operation| {
            one.call.input == Value::Nil && ended(one).is_some_and(|output| !matches!(output, Value::Int(_)))
        };
        if order == TakesOut::Any && !part.operations.iter().any(finds_nothing) {
            self.search_whole(&by_element(part))
        } else {
            self.search_whole(part)
        }
    }

    fn check_set(&mut self, history: &History) -> Option<Verdict> {
        let mut operations = history.operations.iter();
        if !operations.clone().any(|one| one.call.function == READ && ended(one).is_some()) {
            return Some(self.search_whole(&by_element(history)));
        }
        let says_more =
            |one: &Operation| one.call.function == REMOVE || one.call.function == CONTAINS && ended(one).is_some();
        (!operations.any(says_more) && adds_once(history)).then(|| grown::<M>(history))
    }
}

/// What an operation returned.
fn ended(one: &Operation) -> Option<Value> {
    match one.completion {
        Some((Completion::Ok(output), _)) => Some(output),
        Some((Completion::Fail | Completion::Info, _)) | None => None,
    }
}

/// The anomaly that the completion of `op` shows.
fn invalid<M: Model>(history: &History, op: OpId) -> Verdict {
    let at = history.events.iter().position(|event| *event == Event::Complete(op)).expect("it has completed");
    Verdict::Invalid(anomaly::<M>(history, at + 1, op))
}

/// The operations on each key.
fn objects(history: &History) -> BTreeMap<u32, Object> {
    let mut objects: BTreeMap<u32, Object> = BTreeMap::new();
    let mut places = Vec::with_capacity(history.operations.len());
    for &event in &history.events {
        let (Event::Invoke(op) | Event::Complete(op)) = event;
        let Operation { call, completion, .. } = *history.operation(op);
        let object = objects.entry(call.key).or_default();
        let now = object.events.len() as u32;
        object.events.push(event);
        match event {
            Event::Invoke(op) => {
                places.push(object.ops.len());
                let completion = completion.map_or(Completion::Info, |(completion, _)| completion);
                object.ops.push(Timed { input: call.input, completion, began: now, returned: NEVER });
                object.ids.push(op);
            }
            Event::Complete(op) => {
                object.ops[places[op.0 as usize]].returned = now;
                object.ends.push(now + 1);
            }
        }
    }
    objects
}

impl Object {
    /// Its first `count` events, as a history.
    fn part(&self, history: &History, count: usize) -> History {
        let values = history.values.clone();
        let mut part = History { functions: history.functions, values, ..History::default() };
        for &event in &self.events[..count] {
            let (Event::Invoke(op) | Event::Complete(op)) = event;
            let Operation { process, call, node, invoked_at, completion } = *history.operation(op);
            match event {
                Event::Invoke(_) => {
                    part.invoke(process, call, node, invoked_at);
                }
                Event::Complete(op) => {
                    let place = self.ids.binary_search(&op).expect("it was invoked");
                    let (completion, at) = completion.expect("it has completed");
                    part.complete(OpId(place as u32), completion, at);
                }
            }
        }
        part
    }
}

/// The history with a key for each element of each key, and for each operation that is about none.
fn by_element(history: &History) -> History {
    let mut apart = history.clone();
    let mut keys = Interner::new();
    for (at, one) in (0_u64..).zip(&mut apart.operations) {
        let (element, other) = match (one.call.input, ended(one)) {
            (Value::Int(element), _) | (Value::Nil, Some(Value::Int(element))) => (Some(element), 0),
            _ => (None, at),
        };
        one.call.key = keys.id((one.call.key, element, other));
    }
    apart
}

/// Whether no element is added to a key twice.
fn adds_once(history: &History) -> bool {
    let mut elements = Interner::new();
    let adds = history.operations.iter().filter(|one| one.call.function == ADD);
    adds.enumerate().all(|(known, one)| elements.id((one.call.key, one.call.input)) as usize == known)
}

/// The verdict on sets to which elements are only added.
fn grown<M: Model>(history: &History) -> Verdict {
    let mut growing = history.clone();
    growing.functions = set::FUNCTIONS;
    for Operation { call, .. } in &mut growing.operations {
        // What asks for an element says nothing here, as a read that did not return.
        (call.function, call.input) =
            if call.function == ADD { (set::ADD, call.input) } else { (set::READ, Value::Nil) };
    }
    let verdict = observe(&mut GrowSet::new(), &growing);
    match verdict.anomaly().map(|anomaly| &anomaly.evidence) {
        Some(Evidence::Operation(op)) => invalid::<M>(history, *op),
        _ => verdict,
    }
}
