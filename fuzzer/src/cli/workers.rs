//! `murphy fuzz -j N`: worker processes that share the corpus folder and the folder of findings, and tell each other at once
//! what they keep; with `--listen` and `--join`, those of other campaigns, too.
//!
//! A worker is the same command with `--json` and a seed of its own; this process adds up what the workers report, shows it,
//! and dismisses them when it is time. A worker that dies takes nothing with it but its own present run; workers whose
//! parent dies end too.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use murphy_checker::verdict::Class;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{
    FuzzArguments, StopOn,
    campaign::{Settings, describe, tell_never, tell_required, tell_totals},
    exit::{Exit, Failure, put, say},
    progress::{Line, Tally},
};
use crate::engine::{
    Stats,
    broker::{Broker, Circle, News, Reserved},
};

/// What is left where workers cannot tell each other anything at once.
const FOLDER_ONLY: &str = "they hear of each other by the corpus folder alone";
/// How long to wait for a report before looking at other things.
const TURN: Duration = Duration::from_millis(200);
/// So many turns without a word has a worker that is dismissed, before it is killed.
const PATIENCE: u32 = 150;

/// One worker and what it reported last.
struct Worker {
    child: Child,
    stats: Stats,
    tally: Tally,
    /// Its place at the broker, until it has taken it.
    reserved: Option<Reserved>,
}

/// What never happened to any worker, from what each says at its end.
#[derive(Default)]
struct Never {
    /// Marks that no worker hit; `None`: no worker has ended yet.
    marks: Option<BTreeSet<String>>,
    /// Those of them that must be hit, with their places.
    required: Option<BTreeSet<String>>,
    with_effect: BTreeSet<String>,
    without_effect: BTreeSet<String>,
}

impl Never {
    fn add(&mut self, end: &Value) {
        let list = |field: &str| -> BTreeSet<String> {
            end[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_string).collect()
        };
        meet(&mut self.marks, list("marks_never_hit"));
        meet(&mut self.required, list("marks_required"));
        self.with_effect.extend(list("faults_with_effect"));
        self.without_effect.extend(list("faults_without_effect"));
    }

    fn marks(&self) -> Vec<String> {
        self.marks.iter().flatten().cloned().collect()
    }

    fn required(&self) -> Vec<String> {
        self.required.iter().flatten().cloned().collect()
    }

    /// What did nothing in one worker may have done something in another.
    fn faults(&self) -> Vec<String> {
        self.without_effect.difference(&self.with_effect).cloned().collect()
    }
}

/// Leaves what is in both; all of `other`, if there was nothing before.
fn meet(all: &mut Option<BTreeSet<String>>, other: BTreeSet<String>) {
    *all = Some(match all.take() {
        Some(before) => &before & &other,
        None => other,
    });
}

/// A line of a worker, or its end.
enum Report {
    Line(usize, Value),
    End(usize),
}

/// The broker of a campaign of several workers, or several campaigns; `None` if there is only one worker, or if workers of one
/// machine have to do with the folder they share.
pub(super) fn broker(settings: &Settings, target: &str) -> Result<Option<Broker>, Failure> {
    let FuzzArguments { jobs, listen, join, .. } = &settings.arguments;
    if *jobs == 1 && !settings.arguments.links() {
        return Ok(None);
    }
    let circle = Circle {
        target: target.to_string(),
        corpus: settings.corpus.clone(),
        listen: listen.clone(),
        join: join.clone(),
    };
    match Broker::start(circle) {
        Ok(broker) => Ok(Some(broker)),
        Err(error) if settings.arguments.links() => Err(error.into()),
        Err(error) => {
            say(&format!("  {error}: {FOLDER_ONLY}"));
            Ok(None)
        }
    }
}

/// Says where a campaign listens, and what it has joined.
fn introduce(settings: &Settings, broker: &Broker) {
    let FuzzArguments { listen, join, .. } = &settings.arguments;
    let address = broker.address().to_string();
    if listen.is_some() {
        settings.tell(
            &format!("listens at {address}: others take part with `--join {address}`"),
            json!({ "event": "listening", "address": address }),
        );
    }
    if let Some(join) = join {
        settings.tell(&format!("takes part in the campaign at {join}"), json!({ "event": "joined", "address": join }));
    }
}

