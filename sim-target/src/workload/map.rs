//! Stores of values under keys.

use murphy_checker::{
    history::{Call, Value, Values},
    linearizability::Linearizability,
    model::Model,
    models::Map as MapModel,
    observer::Observer,
};

use super::{Asked, Operations, Slot, dealt_keys};

const GET: u8 = 0;
const PUT: u8 = 1;
const DELETE: u8 = 2;

/// Values under keys: get, put, delete. Judged by linearizability, key by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// Weights of gets, puts and deletes where the schedule has none.
    pub mix: [u8; 3],
    /// After exactly so many operations a key is left for a new one; 0: keys are never left.
    pub ops_per_key: u32,
}

impl Default for Map {
    fn default() -> Self {
        Self { mix: [4, 3, 1], ops_per_key: 0 }
    }
}

/// An operation on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapOp {
    /// What is under this key?
    Get(u32),
    /// Put a value under this key.
    Put(u32, u64),
    /// Let nothing be under this key.
    Delete(u32),
}

impl Operations for Map {
    type Op = MapOp;
    /// Of a get the value, `None` if there is none; of the others, whatever they return is ignored.
    type Return = Option<u64>;
    const FUNCTIONS: &'static [&'static str] = MapModel::FUNCTIONS;
    const OPERATION: &'static str = "one get, put or delete of one key";

    fn judged_by(&self) -> &'static str {
        "linearizability"
    }

    fn draw(&self, slot: &Slot<'_>, _: &mut Values) -> Call {
        let function = slot.function(&self.mix);
        let key = match self.ops_per_key {
            0 => slot.key(),
            per_key => slot.dealt_key(slot.index, per_key),
        };
        let input = if function == PUT { Value::Int(slot.fresh) } else { Value::Nil };
        Call { function, key, input }
    }

    fn last(&self, key: u32, _: &mut Values) -> Option<Call> {
        Some(Call { function: GET, key, input: Value::Nil })
    }

    fn call(&self, asked: &Asked, _: &mut Values) -> Call {
        let value = asked.values[0].unwrap_or(asked.fresh);
        let input = if asked.function == PUT { Value::Int(value) } else { Value::Nil };
        Call { function: asked.function, key: asked.key, input }
    }

    fn op(&self, call: &Call, _: &Values) -> MapOp {
        match (call.function, call.input) {
            (PUT, Value::Int(value)) => MapOp::Put(call.key, value),
            (DELETE, _) => MapOp::Delete(call.key),
            _ => MapOp::Get(call.key),
        }
    }

    fn value(&self, call: &Call, returned: Option<u64>, _: &mut Values) -> Value {
        returned.filter(|_| call.function == GET).map_or(Value::Nil, Value::Int)
    }

    fn objects(&self, keys: u32, operations: u64) -> u32 {
        if self.ops_per_key == 0 { keys } else { dealt_keys(keys, operations, self.ops_per_key) }
    }

    fn observer(&self) -> Box<dyn Observer> {
        Box::new(Linearizability::<MapModel>::new())
    }
}
