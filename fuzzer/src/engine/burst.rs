//! Some mutants of one entry, one after another: first return, then explore (Ecoffet, Huizinga, Lehman, Stanley, Clune, 2021).
//!
//! To have a moment of an entry's run again, all steps that had begun by then stay, and what the mutants change comes later. So
//! what it took to get there is not put at risk again, and three coincidences in a row cost the sum of their odds and not the product.
//! Where a target's nodes can be copied, the run up to the moment is had from a snapshot, made once for the whole burst.

use std::rc::Rc;

use murphy_schedule::{Dice, Schedule, Vocabulary, mutate::Prefix};
use murphy_sim::{Moment, Outcome, Snapshot};

use super::{input::ScheduleInput, mutator::StepMutator};
use crate::Harness;

/// Mutants of a burst that finds nothing.
const LENGTH: u32 = 16;
/// Mutants more for each that is kept, and the most that may be left.
const MORE: u32 = 8;
const LEFT_MAX: u32 = 64;

/// What is left of a burst.
pub(crate) struct Burst {
    parent: Schedule,
    /// What stays of it, if the burst returns to a moment.
    prefix: Option<Prefix>,
    pub(crate) snapshot: Option<Rc<Snapshot>>,
    left: u32,
}

impl Burst {
    /// A burst of mutants of `parent`, which return to `moment` if there is one.
    pub(crate) fn new(
        parent: Schedule,
        moment: Option<Moment>,
        harness: &mut Harness,
        vocabulary: &Vocabulary,
        snapshots: bool,
    ) -> Self {
        let mut burst = Self { parent, prefix: None, snapshot: None, left: LENGTH };
        if let Some(moment) = moment {
            let (snapshot, outcome) = harness.run_keeping(&burst.parent, moment.events);
            burst.prefix = prefix(&burst.parent, outcome, moment, vocabulary);
            burst.snapshot = snapshot.filter(|_| snapshots && burst.prefix.is_some()).map(Rc::new);
        }
        burst
    }

    /// What is changed.
    pub(crate) fn parent(&self) -> &Schedule {
        &self.parent
    }

    /// The next mutant.
    pub(crate) fn next(&self, mutator: &StepMutator, donor: Option<&Schedule>, dice: &mut Dice) -> ScheduleInput {
        match &self.prefix {
            Some(prefix) => mutator.continuation(prefix, donor, dice),
            None => mutator.mutant(&self.parent, donor, dice),
        }
    }

    /// Counts a mutant. Returns whether there is to be another one.
    pub(crate) fn goes_on(&mut self, kept: bool) -> bool {
        self.left = if kept { (self.left + MORE).min(LEFT_MAX) } else { self.left - 1 };
        self.left > 0
    }
}

/// What of `parent`, whose run gave `outcome`, had come by `moment`.
fn prefix(parent: &Schedule, outcome: &Outcome, moment: Moment, vocabulary: &Vocabulary) -> Option<Prefix> {
    let begun = |step| {
        outcome.steps.iter().any(|report| report.step == step && report.begun.is_some_and(|at| at <= moment.time))
    };
    // Steps have whole microseconds, and the note of the moment is no part of what has happened by then.
    let time = u32::try_from(moment.time / 1_000 + 1).ok()?;
    Prefix::new(parent, |step| begun(*step), time, vocabulary)
}
