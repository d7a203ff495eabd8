//! `murphy bench`: runs the jobs of a plan in processes of their own, several at once, and writes a row of a table for each as it
//! ends. What stands in the table is not done again, so that a comparison can be interrupted and gone on with.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use murphy_sim::AnyTarget;

use super::{
    super::{
        campaign::catch_interrupts,
        exit::{Exit, Failure, say},
    },
    plan::{Job, Kind, Plan, Series},
};
use crate::{
    bench::{Rows, row::Row},
    engine::Recipe,
};

/// How often a finding is replayed in a new process.
const TIMES: u64 = 3;

/// Where a comparison lies.
pub(super) struct Bench {
    folder: PathBuf,
    revision: String,
    cpu_max: Duration,
    interrupted: Arc<AtomicBool>,
}

/// What of a series is done or under way.
#[derive(Clone, Copy, Default)]
struct Done {
    begun: u64,
    hits: u64,
}

/// The columns by which a row is told to belong to a series, and its number.
type Key = (String, String, String, String);

fn key(series: &Series) -> Key {
    (series.bug.clone(), series.target.clone(), series.arm.to_string(), series.kind.name().to_string())
}

/// A job that runs.
struct Running {
    series: usize,
    job: Job,
    child: Child,
}

impl Bench {
    pub(super) fn new(folder: &Path, cpu_max: Duration) -> Result<Self, Failure> {
        let finds = folder.join("finds");
        fs::create_dir_all(&finds).map_err(Failure::file("create the folder", &finds))?;
        let revision = revision();
        Ok(Self { folder: folder.to_path_buf(), revision, cpu_max, interrupted: catch_interrupts()? })
    }

    fn table(&self) -> PathBuf {
        self.folder.join("results.csv")
    }

    /// The numbers of the jobs that are done, and their hits, by series.
    fn done(&self) -> Result<BTreeMap<Key, BTreeMap<u64, u64>>, Failure> {
        let path = self.table();
        if !path.exists() {
            fs::write(&path, format!("{}\n", Row::header())).map_err(Failure::file("write", &path))?;
        }
        let rows = Rows::read(&path)?;
        if rows.torn.is_some() {
            let file = fs::OpenOptions::new().write(true).open(&path).map_err(Failure::file("open", &path))?;
            file.set_len(rows.whole as u64).map_err(Failure::file("write", &path))?;
        }
        let mut done: BTreeMap<Key, BTreeMap<u64, u64>> = BTreeMap::new();
        for row in rows.rows {
            let bug = row.bug.unwrap_or_else(|| "-".to_string());
            let key = (bug, row.target, row.arm, row.kind.name().to_string());
            done.entry(key).or_default().insert(row.trial, row.hits);
        }
        Ok(done)
    }

    /// Runs what is left of `plan`, so many jobs at once.
    pub(super) fn run(&self, plan: &Plan, targets: &[Box<dyn AnyTarget>], at_once: u16) -> Result<Exit, Failure> {
        let series = plan.series(targets)?;
        let mut done = self.done()?;
        let mut finished: Vec<BTreeMap<u64, u64>> =
            series.iter().map(|series| done.remove(&key(series)).unwrap_or_default()).collect();
        let mut running: Vec<Running> = Vec::new();
        loop {
            while running.len() < at_once.into() && !self.interrupted.load(Ordering::Relaxed) {
                let Some((index, trial)) = next(&series, &finished, &running) else { break };
                running.push(self.start(index, series[index].job(trial))?);
            }
            if running.is_empty() {
                break;
            }
            let at = wait(&mut running);
            let ended = running.swap_remove(at);
            if self.interrupted.load(Ordering::Relaxed) {
                stop(running);
                return Ok(Exit::Interrupted);
            }
            let (number, index) = (ended.job.trial, ended.series);
            let hits = self.end(ended)?;
            finished[index].insert(number, hits);
        }
        Ok(if self.interrupted.load(Ordering::Relaxed) { Exit::Interrupted } else { Exit::Clean })
    }

