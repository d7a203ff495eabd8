use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use crate::{
    history::{Call, Completion, Operation, Value, Values},
    model::{ABORTED_READ, Assignment, CAS, NEVER_WRITTEN, READ, Register, STALE_CAS, STALE_READ, WRITE},
    models::KeyValue,
    observer::observe,
    testing::{has_order_of, parse},
};

/// Judges the history in `text` by every means; `expected` is `valid`, or the name of the anomaly, which the last line
/// must cause.
#[track_caller]
fn check(text: &str, expected: &str) {
    let history = parse(text);
    let is_valid = expected == "valid";
    assert_eq!(has_order(&history), is_valid, "brute force");
    let verdict = super::check::<Register>(&history);
    assert_eq!(verdict, online(&history), "whole and online");
    assert_eq!(verdict, Linearizability::<Register>::new().search_whole(&history), "by search");
    assert_eq!(verdict, Linearizability::<Register>::new().search_sorted(&history), "key by key");
    assert_eq!(verdict.anomaly().map_or("valid", |anomaly| &anomaly.name), expected);
    if let Some(anomaly) = verdict.anomaly() {
        let Some(&Event::Complete(last)) = history.events.last() else { panic!("the last line completes") };
        assert_eq!(anomaly.evidence, Evidence::Operation(last));
    }
}

fn online(history: &History) -> Verdict {
    observe(&mut Linearizability::<Register>::new(), history)
}

#[test]
fn nothing_is_wrong_with_nothing() {
    check("", "valid");
}

#[test]
fn a_register_never_written_reads_nil() {
    check("p0 read\np0 ok nil", "valid");
}

#[test]
fn a_read_after_a_write_may_not_miss_it() {
    check("p0 write 1\np0 ok\np1 read\np1 ok nil", STALE_READ);
}

#[test]
fn a_read_after_two_writes_may_not_return_the_first() {
    check("p0 write 1\np0 ok\np0 write 2\np0 ok\np1 read\np1 ok 1", STALE_READ);
}

#[test]
fn a_read_concurrent_with_a_write_may_return_either_value() {
    check("p0 write 1\np0 ok\np0 write 2\np1 read\np1 ok 1\np0 ok", "valid");
    check("p0 write 1\np0 ok\np0 write 2\np1 read\np1 ok 2\np0 ok", "valid");
}

#[test]
fn a_read_may_return_a_value_overwritten_since_it_began() {
    check("p0 write 1\np0 ok\np1 read\np0 write 2\np0 ok\np0 write 3\np0 ok\np1 ok 1", "valid");
    check("p0 write 1\np0 ok\np1 read\np0 write 2\np0 ok\np0 write 3\np0 ok\np1 ok 2", "valid");
}

#[test]
fn a_slow_read_may_still_not_return_what_was_overwritten_before_it_began() {
    check("p0 write 1\np0 ok\np0 write 2\np0 ok\np1 read\np0 write 3\np0 ok\np1 ok 1", STALE_READ);
}

#[test]
fn two_slow_reads_share_one_past() {
    let both = "p0 write 1\np0 ok\np1 read\np2 read\np0 write 2\np0 ok\np3 write 3\np3 ok\n";
    check(&format!("{both}p1 ok 1\np2 ok 2"), "valid");
    check(&format!("{both}p2 ok 2\np1 ok 3"), "valid");
    let forked = "p0 write 1\np1 write 2\np2 read\np3 read\np2 ok 1\np3 ok 2\np4 read\np0 ok\np1 ok\n";
    check(&format!("{forked}p4 ok 1"), "valid");
    check(&format!("{forked}p4 ok nil"), STALE_READ);
}

#[test]
fn reads_may_not_disagree_on_the_order_of_writes() {
    let writes = "p0 write 1\np1 write 2\np0 ok\np1 ok\n";
    check(&format!("{writes}p2 read\np2 ok 1\np3 read\np3 ok 2"), STALE_READ);
    check(&format!("{writes}p2 read\np2 ok 2\np3 read\np3 ok 2"), "valid");
}

