//! The consistency models of transactions, which of them implies which, and what rules them out.
//!
//! The lattice is that of Elle, which takes it from Adya (1999), Cerone, Bernardi & Gotsman (2015) and Bailis et al. (2013).

use super::phenomena::{Cyclic, Guarantee, Phenomenon, Relation, Shape, Weak};

macro_rules! levels {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal [$($alias:literal),*] => [$($weaker:ident),*])+) => {
        /// A consistency model.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Level {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Level {
            /// Every model, none before one that implies it.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name, as one types it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// Other names.
            pub fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($alias),*],)+ }
            }

            /// The next weaker models, which hold wherever it holds.
            pub fn implies(self) -> &'static [Self] {
                match self { $(Self::$name => &[$(Self::$weaker),*],)+ }
            }
        }
    };
}

levels! {
    /// One order of whole transactions, consistent with real time.
    StrictSerializable "strict-serializable" ["strong-serializable", "PL-SS"] => [Serializable, StrongSessionSerializable, StrongSnapshotIsolation]
    /// One order of whole transactions, consistent with that of each process.
    StrongSessionSerializable "strong-session-serializable" [] => [Serializable, StrongSessionSnapshotIsolation]
    /// One order of whole transactions.
    Serializable "serializable" ["PL-3"] => [RepeatableRead, SnapshotIsolation, UpdateSerializable]
    /// Snapshots that are not older than what had completed.
    StrongSnapshotIsolation "strong-snapshot-isolation" [] => [StrongSessionSnapshotIsolation, StrongReadCommitted]
    /// Snapshots that are not older than what the process had completed.
    StrongSessionSnapshotIsolation "strong-session-snapshot-isolation" [] => [SnapshotIsolation, Causal]
    /// All reads are of one snapshot, and of two concurrent writes of an object one fails.
    SnapshotIsolation "snapshot-isolation" ["PL-SI"] => [ForwardConsistentView, MonotonicSnapshotRead, ParallelSnapshotIsolation, Prefix]
    /// Serializable but for transactions that find objects by a predicate.
    RepeatableRead "repeatable-read" ["PL-2.99"] => [CursorStability, MonotonicAtomicView]
    /// Transactions that write are serializable, and each that reads only sees one of their orders.
    UpdateSerializable "update-serializable" ["PL-3U"] => [ForwardConsistentView]
    /// No transaction misses what it depends on, nor what came between.
    ForwardConsistentView "forward-consistent-view" ["PL-FCV"] => [ConsistentView]
    /// No transaction misses part of what it depends on.
    ConsistentView "consistent-view" ["PL-2+"] => [CursorStability, MonotonicView]
    /// Snapshots that need not be ordered, without lost updates.
    ParallelSnapshotIsolation "parallel-snapshot-isolation" ["PSI"] => [CausalCerone, UpdateAtomic]
    /// Snapshots that are ordered.
    Prefix "prefix" [] => [CausalCerone]
    /// What a transaction sees includes what that had seen and what its session had done. (Biswas & Enea, 2019.)
    Causal "causal" [] => [CausalCerone, SessionReadAtomic, Pram, WritesFollowReads]
    /// Of what a transaction reads from, and of its session, it sees everything. (Read atomic of Biswas & Enea, 2019.)
    SessionReadAtomic "session-read-atomic" [] => [ReadAtomic, SessionReadCommitted]
    /// What a transaction sees includes what that had seen.
    CausalCerone "causal-cerone" [] => [ReadAtomic]
    /// Read atomic without lost updates.
    UpdateAtomic "update-atomic" [] => [ReadAtomic]
    /// All of a transaction's writes are seen, or none.
    ReadAtomic "read-atomic" [] => [MonotonicAtomicView]
    /// Reads of one transaction never go back behind what it read from before. (Read committed of Biswas & Enea, 2019.)
    SessionReadCommitted "session-read-committed" [] => [StrongSessionReadCommitted]
    /// An object that was read with a cursor is not written over before that lets go.
    CursorStability "cursor-stability" ["PL-CS"] => [ReadCommitted]
    /// Each read is of a snapshot that is not older than the last.
    MonotonicSnapshotRead "monotonic-snapshot-read" ["PL-MSR"] => [MonotonicView]
    /// What a transaction sees never shrinks.
    MonotonicView "monotonic-view" ["PL-2L"] => [ReadCommitted]
    /// Once something of a transaction was seen, all of it is.
    MonotonicAtomicView "monotonic-atomic-view" ["MAV"] => [ReadCommitted]
    /// Read committed, where real time counts.
    StrongReadCommitted "strong-read-committed" ["strong-PL-2"] => [StrongSessionReadCommitted, StrongReadUncommitted]
    /// Read committed, where the order of each process counts.
    StrongSessionReadCommitted "strong-session-read-committed" ["strong-session-PL-2"] => [ReadCommitted, StrongSessionReadUncommitted]
    /// What a process did, others see in that order. (Pipelined random access memory.)
    Pram "pram" [] => [MonotonicReads, MonotonicWrites, ReadYourWrites]
    /// No read of a process is of an earlier version than an earlier read.
    MonotonicReads "monotonic-reads" [] => []
    /// No write of a process goes before an earlier one.
    MonotonicWrites "monotonic-writes" [] => []
    /// No read of a process is of an earlier version than what it wrote.
    ReadYourWrites "read-your-writes" [] => []
    /// No write of a process goes before what it had read.
    WritesFollowReads "writes-follow-reads" [] => []
    /// Reads are of what was committed.
    ReadCommitted "read-committed" ["PL-2"] => [ReadUncommitted]
    /// Read uncommitted, where real time counts.
    StrongReadUncommitted "strong-read-uncommitted" ["strong-PL-1"] => [StrongSessionReadUncommitted]
    /// Read uncommitted, where the order of each process counts.
    StrongSessionReadUncommitted "strong-session-read-uncommitted" ["strong-session-PL-1"] => [ReadUncommitted]
    /// Writes of transactions are not interleaved.
    ReadUncommitted "read-uncommitted" ["PL-1"] => []
}

