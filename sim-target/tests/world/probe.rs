//! Nodes made of two functions, and what can be read off a run of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Debug, Formatter},
    rc::Rc,
    time::Duration,
};

use murphy_checker::history::{Completion, Value};
use murphy_schedule::{Document, Schedule};
use murphy_sim::{
    About, Boot, Change, Context, File, First, Input, Node, NodeId, Options, Outcome, Promise, Property, Quota,
    Register, RegisterOp, Retry, Routing, Run, Runner, StateView, StepReport, Target, Timer, What, Workload, sometimes,
    vocabulary,
};

pub(crate) type Cx<'a> = Context<'a, ProbeNode>;
pub(crate) const LOG: File = File("log");
pub(crate) const MS: u64 = 1_000_000;
/// Every disk may be wiped.
pub(crate) const WIPED: Promise = Promise {
    lost_disks: Quota::Any,
    damaged_disks: Quota::None,
    clock_error: Duration::MAX,
    monotonic_error: Duration::MAX,
};
/// How often a chatter sends.
const PERIOD: u64 = 10 * MS;

/// A numbered message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Numbered {
    pub(crate) kind: usize,
    pub(crate) number: u64,
}

impl Debug for Numbered {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)
    }
}

/// What a node answers to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Value(Option<u64>),
    Fail,
}

/// A node that does what it is told.
#[derive(Clone)]
pub(crate) struct ProbeNode {
    pub(crate) peers: Vec<NodeId>,
    /// Whatever a test wants to keep.
    pub(crate) state: u64,
    pub(crate) role: Option<&'static str>,
    pub(crate) progress: Option<u64>,
    pub(crate) voters: &'static [NodeId],
    on: fn(&mut ProbeNode, Input<ProbeNode>, &mut Cx<'_>),
}

impl Node for ProbeNode {
    type Message = Numbered;
    type Request = RegisterOp;
    type Response = Answer;
    const KINDS: &'static [&'static str] = &["Tick", "Tock"];

    fn kind(message: &Numbered) -> usize {
        message.kind
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        (self.on)(self, input, cx);
    }

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn inspect(&self, view: &mut StateView) {
        assert_ne!(self.state, 668, "no node is inspected in state 668");
        if let Some(role) = self.role {
            view.role(role);
        }
        if let Some(progress) = self.progress {
            view.progress(progress);
        }
        view.voters(self.voters.iter().copied());
    }
}

/// A target made of functions.
pub(crate) struct Probe {
    pub(crate) about: About,
    pub(crate) routing: Routing,
    pub(crate) start: fn(&mut ProbeNode, &Boot<'_>, &mut Cx<'_>),
    pub(crate) on: fn(&mut ProbeNode, Input<ProbeNode>, &mut Cx<'_>),
    pub(crate) admin: fn(Change, &[NodeId]) -> Option<RegisterOp>,
}

impl Target for Probe {
    type Node = ProbeNode;

    fn about(&self) -> About {
        self.about.clone()
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Cx<'_>) -> ProbeNode {
        let peers = boot.members.iter().copied().filter(|peer| *peer != boot.me).collect();
        let mut node = ProbeNode { peers, state: 0, role: None, progress: None, voters: &[], on: self.on };
        (self.start)(&mut node, boot, cx);
        node
    }

    fn workloads(&self) -> Vec<Workload<ProbeNode>> {
        let hear = |_: &RegisterOp, answer: Answer| match answer {
            Answer::Value(value) => Completion::Ok(value),
            Answer::Fail => Completion::Fail,
        };
        vec![Workload::new("register", Register::default(), |op| *op, hear).routing(self.routing)]
    }

    fn admin(&self, change: Change, nodes: &[NodeId]) -> Option<RegisterOp> {
        (self.admin)(change, nodes)
    }

