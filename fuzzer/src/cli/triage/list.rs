//! `murphy triage list`: how every finding stands, those first that are to be looked at first.

use std::path::Path;

use clap::{Args, builder::PossibleValuesParser};
use murphy_sim::AnyTarget;
use serde_json::json;

use super::super::{
    cases::{Case, cases},
    exit::{Exit, Failure, put, say},
    regress::offer_merging,
};
use crate::{
    finding::variants,
    regression::Standing,
    triage::{FILE, Triage},
};

#[derive(Clone, Debug, Default, Args)]
pub(super) struct ListArguments {
    /// Only those that have this status.
    #[arg(long, value_name = "STATUS", value_parser = status())]
    status: Option<String>,
}

/// The words for how far a finding has come, or how it stands.
const STATUSES: [&str; 15] = [
    "new",
    "confirmed",
    "minimized",
    "open",
    "fixed",
    "guarded",
    "flaky",
    "stale",
    "expected",
    "wontfix",
    "merged",
    "nondeterminism",
    "reopened",
    "inconclusive",
    "looks-fixed",
];

fn status() -> PossibleValuesParser {
    PossibleValuesParser::new(STATUSES)
}

const SCHEMA: &str = "murphy/triage/1";

/// Lists the findings in `crashes`.
pub(super) fn list(
    targets: &[Box<dyn AnyTarget>],
    crashes: &Path,
    arguments: &ListArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let (mut run, mut exit) = (Vec::new(), Exit::Clean);
    for (name, case) in cases(targets, crashes)? {
        match case {
            Ok(case) => run.push(case),
            Err(failure) => {
                say(&format!("{name}: {failure}"));
                exit = Exit::Files;
            }
        }
    }
    run.sort_by(|a, b| (a.standing, &a.name).cmp(&(b.standing, &b.name)));
    let wanted = |case: &&Case| {
        let status = arguments.status.as_deref();
        status.is_none_or(|status| status == case.status() || status == shown(case))
    };
    let listed: Vec<&Case> = run.iter().filter(wanted).collect();
    if json {
        listed.iter().for_each(|case| put(&object(case).to_string()));
    } else {
        table(&listed).iter().for_each(|line| put(line));
        tell_orphans(&run, crashes)?;
        offer_merging(&run);
    }
    Ok(exit)
}

/// What is shown as the status of a finding: what its run says, if that is news, else how far it has come.
fn shown(case: &Case) -> &'static str {
    match case.standing {
        Standing::LooksFixed => "looks-fixed",
        Standing::Nondeterministic | Standing::Reopened | Standing::Stale | Standing::Inconclusive => {
            case.standing.word()
        }
        Standing::Undecided | Standing::Known | Standing::Holds => case.status(),
    }
}

/// The skeletons of its other ways.
fn other_ways(case: &Case) -> Vec<String> {
    variants::other_ways(&case.entry.path).into_iter().map(|variant| variant.skeleton).collect()
}

fn object(case: &Case) -> serde_json::Value {
    let (class, anomaly) = case.anomaly();
    let decision = &case.decision;
    json!({
        "schema": SCHEMA, "key": case.key, "folder": case.entry.path, "target": case.entry.document.target,
        "status": case.status(), "standing": case.standing.word(), "fate": case.fate.word(), "sentence": case.fate.sentence(),
        "class": class, "anomaly": anomaly, "skeleton": case.skeleton(), "other_ways": other_ways(case), "faults": case.number("faults", "after"),
        "operations": case.number("operations", "after"), "found_at": case.found_at(), "issue": decision.issue,
        "note": decision.note, "revision": decision.revision, "merged_into": case.merged_into,
    })
}

/// The lines of the table, the first of them its title.
fn table(cases: &[&Case]) -> Vec<String> {
    let title = ["id", "status", "class / anomaly", "faults on roles", "faults", "ops", "first seen", "issue"];
    let rows: Vec<[String; 8]> =
        std::iter::once(title.map(str::to_string)).chain(cases.iter().map(|case| row(case))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..title.len()).map(width).collect();
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect()
}

fn row(case: &Case) -> [String; 8] {
    let (class, anomaly) = case.anomaly();
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_string(), |number| number.to_string());
    let issue = match &case.merged_into {
        Some(root) => format!("merged into {root}"),
        None => case.decision.issue.clone().unwrap_or_default(),
    };
    [
        case.key.clone(),
        shown(case).to_string(),
        format!("{class} / {anomaly}"),
        match other_ways(case).len() {
            0 => case.skeleton().to_string(),
            more => format!("{} (+{more})", case.skeleton()),
        },
        number(case.number("faults", "after")),
        number(case.number("operations", "after")),
        case.found_at().map_or_else(|| "-".to_string(), date),
        issue,
    ]
}

/// Names the decisions about findings that are not there.
fn tell_orphans(run: &[Case], crashes: &Path) -> Result<(), Failure> {
    let triage = Triage::load(crashes)?;
    for key in triage.keys().filter(|key| run.iter().all(|case| case.key != **key)) {
        say(&format!("{}: `{key}` is decided about, and has no folder", crashes.join(FILE).display()));
    }
    Ok(())
}

/// The day of a number of seconds since 1970, by the calendar that is in use (Hinnant, 2013, "chrono-compatible low-level date
/// algorithms").
fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_735_689_599), "2024-12-31");
        assert_eq!(date(1_735_689_600), "2025-01-01");
    }
}
