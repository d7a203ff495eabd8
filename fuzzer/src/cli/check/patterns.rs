//! Anomalies that were met before: each pattern is explained once.

use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use super::super::exit::Failure;
use crate::finding::letters;

/// What an anomaly has in common with others, whatever their keys, values, processes and times are.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// A short name, the same wherever it is met.
    pub(super) id: String,
    pub(super) anomaly: String,
}

impl Pattern {
    /// The pattern of an anomaly, given all that tells it from others.
    pub(super) fn new(anomaly: &str, parts: [&str; 3]) -> Self {
        Self { id: letters(&format!("{anomaly}\n{}", parts.join("\n"))), anomaly: anomaly.to_owned() }
    }
}

/// The patterns that are known, and who had them first.
#[derive(Debug, Default)]
pub(super) struct Known {
    patterns: BTreeMap<String, String>,
    /// Where they are kept, and what is to be added.
    file: Option<PathBuf>,
    new: String,
}

impl Known {
    /// Those in a file, one a line: its name and then any words about it. A file that is not there has none.
    pub(super) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = file else { return Ok(Self::default()) };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.map_err(Failure::file("read", path))?,
        };
        let lines = (1..).zip(text.lines().map(str::trim));
        let patterns = lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#')).map(|(line, text)| {
            let (id, words) = text.split_once(char::is_whitespace).unwrap_or((text, text));
            if id.len() != 6 || !id.bytes().all(|letter| letter.is_ascii_lowercase()) {
                return Err(Failure::Pattern { path: path.to_path_buf(), line, found: id.to_owned() });
            }
            Ok((id.to_owned(), words.trim().to_owned()))
        });
        let patterns = patterns.collect::<Result<_, _>>()?;
        // What is added begins on a line of its own, even if somebody's editor left the last one open.
        let new = if text.is_empty() || text.ends_with('\n') { String::new() } else { "\n".to_owned() };
        Ok(Self { patterns, file: Some(path.to_path_buf()), new })
    }

    /// Who had a pattern before; from now on it is known of `path`.
    pub(super) fn of(&mut self, path: &Path, pattern: Option<&Pattern>) -> Option<String> {
        let Pattern { id, anomaly } = pattern?;
        if let Some(before) = self.patterns.get(id) {
            return Some(before.clone());
        }
        self.patterns.insert(id.clone(), path.display().to_string());
        self.new += &format!("{id}  {anomaly}, first seen in {}\n", path.display());
        None
    }

    /// Adds to the file what is new.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let Some(path) = self.file.as_ref().filter(|_| !self.new.trim().is_empty()) else { return Ok(()) };
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(self.new.as_bytes())).map_err(Failure::file("write", path))
    }
}
