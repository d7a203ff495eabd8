//! A target's invariants in a run: when each is judged, on which state, and what is told of one that is broken.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use murphy_checker::verdict::{Class, Verdict};
use murphy_sim::{
    About, Boot, Capture, Completion, Context, Evidence, Input, Invariant, Node, Options, Outcome, Register,
    RegisterOp, Run, Runner, StateView, Target, Timer, Workload, invariant,
};

use crate::probe::schedule;

/// A node that ticks each 10 ms, counts what it answers, and says so. Node 1 is the head, the others are tails.
#[derive(Clone)]
struct Ticker {
    me: u16,
    ticks: u64,
    answers: u64,
}

impl Node for Ticker {
    type Message = ();
    type Request = RegisterOp;
    type Response = Option<u64>;
    const KINDS: &'static [&'static str] = &["Nothing"];

    fn kind((): &()) -> usize {
        0
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Timer(timer) => {
                self.ticks += 1;
                if self.me == 3 && self.ticks == 5 {
                    cx.spend(Duration::from_millis(3));
                }
                cx.event("tick", self.ticks);
                murphy_sim::sometimes!(self.ticks == 7, "a node has ticked seven times");
                cx.set(timer, Duration::from_millis(10));
            }
            Input::Request { reply, .. } => {
                self.answers += 1;
                cx.reply(reply, None);
            }
            _ => {}
        }
    }

    fn inspect(&self, view: &mut StateView) {
        view.role(if self.me == 1 { "head" } else { "tail" });
    }

    fn expose(&self, state: &mut Capture<'_>) {
        state.put("ticks", self.ticks);
        state.put_with("sober", || {
            assert!(self.me != 2 || self.ticks < 20, "it cannot say");
            self.me > 0
        });
        state.nested("of clients", |clients| clients.put_with("answers", || self.answers));
        state.nested("clients", |clients| clients.put("answers", self.answers));
    }

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }
}

struct Tickers(Vec<Invariant>);

impl Target for Tickers {
    type Node = Ticker;

    fn about(&self) -> About {
        About::new("tickers").nodes(3..=3).roles(&["head", "tail"]).recovers_within(Duration::MAX)
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Ticker>) -> Ticker {
        cx.set(Timer(1), Duration::from_millis(10));
        Ticker { me: boot.me, ticks: 0, answers: 0 }
    }

    fn workloads(&self) -> Vec<Workload<Ticker>> {
        vec![Workload::new("register", Register::default(), |op| *op, |_, _| Completion::Fail)]
    }

    fn invariants(&self) -> Vec<Invariant> {
        self.0.clone()
    }
}

fn runner(invariants: &str) -> Runner<Tickers> {
    let invariants =
        if invariants.is_empty() { Vec::new() } else { invariant::parse(invariants).expect("it is right") };
    Runner::new(Rc::new(Tickers(invariants)), BTreeSet::new())
}

fn second(steps: &str) -> murphy_schedule::Schedule {
    schedule(&format!("seed 1\nclients 1, keys 1, ops 0\nphases chaos 1s, heal 10ms\n{steps}\n"))
}

/// What is broken in a second under `steps`: name, millisecond, object, occasion and why; or `holds`.
fn told(outcome: &Outcome) -> String {
    match &outcome.verdict {
        Verdict::Invalid(anomaly) => {
            assert_eq!(anomaly.class, Class::Invariant);
            let Evidence::Broken(broken) = &anomaly.evidence else { panic!("{anomaly:?}") };
            let object = broken.object.as_deref().unwrap_or("-");
            format!("{} {} {object} {}: {}", anomaly.name, broken.time / 1_000_000, broken.occasion, broken.why)
        }
        _ => "holds".to_string(),
    }
}

#[track_caller]
fn check(invariants: &str, steps: &str, expected: &str) {
    assert_eq!(told(runner(invariants).run(&second(steps), Options::SEARCH)), expected, "{invariants}");
}

