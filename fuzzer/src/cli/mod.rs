//! The command: arguments, exit codes, and what goes where. Data on standard output, progress on standard error.

mod attention;
mod bench;
mod bisect;
mod campaign;
mod cases;
mod check;
mod cmin;
mod commands;
mod diff;
mod divergence;
mod doctor;
mod exit;
mod explain;
mod export;
mod faults;
mod init;
mod lint;
mod min;
mod progress;
mod regress;
mod replay;
mod schedule;
mod show;
mod status;
mod triage;
mod workers;

use std::path::PathBuf;

use clap::{
    ArgAction, Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use murphy_checker::family::Family;
use murphy_schedule::tree;
use murphy_sim::AnyTarget;

use exit::Exit;

use crate::{
    engine::link::Seat,
    finding::Provenance,
    harness::{BadInvariants, Harness},
    source::{Reading, Syntax},
};

/// A coverage-guided fuzzer over fault schedules for distributed systems.
#[derive(Debug, Parser)]
#[command(name = "murphy", version, about)]
struct Arguments {
    /// Print JSON, one object a line, instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Search for schedules that break a promise of a target.
    Fuzz(FuzzArguments),
    /// Say how campaigns are doing, or how they ended: a line for each worker.
    Status(StatusArguments),
    /// Run a schedule again, and say whether it still breaks its promise.
    Replay(ReplayArguments),
    /// Show a finding: what broke, the schedule, who sent what to whom, and why it is wrong.
    Show(ShowArguments),
    /// Explain a finding: what was promised, what happened, what each step did.
    Explain(ExplainArguments),
    /// Say where two runs part: of two schedules, or of one with and without a step.
    Diff(DiffArguments),
    /// Write a finding, or its run, in the form of another tool.
    Export(ExportArguments),
    /// Write a crate that tests a system with Murphy: target, tests, CI.
    Init(InitArguments),
    /// Make a failing schedule as small as it gets.
    #[command(alias = "tmin")]
    Min(MinArguments),
    /// Say how the findings stand, and what becomes of them.
    Triage(triage::TriageArguments),
    /// Run all findings again, and all seeds: what was fixed has to pass.
    Regress(regress::RegressArguments),
    /// Find the revision with which a finding began to fail.
    Bisect(bisect::BisectArguments),
    /// Judge one revision, for `git bisect run`.
    #[command(hide = true)]
    BisectStep(bisect::StepArguments),
    /// Format files of schedules in place.
    Fmt(FmtArguments),
    /// Say what is wrong with files of schedules, and what in them can never strike.
    Lint(LintArguments),
    /// Find the fewest entries of a corpus that reach what all of it reaches.
    Cmin(CminArguments),
    /// Make a schedule: from a preset, from another tool's test, from another form.
    Schedule(ScheduleArguments),
    /// List the faults that a schedule can have, or explain one.
    Faults(FaultsArguments),
    /// Look a target over: is it a function of its schedule, and do faults and operations reach it?
    Doctor(DoctorArguments),
    /// Check histories of other systems: Jepsen's EDN, JSON lines, logs of etcd tests.
    Check(CheckArguments),
    /// Turn a schedule into its bytes.
    Encode(EncodeArguments),
    /// Turn a schedule's bytes into its text.
    Decode(DecodeArguments),
    /// List what can be fuzzed.
    Targets,
    /// The suite of planted bugs.
    Bench(BenchArguments),
}

/// When a campaign stops of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum StopOn {
    /// At the first finding that is not filed yet.
    New,
    /// At the first finding, filed already or not.
    First,
    /// Never: findings are filed and the campaign goes on.
    #[default]
    Never,
}

/// What is shown while a campaign runs. Findings are data, and printed in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Monitor {
    /// JSON lines with `--json`, else a line.
    #[default]
    Auto,
    /// A line on standard error: overwritten on a terminal, repeated every five seconds elsewhere.
    Plain,
    /// JSON lines on standard output; the same as `--json`.
    Json,
    /// Nothing until it ends.
    None,
}

