//! Transactions that read lists and append to them: is there one order of whole transactions, consistent with real time?
//!
//! Each element is appended once and reads return whole lists, so the longest read of a key gives the order of its
//! versions. With it, every read says whom it follows and whom it precedes, and the history is strictly serializable
//! if and only if these relations together with real time have no cycle (Adya, 1999; for lists, Kingsbury & Alvaro,
//! 2020, "Elle"). What is wrong with one read is said when it completes; cycles are looked for at the end.
//!
//! An append that nobody read comes after all reads of its key, or never was if its transaction did not complete.
//!
//! Deliberately absent: which isolation levels a cycle leaves standing.

mod graph;
#[cfg(test)]
mod tests;

use self::graph::Graph;
pub(crate) use self::graph::{Edge, Reason, edges};
use crate::{
    history::{Completion, Deed, Event, History, Micro, OpId, Value, Values},
    interner::Interner,
    model::ABORTED_READ,
    observer::Observer,
    verdict::{Anomaly, Class, Evidence, Verdict},
};

/// The names of the functions, in the order of [`Call::function`](crate::history::Call::function): a transaction takes and
/// returns a [`Value::Transaction`] of reads and appends.
pub const FUNCTIONS: &[&str] = &["txn"];

/// A read returned an element that nobody had asked to append.
pub const NEVER_APPENDED: &str = "never-appended";
/// A read returned an element twice.
pub const DUPLICATE_ELEMENT: &str = "duplicate-element";
/// A read contradicts what its own transaction appended or read before. (`internal` of Elle.)
pub const INTERNAL: &str = "internal";
/// Two reads of one key returned lists of which neither begins with the other.
pub const INCOMPATIBLE_ORDER: &str = "incompatible-order";
/// What transactions saw of each other, together with real time, is a circle.
pub const NOT_STRICTLY_SERIALIZABLE: &str = "not-strictly-serializable";

/// The judge of transactions over lists. It allocates nothing once it has seen a few runs of the same kind.
#[derive(Clone, Default)]
pub struct ListAppend {
    versions: Versions,
    graph: Graph,
    anomaly: Option<Anomaly>,
}

/// What is known of the versions of all keys.
#[derive(Clone, Debug, Default)]
struct Versions {
    appends: Interner<(u32, u64)>,
    /// By number of the append, the transaction that did it.
    writers: Vec<Writer>,
    keys: Interner<u32>,
    /// By number of the key, the longest list that was read; those beyond the keys of this run keep their memory.
    lists: Vec<Vec<u32>>,
    scratch: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Writer {
    op: OpId,
    failed: bool,
}

impl Versions {
    fn reset(&mut self) {
        self.appends.clear();
        self.writers.clear();
        self.keys.clear();
    }

    fn key(&mut self, key: u32) -> usize {
        let known = self.keys.len();
        let number = self.keys.id(key) as usize;
        if number == known {
            if known == self.lists.len() {
                self.lists.push(Vec::new());
            }
            self.lists[known].clear();
        }
        number
    }

    fn list(&self, key: u32) -> &[u32] {
        self.keys.find(&key).map_or(&[], |number| &self.lists[number as usize])
    }

    fn invoke(&mut self, op: OpId, history: &History) {
        for part in history.values.micros(history.operation(op).call.input) {
            self.key(part.key);
            if let (Deed::Append, Value::Int(item)) = (part.deed, part.value) {
                let append = self.appends.id((part.key, item)) as usize;
                if append == self.writers.len() {
                    self.writers.push(Writer { op, failed: false });
                }
            }
        }
    }

    /// The name of the anomaly that the completion of `op` shows by itself.
    fn complete(&mut self, op: OpId, history: &History) -> Option<&'static str> {
        let operation = history.operation(op);
        match operation.completion.expect("an operation completes with a completion").0 {
            Completion::Ok(output) => self.succeed(history.values.micros(output), &history.values),
            Completion::Fail => self.fail(op, history.values.micros(operation.call.input)),
            Completion::Info => None,
        }
    }

