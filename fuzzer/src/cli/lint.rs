//! `murphy lint`: everything that is wrong in files of schedules, and everything that can never strike.

use std::{collections::BTreeSet, path::Path};

use murphy_schedule::{
    Diagnostic,
    diagnostic::nearest,
    document::Line,
    lint::{self, System, Warning},
};
use murphy_sim::{AnyTarget, Quota};
use serde_json::{Value, json};

use super::{
    LintArguments,
    commands::step_text,
    exit::{Exit, Failure, put, render, say},
};
use crate::{
    harness::{Harness, HarnessError},
    source::{File, SourceError},
};

/// Checks files, and goes on after one that is wrong.
pub(super) fn lint(targets: &[Box<dyn AnyTarget>], arguments: &LintArguments, json: bool) -> Result<Exit, Failure> {
    // A target that does not exist is a mistake of the command, not of each file.
    let target = arguments.target.as_ref().map(|name| Harness::new(targets, name)).transpose()?;
    let (mut exit, mut told) = (Exit::Clean, BTreeSet::new());
    for path in &arguments.files {
        let path = if path.is_dir() { path.join("schedule.murphy") } else { path.clone() };
        match check(targets, target.as_ref(), &path, arguments) {
            Ok((file, mut warnings)) => {
                // What is wrong with a target is said once, whoever names it.
                warnings.retain(|warning| warning.line != Line::Target || told.insert(warning.what.clone()));
                tell(&file, &warnings, json);
            }
            Err(failure) => {
                let worse = complain(&path, &failure, json);
                exit = if exit == Exit::Files { exit } else { worse };
            }
        }
    }
    Ok(exit)
}

fn check(
    targets: &[Box<dyn AnyTarget>],
    target: Option<&Harness>,
    path: &Path,
    arguments: &LintArguments,
) -> Result<(File, Vec<Warning>), Failure> {
    let mut file = arguments.reading.reading().file(path)?;
    let (own, unknown) = match file.document.target.as_str() {
        _ if target.is_some() => (None, None),
        "any" => (None, None),
        name => match Harness::new(targets, name) {
            Err(HarnessError::UnknownTarget { found, known }) => (None, Some(unknown(&found, &known))),
            harness => (Some(harness?), None),
        },
    };
    let known = target.or(own.as_ref());
    if let Some(harness) = known {
        file.document.target = harness.name().to_string();
        file.document.names.extend(harness.vocabulary().spellings());
    }
    let system = known.map(|harness| System {
        vocabulary: harness.vocabulary(),
        survives_wiped_disks: harness.about().promise.lost_disks != Quota::None,
    });
    let warnings = lint::lint(&file.document, system);
    Ok((file, unknown.into_iter().chain(warnings).collect()))
}

/// A schedule may be for a target of another program: what it names there is not known here.
fn unknown(found: &str, known: &[String]) -> Warning {
    let near = nearest(found, known.iter().map(String::as_str));
    let near = near.map_or_else(String::new, |word| format!("did you mean `{word}`? "));
    Warning {
        line: Line::Target,
        what: format!("no target is called `{found}`: checked without its names"),
        help: format!("{near}The targets of this program are {}", known.join(", ")),
    }
}

/// Says what is wrong with a file, and how grave that is.
fn complain(path: &Path, failure: &Failure, json: bool) -> Exit {
    let exit = failure.exit();
    match failure {
        Failure::Source(SourceError::Mistakes(mistakes)) if json => {
            mistakes.diagnostics.iter().for_each(|mistake| put(&mistake_object(&mistakes.path, mistake).to_string()));
        }
        Failure::Source(SourceError::Mistakes(mistakes)) => say(render(mistakes).trim_end()),
        _ if json => {
            let error = failure.to_string();
            put(&json!({ "schema": SCHEMA, "severity": "error", "file": path, "message": error }).to_string());
        }
        Failure::Harness(error) => say(&format!("{}: error: {error}", path.display())),
        _ => say(&format!("error: {failure}")),
    }
    exit
}

const SCHEMA: &str = "murphy/lint/1";

fn mistake_object(path: &Path, mistake: &Diagnostic) -> Value {
    json!({
        "schema": SCHEMA, "severity": "error", "file": path, "line": mistake.line, "column": mistake.column,
        "message": mistake.to_string(), "found": mistake.found, "expected": mistake.expected,
        "suggestion": mistake.suggestion,
    })
}

fn tell(file: &File, warnings: &[Warning], json: bool) {
    for warning in warnings {
        let step = if let Line::Step(at) = warning.line { Some(at) } else { None };
        // Bytes have no lines.
        let place = file.document.places.get(&warning.line).copied();
        let text = step.map(|at| step_text(&file.document, at));
        if json {
            put(&warning_object(file, warning, place, text).to_string());
        } else {
            put(&warning_text(file, warning, place, text));
        }
    }
}

/// Line and column.
type Place = (u32, u32);

fn warning_object(file: &File, warning: &Warning, place: Option<Place>, text: Option<String>) -> Value {
    let step = if let Line::Step(at) = warning.line { Some(at + 1) } else { None };
    json!({
        "schema": SCHEMA, "severity": "warning", "file": file.path, "line": place.map(|place| place.0),
        "column": place.map(|place| place.1), "step": step, "text": text, "message": warning.what, "help": warning.help,
    })
}

fn warning_text(file: &File, warning: &Warning, place: Option<Place>, text: Option<String>) -> String {
    let (path, what, help) = (file.path.display(), &warning.what, &warning.help);
    let step = if let Line::Step(at) = warning.line { format!(" step {}:", at + 1) } else { String::new() };
    let place = place.map_or(step, |(line, column)| format!("{line}:{column}:"));
    let text = text.map_or_else(String::new, |text| format!("\n    {text}"));
    format!("{path}:{place} warning: {what}{text}\n    help: {help}")
}
