//! How a leader brings the logs of its followers in line with its own, and learns what is committed.

use std::collections::VecDeque;

use murphy_sim::{Context, NodeId, ReplyTo, sometimes};

use super::{
    HEARTBEAT, Index, Term,
    message::{Conflict, LogEnd, Message},
    node::{HEARTBEAT_TIMER, RaftNode, Role},
    reads::Read,
    store::{Command, Entry},
};

/// The most entries in a message. A follower that has so many unanswered is sent no more.
const WINDOW: usize = 8;
/// A leader that has heard no majority for this many heartbeats steps down: 1 s, by when its clients have gone elsewhere.
const PATIENCE: u64 = 20;
const NODES_MAX: usize = 16;

/// What a leader knows of a follower.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Its log is known to equal the leader's up to here.
    pub(super) matched: Index,
    /// What it is sent next.
    next: Index,
    /// Where its log leaves the leader's is unknown: one message at a time.
    probing: bool,
    /// The round when it was last sent entries.
    sent_in: u64,
    /// The latest round that it has answered.
    pub(super) round: u64,
    /// The tick at which it was last heard of.
    heard_at: u64,
}

/// What a node needs while it leads. Begins anew with each term that it wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Leadership {
    /// By node number, from 1; the leader's own place is not used.
    pub(super) peers: Vec<Peer>,
    /// Counts heartbeats, of the timer and of reads.
    pub(super) round: u64,
    /// Counts heartbeats of the timer.
    tick: u64,
    /// The round of the last one of these.
    ticked_in: u64,
    /// Whom to answer when the entry at this index is applied; in the order of the log.
    pub(super) changes: VecDeque<(Index, ReplyTo)>,
    /// Reads that were not answered yet; in the order of their rounds.
    pub(super) reads: Vec<Read>,
    /// When each heartbeat was sent that no majority has answered yet, on the clock that leases are measured on.
    pub(super) sent: VecDeque<u64>,
    /// When the last one was sent that a majority has answered.
    pub(super) leased_at: Option<u64>,
    /// Whom to hand over to, once its log is complete.
    pub(super) successor: Option<NodeId>,
    /// Somebody was told to take over.
    pub(super) handed_over: bool,
}

impl Leadership {
    pub(super) fn new(nodes: NodeId, next: Index) -> Self {
        let peer = Peer { matched: 0, next, probing: true, sent_in: 0, round: 0, heard_at: 0 };
        Self { peers: vec![peer; nodes.into()], ..Self::default() }
    }

    pub(super) fn peer(&mut self, node: NodeId) -> &mut Peer {
        &mut self.peers[usize::from(node) - 1]
    }
}

impl RaftNode {
    /// Adds an entry of this term to the leader's own log, durably: from here on the leader counts as one that has it.
    pub(super) fn append(&mut self, command: Command, cx: &mut Context<'_, Self>) {
        self.log.push(Entry { term: self.ballot.term, command });
        self.save(cx);
    }

    /// Sends `to` what comes next in its log.
    pub(super) fn replicate(&mut self, to: NodeId, cx: &mut Context<'_, Self>) {
        let round = self.leadership.round;
        let peer = self.leadership.peer(to);
        peer.sent_in = round;
        let (prev, base) = (peer.next - 1, self.log.base());
        if prev < base.end.index {
            // It lacks what this node no longer has.
            peer.probing = true;
            return cx.send(to, Message::InstallSnapshot { term: self.ballot.term, snapshot: base.clone() });
        }
        // Until it is known where its log leaves this one, one entry is enough to find out.
        let entries = self.log.after(prev, if peer.probing { 1 } else { WINDOW }).to_vec();
        if !peer.probing {
            peer.next += entries.len() as Index;
        }
        let prev = LogEnd { term: self.log.term_at(prev).expect("a leader sends from its own log"), index: prev };
        cx.send(to, Message::AppendEntries { term: self.ballot.term, prev, commit: self.commit, entries });
    }

    /// Sends `to` what comes next, unless it has enough to do.
    pub(super) fn replicate_more(&mut self, to: NodeId, cx: &mut Context<'_, Self>) {
        let last = self.log.last_index();
        let peer = self.leadership.peer(to);
        if !peer.probing && peer.next <= last && peer.next <= peer.matched + WINDOW as Index {
            self.replicate(to, cx);
        }
    }

