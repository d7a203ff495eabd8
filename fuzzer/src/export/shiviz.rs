//! The trace as a log with vector clocks, which [ShiViz](https://bestchai.bitbucket.io/shiviz/) draws: the expression that reads it on the
//! first line, no delimiter of executions on the second, then two lines for each event.
//!
//! Unlike in our own clocks (`causality.rs`), clients and the world are hosts, too: ShiViz wants each host to count its own events,
//! one by one.

use std::{collections::BTreeMap, fmt::Write as _};

use murphy_sim::Outcome;
use serde_json::json;

use super::Host;
use crate::picture::words;

/// How ShiViz is to read the log.
const EXPRESSION: &str = r"(?<time>\S+) ms (?<event>.*)\n(?<host>\S+) (?<clock>\{.*\})";

/// For each host how many of its events came before, by its name.
type Clock = BTreeMap<String, u64>;

/// The whole log.
pub(crate) fn log(outcome: &Outcome) -> String {
    let mut text = format!("{EXPRESSION}\n\n");
    let (mut hosts, mut sent): (BTreeMap<Host, Clock>, BTreeMap<u32, Clock>) = Default::default();
    for event in &outcome.trace {
        let host = Host::of(outcome, event);
        let own = hosts.entry(host).or_default();
        *own.entry(host.to_string()).or_default() += 1;
        match event.message {
            Some(number) if event.what.receives() => learn(own, sent.get(&number)),
            Some(number) => drop(sent.insert(number, own.clone())),
            None => {}
        }
        let (time, what) = (event.time as f64 / 1e6, words(outcome, event).replace('\n', " "));
        let _ = writeln!(text, "{time:.6} ms {what}\n{host} {}", json!(own));
    }
    text
}

fn learn(own: &mut Clock, theirs: Option<&Clock>) {
    for (host, events) in theirs.into_iter().flatten() {
        let known = own.entry(host.clone()).or_default();
        *known = (*known).max(*events);
    }
}
