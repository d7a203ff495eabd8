//! A node's disk: files, what of them is durable, and what a crash leaves.
//!
//! A write is visible at once and durable after a sync. At a crash the writes since the last sync are lost, survive, or
//! survive as a prefix whose last write is torn. Records carry their length and a checksum, so that a torn one is seen.

use std::borrow::Cow;

use murphy_schedule::{Dice, field::DiskFate};
use xxhash_rust::xxh3::xxh3_64;

use crate::node::File;

const FRAME: usize = 8;

/// A call that changes a disk.
#[derive(Clone, Debug)]
pub(crate) enum Operation<'a> {
    Append(File, Cow<'a, [u8]>),
    Replace(File, Cow<'a, [u8]>),
    Sync(File),
}

impl Operation<'_> {
    /// The same with data of its own.
    pub(crate) fn into_owned(self) -> Operation<'static> {
        match self {
            Self::Append(file, record) => Operation::Append(file, Cow::Owned(record.into_owned())),
            Self::Replace(file, contents) => Operation::Replace(file, Cow::Owned(contents.into_owned())),
            Self::Sync(file) => Operation::Sync(file),
        }
    }
}

/// The disk of one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: Vec<(File, Contents)>,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    /// As the node sees it. All writes append, so the durable part is a prefix.
    bytes: Vec<u8>,
    durable: usize,
    /// Where each write since the last sync ends.
    ends: Vec<usize>,
    exists: bool,
    /// Its name is durable, too.
    created: bool,
}

impl Disk {
    pub(crate) fn reset(&mut self) {
        for (_, contents) in &mut self.files {
            contents.bytes.clear();
            contents.durable = 0;
            contents.ends.clear();
            contents.exists = false;
            contents.created = false;
        }
    }

    fn file(&mut self, file: File) -> &mut Contents {
        let at = self.files.iter().position(|(name, _)| *name == file).unwrap_or_else(|| {
            self.files.push((file, Contents::default()));
            self.files.len() - 1
        });
        &mut self.files[at].1
    }

    pub(crate) fn operate(&mut self, operation: &Operation<'_>) {
        match operation {
            Operation::Append(file, record) => self.append(*file, record),
            Operation::Replace(file, contents) => self.replace(*file, contents),
            Operation::Sync(file) => self.sync(*file),
        }
    }

    fn append(&mut self, file: File, record: &[u8]) {
        let contents = self.file(file);
        let length = u32::try_from(record.len()).expect("a record is shorter than 4 GiB");
        contents.bytes.extend_from_slice(&length.to_le_bytes());
        contents.bytes.extend_from_slice(&(xxh3_64(record) as u32).to_le_bytes());
        contents.bytes.extend_from_slice(record);
        contents.ends.push(contents.bytes.len());
        contents.exists = true;
    }

    fn replace(&mut self, file: File, new: &[u8]) {
        let contents = self.file(file);
        contents.bytes.clear();
        contents.bytes.extend_from_slice(new);
        contents.durable = new.len();
        contents.ends.clear();
        contents.exists = true;
        contents.created = true;
    }

    fn sync(&mut self, file: File) {
        let contents = self.file(file);
        contents.durable = contents.bytes.len();
        contents.ends.clear();
        contents.created = contents.exists;
    }

    pub(crate) fn contents(&mut self, file: File) -> Option<Vec<u8>> {
        let contents = self.file(file);
        contents.exists.then(|| contents.bytes.clone())
    }

    /// The records up to the first torn one; what follows is cut off, so that later records are reachable.
    pub(crate) fn records(&mut self, file: File) -> Vec<Vec<u8>> {
        let contents = self.file(file);
        let mut records = Vec::new();
        let mut at = 0;
        while let Some(record) = frame(&contents.bytes[at..]) {
            at += FRAME + record.len();
            records.push(record.to_vec());
        }
        contents.bytes.truncate(at);
        contents.durable = contents.durable.min(at);
        records
    }

    /// What a crash leaves. Returns how many writes were not durable: what the crash decided on.
    pub(crate) fn crash(&mut self, fate: DiskFate, dice: &mut Dice) -> usize {
        let mut open = 0;
        for (_, contents) in &mut self.files {
            open += contents.ends.len();
            let survives = match fate {
                DiskFate::Lost => contents.durable,
                DiskFate::Kept => contents.bytes.len(),
                DiskFate::Torn => torn(contents, dice),
                DiskFate::Subset => subset(contents, dice),
                DiskFate::Wiped => 0,
            };
            contents.bytes.truncate(survives);
            contents.durable = survives;
            contents.ends.clear();
            contents.created &= fate != DiskFate::Wiped;
            contents.exists &= contents.created || survives > 0;
        }
        open
    }
}

