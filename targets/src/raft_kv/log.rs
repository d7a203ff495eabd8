//! What a node must not forget, in memory and on its disk.
//!
//! The disk holds one file of records: a new term or vote, an entry, the removal of entries. Replaying any prefix of them
//! gives a state that the node was once in, so a crash between two records, or within one, is harmless.

use murphy_sim::{Context, File, Layout, NodeId, RequestId};

use super::{
    Index, Term,
    message::LogEnd,
    node::RaftNode,
    store::{Change, Command, Entry},
};

const WAL: File = File("wal");

/// A record is a few 64-bit words, little-endian. The first says what it is; an entry's command shows in their number.
const VOTE: u64 = 1;
const ENTRY: u64 = 2;
const TRUNCATE: u64 = 3;
const WORDS_MAX: usize = 8;
/// The names of the words of a vote, and of an entry.
const VOTE_FIELDS: [&str; 2] = ["term", "vote"];
const ENTRY_FIELDS: [&str; 5] = ["index", "term", "client", "seq", "key"];

/// Where the parts of a record are, for faults that aim at them.
pub(super) fn layout(record: &[u8]) -> Layout {
    let word = |at: usize| at * 8..at * 8 + 8;
    let value = |at: usize| record.get(word(at)).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("8 bytes")));
    let all = Layout::new(0..record.len()).kind(word(0));
    let many = record.len() / 8;
    let names: &[&'static str] = match value(0) {
        Some(VOTE) => &VOTE_FIELDS,
        Some(ENTRY) => &ENTRY_FIELDS,
        _ => &["from"],
    };
    let named = (1..many).zip(names).fold(all, |layout, (at, name)| layout.field(name, word(at)));
    match (value(0), value(5)) {
        // The new value comes last, after the one that is expected if there is one.
        (Some(ENTRY), Some(key)) if many > 6 => named.field("value", word(many - 1)).key(key, word(many - 1)),
        _ => named,
    }
}

/// A node's term, and whom it has voted for in this term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ballot {
    pub(super) term: Term,
    pub(super) vote: Option<NodeId>,
}

/// The log. Its changes gather in memory, and become durable with [`Log::save`].
#[derive(Clone, Debug)]
pub(super) struct Log {
    entries: Vec<Entry>,
    saved: Ballot,
    /// Records that are not on disk, back to back, and where each ends.
    unsaved: Vec<u8>,
    ends: Vec<usize>,
}

impl Log {
    /// Reads back what an earlier incarnation saved.
    pub(super) fn replay(cx: &mut Context<'_, RaftNode>) -> (Ballot, Self) {
        let mut ballot = Ballot::default();
        let mut entries = Vec::with_capacity(64);
        for record in cx.records(WAL).expect("fail-stop: cannot read the log") {
            let mut words = [0; WORDS_MAX];
            for (word, bytes) in words.iter_mut().zip(record.chunks_exact(8)) {
                *word = u64::from_le_bytes(bytes.try_into().expect("chunks of 8 bytes"));
            }
            match words[..(record.len() / 8).min(WORDS_MAX)] {
                [VOTE, term, vote] => ballot = Ballot { term, vote: Some(vote as NodeId).filter(|vote| *vote != 0) },
                [TRUNCATE, from] => entries.truncate(from as usize - 1),
                [ENTRY, index, term, ref command @ ..] => {
                    assert_eq!(index, entries.len() as u64 + 1, "fail-stop: the log on disk has a gap");
                    entries.push(Entry { term, command: decode(command) });
                }
                _ => panic!("fail-stop: no record of ours: {record:?}"),
            }
        }
        (ballot, Self { entries, saved: ballot, unsaved: Vec::with_capacity(256), ends: Vec::with_capacity(8) })
    }

    /// Makes the ballot and all changes of the log durable. Free when there is nothing to do.
    pub(super) fn save(&mut self, ballot: Ballot, cx: &mut Context<'_, RaftNode>) {
        if ballot == self.saved && self.ends.is_empty() {
            return;
        }
        // The ballot goes first: entries of a term must not outlive the memory of having entered that term.
        if ballot != self.saved {
            self.saved = ballot;
            let mut record = [0; 24];
            let words = [VOTE, ballot.term, ballot.vote.unwrap_or(0).into()];
            for (bytes, word) in record.chunks_exact_mut(8).zip(words) {
                bytes.copy_from_slice(&word.to_le_bytes());
            }
            cx.append(WAL, &record).expect("fail-stop: cannot write the log");
        }
        let mut start = 0;
        for end in self.ends.drain(..) {
            cx.append(WAL, &self.unsaved[start..end]).expect("fail-stop: cannot write the log");
            start = end;
        }
        self.unsaved.clear();
        cx.sync(WAL).expect("fail-stop: cannot sync the log");
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
        let (index, term) = (self.last_index(), entry.term);
        match entry.command {
            Command::Noop => self.record(&[ENTRY, index, term]),
            Command::Change(id, Change::Put { key, value }) => {
                self.record(&[ENTRY, index, term, id.client, id.seq, key.into(), value]);
            }
            Command::Change(id, Change::Cas { key, expected, new }) => {
                self.record(&[ENTRY, index, term, id.client, id.seq, key.into(), expected, new]);
            }
        }
    }

    /// Removes the entries from index `from` on.
    pub(super) fn truncate(&mut self, from: Index) {
        self.entries.truncate(from as usize - 1);
        self.record(&[TRUNCATE, from]);
    }

    pub(super) fn last(&self) -> LogEnd {
        LogEnd { term: self.entries.last().map_or(0, |entry| entry.term), index: self.last_index() }
    }

    pub(super) fn last_index(&self) -> Index {
        self.entries.len() as Index
    }

    /// The term of the entry at `index`, 0 for index 0, `None` past the end.
    pub(super) fn term_at(&self, index: Index) -> Option<Term> {
        match index {
            0 => Some(0),
            _ => self.entries.get(index as usize - 1).map(|entry| entry.term),
        }
    }

    /// The first index of the run of entries of one term that `index` lies in.
    pub(super) fn first_of_term_at(&self, index: Index) -> Index {
        let term = self.term_at(index);
        let earlier = self.entries[..index as usize].iter().rev().take_while(|entry| Some(entry.term) == term);
        index + 1 - earlier.count() as Index
    }

    pub(super) fn entry(&self, index: Index) -> Entry {
        self.entries[index as usize - 1]
    }

    /// The entries after `index`, at most `max` of them.
    pub(super) fn after(&self, index: Index, max: usize) -> &[Entry] {
        let rest = &self.entries[index as usize..];
        &rest[..rest.len().min(max)]
    }

    fn record(&mut self, words: &[u64]) {
        for word in words {
            self.unsaved.extend_from_slice(&word.to_le_bytes());
        }
        self.ends.push(self.unsaved.len());
    }
}

fn decode(command: &[u64]) -> Command {
    match *command {
        [] => Command::Noop,
        [client, seq, key, value] => Command::Change(RequestId { client, seq }, Change::Put { key: key as u32, value }),
        [client, seq, key, expected, new] => {
            Command::Change(RequestId { client, seq }, Change::Cas { key: key as u32, expected, new })
        }
        _ => panic!("fail-stop: no command of ours: {command:?}"),
    }
}
