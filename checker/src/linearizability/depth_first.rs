//! The search for one explanation of the operations on a key.
//!
//! Where a [`Frontier`](super::frontier::Frontier) holds every configuration that explains the events, this holds one, and the way
//! to it. An event that it does not explain sends the search back, from the last completion to the first, to one before which other
//! operations may have taken effect. So what is no explanation is known to be none: if the way back ends at the beginning, there
//! is none at all.
//!
//! A read's result is unknown until it returns. Then it is looked up whether a state on the way since its invocation fits. If
//! none does, it is an operation that has not taken effect yet, and the search goes on from there, or back. An operation that
//! turns out to have failed, or to have had another effect than the search thought, takes it back to its invocation.

use super::{
    antichain::Configuration,
    key_search::{Ended, Event, Record, Status},
    slots::{Fate, Role, Shared, Slots},
    transitions::{IMPOSSIBLE, Transitions},
};
use crate::{
    history::Completion,
    interner::Interner,
    model::{Effect, Model},
    verdict::Budget,
};

/// How many events to look ahead for a result that tells which way is right.
const LOOK_AHEAD: usize = 32;

/// Steps to find another way that each event adds to those that are allowed.
const STEPS_PER_EVENT: u64 = 1 << 6;

#[derive(Clone, Debug, Default)]
pub(super) struct DepthFirst {
    slots: Slots,
    /// All events of the key.
    events: Vec<Event>,
    /// The configurations before the events that have been passed.
    path: Vec<Configuration>,
    /// The configuration after them.
    now: Configuration,
    /// How many events there are up to the last that was ever tried.
    farthest: usize,
    /// Configurations after so many events that explain nothing, found since the search last explained everything.
    dead: Interner<(u32, Configuration)>,
}

impl DepthFirst {
    /// Starts over from the initial state.
    pub(super) fn reset(&mut self, init: u32) {
        self.slots.clear();
        self.events.clear();
        self.path.clear();
        self.farthest = 0;
        self.dead.clear();
        self.now = Configuration { state: init, done: 0, hidden: 0 };
    }

    /// Passes these events of operations that are known to the end.
    pub(super) fn pass_all<M: Model>(
        &mut self,
        shared: &mut Shared<M>,
        records: &mut [Record],
        events: &[Event],
    ) -> Fate {
        self.events.extend_from_slice(events);
        self.advance(shared, records)
    }

    /// `op` is invoked. What is known of it is in its record.
    pub(super) fn invoke<M: Model>(&mut self, shared: &mut Shared<M>, records: &mut [Record], op: u32) -> Fate {
        self.events.push(Event::Invoke(op));
        self.advance(shared, records)
    }

    /// An operation completes.
    pub(super) fn complete<M: Model>(
        &mut self,
        shared: &mut Shared<M>,
        records: &mut [Record],
        ended: Ended<'_>,
    ) -> Fate {
        let record = &mut records[ended.op as usize];
        let was_unresolved = record.is_unresolved();
        record.learn(&mut shared.transitions, &ended);
        if was_unresolved || !matches!(ended.completion, Completion::Ok(_)) {
            self.heed(&mut shared.transitions, records, ended.op);
        }
        self.events.push(Event::Complete(ended.op));
        self.advance(shared, records)
    }

    /// More is known of a pending operation than when it was placed.
    fn heed<M: Model>(&mut self, transitions: &mut Transitions<M>, records: &[Record], op: u32) {
        let record = &records[op as usize];
        let Record { status, effect, slot, began, .. } = *record;
        let did = self.now.done & 1 << slot != 0;
        match status {
            Status::Known(Completion::Ok(()) | Completion::Fail) if did => self.rewind(records, began as usize),
            Status::Known(Completion::Ok(()))
                if effect == Effect::Observation && self.look_back(transitions, record) => {}
            Status::Known(_) | Status::Open | Status::Vacuous => {
                self.slots.place_again(slot, record.action, record.role());
            }
        }
    }

    /// Lets an observation take effect where its result, just learned, fits for the first time. False if it fits nowhere.
    fn look_back<M: Model>(&mut self, transitions: &mut Transitions<M>, record: &Record) -> bool {
        let bit = 1 << record.slot;
        let since = &mut self.path[record.began as usize + 1..];
        let mut fits = |one: &Configuration| transitions.step(one.state, record.action) != IMPOSSIBLE;
        let first = since.iter().position(&mut fits).unwrap_or(since.len());
        since[first..].iter_mut().for_each(|one| one.done |= bit);
        let has_fitted = first < since.len() || fits(&self.now);
        self.now.done |= u64::from(has_fitted) << record.slot;
        has_fitted
    }

    /// Passes all events that have not been passed.
    fn advance<M: Model>(&mut self, shared: &mut Shared<M>, records: &mut [Record]) -> Fate {
        while let Some(&event) = self.events.get(self.path.len()) {
            if self.path.len() >= self.farthest {
                self.farthest = self.path.len() + 1;
                self.dead.clear();
                shared.one.steps_max += STEPS_PER_EVENT;
            }
            let passed = match event {
                Event::Invoke(op) => self.enter(&mut shared.transitions, &mut records[op as usize], op),
                Event::Complete(op) => self.leave(shared, records, op),
            };
            let gone_on = match passed {
                Ok(false) => self.go_back(shared, records),
                Ok(true) | Err(_) => passed,
            };
            match gone_on {
                Ok(true) => {}
                Ok(false) => return Fate::Dead,
                Err(budget) => return Fate::Exhausted(budget),
            }
        }
        Fate::Alive
    }

    /// An event leads to the configuration `next`.
    #[inline]
    fn step(&mut self, next: Configuration) {
        self.path.push(self.now);
        self.now = next;
    }

