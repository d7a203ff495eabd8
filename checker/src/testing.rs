//! Histories as text, for tests.

use crate::{
    history::{Call, Completion, History, OpId, Value},
    model::{CAS, Model, READ, Register, WRITE},
};

/// Reads a history, one event a line and a millisecond: `p0 write 1`, `p0 cas 1 2`, `p0 read`, with `k2` before the
/// function for another key than 1; then `p0 ok`, `p0 ok 1` (of a read; `nil` is a value), `p0 fail`, `p0 info`.
/// Process 0 talks to node 1, process 1 to node 2, and so on.
#[track_caller]
pub(crate) fn parse(text: &str) -> History {
    let mut history = History { functions: Register::FUNCTIONS, ..History::default() };
    let mut open: Vec<Option<OpId>> = vec![None; 256];
    for (at, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let process: u32 = words[0][1..].parse().expect("a line begins with its process");
        let now = at as u64 * 1_000_000;
        match completion(&words[1..]) {
            Some(completion) => {
                let op = open[process as usize].take().expect("what completes has been invoked");
                history.complete(op, completion, now);
            }
            None => {
                let op = history.invoke(process, call(&words[1..]), process as u16 + 1, now);
                assert_eq!(open[process as usize].replace(op), None, "a process is sequential");
            }
        }
    }
    history
}

fn completion(words: &[&str]) -> Option<Completion<Value>> {
    match words {
        ["ok"] | ["ok", "nil"] => Some(Completion::Ok(Value::Nil)),
        ["ok", value] => Some(Completion::Ok(Value::Int(number(value)))),
        ["fail"] => Some(Completion::Fail),
        ["info"] => Some(Completion::Info),
        _ => None,
    }
}

#[track_caller]
fn call(words: &[&str]) -> Call {
    let (key, words) = match words[0].strip_prefix('k') {
        Some(key) => (number(key) as u32, &words[1..]),
        None => (1, words),
    };
    let (function, input) = match words {
        ["read"] => (READ, Value::Nil),
        ["write", value] => (WRITE, Value::Int(number(value))),
        ["cas", expected, new] => (CAS, Value::Pair(number(expected), number(new))),
        _ => panic!("no call: {words:?}"),
    };
    Call { function, key, input }
}

fn number(word: &str) -> u64 {
    word.parse().expect("a number")
}
