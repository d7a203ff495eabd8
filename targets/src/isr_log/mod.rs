//! `isr-log`: sets under keys in one replicated log, as a partition of Kafka. Correct, unless a bug is planted.
//!
//! Primary and backups after Kafka ("Intra-cluster Replication in Kafka", Rao, 2013) with the leader epochs of KIP-101 (Stopford,
//! 2017). A controller, one process with a durable decision, says who leads in which epoch and which brokers are in sync (the ISR);
//! followers fetch from the leader, whose high watermark passes what all in sync have; a producer hears of its record once that is so
//! and at least two are in sync; consumers read up to the high watermark. A broker that becomes a follower asks the leader where their
//! logs part, epoch by epoch (KIP-279), and truncates there.
//!
//! Two rules make reads linearizable that Kafka has in part only: a leader answers reads for no longer than the controller holds its
//! session open, counted from the heartbeat that the controller answered, and not before its high watermark has passed
//! what was in its log when it began to lead (KIP-207). Brokers join the ISR under the same condition (KAFKA-7128).
//!
//! Deliberately absent: more than one partition, idempotent producers, consumer groups, unclean elections, log segments, a replicated
//! controller. Records are durable before anybody hears of them, which Kafka leaves to the operating system.

mod broker;
mod controller;
mod follower;
mod leader;
mod log;
mod message;
mod node;

use std::time::Duration;

use murphy_checker::{history::Completion, verdict::Class};
use murphy_sim::{
    About, Boot, Bug, Context, FileCodec, First, Invariant, NodeId, Promise, Retry, Routing, Set, SetOp, Target,
    Transport, Workload, invariant,
};

pub use controller::Decision;
pub use log::Entry;
pub use message::{Message, Request, Response};
pub use node::IsrNode;

/// How often a broker tells the controller that it is there.
const HEARTBEAT: Duration = Duration::from_millis(80);
/// How long the controller takes a broker for alive that says nothing.
const SESSION: Duration = Duration::from_millis(250);
/// How long a leader keeps a fetch for which it has nothing, at most.
const FETCH_WAIT: Duration = Duration::from_millis(80);
/// How long a follower waits for an answer before it asks again.
const FETCH_RETRY: Duration = Duration::from_millis(160);
/// How long a follower may lack records before it is not in sync.
const LAG: Duration = Duration::from_millis(400);
const CLIENT_TIMEOUT: Duration = Duration::from_millis(500);
/// Fewer brokers in sync take no records.
const MIN_IN_SYNC: u32 = 2;

/// The process that decides; the others are brokers.
const CONTROLLER: NodeId = 1;

/// A leader's or a record's epoch. 0 is before the first.
type Epoch = u64;
/// A position in the log, from 0; as an end, the number of records before it.
type Offset = u64;

/// The target.
#[derive(Clone, Copy, Debug, Default)]
pub struct IsrLog;

impl Target for IsrLog {
    type Node = IsrNode;

    fn about(&self) -> About {
        About::new("isr-log")
            .summary("a replicated log with in-sync replicas, as a partition of Kafka: sets under keys")
            .nodes_of("controller", 1..=1)
            .nodes_of("broker", 3..=3)
            .roles(&["leader", "follower", "truncating", "fenced", "controller"])
            .constant("heartbeat", HEARTBEAT)
            .constant("session", SESSION)
            .constant("fetch_wait", FETCH_WAIT)
            .constant("lag", LAG)
            .constant("client_timeout", CLIENT_TIMEOUT)
            .recovers_within(Duration::from_secs(2))
            // Reads lean on sessions, which hold as long as clocks run alike.
            .survives(Promise { clock_error: Duration::ZERO, ..Promise::default() })
            .fail_stop("fail-stop:")
            .file("log", FileCodec::framed(log::layout))
            .transport(Transport::Datagram)
            .known_bug(Bug {
                name: "F4",
                about: "a broker that becomes a follower truncates its log to its own high watermark",
                events: 3,
                breaks: Some(Class::Linearizability),
                source: "Kafka KIP-101",
            })
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, IsrNode>) -> IsrNode {
        IsrNode::start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<IsrNode>> {
        let routing =
            Routing { first: First::LastLeader, follow_redirects: 3, timeout: CLIENT_TIMEOUT, retry: Retry::SameId(1) };
        vec![Workload::new("set", Set::default(), ask, hear).routing(routing)]
    }

    fn invariants(&self) -> Vec<Invariant> {
        invariant::parse(include_str!("isr.inv")).expect("it is tested that this is read")
    }
}

fn ask(op: &SetOp) -> Request {
    match *op {
        SetOp::Add(key, element) => Request::Produce { key, element },
        SetOp::Read(key) => Request::Consume { key },
    }
}

fn hear(_: &SetOp, response: Response) -> Completion<Vec<u64>> {
    match response {
        Response::Elements(elements) => Completion::Ok(elements),
        Response::Acknowledged => Completion::Ok(Vec::new()),
    }
}
