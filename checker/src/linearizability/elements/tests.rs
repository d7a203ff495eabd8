use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use crate::{
    history::Call,
    models::{FifoQueue, Set, Stack, UnorderedQueue},
    testing::{has_order_of, parse_as},
};

fn order_of<M: Model>() -> TakesOut {
    let Some(Container::Queue(order)) = M::CONTAINER else { panic!("a queue") };
    order
}

/// What is said of a history of one object without a search.
fn judged<M: Model>(history: &History) -> Option<bool> {
    let objects = objects(history);
    objects.values().next().map_or(Some(true), |one| judge(order_of::<M>(), &one.ops, one.events.len() as u32))
}

fn word(is_valid: Option<bool>) -> &'static str {
    is_valid.map_or("unknown", |is| if is { "valid" } else { "invalid" })
}

/// Every verdict on a history of each kind of queue: `put` and `take` are its functions.
#[track_caller]
fn check(text: &str, fifo: &str, unordered: &str, stack: &str) {
    check_one::<FifoQueue>(text, fifo);
    check_one::<UnorderedQueue>(text, unordered);
    check_one::<Stack>(text, stack);
}

#[track_caller]
fn check_one<M: Model>(text: &str, expected: &str) {
    let text = text.replace("put", M::FUNCTIONS[0]).replace("take", M::FUNCTIONS[1]);
    let history = parse_as(M::FUNCTIONS, &text);
    assert_eq!(word(judged::<M>(&history)), expected, "{}", M::FUNCTIONS[1]);
    let is_valid = has_order_of::<M>(&history);
    assert!(expected == "unknown" || (expected == "valid") == is_valid, "brute force: {is_valid}");
    assert_eq!(Linearizability::<M>::new().check(&history) == Verdict::Valid, is_valid);
}

#[test]
fn what_is_taken_was_put_in_once_and_not_later() {
    let all = |text, expected| check(text, expected, expected, expected);
    all("p0 put 1\np0 ok\np1 take\np1 ok 1", "valid");
    all("p1 take\np1 ok 1", "invalid");
    all("p1 take\np1 ok 1\np0 put 1\np0 ok", "invalid");
    all("p0 put 1\np0 ok\np1 take\np1 ok 1\np1 take\np1 ok 1", "invalid");
    all("p0 put 1\np0 fail\np1 take\np1 ok 1", "invalid");
    all("p0 put 1\np0 info\np1 take\np1 ok 1", "valid");
    all("p0 put 1\np0 fail\np0 put 1\np0 ok\np1 take\np1 ok 1", "valid");
}

#[test]
fn what_finds_nothing_needs_a_moment_without_anything() {
    let all = |text, expected| check(text, expected, expected, expected);
    all("p0 put 1\np0 ok\np1 take\np1 ok nil", "invalid");
    all("p0 put 1\np1 take\np0 ok\np1 ok nil", "valid");
    // One is put in before the other is taken, again and again.
    let relay = "p0 put 1\np0 ok\np2 take\np0 put 2\np0 ok\np1 take\np1 ok 1\np2 ok nil\np1 take\np1 ok 2";
    all(relay, "invalid");
    all(&relay.replacen("p0 put 2\np0 ok\np1 take\np1 ok 1", "p0 put 2\np1 take\np1 ok 1\np0 ok", 1), "valid");
}

#[test]
fn a_queue_is_in_order() {
    let text = "p0 put 1\np0 ok\np0 put 2\np0 ok\np1 take\np1 ok 2\np1 take\np1 ok 1";
    check(text, "invalid", "valid", "valid");
    check(&text.replace("p1 take\np1 ok 1", ""), "invalid", "valid", "valid");
    check(
        &text.replacen("p0 ok\np0 put 2", "p2 put 2\np0 ok", 1).replacen("p0 ok\np1", "p2 ok\np1", 1),
        "valid",
        "valid",
        "valid",
    );
    check(
        &text.replace("p1 ok 2", "p2 take\np2 ok 1\np1 ok 2").replace("p1 take\np1 ok 1", ""),
        "valid",
        "valid",
        "valid",
    );
}