#[derive(Clone, Debug, Args)]
struct FuzzArguments {
    /// The target, with planted bugs if wanted: `raft-kv`, `raft-kv+B1`. See `murphy targets`.
    target: String,
    /// The campaign's seed, decimal or 0x…; one job, the same seed and an empty corpus folder give the same campaign.
    #[arg(long, default_value = "1", value_parser = number)]
    seed: u64,
    /// Stop after so many executions.
    #[arg(long, value_name = "N", value_parser = number)]
    execs: Option<u64>,
    /// Stop after so long, like `90s`, `10m` or `2h`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<std::time::Duration>,
    /// Stop at the first finding; short for `--stop-on first`.
    #[arg(long, conflicts_with = "stop_on")]
    until_first: bool,
    /// Stop once every mark of the target that must be hit has been, or after `--execs` or `--time`, or a million executions.
    #[arg(long)]
    until_sometimes: bool,
    /// Stop once so many executions in a row reached nothing new.
    #[arg(long, value_name = "N", value_parser = number)]
    until_stable: Option<u64>,
    /// When to stop of itself.
    #[arg(long, value_enum, default_value_t)]
    stop_on: StopOn,
    /// Plant this bug of the target; may be repeated.
    #[arg(long, value_name = "BUG")]
    bug: Vec<String>,
    /// Folder of schedules worth keeping, shared by the jobs and by later campaigns [default: corpus/TARGET].
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Folder of findings.
    #[arg(long, value_name = "DIR", default_value = "crashes")]
    crashes: PathBuf,
    /// A file of invariants, judged beside the target's own; a finding keeps it. May be repeated.
    #[arg(long = "invariant", value_name = "FILE")]
    invariants: Vec<PathBuf>,
    /// End with 3 (inconclusive) and a list, if there are marks in the target's code that no run hit and that a thorough campaign would:
    /// `sometimes!` and `reachable!` among them.
    #[arg(long)]
    require_marks: bool,
    /// Worker processes.
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// What to show while it runs. `murphy status` tells the same from elsewhere, and a file beside the corpus tells Prometheus.
    #[arg(long, value_enum, default_value_t)]
    monitor: Monitor,
    /// Let campaigns of other machines join this one at an address like `10.0.0.5:1337`; a port alone is for this machine only, and 0
    /// is any that is free. There are no passwords: only trusted machines may be able to reach it.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: Option<String>,
    /// Join the campaign that listens at this address: what one finds, the other gets.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    join: Option<String>,
    /// End when standard input does: how a campaign of several jobs dismisses its workers.
    #[arg(long, hide = true)]
    worker: bool,
    /// Where to hear of what other workers keep.
    #[arg(long, hide = true, value_name = "SEAT")]
    link: Option<Seat>,
}

impl FuzzArguments {
    /// Whether campaigns of other machines may take part.
    fn links(&self) -> bool {
        self.listen.is_some() || self.join.is_some()
    }
}

#[derive(Clone, Debug, Args)]
struct StatusArguments {
    /// The corpus folders of campaigns, or the folders beside them [default: all that are in `corpus`].
    #[arg(value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Say of each worker what it ran, what happened and what never did, and what it found.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Debug, Args)]
struct Where {
    /// Folder in which keys are looked up.
    #[arg(long, value_name = "DIR", default_value = "crashes")]
    crashes: PathBuf,
    /// The target, for a schedule that does not name one.
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// A file of invariants, judged beside the target's own and those of the folder. May be repeated.
    #[arg(long = "invariant", value_name = "FILE")]
    invariants: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingArguments,
}

/// What a schedule is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The text form.
    Murphy,
    Toml,
    #[value(alias = "yml")]
    Yaml,
    Json,
    /// One call per step.
    Script,
    /// What libFuzzer and the corpus hold.
    Bytes,
}

impl From<Form> for Syntax {
    fn from(form: Form) -> Self {
        match form {
            Form::Murphy => Self::Text,
            Form::Toml => Self::Structured(tree::Form::Toml),
            Form::Yaml => Self::Structured(tree::Form::Yaml),
            Form::Json => Self::Structured(tree::Form::Json),
            Form::Script => Self::Structured(tree::Form::Script),
            Form::Bytes => Self::Bytes,
        }
    }
}

#[derive(Clone, Debug, Args)]
struct ReadingArguments {
    /// Say a line of the header anew, like `nodes 5, clients 3` or `phases chaos 10s`; may be repeated.
    #[arg(long, value_name = "LINE")]
    set: Vec<String>,
    /// What the schedule is written in [default: what its name ends in, or what it looks like].
    #[arg(long, value_enum, value_name = "FORM")]
    form: Option<Form>,
}