/// Some of the oldest writes survive, and some bytes of the next.
fn torn(contents: &Contents, dice: &mut Dice) -> usize {
    if contents.ends.is_empty() {
        return contents.durable;
    }
    let whole = dice.below(contents.ends.len() as u64) as usize;
    let start = if whole == 0 { contents.durable } else { contents.ends[whole - 1] };
    start + dice.below((contents.ends[whole] - start) as u64 + 1) as usize
}

/// Each write survives or not; where one is missing before another, there are zeros.
fn subset(contents: &mut Contents, dice: &mut Dice) -> usize {
    let (mut start, mut length) = (contents.durable, contents.durable);
    for end in contents.ends.iter().copied() {
        if dice.chance(1, 2) {
            length = end;
        } else {
            contents.bytes[start..end].fill(0);
        }
        start = end;
    }
    length
}

fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let sum = u32::from_le_bytes(bytes.get(4..FRAME)?.try_into().ok()?);
    let record = bytes.get(FRAME..FRAME.checked_add(length)?)?;
    (xxh3_64(record) as u32 == sum).then_some(record)
}

#[cfg(test)]
mod tests {
    use murphy_schedule::{Dice, field::DiskFate};

    #[test]
    fn of_a_subset_a_later_write_can_survive_an_earlier_one() {
        let mut lengths = std::collections::BTreeSet::new();
        let mut holes = 0;
        for seed in 0..64 {
            let mut disk = Disk::default();
            disk.append(WAL, b"one");
            disk.append(WAL, b"two");
            disk.crash(DiskFate::Subset, &mut Dice::new(seed));
            let bytes = disk.contents(WAL).unwrap_or_default().len();
            let records = disk.records(WAL).len();
            holes += usize::from(records == 0 && bytes > 0);
            lengths.insert((bytes, records));
        }
        assert!(lengths.len() == 4 && holes > 8, "{lengths:?}, {holes} holes");
    }

    use super::{Disk, File};

    const WAL: File = File("wal");

    fn written(synced: &[&str], open: &[&str]) -> Disk {
        let mut disk = Disk::default();
        synced.iter().for_each(|record| disk.append(WAL, record.as_bytes()));
        disk.sync(WAL);
        open.iter().for_each(|record| disk.append(WAL, record.as_bytes()));
        disk
    }

    fn after_crash(fate: DiskFate, seed: u64) -> Vec<String> {
        let mut disk = written(&["a", "b"], &["c", "d", "e"]);
        disk.crash(fate, &mut Dice::new(seed));
        disk.records(WAL).into_iter().map(|record| String::from_utf8(record).expect("letters")).collect()
    }

    #[test]
    fn a_crash_loses_what_was_not_synced_and_nothing_else() {
        assert_eq!(after_crash(DiskFate::Lost, 1), ["a", "b"]);
        assert_eq!(after_crash(DiskFate::Kept, 1), ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_wiped_disk_is_empty_though_it_was_synced() {
        assert_eq!(after_crash(DiskFate::Wiped, 1), Vec::<String>::new());
        let mut disk = Disk::default();
        disk.replace(File("snapshot"), b"old");
        disk.crash(DiskFate::Wiped, &mut Dice::new(1));
        assert_eq!(disk.contents(File("snapshot")), None);
    }

    #[test]
    fn a_torn_crash_leaves_a_prefix_and_every_prefix_is_possible() {
        let mut lengths: Vec<usize> = (0..200).map(|seed| after_crash(DiskFate::Torn, seed).len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        assert_eq!(lengths, [2, 3, 4, 5]);
    }

    #[test]
    fn records_written_after_a_torn_one_are_read_back() {
        for seed in 0..50 {
            let mut disk = written(&["a"], &["lost"]);
            disk.crash(DiskFate::Torn, &mut Dice::new(seed));
            let kept = disk.records(WAL).len();
            disk.append(WAL, b"later");
            assert_eq!(disk.records(WAL).len(), kept + 1, "seed {seed}");
        }
    }

    #[test]
    fn replacing_a_file_survives_any_crash() {
        let mut disk = Disk::default();
        disk.replace(File("snapshot"), b"old");
        disk.replace(File("snapshot"), b"new");
        disk.crash(DiskFate::Lost, &mut Dice::new(1));
        assert_eq!(disk.contents(File("snapshot")).as_deref(), Some(&b"new"[..]));
    }
}
