//! The world but for the nodes themselves: time, network, disks, clients, steps, and what is recorded of them.
//!
//! It is apart from the nodes so that a node can act on it while its own handler runs. Nothing here calls a node.

use std::{cell::Cell, collections::VecDeque, fmt::Arguments, rc::Rc, time::Duration};

use murphy_checker::{
    agreement::Agreement,
    history::{Call, Completion, History, NodeId, OpId, Value, Values},
    observer::Observer,
    verdict::Anomaly,
};
use murphy_schedule::{
    Dice, Header, Side, Vocabulary,
    field::{DiskFate, EXACT},
};

use crate::{
    client::{Answer, Clients},
    clock::Clock,
    disk::{Disk, Operation},
    draw::{Keying, Purpose, below, fold, mix},
    files::Pending,
    hooks::{Hooked, Hooks},
    inject::{DiskRules, Facts, Moment, Plan, Resources},
    invariants::{Occurred, Watch},
    limits::Limits,
    marks,
    network::Network,
    node::{Node, ReplyTo, RequestId, Timer},
    operator::{Errand, OPERATOR},
    outbox::{Deed, Due, Outbox},
    queue::{Queue, Slab},
    recovery::{Heard, Recovery},
    state::{Condition, Grain, Seen, Signals, StateView, discord, global, local, pair},
    target::{About, Transport},
    telemetry,
    trace::{Chance, Numbers, TraceEvent, TraceHash, What},
    workload::Workload,
};

/// Something that will happen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// `judged`: the steps that wait for its delivery have seen it.
    Deliver {
        from: u8,
        to: u8,
        kind: u16,
        session: u16,
        slot: u32,
        judged: bool,
        /// It is under way longer than a message that nothing holds up.
        late: bool,
    },
    /// A message that can be recalled may be due.
    Parcel {
        ticket: u32,
    },
    /// Of the messages that wait for their turn one may go.
    Turn,
    /// The nodes of a pair have waited for a session between them.
    Open {
        a: u8,
        b: u8,
        tries: u16,
    },
    /// A step clogs the links of a node, or lets them go.
    Swizzle {
        step: u8,
        turn: u16,
        node: u8,
        clogs: bool,
    },
    Timer {
        node: u8,
        index: u16,
        incarnation: u32,
    },
    Link {
        node: u8,
        peer: u8,
        up: bool,
        incarnation: u32,
    },
    Start {
        node: u8,
    },
    Slot {
        lane: u8,
        slot: u16,
    },
    Request {
        lane: u8,
        node: u8,
        attempt: u8,
        generation: u32,
        slot: u32,
    },
    Answer {
        lane: u8,
        slot: u32,
    },
    Timeout {
        lane: u8,
    },
    Last {
        lane: u8,
    },
    Begin {
        step: u8,
    },
    /// `turn`: which of its beginnings ends.
    End {
        step: u8,
        turn: u16,
    },
    /// What a node wrote becomes durable.
    Durable {
        node: u8,
        index: u16,
        incarnation: u32,
    },
    /// A node that is watched over starts again, unless it has done so.
    Revive {
        node: u8,
        incarnation: u32,
    },
    /// A step does again what it does all the time that it lasts.
    Beat {
        step: u8,
        turn: u16,
    },
    /// A node hears that its wall clock was moved.
    Clock {
        node: u8,
        incarnation: u32,
    },
    /// A node goes on with the handler that is under way, or turns to what waits for it.
    Go {
        node: u8,
    },
    /// A node is asked to stop.
    Terminate {
        node: u8,
        incarnation: u32,
    },
    /// The time that a node had to stop is up.
    Overdue {
        step: u8,
        node: u8,
        incarnation: u32,
    },
    /// A node that a step took down has been down for long enough.
    Return {
        step: u8,
        node: u8,
        incarnation: u32,
    },
    /// The operator is to ask for a change.
    Operate {
        step: u8,
        change: u8,
        nodes: u16,
    },
    /// The operator's request reaches a node.
    Ask {
        errand: u16,
        node: u8,
        attempt: u8,
    },
    Calm,
    Rouse,
    Heal,
    Settle,
    Stop,
}

