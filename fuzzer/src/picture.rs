//! A run as a picture: one column for each node, time running down, arrows for messages.
//!
//! Traffic that goes on all the time (heartbeats) is left out where nothing befell it, so that what remains fits on a screen.
//! A message that took long has two rows, one where it was sent and one where it arrived.

mod listing;
#[cfg(feature = "cli")]
mod mermaid;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
};

use murphy_checker::{
    explain::{Explanation, asked, heard},
    history::{NodeId, OpId},
    verdict::{Anomaly, Evidence, slug},
};
use murphy_sim::{Chance, Outcome, TraceEvent, What};

#[cfg(feature = "cli")]
pub(crate) use self::listing::{Detail, verbose, words};
pub(crate) use self::listing::{Selection, trace_lines};

/// Least width of a node's column.
const COLUMN: usize = 22;
/// Width of the column of times.
const TIMES: usize = 12;
/// Kinds of messages that make up more than this share of all, in percent, are background.
const BACKGROUND: usize = 20;
/// A message that takes at least so many nanoseconds is late.
const LATE: u64 = 10_000_000;

/// The kinds of messages that are background traffic in this run.
pub(crate) fn background(outcome: &Outcome) -> Vec<&'static str> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for event in &outcome.trace {
        if let What::Send { kind, .. } = &event.what {
            *counts.entry(kind).or_default() += 1;
        }
    }
    let all: usize = counts.values().sum();
    counts.into_iter().filter(|(_, count)| count * 100 > all * BACKGROUND).map(|(kind, _)| kind).collect()
}

/// What befell messages, by the numbers of the events at which they were sent and arrived.
#[derive(Default)]
struct Flights {
    /// Late or never: when it arrives, if it does.
    sent: BTreeMap<usize, Option<u64>>,
    /// How long it took, where that was long; `None`: it is a second copy.
    arrived: BTreeMap<usize, Option<u64>>,
}

impl Flights {
    /// Follows each message from sender to receiver. Of background traffic, only what chance struck, and the first message
    /// on each link after a step began or ended that was lost or late.
    fn of(outcome: &Outcome, background: &[&str]) -> Self {
        let (mut flights, mut struck) = (Self::default(), BTreeSet::new());
        let mut on_their_way: BTreeMap<(NodeId, NodeId, &str, &str), VecDeque<usize>> = BTreeMap::new();
        let trace = &outcome.trace;
        let mut worth_a_row = |link: (NodeId, NodeId, &'static str), chance| {
            !background.contains(&link.2) || chance != Chance::Nothing || struck.insert(link)
        };
        for (index, event) in trace.iter().enumerate() {
            let Some(node) = event.node else { continue };
            match &event.what {
                What::Send { to, kind, arrives: None, chance, .. } if worth_a_row((node, *to, kind), *chance) => {
                    flights.sent.insert(index, None);
                }
                What::Send { to, kind, text, arrives: Some(at), chance } => {
                    on_their_way.entry((node, *to, kind, text)).or_default().push_back(index);
                    let late = at - event.time >= LATE;
                    if late && worth_a_row((node, *to, kind), *chance) {
                        flights.sent.insert(index, Some(*at));
                    }
                }
                What::Deliver { from, kind, text } => {
                    let sent = on_their_way.get_mut(&(*from, node, kind, text)).and_then(VecDeque::pop_front);
                    let took = sent.map(|sent| event.time - trace[sent].time);
                    let known = sent.is_some_and(|sent| flights.sent.contains_key(&sent));
                    if took.is_none_or(|took| took >= LATE) && (known || !background.contains(kind)) {
                        flights.arrived.insert(index, took);
                        flights.sent.extend(sent.map(|sent| (sent, Some(event.time))));
                    }
                }
                _ => {}
            }
        }
        flights
    }
}

/// A line of the picture but for its time.
enum Row {
    /// At a node's column; the clients' column is the last.
    At(usize, String),
    /// From one column to another.
    Arrow { from: usize, to: usize, label: String, late: bool },
    /// Over the whole width.
    Wide(String),
}

/// What a picture shows at one moment.
struct Moment {
    /// In nanoseconds.
    time: u64,
    /// Which event of the trace; `None`: the verdict.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only the command exports events"))]
    event: Option<usize>,
    row: Row,
    /// It explains more than others do.
    telling: bool,
}

/// What a picture shows, before it is drawn in one form or another: a run up to where it ended.
pub(crate) struct Scene {
    nodes: NodeId,
    /// What is shown, and in between how much is left out.
    parts: Vec<Part>,
    /// What is left out everywhere.
    background: Vec<&'static str>,
}

enum Part {
    Shown(Moment),
    /// So many rows.
    LeftOut(usize),
}

