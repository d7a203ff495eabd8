//! `murphy show`: a finding as text, as a picture, or as an object.

use murphy_schedule::Document;
use murphy_sim::AnyTarget;
use serde_json::{Value, json};

use super::{
    ShowArguments, View,
    commands::{no_finding, open},
    exit::{Exit, Failure, put},
    replay::finding,
};
use crate::finding::{
    Finding,
    variants::{self, Variant},
};

/// Shows a finding.
pub(super) fn show(targets: &[Box<dyn AnyTarget>], arguments: &ShowArguments, json: bool) -> Result<Exit, Failure> {
    let (source, mut harness) = open(targets, &arguments.schedule, &arguments.place)?;
    let form = if json { View::Json } else { arguments.view };
    let Some(finding) = finding(&mut harness, &source.document) else {
        return Ok(no_finding(&mut harness, &source.document, SCHEMA, form == View::Json));
    };
    let (rows, document) = (arguments.rows, &source.document);
    let ways = source.entry.as_ref().map_or_else(Vec::new, |entry| variants::other_ways(&entry.path));
    let line = |way: &Variant| format!("\nanother way: {}   {}", way.skeleton, way.path.display());
    let shown = match form {
        View::Text => text(&finding, document, rows) + &ways.iter().map(line).collect::<String>(),
        View::Dsl => document.to_string(),
        View::Ascii => finding.picture(rows),
        View::Mermaid => finding.scene(rows).mermaid(),
        View::Json => object(&finding, document, rows, &ways).to_string(),
    };
    put(shown.trim_end());
    Ok(Exit::Violation)
}

const SCHEMA: &str = "murphy/show/1";

fn object(finding: &Finding, document: &Document, rows: usize, ways: &[Variant]) -> Value {
    let ways: Vec<Value> = ways.iter().map(|way| json!({ "skeleton": way.skeleton, "file": way.path })).collect();
    json!({
        "schema": SCHEMA, "key": finding.key(), "target": finding.target, "verdict": finding.verdict_json(),
        "schedule": document.to_string(), "picture": finding.picture(rows), "explanation": finding.explanation(),
        "other_ways": ways,
    })
}

fn text(finding: &Finding, document: &Document, rows: usize) -> String {
    let (sentence, explanation) = (finding.sentence(), finding.explanation());
    let more = explanation.trim().strip_prefix(&sentence).unwrap_or(&explanation).trim();
    format!(
        "{} / {}   {}\n\n{}\n\n{}\n{}\n{more}",
        finding.anomaly.class.name(),
        finding.anomaly.name,
        finding.folder_name(),
        sentence,
        document,
        finding.picture(rows),
    )
}
