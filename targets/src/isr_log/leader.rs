//! How a broker leads: it appends, answers fetches, advances the high watermark, and watches who is in sync.

use std::collections::VecDeque;

use murphy_sim::{Context, NodeId, ReplyTo, sometimes};

use super::{
    CONTROLLER, FETCH_WAIT, LAG, MIN_IN_SYNC, Offset,
    broker::{Broker, FETCH_TIMER, Role},
    controller::bit,
    log::Entry,
    message::{Message, Response},
    node::IsrNode,
};

/// What a leader knows of a follower.
#[derive(Clone, Copy, Debug)]
struct Replica {
    node: NodeId,
    /// It has all records before this.
    end: Offset,
    /// Its fetch has no answer yet.
    waits: bool,
    /// When it last had all records, on the leader's monotonic clock.
    caught_up_at: u64,
}

/// What a broker needs while it leads. Begins anew with each epoch that it leads in, and when it starts again in one.
#[derive(Clone, Debug, Default)]
pub(super) struct Leadership {
    replicas: Vec<Replica>,
    /// The end of its log when it began: what was committed before is before this.
    began_at: Offset,
    /// The in-sync set that it asks the controller for.
    asked_for: Option<u32>,
    /// Who may be in sync besides those of whom it knows, by what it has asked for.
    perhaps_in_sync: u32,
    /// Whom to answer when the record at this offset is committed; in the order of the log.
    producers: VecDeque<(Offset, ReplyTo)>,
}

impl Leadership {
    pub(super) fn unacknowledged(&self) -> usize {
        self.producers.len()
    }
}

impl Broker {
    pub(super) fn lead(&mut self, cx: &mut Context<'_, IsrNode>) {
        let (now, began_at) = (cx.mono(), self.log.end());
        sometimes!(self.log.high_watermark() < began_at, "a leader begins with records not known to be committed");
        cx.agree("one leader per epoch", self.decision.epoch, self.me.into());
        let others = self.brokers.iter().filter(|node| **node != self.me);
        let replicas = others.map(|node| Replica { node: *node, end: 0, waits: false, caught_up_at: now }).collect();
        // Before it crashed it may have asked for somebody to be in sync, and the controller may hear it any time. So all count
        // until the controller has decided once more, which makes what was asked before void.
        let perhaps_in_sync = self.brokers.iter().fold(0, |all, node| all | bit(*node));
        let (asked_for, producers) = (None, VecDeque::new());
        self.role = Role::Leader;
        self.leadership = Leadership { replicas, began_at, asked_for, perhaps_in_sync, producers };
        self.ask_for(self.decision.in_sync, cx);
        cx.set(FETCH_TIMER, FETCH_WAIT);
        self.advance(cx);
    }

    /// Leaves its clients without an answer: what they have produced may be committed yet, by this broker or another.
    pub(super) fn step_down(&mut self) {
        sometimes!(self.role == Role::Leader, "a leader steps down");
        sometimes!(self.leadership.unacknowledged() > 0, "a leader steps down with records unacknowledged");
        self.leadership.producers.clear();
        self.role = Role::Fenced;
    }

    pub(super) fn produce(&mut self, key: u32, element: u64, reply: ReplyTo, cx: &mut Context<'_, IsrNode>) {
        let enough = self.decision.in_sync.count_ones() >= MIN_IN_SYNC;
        sometimes!(!enough, "too few are in sync for a record");
        if !enough {
            return cx.refuse(reply);
        }
        self.leadership.producers.push_back((self.log.end(), reply));
        self.log.append(&[Entry { epoch: self.decision.epoch, key, element }], cx);
        for at in 0..self.leadership.replicas.len() {
            self.answer_fetch(at, cx);
        }
    }

    pub(super) fn consume(&mut self, key: u32, reply: ReplyTo, cx: &mut Context<'_, IsrNode>) {
        let in_session = cx.mono() < self.session_until;
        let complete = self.log.high_watermark() >= self.leadership.began_at;
        sometimes!(!in_session, "a leader that has lost touch with the controller does not answer a read");
        sometimes!(!complete, "a new leader does not answer a read yet");
        if in_session && complete {
            cx.reply(reply, Response::Elements(self.log.committed(key)));
        } else {
            cx.redirect(reply, None);
        }
    }

