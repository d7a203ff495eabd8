//! Logs of messages by key, as Kafka's are: is every message where it was put, once, and read in order by all?
//!
//! The clauses are those of Jepsen's Kafka workload (Kingsbury, jepsen.tests.kafka), without its search for cycles. A send puts a
//! value, which no other send of the key has, at the end of a key's log and is told its *offset*; a poll returns pairs of offset and value.
//! Several of them can be one transaction. Of what is read or acknowledged with its offset are wrong:
//!
//! * *inconsistent offsets*: two values at one offset of a key; *duplicate*: a value at two offsets of a key;
//! * *aborted read*: a poll returned what a send put that failed (G1a); *precommitted read*: what its own transaction put;
//! * *unexpected*: a poll returned what nobody had asked to send;
//! * *lost write*: an acknowledged message that no poll returned, below an offset that one did;
//! * *nonmonotonic poll*, *poll skip*: two polls of a process in succession go back, or leave out a message that is known to be between; with
//!   `int-` in front within one operation. A process that subscribes gives its place to others at any time, and of one that assigns
//!   itself keys only those count that it keeps;
//! * *nonmonotonic send*: two sends of a process in succession are told offsets that go back; `int-` as before.
//!
//! How many acknowledged messages nobody polled (*unseen*) is reported: the polling may have ended early. Deliberately absent: the cycles of
//! transactions.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checker, Figure, Heard, UNEXPECTED, breach, more, spell, told, verdict};
use crate::{
    history::{Deed, History, Micro, OpId, Process, Value},
    interner::Interner,
    model::ABORTED_READ,
    verdict::{Anomaly, Verdict},
};

/// The names of the functions. `send`, `poll` and `txn` take and return a `Transaction`: an append for each send, of an `Int`, or
/// once it is done a `Pair` of offset and value, and a read for each message that was polled, a `Pair` as well. `assign` and
/// `subscribe` take a `List` of keys. What the last two do is not looked at.
pub const FUNCTIONS: &[&str] = &["send", "poll", "txn", "assign", "subscribe", "crash", "debug-topic-partitions"];
const ASSIGN: u8 = 3;
const SUBSCRIBE: u8 = 4;

/// Two values at one offset.
pub const INCONSISTENT_OFFSETS: &str = "inconsistent-offsets";
/// One value at two offsets.
pub const DUPLICATE: &str = "duplicate";
/// A transaction polled what it had sent itself.
pub const PRECOMMITTED_READ: &str = "precommitted-read";
/// An acknowledged message below one that was polled was never polled.
pub const LOST_WRITE: &str = "lost-write";
/// A process polled a message and then one before it, or the same again.
pub const NONMONOTONIC_POLL: &str = "nonmonotonic-poll";
/// The same in one operation.
pub const INT_NONMONOTONIC_POLL: &str = "int-nonmonotonic-poll";
/// A process polled two messages in succession and none that is between.
pub const POLL_SKIP: &str = "poll-skip";
/// The same in one operation.
pub const INT_POLL_SKIP: &str = "int-poll-skip";
/// A process sent two messages of which the later comes first.
pub const NONMONOTONIC_SEND: &str = "nonmonotonic-send";
/// The same in one operation.
pub const INT_NONMONOTONIC_SEND: &str = "int-nonmonotonic-send";

/// The judge of all logs of a history at once.
#[derive(Clone, Debug, Default)]
pub struct Kafka {
    messages: Interner<(u32, u64)>,
    /// By number of the message.
    known: Vec<Message>,
    places: Interner<(u32, u64)>,
    /// By number of the place: what is there, and who said so.
    contents: Vec<(u64, OpId)>,
    polled: BTreeMap<(Process, u32), Place>,
    sent: BTreeMap<(Process, u32), Place>,
    /// What each process assigned itself; none if it subscribes.
    assigned: BTreeMap<Process, BTreeSet<u32>>,
    subscribed: BTreeSet<Process>,
    /// Pairs of places, with others between, that polls put in succession; to be looked at when all messages are known.
    jumps: Vec<Jump>,
}

