//! `murphy doctor`: is the target a function of its schedule, and do faults and operations reach it at all?
//!
//! Runs schedules twice in a row, in a new process, and once more after all the others, and compares. What the first runs
//! did is added up on the way (`survey.rs`). It files nothing and judges nothing: a promise that a run breaks is mentioned, and
//! `murphy fuzz` is for that.

mod survey;

use std::process::{Child, Command, Stdio};

use murphy_schedule::{Dice, Schedule, mutate};
use murphy_sim::AnyTarget;
use serde_json::{Value, json};

use self::survey::Survey;
use super::{
    DoctorArguments, campaign,
    divergence::{Divergence, events},
    exit::{Exit, Failure, put},
    progress::thousands,
};
use crate::{
    harness::Harness,
    picture::{self, Selection},
};

/// What stands before a hash, and before an event, on the output of the other process. Whatever else a target prints is not
/// for us.
const HASH: &str = "murphy-hash ";
const EVENT: &str = "murphy-event ";

/// Looks a target over.
pub(super) fn doctor(targets: &[Box<dyn AnyTarget>], arguments: &DoctorArguments, json: bool) -> Result<Exit, Failure> {
    let name = match (&arguments.target, targets) {
        (Some(name), _) => name.clone(),
        (None, [target]) => target.about().name.to_string(),
        (None, _) => return Err(Failure::WhichTarget(targets.iter().map(|target| target.about().name).collect())),
    };
    let mut harness = Harness::new(targets, &name)?;
    let patient = Patient::new(&harness, arguments)?;
    if let Some(at) = arguments.witness {
        patient.testify(&mut harness, at);
        return Ok(Exit::Clean);
    }
    let mut survey = Survey::new(&harness);
    let findings = patient.examine(&mut harness, &mut survey)?;
    survey.undecided = harness.undecided();
    put(&if json {
        let mut object = survey.object();
        object["schema"] = json!("murphy/doctor/1");
        object["target"] = json!(harness.name());
        object["schedules"] = json!(patient.schedules.len());
        object["seeds"] = json!(patient.seeds);
        object["deterministic"] = json!(findings.is_none());
        object["nondeterminism"] = findings.as_ref().map_or(Value::Null, |findings| findings.object(&harness));
        object.to_string()
    } else {
        let proof = findings.as_ref().map_or_else(|| patient.proof(), |findings| findings.text(&harness));
        let report = if findings.is_none() { survey.text() } else { String::new() };
        format!("murphy doctor  target {}\n\n{proof}\n{report}", harness.name()).trim_end().to_string()
    });
    Ok(if findings.is_none() { Exit::Clean } else { Exit::Nondeterminism })
}

/// A target and the schedules on which it is looked at.
struct Patient {
    name: String,
    arguments: DoctorArguments,
    schedules: Vec<Schedule>,
    /// How many of them come from `corpus/seeds`.
    seeds: usize,
}

impl Patient {
    fn new(harness: &Harness, arguments: &DoctorArguments) -> Result<Self, Failure> {
        let mut schedules = campaign::seeds(harness)?;
        let count = usize::try_from(arguments.schedules).unwrap_or(usize::MAX);
        schedules.truncate(count / 2);
        let seeds = schedules.len();
        let mut dice = Dice::new(arguments.seed);
        schedules.resize_with(count, || mutate::random(harness.vocabulary(), &mut dice));
        Ok(Self { name: harness.name().to_string(), arguments: arguments.clone(), schedules, seeds })
    }

    /// Runs everything; `Some`: two runs of one schedule differed.
    fn examine(&self, harness: &mut Harness, survey: &mut Survey) -> Result<Option<Difference>, Failure> {
        // It runs while this process does.
        let witness = Witness(self.call("all")?);
        let mut hashes = Vec::with_capacity(self.schedules.len());
        let mut digests = Vec::with_capacity(self.schedules.len());
        for (at, schedule) in self.schedules.iter().enumerate() {
            let outcome = harness.trace(schedule);
            survey.add(schedule, &outcome);
            let again = harness.trace(schedule);
            if outcome.trace_hash != again.trace_hash || outcome.trace != again.trace {
                let divergence = Divergence::of(harness, schedule);
                return Ok(Some(self.difference(Comparison::TwiceInARow, at, divergence)));
            }
            hashes.push(outcome.trace_hash);
            digests.push(digest(&outcome));
        }
        for (at, schedule) in self.schedules.iter().enumerate() {
            if harness.run(schedule).trace_hash != hashes[at] {
                return Ok(Some(self.difference(Comparison::AfterOthers, at, Divergence::of(harness, schedule))));
            }
        }
        let theirs = self.hear(witness, HASH)?;
        let differs = digests.iter().zip(&theirs).position(|(ours, theirs)| *ours != *theirs);
        let Some(at) = differs else { return Ok(None) };
        let ours = events(harness, &self.schedules[at]).1;
        let theirs = self.hear(Witness(self.call(&at.to_string())?), EVENT)?;
        Ok(Some(self.difference(Comparison::NewProcess, at, Divergence::between(&ours, &theirs))))
    }

    fn difference(&self, comparison: Comparison, at: usize, divergence: Option<Divergence>) -> Difference {
        Difference { comparison, schedule: self.schedules[at].clone(), at, divergence }
    }

    /// Starts this program anew on the same schedules: for the hashes of all, or for every event of one.
    fn call(&self, what: &str) -> Result<Child, Failure> {
        let failed = |error: std::io::Error| Failure::Witness(error.to_string());
        let DoctorArguments { schedules, seed, .. } = &self.arguments;
        let numbers = [schedules.to_string(), seed.to_string()];
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args(["doctor", &self.name, "--schedules", &numbers[0], "--seed", &numbers[1], "--witness", what]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)
    }