#[test]
fn a_value_once_read_stays_written() {
    check("p0 write 1\np1 read\np1 ok 1\np2 read\np2 ok nil", STALE_READ);
}

#[test]
fn a_read_may_not_return_what_nobody_wrote() {
    check("p0 write 1\np0 ok\np1 read\np1 ok 7", NEVER_WRITTEN);
    check("p0 write 1\np1 read\np1 ok 7", NEVER_WRITTEN);
    check("p0 read\np0 ok 7", NEVER_WRITTEN);
}

#[test]
fn a_read_may_not_return_what_is_written_later() {
    check("p0 write 1\np0 ok\np1 read\np1 ok 2", NEVER_WRITTEN);
    check("p1 read\np0 write 2\np1 ok 2", "valid");
}

#[test]
fn a_write_that_times_out_may_take_effect_late() {
    check("p0 write 1\np0 info\np1 write 2\np1 ok\np1 read\np1 ok 2\np1 read\np1 ok 1", "valid");
}

#[test]
fn a_write_that_times_out_may_never_take_effect() {
    check("p0 write 1\np0 info\np1 read\np1 ok nil\np1 write 2\np1 ok\np1 read\np1 ok 2", "valid");
}

#[test]
fn a_write_that_times_out_takes_effect_once_at_most() {
    let once = "p0 write 1\np0 info\np1 write 2\np1 ok\np1 read\np1 ok 1\np1 write 2\np1 ok\np1 read\n";
    check(&format!("{once}p1 ok 1"), STALE_READ);
    check(&format!("p2 write 1\np2 info\n{once}p1 ok 1"), "valid");
}

#[test]
fn equal_writes_that_timed_out_are_interchangeable_only_while_both_are_pending() {
    // The read saw the first write of 1, before the write of 2; where that was pending, the second one is now.
    let writes = "p0 write 2\np1 write 1\np2 read\np0 ok\np3 write 1\np3 info\np1 info\n";
    check(&format!("{writes}p2 ok 1\np4 read\np4 ok 2"), "valid");
    check(&format!("{writes}p2 ok 1\np4 read\np4 ok 2\np4 read\np4 ok 1\np4 read\np4 ok 2"), STALE_READ);
}

#[test]
fn a_write_that_is_open_at_the_end_is_like_one_that_timed_out() {
    check("p0 write 1\np1 read\np1 ok 1\np1 read\np1 ok 1", "valid");
    check("p0 write 1\np1 read\np1 ok nil\np1 read\np1 ok nil", "valid");
}

#[test]
fn a_read_that_times_out_says_nothing() {
    check("p0 read\np1 write 1\np1 ok\np0 info\np1 read\np1 ok 1", "valid");
    check("p0 read\np1 write 1\np1 ok\np0 fail\np1 read\np1 ok nil", STALE_READ);
}

#[test]
fn a_write_that_failed_may_not_be_read() {
    check("p0 write 1\np0 fail\np1 read\np1 ok 1", ABORTED_READ);
    check("p0 write 1\np0 fail\np1 read\np1 ok nil", "valid");
}

#[test]
fn a_write_that_was_read_may_not_fail() {
    check("p0 write 1\np1 read\np1 ok 1\np0 fail", ABORTED_READ);
    check("p0 write 1\np2 write 1\np1 read\np1 ok 1\np0 fail", "valid");
}

#[test]
fn a_read_that_spans_a_failure_is_judged_without_what_failed() {
    check("p1 read\np0 write 1\np2 write 2\np2 ok\np0 fail\np1 ok 1", ABORTED_READ);
    check("p1 read\np0 write 1\np2 write 2\np2 ok\np0 fail\np1 ok nil", "valid");
}

