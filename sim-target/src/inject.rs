//! Carrying out a schedule: waiting for the moments at which steps begin, applying their faults, and healing.
//!
//! Steps are taken in the order of their content, so that their order in the schedule means nothing. Every step counts the
//! effects it had; a step without any can leave a finding for free.

use murphy_schedule::{
    Document, Edge, Fact, Fault, FaultKind, Header, Lasts, Link, Name, Nodes, Schedule, Side, Step, StepId, Vocabulary,
    When,
    fault::Length,
    field::{DiskFate, OfKind, PauseMode, Scope, Sides, Span, State},
    schedule::Budget,
};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    core::{Core, Event, Phase},
    distribution::sample,
    draw::{Purpose, below, mix},
    marks,
    network::{Active, Links, Rule, Treatment},
    node::Node,
    select::{between, members, set},
    target::Transport,
    trace::What,
};

/// Something observable that happens now.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    Send {
        kind: usize,
        from: usize,
        to: usize,
    },
    Deliver {
        kind: usize,
        from: usize,
        to: usize,
    },
    Sync(usize),
    Write(usize),
    Role {
        node: usize,
        role: usize,
    },
    Mark(u16),
    /// By the index of the function in the workload.
    Invoke(u8),
    Complete(u8),
    Stops(usize),
    Starts(usize),
    /// By the index of the kind in the fault table.
    Fault(usize, Edge),
}

/// How many sorts of facts there are.
const SORTS: usize = 11;

impl Moment {
    fn sort(self) -> usize {
        match self {
            Self::Send { .. } => 0,
            Self::Deliver { .. } => 1,
            Self::Sync(_) => 2,
            Self::Write(_) => 3,
            Self::Role { .. } => 4,
            Self::Mark(_) => MARK,
            Self::Invoke(_) => 6,
            Self::Complete(_) => 7,
            Self::Stops(_) => 8,
            Self::Starts(_) => 9,
            Self::Fault(..) => 10,
        }
    }
}

/// The sort of a mark.
const MARK: usize = 5;

fn sort(fact: Fact) -> usize {
    match fact {
        Fact::Send(..) => 0,
        Fact::Deliver(..) => 1,
        Fact::Sync(_) => 2,
        Fact::Write(_) => 3,
        Fact::Role(..) => 4,
        Fact::Mark(_) => MARK,
        Fact::Invoke(_) => 6,
        Fact::Complete(_) => 7,
        Fact::Stops(_) => 8,
        Fact::Starts(_) => 9,
        Fact::Fault(..) => 10,
    }
}

/// Whether this version of the world carries out faults of this kind.
pub fn carries_out(kind: FaultKind) -> bool {
    match kind {
        FaultKind::Note
        | FaultKind::Reseed
        | FaultKind::Invoke
        | FaultKind::Heal
        | FaultKind::Activate
        | FaultKind::Deactivate
        | FaultKind::Modify
        | FaultKind::Partition
        | FaultKind::Block
        | FaultKind::Delay
        | FaultKind::Loss
        | FaultKind::Duplicate
        | FaultKind::Clog
        | FaultKind::Crash
        | FaultKind::Pause
        | FaultKind::Restart
        | FaultKind::AutoRestart => true,
        FaultKind::Admin
        | FaultKind::Reorder
        | FaultKind::Corrupt
        | FaultKind::Swizzle
        | FaultKind::Bandwidth
        | FaultKind::Connect
        | FaultKind::Close
        | FaultKind::Partial
        | FaultKind::HalfOpen
        | FaultKind::Socket
        | FaultKind::Stop
        | FaultKind::Attrition
        | FaultKind::Redeploy
        | FaultKind::Clock
        | FaultKind::Bump
        | FaultKind::Strobe
        | FaultKind::Drift
        | FaultKind::Cpu
        | FaultKind::Memory
        | FaultKind::Leak
        | FaultKind::Yield
        | FaultKind::Buggify
        | FaultKind::Damage
        | FaultKind::Miswrite
        | FaultKind::Misread
        | FaultKind::DiskError
        | FaultKind::DiskDelay
        | FaultKind::DiskStall
        | FaultKind::DiskThrottle
        | FaultKind::DiskFull
        | FaultKind::LazySync => false,
    }
}

/// What of a fault this version of the world does not carry out: its step is void. `None`: all of it is carried out.
pub fn not_carried_out(fault: &Fault) -> Option<&'static str> {
    match fault {
        Fault::Delay { queue, .. } if queue.0 > 0 => Some("a queue of limited length"),
        Fault::Pause { clocks: PauseMode::Stopped, .. } => Some("clocks that stand still"),
        fault if carries_out(fault.kind()) => None,
        _ => Some("this kind of fault"),
    }
}

/// What a step did in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// When it began, in nanoseconds; `None`: never.
    pub begun: Option<u64>,
    /// When it ended, in nanoseconds.
    pub ended: Option<u64>,
    /// How many messages, nodes or operations it touched. A step without effects changed nothing.
    pub effects: u32,
    /// Whom it struck, as it began.
    pub struck: Struck,
}

/// Whom a step struck, and which roles they had as it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Struck {
    /// The victims, the senders, or one side of a partition, as bits; bit 0 is node 1.
    first: u16,
    /// The receivers, or the other side.
    second: u16,
    /// The role of each node, plus one; 0: none.
    roles: [u8; 16],
}

