//! What the model says, asked once: states and actions as small numbers, and their transitions remembered.
//!
//! An operation that the model calls an assignment is one comparison from then on. Others are asked about.
//!
//! Ids outlive a run, so that a campaign of similar runs asks the model almost nothing. The memory of transitions is a
//! direct-mapped cache and not a table of states × actions: with unique values that table would be the square of the
//! history, and nearly empty.

use std::hash::{Hash, Hasher};

use crate::{
    history::{Call, Span, Value, Values},
    interner::Interner,
    model::{Assignment, Model, Test},
};

/// The transition that does not exist.
pub(super) const IMPOSSIBLE: u32 = u32::MAX;
/// In [`Action::need`]: any state but that in the other bits.
const NOT: u32 = 1 << 31;
/// Any state: none has the number excluded.
const ANY: u32 = NOT | (NOT - 1);
/// The model is to be asked, about the call of the number in [`Action::becomes`].
const ASK: u32 = NOT | (NOT - 2);
/// In [`Action::becomes`]: the state stays.
const KEEP: u32 = u32::MAX;
/// Cached transitions. More do not pay: a run revisits few, and a fork copies them all.
const CACHE_SIZE: usize = 1 << 10;
/// Beyond so many remembered states, actions or numbers in lists, the next reset starts afresh.
const REMEMBERED_MAX: usize = 1 << 16;

/// What an operation does to states, by their numbers. Equal actions do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Action {
    need: u32,
    becomes: u32,
}

impl Action {
    /// Of an operation of which nothing is known yet.
    pub(super) const NOTHING: Self = Self { need: ANY, becomes: KEEP };

    /// The only state in which it can take effect, if there is but one.
    #[inline]
    pub(super) fn needs(self) -> Option<u32> {
        (self.need & NOT == 0).then_some(self.need)
    }

    /// Whether it can take effect in every state.
    pub(super) fn is_unconditional(self) -> bool {
        self.need == ANY
    }

    /// The state after it, if that is the same whatever the one before it was; not if the model is to be asked.
    #[inline]
    pub(super) fn writes(self) -> Option<u32> {
        (self.becomes != KEEP && self.need != ASK).then_some(self.becomes)
    }

    /// Whether `state` can be that after it, and not that before it.
    #[inline]
    pub(super) fn may_make(self, state: u32) -> bool {
        self.becomes == state || self.need == ASK
    }

    /// Whether the model is to be asked.
    pub(super) fn is_asked(self) -> bool {
        self.need == ASK
    }
}

/// A call together with its result, if that is known, in a form that is compared and hashed without branches.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Asked {
    /// The function, and which kinds of value the others are.
    kinds: u64,
    input: [u64; 2],
    output: [u64; 2],
}

/// The kind of an output that is unknown; those of values are lower.
const UNKNOWN: u64 = 5;

impl Asked {
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

impl Hash for Asked {
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
    asked: u32,
    to: u32,
}

const VACANT: Cached = Cached { state: IMPOSSIBLE, asked: IMPOSSIBLE, to: IMPOSSIBLE };

#[derive(Clone)]
pub(super) struct Transitions<M: Model> {
    states: Interner<M::State>,
    asked: Interner<Asked>,
    /// What the lists and transactions of actions contain: those of the history do not outlive the run.
    values: Values,
    cache: Box<[Cached; CACHE_SIZE]>,
}

impl<M: Model> Transitions<M> {
    pub(super) fn new() -> Self {
        let (states, asked, cache) = (Interner::new(), Interner::new(), Box::new([VACANT; CACHE_SIZE]));
        Self { states, asked, values: Values::default(), cache }
    }

    /// Bounds the memory; ids handed out before are void. Called between runs only.
    pub(super) fn reset(&mut self) {
        let remembered = self.states.len().max(self.asked.len()).max(self.values.size());
        if remembered > REMEMBERED_MAX {
            self.states.clear();
            self.asked.clear();
            self.values.clear();
            self.cache.fill(VACANT);
        }
    }

    pub(super) fn init(&mut self) -> u32 {
        self.states.id(M::init())
    }

    /// States known so far; their numbers are below that.
    #[inline]
    pub(super) fn state_count(&self) -> usize {
        self.states.len()
    }

    /// The action of `call` and what it returned, which are of `values`.
    #[inline]
    pub(super) fn action(&mut self, call: &Call, output: Option<Value>, values: &Values) -> Action {
        let Some(Assignment { test, becomes }) = M::assignment(call, output, values) else {
            return self.asked(call, output, values);
        };
        let need = match test {
            Test::Any => ANY,
            Test::Is(state) => self.states.id(state),
            Test::IsNot(state) => NOT | self.states.id(state),
        };
        Action { need, becomes: becomes.map_or(KEEP, |state| self.states.id(state)) }
    }

    fn asked(&mut self, call: &Call, output: Option<Value>, values: &Values) -> Action {
        let call = Call { input: self.values.import(call.input, values), ..*call };
        let output = output.map(|output| self.values.import(output, values));
        Action { need: ASK, becomes: self.asked.id(Asked::new(&call, output)) }
    }

    /// Where `action` leads from `state`, or [`IMPOSSIBLE`].
    #[inline]
    pub(super) fn step(&mut self, state: u32, action: Action) -> u32 {
        let Action { need, becomes } = action;
        if need == ASK {
            return self.remembered(state, becomes);
        }
        let fits = if need & NOT == 0 { need == state } else { need != state | NOT };
        let after = if becomes == KEEP { state } else { becomes };
        if fits { after } else { IMPOSSIBLE }
    }

    #[inline]
    fn remembered(&mut self, state: u32, asked: u32) -> u32 {
        let place = (state.wrapping_mul(0x9E37_79B1) ^ asked.wrapping_mul(0x85EB_CA77)) >> 22;
        let cached = self.cache[place as usize % CACHE_SIZE];
        if cached.state == state && cached.asked == asked {
            return cached.to;
        }
        self.ask(state, asked, place as usize % CACHE_SIZE)
    }

    #[cold]
    fn ask(&mut self, state: u32, asked: u32, place: usize) -> u32 {
        let (call, output) = self.asked.item(asked).parts();
        let to = M::step(self.states.item(state), &call, output, &self.values);
        let to = to.map_or(IMPOSSIBLE, |to| self.states.id(to));
        self.cache[place] = Cached { state, asked, to };
        to
    }
}
