//! How many messages, short runs and checked executions does the world do in a second of CPU time?
//!
//! Each figure stands beside a bare event loop that passes as many messages between as many nodes and does nothing else, in
//! the same process. Resuming from a snapshot stands beside running from the start. Schedules are distinct: the same one over and over reads a third too fast. Not measured: the search
//! (mutation, corpus, feedback), and peers, which are compared elsewhere. `--test` runs each case once.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{cmp::Reverse, collections::BTreeSet, collections::BinaryHeap, rc::Rc, time::Duration};

use murphy_checker::verdict::Verdict;
use murphy_schedule::{Dice, Header, Schedule, mutate};
use murphy_sim::{
    About, Boot, Context, Input, Node, Options, Register, RegisterOp, Run, Runner, StateView, Target, Timer, Workload,
    vocabulary,
};
use murphy_targets::raft_kv::{RaftKv, RaftNode};

/// CPU time of this thread in nanoseconds, from the kernel.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells a thread's CPU time");
    text.split_whitespace().next().and_then(|field| field.parse().ok()).expect("the first field is a number")
}

/// Units of work per second of CPU time; `work` returns how many units it did.
fn rate(mut work: impl FnMut() -> u64) -> f64 {
    let begun = cpu_nanos();
    let units = work();
    units as f64 * 1e9 / (cpu_nanos() - begun).max(1) as f64
}

/// A server that answers, and clients that ask again at once.
struct Chatter {
    server: bool,
}

impl Node for Chatter {
    type Message = u64;
    type Request = RegisterOp;
    type Response = ();
    const KINDS: &'static [&'static str] = &["Ask", "Answer"];
    fn kind(message: &u64) -> usize {
        (*message & 1) as usize
    }
    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { from, message } if self.server => cx.send(from, message | 1),
            Input::Message { from, message } => cx.send(from, (message + 2) & !1),
            Input::Timer(_) => cx.send(1, 0),
            _ => {}
        }
    }
    fn inspect(&self, _: &mut StateView) {}
}

struct Chat {
    nodes: u16,
}

impl Target for Chat {
    type Node = Chatter;
    fn about(&self) -> About {
        About::new("chat").nodes(self.nodes..=self.nodes).recovers_within(Duration::MAX)
    }
    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Chatter>) -> Chatter {
        if boot.me != 1 {
            cx.set(Timer(0), Duration::ZERO);
        }
        Chatter { server: boot.me == 1 }
    }
    fn workloads(&self) -> Vec<Workload<Chatter>> {
        vec![Workload::new("none", Register::default(), |op| *op, |_, ()| murphy_checker::history::Completion::Info)]
    }
}

/// A schedule without faults or operations that lasts so long, in units of 10 ms, and settles at once.
fn quiet(seed: u64, chaos: u16) -> Schedule {
    let header = Header { seed, chaos, heal: 1, settle: 1, ops: Some(0), clients: 1, keys: 1, ..Header::default() };
    Schedule { header, steps: Vec::new() }
}

/// Messages a second between one server and four clients.
fn messages(runs: u64) -> f64 {
    let mut runner = Runner::new(Rc::new(Chat { nodes: 5 }), BTreeSet::new());
    let options = Options { events_max: u64::MAX, ..Options::SEARCH };
    rate(|| (0..runs).map(|seed| runner.run(&quiet(seed, 2000), options).events).sum())
}

/// Runs a second of five nodes and 30 ms, and how many events one has: nearly all are messages.
fn short_runs(runs: u64) -> (f64, u64) {
    let mut runner = Runner::new(Rc::new(Chat { nodes: 5 }), BTreeSet::new());
    let events = runner.run(&quiet(1, 1), Options::SEARCH).events;
    let rate = rate(|| {
        (0..runs).for_each(|seed| {
            runner.run(&quiet(seed, 1), Options::SEARCH);
        });
        runs
    });
    (rate, events)
}

/// The same messages in a loop that only keeps time.
fn bare(messages: u64) -> f64 {
    let mut queue = BinaryHeap::new();
    let mut state = [0u64; 5];
    (1..5u64).for_each(|node| queue.push(Reverse((node, node, 0u64))));
    rate(|| {
        for count in 0..messages {
            let Some(Reverse((time, node, from))) = queue.pop() else { unreachable!("a message begets a message") };
            let slot = &mut state[node as usize];
            *slot = slot.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(time ^ count);
            queue.push(Reverse((time + 500 + (*slot >> 54), from, node)));
        }
        messages
    })
}