    /// Passes the invocation of `op`. True, but for lack of slots.
    #[inline]
    fn enter<M: Model>(
        &mut self,
        transitions: &mut Transitions<M>,
        record: &mut Record,
        op: u32,
    ) -> Result<bool, Budget> {
        let slot = self.slots.enter(op).ok_or(Budget::Pending)?;
        record.slot = slot;
        record.began = self.path.len() as u32;
        let role = record.role();
        self.slots.place(slot, record.action, role);
        self.path.push(self.now);
        if role == Role::Observes && transitions.step(self.now.state, record.action) != IMPOSSIBLE {
            self.now.done |= 1 << slot;
        }
        Ok(true)
    }

    /// Passes the completion of an operation. False if there is no way that is not known to lead nowhere.
    #[inline]
    fn leave<M: Model>(&mut self, shared: &mut Shared<M>, records: &[Record], op: u32) -> Result<bool, Budget> {
        let record = &records[op as usize];
        if !record.leaves() {
            self.step(self.now);
            return Ok(true);
        }
        let next = self.likely(&mut shared.transitions, records, record).filter(|next| !self.is_dead(next));
        let next = match next {
            None if self.has_choice(record) => self.any_choice(shared, record.slot)?,
            _ => next,
        };
        if let Some(next) = next {
            self.slots.free(record.slot);
            self.step(next);
        }
        Ok(next.is_some())
    }

    /// Whether there may be more than one way to pass the completion of an operation: it must take effect
    /// and has not.
    fn has_choice(&self, record: &Record) -> bool {
        record.status == Status::Known(Completion::Ok(()))
            && self.now.done & 1 << record.slot == 0
            && self.slots.has_choice(&self.now, record.slot)
    }

    /// The likely one of the configurations after an operation that leaves.
    #[inline]
    fn likely<M: Model>(
        &self,
        transitions: &mut Transitions<M>,
        records: &[Record],
        record: &Record,
    ) -> Option<Configuration> {
        let Configuration { done, hidden, .. } = self.now;
        let bit = 1 << record.slot;
        match record.status {
            Status::Known(Completion::Ok(_)) if done & bit == 0 => {
                if hidden & bit == 0 || self.is_wanted(records, record) {
                    self.slots.extend_by_one(transitions, self.now, record.slot)
                } else {
                    Some(self.now.without(bit))
                }
            }
            Status::Known(Completion::Fail) if done & bit != 0 => None,
            Status::Known(_) | Status::Vacuous | Status::Open => Some(self.now.without(bit)),
        }
    }

    /// Whether the next result that says so, of those that are known already, needs the state that an overwrite leaves rather
    /// than the present one.
    fn is_wanted(&self, records: &[Record], overwrite: &Record) -> bool {
        let present = self.path.len();
        let ahead = self.events[present + 1..].iter().take(LOOK_AHEAD);
        let ended =
            ahead.filter_map(|event| if let Event::Complete(op) = event { Some(&records[*op as usize]) } else { None });
        let open = ended.filter(|one| one.began as usize > present || self.now.done & 1 << one.slot == 0);
        let wanted = open.filter_map(|one| one.action.needs());
        let first =
            wanted.into_iter().find(|&state| state == self.now.state || Some(state) == overwrite.action.writes());
        first.is_some_and(|state| state != self.now.state)
    }

    /// Any of the configurations after the operation at `slot`, which has not taken effect yet, returns.
    fn any_choice<M: Model>(&self, shared: &mut Shared<M>, slot: u8) -> Result<Option<Configuration>, Budget> {
        let mut choice = None;
        let is_enough = |next| {
            choice = Some(next).filter(|next| !self.is_dead(next));
            choice.is_some()
        };
        match self.slots.extend(&mut shared.transitions, &mut shared.one, &[self.now], slot, is_enough) {
            Fate::Exhausted(budget) => Err(budget),
            Fate::Alive | Fate::Dead => Ok(choice),
        }
    }

    /// Whether `next` is known not to explain what comes after the next event.
    #[inline]
    fn is_dead(&self, next: &Configuration) -> bool {
        self.dead.len() > 0 && self.dead.find(&(self.path.len() as u32 + 1, *next)).is_some()
    }

    /// Goes back to the last event at which there is another choice, and takes it. False if there is none.
    #[cold]
    fn go_back<M: Model>(&mut self, shared: &mut Shared<M>, records: &[Record]) -> Result<bool, Budget> {
        loop {
            self.dead.id((self.path.len() as u32, self.now));
            if self.dead.len() > shared.one.configurations_max {
                return Err(Budget::Steps);
            }
            let Some(event) = self.undo(records) else { return Ok(false) };
            let Event::Complete(op) = event else { continue };
            let record = &records[op as usize];
            if self.has_choice(record)
                && let Some(next) = self.any_choice(shared, record.slot)?
            {
                self.slots.free(record.slot);
                self.step(next);
                return Ok(true);
            }
        }
    }

    /// Goes back to before event `at`.
    fn rewind(&mut self, records: &[Record], at: usize) {
        while self.path.len() > at {
            self.undo(records);
        }
    }

    /// Goes back by one event, which is the answer.
    fn undo(&mut self, records: &[Record]) -> Option<Event> {
        self.now = self.path.pop()?;
        let event = self.events[self.path.len()];
        let (Event::Invoke(op) | Event::Complete(op)) = event;
        let record = &records[op as usize];
        match event {
            Event::Invoke(_) => {
                self.slots.free(record.slot);
            }
            Event::Complete(_) if record.leaves() => {
                self.slots.occupy(record.slot, op);
                self.slots.place(record.slot, record.action, record.role());
            }
            Event::Complete(_) => {}
        }
        Some(event)
    }
}
