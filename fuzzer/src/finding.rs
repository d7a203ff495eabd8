//! A finding: a schedule that breaks a promise, what it shows, and the folder in which it is kept.
//!
//! One key, one folder. A folder is written aside and renamed, so that an interrupted run never leaves half of one; the text
//! of the schedule is the source of truth, its bytes must agree with it, and everything else can be made again.

pub(crate) mod variants;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use murphy_checker::{
    explain, invariant,
    verdict::{Anomaly, Class, Evidence},
    write,
};
use murphy_schedule::{Document, FaultKind, Schedule, Vocabulary};
use murphy_sim::Outcome;
use serde_json::{Value, json};
use thiserror::Error;

pub use crate::aside::sweep;
use crate::{
    aside,
    harness::{BadInvariants, Harness},
    kind,
    minimize::{HARMLESS, Part, Robustness, Window},
    picture::{self, Scene, Selection},
};

/// The version of the key's definition.
pub(crate) const KEY_VERSION: &str = "v1";
/// The file of invariants that were judged beside the target's own.
const INVARIANTS: &str = "invariants.inv";
/// The files of a folder that are meant to be kept under version control; the others can be made again.
#[cfg(feature = "cli")]
pub(crate) const COMMITTED: [&str; 7] =
    ["README.md", "schedule.murphy", "input.bin", INVARIANTS, "meta.json", "verdict.json", "explain.txt"];
/// The version of this crate, which is that of its checkers.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A schedule that breaks a promise, with the run that shows it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The target's name with its planted bugs.
    pub target: String,
    /// What was found.
    pub anomaly: Anomaly,
    /// The schedule, with nothing left to defaults.
    pub schedule: Schedule,
    /// Its run, with every event.
    pub outcome: Outcome,
    /// Kinds of faults in order, with the roles of those they struck: one way to make it happen.
    pub skeleton: String,
    /// Who gave the answer that was wrong: `former leader`. `None`: it was no answer, or the target has no leaders.
    pub answered_by: Option<&'static str>,
    /// What was wrong beside that a protocol may rest upon: `clocks`, `data`.
    pub wrong: BTreeSet<&'static str>,
    /// The invariants that were judged beside the target's own, as they were written.
    pub invariants: String,
    document: String,
    kinds_of_traffic: Vec<&'static str>,
}

/// How a finding came about; recorded beside it.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// The name of the program that has the commands `show` and `replay`: `murphy`, or a user's own.
    pub program: String,
    /// The command that found it.
    pub command: String,
    /// The revision of the repository in which the command ran, if it was one.
    pub revision: Option<String>,
    /// When it was found, in seconds since 1970.
    pub found_at: u64,
    /// The campaign's seed.
    pub campaign_seed: u64,
    /// Executions until it was found.
    pub execs: u64,
    /// Faults and operations before minimizing.
    pub before: (usize, usize),
    /// Whether each step, operation and node was shown to be needed.
    pub one_minimal: bool,
    /// Runs that minimizing took.
    pub minimizing_runs: u64,
    /// How much the minimal schedule depends on luck, if that was looked at.
    pub robustness: Option<Robustness>,
    /// The schedule as it was found.
    pub original: Option<Schedule>,
}

/// Why a folder of a finding could not be read or written.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// `input.bin` is not the bytes of `schedule.murphy`.
    #[error("{} is not the bytes of {}: `murphy encode` makes it again from the text", bytes.display(), text.display())]
    Disagree {
        /// The file of bytes.
        bytes: PathBuf,
        /// The file of text.
        text: PathBuf,
    },
    /// The invariants that were judged cannot be read.
    #[error(transparent)]
    Invariants(#[from] BadInvariants),
}

impl FolderError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }
}

impl Finding {
    /// The finding that `schedule` makes on this target; `None` if its run keeps every promise.
    pub fn new(harness: &mut Harness, schedule: &Schedule) -> Option<Self> {
        let outcome = harness.trace(schedule);
        let anomaly = outcome.verdict.anomaly()?.clone();
        let roles = harness.about().roles;
        Some(Self {
            target: harness.name().to_string(),
            skeleton: skeleton(&outcome, roles),
            answered_by: kind::answered_by(&outcome, &anomaly, roles),
            wrong: kind::wrong(&outcome),
            invariants: harness.invariants().to_string(),
            document: harness.document(schedule).to_string(),
            kinds_of_traffic: picture::background(&outcome),
            schedule: schedule.clone(),
            anomaly,
            outcome,
        })
    }

