//! A set that is read once everything was added: is all there that was acknowledged, and nothing that nobody asked for?
//!
//! Jepsen's `set` (Kingsbury, jepsen.checker): the last read that completed is judged. An element is *lost* if its add was
//! acknowledged and the read lacks it, *unexpected* if the read has it and no add of it was invoked, *recovered* if the read
//! has it and no add of it was acknowledged. Lost or unexpected elements are wrong. Without a read there is no verdict.

use super::{
    Checker, Figure, Heard, LOST, UNEXPECTED, breach,
    elements::{Elements, Marks},
    more, numbers, spell, told, verdict,
};
use crate::{
    history::{History, OpId},
    verdict::{Anomaly, Budget, Verdict},
};

/// The judge of what a set holds at last.
#[derive(Clone, Debug, Default)]
pub struct FinalSet {
    elements: Elements,
    last_read: Option<OpId>,
    figures: Vec<Figure>,
}

impl Checker for FinalSet {
    fn invoke(&mut self, event: Heard<'_>) {
        self.elements.invoke(event);
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        event.output()?;
        if self.elements.acknowledge(event).is_none() {
            self.last_read = Some(event.op);
        }
        None
    }

    fn finish(&mut self, history: &History) -> Verdict {
        let Some(read) = self.last_read else { return Verdict::Unknown(Budget::Unread) };
        let mut marks = Marks::default();
        let unexpected = self.elements.sift(numbers(history, read), &mut marks).unexpected;
        let lost = self.elements.lost(&marks);
        let found = (0..).zip(self.elements.adds()).filter(|(element, _)| marks.has(*element));
        let (mut ok, mut recovered) = (0, 0);
        found.for_each(|(_, add)| *if add.acknowledged.is_some() { &mut ok } else { &mut recovered } += 1);
        self.figures = vec![
            Figure::new("attempts", self.elements.adds().len()),
            Figure::new("acknowledged", ok + lost.len()),
            Figure::new("ok", ok + recovered),
            Figure::new("lost", lost.len()),
            Figure::new("unexpected", unexpected.len()),
            Figure::new("recovered", recovered),
        ];
        verdict(lost_from(history, &self.elements, read, &lost).or_else(|| unexpected_in(history, read, &unexpected)))
    }

    fn figures(&self) -> Vec<Figure> {
        self.figures.clone()
    }
}

/// `read` lacks the elements `lost`, if there are any.
pub(super) fn lost_from(history: &History, elements: &Elements, read: OpId, lost: &[u32]) -> Option<Anomaly> {
    let add = elements.adds()[*lost.first()? as usize].acknowledged?;
    let (add_told, read_told, more) = (told(history, add), told(history, read), more(lost.len()));
    breach(LOST, &[add, read], format!("{add_told} was acknowledged, but {read_told} lacks it{more}"))
}

/// `read` has these items, of which there may be none, that nobody had asked to add.
pub(super) fn unexpected_in(history: &History, read: OpId, items: &[u64]) -> Option<Anomaly> {
    let (item, read_told) = (spell(history, *items.first()?), told(history, read));
    breach(UNEXPECTED, &[read], format!("{read_told} has {item}, which nobody had added{}", more(items.len())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::testing::*;
    use crate::{family::Family, history::History};

    const FAMILY: Family = Family::JepsenSet;

    #[test]
    fn the_last_read_has_all_that_was_acknowledged() {
        check(FAMILY, "0 add 1\n0 ok\n1 read\n1 ok []\n0 add 2\n0 ok\n1 read\n1 ok [1 2]", "valid");
        only(FAMILY, "0 add 1\n0 ok\n0 add 2\n0 ok\n1 read\n1 ok [2]", "lost");
        only(FAMILY, "0 add 1\n0 ok\n1 read\n1 ok [1 7]", "unexpected");
        check(FAMILY, "0 add 1\n0 fail\n2 add 2\n2 info\n1 read\n1 ok [1 2]", "valid");
        check(FAMILY, "0 add 1\n0 ok\n1 read\n1 fail", "unknown");
    }

    #[test]
    fn what_is_counted_is_reported() {
        let text = "0 add 1\n0 ok\n0 add 2\n0 ok\n0 add 3\n0 info\n1 read\n1 ok [2 3 9]";
        let expected = "attempts 3, acknowledged 2, ok 2, lost 1, unexpected 1, recovered 1";
        assert_eq!(reported(FAMILY, text), expected);
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        says(
            FAMILY,
            "0 add 1\n0 ok\n0 add 2\n0 ok\n0 add 3\n0 ok\n1 read\n1 ok [2]",
            "add(k1, 1) by p0 was acknowledged, but read(k1) -> [2] by p1 lacks it, and 1 more",
        );
    }

    /// The definition, word by word.
    fn oracle(history: &History) -> Clauses {
        let of = |function: u8| ops(history).filter(move |(_, one)| one.call.function == function);
        let last = of(1).filter(|(_, one)| is_ok(one)).max_by_key(|(op, _)| completed(history, *op))?;
        let read: BTreeSet<u64> = numbers(history, last.0).into_iter().collect();
        let attempts: BTreeSet<u64> = of(0).filter_map(|(_, one)| int(one.call.input)).collect();
        let adds: BTreeSet<u64> =
            of(0).filter(|(_, one)| is_ok(one)).filter_map(|(_, one)| int(one.call.input)).collect();
        clauses([("lost", !adds.is_subset(&read)), ("unexpected", !read.is_subset(&attempts))])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke = |pick, value| if pick % 3 < 2 { format!("add {}", value % 4) } else { "read".to_owned() };
        compare(FAMILY, oracle, invoke, |function, pick, value| match (function, pick % 8) {
            (_, 0) => "fail".to_owned(),
            (_, 1) => "info".to_owned(),
            ("read", _) => format!("ok {}", subset(value, 4)),
            _ => "ok".to_owned(),
        });
    }
}