impl Struck {
    /// The roles of the nodes on the first side, sorted; a node without one counts as "down".
    pub fn first<'a>(&self, roles: &'a [&'a str]) -> Vec<&'a str> {
        self.side(self.first, roles)
    }

    /// The roles of the nodes on the second side, sorted.
    pub fn second<'a>(&self, roles: &'a [&'a str]) -> Vec<&'a str> {
        self.side(self.second, roles)
    }

    fn side<'a>(&self, set: u16, roles: &'a [&'a str]) -> Vec<&'a str> {
        let role = |node: usize| usize::from(self.roles[node]).checked_sub(1).and_then(|at| roles.get(at).copied());
        let mut names: Vec<&str> = members(set).map(|node| role(node).unwrap_or("down")).collect();
        names.sort_unstable();
        names
    }
}

/// A step while its run goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    step: Step,
    /// Occurrences of its fact count from now on.
    counting: bool,
    count: u32,
    /// Beginnings that are still to come of themselves.
    left: u8,
    /// How often it has begun.
    pub(crate) turn: u16,
    active: bool,
    /// When it first began.
    begun: Option<u64>,
    /// When it last ended.
    ended: Option<u64>,
    pub(crate) effects: u32,
    victims: u16,
    struck: Struck,
    /// The index of the name that its fact waits for; `None`: any.
    name: Option<usize>,
}

impl Planned {
    /// The tag of its fault.
    pub(crate) fn tag(&self) -> u8 {
        self.step.fault.kind().tag()
    }

    /// Whether its fact, or the edge of a step, that comes now is one at which it begins.
    fn hits(&mut self, nth: u32) -> bool {
        self.count += 1;
        let again = if self.step.again.every == 0 { u32::from(self.step.again.times) } else { 0 };
        (nth..=nth + again).contains(&self.count)
    }
}

/// Who holds each role, and who held it before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holders(Vec<[Option<usize>; 2]>);

impl Holders {
    fn reset(&mut self, roles: usize) {
        self.0.clear();
        self.0.resize(roles, [None; 2]);
    }

    /// Who holds a role, and who held it before.
    pub(crate) fn of(&self, role: usize) -> [Option<usize>; 2] {
        self.0[role]
    }

    /// `node` takes `role`.
    pub(crate) fn take(&mut self, role: usize, node: usize) {
        let [present, before] = &mut self.0[role];
        if *present != Some(node) {
            *before = *present;
            *present = Some(node);
        }
    }
}

/// All steps of a run, and who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Planned>,
    pub(crate) holders: Holders,
    /// The steps that wait for facts of each sort.
    watchers: [Vec<usize>; SORTS],
    /// All is calm for a while: nothing begins.
    pub(crate) calm: bool,
}

impl Plan {
    /// Whether a step waits for a mark.
    pub(crate) fn watches_marks(&self) -> bool {
        !self.watchers[MARK].is_empty()
    }

    /// The steps that watch over a node now, and how long they leave it down.
    fn watchmen(&mut self, node: usize) -> impl Iterator<Item = (&mut Planned, Span<1_000_000>)> {
        let watching = move |planned: &&mut Planned| planned.active && planned.victims & (1 << node) != 0;
        self.steps.iter_mut().filter(watching).filter_map(|planned| match planned.step.fault {
            Fault::AutoRestart { delay, .. } => Some((planned, delay)),
            _ => None,
        })
    }

    fn watchers(&self, moment: Moment) -> &Vec<usize> {
        &self.watchers[moment.sort()]
    }

    /// What each step did.
    pub(crate) fn reports(&self) -> impl Iterator<Item = StepReport> {
        self.steps.iter().map(|planned| StepReport {
            step: planned.step,
            begun: planned.begun,
            ended: planned.ended,
            effects: planned.effects,
            struck: planned.struck,
        })
    }
}

impl<N: Node> Core<N> {
    /// Sets up the waiting for every step of `schedule`.
    pub(crate) fn plan(&mut self, schedule: &Schedule) {
        let plan = &mut self.plan;
        plan.steps.clear();
        plan.watchers.iter_mut().for_each(Vec::clear);
        plan.calm = false;
        plan.holders.reset(self.about.roles.len());
        plan.steps.extend(schedule.steps.iter().map(|step| Planned {
            step: *step,
            counting: true,
            count: 0,
            left: step.again.times,
            turn: 0,
            active: false,
            begun: None,
            ended: None,
            effects: 0,
            victims: 0,
            struck: Struck::default(),
            name: None,
        }));
        plan.steps.sort_unstable_by_key(|planned| planned.step);
        for at in 0..self.plan.steps.len() {
            self.await_step(at);
        }
    }

    fn await_step(&mut self, at: usize) {
        match self.plan.steps[at].step.when {
            When::At(delay) => self.queue.push(u64::from(delay) * 1000, Event::Begin { step: at as u8 }),
            When::Step { .. } | When::Called => {}
            When::Fact { fact, from, .. } => {
                let name = self.fact_name(fact);
                let any = match fact {
                    Fact::Sync(_) | Fact::Write(_) | Fact::Stops(_) | Fact::Starts(_) => true,
                    Fact::Send(name, _) | Fact::Deliver(name, _) | Fact::Invoke(name) | Fact::Complete(name) => {
                        name == Name::ANY
                    }
                    Fact::Role(..) | Fact::Mark(_) | Fact::Fault(..) => false,
                };
                self.plan.steps[at].name = name;
                self.plan.steps[at].counting = from.is_none();
                if any || name.is_some() {
                    self.plan.watchers[sort(fact)].push(at);
                }
            }
        }
    }

