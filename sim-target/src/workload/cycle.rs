//! Rings.

use murphy_checker::{
    checkers::{
        ByKey,
        ring::{FUNCTIONS, Ring},
    },
    history::{Call, Value, Values},
    observer::Observer,
};

use super::{Asked, Operations, Slot};
use crate::draw::below;

const READ: u8 = 0;
const SWAP: u8 = 1;

/// A ring of registers, each of which names the next, in order at first. A transaction follows it from a register and has the two
/// behind that one change places: three reads, then three writes. Whoever reads all of it must find one circle through every
/// register. After FoundationDB's `Cycle` workload; the schedule's keys do not matter, since all is one ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Weights of reads and swaps where the schedule has none.
    pub mix: [u8; 2],
    /// How many registers, from 3.
    pub size: u32,
}

impl Default for Cycle {
    fn default() -> Self {
        Self { mix: [1, 4], size: 6 }
    }
}

/// An operation on the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CycleOp {
    /// Read all links of a ring of so many registers, at once.
    Read(u32),
    /// A transaction, on a ring of `size` registers numbered from 1.
    Swap {
        /// The register before the two that change places.
        start: u32,
        /// How many there are.
        size: u32,
    },
}

impl Cycle {
    fn swap(&self, draw: u64) -> Call {
        let start = below(draw, u64::from(self.size)) + 1;
        Call { function: SWAP, key: 1, input: Value::Int(start) }
    }
}

impl Operations for Cycle {
    type Op = CycleOp;
    /// Of a read each register and the next; of a swap, whatever it returns is ignored.
    type Return = Vec<(u32, u32)>;
    const FUNCTIONS: &'static [&'static str] = FUNCTIONS;
    const OPERATION: &'static str = "a transaction of three reads and three writes, or one that reads the whole ring";

    fn judged_by(&self) -> &'static str {
        "a ring that is whole in every read"
    }

    fn draw(&self, slot: &Slot<'_>, values: &mut Values) -> Call {
        match slot.function(&self.mix) {
            READ => self.last(1, values).expect("a ring can be read"),
            _ => self.swap(slot.bits(0)),
        }
    }

    fn last(&self, key: u32, _: &mut Values) -> Option<Call> {
        (key == 1).then_some(Call { function: READ, key, input: Value::Nil })
    }

    fn call(&self, asked: &Asked, _: &mut Values) -> Call {
        let start = asked.values[0].filter(|start| (1..=u64::from(self.size)).contains(start));
        match (asked.function, start) {
            (SWAP, Some(start)) => Call { function: SWAP, key: 1, input: Value::Int(start) },
            (SWAP, None) => self.swap(asked.fresh),
            _ => Call { function: READ, key: 1, input: Value::Nil },
        }
    }

    fn op(&self, call: &Call, _: &Values) -> CycleOp {
        match call.input {
            Value::Int(start) => CycleOp::Swap { start: start as u32, size: self.size },
            _ => CycleOp::Read(self.size),
        }
    }

    fn value(&self, call: &Call, links: Vec<(u32, u32)>, values: &mut Values) -> Value {
        let numbers: Vec<u64> = links.iter().flat_map(|(key, next)| [u64::from(*key), u64::from(*next)]).collect();
        if call.function == READ { values.list(&numbers) } else { Value::Nil }
    }

    fn objects(&self, _keys: u32, _operations: u64) -> u32 {
        1
    }

    fn observer(&self) -> Box<dyn Observer> {
        Box::new(ByKey::new(Ring::default()))
    }
}
