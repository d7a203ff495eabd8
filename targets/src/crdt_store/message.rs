//! What replicas say to each other.

use super::{Seq, store::Update};

/// A message between replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// An update of the sender's own, as it was made.
    Update(Update),
    /// "I have so many of each origin": who has more sends it, who has less asks.
    Digest(Vec<Seq>),
    /// The same, where the sender knows that it lacks something.
    Ask(Vec<Seq>),
    /// Updates that the receiver lacked, those of each origin in order.
    Updates(Vec<Update>),
}

impl Message {
    /// Names of the kinds, in the order of [`Message::kind`].
    pub(super) const KINDS: &'static [&'static str] = &["Update", "Digest", "Ask", "Updates"];

    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Update(_) => 0,
            Self::Digest(_) => 1,
            Self::Ask(_) => 2,
            Self::Updates(_) => 3,
        }
    }
}
