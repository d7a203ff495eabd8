//! One line of `results.csv`: its columns, how it is read and how it is written.

use std::fmt;

/// The columns, in their order.
const COLUMNS: [&str; 14] = [
    "bug", "target", "arm", "kind", "trial", "execs", "events", "cpu_s", "hits", "budget", "schedule", "twin",
    "replays", "revision",
];

/// What a row measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A search until the first violation, or until the budget.
    Trial,
    /// A part of a stream of independent executions, of a fixed number, some of which violate; parts add up. Only of an arm
    /// that learns nothing from one execution for the next.
    Pool,
    /// Executions of the twin, none of which may violate.
    Twin,
}

/// What the finding's schedule does to the target without the bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnTwin {
    /// Nothing: it is the bug that was found.
    Passes,
    /// It violates there, too: a false alarm, or another bug.
    Fails,
}

/// How many times the finding's schedule was run again, and how often it gave the same violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replays {
    pub(crate) same: u32,
    pub(crate) of: u32,
}

impl Replays {
    /// How often a finding must replay, each time to the same violation.
    pub(crate) const NEEDED: u32 = 3;
}

/// One row: a trial, a part of a pool, or a stream over a twin.
///
/// A line is its fields in the order of [`Row::header`], with commas between them and `-` for what there is none of;
/// [`Row::parse`] reads what `Display` writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The planted bug; `None` (`-`): none was planted, the target itself has one.
    pub(crate) bug: Option<String>,
    /// The target, without its bugs.
    pub(crate) target: String,
    /// Who searched: `guided`, a blind arm (`random`, `swarm`, `pct`), or an ablation of guided.
    pub(crate) arm: String,
    pub(crate) kind: Kind,
    /// The number of the trial, which is its seed.
    pub(crate) trial: u64,
    /// Executions up to and including the one that found the bug, or all there were.
    pub(crate) execs: u64,
    /// Events that these executions simulated.
    pub(crate) events: u64,
    /// What they cost, user and system time of the process, in seconds.
    pub(crate) cpu_s: f64,
    /// Executions that violated: at most one of a trial.
    pub(crate) hits: u64,
    /// How many executions there were to be at most.
    pub(crate) budget: u64,
    /// The name of the finding's schedule, 16 hexadecimal digits.
    pub(crate) schedule: Option<String>,
    pub(crate) twin: Option<OnTwin>,
    pub(crate) replays: Option<Replays>,
    /// The revision of Murphy: 12 hexadecimal digits, and `+` if there were changes that were not committed.
    pub(crate) revision: String,
}

/// What is wrong with a line, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The character at which the field begins, from 1.
    pub(super) at: usize,
    /// The column's name.
    pub(super) column: &'static str,
    pub(super) found: String,
    pub(super) expected: String,
}

/// The cells of a line.
struct Cells<'a>(Vec<&'a str>);

impl<'a> Cells<'a> {
    fn of(line: &'a str) -> Result<Self, Mistake> {
        let cells: Vec<&str> = line.split(',').collect();
        if cells.len() == COLUMNS.len() {
            return Ok(Self(cells));
        }
        let last = cells.len().min(COLUMNS.len()) - 1;
        let at = cells[..last].iter().map(|cell| cell.chars().count() + 1).sum::<usize>() + 1;
        let expected = format!("{} of them: {}", COLUMNS.len(), Row::header());
        Err(Mistake { at, column: COLUMNS[last], found: format!("a line of {} fields", cells.len()), expected })
    }