/// What is known of a message, a key and a value.
#[derive(Clone, Copy, Debug, Default)]
struct Message {
    sender: Option<OpId>,
    has_failed: bool,
    acknowledged: bool,
    offset: Option<(u64, OpId)>,
    poll: Option<OpId>,
}

/// Where a process is in a log, and by which operation.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    op: OpId,
}

#[derive(Clone, Copy, Debug)]
struct Jump {
    key: u32,
    from: Place,
    to: Place,
}

impl Kafka {
    fn message(&mut self, key: u32, value: u64) -> &mut Message {
        let number = self.messages.id((key, value)) as usize;
        if number == self.known.len() {
            self.known.push(Message::default());
        }
        &mut self.known[number]
    }

    /// What is wrong with a message being at a place.
    fn locate(&mut self, event: Heard<'_>, key: u32, offset: u64, value: u64) -> Option<Anomaly> {
        let place = self.places.id((key, offset)) as usize;
        if place == self.contents.len() {
            self.contents.push((value, event.op));
        }
        let (other, by) = self.contents[place];
        let (before, first) = *self.message(key, value).offset.get_or_insert((offset, event.op));
        if other != value {
            inconsistent(event, by, [other, value], key, offset)
        } else if before != offset {
            duplicate(event, first, value, key, [before, offset])
        } else {
            None
        }
    }

    fn acknowledge(&mut self, event: Heard<'_>, key: u32, value: Value) -> Option<Anomaly> {
        let (offset, value) = match value {
            Value::Pair(offset, value) => (Some(offset), value),
            Value::Int(value) => (None, value),
            _ => return None,
        };
        self.message(key, value).acknowledged = true;
        let offset = offset?;
        let wrong = self.locate(event, key, offset, value);
        let place = Place { offset, op: event.op };
        let before = self.sent.insert((event.operation().process, key), place);
        wrong.or_else(|| {
            let before = before.filter(|before| before.offset >= offset)?;
            let names = (INT_NONMONOTONIC_SEND, NONMONOTONIC_SEND);
            backwards(event, key, before, offset, names, "sent")
        })
    }

    fn poll(&mut self, event: Heard<'_>, key: u32, offset: u64, value: u64) -> Option<Anomaly> {
        let message = self.message(key, value);
        message.poll.get_or_insert(event.op);
        let message = *message;
        let wrong = self.locate(event, key, offset, value).or_else(|| strange(event, message, value));
        let place = Place { offset, op: event.op };
        let process = event.operation().process;
        let before = self.polled.insert((process, key), place);
        let before = before.filter(|before| before.op == event.op || !self.subscribed.contains(&process));
        if let Some(from) = before.filter(|before| before.offset + 1 < offset) {
            self.jumps.push(Jump { key, from, to: place });
        }
        wrong.or_else(|| {
            let before = before.filter(|before| before.offset >= offset)?;
            let names = (INT_NONMONOTONIC_POLL, NONMONOTONIC_POLL);
            backwards(event, key, before, offset, names, "polled")
        })
    }

    /// A process takes over these keys, and keeps its place in those that it had.
    fn assign(&mut self, process: Process, keys: &[u64]) {
        let keys: BTreeSet<u32> = keys.iter().map(|key| *key as u32).collect();
        let before = self.assigned.insert(process, keys.clone()).unwrap_or_default();
        self.subscribed.remove(&process);
        for key in before.symmetric_difference(&keys) {
            self.polled.remove(&(process, *key));
        }
    }

    fn subscribe(&mut self, process: Process) {
        self.assigned.remove(&process);
        self.subscribed.insert(process);
    }

    /// The sends of a transaction that failed; wrong if one was polled.
    fn fail(&mut self, event: Heard<'_>, parts: &[Micro]) -> Option<Anomaly> {
        let mut found = None;
        for (key, value) in parts.iter().filter_map(send_of) {
            let message = self.message(key, value);
            if message.sender == Some(event.op) {
                message.has_failed = true;
                found = found.or(message.poll.and_then(|poll| aborted(event.history, event.op, poll, value)));
            }
        }
        found
    }