    /// The same run as a finding of its own kind: what it shows, a new process does not.
    pub fn that_differs(self) -> Self {
        let (class, name) = (Class::Nondeterminism, "differs-in-a-new-process".into());
        Self { anomaly: Anomaly { class, name, evidence: Evidence::Property }, ..self }
    }

    /// Six letters that stand for target, class, anomaly and skeleton.
    pub fn key(&self) -> String {
        let parts = [KEY_VERSION, &self.target, self.anomaly.class.name(), &self.anomaly.name, &self.skeleton];
        letters(&parts.join("/"))
    }

    /// The name of its folder: `omnipaxos-diverging-decision-qmzkab`.
    pub fn folder_name(&self) -> String {
        let target = murphy_checker::verdict::slug(&self.target);
        format!("{target}-{}-{}", self.anomaly.name, self.key())
    }

    /// What it is like, whatever caused it.
    #[cfg(feature = "cli")]
    pub(crate) fn kind(&self) -> kind::Kind {
        kind::Kind::new(&self.anomaly, self.answered_by)
    }

    /// Whether nothing but the faults tells it from `other`: then one bug may well be behind both.
    #[cfg(feature = "cli")]
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.target == other.target && self.kind() == other.kind() && self.wrong == other.wrong
    }

    /// One sentence: who broke which promise.
    pub fn sentence(&self) -> String {
        explain::explain(&self.outcome.history, &self.anomaly).summary
    }

    /// The schedule as text.
    pub fn text(&self) -> &str {
        &self.document
    }

    /// Who sent what to whom up to the violation, in about `rows` rows.
    pub fn picture(&self, rows: usize) -> String {
        self.scene(rows).ascii()
    }

    /// What a picture of it shows.
    pub(crate) fn scene(&self, rows: usize) -> Scene {
        let explanation = explain::explain(&self.outcome.history, &self.anomaly);
        Scene::of(&self.outcome, &self.kinds_of_traffic, &self.anomaly, &explanation, rows)
    }

    /// Why it is a violation, at length.
    pub fn explanation(&self) -> String {
        explain::explain(&self.outcome.history, &self.anomaly).to_string()
    }

    /// The steps as the text has them, a line each.
    fn lines(&self) -> Vec<String> {
        let lines: Vec<&str> = self.document.lines().collect();
        let steps = &lines[lines.len() - self.schedule.steps.len()..];
        steps.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    /// How robust it is, a sentence each without a full stop.
    pub fn robust(&self, robustness: &Robustness) -> Vec<String> {
        robustness.sentences(&self.lines())
    }

    /// A hash of the states that its run visited, whatever their order.
    fn state_hash(&self) -> u64 {
        let mut states = self.outcome.signals.states.clone();
        states.sort_unstable();
        let bytes: Vec<u8> = states.into_iter().flat_map(u64::to_le_bytes).collect();
        number(&blake3::hash(&bytes))
    }

    /// Class, anomaly and evidence, for machines.
    pub fn verdict_json(&self) -> Value {
        json!({
            "schema": "murphy/verdict/1",
            "class": self.anomaly.class.name(),
            "anomaly": self.anomaly.name,
            "sentence": self.sentence(),
            "evidence": format!("{:?}", self.anomaly.evidence),
            "checker": VERSION,
        })
    }

    fn meta_json(&self, provenance: &Provenance) -> Value {
        let after = (crate::minimize::faults(&self.schedule), self.outcome.history.operations.len());
        let fired: Vec<&str> = self
            .outcome
            .steps
            .iter()
            .filter(|step| step.effects > 0)
            .map(|step| step.step.fault.kind().keyword())
            .collect();
        json!({
            "schema": "murphy/meta/1",
            "key": self.key(),
            "key_version": KEY_VERSION,
            "skeleton": self.skeleton,
            "answered_by": self.answered_by,
            "wrong": self.wrong,
            "target": self.target,
            "murphy": VERSION,
            "rustc": env!("MURPHY_RUSTC"),
            "engine": "libafl 0.16.1",
            "command": provenance.command,
            "revision": provenance.revision,
            "found_at": provenance.found_at,
            "campaign_seed": provenance.campaign_seed,
            "execs": provenance.execs,
            "faults": { "before": provenance.before.0, "after": after.0 },
            "operations": { "before": provenance.before.1, "after": after.1 },
            "one_minimal": provenance.one_minimal,
            "minimizing_runs": provenance.minimizing_runs,
            "robustness": provenance.robustness.as_ref().map(|robustness| self.robustness_json(robustness)),
            "trace_hash": format!("{:016x}", self.outcome.trace_hash),
            "state_hash": format!("{:016x}", self.state_hash()),
            "events": self.outcome.events,
            "virtual_ms": self.outcome.time / 1_000_000,
            "faults_that_fired": fired,
        })
    }

    fn robustness_json(&self, robustness: &Robustness) -> Value {
        let lines = self.lines();
        let window = |window: &Window| {
            let part = match window.part {
                Part::Length => "length",
                Part::Latency => "latency",
            };
            json!({ "step": lines[window.step], "of": part, "from_us": window.from, "to_us": window.to })
        };
        let windows: Vec<Value> = robustness.windows.iter().map(window).collect();
        json!({ "seeds": robustness.seeds, "failing": robustness.failing, "windows": windows })
    }

    fn readme(&self, provenance: &Provenance) -> String {
        let command = &provenance.program;
        let robust = provenance.robustness.iter().flat_map(|robustness| self.robust(robustness));
        let robust: String = robust.map(|sentence| format!("- {sentence}\n")).collect();
        let minimal = if provenance.one_minimal { "1-minimal" } else { "not proved minimal" };
        let (class, name, key) = (self.anomaly.class.name(), &self.anomaly.name, self.key());
        format!(
            "# {name} in {target}\n\n{sentence}\n\nClass `{class}`{with}. The schedule, {minimal}:\n\n```text\n{text}```\n\n{robust}\n\
             Who did what, up to the violation:\n\n```text\n{picture}```\n\n\
             ```\n{command} show {key}          this, with the explanation\n{command} replay {key} -v     step by step\n\
             {command} min {key}           minimize again\n```\n",
            target = self.target,
            with = if self.invariants.is_empty() { "" } else { ", with `invariants.inv` judged" },
            sentence = self.sentence(),
            text = self.text(),
            picture = self.picture(40),
        )
    }

    /// The same as [`write`](Self::write), but in place of a folder whose schedule is larger, or the same and not yet shown to be
    /// minimal. Of two minimal ones the other becomes a variant.
    ///
    /// # Errors
    /// If the file system refuses; then what was there still is, though perhaps under a hidden name.
    pub fn write_if_smaller(
        &self,
        crashes: &Path,
        provenance: &Provenance,
        vocabulary: &Vocabulary,
    ) -> Result<PathBuf, FolderError> {
        let folder = crashes.join(self.folder_name());
        let Ok(Ok(entry)) = read_folder(&folder) else { return self.write(crashes, provenance) };
        let there = entry.document.schedule;
        let was_minimal = entry.meta.is_some_and(|meta| meta["one_minimal"] == true);
        if there == self.schedule {
            let more_is_known = provenance.one_minimal && !was_minimal;
            return if more_is_known { self.replace(crashes, provenance) } else { Ok(folder) };
        }
        let larger = variants::size(&there, vocabulary) > variants::size(&self.schedule, vocabulary);
        let (other, is_minimal) =
            if larger { (there, was_minimal) } else { (self.schedule.clone(), provenance.one_minimal) };
        if larger {
            self.replace(crashes, provenance)?;
        }
        if is_minimal {
            self.put_aside(&folder, other, variants::OF_ITS_KEY, vocabulary)?;
        }
        Ok(folder)
    }

    /// Files it as another way to show the finding in `folder`.
    ///
    /// # Errors
    /// If the file system refuses.
    #[cfg(feature = "cli")]
    pub(crate) fn write_as_another_way(&self, folder: &Path, vocabulary: &Vocabulary) -> Result<(), FolderError> {
        self.put_aside(folder, self.schedule.clone(), 1, vocabulary)
    }

    /// Puts a schedule of this skeleton, of which `most` are kept, beside the finding in `folder`.
    fn put_aside(
        &self,
        folder: &Path,
        schedule: Schedule,
        most: usize,
        vocabulary: &Vocabulary,
    ) -> Result<(), FolderError> {
        let document = Document::new(&self.target, schedule, vocabulary);
        let added = variants::add(folder, &self.skeleton, &document, most, vocabulary);
        aside::unless_gone(added.and_then(|()| variants::tell(folder)))
            .map_err(FolderError::io("write the variants of", folder))
    }

    /// The same as [`write`](Self::write), but in place of the folder that is there.
    ///
    /// # Errors
    /// If the file system refuses; then what was there still is, though perhaps under a hidden name.
    pub fn replace(&self, crashes: &Path, provenance: &Provenance) -> Result<PathBuf, FolderError> {
        let folder = crashes.join(self.folder_name());
        let old = aside::replaced(&folder);
        match fs::rename(&folder, &old) {
            // Another worker is replacing it too.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.write(crashes, provenance),
            done => done.map_err(FolderError::io("replace", &folder))?,
        }
        let written = self.write_with(crashes, provenance, Some(&old.join(variants::FOLDER)));
        match &written {
            Ok(_) => aside::remove(&old).map_err(FolderError::io("remove", &old))?,
            // What was there is worth more than nothing; the first error is the one to report.
            Err(_) => drop(fs::rename(&old, &folder)),
        }
        written
    }

    /// Writes the finding's folder into `crashes`, and returns its path. A folder that is there already stays as it is.
    ///
    /// # Errors
    /// If the file system refuses; then nothing is left behind.
    pub fn write(&self, crashes: &Path, provenance: &Provenance) -> Result<PathBuf, FolderError> {
        self.write_with(crashes, provenance, None)
    }

    /// The same, with the variants of another folder.
    fn write_with(
        &self,
        crashes: &Path,
        provenance: &Provenance,
        variants: Option<&Path>,
    ) -> Result<PathBuf, FolderError> {
        let folder = crashes.join(self.folder_name());
        if folder.join("schedule.murphy").exists() {
            return Ok(folder);
        }
        let aside = aside::beside(&folder);
        let written = self.write_files(&aside, provenance, variants).and_then(|()| {
            aside::put_in_place(&aside, &folder).map_err(FolderError::io("rename a finished folder to", &folder))
        });
        if written.is_err() {
            // Whatever was written is incomplete; the first error is the one to report.
            let _ = fs::remove_dir_all(&aside);
        }
        written.map(|()| folder)
    }

    /// Writes what is meant to be kept, and then what can be made again: a disk too full for the latter keeps the finding.
    fn write_files(&self, folder: &Path, provenance: &Provenance, others: Option<&Path>) -> Result<(), FolderError> {
        fs::create_dir_all(folder.join("original")).map_err(FolderError::io("create", folder))?;
        let put = |name: &str, contents: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, contents).map_err(FolderError::io("write", &path))
        };
        put("schedule.murphy", self.document.as_bytes())?;
        put("input.bin", &self.schedule.to_bytes())?;
        if !self.invariants.is_empty() {
            put(INVARIANTS, self.invariants.as_bytes())?;
        }
        put("meta.json", pretty(&self.meta_json(provenance)).as_bytes())?;
        put("verdict.json", pretty(&self.verdict_json()).as_bytes())?;
        put("explain.txt", self.explanation().as_bytes())?;
        put("README.md", self.readme(provenance).as_bytes())?;
        let variants = folder.join(variants::FOLDER);
        others
            .map_or(Ok(()), |others| variants::copy(others, &variants))
            .and_then(|()| variants::tell(folder))
            .map_err(FolderError::io("write", &variants))?;
        let original = provenance.original.as_ref().map(Schedule::to_bytes).unwrap_or_default();
        let again = [
            ("original/input.bin", original),
            ("history.edn", write::to_edn(&self.outcome.history).into_bytes()),
            ("history.jsonl", write::to_json_lines(&self.outcome.history).into_bytes()),
            ("trace.jsonl", picture::trace_lines(&self.outcome, &Selection::ALL).into_bytes()),
        ];
        for (name, contents) in again.into_iter().filter(|(_, contents)| !contents.is_empty()) {
            if let Err(error) = put(name, &contents) {
                tracing::warn!("{error}; the finding is filed without it");
                // Half a file is worse than none.
                let _ = fs::remove_file(folder.join(name));
            }
        }
        Ok(())
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a JSON value prints") + "\n"
}

