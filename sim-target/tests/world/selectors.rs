//! Whom a step strikes.

use std::time::Duration;

use murphy_sim::{Input, Timer, What};

use crate::probe::{Cx, Probe, ProbeNode, chatter, idle, report, run, second};

/// The nodes that the step with `words` pauses.
#[track_caller]
fn paused(probe: Probe, steps: &str) -> String {
    let outcome = second(probe, steps);
    let mut nodes: Vec<u16> =
        outcome.trace.iter().filter(|event| event.what == What::Pause).filter_map(|event| event.node).collect();
    nodes.sort_unstable();
    assert!(report(&outcome, "pause").effects as usize >= nodes.len(), "{steps}");
    nodes.iter().map(|node| format!("n{node}")).collect::<Vec<_>>().join(" ")
}

/// At 505 ms node 2 leads a chatter of three, and node 1 led before.
#[track_caller]
fn check(nodes: &str, expected: &str) {
    assert_eq!(paused(chatter(), &format!("at 505ms pause {nodes} for 1ms")), expected, "{nodes}");
}

#[test]
fn a_selector_finds_its_nodes() {
    check("n3", "n3");
    check("n9", "n3");
    check("leader", "n2");
    check("previous-leader", "n1");
    check("{n1,n3}", "n1 n3");
    check("{n1,n4}", "n1");
    check("{}", "");
    check("majority", "n1 n2");
    check("majority from n3", "n1 n3");
    check("minority", "n1");
    check("minority from n3", "n3");
    check("rest", "n1 n2 n3");
    check("all", "n1 n2 n3");
}

#[test]
fn majorities_and_minorities_follow_the_size_of_the_cluster() {
    for (nodes, majority, minority) in [(3, 2, 1), (4, 3, 1), (5, 3, 2)] {
        let text = |who: &str| format!("nodes {nodes}, ops 0\nphases chaos 1s\nat 10.5ms pause {who} from n2 for 1ms");
        assert_eq!(run(chatter(), &text("majority")).steps[0].effects, majority);
        assert_eq!(run(chatter(), &text("minority")).steps[0].effects, minority);
    }
}

#[test]
fn rest_is_everybody_whom_the_other_selector_does_not_name() {
    let blocked = |link: &str| crate::probe::fates(chatter, &format!("at 505ms block {link} for 10ms"));
    assert_eq!(blocked("leader->rest"), "n2->n1 51 lost, n2->n3 51 lost");
    assert_eq!(blocked("rest->leader"), "n1->n2 51 lost, n3->n2 51 lost");
    assert_eq!(blocked("rest->rest"), "");
}

#[test]
fn a_selector_that_finds_nobody_makes_the_step_a_no_op() {
    let steps = [
        "crash leader",
        "crash leader cut 2",
        "pause leader",
        "partition leader | rest",
        "partition n1 | leader",
        "block leader->all",
        "delay leader->all 5ms",
        "loss all->leader 100%",
        "duplicate leader->rest 100% lag 5ms",
        "reseed leader",
        "reseed leader->all",
        "invoke read k1 via leader",
        "crash previous-leader",
        "pause {}",
        "partition rest | rest",
    ];
    // Of the idle nodes none has ever led.
    let calm = second(idle(), "");
    for step in steps {
        let outcome = second(idle(), &format!("at 505ms {step}"));
        assert_eq!((outcome.steps[0].effects, outcome.steps[0].begun), (0, Some(505_000_000)), "{step}");
        assert_eq!(outcome.history, calm.history, "{step}");
    }
}

#[test]
fn among_several_who_hold_a_role_the_last_to_take_it_is_meant_and_then_who_still_holds_it() {
    fn lead(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if let Input::Timer(timer) = input {
            node.role = Some(if timer.0 == 0 { "leader" } else { "follower" });
            return;
        }
        crate::probe::answer(node, input, cx);
    }
    // Node 1 leads from 100 ms on, node 3 from 200 ms to 300 ms.
    let probe = || Probe {
        start: |_, boot, cx| match boot.me {
            1 => cx.set(Timer(0), Duration::from_millis(100)),
            3 => {
                cx.set(Timer(0), Duration::from_millis(200));
                cx.set(Timer(1), Duration::from_millis(300));
            }
            _ => {}
        },
        on: lead,
        ..idle()
    };
    for (time, leader, previous) in [(50, "", ""), (150, "n1", ""), (250, "n3", "n1"), (350, "n1", "n3")] {
        assert_eq!(paused(probe(), &format!("at {time}ms pause leader for 1ms")), leader, "at {time} ms");
        assert_eq!(paused(probe(), &format!("at {time}ms pause previous-leader for 1ms")), previous, "at {time} ms");
    }
    assert_eq!(paused(probe(), "at 240ms crash n3\nat 250ms pause leader for 1ms"), "n1");
    assert_eq!(paused(probe(), "at 140ms crash n1\nat 150ms pause leader for 1ms"), "");
}
