//! Where schedules come from: those of the blind arms from nothing, those of the guided one from an entry of the corpus. What is done
//! to a schedule is `murphy_schedule::mutate`'s affair.

use libafl::state::HasRand;
use libafl_bolts::rands::Rand;
use murphy_schedule::{
    Dice, Schedule, Vocabulary,
    mutate::{self, Prefix},
    vocabulary::Odds,
};

use super::{
    input::ScheduleInput,
    recipe::{Arm, Recipe},
};

/// A mutant is one, two, four or eight mutations away from its parent. One alone tries too little that is new: it took 1.6 to
/// 1.9 times as many executions to the planted bugs of `echo` and `raft-kv`.
const DOUBLINGS: u64 = 4;

/// Draws schedules and changes them.
pub(crate) struct StepMutator {
    vocabulary: Vocabulary,
    /// The same with what was learned, for mutants.
    favoured: Vocabulary,
}

impl StepMutator {
    pub(crate) fn new(mut vocabulary: Vocabulary, recipe: &Recipe) -> Self {
        if !recipe.facts {
            vocabulary = vocabulary.without_facts();
        }
        Self { favoured: vocabulary.clone(), vocabulary }
    }

    /// Mutants have such faults and triggers more often from now on.
    pub(crate) fn favour(&mut self, odds: Odds) {
        self.favoured.odds = odds;
    }

    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// A schedule that owes nothing to any other.
    pub(crate) fn draw(&self, arm: Arm, state: &mut impl HasRand) -> ScheduleInput {
        let dice = &mut Dice::new(state.rand_mut().next());
        ScheduleInput(match arm {
            Arm::Guided | Arm::Swarm => mutate::random(&self.vocabulary, dice),
            Arm::Pct => mutate::pct(&self.vocabulary, dice),
            Arm::Random => mutate::uniform(&self.vocabulary, dice),
        })
    }

    /// A changed copy of `parent`.
    pub(crate) fn mutant(&self, parent: &Schedule, donor: Option<&Schedule>, dice: &mut Dice) -> ScheduleInput {
        let mut mutant = parent.clone();
        for _ in 0..1_u64 << dice.below(DOUBLINGS) {
            mutate::mutate(&mut mutant, donor, &self.favoured, dice);
        }
        ScheduleInput(mutant)
    }

    /// Another continuation of what an entry begins with.
    pub(crate) fn continuation(&self, prefix: &Prefix, donor: Option<&Schedule>, dice: &mut Dice) -> ScheduleInput {
        let rounds = 1 << dice.below(DOUBLINGS);
        ScheduleInput(prefix.follow(rounds, donor, &self.favoured, dice))
    }
}
