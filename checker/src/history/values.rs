//! Values of any length, each stored once.
//!
//! Equal contents have equal spans, so values of one history are compared and hashed as two numbers, and reading a list
//! again takes no memory. Clearing keeps the memory: a run after the first allocates nothing here.

use std::ops::Range;

use ahash::RandomState;

use super::Value;

/// Where the contents of a [`Value`] lie in [`Values`]. Void once these are cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// How many items there are.
    pub fn len(self) -> usize {
        self.len as usize
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The span as two words, and back by [`from_words`](Self::from_words).
    pub(crate) fn words(self) -> [u64; 2] {
        [self.start.into(), self.len.into()]
    }

    pub(crate) fn from_words([start, len]: [u64; 2]) -> Self {
        Self { start: start as u32, len: len as u32 }
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// What a part of a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// It reads the key.
    Read,
    /// It replaces what the key holds.
    Write,
    /// It adds to the end of the list that the key holds.
    Append,
    /// It reads what fits a [`Predicate`](super::Predicate), whatever the key: see [`Values::search`].
    Match,
    /// It says what the key holds before anything else happens.
    Begin,
}

/// A part of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micro {
    /// What it does.
    pub deed: Deed,
    /// To which object, from 1.
    pub key: u32,
    /// What is written or appended, or was read; `Nil` for a read whose result is not known, and for a write that deletes.
    pub value: Value,
}

/// The contents of lists and transactions.
#[derive(Debug, Default)]
pub struct Values {
    numbers: Vec<u64>,
    parts: Vec<Micro>,
    lists: Index,
    transactions: Index,
}

impl Values {
    /// Forgets all; spans handed out before are void.
    pub fn clear(&mut self) {
        self.numbers.clear();
        self.parts.clear();
        self.lists.clear();
        self.transactions.clear();
    }

    /// The value that holds these numbers in this order.
    pub fn list(&mut self, items: &[u64]) -> Value {
        Value::List(self.lists.intern(&mut self.numbers, items))
    }

    /// The value that holds these parts in this order. Lists in them must be of this very `Values`.
    pub fn transaction(&mut self, parts: &[Micro]) -> Value {
        Value::Transaction(self.transactions.intern(&mut self.parts, parts))
    }

    /// The numbers of a [`Value::List`].
    pub fn items(&self, span: Span) -> &[u64] {
        &self.numbers[span.range()]
    }

    /// The parts of a [`Value::Transaction`].
    pub fn parts(&self, span: Span) -> &[Micro] {
        &self.parts[span.range()]
    }

    /// The numbers that `value` holds: those of a list, or itself; none for the rest.
    pub fn numbers<'a>(&'a self, value: &'a Value) -> &'a [u64] {
        match value {
            Value::Int(number) => std::slice::from_ref(number),
            Value::List(span) => self.items(*span),
            Value::Nil | Value::Pair(..) | Value::Transaction(_) => &[],
        }
    }

    /// The parts that `value` holds; none unless it is a transaction.
    pub fn micros(&self, value: Value) -> &[Micro] {
        match value {
            Value::Transaction(span) => self.parts(span),
            Value::Nil | Value::Int(_) | Value::Pair(..) | Value::List(_) => &[],
        }
    }

    /// `value`, which is of `source`, as a value of `self`.
    pub fn import(&mut self, value: Value, source: &Self) -> Value {
        match value {
            Value::Nil | Value::Int(_) | Value::Pair(..) => value,
            Value::List(span) => self.list(source.items(span)),
            Value::Transaction(span) => {
                let copy = |part: &Micro| Micro { value: self.import(part.value, source), ..*part };
                let parts: Vec<Micro> = source.parts(span).iter().map(copy).collect();
                self.transaction(&parts)
            }
        }
    }

    /// How much is stored, in numbers and parts.
    pub(crate) fn size(&self) -> usize {
        self.numbers.len() + self.parts.len()
    }
}

impl Clone for Values {
    fn clone(&self) -> Self {
        let Self { numbers, parts, lists, transactions } = self;
        let (numbers, parts) = (numbers.clone(), parts.clone());
        Self { numbers, parts, lists: lists.clone(), transactions: transactions.clone() }
    }

    fn clone_from(&mut self, source: &Self) {
        self.numbers.clone_from(&source.numbers);
        self.parts.clone_from(&source.parts);
        self.lists.clone_from(&source.lists);
        self.transactions.clone_from(&source.transactions);
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        self.numbers == other.numbers && self.parts == other.parts
    }
}

