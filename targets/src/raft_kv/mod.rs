//! `raft-kv`: registers under keys, replicated by Raft. Correct, unless a bug is planted.
//!
//! Raft after Ongaro ("Consensus: Bridging Theory and Practice", 2014): elections with pre-vote, log replication, a no-op
//! at the start of each term, reads by ReadIndex and under leases, sessions that let a client ask again, leaders that step down when
//! they have lost touch with a majority, snapshots, changes of one voter at a time, transfers of leadership. Each planted bug is one switch at one decision point; with all of them off, no
//! schedule of crashes, partitions, lost, late, repeated and reordered messages may get this target blamed, whatever wall clocks
//! show, as long as monotonic clocks are right but for 10 ms.
//!
//! Deliberately absent: batching of client requests, snapshots in pieces, learners, joint consensus.

mod election;
mod log;
mod membership;
mod message;
mod node;
mod reads;
mod replication;
mod snapshot;
mod store;
mod voters;

use std::time::Duration;

use murphy_checker::{history::Completion, verdict::Class};
use murphy_schedule::field::Change as AdminChange;
use murphy_sim::{
    About, Boot, Bug, Context, FileCodec, First, Invariant, Map, MapOp, NodeId, Promise, Register, RegisterOp, Retry,
    Routing, Target, Transport, Workload, invariant,
};

pub use message::{Conflict, LogEnd, Message};
pub use node::RaftNode;
pub use snapshot::Snapshot;
pub use store::{Admin, Change, Command, Commit, Entry, Request, Response};
pub use voters::Voters;

const HEARTBEAT: Duration = Duration::from_millis(50);
/// The shortest election timeout; the longest is just below twice this.
const ELECTION_TIMEOUT: Duration = Duration::from_millis(150);
const CLIENT_TIMEOUT: Duration = Duration::from_millis(500);
/// By how much a monotonic clock may be wrong.
const CLOCK_ERROR: Duration = Duration::from_millis(10);
/// How long a leader may take it that nobody else leads: the leader's clock can be late by the error, and a follower's early.
const LEASE: Duration = Duration::from_millis(130);
/// A log of so many committed entries is cut off.
const COMPACT_AFTER: Index = 8;

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
    commits_older_terms: bool,
    votes_twice: bool,
    answers_before_sync: bool,
    precandidate_keeps_leader: bool,
    reads_without_quorum: bool,
    reads_before_commit_in_term: bool,
    lease_on_wall_clock: bool,
    changes_voters_early: bool,
    snapshot_truncates: bool,
    calls_open_changes_failed: bool,
    appends_after_a_tear: bool,
    bootstraps_again: bool,
    commits_what_has_changed: bool,
}

impl Bugs {
    fn of(boot: &Boot<'_>) -> Self {
        Self {
            commits_older_terms: boot.bug("A1"),
            votes_twice: boot.bug("A3"),
            answers_before_sync: boot.bug("A4"),
            precandidate_keeps_leader: boot.bug("A12"),
            reads_without_quorum: boot.bug("B1"),
            reads_before_commit_in_term: boot.bug("B2"),
            lease_on_wall_clock: boot.bug("B5"),
            changes_voters_early: boot.bug("C1"),
            snapshot_truncates: boot.bug("D1"),
            calls_open_changes_failed: boot.bug("D6"),
            appends_after_a_tear: boot.bug("D7"),
            bootstraps_again: boot.bug("bootstrap"),
            commits_what_has_changed: boot.bug("unvalidated"),
        }
    }
}