    /// The places of each key that are known, in order.
    fn offsets(&self) -> BTreeMap<u32, Vec<u64>> {
        let mut offsets: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for place in 0..self.contents.len() as u32 {
            let (key, offset) = *self.places.item(place);
            offsets.entry(key).or_default().push(offset);
        }
        offsets.values_mut().for_each(|offsets| offsets.sort_unstable());
        offsets
    }

    fn skipped(&self, history: &History) -> Option<Anomaly> {
        let offsets = self.offsets();
        self.jumps.iter().find_map(|Jump { key, from, to }| {
            let offsets = &offsets[key];
            let between = offsets[offsets.partition_point(|offset| *offset <= from.offset)];
            if between >= to.offset {
                return None;
            }
            let (value, source) = self.contents[self.places.find(&(*key, between))? as usize];
            let [one, two] = [from.op, to.op].map(|op| told(history, op));
            let (key, value) = (history.names.key(*key), spell(history, value));
            let (Place { offset: first, .. }, Place { offset: second, .. }) = (from, to);
            let sentence = format!(
                "{two} polled offset {second} of {key} after {first} by {one}: {value} at {between} was skipped"
            );
            let name = if from.op == to.op { INT_POLL_SKIP } else { POLL_SKIP };
            breach(name, &[from.op, to.op, source], sentence)
        })
    }

    fn lost(&self, history: &History) -> Option<Anomaly> {
        let mut highest: BTreeMap<u32, Place> = BTreeMap::new();
        for (number, message) in (0..).zip(&self.known) {
            if let (Some((offset, _)), Some(op)) = (message.offset, message.poll) {
                let (key, _) = *self.messages.item(number);
                let highest = highest.entry(key).or_insert(Place { offset, op });
                *highest = if highest.offset < offset { Place { offset, op } } else { *highest };
            }
        }
        let below = |(number, message): (u32, &Message)| {
            let (key, value) = *self.messages.item(number);
            let highest = *highest.get(&key)?;
            let is_lost = message.acknowledged && message.poll.is_none() && message.offset?.0 < highest.offset;
            is_lost.then_some((key, value, message.offset?, highest))
        };
        let lost: Vec<_> = (0..).zip(&self.known).filter_map(below).collect();
        let (key, value, (offset, sender), highest) = *lost.first()?;
        let [sent, polled] = [sender, highest.op].map(|op| told(history, op));
        let (key, value) = (history.names.key(key), spell(history, value));
        let sentence = format!(
            "{value} at offset {offset} of {key} was acknowledged by {sent} and never polled, but {} was by {polled}{}",
            highest.offset,
            more(lost.len())
        );
        breach(LOST_WRITE, &[sender, highest.op], sentence)
    }
}

/// What is wrong with who sent a message that was polled.
fn strange(event: Heard<'_>, message: Message, value: u64) -> Option<Anomaly> {
    let tell =
        |end: &str| format!("{} polled {}, which {end}", told(event.history, event.op), spell(event.history, value));
    match message.sender {
        None => breach(UNEXPECTED, &[event.op], tell("nobody had sent")),
        Some(sender) if sender == event.op => breach(PRECOMMITTED_READ, &[event.op], tell("it had sent itself")),
        Some(sender) if message.has_failed => aborted(event.history, sender, event.op, value),
        Some(_) => None,
    }
}

fn inconsistent(event: Heard<'_>, by: OpId, values: [u64; 2], key: u32, offset: u64) -> Option<Anomaly> {
    let [first, second] = values.map(|value| spell(event.history, value));
    let [one, two] = [by, event.op].map(|op| told(event.history, op));
    let key = event.history.names.key(key);
    let sentence = format!("{key} has {first} at offset {offset} by {one}, and {second} by {two}");
    breach(INCONSISTENT_OFFSETS, &[by, event.op], sentence)
}

fn duplicate(event: Heard<'_>, by: OpId, value: u64, key: u32, offsets: [u64; 2]) -> Option<Anomaly> {
    let (value, key, [before, after]) = (spell(event.history, value), event.history.names.key(key), offsets);
    let [one, two] = [by, event.op].map(|op| told(event.history, op));
    let sentence = format!("{key} has {value} at offset {before} by {one}, and at offset {after} by {two}");
    breach(DUPLICATE, &[by, event.op], sentence)
}