#[test]
fn a_chain_of_cas_hands_the_value_on() {
    let chain = "p0 write 1\np0 ok\np0 cas 1 2\np1 cas 2 3\np1 ok\np0 ok\n";
    check(&format!("{chain}p2 read\np2 ok 3"), "valid");
    check(&format!("{chain}p2 read\np2 ok 2"), STALE_READ);
    check("p0 write 1\np0 ok\np0 cas 1 2\np0 ok\np0 cas 2 3\np0 ok\np1 read\np1 ok 2", STALE_READ);
}

#[test]
fn two_cas_may_not_match_the_same_write() {
    check("p0 write 1\np0 ok\np0 cas 1 2\np1 cas 1 3\np0 ok\np1 ok", STALE_CAS);
    check("p0 write 1\np0 ok\np0 cas 1 2\np0 ok\np1 cas 1 3\np1 ok", STALE_CAS);
    check("p0 write 1\np0 ok\np0 cas 1 2\np1 cas 1 3\np0 ok\np1 fail", "valid");
}

#[test]
fn a_cas_may_not_match_what_nobody_wrote() {
    check("p0 cas 1 2\np0 ok", NEVER_WRITTEN);
    check("p0 cas 1 1\np0 ok", NEVER_WRITTEN);
    check("p0 write 1\np0 fail\np0 cas 1 2\np0 ok", ABORTED_READ);
}

#[test]
fn a_cas_that_failed_changed_nothing() {
    check("p0 write 1\np0 ok\np0 cas 1 2\np0 fail\np1 read\np1 ok 2", ABORTED_READ);
    check("p0 write 1\np0 ok\np0 cas 1 2\np0 fail\np1 read\np1 ok 1", "valid");
}

#[test]
fn keys_are_independent() {
    check("p0 k1 write 1\np0 ok\np0 k2 read\np0 ok nil\np1 k1 read\np1 ok 1", "valid");
    check("p0 k1 write 1\np0 ok\np0 k2 write 2\np0 ok\np1 k2 read\np1 ok 1", NEVER_WRITTEN);
}

#[test]
fn a_write_is_not_lost_to_a_later_cas() {
    check("p0 write 1\np0 ok\np0 write 2\np0 ok\np1 cas 1 3\np1 ok", STALE_CAS);
}

#[test]
fn more_pending_operations_than_slots_are_unknown() {
    let mut text: String = (0..65).map(|process| format!("p{process} write {}\n", process % 13)).collect();
    text += "p70 read\np70 ok 9";
    let history = parse(&text);
    assert_eq!(super::check::<Register>(&history), Verdict::Unknown(Budget::Pending));
    assert_eq!(online(&history), Verdict::Unknown(Budget::Pending));
}

#[test]
fn too_many_configurations_are_unknown() {
    let calls: String = (1..20).map(|n| format!("p{n} write {n}\np{} cas {n} {}\n", n + 20, n + 1)).collect();
    let returns: String = (1..40).filter(|&n| n != 20).map(|n| format!("p{n} ok\n")).collect();
    let mut checker = Linearizability::<Register>::with_limit(100);
    assert_eq!(checker.check(&parse(&format!("{calls}{returns}"))), Verdict::Valid);
    let history = parse(&format!("{calls}{returns}p50 read\np50 ok 3"));
    assert_eq!(checker.check(&history), Verdict::Unknown(Budget::Frontier));
    let history = parse(&format!("{calls}{returns}p50 read\np50 ok 99"));
    assert!(checker.check(&history).anomaly().is_some_and(|anomaly| anomaly.name == NEVER_WRITTEN), "without a search");
    checker.reset();
    assert_eq!(checker.finish(&history), Verdict::Valid);
}