/// One node as the world sees it.
#[derive(Debug, Default)]
pub(crate) struct Host {
    pub(crate) up: bool,
    /// Steps that hold it down; fail-stop panics, and exits that nobody asked for, hold it down until everything is healed.
    pub(crate) down_by: u16,
    pub(crate) paused_by: u16,
    pub(crate) incarnation: u32,
    /// It is a new machine in an old cluster.
    pub(crate) joins: bool,
    /// Which of the target's versions it runs.
    pub(crate) version: usize,
    /// A crash that waits for the node's next handler: the step, and how many effects it leaves.
    pub(crate) doom: Option<(usize, u32, DiskFate)>,
    /// Effects left in the handler that runs now.
    pub(crate) effects_left: u32,
    pub(crate) disk: Disk,
    pub(crate) clock: Clock,
    /// The disk as the node sees it, while operations that it has asked for are still to take place.
    pub(crate) ahead: Option<Disk>,
    /// How many bytes of memory its process holds.
    pub(crate) memory: u64,
    /// What becomes durable later.
    pub(crate) pending: Vec<Option<Pending>>,
    pub(crate) timers: Vec<TimerState>,
    /// What the running handler asked for and has not happened yet.
    pub(crate) outbox: Outbox,
    /// What reached the node while it was paused or busy.
    pub(crate) backlog: VecDeque<Event>,
    /// It handles what waited longest in its backlog.
    pub(crate) turns: bool,
    pub(crate) view: StateView,
    pub(crate) role: usize,
    pub(crate) local: u64,
    /// What it heard of last, once the run waits for it to recover.
    pub(crate) heard: Option<Heard>,
}

impl Host {
    /// The node sees what an operation of its disk will have done.
    pub(crate) fn look_ahead(&mut self, operation: &Operation<'_>) {
        self.ahead.get_or_insert_with(|| self.disk.clone()).operate(operation);
    }

    /// How its process is.
    pub(crate) fn condition(&self) -> Condition {
        match (self.up, self.paused_by) {
            (false, _) => Condition::Down,
            (true, 0) => Condition::Up,
            (true, _) => Condition::Paused,
        }
    }
}

clone_fields!(Host {
    up,
    down_by,
    paused_by,
    incarnation,
    doom,
    effects_left,
    disk,
    clock,
    ahead,
    memory,
    pending,
    timers,
    outbox,
    backlog,
    turns,
    view,
    role,
    local,
    heard,
    joins,
    version
});

/// One timer: its deadline, and the event that will look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerState {
    timer: Timer,
    /// On the node's monotonic clock; `None`: not set.
    deadline: Option<u64>,
    /// When, in true time, a pending event looks at it, so that setting it later needs no new event.
    looked_at: Option<u64>,
}

impl TimerState {
    /// Its number, and in how many nanoseconds of its node's monotonic clock it goes off, if it is set.
    pub(crate) fn pending(&self, mono: u64) -> Option<(u32, u64)> {
        Some((self.timer.0, self.deadline?.saturating_sub(mono)))
    }
}

/// Whether any node has read these clocks in this run.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClockReads {
    pub(crate) wall: Cell<bool>,
    pub(crate) mono: Cell<bool>,
}

/// The phase of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    #[default]
    Chaos,
    Heal,
    Settle,
    Over,
}

/// The world but for the nodes.
pub(crate) struct Core<N: Node> {
    pub(crate) about: Rc<About>,
    pub(crate) vocabulary: Rc<Vocabulary>,
    pub(crate) workload: Rc<Workload<N>>,
    pub(crate) keying: Keying,
    pub(crate) header: Header,
    pub(crate) now: u64,
    pub(crate) phase: Phase,
    pub(crate) recovery: Recovery,
    pub(crate) queue: Queue<Event>,
    pub(crate) messages: Slab<N::Message>,
    pub(crate) requests: Slab<(OpId, RequestId, Call)>,
    pub(crate) answers: Slab<(u32, u8, usize, Answer)>,
    pub(crate) hosts: Vec<Host>,
    /// The node whose handler runs now.
    pub(crate) running: Option<usize>,
    pub(crate) network: Network,
    pub(crate) clients: Clients,
    pub(crate) errands: Vec<Errand<N::Request>>,
    pub(crate) plan: Plan,
    pub(crate) disk_rules: DiskRules,
    pub(crate) resources: Resources,
    pub(crate) history: History,
    pub(crate) observer: Box<dyn Observer>,
    pub(crate) agreement: Agreement,
    pub(crate) violation: Option<Anomaly>,
    pub(crate) hash: TraceHash,
    pub(crate) trace: Option<Vec<TraceEvent>>,
    pub(crate) numbers: Numbers,
    pub(crate) hooks: Option<Box<dyn Hooks<N>>>,
    /// What judges the target's invariants, if it has any.
    pub(crate) watch: Option<Box<Watch>>,
    /// What nodes may log and send, if the target says.
    pub(crate) limits: Option<Box<Limits>>,
    pub(crate) seen: Seen,
    pub(crate) signals: Signals,
    /// A node went down while the present event was handled.
    pub(crate) went_down: bool,
    pub(crate) reads: ClockReads,
    pub(crate) facts: Facts,
    pub(crate) fresh_marks: Vec<u16>,
    /// What larger clusters of earlier runs left.
    pub(crate) spare_hosts: Vec<Host>,
}

