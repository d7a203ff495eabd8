//! What several commands on one schedule share; `min`, `fmt`, `encode`, `decode`, and the list of targets.

use std::{fs, io::Read as _, path::Path};

use murphy_checker::verdict::Verdict;
use murphy_schedule::{Comments, Document, Schedule, Vocabulary};
use murphy_sim::{
    AnyTarget, Outcome,
    marks::{Site, sites_in},
};
use serde_json::{Value, json};

use super::{
    DecodeArguments, EncodeArguments, FmtArguments, Output, Where,
    exit::{Exit, Failure, put, put_bytes, say},
    judge,
};
use crate::{
    aside,
    harness::Harness,
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

/// A step as the text form has it, in one line.
pub(super) fn step_text(document: &Document, at: usize) -> String {
    let mut document = document.clone();
    document.comments = Comments::default();
    let text = document.to_string();
    let first = text.lines().count().saturating_sub(document.schedule.steps.len());
    let line = text.lines().nth(first + at).unwrap_or_default();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Invalid(_) => "invalid",
        Verdict::Unknown(_) => "unknown",
    }
}

/// A verdict in a sentence.
pub(super) fn verdict_text(harness: &Harness, outcome: &Outcome) -> String {
    match &outcome.verdict {
        Verdict::Invalid(anomaly) => {
            let sentence = murphy_checker::explain::explain(&outcome.history, anomaly).summary;
            format!("{} / {}: {sentence}", anomaly.class.name(), anomaly.name)
        }
        Verdict::Valid => {
            format!("no violation of {} in {} operations", harness.name(), outcome.history.operations.len())
        }
        Verdict::Unknown(budget) => format!("no verdict: {}", budget.reason()),
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
