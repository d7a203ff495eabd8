//! How the command ends: exit codes that scripts and `git bisect run` rely on, and errors for people.

use std::{
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
    sync::Mutex,
};

use miette::{GraphicalReportHandler, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use murphy_checker::{align::Contradictory, invariant::InvariantError, read::ReadError, verdict::Class};
use murphy_schedule::{Diagnostic, nemesis::NemesisError};
use serde_json::json;
use thiserror::Error;

use crate::{
    bench::RowError,
    engine::link::LinkError,
    finding::FolderError,
    harness::{BadInvariants, HarnessError},
    source::{Mistakes, SourceError},
    triage::TriageError,
};

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// No violation.
    Clean = 0,
    /// A violation was found or reproduced.
    Violation = 1,
    /// What the user wrote is wrong.
    Usage = 2,
    /// No verdict: a budget ran out.
    Inconclusive = 3,
    /// Two runs of one schedule differed.
    Nondeterminism = 4,
    /// The schedule does not apply any more: faults that once struck do nothing.
    Stale = 5,
    /// Files are missing, unwritable, or disagree.
    Files = 10,
    /// Interrupted; everything found is on disk.
    Interrupted = 130,
}

impl Exit {
    /// What a finding of this class means.
    pub(super) fn of(class: Class) -> Self {
        if class == Class::Nondeterminism { Self::Nondeterminism } else { Self::Violation }
    }

