//! What makes a schedule worth keeping: it hit a mark more often than any before, reached a value or a number of a mark that none
//! before did (the latter as in IJON, Aschermann et al., 2020), or visited a new state, by means of its faults, without breaking a promise, and the same way twice.
//!
//! What a run reached counts as reached only once the run is kept. A run that is not kept, because nothing it injected had
//! an effect or because it ended in a violation, leaves its states for a schedule that is worth mutating.
//!
//! What feedbacks remember is theirs and not in LibAFL's state: nobody serializes that, and metadata would have to be.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use libafl::{
    Error,
    corpus::Testcase,
    executors::ExitKind,
    feedback_and_fast, feedback_or,
    feedbacks::{EagerOrFeedback, FastAndFeedback, Feedback, MaxMapFeedback, StateInitializer},
};
use libafl_bolts::Named;
use murphy_checker::verdict::{Class, Verdict};
use murphy_sim::marks::{Best, Bucket};

use super::{
    executor::{Judged, Marks, Observers, SharedHarness},
    input::ScheduleInput,
};

/// How many states of an entry decide how rare it is.
const TELLING: usize = 4;

/// How often kept states were visited. Fixed seeds, and never iterated.
#[expect(clippy::disallowed_types, reason = "only ever asked for a key, with a hash of fixed seeds")]
type Visits = std::collections::HashMap<u64, u32, ahash::RandomState>;

/// The states that the corpus reaches, shared by the feedback that keeps entries and the scheduler that picks them.
#[derive(Debug)]
pub(crate) struct Seen {
    visits: Visits,
    /// States of the last run that the corpus did not reach before it.
    fresh: Vec<u64>,
    /// Only states whose hash ends in so many zeros make a run new.
    grain: u32,
    /// Runs, and how many were kept, since novelty was last measured.
    runs: u32,
    kept: u32,
    warm: bool,
    marked: Marked,
}

/// What marks of several values and of numbers reached in runs that were kept.
#[derive(Debug, Default)]
struct Marked {
    /// A mark, a value, and how often a run had it, as a power of two.
    each: BTreeSet<(u16, u64, u32)>,
    /// By mark and direction.
    bests: BTreeMap<(u16, bool), Best>,
    fresh_each: Vec<(u16, u64, u32)>,
    fresh_bests: Vec<Best>,
}

impl Marked {
    /// Whether a run reached something new. An author's marks are few and chosen, so they always count.
    fn visit(&mut self, each: &[Bucket], bests: &[Best]) -> bool {
        let keys = each.iter().map(|bucket| (bucket.mark, bucket.value, bucket.hits.max(1).ilog2()));
        self.fresh_each.clear();
        self.fresh_each.extend(keys.filter(|key| !self.each.contains(key)));
        let known = |best: &&Best| self.bests.get(&(best.mark, best.least)).is_none_or(|known| best.beats(known));
        self.fresh_bests.clear();
        self.fresh_bests.extend(bests.iter().filter(known));
        !self.fresh_each.is_empty() || !self.fresh_bests.is_empty()
    }

    fn keep(&mut self) {
        self.each.extend(self.fresh_each.drain(..));
        self.bests.extend(self.fresh_bests.drain(..).map(|best| ((best.mark, best.least), best)));
    }
}

/// Runs between two measurements of novelty.
const WINDOW: u32 = 1024;
/// Kept runs of a window beyond which novelty is too cheap: two of a hundred.
const KEPT_MAX: u32 = WINDOW / 50;
/// Coarser than this nothing would be new.
const GRAIN_MAX: u32 = 20;

impl Seen {
    pub(crate) fn new() -> Self {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let (visits, marked) = (Visits::with_hasher(hasher), Marked::default());
        Self { visits, fresh: Vec::new(), grain: 0, runs: 0, kept: 0, warm: false, marked }
    }

    /// Counts the states of a run. Returns whether some are new.
    fn visit(&mut self, states: &[u64]) -> bool {
        self.measure();
        self.fresh.clear();
        for state in states {
            match self.visits.get_mut(state) {
                Some(visits) => *visits = visits.saturating_add(1),
                None => self.fresh.push(*state),
            }
        }
        self.fresh.iter().any(|state| state.trailing_zeros() >= self.grain)
    }

