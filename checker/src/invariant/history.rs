//! Invariants of a history: what clients have seen, as far as it is known when an operation completes.
//!
//! Each object of the history is an object, called by its key; its field `value` is what a client that succeeded has read or
//! written there last. The object `system` tells of the operation that has just completed: `function`, `outcome` (`"ok"`, `"fail"`,
//! `"info"`), `process` and `latency_us`, and how many have completed so far: `ok`, `failed`, `unknown`.

use std::collections::BTreeMap;

use super::{Broken, Capture, Datum, Fields, Invariant, Judge, Occasion, SYSTEM, Seen, State, Trigger, judge::VALUE};
use crate::history::{Completion, Deed, Event, History, OpId, Operation, Value};

/// What invariants say of a history.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The first that does not hold.
    pub broken: Option<Broken>,
    /// Clauses that were neither true nor false, with the names of their invariants: what they name never was there.
    pub undecided: Vec<(String, String)>,
}

/// Invariants that cannot be judged on a history, with the occasion that no history has.
pub fn not_for_histories(invariants: &[Invariant]) -> Option<(&Invariant, &Trigger)> {
    invariants.iter().find_map(|invariant| {
        let strange = |trigger: &&Trigger| !matches!(trigger, Trigger::Operation | Trigger::Every(_));
        invariant.when.iter().find(strange).map(|trigger| (invariant, trigger))
    })
}

/// Judges `invariants` as the operations of a history complete, in the order of its events.
pub fn check(history: &History, invariants: &[Invariant]) -> Judgement {
    let judge = Judge::new(invariants.iter().cloned());
    let fields = judge.fields();
    let mut reader = Reader {
        history,
        judge,
        fields,
        state: State::default(),
        open: BTreeMap::new(),
        counts: [0; 3],
        room: Vec::new(),
    };
    let broken = history.events.iter().find_map(|event| reader.event(*event));
    let undecided = reader.judge.undecided().map(|(name, clause)| (name.to_string(), clause.to_string())).collect();
    Judgement { broken, undecided }
}

struct Reader<'a> {
    history: &'a History,
    judge: Judge,
    fields: Fields,
    state: State,
    /// The state before each operation that is open, if it is asked for.
    open: BTreeMap<OpId, State>,
    /// How many have completed each way.
    counts: [u64; 3],
    room: Vec<Option<Datum>>,
}

impl Reader<'_> {
    fn event(&mut self, event: Event) -> Option<Broken> {
        let (Event::Invoke(op) | Event::Complete(op)) = event;
        let operation = *self.history.operation(op);
        let completion = operation.completion.filter(|_| matches!(event, Event::Complete(_)));
        let time = completion.map_or(operation.invoked_at, |(_, at)| at);
        let broken = self.judge.time_passes(time, &self.fields, &self.state);
        if broken.is_some() {
            return broken;
        }
        let Some((completion, _)) = completion else {
            if self.judge.looks_back() {
                self.open.insert(op, self.state.clone());
            }
            return None;
        };
        let changed = self.take_in(&operation, completion);
        self.tell(&operation, completion, time);
        let old = self.open.remove(&op);
        let seen = Seen { new: &self.state, old: old.as_ref(), changed: changed.as_deref() };
        self.judge.judge(Occasion::Operation(op), time, &self.fields, seen)
    }

    /// Takes in what a client saw. Returns the one object that changed, the system's if none did; `None`: there may be several.
    fn take_in(&mut self, operation: &Operation, completion: Completion<Value>) -> Option<String> {
        let Completion::Ok(output) = completion else { return Some(SYSTEM.to_string()) };
        let call = operation.call;
        if let Value::Transaction(span) = output {
            for part in self.history.values.parts(span) {
                if part.deed != Deed::Append {
                    self.put(part.key, part.value);
                }
            }
            return None;
        }
        let value = match (call.input, output) {
            (Value::Nil, output) => output,
            (Value::Pair(_, new), _) => Value::Int(new),
            (input, _) => input,
        };
        Some(self.put(call.key, value))
    }

    fn put(&mut self, key: u32, value: Value) -> String {
        let name = self.history.names.key(key);
        let name =
            name.strip_prefix('k').filter(|number| *number == key.to_string()).map(ToString::to_string).unwrap_or(name);
        let datum = datum(self.history, value);
        self.state.capture(&name, &[].into(), &mut self.fields, &mut self.room, |capture| capture.put(VALUE, datum));
        name
    }

    /// The system tells of the operation.
    fn tell(&mut self, operation: &Operation, completion: Completion<Value>, time: u64) {
        let (place, outcome) = match completion {
            Completion::Ok(_) => (0, "ok"),
            Completion::Fail => (1, "fail"),
            Completion::Info => (2, "info"),
        };
        self.counts[place] += 1;
        let [ok, failed, unknown] = self.counts;
        let function = self.history.functions.get(usize::from(operation.call.function)).copied().unwrap_or_default();
        let say = |capture: &mut Capture<'_>| {
            capture.put("function", function);
            capture.put("outcome", outcome);
            capture.put("process", operation.process);
            capture.put("latency_us", time.saturating_sub(operation.invoked_at) / 1_000);
            capture.put("ok", ok);
            capture.put("failed", failed);
            capture.put("unknown", unknown);
        };
        self.state.capture(SYSTEM, &[].into(), &mut self.fields, &mut self.room, say);
    }
}

/// A value of a history as one of the language.
fn datum(history: &History, value: Value) -> Datum {
    let number = |number: u64| match i128::from(number).to_string() {
        plain if plain == history.names.number(number) => Datum::from(number),
        _ => Datum::from(&*history.names.number(number)),
    };
    match value {
        Value::Nil => Datum::Nil,
        Value::Int(one) => number(one),
        Value::Pair(a, b) => Datum::many([number(a), number(b)]),
        Value::List(span) => Datum::many(history.values.items(span).iter().map(|one| number(*one))),
        Value::Transaction(_) => Datum::Nil,
    }
}
