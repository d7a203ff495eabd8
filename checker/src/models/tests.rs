use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use crate::{
    history::{Completion, Deed, History, Micro, OpId, Values},
    linearizability::Linearizability,
    model::{Assignment, Model, Register, Test},
    observer::observe,
    testing::{has_order_of, parse_as},
    verdict::Verdict,
};

#[track_caller]
fn check<M: Model>(text: &str, is_valid: bool) {
    let history = parse_as(M::FUNCTIONS, text);
    assert_eq!(has_order_of::<M>(&history), is_valid, "brute force");
    let mut judge = Linearizability::<M>::new();
    assert_eq!(observe(&mut judge, &history) == Verdict::Valid, is_valid, "event by event");
    assert_eq!(judge.check(&history) == Verdict::Valid, is_valid, "whole");
}

#[test]
fn a_cas_that_says_no_is_an_observation() {
    check::<CasRegister>("p0 write 1\np0 ok\np0 cas 1 2\np0 ok 0", false);
    check::<CasRegister>("p0 write 1\np0 ok\np0 cas 3 2\np0 ok 0\np0 cas 1 2\np0 ok 1\np0 read\np0 ok 2", true);
    check::<CasRegister>("p0 write 1\np0 ok\np0 cas 3 2\np0 ok 1", false);
}

#[test]
fn what_was_deleted_is_not_there_and_can_be_put_again() {
    let gone = "p0 put 1\np0 ok\np0 delete\np0 ok\np0 get\n";
    check::<Map>(&format!("{gone}p0 ok nil"), true);
    check::<Map>(&format!("{gone}p0 ok 1"), false);
    check::<Map>(&format!("{gone}p0 ok nil\np1 put 1\np1 ok\np0 get\np0 ok 1"), true);
    check::<Map>(&format!("{gone}p0 ok nil\np1 put 1\np1 ok\np0 get\np0 ok nil"), false);
    // Nobody knows whether it was deleted.
    let perhaps = "p0 put 1\np0 ok\np1 delete\np1 info\np0 get\n";
    check::<Map>(&format!("{perhaps}p0 ok 1\np0 get\np0 ok nil"), true);
    check::<Map>(&format!("{perhaps}p0 ok nil\np0 get\np0 ok 1"), false);
}

#[test]
fn several_registers_change_at_once() {
    let write = |values: &mut Values, first: u64, second: u64| {
        let part = |key, value| Micro { deed: Deed::Write, key, value: Value::Int(value) };
        values.transaction(&[part(1, first), part(2, second)])
    };
    let read = |values: &mut Values, first: Value, second: Value| {
        let part = |key, value| Micro { deed: Deed::Read, key, value };
        values.transaction(&[part(1, first), part(2, second)])
    };
    for (seen, is_valid) in [((1, 1), true), ((2, 2), true), ((1, 2), false)] {
        let mut history = History { functions: MultiRegister::FUNCTIONS, ..History::default() };
        let call = |input| Call { function: 0, key: 0, input };
        let inputs = [
            write(&mut history.values, 1, 1),
            write(&mut history.values, 2, 2),
            read(&mut history.values, Value::Nil, Value::Nil),
        ];
        let ops: Vec<OpId> = (0..).zip(inputs).map(|(at, input)| history.invoke(at, call(input), 1, 0)).collect();
        let found = read(&mut history.values, Value::Int(seen.0), Value::Int(seen.1));
        history.complete(ops[0], Completion::Ok(Value::Nil), 1);
        history.complete(ops[2], Completion::Ok(found), 1);
        assert_eq!(has_order_of::<MultiRegister>(&history), is_valid);
        assert_eq!(observe(&mut Linearizability::<MultiRegister>::new(), &history) == Verdict::Valid, is_valid);
    }
}

#[test]
fn a_store_puts_and_appends() {
    check::<KeyValue>("p0 get\np0 ok []\np0 put [7 8]\np0 ok\np0 append [9]\np0 ok\np0 get\np0 ok [7 8 9]", true);
    check::<KeyValue>("p0 put [7]\np0 ok\np0 append [9]\np0 ok\np0 get\np0 ok [9 7]", false);
    check::<KeyValue>("p0 put 7\np0 ok\np0 put 9\np0 ok\np0 get\np0 ok 7", false);
}