    /// The index of what a fact names, among names of its sort.
    fn fact_name(&self, fact: Fact) -> Option<usize> {
        match fact {
            Fact::Send(Name::ANY, _) | Fact::Deliver(Name::ANY, _) => None,
            Fact::Invoke(Name::ANY) | Fact::Complete(Name::ANY) => None,
            Fact::Send(name, _) | Fact::Deliver(name, _) => self.vocabulary.kinds.resolve(name),
            Fact::Role(_, name) => self.vocabulary.roles.resolve(name),
            Fact::Mark(name) => self.mark(name),
            Fact::Invoke(name) | Fact::Complete(name) => self.function(name),
            Fact::Fault(name, _) => FaultKind::ALL.iter().position(|kind| Name::of(kind.keyword()) == name),
            Fact::Sync(_) | Fact::Write(_) | Fact::Stops(_) | Fact::Starts(_) => None,
        }
    }

    /// The index in the workload of the function that a schedule names.
    fn function(&self, name: Name) -> Option<usize> {
        let index = self.vocabulary.functions.resolve(name)?;
        let name = &self.vocabulary.functions.spellings()[index];
        self.workload.functions.iter().position(|function| function == name)
    }

    /// The rank, among all marks of the program, of the mark that a schedule names.
    fn mark(&self, name: Name) -> Option<usize> {
        let index = self.vocabulary.marks.resolve(name)?;
        marks::names().binary_search(&self.vocabulary.marks.spellings()[index].as_str()).ok()
    }

    /// Something observable happens: begins the steps that waited for it.
    #[inline]
    pub(crate) fn fire(&mut self, side: Side, moment: Moment) {
        if self.plan.watchers(moment).is_empty() || self.phase != Phase::Chaos {
            return;
        }
        // What begins now is no anchor for the very occurrence that began it.
        let counting = |set: u128, at: &usize| set | u128::from(self.plan.steps[*at].counting) << at;
        let counting = self.plan.watchers(moment).iter().fold(0, counting);
        for index in 0..self.plan.watchers(moment).len() {
            let at = self.plan.watchers(moment)[index];
            if counting & 1 << at != 0 {
                self.witness(at, side, moment);
            }
        }
    }

    /// Whether a step waits for just this fault, so that its coming counts.
    fn is_awaited(&self, moment: Moment) -> bool {
        let waits = |at: &usize| match self.plan.steps[*at].step.when {
            When::Fact { fact, .. } => self.matches(*at, fact, self.plan.steps[*at].name, moment),
            When::At(_) | When::Step { .. } | When::Called => false,
        };
        self.plan.watchers(moment).iter().any(waits)
    }

    fn witness(&mut self, at: usize, side: Side, moment: Moment) {
        let planned = self.plan.steps[at];
        let When::Fact { fact, side: wanted, nth, delay, .. } = planned.step.when else { return };
        let most = u32::from(nth) + u32::from(planned.step.again.times);
        if wanted != side || planned.count >= most || !self.matches(at, fact, planned.name, moment) {
            return;
        }
        if !self.plan.steps[at].hits(nth.into()) {
            return;
        }
        if delay == 0 {
            self.begin_itself(at, Some(moment));
        } else {
            self.queue.push(self.now + u64::from(delay) * 1000, Event::Begin { step: at as u8 });
        }
    }

    fn matches(&self, step: usize, fact: Fact, name: Option<usize>, moment: Moment) -> bool {
        let on = |link: Link, from: usize, to: usize| self.links(step, link)[from] & (1 << to) != 0;
        let at = |nodes: Nodes, node: usize| self.select(step, nodes, 0) & (1 << node) != 0;
        match (fact, moment) {
            (Fact::Send(_, link), Moment::Send { kind, from, to })
            | (Fact::Deliver(_, link), Moment::Deliver { kind, from, to }) => {
                name.is_none_or(|name| name == kind) && on(link, from, to)
            }
            (Fact::Sync(nodes), Moment::Sync(node))
            | (Fact::Write(nodes), Moment::Write(node))
            | (Fact::Stops(nodes), Moment::Stops(node))
            | (Fact::Starts(nodes), Moment::Starts(node)) => at(nodes, node),
            (Fact::Role(nodes, _), Moment::Role { node, role }) => name == Some(role) && at(nodes, node),
            (Fact::Mark(_), Moment::Mark(rank)) => name == Some(rank.into()),
            (Fact::Invoke(_), Moment::Invoke(function)) | (Fact::Complete(_), Moment::Complete(function)) => {
                name.is_none_or(|name| name == usize::from(function))
            }
            (Fact::Fault(_, wanted), Moment::Fault(kind, edge)) => name == Some(kind) && wanted == edge,
            _ => false,
        }
    }

    /// A step's own trigger has come: it begins, and it is settled when it does so again.
    pub(crate) fn begin_itself(&mut self, at: usize, moment: Option<Moment>) {
        if self.phase != Phase::Chaos {
            return;
        }
        let planned = &mut self.plan.steps[at];
        let (again, turn) = (planned.step.again, planned.left);
        if again.every > 0 && planned.left > 0 {
            planned.left -= 1;
            let every = u64::from(again.every) * 1_000;
            let key = [self.plan.content(at).into(), turn.into(), self.network.epoch()];
            let drawn = below(mix(self.header.seed, Purpose::Again, key), 2 * every);
            self.queue.push(self.now + if again.about { drawn } else { every }, Event::Begin { step: at as u8 });
        }
        self.begin(at, moment);
    }

