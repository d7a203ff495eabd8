//! Final reads at each node: all of them are asked, again and again until they agree, and who never agrees has diverged.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use murphy_checker::{
    history::{Completion, FinalReads, Operation, Value},
    verdict::{Class, Verdict},
};
use murphy_sim::{
    About, Boot, Context, Counter, CounterOp, First, Input, LastReads, Node, Operations, Options, Outcome, Reads,
    Retry, Routing, Run, Runner, StateView, Target, Timer, Workload,
};

use crate::probe::{MS, schedule};

/// A node that counts what it is told, and tells the others of it when a timer goes off.
#[derive(Clone, Default)]
struct Replica {
    /// By key, from 1 to 2.
    numbers: [i64; 3],
    untold: [i64; 3],
    tells: bool,
}

impl Node for Replica {
    type Message = [i64; 3];
    type Request = CounterOp;
    type Response = Option<i64>;
    const KINDS: &'static [&'static str] = &["Add"];

    fn kind(_: &[i64; 3]) -> usize {
        0
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { message, .. } => (0..3).for_each(|key| self.numbers[key] += message[key]),
            Input::Timer(_) if self.tells => {
                let me = cx.me();
                for node in (1..=3).filter(|node| *node != me) {
                    cx.send(node, self.untold);
                }
                self.untold = [0; 3];
            }
            Input::Request { reply, request: CounterOp::Read(key), .. } => {
                cx.reply(reply, Some(self.numbers[key as usize]));
            }
            Input::Request { reply, request: CounterOp::Add(key, more), .. } => {
                self.numbers[key as usize] += more;
                self.untold[key as usize] += more;
                cx.reply(reply, None);
            }
            _ => {}
        }
    }

    fn inspect(&self, _: &mut StateView) {}

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// Counters that are told after so many milliseconds, by all but the nodes from this one on.
struct Late {
    tells_at: u64,
    silent_from: u16,
    /// A node that refuses to read.
    refuses: u16,
}

impl Target for Late {
    type Node = Replica;

    fn about(&self) -> About {
        About::new("late").nodes(3..=3).recovers_within(Duration::from_millis(100)).fail_stop("broken")
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Replica>) -> Replica {
        assert!(boot.me != self.refuses || cx.mono() == 0, "broken");
        cx.set(Timer(0), Duration::from_millis(self.tells_at));
        Replica { tells: boot.me < self.silent_from, ..Replica::default() }
    }

    fn workloads(&self) -> Vec<Workload<Replica>> {
        let timeout = Duration::from_millis(100);
        // It would follow anybody anywhere, but not with a final read.
        let routing = Routing { first: First::Sticky, follow_redirects: 9, timeout, retry: Retry::SameId(3) };
        let counter = Counter { reads: Reads::Converging, ..Counter::default() };
        assert_eq!(counter.last_reads(), LastReads::EachNode);
        vec![Workload::new("counter", counter, |op| *op, |_, answer| Completion::Ok(answer)).routing(routing)]
    }
}

/// All is healed at 100 ms, and final reads begin at 110 ms; ten times as long as is promised is five seconds.
const HEADER: &str = "seed 3\nnodes 3, clients 3, keys 1, ops 0\nphases chaos 100ms, heal 10ms, settle 100ms\n\
                      at 50ms invoke add k1 7 by c1 via n1\nat 50ms invoke add k1 2 by c2 via n2";

fn run(target: Late, text: &str) -> Outcome {
    Runner::new(Rc::new(target), BTreeSet::new()).run(&schedule(text), Options::SEARCH).clone()
}

/// What was read in the end: nodes and numbers.
fn read(outcome: &Outcome) -> Vec<(u16, u64)> {
    let found = |one: &Operation| match one.completion {
        Some((Completion::Ok(Value::Int(found)), _)) => Some((one.node, found)),
        _ => None,
    };
    let reads = outcome.history.operations.iter().filter(|one| one.call.function == 0 && one.invoked_at >= 110 * MS);
    let mut reads: Vec<(u16, u64)> = reads.filter_map(found).collect();
    reads.sort_unstable();
    reads
}

fn anomaly(outcome: &Outcome) -> Option<(Class, &str)> {
    outcome.verdict.anomaly().map(|anomaly| (anomaly.class, &*anomaly.name))
}

