//! The changes of a disk that are not durable yet, in their order, and what a crash makes of them.
//!
//! An entry holds what is needed to undo it. A crash undoes all of them, which leaves what is durable, and then carries out
//! those that survive. What a write says is read off the file as it is undone, so that it need not be kept.

use murphy_schedule::{Dice, field::DiskFate};

use super::{Body, Disk, put};
use crate::node::File;

/// How many bytes a disk writes at once or not at all.
pub(crate) const SECTOR: usize = 512;

/// A name that came to mean something else: the file it meant, and the one that it means now.
pub(super) type Renaming = (File, Option<Body>, Option<Body>);

#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    entries: Vec<Entry>,
    /// What was overwritten or cut off, back to back.
    old: Vec<u8>,
    /// The number of the last entry that was made.
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u32,
    change: Change,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// So many bytes were written at an offset.
    Write { body: Body, offset: usize, many: usize, undo: Undo },
    /// A file got another length.
    Resize { body: Body, to: usize, undo: Undo },
    /// Names changed, both at once.
    Names([Option<Renaming>; 2]),
}

/// The length of a file before a change, and where in [`Journal::old`] what it lost begins and ends.
#[derive(Clone, Copy, Debug)]
struct Undo {
    length: usize,
    from: usize,
    to: usize,
}

/// A change that was undone and can be carried out again.
#[derive(Clone, Debug)]
pub(super) enum Redo {
    Write { body: Body, offset: usize, data: Vec<u8> },
    Resize { body: Body, to: usize },
    Names([Option<Renaming>; 2]),
}

impl Change {
    /// The file whose contents it changes.
    fn body(self) -> Option<Body> {
        match self {
            Self::Write { body, .. } | Self::Resize { body, .. } => Some(body),
            Self::Names(_) => None,
        }
    }

    /// Whether it gives a file a name.
    fn names(self, body: Body) -> bool {
        matches!(self, Self::Names(names) if names.iter().flatten().any(|(_, _, new)| *new == Some(body)))
    }
}

impl Journal {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.old.clear();
    }

    /// The number of the last entry.
    pub(super) fn last(&self) -> u32 {
        self.last
    }

    fn push(&mut self, change: Change) {
        self.last += 1;
        self.entries.push(Entry { number: self.last, change });
    }

    fn undo(&mut self, old: &[u8], length: usize) -> Undo {
        let from = self.old.len();
        self.old.extend_from_slice(old);
        Undo { length, from, to: self.old.len() }
    }

    /// A write of `many` bytes over `old` into a file that was `length` long.
    pub(super) fn write(&mut self, body: Body, offset: usize, old: &[u8], length: usize, many: usize) {
        let undo = self.undo(old, length);
        self.push(Change::Write { body, offset, many, undo });
    }

    /// A new length of a file that was `length` long and lost `old`.
    pub(super) fn resize(&mut self, body: Body, to: usize, old: &[u8], length: usize) {
        let undo = self.undo(old, length);
        self.push(Change::Resize { body, to, undo });
    }

    /// One or two names changed.
    pub(super) fn name<const N: usize>(&mut self, names: [Renaming; N]) {
        let mut both = [None; 2];
        both.iter_mut().zip(names).for_each(|(slot, name)| *slot = Some(name));
        self.push(Change::Names(both));
    }

    /// Whether an entry refers to a file.
    pub(super) fn mentions(&self, body: Body) -> bool {
        let named = |names: [Option<Renaming>; 2]| {
            names.iter().flatten().any(|(_, old, new)| [*old, *new].contains(&Some(body)))
        };
        self.entries.iter().any(|entry| match entry.change {
            Change::Names(names) => named(names),
            change => change.body() == Some(body),
        })
    }

    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.entries.retain(keep);
        if self.entries.is_empty() {
            self.old.clear();
        }
    }

    /// Changes of the contents of a file are none any more.
    pub(super) fn forget(&mut self, body: Body) {
        self.retain(|entry| entry.change.body() != Some(body));
    }

    /// Changes of a file up to a number are durable; `named`: its name, too.
    pub(super) fn harden(&mut self, body: Body, upto: u32, named: bool) {
        let naming = |entry: &&Entry| named && entry.number <= upto && entry.change.names(body);
        // A directory keeps the order of its changes.
        let names = self.entries.iter().rfind(naming).map_or(0, |entry| entry.number);
        self.retain(|entry| match entry.change.body() {
            Some(changed) => changed != body || entry.number > upto,
            None => entry.number > names,
        });
    }

    /// Changes of names up to a number are durable.
    pub(super) fn harden_names(&mut self, upto: u32) {
        self.retain(|entry| entry.change.body().is_some() || entry.number > upto);
    }

    /// Copies what changes of a file up to a number changed from `bytes` to `medium`.
    pub(super) fn copy(&self, body: Body, upto: u32, bytes: &[u8], medium: &mut Vec<u8>) {
        let changes = self.entries.iter().filter(|entry| entry.number <= upto).map(|entry| entry.change);
        for change in changes.filter(|change| change.body() == Some(body)) {
            match change {
                Change::Write { offset, many, .. } => {
                    let end = (offset + many).min(bytes.len());
                    put(medium, offset.min(end), &bytes[offset.min(end)..end]);
                }
                Change::Resize { to, .. } => medium.resize(to, 0),
                Change::Names(_) => {}
            }
        }
    }
}

