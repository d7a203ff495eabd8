//! A broker: its log, and what it knows of the controller's decision.
//!
//! Invariants, stated as absences: a broker tells nobody of a record that is not durable; it takes no part in an epoch
//! before the one that it knows; one that does not lead owes nobody an answer.

use murphy_sim::{Boot, Capture, Context, NodeId, ReplyTo, StateView, Timer, sometimes};

use super::{
    CONTROLLER, Epoch, HEARTBEAT, SESSION,
    controller::Decision,
    leader::Leadership,
    log::Log,
    message::{Message, Request},
    node::IsrNode,
};

pub(super) const HEARTBEAT_TIMER: Timer = Timer(0);
pub(super) const FETCH_TIMER: Timer = Timer(1);

/// What a broker does in the epoch that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing: there is no leader, or it has not heard of one since it started.
    Fenced,
    /// It asks where its log parts from the leader's.
    Truncating,
    /// It fetches.
    Follower,
    Leader,
}

/// One server of the log.
#[derive(Clone, Debug)]
pub struct Broker {
    pub(super) me: NodeId,
    /// All brokers.
    pub(super) brokers: Vec<NodeId>,
    generation: u32,
    pub(super) truncates_to_high_watermark: bool,
    /// Durable.
    pub(super) log: Log,
    /// The latest that it knows.
    pub(super) decision: Decision,
    pub(super) role: Role,
    /// Means something while this broker leads.
    pub(super) leadership: Leadership,
    /// Until when the controller certainly takes it for alive, on the monotonic clock.
    pub(super) session_until: u64,
}

impl Broker {
    pub(super) fn start(boot: &Boot<'_>, cx: &mut Context<'_, IsrNode>) -> Self {
        let broker = Self {
            me: boot.me,
            brokers: boot.members_of("broker").collect(),
            generation: boot.incarnation,
            truncates_to_high_watermark: boot.bug("F4"),
            log: Log::replay(cx),
            decision: Decision::default(),
            role: Role::Fenced,
            leadership: Leadership::default(),
            session_until: 0,
        };
        broker.beat(cx);
        broker
    }

    fn beat(&self, cx: &mut Context<'_, IsrNode>) {
        cx.send(CONTROLLER, Message::Heartbeat { sent: cx.mono(), generation: self.generation });
        cx.set(HEARTBEAT_TIMER, HEARTBEAT);
    }

    pub(super) fn on_message(&mut self, from: NodeId, message: Message, cx: &mut Context<'_, IsrNode>) {
        match message {
            Message::Decided { decision, sent, generation } => {
                sometimes!(generation != self.generation, "a broker hears what its earlier self was told");
                if generation == self.generation {
                    self.on_decided(decision, sent, cx);
                }
            }
            Message::EpochLookup { epoch, asked, own_end } if self.leads_in(epoch) => {
                let (found, end) = self.log.end_of(asked);
                cx.send(from, Message::EpochEnd { epoch, asked, own_end, found, end });
            }
            Message::EpochEnd { epoch, asked, own_end, found, end } if self.is_current(epoch) => {
                self.on_epoch_end(asked, own_end, found, end, cx);
            }
            Message::Fetch { epoch, from: end } if self.leads_in(epoch) => self.on_fetch(from, end, cx),
            Message::Records { epoch, from, entries, high_watermark } if self.is_current(epoch) => {
                self.on_records(from, &entries, high_watermark, cx);
            }
            _ => {}
        }
    }

    pub(super) fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, IsrNode>) {
        match self.role {
            _ if timer == HEARTBEAT_TIMER => self.beat(cx),
            Role::Leader => self.on_leader_timer(cx),
            Role::Truncating | Role::Follower => self.ask_leader(cx),
            Role::Fenced => {}
        }
    }

    pub(super) fn on_request(&mut self, reply: ReplyTo, request: Request, cx: &mut Context<'_, IsrNode>) {
        match request {
            _ if self.role != Role::Leader => cx.redirect(reply, self.decision.leader),
            Request::Produce { key, element } => self.produce(key, element, reply, cx),
            Request::Consume { key } => self.consume(key, reply, cx),
        }
    }

    /// Whether a message is of the epoch that this broker knows. The others are of the past, or are said again once it has heard
    /// of the new epoch.
    fn is_current(&self, epoch: Epoch) -> bool {
        sometimes!(epoch < self.decision.epoch, "a message of an earlier epoch arrives");
        epoch == self.decision.epoch
    }

    fn leads_in(&self, epoch: Epoch) -> bool {
        self.is_current(epoch) && self.role == Role::Leader
    }

    fn on_decided(&mut self, decision: Decision, sent: Option<u64>, cx: &mut Context<'_, IsrNode>) {
        if decision.version > self.decision.version {
            let same = (decision.epoch, decision.leader) == (self.decision.epoch, self.decision.leader);
            self.decision = decision;
            if !same {
                self.step_down();
            }
            match decision.leader {
                Some(leader) if leader == self.me && same => self.on_in_sync_changed(cx),
                Some(leader) if leader == self.me => self.lead(cx),
                Some(_) if !same => self.follow(cx),
                _ => {}
            }
        }
        // The controller heard it after that, and holds the session open for so long from then.
        if let Some(sent) = sent {
            self.session_until = self.session_until.max(sent + SESSION.as_nanos() as u64);
        }
    }

    pub(super) fn expose(&self, state: &mut Capture<'_>) {
        state.put("epoch", self.decision.epoch);
        state.put("log_end", self.log.end());
        state.put("high_watermark", self.log.high_watermark());
    }

    pub(super) fn inspect(&self, view: &mut StateView) {
        let role = match self.role {
            Role::Fenced => "fenced",
            Role::Truncating => "truncating",
            Role::Follower => "follower",
            Role::Leader => "leader",
        };
        view.role(role)
            .rank("epoch", self.decision.epoch)
            .rank("log end", self.log.end())
            .rank("high watermark", self.log.high_watermark())
            .progress(self.log.end())
            .fact("is in sync", self.decision.is_in_sync(self.me).into())
            .fact("in sync", self.decision.in_sync.count_ones().into())
            .fact("records unacknowledged", self.leadership.unacknowledged().min(2) as u64)
            .peer("leader", self.decision.leader);
    }
}
