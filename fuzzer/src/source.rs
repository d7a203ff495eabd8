//! Where schedules come from: a folder of a finding, a key, a file of text or of bytes, standard input.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use murphy_schedule::{Diagnostic, Document, Schedule, bytes::VERSION};
use thiserror::Error;

use crate::finding::{self, FolderError};

/// Mistakes in the text of a schedule, with the text.
#[derive(Clone, Debug)]
pub struct Mistakes {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What is wrong with it, in the order of its lines.
    pub diagnostics: Vec<Diagnostic>,
}

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.display();
        let line = |mistake: &Diagnostic| format!("{path}:{}", mistake.to_string().trim_start_matches("line "));
        write!(f, "{}", self.diagnostics.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for Mistakes {}

/// Why no schedule could be had.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The text has mistakes.
    #[error("{0}")]
    Mistakes(Mistakes),
    /// A folder of a finding is not as it should be.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is neither text nor bytes of a schedule.
    #[error("{} is no schedule: text begins with `murphy 1`, bytes with a byte of {VERSION}", path.display())]
    Neither {
        /// Which file.
        path: PathBuf,
    },
    /// Nothing is called so.
    #[error("`{found}` is neither a file nor the key of a folder in {}{}", crashes.display(), hint(known))]
    Unknown {
        /// What was asked for.
        found: String,
        /// Where keys were looked up.
        crashes: PathBuf,
        /// The keys there are.
        known: Vec<String>,
    },
    /// Several folders have keys that begin so.
    #[error("`{found}` could be any of {}", fits.join(", "))]
    Ambiguous {
        /// What was asked for.
        found: String,
        /// The folders that fit.
        fits: Vec<String>,
    },
}

fn hint(known: &[String]) -> String {
    if known.is_empty() { ", which has none".to_string() } else { format!(", which has {}", known.join(", ")) }
}

/// A schedule and where it came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The schedule, with its target's name (`any` if it came as bytes).
    pub document: Document,
    /// The folder of the finding, if it came from one.
    pub entry: Option<finding::Entry>,
}

/// Finds the schedule that `word` means: a folder, a file, `-`, `latest`, or a key in `crashes` or its beginning.
///
/// # Errors
/// If nothing is called so, or what is called so cannot be read.
pub fn open(word: &str, crashes: &Path) -> Result<Source, SourceError> {
    let path = Path::new(word);
    if word == "-" {
        let mut bytes = Vec::new();
        let read = io::stdin().read_to_end(&mut bytes);
        read.map_err(|source| SourceError::Read { path: PathBuf::from("standard input"), source })?;
        return parse(Path::new("standard input"), bytes);
    }
    if path.is_dir() {
        return open_folder(path);
    }
    if path.is_file() {
        let bytes = fs::read(path).map_err(|source| SourceError::Read { path: path.to_path_buf(), source })?;
        return parse(path, bytes);
    }
    // Neither a key nor a folder's name has one of these: a file is meant, and it is missing.
    if word.contains(['/', '.']) {
        let source = io::ErrorKind::NotFound.into();
        return Err(SourceError::Read { path: path.to_path_buf(), source });
    }
    open_folder(&lookup(word, crashes)?)
}

fn open_folder(path: &Path) -> Result<Source, SourceError> {
    let entry = finding::read_folder(path)?.map_err(SourceError::Mistakes)?;
    Ok(Source { document: entry.document.clone(), entry: Some(entry) })
}

/// Bytes are text if they look like it.
fn parse(path: &Path, bytes: Vec<u8>) -> Result<Source, SourceError> {
    let looks_like_text = path.extension().is_some_and(|extension| extension == "murphy")
        || std::str::from_utf8(&bytes).is_ok_and(|text| text.contains("murphy "));
    if !looks_like_text && bytes.first() != Some(&VERSION) {
        return Err(SourceError::Neither { path: path.to_path_buf() });
    }
    if !looks_like_text {
        let document = Document::new("any", Schedule::from_bytes(&bytes), &murphy_schedule::Vocabulary::default());
        return Ok(Source { document, entry: None });
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match Document::parse(&text) {
        Ok(document) => Ok(Source { document, entry: None }),
        Err(diagnostics) => Err(SourceError::Mistakes(Mistakes { path: path.to_path_buf(), text, diagnostics })),
    }
}

/// The folder in `crashes` whose key begins with `word`.
fn lookup(word: &str, crashes: &Path) -> Result<PathBuf, SourceError> {
    let folders = folders(crashes);
    let key = |path: &PathBuf| name(path).rsplit('-').next().unwrap_or_default().to_string();
    if word == "latest" {
        let written = |path: &PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
        if let Some(latest) = folders.iter().max_by_key(|path| (written(path), (*path).clone())) {
            return Ok(latest.clone());
        }
    }
    let fits: Vec<&PathBuf> =
        folders.iter().filter(|path| name(path) == word || key(path).starts_with(word) && !word.is_empty()).collect();
    match fits[..] {
        [only] => Ok(only.clone()),
        [] => Err(SourceError::Unknown {
            found: word.to_string(),
            crashes: crashes.to_path_buf(),
            known: folders.iter().map(key).collect(),
        }),
        _ => Err(SourceError::Ambiguous {
            found: word.to_string(),
            fits: fits.into_iter().map(|path| name(path)).collect(),
        }),
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The folders of findings in `crashes`, sorted by name; none if there is no such folder.
pub fn folders(crashes: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(crashes).into_iter().flatten().flatten();
    let visible = |path: &PathBuf| path.is_dir() && !name(path).starts_with('.');
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(visible).collect();
    paths.sort();
    paths
}