impl ReadingArguments {
    fn reading(&self) -> Reading {
        Reading { syntax: self.form.map(Syntax::from), set: self.set.clone() }
    }
}

#[derive(Clone, Debug, Args)]
struct ReplayArguments {
    /// A folder, a key or its beginning, `latest`, a file of text or bytes, or `-`.
    schedule: String,
    /// How many times.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Print what happened with number, virtual time and node: messages, operations and faults; twice: timers and disks as well; three
    /// times: also what nodes said, through `tracing` and otherwise.
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Print the events of this node alone: its log. `n2` or `2`.
    #[arg(long, value_name = "NODE", value_parser = node)]
    node: Option<u16>,
    /// Print the events up to this moment of virtual time, like `120ms`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<std::time::Duration>,
    /// Write the events to a file, JSON lines: all of them, or those of `--node` and `--until`.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long, requires = "trace")]
    force: bool,
    /// Stop the process before the event of this number, for a debugger; `-v` prints the numbers.
    #[arg(long, value_name = "EVENT")]
    break_at: Option<usize>,
    /// Draw all latencies from one stream, as the arm `streams` of `bench` does.
    #[arg(long, hide = true)]
    one_stream: bool,
    #[command(flatten)]
    place: Where,
}

/// A node by its number, as schedules write it or without the letter.
fn node(text: &str) -> Result<u16, &'static str> {
    let number = text.strip_prefix('n').unwrap_or(text).parse().ok().filter(|number| (1..=16).contains(number));
    number.ok_or("expected a node from n1 to n16")
}

/// How a finding is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum View {
    /// Verdict, schedule, picture, explanation.
    #[default]
    Text,
    /// The schedule alone.
    Dsl,
    /// The picture alone.
    Ascii,
    /// The picture as a sequence diagram of Mermaid.
    Mermaid,
    /// An object; the same as `--json`.
    Json,
}

#[derive(Clone, Debug, Args)]
struct ShowArguments {
    /// A folder, a key or its beginning, `latest`, a file of text or bytes, or `-`.
    schedule: String,
    /// What to show.
    #[arg(long = "as", value_enum, value_name = "VIEW", default_value_t)]
    view: View,
    /// How many rows of the picture.
    #[arg(long, default_value_t = 60)]
    rows: usize,
    #[command(flatten)]
    place: Where,
}

#[derive(Clone, Debug, Args)]
struct ExplainArguments {
    /// A folder, a key or its beginning, `latest`, a file of text or bytes, or `-`.
    schedule: String,
    /// Say as well how often it still fails without each step, with it earlier, later or elsewhere, and if everything after a moment
    /// is drawn anew.
    #[arg(long)]
    neighbours: bool,
    #[command(flatten)]
    place: Where,
}

#[derive(Clone, Debug, Args)]
struct DiffArguments {
    /// A folder, a key or its beginning, `latest`, a file of text or bytes, or `-`.
    first: String,
    /// Another one.
    #[arg(required_unless_present = "without")]
    second: Option<String>,
    /// Compare the first with itself without this step: its number, counted from 1, or its label.
    #[arg(long, value_name = "STEP", conflicts_with = "second")]
    without: Option<String>,
    /// How many events to show before the first that differs, and from it on.
    #[arg(long, default_value_t = 10)]
    rows: usize,
    #[command(flatten)]
    place: Where,
}

/// What a finding is exported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExportForm {
    /// The history: operation maps of Jepsen, a line each.
    Edn,
    /// A folder `store/NAME/TIME` as Jepsen leaves one: history, results, timeline, a log for each node.
    JepsenStore,
    /// The history: JSON lines.
    Jsonl,
    /// The trace for Perfetto and `chrome://tracing`.
    ChromeTrace,
    /// The trace with vector clocks for ShiViz.
    Shiviz,
    /// What happened before what, for Graphviz.
    Dot,
    /// The picture as a sequence diagram of Mermaid.
    Mermaid,
    /// The files of the finding's folder that are meant to be kept.
    Zip,
}

#[derive(Clone, Debug, Args)]
struct ExportArguments {
    /// A folder, a key or its beginning, `latest`, a file of text or bytes, or `-`.
    schedule: String,
    /// What to write.
    #[arg(long, value_enum, value_name = "FORM")]
    to: ExportForm,
    /// How many rows of the picture.
    #[arg(long, default_value_t = 60)]
    rows: usize,
    /// Where to write [default: standard output; of a store, the folder `store`].
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Write over what is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Where,
}

