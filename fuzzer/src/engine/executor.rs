//! Runs schedules for LibAFL, by a call, in this process and thread: no fork, no signal handler, no timer. A target's panic
//! is caught inside the run; a run that does not end is ended by its budget of events.
//!
//! What a run gave is copied into three observers: the marks it hit, the states it visited, and how it was judged.

use std::{borrow::Cow, cell::RefCell, collections::BTreeMap, rc::Rc};

use libafl::{
    Error,
    executors::{Executor, ExitKind, HasObservers},
    observers::{HitcountsMapObserver, Observer, StdMapObserver},
    state::HasExecutions,
};
use libafl_bolts::{Named, tuples::RefIndexable};
use murphy_checker::verdict::Verdict;
use murphy_schedule::FaultKind;
use murphy_sim::{
    Moment, Snapshot,
    marks::{Best, Bucket, Site},
};
use serde::{Deserialize, Serialize};

use super::{Stats, Summary, input::ScheduleInput};
use crate::Harness;

/// The harness, which the executor, the feedbacks and the watcher use in turn.
pub(crate) type SharedHarness = Rc<RefCell<Harness>>;

/// Hits of each mark, in AFL's buckets.
pub(crate) type Marks = HitcountsMapObserver<StdMapObserver<'static, u8, false>>;

/// The observers, as LibAFL nests them.
pub(crate) type Observers = (Marks, (States, (Judged, ())));

/// The states a run visited, each once, and what its marks of several values and of numbers reached.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct States {
    #[serde(skip)]
    pub(crate) visited: Vec<u64>,
    /// When each was.
    #[serde(skip)]
    pub(crate) moments: Vec<Moment>,
    #[serde(skip)]
    pub(crate) each: Vec<Bucket>,
    #[serde(skip)]
    pub(crate) bests: Vec<Best>,
}

/// How a run was judged.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Judged {
    #[serde(skip)]
    pub(crate) verdict: Verdict,
    #[serde(skip)]
    pub(crate) trace_hash: u64,
    /// Whether a step had an effect, or there was none to have one.
    #[serde(skip)]
    pub(crate) effective: bool,
}

impl Named for States {
    fn name(&self) -> &Cow<'static, str> {
        &Cow::Borrowed("states")
    }
}

impl Named for Judged {
    fn name(&self) -> &Cow<'static, str> {
        &Cow::Borrowed("judged")
    }
}

impl<I, S> Observer<I, S> for States {}
impl<I, S> Observer<I, S> for Judged {}

/// Runs schedules and counts what they did.
pub(crate) struct SimExecutor {
    harness: SharedHarness,
    pub(crate) observers: Observers,
    /// How many runs hit each mark.
    hit: Vec<u64>,
    /// The marks that a thorough campaign hits, by rank.
    required: Vec<usize>,
    /// The best number of each mark that has one, by its rank and direction.
    bests: BTreeMap<(u16, bool), Best>,
    effects: BTreeMap<FaultKind, u64>,
    /// Where the next run goes on from, if it can.
    pub(crate) from: Option<Rc<Snapshot>>,
    pub(crate) stats: Stats,
}

impl SimExecutor {
    pub(crate) fn new(harness: SharedHarness) -> Self {
        let length = murphy_sim::marks::names().len().max(1);
        let sites = murphy_sim::marks::sites_in(&harness.borrow().about().modules);
        let mut required: Vec<usize> =
            sites.into_iter().filter(|site| site.kind().must_be_hit()).map(Site::rank).collect();
        required.dedup();
        let marks = HitcountsMapObserver::new(StdMapObserver::owned("marks", vec![0; length]));
        Self {
            harness,
            observers: (marks, (States::default(), (Judged::default(), ()))),
            hit: vec![0; length],
            required,
            bests: BTreeMap::new(),
            effects: BTreeMap::new(),
            from: None,
            stats: Stats::default(),
        }
    }

    /// What all runs did.
    pub(crate) fn summary(&self) -> Summary {
        let bests = self.bests.values().copied().collect();
        Summary { stats: self.stats, marks: self.hit.clone(), bests, effects: self.effects.clone() }
    }

    /// How the last run was judged.
    pub(crate) fn judged(&mut self) -> &mut Judged {
        &mut self.observers.1.1.0
    }
}

impl<EM, S: HasExecutions, Z> Executor<EM, ScheduleInput, S, Z> for SimExecutor {
    fn run_target(&mut self, _: &mut Z, state: &mut S, _: &mut EM, input: &ScheduleInput) -> Result<ExitKind, Error> {
        *state.executions_mut() += 1;
        let mut harness = self.harness.borrow_mut();
        let (skipped, outcome) = harness.run_from(self.from.as_deref(), &input.0);

        let (marks, (states, (judged, ()))) = &mut self.observers;
        let counters = &outcome.signals.marks;
        marks[..counters.len()].copy_from_slice(counters);
        states.visited.clone_from(&outcome.signals.states);
        states.moments.clone_from(&outcome.signals.moments);
        states.each.clone_from(&outcome.signals.each);
        states.bests.clone_from(&outcome.signals.bests);
        judged.verdict.clone_from(&outcome.verdict);
        judged.trace_hash = outcome.trace_hash;
        let effective = outcome.steps.iter().filter(|report| report.effects > 0).count();
        judged.effective = effective > 0 || outcome.steps.is_empty();

        for (hit, counter) in self.hit.iter_mut().zip(counters) {
            *hit += u64::from(*counter > 0);
        }
        for best in &outcome.signals.bests {
            let most = self.bests.entry((best.mark, best.least)).or_insert(*best);
            if best.beats(most) {
                *most = *best;
            }
        }
        for report in &outcome.steps {
            *self.effects.entry(report.step.fault.kind()).or_default() += u64::from(report.effects > 0);
        }
        let stats = &mut self.stats;
        stats.operations += outcome.history.operations.len() as u64;
        stats.completed += outcome.history.completed();
        stats.execs += 1;
        stats.events += outcome.events - skipped;
        stats.resumed += u64::from(skipped > 0);
        stats.skipped += skipped;
        stats.virtual_ns += outcome.time;
        stats.steps += outcome.steps.len() as u64;
        stats.effective_steps += effective as u64;
        stats.marks = self.hit.iter().filter(|runs| **runs > 0).count();
        stats.missed = self.required.iter().filter(|rank| self.hit[**rank] == 0).count();
        Ok(match judged.verdict {
            Verdict::Valid => ExitKind::Ok,
            Verdict::Invalid(_) => {
                stats.violations += 1;
                ExitKind::Crash
            }
            Verdict::Unknown(_) => {
                stats.unknown += 1;
                ExitKind::Timeout
            }
        })
    }
}

impl HasObservers for SimExecutor {
    type Observers = Observers;

    fn observers(&self) -> RefIndexable<&Observers, Observers> {
        RefIndexable::from(&self.observers)
    }

    fn observers_mut(&mut self) -> RefIndexable<&mut Observers, Observers> {
        RefIndexable::from(&mut self.observers)
    }
}