impl Scene {
    /// About `rows` rows of a run: the last ones, and of those before them what explains most.
    pub(crate) fn of(
        outcome: &Outcome,
        background: &[&'static str],
        anomaly: &Anomaly,
        explanation: &Explanation,
        rows: usize,
    ) -> Self {
        let nodes = outcome.trace.iter().filter_map(|event| event.node).max().unwrap_or(0);
        let clients = usize::from(nodes);
        let flights = Flights::of(outcome, background);
        let mut moments: Vec<Moment> = Vec::new();
        for (index, event) in outcome.trace.iter().enumerate() {
            let Some(row) = row(outcome, index, &flights, background, clients) else { continue };
            let (marked, telling) = weigh(event, anomaly, explanation);
            let row = if marked { mark(row) } else { row };
            moments.push(Moment { time: event.time, event: Some(index), row, telling: marked || telling });
        }
        let verdict = Row::Wide(format!("✗ {}", explanation.summary));
        moments.push(Moment { time: outcome.time, event: None, row: verdict, telling: true });
        Self { nodes, parts: with_gaps(moments, rows), background: background.to_vec() }
    }

    /// The events that are shown, in order.
    #[cfg(feature = "cli")]
    pub(crate) fn events(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part {
            Part::Shown(moment) => moment.event,
            Part::LeftOut(_) => None,
        })
    }