#[derive(Clone, Debug, Args)]
struct InitArguments {
    /// The crate's folder, which gives it its name. Of a crate that is there, what it lacks is written; no file is ever written over.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The crate of the system to be tested, which becomes a dependency.
    #[arg(long, value_name = "PATH")]
    target_crate: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
struct MinArguments {
    /// A folder, a key or its beginning, `latest`, a file of text or bytes, or `-`.
    schedule: String,
    /// The most runs to spend.
    #[arg(long, value_name = "N", default_value_t = campaign::BUDGET, value_parser = number)]
    budget: u64,
    #[command(flatten)]
    place: Where,
}

#[derive(Clone, Debug, Args)]
struct FmtArguments {
    /// Files of text, or `-`.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Change nothing; exit with 1 if a file is not formatted.
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Debug, Args)]
// What is bytes already needs no encoding.
#[command(mut_arg("form", |form| form.value_parser(written())))]
struct EncodeArguments {
    /// A file, or `-`.
    file: PathBuf,
    #[command(flatten)]
    reading: ReadingArguments,
    #[command(flatten)]
    output: Output,
}

/// Reads the name of any form but bytes.
fn written() -> impl TypedValueParser<Value = Form> {
    let forms = Form::value_variants().iter().filter(|form| **form != Form::Bytes);
    PossibleValuesParser::new(forms.filter_map(Form::to_possible_value)).try_map(|name| Form::from_str(&name, false))
}

#[derive(Clone, Debug, Args)]
struct LintArguments {
    /// Files in any form, or `-`.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The target whose names and nodes to check against [default: the one that each file names].
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    #[command(flatten)]
    reading: ReadingArguments,
}

#[derive(Clone, Debug, Args)]
struct FaultsArguments {
    /// The fault to explain.
    name: Option<String>,
    /// Print all of them as a document.
    #[arg(long, conflicts_with = "name")]
    markdown: bool,
    /// Print the words and constants of schedules as a dictionary for libFuzzer.
    #[arg(long, conflicts_with_all = ["name", "markdown"])]
    dictionary: bool,
}

#[derive(Clone, Debug, Args)]
struct DoctorArguments {
    /// The target, with planted bugs if wanted; need not be said if there is only one.
    target: Option<String>,
    /// How many schedules to run, each four times.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// Fixes the random ones among them.
    #[arg(long, default_value = "1", value_parser = number)]
    seed: u64,
    /// Only say what the runs did, for another process that compares: `all`, or the number of one.
    #[arg(long, hide = true)]
    witness: Option<doctor::Testimony>,
}

#[derive(Clone, Debug, Args)]
struct CminArguments {
    /// The target, as the corpus was made for.
    target: String,
    /// Folder of the corpus [default: corpus/TARGET].
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Copy the entries to keep into this folder.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Remove the others from the corpus itself.
    #[arg(long, conflicts_with = "output")]
    yes: bool,
}

/// How much a comparison compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// Six bugs and the arms of the search: about five hours of one core.
    #[default]
    Small,
    /// Every bug, every arm, and the search without one of its means at a time: days.
    Full,
}

#[derive(Clone, Debug, Args)]
struct BenchArguments {
    /// List the bugs that can be planted: name, target, depth, what each breaks, where a real system had it.
    #[arg(long)]
    list: bool,
    /// Say what the trials in the folder's `results.csv` show: write `report.md` and `report.svg` beside it.
    #[arg(long, value_name = "FOLDER", conflicts_with = "list")]
    report: Option<PathBuf>,
    /// What to compare, unless it is said one by one.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Compare on this bug, or on a target that needs none planted. May be repeated.
    #[arg(long, value_name = "BUG")]
    bug: Vec<String>,
    /// Compare this arm, or the search without one of its means. May be repeated.
    #[arg(long, value_name = "ARM", value_parser = arm())]
    arm: Vec<String>,
    /// Trials of each arm that remembers, seeds 1 and following.
    #[arg(long, value_name = "N")]
    trials: Option<u64>,
    /// Executions after which a trial is given up [default: 100,000 for a shallow bug, else 1,000,000].
    #[arg(long, value_name = "N", value_parser = number)]
    execs: Option<u64>,
    /// Executions of an arm that remembers nothing, as one stream; it ends earlier once it has a hundred hits.
    #[arg(long, value_name = "N", value_parser = number)]
    pool: Option<u64>,
    /// Executions of each target without its bugs, which must not be blamed.
    #[arg(long, value_name = "N", value_parser = number)]
    twin: Option<u64>,
    /// Processor time after which a trial is given up.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1h")]
    cpu: std::time::Duration,
    /// Folder of the table, which is gone on with if it is there, and of what is found.
    #[arg(long, value_name = "DIR", default_value = "bench-results")]
    out: PathBuf,
    /// Trials at once.
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Do this one job: bug,target,arm,kind,trial,budget.
    #[arg(long, hide = true)]
    job: Option<bench::Job>,
}

