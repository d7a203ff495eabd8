//! A node's disk: files by name, what of them is durable, and what a crash leaves.
//!
//! A change is visible at once. Changes that are not durable yet stand in a journal, in their order: what was written, new
//! lengths, new names. A sync takes those of a file out of it; a crash decides on the rest. Two layers lie on raw files: logs
//! of records that carry their length and a checksum, so that a torn one is seen, and whole files that are replaced at once.
//!
//! The name of a log and of a replaced file is durable with it, as from a library that syncs the directory where it has to;
//! that of a raw file is so after a sync of the directory.

mod codec;
mod damage;
mod journal;
mod place;

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

pub use self::codec::{FileCodec, Layout};
use self::journal::Journal;
pub(crate) use self::{
    damage::{Wound, flip},
    journal::SECTOR,
    place::{Listed, files, is_whole, units},
};
use crate::node::{DiskError, File};

/// Length of what stands before a record: its length and its checksum, four bytes each.
const FRAME: usize = 8;

/// A file without its name: an index into [`Disk::bodies`].
pub(crate) type Body = u16;

/// A call that changes a disk, as it takes place.
#[derive(Clone, Debug)]
pub(crate) enum Operation<'a> {
    Append(File, Cow<'a, [u8]>),
    Write {
        file: File,
        used_as: Use,
        offset: usize,
        data: Cow<'a, [u8]>,
    },
    Resize(File, usize),
    Rename(File, File),
    Remove(File),
    Replace(File, Cow<'a, [u8]>),
    /// The same, framed already, and durable so many nanoseconds later.
    Put {
        file: File,
        framed: Cow<'a, [u8]>,
        lag: Option<u64>,
    },
    /// A sync that is true so many nanoseconds later than it says.
    Sync(File, Option<u64>),
    SyncNames(Option<u64>),
    /// A sync whose end is told.
    SyncLater {
        file: File,
        lag: Option<u64>,
        extra: u64,
    },
}

impl Operation<'_> {
    /// The same with data of its own.
    pub(crate) fn into_owned(self) -> Operation<'static> {
        let own = |data: Cow<'_, [u8]>| Cow::Owned(data.into_owned());
        match self {
            Self::Append(file, record) => Operation::Append(file, own(record)),
            Self::Write { file, used_as, offset, data } => Operation::Write { file, used_as, offset, data: own(data) },
            Self::Resize(file, to) => Operation::Resize(file, to),
            Self::Rename(from, to) => Operation::Rename(from, to),
            Self::Remove(file) => Operation::Remove(file),
            Self::Replace(file, contents) => Operation::Replace(file, own(contents)),
            Self::Put { file, framed, lag } => Operation::Put { file, framed: own(framed), lag },
            Self::Sync(file, lag) => Operation::Sync(file, lag),
            Self::SyncNames(lag) => Operation::SyncNames(lag),
            Self::SyncLater { file, lag, extra } => Operation::SyncLater { file, lag, extra },
        }
    }

    /// The bytes that it writes, if any.
    pub(crate) fn data(&self) -> &[u8] {
        match self {
            Self::Append(_, data) | Self::Write { data, .. } | Self::Replace(_, data) => data,
            Self::Put { framed, .. } => framed,
            _ => &[],
        }
    }

    /// The file that it is about; `/`: the directory.
    pub(crate) fn file(&self) -> File {
        match self {
            Self::Append(file, _) | Self::Write { file, .. } | Self::Resize(file, _) | Self::Rename(file, _) => *file,
            Self::Remove(file) | Self::Replace(file, _) | Self::Put { file, .. } => *file,
            Self::Sync(file, _) | Self::SyncLater { file, .. } => *file,
            Self::SyncNames(_) => File("/"),
        }
    }

    /// Whether it is a sync, rather than a write.
    pub(crate) fn is_sync(&self) -> bool {
        match self {
            Self::Append(..) | Self::Write { .. } | Self::Resize(..) | Self::Rename(..) | Self::Remove(_) => false,
            Self::Replace(..) | Self::Put { .. } | Self::Sync(..) | Self::SyncNames(_) | Self::SyncLater { .. } => true,
        }
    }
}

/// The disk of one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    bodies: Vec<Contents>,
    names: Vec<(File, Body)>,
    journal: Journal,
}

