//! How far the clocks of several logs are apart: `murphy check A B --align FIELD`.

use std::path::{Path, PathBuf};

use murphy_checker::{
    align::{Ahead, Log, align, log},
    read,
};
use serde_json::json;

use super::{
    super::exit::{Exit, Failure, put},
    contents, unreadable,
};

/// Says how far the clock of each log is ahead of that of the first.
pub(super) fn report(paths: &[PathBuf], field: &str, json: bool) -> Result<Exit, Failure> {
    let logs = paths.iter().map(|path| of(path, field)).collect::<Result<Vec<_>, _>>()?;
    let aheads = align(&logs)?;
    let first = &paths[0];
    if json {
        let clocks = paths
            .iter()
            .zip(&aheads)
            .map(|(path, ahead)| json!({ "log": path, "ahead_ns_least": ahead.least, "ahead_ns_most": ahead.most }));
        let clocks: Vec<_> = clocks.collect();
        put(&json!({ "schema": "murphy/clocks/1", "relative_to": first, "clocks": clocks }).to_string());
        return Ok(Exit::Clean);
    }
    for (path, ahead) in paths.iter().zip(&aheads).skip(1) {
        put(&sentence(path, first, *ahead));
    }
    Ok(Exit::Clean)
}

fn of(path: &Path, field: &str) -> Result<Log, Failure> {
    let bytes = contents(path)?;
    let log = read::text(&bytes).and_then(|text| log(text, field)).map_err(|error| unreadable(path, error))?;
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
