//! A corpus folder: one file per schedule, named by its content, only ever added to. Workers that share a folder share a
//! corpus, over any file system and any transport that compares names.
//!
//! An entry appears under its name in one step, so that nobody reads half of it. Hidden files, folders, and schedules as
//! text (`*.murphy`) are not entries.

use std::{
    collections::BTreeSet,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use murphy_schedule::{Schedule, bytes::BYTES_MAX};

use super::{EngineError, input};
use crate::aside;

/// A folder, and the names of it that this worker has dealt with.
pub(crate) struct Folder {
    path: PathBuf,
    known: BTreeSet<String>,
}

impl Folder {
    /// The folder at `path`, made if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        fs::create_dir_all(path).map_err(|error| EngineError::new("create the corpus folder", path, error))?;
        Ok(Self { path: path.to_path_buf(), known: BTreeSet::new() })
    }

    /// The entries that appeared since the last call, by others' hands, sorted by name.
    pub(crate) fn news(&mut self) -> Result<Vec<Schedule>, EngineError> {
        let names = self.list().map_err(|error| EngineError::new("list the corpus folder", &self.path, error))?;
        let mut schedules = Vec::new();
        for name in names {
            let path = self.path.join(&name);
            match read(&path) {
                Ok(schedule) => schedules.extend(schedule),
                // Listed, and gone when it was read: somebody minimizes the corpus.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(EngineError::new("read the corpus entry", &path, error)),
            }
            self.known.insert(name);
        }
        Ok(schedules)
    }

    /// The names that are not known yet.
    fn list(&self) -> io::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not text is none of ours, and none that could be reported.
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let entry = !name.starts_with('.') && !name.ends_with(".murphy");
            if entry && !self.known.contains(&name) {
                names.insert(name);
            }
        }
        Ok(names)
    }

    /// Whether this schedule is met for the first time, in the folder or elsewhere. From now on it is known.
    pub(crate) fn meet(&mut self, schedule: &Schedule) -> bool {
        self.known.insert(input::name(schedule))
    }

    /// Writes an entry, unless it is known.
    pub(crate) fn save(&mut self, schedule: &Schedule) -> Result<(), EngineError> {
        if self.meet(schedule) { self.write(schedule) } else { Ok(()) }
    }

    /// Writes an entry that is known from elsewhere, unless it is there, too.
    pub(crate) fn adopt(&self, schedule: &Schedule) -> Result<(), EngineError> {
        if self.path.join(input::name(schedule)).exists() { Ok(()) } else { self.write(schedule) }
    }

    fn write(&self, schedule: &Schedule) -> Result<(), EngineError> {
        let path = self.path.join(input::name(schedule));
        aside::write_file(&path, &schedule.to_bytes())
            .map_err(|error| EngineError::new("write the corpus entry", &path, error))
    }
}

/// The entries of a corpus folder that is there, and their names, sorted.
pub(crate) fn entries(path: &Path) -> Result<Vec<(String, Schedule)>, EngineError> {
    let failed = |error| EngineError::new("list the corpus folder", path, error);
    let folder = Folder { path: path.to_path_buf(), known: BTreeSet::new() };
    let mut entries = Vec::new();
    for name in folder.list().map_err(failed)? {
        let file = path.join(&name);
        let schedule = read(&file).map_err(|error| EngineError::new("read the corpus entry", &file, error))?;
        entries.extend(schedule.map(|schedule| (name, schedule)));
    }
    Ok(entries)
}

/// The schedule in a file; `None` if it is no file.
fn read(path: &Path) -> io::Result<Option<Schedule>> {
    // Opening a pipe would wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    Ok(Some(Schedule::from_bytes(&read_at_most(path, BYTES_MAX as u64)?)))
}

/// The first bytes of a file.
pub(crate) fn read_at_most(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(bytes).read_to_end(&mut content)?;
    Ok(content)
}
