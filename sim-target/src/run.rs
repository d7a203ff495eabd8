//! Running a target under a schedule. The outcome is a function of the program, the target and the schedule.

use std::{collections::BTreeSet, rc::Rc};

use murphy_checker::{
    history::History,
    verdict::{Anomaly, Budget, Class, Evidence, Verdict},
};
use murphy_schedule::{Header, Name, Schedule, Side, Vocabulary, field, select::NODES_MAX, vocabulary::Names};

use crate::{
    address::Address,
    context::Context,
    core::{Core, Event, Phase, number},
    draw::{Keying, Purpose, mix},
    hooks::Hooked,
    inject::{Moment, Plan, StepReport},
    invariant::Invariant,
    invariants::Watch,
    limits::Limits,
    marks::{self, Broken},
    network::Fate,
    node::{Input, Node, NodeId},
    outbox::Deed,
    panics::{self, Panic},
    select::members,
    snapshot::{Change, Refused, Snapshot, Taken, fork},
    state::{Signals, StateView},
    target::{About, Boot, Cluster, Property, Target, vocabulary},
    telemetry,
    trace::{TraceEvent, What},
    workload::{Workload, WorkloadAbout},
};

/// What a run gave.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Whether the system kept its promises.
    pub verdict: Verdict,
    /// What clients saw.
    pub history: History,
    /// Hash of every event; equal for equal schedules, in any process.
    pub trace_hash: u64,
    /// How many events there were.
    pub events: u64,
    /// Virtual time at the end, in nanoseconds.
    pub time: u64,
    /// How many nanoseconds after the healing every object could be read; `None`: it could not, or there was nothing to read.
    pub recovered: Option<u64>,
    /// What each step did, in the order of their content.
    pub steps: Vec<StepReport>,
    /// What the run visited.
    pub signals: Signals,
    /// Whether any node read its wall clock.
    pub reads_wall_clock: bool,
    /// Whether any node read its monotonic clock.
    pub reads_monotonic_clock: bool,
    /// Whether any node allocated memory.
    pub allocates: bool,
    /// Every event, if asked for.
    pub trace: Vec<TraceEvent>,
}

/// How to run, beyond the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Keep every event in [`Outcome::trace`]. Slow.
    pub trace: bool,
    /// How latencies are keyed.
    pub keying: Keying,
    /// The verdict is unknown past so many events.
    pub events_max: u64,
}

impl Options {
    /// No trace, the usual keying, and room for two hundred ordinary runs.
    pub const SEARCH: Self = Self { trace: false, keying: Keying::Slots, events_max: 200_000 };
    /// The same with every event kept.
    pub const TRACE: Self = Self { trace: true, ..Self::SEARCH };
}

/// Something that runs schedules: a [`Runner`] of a target that need not be known.
pub trait Run {
    /// Runs `schedule`.
    fn run(&mut self, schedule: &Schedule, options: Options) -> &Outcome;
    /// What was run last gave this, to be taken apart.
    fn outcome_mut(&mut self) -> &mut Outcome;
    /// Runs `schedule` as [`run`](Self::run) does, and keeps snapshots of it where so many events have been handled, in
    /// ascending order. Fewer than asked for, if the run was over before; none at all, if the target's nodes do not
    /// [`fork`](Node::fork).
    fn run_keeping(&mut self, schedule: &Schedule, options: Options, events: &[u64]) -> Vec<Snapshot>;
    /// Runs `schedule` as [`run`](Self::run) does, and calls `before` before each event with what the trace has so far.
    fn run_watched(&mut self, schedule: &Schedule, options: Options, before: &mut dyn FnMut(&[TraceEvent]))
    -> &Outcome;
    /// Runs `schedule` from a snapshot on. The outcome is the same as if it had run from its start.
    ///
    /// # Errors
    /// If the schedule, as far as can be told, would have had another run up to the moment of the snapshot.
    fn resume(&mut self, snapshot: &Snapshot, schedule: &Schedule, options: Options) -> Result<&Outcome, Refused>;
    /// The clauses of the target's invariants that no run so far has found true or false, each with the name of its invariant: what
    /// they name is perhaps misspelt.
    fn undecided(&self) -> Vec<(String, String)>;
    /// Judges these as well in every run from now on, beside the target's own. A snapshot taken before does not serve any more.
    fn judge(&mut self, invariants: &[Invariant]);
}

/// A target whose type need not be known.
pub trait AnyTarget {
    /// What it says of itself.
    fn about(&self) -> About;
    /// What schedules for it can name.
    fn vocabulary(&self) -> Vocabulary;
    /// Its kinds of messages.
    fn kinds(&self) -> &'static [&'static str];
    /// Its workloads.
    fn workloads(&self) -> Vec<WorkloadAbout>;
    /// Names of what must hold of the whole cluster after each event.
    fn properties(&self) -> Vec<&'static str>;
    /// A runner with these planted bugs in force.
    fn runner(&self, bugs: &BTreeSet<String>) -> Box<dyn Run>;
}

/// A target that can be shared by its runners.
pub struct Shared<T>(Rc<T>);

impl<T: Target> Shared<T> {
    /// Makes `target` one whose type need not be known.
    pub fn new(target: T) -> Self {
        Self(Rc::new(target))
    }
}