#[test]
fn a_stack_is_nested() {
    let text = "p0 put 1\np0 ok\np0 put 2\np0 ok\np1 take\np1 ok 1\np1 take\np1 ok 2";
    check(text, "valid", "valid", "invalid");
    check(&text.replacen("p1 take\np1 ok 2", "", 1), "valid", "valid", "invalid");
    check(
        &text.replacen("p1 ok 1", "p2 take\np2 ok 2\np1 ok 1", 1).replacen("p1 take\np1 ok 2", "", 1),
        "valid",
        "valid",
        "valid",
    );
}

#[test]
fn what_nobody_knows_to_have_been_taken_may_have_been() {
    let all = |text, expected| check(text, expected, expected, expected);
    // Of a stack it is not said without a search.
    check("p2 take\np2 info\np0 put 1\np0 ok\np1 take\np1 ok nil", "valid", "valid", "unknown");
    all("p0 put 1\np0 ok\np1 take\np1 ok nil\np2 take\np2 info", "invalid");
    check("p2 take\np2 info\np0 put 1\np0 ok\np0 put 2\np0 ok\np1 take\np1 ok nil", "invalid", "invalid", "invalid");
    let jump = "p2 take\np0 put 1\np0 ok\np0 put 2\np0 ok\np1 take\np1 ok 2";
    check(jump, "valid", "valid", "valid");
    // It came too late.
    check(&format!("{}\np2 take", jump.replacen("p2 take\n", "", 1)), "invalid", "valid", "valid");
    check("p2 take\np0 put 1\np0 ok\np0 put 2\np0 ok\np1 take\np1 ok 1", "valid", "valid", "unknown");
}

#[test]
fn what_is_put_in_twice_is_searched() {
    let text = "p0 put 1\np0 ok\np0 put 1\np0 ok\np1 take\np1 ok 1\np1 take\np1 ok 1\n";
    check(text, "unknown", "unknown", "unknown");
    check(&format!("{text}p1 take\np1 ok 1"), "unknown", "unknown", "unknown");
    check(&format!("{text}p1 take\np1 ok nil"), "unknown", "unknown", "unknown");
}

/// Two hundred operations at once of the first function, each with an element of its own, and one of another.
fn crowd<M: Model>(other: &str) -> History {
    let puts: String = (0..200).map(|n| format!("p{n} {} {n}\n", M::FUNCTIONS[0])).collect();
    let ends: String = (0..200).map(|n| format!("p{n} ok\n")).collect();
    parse_as(M::FUNCTIONS, &format!("{puts}{ends}p201 {}", other.replacen(':', "\np201 ok", 1)))
}

#[test]
fn a_crowd_is_no_burden_whose_elements_are_judged_alone() {
    fn check<M: Model>(other: &str, is_valid: bool) {
        let (history, mut checker) = (crowd::<M>(other), Linearizability::<M>::new());
        assert!(matches!(checker.search_whole(&history), Verdict::Unknown(_)), "a search gives up");
        assert_eq!(checker.check(&history) == Verdict::Valid, is_valid, "{other}");
    }
    let all: String = (0..200).map(|n| format!(" {n}")).collect();
    check::<FifoQueue>("dequeue: 7", true);
    check::<FifoQueue>("dequeue: nil", false);
    check::<Stack>("pop: 7", true);
    check::<Stack>("pop: 200", false);
    check::<UnorderedQueue>("dequeue: 200", false);
    check::<Set>("contains 7: 1", true);
    check::<Set>("contains 7: 0", false);
    check::<Set>(&format!("read: [{}]", all.trim()), true);
    check::<Set>("read: [1 2 3]", false);
}

