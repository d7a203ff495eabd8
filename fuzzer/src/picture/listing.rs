//! A run as a list: every event, or some of them, in words, a line each.

use std::fmt::Write as _;

use murphy_checker::history::NodeId;
use murphy_sim::{Outcome, TraceEvent, What};
use serde_json::json;

use super::{client, signed};

/// How much is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Messages, operations, faults, and what nodes became.
    Messages,
    /// Timers and disks as well.
    Timers,
    /// Also what nodes said.
    Everything,
}

impl Detail {
    /// The least detail that has such an event.
    fn of(what: &What) -> Self {
        match what {
            What::Log(_) | What::Event { .. } | What::Telemetry { .. } | What::Span { .. } => Self::Everything,
            What::Timer(_) | What::Write(_) | What::Sync(_) | What::Ask(_) | What::Answer(_) => Self::Timers,
            What::Start(_) | What::Crash | What::Stop | What::Exit | What::Admin | What::Void(_) => Self::Messages,
            What::FailStop(_) | What::Pause | What::Resume | What::Clock(_) | What::Send { .. } => Self::Messages,
            What::Deliver { .. } | What::Lost { .. } | What::Link { .. } | What::Role(_) => Self::Messages,
            What::Refused { .. } | What::OutOfMemory { .. } | What::Agree { .. } | What::Branch(_) => Self::Messages,
            What::Invoke(_) | What::Request(_) | What::Reply(_) | What::Complete(_) => Self::Messages,
            What::Begin(_) | What::End(_) | What::Heal | What::Settle => Self::Messages,
        }
    }
}

/// Which events are listed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection {
    /// Only those of this node.
    pub(crate) node: Option<NodeId>,
    /// Only those up to this moment, in nanoseconds.
    pub(crate) until: u64,
    /// How many sorts of them.
    pub(crate) detail: Detail,
}

impl Selection {
    /// All of them.
    pub(crate) const ALL: Self = Self { node: None, until: u64::MAX, detail: Detail::Everything };

    fn has(&self, event: &TraceEvent) -> bool {
        let here = self.node.is_none() || event.node == self.node;
        here && event.time <= self.until && Detail::of(&event.what) <= self.detail
    }
}

/// The selected events, a line of `replay -v` each: number (from 1), time, node, what.
#[cfg(feature = "cli")]
pub(crate) fn verbose(outcome: &Outcome, selection: &Selection) -> String {
    let mut text = String::new();
    for (index, event) in outcome.trace.iter().enumerate().filter(|(_, event)| selection.has(event)) {
        let node = event.node.map_or_else(|| "--".to_string(), |node: NodeId| format!("n{node}"));
        let (number, time) = (index + 1, event.time as f64 / 1e6);
        let _ = writeln!(text, "{number:>6} {time:>12.6} ms  {node:<3} {}", words(outcome, event));
    }
    text
}

/// The selected events as JSON, a line each. `clock` counts the events of each node that came before.
pub(crate) fn trace_lines(outcome: &Outcome, selection: &Selection) -> String {
    let mut text = String::new();
    let clocks = outcome.vector_clocks().events;
    let events = outcome.trace.iter().zip(clocks).enumerate();
    for (index, (event, clock)) in events.filter(|(_, (event, _))| selection.has(event)) {
        let line = json!({
            "schema": "murphy/event/1", "index": index, "time_ns": event.time, "node": event.node, "event": words(outcome, event),
            "message": event.message, "clock": clock,
        });
        let _ = writeln!(text, "{line}");
    }
    text
}

/// One event in words.
pub(crate) fn words(outcome: &Outcome, event: &TraceEvent) -> String {
    match &event.what {
        What::Start(0) => "starts".to_string(),
        What::Start(times) => format!("starts again (start {})", times + 1),
        What::Crash => "crashes".to_string(),
        What::Stop => "is asked to stop".to_string(),
        What::Exit => "exits".to_string(),
        What::Admin => "is asked by the operator for a change".to_string(),
        What::FailStop(message) => format!("stops itself: {message}"),
        What::Void(why) => format!("void: {why}"),
        What::Pause => "is paused".to_string(),
        What::Resume => "goes on".to_string(),
        What::Clock(by) => format!("its wall clock is moved by {}", signed(*by)),
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
        What::Refused { file, error } => format!("its disk refuses, about {file}: {error}"),
        What::OutOfMemory { wanted, left } => format!("gets no memory: {wanted} bytes are wanted and {left} are left"),
        What::Agree { what, key, value } => format!("reports {what} {key}: {value:016x}"),
        What::Log(line) => line.clone(),
        What::Event { name, value } => format!("{name}: {value}"),
        What::Branch(step) => format!("takes a rare branch, by: {step}"),
        What::Telemetry { level, target, within, message, fields } => {
            let within = if within.is_empty() { String::new() } else { format!("{within}: ") };
            let line = format!("{level} {target}: {within}{message} {fields}");
            line.trim_end().to_string()
        }
        What::Span { name, fields, opens } => {
            let line = format!("span {} {name} {fields}", if *opens { "begins:" } else { "ends:" });
            line.trim_end().to_string()
        }
        What::Ask(op) => client(outcome, *op, "asks a node"),
        What::Reply(op) => format!("answers: {}", client(outcome, *op, "asks")),
        What::Answer(op) => client(outcome, *op, "gets an answer"),
        What::Invoke(op) => client(outcome, *op, "asks"),
        What::Request(op) => format!("gets a request: {}", client(outcome, *op, "asks")),
        What::Complete(op) => client(outcome, *op, "hears"),
        What::Begin(step) => format!("step begins: {step}"),
        What::End(step) => format!("step ends: {step}"),
        What::Heal => "everything is healed".to_string(),
        What::Settle => "last reads".to_string(),
    }
}
