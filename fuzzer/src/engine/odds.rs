//! What a campaign learns about which faults and triggers lead to something new, so that its mutants have more of those: a bandit
//! whose arms are kinds. What was long ago counts less and less, as what is new changes.

use std::collections::BTreeMap;

use murphy_schedule::{
    FaultKind, Schedule, Step,
    mutate::{TRIGGERS, trigger},
    vocabulary::Odds,
};

/// Mutants after which all that was counted counts half.
const HALF_LIFE: u32 = 8192;
/// Mutants between two looks at the counts.
const LOOK: u32 = 256;
/// A kind is taken for an average one until so many steps were tried.
const PATIENCE: u64 = 64;
/// How much seldomer and oftener than its weight says a kind is drawn at most, in [`Odds::EVEN`]ths.
const LEAST: u64 = Odds::EVEN / 4;
const MOST: u64 = Odds::EVEN * 8;

/// Steps that were tried, and those of them that were in a schedule that is kept.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    tried: u64,
    kept: u64,
}

/// The counts of a campaign.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    faults: BTreeMap<FaultKind, Count>,
    triggers: [Count; TRIGGERS],
    all: Count,
    mutants: u32,
}

impl Learned {
    /// Counts the steps of `mutant` that `parent` does not have, and those of them that are in `kept`, if it was kept. Returns new odds
    /// from time to time.
    pub(crate) fn count(&mut self, parent: &Schedule, mutant: &Schedule, kept: Option<&Schedule>) -> Option<Odds> {
        let is_new = |step: &&Step| !parent.steps.contains(step);
        for step in mutant.steps.iter().filter(is_new) {
            self.add(step, Count { tried: 1, kept: 0 });
        }
        for step in kept.iter().flat_map(|kept| &kept.steps).filter(is_new) {
            self.add(step, Count { tried: 0, kept: 1 });
        }
        self.mutants += 1;
        if self.mutants.is_multiple_of(HALF_LIFE) {
            self.fade();
        }
        self.mutants.is_multiple_of(LOOK).then(|| self.odds())
    }

    fn add(&mut self, step: &Step, count: Count) {
        let trigger = trigger(&step.when).map(|at| &mut self.triggers[at]);
        let fault = self.faults.entry(step.fault.kind()).or_default();
        for counted in [Some(fault), trigger, Some(&mut self.all)].into_iter().flatten() {
            counted.tried += count.tried;
            counted.kept += count.kept;
        }
    }

    fn fade(&mut self) {
        for count in self.faults.values_mut().chain(&mut self.triggers).chain([&mut self.all]) {
            count.tried /= 2;
            count.kept /= 2;
        }
    }

    fn odds(&self) -> Odds {
        let odds = |count: &Count| self.against_average(*count);
        Odds {
            faults: self.faults.iter().map(|(kind, count)| (*kind, odds(count))).collect(),
            triggers: self.triggers.iter().map(odds).collect(),
        }
    }

    /// How much oftener than an average step one of this kind is kept.
    fn against_average(&self, count: Count) -> u64 {
        let all = Count { tried: self.all.tried.max(1), kept: self.all.kept.max(1) };
        // As if an average kind had been tried a few times more.
        let (tried, kept) = ((count.tried + PATIENCE) * all.kept, count.kept * all.tried + PATIENCE * all.kept);
        (Odds::EVEN * kept / tried).clamp(LEAST, MOST)
    }
}
