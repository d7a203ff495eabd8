//! `murphy triage`: how the findings stand, and what people decide about them.

mod edit;
mod import;
mod list;
mod rekey;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use murphy_sim::AnyTarget;

use super::{
    cases::{Case, folder},
    exit::{Exit, Failure, say},
    revision,
};
use crate::{
    regression::Fate,
    source,
    triage::{Decided, Triage},
};
use edit::{decide, put};

#[derive(Clone, Debug, Args)]
pub(super) struct TriageArguments {
    /// Folder of findings, with `triage.toml`.
    #[arg(long, value_name = "DIR", default_value = "crashes", global = true)]
    crashes: PathBuf,
    #[command(subcommand)]
    command: Option<TriageCommand>,
    #[command(flatten)]
    list: list::ListArguments,
}

#[derive(Clone, Debug, Subcommand)]
enum TriageCommand {
    /// List the findings, those first that are to be looked at first.
    List(list::ListArguments),
    /// Say what becomes of a finding.
    Set(SetArguments),
    /// Say that a finding is the same bug as another one, and stands as that one does.
    Merge(MergeArguments),
    /// Say which issue a finding belongs to.
    Link(LinkArguments),
    /// File what libFuzzer found: each is run, and minimized if it fails.
    Import(import::ImportArguments),
    /// Make all keys anew from fresh runs.
    Rekey,
}

#[derive(Clone, Debug, Args)]
struct SetArguments {
    /// The finding: its key or the beginning of one, or its folder.
    key: String,
    /// What was decided; `new` takes a decision back. What is called fixed or guarded has to pass, and its faults have to strike.
    #[arg(value_enum)]
    status: Decided,
    /// The address of an issue.
    #[arg(long, value_name = "URL")]
    issue: Option<String>,
    /// Any words.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Clone, Debug, Args)]
struct MergeArguments {
    /// The finding that goes into the other.
    key: String,
    /// The other.
    into: String,
}

#[derive(Clone, Debug, Args)]
struct LinkArguments {
    /// The finding.
    key: String,
    /// The address of the issue.
    issue: String,
}

/// Does what the arguments say.
pub(super) fn triage(targets: &[Box<dyn AnyTarget>], arguments: &TriageArguments, json: bool) -> Result<Exit, Failure> {
    let crashes = &arguments.crashes;
    match &arguments.command {
        None => list::list(targets, crashes, &arguments.list, json),
        Some(TriageCommand::List(list)) => list::list(targets, crashes, list, json),
        Some(TriageCommand::Set(set)) => self::set(targets, crashes, set),
        Some(TriageCommand::Merge(merge)) => self::merge(crashes, merge),
        Some(TriageCommand::Link(link)) => self::link(crashes, link),
        Some(TriageCommand::Import(import)) => import::import(targets, crashes, import, json),
        Some(TriageCommand::Rekey) => rekey::rekey(targets, crashes, json),
    }
}

fn key(word: &str, crashes: &Path) -> Result<String, Failure> {
    folder(word, crashes).map(|folder| source::key(&folder))
}

fn set(targets: &[Box<dyn AnyTarget>], crashes: &Path, arguments: &SetArguments) -> Result<Exit, Failure> {
    let SetArguments { status, issue, note, .. } = arguments;
    let folder = folder(&arguments.key, crashes)?;
    let key = source::key(&folder);
    if status.is_promise() {
        let case = Case::new(targets, &folder, &Triage::load(crashes)?)?;
        if !matches!(case.fate, Fate::Fixed) {
            say(&format!("{key} is not {}: {}", status.word(), case.fate.sentence()));
            return Ok(case.standing.exit().or(if case.fate.violates() { Exit::Violation } else { Exit::Clean }));
        }
    }
    let revision = if status.is_promise() { revision() } else { None };
    decide(crashes, &key, |table| {
        put(table, "status", Some(status.word()).filter(|_| *status != Decided::New));
        put(table, "revision", revision.as_deref());
        issue.iter().for_each(|issue| put(table, "issue", Some(issue)));
        note.iter().for_each(|note| put(table, "note", Some(note)));
    })?;
    say(&format!("{key} is {}", status.word()));
    Ok(Exit::Clean)
}

fn merge(crashes: &Path, arguments: &MergeArguments) -> Result<Exit, Failure> {
    let (one, into) = (key(&arguments.key, crashes)?, key(&arguments.into, crashes)?);
    decide(crashes, &one, |table| put(table, "merged-into", Some(&into)))?;
    say(&format!("{one} stands as {into} does"));
    Ok(Exit::Clean)
}

fn link(crashes: &Path, arguments: &LinkArguments) -> Result<Exit, Failure> {
    let key = key(&arguments.key, crashes)?;
    decide(crashes, &key, |table| {
        put(table, "issue", Some(&arguments.issue));
        if !table.contains_key("status") {
            put(table, "status", Some(Decided::Open.word()));
        }
    })?;
    say(&format!("{key} belongs to {}", arguments.issue));
    Ok(Exit::Clean)
}
