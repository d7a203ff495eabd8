//! An operator: who asks a system for changes of itself.
//!
//! It is no client: what it asks is in no history. It asks whoever leads, as far as anybody can see, goes on to another node when it
//! is told to or finds nobody there, and asks no second time when no answer comes.

use murphy_checker::history::Completion;
use murphy_schedule::field::Change;

use crate::{
    client::Answer,
    core::{Core, Event, Token},
    draw::{Purpose, below, mix},
    node::{Node, NodeId, ReplyTo, RequestId},
};

/// Its lane, which is no client's.
pub(crate) const OPERATOR: u8 = 15;
/// Latency between the operator and a node, in nanoseconds: least, and how much more it can take.
const LATENCY: (u64, u64) = (300_000, 500_000);

/// One change that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Errand<R> {
    step: usize,
    id: RequestId,
    request: R,
    attempt: u8,
    redirects_left: u8,
    /// No node has answered yet.
    open: bool,
}

impl<N: Node> Core<N> {
    /// A step has the operator ask for a change that concerns these nodes.
    pub(crate) fn ask_for(&mut self, step: usize, change: Change, nodes: u16) {
        let change = Change::ALL.iter().position(|other| *other == change).expect("every change is in the list");
        if nodes != 0 {
            self.queue.push(self.now, Event::Operate { step: step as u8, change: change as u8, nodes });
        }
    }

    /// The operator sends what stands for the change in the target's own terms.
    pub(crate) fn send_errand(&mut self, step: usize, change: Change, request: N::Request) {
        let seq = u64::from(self.plan.occasion(step)) << 8 | change as u64;
        let id = RequestId { client: u64::MAX, seq };
        let redirects_left = self.workload.routing.follow_redirects.max(self.hosts.len() as u8);
        self.errands.push(Errand { step, id, request, attempt: 0, redirects_left, open: true });
        let draw = mix(self.header.seed, Purpose::Route, [OPERATOR.into(), seq, self.network.epoch()]);
        let any = below(draw, self.hosts.len() as u64) as usize;
        let errand = self.errands.len() - 1;
        self.ask(errand, self.leader().unwrap_or(any), 1);
    }

    /// Sends a request on its way, which takes as long as so many messages.
    fn ask(&mut self, errand: usize, node: usize, messages: u64) {
        let asked = &mut self.errands[errand];
        asked.attempt += 1;
        let key = [OPERATOR.into(), asked.id.seq, asked.attempt.into(), self.network.epoch()];
        let latency = LATENCY.0 + below(mix(self.header.seed, Purpose::Client, key), LATENCY.1);
        let event = Event::Ask { errand: errand as u16, node: node as u8, attempt: asked.attempt };
        self.queue.push(self.now + messages * latency, event);
    }

    /// What the operator asks of a node, if this is still what it waits for, and where the answer goes.
    pub(crate) fn asked(&mut self, errand: u16, node: usize, attempt: u8) -> Option<(RequestId, ReplyTo, N::Request)> {
        let asked = &self.errands[usize::from(errand)];
        if !asked.open || asked.attempt != attempt {
            return None;
        }
        let incarnation = self.hosts[node].incarnation as u16;
        let token = Token { lane: OPERATOR, node: node as u8, incarnation, attempt, generation: errand.into() };
        let (step, answer) = (asked.step, (asked.id, token.pack(), asked.request.clone()));
        // Who has it may act on it without ever answering.
        self.plan.steps[step].effects += 1;
        Some(answer)
    }

    /// Nobody is there to ask: the connection is refused.
    pub(crate) fn operator_finds_nobody(&mut self, errand: u16, node: usize, attempt: u8) {
        let asked = &self.errands[usize::from(errand)];
        if asked.open && asked.attempt == attempt {
            self.ask_elsewhere(errand.into(), node, None);
        }
    }

    /// Whether the operator waits for an answer that this very incarnation of a node gives.
    pub(crate) fn operator_waits(&self, me: usize, token: Token) -> bool {
        let mine = usize::from(token.node) == me && token.incarnation == self.hosts[me].incarnation as u16 & 0xfff;
        let asked = self.errands.get(token.generation as usize);
        mine && asked.is_some_and(|asked| asked.open && asked.attempt == token.attempt)
    }

    /// A node answers the operator, who waits for that.
    pub(crate) fn operator_hears(&mut self, me: usize, token: Token, answer: Answer) {
        let errand = token.generation as usize;
        let step = self.errands[errand].step;
        match answer {
            Answer::Completed(Completion::Fail) => {
                self.errands[errand].open = false;
                self.plan.steps[step].effects -= 1;
            }
            Answer::Completed(_) => self.errands[errand].open = false,
            Answer::Redirected(leader) => {
                self.plan.steps[step].effects -= 1;
                self.ask_elsewhere(errand, me, leader);
            }
        }
    }

    fn ask_elsewhere(&mut self, errand: usize, node: usize, leader: Option<NodeId>) {
        let nodes = self.hosts.len();
        let asked = &mut self.errands[errand];
        if asked.redirects_left == 0 {
            asked.open = false;
            return;
        }
        asked.redirects_left -= 1;
        let known = leader.and_then(|leader| usize::from(leader).checked_sub(1)).filter(|leader| *leader < nodes);
        // The answer back, and the question there.
        self.ask(errand, known.unwrap_or((node + 1) % nodes), 2);
    }
}
