//! A run at one moment, by value, from which it can go on under a schedule that differs only later.
//!
//! A snapshot taken at event i serves another schedule if and only if every step that had come by i is in both, no step that
//! is new would have come by i, and what of the header was used by then agrees. Then the run that goes on is the run that the
//! other schedule would have had from its start: the same events, hash, history, verdict, signals and reports. Whether a new
//! step would have come is judged on the facts that were counted while the snapshot was on its way. In doubt the answer is no.
//!
//! What is not kept: the checker, which is fed the history again (that costs less than copying what it has learned of the
//! model), and the set of states seen, which is made again from their list.

use std::{any::Any, collections::BTreeSet, fmt, rc::Rc};

use murphy_checker::{
    agreement::Agreement,
    history::{Call, Event as Line, History, OpId},
};
use murphy_schedule::{Edge, Fact, Header, Schedule, Side, Step, StepId, When, schedule::STEPS_MAX};

use crate::{
    client::{Answer, Clients},
    core::{ClockReads, Core, Event, Host, Phase},
    draw::Keying,
    inject::{DiskRules, Facts, Plan, Resources, sorts_by_clock},
    invariant::Invariant,
    invariants::Watch,
    limits::Limits,
    marks::{self, Tally},
    network::Network,
    node::{Node, RequestId},
    operator::Errand,
    queue::{Queue, Slab},
    recovery::Recovery,
    run::{Options, resolve},
    select::{fixed, fixed_links},
    state::Moment,
    trace::{Numbers, TraceEvent, TraceHash},
};

/// A run at one moment. Made by [`Run::run_keeping`](crate::Run::run_keeping), used by [`Run::resume`](crate::Run::resume).
pub struct Snapshot {
    pub(crate) taken: Box<dyn Any>,
    events: u64,
    time: u64,
}

impl Snapshot {
    pub(crate) fn new<N: Node, T: 'static>(taken: Taken<N, T>) -> Self {
        Self { events: taken.events, time: taken.core.now, taken: Box::new(taken) }
    }

    /// How many events it is into the run.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The virtual time of the last of them, in nanoseconds.
    pub fn time(&self) -> u64 {
        self.time
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("events", &self.events).field("time", &self.time).finish_non_exhaustive()
    }
}

/// Why a snapshot does not serve: the schedule has to run from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was taken from another target, with other bugs planted, or while other invariants were judged.
    Target,
    /// It was taken under other options.
    Options,
    /// Something of the header that was used by then differs.
    Header,
    /// A step that had come by then is not in the schedule, or not the same.
    Step,
    /// A new step would have come by then, or might have.
    New,
    /// Steps that had come by then mean another step by an id.
    Id,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Target => "the snapshot is of another target",
            Self::Options => "the snapshot was taken under other options",
            Self::Header => "the header differs in what was used by then",
            Self::Step => "a step that had come by then differs",
            Self::New => "a new step might have come by then",
            Self::Id => "a step that had come by then refers to another one now",
        })
    }
}

impl std::error::Error for Refused {}

/// What a snapshot holds.
pub(crate) struct Taken<N: Node, T> {
    pub(crate) target: Rc<T>,
    pub(crate) bugs: BTreeSet<String>,
    pub(crate) invariants: Vec<Invariant>,
    pub(crate) options: Options,
    pub(crate) events: u64,
    pub(crate) nodes: Vec<Option<N>>,
    pub(crate) core: Saved<N>,
}

/// Copies of nodes; `None` if one of them has no copy.
pub(crate) fn fork<N: Node>(nodes: &[Option<N>], into: &mut Vec<Option<N>>) -> Option<()> {
    into.clear();
    for node in nodes {
        into.push(match node {
            Some(node) => Some(node.fork()?),
            None => None,
        });
    }
    Some(())
}

/// Declares what of the world is kept as it is. Every field is listed on one side or the other, or the compiler complains.
macro_rules! saved {
    (kept { $($field:ident: $type:ty,)* } otherwise { $($apart:ident,)* }) => {
        /// The world but for its nodes, at one moment.
        pub(crate) struct Saved<N: Node> {
            $($field: $type,)*
            /// The states seen, in the order of discovery.
            states: Vec<u64>,
            moments: Vec<Moment>,
            hits: Tally,
            /// The facts so far.
            facts: Facts,
        }

        impl<N: Node> Core<N> {
            /// The world as it is between two events.
            pub(crate) fn save(&self) -> Saved<N> {
                let Self { $($field,)* $($apart: _,)* } = self;
                assert!(self.running.is_none() && self.violation.is_none(), "a run that goes on is between two events");
                Saved { $($field: $field.clone(),)* states: self.signals.states.clone(), moments: self.signals.moments.clone(), hits: marks::save(), facts: self.facts.clone() }
            }

            /// The world as it was, but for the nodes and the marks.
            pub(crate) fn restore(&mut self, from: &Saved<N>) {
                self.resize_hosts(from.hosts.len());
                let earlier = self.watch.take();
                $(self.$field.clone_from(&from.$field);)*
                if let (Some(watch), Some(earlier)) = (&mut self.watch, &earlier) {
                    watch.count_on(earlier);
                }
                self.running = None;
                self.violation = None;
                self.seen.reset();
                self.signals.states.clear();
                for state in &from.states {
                    self.seen.add(*state, &mut self.signals.states);
                }
                self.signals.moments.clone_from(&from.moments);
                self.facts.stop();
                self.feed_again();
            }
        }
    };
}

