//! Monotonic reads: does what a client reads ever go back?
//!
//! The session guarantee of Terry et al., 1994, of objects that only grow: of two reads of one process, the later returns no
//! smaller number, and all elements of the list that the earlier returned. Nothing is asked of reads of different processes.

use std::collections::BTreeMap;

use super::{Checker, Heard, breach, elements::Marks, spell, told};
use crate::{
    history::{History, OpId, Process, Value},
    interner::Interner,
    verdict::Anomaly,
};

/// The names of the functions: `read` returns an `Int`, a `List`, or `Nil` for nothing yet; what the others do is not looked at.
pub const FUNCTIONS: &[&str] = &["read", "write", "add", "append"];
const READ: u8 = 0;

/// A read of a process returned less than an earlier one.
pub const NON_MONOTONIC_READ: &str = "non-monotonic-read";

/// The judge of the reads of one object.
#[derive(Clone, Debug, Default)]
pub struct MonotonicReads {
    /// The last read of each process.
    last: BTreeMap<Process, OpId>,
    items: Interner<u64>,
    marks: Marks,
}

impl MonotonicReads {
    /// What of `before` is not in `now`.
    fn gone(&mut self, history: &History, before: Value, now: Value) -> Option<String> {
        match (before, now) {
            (Value::Int(before), Value::Int(now)) => {
                (now.cast_signed() < before.cast_signed()).then(|| spell(history, before))
            }
            (Value::Nil, _) => None,
            (before, now) => {
                let gone = self.first_gone(history.values.numbers(&before), history.values.numbers(&now));
                gone.map(|item| spell(history, item))
            }
        }
    }

    fn first_gone(&mut self, before: &[u64], now: &[u64]) -> Option<u64> {
        let numbers: Vec<u32> = now.iter().map(|item| self.items.id(*item)).collect();
        self.marks.clear(self.items.len());
        for number in numbers {
            self.marks.put(number);
        }
        let is_there = |item: &u64| self.items.find(item).is_some_and(|number| self.marks.has(number));
        before.iter().copied().find(|item| !is_there(item))
    }
}

impl Checker for MonotonicReads {
    fn invoke(&mut self, _event: Heard<'_>) {}

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let (history, operation) = (event.history, event.operation());
        let now = event.output().filter(|_| operation.call.function == READ)?;
        let earlier = self.last.insert(operation.process, event.op)?;
        let before = super::output(history, earlier)?;
        let gone = self.gone(history, before, now)?;
        let [earlier_told, later_told] = [earlier, event.op].map(|op| told(history, op));
        let sentence = format!("{later_told} goes back behind {earlier_told}: {gone} is gone");
        breach(NON_MONOTONIC_READ, &[earlier, event.op], sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{output, testing::*};
    use crate::{
        family::Family,
        history::{History, Value},
    };

    const FAMILY: Family = Family::MonotonicReads;

    #[test]
    fn what_a_process_reads_does_not_go_back() {
        check(FAMILY, "0 read\n0 ok nil\n0 read\n0 ok -1\n0 read\n0 ok 3\n1 read\n1 ok 2\n0 read\n0 ok 3", "valid");
        only(FAMILY, "0 read\n0 ok 3\n0 read\n0 ok -2", "non-monotonic-read");
        only(FAMILY, "0 read\n0 ok 3\n0 read\n0 ok nil", "non-monotonic-read");
        check(FAMILY, "0 read\n0 ok [1]\n0 read\n0 ok [2 1]", "valid");
        only(FAMILY, "0 read\n0 ok [1 2]\n0 read\n0 ok [2 3]", "non-monotonic-read");
        says(
            FAMILY,
            "0 read\n0 ok [1 2]\n0 read\n0 ok [2 3]",
            "read(k1) -> [2 3] by p0 goes back behind read(k1) -> [1 2] by p0: 1 is gone",
        );
    }

    /// The definition, pair by pair.
    fn oracle(history: &History) -> Clauses {
        let reads: Vec<_> = ops(history).filter(|(_, one)| one.call.function == 0 && is_ok(one)).collect();
        let goes_back = |first, second| match (output(history, first).unwrap(), output(history, second).unwrap()) {
            (Value::Int(first), Value::Int(second)) => second < first,
            _ => numbers(history, first).iter().any(|item| !numbers(history, second).contains(item)),
        };
        let broken = reads.iter().any(|(first, one)| {
            reads
                .iter()
                .any(|(second, other)| one.process == other.process && first < second && goes_back(*first, *second))
        });
        clauses([("non-monotonic-read", broken)])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke =
            |pick: u8, value: u8| if pick.is_multiple_of(4) { format!("add {}", value % 4) } else { "read".to_owned() };
        let lists = |function: &str, pick: u8, value: u8| match (function, pick % 8) {
            (_, 0) => "fail".to_owned(),
            (_, 1) => "info".to_owned(),
            ("read", _) => format!("ok {}", subset(value | pick, 3)),
            _ => "ok".to_owned(),
        };
        compare(FAMILY, oracle, invoke, lists);
        let count = |text: String| text.matches(' ').count();
        compare(FAMILY, oracle, invoke, |function, pick, value| match lists(function, pick, value) {
            list if list.starts_with("ok [") => format!("ok {}", count(list)),
            other => other,
        });
    }
}
