//! How small do minimal schedules get? A table in markdown: for every schedule that was written by hand (`testdata/`), ten
//! findings made of it by taking other seeds and adding steps and operations at random, minimized, and compared with it.
//!
//! `cargo run --release -p murphy --example minimal [-- WORD…]`; with words, only files whose names contain one. It says nothing
//! of how well campaigns find these bugs.

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

#[path = "../tests/common/buried.rs"]
mod buried;

use std::{fs, path::Path};

use buried::Written;
use murphy::minimize::{minimize, robustness};

/// Findings of each schedule.
const FINDINGS: usize = 10;
/// The most runs that minimizing one takes, as in a campaign.
const BUDGET: u64 = 20_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    println!(
        "| target and bug | steps by hand | minimal: median, most | operations: most | 1-minimal | runs: most | CPU s: most | other seeds |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let named = |path: &Path| words.iter().any(|word| path.to_string_lossy().contains(word));
    for path in buried::files().into_iter().filter(|path| words.is_empty() || named(path)) {
        println!("{}", row(Written::read(&path)));
    }
}

fn row(mut written: Written) -> String {
    let mut sizes = Sizes::default();
    while sizes.steps.len() < FINDINGS
        && let Some(finding) = written.bury()
    {
        sizes.add(&mut written, &finding);
    }
    let by_hand = match (written.document.schedule.steps.len(), written.size()) {
        (steps, size) if steps < size => format!("{steps} + {} drawn", size - steps),
        (steps, _) => steps.to_string(),
    };
    format!("| {} | {by_hand} | {} |", written.document.target, sizes.cells())
}

/// What ten findings came to.
#[derive(Default)]
struct Sizes {
    steps: Vec<usize>,
    operations: Vec<usize>,
    runs: Vec<usize>,
    seeds: Vec<usize>,
    seconds: f64,
    proved: usize,
}

impl Sizes {
    fn add(&mut self, written: &mut Written, finding: &murphy::schedule::Schedule) {
        let before = cpu_seconds();
        let minimal = minimize(&mut written.harness, finding, &written.anomaly, BUDGET, &mut |_| true);
        self.seconds = self.seconds.max(cpu_seconds() - before);
        self.steps.push(minimal.schedule.steps.len());
        self.runs.push(minimal.runs as usize);
        self.proved += usize::from(minimal.one_minimal);
        self.operations.push(written.harness.run(&minimal.schedule).history.operations.len());
        self.seeds.push(robustness(&mut written.harness, &minimal.schedule, &written.anomaly).failing as usize);
    }

    fn cells(self) -> String {
        let (proved, findings, seconds) = (self.proved, self.steps.len(), self.seconds);
        let (steps, seeds) = (middle_and_most(self.steps), middle_and_most(self.seeds).0);
        let [operations, runs] = [self.operations, self.runs].map(|numbers| middle_and_most(numbers).1);
        format!("{}, {} | {operations} | {proved}/{findings} | {runs} | {seconds:.1} | {seeds}/16", steps.0, steps.1)
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
    let ticks = fields.get(11..13).unwrap_or_default().iter();
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