    fn start(&self, series: usize, job: Job) -> Result<Running, Failure> {
        let failed = |error: std::io::Error| Failure::Worker(series, error.to_string());
        let program = std::env::current_exe().map_err(failed)?;
        let Job { bug, target, arm, kind, trial, budget } = &job;
        let child = Command::new(program)
            .args(["bench", &format!("--job={bug},{target},{arm},{},{trial},{budget}", kind.name())])
            .args(["--cpu", &format!("{}s", self.cpu_max.as_secs())])
            .arg("--out")
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        Ok(Running { series, job, child })
    }

    /// Writes down what a job gave. Returns its hits.
    fn end(&self, ended: Running) -> Result<u64, Failure> {
        let Running { series, job, child } = ended;
        let output = child.wait_with_output().map_err(|error| Failure::Worker(series, error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let columns: Vec<&str> = text.trim().split(',').collect();
        let [_, _, _, hits, _, schedule, _] = columns[..] else {
            return Err(Failure::Worker(series, format!("{}: {}", job.subject(), output.status)));
        };
        let replays = if schedule == "-" { "-".to_string() } else { self.replay(schedule, job.arm) };
        let Job { bug, target, arm, kind, trial, budget: _ } = &job;
        let row = format!("{bug},{target},{arm},{},{trial},{},{replays},{}\n", kind.name(), text.trim(), self.revision);
        let path = self.table();
        let mut file = fs::OpenOptions::new().append(true).open(&path).map_err(Failure::file("open", &path))?;
        file.write_all(row.as_bytes()).map_err(Failure::file("write", &path))?;
        say(row.trim());
        Ok(hits.parse().unwrap_or_default())
    }

    /// How often a finding of an arm fails again in a new process.
    fn replay(&self, schedule: &str, arm: &str) -> String {
        let path = self.folder.join("finds").join(format!("{schedule}.murphy"));
        let keyed = Recipe::named(arm).is_none_or(|recipe| recipe.keyed);
        let options: &[&str] = if keyed { &[] } else { &["--one-stream"] };
        let reproduced = super::super::campaign::reproduce(&path, options).unwrap_or_default();
        format!("{reproduced}/{TIMES}")
    }
}

/// The revision of the sources of this program: 12 digits, zeros if they are in no repository, with a plus if some have changed.
fn revision() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR")]).args(arguments).output();
        output
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let revision = git(&["rev-parse", "HEAD"]).unwrap_or_else(|| "0".repeat(40));
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    format!("{}{}", &revision[..12], if changed { "+" } else { "" })
}

/// The next job: of the series that has come least far, the first number that is not done.
fn next(series: &[Series], finished: &[BTreeMap<u64, u64>], running: &[Running]) -> Option<(usize, u64)> {
    let under_way = |index: usize, trial: u64| running.iter().any(|job| job.series == index && job.job.trial == trial);
    let done = |index: usize| {
        let begun = finished[index].len() + running.iter().filter(|job| job.series == index).count();
        Done { begun: begun as u64, hits: finished[index].values().sum() }
    };
    let open = (0..series.len()).filter(|index| {
        let Done { begun, hits } = done(*index);
        !series[*index].is_complete(begun, hits)
    });
    let index = open.min_by_key(|index| done(*index).begun)?;
    (1..).find(|trial| !finished[index].contains_key(trial) && !under_way(index, *trial)).map(|trial| (index, trial))
}

/// Waits until one of them has ended. Returns its index.
fn wait(running: &mut [Running]) -> usize {
    loop {
        let ended = running.iter_mut().position(|job| !matches!(job.child.try_wait(), Ok(None)));
        if let Some(at) = ended {
            return at;
        }
        pause();
    }
}

#[allow(clippy::disallowed_methods, reason = "waits for processes; no run sees it")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

fn stop(running: Vec<Running>) {
    for mut job in running {
        let _ = job.child.kill();
        let _ = job.child.wait();
    }
}

impl std::str::FromStr for Job {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}`: expected bug,target,arm,kind,trial,budget");
        let columns: Vec<&str> = text.split(',').collect();
        let [bug, target, arm, kind, trial, budget] = columns[..] else { return Err(wrong()) };
        let arm = crate::engine::Recipe::named(arm).ok_or_else(wrong)?.name;
        let kind = Kind::named(kind).ok_or_else(wrong)?;
        let number = |text: &str| text.parse().map_err(|_| wrong());
        Ok(Self { bug: bug.into(), target: target.into(), arm, kind, trial: number(trial)?, budget: number(budget)? })
    }
}
