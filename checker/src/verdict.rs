//! The three answers a checker can give, and what it found where the answer is no.
//!
//! `Unknown` means that the budget ran out, or that the history says nothing. It is not a pass and must not be reported as one.

use std::borrow::Cow;

use crate::{
    history::{NodeId, OpId},
    invariant::Broken,
};

/// The promise that was broken. A finding's class never changes while it is minimized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Two runs of one schedule differed. Outranks every other class.
    Nondeterminism,
    /// The system under test panicked where it had not declared to fail-stop.
    Panic,
    /// Two nodes reported different values for what must be one value.
    Agreement,
    /// A property of the cluster that must always hold did not.
    Invariant,
    /// No order of the operations, consistent with real time, explains the history.
    Linearizability,
    /// Long after everything was healed, operations did not succeed.
    Liveness,
}

impl Class {
    /// The word for this class in reports, file names and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nondeterminism => "nondeterminism",
            Self::Panic => "panic",
            Self::Agreement => "agreement",
            Self::Invariant => "invariant",
            Self::Linearizability => "linearizability",
            Self::Liveness => "liveness",
        }
    }
}

/// What a checker found: a class, a name, and the evidence.
///
/// Equality of `class` and `name` is what the minimizer preserves; the evidence may change while a schedule shrinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// The promise that was broken.
    pub class: Class,
    /// Which anomaly of the class: `stale-read`, or the name of the agreement or of the invariant.
    pub name: Cow<'static, str>,
    /// What shows it.
    pub evidence: Evidence,
}

/// What shows an anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// At the completion of this operation no explanation was left.
    Operation(OpId),
    /// These operations, in the order of invocation, show it, as a sentence without a full stop says.
    Operations {
        /// Which.
        operations: Vec<OpId>,
        /// What is wrong.
        sentence: String,
    },
    /// Two nodes reported different values under one key.
    Conflict {
        /// The key on which they should agree: an index, a term.
        key: u64,
        /// Who reported first, and what.
        first: (NodeId, u64),
        /// Who contradicted it, and with what.
        second: (NodeId, u64),
    },
    /// A node panicked, with this message, at this place of the source.
    Panic {
        /// The node that panicked; 0 for code of the target that belongs to none: the workload, a property.
        node: NodeId,
        /// The panic's message.
        message: String,
        /// `file:line` where it happened, if known.
        location: String,
    },
    /// A mark in the code of the system did not hold, or was reached and must not be.
    Mark {
        /// The node whose code it was; 0: it is not known.
        node: NodeId,
        /// The mark, as its author wrote it.
        name: &'static str,
        /// `file:line`.
        location: &'static str,
    },
    /// An invariant that was written down does not hold.
    Broken(Box<Broken>),
    /// A named property was false; there is nothing more to say.
    Property,
    /// Objects could not be read.
    Unanswered {
        /// Which ones.
        keys: Vec<u32>,
        /// How many nanoseconds after everything was healed.
        since: u64,
        /// What each node waited for.
        nodes: Vec<Waiting>,
    },
}

/// What a node waited for when a run was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The node.
    pub node: NodeId,
    /// The role that it reports.
    pub role: Option<&'static str>,
    /// Its timers that were set: number, and in how many nanoseconds they go off.
    pub timers: Vec<(u32, u64)>,
    /// What it heard of last, and how many nanoseconds before.
    pub heard: Option<(String, u64)>,
}

/// Why no answer was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// The search's frontier passed its limit.
    Frontier,
    /// The search took more steps than it may.
    Steps,
    /// More operations were pending on one key than the search can tell apart.
    Pending,
    /// The run passed its limit of events before it ended.
    Events,
    /// Nothing was read that could tell.
    Unread,
    /// No budget helps: what was written does not tell whose write a read saw.
    Ambiguous,
}

impl Budget {
    /// A phrase that ends the sentence "unknown: …".
    pub fn reason(self) -> &'static str {
        match self {
            Self::Frontier => "the search frontier passed its limit",
            Self::Steps => "the search passed its limit of steps",
            Self::Pending => "more than 64 operations were pending on one key",
            Self::Ambiguous => {
                "it is not known whose write some reads saw, since a value was written more than once or added to"
            }
            Self::Events => "the run passed its limit of events",
            Self::Unread => "nothing was read that could tell",
        }
    }
}

/// The answer of a checker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing contradicts the promise.
    #[default]
    Valid,
    /// The promise was broken.
    Invalid(Anomaly),
    /// The budget ran out first. Never a pass.
    Unknown(Budget),
}

impl Verdict {
    /// The anomaly, if the answer is no.
    pub fn anomaly(&self) -> Option<&Anomaly> {
        match self {
            Self::Invalid(anomaly) => Some(anomaly),
            Self::Valid | Self::Unknown(_) => None,
        }
    }
}

/// A phrase as a word for file names and keys: lower case, everything but letters and digits a hyphen.
pub fn slug(phrase: &str) -> String {
    let words = phrase.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}
