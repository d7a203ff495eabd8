//! Verdicts on parts of a history as one on the whole.
//!
//! That is sound where the parts are of independent objects: linearizability is local (Herlihy & Wing, 1990).

use crate::{
    history::{Event, History, OpId},
    verdict::{Anomaly, Evidence, Verdict},
};

/// A verdict on the operations `kept` of a history, as one on the whole.
pub fn renumbered(verdict: Verdict, kept: &[OpId]) -> Verdict {
    match verdict {
        Verdict::Invalid(Anomaly { class, name, evidence: Evidence::Operation(op) }) => {
            Verdict::Invalid(Anomaly { class, name, evidence: Evidence::Operation(kept[op.0 as usize]) })
        }
        Verdict::Invalid(Anomaly { class, name, evidence: Evidence::Operations { operations, sentence } }) => {
            let operations = operations.into_iter().map(|op| kept[op.0 as usize]).collect();
            Verdict::Invalid(Anomaly { class, name, evidence: Evidence::Operations { operations, sentence } })
        }
        other => other,
    }
}

/// The verdict on `history`, from those on its parts, whose operations are numbered as in the whole: the anomaly that shows first,
/// else what was found without a search, else why it is not known.
pub fn first(history: &History, verdicts: Vec<Verdict>) -> Verdict {
    let completed = |ops: &[OpId]| {
        let is_last = |event: &Event| matches!(event, Event::Complete(op) if ops.contains(op));
        history.events.iter().rposition(is_last)
    };
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Invalid(Anomaly { evidence: Evidence::Operation(op), .. }) => (0, completed(&[*op])),
        Verdict::Invalid(Anomaly { evidence: Evidence::Operations { operations, .. }, .. }) => {
            (1, completed(operations))
        }
        Verdict::Invalid(_) => (1, None),
        Verdict::Unknown(_) => (2, None),
        Verdict::Valid => (3, None),
    };
    verdicts.into_iter().min_by_key(rank).unwrap_or(Verdict::Valid)
}
