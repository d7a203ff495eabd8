//! Operations as boxes over time, a column for each client, as Jepsen's `timeline.html`: one page without scripts.

use std::{collections::BTreeMap, fmt::Write as _};

use murphy_checker::{
    explain::{asked, heard},
    history::{Completion, OpId},
};
use murphy_sim::Outcome;

use crate::svg::escaped;

/// Width of a column and height of a row, in pixels; a row is the invocation or the completion of an operation.
const SIZE: (usize, usize) = (180, 18);

const STYLE: &str = "body { font: 12px monospace } .op { position: absolute; overflow: hidden; border: 1px solid #fff } \
    .ok { background: #6db6fe } .info { background: #ffaa26 } .fail { background: #feb5da }";

/// The page.
pub(crate) fn html(outcome: &Outcome, title: &str) -> String {
    let history = &outcome.history;
    let mut times: Vec<u64> = Vec::new();
    let mut columns = BTreeMap::new();
    for operation in &history.operations {
        times.extend([Some(operation.invoked_at), operation.completion.map(|(_, time)| time)].into_iter().flatten());
        columns.insert(operation.process, 0);
    }
    times.sort_unstable();
    times.dedup();
    columns.values_mut().enumerate().for_each(|(at, column)| *column = at);
    let row = |time: u64| times.partition_point(|other| *other < time);
    let mut text = format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
    );
    text += "<div style=\"position: relative\">\n";
    for (at, operation) in history.operations.iter().enumerate() {
        let (class, ended) = match operation.completion {
            Some((Completion::Ok(_), time)) => ("ok", row(time)),
            Some((Completion::Fail, time)) => ("fail", row(time)),
            Some((Completion::Info, time)) => ("info", row(time)),
            None => ("info", times.len()),
        };
        let (op, begun) = (OpId(at as u32), row(operation.invoked_at));
        let (left, top) = (columns[&operation.process] * SIZE.0, begun * SIZE.1);
        let (width, height) = (SIZE.0 - 4, ended.saturating_sub(begun).max(1) * SIZE.1 - 2);
        let label = format!("p{} {} {}", operation.process, asked(history, op), heard(history, op));
        let since = format!("{:.3} ms", operation.invoked_at as f64 / 1e6);
        let _ = writeln!(
            text,
            "<div class=\"op {class}\" style=\"left:{left}px;top:{top}px;width:{width}px;height:{height}px\" title=\"{since}\">{}</div>",
            escaped(&label)
        );
    }
    text + "</div></body></html>\n"
}