/// A message that is under way longer is late.
const LATE: u64 = crate::draw::SLOT;

impl<N: Node> Core<N> {
    pub(crate) fn new(about: Rc<About>, vocabulary: Rc<Vocabulary>, workload: Rc<Workload<N>>) -> Self {
        let observer = (workload.observer)();
        Self {
            about,
            vocabulary,
            workload,
            keying: Keying::default(),
            header: Header::default(),
            now: 0,
            phase: Phase::default(),
            recovery: Recovery::default(),
            queue: Queue::new(),
            messages: Slab::new(),
            requests: Slab::new(),
            answers: Slab::new(),
            hosts: Vec::new(),
            running: None,
            network: Network::default(),
            clients: Clients::default(),
            errands: Vec::new(),
            plan: Plan::default(),
            disk_rules: DiskRules::default(),
            resources: Resources::default(),
            history: History::default(),
            observer,
            agreement: Agreement::default(),
            violation: None,
            hash: TraceHash::default(),
            trace: None,
            numbers: Numbers::default(),
            hooks: None,
            watch: None,
            limits: None,
            seen: Seen::new(),
            signals: Signals::default(),
            went_down: false,
            facts: Facts::default(),
            reads: ClockReads::default(),
            fresh_marks: Vec::new(),
            spare_hosts: Vec::new(),
        }
    }

    /// Back to the first moment of a run under `header`, which leaves nothing open.
    pub(crate) fn reset(&mut self, header: Header) {
        self.header = header;
        self.now = 0;
        self.phase = Phase::Chaos;
        self.recovery = Recovery::default();
        self.queue.reset();
        self.messages.reset();
        self.requests.reset();
        self.answers.reset();
        self.errands.clear();
        self.running = None;
        self.reset_hosts(usize::from(header.nodes), usize::from(self.about.spares));
        self.network.reset(self.hosts.len(), N::KINDS.len());
        self.disk_rules.reset(header.disk.bytes() > 0);
        self.resources.reset((1..EXACT).contains(&header.cpu.0));
        self.history.reset(self.workload.about.functions);
        self.observer.reset();
        self.agreement.reset();
        self.violation = None;
        self.hash = TraceHash::default();
        self.numbers.reset();
        if let Some(hooks) = &mut self.hooks {
            hooks.begin();
        }
        if let Some(watch) = &mut self.watch {
            watch.reset();
        }
        if let Some(limits) = &mut self.limits {
            limits.reset();
        }
        self.seen.reset();
        self.signals.states.clear();
        self.signals.moments.clear();
        self.went_down = false;
        self.facts.stop();
        self.reads = ClockReads::default();
        self.fresh_marks.clear();
        self.reset_clients();
    }

    /// Sees to it that there are so many hosts. Those that are too many now keep their memory for another run.
    pub(crate) fn resize_hosts(&mut self, nodes: usize) {
        while self.hosts.len() > nodes {
            self.spare_hosts.extend(self.hosts.pop());
        }
        while self.hosts.len() < nodes {
            self.hosts.push(self.spare_hosts.pop().unwrap_or_default());
        }
    }

    fn reset_hosts(&mut self, members: usize, spares: usize) {
        self.resize_hosts(members + spares);
        for (node, host) in self.hosts.iter_mut().enumerate() {
            host.joins = node >= members;
            host.version = match self.about.versions.len() as u64 {
                0 | 1 => 0,
                versions => below(mix(self.header.seed, Purpose::Version, [node as u64]), versions) as usize,
            };
            host.up = false;
            host.down_by = 0;
            host.paused_by = 0;
            host.incarnation = 0;
            host.doom = None;
            host.effects_left = u32::MAX;
            host.disk.reset();
            host.clock.reset();
            host.ahead = None;
            host.memory = 0;
            host.pending.clear();
            host.timers.clear();
            host.outbox.reset();
            host.backlog.clear();
            host.turns = false;
            host.view = StateView::default();
            host.role = usize::MAX;
            host.local = 0;
            host.heard = None;
        }
    }

    /// Records what happened, if a trace is kept.
    #[inline]
    pub(crate) fn note(&mut self, node: Option<usize>, what: impl FnOnce(&Self) -> What) {
        self.note_message(node, None, what);
    }

