//! The replicated state machine: registers, transactions over them, and what was answered to whom.

use std::{collections::BTreeMap, rc::Rc};

use murphy_sim::RequestId;

use super::{Bugs, Index, Term, snapshot::take, voters::Voters};

/// What clients ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The value under a key.
    Get(u32),
    /// A change of the value under a key.
    Change(Change),
    /// All links of a ring of so many registers.
    ReadRing(u32),
    /// A transaction on a ring of `size` registers: the two behind `start` change places.
    Swap {
        /// Where it begins.
        start: u32,
        /// How many registers the ring has.
        size: u32,
    },
    /// What an operator asks.
    Admin(Admin),
}

/// A change of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// Let the first of these that is no voter be one.
    Add(Voters),
    /// Let the first of these that is a voter be none.
    Remove(Voters),
    /// Let the first of these that can lead.
    Transfer(Voters),
    /// Let the log be cut off.
    Compact,
}

/// What clients hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The value under the key; `None` before the first write.
    Value(Option<u64>),
    /// Each register of a ring, and the one behind it.
    Ring(Vec<(u32, u32)>),
    /// The change took effect.
    Done,
    /// The register did not hold the expected value, or the transaction is aborted: no effect was taken.
    Mismatch,
    /// What the operator asks for is under way.
    Accepted,
}

/// A change of registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets it.
    Put {
        /// Which register.
        key: u32,
        /// To what.
        value: u64,
    },
    /// Sets it if it holds the expected value.
    Cas {
        /// Which register.
        key: u32,
        /// What it must hold.
        expected: u64,
        /// To what.
        new: u64,
    },
    /// Lets it hold nothing.
    Delete {
        /// Which register.
        key: u32,
    },
    /// Several at once, unless what it read has changed.
    Commit(Rc<Commit>),
}

/// What a transaction did before it is decided whether it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Which registers it read, and in which version: the index of the entry that wrote it last, 0 for none.
    pub reads: Vec<(u32, Index)>,
    /// Which registers it sets, and to what.
    pub writes: Vec<(u32, u64)>,
}

/// What an entry of the log does once it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing. A leader's first entry: its commit commits what earlier leaders left.
    Noop,
    /// A client's change. A retry has the same id.
    Change(RequestId, Change),
    /// These nodes decide, from the moment on at which it is in a log.
    Voters(Voters),
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The term of the leader that made it.
    pub term: Term,
    /// What it does.
    pub command: Command,
}

impl Entry {
    /// A number that differs between different entries, for all that matters here.
    pub(super) fn digest(&self) -> u64 {
        let words = match &self.command {
            Command::Noop => [0; 6],
            Command::Voters(voters) => [3, voters.bits(), 0, 0, 0, 0],
            Command::Change(id, Change::Put { key, value }) => [1, id.client, id.seq, u64::from(*key), *value, 0],
            Command::Change(id, Change::Cas { key, expected, new }) => {
                [2, id.client, id.seq, u64::from(*key), *expected, *new]
            }
            Command::Change(id, Change::Delete { key }) => [5, id.client, id.seq, u64::from(*key), 0, 0],
            Command::Change(id, Change::Commit(commit)) => [4, id.client, id.seq, commit.digest(), 0, 0],
        };
        words.iter().fold(fold(0, self.term), |hash, word| fold(hash, *word))
    }
}

impl Commit {
    /// All numbers in it.
    pub(super) fn words(&self) -> impl Iterator<Item = u64> {
        let reads = self.reads.iter().flat_map(|(key, version)| [u64::from(*key), *version]);
        let writes = self.writes.iter().flat_map(|(key, value)| [u64::from(*key), *value]);
        [self.reads.len() as u64, self.writes.len() as u64].into_iter().chain(reads).chain(writes)
    }

    /// Takes it from the front of `words`; `None`: there it is not.
    pub(super) fn decode(words: &mut &[u64]) -> Option<Self> {
        let [reads, writes] = [take(words)?, take(words)?];
        let mut pairs = |many| (0..many).map(|_| Some((take(words)? as u32, take(words)?))).collect::<Option<_>>();
        Some(Self { reads: pairs(reads)?, writes: pairs(writes)? })
    }

    fn digest(&self) -> u64 {
        self.words().fold(0, fold)
    }
}

