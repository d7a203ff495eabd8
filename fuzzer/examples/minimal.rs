//! How small do minimal schedules get? A table in markdown: for every schedule that was written by hand (`testdata/`), ten
//! findings made of it by adding steps and operations at random, minimized, and compared with it.
//!
//! `cargo run --release -p murphy --example minimal [-- WORD…]`; with words, only files whose names contain one. It says nothing
//! of how well campaigns find these bugs.

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use murphy::{
    Harness,
    minimize::{Minimized, minimize, robustness},
    schedule::{Dice, Document, Header, Schedule, Step, mutate},
};

/// Findings of each schedule.
const FINDINGS: usize = 10;
/// Schedules that are drawn for one of them at most.
const DRAWS: u32 = 2000;
/// The most runs that minimizing one takes, as in a campaign.
const BUDGET: u64 = 20_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    println!(
        "| bug | by hand | minimal: median, most | operations: median, most | 1-minimal | runs: most | CPU s: most | other seeds: median |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for path in
        files().into_iter().filter(|path| words.is_empty() || words.iter().any(|word| name(path).contains(word)))
    {
        println!("{}", row(&path));
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("testdata is in the repository").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn row(path: &Path) -> String {
    let document = Document::parse(&fs::read_to_string(path).expect("a file")).expect("a schedule");
    let mut harness = Harness::new(&murphy_targets::all(), &document.target).expect("it names a target");
    let anomaly = harness.run(&document.schedule).verdict.anomaly().expect("it fails").clone();
    let mut dice = Dice::new(1);
    let mut sizes = Sizes::default();
    for _ in 0..FINDINGS {
        let Some(finding) = (0..DRAWS).find_map(|_| {
            let buried = buried(&document.schedule, &harness, &mut dice);
            let found = harness.run(&buried).verdict.anomaly();
            found.is_some_and(|found| (found.class, &found.name) == (anomaly.class, &anomaly.name)).then_some(buried)
        }) else {
            break;
        };
        let before = cpu_seconds();
        let minimal = minimize(&mut harness, &finding, &anomaly, BUDGET, &mut |_| true);
        sizes.seconds.push(cpu_seconds() - before);
        sizes.operations.push(harness.run(&minimal.schedule).history.operations.len());
        sizes.seeds.push(robustness(&mut harness, &minimal.schedule, &anomaly).failing as usize);
        if std::env::var_os("SHOW").is_some() {
            println!("{}", harness.document(&minimal.schedule));
        }
        sizes.add(&minimal);
    }
    sizes.row(&document)
}

/// `schedule` with steps at random, and half the time with operations that clients draw.
fn buried(schedule: &Schedule, harness: &Harness, dice: &mut Dice) -> Schedule {
    let noise = mutate::random(harness.vocabulary(), dice);
    let free = |step: &&Step| step.id == 0 && step.references().next().is_none();
    let steps = schedule.steps.iter().chain(noise.steps.iter().filter(free)).copied().collect();
    let header = if dice.chance(1, 2) { Header { ops: Some(40), ..schedule.header } } else { schedule.header };
    Schedule { header, steps }
}

/// What ten findings came to.
#[derive(Default)]
struct Sizes {
    steps: Vec<usize>,
    operations: Vec<usize>,
    runs: Vec<usize>,
    seeds: Vec<usize>,
    seconds: Vec<f64>,
    proved: usize,
}

impl Sizes {
    fn add(&mut self, minimal: &Minimized) {
        self.steps.push(minimal.schedule.steps.len());
        self.runs.push(minimal.runs as usize);
        self.proved += usize::from(minimal.one_minimal);
    }

    fn row(self, document: &Document) -> String {
        let (steps, operations) = (middle_and_most(self.steps), middle_and_most(self.operations));
        let (runs, seeds) = (middle_and_most(self.runs).1, middle_and_most(self.seeds).0);
        let seconds = self.seconds.iter().copied().fold(0.0, f64::max);
        format!(
            "| {} | {} | {}, {} | {}, {} | {}/{} | {runs} | {seconds:.1} | {seeds}/16 |",
            document.target,
            document.schedule.steps.len(),
            steps.0,
            steps.1,
            operations.0,
            operations.1,
            self.proved,
            self.seconds.len(),
        )
    }
}

fn middle_and_most(mut numbers: Vec<usize>) -> (usize, usize) {
    numbers.sort_unstable();
    (numbers.get(numbers.len() / 2).copied().unwrap_or(0), numbers.last().copied().unwrap_or(0))
}

/// The time that this process has had of a core, in seconds; 0 where that cannot be seen.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: f64 = fields.get(11..13).unwrap_or_default().iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}
