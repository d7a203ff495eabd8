//! Is there one order of all operations, consistent with the order of each process, that sequential objects could have produced?
//!
//! Sequential consistency (Lamport, 1979) is linearizability without real time. It is not local: each object alone can be right
//! and all together wrong, so all keys are searched at once. The search goes depth first over how far each process has come, and
//! visits no combination of that and the states of the objects twice; how many it may visit is its budget.
//!
//! What is linearizable is sequentially consistent, so that is asked first; and what contradicts causality (`causal.rs`) is not, so
//! that is asked before the search.
//!
//! An operation that ended `info` or is open may have taken effect or not, at any time after those before it of its process.
//!
//! Deliberately absent: judging a history while it grows.

pub(crate) mod causal;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    family::Family,
    history::{Call, Completion, Event, History, OpId, Process, Value, Values},
    interner::Interner,
    linearizability,
    model::{Effect, Model, Register},
    models,
    verdict::{Anomaly, Budget, Class, Evidence, Verdict},
};

/// No order that respects the order of each process explains the history.
pub const NOT_SEQUENTIALLY_CONSISTENT: &str = "not-sequentially-consistent";

/// Combinations that are visited, unless told otherwise.
pub const VISITS_MAX: usize = 1 << 18;

/// How the objects of a family are judged.
#[derive(Clone, Copy)]
pub(crate) struct Judge {
    check: fn(&History, usize) -> Verdict,
    pub(crate) effect: fn(&Call, Option<Value>) -> Effect,
}

impl Judge {
    fn of<M: Model>() -> Option<Self> {
        Some(Self { check: check::<M>, effect: M::effect })
    }

    /// `None`: such objects have no model, or their operations are transactions, whose levels are others.
    pub(crate) fn of_family(family: Family) -> Option<Self> {
        match family {
            Family::Register => Self::of::<Register>(),
            Family::CasRegister => Self::of::<models::CasRegister>(),
            Family::MultiRegister => Self::of::<models::MultiRegister>(),
            Family::KeyValue => Self::of::<models::KeyValue>(),
            Family::Map => Self::of::<models::Map>(),
            Family::Mutex => Self::of::<models::Mutex>(),
            Family::OwnedMutex => Self::of::<models::OwnedMutex>(),
            Family::ReentrantMutex => Self::of::<models::ReentrantMutex>(),
            Family::FencedMutex => Self::of::<models::FencedMutex>(),
            Family::Set => Self::of::<models::Set>(),
            Family::FifoQueue => Self::of::<models::FifoQueue>(),
            Family::UnorderedQueue => Self::of::<models::UnorderedQueue>(),
            Family::Stack => Self::of::<models::Stack>(),
            Family::Counter => Self::of::<models::Counter>(),
            Family::List => Self::of::<models::GrowOnlyList>(),
            _ => None,
        }
    }
}

/// [`check`] of the objects of a family; `None` if these are not judged so.
pub fn check_as(family: Family, history: &History, visits_max: usize) -> Option<Verdict> {
    Judge::of_family(family).map(|judge| (judge.check)(history, visits_max))
}

/// Judges whether `history` is sequentially consistent, all keys at once, visiting up to `visits_max` combinations. The evidence is
/// the first completion by which it is not.
pub fn check<M: Model>(history: &History, visits_max: usize) -> Verdict {
    if linearizability::check::<M>(history) == Verdict::Valid {
        return Verdict::Valid;
    }
    match explains::<M>(history, history.events.len(), visits_max) {
        Some(true) => Verdict::Valid,
        None => Verdict::Unknown(Budget::Frontier),
        Some(false) => first_wrong::<M>(history, visits_max).map_or(Verdict::Unknown(Budget::Frontier), |op| {
            let name = NOT_SEQUENTIALLY_CONSISTENT.into();
            Verdict::Invalid(Anomaly { class: Class::Linearizability, name, evidence: Evidence::Operation(op) })
        }),
    }
}

