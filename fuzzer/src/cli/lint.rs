//! `murphy lint`: everything that is wrong in files of schedules, and everything that can never strike.

use std::path::Path;

use murphy_schedule::{
    Diagnostic,
    document::{Comments, Line},
    lint::{self, System, Warning},
};
use murphy_sim::{AnyTarget, not_carried_out};
use serde_json::{Value, json};

use super::{
    LintArguments,
    exit::{Exit, Failure, put, render, say},
};
use crate::{
    harness::Harness,
    source::{File, SourceError, Syntax},
};

/// Checks files, and goes on after one that is wrong.
pub(super) fn lint(targets: &[Box<dyn AnyTarget>], arguments: &LintArguments, json: bool) -> Result<Exit, Failure> {
    // A target that does not exist is a mistake of the command, not of each file.
    let target = arguments.target.as_ref().map(|name| Harness::new(targets, name)).transpose()?;
    let mut exit = Exit::Clean;
    for path in &arguments.files {
        let path = if path.is_dir() { path.join("schedule.murphy") } else { path.clone() };
        match check(targets, target.as_ref(), &path, arguments) {
            Ok((file, warnings)) => warnings.iter().for_each(|warning| tell(&file, warning, json)),
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
    let own = match file.document.target.as_str() {
        _ if target.is_some() => None,
        "any" => None,
        name => Some(Harness::new(targets, name)?),
    };
    let known = target.or(own.as_ref());
    if let Some(harness) = known {
        file.document.target = harness.name().to_string();
        file.document.names.extend(harness.vocabulary().spellings());
    }
    let system = known.map(|harness| System {
        vocabulary: harness.vocabulary(),
        survives_wiped_disks: harness.about().survives_wiped_disks,
    });
    let warnings = lint::lint(&file.document, system, not_carried_out);
    Ok((file, warnings))
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

fn tell(file: &File, warning: &Warning, json: bool) {
    let place = if file.syntax == Syntax::Text { lint::position(&file.text, warning.line) } else { None };
    let step = if let Line::Step(at) = warning.line { Some(at) } else { None };
    if json {
        return put(&json!({
            "schema": SCHEMA, "severity": "warning", "file": file.path, "line": place.map(|place| place.0),
            "column": place.map(|place| place.1), "step": step.map(|at| at + 1),
            "message": warning.what, "help": warning.help,
        })
        .to_string());
    }
    let (path, what, help) = (file.path.display(), &warning.what, &warning.help);
    put(&match (place, step) {
        (Some((line, column)), _) => format!("{path}:{line}:{column}: warning: {what}"),
        (None, Some(at)) => format!("{path}: step {}: warning: {what}", at + 1),
        (None, None) => format!("{path}: warning: {what}"),
    });
    if let Some(text) = step.map(|at| step_text(file, at)) {
        put(&format!("    {text}"));
    }
    put(&format!("    help: {help}"));
}

/// A step as the text form has it, in one line.
fn step_text(file: &File, at: usize) -> String {
    let mut document = file.document.clone();
    document.comments = Comments::default();
    let steps = document.schedule.steps.len();
    let text = document.to_string();
    let line = text.lines().nth(text.lines().count() - steps + at).unwrap_or_default();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