/// Histories of one queue in which event after event is chosen by `choose`, of so many ways to go on: operations are invoked in
/// order, each by a process of its own, and what is put in is counted.
fn made(functions: &'static [&'static str], operations: usize, choose: &mut dyn FnMut(usize) -> usize) -> History {
    let mut history = History { functions, ..History::default() };
    let mut open: Vec<OpId> = Vec::new();
    let mut put = 0;
    loop {
        let now = history.events.len() as u64;
        let begun = history.operations.len();
        // To stop here, to invoke one more, or to complete one of those that are open.
        let way = choose(open.len() + 1 + usize::from(begun < operations));
        if way < open.len() {
            let op = open.remove(way);
            let is_put = history.operation(op).call.input != Value::Nil;
            let output = choose(if is_put { 1 } else { put as usize + 1 }) as u64;
            let output = if output == 0 { Value::Nil } else { Value::Int(output) };
            history.complete(op, Completion::Ok(output), now);
        } else if begun < operations && way == open.len() {
            let is_put = choose(2) == 0;
            put += u64::from(is_put);
            let (function, input) = if is_put { (0, Value::Int(put)) } else { (1, Value::Nil) };
            open.push(history.invoke(begun as u32, Call { function, key: 1, input }, 1, now));
        } else {
            return history;
        }
    }
}

/// Hands each history of up to so many operations to `visit`.
fn all(functions: &'static [&'static str], operations: usize, mut visit: impl FnMut(&History)) {
    // The choices made so far, and of how many.
    let mut path: Vec<(usize, usize)> = Vec::new();
    loop {
        let mut depth = 0;
        let history = made(functions, operations, &mut |ways| {
            if depth == path.len() {
                path.push((0, ways));
            }
            depth += 1;
            path[depth - 1].0
        });
        visit(&history);
        while path.last().is_some_and(|(way, ways)| way + 1 == *ways) {
            path.pop();
        }
        match path.last_mut() {
            Some((way, _)) => *way += 1,
            None => return,
        }
    }
}

fn is_right_on_all<M: Model>(operations: usize) -> (usize, usize) {
    let (mut count, mut undecided) = (0, 0);
    all(M::FUNCTIONS, operations, |history| {
        count += 1;
        match judged::<M>(history) {
            None => undecided += 1,
            said => assert_eq!(said, Some(has_order_of::<M>(history)), "{history:?}"),
        }
    });
    (count, undecided)
}

#[test]
fn every_small_history_is_judged_as_by_brute_force() {
    // Of six operations it is right as well, in nine minutes.
    for (count, undecided) in [is_right_on_all::<FifoQueue>(4), is_right_on_all::<UnorderedQueue>(4)] {
        assert_eq!((count, undecided), (17_223, 0));
    }
    assert_eq!(is_right_on_all::<Stack>(4), (17_223, 159));
}

/// What a random history is made of: process, function, luck, end.
type Dice = Vec<(u32, u8, u16, u8)>;

fn dice(length: usize) -> impl Strategy<Value = Dice> {
    proptest::collection::vec((0..5_u32, any::<u8>(), any::<u16>(), 0..16_u8), 0..length)
}

/// A history of a container that does each operation at its invocation or its completion, and now and then answers anything. Of
/// a queue, nothing is put in twice. Keys are 1, seldom 2.
fn history<M: Model>(dice: &Dice, call: fn(u8, u64, u16) -> (u8, Value)) -> History {
    let mut history = History { functions: M::FUNCTIONS, ..History::default() };
    let mut open: [Option<(OpId, Value)>; 5] = [None; 5];
    let mut states: [M::State; 4] = std::array::from_fn(|_| M::init());
    for &(process, function, luck, end) in dice {
        let now = history.events.len() as u64;
        let (op, early) = match open[process as usize].take() {
            Some(pending) => pending,
            None if history.operations.len() == 12 => continue,
            None => {
                let (function, input) = call(function, history.operations.len() as u64 + 1, luck);
                let call = Call { function, key: 1 + u32::from(end == 15), input };
                let op = history.invoke(process, call, 1, now);
                let early = if luck.is_multiple_of(2) { act::<M>(&mut history, op, &mut states, luck) } else { None };
                open[process as usize] = Some((op, early.unwrap_or(Value::Pair(0, 0))));
                continue;
            }
        };
        let is_late = early == Value::Pair(0, 0);
        let output = if is_late && end > 0 { act::<M>(&mut history, op, &mut states, luck) } else { Some(early) };
        let completion = match end {
            0 => Completion::Fail,
            1 => Completion::Info,
            _ => Completion::Ok(output.unwrap_or_default()),
        };
        history.complete(op, completion, now);
    }
    history
}

