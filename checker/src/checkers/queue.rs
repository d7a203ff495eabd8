//! Queues: does what comes out come from somewhere?
//!
//! [`Queue`] is Jepsen's `queue` over an unordered queue: every enqueue is taken to have succeeded when it is invoked, and each
//! value that was dequeued must be there at that moment. So a value never comes out before it was put in, nor more often.

use super::{Checker, Heard, UNEXPECTED, breach, spell, told};
use crate::{history::History, interner::Interner, verdict::Anomaly};

/// The names of the functions: `enqueue` takes an `Int`, `dequeue` returns one, or `Nil` for none; `drain` returns a `List`.
pub const FUNCTIONS: &[&str] = &["enqueue", "dequeue", "drain"];

/// The judge of what comes out, as it comes.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    items: Interner<u64>,
    /// By number of the item, how many may be in the queue.
    there: Vec<u32>,
}

impl Queue {
    /// Takes one out, if it is there.
    fn take(&mut self, item: u64) -> bool {
        let there = self.items.find(&item).map(|number| &mut self.there[number as usize]);
        there.filter(|there| **there > 0).map(|there| *there -= 1).is_some()
    }
}

impl Checker for Queue {
    fn invoke(&mut self, event: Heard<'_>) {
        let Some(item) = event.input() else { return };
        let number = self.items.id(item) as usize;
        self.there.resize(self.items.len(), 0);
        self.there[number] += 1;
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let output = event.output().filter(|_| event.input().is_none())?;
        let items = event.history.values.numbers(&output);
        let strange = items.iter().filter(|item| !self.take(**item)).copied().next()?;
        no_such(event.history, event, strange)
    }
}

fn no_such(history: &History, event: Heard<'_>, item: u64) -> Option<Anomaly> {
    let (taken, item) = (told(history, event.op), spell(history, item));
    breach(UNEXPECTED, &[event.op], format!("{taken} took {item} more often than it had been put in by then"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::{
        family::Family,
        history::{Event, History},
    };

    const FAMILY: Family = Family::Queue;

    #[test]
    fn what_comes_out_was_put_in_before_and_as_often() {
        check(FAMILY, "0 enqueue 1\n1 dequeue\n1 ok 1\n0 fail\n1 dequeue\n1 ok", "valid");
        only(FAMILY, "1 dequeue\n1 ok 1\n0 enqueue 1\n0 ok", "unexpected");
        only(FAMILY, "0 enqueue 1\n0 ok\n1 dequeue\n1 ok 1\n1 dequeue\n1 ok 1", "unexpected");
        only(FAMILY, "0 enqueue 1\n0 ok\n1 drain\n1 ok [1 2]", "unexpected");
        check(FAMILY, "0 enqueue 1\n0 ok\n0 enqueue 1\n0 info\n1 drain\n1 ok [1 1]", "valid");
        says(FAMILY, "1 dequeue\n1 ok 7", "dequeue(k1) -> 7 by p1 took 7 more often than it had been put in by then");
    }

    /// The definition: at every event, no item came out more often than it went in.
    fn oracle(history: &History) -> Clauses {
        let broken = (0..history.events.len()).any(|end| {
            let events = &history.events[..=end];
            (0..3).any(|item| {
                let ins = events.iter().filter(|event| match event {
                    Event::Invoke(op) => int(history.operation(*op).call.input) == Some(item),
                    Event::Complete(_) => false,
                });
                let outs = events.iter().flat_map(|event| match event {
                    Event::Complete(op) if history.operation(*op).call.function > 0 => numbers(history, *op),
                    Event::Complete(_) | Event::Invoke(_) => Vec::new(),
                });
                outs.filter(|other| *other == item).count() > ins.count()
            })
        });
        clauses([("unexpected", broken)])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        compare(FAMILY, oracle, queue_calls, queue_ends);
    }
}
