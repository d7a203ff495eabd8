//! Carrying out a schedule: waiting for the moments at which steps begin, applying their faults, and healing.
//!
//! Steps are taken in the order of their content, so that their order in the schedule means nothing. Every step counts the
//! effects it had; a step without any can leave a finding for free.

use murphy_schedule::{
    Document, Edge, Fact, Fault, FaultKind, Header, Lasts, Link, Nodes, Schedule, Side, Step, StepId, Vocabulary, When,
    fault::Length,
    field::{DiskFate, Extra, OfKind, Percent, Scope, Sides},
};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    core::{Core, Event, Phase},
    marks,
    network::{Active, Links, Treatment},
    node::Node,
    target::Transport,
    trace::What,
};

/// Something observable that happens now.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    Send { kind: usize, from: usize, to: usize },
    Deliver { kind: usize, from: usize, to: usize },
    Sync(usize),
    Write(usize),
    Role { node: usize, role: usize },
    Mark(u16),
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
    begun: Option<u64>,
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

    fn active(&self) -> bool {
        self.begun.is_some() && self.ended.is_none()
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
    sends: Vec<usize>,
    delivers: Vec<usize>,
    syncs: Vec<usize>,
    writes: Vec<usize>,
    roles: Vec<usize>,
    marks: Vec<usize>,
}

impl Plan {
    /// Whether a step waits for a mark.
    pub(crate) fn watches_marks(&self) -> bool {
        !self.marks.is_empty()
    }

    fn watchers(&self, moment: Moment) -> &Vec<usize> {
        match moment {
            Moment::Send { .. } => &self.sends,
            Moment::Deliver { .. } => &self.delivers,
            Moment::Sync(_) => &self.syncs,
            Moment::Write(_) => &self.writes,
            Moment::Role { .. } => &self.roles,
            Moment::Mark(_) => &self.marks,
        }
    }

