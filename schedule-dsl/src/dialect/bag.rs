//! A map whose entries are taken out one by one, so that what nobody understands is left.

use std::ops::Range;

use super::words::snake;
use crate::{
    forms::source::Source,
    tree::{Key, Tree, Value},
};

/// The entries of a map that have not been understood yet.
#[derive(Clone, Debug)]
pub(super) struct Bag {
    pub(super) entries: Vec<(Key, Tree)>,
    pub(super) span: Range<usize>,
}

impl Bag {
    /// Everything in `map` that says something.
    pub(super) fn new(map: &Tree) -> Self {
        let entries = map.entries().iter().filter(|(_, value)| value.value != Value::Null);
        Self { entries: entries.cloned().collect(), span: map.span.clone() }
    }

    /// Takes out the first entry that has one of these keys.
    pub(super) fn take(&mut self, keys: &[&str]) -> Option<(Key, Tree)> {
        let at = self.entries.iter().position(|(key, _)| keys.contains(&snake(&key.text).as_str()))?;
        Some(self.entries.remove(at))
    }

    /// Whether there is an entry with one of these keys.
    pub(super) fn has(&self, keys: &[&str]) -> bool {
        self.entries.iter().any(|(key, _)| keys.contains(&snake(&key.text).as_str()))
    }

    /// Complains about what is left.
    pub(super) fn nothing_left(&self, what: &str, known: &[&str], source: &mut Source<'_>) {
        let list: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
        for (key, _) in &self.entries {
            let expected = format!("one of the keys of {what}: {}", list.join(", "));
            source.complain_unknown(key.span.clone(), &key.text, expected, known.iter().copied());
        }
    }
}
