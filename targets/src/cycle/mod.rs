//! `cycle`: transactions over the registers of [`raft-kv`](crate::raft_kv), as FoundationDB's `Cycle` workload does them.
//!
//! Whoever leads runs a client's transaction: it reads registers, notes in which versions, and proposes the writes with them. When
//! that is committed it takes effect if nobody has changed since what it read, and is aborted otherwise, the same on every node
//! (optimistic concurrency control; Kung & Robinson, 1981).
//!
//! Deliberately absent: several groups, locks, transactions that clients run themselves.

use std::time::Duration;

use murphy_checker::{history::Completion, verdict::Class};
use murphy_schedule::field::Change;
use murphy_sim::{
    About, Boot, Bug, Context, Cycle as Ring, CycleOp, First, Invariant, NodeId, Retry, Routing, Target, Workload,
    sometimes,
};

use crate::raft_kv::{RaftKv, RaftNode, Request, Response};

const CLIENT_TIMEOUT: Duration = Duration::from_millis(500);

/// The target.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cycle;

impl Target for Cycle {
    type Node = RaftNode;

    fn about(&self) -> About {
        let mut about = RaftKv.about();
        about.name = "cycle";
        about.bugs.clear();
        about
            .summary("transactions that rearrange a ring, over our own Raft")
            .known_bug(Bug {
                name: "unvalidated",
                about: "a transaction commits whether or not what it read has changed",
                events: 2,
                breaks: Some(Class::Invariant),
                source: "lost updates, a class; what FoundationDB's Cycle workload looks for",
            })
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, RaftNode>) -> RaftNode {
        RaftKv.start(boot, cx)
    }

    fn admin(&self, change: Change, nodes: &[NodeId]) -> Option<Request> {
        RaftKv.admin(change, nodes)
    }

    fn workloads(&self) -> Vec<Workload<RaftNode>> {
        let routing =
            Routing { first: First::LastLeader, follow_redirects: 3, timeout: CLIENT_TIMEOUT, retry: Retry::SameId(1) };
        vec![Workload::new("cycle", Ring::default(), ask, hear).routing(routing)]
    }

    fn invariants(&self) -> Vec<Invariant> {
        RaftKv.invariants()
    }
}

fn ask(op: &CycleOp) -> Request {
    match *op {
        CycleOp::Read(size) => Request::ReadRing(size),
        CycleOp::Swap { start, size } => Request::Swap { start, size },
    }
}

fn hear(_: &CycleOp, response: Response) -> Completion<Vec<(u32, u32)>> {
    match response {
        Response::Ring(links) => Completion::Ok(links),
        Response::Done => Completion::Ok(Vec::new()),
        Response::Mismatch => {
            sometimes!(true, "a transaction is aborted");
            Completion::Fail
        }
        Response::Value(_) | Response::Accepted => unreachable!("clients ask for rings"),
    }
}
