//! The byte form: any bytes are a schedule, encoding is the inverse, and the layout is for ever.

mod common;

use arbitrary::{Arbitrary, Unstructured};
use common::{bytes, raft, same, schedules};
use murphy_schedule::{
    Again, Dice, Fault, FaultKind, Lasts, Schedule, Step, When,
    bytes::{BYTES_MAX, HEADER, RECORD},
};

#[test]
fn every_schedule_survives_bytes() {
    for schedule in schedules(6_000) {
        same(&Schedule::from_bytes(&schedule.to_bytes()), &schedule, "bytes");
    }
}

#[test]
fn any_bytes_decode_and_their_canonical_form_is_stable() {
    for seed in 0..6_000 {
        let mut dice = Dice::new(seed);
        let bytes = if seed % 2 == 0 { bytes(&mut dice) } else { noise(&mut dice) };
        let canonical = Schedule::from_bytes(&bytes).to_bytes();
        assert!(canonical.len() <= BYTES_MAX && canonical.len().is_multiple_of(RECORD));
        assert_eq!(Schedule::from_bytes(&canonical).to_bytes(), canonical, "seed {seed}");
    }
}

#[test]
fn a_million_byte_strings_decode_encode_and_decode_to_the_same() {
    let mut dice = Dice::new(9);
    let mut steps = 0;
    for round in 0..1_000_000 {
        let bytes = short(&mut dice);
        let schedule = Schedule::from_bytes(&bytes);
        steps += schedule.steps.len();
        let again = Schedule::from_bytes(&schedule.to_bytes());
        assert!(again == schedule, "round {round}: {schedule:?}\n{again:?}");
    }
    assert!(steps > 1_000_000, "{steps}");
}

/// A few records, seldom more, of which half the bytes are zero or small and the last record may break off.
fn short(dice: &mut Dice) -> Vec<u8> {
    let records = if dice.chance(1, 500) { dice.below(140) } else { dice.between(1, 3) };
    let broken_off = if dice.chance(1, 4) { dice.below(RECORD as u64) as usize } else { 0 };
    let length = HEADER + RECORD * (records as usize + 1) - broken_off;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        let [word, sparse] = [dice.word(), dice.word()];
        let kept = |at: u32| if sparse >> at & 1 == 0 { 0xff } else { 7 >> (sparse >> (16 + at) & 3) };
        bytes.extend((0..8).map(|at| (word >> (8 * at)) as u8 & kept(at)));
    }
    bytes.truncate(length);
    for record in bytes[HEADER..].chunks_mut(RECORD) {
        if dice.chance(7, 8) {
            record[0] = dice.pick(FaultKind::ALL).expect("there are faults").tag() | record[0] & 128;
        }
    }
    bytes
}

fn noise(dice: &mut Dice) -> Vec<u8> {
    (0..dice.below(10_000)).map(|_| dice.word() as u8).collect()
}

#[test]
fn arbitrary_is_the_decoder() {
    for seed in 0..200 {
        let bytes = noise(&mut Dice::new(seed));
        let decoded = Schedule::from_bytes(&bytes);
        same(&Schedule::arbitrary_take_rest(Unstructured::new(&bytes)).expect("enough bytes"), &decoded, "take_rest");
        same(&Schedule::arbitrary(&mut Unstructured::new(&bytes)).expect("enough bytes"), &decoded, "arbitrary");
    }
}

#[test]
fn no_bytes_are_the_empty_schedule() {
    same(&Schedule::from_bytes(&[]), &Schedule::default(), "nothing");
    assert_eq!(Schedule::default().to_bytes().len(), HEADER);
}

#[test]
fn every_fault_survives_bytes() {
    for kind in FaultKind::ALL {
        assert_eq!(FaultKind::from_tag(kind.tag()), Some(*kind));
        let mut dice = Dice::new(kind.tag().into());
        for _ in 0..200 {
            let fault = Fault::random(*kind, &raft(), &mut dice);
            let step = Step { when: When::At(7), fault, lasts: Lasts::Healed, id: 9, again: Again::NEVER };
            let schedule = Schedule { steps: vec![step], ..Schedule::default() };
            same(&Schedule::from_bytes(&schedule.to_bytes()), &schedule, kind.keyword());
        }
    }
}
