//! Schedules that people wrote for a campaign to begin with. They have no verdict: what counts is that they can be read and run.

use std::{fs, io, path::Path};

use murphy_checker::verdict::Verdict;
use murphy_sim::AnyTarget;

use crate::{
    harness::{Harness, HarnessError},
    regression,
    source::{Reading, SourceError, Syntax},
    triage,
};

/// A schedule that people wrote.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The file's name without its ending.
    pub name: String,
    /// The file.
    pub path: std::path::PathBuf,
}

/// What a seed gave on one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yield {
    /// The target, with its planted bugs.
    pub target: String,
    /// `valid`, `unknown`, or class and anomaly.
    pub verdict: String,
}

/// The seeds in a folder, sorted by name; none if there is no such folder.
///
/// # Errors
/// If the folder cannot be read.
pub fn seeds(folder: &Path) -> io::Result<Vec<Seed>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    // A folder may have findings and schedules beside each other, and then there is the file of decisions.
    paths.retain(|path| path.is_file() && Syntax::of(path).is_some() && !path.ends_with(triage::FILE));
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(paths.into_iter().map(|path| Seed { name: name(&path), path }).collect())
}

impl Seed {
    /// Runs it on the target that it names, or on all if it is for any. Nothing, if its target is another program's.
    ///
    /// # Errors
    /// If it cannot be read, or names a bug that its target does not have.
    pub fn run(&self, targets: &[Box<dyn AnyTarget>]) -> Result<Vec<Yield>, SeedError> {
        let document = Reading::default().file(&self.path)?.document;
        let names = if document.target == "any" {
            targets.iter().map(|target| target.about().name.to_string()).collect()
        } else {
            vec![document.target.clone()]
        };
        let mut yields = Vec::new();
        for name in names {
            let mut harness = match Harness::new(targets, &name) {
                Err(HarnessError::UnknownTarget { .. }) => continue,
                harness => harness?,
            };
            let verdict = match &harness.run(&document.schedule).verdict {
                Verdict::Valid => "valid".to_string(),
                Verdict::Unknown(_) => "unknown".to_string(),
                Verdict::Invalid(anomaly) => regression::what(anomaly),
            };
            yields.push(Yield { target: name, verdict });
        }
        Ok(yields)
    }
}

/// Why a seed could not be run.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// It cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its target has no such bug.
    #[error(transparent)]
    Harness(#[from] HarnessError),
}
