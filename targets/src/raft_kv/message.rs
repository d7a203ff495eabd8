//! What nodes say to each other.

use std::rc::Rc;

use super::{Index, Term, snapshot::Snapshot, store::Entry};

/// Where a log ends. The greater of two logs is the more up to date, in the sense of Raft's election restriction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogEnd {
    /// Term of the last entry.
    pub term: Term,
    /// Index of the last entry.
    pub index: Index,
}

/// Why a follower could not append: its log differs from the leader's at `prev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The index at which the leader looked.
    pub prev: Index,
    /// From where it may try next.
    pub next: Index,
}

/// A message between nodes. Each carries the term of its sender, but for pre-votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// "Would you elect me?" Changes nobody's term.
    RequestPreVote {
        /// The term that the sender would campaign in.
        term: Term,
        /// Where its log ends.
        last: LogEnd,
    },
    /// The answer to [`Message::RequestPreVote`].
    PreVoteResponse {
        /// The term asked for if granted, the sender's own if not.
        term: Term,
        /// Whether the sender would.
        granted: bool,
    },
    /// "Elect me."
    RequestVote {
        /// The candidate's term.
        term: Term,
        /// Where its log ends.
        last: LogEnd,
        /// Its leader wants it: who still hears that leader may vote all the same.
        transfer: bool,
    },
    /// The answer to [`Message::RequestVote`].
    VoteResponse {
        /// The voter's term.
        term: Term,
        /// Whether the candidate has its vote in this term.
        granted: bool,
    },
    /// Entries for a follower's log.
    AppendEntries {
        /// The leader's term.
        term: Term,
        /// What the leader's log holds just before `entries`.
        prev: LogEnd,
        /// The leader's commit index.
        commit: Index,
        /// Entries from `prev.index + 1` on.
        entries: Vec<Entry>,
    },
    /// The answer to [`Message::AppendEntries`] and [`Message::InstallSnapshot`].
    AppendResponse {
        /// The follower's term.
        term: Term,
        /// Up to where its log equals the leader's, durably.
        appended: Result<Index, Conflict>,
    },
    /// "I lead."
    Heartbeat {
        /// The leader's term.
        term: Term,
        /// What the leader knows to be committed and to be in this follower's log.
        commit: Index,
        /// Counts the leader's heartbeats in this term.
        round: u64,
    },
    /// The answer to [`Message::Heartbeat`].
    HeartbeatResponse {
        /// The follower's term: the leader's own, too.
        term: Term,
        /// The round it answers.
        round: u64,
    },
    /// The answer to a leader of the past. Apart from the other answers, lest a node that leads again in the answering
    /// node's term take it for one of those.
    StaleTerm {
        /// The term of the answering node.
        term: Term,
    },
    /// What a follower is sent that lacks entries which its leader no longer has.
    InstallSnapshot {
        /// The leader's term.
        term: Term,
        /// The state that stands in their place.
        snapshot: Rc<Snapshot>,
    },
    /// "Be elected, at once": how a leader hands over.
    TimeoutNow {
        /// The leader's term.
        term: Term,
    },
}

impl Message {
    /// Names of the kinds, in the order of [`Message::kind`].
    pub(super) const KINDS: &'static [&'static str] = &[
        "RequestPreVote",
        "PreVoteResponse",
        "RequestVote",
        "VoteResponse",
        "AppendEntries",
        "AppendResponse",
        "Heartbeat",
        "HeartbeatResponse",
        "StaleTerm",
        "InstallSnapshot",
        "TimeoutNow",
    ];

    pub(super) fn kind(&self) -> usize {
        match self {
            Self::RequestPreVote { .. } => 0,
            Self::PreVoteResponse { .. } => 1,
            Self::RequestVote { .. } => 2,
            Self::VoteResponse { .. } => 3,
            Self::AppendEntries { .. } => 4,
            Self::AppendResponse { .. } => 5,
            Self::Heartbeat { .. } => 6,
            Self::HeartbeatResponse { .. } => 7,
            Self::StaleTerm { .. } => 8,
            Self::InstallSnapshot { .. } => 9,
            Self::TimeoutNow { .. } => 10,
        }
    }
}