/// Does an operation; what it returns.
fn act<M: Model>(history: &mut History, op: OpId, states: &mut [M::State; 4], luck: u16) -> Option<Value> {
    let call = history.operation(op).call;
    let state = &mut states[call.key as usize];
    let count = history.operations.len() as u64;
    let lists: Vec<Value> = (0..1_u64 << count.min(6))
        .map(|bits| {
            let items: Vec<u64> = (1..=6).filter(|item| bits >> (item - 1) & 1 == 1).collect();
            history.values.list(&items)
        })
        .collect();
    let mut outputs: Vec<Value> = (0..=count).map(Value::Int).chain([Value::Nil]).chain(lists).collect();
    let places = outputs.len();
    outputs.rotate_left(usize::from(luck / 16) % places);
    let call = Call { key: 0, ..call };
    let right = |output: &&Value| M::step(state, &call, Some(**output), &history.values).is_some();
    let output = if luck.is_multiple_of(16) { outputs[0] } else { *outputs.iter().find(right)? };
    if let Some(after) = M::step(state, &call, Some(output), &history.values) {
        *state = after;
    }
    Some(output)
}

fn each_once(function: u8, count: u64, _: u16) -> (u8, Value) {
    if function.is_multiple_of(2) { (0, Value::Int(count)) } else { (1, Value::Nil) }
}

fn some_twice(function: u8, count: u64, luck: u16) -> (u8, Value) {
    each_once(function, count % 3, luck)
}

fn any_of_a_set(function: u8, _: u64, luck: u16) -> (u8, Value) {
    (function % 4, if function % 4 < 3 { Value::Int(1 + u64::from(luck % 3)) } else { Value::Nil })
}

fn never_read(function: u8, count: u64, luck: u16) -> (u8, Value) {
    any_of_a_set(function % 3, count, luck)
}

fn never_removed(function: u8, count: u64, _: u16) -> (u8, Value) {
    [(ADD, Value::Int(count)), (READ, Value::Nil)][usize::from(function % 2)]
}

/// However a history is judged, the verdict is that of brute force, evidence included.
fn agree<M: Model>(history: &History) -> Result<(), TestCaseError> {
    let mut checker = Linearizability::<M>::new();
    let verdict = checker.check(history);
    prop_assert_eq!(verdict == Verdict::Valid, has_order_of::<M>(history), "{:?}", history);
    for searched in [observe(&mut checker, history), checker.search_whole(history)] {
        let is_unknown = matches!(searched, Verdict::Unknown(_));
        prop_assert!(is_unknown || searched == verdict, "{:?} is not {:?} {:?}", verdict, searched, history);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn queues_and_stacks_are_judged_as_by_search_and_brute_force(dice in dice(40)) {
        agree::<FifoQueue>(&history::<FifoQueue>(&dice, each_once))?;
        agree::<UnorderedQueue>(&history::<UnorderedQueue>(&dice, each_once))?;
        agree::<Stack>(&history::<Stack>(&dice, each_once))?;
    }

    #[test]
    fn what_is_put_in_twice_is_judged_as_by_search_and_brute_force(dice in dice(40)) {
        agree::<FifoQueue>(&history::<FifoQueue>(&dice, some_twice))?;
        agree::<UnorderedQueue>(&history::<UnorderedQueue>(&dice, some_twice))?;
        agree::<Stack>(&history::<Stack>(&dice, some_twice))?;
    }

    #[test]
    fn sets_are_judged_as_by_search_and_brute_force(dice in dice(40)) {
        for call in [any_of_a_set, never_read, never_removed] {
            agree::<Set>(&history::<Set>(&dice, call))?;
        }
    }
}
