//! What nodes may log and send: each limit ends the run that goes beyond it, under its own name, with or without a trace.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use murphy_checker::{
    explain::explain,
    verdict::{Class, Verdict},
};
use murphy_sim::{About, Boot, Input, Limit, Options, Outcome, Run, Runner, Target, Workload};

use crate::probe::{Cx, MS, Probe, ProbeNode, SECOND, answer, chatter, idle, schedule};

/// A probe with limits.
struct Limited {
    probe: Probe,
    limits: Vec<Limit>,
}

impl Target for Limited {
    type Node = ProbeNode;
    fn about(&self) -> About {
        self.probe.about()
    }
    fn start(&self, boot: &Boot<'_>, cx: &mut Cx<'_>) -> ProbeNode {
        self.probe.start(boot, cx)
    }
    fn workloads(&self) -> Vec<Workload<ProbeNode>> {
        self.probe.workloads()
    }
    fn limits(&self) -> Vec<Limit> {
        self.limits.clone()
    }
}

fn runner(probe: Probe, limits: &[Limit]) -> Runner<Limited> {
    Runner::new(Rc::new(Limited { probe, limits: limits.to_vec() }), BTreeSet::new())
}

/// The run of `probe` within these limits.
#[track_caller]
fn within(probe: Probe, limits: &[Limit], steps: &str) -> Outcome {
    let (mut runner, schedule) = (runner(probe, limits), schedule(&format!("{SECOND}{steps}")));
    let outcome = runner.run(&schedule, Options::TRACE).clone();
    let again = runner.run(&schedule, Options::SEARCH);
    assert_eq!(
        (&again.verdict, again.trace_hash),
        (&outcome.verdict, outcome.trace_hash),
        "it is the same without a trace"
    );
    outcome
}

/// What it breaks, in words; empty if nothing.
#[track_caller]
fn broken(probe: Probe, limits: &[Limit], steps: &str) -> String {
    let outcome = within(probe, limits, steps);
    let Some(anomaly) = outcome.verdict.anomaly() else {
        assert_eq!(outcome.verdict, Verdict::Valid);
        return String::new();
    };
    assert_eq!(anomaly.class, Class::Invariant);
    format!("{}: {}", anomaly.name, explain(&outcome.history, anomaly).summary)
}

/// Logs after 100 ms, and once more after it has worked for 50 ms.
fn talker() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return answer(node, input, cx) };
        cx.log(format_args!("n{} is Ready", cx.me()));
        cx.spend(Duration::from_millis(50));
        cx.log(format_args!("its log is Corrupt"));
    }
    let start = |_: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>| {
        if boot.incarnation == 0 {
            cx.set(murphy_sim::Timer(0), Duration::from_millis(100));
        }
    };
    Probe { start, on, ..idle() }
}

#[test]
fn a_line_that_must_not_be_logged_ends_the_run() {
    let forbidden = |text| [Limit::NeverLogs("of no use"), Limit::NeverLogs(text)];
    assert_eq!(
        broken(talker(), &forbidden("n2 is ready"), ""),
        "log-pattern: n2 logged `n2 is Ready`, which has `n2 is ready`"
    );
    let outcome = within(talker(), &forbidden("corrupt"), "");
    assert_eq!(outcome.verdict.anomaly().map(|anomaly| &*anomaly.name), Some("log-pattern"));
    assert_eq!(outcome.time / MS, 150, "as soon as a handler that takes time has come to it");
    assert_eq!(broken(talker(), &forbidden("corrupt"), "at 120ms crash all"), "", "and not if it never does");
    assert_eq!(broken(talker(), &[], ""), "", "nobody forbids it");
}

#[test]
fn a_line_that_must_be_logged_is_missed_at_the_end() {
    let required = [Limit::Logs("n1 is ready")];
    assert_eq!(broken(talker(), &required, ""), "");
    let missing = "log-missing: no node logged a line that has `n1 is ready`";
    assert_eq!(broken(talker(), &required, "at 50ms crash n1"), missing);
    let (mut runner, quiet) = (runner(talker(), &required), schedule(&format!("{SECOND}at 50ms crash n1")));
    assert_eq!(runner.run(&schedule(SECOND), Options::SEARCH).verdict, Verdict::Valid);
    assert!(runner.run(&quiet, Options::SEARCH).verdict.anomaly().is_some(), "what another run logged does not count");
}