impl<T: Target> AnyTarget for Shared<T> {
    fn about(&self) -> About {
        self.0.about()
    }

    fn vocabulary(&self) -> Vocabulary {
        vocabulary(&*self.0)
    }

    fn kinds(&self) -> &'static [&'static str] {
        T::Node::KINDS
    }

    fn workloads(&self) -> Vec<WorkloadAbout> {
        self.0.workloads().iter().map(Workload::about).collect()
    }

    fn properties(&self) -> Vec<&'static str> {
        self.0.properties().iter().map(|property| property.name).collect()
    }

    fn runner(&self, bugs: &BTreeSet<String>) -> Box<dyn Run> {
        Box::new(Runner::new(self.0.clone(), bugs.clone()))
    }
}

/// Fills in what a schedule leaves open.
pub fn resolve(header: &Header, about: &About) -> Header {
    let (fewest, most) = (*about.nodes.start() as u8, *about.nodes.end() as u8);
    let or = |value: u16, default: u16| if value == 0 { default } else { value };
    let nodes = match header.nodes {
        0 => fewest,
        nodes if (fewest..=most).contains(&nodes) => nodes,
        nodes => fewest + nodes % (most - fewest + 1),
    };
    Header {
        nodes,
        clients: if header.clients == 0 { 4 } else { header.clients },
        keys: if header.keys == 0 { 2 } else { header.keys },
        ops: Some(header.ops.unwrap_or(60)),
        chaos: or(header.chaos, (About::CHAOS.as_millis() / 10) as u16),
        heal: or(header.heal, 100),
        settle: or(header.settle, 300),
        ..*header
    }
}

/// Which of a target's workloads clients run under a schedule with this header: the one that it names, or one that its seed draws.
pub fn workload_of(header: &Header, workloads: &Names) -> usize {
    let named = (header.workload != Name::ANY).then(|| workloads.resolve(header.workload)).flatten();
    named.unwrap_or_else(|| (mix(header.seed, Purpose::Workload, []) % workloads.len() as u64) as usize)
}

/// Runs schedules on one target, reusing everything from run to run.
pub struct Runner<T: Target> {
    target: Rc<T>,
    bugs: BTreeSet<String>,
    /// One core for each workload.
    cores: Vec<Core<T::Node>>,
    nodes: Vec<Option<T::Node>>,
    properties: Vec<Property<T::Node>>,
    /// Judged beside the target's own.
    invariants: Vec<Invariant>,
    members: Vec<NodeId>,
    /// The kind of each node.
    kinds: Vec<&'static str>,
    addresses: Vec<Address>,
    outcome: Outcome,
}

impl<T: Target> Runner<T> {
    /// A runner of `target` with these planted bugs in force.
    ///
    /// # Panics
    /// If the target names no workload, has no nodes or, with spares, more than 16, two of its names have one hash, or one of its
    /// limits is for messages of a kind that there is not.
    pub fn new(target: Rc<T>, bugs: BTreeSet<String>) -> Self {
        panics::install_hook();
        let about = Rc::new(target.about());
        let (fewest, most) = (*about.nodes.start(), *about.nodes.end());
        let possible = 1 <= fewest && fewest <= most && most + about.spares <= NodeId::from(NODES_MAX);
        assert!(
            possible,
            "target `{}` has {fewest} to {most} nodes and {} spares, expected 1 to {NODES_MAX} in all",
            about.name, about.spares
        );
        let words = Rc::new(vocabulary(&*target));
        let mut cores: Vec<_> = target
            .workloads()
            .into_iter()
            .map(|workload| Core::new(about.clone(), words.clone(), Rc::new(workload)))
            .collect();
        assert!(!cores.is_empty(), "target `{}` names no workload", about.name);
        for core in &mut cores {
            core.hooks = target.hooks();
            core.watch = Watch::new(target.invariants());
            core.limits = Limits::new(&target.limits(), T::Node::KINDS);
        }
        let properties = target.properties();
        Self {
            target,
            bugs,
            cores,
            nodes: Vec::new(),
            properties,
            invariants: Vec::new(),
            members: Vec::new(),
            kinds: Vec::new(),
            addresses: Vec::new(),
            outcome: Outcome::default(),
        }
    }
}

impl<T: Target> Runner<T> {
    /// The world of schedules with this header, and where its outcome goes.
    fn world(&mut self, header: &Header) -> (World<'_, T>, &mut Outcome) {
        let which = workload_of(header, &self.cores[0].vocabulary.workloads);
        let world = World {
            target: &*self.target,
            bugs: &self.bugs,
            core: &mut self.cores[which],
            nodes: &mut self.nodes,
            properties: &self.properties,
            members: &mut self.members,
            kinds: &mut self.kinds,
            addresses: &mut self.addresses,
        };
        (world, &mut self.outcome)
    }
}

impl<T: Target> Run for Runner<T> {
    fn run(&mut self, schedule: &Schedule, options: Options) -> &Outcome {
        let (mut world, outcome) = self.world(&schedule.header);
        world.begin(schedule, options);
        outcome.events = 0;
        let over = world.play(options.events_max, &mut outcome.events);
        world.finish(over, outcome);
        &self.outcome
    }

