//! Queues that keep the order within a group of messages, each group a key: nothing overtakes, comes twice or from nowhere.
//!
//! An enqueue that completed before another was invoked comes first. So if a message came out, what had been put in before it
//! in this sense must have come out, or have been taken by a dequeue that was under way when the message's own completed: no
//! dequeue of it may be invoked later, and it may not stay in the queue where everything was asked for that can be.
//! Messages are told apart by their values, which are put in once. This is what amounts to first in, first out without a search,
//! and less than linearizability: see [`crate::models::FifoQueue`].

use super::{Checker, DUPLICATED, Heard, UNEXPECTED, breach, spell, told, verdict};
use crate::{
    history::{History, OpId},
    interner::Interner,
    verdict::{Anomaly, Verdict},
};

/// A message came out before one that had been put in before it.
pub const OVERTAKEN: &str = "overtaken";

/// The judge of one group. Its functions are [`super::queue::FUNCTIONS`]; a drain takes in the order of its list.
#[derive(Clone, Debug, Default)]
pub struct FifoGroups {
    items: Interner<u64>,
    /// By number of the item.
    messages: Vec<Message>,
    /// Messages that came out, in that order, each put in later than all before it.
    latest: Vec<u32>,
    /// Dequeues of which nobody knows what they took.
    unknown: usize,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    enqueue: OpId,
    /// Position of the enqueue's invocation among all events.
    put: u32,
    /// Position of its acknowledgement.
    acknowledged: Option<u32>,
    out: Option<Out>,
}

#[derive(Clone, Copy, Debug)]
struct Out {
    taker: OpId,
    /// Position of the event.
    at: u32,
}

impl FifoGroups {
    /// Takes out `items`, one after the other.
    fn take(&mut self, event: Heard<'_>, items: &[u64]) -> Option<Anomaly> {
        let mut newest: Option<Message> = None;
        for item in items {
            let Some(number) = self.items.find(item) else { return unexpected(event, *item) };
            let message = &mut self.messages[number as usize];
            if let Some(first) = message.out.replace(Out { taker: event.op, at: event.at }) {
                return duplicated(event, *item, first.taker);
            }
            let message = *message;
            let by = newest.filter(|newest| message.is_before(newest)).or(self.overtaker(&message, event.invoked));
            if by.is_some() {
                return by.and_then(|by| overtaken(event.history, &message, &by));
            }
            if self.newest().is_none_or(|newest| newest.put < message.put) {
                self.latest.push(number);
            }
            newest = newest.filter(|newest| newest.put > message.put).or(Some(message));
        }
        None
    }

    /// Of the messages that came out, the one that was put in last.
    fn newest(&self) -> Option<&Message> {
        self.latest.last().map(|number| &self.messages[*number as usize])
    }

    /// A message that came out before position `by` although `message` had been put in before it.
    fn overtaker(&self, message: &Message, by: u32) -> Option<Message> {
        let place = self.latest.partition_point(|number| !message.is_before(&self.messages[*number as usize]));
        let other = self.messages[*self.latest.get(place)? as usize];
        other.out.is_some_and(|out| out.at < by).then_some(other)
    }
}

impl Message {
    /// Whether this one was put in first for sure.
    fn is_before(&self, other: &Self) -> bool {
        self.acknowledged.is_some_and(|at| at < other.put)
    }
}

impl Checker for FifoGroups {
    fn invoke(&mut self, event: Heard<'_>) {
        let Some(item) = event.input() else {
            self.unknown += 1;
            return;
        };
        if self.items.id(item) as usize == self.messages.len() {
            self.messages.push(Message { enqueue: event.op, put: event.at, acknowledged: None, out: None });
        }
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let Some(item) = event.input() else {
            self.unknown -= usize::from(event.output().is_some() || event.has_failed());
            let output = event.output()?;
            return self.take(event, event.history.values.numbers(&output));
        };
        event.output()?;
        let message = &mut self.messages[self.items.find(&item)? as usize];
        message.acknowledged.get_or_insert(event.at);
        None
    }

    /// What is left in the queue was overtaken by what came out, unless somebody may have taken it.
    fn finish(&mut self, history: &History) -> Verdict {
        let left = self.messages.iter().filter(|message| message.out.is_none());
        let mut left = left.filter_map(|message| Some((message, self.overtaker(message, u32::MAX)?)));
        verdict(left.nth(self.unknown).and_then(|(message, by)| overtaken(history, message, &by)))
    }
}

fn unexpected(event: Heard<'_>, item: u64) -> Option<Anomaly> {
    let (took, item) = (told(event.history, event.op), spell(event.history, item));
    breach(UNEXPECTED, &[event.op], format!("{took} took {item}, which nobody had put in"))
}

fn duplicated(event: Heard<'_>, item: u64, first: OpId) -> Option<Anomaly> {
    let [took, had] = [event.op, first].map(|op| told(event.history, op));
    let item = spell(event.history, item);
    breach(DUPLICATED, &[first, event.op], format!("{took} took {item}, which {had} had taken"))
}

