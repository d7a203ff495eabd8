//! What clients do: operations drawn slot by slot, how to ask them of a node, how to hear the answer, and who judges.

use std::{fmt::Debug, rc::Rc, time::Duration};

use murphy_checker::{
    history::{Call, Completion, Value, Values},
    observer::Observer,
};

use crate::{
    draw::{below, fold},
    node::Node,
};

mod counter;
mod cycle;
mod list_append;
mod lock;
mod map;
mod register;
mod set;

pub use counter::{Counter, CounterOp, Strategy};
pub use cycle::{Cycle, CycleOp};
pub use list_append::{ListAppend, ListAppendPart};
pub use lock::{Lock, LockOp};
pub use map::{Map, MapOp};
pub use register::{Register, RegisterOp};
pub use set::{Set, SetOp};

/// A family of operations: how they are drawn, written down and judged. [`Register`], [`Set`], [`ListAppend`], [`Counter`],
/// [`Map`], [`Lock`] and [`Cycle`] are there; a bank, a queue or whatever else a system offers is one more `impl`.
///
/// What a schedule's header says (clients, keys, rate, number of operations, mix, phases) reaches every workload through
/// [`Slot`]; what only this family knows (the length of a transaction) is a field of the type that implements it.
/// All that is drawn must be a function of the slot, so that changing one operation shifts no other.
///
/// A whole workload of one's own, a counter, with the node that serves it:
///
/// ```
/// use std::{collections::BTreeSet, rc::Rc};
/// use murphy_checker::{history::Values, linearizability::Linearizability, model::{Effect, Model}};
/// use murphy_sim::*;
///
/// /// What a counter is: the judge needs no more.
/// #[derive(Clone, Default)]
/// struct Counting;
///
/// impl Model for Counting {
///     type State = u64;
///     const FUNCTIONS: &'static [&'static str] = &["increment", "read"];
///
///     fn init() -> u64 {
///         0
///     }
///
///     fn step(state: &u64, call: &Call, output: Option<Value>, _: &Values) -> Option<u64> {
///         match call.function {
///             0 => Some(state + 1),
///             _ => output.is_none_or(|seen| seen == Value::Int(*state)).then_some(*state),
///         }
///     }
///
///     fn effect(call: &Call, _: Option<Value>) -> Effect {
///         if call.function == 0 { Effect::Change } else { Effect::Observation }
///     }
/// }
///
/// /// What clients do: so many increments to each ten operations.
/// struct Counter {
///     increments: u8,
/// }
///
/// #[derive(Clone, Copy, Debug)]
/// enum CounterOp {
///     Increment,
///     Read,
/// }
///
/// impl Operations for Counter {
///     type Op = CounterOp;
///     type Return = Option<u64>;
///     const FUNCTIONS: &'static [&'static str] = Counting::FUNCTIONS;
///     const OPERATION: &'static str = "one increment or read of one counter";
///
///     fn judged_by(&self) -> &'static str {
///         "linearizability"
///     }
///
///     fn draw(&self, slot: &Slot<'_>, _: &mut Values) -> Call {
///         let function = slot.function(&[self.increments, 10 - self.increments]);
///         Call { function, key: slot.key(), input: Value::Nil }
///     }
///
///     fn last(&self, key: u32, _: &mut Values) -> Option<Call> {
///         Some(Call { function: 1, key, input: Value::Nil })
///     }
///
///     fn call(&self, asked: &Asked, _: &mut Values) -> Call {
///         Call { function: asked.function, key: asked.key, input: Value::Nil }
///     }
///
///     fn op(&self, call: &Call, _: &Values) -> CounterOp {
///         if call.function == 0 { CounterOp::Increment } else { CounterOp::Read }
///     }
///
///     fn value(&self, _: &Call, returned: Option<u64>, _: &mut Values) -> Value {
///         returned.map_or(Value::Nil, Value::Int)
///     }
///
///     fn observer(&self) -> Box<dyn Observer> {
///         Box::new(Linearizability::<Counting>::new())
///     }
/// }
///
/// /// A node that counts, and forgets the count when it crashes.
/// struct Counts(u64);
///
/// impl Node for Counts {
///     type Message = ();
///     type Request = CounterOp;
///     type Response = Option<u64>;
///     const KINDS: &'static [&'static str] = &["none"];
///
///     fn kind((): &()) -> usize {
///         0
///     }
///
///     fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
///         if let Input::Request { request, reply, .. } = input {
///             self.0 += u64::from(matches!(request, CounterOp::Increment));
///             cx.reply(reply, matches!(request, CounterOp::Read).then_some(self.0));
///         }
///     }
///
///     fn inspect(&self, _: &mut StateView) {}
/// }
///
/// struct Forgetful;
///
/// impl Target for Forgetful {
///     type Node = Counts;
///
///     fn about(&self) -> About {
///         About::new("forgetful").nodes(1..=1)
///     }
///
///     fn start(&self, _: &Boot<'_>, _: &mut Context<'_, Counts>) -> Counts {
///         Counts(0)
///     }
///
///     fn workloads(&self) -> Vec<Workload<Counts>> {
///         let hear = |_: &CounterOp, answer| Completion::Ok(answer);
///         vec![Workload::new("counter", Counter { increments: 7 }, |op| *op, hear)]
///     }
/// }
///
/// let mut runner = Runner::new(Rc::new(Forgetful), BTreeSet::new());
/// let mut verdict = |steps: &str| {
///     let text = format!("murphy 1\ntarget forgetful\nseed 0x1\nkeys 1\n{steps}");
///     let schedule = murphy_schedule::Document::parse(&text).expect("a schedule").schedule;
///     runner.run(&schedule, Options::SEARCH).verdict.clone()
/// };
/// assert_eq!(verdict(""), Verdict::Valid);
/// assert!(verdict("at 2s crash n1, restart after 100ms\n").anomaly().is_some());
/// ```
pub trait Operations: 'static {
    /// What a client asks, in the target's terms.
    type Op: Debug;
    /// What a completed operation returns.
    type Return;
    /// Names of the functions; a [`Call`] holds an index into them.
    const FUNCTIONS: &'static [&'static str];
    /// What one operation is, in a phrase: "a transaction, from begin to commit". What is counted, invoked and judged is this.
    const OPERATION: &'static str;

    /// What its observer checks, as lists of targets call it.
    fn judged_by(&self) -> &'static str;
    /// The operation of a slot. Lists and transactions in it go into `values`.
    fn draw(&self, slot: &Slot<'_>, values: &mut Values) -> Call;
    /// A read that shows the final state of an object, if there is such an operation.
    fn last(&self, key: u32, values: &mut Values) -> Option<Call>;
    /// Which nodes are asked for it.
    fn last_reads(&self) -> LastReads {
        LastReads::AnyNode
    }
    /// The call that an `invoke` step asks for.
    fn call(&self, asked: &Asked, values: &mut Values) -> Call;
    /// The operation that `call` stands for.
    fn op(&self, call: &Call, values: &Values) -> Self::Op;
    /// What the history records for a returned value.
    fn value(&self, call: &Call, returned: Self::Return, values: &mut Values) -> Value;
    /// The largest key that is touched in a run of so many operations, under a header of so many keys.
    fn objects(&self, keys: u32, _operations: u64) -> u32 {
        keys
    }
    /// Who judges the history.
    fn observer(&self) -> Box<dyn Observer>;
}

