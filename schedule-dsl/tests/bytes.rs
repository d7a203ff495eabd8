//! The byte form: any bytes are a schedule, encoding is the inverse, and the layout is for ever.

mod common;

use arbitrary::{Arbitrary, Unstructured};
use common::{bytes, raft, same, schedules};
use murphy_schedule::{
    Dice, Document, Fault, FaultKind, Lasts, Schedule, Step, When,
    bytes::{BYTES_MAX, RECORD},
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
    assert_eq!(Schedule::default().to_bytes().len(), RECORD);
}

#[test]
fn every_fault_survives_bytes() {
    for kind in FaultKind::ALL {
        assert_eq!(FaultKind::from_tag(kind.tag()), Some(*kind));
        let mut dice = Dice::new(kind.tag().into());
        for _ in 0..200 {
            let fault = Fault::random(*kind, &raft(), &mut dice);
            let step = Step { when: When::At(7), fault, lasts: Lasts::Healed, id: 9 };
            let schedule = Schedule { steps: vec![step], ..Schedule::default() };
            same(&Schedule::from_bytes(&schedule.to_bytes()), &schedule, kind.keyword());
        }
    }
}

/// One step in each way to begin and to last, every field of the header set.
const KNOWN: &str = "murphy 1
target any
seed 0x1122334455667788
nodes 5, clients 4, keys 3, ops 60, rate 258
mix 1 2 3 4 5 6 7 8
phases chaos 4s, heal 1s, settle 3s
ambient jitter 1ms, loss 0.5%, duplication 1%

s7: at 1.2s  crash leader torn cut 3, restart after 250ms
after s7 ends +40ms  partition {n1,n3} | rest for election_timeout*0.98
before deliver AppendEntries n2->all #5 from s7 ends +1us  loss majority from n2->previous-leader of Vote 30% until s9 ends
after n3 becomes leader #255  invoke write k2 17 18 by c3 via minority
after mark \"two leaders\" #1  reseed n1->n2
after n4 sync #1  duplicate 12.34% 300ms
after n4 write #1  note
";

#[test]
fn the_layout_never_changes() {
    let schedule = Document::parse(KNOWN).expect("it is right").schedule;
    let hex: Vec<String> = schedule.to_bytes().chunks(RECORD / 2).map(hex).collect();
    assert_eq!(hex, LAYOUT);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const LAYOUT: [&str; 16] = [
    "01008877665544332211050403003d0002010102030405060708000090016400",
    "2c01640032006400000000000000000000000000000000000000000000000000",
    "20070000000000000000000000000000804f120000000200254c000000000000",
    "000001000000000090d003000200030000000000000000000000000000000000",
    "10002100000000000000000007000000409c0000000004000500070000000000",
    "000002fe4f060000000000000000000000000000000000000000000000000000",
    "13002e0101010000000000000705e98f010000000000050200000300254c0000",
    "00000300000009010000000030bdb80b00000000000000000000000000000000",
    "03000204010200000000000000ff254c00000000000006000000000000000000",
    "000000000000000000000000da53010011001200020000000000000000000000",
    "0200020500000000000000000001c2e000000000000001000000010100000000",
    "0000000000000000000000000200000000000000000000000000000000000000",
    "1400020201030000000000000001000000000000000000000000000000000000",
    "0000000000000000000000000000d204b80b0000000000000000000000000000",
    "0100020301030000000000000001000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
];
