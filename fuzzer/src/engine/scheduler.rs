//! Which corpus entry to mutate next: the newest, once; then those that led to rarely visited states, short ones first, and less the
//! more often they were picked. A function of the campaign's random numbers and of nothing else, no time above all.
//!
//! LibAFL's own weighted schedulers measure the time of runs, and its minimizing one iterates hash maps: with either, one
//! seed gives different campaigns.

use std::{cell::RefCell, rc::Rc};

use libafl::{
    Error,
    corpus::{Corpus, CorpusId},
    schedulers::Scheduler,
    state::{HasCorpus, HasRand},
};
use libafl_bolts::rands::Rand;
use murphy_sim::Moment;

use super::{State, feedback::Seen, input::ScheduleInput, recipe::Recipe};

/// The weight of an empty schedule that was never picked and whose state nothing else visits.
const WEIGHT: u64 = 1 << 32;
/// Weights are drawn up afresh after so many picks, or as many as there are entries.
const FRESH: usize = 256;
/// An entry that was never picked comes before all others while it is one of so many newest. So a chain of coincidences is followed
/// while it grows: each link would wait for its turn among thousands of entries otherwise.
const NEWEST: usize = 64;

struct Entry {
    id: CorpusId,
    /// States that it was the first to visit.
    states: Vec<u64>,
    /// When it visited some.
    moments: Vec<Moment>,
    steps: u64,
    picks: u64,
}

/// Picks entries by the rarity of what they reached.
pub(crate) struct RareFirst {
    seen: Rc<RefCell<Seen>>,
    /// Of the newest entries so many come first.
    newest: usize,
    entries: Vec<Entry>,
    /// The sum of the weights of each entry and those before it.
    sums: Vec<u64>,
    picks_left: usize,
}

impl RareFirst {
    pub(crate) fn new(seen: Rc<RefCell<Seen>>, recipe: &Recipe) -> Self {
        let newest = if recipe.newest { NEWEST } else { 0 };
        Self { seen, newest, entries: Vec::new(), sums: Vec::new(), picks_left: FRESH }
    }

    /// The moments of an entry to which it is worth returning.
    pub(crate) fn moments(&self, id: CorpusId) -> &[Moment] {
        self.entries.iter().find(|entry| entry.id == id).map_or(&[], |entry| &entry.moments)
    }

    /// The newest entry that was never picked, of those that come first.
    fn unpicked(&self) -> Option<usize> {
        let newest = self.entries.len().saturating_sub(self.newest)..self.entries.len();
        newest.rev().find(|at| self.entries[*at].picks == 0)
    }

    /// An entry, by weight; `None` if there is none.
    fn draw(&mut self, state: &mut State) -> Option<usize> {
        if self.picks_left == 0 {
            self.picks_left = FRESH.max(self.entries.len());
            self.sums.clear();
        }
        self.picks_left -= 1;
        while self.sums.len() < self.entries.len() {
            self.weigh();
        }
        let total = *self.sums.last()?;
        let drawn = ((u128::from(state.rand_mut().next()) * u128::from(total)) >> 64) as u64;
        Some(self.sums.partition_point(|sum| *sum <= drawn))
    }

    /// Adds the weight of the next entry.
    fn weigh(&mut self) {
        let entry = &self.entries[self.sums.len()];
        let visits = u64::from(self.seen.borrow().rarest(&entry.states));
        let weight = WEIGHT / ((visits * (1 + entry.picks)).isqrt().max(1) * (4 + entry.steps));
        let sum = self.sums.last().copied().unwrap_or(0);
        self.sums.push(sum + weight.max(1));
    }
}

impl Scheduler<ScheduleInput, State> for RareFirst {
    fn on_add(&mut self, state: &mut State, id: CorpusId) -> Result<(), Error> {
        let testcase = state.corpus().get(id)?.borrow();
        let steps = testcase.input().as_ref().map_or(0, |input| input.0.steps.len() as u64);
        let (states, moments) = (self.seen.borrow().telling(), self.seen.borrow().moments());
        self.entries.push(Entry { id, states, moments, steps, picks: 0 });
        self.weigh();
        Ok(())
    }

    fn next(&mut self, state: &mut State) -> Result<CorpusId, Error> {
        let at = self.unpicked().or_else(|| self.draw(state)).ok_or_else(|| Error::empty("no entry to pick"))?;
        let entry = &mut self.entries[at];
        entry.picks += 1;
        let id = entry.id;
        self.set_current_scheduled(state, Some(id))?;
        Ok(id)
    }

    fn set_current_scheduled(&mut self, state: &mut State, next: Option<CorpusId>) -> Result<(), Error> {
        *state.corpus_mut().current_mut() = next;
        Ok(())
    }
}