    /// The field of a column, as `read` understands it.
    fn field<T>(&self, name: &str, read: impl Fn(&'a str) -> Option<T>, expected: &str) -> Result<T, Mistake> {
        read(self.0[place(name)]).ok_or_else(|| self.mistake(name, expected))
    }

    /// As `field`, where `-` says that there is none.
    fn maybe<T>(&self, name: &str, read: impl Fn(&'a str) -> Option<T>, expected: &str) -> Result<Option<T>, Mistake> {
        let read = |text| if text == "-" { Some(None) } else { read(text).map(Some) };
        self.field(name, read, &format!("{expected}, or `-`"))
    }

    fn count(&self, name: &str, least: u64) -> Result<u64, Mistake> {
        let read = |text: &str| text.parse().ok().filter(|number| *number >= least);
        self.field(name, read, &format!("a whole number, {least} or more"))
    }

    fn mistake(&self, name: &str, expected: &str) -> Mistake {
        let column = place(name);
        let at = self.0[..column].iter().map(|cell| cell.chars().count() + 1).sum::<usize>() + 1;
        Mistake { at, column: COLUMNS[column], found: self.0[column].to_string(), expected: expected.to_string() }
    }
}

fn place(name: &str) -> usize {
    COLUMNS.iter().position(|column| *column == name).expect("a column's name")
}

impl Row {
    /// The first line of the file, without its line break.
    pub(crate) fn header() -> String {
        COLUMNS.join(",")
    }

    /// Reads a line without its line break.
    pub(super) fn parse(line: &str) -> Result<Self, Mistake> {
        let cells = Cells::of(line)?;
        let name = "a name of letters, digits and `.-_+@`";
        let row = Self {
            bug: cells.maybe("bug", named, name)?,
            target: cells.field("target", named, name)?,
            arm: cells.field("arm", arm, "an arm's name of small letters, digits and `-`")?,
            kind: cells.field("kind", Kind::named, "`trial`, `pool` or `twin`")?,
            trial: cells.count("trial", 0)?,
            execs: cells.count("execs", 1)?,
            events: cells.count("events", 0)?,
            cpu_s: cells.field("cpu_s", seconds, "seconds, 0 or more")?,
            hits: cells.count("hits", 0)?,
            budget: cells.count("budget", 1)?,
            schedule: cells.maybe("schedule", |text| hex(text, 16), "16 hexadecimal digits")?,
            twin: cells.maybe("twin", OnTwin::named, "`passes`, `fails`")?,
            replays: cells.maybe("replays", Replays::read, "as in `3/3`")?,
            revision: cells.field("revision", revision, "12 hexadecimal digits, and `+` if there were changes")?,
        };
        row.makes_sense(&cells)?;
        Ok(row)
    }

    /// What no single field shows.
    fn makes_sense(&self, cells: &Cells<'_>) -> Result<(), Mistake> {
        let most = if self.kind == Kind::Trial { 1 } else { self.execs };
        if self.hits > most {
            return Err(cells.mistake("hits", &format!("at most {most}")));
        }
        if self.kind == Kind::Pool && self.arm == super::arms::GUIDED {
            return Err(cells.mistake("kind", "`trial` or `twin`: what guides itself is no pool of equal executions"));
        }
        Ok(())
    }

    /// Whether this is a trial that found the bug, beyond doubt: its schedule gives the same violation each time, and none
    /// without the bug. Where no bug was planted, there may be no twin to ask.
    pub(crate) fn is_find(&self) -> bool {
        self.kind == Kind::Trial && self.hits > 0 && self.doubt().is_none()
    }

    /// Why what was hit might not be the bug.
    pub(crate) fn doubt(&self) -> Option<String> {
        match (self.replays, self.twin) {
            (None, _) => Some("it was not replayed".into()),
            (Some(Replays { same, of }), _) if same < of || of < Replays::NEEDED => {
                Some(format!("it replays {same} of {of} times"))
            }
            (Some(_), Some(OnTwin::Fails)) => Some("its schedule fails on the twin, too".into()),
            (Some(_), None) if self.bug.is_some() => Some("its schedule was not run on the twin".into()),
            (Some(_), None | Some(OnTwin::Passes)) => None,
        }
    }

    /// The target with its bug, as the command takes it: `raft-kv+C1`.
    pub(crate) fn subject(&self) -> String {
        self.bug.as_ref().map_or_else(|| self.target.clone(), |bug| format!("{}+{bug}", self.target))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
        let Self { target, arm, kind, trial, execs, events, cpu_s, hits, budget, revision, .. } = self;
        let (bug, schedule) = (text(&self.bug), text(&self.schedule));
        let twin = self.twin.map_or("-", OnTwin::name);
        let replays = text(&self.replays.map(|Replays { same, of }| format!("{same}/{of}")));
        write!(f, "{bug},{target},{arm},{},{trial},{execs},{events},{cpu_s},{hits},{budget},", kind.name())?;
        write!(f, "{schedule},{twin},{replays},{revision}")
    }
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trial => "trial",
            Self::Pool => "pool",
            Self::Twin => "twin",
        }
    }

    pub(crate) fn named(text: &str) -> Option<Self> {
        [Self::Trial, Self::Pool, Self::Twin].into_iter().find(|kind| kind.name() == text)
    }
}

impl OnTwin {
    fn name(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Fails => "fails",
        }
    }

    fn named(text: &str) -> Option<Self> {
        [Self::Passes, Self::Fails].into_iter().find(|verdict| verdict.name() == text)
    }
}

impl Replays {
    fn read(text: &str) -> Option<Self> {
        let (same, of) = text.split_once('/')?;
        let (same, of) = (same.parse().ok()?, of.parse().ok()?);
        (same <= of && of > 0).then_some(Self { same, of })
    }
}

