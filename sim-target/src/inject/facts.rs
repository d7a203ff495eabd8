//! What steps wait for: observable facts, as they happen.

use murphy_schedule::{
    Edge, Fact, Fault, FaultKind, Link, Name, Nodes, Schedule, Side, Step, When, field::Order, schedule::STEPS_MAX,
};

use super::{budget::Harmed, plan::Planned};
use crate::{
    core::{Core, Event, Phase},
    marks,
    node::Node,
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
pub(super) const SORTS: usize = 11;

impl Moment {
    pub(super) fn sort(self) -> usize {
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

impl Moment {
    /// Whether this is what a step waits for with `fact`, given the index of its name, who is meant and which links are.
    pub(crate) fn is(
        self,
        fact: Fact,
        name: Option<usize>,
        at: impl Fn(Nodes, usize) -> bool,
        on: impl Fn(Link, usize, usize) -> bool,
    ) -> bool {
        match (fact, self) {
            (Fact::Send(_, link), Self::Send { kind, from, to })
            | (Fact::Deliver(_, link), Self::Deliver { kind, from, to }) => {
                name.is_none_or(|name| name == kind) && on(link, from, to)
            }
            (Fact::Sync(nodes), Self::Sync(node))
            | (Fact::Write(nodes), Self::Write(node))
            | (Fact::Stops(nodes), Self::Stops(node))
            | (Fact::Starts(nodes), Self::Starts(node)) => at(nodes, node),
            (Fact::Role(nodes, _), Self::Role { node, role }) => name == Some(role) && at(nodes, node),
            (Fact::Mark(_), Self::Mark(rank)) => name == Some(rank.into()),
            (Fact::Invoke(_), Self::Invoke(function)) | (Fact::Complete(_), Self::Complete(function)) => {
                name.is_none_or(|name| name == usize::from(function))
            }
            (Fact::Fault(_, wanted), Self::Fault(kind, edge)) => name == Some(kind) && wanted == edge,
            _ => false,
        }
    }
}

/// The sort of a mark.
pub(super) const MARK: usize = 5;
/// The bit of a kind of message; those past the last bit share it.
#[inline]
fn kind_bit(kind: usize) -> u64 {
    1 << kind.min(63)
}

pub(super) fn sort(fact: Fact) -> usize {
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

/// Whether a step needs logical clocks that have been kept from the start.
pub(crate) fn sorts_by_clock(step: Step) -> bool {
    matches!(step.fault, Fault::Reorder { order: Order::Logical, .. })
}

/// Whether a fact is one of its sort whatever its name.
fn is_any(fact: Fact) -> bool {
    match fact {
        Fact::Sync(_) | Fact::Write(_) | Fact::Stops(_) | Fact::Starts(_) => true,
        Fact::Send(name, _) | Fact::Deliver(name, _) | Fact::Invoke(name) | Fact::Complete(name) => name == Name::ANY,
        Fact::Role(..) | Fact::Mark(_) | Fact::Fault(..) => false,
    }
}

impl<N: Node> Core<N> {
    /// Sets up the waiting for every step of `schedule`.
    pub(crate) fn plan(&mut self, schedule: &Schedule) {
        let plan = &mut self.plan;
        plan.steps.reset(&schedule.steps);
        plan.calm = false;
        plan.harmed = Harmed::default();
        plan.holders.reset(self.about.roles.len());
        plan.queued = self.queue.reserve(STEPS_MAX as u64);
        for rank in self.plan.steps.ranks() {
            self.await_step(self.plan.steps.at(rank));
        }
        self.watch();
    }

    /// Sets up the waiting for one step, but for the facts that it watches.
    pub(crate) fn await_step(&mut self, at: usize) {
        match self.plan.steps[at].step.when {
            When::At(delay) => {
                let place = self.plan.queued + u64::from(self.plan.steps[at].rank);
                self.queue.push_reserved(u64::from(delay) * 1000, place, Event::Begin { step: at as u8 });
            }
            When::Step { .. } | When::Called => {}
            When::Fact { fact, from, .. } => {
                self.plan.steps[at].name = self.fact_name(fact);
                self.plan.steps[at].counting = from.is_none();
            }
        }
    }

    /// Notes which steps wait for facts of each sort, in their order, and what else has to be known from the start.
    pub(crate) fn watch(&mut self) {
        self.plan.watchers.iter_mut().for_each(Vec::clear);
        self.plan.watched = [0; 2];
        self.plan.marks_matter = self.watch.as_ref().is_some_and(|watch| watch.awaits_marks());
        self.network.buffers.clocks_matter = self.plan.steps.iter().any(|planned| sorts_by_clock(planned.step()));
        let switches_on = |planned: &Planned| matches!(planned.step.fault, Fault::Buggify { .. });
        self.plan.has_buggify = self.plan.steps.iter().any(switches_on);
        for rank in self.plan.steps.ranks() {
            let at = self.plan.steps.at(rank);
            let planned = &self.plan.steps[at];
            if let When::Fact { fact, side, .. } = planned.step.when
                && (planned.name.is_some() || is_any(fact))
            {
                self.plan.watchers[sort(fact)].push(at);
                self.plan.watched[side as usize] |= 1 << sort(fact);
            }
        }
        self.watch_messages();
    }

    /// The index of what a step waits for with this fact, `None` within `Some`: any; `None`: what nobody has, for ever.
    pub(crate) fn awaited(&self, fact: Fact) -> Option<Option<usize>> {
        let name = self.fact_name(fact);
        (name.is_some() || is_any(fact)).then_some(name)
    }

    /// The index of what a fact names, among names of its sort.
    pub(super) fn fact_name(&self, fact: Fact) -> Option<usize> {
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
    pub(super) fn function(&self, name: Name) -> Option<usize> {
        let index = self.vocabulary.functions.resolve(name)?;
        let name = &self.vocabulary.functions.spellings()[index];
        self.workload.about.functions.iter().position(|function| function == name)
    }

    /// The rank, among all marks of the program, of the mark that a schedule names.
    pub(super) fn mark(&self, name: Name) -> Option<usize> {
        let index = self.vocabulary.marks.resolve(name)?;
        marks::names().binary_search(&self.vocabulary.marks.spellings()[index].as_str()).ok()
    }

    /// Something observable happens: begins the steps that waited for it.
    #[inline]
    pub(crate) fn fire(&mut self, side: Side, moment: Moment) {
        let matters = self.plan.watched[side as usize] | self.facts.counted;
        if matters & 1 << moment.sort() != 0 && self.phase == Phase::Chaos {
            self.begin_watchers(side, moment);
        }
    }

    /// Whether a step waits for messages of this kind, or for marks, which can be hit between two of them, or such things are
    /// counted.
    #[inline]
    pub(crate) fn awaits_message(&self, kind: usize) -> bool {
        let awaited = self.plan.awaited_kinds & kind_bit(kind) != 0 || self.facts.are_counted();
        awaited && self.phase == Phase::Chaos
    }

    /// Notes which kinds of messages some step still waits for.
    fn watch_messages(&mut self) {
        let mut kinds = if self.plan.marks_matter { u64::MAX } else { 0 };
        for at in [0, 1, MARK].into_iter().flat_map(|sort| &self.plan.watchers[sort]) {
            let planned = &self.plan.steps[*at];
            kinds |= match (planned.step.when, planned.name) {
                _ if planned.has_had_its_last() => 0,
                (When::Fact { fact: Fact::Send(..) | Fact::Deliver(..), .. }, Some(kind)) => kind_bit(kind),
                _ => u64::MAX,
            };
        }
        self.plan.awaited_kinds = kinds;
    }

    #[inline(never)]
    fn begin_watchers(&mut self, side: Side, moment: Moment) {
        if self.facts.are_counted() && !matches!(moment, Moment::Fault(..)) {
            self.facts.count(side, moment);
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
    pub(super) fn is_awaited(&self, moment: Moment) -> bool {
        let waits = |at: &usize| match self.plan.steps[*at].step.when {
            When::Fact { fact, .. } => self.matches(*at, fact, self.plan.steps[*at].name, moment),
            When::At(_) | When::Step { .. } | When::Called => false,
        };
        self.plan.watchers(moment).iter().any(waits)
    }

    pub(super) fn witness(&mut self, at: usize, side: Side, moment: Moment) {
        let planned = &self.plan.steps[at];
        let When::Fact { fact, side: wanted, nth, delay, .. } = planned.step.when else { return };
        if wanted != side || planned.has_had_its_last() || !self.matches(at, fact, planned.name, moment) {
            return;
        }
        let hits = self.plan.steps[at].hits(nth.into());
        if self.plan.steps[at].has_had_its_last() {
            self.watch_messages();
        }
        if !hits {
            return;
        }
        if delay == 0 {
            self.begin_itself(at, Some(moment));
        } else {
            self.queue.push(self.now + u64::from(delay) * 1000, Event::Begin { step: at as u8 });
        }
    }

    pub(super) fn matches(&self, step: usize, fact: Fact, name: Option<usize>, moment: Moment) -> bool {
        let on = |link: Link, from: usize, to: usize| self.links(step, link)[from] & (1 << to) != 0;
        let at = |nodes: Nodes, node: usize| self.select(step, nodes, 0) & (1 << node) != 0;
        moment.is(fact, name, at, on)
    }
}

/// How often everything observable has come, as far as steps can tell occurrences apart. Counted while snapshots are taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The sorts of facts that are counted, as bits: all or none.
    counted: u16,
    nodes: usize,
    kinds: usize,
    functions: usize,
    roles: usize,
    /// Before and after; saturating, like the occurrence that a step can wait for.
    times: Vec<[u8; 2]>,
}

impl Facts {
    /// Counts from now on.
    pub(crate) fn start(&mut self, nodes: usize, kinds: usize, functions: usize, roles: usize) {
        let times = std::mem::take(&mut self.times);
        *self = Self { counted: u16::MAX, nodes, kinds, functions, roles, times };
        self.times.clear();
        self.times.resize(self.first(SORTS), [0; 2]);
    }

    #[inline]
    pub(super) fn are_counted(&self) -> bool {
        self.counted != 0
    }

    /// Counts no longer.
    pub(crate) fn stop(&mut self) {
        self.counted = 0;
    }

    /// How many moments of a sort there are.
    fn len(&self, sort: usize) -> usize {
        match sort {
            0 | 1 => self.kinds * self.nodes * self.nodes,
            4 => self.roles * self.nodes,
            MARK => 0,
            6 | 7 => self.functions,
            10 => 2 * FaultKind::ALL.len(),
            _ => self.nodes,
        }
    }

    /// Where the moments of a sort begin.
    fn first(&self, sort: usize) -> usize {
        (0..sort).map(|sort| self.len(sort)).sum()
    }

    fn index(&self, moment: Moment) -> usize {
        let within = match moment {
            Moment::Send { kind, from, to } | Moment::Deliver { kind, from, to } => {
                (kind * self.nodes + from) * self.nodes + to
            }
            Moment::Sync(node) | Moment::Write(node) | Moment::Stops(node) | Moment::Starts(node) => node,
            Moment::Role { node, role } => role * self.nodes + node,
            Moment::Mark(_) => unreachable!("marks are counted by whoever hits them"),
            Moment::Invoke(function) | Moment::Complete(function) => function.into(),
            Moment::Fault(kind, edge) => kind * 2 + edge as usize,
        };
        self.first(moment.sort()) + within
    }

    pub(super) fn count(&mut self, side: Side, moment: Moment) {
        if !matches!(moment, Moment::Mark(_)) {
            let index = self.index(moment);
            let times = &mut self.times[index][side as usize];
            *times = times.saturating_add(1);
        }
    }

    /// Has `visit` hear of every moment of the sort of `fact`, with how often it has come on that side.
    pub(crate) fn each(&self, fact: Fact, side: Side, mut visit: impl FnMut(Moment, u32)) {
        let sort = sort(fact);
        for within in 0..self.len(sort) {
            let (rest, last) = (within / self.nodes, within % self.nodes);
            let link = (rest / self.nodes, rest % self.nodes, last);
            let moment = match fact {
                Fact::Send(..) => Moment::Send { kind: link.0, from: link.1, to: link.2 },
                Fact::Deliver(..) => Moment::Deliver { kind: link.0, from: link.1, to: link.2 },
                Fact::Sync(_) => Moment::Sync(within),
                Fact::Write(_) => Moment::Write(within),
                Fact::Role(..) => Moment::Role { node: last, role: rest },
                Fact::Mark(_) => continue,
                Fact::Invoke(_) => Moment::Invoke(within as u8),
                Fact::Complete(_) => Moment::Complete(within as u8),
                Fact::Stops(_) => Moment::Stops(within),
                Fact::Starts(_) => Moment::Starts(within),
                Fact::Fault(..) => Moment::Fault(within / 2, if within % 2 == 0 { Edge::Begins } else { Edge::Ends }),
            };
            visit(moment, self.times[self.index(moment)][side as usize].into());
        }
    }
}
