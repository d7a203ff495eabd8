use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use crate::{
    explain::explain_causal,
    history::Call,
    model::{CAS, READ, WRITE},
    testing::parse_as,
};

#[track_caller]
fn check_as(family: Family, text: &str, expected: &str) {
    let history = parse_as(family.functions(), text);
    let found = match super::check_as(family, &history) {
        None => "not judged".to_owned(),
        Some(Verdict::Valid) => "valid".to_owned(),
        Some(Verdict::Unknown(budget)) => format!("unknown: {}", budget.reason()),
        Some(Verdict::Invalid(anomaly)) => anomaly.name.into_owned(),
    };
    assert_eq!(found, expected);
}

#[track_caller]
fn check(text: &str, expected: &str) {
    check_as(Family::Register, text, expected);
}

// Each of these four has one pattern and none of the others.

#[test]
fn nobody_reads_from_thin_air() {
    check("p0 read\np0 ok 1", "thin-air-read");
    check("p0 write 1\np0 fail\np1 read\np1 ok 1", "thin-air-read");
    check("p0 write 1\np0 info\np1 read\np1 ok 1", "valid");
    check_as(Family::KeyValue, "p0 put 1\np0 ok\np1 get\np1 ok [2]", "thin-air-read");
}

#[test]
fn nothing_is_its_own_cause() {
    let crossed = "p0 k1 read\np0 ok 1\np0 k2 write 2\np0 ok\np1 k2 read\np1 ok 2\np1 k1 write 1\np1 ok";
    check(crossed, "cyclic-causal-order");
    check(&crossed.replace("p1 ok 2", "p1 ok nil"), "valid");
}

#[test]
fn what_was_written_is_there_for_what_it_causes() {
    let posts = "p0 k1 write 1\np0 ok\np0 k2 write 2\np0 ok\np1 k2 read\np1 ok 2\np1 k1 read\np1 ok nil";
    check(posts, "write-before-initial-read");
    check(&posts.replace("ok nil", "ok 1"), "valid");
    // Nobody told p1 of it: the order of time does not count.
    check(&posts.replace("p1 ok 2", "p1 ok nil"), "valid");
}

#[test]
fn what_was_overwritten_is_gone_for_what_that_causes() {
    let text = "p0 write 1\np0 ok\np1 read\np1 ok 1\np1 write 2\np1 ok\np2 read\np2 ok 2\np2 read\np2 ok 1";
    check(text, "causally-overwritten-read");
    // Now the writes have nothing to do with each other, and processes may see them in any order.
    check(&text.replacen("p1 ok 1", "p1 ok nil", 1), "valid");
}

#[test]
fn it_is_weaker_than_one_order_for_all() {
    // The examples of the paper: two processes see two writes in different orders, and neither sees what the other writes.
    let apart = "p0 write 1\np0 ok\np1 write 2\np1 ok\np0 read\np0 ok 2\np1 read\np1 ok 1";
    check(apart, "valid");
    assert!(
        crate::sequential::check_as(Family::Register, &parse_as(Register::FUNCTIONS, apart), 1 << 10)
            .is_some_and(|verdict| verdict != Verdict::Valid)
    );
}

#[test]
fn it_is_not_known_where_a_value_that_was_read_was_written_twice() {
    let unknown = format!("unknown: {}", Budget::Ambiguous.reason());
    let twice = "p0 write 1\np0 ok\np1 write 1\np1 ok\np2 read\np2 ok";
    check(&format!("{twice} 1"), &unknown);
    check(&format!("{twice} nil"), "valid");
    check(&format!("{twice} 1\np2 read\np2 ok 7"), "thin-air-read");
    check_as(Family::KeyValue, "p0 append 1\np0 ok\np1 get\np1 ok [1]", &unknown);
    check_as(Family::Counter, "p0 add 1\np0 ok", "not judged");
}

#[test]
fn a_violation_is_told_as_a_chain_of_causes() {
    let text =
        "p0 k1 write 1\np0 ok\np0 k2 write 2\np0 ok\np1 k2 read\np1 ok 2\np1 k3 write 5\np1 ok\np1 k1 read\np1 ok nil";
    let history = parse_as(Register::FUNCTIONS, text);
    let verdict = super::check_as(Family::Register, &history).expect("registers are judged");
    let told = explain_causal(Family::Register, &history, verdict.anomaly().expect("it is invalid"));
    assert_eq!(told.summary, "read(k1) -> nil by p1 found nothing, although write(k1, 1) by p0 is a cause of it");
    assert_eq!(told.operations, [0, 1, 2, 4].map(OpId));
    assert_eq!(
        told.why,
        [
            "write(k1, 1) by p0 causes write(k2, 2) by p0: its process did it before",
            "write(k2, 2) by p0 causes read(k2) -> 2 by p1, which found what it wrote",
            "read(k2) -> 2 by p1 causes read(k1) -> nil by p1: its process did it before",
        ]
    );
}

