//! `crdt-store`: grow-only sets and PN-counters on replicas that never wait for each other. Correct, unless a bug is planted.
//!
//! Replication is op-based (Shapiro et al., "Conflict-free Replicated Data Types", 2011), as in AntidoteDB: a replica numbers its own
//! updates, makes one durable, acknowledges it and sends it to all others; each applies the updates of an *origin* in the order of their
//! numbers, each once. What comes before its time is asked for, and replicas tell each other in turn what they have (anti-entropy), so
//! that whatever a partition or a crash kept away comes in the end, from anybody who has it.
//!
//! Replicas do not know where they are. Under a schedule without data centres they are in one; with `dcs 3` and a `latency between`,
//! each is one of its own, and clients ask the one that is theirs.
//!
//! Deliberately absent: transactions and causal order between origins, removal of elements, snapshots of the log, membership changes.

mod log;
mod message;
mod node;
mod replication;
mod store;

use std::time::Duration;

use murphy_checker::{history::Completion, verdict::Class};
use murphy_sim::{
    About, Boot, Bug, Context, Counter, CounterOp, FileCodec, First, Reads, Retry, Routing, Set, SetOp, Strategy,
    Target, Transport, Workload,
};

pub use message::Message;
pub use node::Replica;
pub use store::{Change, Request, Response, Update};

/// How often a replica tells another what it has.
const GOSSIP: Duration = Duration::from_millis(100);
const CLIENT_TIMEOUT: Duration = Duration::from_millis(500);
/// The most updates in one message.
const WINDOW: usize = 8;

/// The number of an update among those of its origin, from 1.
type Seq = u64;

/// The target.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrdtStore;

/// The planted bugs, named for what they make of the protocol.
#[derive(Clone, Copy, Debug)]
struct Bugs {
    numbers_from_one_again: bool,
    takes_what_is_out_of_order: bool,
}

impl Bugs {
    fn of(boot: &Boot<'_>) -> Self {
        Self { numbers_from_one_again: boot.bug("J3"), takes_what_is_out_of_order: boot.bug("gap") }
    }
}

impl Target for CrdtStore {
    type Node = Replica;

    fn about(&self) -> About {
        About::new("crdt-store")
            .summary("grow-only sets and PN-counters that replicate op by op, in one data centre or several")
            .nodes(3..=5)
            .roles(&["level", "behind"])
            .constant("gossip", GOSSIP)
            .constant("client_timeout", CLIENT_TIMEOUT)
            .recovers_within(Duration::from_secs(2))
            .fail_stop("fail-stop:")
            .file("updates", FileCodec::framed(log::layout))
            .transport(Transport::Datagram)
            .known_bug(Bug {
                name: "J3",
                about: "a replica that starts again numbers its updates from 1 again, so others take new ones for old",
                events: 1,
                breaks: Some(Class::Invariant),
                source: "AntidoteDB/antidote#9",
            })
            .known_bug(Bug {
                name: "gap",
                about: "a replica applies an update without those before it, and never asks for them",
                events: 1,
                breaks: Some(Class::Invariant),
                source: "AntidoteDB/antidote#489 (what it shows; its cause is not known)",
            })
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Replica>) -> Replica {
        Replica::start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<Replica>> {
        // An update counts where it was asked for, so nobody asks again elsewhere.
        let routing =
            Routing { first: First::Nearest, follow_redirects: 0, timeout: CLIENT_TIMEOUT, retry: Retry::Never };
        let set = Set { reads: Reads::Converging, ..Set::default() };
        let counter = |name, strategy| {
            let counter = Counter { strategy, reads: Reads::Converging, ..Counter::default() };
            Workload::new(name, counter, ask_counter, hear_counter).routing(routing)
        };
        vec![
            Workload::new("set", set, ask_set, hear_set).routing(routing),
            counter("counter-grow", Strategy::Grow),
            counter("counter-swing", Strategy::Swing),
            counter("counter-random", Strategy::Random),
        ]
    }
}

fn ask_set(op: &SetOp) -> Request {
    match *op {
        SetOp::Add(key, element) => Request::Update(Change::Add { key, element }),
        SetOp::Read(key) => Request::Elements(key),
    }
}

fn hear_set(_: &SetOp, response: Response) -> Completion<Vec<u64>> {
    match response {
        Response::Elements(elements) => Completion::Ok(elements),
        Response::Number(_) | Response::Done => Completion::Ok(Vec::new()),
    }
}

fn ask_counter(op: &CounterOp) -> Request {
    match *op {
        CounterOp::Add(key, amount) => Request::Update(Change::Count { key, amount }),
        CounterOp::Read(key) => Request::Number(key),
    }
}

fn hear_counter(_: &CounterOp, response: Response) -> Completion<Option<i64>> {
    match response {
        Response::Number(number) => Completion::Ok(Some(number)),
        Response::Elements(_) | Response::Done => Completion::Ok(None),
    }
}
