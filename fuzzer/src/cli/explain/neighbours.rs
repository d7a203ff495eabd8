//! What schedules do that differ from a failing one in one step: without it, with it earlier or later, and with it on other
//! nodes; under the failing schedule's own seed, and under others, the same ones for every row.

use murphy_checker::verdict::Verdict;
use murphy_schedule::{Document, Nodes, Schedule, Step, When, shrink};
use murphy_sim::resolve;
use serde_json::{Value, json};

use super::{fails_alike, step_text};
use crate::{
    finding::Finding,
    harness::Harness,
    minimize::{SEEDS, other_seeds},
};

/// So many microseconds earlier and later, where a step has a time.
const SHIFTS: [u32; 2] = [10_000, 100_000];

/// A schedule that differs in one step, and how often it fails.
pub(super) struct Neighbour {
    /// Which step; `None`: the schedule itself.
    step: Option<String>,
    /// What is different.
    change: String,
    /// Whether it fails in the same way under the same seed.
    same_seed: bool,
    /// Under how many of the other seeds it fails in the same way.
    fails: usize,
    /// Under how many of them it breaks another promise.
    otherwise: usize,
}

impl Neighbour {
    pub(super) fn object(&self) -> Value {
        json!({
            "step": self.step, "change": self.change, "same_seed": self.same_seed, "fails": self.fails,
            "otherwise": self.otherwise, "seeds": SEEDS,
        })
    }

    fn row(&self) -> [String; 4] {
        let own = if self.same_seed { "fails" } else { "passes" };
        let otherwise = if self.otherwise == 0 { String::new() } else { self.otherwise.to_string() };
        [format!("  {}", self.change), own.to_string(), format!("{}/{SEEDS}", self.fails), otherwise]
    }
}

/// The schedule of a finding and its neighbours, step by step.
pub(super) fn table(harness: &mut Harness, finding: &Finding, document: &Document) -> Vec<Neighbour> {
    let others: Vec<Schedule> = other_seeds(harness, &document.schedule).collect();
    let header = document.schedule.header;
    let nodes = resolve(&header, harness.about()).nodes;
    let mut look = |step: Option<usize>, change: String, neighbour: &Schedule| {
        let step = step.map(|at| step_text(document, at));
        let mut run = |header| ending(harness, finding, &Schedule { header, steps: neighbour.steps.clone() });
        let same_seed = run(header) == Ending::Same;
        let others: Vec<Ending> = others.iter().map(|other| run(other.header)).collect();
        let count = |ending| others.iter().filter(|other| **other == ending).count();
        Neighbour { step, change, same_seed, fails: count(Ending::Same), otherwise: count(Ending::Other) }
    };
    let mut table = vec![look(None, "the schedule itself".to_string(), &document.schedule)];
    for at in 0..document.schedule.steps.len() {
        let around = around(document, at, nodes);
        table.extend(around.iter().map(|(change, neighbour)| look(Some(at), change.clone(), neighbour)));
    }
    table
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Passes,
    /// As the finding does.
    Same,
    Other,
}

fn ending(harness: &mut Harness, finding: &Finding, schedule: &Schedule) -> Ending {
    match &harness.run(schedule).verdict {
        verdict if fails_alike(verdict, finding) => Ending::Same,
        Verdict::Invalid(_) => Ending::Other,
        Verdict::Valid | Verdict::Unknown(_) => Ending::Passes,
    }
}

