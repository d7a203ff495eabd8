//! The whole of `results.csv`.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::row::{Mistake, Row};

/// The rows of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// The last line, if it has no line break: whoever wrote it was killed meanwhile. It is not among the rows.
    pub(crate) torn: Option<String>,
    /// How many bytes of the file are whole lines; who goes on writing cuts the file there first.
    pub(crate) whole: usize,
}

/// Why a file of rows could not be read.
#[derive(Debug, Error)]
pub(crate) enum RowError {
    /// There is none, or it may not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A line is no row.
    #[error("{}:{line}:{at}: {column}: found `{found}`, expected {expected}", path.display())]
    Field { path: PathBuf, line: usize, at: usize, column: &'static str, found: String, expected: String },
}

impl Rows {
    /// Reads a file. One that is empty, or ends within its first line, has no rows.
    pub(crate) fn read(path: &Path) -> Result<Self, RowError> {
        let bytes = std::fs::read(path).map_err(|source| RowError::Read { path: path.to_path_buf(), source })?;
        Self::parse(&bytes).map_err(|(line, Mistake { at, column, found, expected })| RowError::Field {
            path: path.to_path_buf(),
            line,
            at,
            column,
            found,
            expected,
        })
    }

    /// The rows of these bytes; or a line, from 1, and what is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, (usize, Mistake)> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (lines, torn) = bytes.split_at(whole);
        let torn = (!torn.is_empty()).then(|| String::from_utf8_lossy(torn).into_owned());
        let text = String::from_utf8_lossy(lines);
        let mut lines = text.lines().zip(1..);
        lines.next().map_or(Ok(()), |(first, line)| header(first).map_err(|mistake| (line, mistake)))?;
        let mut places = BTreeMap::new();
        let mut rows = Vec::new();
        for (text, line) in lines {
            let row = Row::parse(text).map_err(|mistake| (line, mistake))?;
            let name = (row.subject(), row.arm.clone(), row.kind, row.trial);
            if let Some(earlier) = places.insert(name, line) {
                return Err((line, twice(text, &row, earlier)));
            }
            rows.push(row);
        }
        Ok(Self { rows, torn, whole })
    }
}

fn header(line: &str) -> Result<(), Mistake> {
    if line == Row::header() {
        return Ok(());
    }
    let expected = format!("the names of the columns: {}", Row::header());
    Err(Mistake { at: 1, column: "header", found: line.to_string(), expected })
}

/// A trial that is there twice would count twice.
fn twice(text: &str, row: &Row, earlier: usize) -> Mistake {
    let at = text.split(',').take(4).map(|cell| cell.chars().count() + 1).sum::<usize>() + 1;
    let what = format!("{} of {} on {}", row.kind.name(), row.arm, row.subject());
    let expected = format!("another number: line {earlier} is this {what} already");
    Mistake { at, column: "trial", found: row.trial.to_string(), expected }
}

#[cfg(test)]
mod tests {
    use super::{Row, Rows};

    const GUIDED: &str = "C1,raft-kv,guided,trial,7,812,99000,0.25,1,1000,0123456789abcdef,passes,3/3,0123456789ab";
    const POOL: &str = "C1,raft-kv,swarm,pool,7,1000,99000,0.25,1,1000,-,-,-,0123456789ab";

    fn parse(lines: &[&str]) -> Result<Rows, (usize, String)> {
        let text = [&[Row::header().as_str()], lines].concat().join("\n");
        Rows::parse(text.as_bytes()).map_err(|(line, mistake)| (line, format!("{mistake:?}")))
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_said() {
        let rows = parse(&[GUIDED, POOL, ""]).expect("it is whole");
        assert_eq!((rows.rows.len(), &rows.torn), (2, &None));
        let whole = rows.whole;
        // Even one that reads well: a `+` behind it may be missing.
        for torn in ["C1,raft", GUIDED, "\0\0\0"] {
            let rows = parse(&[GUIDED, POOL, torn]).expect("the end does not matter");
            assert_eq!((rows.rows.len(), rows.torn.as_deref(), rows.whole), (2, Some(torn), whole));
        }
        assert_eq!(parse(&[GUIDED, "C1,raft", POOL, ""]).expect_err("that is not the end").0, 3);
    }

    #[test]
    fn a_file_that_has_just_been_made_has_no_rows() {
        assert_eq!(Rows::parse(b""), Ok(Rows::default()));
        assert_eq!(Rows::parse(b"bug,tar").map(|rows| (rows.rows, rows.whole)), Ok((Vec::new(), 0)));
        assert_eq!(parse(&[""]).map(|rows| rows.rows), Ok(Vec::new()));
    }

    #[test]
    fn the_first_line_names_the_columns() {
        let (line, mistake) = Rows::parse(format!("{GUIDED}\n").as_bytes()).expect_err("the names are missing");
        assert_eq!((line, mistake.at, mistake.column), (1, 1, "header"));
    }

    #[test]
    fn no_trial_counts_twice() {
        let (line, mistake) = parse(&[GUIDED, POOL, GUIDED, ""]).expect_err("it is there already");
        assert!(line == 4 && mistake.contains("line 2 is this trial of guided on raft-kv+C1 already"), "{mistake}");
    }
}
