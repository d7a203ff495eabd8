//! Transactions with reads by a predicate, as `elle.closed-predicate` has them: `[:rp [:= 1] {:x 1}]`, `[:r :x 1]`, `[:w :x 1]`,
//! `[:insert :x 1]`, `[:delete :x]`; and `{:f :init, :value {:x 1}}`, what there is at the beginning.
//!
//! In JSON keys of objects are texts: one that is a number is that number, unless the text is known as a key. Predicates are `"true"`,
//! `["=", 1]`, `["mod", 2, 0]`, and of our own `[">", 1]` and `["<", 1]`.

use super::{Builder, Edn};
use crate::history::{Deed, Micro, Predicate, Value};

impl Builder {
    /// `{:x 1, :y 2}`: what there is at the beginning.
    pub(super) fn beginning(&mut self, value: &Edn) -> Option<Value> {
        let begin = |(key, value)| Micro { deed: Deed::Begin, key, value };
        let parts: Vec<Micro> = self.found(value)?.into_iter().map(begin).collect();
        Some(self.history.values.transaction(&parts))
    }

    /// A part of a transaction.
    pub(super) fn predicate_part(&mut self, fields: &[Edn]) -> Option<Micro> {
        let (name, rest) = fields.split_first()?;
        match (name.word()?, rest) {
            ("rp", [predicate]) | ("rp", [predicate, Edn::Nil]) => {
                let predicate = self.predicate(predicate)?;
                Some(self.history.values.search(predicate, None))
            }
            ("rp", [predicate, found]) => {
                let (predicate, found) = (self.predicate(predicate)?, self.found(found)?);
                Some(self.history.values.search(predicate, Some(&found)))
            }
            ("r" | "read", [key]) => Some(Micro { deed: Deed::Read, key: self.key(key), value: Value::Nil }),
            ("r" | "read", [key, value]) => {
                Some(Micro { deed: Deed::Read, key: self.key(key), value: self.held(value)? })
            }
            ("w" | "write" | "insert", [key, value]) => {
                Some(Micro { deed: Deed::Write, key: self.key(key), value: self.held(value)? })
            }
            ("delete", [key]) | ("delete", [key, Edn::Nil]) => {
                Some(Micro { deed: Deed::Write, key: self.key(key), value: Value::Nil })
            }
            _ => None,
        }
    }

    /// `:true`, `[:= 1]`, `[:mod 2 0]`, `[:> 1]`, `[:< 1]`.
    fn predicate(&mut self, predicate: &Edn) -> Option<Predicate> {
        let (word, rest) = match predicate {
            Edn::Items(items) => items.split_first().map(|(word, rest)| (word.word(), rest))?,
            Edn::Bool(true) => (Some("true"), &[][..]),
            word => (word.word(), &[][..]),
        };
        let numbers: Vec<u64> = rest.iter().map(|number| self.number(number)).collect();
        Predicate::new(word?, &numbers)
    }

    /// `{:x 1, :y 2}`, or in pairs.
    fn found(&mut self, found: &Edn) -> Option<Vec<(u32, Value)>> {
        match found {
            Edn::Map(entries) => {
                entries.iter().map(|(key, value)| Some((self.key_of_map(key), self.held(value)?))).collect()
            }
            Edn::Items(items) => items.iter().map(|pair| self.pair(pair)).collect(),
            _ => None,
        }
    }

    fn pair(&mut self, pair: &Edn) -> Option<(u32, Value)> {
        let Edn::Items(pair) = pair else { return None };
        let [key, value] = &pair[..] else { return None };
        Some((self.key(key), self.held(value)?))
    }

    fn key_of_map(&mut self, key: &Edn) -> u32 {
        match key {
            Edn::Text(text) if !self.keys.contains_key(&format!("{key:?}")) => match text.parse() {
                Ok(number) => self.key(&Edn::Int(number)),
                Err(_) => self.key(key),
            },
            key => self.key(key),
        }
    }

    /// A value that an object holds; `nil`: none.
    fn held(&mut self, value: &Edn) -> Option<Value> {
        match value {
            Edn::Nil => Some(Value::Nil),
            Edn::Items(_) | Edn::Map(_) => None,
            scalar => Some(Value::Int(self.number(scalar))),
        }
    }
}