/// The neighbours that differ in the step at `at`, with what is different.
fn around(document: &Document, at: usize, nodes: u8) -> Vec<(String, Schedule)> {
    let (schedule, step) = (&document.schedule, document.schedule.steps[at]);
    let with = |step| {
        let mut neighbour = document.clone();
        neighbour.schedule.steps[at] = step;
        neighbour
    };
    let keep: Vec<bool> = (0..schedule.steps.len()).map(|other| other != at).collect();
    let without = [("without it".to_string(), shrink::keep_steps(schedule, &keep))];
    let shifted = shifted(step.when).into_iter().map(|(change, when)| (change, with(Step { when, ..step }).schedule));
    let retargeted = retargeted(step, nodes).into_iter().map(|step| {
        let neighbour = with(step);
        let (line, keyword) = (step_text(&neighbour, at), step.fault.kind().keyword());
        let fault = line.rfind(&format!(" {keyword} ")).map_or(&*line, |begins| line[begins..].trim());
        (format!("as {fault}"), neighbour.schedule)
    });
    without.into_iter().chain(shifted).chain(retargeted).collect()
}

/// The same moment earlier and later: by time where it has one, else by an occurrence of its fact.
fn shifted(when: When) -> Vec<(String, When)> {
    if let When::Fact { fact, side, nth, from, delay: 0 } = when {
        let occurrence = |nth| When::Fact { fact, side, nth, from, delay: 0 };
        let earlier = (nth > 1).then(|| ("an occurrence earlier".to_string(), occurrence(nth - 1)));
        let later = nth.checked_add(1).map(|nth| ("an occurrence later".to_string(), occurrence(nth)));
        return earlier.into_iter().chain(later).collect();
    }
    let by = |micros: u32, word: &str| format!("{} ms {word}", micros / 1000);
    let earlier = SHIFTS.iter().rev().filter_map(|micros| Some((by(*micros, "earlier"), when.earlier(*micros)?)));
    let later = SHIFTS.iter().map(|micros| (by(*micros, "later"), when.later(*micros)));
    if when == When::Called { Vec::new() } else { earlier.chain(later).collect() }
}

/// The same fault on every other node, or set of nodes: numbers are counted on, roles give way to each node in turn. Who is drawn, the
/// other seeds change.
fn retargeted(step: Step, nodes: u8) -> Vec<Step> {
    let mut others: Vec<Step> = Vec::new();
    for by in 1..=nodes {
        let other = Step { fault: step.fault.with_victims(|victim| moved(victim, by, nodes)), ..step };
        if other != step && !others.contains(&other) {
            others.push(other);
        }
    }
    others
}

fn moved(victim: Nodes, by: u8, nodes: u8) -> Nodes {
    let next = |node: u8| (node.max(1) - 1 + by) % nodes + 1;
    match victim {
        Nodes::Node(node) => Nodes::Node(next(node)),
        Nodes::Majority(from) => Nodes::Majority(next(from)),
        Nodes::Minority(from) => Nodes::Minority(next(from)),
        Nodes::MinorityThird(from) => Nodes::MinorityThird(next(from)),
        Nodes::Set(set) => {
            let members = (0..16u8).filter(|bit| set & (1 << bit) != 0);
            Nodes::Set(members.fold(0, |to, bit| to | 1 << (next(bit + 1) - 1)))
        }
        Nodes::Role(_)
        | Nodes::Previous(_)
        | Nodes::Primaries
        | Nodes::MostUpToDate
        | Nodes::LeastUpToDate
        | Nodes::LastVoter => Nodes::Node(by),
        Nodes::All | Nodes::Rest | Nodes::One | Nodes::Some | Nodes::Half | Nodes::Group(_) => victim,
    }
}

/// The table for people.
pub(super) fn text(table: &[Neighbour]) -> String {
    let head = ["neighbours", "its seed", "other seeds", "otherwise"].map(str::to_string);
    let rows: Vec<[String; 4]> = table.iter().map(Neighbour::row).collect();
    let width = |at: usize| rows.iter().chain([&head]).map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), 0];
    let line = |row: &[String; 4]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    let mut text = line(&head);
    let mut last = None;
    for (neighbour, row) in table.iter().zip(&rows) {
        if let Some(step) = neighbour.step.as_ref().filter(|step| last != Some(*step)) {
            text += &format!("{step}\n");
        }
        last = neighbour.step.as_ref();
        text += &line(row);
    }
    text
}