    /// A step begins, unless it lasts already; `moment` is what triggered it, if that is happening now.
    pub(crate) fn begin(&mut self, at: usize, moment: Option<Moment>) {
        if self.plan.steps[at].active || self.phase != Phase::Chaos || self.plan.calm {
            return;
        }
        let planned = &mut self.plan.steps[at];
        let step = planned.step;
        planned.begun = planned.begun.or(Some(self.now));
        planned.active = true;
        planned.turn = planned.turn.saturating_add(1);
        self.hash.add(1 << 60 | at as u64);
        self.note(None, |core| What::Begin(core.plan.text(at, &core.vocabulary)));
        let over = self.inject(at, &step.fault, moment) || step.fault.kind().length() == Length::Instant;
        self.edge(at, Edge::Begins);
        if over {
            self.end(at);
        } else {
            self.plan_end(at, step.lasts);
        }
    }

    fn plan_end(&mut self, at: usize, lasts: Lasts) {
        let Some(micros) = self.length(lasts) else { return };
        self.sided(at, micros);
        let turn = self.plan.steps[at].turn;
        self.queue.push(self.now + micros * 1000, Event::End { step: at as u8, turn });
    }

    /// How many microseconds a step lasts, if it is known as it begins.
    fn length(&self, lasts: Lasts) -> Option<u64> {
        let constant = |name: Name| {
            let index = self.vocabulary.constants.resolve(name)?;
            Some(u64::from(self.vocabulary.constant_micros[index]))
        };
        let scaled = |name, percent: i8| Some(constant(name)? * (100 + i64::from(percent)).max(0) as u64 / 100);
        match lasts {
            Lasts::Healed | Lasts::Until(..) => None,
            Lasts::For(micros) => Some(micros.into()),
            Lasts::Constant { name, percent } => scaled(name, percent),
            Lasts::Sum { name, percent, other } => Some(scaled(name, percent)? + constant(other)?),
            Lasts::Difference { name, percent, other } => Some(scaled(name, percent)?.saturating_sub(constant(other)?)),
        }
    }

    /// On which side of each of the target's constants the length of a step falls, and how near, is worth knowing.
    fn sided(&mut self, at: usize, micros: u64) {
        let tag = self.plan.steps[at].tag();
        for index in 0..self.vocabulary.constant_micros.len() {
            let constant = u64::from(self.vocabulary.constant_micros[index]);
            let near = micros.abs_diff(constant) * 10 <= constant;
            self.boundary(tag, index, u64::from(micros >= constant) << 1 | u64::from(near));
        }
    }

    /// A beginning of a step has lasted as long as it should.
    pub(crate) fn end_turn(&mut self, at: usize, turn: u16) {
        if self.plan.steps[at].turn == turn {
            self.end(at);
        }
    }

    /// A step's effect ends.
    pub(crate) fn end(&mut self, at: usize) {
        if !self.plan.steps[at].active {
            return;
        }
        self.plan.steps[at].active = false;
        self.plan.steps[at].ended = Some(self.now);
        self.heal(at);
        self.note(None, |core| What::End(core.plan.text(at, &core.vocabulary)));
        self.edge(at, Edge::Ends);
        self.begin_when_ended(at);
    }

    /// A step that begins again neither after a time nor at a fact does so as soon as it has ended.
    fn begin_when_ended(&mut self, at: usize) {
        let planned = &mut self.plan.steps[at];
        let waits = matches!(planned.step.when, When::Fact { .. } | When::Step { .. });
        if planned.step.again.every == 0 && !waits && planned.left > 0 {
            planned.left -= 1;
            let calm = if self.plan.calm { u64::from(self.header.calm) * 10_000_000 } else { 0 };
            self.queue.push(self.now + calm, Event::Begin { step: at as u8 });
        }
    }

    /// Tells the other steps that an edge of this one was reached.
    fn edge(&mut self, at: usize, edge: Edge) {
        let kind = self.plan.steps[at].step.fault.kind();
        if !self.plan.watchers[sort(Fact::Fault(Name::ANY, edge))].is_empty() {
            let kind = FaultKind::ALL.iter().position(|other| *other == kind).expect("every kind is in the table");
            let moment = Moment::Fault(kind, edge);
            self.plan.steps[at].effects += u32::from(self.is_awaited(moment));
            self.fire(Side::After, moment);
        }
        let id = self.plan.steps[at].step.id;
        if !self.plan.owns(at, id) {
            return;
        }
        for other in 0..self.plan.steps.len() {
            let step = self.plan.steps[other].step;
            match step.when {
                When::Step { step, edge: wanted, delay } if step == id && wanted == edge => {
                    if self.plan.steps[other].hits(1) {
                        self.queue.push(self.now + u64::from(delay) * 1000, Event::Begin { step: other as u8 });
                    }
                }
                When::Fact { from: Some(from), .. } if from == (id, edge) => self.plan.steps[other].counting = true,
                When::At(_) | When::Step { .. } | When::Fact { .. } | When::Called => {}
            }
            if step.lasts == Lasts::Until(id, edge) {
                self.end(other);
            }
        }
    }

