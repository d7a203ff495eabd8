//! Murphy inside `cargo test`, without LibAFL and clocks: a bounded blind search over a system's schedules, and a test for each
//! finding that was filed.
//!
//! ```
//! murphy::check(murphy::echo::Echo).execs(200).run();
//! ```

mod keep;
mod regress;

pub use regress::{regress, regress_main};

use std::collections::BTreeSet;

use murphy_checker::verdict::{Anomaly, Verdict};
use murphy_schedule::{Dice, Schedule, mutate};
use murphy_sim::{
    AnyTarget, Shared, Target,
    marks::{self, Site},
};

use crate::{
    finding::{Finding, Provenance},
    harness::Harness,
    minimize::{faults, minimize},
};

/// The runs that minimizing may take in a test.
const BUDGET: u64 = 4000;

/// Sets up a bounded search on `target`.
pub fn check<T: Target>(target: T) -> Check {
    let target = Box::new(Shared::new(target));
    Check { target, bugs: BTreeSet::new(), seed: 1, execs: 1000, marks: false, invariants: Vec::new() }
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

    /// The seed from which schedules are drawn; 1 if not said. `MURPHY_SEED` in the environment has the last word.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many schedules to run; 1,000 if not said. `MURPHY_EXECS` in the environment has the last word.
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
    /// If the target has no such bug to plant, or is not deterministic, or its [invariants](Self::invariants) have a mistake, or
    /// `MURPHY_SEED` or `MURPHY_EXECS` is no number.
    pub fn search(&self) -> Result<Report, (Box<Finding>, u64)> {
        self.hunt().map_err(|caught| (Box::new(caught.finding), caught.provenance.execs))
    }

    fn hunt(&self) -> Result<Report, Box<Caught>> {
        let (seed, execs) = (number("MURPHY_SEED", self.seed), number("MURPHY_EXECS", self.execs));
        let mut harness =
            Harness::with_bugs(&*self.target, self.bugs.clone()).unwrap_or_else(|error| panic!("{error}"));
        for text in &self.invariants {
            harness.judge(text).unwrap_or_else(|error| panic!("invariants: {error}"));
        }
        let (mut dice, mut report) = (Dice::new(seed), Report::default());
        let mut hit = vec![false; marks::names().len()];
        while report.execs < execs {
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
                let before = (faults(&schedule), outcome.history.operations.len());
                let provenance =
                    Provenance { campaign_seed: seed, execs: report.execs, before, ..Provenance::default() };
                return Err(Box::new(Caught::minimized(&mut harness, schedule, &anomaly, provenance)));
            }
        }
        let sites = marks::sites_in(&harness.about().modules);
        let missed = marks::never_hit(&sites, |rank| hit[rank]).into_iter().filter(|site| site.kind().must_be_hit());
        report.never_hit = missed.map(Site::listed).collect();
        Ok(report)
    }

    /// Runs schedules, and fails the test with the minimal one if a promise is broken. That one is also filed in
    /// `target/murphy/crashes`: whoever copies it into the source tree has a [test](regress_main) of it for ever. With `MURPHY_TRACE=FILE`
    /// in the environment every event of its run is in that file.
    ///
    /// # Panics
    /// If a schedule breaks a promise, more than one run in a hundred gave no verdict, no operation ever completed, no fault
    /// ever had an effect, or a mark was not hit that is [required](Self::require_marks).
    pub fn run(&self) -> Report {
        match self.hunt() {
            Err(caught) => panic!("{}", caught.text()),
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

/// A finding of a search, and how it came about.
struct Caught {
    finding: Finding,
    provenance: Provenance,
}

impl Caught {
    /// Minimizes a schedule that fails with `anomaly`.
    fn minimized(harness: &mut Harness, schedule: Schedule, anomaly: &Anomaly, provenance: Provenance) -> Self {
        let smallest = minimize(harness, &schedule, anomaly, BUDGET, &mut |_| true);
        let finding = Finding::new(harness, &smallest.schedule);
        let finding = finding.unwrap_or_else(|| panic!("two runs of one schedule differed:\n\n{schedule:?}"));
        let (one_minimal, minimizing_runs) = (smallest.one_minimal, smallest.runs);
        let provenance = Provenance { one_minimal, minimizing_runs, original: Some(schedule), ..provenance };
        Self { finding, provenance }
    }

    /// What a test says that caught it: what broke, the schedule, a picture, and how to keep it.
    fn text(&self) -> String {
        let Self { finding, provenance } = self;
        let kept = match keep::keep(finding, provenance) {
            Ok(folder) => format!("cp -r {} crashes/", folder.display()),
            Err(error) => format!("(it is not kept: {error})"),
        };
        let (sentence, execs, picture) = (finding.sentence(), provenance.execs, finding.picture(30));
        let untraced = keep::trace(finding);
        let sentence = sentence.trim_end_matches('.');
        format!("{sentence}, after {execs} schedules\n\n{}\n{picture}\n{kept}{untraced}", finding.text())
    }
}

/// The number in a variable of the environment, decimal or 0x…, or `otherwise` if it is not set.
fn number(variable: &str, otherwise: u64) -> u64 {
    let Ok(text) = std::env::var(variable) else { return otherwise };
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.unwrap_or_else(|_| panic!("{variable}: found `{text}`, expected a whole number, decimal or 0x…"))
}
