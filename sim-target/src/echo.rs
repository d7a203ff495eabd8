//! The smallest whole target: one node keeps registers, sets and lists, the others send clients to it, and all ping each other.
//!
//! It is there for the framework's own tests, and as an example of all that a target has to say.

use std::{collections::BTreeMap, time::Duration};

use murphy_checker::history::Completion;

use crate::{
    About, Boot, Context, File, FileCodec, Input, Layout, ListAppend, ListAppendPart, Node, NodeId, Property, Register,
    RegisterOp, ReplyTo, Set, SetOp, StateView, Target, Timer, Workload, sometimes,
};

const PING: Timer = Timer(0);
const PERIOD: Duration = Duration::from_millis(50);
/// How long nobody is heard before a bug shows, in nanoseconds.
const SILENCE: u64 = 300_000_000;
/// When the rest of a transaction is done that was torn in two.
const REST: Timer = Timer(1);
const TEAR: Duration = Duration::from_millis(5);
const LOG: File = File("log");
/// The node that keeps everything.
const KEEPER: NodeId = 1;

/// What nodes say to each other.
#[derive(Clone, Copy, Debug)]
pub enum Message {
    /// Are you there? With the sender's time in nanoseconds.
    Ping(u64),
    /// Yes; with the time of the ping that it answers.
    Pong(u64),
}

/// What clients ask.
#[derive(Clone, Debug)]
pub enum Request {
    /// Of a register.
    Register(RegisterOp),
    /// Of a set.
    Set(SetOp),
    /// Of lists, as one transaction.
    Lists(Vec<ListAppendPart>),
}

/// What they hear.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It is done.
    Done,
    /// What a register holds.
    Value(Option<u64>),
    /// The register does not hold what was expected.
    Mismatch,
    /// The elements of a set.
    Elements(Vec<u64>),
    /// What the reads of a transaction returned.
    Lists(Vec<Vec<u64>>),
}

/// A change, as it is in the log: what kind of object, its key, and the value.
type Change = (u8, u32, u64);

const REGISTER: u8 = 0;
const SET: u8 = 1;
const LIST: u8 = 2;

fn encode(changes: &[Change]) -> Vec<u8> {
    let bytes = |(kind, key, value): &Change| [[*kind].as_slice(), &key.to_le_bytes(), &value.to_le_bytes()].concat();
    changes.iter().flat_map(bytes).collect()
}

fn decode(record: &[u8]) -> impl Iterator<Item = Change> {
    record.chunks_exact(13).map(|change| {
        let key = u32::from_le_bytes(change[1..5].try_into().expect("four bytes"));
        (change[0], key, u64::from_le_bytes(change[5..].try_into().expect("eight bytes")))
    })
}

/// A transaction of which only the first part is done.
#[derive(Clone, Debug)]
struct Torn {
    reply: ReplyTo,
    lists: Vec<Vec<u64>>,
    rest: Vec<ListAppendPart>,
}

/// Which planted bugs are in force.
#[derive(Clone, Copy, Debug)]
struct Bugs {
    /// Answers before its writes are durable.
    early: bool,
    /// A new element takes the place of another, now and then.
    forgets: bool,
    /// Others can see a transaction that is half done.
    tears: bool,
}

/// A node: the keeper of all objects, or one that knows who keeps them.
#[derive(Clone, Debug)]
pub struct EchoNode {
    registers: BTreeMap<u32, u64>,
    sets: BTreeMap<u32, Vec<u64>>,
    lists: BTreeMap<u32, Vec<u64>>,
    torn: Vec<Torn>,
    peers: Vec<NodeId>,
    pongs: u64,
    /// A planted bug: who has heard nobody for this long, in nanoseconds, hears no client ever after.
    deaf_after: u64,
    deaf: bool,
    heard_at: u64,
    bugs: Bugs,
}

impl Node for EchoNode {
    type Message = Message;
    type Request = Request;
    type Response = Answer;
    const KINDS: &'static [&'static str] = &["Ping", "Pong"];

    fn kind(message: &Message) -> usize {
        match message {
            Message::Ping(_) => 0,
            Message::Pong(_) => 1,
        }
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Timer(REST) => self.mend(cx),
            Input::Timer(_) => self.ping(cx),
            Input::Message { from, message: Message::Ping(sent) } => {
                self.deaf |= cx.mono() - self.heard_at > self.deaf_after;
                self.heard_at = cx.mono();
                cx.send(from, Message::Pong(sent));
            }
            Input::Message { message: Message::Pong(sent), .. } => {
                sometimes!(cx.mono().saturating_sub(sent) > 3_000_000, "a ping took three milliseconds");
                self.pongs += 1;
            }
            Input::Request { reply, .. } if cx.me() != KEEPER => cx.redirect(reply, Some(KEEPER)),
            Input::Request { .. } if self.deaf => {}
            Input::Request { reply, request: Request::Lists(parts), .. } if self.bugs.tears && parts.len() > 1 => {
                self.tear(reply, &parts, cx);
            }
            Input::Request { reply, request, .. } => {
                let (answer, changes) = self.apply(request);
                self.commit(reply, answer, &changes, cx);
            }
            Input::Link { .. } | Input::ClockChanged | Input::Synced { .. } => {}
            Input::Stop => cx.exit(),
        }
    }

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn inspect(&self, view: &mut StateView) {
        view.role(if self.peers.is_empty() { "keeper" } else { "guide" }).rank("pongs", self.pongs / 16);
    }
}

