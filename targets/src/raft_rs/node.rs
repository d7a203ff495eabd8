//! A replica: how the crate is driven.
//!
//! Invariants, stated as absences: no message of the crate leaves before what it promises is durable, but for those that the
//! crate itself gives out early; no election timeout is in force that this file has not set; no client is owed a read by a
//! replica that does not lead.

use std::collections::BTreeMap;

use murphy_sim::{
    Boot, Capture, Context, Input, Node, NodeId, RegisterOp, ReplyTo, RequestId, StateView, Timer, sometimes,
};
use raft::{
    Config, LightReady, RawNode, ReadOnlyOption, ReadState, Ready, SnapshotStatus, StateRole,
    eraftpb::{Entry, Message, MessageType, Snapshot},
};

use super::{
    ELECTION_TICKS, HEARTBEAT_TICKS, TICK,
    bytes::{Reader, digest, put},
    machine::{Answer, Command, Machine},
    storage::Store,
};

const TICKER: Timer = Timer(0);

/// What a draw is for.
const DRAW_PHASE: u64 = 0;
const DRAW_TIMEOUT: u64 = 1;

/// A snapshot is taken after so many entries, and so many of those that it holds stay in the log.
const COMPACT_EVERY: u64 = 8;
const KEEP: u64 = 3;
/// A snapshot that was not acknowledged within so many ticks is reported to the crate as lost, as a transport would.
const SNAPSHOT_TICKS: u32 = 12;
/// The largest part of a log that one message carries.
const MESSAGE_BYTES: u64 = 1024;

/// A read that waits for its answer.
#[derive(Debug)]
struct Read {
    /// Which of this incarnation's.
    number: u64,
    key: u32,
    reply: ReplyTo,
    /// The crate was asked: this replica had committed in its term.
    asked: bool,
    /// What must be applied before it is answered, once a quorum has confirmed it.
    index: Option<u64>,
}

/// A replica.
pub struct RaftRsNode {
    raft: RawNode<Store>,
    store: Store,
    machine: Machine,
    applied: u64,
    incarnation: u32,
    reads: Vec<Read>,
    next_read: u64,
    /// To whom a snapshot is under way, and for how many ticks yet.
    snapshots: BTreeMap<u64, u32>,
    role: StateRole,
    has_led: bool,
}

