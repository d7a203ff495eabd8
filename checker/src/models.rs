//! Sequential specifications of what systems offer besides registers.
//!
//! Each is a [`Model`](crate::model::Model), judged by the same search. Those that remember a collection keep it as a vector in their state, which
//! the search stores once and refers to by number. A set that only grows has a judge of its own, [`crate::set`], that needs no
//! search; a store whose keys only hold numbers is a [`Register`](crate::model::Register) for each key.
//!
//! Deliberately absent: time. A lock with a lease is judged as one without.

mod collections;
mod locks;
mod registers;
#[cfg(test)]
mod tests;

pub use collections::{FifoQueue, GrowOnlyList, Set, Stack, UnorderedQueue};
pub use locks::{FencedMutex, Mutex, OwnedMutex, ReentrantMutex};
pub use registers::{CasRegister, Counter, KeyValue, Map, MultiRegister};

use crate::history::{Call, Value};

/// Ends a search over a call that the model does not have; readers of histories refuse such calls.
#[cold]
fn unknown(model: &str, call: &Call) -> ! {
    panic!("a {model} has no function {} that takes {:?}", call.function, call.input)
}

/// Whether `found` can be what was returned: it was, or nobody knows.
fn may_be(output: Option<Value>, found: Value) -> bool {
    output.is_none_or(|output| output == found)
}

/// The number, or `Nil` for none.
fn or_nil(number: Option<u64>) -> Value {
    number.map_or(Value::Nil, Value::Int)
}