/// Thirty clients that keep comparing and setting five values, and often match.
fn crowd(operations: usize) -> History {
    let mut history = History { functions: Register::FUNCTIONS, ..History::default() };
    let mut open = Vec::new();
    let mut state = 0;
    let write = Call { function: WRITE, key: 1, input: Value::Int(0) };
    let first = history.invoke(99, write, 1, 0);
    history.complete(first, Completion::Ok(Value::Nil), 0);
    for at in 0..operations {
        let (from, to) = (state, (at as u64 * 7 + 3) % 5);
        state = to;
        let call = Call { function: CAS, key: 1, input: Value::Pair(from, to) };
        open.push(history.invoke(at as u32 % 30, call, 1, 0));
        if open.len() == 30 {
            history.complete(open.remove(at * 5 % 30), Completion::Ok(Value::Nil), 0);
        }
    }
    open.iter().for_each(|&op| history.complete(op, Completion::Ok(Value::Nil), 0));
    history
}

#[test]
fn a_crowd_is_judged_or_given_up_within_the_limit_of_steps() {
    let history = crowd(1_000);
    let mut checker = Linearizability::<Register>::with_limit(1 << 8);
    let verdict = checker.check(&history);
    assert!(matches!(verdict, Verdict::Valid | Verdict::Unknown(_)), "{verdict:?}");
    assert!(checker.shared.all.steps < 2 * checker.shared.all.steps_max);
    let verdict = observe(&mut checker, &history);
    assert!(matches!(verdict, Verdict::Valid | Verdict::Unknown(_)), "{verdict:?}");
    assert!(checker.shared.all.steps < 2 * checker.shared.all.steps_max);
    checker.shared.all.steps_max = 1000;
    assert_eq!(observe(&mut checker, &history), Verdict::Unknown(Budget::Steps));
    assert!(checker.shared.all.steps < 2_000, "{}", checker.shared.all.steps);
}

/// What is said of a crowd, which is given up, and of what comes after it.
#[track_caller]
fn check_after_a_crowd(text: &str, expected: &str) {
    let mut history = crowd(300);
    let more = parse(text);
    for event in &more.events {
        match *event {
            Event::Invoke(op) => _ = history.invoke(100 + more.operation(op).process, more.operation(op).call, 1, 0),
            Event::Complete(OpId(op)) => {
                let (completion, _) = more.operation(OpId(op)).completion.expect("it has completed");
                history.complete(OpId(301 + op), completion, 0);
            }
        }
    }
    let mut checker = Linearizability::<Register>::with_limit(1);
    for verdict in [checker.check(&history), observe(&mut checker, &history)] {
        let told = match &verdict {
            Verdict::Invalid(Anomaly { name, evidence: Evidence::Operations { sentence, .. }, .. }) => {
                format!("{name}: {sentence}")
            }
            other => format!("{other:?}"),
        };
        assert_eq!(told, expected);
    }
}

#[test]
fn what_was_given_up_can_be_wrong_all_the_same() {
    let unknown = "Unknown(Frontier)";
    let writes = "p0 write 50\np0 ok\np0 write 51\np0 ok\np1 read\n";
    check_after_a_crowd(&format!("{writes}p1 ok 51"), unknown);
    check_after_a_crowd(
        &format!("{writes}p1 ok 50"),
        "stale-read: read(k1) -> 50 by p101 found what write(k1, 50) by p100 wrote, though write(k1, 51) by p100 comes between",
    );
    let together = "p0 write 50\np1 write 51\np0 ok\np1 ok\np2 read\np3 read\n";
    check_after_a_crowd(&format!("{together}p2 ok 50\np3 ok 50"), unknown);
    check_after_a_crowd(
        &format!("{together}p2 ok 50\np3 ok 51"),
        "stale-read: read(k1) -> 51 by p103 found what write(k1, 51) by p101 wrote, though write(k1, 50) by p100 comes between",
    );
    check_after_a_crowd("p0 write 50\np0 info\np0 cas 50 51\np0 ok\np1 cas 50 52\np1 info\np2 read\np2 ok 51", unknown);
    check_after_a_crowd(
        "p0 write 50\np0 info\np0 cas 50 51\np0 ok\np1 cas 50 52\np1 info\np2 read\np2 ok 52",
        "stale-read: cas(k1, 50, 52) by p101 found what write(k1, 50) by p100 wrote, though cas(k1, 50, 51) by p100 comes between",
    );
}

