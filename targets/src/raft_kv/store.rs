//! The replicated state machine: registers, and what was answered to whom.

use std::collections::BTreeMap;

use murphy_sim::{NodeId, RequestId};

use super::{Term, snapshot::take, voters::Voters};

/// What clients ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The value under a key.
    Get(u32),
    /// A change of the value under a key.
    Change(Change),
    /// What an operator asks.
    Admin(Admin),
}

/// A change of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// Let this node be a voter.
    Add(NodeId),
    /// Let it be none.
    Remove(NodeId),
    /// Let it lead.
    Transfer(NodeId),
    /// Let the log be cut off.
    Compact,
}

/// What clients hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// The value under the key; `None` before the first write.
    Value(Option<u64>),
    /// The change took effect.
    Done,
    /// The register did not hold the expected value: the change took no effect.
    Mismatch,
    /// What the operator asks for is under way.
    Accepted,
}

/// A change of one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// What an entry of the log does once it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing. A leader's first entry: its commit commits what earlier leaders left.
    Noop,
    /// A client's change. A retry has the same id.
    Change(RequestId, Change),
    /// These nodes decide, from the moment on at which it is in a log.
    Voters(Voters),
}

/// An entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The term of the leader that made it.
    pub term: Term,
    /// What it does.
    pub command: Command,
}

impl Entry {
    /// A number that differs between different entries, for all that matters here.
    pub(super) fn digest(&self) -> u64 {
        let words = match self.command {
            Command::Noop => [0; 6],
            Command::Voters(voters) => [3, voters.bits(), 0, 0, 0, 0],
            Command::Change(id, Change::Put { key, value }) => [1, id.client, id.seq, key.into(), value, 0],
            Command::Change(id, Change::Cas { key, expected, new }) => {
                [2, id.client, id.seq, key.into(), expected, new]
            }
        };
        words.iter().fold(fold(0, self.term), |hash, word| fold(hash, *word))
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
    registers: BTreeMap<u32, u64>,
    /// What each change was answered, so that one asked twice is made once. Never forgotten: a copy of a request can
    /// arrive at any later time, and the numbers of a client's requests have gaps.
    answered: BTreeMap<RequestId, Response>,
}

impl Store {
    pub(super) fn get(&self, key: u32) -> Option<u64> {
        self.registers.get(&key).copied()
    }

    /// What `id` was answered, if it has been applied.
    pub(super) fn answered(&self, id: RequestId) -> Option<Response> {
        self.answered.get(&id).copied()
    }

    /// Adds it to `words`.
    pub(super) fn encode(&self, words: &mut Vec<u64>) {
        words.push(self.registers.len() as u64);
        words.extend(self.registers.iter().flat_map(|(key, value)| [u64::from(*key), *value]));
        words.push(self.answered.len() as u64);
        words.extend(
            self.answered.iter().flat_map(|(id, response)| [id.client, id.seq, u64::from(*response == Response::Done)]),
        );
    }

    /// Takes it from the front of `words`; `None`: there it is not.
    pub(super) fn decode(words: &mut &[u64]) -> Option<Self> {
        let many = take(words)?;
        let registers = (0..many).map(|_| Some((take(words)? as u32, take(words)?))).collect::<Option<_>>()?;
        let many = take(words)?;
        let answer = |done| if done == 1 { Response::Done } else { Response::Mismatch };
        let answered = (0..many).map(|_| {
            let id = RequestId { client: take(words)?, seq: take(words)? };
            Some((id, answer(take(words)?)))
        });
        let answered = answered.collect::<Option<_>>()?;
        Some(Self { registers, answered })
    }

    /// Makes the change of `id`, unless it has been made before.
    pub(super) fn apply(&mut self, id: RequestId, change: Change) -> Response {
        if let Some(response) = self.answered(id) {
            murphy_sim::sometimes!(true, "a retried change is in the log twice");
            return response;
        }
        let response = self.change(change);
        self.answered.insert(id, response);
        response
    }

    fn change(&mut self, change: Change) -> Response {
        match change {
            Change::Put { key, value } => {
                self.registers.insert(key, value);
                Response::Done
            }
            Change::Cas { key, expected, new } if self.get(key) == Some(expected) => {
                self.registers.insert(key, new);
                Response::Done
            }
            Change::Cas { .. } => Response::Mismatch,
        }
    }
}
