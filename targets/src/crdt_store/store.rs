//! What is replicated: sets that grow, and counters that go up and down.

use std::collections::{BTreeMap, BTreeSet};

use murphy_sim::NodeId;

use super::Seq;

/// What clients ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Change an object.
    Update(Change),
    /// All elements of the set of this key.
    Elements(u32),
    /// The number of the counter of this key.
    Number(u32),
}

/// What clients hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The update is durable here, and will be everywhere.
    Done,
    /// The elements of a set.
    Elements(Vec<u64>),
    /// The number of a counter.
    Number(i64),
}

/// A change of one object. Any two commute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An element comes into a set.
    Add {
        /// Which set.
        key: u32,
        /// What comes in.
        element: u64,
    },
    /// A counter goes up or down.
    Count {
        /// Which counter.
        key: u32,
        /// By how much.
        amount: i64,
    },
}

/// A change, and which of its origin's it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// The replica that was asked for it.
    pub origin: NodeId,
    /// Its number among those of its origin, from 1.
    pub seq: Seq,
    /// What it does.
    pub change: Change,
}

/// The objects of a replica.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    sets: BTreeMap<u32, BTreeSet<u64>>,
    counters: BTreeMap<u32, PnCounter>,
}

/// What was added, and what was taken away: each only grows.
#[derive(Clone, Copy, Debug, Default)]
struct PnCounter {
    up: u64,
    down: u64,
}

impl Store {
    /// A change that is applied twice counts twice.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Add { key, element } => {
                self.sets.entry(key).or_default().insert(element);
            }
            Change::Count { key, amount } => {
                let counter = self.counters.entry(key).or_default();
                let side = if amount < 0 { &mut counter.down } else { &mut counter.up };
                *side += amount.unsigned_abs();
            }
        }
    }

    pub(super) fn elements(&self, key: u32) -> Vec<u64> {
        self.sets.get(&key).into_iter().flatten().copied().collect()
    }

    pub(super) fn number(&self, key: u32) -> i64 {
        let PnCounter { up, down } = self.counters.get(&key).copied().unwrap_or_default();
        up.wrapping_sub(down).cast_signed()
    }
}