#[test]
fn each_occasion_is_one_to_judge_at() {
    check(
        "invariant \"x\", on step: { on every object: ticks < 3 }",
        "",
        "x 30 n1 after an event: expected ticks < 3, but ticks is 3",
    );
    check(
        "invariant \"x\", every 25 ms: { on every object: ticks < 3 }",
        "",
        "x 50 n1 as time passed: expected ticks < 3, but ticks is 4",
    );
    check(
        "invariant \"x\", on event \"tick\": { sum(ticks) < 8 }",
        "",
        "x 30 - on the event \"tick\": expected sum(ticks) < 8, but sum(ticks) is 8",
    );
    check("invariant \"x\", on event \"tock\": { sum(ticks) < 8 }", "", "holds");
    check(
        "invariant \"x\", on mark \"a node has ticked seven times\": { sum(ticks) < 8 }",
        "",
        "x 70 - on the mark \"a node has ticked seven times\": expected sum(ticks) < 8, but sum(ticks) is 19",
    );
    check(
        "invariant \"x\", on fault: { count(ticks) == 3 }",
        "at 100ms crash n2",
        "x 100 - as the fault crash began or ended: expected count(ticks) == 3, but count(ticks) is 2",
    );
    check("invariant \"x\", on fault: { count(ticks) == 3 }", "at 100ms pause n2 for 50ms", "holds");
    check("invariant \"x\": { sum(ticks) < 100000 }", "", "holds");
}

#[test]
fn an_operation_is_judged_on_the_states_before_and_after_it() {
    let run = |invariants: &str| {
        let text = "seed 1\nclients 1, keys 1, ops 5\nphases chaos 1s, heal 10ms\n";
        told(runner(invariants).run(&schedule(text), Options::SEARCH))
    };
    let broken = run("invariant \"x\": { sum(clients.answers) == sum(old_clients.answers) }");
    let why = "as operation 0 completed: expected sum(clients.answers) == sum(old_clients.answers), but sum(clients.answers) is 1 and \
               sum(old_clients.answers) is 0";
    assert!(broken.ends_with(why), "{broken}");
    assert_eq!(run("invariant \"x\": { sum(clients.answers) == sum(old_clients.answers) + 1 }"), "holds");
    let slow = run("invariant \"x\": { latency_us < 1 or outcome != \"fail\" }");
    assert!(slow.contains("expected latency_us < 1 or outcome != \"fail\""), "{slow}");
    let fifth = run("invariant \"x\": { failed < 3 }");
    assert!(fifth.ends_with("as operation 2 completed: expected failed < 3, but failed is 3"), "{fifth}");
}

#[test]
fn a_fault_is_judged_on_the_states_before_and_after_it() {
    let lost = "invariant \"x\", on fault: { count(ticks) == count(old_ticks) }";
    let why = "x 100 - as the fault crash began or ended: expected count(ticks) == count(old_ticks), but count(ticks) is 2 and \
               count(old_ticks) is 3";
    check(lost, "at 100ms crash n2", why);
    check(lost, "at 100ms pause n2", "holds");
    check(
        "invariant \"x\", on step: { on every object: ticks <= old_ticks + 1 }",
        "at 100ms crash n2 for 50ms",
        "holds",
    );
}

#[test]
fn groups_are_those_of_the_roles_and_what_is_more_urgent_goes_first() {
    check(
        "invariant \"x\", on step: { for group(tail): count(ticks) < 2 }",
        "",
        "x 0 - after an event: expected count(ticks) < 2, but count(ticks) is 2",
    );
    check("invariant \"x\", on step: { for group(head): count(ticks) < 2 }", "", "holds");
    let both = "invariant \"a\", on step: { sum(ticks) < 5 } invariant \"b\", on step, priority 1: { sum(ticks) < 5 }";
    check(both, "", "b 20 - after an event: expected sum(ticks) < 5, but sum(ticks) is 5");
}

