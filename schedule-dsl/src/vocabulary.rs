//! The words of one target: what a schedule for it can name.
//!
//! A hash that names nothing takes the next name on the ring of hashes, so that every mutation means something.

use std::collections::BTreeMap;

use crate::{fault::FaultKind, field::Change, name::Name};

/// One sort of names: their spellings, and the ring of their hashes.
#[derive(Clone, Debug, Default)]
pub struct Names {
    spellings: Vec<String>,
    ring: Vec<(Name, u16)>,
}

impl Names {
    /// The names `spellings`, in the order in which their indices are meant.
    ///
    /// # Panics
    /// If two of them have one hash: rename one.
    pub fn new<S: Into<String>>(spellings: impl IntoIterator<Item = S>) -> Self {
        let spellings: Vec<String> = spellings.into_iter().map(Into::into).collect();
        let mut ring: Vec<(Name, u16)> = (0u16..).zip(&spellings).map(|(i, s)| (Name::of(s), i)).collect();
        ring.sort_unstable();
        for pair in ring.windows(2) {
            let [(a, i), (b, j)] = [pair[0], pair[1]];
            assert!(a != b, "`{}` and `{}` have one hash: rename one", spellings[i as usize], spellings[j as usize]);
        }
        Self { spellings, ring }
    }

    /// The index of `name`, or of the next name on the ring; `None` if there are no names at all.
    pub fn resolve(&self, name: Name) -> Option<usize> {
        let at = self.ring.partition_point(|(hash, _)| *hash < name);
        self.ring.get(at).or(self.ring.first()).map(|(_, index)| usize::from(*index))
    }

    /// The index of exactly `name`.
    pub fn exact(&self, name: Name) -> Option<usize> {
        self.ring.binary_search_by_key(&name, |(hash, _)| *hash).ok().map(|at| usize::from(self.ring[at].1))
    }

    /// The spellings, by index.
    pub fn spellings(&self) -> &[String] {
        &self.spellings
    }

    /// The hash of the name at `index`.
    pub fn name(&self, index: usize) -> Name {
        Name::of(&self.spellings[index])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spellings.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }
}

/// What a schedule for one target can name.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// Fewest and most nodes.
    pub nodes: (u8, u8),
    /// Nodes beside them that are no members at first.
    pub spares: u8,
    /// Kinds of messages.
    pub kinds: Names,
    /// Roles that nodes take.
    pub roles: Names,
    /// Marks in the target's code.
    pub marks: Names,
    /// Those of them that are rare branches, which a step can switch on.
    pub sites: Names,
    /// What clients can be doing.
    pub workloads: Names,
    /// Functions of the workloads: `read`, `write`.
    pub functions: Names,
    /// Files and logs that faults of a disk can name.
    pub files: Names,
    /// Names of the timing constants.
    pub constants: Names,
    /// Their lengths in microseconds, by index.
    pub constant_micros: Vec<u32>,
    /// The kinds of faults that the simulator carries out for this target; others are not drawn.
    pub faults: Vec<FaultKind>,
    /// What an operator can ask of the target; empty: everything. Nothing else is drawn.
    pub changes: Vec<Change>,
    /// Length of the chaos phase where a schedule leaves it open, in microseconds.
    pub chaos_micros: u32,
    /// Steps that are drawn begin at times and with other steps only.
    pub times_only: bool,
    /// How much oftener than usual faults and triggers are drawn.
    pub odds: Odds,
}

/// How much oftener kinds of faults and triggers are drawn than their weights say, in sixteenths. As a campaign learns it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Odds {
    /// By kind; those that are not there are drawn as their weights say.
    pub faults: BTreeMap<FaultKind, u64>,
    /// By sort of trigger, in the order of [`crate::mutate::trigger`]; empty: as their weights say.
    pub triggers: Vec<u64>,
}

impl Odds {
    /// The odds of what is drawn as its weight says.
    pub const EVEN: u64 = 16;
}

impl Vocabulary {
    /// The same words for schedules that know nothing of what happens in a run: steps wait for no fact, and name no role. It is
    /// there to be compared with.
    pub fn without_facts(self) -> Self {
        Self { roles: Names::default(), times_only: true, ..self }
    }

    /// Every spelling by its hash, for printing.
    pub fn spellings(&self) -> BTreeMap<Name, String> {
        [&self.kinds, &self.roles, &self.marks, &self.workloads, &self.functions, &self.files, &self.constants]
            .into_iter()
            .flat_map(|names| names.spellings())
            .map(|spelling| (Name::of(spelling), spelling.clone()))
            .collect()
    }
}
