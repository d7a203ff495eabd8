//! Murphy inside `cargo test`: a bounded blind search over a system's schedules, without LibAFL, files or clocks.
//!
//! ```
//! murphy::check(murphy::echo::Echo).execs(200).run();
//! ```

use std::{collections::BTreeSet, path::Path};

use murphy_checker::verdict::Verdict;
use murphy_schedule::{Dice, mutate};
use murphy_sim::{
    AnyTarget, Shared, Target,
    marks::{self, Site},
};

use crate::{
    finding::{self, Entry, Finding},
    harness::Harness,
    minimize::minimize,
    source,
};

/// The runs that minimizing may take in a test.
const BUDGET: u64 = 4000;

/// Sets up a bounded search on `target`.
pub fn check<T: Target>(target: T) -> Check {
    let target = Box::new(Shared::new(target));
    Check { target, bugs: BTreeSet::new(), seed: 1, execs: 1000, marks: false, invariants: Vec::new() }
}

/// Runs every finding in the folder `crashes` that was filed for `target`, with the invariants that it was judged by, and returns
/// how many there are: a test that a bug stays fixed.
///
/// # Panics
/// If a finding still breaks a promise, its folder cannot be read, or there is no folder `crashes`.
pub fn regress<T: Target>(target: T, crashes: &Path) -> usize {
    let targets: [Box<dyn AnyTarget>; 1] = [Box::new(Shared::new(target))];
    let name = targets[0].about().name;
    assert!(crashes.is_dir(), "{} is no folder", crashes.display());
    let entries = source::folders(crashes).into_iter().map(|folder| read(&folder));
    let ours = entries.filter(|entry| entry.document.target.split('+').next() == Some(name));
    ours.map(|entry| keep(&targets, &entry)).count()
}

fn read(folder: &Path) -> Entry {
    let entry = finding::read_folder(folder).unwrap_or_else(|error| panic!("{error}"));
    entry.unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// Fails if the finding still breaks a promise.
fn keep(targets: &[Box<dyn AnyTarget>], entry: &Entry) {
    let mut harness = Harness::new(targets, &entry.document.target).unwrap_or_else(|error| panic!("{error}"));
    entry.invariants.iter().for_each(|text| harness.judge_again(text));
    if let Some(finding) = Finding::new(&mut harness, &entry.document.schedule) {
        panic!("{}: {}\n\n{}", entry.path.display(), finding.sentence(), finding.text());
    }
}

/// A bounded search.
pub struct Check {
    target: Box<dyn AnyTarget>,
    bugs: BTreeSet<String>,
    seed: u64,
    execs: u64,
    marks: bool,
    invariants: Vec<String>,
}

/// What a bounded search gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Schedules that were run.
    pub execs: u64,
    /// Runs without a verdict.
    pub unknown: u64,
    /// Operations that clients completed with `ok`.
    pub completed: u64,
    /// Steps that had an effect.
    pub effective_steps: u64,
    /// The marks in the target's code that no run hit and that a thorough test would, with their places.
    pub never_hit: Vec<String>,
}

impl Check {
    /// Plants a bug.
    pub fn bug(mut self, name: &str) -> Self {
        self.bugs.insert(name.to_string());
        self
    }

    /// The seed from which schedules are drawn; 1 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many schedules to run; 1,000 if not said.
    pub fn execs(mut self, execs: u64) -> Self {
        self.execs = execs;
        self
    }

    /// Judges the invariants of an `.inv` file beside the target's own.
    pub fn invariants(mut self, text: &str) -> Self {
        self.invariants.push(text.to_string());
        self
    }

    /// Has [`run`](Self::run) fail if there is a mark in the target's code that no run hit: a `sometimes!` whose condition never
    /// held, a place that was never reached, an `always!` that was never evaluated.
    pub fn require_marks(mut self) -> Self {
        self.marks = true;
        self
    }

    /// Runs schedules until one breaks a promise.
    ///
    /// # Errors
    /// The minimized finding, and how many schedules it took.
    ///
    /// # Panics
    /// If the target has no such bug to plant, or is not deterministic, or its [invariants](Self::invariants) have a mistake.
    pub fn search(&self) -> Result<Report, (Box<Finding>, u64)> {
        let mut harness =
            Harness::with_bugs(&*self.target, self.bugs.clone()).unwrap_or_else(|error| panic!("{error}"));
        for text in &self.invariants {
            harness.judge(text).unwrap_or_else(|error| panic!("invariants: {error}"));
        }
        let (mut dice, mut report) = (Dice::new(self.seed), Report::default());
        let mut hit = vec![false; marks::names().len()];
        while report.execs < self.execs {
            let schedule = mutate::random(harness.vocabulary(), &mut dice);
            let outcome = harness.run(&schedule);
            report.execs += 1;
            report.unknown += u64::from(matches!(outcome.verdict, Verdict::Unknown(_)));
            report.completed += outcome.history.completed();
            report.effective_steps += outcome.steps.iter().filter(|step| step.effects > 0).count() as u64;
            for (hit, hits) in hit.iter_mut().zip(&outcome.signals.marks) {
                *hit |= *hits > 0;
            }
            if let Some(anomaly) = outcome.verdict.anomaly().cloned() {
                let smallest = minimize(&mut harness, &schedule, &anomaly, BUDGET, &mut |_| true);
                let finding = Finding::new(&mut harness, &smallest.schedule);
                let finding = finding.unwrap_or_else(|| panic!("two runs of one schedule differed:\n\n{:?}", schedule));
                return Err((Box::new(finding), report.execs));
            }
        }
        let sites = marks::sites_in(&harness.about().modules);
        let missed = marks::never_hit(&sites, |rank| hit[rank]).into_iter().filter(|site| site.kind().must_be_hit());
        report.never_hit = missed.map(Site::listed).collect();
        Ok(report)
    }

    /// Runs schedules, and fails the test with the minimal one if a promise is broken.
    ///
    /// # Panics
    /// If a schedule breaks a promise, more than one run in a hundred gave no verdict, no operation ever completed, no fault
    /// ever had an effect, or a mark was not hit that is [required](Self::require_marks).
    pub fn run(&self) -> Report {
        match self.search() {
            Err((finding, execs)) => {
                let picture = finding.picture(30);
                panic!("{}, after {execs} schedules\n\n{}\n{picture}", finding.sentence(), finding.text());
            }
            Ok(report) => {
                assert!(
                    report.unknown * 100 <= report.execs,
                    "{} of {} runs gave no verdict",
                    report.unknown,
                    report.execs
                );
                assert!(report.completed > 0, "no operation of any client ever completed");
                assert!(report.effective_steps > 0, "no fault ever had an effect");
                let missed = if self.marks { report.never_hit.as_slice() } else { &[] };
                assert!(missed.is_empty(), "marks never hit in {} runs:\n  {}", report.execs, missed.join("\n  "));
                report
            }
        }
    }
}
