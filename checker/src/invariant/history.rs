//! Invariants of a history: what clients have seen, as far as it is known when an operation completes.
//!
//! Each object of the history is an object, called by its key; its field `value` is what a client that succeeded has read or
//! written there last. The object `system` tells of the operation that has just completed: `function`, `outcome` (`"ok"`, `"fail"`,
//! `"info"`), `process` and `latency_us`, and how many have completed so far: `ok`, `failed`, `unknown`.

use std::{collections::BTreeMap, sync::Arc};

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
        clients: Clients::default(),
        system: SYSTEM.into(),
        no_groups: [].into(),
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
    clients: Clients,
    system: Arc<str>,
    no_groups: Arc<[Arc<str>]>,
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
        let Self { clients, state, fields, room, system, no_groups, .. } = self;
        let told = state.capture(system, no_groups, fields, room, |capture| clients.tell(self.history, op, capture));
        let old = self.open.remove(&op);
        let seen = Seen { new: &self.state, old: old.as_ref(), changed: changed.as_deref().filter(|_| !told) };
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
        self.state.capture(&name.as_str().into(), &self.no_groups, &mut self.fields, &mut self.room, |capture| {
            capture.put(VALUE, datum)
        });
        name
    }
}

/// What the object `system` tells of clients.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    /// How many operations have completed as `ok`, `fail` and `info`.
    counts: [u64; 3],
}

impl Clients {
    /// The fields that it tells.
    pub const FIELDS: [&'static str; 7] = ["function", "outcome", "process", "latency_us", "ok", "failed", "unknown"];

    /// An operation has completed. Times are in nanoseconds.
    pub fn tell(&mut self, history: &History, op: OpId, capture: &mut Capture<'_>) {
        let operation = history.operation(op);
        let Some((completion, time)) = operation.completion else { return };
        let (place, outcome) = match completion {
            Completion::Ok(_) => (0, "ok"),
            Completion::Fail => (1, "fail"),
            Completion::Info => (2, "info"),
        };
        self.counts[place] += 1;
        let [ok, failed, unknown] = self.counts;
        let function = history.functions.get(usize::from(operation.call.function)).copied().unwrap_or_default();
        let latency = time.saturating_sub(operation.invoked_at) / 1_000;
        let values: [Datum; 7] = [
            function.into(),
            outcome.into(),
            operation.process.into(),
            latency.into(),
            ok.into(),
            failed.into(),
            unknown.into(),
        ];
        Self::FIELDS.into_iter().zip(values).for_each(|(field, value)| capture.put(field, value));
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
