//! `raft-kv`: registers under keys, replicated by Raft. Correct, unless a bug is planted.
//!
//! Raft after Ongaro ("Consensus: Bridging Theory and Practice", 2014): elections with pre-vote, log replication, a no-op
//! at the start of each term, reads by ReadIndex, sessions that let a client ask again, leaders that step down when they
//! have lost touch with a majority. Each planted bug is one switch at one decision point; with all of them off, no
//! schedule of crashes, partitions, lost, late, repeated and reordered messages may get this target blamed.
//!
//! Deliberately absent: snapshots, membership changes, leases, batching of client requests.

mod election;
mod log;
mod message;
mod node;
mod reads;
mod replication;
mod store;

use std::time::Duration;

use murphy_checker::{history::Completion, verdict::Class};
use murphy_sim::{
    About, Boot, Bug, Context, FileCodec, First, Invariant, Register, RegisterOp, Retry, Routing, Target, Transport,
    Workload, invariant,
};

pub use message::{Conflict, LogEnd, Message};
pub use node::RaftNode;
pub use store::{Change, Command, Entry, Request, Response};

const HEARTBEAT: Duration = Duration::from_millis(50);
/// The shortest election timeout; the longest is just below twice this.
const ELECTION_TIMEOUT: Duration = Duration::from_millis(150);
const CLIENT_TIMEOUT: Duration = Duration::from_millis(500);

/// A leader's or an entry's term. 0 is before the first.
type Term = u64;
/// A position in the log, from 1. 0 is before the first entry.
type Index = u64;

/// The target.
#[derive(Clone, Copy, Debug, Default)]
pub struct RaftKv;

/// The planted bugs, named for what they make of the protocol.
#[derive(Clone, Copy, Debug)]
struct Bugs {
    reads_without_quorum: bool,
    reads_before_commit_in_term: bool,
    answers_before_sync: bool,
}

impl Bugs {
    fn of(boot: &Boot<'_>) -> Self {
        Self {
            reads_without_quorum: boot.bug("B1"),
            reads_before_commit_in_term: boot.bug("B2"),
            answers_before_sync: boot.bug("A4"),
        }
    }
}

impl Target for RaftKv {
    type Node = RaftNode;

    fn about(&self) -> About {
        About::new("raft-kv")
            .summary("our own Raft: registers under keys, read by ReadIndex")
            .nodes(3..=5)
            .roles(&["leader", "follower", "precandidate", "candidate"])
            .constant("heartbeat", HEARTBEAT)
            .constant("election_timeout", ELECTION_TIMEOUT)
            .constant("client_timeout", CLIENT_TIMEOUT)
            .recovers_within(Duration::from_secs(2))
            .fail_stop("fail-stop:")
            .file("wal", FileCodec::framed(log::layout))
            .transport(Transport::Datagram)
            .known_bug(Bug {
                name: "A4",
                about: "answers to votes and appends leave before what they promise is durable",
                events: 3,
                breaks: Some(Class::Agreement),
                source: "raft-rs 0223a26",
            })
            .known_bug(Bug {
                name: "B1",
                about: "a leader serves reads without asking a quorum whether it still leads",
                events: 2,
                breaks: Some(Class::Linearizability),
                source: "etcd-io/etcd#741",
            })
            .known_bug(Bug {
                name: "B2",
                about: "a leader serves reads before it has committed an entry of its own term",
                events: 3,
                breaks: Some(Class::Linearizability),
                source: "etcd-io/etcd#7331, raft-rs 8c95a3f",
            })
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, RaftNode>) -> RaftNode {
        RaftNode::start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<RaftNode>> {
        let routing =
            Routing { first: First::LastLeader, follow_redirects: 3, timeout: CLIENT_TIMEOUT, retry: Retry::SameId(1) };
        vec![Workload::new("register", Register::default(), ask, hear).routing(routing)]
    }

    fn invariants(&self) -> Vec<Invariant> {
        invariant::parse(include_str!("raft.inv")).expect("it is tested that this is read")
    }
}

fn ask(op: &RegisterOp) -> Request {
    match *op {
        RegisterOp::Read(key) => Request::Get(key),
        RegisterOp::Write(key, value) => Request::Change(Change::Put { key, value }),
        RegisterOp::Cas(key, expected, new) => Request::Change(Change::Cas { key, expected, new }),
    }
}

fn hear(_: &RegisterOp, response: Response) -> Completion<Option<u64>> {
    match response {
        Response::Value(value) => Completion::Ok(value),
        Response::Done => Completion::Ok(None),
        Response::Mismatch => Completion::Fail,
    }
}
