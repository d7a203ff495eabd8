//! What a node must not forget, in memory and on its disk.
//!
//! The disk holds a snapshot, which is replaced as a whole, and behind it a file of records: a new term or vote, an entry, the
//! removal of entries. Replaying any prefix of them gives a state that the node was once in, so a crash between two records, or
//! within one, is harmless. When the snapshot is replaced it takes up all that the records said; they go by the number of their
//! epoch, lest a crash before they are gone has them count twice.

use std::rc::Rc;

use murphy_sim::{Boot, Context, File, Layout, NodeId, RequestId, records_in};

use crate::words;

use super::{
    Bugs, Index, Term,
    message::LogEnd,
    node::RaftNode,
    snapshot::{Snapshot, Stored},
    store::{Change, Command, Commit, Entry},
    voters::Voters,
};

const WAL: File = File("wal");

/// A record is a few 64-bit words, little-endian. The first says what it is.
const VOTE: u64 = 1;
const ENTRY: u64 = 2;
const TRUNCATE: u64 = 3;
const EPOCH: u64 = 4;
/// What an entry's command is: its fourth word.
const NOOP: u64 = 0;
const PUT: u64 = 1;
const CAS: u64 = 2;
const VOTERS: u64 = 3;
const COMMIT: u64 = 4;
const DELETE: u64 = 5;
/// The names of the words of a vote, and of an entry.
const VOTE_FIELDS: [&str; 2] = ["term", "vote"];
const ENTRY_FIELDS: [&str; 6] = ["index", "term", "command", "client", "seq", "key"];

/// Where the parts of a record are, for faults that aim at them.
pub(super) fn layout(record: &[u8]) -> Layout {
    let word = |at: usize| at * 8..at * 8 + 8;
    let value = |at: usize| record.get(word(at)).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("8 bytes")));
    let all = Layout::new(0..record.len()).kind(word(0));
    let many = record.len() / 8;
    let names: &[&'static str] = match value(0) {
        Some(VOTE) => &VOTE_FIELDS,
        Some(ENTRY) => &ENTRY_FIELDS,
        Some(EPOCH) => &["epoch"],
        _ => &["from"],
    };
    let named = (1..many).zip(names).fold(all, |layout, (at, name)| layout.field(name, word(at)));
    match (value(0), value(6)) {
        // The new value comes last, after the one that is expected if there is one.
        (Some(ENTRY), Some(key)) if many > 7 => named.field("value", word(many - 1)).key(key, word(many - 1)),
        _ => named,
    }
}

/// A node's term, and whom it has voted for in this term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ballot {
    pub(super) term: Term,
    pub(super) vote: Option<NodeId>,
}

/// A record of the log on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// The first one: which file of records this is.
    Epoch(u64),
    Ballot(Ballot),
    Entry(Index, Entry),
    /// The entries from here on are removed.
    Truncate(Index),
}

impl Record {
    /// Adds it to `words`.
    pub(super) fn encode(&self, words: &mut Vec<u64>) {
        match self {
            Self::Epoch(epoch) => words.extend([EPOCH, *epoch]),
            Self::Ballot(Ballot { term, vote }) => words.extend([VOTE, *term, vote.unwrap_or(0).into()]),
            Self::Truncate(from) => words.extend([TRUNCATE, *from]),
            Self::Entry(index, Entry { term, command }) => {
                words.extend([ENTRY, *index, *term]);
                match command {
                    Command::Noop => words.push(NOOP),
                    Command::Voters(voters) => words.extend([VOTERS, voters.bits()]),
                    Command::Change(id, Change::Put { key, value }) => {
                        words.extend([PUT, id.client, id.seq, u64::from(*key), *value]);
                    }
                    Command::Change(id, Change::Cas { key, expected, new }) => {
                        words.extend([CAS, id.client, id.seq, u64::from(*key), *expected, *new]);
                    }
                    Command::Change(id, Change::Delete { key }) => {
                        words.extend([DELETE, id.client, id.seq, u64::from(*key)]);
                    }
                    Command::Change(id, Change::Commit(commit)) => {
                        words.extend([COMMIT, id.client, id.seq]);
                        words.extend(commit.words());
                    }
                }
            }
        }
    }

    /// `None`: no record of ours.
    pub(super) fn parse(words: &[u64]) -> Option<Self> {
        let entry = |index, term, command| Self::Entry(index, Entry { term, command });
        let change = |client, seq, change| Command::Change(RequestId { client, seq }, change);
        Some(match *words {
            [EPOCH, epoch] => Self::Epoch(epoch),
            [VOTE, term, vote] => Self::Ballot(Ballot { term, vote: Some(vote as NodeId).filter(|vote| *vote != 0) }),
            [TRUNCATE, from] => Self::Truncate(from),
            [ENTRY, index, term, NOOP] => entry(index, term, Command::Noop),
            [ENTRY, index, term, VOTERS, bits] => entry(index, term, Command::Voters(Voters::from_bits(bits))),
            [ENTRY, index, term, PUT, client, seq, key, value] => {
                entry(index, term, change(client, seq, Change::Put { key: key as u32, value }))
            }
            [ENTRY, index, term, CAS, client, seq, key, expected, new] => {
                entry(index, term, change(client, seq, Change::Cas { key: key as u32, expected, new }))
            }
            [ENTRY, index, term, DELETE, client, seq, key] => {
                entry(index, term, change(client, seq, Change::Delete { key: key as u32 }))
            }
            [ENTRY, index, term, COMMIT, client, seq, ref commit @ ..] => {
                let mut commit = commit;
                entry(index, term, change(client, seq, Change::Commit(Commit::decode(&mut commit)?.into())))
            }
            _ => return None,
        })
    }

