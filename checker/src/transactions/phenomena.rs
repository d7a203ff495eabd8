//! What can be wrong with transactions, by its published name.
//!
//! Names and definitions are Adya's ("Weak Consistency", 1999) as Elle has them (Kingsbury & Alvaro, 2020). A phenomenon implies
//! others; what it says of consistency models is in [`levels`](super::levels).

use std::fmt::{self, Display};

/// Beside what transactions saw of each other, which order a cycle needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// None.
    Plain,
    /// That of the transactions of one process.
    Process,
    /// That of time: one had completed before the other was invoked.
    Realtime,
}

impl Relation {
    /// All of them, the one that needs least first.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Process, Self::Realtime];

    fn suffix(self) -> &'static str {
        ["", "-process", "-realtime"][self as usize]
    }
}

/// What a cycle is made of: *ww*, the other overwrites its version; *wr*, the other reads it; *rw*, the other overwrites what it read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Only ww: writes are interleaved.
    G0,
    /// ww and at least one wr: each depends on the other.
    G1c,
    /// Exactly one rw, of a single object: a transaction misses part of what it depends on.
    GSingleItem,
    /// Exactly one rw, by a predicate.
    GSingle,
    /// Several rw, of single objects, no two of them one after the other.
    GNonadjacentItem,
    /// Several rw, some by a predicate, no two of them one after the other.
    GNonadjacent,
    /// Several rw of single objects.
    G2Item,
    /// Several rw, some by a predicate.
    G2,
}

impl Shape {
    /// All of them, worst first.
    pub const ALL: [Self; 8] = [
        Self::G0,
        Self::G1c,
        Self::GSingleItem,
        Self::GSingle,
        Self::GNonadjacentItem,
        Self::GNonadjacent,
        Self::G2Item,
        Self::G2,
    ];

    /// Whether some rw is by a predicate.
    pub fn is_by_predicate(self) -> bool {
        matches!(self, Self::GSingle | Self::GNonadjacent | Self::G2)
    }

    fn name(self) -> &'static str {
        ["G0", "G1c", "G-single-item", "G-single", "G-nonadjacent-item", "G-nonadjacent", "G2-item", "G2"]
            [self as usize]
    }

    /// The shapes of which this one is a special case.
    fn implies(self) -> &'static [Self] {
        match self {
            Self::G0 => &[Self::G1c],
            Self::GSingleItem => &[Self::GSingle, Self::GNonadjacentItem],
            Self::GSingle => &[Self::GNonadjacent],
            Self::GNonadjacentItem => &[Self::GNonadjacent, Self::G2Item],
            Self::GNonadjacent | Self::G2Item => &[Self::G2],
            Self::G1c | Self::G2 => &[],
        }
    }

    /// Whether it is `other`, or a special case of it.
    fn is_at_least(self, other: Self) -> bool {
        self == other || self.implies().iter().any(|milder| milder.is_at_least(other))
    }
}

/// A kind of cycle: its shape, and what else holds it together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cyclic {
    /// What transactions saw of each other.
    pub shape: Shape,
    /// Which order takes part, too.
    pub relation: Relation,
}

impl Cyclic {
    /// Whether who has found this one need not look for `other` in the same place.
    pub(crate) fn implies(self, other: Self) -> bool {
        self.shape.is_at_least(other.shape) && self.relation <= other.relation
    }

    /// The name that Elle gives to a cycle of this kind which was not found, though it is known that there is one.
    fn existence(self) -> String {
        let levels = match self.shape {
            Shape::G0 => ["PL-1", "strong-session-PL-1", "strong-PL-1"],
            Shape::G1c => ["PL-2", "strong-session-PL-2", "strong-PL-2"],
            Shape::GSingleItem | Shape::GSingle | Shape::GNonadjacentItem | Shape::GNonadjacent => {
                ["PL-SI", "strong-session-snapshot-isolation", "strong-snapshot-isolation"]
            }
            Shape::G2Item => ["PL-2.99", "strong-session-serializable", "PL-SS"],
            Shape::G2 => ["PL-3", "strong-session-serializable", "PL-SS"],
        };
        format!("{}-cycle-exists", levels[self.relation as usize])
    }
}

/// A weak level that can be decided whatever the order of versions, as Biswas & Enea define it (2019), by sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weak {
    /// Reads of one transaction never go back behind what it read from before.
    ReadCommitted,
    /// Of what a transaction reads from, and of its session, it sees everything.
    ReadAtomic,
    /// Of all that comes before it, it sees everything.
    Causal,
}

impl Weak {
    /// All of them, weakest first.
    pub const ALL: [Self; 3] = [Self::ReadCommitted, Self::ReadAtomic, Self::Causal];

    /// Its name.
    pub fn name(self) -> &'static str {
        ["read-committed", "read-atomic", "causal"][self as usize]
    }
}

/// What a session is promised (Terry et al., 1994).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarantee {
    /// No read is of an earlier version than an earlier read.
    MonotonicReads,
    /// No write goes before an earlier write.
    MonotonicWrites,
    /// No read is of an earlier version than what the process wrote.
    ReadYourWrites,
    /// No write goes before what the process had read.
    WritesFollowReads,
}

