//! What a replica must not forget: the crate's storage in memory, and on the simulated disk.
//!
//! The crate owns one handle and reads through it, the harness another and changes it. The disk holds one file of records,
//! one for each `Ready`, so that a crash finds all of its changes or none. A snapshot is such a change, too: written apart
//! from the log that it replaces, a crash between the two would leave entries of another history above it.

use std::{cell::RefCell, rc::Rc};

use murphy_sim::{Boot, Context, File, FileCodec, Layout};
use raft::{
    Error, GetEntriesContext, RaftState, Result, Storage, StorageError,
    eraftpb::{ConfState, Entry, EntryType, HardState, Snapshot},
    util::limit_size,
};

use super::{
    bytes::{Reader, put},
    node::RaftRsNode,
};

const LOG: File = File("wal");

/// What a part of a record says; its first byte.
const HARD_STATE: u8 = 0;
const ENTRY: u8 = 1;
const INSTALLED: u8 = 2;
const COMPACTED: u8 = 3;

/// A replica's storage.
#[derive(Clone)]
pub(super) struct Store(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    hard: HardState,
    members: ConfState,
    /// The state machine's state at an index.
    snapshot: Snapshot,
    /// Index and term of the entry before the first of `entries`.
    before: (u64, u64),
    entries: Vec<Entry>,
    /// What is to be written to the disk.
    unwritten: Vec<u8>,
}

impl State {
    fn last_index(&self) -> u64 {
        self.before.0 + self.entries.len() as u64
    }

    fn term(&self, index: u64) -> Option<u64> {
        match index.checked_sub(self.before.0)? {
            0 => Some(self.before.1),
            at => self.entries.get(at as usize - 1).map(|entry| entry.term),
        }
    }

    fn append(&mut self, entry: Entry) {
        self.entries.truncate((entry.index - self.before.0 - 1) as usize);
        self.entries.push(entry);
    }

    fn set_snapshot(&mut self, index: u64, term: u64, data: &[u8]) {
        let metadata = self.snapshot.mut_metadata();
        (metadata.index, metadata.term) = (index, term);
        metadata.set_conf_state(self.members.clone());
        self.snapshot.data = data.to_vec().into();
    }

    /// The log is what a snapshot holds, and nothing after it.
    fn install(&mut self, index: u64, term: u64, data: &[u8]) {
        self.set_snapshot(index, term, data);
        self.entries.clear();
        self.before = (index, term);
        self.hard.commit = self.hard.commit.max(index);
    }

    /// Entries up to `before` are kept in the snapshot alone.
    fn compact(&mut self, index: u64, before: u64, data: &[u8]) {
        let term = |index| self.term(index).expect("what is compacted is in the log");
        let (at, cut) = (term(index), (before, term(before)));
        self.set_snapshot(index, at, data);
        self.entries.drain(..(before - self.before.0) as usize);
        self.before = cut;
    }

    fn replay(&mut self, from: &mut Reader<'_>) {
        match from.bytes(1) {
            [HARD_STATE] => {
                (self.hard.term, self.hard.vote, self.hard.commit) = (from.word(), from.word(), from.word());
            }
            [ENTRY] => {
                let (index, term, many) = (from.word(), from.word(), from.word());
                let data = from.bytes(many as usize).to_vec().into();
                self.append(Entry { index, term, data, ..Entry::default() });
            }
            [INSTALLED] => {
                let (index, term, many) = (from.word(), from.word(), from.word());
                self.install(index, term, from.bytes(many as usize));
            }
            _ => {
                let (index, before, many) = (from.word(), from.word(), from.word());
                self.compact(index, before, from.bytes(many as usize));
            }
        }
    }

    fn record(&mut self, tag: u8, words: &[u64], data: &[u8]) {
        self.unwritten.push(tag);
        put(&mut self.unwritten, words);
        self.unwritten.extend_from_slice(data);
    }
}

impl Store {
    /// What an earlier incarnation left on the disk.
    pub(super) fn from_disk(boot: &Boot<'_>, cx: &mut Context<'_, RaftRsNode>) -> Self {
        let voters = boot.members.iter().copied().map(u64::from).collect();
        let members = ConfState { voters, ..ConfState::default() };
        let mut state = State { members, ..State::default() };
        for record in cx.records(LOG).expect("fail-stop: cannot read the log") {
            let mut rest = Reader(&record);
            while !rest.is_empty() {
                state.replay(&mut rest);
            }
        }
        Self(Rc::new(RefCell::new(state)))
    }