/// An arm of the search by its name.
fn arm() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(crate::engine::Recipe::ALL.map(|recipe| recipe.name))
}

#[derive(Clone, Debug, Args)]
struct ScheduleArguments {
    #[command(subcommand)]
    command: ScheduleCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum ScheduleCommand {
    /// Write a schedule with the faults that Jepsen calls nemeses.
    New(NewArguments),
    /// Make a schedule of a test that was written for another tool.
    Import(ImportArguments),
    /// Write a schedule in another form.
    Convert(TranslateArguments),
}

/// Where what is made goes.
#[derive(Clone, Debug, Args)]
struct Output {
    /// Where to write [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

/// What a kill leaves of what was written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Disk {
    /// All of it, as when a process is killed.
    Keep,
    /// Nothing, as when a machine loses power.
    Lose,
}

#[derive(Clone, Debug, Args)]
struct NewArguments {
    /// Families and bundles of faults: `partition,kill`, `standard`, `all`, `none`.
    #[arg(long, value_name = "LIST")]
    nemesis: String,
    /// Whom they strike, in turn: `one,majorities-ring`, `n1,n2`; of single families: `kill=all`. May be repeated.
    #[arg(long, value_name = "[FAMILY=]LIST")]
    shape: Vec<String>,
    /// The system that it is for.
    #[arg(long, value_name = "TARGET", default_value = "any")]
    target: String,
    /// The number that fixes what the schedule leaves open.
    #[arg(long, default_value = "1", value_parser = number)]
    seed: u64,
    /// How long a fault lasts, and how long its family then waits [default: 500ms].
    #[arg(long, value_name = "TIME", value_parser = time)]
    interval: Option<std::time::Duration>,
    /// Draw the waits around the interval.
    #[arg(long)]
    stagger: bool,
    /// How long faults go on [default: 5s].
    #[arg(long, value_name = "TIME", value_parser = time)]
    time_limit: Option<std::time::Duration>,
    /// Two minutes of faults and one of calm in turn.
    #[arg(long)]
    long_recovery: bool,
    /// How long the system has to recover before the last operations.
    #[arg(long, value_name = "TIME", value_parser = time)]
    recovery: Option<std::time::Duration>,
    /// How many nodes there are.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: Option<u8>,
    /// How many clients there are.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=15))]
    clients: Option<u8>,
    /// How many keys there are.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=63))]
    keys: Option<u8>,
    /// How many operations there are.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=65_534))]
    ops: Option<u16>,
    /// How many operations there are a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rate: Option<u16>,
    /// Into how many data centres the nodes are divided.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    dcs: Option<u8>,
    /// What a kill does to what was written and not synced.
    #[arg(long, value_enum, default_value = "lose")]
    disk: Disk,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Debug, Args)]
struct ImportArguments {
    #[command(subcommand)]
    from: ImportFrom,
}

#[derive(Clone, Debug, Subcommand)]
enum ImportFrom {
    /// The options of a Jepsen test.
    Jepsen(JepsenArguments),
    /// A FoundationDB test in TOML.
    Fdb(FdbArguments),
}

#[derive(Clone, Debug, Args)]
struct JepsenArguments {
    /// The options in one argument, a file that has them, or `-`.
    #[arg(allow_hyphen_values = true)]
    options: String,
    /// The system that the schedule is for.
    #[arg(long, value_name = "TARGET", default_value = "any")]
    target: String,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Debug, Args)]
struct FdbArguments {
    /// The test, or `-`.
    file: PathBuf,
    /// The system that the schedule is for.
    #[arg(long, value_name = "TARGET", default_value = "any")]
    target: String,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Debug, Args)]
