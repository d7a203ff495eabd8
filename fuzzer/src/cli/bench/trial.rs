//! One job, in a process of its own, so that its time is the process's.

use std::{fs, ops::ControlFlow, path::Path, time::Duration};

use murphy_checker::verdict::{Anomaly, Class, Verdict};
use murphy_schedule::Schedule;
use murphy_sim::AnyTarget;

use super::{
    super::exit::{Exit, Failure, put},
    plan::{Job, Kind},
};
use crate::{
    Harness,
    engine::{self, Campaign, Recipe, Stats, Watcher},
};

/// What a job gave, in the columns of the table that are not the job's own.
pub(super) struct Result {
    execs: u64,
    events: u64,
    cpu: f64,
    hits: u64,
    /// The schedule of the first finding, and whether the twin stands it.
    found: Option<(String, &'static str)>,
}

impl Result {
    /// The middle of a row: what the job measured.
    fn columns(&self, job: &Job) -> String {
        let (schedule, twin) = self.found.as_ref().map_or(("-", "-"), |(name, twin)| (name.as_str(), *twin));
        let Self { execs, events, cpu, hits, .. } = self;
        format!("{execs},{events},{cpu:.2},{hits},{},{schedule},{twin}", job.budget)
    }
}

/// The processor time of this process so far; none, where the system does not tell.
#[cfg(unix)]
fn cpu() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// The processor time of this process so far; none, where the system does not tell.
#[cfg(not(unix))]
fn cpu() -> Duration {
    Duration::ZERO
}

/// Counts violations, and ends at the first unless all are to be counted.
struct Counter {
    all: bool,
    /// The most processor time.
    cpu_max: Duration,
    hits: u64,
    first: Option<(Schedule, Anomaly)>,
    differs: bool,
}

impl Watcher for Counter {
    fn violation(&mut self, _: &mut Harness, schedule: &Schedule, anomaly: &Anomaly, _: &Stats) -> ControlFlow<()> {
        if anomaly.class == Class::Nondeterminism {
            self.differs = true;
            return ControlFlow::Break(());
        }
        self.hits += 1;
        self.first.get_or_insert_with(|| (schedule.clone(), anomaly.clone()));
        if self.all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn executed(&mut self, stats: &Stats) -> ControlFlow<()> {
        let late = stats.execs.is_multiple_of(1024) && cpu() > self.cpu_max;
        if late { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Does `job`, prints its columns, and leaves the schedule of what it found in `finds`.
pub(super) fn run(
    targets: &[Box<dyn AnyTarget>],
    job: &Job,
    cpu_max: Duration,
    finds: &Path,
) -> std::result::Result<Exit, Failure> {
    let harness = Harness::new(targets, &job.subject())?;
    let recipe = Recipe::named(job.arm).expect("a job has an arm that there is");
    let seed = job.trial.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(job.kind == Kind::Pool);
    let campaign = Campaign { seed, execs: Some(job.budget), corpus: None, seeds: Vec::new(), recipe };
    let mut counter = Counter { all: job.kind != Kind::Trial, cpu_max, hits: 0, first: None, differs: false };
    let begun = cpu();
    let summary = engine::run(&campaign, harness, &mut counter).map_err(|error| Failure::Corpus(error.to_string()))?;
    let cpu = (cpu() - begun).as_secs_f64();
    if counter.differs {
        return Ok(Exit::Nondeterminism);
    }
    let found = counter.first.filter(|_| job.kind == Kind::Trial);
    let found = found.map(|(schedule, _)| keep(targets, job, &schedule, finds)).transpose()?;
    let Stats { execs, events, .. } = summary.stats;
    put(&Result { execs, events, cpu, hits: counter.hits, found }.columns(job));
    Ok(Exit::Clean)
}

/// Writes down a schedule that violates, and tries it on the twin.
fn keep(
    targets: &[Box<dyn AnyTarget>],
    job: &Job,
    schedule: &Schedule,
    finds: &Path,
) -> std::result::Result<(String, &'static str), Failure> {
    let name = engine::name(schedule);
    let path = finds.join(format!("{name}.murphy"));
    let text = Harness::new(targets, &job.subject())?.document(schedule).to_string();
    fs::write(&path, text).map_err(Failure::file("write", &path))?;
    if job.bug == "-" {
        return Ok((name, "-"));
    }
    let mut twin = Harness::new(targets, &job.target)?;
    if Recipe::named(job.arm).is_some_and(|recipe| !recipe.keyed) {
        twin.draw_from_one_stream();
    }
    let clean = twin.run(schedule).verdict == Verdict::Valid;
    Ok((name, if clean { "passes" } else { "fails" }))
}
