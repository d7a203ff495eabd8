//! One target, with its planted bugs, ready to run schedules: bytes → schedule → run → verdict.

use std::{collections::BTreeSet, path::PathBuf};

use murphy_checker::invariant::{self, Invariant, InvariantError};
use murphy_schedule::{Document, Schedule, Vocabulary};
use murphy_sim::{About, AnyTarget, Options, Outcome, Run};
#[cfg(feature = "cli")]
use murphy_sim::{Keying, Snapshot, TraceEvent};
use thiserror::Error;

/// Why a target cannot be run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HarnessError {
    /// No target has this name.
    #[error("no target is called `{found}`, expected one of {}", known.join(", "))]
    UnknownTarget {
        /// What was asked for.
        found: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The target has no such bug to plant.
    #[error("target `{target}` has no bug `{found}`, expected {}", expected(known))]
    UnknownBug {
        /// The target.
        target: String,
        /// What was asked for.
        found: String,
        /// What there is.
        known: Vec<String>,
    },
}

fn expected(known: &[String]) -> String {
    if known.is_empty() { "none: it has no bugs to plant".to_string() } else { format!("one of {}", known.join(", ")) }
}

/// A file of invariants with a mistake, and its text.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}:{error}", path.display())]
pub struct BadInvariants {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What is wrong with it.
    pub error: InvariantError,
}

/// A target with its planted bugs, ready to run schedules.
pub struct Harness {
    name: String,
    about: About,
    vocabulary: Vocabulary,
    runner: Box<dyn Run>,
    options: Options,
    /// Judged beside the target's own.
    invariants: Vec<Invariant>,
    /// The same as they were written.
    invariants_text: String,
}

impl Harness {
    /// The target that `name` names among `targets`: `raft-kv`, or `raft-kv+B1` with a planted bug.
    ///
    /// # Errors
    /// If there is no such target, or no such bug.
    pub fn new(targets: &[Box<dyn AnyTarget>], name: &str) -> Result<Self, HarnessError> {
        let mut parts = name.split('+');
        let base = parts.next().unwrap_or_default();
        let known = || targets.iter().map(|target| target.about().name.to_string()).collect();
        let target = targets.iter().find(|target| target.about().name == base);
        let target = target.ok_or_else(|| HarnessError::UnknownTarget { found: base.to_string(), known: known() })?;
        Self::with_bugs(&**target, parts.map(str::to_string).collect())
    }

    /// `target` with these bugs planted.
    ///
    /// # Errors
    /// If the target has no such bug.
    pub fn with_bugs(target: &dyn AnyTarget, bugs: BTreeSet<String>) -> Result<Self, HarnessError> {
        let about = target.about();
        if let Some(found) = bugs.iter().find(|bug| about.bugs.iter().all(|known| known.name != bug.as_str())) {
            let known = about.bugs.iter().map(|bug| bug.name.to_string()).collect();
            return Err(HarnessError::UnknownBug { target: about.name.to_string(), found: found.clone(), known });
        }
        let name = std::iter::once(about.name).chain(bugs.iter().map(String::as_str)).collect::<Vec<_>>().join("+");
        let (vocabulary, runner) = (target.vocabulary(), target.runner(&bugs));
        Ok(Self {
            name,
            about,
            vocabulary,
            runner,
            options: Options::SEARCH,
            invariants: Vec::new(),
            invariants_text: String::new(),
        })
    }

    /// Judges the invariants of `text`, which is an `.inv` file, in every run from now on, beside the target's own. Findings keep
    /// them. Those that are judged already are not judged twice.
    ///
    /// # Errors
    /// If the text has a mistake.
    pub fn judge(&mut self, text: &str) -> Result<(), InvariantError> {
        let known = self.invariants.len();
        for invariant in invariant::parse(text)? {
            if !self.invariants.contains(&invariant) {
                self.invariants.push(invariant);
            }
        }
        if known < self.invariants.len() {
            self.runner.judge(&self.invariants[known..]);
            let end = if text.ends_with('\n') { "" } else { "\n" };
            self.invariants_text += &format!("{text}{end}");
        }
        Ok(())
    }

    /// Judges the invariants of a folder, which whoever read the folder has found without a mistake.
    pub(crate) fn judge_again(&mut self, text: &str) {
        self.judge(text).expect("whoever read the folder has read its invariants");
    }

    /// The invariants that are judged beside the target's own, as they were written.
    pub fn invariants(&self) -> &str {
        &self.invariants_text
    }

    /// The target's name with its planted bugs: `raft-kv+B1`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the target says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// What schedules for the target can name.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Runs `schedule`.
    pub fn run(&mut self, schedule: &Schedule) -> &Outcome {
        self.runner.run(schedule, self.options)
    }

    /// Runs `schedule` from a snapshot on, if that serves, else from the start. Returns how many events had not to be run again
    /// as well. The outcome is the same.
    #[cfg(feature = "cli")]
    pub(crate) fn run_from(&mut self, snapshot: Option<&Snapshot>, schedule: &Schedule) -> (u64, &Outcome) {
        if let Some(snapshot) = snapshot
            && self.runner.resume(snapshot, schedule, self.options).is_ok()
        {
            return (snapshot.events(), self.runner.outcome_mut());
        }
        (0, self.run(schedule))
    }

    /// Runs `schedule`, and keeps a snapshot of it where so many events have been handled, if the target's nodes can be copied.
    #[cfg(feature = "cli")]
    pub(crate) fn run_keeping(&mut self, schedule: &Schedule, events: u64) -> (Option<Snapshot>, &Outcome) {
        let snapshot = self.runner.run_keeping(schedule, self.options, &[events]).pop();
        (snapshot, self.runner.outcome_mut())
    }

    /// Draws all latencies from one stream from now on, so that each depends on how many were drawn before. It is there to be
    /// compared with.
    #[cfg(feature = "cli")]
    pub(crate) fn draw_from_one_stream(&mut self) {
        self.options.keying = Keying::Stream;
    }

    /// What is wrong with the target's invariants, as far as runs so far can tell: clauses that were neither true nor false.
    pub fn undecided(&self) -> Vec<String> {
        let undecided = self.runner.undecided().into_iter();
        undecided
            .map(|(name, clause)| {
                format!("invariant {name:?}: `{clause}` was never true nor false: is a name in it misspelt?")
            })
            .collect()
    }

    /// Runs `schedule` and keeps every event.
    pub fn trace(&mut self, schedule: &Schedule) -> Outcome {
        self.runner.run(schedule, Options { trace: true, ..self.options });
        std::mem::take(self.runner.outcome_mut())
    }

    /// The same, with `before` called before each event with what there is of the trace.
    #[cfg(feature = "cli")]
    pub(crate) fn trace_watched(&mut self, schedule: &Schedule, before: &mut dyn FnMut(&[TraceEvent])) -> Outcome {
        self.runner.run_watched(schedule, Options { trace: true, ..self.options }, before);
        std::mem::take(self.runner.outcome_mut())
    }

    /// `schedule` as text for this target.
    pub fn document(&self, schedule: &Schedule) -> Document {
        Document::new(&self.name, schedule.clone(), &self.vocabulary)
    }
}
