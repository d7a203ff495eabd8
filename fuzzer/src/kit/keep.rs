//! Where a test files what it finds: in the folder of what is built, never in the source tree; and where it traces what fails.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    aside,
    finding::{Finding, FolderError, Provenance},
    picture::{self, Selection},
};

/// Files `finding` in `murphy/crashes` below the folder that Cargo builds into, and returns its folder. One that is there already
/// stays.
///
/// # Errors
/// If the file system refuses.
pub(super) fn keep(finding: &Finding, provenance: &Provenance) -> Result<PathBuf, FolderError> {
    let provenance = Provenance { program: "murphy".to_string(), ..provenance.clone() };
    let folder = finding.write(&built_into().join("murphy/crashes"), &provenance)?;
    let here = env::current_dir().unwrap_or_default();
    Ok(folder.strip_prefix(here).map(Path::to_path_buf).unwrap_or(folder))
}

/// Writes every event of a failing run, an object a line, to the file that `MURPHY_TRACE` names, if it does, in place of what is there.
/// Returns what is to be said if that fails.
pub(super) fn trace(finding: &Finding) -> String {
    let Some(file) = env::var_os("MURPHY_TRACE").filter(|file| !file.is_empty()).map(PathBuf::from) else {
        return String::new();
    };
    let lines = picture::trace_lines(&finding.outcome, &Selection::ALL);
    match aside::write_file(&file, lines.as_bytes()) {
        Ok(()) => String::new(),
        Err(error) => format!("\n(MURPHY_TRACE: cannot write {}: {error})", file.display()),
    }
}

/// The folder that Cargo builds into: the one above this program that it has marked as a cache; else `target`.
fn built_into() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let marked = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.map_or_else(|| PathBuf::from("target"), Path::to_path_buf)
}
