//! A test for each finding that was filed, and for each schedule that people wrote.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::mpsc::{Sender, channel},
    thread,
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use murphy_sim::{AnyTarget, Shared, Target};

use super::keep;
use crate::{
    finding::{self, Entry},
    regression::{Fate, Recorded, Seed, Standing, examine, seeds},
    source,
    triage::{Decision, Triage},
};

/// Runs every finding in the folder `crashes` that was filed for `target`, with the invariants that it was judged by, and returns
/// how many there are: a test that a bug stays fixed.
///
/// # Panics
/// If a finding still breaks a promise and nobody has decided that it may, its folder or `triage.toml` cannot be read, or there is
/// no folder `crashes`.
pub fn regress<T: Target>(target: T, crashes: &Path) -> usize {
    let targets: [Box<dyn AnyTarget>; 1] = [Box::new(Shared::new(target))];
    let name = targets[0].about().name;
    assert!(crashes.is_dir(), "{} is no folder", crashes.display());
    let triage = Triage::load(crashes).unwrap_or_else(|error| panic!("{error}"));
    let mut ours = 0;
    for folder in source::folders(crashes) {
        let entry = read(&folder).unwrap_or_else(|error| panic!("{error}"));
        if entry.document.target.split('+').next() == Some(name) {
            let decision = triage.decision(&source::key(&folder));
            judge(&targets, &entry, &decision, false).unwrap_or_else(|words| panic!("{}: {words}", folder.display()));
            ours += 1;
        }
    }
    ours
}

/// The `main` of a test with `harness = false`: one test for each finding in `folders`, called `crash::` and the name of its folder,
/// and one for each schedule that lies there, called `seed::` and its name, with the arguments that every test of Rust has. It does
/// not return.
///
/// A finding that fails is reported as ignored if `triage.toml` says that it is open, expected, flaky, or stays; with `MURPHY_STRICT=1`,
/// or `--include-ignored`, or `--ignored`, it fails. With `MURPHY_TRACE=FILE` every event of the run that fails is in that file, of the
/// last one if several do. One whose schedule does not apply any more is reported as ignored. A schedule that
/// people wrote has no verdict: it has to run.
#[allow(clippy::disallowed_methods, reason = "the runner of tests has a thread of its own; all runs stay in this one")]
pub fn regress_main<P: AsRef<Path>>(targets: Vec<Box<dyn AnyTarget>>, folders: impl IntoIterator<Item = P>) -> ! {
    let arguments = Arguments::from_args();
    let strict = arguments.ignored
        || arguments.include_ignored
        || std::env::var_os("MURPHY_STRICT").is_some_and(|word| !word.is_empty() && word != "0");
    let tests: Vec<Test> = folders.into_iter().flat_map(|folder| tests(folder.as_ref())).collect();
    // Targets stay in their thread: a test asks it for a run, and waits for the answer.
    let (ask, asked) = channel::<(usize, Sender<Ended>)>();
    let trials: Vec<Trial> =
        tests.iter().enumerate().map(|(at, test)| trial(at, test, ask.clone(), arguments.ignored)).collect();
    drop(ask);
    let done = thread::spawn(move || libtest_mimic::run(&arguments, trials));
    for (at, answer) in asked {
        let ended = catch_unwind(AssertUnwindSafe(|| tests[at].run(&targets, strict)));
        // Whoever asked may be gone only if the whole process is about to end.
        let _ = answer.send(ended.unwrap_or_else(|_| Err("the run panicked: see above".to_string())));
    }
    done.join().expect("the runner of tests does not panic").exit()
}

/// How a test ended: with an error, or with the reason why it does not count, if there is one.
type Ended = Result<Option<String>, String>;

fn trial(at: usize, test: &Test, ask: Sender<(usize, Sender<Ended>)>, ignored: bool) -> Trial {
    let run = move || {
        let (answer, heard) = channel();
        ask.send((at, answer)).map_err(Failed::from)?;
        Ok(match heard.recv().map_err(Failed::from)?? {
            Some(reason) => Completion::ignored_with(reason),
            None => Completion::Completed,
        })
    };
    // Those that are mostly ignored are found out as they run: so that one that looks fixed says so.
    Trial::ignorable_test(test.name(), run).with_ignored_flag(ignored && test.may_fail())
}

