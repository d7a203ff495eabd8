//! The search for an explanation of the operations on one key.
//!
//! The search walks along the events with a *frontier*: the configurations (state, pending operations done) that
//! explain what it has passed. Operations take effect as late as possible: only when one returns are the configurations
//! that lack it extended, by every sequence of pending operations that ends in it (Lowe, 2017, "Testing for
//! linearizability", just-in-time linearization). So a configuration is a state and 64 bits however long the history.
//!
//! Of overwrites that are pending together, all but the last to take effect may have done so unseen. To list who did
//! would be to list subsets, so a configuration only notes who may have (*hidden*) and decides when that one returns.
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
    antichain::{Antichain, Configuration},
    transitions::{IMPOSSIBLE, Transitions},
};
use crate::{
    history::{Call, Completion, Value, Values},
    model::{Effect, Model},
};

/// Pending operations a key can have: the bits of [`Configuration::done`].
const SLOTS_MAX: u32 = u64::BITS;

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Not completed.
    Open,
    /// Completed `ok` with a result that every explanation allows.
    Vacuous,
    /// Completed, or in a search with foresight going to complete, in this way.
    Known(Completion<Value>),
}

/// What the search knows about one operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) call: Call,
    pub(super) status: Status,
    pub(super) effect: Effect,
    /// Of the transitions; without the result until that is known, and [`IMPOSSIBLE`] for an observation until then.
    pub(super) action: u32,
    /// The search it belongs to.
    pub(super) search: u32,
    /// Its bit in [`Configuration::done`] while it is pending.
    pub(super) slot: u8,
    /// Where to go back to when its result is known; `None` if nothing has been disturbed since its invocation.
    pub(super) checkpoint: Option<u32>,
    /// Positions of its events among all.
    pub(super) invoked: u32,
    pub(super) completed: u32,
}

impl Record {
    fn is_unresolved(&self) -> bool {
        self.status == Status::Open && matches!(self.effect, Effect::Observation | Effect::Exchange)
    }
}

/// What all keys share: what is known of the operations, of the model, and working memory.
#[derive(Clone)]
pub(super) struct Shared<M: Model> {
    pub(super) transitions: Transitions<M>,
    /// By [`OpId`](crate::history::OpId).
    pub(super) records: Vec<Record>,
    /// The largest number of configurations to be held at once.
    pub(super) configurations_max: usize,
    pub(super) open: Antichain,
    pub(super) closed: Antichain,
}

/// What an event left of the frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Fate {
    Alive,
    /// No explanation is left.
    Dead,
    /// There were too many configurations or pending operations to go on.
    Exhausted,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Invoke(u32),
    Complete(u32),
}

/// A pending operation.
#[derive(Clone, Copy, Debug)]
struct Slot {
    op: u32,
    action: u32,
    /// Lower slots that hold crashed operations equal to this one, if it has crashed too.
    twins: u64,
}

/// The search before an event of the log.
#[derive(Clone, Debug, Default)]
struct Checkpoint {
    /// Index of the event.
    at: usize,
    occupied: u64,
    slots: Vec<Slot>,
    frontier: Vec<Configuration>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct KeySearch {
    frontier: Vec<Configuration>,
    slots: Vec<Slot>,
    /// Slots in use.
    occupied: u64,
    /// Slots of operations that may change the state.
    changing: u64,
    /// Those of them that overwrite it.
    overwriting: u64,
    /// Slots of observations whose result is known.
    observing: u64,
    /// Slots of operations that ended `info`.
    crashed: u64,
    /// Slots of operations that serve no purpose by taking effect if that neither changes the state nor hides others.
    idle: u64,
    /// Open operations whose result will matter.
    unresolved: Vec<u32>,
    /// Events since the first checkpoint.
    log: Vec<Event>,
    /// The first `checkpoint_count` are in use, the others keep their memory.
    checkpoints: Vec<Checkpoint>,
    checkpoint_count: usize,
    pub(super) is_exhausted: bool,
}

impl KeySearch {
    /// Starts over from the initial state.
    pub(super) fn reset(&mut self, init: u32) {
        self.frontier.clear();
        self.frontier.push(Configuration { state: init, done: 0, hidden: 0 });
        self.clear_slots();
        self.unresolved.clear();
        self.log.clear();
        self.checkpoint_count = 0;
        self.is_exhausted = false;
    }