saved! {
    kept {
        keying: Keying,
        header: Header,
        now: u64,
        phase: Phase,
        recovery: Recovery,
        queue: Queue<Event>,
        messages: Slab<N::Message>,
        requests: Slab<(OpId, RequestId, Call)>,
        answers: Slab<(u32, u8, usize, Answer)>,
        hosts: Vec<Host>,
        network: Network,
        clients: Clients,
        errands: Vec<Errand<N::Request>>,
        plan: Plan,
        disk_rules: DiskRules,
        resources: Resources,
        history: History,
        agreement: Agreement,
        hash: TraceHash,
        trace: Option<Vec<TraceEvent>>,
        numbers: Numbers,
        went_down: bool,
        reads: ClockReads,
        fresh_marks: Vec<u16>,
        watch: Option<Box<Watch>>,
        limits: Option<Box<Limits>>,
    }
    otherwise {
        about,
        vocabulary,
        workload,
        running,
        observer,
        hooks,
        violation,
        seen,
        signals,
        facts,
        spare_hosts,
    }
}

/// How a schedule differs from the one that a snapshot was taken under.
pub(crate) struct Change {
    header: Header,
    /// The steps in their order, and for each the place that it has, if it is in both schedules.
    steps: Vec<(Step, Option<u8>)>,
    /// For each step how often its fact has come, if it is new.
    counts: [u32; STEPS_MAX],
}

impl Change {
    /// Finds the steps that are in both schedules. Returns the places of those that are only in the old one, as bits.
    fn align(&mut self, plan: &Plan) -> u128 {
        let mut removed = 0;
        let mut new = self.steps.iter_mut().peekable();
        for rank in plan.steps.ranks() {
            let place = plan.steps.at(rank);
            let old = plan.steps[place].step();
            while new.next_if(|(step, _)| *step < old).is_some() {}
            match new.next_if(|(step, _)| *step == old) {
                Some((_, both)) => *both = Some(place as u8),
                None => removed |= 1 << place,
            }
        }
        removed
    }

    /// The place of the step that others mean by `id`; `None` within `Some`: it is new.
    fn owner(&self, id: StepId) -> Option<Option<u8>> {
        self.steps.iter().find(|(step, _)| step.id == id).map(|(_, place)| *place)
    }

    /// Whether the step that others mean by `id` has come to this edge.
    fn reached(&self, plan: &Plan, id: StepId, edge: Edge) -> bool {
        let Some(Some(place)) = self.owner(id) else { return false };
        plan.steps[place.into()].reached(edge)
    }

    /// Ids of steps that are new or gone may be referred to by those that have come already.
    fn check_id(&self, plan: &Plan, id: StepId) -> Result<(), Refused> {
        if id == 0 {
            return Ok(());
        }
        let before = plan.steps.iter().find(|planned| planned.step().id == id);
        let after = self.owner(id).flatten().map(|place| &plan.steps[place.into()]);
        let same = before.map(|owner| owner.rank) == after.map(|owner| owner.rank) && before.is_some();
        let came = [before, after].into_iter().flatten().any(|owner| owner.came);
        let named = plan.steps.iter().any(|planned| planned.came && planned.step().fault.reference() == id);
        if (came || named) && !same { Err(Refused::Id) } else { Ok(()) }
    }
}

impl<N: Node> Core<N> {
    /// Has the checker see what it saw by the time of a snapshot.
    fn feed_again(&mut self) {
        self.observer.reset();
        for line in &self.history.events {
            match *line {
                Line::Invoke(op) => self.observer.invoke(op, &self.history),
                Line::Complete(op) => {
                    let anomaly = self.observer.complete(op, &self.history);
                    assert!(anomaly.is_none(), "a run that goes on has no anomaly");
                }
            }
        }
    }

    /// How `schedule` differs from the one that a snapshot was taken under, if the snapshot serves it.
    pub(crate) fn compare(&self, from: &Saved<N>, schedule: &Schedule) -> Result<Change, Refused> {
        let header = resolve(&schedule.header, &self.about);
        if !agree(&header, from) {
            return Err(Refused::Header);
        }
        let mut steps: Vec<_> = schedule.steps.iter().map(|step| (*step, None)).collect();
        steps.sort_unstable_by_key(|(step, _)| *step);
        let mut change = Change { header, steps, counts: [0; STEPS_MAX] };
        let removed = change.align(&from.plan);
        for place in places(removed) {
            self.check_removed(from, place)?;
            change.check_id(&from.plan, from.plan.steps[place].step().id)?;
        }
        for rank in 0..change.steps.len() {
            if let (step, None) = change.steps[rank] {
                change.check_id(&from.plan, step.id)?;
                change.counts[rank] = self.check_new(from, &change, step)?;
            }
        }
        Ok(change)
    }

