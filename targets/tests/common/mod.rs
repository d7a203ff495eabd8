//! What several tests of targets need.

use std::{fs, path::Path};

use murphy_schedule::Document;

/// The schedules that campaigns begin with, by the names of their files, in order.
pub(crate) fn seeds() -> impl Iterator<Item = (String, Document)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/seeds");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("there are seeds").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, Document::parse(&fs::read_to_string(path).expect("text")).expect("it parses"))
    })
}