struct TranslateArguments {
    /// A file, or `-`.
    file: PathBuf,
    /// What to write.
    #[arg(long, value_enum, value_name = "FORM")]
    to: Form,
    /// The target that the schedule is for, and whose names to spell out.
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    #[command(flatten)]
    reading: ReadingArguments,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Debug, Args)]
struct CheckArguments {
    /// Files, folders of files that end in .edn, .json, .jsonl, .log or .txt, or `-`.
    #[arg(required = true, value_name = "HISTORY")]
    histories: Vec<PathBuf>,
    /// What the histories are of [default: the first that has all their functions].
    #[arg(long, value_parser = model())]
    model: Option<Family>,
    /// Give up a key, as unknown, past so many configurations that could explain it, or the search for a kind of cycle of
    /// transactions past so many steps, or that for a sequential order past so many combinations. A key of a register or a store
    /// that is given up is still invalid if what must come before what leaves no order.
    #[arg(long, value_name = "N")]
    budget: Option<usize>,
    /// A file of invariants that must hold of the histories; without `--model` nothing else is judged. Can be repeated.
    #[arg(long = "invariant", value_name = "FILE")]
    invariants: Vec<PathBuf>,
    #[command(flatten)]
    transactions: check::TransactionArguments,
    #[command(flatten)]
    selection: check::Selection,
    /// A file of patterns of anomalies that are known, one a line: its six letters, then any words. These are not explained again, and
    /// new ones are added.
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// Say how far the clock of each file is ahead of the first's, by the operations that several have: those with
    /// the same value of this field. A client's log comes before that of who served it. Without `--output` nothing is judged.
    #[arg(long, value_name = "FIELD")]
    align: Option<String>,
    /// With `--align`: write the operations of all files into this one as a single history, EDN or, if it ends in .json or .jsonl, JSON
    /// lines, on the clock of the first, and judge that. What is not known of a clock makes operations longer.
    #[arg(short, long, value_name = "FILE", requires = "align")]
    output: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long, requires = "output")]
    force: bool,
    /// Threads; the verdicts are the same.
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
}

/// A model by its name.
fn model() -> impl TypedValueParser<Value = Family> {
    let names = PossibleValuesParser::new(Family::ALL.iter().map(|family| family.name()));
    names.map(|name| Family::named(&name).expect("it is one of them"))
}

#[derive(Clone, Debug, Args)]
struct DecodeArguments {
    /// A file, or `-`.
    file: PathBuf,
    /// The target whose names to spell out.
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// The whole command over `targets`. Does not return.
pub fn cli(targets: Vec<Box<dyn AnyTarget>>) -> ! {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MURPHY_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Command::Fuzz(fuzz) => campaign::fuzz(&targets, fuzz, arguments.json || fuzz.monitor == Monitor::Json),
        Command::Status(status) => status::status(status, arguments.json),
        Command::Replay(replay) => replay::replay(&targets, replay, arguments.json),
        Command::Show(show) => show::show(&targets, show, arguments.json),
        Command::Explain(explain) => explain::explain(&targets, explain, arguments.json),
        Command::Diff(diff) => diff::diff(&targets, diff, arguments.json),
        Command::Export(export) => export::export(&targets, export, arguments.json),
        Command::Init(init) => init::init(init, arguments.json),
        Command::Min(min) => min::min(&targets, min, arguments.json),
        Command::Cmin(cmin) => cmin::cmin(&targets, cmin, arguments.json),
        Command::Triage(triage) => triage::triage(&targets, triage, arguments.json),
        Command::Regress(regress) => regress::regress(&targets, regress, arguments.json),
        Command::Bisect(bisect) => bisect::bisect(bisect, arguments.json),
        Command::BisectStep(step) => bisect::step(step),
        Command::Fmt(fmt) => commands::fmt(fmt),
        Command::Lint(lint) => lint::lint(&targets, lint, arguments.json),
        Command::Schedule(schedule) => schedule::schedule(&targets, schedule),
        Command::Faults(faults) => faults::faults(&targets, faults, arguments.json),
        Command::Doctor(doctor) => doctor::doctor(&targets, doctor, arguments.json),
        Command::Check(check) => check::check(check, arguments.json),
        Command::Encode(encode) => commands::encode(encode),
        Command::Decode(decode) => commands::decode(&targets, decode),
        Command::Targets => commands::targets(&targets, arguments.json),
        Command::Bench(bench) => bench::bench(&targets, bench, arguments.json),
    };
    let exit = done.and_then(|exit| exit::refused().map_or(Ok(exit), Err));
    let exit = exit.unwrap_or_else(|failure| failure.report(arguments.json));
    std::process::exit(exit as i32)
}