    pub(super) fn on_append_entries(
        &mut self,
        from: NodeId,
        term: Term,
        prev: LogEnd,
        commit: Index,
        entries: &[Entry],
        cx: &mut Context<'_, Self>,
    ) {
        if !self.follow(from, term, cx) {
            return;
        }
        let matched = prev.index + entries.len() as Index;
        let base = self.log.base().end;
        // What is in the snapshot was committed, so it is what the leader has.
        let (prev, entries) = match base.index.checked_sub(prev.index) {
            Some(known) if known as usize > entries.len() => {
                sometimes!(true, "old entries come that a snapshot holds");
                return self.promise(from, Message::AppendResponse { term, appended: Ok(matched) }, cx);
            }
            Some(known) => (base, &entries[known as usize..]),
            None => (prev, entries),
        };
        if self.log.term_at(prev.index) != Some(prev.term) {
            let conflict = Conflict { prev: prev.index, next: self.next_before(prev.index) };
            return self.promise(from, Message::AppendResponse { term, appended: Err(conflict) }, cx);
        }
        // An old message may end before this log does. Only an entry that differs shows that what follows is wrong.
        for (index, entry) in (prev.index + 1..).zip(entries) {
            match self.log.term_at(index) {
                Some(term) if term == entry.term => continue,
                Some(_) => {
                    sometimes!(true, "a follower truncates its log");
                    self.log.truncate(index);
                }
                None => {}
            }
            self.log.push(entry.clone());
        }
        self.promise(from, Message::AppendResponse { term, appended: Ok(matched) }, cx);
        self.commit_to(commit.min(matched), cx);
    }

    /// From where the leader may try after `prev` did not match: past the end of a short log, or before a whole term.
    fn next_before(&self, prev: Index) -> Index {
        sometimes!(prev > self.log.last_index(), "a follower's log is too short for an append");
        sometimes!(prev <= self.log.last_index(), "a follower's log differs from its leader's");
        if prev > self.log.last_index() { self.log.last_index() + 1 } else { self.log.first_of_term_at(prev) }
    }

    pub(super) fn on_append_response(
        &mut self,
        from: NodeId,
        term: Term,
        appended: Result<Index, Conflict>,
        cx: &mut Context<'_, Self>,
    ) {
        if !self.is_answer(from, term, cx) {
            return;
        }
        let peer = self.leadership.peer(from);
        match appended {
            Ok(index) => {
                peer.matched = peer.matched.max(index);
                peer.next = if peer.probing { peer.matched + 1 } else { peer.next.max(peer.matched + 1) };
                peer.probing = false;
                self.hand_over(cx);
                self.advance_commit(cx);
                self.replicate_more(from, cx);
            }
            Err(conflict) => {
                // A conflict where the logs are known to match, or elsewhere than where this leader looks, is an old answer.
                let current = conflict.prev > peer.matched && (!peer.probing || conflict.prev + 1 == peer.next);
                sometimes!(!current, "a leader ignores an old conflict");
                if current {
                    peer.probing = true;
                    peer.next = conflict.next.min(conflict.prev).max(peer.matched + 1);
                    self.replicate(from, cx);
                }
            }
        }
    }

    fn advance_commit(&mut self, cx: &mut Context<'_, Self>) {
        let index = self.reached_by_quorum(self.log.last_index(), |peer| peer.matched);
        // An entry of an earlier term can be on a majority and still be overwritten (figure 8 of the Raft paper): it is
        // committed by an entry of this term above it, never by itself.
        let is_of_this_term = self.log.term_at(index) == Some(self.ballot.term);
        if index > self.commit && (is_of_this_term || self.bugs.commits_older_terms) {
            sometimes!(
                !self.has_committed_in_term() && index > self.commit + 1,
                "a leader commits older terms' entries"
            );
            self.commit_to(index, cx);
            self.serve_reads(cx);
        }
    }