#[test]
fn a_lock_is_held_once() {
    check::<Mutex>("p0 acquire\np0 ok\np1 acquire\np1 ok", false);
    check::<Mutex>("p0 acquire\np0 ok\np1 release\np1 ok\np1 acquire\np1 ok", true);
    check::<Mutex>("p0 release\np0 ok", false);
}

#[test]
fn a_lock_that_knows_its_owner_is_released_by_nobody_else() {
    check::<OwnedMutex>("p0 acquire 0\np0 ok\np1 release 1\np1 ok", false);
    check::<OwnedMutex>("p0 acquire 0\np0 ok\np0 release 0\np0 ok\np1 acquire 1\np1 ok", true);
    check::<OwnedMutex>("p0 acquire 0\np0 ok\np0 acquire 0\np0 ok", false);
}

#[test]
fn a_reentrant_lock_is_released_as_often_as_it_was_taken() {
    let twice = "p0 acquire 0\np0 ok\np0 acquire 0\np0 ok\np0 release 0\np0 ok\n";
    check::<ReentrantMutex>(&format!("{twice}p1 acquire 1\np1 ok"), false);
    check::<ReentrantMutex>(&format!("{twice}p0 release 0\np0 ok\np1 acquire 1\np1 ok"), true);
    check::<ReentrantMutex>("p0 acquire 0\np0 ok\np1 release 1\np1 ok", false);
}

#[test]
fn tokens_of_a_fenced_lock_grow() {
    let once = "p0 acquire 0\np0 ok 5\np0 release 0\np0 ok\n";
    check::<FencedMutex>(&format!("{once}p1 acquire 1\np1 ok 6"), true);
    check::<FencedMutex>(&format!("{once}p1 acquire 1\np1 ok 5"), false);
    check::<FencedMutex>("p0 acquire 0\np0 ok 5\np1 acquire 1\np1 ok 6", false);
    check::<FencedMutex>("p0 acquire 0\np0 ok 5\np1 release 1\np1 ok", false);
}

#[test]
fn a_set_forgets_what_is_removed() {
    check::<Set>("p0 add 1\np0 ok\np0 add 2\np0 ok\np0 remove 1\np0 ok\np0 read\np0 ok [2]", true);
    check::<Set>("p0 add 1\np0 ok\np0 remove 1\np0 ok\np0 contains 1\np0 ok 1", false);
    check::<Set>("p0 add 1\np0 ok\np0 contains 1\np0 ok 1\np0 read\np0 ok []", false);
    check::<Set>("p0 add 2\np0 ok\np0 add 1\np0 ok\np0 read\np0 ok [2 1]", true);
}

#[test]
fn queues_and_stacks_differ_in_order() {
    let both = |kind: [&str; 2], first: u64| {
        format!(
            "p0 {0} 1\np0 ok\np0 {0} 2\np0 ok\np0 {1}\np0 ok {first}\np0 {1}\np0 ok {2}",
            kind[0],
            kind[1],
            3 - first
        )
    };
    check::<FifoQueue>(&both(["enqueue", "dequeue"], 1), true);
    check::<FifoQueue>(&both(["enqueue", "dequeue"], 2), false);
    check::<UnorderedQueue>(&both(["enqueue", "dequeue"], 1), true);
    check::<UnorderedQueue>(&both(["enqueue", "dequeue"], 2), true);
    check::<Stack>(&both(["push", "pop"], 2), true);
    check::<Stack>(&both(["push", "pop"], 1), false);
}

#[test]
fn what_is_taken_is_gone() {
    let twice = "p0 enqueue 1\np0 ok\np0 dequeue\np0 ok 1\np1 dequeue\np1 ok";
    for (rest, is_valid) in [(" 1", false), (" nil", true)] {
        check::<FifoQueue>(&format!("{twice}{rest}"), is_valid);
        check::<UnorderedQueue>(&format!("{twice}{rest}"), is_valid);
    }
    check::<Stack>("p0 push 1\np0 ok\np0 pop\np0 ok nil", false);
    check::<FifoQueue>("p0 enqueue 1\np0 ok\np0 dequeue\np0 ok nil", false);
}

