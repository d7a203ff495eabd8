//! Making a failing schedule as small as it gets, while it fails in the same way.
//!
//! Steps that had no effect go first, in one stroke; then steps in ever smaller groups (delta debugging, Zeller and
//! Hildebrandt, 2002), then everything else becomes simpler one change at a time, until nothing helps. Where few are needed,
//! operations and messages that chance struck are named by steps of their own, and nodes by their roles and times by what happens at
//! them where that makes a schedule less of an accident. It ends with a proof: without any one step,
//! with an operation less or a node less, the run is clean. A candidate counts only if its anomaly has the same class and
//! name; other anomalies met on the way are handed back, as findings of their own. No candidate is run twice.

mod chance;
mod moments;
mod notes;
mod operations;
mod proof;
mod robust;
mod roles;
mod search;

use std::fmt;

use murphy_checker::verdict::Anomaly;
use murphy_schedule::{FaultKind, Header, Schedule, shrink};
use murphy_sim::{Outcome, resolve};
use search::Search;

use crate::harness::Harness;
pub use robust::{Part, Robustness, Window, robustness};
#[cfg(feature = "cli")]
pub(crate) use robust::{SEEDS, other_seeds};

/// Kinds of steps that break nothing by themselves: triggers, draws, operations, and the ends and beginnings of other steps.
pub(crate) const HARMLESS: [FaultKind; 5] =
    [FaultKind::Note, FaultKind::Reseed, FaultKind::Invoke, FaultKind::Activate, FaultKind::Deactivate];

/// What minimizing gave.
#[derive(Clone, Debug)]
pub struct Minimized {
    /// The smallest schedule found, with nothing left to defaults.
    pub schedule: Schedule,
    /// Whether every single part is needed: without any one step, with one client's operation or one node less, the run does
    /// not fail in this way.
    pub one_minimal: bool,
    /// How many runs it took.
    pub runs: u64,
    /// Schedules that failed in another way, the first of each.
    pub slips: Vec<Schedule>,
    /// The smallest one in which clients still drew their operations, if steps invoke them in [`schedule`](Self::schedule).
    pub drawn: Option<Schedule>,
}

/// What minimizing is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Fewer steps, and simpler ones.
    Steps,
    /// Operations named by steps.
    Operations,
    /// Messages that chance struck named by steps.
    Chance,
    /// The proof that nothing more can go.
    Proof,
}

/// How far minimizing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is at.
    pub stage: Stage,
    /// Faults left.
    pub faults: usize,
    /// Operations of the run.
    pub operations: usize,
    /// Runs so far.
    pub runs: u64,
}

/// How the numbers of faults and operations fell: `37 → 9 → 2 faults, 210 → 4 operations`.
#[derive(Clone, Debug)]
pub struct Trail {
    faults: Vec<usize>,
    operations: Vec<usize>,
    stage: Option<Stage>,
}

impl Trail {
    /// The trail that begins at so many faults and operations.
    pub fn new((faults, operations): (usize, usize)) -> Self {
        Self { faults: vec![faults], operations: vec![operations], stage: None }
    }

    /// Adds where minimizing has come to; what a stage goes through is not kept, only where it began and ended.
    pub fn follow(&mut self, progress: Progress) {
        let begins = self.stage != Some(progress.stage);
        self.stage = Some(progress.stage);
        for (numbers, number) in [(&mut self.faults, progress.faults), (&mut self.operations, progress.operations)] {
            // What a stage went through is forgotten, and so is what led nowhere.
            if !begins && numbers.len() > 2 {
                numbers.pop();
            }
            while numbers.len() > 1 && numbers.last() < Some(&number) {
                numbers.pop();
            }
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrows = |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" → ");
        write!(f, "{} faults, {} operations", arrows(&self.faults), arrows(&self.operations))
    }
}

/// How many faults a schedule has: its steps, but for those that only carry triggers, draws or operations, and its ambient
/// rates.
pub fn faults(schedule: &Schedule) -> usize {
    let steps = schedule.steps.iter().filter(|step| !HARMLESS.contains(&step.fault.kind())).count();
    let Header { loss, duplication, jitter, .. } = schedule.header;
    steps + [loss, duplication, jitter].into_iter().filter(|rate| *rate > 0).count()
}

/// Minimizes `schedule`, which must fail with an anomaly of this class and name, in at most about `budget` runs. `watch` hears
/// of progress, and says whether to go on; what was reached until then is the answer.
pub fn minimize(
    harness: &mut Harness,
    schedule: &Schedule,
    anomaly: &Anomaly,
    budget: u64,
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Minimized {
    let mut search = Search::new(harness, anomaly, budget, watch);
    let mut best = search.resolved(schedule.clone());
    best = search.drop_ineffective(best);
    let mut drawn = None;
    loop {
        search.stage = Stage::Steps;
        best = search.shrink(best);
        let named = search.spell_out_operations(best.clone());
        drawn = drawn.or((named != best).then_some(best));
        best = named;
        best = search.leave_nothing_to_chance(best);
        best = search.name_real_nodes(best);
        best = search.name_roles(best);
        best = search.name_moments(best);
        best = search.resolved(best);
        match search.something_less(&best) {
            Some(less) => best = less,
            None => return search.end(best, drawn, true),
        }
        if search.exhausted() {
            return search.end(best, drawn, false);
        }
    }
}

impl Search<'_> {
    /// With nothing left to defaults.
    fn resolved(&self, mut schedule: Schedule) -> Schedule {
        schedule.header = resolve(&schedule.header, self.harness.about());
        schedule
    }

    fn end(self, schedule: Schedule, drawn: Option<Schedule>, proved: bool) -> Minimized {
        let (runs, one_minimal) = (self.runs, proved && !self.stopped);
        Minimized { schedule, one_minimal, runs, slips: self.slips.into_values().collect(), drawn }
    }
}

/// `schedule` without the steps that changed nothing in its run `outcome`, and to which no other refers.
pub(crate) fn effective(schedule: &Schedule, outcome: &Outcome) -> Schedule {
    let idle = |step| outcome.steps.iter().any(|report| report.step == step && report.effects == 0);
    let keep: Vec<bool> = schedule.steps.iter().map(|step| !idle(*step)).collect();
    shrink::keep_steps(schedule, &keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_keeps_where_it_began_and_where_each_stage_ended() {
        let mut trail = Trail::new((37, 210));
        let mut follow = |stage, faults, operations| {
            trail.follow(Progress { stage, faults, operations, runs: 1 });
            trail.to_string()
        };
        assert_eq!(follow(Stage::Steps, 9, 210), "37 → 9 faults, 210 operations");
        assert_eq!(follow(Stage::Steps, 4, 60), "37 → 9 → 4 faults, 210 → 60 operations");
        assert_eq!(follow(Stage::Steps, 2, 60), "37 → 9 → 2 faults, 210 → 60 operations");
        assert_eq!(follow(Stage::Operations, 2, 4), "37 → 9 → 2 faults, 210 → 60 → 4 operations");
        assert_eq!(follow(Stage::Chance, 3, 60), "37 → 9 → 3 faults, 210 → 60 operations");
    }
}
