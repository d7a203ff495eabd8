//! The pending operations of a key, each in a slot, and where they lead.
//!
//! Operations take effect as late as possible: only when one returns are the configurations that lack it extended, by every
//! sequence of pending operations that ends in it (Lowe, 2017, "Testing for linearizability", just-in-time linearization). So
//! a configuration is a state and two words of bits however long the history.
//!
//! Of overwrites that are pending together, all but the last to take effect may have done so unseen. To list who did
//! would be to list subsets, so a configuration only notes who may have (*hidden*) and decides when that one returns.

use super::{
    antichain::{Antichain, Configuration},
    transitions::{Action, IMPOSSIBLE, Transitions},
};
use crate::{
    model::{Effect, Model},
    verdict::Budget,
};

/// Pending operations a key can have: the bits of [`Configuration::done`].
const SLOTS_MAX: u32 = u64::BITS;
/// Slots are found by the state that they need, modulo this.
const GROUPS: u32 = 32;

/// What the searches of all keys share.
#[derive(Clone)]
pub(super) struct Shared<M: Model> {
    pub(super) transitions: Transitions<M>,
    /// For searches that hold all explanations.
    pub(super) all: Work,
    /// For searches that hold one.
    pub(super) one: Work,
}

/// Working memory of searches, and how much work they may do.
#[derive(Clone, Debug)]
pub(super) struct Work {
    /// The largest number of configurations to be held at once.
    pub(super) configurations_max: usize,
    /// Operations tried in configurations, and configurations compared in large sets, since the history began.
    pub(super) steps: u64,
    pub(super) steps_max: u64,
    pub(super) open: Antichain,
    pub(super) closed: Antichain,
}

impl Work {
    pub(super) fn new(configurations_max: usize, steps_max: u64) -> Self {
        let (open, closed) = (Antichain::default(), Antichain::default());
        Self { configurations_max, steps: 0, steps_max, open, closed }
    }
}

/// What an event left of the frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Fate {
    Alive,
    /// No explanation is left.
    Dead,
    /// It is too much to go on.
    Exhausted(Budget),
}

/// What a pending operation may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing, for it changes nothing and says nothing, or says nothing yet.
    Idles,
    /// It takes effect as soon as its result fits the state.
    Observes,
    /// It takes effect once, before it returns.
    Changes(Effect),
    /// The same, with any result as yet; it may be that the result has it change nothing.
    Tries(Effect),
    /// It takes effect once or never.
    Crashed(Effect),
}

/// A pending operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    op: u32,
    action: Action,
    /// Lower slots that hold crashed operations equal to this one, if it has crashed too.
    twins: u64,
}

/// Bits by slot, apart from other masks: if the compiler changes several at once, it waits for each to be written first, since a
/// processor does not forward narrow stores to wide loads.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
struct Mask(u64);

#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    pub(super) slots: Vec<Slot>,
    /// Slots in use.
    pub(super) occupied: u64,
    /// Slots of operations that may change the state.
    changing: Mask,
    /// Those of them that overwrite it.
    overwriting: Mask,
    /// Slots of observations whose result is known.
    observing: Mask,
    /// Slots of operations that ended `info`.
    crashed: Mask,
    /// Slots of operations that serve no purpose by taking effect if that neither changes the state nor hides others.
    idle: Mask,
    /// Slots with a role whose operations need one state, in the group of that state.
    groups: [u64; GROUPS as usize],
    /// The other slots with a role.
    ungrouped: u64,
}

/// A state that an operation needs.
#[derive(Clone, Copy)]
struct Goal {
    state: u32,
    /// Slots of operations that may lead there.
    makers: u64,
}

impl Goal {
    /// Whether it is not known to be out of reach.
    #[inline]
    fn is_near(self, one: &Configuration) -> bool {
        one.state == self.state || self.makers & !one.done != 0
    }
}

impl Slots {
    /// Gives `op` a slot, if there is one.
    #[inline]
    pub(super) fn enter(&mut self, op: u32) -> Option<u8> {
        let free = self.occupied.trailing_ones();
        if free == SLOTS_MAX {
            return None;
        }
        if free as usize == self.slots.len() {
            self.slots.push(Slot { op, action: Action::NOTHING, twins: 0 });
        }
        self.occupy(free as u8, op);
        Some(free as u8)
    }

    /// Gives `op` the vacant slot that it had before.
    #[inline]
    pub(super) fn occupy(&mut self, slot: u8, op: u32) {
        self.slots[slot as usize] = Slot { op, action: Action::NOTHING, twins: 0 };
        self.occupied |= 1 << slot;
    }

