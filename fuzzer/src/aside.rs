//! Files and folders that are there whole or not at all: written aside, under a hidden name with the number of the process,
//! and renamed.
//!
//! A process that is killed leaves hidden ones behind; [`sweep`] removes them once it is gone, and puts back what it was
//! about to replace.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// How often a folder is put in place while another worker is replacing the one that is there.
const TRIES: u32 = 100;
/// In the name of what is about to be replaced.
const OLD: &str = ".old";

/// Where what is to become `path` is written: nowhere twice, since threads and processes may write the same at the same time.
pub(crate) fn beside(path: &Path) -> PathBuf {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{}.{write}.{}", name(path), std::process::id()))
}

/// Where `path` is while it is replaced.
pub(crate) fn replaced(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}{OLD}.{}", name(path), std::process::id()))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Writes a file aside and renames it, so that a full disk or a killed process never costs its contents.
pub(crate) fn write_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    let aside = beside(path);
    let written = fs::write(&aside, contents).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&aside);
    }
    written
}

/// Removes a folder: all of it at once, as far as others can see.
///
/// # Errors
/// If the file system refuses.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    fs::remove_dir_all(give_up(folder)?)
}

/// Gives a folder a name under which it is swept, never put back: half removed, it is to come back no more.
fn give_up(folder: &Path) -> io::Result<PathBuf> {
    let aside = beside(folder);
    fs::rename(folder, &aside)?;
    Ok(aside)
}

/// Gives a finished folder its name, unless another worker has filed the same finding in the meantime: then it is removed.
pub(crate) fn put_in_place(aside: &Path, folder: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        match fs::rename(aside, folder) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                if folder.join("schedule.murphy").exists() {
                    return fs::remove_dir_all(aside);
                }
                // What was there is gone at the next look: it is being replaced.
                if tries == TRIES {
                    return Err(error);
                }
            }
            done => return done,
        }
    }
}

/// The same, but that something is not there any more is no error: another worker has removed it, or is replacing it.
pub(crate) fn unless_gone(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Removes what processes that are `gone` left unfinished in `folder` and below, and gives back its name to what one of them
/// was about to replace.
///
/// # Errors
/// If the file system refuses.
pub fn sweep(folder: &Path, gone: &dyn Fn(u32) -> bool) -> io::Result<()> {
    unless_gone(sweep_there(folder, gone))
}

fn sweep_there(folder: &Path, gone: &dyn Fn(u32) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let file_name = name(&path);
        let Some(hidden) = file_name.strip_prefix('.') else {
            if path.is_dir() {
                sweep(&path, gone)?;
            }
            continue;
        };
        let Some((of, process)) = hidden.rsplit_once(['.', '-']) else { continue };
        if process.parse().is_ok_and(gone) {
            unless_gone(take_back(&path, of))?;
        }
    }
    Ok(())
}

/// Removes an unfinished file or folder, or gives it back its name if it is the only one of it.
fn take_back(path: &Path, of: &str) -> io::Result<()> {
    match of.strip_suffix(OLD).map(|name| path.with_file_name(name)) {
        Some(place) if !place.exists() => fs::rename(path, place),
        _ if path.is_dir() => remove(path),
        _ => fs::remove_file(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_half_removed_never_comes_back() {
        let place = tempfile::tempdir().expect("a folder for the test");
        let folder = place.path().join("a");
        let old = replaced(&folder);
        fs::create_dir(&old).expect("a folder");
        give_up(&old).expect("it can be renamed");
        sweep(place.path(), &|process| process == std::process::id()).expect("it can be read");
        assert!(!folder.exists());
        assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn what_dead_processes_left_is_swept_and_what_they_were_replacing_comes_back() {
        let place = tempfile::tempdir().expect("a folder for the test");
        let at = |name: &str| place.path().join(name);
        for folder in [".a.7", ".a.old.7", "b", ".b.old.7", ".c.8", ".d.old.8"] {
            fs::create_dir(at(folder)).expect("a folder");
        }
        for file in [".probe-7", ".d.old.8/kept", "b/.meta.json.7", ".gitignore"] {
            fs::write(at(file), "x").expect("a file");
        }
        sweep(place.path(), &|process| process == 7).expect("it can be read");
        let there = |name: &&str| at(name).exists();
        let left = ["a", "b", ".c.8", ".d.old.8/kept", ".gitignore"];
        assert_eq!(left.iter().filter(|name| there(name)).count(), left.len());
        let swept = [".a.7", ".a.old.7", ".b.old.7", ".probe-7", "b/.meta.json.7"];
        assert_eq!(swept.iter().filter(|name| there(name)).count(), 0);
    }
}
