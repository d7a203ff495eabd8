//! The commands that work on one schedule, and the list of targets.

use std::{collections::BTreeMap, fs, io::Read as _, path::Path};

use murphy_checker::verdict::{Class, Verdict};
use murphy_schedule::{Comments, Document, Header, Schedule, Step, Vocabulary};
use murphy_sim::{
    AnyTarget, TraceEvent, What,
    marks::{Site, sites_in},
};
use serde_json::{Value, json};

use super::{
    DecodeArguments, EncodeArguments, FmtArguments, Output, ReplayArguments, ShowArguments, Where,
    exit::{Exit, Failure, put, put_bytes, say},
    judge,
};
use crate::{
    finding::{Finding, aside},
    harness::Harness,
    picture,
    source::{self, Mistakes, Source, SourceError, Syntax},
};

/// The schedule that the user named, and its target ready to run.
pub(super) fn open(targets: &[Box<dyn AnyTarget>], word: &str, place: &Where) -> Result<(Source, Harness), Failure> {
    let source = source::open(word, &place.crashes, &place.reading.reading())?;
    let named = Some(source.document.target.clone()).filter(|target| target != "any");
    let name = place.target.clone().or(named).ok_or(Failure::NoTarget)?;
    let mut harness = Harness::new(targets, &name)?;
    source.invariants.iter().for_each(|text| harness.judge_again(text));
    judge(&mut harness, &place.invariants)?;
    Ok((source, harness))
}

/// Runs a schedule again.
pub(super) fn replay(targets: &[Box<dyn AnyTarget>], arguments: &ReplayArguments, json: bool) -> Result<Exit, Failure> {
    let (source, mut harness) = open(targets, &arguments.schedule, &arguments.place)?;
    let schedule = &source.document.schedule;
    let mut outcome = harness.trace(schedule);
    if arguments.verbose || arguments.node.is_some() {
        label(&mut outcome.trace, &source.document, harness.vocabulary());
        let lines = if json {
            picture::trace_lines(&outcome, arguments.node)
        } else {
            picture::verbose(&outcome, arguments.node)
        };
        put(lines.trim_end());
    }
    let mut replayed = Replayed::new(&source, &outcome);
    for _ in 0..arguments.times {
        let again = harness.run(schedule);
        replayed.same &= again.trace_hash == outcome.trace_hash;
        replayed.failed += u64::from(again.verdict == outcome.verdict && again.verdict.anomaly().is_some());
    }
    if !arguments.place.invariants.is_empty() {
        harness.undecided().iter().for_each(|what| say(what));
    }
    let exit = replayed.exit(&outcome.verdict);
    if json {
        put(&replayed.object(&source, &harness, &outcome, arguments.times).to_string());
    } else {
        replayed.tell(&harness, schedule, &outcome, arguments.times);
    }
    Ok(exit)
}

/// A step as the text form has it, in one line.
pub(super) fn step_text(document: &Document, at: usize) -> String {
    let mut document = document.clone();
    document.comments = Comments::default();
    let text = document.to_string();
    let first = text.lines().count().saturating_sub(document.schedule.steps.len());
    let line = text.lines().nth(first + at).unwrap_or_default();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Gives the steps of a trace, which knows them by their numbers, the labels that they have in the document.
fn label(trace: &mut [TraceEvent], document: &Document, vocabulary: &Vocabulary) {
    let mut known = document.clone();
    known.names.extend(vocabulary.spellings());
    let alone = |step: &Step| Schedule { header: Header::default(), steps: vec![*step] };
    let plain = |step| step_text(&Document::new("any", alone(step), vocabulary), 0);
    let steps = document.schedule.steps.iter().enumerate();
    let labelled: BTreeMap<_, _> = steps.map(|(at, step)| (plain(step), step_text(&known, at))).collect();
    for event in trace {
        if let What::Begin(text) | What::End(text) = &mut event.what
            && let Some(labelled) = labelled.get(text)
        {
            text.clone_from(labelled);
        }
    }
}

fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Invalid(_) => "invalid",
        Verdict::Unknown(_) => "unknown",
    }
}

