//! The kinds of objects whose histories can be judged, by name: what a command or a file chooses from.

use crate::{
    history::History,
    linearizability::Linearizability,
    list_append::ListAppend,
    model::{Model, Register},
    models::{
        CasRegister, Counter, FencedMutex, FifoQueue, GrowOnlyList, KeyValue, MultiRegister, Mutex, OwnedMutex,
        ReentrantMutex, Set, Stack, UnorderedQueue,
    },
    observer::{Observer, observe},
    set::GrowSet,
    verdict::Verdict,
};

macro_rules! families {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal { $functions:expr, $judge:expr, $check:expr })+) => {
        /// A kind of object.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Family {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Family {
            /// Every family.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name, as one types it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The names of its functions, in the order of [`Call::function`](crate::history::Call::function).
            pub fn functions(self) -> &'static [&'static str] {
                match self { $(Self::$name => $functions,)+ }
            }

            /// A judge that is fed event by event, and gives up past so many configurations.
            pub fn judge(self, configurations_max: usize) -> Box<dyn Observer> {
                match self { $(Self::$name => Box::new($judge(configurations_max)),)+ }
            }

            /// Judges a whole history; unknown past so many configurations.
            pub fn check(self, history: &History, configurations_max: usize) -> Verdict {
                match self { $(Self::$name => $check(&mut $judge(configurations_max), history),)+ }
            }
        }
    };
}

fn search<M: Model>(configurations_max: usize) -> Linearizability<M> {
    Linearizability::with_limit(configurations_max)
}

fn whole<M: Model>(judge: &mut Linearizability<M>, history: &History) -> Verdict {
    judge.check(history)
}

fn grow_set(_: usize) -> GrowSet {
    GrowSet::new()
}

fn list_append(_: usize) -> ListAppend {
    ListAppend::new()
}

fn by_event(judge: &mut dyn Observer, history: &History) -> Verdict {
    observe(judge, history)
}

families! {
    /// Read, write, compare-and-set; a compare-and-set that fails says nothing.
    Register "register" { Register::FUNCTIONS, search::<Register>, whole }
    /// The same, where one that fails says that the value was another.
    CasRegister "cas-register" { CasRegister::FUNCTIONS, search::<CasRegister>, whole }
    /// Several registers read and written at once.
    MultiRegister "multi-register" { MultiRegister::FUNCTIONS, search::<MultiRegister>, whole }
    /// Get, put and append, of numbers or texts, by key.
    KeyValue "key-value" { KeyValue::FUNCTIONS, search::<KeyValue>, whole }
    /// A lock that anybody releases.
    Mutex "mutex" { Mutex::FUNCTIONS, search::<Mutex>, whole }
    /// A lock that its owner releases.
    OwnedMutex "owned-mutex" { OwnedMutex::FUNCTIONS, search::<OwnedMutex>, whole }
    /// A lock that its owner can take again.
    ReentrantMutex "reentrant-mutex" { ReentrantMutex::FUNCTIONS, search::<ReentrantMutex>, whole }
    /// A lock that hands out growing tokens.
    FencedMutex "fenced-mutex" { FencedMutex::FUNCTIONS, search::<FencedMutex>, whole }
    /// Add, remove, contains, read.
    Set "set" { Set::FUNCTIONS, search::<Set>, whole }
    /// Add and read; nothing is removed. No search.
    GrowSet "grow-set" { crate::set::FUNCTIONS, grow_set, by_event }
    /// First in, first out.
    FifoQueue "fifo-queue" { FifoQueue::FUNCTIONS, search::<FifoQueue>, whole }
    /// A queue in any order.
    UnorderedQueue "unordered-queue" { UnorderedQueue::FUNCTIONS, search::<UnorderedQueue>, whole }
    /// Last in, first out.
    Stack "stack" { Stack::FUNCTIONS, search::<Stack>, whole }
    /// Read and add.
    Counter "counter" { Counter::FUNCTIONS, search::<Counter>, whole }
    /// Append and read.
    List "list" { GrowOnlyList::FUNCTIONS, search::<GrowOnlyList>, whole }
    /// Transactions of reads and appends, for strict serializability. No search.
    ListAppend "list-append" { crate::list_append::FUNCTIONS, list_append, by_event }
}

impl Family {
    /// The family of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|family| family.name() == name)
    }
}
