//! A history of transactions as dense numbers: what each did to which object, and who wrote what.
//!
//! A transaction is the number of its operation; versions are numbered in the order of invocation. Reads of transactions that are
//! not known to have committed say nothing and are left out.

use super::report::{Objects, Undecided};
use crate::{
    history::{Completion, Deed, History, Micro, OpId, Value},
    interner::Interner,
};

/// No version, no transaction, no node.
pub(super) const NONE: u32 = u32::MAX;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    /// Nobody can tell: it committed if its writes were read.
    Open,
    Aborted,
}

/// A read or a write of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// The object's number and two flags.
    key: u32,
    /// What was written; for a read, what was found: of registers the version, of lists their length.
    pub(super) version: u32,
}

const WRITE: u32 = 1 << 31;
const OUTER: u32 = 1 << 30;

impl Part {
    pub(super) fn key(self) -> usize {
        (self.key & !(WRITE | OUTER)) as usize
    }

    pub(super) fn is_write(self) -> bool {
        self.key & WRITE != 0
    }

    /// A read before anything else that the transaction does to the object.
    pub(super) fn is_outer_read(self) -> bool {
        self.key & (WRITE | OUTER) == OUTER
    }

    /// The last write of the transaction to the object.
    pub(super) fn is_final_write(self) -> bool {
        self.key & (WRITE | OUTER) == WRITE | OUTER
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Touch {
    /// One more than the transaction that touched the object last.
    by: u32,
    /// The part that is its last write to it.
    write: u32,
}

/// Says of a writer that it wrote the object again.
const INTERMEDIATE: u32 = 1 << 31;

/// The history. Its memory is kept from one to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Compact {
    /// By transaction.
    pub(super) fates: Vec<Fate>,
    /// By transaction, where its parts begin.
    starts: Vec<u32>,
    pub(super) parts: Vec<Part>,
    pub(super) keys: Interner<u32>,
    /// By version, what was written and by whom.
    values: Vec<u64>,
    writers: Vec<u32>,
    /// The versions of each object together, by value; and by object, where they begin.
    by_value: Vec<u32>,
    key_starts: Vec<u32>,
    /// By object, whether what is known of its versions is of no use.
    pub(super) is_dropped: Vec<bool>,
    touched: Vec<Touch>,
}

/// What a transaction is known to have done, and how it ended.
pub(super) fn deeds(history: &History, op: u32) -> (Fate, &[Micro]) {
    let operation = history.operation(OpId(op));
    let asked = || history.values.micros(operation.call.input);
    match operation.completion {
        Some((Completion::Ok(output), _)) => (Fate::Committed, history.values.micros(output)),
        Some((Completion::Fail, _)) => (Fate::Aborted, asked()),
        Some((Completion::Info, _)) | None => (Fate::Open, asked()),
    }
}

/// Whether the compact history has this part.
fn counts(fate: Fate, micro: &Micro, objects: Objects) -> bool {
    match micro.deed {
        Deed::Read => fate == Fate::Committed,
        Deed::Write => objects == Objects::Registers,
        Deed::Append => objects == Objects::Lists,
        Deed::Match | Deed::Begin => false,
    }
}

/// The parts of a transaction as the history has them: as many as in the compact one.
pub(super) fn micros(history: &History, op: u32, objects: Objects) -> impl DoubleEndedIterator<Item = &Micro> + Clone {
    let (fate, micros) = deeds(history, op);
    micros.iter().filter(move |micro| counts(fate, micro, objects))
}

impl Compact {
    /// Takes in a history.
    pub(super) fn load(&mut self, history: &History, objects: Objects, undecided: &mut Vec<Undecided>) {
        self.clear(history.operations.len());
        for op in 0..history.operations.len() as u32 {
            let (fate, micros) = deeds(history, op);
            self.fates.push(fate);
            self.starts.push(self.parts.len() as u32);
            for micro in micros {
                if counts(fate, micro, objects) {
                    self.add(op, micro);
                } else if micro.deed != Deed::Read {
                    undecided.push(Undecided::OtherDeed { op: OpId(op), key: micro.key });
                }
            }
        }
        self.starts.push(self.parts.len() as u32);
        self.group();
        for key in 0..self.keys.len() {
            self.sort(key, undecided);
        }
    }

    fn clear(&mut self, count: usize) {
        self.fates.clear();
        self.fates.reserve_exact(count);
        self.starts.clear();
        self.starts.reserve_exact(count + 1);
        self.parts.clear();
        self.keys.clear();
        self.values.clear();
        self.writers.clear();
        self.touched.clear();
    }