    fn properties(&self) -> Vec<Property<ProbeNode>> {
        vec![
            Property::always("no node is in state 666", |cluster| cluster.up().all(|(_, node)| node.state != 666)),
            Property::always("nobody asks about state 669", |cluster| {
                assert!(cluster.up().all(|(_, node)| node.state != 669), "a property met state 669");
                true
            }),
            Property::always("whoever is in state 667 reaches n2", |cluster| {
                cluster.up().all(|(id, node)| node.state != 667 || cluster.are_connected(id, 2))
            }),
        ]
    }
}

/// A target whose nodes do nothing but answer reads with "never written".
pub(crate) fn idle() -> Probe {
    Probe {
        about: About::new("probe")
            .nodes(3..=5)
            .roles(&["leader", "follower"])
            .constant("beat", Duration::from_millis(100))
            .recovers_within(Duration::MAX)
            .marks_in(module_path!()),
        routing: Routing { first: First::Sticky, retry: Retry::Never, ..Routing::default() },
        start: |_, _, _| {},
        on: answer,
        admin: |_, _| None,
    }
}

/// Answers a read; what else reaches the node is ignored.
pub(crate) fn answer(_: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    if let Input::Request { reply, request, .. } = input {
        match request {
            RegisterOp::Read(_) => cx.reply(reply, Answer::Value(None)),
            RegisterOp::Write(..) | RegisterOp::Cas(..) => cx.reply(reply, Answer::Fail),
        }
    }
}

/// A target whose nodes send a numbered Tick and Tock to all others every ten milliseconds. Node k leads for the k-th
/// 300 ms, and so on in a circle.
pub(crate) fn chatter() -> Probe {
    Probe { start: |node, _, cx| chat(node, cx), on: chatter_on, ..idle() }
}

pub(crate) fn chatter_on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    match input {
        Input::Timer(_) => {
            let number = cx.mono() / PERIOD;
            for peer in node.peers.clone() {
                cx.send(peer, Numbered { kind: 0, number });
                cx.send(peer, Numbered { kind: 1, number });
            }
            chat(node, cx);
        }
        Input::Message { message, .. } => sometimes!(message.number == 50, "the fiftieth was heard"),
        other => answer(node, other, cx),
    }
}

fn chat(node: &mut ProbeNode, cx: &mut Cx<'_>) {
    let now = cx.mono();
    let leads = now / (300 * MS) % (node.peers.len() as u64 + 1) == u64::from(cx.me()) - 1;
    node.role = Some(if leads { "leader" } else { "follower" });
    cx.set(Timer(0), Duration::from_nanos(PERIOD - now % PERIOD));
}

/// A schedule from its text, without the first line.
#[track_caller]
pub(crate) fn schedule(text: &str) -> Schedule {
    let text = format!("murphy 1\n{text}\n");
    Document::parse(&text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}")).schedule
}

/// Runs `probe` under the schedule of this text.
#[track_caller]
pub(crate) fn run(probe: Probe, text: &str) -> Outcome {
    Runner::new(Rc::new(probe), BTreeSet::new()).run(&schedule(text), Options::TRACE).clone()
}

/// A second of chaos without operations, and little else.
pub(crate) const SECOND: &str = "seed 11\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 1s, heal 10ms, settle 2s\n";

/// Runs `probe` for a [`SECOND`] under these steps.
#[track_caller]
pub(crate) fn second(probe: Probe, steps: &str) -> Outcome {
    run(probe, &format!("{SECOND}{steps}"))
}