#[test]
fn many_writes_at_once_are_no_burden() {
    let calls: String = (0..60).map(|n| format!("p{n} write {n}\n")).collect();
    let returns: String = (0..60).map(|n| format!("p{n} ok\n")).collect();
    let mut checker = Linearizability::<Register>::with_limit(200);
    assert_eq!(checker.check(&parse(&format!("{calls}{returns}"))), Verdict::Valid);
}

#[test]
fn an_anomaly_on_one_key_outweighs_the_exhaustion_of_another() {
    let many: String = (0..65).map(|process| format!("p{process} write {}\n", process % 13)).collect();
    let history = parse(&format!("{many}p70 k2 read\np70 ok 7"));
    assert_eq!(online(&history).anomaly().map(|anomaly| &*anomaly.name), Some(NEVER_WRITTEN));
}

#[test]
fn a_fork_remembers_and_is_independent() {
    let history = parse("p0 write 1\np0 ok\np1 read\np1 ok nil");
    let mut checker = Linearizability::<Register>::new();
    checker.invoke(OpId(0), &history);
    assert_eq!(checker.complete(OpId(0), &history), None);
    let mut fork = checker.fork();
    fork.invoke(OpId(1), &history);
    assert!(fork.complete(OpId(1), &history).is_some());
    assert_eq!(checker.finish(&history), Verdict::Valid);
}

#[test]
fn compare_and_sets_that_wait_for_each_other_explain_nothing() {
    check("p0 cas 1 2\np1 cas 2 1\np0 ok", STALE_CAS);
    check("p0 cas 1 2\np1 cas 2 3\np2 cas 3 1\np3 read\np3 ok 3", STALE_READ);
    check("p0 write 1\np1 cas 1 2\np2 cas 2 3\np3 read\np3 ok 3", "valid");
}

#[test]
fn a_chain_that_was_seen_is_seen_in_order() {
    let chain = "p0 write 1\np1 cas 1 2\np2 cas 2 3\np3 read\np3 ok 3\n";
    check(&format!("{chain}p3 read\np3 ok 2"), STALE_READ);
    check(&format!("p4 read\n{chain}p4 ok 2"), "valid");
    check(&format!("{chain}p1 fail"), ABORTED_READ);
    check("p0 write 1\np1 cas 1 2\np1 fail\np2 cas 2 3\np3 read\np3 ok 3", STALE_READ);
}

#[test]
fn a_value_that_was_overwritten_before_does_not_come_back() {
    // Two values that are both seen for a while, one value while another is seen, and both before and after.
    check("p0 write 1\np1 write 2\np2 read\np2 ok 1\np2 read\np2 ok 2\np2 read\np2 ok 1", STALE_READ);
    check("p0 write 1\np0 ok\np1 write 2\np1 ok\np2 read\np2 ok 1", STALE_READ);
    check("p2 read\np0 write 1\np0 ok\np1 write 2\np1 ok\np2 ok nil\np3 read\np3 ok 2", "valid");
    check("p0 write 1\np0 ok\np3 read\np3 ok nil", STALE_READ);
}

#[test]
fn a_key_on_which_a_value_is_written_twice_is_searched_from_the_start() {
    let twice = "p0 write 1\np1 read\np0 ok\np2 write 2\np2 ok\np1 ok 1\np3 write 1\n";
    check(&format!("{twice}p4 read\np4 ok 2\np4 read\np4 ok 1"), "valid");
    check(&format!("{twice}p3 fail\np4 read\np4 ok 1"), STALE_READ);
    check("p0 k1 write 1\np0 ok\np0 k2 write 1\np0 ok\np1 k2 read\np1 ok 1\np1 k1 read\np1 ok nil", STALE_READ);
}

/// A register whose operations all say what they found, as a check of the general case: a write returns the value it
/// overwrote, and a cas whether it matched.
#[derive(Clone, Default)]
struct TellTale;

