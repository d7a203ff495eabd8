//! Writing down what people decide. What they wrote themselves stays as it is: comments, order, and keys of other findings.

use std::{fs, io, path::Path};

use toml_edit::{DocumentMut, Item, Table, TableLike};

use super::super::{commands::replace, exit::Failure};
use crate::triage::{FILE, Triage, TriageError};

/// How a new file begins.
const TITLE: &str = "# What people decided about the findings in this folder: a table for each key. `murphy triage` writes here, and\n\
    # so may you: docs/triage.md says what may stand here.\n\n";

/// Changes the whole file; whatever is wrong with the outcome is told, and then nothing is written.
pub(super) fn edit(crashes: &Path, change: impl FnOnce(&mut DocumentMut)) -> Result<(), Failure> {
    // What cannot be read is told with its place by who reads it.
    Triage::load(crashes)?;
    let path = crashes.join(FILE);
    let (title, text) = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => (TITLE, String::new()),
        read => ("", read.map_err(|source| TriageError::Read { path: path.clone(), source })?),
    };
    let mut document: DocumentMut = text.parse().expect("it was read as TOML just now");
    change(&mut document);
    let text = format!("{title}{document}");
    Triage::parse(&text, &path)?;
    replace(&path, text.as_bytes())
}

/// Changes the table of one key, which is made if it is not there, and goes if nothing is left in it.
pub(super) fn decide(crashes: &Path, key: &str, change: impl FnOnce(&mut dyn TableLike)) -> Result<(), Failure> {
    edit(crashes, |document| {
        let item = document.entry(key).or_insert(Item::Table(Table::new()));
        if let Some(table) = item.as_table_like_mut() {
            change(table);
            if table.is_empty() {
                document.remove(key);
            }
        }
    })
}

/// Sets a word in a table, or removes it.
pub(super) fn put(table: &mut dyn TableLike, name: &str, text: Option<&str>) {
    match text {
        Some(text) => drop(table.insert(name, toml_edit::value(text))),
        None => drop(table.remove(name)),
    }
}
