//! What stands in place of the log's beginning: the state that a prefix of it led to.

use std::rc::Rc;

use murphy_sim::{Context, File, Layout, NodeId};

use crate::words;

use super::{
    log::{Ballot, Record},
    message::LogEnd,
    node::RaftNode,
    store::{Entry, Store},
    voters::Voters,
};

const FILE: File = File("snapshot");
/// Words before the state: epoch, term, vote, end, voters.
const HEAD: usize = 6;

/// The names of the words that a snapshot's file begins with.
const FIELDS: [&str; HEAD] = ["epoch", "term", "vote", "last_term", "last_index", "voters"];

/// The state after a prefix of the log. Nothing of what it holds is ever changed again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The last entry that it holds the effect of.
    pub end: LogEnd,
    /// Who decides after that entry.
    pub voters: Voters,
    pub(super) store: Store,
}

/// What the file holds, which is replaced as a whole: a snapshot, and all that a node must not forget beside it.
#[derive(Default)]
pub(super) struct Stored {
    /// Logs of this epoch or earlier ones are in here.
    pub(super) epoch: u64,
    pub(super) ballot: Ballot,
    pub(super) snapshot: Rc<Snapshot>,
    /// The log behind the snapshot.
    pub(super) entries: Vec<Entry>,
}

/// Where the parts of the file are, for faults that aim at them.
pub(super) fn layout(contents: &[u8]) -> Layout {
    let words = FIELDS.iter().enumerate().filter(|(at, _)| contents.len() >= at * 8 + 8);
    words.fold(Layout::new(0..contents.len()), |layout, (at, name)| layout.field(name, at * 8..at * 8 + 8))
}

impl Stored {
    /// What an earlier incarnation stored; `None`: this is the first.
    pub(super) fn read(cx: &mut Context<'_, RaftNode>) -> Option<Self> {
        let bytes = cx.contents(FILE).expect("fail-stop: cannot read the snapshot")?;
        Some(Self::decode(&words::words(&bytes)).expect("fail-stop: no snapshot of ours"))
    }

    /// Replaces what is stored, durably and as a whole.
    pub(super) fn write(
        epoch: u64,
        ballot: Ballot,
        snapshot: &Snapshot,
        entries: &[Entry],
        cx: &mut Context<'_, RaftNode>,
    ) {
        let LogEnd { term, index } = snapshot.end;
        let mut words = vec![epoch, ballot.term, ballot.vote.unwrap_or(0).into(), term, index, snapshot.voters.bits()];
        snapshot.store.encode(&mut words);
        words.push(entries.len() as u64);
        for (index, entry) in (index + 1..).zip(entries) {
            let length = words.len();
            words.push(0);
            Record::Entry(index, entry.clone()).encode(&mut words);
            words[length] = (words.len() - length - 1) as u64;
        }
        cx.replace(FILE, &words::bytes(&words)).expect("fail-stop: cannot write the snapshot");
    }

    fn decode(words: &[u64]) -> Option<Self> {
        let (&[epoch, term, vote, last_term, last_index, voters], mut rest) = words.split_first_chunk::<HEAD>()?;
        let ballot = Ballot { term, vote: Some(vote as NodeId).filter(|vote| *vote != 0) };
        let store = Store::decode(&mut rest)?;
        let end = LogEnd { term: last_term, index: last_index };
        let snapshot = Rc::new(Snapshot { end, voters: Voters::from_bits(voters), store });
        let many = take(&mut rest)?;
        let entries = (0..many).map(|_| {
            let length = take(&mut rest)? as usize;
            let (record, others) = rest.split_at_checked(length)?;
            rest = others;
            match Record::parse(record)? {
                Record::Entry(_, entry) => Some(entry),
                Record::Epoch(_) | Record::Ballot(_) | Record::Truncate(_) => None,
            }
        });
        let entries = entries.collect::<Option<_>>()?;
        Some(Self { epoch, ballot, snapshot, entries })
    }
}

/// The next word.
pub(super) fn take(words: &mut &[u64]) -> Option<u64> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    Some(*first)
}