fn aborted(history: &History, sender: OpId, poll: OpId, value: u64) -> Option<Anomaly> {
    let [sent, polled] = [sender, poll].map(|op| told(history, op));
    let sentence = format!("{polled} polled {}, which {sent} had sent, and that failed", spell(history, value));
    breach(ABORTED_READ, &[sender, poll], sentence)
}

fn backwards(
    event: Heard<'_>,
    key: u32,
    before: Place,
    offset: u64,
    (int, ext): (&'static str, &'static str),
    what: &str,
) -> Option<Anomaly> {
    let [one, two] = [before.op, event.op].map(|op| told(event.history, op));
    let key = event.history.names.key(key);
    let sentence = format!("{two} {what} offset {offset} of {key} after {} by {one}", before.offset);
    breach(if before.op == event.op { int } else { ext }, &[before.op, event.op], sentence)
}

/// Key and value of a part that is a send.
fn send_of(part: &Micro) -> Option<(u32, u64)> {
    match (part.deed, part.value) {
        (Deed::Append, Value::Int(value) | Value::Pair(_, value)) => Some((part.key, value)),
        _ => None,
    }
}

impl Checker for Kafka {
    fn invoke(&mut self, event: Heard<'_>) {
        for (key, value) in event.history.values.micros(event.operation().call.input).iter().filter_map(send_of) {
            self.message(key, value).sender.get_or_insert(event.op);
        }
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let operation = event.operation();
        let values = &event.history.values;
        if event.has_failed() {
            return self.fail(event, values.micros(operation.call.input));
        }
        let output = event.output()?;
        match operation.call.function {
            ASSIGN => self.assign(operation.process, values.numbers(&operation.call.input)),
            SUBSCRIBE => self.subscribe(operation.process),
            _ => {}
        }
        let mut found = None;
        for part in values.micros(output) {
            let wrong = match (part.deed, part.value) {
                (Deed::Read, Value::Pair(offset, value)) => self.poll(event, part.key, offset, value),
                (Deed::Append, value) => self.acknowledge(event, part.key, value),
                _ => None,
            };
            found = found.or(wrong);
        }
        found
    }

    fn finish(&mut self, history: &History) -> Verdict {
        verdict(self.lost(history).or_else(|| self.skipped(history)))
    }