/// What is wrong with transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phenomenon {
    /// A read of a value that nobody wrote.
    GarbageRead,
    /// A list with an element twice that was appended once.
    DuplicateElements,
    /// What is known of the order in which an object took its values is a cycle.
    CyclicVersions,
    /// A read of what a transaction wrote that then aborted.
    G1a,
    /// A read of what a transaction wrote and then wrote over.
    G1b,
    /// A committed transaction wrote on top of what an aborted one had written.
    DirtyUpdate,
    /// Two reads of a list of which neither begins with the other.
    IncompatibleOrder,
    /// A read of what the same transaction appends later.
    FutureRead,
    /// A read that contradicts what its own transaction read or wrote before.
    Internal,
    /// Two committed transactions read the same version and both wrote the next.
    LostUpdate,
    /// A read by a predicate lacks an object that fits it in every version.
    PredicateReadMiss,
    /// A read by a predicate has a value that does not fit it.
    PredicateReadExtra,
    /// A session's guarantee is broken.
    Broken(Guarantee),
    /// Two transactions read of two independent writes a different one each: G-nonadjacent-item of two reads and two writes.
    LongFork,
    /// A read of a write without another that had completed before it began: G-single-item-realtime of a read and two writes.
    CausalReverse,
    /// Transactions would have to commit before each other, whatever the order of versions, for this level to hold.
    CommitCycle(Weak),
    /// Transactions that come before each other.
    Cycle(Cyclic),
    /// There is a cycle that rules out what this one would, but it was not found within the budget.
    CycleExists(Cyclic),
}

impl Phenomenon {
    /// Those of which it is a special case, directly.
    pub fn implies(self) -> Vec<Self> {
        let cycle = |shape, relation| Self::Cycle(Cyclic { shape, relation });
        match self {
            Self::DirtyUpdate | Self::IncompatibleOrder => vec![Self::G1a],
            Self::LongFork => vec![cycle(Shape::GNonadjacentItem, Relation::Plain)],
            Self::CausalReverse => vec![cycle(Shape::GSingleItem, Relation::Realtime)],
            Self::FutureRead => vec![cycle(Shape::G1c, Relation::Plain)],
            Self::LostUpdate => vec![cycle(Shape::G2Item, Relation::Plain)],
            Self::Cycle(Cyclic { shape, relation }) => {
                let milder = shape.implies().iter().map(|shape| cycle(*shape, relation));
                let next = Relation::ALL.iter().find(|next| **next > relation);
                milder.chain(next.map(|next| cycle(shape, *next))).collect()
            }
            Self::CommitCycle(level) => {
                Weak::ALL.into_iter().find(|stronger| *stronger > level).map(Self::CommitCycle).into_iter().collect()
            }
            Self::GarbageRead
            | Self::DuplicateElements
            | Self::CyclicVersions
            | Self::G1a
            | Self::G1b
            | Self::Internal
            | Self::PredicateReadMiss
            | Self::PredicateReadExtra
            | Self::Broken(_)
            | Self::CycleExists(_) => vec![],
        }
    }
}

impl Display for Phenomenon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle(Cyclic { shape, relation }) => write!(f, "{}{}", shape.name(), relation.suffix()),
            Self::CycleExists(cyclic) => f.write_str(&cyclic.existence()),
            Self::CommitCycle(level) => write!(f, "commit-cycle-{}", level.name()),
            Self::Broken(Guarantee::MonotonicReads) => f.write_str("non-monotonic-read"),
            Self::Broken(Guarantee::MonotonicWrites) => f.write_str("non-monotonic-write"),
            Self::Broken(Guarantee::ReadYourWrites) => f.write_str("own-write-missed"),
            Self::Broken(Guarantee::WritesFollowReads) => f.write_str("write-before-read"),
            Self::LongFork => f.write_str("long-fork"),
            Self::CausalReverse => f.write_str("causal-reverse"),
            Self::GarbageRead => f.write_str("garbage-read"),
            Self::DuplicateElements => f.write_str("duplicate-elements"),
            Self::CyclicVersions => f.write_str("cyclic-versions"),
            Self::G1a => f.write_str("G1a"),
            Self::G1b => f.write_str("G1b"),
            Self::DirtyUpdate => f.write_str("dirty-update"),
            Self::IncompatibleOrder => f.write_str("incompatible-order"),
            Self::FutureRead => f.write_str("future-read"),
            Self::Internal => f.write_str("internal"),
            Self::LostUpdate => f.write_str("lost-update"),
            Self::PredicateReadMiss => f.write_str("predicate-read-miss"),
            Self::PredicateReadExtra => f.write_str("predicate-read-extra"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_called_as_elle_calls_it() {
        let name = |shape, relation| Phenomenon::Cycle(Cyclic { shape, relation }).to_string();
        assert_eq!(name(Shape::G0, Relation::Plain), "G0");
        assert_eq!(name(Shape::GSingleItem, Relation::Process), "G-single-item-process");
        assert_eq!(name(Shape::G2Item, Relation::Realtime), "G2-item-realtime");
        let exists = |shape, relation| Phenomenon::CycleExists(Cyclic { shape, relation }).to_string();
        assert_eq!(exists(Shape::GNonadjacentItem, Relation::Plain), "PL-SI-cycle-exists");
        assert_eq!(exists(Shape::G2Item, Relation::Realtime), "PL-SS-cycle-exists");
    }

    #[test]
    fn what_needs_less_implies_what_needs_more() {
        let cyclic = |shape, relation| Cyclic { shape, relation };
        assert!(cyclic(Shape::G0, Relation::Plain).implies(cyclic(Shape::G1c, Relation::Realtime)));
        assert!(cyclic(Shape::GSingleItem, Relation::Process).implies(cyclic(Shape::G2Item, Relation::Process)));
        assert!(!cyclic(Shape::GSingleItem, Relation::Process).implies(cyclic(Shape::GSingleItem, Relation::Plain)));
        assert!(!cyclic(Shape::G1c, Relation::Plain).implies(cyclic(Shape::G2Item, Relation::Plain)));
    }
}
