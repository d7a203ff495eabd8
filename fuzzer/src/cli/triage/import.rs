//! `murphy triage import`: what libFuzzer left, or a test case from elsewhere, becomes findings.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use murphy_checker::verdict::{Class, Verdict};
use murphy_schedule::Schedule;
use murphy_sim::AnyTarget;
use serde_json::{Value, json};

use super::super::{
    campaign::BUDGET,
    exit::{Exit, Failure, put},
    number, provenance,
};
use crate::{
    finding::{Finding, Provenance},
    harness::Harness,
    kind::Kind,
    known::Known,
    minimize::{faults, minimize},
    regression::{provisional_key, what},
    source::{Reading, Syntax},
};

#[derive(Clone, Debug, Args)]
pub(super) struct ImportArguments {
    /// Files, or folders of files such as `fuzz/artifacts/chaos_schedule`: bytes, or any form of a schedule.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The target, which bytes do not name.
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// The most runs to spend on minimizing each.
    #[arg(long, value_name = "N", default_value_t = BUDGET, value_parser = number)]
    budget: u64,
}

/// A target, and what is filed of it.
struct Desk {
    harness: Harness,
    known: Known,
}

/// What became of an input.
enum Fate {
    Passes,
    NoVerdict(&'static str),
    Differs,
    Known { what: String, hash: String, folder: PathBuf },
    New { what: String, hash: String, folder: PathBuf, faults: (usize, usize) },
}

/// Files everything among the paths that fails.
pub(super) fn import(
    targets: &[Box<dyn AnyTarget>],
    crashes: &Path,
    arguments: &ImportArguments,
    json: bool,
) -> Result<Exit, Failure> {
    // A target that does not exist is a mistake of the command, not of each file.
    arguments.target.as_ref().map(|name| Harness::new(targets, name)).transpose()?;
    let (mut desks, mut exit, mut unreadable) = (BTreeMap::new(), Exit::Clean, false);
    for path in files(&arguments.paths)? {
        match take(targets, crashes, &path, arguments, &mut desks) {
            Ok(fates) => {
                for (fate, slipped) in fates {
                    tell(&path, &fate, slipped, json);
                    exit = exit.or(fate.exit());
                }
            }
            Err(failure) => {
                complain(&path, &failure, json);
                unreadable = true;
            }
        }
    }
    Ok(if unreadable { Exit::Files } else { exit })
}

/// The files that paths mean, those of a folder sorted by name.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).map_err(Failure::file("read the folder", path))?;
        let mut inside: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

/// The schedule in a file, and the target that it names, if it does. What is no text is bytes, and any bytes are a schedule.
fn read(path: &Path) -> Result<(Schedule, Option<String>), Failure> {
    let bytes = fs::read(path).map_err(Failure::file("read", path))?;
    if Syntax::of(path).is_none() && !bytes.starts_with(b"murphy ") {
        return Ok((Schedule::from_bytes(&bytes), None));
    }
    let document = Reading::default().file(path)?.document;
    Ok((document.schedule, Some(document.target).filter(|target| target != "any")))
}

/// What became of a file; and of what else was met while it was minimized, which is marked.
fn take(
    targets: &[Box<dyn AnyTarget>],
    crashes: &Path,
    path: &Path,
    arguments: &ImportArguments,
    desks: &mut BTreeMap<String, Desk>,
) -> Result<Vec<(Fate, bool)>, Failure> {
    let (schedule, named) = read(path)?;
    let name = arguments.target.clone().or(named).ok_or(Failure::NoTarget)?;
    if !desks.contains_key(&name) {
        let harness = Harness::new(targets, &name)?;
        let known = Known::load(crashes, harness.name());
        desks.insert(name.clone(), Desk { harness, known });
    }
    let desk = desks.get_mut(&name).expect("it was put there just now");
    let (fate, slips) = desk.file(crashes, &schedule, arguments.budget)?;
    let mut fates = vec![(fate, false)];
    for slip in slips {
        let (fate, _) = desk.file(crashes, &slip, arguments.budget)?;
        fates.push((fate, true));
    }
    Ok(fates)
}

impl Desk {
    /// Runs a schedule, and files it if it fails and is not known. Also what failed in other ways on the way.
    fn file(&mut self, crashes: &Path, schedule: &Schedule, budget: u64) -> Result<(Fate, Vec<Schedule>), Failure> {
        let nothing = |fate| Ok((fate, Vec::new()));
        let outcome = self.harness.run(schedule);
        let (verdict, hash) = (outcome.verdict.clone(), outcome.trace_hash);
        let before = (faults(schedule), outcome.history.operations.len());
        let same = self.harness.run(schedule).trace_hash == hash;
        let anomaly = match verdict {
            Verdict::Valid if same => return nothing(Fate::Passes),
            Verdict::Unknown(budget) if same => return nothing(Fate::NoVerdict(budget.reason())),
            Verdict::Invalid(anomaly) if same && anomaly.class != Class::Nondeterminism => anomaly,
            _ => return nothing(Fate::Differs),
        };
        let (what, hash) = (what(&anomaly), provisional_key(self.harness.name(), &anomaly));
        let kind = Kind::of(&mut self.harness, schedule);
        let folder = kind.and_then(|kind| self.known.fits(&mut self.harness, schedule, &kind));
        if let Some(folder) = folder {
            return nothing(Fate::Known { what, hash, folder: folder.to_path_buf() });
        }
        let smallest = minimize(&mut self.harness, schedule, &anomaly, budget, &mut |_| true);
        let Some(finding) = Finding::new(&mut self.harness, &smallest.schedule) else { return nothing(Fate::Differs) };
        let folder = crashes.join(finding.folder_name());
        let home = if smallest.one_minimal { Known::home(crashes, &mut self.harness, &finding) } else { None };
        if let Some(home) = home {
            finding.write_as_another_way(&home, self.harness.vocabulary())?;
            return Ok((Fate::Known { what, hash, folder: home }, smallest.slips));
        }
        let known = folder.exists();
        let provenance = Provenance {
            before,
            one_minimal: smallest.one_minimal,
            minimizing_runs: smallest.runs,
            original: Some(schedule.clone()),
            ..provenance()
        };
        finding.write_if_smaller(crashes, &provenance, self.harness.vocabulary())?;
        self.known.add(&finding, &finding.schedule, &folder);
        let faults = (before.0, faults(&finding.schedule));
        let fate = if known { Fate::Known { what, hash, folder } } else { Fate::New { what, hash, folder, faults } };
        Ok((fate, smallest.slips))
    }
}

impl Fate {
    fn exit(&self) -> Exit {
        match self {
            Self::Passes => Exit::Clean,
            Self::NoVerdict(_) => Exit::Inconclusive,
            Self::Differs => Exit::Nondeterminism,
            Self::Known { .. } | Self::New { .. } => Exit::Violation,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Passes => "passes: not filed".to_string(),
            Self::NoVerdict(reason) => format!("no verdict, {reason}: not filed"),
            Self::Differs => "two runs differ: not filed".to_string(),
            Self::Known { what, hash, folder } => format!("{what}, FuzzerHash={hash}, known: {}", folder.display()),
            Self::New { what, hash, folder, faults: (before, after) } => {
                format!("{what}, FuzzerHash={hash}, new: {}, {before} → {after} faults", folder.display())
            }
        }
    }

