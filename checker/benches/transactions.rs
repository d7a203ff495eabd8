//! How many transactions a second, and in how much memory?
//!
//! Lists and registers as Elle's generators have them: ten clients, up to four parts, ten keys at a time, each left after 32 writes, on
//! a store that does one transaction after the other; and, for the weak levels, sessions of ten reads and writes. Every answer is
//! asserted. For each kind the time is fitted by a power of the size, and its exponent printed; memory is that beyond the history. Short
//! histories are judged again and again by one judge, which must not allocate.
//!
//! Not the question: histories that are wrong, which stop at nothing but their budget, and reading files.

// This measures, which nothing else in the crate does.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use murphy_checker::{
    history::{Call, Completion, Deed, History, Micro, Value},
    transactions::{Objects, Options, Orders, Transactions, phenomena::Weak},
};

/// Counts what is allocated.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it is.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Splitmix64 (Steele, Lea & Flood, 2014): the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What the transactions of a history are like.
#[derive(Clone, Copy)]
struct Shape {
    objects: Objects,
    clients: u64,
    /// The fewest and the most parts of a transaction.
    parts: [u64; 2],
    /// How many keys are in use at a time.
    keys: u64,
    /// After so many writes a key is left; 0: never.
    writes_max: u64,
}

const LISTS: Shape = Shape { objects: Objects::Lists, clients: 10, parts: [1, 4], keys: 10, writes_max: 32 };
const REGISTERS: Shape = Shape { objects: Objects::Registers, ..LISTS };
const SESSIONS: Shape = Shape { objects: Objects::Registers, clients: 50, parts: [10, 10], keys: 1000, writes_max: 0 };

/// A history of so many transactions of a store that does one after the other.
fn history(shape: Shape, count: usize) -> History {
    let mut numbers = Numbers(7);
    let mut history = History { functions: murphy_checker::list_append::FUNCTIONS, ..History::default() };
    let deed = if shape.objects == Objects::Lists { Deed::Append } else { Deed::Write };
    let mut state: Vec<Vec<u64>> = Vec::new();
    let mut keys: Vec<u32> = (1..=shape.keys as u32).collect();
    let mut pending = vec![None; shape.clients as usize];
    while history.operations.len() < count || pending.iter().any(Option::is_some) {
        let now = history.events.len() as u64 * 1_000;
        let process = numbers.below(shape.clients) as usize;
        let Some(op) = pending[process].take() else {
            if history.operations.len() < count {
                let length = shape.parts[0] + numbers.below(shape.parts[1] - shape.parts[0] + 1);
                let part = |numbers: &mut Numbers| {
                    let key = keys[numbers.below(shape.keys) as usize];
                    let is_read = numbers.below(2) == 0;
                    Micro { deed: if is_read { Deed::Read } else { deed }, key, value: Value::Nil }
                };
                let mut parts: Vec<Micro> = (0..length).map(|_| part(&mut numbers)).collect();
                for part in parts.iter_mut().filter(|part| part.deed != Deed::Read) {
                    if state.len() <= part.key as usize {
                        state.resize(part.key as usize + 1, Vec::new());
                    }
                    // The next value of a key is known at once, so that values rise in the order of invocation.
                    part.value = Value::Int(now + u64::from(part.key));
                }
                // Two writes of one key in a transaction would write the same.
                let mut seen: Vec<u32> = Vec::new();
                parts.retain(|part| {
                    part.deed == Deed::Read || {
                        let is_new = !seen.contains(&part.key);
                        seen.push(part.key);
                        is_new
                    }
                });
                let input = history.values.transaction(&parts);
                let call = Call { function: 0, key: 0, input };
                pending[process] = Some(history.invoke(process as u32, call, 1, now));
            }
            continue;
        };
        let mut parts = history.values.micros(history.operation(op).call.input).to_vec();
        for part in &mut parts {
            if state.len() <= part.key as usize {
                state.resize(part.key as usize + 1, Vec::new());
            }
            let versions = &mut state[part.key as usize];
            match (part.deed, part.value, shape.objects) {
                (Deed::Read, _, Objects::Lists) => part.value = history.values.list(versions),
                (Deed::Read, ..) => part.value = versions.last().map_or(Value::Nil, |value| Value::Int(*value)),
                (_, Value::Int(value), Objects::Lists) => versions.push(value),
                (_, Value::Int(value), Objects::Registers) => *versions = vec![value, value],
                _ => {}
            }
            let is_full = shape.writes_max > 0 && numbers.below(shape.writes_max) == 0;
            if part.deed != Deed::Read && is_full {
                let next = keys.iter().max().copied().unwrap_or(0) + 1;
                keys.iter_mut().filter(|key| **key == part.key).for_each(|key| *key = next);
            }
        }
        let output = history.values.transaction(&parts);
        history.complete(op, Completion::Ok(output), now);
    }
    history
}

