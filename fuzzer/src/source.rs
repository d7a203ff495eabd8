//! Where schedules come from: a folder of a finding, a key, a file in any form, standard input.
//!
//! The form of a file is what its name ends in, unless it is said; where a name says nothing, the file is looked into.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use murphy_schedule::{Diagnostic, Document, Schedule, Vocabulary, bytes::VERSION, forms, tree::Form};
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
    /// A file is no form of a schedule.
    #[error(
        "{} is no schedule: text begins with `murphy {VERSION}`, bytes with a byte of {VERSION}, and files of other forms end in {}",
        path.display(),
        endings()
    )]
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

/// The endings of the structured forms.
fn endings() -> String {
    let endings: Vec<String> = Form::ALL.iter().map(|form| format!("`.{}`", form.extension())).collect();
    endings.join(", ")
}

/// What a schedule is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// `*.murphy`
    Text,
    /// TOML, YAML, JSON or a script.
    Structured(Form),
    /// What libFuzzer and the corpus hold.
    Bytes,
}

/// Keys by which YAML is known: a label of the text form is called otherwise.
const BEGINNINGS: [&str; 9] =
    ["murphy", "target", "seed", "topology", "steps", "faults", "events", "partitions", "phases"];

/// What follows the word that `text` begins with, if it begins with one.
fn after_word(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    (rest.len() < text.len()).then_some(rest)
}

impl Syntax {
    /// The syntax of a file of this name, if the name says so.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "murphy" => Some(Self::Text),
            extension => Form::from_extension(extension).map(Self::Structured),
        }
    }

    /// What these bytes look like; `None`: like no schedule. No text begins with a byte as small as the version.
    fn guess(bytes: &[u8]) -> Option<Self> {
        if bytes.first() == Some(&VERSION) {
            return Some(Self::Bytes);
        }
        let text = String::from_utf8_lossy(bytes);
        text.trim_start_matches('\u{feff}').lines().find_map(Self::of_line)
    }

    /// The only syntax that has such a line; `None`: none, or several.
    fn of_line(line: &str) -> Option<Self> {
        let structured = |form| Some(Self::Structured(form));
        let (indented, line) = (line.starts_with([' ', '\t']), line.trim());
        let bracketed = || !indented && after_word(line.trim_start_matches('[')).is_some();
        match line.chars().next()? {
            '{' => return structured(Form::Json),
            '[' if bracketed() => return structured(Form::Toml),
            _ => {}
        }
        let is_call = |text: &str| after_word(text).is_some_and(|rest| rest.starts_with('('));
        let rest = after_word(line)?;
        let word = &line[..line.len() - rest.len()];
        match rest.trim_start().chars().next() {
            Some('(') => is_call(line).then_some(Self::Structured(Form::Script)),
            Some('=') if is_call(rest.trim_start()[1..].trim_start()) => structured(Form::Script),
            Some('=') => structured(Form::Toml),
            Some(':') => (!indented && BEGINNINGS.contains(&word)).then_some(Self::Structured(Form::Yaml)),
            _ => (word == "murphy").then_some(Self::Text),
        }
    }

    /// `document` in this syntax.
    pub fn write(self, document: &Document) -> Vec<u8> {
        match self {
            Self::Text => document.to_string().into_bytes(),
            Self::Structured(form) => forms::print(form, document).into_bytes(),
            Self::Bytes => document.schedule.to_bytes(),
        }
    }

    fn read(self, bytes: &[u8], path: &Path) -> Result<File, SourceError> {
        let text = if self == Self::Bytes { String::new() } else { String::from_utf8_lossy(bytes).into_owned() };
        let document = match self {
            Self::Text => Document::parse(&text),
            Self::Structured(form) => forms::parse(form, &text),
            Self::Bytes => Ok(Document::new("any", Schedule::from_bytes(bytes), &Vocabulary::default())),
        };
        match document {
            Ok(document) => Ok(File { path: path.to_path_buf(), syntax: self, text, document }),
            Err(diagnostics) => Err(SourceError::Mistakes(Mistakes { path: path.to_path_buf(), text, diagnostics })),
        }
    }
}

