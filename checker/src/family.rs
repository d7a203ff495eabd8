//! The kinds of objects whose histories can be judged, by name: what a command or a file chooses from.

use crate::{
    checkers::{
        ByKey, Checker, Figure,
        bank::{self, Bank},
        convergence::{self, Convergence},
        counter::{self, CounterRange, View},
        fifo_groups::FifoGroups,
        figures,
        final_reads::FinalReads,
        g_set::GSet,
        kafka::{self, Kafka},
        lock::{self, Lock},
        monotonic::{self, MonotonicReads},
        queue::{self, Queue},
        replicated::Replicated,
        ring::{self, Ring},
        set::FinalSet,
        set_full::SetFull,
        stats::Stats,
        total_queue::TotalQueue,
        unique_ids::{self, UniqueIds},
    },
    explain::{Order, longest},
    history::{Call, Completion, Deed, History, Operation, Value},
    linearizability::Linearizability,
    list_append::ListAppend,
    model::{Effect, Model, Register},
    models::{
        CasRegister, Counter, FencedMutex, FifoQueue, GrowOnlyList, KeyValue, Map, MultiRegister, Mutex, OwnedMutex,
        ReentrantMutex, Set, Stack, UnorderedQueue,
    },
    observer::{Observer, observe},
    set::GrowSet,
    transactions::{AtEnd, Objects, Options, predicates},
    verdict::Verdict,
};

