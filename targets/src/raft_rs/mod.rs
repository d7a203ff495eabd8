//! `raft-rs`: registers under keys on the crate `raft` 0.7.0 of TiKV, as published. The control among controls.
//!
//! Nothing is known to be wrong with it, so whatever a campaign says against it is the harness's mistake, or the world's, or
//! news. It is driven as its documentation says: `tick`, `step`, `propose`, `read_index`; then `ready`, the disk, `advance`.
//! Writes go through the log, reads by ReadIndex at the leader, with `check_quorum` and `pre_vote` on; a table of sessions in the
//! state machine lets clients ask again; snapshots of the state machine let the log be cut.
//!
//! Deliberately absent: changes of the membership, transfers of leadership, leases, asynchronous persistence. The crate's
//! replicas cannot be copied, so nodes do not fork and runs are never resumed.

mod bytes;
mod machine;
mod node;
mod storage;

use std::time::Duration;

use murphy_checker::history::Completion;
use murphy_sim::{
    About, Boot, Context, First, Invariant, Register, RegisterOp, Retry, Routing, Target, Transport, Workload,
    invariant,
};

pub use machine::Answer;
pub use node::RaftRsNode;

const TICK: Duration = Duration::from_millis(25);
const HEARTBEAT_TICKS: usize = 2;
/// The shortest election timeout; the longest is one tick below twice this.
const ELECTION_TICKS: usize = 6;
const CLIENT_TIMEOUT: Duration = Duration::from_millis(500);

/// The target `raft-rs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RaftRs;

impl Target for RaftRs {
    type Node = RaftRsNode;

    fn about(&self) -> About {
        let (file, codec) = storage::codec();
        About::new("raft-rs")
            .summary("key-value store on the crate raft 0.7.0 (TiKV), the control among controls")
            .nodes(3..=5)
            .roles(&["leader", "follower", "precandidate", "candidate"])
            .constant("tick", TICK)
            .constant("heartbeat", TICK * HEARTBEAT_TICKS as u32)
            .constant("election_timeout", TICK * ELECTION_TICKS as u32)
            .constant("client_timeout", CLIENT_TIMEOUT)
            .recovers_within(Duration::from_secs(2))
            .fail_stop("fail-stop:")
            .file(file, codec)
            .transport(Transport::Datagram)
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, RaftRsNode>) -> RaftRsNode {
        RaftRsNode::start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<RaftRsNode>> {
        let routing =
            Routing { first: First::LastLeader, follow_redirects: 3, timeout: CLIENT_TIMEOUT, retry: Retry::SameId(1) };
        vec![Workload::new("register", Register::default(), |op| *op, hear).routing(routing)]
    }

    fn invariants(&self) -> Vec<Invariant> {
        invariant::parse(include_str!("raft.inv")).expect("it is tested that this is read")
    }
}

fn hear(_: &RegisterOp, answer: Answer) -> Completion<Option<u64>> {
    match answer {
        Answer::Value(value) => Completion::Ok(value),
        Answer::Done => Completion::Ok(None),
        Answer::Mismatch => Completion::Fail,
    }
}