impl EchoNode {
    fn is_empty(&self) -> bool {
        self.registers.is_empty() && self.sets.is_empty() && self.lists.is_empty()
    }

    fn ping(&self, cx: &mut Context<'_, Self>) {
        let now = cx.mono();
        for peer in &self.peers {
            cx.send(*peer, Message::Ping(now));
        }
        cx.set(PING, PERIOD);
    }

    /// The answer to a request, and what it changes.
    fn apply(&mut self, request: Request) -> (Answer, Vec<Change>) {
        match request {
            Request::Register(op) => self.apply_to_register(op),
            Request::Set(SetOp::Read(key)) => {
                (Answer::Elements(self.sets.get(&key).cloned().unwrap_or_default()), Vec::new())
            }
            Request::Set(SetOp::Add(key, element)) => {
                self.change((SET, key, element));
                (Answer::Done, vec![(SET, key, element)])
            }
            Request::Lists(parts) => {
                let (mut lists, mut changes) = (Vec::new(), Vec::new());
                for part in &parts {
                    self.apply_part(part, &mut lists, &mut changes);
                }
                (Answer::Lists(lists), changes)
            }
        }
    }

    fn apply_to_register(&mut self, op: RegisterOp) -> (Answer, Vec<Change>) {
        let (key, value) = match op {
            RegisterOp::Read(key) => return (Answer::Value(self.registers.get(&key).copied()), Vec::new()),
            RegisterOp::Write(key, value) => (key, value),
            RegisterOp::Cas(key, old, new) if self.registers.get(&key) == Some(&old) => (key, new),
            RegisterOp::Cas(..) => return (Answer::Mismatch, Vec::new()),
        };
        self.change((REGISTER, key, value));
        (Answer::Done, vec![(REGISTER, key, value)])
    }

    fn apply_part(&mut self, part: &ListAppendPart, lists: &mut Vec<Vec<u64>>, changes: &mut Vec<Change>) {
        match *part {
            ListAppendPart::Read(key) => lists.push(self.lists.get(&key).cloned().unwrap_or_default()),
            ListAppendPart::Append(key, element) => {
                changes.push((LIST, key, element));
                self.change((LIST, key, element));
            }
        }
    }

    fn change(&mut self, (kind, key, value): Change) {
        match kind {
            REGISTER => {
                self.registers.insert(key, value);
            }
            SET => {
                let set = self.sets.entry(key).or_default();
                // A step of a schedule may add what is there.
                if set.contains(&value) {
                    return;
                }
                if self.bugs.forgets && value % 16 == 1 && set.len() > 2 {
                    set.pop();
                }
                set.push(value);
            }
            _ => self.lists.entry(key).or_default().push(value),
        }
    }

    /// Makes changes durable, in one record, and answers.
    fn commit(&self, reply: ReplyTo, answer: Answer, changes: &[Change], cx: &mut Context<'_, Self>) {
        if self.bugs.early {
            cx.reply(reply, answer.clone());
        }
        if !changes.is_empty() {
            cx.append(LOG, &encode(changes)).expect("fail-stop: cannot write the log");
            cx.sync(LOG).expect("fail-stop: cannot write the log");
        }
        if !self.bugs.early {
            cx.reply(reply, answer);
        }
    }

    /// Does the first part of a transaction now and the rest later.
    fn tear(&mut self, reply: ReplyTo, parts: &[ListAppendPart], cx: &mut Context<'_, Self>) {
        let (mut lists, mut changes) = (Vec::new(), Vec::new());
        self.apply_part(&parts[0], &mut lists, &mut changes);
        if !changes.is_empty() {
            cx.append(LOG, &encode(&changes)).expect("fail-stop: cannot write the log");
        }
        self.torn.push(Torn { reply, lists, rest: parts[1..].to_vec() });
        cx.set(REST, TEAR);
    }

