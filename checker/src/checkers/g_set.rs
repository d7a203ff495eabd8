//! Grow-only sets that replicate: can each read have returned these elements?
//!
//! A read may have what was asked for before it completed, and nothing else. What it must have depends on the [`View`]: every
//! element acknowledged before it was invoked, or those of its own process or its own node only, and then also what that process or
//! node had read before. The second is what a convergent replicated set promises a client that stays with its replica, the third what it
//! promises everybody (Shapiro et al., 2011). An add that failed may be seen all the same, as in Jepsen's `set`; [`crate::set`] judges
//! linearizability.

use std::collections::BTreeMap;

use super::{
    Checker, Heard, UNEXPECTED, breach,
    counter::View,
    elements::{Elements, Marks},
    more, spell, told,
};
use crate::{history::OpId, verdict::Anomaly};

/// A read lacks an element that it must have.
pub const MISSING: &str = "missing";
/// A read lacks an element that an earlier one of its process or node had.
pub const NON_MONOTONIC_READ: &str = super::monotonic::NON_MONOTONIC_READ;

/// The judge of one set. Its functions are [`crate::set::FUNCTIONS`].
#[derive(Clone, Debug)]
pub struct GSet {
    view: View,
    elements: Elements,
    /// By whose they are, what the next read must have.
    sides: BTreeMap<u64, Side>,
    /// What a read that is under way must have.
    reads: BTreeMap<OpId, Must>,
    marks: Marks,
}

#[derive(Clone, Debug, Default)]
struct Side {
    /// Elements in the order of their acknowledgement.
    acknowledged: Vec<u32>,
    last_read: Option<OpId>,
}

#[derive(Clone, Copy, Debug)]
struct Must {
    /// So many of the elements that were acknowledged.
    acknowledged: usize,
    /// What this read had.
    last_read: Option<OpId>,
}

impl GSet {
    /// The judge of reads that must have so much.
    pub fn new(view: View) -> Self {
        let (elements, sides, reads, marks) = Default::default();
        Self { view, elements, sides, reads, marks }
    }

    fn side(&mut self, event: Heard<'_>) -> &mut Side {
        self.sides.entry(self.view.side(event.operation())).or_default()
    }

    fn read(&mut self, event: Heard<'_>, items: &[u64]) -> Option<Anomaly> {
        let unexpected = self.elements.sift(items, &mut self.marks).unexpected;
        let unexpected = unexpected.first().and_then(|item| {
            let (read, item) = (told(event.history, event.op), spell(event.history, *item));
            breach(
                UNEXPECTED,
                &[event.op],
                format!("{read} has {item}, which nobody had asked to add{}", more(unexpected.len())),
            )
        });
        let must = self.reads.remove(&event.op);
        let found = unexpected
            .or_else(|| self.missing(event, must?.acknowledged))
            .or_else(|| self.gone(event, must?.last_read.filter(|_| self.view != View::Global)?));
        self.side(event).last_read = Some(event.op);
        found
    }

    /// The first of so many acknowledged elements that the read has not.
    fn missing(&self, event: Heard<'_>, acknowledged: usize) -> Option<Anomaly> {
        let must = &self.sides.get(&self.view.side(event.operation()))?.acknowledged[..acknowledged];
        let element = must.iter().find(|element| !self.marks.has(**element))?;
        let add = self.elements.adds()[*element as usize].acknowledged?;
        let [add_told, read] = [add, event.op].map(|op| told(event.history, op));
        breach(MISSING, &[add, event.op], format!("{read} lacks the element of {add_told}, which had completed before"))
    }

    /// The first element of an earlier read that the read has not.
    fn gone(&self, event: Heard<'_>, earlier: OpId) -> Option<Anomaly> {
        let output = super::output(event.history, earlier)?;
        let before = event.history.values.numbers(&output);
        let is_there = |item: &u64| self.elements.find(*item).is_none_or(|element| self.marks.has(element));
        let gone = spell(event.history, *before.iter().find(|item| !is_there(item))?);
        let [first, second] = [earlier, event.op].map(|op| told(event.history, op));
        breach(NON_MONOTONIC_READ, &[earlier, event.op], format!("{second} goes back behind {first}: {gone} is gone"))
    }
}

