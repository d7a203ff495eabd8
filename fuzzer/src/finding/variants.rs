//! Other minimal schedules of one key, kept beside the smallest.

use std::{fs, io, path::Path};

use murphy_schedule::{Document, Schedule, Vocabulary, shrink};

use super::letters;
use crate::aside::write_file;

/// The folder of them, in that of the finding.
pub(super) const FOLDER: &str = "variants";
/// The most that are kept.
const MOST: usize = 5;

/// How large a schedule is: its steps first.
pub(super) fn size(schedule: &Schedule, vocabulary: &Vocabulary) -> (usize, (u64, usize)) {
    (schedule.steps.len(), shrink::measure(schedule, vocabulary))
}

/// Adds a schedule to the variants in `folder`, of which the smallest stay. Its name is one of its content, so what is there
/// already is not there twice.
pub(super) fn add(folder: &Path, text: &str, vocabulary: &Vocabulary) -> io::Result<()> {
    // Not its parent: where another worker is replacing that, nothing is to stand in its way.
    if !folder.is_dir() {
        fs::create_dir(folder)?;
    }
    write_file(&folder.join(format!("{}.murphy", letters(text))), text.as_bytes())?;
    let mut sized = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let document = fs::read_to_string(&path).ok().and_then(|text| Document::parse(&text).ok());
        // What is no schedule is somebody else's.
        sized.extend(document.map(|document| (size(&document.schedule, vocabulary), path)));
    }
    sized.sort();
    sized.iter().skip(MOST).try_for_each(|(_, path)| fs::remove_file(path))
}

/// Copies the variants of one folder, which need not be there, into another.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_smallest_stay() {
        let place = tempfile::tempdir().expect("a folder for the test");
        let folder = place.path().join(FOLDER);
        let text = |ms: usize| format!("murphy 1\ntarget echo\nseed 0x1\n\nat {ms}ms  crash n1\n");
        for ms in [9, 3, 7, 4, 8, 3, 5, 6] {
            add(&folder, &text(ms), &Vocabulary::default()).expect("it can be written");
        }
        let there = |ms: &usize| folder.join(format!("{}.murphy", letters(&text(*ms)))).exists();
        assert_eq!((3..10).filter(there).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
        assert_eq!(fs::read_dir(&folder).expect("it is there").count(), 5);
    }
}