/// Distinct schedules for `raft-kv` with three nodes and 60 operations.
fn schedules(count: u64) -> Vec<Schedule> {
    let (words, mut dice) = (vocabulary(&RaftKv), Dice::new(1));
    (0..count)
        .map(|_| {
            let schedule = mutate::random(&words, &mut dice);
            let header = Header {
                seed: schedule.header.seed,
                nodes: 3,
                ops: Some(60),
                keys: 2,
                clients: 4,
                ..Header::default()
            };
            Schedule { header, ..schedule }
        })
        .collect()
}

/// How many times as fast `raft-kv` resumes at 80 % of the events of a run as it runs from the start, check and all.
fn resuming(runs: u64) -> f64 {
    let mut runner = Runner::new(Rc::new(RaftKv), BTreeSet::new());
    let schedules = schedules(runs);
    let mut snapshots = Vec::new();
    for schedule in &schedules {
        let events = runner.run(schedule, Options::SEARCH).events;
        snapshots.extend(runner.run_keeping(schedule, Options::SEARCH, &[events * 4 / 5]));
    }
    let (mut hashes, mut resumed) = (Vec::new(), Vec::new());
    let whole = rate(|| {
        hashes.extend(schedules.iter().map(|schedule| runner.run(schedule, Options::SEARCH).trace_hash));
        runs
    });
    let rest = rate(|| {
        let both = schedules.iter().zip(&snapshots);
        resumed.extend(both.map(|(schedule, snapshot)| {
            runner.resume(snapshot, schedule, Options::SEARCH).expect("it serves its own schedule").trace_hash
        }));
        runs
    });
    assert_eq!(hashes, resumed, "a resumed run is the run from the start");
    rest / whole
}

/// `raft-kv` without its invariants.
struct Unwatched;

impl Target for Unwatched {
    type Node = RaftNode;
    fn about(&self) -> About {
        RaftKv.about()
    }
    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, RaftNode>) -> RaftNode {
        RaftKv.start(boot, cx)
    }
    fn workloads(&self) -> Vec<Workload<RaftNode>> {
        RaftKv.workloads()
    }
}

/// Executions a second of a `raft-kv` under distinct schedules, checked, with all signals.
fn executions(target: impl Target, runs: u64) -> f64 {
    let schedules = schedules(runs);
    let mut runner = Runner::new(Rc::new(target), BTreeSet::new());
    let (mut events, mut states, mut virtual_ns) = (0, 0, 0);
    let rate = rate(|| {
        for schedule in &schedules {
            let outcome = runner.run(schedule, Options::SEARCH);
            assert_eq!(outcome.verdict, Verdict::Valid, "the correct raft-kv is not blamed");
            events += outcome.events;
            states += outcome.signals.states.len() as u64;
            virtual_ns += outcome.time;
        }
        runs
    });
    let seconds = virtual_ns as f64 / runs as f64 / 1e9;
    println!(
        "    (a raft-kv run has {} events, {} states, {seconds:.1} s of virtual time)",
        events / runs,
        states / runs
    );
    rate
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let scale = |count: u64| if test { 1 + count / 1000 } else { count };
    let bare = bare(scale(20_000_000));
    let row = |what: &str, rate: f64, ratio: f64| {
        println!("{what:<44} {rate:>14.0} per CPU-second   {ratio:>6.3} of the bare loop")
    };
    row("bare loop, messages", bare, 1.0);
    let messages = messages(scale(100));
    row("messages, 1 server and 4 clients", messages, messages / bare);
    let (short, events) = short_runs(scale(100_000));
    row(&format!("short runs, 5 nodes and {events} events"), short, short * events as f64 / bare);
    let all = executions(RaftKv, scale(20_000));
    row("raft-kv, 3 nodes, 60 operations, checked", all, all * 1100.0 / bare);
    let unwatched = executions(Unwatched, scale(20_000));
    row("raft-kv without its invariant", unwatched, unwatched * 1100.0 / bare);
    println!("raft-kv resumed at 80 % of its events {:>22.1} times as fast as from the start", resuming(scale(2_000)));
}