    /// One column for each node, time running down, arrows for messages.
    pub(crate) fn ascii(&self) -> String {
        let rows = self.parts.iter().filter_map(|part| match part {
            Part::Shown(moment) => Some(needed(&moment.row)),
            Part::LeftOut(_) => None,
        });
        let width = rows.fold(COLUMN, usize::max);
        let mut text = " ".repeat(TIMES - 4) + "ms  ";
        for node in 1..=self.nodes {
            let _ = write!(text, "{:<width$}", format!("n{node}"));
        }
        text.push_str("clients\n");
        for part in &self.parts {
            let line = match part {
                Part::LeftOut(rows) => format!("{:>10}  ({})", "⋮", left_out(*rows)),
                Part::Shown(Moment { time, row, .. }) => {
                    format!("{:>10.3}  {}", *time as f64 / 1e6, render(row, width))
                }
            };
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if !self.background.is_empty() {
            let _ = writeln!(text, "{}({})", " ".repeat(TIMES), self.footnote());
        }
        text
    }

    fn footnote(&self) -> String {
        format!("without {} where they arrived in time", self.background.join(" and "))
    }
}

fn left_out(rows: usize) -> String {
    format!("{rows} row{} left out", if rows == 1 { "" } else { "s" })
}

/// The moments that are chosen, and gaps for the others.
fn with_gaps(moments: Vec<Moment>, rows: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    for (keep, moment) in choose(&moments, rows).into_iter().zip(moments) {
        match parts.last_mut() {
            _ if keep => parts.push(Part::Shown(moment)),
            Some(Part::LeftOut(rows)) => *rows += 1,
            _ => parts.push(Part::LeftOut(1)),
        }
    }
    parts
}

/// Which moments to show: the last ones, and for up to a third of the room what tells most of those before.
fn choose(moments: &[Moment], rows: usize) -> Vec<bool> {
    let mut keep = vec![true; moments.len()];
    if moments.len() <= rows {
        return keep;
    }
    let telling: Vec<usize> = (0..moments.len() - rows).filter(|at| moments[*at].telling).collect();
    let telling = &telling[telling.len().saturating_sub(rows / 3)..];
    let last = moments.len() - (rows - telling.len());
    keep[..last].iter_mut().enumerate().for_each(|(at, keep)| *keep = telling.contains(&at));
    keep
}

/// Whether an event is part of the anomaly, and whether it tells more than others.
fn weigh(event: &TraceEvent, anomaly: &Anomaly, explanation: &Explanation) -> (bool, bool) {
    let shows = |op: &OpId| explanation.operations.contains(op);
    let marked = match (&event.what, &anomaly.evidence) {
        (What::Agree { what, key, value }, Evidence::Conflict { key: same, first, second }) => {
            let who = event.node.map(|node| (node, *value));
            key == same && slug(what) == anomaly.name && (who == Some(*first) || who == Some(*second))
        }
        (What::Complete(op), Evidence::Operation(dying)) => op == dying,
        (What::Complete(op), Evidence::Operations { operations, .. }) => operations.contains(op),
        _ => false,
    };
    let telling = match &event.what {
        What::Begin(_) | What::End(_) | What::Crash | What::Exit | What::FailStop(_) | What::Pause | What::Resume => {
            true
        }
        What::Start(times) => *times > 0,
        What::Role(_) => event.time > 0,
        What::Invoke(op) | What::Complete(op) => shows(op),
        _ => false,
    };
    (marked, telling)
}

fn mark(row: Row) -> Row {
    match row {
        Row::At(column, text) => Row::At(column, text + "  ✗"),
        Row::Arrow { .. } | Row::Wide(_) => row,
    }
}

fn row(outcome: &Outcome, index: usize, flights: &Flights, background: &[&str], clients: usize) -> Option<Row> {
    let event = &outcome.trace[index];
    let at = event.node.map_or(clients, |node| usize::from(node) - 1);
    let here = |text: String| Some(Row::At(at, text));
    let wide = |text: String| Some(Row::Wide(text));
    match &event.what {
        What::Send { to, kind, .. } => match flights.sent.get(&index)? {
            Some(arrives) => here(format!("● {kind} ⇢ n{to} at {:.3}", *arrives as f64 / 1e6)),
            None => here(format!("● {kind} ✗ n{to}")),
        },
        What::Deliver { from, kind, .. } => {
            let took = flights.arrived.get(&index);
            if took.is_none() && background.contains(kind) {
                return None;
            }
            let label = match took {
                Some(Some(took)) => format!("{kind} +{}ms", took / 1_000_000),
                Some(None) => format!("{kind} again"),
                None => kind.to_string(),
            };
            Some(Row::Arrow { from: usize::from(*from) - 1, to: at, label, late: took.is_some() })
        }
        What::Lost { from, kind } if !background.contains(kind) => here(format!("✗ {kind} of n{from}")),
        What::Start(0) => None,
        What::Start(_) => here("▲ starts again".to_string()),
        What::Crash => here("✖ crashes".to_string()),
        What::Stop => here("▽ asked to stop".to_string()),
        What::Exit => here("✖ exits".to_string()),
        What::Admin => here("◁ a change".to_string()),
        What::FailStop(message) => here(format!("✖ stops: {message}")),
        What::Pause => here("‖ paused".to_string()),
        What::Resume => here("▶ goes on".to_string()),
        What::Clock(by) => here(format!("◷ clock moved by {}", signed(*by))),
        What::Role(role) => here(format!("◆ {role}")),
        What::Agree { what, key, value } => here(format!("= {what} {key}: {}", short(*value))),
        What::Begin(step) => wide(format!("▒ {step}")),
        What::End(step) => {
            let mut now = outcome.trace[..index].iter().rev().take_while(|before| before.time == event.time);
            let instant = now.any(|before| matches!(&before.what, What::Begin(begun) if begun == step));
            if instant { None } else { wide(format!("▒ ends: {step}")) }
        }
        What::Void(why) => wide(format!("▒ void: {why}")),
        What::Heal => wide("▒ everything is healed".to_string()),
        What::Settle => wide("▒ last reads".to_string()),
        What::Invoke(op) => here(client(outcome, *op, "asks")),
        What::Complete(op) => here(client(outcome, *op, "hears")),
        What::Request(op) => here(format!("◁ {}", asked(&outcome.history, *op))),
        What::Branch(_) => here("⑂ takes a rare branch".to_string()),
        What::Refused { file, error } => here(format!("✗ {file}: {error}")),
        What::OutOfMemory { .. } => here("✗ out of memory".to_string()),
        What::Lost { .. } | What::Timer(_) | What::Link { .. } | What::Write(_) | What::Sync(_) => None,
        What::Ask(_) | What::Reply(_) | What::Answer(_) => None,
        What::Log(_) | What::Event { .. } | What::Telemetry { .. } | What::Span { .. } => None,
    }
}

/// A small number as it is, and of a hash the end.
fn short(value: u64) -> String {
    if value <= 0xffff { format!("{value:#x}") } else { format!("…{:04x}", value & 0xffff) }
}

fn signed(nanos: i64) -> String {
    format!("{:+} ms", nanos as f64 / 1e6)
}

fn client(outcome: &Outcome, op: OpId, verb: &str) -> String {
    let (history, process) = (&outcome.history, outcome.history.operation(op).process);
    match verb {
        "hears" => format!("p{process} hears: {} -> {}", asked(history, op), heard(history, op)),
        _ => format!("p{process} {verb}: {}", asked(history, op)),
    }
}

/// How wide a column must be for this row.
fn needed(row: &Row) -> usize {
    match row {
        Row::Arrow { from, to, label, .. } if from.abs_diff(*to) == 1 => label.chars().count() + 7,
        Row::Arrow { .. } | Row::At(..) | Row::Wide(_) => 0,
    }
}

fn render(row: &Row, width: usize) -> String {
    match row {
        Row::At(column, text) => format!("{}{text}", " ".repeat(column * width)),
        Row::Arrow { from, to, label, late } => arrow(*from, *to, label, *late, width),
        Row::Wide(text) => text.clone(),
    }
}

/// `●───kind──▶` from one column to another, dashed if it came late.
fn arrow(from: usize, to: usize, label: &str, late: bool, width: usize) -> String {
    let (left, right) = (from.min(to), from.max(to));
    let pad = " ".repeat(left * width);
    if left == right {
        return format!("{pad}● {label} to itself");
    }
    let room = (right - left) * width - 3;
    let label: String = format!(" {label} ").chars().take(room).collect();
    let dashes = room - label.chars().count();
    let (head, tail) = (dashes / 2, dashes - dashes / 2);
    let dash = if late { "┄" } else { "─" };
    let line = format!("{}{label}{}", dash.repeat(head), dash.repeat(tail));
    if from < to { format!("{pad}●{line}▶") } else { format!("{pad}◀{line}●") }
}
