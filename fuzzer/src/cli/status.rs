//! What a campaign leaves about itself, while it runs and afterwards, and `murphy status`, which reads it.
//!
//! Each worker has a file of its own in the folder beside the corpus (`corpus/echo.status` of `corpus/echo`): libFuzzer would take a
//! file in the corpus, hidden or not, for an entry. Its name has the machine, so that campaigns that share a folder
//! over a network do not write over each other. A file appears whole or not at all, and stays when its worker has ended, so
//! that campaigns can be compared. Beside it lie the same numbers for Prometheus (`*.prom`, for the textfile collector of its node
//! exporter) while the worker runs.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    StatusArguments,
    exit::{Exit, Failure, put, say},
    progress::{Tally, now, thousands},
    seconds_since_1970,
};
use crate::{
    aside,
    engine::{Stats, folder::read_at_most},
};

/// How often a worker writes.
const INTERVAL: Duration = Duration::from_secs(2);
/// A worker that has not written for so many seconds is silent.
const SILENCE: u64 = 60;
/// The longest file of a worker.
const RECORD_MAX: u64 = 1 << 20;
/// What the files of workers say they are.
const SCHEMA: &str = "murphy/worker/1";

/// What a worker says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    schema: String,
    target: String,
    seed: u64,
    version: String,
    command: String,
    host: String,
    pid: u32,
    /// Seconds since 1970.
    started: u64,
    /// When this was written.
    updated: u64,
    /// How long the campaign has been running.
    seconds: f64,
    /// Executions a second lately.
    rate: f64,
    /// How long nothing new was kept.
    idle_seconds: f64,
    /// How many executions ago something new was kept.
    idle_execs: u64,
    #[serde(flatten)]
    stats: Stats,
    new: u64,
    known: u64,
    unexamined: u64,
    /// The folders of what was found.
    findings: Vec<PathBuf>,
    /// How the campaign ended, as its exit code says it, or `dismissed` by the campaign of which it is a worker; `None`: it
    /// runs, or was killed.
    ended: Option<String>,
    /// What never happened and what did, once the campaign has ended.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    report: Value,
}

/// Writes the record of this worker.
pub(super) struct Journal {
    path: PathBuf,
    record: Record,
    began: Instant,
    written: Option<(Instant, u64)>,
    /// When the corpus last grew, and after how many executions.
    grew: (Instant, u64),
}

impl Journal {
    /// The journal of a campaign with this corpus folder. `None` if nothing can be written beside it, which is told and ends nothing.
    pub(super) fn open(corpus: &Path, target: &str, seed: u64) -> Option<Self> {
        let started = seconds_since_1970();
        let host = host();
        let record = Record {
            schema: SCHEMA.into(),
            target: target.to_string(),
            seed,
            version: env!("CARGO_PKG_VERSION").into(),
            command: std::env::args().collect::<Vec<_>>().join(" "),
            pid: std::process::id(),
            started,
            updated: started,
            seconds: 0.0,
            rate: 0.0,
            idle_seconds: 0.0,
            idle_execs: 0,
            stats: Stats::default(),
            new: 0,
            known: 0,
            unexamined: 0,
            findings: Vec::new(),
            ended: None,
            report: Value::Null,
            host,
        };
        let folder = folder_of(corpus);
        let path = folder.join(format!("{}-{}-{started}.json", record.host, record.pid));
        let journal = Self { path, record, began: now(), written: None, grew: (now(), 0) };
        let made = fs::create_dir_all(&folder).and_then(|()| journal.write());
        let refused = |error: &std::io::Error| say(&format!("  no status is written to {}: {error}", folder.display()));
        made.inspect_err(refused).ok().map(|()| journal)
    }

    /// Notes where a finding lies.
    pub(super) fn found(&mut self, folder: &Path) {
        if !self.record.findings.iter().any(|there| there == folder) {
            self.record.findings.push(folder.to_path_buf());
        }
    }

    /// Writes how far the campaign is, if it is time to.
    pub(super) fn update(&mut self, stats: &Stats, tally: Tally) {
        let present = now();
        if stats.corpus != self.record.stats.corpus {
            self.grew = (present, stats.execs);
        }
        self.record.stats = *stats;
        if self.written.is_none_or(|(written, _)| present.duration_since(written) >= INTERVAL) {
            self.note(stats, tally, present);
            // A full disk is told of by what has to be written.
            let _ = self.write();
        }
    }

