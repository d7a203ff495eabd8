//! How far the clocks of several logs are apart: `murphy check A B --align FIELD`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use murphy_checker::{
    align::{self, Ahead, Log, MergeError, log, merge},
    read,
};
use serde_json::json;

use super::{
    super::{
        CheckArguments, Output,
        commands::deliver,
        exit::{Failure, put},
    },
    contents, unreadable,
};

/// Says how far the clock of each log is ahead of that of the first, and merges the logs if there is a file for that: it is the
/// answer.
pub(super) fn align(
    paths: &[PathBuf],
    field: &str,
    arguments: &CheckArguments,
    json: bool,
) -> Result<Option<PathBuf>, Failure> {
    let texts = paths.iter().map(|path| contents(path)).collect::<Result<Vec<_>, _>>()?;
    let logs = paths.iter().zip(&texts).map(|(path, text)| of(path, text, field)).collect::<Result<Vec<_>, _>>()?;
    let aheads = align::align(&logs)?;
    let first = &paths[0];
    let Some(output) = &arguments.output else {
        if arguments.model.is_some() || !arguments.invariants.is_empty() {
            let what = "is judged with other logs only as one history: `--output FILE` says where to write that";
            return Err(Failure::WrongForm { path: first.clone(), what });
        }
        report(paths, &aheads, json);
        return Ok(None);
    };
    let merged = merged(paths, &texts, field, &aheads, output)?;
    let same = |path: &&PathBuf| matches!((fs::canonicalize(path), fs::canonicalize(output)), (Ok(one), Ok(other)) if one == other);
    let to = Output { output: Some(output.clone()), force: arguments.force };
    deliver(&to, paths.iter().find(same).map(PathBuf::as_path), merged.as_bytes())?;
    report(paths, &aheads, json);
    Ok(Some(output.clone()))
}

/// The text of one history of all logs.
fn merged(
    paths: &[PathBuf],
    texts: &[Vec<u8>],
    field: &str,
    aheads: &[Ahead],
    output: &Path,
) -> Result<String, Failure> {
    let texts: Vec<&str> = texts.iter().map(|text| read::text(text).expect("its clock was read from it")).collect();
    let merged = merge(&texts, field, aheads).map_err(|error| match error {
        MergeError::Read { log, error } => unreadable(&paths[log], error),
        MergeError::Unbounded { log, .. } => {
            let what = "has operations of its own, and too few that others have, too, to tell when they were";
            Failure::WrongForm { path: paths[log].clone(), what }
        }
    })?;
    let is_json = output.extension().is_some_and(|ending| ending == "json" || ending == "jsonl");
    Ok(if is_json { merged.to_json_lines() } else { merged.to_edn() })
}

/// Says how far the clock of each log is ahead of that of the first.
fn report(paths: &[PathBuf], aheads: &[Ahead], json: bool) {
    let first = &paths[0];
    if json {
        let clocks = paths
            .iter()
            .zip(aheads)
            .map(|(path, ahead)| json!({ "log": path, "ahead_ns_least": ahead.least, "ahead_ns_most": ahead.most }));
        let clocks: Vec<_> = clocks.collect();
        put(&json!({ "schema": "murphy/clocks/1", "relative_to": first, "clocks": clocks }).to_string());
        return;
    }
    for (path, ahead) in paths.iter().zip(aheads).skip(1) {
        put(&sentence(path, first, *ahead));
    }
}

fn of(path: &Path, bytes: &[u8], field: &str) -> Result<Log, Failure> {
    let log = read::text(bytes).and_then(|text| log(text, field)).map_err(|error| unreadable(path, error))?;
    if log.is_empty() {
        let what = "has no entry with a time and the field that `--align` names";
        return Err(Failure::WrongForm { path: path.to_path_buf(), what });
    }
    Ok(log)
}

fn sentence(path: &Path, first: &Path, Ahead { least, most }: Ahead) -> String {
    let ms = |nanos: i64| format!("{:.3}", nanos.unsigned_abs() as f64 / 1e6);
    let signed = |nanos: i64| format!("{} ms {}", ms(nanos), if nanos < 0 { "behind" } else { "ahead of" });
    let (path, first) = (path.display(), first.display());
    match (least, most) {
        (Some(least), Some(most)) if least >= 0 => {
            format!("clock of {path} is {}–{} ms ahead of {first}", ms(least), ms(most))
        }
        (Some(least), Some(most)) if most <= 0 => {
            format!("clock of {path} is {}–{} ms behind {first}", ms(most), ms(least))
        }
        (Some(least), Some(most)) => {
            format!("clock of {path} is between {} and {} {first}", signed(least), signed(most))
        }
        (Some(least), None) => format!("clock of {path} is no earlier than {} {first}", signed(least)),
        (None, Some(most)) => format!("clock of {path} is no later than {} {first}", signed(most)),
        (None, None) => format!("clock of {path}: no operation says how far it is from that of {first}"),
    }
}
