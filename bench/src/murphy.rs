//! Murphy, as a campaign runs it: with the trace hash, marks and abstract states on, the world reset and not rebuilt.
//!
//! A cluster has at most 16 nodes, so up to 15 clients are a node each, and more share nodes in equal parts (32 clients: 8
//! nodes of 4). What they share is a process, not its messages: each has its own conversation over the network.

use std::{cell::Cell, collections::BTreeSet, rc::Rc, time::Duration};

use murphy_schedule::{Header, Schedule};
use murphy_sim::{
    About, Boot, Completion, Context, Input, Node, Options, Register, RegisterOp, Run, Runner, StateView, Target,
    Timer, Workload,
};

use crate::Talk;

/// What nodes say: a question or an answer, of which of the node's clients.
#[derive(Clone, Copy, Debug)]
pub enum Message {
    /// The question of a client.
    Ask(u32),
    /// The answer to a client.
    Answer(u32),
}

/// The server, or a node with some of the clients.
#[derive(Debug)]
pub struct Talker {
    /// For each client of this node: how many answers it still waits for.
    left: Vec<u32>,
    received: u64,
    all: Rc<Cell<u64>>,
}

impl Node for Talker {
    type Message = Message;
    type Request = RegisterOp;
    type Response = ();
    const KINDS: &'static [&'static str] = &["Ask", "Answer"];

    fn kind(message: &Message) -> usize {
        match message {
            Message::Ask(_) => 0,
            Message::Answer(_) => 1,
        }
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { from, message: Message::Ask(client) } => {
                self.received += 1;
                cx.send(from, Message::Answer(client));
            }
            Input::Message { from, message: Message::Answer(client) } => {
                self.received += 1;
                let left = &mut self.left[client as usize];
                *left -= 1;
                if *left > 0 {
                    cx.send(from, Message::Ask(client));
                }
            }
            Input::Timer(_) => (0..self.left.len() as u32).for_each(|client| cx.send(1, Message::Ask(client))),
            _ => {}
        }
    }

    fn inspect(&self, _: &mut StateView) {}
}

/// What a node received is added up when its run is over.
impl Drop for Talker {
    fn drop(&mut self) {
        self.all.set(self.all.get() + self.received);
    }
}

/// The target: node 1 is the server.
struct Conversation {
    talk: Talk,
    received: Rc<Cell<u64>>,
}

/// The nodes that the clients share.
fn client_nodes(clients: u32) -> u32 {
    let divides = |nodes: &u32| clients.is_multiple_of(*nodes);
    (1..=8).rev().find(divides).filter(|_| clients > 15).unwrap_or(clients)
}

impl Target for Conversation {
    type Node = Talker;

    fn about(&self) -> About {
        let nodes = client_nodes(self.talk.clients) as u16 + 1;
        // It answers no operation: nobody is to wait for its recovery, which the peers know nothing of.
        About::new("conversation").nodes(nodes..=nodes).recovers_within(Duration::MAX)
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Talker>) -> Talker {
        let mut left = Vec::new();
        if boot.me != 1 {
            let share = self.talk.clients / client_nodes(self.talk.clients);
            left.resize(share as usize, self.talk.rounds);
            cx.set(Timer(0), Duration::ZERO);
        }
        Talker { left, received: 0, all: self.received.clone() }
    }

    fn workloads(&self) -> Vec<Workload<Talker>> {
        vec![Workload::new("none", Register::default(), |op| *op, |_, ()| Completion::Info)]
    }
}

/// A runner, which a campaign keeps from run to run.
pub struct Murphy {
    talk: Talk,
    runner: Runner<Conversation>,
    received: Rc<Cell<u64>>,
    /// Events of all runs so far.
    pub events: u64,
}

impl Murphy {
    /// A world for this conversation.
    pub fn new(talk: Talk) -> Self {
        let received = Rc::new(Cell::new(0));
        let target = Conversation { talk, received: received.clone() };
        Self { talk, runner: Runner::new(Rc::new(target), BTreeSet::new()), received, events: 0 }
    }

    /// Has the conversation once; how many messages were received.
    pub fn run(&mut self, seed: u64) -> u64 {
        // Two messages take two milliseconds or so; the run ends soon after the last.
        let chaos = (self.talk.rounds / 2 + 10).try_into().expect("a run lasts at most 655 s");
        let header = Header { seed, chaos, heal: 1, settle: 1, ops: Some(0), clients: 1, keys: 1, ..Header::default() };
        let options = Options { events_max: u64::MAX, ..Options::SEARCH };
        self.received.set(0);
        self.events += self.runner.run(&Schedule { header, steps: Vec::new() }, options).events;
        self.received.get()
    }
}