    /// Applies a fault. Returns whether it is over at once. No `_` arm: whoever adds a fault decides here what it does, and
    /// in [`carries_out`] whether it is done.
    fn inject(&mut self, at: usize, fault: &Fault, moment: Option<Moment>) -> bool {
        if let Some(what) = not_carried_out(fault) {
            self.void(format!("this version does not carry out {what}"));
            return true;
        }
        match *fault {
            Fault::Note {} => {}
            Fault::Reseed { scope } => self.plan.steps[at].effects += u32::from(self.reseed(at, scope)),
            Fault::Invoke { operation } => {
                let via = self.select(at, operation.via, 0);
                let invoked = self.invoke_step(at, &operation, via);
                self.plan.steps[at].effects += u32::from(invoked);
            }
            Fault::Heal {} => self.heal_now(at),
            Fault::Activate { step } => self.activate(at, step.0),
            Fault::Deactivate { step } => self.deactivate(at, step.0),
            Fault::Modify { step, add, remove } => self.modify(at, step.0, add.0, remove.0),
            Fault::Partition { sides } => self.partition(at, sides),
            Fault::Block { link } => {
                self.treat_links(at, self.links(at, link), OfKind::default(), Treatment::Cut, Rule::NONE);
            }
            Fault::Clog { link } => {
                self.treat_links(at, self.links(at, link), OfKind::default(), Treatment::Hold, Rule::NONE);
            }
            Fault::Delay { link, kind, latency, correlation, each, rule, queue: _, overflow: _ } => {
                let treatment = Treatment::Delay(latency.0);
                return self.treat_messages(at, link, kind, treatment, Rule::new(rule, each, correlation), moment);
            }
            Fault::Loss { link, kind, share, correlation, each, rule } => {
                let treatment = Treatment::Lose(share.0);
                return self.treat_messages(at, link, kind, treatment, Rule::new(rule, each, correlation), moment);
            }
            Fault::Duplicate { link, kind, share, lag, correlation, each, rule } => {
                let treatment = Treatment::Repeat(share.0, u64::from(lag.micros()) * 1_000);
                return self.treat_messages(at, link, kind, treatment, Rule::new(rule, each, correlation), moment);
            }
            Fault::Crash { victims, disk, cut } => self.crash_nodes(at, victims, disk, cut.0.into()),
            Fault::Pause { victims, clocks: _ } => self.pause_nodes(at, victims),
            Fault::Restart { victims, state } => self.restart_nodes(at, victims, state),
            Fault::AutoRestart { victims, delay: _ } => self.watch_over(at, victims),
            Fault::Admin { .. }
            | Fault::Reorder { .. }
            | Fault::Corrupt { .. }
            | Fault::Swizzle { .. }
            | Fault::Bandwidth { .. }
            | Fault::Connect { .. }
            | Fault::Close { .. }
            | Fault::Partial { .. }
            | Fault::HalfOpen { .. }
            | Fault::Socket { .. }
            | Fault::Stop { .. }
            | Fault::Attrition { .. }
            | Fault::Redeploy { .. }
            | Fault::Clock { .. }
            | Fault::Bump { .. }
            | Fault::Strobe { .. }
            | Fault::Drift { .. }
            | Fault::Cpu { .. }
            | Fault::Memory { .. }
            | Fault::Leak { .. }
            | Fault::Yield { .. }
            | Fault::Buggify { .. }
            | Fault::Damage { .. }
            | Fault::Miswrite { .. }
            | Fault::Misread { .. }
            | Fault::DiskError { .. }
            | Fault::DiskDelay { .. }
            | Fault::DiskStall { .. }
            | Fault::DiskThrottle { .. }
            | Fault::DiskFull { .. }
            | Fault::LazySync { .. } => unreachable!("not carried out"),
        }
        false
    }

    /// A step is void: the trace says why.
    fn void(&mut self, why: String) {
        self.note(None, |_| What::Void(why));
    }

    /// The step that owns an id.
    fn step_of(&self, id: StepId) -> Option<usize> {
        (0..self.plan.steps.len()).find(|at| self.plan.owns(*at, id))
    }

    fn activate(&mut self, at: usize, id: StepId) {
        let Some(other) = self.step_of(id).filter(|other| *other != at && !self.plan.steps[*other].active) else {
            return;
        };
        self.plan.steps[at].effects += 1;
        if self.plan.steps[other].step.when == When::Called {
            self.begin_itself(other, None);
        } else {
            self.begin(other, None);
        }
    }

    fn deactivate(&mut self, at: usize, id: StepId) {
        let Some(other) = self.step_of(id).filter(|other| *other != at && self.plan.steps[*other].active) else {
            return;
        };
        self.plan.steps[at].effects += 1;
        self.end(other);
    }

    /// Moves nodes between the two sides of a partition in force. Who leaves the first side joins the second.
    fn modify(&mut self, at: usize, id: StepId, add: Nodes, remove: Nodes) {
        let (add, remove) = (self.select(at, add, 0), self.select(at, remove, 0));
        let Some(other) = self.step_of(id).filter(|other| self.plan.steps[*other].active) else { return };
        if !matches!(self.plan.steps[other].step.fault, Fault::Partition { sides: Sides::Two(..) }) {
            return;
        }
        let Struck { first, second, .. } = self.plan.steps[other].struck;
        let a = (first | add) & !remove;
        let b = (second | (remove & first)) & !a;
        if (a, b) == (first, second) {
            return;
        }
        self.remember(other, a, b);
        // At one stroke: a link that stays cut carries nothing in between.
        let cuts = self.network.active.iter_mut().filter(|active| active.step == other);
        cuts.for_each(|active| active.links = both_ways(a, b));
        self.plan.steps[at].effects += 1 + self.refresh_links();
    }

    /// Ends everything that lasts, and starts whoever is down.
    fn heal_now(&mut self, at: usize) {
        let lasting = |other: &usize| *other != at && self.plan.steps[*other].active;
        let others: Vec<usize> = (0..self.plan.steps.len()).filter(lasting).collect();
        let down = self.hosts.iter().filter(|host| !host.up).count();
        self.plan.steps[at].effects += (others.len() + down) as u32;
        others.into_iter().for_each(|other| self.end(other));
        (0..self.hosts.len()).for_each(|node| self.revive(node));
    }

