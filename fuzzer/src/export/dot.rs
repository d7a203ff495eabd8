//! Which of a picture's events happened before which, for Graphviz: a box for each node and client, its events in order, and an arrow
//! for each message between them (Lamport, 1978).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use murphy_sim::Outcome;

use super::Host;
use crate::picture::words;

/// The graph of the events with these numbers, and of those that sent what arrives at them.
pub(crate) fn graph(outcome: &Outcome, events: impl Iterator<Item = usize>) -> String {
    let shown = with_senders(outcome, events);
    let mut hosts: BTreeMap<Host, Vec<usize>> = BTreeMap::new();
    for at in &shown {
        hosts.entry(Host::of(outcome, &outcome.trace[*at])).or_default().push(*at);
    }
    let mut text = String::from("digraph happened_before {\n  node [shape=box, fontname=\"monospace\"];\n");
    for (host, events) in &hosts {
        let _ = writeln!(text, "  subgraph cluster_{host} {{\n    label=\"{host}\";");
        for at in events {
            let event = &outcome.trace[*at];
            let label = format!("{:.3} ms  {}", event.time as f64 / 1e6, words(outcome, event));
            let _ = writeln!(text, "    e{at} [label=\"{}\"];", escaped(&label));
        }
        for pair in events.windows(2) {
            let _ = writeln!(text, "    e{} -> e{};", pair[0], pair[1]);
        }
        text.push_str("  }\n");
    }
    for (from, to) in messages(outcome, &shown) {
        let _ = writeln!(text, "  e{from} -> e{to} [color=blue];");
    }
    text + "}\n"
}

fn with_senders(outcome: &Outcome, events: impl Iterator<Item = usize>) -> BTreeSet<usize> {
    let mut shown: BTreeSet<usize> = events.collect();
    let all: BTreeSet<usize> = (0..outcome.trace.len()).collect();
    let senders = messages(outcome, &all).into_iter().filter(|(_, to)| shown.contains(to)).map(|(from, _)| from);
    let senders: Vec<usize> = senders.collect();
    shown.extend(senders);
    shown
}

/// The messages between events, as the numbers of who sent and who got each.
fn messages(outcome: &Outcome, events: &BTreeSet<usize>) -> Vec<(usize, usize)> {
    let (mut sent, mut messages) = (BTreeMap::new(), Vec::new());
    for at in events {
        let event = &outcome.trace[*at];
        match event.message {
            Some(number) if event.what.receives() => messages.extend(sent.get(&number).map(|from| (*from, *at))),
            Some(number) => drop(sent.insert(number, *at)),
            None => {}
        }
    }
    messages
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