    fn outcome_mut(&mut self) -> &mut Outcome {
        &mut self.outcome
    }

    fn run_keeping(&mut self, schedule: &Schedule, options: Options, events: &[u64]) -> Vec<Snapshot> {
        let (target, bugs, mut kept) = (self.target.clone(), self.bugs.clone(), Vec::new());
        let invariants = self.invariants.clone();
        let (mut world, outcome) = self.world(&schedule.header);
        world.begin(schedule, options);
        let core = &mut *world.core;
        core.facts.start(
            core.hosts.len(),
            T::Node::KINDS.len(),
            core.workload.about.functions.len(),
            core.about.roles.len(),
        );
        outcome.events = 0;
        let mut over = false;
        for until in events.iter().filter(|until| **until <= options.events_max) {
            over = over || world.play(*until, &mut outcome.events);
            let mut nodes = Vec::new();
            // What hooks remember is theirs, and has no copy.
            if !over && world.core.hooks.is_none() && fork(world.nodes, &mut nodes).is_some() {
                let (target, bugs, events, core) = (target.clone(), bugs.clone(), outcome.events, world.core.save());
                let invariants = invariants.clone();
                kept.push(Snapshot::new(Taken { target, bugs, invariants, options, events, nodes, core }));
            }
        }
        over = over || world.play(options.events_max, &mut outcome.events);
        world.finish(over, outcome);
        kept
    }

    fn run_watched(
        &mut self,
        schedule: &Schedule,
        options: Options,
        before: &mut dyn FnMut(&[TraceEvent]),
    ) -> &Outcome {
        let (mut world, outcome) = self.world(&schedule.header);
        world.begin(schedule, options);
        outcome.events = 0;
        let mut over = false;
        while !over && outcome.events < options.events_max {
            before(world.core.trace.as_deref().unwrap_or_default());
            over = world.play(outcome.events + 1, &mut outcome.events);
        }
        world.finish(over, outcome);
        &self.outcome
    }

    fn resume(&mut self, snapshot: &Snapshot, schedule: &Schedule, options: Options) -> Result<&Outcome, Refused> {
        let taken: Option<&Taken<T::Node, T>> = snapshot.taken.downcast_ref();
        let taken = taken.filter(|taken| Rc::ptr_eq(&taken.target, &self.target) && taken.bugs == self.bugs);
        let taken = taken.filter(|taken| taken.invariants == self.invariants).ok_or(Refused::Target)?;
        if taken.options != options {
            return Err(Refused::Options);
        }
        let (mut world, outcome) = self.world(&schedule.header);
        let change = world.core.compare(&taken.core, schedule)?;
        world.restore(taken, &change);
        outcome.events = taken.events;
        let over = world.play(options.events_max, &mut outcome.events);
        world.finish(over, outcome);
        Ok(&self.outcome)
    }

    fn undecided(&self) -> Vec<(String, String)> {
        let watches = self.cores.iter().filter_map(|core| core.watch.as_ref());
        let clauses = |watch: &Watch| -> BTreeSet<(String, String)> {
            watch.undecided().map(|(name, clause)| (name.to_string(), clause.to_string())).collect()
        };
        // What one workload does not decide another may.
        let undecided = watches.map(|watch| clauses(watch)).reduce(|a, b| &a & &b);
        undecided.unwrap_or_default().into_iter().collect()
    }

    fn judge(&mut self, invariants: &[Invariant]) {
        self.invariants.extend_from_slice(invariants);
        for core in &mut self.cores {
            core.watch = Watch::new([self.target.invariants(), self.invariants.clone()].concat());
        }
    }
}

/// A target while it runs.
struct World<'a, T: Target> {
    target: &'a T,
    bugs: &'a BTreeSet<String>,
    core: &'a mut Core<T::Node>,
    nodes: &'a mut Vec<Option<T::Node>>,
    properties: &'a [Property<T::Node>],
    members: &'a mut Vec<NodeId>,
    kinds: &'a mut Vec<&'static str>,
    addresses: &'a mut Vec<Address>,
}