    /// The faults of this window are over: all is healed, and nothing begins for a while.
    pub(crate) fn calm_down(&mut self) {
        if self.phase != Phase::Chaos {
            return;
        }
        self.note(None, |_| What::Heal);
        self.plan.calm = true;
        // Before anything that is put off until then.
        self.queue.push(self.now + u64::from(self.header.calm) * 10_000_000, Event::Rouse);
        (0..self.plan.steps.len()).for_each(|at| self.end(at));
        (0..self.hosts.len()).for_each(|node| self.revive(node));
    }

    /// The calm is over.
    pub(crate) fn rouse(&mut self) {
        self.plan.calm = false;
        let active = u64::from(self.header.active) * 10_000_000;
        self.queue.push(self.now + active, Event::Calm);
    }

    /// Starts a node that is down, whatever holds it down.
    pub(crate) fn revive(&mut self, node: usize) {
        for planned in &mut self.plan.steps {
            if matches!(planned.step.fault, Fault::Crash { .. }) {
                planned.victims &= !(1 << node);
            }
        }
        self.hosts[node].down_by = 0;
        if !self.hosts[node].up {
            self.queue.push(self.now, Event::Start { node: node as u8 });
        }
    }

    fn restart_nodes(&mut self, at: usize, victims: Nodes, state: State) {
        let cold = state == State::Cold;
        if cold && !self.may_wipe() {
            return self.void("the target does not promise to survive wiped disks".to_owned());
        }
        let victims = self.select(at, victims, 0);
        self.remember(at, victims, 0);
        for node in members(victims).filter(|node| !self.hosts[*node].up).collect::<Vec<_>>() {
            self.plan.steps[at].effects += 1;
            if cold {
                self.hosts[node].disk.reset();
            }
            self.revive(node);
        }
    }

    /// Whether disks may be wiped: the target promises to survive it, or the budget is off.
    fn may_wipe(&self) -> bool {
        self.about.survives_wiped_disks || self.header.budget == Budget::Off
    }

    /// Nodes that are down, or go down from now on, start again of themselves.
    fn watch_over(&mut self, at: usize, victims: Nodes) {
        let victims = self.select(at, victims, 0);
        self.remember(at, victims, 0);
        self.plan.steps[at].victims = victims;
        let down: Vec<usize> = members(victims).filter(|node| !self.hosts[*node].up).collect();
        down.into_iter().for_each(|node| self.plan_revival(node));
    }

    /// If a step watches over a node that went down, plans its restart.
    pub(crate) fn plan_revival(&mut self, node: usize) {
        let delays = self.plan.watchmen(node).map(|(planned, delay)| {
            planned.effects += 1;
            u64::from(delay.micros()) * 1_000
        });
        if let Some(delay) = delays.min() {
            let incarnation = self.hosts[node].incarnation;
            self.queue.push(self.now + delay, Event::Revive { node: node as u8, incarnation });
        }
    }

    /// The time that a step which watches over a node leaves it down is up.
    pub(crate) fn revive_watched(&mut self, node: usize, incarnation: u32) {
        if self.hosts[node].incarnation == incarnation && self.plan.watchmen(node).next().is_some() {
            self.revive(node);
        }
    }

    /// Returns whether it found somebody.
    fn reseed(&mut self, at: usize, scope: Scope) -> bool {
        match scope {
            Scope::World => {
                self.network.reseed_world();
                true
            }
            Scope::Nodes(nodes) => {
                let set = self.select(at, nodes, 0);
                members(set).for_each(|node| self.network.reseed_node(node));
                set != 0
            }
            Scope::Link(link) => {
                let links = self.links(at, link);
                self.network.reseed_links(&links);
                links.iter().any(|receivers| *receivers != 0)
            }
        }
    }

    fn partition(&mut self, at: usize, sides: Sides) {
        match sides {
            Sides::Two(a, b) => {
                let both = a == Nodes::Rest;
                let second = self.select_second(at, b, if both { 0 } else { self.select(at, a, 0) });
                let first = self.select(at, a, second) & !second;
                self.remember(at, first, second);
                self.cut(at, both_ways(first, second));
            }
            Sides::Three(a, b, c) => self.cut_three(at, [a, b, c]),
            Sides::Ring => {
                let ring = self.shuffled(at);
                let stream = self.about.transport == Transport::Stream;
                self.cut(at, if stream { majorities_both_ways(&ring) } else { majorities_ring(&ring) });
            }
            Sides::Bridge(middle) => {
                let middle = self.select(at, middle, 0);
                let others: Vec<usize> =
                    self.shuffled(at).into_iter().filter(|node| middle & (1 << node) == 0).collect();
                let (a, b) = others.split_at(others.len() / 2);
                self.remember(at, set(a), set(b));
                self.cut(at, both_ways(set(a), set(b)));
            }
        }
    }

    /// Cuts three sides from each other. `rest` is who is on no other side; who is on two is on the first of them.
    fn cut_three(&mut self, at: usize, sides: [Nodes; 3]) {
        let meant = |index: usize, all: u16| match index {
            1 => self.select_second(at, sides[1], all),
            _ => self.select(at, sides[index], all),
        };
        let named = |index: usize| if sides[index] == Nodes::Rest { 0 } else { meant(index, 0) };
        let all = (0..3).fold(0, |all, index| all | named(index));
        let mut taken = 0;
        let mut sets = [0; 3];
        for (index, set) in sets.iter_mut().enumerate() {
            *set = meant(index, all) & !taken;
            taken |= *set;
        }
        let [a, b, c] = sets;
        self.remember(at, a, b | c);
        let mut links = both_ways(a, b | c);
        links.iter_mut().zip(both_ways(b, c)).for_each(|(row, more)| *row |= more);
        self.cut(at, links);
    }

