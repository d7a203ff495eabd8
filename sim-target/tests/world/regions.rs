//! Regions far apart: clients ask the nearest node, latencies follow the matrix, and jitter and loss come on top.

use std::time::Duration;

use murphy_sim::{First, Input, Outcome, Retry, Routing, Timer, What};

use crate::probe::{MS, Numbered, Probe, answer, chatter, idle, messages, run};

fn nearest() -> Probe {
    let timeout = Duration::from_secs(2);
    Probe { routing: Routing { first: First::Nearest, retry: Retry::SameId(1), timeout, ..idle().routing }, ..idle() }
}

/// Three regions, clients 1 and 4 in the first, 2 in the second, 3 in the third; nodes 1 and 2, 3 and 4, and 5.
const REGIONS: &str = "seed 7\nnodes 5, clients 4, keys 1, ops 0\nphases chaos 4s, heal 10ms, settle 10ms\n\
                       dc east {n1,n2}\ndc west {n3,n4}\ndc south {n5}\n\
                       latency within 1ms, between 100ms, east to west 40ms\n";

/// For each of the first operations: the node that it reached first, and how long its answer took, in milliseconds.
fn asked(outcome: &Outcome) -> Vec<(u16, u64)> {
    let requests: Vec<u16> = outcome
        .trace
        .iter()
        .filter_map(|event| matches!(event.what, What::Request(_)).then_some(event.node).flatten())
        .collect();
    let operations = outcome.history.operations.iter().zip(requests);
    let took = operations.filter_map(|(operation, node)| {
        let (_, end) = operation.completion?;
        Some((node, (end - operation.invoked_at) / MS))
    });
    took.collect()
}

#[test]
fn a_client_asks_the_nearest_node_and_its_latency_follows_the_matrix() {
    let reads: String = (1..=4).map(|client| format!("at {client}s invoke read k1 by c{client}\n")).collect();
    let reads = reads.replace("at 4s", "at 3.5s");
    let outcome = run(nearest(), &format!("{REGIONS}{reads}"));
    let found = asked(&outcome);
    // Client 1 asks one of its two nodes, client 4 the other.
    assert_eq!(found[..3].iter().map(|(node, _)| *node).collect::<Vec<_>>(), [1, 3, 5]);
    assert_eq!(found[3].0, 2);
    assert!(found.iter().all(|(_, took)| (2..=3).contains(took)), "{found:?}");
}

#[test]
fn a_client_whose_nearest_nodes_are_down_asks_the_next_region() {
    let down = "at 100ms crash {n1,n2}, restart after 3s\nat 1s invoke read k1 by c1\n";
    let outcome = run(nearest(), &format!("{REGIONS}{down}"));
    let found = asked(&outcome);
    // Two refusals within the region, then 40 ms there and 40 ms back.
    assert!(found[0].0 == 3 && (84..=88).contains(&found[0].1), "{found:?}");
}

#[test]
fn every_routing_pays_for_the_distance() {
    let sticky = || Probe { routing: Routing { first: First::Sticky, ..nearest().routing }, ..nearest() };
    // Client 3 is in the third region and asks node 3, in the second.
    let outcome = run(sticky(), &format!("{REGIONS}at 1s invoke read k1 by c3\n"));
    let found = asked(&outcome);
    assert!(found[0].0 == 3 && (200..=202).contains(&found[0].1), "{found:?}");
}

#[test]
fn regions_have_latency_jitter_and_loss_together() {
    let many = || Probe { about: idle().about.nodes(3..=5), ..chatter() };
    let text = format!("{REGIONS}ambient jitter 20ms\nat 0s loss group east->group west 30%\n");
    let outcome = run(many(), &text);
    let (mut lost, mut sent) = (0, 0);
    for ((from, to, _, number), (left, arrivals)) in messages(&outcome).into_iter().filter(|(id, _)| id.3 < 380) {
        let least = match (from.min(to), from.max(to)) {
            (1, 2) | (3, 4) => 1,
            (1 | 2, 3 | 4) => 40,
            _ => 100,
        };
        let lossy = from < 3 && (to == 3 || to == 4);
        sent += usize::from(lossy);
        lost += usize::from(lossy && arrivals.is_empty());
        assert!(lossy || arrivals.len() == 1, "n{from}->n{to} {number}");
        for at in arrivals {
            let took = (at - left) / MS;
            assert!((least..=least + 21).contains(&took), "n{from}->n{to} took {took} ms");
        }
    }
    assert!((26..34).contains(&(lost * 100 / sent)), "{lost} of {sent}");
}

