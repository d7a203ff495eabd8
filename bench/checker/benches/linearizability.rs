//! How long does it take to judge a history of registers, and how many times longer does porcupine-rs take?
//!
//! Both judge the same histories in one process and on one thread, in turns, and the best turn of each counts: what is left out is
//! what the machine did meanwhile. Each gets a history in its own form, made beforehand; both verdicts are compared with
//! what is known. `whole` is a history that is already there, `online` one that is fed event by event as a simulation does, which
//! is harder, since results are not known before they come. Murphy's checker is warm and keeps its memory; porcupine-rs has no
//! way to.
//!
//! Not the question: reading files, explanations, other models, several threads, other ports of Porcupine.
//!
//! `cargo bench -p murphy-bench-checker` in the folder `bench`; `-- --test` judges each history once.

use std::{hint::black_box, time::Instant};

use murphy_bench_checker::{
    allocations::{self, Counting},
    histories::{Shape, etcd, registers},
    porcupine,
};
use murphy_checker::{
    history::{Completion, Event, History, Value},
    linearizability::Linearizability,
    model::{Model, Register},
    models::CasRegister,
    observer::observe,
    verdict::Verdict,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Clients of a fuzzed system that write few values.
const FUZZED: Shape =
    Shape { processes: 10, keys: 1, values: 5, timeouts: 0, mix: [5, 3], operations: 100, is_by_key: false };
/// The same with a value of its own for each write.
const UNIQUE: Shape = Shape { values: u64::MAX, ..FUZZED };

/// How often to measure; a test runs everything once.
#[derive(Clone, Copy)]
struct Effort {
    turns: u32,
    /// Nanoseconds that a turn should take: so few that some turns are undisturbed on a busy machine.
    turn: f64,
    /// Nanoseconds after which there are no more turns than three.
    limit: f64,
}

impl Effort {
    const FULL: Self = Self { turns: 200, turn: 1e6, limit: 3e9 };
    const ONCE: Self = Self { turns: 1, turn: 0.0, limit: 0.0 };

    fn is_test(self) -> bool {
        self.turns == 1
    }
}

/// Nanoseconds that each contestant takes in its best turn.
fn contest<const N: usize>(effort: Effort, mut contestants: [&mut dyn FnMut(); N]) -> [f64; N] {
    let once = |work: &mut dyn FnMut(), times: u32| {
        let begun = Instant::now();
        (0..times).for_each(|_| work());
        begun.elapsed().as_nanos() as f64 / f64::from(times)
    };
    let mut best = [f64::INFINITY; N];
    let begun = Instant::now();
    for turn in 0..effort.turns {
        if turn >= 3 && begun.elapsed().as_nanos() as f64 > effort.limit {
            break;
        }
        for (work, best) in contestants.iter_mut().zip(&mut best) {
            let times = if best.is_finite() { (effort.turn / *best).clamp(1.0, 1e6) as u32 } else { 1 };
            if times > 1 {
                // The one before has filled the caches with its own.
                work();
            }
            *best = best.min(once(*work, times));
        }
    }
    best
}

fn judge<M: Model>(checker: &mut Linearizability<M>, history: &History, is_linearizable: bool) {
    let verdict = checker.check(black_box(history));
    assert!(!matches!(verdict, Verdict::Unknown(_)), "there is a verdict");
    assert_eq!(verdict == Verdict::Valid, is_linearizable);
}

/// Looks at every event and its operation, and at nothing twice.
fn read_once(history: &History) -> u64 {
    let word = |value: Value| match value {
        Value::Int(number) | Value::Pair(number, _) => number,
        _ => 0,
    };
    let of = |event: &Event| match *event {
        Event::Invoke(op) => word(history.operation(op).call.input),
        Event::Complete(op) => match history.operation(op).completion {
            Some((Completion::Ok(output), _)) => word(output),
            _ => 1,
        },
    };
    history.events.iter().fold(0, |sum, event| sum.rotate_left(1) ^ of(event))
}

fn show(name: &str, ours: f64, theirs: f64) {
    println!("  {name:<44}{:>12.1} µs{:>14.1} µs{:>9.1} x", ours / 1e3, theirs / 1e3, theirs / ours);
}

fn compare_on_etcd(effort: Effort) {
    println!(
        "etcd, a log each: Murphy; porcupine-rs on events as in its own benchmark, how many times longer; on operations sorted out before"
    );
    let mut checker = Linearizability::<CasRegister>::new();
    let mut times = Vec::new();
    for one in etcd() {
        let (events, operations) = (porcupine::events(&one.history), porcupine::operations(&one.history));
        let operations: Vec<_> = operations.into_iter().map(|(_, operation)| operation).collect();
        let time = contest(
            effort,
            [
                &mut || judge(&mut checker, &one.history, one.is_linearizable),
                &mut || assert_eq!(porcupine_rs::check_events(black_box(&events)), one.is_linearizable),
                &mut || assert_eq!(porcupine_rs::check_operations(black_box(&operations)), one.is_linearizable),
            ],
        );
        show_log(&format!("{}, {} operations", one.name, one.history.operations.len()), time);
        times.push(time);
    }
    if times.is_empty() {
        return println!("  skipped: the histories are not there");
    }
    show_log("all together", [0, 1, 2].map(|at| times.iter().map(|time| time[at]).sum()));
    show_log("medians", [0, 1, 2].map(|at| median(times.iter().map(|time| time[at]).collect())));
    let ratios = [1, 2].map(|at| median(times.iter().map(|time| time[at] / time[0]).collect()));
    println!("  median of how many times longer: {:.1} on events, {:.1} on operations", ratios[0], ratios[1]);
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn show_log(name: &str, [ours, events, operations]: [f64; 3]) {
    println!(
        "  {name:<28}{:>9.1} µs{:>12.1} µs{:>9.1} x{:>12.1} µs{:>9.1} x",
        ours / 1e3,
        events / 1e3,
        events / ours,
        operations / 1e3,
        operations / ours
    );
}

fn compare_on(name: &str, shape: Shape, effort: Effort) {
    let history = registers(shape, 7);
    let same = porcupine::operations(&history);
    let mut checker = Linearizability::<Register>::new();
    let [ours, theirs] = contest(
        effort,
        [&mut || judge(&mut checker, &history, true), &mut || assert!(porcupine::check(black_box(&same)))],
    );
    show(name, ours, theirs);
}

/// Microseconds, and multiples of reading the history once.
fn short(name: &str, shape: Shape, effort: Effort) {
    let history = registers(shape, 7);
    let same = porcupine::operations(&history);
    let (mut whole, mut online) = (Linearizability::<Register>::new(), Linearizability::<Register>::new());
    let [read, whole_time, online_time, theirs] = contest(
        effort,
        [
            &mut || {
                black_box(read_once(black_box(&history)));
            },
            &mut || judge(&mut whole, &history, true),
            &mut || assert_eq!(observe(&mut online, black_box(&history)), Verdict::Valid),
            &mut || assert!(porcupine::check(black_box(&same))),
        ],
    );
    let allocated = allocations::during(|| judge(&mut whole, &history, true)).count
        + allocations::during(|| assert_eq!(observe(&mut online, &history), Verdict::Valid)).count;
    assert!(effort.is_test() || allocated == 0, "a warm checker allocates nothing");
    println!(
        "  {name:<34}{:>7.2} µs{:>9.2} µs {:>5.1} x{:>9.2} µs {:>5.1} x{:>10.1} µs{:>4}",
        read / 1e3,
        whole_time / 1e3,
        whole_time / read,
        online_time / 1e3,
        online_time / read,
        theirs / 1e3,
        allocated
    );
}

/// Time and memory of a cold checker for long histories, nothing of a peer: it would take hours.
fn long(effort: Effort) {
    println!("one register, a cold checker: milliseconds, bytes an operation at most");
    for (name, shape) in [("unique values", UNIQUE), ("5 values", FUZZED)] {
        let mut times = Vec::new();
        for operations in [100_000, if effort.is_test() { 200_000 } else { 1_000_000 }] {
            let history = registers(Shape { operations, ..shape }, 7);
            let check = || judge(&mut Linearizability::<Register>::new(), &history, true);
            let memory = allocations::during(check).peak / operations as u64;
            let online = || assert_eq!(observe(&mut Linearizability::<Register>::new(), &history), Verdict::Valid);
            let memory_online = allocations::during(online).peak / operations as u64;
            let [whole, online] = contest(effort, [&mut || check(), &mut || online()]);
            println!(
                "  {name:<14}{operations:>9}  whole{:>8.1} ms{memory:>6} B   online{:>8.1} ms{memory_online:>6} B",
                whole / 1e6,
                online / 1e6
            );
            times.push((whole, online));
        }
        println!(
            "  {:<23}  whole{:>8.1} x            online{:>8.1} x",
            "ten times the length",
            times[1].0 / times[0].0,
            times[1].1 / times[0].1
        );
    }
}

/// What becomes of histories that no search can be expected to explain.
fn crowded() {
    println!("hard ones: an answer, or the reason why there is none, whole and online");
    for operations in [1_000, 30_000] {
        for (timeouts, seed) in [(0, 1), (0, 2), (20, 1), (20, 2)] {
            let shape = Shape { processes: 30, mix: [0, 0], timeouts, operations, ..FUZZED };
            give_up(
                &format!("30 clients, cas of 5 values, {operations}, 1 in {timeouts} times out, seed {seed}"),
                shape,
                seed,
            );
        }
    }
    for operations in [500, 1_000] {
        let shape = Shape { timeouts: 20, operations, ..FUZZED };
        give_up(&format!("10 clients, 5 values, {operations}, 1 in 20 times out"), shape, 7);
    }
}

fn give_up(name: &str, shape: Shape, seed: u64) {
    let history = registers(shape, seed);
    let (mut whole, mut online) = (Linearizability::<Register>::new(), Linearizability::<Register>::new());
    let mut verdicts = [Verdict::Valid, Verdict::Valid];
    let [first, second] = &mut verdicts;
    let times = contest(
        Effort::ONCE,
        [&mut || *first = whole.check(&history), &mut || *second = observe(&mut online, &history)],
    );
    let word = |verdict: &Verdict| match verdict {
        Verdict::Valid => "valid",
        Verdict::Invalid(_) => "invalid",
        Verdict::Unknown(budget) => budget.reason(),
    };
    let [whole, online] = times.map(|time| time / 1e6);
    println!("  {name:<62}{whole:>7.1} ms, {}; {online:.1} ms, {}", word(&verdicts[0]), word(&verdicts[1]));
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let effort = if test { Effort::ONCE } else { Effort::FULL };
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let is_wanted = |part: &str| only.as_ref().is_none_or(|only| only == part);
    if is_wanted("etcd") {
        compare_on_etcd(effort);
    }
    if is_wanted("peers") {
        println!("long histories: Murphy, porcupine-rs, how many times longer");
        let size = if test { 10 } else { 1 };
        compare_on("one register, unique values, 10,000", Shape { operations: 10_000 / size, ..UNIQUE }, effort);
        compare_on("one register, 5 values, 10,000", Shape { operations: 10_000 / size, ..FUZZED }, effort);
        let store = Shape { keys: 1_000, operations: 1_000_000 / size, ..UNIQUE };
        let each = Shape { is_by_key: true, ..store };
        compare_on("1,000 keys, 10 clients, unique, 1,000,000", store, effort);
        compare_on("1,000 keys, 10 clients, 5 values, 1,000,000", Shape { values: 5, ..store }, effort);
        compare_on("1,000 keys, 10 clients each, unique", each, effort);
        compare_on("1,000 keys, 10 clients each, 5 values", Shape { values: 5, ..each }, effort);
    }
    if is_wanted("short") {
        println!("short histories: reading once, whole, online, porcupine-rs, allocations of a warm checker");
        for operations in [100, 200, 1_000] {
            short(&format!("10 clients, 5 values, {operations}"), Shape { operations, ..FUZZED }, effort);
            short(&format!("10 clients, unique values, {operations}"), Shape { operations, ..UNIQUE }, effort);
            let timeouts = Shape { operations, timeouts: 20, ..UNIQUE };
            short(&format!("unique, 1 in 20 times out, {operations}"), timeouts, effort);
            // Of few values, long ones are given up: see the hard ones.
            if operations < 1_000 {
                short(&format!("5 values, 1 in 20 times out, {operations}"), Shape { values: 5, ..timeouts }, effort);
            }
        }
    }
    if is_wanted("long") {
        long(effort);
    }
    if is_wanted("crowded") {
        crowded();
    }
}
