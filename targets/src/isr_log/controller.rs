//! The controller: who leads, and who is in sync.
//!
//! Its one decision is durable before anybody hears of it. Nobody leads who is not in sync: when none of those is alive, the
//! log waits for one of them (no unclean election).

use murphy_sim::{Boot, Capture, Context, File, NodeId, StateView, Timer, sometimes};

use crate::words;

use super::{Epoch, HEARTBEAT, SESSION, message::Message, node::IsrNode};

const METADATA: File = File("metadata");
const SESSIONS_TIMER: Timer = Timer(0);
/// The words of a decision.
const WORDS: usize = 4;

/// What the controller has decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Grows with each decision. 0: none is known.
    pub version: u64,
    /// Grows with each change of the leader.
    pub epoch: Epoch,
    /// Who leads.
    pub leader: Option<NodeId>,
    /// Who has all that is committed: bit 0 is node 1. Never empty.
    pub in_sync: u32,
}

impl Decision {
    pub(super) fn is_in_sync(&self, node: NodeId) -> bool {
        self.in_sync & bit(node) != 0
    }

    fn words(&self) -> [u64; WORDS] {
        [self.version, self.epoch, self.leader.unwrap_or(0).into(), self.in_sync.into()]
    }

    fn of(bytes: &[u8]) -> Self {
        let [version, epoch, leader, in_sync] = words::exactly(bytes);
        let leader = Some(leader as NodeId).filter(|leader| *leader != 0);
        Self { version, epoch, leader, in_sync: in_sync as u32 }
    }
}

/// A node in a set of nodes.
pub(super) fn bit(node: NodeId) -> u32 {
    1 << (node - 1)
}

/// What the controller knows of a broker.
#[derive(Clone, Copy, Debug)]
struct Session {
    broker: NodeId,
    /// When it was last heard of, on the monotonic clock.
    heard: u64,
    /// The latest that it has named.
    generation: Option<u32>,
}

/// The process that decides.
#[derive(Clone, Debug)]
pub struct Controller {
    decision: Decision,
    sessions: Vec<Session>,
}

impl Controller {
    pub(super) fn start(boot: &Boot<'_>, cx: &mut Context<'_, IsrNode>) -> Self {
        let now = cx.mono();
        // One that starts again may have been heard of by nobody for long: every session begins anew.
        let session = |broker| Session { broker, heard: now, generation: None };
        let sessions: Vec<_> = boot.members_of("broker").map(session).collect();
        let decision = match cx.contents(METADATA).expect("fail-stop: cannot read the metadata") {
            Some(bytes) => Decision::of(&bytes),
            None => Decision {
                version: 1,
                epoch: 1,
                leader: sessions.first().map(|session| session.broker),
                in_sync: sessions.iter().fold(0, |all, session| all | bit(session.broker)),
            },
        };
        cx.set(SESSIONS_TIMER, HEARTBEAT);
        Self { decision, sessions }
    }

    pub(super) fn leader(&self) -> Option<NodeId> {
        self.decision.leader
    }

    pub(super) fn on_message(&mut self, from: NodeId, message: &Message, cx: &mut Context<'_, IsrNode>) {
        match *message {
            Message::Heartbeat { sent, generation } => self.on_heartbeat(from, sent, generation, cx),
            Message::AlterIsr { version, in_sync } => self.on_alter_isr(from, version, in_sync, cx),
            _ => {}
        }
    }

    fn on_heartbeat(&mut self, from: NodeId, sent: u64, generation: u32, cx: &mut Context<'_, IsrNode>) {
        let now = cx.mono();
        let Some(session) = self.sessions.iter_mut().find(|session| session.broker == from) else { return };
        session.heard = now;
        session.generation = session.generation.max(Some(generation));
        let session = *session;
        if self.decision.leader.is_none() {
            self.review(cx);
        }
        self.tell(session, Some(sent), cx);
    }

    /// Tells a broker the decision, once it has said which of its generations it is.
    fn tell(&self, session: Session, sent: Option<u64>, cx: &mut Context<'_, IsrNode>) {
        if let Some(generation) = session.generation {
            cx.send(session.broker, Message::Decided { decision: self.decision, sent, generation });
        }
    }

    /// Takes what the leader knows of who is in sync, unless it does not know the latest decision.
    fn on_alter_isr(&mut self, from: NodeId, version: u64, in_sync: u32, cx: &mut Context<'_, IsrNode>) {
        let current = version == self.decision.version && self.decision.leader == Some(from);
        sometimes!(!current, "the controller refuses another in-sync set");
        if !current {
            return;
        }
        sometimes!(in_sync & !self.decision.in_sync != 0, "a broker is in sync again");
        self.decide(Decision { in_sync, ..self.decision }, cx);
        self.review(cx);
    }

    pub(super) fn on_timer(&mut self, cx: &mut Context<'_, IsrNode>) {
        cx.set(SESSIONS_TIMER, HEARTBEAT);
        self.review(cx);
    }

    /// Takes those whose session is over out of the in-sync set, and gives the log a leader that is alive and in sync.
    fn review(&mut self, cx: &mut Context<'_, IsrNode>) {
        let opened = cx.mono().saturating_sub(SESSION.as_nanos() as u64);
        let alive = self.sessions.iter().filter(|session| session.heard > opened || opened == 0);
        let alive = alive.fold(0, |all, session| all | bit(session.broker));
        let mut next = self.decision;
        let left = next.in_sync & alive;
        // Those who were in sync last have all that is committed: they stay, and the log waits for one of them.
        if left != 0 {
            next.in_sync = left;
        }
        if next.leader.is_none_or(|leader| left & bit(leader) == 0) {
            next.leader = self.sessions.iter().map(|session| session.broker).find(|broker| left & bit(*broker) != 0);
            next.epoch += u64::from(next.leader.is_some());
        }
        if next != self.decision {
            sometimes!(next.leader.is_none(), "nobody who is in sync is alive");
            sometimes!(next.leader.is_some() && next.epoch != self.decision.epoch, "a leader is elected");
            sometimes!(next.in_sync.count_ones() == 1, "one broker alone is in sync");
            self.decide(next, cx);
        }
    }

    fn decide(&mut self, next: Decision, cx: &mut Context<'_, IsrNode>) {
        self.decision = Decision { version: self.decision.version + 1, ..next };
        cx.replace(METADATA, &words::bytes(&self.decision.words())).expect("fail-stop: cannot write the metadata");
        for session in &self.sessions {
            self.tell(*session, None, cx);
        }
    }

    pub(super) fn expose(&self, state: &mut Capture<'_>) {
        state.put("epoch", self.decision.epoch);
    }

    pub(super) fn inspect(&self, view: &mut StateView) {
        view.role("controller")
            .rank("epoch", self.decision.epoch)
            .fact("in sync", self.decision.in_sync.count_ones().into())
            .fact("has a leader", self.decision.leader.is_some().into());
    }
}
