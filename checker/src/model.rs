//! Sequential specifications: what one object does when its callers take turns.
//!
//! A [`Model`] is deterministic and knows nothing of time, processes or keys. A key-value store is a [`Register`] per
//! key: the checker partitions a history by [`Call::key`] and judges each part alone, which is sound because
//! linearizability is local (Herlihy & Wing, 1990; as a reduction of the search: Horn & Kroening, 2015,
//! "P-compositionality").
//!
//! Deliberately absent: nondeterministic models, and operations that span keys.

use std::hash::Hash;

use crate::history::{Call, Completion, Value, Values};

/// What a call can do to the state and what its result tells. The checker prunes its search by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It leaves every state as it is; only its result says anything. A read.
    Observation,
    /// It replaces the state by one that depends on the call alone, whatever the state was; its result says no more
    /// than that it took effect. A write.
    Overwrite,
    /// It may change the state, and its result says no more than that it took effect. A cas that matched.
    Change,
    /// It may change the state, and its result says something besides. A fetch-and-add.
    Exchange,
}

/// An operation on the key at which a search died, as the checker saw it up to then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What was asked.
    pub call: Call,
    /// Position of the invocation in the order of events.
    pub invoked: u32,
    /// How it ended, and the position of that in the order of events; `None` while it is open.
    pub completed: Option<(Completion<Value>, u32)>,
}

/// An operation that does no more than to test the state and to replace it. The search steps over those without asking the
/// model again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment<S> {
    /// Where it can take effect.
    pub test: Test<S>,
    /// The state after it; `None`: the one before it.
    pub becomes: Option<S>,
}

/// The states in which an operation can take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test<S> {
    /// Every one.
    Any,
    /// This one.
    Is(S),
    /// Every other.
    IsNot(S),
}

/// What kind of container an object is, if it is one: its histories may be judged by their elements, without a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// [`Set`](crate::models::Set), with its functions.
    Set,
    /// A call with an `Int` puts that in; one with `Nil` takes an element out and returns it, or `Nil` if there was none.
    Queue(TakesOut),
}

/// Which of its elements an object hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakesOut {
    /// Any one.
    Any,
    /// The one that was put in first.
    First,
    /// The one that was put in last.
    Last,
}

impl Seen {
    fn failed(&self) -> bool {
        matches!(self.completed, Some((Completion::Fail, _)))
    }
}

/// A deterministic sequential specification of one object.
pub trait Model: Clone + Default + 'static {
    /// What the object remembers between operations.
    type State: Clone + Eq + Hash;

    /// The names of the functions, in the order of [`Call::function`].
    const FUNCTIONS: &'static [&'static str];

    /// What kind of container the object is, if it does what that says.
    const CONTAINER: Option<Container> = None;

    /// The state before the first operation.
    fn init() -> Self::State;

    /// The state after `call` took effect in `state` and returned `output`; `None` if it cannot have.
    ///
    /// Without an `output` nobody has learned yet what the call returned: any result will do. `call.key` is zero here,
    /// whatever the key was. `values` holds the contents of lists and transactions.
    fn step(state: &Self::State, call: &Call, output: Option<Value>, values: &Values) -> Option<Self::State>;

    /// What `call` can do, given what it returned, or without an `output`, given that this is unknown.
    fn effect(call: &Call, output: Option<Value>) -> Effect;

    /// `call` as an assignment, given what it returned, if it is one: it does what [`step`](Self::step) does, but that without
    /// an `output` it may leave out states that `call` would not change. `values` is as in `step`.
    fn assignment(_call: &Call, _output: Option<Value>, _values: &Values) -> Option<Assignment<Self::State>> {
        None
    }

    /// The name of the anomaly, given all operations on the key where the search died and the index of the one whose
    /// completion left no explanation. A function of the history alone, and stable: findings are told apart by it.
    fn anomaly(_seen: &[Seen], _dying: usize) -> &'static str {
        "non-linearizable"
    }
}

/// Index of `read` in [`Register::FUNCTIONS`]: takes `Nil`, returns `Nil` (never written) or an `Int`.
pub const READ: u8 = 0;
/// Index of `write` in [`Register::FUNCTIONS`]: takes an `Int`.
pub const WRITE: u8 = 1;
/// Index of `cas` in [`Register::FUNCTIONS`]: takes `Pair(expected, new)`. `ok` means that it matched; a mismatch is a
/// [`Completion::Fail`], of which the checker concludes only that nothing was changed.
pub const CAS: u8 = 2;

