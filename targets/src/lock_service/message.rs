//! What the processes say to each other.

use super::Token;

/// A worker's number for what it is asked to do. It never gives one away twice.
pub type Attempt = u64;

/// A lock that a worker has, as far as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which lock; the list under it has the same key.
    pub key: u32,
    /// Under which token.
    pub token: Token,
}

/// A list under its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Which list.
    pub key: u32,
    /// Its elements, in order.
    pub items: Vec<u64>,
}

/// A message between processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A worker wants a lock.
    Acquire {
        /// For what.
        attempt: Attempt,
        /// Which.
        key: u32,
    },
    /// It has it.
    Granted {
        /// For what it was wanted.
        attempt: Attempt,
        /// Which, and its token.
        held: Held,
    },
    /// It waited too long.
    Busy {
        /// For what.
        attempt: Attempt,
    },
    /// A worker is still at it.
    Renew {
        /// At what.
        attempt: Attempt,
        /// Which lock.
        key: u32,
    },
    /// A worker needs a lock no longer, or no longer waits for it.
    Release {
        /// For what it was.
        attempt: Attempt,
        /// Which.
        key: u32,
    },
    /// What do these lists hold?
    Read {
        /// For what.
        attempt: Attempt,
        /// Their locks.
        locks: Vec<Held>,
    },
    /// This.
    Lists {
        /// For what it was asked.
        attempt: Attempt,
        /// In the order of the locks.
        lists: Vec<List>,
    },
    /// Let these lists be so, all or none.
    Commit {
        /// For what.
        attempt: Attempt,
        /// The locks of all lists that were read.
        locks: Vec<Held>,
        /// Those that change.
        lists: Vec<List>,
    },
    /// They are.
    Committed {
        /// For what.
        attempt: Attempt,
    },
    /// A token is too old; nothing was done, and nothing will be.
    Fenced {
        /// For what.
        attempt: Attempt,
        /// It answers a commit, rather than a read: a read can come once more when the commit behind it is made.
        is_commit: bool,
    },
}

impl Message {
    /// Names of the kinds, in the order of [`Message::kind`].
    pub(super) const KINDS: &'static [&'static str] =
        &["Acquire", "Granted", "Busy", "Renew", "Release", "Read", "Lists", "Commit", "Committed", "Fenced"];

    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Acquire { .. } => 0,
            Self::Granted { .. } => 1,
            Self::Busy { .. } => 2,
            Self::Renew { .. } => 3,
            Self::Release { .. } => 4,
            Self::Read { .. } => 5,
            Self::Lists { .. } => 6,
            Self::Commit { .. } => 7,
            Self::Committed { .. } => 8,
            Self::Fenced { .. } => 9,
        }
    }
}
