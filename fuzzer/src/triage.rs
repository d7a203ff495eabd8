//! What people decided about findings: the file `triage.toml` in the folder of findings.
//!
//! ```toml
//! [qmzkab]
//! status = "open"
//! issue = "https://example.org/issues/7"
//! ```
//!
//! A table for each key. Nothing that a run shows is kept here, and a finding without a table, like a folder without the file,
//! is one about which nobody has decided anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use thiserror::Error;

/// The file's name.
pub const FILE: &str = "triage.toml";

/// What people decided about a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Decided {
    /// Nothing yet.
    #[default]
    New,
    /// It is a bug, which an issue is about.
    Open,
    /// The bug is gone. It fails again: it is reopened.
    Fixed,
    /// The same, and a test keeps it so.
    Guarded,
    /// It comes and goes.
    Flaky,
    /// It does not apply any more, and nobody has made another of it.
    Stale,
    /// It is how the system is meant to be.
    Expected,
    /// It is a bug that stays.
    Wontfix,
}

impl Decided {
    /// The word for it in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Open => "open",
            Self::Fixed => "fixed",
            Self::Guarded => "guarded",
            Self::Flaky => "flaky",
            Self::Stale => "stale",
            Self::Expected => "expected",
            Self::Wontfix => "wontfix",
        }
    }

    /// Whether a finding that fails is no news.
    pub fn may_fail(self) -> bool {
        !self.is_promise() && self != Self::New
    }

    /// Whether the finding must not fail any more.
    pub fn is_promise(self) -> bool {
        matches!(self, Self::Fixed | Self::Guarded)
    }
}

/// What stands in the table of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Decision {
    /// What was decided.
    pub status: Decided,
    /// The address of an issue.
    pub issue: Option<String>,
    /// Any words.
    pub note: Option<String>,
    /// The revision at which it was called fixed.
    pub revision: Option<String>,
    /// The key of the finding that is the same bug.
    pub merged_into: Option<String>,
}

impl Decision {
    /// Why a test of it is not run: what was decided, and the issue or the note.
    pub fn reason(&self) -> String {
        let why = self.issue.as_ref().or(self.note.as_ref());
        why.map_or_else(|| self.status.word().to_string(), |why| format!("{}: {why}", self.status.word()))
    }
}

/// Why the file could not be read.
#[derive(Debug, Error)]
pub enum TriageError {
    /// The file system refused.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What stands there is wrong.
    #[error("{}:{line}: {what}", path.display())]
    Mistake {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was found, and what was expected.
        what: String,
    },
}

/// The decisions about the findings of one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triage(BTreeMap<String, Decision>);

impl Triage {
    /// The decisions about the findings in `crashes`: none, if there is no file.
    ///
    /// # Errors
    /// If the file cannot be read, or has a mistake.
    pub fn load(crashes: &Path) -> Result<Self, TriageError> {
        let path = crashes.join(FILE);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(TriageError::Read { path, source }),
            Ok(text) => Self::parse(&text, &path),
        }
    }

    /// The decisions that `text` says, which is that of the file `path`.
    ///
    /// # Errors
    /// If it has a mistake: one that TOML has, an unknown word, or findings merged into each other in a circle.
    pub fn parse(text: &str, path: &Path) -> Result<Self, TriageError> {
        let mistake = |at: usize, what: String| {
            let line = text[..at.min(text.len())].matches('\n').count() + 1;
            TriageError::Mistake { path: path.to_path_buf(), line, what }
        };
        let read: BTreeMap<String, toml::Spanned<Decision>> = toml::from_str(text)
            .map_err(|error| mistake(error.span().map_or(0, |span| span.start), error.message().to_string()))?;
        let place = |key: &String| read.get(key).map_or(0, |decision| decision.span().start);
        let triage = Self(read.iter().map(|(key, decision)| (key.clone(), decision.get_ref().clone())).collect());
        for key in triage.0.keys() {
            if key.len() != 6 || !key.bytes().all(|letter| letter.is_ascii_lowercase()) {
                return Err(mistake(place(key), format!("found `{key}`, expected the six letters of a finding's key")));
            }
            if triage.root(key).is_none() {
                return Err(mistake(place(key), format!("`{key}` is merged into itself, by way of others or not")));
            }
        }
        Ok(triage)
    }

    /// The key of the finding that this one is the same bug as, in the end: mostly itself. `None`: they go in a circle.
    fn root<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        let (mut at, mut seen) = (key, BTreeSet::new());
        while let Some(next) = self.0.get(at).and_then(|decision| decision.merged_into.as_deref()) {
            if !seen.insert(at) {
                return None;
            }
            at = next;
        }
        Some(at)
    }

    /// What was decided about a finding, or about the one that it is merged into.
    pub fn decision(&self, key: &str) -> Decision {
        self.0.get(self.root(key).unwrap_or(key)).cloned().unwrap_or_default()
    }

    /// The key of the finding that this one is merged into.
    pub fn merged_into<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        self.root(key).filter(|root| *root != key)
    }

    /// Whether nothing was decided about a finding, and no other is merged into it.
    pub fn is_silent_about(&self, key: &str) -> bool {
        let named = |decision: &Decision| decision.merged_into.as_deref() == Some(key);
        !self.0.contains_key(key) && !self.0.values().any(named)
    }

    /// The keys about which something was decided.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Decided, Triage};

    fn parse(text: &str) -> Result<Triage, String> {
        Triage::parse(text, Path::new("triage.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_finding_stands_as_the_one_that_it_is_merged_into() {
        let text = "[aaaaaa]\nmerged-into = \"bbbbbb\"\n[bbbbbb]\nmerged-into = \"cccccc\"\n[cccccc]\nstatus = \"open\"\nissue = \"#7\"\n";
        let triage = parse(text).expect("it is right");
        assert_eq!(triage.decision("aaaaaa").reason(), "open: #7");
        assert_eq!(triage.merged_into("aaaaaa"), Some("cccccc"));
        assert_eq!(triage.decision("zzzzzz").status, Decided::New, "nobody has decided");
    }

    #[test]
    fn a_mistake_is_located() {
        let wrong = |text: &str, place: &str, word: &str| {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(place) && error.contains(word), "{error}");
        };
        wrong("[aaaaaa]\n\nstatus = \"fixd\"\n", "triage.toml:3: ", "`fixd`");
        wrong("[aaaaaa]\nstatus = \"open\"\nisue = \"#7\"\n", "triage.toml:3: ", "`isue`");
        wrong("# words\n[aaaaaa\n", "triage.toml:2: ", "");
        wrong("[aaaaaa]\n[raft-kv-stale-read-qmzkab]\n", "triage.toml:2: ", "six letters");
        wrong("[aaaaaa]\nmerged-into = \"bbbbbb\"\n[bbbbbb]\nmerged-into = \"aaaaaa\"\n", "triage.toml:1: ", "itself");
    }
}