/// Runs the campaign in worker processes.
pub(super) fn fuzz(settings: &Settings, target: &str, mut broker: Option<Broker>) -> Result<Exit, Failure> {
    if let Some(broker) = &broker {
        introduce(settings, broker);
    }
    let (sender, reports) = unbounded();
    let jobs = settings.arguments.jobs;
    let mut workers = Vec::new();
    let mut started = Ok(());
    for index in 0..jobs {
        let worker = seat(&mut broker, settings).and_then(|seat| start(settings, target, index, seat, &sender));
        match worker {
            Ok(worker) => workers.push(worker),
            Err(failure) => {
                started = Err(failure);
                workers.iter_mut().for_each(dismiss);
                break;
            }
        }
    }
    drop(sender);
    if let Some(broker) = &mut broker {
        broker.close_door();
    }
    let mut peers = Peers { broker, told: 0 };
    let exit = attend(settings, &mut workers, &reports, &mut peers);
    workers.iter_mut().for_each(stop);
    started.and(exit)
}

/// A place at the broker for one more worker.
fn seat(broker: &mut Option<Broker>, settings: &Settings) -> Result<Option<Reserved>, Failure> {
    match broker.as_ref().map(Broker::reserve).transpose() {
        Ok(seat) => Ok(seat),
        Err(error) if settings.arguments.links() => Err(error.into()),
        Err(error) => {
            say(&format!("  {error}: {FOLDER_ONLY}"));
            *broker = None;
            Ok(None)
        }
    }
}

/// The broker, and what was told of it.
struct Peers {
    broker: Option<Broker>,
    /// How many campaigns had joined when that was told last.
    told: u32,
}

impl Peers {
    /// Says what is new with the link between workers.
    fn tell_news(&mut self, settings: &Settings, line: &Line) {
        let Some(broker) = &self.broker else { return };
        let joined = broker.joined();
        if joined > std::mem::replace(&mut self.told, joined) {
            line.clear();
            settings
                .tell(&format!("campaigns that have joined: {joined}"), json!({ "event": "peers", "joined": joined }));
        }
        for news in broker.news() {
            line.clear();
            match news {
                News::Foreign(target) => settings.tell(
                    &format!("another campaign sends schedules for {target}, which are left out"),
                    json!({ "event": "foreign", "target": target }),
                ),
                News::Gone(reason) => settings.tell(
                    &format!("the workers' link is gone ({reason}): {FOLDER_ONLY}"),
                    json!({ "event": "link-lost", "reason": reason }),
                ),
            }
        }
    }
}

/// Set when standard input ends, by which a worker is told that it is not needed any more, or that nobody is left to tell it.
#[allow(clippy::disallowed_methods, reason = "the thread only waits for a pipe to close; no run sees it")]
pub(super) fn hear_dismissal() -> Arc<AtomicBool> {
    let dismissed = Arc::new(AtomicBool::new(false));
    let flag = dismissed.clone();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        flag.store(true, Ordering::Relaxed);
    });
    dismissed
}

