//! One value, several, or a number that is added to.

use std::collections::BTreeMap;

use super::{may_be, or_nil, unknown};
use crate::{
    history::{Call, Deed, Micro, Value, Values},
    model::{Assignment, CAS, Effect, Model, READ, Register, Seen, Test},
};

/// A [`Register`] whose compare-and-set says whether it matched: `Int(1)` or `Int(0)`, and `Nil` stands for 1. So a mismatch is
/// an observation, where [`Register`] takes it as nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct CasRegister;

impl Model for CasRegister {
    type State = Option<u64>;
    const FUNCTIONS: &'static [&'static str] = Register::FUNCTIONS;

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, values: &Values) -> Option<Self::State> {
        let (CAS, Value::Pair(expected, new)) = (call.function, call.input) else {
            return Register::step(state, call, output, values);
        };
        let is_match = *state == Some(expected);
        let says_match = output.map(|output| output != Value::Int(0));
        says_match.is_none_or(|says| says == is_match).then_some(if is_match { Some(new) } else { *state })
    }

    fn effect(call: &Call, output: Option<Value>) -> Effect {
        match (call.function, output) {
            (READ, _) | (CAS, Some(Value::Int(0))) => Effect::Observation,
            (CAS, None) => Effect::Exchange,
            (CAS, Some(_)) => Effect::Change,
            _ => Effect::Overwrite,
        }
    }

    fn assignment(call: &Call, output: Option<Value>, values: &Values) -> Option<Assignment<Self::State>> {
        match (call.function, call.input, output) {
            (CAS, Value::Pair(expected, _), Some(Value::Int(0))) => {
                Some(Assignment { test: Test::IsNot(Some(expected)), becomes: None })
            }
            _ => Register::assignment(call, output, values),
        }
    }
}

/// Registers that are read and written several at a time: one transaction of reads and writes is one step.
#[derive(Clone, Copy, Debug, Default)]
pub struct MultiRegister;

impl Model for MultiRegister {
    type State = BTreeMap<u32, u64>;
    const FUNCTIONS: &'static [&'static str] = &["txn"];

    fn init() -> Self::State {
        BTreeMap::new()
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, values: &Values) -> Option<Self::State> {
        let mut after = state.clone();
        let is_known = matches!(output, Some(Value::Transaction(_)));
        let parts = values.micros(output.filter(|_| is_known).unwrap_or(call.input));
        let fits = parts.iter().all(|Micro { deed, key, value }| match (deed, value) {
            (Deed::Read, found) => !is_known || *found == or_nil(after.get(key).copied()),
            (Deed::Write | Deed::Append, Value::Int(new)) => {
                after.insert(*key, *new);
                true
            }
            (Deed::Write | Deed::Append | Deed::Match | Deed::Begin, _) => unknown("multi-register", call),
        });
        fits.then_some(after)
    }

    fn effect(_: &Call, _: Option<Value>) -> Effect {
        Effect::Exchange
    }
}

/// What one key of a store holds: a sequence, empty at first, that is read (`get`), replaced (`put`) and added to (`append`). Texts
/// are sequences of their characters.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyValue;

impl Model for KeyValue {
    type State = Vec<u64>;
    const FUNCTIONS: &'static [&'static str] = &["get", "put", "append"];

    fn init() -> Self::State {
        Vec::new()
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, values: &Values) -> Option<Self::State> {
        match call.function {
            0 => output.is_none_or(|found| values.numbers(&found) == *state).then(|| state.clone()),
            1 => Some(values.numbers(&call.input).to_vec()),
            2 => Some([state, values.numbers(&call.input)].concat()),
            _ => unknown("key-value store", call),
        }
    }

    fn effect(call: &Call, _: Option<Value>) -> Effect {
        [Effect::Observation, Effect::Overwrite, Effect::Change][usize::from(call.function)]
    }

    fn assignment(call: &Call, output: Option<Value>, values: &Values) -> Option<Assignment<Self::State>> {
        let state = |value: &Value| values.numbers(value).to_vec();
        match (call.function, output) {
            (0, Some(found)) => Some(Assignment { test: Test::Is(state(&found)), becomes: None }),
            (1, _) => Some(Assignment { test: Test::Any, becomes: Some(state(&call.input)) }),
            _ => None,
        }
    }
}

/// What one key of a store holds: nothing at first, or a value that is put there (`put`), seen (`get`) and taken away (`delete`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Map;

impl Model for Map {
    type State = Option<u64>;
    const FUNCTIONS: &'static [&'static str] = &["get", "put", "delete"];

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, _: &Values) -> Option<Self::State> {
        match (call.function, call.input) {
            (0, _) => may_be(output, or_nil(*state)).then_some(*state),
            (1, Value::Int(new)) => Some(Some(new)),
            (2, _) => Some(None),
            _ => unknown("map", call),
        }
    }

    fn effect(call: &Call, _: Option<Value>) -> Effect {
        if call.function == READ { Effect::Observation } else { Effect::Overwrite }
    }

    fn assignment(call: &Call, output: Option<Value>, _: &Values) -> Option<Assignment<Self::State>> {
        let becomes = |state| Some(Assignment { test: Test::Any, becomes: Some(state) });
        match (call.function, call.input, output) {
            (0, _, Some(Value::Int(found))) => Some(Assignment { test: Test::Is(Some(found)), becomes: None }),
            (0, _, Some(Value::Nil)) => Some(Assignment { test: Test::Is(None), becomes: None }),
            (1, Value::Int(new), _) => becomes(Some(new)),
            (2, _, _) => becomes(None),
            _ => None,
        }
    }

    fn anomaly(seen: &[Seen], dying: usize) -> &'static str {
        Register::anomaly(seen, dying)
    }
}

/// A number, 0 at first, to which numbers are added, negative ones too; an add may return the sum.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter;

impl Model for Counter {
    type State = u64;
    const FUNCTIONS: &'static [&'static str] = &["read", "add"];

    fn init() -> Self::State {
        0
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, _: &Values) -> Option<Self::State> {
        match (call.function, call.input) {
            (0, _) => may_be(output, Value::Int(*state)).then_some(*state),
            (1, Value::Int(more)) => {
                let sum = state.wrapping_add(more);
                (output == Some(Value::Nil) || may_be(output, Value::Int(sum))).then_some(sum)
            }
            _ => unknown("counter", call),
        }
    }

    fn effect(call: &Call, output: Option<Value>) -> Effect {
        match (call.function, output) {
            (0, _) => Effect::Observation,
            (_, Some(Value::Nil)) => Effect::Change,
            _ => Effect::Exchange,
        }
    }
}