/// What node `node` did and what happened to it, a word or two for each.
pub(crate) fn story(outcome: &Outcome, node: NodeId) -> String {
    let events = outcome.trace.iter().filter(|event| event.node == Some(node));
    let words = events.filter_map(|event| {
        Some(match &event.what {
            What::Start(_) => "start".to_owned(),
            What::Crash => "crash".to_owned(),
            What::FailStop(_) => "fail-stop".to_owned(),
            What::Pause => "pause".to_owned(),
            What::Resume => "resume".to_owned(),
            What::Send { to, kind, .. } => format!("{kind}->n{to}"),
            What::Deliver { from, text, .. } => format!("{text}<-n{from}"),
            What::Timer(timer) => format!("timer{timer}"),
            What::Link { peer, up } => format!("n{peer} {}", if *up { "up" } else { "down" }),
            What::Write(_) => "write".to_owned(),
            What::Sync(_) => "sync".to_owned(),
            What::Agree { .. } => "agree".to_owned(),
            What::Log(line) => format!("[{line}]"),
            What::Request(_) => "request".to_owned(),
            _ => return None,
        })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Completions of the first operations: `ok`, `ok 7`, `fail`, `info` or `open`.
pub(crate) fn completions(outcome: &Outcome, operations: usize) -> String {
    let words = outcome.history.operations.iter().take(operations).map(|operation| match operation.completion {
        Some((Completion::Ok(Value::Int(value)), _)) => format!("ok {value}"),
        Some((Completion::Ok(_), _)) => "ok".to_owned(),
        Some((Completion::Fail, _)) => "fail".to_owned(),
        Some((Completion::Info, _)) => "info".to_owned(),
        None => "open".to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The report of the step whose text, as the trace has it, contains `words`.
#[track_caller]
pub(crate) fn report<'a>(outcome: &'a Outcome, words: &str) -> &'a StepReport {
    let found = outcome.steps.iter().find(|report| {
        let step = Schedule { steps: vec![report.step], ..Schedule::default() };
        let text = Document::new("any", step, &vocabulary(&idle())).to_string();
        text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words)
    });
    found.unwrap_or_else(|| panic!("no step contains `{words}`: {:?}", outcome.steps))
}

/// When the steps whose text contains `words` were in force, in milliseconds: `100..150 200..250`, a moment as `100`.
pub(crate) fn spans(outcome: &Outcome, words: &str) -> String {
    let mut begun: BTreeMap<&str, u64> = BTreeMap::new();
    let mut spans: Vec<String> = Vec::new();
    for event in &outcome.trace {
        match &event.what {
            What::Begin(text) if text.contains(words) => _ = begun.insert(text, event.time),
            What::End(text) if text.contains(words) => {
                let from = begun.remove(text.as_str()).expect("what ends has begun");
                spans.push(match (from / MS, event.time / MS) {
                    (from, to) if from == to => from.to_string(),
                    (from, to) => format!("{from}..{to}"),
                });
            }
            _ => {}
        }
    }
    assert!(begun.is_empty(), "{begun:?} never ended");
    spans.join(" ")
}

/// When the n-th event of the trace that `wanted` recognizes happened; the first is 1.
#[track_caller]
pub(crate) fn time_of(outcome: &Outcome, nth: usize, wanted: impl Fn(Option<NodeId>, &What) -> bool) -> u64 {
    let mut events = outcome.trace.iter().filter(|event| wanted(event.node, &event.what));
    events.nth(nth - 1).expect("it happened so often").time
}

/// Sender, receiver, kind and number of a message of a chatter.
pub(crate) type Id = (NodeId, NodeId, &'static str, u64);

/// When each message was sent, and when each copy of it arrived.
pub(crate) fn messages(outcome: &Outcome) -> BTreeMap<Id, (u64, Vec<u64>)> {
    let mut messages: BTreeMap<Id, (u64, Vec<u64>)> = BTreeMap::new();
    for event in &outcome.trace {
        let node = event.node.unwrap_or(0);
        let number = |text: &String| text.parse().expect("messages print as numbers");
        match &event.what {
            What::Send { to, kind, text, .. } => {
                messages.entry((node, *to, kind, number(text))).or_default().0 = event.time;
            }
            What::Deliver { from, kind, text } => {
                messages.entry((*from, node, kind, number(text))).or_default().1.push(event.time);
            }
            _ => {}
        }
    }
    messages
}

/// What `steps` did to the messages of a chatter in its [`SECOND`], compared with a run without them:
/// `n1->n2 51..60 lost, Tick n2->n1 51 +300ms`.
#[track_caller]
pub(crate) fn fates(probe: fn() -> Probe, steps: &str) -> String {
    differences(&second(probe(), ""), &second(probe(), steps))
}

/// What became of the messages of `calm` in `other`.
pub(crate) fn differences(calm: &Outcome, other: &Outcome) -> String {
    let with = messages(other);
    let mut numbers: BTreeMap<(NodeId, NodeId, String, &str), Vec<u64>> = BTreeMap::new();
    for (id, (_, arrivals)) in messages(calm).into_iter().filter(|(id, _)| id.3 < 100) {
        let fate = fate(arrivals[0], with.get(&id).map(|(_, arrivals)| arrivals.as_slice()));
        if !fate.is_empty() {
            numbers.entry((id.0, id.1, fate, id.2)).or_default().push(id.3);
        }
    }
    let mut kinds: BTreeMap<(NodeId, NodeId, String, String), Vec<&str>> = BTreeMap::new();
    for ((from, to, fate, kind), numbers) in numbers {
        kinds.entry((from, to, ranges(&numbers), fate)).or_default().push(kind);
    }
    let lines = kinds.into_iter().map(|((from, to, numbers, fate), kinds)| {
        let kind = if kinds.len() == 2 { String::new() } else { format!("{} ", kinds[0]) };
        format!("{kind}n{from}->n{to} {numbers} {fate}")
    });
    lines.collect::<Vec<_>>().join(", ")
}

fn fate(due: u64, arrivals: Option<&[u64]>) -> String {
    let millis = |from: u64, to: u64| match to.cast_signed() - from.cast_signed() {
        shift if shift % 1_000_000 == 0 => format!("{:+}ms", shift / 1_000_000),
        _ => "otherwise".to_owned(),
    };
    match arrivals {
        None => "unsent".to_owned(),
        Some([]) => "lost".to_owned(),
        Some([only]) if *only == due => String::new(),
        Some([only]) => millis(due, *only),
        Some([first, second]) if *first == due => format!("again {}", millis(due, *second)),
        Some(_) => "otherwise".to_owned(),
    }
}

/// Numbers as ranges: `3, 5..7`.
fn ranges(numbers: &[u64]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let words = runs.map(|run| match run {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}..{last}"),
        [] => String::new(),
    });
    words.collect::<Vec<_>>().join(" ")
}
