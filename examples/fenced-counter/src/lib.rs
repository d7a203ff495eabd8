//! Counters in a store that several workers change under locks, and what it takes to make that right.
//!
//! A worker that is to add to a counter acquires its lock, reads the counter from the store, writes the sum back and releases the
//! lock. Locks are leases: a worker that is paused for too long loses its lock without noticing, and its write comes late. So each
//! grant has a *fencing token*, larger than any before, and the store takes no write under a token smaller than one it has seen
//! (Kleppmann, 2016, "How to do distributed locking").
//!
//! Four bugs can be planted; [`FencedCounter::about`] says which. Each is one decision in the code below.

mod lock;
mod store;
mod worker;

use std::time::Duration;

use murphy::{
    About, Boot, Completion, Context, Counter, CounterOp, First, Input, Lock, LockOp, Node, NodeId, Promise, Routing,
    StateView, Target, Workload,
};

use lock::LockServer;
use store::Store;
use worker::Worker;

/// How long a lock is granted for.
pub const LEASE: Duration = Duration::from_millis(200);
/// How long a worker tries.
pub const PATIENCE: Duration = Duration::from_millis(400);

const LOCK_SERVER: NodeId = 1;
const STORE: NodeId = 2;
const FIRST_WORKER: NodeId = 3;

/// What the processes say to each other. An attempt is a worker's number for what it is asked to do.
#[derive(Clone, Debug)]
pub enum Message {
    /// A worker wants the lock of a key.
    Acquire { attempt: u64, key: u32 },
    /// It has it.
    Granted { attempt: u64, token: u64 },
    /// Another has it.
    Busy { attempt: u64 },
    /// A worker no longer needs the lock of a key.
    Release { key: u32, token: u64 },
    /// What is the counter? Under a token, if it is read in order to be written.
    Read { attempt: u64, key: u32, token: Option<u64> },
    /// It is this.
    Value { attempt: u64, value: i64 },
    /// Let the counter be this.
    Write { attempt: u64, key: u32, token: u64, value: i64 },
    /// It is.
    Written { attempt: u64 },
    /// The token is too old.
    Fenced { attempt: u64 },
}

/// What clients ask.
#[derive(Clone, Debug)]
pub enum Request {
    /// Of a worker.
    Counter(CounterOp),
    /// Of the lock server, for themselves.
    Lock(LockOp),
}

/// A process of one of the three kinds.
#[derive(Clone)]
pub enum Process {
    /// It grants locks.
    Lock(LockServer),
    /// It keeps the counters.
    Store(Store),
    /// It does what clients ask.
    Worker(Worker),
}

/// The number a client gets: the counter, or the token of a lock.
type Answer = Option<i64>;
type Cx<'a> = Context<'a, Process>;

impl Node for Process {
    type Message = Message;
    type Request = Request;
    type Response = Answer;
    const KINDS: &'static [&'static str] =
        &["Acquire", "Granted", "Busy", "Release", "Read", "Value", "Write", "Written", "Fenced"];

    fn kind(message: &Message) -> usize {
        match message {
            Message::Acquire { .. } => 0,
            Message::Granted { .. } => 1,
            Message::Busy { .. } => 2,
            Message::Release { .. } => 3,
            Message::Read { .. } => 4,
            Message::Value { .. } => 5,
            Message::Write { .. } => 6,
            Message::Written { .. } => 7,
            Message::Fenced { .. } => 8,
        }
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        match (self, input) {
            (Self::Lock(server), Input::Message { from, message }) => server.on_message(from, message, cx),
            (Self::Lock(server), Input::Request { id, reply, request: Request::Lock(op) }) => {
                server.on_client(id.client, op, reply, cx);
            }
            (Self::Store(store), Input::Message { from, message }) => store.on_message(from, message, cx),
            (Self::Worker(worker), Input::Message { message, .. }) => worker.on_message(message, cx),
            (Self::Worker(worker), Input::Timer(_)) => worker.gives_up(cx),
            (Self::Worker(worker), Input::Request { reply, request: Request::Counter(op), .. }) => {
                worker.on_client(op, reply, cx);
            }
            (_, Input::Request { reply, request: Request::Lock(_), .. }) => cx.redirect(reply, Some(LOCK_SERVER)),
            (_, Input::Request { reply, .. }) => cx.redirect(reply, Some(FIRST_WORKER)),
            (_, Input::Stop) => cx.exit(),
            _ => {}
        }
    }

    fn inspect(&self, view: &mut StateView) {
        match self {
            Self::Lock(server) => server.inspect(view),
            Self::Store(store) => store.inspect(view),
            Self::Worker(worker) => worker.inspect(view),
        }
    }

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// The target `fenced-counter`.
pub struct FencedCounter;

impl Target for FencedCounter {
    type Node = Process;

    fn about(&self) -> About {
        About::new("fenced-counter")
            .summary("counters that workers change under leases, fenced by tokens")
            .nodes_of("lock", 1..=1)
            .nodes_of("store", 1..=1)
            .nodes_of("worker", 2..=3)
            .roles(&["lock server", "store", "idle", "acquiring", "reading", "writing"])
            .constant("lease", LEASE)
            .constant("patience", PATIENCE)
            // Leases hold as long as clocks run alike.
            .survives(Promise { clock_error: Duration::ZERO, ..Promise::default() })
            .fail_stop("fail-stop:")
            .bug("unfenced", "the store takes the write of a worker whose lease is over")
            .bug("volatile-fence", "the store forgets at a restart under which token a counter was read")
            .bug(
                "definite-fence",
                "a worker calls a write failed that the store fenced, though a copy of it may have arrived before",
            )
            .bug("eager-locks", "a lock server that starts again grants what others may still hold")
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Cx<'_>) -> Process {
        match boot.kind {
            "lock" => Process::Lock(LockServer::start(boot, cx)),
            "store" => Process::Store(Store::start(boot, cx)),
            _ => Process::Worker(Worker::start(boot)),
        }
    }

    fn workloads(&self) -> Vec<Workload<Process>> {
        let anywhere = Routing { first: First::AnyNode, ..Routing::default() };
        let locks = Lock { lease: Some(LEASE), ..Lock::default() };
        vec![
            Workload::new(
                "counter",
                Counter::default(),
                |op| Request::Counter(*op),
                |_, answer| Completion::Ok(answer),
            )
            .routing(anywhere),
            Workload::new(
                "lock",
                locks,
                |op| Request::Lock(*op),
                |_, answer: Answer| Completion::Ok(answer.map(i64::cast_unsigned)),
            )
            .routing(anywhere),
        ]
    }
}