    fn read(bytes: &[u8]) -> Self {
        Self::parse(&words::words(bytes)).unwrap_or_else(|| panic!("fail-stop: no record of ours: {bytes:?}"))
    }
}

/// The log. Its changes gather in memory, and become durable with [`Log::save`].
#[derive(Clone, Debug)]
pub(super) struct Log {
    /// What stands before the first entry.
    base: Rc<Snapshot>,
    entries: Vec<Entry>,
    /// Where among the entries the voters change, and what to.
    voters: Vec<(Index, Voters)>,
    /// The file of records that is being written.
    epoch: u64,
    /// It is empty: not even its epoch stands there.
    blank: bool,
    saved: Ballot,
    /// Records that are not on disk, back to back, and where each ends.
    unsaved: Vec<u64>,
    ends: Vec<usize>,
}

impl Log {
    /// Reads back what an earlier incarnation saved, or begins a log of a cluster of these members.
    pub(super) fn open(boot: &Boot<'_>, bugs: Bugs, cx: &mut Context<'_, RaftNode>) -> (Ballot, Self) {
        let stored = match Stored::read(cx) {
            Some(stored) if !bugs.bootstraps_again => stored,
            stored => {
                assert!(stored.is_none(), "cannot bootstrap: this node is part of a cluster already");
                Self::bootstrap(boot, cx)
            }
        };
        let mut log = Self {
            base: stored.snapshot,
            entries: Vec::with_capacity(64),
            voters: Vec::new(),
            epoch: stored.epoch + 1,
            blank: true,
            saved: stored.ballot,
            unsaved: Vec::with_capacity(64),
            ends: Vec::with_capacity(8),
        };
        stored.entries.into_iter().for_each(|entry| log.take(entry));
        let ballot = log.replay(bugs, cx);
        (ballot, log)
    }

    /// The first thing a node does: it notes who the members are. One that joins later learns it from them.
    fn bootstrap(boot: &Boot<'_>, cx: &mut Context<'_, RaftNode>) -> Stored {
        let members = if boot.joins { &[] } else { boot.members };
        let snapshot = Snapshot { voters: members.iter().copied().collect(), ..Snapshot::default() };
        Stored::write(0, Ballot::default(), &snapshot, &[], cx);
        Stored { snapshot: Rc::new(snapshot), ..Stored::default() }
    }

    /// Takes up the records behind the snapshot, if they are newer.
    fn replay(&mut self, bugs: Bugs, cx: &mut Context<'_, RaftNode>) -> Ballot {
        let mut ballot = self.saved;
        for record in read(bugs, cx) {
            match Record::read(&record) {
                Record::Epoch(epoch) if epoch < self.epoch => break,
                Record::Epoch(epoch) => (self.epoch, self.blank) = (epoch, false),
                Record::Ballot(saved) => ballot = saved,
                Record::Truncate(from) => self.cut(from),
                Record::Entry(index, entry) => {
                    assert_eq!(index, self.last_index() + 1, "fail-stop: the log on disk has a gap");
                    self.take(entry);
                }
            }
        }
        self.saved = ballot;
        if self.blank {
            clear(cx);
        }
        ballot
    }

    /// Makes the ballot and all changes of the log durable. Free when there is nothing to do.
    pub(super) fn save(&mut self, ballot: Ballot, cx: &mut Context<'_, RaftNode>) {
        if ballot == self.saved && self.ends.is_empty() {
            return;
        }
        if std::mem::take(&mut self.blank) {
            append(&Record::Epoch(self.epoch), cx);
        }
        // The ballot goes first: entries of a term must not outlive the memory of having entered that term.
        if ballot != self.saved {
            self.saved = ballot;
            append(&Record::Ballot(ballot), cx);
        }
        let mut start = 0;
        for end in self.ends.drain(..) {
            write(&self.unsaved[start..end], cx);
            start = end;
        }
        self.unsaved.clear();
        cx.sync(WAL).expect("fail-stop: cannot sync the log");
    }

    /// Lets `snapshot` stand in place of all entries up to its end, and keeps those behind it if they go on from there. Durable at once.
    pub(super) fn begin_with(&mut self, snapshot: Rc<Snapshot>, ballot: Ballot, cx: &mut Context<'_, RaftNode>) {
        let end = snapshot.end;
        let kept = if self.term_at(end.index) == Some(end.term) { end.index } else { self.last_index() };
        self.begin(snapshot, kept, ballot, cx);
    }

