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
    /// A value that goes into or comes out of `function`.
    pub(super) fn counted(&mut self, function: &'static str, value: &Edn) -> Result<Value, ReadErrorKind> {
        match (function, value) {
            _ if self.family == Family::Stats => Ok(Value::Nil),
            _ if self.family == Family::Kafka => self.of_log(function, value),
            (_, Edn::Nil) | ("transfer", _) => Ok(Value::Nil),
            (_, Edn::Items(items)) => Ok(self.list(items)),
            ("read", Edn::Map(entries)) if self.family == Family::Ring => {
                let flat: Vec<Edn> = entries.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect();
                Ok(self.list(&flat))
            }
            ("read", Edn::Map(entries)) => {
                let parts: Vec<Micro> = entries.iter().map(|(key, value)| self.entry_read(key, value)).collect();
                Ok(self.history.values.transaction(&parts))
            }
            (_, Edn::Map(_)) => {
                Err(ReadErrorKind::BadValue { function, expected: "a number, a word or a list of them" })
            }
            (_, scalar) => Ok(Value::Int(self.number(scalar))),
        }
    }

    /// `[[:send 1 5] [:poll]]`, and when that is done `[[:send 1 [0 5]] [:poll {1 [[0 5] [1 6]]}]]`; or the keys `[1 2]`.
    fn of_log(&mut self, function: &'static str, value: &Edn) -> Result<Value, ReadErrorKind> {
        let wrong = |expected| ReadErrorKind::BadValue { function, expected };
        match (function, value) {
            ("send" | "poll" | "txn", Edn::Items(parts)) => {
                let mut read = Vec::new();
                let is_read = parts.iter().all(|part| self.of_log_part(part, &mut read).is_some());
                let parts = is_read.then(|| self.history.values.transaction(&read));
                parts.ok_or_else(|| wrong("a list of [:send key value] and [:poll {key [[offset value]]}]"))
            }
            ("assign" | "subscribe", Edn::Items(keys)) => {
                let keys: Vec<u64> = keys.iter().map(|key| self.key(key).into()).collect();
                Ok(self.history.values.list(&keys))
            }
            ("assign" | "subscribe", value) if *value != Edn::Nil => Err(wrong("a list of keys")),
            _ => Ok(Value::Nil),
        }
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
