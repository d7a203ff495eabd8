//! What several tests need: the words of a small target, and schedules of every sort.

#![allow(dead_code, reason = "no test uses everything")]

pub(crate) mod tree;

use murphy_schedule::{
    Dice, FaultKind, Schedule, Vocabulary,
    bytes::{HEADER, RECORD},
    mutate,
    vocabulary::Names,
};

pub(crate) fn raft() -> Vocabulary {
    Vocabulary {
        nodes: (1, 7),
        spares: 0,
        kinds: Names::new(["RequestVote", "AppendEntries", "crash", "begins", "Append Reply"]),
        roles: Names::new([
            "leader",
            "follower",
            "candidate",
            "rest",
            "n3",
            "for",
            "_odd",
            "previous-leader",
            "log keeper",
        ]),
        marks: Names::new(["two leaders", "committed", "say \"hi\""]),
        sites: Names::new(["committed", "small batch"]),
        workloads: Names::new(["register", "map"]),
        functions: Names::new(["read", "write", "cas"]),
        files: Names::new(["wal", "sst", "record"]),
        constants: Names::new(["election_timeout", "lease", "until"]),
        constant_micros: vec![150_000, 100_000, 40_000],
        faults: Vec::new(),
        chaos_micros: 4_000_000,
        ..Vocabulary::default()
    }
}

/// Bytes of which many records are steps: unknown tags would leave most of them out.
pub(crate) fn bytes(dice: &mut Dice) -> Vec<u8> {
    let records = if dice.chance(1, 20) { dice.below(140) } else { dice.below(8) };
    let length = HEADER as u64 + RECORD as u64 * records + dice.below(64);
    let mut bytes: Vec<u8> = (0..length).map(|_| byte(dice)).collect();
    for record in bytes[HEADER..].chunks_mut(RECORD) {
        if dice.chance(9, 10) {
            record[0] = dice.pick(FaultKind::ALL).expect("there are faults").tag();
        }
    }
    bytes
}

fn byte(dice: &mut Dice) -> u8 {
    match dice.below(4) {
        0 => 0,
        1 => dice.below(8) as u8,
        _ => dice.word() as u8,
    }
}

/// Schedules from bytes, from nothing and from mutation, in turn.
pub(crate) fn schedules(count: u64) -> impl Iterator<Item = Schedule> {
    (0..count).map(|seed| {
        let (dice, vocabulary) = (&mut Dice::new(seed), &raft());
        match seed % 3 {
            0 => Schedule::from_bytes(&bytes(dice)),
            1 => mutate::random(vocabulary, dice),
            _ => {
                let donor = Schedule::from_bytes(&bytes(dice));
                let mut schedule = mutate::random(vocabulary, dice);
                for _ in 0..dice.below(30) {
                    mutate::mutate(&mut schedule, Some(&donor), vocabulary, dice);
                }
                schedule
            }
        }
    })
}

/// The first line in which two texts differ.
#[track_caller]
pub(crate) fn same(left: &Schedule, right: &Schedule, about: &str) {
    if left != right {
        let (left, right) = (format!("{left:?}"), format!("{right:?}"));
        let line = left.lines().zip(right.lines()).find(|(a, b)| a != b);
        panic!("{about}: {line:?}\n{left}\n{right}");
    }
}