    pub(super) fn on_fetch(&mut self, from: NodeId, end: Offset, cx: &mut Context<'_, IsrNode>) {
        let (now, log_end) = (cx.mono(), self.log.end());
        let Some(at) = self.leadership.replicas.iter().position(|replica| replica.node == from) else { return };
        let replica = &mut self.leadership.replicas[at];
        replica.end = end;
        replica.waits = true;
        if end >= log_end {
            replica.caught_up_at = now;
        }
        self.advance(cx);
        self.welcome(at, cx);
        if self.leadership.replicas[at].end < self.log.end() {
            self.answer_fetch(at, cx);
        }
    }

    /// Sends a follower that waits for it what comes next in the log, and how far that is committed.
    fn answer_fetch(&mut self, at: usize, cx: &mut Context<'_, IsrNode>) {
        let replica = &mut self.leadership.replicas[at];
        if std::mem::take(&mut replica.waits) {
            let entries = self.log.since(replica.end).to_vec();
            let (epoch, high_watermark) = (self.decision.epoch, self.log.high_watermark());
            cx.send(replica.node, Message::Records { epoch, from: replica.end, entries, high_watermark });
        }
    }

    /// Moves the high watermark to where all have come who are in sync, or may be by now.
    fn advance(&mut self, cx: &mut Context<'_, IsrNode>) {
        let in_sync = self.decision.in_sync | self.leadership.perhaps_in_sync;
        let replicas = self.leadership.replicas.iter().filter(|replica| in_sync & bit(replica.node) != 0);
        let reached = replicas.fold(self.log.end(), |least, replica| least.min(replica.end));
        self.log.commit(reached, cx);
        let enough = self.decision.in_sync.count_ones() >= MIN_IN_SYNC;
        let is_committed = |(offset, _): &mut (Offset, ReplyTo)| *offset < reached;
        while let Some((_, reply)) = self.leadership.producers.pop_front_if(is_committed) {
            // It may be in one log only, so it does not count as acknowledged, and may yet be read.
            sometimes!(!enough, "a record is committed by too few");
            if enough {
                cx.reply(reply, Response::Acknowledged);
            }
        }
    }

    /// Asks for a follower to be in sync that has all that may be committed.
    fn welcome(&mut self, at: usize, cx: &mut Context<'_, IsrNode>) {
        let Replica { node, end, .. } = self.leadership.replicas[at];
        let has_all = end >= self.log.high_watermark().max(self.leadership.began_at);
        if has_all && !self.decision.is_in_sync(node) {
            self.ask_for(self.decision.in_sync | bit(node), cx);
        }
    }

    pub(super) fn on_leader_timer(&mut self, cx: &mut Context<'_, IsrNode>) {
        cx.set(FETCH_TIMER, FETCH_WAIT);
        let now = cx.mono();
        let lags = |replica: &&Replica| now.saturating_sub(replica.caught_up_at) > LAG.as_nanos() as u64;
        let lagging = self.leadership.replicas.iter().filter(lags).fold(0, |all, replica| all | bit(replica.node));
        for at in 0..self.leadership.replicas.len() {
            self.answer_fetch(at, cx);
        }
        let present = self.decision.in_sync;
        sometimes!(lagging & present != 0, "a follower falls behind");
        match self.leadership.asked_for {
            Some(in_sync) => self.ask_again(in_sync, cx),
            None if lagging & present != 0 => self.ask_again(present & !lagging, cx),
            None => {}
        }
    }

    /// Asks the controller for another in-sync set, unless it has been asked for one already.
    fn ask_for(&mut self, in_sync: u32, cx: &mut Context<'_, IsrNode>) {
        if self.leadership.asked_for.is_none() {
            self.ask_again(in_sync, cx);
        }
    }

    fn ask_again(&mut self, in_sync: u32, cx: &mut Context<'_, IsrNode>) {
        self.leadership.asked_for = Some(in_sync);
        self.leadership.perhaps_in_sync |= in_sync;
        cx.send(CONTROLLER, Message::AlterIsr { version: self.decision.version, in_sync });
    }

    /// The controller has decided who is in sync, whatever was asked of it.
    pub(super) fn on_in_sync_changed(&mut self, cx: &mut Context<'_, IsrNode>) {
        (self.leadership.asked_for, self.leadership.perhaps_in_sync) = (None, 0);
        self.advance(cx);
    }
}
