//! A queue of which everything comes out: is all there in the end that was acknowledged, and nothing that nobody put in?
//!
//! Jepsen's `total-queue` (Kingsbury, jepsen.checker). Of the whole history are counted, value by value: *attempts*, the enqueues that were invoked;
//! *acknowledged*, those that completed; and dequeues, with what a drain returned. What was acknowledged and not dequeued is
//! *lost*, what was dequeued without an attempt *unexpected*; these are wrong. What was dequeued more often than attempted is
//! *duplicated*, what was dequeued and not acknowledged *recovered*; these are reported.

use super::{Checker, Figure, Heard, LOST, UNEXPECTED, breach, more, spell, told, verdict};
use crate::{
    history::{History, OpId},
    interner::Interner,
    verdict::{Anomaly, Verdict},
};

/// The judge of what came out in the end. Its functions are [`super::queue::FUNCTIONS`].
#[derive(Clone, Debug, Default)]
pub struct TotalQueue {
    items: Interner<u64>,
    /// By number of the item.
    tallies: Vec<Tally>,
    figures: Vec<Figure>,
}

/// How often an item went in and came out.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    attempts: usize,
    acknowledged: usize,
    dequeued: usize,
    /// The last enqueue that was acknowledged.
    enqueue: Option<OpId>,
    /// The last operation that took the item out.
    taker: Option<OpId>,
}

impl Tally {
    fn lost(&self) -> usize {
        self.acknowledged.saturating_sub(self.dequeued)
    }

    fn ok(&self) -> usize {
        self.dequeued.min(self.attempts)
    }

    /// What came out although it never went in.
    fn unexpected(&self) -> usize {
        if self.attempts == 0 { self.dequeued } else { 0 }
    }

    fn duplicated(&self) -> usize {
        self.dequeued - self.ok() - self.unexpected()
    }

    fn recovered(&self) -> usize {
        self.ok().saturating_sub(self.acknowledged)
    }
}

impl TotalQueue {
    fn tally(&mut self, item: u64) -> &mut Tally {
        let number = self.items.id(item) as usize;
        self.tallies.resize(self.items.len(), Tally::default());
        &mut self.tallies[number]
    }

    /// The items of which there is something to count, with their numbers.
    fn those(&self, count: impl Fn(&Tally) -> usize) -> Vec<(u64, Tally)> {
        let some = (0..).zip(&self.tallies).filter(|(_, tally)| count(tally) > 0);
        some.map(|(number, tally)| (*self.items.item(number), *tally)).collect()
    }

    fn lost(&self, history: &History) -> Option<Anomaly> {
        let lost = self.those(Tally::lost);
        let enqueue = lost.first()?.1.enqueue?;
        let sentence = format!("{} was acknowledged, but did not come out again", told(history, enqueue));
        breach(LOST, &[enqueue], sentence + &more(lost.len()))
    }

    fn unexpected(&self, history: &History) -> Option<Anomaly> {
        let unexpected = self.those(Tally::unexpected);
        let (item, Tally { taker: Some(taker), .. }) = unexpected.first()? else { return None };
        let (took, item) = (told(history, *taker), spell(history, *item));
        let sentence = format!("{took} took {item}, which nobody had put in{}", more(unexpected.len()));
        breach(UNEXPECTED, &[*taker], sentence)
    }
}

impl Checker for TotalQueue {
    fn invoke(&mut self, event: Heard<'_>) {
        if let Some(item) = event.input() {
            self.tally(item).attempts += 1;
        }
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let output = event.output()?;
        if let Some(item) = event.input() {
            let tally = self.tally(item);
            tally.acknowledged += 1;
            tally.enqueue = Some(event.op);
            return None;
        }
        for item in event.history.values.numbers(&output) {
            let tally = self.tally(*item);
            tally.dequeued += 1;
            tally.taker = Some(event.op);
        }
        None
    }

    fn finish(&mut self, history: &History) -> Verdict {
        let sum = |of: fn(&Tally) -> usize| self.tallies.iter().map(of).sum::<usize>();
        self.figures = vec![
            Figure::new("attempts", sum(|tally| tally.attempts)),
            Figure::new("acknowledged", sum(|tally| tally.acknowledged)),
            Figure::new("ok", sum(Tally::ok)),
            Figure::new("lost", sum(Tally::lost)),
            Figure::new("unexpected", sum(Tally::unexpected)),
            Figure::new("duplicated", sum(Tally::duplicated)),
            Figure::new("recovered", sum(Tally::recovered)),
        ];
        verdict(self.lost(history).or_else(|| self.unexpected(history)))
    }

    fn figures(&self) -> Vec<Figure> {
        self.figures.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::{family::Family, history::History};

    const FAMILY: Family = Family::TotalQueue;

    #[test]
    fn what_was_acknowledged_comes_out_and_nothing_else() {
        check(FAMILY, "0 enqueue 1\n0 ok\n0 enqueue 2\n0 info\n1 dequeue\n1 ok 2\n1 drain\n1 ok [1]", "valid");
        only(FAMILY, "0 enqueue 1\n0 ok\n1 dequeue\n1 fail", "lost");
        only(FAMILY, "0 enqueue 1\n0 ok\n0 enqueue 1\n0 ok\n1 dequeue\n1 ok 1", "lost");
        only(FAMILY, "1 dequeue\n1 ok 7", "unexpected");
        check(FAMILY, "0 enqueue 1\n0 ok\n1 drain\n1 ok [1 1]", "valid");
    }

    #[test]
    fn what_is_counted_is_reported() {
        let text = "0 enqueue 1\n0 ok\n0 enqueue 2\n0 info\n0 enqueue 3\n0 ok\n1 drain\n1 ok [2 2 3 9]";
        let expected = "attempts 3, acknowledged 2, ok 2, lost 1, unexpected 1, duplicated 1, recovered 1";
        assert_eq!(reported(FAMILY, text), expected);
        says(FAMILY, text, "enqueue(k1, 1) by p0 was acknowledged, but did not come out again");
    }

    /// The definition, as multisets.
    fn oracle(history: &History) -> Clauses {
        let items = |function: u8| ops(history).filter(move |(_, one)| one.call.function == function);
        let out: Vec<u64> = items(1).chain(items(2)).flat_map(|(op, _)| numbers(history, op)).collect();
        let times = |item: u64| out.iter().filter(|other| **other == item).count();
        let asked = |item: u64| items(0).filter(move |(_, one)| int(one.call.input) == Some(item));
        let lost = (0..3).any(|item| asked(item).filter(|(_, one)| is_ok(one)).count() > times(item));
        let unexpected = (0..3).any(|item| times(item) > 0 && asked(item).count() == 0);
        clauses([("lost", lost), ("unexpected", unexpected)])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        compare(FAMILY, oracle, queue_calls, queue_ends);
    }
}