    fn fail(&mut self, op: OpId, parts: &[Micro]) -> Option<&'static str> {
        let mut was_read = false;
        for part in parts {
            let append = append_of(part).and_then(|append| self.appends.find(&append));
            let Some(append) = append.filter(|append| self.writers[*append as usize].op == op) else { continue };
            self.writers[append as usize].failed = true;
            was_read |= self.list(part.key).contains(&append);
        }
        was_read.then_some(ABORTED_READ)
    }

    fn succeed(&mut self, parts: &[Micro], values: &Values) -> Option<&'static str> {
        (0..parts.len()).find_map(|at| self.read(parts, at, values).err())
    }

    /// Takes note of what the part at `at` read, if it is a read.
    fn read(&mut self, parts: &[Micro], at: usize, values: &Values) -> Result<(), &'static str> {
        let Micro { deed: Deed::Read, key, value } = parts[at] else { return Ok(()) };
        let items = list_of(&value, values);
        self.resolve(key, items)?;
        if !is_internally_consistent(&parts[..at], key, items, values) {
            return Err(INTERNAL);
        }
        let number = self.key(key);
        let (list, scratch) = (&mut self.lists[number], &self.scratch);
        let common = list.len().min(scratch.len());
        if list[..common] != scratch[..common] {
            return Err(INCOMPATIBLE_ORDER);
        }
        list.extend_from_slice(&scratch[common..]);
        Ok(())
    }

    /// Fills `scratch` with the appends of which `items` are the elements.
    fn resolve(&mut self, key: u32, items: &[u64]) -> Result<(), &'static str> {
        self.scratch.clear();
        for (at, item) in items.iter().enumerate() {
            let append = self.appends.find(&(key, *item)).ok_or(NEVER_APPENDED)?;
            if self.writers[append as usize].failed {
                return Err(ABORTED_READ);
            }
            // What is known already is known to be there once.
            let is_known = self.list(key).get(at) == Some(&append);
            if !is_known && self.scratch.contains(&append) {
                return Err(DUPLICATE_ELEMENT);
            }
            self.scratch.push(append);
        }
        Ok(())
    }
}

fn append_of(part: &Micro) -> Option<(u32, u64)> {
    match (part.deed, part.value) {
        (Deed::Append, Value::Int(item)) => Some((part.key, item)),
        _ => None,
    }
}

/// The list that a read returned; one that was never appended to may be `Nil`.
fn list_of<'a>(value: &'a Value, values: &'a Values) -> &'a [u64] {
    values.numbers(value)
}

/// Whether a read of `items` agrees with what `before`, the earlier parts of its transaction, say of the key.
fn is_internally_consistent(before: &[Micro], key: u32, items: &[u64], values: &Values) -> bool {
    let mut rest = items;
    for part in before.iter().rev().filter(|part| part.key == key) {
        match part.deed {
            Deed::Append => match (rest.split_last(), part.value) {
                (Some((last, front)), Value::Int(item)) if *last == item => rest = front,
                _ => return false,
            },
            Deed::Read => return rest == list_of(&part.value, values),
            Deed::Write => {}
        }
    }
    true
}

impl ListAppend {
    /// A judge that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first completion by which the relations have a circle; there is one by the end.
    fn first_circle(&mut self, history: &History) -> OpId {
        let completions: Vec<usize> =
            (0..history.events.len()).filter(|at| matches!(history.events[*at], Event::Complete(_))).collect();
        let first = completions.partition_point(|at| {
            let events = &history.events[..=*at];
            let mut versions = Versions::default();
            for event in events {
                match *event {
                    Event::Invoke(op) => versions.invoke(op, history),
                    Event::Complete(op) => drop(versions.complete(op, history)),
                }
            }
            !self.graph.has_circle(&versions, events, history)
        });
        match history.events[completions[first.min(completions.len() - 1)]] {
            Event::Complete(op) | Event::Invoke(op) => op,
        }
    }
}

impl Observer for ListAppend {
    fn reset(&mut self) {
        self.versions.reset();
        self.anomaly = None;
    }

    fn invoke(&mut self, op: OpId, history: &History) {
        self.versions.invoke(op, history);
    }

    fn complete(&mut self, op: OpId, history: &History) -> Option<Anomaly> {
        if self.anomaly.is_none() {
            self.anomaly = self.versions.complete(op, history).map(|name| shown_by(op, name));
        }
        self.anomaly.clone()
    }

    fn finish(&mut self, history: &History) -> Verdict {
        if self.anomaly.is_none() && self.graph.has_circle(&self.versions, &history.events, history) {
            self.anomaly = Some(shown_by(self.first_circle(history), NOT_STRICTLY_SERIALIZABLE));
        }
        self.anomaly.clone().map_or(Verdict::Valid, Verdict::Invalid)
    }

    fn fork(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }
}

fn shown_by(op: OpId, name: &'static str) -> Anomaly {
    Anomaly { class: Class::Linearizability, name: name.into(), evidence: Evidence::Operation(op) }
}