impl Model for TellTale {
    type State = Option<u64>;
    const FUNCTIONS: &'static [&'static str] = Register::FUNCTIONS;

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, _: &Values) -> Option<Self::State> {
        let state = *state;
        let (result, after) = match (call.function, call.input) {
            (CAS, Value::Pair(expected, new)) if state == Some(expected) => (Value::Int(1), Some(new)),
            (CAS, _) => (Value::Int(0), state),
            (WRITE, Value::Int(new)) => (state.map_or(Value::Nil, Value::Int), Some(new)),
            _ => (state.map_or(Value::Nil, Value::Int), state),
        };
        output.is_none_or(|output| output == result).then_some(after)
    }

    fn effect(call: &Call, output: Option<Value>) -> Effect {
        match (call.function, output) {
            (READ, _) | (CAS, Some(Value::Int(0))) => Effect::Observation,
            (CAS, Some(_)) => Effect::Change,
            _ => Effect::Exchange,
        }
    }
}

/// A [`Register`] whose cas tell whether they matched: overwrites, changes, exchanges and observations, all in one.
#[derive(Clone, Default)]
struct TellingCas;

impl Model for TellingCas {
    type State = Option<u64>;
    const FUNCTIONS: &'static [&'static str] = Register::FUNCTIONS;

    fn init() -> Self::State {
        Register::init()
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, values: &Values) -> Option<Self::State> {
        let step = if call.function == CAS { TellTale::step } else { Register::step };
        step(state, call, output, values)
    }

    fn effect(call: &Call, output: Option<Value>) -> Effect {
        if call.function == CAS { TellTale::effect(call, output) } else { Register::effect(call, output) }
    }

    /// The model is asked about a cas.
    fn assignment(call: &Call, output: Option<Value>, values: &Values) -> Option<Assignment<Self::State>> {
        if call.function == CAS { None } else { Register::assignment(call, output, values) }
    }
}

#[test]
fn a_key_with_operations_that_are_no_assignments_is_searched() {
    let history = parse("p0 write 1\np0 ok\np0 cas 1 2\np1 read\np1 ok 2");
    assert_eq!(super::check::<TellingCas>(&history), Verdict::Valid);
    assert_eq!(observe(&mut Linearizability::<TellingCas>::new(), &history), Verdict::Valid);
}

/// The oracle: whether some order of the operations explains the history of a register, all keys at once.
fn has_order(history: &History) -> bool {
    has_order_of::<Register>(history)
}

/// Any history of a few processes: each byte moves one of them on.
fn histories(functions: u8, results: fn(u8, u64) -> Value) -> impl Strategy<Value = History> {
    let event = (0..4_u32, 0..functions, 0..3_u64, 0..3_u64, 1..=2_u32, 0..10_u8);
    proptest::collection::vec(event, 0..32).prop_map(move |events| {
        let mut history = History { functions: Register::FUNCTIONS, ..History::default() };
        let mut open: Vec<Option<OpId>> = vec![None; 4];
        for (process, function, first, second, key, end) in events {
            let now = history.events.len() as u64;
            match open[process as usize].take() {
                None if history.operations.len() < 12 => {
                    let input = [Value::Nil, Value::Int(first), Value::Pair(first, second)][function as usize];
                    let key = if end < 8 { 1 } else { key };
                    open[process as usize] = Some(history.invoke(process, Call { function, key, input }, 1, now));
                }
                None => {}
                Some(op) => {
                    let result = results(history.operation(op).call.function, second);
                    let completion = match end {
                        0 => Completion::Fail,
                        1 | 2 => Completion::Info,
                        _ => Completion::Ok(result),
                    };
                    history.complete(op, completion, now);
                }
            }
        }
        history
    })
}

