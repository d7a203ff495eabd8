//! Clients: how operations end, who is asked, and what an answer is worth.

use std::time::Duration;

use murphy_checker::{
    history::{Call, Value},
    verdict::Verdict,
};
use murphy_sim::{Boot, File, First, Input, RegisterOp, ReplyTo, Retry, Routing, What};

use crate::probe::{Answer, Cx, MS, Numbered, Probe, ProbeNode, completions, idle, report, run, second, story};

type On = fn(&mut ProbeNode, Input<ProbeNode>, &mut Cx<'_>);

/// Nodes that react like this to a request, once its id is in the trace.
fn server(on: On) -> Probe {
    Probe { on, ..idle() }
}

/// Node 1 is silent, node 2 fails, node 3 answers.
fn by_node(_: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    if let Input::Request { id, reply, .. } = input {
        cx.log(format_args!("{} {}", id.client, id.seq));
        match cx.me() {
            1 => {}
            2 => cx.reply(reply, Answer::Fail),
            _ => cx.reply(reply, Answer::Value(None)),
        }
    }
}

/// Nodes 1 and 2 know no better than to point on, 1 to node 3, 2 to nobody; node 3 answers.
fn pointing(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    match (input, cx.me()) {
        (Input::Request { reply, .. }, 1) => cx.redirect(reply, Some(3)),
        (Input::Request { reply, .. }, 2) => cx.redirect(reply, None),
        (other, _) => crate::probe::answer(node, other, cx),
    }
}

fn silent(_: &mut ProbeNode, _: Input<ProbeNode>, _: &mut Cx<'_>) {}

/// Which nodes the first operation reached, in order.
fn asked(outcome: &murphy_sim::Outcome) -> Vec<u16> {
    let requests = outcome.trace.iter().filter(|event| matches!(event.what, What::Request(op) if op.0 == 0));
    requests.filter_map(|event| event.node).collect()
}

/// The first operation, asked of node `via`, reaches these nodes and ends like this.
#[track_caller]
fn check(probe: Probe, via: u16, steps: &str, nodes: &[u16], completion: &str) {
    let outcome = second(probe, &format!("at 100ms invoke read k1 by c1 via n{via}\n{steps}"));
    assert_eq!((asked(&outcome).as_slice(), completions(&outcome, 1).as_str()), (nodes, completion));
}

#[test]
fn an_operation_ends_ok_or_fails_or_nobody_knows() {
    check(server(by_node), 3, "", &[3], "ok");
    check(server(by_node), 2, "", &[2], "fail");
    check(server(by_node), 1, "", &[1], "info");
    let refuses: On = |_, input, cx| {
        if let Input::Request { reply, .. } = input {
            cx.refuse(reply);
        }
    };
    check(server(refuses), 1, "", &[1], "fail");
}

#[test]
fn a_timeout_ends_the_operation_and_retires_its_process() {
    let text = "nodes 3, clients 2, keys 1, ops 0\nphases chaos 2s, heal 10ms, settle 10ms
        at 100ms invoke read k1 by c2 via n1\nat 700ms invoke read k1 by c2 via n3
        at 800ms invoke read k1 by c2 via n1\nat 1.5s invoke read k1 by c2 via n3\nat 1.5s invoke read k1 by c1 via n3";
    let outcome = run(server(by_node), text);
    assert_eq!(completions(&outcome, 5), "info ok info ok ok");
    let processes: Vec<u32> = outcome.history.operations.iter().take(5).map(|operation| operation.process).collect();
    let mut last = processes[3..].to_vec();
    last.sort_unstable();
    assert_eq!((&processes[..3], last.as_slice()), (&[1, 3, 3][..], &[0, 5][..]));
    let first = outcome.history.operations[0];
    assert_eq!(first.completion.expect("it ended").1 - first.invoked_at, 500 * MS);
}

#[test]
fn a_busy_lane_skips_its_slots_and_no_other_operation_changes() {
    let text = "seed 5\nnodes 3, clients 2, keys 3, ops 100\nphases chaos 1s, heal 10ms, settle 10ms";
    let (quick, slow) = (run(idle(), text), run(server(by_node), text));
    let generated = |outcome: &murphy_sim::Outcome| -> Vec<(u64, Call)> {
        let within = outcome.history.operations.iter().filter(|operation| operation.invoked_at < 1000 * MS);
        within.map(|operation| (operation.invoked_at, operation.call)).collect()
    };
    let (all, some) = (generated(&quick), generated(&slow));
    assert!(all.len() > 90, "{}", all.len());
    // Lane 1 asks node 1, which is silent, and is busy for half a second each time.
    assert!((45..60).contains(&some.len()), "{}", some.len());
    let same = some.iter().filter(|(at, call)| {
        all.iter().any(|(time, other)| time == at && other.key == call.key && other.function == call.function)
    });
    assert_eq!(same.count(), some.len());
}

#[test]
fn an_invoke_step_on_a_busy_lane_does_nothing() {
    let outcome =
        second(server(by_node), "at 100ms invoke read k1 by c1 via n1\nat 200ms invoke write k1 by c1 via n3");
    assert_eq!((report(&outcome, "read").effects, report(&outcome, "write").effects), (1, 0));
}

#[test]
fn an_invoke_step_says_who_asks_whom_for_what() {
    let text = "nodes 3, clients 3, keys 2, ops 0\nphases chaos 1s, heal 10ms, settle 10ms\n";
    let outcome = run(idle(), &format!("{text}at 100ms invoke cas k2 5 17 by c2 via n3"));
    let operation = outcome.history.operations[0];
    let call = Call { function: 2, key: 2, input: Value::Pair(5, 17) };
    assert_eq!((operation.process, operation.call, operation.node, operation.invoked_at), (1, call, 3, 100 * MS));
    let fresh = run(idle(), &format!("{text}at 100ms invoke write k1\nat 200ms invoke write k1"));
    assert_ne!(fresh.history.operations[0].call.input, fresh.history.operations[1].call.input);
    assert!(fresh.history.operations.iter().take(2).all(|operation| operation.call.input != Value::Int(0)));
}

#[test]
fn a_redirect_is_followed_to_the_node_it_names_or_the_next_one() {
    check(server(pointing), 1, "", &[1, 3], "ok");
    check(server(pointing), 2, "", &[2, 3], "ok");
    let nowhere: On = |node, input, cx| match (input, cx.me()) {
        (Input::Request { reply, .. }, 1) => cx.redirect(reply, Some(0)),
        (Input::Request { reply, .. }, 2) => cx.redirect(reply, Some(99)),
        (other, _) => crate::probe::answer(node, other, cx),
    };
    check(server(nowhere), 1, "", &[1, 2, 3], "ok");
    let circle: On = |_, input, cx| {
        if let Input::Request { reply, .. } = input {
            cx.redirect(reply, None);
        }
    };
    check(server(circle), 1, "", &[1, 2, 3, 1], "fail");
}

#[test]
fn a_node_that_is_down_refuses_the_connection_and_another_is_asked() {
    check(idle(), 1, "at 50ms crash n1", &[2], "ok");
    check(idle(), 1, "at 50ms crash {n1,n2}", &[3], "ok");
    check(idle(), 1, "at 50ms crash all", &[], "fail");
}

#[test]
fn a_retry_has_the_same_id_and_goes_to_the_next_node() {
    let retrying = |on: On| {
        let routing = Routing {
            first: First::Sticky,
            retry: Retry::SameId(1),
            timeout: Duration::from_millis(100),
            ..Routing::default()
        };
        Probe { routing, ..server(on) }
    };
    // A definite failure says nothing of the first attempt, which may still take effect.
    check(retrying(by_node), 1, "", &[1, 2], "info");
    check(retrying(by_node), 1, "at 50ms crash n2", &[1, 3], "ok");
    check(retrying(silent), 1, "", &[1, 2], "info");
    check(retrying(by_node), 2, "", &[2], "fail");
    let outcome = second(retrying(by_node), "at 100ms invoke read k1 by c1 via n1");
    let id = |node| story(&outcome, node).split('[').nth(1).and_then(|rest| rest.split(']').next()).map(str::to_owned);
    assert!(id(1).is_some());
    assert_eq!(id(1), id(2));
}

#[test]
fn redirects_that_end_nowhere_after_an_unanswered_attempt_leave_the_outcome_unknown() {
    let silent_then_circle: On = |node, input, cx| {
        if let Input::Request { reply, .. } = input {
            node.state += 1;
            if node.state > 1 || cx.me() != 1 {
                cx.redirect(reply, None);
            }
        }
    };
    let routing = Routing {
        first: First::Sticky,
        retry: Retry::SameId(1),
        timeout: Duration::from_millis(100),
        ..Routing::default()
    };
    check(Probe { routing, ..server(silent_then_circle) }, 1, "", &[1, 2, 3, 1, 2], "info");
}

#[test]
fn an_answer_is_worth_nothing_after_a_crash_or_from_another_node() {
    const ASKED: File = File("asked");
    fn keeps(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match input {
            Input::Request { reply, request: RegisterOp::Write(..), .. } => {
                cx.replace(ASKED, &reply.0.to_le_bytes()).expect("a sound disk");
                cx.send(2, Numbered { kind: 0, number: reply.0 });
            }
            Input::Message { message, .. } => cx.reply(ReplyTo(message.number), Answer::Value(None)),
            other => crate::probe::answer(node, other, cx),
        }
    }
    fn answers_late(_: &mut ProbeNode, _: &Boot<'_>, cx: &mut Cx<'_>) {
        if let Some(asked) = cx.contents(ASKED).expect("a sound disk") {
            let token = u64::from_le_bytes(asked.try_into().expect("eight bytes"));
            cx.reply(ReplyTo(token), Answer::Value(None));
            cx.log(format_args!("answered"));
        }
    }
    let probe = || Probe { start: answers_late, on: keeps, ..idle() };
    let write = "at 100ms invoke write k1 7 by c1 via n1";
    let outcome = second(probe(), &format!("{write}\nat 200ms crash n1, restart after 50ms"));
    assert!(story(&outcome, 1).contains("[answered]"));
    assert!(story(&outcome, 2).contains("<-n1"));
    assert_eq!(completions(&outcome, 1), "info");
}

#[test]
fn a_second_answer_and_one_that_comes_too_late_change_nothing() {
    let twice: On = |_, input, cx| {
        if let Input::Request { reply, .. } = input {
            cx.reply(reply, Answer::Value(None));
            cx.reply(reply, Answer::Fail);
        }
    };
    check(server(twice), 1, "", &[1], "ok");
    // The node is paused until after the timeout: the request reaches it all the same, and nobody waits for the answer.
    check(idle(), 1, "at 50ms pause n1 for 700ms", &[1], "info");
}

#[test]
fn clients_go_on_asking_whoever_answered_last() {
    let routing = Routing { first: First::LastLeader, ..Routing::default() };
    let text = "seed 1\nnodes 3, clients 3, keys 1, ops 60\nphases chaos 1s, heal 10ms, settle 10ms";
    let outcome = run(Probe { routing, ..server(pointing) }, text);
    let operations = &outcome.history.operations;
    assert!(operations.iter().take(3).any(|operation| operation.node != 3));
    assert!(operations.iter().skip(20).all(|operation| operation.node == 3));
    assert_eq!(outcome.verdict, Verdict::Valid);
}
