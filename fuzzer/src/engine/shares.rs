//! Which arm has the next turn: the more often an arm found something new lately, the oftener. A bandit whose arms are those of the
//! ensemble.
//!
//! On `raft-kv` and `isr-log`, with fixed shares, of the second thousand schedules those that are drawn are worth keeping one to three
//! times as often as those that are changed; from about the sixteen thousandth on hardly any drawn one is, and one of a hundred
//! changed ones. So neither a bug that luck finds soon waits for guidance, nor one that luck never finds for luck.

use std::collections::BTreeMap;

use murphy_schedule::Dice;

use super::recipe::{Arm, Turn};

/// Executions of an arm after which all that was counted of it counts half.
const HALF_LIFE: u64 = 512;
/// An arm that found nothing is taken for one that found something once in so many more executions.
const DOUBT: u64 = 64;
/// What a certain find weighs.
const CERTAIN: u64 = 1 << 16;

/// What came of the executions of one arm.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    tried: u64,
    kept: u64,
}

/// The counts of a campaign.
#[derive(Debug, Default)]
pub(crate) struct Shares(BTreeMap<Arm, Count>);

impl Shares {
    /// The arm that has this turn.
    pub(crate) fn arm(&self, turn: Turn, dice: &mut Dice) -> Arm {
        match turn {
            Turn::Of(arm) => arm,
            Turn::Free => self.draw(dice),
        }
    }

    fn draw(&self, dice: &mut Dice) -> Arm {
        let weights = Arm::ALL.map(|arm| self.weight(arm));
        let mut left = dice.below(weights.iter().sum());
        let drawn = Arm::ALL.into_iter().zip(weights).find(|(_, weight)| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        });
        drawn.expect("less than the sum of all weights was drawn").0
    }

    /// Counts an execution of `arm`, and whether its schedule was kept.
    pub(crate) fn count(&mut self, arm: Arm, kept: bool) {
        let count = self.0.entry(arm).or_default();
        count.tried += 1;
        count.kept += u64::from(kept);
        if count.tried >= HALF_LIFE {
            *count = Count { tried: count.tried / 2, kept: count.kept / 2 };
        }
    }

    /// The square of how often it found something, so that little better is enough to be had much oftener.
    fn weight(&self, arm: Arm) -> u64 {
        let Count { tried, kept } = self.0.get(&arm).copied().unwrap_or_default();
        let share = CERTAIN * (1 + DOUBT * kept) / (DOUBT * (1 + tried));
        (share * share).max(1)
    }
}

#[cfg(test)]
mod tests {
    use murphy_schedule::Dice;

    use super::{Arm, Shares, Turn};

    /// How many of a thousand free turns each arm has.
    fn free_turns(shares: &Shares) -> [usize; 4] {
        let mut dice = Dice::new(1);
        let arms: Vec<Arm> = (0..1000).map(|_| shares.arm(Turn::Free, &mut dice)).collect();
        Arm::ALL.map(|arm| arms.iter().filter(|other| **other == arm).count())
    }

    #[test]
    fn who_finds_something_has_the_free_turns_until_another_finds_more() {
        let mut shares = Shares::default();
        assert!(free_turns(&shares).into_iter().all(|turns| turns > 200), "nothing is known yet");
        let finds = |shares: &mut Shares, finder: Arm| {
            for execution in 0..2000 {
                Arm::ALL.into_iter().for_each(|arm| shares.count(arm, arm == finder && execution % 20 == 0));
            }
        };
        finds(&mut shares, Arm::Pct);
        assert!(free_turns(&shares)[Arm::Pct as usize] > 950);
        finds(&mut shares, Arm::Guided);
        assert!(free_turns(&shares)[Arm::Guided as usize] > 800, "{:?}", free_turns(&shares));
        assert_eq!(shares.arm(Turn::Of(Arm::Swarm), &mut Dice::new(1)), Arm::Swarm);
    }
}
