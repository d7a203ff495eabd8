//! What the model says, asked once: states and actions as small numbers, and their transitions remembered.
//!
//! Ids outlive a run, so that a campaign of similar runs asks the model almost nothing. The memory of transitions is a
//! direct-mapped cache and not a table of states × actions: with unique values that table would be the square of the
//! history, and nearly empty.

use std::hash::{Hash, Hasher};

use ahash::RandomState;

use crate::{
    history::{Call, Value},
    model::Model,
};

/// The transition that does not exist.
pub(super) const IMPOSSIBLE: u32 = u32::MAX;
/// Cached transitions. More do not pay: a run revisits few, and a fork copies them all.
const CACHE_SIZE: usize = 1 << 10;
/// Beyond so many remembered states or actions, the next reset starts afresh.
const REMEMBERED_MAX: usize = 1 << 16;

/// A call together with its result, if that is known, in a form that is compared and hashed without branches.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Action {
    /// The function, and which kinds of value the others are.
    kinds: u64,
    input: [u64; 2],
    output: [u64; 2],
}

/// The kind of an output that is unknown; those of values are lower.
const UNKNOWN: u64 = 3;

impl Action {
    fn new(call: &Call, output: Option<Value>) -> Self {
        let (input_kind, input) = pack(call.input);
        let (output_kind, output) = output.map_or((UNKNOWN, [0; 2]), pack);
        Self { kinds: u64::from(call.function) << 16 | input_kind << 8 | output_kind, input, output }
    }

    /// What it was made of, but for the key.
    fn parts(&self) -> (Call, Option<Value>) {
        let [_, _, _, _, _, function, input_kind, output_kind] = self.kinds.to_be_bytes();
        let call = Call { function, key: 0, input: unpack(input_kind, self.input) };
        (call, (u64::from(output_kind) != UNKNOWN).then(|| unpack(output_kind, self.output)))
    }
}

impl Hash for Action {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.kinds ^ self.output[0].rotate_left(24) ^ self.output[1].rotate_left(48));
        hasher.write_u64(self.input[0] ^ self.input[1].rotate_left(32));
    }
}

fn pack(value: Value) -> (u64, [u64; 2]) {
    match value {
        Value::Nil => (0, [0; 2]),
        Value::Int(number) => (1, [number, 0]),
        Value::Pair(first, second) => (2, [first, second]),
    }
}

fn unpack(kind: u8, [first, second]: [u64; 2]) -> Value {
    match kind {
        0 => Value::Nil,
        1 => Value::Int(first),
        _ => Value::Pair(first, second),
    }
}

#[derive(Clone, Copy)]
struct Cached {
    state: u32,
    action: u32,
    to: u32,
}

const VACANT: Cached = Cached { state: IMPOSSIBLE, action: IMPOSSIBLE, to: IMPOSSIBLE };

#[derive(Clone)]
pub(super) struct Transitions<M: Model> {
    states: Interner<M::State>,
    actions: Interner<Action>,
    cache: Box<[Cached; CACHE_SIZE]>,
}

impl<M: Model> Transitions<M> {
    pub(super) fn new() -> Self {
        Self { states: Interner::new(), actions: Interner::new(), cache: Box::new([VACANT; CACHE_SIZE]) }
    }

    /// Bounds the memory; ids handed out before are void. Called between runs only.
    pub(super) fn reset(&mut self) {
        if self.states.len() > REMEMBERED_MAX || self.actions.len() > REMEMBERED_MAX {
            self.states.clear();
            self.actions.clear();
            self.cache.fill(VACANT);
        }
    }

    pub(super) fn init(&mut self) -> u32 {
        self.states.id(M::init())
    }

    pub(super) fn action(&mut self, call: &Call, output: Option<Value>) -> u32 {
        self.actions.id(Action::new(call, output))
    }

    /// Where `action` leads from `state`, or [`IMPOSSIBLE`].
    #[inline]
    pub(super) fn step(&mut self, state: u32, action: u32) -> u32 {
        let place = (state.wrapping_mul(0x9E37_79B1) ^ action.wrapping_mul(0x85EB_CA77)) >> 22;
        let cached = self.cache[place as usize % CACHE_SIZE];
        if cached.state == state && cached.action == action {
            return cached.to;
        }
        self.ask(state, action, place as usize % CACHE_SIZE)
    }

    #[cold]
    fn ask(&mut self, state: u32, action: u32, place: usize) -> u32 {
        let (call, output) = self.actions.item(action).parts();
        let to = M::step(self.states.item(state), &call, output).map_or(IMPOSSIBLE, |to| self.states.id(to));
        self.cache[place] = Cached { state, action, to };
        to
    }
}

/// Numbers distinct items in the order in which they come. Clearing it costs nothing and keeps its memory.
#[derive(Clone)]
pub(super) struct Interner<T> {
    items: Vec<T>,
    /// Open addressing, a power of two; a cell counts only if it carries the current epoch.
    cells: Vec<Cell>,
    epoch: u32,
    hasher: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    epoch: u32,
    id: u32,
}

impl<T: Copy + Eq + Hash> Interner<T> {
    pub(super) fn new() -> Self {
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        Self { items: Vec::new(), cells: vec![Cell::default(); 64], epoch: 1, hasher }
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.next_epoch();
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn item(&self, id: u32) -> T {
        self.items[id as usize]
    }

    pub(super) fn id(&mut self, item: T) -> u32 {
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
