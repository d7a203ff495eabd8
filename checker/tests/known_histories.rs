//! Does the checker agree with the rest of the world on histories whose verdicts are known?
//!
//! The histories are Jepsen's of etcd with `quorum=false`, as Porcupine ships them (originally by
//! ahorn/linearizability-checker). They are not in this repository: where they are missing the test says so.

use std::{fs, path::PathBuf};

use murphy_checker::{
    history::{Call, Completion, History, OpId, Process, Value, Values},
    linearizability::Linearizability,
    model::{CAS, Effect, Model, READ, Register, WRITE},
    observer::observe,
    verdict::Verdict,
};

/// A register whose failed cas are observations: `ok` with 0 means that the value was not the expected one.
#[derive(Clone, Default)]
struct EtcdRegister;

impl Model for EtcdRegister {
    type State = Option<u64>;
    const FUNCTIONS: &'static [&'static str] = Register::FUNCTIONS;

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, call: &Call, output: Option<Value>, values: &Values) -> Option<Self::State> {
        match (call.function, call.input) {
            (CAS, Value::Pair(expected, new)) => {
                let is_match = *state == Some(expected);
                let is_explained = output.is_none_or(|output| output == Value::Int(u64::from(is_match)));
                is_explained.then_some(if is_match { Some(new) } else { *state })
            }
            _ => Register::step(state, call, output, values),
        }
    }

    fn effect(call: &Call, output: Option<Value>) -> Effect {
        match (call.function, output) {
            (READ, _) | (CAS, Some(Value::Int(0))) => Effect::Observation,
            (CAS, None) => Effect::Exchange,
            (CAS, Some(_)) => Effect::Change,
            _ => Effect::Overwrite,
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/histories/porcupine-etcd")
}

#[test]
fn the_checker_agrees_with_porcupine_on_etcd() {
    let Ok(verdicts) = fs::read_to_string(folder().join("VERDICTS.tsv")) else {
        // A test's own word to whoever runs it.
        #[allow(clippy::print_stderr)]
        {
            eprintln!("skipped: {} is not there", folder().display());
        }
        return;
    };
    assert_eq!(verdicts.lines().count(), 35, "a header and 34 histories");
    let mut checker = Linearizability::<EtcdRegister>::new();
    for line in verdicts.lines().skip(1) {
        let (file, is_linearizable) = line.split_once('\t').expect("a file and its verdict");
        let history = read(&fs::read_to_string(folder().join(file)).expect("the file is listed"));
        let expected = if is_linearizable == "true" { "valid" } else { "invalid" };
        assert_eq!(word(&checker.check(&history)), expected, "{file}, whole");
        assert_eq!(word(&observe(&mut checker, &history)), expected, "{file}, event by event");
    }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Invalid(_) => "invalid",
        Verdict::Unknown(_) => "unknown",
    }
}

/// Reads lines like `INFO  jepsen.util - 4<TAB>:invoke<TAB>:cas<TAB>[0 3]` and ignores all others.
fn read(log: &str) -> History {
    let mut history = History { functions: Register::FUNCTIONS, ..History::default() };
    let mut open: Vec<(Process, OpId)> = Vec::new();
    for (at, line) in log.lines().enumerate() {
        let Some(fields) = line.strip_prefix("INFO  jepsen.util - ") else { continue };
        let fields: Vec<&str> = fields.split('\t').collect();
        let [process, kind, function, value] = fields[..] else { continue };
        let Ok(process) = process.parse::<Process>() else { continue };
        if kind == ":invoke" {
            open.push((process, history.invoke(process, call(function, value), 1, at as u64)));
        } else {
            let index = open.iter().position(|&(other, _)| other == process).expect("what completes was invoked");
            let (_, op) = open.swap_remove(index);
            history.complete(op, completion(kind, function, value), at as u64);
        }
    }
    history
}

fn call(function: &str, value: &str) -> Call {
    let numbers = numbers(value);
    let (function, input) = match function {
        ":read" => (READ, Value::Nil),
        ":write" => (WRITE, Value::Int(numbers[0])),
        ":cas" => (CAS, Value::Pair(numbers[0], numbers[1])),
        _ => panic!("unknown function `{function}`"),
    };
    Call { function, key: 1, input }
}

fn completion(kind: &str, function: &str, value: &str) -> Completion<Value> {
    match (kind, function) {
        (":ok", ":read") => Completion::Ok(numbers(value).first().map_or(Value::Nil, |&number| Value::Int(number))),
        (":ok", ":cas") => Completion::Ok(Value::Int(1)),
        (":ok", _) => Completion::Ok(Value::Nil),
        (":fail", ":cas") => Completion::Ok(Value::Int(0)),
        (":fail", _) => Completion::Fail,
        (":info", _) => Completion::Info,
        _ => panic!("unknown type `{kind}`"),
    }
}

/// The numbers in `3`, `[0 3]` or `nil`.
fn numbers(value: &str) -> Vec<u64> {
    value.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}