    fn object(&self) -> Value {
        match self {
            Self::Passes => json!({ "fate": "passes" }),
            Self::NoVerdict(reason) => json!({ "fate": "unknown", "reason": reason }),
            Self::Differs => json!({ "fate": "nondeterministic" }),
            Self::Known { what, hash, folder } => {
                json!({ "fate": "known", "anomaly": what, "fuzzer_hash": hash, "folder": folder })
            }
            Self::New { what, hash, folder, faults: (before, after) } => json!({
                "fate": "new", "anomaly": what, "fuzzer_hash": hash, "folder": folder, "faults_before": before, "faults": after,
            }),
        }
    }
}

fn tell(path: &Path, fate: &Fate, slipped: bool, json: bool) {
    if json {
        let mut object = fate.object();
        object["schema"] = json!("murphy/import/1");
        object["file"] = json!(path);
        object["met_on_the_way"] = json!(slipped);
        return put(&object.to_string());
    }
    let slipped = if slipped { "on the way to its minimum " } else { "" };
    put(&format!("{}  {slipped}{}", path.display(), fate.text()));
}

fn complain(path: &Path, failure: &Failure, json: bool) {
    put(&if json {
        json!({ "schema": "murphy/import/1", "file": path, "fate": "unreadable", "error": failure.to_string() })
            .to_string()
    } else {
        format!("{}  not filed: {failure}", path.display())
    });
}