    /// The same of a message, request or answer of this number that is sent or arrives.
    #[inline]
    pub(crate) fn note_message(&mut self, node: Option<usize>, message: Option<u32>, what: impl FnOnce(&Self) -> What) {
        if self.trace.is_some() {
            self.keep(node, message, what);
        }
    }

    #[cold]
    fn keep(&mut self, node: Option<usize>, message: Option<u32>, what: impl FnOnce(&Self) -> What) {
        self.note_telemetry();
        let what = what(self);
        if let Some(trace) = &mut self.trace {
            trace.push(TraceEvent { time: self.now, node: node.map(number), what, message });
        }
    }

    /// Records what the running handler has said through `tracing` so far, if a trace is kept. In a handler that takes time it was
    /// said when all has happened that was asked for before.
    #[inline]
    pub(crate) fn note_telemetry(&mut self) {
        if self.trace.is_some() {
            self.note_fresh_telemetry();
        }
    }

    fn note_fresh_telemetry(&mut self) {
        let Some(trace) = &mut self.trace else { return };
        let fresh = telemetry::take_fresh();
        let under_way = self.running.map(|me| &mut self.hosts[me].outbox).filter(|outbox| outbox.is_open());
        if let Some(outbox) = under_way {
            return outbox.extend(fresh.into_iter().map(Deed::Say));
        }
        let (time, node) = (self.now, self.running.map(number));
        trace.extend(fresh.into_iter().map(|what| TraceEvent { time, node, what, message: None }));
    }

    /// Whether this node can still act: it is up, and its handler has not reached the point of its crash.
    pub(crate) fn alive(&self, me: usize) -> bool {
        self.hosts[me].up && self.hosts[me].effects_left > 0
    }

    /// Takes one effect off those that the running handler has left.
    pub(crate) fn take_effect(&mut self, me: usize) {
        let host = &mut self.hosts[me];
        if host.effects_left != u32::MAX {
            host.effects_left -= 1;
            if host.effects_left == 0 && self.running == Some(me) {
                marks::mute();
            }
        }
    }

    /// Steps that wait for marks begin between the effects of the handler that hit the mark, or when it has returned.
    pub(crate) fn fire_marks(&mut self, side: Side) {
        let known = self.fresh_marks.len();
        marks::take_fresh(&mut self.fresh_marks);
        for at in known..self.fresh_marks.len() {
            self.fire(Side::Before, Moment::Mark(self.fresh_marks[at]));
        }
        if side == Side::After {
            for at in 0..self.fresh_marks.len() {
                self.fire(Side::After, Moment::Mark(self.fresh_marks[at]));
                self.occurs(Occurred::Mark(self.fresh_marks[at]));
            }
            self.fresh_marks.clear();
        }
    }

    /// A node sends a message.
    #[inline]
    pub(crate) fn send(&mut self, me: usize, to: NodeId, message: N::Message) {
        let to = usize::from(to).wrapping_sub(1);
        assert!(to < self.hosts.len(), "n{} sends to n{}, which does not exist", me + 1, to.wrapping_add(1));
        let kind = N::kind(&message);
        if self.hosts[me].is_unhindered() && self.passes_unnoticed(me, to, kind) {
            let (_, arrives) = self.usual_arrival(me, to, kind);
            return self.post_usual(me, to, kind, arrives, message);
        }
        self.send_noticed(me, to, message);
    }

    /// Whether a message that is sent now takes its usual time: then no step has a say, and nobody is told.
    #[inline]
    fn passes_unnoticed(&self, from: usize, to: usize, kind: usize) -> bool {
        self.goes_untold(kind)
            && !self.network.is_disturbed(from, to)
            && self.network.connected(from, to)
            && !self.ambient_rates()
    }

    /// Whether nobody is told of messages of this kind, or keeps account of them.
    #[inline]
    pub(crate) fn goes_untold(&self, kind: usize) -> bool {
        let told =
            self.trace.is_some() || self.hooks.is_some() || self.awaits_message(kind) || self.counts_messages(kind);
        !told && !self.network.buffers.clocks_matter
    }

    /// Puts a message on its way that takes its usual time.
    #[inline]
    fn post_usual(&mut self, from: usize, to: usize, kind: usize, arrives: u64, message: N::Message) {
        let stream = self.about.transport == Transport::Stream;
        let arrives = if stream { self.network.in_order(from, to, arrives) } else { arrives };
        let (session, slot) = (self.network.session(from, to), self.messages.put(message));
        let (from, to, kind, late) = (from as u8, to as u8, kind as u16, arrives > self.now + LATE);
        self.queue.push(arrives, Event::Deliver { from, to, kind, session, slot, judged: false, late });
    }

