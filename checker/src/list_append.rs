//! Transactions that read lists and append to them, judged while the run goes on: is there one order of whole transactions, consistent
//! with real time?
//!
//! Each element is appended once and reads return whole lists, so the longest read of a key gives the order of its
//! versions. With it, every read says whom it follows and whom it precedes. These relations and real time are kept in an order
//! (`order.rs`); the first that fits none, or the first read that is wrong by itself, ends the run. What is wrong is then found out,
//! and named, by [`transactions`](crate::transactions), which also looks at the end for what appends tell that nobody read.
//!
//! Deliberately absent: other consistency models than strict serializability.

mod order;
#[cfg(test)]
mod tests;

use self::order::Order;
use crate::{
    history::{Completion, Deed, History, Micro, OpId, Value, Values},
    interner::Interner,
    observer::Observer,
    transactions::{Dependency, Objects, Options, Transactions, Witness, verdict},
    verdict::{Anomaly, Evidence, Verdict},
};

/// The names of the functions, in the order of [`Call::function`](crate::history::Call::function): a transaction takes and
/// returns a [`Value::Transaction`] of reads and appends.
pub const FUNCTIONS: &[&str] = &["txn"];

/// Why one transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The other appended right after it.
    Appended {
        /// To this key.
        key: u32,
    },
    /// The other read the list up to what it had appended.
    WasRead {
        /// Of this key.
        key: u32,
    },
    /// It read the list as it was before the other appended to it.
    Missed {
        /// Of this key.
        key: u32,
    },
    /// It had completed when the other was invoked.
    RealTime,
}

/// One transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: OpId,
    pub(crate) to: OpId,
    pub(crate) reason: Reason,
}

/// What the transactions of `history` saw of each other that cannot all be, apart from real time.
pub(crate) fn edges(history: &History) -> Vec<Edge> {
    let mut judge = Transactions::new();
    let report = judge.check(history, Options::new(Objects::Lists)).clone();
    let steps = report.findings.iter().find_map(|finding| match &finding.witness {
        Witness::Cycle(steps) => Some(steps.clone()),
        _ => None,
    });
    let edge = |step| {
        let key = judge.reason(history, Objects::Lists, step)?.key;
        let reason = match step.dependency {
            Dependency::Ww => Reason::Appended { key },
            Dependency::Wr | Dependency::PredicateWr => Reason::WasRead { key },
            Dependency::Rw | Dependency::PredicateRw => Reason::Missed { key },
            Dependency::Process | Dependency::Realtime => Reason::RealTime,
        };
        Some(Edge { from: step.from, to: step.to, reason })
    };
    steps.unwrap_or_default().into_iter().filter_map(edge).collect()
}

/// The judge of transactions over lists. It allocates nothing once it has seen a few runs of the same kind.
#[derive(Clone, Default)]
pub struct ListAppend {
    versions: Versions,
    order: Order,
    judge: Transactions,
    anomaly: Option<Anomaly>,
}

/// A read, or what is known so far, is wrong.
#[derive(Debug)]
struct Wrong;

