//! `murphy fuzz -j N`: worker processes that share the corpus folder and the folder of findings.
//!
//! A worker is the same command with `--json` and a seed of its own; this process adds up what the workers report, shows it,
//! and stops them when it is time. A worker that dies takes nothing with it but its own present run.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::atomic::Ordering,
    time::Duration,
};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use serde_json::Value;

use super::{
    StopOn,
    campaign::Settings,
    exit::{Exit, Failure, put, say},
    progress::{Line, Tally, thousands},
};
use crate::engine::Stats;

/// One worker and what it reported last.
struct Worker {
    child: Child,
    stats: Stats,
    tally: Tally,
}

/// A line of a worker, or its end.
enum Report {
    Line(usize, Value),
    End(usize),
}

/// Runs the campaign in worker processes.
pub(super) fn fuzz(settings: &Settings, target: &str) -> Result<Exit, Failure> {
    let (sender, reports) = unbounded();
    let jobs = settings.arguments.jobs;
    let mut workers = Vec::new();
    for index in 0..jobs {
        workers.push(start(settings, target, index, &sender)?);
    }
    drop(sender);
    let exit = attend(settings, &mut workers, &reports);
    workers.iter_mut().for_each(stop);
    exit
}

fn start(settings: &Settings, target: &str, index: u16, sender: &Sender<Report>) -> Result<Worker, Failure> {
    let arguments = &settings.arguments;
    let failed = |error: std::io::Error| Failure::Worker(index.into(), error.to_string());
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command.args(["--json", "fuzz", target, "--seed", &(arguments.seed + u64::from(index)).to_string()]);
    command.arg("--corpus").arg(&settings.corpus).arg("--crashes").arg(&arguments.crashes);
    if let Some(execs) = arguments.execs {
        let (jobs, index) = (u64::from(arguments.jobs), u64::from(index));
        command.args(["--execs", &(execs / jobs + u64::from(index < execs % jobs)).to_string()]);
    }
    if let Some(time) = arguments.time {
        command.args(["--time", &format!("{}ms", time.as_millis())]);
    }
    command.args(["--stop-on", match settings.stop_on() {
        StopOn::New => "new",
        StopOn::First => "first",
        StopOn::Never => "never",
    }]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).stdin(Stdio::null()).spawn().map_err(failed)?;
    let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    listen(usize::from(index), lines, sender.clone());
    Ok(Worker { child, stats: Stats::default(), tally: Tally::default() })
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

fn attend(settings: &Settings, workers: &mut [Worker], reports: &Receiver<Report>) -> Result<Exit, Failure> {
    let mut line = Line::new(settings.json);
    let (mut exit, mut running) = (Exit::Clean, workers.len());
    while running > 0 {
        match reports.recv_timeout(Duration::from_millis(200)) {
            Ok(Report::Line(index, value)) if value["event"] == "finding" => {
                line.clear();
                show(settings, &value);
                workers[index].tally.new += u64::from(value["new"] == true);
                workers[index].tally.known += u64::from(value["new"] == false);
                exit = exit.or(Exit::Violation);
                if stops(settings.stop_on(), &value) {
                    break;
                }
            }
            Ok(Report::Line(index, value)) => (workers[index].stats, workers[index].tally) = read(&value),
            Ok(Report::End(index)) => {
                running -= 1;
                exit = exit.or(ended(index, &mut workers[index])?);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let (stats, tally) = sum(workers);
        line.refresh(&stats, tally);
    }
    let (stats, tally) = sum(workers);
    line.show(&stats, tally);
    line.clear();
    if !settings.json {
        let seconds = line.elapsed().as_secs_f64();
        say(&format!("{} executions in {seconds:.1} s: {} new, {} known findings", thousands(stats.execs), tally.new, tally.known));
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

/// Shows a finding as a campaign of one worker would.
fn show(settings: &Settings, value: &Value) {
    if settings.json {
        return put(&value.to_string());
    }
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_string();
    let folder = text("folder");
    if value["new"] != true {
        return put(&format!("KNOWN  {} / {}   {folder}", text("class"), text("anomaly")));
    }
    let schedule = std::fs::read_to_string(std::path::Path::new(&folder).join("schedule.murphy")).unwrap_or_default();
    let schedule: String = schedule.lines().map(|line| format!("       {line}").trim_end().to_string() + "\n").collect();
    put(&format!(
        "NEW  {} / {}   {folder}\n     {} faults (was {}), {} operations (was {}), {}, reproduced {}/3\n\n       {}\n\n{schedule}\n     \
         murphy show    {key}        diagram and explanation\n     murphy replay  {key} -v     step by step\n",
        text("class"),
        text("anomaly"),
        value["faults"],
        value["faults_before"],
        value["operations"],
        value["operations_before"],
        if value["one_minimal"] == true { "1-minimal" } else { "not proved minimal" },
        value["reproduced"],
        text("sentence"),
        key = text("key"),
    ));
}

fn read(value: &Value) -> (Stats, Tally) {
    let number = |field: &str| value[field].as_u64().unwrap_or_default();
    let stats = Stats {
        execs: number("execs"),
        corpus: number("corpus") as usize,
        states: number("states"),
        marks: number("marks") as usize,
        unknown: number("unknown"),
        events: number("events"),
        virtual_ns: number("virtual_ns"),
        steps: number("steps"),
        effective_steps: number("effective_steps"),
    };
    (stats, Tally { new: number("new"), known: number("known") })
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
        stats.corpus = stats.corpus.max(worker.stats.corpus);
        stats.states = stats.states.max(worker.stats.states);
        stats.marks = stats.marks.max(worker.stats.marks);
        tally.new += worker.tally.new;
        tally.known += worker.tally.known;
    }
    (stats, tally)
}

/// Ends a worker that is still running. What it found is on disk.
fn stop(worker: &mut Worker) {
    let _ = worker.child.kill();
    let _ = worker.child.wait();
}
