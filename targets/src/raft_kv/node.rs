//! A node: what it knows, how it takes its inputs, and the order of what it does.
//!
//! Invariants, stated as absences: nothing leaves a node before what it promises is durable (the planted A4 aside); no
//! committed entry waits to be applied; a node that does not lead owes nobody an answer.

use std::{rc::Rc, time::Duration};

use murphy_sim::{Boot, Capture, Context, Input, Node, NodeId, StateView, Timer, sometimes};

use super::{
    Bugs, COMPACT_AFTER, ELECTION_TIMEOUT, Index, Term,
    log::{Ballot, Log},
    message::{LogEnd, Message},
    replication::Leadership,
    snapshot::Snapshot,
    store::{Request, Response, Store},
    voters::Voters,
};

pub(super) const ELECTION_TIMER: Timer = Timer(0);
pub(super) const HEARTBEAT_TIMER: Timer = Timer(1);

/// What a draw is for.
const DRAW_TIMEOUT: u64 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Follower,
    PreCandidate,
    Candidate,
    Leader,
}

/// One server of the store.
#[derive(Clone, Debug)]
pub struct RaftNode {
    pub(super) me: NodeId,
    /// Nodes are numbered from 1 to this, whether they are voters or not.
    pub(super) nodes: NodeId,
    pub(super) bugs: Bugs,

    /// Durable, together with the log, once [`RaftNode::save`] returns.
    pub(super) ballot: Ballot,
    pub(super) log: Log,

    pub(super) role: Role,
    /// Who leads in this term, if known.
    pub(super) leader: Option<NodeId>,
    /// When a leader was last heard of, in whatever term, on this node's monotonic clock, in nanoseconds.
    pub(super) heard_at: u64,
    /// Who has granted the vote or pre-vote under way.
    pub(super) votes: Voters,
    /// Campaigns in this term since a leader was last heard of.
    pub(super) attempts: u64,
    /// The election timeout, and the term and attempt it was drawn for.
    timeout: Duration,
    timeout_for: (Term, u64),
    /// Whether this incarnation has led before.
    pub(super) has_led: bool,

    /// Everything up to here is committed, and applied to the store.
    pub(super) commit: Index,
    pub(super) store: Store,

    /// Means something while this node leads.
    pub(super) leadership: Leadership,
}

impl RaftNode {
    pub(super) fn start(boot: &Boot<'_>, cx: &mut Context<'_, Self>) -> Self {
        let bugs = Bugs::of(boot);
        let (ballot, log) = Log::open(boot, bugs, cx);
        sometimes!(log.base().end.index > 0, "restarted with a snapshot");
        sometimes!(log.last_index() > 0, "restarted with a log");
        sometimes!(ballot.vote.is_some_and(|vote| vote != boot.me), "restarted knowing its vote for another");
        let mut node = Self {
            me: boot.me,
            nodes: boot.addresses.len() as NodeId,
            bugs,
            ballot,
            role: Role::Follower,
            leader: None,
            heard_at: cx.mono(),
            votes: Voters::default(),
            attempts: 0,
            timeout: ELECTION_TIMEOUT,
            timeout_for: (Term::MAX, 0),
            has_led: false,
            commit: log.base().end.index,
            store: log.base().store.clone(),
            leadership: Leadership::default(),
            log,
        };
        node.await_leader(cx);
        node
    }

    fn on_message(&mut self, from: NodeId, message: Message, cx: &mut Context<'_, Self>) {
        match message {
            Message::RequestPreVote { term, last } => self.on_request_pre_vote(from, term, last, cx),
            Message::PreVoteResponse { term, granted } => self.on_pre_vote_response(from, term, granted, cx),
            Message::RequestVote { term, last, transfer } => self.on_request_vote(from, term, last, transfer, cx),
            Message::VoteResponse { term, granted } => self.on_vote_response(from, term, granted, cx),
            Message::AppendEntries { term, prev, commit, entries } => {
                self.on_append_entries(from, term, prev, commit, &entries, cx);
            }
            Message::AppendResponse { term, appended } => self.on_append_response(from, term, appended, cx),
            Message::Heartbeat { term, commit, round } => self.on_heartbeat(from, term, commit, round, cx),
            Message::HeartbeatResponse { term, round } => self.on_heartbeat_response(from, term, round, cx),
            Message::StaleTerm { term } => self.enter(term, cx),
            Message::InstallSnapshot { term, snapshot } => self.on_install_snapshot(from, term, snapshot, cx),
            Message::TimeoutNow { term } => self.on_timeout_now(from, term, cx),
        }
    }

    /// Enters `term` as a follower, if it is newer.
    pub(super) fn enter(&mut self, term: Term, cx: &mut Context<'_, Self>) {
        if term > self.ballot.term {
            sometimes!(self.role == Role::Leader, "a leader steps down on a higher term");
            self.ballot = Ballot { term, vote: None };
            self.attempts = 0;
            self.retire(cx);
        }
    }

    /// Becomes a follower without a leader, in the same term.
    pub(super) fn retire(&mut self, cx: &mut Context<'_, Self>) {
        if self.role == Role::Leader {
            cx.cancel(HEARTBEAT_TIMER);
            self.await_leader(cx);
            self.forget_clients(cx);
        }
        self.role = Role::Follower;
        self.leader = None;
    }