/// A set of models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels(u64);

impl Levels {
    /// Whether it has `level`.
    pub fn contains(self, level: Level) -> bool {
        self.0 & 1 << level as u64 != 0
    }

    /// Adds `level`.
    pub fn insert(&mut self, level: Level) {
        self.0 |= 1 << level as u64;
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that it has, strongest first.
    pub fn iter(self) -> impl Iterator<Item = Level> {
        Level::ALL.iter().copied().filter(move |level| self.contains(*level))
    }

    /// With every model that implies one of these.
    pub fn and_stronger(mut self) -> Self {
        // The weakest come last, and no model stands before one that implies it.
        for level in Level::ALL.iter().rev() {
            if level.implies().iter().any(|weaker| self.contains(*weaker)) {
                self.insert(*level);
            }
        }
        self
    }

    /// Without those that follow from others: the weakest.
    pub fn weakest(self) -> Self {
        let follows = |level: &Level| level.implies().iter().any(|weaker| self.and_stronger().contains(*weaker));
        self.iter().filter(|level| !follows(level)).collect()
    }
}

impl FromIterator<Level> for Levels {
    fn from_iter<I: IntoIterator<Item = Level>>(levels: I) -> Self {
        let mut set = Self::default();
        levels.into_iter().for_each(|level| set.insert(level));
        set
    }
}

impl Level {
    /// The model of this name or alias.
    pub fn named(name: &str) -> Option<Self> {
        let is_called = |level: &&Self| {
            let mut names = level.aliases().iter().copied().chain([level.name()]);
            names.any(|known| known.eq_ignore_ascii_case(name))
        };
        Self::ALL.iter().find(is_called).copied()
    }