enum Test {
    Crash {
        folder: PathBuf,
        decision: Decision,
    },
    Seed(Seed),
    /// What cannot be tested, and why.
    Broken {
        name: String,
        why: String,
    },
    /// There is no such folder.
    Missing(PathBuf),
}

/// The tests in a folder of findings, of schedules, or of both.
fn tests(folder: &Path) -> Vec<Test> {
    if !folder.is_dir() {
        return vec![Test::Missing(folder.to_path_buf())];
    }
    let broken = |name: &Path, why: String| Test::Broken { name: name.display().to_string(), why };
    let triage = match Triage::load(folder) {
        Ok(triage) => triage,
        Err(error) => return vec![broken(&folder.join(crate::triage::FILE), error.to_string())],
    };
    let crashes = source::folders(folder).into_iter().map(|folder| {
        let decision = triage.decision(&source::key(&folder));
        Test::Crash { folder, decision }
    });
    let seeds = seeds(folder).map(|seeds| seeds.into_iter().map(Test::Seed).collect());
    let seeds: Vec<Test> = seeds.unwrap_or_else(|error| vec![broken(folder, error.to_string())]);
    crashes.chain(seeds).collect()
}

impl Test {
    fn name(&self) -> String {
        match self {
            Self::Crash { folder, .. } => format!("crash::{}", source::name(folder)),
            Self::Seed(seed) => format!("seed::{}", seed.name),
            Self::Broken { name, .. } => name.clone(),
            Self::Missing(folder) => folder.display().to_string(),
        }
    }

    /// Whether people have decided that it may fail.
    fn may_fail(&self) -> bool {
        matches!(self, Self::Crash { decision, .. } if decision.status.may_fail())
    }

    fn run(&self, targets: &[Box<dyn AnyTarget>], strict: bool) -> Ended {
        match self {
            Self::Crash { folder, decision } => judge(targets, &read(folder)?, decision, strict),
            Self::Seed(seed) => match seed.run(targets) {
                Ok(yields) if yields.is_empty() => Ok(Some("its target is another program's".to_string())),
                Ok(_) => Ok(None),
                Err(error) => Err(error.to_string()),
            },
            Self::Broken { why, .. } => Err(why.clone()),
            Self::Missing(_) => Ok(Some("there is no such folder".to_string())),
        }
    }
}

fn read(folder: &Path) -> Result<Entry, String> {
    let read = finding::read_folder(folder).map_err(|error| error.to_string())?;
    read.map_err(|mistakes| mistakes.to_string())
}

/// Runs a finding. What people decided that may fail does not count as failing, unless one is `strict`.
#[allow(clippy::print_stderr, reason = "a test that passes has no other way to say what is to be done")]
fn judge(targets: &[Box<dyn AnyTarget>], entry: &Entry, decision: &Decision, strict: bool) -> Ended {
    let fate = examine(targets, entry);
    let standing = Standing::of(decision, &fate);
    let key = source::key(&entry.path);
    match standing {
        Standing::Known if !strict => Ok(Some(decision.reason())),
        Standing::Stale => Ok(Some(format!("stale: {}", fate.sentence()))),
        Standing::LooksFixed => {
            eprintln!("{key} looks fixed: `murphy triage set {key} fixed` keeps it so");
            Ok(None)
        }
        _ if standing.is_red() || standing == Standing::Known => Err(failure(entry, &fate, standing, decision)),
        _ => Ok(None),
    }
}

/// What a test says that fails: what broke, the schedule, a picture, and one command.
fn failure(entry: &Entry, fate: &Fate, standing: Standing, decision: &Decision) -> String {
    let key = source::key(&entry.path);
    let recorded = Recorded::read(&entry.path, entry.meta.as_ref());
    let program = recorded.program.unwrap_or_else(|| "murphy".to_string());
    let since = match &decision.revision {
        Some(revision) if standing == Standing::Reopened => format!("reopened, was fixed at {revision}: "),
        _ if standing == Standing::Reopened => "reopened: ".to_string(),
        _ => String::new(),
    };
    let (text, picture, untraced) = match fate {
        Fate::Fails(finding) | Fate::FailsOtherwise(finding) => {
            (finding.text().to_string(), finding.picture(30), keep::trace(finding))
        }
        _ => (entry.document.to_string(), String::new(), String::new()),
    };
    format!("{since}{}\n\n{text}\n{picture}\n{program} show {key}{untraced}", fate.sentence())
}
