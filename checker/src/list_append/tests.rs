use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use crate::{
    explain::explain,
    history::{Call, Event},
    observer::observe,
    testing::parse_as,
    verdict::Budget,
};

/// Judges the history in `text`; `expected` is `valid`, or the name of the anomaly, which the last line must cause.
#[track_caller]
fn check(text: &str, expected: &str) {
    let history = parse_as(FUNCTIONS, text);
    let verdict = observe(&mut ListAppend::new(), &history);
    assert_eq!(verdict.anomaly().map_or("valid", |anomaly| &anomaly.name), expected);
    if expected != "duplicate-elements" {
        assert_eq!(has_order(&history), expected == "valid", "brute force");
    }
    if let Some(anomaly) = verdict.anomaly() {
        let Some(&Event::Complete(last)) = history.events.last() else { panic!("the last line completes") };
        assert_eq!(anomaly.evidence, Evidence::Operation(last));
        assert_ne!(explain(&history, anomaly).summary, "");
    }
}

#[test]
fn transactions_in_turn_see_each_other() {
    check("p0 txn a1=1 r1\np0 ok a1=1 r1=1\np1 txn r1 a1=2 r2\np1 ok r1=1 a1=2 r2=\np0 txn r1\np0 ok r1=1,2", "valid");
}

#[test]
fn a_transaction_sees_its_own_appends() {
    check("p0 txn a1=1 r1\np0 ok a1=1 r1=", "internal");
    check("p0 txn r1 a1=1 r1\np0 ok r1= a1=1 r1=1", "valid");
    check("p1 txn a1=9\np0 txn r1 a1=1 r1\np1 ok a1=9\np0 ok r1= a1=1 r1=9,1", "internal");
    check("p1 txn a1=9\np0 txn r1 r1\np1 ok a1=9\np0 ok r1= r1=9", "internal");
}

#[test]
fn a_read_returns_only_what_was_appended_once_and_not_in_vain() {
    check("p0 txn r1\np0 ok r1=1", "garbage-read");
    check("p0 txn a1=1\np0 ok a1=1\np1 txn r1\np1 ok r1=1,1", "duplicate-elements");
    check("p0 txn a1=1\np0 fail\np1 txn r1\np1 ok r1=1", "G1a");
    check("p0 txn a1=1\np1 txn r1\np1 ok r1=1\np0 fail", "G1a");
    check("p0 txn a1=1\np1 txn r1\np1 ok r1=1\np0 info", "valid");
    check("p0 txn a1=1\np1 txn r1\np1 ok r1=\np0 info", "valid");
}

#[test]
fn two_reads_agree_on_the_order() {
    let both = "p0 txn a1=1\np1 txn a1=2\np2 txn r1\np2 ok r1=1,2\np2 txn r1\n";
    check(&format!("{both}p2 ok r1=2,1"), "incompatible-order");
    check(&format!("{both}p2 ok r1=1,2"), "valid");
    check(&format!("{both}p2 ok r1=1"), "G-single-item-realtime");
}

#[test]
fn nobody_sees_half_a_transaction() {
    let half = "p0 txn a1=1 a1=2\np0 ok a1=1 a1=2\n";
    check(&format!("p1 txn r1\n{half}p2 txn r1\np2 ok r1=1,2\np1 ok r1=1"), "G1b");
    check("p1 txn r1 r2\np0 txn a1=1 a2=2\np0 ok a1=1 a2=2\np2 txn r2\np2 ok r2=2\np1 ok r1= r2=2", "G-single-item");
    check("p1 txn r1 r2\np0 txn a1=1 a2=2\np0 ok a1=1 a2=2\np2 txn r2\np2 ok r2=2\np1 ok r1=1 r2=2", "valid");
}

#[test]
fn two_transactions_may_not_both_have_come_first() {
    let skew = "p0 txn r1 a2=1\np1 txn r2 a1=1\np0 ok r1= a2=1\n";
    check(&format!("{skew}p1 ok r2= a1=1"), "G2-item");
    check(&format!("{skew}p1 ok r2=1 a1=1"), "valid");
}

