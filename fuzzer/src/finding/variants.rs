//! Other ways to make one bug show, kept beside the finding: minimal schedules of its key, and of what is like it but for the faults.
//!
//! Perhaps one of them is another bug after all. So the finding names them all, and it is not called fixed while one of them fails.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use murphy_schedule::{Document, Schedule, Vocabulary, shrink};

use super::letters;
use crate::{
    aside::{unless_gone, write_file},
    source,
};

/// The folder of them, in that of the finding.
pub(super) const FOLDER: &str = "variants";
/// The most that are kept.
const MOST: usize = 16;
/// The most of them with the finding's own key.
pub(super) const OF_ITS_KEY: usize = 5;
/// Where the list of them begins in the finding's `README.md`.
const TITLE: &str = "\n## Other ways\n";

/// Another way.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    /// Kinds of faults in order, with the roles of those they struck.
    pub(crate) skeleton: String,
    /// The file.
    pub(crate) path: PathBuf,
    /// A minimal schedule of this skeleton.
    pub(crate) schedule: Schedule,
}

/// The files of the variants of the finding in `finding`, by name.
pub(crate) fn files(finding: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(finding.join(FOLDER)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.retain(|path| !source::name(path).starts_with('.'));
    paths.sort();
    paths
}

/// The variants of the finding in `finding`, by name. What is no schedule is somebody else's.
pub(crate) fn read(finding: &Path) -> Vec<Variant> {
    let variant = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let schedule = Document::parse(&text).ok()?.schedule;
        let skeleton = text.lines().next()?.strip_prefix("# ").unwrap_or_default().to_string();
        Some(Variant { skeleton, path, schedule })
    };
    files(finding).into_iter().filter_map(variant).collect()
}

/// Those of them whose faults are not the finding's own.
pub(crate) fn other_ways(finding: &Path) -> Vec<Variant> {
    let meta = fs::read(finding.join("meta.json")).ok();
    let meta = meta.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let own = meta.as_ref().and_then(|meta| meta["skeleton"].as_str());
    read(finding).into_iter().filter(|one| Some(&*one.skeleton) != own).collect()
}

/// How large a schedule is: its steps first.
pub(super) fn size(schedule: &Schedule, vocabulary: &Vocabulary) -> (usize, (u64, usize)) {
    (schedule.steps.len(), shrink::measure(schedule, vocabulary))
}

/// Adds a document of this skeleton to the variants of the finding in `finding`. The `most` smallest of a skeleton stay, and the smallest
/// of all. A file's name is one of its content, so what is there already is not there twice.
pub(super) fn add(
    finding: &Path,
    skeleton: &str,
    document: &Document,
    most: usize,
    vocabulary: &Vocabulary,
) -> io::Result<()> {
    let folder = finding.join(FOLDER);
    // Not its parent: where another worker is replacing that, nothing is to stand in its way.
    if !folder.is_dir() {
        fs::create_dir(&folder)?;
    }
    let text = format!("# {skeleton}\n{document}");
    write_file(&folder.join(format!("{}.murphy", letters(&text))), text.as_bytes())?;
    keep_smallest(finding, most, vocabulary, |one| one.skeleton == skeleton)?;
    keep_smallest(finding, MOST, vocabulary, |_| true)
}

fn keep_smallest(
    finding: &Path,
    most: usize,
    vocabulary: &Vocabulary,
    of: impl Fn(&Variant) -> bool,
) -> io::Result<()> {
    let mut there: Vec<Variant> = read(finding).into_iter().filter(of).collect();
    there.sort_by_key(|one| size(&one.schedule, vocabulary));
    there.iter().skip(most).try_for_each(|one| unless_gone(fs::remove_file(&one.path)))
}

/// Lists the other ways at the end of the finding's `README.md`, in place of the list that was there.
pub(super) fn tell(finding: &Path) -> io::Result<()> {
    let (path, variants) = (finding.join("README.md"), other_ways(finding));
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

/// Adds the variants of one finding to those of another, of the same `target`.
#[cfg(feature = "cli")]
pub(crate) fn take(from: &Path, to: &Path, target: &str, vocabulary: &Vocabulary) -> io::Result<()> {
    for one in read(from) {
        add(to, &one.skeleton, &Document::new(target, one.schedule, vocabulary), OF_ITS_KEY, vocabulary)?;
    }
    tell(to)
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
    use murphy_schedule::When;

    use super::*;

    fn document(ms: usize) -> Document {
        let text = format!("murphy 1\ntarget echo\nseed 0x1\n\nat {ms}ms  crash n1\n");
        Document::parse(&text).expect("a schedule")
    }

    #[test]
    fn the_smallest_stay_and_the_list_names_all() {
        let place = tempfile::tempdir().expect("a folder for the test");
        fs::write(place.path().join("README.md"), "words\n").expect("it can be written");
        let add = |skeleton: &str, ms, most| {
            add(place.path(), skeleton, &document(ms), most, &Vocabulary::default()).expect("it can be written");
            tell(place.path()).expect("it can be written");
        };
        for ms in [9, 3, 7, 4, 8, 3, 5, 6] {
            add("crash(a)", ms, OF_ITS_KEY);
            add("crash(b)", ms, 1);
        }
        let of = |skeleton: &str| {
            let all = read(place.path()).into_iter().filter(|one| one.skeleton == skeleton);
            let mut times: Vec<When> = all.map(|one| one.schedule.steps[0].when).collect();
            times.sort();
            times
        };
        assert_eq!(of("crash(a)"), [3, 4, 5, 6, 7].map(|ms| When::At(ms * 1_000)));
        assert_eq!(of("crash(b)"), [When::At(3_000)]);
        let list = fs::read_to_string(place.path().join("README.md")).expect("text");
        let (before, list) = list.split_once(TITLE).expect("there is one");
        assert_eq!(before, "words\n");
        assert_eq!(list.matches("- `crash(a)`: `variants/").count(), 5);
        assert_eq!(list.matches("- `crash(b)`: `variants/").count(), 1);
        (10..40).for_each(|ms| add(&format!("crash({ms})"), ms, 1));
        assert_eq!(read(place.path()).len(), MOST);
    }
}