    #[inline(never)]
    fn send_noticed(&mut self, me: usize, to: usize, message: N::Message) {
        if !self.alive(me) {
            return;
        }
        if self.hosts[me].outbox.is_open() {
            let slot = self.messages.put(message);
            return self.put_off(me, Deed::Send { to, slot });
        }
        self.send_now(me, to, message);
    }

    pub(crate) fn send_now(&mut self, me: usize, to: usize, mut message: N::Message) {
        let kind = N::kind(&message);
        let moment = Moment::Send { kind, from: me, to };
        match self.announce(me, Some(moment)) {
            Due::Now => self.take_effect(me),
            Due::Void => return,
            Due::Later => {
                let slot = self.messages.put(message);
                return self.put_back(me, Deed::Send { to, slot });
            }
        }
        self.network.buffers.tick(me);
        self.intercept(Side::Before, Some(me), Hooked::Send { to: number(to), kind, message: &message });
        // As it is sent, whatever becomes of it.
        let text = self.trace.is_some().then(|| format!("{message:?}"));
        let arrives = self.transmit(me, to, kind, &mut message);
        let (before, session) = (self.network.fate.extra, self.network.session(me, to));
        let chance = if self.trace.is_some() { self.chance() } else { Chance::Nothing };
        self.fire(Side::After, moment);
        self.keep_stream_promise();
        // A step that begins after the sending may still act on this very message.
        let arrives = arrives.filter(|_| !self.network.fate.lost).map(|at| at + self.network.fate.extra - before);
        if let (Some(label), Some(at)) = (&mut self.network.fate.label, arrives) {
            label.own = at;
        }
        let stream = self.about.transport == Transport::Stream;
        let arrives = arrives.map(|at| if stream { self.network.in_order(me, to, at) } else { at });
        let numbered = self.number_message();
        self.note_message(Some(me), numbered, |_| What::Send {
            to: number(to),
            kind: N::KINDS[kind],
            text: text.unwrap_or_default(),
            arrives,
            chance,
        });
        self.intercept(Side::After, Some(me), Hooked::Send { to: number(to), kind, message: &message });
        self.count_message(me, kind);
        let ending = self.network.fate.ending;
        let kind = if self.network.fate.is_damaged() { N::kind(&message) } else { kind };
        self.post(me, to, kind, session, arrives, message);
        if let Some(ending) = ending {
            self.close_session(me, to, ending);
        }
    }

    /// A message is kept in this slot from now on, if a trace is kept.
    pub(crate) fn number_copy(&mut self, slot: u32, number: Option<u32>) {
        if self.trace.is_some() {
            self.numbers.messages.put(slot, number);
        }
    }

    /// The number of a message that is sent now, if a trace is kept.
    pub(crate) fn number_message(&mut self) -> Option<u32> {
        self.trace.as_ref()?;
        self.numbers.last += 1;
        Some(self.numbers.last)
    }

    /// Puts a message and its second copy, if there is one, on their way.
    fn post(&mut self, from: usize, to: usize, kind: usize, session: u16, arrives: Option<u64>, message: N::Message) {
        let Some(at) = arrives else { return };
        // A step that this very sending ended holds nothing any more.
        let held = self.network.fate.held.filter(|step| self.plan.steps[*step].is_active());
        let now = self.now;
        let deliver = |slot, arrives| {
            let (from, to, kind, late) = (from as u8, to as u8, kind as u16, arrives > now + LATE);
            Event::Deliver { from, to, kind, session, slot, judged: false, late }
        };
        let stamp = self.network.buffers.clock(from);
        if let Some(later) = self.network.fate.copy {
            let slot = self.put_stamped(message.clone(), stamp);
            self.dispatch(at + later, deliver(slot, at + later), slot, false, held);
        }
        let slot = self.put_stamped(message, stamp);
        self.dispatch(at, deliver(slot, at), slot, true, held);
    }

    /// The delivery of the message in a slot, or of its second copy, is planned, or held by a step.
    fn dispatch(&mut self, at: u64, delivery: Event, slot: u32, first: bool, held: Option<usize>) {
        self.number_copy(slot, Some(self.numbers.last));
        let event = match self.network.fate.label {
            Some(label) => self.wrap(label, at, delivery, first),
            None => delivery,
        };
        match held {
            Some(step) => self.network.held.push((step, at, event)),
            None => self.queue.push(at, event),
        }
    }

