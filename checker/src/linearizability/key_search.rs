//! The search for an explanation of the operations on one key while they happen.
//!
//! The search walks along the events with a [`Frontier`]. It hears of them one by one, and does not know how an operation ends
//! before it has.
//!
//! A read's result is unknown until it returns, and by then the state it saw may have gone. Until then the read is
//! ignored, which is exact: an operation that may still have any result, and changes nothing, excludes nothing. When it
//! returns, there are three cases, from cheap to dear:
//!
//! * every configuration has a state in which the result is possible: the read is *vacuous* and never looked at again;
//! * the frontier has not been disturbed since the invocation: the read returns like any other operation;
//! * otherwise the search goes back to its *checkpoint* before the first disturbance after the invocation, and walks
//!   the same events again, with what it has learned since.
//!
//! The same holds for operations that change the state and whose result matters, except that these are not ignored
//! while their result is unknown: they may take effect with any. An operation whose result matters and is unknown is
//! called *unresolved* below.

use super::{
    depth_first::DepthFirst,
    frontier::{Frontier, Snapshot},
    slots::{Fate, Role, Shared},
    transitions::{Action, Transitions},
};
use crate::{
    history::{Call, Completion, Value, Values},
    model::{Effect, Model},
    verdict::Budget,
};

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Not completed.
    Open,
    /// Completed `ok` with a result that every explanation allows.
    Vacuous,
    /// Completed in this way.
    Known(Completion<()>),
}

/// What the search knows about one operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) status: Status,
    pub(super) effect: Effect,
    /// Without the result until that is known, and nothing for an observation until then.
    pub(super) action: Action,
    /// The search it belongs to.
    pub(super) search: u32,
    /// Its slot while it is pending.
    pub(super) slot: u8,
    /// When it was invoked, as a count of events.
    pub(super) began: u32,
    /// Where to go back to when its result is known; `None` if nothing has been disturbed since its invocation.
    pub(super) checkpoint: Option<u32>,
}

impl Default for Record {
    /// That of an operation of which nothing is known.
    fn default() -> Self {
        let (status, effect, action) = (Status::Open, Effect::Observation, Action::NOTHING);
        Self { status, effect, action, search: 0, slot: 0, began: 0, checkpoint: None }
    }
}

impl Record {
    /// Learns how it ended.
    pub(super) fn learn<M: Model>(&mut self, transitions: &mut Transitions<M>, ended: &Ended<'_>) {
        if let Completion::Ok(output) = ended.completion
            && self.is_unresolved()
        {
            self.action = transitions.action(ended.call, Some(output), ended.values);
            self.effect = M::effect(ended.call, Some(output));
        }
        self.status = Status::Known(ended.completion.map(|_| ()));
    }

    /// Whether it is pending no longer when it has completed.
    pub(super) fn leaves(&self) -> bool {
        self.status != Status::Known(Completion::Info) || self.effect == Effect::Observation
    }

    /// What it may do, by what is known of it.
    pub(super) fn role(&self) -> Role {
        match (self.status, self.effect) {
            (Status::Known(Completion::Ok(_)), Effect::Observation) => Role::Observes,
            (Status::Known(Completion::Fail) | Status::Vacuous, _) | (_, Effect::Observation) => Role::Idles,
            (Status::Known(Completion::Info), effect) => Role::Crashed(effect),
            (Status::Open, effect @ Effect::Exchange) => Role::Tries(effect),
            (Status::Open | Status::Known(Completion::Ok(_)), effect) => Role::Changes(effect),
        }
    }

    pub(super) fn is_unresolved(&self) -> bool {
        self.status == Status::Open && matches!(self.effect, Effect::Observation | Effect::Exchange)
    }
}

/// An event of one key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Invoke(u32),
    Complete(u32),
}

/// The search before an event of the log.
#[derive(Clone, Debug, Default)]
struct Checkpoint {
    /// Index of the event.
    at: usize,
    snapshot: Snapshot,
}

