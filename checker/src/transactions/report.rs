//! What was found wrong with a history of transactions, and what could not be decided.

use super::{
    levels::{Level, Levels},
    phenomena::Phenomenon,
};
use crate::history::OpId;

/// What the transactions of a history read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objects {
    /// Lists, appended to and read whole.
    Lists,
    /// Registers, written and read.
    Registers,
    /// Registers that can be deleted, and that are read by predicates, too.
    Predicates,
}

/// Why one transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependency {
    /// The other wrote over its version.
    Ww,
    /// The other read its version.
    Wr,
    /// The other wrote over the version that it read.
    Rw,
    /// The other was the next of the same process.
    Process,
    /// The other was invoked when it had completed.
    Realtime,
    /// The other read by a predicate and did not find what its version, or a later one, hid.
    PredicateWr,
    /// The other wrote a version that it would have found when it read by a predicate.
    PredicateRw,
}

/// One step around a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The transaction that comes first.
    pub from: OpId,
    /// Why it does.
    pub dependency: Dependency,
    /// Before which.
    pub to: OpId,
}

/// Why a transaction has to commit before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitReason {
    /// It comes before it in their session.
    Session,
    /// The other reads from it.
    Read,
    /// A third reads what the other wrote to an object, though it sees what the one wrote to it.
    Seen {
        /// The third.
        reader: OpId,
        /// The object.
        key: u32,
    },
    /// It is what was there at the beginning.
    Initial,
}

/// One step around a cycle of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitStep {
    /// What comes first; none: what was there at the beginning.
    pub from: Option<OpId>,
    /// Why it does.
    pub reason: CommitReason,
    /// Before which.
    pub to: Option<OpId>,
}

/// What shows a phenomenon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Witness {
    /// Steps of which each begins where the last ends.
    Cycle(Vec<Step>),
    /// There is a cycle in whatever order the versions came.
    EveryOrder,
    /// Steps of commits of which each begins where the last ends.
    Commit(Vec<CommitStep>),
    /// What a transaction did to an object.
    Place {
        /// The transaction.
        op: OpId,
        /// Another that has to do with it: the writer of what was read.
        other: Option<OpId>,
        /// The object.
        key: u32,
        /// The value that is wrong.
        value: Option<u64>,
    },
    /// Versions of an object, each before the next and the last before the first.
    Versions {
        /// The object.
        key: u32,
        /// The values; `None` is what it had before any write.
        values: Vec<Option<u64>>,
    },
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub phenomenon: Phenomenon,
    /// What shows it: of several, the first; of cycles, the shortest that was found.
    pub witness: Witness,
    /// How often it was seen.
    pub count: u32,
}

/// Something that was not decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// Nothing says that any transaction comes before another.
    NoDependencies,
    /// A value was written to an object more than once, so reads of the object do not say whose write they saw.
    WrittenTwice {
        /// The object.
        key: u32,
        /// The value.
        value: u64,
    },
    /// A transaction does something to an object that objects of this kind do not have.
    OtherDeed {
        /// The transaction.
        op: OpId,
        /// The object.
        key: u32,
    },
    /// The search for cycles of a kind took more steps than it may.
    Search {
        /// The kind.
        phenomenon: Phenomenon,
        /// How many steps it may take.
        steps_max: u64,
    },
}

/// What is known of a history of transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// What was not decided.
    pub undecided: Vec<Undecided>,
}

/// Whether a model holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Nothing contradicts it.
    Yes,
    /// Something that it rules out was seen.
    No,
    /// Neither.
    Unknown,
}

impl Dependency {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Ww, Self::Wr, Self::Rw, Self::Process, Self::Realtime, Self::PredicateWr, Self::PredicateRw];

    /// Its short name.
    pub fn name(self) -> &'static str {
        ["ww", "wr", "rw", "process", "realtime", "wr-predicate", "rw-predicate"][self as usize]
    }

    /// Whether the other wrote over what it read, by a predicate or not.
    pub fn is_rw(self) -> bool {
        matches!(self, Self::Rw | Self::PredicateRw)
    }
}

impl Report {
    pub(super) fn clear(&mut self) {
        self.findings.clear();
        self.undecided.clear();
    }

    /// Takes note of something wrong; of several of a kind the first stays.
    pub(super) fn add(&mut self, phenomenon: Phenomenon, witness: impl FnOnce() -> Witness) {
        match self.findings.iter_mut().find(|finding| finding.phenomenon == phenomenon) {
            Some(known) => known.count += 1,
            None => self.findings.push(Finding { phenomenon, witness: witness(), count: 1 }),
        }
    }

    /// Takes note of a read or a write that is wrong.
    pub(super) fn add_place(
        &mut self,
        phenomenon: Phenomenon,
        op: u32,
        other: Option<u32>,
        key: u32,
        value: Option<u64>,
    ) {
        self.add(phenomenon, || Witness::Place { op: OpId(op), other: other.map(OpId), key, value });
    }

    /// What was found of this kind.
    pub fn finding(&self, phenomenon: Phenomenon) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.phenomenon == phenomenon)
    }

    /// All models that cannot hold.
    pub fn ruled_out(&self) -> Levels {
        self.findings
            .iter()
            .flat_map(|finding| finding.phenomenon.rules_out().iter())
            .collect::<Levels>()
            .and_stronger()
    }

    /// The weakest models that cannot hold.
    pub fn not(&self) -> Levels {
        self.ruled_out().weakest()
    }

    /// The models that cannot hold either, since they imply one of [`not`](Self::not).
    pub fn also_not(&self) -> Levels {
        let not = self.not();
        self.ruled_out().iter().filter(|level| !not.contains(*level)).collect()
    }

    /// Whether `level` holds.
    pub fn holds(&self, level: Level) -> Holds {
        let matters = |undecided: &Undecided| match undecided {
            Undecided::Search { phenomenon, .. } => phenomenon.rules_out().contains(level),
            Undecided::NoDependencies | Undecided::WrittenTwice { .. } | Undecided::OtherDeed { .. } => true,
        };
        if self.ruled_out().contains(level) {
            Holds::No
        } else if self.undecided.iter().any(matters) {
            Holds::Unknown
        } else {
            Holds::Yes
        }
    }
}
