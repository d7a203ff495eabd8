//! Damage to what a disk holds: bits, records, blocks, whole segments.
//!
//! It strikes what is durable. Changes that are not so yet are made again on top of it, as a cache would write them later.

use std::ops::Range;

use murphy_schedule::{
    Dice,
    field::{Damage, Place, Position},
};

use super::{
    Body, Disk,
    codec::{FileCodec, Layout},
    place::{self, Unit},
};
use crate::{node::File, target::About};

/// What is done to a disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wound {
    pub(crate) place: Place,
    pub(crate) how: Damage,
    /// Only each so manieth part; 0: one of them.
    pub(crate) each: usize,
    pub(crate) amount: usize,
}

impl Disk {
    /// Damages the disk. Returns how many parts changed.
    pub(crate) fn damage(&mut self, wound: Wound, about: &About, dice: &mut Dice) -> u32 {
        let undone = self.rewind();
        // What a failed sync has dropped is in the node's memory, and not on the disk.
        self.swap_media();
        let struck = match wound.place {
            Place::Segment(..) if of_segments(wound.how) => self.damage_segments(wound, about, dice),
            _ => self.damage_parts(wound, about, dice),
        };
        self.swap_media();
        self.replay(undone);
        struck
    }

    fn swap_media(&mut self) {
        for contents in &mut self.bodies {
            if let Some(medium) = &mut contents.medium {
                std::mem::swap(&mut contents.bytes, medium);
            }
        }
    }

    fn damage_parts(&mut self, wound: Wound, about: &About, dice: &mut Dice) -> u32 {
        let listed = self.list();
        let files: Vec<(Body, FileCodec)> = listed
            .iter()
            .map(|listed| (self.find(listed.file).expect("it is listed"), place::codec(listed, about)))
            .collect();
        let all = place::units(of_any(wound.place), &listed, about);
        let meant = place::units(wound.place, &listed, about);
        let same = |unit: &Unit| all.iter().position(|one| (one.at, &one.range) == (unit.at, &unit.range));
        let meant: Vec<usize> = meant.iter().filter_map(same).collect();
        let mut struck = 0;
        // From the back, so that the ranges of those before stay right.
        for first in chosen(&meant, wound.each, dice).into_iter().rev() {
            let run = run(&all, first, wound);
            let (body, codec) = files[all[first].at];
            let bytes = &mut self.bodies[usize::from(body)].bytes;
            let before = bytes.clone();
            strike(bytes, &all, run.clone(), wound, codec, dice);
            struck += if *bytes == before { 0 } else { run.len() as u32 };
        }
        struck
    }

    /// Damages whole segments. The files keep their names, but for those that are gone.
    fn damage_segments(&mut self, wound: Wound, about: &About, dice: &mut Dice) -> u32 {
        let listed = self.list();
        let meant = place::files(wound.place, &listed, about);
        let all = place::files(of_any(wound.place), &listed, about);
        let names: Vec<File> = all.iter().map(|at| listed[*at].file).collect();
        let meant: Vec<usize> = meant.iter().filter_map(|at| all.iter().position(|one| one == at)).collect();
        let mut struck = 0;
        for first in chosen(&meant, wound.each, dice) {
            let run = match wound.how {
                Damage::Truncate => (first + 1).saturating_sub(wound.amount)..names.len(),
                _ => first..(first + wound.amount).min(names.len()),
            };
            for at in run {
                struck += u32::from(self.damage_segment(names[at], names.get(at + 1).copied(), wound.how));
            }
        }
        struck
    }

    fn damage_segment(&mut self, file: File, next: Option<File>, how: Damage) -> bool {
        let Some(body) = self.find(file) else { return false };
        match how {
            Damage::Delete | Damage::Truncate => {
                self.link(file, None);
                return true;
            }
            Damage::Repeat => {
                let bytes = &mut self.body(body).bytes;
                bytes.extend_from_within(..);
                return !bytes.is_empty();
            }
            Damage::Zero => {
                let bytes = &mut self.body(body).bytes;
                let changes = bytes.iter().any(|byte| *byte != 0);
                bytes.fill(0);
                return changes;
            }
            Damage::Reorder => {
                let Some(other) = next.and_then(|next| self.find(next)) else { return false };
                self.link(file, Some(other));
                next.into_iter().for_each(|next| self.link(next, Some(body)));
                return self.bodies[usize::from(body)].bytes != self.bodies[usize::from(other)].bytes;
            }
            Damage::Bitflip | Damage::Checksum | Damage::Type | Damage::Value => {}
        }
        false
    }
}

/// Whether damage to a segment is damage to all of it, rather than to records in it.
fn of_segments(how: Damage) -> bool {
    matches!(how, Damage::Truncate | Damage::Reorder | Damage::Delete | Damage::Repeat | Damage::Zero)
}

/// The same place, but any of its parts.
fn of_any(place: Place) -> Place {
    match place {
        Place::Segment(_, name) => Place::Segment(Position::Any, name),
        Place::Block(_, name) => Place::Block(Position::Any, name),
        Place::Record(_, name) => Place::Record(Position::Any, name),
        Place::Field(field, _, name) => Place::Field(field, Position::Any, name),
        other => other,
    }
}