#[test]
fn who_judges_changes_nothing_and_forgets_the_last_run() {
    let steps = "at 100ms crash n2 for 100ms\nat 300ms pause n1 for 100ms";
    let everything = "invariant \"x\", on step, on fault, every 7 ms, on mark \"a node has ticked seven times\": \
                      { on every object: ticks >= old_ticks or ticks == 0 }";
    let (mut without, mut with) = (runner(""), runner(everything));
    for _ in 0..2 {
        let hash = without.run(&second(steps), Options::SEARCH).trace_hash;
        let outcome = with.run(&second(steps), Options::SEARCH);
        assert_eq!((told(outcome).as_str(), outcome.trace_hash), ("holds", hash));
    }
    let mut broken = runner("invariant \"x\", on step: { sum(ticks) <= sum(initial_ticks) + 100 }");
    let first = told(broken.run(&second(steps), Options::SEARCH));
    assert!(first.starts_with("x "), "{first}");
    assert_eq!(told(broken.run(&second(steps), Options::SEARCH)), first);
}

#[test]
fn a_resumed_run_breaks_what_the_whole_run_breaks() {
    let mut runner = runner(
        "invariant \"x\", on step, every 10 ms: { on every object: ticks < initial_ticks + 50 and ticks >= old_ticks }",
    );
    let whole = told(runner.run(&second(""), Options::SEARCH));
    assert!(whole.starts_with("x 500 n1"), "{whole}");
    let snapshots = runner.run_keeping(&second(""), Options::SEARCH, &[50, 100]);
    assert_eq!(snapshots.len(), 2);
    for snapshot in &snapshots {
        let resumed = runner.resume(snapshot, &second(""), Options::SEARCH).expect("it is the same schedule");
        assert_eq!(told(resumed), whole);
    }
}

#[test]
fn what_is_never_decided_is_told() {
    let mut runner = runner("invariant \"x\", on step: { on every object: ticks >= 0 on every object: tickets >= 0 }");
    assert_eq!(told(runner.run(&second(""), Options::SEARCH)), "holds");
    let undecided = runner.undecided();
    assert_eq!(undecided, [("x".to_string(), "on every object: tickets >= 0".to_string())]);
}

#[test]
fn a_handler_that_takes_time_changes_its_node_when_it_is_through() {
    let same = "invariant \"x\", on fault: { on every object: ticks == old_ticks }";
    check(same, "at 51ms note\nat 54ms note", "holds");
    let broken = "x 54 - as the fault note began or ended: expected min(ticks) < 5, but min(ticks) is 5";
    check("invariant \"x\", on fault: { min(ticks) < 5 }", "at 54ms note", broken);
}

#[test]
fn events_and_marks_are_judged_on_the_states_before_and_after_them() {
    let expected = |when: &str| format!("on the {when}: expected sum(ticks) == sum(old_ticks)");
    for when in ["event \"tick\"", "mark \"a node has ticked seven times\""] {
        let text = format!("invariant \"x\", on {when}: {{ sum(ticks) == sum(old_ticks) }}");
        let outcome = told(runner(&text).run(&second(""), Options::SEARCH));
        assert!(outcome.contains(&expected(when)), "{outcome}");
    }
}

#[test]
fn a_node_that_panics_as_it_exposes_itself_is_found_in_each_run() {
    let mut runner = runner("invariant \"x\", every 10 ms: { on every object: sober }");
    for _ in 0..2 {
        let outcome = runner.run(&second(""), Options::SEARCH);
        let Verdict::Invalid(anomaly) = &outcome.verdict else { panic!("{:?}", outcome.verdict) };
        assert_eq!((anomaly.class, &*anomaly.name), (Class::Panic, "it-cannot-say"));
    }
}

#[test]
fn what_one_run_has_decided_stays_decided_when_another_is_resumed() {
    let mut runner = runner("invariant \"x\", on fault: { on object(n2): ticks < 1000 }");
    let crash = second("at 1ms crash n2");
    let snapshots = runner.run_keeping(&crash, Options::SEARCH, &[1]);
    assert_eq!(snapshots.len(), 1);
    assert_eq!(runner.undecided().len(), 1);
    runner.run(&second("at 1ms note"), Options::SEARCH);
    assert_eq!(runner.undecided(), []);
    runner.resume(&snapshots[0], &crash, Options::SEARCH).expect("it is the same schedule");
    assert_eq!(runner.undecided(), []);
}