    fn add(&mut self, op: u32, micro: &Micro) {
        let key = self.keys.id(micro.key);
        if key as usize == self.touched.len() {
            self.touched.push(Touch::default());
        }
        let touched = &mut self.touched[key as usize];
        let is_first = std::mem::replace(&mut touched.by, op + 1) != op + 1;
        if is_first {
            touched.write = NONE;
        }
        let part = if micro.deed == Deed::Read {
            Part { key: key | if is_first { OUTER } else { 0 }, version: NONE }
        } else {
            let earlier = std::mem::replace(&mut touched.write, self.parts.len() as u32);
            if let Some(earlier) = self.parts.get_mut(earlier as usize) {
                earlier.key &= !OUTER;
                self.writers[earlier.version as usize] |= INTERMEDIATE;
            }
            self.values.push(written(micro.value));
            self.writers.push(op);
            Part { key: key | WRITE | OUTER, version: self.values.len() as u32 - 1 }
        };
        self.parts.push(part);
    }

    /// Puts the versions of each object together, in the order of invocation.
    fn group(&mut self) {
        self.key_starts.clear();
        self.key_starts.resize(self.keys.len() + 1, 0);
        let writes = self.parts.iter().filter(|part| part.is_write());
        writes.clone().for_each(|part| self.key_starts[part.key() + 1] += 1);
        for key in 1..self.key_starts.len() {
            self.key_starts[key] += self.key_starts[key - 1];
        }
        self.by_value.clear();
        self.by_value.resize(self.values.len(), 0);
        for part in writes {
            let next = &mut self.key_starts[part.key()];
            self.by_value[*next as usize] = part.version;
            *next += 1;
        }
        // Each start is now the next one's.
        self.key_starts.rotate_right(1);
        self.key_starts[0] = 0;
        self.is_dropped.clear();
        self.is_dropped.resize(self.keys.len(), false);
    }

    /// Orders the versions of an object by value. A value that was written twice says nothing.
    fn sort(&mut self, key: usize, undecided: &mut Vec<Undecided>) {
        let range = self.key_starts[key] as usize..self.key_starts[key + 1] as usize;
        let (versions, values) = (&mut self.by_value[range], &self.values);
        if !versions.is_sorted_by_key(|version| values[*version as usize]) {
            versions.sort_unstable_by_key(|version| (values[*version as usize], *version));
        }
        let value = |version: u32| values[version as usize];
        if let Some(twice) = versions.windows(2).find(|pair| value(pair[0]) == value(pair[1])) {
            self.is_dropped[key] = true;
            undecided.push(Undecided::WrittenTwice { key: *self.keys.item(key as u32), value: value(twice[0]) });
        }
    }

    /// How many transactions there are.
    pub(super) fn len(&self) -> usize {
        self.fates.len()
    }

    /// How many versions there are.
    pub(super) fn versions(&self) -> usize {
        self.values.len()
    }

    pub(super) fn parts_of(&self, op: u32) -> &[Part] {
        &self.parts[self.range_of(op)]
    }

    pub(super) fn parts_of_mut(&mut self, op: u32) -> &mut [Part] {
        let range = self.range_of(op);
        &mut self.parts[range]
    }

    fn range_of(&self, op: u32) -> std::ops::Range<usize> {
        self.starts[op as usize] as usize..self.starts[op as usize + 1] as usize
    }

    /// The transactions that are known to have committed.
    pub(super) fn committed(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len() as u32).filter(|op| self.fates[*op as usize] == Fate::Committed)
    }

    /// Who wrote a version.
    pub(super) fn writer(&self, version: u32) -> u32 {
        self.writers[version as usize] & !INTERMEDIATE
    }

    /// Whether its writer wrote the object again.
    pub(super) fn is_intermediate(&self, version: u32) -> bool {
        self.writers[version as usize] & INTERMEDIATE != 0
    }

    pub(super) fn is_aborted(&self, version: u32) -> bool {
        self.fates[self.writer(version) as usize] == Fate::Aborted
    }

    pub(super) fn value(&self, version: u32) -> u64 {
        self.values[version as usize]
    }

    /// The versions of an object.
    pub(super) fn versions_of(&self, key: usize) -> &[u32] {
        &self.by_value[self.key_starts[key] as usize..self.key_starts[key + 1] as usize]
    }

    /// The object's name in the history.
    pub(super) fn name(&self, key: usize) -> u32 {
        *self.keys.item(key as u32)
    }

    /// The version of this value, if anybody wrote it.
    pub(super) fn find(&self, key: usize, value: u64) -> Option<u32> {
        let versions = self.versions_of(key);
        let at = |place: usize| self.values[versions[place] as usize];
        // Most often values count up, and it is where they say.
        let guess = usize::try_from(value.checked_sub(at(versions.first().map(|_| 0)?))?).ok();
        if let Some(guess) = guess.filter(|guess| *guess < versions.len() && at(*guess) == value) {
            return Some(versions[guess]);
        }
        versions
            .binary_search_by_key(&value, |version| self.values[*version as usize])
            .ok()
            .map(|place| versions[place])
    }
}

/// The number that a write leaves.
fn written(value: Value) -> u64 {
    match value {
        Value::Int(number) => number,
        Value::Nil | Value::Pair(..) | Value::List(_) | Value::Transaction(_) => u64::MAX,
    }
}