/// Removes the folder of a finding at once, so that nobody ever sees a part of it. That it is gone already is no error.
///
/// # Errors
/// If the file system refuses.
pub fn remove(folder: &Path) -> Result<(), FolderError> {
    aside::unless_gone(aside::remove(folder)).map_err(FolderError::io("remove", folder))
}

/// Writes into the `meta.json` of a folder how many of so many runs in a new process failed in the same way, unless another
/// worker is just replacing it.
///
/// # Errors
/// If the file system refuses; then what was there still is.
pub fn record_reproduced(folder: &Path, failed: u64, times: u64) -> Result<(), FolderError> {
    let path = folder.join("meta.json");
    let record = || {
        let mut meta: Value = serde_json::from_slice(&fs::read(&path)?)?;
        meta["reproduced"] = json!(format!("{failed}/{times}"));
        aside::write_file(&path, pretty(&meta).as_bytes())
    };
    aside::unless_gone(record()).map_err(FolderError::io("write", &path))
}

/// A folder of a finding that was read back.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// Its schedule.
    pub document: Document,
    /// Its `meta.json`, if that can be read.
    pub meta: Option<Value>,
    /// The invariants that are to be judged beside the target's own, as they were written.
    pub invariants: Option<String>,
}

/// Reads the schedule of a folder, and makes sure that text and bytes agree.
///
/// # Errors
/// If a file is missing or unreadable, the two forms disagree, or its invariants have a mistake. A text with mistakes is an error
/// of its own, which the caller reports; it comes back as the inner `Err` with the text.
pub fn read_folder(path: &Path) -> Result<Result<Entry, crate::source::Mistakes>, FolderError> {
    let (text_path, bytes_path) = (path.join("schedule.murphy"), path.join("input.bin"));
    let text = fs::read_to_string(&text_path).map_err(FolderError::io("read", &text_path))?;
    let document = match Document::parse(&text) {
        Ok(document) => document,
        Err(diagnostics) => return Ok(Err(crate::source::Mistakes { path: text_path, text, diagnostics })),
    };
    let bytes = fs::read(&bytes_path).map_err(FolderError::io("read", &bytes_path))?;
    if bytes != document.schedule.to_bytes() {
        return Err(FolderError::Disagree { bytes: bytes_path, text: text_path });
    }
    let meta = fs::read(path.join("meta.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let invariants = read_invariants(&path.join(INVARIANTS))?;
    Ok(Ok(Entry { path: path.to_path_buf(), document, meta, invariants }))
}

/// The invariants of a folder; none if it has no such file.
fn read_invariants(path: &Path) -> Result<Option<String>, FolderError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(FolderError::io("read", path))?,
    };
    match invariant::parse(&text) {
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(BadInvariants { path: path.to_path_buf(), text, error }.into()),
    }
}

