//! What processes say to each other, and what clients ask.

use super::{Epoch, Offset, controller::Decision, log::Entry};

/// A message between processes. What leader and followers say carries the epoch of the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A broker is there.
    Heartbeat {
        /// When it said so, on its monotonic clock.
        sent: u64,
        /// How often it had been started before.
        generation: u32,
    },
    /// What the controller has decided.
    Decided {
        /// The latest decision.
        decision: Decision,
        /// Of the heartbeat that this answers.
        sent: Option<u64>,
        /// Of the broker, as it said last: what was for an earlier one tells this one nothing (KIP-380).
        generation: u32,
    },
    /// A leader asks for another in-sync set.
    AlterIsr {
        /// Of the decision that it knows.
        version: u64,
        /// Bit 0 is node 1.
        in_sync: u32,
    },
    /// A follower asks where an epoch ends in the leader's log.
    EpochLookup {
        /// The leader's.
        epoch: Epoch,
        /// The epoch of the follower's last record.
        asked: Epoch,
        /// The end of the follower's log.
        own_end: Offset,
    },
    /// The answer to [`Message::EpochLookup`].
    EpochEnd {
        /// The leader's.
        epoch: Epoch,
        /// As in the question.
        asked: Epoch,
        /// As in the question, by which a late answer shows: while an epoch lasts it ends ever later.
        own_end: Offset,
        /// The epoch asked for, or the last one before it of which the leader has records.
        found: Epoch,
        /// Where that ends.
        end: Offset,
    },
    /// A follower asks for records, and says that it has all before.
    Fetch {
        /// The leader's.
        epoch: Epoch,
        /// The end of its log.
        from: Offset,
    },
    /// The answer to [`Message::Fetch`].
    Records {
        /// The leader's.
        epoch: Epoch,
        /// The position of the first.
        from: Offset,
        /// Records from there on.
        entries: Vec<Entry>,
        /// Records before this are in all logs that are in sync.
        high_watermark: Offset,
    },
}

impl Message {
    /// Names of the kinds, in the order of `Message::kind`.
    pub(super) const KINDS: &'static [&'static str] =
        &["Heartbeat", "Decided", "AlterIsr", "EpochLookup", "EpochEnd", "Fetch", "Records"];

    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Heartbeat { .. } => 0,
            Self::Decided { .. } => 1,
            Self::AlterIsr { .. } => 2,
            Self::EpochLookup { .. } => 3,
            Self::EpochEnd { .. } => 4,
            Self::Fetch { .. } => 5,
            Self::Records { .. } => 6,
        }
    }
}

/// What clients ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Append a record.
    Produce {
        /// The set it belongs to.
        key: u32,
        /// What is added to it.
        element: u64,
    },
    /// Read all records of a key.
    Consume {
        /// The set.
        key: u32,
    },
}

/// What clients hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The record is in all logs that are in sync.
    Acknowledged,
    /// The elements of a set, in the order of their values.
    Elements(Vec<u64>),
}
