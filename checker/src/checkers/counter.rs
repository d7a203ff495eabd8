//! Counters: can each read have returned this number?
//!
//! A read counts the adds that it must have seen, and any of those that it may have seen. It may have seen what was invoked
//! before it completed and did not fail. What it must have seen depends on the [`View`]: every add that had been acknowledged when
//! it was invoked, those of its own process only, or those of its own node. So with the positive and the negative adds summed up apart, a read lies
//!
//! * from the positive ones it must have seen plus the negative ones it may have seen
//! * to the positive ones it may have seen plus the negative ones it must have seen.
//!
//! With the global view and no negative adds this is Jepsen's `counter` (Kingsbury, jepsen.checker); with the view of the process, the ranges
//! of a counter that replicates later, a PN-counter (Shapiro et al., 2011). Not every number in the range is a sum of some adds:
//! that is not looked at, which errs towards valid. An add that turns out to have failed narrows the ranges of reads before; that
//! is judged at the end.

use std::collections::BTreeMap;

use super::{Checker, Heard, breach, events_of, replica, told, verdict};
use crate::{
    history::{Event, History, OpId, Operation, Value},
    verdict::{Anomaly, Verdict},
};

/// The names of the functions: `read` returns an `Int`, `add` takes one, which can be negative.
pub const FUNCTIONS: &[&str] = &["read", "add"];
/// Index of `read` in [`FUNCTIONS`].
pub const READ: u8 = 0;

/// A read returned a number that no adds it can have seen amount to.
pub const OUT_OF_RANGE: &str = "out-of-range";

/// Which of what was acknowledged a read must have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All that was acknowledged before it was invoked.
    Global,
    /// What was acknowledged to its own process.
    Process,
    /// What the node that it asked had acknowledged; where a history names no nodes, to its own process.
    Node,
}

impl View {
    /// Whose operations a read must have seen, as far as they are not everybody's.
    pub(super) fn side(self, operation: &Operation) -> u64 {
        match self {
            Self::Global => 0,
            Self::Process => operation.process.into(),
            Self::Node => replica(operation),
        }
    }
}

/// A sum of positive and one of negative adds.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    positive: i128,
    negative: i128,
}

impl Sums {
    /// Counts an add `times` times.
    fn count(&mut self, add: u64, times: i128) {
        let add = i128::from(add.cast_signed());
        *if add < 0 { &mut self.negative } else { &mut self.positive } += times * add;
    }
}

/// The judge of one counter.
#[derive(Clone, Debug)]
pub struct CounterRange {
    view: View,
    /// Adds that were invoked and are not known to have failed.
    attempted: Sums,
    /// By whose they are, the adds that were acknowledged.
    acknowledged: BTreeMap<u64, Sums>,
    /// What reads that are under way must see.
    reads: BTreeMap<OpId, Sums>,
    /// The key, if an add failed that reads may have counted.
    late_failure: Option<u32>,
}

impl CounterRange {
    /// The judge of reads that must have seen so much.
    pub fn new(view: View) -> Self {
        let (attempted, acknowledged, reads) = Default::default();
        Self { view, attempted, acknowledged, reads, late_failure: None }
    }

    fn seen_by(&self, read: &Operation) -> Sums {
        self.acknowledged.get(&self.view.side(read)).copied().unwrap_or_default()
    }

    fn judge(&self, event: Heard<'_>, must: Sums) -> Option<Anomaly> {
        let Value::Int(found) = event.output()? else { return None };
        let lowest = must.positive + self.attempted.negative;
        let highest = self.attempted.positive + must.negative;
        if (lowest..=highest).contains(&i128::from(found.cast_signed())) {
            return None;
        }
        let (read, seen) = (
            told(event.history, event.op),
            match self.view {
                View::Global => "all that was acknowledged before",
                View::Process => "what was acknowledged to its process before",
                View::Node => "what its node had acknowledged before",
            },
        );
        let sentence =
            format!("{read} must have seen {seen} and may have seen all that was asked for: {lowest} to {highest}");
        breach(OUT_OF_RANGE, &[event.op], sentence)
    }
}

impl Checker for CounterRange {
    fn invoke(&mut self, event: Heard<'_>) {
        match event.input() {
            // Known beforehand only where the history is there already.
            Some(_) if event.has_failed() => {}
            Some(add) => self.attempted.count(add, 1),
            None => drop(self.reads.insert(event.op, self.seen_by(event.operation()))),
        }
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let Some(add) = event.input() else {
            let must = self.reads.remove(&event.op)?;
            return self.judge(event, must);
        };
        if event.has_failed() {
            self.late_failure = Some(event.operation().call.key);
        }
        event.output()?;
        self.acknowledged.entry(self.view.side(event.operation())).or_default().count(add, 1);
        None
    }

