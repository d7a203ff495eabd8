//! A replicated key-value store on `omnipaxos`: the harness that the buggy release and its control share.
//!
//! The crate is driven as its documentation says: `tick`, `handle_incoming`, `append`, `reconnected` after every broken
//! session, messages in order. Its storage is kept in memory and written to the simulated disk, one checksummed record for
//! each input, and synced before any message leaves; so a crash finds all of an input's changes or none. Reads go through
//! the log. What is decided at an index is compared between nodes. The crate's replicas cannot be copied, so nodes do not fork and
//! runs are never resumed.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use murphy_checker::history::Completion;
use murphy_sim::{
    About, Boot, Context, File, FileCodec, First, Input, Layout, Node, NodeId, Register, RegisterOp, ReplyTo, Retry,
    Routing, StateView, Target, Timer, Transport, Workload, sometimes,
};
use omnipaxos::{
    ClusterConfig, OmniPaxosConfig, ServerConfig, ballot_leader_election::Ballot, messages::Message, util::LogEntry,
};

use super::api;

const TICK: Timer = Timer(0);
const PERIOD: Duration = Duration::from_millis(10);
const ELECTION_TICKS: u32 = 10;
const RESEND_TICKS: u32 = 20;
const LOG: File = File("log");

/// An entry of the replicated log: who asked for what, and where the answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    client: u64,
    seq: u64,
    reply: ReplyTo,
    op: RegisterOp,
}

impl Command {
    fn words(&self) -> [u64; 7] {
        let (kind, key, a, b) = match self.op {
            RegisterOp::Read(key) => (0, key, 0, 0),
            RegisterOp::Write(key, value) => (1, key, value, 0),
            RegisterOp::Cas(key, old, new) => (2, key, old, new),
        };
        [self.client, self.seq, self.reply.0, kind, key.into(), a, b]
    }

    fn from_words(words: [u64; 7]) -> Self {
        let [client, seq, reply, kind, key, a, b] = words;
        let key = key as u32;
        let op = match kind {
            0 => RegisterOp::Read(key),
            1 => RegisterOp::Write(key, a),
            _ => RegisterOp::Cas(key, a, b),
        };
        Self { client, seq, reply: ReplyTo(reply), op }
    }

    /// A number that differs for different commands.
    fn digest(&self) -> u64 {
        self.words().iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3))
    }
}

/// A change of the storage.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Append(Command),
    Truncate(usize),
    Promise(Ballot),
    Accepted(Ballot),
    Decided(usize),
}

/// The storage of a replica. `omnipaxos` owns one handle, the harness another, which takes the changes to the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Store(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    log: Vec<Command>,
    promise: Option<Ballot>,
    accepted: Option<Ballot>,
    decided: usize,
    /// Changes that are not on disk yet.
    unwritten: Vec<u8>,
}

impl State {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Append(command) => self.log.push(command),
            Change::Truncate(length) => self.log.truncate(length),
            Change::Promise(ballot) => self.promise = Some(ballot),
            Change::Accepted(ballot) => self.accepted = Some(ballot),
            Change::Decided(index) => self.decided = index,
        }
    }
}

impl Store {
    pub(super) fn change(&self, change: Change) {
        let mut state = self.0.borrow_mut();
        write(&mut state.unwritten, &change);
        state.apply(change);
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().log.len()
    }

    pub(super) fn promise(&self) -> Option<Ballot> {
        self.0.borrow().promise
    }

    pub(super) fn accepted(&self) -> Option<Ballot> {
        self.0.borrow().accepted
    }

    pub(super) fn decided(&self) -> usize {
        self.0.borrow().decided
    }

    pub(super) fn entries(&self, from: usize, to: usize) -> Vec<Command> {
        self.0.borrow().log.get(from..to).unwrap_or_default().to_vec()
    }

    pub(super) fn suffix(&self, from: usize) -> Vec<Command> {
        self.0.borrow().log.get(from..).unwrap_or_default().to_vec()
    }

