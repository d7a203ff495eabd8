//! A target's invariants, judged while a run goes on.
//!
//! Nodes are looked at when something is to be judged, and only those that may have changed since the last time. A node in the midst
//! of a handler that takes time is not looked at before it is through; one that is down is no object.

use std::{mem, sync::Arc};

use murphy_checker::{
    history::OpId,
    invariant::{
        Broken, Clause, Datum, Fields, Invariant, Judge, Occasion, SYSTEM, Seen, State, Trigger, history::Clients,
    },
};
use murphy_schedule::FaultKind;

use crate::{core::Core, marks, node::Node, panics, run::panicked, select::members};

/// Something that invariants can wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Occurred {
    Invoked(OpId),
    Completed(OpId),
    Fault(FaultKind),
    Event(&'static str),
    /// By its rank among all marks.
    Mark(u16),
}

/// What is known of the run, for invariants.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    judge: Judge,
    fields: Fields,
    /// As of when nodes were looked at last.
    state: State,
    /// Before the event that is handled now, if somebody asks for that.
    old: State,
    /// Before each operation that is open, if somebody asks for that.
    open: Vec<(OpId, State)>,
    /// Nodes that may have changed since they were looked at, as bits.
    changed: u16,
    occurred: Vec<Occurred>,
    clients: Clients,
    system: Arc<str>,
    no_groups: Arc<[Arc<str>]>,
    nodes: Vec<Known>,
    /// Room for what an object says of itself.
    room: Vec<Option<Datum>>,
    /// When something is to be judged.
    awaits: Awaits,
    /// Some invariant speaks of what the system tells of clients.
    tells_of_clients: bool,
    /// The state before each event is asked for.
    keeps_old: bool,
    /// There is something to judge, or to remember, after the event that is handled now.
    due: bool,
}

/// What a node is called.
#[derive(Clone, Debug)]
struct Known {
    name: Arc<str>,
    /// The role with which it is in these groups.
    role: usize,
    groups: Arc<[Arc<str>]>,
}

/// What some invariant waits for.
#[derive(Clone, Copy, Debug)]
struct Awaits {
    operations: bool,
    faults: bool,
    events: bool,
    marks: bool,
    /// Every event.
    steps: bool,
    periods: bool,
}

impl Watch {
    /// `None`, if there is nothing to watch.
    pub(crate) fn new(invariants: Vec<Invariant>) -> Option<Box<Self>> {
        let judge = Judge::new(invariants);
        let awaits = Awaits {
            operations: judge.has(|trigger| *trigger == Trigger::Operation),
            faults: judge.has(|trigger| *trigger == Trigger::Fault),
            events: judge.has(|trigger| matches!(trigger, Trigger::Event(_))),
            marks: judge.has(|trigger| matches!(trigger, Trigger::Mark(_))),
            steps: judge.has(|trigger| *trigger == Trigger::Step),
            periods: judge.has(|trigger| matches!(trigger, Trigger::Every(_))),
        };
        let fields = judge.fields();
        let tells_of_clients = Clients::FIELDS.into_iter().any(|field| fields.column(field).is_some());
        let keeps_old = judge.looks_back() && (awaits.steps || awaits.faults || awaits.events || awaits.marks);
        let watch = Self {
            fields,
            judge,
            state: State::default(),
            old: State::default(),
            open: Vec::new(),
            changed: 0,
            occurred: Vec::new(),
            clients: Clients::default(),
            system: SYSTEM.into(),
            no_groups: [].into(),
            nodes: Vec::new(),
            room: Vec::new(),
            awaits,
            tells_of_clients,
            keeps_old,
            due: false,
        };
        (!watch.judge.is_empty()).then(|| Box::new(watch))
    }

    pub(crate) fn reset(&mut self) {
        self.judge.reset();
        self.due = self.awaits.steps;
        self.state.clear();
        self.old.clear();
        self.open.clear();
        self.changed = 0;
        self.occurred.clear();
        self.clients = Clients::default();
        self.nodes.clear();
    }

    /// Whether some invariant waits for a mark.
    pub(crate) fn awaits_marks(&self) -> bool {
        self.awaits.marks
    }

    /// What was decided in runs that another watch of the same invariants has seen stays decided.
    pub(crate) fn count_on(&mut self, earlier: &Self) {
        self.judge.count_on(&earlier.judge);
    }

    /// The clauses that were never true nor false, in any run so far, with the names of their invariants.
    pub(crate) fn undecided(&self) -> impl Iterator<Item = (&str, &Clause)> {
        self.judge.undecided()
    }

    /// A node may be another from now on.
    #[inline]
    pub(crate) fn touch(&mut self, node: usize) {
        self.changed |= 1 << node;
        self.due |= self.keeps_old;
    }

    /// Something happens that invariants can wait for.
    #[inline]
    pub(crate) fn occurs(&mut self, what: Occurred) {
        let matters = match what {
            Occurred::Invoked(_) => self.awaits.operations && self.judge.looks_back(),
            Occurred::Completed(_) => self.awaits.operations || self.tells_of_clients,
            Occurred::Fault(_) => self.awaits.faults,
            Occurred::Event(_) => self.awaits.events,
            Occurred::Mark(_) => self.awaits.marks,
        };
        if matters {
            self.occurred.push(what);
            self.due = true;
        }
    }