#[test]
fn real_time_counts() {
    check("p0 txn a1=1\np0 ok a1=1\np1 txn r1\np1 ok r1=", "G-single-item-realtime");
    check("p1 txn r1\np0 txn a1=1\np0 ok a1=1\np1 ok r1=", "valid");
    check("p0 txn a1=1\np0 ok a1=1\np1 txn a1=2\np1 ok a1=2\np2 txn r1\np2 ok r1=2,1", "G0-realtime");
}

#[test]
fn an_update_is_not_lost() {
    let updates = "p0 txn r1 a1=1\np1 txn r1 a1=2\np0 ok r1= a1=1\n";
    check(&format!("{updates}p1 ok r1= a1=2"), "lost-update");
    check(&format!("{updates}p1 ok r1=1 a1=2"), "valid");
}

/// The operation that ends a run, and the name of what is wrong.
fn end(text: &str) -> Option<(OpId, String)> {
    let history = parse_as(FUNCTIONS, text);
    let mut judge = ListAppend::new();
    judge.reset();
    history.events.iter().find_map(|event| match *event {
        Event::Invoke(op) => {
            judge.invoke(op, &history);
            None
        }
        Event::Complete(op) => judge.complete(op, &history).map(|anomaly| (op, anomaly.name.to_string())),
    })
}

#[test]
fn a_run_ends_where_the_first_cycle_closes() {
    let stale = Some((OpId(3), "G-single-item-realtime".to_owned()));
    let rest = "p0 ok a1=2\np1 txn r1\np1 ok r1=1,2";
    let text = "p0 txn a1=1\np0 ok a1=1\np1 txn r1\np1 ok r1=1\np0 txn a1=2\np1 txn r1\np1 ok r1=\n";
    assert_eq!(end(&format!("{text}{rest}")), stale);
    // Only the later read tells that the earlier one missed something.
    let text = "p0 txn a1=1\np0 ok a1=1\np1 txn r1\np1 ok r1=\np0 txn a1=2\np1 txn r1\np1 ok r1=1\n";
    assert_eq!(end(&format!("{text}{rest}")), stale);
    assert_eq!(end("p0 txn a1=1\np0 ok a1=1\np1 txn r1\np1 ok r1=1"), None);
}

#[test]
fn a_value_that_was_appended_twice_leaves_the_verdict_open() {
    let history = parse_as(FUNCTIONS, "p0 txn a1=1\np0 ok a1=1\np1 txn a1=1\np1 ok a1=1\np1 txn r1\np1 ok r1=1");
    assert_eq!(observe(&mut ListAppend::new(), &history), Verdict::Unknown(Budget::Ambiguous));
}

#[test]
fn a_judge_can_be_used_again_and_copied() {
    let history = parse_as(FUNCTIONS, "p0 txn a1=1\np0 ok a1=1\np1 txn r1\np1 ok r1=1");
    let mut judge = ListAppend::new();
    for _ in 0..2 {
        assert_eq!(observe(&mut judge, &history), Verdict::Valid);
    }
    assert_eq!(judge.fork().finish(&history), Verdict::Valid);
}

type Lists = BTreeMap<u32, Vec<u64>>;

/// The oracle: whether some order of whole transactions explains the history.
fn has_order(history: &History) -> bool {
    let at = |event: Event| history.events.iter().position(|&other| other == event).unwrap_or(usize::MAX);
    let times: Vec<(usize, usize)> = (0..history.operations.len() as u32)
        .map(|op| (at(Event::Invoke(OpId(op))), at(Event::Complete(OpId(op)))))
        .collect();
    extends(history, &times, 0, &Lists::new())
}

