//! Rates and drawn latencies, replaced by a step for each message that they struck.

use std::collections::BTreeMap;

use murphy_checker::history::NodeId;
use murphy_schedule::{
    Again, Fact, Fault, Lasts, Link, Name, Nodes, Schedule, Side, Step, When,
    field::{Distribution, EXACT, OfKind},
    schedule::STEPS_MAX,
    shrink,
};
use murphy_sim::{Chance, Outcome, What};

use super::{Stage, faults, operations::named_operations, search::Search};

/// So many more steps than faults are worth naming each message that chance struck.
const EXPLICIT_MAX: usize = 6;

impl Search<'_> {
    /// Names the messages that chance struck, instead of the rates and distributions, if few of them matter.
    pub(super) fn leave_nothing_to_chance(&mut self, schedule: Schedule) -> Schedule {
        self.stage = Stage::Chance;
        let candidates = explicit(&schedule, &self.harness.trace(&schedule));
        let Some(explicit) = candidates.into_iter().find(|explicit| *explicit != schedule && self.fails(explicit))
        else {
            return schedule;
        };
        let explicit = self.shrink(explicit);
        let enough = faults(&schedule) + named_operations(&schedule) + EXPLICIT_MAX;
        if explicit.steps.len() <= enough { explicit } else { schedule }
    }
}

/// `schedule` without rates below one and without drawn latencies, but with a step for each message that they struck in its
/// run `outcome`. If these are too many for a schedule, one with the last of them and one with the first.
fn explicit(schedule: &Schedule, outcome: &Outcome) -> Vec<Schedule> {
    let certain = |step: &Step| match step.fault {
        Fault::Loss { share, .. } | Fault::Duplicate { share, .. } => share.0 == EXACT,
        Fault::Delay { latency, .. } => matches!(latency.0, Distribution::Fixed(_)),
        _ => true,
    };
    let keep: Vec<bool> = schedule.steps.iter().map(certain).collect();
    let mut plain = shrink::keep_steps(schedule, &keep);
    (plain.header.loss, plain.header.duplication) = (0, 0);
    let struck = struck_by_chance(outcome);
    let room = STEPS_MAX.saturating_sub(plain.steps.len());
    let with = |steps: &[Step]| Schedule { header: plain.header, steps: [&plain.steps[..], steps].concat() };
    match struck.len().checked_sub(room) {
        None | Some(0) => vec![with(&struck)],
        Some(over) => vec![with(&struck[over..]), with(&struck[..room])],
    }
}

/// A step for each message that chance struck.
fn struck_by_chance(outcome: &Outcome) -> Vec<Step> {
    let mut sent: BTreeMap<(NodeId, NodeId, &str), u8> = BTreeMap::new();
    let mut steps = Vec::new();
    for event in &outcome.trace {
        let (Some(from), What::Send { to, kind, chance, .. }) = (event.node, &event.what) else { continue };
        let nth = sent.entry((from, *to, kind)).or_default();
        *nth = nth.saturating_add(1);
        let (link, kind_of) = (Link::ALL, OfKind(Name::ANY));
        let micros = |nanos: u64| u32::try_from(nanos / 1_000).unwrap_or(u32::MAX);
        let fault = match *chance {
            Chance::Nothing => continue,
            Chance::Lost => Fault::lose(link, kind_of),
            Chance::Late(later) => Fault::slow(link, kind_of, micros(later)),
            Chance::Copied(lag) => Fault::repeat(link, kind_of, micros(lag)),
        };
        let link = Link { from: Nodes::Node(from as u8), to: Nodes::Node(*to as u8) };
        let fact = Fact::Send(Name::of(kind), link);
        let when = When::Fact { fact, side: Side::Before, nth: *nth, from: None, delay: 0 };
        steps.push(Step { when, fault, lasts: Lasts::Healed, id: 0, again: Again::NEVER });
    }
    steps
}
