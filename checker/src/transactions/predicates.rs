//! Reads by a predicate: what a transaction found, and what it must have seen of the objects that it did not find.
//!
//! The universe is closed: the history itself writes everything that could be found. So who does not find an object saw a version of it
//! that does not fit, or none, and where there are few of these, that orders transactions (Kingsbury, `elle.closed-predicate`; after
//! Adya, 1999, §2.5). What is found is read as an object by itself is: an *item*.
//!
//! A history is first told anew without predicates, as one of registers; what was not found becomes dependencies beside theirs.
//!
//! Deliberately absent: choices. Where an object can have been missed either before one write or after another, nothing is said.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    compact::{Compact, Fate, deeds},
    graph::Sink,
    phenomena::Phenomenon,
    reasons::Reason,
    registers::Registers,
    report::{Dependency, Report, Step, Undecided, Witness},
};
use crate::history::{Completion, Deed, History, Micro, OpId, Predicate, Value};

/// The names of the functions: transactions, and what there is before any of them.
pub const FUNCTIONS: &[&str] = &["txn", "init"];

/// Deletions are versions, too: numbers from here on, which no file counts with.
const DELETED: u64 = 3 << 61;
/// That an object was absent which never was.
const NEVER: u64 = u64::MAX >> 1;

/// A read by a predicate of a transaction that committed.
#[derive(Clone, Debug)]
struct Search {
    op: u32,
    /// Its place in the transaction.
    part: u32,
    predicate: Predicate,
    /// The objects that it found, or of which the transaction knew before.
    known: BTreeSet<u32>,
}

/// That an object was not found puts one transaction before another.
#[derive(Clone, Copy, Debug)]
struct Edge {
    step: Step,
    key: u32,
    /// The place of the search in its transaction.
    part: u32,
    /// What the other transaction left.
    version: u32,
}

/// What is known of reads by predicates.
#[derive(Clone, Debug, Default)]
pub(super) struct Predicates {
    /// What objects hold before anything is written.
    begin: BTreeMap<u32, u64>,
    /// By object, the numbers of its deletions, and whether each aborted.
    deletions: BTreeMap<u32, Vec<(u64, bool)>>,
    deleted: u64,
    /// Objects of which a value was written that they begin with.
    doubtful: BTreeSet<u32>,
    searches: Vec<Search>,
    /// By transaction, of each part in the history of registers its place in the real one, and its real value.
    origins: Vec<Vec<(u32, Value)>>,
    edges: Vec<Edge>,
}

/// A transaction on its way into the history of registers.
#[derive(Default)]
struct Telling {
    parts: Vec<Micro>,
    origins: Vec<(u32, Value)>,
    /// What the transaction knows objects to hold.
    known: BTreeMap<u32, Value>,
}

impl Telling {
    fn put(&mut self, place: u32, real: Micro, value: Value) {
        self.parts.push(Micro { value, ..real });
        self.origins.push((place, real.value));
    }
}

impl Predicates {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Tells `history` as one of registers.
    pub(super) fn load(&mut self, history: &History, flat: &mut History, report: &mut Report) {
        self.clear();
        (0..history.operations.len() as u32).for_each(|op| self.begin(history, op));
        (0..history.operations.len() as u32).for_each(|op| self.survey(history, op, report));
        flat.reset(history.functions);
        flat.events.clone_from(&history.events);
        self.deleted = 0;
        for op in 0..history.operations.len() as u32 {
            let telling = self.tell(history, op, report);
            let mut operation = *history.operation(OpId(op));
            let parts = flat.values.transaction(&telling.parts);
            operation.call.input = parts;
            operation.completion = operation.completion.map(|(end, at)| (end.map(|_| parts), at));
            flat.operations.push(operation);
            self.origins.push(telling.origins);
        }
    }

    fn begin(&mut self, history: &History, op: u32) {
        let operation = history.operation(OpId(op));
        if !matches!(operation.completion, Some((Completion::Fail, _))) {
            for micro in history.values.micros(operation.call.input).iter().filter(|micro| micro.deed == Deed::Begin) {
                if let Value::Int(value) = micro.value {
                    self.begin.entry(micro.key).or_insert(value);
                }
            }
        }
    }

    /// Numbers the deletions, and sees whether a value is written that was there before.
    fn survey(&mut self, history: &History, op: u32, report: &mut Report) {
        let (fate, micros) = deeds(history, op);
        for micro in micros.iter().filter(|micro| micro.deed == Deed::Write) {
            match micro.value {
                Value::Int(value) if self.begin.get(&micro.key) == Some(&value) => {
                    report.undecided.push(Undecided::WrittenTwice { key: micro.key, value });
                    self.doubtful.insert(micro.key);
                }
                Value::Int(_) => {}
                _ => {
                    let number = self.deletion();
                    self.deletions.entry(micro.key).or_default().push((number, fate == Fate::Aborted));
                }
            }
        }
    }