/// What a file is used as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Use {
    /// Whatever its user makes of it.
    #[default]
    Raw,
    /// Framed records, one after another.
    Log,
    /// One framed record, which is replaced as a whole.
    Whole,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    /// As the node sees it.
    bytes: Vec<u8>,
    used_as: Use,
    /// What survives, if that is not what undoing the journal leaves: a failed sync dropped writes.
    medium: Option<Vec<u8>>,
    /// The last change.
    last: Last,
}

/// What stood where a change was made, and how long the file was.
#[derive(Clone, Debug, Default)]
struct Last {
    offset: usize,
    old: Vec<u8>,
    length: usize,
}

impl Last {
    /// Notes what is about to change in `bytes` from `offset` up to `end`.
    fn note(&mut self, bytes: &[u8], offset: usize, end: usize) {
        self.length = bytes.len();
        self.offset = offset.min(self.length);
        self.old.clear();
        self.old.extend_from_slice(&bytes[self.offset..end.clamp(self.offset, self.length)]);
    }

    /// What `bytes` were before.
    fn before(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes.resize(self.length, 0);
        bytes[self.offset..self.offset + self.old.len()].copy_from_slice(&self.old);
        bytes
    }
}

impl Contents {
    fn reset(&mut self) {
        self.bytes.clear();
        self.used_as = Use::Raw;
        self.medium = None;
        self.last.note(&[], 0, 0);
    }
}

/// Puts `data` at `offset`; what lies between it and the end of `bytes` is zero.
fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

impl Disk {
    /// Empties the disk.
    pub(crate) fn reset(&mut self) {
        self.names.clear();
        self.journal.clear();
        self.bodies.iter_mut().for_each(|contents| contents.medium = None);
    }

    /// An operation takes place. What is late is left to whoever knows the time.
    pub(crate) fn operate(&mut self, operation: &Operation<'_>) {
        match operation {
            Operation::Append(file, record) => self.append(*file, record),
            Operation::Write { file, used_as, offset, data } => self.write(*file, *used_as, *offset, data),
            Operation::Resize(file, to) => self.resize(*file, *to),
            Operation::Rename(from, to) => _ = self.rename(*from, *to),
            Operation::Remove(file) => _ = self.remove(*file),
            Operation::Replace(file, contents) => self.replace(*file, |bytes| push_frame(bytes, contents)),
            Operation::Put { file, framed, lag: None } => self.replace(*file, |bytes| bytes.extend_from_slice(framed)),
            Operation::Put { file, framed, lag: Some(_) } => self.replace_lazily(*file, framed),
            Operation::Sync(file, None) => self.sync(*file),
            Operation::SyncNames(None) => self.harden_names(u32::MAX),
            Operation::Sync(_, Some(_)) | Operation::SyncNames(Some(_)) | Operation::SyncLater { .. } => {}
        }
    }

    /// What a name means.
    pub(crate) fn find(&self, file: File) -> Option<Body> {
        self.names.iter().find(|(name, _)| *name == file).map(|(_, body)| *body)
    }

    fn at(&self, file: File) -> Option<&Contents> {
        self.find(file).map(|body| &self.bodies[usize::from(body)])
    }

    fn body(&mut self, body: Body) -> &mut Contents {
        &mut self.bodies[usize::from(body)]
    }

    /// A body that nothing refers to, emptied.
    fn spare(&mut self, used_as: Use) -> Body {
        let taken = |body: Body| self.names.iter().any(|(_, named)| *named == body) || self.journal.mentions(body);
        let body = (0..self.bodies.len() as Body).find(|body| !taken(*body)).unwrap_or_else(|| {
            self.bodies.push(Contents::default());
            self.bodies.len() as Body - 1
        });
        self.body(body).reset();
        self.body(body).used_as = used_as;
        body
    }

    /// Has `name` mean `body`, or nothing.
    fn link(&mut self, name: File, body: Option<Body>) {
        let at = self.names.iter().position(|(known, _)| *known == name);
        match (at, body) {
            (Some(at), Some(body)) => self.names[at].1 = body,
            (Some(at), None) => _ = self.names.remove(at),
            (None, Some(body)) => self.names.push((name, body)),
            (None, None) => {}
        }
    }