    /// Notes what the operation at `slot` may do now that more is known of it.
    pub(super) fn place_again(&mut self, slot: u8, action: Action, role: Role) {
        self.clear_role(slot);
        self.place(slot, action, role);
    }

    /// Notes what the operation at `slot`, of which nothing was known, may do.
    #[inline(always)]
    pub(super) fn place(&mut self, slot: u8, action: Action, role: Role) {
        let bit = 1 << slot;
        self.slots[slot as usize].action = action;
        match role {
            Role::Idles => return,
            Role::Observes => self.observing.0 |= bit,
            Role::Changes(effect) | Role::Tries(effect) | Role::Crashed(effect) => {
                self.changing.0 |= bit;
                self.overwriting.0 |= u64::from(effect == Effect::Overwrite) << slot;
            }
        }
        *self.group(action) |= bit;
        match role {
            Role::Crashed(_) => self.crash(slot, action),
            Role::Tries(_) => self.idle.0 |= bit,
            Role::Idles | Role::Observes | Role::Changes(_) => {}
        }
    }

    /// The operation at `slot` may take effect now, later or never. Crashed operations that are equal are
    /// interchangeable from here on, so they take effect in the order of their slots.
    #[inline(never)]
    fn crash(&mut self, slot: u8, action: Action) {
        self.slots[slot as usize].twins = 0;
        for other in ones(self.crashed.0) {
            if self.slots[other as usize].action == action {
                let (low, high) = (slot.min(other), slot.max(other));
                self.slots[high as usize].twins |= 1 << low;
            }
        }
        self.crashed.0 |= 1 << slot;
        self.idle.0 |= 1 << slot;
    }

    /// Fills `work.closed` with the configurations that have `slot` done, and then clear it, reachable from `starts` by pending
    /// operations of which the one at `slot` is the last; with all of them, or until one is enough.
    pub(super) fn extend<M: Model>(
        &self,
        transitions: &mut Transitions<M>,
        work: &mut Work,
        starts: &[Configuration],
        slot: u8,
        mut is_enough: impl FnMut(Configuration) -> bool,
    ) -> Fate {
        let bit = 1 << slot;
        let goal = self.goal(slot);
        let Work { open, closed, configurations_max, steps, steps_max } = work;
        let mut close = |closed: &mut Antichain, one: Configuration| closed.insert(one, 0) && is_enough(one);
        open.clear(self.crashed.0, self.observing.0);
        closed.clear(self.crashed.0, self.observing.0 & !bit);
        for &start in starts {
            let start = self.observe(transitions, start);
            if (start.done | start.hidden) & bit != 0 && close(closed, start.without(bit)) {
                return Fate::Alive;
            }
            if start.done & bit == 0 && goal.is_near(&start) {
                open.insert(start, 0);
            }
        }
        let pending = u64::from(self.changing.0.count_ones());
        let mut read = 0;
        while let Some(from) = open.get(read) {
            read += 1;
            let (sure, unsure) = self.candidates(transitions, from.state);
            for slot in ones(self.changing.0 & !from.done & (sure | unsure)) {
                let Some(to) = self.take_effect(transitions, from, slot) else { continue };
                if to.done & bit != 0 {
                    if close(closed, to.without(bit)) {
                        return Fate::Alive;
                    }
                } else if goal.is_near(&to) && self.is_used(transitions, from, slot, to) {
                    open.insert(to, read);
                }
            }
            *steps += pending;
            if open.len() + closed.len() > *configurations_max {
                return Fate::Exhausted(Budget::Frontier);
            }
            if *steps + open.steps() + closed.steps() > *steps_max {
                return Fate::Exhausted(Budget::Steps);
            }
        }
        *steps += open.steps() + closed.steps();
        if closed.len() == 0 { Fate::Dead } else { Fate::Alive }
    }

    /// What has to come before the operation at `slot` can take effect.
    fn goal(&self, slot: u8) -> Goal {
        let Some(state) = self.slots[slot as usize].action.needs() else { return Goal { state: 0, makers: !0 } };
        let makes = |slot: &u8| self.slots[*slot as usize].action.may_make(state);
        Goal { state, makers: ones(self.changing.0).filter(makes).fold(0, |makers, slot| makers | 1 << slot) }
    }

