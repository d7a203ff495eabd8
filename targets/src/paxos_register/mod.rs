//! `paxos-register`: registers under keys, compare-and-set by ballots. Correct, unless a bug is planted.
//!
//! Lightweight transactions as Cassandra has them since 2.0 (Ellis, 2013) and Scylla since 4.0: any node coordinates any
//! operation, and Paxos (Lamport, "Paxos Made Simple", 2001) runs for each key anew with each operation. A coordinator
//! *prepares* a ballot at a quorum, *finishes* what it finds there accepted but not committed, else decides upon what was
//! committed last and has a quorum *accept* its proposal, which it then *commits* in the background. A read and a compare
//! that fails propose what is there already, without which they were not linearizable (CASSANDRA-12126). That the register
//! of one ballot is the base of the next makes it the protocol of Rystsov ("CASPaxos", 2018) with a name for what is
//! known to be chosen.
//!
//! A coordinator whose proposal was refused may not know whether it takes effect all the same, when another finishes it.
//! So each version of a register has the ballots of its last few changes with it: one that finds its own among them
//! succeeded, one that sees them all and not its own tries again, and any other tells its client nothing.
//!
//! Deliberately absent: columns, time to live, commits that clients wait for, changes of the replica set.

mod acceptor;
mod coordinator;
mod message;
mod node;

use std::time::Duration;

use murphy_checker::{history::Completion, verdict::Class};
use murphy_sim::{
    About, Boot, Bug, Context, FileCodec, First, Invariant, Register, RegisterOp, Retry, Routing, Target, Transport,
    Workload, invariant,
};

pub use acceptor::{Proposal, Version};
pub use message::{Ballot, Known, Message, Request, Response};
pub use node::PaxosNode;

/// How long a coordinator waits for a quorum before it begins again under a higher ballot.
const ROUND_TIMEOUT: Duration = Duration::from_millis(100);
/// The longest that a coordinator waits after it was refused.
const BACK_OFF: Duration = Duration::from_millis(20);
/// How long a coordinator goes on beginning again.
const PATIENCE: Duration = Duration::from_millis(400);
const CLIENT_TIMEOUT: Duration = Duration::from_millis(500);

/// The target.
#[derive(Clone, Copy, Debug, Default)]
pub struct PaxosRegister;

impl Target for PaxosRegister {
    type Node = PaxosNode;

    fn about(&self) -> About {
        About::new("paxos-register")
            .summary("compare-and-set by ballots, as lightweight transactions of Cassandra and Scylla")
            .nodes(3..=3)
            .roles(&["proposer", "preparer", "acceptor"])
            .constant("round_timeout", ROUND_TIMEOUT)
            .constant("back_off", BACK_OFF)
            .constant("patience", PATIENCE)
            .constant("client_timeout", CLIENT_TIMEOUT)
            .recovers_within(Duration::from_secs(1))
            .fail_stop("fail-stop:")
            .file("paxos", FileCodec::framed(acceptor::layout))
            .transport(Transport::Datagram)
            .known_bug(Bug {
                name: "E4",
                about: "an acceptor compares a proposal with what it promised only, not with what it accepted",
                events: 5,
                breaks: Some(Class::Linearizability),
                source: "scylladb/scylladb#6139",
            })
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, PaxosNode>) -> PaxosNode {
        PaxosNode::start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<PaxosNode>> {
        let routing =
            Routing { first: First::AnyNode, follow_redirects: 3, timeout: CLIENT_TIMEOUT, retry: Retry::Never };
        let register = Register { mix: [3, 2, 5], ..Register::default() };
        vec![Workload::new("register", register, ask, hear).routing(routing)]
    }

    fn invariants(&self) -> Vec<Invariant> {
        invariant::parse(include_str!("paxos.inv")).expect("it is tested that this is read")
    }
}

fn ask(op: &RegisterOp) -> Request {
    match *op {
        RegisterOp::Read(key) => Request::Get { key },
        RegisterOp::Write(key, value) => Request::Put { key, value },
        RegisterOp::Cas(key, expected, new) => Request::Cas { key, expected, new },
    }
}

fn hear(_: &RegisterOp, response: Response) -> Completion<Option<u64>> {
    match response {
        Response::Value(value) => Completion::Ok(value),
        Response::Done => Completion::Ok(None),
        Response::Mismatch => Completion::Fail,
    }
}