/// Says that a schedule makes no finding, and why.
pub(super) fn no_finding(harness: &mut Harness, document: &Document, schema: &str, json: bool) -> Exit {
    let verdict = harness.run(&document.schedule).verdict.clone();
    let (text, exit) = match &verdict {
        Verdict::Valid => (format!("no violation of {} under this schedule", harness.name()), Exit::Clean),
        Verdict::Unknown(budget) => (format!("no verdict: {}", budget.reason()), Exit::Inconclusive),
        Verdict::Invalid(_) => ("two runs of this schedule differed".to_string(), Exit::Nondeterminism),
    };
    let schedule = document.to_string();
    put(&if json {
        let verdict = verdict_word(&verdict);
        json!({ "schema": schema, "target": harness.name(), "verdict": verdict, "schedule": schedule }).to_string()
    } else {
        format!("{text}:\n\n{}", schedule.trim_end())
    });
    exit
}

/// What several runs of one schedule gave.
struct Replayed {
    same: bool,
    failed: u64,
    /// Hash of the run that was recorded with the finding.
    recorded: Option<String>,
    /// Faults that had an effect when the finding was recorded, and have none now.
    idle: Vec<String>,
}

impl Replayed {
    fn new(source: &Source, outcome: &murphy_sim::Outcome) -> Self {
        let meta = source.entry.as_ref().and_then(|entry| entry.meta.as_ref());
        let recorded = meta.and_then(|meta| meta["trace_hash"].as_str()).map(str::to_string);
        let fired: Vec<&str> =
            outcome.steps.iter().filter(|step| step.effects > 0).map(|step| step.step.fault.kind().keyword()).collect();
        let once = meta.and_then(|meta| meta["faults_that_fired"].as_array()).into_iter().flatten();
        let mut idle: Vec<String> = once.filter_map(Value::as_str).map(str::to_string).collect();
        for fault in fired {
            if let Some(at) = idle.iter().position(|once| once == fault) {
                idle.remove(at);
            }
        }
        Self { same: true, failed: 0, recorded, idle }
    }

    fn exit(&self, verdict: &Verdict) -> Exit {
        match verdict {
            _ if !self.same => Exit::Nondeterminism,
            Verdict::Invalid(anomaly) if anomaly.class == Class::Nondeterminism => Exit::Nondeterminism,
            Verdict::Invalid(_) => Exit::Violation,
            Verdict::Valid if !self.idle.is_empty() => Exit::Stale,
            Verdict::Valid => Exit::Clean,
            Verdict::Unknown(_) => Exit::Inconclusive,
        }
    }

    fn as_recorded(&self, outcome: &murphy_sim::Outcome) -> Option<bool> {
        self.recorded.as_ref().map(|recorded| *recorded == format!("{:016x}", outcome.trace_hash))
    }

    fn object(&self, source: &Source, harness: &Harness, outcome: &murphy_sim::Outcome, times: u32) -> Value {
        let anomaly = outcome.verdict.anomaly();
        json!({
            "schema": "murphy/replay/1", "target": harness.name(), "verdict": verdict_word(&outcome.verdict), "times": times, "reproduced": self.failed,
            "same_trace": self.same, "as_recorded": self.as_recorded(outcome),
            "trace_hash": format!("{:016x}", outcome.trace_hash), "events": outcome.events,
            "class": anomaly.map(|anomaly| anomaly.class.name()), "anomaly": anomaly.map(|anomaly| anomaly.name.to_string()),
            "idle_faults": self.idle, "folder": source.entry.as_ref().map(|entry| entry.path.clone()),
        })
    }

    fn tell(&self, harness: &Harness, schedule: &Schedule, outcome: &murphy_sim::Outcome, times: u32) {
        let hash = outcome.trace_hash;
        put(&match &outcome.verdict {
            Verdict::Invalid(anomaly) => {
                let sentence = murphy_checker::explain::explain(&outcome.history, anomaly).summary;
                format!("{} / {}: {sentence}", anomaly.class.name(), anomaly.name)
            }
            Verdict::Valid => {
                format!("no violation of {} in {} operations", harness.name(), outcome.history.operations.len())
            }
            Verdict::Unknown(budget) => format!("no verdict: {}", budget.reason()),
        });
        if self.same {
            let violated = outcome.verdict.anomaly().is_some();
            let times = if violated { format!("reproduced {}/{times}, ", self.failed) } else { String::new() };
            put(&format!("{times}trace {hash:016x}, {} events", outcome.events));
        } else {
            put("the runs differ: the target reads a clock, a random source or the order of a hash map");
        }
        if self.as_recorded(outcome) == Some(false) {
            say("the trace is not the recorded one: the target or Murphy changed since");
        }
        if outcome.verdict == Verdict::Valid && !self.idle.is_empty() {
            say(&format!(
                "stale: these faults struck when this was recorded and do nothing now: {}",
                self.idle.join(", ")
            ));
        }
        let idle = outcome.steps.iter().filter(|step| step.effects == 0).count();
        if self.idle.is_empty() && outcome.verdict == Verdict::Valid && idle > 0 {
            say(&format!("{idle} of {} steps had no effect", schedule.steps.len()));
        }
    }
}