    fn cut(&mut self, at: usize, links: Links) {
        self.treat_links(at, links, OfKind::default(), Treatment::Cut, Rule::NONE);
    }

    /// Remembers whom a step strikes.
    fn remember(&mut self, at: usize, first: u16, second: u16) {
        let mut roles = [0; 16];
        for (role, host) in roles.iter_mut().zip(&self.hosts) {
            *role = if host.up { host.role.wrapping_add(1) as u8 } else { 0 };
        }
        self.plan.steps[at].struck = Struck { first, second, roles };
    }

    fn treat_links(&mut self, at: usize, links: Links, kind: OfKind, treatment: Treatment, rule: Rule) {
        if self.plan.steps[at].struck == Struck::default() {
            let senders = (0..16).filter(|from| links[*from] != 0).fold(0, |set, from| set | 1 << from);
            self.remember(at, senders, links.iter().fold(0, |set, to| set | to));
        }
        let kind = if kind.0.0 == 0 { None } else { self.vocabulary.kinds.resolve(kind.0) };
        for from in (0..self.hosts.len()).filter(|from| links[*from] != 0) {
            self.struck(self.plan.steps[at].tag(), from);
        }
        let salt = self.plan.content(at).into();
        self.network.active.push(Active { step: at, links, kind, treatment, rule, salt });
        self.plan.steps[at].effects += self.refresh_links();
    }

    /// Treats the message that is being sent or delivered, if a step names no link; the links it names, otherwise.
    fn treat_messages(
        &mut self,
        at: usize,
        link: Link,
        kind: OfKind,
        treatment: Treatment,
        rule: Rule,
        moment: Option<Moment>,
    ) -> bool {
        let Some(Moment::Send { .. } | Moment::Deliver { .. }) = moment.filter(|_| link == Link::ALL) else {
            self.treat_links(at, self.links(at, link), kind, treatment, rule);
            return false;
        };
        // A stream delivers everything once and in order: what is about to be delivered cannot be held back.
        let stream = self.about.transport == Transport::Stream;
        let delivered = matches!(moment, Some(Moment::Deliver { .. }));
        if stream && (delivered || matches!(treatment, Treatment::Repeat(..))) {
            return true;
        }
        let handled = matches!(self.plan.steps[at].step.when, When::Fact { side: Side::After, .. });
        if (delivered && handled) || !self.is_meant(kind, moment) {
            return true;
        }
        let key = [self.plan.content(at).into(), self.plan.steps[at].turn.into(), self.network.epoch()];
        let draw = mix(self.header.seed, Purpose::Latency, key);
        let fate = &mut self.network.fate;
        match treatment {
            Treatment::Cut | Treatment::Lose(_) => fate.lost = true,
            Treatment::Hold => {}
            Treatment::Delay(latency) => fate.extra += sample(latency, draw),
            Treatment::Repeat(_, lag) => fate.copy = Some(lag),
        }
        self.plan.steps[at].effects += 1;
        if let Some(Moment::Send { from, to, .. } | Moment::Deliver { from, to, .. }) = moment {
            self.remember(at, 1 << from, 1 << to);
        }
        true
    }

    /// Whether the message that triggered a step is of the kind that the step treats.
    fn is_meant(&self, only: OfKind, moment: Option<Moment>) -> bool {
        let Some(Moment::Send { kind, .. } | Moment::Deliver { kind, .. }) = moment else { return false };
        only.0.0 == 0 || self.vocabulary.kinds.resolve(only.0) == Some(kind)
    }

    fn crash_nodes(&mut self, at: usize, victims: Nodes, disk: DiskFate, cut: u32) {
        if disk == DiskFate::Wiped && !self.may_wipe() {
            return self.void("the target does not promise to survive wiped disks".to_owned());
        }
        let victims = self.select(at, victims, 0);
        self.remember(at, victims, 0);
        for node in members(victims) {
            if cut > 0 {
                // The running handler is not the next one; that of a node that is down is its recovery.
                self.hosts[node].doom = Some((at, cut, disk));
            } else {
                self.take_down(at, node, disk);
            }
        }
    }

    /// A crash step strikes a node, and holds it down from now on until the step ends.
    pub(crate) fn take_down(&mut self, at: usize, node: usize, disk: DiskFate) {
        self.struck(self.plan.steps[at].tag(), node);
        self.plan.steps[at].victims |= 1 << node;
        self.hosts[node].down_by += 1;
        let crashed = self.crash(node, disk);
        self.plan.steps[at].effects += u32::from(crashed);
        if crashed {
            self.plan_revival(node);
        }
    }

    fn pause_nodes(&mut self, at: usize, victims: Nodes) {
        let victims = self.select(at, victims, 0);
        self.plan.steps[at].victims = victims;
        self.remember(at, victims, 0);
        for node in members(victims) {
            self.struck(self.plan.steps[at].tag(), node);
            self.hosts[node].paused_by += 1;
            self.plan.steps[at].effects += u32::from(self.hosts[node].up && self.hosts[node].paused_by == 1);
            self.note(Some(node), |_| What::Pause);
            self.refresh_condition(node);
        }
    }

    /// Undoes what a step applied.
    fn heal(&mut self, at: usize) {
        self.network.active.retain(|active| active.step != at);
        for host in &mut self.hosts {
            host.doom = host.doom.filter(|(step, ..)| *step != at);
        }
        let planned = self.plan.steps[at];
        self.plan.steps[at].victims = 0;
        for node in members(planned.victims) {
            match planned.step.fault.kind() {
                FaultKind::Pause => self.resume(node),
                FaultKind::Crash => self.release(node),
                // Nothing else has victims to let go of.
                _ => {}
            }
        }
        self.let_go(at);
        self.plan.steps[at].effects += self.refresh_links();
    }

