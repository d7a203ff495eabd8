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
    slots::{Fate, Shared, Slots},
    transitions::{IMPOSSIBLE, Transitions},
};
use crate::{
    history::Completion,
    interner::Interner,
    model::{Effect, Model},
    verdict::Budget,
};

#[derive(Clone, Debug, Default)]
pub(super) struct DepthFirst {
    slots: Slots,
    /// All events of the key.
    events: Vec<Event>,
    /// The configurations before the events that have been passed.
    path: Vec<Configuration>,
    /// The configuration after them.
    now: Configuration,
    /// Configurations after so many events that explain nothing, found since the search last explained everything.
    dead: Interner<(u32, Configuration)>,
}

impl DepthFirst {
    /// Starts over from the initial state.
    pub(super) fn reset(&mut self, init: u32) {
        self.slots.clear();
        self.events.clear();
        self.path.clear();
        self.now = Configuration { state: init, done: 0, hidden: 0 };
    }

    /// `op` is invoked. What is known of it is in its record.
    pub(super) fn invoke<M: Model>(&mut self, shared: &mut Shared<M>, records: &mut [Record], op: u32) -> Fate {
        records[op as usize].began = self.events.len() as u32;
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
            self.slots.place(record.slot, record.action, record.role());
            let did = self.now.done & 1 << record.slot != 0;
            let (effect, began) = (record.effect, record.began as usize);
            match ended.completion {
                Completion::Ok(_) | Completion::Fail if did => self.rewind(records, began),
                Completion::Ok(_) if effect == Effect::Observation => {
                    self.look_back(&mut shared.transitions, &records[ended.op as usize]);
                }
                Completion::Ok(_) | Completion::Fail | Completion::Info => {}
            }
        }
        self.events.push(Event::Complete(ended.op));
        self.advance(shared, records)
    }

    /// Lets an observation take effect where its result, just learned, fits for the first time.
    fn look_back<M: Model>(&mut self, transitions: &mut Transitions<M>, record: &Record) {
        let bit = 1 << record.slot;
        let since = &mut self.path[record.began as usize + 1..];
        let fits = |state: u32, transitions: &mut Transitions<M>| transitions.step(state, record.action) != IMPOSSIBLE;
        let first = since.iter().position(|one| fits(one.state, transitions));
        if let Some(first) = first {
            since[first..].iter_mut().for_each(|one| one.done |= bit);
        }
        if first.is_some() || fits(self.now.state, transitions) {
            self.now.done |= bit;
        }
    }

    /// Passes all events that have not been passed.
    fn advance<M: Model>(&mut self, shared: &mut Shared<M>, records: &mut [Record]) -> Fate {
        self.dead.clear();
        while let Some(&event) = self.events.get(self.path.len()) {
            let passed = match self.pass(shared, records, event) {
                Ok(None) => self.go_back(shared, records),
                Ok(Some(next)) => {
                    self.step(next);
                    Ok(true)
                }
                Err(budget) => Err(budget),
            };
            match passed {
                Ok(true) => {}
                Ok(false) => return Fate::Dead,
                Err(budget) => return Fate::Exhausted(budget),
            }
        }
        Fate::Alive
    }

    fn step(&mut self, next: Configuration) {
        self.path.push(self.now);
        self.now = next;
    }

    /// The configuration after `event`, the next one, or nothing if all that follow explain nothing.
    fn pass<M: Model>(
        &mut self,
        shared: &mut Shared<M>,
        records: &mut [Record],
        event: Event,
    ) -> Result<Option<Configuration>, Budget> {
        match event {
            Event::Invoke(op) => {
                let record = &mut records[op as usize];
                record.slot = self.slots.enter(op).ok_or(Budget::Pending)?;
                self.slots.place(record.slot, record.action, record.role());
                Ok(Some(self.slots.observe(&mut shared.transitions, self.now)))
            }
            Event::Complete(op) => {
                let record = &records[op as usize];
                let next = self.close(shared, record)?;
                if next.is_some() && record.leaves() {
                    self.slots.free(record.slot);
                }
                Ok(next)
            }
        }
    }

    /// The configuration after the completion of an operation.
    fn close<M: Model>(&self, shared: &mut Shared<M>, record: &Record) -> Result<Option<Configuration>, Budget> {
        let bit = 1 << record.slot;
        let did = self.now.done & bit != 0;
        match record.status {
            Status::Known(Completion::Ok(_)) if !did => {
                let first = self.first_choice(shared, record.slot).filter(|next| !self.is_dead(next));
                if first.is_some() { Ok(first) } else { self.any_choice(shared, record.slot) }
            }
            Status::Known(Completion::Fail) if did => Ok(None),
            Status::Known(Completion::Ok(_) | Completion::Fail) => {
                Ok(Some(self.now.without(bit)).filter(|next| !self.is_dead(next)))
            }
            Status::Known(Completion::Info) | Status::Vacuous | Status::Open => Ok(Some(self.now)),
        }
    }

    /// The most likely of the configurations after the operation at `slot`, which has not taken effect yet, returns.
    #[inline]
    fn first_choice<M: Model>(&self, shared: &mut Shared<M>, slot: u8) -> Option<Configuration> {
        let bit = 1 << slot;
        if self.now.hidden & bit != 0 {
            return Some(self.now.without(bit));
        }
        let next = self.slots.take_effect(&mut shared.transitions, self.now, slot)?;
        Some(next.without(bit))
    }

    /// Any of the configurations after the operation at `slot`, which has not taken effect yet, returns.
    fn any_choice<M: Model>(&self, shared: &mut Shared<M>, slot: u8) -> Result<Option<Configuration>, Budget> {
        if let Fate::Exhausted(budget) = self.slots.extend(shared, &[self.now], slot) {
            return Err(budget);
        }
        Ok((0..).map_while(|index| shared.closed.get(index)).find(|next| !self.is_dead(next)))
    }

    /// Whether `next` is known not to explain what comes after the next event.
    fn is_dead(&self, next: &Configuration) -> bool {
        self.dead.len() > 0 && self.dead.find(&(self.path.len() as u32 + 1, *next)).is_some()
    }

    /// Goes back to the last event at which there is another choice, and takes it. False if there is none.
    #[cold]
    fn go_back<M: Model>(&mut self, shared: &mut Shared<M>, records: &[Record]) -> Result<bool, Budget> {
        loop {
            self.dead.id((self.path.len() as u32, self.now));
            if self.dead.len() > shared.dead_max {
                return Err(Budget::Steps);
            }
            let Some(event) = self.undo(records) else { return Ok(false) };
            let Event::Complete(op) = event else { continue };
            let record = &records[op as usize];
            if record.status != Status::Known(Completion::Ok(())) || self.now.done & 1 << record.slot != 0 {
                continue;
            }
            if let Some(next) = self.any_choice(shared, record.slot)? {
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