/// What is known of the versions of all keys.
#[derive(Clone, Debug, Default)]
struct Versions {
    appends: Interner<(u32, u64)>,
    /// By number of the append, the transaction that did it.
    writers: Vec<Writer>,
    keys: Interner<u32>,
    /// By number of the key, the longest list that was read; those beyond the keys of this run keep their memory.
    lists: Vec<Vec<u32>>,
    /// By number of the key, the transactions that read all of that.
    readers: Vec<Vec<OpId>>,
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
                self.readers.push(Vec::new());
            }
            self.lists[known].clear();
            self.readers[known].clear();
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

    /// Takes note of what the completion of `op` tells, and puts it in order.
    fn complete(&mut self, op: OpId, history: &History, order: &mut Order) -> Result<(), Wrong> {
        let operation = history.operation(op);
        match operation.completion.expect("an operation completes with a completion").0 {
            Completion::Ok(output) => {
                let parts = history.values.micros(output);
                (0..parts.len()).try_for_each(|at| self.read(op, parts, at, &history.values, order))?;
                order.complete(op);
                Ok(())
            }
            Completion::Fail => self.fail(op, history.values.micros(operation.call.input)),
            Completion::Info => Ok(()),
        }
    }

    fn fail(&mut self, op: OpId, parts: &[Micro]) -> Result<(), Wrong> {
        let mut was_read = false;
        for part in parts {
            let append = append_of(part).and_then(|append| self.appends.find(&append));
            let Some(append) = append.filter(|append| self.writers[*append as usize].op == op) else { continue };
            self.writers[append as usize].failed = true;
            was_read |= self.list(part.key).contains(&append);
        }
        if was_read { Err(Wrong) } else { Ok(()) }
    }

    /// Takes note of what the part at `at` read, if it is a read.
    fn read(&mut self, op: OpId, parts: &[Micro], at: usize, values: &Values, order: &mut Order) -> Result<(), Wrong> {
        let Micro { deed: Deed::Read, key, value } = parts[at] else { return Ok(()) };
        let items = list_of(&value, values);
        self.resolve(key, items)?;
        if !is_internally_consistent(&parts[..at], key, items, values) {
            return Err(Wrong);
        }
        let number = self.key(key);
        let (list, scratch) = (&mut self.lists[number], &self.scratch);
        let common = list.len().min(scratch.len());
        if list[..common] != scratch[..common] {
            return Err(Wrong);
        }
        let known = list.len();
        list.extend_from_slice(&scratch[common..]);
        let len = scratch.len();
        if list.len() > known {
            self.grow(number, known, order)?;
        }
        if parts[..at].iter().all(|before| before.key != key) { self.put(op, number, len, order) } else { Ok(()) }
    }

    /// More is known of the order of a key's versions than the first `known`.
    fn grow(&mut self, number: usize, known: usize, order: &mut Order) -> Result<(), Wrong> {
        let writer = |append: u32| self.writers[append as usize].op;
        let list = &self.lists[number];
        for pair in list[known.saturating_sub(1)..].windows(2) {
            order.link(writer(pair[0]), writer(pair[1]))?;
        }
        let next = writer(list[known]);
        self.readers[number].drain(..).try_for_each(|reader| order.link(reader, next))
    }

    /// A transaction read so many of a key's versions.
    fn put(&mut self, op: OpId, number: usize, len: usize, order: &mut Order) -> Result<(), Wrong> {
        let list = &self.lists[number];
        let writer = |at: usize| self.writers[list[at] as usize].op;
        if let Some(last) = len.checked_sub(1) {
            order.link(writer(last), op)?;
        }
        if len < list.len() {
            return order.link(op, writer(len));
        }
        self.readers[number].push(op);
        Ok(())
    }

    /// Fills `scratch` with the appends of which `items` are the elements.
    fn resolve(&mut self, key: u32, items: &[u64]) -> Result<(), Wrong> {
        self.scratch.clear();
        for (at, item) in items.iter().enumerate() {
            let append = self.appends.find(&(key, *item)).ok_or(Wrong)?;
            if self.writers[append as usize].failed {
                return Err(Wrong);
            }
            // What is known already is known to be there once.
            let is_known = self.list(key).get(at) == Some(&append);
            if !is_known && self.scratch.contains(&append) {
                return Err(Wrong);
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
            Deed::Write | Deed::Match | Deed::Begin => {}
        }
    }
    true
}

impl ListAppend {
    /// A judge that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is wrong with the history so far.
    fn judge(&mut self, history: &History) -> Verdict {
        verdict(self.judge.check(history, Options::new(Objects::Lists)), history)
    }
}

impl Observer for ListAppend {
    fn reset(&mut self) {
        self.versions.reset();
        self.order.reset();
        self.anomaly = None;
    }

    fn invoke(&mut self, op: OpId, history: &History) {
        self.versions.invoke(op, history);
        self.order.invoke(op);
    }

    fn complete(&mut self, op: OpId, history: &History) -> Option<Anomaly> {
        if self.anomaly.is_none() && self.versions.complete(op, history, &mut self.order).is_err() {
            let evidence = Evidence::Operation(op);
            self.anomaly = self.judge(history).anomaly().map(|anomaly| Anomaly { evidence, ..anomaly.clone() });
        }
        self.anomaly.clone()
    }

    fn finish(&mut self, history: &History) -> Verdict {
        match &self.anomaly {
            Some(anomaly) => Verdict::Invalid(anomaly.clone()),
            None => self.judge(history),
        }
    }

    fn fork(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }
}