    /// Of the steps of this kind that hold a node, the first to begin has an effect, even if it had none as it began: the
    /// node was down or paused already, and is so because of this step by now.
    pub(crate) fn credit(&mut self, kind: FaultKind, node: usize) {
        let holds = |planned: &&mut Planned| {
            planned.step.fault.kind() == kind && planned.active && planned.victims & (1 << node) != 0
        };
        let first = self.plan.steps.iter_mut().filter(holds).min_by_key(|planned| planned.begun);
        if let Some(planned) = first.filter(|_| self.phase == Phase::Chaos) {
            planned.effects = planned.effects.max(1);
        }
    }

    fn resume(&mut self, node: usize) {
        self.hosts[node].paused_by -= 1;
        if self.hosts[node].paused_by > 0 {
            if !self.hosts[node].backlog.is_empty() {
                self.credit(FaultKind::Pause, node);
            }
            return;
        }
        self.note(Some(node), |_| What::Resume);
        self.refresh_condition(node);
        let mut backlog = std::mem::take(&mut self.hosts[node].backlog);
        // What waited comes before what is due at this very moment.
        for event in backlog.drain(..).rev() {
            self.queue.push_first(self.now, event);
        }
        self.hosts[node].backlog = backlog;
    }

    /// A crash step lets go of a node, which starts again unless another step holds it down.
    fn release(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        host.down_by -= 1;
        if host.down_by == 0 && !host.up {
            self.queue.push(self.now, Event::Start { node: node as u8 });
        } else if !host.up {
            self.credit(FaultKind::Crash, node);
        }
    }

    /// The chaos phase is over: everything is healed, and nothing more goes wrong.
    pub(crate) fn heal_all(&mut self) {
        self.note(None, |_| What::Heal);
        self.phase = Phase::Heal;
        for at in 0..self.plan.steps.len() {
            self.end(at);
        }
        for node in 0..self.hosts.len() {
            self.hosts[node].down_by = 0;
            if !self.hosts[node].up {
                self.queue.push(self.now, Event::Start { node: node as u8 });
            }
        }
    }
}

impl Plan {
    /// Whether the step at `at` is the one that others mean by `id`: the first of those that carry it.
    fn owns(&self, at: usize, id: StepId) -> bool {
        id != 0 && self.steps.iter().position(|planned| planned.step.id == id) == Some(at)
    }

    /// A hash of what the step at `at` says and of how often it has begun.
    pub(crate) fn occasion(&self, at: usize) -> u32 {
        let later = u32::from(self.steps[at].turn.saturating_sub(1));
        self.content(at).wrapping_add(later.wrapping_mul(0x9e37_79b9))
    }

    /// A hash of what the step at `at` says, but for the ids of steps, which shift when other steps get one.
    pub(crate) fn content(&self, at: usize) -> u32 {
        let when = match self.steps[at].step.when {
            When::Step { edge, delay, .. } => When::Step { step: 1, edge, delay },
            When::Fact { fact, side, nth, delay, .. } => When::Fact { fact, side, nth, from: None, delay },
            at => at,
        };
        let lasts = match self.steps[at].step.lasts {
            Lasts::Until(_, edge) => Lasts::Until(1, edge),
            length => length,
        };
        let mut step = Step { id: 0, when, lasts, ..self.steps[at].step };
        if step.fault.reference() != 0 {
            step.fault = Fault::Note {};
        }
        xxh3_64(&Schedule { header: Header::default(), steps: vec![step] }.to_bytes()) as u32
    }

    /// A step in its text form.
    fn text(&self, at: usize, vocabulary: &Vocabulary) -> String {
        let step = Schedule { header: Header::default(), steps: vec![self.steps[at].step] };
        let text = Document::new("any", step, vocabulary).to_string();
        let line = text.lines().last().unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// The links between two sides.
fn both_ways(a: u16, b: u16) -> Links {
    let mut links = between(a, b);
    links.iter_mut().zip(between(b, a)).for_each(|(row, back)| *row |= back);
    links
}

/// The links to cut so that everybody in a ring hears a majority around itself, no two of them the same (Jepsen).
fn majorities_ring(ring: &[usize]) -> Links {
    let (count, majority) = (ring.len(), ring.len() / 2 + 1);
    let mut links = [0; 16];
    for (place, receiver) in ring.iter().enumerate() {
        let first = place + count - (majority - 1) / 2;
        let heard = (0..majority).fold(0, |set, i| set | 1u16 << ring[(first + i) % count]);
        for sender in ring.iter().filter(|sender| heard & (1 << **sender) == 0) {
            links[*sender] |= 1 << receiver;
        }
    }
    links
}

/// The same for ordered streams, which need both ways: only links that the ring cuts both ways are cut, or else those between
/// its neighbours would be, and everybody of three would be alone. Of three, the first and the last are cut off.
fn majorities_both_ways(ring: &[usize]) -> Links {
    if let [first, _, last] = ring {
        return both_ways(1 << first, 1 << last);
    }
    let one_way = majorities_ring(ring);
    let mut links = [0; 16];
    for from in ring {
        let cut = ring.iter().filter(|to| one_way[*from] & (1 << **to) != 0 && one_way[**to] & (1 << from) != 0);
        links[*from] = cut.fold(0, |set, to| set | 1 << to);
    }
    links
}
