//! Why a history is not causally consistent: the chain of causes that contradicts what was found.

use super::{Explanation, explain};
use crate::{causal::violation_as, family::Family, history::History, verdict::Anomaly};

/// Explains `anomaly`, for which the history of a family is not causally consistent.
pub fn explain_causal(family: Family, history: &History, anomaly: &Anomaly) -> Explanation {
    let why = violation_as(family, history).map(|violation| violation.why).unwrap_or_default();
    Explanation { why, ..explain(history, anomaly) }
}