impl<T: Target> World<'_, T> {
    /// Handles events until the run is over, or so many have been handled in all. Returns whether it is over.
    fn play(&mut self, until: u64, events: &mut u64) -> bool {
        // A node's own panics are caught around its handlers; this catches those of the rest of the target.
        let listening = self.core.trace.is_some();
        let ended = telemetry::record(listening, || panics::catch(|| self.handle_events(until, events)));
        ended.unwrap_or_else(|panic| {
            let node = self.core.running.map_or(0, number);
            self.core.violate(Some(panicked(node, panic)));
            true
        })
    }

    fn handle_events(&mut self, until: u64, events: &mut u64) -> bool {
        // The next event is not even looked at: to put it back would change its place among those of its time.
        while *events < until {
            let Some((time, event)) = self.core.queue.pop() else { return true };
            *events += 1;
            self.core.now = time;
            self.core.judge_by_time(self.nodes);
            self.core.hash.add(time);
            self.core.hash.add(header_word(&event, &self.core.plan));
            self.handle(event);
            self.core.judge_by_event(self.nodes);
            self.core.signals.date(*events, time);
            if self.core.violation.is_some() || self.core.phase == Phase::Over {
                return true;
            }
        }
        false
    }

    /// Brings the world to the first moment of a run.
    fn begin(&mut self, schedule: &Schedule, options: Options) {
        let header = resolve(&schedule.header, &self.core.about);
        self.core.keying = options.keying;
        self.core.trace = options.trace.then(Vec::new);
        telemetry::forget();
        self.core.reset(header);
        self.nodes.clear();
        self.nodes.resize_with(self.core.hosts.len(), || None);
        self.seat(header.nodes);
        for node in 0..self.core.hosts.len() {
            self.core.queue.push(0, Event::Start { node: node as u8 });
        }
        self.core.plan(schedule);
        if header.active > 0 && header.calm > 0 {
            self.core.queue.push(u64::from(header.active) * 10_000_000, Event::Calm);
        }
        marks::start(self.core.plan.watches_marks());
        let mut at = 0;
        let phases = [(header.chaos, Event::Heal), (header.heal, Event::Settle), (header.settle, Event::Stop)];
        for (length, event) in phases {
            at += u64::from(length) * 10_000_000;
            self.core.queue.push(at, event);
        }
    }

    fn seat(&mut self, nodes: u8) {
        self.members.clear();
        self.members.extend(1..=NodeId::from(nodes));
        self.kinds.clear();
        let about = &self.core.about;
        self.kinds.extend((0..self.core.hosts.len()).map(|node| about.kind_of(node as u16, nodes.into())));
        self.addresses.clear();
        self.addresses.extend((0..self.core.hosts.len()).map(|node| self.core.address(node)));
    }

    /// Brings the world to the moment of a snapshot, as if it had come there under the changed schedule.
    fn restore(&mut self, taken: &Taken<T::Node, T>, change: &Change) {
        telemetry::forget();
        self.core.restore(&taken.core);
        self.core.adapt(change, &taken.core);
        self.seat(self.core.header.nodes);
        fork(&taken.nodes, self.nodes).expect("a node that was copied once is copied again");
    }

    fn finish(&mut self, over: bool, outcome: &mut Outcome) {
        let core = &mut *self.core;
        // Should the target have caught what a mark threw.
        core.violate(marks::broken().map(|broken| broken_mark(0, broken)));
        outcome.verdict = match core.violation.take() {
            Some(anomaly) => Verdict::Invalid(anomaly),
            None if over => core.judge_whole(),
            None => Verdict::Unknown(Budget::Events),
        };
        outcome.time = core.now;
        outcome.recovered = core.recovery.took;
        outcome.trace_hash = core.hash.value();
        outcome.history.clone_from(&core.history);
        outcome.steps.clear();
        outcome.steps.extend(core.plan.reports());
        core.signals.date(outcome.events, core.now);
        std::mem::swap(&mut outcome.signals.states, &mut core.signals.states);
        std::mem::swap(&mut outcome.signals.moments, &mut core.signals.moments);
        marks::finish(&mut outcome.signals);
        outcome.reads_wall_clock = core.reads.wall.get();
        outcome.reads_monotonic_clock = core.reads.mono.get();
        outcome.allocates = core.resources.allocated;
        core.note_telemetry();
        outcome.trace = core.trace.take().unwrap_or_default();
        self.nodes.clear();
    }

    #[inline]
    fn handle(&mut self, event: Event) {
        // By far the most.
        if let Event::Deliver { from, to, .. } = event {
            self.deliver(event, usize::from(from), usize::from(to));
        } else {
            self.handle_rare(event);
        }
        self.drop_crashed();
    }

    fn handle_rare(&mut self, event: Event) {
        match event {
            Event::Deliver { .. } => unreachable!("deliveries are not rare"),
            Event::Parcel { ticket } => self.core.on_parcel(ticket),
            Event::Turn => self.core.on_turn(),
            Event::Open { a, b, tries } => self.core.on_open(a.into(), b.into(), tries),
            Event::Swizzle { step, turn, node, clogs } => {
                self.core.swizzle_on(usize::from(step), turn, usize::from(node), clogs);
            }
            Event::Timer { node, index, incarnation } => self.timer(event, usize::from(node), index, incarnation),
            Event::Link { node, peer, up, incarnation } => {
                let node = usize::from(node);
                if self.reaches(node, event) && self.core.hosts[node].incarnation == incarnation {
                    let peer = NodeId::from(peer);
                    self.core.note(Some(node), |_| What::Link { peer, up });
                    self.feed(node, Input::Link { peer, up }, 2, None);
                }
            }
            Event::Start { node } => self.start(usize::from(node)),
            Event::Slot { lane, slot } => self.core.on_slot(lane, slot),
            Event::Request { lane, node, attempt, generation, slot } => {
                self.request(event, lane, usize::from(node), attempt, generation, slot);
            }
            Event::Answer { lane, slot } => self.core.on_answer(lane, slot),
            Event::Timeout { lane } => self.core.on_timeout(lane),
            Event::Last { lane } => self.core.on_last(lane),
            Event::Begin { step } => self.core.begin_itself(usize::from(step), None),
            Event::End { step, turn } => self.core.end_turn(usize::from(step), turn),
            Event::Durable { node, index, incarnation } => self.durable(event, usize::from(node), index, incarnation),
            Event::Revive { node, incarnation } => self.core.revive_watched(usize::from(node), incarnation),
            Event::Beat { step, turn } => self.core.beat(usize::from(step), turn),
            Event::Clock { node, incarnation } => {
                let node = usize::from(node);
                if self.core.hosts[node].incarnation == incarnation && self.reaches(node, event) {
                    self.feed(node, Input::ClockChanged, 6, None);
                }
            }
            Event::Go { node } => self.go(usize::from(node)),
            Event::Terminate { node, incarnation } => {
                let node = usize::from(node);
                if self.core.hosts[node].incarnation == incarnation && self.reaches(node, event) {
                    self.core.note(Some(node), |_| What::Stop);
                    self.feed(node, Input::Stop, 7, None);
                }
            }
            Event::Overdue { step, node, incarnation } => {
                self.core.overdue(usize::from(step), usize::from(node), incarnation);
            }
            Event::Return { step, node, incarnation } => {
                self.core.give_back(usize::from(step), usize::from(node), incarnation);
            }
            Event::Operate { step, change, nodes } => self.operate(usize::from(step), change, nodes),
            Event::Ask { errand, node, attempt } => self.ask(event, errand, usize::from(node), attempt),
            Event::Calm => self.core.calm_down(),
            Event::Rouse => self.core.rouse(),
            Event::Heal => self.core.heal_all(),
            Event::Settle => self.core.begin_settle(),
            Event::Stop => self.core.lose_patience(),
        }
    }

    /// Whether an event reaches a node now. What reaches a node that is paused or busy waits, behind what waits already.
    #[inline]
    fn reaches(&mut self, node: usize, event: Event) -> bool {
        let host = &mut self.core.hosts[node];
        if !host.up || (host.is_free() && (host.backlog.is_empty() || host.turns)) {
            return host.up;
        }
        host.backlog.push_back(event);
        if host.paused_by > 0 {
            self.core.credit_pause(node);
        }
        false
    }

    /// A node goes on with the handler that is under way, or turns to what has waited longest.
    fn go(&mut self, node: usize) {
        if !self.core.has_something_to_do(node) {
            return;
        }
        if self.core.hosts[node].outbox.is_open() {
            self.go_on(node);
        } else if let Some(event) = self.core.hosts[node].backlog.pop_front() {
            self.core.hosts[node].turns = true;
            self.handle(event);
            self.core.hosts[node].turns = false;
        }
        self.core.turn_to_backlog(node);
    }

    /// What the handler under way asked for happens as far as it can by now.
    fn go_on(&mut self, node: usize) {
        if let Some((cause, after)) = self.core.go_on(node) {
            self.through(node, cause, after);
        }
    }

    fn deliver(&mut self, event: Event, from: usize, to: usize) {
        let Event::Deliver { kind, session, slot, late, .. } = event else { return };
        let host = &self.core.hosts[to];
        let comes_through =
            host.is_unhindered() && host.backlog.is_empty() && self.core.network.carries(from, to, session);
        if !comes_through || !self.core.goes_untold(kind.into()) {
            return self.deliver_noticed(event, from, to);
        }
        if late {
            self.core.comes_late(kind, to);
        }
        let message = self.core.messages.take(slot);
        self.feed(to, Input::Message { from: number(from), message }, Self::cause(kind), None);
    }

    /// The sort of input that a message of this kind is.
    fn cause(kind: u16) -> u64 {
        16 + u64::from(kind)
    }

    #[inline(never)]
    fn deliver_noticed(&mut self, event: Event, from: usize, to: usize) {
        let Event::Deliver { kind, session, slot, judged, late, .. } = event else { return };
        let lost = |_: &Core<T::Node>| What::Lost { from: number(from), kind: T::Node::KINDS[usize::from(kind)] };
        let gone = |core: &Core<T::Node>| !core.network.carries(from, to, session) || !core.hosts[to].up;
        if gone(self.core) {
            self.core.messages.take(slot);
            return self.core.note(Some(to), lost);
        }
        if !self.reaches(to, event) {
            return;
        }
        let moment = Moment::Deliver { kind: usize::from(kind), from, to };
        self.core.network.fate.clear();
        if !judged {
            self.core.fire(Side::Before, moment);
        }
        let Fate { lost: is_lost, extra, copy, .. } = self.core.network.fate;
        let stamp = self.core.network.buffers.stamp_of(slot);
        let numbered = self.core.numbers.messages.get(slot);
        let message = self.core.messages.take(slot);
        if is_lost || gone(self.core) {
            return self.core.note(Some(to), lost);
        }
        let again =
            |slot, judged| Event::Deliver { from: from as u8, to: to as u8, kind, session, slot, judged, late: true };
        if let Some(lag) = copy {
            let slot = self.core.put_stamped(message.clone(), stamp);
            self.core.number_copy(slot, numbered);
            self.core.queue.push(self.core.now + extra + lag, again(slot, false));
        }
        let paused = self.core.hosts[to].paused_by > 0;
        if extra > 0 || paused {
            let slot = self.core.put_stamped(message, stamp);
            self.core.number_copy(slot, numbered);
            let event = again(slot, true);
            match extra {
                0 => self.core.hosts[to].backlog.push_front(event),
                extra => self.core.queue.push(self.core.now + extra, event),
            }
            return;
        }
        if late {
            self.core.comes_late(kind, to);
        }
        self.core.network.buffers.receive(to, stamp);
        self.core.note_message(Some(to), numbered, |_| What::Deliver {
            from: number(from),
            kind: T::Node::KINDS[usize::from(kind)],
            text: format!("{message:?}"),
        });
        let hooked = self.core.hooks.is_some().then(|| message.clone());
        if let Some(message) = &hooked {
            self.hook_delivery(Side::Before, from, to, kind, message);
        }
        self.feed(to, Input::Message { from: number(from), message }, Self::cause(kind), Some(moment));
        if let Some(message) = &hooked {
            self.hook_delivery(Side::After, from, to, kind, message);
        }
    }

    /// Tells the target's hooks of a delivery.
    fn hook_delivery(&mut self, side: Side, from: usize, to: usize, kind: u16, message: &<T::Node as Node>::Message) {
        if !self.core.hosts[to].up {
            return;
        }
        let what = Hooked::Deliver { from: number(from), kind: kind.into(), message };
        self.core.call_hooks(side, Some(to), what, self.nodes[to].as_ref());
    }

    fn timer(&mut self, event: Event, node: usize, index: u16, incarnation: u32) {
        if self.core.hosts[node].incarnation != incarnation || !self.reaches(node, event) {
            return;
        }
        if let Some(timer) = self.core.due(node, index, incarnation) {
            self.core.note(Some(node), |_| What::Timer(timer.0));
            self.feed(node, Input::Timer(timer), 3, None);
        }
    }

    /// Something that a node wrote becomes durable.
    fn durable(&mut self, event: Event, node: usize, index: u16, incarnation: u32) {
        if self.core.hosts[node].incarnation != incarnation || !self.core.becomes_durable(node, index) {
            return;
        }
        if !self.reaches(node, event) {
            return;
        }
        if let Some(file) = self.core.synced(node, index) {
            self.core.note(Some(node), |_| What::Sync(file.0));
            self.feed(node, Input::Synced { file }, 7, Some(Moment::Sync(node)));
        }
    }

    fn request(&mut self, event: Event, lane: u8, node: usize, attempt: u8, generation: u32, slot: u32) {
        if !self.core.hosts[node].up {
            self.core.requests.take(slot);
            return self.core.refuse_connection(lane, node, attempt, generation);
        }
        if !self.reaches(node, event) {
            return;
        }
        let numbered = self.core.numbers.requests.get(slot);
        let (op, id, request) = self.core.request(slot);
        self.core.note_message(Some(node), numbered, |_| What::Request(op));
        let reply = self.core.reply_to(lane, node, attempt, generation);
        self.feed(node, Input::Request { id, reply, request }, 4, None);
    }

    /// The operator asks for a change in the target's own terms.
    fn operate(&mut self, step: usize, change: u8, nodes: u16) {
        let change = field::Change::ALL[usize::from(change)];
        let mut concerned = [0; NODES_MAX as usize];
        let count = nodes.count_ones() as usize;
        concerned.iter_mut().zip(members(nodes)).for_each(|(id, node)| *id = number(node));
        match self.target.admin(change, &concerned[..count]) {
            Some(request) => self.core.send_errand(step, change, request),
            None => self.core.has_no(step, change),
        }
    }

    /// The operator's request reaches a node.
    fn ask(&mut self, event: Event, errand: u16, node: usize, attempt: u8) {
        if !self.core.hosts[node].up {
            return self.core.operator_finds_nobody(errand, node, attempt);
        }
        if !self.reaches(node, event) {
            return;
        }
        if let Some((id, reply, request)) = self.core.asked(errand, node, attempt) {
            self.core.note(Some(node), |_| What::Admin);
            self.feed(node, Input::Request { id, reply, request }, 8, None);
        }
    }

    /// Whether a step keeps a node from starting: it is down, or its start waits.
    fn is_kept_from_starting(&mut self, node: usize) -> bool {
        let host = &mut self.core.hosts[node];
        if host.down_by > 0 {
            self.core.credit_hold(node);
            return true;
        }
        if host.paused_by > 0 {
            host.backlog.push_back(Event::Start { node: node as u8 });
            self.core.credit_pause(node);
            return true;
        }
        false
    }

    /// Starts a node that is down.
    fn start(&mut self, node: usize) {
        if self.core.hosts[node].up {
            return;
        }
        if self.is_kept_from_starting(node) {
            return;
        }
        let incarnation = self.core.hosts[node].incarnation;
        if incarnation > 0 {
            self.core.fire(Side::Before, Moment::Starts(node));
            if self.is_kept_from_starting(node) {
                return;
            }
        }
        self.core.hosts[node].up = true;
        self.core.note(Some(node), |_| What::Start(incarnation));
        self.core.refresh_condition(node);
        self.core.credit_clocks(node);
        if incarnation > 0 {
            self.core.network.started[node] = self.core.now;
            self.core.refresh_links();
        }
        let boot = Boot {
            me: number(node),
            kind: self.kinds[node],
            version: self.core.about.versions.get(self.core.hosts[node].version).copied().unwrap_or_default(),
            members: self.members,
            kinds: self.kinds,
            addresses: self.addresses,
            incarnation,
            joins: self.core.hosts[node].joins,
            bugs: self.bugs,
        };
        self.core.enter(node);
        let target = self.target;
        let core = &mut *self.core;
        let started = panics::catch_again(|| target.start(&boot, &mut Context { core, me: node }));
        let started = self.leave(node, started);
        if self.core.hosts[node].up {
            self.nodes[node] = started;
            self.handled(node, 5, (incarnation > 0).then_some(Moment::Starts(node)));
        }
    }

    /// Has a node handle an input; `cause` tells sorts of inputs apart, and `after` is what has happened when it is handled.
    fn feed(&mut self, node: usize, input: Input<T::Node>, cause: u64, after: Option<Moment>) {
        if self.core.recovery.is_late() {
            let from = if let Input::Message { from, .. } = input { Some(from) } else { None };
            self.core.hear(node, cause, from);
        }
        let process = self.nodes[node].as_mut().expect("a node that is up has a process");
        self.core.enter(node);
        let core = &mut *self.core;
        let done = panics::catch_again(|| process.on(input, &mut Context { core, me: node }));
        self.leave(node, done);
        self.handled(node, cause, after);
    }

    /// The code of a handler has returned.
    #[inline]
    fn handled(&mut self, node: usize, cause: u64, after: Option<Moment>) {
        if self.core.hosts[node].outbox.is_open() {
            self.core.stay_under_way(node, cause, after);
            return self.go_on(node);
        }
        self.through(node, cause, after);
    }

    /// A handler is through, or its node went down in it.
    #[inline(always)]
    fn through(&mut self, node: usize, cause: u64, after: Option<Moment>) {
        if self.core.hosts[node].up {
            self.look(node, cause);
        }
        if self.core.network.buffers.polled {
            self.core.poll(node);
        }
        if let Some(moment) = after {
            self.core.fire(Side::After, moment);
        }
    }

    /// A handler has returned or panicked: carries out a crash that fell into it.
    #[inline]
    fn leave<R>(&mut self, node: usize, result: Result<R, Panic>) -> Option<R> {
        let crashed = self.core.leave(node);
        match result {
            Ok(value) => Some(value),
            // Past the point of a crash a panic never happened.
            Err(_) if crashed => None,
            Err(panic) if self.core.hosts[node].outbox.is_open() => {
                self.core.put_off(node, Deed::Panic(panic));
                None
            }
            Err(panic) => {
                self.core.panicked(node, panic);
                None
            }
        }
    }

    /// Looks at a node after it handled something, and at what must hold of all.
    #[inline(always)]
    fn look(&mut self, node: usize, cause: u64) {
        let mut view = StateView::default();
        let process = self.nodes[node].as_ref().expect("a node that is up has a process");
        self.core.running = Some(node);
        process.inspect(&mut view);
        self.core.note_telemetry();
        self.core.running = None;
        if self.core.hooks.is_some() {
            self.core.call_hooks(Side::After, Some(node), Hooked::Handled, self.nodes[node].as_ref());
        }
        if !view.is_unchanged(&self.core.hosts[node].view) {
            self.core.observe(node, view, cause);
        }
        let cluster = Cluster { nodes: self.nodes, hosts: &self.core.hosts, network: &self.core.network };
        let broken = self.properties.iter().find(|property| !(property.holds)(&cluster));
        if let Some(property) = broken {
            let name = murphy_checker::verdict::slug(property.name).into();
            self.core.violate(Some(Anomaly { class: Class::Invariant, name, evidence: Evidence::Property }));
        }
    }

    /// Drops the processes of nodes that crashed.
    #[inline]
    fn drop_crashed(&mut self) {
        if std::mem::take(&mut self.core.went_down) {
            self.drop_processes();
        }
    }

    fn drop_processes(&mut self) {
        for (host, process) in self.core.hosts.iter().zip(self.nodes.iter_mut()) {
            if !host.up && process.is_some() {
                *process = None;
            }
        }
    }
}