    /// The file of this name; a new one if there is none.
    fn make(&mut self, file: File, used_as: Use) -> Body {
        self.find(file).unwrap_or_else(|| {
            let body = self.spare(used_as);
            self.names.push((file, body));
            self.journal.name([(file, None, Some(body))]);
            body
        })
    }

    /// Whether there is a file of this name.
    pub(crate) fn exists(&self, file: File) -> bool {
        self.find(file).is_some()
    }

    /// The length of a file; 0 if there is none.
    pub(crate) fn length(&self, file: File) -> usize {
        self.at(file).map_or(0, |contents| contents.bytes.len())
    }

    /// Appends a record to a log.
    pub(crate) fn append(&mut self, file: File, record: &[u8]) {
        let body = self.make(file, Use::Log);
        let contents = &mut self.bodies[usize::from(body)];
        let length = contents.bytes.len();
        contents.last.note(&contents.bytes, length, length);
        push_frame(&mut contents.bytes, record);
        self.journal.write(body, length, &[], length, contents.bytes.len() - length);
    }

    /// Writes `data` at `offset` of a file.
    pub(crate) fn write(&mut self, file: File, used_as: Use, offset: usize, data: &[u8]) {
        let body = self.make(file, used_as);
        let contents = &mut self.bodies[usize::from(body)];
        let length = contents.bytes.len();
        contents.last.note(&contents.bytes, offset, offset + data.len());
        put(&mut contents.bytes, offset, data);
        self.journal.write(body, offset, &contents.last.old, length, data.len());
    }

    /// Gives a file another length; what is new is zero.
    pub(crate) fn resize(&mut self, file: File, to: usize) {
        let body = self.make(file, Use::Raw);
        let contents = &mut self.bodies[usize::from(body)];
        let length = contents.bytes.len();
        contents.last.note(&contents.bytes, to, length);
        contents.bytes.resize(to, 0);
        self.journal.resize(body, to, &contents.last.old, length);
    }

    /// Replaces what a file holds, atomically and durably, with what `fill` puts there.
    fn replace(&mut self, file: File, fill: impl FnOnce(&mut Vec<u8>)) {
        let body = self.make(file, Use::Whole);
        let contents = &mut self.bodies[usize::from(body)];
        contents.used_as = Use::Whole;
        contents.medium = None;
        contents.last.offset = 0;
        contents.last.length = contents.bytes.len();
        std::mem::swap(&mut contents.bytes, &mut contents.last.old);
        contents.bytes.clear();
        fill(&mut contents.bytes);
        self.journal.forget(body);
        self.journal.harden_names(u32::MAX);
    }

    /// The same, but not durable yet.
    pub(crate) fn replace_lazily(&mut self, file: File, framed: &[u8]) {
        let old = self.find(file);
        let body = self.spare(Use::Whole);
        let before = old.map(|old| self.body(old).bytes.clone()).unwrap_or_default();
        let contents = self.body(body);
        contents.last.note(&before, 0, before.len());
        contents.bytes.extend_from_slice(framed);
        self.link(file, Some(body));
        self.journal.name([(file, old, Some(body))]);
    }

    /// Renames a file; one that has the new name is gone. False: there is no such file.
    pub(crate) fn rename(&mut self, from: File, to: File) -> bool {
        let Some(body) = self.find(from) else { return false };
        let replaced = self.find(to);
        self.link(from, None);
        self.link(to, Some(body));
        self.journal.name([(from, Some(body), None), (to, replaced, Some(body))]);
        true
    }

    /// Removes a file. False: there is no such file.
    pub(crate) fn remove(&mut self, file: File) -> bool {
        let Some(body) = self.find(file) else { return false };
        self.link(file, None);
        self.journal.name([(file, Some(body), None)]);
        true
    }

    /// The number of the last change.
    pub(crate) fn last_change(&self) -> u32 {
        self.journal.last()
    }

    /// Makes the changes of a file durable.
    pub(crate) fn sync(&mut self, file: File) {
        if let Some(body) = self.find(file) {
            self.harden(body, u32::MAX);
        }
    }

    /// Makes the changes of a file up to number `upto` durable.
    pub(crate) fn harden(&mut self, body: Body, upto: u32) {
        let contents = &mut self.bodies[usize::from(body)];
        if let Some(medium) = &mut contents.medium {
            self.journal.copy(body, upto, &contents.bytes, medium);
        }
        let named = contents.used_as != Use::Raw;
        self.journal.harden(body, upto, named);
    }