fn overtaken(history: &History, message: &Message, by: &Message) -> Option<Anomaly> {
    let taker = by.out?.taker;
    let shown = [message.enqueue, by.enqueue, taker];
    let [first, second, out] = shown.map(|op| told(history, op));
    let (end, own) = match message.out {
        Some(own) => (format!("{} asked only later", told(history, own.taker)), Some(own.taker)),
        None => ("the first never did".to_owned(), None),
    };
    let sentence = format!("{first} had completed before {second}, whose message came out by {out}; {end}");
    breach(OVERTAKEN, &shown.into_iter().chain(own).collect::<Vec<_>>(), sentence)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::{
        family::Family,
        history::{History, OpId},
    };

    const FAMILY: Family = Family::FifoGroups;

    #[test]
    fn messages_come_out_in_the_order_in_which_they_went_in() {
        let two = "0 enqueue 1\n0 ok\n0 enqueue 2\n0 ok\n";
        check(FAMILY, &format!("{two}1 dequeue\n1 ok 1\n1 dequeue\n1 ok 2"), "valid");
        only(FAMILY, &format!("{two}1 dequeue\n1 ok 2\n1 dequeue\n1 ok 1"), "overtaken");
        only(FAMILY, &format!("{two}1 dequeue\n1 ok 2"), "overtaken");
        only(FAMILY, &format!("{two}1 drain\n1 ok [2 1]"), "overtaken");
        check(FAMILY, &format!("{two}1 dequeue\n2 dequeue\n1 ok 2\n2 ok 1"), "valid");
        check(FAMILY, &format!("{two}2 dequeue\n2 info\n1 dequeue\n1 ok 2"), "valid");
        check(FAMILY, "0 enqueue 1\n1 enqueue 2\n0 ok\n1 ok\n2 dequeue\n2 ok 2\n2 dequeue\n2 ok 1", "valid");
        says(
            FAMILY,
            &format!("{two}1 dequeue\n1 ok 2\n1 dequeue\n1 ok 1"),
            "enqueue(k1, 1) by p0 had completed before enqueue(k1, 2) by p0, whose message came out by dequeue(k1) -> 2 by p1; \
             dequeue(k1) -> 1 by p1 asked only later",
        );
    }

    #[test]
    fn messages_come_from_somewhere_and_once() {
        only(FAMILY, "1 dequeue\n1 ok 1", "unexpected");
        only(FAMILY, "0 enqueue 1\n0 ok\n1 dequeue\n1 ok 1\n1 dequeue\n1 ok 1", "duplicated");
    }

    #[test]
    fn groups_are_queues_of_their_own() {
        let put = |group: u8, item: u8| format!("0 enqueue [{group} {item}]\n0 ok [{group} {item}]\n");
        let get = |group: u8, item: u8| format!("1 dequeue [{group} nil]\n1 ok [{group} {item}]\n");
        check(FAMILY, &(put(1, 1) + &put(2, 2) + &get(2, 2) + &get(1, 1)), "valid");
        only(FAMILY, &(put(1, 1) + &put(1, 2) + &get(1, 2) + &get(1, 1)), "overtaken");
    }

    /// The definition, pair by pair; messages are put in once.
    fn oracle(history: &History) -> Clauses {
        let outs: Vec<(u64, OpId)> = ops(history)
            .filter(|(_, one)| one.call.function > 0)
            .flat_map(|(op, _)| numbers(history, op).into_iter().map(move |item| (item, op)))
            .collect();
        let put = |item: u64| ops(history).find(|(_, one)| int(one.call.input) == Some(item));
        let acknowledged = |item: u64| ops(history).find(|(_, one)| int(one.call.input) == Some(item) && is_ok(one));
        let takers = |item: u64| outs.iter().filter(move |(other, _)| *other == item).map(|(_, op)| *op);
        let is_strange = |(item, op): &(u64, OpId)| {
            put(*item).is_none_or(|(put, _)| invoked(history, put) > completed(history, *op))
        };
        let unknown = ops(history).filter(|(_, one)| one.call.function > 0 && !is_ok(one) && !has_failed(one)).count();
        let is_first = |one: u64, other: u64| match (acknowledged(one), put(other)) {
            (Some(one), Some(other)) => completed(history, one.0) < invoked(history, other.0),
            _ => false,
        };
        let comes_late = |one: u64, other: u64| {
            let mut takers = takers(one);
            takers.any(|late| self::oracle_takes(history, &outs, other, late, one))
        };
        let overtaken = (0..4).any(|one| (0..4).any(|other| is_first(one, other) && comes_late(one, other)));
        let is_left = |one: &u64| {
            takers(*one).next().is_none() && (0..4).any(|other| is_first(*one, other) && takers(other).next().is_some())
        };
        let left = (0..4).filter(is_left).count() > unknown;
        clauses([
            ("unexpected", outs.iter().any(is_strange)),
            ("duplicated", (0..4).any(|item| takers(item).count() > 1)),
            ("overtaken", overtaken || left),
        ])
    }

    /// Whether `other` came out before `late`, which took `one`, was invoked, or earlier in its list.
    fn oracle_takes(history: &History, outs: &[(u64, OpId)], other: u64, late: OpId, one: u64) -> bool {
        outs.iter().filter(|(item, _)| *item == other).any(|(_, op)| {
            let list = numbers(history, *op);
            let place = |item: u64| list.iter().position(|other| *other == item);
            completed(history, *op) < invoked(history, late) || *op == late && place(other) < place(one)
        })
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        // Each value is put in once: the first puts 0, and so on.
        let calls = |pick: u8, value: u8| match pick % 8 {
            0..4 => "enqueue".to_owned(),
            _ => queue_calls(4 + pick % 4, value),
        };
        let numbered = std::cell::Cell::new(0_u8);
        let invoke = |pick, value| match calls(pick, value) {
            call if call == "enqueue" => {
                numbered.set((numbered.get() + 1) % 4);
                format!("enqueue {}", numbered.get())
            }
            call => call,
        };
        compare(FAMILY, oracle, invoke, |function, pick, value| match function {
            "dequeue" => {
                queue_ends(function, pick, value).replace("ok 2", if value.is_multiple_of(2) { "ok 2" } else { "ok 3" })
            }
            "drain" if pick % 16 > 1 => format!("ok [{} {}]", value % 4, (value / 4) % 4),
            _ => queue_ends(function, pick, value),
        });
    }
}