/// What reads promise to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// All that happened before, in one order for everybody.
    #[default]
    Linearizable,
    /// Whatever had been acknowledged to anybody when they were asked.
    Acknowledged,
    /// What had been acknowledged to their own process: a system that replicates later.
    Own,
    /// What the node that they ask had acknowledged; and when all is healed and nobody updates any more, all nodes come to show the
    /// same, which is all that was acknowledged. Each node is read in the end. For a workload whose clients stay with the node that they
    /// ask: who follows a redirection or asks again elsewhere is not judged rightly.
    Converging,
}

impl Reads {
    /// Which nodes are read in the end.
    fn last_reads(self) -> LastReads {
        match self {
            Self::Linearizable | Self::Acknowledged | Self::Own => LastReads::AnyNode,
            Self::Converging => LastReads::EachNode,
        }
    }
}

/// Which nodes are asked for the final value of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastReads {
    /// Whoever a client asks of its own accord; one answer is enough.
    #[default]
    AnyNode,
    /// Every member, each for itself, until all have answered the same and the judge finds nothing wrong with it, or the patience of the run
    /// is over. Which reads of the history
    /// are final, it says in [`History::final_reads`](murphy_checker::history::History::final_reads).
    EachNode,
}

/// What an `invoke` step asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Index of the function.
    pub function: u8,
    /// The key, from 1.
    pub key: u32,
    /// The values that the step names, in order.
    pub values: [Option<u64>; 2],
    /// A value that hardly anybody else writes.
    pub fresh: u64,
    /// A value that may be there.
    pub other: u64,
}

