//! The suite of planted bugs.

use murphy_sim::{AnyTarget, Bug};
use serde_json::{Value, json};

use super::exit::{Exit, Failure, put};

/// Lists every bug that can be planted: one line each, or one object.
pub(super) fn list(targets: &[Box<dyn AnyTarget>], as_json: bool) -> Result<Exit, Failure> {
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
