//! What of a campaign's violations is looked at: minimizing takes hundreds of runs, and to recognize what is known tens. A bug that
//! shows in every tenth run would leave no time to find another one.

use std::collections::BTreeMap;

use crate::kind::Kind;

/// Findings of one kind that a campaign minimizes; later ones are only counted.
const MINIMIZED_MAX: u32 = 10;
/// When so many violations of one kind in a row were known, one of as many is still looked at.
const KNOWN_MAX: u64 = 100;

/// What came of the violations of each kind.
#[derive(Debug, Default)]
pub(super) struct Attention(BTreeMap<Kind, Dealt>);

#[derive(Debug, Default)]
struct Dealt {
    minimized: u32,
    known_in_a_row: u64,
    passed_over: u64,
}

impl Attention {
    /// Whether to look at one more violation of this kind.
    pub(super) fn is_due(&mut self, kind: &Kind) -> bool {
        let dealt = self.0.entry(kind.clone()).or_default();
        if dealt.minimized >= MINIMIZED_MAX {
            return false;
        }
        if dealt.known_in_a_row < KNOWN_MAX {
            return true;
        }
        dealt.passed_over += 1;
        dealt.passed_over.is_multiple_of(KNOWN_MAX)
    }

    /// It was known.
    pub(super) fn known(&mut self, kind: &Kind) {
        self.0.entry(kind.clone()).or_default().known_in_a_row += 1;
    }

    /// It is minimized, as what may be new.
    pub(super) fn minimized(&mut self, kind: &Kind) {
        let dealt = self.0.entry(kind.clone()).or_default();
        dealt.minimized += 1;
        dealt.known_in_a_row = 0;
    }

    /// Whether one of this kind was minimized.
    pub(super) fn has_minimized(&self, kind: &Kind) -> bool {
        self.0.get(kind).is_some_and(|dealt| dealt.minimized > 0)
    }

    /// Why some were only counted, for people.
    pub(super) fn rule() -> String {
        format!(
            "{MINIMIZED_MAX} of a kind are minimized; of a kind of which {KNOWN_MAX} in a row were known, one of {KNOWN_MAX} is looked at"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Attention, KNOWN_MAX, MINIMIZED_MAX};
    use crate::kind::Kind;

    fn kind(name: &str) -> Kind {
        Kind { class: "safety".to_string(), name: name.to_string(), answered_by: None }
    }

    #[test]
    fn what_is_always_known_is_looked_at_seldom_until_one_of_it_is_not() {
        let (mut attention, often, other) = (Attention::default(), kind("stale-read"), kind("lost-write"));
        let looked = |attention: &mut Attention, kind| {
            let due = attention.is_due(kind);
            if due {
                attention.known(kind);
            }
            u64::from(due)
        };
        let all: u64 = (0..11 * KNOWN_MAX).map(|_| looked(&mut attention, &often)).sum();
        assert_eq!(all, KNOWN_MAX + 10);
        assert_eq!(looked(&mut attention, &other), 1, "each kind has its own count");
        attention.minimized(&often);
        assert_eq!(looked(&mut attention, &often), 1, "there may be more that is new");
    }

    #[test]
    fn ten_of_a_kind_are_minimized() {
        let (mut attention, kind) = (Attention::default(), kind("stale-read"));
        assert!(!attention.has_minimized(&kind));
        for _ in 0..MINIMIZED_MAX {
            assert!(attention.is_due(&kind));
            attention.minimized(&kind);
        }
        assert!(attention.has_minimized(&kind) && !attention.is_due(&kind));
    }
}
