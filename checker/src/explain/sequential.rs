//! Why a history is not sequentially consistent: the operations of all keys that show it, and the order of each process.

use std::collections::BTreeMap;

use super::{Explanation, View, explain, shrink_by, until};
use crate::{
    family::Family,
    history::{Completion, Event, History, OpId, Process},
    model::Effect,
    sequential::{Judge, VISITS_MAX, check_as},
    verdict::{Anomaly, Evidence, Verdict},
};

/// Of more operations than these nothing is left out.
const SHRUNK: usize = 100;

/// Explains `anomaly`, for which the history of a family is not sequentially consistent.
pub fn explain_sequential(family: Family, history: &History, anomaly: &Anomaly) -> Explanation {
    let (Evidence::Operation(dying), Some(judge)) = (&anomaly.evidence, Judge::of_family(family)) else {
        return explain(history, anomaly);
    };
    let operations = operations(judge, history, anomaly, *dying, family);
    let view = View::new(history, &operations, false, *dying);
    let mut processes: BTreeMap<Process, Vec<String>> = BTreeMap::new();
    for op in view.shown() {
        processes.entry(history.operation(*op).process).or_default().push(view.call(*op));
    }
    let orders = processes.into_iter().filter(|(_, calls)| calls.len() > 1);
    let why = orders.map(|(process, calls)| format!("p{process} did, in this order: {}", calls.join(", "))).collect();
    view.explanation(&anomaly.name, why)
}

/// What shows the anomaly. To leave out a change makes what others found afterwards wrong by itself, so only observations go.
fn operations(judge: Judge, history: &History, anomaly: &Anomaly, dying: OpId, family: Family) -> Vec<OpId> {
    let output = |op: OpId| match history.operation(op).completion {
        Some((Completion::Ok(output), _)) => Some(output),
        Some((Completion::Fail | Completion::Info, _)) | None => None,
    };
    let observes = |op: &OpId| (judge.effect)(&history.operation(*op).call, output(*op)) == Effect::Observation;
    let begun = until(history, dying).filter_map(|event| match event {
        Event::Invoke(op) => Some(op),
        Event::Complete(_) => None,
    });
    let has_failed = |op: &OpId| matches!(history.operation(*op).completion, Some((Completion::Fail, _)));
    let all: Vec<OpId> = begun.filter(|op| *op == dying || !has_failed(op)).collect();
    if all.len() > SHRUNK {
        return all;
    }
    let (free, kept): (Vec<OpId>, Vec<OpId>) = all.into_iter().partition(|op| *op != dying && observes(op));
    let units = free.into_iter().map(|op| vec![op]).chain([kept]).collect();
    let mut judge = |part: &History| check_as(family, part, VISITS_MAX).unwrap_or(Verdict::Valid);
    shrink_by(&mut judge, history, anomaly, dying, units).0
}