/// Shows a finding.
pub(super) fn show(targets: &[Box<dyn AnyTarget>], arguments: &ShowArguments, json: bool) -> Result<Exit, Failure> {
    let (source, mut harness) = open(targets, &arguments.schedule, &arguments.place)?;
    let Some(finding) = Finding::new(&mut harness, &source.document.schedule) else {
        return Ok(no_finding(&mut harness, &source.document, "murphy/show/1", json));
    };
    if json {
        let picture = finding.picture(arguments.rows);
        put(&json!({
            "schema": "murphy/show/1", "key": finding.key(), "target": finding.target, "verdict": finding.verdict_json(),
            "schedule": source.document.to_string(), "picture": picture, "explanation": finding.explanation(),
        }).to_string());
        return Ok(Exit::Violation);
    }
    let (sentence, explanation) = (finding.sentence(), finding.explanation());
    let more = explanation.trim().strip_prefix(&sentence).unwrap_or(&explanation).trim();
    put(format!(
        "{} / {}   {}\n\n{}\n\n{}\n{}\n{more}",
        finding.anomaly.class.name(),
        finding.anomaly.name,
        finding.folder_name(),
        sentence,
        source.document,
        finding.picture(arguments.rows),
    )
    .trim_end());
    Ok(Exit::Violation)
}

/// A file, or standard input if it is `-`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(Failure::file("read", Path::new("standard input")))?;
        return Ok(bytes);
    }
    fs::read(path).map_err(Failure::file("read", path))
}

fn parse(path: &Path, bytes: Vec<u8>) -> Result<Document, Failure> {
    let what = "is not text: `murphy decode` reads bytes";
    let text = String::from_utf8(bytes).map_err(|_| Failure::WrongForm { path: path.to_path_buf(), what })?;
    Document::parse(&text).map_err(|diagnostics| {
        Failure::Source(SourceError::Mistakes(Mistakes { path: path.to_path_buf(), text, diagnostics }))
    })
}

/// Formats files in place.
pub(super) fn fmt(arguments: &FmtArguments) -> Result<Exit, Failure> {
    let mut exit = Exit::Clean;
    for path in &arguments.files {
        if let Some(Syntax::Structured(_)) = Syntax::of(path) {
            let what =
                "is of another form, which `fmt` leaves alone: `murphy schedule convert --to murphy` makes text of it";
            return Err(Failure::WrongForm { path: path.clone(), what });
        }
        let bytes = read(path)?;
        let formatted = parse(path, bytes.clone())?.to_string();
        if path == Path::new("-") {
            put(formatted.trim_end());
        } else if formatted.as_bytes() != bytes {
            if arguments.check {
                say(&format!("{} is not formatted", path.display()));
                exit = Exit::Violation;
            } else {
                replace(path, formatted.as_bytes())?;
            }
        }
    }
    Ok(exit)
}

/// Writes a file aside and renames it, so that a full disk never costs its contents. What is no file, such as a pipe, is
/// written into.
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return fs::write(path, contents).map_err(Failure::file("write", path));
    }
    aside::write_file(path, contents).map_err(Failure::file("write", path))
}

/// Writes what was made of `input` to a file or to standard output: never over `input`, and over another file only if forced.
pub(super) fn deliver(output: &Output, input: Option<&Path>, bytes: &[u8]) -> Result<Exit, Failure> {
    let Some(path) = &output.output else {
        put_bytes(bytes);
        return Ok(Exit::Clean);
    };
    let whole = |path: &Path| fs::canonicalize(path).ok().filter(|path| path.is_file());
    match whole(path) {
        Some(there) if input.and_then(whole).as_ref() == Some(&there) => Err(Failure::Itself(path.clone())),
        Some(_) if !output.force => Err(Failure::Exists(path.clone())),
        _ => replace(path, bytes).map(|()| Exit::Clean),
    }
}

