//! Places: which files a schedule means, and which parts of them.
//!
//! A declared name means the file of that name and its segments: files whose names go on with a digit or one of `. - _`. What
//! stands before the last `/` of a name is the disk that the file is on. A part whose file is not named is looked for in every
//! group of files apart. Blocks are of 4 KiB. A name that names nothing takes the next one on the ring of hashes, as everywhere.

use std::ops::Range;

use murphy_schedule::{
    Name,
    field::{Place, Position},
};

use super::codec::{FileCodec, Layout};
use crate::{node::File, target::About};

/// Length of a block.
pub(crate) const BLOCK: usize = 4096;

/// A file as places see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) file: File,
    pub(crate) bytes: &'a [u8],
    /// It holds framed records.
    pub(crate) framed: bool,
}

/// A part of a file: of the how-manieth one listed, which bytes, and of which record they are.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) at: usize,
    pub(crate) range: Range<usize>,
    pub(crate) record: Option<Layout>,
}

/// What of a place is the name of its file, or of its disk.
fn name_of(place: Place) -> Name {
    match place {
        Place::Anywhere => Name::ANY,
        Place::File(name) | Place::Disk(name) | Place::Block(_, name) | Place::Segment(_, name) => name,
        Place::Record(_, name) | Place::Field(_, _, name) | Place::Key(_, name) | Place::Bytes(_, _, name) => name,
    }
}

/// The disk that a file is on, if its name says so.
fn disk(file: File) -> Option<&'static str> {
    file.0.rsplit_once('/').map(|(disk, _)| disk)
}

/// Whether a file is the one of this name, or a segment of it.
fn belongs(file: File, name: &str) -> bool {
    let goes_on = |rest: &str| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || ".-_".contains(c));
    let last = file.0.rsplit('/').next().unwrap_or(file.0);
    [file.0, last].iter().any(|full| full.strip_prefix(name).is_some_and(goes_on))
}

/// The name under which a file goes: the longest declared one that fits, or its own.
fn group(file: File, about: &About) -> &'static str {
    let declared = about.files.iter().map(|(name, _)| *name).filter(|name| belongs(file, name));
    declared.max_by_key(|name| name.len()).unwrap_or(file.0)
}

/// How the records of a file are found.
pub(crate) fn codec(listed: &Listed<'_>, about: &About) -> FileCodec {
    let name = group(listed.file, about);
    let declared = about.files.iter().find(|(known, _)| *known == name).map(|(_, codec)| *codec);
    declared.unwrap_or(if listed.framed { FileCodec::FRAMED } else { FileCodec::BLOCKS })
}

/// Of `names` the one that `name` means: itself, or the next on the ring.
fn resolve<'a>(name: Name, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names.min_by_key(|known| (Name::of(known).0.wrapping_sub(name.0), *known))
}

/// The files that a place means, as indices, in groups.
fn groups(place: Place, files: &[Listed<'_>], about: &About) -> Vec<Vec<usize>> {
    let name = name_of(place);
    let mut names: Vec<&str> = about.files.iter().map(|(name, _)| *name).collect();
    names.extend(files.iter().map(|listed| group(listed.file, about)));
    let disks = about.disks.iter().copied();
    let meant = match place {
        _ if name == Name::ANY => None,
        Place::Disk(_) => resolve(name, disks),
        _ => resolve(name, names.iter().copied().chain(disks)),
    };
    let wanted = |listed: &Listed<'_>| {
        meant.is_none_or(|meant| group(listed.file, about) == meant || disk(listed.file) == Some(meant))
    };
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    for (at, listed) in files.iter().enumerate().filter(|(_, listed)| wanted(listed)) {
        let name = group(listed.file, about);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, members)) => members.push(at),
            None => groups.push((name, vec![at])),
        }
    }
    groups.sort_by_key(|(name, _)| *name);
    groups.into_iter().map(|(_, members)| members).collect()
}

/// Those of `all` that a position means.
fn chosen<T: Clone>(position: Position, all: &[T]) -> Vec<T> {
    let nth = |nth: usize| all.get(nth.wrapping_sub(1)).cloned().into_iter().collect();
    match position {
        Position::Any => all.to_vec(),
        Position::Nth(number) => nth(number.into()),
        Position::Last => nth(all.len()),
    }
}

