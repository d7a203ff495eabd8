//! Ordered streams: order is kept, loss shows as lateness, and a broken session loses what it carried.

use murphy_schedule::FaultKind;
use murphy_sim::{Input, NodeId, Outcome, Transport, What, vocabulary};

use crate::probe::{Cx, MS, Probe, ProbeNode, SECOND, chatter, chatter_on, messages, report, run, second};

pub(crate) fn stream() -> Probe {
    let probe = chatter();
    Probe { about: probe.about.transport(Transport::Stream), on: hears_links, ..chatter() }
}

/// Sends nothing, so that a session carries nothing but itself.
pub(crate) fn silent() -> Probe {
    Probe { start: |_, _, _| {}, ..stream() }
}

pub(crate) fn hears_links(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    match input {
        Input::Link { .. } => {}
        other => chatter_on(node, other, cx),
    }
}

/// The notices that a node got: `n2 down 505, n2 up 605`, in milliseconds.
pub(crate) fn notices(outcome: &Outcome, node: NodeId) -> String {
    let notices = outcome.trace.iter().filter(|event| event.node == Some(node)).filter_map(|event| match event.what {
        What::Link { peer, up } => Some(format!("n{peer} {} {}", if up { "up" } else { "down" }, event.time / MS)),
        _ => None,
    });
    notices.collect::<Vec<_>>().join(", ")
}

/// The messages on a link arrive in the order in which they were sent, each at most once; returns their numbers.
#[track_caller]
pub(crate) fn in_order(outcome: &Outcome, from: NodeId, to: NodeId) -> Vec<u64> {
    let arrived = outcome.trace.iter().filter(|event| event.node == Some(to)).filter_map(|event| match &event.what {
        What::Deliver { from: sender, text, kind } if *sender == from => {
            Some((text.parse::<u64>().expect("a number"), *kind))
        }
        _ => None,
    });
    let arrived: Vec<_> = arrived.collect();
    assert!(arrived.windows(2).all(|pair| pair[0] < pair[1]), "n{from}->n{to}: {arrived:?}");
    arrived.into_iter().filter(|(_, kind)| *kind == "Tick").map(|(number, _)| number).filter(|n| *n < 100).collect()
}

pub(crate) fn all_in_order(outcome: &Outcome) -> usize {
    let links = [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)];
    links.into_iter().map(|(from, to)| in_order(outcome, from, to).len()).sum()
}

#[test]
fn a_stream_keeps_order_and_loses_nothing_whatever_the_rates() {
    let header = "seed 3\nnodes 3, clients 1, ops 0\nphases chaos 1s, heal 500ms, settle 2s";
    let outcome = run(stream(), &format!("{header}\nambient jitter 50ms, loss 20%, duplication 20%"));
    assert_eq!(all_in_order(&outcome), 6 * 99);
    let late = messages(&outcome).into_iter().filter(|(id, _)| id.3 < 100);
    let late = late.filter(|(_, (sent, arrivals))| arrivals[0] - sent > 200 * MS).count();
    assert!(late > 100, "only {late} were late");
}

#[test]
fn a_lost_message_arrives_later_and_holds_up_what_follows() {
    for step in [
        "at 505ms loss n1->n2 100% for 10ms",
        "before send Tick n1->n2 #51 loss 100%",
        "after send Tick n1->n2 #51 loss 100%",
    ] {
        let outcome = second(stream(), step);
        assert_eq!(in_order(&outcome, 1, 2).len(), 99, "{step}");
        let messages = messages(&outcome);
        let took = |number| messages[&(1, 2, "Tick", number)].1[0] - messages[&(1, 2, "Tick", number)].0;
        assert!((200 * MS..203 * MS).contains(&took(51)), "{step}: {}", took(51));
        assert!((190 * MS..193 * MS).contains(&took(52)), "{step}: {}", took(52));
        assert!(took(80) < 2 * MS);
        assert_eq!(all_in_order(&outcome), 6 * 99);
        assert!(outcome.steps[0].effects > 0);
    }
}

#[test]
fn a_delay_on_a_stream_holds_up_what_follows() {
    for step in ["before send Tick n1->n2 #51 delay 50ms", "after send Tick n1->n2 #51 delay 50ms"] {
        let outcome = second(stream(), step);
        assert_eq!(all_in_order(&outcome), 6 * 99, "{step}");
        let messages = messages(&outcome);
        let (sent, arrivals) = &messages[&(1, 2, "Tock", 51)];
        assert!(arrivals[0] - sent >= 50 * MS, "{step}");
    }
}

#[test]
fn a_stream_removes_second_copies_and_does_not_hold_back_what_is_about_to_be_delivered() {
    for step in [
        "at 505ms duplicate 100% lag 5ms for 20ms",
        "before send Tick n1->n2 duplicate 100% lag 5ms",
        "after send Tick n1->n2 duplicate 100% lag 5ms",
        "before deliver Tick n1->n2 duplicate 100% lag 5ms",
        "before deliver Tick n1->n2 delay 5ms",
        "before deliver Tick n1->n2 loss 100%",
    ] {
        let outcome = second(stream(), step);
        assert_eq!((all_in_order(&outcome), outcome.steps[0].effects), (6 * 99, 0), "{step}");
    }
}

