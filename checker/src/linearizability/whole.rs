//! The search through a history that is already there.
//!
//! How an operation ends is known when it is invoked. So a result takes part from the start, what failed and reads without a
//! result are left out, and no event is looked at twice. In return, the search may end too early: what dooms it can be a result
//! that was still to come. The first completion that leaves no explanation of what had been seen by then is that with which the
//! shortest wrong beginning of the history ends, and is found by judging beginnings.

use super::{
    Linearizability, anomaly, ended,
    frontier::Snapshot,
    key_search::KeySearch,
    slots::{Fate, Role},
};
use crate::{
    history::{Call, Completion, Event, History, OpId, Operation, Value},
    model::{Effect, Model},
    observer::Observer,
    verdict::{Budget, Verdict},
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
/// Instead of the slot of an operation that is going to fail.
const FAILS: u8 = NO_SLOT - 1;

/// How many milestones are kept: the last ones.
pub(super) const MILESTONES: usize = 4;
/// How many events there are between milestones. Few in tests, whose histories are short.
const MILE: usize = if cfg!(test) { 2 } else { 16 };

/// How the search of the only key stood before an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Milestone {
    at: usize,
    /// How many operations had begun.
    op_count: usize,
    snapshot: Snapshot,
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
        self.ends.clear();
        let Some(foreseen) = self.sweep(history, history.events.len()) else { return self.finish(history) };
        let at = self.first_wrong(history, foreseen);
        let (Event::Invoke(op) | Event::Complete(op)) = history.events[at];
        Verdict::Invalid(anomaly::<M>(history, at + 1, op))
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

    /// The event with which the shortest wrong beginning of `history` ends, given the one at which a search through all of it
    /// died, before which none does; that one, if the budget does not suffice.
    fn first_wrong(&mut self, history: &History, foreseen: usize) -> usize {
        if self.search_again(history, foreseen) {
            return foreseen;
        }
        self.learn_ends(history, 0, history.events.len());
        let (mut low, mut high, mut step) = (foreseen, history.events.len() - 1, 0);
        while low < high {
            let middle = low.midpoint(high).min(low + step);
            match self.sweep(history, middle + 1) {
                Some(died) => (low, high) = (low.max(died), middle),
                None if self.exhausted.is_some() => return foreseen,
                None => (low, step) = (middle + 1, 2 * step + 1),
            }
        }
        low
    }

    /// Whether the search that died at event `died` would have died there, too, had it known nothing of what came later. It is
    /// enough to go back to before the operations began that were pending then. False if it is not known.
    fn search_again(&mut self, history: &History, died: usize) -> bool {
        let ([search], Event::Complete(dying)) = (&mut self.searches[..self.keys.len()], history.events[died]) else {
            return false;
        };
        let frontier = &mut search.frontier;
        let pending = frontier.slots.occupied().map(|slot| frontier.slots.op(slot) as usize);
        let succeeds = pending.filter(|&op| op != dying.0 as usize && self.passed[op].slot != NO_SLOT).min();
        let fails = self.passed.iter().position(|passed| passed.slot == FAILS);
        let Some(doubtful) = succeeds.into_iter().chain(fails).min() else { return true };
        let before = self.milestones.iter().filter(|milestone| milestone.op_count <= doubtful);
        let Some(milestone) = before.max_by_key(|milestone| milestone.at) else { return false };
        frontier.restore(&milestone.snapshot);
        for slot in frontier.slots.occupied() {
            let op = history.operation(OpId(frontier.slots.op(slot)));
            let (_, role) = role::<M>(&op.call, completion(op)).expect("what has a slot has a role");
            frontier.slots.place(slot, frontier.slots.action(slot), role);
        }
        self.passed.truncate(milestone.op_count);
        let from = milestone.at;
        self.learn_ends(history, from, died + 1);
        self.walk(history, from, died + 1).is_some()
    }

    /// Notes where operations complete that do so from event `from` on, before event `until`.
    fn learn_ends(&mut self, history: &History, from: usize, until: usize) {
        self.ends.clear();
        self.ends.resize(history.operations.len(), u32::MAX);
        for (at, &event) in (from..).zip(&history.events[from..until]) {
            if let Event::Complete(op) = event {
                self.ends[op.0 as usize] = at as u32;
            }
        }
    }

    /// Searches through the first `count` events as if there were no more. The answer is the event at which no explanation was
    /// left.
    fn sweep(&mut self, history: &History, count: usize) -> Option<usize> {
        self.reset();
        self.milestones.iter_mut().for_each(|milestone| milestone.op_count = usize::MAX);
        self.walk(history, 0, count)
    }

    /// Searches through the events from `from` on, before which it has been.
    fn walk(&mut self, history: &History, from: usize, count: usize) -> Option<usize> {
        let mut last = None;
        for (at, &event) in (from..).zip(&history.events[from..count]) {
            if at % MILE == 0 && self.ends.is_empty() {
                self.remember(at);
            }
            let fate = match event {
                Event::Invoke(op) => self.foresee(op, history, count, &mut last),
                Event::Complete(op) => self.pass(op),
            };
            match fate {
                Fate::Alive => {}
                Fate::Dead => return Some(at),
                Fate::Exhausted(budget) => self.give_up(event, budget),
            }
        }
        None
    }

    /// Keeps how the search stands before event `at`, if there is but one.
    fn remember(&mut self, at: usize) {
        let [search] = &self.searches[..self.keys.len()] else { return };
        let milestone = &mut self.milestones[at / MILE % MILESTONES];
        search.frontier.save(&mut milestone.snapshot);
        milestone.at = at;
        milestone.op_count = self.passed.len();
    }

    /// Gives an operation its place in the search of its key. `last` is the last key and the number of its search.
    #[inline]
    fn foresee(&mut self, op: OpId, history: &History, count: usize, last: &mut Option<(u32, u32)>) -> Fate {
        assert_eq!(op.0 as usize, self.passed.len(), "operations are numbered in the order of invocation");
        let operation = history.operation(op);
        let is_known = self.ends.get(op.0 as usize).is_none_or(|&end| (end as usize) < count);
        let completion = if is_known { completion(operation) } else { Completion::Info };
        let key = operation.call.key;
        let search = match *last {
            Some((known, search)) if known == key => search,
            _ => self.search(key),
        };
        *last = Some((key, search));
        self.passed.push(Passed { search, slot: if completion == Completion::Fail { FAILS } else { NO_SLOT } });
        let Some((output, role)) = role::<M>(&operation.call, completion) else { return Fate::Alive };
        let KeySearch { frontier, is_exhausted, .. } = &mut self.searches[search as usize];
        if *is_exhausted {
            return Fate::Alive;
        }
        let action = self.shared.transitions.action(&operation.call, output, &history.values);
        let Some(slot) = frontier.slots.enter(op.0) else { return Fate::Exhausted(Budget::Pending) };
        frontier.slots.place(slot, action, role);
        if !matches!(role, Role::Crashed(_)) {
            self.passed[op.0 as usize].slot = slot;
        }
        Fate::Alive
    }

    /// An operation completes as foreseen.
    #[inline]
    fn pass(&mut self, op: OpId) -> Fate {
        let Passed { search, slot } = self.passed[op.0 as usize];
        if slot >= FAILS {
            self.passed[op.0 as usize].slot = NO_SLOT;
            return Fate::Alive;
        }
        let search = &mut self.searches[search as usize];
        if search.is_exhausted { Fate::Alive } else { search.frontier.close(&mut self.shared, slot) }
    }

    /// No more is asked about the key of the operation of this event.
    fn give_up(&mut self, event: Event, budget: Budget) {
        let (Event::Invoke(op) | Event::Complete(op)) = event;
        let search = self.passed[op.0 as usize].search;
        self.searches[search as usize].is_exhausted = true;
        self.exhausted.get_or_insert(budget);
    }
}

/// How an operation ends, as far as it is ever known.
fn completion(operation: &Operation) -> Completion<Value> {
    operation.completion.map_or(Completion::Info, |(completion, _)| completion)
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
