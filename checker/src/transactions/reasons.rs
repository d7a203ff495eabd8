//! Why one transaction comes before another: the object, the parts and the values that say so.

use super::{
    Transactions,
    compact::{Compact, Part, micros},
    lists::Lists,
    registers::Registers,
    report::{Dependency, Objects, Step},
};
use crate::history::{History, OpId, Value};

/// What says that one transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The object.
    pub key: u32,
    /// The parts of the two that met there, counted from 0.
    pub parts: [u32; 2],
    /// What the part of each wrote or read.
    pub values: [Value; 2],
    /// The version that came later was read by nobody; it is known to come after all that was read.
    pub is_unread: bool,
}

/// A part of a transaction, with its place.
pub(super) type Placed = (u32, Part);

/// The parts of a transaction with their places.
pub(super) fn parts(compact: &Compact, op: u32) -> impl Iterator<Item = Placed> + '_ {
    (0..).zip(compact.parts_of(op).iter().copied())
}

/// The write of a transaction that left a version.
pub(super) fn write_of(compact: &Compact, op: u32, version: u32) -> Option<Placed> {
    parts(compact, op).find(|(_, part)| part.is_write() && part.version == version)
}

/// Two parts of two transactions, and whether the later is a write that nobody read.
pub(super) type Meeting = (Placed, Placed, bool);

impl Transactions {
    /// What says that a step of a cycle is so, in the history that was checked last; nothing for orders of time and process.
    pub fn reason(&self, history: &History, objects: Objects, step: Step) -> Option<Reason> {
        if matches!(step.dependency, Dependency::PredicateWr | Dependency::PredicateRw) {
            return self.predicates.reason(step, &self.compact);
        }
        let (one, other, is_unread) = match objects {
            Objects::Lists => self.lists.meeting(&self.compact, step),
            Objects::Registers | Objects::Predicates => self.registers.meeting(&self.compact, step),
        }?;
        let real = |op: OpId, place: u32| match objects {
            Objects::Predicates => self.predicates.origin(op.0, place),
            Objects::Lists | Objects::Registers => {
                let micro = micros(history, op.0, objects).nth(place as usize);
                (place, micro.map_or(Value::Nil, |micro| micro.value))
            }
        };
        let [one_real, other_real] = [real(step.from, one.0), real(step.to, other.0)];
        Some(Reason {
            key: self.compact.name(one.1.key()),
            parts: [one_real.0, other_real.0],
            values: [one_real.1, other_real.1],
            is_unread,
        })
    }
}

impl Lists {
    fn meeting(&self, compact: &Compact, step: Step) -> Option<Meeting> {
        let (from, to) = (step.from.0, step.to.0);
        let outer =
            |op: u32| parts(compact, op).filter(|(_, part)| part.is_outer_read() && !compact.is_dropped[part.key()]);
        match step.dependency {
            Dependency::Wr => outer(to).find_map(|read| {
                let version = self.before(read.1.key(), read.1.version, compact)?;
                Some((write_of(compact, from, version)?, read, false))
            }),
            Dependency::Rw => outer(from).find_map(|read| {
                let (write, is_unread) = self.later(read.1.key(), read.1.version, compact, to)?;
                Some((read, write, is_unread))
            }),
            Dependency::Ww => parts(compact, from).filter(|(_, part)| part.is_write()).find_map(|write| {
                let place = self.place(write.1.version)?;
                let (later, is_unread) = self.later(write.1.key(), place, compact, to)?;
                Some((write, later, is_unread))
            }),
            Dependency::Process | Dependency::Realtime | Dependency::PredicateWr | Dependency::PredicateRw => None,
        }
    }

    /// The write of `op` that comes next after so many elements.
    fn later(&self, key: usize, len: u32, compact: &Compact, op: u32) -> Option<(Placed, bool)> {
        match self.after(key, len, compact) {
            Some(version) => Some((write_of(compact, op, version)?, false)),
            None => {
                let is_unread =
                    |(_, part): &Placed| part.is_write() && part.key() == key && self.place(part.version).is_none();
                Some((parts(compact, op).find(is_unread)?, true))
            }
        }
    }
}

impl Registers {
    fn meeting(&self, compact: &Compact, step: Step) -> Option<Meeting> {
        let (from, to) = (step.from.0, step.to.0);
        let of = |op: u32, is_read: bool| {
            let is_it = move |part: Part| if is_read { part.is_outer_read() } else { part.is_write() };
            parts(compact, op).filter(move |(_, part)| is_it(*part) && !compact.is_dropped[part.key()])
        };
        let next = |from_reads: bool| {
            of(from, from_reads).find_map(|before| {
                let after = of(to, false).filter(|(_, part)| part.key() == before.1.key());
                let mut after = after.filter(|(_, part)| self.is_before(before.1.version, *part));
                Some((before, after.next()?, false))
            })
        };
        match step.dependency {
            Dependency::Wr => {
                of(to, true).find_map(|read| Some((write_of(compact, from, read.1.version)?, read, false)))
            }
            Dependency::Rw => next(true),
            Dependency::Ww => next(false),
            Dependency::Process | Dependency::Realtime | Dependency::PredicateWr | Dependency::PredicateRw => None,
        }
    }
}
