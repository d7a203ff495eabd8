//! All updates that a replica has, in memory and on its disk.
//!
//! The disk holds one file of records, an update each, in the order in which they were applied: those of an origin are in order, whatever
//! prefix a crash leaves.

use murphy_sim::{Context, File, Layout, NodeId};

use crate::words;

use super::{
    Seq, WINDOW,
    node::Replica,
    store::{Change, Update},
};

const FILE: File = File("updates");

/// A record is five 64-bit words, little-endian: origin, number, what it does, key, and the element or the amount.
const WORDS: usize = 5;
const ADD: u64 = 1;
const COUNT: u64 = 2;

/// Where the parts of a record are, for faults that aim at them.
pub(super) fn layout(record: &[u8]) -> Layout {
    let word = |at: usize| at * 8..at * 8 + 8;
    if record.len() != WORDS * 8 {
        return Layout::new(0..record.len());
    }
    let key = u64::from_le_bytes(record[word(3)].try_into().expect("8 bytes"));
    Layout::new(0..record.len())
        .kind(word(2))
        .field("origin", word(0))
        .field("seq", word(1))
        .field("key", word(3))
        .field("value", word(4))
        .key(key, word(4))
}

/// The updates of all origins.
#[derive(Clone, Debug)]
pub(super) struct Log {
    /// By origin, from 1, in the order in which they were applied.
    updates: Vec<Vec<Update>>,
    /// By origin, the largest number among them.
    have: Vec<Seq>,
}

impl Log {
    /// Reads back what an earlier incarnation saved, and hands out each update.
    pub(super) fn replay(nodes: NodeId, cx: &mut Context<'_, Replica>, mut each: impl FnMut(Update)) -> Self {
        let mut log = Self { updates: vec![Vec::new(); nodes.into()], have: vec![0; nodes.into()] };
        for record in cx.records(FILE).expect("fail-stop: cannot read the updates") {
            let update = decode(&record);
            log.note(update);
            each(update);
        }
        log
    }

    /// Adds an update. Durable only after [`Log::sync`].
    pub(super) fn push(&mut self, update: Update, cx: &mut Context<'_, Replica>) {
        self.note(update);
        let (kind, key, value) = match update.change {
            Change::Add { key, element } => (ADD, key, element),
            Change::Count { key, amount } => (COUNT, key, amount.cast_unsigned()),
        };
        let record: [u64; WORDS] = [update.origin.into(), update.seq, kind, key.into(), value];
        cx.append(FILE, &words::bytes(&record)).expect("fail-stop: cannot write the updates");
    }

    pub(super) fn sync(cx: &mut Context<'_, Replica>) {
        cx.sync(FILE).expect("fail-stop: cannot sync the updates");
    }

    /// How many of each origin are here.
    pub(super) fn have(&self) -> &[Seq] {
        &self.have
    }

    pub(super) fn have_of(&self, origin: NodeId) -> Seq {
        self.have[usize::from(origin) - 1]
    }

    /// What somebody lacks who has so many of each origin: the first [`WINDOW`] updates.
    pub(super) fn beyond(&self, have: &[Seq]) -> Vec<Update> {
        let lacked = self.updates.iter().zip(have).zip(&self.have).filter(|((_, theirs), ours)| theirs < ours);
        lacked
            .flat_map(|((updates, have), _)| updates.iter().filter(|one| one.seq > *have))
            .copied()
            .take(WINDOW)
            .collect()
    }

    fn note(&mut self, update: Update) {
        let at = usize::from(update.origin) - 1;
        self.updates[at].push(update);
        self.have[at] = self.have[at].max(update.seq);
    }
}

fn decode(record: &[u8]) -> Update {
    let [origin, seq, kind, key, value]: [u64; WORDS] = words::exactly(record);
    let change = match kind {
        ADD => Change::Add { key: key as u32, element: value },
        COUNT => Change::Count { key: key as u32, amount: value.cast_signed() },
        _ => panic!("fail-stop: no record of ours: {record:?}"),
    };
    Update { origin: origin as NodeId, seq, change }
}