    /// The same, but whatever stands behind it is left.
    pub(super) fn begin_anew(&mut self, snapshot: Rc<Snapshot>, ballot: Ballot, cx: &mut Context<'_, RaftNode>) {
        self.begin(snapshot, self.last_index(), ballot, cx);
    }

    /// Removes the entries up to index `upto` and puts `snapshot` in their place.
    fn begin(&mut self, snapshot: Rc<Snapshot>, upto: Index, ballot: Ballot, cx: &mut Context<'_, RaftNode>) {
        self.entries.drain(..(upto - self.base.end.index) as usize);
        self.voters.retain(|(index, _)| *index > upto);
        self.base = snapshot;
        Stored::write(self.epoch, ballot, &self.base, &self.entries, cx);
        clear(cx);
        self.saved = ballot;
        self.unsaved.clear();
        self.ends.clear();
        (self.epoch, self.blank) = (self.epoch + 1, true);
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.take(entry.clone());
        self.record(&Record::Entry(self.last_index(), entry));
    }

    /// Removes the entries from index `from` on.
    pub(super) fn truncate(&mut self, from: Index) {
        self.cut(from);
        self.record(&Record::Truncate(from));
    }

    fn take(&mut self, entry: Entry) {
        let voters = if let Command::Voters(voters) = entry.command { Some(voters) } else { None };
        self.entries.push(entry);
        self.voters.extend(voters.map(|voters| (self.last_index(), voters)));
    }

    fn cut(&mut self, from: Index) {
        self.entries.truncate((from - 1 - self.base.end.index) as usize);
        self.voters.retain(|(index, _)| *index < from);
    }

    /// What stands before the first entry.
    pub(super) fn base(&self) -> &Rc<Snapshot> {
        &self.base
    }

    /// Who decides: the last word of the log counts, committed or not.
    pub(super) fn voters(&self) -> Voters {
        self.voters.last().map_or(self.base.voters, |(_, voters)| *voters)
    }

    /// Who decides as of an index.
    pub(super) fn voters_at(&self, index: Index) -> Voters {
        let until = self.voters.iter().rev().find(|(at, _)| *at <= index);
        until.map_or(self.base.voters, |(_, voters)| *voters)
    }

    /// Where the voters last changed.
    pub(super) fn voters_since(&self) -> Index {
        self.voters.last().map_or(self.base.end.index, |(index, _)| *index)
    }

    pub(super) fn last(&self) -> LogEnd {
        let LogEnd { term, .. } = self.base.end;
        LogEnd { term: self.entries.last().map_or(term, |entry| entry.term), index: self.last_index() }
    }

    pub(super) fn last_index(&self) -> Index {
        self.base.end.index + self.entries.len() as Index
    }

    /// The term of the entry at `index`, 0 for index 0; `None` past the end, and before the end of the snapshot.
    pub(super) fn term_at(&self, index: Index) -> Option<Term> {
        let LogEnd { term, index: base } = self.base.end;
        match index.checked_sub(base)? {
            0 => Some(term),
            at => self.entries.get(at as usize - 1).map(|entry| entry.term),
        }
    }

    /// The first index of the run of entries of one term that `index` lies in.
    pub(super) fn first_of_term_at(&self, index: Index) -> Index {
        let term = self.term_at(index);
        let at = (index - self.base.end.index) as usize;
        let earlier = self.entries[..at].iter().rev().take_while(|entry| Some(entry.term) == term);
        index + 1 - earlier.count() as Index
    }

    pub(super) fn entry(&self, index: Index) -> &Entry {
        &self.entries[(index - self.base.end.index) as usize - 1]
    }

    /// The entries after `index`, at most `max` of them.
    pub(super) fn after(&self, index: Index, max: usize) -> &[Entry] {
        let rest = &self.entries[(index - self.base.end.index) as usize..];
        &rest[..rest.len().min(max)]
    }

    fn record(&mut self, record: &Record) {
        record.encode(&mut self.unsaved);
        self.ends.push(self.unsaved.len());
    }
}

/// The records on disk. What is torn at their end was never promised to anybody, and is cut off, so that what comes next can be read.
fn read(bugs: Bugs, cx: &mut Context<'_, RaftNode>) -> Vec<Vec<u8>> {
    const WHY: &str = "fail-stop: cannot read the log";
    if bugs.appends_after_a_tear {
        return records_in(&cx.contents(WAL).expect(WHY).unwrap_or_default());
    }
    cx.records(WAL).expect(WHY)
}

/// Adds a record to those on disk.
fn append(record: &Record, cx: &mut Context<'_, RaftNode>) {
    let mut words = Vec::with_capacity(4);
    record.encode(&mut words);
    write(&words, cx);
}

fn write(words: &[u64], cx: &mut Context<'_, RaftNode>) {
    cx.append(WAL, &words::bytes(words)).expect("fail-stop: cannot write the log");
}

/// Empties the file of records, durably: what is appended next must not be found behind old ones.
fn clear(cx: &mut Context<'_, RaftNode>) {
    if cx.length(WAL).is_some_and(|length| length > 0) {
        cx.set_length(WAL, 0).expect("fail-stop: cannot empty the log");
        cx.sync(WAL).expect("fail-stop: cannot sync the log");
    }
}
