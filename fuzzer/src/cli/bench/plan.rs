//! What a comparison consists of: for each bug and arm a series of jobs, and which job is next.

use murphy_sim::{AnyTarget, Bug};

use super::super::exit::Failure;
pub(super) use crate::bench::row::Kind;
use crate::engine::Recipe;

/// Executions of one part of a pooled stream.
const PART: u64 = 50_000;
/// So many hits say how likely one is.
const HITS_ENOUGH: u64 = 100;
/// Executions of one part of a twin's count.
const TWIN_PART: u64 = 100_000;

/// One process's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Job {
    /// The bug, `-` for a crate that has one of its own.
    pub(in super::super) bug: String,
    pub(in super::super) target: String,
    pub(in super::super) arm: &'static str,
    pub(in super::super) kind: Kind,
    /// Which of its series it is, and its seed.
    pub(in super::super) trial: u64,
    /// In executions.
    pub(in super::super) budget: u64,
}

impl Job {
    /// The target with its bug, as the command names it.
    pub(super) fn subject(&self) -> String {
        if self.bug == "-" || self.kind == Kind::Twin {
            self.target.clone()
        } else {
            format!("{}+{}", self.target, self.bug)
        }
    }
}

/// Jobs that differ only in their number.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) bug: String,
    pub(super) target: String,
    pub(super) arm: &'static str,
    pub(super) kind: Kind,
    /// Of each job.
    budget: u64,
    /// How many jobs there are at most.
    jobs: u64,
}

impl Series {
    /// The job with this number.
    pub(super) fn job(&self, trial: u64) -> Job {
        let Self { bug, target, arm, kind, budget, jobs: _ } = self.clone();
        Job { bug, target, arm, kind, trial, budget }
    }

    /// Whether so many jobs, which had so many hits, are all.
    pub(super) fn is_complete(&self, begun: u64, hits: u64) -> bool {
        begun >= self.jobs || (self.kind == Kind::Pool && hits >= HITS_ENOUGH)
    }
}

/// A comparison as the user asked for it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Names of bugs, or of crates that have one of their own.
    pub(super) bugs: Vec<String>,
    pub(super) arms: Vec<&'static str>,
    /// Trials of an arm with memory.
    pub(super) trials: u64,
    /// Executions of a trial; `None`: as the depth of the bug asks.
    pub(super) execs: Option<u64>,
    /// Executions of a pooled stream.
    pub(super) pool: u64,
    /// Executions of each twin.
    pub(super) twin: u64,
}

/// The bugs of the small profile: two of each depth and more of the deep ones.
pub(super) const SMALL: [&str; 6] = ["C1", "A1", "B2", "A4", "D1", "F4"];

/// Executions of a trial, by depth.
fn budget(bug: &Bug) -> u64 {
    if bug.depth() == 'S' { 100_000 } else { 1_000_000 }
}

impl Plan {
    /// The series of the plan, in its order.
    pub(super) fn series(&self, targets: &[Box<dyn AnyTarget>]) -> Result<Vec<Series>, Failure> {
        let all: Vec<(&str, Bug)> = targets
            .iter()
            .map(|target| target.about())
            .flat_map(|about| about.bugs.into_iter().map(move |bug| (about.name, bug)))
            .collect();
        let mut series = Vec::new();
        for wanted in &self.bugs {
            if let Some((target, bug)) = all.iter().find(|(_, bug)| bug.name == wanted) {
                self.add(wanted, target, self.execs.unwrap_or(budget(bug)), &mut series);
            } else if targets.iter().any(|target| target.about().name == wanted) {
                self.add("-", wanted, self.execs.unwrap_or(100_000), &mut series);
            } else {
                let mut known: Vec<String> = all.iter().map(|(_, bug)| bug.name.to_string()).collect();
                known.extend(targets.iter().map(|target| target.about().name.to_string()));
                return Err(Failure::UnknownBug { found: wanted.clone(), known });
            }
        }
        Ok(series)
    }

    fn add(&self, bug: &str, target: &str, execs: u64, series: &mut Vec<Series>) {
        let of = |arm, kind, budget, jobs| Series { bug: bug.into(), target: target.into(), arm, kind, budget, jobs };
        for arm in &self.arms {
            let memoryless = Recipe::named(arm).is_some_and(|recipe| recipe.is_memoryless());
            series.push(match memoryless {
                true => of(*arm, Kind::Pool, PART.min(self.pool), self.pool.div_ceil(PART)),
                false => of(*arm, Kind::Trial, execs, self.trials),
            });
        }
        if self.twin > 0
            && bug != "-"
            && series.iter().all(|series| series.kind != Kind::Twin || series.target != target)
        {
            series.push(of("guided", Kind::Twin, TWIN_PART.min(self.twin), self.twin.div_ceil(TWIN_PART)));
        }
    }
}
