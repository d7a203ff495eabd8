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
    feedbacks::{ConstFeedback, EagerOrFeedback, FastAndFeedback, Feedback, MaxMapFeedback, StateInitializer},
};
use libafl_bolts::Named;
use murphy_checker::verdict::{Class, Verdict};
use murphy_schedule::{Schedule, shrink};
use murphy_sim::{
    Grain, Moment, Outcome,
    marks::{Best, Bucket},
};

use super::{
    Stats,
    executor::{Judged, Marks, Observers, SharedHarness},
    input::ScheduleInput,
    recipe::Recipe,
};
use crate::minimize::effective;

/// How many states of an entry decide how rare it is.
const TELLING: usize = 4;

/// The most moments of an entry to which its mutants return.
const MOMENTS: usize = 8;

/// How often kept states were visited. Fixed seeds, and never iterated.
#[expect(clippy::disallowed_types, reason = "only ever asked for a key, with a hash of fixed seeds")]
type Visits = std::collections::HashMap<u64, u32, ahash::RandomState>;

/// The states that the corpus reaches, shared by the feedback that keeps entries and the scheduler that picks them.
#[derive(Debug)]
pub(crate) struct Seen {
    visits: Visits,
    /// States of the last run that the corpus did not reach before it, and when it did.
    fresh: Vec<(u64, Moment)>,
    /// Only states of this grain and coarser ones make a run new, and
    finest: Grain,
    /// only those whose hash ends in so many zeros.
    sample: u32,
    /// Unless somebody else found the schedule worth keeping: then all do.
    given: bool,
    /// Runs, and how many were kept, since novelty was last measured.
    runs: u32,
    kept: u32,
    /// Runs since one was kept, or since more states count for want of one.
    dry: u32,
    /// Of a thousand runs, those that were kept in the last window.
    novelty: u32,
    /// States that one run alone visited, and all visits.
    singles: u64,
    all_visits: u64,
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

/// Runs between two measurements of novelty,
const WINDOW: u32 = 1024;
/// or fewer, if so many in a row were not kept.
const DRY: u32 = WINDOW / 4;
/// Kept runs of a window beyond which novelty is too cheap: two of a hundred.
const KEPT_MAX: u32 = WINDOW / 50;
/// Kept runs of a window below which it is too dear: one of two hundred.
const KEPT_MIN: u32 = WINDOW / 200;
/// Of fewer states than one of two to the power of this, nothing would be new.
const SAMPLE_MAX: u32 = 20;
/// At first, when any state is new, hardly one counts beside the marks: one of two to the power of this.
const SAMPLE_FIRST: u32 = 12;

impl Seen {
    pub(crate) fn new() -> Self {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let (visits, marked) = (Visits::with_hasher(hasher), Marked::default());
        let fresh = Vec::new();
        let (finest, sample) = (Grain::Coarse, SAMPLE_FIRST);
        Self {
            visits,
            fresh,
            finest,
            sample,
            given: false,
            runs: 0,
            kept: 0,
            dry: 0,
            novelty: 0,
            singles: 0,
            all_visits: 0,
            marked,
        }
    }

    /// Says whether the next run is of a schedule that somebody else found worth keeping.
    pub(crate) fn set_given(&mut self, given: bool) {
        self.given = given;
    }

    /// Counts the states of a run. Returns whether some are new.
    fn visit(&mut self, states: &[u64], moments: &[Moment]) -> bool {
        if !self.given {
            self.measure();
        }
        self.fresh.clear();
        for (state, moment) in states.iter().zip(moments) {
            match self.visits.get_mut(state) {
                Some(visits) => {
                    self.singles -= u64::from(*visits == 1);
                    self.all_visits += 1;
                    *visits = visits.saturating_add(1);
                }
                None => self.fresh.push((*state, *moment)),
            }
        }
        self.fresh.iter().any(|(state, _)| self.counts(*state))
    }

    fn counts(&self, state: u64) -> bool {
        self.given || Grain::of(state) <= self.finest && state.trailing_zeros() >= self.sample
    }

    /// A run with fewer steps visited the same states: what was new was so when that run says.
    fn date(&mut self, outcome: &Outcome) {
        let mut dated = outcome.signals.states.iter().zip(&outcome.signals.moments);
        for (state, moment) in &mut self.fresh {
            *moment =
                *dated.find(|(other, _)| *other == state).expect("it visited the same states in the same order").1;
        }
    }

