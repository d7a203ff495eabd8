//! How a node comes to lead: first it asks whether it would be elected, then it asks to be.

use std::time::Duration;

use murphy_sim::{Context, NodeId, sometimes};

use super::{
    ELECTION_TIMEOUT, HEARTBEAT, Term,
    log::Ballot,
    message::{LogEnd, Message},
    node::{ELECTION_TIMER, HEARTBEAT_TIMER, RaftNode, Role},
    replication::Leadership,
    store::Command,
};

impl RaftNode {
    /// No leader was heard of for too long, or a campaign led to nothing.
    pub(super) fn on_election_timer(&mut self, cx: &mut Context<'_, Self>) {
        sometimes!(self.role == Role::Candidate, "a vote is split");
        sometimes!(self.role == Role::PreCandidate, "a pre-vote is not won");
        self.attempts += 1;
        self.retire(cx);
        self.ask(Role::PreCandidate, cx);
        let message = Message::RequestPreVote { term: self.ballot.term + 1, last: self.log.last() };
        self.broadcast(&message, cx);
    }

    pub(super) fn on_request_pre_vote(&mut self, from: NodeId, term: Term, last: LogEnd, cx: &mut Context<'_, Self>) {
        // Without this, a node that missed some heartbeats, or comes back from a partition, would unseat a leader that
        // everybody else hears.
        let granted = term > self.ballot.term && last >= self.log.last() && !self.is_led(cx);
        sometimes!(!granted, "a pre-vote is rejected");
        let term = if granted { term } else { self.ballot.term };
        cx.send(from, Message::PreVoteResponse { term, granted });
    }

    pub(super) fn on_pre_vote_response(&mut self, from: NodeId, term: Term, granted: bool, cx: &mut Context<'_, Self>) {
        if !granted {
            self.enter(term, cx);
        } else if self.role == Role::PreCandidate && term == self.ballot.term + 1 && self.wins_with(from) {
            self.campaign(cx);
        }
    }

    fn campaign(&mut self, cx: &mut Context<'_, Self>) {
        self.ballot = Ballot { term: self.ballot.term + 1, vote: Some(self.me) };
        self.attempts = 0;
        self.ask(Role::Candidate, cx);
        // Our own vote counts like any other: it is durable before anyone can add theirs to it.
        self.save(cx);
        let message = Message::RequestVote { term: self.ballot.term, last: self.log.last() };
        self.broadcast(&message, cx);
    }

    pub(super) fn on_request_vote(&mut self, from: NodeId, term: Term, last: LogEnd, cx: &mut Context<'_, Self>) {
        self.enter(term, cx);
        let current = term == self.ballot.term;
        let free = self.ballot.vote.is_none_or(|vote| vote == from);
        let up_to_date = last >= self.log.last();
        let granted = current && free && up_to_date;
        sometimes!(granted, "a vote is granted");
        sometimes!(current && !free, "a vote is refused for the sake of another");
        sometimes!(current && !up_to_date, "a vote is refused to an older log");
        if granted {
            self.ballot.vote = Some(from);
            self.role = Role::Follower;
            self.await_leader(cx);
        }
        self.promise(from, Message::VoteResponse { term: self.ballot.term, granted }, cx);
    }

    pub(super) fn on_vote_response(&mut self, from: NodeId, term: Term, granted: bool, cx: &mut Context<'_, Self>) {
        self.enter(term, cx);
        if granted && self.role == Role::Candidate && term == self.ballot.term && self.wins_with(from) {
            self.lead(cx);
        }
    }

    fn lead(&mut self, cx: &mut Context<'_, Self>) {
        let last = self.log.last();
        sometimes!(self.has_led, "a former leader is elected again");
        sometimes!(self.commit < last.index, "a leader starts with entries it does not know to be committed");
        sometimes!(
            self.log.term_at(self.commit + 1).is_some_and(|term| term != last.term),
            "a leader starts with uncommitted entries of two terms"
        );
        self.has_led = true;
        self.role = Role::Leader;
        self.leader = Some(self.me);
        cx.agree("one leader per term", self.ballot.term, self.me.into());
        cx.cancel(ELECTION_TIMER);
        cx.set(HEARTBEAT_TIMER, HEARTBEAT);
        self.leadership = Leadership::new(self.nodes, last.index + 1);
        self.append(Command::Noop, cx);
        for node in self.others() {
            self.replicate(node, cx);
        }
    }

    /// Votes for itself, as a (pre-)candidate.
    fn ask(&mut self, role: Role, cx: &mut Context<'_, Self>) {
        self.role = role;
        self.votes = 1 << (self.me - 1);
        self.await_leader(cx);
    }

    /// Counts the vote of `from`.
    fn wins_with(&mut self, from: NodeId) -> bool {
        self.votes |= 1 << (from - 1);
        self.votes.count_ones() as usize >= self.quorum()
    }

    fn broadcast(&self, message: &Message, cx: &mut Context<'_, Self>) {
        for node in self.others() {
            cx.send(node, message.clone());
        }
    }

    /// Whether it leads, or has heard of a leader within the shortest election timeout.
    fn is_led(&self, cx: &Context<'_, Self>) -> bool {
        let silence = || Duration::from_nanos(cx.mono().saturating_sub(self.heard_at));
        self.role == Role::Leader || (self.leader.is_some() && silence() < ELECTION_TIMEOUT)
    }
}
