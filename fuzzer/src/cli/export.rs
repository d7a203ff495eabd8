//! `murphy export`: a finding in the forms of other tools.

use std::{
    fs,
    path::{Path, PathBuf},
};

use murphy_checker::write;
use murphy_sim::AnyTarget;
use serde_json::json;

use super::{
    ExportArguments, ExportForm, Output,
    commands::{deliver, no_finding, open},
    exit::{Exit, Failure, put},
    replay::finding,
};
use crate::{
    aside,
    export::{archive, chrome, dot, jepsen, shiviz},
    finding::{self, COMMITTED, Entry, Finding, variants},
    source::Source,
};

/// The folder in which Jepsen keeps what it leaves.
const STORE: &str = "store";

/// Writes a finding in another form.
pub(super) fn export(targets: &[Box<dyn AnyTarget>], arguments: &ExportArguments, json: bool) -> Result<Exit, Failure> {
    let (source, mut harness) = open(targets, &arguments.schedule, &arguments.place)?;
    let Some(finding) = finding(&mut harness, &source.document) else {
        return Ok(no_finding(&mut harness, &source.document, "murphy/export/1", json));
    };
    let (outcome, rows) = (&finding.outcome, arguments.rows);
    let contents = match arguments.to {
        ExportForm::Edn => write::to_edn(&outcome.history).into_bytes(),
        ExportForm::Jsonl => write::to_json_lines(&outcome.history).into_bytes(),
        ExportForm::ChromeTrace => chrome::to_json(outcome).into_bytes(),
        ExportForm::Shiviz => shiviz::log(outcome).into_bytes(),
        ExportForm::Dot => dot::graph(outcome, finding.scene(rows).events()).into_bytes(),
        ExportForm::Mermaid => finding.scene(rows).mermaid().into_bytes(),
        ExportForm::Zip => {
            let entry = source.entry.as_ref().ok_or_else(|| Failure::NoFolder(arguments.schedule.clone()))?;
            archive::zip(&kept(entry)?)?
        }
        ExportForm::JepsenStore => return store(&finding, &source, arguments, json),
    };
    deliver(&Output { output: arguments.output.clone(), force: arguments.force }, None, &contents)
}

/// The files of a finding's folder that are meant to be kept, each below the folder's name.
fn kept(entry: &Entry) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let folder = entry.path.file_name().unwrap_or_default().to_string_lossy();
    let files = COMMITTED.iter().map(|name| entry.path.join(name)).filter(|path| path.exists());
    let read = |path: PathBuf| {
        let contents = fs::read(&path).map_err(Failure::file("read", &path))?;
        let name = path.strip_prefix(&entry.path).unwrap_or(&path).display();
        Ok((format!("{folder}/{name}"), contents))
    };
    files.chain(variants::files(&entry.path)).map(read).collect()
}

/// Writes the folder that Jepsen would have left, aside first, so that there never is half of one.
fn store(finding: &Finding, source: &Source, arguments: &ExportArguments, json: bool) -> Result<Exit, Failure> {
    let meta = source.entry.as_ref().and_then(|entry| entry.meta.as_ref());
    let time = jepsen::timestamp(meta.and_then(|meta| meta["found_at"].as_u64()).unwrap_or_default());
    let store = arguments.output.clone().unwrap_or_else(|| PathBuf::from(STORE));
    let folder = store.join(&finding.target).join(&time);
    if folder.exists() && !arguments.force {
        return Err(Failure::Exists(folder));
    }
    let aside = aside::beside(&folder);
    let written = write_all(&aside, &jepsen::files(finding)).and_then(|()| put_in_place(&aside, &folder));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&aside);
    }
    written?;
    put(&if json {
        json!({ "schema": "murphy/export/1", "folder": folder }).to_string()
    } else {
        folder.display().to_string()
    });
    Ok(Exit::Clean)
}

fn write_all(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), Failure> {
    for (name, contents) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(Failure::file("create", parent))?;
        fs::write(&path, contents).map_err(Failure::file("write", &path))?;
    }
    Ok(())
}

/// Gives a finished folder its name; what was there goes.
fn put_in_place(aside: &Path, folder: &Path) -> Result<(), Failure> {
    finding::remove(folder)?;
    fs::rename(aside, folder).map_err(Failure::file("rename a finished folder to", folder))
}