    /// Whether what is committed includes an entry of this node's term, and with it all that was ever committed before.
    pub(super) fn has_committed_in_term(&self) -> bool {
        self.log.term_at(self.commit) == Some(self.ballot.term)
    }

    pub(super) fn on_heartbeat_timer(&mut self, cx: &mut Context<'_, Self>) {
        self.leadership.tick += 1;
        let tick = self.leadership.tick;
        if tick - self.reached_by_quorum(tick, |peer| peer.heard_at) >= PATIENCE {
            sometimes!(true, "a leader steps down without a quorum");
            return self.retire(cx);
        }
        cx.set(HEARTBEAT_TIMER, HEARTBEAT);
        self.beat(cx);
        self.leadership.ticked_in = self.leadership.round;
    }

    /// Tells everybody who leads.
    pub(super) fn beat(&mut self, cx: &mut Context<'_, Self>) {
        self.leadership.begin_round(self.lease_clock(cx));
        let (term, round) = (self.ballot.term, self.leadership.round);
        for node in self.others() {
            let commit = self.commit.min(self.leadership.peer(node).matched);
            cx.send(node, Message::Heartbeat { term, commit, round });
        }
    }

    pub(super) fn on_heartbeat(
        &mut self,
        from: NodeId,
        term: Term,
        commit: Index,
        round: u64,
        cx: &mut Context<'_, Self>,
    ) {
        if !self.follow(from, term, cx) {
            return;
        }
        self.save(cx);
        cx.send(from, Message::HeartbeatResponse { term, round });
        // A leader announces only what is in this log, so the minimum changes nothing, unless acknowledged entries were lost.
        self.commit_to(commit.min(self.log.last_index()), cx);
    }

    pub(super) fn on_heartbeat_response(&mut self, from: NodeId, term: Term, round: u64, cx: &mut Context<'_, Self>) {
        if !self.is_answer(from, term, cx) {
            return;
        }
        let (last, ticked_in) = (self.log.last_index(), self.leadership.ticked_in);
        let peer = self.leadership.peer(from);
        peer.round = peer.round.max(round);
        self.extend_lease();
        let peer = self.leadership.peer(from);
        // What was sent before the timer's last heartbeat should have been answered before it: it is taken for lost.
        if peer.matched < last && peer.sent_in < ticked_in && ticked_in <= round {
            sometimes!(true, "a leader sends entries again");
            if !peer.probing {
                peer.next = peer.matched + 1;
            }
            self.replicate(from, cx);
        }
        self.serve_reads(cx);
    }

    /// Takes `from` for the leader of `term`, unless that is over.
    pub(super) fn follow(&mut self, from: NodeId, term: Term, cx: &mut Context<'_, Self>) -> bool {
        if term < self.ballot.term {
            sometimes!(true, "a leader of the past is rejected");
            cx.send(from, Message::StaleTerm { term: self.ballot.term });
            return false;
        }
        self.enter(term, cx);
        if self.role != Role::Follower {
            sometimes!(self.role == Role::Candidate, "an election is lost");
            self.retire(cx);
        }
        self.leader = Some(from);
        self.heard_at = cx.mono();
        self.attempts = 0;
        self.await_leader(cx);
        true
    }

    /// Whether this is an answer to what this node has sent as the leader of its present term.
    fn is_answer(&mut self, from: NodeId, term: Term, cx: &mut Context<'_, Self>) -> bool {
        self.enter(term, cx);
        let is_answer = self.role == Role::Leader && term == self.ballot.term;
        if is_answer {
            let tick = self.leadership.tick;
            self.leadership.peer(from).heard_at = tick;
        }
        is_answer
    }

    /// The largest number that a majority of the voters has reached, given how far this node is, and how far the others are.
    pub(super) fn reached_by_quorum(&self, own: u64, of: impl Fn(&Peer) -> u64) -> u64 {
        let voters = self.log.voters();
        let mut reached = [0; NODES_MAX];
        let reached = &mut reached[..voters.len()];
        for (number, voter) in reached.iter_mut().zip(voters.iter()) {
            *number = if voter == self.me { own } else { of(&self.leadership.peers[usize::from(voter) - 1]) };
        }
        reached.sort_unstable();
        reached[voters.len() - voters.quorum()]
    }
}