    /// Writes that this worker lives, with what it said last, if it is time to.
    pub(super) fn beat(&mut self) {
        let Record { stats, new, known, unexamined, .. } = self.record;
        self.update(&stats, Tally { new, known, unexamined });
    }

    /// Writes how the campaign ended, and what it did, as far as that is known.
    pub(super) fn close(mut self, did: Option<(&Stats, Value)>, tally: Tally, ended: &str) {
        let stats = did.as_ref().map_or(self.record.stats, |(stats, _)| **stats);
        self.note(&stats, tally, now());
        self.record.rate = stats.execs as f64 / self.record.seconds.max(0.001);
        self.record.ended = Some(ended.to_string());
        self.record.report = did.map(|(_, report)| report).unwrap_or_default();
        let _ = self.write();
        let _ = fs::remove_file(self.path.with_extension("prom"));
    }

    fn note(&mut self, stats: &Stats, tally: Tally, present: Instant) {
        let (written, execs) = self.written.unwrap_or((self.began, 0));
        let lately = present.duration_since(written).as_secs_f64().max(0.001);
        let record = &mut self.record;
        record.updated = seconds_since_1970();
        record.seconds = present.duration_since(self.began).as_secs_f64();
        record.rate = (stats.execs - execs) as f64 / lately;
        record.idle_seconds = present.duration_since(self.grew.0).as_secs_f64();
        record.idle_execs = stats.execs - self.grew.1;
        record.stats = *stats;
        (record.new, record.known, record.unexamined) = (tally.new, tally.known, tally.unexamined);
        self.written = Some((present, stats.execs));
    }

    fn write(&self) -> std::io::Result<()> {
        let text = serde_json::to_vec(&self.record).expect("numbers and text serialize");
        aside::write_file(&self.path, &text)?;
        aside::write_file(&self.path.with_extension("prom"), self.record.metrics().as_bytes())
    }
}

impl Record {
    /// The record as Prometheus reads it.
    fn metrics(&self) -> String {
        let Self { stats, .. } = self;
        let labels = format!("{{target={:?},host={:?},pid=\"{}\"}}", self.target, self.host, self.pid);
        let rows: [(&str, &str, &str, f64); 14] = [
            ("execs_total", "counter", "Schedules run.", stats.execs as f64),
            ("events_total", "counter", "Simulated events.", stats.events as f64),
            ("simulated_seconds_total", "counter", "Simulated time.", stats.virtual_ns as f64 / 1e9),
            ("operations_total", "counter", "Operations that clients invoked.", stats.operations as f64),
            ("operations_ok_total", "counter", "Operations that succeeded.", stats.completed as f64),
            ("unknown_total", "counter", "Runs without a verdict.", stats.unknown as f64),
            ("violations_total", "counter", "Runs that broke a promise.", self.violations() as f64),
            ("findings_total", "counter", "Findings that were new.", self.new as f64),
            ("received_total", "counter", "Schedules that other workers told of.", stats.received as f64),
            ("corpus_entries", "gauge", "Schedules kept.", stats.corpus as f64),
            ("states", "gauge", "Distinct states that the corpus reaches.", stats.states as f64),
            ("marks", "gauge", "Distinct marks that were hit.", stats.marks as f64),
            ("execs_per_second", "gauge", "Schedules run a second, lately.", self.rate),
            ("idle_seconds", "gauge", "Time since something new was kept.", self.idle_seconds),
        ];
        let text = |(name, kind, help, value): (&str, &str, &str, f64)| {
            format!("# HELP murphy_{name} {help}\n# TYPE murphy_{name} {kind}\nmurphy_{name}{labels} {value}\n")
        };
        rows.into_iter().map(text).collect()
    }

    fn violations(&self) -> u64 {
        self.new + self.known + self.unexamined
    }