/// The files that a place lies in.
pub(crate) fn files(place: Place, files: &[Listed<'_>], about: &About) -> Vec<usize> {
    let groups = groups(place, files, about);
    match place {
        Place::Segment(position, _) => groups.iter().flat_map(|group| chosen(position, group)).collect(),
        _ => groups.concat(),
    }
}

/// Whether a place is files as a whole.
pub(crate) fn is_whole(place: Place) -> bool {
    matches!(place, Place::Anywhere | Place::File(_) | Place::Disk(_) | Place::Segment(..))
}

fn blocks(at: usize, bytes: &[u8]) -> Vec<Unit> {
    let starts = (0..bytes.len()).step_by(BLOCK);
    starts.map(|from| Unit { at, range: from..(from + BLOCK).min(bytes.len()), record: None }).collect()
}

fn records(at: usize, listed: &Listed<'_>, about: &About) -> Vec<Unit> {
    let found = codec(listed, about).records(listed.bytes).into_iter();
    found.map(|record| Unit { at, range: record.all.clone(), record: Some(record) }).collect()
}

/// The records of a file, or its blocks if it has none.
fn pieces(at: usize, listed: &Listed<'_>, about: &About) -> Vec<Unit> {
    let records = records(at, listed, about);
    if records.is_empty() { blocks(at, listed.bytes) } else { records }
}

/// The parts that a place means. Of whole files: their records, or their blocks where they have none.
pub(crate) fn units(place: Place, listed: &[Listed<'_>], about: &About) -> Vec<Unit> {
    if is_whole(place) {
        return files(place, listed, about).into_iter().flat_map(|at| pieces(at, &listed[at], about)).collect();
    }
    let groups = groups(place, listed, about);
    groups.iter().flat_map(|group| within(place, group, listed, about)).collect()
}

/// The parts of a group of files that a place means.
fn within(place: Place, group: &[usize], listed: &[Listed<'_>], about: &About) -> Vec<Unit> {
    let of_all = |units: &dyn Fn(usize) -> Vec<Unit>| group.iter().flat_map(|at| units(*at)).collect::<Vec<_>>();
    let records = || of_all(&|at| records(at, &listed[at], about));
    match place {
        Place::Block(position, _) => chosen(position, &of_all(&|at| blocks(at, listed[at].bytes))),
        Place::Record(position, _) => chosen(position, &records()),
        Place::Field(name, position, _) => {
            chosen(position, &records()).into_iter().filter_map(|unit| field(unit, name)).collect()
        }
        Place::Key(position, _) => keys(position, records()),
        Place::Bytes(from, to, _) => of_all(&|at| {
            let end = usize::from(to).min(listed[at].bytes.len());
            vec![Unit { at, range: usize::from(from).min(end)..end, record: None }]
        }),
        Place::Anywhere | Place::File(_) | Place::Disk(_) | Place::Segment(..) => Vec::new(),
    }
}

/// A field of a record.
fn field(unit: Unit, name: Name) -> Option<Unit> {
    let record = unit.record?;
    let meant = resolve(name, record.fields.iter().map(|(name, _)| *name))?;
    let range = record.fields.iter().find(|(known, _)| *known == meant)?.1.clone();
    Some(Unit { at: unit.at, range, record: Some(record) })
}

/// The values of keys: of each that is meant, the last one written.
fn keys(position: Position, records: Vec<Unit>) -> Vec<Unit> {
    let mut values: Vec<(u64, Unit)> = Vec::new();
    for mut unit in records {
        let Some((key, range)) = unit.record.as_ref().and_then(|record| record.value.clone()) else { continue };
        unit.range = range;
        values.retain(|(known, _)| *known != key);
        values.push((key, unit));
    }
    values.sort_by_key(|(key, _)| *key);
    let meant = |key: u64| match position {
        Position::Nth(number) => key == u64::from(number),
        Position::Any | Position::Last => true,
    };
    let values: Vec<Unit> = values.into_iter().filter(|(key, _)| meant(*key)).map(|(_, unit)| unit).collect();
    if position == Position::Last { chosen(position, &values) } else { values }
}
