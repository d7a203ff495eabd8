//! The suite of planted bugs, and the arms of the search compared on it.

mod plan;
mod suite;
mod trial;

use std::path::Path;

use murphy_sim::{AnyTarget, Bug};
use serde_json::{Value, json};

pub(super) use self::plan::Job;
use self::{
    plan::{Plan, SMALL},
    suite::Bench,
};
use super::{
    BenchArguments, Profile,
    exit::{Exit, Failure, put, say},
};
use crate::{
    aside,
    bench::{Depths, Rows, chart, report as reports},
    engine::Recipe,
};

/// Executions of a pooled stream, and of each twin.
const POOL: u64 = 3_000_000;
const TWIN: u64 = 1_000_000;

/// Lists bugs, does one job, or runs a comparison.
pub(super) fn bench(
    targets: &[Box<dyn AnyTarget>],
    arguments: &BenchArguments,
    as_json: bool,
) -> Result<Exit, Failure> {
    if arguments.list {
        return list(targets, as_json);
    }
    if let Some(folder) = &arguments.report {
        return report(folder, targets, as_json);
    }
    if let Some(job) = &arguments.job {
        return trial::run(targets, job, arguments.cpu, &arguments.out.join("finds"));
    }
    let plan = plan(targets, arguments);
    let exit = Bench::new(&arguments.out, arguments.cpu)?.run(&plan, targets, arguments.jobs)?;
    if exit == Exit::Clean { report(&arguments.out, targets, as_json) } else { Ok(exit) }
}

/// The plan that a profile and what overrides it make.
fn plan(targets: &[Box<dyn AnyTarget>], arguments: &BenchArguments) -> Plan {
    let full = arguments.profile == Profile::Full;
    let suite = targets.iter().flat_map(|target| target.about().bugs).map(|bug| bug.name.to_string());
    let bugs: Vec<String> = if full { suite.collect() } else { SMALL.map(String::from).to_vec() };
    let arms: Vec<&str> = Recipe::ALL.iter().map(|recipe| recipe.name).collect();
    let compared = if full { &arms[..] } else { &arms[..4] };
    let named = |name: &String| arms.iter().find(|arm| *arm == name).copied();
    Plan {
        bugs: if arguments.bug.is_empty() { bugs } else { arguments.bug.clone() },
        arms: if arguments.arm.is_empty() {
            compared.to_vec()
        } else {
            arguments.arm.iter().filter_map(named).collect()
        },
        trials: arguments.trials.unwrap_or(if full { 30 } else { 20 }),
        execs: arguments.execs,
        pool: arguments.pool.unwrap_or(if full { 10 * POOL } else { POOL }),
        twin: arguments.twin.unwrap_or(if full { TWIN } else { 0 }),
    }
}

/// Says what the trials of a folder show, in `report.md` and `report.svg`, and the outcome in few words on standard output.
fn report(folder: &Path, targets: &[Box<dyn AnyTarget>], as_json: bool) -> Result<Exit, Failure> {
    let path = folder.join("results.csv");
    let rows = Rows::read(&path)?;
    if rows.rows.is_empty() {
        return Err(Failure::NoRows(path));
    }
    let depths = depths(targets);
    for (name, contents) in [("report.md", reports::markdown(&rows, &depths)), ("report.svg", chart::svg(&rows))] {
        let path = folder.join(name);
        aside::write_file(&path, contents.as_bytes()).map_err(Failure::file("write", &path))?;
    }
    if let Some(torn) = &rows.torn {
        say(&format!("{}: the last line has no end and is left out: `{torn}`", path.display()));
    }
    let headline = reports::headline(&rows, &depths);
    put(&if as_json { headline.json().to_string() } else { headline.text() });
    Ok(Exit::Clean)
}

/// How deep each bug lies that can be planted.
fn depths(targets: &[Box<dyn AnyTarget>]) -> Depths {
    let abouts = targets.iter().map(|target| target.about());
    let of = |about: murphy_sim::About| {
        let name = |bug: &Bug| (about.name.to_string(), bug.name.to_string());
        about.bugs.iter().map(|bug| (name(bug), bug.depth())).collect::<Vec<_>>()
    };
    abouts.flat_map(of).collect()
}

/// Lists every bug that can be planted: one line each, or one object.
fn list(targets: &[Box<dyn AnyTarget>], as_json: bool) -> Result<Exit, Failure> {
    let bugs: Vec<(&str, Bug)> = targets
        .iter()
        .map(|target| target.about())
        .flat_map(|about| about.bugs.into_iter().map(move |bug| (about.name, bug)))
        .collect();
    if as_json {
        bugs.iter().for_each(|(target, bug)| put(&object(target, bug).to_string()));
    } else {
        let mut rows = vec![["bug", "target", "depth", "breaks", "source"].map(String::from)];
        rows.extend(bugs.iter().map(|(target, bug)| row(target, bug)));
        put(&table(&rows));
    }
    Ok(Exit::Clean)
}

fn breaks(bug: &Bug) -> Option<&'static str> {
    bug.breaks.map(|class| class.name())
}

fn object(target: &str, bug: &Bug) -> Value {
    let events = (bug.events > 0).then_some(bug.events);
    json!({
        "schema": "murphy/bug/1", "bug": bug.name, "target": target, "about": bug.about, "events": events,
        "depth": bug.depth().to_string(), "breaks": breaks(bug), "source": bug.source,
    })
}

fn row(target: &str, bug: &Bug) -> [String; 5] {
    let said = |text: &str| if text.is_empty() { "-" } else { text }.to_string();
    let depth = format!("{} {}", bug.depth(), if bug.events > 0 { bug.events.to_string() } else { String::new() });
    [bug.name.into(), target.into(), depth, said(breaks(bug).unwrap_or_default()), said(bug.source)]
}

/// Columns as wide as their widest cell.
fn table(rows: &[[String; 5]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        cells.join("  ").trim_end().to_string()
    };
    let lines: Vec<String> = rows.iter().map(line).collect();
    lines.join("\n")
}