    /// What has become of the worker.
    fn state(&self, present: u64, host: &str) -> State {
        let age = present.saturating_sub(self.updated);
        match &self.ended {
            Some(ended) => State::Ended(ended.clone()),
            None if self.host == host && gone(self.pid) => State::Killed,
            None if age > SILENCE => State::Silent(age),
            None => State::Runs,
        }
    }
}

/// What has become of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Runs,
    Ended(String),
    /// Its process is gone, and it did not say how it ended.
    Killed,
    /// It has not written for so many seconds.
    Silent(u64),
}

impl State {
    fn text(&self) -> String {
        match self {
            Self::Runs => "runs".into(),
            Self::Ended(how) => how.clone(),
            Self::Killed => "killed".into(),
            Self::Silent(seconds) => format!("silent for {}", span(*seconds)),
        }
    }
}

/// Whether there is no such process on this machine; where that cannot be seen, it is assumed to be there.
pub(super) fn gone(pid: u32) -> bool {
    Path::new("/proc/self").exists() && !Path::new("/proc").join(pid.to_string()).exists()
}

/// The name of this machine, in letters that may stand in the name of a file.
fn host() -> String {
    let name = hostname::get().map_or_else(|_| "localhost".into(), |name| name.to_string_lossy().into_owned());
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' }).collect()
}

/// Where the workers of a campaign with this corpus folder write.
fn folder_of(corpus: &Path) -> PathBuf {
    let mut corpus = corpus.to_path_buf();
    if corpus.file_name().is_none() {
        // `.` and `..` have no name to add to.
        corpus = fs::canonicalize(&corpus).unwrap_or(corpus);
    }
    let name = corpus.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.ends_with(".status") { corpus } else { corpus.with_file_name(name + ".status") }
}

/// A file of a worker, or why it is none.
fn read(path: &Path) -> Result<Record, String> {
    let bytes = read_at_most(path, RECORD_MAX).map_err(|error| error.to_string())?;
    let record: Record = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if record.schema == SCHEMA { Ok(record) } else { Err(format!("it is {}, expected {SCHEMA}", record.schema)) }
}

/// The folders to read: those of the campaigns that are named, or all beside the corpora of this folder.
fn folders(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    if named.is_empty() {
        let beside = Path::new("corpus");
        let entries = fs::read_dir(beside).map_err(Failure::file("list the campaigns of", beside))?;
        let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        folders.retain(|path| path.is_dir() && path.extension().is_some_and(|extension| extension == "status"));
        folders.sort();
        return Ok(folders);
    }
    let there = |corpus: &PathBuf| {
        let folder = folder_of(corpus);
        if folder.is_dir() { Ok(folder) } else { Err(Failure::NoCampaign { corpus: corpus.clone(), folder }) }
    };
    named.iter().map(there).collect()
}

/// Says how the campaigns on some corpus folders are doing, or how they ended.
pub(super) fn status(arguments: &StatusArguments, json: bool) -> Result<Exit, Failure> {
    let mut records = Vec::new();
    for folder in folders(&arguments.folders)? {
        let entries = fs::read_dir(&folder).map_err(Failure::file("list", &folder))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') || !name.ends_with(".json") {
                continue;
            }
            match read(&path) {
                Ok(record) => records.push(record),
                Err(reason) => say(&format!("skipped {}: {reason}", path.display())),
            }
        }
    }
    records.sort_by(|a, b| (a.started, &a.host, a.pid).cmp(&(b.started, &b.host, b.pid)));
    let (present, host) = (seconds_since_1970(), host());
    let workers: Vec<(Record, State)> = records
        .into_iter()
        .map(|record| {
            let state = record.state(present, &host);
            (record, state)
        })
        .collect();
    if json {
        print_json(&workers)
    } else {
        print_text(&workers, arguments.verbose)
    }
    Ok(Exit::Clean)
}