    /// Coarsens what counts as new while too many runs are kept. Where each run visits states of its own, a corpus of all of
    /// them says nothing, and costs a second run and a file each; of a sample of the states fewer are new, and those are
    /// found as before.
    fn measure(&mut self) {
        self.runs += 1;
        if self.runs == WINDOW {
            // At first everything is new, to any target.
            if self.warm && self.kept > KEPT_MAX {
                self.grain = (self.grain + (self.kept / KEPT_MAX).ilog2().max(1)).min(GRAIN_MAX);
            }
            (self.runs, self.kept, self.warm) = (0, 0, true);
        }
    }

    /// The last run is kept: what was new is no more.
    fn keep(&mut self) {
        self.kept += 1;
        self.marked.keep();
        self.visits.extend(self.fresh.iter().map(|state| (*state, 1)));
    }

    /// The states by which to tell later how rare the last run is, deepest last. Empty if only marks made it new.
    pub(crate) fn telling(&self) -> Vec<u64> {
        self.fresh[self.fresh.len().saturating_sub(TELLING)..].to_vec()
    }

    /// How often the rarest of these states was visited.
    pub(crate) fn rarest(&self, states: &[u64]) -> u32 {
        states.iter().filter_map(|state| self.visits.get(state)).copied().min().unwrap_or(1)
    }

    /// How many states the corpus reaches.
    pub(crate) fn len(&self) -> usize {
        self.visits.len()
    }
}

/// All that a corpus entry must be.
pub(crate) type Keep =
    FastAndFeedback<EagerOrFeedback<MaxMapFeedback<Marks, Marks>, NovelStates>, FastAndFeedback<Sound, Repeats>>;

/// The feedback of a campaign.
pub(crate) fn keep(observers: &Observers, seen: Rc<RefCell<Seen>>, repeats: Repeats) -> Keep {
    feedback_and_fast!(feedback_or!(MaxMapFeedback::new(&observers.0), NovelStates(seen)), Sound, repeats)
}

fn judged(observers: &Observers) -> &Judged {
    &observers.1.1.0
}

/// The run visited a state that the corpus does not reach, one of those that count, or a value or number of a mark.
pub(crate) struct NovelStates(Rc<RefCell<Seen>>);

/// A promise was kept, and if faults were injected, one had an effect.
///
/// Mutants of a run that breaks a promise break it too, mostly, and end where it did. Those of a run without an answer have
/// none either, and are slow.
pub(crate) struct Sound;

/// A second run of the schedule gives the same trace.
pub(crate) struct Repeats {
    harness: SharedHarness,
    /// Set where it did not.
    differs: Rc<Cell<bool>>,
}

impl Repeats {
    pub(crate) fn new(harness: SharedHarness, differs: Rc<Cell<bool>>) -> Self {
        Self { harness, differs }
    }
}

/// The first violation of its class and name. All are reported; this only bounds what LibAFL stores as solutions.
#[derive(Default)]
pub(crate) struct FirstOfItsName(BTreeSet<(Class, Cow<'static, str>)>);

impl<EM, S> Feedback<EM, ScheduleInput, Observers, S> for NovelStates {
    fn is_interesting(
        &mut self,
        _: &mut S,
        _: &mut EM,
        _: &ScheduleInput,
        observers: &Observers,
        _: &ExitKind,
    ) -> Result<bool, Error> {
        let (mut seen, reached) = (self.0.borrow_mut(), &observers.1.0);
        let marked = seen.marked.visit(&reached.each, &reached.bests);
        Ok(seen.visit(&reached.visited) || marked)
    }

    fn append_metadata(
        &mut self,
        _: &mut S,
        _: &mut EM,
        _: &Observers,
        _: &mut Testcase<ScheduleInput>,
    ) -> Result<(), Error> {
        self.0.borrow_mut().keep();
        Ok(())
    }
}

impl<EM, S> Feedback<EM, ScheduleInput, Observers, S> for Sound {
    fn is_interesting(
        &mut self,
        _: &mut S,
        _: &mut EM,
        _: &ScheduleInput,
        observers: &Observers,
        _: &ExitKind,
    ) -> Result<bool, Error> {
        let judged = judged(observers);
        Ok(judged.effective && judged.verdict == Verdict::Valid)
    }
}

impl<EM, S> Feedback<EM, ScheduleInput, Observers, S> for Repeats {
    fn is_interesting(
        &mut self,
        _: &mut S,
        _: &mut EM,
        input: &ScheduleInput,
        observers: &Observers,
        _: &ExitKind,
    ) -> Result<bool, Error> {
        let again = self.harness.borrow_mut().run(&input.0).trace_hash;
        let differs = again != judged(observers).trace_hash;
        self.differs.set(differs);
        Ok(!differs)
    }
}

impl<EM, S> Feedback<EM, ScheduleInput, Observers, S> for FirstOfItsName {
    fn is_interesting(
        &mut self,
        _: &mut S,
        _: &mut EM,
        _: &ScheduleInput,
        observers: &Observers,
        _: &ExitKind,
    ) -> Result<bool, Error> {
        let anomaly = judged(observers).verdict.anomaly();
        Ok(anomaly.is_some_and(|anomaly| self.0.insert((anomaly.class, anomaly.name.clone()))))
    }
}

impl<S> StateInitializer<S> for NovelStates {}
impl<S> StateInitializer<S> for Sound {}
impl<S> StateInitializer<S> for Repeats {}
impl<S> StateInitializer<S> for FirstOfItsName {}

impl Named for NovelStates {
    fn name(&self) -> &Cow<'static, str> {
        &Cow::Borrowed("novel states")
    }
}

impl Named for Sound {
    fn name(&self) -> &Cow<'static, str> {
        &Cow::Borrowed("sound")
    }
}

