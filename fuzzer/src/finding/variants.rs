//! Other ways to make one bug show, kept beside the smallest: minimal schedules of its key with other faults on other roles.
//!
//! Perhaps one of them is another bug after all. So the finding names them all, and it is not called fixed while one of them fails.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use murphy_schedule::{Document, Schedule, Vocabulary, shrink};

use super::letters;
use crate::aside::{unless_gone, write_file};

/// The folder of them, in that of the finding.
pub(super) const FOLDER: &str = "variants";
/// The most that are kept.
const MOST: usize = 16;
/// Where the list of them begins in the finding's `README.md`.
const TITLE: &str = "\n## Other ways\n";

/// Another way.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    /// Kinds of faults in order, with the roles of those they struck.
    pub(crate) skeleton: String,
    /// The file.
    pub(crate) path: PathBuf,
    /// The smallest schedule of this skeleton.
    pub(crate) schedule: Schedule,
}

/// The variants of the finding in `finding`, by name. What is no schedule is somebody else's.
pub(crate) fn read(finding: &Path) -> Vec<Variant> {
    let entries = fs::read_dir(finding.join(FOLDER)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let variant = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let schedule = Document::parse(&text).ok()?.schedule;
        let skeleton = text.lines().next()?.strip_prefix("# ").unwrap_or_default().to_string();
        Some(Variant { skeleton, path, schedule })
    };
    paths.into_iter().filter_map(variant).collect()
}

/// How large a schedule is: its steps first.
pub(super) fn size(schedule: &Schedule, vocabulary: &Vocabulary) -> (usize, (u64, usize)) {
    (schedule.steps.len(), shrink::measure(schedule, vocabulary))
}

/// Adds a document of this skeleton to the variants of the finding in `finding`, unless a smaller one of it is there. The smallest
/// skeletons stay.
pub(super) fn add(finding: &Path, skeleton: &str, document: &Document, vocabulary: &Vocabulary) -> io::Result<()> {
    let folder = finding.join(FOLDER);
    // Not its parent: where another worker is replacing that, nothing is to stand in its way.
    if !folder.is_dir() {
        fs::create_dir(&folder)?;
    }
    let size = |schedule: &Schedule| size(schedule, vocabulary);
    let mut there = read(finding);
    if there.iter().any(|one| one.skeleton == skeleton && size(&one.schedule) <= size(&document.schedule)) {
        return Ok(());
    }
    write_file(&path(finding, skeleton), format!("# {skeleton}\n{document}").as_bytes())?;
    there = read(finding);
    there.sort_by_key(|one| size(&one.schedule));
    there.iter().skip(MOST).try_for_each(|one| fs::remove_file(&one.path))
}

/// Removes the variant of a skeleton, if there is one: it has become the finding itself.
pub(super) fn remove(finding: &Path, skeleton: &str) -> io::Result<()> {
    unless_gone(fs::remove_file(path(finding, skeleton)))
}

fn path(finding: &Path, skeleton: &str) -> PathBuf {
    finding.join(FOLDER).join(format!("{}.murphy", letters(skeleton)))
}

/// Lists the variants at the end of the finding's `README.md`, in place of the list that was there.
pub(super) fn tell(finding: &Path) -> io::Result<()> {
    let (path, variants) = (finding.join("README.md"), read(finding));
    let text = fs::read_to_string(&path)?;
    let before = text.split(TITLE).next().unwrap_or_default();
    let list: String = variants.iter().map(Variant::line).collect();
    let told = if variants.is_empty() { before.to_string() } else { format!("{before}{TITLE}\n{list}") };
    if told == text { Ok(()) } else { write_file(&path, told.as_bytes()) }
}

impl Variant {
    fn line(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        format!("- `{}`: `{FOLDER}/{name}`\n", self.skeleton)
    }
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

    fn document(ms: usize) -> Document {
        let text = format!("murphy 1\ntarget echo\nseed 0x1\n\nat {ms}ms  crash n1\n");
        Document::parse(&text).expect("a schedule")
    }

    #[test]
    fn the_smallest_of_each_skeleton_stays_and_the_list_names_all() {
        let place = tempfile::tempdir().expect("a folder for the test");
        fs::write(place.path().join("README.md"), "words\n").expect("it can be written");
        let add = |skeleton: &str, ms| {
            add(place.path(), skeleton, &document(ms), &Vocabulary::default()).expect("it can be written");
            tell(place.path()).expect("it can be written");
        };
        for (skeleton, ms) in [("crash(a)", 9), ("crash(b)", 3), ("crash(a)", 7), ("crash(a)", 8)] {
            add(skeleton, ms);
        }
        let mut there: Vec<_> = read(place.path()).into_iter().map(|one| (one.skeleton, one.schedule)).collect();
        there.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(there, [("crash(a)".into(), document(7).schedule), ("crash(b)".into(), document(3).schedule)]);
        remove(place.path(), "crash(b)").expect("it is there");
        tell(place.path()).expect("it can be written");
        let list = format!("words\n{TITLE}\n- `crash(a)`: `variants/{}.murphy`\n", letters("crash(a)"));
        assert_eq!(fs::read_to_string(place.path().join("README.md")).expect("text"), list);
        (10..40).for_each(|ms| add(&format!("crash({ms})"), ms));
        assert_eq!(read(place.path()).len(), MOST);
    }
}
