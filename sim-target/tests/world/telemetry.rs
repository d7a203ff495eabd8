//! What a target says through `tracing` is on the line of virtual time.

use std::{collections::BTreeSet, rc::Rc};

use murphy_sim::{Input, NodeId, Options, Outcome, Run, Runner, What};

use crate::probe::{Cx, LOG, MS, Numbered, Probe, ProbeNode, SECOND, chatter, chatter_on, schedule, second};

/// A chatter whose nodes say at half past what they do.
fn talkative() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if matches!(input, Input::Timer(_)) && cx.mono() == 500 * MS {
            let span = tracing::info_span!("append", term = 3, index = tracing::field::Empty);
            let _entered = span.enter();
            tracing::info!(node = cx.me(), "writes");
            cx.append(LOG, b"a").expect("a sound disk");
            span.record("index", 7);
            tracing::warn!(target: "disk", slow = true, "{} ms", 12);
        }
        chatter_on(node, input, cx);
    }
    Probe { on, ..chatter() }
}

/// What a node said and wrote, and when.
fn said(outcome: &Outcome, node: NodeId) -> Vec<String> {
    let lines = outcome.log_of(node).filter_map(|event| {
        let what = match &event.what {
            What::Telemetry { level, target, within, message, fields } => {
                format!("{level} {target} [{within}] {message} ({fields})")
            }
            What::Span { name, fields, opens } => format!("{name} {fields} {opens}"),
            What::Write(file) => format!("write {file}"),
            _ => return None,
        };
        Some(format!("{} {what}", event.time / MS))
    });
    lines.collect()
}

#[test]
fn events_and_spans_carry_time_and_node_and_stand_between_effects() {
    let outcome = second(talkative(), "");
    for node in 1..=3 {
        let expected = [
            "500 append term=3 true".to_owned(),
            format!("500 INFO world::telemetry [append{{term=3}}] writes (node={node})"),
            "500 write log".to_owned(),
            "500 WARN disk [append{term=3 index=7}] 12 ms (slow=true)".to_owned(),
            "500 append term=3 index=7 false".to_owned(),
        ];
        assert_eq!(said(&outcome, node), expected);
    }
}

#[test]
fn beyond_a_crash_nothing_is_said() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if matches!(input, Input::Timer(_)) && cx.mono() == 500 * MS {
            tracing::info!("one");
            cx.send(1, Numbered { kind: 0, number: 1 });
            tracing::info!("two");
            cx.send(1, Numbered { kind: 0, number: 2 });
            tracing::info!("three");
        }
        chatter_on(node, input, cx);
    }
    let words = |steps: &str| {
        let outcome = second(Probe { on, ..chatter() }, steps);
        let words = outcome.log_of(2).filter_map(|event| match &event.what {
            What::Telemetry { message, .. } => Some(message.clone()),
            _ => None,
        });
        words.collect::<Vec<_>>()
    };
    assert_eq!(words(""), ["one", "two", "three"]);
    assert_eq!(words("at 495ms crash n2 cut 2"), ["one", "two"]);
    assert_eq!(words("at 495ms crash n2 cut 1"), ["one"]);
}

#[test]
fn nobody_listens_without_a_trace_and_a_run_is_the_same() {
    let mut runner = Runner::new(Rc::new(talkative()), BTreeSet::new());
    let schedule = schedule(SECOND);
    let loud = runner.run(&schedule, Options::TRACE).trace_hash;
    assert!(!tracing::enabled!(tracing::Level::ERROR), "the subscriber is gone");
    let quiet = runner.run(&schedule, Options::SEARCH);
    assert_eq!((quiet.trace_hash, quiet.trace.len()), (loud, 0));
    let again = runner.run(&schedule, Options::TRACE).clone();
    assert_eq!(again.trace, second(talkative(), "").trace, "and nothing is left of the runs before");
}