impl Named for Repeats {
    fn name(&self) -> &Cow<'static, str> {
        &Cow::Borrowed("repeats")
    }
}

impl Named for FirstOfItsName {
    fn name(&self) -> &Cow<'static, str> {
        &Cow::Borrowed("first of its name")
    }
}

#[cfg(test)]
mod tests {
    use murphy_schedule::Dice;

    use murphy_sim::marks::{Best, Bucket};

    use super::{KEPT_MAX, Marked, Seen, WINDOW};

    #[test]
    fn a_value_of_a_mark_and_a_better_number_are_new_until_a_run_that_reaches_them_is_kept() {
        let bucket = |value, hits| Bucket { mark: 1, value, hits };
        let mut marked = Marked::default();
        for _ in 0..2 {
            assert!(marked.visit(&[bucket(7, 1)], &[]), "no run was kept");
        }
        marked.keep();
        assert!(!marked.visit(&[bucket(7, 1)], &[]));
        assert!(marked.visit(&[bucket(7, 2)], &[]), "twice as often");
        assert!(marked.visit(&[bucket(8, 1)], &[]));
        let best = |least, value| Best { mark: 2, least, value };
        assert!(marked.visit(&[], &[best(false, 5)]));
        marked.keep();
        assert!(!marked.visit(&[], &[best(false, 5)]) && !marked.visit(&[], &[best(false, 4)]));
        assert!(marked.visit(&[], &[best(false, 6)]));
        assert!(marked.visit(&[], &[best(true, 5)]));
        marked.keep();
        assert!(marked.visit(&[], &[best(true, 4)]) && !marked.visit(&[], &[best(true, 6)]));
        assert!(!marked.visit(&[bucket(7, 1)], &[best(false, 5), best(true, 5)]), "nothing is forgotten");
    }

    #[test]
    fn a_state_stays_new_until_a_run_that_visits_it_is_kept() {
        let mut seen = Seen::new();
        assert!(seen.visit(&[1, 2]));
        assert!(seen.visit(&[1, 2]), "no run was kept");
        seen.keep();
        assert!(!seen.visit(&[2, 1]));
        assert!(seen.visit(&[2, 3]));
        assert_eq!((seen.rarest(&[1]), seen.rarest(&[1, 2])), (2, 2));
        assert_eq!(seen.rarest(&[2]), 3);
    }

    #[test]
    fn where_every_run_is_new_fewer_and_fewer_states_count() {
        let mut seen = Seen::new();
        let mut dice = Dice::new(1);
        let mut kept = [0; 20];
        for window in &mut kept {
            for _ in 0..WINDOW {
                if seen.visit(&[dice.word(), dice.word()]) {
                    seen.keep();
                    *window += 1;
                }
            }
        }
        assert_eq!(kept[0], WINDOW);
        assert!(kept[19] <= KEPT_MAX, "{kept:?}");
        assert!(kept[19] > KEPT_MAX / 8, "coarser than it need be: {kept:?}");
    }

    #[test]
    fn where_new_states_are_rare_all_count() {
        let mut seen = Seen::new();
        for run in 0..20 * u64::from(WINDOW) {
            if seen.visit(&[run % 100, run / 100]) {
                seen.keep();
            }
        }
        assert_eq!(seen.grain, 0);
    }
}