    pub(crate) fn reply(&mut self, me: usize, to: ReplyTo, response: N::Response) {
        let token = Token::unpack(to);
        if token.lane == OPERATOR {
            return self.give(me, token, Answer::Completed(Completion::Ok(Value::Nil)));
        }
        let Some(call) = self.answerable(me, token) else { return };
        if self.alive(me) {
            let completion = (self.workload.hear)(&call, response, &mut self.history.values);
            self.give(me, token, Answer::Completed(completion));
        }
    }

    pub(crate) fn redirect(&mut self, me: usize, to: ReplyTo, leader: Option<NodeId>) {
        self.give(me, Token::unpack(to), Answer::Redirected(leader));
    }

    pub(crate) fn refuse(&mut self, me: usize, to: ReplyTo) {
        self.give(me, Token::unpack(to), Answer::Completed(Completion::Fail));
    }

    fn give(&mut self, me: usize, token: Token, answer: Answer) {
        if !self.alive(me) {
            return;
        }
        if self.hosts[me].outbox.is_open() {
            return self.put_off(me, Deed::Answer(token, answer));
        }
        self.answer_now(me, token, answer);
    }

    pub(crate) fn answer_now(&mut self, me: usize, token: Token, answer: Answer) {
        let waits =
            if token.lane == OPERATOR { self.operator_waits(me, token) } else { self.answerable(me, token).is_some() };
        if !waits {
            return;
        }
        match self.announce(me, None) {
            Due::Now => {
                self.take_effect(me);
                self.answer(me, token, answer);
            }
            Due::Void => {}
            Due::Later => self.put_back(me, Deed::Answer(token, answer)),
        }
    }

    pub(crate) fn set_timer(&mut self, me: usize, timer: Timer, after: Duration) {
        if !self.alive(me) {
            return;
        }
        if self.hosts[me].outbox.is_open() {
            return self.put_off(me, Deed::Set(timer, after));
        }
        self.set_timer_now(me, timer, after);
    }

    pub(crate) fn set_timer_now(&mut self, me: usize, timer: Timer, after: Duration) {
        // A timer of centuries is one that never goes off.
        let now = self.hosts[me].clock.mono(self.now);
        let deadline = now.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
        let host = &mut self.hosts[me];
        let index = host.timers.iter().position(|state| state.timer == timer).unwrap_or_else(|| {
            host.timers.push(TimerState { timer, deadline: None, looked_at: None });
            host.timers.len() - 1
        });
        host.timers[index].deadline = Some(deadline);
        self.look_at_timer(me, index);
    }

    /// One event looks at a timer when its deadline comes, as the node's clock runs now; none if the clock stands still.
    fn look_at_timer(&mut self, me: usize, index: usize) {
        let host = &mut self.hosts[me];
        let state = &mut host.timers[index];
        let Some(at) = state.deadline.and_then(|deadline| host.clock.when(deadline)) else { return };
        let at = at.max(self.now);
        if state.looked_at.is_none_or(|looked_at| looked_at > at) {
            state.looked_at = Some(at);
            let event = Event::Timer { node: me as u8, index: index as u16, incarnation: host.incarnation };
            self.queue.push(at, event);
        }
    }

    /// A node's clock runs otherwise from now on: its deadlines come sooner, or later.
    pub(crate) fn look_at_timers(&mut self, me: usize) {
        (0..self.hosts[me].timers.len()).for_each(|index| self.look_at_timer(me, index));
    }

    pub(crate) fn cancel_timer(&mut self, me: usize, timer: Timer) {
        if self.hosts[me].outbox.is_open() {
            return self.put_off(me, Deed::Cancel(timer));
        }
        self.cancel_timer_now(me, timer);
    }

    pub(crate) fn cancel_timer_now(&mut self, me: usize, timer: Timer) {
        if let Some(state) = self.hosts[me].timers.iter_mut().find(|state| state.timer == timer) {
            state.deadline = None;
        }
    }

    /// The timer that an event found due; `None` if it was set later, taken back, or belongs to an earlier life.
    pub(crate) fn due(&mut self, me: usize, index: u16, incarnation: u32) -> Option<Timer> {
        let (now, host) = (self.now, &mut self.hosts[me]);
        if !host.up || host.incarnation != incarnation {
            return None;
        }
        let state = &mut host.timers[usize::from(index)];
        if state.looked_at.is_none_or(|at| at > now) {
            return None;
        }
        state.looked_at = None;
        let deadline = state.deadline?;
        if deadline <= host.clock.mono(now) {
            state.deadline = None;
            return Some(state.timer);
        }
        self.look_at_timer(me, index.into());
        None
    }