#[test]
fn a_broken_session_loses_what_it_carried_and_both_ends_hear_of_it() {
    // Ticks leave at 500 ms and need at least half a millisecond.
    for cut in ["partition n1 | n2", "block n1->n2", "block n2->n1"] {
        let outcome = second(stream(), &format!("at 500.2ms {cut} for 100ms"));
        let expected: Vec<u64> = (1..50).chain(61..100).collect();
        assert_eq!(in_order(&outcome, 1, 2), expected, "{cut}");
        assert_eq!(in_order(&outcome, 2, 1), expected, "{cut}");
        assert_eq!(in_order(&outcome, 1, 3).len(), 99);
        let heard = |node| notices(&outcome, node).replace("501", "500").replace("601", "600");
        assert_eq!(
            (heard(1), heard(2), heard(3)),
            ("n2 down 500, n2 up 600".into(), "n1 down 500, n1 up 600".into(), String::new())
        );
    }
}

#[test]
fn a_session_that_breaks_as_a_message_is_sent_or_delivered_loses_it() {
    for side in ["before send", "after send", "before deliver"] {
        let outcome = second(stream(), &format!("{side} Tick n1->n2 #50 partition n1 | n2 for 100ms"));
        assert_eq!(messages(&outcome).get(&(1, 2, "Tick", 50)).map(|(_, arrivals)| arrivals.len()), Some(0), "{side}");
    }
    let outcome = second(stream(), "after deliver Tick n1->n2 #50 partition n1 | n2 for 100ms");
    assert_eq!(messages(&outcome)[&(1, 2, "Tick", 50)].1.len(), 1);
}

#[test]
fn a_crash_breaks_the_sessions_of_its_node_and_a_start_makes_them_again() {
    let outcome = second(silent(), "at 500ms crash n2, restart after 100ms");
    let heard = |node| notices(&outcome, node).replace("501", "500").replace("601", "600");
    assert_eq!(heard(1), "n2 down 500, n2 up 600");
    assert_eq!(heard(3), "n2 down 500, n2 up 600");
    assert!(notices(&outcome, 2).ends_with("up 601") || notices(&outcome, 2).ends_with("up 600"));
}

#[test]
fn a_message_that_was_held_up_does_not_hold_up_the_next_session() {
    let outcome = second(stream(), "at 405ms delay n1->n2 400ms for 10ms\nat 500.2ms partition n1 | n2 for 10ms");
    assert!(notices(&outcome, 2).starts_with("n1 down 50"), "{}", notices(&outcome, 2));
    let (sent, arrivals) = &messages(&outcome)[&(1, 2, "Tick", 52)];
    assert!(arrivals[0] - sent < 2 * MS);
    assert_eq!(in_order(&outcome, 1, 2), (1..41).chain(52..100).collect::<Vec<u64>>());
}

#[test]
fn breaking_an_idle_session_is_an_effect() {
    let calm = second(silent(), "");
    let outcome = second(silent(), "at 500ms partition n1 | n2 for 100ms");
    assert_ne!(calm.trace_hash, outcome.trace_hash);
    assert_eq!(report(&outcome, "partition").effects, 2);
    // The second keeps down what the first has broken.
    let outcome = second(silent(), "at 500ms partition n1 | n2 for 100ms\nat 550ms block n2->n1 for 100ms");
    assert!(report(&outcome, "block").effects > 0);
    assert_eq!(notices(&outcome, 1).replace("501", "500").replace("651", "650"), "n2 down 500, n2 up 650");
}

#[test]
fn sessions_are_whole_however_early_the_first_fault_comes() {
    // The fault begins while only node 1 has been started.
    fn early(node: &mut ProbeNode, boot: &murphy_sim::Boot<'_>, cx: &mut Cx<'_>) {
        let probe = chatter();
        (probe.start)(node, boot, cx);
        cx.append(crate::probe::LOG, b"a").expect("a sound disk");
    }
    let outcome = second(Probe { start: early, ..stream() }, "after n1 write partition n1 | n2 for 105ms");
    assert_eq!(in_order(&outcome, 1, 3).len(), 99);
    assert_eq!(in_order(&outcome, 3, 2).len(), 99);
    assert_eq!(in_order(&outcome, 2, 1), (11..100).collect::<Vec<u64>>());
    assert_eq!(notices(&outcome, 3), "");
}

#[test]
fn datagrams_know_no_sessions() {
    let of_sessions = [FaultKind::Connect, FaultKind::Close, FaultKind::Partial, FaultKind::HalfOpen];
    let drawn = |probe| of_sessions.map(|kind| vocabulary(&probe).faults.contains(&kind));
    assert_eq!((drawn(chatter()), drawn(stream())), ([false; 4], [true; 4]));
    let outcome = second(chatter(), "at 500ms crash n2, restart after 100ms\nat 500ms partition n1 | n3 for 100ms");
    assert!((1..=3).all(|node| notices(&outcome, node).is_empty()));
    assert!(SECOND.contains("seed"));
}

#[test]
fn keeping_a_session_down_between_two_other_cuts_is_an_effect() {
    let (first, second_cut) = ("at 500ms partition n1 | n2 for 50ms", "at 600ms partition n1 | n2 for 50ms");
    let apart = second(silent(), &format!("{first}\n{second_cut}"));
    assert_eq!(notices(&apart, 1).matches("up").count(), 2);
    // The block neither breaks the session nor lets it up again.
    let outcome = second(silent(), &format!("{first}\nat 520ms block n2->n1 for 100ms\n{second_cut}"));
    assert_eq!(notices(&outcome, 1).matches("up").count(), 1);
    assert!(report(&outcome, "block").effects > 0);
    let needless = second(silent(), "at 500ms partition n1 | n2 for 50ms\nat 520ms block n2->n1 for 10ms");
    assert_eq!(report(&needless, "block").effects, 0);
}
