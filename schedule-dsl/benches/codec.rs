//! What does a schedule of so many steps cost on its way to bytes or text and back?
//!
//! A fuzzer pays for bytes at every execution and for text at every finding. `bytes` decodes and encodes; `copy` is the floor
//! in the same run: it copies the same records out of the bytes and into new ones, allocates as often, and understands
//! nothing. The bar is 2 µs for `bytes/32`. `text` prints and parses, and may take a hundred times as long.
//!
//! Not the question: throughput of many schedules at once, and the structured forms.

use divan::{Bencher, black_box};
use murphy_schedule::{
    Dice, Document, Schedule, Step, Vocabulary,
    bytes::{HEADER, RECORD},
    mutate::random,
    vocabulary::Names,
};

/// Shows that nothing allocates but the two vectors.
#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

const STEPS: [usize; 3] = [1, 32, 128];

/// A target with words of every sort, so that steps of every sort are drawn.
fn words() -> Vocabulary {
    Vocabulary {
        nodes: (3, 5),
        spares: 0,
        kinds: Names::new(["AppendEntries", "RequestVote", "Snapshot"]),
        roles: Names::new(["leader", "follower"]),
        marks: Names::new(["two leaders"]),
        sites: Names::new(["small batch"]),
        workloads: Names::new(["register", "map"]),
        functions: Names::new(["read", "write"]),
        files: Names::new(["wal", "manifest"]),
        constants: Names::new(["election_timeout", "lease"]),
        constant_micros: vec![150_000, 100_000],
        faults: Vec::new(),
        chaos_micros: 4_000_000,
        ..Vocabulary::default()
    }
}

/// So many steps, of every sort.
fn schedule(steps: usize) -> Schedule {
    let mut dice = Dice::new(7);
    let mut draw = || random(&words(), &mut dice);
    let header = draw().header;
    let drawn: Vec<Step> = std::iter::repeat_with(draw).flat_map(|schedule| schedule.steps).take(steps).collect();
    Schedule { header, steps: drawn }
}

#[divan::bench(args = STEPS)]
fn bytes(bencher: Bencher<'_, '_>, steps: usize) {
    let bytes = schedule(steps).to_bytes();
    assert_eq!((Schedule::from_bytes(&bytes), bytes.len()), (schedule(steps), HEADER + steps * RECORD));
    bencher.bench_local(|| Schedule::from_bytes(black_box(&bytes)).to_bytes());
}

#[divan::bench(args = STEPS)]
fn copy(bencher: Bencher<'_, '_>, steps: usize) {
    let bytes = schedule(steps).to_bytes();
    assert_eq!(copied(&bytes), bytes);
    bencher.bench_local(|| copied(black_box(&bytes)));
}

fn copied(bytes: &[u8]) -> Vec<u8> {
    let (records, _) = bytes.as_chunks::<RECORD>();
    let records: Vec<[u8; RECORD]> = black_box(records.to_vec());
    records.concat()
}

#[divan::bench(args = STEPS)]
fn decode(bencher: Bencher<'_, '_>, steps: usize) {
    let bytes = schedule(steps).to_bytes();
    bencher.bench_local(|| Schedule::from_bytes(black_box(&bytes)));
}

#[divan::bench(args = STEPS)]
fn encode(bencher: Bencher<'_, '_>, steps: usize) {
    let schedule = schedule(steps);
    bencher.bench_local(|| black_box(&schedule).to_bytes());
}

#[divan::bench(args = STEPS)]
fn text(bencher: Bencher<'_, '_>, steps: usize) {
    let (document, words) = (Document::new("any", schedule(steps), &words()), &words());
    let read = |text: &str| Document::parse(text).expect("what is printed parses").schedule;
    assert_eq!(read(&document.to_string()), document.schedule);
    bencher.bench_local(|| {
        let text = Document::new("any", black_box(&document).schedule.clone(), words).to_string();
        read(&text)
    });
}
