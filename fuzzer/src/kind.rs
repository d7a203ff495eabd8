//! What a violation is like, whatever caused it: the promise that is broken, and who gave the answer that was wrong.
//!
//! One bug shows whenever a leader is lost, and there are many ways to lose one: partitions, pauses, slow disks and processors,
//! crashes, an operator who asks for it. To a protocol they are one; in an asynchronous system they cannot even be told apart (Fischer,
//! Lynch and Paterson, 1985). So the faults of a finding say little of the bug behind it. What is seen at the end says more: whether the
//! node that answered was the last to become leader, or one that others have succeeded, or one that never led.
//! Two bugs that only their faults tell apart are of one kind.
//!
//! What a protocol rests upon, clocks and what was stored or sent, is a matter of its own: [`wrong`] says which of it a run had wrong.
//!
//! Deliberately absent: times, numbers of nodes, and how a run came to its end.

use std::collections::{BTreeMap, BTreeSet};

use murphy_checker::{
    history::{NodeId, OpId},
    model::ABORTED_READ,
    set::MISSING_ELEMENT,
    verdict::{Anomaly, Evidence},
};
use murphy_schedule::FaultKind;
use murphy_sim::{Outcome, TraceEvent, What};
#[cfg(feature = "cli")]
use {crate::harness::Harness, murphy_schedule::Schedule};

/// The role that one node has at a time, and others after it.
const LEADER: &str = "leader";

fn has_leaders(roles: &[&str]) -> bool {
    roles.first() == Some(&LEADER)
}

/// What a violation is like.
#[cfg(feature = "cli")]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) class: String,
    pub(crate) name: String,
    /// Who gave the answer that was wrong: `former leader`. `None`: it was no answer, or the target has no leaders.
    pub(crate) answered_by: Option<String>,
}

#[cfg(feature = "cli")]
impl Kind {
    /// That of the run of `schedule`, if it fails.
    pub(crate) fn of(harness: &mut Harness, schedule: &Schedule) -> Option<Self> {
        let anomaly = harness.run(schedule).verdict.anomaly()?.clone();
        let roles = harness.about().roles;
        let traced = has_leaders(roles) && answer(&anomaly).is_some();
        let answered_by = if traced { answered_by(&harness.trace(schedule), &anomaly, roles) } else { None };
        Some(Self::new(&anomaly, answered_by))
    }

    pub(crate) fn new(anomaly: &Anomaly, answered_by: Option<&str>) -> Self {
        Self {
            class: anomaly.class.name().to_string(),
            name: anomaly.name.to_string(),
            answered_by: answered_by.map(str::to_string),
        }
    }
}

/// Who gave the wrong answer in a run with a trace.
pub(crate) fn answered_by(outcome: &Outcome, anomaly: &Anomaly, roles: &[&str]) -> Option<&'static str> {
    let op = answer(anomaly).filter(|_| has_leaders(roles))?;
    let (mut held, mut replies, mut heard) = (Vec::new(), BTreeMap::new(), None);
    for TraceEvent { node, what, message, .. } in &outcome.trace {
        match what {
            What::Role(LEADER) => held.extend(*node),
            What::Reply(replied) if *replied == op => {
                replies.extend(message.zip(node.map(|node| standing(&held, node))));
            }
            What::Answer(answered) if *answered == op => heard = *message,
            What::Complete(completed) if *completed == op => break,
            _ => {}
        }
    }
    replies.remove(&heard?)
}

/// The operation whose answer was wrong, if it was an answer. Where a failure was seen, or what was done is gone, that is what was
/// wrong, whoever showed it.
fn answer(anomaly: &Anomaly) -> Option<OpId> {
    match &anomaly.evidence {
        _ if [ABORTED_READ, MISSING_ELEMENT].contains(&&*anomaly.name) => None,
        Evidence::Operation(op) => Some(*op),
        Evidence::Operations { operations, .. } => operations.last().copied(),
        _ => None,
    }
}

/// Where a node stands in the succession of leaders.
fn standing(held: &[NodeId], node: NodeId) -> &'static str {
    match held {
        [.., last] if *last == node => LEADER,
        _ if held.contains(&node) => "former leader",
        _ => "no leader",
    }
}

/// What was wrong in a run that a protocol may rest upon; nothing, where messages and nodes were only late, lost or gone.
pub(crate) fn wrong(outcome: &Outcome) -> BTreeSet<&'static str> {
    let fired = outcome.steps.iter().filter(|report| report.effects > 0);
    let wrong = |kind| match kind {
        FaultKind::Clock | FaultKind::Bump | FaultKind::Strobe | FaultKind::Drift => Some("clocks"),
        FaultKind::Corrupt | FaultKind::Damage | FaultKind::Miswrite | FaultKind::Misread | FaultKind::LazySync => {
            Some("data")
        }
        _ => None,
    };
    fired.filter_map(|report| wrong(report.step.fault.kind())).collect()
}