/// Such a history of a register in which no value is written twice: values are counted from the last one written, backwards.
fn unique_histories() -> impl Strategy<Value = History> {
    let back = |history: &History, value: u64| (history.operations.len() as u64 + 1).saturating_sub(value);
    let event = (0..4_u32, 0..3_u8, 0..5_u64, 1..=2_u32, 0..12_u8);
    proptest::collection::vec(event, 0..36).prop_map(move |events| {
        let mut history = History { functions: Register::FUNCTIONS, ..History::default() };
        let mut open: Vec<Option<OpId>> = vec![None; 4];
        for (process, function, number, key, end) in events {
            let now = history.events.len() as u64;
            let Some(op) = open[process as usize].take() else {
                if history.operations.len() < 13 {
                    let new = history.operations.len() as u64 + 1;
                    let pair = Value::Pair(back(&history, number), new);
                    let input = [Value::Nil, Value::Int(new), pair][function as usize];
                    let call = Call { function, key: if end < 11 { 1 } else { key }, input };
                    open[process as usize] = Some(history.invoke(process, call, 1, now));
                }
                continue;
            };
            let result = of_register(history.operation(op).call.function, back(&history, number));
            let completion = [Completion::Fail, Completion::Info, Completion::Ok(result)][usize::from(end.min(2))];
            history.complete(op, completion, now);
        }
        history
    })
}

/// A history of a register that twelve clients share, right but for what perhaps one of them found.
fn crowded_histories() -> impl Strategy<Value = History> {
    let event = (0..12_u32, 0..3_u8, 0..4_u64, 0..20_u8);
    (proptest::collection::vec(event, 0..160), 0..120_u32, 0..4_u64).prop_map(|(events, changed, found)| {
        let mut history = History { functions: Register::FUNCTIONS, ..History::default() };
        let mut state = None;
        let mut open: Vec<Option<(OpId, Completion<Value>)>> = vec![None; 12];
        for (process, function, new, end) in events {
            if let Some((op, completion)) = open[process as usize].take() {
                let is_read = history.operation(op).call.function == READ;
                let completion = match completion {
                    _ if end == 0 => Completion::Info,
                    Completion::Ok(_) if is_read && op.0 == changed => Completion::Ok(Value::Int(found)),
                    other => other,
                };
                history.complete(op, completion, 0);
                continue;
            }
            let input = [Value::Nil, Value::Int(new), Value::Pair(state.unwrap_or(9), new)][function as usize];
            let call = Call { function, key: 1, input };
            let after = Register::step(&state, &call, None, &Values::default());
            let result = if function == READ { state.map_or(Value::Nil, Value::Int) } else { Value::Nil };
            let completion = if after.is_some() { Completion::Ok(result) } else { Completion::Fail };
            state = after.unwrap_or(state);
            open[process as usize] = Some((history.invoke(process, call, 1, 0), completion));
        }
        history
    })
}

/// A history of registers as one of a store, whose values are sequences; a compare-and-set is a `put`.
fn as_store(history: &History) -> History {
    let mut store = History { functions: KeyValue::FUNCTIONS, ..history.clone() };
    for Operation { call, completion, .. } in &mut store.operations {
        let mut sequence = |value| match value {
            Value::Int(number) | Value::Pair(_, number) => store.values.list(&[number, 7]),
            other => other,
        };
        call.function = call.function.min(WRITE);
        call.input = sequence(call.input);
        *completion = completion.map(|(end, at)| (end.map(sequence), at));
    }
    store
}

fn of_register(function: u8, number: u64) -> Value {
    if function == READ && number > 0 { Value::Int(number) } else { Value::Nil }
}

fn of_telling_cas(function: u8, number: u64) -> Value {
    if function == CAS { Value::Int(number % 2) } else { of_register(function, number) }
}

fn of_tell_tale(function: u8, number: u64) -> Value {
    match (function, number) {
        (CAS, _) => Value::Int(number % 2),
        (_, 0) => Value::Nil,
        _ => Value::Int(number),
    }
}