    pub(crate) fn wall(&self, me: usize) -> u64 {
        self.hosts[me].clock.wall(self.time_at(me))
    }

    pub(crate) fn mono(&self, me: usize) -> u64 {
        let host = &self.hosts[me];
        host.clock.mono_after(self.now, host.outbox.lag())
    }

    /// How far time has come for the running handler of a node, in nanoseconds.
    pub(crate) fn time_at(&self, me: usize) -> u64 {
        self.now.saturating_add(self.hosts[me].outbox.lag())
    }

    pub(crate) fn draw_for(&self, me: usize, key: &[u64]) -> u64 {
        let words = key.iter().fold(0, |hash, word| crate::draw::fold(hash, *word));
        let epoch = self.network.node_epoch(me);
        mix(self.header.seed, Purpose::Node, [me as u64, epoch, self.hosts[me].incarnation.into(), words])
    }

    pub(crate) fn agree(&mut self, me: usize, what: &'static str, key: u64, value: u64) {
        if !self.alive(me) {
            return;
        }
        if self.hosts[me].outbox.is_open() {
            return self.put_off(me, Deed::Agree { what, key, value });
        }
        self.agree_now(me, what, key, value);
    }

    pub(crate) fn agree_now(&mut self, me: usize, what: &'static str, key: u64, value: u64) {
        self.hash.add(value);
        self.note(Some(me), |_| What::Agree { what, key, value });
        let anomaly = self.agreement.report(what, key, number(me), value);
        self.violate(anomaly);
    }

    pub(crate) fn event(&mut self, me: usize, name: &'static str, value: u64) {
        if !self.alive(me) || (self.trace.is_none() && self.hooks.is_none() && self.watch.is_none()) {
            return;
        }
        if self.hosts[me].outbox.is_open() {
            return self.put_off(me, Deed::Event(name, value));
        }
        self.event_now(me, name, value);
    }

    pub(crate) fn event_now(&mut self, me: usize, name: &'static str, value: u64) {
        self.note(Some(me), |_| What::Event { name, value });
        self.occurs(Occurred::Event(name));
        self.intercept(Side::After, Some(me), Hooked::Event { name, value });
    }

    pub(crate) fn log(&mut self, me: usize, line: Arguments<'_>) {
        if !self.hears_logs() || !self.alive(me) {
            return;
        }
        if self.hosts[me].outbox.is_open() {
            return self.put_off(me, Deed::Log(line.to_string()));
        }
        self.log_now(me, line.to_string());
    }

    /// Keeps the first anomaly; it ends the run.
    pub(crate) fn violate(&mut self, anomaly: Option<Anomaly>) {
        if self.violation.is_none() {
            self.violation = anomaly;
        }
    }

    /// Stops a node at once. Returns whether it was running.
    pub(crate) fn crash(&mut self, me: usize, disk: DiskFate) -> bool {
        self.go_down(me, disk, What::Crash)
    }

    /// A process ends of itself: the system keeps what it wrote.
    pub(crate) fn exit(&mut self, me: usize) {
        if !self.alive(me) {
            return;
        }
        if self.hosts[me].outbox.is_open() {
            return self.put_off(me, Deed::Exit);
        }
        self.exit_now(me);
    }

    pub(crate) fn exit_now(&mut self, me: usize) {
        let host = &mut self.hosts[me];
        host.down_by = host.down_by.max(1);
        self.go_down(me, DiskFate::Kept, What::Exit);
    }

    fn go_down(&mut self, me: usize, disk: DiskFate, how: What) -> bool {
        if !self.hosts[me].up {
            return false;
        }
        self.fire(Side::Before, Moment::Stops(me));
        if !self.hosts[me].up {
            return false;
        }
        let life = u64::from(self.hosts[me].incarnation) + (self.network.node_epoch(me) << 16);
        let seed = mix(self.header.seed, Purpose::Disk, [me as u64, life]);
        let host = &mut self.hosts[me];
        host.up = false;
        self.went_down = true;
        if let Some(watch) = &mut self.watch {
            watch.touch(me);
        }
        host.incarnation += 1;
        host.timers.clear();
        host.backlog.clear();
        host.ahead = None;
        host.clock.forget_foreseen();
        host.memory = 0;
        host.pending.clear();
        host.disk.crash(disk, &mut Dice::new(seed));
        host.view = host.view.at_rest();
        host.role = usize::MAX;
        if self.running == Some(me) {
            marks::mute();
        }
        let handled = self.void_outbox(me);
        self.note(Some(me), |_| how);
        self.refresh_condition(me);
        self.refresh_links();
        self.fire(Side::After, Moment::Stops(me));
        if let Some(moment) = handled {
            self.fire(Side::After, moment);
        }
        self.is_down(me);
        true
    }

