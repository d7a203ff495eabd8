//! The search for all explanations of a short history that is already there.
//!
//! How an operation ends is known when it is invoked. So a result takes part from the start, what failed and reads without a
//! result are left out, and no event is looked at twice. In return, the search may end too early: what dooms it can be a result
//! that was still to come. So it goes back and looks whether there is no explanation without those results either; if there is one,
//! it does not say what is wrong.
//!
//! A short history that is wrong is so after few events, and nothing is faster than to look at each of them once.

use super::{
    Linearizability, anomaly,
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

/// Beyond so many configurations, looking for one explanation is faster.
const CONFIGURATIONS_FEW: usize = 64;

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

impl Milestone {
    /// Has nobody go back there.
    pub(super) fn forget(&mut self) {
        self.op_count = usize::MAX;
    }
}

impl<M: Model> Linearizability<M> {
    /// The verdict, if that is found with few configurations.
    pub(super) fn search_short(&mut self, history: &History) -> Option<Verdict> {
        let few = self.shared.all.configurations_max.min(CONFIGURATIONS_FEW);
        let limit = std::mem::replace(&mut self.shared.all.configurations_max, few);
        self.reset();
        let died = self.walk(history, 0, history.events.len());
        let is_wrong = died.is_some_and(|died| self.search_again(history, died));
        self.shared.all.configurations_max = limit;
        match died {
            _ if self.exhausted.is_some() => None,
            Some(died) => is_wrong.then(|| {
                let (Event::Invoke(op) | Event::Complete(op)) = history.events[died];
                Verdict::Invalid(anomaly::<M>(history, died + 1, op))
            }),
            None => Some(Verdict::Valid),
        }
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