impl<N: Node> Core<N> {
    /// A handler of this node begins.
    #[inline(always)]
    fn enter(&mut self, node: usize) {
        self.running = Some(node);
        if let Some(watch) = &mut self.watch {
            watch.touch(node);
        }
        if self.plan.has_buggify {
            self.enter_buggify(node);
        }
        self.hosts[node].effects_left = self.hosts[node].doom.map_or(u32::MAX, |(_, left, _)| left);
        if self.is_pressed(node) {
            self.begin_pressed(node);
        }
    }

    /// The code of a handler of this node has returned. Returns whether it went past the point of a crash.
    #[inline(always)]
    fn leave(&mut self, node: usize) -> bool {
        if self.plan.watches_marks() {
            self.fire_marks(Side::After);
        }
        if self.plan.has_buggify {
            self.leave_buggify(node);
        }
        self.note_telemetry();
        self.running = None;
        !self.hosts[node].is_unhindered() && !self.returned(node) && self.conclude(node)
    }

    /// A handler of this node is through. Returns whether it went past the point of a crash.
    pub(crate) fn conclude(&mut self, node: usize) -> bool {
        let host = &mut self.hosts[node];
        let left = std::mem::replace(&mut host.effects_left, u32::MAX);
        let crashed = !host.up || left == 0;
        if crashed {
            marks::returned();
        }
        if let Some((step, _, disk)) = host.doom.take_if(|_| left != u32::MAX) {
            self.take_down(step, node, disk);
        } else if host.outbox.is_open() {
            host.outbox.close();
            host.ahead = None;
        }
        crashed
    }

