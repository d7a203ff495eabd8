//! Crashes: what is lost, what comes back, and crashes between two effects of a handler.

use std::time::Duration;

use murphy_sim::{Boot, Input, RegisterOp, Routing, Timer};

use crate::probe::{
    Answer, Cx, LOG, MS, Numbered, Probe, ProbeNode, WIPED, chatter, completions, fates, idle, report, second, story,
};

fn found(_: &mut ProbeNode, _: &Boot<'_>, cx: &mut Cx<'_>) {
    let records = cx.records(LOG).expect("a sound disk");
    let words: Vec<String> = records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect();
    cx.log(format_args!("{}", words.join(" ")));
}

/// Six effects for each write: append, sync, send, append, sync, reply.
fn six(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    let Input::Request { reply, request: RegisterOp::Write(..), .. } = input else {
        return crate::probe::answer(node, input, cx);
    };
    cx.append(LOG, b"a").expect("a sound disk");
    cx.sync(LOG).expect("a sound disk");
    cx.send(2, Numbered { kind: 0, number: 1 });
    cx.append(LOG, b"b").expect("a sound disk");
    cx.sync(LOG).expect("a sound disk");
    cx.reply(reply, Answer::Value(None));
    // Past the sixth effect nothing counts, whatever the node believes.
    cx.agree("agreed", 1, cx.mono());
    cx.log(format_args!("done"));
    node.state += 1;
}

fn scripted() -> Probe {
    Probe { start: found, on: six, ..idle() }
}

/// Node 1 under `steps`, and how the first operation ended.
#[track_caller]
fn check(steps: &str, expected: &str, completion: &str) {
    let outcome = second(scripted(), steps);
    let story = story(&outcome, 1);
    // The final reads come after everything.
    let story = story.split(" request").take(2).collect::<Vec<_>>().join(" request");
    assert_eq!((story.as_str(), completions(&outcome, 1).as_str()), (expected, completion), "{steps}");
}

#[test]
fn a_cut_crash_lets_exactly_so_many_effects_of_the_next_handler_happen() {
    let deeds = ["write", "sync", "Tick->n2", "write", "sync"];
    let durable = ["", "", "a", "a", "a", "a b", "a b"];
    for cut in 1..=6 {
        let steps =
            format!("at 100ms crash n1 cut {cut}, restart after 400ms\nat 200ms invoke write k1 7 by c1 via n1");
        let done = deeds[..cut.min(5)].join(" ");
        let expected = format!("start [] request {done} crash start [{}]", durable[cut]);
        check(&steps, &expected, if cut == 6 { "ok" } else { "info" });
    }
    let steps = "at 100ms crash n1 cut 7, restart after 400ms\nat 200ms invoke write k1 7 by c1 via n1";
    check(steps, "start [] request write sync Tick->n2 write sync agree [done] crash start [a b]", "ok");
}

#[test]
fn what_was_not_durable_at_the_cut_is_lost_kept_or_torn() {
    let steps = |how: &str| {
        format!("at 100ms crash n1 {how} cut 4, restart after 400ms\nat 200ms invoke write k1 7 by c1 via n1")
    };
    let expected = |found: &str| format!("start [] request write sync Tick->n2 write crash start [{found}]");
    check(&steps(""), &expected("a"), "info");
    check(&steps("keep"), &expected("a b"), "info");
    let mut torn: Vec<String> = (0..60)
        .map(|seed| {
            let header = "nodes 3, clients 1, ops 0\nphases chaos 1s";
            let outcome = crate::probe::run(scripted(), &format!("seed {seed}\n{header}\n{}", steps("torn")));
            story(&outcome, 1).rsplit('[').next().expect("a log").split(']').next().expect("a log").to_owned()
        })
        .collect();
    torn.sort_unstable();
    torn.dedup();
    assert_eq!(torn, ["a", "a b"]);
}

#[test]
fn a_disk_is_wiped_only_where_the_target_promises_to_survive_it() {
    let steps = "at 200ms invoke write k1 7 by c1 via n1\nat 300ms crash n1 wiped, restart after 100ms";
    let handler = "request write sync Tick->n2 write sync agree [done]";
    check(steps, &format!("start [] {handler}"), "ok");
    let outcome = second(Probe { about: idle().about.survives(WIPED), ..scripted() }, steps);
    assert_eq!(story(&outcome, 1), format!("start [] {handler} crash start [] request"));
}