    /// Whether it holds wherever `self` holds.
    pub fn is_at_least(self, weaker: Self) -> bool {
        Levels::from_iter([weaker]).and_stronger().contains(self)
    }

    /// The weak level that this is, if it is one.
    pub fn weak(self) -> Option<Weak> {
        match self {
            Self::SessionReadCommitted => Some(Weak::ReadCommitted),
            Self::SessionReadAtomic => Some(Weak::ReadAtomic),
            Self::Causal => Some(Weak::Causal),
            _ => None,
        }
    }

    /// Whether it is one of what sessions are promised, or all of that.
    pub fn is_guarantee(self) -> bool {
        matches!(
            self,
            Self::Pram | Self::MonotonicReads | Self::MonotonicWrites | Self::ReadYourWrites | Self::WritesFollowReads
        )
    }

    /// The order that it respects beside what transactions see of each other.
    pub fn relation(self) -> Relation {
        if self.is_at_least(Self::StrongReadUncommitted) {
            Relation::Realtime
        } else if self.is_guarantee() || self.is_at_least(Self::StrongSessionReadUncommitted) {
            Relation::Process
        } else {
            Relation::Plain
        }
    }
}

impl Phenomenon {
    /// The models that it rules out by itself; what it implies rules out more.
    fn rules_out_directly(self) -> &'static [Level] {
        use Level as L;
        match self {
            Self::GarbageRead | Self::DuplicateElements | Self::CyclicVersions => &[L::ReadUncommitted],
            Self::G1a => &[L::ReadCommitted, L::ReadAtomic],
            Self::G1b | Self::DirtyUpdate | Self::IncompatibleOrder => &[L::ReadCommitted],
            Self::FutureRead => &[L::ReadCommitted, L::ReadAtomic],
            Self::Internal => &[L::ReadAtomic],
            Self::LostUpdate => &[L::CursorStability, L::UpdateAtomic, L::RepeatableRead],
            Self::Broken(Guarantee::MonotonicReads) => &[L::MonotonicReads],
            Self::Broken(Guarantee::MonotonicWrites) => &[L::MonotonicWrites],
            Self::Broken(Guarantee::ReadYourWrites) => &[L::ReadYourWrites],
            Self::Broken(Guarantee::WritesFollowReads) => &[L::WritesFollowReads],
            Self::PredicateReadMiss | Self::PredicateReadExtra => &[L::Serializable],
            Self::LongFork => &[L::Prefix],
            Self::CausalReverse => &[],
            Self::CommitCycle(Weak::ReadCommitted) => &[L::SessionReadCommitted],
            Self::CommitCycle(Weak::ReadAtomic) => &[L::SessionReadAtomic],
            Self::CommitCycle(Weak::Causal) => &[L::Causal],
            Self::Cycle(cyclic) | Self::CycleExists(cyclic) => cyclic.rules_out(),
        }
    }

    /// All models that cannot hold where this was seen.
    pub fn rules_out(self) -> Levels {
        let mut levels: Levels = self.rules_out_directly().iter().copied().collect();
        for implied in self.implies() {
            levels = implied.rules_out().iter().chain(levels.iter()).collect();
        }
        levels.and_stronger()
    }
}