#[test]
fn each_node_is_read_once_if_they_agree() {
    let outcome = run(Late { tells_at: 60, silent_from: 9, refuses: 0 }, HEADER);
    assert_eq!((anomaly(&outcome), read(&outcome)), (None, vec![(1, 9), (2, 9), (3, 9)]));
    assert_eq!(outcome.history.final_reads, FinalReads::From(110 * MS));
    assert!(outcome.time < 120 * MS);
}

#[test]
fn who_agrees_late_is_waited_for() {
    let outcome = run(Late { tells_at: 3_000, silent_from: 9, refuses: 0 }, HEADER);
    let reads = read(&outcome);
    assert_eq!((anomaly(&outcome), outcome.verdict == Verdict::Valid), (None, true));
    assert!(reads.contains(&(1, 7)) && reads.contains(&(2, 2)) && reads.contains(&(3, 0)), "{reads:?}");
    assert!((1..=3).all(|node| reads.contains(&(node, 9))), "{reads:?}");
    assert!(
        matches!(outcome.recovered, Some(took) if (2_900..3_200).contains(&(took / MS))),
        "{:?}",
        outcome.recovered
    );
}

#[test]
fn who_agrees_by_chance_is_waited_for() {
    // Each has 7 until they tell each other, and 21 then.
    let text = format!("{HEADER}\nat 50ms invoke add k1 7 by c3 via n3").replace("k1 2", "k1 7");
    // On another object they do not agree meanwhile.
    let text = format!("{text}\nat 55ms invoke add k2 1 by c1 via n1").replace("keys 1", "keys 2");
    let outcome = run(Late { tells_at: 3_000, silent_from: 9, refuses: 0 }, &text);
    assert!(read(&outcome).contains(&(3, 7)) && read(&outcome).contains(&(3, 21)), "{:?}", read(&outcome));
    assert!(
        matches!(outcome.recovered, Some(took) if (2_900..3_200).contains(&(took / MS))),
        "{:?}",
        outcome.recovered
    );
    assert_eq!(anomaly(&outcome), None);
    let outcome = run(Late { tells_at: 60, silent_from: 1, refuses: 0 }, &text);
    assert_eq!(anomaly(&outcome), Some((Class::Invariant, "out-of-range")));
    assert!((5_000..6_000).contains(&(outcome.time / MS)), "{}", outcome.time);
}

#[test]
fn who_never_agrees_has_diverged() {
    let outcome = run(Late { tells_at: 60, silent_from: 2, refuses: 0 }, HEADER);
    assert_eq!((anomaly(&outcome), outcome.recovered), (Some((Class::Invariant, "diverged")), None));
    assert!((5_000..6_000).contains(&(outcome.time / MS)), "{}", outcome.time);
    // Links that are long for good give it more time, and no excuse.
    let far = format!("dcs 3\nlatency between 10ms\n{HEADER}");
    let outcome = run(Late { tells_at: 60, silent_from: 2, refuses: 0 }, &far);
    assert_eq!(anomaly(&outcome), Some((Class::Invariant, "diverged")));
    assert!((6_000..7_000).contains(&(outcome.time / MS)), "{}", outcome.time);
    let slow = format!("resources cpu 50%\n{HEADER}");
    let outcome = run(Late { tells_at: 60, silent_from: 2, refuses: 0 }, &slow);
    assert_eq!((anomaly(&outcome), outcome.history.final_reads), (None, FinalReads::Nowhere));
}

#[test]
fn all_may_agree_on_too_little() {
    // What n1 was told it forgets before it has told anybody.
    let text = format!("{HEADER}\nat 70ms crash n1, restart after 1ms");
    let outcome = run(Late { tells_at: 90, silent_from: 9, refuses: 0 }, &text);
    assert_eq!(anomaly(&outcome), Some((Class::Invariant, "out-of-range")), "{:?}", read(&outcome));
}

#[test]
fn a_node_that_is_gone_is_not_read_and_nobody_is_judged_by_what_it_holds() {
    let text = format!("{HEADER}\nat 70ms crash n3, restart after 1ms");
    let outcome = run(Late { tells_at: 60, silent_from: 2, refuses: 3 }, &text);
    let reads = read(&outcome);
    assert!(reads.iter().all(|(node, _)| *node != 3) && reads.len() >= 2, "{reads:?}");
    assert_eq!((anomaly(&outcome), outcome.history.final_reads), (None, FinalReads::Nowhere));
}
