//! Registers.

use murphy_checker::{
    history::{Call, Value, Values},
    linearizability::Linearizability,
    model::{CAS, Model, READ, Register as RegisterModel, WRITE},
    observer::Observer,
};

use super::{Asked, Operations, Slot, dealt_keys};

/// Registers under keys: read, write, compare-and-set. Judged by linearizability, key by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Weights of reads, writes and compare-and-sets where the schedule has none.
    pub mix: [u8; 3],
    /// After exactly so many operations a key is left for a new one; 0: keys are never left. Many short registers are judged
    /// faster than one long one, and each sees its first operations.
    pub ops_per_key: u32,
    /// So many percent of the operations touch the first key, besides its share of the others: contention. Only where keys are
    /// never left.
    pub hot_percent: u8,
}

impl Default for Register {
    fn default() -> Self {
        Self { mix: [4, 3, 1], ops_per_key: 0, hot_percent: 0 }
    }
}

impl Register {
    /// Few compare-and-sets, many keys.
    pub const BASIC: Self = Self { mix: [5, 5, 0], ops_per_key: 20, hot_percent: 0 };
    /// Mostly compare-and-sets of one key.
    pub const CONFLICTING: Self = Self { mix: [2, 2, 6], ops_per_key: 0, hot_percent: 80 };

    fn key(&self, slot: &Slot<'_>) -> u32 {
        match (self.ops_per_key, self.hot_percent) {
            (0, 0) => slot.key(),
            (0, percent) => slot.hot_key(percent),
            (per_key, _) => slot.dealt_key(slot.index, per_key),
        }
    }
}

/// An operation on a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterOp {
    /// Read this key.
    Read(u32),
    /// Write a value to this key.
    Write(u32, u64),
    /// Replace the first value by the second, if this key holds the first.
    Cas(u32, u64, u64),
}

impl Operations for Register {
    type Op = RegisterOp;
    type Return = Option<u64>;
    const FUNCTIONS: &'static [&'static str] = RegisterModel::FUNCTIONS;
    const OPERATION: &'static str = "one read, write or compare-and-set of one key";

    fn judged_by(&self) -> &'static str {
        "linearizability"
    }

    fn draw(&self, slot: &Slot<'_>, _: &mut Values) -> Call {
        let (function, key) = (slot.function(&self.mix), self.key(slot));
        let input = match function {
            READ => Value::Nil,
            WRITE => Value::Int(slot.fresh),
            _ => Value::Pair(slot.other(key), slot.fresh),
        };
        Call { function, key, input }
    }

    fn last(&self, key: u32, _: &mut Values) -> Option<Call> {
        Some(Call { function: READ, key, input: Value::Nil })
    }

    fn call(&self, asked: &Asked, _: &mut Values) -> Call {
        let Asked { function, key, values: [first, second], fresh, other } = *asked;
        let input = match function {
            READ => Value::Nil,
            WRITE => Value::Int(first.unwrap_or(fresh)),
            _ => Value::Pair(first.unwrap_or(other), second.unwrap_or(fresh)),
        };
        Call { function, key, input }
    }

    fn op(&self, call: &Call, _: &Values) -> RegisterOp {
        match (call.function, call.input) {
            (WRITE, Value::Int(value)) => RegisterOp::Write(call.key, value),
            (CAS, Value::Pair(old, new)) => RegisterOp::Cas(call.key, old, new),
            _ => RegisterOp::Read(call.key),
        }
    }

    fn value(&self, _: &Call, returned: Option<u64>, _: &mut Values) -> Value {
        returned.map_or(Value::Nil, Value::Int)
    }

    fn objects(&self, keys: u32, operations: u64) -> u32 {
        if self.ops_per_key == 0 { keys } else { dealt_keys(keys, operations, self.ops_per_key) }
    }

    fn observer(&self) -> Box<dyn Observer> {
        Box::new(Linearizability::<RegisterModel>::new())
    }
}