    /// A handler of this node panicked.
    pub(crate) fn panicked(&mut self, node: usize, panic: Panic) {
        let declared = self.about.fail_stop.is_some_and(|text| panic.message.contains(text));
        if declared && panic.broken.is_none() {
            self.note(Some(node), |_| What::FailStop(panic.message.clone()));
            // First, so that a step that waits for the node to stop can start it.
            self.hosts[node].down_by += 1;
            self.crash(node, murphy_schedule::field::DiskFate::Kept);
            return;
        }
        self.violate(Some(panicked(number(node), panic)));
        self.hosts[node].up = false;
        self.went_down = true;
    }
}

/// The anomaly that a panic is. Node 0: it was in the workload or in a property.
pub(crate) fn panicked(node: NodeId, panic: Panic) -> Anomaly {
    if let Some(broken) = panic.broken {
        return broken_mark(node, broken);
    }
    let name = template(&panic.message).into();
    Anomaly {
        class: Class::Panic,
        name,
        evidence: Evidence::Panic { node, message: panic.message, location: panic.location },
    }
}

/// The anomaly that a mark is which must hold and does not. Node 0: nobody knows where.
fn broken_mark(node: NodeId, Broken(site): Broken) -> Anomaly {
    let name = murphy_checker::verdict::slug(site.name()).into();
    let evidence = Evidence::Mark { node, name: site.name(), location: site.place() };
    Anomaly { class: Class::Invariant, name, evidence }
}

