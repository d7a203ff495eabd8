//! Locks.

use std::time::Duration;

use murphy_checker::{
    checkers::{
        ByKey,
        lock::{FUNCTIONS, Lock as LockChecker},
    },
    history::{Call, Value, Values},
    observer::Observer,
};

use super::{Asked, Operations, Slot};

const ACQUIRE: u8 = 0;

/// Locks under keys: acquire and release, with a lease and fencing tokens where a system has them. Whoever holds a lock is known by
/// the client of its [`RequestId`](crate::RequestId). Judged key by key: no two hold a lock for sure at once, nobody releases what
/// it cannot hold, tokens grow.
///
/// An acquire of a lock that another holds should be refused, not left waiting: a client waits for one answer at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Weights of acquires and releases where the schedule has none.
    pub mix: [u8; 2],
    /// How long a lock is granted for, counted from when it was asked for; `None`: until it is released.
    pub lease: Option<Duration>,
}

impl Default for Lock {
    fn default() -> Self {
        Self { mix: [1, 1], lease: None }
    }
}

/// An operation on a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOp {
    /// Acquire the lock of this key.
    Acquire(u32),
    /// Release the lock of this key.
    Release(u32),
}

impl Lock {
    fn of(&self, function: u8, key: u32) -> Call {
        let lease = self.lease.filter(|_| function == ACQUIRE);
        let nanos = |lease: Duration| Value::Int(u64::try_from(lease.as_nanos()).unwrap_or(u64::MAX));
        Call { function, key, input: lease.map_or(Value::Nil, nanos) }
    }
}

impl Operations for Lock {
    type Op = LockOp;
    /// The fencing token of an acquire, if the system has them.
    type Return = Option<u64>;
    const FUNCTIONS: &'static [&'static str] = FUNCTIONS;
    const OPERATION: &'static str = "one attempt to acquire a lock, or its release";

    fn judged_by(&self) -> &'static str {
        "a lock: one holder at a time, growing tokens"
    }

    fn draw(&self, slot: &Slot<'_>, _: &mut Values) -> Call {
        self.of(slot.function(&self.mix), slot.key())
    }

    /// A lock has no state that can be read.
    fn last(&self, _: u32, _: &mut Values) -> Option<Call> {
        None
    }

    fn call(&self, asked: &Asked, _: &mut Values) -> Call {
        self.of(asked.function, asked.key)
    }

    fn op(&self, call: &Call, _: &Values) -> LockOp {
        if call.function == ACQUIRE { LockOp::Acquire(call.key) } else { LockOp::Release(call.key) }
    }

    fn value(&self, _: &Call, returned: Option<u64>, _: &mut Values) -> Value {
        returned.map_or(Value::Nil, Value::Int)
    }

    fn observer(&self) -> Box<dyn Observer> {
        Box::new(ByKey::new(LockChecker::default()))
    }
}
