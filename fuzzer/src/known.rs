//! Is a failing schedule one more case of a finding that is filed already?
//!
//! It is, if its steps of the known finding's kinds are enough to fail in the same way: the known skeleton fits inside. That
//! takes a run for each known finding, where minimizing takes hundreds.

use std::path::{Path, PathBuf};

use murphy_checker::verdict::Anomaly;
use murphy_schedule::{FaultKind, Schedule, shrink};

use crate::{finding, harness::Harness, source};

/// A finding that is filed already.
#[derive(Clone, Debug)]
struct Case {
    class: String,
    name: String,
    kinds: Vec<FaultKind>,
    folder: PathBuf,
}

/// The findings of one target that are filed already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Vec<Case>);

impl Known {
    /// The findings for `target` in the folder `crashes`. Folders that cannot be read are passed over: they do not name a
    /// known finding, and whoever opens them is told why.
    pub(crate) fn load(crashes: &Path, target: &str) -> Self {
        let mut known = Self::default();
        for folder in source::folders(crashes) {
            let Ok(Ok(entry)) = finding::read_folder(&folder) else { continue };
            let verdict = std::fs::read(folder.join("verdict.json")).ok();
            let verdict = verdict.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
            let word = |field: &str| verdict.as_ref().and_then(|verdict| verdict[field].as_str()).map(str::to_string);
            if let (Some(class), Some(name), true) = (word("class"), word("anomaly"), entry.document.target == target) {
                known.0.push(Case { class, name, kinds: kinds(&entry.document.schedule), folder });
            }
        }
        known
    }

    /// Remembers a finding that was filed in `folder`.
    pub(crate) fn add(&mut self, anomaly: &Anomaly, schedule: &Schedule, folder: &Path) {
        let (class, name) = (anomaly.class.name().to_string(), anomaly.name.to_string());
        if self.0.iter().all(|case| case.folder != folder) {
            self.0.push(Case { class, name, kinds: kinds(schedule), folder: folder.to_path_buf() });
        }
    }

    /// The folder of a known finding whose skeleton fits inside `schedule`, which fails with `anomaly`.
    pub(crate) fn fits(&self, harness: &mut Harness, schedule: &Schedule, anomaly: &Anomaly) -> Option<&Path> {
        let same = self.0.iter().filter(|case| case.class == anomaly.class.name() && case.name == anomaly.name);
        let mut same = same.peekable();
        same.peek()?;
        same.find(|case| {
            let keep = embed(&case.kinds, schedule);
            keep.is_some_and(|keep| {
                let outcome = harness.run(&shrink::keep_steps(schedule, &keep));
                let found = outcome.verdict.anomaly();
                found.is_some_and(|found| found.class == anomaly.class && found.name == anomaly.name)
            })
        })
        .map(|case| case.folder.as_path())
    }
}

fn kinds(schedule: &Schedule) -> Vec<FaultKind> {
    let mut kinds: Vec<FaultKind> = schedule.steps.iter().map(|step| step.fault.kind()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Every step of `schedule` whose kind is among `kinds`; `None` if one of these is missing.
fn embed(kinds: &[FaultKind], schedule: &Schedule) -> Option<Vec<bool>> {
    let of = |kind: &FaultKind| schedule.steps.iter().any(|step| step.fault.kind() == *kind);
    kinds.iter().all(of).then(|| schedule.steps.iter().map(|step| kinds.contains(&step.fault.kind())).collect())
}