fn named(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+@".contains(&byte);
    (!text.is_empty() && text != "-" && text.bytes().all(plain)).then(|| text.to_string())
}

fn arm(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!text.is_empty() && text != "-" && text.bytes().all(plain)).then(|| text.to_string())
}

fn seconds(text: &str) -> Option<f64> {
    text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)
}

fn hex(text: &str, digits: usize) -> Option<String> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == digits && text.bytes().all(hex)).then(|| text.to_string())
}

fn revision(text: &str) -> Option<String> {
    hex(text.strip_suffix('+').unwrap_or(text), 12).map(|_| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Kind, OnTwin, Replays, Row};

    const LINE: &str = "C1,raft-kv,guided,trial,7,812,99000,0.25,1,1000,0123456789abcdef,passes,3/3,0123456789ab+";

    #[test]
    fn a_row_survives_being_written() {
        let crate_itself = "-,omnipaxos,pct,pool,2,500000,7,0.125,0,500000,-,-,-,0123456789ab";
        let twin = "B1,raft-kv,swarm,twin,1,100,1,3,0,100,-,-,-,0123456789ab";
        for line in [LINE, crate_itself, twin] {
            assert_eq!(Row::parse(line).map(|row| row.to_string()), Ok(line.to_string()));
        }
        let row = Row::parse(LINE).expect("it is well-formed");
        assert_eq!((row.kind, row.twin, row.cpu_s), (Kind::Trial, Some(OnTwin::Passes), 0.25));
        assert_eq!((row.replays, row.subject().as_str()), (Some(Replays { same: 3, of: 3 }), "raft-kv+C1"));
        assert_eq!(row.schedule.as_deref(), Some("0123456789abcdef"));
    }

    /// Replaces the field of a column and gives what is said about it: column, found, expected.
    #[track_caller]
    fn check(column: &str, field: &str, expected: &str) {
        let mut cells: Vec<&str> = LINE.split(',').collect();
        cells[super::place(column)] = field;
        let mistake = Row::parse(&cells.join(",")).expect_err("it is wrong");
        assert_eq!((mistake.column, mistake.found.as_str()), (column, field));
        assert!(mistake.expected.contains(expected), "{mistake:?}");
        let before: usize = cells[..super::place(column)].iter().map(|cell| cell.len() + 1).sum();
        assert_eq!(mistake.at, before + 1);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_column() {
        check("bug", "", "or `-`");
        check("target", "<b>", "a name");
        check("arm", "Guided", "small letters");
        check("kind", "trail", "`trial`, `pool` or `twin`");
        check("kind", "pool", "what guides itself is no pool");
        check("trial", "-1", "a whole number");
        check("execs", "0", "1 or more");
        check("cpu_s", "NaN", "seconds, 0 or more");
        check("hits", "2", "at most 1");
        check("budget", "many", "a whole number");
        check("schedule", "0123456789ABCDEF", "16 hexadecimal");
        check("twin", "pass", "`passes`, `fails`");
        check("replays", "4/3", "3/3");
        check("revision", "0123456789a", "12 hexadecimal");
    }

    #[test]
    fn a_line_with_too_few_fields_says_how_many() {
        let mistake = Row::parse("C1,raft-kv,guided").expect_err("it is too short");
        assert_eq!((mistake.found.as_str(), mistake.column, mistake.at), ("a line of 3 fields", "arm", 12));
        assert!(mistake.expected.starts_with("14 of them: bug,target"));
        assert!(Row::parse(&format!("{LINE},")).is_err());
    }

    #[test]
    fn a_find_counts_only_if_it_replays_and_the_twin_passes() {
        let doubt = |fields: &str| Row::parse(&LINE.replace("passes,3/3", fields)).expect("well-formed").doubt();
        assert_eq!(doubt("passes,3/3"), None);
        assert_eq!(doubt("passes,2/3").as_deref(), Some("it replays 2 of 3 times"));
        assert_eq!(doubt("passes,1/1").as_deref(), Some("it replays 1 of 1 times"));
        assert_eq!(doubt("passes,-").as_deref(), Some("it was not replayed"));
        assert_eq!(doubt("fails,3/3").as_deref(), Some("its schedule fails on the twin, too"));
        assert_eq!(doubt("-,3/3").as_deref(), Some("its schedule was not run on the twin"));
        let planted_by_nobody = LINE.replace("C1,", "-,").replace("passes", "-");
        assert!(Row::parse(&planted_by_nobody).expect("well-formed").is_find());
    }
}
