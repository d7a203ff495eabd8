//! After the healing operations must succeed again: who is slow, who is stuck, and who is not judged.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use murphy_checker::verdict::{Class, Evidence, Verdict};
use murphy_sim::{About, Input, Options, Outcome, Retry, Routing, Run, Runner, Timer, What, echo::Echo};

use crate::probe::{MS, Probe, answer, idle, run, schedule, time_of};

/// Nodes that do not answer before `FROM` milliseconds, and with `GROWS` come further all the time. They promise to recover within
/// 100 ms, and an operation takes its client another 100 ms: ten times as long is two seconds.
fn mute<const FROM: u64, const GROWS: bool>() -> Probe {
    Probe {
        about: About { recovers_within: Duration::from_millis(100), ..idle().about },
        routing: Routing { timeout: Duration::from_millis(100), retry: Retry::Never, ..idle().routing },
        start: |node, _, cx| {
            node.role = Some("follower");
            cx.set(Timer(7), Duration::from_millis(10));
        },
        on: |node, input, cx| match input {
            Input::Timer(_) => {
                node.progress = GROWS.then_some(cx.mono() / MS);
                cx.set(Timer(7), Duration::from_millis(10));
            }
            Input::Request { .. } if cx.mono() < FROM * MS => {}
            other => answer(node, other, cx),
        },
        ..idle()
    }
}

/// All is healed at 100 ms.
const HEADER: &str = "seed 3\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 100ms, heal 10ms, settle 100ms\n";

/// Anomaly, end of the run and length of the recovery in milliseconds.
fn judged(outcome: &Outcome) -> (Option<(Class, &str)>, u64, Option<u64>) {
    let anomaly = outcome.verdict.anomaly().map(|anomaly| (anomaly.class, &*anomaly.name));
    (anomaly, outcome.time / MS, outcome.recovered.map(|took| took / MS))
}

#[test]
fn who_recovers_is_not_blamed_and_it_is_told_how_long_that_took() {
    let outcome = run(mute::<0, false>(), HEADER);
    assert!(matches!(judged(&outcome), (None, 110..115, Some(10..15))), "{:?}", judged(&outcome));
    // Long after the settle phase, which lasts to 210 ms.
    let outcome = run(mute::<1900, false>(), HEADER);
    assert!(matches!(judged(&outcome), (None, 1900..2090, Some(1800..1990))), "{:?}", judged(&outcome));
}

#[test]
fn who_has_not_recovered_after_ten_times_as_long_is_stuck_or_slow() {
    let outcome = run(mute::<2200, false>(), HEADER);
    assert_eq!(judged(&outcome), (Some((Class::Liveness, "stuck")), 2100, None));
    let Evidence::Unanswered { keys, since, nodes } = &outcome.verdict.anomaly().expect("a violation").evidence else {
        panic!("not of this class")
    };
    assert_eq!((keys.as_slice(), *since, nodes.len()), ([1].as_slice(), 2000 * MS, 3));
    assert_eq!((nodes[1].node, nodes[1].role), (2, Some("follower")));
    assert!(matches!(nodes[1].timers[..], [(7, 0..=10_000_000)]), "{:?}", nodes[1]);
    assert!(matches!(&nodes[1].heard, Some((what, 0..=10_000_000)) if what == "a timer"), "{:?}", nodes[1]);
    // The same, but for nodes that are further all the time.
    let outcome = run(mute::<2200, true>(), HEADER);
    assert_eq!(judged(&outcome), (Some((Class::Liveness, "slow-recovery")), 2100, None));
}

#[test]
fn who_promises_nothing_or_lacks_a_node_or_runs_on_slow_links_for_good_is_not_judged() {
    let unpromised = Probe { about: About { recovers_within: Duration::MAX, ..idle().about }, ..mute::<9000, false>() };
    assert_eq!(judged(&run(unpromised, HEADER)), (None, 210, None));
    for line in ["dcs 3\nlatency between 1ms", "resources cpu 1%", "resources memory 1GB", "resources disk 1GB"] {
        assert_eq!(judged(&run(mute::<9000, false>(), &format!("{HEADER}{line}"))), (None, 210, None), "{line}");
    }
    let broken = Probe {
        about: About { recovers_within: Duration::from_millis(100), ..idle().about.fail_stop("broken") },
        on: |node, input, cx| match input {
            Input::Timer(_) if cx.me() == 3 && cx.mono() > 150 * MS => panic!("broken"),
            Input::Timer(_) => cx.set(Timer(7), Duration::from_millis(10)),
            Input::Request { .. } => {}
            other => answer(node, other, cx),
        },
        ..mute::<9000, false>()
    };
    assert_eq!(judged(&run(broken, HEADER)), (None, 210, None));
}

#[test]
fn an_object_that_is_read_late_ends_the_run() {
    let two = HEADER.replace("keys 1", "keys 2");
    let outcome = run(mute::<700, false>(), &two);
    let settle = time_of(&outcome, 1, |_, what| *what == What::Settle);
    let reads = outcome.history.operations.iter().filter(|operation| operation.invoked_at >= settle);
    assert_eq!(outcome.history.completed(), 2, "each object once");
    assert!(reads.count() > 4, "and before that in vain");
    assert!(outcome.time < 900 * MS);
}

#[test]
fn a_keeper_that_stays_deaf_after_a_partition_is_stuck_and_its_twin_recovers() {
    let schedule = schedule("seed 5\nat 1s partition n1 | rest for 500ms");
    let verdict = |bug: Option<&str>| {
        let mut runner = Runner::new(Rc::new(Echo), bug.into_iter().map(String::from).collect::<BTreeSet<_>>());
        let outcome = runner.run(&schedule, Options::SEARCH);
        (outcome.verdict.clone(), outcome.recovered)
    };
    let (Verdict::Invalid(anomaly), None) = verdict(Some("deaf")) else { panic!("it is not found") };
    assert_eq!((anomaly.class, &*anomaly.name), (Class::Liveness, "stuck"));
    let Evidence::Unanswered { keys, nodes, .. } = anomaly.evidence else { panic!("not of this class") };
    assert_eq!(keys, [1, 2]);
    let keeper = (nodes[0].node, nodes[0].role, nodes[0].heard.as_ref().map(|(what, _)| what.as_str()));
    assert!(matches!(keeper, (1, Some("keeper"), Some("Ping of n2" | "a request"))), "{keeper:?}");
    assert!(matches!(verdict(None), (Verdict::Valid, Some(1_000_000_000..1_100_000_000))), "{:?}", verdict(None));
}
