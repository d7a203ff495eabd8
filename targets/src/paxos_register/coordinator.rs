//! How a node does what a client asks of it: prepare, finish what is open, propose, commit.
//!
//! Invariants, stated as absences: no client hears of a proposal before a quorum has accepted it; nobody is told that a
//! change failed once it was proposed, unless a quorum has accepted a later version without it.

use std::time::Duration;

use murphy_sim::{Context, NodeId, ReplyTo, Timer, sometimes};

use super::{
    BACK_OFF, PATIENCE, ROUND_TIMEOUT,
    acceptor::{Proposal, Version},
    message::{Ballot, Known, Message, Request, Response},
    node::PaxosNode,
};

/// What a draw is for.
const DRAW_BACK_OFF: u64 = 1;

/// What a coordinator waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Refused: it begins again when its timer goes off.
    BackingOff,
    /// Promises of a quorum.
    Preparing(Known),
    /// A quorum to accept what was open, before it begins again.
    Finishing(Version),
    /// A quorum to accept a version, of which the client then hears.
    Proposing(Version, Response),
}

/// An operation that this node coordinates.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    request: Request,
    reply: ReplyTo,
    timer: Timer,
    /// When it is given up, on the monotonic clock.
    until: u64,
    ballot: Ballot,
    phase: Phase,
    /// Who said yes and who said no in this phase: bit 0 is node 1.
    yes: u32,
    no: u32,
    /// Under which ballots its own change was proposed, in their order.
    proposed: Vec<Ballot>,
}

impl Operation {
    pub(super) fn is_proposing(&self) -> bool {
        matches!(self.phase, Phase::Finishing(_) | Phase::Proposing(..))
    }
}

impl PaxosNode {
    pub(super) fn on_request(&mut self, reply: ReplyTo, request: Request, cx: &mut Context<'_, Self>) {
        let is_free = |timer: &Timer| self.operations.iter().all(|operation| operation.timer != *timer);
        let timer = (0..).map(Timer).find(is_free).expect("there are more timers than operations");
        sometimes!(
            self.operations.iter().any(|operation| operation.request.key() == request.key()),
            "a node coordinates two operations on one register"
        );
        let until = cx.mono() + PATIENCE.as_nanos() as u64;
        let (ballot, phase) = (Ballot::NONE, Phase::BackingOff);
        self.operations.push(Operation {
            request,
            reply,
            timer,
            until,
            ballot,
            phase,
            yes: 0,
            no: 0,
            proposed: Vec::new(),
        });
        self.begin(self.operations.len() - 1, cx);
    }

    /// Begins the operation at an index, anew or for the first time.
    fn begin(&mut self, at: usize, cx: &mut Context<'_, Self>) {
        self.round += 1;
        let ballot = Ballot::new(self.round, self.incarnation, self.me);
        self.operations[at].ballot = ballot;
        let key = self.operations[at].request.key();
        self.ask(at, Phase::Preparing(Known::default()), Message::Prepare { key, ballot }, cx);
    }

    fn propose(&mut self, at: usize, version: Version, phase: Phase, cx: &mut Context<'_, Self>) {
        let operation = &self.operations[at];
        let message = Message::Accept { key: operation.request.key(), ballot: operation.ballot, version };
        self.ask(at, phase, message, cx);
    }

    fn ask(&mut self, at: usize, phase: Phase, message: Message, cx: &mut Context<'_, Self>) {
        let operation = &mut self.operations[at];
        (operation.phase, operation.yes, operation.no) = (phase, 0, 0);
        cx.set(operation.timer, ROUND_TIMEOUT);
        self.tell_all(message, cx);
    }

    fn tell_all(&self, message: Message, cx: &mut Context<'_, Self>) {
        for node in 1..=self.nodes {
            cx.send(node, message);
        }
    }

    pub(super) fn on_promise(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        answer: Result<Known, Ballot>,
        cx: &mut Context<'_, Self>,
    ) {
        let Some(at) = self.operation_of(ballot) else { return };
        let Phase::Preparing(known) = &mut self.operations[at].phase else { return };
        if let Ok(more) = answer {
            known.accepted = known.accepted.later(more.accepted);
            known.committed = known.committed.later(more.committed);
        }
        let known = *known;
        if self.agrees(at, from, answer.err(), cx) {
            self.decide(at, known, cx);
        }
    }