#[test]
fn a_node_may_send_so_many_messages_in_so_short_a_time() {
    let sends = |kind, most, millis| [Limit::Sends { kind, most, within: Duration::from_millis(millis) }];
    // Two of each kind every ten milliseconds.
    assert_eq!(broken(chatter(), &sends(Some("Tock"), 20, 100), ""), "");
    let flood = "message-flood: n1 sent more than 19 messages of Tock within 100 ms";
    assert_eq!(broken(chatter(), &sends(Some("Tock"), 19, 100), ""), flood);
    assert_eq!(broken(chatter(), &sends(None, 40, 100), ""), "", "each node is counted by itself");
    assert!(
        broken(chatter(), &sends(None, 39, 100), "")
            .starts_with("message-flood: n1 sent more than 39 messages of any kind")
    );
    assert_eq!(within(chatter(), &sends(None, 39, 100), "").time / MS, 100, "at the first that is too many");
}

#[test]
fn what_was_logged_and_sent_by_a_snapshot_counts() {
    let limits = [Limit::Logs("n1 is ready"), Limit::NeverLogs("corrupt")];
    let (mut runner, schedule) = (runner(talker(), &limits), schedule(&format!("{SECOND}at 120ms crash all")));
    let events = runner.run(&schedule, Options::SEARCH).events;
    let last = runner.run_keeping(&schedule, Options::SEARCH, &[events - 1]).pop().expect("it can be kept");
    runner.run(&crate::probe::schedule(SECOND), Options::SEARCH);
    assert_eq!(runner.resume(&last, &schedule, Options::SEARCH).map(|outcome| &outcome.verdict), Ok(&Verdict::Valid));
}

#[test]
#[should_panic(expected = "a limit is for messages of kind `Tack`, expected one of Tick, Tock")]
fn a_limit_for_messages_that_there_are_not_is_refused() {
    runner(idle(), &[Limit::Sends { kind: Some("Tack"), most: 1, within: Duration::from_secs(1) }]);
}

/// Takes 30 ms for each request.
fn slow() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if let Input::Request { .. } = input {
            cx.spend(Duration::from_millis(30));
        }
        answer(node, input, cx);
    }
    Probe { on, ..idle() }
}

#[test]
fn an_operation_may_take_so_long_while_nothing_is_wrong() {
    let verdict = |millis, calm, steps: &str| {
        let limit = Limit::Answers { within: Duration::from_millis(millis), calm: Duration::from_millis(calm) };
        let header = SECOND.replace("ops 0", "ops 20");
        let outcome = runner(slow(), &[limit]).run(&schedule(&format!("{header}{steps}")), Options::SEARCH).clone();
        let told = outcome.verdict.anomaly().map(|anomaly| explain(&outcome.history, anomaly).summary);
        (outcome.verdict.anomaly().map(|anomaly| anomaly.name.to_string()), told.unwrap_or_default(), outcome.time / MS)
    };
    assert_eq!(verdict(60, 0, "").0, None);
    let (name, told, at) = verdict(20, 0, "");
    assert_eq!(name.as_deref(), Some("slow-operation"));
    assert!(
        told.starts_with("operation 0 took 3") && told.ends_with("while nothing was wrong, more than 20 ms"),
        "{told}"
    );
    assert!(at < 500, "it is told at once");
    assert!(verdict(20, 500, "").2 > 500, "the system needs some time to begin");
    let step = "at 0s block n1->n2 for 1s";
    let (name, _, at) = verdict(20, 0, step);
    assert!(name.is_some() && at > 1000, "while a step is in force, nobody complains");
    assert_eq!(verdict(20, 5000, step).0, None, "nor so long after it");
    let crashed = "at 0s crash n1";
    assert_eq!(verdict(20, 5000, crashed).0, None);
}
