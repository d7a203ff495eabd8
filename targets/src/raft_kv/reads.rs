//! How a leader answers its clients.
//!
//! A change is answered when its entry is applied. A read is answered from the leader's store once two things are known
//! (ReadIndex, Ongaro 2014, §6.4): that this node led after the read arrived, because a majority answered a heartbeat
//! sent since; and that its store holds all that was committed before, because an entry of its own term is. Here a
//! committed entry is applied at once, so the wait for the read index to be applied is over before it begins.
//!
//! The first is known without asking while the leader holds a *lease* (§6.4.1): a majority answered a heartbeat that was sent less
//! than an election timeout ago, and whoever did votes for nobody before that time is over, in no term and not after a restart
//! either. Only a transfer of leadership breaks this, so a leader that has asked for one holds no lease ever after. The lease ends a
//! margin early, for the errors of two monotonic clocks.

use murphy_sim::{Context, ReplyTo, RequestId, sometimes};

use super::{
    Index, LEASE,
    node::{RaftNode, Role},
    replication::Leadership,
    store::{Change, Command, Request, Response, Store},
};

/// A read that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    query: Query,
    reply: ReplyTo,
    /// The heartbeat that must be answered: the first one since the read arrived.
    round: u64,
}

/// What a read asks.
#[derive(Clone, Copy, Debug)]
enum Query {
    Register(u32),
    Ring(u32),
}

impl Query {
    fn answer(self, store: &Store) -> Response {
        match self {
            Self::Register(key) => Response::Value(store.get(key)),
            Self::Ring(size) => Response::Ring(store.ring(size)),
        }
    }
}

impl Leadership {
    pub(super) fn has_reads(&self) -> bool {
        !self.reads.is_empty()
    }

    /// A heartbeat is sent at `now`, on the clock that leases are measured on.
    pub(super) fn begin_round(&mut self, now: u64) {
        self.round += 1;
        self.sent.push_back(now);
    }

    /// A majority has answered all rounds up to `confirmed`: the lease goes on from when the last of them was sent.
    fn extend_lease(&mut self, confirmed: u64) {
        let open = (self.round - confirmed) as usize;
        if open < self.sent.len() {
            self.leased_at = self.sent.drain(..self.sent.len() - open).next_back();
        }
    }

    /// Whether nobody else can lead at `now`.
    fn holds_lease(&self, now: u64) -> bool {
        let is_fresh = |since: u64| now.saturating_sub(since) < LEASE.as_nanos() as u64;
        !self.handed_over && self.leased_at.is_some_and(is_fresh)
    }
}

impl RaftNode {
    pub(super) fn on_request(&mut self, id: RequestId, reply: ReplyTo, request: Request, cx: &mut Context<'_, Self>) {
        match request {
            _ if self.role != Role::Leader => cx.redirect(reply, self.leader),
            Request::Get(key) => self.read(Query::Register(key), reply, cx),
            Request::ReadRing(size) => self.read(Query::Ring(size), reply, cx),
            Request::Swap { start, size } => {
                let commit = self.store.swap(start, size);
                self.change(id, reply, Change::Commit(commit.into()), cx);
            }
            Request::Change(change) => self.change(id, reply, change, cx),
            Request::Admin(admin) => self.administer(admin, reply, cx),
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
        match &entry.command {
            Command::Noop => {}
            Command::Voters(_) => self.on_voters_committed(index, cx),
            Command::Change(id, change) => {
                let response = self.store.apply(index, *id, change, self.bugs);
                if let Some((_, reply)) = self.leadership.changes.pop_front_if(|(awaited, _)| *awaited == index) {
                    cx.reply(reply, response);
                }
            }
        }
    }

    fn read(&mut self, query: Query, reply: ReplyTo, cx: &mut Context<'_, Self>) {
        if self.has_committed_in_term() && self.leadership.holds_lease(self.lease_clock(cx)) {
            sometimes!(true, "a read is served under a lease");
            return cx.reply(reply, query.answer(&self.store));
        }
        self.beat(cx);
        self.leadership.reads.push(Read { query, reply, round: self.leadership.round });
        self.serve_reads(cx);
    }

    pub(super) fn serve_reads(&mut self, cx: &mut Context<'_, Self>) {
        if !self.leadership.has_reads() {
            return;
        }
        let confirmed = self.confirmed_round();
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
                cx.reply(read.reply, read.query.answer(store));
            }
            !leads
        });
    }

    /// The last heartbeat that a majority has answered.
    fn confirmed_round(&self) -> u64 {
        self.reached_by_quorum(self.leadership.round, |peer| peer.round)
    }

    /// An answer to a heartbeat came.
    pub(super) fn extend_lease(&mut self) {
        let confirmed = self.confirmed_round();
        self.leadership.extend_lease(confirmed);
    }

    /// The clock that leases are measured on. It must not jump.
    pub(super) fn lease_clock(&self, cx: &Context<'_, Self>) -> u64 {
        if self.bugs.lease_on_wall_clock { cx.wall() } else { cx.mono() }
    }

    /// Leaves what clients asked of this leader. A read can be sent elsewhere; a change may be committed yet, by this node
    /// or another, so its client is told nothing.
    pub(super) fn forget_clients(&mut self, cx: &mut Context<'_, Self>) {
        sometimes!(!self.leadership.changes.is_empty(), "a leader steps down with changes unanswered");
        sometimes!(self.leadership.has_reads(), "a leader steps down with reads unanswered");
        for (_, reply) in self.leadership.changes.drain(..) {
            if self.bugs.calls_open_changes_failed {
                cx.refuse(reply);
            }
        }
        for read in self.leadership.reads.drain(..) {
            cx.redirect(read.reply, None);
        }
    }
}
