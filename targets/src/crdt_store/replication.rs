//! How updates come to where they are not: at once from their origin, later from anybody.

use murphy_sim::{Context, NodeId, Timer, sometimes};

use super::{GOSSIP, Seq, WINDOW, log::Log, message::Message, node::Replica, store::Update};

pub(super) const GOSSIP_TIMER: Timer = Timer(0);

/// What a draw is for.
const DRAW_PEER: u64 = 1;

impl Replica {
    pub(super) fn on_message(&mut self, from: NodeId, message: Message, cx: &mut Context<'_, Self>) {
        match message {
            Message::Update(update) => self.on_updates(from, &[update], cx),
            Message::Updates(updates) => {
                sometimes!(updates.iter().any(|one| one.origin != from), "a replica hands on updates of a third");
                sometimes!(updates.len() == WINDOW, "a replica lacks more than a message holds");
                self.on_updates(from, &updates, cx);
                if updates.len() == WINDOW {
                    cx.send(from, Message::Ask(self.log.have().to_vec()));
                }
            }
            Message::Digest(have) => self.on_digest(from, &have, cx),
            Message::Ask(have) => self.send_what_lacks(from, &have, cx),
        }
    }

    /// Applies what is next of its origin. What is not is here already, or comes before its time.
    fn on_updates(&mut self, from: NodeId, updates: &[Update], cx: &mut Context<'_, Self>) {
        let (mut has_taken, mut has_gap) = (false, false);
        for update in updates {
            let have = self.log.have_of(update.origin);
            sometimes!(update.seq <= have, "an update comes twice");
            if update.seq <= have {
                continue;
            }
            let is_next = update.seq == have + 1;
            sometimes!(!is_next, "an update comes before one that precedes it");
            if is_next || self.bugs.takes_what_is_out_of_order {
                self.take(*update, cx);
                has_taken = true;
            } else {
                self.hears_of(update.origin, update.seq);
                has_gap = true;
            }
        }
        if has_taken {
            Log::sync(cx);
        }
        if has_gap {
            cx.send(from, Message::Ask(self.log.have().to_vec()));
        }
    }

    pub(super) fn on_gossip_timer(&mut self, cx: &mut Context<'_, Self>) {
        cx.set(GOSSIP_TIMER, GOSSIP);
        self.round += 1;
        let others = self.known.len() as u64 - 1;
        let drawn = cx.draw_for(&[DRAW_PEER, self.round]) % others;
        let peer = self.others().nth(drawn as usize).expect("it is below the number of others");
        cx.send(peer, Message::Digest(self.log.have().to_vec()));
    }

    /// Both sides get what they lack.
    fn on_digest(&mut self, from: NodeId, have: &[Seq], cx: &mut Context<'_, Self>) {
        for (origin, seq) in (1..).zip(have) {
            self.hears_of(origin, *seq);
        }
        let lacks = self.log.have().iter().zip(have).any(|(ours, theirs)| ours < theirs);
        let offers = self.log.have().iter().zip(have).any(|(ours, theirs)| ours > theirs);
        sometimes!(lacks, "a replica hears of updates that it lacks");
        sometimes!(lacks && offers, "two replicas lack updates of each other");
        if lacks {
            cx.send(from, Message::Ask(self.log.have().to_vec()));
        }
        self.send_what_lacks(from, have, cx);
    }

    fn send_what_lacks(&self, to: NodeId, have: &[Seq], cx: &mut Context<'_, Self>) {
        let updates = self.log.beyond(have);
        if !updates.is_empty() {
            cx.send(to, Message::Updates(updates));
        }
    }

    fn hears_of(&mut self, origin: NodeId, seq: Seq) {
        let known = &mut self.known[usize::from(origin) - 1];
        *known = seq.max(*known);
    }
}