    fn mend(&mut self, cx: &mut Context<'_, Self>) {
        for Torn { reply, mut lists, rest } in std::mem::take(&mut self.torn) {
            let mut changes = Vec::new();
            for part in &rest {
                self.apply_part(part, &mut lists, &mut changes);
            }
            self.commit(reply, Answer::Lists(lists), &changes, cx);
        }
    }
}

/// Where the parts of a record of the log are: the number of a register, and its value.
fn record(bytes: &[u8]) -> Layout {
    let key = bytes.get(1..5).and_then(|key| key.try_into().ok()).map_or(0, u32::from_le_bytes);
    Layout::new(0..bytes.len()).kind(0..1).field("key", 1..5).field("value", 5..13).key(key.into(), 5..13)
}

/// The target `echo`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Target for Echo {
    type Node = EchoNode;

    fn about(&self) -> About {
        About::new("echo")
            .summary("one node keeps registers, sets and lists on its disk, the others point to it; for tests of the framework")
            .nodes(2..=3)
            .roles(&["keeper", "guide"])
            .constant("ping_period", PERIOD)
            .fail_stop("fail-stop:")
            .file("log", FileCodec::framed(record))
            .bug("early-ack", "answers a write before it is durable")
            .bug("deaf", "once it has heard no other node for a while, the keeper hears no client ever after")
            .bug("lost-element", "adding an element to a set can take the place of another")
            .bug("torn-transaction", "others see a transaction when only its first part is done")
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, EchoNode>) -> EchoNode {
        let records = cx.records(LOG).expect("fail-stop: cannot read the log");
        let peers = boot.members.iter().copied().filter(|peer| boot.me != KEEPER && *peer != boot.me).collect();
        let bugs = Bugs {
            early: boot.bug("early-ack"),
            forgets: boot.bug("lost-element"),
            tears: boot.bug("torn-transaction"),
        };
        let (registers, sets, lists) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut node = EchoNode {
            registers,
            sets,
            lists,
            torn: Vec::new(),
            peers,
            pongs: 0,
            bugs,
            deaf_after: if boot.bug("deaf") { SILENCE } else { u64::MAX },
            deaf: false,
            heard_at: cx.mono(),
        };
        records.iter().flat_map(|record| decode(record)).for_each(|change| node.change(change));
        node.ping(cx);
        node
    }

    fn workloads(&self) -> Vec<Workload<EchoNode>> {
        vec![
            Workload::new(
                "register",
                Register::default(),
                |op| Request::Register(*op),
                |_, answer| match answer {
                    Answer::Value(value) => Completion::Ok(value),
                    Answer::Mismatch => Completion::Fail,
                    Answer::Done | Answer::Elements(_) | Answer::Lists(_) => Completion::Ok(None),
                },
            ),
            Workload::new(
                "set",
                Set::default(),
                |op| Request::Set(*op),
                |_, answer| match answer {
                    Answer::Elements(elements) => Completion::Ok(elements),
                    Answer::Done | Answer::Value(_) | Answer::Mismatch | Answer::Lists(_) => Completion::Ok(Vec::new()),
                },
            ),
            Workload::new(
                "list-append",
                ListAppend::default(),
                |op| Request::Lists(op.clone()),
                |_, answer| match answer {
                    Answer::Lists(lists) => Completion::Ok(lists),
                    Answer::Done | Answer::Value(_) | Answer::Mismatch | Answer::Elements(_) => {
                        Completion::Ok(Vec::new())
                    }
                },
            ),
        ]
    }

    fn properties(&self) -> Vec<Property<EchoNode>> {
        vec![Property::always("only the keeper keeps", |cluster| {
            cluster.up().all(|(id, node)| id == KEEPER || node.is_empty())
        })]
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use murphy_checker::verdict::Verdict;
    use murphy_schedule::Document;

    use super::Echo;
    use crate::{Options, Run, Runner};

    #[test]
    fn a_pong_may_outlive_the_process_that_asked_for_it() {
        let text = "murphy 1\ntarget echo\nseed 0xa30ef546ffb488dd\nnodes 3, clients 1, keys 1, ops 0\n\
            phases chaos 2s, heal 1s, settle 3s\n\n\
            at 971.166ms  yield some 30% takes 17.61ms for 27.94ms again 2 times every about 150ms\n\
            at 1.08s      crash all keep cut 1, restart after ping_period again 3 times\n\
            at 1.19s      pause all clocks stopped for ping_period again once\n";
        let schedule = Document::parse(text).expect("a schedule").schedule;
        let mut runner = Runner::new(Rc::new(Echo), Default::default());
        assert_eq!(runner.run(&schedule, Options::SEARCH).verdict, Verdict::Valid);
    }
}
