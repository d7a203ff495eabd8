//! The findings of a folder, each run and judged, for the commands that go through all of them.

use std::path::{Path, PathBuf};

use murphy_sim::AnyTarget;
use serde_json::Value;

use super::exit::{Exit, Failure};
use crate::{
    finding::{Entry, read_folder},
    regression::{Fate, Recorded, Standing, examine},
    source::{self, SourceError},
    triage::{Decided, Decision, Triage},
};

/// A finding that was run.
pub(super) struct Case {
    pub(super) key: String,
    /// The name of its folder.
    pub(super) name: String,
    pub(super) entry: Entry,
    pub(super) recorded: Recorded,
    pub(super) decision: Decision,
    /// The key of the finding that it is one with, if people say so.
    pub(super) merged_into: Option<String>,
    pub(super) fate: Fate,
    pub(super) standing: Standing,
}

/// Reads the finding in a folder.
pub(super) fn read(folder: &Path) -> Result<Entry, Failure> {
    Ok(read_folder(folder)?.map_err(SourceError::Mistakes)?)
}

/// The folder that `word` means: itself, or the one in `crashes` with this key or its beginning.
pub(super) fn folder(word: &str, crashes: &Path) -> Result<PathBuf, Failure> {
    let path = Path::new(word);
    Ok(if path.is_dir() { path.to_path_buf() } else { source::lookup(word, crashes)? })
}

/// The findings in `crashes`, by name, each as it stands now; or why it cannot be read.
pub(super) fn cases<'a>(
    targets: &'a [Box<dyn AnyTarget>],
    crashes: &Path,
) -> Result<impl Iterator<Item = (String, Result<Case, Failure>)> + 'a, Failure> {
    let triage = Triage::load(crashes)?;
    let folders = source::folders(crashes).into_iter();
    Ok(folders.map(move |folder| (source::name(&folder), Case::new(targets, &folder, &triage))))
}

impl Case {
    pub(super) fn new(targets: &[Box<dyn AnyTarget>], folder: &Path, triage: &Triage) -> Result<Self, Failure> {
        let entry = read(folder)?;
        let (key, name) = (source::key(folder), source::name(folder));
        let (decision, fate) = (triage.decision(&key), examine(targets, &entry));
        Ok(Self {
            recorded: Recorded::read(folder, entry.meta.as_ref()),
            merged_into: triage.merged_into(&key).map(str::to_string),
            standing: Standing::of(&decision, &fate),
            key,
            name,
            entry,
            decision,
            fate,
        })
    }

    fn meta(&self) -> &Value {
        self.entry.meta.as_ref().unwrap_or(&Value::Null)
    }

    /// A number of its `meta.json`, by two names.
    pub(super) fn number(&self, of: &str, which: &str) -> Option<u64> {
        self.meta()[of][which].as_u64()
    }

    /// When it was found, in seconds since 1970.
    pub(super) fn found_at(&self) -> Option<u64> {
        self.meta()["found_at"].as_u64().filter(|seconds| *seconds > 0)
    }

    /// Kinds of faults with the roles of those they struck.
    pub(super) fn skeleton(&self) -> &str {
        self.meta()["skeleton"].as_str().unwrap_or_default()
    }

    /// How far it has come in its life: what people decided, or else what is known of it.
    pub(super) fn status(&self) -> &'static str {
        let meta = self.meta();
        match self.decision.status {
            _ if self.merged_into.is_some() => "merged",
            Decided::New if meta["one_minimal"] == true => "minimized",
            Decided::New if meta["reproduced"] == "3/3" || meta["reproduced"].as_u64() >= Some(3) => "confirmed",
            decided => decided.word(),
        }
    }

    /// Class and anomaly as recorded, or as they are now.
    pub(super) fn anomaly(&self) -> (&str, &str) {
        match (&self.recorded.anomaly, &self.fate) {
            (Some((class, name)), _) => (class, name),
            (None, Fate::Fails(finding) | Fate::FailsOtherwise(finding)) => {
                (finding.anomaly.class.name(), &finding.anomaly.name)
            }
            _ => ("?", "?"),
        }
    }
}

impl Standing {
    /// What a finding that stands so does to how the command ends.
    pub(super) fn exit(self) -> Exit {
        match self {
            Self::Nondeterministic => Exit::Nondeterminism,
            Self::Reopened | Self::Undecided => Exit::Violation,
            Self::Inconclusive => Exit::Inconclusive,
            Self::Stale => Exit::Stale,
            Self::Known | Self::LooksFixed | Self::Holds => Exit::Clean,
        }
    }
}

/// Findings that are perhaps one bug: they look fixed at once, or were called fixed at one revision, and are of one target.
pub(super) fn green_together(cases: &[Case]) -> Vec<Vec<&Case>> {
    let group = |case: &Case| {
        let green = match case.standing {
            Standing::LooksFixed => Some(None),
            Standing::Holds if case.decision.status == Decided::Fixed => case.decision.revision.clone().map(Some),
            _ => None,
        };
        green.filter(|_| case.merged_into.is_none()).map(|revision| (case.entry.document.target.clone(), revision))
    };
    let mut groups = std::collections::BTreeMap::<_, Vec<&Case>>::new();
    for case in cases {
        if let Some(name) = group(case) {
            groups.entry(name).or_default().push(case);
        }
    }
    groups.into_values().filter(|group| group.len() > 1).collect()
}
