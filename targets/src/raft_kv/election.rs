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
    voters::Voters,
};

impl RaftNode {
    /// No leader was heard of for too long, or a campaign led to nothing.
    pub(super) fn on_election_timer(&mut self, cx: &mut Context<'_, Self>) {
        sometimes!(self.role == Role::Candidate, "a vote is split");
        sometimes!(self.role == Role::PreCandidate, "a pre-vote is not won");
        self.attempts += 1;
        let leader = self.leader;
        self.retire(cx);
        if self.bugs.precandidate_keeps_leader {
            self.leader = leader;
        }
        if !self.log.voters().contains(self.me) {
            sometimes!(true, "a node that is no voter hears no leader");
            return self.await_leader(cx);
        }
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
            self.campaign(false, cx);
        }
    }

    /// The leader hands over to this node.
    pub(super) fn on_timeout_now(&mut self, from: NodeId, term: Term, cx: &mut Context<'_, Self>) {
        let current = term == self.ballot.term && self.leader == Some(from);
        sometimes!(!current, "a transfer of leadership comes too late");
        if current && self.log.voters().contains(self.me) {
            sometimes!(true, "leadership is transferred");
            self.campaign(true, cx);
        }
    }

    fn campaign(&mut self, transfer: bool, cx: &mut Context<'_, Self>) {
        self.ballot = Ballot { term: self.ballot.term + 1, vote: Some(self.me) };
        self.attempts = 0;
        self.leader = None;
        self.ask(Role::Candidate, cx);
        // Our own vote counts like any other: it is durable before anyone can add theirs to it.
        self.save(cx);
        let message = Message::RequestVote { term: self.ballot.term, last: self.log.last(), transfer };
        self.broadcast(&message, cx);
    }

    pub(super) fn on_request_vote(
        &mut self,
        from: NodeId,
        term: Term,
        last: LogEnd,
        transfer: bool,
        cx: &mut Context<'_, Self>,
    ) {
        // A leader that was heard so recently may hold a lease, whatever term this is.
        if !transfer && self.silence(cx) < ELECTION_TIMEOUT {
            sometimes!(true, "a vote is refused for the sake of a lease");
            return cx.send(from, Message::VoteResponse { term: self.ballot.term, granted: false });
        }
        self.enter(term, cx);
        let current = term == self.ballot.term;
        let free = self.ballot.vote.is_none_or(|vote| vote == from) || self.bugs.votes_twice;
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
        sometimes!(
            self.log.voters_since() > self.commit,
            "a leader starts with a change of voters it does not know to be committed"
        );
        self.append(Command::Noop, cx);
        for node in self.others() {
            self.replicate(node, cx);
        }
    }

    /// Votes for itself, as a (pre-)candidate.
    fn ask(&mut self, role: Role, cx: &mut Context<'_, Self>) {
        self.role = role;
        self.votes = Voters::default().with(self.me);
        self.await_leader(cx);
    }

    /// Counts the vote of `from`.
    fn wins_with(&mut self, from: NodeId) -> bool {
        self.votes = self.votes.with(from);
        let voters = self.log.voters();
        self.votes.common(voters) >= voters.quorum()
    }

    fn broadcast(&self, message: &Message, cx: &mut Context<'_, Self>) {
        for node in self.others() {
            cx.send(node, message.clone());
        }
    }

    /// Whether it leads, or has heard of a leader within the shortest election timeout.
    fn is_led(&self, cx: &Context<'_, Self>) -> bool {
        let is_led = |leader: NodeId| {
            leader == self.me || self.role == Role::PreCandidate || self.silence(cx) < ELECTION_TIMEOUT
        };
        self.leader.is_some_and(is_led)
    }

    /// How long ago it heard of a leader, or started, which may have had it forget one.
    fn silence(&self, cx: &Context<'_, Self>) -> Duration {
        Duration::from_nanos(cx.mono().saturating_sub(self.heard_at))
    }
}
