//! What ends a run as a violation, and what does not.

use std::time::Duration;

use murphy_checker::verdict::{Budget, Class, Evidence, Verdict};
use murphy_sim::{Input, Options, Outcome, Run, Runner, Timer, What};

use crate::probe::{Cx, MS, Probe, ProbeNode, answer, chatter, idle, schedule, second};

type On = fn(&mut ProbeNode, Input<ProbeNode>, &mut Cx<'_>);

/// Nodes that do this at 100 ms times their number.
fn timed(on: On) -> Probe {
    Probe { start: |_, boot, cx| cx.set(Timer(0), Duration::from_millis(100) * u32::from(boot.me)), on, ..idle() }
}

#[track_caller]
fn violation(outcome: &Outcome) -> (Class, &str, u64) {
    let anomaly = outcome.verdict.anomaly().expect("a violation");
    (anomaly.class, &anomaly.name, outcome.time / MS)
}

#[test]
fn two_values_where_one_was_promised_are_a_violation_of_that_agreement() {
    let differ: On = |node, input, cx| match input {
        Input::Timer(_) => cx.agree("leader of term", 7, u64::from(cx.me())),
        other => answer(node, other, cx),
    };
    let outcome = second(timed(differ), "");
    assert_eq!(violation(&outcome), (Class::Agreement, "leader-of-term", 200));
    let evidence = &outcome.verdict.anomaly().expect("a violation").evidence;
    assert_eq!(*evidence, Evidence::Conflict { key: 7, first: (1, 1), second: (2, 2) });
    // One value, or values under different keys, are none; nor is what a crashed node would have said.
    let alike: On = |node, input, cx| match input {
        Input::Timer(_) => {
            cx.agree("leader of term", 7, 1);
            cx.agree("leader of term", u64::from(cx.me()) + 10, u64::from(cx.me()));
        }
        other => answer(node, other, cx),
    };
    assert_eq!(second(timed(alike), "").verdict, Verdict::Valid);
    assert_eq!(second(timed(differ), "at 150ms crash n2\nat 150ms crash n3").verdict, Verdict::Valid);
}

#[test]
fn a_property_that_does_not_hold_is_a_violation_of_that_name() {
    let bad: On = |node, input, cx| match input {
        Input::Timer(_) => node.state = if cx.me() == 2 { 666 } else { 0 },
        other => answer(node, other, cx),
    };
    let outcome = second(timed(bad), "");
    assert_eq!(violation(&outcome), (Class::Invariant, "no-node-is-in-state-666", 200));
    assert_eq!(second(timed(bad), "at 150ms crash n2").verdict, Verdict::Valid);
}

#[test]
fn a_property_can_ask_who_reaches_whom() {
    let lonely: On = |node, input, cx| match input {
        Input::Timer(_) => node.state = if cx.me() == 1 { 667 } else { 0 },
        other => answer(node, other, cx),
    };
    for cut in ["at 50ms partition n1 | rest", "at 50ms block n1->n2"] {
        let outcome = second(timed(lonely), cut);
        assert_eq!(violation(&outcome), (Class::Invariant, "whoever-is-in-state-667-reaches-n2", 100), "{cut}");
    }
    for other in ["", "at 50ms block n2->n1", "at 50ms partition n1 | n3", "at 50ms partition n1 | rest for 10ms"] {
        assert_eq!(second(timed(lonely), other).verdict, Verdict::Valid, "{other}");
    }
}

#[test]
fn a_panic_in_inspect_or_in_a_property_is_a_violation_too() {
    let inspected: On = |node, input, cx| match input {
        Input::Timer(_) => node.state = if cx.me() == 2 { 668 } else { 0 },
        other => answer(node, other, cx),
    };
    let outcome = second(timed(inspected), "");
    assert_eq!((violation(&outcome).0, violation(&outcome).2), (Class::Panic, 200));
    let Evidence::Panic { node, .. } = outcome.verdict.anomaly().expect("a violation").evidence else {
        panic!("not a panic")
    };
    assert_eq!(node, 2);
    let asked: On = |node, input, cx| match input {
        Input::Timer(_) => node.state = if cx.me() == 2 { 669 } else { 0 },
        other => answer(node, other, cx),
    };
    let outcome = second(timed(asked), "");
    assert_eq!(violation(&outcome), (Class::Panic, "a-property-met-state", 200));
    // The next run of the same program knows nothing of it.
    assert_eq!(second(timed(asked), "at 150ms crash n2").verdict, Verdict::Valid);
}

#[test]
fn a_timer_of_centuries_never_goes_off() {
    let patient: On = |node, input, cx| match input {
        Input::Timer(Timer(0)) => {
            cx.set(Timer(1), Duration::MAX);
            cx.set(Timer(2), Duration::from_nanos(u64::MAX - 5));
        }
        Input::Timer(_) => panic!("it went off"),
        other => answer(node, other, cx),
    };
    assert_eq!(second(timed(patient), "").verdict, Verdict::Valid);
}

const PANICS: On = |node, input, cx| match input {
    Input::Timer(_) if cx.me() == 2 => panic!("slot {} is free: double", 17),
    other => answer(node, other, cx),
};

#[test]
fn a_panic_is_a_violation_with_its_message_and_place() {
    let outcome = second(timed(PANICS), "");
    assert_eq!(violation(&outcome), (Class::Panic, "slot-is-free-double", 200));
    let Evidence::Panic { node, message, location } = &outcome.verdict.anomaly().expect("a violation").evidence else {
        panic!("not a panic")
    };
    assert_eq!((*node, message.as_str()), (2, "slot 17 is free: double"));
    assert!(location.contains("verdicts.rs:"), "{location}");
    // Also while a node starts, and where the world is asked for the impossible.
    let starts = Probe { start: |_, _, _| panic!("no disk"), ..idle() };
    assert_eq!(violation(&second(starts, "")), (Class::Panic, "no-disk", 0));
    let nobody = Probe { start: |_, _, cx| cx.send(9, crate::probe::Numbered { kind: 0, number: 0 }), ..idle() };
    assert_eq!(violation(&second(nobody, "")).0, Class::Panic);
}

#[test]
fn a_panic_that_the_target_declared_is_a_crash_that_lasts_until_all_is_healed() {
    let probe = || {
        let probe = timed(PANICS);
        Probe { about: probe.about.fail_stop("is free"), ..timed(PANICS) }
    };
    for steps in ["", "at 300ms crash n2, restart after 50ms"] {
        let outcome = second(probe(), steps);
        assert_eq!(outcome.verdict, Verdict::Valid);
        let story = outcome.trace.iter().filter(|event| event.node == Some(2)).filter_map(|event| match &event.what {
            What::FailStop(message) => Some((event.time / MS, message.clone())),
            What::Start(incarnation) => Some((event.time / MS, incarnation.to_string())),
            _ => None,
        });
        let expected = [(0, "0"), (200, "slot 17 is free: double"), (1000, "1")];
        assert_eq!(story.take(3).collect::<Vec<_>>(), expected.map(|(at, what)| (at, what.to_owned())), "{steps}");
    }
}

#[test]
fn a_run_without_end_is_unknown_rather_than_valid() {
    let endless: On = |node, input, cx| match input {
        Input::Timer(_) => cx.set(Timer(0), Duration::ZERO),
        other => answer(node, other, cx),
    };
    let mut runner = Runner::new(std::rc::Rc::new(timed(endless)), Default::default());
    let outcome = runner.run(&schedule("ops 0"), Options { events_max: 5_000, ..Options::SEARCH });
    assert_eq!((&outcome.verdict, outcome.events), (&Verdict::Unknown(Budget::Events), 5_000));
    // The next run of the same runner is none the worse.
    let mut calm = Runner::new(std::rc::Rc::new(chatter()), Default::default());
    let limit = Options { events_max: 10, ..Options::SEARCH };
    assert_eq!(calm.run(&schedule("ops 0"), limit).verdict, Verdict::Unknown(Budget::Events));
    assert_eq!(calm.run(&schedule("ops 0"), Options::SEARCH).verdict, Verdict::Valid);
}