/// The completion with which the shortest part of `history` ends that has no order; `None` if the budget does not suffice.
fn first_wrong<M: Model>(history: &History, visits_max: usize) -> Option<OpId> {
    let (mut right, mut wrong) = (0, history.events.len());
    while wrong - right > 1 {
        let middle = right.midpoint(wrong);
        if explains::<M>(history, middle, visits_max)? { right = middle } else { wrong = middle }
    }
    match history.events[wrong - 1] {
        Event::Complete(op) | Event::Invoke(op) => Some(op),
    }
}

/// Steps that come one after the other.
pub(crate) struct Lane {
    pub(crate) steps: Vec<Step>,
    /// How many steps of another lane come before: an operation that may take effect late has a lane of its own.
    after: Option<(usize, u32)>,
}

/// One step of a process.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) op: OpId,
    key: u32,
    call: Call,
    output: Option<Value>,
    /// Whether it must take effect.
    must: bool,
}

/// Whether some order explains the first `events` events; `None`: too many combinations.
fn explains<M: Model>(history: &History, events: usize, visits_max: usize) -> Option<bool> {
    let lanes = lanes(history, events);
    if causal::contradict::<M>(&lanes, &history.values) {
        return Some(false);
    }
    search::<M>(&lanes, &history.values, visits_max)
}

