//! Times, replaced by what happens at them where a schedule then depends less on luck.

use std::collections::BTreeMap;

use murphy_schedule::{Fact, Link, Name, Nodes, Schedule, Side, Step, When};
use murphy_sim::{Outcome, What};

use super::search::Search;

/// Of what happens again and again a person tells the first few apart, and a change of the system shifts the others.
const NTH_MAX: u8 = 5;
/// A step that waits and then some has to be worth so many seeds more: it is no simpler than one with a time.
const WORTH: usize = 4;

impl Search<'_> {
    /// Has steps wait for what happened last before their times, if the schedule then fails under more other seeds.
    pub(super) fn name_moments(&mut self, mut schedule: Schedule) -> Schedule {
        if self.exhausted() || self.harness.vocabulary().times_only {
            return schedule;
        }
        let mut failing = self.failing_seeds(&schedule);
        let mut outcome = self.harness.trace(&schedule);
        for at in 0..schedule.steps.len() {
            let When::At(time) = schedule.steps[at].when else { continue };
            for (when, worth) in moments_before(&outcome, self.harness.about().roles, time) {
                let mut candidate = schedule.clone();
                candidate.steps[at] = Step { when, ..candidate.steps[at] };
                if !self.exhausted() && self.fails(&candidate) {
                    let more = self.failing_seeds(&candidate);
                    if more >= failing + worth {
                        (schedule, failing) = (candidate, more);
                    }
                }
            }
            if schedule.steps[at].when != When::At(time) {
                outcome = self.harness.trace(&schedule);
            }
        }
        schedule
    }
}

/// What a step can wait for instead of this time, in microseconds: it strikes at once, or after about as long as it took from there.
/// And under how many more seeds the schedule has to fail for it.
fn moments_before(outcome: &Outcome, roles: &[&str], time: u32) -> Vec<(When, usize)> {
    let last = last_before(outcome, roles.first().copied(), u64::from(time) * 1_000);
    let waits = last.into_iter().flat_map(|(sort, (nth, happened))| {
        let since = time.saturating_sub(u32::try_from(happened / 1_000).unwrap_or(time));
        [(0, 1), (round(since), WORTH)]
            .map(|(delay, worth)| (When::Fact { fact: sort.fact(), side: Side::After, nth, from: None, delay }, worth))
    });
    waits.collect()
}

/// The next number with one digit that is not zero.
fn round(number: u32) -> u32 {
    let unit = 10_u32.pow(number.checked_ilog10().unwrap_or_default());
    number.div_ceil(unit).saturating_mul(unit)
}

/// What is looked for: one of each sort, the last of its kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort<'a> {
    Leads(&'a str),
    Completes(&'a str),
    Delivers(&'a str),
}

impl Sort<'_> {
    fn fact(self) -> Fact {
        match self {
            Self::Leads(role) => Fact::Role(Nodes::All, Name::of(role)),
            Self::Completes(function) => Fact::Complete(Name::of(function)),
            Self::Delivers(kind) => Fact::Deliver(Name::of(kind), Link::ALL),
        }
    }

    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// The last of each sort that happened before `time`, in nanoseconds, among the first few of their kinds: which of its kind it is, and
/// when it was.
fn last_before<'a>(outcome: &'a Outcome, leads: Option<&'a str>, time: u64) -> BTreeMap<Sort<'a>, (u8, u64)> {
    let mut counts: BTreeMap<Sort<'a>, (u8, u64)> = BTreeMap::new();
    let mut last: Vec<Sort<'a>> = Vec::new();
    for event in outcome.trace.iter().take_while(|event| event.time < time) {
        let sort = match &event.what {
            What::Role(role) if Some(*role) == leads => Sort::Leads(role),
            What::Complete(op) => {
                let function = outcome.history.operation(*op).call.function;
                Sort::Completes(outcome.history.functions[usize::from(function)])
            }
            What::Deliver { kind, .. } => Sort::Delivers(kind),
            _ => continue,
        };
        let count = counts.entry(sort).or_default();
        if count.0 < NTH_MAX {
            *count = (count.0 + 1, event.time);
            last.retain(|other| !other.is_like(sort));
            last.push(sort);
        }
    }
    counts.retain(|sort, _| last.contains(sort));
    counts
}

#[cfg(test)]
mod tests {
    use murphy_schedule::{Document, When};
    use murphy_sim::echo::Echo;

    use super::round;
    use crate::{
        harness::Harness,
        minimize::{minimize, robustness},
    };

    #[test]
    fn steps_wait_for_what_happens_where_that_leaves_less_to_luck() {
        let text = include_str!("../../../testdata/echo-lost-element.invalid.murphy");
        let schedule = Document::parse(text).expect("a schedule").schedule;
        let mut harness = Harness::with_bugs(&murphy_sim::Shared::new(Echo), ["lost-element".to_string()].into())
            .expect("there is such a target");
        let anomaly = harness.run(&schedule).verdict.anomaly().expect("it fails").clone();
        let smallest = minimize(&mut harness, &schedule, &anomaly, 4000, &mut |_| true);
        assert!(smallest.one_minimal);
        let waits = smallest.schedule.steps.iter().filter(|step| matches!(step.when, When::Fact { .. }));
        assert!(waits.count() > 0, "{:?}", smallest.schedule.steps);
        let mut timed = smallest.schedule.clone();
        let times = [0, 5_000, 10_000, 15_000];
        timed.steps.iter_mut().zip(times).for_each(|(step, time)| step.when = When::At(time));
        let mut failing = |schedule| robustness(&mut harness, schedule, &anomaly).failing;
        assert!(failing(&smallest.schedule) > failing(&timed));
    }

    #[test]
    fn a_delay_is_rounded_up_to_one_digit() {
        assert_eq!([0, 1, 10, 11, 38_963, 99_001].map(round), [0, 1, 10, 20, 40_000, 100_000]);
    }
}
