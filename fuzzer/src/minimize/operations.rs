//! Operations that the seed draws, replaced by a step for each that matters.

use murphy_checker::history::{History, Operation, Value};
use murphy_schedule::{
    Again, Fault, FaultKind, Header, Lasts, Name, Nodes, Schedule, Step, When, field, schedule::STEPS_MAX,
};
use murphy_sim::{Outcome, StepReport};

use super::{Stage, search::Search};

/// More operations than this are better drawn than named one by one.
const NAMED_MAX: usize = 6;

impl Search<'_> {
    /// Has steps invoke the operations that matter, instead of clients that draw theirs, if few of them do and the run then
    /// has fewer.
    pub(super) fn spell_out_operations(&mut self, schedule: Schedule) -> Schedule {
        self.stage = Stage::Operations;
        let outcome = self.harness.trace(&schedule);
        let Some(named) = spelled_out(&schedule, &outcome) else { return schedule };
        let named = if self.fails(&named) { Some(named) } else { self.under_other_seeds(named) };
        let Some(named) = named.map(|named| self.shrink(named)) else { return schedule };
        let fewer = self.operations(&named).is_some_and(|operations| operations < outcome.history.operations.len());
        if fewer && named_operations(&named) <= NAMED_MAX { named } else { schedule }
    }
}

/// How many operations are invoked by steps.
pub(super) fn named_operations(schedule: &Schedule) -> usize {
    schedule.steps.iter().filter(|step| step.fault.kind() == FaultKind::Invoke).count()
}

/// `schedule` with no drawn operations, but with a step for each that clients began in its run `outcome`. `None` if there was
/// none, or there are too many for a schedule.
fn spelled_out(schedule: &Schedule, outcome: &Outcome) -> Option<Schedule> {
    let header = Header { ops: Some(0), ..schedule.header };
    let drawn = drawn(&schedule.header, outcome).map(|operation| invoked(&header, &outcome.history, operation));
    let drawn: Vec<Step> = drawn.collect();
    let fits = schedule.steps.len() + drawn.len() <= STEPS_MAX;
    (fits && !drawn.is_empty()).then(|| Schedule { header, steps: [&schedule.steps[..], &drawn].concat() })
}

/// The operations of a run that neither a step invoked nor the last phase did.
fn drawn<'a>(header: &Header, outcome: &'a Outcome) -> impl Iterator<Item = &'a Operation> {
    let (clients, healing) = (u32::from(header.clients), u64::from(header.chaos) * 10_000_000);
    let by_step = move |operation: &Operation| {
        let invoked = |report: &StepReport| match report.step.fault {
            Fault::Invoke { operation: named } => {
                let same_client = u32::from(named.client - 1) % clients == operation.process % clients;
                same_client && report.begun == Some(operation.invoked_at)
            }
            _ => false,
        };
        outcome.steps.iter().any(invoked)
    };
    let operations = outcome.history.operations.iter();
    operations.filter(move |operation| operation.invoked_at < healing && !by_step(operation))
}

/// A step that has the same client ask the same node for the same at the same time.
fn invoked(header: &Header, history: &History, operation: &Operation) -> Step {
    let number = |value: u64| u16::try_from(value).unwrap_or(0);
    let values = match operation.call.input {
        Value::Int(value) => [number(value), 0],
        Value::Pair(expected, new) => [number(expected), number(new)],
        Value::Nil | Value::List(_) | Value::Transaction(_) => [0; 2],
    };
    let when = When::At((operation.invoked_at / 1_000) as u32);
    let operation = field::Operation {
        function: Name::of(history.functions[usize::from(operation.call.function)]),
        key: u8::try_from(operation.call.key.max(1)).unwrap_or(1),
        values,
        client: (operation.process % u32::from(header.clients)) as u8 + 1,
        via: Nodes::Node(operation.node as u8),
    };
    Step { when, fault: Fault::Invoke { operation }, lasts: Lasts::Healed, id: 0, again: Again::NEVER }
}
