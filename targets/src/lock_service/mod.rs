//! `lock-service`: leases on locks with queues and fencing tokens, and lists that transactions change under them. Correct, unless a bug is
//! planted.
//!
//! One *manager* grants locks: to one owner at a time, for the time of a lease, in the order in which they were asked for, each grant with
//! a token larger than any before of this lock, and durable before it is told. A *worker* that is asked for a transaction acquires the
//! locks of its keys in the order in which the transaction names them, so two of them can wait for each other; then the first lease that
//! runs out decides. It reads the lists, writes them back longer, and renews its leases while it works. The *resource* that keeps the
//! lists takes nothing under a token that is smaller than one it has seen for a key, so a worker that was away for longer than its lease
//! changes nothing (Kleppmann, "How to do distributed locking", 2016). Clients can ask the manager for locks of their own, too.
//!
//! Deliberately absent: replication of the manager and of the resource (each is one process with a durable log), re-entrant locks, shared
//! locks, detection of deadlocks.

mod manager;
mod message;
mod resource;
mod worker;

use std::time::Duration;

use murphy_checker::{history::Completion, verdict::Class};
use murphy_sim::{
    About, Boot, Bug, Context, FileCodec, First, Input, ListAppend, ListAppendPart, Lock, LockOp, Node, NodeId,
    Promise, Retry, Routing, StateView, Target, Workload,
};

pub use manager::Manager;
pub use message::{Attempt, Held, List, Message};
pub use resource::Resource;
pub use worker::Worker;

/// How long a lock is granted for.
const LEASE: Duration = Duration::from_millis(200);
/// How often a worker that has its locks renews them.
const RENEWAL: Duration = Duration::from_millis(80);
/// How long a lock is waited for.
const WAIT: Duration = Duration::from_millis(300);
/// How long a worker tries.
const PATIENCE: Duration = Duration::from_millis(450);
const CLIENT_TIMEOUT: Duration = Duration::from_millis(500);

const MANAGER: NodeId = 1;
const RESOURCE: NodeId = 2;

/// The number of a grant among those of its lock, from 1. 0 is before the first.
type Token = u64;

/// The target.
#[derive(Clone, Copy, Debug, Default)]
pub struct LockService;

/// What clients ask.
#[derive(Clone, Debug)]
pub enum Request {
    /// Of the manager, a lock for themselves.
    Lock(LockOp),
    /// Of a worker.
    Transaction(Vec<ListAppendPart>),
}

/// What clients hear.
#[derive(Clone, Debug)]
pub enum Response {
    /// The lock is theirs, under this token.
    Granted(Token),
    /// The lock is theirs no longer.
    Released,
    /// What the reads of a transaction found.
    Lists(Vec<Vec<u64>>),
}

type Cx<'a> = Context<'a, Process>;

/// A process of one of the three kinds.
#[derive(Clone, Debug)]
pub enum Process {
    /// It grants locks.
    Manager(Manager),
    /// It keeps the lists.
    Resource(Resource),
    /// It does what clients ask.
    Worker(Worker),
}

impl Node for Process {
    type Message = Message;
    type Request = Request;
    type Response = Response;
    const KINDS: &'static [&'static str] = Message::KINDS;

    fn kind(message: &Message) -> usize {
        message.kind()
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        match (self, input) {
            (Self::Manager(manager), Input::Message { from, message }) => manager.on_message(from, message, cx),
            (Self::Manager(manager), Input::Timer(_)) => manager.on_timer(cx),
            (Self::Manager(manager), Input::Request { id, reply, request: Request::Lock(op) }) => {
                manager.on_client(id.client, reply, op, cx);
            }
            (Self::Resource(resource), Input::Message { from, message }) => resource.on_message(from, message, cx),
            (Self::Worker(worker), Input::Message { message, .. }) => worker.on_message(message, cx),
            (Self::Worker(worker), Input::Timer(timer)) => worker.on_timer(timer, cx),
            (Self::Worker(worker), Input::Request { reply, request: Request::Transaction(parts), .. }) => {
                worker.on_client(reply, parts, cx);
            }
            (_, Input::Request { reply, request: Request::Lock(_), .. }) => cx.redirect(reply, Some(MANAGER)),
            (_, Input::Request { reply, .. }) => cx.redirect(reply, None),
            (_, _) => {}
        }
    }

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn inspect(&self, view: &mut StateView) {
        match self {
            Self::Manager(manager) => manager.inspect(view),
            Self::Resource(resource) => resource.inspect(view),
            Self::Worker(worker) => worker.inspect(view),
        }
    }
}

impl Target for LockService {
    type Node = Process;

    fn about(&self) -> About {
        About::new("lock-service")
            .summary("leases with queues and fencing tokens, and transactions on lists under them")
            .nodes_of("manager", 1..=1)
            .nodes_of("resource", 1..=1)
            .nodes_of("worker", 2..=3)
            .roles(&["manager", "resource", "idle", "locking", "working"])
            .constant("lease", LEASE)
            .constant("renewal", RENEWAL)
            .constant("wait", WAIT)
            .constant("patience", PATIENCE)
            .constant("client_timeout", CLIENT_TIMEOUT)
            .recovers_within(Duration::from_secs(2))
            .fail_stop("fail-stop:")
            // A lease holds as long as the manager's clock and those of its owners run alike.
            .survives(Promise { clock_error: Duration::ZERO, ..Promise::default() })
            .file("grants", FileCodec::framed(manager::layout))
            .file("lists", FileCodec::framed(resource::layout))
            .known_bug(Bug {
                name: "unfenced",
                about: "the resource takes the write of a worker whose lease is over",
                events: 1,
                breaks: Some(Class::Linearizability),
                source: "Kleppmann 2016, How to do distributed locking",
            })
            .known_bug(Bug {
                name: "volatile-grants",
                about: "the manager tells of a grant before it is durable, and grants the lock again after a crash",
                events: 1,
                breaks: Some(Class::Invariant),
                source: "class",
            })
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Cx<'_>) -> Process {
        match boot.kind {
            "manager" => Process::Manager(Manager::start(boot, cx)),
            "resource" => Process::Resource(Resource::start(boot, cx)),
            _ => Process::Worker(Worker::start(boot)),
        }
    }

    fn workloads(&self) -> Vec<Workload<Process>> {
        let routing =
            Routing { first: First::AnyNode, follow_redirects: 3, timeout: CLIENT_TIMEOUT, retry: Retry::Never };
        let lock = Lock { lease: Some(LEASE), ..Lock::default() };
        vec![
            Workload::new("lock", lock, |op| Request::Lock(*op), hear_lock).routing(routing),
            Workload::new(
                "transactions",
                ListAppend::default(),
                |parts| Request::Transaction(parts.clone()),
                hear_transaction,
            )
            .routing(routing),
        ]
    }
}

fn hear_lock(_: &LockOp, response: Response) -> Completion<Option<Token>> {
    match response {
        Response::Granted(token) => Completion::Ok(Some(token)),
        Response::Released | Response::Lists(_) => Completion::Ok(None),
    }
}

fn hear_transaction(_: &Vec<ListAppendPart>, response: Response) -> Completion<Vec<Vec<u64>>> {
    match response {
        Response::Lists(lists) => Completion::Ok(lists),
        Response::Granted(_) | Response::Released => Completion::Ok(Vec::new()),
    }
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}