    /// Looks at the nodes that may have changed.
    fn look<N: Node>(&mut self, core: &Core<N>, nodes: &[Option<N>]) {
        for node in members(mem::take(&mut self.changed)) {
            let host = &core.hosts[node];
            if host.up && host.outbox.is_open() {
                self.changed |= 1 << node;
                continue;
            }
            self.name(core, node);
            let Known { name, groups, .. } = &self.nodes[node];
            match nodes[node].as_ref().filter(|_| host.up) {
                Some(process) => {
                    self.state
                        .capture(name, groups, &mut self.fields, &mut self.room, |capture| process.expose(capture));
                }
                None => self.state.remove(name),
            }
        }
    }

    /// A node's name and groups are up to date: its kind, and its role.
    fn name<N: Node>(&mut self, core: &Core<N>, node: usize) {
        let role = core.hosts[node].role;
        while self.nodes.len() <= node {
            let name = format!("n{}", self.nodes.len() + 1).into();
            self.nodes.push(Known { name, role: usize::MAX - 1, groups: [].into() });
        }
        if self.nodes[node].role == role {
            return;
        }
        let kind = core.about.kind_of(node as u16, core.header.nodes.into());
        let groups = [kind, core.about.roles.get(role).copied().unwrap_or_default()];
        let groups = groups.into_iter().filter(|group| !group.is_empty()).map(Into::into).collect();
        (self.nodes[node].role, self.nodes[node].groups) = (role, groups);
    }

    /// Judges what has come due by the time of the next event, before it is handled.
    fn time_passes<N: Node>(&mut self, core: &Core<N>, nodes: &[Option<N>]) -> Option<Broken> {
        if !self.judge.is_period_over(core.now) {
            return None;
        }
        self.look(core, nodes);
        self.judge.time_passes(core.now, &self.fields, &self.state)
    }

    /// Judges what waits for the event that has just been handled.
    fn after_event<N: Node>(&mut self, core: &Core<N>, nodes: &[Option<N>]) -> Option<Broken> {
        self.look(core, nodes);
        let mut occurred = mem::take(&mut self.occurred);
        let broken = occurred.iter().find_map(|what| self.judge_one(core, *what));
        occurred.clear();
        self.occurred = occurred;
        let broken = broken.or_else(|| self.awaits.steps.then(|| self.judge_after(Occasion::Step, core.now)).flatten());
        if self.keeps_old {
            self.old.clone_from(&self.state);
        }
        // A node in the midst of a handler is looked at when that is through, which is no occasion of its own.
        self.due = self.awaits.steps || (self.keeps_old && self.changed != 0);
        broken
    }

    fn judge_one<N: Node>(&mut self, core: &Core<N>, what: Occurred) -> Option<Broken> {
        match what {
            Occurred::Invoked(op) => {
                if self.judge.looks_back() {
                    self.open.push((op, self.state.clone()));
                }
                None
            }
            Occurred::Completed(op) => self.completed(core, op),
            Occurred::Fault(kind) => self.judge_after(Occasion::Fault(kind.keyword()), core.now),
            Occurred::Event(name) => self.judge_after(Occasion::Event(name), core.now),
            Occurred::Mark(rank) => self.judge_after(Occasion::Mark(marks::names()[usize::from(rank)]), core.now),
        }
    }

    fn completed<N: Node>(&mut self, core: &Core<N>, op: OpId) -> Option<Broken> {
        let Self { clients, state, fields, room, system, no_groups, tells_of_clients, .. } = self;
        if *tells_of_clients {
            state.capture(system, no_groups, fields, room, |capture| clients.tell(&core.history, op, capture));
        }
        let at = self.open.iter().position(|(open, _)| *open == op);
        let old = at.map(|at| self.open.swap_remove(at).1);
        let seen = Seen { new: &self.state, old: old.as_ref(), changed: None };
        self.judge.judge(Occasion::Operation(op), core.now, &self.fields, seen)
    }

    fn judge_after(&mut self, occasion: Occasion<'_>, now: u64) -> Option<Broken> {
        let seen = Seen { new: &self.state, old: Some(&self.old), changed: None };
        self.judge.judge(occasion, now, &self.fields, seen)
    }
}

impl<N: Node> Core<N> {
    /// Something happens that invariants can wait for.
    #[inline]
    pub(crate) fn occurs(&mut self, what: Occurred) {
        if let Some(watch) = &mut self.watch {
            watch.occurs(what);
        }
    }

    /// Judges the target's invariants before an event is handled.
    #[inline]
    pub(crate) fn judge_by_time(&mut self, nodes: &[Option<N>]) {
        if self.watch.as_ref().is_some_and(|watch| watch.awaits.periods) {
            self.judge_invariants(|watch, core| watch.time_passes(core, nodes));
        }
    }

    /// Judges the target's invariants after an event has been handled.
    #[inline]
    pub(crate) fn judge_by_event(&mut self, nodes: &[Option<N>]) {
        if self.watch.as_ref().is_some_and(|watch| watch.due) {
            self.judge_invariants(|watch, core| watch.after_event(core, nodes));
        }
    }

    fn judge_invariants(&mut self, judge: impl FnOnce(&mut Watch, &Self) -> Option<Broken>) {
        let Some(mut watch) = self.watch.take() else { return };
        // Should a node panic as it exposes itself: the next run needs the watch as well.
        let broken = panics::catch_again(|| judge(&mut watch, self));
        self.watch = Some(watch);
        self.violate(broken.map_or_else(|panic| Some(panicked(0, panic)), |broken| broken.map(Broken::anomaly)));
    }
}