    fn deletion(&mut self) -> u64 {
        self.deleted += 1;
        DELETED + self.deleted
    }

    fn tell(&mut self, history: &History, op: u32, report: &mut Report) -> Telling {
        let (fate, micros) = deeds(history, op);
        let mut telling = Telling::default();
        for (place, micro) in (0..).zip(micros) {
            match micro.deed {
                Deed::Write => {
                    let is_deleted = !matches!(micro.value, Value::Int(_));
                    let value = if is_deleted { Value::Int(self.deletion()) } else { micro.value };
                    telling.put(place, *micro, value);
                    telling.known.insert(micro.key, micro.value);
                }
                Deed::Append => telling.put(place, *micro, micro.value),
                Deed::Read if fate == Fate::Committed => self.read(op, place, *micro, &mut telling, report),
                Deed::Match if fate == Fate::Committed => self.search(history, op, place, micro, &mut telling, report),
                Deed::Read | Deed::Match | Deed::Begin => {}
            }
        }
        telling
    }

    /// A read of one object: what the transaction knows already is judged here.
    fn read(&self, op: u32, place: u32, read: Micro, telling: &mut Telling, report: &mut Report) {
        match telling.known.insert(read.key, read.value) {
            Some(known) if known == read.value => {}
            Some(_) => report.add_place(Phenomenon::Internal, op, None, read.key, number(read.value)),
            None => {
                if let Some(value) = self.version(read) {
                    telling.put(place, read, value);
                }
            }
        }
    }

    /// What a read from outside found, in the history of registers; `None`: nobody can tell.
    fn version(&self, read: Micro) -> Option<Value> {
        let begin = self.begin.get(&read.key);
        if let Some(value) = number(read.value) {
            return Some(if begin == Some(&value) { Value::Nil } else { read.value });
        }
        let deletions = self.deletions.get(&read.key).map_or(&[][..], Vec::as_slice);
        let initial = begin.is_none().then_some(Value::Nil);
        let committed = deletions.iter().filter(|(_, is_aborted)| !is_aborted);
        let mut all = initial.into_iter().chain(committed.map(|(number, _)| Value::Int(*number)));
        match (all.next(), all.next()) {
            (None, _) => Some(Value::Int(deletions.first().map_or(NEVER, |(aborted, _)| *aborted))),
            (only, None) => only,
            (Some(_), Some(_)) => None,
        }
    }

    fn search(
        &mut self,
        history: &History,
        op: u32,
        part: u32,
        micro: &Micro,
        telling: &mut Telling,
        report: &mut Report,
    ) {
        let Some((predicate, Some(found))) = history.values.searched(micro) else { return };
        let is_found = |key: &u32| found.iter().any(|read| read.key == *key);
        for (key, value) in telling.known.iter().filter(|(key, _)| !is_found(key)) {
            if number(*value).is_some_and(|value| predicate.fits(value)) {
                report.add_place(Phenomenon::Internal, op, None, *key, None);
            }
        }
        for read in found {
            if !number(read.value).is_some_and(|value| predicate.fits(value)) {
                report.add_place(Phenomenon::PredicateReadExtra, op, None, read.key, number(read.value));
            }
            self.read(op, part, *read, telling, report);
        }
        let known = telling.known.keys().copied().collect();
        self.searches.push(Search { op, part, predicate, known });
    }

    /// Leaves out the objects of which nobody can tell who wrote what was read.
    pub(super) fn drop_doubtful(&self, compact: &mut Compact) {
        if self.doubtful.is_empty() {
            return;
        }
        for key in 0..compact.keys.len() {
            compact.is_dropped[key] |= self.doubtful.contains(&compact.name(key));
        }
    }

    /// Finds what follows from what was not found.
    pub(super) fn find(&mut self, compact: &Compact, registers: &Registers, report: &mut Report) {
        // Registers alone are judged without allocating.
        if self.searches.is_empty() {
            return;
        }
        let numbers: BTreeMap<u32, usize> = (0..compact.keys.len()).map(|key| (compact.name(key), key)).collect();
        let names = numbers.keys().chain(self.begin.keys()).copied();
        let names: BTreeSet<u32> = names.filter(|name| !self.doubtful.contains(name)).collect();
        let searches = std::mem::take(&mut self.searches);
        for search in &searches {
            for name in names.difference(&search.known) {
                match numbers.get(name) {
                    Some(key) if compact.is_dropped[*key] => {}
                    Some(key) => self.miss(search, *key, compact, registers, report),
                    None => self.miss_untouched(search, *name, report),
                }
            }
        }
        self.searches = searches;
    }

    /// An object that nobody writes or reads by itself was not found.
    fn miss_untouched(&self, search: &Search, name: u32, report: &mut Report) {
        if search.predicate.fits(self.begin[&name]) {
            report.add_place(Phenomenon::PredicateReadMiss, search.op, None, name, None);
        }
    }