fn start(
    settings: &Settings,
    target: &str,
    index: u16,
    reserved: Option<Reserved>,
    sender: &Sender<Report>,
) -> Result<Worker, Failure> {
    let arguments = &settings.arguments;
    let failed = |error: std::io::Error| Failure::Worker(index.into(), error.to_string());
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    let seed = arguments.seed.wrapping_add(index.into()).to_string();
    command.args(["--json", "fuzz", target, "--worker", "--seed", &seed]).arg("--crashes").arg(&arguments.crashes);
    if let Some(corpus) = &arguments.corpus {
        command.arg("--corpus").arg(corpus);
    }
    if let Some(reserved) = &reserved {
        command.args(["--link", &reserved.seat.to_string()]);
    }
    for path in &arguments.invariants {
        command.arg("--invariant").arg(path);
    }
    if let Some(execs) = arguments.execs {
        let (jobs, index) = (u64::from(arguments.jobs), u64::from(index));
        command.args(["--execs", &(execs / jobs + u64::from(index < execs % jobs)).to_string()]);
    }
    if let Some(time) = arguments.time {
        command.args(["--time", &format!("{}ms", time.as_millis())]);
    }
    if arguments.until_sometimes {
        command.arg("--until-sometimes");
    }
    if let Some(without) = arguments.until_stable {
        command.args(["--until-stable", &without.to_string()]);
    }
    command.args([
        "--stop-on",
        match settings.stop_on() {
            StopOn::New => "new",
            StopOn::First => "first",
            StopOn::Never => "never",
        },
    ]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()).stdin(Stdio::piped()).spawn().map_err(failed)?;
    let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    listen(usize::from(index), lines, sender.clone());
    Ok(Worker { child, stats: Stats::default(), tally: Tally::default(), reserved })
}

/// Passes on what a worker says, until it ends.
#[allow(clippy::disallowed_methods, reason = "the thread only reads a pipe; no run sees it")]
fn listen(index: usize, lines: impl Iterator<Item = std::io::Result<String>> + Send + 'static, sender: Sender<Report>) {
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Ok(value) = serde_json::from_str(&line) {
                let _ = sender.send(Report::Line(index, value));
            }
        }
        let _ = sender.send(Report::End(index));
    });
}

fn attend(
    settings: &Settings,
    workers: &mut [Worker],
    reports: &Receiver<Report>,
    peers: &mut Peers,
) -> Result<Exit, Failure> {
    let mut line = Line::new(settings.arguments.monitor, settings.json);
    let (mut exit, mut running, mut failure) = (Exit::Clean, workers.len(), None);
    let mut never = Never::default();
    let (mut enough, mut patience) = (false, PATIENCE);
    while running > 0 && patience > 0 {
        match reports.recv_timeout(TURN) {
            Ok(Report::Line(index, value)) if value["event"] == "finding" => {
                line.clear();
                put(&if settings.json { value.to_string() } else { describe(&value) });
                workers[index].tally.new += u64::from(value["new"] == true);
                workers[index].tally.known += u64::from(value["new"] == false);
                let differs = value["class"] == Class::Nondeterminism.name();
                exit = exit.or(if differs { Exit::Nondeterminism } else { Exit::Violation });
                enough |= stops(settings.stop_on(), &value);
            }
            Ok(Report::Line(index, value)) if value["event"] == "status" => {
                (workers[index].stats, workers[index].tally) = read(&value);
                workers[index].reserved = None;
            }
            Ok(Report::Line(_, value)) if value["event"] == "end" => never.add(&value),
            Ok(Report::Line(..)) => {}
            Ok(Report::End(index)) => {
                running -= 1;
                match ended(index, &mut workers[index]) {
                    Ok(end) => exit = exit.or(end),
                    Err(worse) => failure = failure.or(Some(worse)),
                }
            }
            Err(RecvTimeoutError::Timeout) => patience -= u32::from(enough),
            Err(RecvTimeoutError::Disconnected) => break,
        }
        enough |= failure.is_some() || settings.interrupted.load(Ordering::SeqCst);
        if enough {
            // A worker ends what it is at, so that nothing on disk is half done, and what it still finds is shown.
            workers.iter_mut().for_each(dismiss);
        }
        peers.tell_news(settings, &line);
        let (stats, tally) = sum(workers);
        line.refresh(&stats, tally);
    }
    let (stats, tally) = sum(workers);
    line.show(&stats, tally);
    line.clear();
    if let Some(failure) = failure {
        return Err(failure);
    }
    if settings.json {
        put(&json!({
            "schema": "murphy/fuzz/1", "event": "end", "marks_never_hit": never.marks(), "marks_required": never.required(),
            "faults_with_effect": never.with_effect, "faults_without_effect": never.faults(),
        })
        .to_string());
    } else {
        tell_totals(&stats, tally, line.elapsed().as_secs_f64());
        tell_never(&stats, &never.marks(), &never.faults());
    }
    if settings.arguments.require_marks {
        exit = exit.or(tell_required(&never.required()));
    }
    let interrupted = settings.interrupted.load(Ordering::SeqCst);
    Ok(exit.or(if interrupted { Exit::Interrupted } else { Exit::Clean }))
}

