//! The values of what [`crate::checkers`] judge: their form says what they are.
//!
//! A map of what was read of several things at once (`{0 10, 1 20}`) is a transaction of reads; in a ring, where what is read is a
//! key, too, it is the list of its keys and values in turn.

use super::{Builder, Edn, ReadErrorKind};
use crate::{
    family::Family,
    history::{Deed, Micro, Value},
};

impl Builder {
    /// What goes into `function`. What checkers do not look at is `Nil`.
    pub(super) fn counted_input(&mut self, function: &'static str, value: &Edn) -> Result<Value, ReadErrorKind> {
        match (self.family, function) {
            (Family::Stats, _) => Ok(Value::Nil),
            (_, "add" | "enqueue") => self.a_number(function, value),
            (_, "write" | "append") => self.anything(function, value),
            (_, "acquire") => self.a_number_or_nil(function, value),
            (_, "send" | "poll" | "txn") => self.of_log(function, value),
            (_, "assign" | "subscribe") => self.log_keys(function, value),
            _ => Ok(Value::Nil),
        }
    }

    /// What comes out of `function`.
    pub(super) fn counted_output(&mut self, function: &'static str, value: &Edn) -> Result<Value, ReadErrorKind> {
        use Family::{
            Bank, BankOverdraft, Convergence, JepsenCounter, MonotonicReads, PnCounter, ReplicatedCounter, Ring, Stats,
            UniqueIds,
        };
        match (self.family, function) {
            (Stats, _) => Ok(Value::Nil),
            (Bank | BankOverdraft | Ring, "read") => self.several(function, value),
            (JepsenCounter | PnCounter | ReplicatedCounter | UniqueIds, "read" | "generate") => {
                self.a_number(function, value)
            }
            (MonotonicReads | Convergence, "read") => self.anything(function, value),
            (_, "read" | "drain") => match value {
                Edn::Nil => Ok(self.list(&[])),
                Edn::Items(items) => Ok(self.list(items)),
                _ => Err(ReadErrorKind::BadValue { function, expected: "a list" }),
            },
            (_, "dequeue" | "acquire") => self.a_number_or_nil(function, value),
            (_, "send" | "poll" | "txn") => self.of_log(function, value),
            _ => Ok(Value::Nil),
        }
    }

    fn a_number(&mut self, function: &'static str, value: &Edn) -> Result<Value, ReadErrorKind> {
        match value {
            Edn::Nil | Edn::Items(_) | Edn::Map(_) => {
                Err(ReadErrorKind::BadValue { function, expected: "a number or a word" })
            }
            scalar => Ok(Value::Int(self.number(scalar))),
        }
    }

    fn a_number_or_nil(&mut self, function: &'static str, value: &Edn) -> Result<Value, ReadErrorKind> {
        if *value == Edn::Nil { Ok(Value::Nil) } else { self.a_number(function, value) }
    }

    fn anything(&mut self, function: &'static str, value: &Edn) -> Result<Value, ReadErrorKind> {
        match value {
            Edn::Items(items) => Ok(self.list(items)),
            value => self.a_number_or_nil(function, value),
        }
    }

    /// `{0 10, 1 20}`.
    fn several(&mut self, function: &'static str, value: &Edn) -> Result<Value, ReadErrorKind> {
        let Edn::Map(entries) = value else {
            return Err(ReadErrorKind::BadValue { function, expected: "a map of all that was read" });
        };
        if self.family == Family::Ring {
            let flat: Vec<Edn> = entries.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect();
            return Ok(self.list(&flat));
        }
        let parts: Vec<Micro> = entries.iter().map(|(key, value)| self.entry_read(key, value)).collect();
        Ok(self.history.values.transaction(&parts))
    }

    /// `[[:send 1 5] [:poll]]`, and when that is done `[[:send 1 [0 5]] [:poll {1 [[0 5] [1 6]]}]]`.
    fn of_log(&mut self, function: &'static str, value: &Edn) -> Result<Value, ReadErrorKind> {
        let wrong =
            ReadErrorKind::BadValue { function, expected: "[[:send key value] [:poll {key [[offset value]]}]]" };
        let Edn::Items(parts) = value else { return Err(wrong) };
        let mut read = Vec::new();
        if parts.iter().any(|part| self.of_log_part(part, &mut read).is_none()) {
            return Err(wrong);
        }
        Ok(self.history.values.transaction(&read))
    }

    fn log_keys(&mut self, function: &'static str, value: &Edn) -> Result<Value, ReadErrorKind> {
        let Edn::Items(keys) = value else {
            return Err(ReadErrorKind::BadValue { function, expected: "a list of keys" });
        };
        let keys: Vec<u64> = keys.iter().map(|key| self.key(key).into()).collect();
        Ok(self.history.values.list(&keys))
    }

    fn of_log_part(&mut self, part: &Edn, read: &mut Vec<Micro>) -> Option<()> {
        let Edn::Items(fields) = part else { return None };
        match (fields.first()?.word()?, &fields[1..]) {
            ("send", [key, value]) => {
                let (key, value) = (self.key(key), self.message(value)?);
                read.push(Micro { deed: Deed::Append, key, value });
            }
            ("poll", []) | ("poll", [Edn::Nil]) => {}
            ("poll", [Edn::Map(entries)]) => {
                for (key, messages) in entries {
                    let Edn::Items(messages) = messages else { return None };
                    for message in messages {
                        let value @ Value::Pair(..) = self.message(message)? else { return None };
                        read.push(Micro { deed: Deed::Read, key: self.key(key), value });
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// A value, or offset and value once it has a place.
    fn message(&mut self, value: &Edn) -> Option<Value> {
        match value {
            Edn::Items(pair) => match &pair[..] {
                [Edn::Nil, value] => Some(Value::Int(self.number(value))),
                [offset, value] => Some(Value::Pair(self.number(offset), self.number(value))),
                _ => None,
            },
            scalar => Some(Value::Int(self.number(scalar))),
        }
    }

    fn entry_read(&mut self, key: &Edn, value: &Edn) -> Micro {
        let value = if *value == Edn::Nil { Value::Nil } else { Value::Int(self.number(value)) };
        Micro { deed: Deed::Read, key: self.key(key), value }
    }
}

/// The functions of a history of which nothing is known beforehand, in the order in which they occur. Names live as long as the program,
/// like those of all histories: a few words for each file.
pub(super) fn functions(entries: &[(usize, Edn)]) -> &'static [&'static str] {
    let mut names: Vec<&'static str> = Vec::new();
    for name in entries.iter().filter_map(|(_, entry)| entry.get("f").and_then(Edn::word)) {
        if !names.contains(&name) && names.len() < usize::from(u8::MAX) {
            names.push(name.to_owned().leak());
        }
    }
    names.leak()
}
