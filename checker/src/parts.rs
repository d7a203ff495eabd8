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
        other => other,
    }
}

/// The verdict on `history`, from those on its parts, whose operations are numbered as in the whole: the anomaly that shows first,
/// else why it is not known.
pub fn first(history: &History, verdicts: Vec<Verdict>) -> Verdict {
    let completed = |verdict: &Verdict| match verdict.anomaly().map(|anomaly| &anomaly.evidence) {
        Some(Evidence::Operation(op)) => history.events.iter().position(|event| *event == Event::Complete(*op)),
        _ => None,
    };
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Invalid(_) => (0, completed(verdict)),
        Verdict::Unknown(_) => (1, None),
        Verdict::Valid => (2, None),
    };
    verdicts.into_iter().min_by_key(rank).unwrap_or(Verdict::Valid)
}