/// Node 1 sends node 2 the time, which sends it back: what node 1 logs is the round trip in nanoseconds.
fn pinger() -> Probe {
    Probe {
        start: |_, boot, cx| {
            if boot.me == 1 {
                cx.set(Timer(0), Duration::from_millis(10));
            }
        },
        on: |node, input, cx| match input {
            Input::Timer(_) => {
                let number = cx.mono();
                cx.send(2, Numbered { kind: 0, number });
                cx.set(Timer(0), Duration::from_millis(10));
            }
            Input::Message { from, message } if message.kind == 0 => cx.send(from, Numbered { kind: 1, ..message }),
            Input::Message { message, .. } => cx.log(format_args!("{}", cx.mono() - message.number)),
            other => answer(node, other, cx),
        },
        ..idle()
    }
}

fn round_trips(steps: &str) -> Vec<u64> {
    let outcome = crate::probe::second(pinger(), steps);
    let logs = outcome.trace.iter().filter_map(|event| match &event.what {
        What::Log(line) => Some(line.parse().expect("a number")),
        _ => None,
    });
    logs.take(90).collect()
}

#[test]
fn the_round_trip_of_a_timestamped_ping_rises_by_just_the_delay() {
    let calm = round_trips("");
    let there = round_trips("at 0s delay n1->n2 7ms");
    let both = round_trips("at 0s delay n1->n2 7ms\nat 0s delay n2->n1 of Tock 30ms");
    assert!(calm.iter().all(|trip| (MS..=3 * MS).contains(trip)));
    assert_eq!(there, calm.iter().map(|trip| trip + 7 * MS).collect::<Vec<_>>());
    assert_eq!(both, there.iter().map(|trip| trip + 30 * MS).collect::<Vec<_>>());
}

#[test]
fn an_acknowledged_protocol_sends_again_as_often_as_messages_are_lost() {
    // Node 1 sends number n until node 2 has acknowledged it, every 5 ms, then n + 1.
    let stubborn = || Probe {
        start: |node, boot, cx| {
            node.state = 1;
            if boot.me == 1 {
                cx.set(Timer(0), Duration::from_millis(5));
            }
        },
        on: |node, input, cx| match input {
            Input::Timer(_) => {
                cx.send(2, Numbered { kind: 0, number: node.state });
                cx.set(Timer(0), Duration::from_millis(5));
            }
            Input::Message { from, message } if message.kind == 0 => cx.send(from, Numbered { kind: 1, ..message }),
            Input::Message { message, .. } => node.state = node.state.max(message.number + 1),
            other => answer(node, other, cx),
        },
        ..idle()
    };
    for share in [0, 10, 30, 50] {
        let header = "seed 3\nnodes 3, ops 0\nphases chaos 20s, heal 10ms, settle 10ms";
        let outcome = run(stubborn(), &format!("{header}\nat 0s loss n1->n2 {share}%"));
        let sent = outcome.trace.iter().filter(|event| matches!(event.what, What::Send { kind: "Tick", .. })).count();
        let numbers = messages(&outcome).into_keys().filter(|id| id.2 == "Tick").count();
        let again = (sent - numbers) as f64 / sent as f64;
        // About 4,000 tries: three standard deviations are 0.024 at most.
        assert!((again - f64::from(share) / 100.0).abs() < 0.025, "{share} %: {again}");
    }
}

#[test]
fn across_a_partition_an_echo_always_fails_and_within_it_always_works() {
    let many = || Probe { about: idle().about.nodes(3..=5), ..chatter() };
    let text = "seed 4\nnodes 5, ops 0\nphases chaos 1s, heal 10ms, settle 10ms\nat 105ms partition {n1,n2} | {n3,n4,n5} for 700ms";
    let outcome = run(many(), text);
    let (mut within, mut across) = (0, 0);
    for ((from, to, _, number), (_, arrivals)) in messages(&outcome) {
        if (11..=80).contains(&number) {
            let same = (from < 3) == (to < 3);
            assert_eq!(arrivals.len(), usize::from(same), "n{from}->n{to} {number}");
            within += usize::from(same);
            across += usize::from(!same);
        }
    }
    assert_eq!((within, across), (8 * 140, 12 * 140));
}

#[test]
fn every_node_has_an_address_that_says_where_it_is() {
    let told = || Probe {
        start: |_, boot, cx| {
            assert_eq!(boot.address(), boot.addresses[usize::from(boot.me) - 1]);
            cx.log(format_args!("{}", boot.address()));
        },
        ..idle()
    };
    let found = |text: &str| -> Vec<String> {
        let outcome = run(told(), text);
        let logs = outcome.trace.iter().filter_map(|event| match &event.what {
            What::Log(line) => Some(line.clone()),
            _ => None,
        });
        logs.collect()
    };
    let regions = ["10.1.1.1:4500", "10.1.2.1:4500", "10.2.3.1:4500", "10.2.4.1:4500", "10.3.5.1:4500"];
    assert_eq!(found(REGIONS), regions);
    assert_eq!(found("seed 1\nnodes 3, ops 0"), ["10.0.1.1:4500", "10.0.2.1:4500", "10.0.3.1:4500"]);
}
