//! What was to be added to a set, and which of it a read has: what the checkers of sets share.

use super::Heard;
use crate::{history::OpId, interner::Interner};

/// The elements that clients asked to add, numbered in the order in which they first did.
#[derive(Clone, Debug, Default)]
pub struct Elements {
    numbers: Interner<u64>,
    adds: Vec<Add>,
}

/// The adds of one element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Add {
    /// Position among all events of the invocation of the first.
    pub(super) invoked: u32,
    /// The first that was acknowledged.
    pub(super) acknowledged: Option<OpId>,
}

impl Elements {
    /// Takes note of an invocation, if it is an add.
    pub(super) fn invoke(&mut self, event: Heard<'_>) {
        let Some(item) = event.input() else { return };
        if self.numbers.id(item) as usize == self.adds.len() {
            self.adds.push(Add { invoked: event.at, acknowledged: None });
        }
    }

    /// Takes note of the completion of an add that took effect; the number of its element.
    pub(super) fn acknowledge(&mut self, event: Heard<'_>) -> Option<u32> {
        let element = self.numbers.find(&event.input()?)?;
        self.adds[element as usize].acknowledged.get_or_insert(event.op);
        Some(element)
    }

    pub(super) fn find(&self, item: u64) -> Option<u32> {
        self.numbers.find(&item)
    }

    pub(super) fn item(&self, element: u32) -> u64 {
        *self.numbers.item(element)
    }

    pub(super) fn adds(&self) -> &[Add] {
        &self.adds
    }

    /// What a read that returned `items` has of the elements.
    pub(super) fn sift(&self, items: &[u64], marks: &mut Marks) -> Sifted {
        marks.clear(self.adds.len());
        let mut sifted = Sifted::default();
        for &item in items {
            match self.find(item) {
                None => sifted.unexpected.push(item),
                Some(element) if marks.put(element) => sifted.duplicated.push(item),
                Some(element) => sifted.found.push(element),
            }
        }
        let mut sorted = sifted.unexpected.clone();
        sorted.sort_unstable();
        sifted.duplicated.extend(sorted.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]));
        sifted
    }

    /// Acknowledged elements without a mark, in order.
    pub(super) fn lost(&self, marks: &Marks) -> Vec<u32> {
        let is_lost = |element: &u32| self.adds[*element as usize].acknowledged.is_some() && !marks.has(*element);
        (0..self.adds.len() as u32).filter(is_lost).collect()
    }
}

/// What a read returned, as elements, and what is odd in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sifted {
    /// The elements that it has.
    pub(super) found: Vec<u32>,
    /// Items that nobody had asked to add.
    pub(super) unexpected: Vec<u64>,
    /// Items for each time that they came again.
    pub(super) duplicated: Vec<u64>,
}

/// A set of elements that is cleared at no cost.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// By element; a mark counts only if it is the current one.
    stamps: Vec<u32>,
    current: u32,
}

impl Marks {
    /// Forgets all; elements are below `count`.
    pub(super) fn clear(&mut self, count: usize) {
        self.stamps.resize(count.max(self.stamps.len()), 0);
        self.current += 1;
    }

    /// Marks an element; true if it was marked.
    pub(super) fn put(&mut self, element: u32) -> bool {
        std::mem::replace(&mut self.stamps[element as usize], self.current) == self.current
    }

    pub(super) fn has(&self, element: u32) -> bool {
        self.stamps.get(element as usize).is_some_and(|stamp| *stamp == self.current)
    }
}
