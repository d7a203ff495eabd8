//! Distinct items as small numbers.

use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

/// Numbers distinct items in the order in which they come. Clearing it costs nothing and keeps its memory.
#[derive(Clone, Debug)]
pub(crate) struct Interner<T> {
    items: Vec<T>,
    /// Open addressing, a power of two; a cell counts only if it carries the current epoch.
    cells: Vec<Cell>,
    epoch: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    epoch: u32,
    id: u32,
}

/// Multiplies and folds, a word at a time, but for the low bits of the last word, which are added: numbers that follow each other
/// lie beside each other, so that counting through millions of values stays in the cache. What is interned is a word or two, and
/// nobody chooses it to collide.
#[derive(Default)]
struct Mixer {
    mixed: u64,
    low: u64,
}

/// How many numbers lie beside each other, as a power of two.
const NEIGHBOURS: u32 = 8;

impl Hasher for Mixer {
    #[inline]
    fn write_u64(&mut self, word: u64) {
        let seen = self.mixed.rotate_left(23) ^ self.low.rotate_right(NEIGHBOURS) ^ word >> NEIGHBOURS;
        let product = u128::from(seen) * 0x9E37_79B9_7F4A_7C15;
        self.mixed = product as u64 ^ (product >> 64) as u64;
        self.low = word % (1 << NEIGHBOURS);
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    #[inline]
    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn finish(&self) -> u64 {
        self.mixed.wrapping_add(self.low)
    }
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
        Self { items: Vec::new(), cells: vec![Cell::default(); 64], epoch: 1 }
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

    #[inline]
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
    #[inline]
    fn place(&self, item: &T) -> usize {
        let hash = BuildHasherDefault::<Mixer>::default().hash_one(item) as usize;
        // Steps that differ lead out of the neighbours of others; odd ones reach every cell.
        let step = hash >> 32 | 1;
        let mut place = hash & (self.cells.len() - 1);
        loop {
            let cell = self.cells[place];
            if cell.epoch != self.epoch || self.items[cell.id as usize] == *item {
                return place;
            }
            place = (place + step) & (self.cells.len() - 1);
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