    /// Refines what counts as new while too few runs are kept, and coarsens it while too many are. Where each run visits states
    /// of its own, a corpus of all of them says nothing, and costs a second run and a file each: then coarser ones count, and
    /// where even these are too many, a sample of them.
    fn measure(&mut self) {
        self.runs += 1;
        self.dry += 1;
        if self.dry < DRY && self.runs < WINDOW {
            return;
        }
        self.novelty = self.kept * 1000 / self.runs;
        if self.dry == DRY || self.kept < KEPT_MIN {
            self.refine();
        } else if self.kept > KEPT_MAX {
            self.coarsen();
        }
        (self.runs, self.kept, self.dry) = (0, 0, self.dry % DRY);
    }

    fn coarsen(&mut self) {
        match self.finest {
            Grain::Fine => self.finest = Grain::Middle,
            Grain::Middle => self.finest = Grain::Coarse,
            Grain::Coarse | Grain::Part => {
                self.sample = (self.sample + 1).min(SAMPLE_MAX);
            }
        }
    }

    fn refine(&mut self) {
        match (self.sample, self.finest) {
            (1.., _) => self.sample -= 1,
            (0, Grain::Part) => self.finest = Grain::Coarse,
            (0, Grain::Coarse) => self.finest = Grain::Middle,
            (0, Grain::Middle | Grain::Fine) => self.finest = Grain::Fine,
        }
    }

    /// The last run is kept: what was new is no more.
    fn keep(&mut self) {
        if !self.given {
            (self.kept, self.dry) = (self.kept + 1, 0);
        }
        self.marked.keep();
        self.singles += self.fresh.len() as u64;
        self.all_visits += self.fresh.len() as u64;
        self.visits.extend(self.fresh.iter().map(|(state, _)| (*state, 1)));
    }

    /// The states by which to tell later how rare the last run is, deepest last. Empty if only marks made it new.
    pub(crate) fn telling(&self) -> Vec<u64> {
        self.fresh[self.fresh.len().saturating_sub(TELLING)..].iter().map(|(state, _)| *state).collect()
    }

    /// Some moments at which the last run reached what is new, in order: of the states that count, or if only marks made it
    /// new, of all. Empty if no state is.
    pub(crate) fn moments(&self) -> Vec<Moment> {
        let marks_alone = !self.fresh.iter().any(|(state, _)| self.counts(*state));
        let counted = self.fresh.iter().filter(|(state, _)| marks_alone || self.counts(*state));
        let mut moments: Vec<Moment> = counted.map(|(_, moment)| *moment).collect();
        moments.dedup();
        let apart = moments.len().div_ceil(MOMENTS).max(1);
        moments.into_iter().step_by(apart).collect()
    }

    /// How often the rarest of these states was visited.
    pub(crate) fn rarest(&self, states: &[u64]) -> u32 {
        states.iter().filter_map(|state| self.visits.get(state)).copied().min().unwrap_or(1)
    }

    /// Writes down how many states the corpus reaches, and how much of what it still finds is new.
    pub(crate) fn tell(&self, stats: &mut Stats) {
        if self.finest as u32 > stats.finest || self.sample < stats.sample {
            stats.stable_since = stats.execs;
        }
        stats.states = self.visits.len() as u64;
        (stats.novelty, stats.finest, stats.sample) = (self.novelty, self.finest as u32, self.sample);
        (stats.singles, stats.visits) = (self.singles, self.all_visits);
    }
}

/// All that a corpus entry must be.
pub(crate) type Keep = FastAndFeedback<
    ConstFeedback,
    FastAndFeedback<
        EagerOrFeedback<FastAndFeedback<ConstFeedback, MaxMapFeedback<Marks, Marks>>, NovelStates>,
        FastAndFeedback<Sound, Repeats>,
    >,
>;

/// The feedback of a campaign.
pub(crate) fn keep(observers: &Observers, recipe: &Recipe, seen: Rc<RefCell<Seen>>, repeats: Repeats) -> Keep {
    let novel = feedback_or!(
        feedback_and_fast!(ConstFeedback::new(recipe.marks), MaxMapFeedback::new(&observers.0)),
        NovelStates { seen, states: recipe.states, marks: recipe.marks }
    );
    feedback_and_fast!(ConstFeedback::new(!recipe.is_memoryless()), novel, Sound, repeats)
}

fn judged(observers: &Observers) -> &Judged {
    &observers.1.1.0
}

/// The run visited a state that the corpus does not reach, one of those that count, or a value or number of a mark.
pub(crate) struct NovelStates {
    seen: Rc<RefCell<Seen>>,
    /// Whether states count, and values and numbers of marks.
    states: bool,
    marks: bool,
}

/// A promise was kept, and if faults were injected, one had an effect.
///
/// Mutants of a run that breaks a promise break it too, mostly, and end where it did. Those of a run without an answer have
/// none either, and are slow.
pub(crate) struct Sound;

/// A second run of the schedule, from its start, gives the same trace. If a third one, without the steps that had no effect, visits
/// the same states, then that schedule is the one to keep.
pub(crate) struct Repeats {
    harness: SharedHarness,
    seen: Rc<RefCell<Seen>>,
    /// Set where it did not.
    differs: Rc<Cell<bool>>,
    /// The schedule to keep instead.
    trimmed: Option<Schedule>,
}

impl Repeats {
    pub(crate) fn new(harness: SharedHarness, seen: Rc<RefCell<Seen>>, differs: Rc<Cell<bool>>) -> Self {
        Self { harness, seen, differs, trimmed: None }
    }