/// What is known when the operation of a slot is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// 64 random bits that belong to this slot alone.
    pub draw: u64,
    /// 64 random bits that all slots of the run share.
    pub seed: u64,
    /// The place of this slot among those of all lanes, from 0.
    pub index: u64,
    /// The number of objects in use at a time, as the header says it.
    pub keys: u32,
    /// A value from 1 that no other slot of the run writes.
    pub fresh: u64,
    /// By key, the last value that any client saw there.
    pub observed: &'a [u64],
    /// The schedule's weights of the functions; all zero: choose your own.
    pub mix: &'a [u8; 8],
}

impl Slot<'_> {
    /// The key this slot touches: each is as likely as any other.
    pub fn key(&self) -> u32 {
        ((self.draw >> 32) % u64::from(self.keys)) as u32 + 1
    }

    /// [`key`](Self::key), but so many percent of the slots touch the first one: contention.
    pub fn hot_key(&self, percent: u8) -> u32 {
        if below(self.bits(1), 100) < percent.into() { 1 } else { self.key() }
    }

    /// The key of the `index`-th of many operations, each key getting exactly `per_key` of them in no order, and then being
    /// left for a new one.
    pub fn dealt_key(&self, index: u64, per_key: u32) -> u32 {
        let keys = u64::from(self.keys);
        let cards = keys * u64::from(per_key.max(1));
        let (round, card) = (index / cards, index % cards);
        (round * keys + shuffled(card, cards, fold(self.seed, round)) % keys) as u32 + 1
    }

    /// A value that may be under `key`.
    pub fn other(&self, key: u32) -> u64 {
        self.observed.get(key as usize).copied().unwrap_or(1)
    }

    /// 64 random bits more, for each `index` others.
    pub fn bits(&self, index: u64) -> u64 {
        fold(self.draw, index)
    }

    /// A function by weight: by the schedule's mix, or by `own` where it has none or there are more functions than it has weights.
    pub fn function(&self, own: &[u8]) -> u8 {
        let mix = self.mix.get(..own.len()).unwrap_or_default();
        let weights = if mix.iter().all(|weight| *weight == 0) { own } else { mix };
        let total: u64 = weights.iter().copied().map(u64::from).sum();
        let mut ticket = (self.draw & 0xffff_ffff) % total;
        for (function, weight) in (0u8..).zip(weights) {
            match ticket.checked_sub(u64::from(*weight)) {
                Some(rest) => ticket = rest,
                None => return function,
            }
        }
        unreachable!("the ticket is below the sum of the weights")
    }
}

/// The largest key that [`Slot::dealt_key`] gives for the first `count` operations.
fn dealt_keys(keys: u32, count: u64, per_key: u32) -> u32 {
    let rounds = count.div_ceil(u64::from(keys) * u64::from(per_key.max(1))).max(1);
    (rounds * u64::from(keys)) as u32
}

/// Where `card` lies in a pack of `cards` that was shuffled by `seed`: a Feistel network over the next power of four,
/// walked until it hits the pack (Black & Rogaway, 2002). No pack is stored, and no card depends on another being dealt.
fn shuffled(card: u64, cards: u64, seed: u64) -> u64 {
    let half = (64 - cards.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1 << half) - 1;
    let mut at = card;
    loop {
        for round in 0..4 {
            let (high, low) = (at >> half, at & mask);
            at = low << half | (high ^ fold(fold(seed, round), low) & mask);
        }
        if at < cards {
            return at;
        }
    }
}

/// How a client finds the node that answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Whom it asks first.
    pub first: First,
    /// How many times it follows "not me" or a refused connection to another node.
    pub follow_redirects: u8,
    /// How long it waits for an answer.
    pub timeout: Duration,
    /// What it does when none comes.
    pub retry: Retry,
}

