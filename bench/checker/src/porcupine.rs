//! A register as porcupine-rs has it, and histories in its form.

use std::collections::HashMap;

use murphy_checker::{
    history::{Call, Completion, Event, History, OpId, Value},
    model::{CAS, READ},
};
use porcupine_rs::{Event as Moment, EventModel, Model, Operation};

/// A register with compare-and-set.
#[derive(Clone, Copy, Debug)]
pub struct Register;

/// What was asked and, where it is known, what came of it.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// It returned this.
    Read(Option<u64>),
    /// It has no result.
    Write(u64),
    /// It may have told whether it matched.
    Cas(u64, u64, Option<bool>),
}

impl Model for Register {
    type State = Option<u64>;
    type Op = Deed;
    type Metadata = ();

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, deed: &Deed) -> (bool, Self::State) {
        match *deed {
            Deed::Read(found) => (found == *state, *state),
            Deed::Write(new) => (true, Some(new)),
            Deed::Cas(expected, new, says) => {
                let matches = *state == Some(expected);
                (says.is_none_or(|says| says == matches), if matches { Some(new) } else { *state })
            }
        }
    }
}

impl EventModel for Register {
    /// What is known once it has returned.
    type Input = Deed;
    type Output = ();

    fn combine(deed: &Deed, (): &()) -> Deed {
        *deed
    }
}

/// The events of `history`, as porcupine-rs' own benchmark on these logs has them: what never returns does so at the end.
pub fn events(history: &History) -> Vec<Moment<Register>> {
    let known = |op: OpId| {
        let operation = history.operation(op);
        deed(&operation.call, operation.completion.map(|(completion, _)| completion))
    };
    let end = |op: OpId| Moment::Return { client_id: None, value: (), id: op.0 as usize, metadata: None };
    let mut events = Vec::new();
    let mut late = Vec::new();
    for event in &history.events {
        match *event {
            Event::Invoke(op) => {
                let Some(value) = known(op) else { continue };
                events.push(Moment::Call { client_id: None, value, id: op.0 as usize, metadata: None });
                let completion = history.operation(op).completion;
                if completion.is_none_or(|(completion, _)| completion == Completion::Info) {
                    late.push(end(op));
                }
            }
            Event::Complete(op) if matches!(history.operation(op).completion, Some((Completion::Info, _))) => {}
            Event::Complete(op) => events.extend(known(op).map(|_| end(op))),
        }
    }
    events.extend(late);
    events
}

/// The operations of `history` and their keys. What failed, or is a read without a result, says nothing and is left out.
pub fn operations(history: &History) -> Vec<(u32, Operation<Register>)> {
    let mut ends = vec![i64::MAX; history.operations.len()];
    let mut begins = ends.clone();
    for (at, event) in (0..).zip(&history.events) {
        match *event {
            Event::Invoke(OpId(op)) => begins[op as usize] = at,
            Event::Complete(op) if matches!(history.operation(op).completion, Some((Completion::Info, _))) => {}
            Event::Complete(OpId(op)) => ends[op as usize] = at,
        }
    }
    let times = begins.into_iter().zip(ends);
    let all = history.operations.iter().zip(times).filter_map(|(operation, (call_time, return_time))| {
        let op = deed(&operation.call, operation.completion.map(|(completion, _)| completion))?;
        let client_id = Some(operation.process);
        Some((operation.call.key, Operation { client_id, call_time, return_time, op, metadata: None }))
    });
    all.collect()
}

fn deed(call: &Call, completion: Option<Completion<Value>>) -> Option<Deed> {
    match (call.function, call.input, completion) {
        (_, _, Some(Completion::Fail)) => None,
        (READ, _, Some(Completion::Ok(Value::Int(found)))) => Some(Deed::Read(Some(found))),
        (READ, _, Some(Completion::Ok(_))) => Some(Deed::Read(None)),
        (READ, ..) => None,
        (CAS, Value::Pair(expected, new), Some(Completion::Ok(says))) => {
            Some(Deed::Cas(expected, new, Some(says != Value::Int(0))))
        }
        (CAS, Value::Pair(expected, new), _) => Some(Deed::Cas(expected, new, None)),
        (_, Value::Int(new), _) => Some(Deed::Write(new)),
        _ => unreachable!("no function of a register"),
    }
}

/// Whether all keys are linearizable. They are partitioned as in porcupine-rs' own example of a store, and judged one after the
/// other on this thread: left to itself, it would start a thread for each.
pub fn check(operations: &[(u32, Operation<Register>)]) -> bool {
    let mut keys: HashMap<u32, Vec<Operation<Register>>> = HashMap::new();
    for (key, operation) in operations {
        keys.entry(*key).or_default().push(operation.clone());
    }
    keys.values().all(|operations| porcupine_rs::check_operations(operations))
}
