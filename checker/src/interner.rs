//! Distinct items as small numbers.

use std::hash::Hash;

use ahash::RandomState;

/// Numbers distinct items in the order in which they come. Clearing it costs nothing and keeps its memory.
#[derive(Clone, Debug)]
pub(crate) struct Interner<T> {
    items: Vec<T>,
    /// Open addressing, a power of two; a cell counts only if it carries the current epoch.
    cells: Vec<Cell>,
    epoch: u32,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    epoch: u32,
    id: u32,
}

impl<T> Default for Interner<T>
where
    T: Eq + Hash,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Eq + Hash> Interner<T> {
    pub(crate) fn new() -> Self {
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        Self { items: Vec::new(), cells: vec![Cell::default(); 64], epoch: 1, hasher }
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.next_epoch();
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn item(&self, id: u32) -> &T {
        &self.items[id as usize]
    }

    /// The id of `item`, if it has one already.
    pub(crate) fn find(&self, item: &T) -> Option<u32> {
        let cell = self.cells[self.place(item)];
        (cell.epoch == self.epoch).then_some(cell.id)
    }

    pub(crate) fn id(&mut self, item: T) -> u32 {
        let place = self.place(&item);
        if self.cells[place].epoch == self.epoch {
            return self.cells[place].id;
        }
        let id = u32::try_from(self.items.len()).expect("fewer than 2^32 distinct items");
        self.cells[place] = Cell { epoch: self.epoch, id };
        self.items.push(item);
        if self.items.len() * 2 > self.cells.len() {
            self.grow();
        }
        id
    }

    /// The cell of `item`, or the vacant one where it belongs.
    fn place(&self, item: &T) -> usize {
        let mut place = self.hasher.hash_one(item) as usize & (self.cells.len() - 1);
        loop {
            let cell = self.cells[place];
            if cell.epoch != self.epoch || self.items[cell.id as usize] == *item {
                return place;
            }
            place = (place + 1) & (self.cells.len() - 1);
        }
    }

    fn grow(&mut self) {
        self.cells.resize(self.cells.len() * 2, Cell::default());
        self.next_epoch();
        for id in 0..self.items.len() {
            let place = self.place(&self.items[id]);
            self.cells[place] = Cell { epoch: self.epoch, id: id as u32 };
        }
    }

    fn next_epoch(&mut self) {
        if self.epoch == u32::MAX {
            self.cells.fill(Cell::default());
            self.epoch = 0;
        }
        self.epoch += 1;
    }
}