impl Disk {
    /// Undoes the newest change.
    fn undo(&mut self, change: Change) {
        match change {
            Change::Write { body, offset, undo, .. } | Change::Resize { body, to: offset, undo } => {
                let bytes = &mut self.bodies[usize::from(body)].bytes;
                bytes.resize(undo.length, 0);
                let offset = offset.min(undo.length);
                let old = &self.journal.old[undo.from..undo.to];
                bytes[offset..offset + old.len()].copy_from_slice(old);
            }
            Change::Names(names) => {
                for (name, old, _) in names.into_iter().flatten().rev() {
                    self.link(name, old);
                }
            }
        }
    }

    /// A change as something that can be carried out again.
    fn redo(&self, change: Change) -> Redo {
        match change {
            Change::Write { body, offset, many, .. } => {
                let data = self.bodies[usize::from(body)].bytes[offset..offset + many].to_vec();
                Redo::Write { body, offset, data }
            }
            Change::Resize { body, to, .. } => Redo::Resize { body, to },
            Change::Names(names) => Redo::Names(names),
        }
    }

    /// Undoes everything that is not durable, and leaves the journal empty. What was undone, in its order and with its numbers.
    pub(super) fn rewind(&mut self) -> Vec<(u32, Redo)> {
        let mut undone = Vec::with_capacity(self.journal.entries.len());
        while let Some(entry) = self.journal.entries.pop() {
            undone.push((entry.number, self.redo(entry.change)));
            self.undo(entry.change);
        }
        self.journal.clear();
        undone.reverse();
        undone
    }

    /// Carries out changes that were undone, as ones that are not durable.
    pub(super) fn replay(&mut self, changes: Vec<(u32, Redo)>) {
        let last = self.journal.last;
        for (number, change) in changes {
            self.journal.last = number - 1;
            match change {
                Redo::Write { body, offset, data } => {
                    let contents = &mut self.bodies[usize::from(body)];
                    let length = contents.bytes.len();
                    let old = contents.bytes[offset.min(length)..(offset + data.len()).min(length)].to_vec();
                    put(&mut contents.bytes, offset, &data);
                    self.journal.write(body, offset, &old, length, data.len());
                }
                Redo::Resize { body, to } => {
                    let contents = &mut self.bodies[usize::from(body)];
                    let length = contents.bytes.len();
                    let old = contents.bytes[to.min(length)..].to_vec();
                    contents.bytes.resize(to, 0);
                    self.journal.resize(body, to, &old, length);
                }
                Redo::Names(names) => {
                    names.into_iter().flatten().for_each(|(name, _, new)| self.link(name, new));
                    self.journal.push(Change::Names(names));
                }
            }
        }
        self.journal.last = last;
    }

