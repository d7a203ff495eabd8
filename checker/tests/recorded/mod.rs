//! Histories of others with known verdicts, which lie beside the repository and not in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use murphy_checker::{
    family::Family,
    history::History,
    read::{Format, read},
};

/// The histories, beside the repository or above it.
pub(crate) fn folder() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut folders = above.map(|folder| folder.join("shared/data/histories"));
    folders.find(|folder| folder.is_dir()).unwrap_or_else(|| PathBuf::from("shared/data/histories"))
}

/// The contents of a file, if it is there.
pub(crate) fn text(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok();
    if text.is_none() {
        // A test's own word to whoever runs it.
        #[allow(clippy::print_stderr)]
        {
            eprintln!("skipped: {} is not there", path.display());
        }
    }
    text
}

/// The history in a file, if it is there.
pub(crate) fn history(path: &Path, family: Family) -> Option<History> {
    let text = text(path)?;
    Some(read(&text, Format::of(&text), family).unwrap_or_else(|error| panic!("{}:{error}", path.display())))
}
