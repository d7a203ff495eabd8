//! How a campaign comes to its next schedule: the arms of the ensemble and their shares, and what guidance may use. Whoever runs a
//! campaign for its findings takes [`Recipe::ENSEMBLE`]; the others exist to be compared with it.

/// A way to come to a schedule. All share the vocabulary, the simulator and the checkers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Arm {
    /// Changes a schedule that reached something rare.
    Guided,
    /// Draws one with some kinds of faults and triggers, another choice each time (Groce et al., 2012).
    Swarm,
    /// Draws one whose messages come in an order of priorities with a few changes (Burckhardt et al., 2010).
    Pct,
    /// Draws one with all of them.
    Random,
}

impl Arm {
    /// Every arm.
    pub(crate) const ALL: [Self; 4] = [Self::Guided, Self::Swarm, Self::Pct, Self::Random];
}

/// Whose turn an execution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// That of this arm.
    Of(Arm),
    /// That of the arm that found something new most often lately, mostly.
    Free,
}

/// How a campaign searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// What it is called in tables.
    pub(crate) name: &'static str,
    /// Whose turns successive executions are, over and over.
    pub(crate) turns: &'static [Turn],
    /// New states are worth keeping.
    pub(crate) states: bool,
    /// Marks are worth hitting.
    pub(crate) marks: bool,
    /// New entries are picked before others.
    pub(crate) newest: bool,
    /// Mutants change what follows the moment that made their parent worth keeping; else all of it.
    pub(crate) returns: bool,
    /// Mutants run from a snapshot of that moment, where a target's nodes can be copied.
    pub(crate) snapshots: bool,
    /// Steps can wait for what happens, and strike whoever plays a role; else only for times, and numbers of nodes.
    pub(crate) facts: bool,
    /// Mutants take steps from other entries.
    pub(crate) splice: bool,
    /// Random numbers belong to what they are drawn for; else each depends on how many were drawn before.
    pub(crate) keyed: bool,
}

const GUIDED: Turn = Turn::Of(Arm::Guided);
const SWARM: Turn = Turn::Of(Arm::Swarm);
const PCT: Turn = Turn::Of(Arm::Pct);
const RANDOM: Turn = Turn::Of(Arm::Random);

/// One execution of four is blind, for ever, so that guidance is never much worse than luck, and three of sixteen are guided, so that it
/// is known what that is worth. The others are free.
const TURNS: [Turn; 16] = with_floor(Turn::Free);
/// The others are guided from the first on.
const FIXED: [Turn; 16] = with_floor(GUIDED);

const fn with_floor(turn: Turn) -> [Turn; 16] {
    let mut turns = [turn; 16];
    (turns[0], turns[4], turns[8], turns[12]) = (SWARM, PCT, SWARM, RANDOM);
    (turns[2], turns[7], turns[11]) = (GUIDED, GUIDED, GUIDED);
    turns
}

impl Recipe {
    /// All arms, and all that guidance has.
    pub(crate) const ENSEMBLE: Self = Self {
        name: "guided",
        turns: &TURNS,
        states: true,
        marks: true,
        newest: true,
        returns: true,
        snapshots: true,
        facts: true,
        splice: true,
        keyed: true,
    };
    const BLIND: Self = Self { returns: false, snapshots: false, ..Self::ENSEMBLE };

    /// Every recipe that is compared: the ensemble, the blind arms each alone, and the ensemble without one of its means each.
    pub(crate) const ALL: [Self; 14] = [
        Self::ENSEMBLE,
        Self { name: "swarm", turns: &[SWARM], ..Self::BLIND },
        Self { name: "pct", turns: &[PCT], ..Self::BLIND },
        Self { name: "random", turns: &[RANDOM], ..Self::BLIND },
        Self { name: "no-states", states: false, ..Self::ENSEMBLE },
        Self { name: "no-marks", marks: false, ..Self::ENSEMBLE },
        Self { name: "no-newest", newest: false, ..Self::ENSEMBLE },
        Self { name: "no-returns", returns: false, snapshots: false, ..Self::ENSEMBLE },
        Self { name: "no-snapshots", snapshots: false, ..Self::ENSEMBLE },
        Self { name: "no-facts", facts: false, ..Self::ENSEMBLE },
        Self { name: "no-splice", splice: false, ..Self::ENSEMBLE },
        Self { name: "no-floor", turns: &[GUIDED], ..Self::ENSEMBLE },
        Self { name: "fixed", turns: &FIXED, ..Self::ENSEMBLE },
        Self { name: "streams", keyed: false, ..Self::ENSEMBLE },
    ];

    /// The recipe of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|recipe| recipe.name == name)
    }

    /// Whether each execution owes nothing to those before it: nothing is kept then, and parts of one stream add up.
    pub(crate) fn is_memoryless(&self) -> bool {
        !self.turns.iter().any(|turn| matches!(turn, Turn::Of(Arm::Guided) | Turn::Free))
    }
}
