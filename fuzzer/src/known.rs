//! Is a failing schedule one more case of a finding that is filed already?
//!
//! It is, if its steps of the known finding's kinds are enough to fail in the same way, or if the known finding's faults,
//! struck at moments that it chose for its own, are: the known skeleton fits inside. Another way to cause what is known
//! already is not worth a folder; the price is that of two bugs with one anomaly the second may go unnoticed until the first
//! is fixed. Asking takes tens of runs, where minimizing takes hundreds.

use std::path::{Path, PathBuf};

use murphy_checker::verdict::Anomaly;
use murphy_schedule::{Fault, FaultKind, Lasts, Schedule, Step, shrink};

use crate::{finding, harness::Harness, source};

/// A finding that is filed already.
#[derive(Clone, Debug)]
struct Case {
    class: String,
    name: String,
    /// What its steps do, and for how long.
    faults: Vec<(Fault, Lasts)>,
    folder: PathBuf,
}

/// Findings of more faults than this are not looked for at other moments: there are too many ways to choose these.
const MOVABLE_MAX: usize = 2;

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
                known.0.push(Case { class, name, faults: faults(&entry.document.schedule), folder });
            }
        }
        known
    }

    /// Remembers a finding that was filed in `folder`, by one of its schedules.
    pub(crate) fn add(&mut self, anomaly: &Anomaly, schedule: &Schedule, folder: &Path) {
        let (class, name) = (anomaly.class.name().to_string(), anomaly.name.to_string());
        let faults = faults(schedule);
        if !self.0.iter().any(|case| case.folder == folder && case.faults == faults) {
            self.0.push(Case { class, name, faults, folder: folder.to_path_buf() });
        }
    }

    /// The folder of a known finding whose skeleton fits inside `schedule`, which fails with `anomaly`.
    pub(crate) fn fits(&self, harness: &mut Harness, schedule: &Schedule, anomaly: &Anomaly) -> Option<&Path> {
        let same = self.0.iter().filter(|case| case.class == anomaly.class.name() && case.name == anomaly.name);
        let mut same = same.peekable();
        same.peek()?;
        let mut fails = |candidate: &Schedule| {
            let found = harness.run(candidate).verdict.anomaly();
            found.is_some_and(|found| found.class == anomaly.class && found.name == anomaly.name)
        };
        same.find(|case| {
            embed(&case.faults, schedule).is_some_and(|keep| fails(&shrink::keep_steps(schedule, &keep)))
                || moved(&case.faults, schedule).iter().any(&mut fails)
        })
        .map(|case| case.folder.as_path())
    }
}

/// The faults of a schedule that do something by themselves: what clients ask for is not among them. A length that depends on another step counts as "until healed".
fn faults(schedule: &Schedule) -> Vec<(Fault, Lasts)> {
    let steps = schedule.steps.iter().filter(|step| step.fault.kind() != FaultKind::Note && !invokes(step));
    steps
        .map(|step| (step.fault, if step.references().next().is_some() { Lasts::Healed } else { step.lasts }))
        .collect()
}

fn invokes(step: &Step) -> bool {
    step.fault.kind() == FaultKind::Invoke
}

/// Every step of `schedule` whose kind is among those of `faults`, and what clients ask for; `None` if a kind is missing.
fn embed(faults: &[(Fault, Lasts)], schedule: &Schedule) -> Option<Vec<bool>> {
    let kinds: Vec<FaultKind> = faults.iter().map(|(fault, _)| fault.kind()).collect();
    let present = |kind: &FaultKind| schedule.steps.iter().any(|step| step.fault.kind() == *kind);
    let keep = |step: &Step| invokes(step) || kinds.contains(&step.fault.kind());
    kinds.iter().all(present).then(|| schedule.steps.iter().map(keep).collect())
}

/// `faults` at moments that `schedule` chose: for each choice of as many of its steps, a schedule in which these strike with
/// `faults` instead and all others do nothing but to have clients ask for something.
fn moved(faults: &[(Fault, Lasts)], schedule: &Schedule) -> Vec<Schedule> {
    if faults.is_empty() || faults.len() > MOVABLE_MAX {
        return Vec::new();
    }
    let count = schedule.steps.len();
    let choices = (0..count.pow(faults.len() as u32)).map(|mut choice| {
        let mut places = Vec::new();
        for _ in faults {
            places.push(choice % count);
            choice /= count;
        }
        places
    });
    let distinct = |places: &Vec<usize>| places.iter().enumerate().all(|(at, place)| !places[..at].contains(place));
    choices.filter(distinct).map(|places| struck(schedule, faults, &places)).collect()
}

fn struck(schedule: &Schedule, faults: &[(Fault, Lasts)], places: &[usize]) -> Schedule {
    let mut moved = schedule.clone();
    for step in moved.steps.iter_mut().filter(|step| !invokes(step)) {
        (step.fault, step.lasts) = (Fault::Note {}, Lasts::Healed);
    }
    for ((fault, lasts), place) in faults.iter().zip(places) {
        (moved.steps[*place].fault, moved.steps[*place].lasts) = (*fault, *lasts);
    }
    moved
}