/// What an operation asked for and how it completed.
#[derive(Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) op: u32,
    pub(super) call: &'a Call,
    pub(super) completion: Completion<Value>,
    pub(super) values: &'a Values,
}

/// Who judges a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Judge {
    /// Its zones.
    #[default]
    Zones,
    /// A search for one explanation.
    DepthFirst,
    /// A search for all explanations.
    Frontier,
}

#[derive(Clone, Debug, Default)]
pub(super) struct KeySearch {
    pub(super) frontier: Frontier,
    /// Open operations whose result will matter.
    unresolved: Vec<u32>,
    /// Events since the first checkpoint.
    log: Vec<Event>,
    /// The first `checkpoint_count` are in use, the others keep their memory.
    checkpoints: Vec<Checkpoint>,
    checkpoint_count: usize,
    pub(super) is_exhausted: bool,
    /// How many events there were before the first of this key.
    pub(super) since: usize,
    /// Who judges the key.
    pub(super) judge: Judge,
    pub(super) depth_first: DepthFirst,
}

impl KeySearch {
    /// Starts over from the initial state, after so many events.
    pub(super) fn reset(&mut self, init: u32, since: usize) {
        self.since = since;
        self.frontier.reset(init);
        self.unresolved.clear();
        self.log.clear();
        self.checkpoint_count = 0;
        self.is_exhausted = false;
        self.judge = Judge::Zones;
        self.depth_first.reset(init);
    }

    /// `op` is invoked. What is known of it is in its record.
    pub(super) fn invoke(&mut self, records: &mut [Record], op: u32) -> Fate {
        if self.checkpoint_count > 0 {
            self.log.push(Event::Invoke(op));
        }
        if records[op as usize].is_unresolved() {
            self.unresolved.push(op);
        }
        self.enter(records, op)
    }

    /// An operation completes.
    pub(super) fn complete<M: Model>(
        &mut self,
        shared: &mut Shared<M>,
        records: &mut [Record],
        ended: Ended<'_>,
    ) -> Fate {
        let Ended { op, completion, .. } = ended;
        let record = &mut records[op as usize];
        if record.is_unresolved() {
            return self.resolve(shared, records, ended);
        }
        record.status = Status::Known(completion.map(|_| ()));
        if completion == Completion::Info {
            self.place(record);
        }
        if !self.unresolved.is_empty() && self.is_disturbed_by(record) {
            self.checkpoint(records);
        }
        self.log_completion(op);
        self.leave(shared, records, op)
    }

    /// `op`, whose status is known, is pending no longer.
    fn leave<M: Model>(&mut self, shared: &mut Shared<M>, records: &[Record], op: u32) -> Fate {
        let Record { status, slot, .. } = records[op as usize];
        match status {
            Status::Known(Completion::Ok(_)) => self.frontier.close(shared, slot),
            Status::Known(Completion::Fail) => self.frontier.drop_done(slot),
            Status::Known(Completion::Info) | Status::Vacuous => {
                if records[op as usize].leaves() {
                    self.frontier.slots.free(slot);
                }
                Fate::Alive
            }
            Status::Open => unreachable!("an operation completes after its status is known"),
        }
    }

    /// An operation completes whose result was waited for.
    fn resolve<M: Model>(&mut self, shared: &mut Shared<M>, records: &mut [Record], ended: Ended<'_>) -> Fate {
        let op = ended.op;
        self.unresolved.retain(|&other| other != op);
        let from = self.learn(&mut shared.transitions, &mut records[op as usize], ended);
        let record = &records[op as usize];
        self.place(record);
        if !self.unresolved.is_empty() && (from.is_some() || self.is_disturbed_by(record)) {
            self.checkpoint(records);
        }
        self.log_completion(op);
        let fate = match from {
            Some(checkpoint) => self.walk_again(shared, records, checkpoint as usize),
            None => self.leave(shared, records, op),
        };
        if self.checkpoint_count > 0 {
            self.forget_checkpoints(records);
        }
        fate
    }