/// An operation as the oracle sees it.
#[derive(Clone, Copy)]
struct One {
    process: u32,
    key: u32,
    found: Option<Value>,
    left: Option<u64>,
    must: bool,
}

/// The oracle: the definition itself. Whether for some choice of what took effect, and some order of causes that has that of each
/// process in it, each operation found what a write left that no other of its causes comes after.
fn is_causal(ops: &[One]) -> bool {
    (0..1_u32 << ops.len()).filter(|taken| (0..ops.len()).all(|at| !ops[at].must || taken & 1 << at != 0)).any(
        |taken| {
            let ops: Vec<One> = (0..ops.len()).filter(|at| taken & 1 << at != 0).map(|at| ops[at]).collect();
            has_causes(&ops)
        },
    )
}

fn has_causes(ops: &[One]) -> bool {
    let pairs: Vec<(usize, usize)> =
        (0..ops.len()).flat_map(|one| (0..ops.len()).map(move |other| (one, other))).filter(|(a, b)| a != b).collect();
    (0..1_u32 << pairs.len()).any(|chosen| {
        let mut past = [[false; 4]; 4];
        let chosen = pairs.iter().enumerate().filter(|(at, _)| chosen & 1 << at != 0);
        chosen.for_each(|(_, (one, other))| past[*other][*one] = true);
        is_order(ops, &past) && (0..ops.len()).all(|at| explains(ops, &past, at))
    })
}

fn is_order(ops: &[One], past: &[[bool; 4]; 4]) -> bool {
    let all = 0..ops.len();
    let follows = |one: usize, other: usize| one < other && ops[one].process == ops[other].process && ops[one].must;
    all.clone().all(|a| {
        all.clone().all(|b| {
            !(past[a][b] && past[b][a])
                && (!follows(a, b) || past[b][a])
                && all.clone().all(|c| !(past[c][b] && past[b][a]) || past[c][a])
        })
    })
}

fn explains(ops: &[One], past: &[[bool; 4]; 4], at: usize) -> bool {
    let Some(found) = ops[at].found else { return true };
    let mut writes = (0..ops.len()).filter(|other| past[at][*other] && ops[*other].key == ops[at].key);
    let writes: Vec<usize> = writes.by_ref().filter(|other| ops[*other].left.is_some()).collect();
    let is_last = |write: &&usize| !writes.iter().any(|other| past[*other][**write]);
    match found {
        Value::Nil => writes.is_empty(),
        found => writes.iter().filter(is_last).any(|write| ops[*write].left.map(Value::Int) == Some(found)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn it_says_what_the_definition_says(
        dice in proptest::collection::vec((0..2_u32, 0..4_u8, 0..4_u64, 1..3_u32, 0..8_u8, 0..8_u64), 2..=4)
    ) {
        let mut history = History { functions: Register::FUNCTIONS, ..History::default() };
        let mut ops = Vec::new();
        let mut written = std::collections::BTreeSet::new();
        let mut is_unique = true;
        for (at, (process, function, number, key, end, again)) in (1..).zip(dice) {
            let function = function.min(CAS) * u8::from(function < 3) + READ;
            // Seldom, a value is written again.
            let new = if again == 0 { 1 } else { at };
            let (input, left) = match function {
                WRITE => (Value::Int(new), Some(new)),
                CAS => (Value::Pair(number, new), Some(new)),
                _ => (Value::Nil, None),
            };
            let op = history.invoke(process, Call { function, key, input }, 1, 0);
            let read = if function == READ && number > 0 { Value::Int(number) } else { Value::Nil };
            let ends = [Completion::Fail, Completion::Info];
            let completion = ends.get(usize::from(end)).copied().unwrap_or(Completion::Ok(read));
            history.complete(op, completion, 0);
            if completion == Completion::Fail {
                continue;
            }
            is_unique &= left.is_none_or(|left| written.insert((key, left)));
            let must = completion != Completion::Info;
            let found = match function {
                READ => must.then_some(read),
                CAS => Some(Value::Int(number)),
                _ => None,
            };
            ops.push(One { process, key, found, left, must });
        }
        match super::check_as(Family::Register, &history) {
            Some(Verdict::Valid) => prop_assert!(is_causal(&ops), "{history:?}"),
            Some(Verdict::Invalid(anomaly)) => prop_assert!(!is_causal(&ops), "{anomaly:?} {history:?}"),
            _ => prop_assert!(!is_unique, "{history:?}"),
        }
    }
}