    /// What the other process says: the lines that begin with `word`, without it.
    fn hear(&self, witness: Witness, word: &str) -> Result<Vec<String>, Failure> {
        let output = witness.output().map_err(|error| Failure::Witness(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<String> = text.lines().filter_map(|line| line.strip_prefix(word)).map(str::to_string).collect();
        if !output.status.success() || (word == HASH && lines.len() != self.schedules.len()) {
            let (some, all) = (lines.len(), self.schedules.len());
            return Err(Failure::Witness(format!("{} after {some} of {all} schedules", output.status)));
        }
        Ok(lines)
    }

    /// What the other process does: prints hashes or events.
    fn testify(&self, harness: &mut Harness, what: Testimony) {
        match what {
            Testimony::All => {
                for schedule in &self.schedules {
                    put(&format!("{HASH}{}", digest(&harness.trace(schedule))));
                }
            }
            Testimony::One(at) => {
                let events = self.schedules.get(at).map(|schedule| events(harness, schedule).1);
                events.into_iter().flatten().for_each(|event| put(&format!("{EVENT}{event}")));
            }
        }
    }

    fn proof(&self) -> String {
        let (all, seeds) = (thousands(self.schedules.len() as u64), self.seeds);
        let from = if seeds > 0 { format!(", {seeds} of them from corpus/seeds") } else { String::new() };
        format!(
            "  the same trace to the last event, on {all} schedules{from}\n    \
             twice in a row                 yes\n    in a new process               yes\n    \
             again after all the others     yes\n"
        )
    }
}

/// The other process, which ends with this one's interest in it.
struct Witness(Child);

impl Witness {
    fn output(mut self) -> std::io::Result<std::process::Output> {
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.0.stdout.take() {
            std::io::Read::read_to_end(&mut pipe, &mut stdout)?;
        }
        Ok(std::process::Output { status: self.0.wait()?, stdout, stderr: Vec::new() })
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the other process is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Testimony {
    /// The digest of every schedule.
    All,
    /// Every event of one.
    One(usize),
}

impl std::str::FromStr for Testimony {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" { Ok(Self::All) } else { text.parse().map(Self::One) }
    }
}

/// A hash of a run and of the words of all its events, which say more than the hash of the run takes in.
fn digest(outcome: &murphy_sim::Outcome) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&outcome.trace_hash.to_le_bytes()).update(picture::verbose(outcome, &Selection::ALL).as_bytes());
    hasher.finalize().to_hex()[..16].to_string()
}

/// Which two runs of a schedule differed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    TwiceInARow,
    NewProcess,
    AfterOthers,
}

impl Comparison {
    fn name(self) -> &'static str {
        match self {
            Self::TwiceInARow => "twice-in-a-row",
            Self::NewProcess => "new-process",
            Self::AfterOthers => "after-others",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::TwiceInARow => "two runs of it, one right after the other, differed",
            Self::NewProcess => "its run in a new process differed from its run in this one",
            Self::AfterOthers => "its run after all the others differed from its first one",
        }
    }

    /// What usually is behind it, the likeliest first.
    fn causes(self) -> &'static [&'static str] {
        match self {
            Self::TwiceInARow => &[
                "the order of a std HashMap or HashSet, which has random keys of its own: use BTreeMap, or fixed keys and sort",
                "a random source: thread_rng, getrandom, Uuid::new_v4: use `cx.draw_for(&[…])`",
                "the machine's clock: Instant::now, SystemTime::now: use `cx.mono()`, `cx.wall()`",
                "another thread, or an async runtime of its own",
                "a static, a thread-local or a cache that a run leaves changed",
            ],
            Self::NewProcess => &[
                "an address that is compared, hashed or printed: a pointer as a key, `{:p}`",
                "a hash map whose keys are random once for each process: ahash or hashbrown with their defaults",
                "the environment: variables, the process id, the folder, a file that another run leaves behind",
                "the machine's clock, where it moves too slowly to tell two runs in a row apart",
            ],
            Self::AfterOthers => &[
                "a static, a thread-local or a lazily filled cache that survives a run",
                "an allocator's addresses, which are compared, hashed or printed",
                "the machine's clock, where it moves too slowly to tell two runs in a row apart",
            ],
        }
    }
}

/// Two runs of one schedule that were not the same.
struct Difference {
    comparison: Comparison,
    schedule: Schedule,
    at: usize,
    /// `None`: it did not happen again.
    divergence: Option<Divergence>,
}

impl Difference {
    fn text(&self, harness: &Harness) -> String {
        let (number, what) = (self.at + 1, self.comparison.sentence());
        let events = self
            .divergence
            .as_ref()
            .map_or_else(|| "  it did not happen again while every event was recorded".to_string(), Divergence::text);
        let causes: Vec<String> = self.comparison.causes().iter().map(|cause| format!("    - {cause}")).collect();
        let schedule = harness.document(&self.schedule).to_string();
        let indented: Vec<String> = schedule.lines().map(|line| format!("    {line}").trim_end().to_string()).collect();
        format!(
            "  NOT a function of its schedule: {what} (schedule {number})\n\n{events}\n\n  likely causes\n{}\n\n  the schedule\n{}",
            causes.join("\n"),
            indented.join("\n")
        )
    }

    fn object(&self, harness: &Harness) -> Value {
        json!({
            "comparison": self.comparison.name(), "number": self.at + 1, "causes": self.comparison.causes(),
            "divergence": self.divergence.as_ref().map(Divergence::object),
            "schedule": harness.document(&self.schedule).to_string(),
        })
    }
}