macro_rules! families {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal { $functions:expr, $judge:expr, $check:expr, $specification:expr })+) => {
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

            /// What explanations go by; `None`: by the names of anomalies.
            pub(crate) fn specification(self) -> Option<Specification> {
                match self { $(Self::$name => $specification(),)+ }
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

/// A judge that counts, each key by itself.
fn by_key<C: Checker>(new: fn() -> C) -> impl Fn(usize) -> ByKey<C> {
    move |_| ByKey::new(new())
}

fn closed_predicate(_: usize) -> AtEnd {
    AtEnd::new(Options::new(Objects::Predicates))
}

fn rw_register(_: usize) -> AtEnd {
    AtEnd::new(Options::new(Objects::Registers))
}

/// What an explanation has to know of a model.
#[derive(Clone, Copy)]
pub(crate) struct Specification {
    pub(crate) effect: fn(&Call, Option<Value>) -> Effect,
    /// The longest order of a few operations that fits; `None`: there are too many to tell.
    pub(crate) longest: fn(&History) -> Option<Order>,
}

fn of_model<M: Model>() -> Option<Specification> {
    Some(Specification { effect: M::effect, longest: longest::<M> })
}

fn by_name() -> Option<Specification> {
    None
}

fn by_event(judge: &mut dyn Observer, history: &History) -> Verdict {
    observe(judge, history)
}

families! {
    /// Read, write, compare-and-set; a compare-and-set that fails says nothing.
    Register "register" { Register::FUNCTIONS, search::<Register>, whole, by_name }
    /// The same, where one that fails says that the value was another.
    CasRegister "cas-register" { CasRegister::FUNCTIONS, search::<CasRegister>, whole, of_model::<CasRegister> }
    /// Several registers read and written at once.
    MultiRegister "multi-register" { MultiRegister::FUNCTIONS, search::<MultiRegister>, whole, of_model::<MultiRegister> }
    /// Get, put and append, of numbers or texts, by key.
    KeyValue "key-value" { KeyValue::FUNCTIONS, search::<KeyValue>, whole, of_model::<KeyValue> }
    /// Get, put and delete of single values, by key.
    Map "map" { Map::FUNCTIONS, search::<Map>, whole, of_model::<Map> }
    /// A lock that anybody releases.
    Mutex "mutex" { Mutex::FUNCTIONS, search::<Mutex>, whole, of_model::<Mutex> }
    /// A lock that its owner releases.
    OwnedMutex "owned-mutex" { OwnedMutex::FUNCTIONS, search::<OwnedMutex>, whole, of_model::<OwnedMutex> }
    /// A lock that its owner can take again.
    ReentrantMutex "reentrant-mutex" { ReentrantMutex::FUNCTIONS, search::<ReentrantMutex>, whole, of_model::<ReentrantMutex> }
    /// A lock that hands out growing tokens.
    FencedMutex "fenced-mutex" { FencedMutex::FUNCTIONS, search::<FencedMutex>, whole, of_model::<FencedMutex> }
    /// Add, remove, contains, read.
    Set "set" { Set::FUNCTIONS, search::<Set>, whole, of_model::<Set> }
    /// Add and read; nothing is removed. No search.
    GrowSet "grow-set" { crate::set::FUNCTIONS, grow_set, by_event, by_name }
    /// First in, first out.
    FifoQueue "fifo-queue" { FifoQueue::FUNCTIONS, search::<FifoQueue>, whole, of_model::<FifoQueue> }
    /// A queue in any order.
    UnorderedQueue "unordered-queue" { UnorderedQueue::FUNCTIONS, search::<UnorderedQueue>, whole, of_model::<UnorderedQueue> }
    /// Last in, first out.
    Stack "stack" { Stack::FUNCTIONS, search::<Stack>, whole, of_model::<Stack> }
    /// Read and add.
    Counter "counter" { Counter::FUNCTIONS, search::<Counter>, whole, of_model::<Counter> }
    /// Append and read.
    List "list" { GrowOnlyList::FUNCTIONS, search::<GrowOnlyList>, whole, of_model::<GrowOnlyList> }
    /// Transactions of reads and appends, for strict serializability. No search.
    ListAppend "list-append" { crate::list_append::FUNCTIONS, list_append, by_event, by_name }
    /// Transactions of reads and writes of registers, for strict serializability. No search.
    RwRegister "rw-register" { crate::list_append::FUNCTIONS, rw_register, by_event, by_name }
    /// Transactions that read registers by predicates, too: `[:rp [:= 1] {k 1}]`. All that can be found is written. No search.
    ClosedPredicate "closed-predicate" { predicates::FUNCTIONS, closed_predicate, by_event, by_name }
    /// Jepsen's `set`: adds, and what is there at last.
    JepsenSet "jepsen-set" { crate::set::FUNCTIONS, by_key(FinalSet::default), by_event, by_name }
    /// Adds and reads: no element is lost, but reads may be stale.
    SetFull "set-full" { crate::set::FUNCTIONS, by_key(SetFull::eventual), by_event, by_name }
    /// Adds and reads: no element is lost, and no read stale.
    SetFullStrict "set-full-strict" { crate::set::FUNCTIONS, by_key(SetFull::strict), by_event, by_name }
    /// Jepsen's `queue`: what comes out was put in before, and as often.
    Queue "queue" { queue::FUNCTIONS, by_key(Queue::default), by_event, by_name }
    /// Jepsen's `total-queue`: all that was put in comes out in the end.
    TotalQueue "total-queue" { queue::FUNCTIONS, by_key(TotalQueue::default), by_event, by_name }
    /// Queues, one a key, that nothing overtakes in. No search.
    FifoGroups "fifo-groups" { queue::FUNCTIONS, by_key(FifoGroups::default), by_event, by_name }
    /// Identifiers, each handed out once.
    UniqueIds "unique-ids" { unique_ids::FUNCTIONS, by_key(UniqueIds::default), by_event, by_name }
    /// Jepsen's `counter`: reads lie between what was acknowledged and what was asked for.
    JepsenCounter "jepsen-counter" { counter::FUNCTIONS, by_key(|| CounterRange::new(View::Global)), by_event, by_name }
    /// A counter of which each process sees its own adds at least.
    PnCounter "pn-counter" { counter::FUNCTIONS, by_key(|| CounterRange::new(View::Process)), by_event, by_name }
    /// Accounts whose total stays, none below zero.
    Bank "bank" { bank::FUNCTIONS, by_key(|| Bank::new(false)), by_event, by_name }
    /// Accounts whose total stays, and which can be overdrawn.
    BankOverdraft "bank-overdraft" { bank::FUNCTIONS, by_key(|| Bank::new(true)), by_event, by_name }
    /// Logs of messages by key, sent to and polled. No search, and no cycles.
    Kafka "kafka" { kafka::FUNCTIONS, by_key(Kafka::default), by_event, by_name }
    /// A lock with owners, leases and fencing tokens.
    Lock "lock" { lock::FUNCTIONS, by_key(Lock::default), by_event, by_name }
    /// What a process reads does not go back.
    MonotonicReads "monotonic-reads" { monotonic::FUNCTIONS, by_key(MonotonicReads::default), by_event, by_name }
    /// A set of which each process sees its own elements at least.
    GSet "g-set" { crate::set::FUNCTIONS, by_key(|| GSet::new(View::Process)), by_event, by_name }
    /// A set of which each read has all that was acknowledged before.
    GSetGlobal "g-set-global" { crate::set::FUNCTIONS, by_key(|| GSet::new(View::Global)), by_event, by_name }
    /// A set of which each node has the elements it acknowledged, and in the end every node all of them.
    ReplicatedSet "replicated-set" { crate::set::FUNCTIONS, by_key(|| Replicated::new(GSet::new, crate::set::READ)), by_event, by_name }
    /// A counter of which each node has the adds it acknowledged, and in the end every node all of them.
    ReplicatedCounter "replicated-counter" { counter::FUNCTIONS, by_key(|| Replicated::new(CounterRange::new, counter::READ)), by_event, by_name }
    /// A set that every node holds in the end, whole and the same.
    FinalReads "final-reads" { crate::set::FUNCTIONS, by_key(FinalReads::default), by_event, by_name }
    /// Objects of which all replicas are the same in the end.
    Convergence "convergence" { convergence::FUNCTIONS, by_key(Convergence::default), by_event, by_name }
    /// A ring of nodes that stays whole.
    Ring "ring" { ring::FUNCTIONS, by_key(Ring::default), by_event, by_name }
    /// Operations of any kind: some of each function succeed.
    Stats "stats" { &[], by_key(Stats::default), by_event, by_name }
}

impl Family {
    /// What its transactions read and write, if its operations are such.
    pub fn objects(self) -> Option<Objects> {
        match self {
            Self::ListAppend => Some(Objects::Lists),
            Self::RwRegister => Some(Objects::Registers),
            Self::ClosedPredicate => Some(Objects::Predicates),
            _ => None,
        }
    }

    /// Whether it counts, and so has figures to report: those from [`JepsenSet`](Self::JepsenSet) on do.
    pub fn counts(self) -> bool {
        self as usize >= Self::JepsenSet as usize
    }

    /// What it counts in a history, right or wrong.
    pub fn figures(self, history: &History) -> Vec<Figure> {
        if self.counts() { figures(&mut *self.judge(0), history) } else { Vec::new() }
    }

    /// Whether a number that goes in or comes out is an element, which nothing says anything about but what has the same number.
    pub(crate) fn has_elements(self) -> bool {
        matches!(self, Self::Set | Self::FifoQueue | Self::UnorderedQueue | Self::Stack)
    }

    /// Whether the values of `history`, read as one of this family, are of the kinds by which it can be told from other families with
    /// the same functions.
    pub fn fits(self, history: &History) -> bool {
        let parts = |deed| history.operations.iter().any(|one| has_part(history, one, deed));
        let reads = |is: fn(&Value) -> bool| history.operations.iter().filter_map(found).any(|output| is(&output));
        match self {
            Self::MultiRegister | Self::RwRegister => !parts(Deed::Append),
            Self::ListAppend => !parts(Deed::Write),
            Self::ClosedPredicate => parts(Deed::Match),
            Self::Set | Self::GrowSet | Self::List => !reads(|output| matches!(output, Value::Int(_))),
            // It takes any history, so it says nothing of what one is.
            Self::Stats => false,
            _ => true,
        }
    }

    /// The family of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|family| family.name() == name)
    }
}

/// What a read that completed returned.
fn found(operation: &Operation) -> Option<Value> {
    match (operation.call.input, operation.completion) {
        (Value::Nil, Some((Completion::Ok(output), _))) => Some(output),
        _ => None,
    }
}

fn has_part(history: &History, operation: &Operation, deed: Deed) -> bool {
    history.values.micros(operation.call.input).iter().any(|part| part.deed == deed)
}
