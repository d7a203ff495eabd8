//! Histories as text, for tests.

use crate::{
    history::{Call, Completion, Deed, Event, History, Micro, OpId, Value, Values},
    model::{Model, Register},
};

/// [`parse_as`] of registers: `p0 write 1`, `p0 cas 1 2`, `p0 read`.
#[track_caller]
pub(crate) fn parse(text: &str) -> History {
    parse_as(Register::FUNCTIONS, text)
}

/// Reads a history of these functions, one event a line and a millisecond: `p0 write 1`, with `k2` before the function for
/// another key than 1; then `p0 ok`, `p0 ok 1` (`nil` is a value), `p0 fail`, `p0 info`. Values are `1`, `1 2`, `[1 2 3]`, or
/// transactions: `r1 a2=5` (with key 0), and when that is done `r1=1,2 a2=5`; of registers `v1 w2=5`, then `v1=3 w2=5` or `v1= w2=5`.
/// Process 0 talks to node 1, process 1 to node 2, and so on.
#[track_caller]
pub(crate) fn parse_as(functions: &'static [&'static str], text: &str) -> History {
    let mut history = History { functions, ..History::default() };
    let mut open: Vec<Option<OpId>> = vec![None; 256];
    for (at, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let process: u32 = words[0][1..].parse().expect("a line begins with its process");
        let now = at as u64 * 1_000_000;
        match completion(&mut history.values, &words[1..]) {
            Some(completion) => {
                let op = open[process as usize].take().expect("what completes has been invoked");
                history.complete(op, completion, now);
            }
            None => {
                let call = call(functions, &mut history.values, &words[1..]);
                let op = history.invoke(process, call, process as u16 + 1, now);
                assert_eq!(open[process as usize].replace(op), None, "a process is sequential");
            }
        }
    }
    history
}

fn completion(values: &mut Values, words: &[&str]) -> Option<Completion<Value>> {
    match words {
        ["ok", words @ ..] => Some(Completion::Ok(value(values, words))),
        ["fail"] => Some(Completion::Fail),
        ["info"] => Some(Completion::Info),
        _ => None,
    }
}

#[track_caller]
fn call(functions: &[&str], values: &mut Values, words: &[&str]) -> Call {
    let (key, words) = match words[0].strip_prefix('k') {
        Some(key) => (number(key) as u32, &words[1..]),
        None => (1, words),
    };
    let function = functions.iter().position(|function| *function == words[0]).expect("a known function") as u8;
    let input = value(values, &words[1..]);
    Call { function, key: if matches!(input, Value::Transaction(_)) { 0 } else { key }, input }
}

#[track_caller]
fn value(values: &mut Values, words: &[&str]) -> Value {
    match words {
        [] | ["nil"] => Value::Nil,
        [first, ..] if first.starts_with('[') => {
            let items = words.join(" ");
            values.list(&items.trim_matches(['[', ']']).split_whitespace().map(number).collect::<Vec<_>>())
        }
        [first, ..] if first.starts_with(['r', 'a', 'v', 'w']) => {
            let parts: Vec<Micro> = words.iter().map(|word| part(values, word)).collect();
            values.transaction(&parts)
        }
        [one] => Value::Int(number(one)),
        [one, other] => Value::Pair(number(one), number(other)),
        _ => panic!("no value: {words:?}"),
    }
}

#[track_caller]
fn part(values: &mut Values, word: &str) -> Micro {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let key = number(&name[1..]) as u32;
    let items = || value.into_iter().flat_map(|text| text.split(',')).filter(|item| !item.is_empty()).map(number);
    let first = || items().next().map_or(Value::Nil, Value::Int);
    match (&name[..1], value) {
        ("r" | "v", None) => Micro { deed: Deed::Read, key, value: Value::Nil },
        ("r", Some(_)) => Micro { deed: Deed::Read, key, value: values.list(&items().collect::<Vec<_>>()) },
        ("v", Some(_)) => Micro { deed: Deed::Read, key, value: first() },
        ("w", _) => Micro { deed: Deed::Write, key, value: first() },
        _ => Micro { deed: Deed::Append, key, value: first() },
    }
}

#[track_caller]
fn number(word: &str) -> u64 {
    word.parse().expect("a number")
}

/// The oracle: whether some order of the operations explains a history under the model `M`, on keys below 4.
pub(crate) fn has_order_of<M: Model>(history: &History) -> bool {
    let at = |event: Event| history.events.iter().position(|&other| other == event).unwrap_or(usize::MAX);
    let times: Vec<(usize, usize)> = (0..history.operations.len() as u32)
        .map(|op| (at(Event::Invoke(OpId(op))), at(Event::Complete(OpId(op)))))
        .collect();
    extends::<M>(history, &times, 0, &mut std::array::from_fn(|_| M::init()))
}

/// Whether the order of the operations in `taken` can be extended by the others.
fn extends<M: Model>(history: &History, times: &[(usize, usize)], taken: u32, states: &mut [M::State; 4]) -> bool {
    let is_ok = |op: usize| matches!(history.operations[op].completion, Some((Completion::Ok(_), _)));
    let waiting = || (0..times.len()).filter(|op| taken & (1 << op) == 0);
    if !waiting().any(is_ok) {
        return true;
    }
    let deadline = waiting().filter(|&op| is_ok(op)).map(|op| times[op].1).min().unwrap_or(usize::MAX);
    waiting().filter(|&op| times[op].0 < deadline).any(|op| {
        let operation = &history.operations[op];
        let output = match operation.completion {
            Some((Completion::Fail, _)) => return false,
            Some((Completion::Ok(output), _)) => Some(output),
            Some((Completion::Info, _)) | None => None,
        };
        let key = operation.call.key as usize;
        let call = Call { key: 0, ..operation.call };
        let Some(after) = M::step(&states[key], &call, output, &history.values) else { return false };
        let before = std::mem::replace(&mut states[key], after);
        let found = extends::<M>(history, times, taken | (1 << op), states);
        states[key] = before;
        found
    })
}
