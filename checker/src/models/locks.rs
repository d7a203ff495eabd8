//! Locks. An `acquire` that completes has the lock; one that fails never had it.
//!
//! Those that know their owners take the process as input, since who asks is not part of a call.

use super::unknown;
use crate::{
    history::{Call, Value, Values},
    model::{Assignment, Effect, Model, Test},
};

const FUNCTIONS: &[&str] = &["acquire", "release"];
const ACQUIRE: u8 = 0;
const RELEASE: u8 = 1;

/// A lock that whoever likes may release.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mutex;

impl Model for Mutex {
    type State = bool;
    const FUNCTIONS: &'static [&'static str] = FUNCTIONS;

    fn init() -> Self::State {
        false
    }

    fn step(state: &Self::State, call: &Call, _: Option<Value>, _: &Values) -> Option<Self::State> {
        match call.function {
            ACQUIRE => (!state).then_some(true),
            RELEASE => state.then_some(false),
            _ => unknown("mutex", call),
        }
    }

    fn effect(_: &Call, _: Option<Value>) -> Effect {
        Effect::Change
    }

    fn assignment(call: &Call, _: Option<Value>, _: &Values) -> Option<Assignment<Self::State>> {
        let is_held = match call.function {
            ACQUIRE => false,
            RELEASE => true,
            _ => return None,
        };
        Some(Assignment { test: Test::Is(is_held), becomes: Some(!is_held) })
    }
}

fn owner(call: &Call) -> u64 {
    match call.input {
        Value::Int(owner) => owner,
        _ => unknown("mutex that knows its owner", call),
    }
}

/// A lock that only its owner releases, and does not get twice. Takes the owner as `Int`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnedMutex;

impl Model for OwnedMutex {
    type State = Option<u64>;
    const FUNCTIONS: &'static [&'static str] = FUNCTIONS;

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, call: &Call, _: Option<Value>, _: &Values) -> Option<Self::State> {
        match call.function {
            ACQUIRE => state.is_none().then(|| Some(owner(call))),
            RELEASE => (*state == Some(owner(call))).then_some(None),
            _ => unknown("mutex", call),
        }
    }

    fn effect(_: &Call, _: Option<Value>) -> Effect {
        Effect::Change
    }

    fn assignment(call: &Call, _: Option<Value>, _: &Values) -> Option<Assignment<Self::State>> {
        let (free, held) = (None, Some(owner(call)));
        let (from, to) = match call.function {
            ACQUIRE => (free, held),
            RELEASE => (held, free),
            _ => return None,
        };
        Some(Assignment { test: Test::Is(from), becomes: Some(to) })
    }
}

/// A lock that its owner may take several times and must release as often. Takes the owner as `Int`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReentrantMutex;

impl Model for ReentrantMutex {
    /// Who holds it, and how many times.
    type State = Option<(u64, u32)>;
    const FUNCTIONS: &'static [&'static str] = FUNCTIONS;

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, call: &Call, _: Option<Value>, _: &Values) -> Option<Self::State> {
        let me = owner(call);
        match (call.function, *state) {
            (ACQUIRE, None) => Some(Some((me, 1))),
            (ACQUIRE, Some((holder, times))) => (holder == me).then_some(Some((me, times + 1))),
            (RELEASE, Some((holder, times))) if holder == me => Some((times > 1).then_some((me, times - 1))),
            (RELEASE, _) => None,
            _ => unknown("mutex", call),
        }
    }

    fn effect(_: &Call, _: Option<Value>) -> Effect {
        Effect::Change
    }
}

/// An [`OwnedMutex`] whose `acquire` returns a token, larger each time. `Nil` says nothing of the token.
#[derive(Clone, Copy, Debug, Default)]
pub struct FencedMutex;

impl Model for FencedMutex {
    /// Who holds it, and the largest token so far.
    type State = (Option<u64>, u64);
    const FUNCTIONS: &'static [&'static str] = FUNCTIONS;

    fn init() -> Self::State {
        (None, 0)
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, _: &Values) -> Option<Self::State> {
        let (me, (holder, last)) = (owner(call), *state);
        match (call.function, output) {
            (ACQUIRE, Some(Value::Int(token))) => (holder.is_none() && token > last).then_some((Some(me), token)),
            (ACQUIRE, _) => holder.is_none().then_some((Some(me), last)),
            (RELEASE, _) => (holder == Some(me)).then_some((None, last)),
            _ => unknown("mutex", call),
        }
    }

    fn effect(call: &Call, output: Option<Value>) -> Effect {
        match (call.function, output) {
            (ACQUIRE, None | Some(Value::Int(_))) => Effect::Exchange,
            _ => Effect::Change,
        }
    }
}