    /// Whether a run of `schedule` has this trace, and if so, `schedule` without its steps without effect, if they are not needed to
    /// visit what it visits.
    fn run_again(&self, schedule: &Schedule, trace_hash: u64) -> (bool, Option<Schedule>) {
        let harness = &mut *self.harness.borrow_mut();
        let outcome = harness.run(schedule);
        if outcome.trace_hash != trace_hash {
            return (false, None);
        }
        let effective = effective(schedule, outcome);
        let trimmed = shrink::without_idle_ids(&effective).unwrap_or(effective);
        if trimmed == *schedule {
            return (true, None);
        }
        let states = outcome.signals.states.clone();
        let outcome = harness.run(&trimmed);
        let same = outcome.signals.states == states && outcome.verdict == Verdict::Valid;
        if same {
            self.seen.borrow_mut().date(outcome);
        }
        (true, same.then_some(trimmed))
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
        let (mut seen, reached) = (self.seen.borrow_mut(), &observers.1.0);
        let marked = seen.marked.visit(&reached.each, &reached.bests) && self.marks;
        Ok(seen.visit(&reached.visited, &reached.moments) && self.states || marked)
    }

    fn append_metadata(
        &mut self,
        _: &mut S,
        _: &mut EM,
        _: &Observers,
        _: &mut Testcase<ScheduleInput>,
    ) -> Result<(), Error> {
        self.seen.borrow_mut().keep();
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
        let (same, trimmed) = self.run_again(&input.0, judged(observers).trace_hash);
        self.differs.set(!same);
        self.trimmed = trimmed;
        Ok(same)
    }

    fn append_metadata(
        &mut self,
        _: &mut S,
        _: &mut EM,
        _: &Observers,
        testcase: &mut Testcase<ScheduleInput>,
    ) -> Result<(), Error> {
        if let Some(trimmed) = self.trimmed.take() {
            testcase.set_input(ScheduleInput(trimmed));
        }
        Ok(())
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
    use murphy_sim::{
        Grain, Moment,
        marks::{Best, Bucket},
    };

    use super::{DRY, KEPT_MAX, Marked, SAMPLE_FIRST, Seen, Stats, WINDOW};

    /// A search that has come to where all states count.
    fn all_count() -> Seen {
        Seen { finest: Grain::Fine, sample: 0, ..Seen::new() }
    }

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
        let mut seen = all_count();
        assert!(seen.visit(&[1, 2], &[Moment::default(); 2]));
        assert!(seen.visit(&[1, 2], &[Moment::default(); 2]), "no run was kept");
        seen.keep();
        assert!(!seen.visit(&[2, 1], &[Moment::default(); 2]));
        assert!(seen.visit(&[2, 3], &[Moment::default(); 2]));
        assert_eq!((seen.rarest(&[1]), seen.rarest(&[1, 2])), (2, 2));
        assert_eq!(seen.rarest(&[2]), 3);
    }