/// Multiplies into 128 bits and folds the halves, after wyhash (Wang Yi, 2019).
fn fold(hash: u64, word: u64) -> u64 {
    let wide = u128::from(hash ^ 0xa076_1d64_78bd_642f) * u128::from(word ^ 0xe703_7ed1_a0b4_28db);
    (wide >> 64) as u64 ^ wide as u64 ^ hash.rotate_left(29)
}

/// The registers and the sessions after a prefix of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Store {
    /// What each holds, and the index of the entry that wrote it.
    registers: BTreeMap<u32, (u64, Index)>,
    /// What each change was answered, so that one asked twice is made once. Never forgotten: a copy of a request can
    /// arrive at any later time, and the numbers of a client's requests have gaps.
    answered: BTreeMap<RequestId, Response>,
}

impl Store {
    pub(super) fn get(&self, key: u32) -> Option<u64> {
        self.registers.get(&key).map(|(value, _)| *value)
    }

    /// The register behind `key` in a ring of `size`, which before the first write are in order, and the version of that link.
    fn behind(&self, key: u32, size: u32) -> (u32, Index) {
        self.registers.get(&key).map_or((key % size + 1, 0), |(next, version)| (*next as u32, *version))
    }

    /// Each register of a ring of `size`, and the one behind it.
    pub(super) fn ring(&self, size: u32) -> Vec<(u32, u32)> {
        (1..=size).map(|key| (key, self.behind(key, size).0)).collect()
    }

    /// The transaction by which the two registers behind `start` change places, as of now.
    pub(super) fn swap(&self, start: u32, size: u32) -> Commit {
        let (first, start_version) = self.behind(start, size);
        let (second, first_version) = self.behind(first, size);
        let (rest, second_version) = self.behind(second, size);
        Commit {
            reads: vec![(start, start_version), (first, first_version), (second, second_version)],
            writes: vec![(start, second.into()), (second, first.into()), (first, rest.into())],
        }
    }

    /// What `id` was answered, if it has been applied.
    pub(super) fn answered(&self, id: RequestId) -> Option<Response> {
        self.answered.get(&id).cloned()
    }

    /// Adds it to `words`.
    pub(super) fn encode(&self, words: &mut Vec<u64>) {
        words.push(self.registers.len() as u64);
        words.extend(self.registers.iter().flat_map(|(key, (value, version))| [u64::from(*key), *value, *version]));
        words.push(self.answered.len() as u64);
        words.extend(
            self.answered.iter().flat_map(|(id, response)| [id.client, id.seq, u64::from(*response == Response::Done)]),
        );
    }

    /// Takes it from the front of `words`; `None`: there it is not.
    pub(super) fn decode(words: &mut &[u64]) -> Option<Self> {
        let many = take(words)?;
        let registers = (0..many).map(|_| Some((take(words)? as u32, (take(words)?, take(words)?))));
        let registers = registers.collect::<Option<_>>()?;
        let many = take(words)?;
        let answer = |done| if done == 1 { Response::Done } else { Response::Mismatch };
        let answered = (0..many).map(|_| {
            let id = RequestId { client: take(words)?, seq: take(words)? };
            Some((id, answer(take(words)?)))
        });
        let answered = answered.collect::<Option<_>>()?;
        Some(Self { registers, answered })
    }

    /// Makes the change of `id`, which stands at `index` of the log, unless it has been made before.
    pub(super) fn apply(&mut self, index: Index, id: RequestId, change: &Change, bugs: Bugs) -> Response {
        if let Some(response) = self.answered(id) {
            murphy_sim::sometimes!(true, "a retried change is in the log twice");
            return response;
        }
        let (writes, may): (&[(u32, u64)], bool) = match change {
            Change::Delete { key } => {
                self.registers.remove(key);
                (&[], true)
            }
            Change::Put { key, value } => (&[(*key, *value)], true),
            Change::Cas { key, expected, new } => (&[(*key, *new)], self.get(*key) == Some(*expected)),
            Change::Commit(commit) => (&commit.writes, self.is_current(commit) || bugs.commits_what_has_changed),
        };
        if may {
            self.registers.extend(writes.iter().map(|(key, value)| (*key, (*value, index))));
        }
        let response = if may { Response::Done } else { Response::Mismatch };
        self.answered.insert(id, response.clone());
        response
    }

    /// Whether a transaction read what stands there now.
    fn is_current(&self, commit: &Commit) -> bool {
        let version = |key| self.registers.get(key).map_or(0, |(_, version)| *version);
        commit.reads.iter().all(|(key, read)| version(key) == *read)
    }
}