/// Whether some order explains the lanes; `None`: too many combinations.
fn search<M: Model>(lanes: &[Lane], values: &Values, visits_max: usize) -> Option<bool> {
    let mut states = Interner::<M::State>::default();
    let init = states.id(M::init());
    let mut seen = BTreeSet::new();
    let start = (vec![0_u32; lanes.len()], BTreeMap::<u32, u32>::new());
    let mut open = vec![start];
    while let Some((done, objects)) = open.pop() {
        if (0..lanes.len()).all(|at| lanes[at].steps[done[at] as usize..].iter().all(|step| !step.must)) {
            return Some(true);
        }
        if seen.len() >= visits_max {
            return None;
        }
        for at in 0..lanes.len() {
            let waits = lanes[at].after.is_some_and(|(lane, count)| done[lane] < count);
            let Some(step) = lanes[at].steps.get(done[at] as usize).filter(|_| !waits) else { continue };
            let state = objects.get(&step.key).copied().unwrap_or(init);
            let after = M::step(states.item(state), &step.call, step.output, values);
            let Some(after) = after else { continue };
            let mut next = (done.clone(), objects.clone());
            next.0[at] += 1;
            next.1.insert(step.key, states.id(after));
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    Some(false)
}

/// What each process did within the first `events` events, in order.
pub(crate) fn lanes(history: &History, events: usize) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    let mut of_process: BTreeMap<Process, usize> = BTreeMap::new();
    let completed: BTreeSet<OpId> = history.events[..events]
        .iter()
        .filter_map(|event| match event {
            Event::Complete(op) => Some(*op),
            Event::Invoke(_) => None,
        })
        .collect();
    for event in &history.events[..events] {
        let Event::Invoke(op) = *event else { continue };
        let operation = history.operation(op);
        let completion = operation.completion.filter(|_| completed.contains(&op)).map(|(completion, _)| completion);
        let (output, must) = match completion {
            Some(Completion::Fail) => continue,
            Some(Completion::Ok(output)) => (Some(output), true),
            Some(Completion::Info) | None => (None, false),
        };
        let call = Call { key: 0, ..operation.call };
        let step = Step { op, key: operation.call.key, call, output, must };
        let lane = *of_process.entry(operation.process).or_insert_with(|| {
            lanes.push(Lane { steps: Vec::new(), after: None });
            lanes.len() - 1
        });
        if must {
            lanes[lane].steps.push(step);
        } else {
            let after = Some((lane, lanes[lane].steps.len() as u32));
            lanes.push(Lane { steps: vec![step], after });
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{models::FifoQueue, testing::parse_as};

    #[track_caller]
    fn check_as<M: Model>(text: &str, expected: &str) {
        let history = parse_as(M::FUNCTIONS, text);
        let verdict = check::<M>(&history, VISITS_MAX);
        let found = match &verdict {
            Verdict::Valid => "valid".to_owned(),
            Verdict::Invalid(Anomaly { evidence: Evidence::Operation(op), .. }) => format!("not by {}", op.0),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn real_time_does_not_count() {
        check_as::<Register>("p0 write 1\np0 ok\np1 read\np1 ok nil", "valid");
        check_as::<Register>("p0 write 1\np0 ok\np1 read\np1 ok nil\np1 read\np1 ok 1\np1 read\np1 ok nil", "not by 3");
    }

    #[test]
    fn the_order_of_a_process_counts() {
        check_as::<Register>("p0 write 1\np0 ok\np0 read\np0 ok nil", "not by 1");
        check_as::<Register>("p0 write 1\np0 ok\np0 write 2\np0 ok\np1 read\np1 ok 2\np1 read\np1 ok 1", "not by 3");
    }

    #[test]
    fn all_keys_are_one() {
        // Each alone is right: one of the reads came first. Together the writes precede each other.
        let crossed = "p0 write 1\np0 ok\np1 k2 write 1\np1 ok\np0 k2 read\np0 ok nil\np1 read\np1 ok nil";
        check_as::<Register>(crossed, "not by 3");
        check_as::<Register>(&crossed.replacen("ok nil", "ok 1", 1), "valid");
    }

    #[test]
    fn what_timed_out_may_have_happened_or_not_and_what_failed_did_not() {
        check_as::<Register>("p0 write 1\np0 info\np1 read\np1 ok 1", "valid");
        check_as::<Register>("p0 write 1\np0 info\np1 read\np1 ok nil", "valid");
        check_as::<Register>("p0 write 1\np0 fail\np1 read\np1 ok 1", "not by 1");
        check_as::<Register>("p0 write 1\np1 read\np1 ok 1", "valid");
    }

    #[test]
    fn what_timed_out_may_happen_after_what_its_process_did_next_and_not_before_what_it_did_first() {
        check_as::<Register>("p0 write 1\np0 info\np0 read\np0 ok nil\np1 read\np1 ok 1", "valid");
        check_as::<Register>("p0 write 1\np0 info\np0 read\np0 ok 1\np0 read\np0 ok nil", "not by 2");
        check_as::<Register>("p0 write 1\np0 ok\np0 write 2\np0 info\np1 read\np1 ok 2\np1 read\np1 ok 1", "not by 3");
    }

    #[test]
    fn two_queues_can_be_right_alone_and_wrong_together() {
        // The example of Herlihy & Wing, 1990: each queue alone could have served them so, both could not.
        let text = "p0 k1 enqueue 1\np0 ok\np1 k2 enqueue 2\np1 ok\np0 k2 enqueue 1\np0 ok\np1 k1 enqueue 2\np1 ok\n\
                    p0 k1 dequeue\np0 ok 2\np1 k2 dequeue\np1 ok 1";
        check_as::<FifoQueue>(text, "not by 5");
        let alone = parse_as(FifoQueue::FUNCTIONS, text).filter(|one| one.call.key == 1);
        assert_eq!(check::<FifoQueue>(&alone, VISITS_MAX), Verdict::Valid);
    }

    #[test]
    fn an_exhausted_budget_is_no_answer() {
        let many: String = (0..12).map(|process| format!("p{process} enqueue {process}\n")).collect();
        let ends: String = (0..12).map(|process| format!("p{process} ok\n")).collect();
        let history = parse_as(FifoQueue::FUNCTIONS, &format!("{many}{ends}p20 dequeue\np20 ok 77"));
        assert_eq!(check::<FifoQueue>(&history, 100), Verdict::Unknown(Budget::Frontier));
    }
}
