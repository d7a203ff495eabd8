//! A run as text: one column for each node, time running down, arrows for messages.
//!
//! Traffic that goes on all the time (heartbeats, ticks) is left out, so that what remains fits on a screen.

use std::{collections::BTreeMap, fmt::Write as _};

use murphy_checker::{
    explain::{asked, heard},
    history::{NodeId, OpId},
};
use murphy_sim::{Outcome, TraceEvent, What};
use serde_json::json;

/// Width of a node's column.
const COLUMN: usize = 22;
/// Kinds of messages that make up more than this share of all, in percent, are background.
const BACKGROUND: usize = 25;

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

/// The last `rows` rows of a run, up to where it ended.
pub(crate) fn draw(outcome: &Outcome, nodes: u8, background: &[&str], rows: usize) -> String {
    let lines: Vec<String> =
        outcome.trace.iter().filter_map(|event| row(outcome, event, nodes.into(), background)).collect();
    let mut text = String::from("        ms  ");
    for node in 1..=nodes {
        let _ = write!(text, "{:<COLUMN$}", format!("n{node}"));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    let left_out = lines.len().saturating_sub(rows);
    if left_out > 0 {
        let _ = writeln!(text, "            ({left_out} earlier rows left out; `replay -v` has every event)");
    }
    for line in &lines[left_out..] {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if !background.is_empty() {
        let _ = writeln!(text, "            (not shown: {})", background.join(", "));
    }
    text
}

fn row(outcome: &Outcome, event: &TraceEvent, nodes: usize, background: &[&str]) -> Option<String> {
    let time = format!("{:>10.3}  ", event.time as f64 / 1e6);
    let at = event.node.map_or(0, |node| usize::from(node) - 1);
    let here = |text: String| Some(format!("{time}{}{text}", " ".repeat(at * COLUMN)));
    match &event.what {
        What::Deliver { from, kind, .. } if !background.contains(kind) => {
            Some(format!("{time}{}", arrow(usize::from(*from) - 1, at, kind, nodes)))
        }
        What::Send { to, kind, arrives: None, .. } if !background.contains(kind) => here(format!("● {kind} ✗ n{to}")),
        What::Start(0) => None,
        What::Start(_) => here("▲ starts again".to_string()),
        What::Crash => here("✖ crashes".to_string()),
        What::FailStop(message) => here(format!("✖ stops: {message}")),
        What::Pause => here("‖ paused".to_string()),
        What::Resume => here("▶ goes on".to_string()),
        What::Role(role) => here(format!("◆ {role}")),
        What::Agree { what, key, value } => {
            let short = value & 0xffff;
            here(format!("= {what} {key}: {short:04x}"))
        }
        What::Begin(step) => Some(format!("{time}▒ {step}")),
        What::End(step) => Some(format!("{time}▒ ends: {step}")),
        What::Heal => Some(format!("{time}▒ everything is healed")),
        What::Settle => Some(format!("{time}▒ last reads")),
        What::Invoke(op) => Some(format!("{time}{}", client(outcome, *op, "asks"))),
        What::Complete(op) => Some(format!("{time}{}", client(outcome, *op, "hears"))),
        What::Send { .. }
        | What::Deliver { .. }
        | What::Lost { .. }
        | What::Timer(_)
        | What::Link { .. }
        | What::Write(_)
        | What::Sync(_)
        | What::Log(_)
        | What::Request(_) => None,
    }
}

fn client(outcome: &Outcome, op: OpId, verb: &str) -> String {
    let (history, process) = (&outcome.history, outcome.history.operation(op).process);
    match verb {
        "hears" => format!("p{process} hears: {} -> {}", asked(history, op), heard(history, op)),
        _ => format!("p{process} {verb}: {}", asked(history, op)),
    }
}

/// `●───kind──▶` from one column to another.
fn arrow(from: usize, to: usize, kind: &str, nodes: usize) -> String {
    let (left, right) = (from.min(to), from.max(to));
    if left == right {
        return format!("{}● {kind} to itself", " ".repeat(left * COLUMN));
    }
    let room = (right - left) * COLUMN - 1;
    let label: String = format!(" {kind} ").chars().take(room.saturating_sub(2)).collect();
    let dashes = room - label.chars().count() - 1;
    let (head, tail) = (dashes / 2, dashes - dashes / 2);
    let line = if from < to {
        format!("●{}{label}{}▶", "─".repeat(head), "─".repeat(tail))
    } else {
        format!("◀{}{label}{}●", "─".repeat(head), "─".repeat(tail))
    };
    let pad = " ".repeat(left * COLUMN);
    debug_assert!(right < nodes.max(right + 1));
    format!("{pad}{line}")
}

/// One event in words.
pub(crate) fn words(outcome: &Outcome, event: &TraceEvent) -> String {
    match &event.what {
        What::Start(0) => "starts".to_string(),
        What::Start(times) => format!("starts again (start {})", times + 1),
        What::Crash => "crashes".to_string(),
        What::FailStop(message) => format!("stops itself: {message}"),
        What::Pause => "is paused".to_string(),
        What::Resume => "goes on".to_string(),
        What::Send { to, text, arrives: Some(at), .. } => {
            format!("→ n{to}  {text}  (arrives {:.3} ms)", *at as f64 / 1e6)
        }
        What::Send { to, text, arrives: None, .. } => format!("→ n{to}  {text}  (lost)"),
        What::Deliver { from, text, .. } => format!("← n{from}  {text}"),
        What::Lost { from, kind } => format!("← n{from}  {kind} reaches nobody"),
        What::Timer(timer) => format!("timer {timer}"),
        What::Link { peer, up: true } => format!("session with n{peer} is made again"),
        What::Link { peer, up: false } => format!("session with n{peer} broke"),
        What::Role(role) => format!("becomes {role}"),
        What::Write(file) => format!("writes {file}"),
        What::Sync(file) => format!("syncs {file}"),
        What::Agree { what, key, value } => format!("reports {what} {key}: {value:016x}"),
        What::Log(line) => line.clone(),
        What::Invoke(op) => client(outcome, *op, "asks"),
        What::Request(op) => format!("gets a request: {}", client(outcome, *op, "asks")),
        What::Complete(op) => client(outcome, *op, "hears"),
        What::Begin(step) => format!("step begins: {step}"),
        What::End(step) => format!("step ends: {step}"),
        What::Heal => "everything is healed".to_string(),
        What::Settle => "last reads".to_string(),
    }
}

/// Every event as a line of `replay -v`: time, node, what.
pub(crate) fn verbose(outcome: &Outcome) -> String {
    let mut text = String::new();
    for event in &outcome.trace {
        let node = event.node.map_or_else(|| "--".to_string(), |node: NodeId| format!("n{node}"));
        let _ = writeln!(text, "{:>12.6} ms  {node:<3} {}", event.time as f64 / 1e6, words(outcome, event));
    }
    text
}

/// Every event as JSON, a line each.
pub(crate) fn trace_lines(outcome: &Outcome) -> String {
    let mut text = String::new();
    for (index, event) in outcome.trace.iter().enumerate() {
        let line = json!({ "index": index, "time_ns": event.time, "node": event.node, "event": words(outcome, event) });
        let _ = writeln!(text, "{line}");
    }
    text
}
