//! `murphy triage rekey`: the keys of all findings, made anew from fresh runs.
//!
//! A key depends on what Murphy calls an anomaly and on the roles that a target reports, and both may change. What does not fail any
//! more keeps its name: there is nothing to make a key of.

use std::{
    fs,
    path::{Path, PathBuf},
};

use murphy_schedule::Schedule;
use murphy_sim::AnyTarget;
use serde_json::{Value, json};

use super::{
    super::{
        cases::read,
        commands::replace,
        exit::{Exit, Failure, put},
        provenance,
    },
    edit::edit,
};
use crate::{
    finding::{self, Entry, Finding, Provenance, variants},
    harness::Harness,
    regression::seeds,
    source::{self, Reading},
    triage::Triage,
};

/// What of `meta.json` tells how a finding came about, and stays true whatever it is called.
const KEPT: [&str; 11] = [
    "command",
    "revision",
    "found_at",
    "campaign_seed",
    "execs",
    "faults",
    "operations",
    "one_minimal",
    "minimizing_runs",
    "robustness",
    "reproduced",
];

/// What became of a folder.
enum Rekeyed {
    Same,
    Kept(String),
    Renamed(PathBuf),
    Merged(PathBuf),
    /// Not the folder itself, but one of its variants.
    Split(PathBuf),
}

/// Makes all keys in `crashes` anew.
pub(super) fn rekey(targets: &[Box<dyn AnyTarget>], crashes: &Path, json: bool) -> Result<Exit, Failure> {
    // A file with a mistake is told before anything is renamed.
    Triage::load(crashes)?;
    let mut exit = Exit::Clean;
    for folder in source::folders(crashes) {
        match rekey_one(targets, crashes, &folder) {
            Ok((rekeyed, split)) => {
                tell(&folder, &rekeyed, json);
                split.into_iter().for_each(|new| tell(&folder, &Rekeyed::Split(new), json));
            }
            Err(failure) => {
                tell(&folder, &Rekeyed::Kept(failure.to_string()), json);
                exit = Exit::Files;
            }
        }
    }
    Ok(exit)
}

/// Gives one folder the name that it should have. Also the folders of its variants that are findings of their own.
fn rekey_one(
    targets: &[Box<dyn AnyTarget>],
    crashes: &Path,
    folder: &Path,
) -> Result<(Rekeyed, Vec<PathBuf>), Failure> {
    let kept = |why| Ok((Rekeyed::Kept(why), Vec::new()));
    let entry = read(folder)?;
    let mut harness = match Harness::new(targets, &entry.document.target) {
        Ok(harness) => harness,
        Err(gone) => return kept(gone.to_string()),
    };
    entry.invariants.iter().for_each(|text| harness.judge_again(text));
    let Some(finding) = Finding::new(&mut harness, &entry.document.schedule) else {
        return kept("it does not fail any more".to_string());
    };
    let split = split(&mut harness, crashes, folder, &finding)?;
    Ok((rename(&harness, crashes, &entry, &finding)?, split))
}

/// Files those variants of `finding`, which is in `folder`, that are not like it by now.
fn split(harness: &mut Harness, crashes: &Path, folder: &Path, finding: &Finding) -> Result<Vec<PathBuf>, Failure> {
    let mut split = Vec::new();
    let variants = folder.join("variants");
    for variant in seeds(&variants).map_err(Failure::file("read the folder", &variants))? {
        let schedule = Reading::default().file(&variant.path)?.document.schedule;
        let Some(other) = Finding::new(harness, &schedule) else { continue };
        if !other.is_like(finding) {
            // Only what was shown to be minimal is kept as a variant.
            let provenance = Provenance { one_minimal: true, ..provenance() };
            split.push(other.write_if_smaller(crashes, &provenance, harness.vocabulary())?);
            fs::remove_file(&variant.path).map_err(Failure::file("remove", &variant.path))?;
        }
    }
    Ok(split)
}

fn rename(harness: &Harness, crashes: &Path, entry: &Entry, finding: &Finding) -> Result<Rekeyed, Failure> {
    let (folder, new) = (&entry.path, crashes.join(finding.folder_name()));
    if source::name(&new) == source::name(folder) {
        return Ok(Rekeyed::Same);
    }
    let original = fs::read(folder.join("original/input.bin")).ok().map(|bytes| Schedule::from_bytes(&bytes));
    let one_minimal = entry.meta.as_ref().is_some_and(|meta| meta["one_minimal"] == true);
    let provenance = Provenance { original, one_minimal, ..provenance() };
    let rekeyed = if new.exists() {
        finding.write_if_smaller(crashes, &provenance, harness.vocabulary())?;
        variants::take(folder, &new, &finding.target, harness.vocabulary())
            .map_err(Failure::file("write the variants of", &new))?;
        finding::remove(folder)?;
        Rekeyed::Merged(new)
    } else {
        fs::rename(folder, &new).map_err(Failure::file("rename", folder))?;
        finding.replace(crashes, &provenance)?;
        keep_meta(&new, entry)?;
        Rekeyed::Renamed(new)
    };
    move_decision(crashes, &source::key(folder), &finding.key())?;
    Ok(rekeyed)
}

/// Puts back what `meta.json` said of how the finding came about.
fn keep_meta(folder: &Path, entry: &Entry) -> Result<(), Failure> {
    let path = folder.join("meta.json");
    let bytes = fs::read(&path).map_err(Failure::file("read", &path))?;
    let (Some(old), Ok(mut new)) = (&entry.meta, serde_json::from_slice::<Value>(&bytes)) else { return Ok(()) };
    for field in KEPT.iter().filter(|field| !old[**field].is_null()) {
        new[*field] = old[*field].clone();
    }
    let text = serde_json::to_string_pretty(&new).expect("a JSON value prints") + "\n";
    replace(&path, text.as_bytes())
}

/// What was decided about `old` is decided about `new`, unless something is already.
fn move_decision(crashes: &Path, old: &str, new: &str) -> Result<(), Failure> {
    if Triage::load(crashes)?.is_silent_about(old) {
        return Ok(());
    }
    edit(crashes, |document| {
        if let Some(item) = document.remove(old)
            && !document.contains_key(new)
        {
            document.insert(new, item);
        }
        let tables = document.iter_mut().filter_map(|(_, item)| item.as_table_like_mut());
        for table in tables {
            if table.get("merged-into").and_then(|key| key.as_str()) == Some(old) {
                table.insert("merged-into", toml_edit::value(new));
            }
        }
    })
}

fn tell(folder: &Path, rekeyed: &Rekeyed, json: bool) {
    let old = source::name(folder);
    let (word, new, why) = match rekeyed {
        Rekeyed::Same => ("same", None, None),
        Rekeyed::Kept(why) => ("kept", None, Some(why)),
        Rekeyed::Renamed(new) => ("renamed", Some(source::name(new)), None),
        Rekeyed::Merged(new) => ("merged", Some(source::name(new)), None),
        Rekeyed::Split(new) => ("split off", Some(source::name(new)), None),
    };
    if json {
        return put(
            &json!({ "schema": "murphy/rekey/1", "folder": old, "fate": word, "to": new, "why": why }).to_string()
        );
    }
    match (new, why) {
        (Some(new), _) => put(&format!("{old}  {word}: {new}")),
        (None, Some(why)) => put(&format!("{old}  {word}: {why}")),
        (None, None) => put(&format!("{old}  {word}")),
    }
}
