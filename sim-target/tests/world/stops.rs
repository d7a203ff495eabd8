//! Nodes that are asked to stop, worn down one after another, replaced, and changed by an operator.

use std::{collections::BTreeSet, time::Duration};

use murphy_schedule::FaultKind;
use murphy_sim::{Boot, Change, Input, NodeId, Outcome, RegisterOp, Timer, What, vocabulary};

use crate::probe::{Answer, Cx, LOG, MS, Probe, ProbeNode, WIPED, answer, chatter, idle, report, run, second};

/// When what befell a node, in milliseconds, and what it said: `0 start [] 100 stop`.
fn fate(outcome: &Outcome, node: NodeId) -> String {
    let events = outcome.trace.iter().filter(|event| event.node == Some(node));
    let words = events.filter_map(|event| {
        let word = match &event.what {
            What::Start(_) => "start".to_owned(),
            What::Stop => "stop".to_owned(),
            What::Exit => "exit".to_owned(),
            What::Crash => "crash".to_owned(),
            What::Admin => "asked".to_owned(),
            What::Log(line) => return Some(format!("[{line}]")),
            _ => return None,
        };
        Some(format!("{} {word}", event.time / MS))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Nodes that say which records they find, write one that they do not sync, and as they are asked to stop do `leave`.
fn leaving(leave: fn(&mut ProbeNode, Input<ProbeNode>, &mut Cx<'_>)) -> Probe {
    fn start(_: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        let found = cx.records(LOG).expect("a sound disk").len();
        let joins = if boot.joins { " joins" } else { "" };
        cx.log(format_args!("{found}{joins}"));
        cx.append(LOG, b"unsynced").expect("a sound disk");
    }
    Probe { start, on: leave, ..idle() }
}

/// Nodes that take 30 ms to leave.
fn polite() -> Probe {
    leaving(|node, input, cx| match input {
        Input::Stop => cx.set(Timer(1), Duration::from_millis(30)),
        Input::Timer(_) => {
            cx.exit();
            cx.log(format_args!("never said"));
        }
        other => answer(node, other, cx),
    })
}

/// Nodes that do not listen.
fn stubborn() -> Probe {
    leaving(answer)
}

#[track_caller]
fn check(probe: Probe, steps: &str, expected: &str) {
    assert_eq!(fate(&second(probe, steps), 1), expected, "{steps}");
}

#[test]
fn a_node_that_is_asked_to_stop_leaves_in_its_own_time_and_loses_nothing() {
    check(polite(), "at 100ms stop n1, restart after 300ms", "0 start [0] 100 stop 130 exit 400 start [1]");
    check(polite(), "at 100ms stop n1", "0 start [0] 100 stop 130 exit 1000 start [1]");
    let outcome = second(polite(), "at 100ms stop {n1,n2}, restart after 300ms");
    assert_eq!((fate(&outcome, 3).as_str(), outcome.steps[0].effects), ("0 start [0]", 2));
}

#[test]
fn whoever_has_not_stopped_when_its_time_is_up_is_killed() {
    let steps = |drain: &str| format!("at 100ms stop n1{drain}, restart after 300ms");
    check(stubborn(), &steps(" drain 50ms"), "0 start [0] 100 stop 150 crash 400 start [0]");
    check(polite(), &steps(" drain 20ms"), "0 start [0] 100 stop 120 crash 400 start [0]");
    check(polite(), &steps(" drain 0s"), "0 start [0] 100 stop 100 crash 400 start [0]");
    // The default is a second, but a step that ends cannot wait for it.
    check(stubborn(), &steps(""), "0 start [0] 100 stop 400 crash 400 start [0]");
    // A paused node hears nothing, and is killed all the same.
    check(
        polite(),
        "at 90ms pause n1 for 200ms\nat 100ms stop n1 drain 50ms, restart after 300ms",
        "0 start [0] 150 crash 400 start [0]",
    );
}

#[test]
fn a_stopped_node_is_held_down_and_started_like_a_crashed_one() {
    // It was down, and would have started at 200 ms.
    let steps = "at 50ms crash n1, restart after 150ms\nat 100ms stop n1, restart after 300ms";
    check(polite(), steps, "0 start [0] 50 crash 400 start [0]");
    assert_eq!(report(&second(polite(), steps), "stop").effects, 1);
    let short = "at 50ms crash n1, restart after 150ms\nat 100ms stop n1, restart after 50ms";
    assert_eq!(report(&second(polite(), short), "stop").effects, 0);
    check(polite(), "at 100ms stop n1\nat 200ms restart n1", "0 start [0] 100 stop 130 exit 200 start [1]");
    // Who was started by another step is no longer this one's to kill.
    check(
        stubborn(),
        "at 100ms stop n1 drain 400ms\nat 110ms crash n1, restart after 10ms\nat 150ms restart n1",
        "0 start [0] 100 stop 110 crash 150 start [0]",
    );
    check(
        polite(),
        "at 0s auto-restart all delay 50ms\nat 100ms stop n1",
        "0 start [0] 100 stop 130 exit 180 start [1]",
    );
}

#[test]
fn a_process_that_ends_unasked_stays_down_until_something_starts_it() {
    let tired = || Probe {
        start: |_, boot, cx| {
            if boot.me == 1 && boot.incarnation == 0 {
                cx.set(Timer(1), Duration::from_millis(100));
            }
        },
        on: |node, input, cx| match input {
            Input::Timer(_) => cx.exit(),
            other => answer(node, other, cx),
        },
        ..idle()
    };
    for (steps, expected) in [
        ("", "0 start 100 exit 1000 start"),
        ("at 0s auto-restart all delay 50ms", "0 start 100 exit 150 start"),
        ("at 300ms restart n1", "0 start 100 exit 300 start"),
        ("at 300ms heal", "0 start 100 exit 300 start"),
    ] {
        check(tired(), steps, expected);
    }
}

/// Who went down and started again, and when, in the order of time: `n2 110..140`.
fn downs(outcome: &Outcome) -> Vec<(NodeId, u64, u64)> {
    let of = |node: NodeId| {
        let mut since = None;
        outcome.trace.iter().filter(move |event| event.node == Some(node)).filter_map(move |event| match event.what {
            What::Crash | What::Exit => {
                since = Some(event.time);
                None
            }
            What::Start(_) => since.take().map(|from| (node, from, event.time)),
            _ => None,
        })
    };
    let mut all: Vec<_> = (1..=3).flat_map(of).collect();
    all.sort_unstable_by_key(|(_, from, _)| *from);
    all
}

#[test]
fn attrition_takes_down_one_after_another_and_never_too_many() {
    let outcome = second(chatter(), "at 100ms attrition all kill 5 leave 2 gap 50ms down 40ms for 890ms");
    let downs = downs(&outcome);
    assert_eq!((downs.len(), outcome.steps[0].effects), (5, 5));
    assert!(downs.iter().all(|(_, from, to)| to - from == 40 * MS), "{downs:?}");
    assert!(downs.windows(2).all(|pair| pair[0].2 <= pair[1].1), "two at once: {downs:?}");
    assert!(downs.iter().map(|(node, ..)| node).collect::<BTreeSet<_>>().len() > 1, "not always the same: {downs:?}");
}

#[test]
fn attrition_goes_on_without_a_limit_until_it_ends_and_then_everybody_starts() {
    let outcome = second(chatter(), "at 100ms attrition all leave 1 gap 10ms down 1s for 400ms");
    let downs = downs(&outcome);
    assert_eq!(downs.len(), 2, "one is left: {downs:?}");
    assert!(downs.iter().all(|(_, from, to)| *from < 300 * MS && *to == 500 * MS), "{downs:?}");
    let many = second(chatter(), "at 100ms attrition all gap 10ms down 10ms for 800ms");
    assert!((50..110).contains(&many.steps[0].effects), "80 are to be expected: {}", many.steps[0].effects);
    // Only of those it means, and again when it begins again.
    let some = second(chatter(), "at 100ms attrition {n1,n3} kill 1 gap 10ms down 10ms for 100ms again 3 times");
    assert_eq!(self::downs(&some).len(), 4);
    assert!(self::downs(&some).iter().all(|(node, ..)| *node != 2));
    // Without time between two it is at most one each millisecond.
    let storm = second(chatter(), "at 100ms attrition n1 gap 0s down 0s for 100ms");
    assert!((40..=100).contains(&storm.steps[0].effects), "{}", storm.steps[0].effects);
}

#[test]
fn attrition_stops_nodes_or_wipes_their_disks_if_it_is_told_to() {
    let steps = |how: &str| format!("at 100ms attrition n1 by {how} kill 1 gap 10ms down 100ms for 800ms");
    let times = |probe: Probe, how: &str| -> Vec<String> {
        let fate = fate(&second(probe, &steps(how)), 1);
        fate.split(' ').filter(|word| word.parse::<u64>().is_err()).map(str::to_owned).collect()
    };
    assert_eq!(times(polite(), "crash"), ["start", "[0]", "crash", "start", "[0]"]);
    assert_eq!(times(polite(), "stop"), ["start", "[0]", "stop", "exit", "start", "[1]"]);
    assert_eq!(downs(&second(polite(), &steps("stop")))[0].2 - downs(&second(polite(), &steps("stop")))[0].1, 100 * MS);
    // Nobody promised to survive that.
    assert_eq!(times(polite(), "wipe"), ["start", "[0]"]);
    let synced = || Probe {
        about: idle().about.survives(WIPED),
        start: |_, _, cx| {
            let found = cx.records(LOG).expect("a sound disk").len();
            cx.log(format_args!("{found}"));
            cx.append(LOG, b"a").expect("a sound disk");
            cx.sync(LOG).expect("a sound disk");
        },
        ..idle()
    };
    assert_eq!(times(synced(), "wipe"), ["start", "[0]", "crash", "start", "[0]"]);
    assert_eq!(times(synced(), "crash"), ["start", "[0]", "crash", "start", "[1]"]);
}

#[test]
fn whom_attrition_takes_and_when_is_drawn_anew_after_a_reseed() {
    let steps = "at 100ms attrition all kill 12 leave 2 gap 50ms down 20ms for 850ms";
    let calm = downs(&second(chatter(), steps));
    let anew = downs(&second(chatter(), &format!("at 300ms reseed\n{steps}")));
    let early =
        |downs: &[(NodeId, u64, u64)]| downs.iter().copied().filter(|down| down.1 < 300 * MS).collect::<Vec<_>>();
    assert_eq!(early(&calm), early(&anew));
    assert_ne!(calm, anew);
}

/// Changes as this system has them: writes to key 100 and above, of the nodes as bits.
fn changes(change: Change, nodes: &[NodeId]) -> Option<RegisterOp> {
    let bits = nodes.iter().fold(0, |bits, node| bits | 1 << (node - 1));
    match change {
        Change::Add => Some(RegisterOp::Write(100, bits)),
        Change::Remove => Some(RegisterOp::Write(101, bits)),
        Change::Transfer => Some(RegisterOp::Write(102, bits)),
        _ => None,
    }
}

/// Node 2 leads from the moment it hears of anything, and accepts changes but for transfers; the others point to it.
fn managed() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Request { reply, request: RegisterOp::Write(key @ 100.., nodes), .. } = input else {
            return match input {
                Input::Stop => cx.exit(),
                other => answer(node, other, cx),
            };
        };
        match (cx.me(), key) {
            (2, 102) => cx.refuse(reply),
            (2, _) => {
                cx.log(format_args!("{} {nodes:b}", if key == 100 { "add" } else { "remove" }));
                cx.reply(reply, Answer::Value(None));
            }
            _ => cx.redirect(reply, Some(2)),
        }
    }
    fn start(node: &mut ProbeNode, boot: &Boot<'_>, _: &mut Cx<'_>) {
        node.role = (boot.me == 2).then_some("leader");
    }
    Probe { about: idle().about.survives(WIPED), start, on, admin: changes, ..idle() }
}

#[test]
fn a_target_is_offered_the_changes_that_it_has() {
    assert_eq!(vocabulary(&managed()).changes, [Change::Add, Change::Remove, Change::Transfer]);
    assert!(vocabulary(&managed()).faults.contains(&FaultKind::Admin));
    assert!(!vocabulary(&idle()).faults.contains(&FaultKind::Admin));
}

#[test]
fn an_operator_asks_the_leader_for_a_change_and_no_history_shows_it() {
    let outcome = second(managed(), "at 100ms admin add {n1,n3}");
    assert_eq!((fate(&outcome, 2).as_str(), outcome.steps[0].effects), ("0 start 100 asked [add 101]", 1));
    assert_eq!((fate(&outcome, 1).as_str(), fate(&outcome, 3).as_str()), ("0 start", "0 start"));
    let calm = second(managed(), "");
    assert_eq!(outcome.history.operations.len(), calm.history.operations.len());
}

#[test]
fn an_operator_follows_whoever_knows_better_and_goes_on_where_nobody_answers() {
    // Nobody says to lead: whoever is asked first, it ends at node 2.
    let leaderless = || Probe { start: |_, _, _| {}, ..managed() };
    let asked = |outcome: &Outcome, node| fate(outcome, node).contains("asked");
    let mut first = BTreeSet::new();
    for seed in 0..20 {
        let header = format!("seed {seed}\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 1s, heal 10ms, settle 2s");
        let outcome = run(leaderless(), &format!("{header}\nat 100ms admin remove n1"));
        assert!(fate(&outcome, 2).contains("[remove 1]"), "{}", fate(&outcome, 2));
        assert_eq!(outcome.steps[0].effects, 1);
        first.insert((asked(&outcome, 1), asked(&outcome, 3)));
        // Node 2 comes back too late.
        let outcome =
            run(leaderless(), &format!("{header}\nat 50ms crash n2, restart after 400ms\nat 100ms admin remove n1"));
        assert_eq!((report(&outcome, "admin").effects, asked(&outcome, 2)), (0, false));
    }
    assert_eq!(first.len(), 3, "each was asked first: {first:?}");
}

#[test]
fn a_change_that_is_refused_unknown_or_concerns_nobody_has_no_effect() {
    let effects = |steps: &str| second(managed(), steps).steps[0].effects;
    assert_eq!(effects("at 100ms admin transfer n1"), 0);
    assert_eq!(effects("at 100ms admin compact all"), 0);
    assert_eq!(effects("at 100ms admin add previous-leader"), 0);
    let outcome = second(managed(), "at 100ms admin compact all");
    let void = |what: &What| matches!(what, What::Void(why) if why.contains("no change `compact`"));
    assert_eq!(outcome.trace.iter().filter(|event| void(&event.what)).count(), 1);
    assert!(!fate(&second(managed(), "at 100ms admin add previous-leader"), 2).contains("asked"));
    // Who crashes before the request arrives never gets it; a paused one does, later.
    let paused = second(managed(), "at 50ms pause n2 for 100ms\nat 100ms admin add n1");
    assert_eq!(fate(&paused, 2), "0 start 150 asked [add 1]");
}

#[test]
fn a_node_is_replaced_by_a_new_one_that_has_to_be_added_again() {
    let outcome = second(managed(), "at 100ms redeploy n3, rejoin after 300ms");
    assert_eq!(fate(&outcome, 3), "0 start 100 stop 100 exit 400 start");
    assert_eq!(fate(&outcome, 2), "0 start 100 asked [remove 100] 400 asked [add 100]");
    // With an empty disk, and it knows; also who was down already, or does not listen.
    let bearing = |probe: Probe| Probe { about: idle().about.survives(WIPED), ..probe };
    check(
        bearing(polite()),
        "at 100ms redeploy n1, rejoin after 300ms",
        "0 start [0] 100 stop 130 exit 400 start [0 joins]",
    );
    check(
        bearing(stubborn()),
        "at 100ms redeploy n1, rejoin after 300ms\nat 500ms crash n1 keep, restart after 50ms",
        "0 start [0] 100 stop 400 crash 400 start [0 joins] 500 crash 550 start [1 joins]",
    );
    check(
        bearing(stubborn()),
        "at 50ms crash n1 keep, restart after 250ms\nat 100ms redeploy n1, rejoin after 300ms",
        "0 start [0] 50 crash 400 start [0 joins]",
    );
    // Nobody promised to survive that.
    check(polite(), "at 100ms redeploy n1, rejoin after 300ms", "0 start [0]");
}

#[test]
fn all_may_be_healed_in_the_midst_of_a_stop() {
    let outcome = second(polite(), "at 100ms stop all drain 10us, restart after 1us\nbefore n1 stops #1 heal");
    for node in 1..=2 {
        let fate = fate(&outcome, node);
        assert!(fate.starts_with("0 start [0] 100 ") && fate.matches("start").count() == 2, "n{node}: {fate}");
    }
}