/// A read returned, or a cas matched, a value that no operation invoked by then writes.
pub const NEVER_WRITTEN: &str = "never-written";
/// An operation that failed was seen all the same: a read or a cas depends on a value that only failed operations
/// write, or an operation failed after it had been seen. (G1a of Adya, 1999.)
pub const ABORTED_READ: &str = "aborted-read";
/// A read returned a value that was written, but that in every order of the other operations had been overwritten, or was
/// not there yet: real time alone can show it, or only what other reads returned. Both are one anomaly, since what a bug
/// shows first is chance, and a finding's name must not be.
pub const STALE_READ: &str = "stale-read";
/// A cas matched a value that it cannot have found, in the sense of [`STALE_READ`].
pub const STALE_CAS: &str = "stale-cas";

/// A register with `read`, `write` and `cas`, `Nil` until the first write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register;

impl Model for Register {
    type State = Option<u64>;

    const FUNCTIONS: &'static [&'static str] = &["read", "write", "cas"];

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, _: &Values) -> Option<Self::State> {
        match (call.function, call.input) {
            (READ, Value::Nil) => output.is_none_or(|value| value == as_value(*state)).then_some(*state),
            (WRITE, Value::Int(new)) => Some(Some(new)),
            (CAS, Value::Pair(expected, new)) => (*state == Some(expected)).then_some(Some(new)),
            (function, input) => panic!("a register has no function {function} that takes {input:?}"),
        }
    }

    fn effect(call: &Call, _output: Option<Value>) -> Effect {
        match call.function {
            READ => Effect::Observation,
            WRITE => Effect::Overwrite,
            _ => Effect::Change,
        }
    }

    fn assignment(call: &Call, output: Option<Value>, _: &Values) -> Option<Assignment<Self::State>> {
        Some(match (call.function, call.input, output) {
            (WRITE, Value::Int(new), _) => Assignment { test: Test::Any, becomes: Some(Some(new)) },
            (CAS, Value::Pair(expected, new), _) => {
                Assignment { test: Test::Is(Some(expected)), becomes: Some(Some(new)) }
            }
            (READ, Value::Nil, Some(Value::Int(found))) => Assignment { test: Test::Is(Some(found)), becomes: None },
            (READ, Value::Nil, Some(Value::Nil)) => Assignment { test: Test::Is(None), becomes: None },
            _ => return None,
        })
    }

    fn anomaly(seen: &[Seen], dying: usize) -> &'static str {
        let Some(observed) = observed(&seen[dying]) else { return ABORTED_READ };
        let is_read = seen[dying].call.function == READ;
        let mut writers = writers(seen, dying, observed).peekable();
        if observed != Value::Nil && writers.peek().is_none() {
            NEVER_WRITTEN
        } else if observed != Value::Nil && writers.all(Seen::failed) {
            ABORTED_READ
        } else if is_read {
            STALE_READ
        } else {
            STALE_CAS
        }
    }
}

fn as_value(state: Option<u64>) -> Value {
    state.map_or(Value::Nil, Value::Int)
}

/// The value that a completed read or cas claims to have found.
fn observed(one: &Seen) -> Option<Value> {
    match (one.completed, one.call.input) {
        (Some((Completion::Ok(output), _)), Value::Nil) => Some(output),
        (Some((Completion::Ok(_), _)), Value::Pair(expected, _)) => Some(Value::Int(expected)),
        _ => None,
    }
}

/// The value that an operation leaves behind if it takes effect.
fn written(one: &Seen) -> Option<Value> {
    match one.call.input {
        Value::Int(new) | Value::Pair(_, new) => Some(Value::Int(new)),
        Value::Nil | Value::List(_) | Value::Transaction(_) => None,
    }
}

/// The operations other than `reader` that write `value`.
fn writers(seen: &[Seen], reader: usize, value: Value) -> impl Iterator<Item = &Seen> {
    seen.iter()
        .enumerate()
        .filter(move |&(index, one)| index != reader && written(one) == Some(value))
        .map(|(_, one)| one)
}