/// Where real systems had them, and how many events each needs.
const BUGS: [Bug; 12] = [
    Bug {
        name: "A1",
        about: "a leader commits an entry of an earlier term by counting who has it",
        events: 6,
        breaks: Some(Class::Agreement),
        source: "logcabin/logcabin#44; figure 8 of the Raft paper",
    },
    Bug {
        name: "A3",
        about: "a second vote in one term takes the place of the first",
        events: 2,
        breaks: Some(Class::Agreement),
        source: "camunda/camunda#5356",
    },
    Bug {
        name: "A4",
        about: "answers to votes and appends leave before what they promise is durable",
        events: 3,
        breaks: Some(Class::Agreement),
        source: "raft-rs 0223a26",
    },
    Bug {
        name: "A12",
        about: "a pre-candidate goes on refusing pre-votes for the sake of the leader that it hears no more",
        events: 3,
        breaks: Some(Class::Liveness),
        source: "etcd-io/etcd#8334, raft-rs#84",
    },
    Bug {
        name: "B1",
        about: "a leader serves reads without asking a quorum whether it still leads",
        events: 2,
        breaks: Some(Class::Linearizability),
        source: "etcd-io/etcd#741",
    },
    Bug {
        name: "B2",
        about: "a leader serves reads before it has committed an entry of its own term",
        events: 3,
        breaks: Some(Class::Linearizability),
        source: "etcd-io/etcd#7331, raft-rs 8c95a3f",
    },
    Bug {
        name: "B5",
        about: "a leader measures its lease on the wall clock, which can be set back",
        events: 3,
        breaks: Some(Class::Linearizability),
        source: "tikv/tikv#964",
    },
    Bug {
        name: "C1",
        about: "a leader changes the voters before it has committed an entry of its own term",
        events: 6,
        breaks: Some(Class::Agreement),
        source: "Ongaro, raft-dev, July 2015",
    },
    Bug {
        name: "D1",
        about: "a snapshot that ends within the log takes the place of all of it",
        events: 3,
        breaks: Some(Class::Agreement),
        source: "camunda/camunda#6092",
    },
    Bug {
        name: "D6",
        about: "a leader that steps down calls changes failed that may be committed yet",
        events: 2,
        breaks: Some(Class::Linearizability),
        source: "RedisLabs/redisraft#23",
    },
    Bug {
        name: "D7",
        about: "a node that starts again appends behind the torn end of its log",
        events: 3,
        breaks: Some(Class::Agreement),
        source: "cqlite#1390",
    },
    Bug {
        name: "bootstrap",
        about: "a node that starts again bootstraps again, which it cannot",
        events: 1,
        breaks: Some(Class::Panic),
        source: "Elastickv, ErrCantBootstrap",
    },
];

impl Target for RaftKv {
    type Node = RaftNode;

    fn about(&self) -> About {
        let about = About::new("raft-kv")
            .summary("our own Raft: registers under keys, read by ReadIndex or under a lease")
            .nodes(3..=5)
            .roles(&["leader", "follower", "precandidate", "candidate"])
            .constant("heartbeat", HEARTBEAT)
            .constant("election_timeout", ELECTION_TIMEOUT)
            .constant("lease", LEASE)
            .constant("client_timeout", CLIENT_TIMEOUT)
            .recovers_within(Duration::from_secs(2))
            .survives(Promise { monotonic_error: CLOCK_ERROR, ..Promise::default() })
            .fail_stop("fail-stop:")
            .file("wal", FileCodec::framed(log::layout))
            .file("snapshot", FileCodec::framed(snapshot::layout))
            .transport(Transport::Datagram)
            .marks_in(module_path!());
        BUGS.into_iter().fold(about, About::known_bug)
    }

    fn admin(&self, change: AdminChange, nodes: &[NodeId]) -> Option<Request> {
        let nodes = nodes.iter().copied().collect();
        Some(Request::Admin(match change {
            AdminChange::Add => Admin::Add(nodes),
            AdminChange::Remove => Admin::Remove(nodes),
            AdminChange::Transfer => Admin::Transfer(nodes),
            AdminChange::Compact => Admin::Compact,
            _ => return None,
        }))
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, RaftNode>) -> RaftNode {
        RaftNode::start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<RaftNode>> {
        let routing =
            Routing { first: First::LastLeader, follow_redirects: 3, timeout: CLIENT_TIMEOUT, retry: Retry::SameId(1) };
        let registers = Workload::new("register", Register::default(), ask, |_, response| hear(response));
        let map = Workload::new("map", Map::default(), ask_map, |_, response| hear(response));
        vec![registers.routing(routing), map.routing(routing)]
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

fn ask_map(op: &MapOp) -> Request {
    match *op {
        MapOp::Get(key) => Request::Get(key),
        MapOp::Put(key, value) => Request::Change(Change::Put { key, value }),
        MapOp::Delete(key) => Request::Change(Change::Delete { key }),
    }
}

fn hear(response: Response) -> Completion<Option<u64>> {
    match response {
        Response::Value(value) => Completion::Ok(value),
        Response::Done => Completion::Ok(None),
        Response::Mismatch => Completion::Fail,
        Response::Ring(_) | Response::Accepted => unreachable!("clients ask for registers"),
    }
}