/// Those of `meant` that are struck: each so manieth, or one that is drawn.
fn chosen(meant: &[usize], each: usize, dice: &mut Dice) -> Vec<usize> {
    match each {
        0 => dice.pick(meant).copied().into_iter().collect(),
        each => meant.iter().copied().skip(each - 1).step_by(each).collect(),
    }
}

/// A unit and those after it in the same file, as many as are changed.
fn run(all: &[Unit], first: usize, wound: Wound) -> Range<usize> {
    let many = match wound.how {
        Damage::Bitflip | Damage::Truncate => 1,
        _ => wound.amount.max(1),
    };
    let beside = all[first..].iter().take_while(|unit| unit.at == all[first].at).count();
    first..first + many.min(beside)
}

fn strike(bytes: &mut Vec<u8>, units: &[Unit], run: Range<usize>, wound: Wound, codec: FileCodec, dice: &mut Dice) {
    match wound.how {
        Damage::Bitflip => flip(&mut bytes[units[run.start].range.clone()], wound.amount, dice),
        Damage::Truncate => bytes.truncate(cut(bytes.len(), units, run.start, wound)),
        Damage::Reorder => run.step_by(2).for_each(|first| swap(bytes, units, first)),
        how => {
            for unit in units[run].iter().rev() {
                strike_one(bytes, unit, how, codec, dice);
            }
        }
    }
}

/// Flips so many bits, all different.
pub(crate) fn flip(bytes: &mut [u8], amount: usize, dice: &mut Dice) {
    let bits = bytes.len() * 8;
    let mut flipped: Vec<usize> = Vec::with_capacity(amount.min(bits));
    // The k-th draw is of the bits that are left (Floyd's sampling; Bentley, 1987).
    for last in bits - amount.min(bits)..bits {
        let drawn = dice.below(last as u64 + 1) as usize;
        flipped.push(if flipped.contains(&drawn) { last } else { drawn });
    }
    flipped.into_iter().for_each(|bit| bytes[bit / 8] ^= 1 << (bit % 8));
}

/// How long a file is after it was cut off: by so many bytes, if a file is meant; before so many parts, the last of which
/// is the one that is meant; or where the bytes begin that are meant.
fn cut(length: usize, units: &[Unit], at: usize, wound: Wound) -> usize {
    match wound.place {
        place if place::is_whole(place) => length.saturating_sub(wound.amount),
        Place::Block(..) | Place::Record(..) => {
            let unit = &units[at];
            let before = units[..at].iter().rev().take_while(|other| other.at == unit.at);
            before.take(wound.amount.saturating_sub(1)).last().unwrap_or(unit).range.start
        }
        _ => units[at].range.start,
    }
}

/// Has a unit and the next one, or the one before if it is the last, change places.
fn swap(bytes: &mut [u8], units: &[Unit], first: usize) {
    let beside = |other: &&Unit| other.at == units[first].at;
    let next = units.get(first + 1).filter(beside).map(|_| first);
    let pair = next.or_else(|| first.checked_sub(1).filter(|before| units[*before].at == units[first].at));
    let Some(pair) = pair else { return };
    let (a, b) = (units[pair].range.clone(), units[pair + 1].range.clone());
    if a.end <= b.start {
        bytes[a.start..b.end].rotate_left(b.start - a.start);
        // What stood between them has come to stand behind them.
        bytes[a.start + b.len()..b.end].rotate_left(a.len());
    }
}

fn strike_one(bytes: &mut Vec<u8>, unit: &Unit, how: Damage, codec: FileCodec, dice: &mut Dice) {
    let range = unit.range.clone();
    let nothing = Layout::default();
    let record = unit.record.as_ref().unwrap_or(&nothing);
    match how {
        Damage::Checksum => {
            let sum = &mut bytes[record.checksum.clone()];
            let drawn = dice.word().to_le_bytes();
            sum.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte ^= drawn | 1);
        }
        Damage::Type => forbid(bytes, record.kind.clone(), record, codec),
        Damage::Value => {
            let whole = range == record.all;
            let drawn = dice.pick(&record.fields).map(|(_, field)| field.clone());
            let field = if whole { drawn.unwrap_or(0..0) } else { range };
            forbid(bytes, field, record, codec);
        }
        Damage::Delete => _ = bytes.drain(range),
        Damage::Repeat => {
            let twice = bytes[range.clone()].to_vec();
            _ = bytes.splice(range.end..range.end, twice);
        }
        Damage::Zero => bytes[range].fill(0),
        Damage::Bitflip | Damage::Truncate | Damage::Reorder => {}
    }
}

/// Sets a part of a record to ones, or to zeros if it is that already, and makes the record's checksum right: its reader has
/// to look at what it says.
fn forbid(bytes: &mut [u8], part: Range<usize>, record: &Layout, codec: FileCodec) {
    let ones = bytes[part.clone()].iter().all(|byte| *byte == u8::MAX);
    bytes[part].fill(if ones { 0 } else { u8::MAX });
    codec.seal(&mut bytes[record.all.clone()]);
}