#[test]
fn a_dequeue_that_timed_out_may_have_taken_anything_that_was_there() {
    let unknown = "p0 enqueue 1\np0 ok\np0 enqueue 2\np0 ok\np3 dequeue\np3 info\np1 dequeue\n";
    check::<UnorderedQueue>(&format!("{unknown}p1 ok 1\np1 dequeue\np1 ok nil"), true);
    check::<UnorderedQueue>(&format!("{unknown}p1 ok 2\np1 dequeue\np1 ok nil"), true);
    check::<UnorderedQueue>(&format!("{unknown}p1 ok nil"), false);
    check::<UnorderedQueue>(&format!("{unknown}p1 ok 1\np1 dequeue\np1 ok nil\np1 dequeue\np1 ok 2"), false);
    // It came back before the item was put in.
    check::<UnorderedQueue>("p3 dequeue\np3 ok nil\np0 enqueue 1\np0 ok\np1 dequeue\np1 ok nil", false);
}

#[test]
fn a_counter_counts() {
    check::<Counter>("p0 add 2\np0 ok\np1 add 3\np1 ok 5\np0 read\np0 ok 5", true);
    check::<Counter>("p0 add 2\np0 ok\np0 read\np0 ok 3", false);
    check::<Counter>("p0 add 1\np1 add 1\np0 ok 1\np1 ok 1", false);
}

#[test]
fn a_list_keeps_the_order() {
    check::<GrowOnlyList>("p0 append 1\np0 ok\np0 append 2\np0 ok\np0 read\np0 ok [1 2]", true);
    check::<GrowOnlyList>("p0 append 1\np0 ok\np0 append 2\np0 ok\np0 read\np0 ok [2 1]", false);
}

/// Whether each operation that is called an assignment does what the model says.
#[track_caller]
fn assigns<M: Model<State: std::fmt::Debug>>(states: &[M::State], calls: &[(u8, Value)]) {
    let mut values = Values::default();
    let list = values.list(&[1, 2]);
    let mut count = 0;
    for &(function, input) in calls {
        let call = Call { function, key: 0, input };
        for output in [None, Some(Value::Nil), Some(Value::Int(0)), Some(Value::Int(1)), Some(list)] {
            let Some(Assignment { test, becomes }) = M::assignment(&call, output, &values) else { continue };
            for state in states {
                let fits = match &test {
                    Test::Any => true,
                    Test::Is(one) => state == one,
                    Test::IsNot(one) => state != one,
                };
                let after = fits.then(|| becomes.clone().unwrap_or_else(|| state.clone()));
                let expected = M::step(state, &call, output, &values);
                let is_left_out = output.is_none() && after.is_none() && expected.as_ref() == Some(state);
                assert!(
                    is_left_out || after == expected,
                    "{call:?} {output:?} in {state:?}: {after:?}, not {expected:?}"
                );
                count += 1;
            }
        }
    }
    assert!(count > 0, "there are assignments");
}

#[test]
fn assignments_do_what_the_model_does() {
    let numbers = [None, Some(0), Some(1), Some(2)];
    let calls = [(0, Value::Nil), (1, Value::Int(1)), (2, Value::Pair(1, 2)), (2, Value::Pair(1, 1))];
    assigns::<Register>(&numbers, &calls);
    assigns::<CasRegister>(&numbers, &calls);
    assigns::<Map>(&numbers, &[(0, Value::Nil), (1, Value::Int(1)), (2, Value::Nil)]);
    assigns::<Mutex>(&[false, true], &[(0, Value::Nil), (1, Value::Nil)]);
    let lists = [vec![], vec![0], vec![1], vec![1, 2]];
    assigns::<KeyValue>(&lists, &[(0, Value::Nil), (1, Value::Int(1)), (1, Value::Nil), (2, Value::Int(1))]);
    assigns::<OwnedMutex>(&numbers, &[(0, Value::Int(1)), (1, Value::Int(1))]);
}

/// What a random history is made of: processes, functions, numbers, ends.
type Dice = Vec<(u32, u8, u64, u64, u8)>;