    #[test]
    fn where_every_run_is_new_fewer_and_fewer_states_count() {
        let mut seen = all_count();
        let mut dice = Dice::new(1);
        let mut kept = [0; 20];
        for window in &mut kept {
            for _ in 0..WINDOW {
                if seen.visit(&[dice.word(), dice.word()], &[Moment::default(); 2]) {
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
    fn where_only_fine_states_are_always_new_coarser_ones_go_on_to_count() {
        let mut seen = all_count();
        let of = |grain: Grain, hash: u64| (grain as u64) << 62 | hash & (u64::MAX >> 2);
        let mut dice = Dice::new(1);
        let mut kept = 0;
        for run in 0..20 * u64::from(WINDOW) {
            let states = [of(Grain::Fine, dice.word()), of(Grain::Middle, dice.word()), of(Grain::Coarse, run / 100)];
            if seen.visit(&states, &[Moment::default(); 3]) {
                seen.keep();
                kept = run;
            }
        }
        assert_eq!((seen.finest, seen.sample), (Grain::Coarse, 0));
        assert!(kept > 19 * u64::from(WINDOW), "nothing coarse is sampled away");
    }

    #[test]
    fn of_what_others_kept_any_state_counts_and_novelty_is_not_measured() {
        let mut seen = Seen::new();
        let fine = |run: u32| (Grain::Fine as u64) << 62 | u64::from(run);
        seen.set_given(true);
        for run in 0..2 * WINDOW {
            assert!(seen.visit(&[fine(run)], &[Moment::default()]));
            seen.keep();
        }
        seen.set_given(false);
        assert!(!seen.visit(&[fine(2 * WINDOW)], &[Moment::default()]), "this we found");
        assert_eq!((seen.finest, seen.sample, seen.runs, seen.kept), (Grain::Coarse, SAMPLE_FIRST, 1, 0));
    }

    #[test]
    fn where_nothing_is_kept_more_states_count_soon() {
        let mut seen = Seen::new();
        let odd = |run: u32| (Grain::Coarse as u64) << 62 | u64::from(2 * run + 1);
        let last = SAMPLE_FIRST * DRY - 1;
        for run in 0..last {
            assert!(!seen.visit(&[odd(run)], &[Moment::default()]), "run {run}: an odd one is not in a sample");
        }
        assert!(seen.visit(&[odd(last)], &[Moment::default()]), "all coarse ones count");
        for _ in 0..2 * DRY {
            seen.visit(&[], &[]);
        }
        assert_eq!((seen.finest, seen.sample), (Grain::Fine, 0));
    }

    #[test]
    fn it_is_told_when_more_states_count() {
        let (mut seen, mut stats) = (Seen::new(), Stats::default());
        let mut refined = Vec::new();
        for execs in 1..=u64::from(20 * DRY) {
            seen.visit(&[], &[]);
            stats.execs = execs;
            seen.tell(&mut stats);
            refined.push(stats.stable_since);
        }
        refined.dedup();
        // Each time twice as many, and then the two finer grains.
        let expected: Vec<u64> = (1..=SAMPLE_FIRST + 2).map(|times| u64::from(times * DRY)).collect();
        assert_eq!(refined[1..], expected, "the first is that any count");
    }

    #[test]
    fn a_run_that_is_kept_puts_off_that_more_states_count() {
        let mut seen = Seen::new();
        for run in 0..WINDOW - 1 {
            seen.visit(&[], &[]);
            if [200, 400, 600, 800].contains(&run) {
                seen.keep();
            }
        }
        assert_eq!(seen.sample, SAMPLE_FIRST);
        seen.visit(&[], &[]);
        assert_eq!(seen.sample, SAMPLE_FIRST - 1, "four of a window are too few");
    }

    #[test]
    fn what_marks_alone_made_new_is_returned_to_at_its_new_states() {
        let mut seen = Seen::new();
        let at = |time| Moment { time, ..Moment::default() };
        assert!(!seen.visit(&[1, 3], &[at(1), at(2)]), "no state counts");
        assert_eq!(seen.moments(), [at(1), at(2)]);
        assert!(seen.visit(&[1, 1 << SAMPLE_FIRST], &[at(1), at(2)]));
        assert_eq!(seen.moments(), [at(2)]);
    }

    #[test]
    fn where_new_states_are_rare_all_count() {
        let mut seen = Seen::new();
        for run in 0..20 * u64::from(WINDOW) {
            if seen.visit(&[run % 100, run / 100], &[Moment::default(); 2]) {
                seen.keep();
            }
        }
        assert_eq!((seen.finest, seen.sample), (Grain::Fine, 0));
    }
}
