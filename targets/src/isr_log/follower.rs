//! How a broker follows: it truncates where its log parts from the leader's, then fetches.

use murphy_sim::Context;

use super::{
    Epoch, FETCH_RETRY, Offset,
    broker::{Broker, FETCH_TIMER, Role},
    log::Entry,
    message::Message,
    node::IsrNode,
};

impl Broker {
    pub(super) fn follow(&mut self, cx: &mut Context<'_, IsrNode>) {
        self.role = Role::Truncating;
        if self.truncates_to_high_watermark {
            self.log.truncate(self.log.high_watermark(), cx);
            self.role = Role::Follower;
        }
        self.ask_leader(cx);
    }

    /// Asks the leader for what comes next, and asks again if there is no answer.
    pub(super) fn ask_leader(&mut self, cx: &mut Context<'_, IsrNode>) {
        let Some(leader) = self.decision.leader else { return };
        if self.log.end() == 0 {
            self.role = Role::Follower;
        }
        let epoch = self.decision.epoch;
        let message = match self.role {
            Role::Truncating => Message::EpochLookup { epoch, asked: self.log.last_epoch(), own_end: self.log.end() },
            _ => Message::Fetch { epoch, from: self.log.end() },
        };
        cx.send(leader, message);
        cx.set(FETCH_TIMER, FETCH_RETRY);
    }

    pub(super) fn on_epoch_end(
        &mut self,
        asked: Epoch,
        own_end: Offset,
        found: Epoch,
        end: Offset,
        cx: &mut Context<'_, IsrNode>,
    ) {
        // An answer to what an earlier incarnation asked says where the leader's log ended then.
        if self.role != Role::Truncating || (asked, own_end) != (self.log.last_epoch(), self.log.end()) {
            return;
        }
        // What it has of later epochs than the leader found, the leader does not have. Of the one that it found, both have the
        // same records up to where either ends.
        let (_, end_here) = self.log.end_of(found);
        self.log.truncate(end.min(end_here), cx);
        if self.log.last_epoch() == found {
            self.role = Role::Follower;
        }
        self.ask_leader(cx);
    }

    pub(super) fn on_records(
        &mut self,
        from: Offset,
        entries: &[Entry],
        high_watermark: Offset,
        cx: &mut Context<'_, IsrNode>,
    ) {
        if self.role != Role::Follower || from != self.log.end() {
            return;
        }
        if !entries.is_empty() {
            self.log.append(entries, cx);
        }
        self.log.commit(high_watermark, cx);
        self.ask_leader(cx);
    }
}
