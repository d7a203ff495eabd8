//! Transactions over lists.

use murphy_checker::{
    history::{Call, Deed, Micro, Value, Values},
    list_append::{self, FUNCTIONS},
    observer::Observer,
};

use super::{Asked, Operations, Slot, dealt_keys};
use crate::draw::below;

/// Parts that a transaction can have.
const PARTS_MAX: u8 = 16;
const NO_PART: Micro = Micro { deed: Deed::Read, key: 0, value: Value::Nil };

/// Transactions that read lists under keys and append to them, each element once. Judged by strict serializability of whole
/// transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListAppend {
    /// The fewest parts of a transaction.
    pub min_length: u8,
    /// The most parts of a transaction, up to 16. Every length between is as likely as any other.
    pub max_length: u8,
    /// Weights of reads and of appends among the parts.
    pub mix: [u8; 2],
    /// No key is appended to more often; a key that may have been is left for a new one. 0: keys are never left.
    /// Exactly so many parts touch a key, reads and those that a shorter transaction does without counted in.
    pub max_writes_per_key: u32,
}

impl Default for ListAppend {
    fn default() -> Self {
        Self { min_length: 1, max_length: 4, mix: [1, 1], max_writes_per_key: 32 }
    }
}

impl ListAppend {
    fn longest(&self) -> u8 {
        self.max_length.clamp(1, PARTS_MAX)
    }

    fn length(&self, slot: &Slot<'_>) -> u8 {
        let shortest = self.min_length.clamp(1, self.longest());
        shortest + below(slot.bits(0), u64::from(self.longest() - shortest) + 1) as u8
    }

    fn part(&self, slot: &Slot<'_>, at: u8) -> Micro {
        let (place, draw) = (u64::from(at), slot.bits(1 + u64::from(at)));
        let key = match self.max_writes_per_key {
            0 => below(slot.bits(100 + place), slot.keys.into()) as u32 + 1,
            writes => slot.dealt_key(slot.index * u64::from(self.longest()) + place, writes),
        };
        let [reads, appends] = self.mix.map(u64::from);
        if below(draw, (reads + appends).max(1)) < reads { read(key) } else { append(key, slot.fresh, at) }
    }
}

/// A part of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListAppendPart {
    /// Read the whole list of this key.
    Read(u32),
    /// Append this element to the list of this key.
    Append(u32, u64),
}

fn read(key: u32) -> Micro {
    Micro { deed: Deed::Read, key, value: Value::Nil }
}

/// The part at `at` of a transaction that has the number `fresh` for itself.
fn append(key: u32, fresh: u64, at: u8) -> Micro {
    Micro { deed: Deed::Append, key, value: Value::Int(fresh * u64::from(PARTS_MAX) + u64::from(at)) }
}

fn transaction(parts: &[Micro], values: &mut Values) -> Call {
    Call { function: 0, key: 0, input: values.transaction(parts) }
}

impl Operations for ListAppend {
    type Op = Vec<ListAppendPart>;
    /// What each read returned, in order.
    type Return = Vec<Vec<u64>>;
    const FUNCTIONS: &'static [&'static str] = FUNCTIONS;
    const OPERATION: &'static str = "a transaction of reads and appends, from begin to commit";

    fn judged_by(&self) -> &'static str {
        "strict serializability"
    }

    fn draw(&self, slot: &Slot<'_>, values: &mut Values) -> Call {
        let mut parts = [NO_PART; PARTS_MAX as usize];
        let length = self.length(slot);
        for at in 0..length {
            parts[usize::from(at)] = self.part(slot, at);
        }
        transaction(&parts[..usize::from(length)], values)
    }

    fn last(&self, key: u32, values: &mut Values) -> Option<Call> {
        Some(transaction(&[read(key)], values))
    }

    /// Appends the value that is named, or a fresh one, and reads the key; with two values, appends both.
    fn call(&self, asked: &Asked, values: &mut Values) -> Call {
        let of = |value: u64| Micro { value: Value::Int(value), ..append(asked.key, 0, 0) };
        match asked.values {
            [None, _] => transaction(&[append(asked.key, asked.fresh, 0), read(asked.key)], values),
            [Some(value), None] => transaction(&[of(value), read(asked.key)], values),
            [Some(first), Some(second)] => transaction(&[of(first), of(second), read(asked.key)], values),
        }
    }

    fn op(&self, call: &Call, values: &Values) -> Vec<ListAppendPart> {
        let part = |part: &Micro| match part.value {
            Value::Int(element) => ListAppendPart::Append(part.key, element),
            _ => ListAppendPart::Read(part.key),
        };
        values.micros(call.input).iter().map(part).collect()
    }

    fn value(&self, call: &Call, returned: Vec<Vec<u64>>, values: &mut Values) -> Value {
        let mut parts = [NO_PART; PARTS_MAX as usize];
        let length = values.micros(call.input).len();
        parts[..length].copy_from_slice(values.micros(call.input));
        let reads = parts[..length].iter_mut().filter(|part| part.deed == Deed::Read);
        for (part, list) in reads.zip(&returned) {
            part.value = values.list(list);
        }
        values.transaction(&parts[..length])
    }

    fn objects(&self, keys: u32, operations: u64) -> u32 {
        match self.max_writes_per_key {
            0 => keys,
            writes => dealt_keys(keys, operations * u64::from(self.longest()), writes),
        }
    }

    fn observer(&self) -> Box<dyn Observer> {
        Box::new(list_append::ListAppend::new())
    }
}