impl RaftRsNode {
    pub(super) fn start(boot: &Boot<'_>, cx: &mut Context<'_, Self>) -> Self {
        let store = Store::from_disk(boot, cx);
        let (applied, data) = store.latest_snapshot();
        sometimes!(store.last() > 0, "restarted with a log");
        sometimes!(applied > 0, "restarted with a snapshot");
        let config = Config {
            id: boot.me.into(),
            election_tick: ELECTION_TICKS,
            heartbeat_tick: HEARTBEAT_TICKS,
            applied,
            max_size_per_msg: MESSAGE_BYTES,
            max_inflight_msgs: 8,
            check_quorum: true,
            pre_vote: true,
            read_only_option: ReadOnlyOption::Safe,
            ..Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let raft = RawNode::new(&config, store.clone(), &logger).expect("the configuration is valid");
        let mut node = Self {
            raft,
            store,
            machine: Machine::from_bytes(&data),
            applied,
            incarnation: boot.incarnation,
            reads: Vec::new(),
            next_read: 0,
            snapshots: BTreeMap::new(),
            role: StateRole::Follower,
            has_led: false,
        };
        // Nodes do not tick at the same instants.
        cx.set(TICKER, TICK.mul_f64((cx.draw_for(&[DRAW_PHASE]) % 100) as f64 / 100.0));
        node.call(cx, |_| ());
        node.settle(cx);
        node
    }

    /// Calls the crate. It draws an election timeout of its own whenever it resets itself, which any call can bring about; that
    /// is its only randomness, and no tick passes before it is replaced by a function of term and role.
    fn call<R>(&mut self, cx: &Context<'_, Self>, call: impl FnOnce(&mut RawNode<Store>) -> R) -> R {
        let result = call(&mut self.raft);
        let raft = &mut self.raft.raft;
        let drawn = cx.draw_for(&[DRAW_TIMEOUT, raft.term, raft.state as u64]) % ELECTION_TICKS as u64;
        raft.set_randomized_election_timeout(ELECTION_TICKS + drawn as usize);
        result
    }

    fn leads(&self) -> bool {
        self.raft.raft.state == StateRole::Leader
    }

    fn leader(&self) -> Option<NodeId> {
        Some(self.raft.raft.leader_id as NodeId).filter(|leader| *leader != 0)
    }

    fn on_tick(&mut self, cx: &mut Context<'_, Self>) {
        cx.set(TICKER, TICK);
        self.call(cx, RawNode::tick);
        self.snapshots.values_mut().for_each(|ticks| *ticks -= 1);
        while let Some(to) = self.snapshots.iter().find(|(_, ticks)| **ticks == 0).map(|(to, _)| *to) {
            self.snapshots.remove(&to);
            self.call(cx, |raft| raft.report_snapshot(to, SnapshotStatus::Failure));
        }
    }

    fn on_message(&mut self, message: Message, cx: &mut Context<'_, Self>) {
        let kind = message.get_msg_type();
        sometimes!(kind == MessageType::MsgAppendResponse && message.reject, "an append is rejected");
        sometimes!(message.term != 0 && message.term < self.raft.raft.term, "a message of an earlier term arrives");
        // Of what it does not want the crate says so, and has done nothing.
        _ = self.call(cx, |raft| raft.step(message));
    }

    fn on_request(&mut self, id: RequestId, reply: ReplyTo, op: RegisterOp, cx: &mut Context<'_, Self>) {
        if !self.leads() {
            return cx.redirect(reply, self.leader());
        }
        if let RegisterOp::Read(key) = op {
            self.reads.push(Read { number: self.next_read, key, reply, asked: false, index: None });
            self.next_read += 1;
        } else if let Some(answer) = self.machine.answered(id) {
            sometimes!(true, "a duplicate request is answered from the session table");
            cx.reply(reply, answer);
        } else {
            let data = Command { id, reply, op }.to_bytes();
            if self.call(cx, |raft| raft.propose(Vec::new(), data)).is_err() {
                cx.redirect(reply, None);
            }
        }
    }

    /// Does all that the crate asks for.
    fn settle(&mut self, cx: &mut Context<'_, Self>) {
        self.ask_reads(cx);
        while self.raft.has_ready() {
            let ready = self.call(cx, RawNode::ready);
            self.process(ready, cx);
            self.ask_reads(cx);
        }
        self.compact(cx);
        self.note_role(cx);
        self.answer_reads(cx);
    }

    fn process(&mut self, mut ready: Ready, cx: &mut Context<'_, Self>) {
        self.send(ready.take_messages(), cx);
        if !ready.snapshot().is_empty() {
            self.install(ready.snapshot(), cx);
        }
        self.store.append(ready.take_entries());
        if let Some(hard) = ready.hs() {
            self.store.set_hard_state(hard);
        }
        self.store.write(cx);
        if ready.must_sync() {
            Store::sync(cx);
        }
        self.send(ready.take_persisted_messages(), cx);
        self.confirm_reads(ready.take_read_states());
        self.apply(ready.take_committed_entries(), cx);
        let light = self.call(cx, |raft| raft.advance(ready));
        self.process_light(light, cx);
    }

    fn process_light(&mut self, mut light: LightReady, cx: &mut Context<'_, Self>) {
        // A commit index that a crash forgets is learned again.
        if let Some(commit) = light.commit_index() {
            self.store.set_commit(commit);
            self.store.write(cx);
        }
        self.send(light.take_messages(), cx);
        self.apply(light.take_committed_entries(), cx);
        self.call(cx, RawNode::advance_apply);
    }

    fn send(&mut self, messages: Vec<Message>, cx: &mut Context<'_, Self>) {
        for message in messages {
            if message.get_msg_type() == MessageType::MsgSnapshot {
                sometimes!(true, "a snapshot is sent");
                self.snapshots.insert(message.to, SNAPSHOT_TICKS);
            }
            cx.send(message.to as NodeId, message);
        }
    }

    fn install(&mut self, snapshot: &Snapshot, cx: &mut Context<'_, Self>) {
        sometimes!(true, "a snapshot is installed");
        self.applied = snapshot.get_metadata().index;
        cx.agree("state at an index", self.applied, digest(0, &snapshot.data));
        self.machine = Machine::from_bytes(&snapshot.data);
        self.store.install(snapshot);
    }

    fn apply(&mut self, entries: Vec<Entry>, cx: &mut Context<'_, Self>) {
        for entry in entries {
            cx.agree("committed entry", entry.index, digest(entry.term, &entry.data));
            self.applied = entry.index;
            // A leader's first entry has no data: its commit commits what earlier leaders left.
            if !entry.data.is_empty() {
                let command = Command::from_bytes(&entry.data);
                let answer = self.machine.apply(&command);
                cx.reply(command.reply, answer);
            }
        }
    }

    /// Takes a snapshot of the state at what is applied, and cuts the log.
    fn compact(&mut self, cx: &mut Context<'_, Self>) {
        if self.applied >= self.store.latest_snapshot_index() + COMPACT_EVERY {
            sometimes!(true, "a log is compacted");
            let data = self.machine.to_bytes();
            cx.agree("state at an index", self.applied, digest(0, &data));
            self.store.compact(self.applied, KEEP, &data);
            self.store.write(cx);
        }
    }

    fn note_role(&mut self, cx: &mut Context<'_, Self>) {
        let raft = &self.raft.raft;
        if raft.state == StateRole::Leader && self.role != StateRole::Leader {
            cx.agree("one leader per term", raft.term, cx.me().into());
            sometimes!(self.has_led, "a node leads again");
            sometimes!(self.applied > 0, "a node leads after entries were committed");
            self.has_led = true;
        }
        sometimes!(self.role == StateRole::Leader && raft.state == StateRole::Follower, "a leader steps down");
        sometimes!(self.role == StateRole::Candidate && raft.state == StateRole::Follower, "an election is lost");
        self.role = raft.state;
    }

    /// Asks the crate for an index for each read that has none. It drops what is asked of a leader that has not committed in its
    /// term, so those wait here.
    fn ask_reads(&mut self, cx: &mut Context<'_, Self>) {
        if self.reads.iter().all(|read| read.asked) || !self.leads() {
            return;
        }
        if !self.raft.raft.commit_to_current_term() {
            sometimes!(true, "a read waits for a commit");
            return;
        }
        for at in 0..self.reads.len() {
            if !self.reads[at].asked {
                self.reads[at].asked = true;
                let mut context = Vec::with_capacity(16);
                put(&mut context, &[self.incarnation.into(), self.reads[at].number]);
                self.call(cx, |raft| raft.read_index(context));
            }
        }
    }

    fn confirm_reads(&mut self, states: Vec<ReadState>) {
        for state in states {
            let mut context = Reader(&state.request_ctx);
            let (incarnation, number) = (context.word(), context.word());
            let read = self.reads.iter_mut().find(|read| read.number == number);
            if let Some(read) = read.filter(|_| incarnation == u64::from(self.incarnation)) {
                sometimes!(true, "a read is confirmed by a quorum");
                read.index = Some(state.index);
            }
        }
    }

    /// Answers the reads that are confirmed, and sends the others elsewhere if this replica does not lead any more.
    fn answer_reads(&mut self, cx: &mut Context<'_, Self>) {
        let (leads, applied, machine) = (self.leads(), self.applied, &self.machine);
        self.reads.retain(|read| {
            let known = read.index.is_some_and(|index| index <= applied);
            if known {
                cx.reply(read.reply, Answer::Value(machine.get(read.key)));
            } else if !leads {
                sometimes!(true, "a leader steps down with reads unanswered");
                cx.redirect(read.reply, None);
            }
            !known && leads
        });
    }
}

impl Node for RaftRsNode {
    type Message = Message;
    type Request = RegisterOp;
    type Response = Answer;
    const KINDS: &'static [&'static str] = &[
        "MsgAppend",
        "MsgAppendResponse",
        "MsgRequestVote",
        "MsgRequestVoteResponse",
        "MsgSnapshot",
        "MsgHeartbeat",
        "MsgHeartbeatResponse",
        "MsgRequestPreVote",
        "MsgRequestPreVoteResponse",
    ];