    /// Makes names up to change number `upto` durable.
    pub(crate) fn harden_names(&mut self, upto: u32) {
        self.journal.harden_names(upto);
    }

    /// The bytes of a file.
    pub(crate) fn bytes(&self, file: File) -> Option<&[u8]> {
        self.at(file).map(|contents| contents.bytes.as_slice())
    }

    /// The bytes of a file before its last change.
    pub(crate) fn before(&self, file: File) -> Option<Vec<u8>> {
        self.at(file).map(|contents| contents.last.before(&contents.bytes))
    }

    /// The bytes of a file after a write.
    pub(crate) fn after(&self, file: File, used_as: Use, offset: usize, data: &[u8]) -> Vec<u8> {
        if used_as == Use::Whole {
            return data.to_vec();
        }
        let mut bytes = self.bytes(file).unwrap_or_default().to_vec();
        put(&mut bytes, offset, data);
        bytes
    }

    /// The records of a log up to the first torn one; what follows is cut off, durably, so that later records are reachable.
    /// `altered`: what a read returned instead.
    pub(crate) fn records(&mut self, file: File, altered: Option<&[u8]>) -> Vec<Vec<u8>> {
        let read = altered.or(self.bytes(file)).unwrap_or_default();
        let records = records_in(read);
        let at = records.iter().map(|record| FRAME + record.len()).sum();
        if at < read.len() && at < self.length(file) {
            self.resize(file, at);
            self.sync(file);
        }
        records
    }

    /// What `read`, the bytes of a file, says: the contents of one that was replaced, the bytes of any other.
    pub(crate) fn contents(&self, file: File, read: &[u8]) -> Result<Vec<u8>, DiskError> {
        match self.at(file) {
            Some(contents) if contents.used_as == Use::Whole => {
                frame(read).map(<[u8]>::to_vec).ok_or(DiskError::Corrupt)
            }
            _ => Ok(read.to_vec()),
        }
    }

    /// All files, in the order of their names without their disks, the shorter ones first, so that `wal.2` stands before
    /// `wal.10`.
    pub(crate) fn list(&self) -> Vec<Listed<'_>> {
        let mut files: Vec<Listed<'_>> = self.names.iter().map(|(file, body)| self.listed(*file, *body)).collect();
        Self::sort(&mut files);
        files
    }

    /// Puts files into that order.
    pub(crate) fn sort(files: &mut [Listed<'_>]) {
        let last = |file: File| file.0.rsplit('/').next().unwrap_or(file.0);
        files.sort_unstable_by_key(|listed| (last(listed.file).len(), last(listed.file), listed.file));
    }

    fn listed(&self, file: File, body: Body) -> Listed<'_> {
        let contents = &self.bodies[usize::from(body)];
        Listed { file, bytes: &contents.bytes, framed: contents.used_as != Use::Raw }
    }
}

/// The records in the bytes of a log, up to the first that is torn or damaged: what [`Context::records`] returns, but nothing is
/// cut off.
///
/// [`Context::records`]: crate::Context::records
pub fn records_in(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut records = Vec::new();
    while let Some(record) = frame(rest) {
        rest = &rest[FRAME + record.len()..];
        records.push(record.to_vec());
    }
    records
}

/// Puts a record behind its length and checksum.
pub(crate) fn push_frame(to: &mut Vec<u8>, record: &[u8]) {
    let length = u32::try_from(record.len()).expect("a record is shorter than 4 GiB");
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(&(xxh3_64(record) as u32).to_le_bytes());
    to.extend_from_slice(record);
}

/// The length that stands before a record.
fn length_at(bytes: &[u8]) -> Option<usize> {
    Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize)
}

/// The record at the beginning of `bytes`, if its checksum is right.
fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let length = length_at(bytes)?;
    let sum = u32::from_le_bytes(bytes.get(4..FRAME)?.try_into().ok()?);
    let record = bytes.get(FRAME..FRAME.checked_add(length)?)?;
    (xxh3_64(record) as u32 == sum).then_some(record)
}

#[cfg(test)]
mod tests;