    /// A quorum has promised, and this is the latest that any of it knows.
    fn decide(&mut self, at: usize, known: Known, cx: &mut Context<'_, Self>) {
        if known.accepted.ballot > known.committed.ballot {
            sometimes!(true, "a coordinator finishes what another has left open");
            let version = known.accepted.version;
            return self.propose(at, version, Phase::Finishing(version), cx);
        }
        let version = known.committed.version;
        let operation = &mut self.operations[at];
        match version.has_any(&operation.proposed) {
            Some(false) => {}
            Some(true) => {
                sometimes!(true, "a coordinator learns from a commit that its change took effect");
                return self.answer(at, Response::Done, cx);
            }
            None => return self.give_up(at, cx),
        }
        let new = match operation.request {
            Request::Put { value, .. } => Ok(value),
            Request::Cas { expected, new, .. } if version.value == Some(expected) => Ok(new),
            Request::Cas { .. } => Err(Response::Mismatch),
            Request::Get { .. } => Err(Response::Value(version.value)),
        };
        match new {
            Ok(new) => {
                sometimes!(!operation.proposed.is_empty(), "a change is proposed again");
                operation.proposed.push(operation.ballot);
                let changed = version.changed(new, operation.ballot);
                self.propose(at, changed, Phase::Proposing(changed, Response::Done), cx);
            }
            // That it is still so, a quorum has to say: what was proposed since would have been refused here.
            Err(response) => self.propose(at, version, Phase::Proposing(version, response), cx),
        }
    }

    pub(super) fn on_accepted(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        answer: Result<(), Ballot>,
        cx: &mut Context<'_, Self>,
    ) {
        let Some(at) = self.operation_of(ballot).filter(|at| self.operations[*at].is_proposing()) else { return };
        if !self.agrees(at, from, answer.err(), cx) {
            return;
        }
        let (key, phase) = (self.operations[at].request.key(), self.operations[at].phase);
        let chosen = |version| Message::Commit { key, chosen: Proposal { ballot, version } };
        match phase {
            Phase::Finishing(version) => {
                self.tell_all(chosen(version), cx);
                if version.has_any(&self.operations[at].proposed) == Some(true) {
                    sometimes!(true, "a coordinator finishes its own change under a later ballot");
                    return self.answer(at, Response::Done, cx);
                }
                self.begin(at, cx);
            }
            Phase::Proposing(version, response) => {
                // Once it is accepted it is chosen. The client need not wait for what the others know of that.
                self.answer(at, response, cx);
                self.tell_all(chosen(version), cx);
            }
            Phase::BackingOff | Phase::Preparing(_) => unreachable!("it is proposing"),
        }
    }

    /// Counts an answer. Whether with it a quorum says yes; if none can any more, the operation backs off.
    fn agrees(&mut self, at: usize, from: NodeId, refused: Option<Ballot>, cx: &mut Context<'_, Self>) -> bool {
        let quorum = u32::from(self.nodes) / 2 + 1;
        let operation = &mut self.operations[at];
        match refused {
            None => operation.yes |= 1 << (from - 1),
            Some(higher) => {
                operation.no |= 1 << (from - 1);
                self.round = self.round.max(higher.round());
                if operation.no.count_ones() > u32::from(self.nodes) - quorum {
                    operation.phase = Phase::BackingOff;
                    let wait = cx.draw_for(&[DRAW_BACK_OFF, operation.ballot.0]) % BACK_OFF.as_nanos() as u64;
                    cx.set(operation.timer, Duration::from_nanos(wait));
                }
            }
        }
        refused.is_none() && operation.yes.count_ones() >= quorum
    }

    /// It has backed off for long enough, or no quorum has answered.
    pub(super) fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, Self>) {
        let Some(at) = self.operations.iter().position(|operation| operation.timer == timer) else { return };
        sometimes!(self.operations[at].phase != Phase::BackingOff, "a quorum does not answer in time");
        if cx.mono() < self.operations[at].until {
            self.begin(at, cx);
        } else {
            self.give_up(at, cx);
        }
    }

    fn operation_of(&self, ballot: Ballot) -> Option<usize> {
        self.operations.iter().position(|operation| operation.ballot == ballot)
    }

    fn answer(&mut self, at: usize, response: Response, cx: &mut Context<'_, Self>) {
        let operation = self.operations.swap_remove(at);
        cx.cancel(operation.timer);
        cx.reply(operation.reply, response);
    }

    /// The client hears that nothing was done if that is certain. What was proposed another may finish at any later time.
    fn give_up(&mut self, at: usize, cx: &mut Context<'_, Self>) {
        let operation = self.operations.swap_remove(at);
        cx.cancel(operation.timer);
        sometimes!(!operation.proposed.is_empty(), "a coordinator gives up a change that may take effect yet");
        if operation.proposed.is_empty() {
            cx.refuse(operation.reply);
        }
    }
}