    fn kind(message: &Message) -> usize {
        match message.get_msg_type() {
            MessageType::MsgAppend => 0,
            MessageType::MsgAppendResponse => 1,
            MessageType::MsgRequestVote => 2,
            MessageType::MsgRequestVoteResponse => 3,
            MessageType::MsgSnapshot => 4,
            MessageType::MsgHeartbeat => 5,
            MessageType::MsgHeartbeatResponse => 6,
            MessageType::MsgRequestPreVote => 7,
            MessageType::MsgRequestPreVoteResponse => 8,
            other => unreachable!("nothing that the harness asks of the crate has it send {other:?}"),
        }
    }

    fn size(message: &Message) -> usize {
        let entries: usize = message.entries.iter().map(|entry| 16 + entry.data.len()).sum();
        40 + entries + message.get_snapshot().data.len()
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { message, .. } => self.on_message(message, cx),
            Input::Timer(_) => self.on_tick(cx),
            Input::Request { id, reply, request } => self.on_request(id, reply, request, cx),
            _ => {}
        }
        self.settle(cx);
    }

    fn expose(&self, state: &mut Capture<'_>) {
        state.put("term", self.raft.raft.term);
        state.put("last_index", self.raft.raft.raft_log.last_index());
        state.put("commit", self.raft.raft.raft_log.committed);
        state.put("applied", self.applied);
    }

    fn inspect(&self, view: &mut StateView) {
        let raft = &self.raft.raft;
        let role = match raft.state {
            StateRole::Follower => "follower",
            StateRole::PreCandidate => "precandidate",
            StateRole::Candidate => "candidate",
            StateRole::Leader => "leader",
        };
        let last = raft.raft_log.last_index();
        view.role(role)
            .rank("term", raft.term)
            .rank("last index", last)
            .rank("commit", raft.raft_log.committed)
            .rank("snapshot", self.store.latest_snapshot_index())
            .progress(last)
            .fact("has committed in its term", (self.leads() && raft.commit_to_current_term()).into())
            .fact("has reads waiting", (!self.reads.is_empty()).into())
            .peer("leader or vote", self.leader().or(Some(raft.vote as NodeId).filter(|vote| *vote != 0)));
    }
}
