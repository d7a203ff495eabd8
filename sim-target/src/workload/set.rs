//! Sets.

use murphy_checker::{
    checkers::{ByKey, counter::View, g_set::GSet, replicated::Replicated},
    history::{Call, Value, Values},
    observer::Observer,
    set::{ADD, FUNCTIONS, GrowSet, READ},
};

use super::{Asked, LastReads, Operations, Reads, Slot, dealt_keys};

/// Sets under keys, to which each element is added once and from which none is removed; reads return all elements, and the
/// last phase reads every set. Judged by what reads promise, key by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// Weights of adds and reads where the schedule has none.
    pub mix: [u8; 2],
    /// After exactly so many operations a set is left for a new one; 0: sets are never left.
    pub ops_per_key: u32,
    /// What reads promise.
    pub reads: Reads,
}

impl Default for Set {
    fn default() -> Self {
        Self { mix: [4, 1], ops_per_key: 0, reads: Reads::Linearizable }
    }
}

/// An operation on a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOp {
    /// Add this element to the set of this key.
    Add(u32, u64),
    /// Read all elements of the set of this key.
    Read(u32),
}

impl Operations for Set {
    type Op = SetOp;
    /// The elements, in any order; of an add, whatever it returns is ignored.
    type Return = Vec<u64>;
    const FUNCTIONS: &'static [&'static str] = FUNCTIONS;
    const OPERATION: &'static str = "adding one element to one set, or reading all of it";

    fn judged_by(&self) -> &'static str {
        match self.reads {
            Reads::Linearizable => "linearizability of a grow-only set",
            Reads::Acknowledged => "a grow-only set whose reads have all that was acknowledged",
            Reads::Own => "a grow-only set whose reads have what their own process added",
            Reads::Converging => "a grow-only set that is the same on all nodes in the end, whole",
        }
    }

    fn draw(&self, slot: &Slot<'_>, _: &mut Values) -> Call {
        let function = slot.function(&self.mix);
        let key = match self.ops_per_key {
            0 => slot.key(),
            per_key => slot.dealt_key(slot.index, per_key),
        };
        let input = if function == ADD { Value::Int(slot.fresh) } else { Value::Nil };
        Call { function, key, input }
    }

    fn last(&self, key: u32, _: &mut Values) -> Option<Call> {
        Some(Call { function: READ, key, input: Value::Nil })
    }

    fn last_reads(&self) -> LastReads {
        self.reads.last_reads()
    }

    fn call(&self, asked: &Asked, _: &mut Values) -> Call {
        let element = asked.values[0].unwrap_or(asked.fresh);
        let input = if asked.function == ADD { Value::Int(element) } else { Value::Nil };
        Call { function: asked.function, key: asked.key, input }
    }

    fn op(&self, call: &Call, _: &Values) -> SetOp {
        match call.input {
            Value::Int(element) => SetOp::Add(call.key, element),
            _ => SetOp::Read(call.key),
        }
    }

    fn value(&self, call: &Call, returned: Vec<u64>, values: &mut Values) -> Value {
        if call.function == READ { values.list(&returned) } else { Value::Nil }
    }

    fn objects(&self, keys: u32, operations: u64) -> u32 {
        if self.ops_per_key == 0 { keys } else { dealt_keys(keys, operations, self.ops_per_key) }
    }

    fn observer(&self) -> Box<dyn Observer> {
        match self.reads {
            Reads::Linearizable => Box::new(GrowSet::new()),
            Reads::Acknowledged => Box::new(ByKey::new(GSet::new(View::Global))),
            Reads::Own => Box::new(ByKey::new(GSet::new(View::Process))),
            Reads::Converging => Box::new(ByKey::new(Replicated::new(GSet::new, READ))),
        }
    }
}
