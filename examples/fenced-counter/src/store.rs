//! The store.

use std::collections::BTreeMap;

use murphy::{Boot, File, NodeId, StateView, sometimes};

use crate::{Cx, Message};

const LOG: File = File("log");

/// A counter, and the largest token under which it was read or written.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    value: i64,
    token: u64,
}

/// It keeps counters in a log on its disk.
#[derive(Clone)]
pub struct Store {
    counters: BTreeMap<u32, Kept>,
    fenced: bool,
    keeps_fences: bool,
}

impl Store {
    pub(crate) fn start(boot: &Boot<'_>, cx: &mut Cx<'_>) -> Self {
        let records = cx.records(LOG).expect("fail-stop: the log");
        let counters = records.iter().map(|record| decode(record)).collect();
        Self { counters, fenced: !boot.bug("unfenced"), keeps_fences: !boot.bug("volatile-fence") }
    }

    pub(crate) fn on_message(&mut self, from: NodeId, message: Message, cx: &mut Cx<'_>) {
        let (attempt, answer) = match message {
            Message::Read { attempt, key, token } => (attempt, self.read(key, token, cx)),
            Message::Write { attempt, key, token, value } => {
                let kept = self.at(key);
                sometimes!(token < kept.token, "a write came late");
                let taken = token >= kept.token || !self.fenced;
                if taken {
                    self.keep(key, Kept { value, token }, cx);
                }
                (attempt, taken.then_some(None))
            }
            _ => return,
        };
        let answer = match answer {
            Some(Some(value)) => Message::Value { attempt, value },
            Some(None) => Message::Written { attempt },
            None => Message::Fenced { attempt },
        };
        cx.send(from, answer);
    }

    /// The value, unless another has read the counter since in order to write it.
    fn read(&mut self, key: u32, token: Option<u64>, cx: &mut Cx<'_>) -> Option<Option<i64>> {
        let kept = self.at(key);
        let Some(token) = token else { return Some(Some(kept.value)) };
        if token < kept.token && self.fenced {
            return None;
        }
        let fence = Kept { token: token.max(kept.token), ..kept };
        if self.keeps_fences {
            self.keep(key, fence, cx)
        } else {
            {
                self.counters.insert(key, fence);
            }
        }
        Some(Some(kept.value))
    }

    fn at(&self, key: u32) -> Kept {
        self.counters.get(&key).copied().unwrap_or_default()
    }

    fn keep(&mut self, key: u32, kept: Kept, cx: &mut Cx<'_>) {
        self.counters.insert(key, kept);
        let record = [key.to_le_bytes().as_slice(), &kept.value.to_le_bytes(), &kept.token.to_le_bytes()].concat();
        cx.append(LOG, &record).and_then(|()| cx.sync(LOG)).expect("fail-stop: the log");
    }

    pub(crate) fn inspect(&self, view: &mut StateView) {
        view.role("store").fact("counters", self.counters.len().min(3) as u64);
    }
}

fn decode(record: &[u8]) -> (u32, Kept) {
    let number = |at: usize| record[at..at + 8].try_into().expect("eight bytes");
    let key = u32::from_le_bytes(record[..4].try_into().expect("four bytes"));
    (key, Kept { value: i64::from_le_bytes(number(4)), token: u64::from_le_bytes(number(12)) })
}
