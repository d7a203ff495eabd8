//! What the model says, asked once: states and actions as small numbers, and their transitions remembered.
//!
//! Ids outlive a run, so that a campaign of similar runs asks the model almost nothing. The memory of transitions is a
//! direct-mapped cache and not a table of states × actions: with unique values that table would be the square of the
//! history, and nearly empty.

use std::hash::{Hash, Hasher};

use crate::{
    history::{Call, Span, Value, Values},
    interner::Interner,
    model::Model,
};

/// The transition that does not exist.
pub(super) const IMPOSSIBLE: u32 = u32::MAX;
/// Cached transitions. More do not pay: a run revisits few, and a fork copies them all.
const CACHE_SIZE: usize = 1 << 10;
/// Beyond so many remembered states, actions or numbers in lists, the next reset starts afresh.
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
const UNKNOWN: u64 = 5;

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
        Value::List(span) => (3, span.words()),
        Value::Transaction(span) => (4, span.words()),
    }
}

fn unpack(kind: u8, [first, second]: [u64; 2]) -> Value {
    match kind {
        0 => Value::Nil,
        1 => Value::Int(first),
        2 => Value::Pair(first, second),
        3 => Value::List(Span::from_words([first, second])),
        _ => Value::Transaction(Span::from_words([first, second])),
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
    /// What the lists and transactions of actions contain: those of the history do not outlive the run.
    values: Values,
    cache: Box<[Cached; CACHE_SIZE]>,
}

impl<M: Model> Transitions<M> {
    pub(super) fn new() -> Self {
        let (states, actions, cache) = (Interner::new(), Interner::new(), Box::new([VACANT; CACHE_SIZE]));
        Self { states, actions, values: Values::default(), cache }
    }

    /// Bounds the memory; ids handed out before are void. Called between runs only.
    pub(super) fn reset(&mut self) {
        let remembered = self.states.len().max(self.actions.len()).max(self.values.size());
        if remembered > REMEMBERED_MAX {
            self.states.clear();
            self.actions.clear();
            self.values.clear();
            self.cache.fill(VACANT);
        }
    }

    pub(super) fn init(&mut self) -> u32 {
        self.states.id(M::init())
    }

    /// The action of `call` and what it returned, which are of `values`.
    pub(super) fn action(&mut self, call: &Call, output: Option<Value>, values: &Values) -> u32 {
        let call = Call { input: self.values.import(call.input, values), ..*call };
        let output = output.map(|output| self.values.import(output, values));
        self.actions.id(Action::new(&call, output))
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
        let to = M::step(self.states.item(state), &call, output, &self.values);
        let to = to.map_or(IMPOSSIBLE, |to| self.states.id(to));
        self.cache[place] = Cached { state, action, to };
        to
    }
}
