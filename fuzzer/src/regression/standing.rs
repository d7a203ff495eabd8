//! What the fate of a finding means, given what people decided about it.

use super::Fate;
use crate::triage::{Decided, Decision};

/// How a finding stands. In this order they are listed: what is to be looked at first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Two runs of it differ: nothing else that Murphy says of this target can be trusted.
    Nondeterministic,
    /// It was fixed, and fails again.
    Reopened,
    /// It fails, and nobody has decided anything.
    Undecided,
    /// It fails, as people know: it has an issue, or is expected.
    Known,
    /// Its run gave no verdict, which is not a pass.
    Inconclusive,
    /// Its schedule does not apply any more.
    Stale,
    /// It passes, and nobody has said yet that it is fixed.
    LooksFixed,
    /// It is fixed, and passes.
    Holds,
}

impl Standing {
    /// How a finding stands of which this became, and this was decided.
    pub fn of(decision: &Decision, fate: &Fate) -> Self {
        let promised = decision.status.is_promise();
        match fate {
            _ if decision.status == Decided::Flaky => Self::Known,
            Fate::Nondeterministic => Self::Nondeterministic,
            Fate::Fails(_) | Fate::FailsOtherwise(_) if promised => Self::Reopened,
            Fate::Fails(_) | Fate::FailsOtherwise(_) if decision.status == Decided::New => Self::Undecided,
            Fate::Fails(_) | Fate::FailsOtherwise(_) => Self::Known,
            Fate::Unknown(_) => Self::Inconclusive,
            Fate::Stale(_) => Self::Stale,
            Fate::Fixed if promised => Self::Holds,
            Fate::Fixed => Self::LooksFixed,
        }
    }

    /// Whether a test of it fails.
    pub fn is_red(self) -> bool {
        matches!(self, Self::Nondeterministic | Self::Reopened | Self::Undecided | Self::Inconclusive)
    }

    /// How it stands, in a few words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nondeterministic => "nondeterminism",
            Self::Reopened => "reopened",
            Self::Undecided => "fails",
            Self::Known => "known",
            Self::Inconclusive => "inconclusive",
            Self::Stale => "stale",
            Self::LooksFixed => "looks fixed",
            Self::Holds => "ok",
        }
    }
}