    fn figures(&self) -> Vec<Figure> {
        let count = |is: fn(&Message) -> bool| self.known.iter().filter(|message| is(message)).count();
        vec![
            Figure::new("messages", self.known.len()),
            Figure::new("acknowledged", count(|message| message.acknowledged)),
            Figure::new("polled", count(|message| message.poll.is_some())),
            Figure::new("unseen", count(|message| message.acknowledged && message.poll.is_none())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::{output, testing::*};
    use crate::{
        family::Family,
        history::{Deed, History, OpId, Value},
    };

    const FAMILY: Family = Family::Kafka;

    fn send(process: u8, value: u8, offset: u8) -> String {
        format!("{process} send [[:send 1 {value}]]\n{process} ok [[:send 1 [{offset} {value}]]]\n")
    }

    /// Polls pairs of offset and value.
    fn poll(process: u8, found: &str) -> String {
        format!("{process} poll [[:poll]]\n{process} ok [[:poll {{1 [{found}]}}]]\n")
    }

    #[test]
    fn messages_are_read_in_the_order_of_their_offsets() {
        let sent = send(0, 7, 0) + &send(0, 8, 1) + &send(0, 9, 3);
        check(FAMILY, &(sent.clone() + &poll(1, "[0 7] [1 8]") + &poll(1, "[3 9]")), "valid");
        only(FAMILY, &(sent.clone() + &poll(1, "[0 7] [1 8]") + &poll(1, "[1 8]")), "nonmonotonic-poll");
        only(FAMILY, &(sent.clone() + &poll(1, "[1 8] [0 7]")), "int-nonmonotonic-poll");
        let rest = poll(2, "[0 7] [1 8] [3 9]");
        only(FAMILY, &(sent.clone() + &rest + &poll(1, "[0 7]") + &poll(1, "[3 9]")), "poll-skip");
        only(FAMILY, &(sent.clone() + &rest + &poll(1, "[0 7] [3 9]")), "int-poll-skip");
        says(
            FAMILY,
            &(sent + &rest + &poll(1, "[0 7] [3 9]")),
            "poll(r k1 0, 7, r k1 3, 9) by p1 polled offset 3 of k1 after 0 by poll(r k1 0, 7, r k1 3, 9) by p1: 8 at 1 was skipped",
        );
    }

    #[test]
    fn a_process_keeps_its_place_in_what_it_keeps() {
        let sent = send(0, 7, 0) + &send(0, 8, 1) + &poll(1, "[0 7] [1 8]");
        only(
            FAMILY,
            &(sent.clone() + "1 assign [1]\n1 ok\n" + &poll(1, "[0 7]") + &poll(1, "[0 7]")),
            "nonmonotonic-poll",
        );
        check(FAMILY, &(sent.clone() + "1 assign [1]\n1 ok\n" + &poll(1, "[0 7] [1 8]")), "valid");
        let kept = "1 assign [1]\n1 ok\n".to_owned() + &poll(1, "[0 7]") + "1 assign [1 2]\n1 ok\n" + &poll(1, "[0 7]");
        only(FAMILY, &(sent.clone() + &kept), "nonmonotonic-poll");
        check(FAMILY, &(sent + "1 subscribe [1]\n1 ok\n" + &poll(1, "[0 7]")), "valid");
    }

    #[test]
    fn a_message_has_one_place_and_a_place_one_message() {
        only(FAMILY, &(send(0, 7, 0) + &send(1, 8, 0)), "inconsistent-offsets");
        only(FAMILY, &(send(0, 7, 0) + &poll(1, "[1 7]")), "duplicate");
    }

    #[test]
    fn what_is_polled_was_sent_by_another_and_not_in_vain() {
        only(FAMILY, &poll(1, "[0 7]"), "unexpected");
        only(FAMILY, &("0 send [[:send 1 7]]\n0 fail\n".to_owned() + &poll(1, "[0 7]")), "aborted-read");
        only(FAMILY, &("0 send [[:send 1 7]]\n".to_owned() + &poll(1, "[0 7]") + "0 fail"), "aborted-read");
        check(FAMILY, &("0 send [[:send 1 7]]\n0 info\n".to_owned() + &poll(1, "[0 7]")), "valid");
        let own = "0 txn [[:send 1 7] [:poll]]\n0 ok [[:send 1 [0 7]] [:poll {1 [[0 7]]}]]";
        only(FAMILY, own, "precommitted-read");
    }

    #[test]
    fn what_was_acknowledged_is_polled_if_later_messages_are() {
        let sent = send(0, 7, 0) + &send(0, 8, 1);
        only(FAMILY, &(sent.clone() + &poll(1, "[1 8]")), "lost-write");
        check(FAMILY, &(sent.clone() + &poll(1, "[0 7]")), "valid");
        assert_eq!(reported(FAMILY, &(sent + &poll(1, "[0 7]"))), "messages 2, acknowledged 2, polled 1, unseen 1");
    }

    #[test]
    fn what_is_sent_later_comes_later() {
        only(FAMILY, &(send(0, 7, 1) + &send(0, 8, 0)), "nonmonotonic-send");
        check(FAMILY, &(send(0, 7, 1) + &send(1, 8, 0)), "valid");
        let both = "0 txn [[:send 1 7] [:send 1 8]]\n0 ok [[:send 1 [1 7]] [:send 1 [0 8]]]";
        only(FAMILY, both, "int-nonmonotonic-send");
    }

    /// A send or a poll that was done: operation, whether it is a poll, offset and value.
    type Done = (OpId, bool, Option<u64>, u64);

    fn done(history: &History) -> Vec<Done> {
        let mut ops: Vec<OpId> = ops(history).filter(|(_, one)| is_ok(one)).map(|(op, _)| op).collect();
        ops.sort_by_key(|op| completed(history, *op));
        let parts = |op: OpId| {
            history.values.micros(output(history, op).unwrap()).iter().map(move |part| match part.value {
                Value::Pair(offset, value) => (op, part.deed == Deed::Read, Some(offset), value),
                value => (op, part.deed == Deed::Read, None, int(value).unwrap()),
            })
        };
        ops.into_iter().flat_map(parts).collect()
    }

    /// The definition, pair by pair, of one key; each value is sent once.
    fn oracle(history: &History) -> Clauses {
        let done = &done(history)[..];
        let located = || done.iter().filter_map(|(_, _, offset, value)| Some(((*offset)?, *value)));
        let polls = || done.iter().filter(|(_, is_poll, ..)| *is_poll);
        let sender = |value: u64| {
            let sends = |op| history.values.micros(op).iter().any(|part| int(part.value) == Some(value));
            ops(history).find(|(_, one)| sends(one.call.input))
        };
        let unexpected = |(op, _, _, value): &Done| {
            sender(*value).is_none_or(|(by, _)| invoked(history, by) > completed(history, *op))
        };
        let is_polled = |value: u64| polls().any(|(.., other)| *other == value);
        let highest = polls().filter_map(|(_, _, offset, _)| *offset).max();
        let is_lost = |(_, is_poll, offset, value): &Done| {
            !is_poll && !is_polled(*value) && offset.is_some() && *offset < highest
        };
        // Successive ones of a process: whether they are of one operation, and their offsets.
        let process = |op: OpId| history.operation(op).process;
        let successive = |of_polls: bool| {
            let one = |at: usize| done[at].1 == of_polls && done[at].2.is_some();
            let earlier = move |at: usize| {
                (0..at).rev().find(|before| one(*before) && process(done[*before].0) == process(done[at].0))
            };
            let pairs = (0..done.len()).filter(|at| one(*at)).filter_map(|at| Some((at, earlier(at)?)));
            let ends = |(at, before): (usize, usize)| {
                (done[before].0 == done[at].0, done[before].2.unwrap(), done[at].2.unwrap())
            };
            pairs.map(ends).collect::<Vec<_>>()
        };
        let back =
            |of_polls, int| successive(of_polls).iter().any(|(is_int, one, other)| *is_int == int && other <= one);
        let skips = |one: u64, other: u64| located().any(|(offset, _)| one < offset && offset < other);
        let skip = |int| successive(true).iter().any(|(is_int, one, other)| *is_int == int && skips(*one, *other));
        clauses([
            ("inconsistent-offsets", located().any(|one| located().any(|other| one.0 == other.0 && one.1 != other.1))),
            ("duplicate", located().any(|one| located().any(|other| one.0 != other.0 && one.1 == other.1))),
            ("unexpected", polls().any(unexpected)),
            ("aborted-read", polls().any(|(.., value)| sender(*value).is_some_and(|(_, by)| has_failed(by)))),
            ("precommitted-read", polls().any(|(op, .., value)| sender(*value).is_some_and(|(by, _)| by == *op))),
            ("lost-write", done.iter().any(is_lost)),
            ("nonmonotonic-poll", back(true, false)),
            ("int-nonmonotonic-poll", back(true, true)),
            ("nonmonotonic-send", back(false, false)),
            ("int-nonmonotonic-send", back(false, true)),
            ("poll-skip", skip(false)),
            ("int-poll-skip", skip(true)),
        ])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        // The value v is sent once, by the end told to be at v, mostly.
        let next = Cell::new(0_u32);
        let invoke = |pick: u8, _| match pick % 4 {
            0 => "poll [[:poll]]".to_owned(),
            _ => {
                next.set(next.get() + 1);
                format!("send [[:send 1 {}]]", next.get())
            }
        };
        compare(FAMILY, oracle, invoke, |function, pick, value| match (function, pick % 16) {
            (_, 0) => "fail".to_owned(),
            (_, 1) => "info".to_owned(),
            ("poll", _) => {
                let newest = next.get();
                let from = newest.saturating_sub(u32::from(value) % 4);
                let found = (from..=newest).filter(|at| *at > 0 && pick % 8 != *at as u8 % 8);
                let pairs: Vec<String> = found.map(|at| format!("[{} {at}]", at + u32::from(pick == 16))).collect();
                format!("ok [[:poll {{1 [{}]}}]]", pairs.join(" "))
            }
            _ => "ok".to_owned(),
        });
    }
}
