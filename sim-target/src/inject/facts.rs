//! What steps wait for: observable facts, as they happen.

use murphy_schedule::{Edge, Fact, Fault, FaultKind, Link, Name, Nodes, Schedule, Side, When, field::Order};

use super::{Planned, budget::Harmed, plan::Struck};
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

/// The sort of a mark.
pub(super) const MARK: usize = 5;

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

impl<N: Node> Core<N> {
    /// Sets up the waiting for every step of `schedule`.
    pub(crate) fn plan(&mut self, schedule: &Schedule) {
        let plan = &mut self.plan;
        plan.steps.clear();
        plan.watchers.iter_mut().for_each(Vec::clear);
        plan.calm = false;
        plan.harmed = Harmed::default();
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
        let sorts = |planned: &Planned| matches!(planned.step.fault, Fault::Reorder { order: Order::Logical, .. });
        self.network.buffers.clocks_matter = plan.steps.iter().any(sorts);
        for at in 0..self.plan.steps.len() {
            self.await_step(at);
        }
    }

    pub(super) fn await_step(&mut self, at: usize) {
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
        self.workload.functions.iter().position(|function| function == name)
    }

    /// The rank, among all marks of the program, of the mark that a schedule names.
    pub(super) fn mark(&self, name: Name) -> Option<usize> {
        let index = self.vocabulary.marks.resolve(name)?;
        marks::names().binary_search(&self.vocabulary.marks.spellings()[index].as_str()).ok()
    }

    /// Something observable happens: begins the steps that waited for it.
    #[inline]
    pub(crate) fn fire(&mut self, side: Side, moment: Moment) {
        if !self.plan.watchers(moment).is_empty() && self.phase == Phase::Chaos {
            self.begin_watchers(side, moment);
        }
    }

    fn begin_watchers(&mut self, side: Side, moment: Moment) {
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

    pub(super) fn matches(&self, step: usize, fact: Fact, name: Option<usize>, moment: Moment) -> bool {
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
}