impl Cyclic {
    fn rules_out(self) -> &'static [Level] {
        use Level as L;
        match (self.shape, self.relation) {
            (Shape::G0, Relation::Plain) => &[L::ReadUncommitted],
            (Shape::G0, Relation::Process) => &[L::StrongSessionReadUncommitted],
            (Shape::G0, Relation::Realtime) => &[L::StrongReadUncommitted],
            (Shape::G1c, Relation::Plain) => &[L::ReadCommitted],
            (Shape::G1c, Relation::Process) => &[L::StrongSessionReadCommitted],
            (Shape::G1c, Relation::Realtime) => &[L::StrongReadCommitted],
            (Shape::GSingleItem | Shape::GSingle, Relation::Plain) => &[L::ConsistentView],
            (Shape::GNonadjacentItem | Shape::GNonadjacent, Relation::Plain) => &[L::SnapshotIsolation],
            (
                Shape::GSingleItem | Shape::GSingle | Shape::GNonadjacentItem | Shape::GNonadjacent,
                Relation::Process,
            ) => &[L::StrongSessionSnapshotIsolation],
            (
                Shape::GSingleItem | Shape::GSingle | Shape::GNonadjacentItem | Shape::GNonadjacent,
                Relation::Realtime,
            ) => &[L::StrongSnapshotIsolation],
            (Shape::G2Item, Relation::Plain) => &[L::RepeatableRead],
            (Shape::G2, Relation::Plain) => &[L::Serializable],
            (Shape::G2Item | Shape::G2, Relation::Process) => &[L::StrongSessionSerializable],
            (Shape::G2Item | Shape::G2, Relation::Realtime) => &[L::StrictSerializable],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(levels: Levels) -> String {
        levels.iter().map(Level::name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn no_model_stands_before_one_that_implies_it() {
        for (at, level) in Level::ALL.iter().enumerate() {
            let later = &Level::ALL[at + 1..];
            assert!(level.implies().iter().all(|weaker| later.contains(weaker)), "{level:?}");
        }
    }

    #[test]
    fn every_model_implies_read_uncommitted_and_follows_from_the_strictest() {
        for level in Level::ALL {
            assert!(level.is_guarantee() || level.is_at_least(Level::ReadUncommitted));
            assert!(Level::StrictSerializable.is_at_least(*level));
        }
        assert!(!Level::SnapshotIsolation.is_at_least(Level::RepeatableRead));
        assert!(!Level::RepeatableRead.is_at_least(Level::ReadAtomic));
    }

    #[test]
    fn names_are_found_with_their_aliases() {
        assert_eq!(Level::named("pl-2.99"), Some(Level::RepeatableRead));
        assert_eq!(Level::named("serializable"), Some(Level::Serializable));
        assert_eq!(Level::named("serialisable"), None);
    }

    #[test]
    fn the_weakest_models_that_are_ruled_out_are_told() {
        let weakest = |phenomenon: Phenomenon| names(phenomenon.rules_out().weakest());
        let cycle = |shape, relation| Phenomenon::Cycle(Cyclic { shape, relation });
        assert_eq!(weakest(Phenomenon::G1a), "read-committed");
        assert_eq!(weakest(Phenomenon::Internal), "read-atomic");
        assert_eq!(weakest(Phenomenon::LostUpdate), "update-atomic cursor-stability");
        assert_eq!(weakest(cycle(Shape::GSingleItem, Relation::Plain)), "repeatable-read consistent-view");
        assert_eq!(weakest(cycle(Shape::G2Item, Relation::Plain)), "repeatable-read");
        assert_eq!(weakest(cycle(Shape::GSingleItem, Relation::Realtime)), "strong-snapshot-isolation");
        assert_eq!(weakest(cycle(Shape::GSingle, Relation::Plain)), "consistent-view");
        assert_eq!(weakest(cycle(Shape::GNonadjacent, Relation::Plain)), "snapshot-isolation");
        assert_eq!(weakest(cycle(Shape::G2, Relation::Plain)), "serializable");
        assert_eq!(weakest(cycle(Shape::G2, Relation::Process)), "strong-session-serializable");
        assert_eq!(weakest(Phenomenon::PredicateReadMiss), "serializable");
    }

    #[test]
    fn a_model_respects_the_order_that_its_name_says() {
        assert_eq!(Level::StrictSerializable.relation(), Relation::Realtime);
        assert_eq!(Level::StrongSessionSnapshotIsolation.relation(), Relation::Process);
        assert_eq!(Level::Serializable.relation(), Relation::Plain);
    }
}
