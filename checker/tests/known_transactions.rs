//! Does the checker agree with Elle on transactions, anomaly by anomaly and model by model?
//!
//! The histories and Elle's verdicts are not in this repository: where they are missing the tests say so.

mod recorded;

use std::{fs, path::PathBuf};

use murphy_checker::{
    family::Family,
    history::History,
    transactions::{Holds, Objects, Options, Orders, Report, Transactions, levels::Level, phenomena::Weak},
};

use recorded::{folder, history, text};

fn report(history: &History, family: Family, level: Level) -> Report {
    let objects = family.objects().expect("a family of transactions");
    let options = Options { orders: Orders::of([level]), ..Options::new(objects) };
    Transactions::new().check(history, options).clone()
}

fn names(report: &Report) -> String {
    let mut names: Vec<String> = report.findings.iter().map(|finding| finding.phenomenon.to_string()).collect();
    names.sort_unstable();
    names.join(",")
}

fn weakest(report: &Report) -> String {
    let mut names: Vec<&str> = report.not().iter().map(Level::name).collect();
    names.sort_unstable();
    names.join(",")
}

/// What Elle says, in our words. It says that a cycle exists where it shows another than it means; we show the one that is meant.
/// That transactions do not depend on each other is no anomaly here but a reason for `unknown`.
fn translated(file: &str, anomalies: &str) -> String {
    let names = anomalies.split(',').filter(|name| *name != "empty-transaction-graph" && !name.is_empty());
    let names: Vec<&str> = if file == "wr-g0-wfr.edn" {
        assert_eq!(anomalies, "G1c,PL-1-cycle-exists");
        vec!["G0"]
    } else {
        names.collect()
    };
    names.join(",")
}

#[test]
fn the_checker_agrees_with_elle_on_transactions() {
    let folder = folder().join("own-txn");
    let Some(verdicts) = text(&folder.join("VERDICTS.tsv")) else { return };
    assert_eq!(verdicts.lines().count(), 15, "a header and 14 histories");
    for line in verdicts.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let family = if fields[0].starts_with("la-") { Family::ListAppend } else { Family::RwRegister };
        let history = history(&folder.join(fields[0]), family).expect("each verdict has its history");
        let strict = report(&history, family, Level::StrictSerializable);
        if fields[1] == "input-rejected" {
            assert_eq!(names(&strict), "garbage-read", "{line}");
            continue;
        }
        assert_eq!(names(&strict), translated(fields[0], fields[2]), "{line}");
        assert_eq!(weakest(&strict), fields[3], "{line}");
        let session = report(&history, family, Level::StrongSessionSerializable);
        assert_eq!(names(&session), translated(fields[0], fields[5]), "{line}");
        let columns = [
            (1, Level::StrictSerializable),
            (4, Level::StrongSessionSerializable),
            (6, Level::Serializable),
            (7, Level::SnapshotIsolation),
            (8, Level::RepeatableRead),
            (9, Level::ReadCommitted),
            (10, Level::ReadUncommitted),
        ];
        for (column, level) in columns {
            let word = match report(&history, family, level).holds(level) {
                Holds::Yes => "true",
                Holds::No => "false",
                Holds::Unknown => ":unknown",
            };
            assert_eq!(word, fields[column], "{}: {}", fields[0], level.name());
        }
    }
}

#[test]
fn the_example_of_the_paper_is_what_the_paper_says() {
    let Some(history) = history(&folder().join("elle/paper-example.edn"), Family::ListAppend) else { return };
    let report = report(&history, Family::ListAppend, Level::StrictSerializable);
    assert_eq!(names(&report), "G-single-item");
    assert_eq!(weakest(&report), "consistent-view,repeatable-read");
    assert_eq!(report.holds(Level::ReadCommitted), Holds::Yes);
}

/// The histories of AWDIT's tests, each in a folder that names the strongest level that it has.
#[test]
fn the_checker_agrees_with_awdit_on_weak_levels() {
    let levels = [
        ("read-committed", Level::SessionReadCommitted),
        ("read-atomic", Level::SessionReadAtomic),
        ("causal", Level::Causal),
    ];
    for (at, (name, _)) in levels.iter().enumerate() {
        let folder = folder().join("awdit").join(name);
        let paths = ["", "generated"].map(|sub| fs::read_dir(folder.join(sub)).into_iter().flatten().flatten());
        let paths: Vec<PathBuf> =
            paths.into_iter().flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        if text(&folder.join(if *name == "causal" { "long-fork.txt" } else { "generated/l6e30sqrt.txt" })).is_none()
            && paths.is_empty()
        {
            return;
        }
        assert!(paths.len() >= 2, "{name}: {paths:?}");
        for path in paths {
            let history = history(&path, Family::RwRegister).expect("it was there a moment ago");
            let options = Options {
                orders: Orders { process: true, realtime: false },
                weak: Some(Weak::Causal),
                ..Options::new(Objects::Registers)
            };
            let mut judge = Transactions::new();
            let report = judge.check(&history, options).clone();
            for (other, (_, level)) in levels.iter().enumerate() {
                let expected = if other <= at { Holds::Yes } else { Holds::No };
                assert_eq!(report.holds(*level), expected, "{}: {} {report:#?}", path.display(), level.name());
            }
            report.findings.iter().for_each(|finding| drop(judge.tell(&history, Objects::Registers, finding)));
        }
    }
}

#[test]
fn a_garbage_read_is_all_that_is_wrong_where_elle_finds_nothing() {
    let Some(history) = history(&folder().join("elle/rw-register.edn"), Family::RwRegister) else { return };
    let report = report(&history, Family::RwRegister, Level::StrictSerializable);
    assert_eq!(names(&report), "garbage-read");
}