fn prefix(history: &History, events: usize) -> History {
    let values = history.values.clone();
    let mut prefix = History { functions: history.functions, values, ..History::default() };
    for &event in &history.events[..events] {
        match event {
            Event::Invoke(op) => {
                let Operation { process, call, node, invoked_at, .. } = *history.operation(op);
                prefix.invoke(process, call, node, invoked_at);
            }
            Event::Complete(op) => {
                let (completion, at) = history.operation(op).completion.unwrap();
                prefix.complete(op, completion, at);
            }
        }
    }
    prefix
}

/// The verdicts of the oracle and of the checker agree, on the history and, event by event, on its prefixes.
fn agrees_with_the_oracle<M: Model>(history: &History) -> Result<(), TestCaseError> {
    let is_valid = has_order_of::<M>(history);
    let mut checker = Linearizability::<M>::new();
    let online = observe(&mut checker, history);
    prop_assert_eq!(online == Verdict::Valid, is_valid, "event by event");
    for limit in 0..3 {
        checker.shared.one.configurations_max = limit;
        prop_assert_eq!(&observe(&mut checker, history), &online, "a depth-first search given up after {}", limit);
    }
    prop_assert_eq!(&checker.check(history), &online, "whole");
    prop_assert_eq!(&checker.search_sorted(history), &online, "key by key");
    let short = checker.search_short(history);
    prop_assert!(short.is_none_or(|short| short == online), "at once");
    for window in [4, 64] {
        prop_assert!(!is_valid || !forced::is_wrong::<M>(history, window), "without a search, {} at once", window);
    }
    match Linearizability::<M>::with_limit(1).check(history) {
        Verdict::Unknown(_) => {}
        answer => prop_assert_eq!(answer == Verdict::Valid, is_valid, "with few configurations"),
    }
    if let Verdict::Invalid(Anomaly { evidence: Evidence::Operation(op), .. }) = online {
        let last = history.events.iter().position(|&event| event == Event::Complete(op)).unwrap();
        prop_assert!(!has_order_of::<M>(&prefix(history, last + 1)), "blamed too early");
        prop_assert!(has_order_of::<M>(&prefix(history, last)), "blamed too late");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_checker_agrees_with_brute_force_on_registers(history in histories(3, of_register)) {
        agrees_with_the_oracle::<Register>(&history)?;
    }

    #[test]
    fn zones_agree_with_brute_force_and_search(history in unique_histories()) {
        agrees_with_the_oracle::<Register>(&history)?;
        prop_assert!(Linearizability::<Register>::new().check_zones(&history).is_some());
        prop_assert!(has_order(&history) || forced::is_wrong::<Register>(&history, 64), "it is known who wrote what");
    }

    #[test]
    fn what_is_given_up_is_not_contradicted_by_a_search_to_the_end(history in crowded_histories()) {
        let few = Linearizability::<Register>::with_limit(1).check(&history);
        let all = super::check::<Register>(&history);
        match (&few, &all) {
            (Verdict::Unknown(_), _) => {}
            (Verdict::Invalid(_), Verdict::Invalid(_)) => {}
            _ => prop_assert_eq!(few, all),
        }
        prop_assert!(super::check::<Register>(&history) != Verdict::Valid || !forced::is_wrong::<Register>(&history, 16));
    }

    #[test]
    fn a_store_without_appends_needs_no_search(history in unique_histories()) {
        let history = as_store(&history);
        agrees_with_the_oracle::<KeyValue>(&history)?;
        prop_assert!(Linearizability::<KeyValue>::new().check_zones(&history).is_some());
    }

    #[test]
    fn the_checker_agrees_with_brute_force_where_every_result_matters(history in histories(3, of_tell_tale)) {
        agrees_with_the_oracle::<TellTale>(&history)?;
    }

    #[test]
    fn the_checker_agrees_with_brute_force_on_operations_of_all_kinds(history in histories(3, of_telling_cas)) {
        agrees_with_the_oracle::<TellingCas>(&history)?;
    }
}
