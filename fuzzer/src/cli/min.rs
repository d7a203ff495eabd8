//! `murphy min`: makes any failing schedule small, and files what is left.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use murphy_schedule::Schedule;
use murphy_sim::AnyTarget;
use serde_json::{Value, json};

use super::{
    MinArguments, Monitor, campaign,
    commands::{no_finding, open},
    exit::{Exit, Failure, put, say},
    progress::Line,
    provenance,
};
use crate::{
    finding::{Finding, Provenance},
    harness::Harness,
    kind::Kind,
    known::Known,
    minimize::{self, Minimized, Trail},
    source::Source,
};

/// Minimizes a schedule, and files what is left, and what else was met on the way.
pub(super) fn min(targets: &[Box<dyn AnyTarget>], arguments: &MinArguments, json: bool) -> Result<Exit, Failure> {
    let (source, harness) = open(targets, &arguments.schedule, &arguments.place)?;
    if arguments.place.crashes.is_dir() {
        campaign::tidy(&arguments.place.crashes)?;
    }
    let interrupted = campaign::catch_interrupts()?;
    let line = Line::new(Monitor::Auto, json);
    let mut minimizer = Minimizer { harness, arguments, line, interrupted: &interrupted };
    let schedule = source.document.schedule.clone();
    let original = original(&source).unwrap_or_else(|| schedule.clone());
    let Some((filed, slips)) = minimizer.file(&schedule, original)? else {
        return Ok(no_finding(&mut minimizer.harness, &source.document, "murphy/min/1", json));
    };
    filed.tell(json);
    let mut exit = filed.exit;
    for slip in slips {
        if let Some(filed) = minimizer.file_slip(&slip)? {
            filed.tell_slip(json);
            exit = exit.or(filed.exit);
        }
    }
    Ok(exit.or(if interrupted.load(Ordering::SeqCst) { Exit::Interrupted } else { Exit::Clean }))
}

struct Minimizer<'a> {
    harness: Harness,
    arguments: &'a MinArguments,
    line: Line,
    interrupted: &'a AtomicBool,
}

/// A finding that was filed, with what there is to tell of it.
struct Filed {
    finding: Finding,
    provenance: Provenance,
    folder: PathBuf,
    reproduced: Option<u64>,
    exit: Exit,
}

impl Minimizer<'_> {
    /// Minimizes `schedule` and files what is left; `None` if it does not fail. Also what failed in other ways.
    fn file(&mut self, schedule: &Schedule, original: Schedule) -> Result<Option<(Filed, Vec<Schedule>)>, Failure> {
        let Some(found) = Finding::new(&mut self.harness, schedule) else { return Ok(None) };
        let before = (minimize::faults(schedule), found.outcome.history.operations.len());
        let smallest = self.minimize(&found, before);
        let over = self.interrupted.load(Ordering::Relaxed);
        let look = || minimize::robustness(&mut self.harness, &smallest.schedule, &found.anomaly);
        let robustness = (!over).then(look);
        let Some(finding) = Finding::new(&mut self.harness, &smallest.schedule) else { return Ok(None) };
        let provenance = Provenance {
            before,
            one_minimal: smallest.one_minimal,
            minimizing_runs: smallest.runs,
            robustness,
            original: Some(original),
            ..provenance()
        };
        let crashes = &self.arguments.place.crashes;
        let folder = finding.write_if_smaller(crashes, &provenance, self.harness.vocabulary())?;
        let (finding, folder, reproduced) = campaign::confirm(finding, &provenance, &folder)?;
        let exit = Exit::of(finding.anomaly.class);
        Ok(Some((Filed { finding, provenance, folder, reproduced, exit }, smallest.slips)))
    }

    fn minimize(&mut self, found: &Finding, before: (usize, usize)) -> Minimized {
        let (line, interrupted) = (&self.line, self.interrupted);
        let mut trail = Trail::new(before);
        let mut watch = |progress| {
            line.minimizing(&mut trail, progress);
            !interrupted.load(Ordering::Relaxed)
        };
        let (schedule, budget) = (&found.schedule, self.arguments.budget);
        let smallest = minimize::minimize(&mut self.harness, schedule, &found.anomaly, budget, &mut watch);
        line.clear();
        smallest
    }

    /// Files what failed in another way, unless a known finding is behind it.
    fn file_slip(&mut self, slip: &Schedule) -> Result<Option<Filed>, Failure> {
        let known = Known::load(&self.arguments.place.crashes, self.harness.name());
        let Some(kind) = Kind::of(&mut self.harness, slip) else { return Ok(None) };
        if self.interrupted.load(Ordering::Relaxed) || known.fits(&mut self.harness, slip, &kind).is_some() {
            return Ok(None);
        }
        Ok(self.file(slip, slip.clone())?.map(|(filed, _)| filed))
    }
}

impl Filed {
    fn object(&self) -> Value {
        let Self { finding, provenance, folder, reproduced, .. } = self;
        let robust = provenance.robustness.as_ref().map(|robustness| finding.robust(robustness));
        json!({
            "schema": "murphy/min/1", "folder": folder, "key": finding.key(), "class": finding.anomaly.class.name(),
            "anomaly": finding.anomaly.name, "faults": minimize::faults(&finding.schedule),
            "faults_before": provenance.before.0, "operations": finding.outcome.history.operations.len(),
            "operations_before": provenance.before.1, "runs": provenance.minimizing_runs,
            "one_minimal": provenance.one_minimal, "reproduced": reproduced, "robust": robust.unwrap_or_default(),
            "schedule": finding.text(),
        })
    }

    fn tell(&self, json: bool) {
        if json {
            return put(&self.object().to_string());
        }
        let Self { finding, provenance, folder, .. } = self;
        put(finding.text().trim_end());
        // How robust it is was not looked at after an interrupt.
        let proof = match (provenance.one_minimal, &provenance.robustness) {
            (true, _) => "1-minimal",
            (false, Some(_)) => "not proved minimal: raise --budget",
            (false, None) => "not proved minimal: interrupted",
        };
        let (faults, operations) = (minimize::faults(&finding.schedule), finding.outcome.history.operations.len());
        say(&format!(
            "faults {} → {faults}, operations {} → {operations}, {} runs, {proof}",
            provenance.before.0, provenance.before.1, provenance.minimizing_runs,
        ));
        provenance.robustness.iter().flat_map(|found| finding.robust(found)).for_each(|sentence| say(&sentence));
        say(&folder.display().to_string());
    }

    fn tell_slip(&self, json: bool) {
        if json {
            return put(&self.object().to_string());
        }
        let anomaly = &self.finding.anomaly;
        let (class, folder) = (anomaly.class.name(), self.folder.display());
        say(&format!("on the way another one was met, {class} / {}:\n{folder}", anomaly.name));
    }
}

/// The schedule as it was found, if it came from a folder that still has it.
fn original(source: &Source) -> Option<Schedule> {
    let bytes = fs::read(source.entry.as_ref()?.path.join("original/input.bin")).ok()?;
    Some(Schedule::from_bytes(&bytes))
}
