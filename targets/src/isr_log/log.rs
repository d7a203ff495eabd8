//! A broker's log, in memory and on its disk.
//!
//! The disk holds one file: records, the removal of records, and high watermarks. A high watermark becomes durable with the
//! records after it only, as Kafka writes it to a checkpoint now and then: what a broker finds when it starts lags behind.

use murphy_sim::{Context, File, Layout, sometimes};

use crate::words;

use super::{Epoch, Offset, node::IsrNode};

const LOG: File = File("log");

/// A line of the file is a few 64-bit words, little-endian. The first says what it is.
const ENTRY: u64 = 1;
const TRUNCATE: u64 = 2;
const HIGH_WATERMARK: u64 = 3;
/// The words of an entry.
const ENTRY_WORDS: usize = 5;

/// Where the parts of a line are, for faults that aim at them.
pub(super) fn layout(record: &[u8]) -> Layout {
    let word = |at: usize| at * 8..at * 8 + 8;
    let many = record.len() / 8;
    let names: &[&'static str] = if many == ENTRY_WORDS { &["offset", "epoch", "key", "element"] } else { &["to"] };
    let all = Layout::new(0..record.len()).kind(word(0));
    (1..many).zip(names).fold(all, |layout, (at, name)| layout.field(name, word(at)))
}

/// A record of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Of the leader that appended it.
    pub epoch: Epoch,
    /// The set it belongs to.
    pub key: u32,
    /// What is added to it.
    pub element: u64,
}

/// The log, and up to where it is known to be committed.
#[derive(Clone, Debug)]
pub(super) struct Log {
    entries: Vec<Entry>,
    high_watermark: Offset,
}

impl Log {
    /// Reads back what an earlier incarnation wrote.
    pub(super) fn replay(cx: &mut Context<'_, IsrNode>) -> Self {
        let mut log = Self { entries: Vec::with_capacity(64), high_watermark: 0 };
        for record in cx.records(LOG).expect("fail-stop: cannot read the log") {
            match *words::words(&record) {
                [ENTRY, offset, epoch, key, element] => {
                    assert_eq!(offset, log.end(), "fail-stop: the log on disk has a gap");
                    log.entries.push(Entry { epoch, key: key as u32, element });
                }
                [TRUNCATE, to] => log.entries.truncate(to as usize),
                [HIGH_WATERMARK, to] => log.high_watermark = to,
                _ => panic!("fail-stop: no line of ours: {record:?}"),
            }
        }
        sometimes!(log.end() > 0, "restarted with a log");
        sometimes!(log.high_watermark < log.end(), "restarted with records after the high watermark");
        log
    }

    pub(super) fn end(&self) -> Offset {
        self.entries.len() as Offset
    }

    pub(super) fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The epoch of the last record, 0 if there is none.
    pub(super) fn last_epoch(&self) -> Epoch {
        self.entries.last().map_or(0, |entry| entry.epoch)
    }

    /// The last epoch up to `epoch` of which there are records, and where it ends.
    pub(super) fn end_of(&self, epoch: Epoch) -> (Epoch, Offset) {
        let end = self.entries.partition_point(|entry| entry.epoch <= epoch);
        (self.entries[..end].last().map_or(0, |entry| entry.epoch), end as Offset)
    }

    /// The records from an offset on.
    pub(super) fn since(&self, from: Offset) -> &[Entry] {
        &self.entries[from.min(self.end()) as usize..]
    }

    /// The elements of a set that are committed.
    pub(super) fn committed(&self, key: u32) -> Vec<u64> {
        let committed = self.entries[..self.high_watermark as usize].iter();
        let mut elements: Vec<u64> = committed.filter(|entry| entry.key == key).map(|entry| entry.element).collect();
        // A producer that asks twice may have its record in the log twice.
        elements.sort_unstable();
        elements.dedup();
        elements
    }

    /// Adds records, durably.
    pub(super) fn append(&mut self, entries: &[Entry], cx: &mut Context<'_, IsrNode>) {
        for entry in entries {
            write(&[ENTRY, self.end(), entry.epoch, entry.key.into(), entry.element], cx);
            self.entries.push(*entry);
        }
        sync(cx);
    }

    /// Removes the records from an offset on, durably.
    pub(super) fn truncate(&mut self, to: Offset, cx: &mut Context<'_, IsrNode>) {
        if to < self.end() {
            sometimes!(true, "a follower truncates its log");
            self.entries.truncate(to as usize);
            write(&[TRUNCATE, to], cx);
            sync(cx);
        }
    }

    /// Learns that records are committed, as far as it has them.
    pub(super) fn commit(&mut self, to: Offset, cx: &mut Context<'_, IsrNode>) {
        let to = to.min(self.end());
        if to > self.high_watermark {
            self.high_watermark = to;
            write(&[HIGH_WATERMARK, to], cx);
        }
    }
}

fn write(words: &[u64], cx: &mut Context<'_, IsrNode>) {
    cx.append(LOG, &words::bytes(words)).expect("fail-stop: cannot write the log");
}

fn sync(cx: &mut Context<'_, IsrNode>) {
    cx.sync(LOG).expect("fail-stop: cannot sync the log");
}