/// The best of some times in seconds, and the most memory held beyond the history in bytes.
fn measure(history: &History, options: Options, rounds: usize) -> (f64, usize) {
    let mut best = f64::INFINITY;
    let held = HELD.load(Ordering::Relaxed);
    MOST.store(held, Ordering::Relaxed);
    for _ in 0..rounds {
        let mut judge = Transactions::new();
        let start = Instant::now();
        let report = judge.check(history, options);
        best = best.min(start.elapsed().as_secs_f64());
        assert_eq!(report.findings, [], "the store does one transaction after the other");
        assert_eq!(report.undecided, []);
    }
    (best, MOST.load(Ordering::Relaxed) - held)
}

/// Prints times for growing histories, and the power of the size that fits them.
fn scale(name: &str, shape: Shape, options: Options, sizes: &[usize], per: usize) {
    let mut times = Vec::new();
    for &size in sizes {
        let history = history(shape, size);
        let (seconds, memory) = measure(&history, options, if size > 200_000 { 2 } else { 5 });
        times.push((size as f64, seconds));
        println!(
            "{name}/{size}: {:.2} ms, {:.0} transactions/s, {} bytes a transaction ({per} parts a transaction)",
            seconds * 1e3,
            size as f64 / seconds,
            memory / size,
        );
    }
    if let [(small, quick), .., (large, slow)] = times[..] {
        println!("{name}: exponent {:.2}", (slow / quick).ln() / (large / small).ln());
    }
}

/// How long a history of 50 transactions takes a judge that has seen it, and how often it allocates.
fn short(name: &str, shape: Shape) {
    let options = Options::new(shape.objects);
    let history = history(shape, 50);
    let mut judge = Transactions::new();
    judge.check(&history, options);
    let calls = CALLS.load(Ordering::Relaxed);
    let rounds = 2_000;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..rounds {
            assert!(judge.check(std::hint::black_box(&history), options).findings.is_empty());
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(rounds));
    }
    let calls = CALLS.load(Ordering::Relaxed) - calls;
    println!("{name}/50 again: {:.2} us, {calls} allocations", best * 1e6);
    assert_eq!(calls, 0, "a judge that is warm does not allocate");
}

fn main() {
    // `cargo bench -- --test` only asks whether it works.
    let is_test = std::env::args().any(|argument| argument == "--test");
    let sizes: &[usize] = if is_test { &[1_000] } else { &[1_000, 10_000, 100_000, 1_000_000] };
    let strict = |shape: Shape| Options::new(shape.objects);
    short("list-append", LISTS);
    short("rw-register", REGISTERS);
    scale("list-append", LISTS, strict(LISTS), sizes, 2);
    scale("rw-register", REGISTERS, strict(REGISTERS), sizes, 2);
    let sizes: &[usize] = if is_test { &[100] } else { &[1_000, 10_000, 100_000] };
    for level in Weak::ALL {
        let orders = Orders { process: true, realtime: false };
        let options = Options { orders, weak: Some(level), ..Options::new(Objects::Registers) };
        scale(level.name(), SESSIONS, options, sizes, 10);
    }
}
