//! What the locks protect: lists under keys.
//!
//! Invariants, stated as absences: nothing is read or written under a token smaller than one seen before for its key (the planted unfenced
//! aside), no commit is made twice, none in part, nothing is told that is not durable.

use std::collections::BTreeMap;

use murphy_sim::{Boot, File, Layout, NodeId, StateView, sometimes};

use crate::words::{bytes, words};

use super::{
    Cx, Token,
    message::{Attempt, Held, List, Message},
};

const LISTS: File = File("lists");

/// A record is words. Of locks that were read under: this, then key and token of each. Of a commit: this, worker and attempt, then key,
/// length and items of each list.
const FENCE: u64 = 1;
const COMMIT: u64 = 2;

/// Where the parts of a record are, for faults that aim at them.
pub(super) fn layout(record: &[u8]) -> Layout {
    let all = Layout::new(0..record.len());
    if record.len() < 24 { all } else { all.kind(0..8).field("first", 8..16).field("second", 16..24) }
}

/// It keeps the lists, and for each the largest token that it has seen.
#[derive(Clone, Debug)]
pub struct Resource {
    lists: BTreeMap<u32, Vec<u64>>,
    fences: BTreeMap<u32, Token>,
    /// By worker, the last of its attempts that was committed.
    committed: BTreeMap<NodeId, Attempt>,
    is_fenced: bool,
}

impl Resource {
    pub(super) fn start(boot: &Boot<'_>, cx: &mut Cx<'_>) -> Self {
        let (lists, fences, committed) = Default::default();
        let mut resource = Self { lists, fences, committed, is_fenced: !boot.bug("unfenced") };
        for record in cx.records(LISTS).expect("fail-stop: cannot read the lists") {
            resource.replay(&words(&record));
        }
        sometimes!(!resource.lists.is_empty(), "the resource restarts with lists");
        resource
    }

    fn replay(&mut self, record: &[u64]) {
        match *record {
            [FENCE, ref locks @ ..] => {
                self.fences.extend(locks.chunks_exact(2).map(|lock| (lock[0] as u32, lock[1])));
            }
            [COMMIT, worker, attempt, ref lists @ ..] => {
                self.committed.insert(worker as NodeId, attempt);
                let mut rest = lists;
                while let [key, length, ref items @ ..] = *rest {
                    let (items, others) = items.split_at(length as usize);
                    self.lists.insert(key as u32, items.to_vec());
                    rest = others;
                }
            }
            _ => panic!("fail-stop: no record of ours: {record:?}"),
        }
    }

    pub(super) fn on_message(&mut self, from: NodeId, message: Message, cx: &mut Cx<'_>) {
        match message {
            Message::Read { attempt, locks } => {
                let answer = self.read(attempt, &locks, cx);
                cx.send(from, answer);
            }
            Message::Commit { attempt, locks, lists } => {
                let answer = self.commit(from, attempt, &locks, lists, cx);
                cx.send(from, answer);
            }
            _ => {}
        }
    }

    /// All lists at one moment. From then on nobody with an older token reads or writes any of them.
    fn read(&mut self, attempt: Attempt, locks: &[Held], cx: &mut Cx<'_>) -> Message {
        if !self.admits(locks) {
            sometimes!(true, "a read is fenced");
            return Message::Fenced { attempt, is_commit: false };
        }
        let mut record = vec![FENCE];
        for lock in locks.iter().filter(|lock| lock.token > self.fence(lock.key)) {
            record.extend([lock.key.into(), lock.token]);
        }
        if record.len() > 1 {
            self.replay(&record);
            save(&record, cx);
        }
        let list = |lock: &Held| List { key: lock.key, items: self.lists.get(&lock.key).cloned().unwrap_or_default() };
        Message::Lists { attempt, lists: locks.iter().map(list).collect() }
    }

    fn commit(
        &mut self,
        worker: NodeId,
        attempt: Attempt,
        locks: &[Held],
        lists: Vec<List>,
        cx: &mut Cx<'_>,
    ) -> Message {
        if self.committed.get(&worker) == Some(&attempt) {
            sometimes!(true, "a commit comes twice");
            return Message::Committed { attempt };
        }
        if !self.admits(locks) {
            sometimes!(true, "a commit is fenced");
            return Message::Fenced { attempt, is_commit: true };
        }
        let mut record = vec![COMMIT, worker.into(), attempt];
        for list in lists {
            record.extend([list.key.into(), list.items.len() as u64]);
            record.extend(list.items);
        }
        self.replay(&record);
        save(&record, cx);
        Message::Committed { attempt }
    }

    /// Whether no token is older than one that was seen.
    fn admits(&self, locks: &[Held]) -> bool {
        !self.is_fenced || locks.iter().all(|lock| lock.token >= self.fence(lock.key))
    }

    fn fence(&self, key: u32) -> Token {
        self.fences.get(&key).copied().unwrap_or(0)
    }

    pub(super) fn inspect(&self, view: &mut StateView) {
        view.role("resource")
            .progress(self.fences.values().sum())
            .fact("lists", self.lists.len().min(3) as u64)
            .fact("workers that committed", self.committed.len() as u64);
    }
}

fn save(record: &[u64], cx: &mut Cx<'_>) {
    let appended = cx.append(LISTS, &bytes(record));
    appended.and_then(|()| cx.sync(LISTS)).expect("fail-stop: cannot write the lists");
}