impl Exit {
    /// The graver of two, in the order that scripts rely on: interrupted, nondeterminism, violation, stale, inconclusive.
    fn or(self, other: Self) -> Self {
        let grave = [Self::Interrupted, Self::Nondeterminism, Self::Violation, Self::Stale, Self::Inconclusive];
        grave.into_iter().find(|exit| [self, other].contains(exit)).unwrap_or(Self::Clean)
    }
}

/// Has the invariants of these files judged in every run, beside the target's own.
fn judge(harness: &mut Harness, files: &[PathBuf]) -> Result<(), exit::Failure> {
    for path in files {
        let text = std::fs::read_to_string(path).map_err(exit::Failure::file("read", path))?;
        harness.judge(&text).map_err(|error| BadInvariants { path: path.clone(), text, error })?;
    }
    Ok(())
}

/// How whatever is found now came about, as far as the command knows.
fn provenance() -> Provenance {
    Provenance {
        program: program(),
        command: std::env::args().collect::<Vec<_>>().join(" "),
        revision: revision(),
        found_at: seconds_since_1970(),
        ..Provenance::default()
    }
}

/// The revision of the repository in which the command runs, if it is one.
fn revision() -> Option<String> {
    let git =
        std::process::Command::new("git").args(["rev-parse", "HEAD"]).stderr(std::process::Stdio::null()).output();
    let revision = git.ok().filter(|output| output.status.success());
    revision.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// The name under which this program was called.
fn program() -> String {
    let path = std::env::args().next().map(PathBuf::from);
    let name = path.as_deref().and_then(std::path::Path::file_stem);
    name.map_or_else(|| "murphy".to_string(), |name| name.to_string_lossy().into_owned())
}

#[allow(clippy::disallowed_methods, reason = "a finding says when it was found; no run sees it")]
fn seconds_since_1970() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// A number, decimal or 0x….
fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.replace('_', "").parse(),
    };
    parsed.map_err(|_| "expected a whole number, decimal or 0x…".to_string())
}

/// An address with a port, or a port; whether there is such a machine is seen later.
fn address(text: &str) -> Result<String, &'static str> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
    let valid = !host.is_empty() && port.parse::<u16>().is_ok();
    valid.then(|| text.to_string()).ok_or("expected HOST:PORT like 10.0.0.5:1337, or a port like 1337")
}

/// A length of real time: `90s`, `10m`, `2h`.
fn time(text: &str) -> Result<std::time::Duration, String> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let millis = units.iter().find(|(name, _)| *name == unit).map(|(_, millis)| millis);
    match (digits.parse::<u64>(), millis) {
        (Ok(count), Some(millis)) => Ok(std::time::Duration::from_millis(count.saturating_mul(*millis))),
        _ => Err("expected a number with a unit: `90s`, `10m`, `2h`".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{Arguments, Exit, address, number, time};

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn numbers_and_times_are_read_or_refused() {
        assert_eq!(number("0x5eed"), Ok(0x5eed));
        assert_eq!(number("100_000"), Ok(100_000));
        assert!(number("many").is_err());
        assert_eq!(time("10m"), Ok(std::time::Duration::from_secs(600)));
        assert!(time("10").is_err());
        assert!(time("10parsecs").is_err());
    }

    #[test]
    fn an_address_has_a_port() {
        for right in ["1337", "127.0.0.1:0", "[::1]:1337", "fuzz.example:1337"] {
            assert_eq!(address(right).as_deref(), Ok(right));
        }
        for wrong in ["", "localhost", ":1337", "10.0.0.5:", "10.0.0.5:99999", "10.0.0.5:http"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_graver_exit_code_wins() {
        assert_eq!(Exit::Violation.or(Exit::Nondeterminism), Exit::Nondeterminism);
        assert_eq!(Exit::Violation.or(Exit::Interrupted), Exit::Interrupted);
        assert_eq!(Exit::Clean.or(Exit::Inconclusive), Exit::Inconclusive);
    }
}