    fn from_disk(cx: &mut Context<'_, OmniNode>) -> Self {
        let mut state = State::default();
        for record in cx.records(LOG).expect("fail-stop: log") {
            let mut rest = record.as_slice();
            while let Some(change) = read(&mut rest) {
                state.apply(change);
            }
        }
        Self(Rc::new(RefCell::new(state)))
    }

    /// Makes every change durable.
    fn to_disk(&self, cx: &mut Context<'_, OmniNode>) {
        let mut state = self.0.borrow_mut();
        if !state.unwritten.is_empty() {
            cx.append(LOG, &state.unwritten).expect("fail-stop: log");
            cx.sync(LOG).expect("fail-stop: log");
            state.unwritten.clear();
        }
    }
}

fn write(to: &mut Vec<u8>, change: &Change) {
    let mut put = |tag: u8, words: &[u64]| {
        to.push(tag);
        words.iter().for_each(|word| to.extend_from_slice(&word.to_le_bytes()));
    };
    let ballot = |ballot: &Ballot| [ballot.config_id.into(), ballot.n.into(), ballot.priority.into(), ballot.pid];
    match change {
        Change::Append(command) => put(0, &command.words()),
        Change::Truncate(length) => put(1, &[*length as u64]),
        Change::Promise(promise) => put(2, &ballot(promise)),
        Change::Accepted(accepted) => put(3, &ballot(accepted)),
        Change::Decided(index) => put(4, &[*index as u64]),
    }
}

fn read(from: &mut &[u8]) -> Option<Change> {
    let (tag, rest) = from.split_first()?;
    *from = rest;
    let mut word = || {
        let (word, rest) = from.split_at(8);
        *from = rest;
        u64::from_le_bytes(word.try_into().expect("eight bytes"))
    };
    let mut ballot = || Ballot { config_id: word() as u32, n: word() as u32, priority: word() as u32, pid: word() };
    Some(match tag {
        2 => Change::Promise(ballot()),
        3 => Change::Accepted(ballot()),
        0 => Change::Append(Command::from_words(std::array::from_fn(|_| word()))),
        1 => Change::Truncate(word() as usize),
        _ => Change::Decided(word() as usize),
    })
}

/// What a client hears: the value read, or (`None`) that a compare-and-set did not match.
pub type Answer = Option<Option<u64>>;

/// A replica.
pub struct OmniNode {
    paxos: api::Paxos,
    store: Store,
    applied: usize,
    registers: BTreeMap<u32, u64>,
    /// Answers by (client, sequence number): a proposal that arrived twice is applied once.
    answers: BTreeMap<(u64, u64), Answer>,
    leads: bool,
}

impl Node for OmniNode {
    type Message = Message<Command>;
    type Request = RegisterOp;
    type Response = Answer;
    const KINDS: &'static [&'static str] = api::KINDS;

    fn kind(message: &Self::Message) -> usize {
        api::kind(message)
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Timer(_) => {
                self.paxos.tick();
                cx.set(TICK, PERIOD);
            }
            Input::Message { message, .. } => self.paxos.handle_incoming(message),
            Input::Request { id, reply, request } => {
                let command = Command { client: id.client, seq: id.seq, reply, op: request };
                if self.paxos.append(command).is_err() {
                    return cx.refuse(reply);
                }
            }
            Input::Link { peer, up: true } => {
                sometimes!(self.leads, "a session with the leader is made again");
                self.paxos.reconnected(peer.into());
            }
            _ => {}
        }
        self.pump(cx);
    }

    fn inspect(&self, view: &mut StateView) {
        view.role(if self.leads { "leader" } else { "follower" })
            .rank("promise", self.store.promise().map_or(0, |ballot| ballot.n.into()))
            .rank("accepted", self.store.accepted().map_or(0, |ballot| ballot.n.into()))
            .rank("log", self.store.len() as u64)
            .rank("decided", self.store.decided() as u64)
            .progress(self.store.len() as u64)
            .peer("leader", api::leader(&self.paxos).map(|pid| pid as NodeId));
    }
}