    /// (Re)starts the election timer. Its length is a function of term and attempt, so hearing a leader draws nothing anew.
    pub(super) fn await_leader(&mut self, cx: &mut Context<'_, Self>) {
        let (term, attempt) = (self.ballot.term, self.attempts);
        if self.timeout_for != (term, attempt) {
            self.timeout_for = (term, attempt);
            let spread = cx.draw_for(&[DRAW_TIMEOUT, term, attempt]) % ELECTION_TIMEOUT.as_nanos() as u64;
            self.timeout = ELECTION_TIMEOUT + Duration::from_nanos(spread);
        }
        cx.set(ELECTION_TIMER, self.timeout);
    }

    /// Makes durable all that this node has decided.
    pub(super) fn save(&mut self, cx: &mut Context<'_, Self>) {
        self.log.save(self.ballot, cx);
    }

    /// Sends a message that promises what this node has just decided: a vote, a longer log.
    pub(super) fn promise(&mut self, to: NodeId, message: Message, cx: &mut Context<'_, Self>) {
        if self.bugs.answers_before_sync {
            cx.send(to, message);
            self.save(cx);
        } else {
            self.save(cx);
            cx.send(to, message);
        }
    }

    /// Every voter but this one.
    pub(super) fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.log.voters().without(self.me).iter()
    }

    pub(super) fn commit_to(&mut self, index: Index, cx: &mut Context<'_, Self>) {
        sometimes!(index > self.commit + 3, "a node learns of several commits at once");
        while self.commit < index {
            self.commit += 1;
            self.apply(self.commit, cx);
        }
        if self.commit >= self.log.base().end.index + COMPACT_AFTER {
            self.compact(cx);
        }
    }

    /// Lets a snapshot stand in place of all entries that are committed.
    pub(super) fn compact(&mut self, cx: &mut Context<'_, Self>) {
        let index = self.commit;
        let term = self.log.term_at(index).expect("what is committed is in the log, or in the snapshot");
        let (voters, store) = (self.log.voters_at(index), self.store.clone());
        let snapshot = Snapshot { end: LogEnd { term, index }, voters, store };
        self.log.begin_with(Rc::new(snapshot), self.ballot, cx);
    }

    /// A leader's snapshot takes the place of what this node lacks.
    fn on_install_snapshot(&mut self, from: NodeId, term: Term, snapshot: Rc<Snapshot>, cx: &mut Context<'_, Self>) {
        if !self.follow(from, term, cx) {
            return;
        }
        let end = snapshot.end;
        let is_known = end.index <= self.commit || self.log.term_at(end.index) == Some(end.term);
        sometimes!(is_known, "a snapshot comes that holds nothing new");
        sometimes!(!is_known, "a snapshot is installed");
        if is_known && !self.bugs.snapshot_truncates {
            self.commit_to(end.index, cx);
        } else {
            self.commit = end.index;
            self.store = snapshot.store.clone();
            self.log.begin_anew(snapshot, self.ballot, cx);
        }
        self.promise(from, Message::AppendResponse { term, appended: Ok(end.index) }, cx);
    }
}

impl Node for RaftNode {
    type Message = Message;
    type Request = Request;
    type Response = Response;
    const KINDS: &'static [&'static str] = Message::KINDS;

    fn kind(message: &Message) -> usize {
        message.kind()
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { from, message } => self.on_message(from, message, cx),
            Input::Timer(HEARTBEAT_TIMER) => self.on_heartbeat_timer(cx),
            Input::Timer(_) => self.on_election_timer(cx),
            Input::Request { id, reply, request } => self.on_request(id, reply, request, cx),
            _ => {}
        }
        self.save(cx);
    }

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn expose(&self, state: &mut Capture<'_>) {
        state.put("term", self.ballot.term);
        state.put("last_index", self.log.last_index());
        state.put("commit", self.commit);
        state.put("snapshot_index", self.log.base().end.index);
        state.put("voters", self.log.voters().len() as u64);
    }

    fn inspect(&self, view: &mut StateView) {
        let role = match self.role {
            Role::Follower => "follower",
            Role::PreCandidate => "precandidate",
            Role::Candidate => "candidate",
            Role::Leader => "leader",
        };
        view.role(role)
            .rank("term", self.ballot.term)
            .rank("last index", self.log.last_index())
            .rank("commit", self.commit)
            .rank("term of its voters", self.log.term_at(self.log.voters_since()).unwrap_or_default())
            .progress(self.log.last_index())
            .fact("has committed in its term", (self.role == Role::Leader && self.has_committed_in_term()).into())
            .fact("has reads waiting", self.leadership.has_reads().into())
            .voters(self.log.voters().iter())
            .fact("is a voter", self.log.voters().contains(self.me).into())
            .fact("voters", self.log.voters().len() as u64)
            .fact("voters change", (self.log.voters_since() > self.commit).into())
            .fact("log begins with a snapshot", (self.log.base().end.index > 0).into())
            .peer("leader or vote", self.leader.or(self.ballot.vote));
    }
}
