//! Draws are keyed: an edit changes what it touches and nothing else.

use murphy_sim::{Input, Outcome, What};

use crate::probe::{Cx, MS, Probe, ProbeNode, chatter, chatter_on, differences, idle, messages, second};

/// A chatter that also draws a number of its own every ten milliseconds.
fn drawing() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if let Input::Timer(_) = input {
            cx.log(format_args!("{}", cx.draw_for(&[cx.mono()])));
        }
        chatter_on(node, input, cx);
    }
    Probe { on, ..chatter() }
}

/// The links whose latencies differ at or after 505 ms, and the nodes whose own draws do; before that nothing may.
#[track_caller]
fn changed(step: &str) -> (String, String) {
    let (calm, other) = (second(drawing(), ""), second(drawing(), &format!("at 505ms {step}")));
    let (before, after) = (messages(&calm), messages(&other));
    let mut links: Vec<String> = Vec::new();
    for (id, (sent, arrivals)) in &before {
        if after[id].1 != *arrivals {
            assert!(*sent >= 505 * MS, "{id:?} came before");
            links.push(format!("n{}->n{}", id.0, id.1));
        }
    }
    let draws = |outcome: &Outcome| -> Vec<(u64, Option<u16>, What)> {
        let logs = outcome.trace.iter().filter(|event| matches!(event.what, What::Log(_)) && event.time < 1000 * MS);
        logs.map(|event| (event.time, event.node, event.what.clone())).collect()
    };
    let mut nodes: Vec<String> = Vec::new();
    for (a, b) in draws(&calm).into_iter().zip(draws(&other)) {
        assert_eq!((a.0, a.1), (b.0, b.1));
        if a != b {
            assert!(a.0 >= 505 * MS);
            nodes.push(format!("n{}", a.1.expect("a node draws")));
        }
    }
    let once = |mut words: Vec<String>| {
        words.sort_unstable();
        words.dedup();
        words.join(" ")
    };
    (once(links), once(nodes))
}

#[test]
fn a_reseed_changes_what_follows_and_nothing_before() {
    assert_eq!(changed("reseed"), ("n1->n2 n1->n3 n2->n1 n2->n3 n3->n1 n3->n2".into(), "n1 n2 n3".into()));
    assert_eq!(changed("reseed n2"), (String::new(), "n2".into()));
    assert_eq!(changed("reseed {n1,n3}"), (String::new(), "n1 n3".into()));
    assert_eq!(changed("reseed n1->n2"), ("n1->n2".into(), String::new()));
    assert_eq!(changed("reseed n3->all"), ("n3->n1 n3->n2".into(), String::new()));
    assert_eq!(changed("note"), (String::new(), String::new()));
}

#[test]
fn a_reseed_changes_operations_that_follow() {
    let header = "seed 4\nnodes 3, clients 2, keys 3, ops 100\nphases chaos 1s, heal 10ms, settle 10ms\n";
    let calls = |step: &str| -> Vec<_> {
        let outcome = crate::probe::run(drawing(), &format!("{header}{step}"));
        outcome.history.operations.iter().map(|operation| (operation.invoked_at, operation.call)).collect()
    };
    let (calm, other) = (calls(""), calls("at 505ms reseed"));
    let same = calm.iter().zip(&other).take_while(|(a, b)| a == b).count();
    assert!((40..60).contains(&same), "{same} of {} are the same", calm.len());
    assert_eq!(calls("at 505ms reseed n1"), calm);
}

#[test]
fn a_reseed_changes_which_writes_a_torn_crash_leaves() {
    fn start(_: &mut ProbeNode, boot: &murphy_sim::Boot<'_>, cx: &mut Cx<'_>) {
        let found = cx.records(crate::probe::LOG).expect("a sound disk").len();
        cx.log(format_args!("{found}"));
        if boot.incarnation == 0 {
            (0..100).for_each(|_| cx.append(crate::probe::LOG, b"a").expect("a sound disk"));
        }
    }
    let left = |steps: &str| {
        let probe = Probe { start: |node, boot, cx| start(node, boot, cx), ..crate::probe::idle() };
        let outcome = second(probe, &format!("at 500ms crash n1 torn, restart after 10ms\n{steps}"));
        outcome.trace.iter().rev().find_map(|event| match &event.what {
            What::Log(line) => Some(line.clone()),
            _ => None,
        })
    };
    let calm = left("");
    assert_ne!(left("at 400ms reseed"), calm);
    assert_ne!(left("at 400ms reseed n1"), calm);
    assert_eq!(left("at 400ms reseed n2"), calm);
    assert_eq!(left("at 600ms reseed"), calm);
}

#[test]
fn a_step_on_one_link_changes_no_latency_of_another() {
    let calm = second(chatter(), "");
    for (step, link) in [
        ("at 305ms partition n1 | n2 for 300ms", &[(1, 2), (2, 1)][..]),
        ("at 305ms loss n1->n2 50%", &[(1, 2)][..]),
        ("at 305ms delay n1->n2 1ms", &[(1, 2)][..]),
        ("at 305ms duplicate n1->n2 50% lag 1ms", &[(1, 2)][..]),
    ] {
        let other = second(chatter(), step);
        let (before, after) = (messages(&calm), messages(&other));
        for (id, (_, arrivals)) in before.iter().filter(|(id, _)| !link.contains(&(id.0, id.1))) {
            assert_eq!(after[id].1, *arrivals, "{step}: {id:?}");
        }
        assert_ne!(differences(&calm, &other), "");
    }
}

#[test]
fn a_node_that_sends_more_shifts_only_that_kind_and_slot() {
    fn louder(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if let Input::Timer(_) = input
            && cx.me() == 1
            && cx.mono() == 510 * MS
        {
            cx.send(2, crate::probe::Numbered { kind: 0, number: 1_000 });
        }
        chatter_on(node, input, cx);
    }
    let (calm, other) = (second(chatter(), ""), second(Probe { on: louder, ..chatter() }, ""));
    // Slots are 20 ms long: only number 51, in the slot from 500 ms on, is shifted.
    let differs = differences(&calm, &other);
    assert_eq!(differs, "Tick n1->n2 51 otherwise");
}

#[test]
fn an_unrelated_step_changes_nothing_about_an_invoked_operation() {
    let invoke = "at 505ms invoke read k1 by c1";
    let completion = |steps: &str| second(chatter(), steps).history.operations[0];
    assert_eq!(completion(invoke), completion(&format!("at 105ms reseed n3->n1\nat 106ms pause n3 for 1ms\n{invoke}")));
}

#[test]
fn a_label_on_another_step_changes_no_operation() {
    let asked = |steps: &str| {
        let outcome = second(idle(), steps);
        outcome.history.operations.iter().map(|operation| (operation.call, operation.node)).next()
    };
    let alone = asked("x: at 100ms invoke write k1 by c1\nafter x begins note");
    assert!(alone.is_some());
    assert_eq!(
        asked("a: at 50ms note\nx: at 100ms invoke write k1 by c1\nafter x begins note\nafter a begins note"),
        alone
    );
}
