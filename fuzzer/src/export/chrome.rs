//! The trace as Chrome's Trace Event Format, which Perfetto and `chrome://tracing` open: a thread for each node, client and step.
//!
//! Times are microseconds of virtual time. What a node does takes no time, so its slices last a nanosecond: flows, which are messages
//! here, begin and end in slices. Source: "Trace Event Format" (Google, 2016).

use std::collections::{BTreeMap, BTreeSet};

use murphy_sim::{Outcome, What};
use serde_json::{Value, json};

use super::Host;
use crate::picture::words;

/// The length of what takes no time.
const INSTANT: f64 = 0.001;

/// The whole trace, an event a line.
pub(crate) fn to_json(outcome: &Outcome) -> String {
    let mut writer = Writer { threads: BTreeMap::new(), events: Vec::new() };
    writer.operations(outcome);
    writer.steps(outcome);
    writer.trace(outcome);
    let names = writer.threads.iter().map(|(name, thread)| {
        json!({ "ph": "M", "name": "thread_name", "pid": 1, "tid": thread, "args": { "name": name.1 } })
    });
    let lines: Vec<String> = names.chain(writer.events.iter().cloned()).map(|event| event.to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

struct Writer {
    /// Numbers of threads, by their place in the order of threads and their names.
    threads: BTreeMap<(Host, String), usize>,
    events: Vec<Value>,
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

impl Writer {
    fn thread(&mut self, host: Host, name: String) -> usize {
        let next = self.threads.len() + 1;
        *self.threads.entry((host, name)).or_insert(next)
    }

    fn slice(&mut self, thread: usize, name: String, from: u64, length: f64) {
        let from = micros(from);
        self.events.push(json!({ "ph": "X", "name": name, "pid": 1, "tid": thread, "ts": from, "dur": length }));
    }

    /// Each operation from its invocation to its completion, or to the end.
    fn operations(&mut self, outcome: &Outcome) {
        for event in &outcome.trace {
            let What::Invoke(op) = event.what else { continue };
            let host = Host::of(outcome, event);
            let thread = self.thread(host, host.to_string());
            let operation = outcome.history.operation(op);
            let ended = operation.completion.map_or(outcome.time, |(_, time)| time);
            self.slice(thread, words(outcome, event), event.time, micros(ended.saturating_sub(event.time)));
        }
    }

    /// Each step from its beginning to its end, as often as it began.
    fn steps(&mut self, outcome: &Outcome) {
        for (at, event) in outcome.trace.iter().enumerate() {
            let What::Begin(step) = &event.what else { continue };
            let later = &outcome.trace[at..];
            let end = later.iter().find(|end| matches!(&end.what, What::End(ended) if ended == step));
            let ended = end.map_or(outcome.time, |end| end.time);
            let thread = self.thread(Host::World, step.clone());
            self.slice(thread, step.clone(), event.time, micros(ended - event.time));
        }
    }

    fn trace(&mut self, outcome: &Outcome) {
        let mut on_their_way = BTreeSet::new();
        for event in &outcome.trace {
            let host = Host::of(outcome, event);
            if matches!(event.what, What::Begin(_) | What::End(_) | What::Invoke(_) | What::Complete(_)) {
                continue;
            }
            let thread = self.thread(host, host.to_string());
            let (name, ts) = (words(outcome, event), micros(event.time));
            let Some(number) = event.message else {
                self.events.push(json!({ "ph": "i", "s": "t", "name": name, "pid": 1, "tid": thread, "ts": ts }));
                continue;
            };
            self.slice(thread, name, event.time, INSTANT);
            let flow = json!({ "name": "message", "cat": "message", "id": number, "pid": 1, "tid": thread, "ts": ts });
            // A second copy has no flow: one ends where it first arrives.
            match event.what.receives() {
                false if on_their_way.insert(number) => self.flow(flow, "s"),
                true if on_their_way.remove(&number) => self.flow(flow, "f"),
                _ => {}
            }
        }
    }

    fn flow(&mut self, mut flow: Value, phase: &str) {
        flow["ph"] = phase.into();
        if phase == "f" {
            flow["bp"] = "e".into();
        }
        self.events.push(flow);
    }
}