/// How a schedule is to be read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What it is written in; `None`: what its name says, or what it looks like.
    pub syntax: Option<Syntax>,
    /// Lines of the header that are said anew.
    pub set: Vec<String>,
}

impl Reading {
    /// Reads a file, or standard input if it is `-`.
    ///
    /// # Errors
    /// If it cannot be read, is no schedule, or has mistakes, or a line that is said anew has one.
    pub fn file(&self, path: &Path) -> Result<File, SourceError> {
        let (path, bytes) = if path == Path::new("-") {
            let (path, mut bytes) = (Path::new("standard input"), Vec::new());
            (path, io::stdin().read_to_end(&mut bytes).map(|_| bytes))
        } else {
            (path, fs::read(path))
        };
        let bytes = bytes.map_err(|source| SourceError::Read { path: path.to_path_buf(), source })?;
        let syntax = self.syntax.or_else(|| Syntax::of(path)).or_else(|| Syntax::guess(&bytes));
        let syntax = syntax.ok_or_else(|| SourceError::Neither { path: path.to_path_buf() })?;
        let mut file = syntax.read(&bytes, path)?;
        self.adapt(&mut file.document)?;
        Ok(file)
    }

    fn adapt(&self, document: &mut Document) -> Result<(), SourceError> {
        for line in &self.set {
            document.set(line).map_err(|mistake| {
                let (path, text) = (PathBuf::from("--set"), line.clone());
                SourceError::Mistakes(Mistakes { path, text, diagnostics: vec![mistake] })
            })?;
        }
        Ok(())
    }
}

/// A schedule as it was read.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name.
    pub path: PathBuf,
    /// What it is written in.
    pub syntax: Syntax,
    /// Its text; empty if it is bytes.
    pub text: String,
    /// What it says, with the lines of the header that were said anew.
    pub document: Document,
}

/// A schedule and where it came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The schedule, with its target's name (`any` if it came as bytes).
    pub document: Document,
    /// The folder of the finding, if it came from one and nothing of it was said anew.
    pub entry: Option<finding::Entry>,
    /// The invariants that its folder has it judged by, beside the target's own, as they were written.
    pub invariants: Option<String>,
}

/// Finds the schedule that `word` means: a folder, a file, `-`, `latest`, or a key in `crashes` or its beginning.
///
/// # Errors
/// If nothing is called so, or what is called so cannot be read.
pub fn open(word: &str, crashes: &Path, reading: &Reading) -> Result<Source, SourceError> {
    let path = Path::new(word);
    if path.is_dir() {
        return open_folder(path, reading);
    }
    // Neither a key nor a folder's name has one of these: a file is meant, perhaps one that is missing.
    if word == "-" || word.contains(['/', '.']) || path.exists() {
        return reading.file(path).map(|file| Source { document: file.document, entry: None, invariants: None });
    }
    open_folder(&lookup(word, crashes)?, reading)
}

fn open_folder(path: &Path, reading: &Reading) -> Result<Source, SourceError> {
    let entry = finding::read_folder(path)?.map_err(SourceError::Mistakes)?;
    let mut document = entry.document.clone();
    reading.adapt(&mut document)?;
    let invariants = entry.invariants.clone();
    Ok(Source { document, entry: Some(entry).filter(|_| reading.set.is_empty()), invariants })
}

/// The key at the end of the name of a finding's folder.
pub(crate) fn key(folder: &Path) -> String {
    name(folder).rsplit('-').next().unwrap_or_default().to_string()
}

/// The folder in `crashes` whose key begins with `word`.
pub(crate) fn lookup(word: &str, crashes: &Path) -> Result<PathBuf, SourceError> {
    let folders = folders(crashes);
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
            known: folders.iter().map(|path| key(path)).collect(),
        }),
        _ => Err(SourceError::Ambiguous {
            found: word.to_string(),
            fits: fits.into_iter().map(|path| name(path)).collect(),
        }),
    }
}

/// The last part of a path.
pub(crate) fn name(path: &Path) -> String {
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