impl Default for Routing {
    fn default() -> Self {
        let timeout = Duration::from_millis(500);
        Self { first: First::LastLeader, follow_redirects: 3, timeout, retry: Retry::Never }
    }
}

/// Whom a client asks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// Any node, drawn for each operation.
    AnyNode,
    /// Who answered last; any node at first.
    LastLeader,
    /// One node for each client, always.
    Sticky,
    /// The nearest: one of its own data centre, and when that refuses or does not answer, the next nearest. Clients are dealt out
    /// to the schedule's data centres in turn; without data centres it is as [`First::Sticky`].
    Nearest,
}

/// What a client does when no answer comes in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The operation's outcome stays unknown.
    Never,
    /// It asks again under the same id, up to so many times, then the outcome stays unknown.
    SameId(u8),
}

type Draw = Box<dyn Fn(&Slot<'_>, &mut Values) -> Call>;
type Last = Box<dyn Fn(u32, &mut Values) -> Option<Call>>;
type Invoke = Box<dyn Fn(&Asked, &mut Values) -> Call>;
type Ask<N> = Box<dyn Fn(&Call, &Values) -> <N as Node>::Request>;
type Hear<N> = Box<dyn Fn(&Call, <N as Node>::Response, &mut Values) -> Completion<Value>>;

/// What clients of a target do.
pub struct Workload<N: Node> {
    pub(crate) about: WorkloadAbout,
    pub(crate) routing: Routing,
    pub(crate) draw: Draw,
    pub(crate) last: Last,
    pub(crate) last_reads: LastReads,
    pub(crate) call: Invoke,
    pub(crate) ask: Ask<N>,
    pub(crate) hear: Hear<N>,
    pub(crate) objects: Box<dyn Fn(u32, u64) -> u32>,
    pub(crate) observer: Box<dyn Fn() -> Box<dyn Observer>>,
}

/// What a workload says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkloadAbout {
    /// Its name.
    pub name: &'static str,
    /// Names of the functions that clients call.
    pub functions: &'static [&'static str],
    /// What its histories are checked for.
    pub judged_by: &'static str,
    /// What one operation is.
    pub operation: &'static str,
}

impl<N: Node> Workload<N> {
    /// Clients that do `operations`; `ask` makes the request of an operation, `hear` reads the answer.
    pub fn new<O: Operations>(
        name: &'static str,
        operations: O,
        ask: fn(&O::Op) -> N::Request,
        hear: fn(&O::Op, N::Response) -> Completion<O::Return>,
    ) -> Self {
        let operations = Rc::new(operations);
        let [a, b, c, d, e, f, g] = std::array::from_fn(|_| operations.clone());
        let (functions, judged_by, operation) = (O::FUNCTIONS, operations.judged_by(), O::OPERATION);
        let last_reads = operations.last_reads();
        Self {
            about: WorkloadAbout { name, functions, judged_by, operation },
            routing: Routing::default(),
            draw: Box::new(move |slot, values| a.draw(slot, values)),
            last: Box::new(move |key, values| b.last(key, values)),
            last_reads,
            call: Box::new(move |asked, values| f.call(asked, values)),
            ask: Box::new(move |call, values| ask(&c.op(call, values))),
            hear: Box::new(move |call, response, values| match hear(&d.op(call, values), response) {
                Completion::Ok(returned) => Completion::Ok(d.value(call, returned, values)),
                Completion::Fail => Completion::Fail,
                Completion::Info => Completion::Info,
            }),
            objects: Box::new(move |keys, operations| g.objects(keys, operations)),
            observer: Box::new(move || e.observer()),
        }
    }

    /// How its clients find the node that answers.
    pub fn routing(mut self, routing: Routing) -> Self {
        self.routing = routing;
        self
    }