    fn finish(&mut self, history: &History) -> Verdict {
        let Some(key) = self.late_failure else { return Verdict::Valid };
        let mut again = Self::new(self.view);
        let found = events_of(history, key).find_map(|event| match event {
            (Event::Invoke(_), event) => {
                again.invoke(event);
                None
            }
            (Event::Complete(_), event) => again.complete(event),
        });
        verdict(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, View};
    use crate::{family::Family, history::History};

    const GLOBAL: Family = Family::JepsenCounter;
    const PROCESS: Family = Family::PnCounter;

    #[test]
    fn a_read_lies_between_what_was_acknowledged_and_what_was_asked_for() {
        check(GLOBAL, "0 add 1\n0 ok\n0 add 2\n1 read\n1 ok 1\n1 read\n1 ok 3\n0 ok\n1 read\n1 ok 3", "valid");
        only(GLOBAL, "0 add 1\n0 ok\n1 read\n1 ok 0", "out-of-range");
        only(GLOBAL, "0 add 1\n0 ok\n1 read\n1 ok 2", "out-of-range");
        check(GLOBAL, "0 add 1\n0 info\n1 read\n1 ok 1\n1 read\n1 ok 0", "valid");
        check(GLOBAL, "1 read\n0 add 1\n0 ok\n1 ok 1", "valid");
    }

    #[test]
    fn adds_may_be_negative() {
        check(GLOBAL, "0 add 2\n0 ok\n0 add -3\n1 read\n1 ok -1\n1 read\n1 ok 2", "valid");
        only(GLOBAL, "0 add 2\n0 ok\n0 add -3\n0 ok\n1 read\n1 ok 2", "out-of-range");
        only(GLOBAL, "0 add -3\n1 read\n1 ok -4", "out-of-range");
    }

    #[test]
    fn a_process_sees_its_own_adds_and_perhaps_those_of_others() {
        check(PROCESS, "0 add 1\n0 ok\n1 read\n1 ok 0\n0 read\n0 ok 1", "valid");
        only(PROCESS, "0 add 1\n0 ok\n0 read\n0 ok 0", "out-of-range");
        only(PROCESS, "0 add 1\n0 ok\n1 read\n1 ok 2", "out-of-range");
        only(PROCESS, "0 add -1\n0 ok\n0 add 5\n0 ok\n0 read\n0 ok 5", "out-of-range");
    }

    #[test]
    fn an_add_that_failed_counts_for_nobody() {
        only(GLOBAL, "0 add 1\n1 read\n1 ok 1\n0 fail", "out-of-range");
        only(PROCESS, "0 add 1\n0 fail\n1 read\n1 ok 1", "out-of-range");
    }

    #[test]
    fn the_range_is_told() {
        says(
            GLOBAL,
            "0 add 1\n0 ok\n0 add 5\n1 read\n1 ok -7",
            "read(k1) -> -7 by p1 must have seen all that was acknowledged before and may have seen all that was asked for: 1 to 6",
        );
    }

    /// The definition, read by read, add by add.
    fn oracle(history: &History, view: View) -> Clauses {
        let adds = || ops(history).filter(|(_, one)| one.call.function == 1 && !has_failed(one));
        let broken = ops(history).filter(|(_, one)| one.call.function == 0 && is_ok(one)).any(|(read, by)| {
            let (mut lowest, mut highest) = (0, 0);
            for (add, one) in adds().filter(|(add, _)| invoked(history, *add) < completed(history, read)) {
                let amount = int(one.call.input).unwrap().cast_signed();
                let is_own = view == View::Global || one.process == by.process;
                let is_sure = is_ok(one) && is_own && completed(history, add) < invoked(history, read);
                lowest += if is_sure { amount } else { amount.min(0) };
                highest += if is_sure { amount } else { amount.max(0) };
            }
            !(lowest..=highest).contains(&numbers(history, read)[0].cast_signed())
        });
        clauses([("out-of-range", broken)])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke = |pick: u8, value: u8| {
            if pick.is_multiple_of(2) { format!("add {}", i32::from(value % 7) - 2) } else { "read".to_owned() }
        };
        let complete = |function: &str, pick, value: u8| match (function, pick % 8) {
            (_, 0) => "fail".to_owned(),
            (_, 1) => "info".to_owned(),
            ("read", _) => format!("ok {}", i32::from(value % 12) - 2),
            _ => "ok".to_owned(),
        };
        compare(GLOBAL, |history| oracle(history, View::Global), invoke, complete);
        compare(PROCESS, |history| oracle(history, View::Process), invoke, complete);
    }
}