impl Eq for Values {}

/// Finds the span of contents that are stored already. Open addressing over a power of two of cells, or none.
#[derive(Debug, Default)]
struct Index {
    /// A cell counts only if it carries the current epoch.
    cells: Vec<(u32, Span)>,
    count: usize,
    epoch: u32,
}

impl Clone for Index {
    fn clone(&self) -> Self {
        Self { cells: self.cells.clone(), ..*self }
    }

    fn clone_from(&mut self, source: &Self) {
        self.count = source.count;
        self.epoch = source.epoch;
        self.cells.clone_from(&source.cells);
    }
}

impl Index {
    fn clear(&mut self) {
        self.count = 0;
        if self.epoch == u32::MAX {
            self.cells.fill(Default::default());
            self.epoch = 0;
        }
        self.epoch += 1;
    }

    /// Where `items` lie in `store`, where they are put if they are not there.
    fn intern<T: Copy + Eq + std::hash::Hash>(&mut self, store: &mut Vec<T>, items: &[T]) -> Span {
        if self.count * 2 >= self.cells.len() {
            self.grow(store);
        }
        let place = self.place(store, items);
        let (epoch, span) = self.cells[place];
        if epoch == self.epoch {
            return span;
        }
        let start = u32::try_from(store.len()).expect("a history holds fewer than 2^32 numbers");
        store.extend_from_slice(items);
        let span = Span { start, len: items.len() as u32 };
        self.cells[place] = (self.epoch, span);
        self.count += 1;
        span
    }

    /// The cell of `items`, or the vacant one where they belong.
    fn place<T: Eq + std::hash::Hash>(&self, store: &[T], items: &[T]) -> usize {
        let hash = RandomState::with_seeds(5, 6, 7, 8).hash_one(items);
        let mask = self.cells.len() - 1;
        let mut place = hash as usize & mask;
        while self.cells[place].0 == self.epoch && store[self.cells[place].1.range()] != *items {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow<T: Eq + std::hash::Hash>(&mut self, store: &[T]) {
        // Epoch 0 marks the cells that were never used.
        self.epoch = self.epoch.max(1);
        let size = (self.cells.len() * 2).max(16);
        let old = std::mem::replace(&mut self.cells, vec![(0, Span::default()); size]);
        for (epoch, span) in old {
            if epoch == self.epoch {
                let place = self.place(store, &store[span.range()]);
                self.cells[place] = (epoch, span);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contents_are_one_value() {
        let mut values = Values::default();
        let many: Vec<Value> = (0..100).map(|n| values.list(&[n, n + 1])).collect();
        let again: Vec<Value> = (0..100).map(|n| values.list(&[n, n + 1])).collect();
        assert_eq!(many, again);
        assert_eq!(values.numbers(&many[7]), [7, 8]);
        assert_eq!(values.size(), 200);
        assert_ne!(values.list(&[]), values.list(&[0]));
    }

    #[test]
    fn clearing_forgets_and_keeps_the_memory() {
        let mut values = Values::default();
        for n in 0..100 {
            values.list(&[n]);
        }
        let capacity = values.numbers.capacity();
        values.clear();
        assert_eq!((values.size(), values.numbers.capacity()), (0, capacity));
        let one = values.list(&[5]);
        assert_eq!(values.numbers(&one), [5]);
    }

    #[test]
    fn a_value_can_be_carried_from_one_history_to_another() {
        let (mut here, mut there) = (Values::default(), Values::default());
        here.list(&[9, 9, 9]);
        let read = here.list(&[1, 2]);
        let parts = [(Deed::Read, read), (Deed::Append, Value::Int(3))];
        let transaction = here.transaction(&parts.map(|(deed, value)| Micro { deed, key: 1, value }));
        let carried = there.import(transaction, &here);
        let [first, second] = there.micros(carried) else { panic!("two parts") };
        assert_eq!(there.numbers(&first.value), [1, 2]);
        assert_eq!((second.deed, second.value), (Deed::Append, Value::Int(3)));
        assert_eq!(there.import(Value::Pair(1, 2), &here), Value::Pair(1, 2));
    }

    #[test]
    fn copies_are_equal_and_independent() {
        let mut values = Values::default();
        let one = values.list(&[1, 2, 3]);
        let mut copy = Values::default();
        copy.clone_from(&values);
        assert_eq!(copy, values);
        assert_eq!(copy.list(&[1, 2, 3]), one);
        copy.list(&[4]);
        assert_ne!(copy, values);
    }
}