    /// Takes in what a node says of itself, which is not what it said before, after it handled an event of sort `cause`.
    pub(crate) fn observe(&mut self, me: usize, view: StateView, cause: u64) {
        let (role, before) = (view.role_among(self.about.roles), self.hosts[me].role);
        let old = self.hosts[me].local;
        self.hosts[me].view = view;
        self.hosts[me].role = role;
        self.refresh_condition(me);
        let new = self.hosts[me].local;
        if old != new {
            self.seen.add(pair(2, old, cause, new), &mut self.signals.states);
        }
        if role != before && role != usize::MAX {
            self.plan.holders.take(role, me);
            self.note(Some(me), |core| What::Role(core.about.roles[role]));
            self.fire(Side::After, Moment::Role { node: me, role });
        }
    }

    /// The node's condition changed: rehash it and the global state.
    pub(crate) fn refresh_condition(&mut self, me: usize) {
        let host = &mut self.hosts[me];
        host.local = local(&host.view, host.role, host.condition());
        let discord = discord(self.hosts.iter().map(|host| &host.view));
        // What is new to a finer grain may be known to a coarser one, and not the other way round.
        for grain in [Grain::Fine, Grain::Middle, Grain::Coarse] {
            let state = global(self.hosts.iter().map(|host| (&host.view, host.local)), discord, grain);
            if !self.seen.add(state, &mut self.signals.states) {
                break;
            }
        }
    }

    /// A fault struck a node: the pair of its kind and the victim's role is worth knowing.
    pub(crate) fn struck(&mut self, fault: u8, victim: usize) {
        let role = self.hosts[victim].role as u64;
        self.seen.add(pair(3, fault.into(), role, 0), &mut self.signals.states);
        let local = self.hosts[victim].local;
        self.seen.add(pair(5, fault.into(), local, 0), &mut self.signals.states);
    }

    /// A message comes late: its kind and how its receiver is are worth knowing together.
    pub(crate) fn comes_late(&mut self, kind: u16, to: usize) {
        let local = self.hosts[to].local;
        self.seen.add(pair(6, kind.into(), local, 0), &mut self.signals.states);
    }

    /// A fault lasts as long as falls on this side of a constant: the three together are worth knowing.
    pub(crate) fn boundary(&mut self, fault: u8, constant: usize, side: u64) {
        self.seen.add(pair(4, fault.into(), constant as u64, side), &mut self.signals.states);
    }
}

/// A node's number from its index.
pub(crate) fn number(index: usize) -> NodeId {
    index as NodeId + 1
}

/// What is inside a [`ReplyTo`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) lane: u8,
    pub(crate) node: u8,
    pub(crate) incarnation: u16,
    pub(crate) attempt: u8,
    pub(crate) generation: u32,
}

impl Token {
    pub(crate) fn pack(self) -> ReplyTo {
        ReplyTo(
            u64::from(self.generation)
                | u64::from(self.incarnation & 0xfff) << 32
                | u64::from(self.attempt) << 44
                | u64::from(self.node & 15) << 52
                | u64::from(self.lane & 15) << 56,
        )
    }

    pub(crate) fn unpack(reply: ReplyTo) -> Self {
        let bits = reply.0;
        Self {
            generation: bits as u32,
            incarnation: (bits >> 32) as u16 & 0xfff,
            attempt: (bits >> 44) as u8,
            node: (bits >> 52) as u8 & 15,
            lane: (bits >> 56) as u8 & 15,
        }
    }
}

/// How an answer enters the trace hash.
pub(crate) fn word(completion: &Completion<Value>, values: &Values) -> u64 {
    match completion {
        Completion::Ok(value) => value_word(*value, values),
        Completion::Fail => 2,
        Completion::Info => 3,
    }
}

fn value_word(value: Value, values: &Values) -> u64 {
    match value {
        Value::Nil => 1,
        Value::Int(value) => value.wrapping_add(8),
        Value::Pair(a, b) => a.wrapping_mul(31).wrapping_add(b),
        Value::List(span) => values.items(span).iter().fold(4, |hash, item| fold(hash, *item)),
        Value::Transaction(span) => values.parts(span).iter().fold(5, |hash, part| {
            let what = part.deed as u64 | u64::from(part.key) << 8;
            fold(fold(hash, what), value_word(part.value, values))
        }),
    }
}
