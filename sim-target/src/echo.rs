//! The smallest whole target: one node keeps registers, the others send clients to it, and all ping each other.
//!
//! It is there for the framework's own tests, and as an example of all that a target has to say.

use std::{collections::BTreeMap, time::Duration};

use murphy_checker::history::Completion;

use crate::{
    About, Boot, Context, File, Input, Node, NodeId, Property, Register, RegisterOp, StateView, Target, Timer,
    Workload, sometimes,
};

const PING: Timer = Timer(0);
const PERIOD: Duration = Duration::from_millis(50);
/// How long nobody is heard before a bug shows, in nanoseconds.
const SILENCE: u64 = 300_000_000;
const LOG: File = File("log");
/// The node that keeps the registers.
const KEEPER: NodeId = 1;

/// What nodes say to each other.
#[derive(Clone, Copy, Debug)]
pub enum Message {
    /// Are you there? With the sender's time in nanoseconds.
    Ping(u64),
    /// Yes; with the time of the ping that it answers.
    Pong(u64),
}

/// A node: the keeper of the registers, or one that knows who keeps them.
#[derive(Clone, Debug)]
pub struct EchoNode {
    registers: BTreeMap<u32, u64>,
    peers: Vec<NodeId>,
    pongs: u64,
    /// A planted bug: answers before its writes are durable.
    early: bool,
    /// Another: who has heard nobody for this long, in nanoseconds, hears no client ever after.
    deaf_after: u64,
    deaf: bool,
    heard_at: u64,
}

impl Node for EchoNode {
    type Message = Message;
    type Request = RegisterOp;
    type Response = Option<Option<u64>>;
    const KINDS: &'static [&'static str] = &["Ping", "Pong"];

    fn kind(message: &Message) -> usize {
        match message {
            Message::Ping(_) => 0,
            Message::Pong(_) => 1,
        }
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Timer(_) => self.ping(cx),
            Input::Message { from, message: Message::Ping(sent) } => {
                self.deaf |= cx.mono() - self.heard_at > self.deaf_after;
                self.heard_at = cx.mono();
                cx.send(from, Message::Pong(sent));
            }
            Input::Message { message: Message::Pong(sent), .. } => {
                sometimes!(cx.mono() - sent > 3_000_000, "a ping took three milliseconds");
                self.pongs += 1;
            }
            Input::Request { reply, .. } if cx.me() != KEEPER => cx.redirect(reply, Some(KEEPER)),
            Input::Request { .. } if self.deaf => {}
            Input::Request { reply, request, .. } => {
                let (answer, change) = self.apply(request);
                if self.early {
                    cx.reply(reply, answer);
                }
                if let Some((key, value)) = change {
                    cx.append(LOG, &[key.to_le_bytes().as_slice(), &value.to_le_bytes()].concat())
                        .expect("a sound disk");
                    cx.sync(LOG).expect("a sound disk");
                }
                if !self.early {
                    cx.reply(reply, answer);
                }
            }
            Input::Link { .. } | Input::ClockChanged => {}
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
    fn ping(&self, cx: &mut Context<'_, Self>) {
        let now = cx.mono();
        for peer in &self.peers {
            cx.send(*peer, Message::Ping(now));
        }
        cx.set(PING, PERIOD);
    }

    /// The answer to a request (`None`: a compare-and-set that did not match), and what it changes.
    fn apply(&mut self, request: RegisterOp) -> (Option<Option<u64>>, Option<(u32, u64)>) {
        let (key, value) = match request {
            RegisterOp::Read(key) => return (Some(self.registers.get(&key).copied()), None),
            RegisterOp::Write(key, value) => (key, value),
            RegisterOp::Cas(key, old, new) if self.registers.get(&key) == Some(&old) => (key, new),
            RegisterOp::Cas(..) => return (None, None),
        };
        self.registers.insert(key, value);
        (Some(None), Some((key, value)))
    }
}

/// The target `echo`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Target for Echo {
    type Node = EchoNode;

    fn about(&self) -> About {
        About::new("echo")
            .summary("one node keeps registers on its disk, the others point to it; for tests of the framework")
            .nodes(2..=3)
            .roles(&["keeper", "guide"])
            .constant("ping_period", PERIOD)
            .bug("early-ack", "answers a write before it is durable")
            .bug("deaf", "once it has heard no other node for a while, the keeper hears no client ever after")
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, EchoNode>) -> EchoNode {
        let records = cx.records(LOG).expect("a sound disk");
        let registers = records.iter().map(|record| {
            let (key, value) = record.split_at(4);
            let value = u64::from_le_bytes(value.try_into().expect("a record has twelve bytes"));
            (u32::from_le_bytes(key.try_into().expect("a record has twelve bytes")), value)
        });
        let peers = boot.members.iter().copied().filter(|peer| boot.me != KEEPER && *peer != boot.me).collect();
        let node = EchoNode {
            registers: registers.collect(),
            peers,
            pongs: 0,
            early: boot.bug("early-ack"),
            deaf_after: if boot.bug("deaf") { SILENCE } else { u64::MAX },
            deaf: false,
            heard_at: cx.mono(),
        };
        node.ping(cx);
        node
    }

    fn workloads(&self) -> Vec<Workload<EchoNode>> {
        let hear = |_: &RegisterOp, answer: Option<Option<u64>>| match answer {
            Some(value) => Completion::Ok(value),
            None => Completion::Fail,
        };
        vec![Workload::new("register", Register, |op| *op, hear)]
    }

    fn properties(&self) -> Vec<Property<EchoNode>> {
        vec![Property::always("only the keeper keeps", |cluster| {
            cluster.up().all(|(id, node)| id == KEEPER || node.registers.is_empty())
        })]
    }
}