    /// Configurations alive.
    pub(super) fn frontier_len(&self) -> usize {
        self.frontier.len()
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

    /// `op` completes, not having been known to.
    pub(super) fn complete<M: Model>(
        &mut self,
        shared: &mut Shared<M>,
        op: u32,
        completion: Completion<Value>,
        values: &Values,
    ) -> Fate {
        let record = &mut shared.records[op as usize];
        if record.is_unresolved() {
            return self.resolve(shared, op, completion, values);
        }
        record.status = Status::Known(completion);
        if completion == Completion::Info {
            self.place(record);
        }
        if !self.unresolved.is_empty() && self.is_disturbed_by(record) {
            self.checkpoint(&mut shared.records);
        }
        self.log_completion(op);
        self.leave(shared, op)
    }

    /// `op` completes as foreseen when it was invoked.
    pub(super) fn leave<M: Model>(&mut self, shared: &mut Shared<M>, op: u32) -> Fate {
        let Record { status, effect, slot, .. } = shared.records[op as usize];
        match status {
            Status::Known(Completion::Ok(_)) => self.close(shared, slot),
            Status::Known(Completion::Fail) => self.drop_done(slot),
            Status::Known(Completion::Info) if effect == Effect::Observation => self.free(slot),
            Status::Known(Completion::Info) => Fate::Alive,
            Status::Vacuous => self.free(slot),
            Status::Open => unreachable!("an operation completes after its status is known"),
        }
    }

    /// An operation completes whose result was waited for.
    fn resolve<M: Model>(
        &mut self,
        shared: &mut Shared<M>,
        op: u32,
        completion: Completion<Value>,
        values: &Values,
    ) -> Fate {
        self.unresolved.retain(|&other| other != op);
        let from = self.learn(shared, op, completion, values);
        let record = &shared.records[op as usize];
        self.place(record);
        if !self.unresolved.is_empty() && (from.is_some() || self.is_disturbed_by(record)) {
            self.checkpoint(&mut shared.records);
        }
        self.log_completion(op);
        let fate = match from {
            Some(checkpoint) => self.walk_again(shared, checkpoint as usize),
            None => self.leave(shared, op),
        };
        if self.checkpoint_count > 0 {
            self.forget_checkpoints(&shared.records);
        }
        fate
    }

    /// Records how `op` completed; the answer is the checkpoint from which to walk again, if that has to be.
    fn learn<M: Model>(
        &self,
        shared: &mut Shared<M>,
        op: u32,
        completion: Completion<Value>,
        values: &Values,
    ) -> Option<u32> {
        let Shared { transitions, records, .. } = shared;
        let record = &mut records[op as usize];
        record.status = Status::Known(completion);
        let Completion::Ok(output) = completion else { return None };
        let was_ignored = record.effect == Effect::Observation;
        record.action = transitions.action(&record.call, Some(output), values);
        record.effect = M::effect(&record.call, Some(output));
        let action = record.action;
        if was_ignored && self.frontier.iter().all(|one| transitions.step(one.state, action) != IMPOSSIBLE) {
            record.status = Status::Vacuous;
            return None;
        }
        record.checkpoint
    }

    /// Gives `op` a slot.
    fn enter(&mut self, records: &mut [Record], op: u32) -> Fate {
        let free = self.occupied.trailing_ones();
        if free == SLOTS_MAX {
            return Fate::Exhausted;
        }
        let slot = Slot { op, action: 0, twins: 0 };
        match self.slots.get_mut(free as usize) {
            Some(vacant) => *vacant = slot,
            None => self.slots.push(slot),
        }
        self.occupied |= 1 << free;
        records[op as usize].slot = free as u8;
        self.place(&records[op as usize]);
        Fate::Alive
    }

    /// Notes what an operation may do in its slot, by what is known of it.
    fn place(&mut self, record: &Record) {
        let slot = record.slot;
        let bit = 1 << slot;
        self.clear_roles(bit);
        self.slots[slot as usize].action = record.action;
        match (record.status, record.effect) {
            (Status::Known(Completion::Ok(_)), Effect::Observation) => self.observing |= bit,
            (Status::Known(Completion::Fail) | Status::Vacuous, _) | (_, Effect::Observation) => {}
            (Status::Known(Completion::Info), effect) => self.crash(slot, effect),
            (Status::Open | Status::Known(Completion::Ok(_)), effect) => {
                self.changing |= bit;
                match effect {
                    Effect::Overwrite => self.overwriting |= bit,
                    Effect::Exchange if record.status == Status::Open => self.idle |= bit,
                    Effect::Observation | Effect::Change | Effect::Exchange => {}
                }
            }
        }
    }

    /// The operation at `slot` may take effect now, later or never. Crashed operations that are equal are
    /// interchangeable from here on, so they take effect in the order of their slots.
    fn crash(&mut self, slot: u8, effect: Effect) {
        let action = self.slots[slot as usize].action;
        self.slots[slot as usize].twins = 0;
        for other in ones(self.crashed) {
            if self.slots[other as usize].action == action {
                let (low, high) = (slot.min(other), slot.max(other));
                self.slots[high as usize].twins |= 1 << low;
            }
        }
        self.changing |= 1 << slot;
        self.overwriting |= u64::from(effect == Effect::Overwrite) << slot;
        self.crashed |= 1 << slot;
        self.idle |= 1 << slot;
    }

    /// Extends every configuration that lacks the operation at `slot`, which has returned, until it has it.
    fn close<M: Model>(&mut self, shared: &mut Shared<M>, slot: u8) -> Fate {
        let bit = 1 << slot;
        if self.frontier.iter().any(|one| one.done & bit == 0) {
            let fate = self.extend(shared, bit);
            if fate != Fate::Alive {
                return fate;
            }
            shared.closed.swap(&mut self.frontier);
        } else {
            self.frontier.iter_mut().for_each(|one| *one = one.without(bit));
        }
        self.free(slot)
    }

    /// Fills `shared.closed` with the configurations that have `bit` done, and then clear it, reachable from the
    /// frontier by pending operations of which the one at `bit` is the last.
    fn extend<M: Model>(&self, shared: &mut Shared<M>, bit: u64) -> Fate {
        let Shared { transitions, open, closed, configurations_max, .. } = shared;
        open.clear(self.crashed);
        closed.clear(self.crashed);
        for &start in &self.frontier {
            let start = self.observe(transitions, start);
            if (start.done | start.hidden) & bit != 0 {
                closed.insert(start.without(bit), 0);
            }
            if start.done & bit == 0 {
                open.insert(start, 0);
            }
        }
        let mut read = 0;
        while let Some(from) = open.get(read) {
            read += 1;
            for slot in ones(self.changing & !from.done) {
                let Some(to) = self.take_effect(transitions, from, slot) else { continue };
                if to.done & bit != 0 {
                    closed.insert(to.without(bit), 0);
                } else if self.is_used(transitions, from, slot, to) {
                    open.insert(to, read);
                }
            }
            if open.len() + closed.len() > *configurations_max {
                return Fate::Exhausted;
            }
        }
        if closed.len() == 0 { Fate::Dead } else { Fate::Alive }
    }

    /// `from` after the operation at `slot`; `None` if that is impossible or not worth a look.
    #[inline]
    fn take_effect<M: Model>(
        &self,
        transitions: &mut Transitions<M>,
        from: Configuration,
        slot: u8,
    ) -> Option<Configuration> {
        let Slot { action, twins, .. } = self.slots[slot as usize];
        if twins & !from.done != 0 {
            return None;
        }
        let state = transitions.step(from.state, action);
        if state == IMPOSSIBLE {
            return None;
        }
        let bit = 1 << slot;
        let hides = if self.overwriting & bit == 0 { 0 } else { self.overwriting & !self.crashed & !from.done };
        let hidden = (from.hidden | hides) & !bit;
        if self.idle & bit != 0 && state == from.state && hidden == from.hidden {
            return None;
        }
        Some(self.observe(transitions, Configuration { state, done: from.done | bit, hidden }))
    }

    /// Whether anything follows from the state in `to`, to which `from` came by the operation at `slot`. If the next thing
    /// to happen can only be another overwrite, an overwrite had better stay hidden.
    #[inline]
    fn is_used<M: Model>(
        &self,
        transitions: &mut Transitions<M>,
        from: Configuration,
        slot: u8,
        to: Configuration,
    ) -> bool {
        let is_observed = to.done != from.done | 1 << slot;
        let mut users = ones(self.changing & !self.overwriting & !to.done);
        self.overwriting & (1 << slot) == 0
            || is_observed
            || users.any(|user| transitions.step(to.state, self.slots[user as usize].action) != IMPOSSIBLE)
    }

    /// Lets every observation take effect whose result fits the state. Waiting could not serve any explanation better.
    #[inline]
    fn observe<M: Model>(&self, transitions: &mut Transitions<M>, mut one: Configuration) -> Configuration {
        for slot in ones(self.observing & !one.done) {
            if transitions.step(one.state, self.slots[slot as usize].action) != IMPOSSIBLE {
                one.done |= 1 << slot;
            }
        }
        one
    }

    /// The operation at `slot` has failed: no configuration in which it took effect explains that.
    fn drop_done(&mut self, slot: u8) -> Fate {
        let bit = 1 << slot;
        self.frontier.retain(|one| one.done & bit == 0);
        self.frontier.iter_mut().for_each(|one| *one = one.without(bit));
        if self.frontier.is_empty() { Fate::Dead } else { self.free(slot) }
    }

    fn free(&mut self, slot: u8) -> Fate {
        self.occupied &= !(1 << slot);
        self.clear_roles(1 << slot);
        Fate::Alive
    }

    fn clear_roles(&mut self, bit: u64) {
        self.changing &= !bit;
        self.overwriting &= !bit;
        self.observing &= !bit;
        self.crashed &= !bit;
        self.idle &= !bit;
    }

    fn clear_slots(&mut self) {
        self.occupied = 0;
        self.clear_roles(!0);
    }

    /// Whether the completion of this operation changes more of the frontier than the operation's own bit.
    fn is_disturbed_by(&self, record: &Record) -> bool {
        let bit = 1 << record.slot;
        match record.status {
            Status::Known(Completion::Ok(_)) => self.frontier.iter().any(|one| one.done & bit == 0),
            Status::Known(Completion::Fail) => self.frontier.iter().any(|one| one.done & bit != 0),
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
        checkpoint.occupied = self.occupied;
        checkpoint.slots.clone_from(&self.slots);
        checkpoint.frontier.clone_from(&self.frontier);
    }

    /// Goes back to checkpoint `index`, keeping what has been learned since.
    fn restore(&mut self, records: &[Record], index: usize) {
        self.clear_slots();
        let checkpoint = &self.checkpoints[index];
        self.occupied = checkpoint.occupied;
        self.slots.clone_from(&checkpoint.slots);
        self.frontier.clone_from(&checkpoint.frontier);
        for slot in ones(self.occupied) {
            self.place(&records[self.slots[slot as usize].op as usize]);
        }
    }

    /// Walks the log again from checkpoint `index`, renewing the checkpoints on the way.
    fn walk_again<M: Model>(&mut self, shared: &mut Shared<M>, index: usize) -> Fate {
        self.restore(&shared.records, index);
        let mut next = index + 1;
        for at in self.checkpoints[index].at..self.log.len() {
            if next < self.checkpoint_count && self.checkpoints[next].at == at {
                self.save(next, at);
                next += 1;
            }
            let fate = match self.log[at] {
                Event::Invoke(op) => self.enter(&mut shared.records, op),
                Event::Complete(op) => self.leave(shared, op),
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

/// The bits that are set, from low to high.
#[inline]
fn ones(mut mask: u64) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let bit = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (bit < SLOTS_MAX).then_some(bit as u8)
    })
}
