//! The mutation of schedules as a mutator of LibAFL. What it does to a schedule is `murphy_schedule::mutate`'s affair.

use std::borrow::Cow;

use libafl::{
    Error,
    corpus::{Corpus, CorpusId},
    mutators::{MutationResult, Mutator},
    state::{HasCorpus, HasRand},
};
use libafl_bolts::{Named, rands::Rand};
use murphy_schedule::{Dice, Vocabulary, mutate};

use super::input::ScheduleInput;

/// A mutant is one, two, four or eight mutations away from its parent. One alone tries too little that is new: it took 1.6 to
/// 1.9 times as many executions to the planted bugs of `echo` and `raft-kv`.
const DOUBLINGS: u64 = 4;

/// Changes a schedule a little, sometimes with parts of another entry of the corpus.
pub(crate) struct StepMutator {
    vocabulary: Vocabulary,
}

impl StepMutator {
    pub(crate) fn new(vocabulary: Vocabulary) -> Self {
        Self { vocabulary }
    }

    /// A schedule that owes nothing to any other.
    pub(crate) fn draw(&self, state: &mut impl HasRand) -> ScheduleInput {
        ScheduleInput(mutate::random(&self.vocabulary, &mut Dice::new(state.rand_mut().next())))
    }
}

impl<S: HasCorpus<ScheduleInput> + HasRand> Mutator<ScheduleInput, S> for StepMutator {
    fn mutate(&mut self, state: &mut S, input: &mut ScheduleInput) -> Result<MutationResult, Error> {
        let mut dice = Dice::new(state.rand_mut().next());
        // Not LibAFL's `random_corpus_id!`, which is unsafe code where debug assertions are off.
        let count = state.corpus().count();
        let id = state.corpus().nth(dice.below(count as u64) as usize);
        let donor = state.corpus().get(id)?.borrow();
        let donor = donor.input().as_ref().map(|donor| &donor.0);
        for _ in 0..1_u64 << dice.below(DOUBLINGS) {
            mutate::mutate(&mut input.0, donor, &self.vocabulary, &mut dice);
        }
        Ok(MutationResult::Mutated)
    }

    fn post_exec(&mut self, _: &mut S, _: Option<CorpusId>) -> Result<(), Error> {
        Ok(())
    }
}

impl Named for StepMutator {
    fn name(&self) -> &Cow<'static, str> {
        &Cow::Borrowed("steps")
    }
}