    /// `from` after the operation at `slot`; `None` if that is impossible or not worth a look.
    #[inline(always)]
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
        let hides = if self.overwriting.0 & bit == 0 { 0 } else { self.overwriting.0 & !self.crashed.0 & !from.done };
        let hidden = (from.hidden | hides) & !bit;
        if self.idle.0 & bit != 0 && state == from.state && hidden == from.hidden {
            return None;
        }
        Some(self.observe(transitions, Configuration { state, done: from.done | bit, hidden }))
    }

    /// Whether anything follows from the state in `to`, to which `from` came by the operation at `slot`. If the next thing
    /// to happen can only be another overwrite, an overwrite had better stay hidden, and what crashed had better never happen.
    #[inline(always)]
    fn is_used<M: Model>(
        &self,
        transitions: &mut Transitions<M>,
        from: Configuration,
        slot: u8,
        to: Configuration,
    ) -> bool {
        let bit = 1 << slot;
        let is_observed = to.done != from.done | bit;
        if is_observed || (self.overwriting.0 | self.crashed.0) & bit == 0 {
            return true;
        }
        let users = self.changing.0 & !self.overwriting.0 & !to.done;
        let (sure, unsure) = self.candidates(transitions, to.state);
        users & sure != 0
            || ones(users & unsure)
                .any(|user| transitions.step(to.state, self.slots[user as usize].action) != IMPOSSIBLE)
    }

    /// `from` after the operation at `slot` returns, which has not taken effect yet, if it is enough that it does so now, or right
    /// after another one.
    #[inline]
    pub(super) fn extend_by_one<M: Model>(
        &self,
        transitions: &mut Transitions<M>,
        from: Configuration,
        slot: u8,
    ) -> Option<Configuration> {
        let bit = 1 << slot;
        let is_observation = self.observing.0 & bit != 0;
        if !is_observation && let Some(to) = self.take_effect(transitions, from, slot) {
            return Some(to.without(bit));
        }
        let needed = self.slots[slot as usize].action.needs()?;
        let makers = ones(self.changing.0 & !from.done & !bit);
        makers.filter(|&maker| self.slots[maker as usize].action.may_make(needed)).find_map(|maker| {
            let made = self.take_effect(transitions, from, maker)?;
            let to = if is_observation { made } else { self.take_effect(transitions, made, slot)? };
            (to.done & bit != 0).then(|| to.without(bit))
        })
    }

    /// Whether there may be more than one way for the operation at `slot`, which has not taken effect yet, to do so.
    pub(super) fn has_choice(&self, from: &Configuration, slot: u8) -> bool {
        let bit = 1 << slot;
        from.hidden & bit != 0 || self.changing.0 & !from.done & !bit != 0
    }

    /// Lets every observation take effect whose result fits the state. Waiting could not serve any explanation better.
    #[inline(always)]
    fn observe<M: Model>(&self, transitions: &mut Transitions<M>, mut one: Configuration) -> Configuration {
        let observers = self.observing.0 & !one.done;
        let (sure, unsure) = self.candidates(transitions, one.state);
        one.done |= observers & sure;
        for slot in ones(observers & unsure) {
            if transitions.step(one.state, self.slots[slot as usize].action) != IMPOSSIBLE {
                one.done |= 1 << slot;
            }
        }
        one
    }

    /// The operation at `slot` is pending no longer.
    #[inline]
    pub(super) fn free(&mut self, slot: u8) {
        self.occupied &= !(1 << slot);
        self.clear_role(slot);
    }

    /// The slots whose operations are possible in `state`, and those of which the model is to be asked.
    #[inline(always)]
    fn candidates<M: Model>(&self, transitions: &Transitions<M>, state: u32) -> (u64, u64) {
        let group = self.groups[(state % GROUPS) as usize];
        if transitions.state_count() <= GROUPS as usize { (group, self.ungrouped) } else { (0, group | self.ungrouped) }
    }

    #[inline]
    fn group(&mut self, action: Action) -> &mut u64 {
        match action.needs() {
            Some(state) => &mut self.groups[(state % GROUPS) as usize],
            None => &mut self.ungrouped,
        }
    }

    #[inline]
    fn clear_role(&mut self, slot: u8) {
        let keep = !(1 << slot);
        *self.group(self.slots[slot as usize].action) &= keep;
        self.changing.0 &= keep;
        self.overwriting.0 &= keep;
        self.observing.0 &= keep;
        self.idle.0 &= keep;
        if self.crashed.0 & !keep != 0 {
            self.crashed.0 &= keep;
            ones(self.crashed.0).for_each(|other| self.slots[other as usize].twins &= keep);
        }
    }

    pub(super) fn clear(&mut self) {
        for slot in ones(self.occupied) {
            self.clear_role(slot);
        }
        self.occupied = 0;
    }

    /// The slots in use.
    pub(super) fn occupied(&self) -> impl Iterator<Item = u8> + use<> {
        ones(self.occupied)
    }

    /// What the operation at `slot` does.
    pub(super) fn action(&self, slot: u8) -> Action {
        self.slots[slot as usize].action
    }

    /// The operation at `slot`.
    pub(super) fn op(&self, slot: u8) -> u32 {
        self.slots[slot as usize].op
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