fn stops(stop_on: StopOn, finding: &Value) -> bool {
    match stop_on {
        StopOn::Never => false,
        StopOn::First => true,
        StopOn::New => finding["new"] == true,
    }
}

fn read(value: &Value) -> (Stats, Tally) {
    let number = |field: &str| value[field].as_u64().unwrap_or_default();
    let stats = Stats::deserialize(value).unwrap_or_default();
    (stats, Tally { new: number("new"), known: number("known"), unexamined: number("unexamined") })
}

/// What a worker's end means. One that failed ends the campaign; its own message is on standard error already.
fn ended(index: usize, worker: &mut Worker) -> Result<Exit, Failure> {
    let status = worker.child.wait().map_err(|error| Failure::Worker(index, error.to_string()))?;
    match status.code() {
        Some(0) => Ok(Exit::Clean),
        Some(1) => Ok(Exit::Violation),
        Some(3) => Ok(Exit::Inconclusive),
        Some(4) => Ok(Exit::Nondeterminism),
        Some(130) => Ok(Exit::Interrupted),
        _ => Err(Failure::Worker(index, status.to_string())),
    }
}

/// Executions and findings add up; corpus and states are shared, so the largest counts.
fn sum(workers: &[Worker]) -> (Stats, Tally) {
    let mut stats = Stats::default();
    let mut tally = Tally::default();
    for worker in workers {
        stats.execs += worker.stats.execs;
        stats.events += worker.stats.events;
        stats.unknown += worker.stats.unknown;
        stats.virtual_ns += worker.stats.virtual_ns;
        stats.steps += worker.stats.steps;
        stats.effective_steps += worker.stats.effective_steps;
        stats.operations += worker.stats.operations;
        stats.completed += worker.stats.completed;
        stats.resumed += worker.stats.resumed;
        stats.skipped += worker.stats.skipped;
        stats.blind += worker.stats.blind;
        stats.violations += worker.stats.violations;
        // Of executions that all workers did so far.
        stats.kept_at += worker.stats.kept_at;
        stats.stable_since += worker.stats.stable_since;
        (stats.singles, stats.visits) = (stats.singles + worker.stats.singles, stats.visits + worker.stats.visits);
        stats.novelty = stats.novelty.max(worker.stats.novelty);
        stats.finest = stats.finest.max(worker.stats.finest);
        stats.sample = stats.sample.max(worker.stats.sample);
        stats.received += worker.stats.received;
        stats.corpus = stats.corpus.max(worker.stats.corpus);
        stats.states = stats.states.max(worker.stats.states);
        stats.marks = stats.marks.max(worker.stats.marks);
        tally.new += worker.tally.new;
        tally.known += worker.tally.known;
        tally.unexamined += worker.tally.unexamined;
    }
    (stats, tally)
}

/// Asks a worker to end.
fn dismiss(worker: &mut Worker) {
    worker.child.stdin = None;
}

/// Ends a worker that is still running. What it found is on disk.
fn stop(worker: &mut Worker) {
    let _ = worker.child.kill();
    let _ = worker.child.wait();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Never;

    #[test]
    fn what_happened_to_one_worker_has_happened() {
        let mut never = Never::default();
        never.add(&json!({ "marks_never_hit": ["a", "b"], "faults_with_effect": ["crash"], "faults_without_effect": ["clock", "pause"] }));
        never.add(&json!({ "marks_never_hit": ["b", "c"], "faults_with_effect": ["pause"], "faults_without_effect": ["clock"] }));
        assert_eq!((never.marks(), never.faults()), (vec!["b".to_string()], vec!["clock".to_string()]));
    }
}