/// A panic's message without what varies between runs, its numbers, and as a word that fits into a file name.
fn template(message: &str) -> String {
    let mut text = String::new();
    for part in message.lines().next().unwrap_or_default().split(|c: char| !c.is_ascii_alphanumeric()) {
        let word: String = part.chars().filter(|c| !c.is_ascii_digit()).collect();
        if !word.is_empty() && text.len() + word.len() < 40 {
            text.push_str(if text.is_empty() { "" } else { "-" });
            text.push_str(&word.to_lowercase());
        }
    }
    text
}

/// An event in one word, for the trace hash. A step goes by what it says: its place depends on the other steps.
#[inline]
fn header_word(event: &Event, plan: &Plan) -> u64 {
    let pack = |tag: u64, a: u8, b: u8, c: u32| tag << 56 | u64::from(a) << 48 | u64::from(b) << 40 | u64::from(c);
    match *event {
        Event::Deliver { from, to, kind, session, .. } => pack(1, from, to, u32::from(kind) << 16 | u32::from(session)),
        Event::Timer { node, index, incarnation } => pack(2, node, index as u8, incarnation),
        Event::Link { node, peer, up, incarnation } => pack(3, node, peer, incarnation << 1 | u32::from(up)),
        Event::Start { node } => pack(4, node, 0, 0),
        Event::Slot { lane, slot } => pack(5, lane, 0, slot.into()),
        Event::Request { lane, node, attempt, generation, .. } => {
            pack(6, lane, node, generation << 8 | u32::from(attempt))
        }
        Event::Answer { lane, .. } => pack(7, lane, 0, 0),
        Event::Timeout { lane } => pack(8, lane, 0, 0),
        Event::Last { lane } => pack(9, lane, 0, 0),
        Event::Begin { step } => pack(10, 0, 0, plan.content(step.into())),
        Event::End { step, turn } => pack(11, turn as u8, (turn >> 8) as u8, plan.content(step.into())),
        Event::Revive { node, incarnation } => pack(15, node, 0, incarnation),
        Event::Beat { step, turn } => pack(20, turn as u8, (turn >> 8) as u8, plan.content(step.into())),
        Event::Clock { node, incarnation } => pack(19, node, 0, incarnation),
        Event::Go { node } => pack(26, node, 0, 0),
        Event::Terminate { node, incarnation } => pack(25, node, 0, incarnation),
        Event::Overdue { step, node, incarnation } => pack(21, node, incarnation as u8, plan.content(step.into())),
        Event::Return { step, node, incarnation } => pack(22, node, incarnation as u8, plan.content(step.into())),
        Event::Operate { step, change, .. } => pack(23, change, 0, plan.content(step.into())),
        Event::Ask { errand, node, attempt } => pack(24, node, attempt, errand.into()),
        Event::Durable { node, index, incarnation } => pack(40, node, index as u8, incarnation),
        Event::Calm => pack(16, 0, 0, 0),
        Event::Rouse => pack(17, 0, 0, 0),
        Event::Parcel { ticket } => pack(18, 0, 0, ticket),
        Event::Turn => pack(27, 0, 0, 0),
        Event::Open { a, b, tries } => pack(22, a, b, tries.into()),
        Event::Swizzle { step, turn, node, clogs } => {
            pack(23, node << 1 | u8::from(clogs), turn as u8, plan.content(step.into()))
        }
        Event::Heal => pack(12, 0, 0, 0),
        Event::Settle => pack(13, 0, 0, 0),
        Event::Stop => pack(14, 0, 0, 0),
    }
}