    /// What it means, in a word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Violation => "violation",
            Self::Usage => "usage",
            Self::Inconclusive => "inconclusive",
            Self::Nondeterminism => "nondeterminism",
            Self::Stale => "stale",
            Self::Files => "files",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why the command could not do what it was asked.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Harness(#[from] HarnessError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} {}", path.display(), what)]
    WrongForm { path: PathBuf, what: &'static str },
    #[error("event {number} does not happen: the run has events 1 to {events}")]
    NoEvent { number: usize, events: usize },
    #[error("`{0}` is no folder of a finding, expected one: there are no files to pack")]
    NoFolder(String),
    #[error("cannot make an archive: {0}")]
    Archive(#[from] zip::result::ZipError),
    #[error("{} there already, and nothing was written: {}", if .0.len() == 1 { "a file is" } else { "files are" }, listed(.0))]
    Taken(Vec<PathBuf>),
    #[error("{} names no package: expected a folder called like `my-kv`, or one with a Cargo.toml that has a [package]", .0.display())]
    NoPackage(PathBuf),
    #[error("no step of the schedule is `{found}`, expected a number from 1 to {steps} or a label")]
    NoStep { found: String, steps: usize },
    #[error("the schedule does not name its target: say `--target NAME`")]
    NoTarget,
    #[error("{} is there already: `--force` writes over it", .0.display())]
    Exists(PathBuf),
    #[error("{} is what is read, and is not written over: write elsewhere", .0.display())]
    Itself(PathBuf),
    #[error("{}:{error}", path.display())]
    History { path: PathBuf, error: ReadError },
    #[error("{}:{line}: found `{found}`, expected a pattern's name: six letters, and any words behind it", path.display())]
    Pattern { path: PathBuf, line: usize, found: String },
    #[error(transparent)]
    Clocks(#[from] Contradictory),
    #[error(transparent)]
    Invariant(#[from] BadInvariants),
    #[error("{}: invariant {name:?} is judged {trigger}, of which a history knows nothing", path.display())]
    NotForHistories { path: PathBuf, name: String, trigger: String },
    #[error("{}: no model has all its functions: say `--model` with one of {}", .0.display(), .1.join(", "))]
    WhichModel(PathBuf, Vec<&'static str>),
    #[error("{}: {consistency} consistency is not judged of a {model}", path.display())]
    NotJudged { path: PathBuf, consistency: &'static str, model: &'static str },
    #[error("say which target: one of {}", .0.join(", "))]
    WhichTarget(Vec<&'static str>),
    #[error("the new process that should have done the same: {0}")]
    Witness(String),
    #[error(transparent)]
    Nemesis(#[from] NemesisError),
    #[error("no fault is called `{found}`{}: `murphy faults` lists them", hint(suggestion))]
    UnknownFault { found: String, suggestion: Option<String> },
    #[error("`{found}` is neither a planted bug nor a target, expected some of {}", known.join(", "))]
    UnknownBug { found: String, known: Vec<String> },
    #[error(transparent)]
    Rows(#[from] RowError),
    #[error("{}: found no row, expected trials of `murphy bench`", .0.display())]
    NoRows(PathBuf),
    #[error("the corpus: {0}")]
    Corpus(String),
    #[error("no campaign on the corpus folder {} has left a status: found no folder {}", corpus.display(), folder.display())]
    NoCampaign { corpus: PathBuf, folder: PathBuf },
    #[error(transparent)]
    Triage(#[from] TriageError),
    #[error("`{what}` failed: {said}")]
    Git { what: String, said: String },
    #[error(
        "the command ends with {found} at {revision}, expected {wanted}: 0 where the finding passes, 1 where it fails"
    )]
    Endpoint { revision: String, found: i32, wanted: i32 },
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("worker {0} failed: {1}")]
    Worker(usize, String),
    #[error("cannot catch interrupts: {0}")]
    Signals(#[from] ctrlc::Error),
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |word| format!(", did you mean `{word}`?"))
}

impl Failure {
    /// `action` on `path` was refused.
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.to_path_buf(), source }
    }

    /// How grave it is.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::NoEvent { .. } | Self::NoStep { .. } | Self::NoFolder(_) | Self::NoPackage(_) => Exit::Usage,
            Self::Archive(_) | Self::Taken(_) => Exit::Files,
            Self::Harness(_) | Self::NoTarget | Self::WhichTarget(_) | Self::WrongForm { .. } => Exit::Usage,
            Self::Nemesis(_) | Self::UnknownFault { .. } | Self::UnknownBug { .. } => Exit::Usage,
            Self::Invariant(_) | Self::NotForHistories { .. } => Exit::Usage,
            Self::Rows(RowError::Field { .. }) => Exit::Usage,
            Self::Rows(RowError::Read { .. }) | Self::NoRows(_) => Exit::Files,
            Self::Clocks(_)
            | Self::Pattern { .. }
            | Self::History { .. }
            | Self::WhichModel(..)
            | Self::NotJudged { .. } => Exit::Usage,
            Self::Source(
                SourceError::Mistakes(_)
                | SourceError::Unknown { .. }
                | SourceError::Ambiguous { .. }
                | SourceError::Neither { .. }
                | SourceError::Folder(FolderError::Invariants(_)),
            ) => Exit::Usage,
            Self::Source(SourceError::Folder(_) | SourceError::Read { .. }) => Exit::Files,
            Self::Folder(FolderError::Invariants(_)) => Exit::Usage,
            Self::Triage(TriageError::Mistake { .. }) | Self::Endpoint { .. } => Exit::Usage,
            Self::Triage(TriageError::Read { .. }) | Self::Git { .. } => Exit::Files,
            Self::NoCampaign { .. } => Exit::Files,
            Self::Folder(_) | Self::File { .. } | Self::Exists(_) | Self::Itself(_) => Exit::Files,
            Self::Link(LinkError::Address { .. }) => Exit::Usage,
            Self::Link(LinkError::Listen { .. } | LinkError::Join { .. } | LinkError::Memory(_)) => Exit::Files,
            Self::Corpus(_) | Self::Worker(..) | Self::Witness(_) | Self::Signals(_) => Exit::Files,
        }
    }

    /// Says what is wrong on standard error, and gives the exit code.
    pub(super) fn report(&self, json: bool) -> Exit {
        let exit = self.exit();
        match self {
            _ if json => {
                say(&json!({ "schema": "murphy/error/1", "error": self.to_string(), "exit": exit as i32 }).to_string())
            }
            Self::Source(SourceError::Mistakes(mistakes)) => say(render(mistakes).trim_end()),
            Self::Invariant(bad)
            | Self::Folder(FolderError::Invariants(bad))
            | Self::Source(SourceError::Folder(FolderError::Invariants(bad))) => say(render_invariants(bad).trim_end()),
            _ => say(&format!("error: {self}")),
        }
        exit
    }
}

/// A line on standard error; a closed pipe is the reader's choice and no error.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Why standard output was last refused.
static REFUSED: Mutex<Option<io::Error>> = Mutex::new(None);

/// A line on standard output.
pub(super) fn put(line: &str) {
    put_bytes(format!("{line}\n").as_bytes());
}

/// Bytes on standard output, where all data of the command goes. A closed pipe is the reader's choice and no error; anything
/// else, such as a full disk, is what [`refused`] says in the end.
pub(super) fn put_bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    if let Some(error) = written.err().filter(|error| error.kind() != ErrorKind::BrokenPipe) {
        *REFUSED.lock().expect("nobody panics while writing") = Some(error);
    }
}

/// The failure to write to standard output, if there was one.
pub(super) fn refused() -> Option<Failure> {
    let refused = REFUSED.lock().expect("nobody panics while writing").take();
    refused.map(Failure::file("write", Path::new("standard output")))
}

/// Every mistake with the line it stands on.
pub(super) fn render(mistakes: &Mistakes) -> String {
    let one = |mistake: &Diagnostic| {
        let found = if mistake.found.is_empty() { "the line ends here" } else { &format!("found `{}`", mistake.found) };
        let mut diagnostic = MietteDiagnostic::new(found)
            .with_label(LabeledSpan::at(mistake.span.clone(), format!("expected {}", mistake.expected)));
        if let Some(suggestion) = &mistake.suggestion {
            diagnostic = diagnostic.with_help(format!("did you mean `{suggestion}`?"));
        }
        picture(diagnostic, &mistakes.path, &mistakes.text).unwrap_or_else(|| mistake.to_string()) + "\n"
    };
    mistakes.diagnostics.iter().map(one).collect()
}

/// What is wrong with a file of invariants, with the line it stands on.
fn render_invariants(bad: &BadInvariants) -> String {
    let InvariantError { place, found, expected } = &bad.error;
    let before: usize = bad.text.split_inclusive('\n').take(place.line.saturating_sub(1)).map(str::len).sum();
    let line = bad.text[before..].char_indices().map(|(at, _)| at);
    let at = before + line.chain([bad.text.len() - before]).nth(place.column.saturating_sub(1)).unwrap_or_default();
    let label = LabeledSpan::at_offset(at, format!("expected {expected}"));
    let diagnostic = MietteDiagnostic::new(format!("found {found}")).with_label(label);
    picture(diagnostic, &bad.path, &bad.text).unwrap_or_else(|| bad.to_string())
}

/// A mistake, drawn into the text that it is in.
fn picture(diagnostic: MietteDiagnostic, path: &Path, text: &str) -> Option<String> {
    // Without a line break after it, what is missing at the very end would not be shown.
    let source = NamedSource::new(path.display().to_string(), format!("{text}\n"));
    let report = Report::new(diagnostic).with_source_code(source);
    let mut drawn = String::new();
    GraphicalReportHandler::new().render_report(&mut drawn, &*report).ok().map(|()| drawn)
}