    pub(super) fn set_hard_state(&self, hard: &HardState) {
        let state = &mut *self.0.borrow_mut();
        state.hard.clone_from(hard);
        state.record(HARD_STATE, &[hard.term, hard.vote, hard.commit], &[]);
    }

    pub(super) fn set_commit(&self, commit: u64) {
        let mut hard = self.0.borrow().hard.clone();
        hard.commit = commit;
        self.set_hard_state(&hard);
    }

    pub(super) fn append(&self, entries: Vec<Entry>) {
        let state = &mut *self.0.borrow_mut();
        for entry in entries {
            assert_eq!(entry.get_entry_type(), EntryType::EntryNormal, "the harness never reconfigures");
            state.record(ENTRY, &[entry.index, entry.term, entry.data.len() as u64], &entry.data);
            state.append(entry);
        }
    }

    pub(super) fn install(&self, snapshot: &Snapshot) {
        let state = &mut *self.0.borrow_mut();
        let (index, term) = (snapshot.get_metadata().index, snapshot.get_metadata().term);
        state.record(INSTALLED, &[index, term, snapshot.data.len() as u64], &snapshot.data);
        state.install(index, term, &snapshot.data);
    }

    /// Keeps the state at `index`, and of the log up to there the last `keep` entries.
    pub(super) fn compact(&self, index: u64, keep: u64, data: &[u8]) {
        let state = &mut *self.0.borrow_mut();
        let before = index.saturating_sub(keep).max(state.before.0);
        state.record(COMPACTED, &[index, before, data.len() as u64], data);
        state.compact(index, before, data);
    }

    /// Writes what has changed as one record.
    pub(super) fn write(&self, cx: &mut Context<'_, RaftRsNode>) {
        let state = &mut *self.0.borrow_mut();
        if !state.unwritten.is_empty() {
            cx.append(LOG, &state.unwritten).expect("fail-stop: cannot write the log");
            state.unwritten.clear();
        }
    }

    /// Makes all that is written durable.
    pub(super) fn sync(cx: &mut Context<'_, RaftRsNode>) {
        cx.sync(LOG).expect("fail-stop: cannot sync the log");
    }

    /// Index and data of the latest snapshot.
    pub(super) fn latest_snapshot(&self) -> (u64, Vec<u8>) {
        let state = self.0.borrow();
        (state.snapshot.get_metadata().index, state.snapshot.data.to_vec())
    }

    pub(super) fn latest_snapshot_index(&self) -> u64 {
        self.0.borrow().snapshot.get_metadata().index
    }

    pub(super) fn last(&self) -> u64 {
        self.0.borrow().last_index()
    }
}

/// How faults find the parts of the file: each record says first what its first change is.
pub(super) fn codec() -> (&'static str, FileCodec) {
    (LOG.0, FileCodec::framed(|record| Layout::new(0..record.len()).kind(0..1)))
}

impl Storage for Store {
    fn initial_state(&self) -> Result<RaftState> {
        let state = self.0.borrow();
        Ok(RaftState::new(state.hard.clone(), state.members.clone()))
    }

    fn entries(&self, low: u64, high: u64, most: impl Into<Option<u64>>, _: GetEntriesContext) -> Result<Vec<Entry>> {
        let state = self.0.borrow();
        let Some(from) = low.checked_sub(state.before.0 + 1) else {
            return Err(Error::Store(StorageError::Compacted));
        };
        let to = (high - state.before.0 - 1) as usize;
        let mut entries = state.entries[from as usize..to].to_vec();
        limit_size(&mut entries, most.into());
        Ok(entries)
    }

    fn term(&self, index: u64) -> Result<u64> {
        let state = self.0.borrow();
        let why = if index < state.before.0 { StorageError::Compacted } else { StorageError::Unavailable };
        state.term(index).ok_or(Error::Store(why))
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.0.borrow().before.0 + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.last())
    }

    fn snapshot(&self, wanted: u64, _: u64) -> Result<Snapshot> {
        let state = self.0.borrow();
        match state.snapshot.get_metadata().index {
            0 => Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable)),
            index if index < wanted => Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable)),
            _ => Ok(state.snapshot.clone()),
        }
    }
}
