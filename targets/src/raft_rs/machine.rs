//! The replicated state machine: registers, and what was answered to whom.

use std::collections::BTreeMap;

use murphy_sim::{RegisterOp, ReplyTo, RequestId, sometimes};

use super::bytes::{Reader, put};

/// What clients hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The value under the key; `None` before the first write.
    Value(Option<u64>),
    /// The change took effect.
    Done,
    /// The register did not hold the expected value: the change took no effect.
    Mismatch,
}

/// A change as an entry of the log holds it: who asked for what, and where the answer goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Command {
    pub(super) id: RequestId,
    pub(super) reply: ReplyTo,
    pub(super) op: RegisterOp,
}

impl Command {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let (kind, key, a, b) = match self.op {
            RegisterOp::Read(key) => (0, key, 0, 0),
            RegisterOp::Write(key, value) => (1, key, value, 0),
            RegisterOp::Cas(key, expected, new) => (2, key, expected, new),
        };
        let mut bytes = Vec::with_capacity(56);
        put(&mut bytes, &[self.id.client, self.id.seq, self.reply.0, kind, key.into(), a, b]);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut from = Reader(bytes);
        let [client, seq, reply, kind, key, a, b] = std::array::from_fn(|_| from.word());
        let key = key as u32;
        let op = match kind {
            0 => RegisterOp::Read(key),
            1 => RegisterOp::Write(key, a),
            _ => RegisterOp::Cas(key, a, b),
        };
        Self { id: RequestId { client, seq }, reply: ReplyTo(reply), op }
    }
}

/// The registers and the sessions after a prefix of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    registers: BTreeMap<u32, u64>,
    /// Whether each change took effect, so that one asked twice is made once. Never forgotten: a copy of a request can arrive at any
    /// later time.
    answered: BTreeMap<RequestId, bool>,
}

impl Machine {
    pub(super) fn get(&self, key: u32) -> Option<u64> {
        self.registers.get(&key).copied()
    }

    /// What `id` was answered, if it has been applied.
    pub(super) fn answered(&self, id: RequestId) -> Option<Answer> {
        self.answered.get(&id).map(|done| if *done { Answer::Done } else { Answer::Mismatch })
    }

    /// Makes the change, unless it has been made before.
    pub(super) fn apply(&mut self, command: &Command) -> Answer {
        if let Some(answer) = self.answered(command.id) {
            sometimes!(true, "a retried change is in the log twice");
            return answer;
        }
        let done = match command.op {
            RegisterOp::Read(key) => return Answer::Value(self.get(key)),
            RegisterOp::Write(key, value) => Some((key, value)),
            RegisterOp::Cas(key, expected, new) => (self.get(key) == Some(expected)).then_some((key, new)),
        };
        self.registers.extend(done);
        self.answered.insert(command.id, done.is_some());
        if done.is_some() { Answer::Done } else { Answer::Mismatch }
    }

    /// The state, for a snapshot.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 16 * self.registers.len() + 24 * self.answered.len());
        put(&mut bytes, &[self.registers.len() as u64]);
        self.registers.iter().for_each(|(key, value)| put(&mut bytes, &[(*key).into(), *value]));
        self.answered.iter().for_each(|(id, done)| put(&mut bytes, &[id.client, id.seq, (*done).into()]));
        bytes
    }

    /// The state of a snapshot; no bytes are the state before the first entry.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let (mut from, mut machine) = (Reader(bytes), Self::default());
        if from.is_empty() {
            return machine;
        }
        for _ in 0..from.word() {
            let (key, value) = (from.word() as u32, from.word());
            machine.registers.insert(key, value);
        }
        while !from.is_empty() {
            let id = RequestId { client: from.word(), seq: from.word() };
            machine.answered.insert(id, from.word() != 0);
        }
        machine
    }
}