    /// An object was not found.
    fn miss(&mut self, search: &Search, key: usize, compact: &Compact, registers: &Registers, report: &mut Report) {
        let name = compact.name(key);
        let fits = |value: u64| !is_deleted(value) && search.predicate.fits(value);
        let others = compact.versions_of(key).iter().copied().filter(|version| compact.writer(*version) != search.op);
        let is_whole = |version: &u32| !compact.is_aborted(*version) && !compact.is_intermediate(*version);
        let (fitting, missing): (Vec<u32>, Vec<u32>) = others.partition(|version| fits(compact.value(*version)));
        let initial = self.begin.get(&name).is_none_or(|value| !fits(*value)).then(|| registers.initial(key));
        let seen: Vec<u32> = initial.into_iter().chain(missing.iter().copied().filter(is_whole)).collect();
        if seen.is_empty() {
            return judge_miss(search, &missing, name, compact, report);
        }
        let (from, is_before) = (search.op, |one: u32, other: u32| registers.precedes(key, one, other));
        let is_version = |version: &u32| registers.is_written(*version) && is_whole(version);
        for version in fitting.iter().copied().chain(seen.iter().copied()).filter(is_version) {
            if seen.iter().all(|seen| *seen == version || is_before(version, *seen)) {
                self.put(compact.writer(version), Dependency::PredicateWr, from, search, name, version);
            }
        }
        for version in fitting.into_iter().filter(is_whole) {
            if seen.iter().all(|seen| is_before(*seen, version)) {
                self.put(from, Dependency::PredicateRw, compact.writer(version), search, name, version);
            }
        }
    }

    fn put(&mut self, from: u32, dependency: Dependency, to: u32, search: &Search, key: u32, version: u32) {
        let step = Step { from: OpId(from), dependency, to: OpId(to) };
        self.edges.push(Edge { step, key, part: search.part, version });
    }

    /// Whether no transaction comes before another because of what was not found.
    pub(super) fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Tells `sink` who comes before whom.
    pub(super) fn link(&self, sink: &mut Sink<'_>) {
        for Edge { step, .. } in &self.edges {
            sink.link(step.from.0, step.to.0, step.dependency);
        }
    }

    /// What says that a step is so which follows from what was not found.
    pub(super) fn reason(&self, step: Step, compact: &Compact) -> Option<Reason> {
        let edge = self.edges.iter().find(|edge| edge.step == step)?;
        let writer = compact.writer(edge.version);
        let place = compact.parts_of(writer).iter().position(|part| part.is_write() && part.version == edge.version)?;
        let (part, value) = self.origin(writer, place as u32);
        let (mut parts, mut values) = ([part, edge.part], [value, Value::Nil]);
        if step.dependency == Dependency::PredicateRw {
            parts.reverse();
            values.reverse();
        }
        Some(Reason { key: edge.key, parts, values, is_unread: false })
    }

    /// The real place and value of a part in the history of registers.
    pub(super) fn origin(&self, op: u32, place: u32) -> (u32, Value) {
        self.origins[op as usize][place as usize]
    }

    /// Gives values in a report as the real history has them.
    pub(super) fn restore(&self, report: &mut Report) {
        let real = |key: u32, value: Option<u64>| match value {
            Some(value) => Some(value).filter(|value| !is_deleted(*value)),
            None => self.begin.get(&key).copied(),
        };
        for finding in &mut report.findings {
            match &mut finding.witness {
                Witness::Place { key, value, .. } => *value = real(*key, *value),
                Witness::Versions { key, values } => values.iter_mut().for_each(|value| *value = real(*key, *value)),
                Witness::Cycle(_) | Witness::EveryOrder | Witness::Commit(_) => {}
            }
        }
    }
}

/// No version that was left would have been missed: then it was one of an aborted transaction, or one in between.
fn judge_miss(search: &Search, missing: &[u32], name: u32, compact: &Compact, report: &mut Report) {
    let aborted = missing.iter().find(|version| compact.is_aborted(**version));
    let (phenomenon, version) = match (aborted, missing.first()) {
        (Some(version), _) => (Phenomenon::G1a, Some(version)),
        (None, Some(version)) => (Phenomenon::G1b, Some(version)),
        (None, None) => (Phenomenon::PredicateReadMiss, None),
    };
    let value = version.map(|version| compact.value(*version));
    report.add_place(phenomenon, search.op, version.map(|version| compact.writer(*version)), name, value);
}

fn is_deleted(value: u64) -> bool {
    (DELETED..=NEVER).contains(&value)
}

fn number(value: Value) -> Option<u64> {
    match value {
        Value::Int(number) => Some(number),
        Value::Nil | Value::Pair(..) | Value::List(_) | Value::Transaction(_) => None,
    }
}
