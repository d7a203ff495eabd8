//! Collections of numbers.

use super::{may_be, or_nil, unknown};
use crate::{
    history::{Call, Value, Values},
    model::{Container, Effect, Model, TakesOut},
};

fn number(call: &Call, model: &str) -> u64 {
    match call.input {
        Value::Int(number) => number,
        _ => unknown(model, call),
    }
}

/// An element that goes in; a call without one takes one out, and `Nil` says that there was none.
fn effect_of_taking(call: &Call, output: Option<Value>) -> Effect {
    match (call.input, output) {
        (Value::Int(_), _) => Effect::Change,
        (_, Some(Value::Nil)) => Effect::Observation,
        _ => Effect::Exchange,
    }
}

/// A set to which elements are added, from which they are removed, and that is asked for one or all of them. `contains` returns
/// `Int(0)` or `Int(1)`, `read` a list in any order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Set;

impl Model for Set {
    /// In order.
    type State = Vec<u64>;
    const FUNCTIONS: &'static [&'static str] = &["add", "remove", "contains", "read"];
    const CONTAINER: Option<Container> = Some(Container::Set);

    fn init() -> Self::State {
        Vec::new()
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, values: &Values) -> Option<Self::State> {
        let mut after = state.clone();
        if call.function == 3 {
            let mut found = output.map(|output| values.numbers(&output).to_vec());
            found.iter_mut().for_each(|found| found.sort_unstable());
            return found.is_none_or(|found| found == after).then_some(after);
        }
        let element = number(call, "set");
        match (call.function, after.binary_search(&element)) {
            (0, Err(place)) => after.insert(place, element),
            (1, Ok(place)) => {
                after.remove(place);
            }
            (0 | 1, _) => {}
            (2, place) => return may_be(output, Value::Int(place.is_ok().into())).then_some(after),
            _ => unknown("set", call),
        }
        Some(after)
    }

    fn effect(call: &Call, _: Option<Value>) -> Effect {
        if call.function < 2 { Effect::Change } else { Effect::Observation }
    }
}

/// A queue: what was put in first comes out first. `dequeue` returns `Nil` when there is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct FifoQueue;

impl Model for FifoQueue {
    type State = Vec<u64>;
    const FUNCTIONS: &'static [&'static str] = &["enqueue", "dequeue"];
    const CONTAINER: Option<Container> = Some(Container::Queue(TakesOut::First));

    fn init() -> Self::State {
        Vec::new()
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, _: &Values) -> Option<Self::State> {
        match call.function {
            0 => Some([state.as_slice(), &[number(call, "queue")]].concat()),
            1 => may_be(output, or_nil(state.first().copied())).then(|| state.get(1..).unwrap_or_default().to_vec()),
            _ => unknown("queue", call),
        }
    }

    fn effect(call: &Call, output: Option<Value>) -> Effect {
        effect_of_taking(call, output)
    }
}

/// A queue without order: what comes out was put in, once. `dequeue` returns `Nil` when there is nothing.
///
/// A `dequeue` of which nobody knows what it returned may have taken anything that was there. Which it was is decided when it
/// matters: when another finds the queue empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnorderedQueue;

impl Model for UnorderedQueue {
    /// What was put in and has not come out, and unknown takings (`None`), in the order of events.
    type State = Vec<Option<u64>>;
    const FUNCTIONS: &'static [&'static str] = FifoQueue::FUNCTIONS;
    const CONTAINER: Option<Container> = Some(Container::Queue(TakesOut::Any));

    fn init() -> Self::State {
        Vec::new()
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, _: &Values) -> Option<Self::State> {
        let mut after = state.clone();
        match (call.function, output) {
            (0, _) => after.push(Some(number(call, "queue"))),
            // The last of equal items: those before it were there for more of the unknown takings.
            (1, Some(Value::Int(item))) => {
                after.remove(state.iter().rposition(|other| *other == Some(item))?);
            }
            (1, Some(_)) if can_be_empty(state) => after.clear(),
            (1, Some(_)) => return None,
            (1, None) => after.push(None),
            _ => unknown("queue", call),
        }
        let unused = after.iter().take_while(|item| item.is_none()).count();
        after.drain(..unused);
        Some(after)
    }

    fn effect(call: &Call, output: Option<Value>) -> Effect {
        match (call.input, output) {
            (Value::Nil, None) => Effect::Exchange,
            _ => Effect::Change,
        }
    }
}

/// Whether each item can have been taken by an unknown taking of its own that came after it.
fn can_be_empty(state: &[Option<u64>]) -> bool {
    let mut takings = 0;
    state.iter().rev().all(|item| {
        takings += if item.is_none() { 1 } else { -1 };
        takings >= 0
    })
}

/// A stack: what was put in last comes out first. `pop` returns `Nil` when there is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stack;

impl Model for Stack {
    type State = Vec<u64>;
    const FUNCTIONS: &'static [&'static str] = &["push", "pop"];
    const CONTAINER: Option<Container> = Some(Container::Queue(TakesOut::Last));

    fn init() -> Self::State {
        Vec::new()
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, _: &Values) -> Option<Self::State> {
        match call.function {
            0 => Some([state.as_slice(), &[number(call, "stack")]].concat()),
            1 => {
                let top = or_nil(state.last().copied());
                may_be(output, top).then(|| state[..state.len().saturating_sub(1)].to_vec())
            }
            _ => unknown("stack", call),
        }
    }

    fn effect(call: &Call, output: Option<Value>) -> Effect {
        effect_of_taking(call, output)
    }
}

/// A list that is read whole and added to at its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrowOnlyList;

impl Model for GrowOnlyList {
    type State = Vec<u64>;
    const FUNCTIONS: &'static [&'static str] = &["append", "read"];

    fn init() -> Self::State {
        Vec::new()
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, values: &Values) -> Option<Self::State> {
        match call.function {
            0 => Some([state.as_slice(), &[number(call, "list")]].concat()),
            1 => output.is_none_or(|found| values.numbers(&found) == *state).then(|| state.clone()),
            _ => unknown("list", call),
        }
    }

    fn effect(call: &Call, _: Option<Value>) -> Effect {
        if call.function == 0 { Effect::Change } else { Effect::Observation }
    }
}