    /// What it says of itself.
    pub fn about(&self) -> WorkloadAbout {
        self.about
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use murphy_checker::{
        history::{History, Process},
        observer::observe,
        verdict::Verdict,
    };

    use super::*;

    /// The functions of [`Counter`].
    const READ: u8 = 0;
    const ADD: u8 = 1;

    /// Whether a counter's reads may be so: events in order, an operation each, by process and function; a number completes it.
    fn passes(reads: Reads, events: &[(Process, u8, Option<u64>)]) -> bool {
        let mut history = History { functions: Counter::FUNCTIONS, ..History::default() };
        let mut open = BTreeMap::new();
        for ((process, function, output), now) in events.iter().zip(0..) {
            match output {
                Some(output) => history.complete(open[process], Completion::Ok(Value::Int(*output)), now),
                None => {
                    let input = if *function == ADD { Value::Int(1) } else { Value::Nil };
                    let call = Call { function: *function, key: 1, input };
                    open.insert(*process, history.invoke(*process, call, 1, now));
                }
            }
        }
        observe(&mut *Counter { reads, ..Counter::default() }.observer(), &history) == Verdict::Valid
    }

    #[test]
    fn reads_are_judged_by_what_they_promise() {
        let promises = [Reads::Linearizable, Reads::Acknowledged, Reads::Own, Reads::Converging];
        let verdicts = |events: &[_]| promises.map(|reads| passes(reads, events));
        let added = [(0, ADD, None), (0, ADD, Some(1))];
        let read = |process, found| [(process, READ, None), (process, READ, Some(found))];
        assert_eq!(verdicts(&[added.as_slice(), &read(1, 1)].concat()), [true, true, true, true]);
        // Another did not see what was acknowledged.
        assert_eq!(verdicts(&[added.as_slice(), &read(1, 0)].concat()), [false, false, true, false]);
        // Its own process did not.
        assert_eq!(verdicts(&[added.as_slice(), &read(0, 0)].concat()), [false, false, false, false]);
        // What is under way was seen, and then was not.
        let under_way = [(0, ADD, None)];
        assert_eq!(verdicts(&[under_way.as_slice(), &read(1, 1), &read(1, 0)].concat()), [false, true, true, true]);
    }

    #[test]
    fn counters_grow_or_swing() {
        let amounts = |strategy| {
            let counter = Counter { mix: [0, 1], strategy, ..Counter::default() };
            let of = |index| {
                let slot =
                    Slot { draw: fold(7, index), seed: 7, index, keys: 1, fresh: 1, observed: &[], mix: &[0; 8] };
                let call = counter.draw(&slot, &mut Values::default());
                match counter.op(&call, &Values::default()) {
                    CounterOp::Add(1, amount) => amount,
                    other => panic!("{other:?}"),
                }
            };
            (0..200).map(of).collect::<Vec<i64>>()
        };
        assert!(amounts(Strategy::Grow).iter().all(|amount| (1..=5).contains(amount)));
        let swings = amounts(Strategy::Swing);
        assert!(swings.iter().all(|amount| (1001..=1100).contains(&amount.abs())));
        assert!(swings.windows(2).all(|pair| pair[0].signum() == -pair[1].signum()));
        let random = amounts(Strategy::Random);
        assert!((-5..=5).filter(|amount| *amount != 0).all(|amount| random.contains(&amount)));
    }

    #[test]
    fn a_lock_is_asked_for_with_its_lease() {
        let asked = |function| Asked { function, key: 3, values: [None; 2], fresh: 1, other: 1 };
        let lock = Lock { lease: Some(Duration::from_millis(2)), ..Lock::default() };
        let call = |lock: Lock, function| lock.call(&asked(function), &mut Values::default());
        assert_eq!(call(lock, 0).input, Value::Int(2_000_000));
        assert_eq!(call(lock, 1).input, Value::Nil);
        assert_eq!(call(Lock::default(), 0).input, Value::Nil);
        assert_eq!(lock.op(&call(lock, 0), &Values::default()), LockOp::Acquire(3));
        assert_eq!(lock.op(&call(lock, 1), &Values::default()), LockOp::Release(3));
    }

    #[test]
    fn a_shuffled_pack_has_every_card_once() {
        for cards in [1, 2, 3, 7, 64, 65, 1000] {
            let seen: BTreeSet<u64> = (0..cards).map(|card| shuffled(card, cards, 9)).collect();
            assert_eq!(seen.len() as u64, cards);
            assert!(seen.iter().all(|card| *card < cards));
        }
        let order = |seed| (0..100).map(|card| shuffled(card, 100, seed)).collect::<Vec<_>>();
        assert_ne!(order(1), order(2));
    }
}