impl OmniNode {
    /// Writes what changed, sends what is to be sent, and applies what was decided, in this order.
    fn pump(&mut self, cx: &mut Context<'_, Self>) {
        self.store.to_disk(cx);
        for message in api::outgoing(&mut self.paxos) {
            // A node that knows no leader asks process 0, which is nobody.
            if message.get_receiver() != 0 {
                cx.send(message.get_receiver() as NodeId, message);
            }
        }
        self.apply_decided(cx);
        let leads = api::leader(&self.paxos) == Some(cx.me().into());
        sometimes!(self.leads && !leads, "a leader sees another");
        sometimes!(leads && !self.leads && self.applied > 0, "a node leads after entries were decided");
        self.leads = leads;
    }

    fn apply_decided(&mut self, cx: &mut Context<'_, Self>) {
        if api::decided(&self.paxos) <= self.applied {
            return;
        }
        let decided = api::decided_suffix(&self.paxos, self.applied).unwrap_or_default();
        for entry in decided {
            let LogEntry::Decided(command) = entry else { continue };
            cx.agree("decided entry", self.applied as u64, command.digest());
            self.applied += 1;
            let answer = self.apply(&command);
            cx.reply(command.reply, answer);
        }
    }

    fn apply(&mut self, command: &Command) -> Answer {
        let id = (command.client, command.seq);
        if let Some(answer) = self.answers.get(&id) {
            sometimes!(true, "an entry is decided twice");
            return *answer;
        }
        let answer = match command.op {
            RegisterOp::Read(key) => Some(self.registers.get(&key).copied()),
            RegisterOp::Write(key, value) => {
                self.registers.insert(key, value);
                Some(None)
            }
            RegisterOp::Cas(key, old, new) => (self.registers.get(&key) == Some(&old)).then(|| {
                self.registers.insert(key, new);
                None
            }),
        };
        self.answers.insert(id, answer);
        answer
    }
}

/// The target `omnipaxos`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OmniPaxosTarget;

impl Target for OmniPaxosTarget {
    type Node = OmniNode;

    fn about(&self) -> About {
        About::new("omnipaxos")
            .summary(api::SUMMARY)
            .nodes(3..=5)
            .roles(&["leader", "follower"])
            .constant("tick", PERIOD)
            .constant("election_timeout", PERIOD * ELECTION_TICKS)
            .constant("resend_timeout", PERIOD * RESEND_TICKS)
            // Some random schedules leave release 0.2.0 with a leader that decides nothing, for good. Whether that is the crate's
            // doing or ours is not known yet, so nothing is promised.
            .recovers_within(Duration::MAX)
            .transport(Transport::Stream)
            .fail_stop("fail-stop:")
            // Each record says first what its first change is.
            .file("log", FileCodec::framed(|record| Layout::new(0..record.len()).kind(0..1)))
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, OmniNode>) -> OmniNode {
        let store = Store::from_disk(cx);
        let nodes = boot.members.iter().copied().map(u64::from).collect();
        let cluster = ClusterConfig { configuration_id: 1, nodes, ..ClusterConfig::default() };
        let server = ServerConfig {
            pid: boot.me.into(),
            election_tick_timeout: ELECTION_TICKS.into(),
            resend_message_tick_timeout: RESEND_TICKS.into(),
            ..ServerConfig::default()
        };
        let config = OmniPaxosConfig { cluster_config: cluster, server_config: server };
        let paxos = config.build(store.clone()).expect("the configuration is valid");
        // Nodes do not tick at the same instants.
        cx.set(TICK, PERIOD.mul_f64((cx.draw_for(&[0]) % 100) as f64 / 100.0));
        let (registers, answers) = (BTreeMap::new(), BTreeMap::new());
        let mut node = OmniNode { paxos, store, applied: 0, registers, answers, leads: false };
        node.pump(cx);
        node
    }

    fn workloads(&self) -> Vec<Workload<OmniNode>> {
        let hear = |_: &RegisterOp, answer: Answer| match answer {
            Some(value) => Completion::Ok(value),
            None => Completion::Fail,
        };
        let timeout = Duration::from_millis(500);
        let routing = Routing { first: First::AnyNode, follow_redirects: 3, timeout, retry: Retry::Never };
        vec![Workload::new("register", Register::default(), |op| *op, hear).routing(routing)]
    }
}