#[test]
fn a_cut_also_falls_into_a_recovery() {
    fn recover(node: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        found(node, boot, cx);
        cx.append(LOG, b"a").expect("a sound disk");
        cx.sync(LOG).expect("a sound disk");
        cx.send(2, Numbered { kind: 0, number: 1 });
        cx.append(LOG, b"b").expect("a sound disk");
        cx.replace(murphy_sim::File("other"), b"x").expect("a sound disk");
        cx.sync(LOG).expect("a sound disk");
    }
    let deeds = ["write", "sync", "Tick->n2", "write", "sync", "sync"];
    let durable = ["", "", " a", " a", " a", " a", " a b"];
    for cut in 1..=6 {
        let steps = format!("at 100ms crash n1, restart after 100ms\nat 150ms crash n1 cut {cut}, restart after 200ms");
        let outcome = second(Probe { start: recover, ..idle() }, &steps);
        let story = story(&outcome, 1);
        let (first, then) = (deeds.join(" "), deeds[..cut].join(" "));
        let expected =
            format!("start [] {first} crash start [a b] {then} crash start [a b{}] {first} request", durable[cut]);
        assert_eq!(story, expected, "cut {cut}");
        assert_eq!(report(&outcome, &format!("cut {cut}")).effects, 1);
    }
    // Also where the node was up as the step began, and crashed before its next handler.
    let steps = "at 100ms crash n1 cut 1, restart after 300ms\nat 150ms crash n1, restart after 50ms";
    let outcome = second(Probe { start: recover, ..idle() }, steps);
    assert!(
        story(&outcome, 1).contains("crash start [a b] write crash start [a b] write sync"),
        "{}",
        story(&outcome, 1)
    );
}

#[test]
fn a_panic_beyond_the_cut_never_happened_and_one_before_it_did() {
    fn panics(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return crate::probe::answer(node, input, cx) };
        cx.append(LOG, b"a").expect("a sound disk");
        panic!("after one effect");
    }
    let probe = || Probe { start: |_, _, cx| cx.set(Timer(0), Duration::from_millis(200)), on: panics, ..idle() };
    let verdict = |steps: &str| second(probe(), steps).verdict;
    // The others crash for good, so that only node 1 gets as far.
    let alone = "at 1ms crash {n2,n3}\nat 100ms crash n1 cut";
    assert_eq!(verdict(&format!("{alone} 1")).anomaly(), None);
    assert!(verdict(&format!("{alone} 2")).anomaly().is_some());
}

#[test]
fn without_a_cut_the_node_stops_at_once_and_starts_again_when_the_step_ends() {
    let outcome = second(chatter(), "at 515ms crash n2, restart after 100ms");
    let times: Vec<u64> = outcome
        .trace
        .iter()
        .filter(|event| event.node == Some(2))
        .filter(|event| matches!(event.what, murphy_sim::What::Crash | murphy_sim::What::Start(_)))
        .map(|event| event.time / MS)
        .collect();
    assert_eq!(times, [0, 515, 615]);
    assert_eq!(
        fates(chatter, "at 515ms crash n2, restart after 100ms"),
        "n1->n2 52..61 lost, n2->n1 52..61 unsent, n2->n3 52..61 unsent, n3->n2 52..61 lost"
    );
}

#[test]
fn several_victims_crash_at_the_same_instant() {
    let outcome = second(chatter(), "at 505ms crash {n1,n3}, restart after 100ms");
    let crashed: Vec<_> = outcome.trace.iter().filter(|event| event.what == murphy_sim::What::Crash).collect();
    assert_eq!(
        crashed.iter().map(|event| (event.node, event.time)).collect::<Vec<_>>(),
        [(Some(1), 505 * MS), (Some(3), 505 * MS)]
    );
    assert_eq!(outcome.steps[0].effects, 2);
}

#[test]
fn overlapping_crashes_keep_a_node_down_until_both_have_ended() {
    let outcome = second(
        chatter(),
        "at 205ms crash n2, restart after 100ms\nat 255ms crash {n2,n3}, restart after 100ms\nat 265ms crash n2, restart after 10ms",
    );
    let starts = |node| {
        let starts = outcome
            .trace
            .iter()
            .filter(move |event| event.node == Some(node) && matches!(event.what, murphy_sim::What::Start(_)));
        starts.map(|event| event.time / MS).collect::<Vec<_>>()
    };
    assert_eq!((starts(2), starts(3)), (vec![0, 355], vec![0, 355]));
}

#[test]
fn a_cut_that_meets_no_handler_is_void() {
    let outcome = second(scripted(), "at 100ms crash n1 cut 1, restart after 100ms");
    assert_eq!(story(&outcome, 1), "start [] request");
    assert_eq!(outcome.steps[0].effects, 0);
}

#[test]
fn a_datagram_under_way_outlives_its_sender() {
    // Sent at 500 ms, delivered half a millisecond later at the earliest.
    let outcome = second(chatter(), "at 500.2ms crash n1");
    let heard = crate::probe::messages(&outcome);
    assert_eq!(heard[&(1, 2, "Tick", 50)].1.len(), 1);
    assert_eq!(heard.get(&(1, 2, "Tick", 51)), None);
}

#[test]
fn the_timers_of_a_crashed_node_are_gone() {
    fn once(_: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        if boot.incarnation == 0 {
            cx.set(Timer(4), Duration::from_millis(200));
        }
    }
    let outcome =
        second(Probe { start: once, routing: Routing::default(), ..idle() }, "at 100ms crash n1, restart after 50ms");
    assert!(!story(&outcome, 1).contains("timer4") && story(&outcome, 2).contains("timer4"));
}