fn dice() -> impl Strategy<Value = Dice> {
    proptest::collection::vec((0..4_u32, any::<u8>(), 1..3_u64, any::<u64>(), 0..12_u8), 0..26)
}

/// A history of a system that does each operation when it completes, and now and then answers anything.
fn history<M: Model>(dice: &Dice, input: fn(u8, u64, u32) -> Value) -> History {
    let mut history = History { functions: M::FUNCTIONS, ..History::default() };
    let mut open: Vec<Option<OpId>> = vec![None; 4];
    let mut state = M::init();
    for &(process, function, number, luck, end) in dice {
        let now = history.events.len() as u64;
        let Some(op) = open[process as usize].take() else {
            if history.operations.len() < 10 {
                let function = function % M::FUNCTIONS.len() as u8;
                let call = Call { function, key: 1, input: input(function, number, process) };
                open[process as usize] = Some(history.invoke(process, call, 1, now));
            }
            continue;
        };
        let call = Call { key: 0, ..history.operation(op).call };
        let lists: [&[u64]; 5] = [&[], &[1], &[2], &[1, 2], &[2, 1]];
        let mut outputs: Vec<Value> = (0..4).map(Value::Int).chain([Value::Nil]).collect();
        outputs.extend(lists.map(|list| history.values.list(list)));
        outputs.rotate_left((luck % 10) as usize);
        let right = |output: &&Value| luck % 7 > 0 && M::step(&state, &call, Some(**output), &history.values).is_some();
        let output = *outputs.iter().find(right).unwrap_or(&outputs[0]);
        if end != 0 {
            state = M::step(&state, &call, (end > 1).then_some(output), &history.values).unwrap_or(state);
        }
        let completion = match end {
            0 => Completion::Fail,
            1 | 2 => Completion::Info,
            _ => Completion::Ok(output),
        };
        history.complete(op, completion, now);
    }
    history
}

/// Search and brute force agree, event by event and whole.
fn agree<M: Model>(dice: &Dice, input: fn(u8, u64, u32) -> Value) -> Result<(), TestCaseError> {
    let history = history::<M>(dice, input);
    let is_valid = has_order_of::<M>(&history);
    let mut judge = Linearizability::<M>::new();
    prop_assert_eq!(judge.check(&history) == Verdict::Valid, is_valid, "whole: {:?}", &history);
    prop_assert_eq!(observe(&mut judge, &history) == Verdict::Valid, is_valid, "event by event: {:?}", &history);
    Ok(())
}

fn by_function(function: u8, number: u64, _: u32) -> Value {
    if function == 0 { Value::Int(number) } else { Value::Nil }
}

fn by_owner(_: u8, _: u64, process: u32) -> Value {
    Value::Int(process.into())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn search_and_brute_force_agree_on_collections(dice in dice()) {
        agree::<FifoQueue>(&dice, by_function)?;
        agree::<UnorderedQueue>(&dice, by_function)?;
        agree::<Stack>(&dice, by_function)?;
        agree::<GrowOnlyList>(&dice, by_function)?;
        agree::<Set>(&dice, |function, number, _| if function < 3 { Value::Int(number) } else { Value::Nil })?;
    }

    #[test]
    fn search_and_brute_force_agree_on_locks(dice in dice()) {
        agree::<Mutex>(&dice, |_, _, _| Value::Nil)?;
        agree::<OwnedMutex>(&dice, by_owner)?;
        agree::<ReentrantMutex>(&dice, by_owner)?;
        agree::<FencedMutex>(&dice, by_owner)?;
    }

    #[test]
    fn search_and_brute_force_agree_on_registers_and_counters(dice in dice()) {
        let cas = |function, number, _| [Value::Nil, Value::Int(number), Value::Pair(number, 3 - number)][usize::from(function)];
        agree::<CasRegister>(&dice, cas)?;
        agree::<Counter>(&dice, |function, number, _| if function == 1 { Value::Int(number) } else { Value::Nil })?;
        agree::<Map>(&dice, |function, number, _| if function == 1 { Value::Int(number) } else { Value::Nil })?;
        agree::<KeyValue>(&dice, |function, number, _| if function > 0 { Value::Int(number) } else { Value::Nil })?;
    }
}