    fn check_removed(&self, from: &Saved<N>, place: usize) -> Result<(), Refused> {
        let planned = &from.plan.steps[place];
        if planned.came || self.was_heard(from, planned.step().when) { Err(Refused::Step) } else { Ok(()) }
    }

    /// Whether a step waited for a fault that has come, or might have: being awaited is an effect of the step that brought it.
    fn was_heard(&self, from: &Saved<N>, when: When) -> bool {
        match when {
            When::Fact { fact: fact @ Fact::Fault(..), .. } => self.occurrences(from, fact, Side::After) != Some(0),
            When::At(_) | When::Step { .. } | When::Fact { .. } | When::Called => false,
        }
    }

    /// Whether a new step would not have come yet. Returns how often its fact has.
    fn check_new(&self, from: &Saved<N>, change: &Change, step: Step) -> Result<u32, Refused> {
        let count = match step.when {
            When::At(delay) => (u64::from(delay) * 1000 > from.now).then_some(0),
            When::Called => Some(0),
            When::Step { step, edge, .. } | When::Fact { from: Some((step, edge)), .. } => {
                (!change.reached(&from.plan, step, edge)).then_some(0)
            }
            When::Fact { fact, side, nth, from: None, .. } => {
                self.occurrences(from, fact, side).filter(|count| *count < nth.into())
            }
        };
        let late = sorts_by_clock(step) && !from.network.buffers.clocks_matter;
        count.filter(|_| !late && !self.was_heard(from, step.when)).ok_or(Refused::New)
    }

    /// How often a fact has come, on one of its sides; `None`: whom it means depends on the moment, so it cannot be told.
    fn occurrences(&self, from: &Saved<N>, fact: Fact, side: Side) -> Option<u32> {
        let (header, count) = (&from.header, from.hosts.len());
        let Some(name) = self.awaited(fact) else { return Some(0) };
        if let (Fact::Mark(_), Some(rank)) = (fact, name) {
            // Marks are counted by whoever hits them, and not at the moment at which steps hear of them.
            return (from.hits.of(rank) == 0).then_some(0);
        }
        let (mut sure, mut unsure) = (0, 0);
        from.facts.each(fact, side, |moment, times| {
            let all = moment.is(fact, name, |_, _| true, |_, _, _| true);
            let known = moment.is(
                fact,
                name,
                |nodes, node| fixed(header, nodes, count).is_some_and(|set| set & 1 << node != 0),
                |link, a, b| fixed_links(header, link, count).is_some_and(|links| links[a] & 1 << b != 0),
            );
            let depends = moment.is(
                fact,
                name,
                |nodes, _| fixed(header, nodes, count).is_none(),
                |link, _, _| fixed_links(header, link, count).is_none(),
            );
            sure += if known { times } else { 0 };
            unsure += if all && depends { times } else { 0 };
        });
        (unsure == 0).then_some(sure)
    }

    /// Makes the world that was restored one that runs under the changed schedule.
    pub(crate) fn adapt(&mut self, change: &Change, from: &Saved<N>) {
        let (fresh, stay) = self.plan.steps.replace(&change.steps);
        let (steps, queued, phase, header) = (&self.plan.steps, self.plan.queued, self.phase, change.header);
        let settle = (u64::from(header.chaos) + u64::from(header.heal)) * 10_000_000;
        self.queue.edit(|time, sequence, event| match event {
            Event::Begin { step } => {
                let stays = stay & 1 << step != 0;
                if stays && (queued..queued + STEPS_MAX as u64).contains(sequence) {
                    *sequence = queued + u64::from(steps[step.into()].rank);
                }
                stays
            }
            Event::Settle => {
                *time = settle;
                true
            }
            Event::Stop if phase < Phase::Settle => {
                *time = settle + u64::from(header.settle) * 10_000_000;
                true
            }
            _ => true,
        });
        self.header = header;
        for rank in self.plan.steps.ranks() {
            let place = self.plan.steps.at(rank);
            if fresh & 1 << place != 0 {
                self.await_step(place);
                self.plan.steps[place].count = change.counts[rank];
            }
        }
        self.watch();
        marks::restore(&from.hits, self.plan.watches_marks());
    }
}

/// The places that are bits of a set.
fn places(set: u128) -> impl Iterator<Item = usize> {
    (0..STEPS_MAX).filter(move |place| set & 1 << place != 0)
}

/// Whether a header agrees with that of a snapshot in all that was used by then: it may only have other lengths of the
/// phases that are still to come.
fn agree<N: Node>(header: &Header, from: &Saved<N>) -> bool {
    let heal = if from.phase < Phase::Heal { header.heal } else { from.header.heal };
    let settle = if from.phase < Phase::Settle { header.settle } else { from.header.settle };
    *header == Header { heal, settle, ..from.header }
}