    fn watchers_mut(&mut self, fact: Fact) -> &mut Vec<usize> {
        match fact {
            Fact::Send(..) => &mut self.sends,
            Fact::Deliver(..) => &mut self.delivers,
            Fact::Sync(_) => &mut self.syncs,
            Fact::Write(_) => &mut self.writes,
            Fact::Role(..) => &mut self.roles,
            Fact::Mark(_) => &mut self.marks,
        }
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
        let lists =
            [&mut plan.sends, &mut plan.delivers, &mut plan.syncs, &mut plan.writes, &mut plan.roles, &mut plan.marks];
        lists.into_iter().for_each(Vec::clear);
        plan.holders.reset(self.about.roles.len());
        plan.steps.extend(schedule.steps.iter().map(|step| Planned {
            step: *step,
            counting: true,
            count: 0,
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
            When::Step { .. } => {}
            When::Fact { fact, from, .. } => {
                let name = match fact {
                    Fact::Send(name, _) | Fact::Deliver(name, _) if name.0 == 0 => None,
                    Fact::Send(name, _) | Fact::Deliver(name, _) => self.vocabulary.kinds.resolve(name),
                    Fact::Role(_, name) => self.vocabulary.roles.resolve(name),
                    Fact::Mark(name) => self.mark(name),
                    Fact::Sync(_) | Fact::Write(_) => None,
                };
                let nameless = name.is_none() && matches!(fact, Fact::Role(..) | Fact::Mark(_));
                self.plan.steps[at].name = name;
                self.plan.steps[at].counting = from.is_none();
                if !nameless {
                    self.plan.watchers_mut(fact).push(at);
                }
            }
        }
    }

    /// The rank, among all marks of the program, of the mark that a schedule names.
    fn mark(&self, name: murphy_schedule::Name) -> Option<usize> {
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

    fn witness(&mut self, at: usize, side: Side, moment: Moment) {
        let planned = self.plan.steps[at];
        let When::Fact { fact, side: wanted, nth, delay, .. } = planned.step.when else { return };
        if wanted != side || planned.count >= nth.into() || !self.matches(fact, planned.name, moment) {
            return;
        }
        self.plan.steps[at].count += 1;
        if self.plan.steps[at].count < nth.into() {
            return;
        }
        if delay == 0 {
            self.begin(at, Some(moment));
        } else {
            self.queue.push(self.now + u64::from(delay) * 1000, Event::Begin { step: at as u8 });
        }
    }

    fn matches(&self, fact: Fact, name: Option<usize>, moment: Moment) -> bool {
        let on = |link: Link, from: usize, to: usize| self.links(link)[from] & (1 << to) != 0;
        let at = |nodes: Nodes, node: usize| self.select(nodes, 0) & (1 << node) != 0;
        match (fact, moment) {
            (Fact::Send(_, link), Moment::Send { kind, from, to })
            | (Fact::Deliver(_, link), Moment::Deliver { kind, from, to }) => {
                name.is_none_or(|name| name == kind) && on(link, from, to)
            }
            (Fact::Sync(nodes), Moment::Sync(node)) | (Fact::Write(nodes), Moment::Write(node)) => at(nodes, node),
            (Fact::Role(nodes, _), Moment::Role { node, role }) => name == Some(role) && at(nodes, node),
            (Fact::Mark(_), Moment::Mark(rank)) => name == Some(rank.into()),
            _ => false,
        }
    }

    /// The nodes that a selector means now, as a set of bits; `other` is what the step's other selector means.
    fn select(&self, nodes: Nodes, other: u16) -> u16 {
        let count = self.hosts.len();
        let all = ((1u32 << count) - 1) as u16;
        let from = |first: u8, many: usize| {
            let first = usize::from(first.max(1) - 1);
            (0..many).fold(0, |set, i| set | 1 << ((first + i) % count))
        };
        match nodes {
            Nodes::All => all,
            Nodes::Node(number) => 1 << (usize::from(number - 1) % count),
            Nodes::Role(name) => self.holder(name, 0).map_or(0, |node| 1 << node),
            Nodes::Previous(name) => self.holder(name, 1).map_or(0, |node| 1 << node),
            Nodes::Set(set) => (0..16).filter(|bit| set & (1 << bit) != 0).fold(0, |to, bit| to | 1 << (bit % count)),
            Nodes::Majority(first) => from(first, count / 2 + 1),
            Nodes::Minority(first) => from(first, (count - 1) / 2),
            Nodes::Rest => all & !other,
        }
    }

    /// Who holds a role (`before` 0) or held it before (`before` 1).
    fn holder(&self, name: murphy_schedule::Name, before: usize) -> Option<usize> {
        let role = self.vocabulary.roles.resolve(name)?;
        let [present, previous] = self.plan.holders.0[role];
        let holds = |node: &usize| self.hosts[*node].up && self.hosts[*node].role == role;
        match (present.filter(holds), before) {
            (Some(node), 0) => Some(node),
            // Who took it last gave it up; perhaps another still believes to hold it.
            (None, 0) => (0..self.hosts.len()).find(holds),
            (Some(_), _) => previous,
            (None, _) => present,
        }
    }

    fn links(&self, link: Link) -> Links {
        let (rest_from, rest_to) = (link.from == Nodes::Rest, link.to == Nodes::Rest);
        let to = self.select(link.to, if rest_to && !rest_from { self.select(link.from, 0) } else { 0 });
        let from = self.select(link.from, if rest_from { to } else { 0 });
        between(from, to)
    }

    /// A step begins; `moment` is what triggered it, if that is happening now.
    pub(crate) fn begin(&mut self, at: usize, moment: Option<Moment>) {
        if self.plan.steps[at].begun.is_some() || self.phase != Phase::Chaos {
            return;
        }
        let step = self.plan.steps[at].step;
        self.plan.steps[at].begun = Some(self.now);
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
        let micros = match lasts {
            Lasts::Healed | Lasts::Until(..) => return,
            Lasts::For(micros) => u64::from(micros),
            Lasts::Constant { name, percent } => match self.vocabulary.constants.resolve(name) {
                Some(index) => {
                    let constant = u64::from(self.vocabulary.constant_micros[index]);
                    constant * (100 + i64::from(percent)).max(0) as u64 / 100
                }
                None => return,
            },
        };
        self.queue.push(self.now + micros * 1000, Event::End { step: at as u8 });
    }

    /// A step's effect ends.
    pub(crate) fn end(&mut self, at: usize) {
        if !self.plan.steps[at].active() {
            return;
        }
        self.plan.steps[at].ended = Some(self.now);
        self.heal(at);
        self.note(None, |core| What::End(core.plan.text(at, &core.vocabulary)));
        self.edge(at, Edge::Ends);
    }

    /// Tells the other steps that an edge of this one was reached.
    fn edge(&mut self, at: usize, edge: Edge) {
        let id = self.plan.steps[at].step.id;
        if !self.plan.owns(at, id) {
            return;
        }
        for other in 0..self.plan.steps.len() {
            let step = self.plan.steps[other].step;
            match step.when {
                When::Step { step, edge: wanted, delay } if step == id && wanted == edge => {
                    self.queue.push(self.now + u64::from(delay) * 1000, Event::Begin { step: other as u8 });
                }
                When::Fact { from: Some(from), .. } if from == (id, edge) => self.plan.steps[other].counting = true,
                When::At(_) | When::Step { .. } | When::Fact { .. } => {}
            }
            if step.lasts == Lasts::Until(id, edge) {
                self.end(other);
            }
        }
    }

    /// Applies a fault. Returns whether it is over at once. No `_` arm: whoever adds a fault decides here what it does.
    fn inject(&mut self, at: usize, fault: &Fault, moment: Option<Moment>) -> bool {
        match *fault {
            Fault::Note {} => {}
            Fault::Reseed { scope } => self.plan.steps[at].effects = self.reseed(scope).into(),
            Fault::Invoke { operation } => {
                let via = self.select(operation.via, 0);
                let invoked = self.invoke_step(at, &operation, via);
                self.plan.steps[at].effects = invoked.into();
            }
            Fault::Partition { sides } => self.partition(at, sides),
            Fault::Block { link } => self.treat_links(at, self.links(link), OfKind::default(), Treatment::Cut),
            Fault::Delay { link, kind, extra } => {
                return self.treat_messages(at, link, kind, Treatment::Delay(nanos(extra)), moment);
            }
            Fault::Loss { link, kind, share: Percent(share) } => {
                return self.treat_messages(at, link, kind, Treatment::Lose(share), moment);
            }
            Fault::Duplicate { link, kind, share: Percent(share), extra } => {
                return self.treat_messages(at, link, kind, Treatment::Repeat(share, nanos(extra)), moment);
            }
            Fault::Crash { victims, disk, cut } => self.crash_nodes(at, victims, disk, cut.0.into()),
            Fault::Pause { victims } => self.pause_nodes(at, victims),
        }
        false
    }

    /// Returns whether it found somebody.
    fn reseed(&mut self, scope: Scope) -> bool {
        match scope {
            Scope::World => {
                self.network.reseed_world();
                true
            }
            Scope::Nodes(nodes) => {
                let set = self.select(nodes, 0);
                members(set).for_each(|node| self.network.reseed_node(node));
                set != 0
            }
            Scope::Link(link) => {
                let links = self.links(link);
                self.network.reseed_links(&links);
                links.iter().any(|receivers| *receivers != 0)
            }
        }
    }

    fn partition(&mut self, at: usize, sides: Sides) {
        let both = sides.a == Nodes::Rest;
        let b = self.select(sides.b, if both { 0 } else { self.select(sides.a, 0) });
        let a = self.select(sides.a, b) & !b;
        self.remember(at, a, b);
        let mut links = between(a, b);
        for (row, back) in links.iter_mut().zip(between(b, a)) {
            *row |= back;
        }
        self.treat_links(at, links, OfKind::default(), Treatment::Cut);
    }

    /// Remembers whom a step strikes.
    fn remember(&mut self, at: usize, first: u16, second: u16) {
        let mut roles = [0; 16];
        for (role, host) in roles.iter_mut().zip(&self.hosts) {
            *role = if host.up { host.role.wrapping_add(1) as u8 } else { 0 };
        }
        self.plan.steps[at].struck = Struck { first, second, roles };
    }

    fn treat_links(&mut self, at: usize, links: Links, kind: OfKind, treatment: Treatment) {
        if self.plan.steps[at].struck == Struck::default() {
            let senders = (0..16).filter(|from| links[*from] != 0).fold(0, |set, from| set | 1 << from);
            self.remember(at, senders, links.iter().fold(0, |set, to| set | to));
        }
        let kind = if kind.0.0 == 0 { None } else { self.vocabulary.kinds.resolve(kind.0) };
        for from in (0..self.hosts.len()).filter(|from| links[*from] != 0) {
            self.struck(self.plan.steps[at].tag(), from);
        }
        self.network.active.push(Active { step: at, links, kind, treatment });
        self.plan.steps[at].effects += self.refresh_links();
    }

    /// Treats the message that is being sent or delivered, if a step names no link; the links it names, otherwise.
    fn treat_messages(
        &mut self,
        at: usize,
        link: Link,
        kind: OfKind,
        treatment: Treatment,
        moment: Option<Moment>,
    ) -> bool {
        let Some(Moment::Send { .. } | Moment::Deliver { .. }) = moment.filter(|_| link == Link::ALL) else {
            self.treat_links(at, self.links(link), kind, treatment);
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
        let fate = &mut self.network.fate;
        match treatment {
            Treatment::Cut | Treatment::Lose(_) => fate.lost = true,
            Treatment::Delay(extra) => fate.extra += extra,
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
        if disk == DiskFate::Wiped && !self.about.survives_wiped_disks {
            self.note(None, |_| What::Log("void: the target does not promise to survive wiped disks".to_string()));
            return;
        }
        let victims = self.select(victims, 0);
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
    }

    fn pause_nodes(&mut self, at: usize, victims: Nodes) {
        let victims = self.select(victims, 0);
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
        for node in members(planned.victims) {
            match planned.step.fault {
                Fault::Pause { .. } => self.resume(node),
                Fault::Crash { .. } => self.release(node),
                Fault::Note {}
                | Fault::Reseed { .. }
                | Fault::Invoke { .. }
                | Fault::Partition { .. }
                | Fault::Block { .. }
                | Fault::Delay { .. }
                | Fault::Loss { .. }
                | Fault::Duplicate { .. } => {}
            }
        }
        self.plan.steps[at].effects += self.refresh_links();
    }

    /// Of the steps of this kind that hold a node, the first to begin has an effect, even if it had none as it began: the
    /// node was down or paused already, and is so because of this step by now.
    pub(crate) fn credit(&mut self, kind: FaultKind, node: usize) {
        let holds = |planned: &&mut Planned| {
            planned.step.fault.kind() == kind && planned.active() && planned.victims & (1 << node) != 0
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

    /// A hash of what the step at `at` says, but for the ids of steps, which shift when other steps get one.
    pub(crate) fn content(&self, at: usize) -> u32 {
        let when = match self.steps[at].step.when {
            When::Step { edge, delay, .. } => When::Step { step: 1, edge, delay },
            When::Fact { fact, side, nth, delay, .. } => When::Fact { fact, side, nth, from: None, delay },
            at => at,
        };
        let step = Step { id: 0, when, ..self.steps[at].step };
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

fn nanos(extra: Extra) -> u64 {
    u64::from(extra.0) * 100_000
}

/// The indices of a set of bits.
fn members(set: u16) -> impl Iterator<Item = usize> {
    (0..16).filter(move |bit| set & (1 << bit) != 0)
}

fn between(from: u16, to: u16) -> Links {
    let mut links = [0; 16];
    members(from).for_each(|sender| links[sender] = to & !(1 << sender));
    links
}