fn extends(history: &History, times: &[(usize, usize)], taken: u32, state: &Lists) -> bool {
    let completion = |op: usize| history.operations[op].completion.map(|(completion, _)| completion);
    let is_ok = |op: usize| matches!(completion(op), Some(Completion::Ok(_)));
    let waiting = || (0..times.len()).filter(|op| taken & (1 << op) == 0);
    let deadline = waiting().filter(|&op| is_ok(op)).map(|op| times[op].1).min();
    let Some(deadline) = deadline else { return true };
    waiting().filter(|&op| times[op].0 < deadline && completion(op) != Some(Completion::Fail)).any(|op| {
        let (parts, is_known) = match completion(op) {
            Some(Completion::Ok(output)) => (output, true),
            _ => (history.operations[op].call.input, false),
        };
        let mut after = state.clone();
        let fits = history.values.micros(parts).iter().all(|part| {
            let list = after.entry(part.key).or_default();
            match (part.deed, part.value) {
                (Deed::Append, Value::Int(item)) => list.push(item),
                _ => return !is_known || *list == history.values.numbers(&part.value),
            }
            true
        });
        fits && extends(history, times, taken | 1 << op, &after)
    })
}

/// Histories of a store that executes transactions whole, at once and mostly right.
fn histories() -> impl Strategy<Value = History> {
    let part = (any::<bool>(), 1..=2_u32);
    let event = (0..4_u32, proptest::collection::vec(part, 1..4), any::<u8>(), 0..10_u8);
    proptest::collection::vec(event, 0..24).prop_map(|events| {
        let mut history = History { functions: FUNCTIONS, ..History::default() };
        let mut open: Vec<Option<(OpId, Lists)>> = vec![None; 4];
        let mut lists = Lists::new();
        let mut fresh = 0;
        for (process, parts, luck, end) in events {
            let now = history.events.len() as u64;
            let Some((op, snapshot)) = open[process as usize].take() else {
                let parts: Vec<Micro> = parts
                    .iter()
                    .map(|(reads, key)| match reads {
                        true => Micro { deed: Deed::Read, key: *key, value: Value::Nil },
                        false => {
                            fresh += 1;
                            Micro { deed: Deed::Append, key: *key, value: Value::Int(fresh) }
                        }
                    })
                    .collect();
                let input = history.values.transaction(&parts);
                let op = history.invoke(process, Call { function: 0, key: 0, input }, 1, now);
                open[process as usize] = Some((op, lists.clone()));
                continue;
            };
            // Now and then it reads what was there when it was invoked, or reads one element less.
            let is_stale = luck < 40;
            let mut seen = if is_stale { snapshot } else { lists.clone() };
            let parts = history.values.micros(history.operation(op).call.input).to_vec();
            let mut done = Vec::new();
            for part in parts {
                let value = match part.deed {
                    Deed::Read => {
                        let list = seen.entry(part.key).or_default();
                        let len = list.len().saturating_sub(usize::from(luck > 240));
                        history.values.list(&list[..len])
                    }
                    Deed::Append | Deed::Write | Deed::Match | Deed::Begin => {
                        let Value::Int(item) = part.value else { panic!("an append has an element") };
                        seen.entry(part.key).or_default().push(item);
                        if end > 0 {
                            lists.entry(part.key).or_default().push(item);
                        }
                        part.value
                    }
                };
                done.push(Micro { value, ..part });
            }
            let output = history.values.transaction(&done);
            let completion = match end {
                0 => Completion::Fail,
                1 | 2 => Completion::Info,
                _ => Completion::Ok(output),
            };
            history.complete(op, completion, now);
        }
        history
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_judge_agrees_with_brute_force(history in histories()) {
        let verdict = observe(&mut ListAppend::new(), &history);
        prop_assert_eq!(verdict == Verdict::Valid, has_order(&history), "{:?}", verdict);
        if let Some(anomaly) = verdict.anomaly() {
            prop_assert_ne!(explain(&history, anomaly).summary, "");
        }
    }
}