/// Kinds of effective faults in the order in which they began, with the roles of those they struck, each once, so that the size
/// of the cluster makes no difference; equal neighbours are one.
pub(crate) fn skeleton(outcome: &Outcome, roles: &[&str]) -> String {
    let mut begun: Vec<_> = outcome.steps.iter().filter(|report| report.effects > 0).collect();
    begun.sort_by_key(|report| report.begun);
    let mut parts: Vec<String> = Vec::new();
    for report in begun {
        let kind = report.step.fault.kind();
        if HARMLESS.contains(&kind) {
            continue;
        }
        let each_once = |mut side: Vec<&str>| {
            side.dedup();
            side.join("+")
        };
        let (mut first, mut second) = (each_once(report.struck.first(roles)), each_once(report.struck.second(roles)));
        // It is the same partition from either side.
        if kind == FaultKind::Partition && first < second {
            std::mem::swap(&mut first, &mut second);
        }
        let separator = if second.is_empty() { "" } else { "|" };
        let part = format!("{}({first}{separator}{second})", kind.keyword());
        if parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    parts.join(" ")
}

fn number(hash: &blake3::Hash) -> u64 {
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash is longer than eight bytes"))
}

/// Six letters from a hash: letters, because triage tools take digits for numbers that vary.
pub fn letters(text: &str) -> String {
    let mut number = number(&blake3::hash(text.as_bytes()));
    let mut word = String::new();
    for _ in 0..6 {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
    }
    word
}
