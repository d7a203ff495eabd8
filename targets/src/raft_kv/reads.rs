//! How a leader answers its clients.
//!
//! A change is answered when its entry is applied. A read is answered from the leader's store once two things are known
//! (ReadIndex, Ongaro 2014, §6.4): that this node led after the read arrived, because a majority answered a heartbeat
//! sent since; and that its store holds all that was committed before, because an entry of its own term is. Here a
//! committed entry is applied at once, so the wait for the read index to be applied is over before it begins.

use murphy_sim::{Context, ReplyTo, RequestId, sometimes};

use super::{
    Index,
    node::{RaftNode, Role},
    replication::Leadership,
    store::{Change, Command, Request, Response},
};

/// A read that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    key: u32,
    reply: ReplyTo,
    /// The heartbeat that must be answered: the first one since the read arrived.
    round: u64,
}

impl Leadership {
    pub(super) fn has_reads(&self) -> bool {
        !self.reads.is_empty()
    }
}

impl RaftNode {
    pub(super) fn on_request(&mut self, id: RequestId, reply: ReplyTo, request: Request, cx: &mut Context<'_, Self>) {
        match request {
            _ if self.role != Role::Leader => cx.redirect(reply, self.leader),
            Request::Get(key) => self.read(key, reply, cx),
            Request::Change(change) => self.change(id, reply, change, cx),
        }
    }

    fn change(&mut self, id: RequestId, reply: ReplyTo, change: Change, cx: &mut Context<'_, Self>) {
        if let Some(response) = self.store.answered(id) {
            sometimes!(true, "a duplicate request is answered from the session table");
            return cx.reply(reply, response);
        }
        self.append(Command::Change(id, change), cx);
        self.leadership.changes.push_back((self.log.last_index(), reply));
        for node in self.others() {
            self.replicate_more(node, cx);
        }
    }

    pub(super) fn apply(&mut self, index: Index, cx: &mut Context<'_, Self>) {
        let entry = self.log.entry(index);
        cx.agree("committed entry", index, entry.digest());
        if let Command::Change(id, change) = entry.command {
            let response = self.store.apply(id, change);
            if let Some((_, reply)) = self.leadership.changes.pop_front_if(|(awaited, _)| *awaited == index) {
                cx.reply(reply, response);
            }
        }
    }

    fn read(&mut self, key: u32, reply: ReplyTo, cx: &mut Context<'_, Self>) {
        self.beat(cx);
        self.leadership.reads.push(Read { key, reply, round: self.leadership.round });
        self.serve_reads(cx);
    }

    pub(super) fn serve_reads(&mut self, cx: &mut Context<'_, Self>) {
        if !self.leadership.has_reads() {
            return;
        }
        let confirmed = self.reached_by_quorum(self.leadership.round, |peer| peer.round);
        let complete = self.has_committed_in_term();
        sometimes!(!complete, "a read waits for a commit");
        if !complete && !self.bugs.reads_before_commit_in_term {
            return;
        }
        let (store, bugs) = (&self.store, self.bugs);
        self.leadership.reads.retain(|read| {
            let leads = read.round <= confirmed || bugs.reads_without_quorum;
            sometimes!(read.round <= confirmed, "a read is confirmed by a quorum");
            if leads {
                cx.reply(read.reply, Response::Value(store.get(read.key)));
            }
            !leads
        });
    }

    /// Leaves what clients asked of this leader. A read can be sent elsewhere; a change may be committed yet, by this node
    /// or another, so its client is told nothing.
    pub(super) fn forget_clients(&mut self, cx: &mut Context<'_, Self>) {
        sometimes!(!self.leadership.changes.is_empty(), "a leader steps down with changes unanswered");
        sometimes!(self.leadership.has_reads(), "a leader steps down with reads unanswered");
        self.leadership.changes.clear();
        for read in self.leadership.reads.drain(..) {
            cx.redirect(read.reply, None);
        }
    }
}
