//! What nodes say to each other, and what clients ask.

use murphy_sim::NodeId;

use super::acceptor::{Proposal, Version};

/// The number of a coordinator's attempt. No two attempts have the same: besides a round that grows it names the node and
/// how often that was started, so that what a coordinator forgets in a crash is never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ballot(pub(super) u64);

impl Ballot {
    /// Before all others.
    pub(super) const NONE: Self = Self(0);

    pub(super) fn new(round: u64, incarnation: u32, node: NodeId) -> Self {
        Self(round << 24 | u64::from(incarnation & 0xffff) << 8 | u64::from(node))
    }

    pub(super) fn round(self) -> u64 {
        self.0 >> 24
    }

    /// Whose it is.
    pub(super) fn node(self) -> Option<NodeId> {
        Some((self.0 & 0xff) as NodeId).filter(|node| *node != 0)
    }
}

/// What an acceptor knows of a register when it makes a promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What it accepted last; nothing under the ballot before all others.
    pub accepted: Proposal,
    /// The latest that it knows to be chosen.
    pub committed: Proposal,
}

/// A message between nodes, and from a node to itself: a coordinator treats its own acceptor as any other. An answer has the
/// ballot of what it answers, or the higher one because of which it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// "Take part in no lower ballot."
    Prepare {
        /// Which register.
        key: u32,
        /// The attempt.
        ballot: Ballot,
    },
    /// The answer to [`Message::Prepare`].
    Promise {
        /// The attempt.
        ballot: Ballot,
        /// What the acceptor knows.
        answer: Result<Known, Ballot>,
    },
    /// "Let this be the register."
    Accept {
        /// Which register.
        key: u32,
        /// The attempt.
        ballot: Ballot,
        /// The proposal.
        version: Version,
    },
    /// The answer to [`Message::Accept`].
    Accepted {
        /// The attempt.
        ballot: Ballot,
        /// Whether the acceptor has accepted.
        answer: Result<(), Ballot>,
    },
    /// "A quorum has accepted this." Nobody waits for an answer.
    Commit {
        /// Which register.
        key: u32,
        /// What was chosen.
        chosen: Proposal,
    },
}

impl Message {
    /// Names of the kinds, in the order of `Message::kind`.
    pub(super) const KINDS: &'static [&'static str] = &["Prepare", "Promise", "Accept", "Accepted", "Commit"];

    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Prepare { .. } => 0,
            Self::Promise { .. } => 1,
            Self::Accept { .. } => 2,
            Self::Accepted { .. } => 3,
            Self::Commit { .. } => 4,
        }
    }
}

/// What clients ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The value under a key.
    Get {
        /// Which register.
        key: u32,
    },
    /// Set a register.
    Put {
        /// Which register.
        key: u32,
        /// To what.
        value: u64,
    },
    /// Set a register if it holds the expected value.
    Cas {
        /// Which register.
        key: u32,
        /// What it must hold.
        expected: u64,
        /// To what.
        new: u64,
    },
}

impl Request {
    pub(super) fn key(self) -> u32 {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Cas { key, .. } => key,
        }
    }
}

/// What clients hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// The value under the key; `None` before the first write.
    Value(Option<u64>),
    /// The change took effect.
    Done,
    /// The register did not hold the expected value: the change took no effect.
    Mismatch,
}
