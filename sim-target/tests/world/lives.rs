//! Nodes that start again before their time, of themselves, or with less on their disks; and faults that never come.

use std::collections::BTreeSet;

use murphy_sim::{Boot, Input, RegisterOp, Timer, What};

use crate::probe::{Cx, LOG, MS, Probe, ProbeNode, WIPED, answer, idle, report, run, second, story};

/// Nodes that say at each start which records they find, append two and sync one in between, at every start.
fn writer() -> Probe {
    fn start(_: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        let records = cx.records(LOG).expect("a sound disk");
        let words: Vec<String> = records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect();
        cx.log(format_args!("{}", words.join(" ")));
        cx.append(LOG, format!("s{}", boot.incarnation).as_bytes()).expect("a sound disk");
        cx.sync(LOG).expect("a sound disk");
        cx.append(LOG, format!("u{}", boot.incarnation).as_bytes()).expect("a sound disk");
    }
    Probe { start, ..idle() }
}

/// When node 1 started and what it found then: `0 [] 200 [s0]`.
fn starts(outcome: &murphy_sim::Outcome) -> String {
    let of_one = outcome.trace.iter().filter(|event| event.node == Some(1));
    let words = of_one.filter_map(|event| match &event.what {
        What::Start(_) => Some(format!("{}", event.time / MS)),
        What::Log(line) => Some(format!("[{line}]")),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(steps: &str, expected: &str) {
    assert_eq!(starts(&second(writer(), steps)), expected, "{steps}");
}

#[test]
fn a_node_that_is_down_is_started_whatever_holds_it_down() {
    check("at 100ms crash n1", "0 [] 1000 [s0]");
    check("at 100ms crash n1\nat 200ms restart n1", "0 [] 200 [s0]");
    check("at 100ms crash n1\nat 110ms crash all keep\nat 200ms restart n1", "0 [] 200 [s0]");
    check("at 100ms crash n1 keep\nat 200ms restart n1 kept", "0 [] 200 [s0 u0]");
    // The end of the crash that it cut short starts nothing.
    check(
        "at 100ms crash n1, restart after 300ms\nat 200ms restart n1\nat 300ms crash n1 keep",
        "0 [] 200 [s0] 1000 [s0 s1 u1]",
    );
    check("at 200ms restart n1", "0 []");
    assert_eq!(report(&second(writer(), "at 200ms restart n1"), "restart").effects, 0);
    assert_eq!(report(&second(writer(), "at 100ms crash {n1,n3}\nat 200ms restart all"), "restart").effects, 2);
}

#[test]
fn a_node_starts_with_an_empty_disk_only_where_that_is_promised_or_the_budget_is_off() {
    let steps = "at 100ms crash n1 keep, restart after 300ms\nat 200ms restart n1 cold";
    check(steps, "0 [] 400 [s0 u0]");
    let void = second(writer(), steps);
    assert!(
        void.trace.iter().any(|event| matches!(&event.what, What::Void(why) if why.contains("lost disks of no node")))
    );
    assert_eq!(report(&void, "cold").effects, 0);
    let header = "seed 11\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 1s, heal 10ms, settle 2s";
    assert_eq!(starts(&run(writer(), &format!("{header}\nbudget off\n{steps}"))), "0 [] 200 []");
    let promises = Probe { about: idle().about.survives(WIPED), ..writer() };
    assert_eq!(starts(&second(promises, steps)), "0 [] 200 []");
    let wiped = "at 100ms crash n1 wiped, restart after 100ms";
    check(wiped, "0 []");
    assert_eq!(starts(&run(writer(), &format!("{header}\nbudget off\n{wiped}"))), "0 [] 200 []");
}

#[test]
fn of_what_was_not_synced_any_subset_survives() {
    // Six writes of one record each: which survive is drawn for each, and so is whether the file is as long as it was.
    let many = || Probe {
        start: |_, boot, cx| {
            let bytes = cx.contents(LOG).expect("a sound disk").unwrap_or_default();
            let whole = bytes.chunks(9).map(|record| if record.iter().all(|byte| *byte == 0) { '-' } else { 'x' });
            cx.log(format_args!("{}", whole.collect::<String>()));
            if boot.incarnation == 0 {
                (0..6).for_each(|_| cx.append(LOG, b"a").expect("a sound disk"));
            }
        },
        ..idle()
    };
    let mut left = BTreeSet::new();
    for seed in 0..600 {
        let text = format!("seed {seed}\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 1s, heal 10ms, settle 2s");
        let outcome = run(many(), &format!("{text}\nat 100ms crash n1 subset, restart after 50ms"));
        let found = starts(&outcome);
        left.insert(found.rsplit('[').next().expect("a log").trim_end_matches(']').to_owned());
    }
    assert!(left.len() > 90, "of 127 possible outcomes {}", left.len());
    assert!(["", "-x", "x-", "xxxxxx"].iter().all(|found| left.contains(*found)), "{left:?}");
}

#[test]
fn who_is_watched_over_starts_again_of_itself() {
    check("at 0s auto-restart all delay 50ms\nat 100ms crash n1", "0 [] 150 [s0]");
    check("at 0s auto-restart n2 delay 50ms\nat 100ms crash n1", "0 [] 1000 [s0]");
    check("at 0s auto-restart n1 delay 50ms\nat 100ms crash n1, restart after 20ms", "0 [] 120 [s0]");
    // The crash lasts, so it does not begin again, though it holds nobody any more.
    check("at 0s auto-restart n1 delay 50ms\nat 100ms crash n1 again 1 times every 200ms", "0 [] 150 [s0]");
    check(
        "at 0s auto-restart n1 delay 50ms\nat 100ms crash n1, restart after 99ms again 1 times every 200ms",
        "0 [] 150 [s0] 350 [s0 s1]",
    );
    check("at 0s auto-restart n1 delay 50ms for 90ms\nat 100ms crash n1", "0 [] 1000 [s0]");
    check("at 0s auto-restart n1 delay 50ms for 120ms\nat 100ms crash n1", "0 [] 1000 [s0]");
    // Also those that are down already.
    check("at 100ms crash n1\nat 200ms auto-restart all delay 50ms", "0 [] 250 [s0]");
    // Of two that watch over it the quicker one decides, and who has started meanwhile is left alone.
    check("at 0s auto-restart n1 delay 80ms\nat 0s auto-restart all delay 50ms\nat 100ms crash n1", "0 [] 150 [s0]");
    check(
        "at 0s auto-restart n1 delay 80ms\nat 100ms crash n1, restart after 20ms\nat 150ms crash n1 keep",
        "0 [] 120 [s0] 230 [s0 s1 u1]",
    );
    assert_eq!(
        report(&second(writer(), "at 0s auto-restart all\nat 100ms crash n1, restart after 9ms"), "auto").effects,
        1
    );
    assert_eq!(report(&second(writer(), "at 0s auto-restart all"), "auto").effects, 0);
}

#[test]
fn a_node_that_failed_of_itself_is_started_too() {
    let failing = || Probe {
        about: idle().about.fail_stop("enough"),
        start: |_, boot, cx| {
            if boot.me == 1 && boot.incarnation == 0 {
                cx.set(Timer(0), std::time::Duration::from_millis(100));
            }
        },
        on: |node, input, cx| match input {
            Input::Timer(_) => panic!("enough"),
            other => answer(node, other, cx),
        },
        ..idle()
    };
    for (steps, expected) in [
        ("", "0 1000"),
        ("at 0s auto-restart all delay 50ms", "0 150"),
        ("after n1 stops restart n1", "0 100"),
        ("after n1 stops +5ms heal", "0 105"),
        ("at 300ms restart all", "0 300"),
    ] {
        assert_eq!(starts(&second(failing(), steps)), expected, "{steps}");
    }
}

#[test]
fn a_write_reaches_a_node_that_was_started_before_its_time() {
    fn says(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if let Input::Request { request: RegisterOp::Write(..), .. } = input {
            cx.log(format_args!("asked"));
        }
        answer(node, input, cx);
    }
    let probe = Probe { on: says, ..idle() };
    let outcome = second(probe, "at 100ms crash n1\nat 200ms restart n1\nat 300ms invoke write k1 by c1 via n1");
    assert_eq!(story(&outcome, 1), "start crash start request [asked] request");
}
