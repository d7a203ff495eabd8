//! `murphy bisect`: the revision with which a finding began to fail, by `git bisect`, in a working tree of its own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::Ordering,
};

use clap::Args;
use serde_json::json;

use super::{
    campaign::catch_interrupts,
    cases,
    exit::{Exit, Failure, put, say},
    program,
};
use crate::source;

#[derive(Clone, Debug, Args)]
pub(super) struct BisectArguments {
    /// The finding: a folder, or a key or its beginning.
    entry: String,
    /// A revision at which it passes.
    #[arg(long, value_name = "REV")]
    good: String,
    /// A revision at which it fails.
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    bad: String,
    /// What to run at each revision, for a shell: it ends with 0 where the finding passes, with 1 where it fails, and with anything else
    /// where there is nothing to learn. `$MURPHY_ENTRY` is the folder of the finding [default: build this program and have it
    /// replay the finding].
    #[arg(long, value_name = "COMMAND")]
    run: Option<String>,
    /// Folder in which keys are looked up.
    #[arg(long, value_name = "DIR", default_value = "crashes")]
    crashes: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub(super) struct StepArguments {
    /// Where to run it.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// What to run.
    command: String,
}

/// A revision of which nothing is learned: `git bisect run` passes it over.
const SKIP: i32 = 125;
/// From this on, `git bisect run` gives up.
const ABORT: i32 = 128;

/// Judges one revision for `git bisect run`: what cannot be built, or is stale there, is passed over. It does not return.
pub(super) fn step(arguments: &StepArguments) -> ! {
    std::process::exit(judged(&arguments.dir, &arguments.command))
}

/// 0 for a revision that passes, 1 for one that fails, [`SKIP`] for one of which nothing is learned.
fn judged(folder: &Path, command: &str) -> i32 {
    let status = Command::new("sh").args(["-c", command]).current_dir(folder).stdin(Stdio::null()).status();
    match status.map(|status| status.code()) {
        Ok(Some(code @ (0 | 1))) => code,
        // A shell says so that a signal has ended the command.
        Ok(Some(code)) if code > ABORT => code,
        Ok(None) => ABORT,
        Ok(Some(_)) | Err(_) => SKIP,
    }
}

/// Runs git, and returns what it says.
fn git(folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let what = || format!("git {}", arguments.join(" "));
    let output = Command::new("git").current_dir(folder).args(arguments).output();
    let output = output.map_err(|error| Failure::Git { what: what(), said: error.to_string() })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(Failure::Git { what: what(), said: format!("{} {}", text(&output.stdout), text(&output.stderr)) })
    }
}

/// A folder with a working tree of its own and a copy of the finding, which goes when it is dropped.
struct Bench {
    repository: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn new(bad: &str, entry: &Path) -> Result<Self, Failure> {
        let repository = PathBuf::from(git(Path::new("."), &["rev-parse", "--show-toplevel"])?);
        let folder = env::temp_dir().join(format!("murphy-bisect-{}", std::process::id()));
        let bench = Self { repository, folder };
        fs::create_dir_all(&bench.folder).map_err(Failure::file("create", &bench.folder))?;
        copy(entry, &bench.folder.join(source::name(entry)))?;
        let tree = bench.tree();
        git(&bench.repository, &["worktree", "add", "--quiet", "--detach", &tree.to_string_lossy(), bad])?;
        Ok(bench)
    }

    fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // What cannot be removed is in the way of nobody.
        let _ = git(&self.repository, &["worktree", "remove", "--force", &self.tree().to_string_lossy()]);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(Failure::file("create", to))?;
    for entry in fs::read_dir(from).map_err(Failure::file("read the folder", from))?.flatten() {
        let path = entry.path();
        if path.is_file() {
            fs::copy(&path, to.join(entry.file_name())).map_err(Failure::file("copy", &path))?;
        }
    }
    Ok(())
}

/// Finds the first revision at which a finding fails.
pub(super) fn bisect(arguments: &BisectArguments, json: bool) -> Result<Exit, Failure> {
    let entry = cases::folder(&arguments.entry, &arguments.crashes)?;
    cases::read(&entry)?;
    let interrupted = catch_interrupts()?;
    let bench = Bench::new(&arguments.bad, &entry)?;
    let dir = bench.tree().join(git(Path::new("."), &["rev-parse", "--show-prefix"])?);
    let replay = || format!("cargo run --quiet --release --bin {} -- replay \"$MURPHY_ENTRY\"", program());
    let command = arguments.run.clone().unwrap_or_else(replay);
    let copied = bench.folder.join(source::name(&entry));
    let command = format!("MURPHY_ENTRY='{}'; export MURPHY_ENTRY; {command}", copied.display());
    let found = search(&bench, arguments, &dir, &command);
    if interrupted.load(Ordering::SeqCst) {
        return Ok(Exit::Interrupted);
    }
    Ok(tell(&found?, json))
}

/// What came of a search: the first bad revision, or those of which nothing was learned.
enum Found {
    First(String),
    AmongSkipped(Vec<String>),
}

fn search(bench: &Bench, arguments: &BisectArguments, dir: &Path, command: &str) -> Result<Found, Failure> {
    let tree = bench.tree();
    let commit = |revision: &str| git(&bench.repository, &["rev-parse", "--verify", &format!("{revision}^{{commit}}")]);
    let (bad, good) = (commit(&arguments.bad)?, commit(&arguments.good)?);
    for (revision, commit, wanted) in [(&arguments.bad, &bad, 1), (&arguments.good, &good, 0)] {
        git(&tree, &["checkout", "--quiet", "--detach", commit])?;
        let found = judged(dir, command);
        if found != wanted {
            return Err(Failure::Endpoint { revision: revision.clone(), found, wanted });
        }
    }
    git(&tree, &["bisect", "start", &bad, &good])?;
    let myself = env::current_exe().map_err(Failure::file("find", Path::new("this program")))?;
    let (myself, dir) = (myself.to_string_lossy(), dir.to_string_lossy());
    // It ends with an error if all that is left was passed over.
    let ran = git(&tree, &["bisect", "run", &myself, "bisect-step", "--dir", &dir, command]);
    let log = git(&tree, &["bisect", "log"])?;
    if log.contains("# first bad commit:") {
        return Ok(Found::First(git(&tree, &["rev-parse", "refs/bisect/bad"])?));
    }
    let skipped = |line: &str| line.strip_prefix("# possible first bad commit: [").map(|rest| rest[..40].to_string());
    let possible: Vec<String> = log.lines().filter_map(skipped).collect();
    match ran {
        Err(failure) if possible.is_empty() => Err(failure),
        _ => Ok(Found::AmongSkipped(possible)),
    }
}

fn tell(found: &Found, json: bool) -> Exit {
    let title = |revision: &str| {
        git(Path::new("."), &["show", "--no-patch", "--format=%h %an, %as: %s", revision]).unwrap_or_default()
    };
    match found {
        Found::First(revision) => {
            put(&if json {
                json!({ "schema": "murphy/bisect/1", "first_bad": revision, "title": title(revision) }).to_string()
            } else {
                format!("{revision} is the first revision at which it fails\n{}", title(revision))
            });
            Exit::Clean
        }
        Found::AmongSkipped(revisions) => {
            if json {
                put(&json!({ "schema": "murphy/bisect/1", "first_bad": null, "possible": revisions }).to_string());
            } else {
                say("cannot be built, or proves nothing, at some revisions: it began to fail with one of");
                revisions.iter().for_each(|revision| put(&title(revision)));
            }
            Exit::Inconclusive
        }
    }
}