    /// Records how an operation completed; the answer is the checkpoint from which to walk again, if that has to be.
    fn learn<M: Model>(
        &self,
        transitions: &mut Transitions<M>,
        record: &mut Record,
        Ended { call, completion, values, .. }: Ended<'_>,
    ) -> Option<u32> {
        record.status = Status::Known(completion.map(|_| ()));
        let Completion::Ok(output) = completion else { return None };
        let was_ignored = record.effect == Effect::Observation;
        record.action = transitions.action(call, Some(output), values);
        record.effect = M::effect(call, Some(output));
        if was_ignored && self.frontier.all_allow(transitions, record.action) {
            record.status = Status::Vacuous;
            return None;
        }
        record.checkpoint
    }

    /// Gives `op` a slot.
    fn enter(&mut self, records: &mut [Record], op: u32) -> Fate {
        let Some(slot) = self.frontier.slots.enter(op) else { return Fate::Exhausted(Budget::Pending) };
        records[op as usize].slot = slot;
        self.place(&records[op as usize]);
        Fate::Alive
    }

    /// Notes what an operation may do in its slot, by what is known of it.
    fn place(&mut self, record: &Record) {
        self.frontier.slots.place_again(record.slot, record.action, record.role());
    }

    /// Whether the completion of this operation changes more of the frontier than the operation's own bit.
    fn is_disturbed_by(&self, record: &Record) -> bool {
        match record.status {
            Status::Known(Completion::Ok(_)) => !self.frontier.all_did(record.slot),
            Status::Known(Completion::Fail) => self.frontier.some_did(record.slot),
            Status::Known(Completion::Info) | Status::Vacuous | Status::Open => false,
        }
    }

    fn log_completion(&mut self, op: u32) {
        if self.checkpoint_count > 0 {
            self.log.push(Event::Complete(op));
        }
    }

    /// Before a disturbance: sees to it that every unresolved operation has a checkpoint to go back to.
    fn checkpoint(&mut self, records: &mut [Record]) {
        let index = self.checkpoint_count;
        let mut is_needed = false;
        for &op in &self.unresolved {
            let record = &mut records[op as usize];
            if record.checkpoint.is_none() {
                record.checkpoint = Some(index as u32);
                is_needed = true;
            }
        }
        if is_needed {
            self.checkpoint_count += 1;
            self.save(index, self.log.len());
        }
    }

    fn save(&mut self, index: usize, at: usize) {
        if index == self.checkpoints.len() {
            self.checkpoints.push(Checkpoint::default());
        }
        let checkpoint = &mut self.checkpoints[index];
        checkpoint.at = at;
        self.frontier.save(&mut checkpoint.snapshot);
    }

    /// Goes back to checkpoint `index`, keeping what has been learned since.
    fn restore(&mut self, records: &[Record], index: usize) {
        self.frontier.restore(&self.checkpoints[index].snapshot);
        for slot in self.frontier.slots.occupied() {
            self.place(&records[self.frontier.slots.op(slot) as usize]);
        }
    }

    /// Walks the log again from checkpoint `index`, renewing the checkpoints on the way.
    fn walk_again<M: Model>(&mut self, shared: &mut Shared<M>, records: &mut [Record], index: usize) -> Fate {
        self.restore(records, index);
        let mut next = index + 1;
        for at in self.checkpoints[index].at..self.log.len() {
            if next < self.checkpoint_count && self.checkpoints[next].at == at {
                self.save(next, at);
                next += 1;
            }
            let fate = match self.log[at] {
                Event::Invoke(op) => self.enter(records, op),
                Event::Complete(op) => self.leave(shared, records, op),
            };
            if fate != Fate::Alive {
                return fate;
            }
        }
        Fate::Alive
    }

    /// Drops the checkpoints that no unresolved operation goes back to.
    fn forget_checkpoints(&mut self, records: &[Record]) {
        let needed = self.unresolved.iter().filter_map(|&op| records[op as usize].checkpoint).max();
        self.checkpoint_count = needed.map_or(0, |index| index as usize + 1);
        if self.checkpoint_count == 0 {
            self.log.clear();
        }
    }
}
