//! The search through a history that is already there.
//!
//! How an operation ends is known when it is invoked. So a result takes part from the start, what failed and reads without a
//! result are left out, and no event is looked at twice. In return, the search may end too early: what dooms it can be a result
//! that was still to come. The first completion that leaves no explanation of what had been seen by then is that with which the
//! shortest wrong beginning of the history ends, and is found by judging beginnings.

use super::{
    Linearizability, anomaly, ended,
    frontier::{Fate, Role},
    key_search::KeySearch,
};
use crate::{
    history::{Call, Completion, Event, History, OpId, Value},
    model::{Effect, Model},
    observer::Observer,
    verdict::Verdict,
};

/// Where an operation is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    /// The search of its key.
    search: u32,
    /// The slot that it leaves when it completes, or [`NO_SLOT`].
    slot: u8,
}

/// The slot of an operation that leaves none: it says nothing, it crashed, or its key was given up.
const NO_SLOT: u8 = u8::MAX;

impl<M: Model> Linearizability<M> {
    /// Judges a whole history, forgetting what was seen before.
    ///
    /// The verdict is what observing its events one by one would give, evidence included; only where that would be
    /// `Unknown` may this still know.
    pub fn check(&mut self, history: &History) -> Verdict {
        self.check_zones(history).unwrap_or_else(|| self.search_whole(history))
    }

    /// The verdict of a search, whatever the keys.
    pub(super) fn search_whole(&mut self, history: &History) -> Verdict {
        self.ends.clear();
        let Some(foreseen) = self.sweep(history, history.events.len()) else { return self.finish(history) };
        let at = self.first_wrong(history, foreseen);
        let (Event::Invoke(op) | Event::Complete(op)) = history.events[at];
        Verdict::Invalid(anomaly::<M>(history, at + 1, op))
    }

    /// The verdict, if no key needs a search.
    pub(super) fn check_zones(&mut self, history: &History) -> Option<Verdict> {
        self.reset();
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

    /// The event with which the shortest wrong beginning of `history` ends, given the one at which a search through all of it
    /// died, before which none does; that one, if the budget does not suffice.
    fn first_wrong(&mut self, history: &History, foreseen: usize) -> usize {
        self.ends.resize(history.operations.len(), u32::MAX);
        for (at, &event) in (0..).zip(&history.events) {
            if let Event::Complete(op) = event {
                self.ends[op.0 as usize] = at;
            }
        }
        let (mut low, mut high, mut step) = (foreseen, history.events.len() - 1, 0);
        while low < high {
            let middle = low.midpoint(high).min(low + step);
            match self.sweep(history, middle + 1) {
                Some(died) => (low, high) = (low.max(died), middle),
                None if self.is_exhausted => return foreseen,
                None => (low, step) = (middle + 1, 2 * step + 1),
            }
        }
        low
    }

    /// Searches through the first `count` events, all that there is of the history. The answer is the event at which no explanation was left.
    fn sweep(&mut self, history: &History, count: usize) -> Option<usize> {
        self.reset();
        let mut last = (0, 0);
        for (at, &event) in history.events[..count].iter().enumerate() {
            let fate = match event {
                Event::Invoke(op) => self.foresee(op, history, count, &mut last),
                Event::Complete(op) => self.pass(op),
            };
            match fate {
                Fate::Alive => {}
                Fate::Dead => return Some(at),
                Fate::Exhausted => self.give_up(event),
            }
        }
        None
    }

    /// Gives an operation its place in the search of its key. `last` is the last key and the number of its search.
    #[inline]
    fn foresee(&mut self, op: OpId, history: &History, count: usize, last: &mut (u32, u32)) -> Fate {
        assert_eq!(op.0 as usize, self.passed.len(), "operations are numbered in the order of invocation");
        let operation = history.operation(op);
        let is_known = self.ends.get(op.0 as usize).is_none_or(|&end| (end as usize) < count);
        let completion =
            operation.completion.filter(|_| is_known).map_or(Completion::Info, |(completion, _)| completion);
        let key = operation.call.key;
        if self.passed.is_empty() || last.0 != key {
            *last = (key, self.search(key));
        }
        let search = last.1;
        self.passed.push(Passed { search, slot: NO_SLOT });
        let Some((output, role)) = role::<M>(&operation.call, completion) else { return Fate::Alive };
        let KeySearch { frontier, is_exhausted, .. } = &mut self.searches[search as usize];
        if *is_exhausted {
            return Fate::Alive;
        }
        let action = self.shared.transitions.action(&operation.call, output, &history.values);
        let Some(slot) = frontier.enter(op.0) else { return Fate::Exhausted };
        frontier.place(slot, action, role);
        if !matches!(role, Role::Crashed(_)) {
            self.passed[op.0 as usize].slot = slot;
        }
        Fate::Alive
    }

    /// An operation completes as foreseen.
    #[inline]
    fn pass(&mut self, op: OpId) -> Fate {
        let Passed { search, slot } = self.passed[op.0 as usize];
        let search = &mut self.searches[search as usize];
        if slot == NO_SLOT || search.is_exhausted {
            return Fate::Alive;
        }
        search.frontier.close(&mut self.shared, slot)
    }

    /// No more is asked about the key of the operation of this event.
    fn give_up(&mut self, event: Event) {
        let (Event::Invoke(op) | Event::Complete(op)) = event;
        let search = self.passed[op.0 as usize].search;
        self.searches[search as usize].is_exhausted = true;
        self.is_exhausted = true;
    }
}

/// What is known of the result of an operation that ends so, and what it may do; nothing if it has no part in the search.
fn role<M: Model>(call: &Call, completion: Completion<Value>) -> Option<(Option<Value>, Role)> {
    let output = match completion {
        Completion::Ok(output) => Some(output),
        Completion::Info => None,
        Completion::Fail => return None,
    };
    match (M::effect(call, output), output) {
        (Effect::Observation, None) => None,
        (Effect::Observation, Some(_)) => Some((output, Role::Observes)),
        (effect, None) => Some((output, Role::Crashed(effect))),
        (effect, Some(_)) => Some((output, Role::Changes(effect))),
    }
}