/// All workers as one: what they did adds up, what they share counts once.
fn total(workers: &[(Record, State)]) -> Map<String, Value> {
    let records = || workers.iter().map(|(record, _)| record);
    let sum = |field: fn(&Record) -> u64| records().map(field).sum::<u64>();
    let most = |field: fn(&Record) -> u64| records().map(field).max().unwrap_or_default();
    let running = workers.iter().filter(|(_, state)| *state == State::Runs);
    let rate: f64 = running.clone().map(|(record, _)| record.rate).sum();
    let mut findings: Vec<&PathBuf> = records().flat_map(|record| &record.findings).collect();
    findings.sort();
    findings.dedup();
    let object = json!({
        "workers": workers.len(),
        "running": running.count(),
        "worker_seconds": records().map(|record| record.seconds).sum::<f64>(),
        "execs": sum(|record| record.stats.execs),
        "rate": rate,
        "violations": sum(Record::violations),
        "unknown": sum(|record| record.stats.unknown),
        "events": sum(|record| record.stats.events),
        "virtual_ns": sum(|record| record.stats.virtual_ns),
        "operations": sum(|record| record.stats.operations),
        "completed": sum(|record| record.stats.completed),
        "received": sum(|record| record.stats.received),
        "corpus": most(|record| record.stats.corpus as u64),
        "states": most(|record| record.stats.states),
        "marks": most(|record| record.stats.marks as u64),
        "new": sum(|record| record.new),
        "findings": findings,
    });
    match object {
        Value::Object(fields) => fields,
        _ => unreachable!("it was written as an object"),
    }
}

fn print_json(workers: &[(Record, State)]) {
    for (record, state) in workers {
        let mut object = serde_json::to_value(record).expect("numbers and text serialize");
        object["schema"] = json!("murphy/status/1");
        object["event"] = json!("worker");
        object["state"] = json!(state.text());
        object["violations"] = json!(record.violations());
        put(&object.to_string());
    }
    let mut total = total(workers);
    total.insert("schema".into(), json!("murphy/status/1"));
    total.insert("event".into(), json!("total"));
    put(&Value::Object(total).to_string());
}

/// The columns of a worker's line. Numbers are aligned on the right.
const COLUMNS: [&str; 11] = [
    "worker",
    "target",
    "state",
    "time",
    "execs",
    "a second",
    "corpus",
    "states",
    "marks",
    "findings",
    "nothing new for",
];
/// How many columns are words.
const WORDS: usize = 3;

fn print_text(workers: &[(Record, State)], verbose: bool) {
    let number = |fields: &Map<String, Value>, name: &str| thousands(fields[name].as_u64().unwrap_or_default());
    let rows = workers.iter().map(|(record, state)| line(record, state));
    let fields = total(workers);
    let sum = [
        format!("{} of {} workers run", fields["running"], fields["workers"]),
        String::new(),
        String::new(),
        span(fields["worker_seconds"].as_f64().unwrap_or_default() as u64),
        number(&fields, "execs"),
        thousands(fields["rate"].as_f64().unwrap_or_default() as u64),
        number(&fields, "corpus"),
        number(&fields, "states"),
        number(&fields, "marks"),
        number(&fields, "new"),
        String::new(),
    ];
    let table: Vec<[String; 11]> = [COLUMNS.map(str::to_string)].into_iter().chain(rows).chain([sum]).collect();
    let widths: [usize; 11] =
        std::array::from_fn(|at| table.iter().map(|row| row[at].chars().count()).max().unwrap_or_default());
    for (at, row) in table.iter().enumerate() {
        let cell = |(at, text): (usize, &String)| {
            let width = widths[at];
            if at < WORDS { format!("{text:width$}") } else { format!("{text:>width$}") }
        };
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        put(cells.join("  ").trim_end());
        if let (true, Some((record, _))) = (verbose, at.checked_sub(1).and_then(|at| workers.get(at))) {
            put(&report(record));
        }
    }
}

fn line(record: &Record, state: &State) -> [String; 11] {
    let Record { stats, .. } = record;
    [
        format!("{}-{}-{}", record.host, record.pid, record.started),
        record.target.clone(),
        state.text(),
        span(record.seconds as u64),
        thousands(stats.execs),
        thousands(record.rate as u64),
        thousands(stats.corpus as u64),
        thousands(stats.states),
        stats.marks.to_string(),
        format!("{} new, {} known", record.new, record.known),
        format!("{}, {} execs", span(record.idle_seconds as u64), thousands(record.idle_execs)),
    ]
}