    /// What is on the medium of a file: its bytes without what is not durable.
    fn durable(&mut self, body: Body) -> Vec<u8> {
        let all = self.rewind();
        let bytes = self.bodies[usize::from(body)].bytes.clone();
        self.replay(all);
        bytes
    }

    /// A sync failed: the writes since the last one are dropped. The node goes on to see them until it stops, and no later sync
    /// makes them durable (Rebello et al., "Can applications recover from fsync failures?", 2020).
    pub(crate) fn abandon(&mut self, file: File) {
        let Some(body) = self.find(file) else { return };
        if self.bodies[usize::from(body)].medium.is_none() {
            let durable = self.durable(body);
            self.bodies[usize::from(body)].medium = Some(durable);
        }
        self.journal.forget(body);
    }

    /// What a crash leaves. What a failed sync has dropped is gone, whatever the fate of the rest.
    pub(crate) fn crash(&mut self, fate: DiskFate, dice: &mut Dice) {
        if fate == DiskFate::Wiped {
            return self.reset();
        }
        if fate == DiskFate::Kept && self.bodies.iter().all(|contents| contents.medium.is_none()) {
            return self.journal.clear();
        }
        let undone = if fate == DiskFate::Lost { self.undo_all() } else { self.rewind() };
        for contents in &mut self.bodies {
            if let Some(medium) = contents.medium.take() {
                contents.bytes = medium;
            }
        }
        match fate {
            DiskFate::Lost | DiskFate::Wiped => {}
            DiskFate::Kept => undone.into_iter().for_each(|(_, change)| self.survive(change)),
            DiskFate::Torn => self.tear(undone, dice),
            DiskFate::Subset => self.choose(undone, dice),
        }
    }

    /// Undoes everything that is not durable, for good.
    fn undo_all(&mut self) -> Vec<(u32, Redo)> {
        while let Some(entry) = self.journal.entries.pop() {
            self.undo(entry.change);
        }
        self.journal.clear();
        Vec::new()
    }

    /// A change survives a crash.
    fn survive(&mut self, change: Redo) {
        match change {
            Redo::Write { body, offset, data } => put(&mut self.body(body).bytes, offset, &data),
            Redo::Resize { body, to } => self.body(body).bytes.resize(to, 0),
            Redo::Names(names) => names.into_iter().flatten().for_each(|(name, _, new)| self.link(name, new)),
        }
    }

    /// Some of the oldest changes survive, and a part of the next: half of the time, if it is longer than a sector, whole
    /// sectors of it.
    fn tear(&mut self, undone: Vec<(u32, Redo)>, dice: &mut Dice) {
        if undone.is_empty() {
            return;
        }
        let whole = dice.below(undone.len() as u64) as usize;
        for (at, (_, change)) in undone.into_iter().enumerate() {
            match change {
                change if at < whole => self.survive(change),
                Redo::Write { body, offset, mut data } if at == whole => {
                    data.truncate(torn(offset, data.len(), dice));
                    if !data.is_empty() {
                        self.survive(Redo::Write { body, offset, data });
                    }
                }
                _ => {}
            }
        }
    }

    /// Each change survives or not, and the length of a file apart from what was written beyond its end: then zeros are there.
    fn choose(&mut self, undone: Vec<(u32, Redo)>, dice: &mut Dice) {
        for (_, change) in undone {
            let drawn = dice.below(4);
            match change {
                change if drawn < 2 => self.survive(change),
                Redo::Write { body, offset, data } if drawn == 2 => {
                    let bytes = &mut self.body(body).bytes;
                    bytes.resize(bytes.len().max(offset + data.len()), 0);
                }
                _ => {}
            }
        }
    }
}

/// How many bytes of a torn write of `many` at `offset` survive.
fn torn(offset: usize, many: usize, dice: &mut Dice) -> usize {
    let (first, last) = (offset / SECTOR, (offset + many) / SECTOR);
    if first < last && dice.chance(1, 2) {
        let sector = dice.between(first as u64, last as u64) as usize;
        return (sector * SECTOR).saturating_sub(offset);
    }
    dice.below(many as u64 + 1) as usize
}
