//! All configurations that explain what a search has passed.

use super::{
    antichain::Configuration,
    slots::{Fate, Shared, Slot, Slots},
    transitions::{Action, IMPOSSIBLE, Transitions},
};
use crate::model::Model;

/// A frontier and its slots at some event, but for what is known of the operations in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    occupied: u64,
    slots: Vec<Slot>,
    configurations: Vec<Configuration>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Frontier {
    configurations: Vec<Configuration>,
    pub(super) slots: Slots,
}

impl Frontier {
    /// Starts over from the initial state.
    pub(super) fn reset(&mut self, init: u32) {
        self.configurations.clear();
        self.configurations.push(Configuration { state: init, done: 0, hidden: 0 });
        self.slots.clear();
    }

    /// Whether `action` is possible in every configuration.
    pub(super) fn all_allow<M: Model>(&self, transitions: &mut Transitions<M>, action: Action) -> bool {
        self.configurations.iter().all(|one| transitions.step(one.state, action) != IMPOSSIBLE)
    }

    /// Whether the operation at `slot` has taken effect in every configuration.
    pub(super) fn all_did(&self, slot: u8) -> bool {
        self.configurations.iter().all(|one| one.done & 1 << slot != 0)
    }

    /// Whether the operation at `slot` has taken effect in some configuration.
    pub(super) fn some_did(&self, slot: u8) -> bool {
        self.configurations.iter().any(|one| one.done & 1 << slot != 0)
    }

    /// The operation at `slot` has returned: every configuration that lacks it is extended until it has it.
    pub(super) fn close<M: Model>(&mut self, shared: &mut Shared<M>, slot: u8) -> Fate {
        let bit = 1 << slot;
        if self.all_did(slot) {
            self.configurations.iter_mut().for_each(|one| *one = one.without(bit));
        } else {
            let fate =
                self.slots.extend(&mut shared.transitions, &mut shared.all, &self.configurations, slot, |_| false);
            if fate != Fate::Alive {
                return fate;
            }
            shared.all.closed.swap(&mut self.configurations);
        }
        self.slots.free(slot);
        Fate::Alive
    }

    /// The operation at `slot` has failed: no configuration in which it took effect explains that.
    pub(super) fn drop_done(&mut self, slot: u8) -> Fate {
        let bit = 1 << slot;
        self.configurations.retain(|one| one.done & bit == 0);
        self.configurations.iter_mut().for_each(|one| *one = one.without(bit));
        self.slots.free(slot);
        if self.configurations.is_empty() { Fate::Dead } else { Fate::Alive }
    }

    /// Copies what [`restore`](Self::restore) needs into `snapshot`, whose memory is used again.
    pub(super) fn save(&self, snapshot: &mut Snapshot) {
        snapshot.occupied = self.slots.occupied;
        snapshot.slots.clone_from(&self.slots.slots);
        snapshot.configurations.clone_from(&self.configurations);
    }

    /// Goes back to `snapshot`. The operations in the slots have no roles yet.
    pub(super) fn restore(&mut self, snapshot: &Snapshot) {
        self.slots.clear();
        self.slots.occupied = snapshot.occupied;
        self.slots.slots.clone_from(&snapshot.slots);
        self.configurations.clone_from(&snapshot.configurations);
    }
}