/// What a worker did, in some lines under its own.
fn report(record: &Record) -> String {
    let Record { stats, .. } = record;
    let share = |part: u64, whole: u64| part * 100 / whole.max(1);
    let (failed, simulated) = (record.violations(), stats.virtual_ns as f64 / 1e9);
    let mut lines = vec![
        format!("seed {:#x}, murphy {}: {}", record.seed, record.version, record.command),
        format!(
            "{} runs passed, {} broke a promise, {} gave no verdict",
            thousands(stats.execs.saturating_sub(failed + stats.unknown)),
            thousands(failed),
            thousands(stats.unknown)
        ),
        format!(
            "{} events, {simulated:.0} s of virtual time ({:.0} for each real one), {} % of operations succeeded, {} % of steps had an effect",
            thousands(stats.events),
            simulated / record.seconds.max(0.001),
            share(stats.completed, stats.operations),
            share(stats.effective_steps, stats.steps),
        ),
    ];
    let words = |field: &str| -> Vec<&str> {
        record.report[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let marks = record.report["marks"].as_array().into_iter().flatten();
    for mark in marks.filter(|mark| mark["runs"].as_u64() > Some(0)) {
        let text = |field: &str| mark[field].as_str().unwrap_or_default();
        let runs = thousands(mark["runs"].as_u64().unwrap_or_default());
        lines.push(format!("{} {}: {runs} runs ({})", text("kind"), text("name"), text("at")));
    }
    let lists = [
        ("marks never hit", "marks_never_hit"),
        ("best numbers", "bests"),
        ("faults with an effect", "faults_with_effect"),
        ("faults without any effect", "faults_without_effect"),
    ];
    for (what, field) in lists.iter().filter(|(_, field)| !words(field).is_empty()) {
        lines.push(format!("{what}: {}", words(field).join(", ")));
    }
    lines.extend(record.findings.iter().map(|folder| format!("found {}", folder.display())));
    lines.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// Seconds as `59s`, `4m05s`, `3h07m` or `2d04h`.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Journal, State, read, span};
    use crate::{cli::progress::Tally, engine::Stats};

    #[test]
    fn spans_are_short() {
        assert_eq!([0, 59, 61, 3600, 90_000].map(span), ["0s", "59s", "1m01s", "1h00m", "1d01h"]);
    }

    #[test]
    fn a_worker_runs_until_it_ends_or_is_gone_or_silent() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let journal = Journal::open(&place.path().join("corpus"), "echo", 7).expect("it can be written");
        let record = read(&journal.path).expect("it was written");
        let (present, host) = (record.updated, record.host.clone());
        assert_eq!(record.state(present, &host), State::Runs);
        assert_eq!(record.state(present + 1000, &host), State::Silent(1000));
        assert_eq!(record.state(present + 1000, "elsewhere"), State::Silent(1000));
        #[cfg(target_os = "linux")]
        {
            let mut gone = record.clone();
            gone.pid = u32::MAX;
            assert_eq!(gone.state(present, &host), State::Killed);
            assert_eq!(gone.state(present, "elsewhere"), State::Runs, "nobody knows");
        }
        let path = journal.path.clone();
        let stats = Stats { execs: 9, corpus: 2, ..Stats::default() };
        journal.close(Some((&stats, serde_json::Value::Null)), Tally::default(), "clean");
        let record = read(&path).expect("it was written");
        assert_eq!(record.state(present + 1000, &host), State::Ended("clean".into()));
        assert_eq!(record.stats, stats);
    }

    #[test]
    fn numbers_for_prometheus_have_help_and_labels_and_go_with_the_worker() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let mut journal = Journal::open(&place.path().join("corpus"), "echo", 7).expect("it can be written");
        let path = journal.path.with_extension("prom");
        journal.written = None;
        journal.update(&Stats { execs: 41, ..Stats::default() }, Tally::default());
        let text = fs::read_to_string(&path).expect("text");
        assert!(
            text.lines().any(|line| line.starts_with("murphy_execs_total{target=\"echo\",") && line.ends_with(" 41"))
        );
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split('{').next().expect("a name");
            assert!(text.contains(&format!("# HELP {name} ")) && text.contains(&format!("# TYPE {name} ")), "{line}");
        }
        journal.close(None, Tally::default(), "clean");
        assert!(!path.exists());
    }
}