impl Checker for GSet {
    fn invoke(&mut self, event: Heard<'_>) {
        self.elements.invoke(event);
        if event.input().is_none() {
            let Side { acknowledged, last_read } = self.side(event);
            let must = Must { acknowledged: acknowledged.len(), last_read: *last_read };
            self.reads.insert(event.op, must);
        }
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let output = event.output()?;
        let Some(element) = self.elements.acknowledge(event) else {
            return self.read(event, event.history.values.numbers(&output));
        };
        self.side(event).acknowledged.push(element);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, View};
    use crate::{family::Family, history::History};

    const GLOBAL: Family = Family::GSetGlobal;
    const PROCESS: Family = Family::GSet;

    #[test]
    fn a_read_has_what_was_acknowledged_before() {
        check(GLOBAL, "0 add 1\n0 ok\n1 read\n1 ok [1]\n0 add 2\n1 read\n1 ok [1]\n1 read\n1 ok [2 1]", "valid");
        only(GLOBAL, "0 add 1\n0 ok\n1 read\n1 ok []", "missing");
        check(GLOBAL, "1 read\n0 add 1\n0 ok\n1 ok []", "valid");
        only(GLOBAL, "1 read\n1 ok [7]", "unexpected");
    }

    #[test]
    fn a_process_has_its_own_elements_and_what_it_read() {
        check(PROCESS, "0 add 1\n0 ok\n1 read\n1 ok []\n0 read\n0 ok [1]\n1 read\n1 ok [1]", "valid");
        only(PROCESS, "0 add 1\n0 ok\n0 read\n0 ok []", "missing");
        only(PROCESS, "0 add 1\n1 read\n1 ok [1]\n1 read\n1 ok []", "non-monotonic-read");
        only(PROCESS, "1 read\n1 ok [7]", "unexpected");
        says(
            PROCESS,
            "0 add 1\n0 ok\n0 read\n0 ok []",
            "read(k1) -> [] by p0 lacks the element of add(k1, 1) by p0, which had completed before",
        );
    }

    /// The definition, read by read and element by element.
    fn oracle(history: &History, view: View) -> Clauses {
        let (mut missing, mut gone, mut unexpected) = (false, false, false);
        for (read, by) in ops(history).filter(|(_, one)| one.call.function == 1 && is_ok(one)) {
            let has = numbers(history, read);
            for item in 0..4 {
                let adds = || ops(history).filter(|(_, one)| int(one.call.input) == Some(item));
                let is_asked = adds().any(|(add, _)| invoked(history, add) < completed(history, read));
                let is_own = |process| view == View::Global || process == by.process;
                let mut sure = adds().filter(|(_, one)| is_ok(one) && is_own(one.process));
                let is_sure = sure.any(|(add, _)| completed(history, add) < invoked(history, read));
                let mut before =
                    ops(history).filter(|(op, one)| one.process == by.process && *op < read && view == View::Process);
                let was_read = before.any(|(op, one)| one.call.function == 1 && numbers(history, op).contains(&item));
                let is_there = has.contains(&item);
                unexpected |= is_there && !is_asked;
                missing |= !is_there && is_sure;
                gone |= !is_there && was_read;
            }
        }
        clauses([("missing", missing), ("non-monotonic-read", gone), ("unexpected", unexpected)])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke = |pick, value| if pick % 4 < 2 { format!("add {}", value % 3) } else { "read".to_owned() };
        let complete = |function: &str, pick, value: u8| match (function, pick % 8) {
            (_, 0) => "fail".to_owned(),
            (_, 1) => "info".to_owned(),
            ("read", _) => format!("ok {}", subset(value | pick, 3)),
            _ => "ok".to_owned(),
        };
        compare(GLOBAL, |history| oracle(history, View::Global), invoke, complete);
        compare(PROCESS, |history| oracle(history, View::Process), invoke, complete);
    }
}