/// A schedule's bytes.
pub(super) fn encode(arguments: &EncodeArguments) -> Result<Exit, Failure> {
    let EncodeArguments { file, reading, output } = arguments;
    let read = reading.reading().file(file)?;
    if read.syntax == Syntax::Bytes {
        let what = "is not text: `murphy decode` reads bytes";
        return Err(Failure::WrongForm { path: file.clone(), what });
    }
    deliver(output, Some(file), &read.document.schedule.to_bytes())
}

/// Bytes to text.
pub(super) fn decode(targets: &[Box<dyn AnyTarget>], arguments: &DecodeArguments) -> Result<Exit, Failure> {
    let DecodeArguments { file, target, output } = arguments;
    let bytes = read(file)?;
    if bytes.starts_with(b"murphy ") {
        let what = "is text already: `murphy encode` makes bytes of it";
        return Err(Failure::WrongForm { path: file.clone(), what });
    }
    let schedule = Schedule::from_bytes(&bytes);
    let document = match target {
        Some(name) => Harness::new(targets, name)?.document(&schedule),
        None => Document::new("any", schedule, &Vocabulary::default()),
    };
    deliver(output, Some(file), document.to_string().as_bytes())
}

/// Lists what can be fuzzed.
pub(super) fn targets(targets: &[Box<dyn AnyTarget>], json: bool) -> Result<Exit, Failure> {
    for target in targets {
        put(&if json { target_object(&**target).to_string() } else { target_text(&**target) });
    }
    Ok(Exit::Clean)
}

fn target_object(target: &dyn AnyTarget) -> Value {
    let about = target.about();
    let bugs: Vec<Value> = about.bugs.iter().map(|bug| json!({ "name": bug.name, "about": bug.about })).collect();
    let constants: Vec<Value> =
        about.constants.iter().map(|(name, length)| json!({ "name": name, "us": length.as_micros() as u64 })).collect();
    let checkers: Vec<Value> = target
        .workloads()
        .iter()
        .map(|of| {
            let (name, functions, operation) = (of.name, of.functions, of.operation);
            json!({ "name": name, "functions": functions, "operation": operation, "checked_for": of.judged_by })
        })
        .collect();
    let site = |site: &&'static Site| json!({ "name": site.name(), "kind": site.kind().word(), "at": site.place() });
    let sites: Vec<Value> = sites_in(&about.modules).iter().map(site).collect();
    json!({
        "schema": "murphy/targets/1", "name": about.name, "about": about.summary,
        "nodes": [about.nodes.start(), about.nodes.end()], "roles": about.roles, "constants": constants,
        "messages": target.kinds(), "workloads": checkers, "bugs": bugs,
        "properties": target.properties(),
        "marks": target.vocabulary().marks.spellings(), "mark_sites": sites, "transport": format!("{:?}", about.transport).to_lowercase(),
    })
}

fn or_none(list: &str) -> &str {
    if list.is_empty() { "none" } else { list }
}

fn target_text(target: &dyn AnyTarget) -> String {
    let about = target.about();
    let (fewest, most) = (about.nodes.start(), about.nodes.end());
    let constants: Vec<String> = about.constants.iter().map(|(name, length)| format!("{name} {length:?}")).collect();
    let workloads: Vec<String> = target
        .workloads()
        .iter()
        .map(|of| {
            let functions = of.functions.join(", ");
            format!("{} ({functions}; one operation: {}), checked for {}", of.name, of.operation, of.judged_by)
        })
        .collect();
    let bugs: Vec<String> = about.bugs.iter().map(|bug| format!("+{:<10} {}", bug.name, bug.about)).collect();
    let marks: Vec<String> = sites_in(&about.modules)
        .iter()
        .map(|site| format!("{}! \"{}\"  {}", site.kind().word(), site.name(), site.place()))
        .collect();
    format!(
        "{}  {}\n  nodes      {fewest} to {most}\n  roles      {}\n  constants  {}\n  messages   {}\n  workloads  {}\n  bugs       {}\n  marks      {}\n",
        about.name,
        about.summary,
        or_none(&about.roles.join(", ")),
        or_none(&constants.join(", ")),
        or_none(&target.kinds().join(", ")),
        workloads.join("; "),
        if bugs.is_empty() { "none to plant".to_string() } else { bugs.join("\n             ") },
        or_none(&marks.join("\n             ")),
    )
}
