//! Faults of processes: who is down, who is paused, who starts again.

use murphy_schedule::{
    Fault, FaultKind, Nodes,
    field::{Change, DiskFate, Number, PauseMode, Span, State, Takedown},
};

use super::{Harm, Planned};
use crate::{
    core::{Core, Event, Phase},
    draw::{Purpose, below, mix},
    node::Node,
    select::members,
    trace::What,
};

/// The least time between two nodes that attrition takes down, in nanoseconds.
const GAP_MIN: u64 = 1_000_000;

impl<N: Node> Core<N> {
    /// Starts a node that is down, whatever holds it down.
    pub(crate) fn revive(&mut self, node: usize) {
        for planned in self.plan.steps.iter_mut() {
            if planned.holds_down() {
                planned.victims &= !(1 << node);
            }
        }
        self.hosts[node].down_by = 0;
        if !self.hosts[node].up {
            self.queue.push(self.now, Event::Start { node: node as u8 });
        }
    }

    pub(super) fn restart_nodes(&mut self, at: usize, victims: Nodes, state: State) {
        let cold = state == State::Cold;
        let victims = self.select(at, victims, 0);
        let down = members(victims).filter(|node| !self.hosts[*node].up).fold(0, |set, node| set | 1 << node);
        if cold && !self.may_harm(Harm::Lost, down) {
            return;
        }
        self.remember(at, victims, 0);
        for node in members(down) {
            self.plan.steps[at].effects += 1;
            if cold {
                self.hosts[node].disk.reset();
            }
            self.upgrade(node);
            self.revive(node);
        }
    }

    /// Nodes that are down, or go down from now on, start again of themselves.
    pub(super) fn watch_over(&mut self, at: usize, victims: Nodes) {
        let victims = self.select(at, victims, 0);
        self.remember(at, victims, 0);
        self.plan.steps[at].victims = victims;
        let down = members(victims).filter(|node| !self.hosts[*node].up).fold(0, |set, node| set | 1 << node);
        members(down).for_each(|node| self.plan_revival(node));
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

    pub(super) fn crash_nodes(&mut self, at: usize, victims: Nodes, disk: DiskFate, cut: u32) {
        let victims = self.select(at, victims, 0);
        if disk == DiskFate::Wiped && !self.may_harm(Harm::Lost, victims) {
            return;
        }
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
        self.hold_down(at, node);
        let crashed = self.crash(node, disk);
        self.plan.steps[at].effects += u32::from(crashed);
    }

    fn hold_down(&mut self, at: usize, node: usize) {
        self.plan.steps[at].victims |= 1 << node;
        self.hosts[node].down_by += 1;
    }

    /// A node has gone down: whatever waits for that goes on.
    pub(crate) fn is_down(&mut self, node: usize) {
        self.plan_revival(node);
        for rank in self.plan.steps.ranks() {
            let at = self.plan.steps.at(rank);
            let planned = &self.plan.steps[at];
            if planned.victims & (1 << node) == 0 {
                continue;
            }
            match planned.step.fault {
                Fault::Attrition { down, .. } => {
                    let incarnation = self.hosts[node].incarnation;
                    let event = Event::Return { step: at as u8, node: node as u8, incarnation };
                    self.queue.push(self.now + u64::from(down.micros()) * 1_000, event);
                }
                Fault::Redeploy { .. } => self.replace_machine(node),
                _ => {}
            }
        }
    }

    pub(super) fn stop_nodes(&mut self, at: usize, victims: Nodes, drain: Span<1_000_000>) {
        let victims = self.select(at, victims, 0);
        self.remember(at, victims, 0);
        members(victims).for_each(|node| self.ask_to_stop(at, node, drain));
    }

    /// A step asks a node to stop, kills it when its time is up, and holds it down until the step ends.
    fn ask_to_stop(&mut self, at: usize, node: usize, drain: Span<1_000_000>) {
        self.struck(self.plan.steps[at].tag(), node);
        self.hold_down(at, node);
        let host = &self.hosts[node];
        if host.up {
            self.plan.steps[at].effects += 1;
            let (incarnation, node) = (host.incarnation, node as u8);
            self.queue.push(self.now, Event::Terminate { node, incarnation });
            let up_at = self.now + u64::from(drain.micros()) * 1_000;
            self.queue.push(up_at, Event::Overdue { step: at as u8, node, incarnation });
        }
    }

    /// A node that was asked to stop has had its time: if it still runs it is killed, and loses what is not durable.
    pub(crate) fn overdue(&mut self, at: usize, node: usize, incarnation: u32) {
        if self.plan.steps[at].victims & (1 << node) != 0 && self.hosts[node].incarnation == incarnation {
            self.crash(node, DiskFate::Lost);
        }
    }

    /// A step that had a node stop ends. A node that has not stopped yet does so now: it cannot start again otherwise.
    pub(super) fn end_stop(&mut self, at: usize, node: usize) {
        let killed = self.crash(node, DiskFate::Lost);
        if killed && matches!(self.plan.steps[at].step.fault, Fault::Redeploy { .. }) {
            self.replace_machine(node);
        }
        self.release(node);
    }

    pub(super) fn wear_down(&mut self, at: usize, gap: Span<1_000_000>) {
        let gap = self.drawn_gap(at, gap);
        self.beat_after(at, gap);
    }

    /// Attrition takes down one more node, unless so few are left that they are to be spared.
    pub(super) fn take_another(
        &mut self,
        at: usize,
        victims: Nodes,
        how: Takedown,
        kill: Number,
        leave: Number,
        gap: Span<1_000_000>,
    ) {
        let held = self.plan.steps[at].victims;
        let among = self.select(at, victims, 0) & !held;
        let running = members(among).filter(|node| self.hosts[*node].up).fold(0u16, |set, node| set | 1 << node);
        let many = running.count_ones();
        if many > u32::from(leave.0) {
            let which = below(self.attrition_draw(at, 1), many.into()) as usize;
            let node = members(running).nth(which).expect("it is one of them");
            self.take_one(at, node, how);
        }
        if kill.0 == 0 || self.plan.steps[at].taken < kill.0 {
            self.wear_down(at, gap);
        }
    }

    fn take_one(&mut self, at: usize, node: usize, how: Takedown) {
        if how == Takedown::Wipe && !self.may_harm(Harm::Lost, 1 << node) {
            return;
        }
        self.remember_too(at, node);
        self.plan.steps[at].taken = self.plan.steps[at].taken.saturating_add(1);
        match how {
            Takedown::Crash => self.take_down(at, node, DiskFate::Lost),
            Takedown::Wipe => self.take_down(at, node, DiskFate::Wiped),
            Takedown::Stop => self.ask_to_stop(at, node, Span::default()),
        }
    }

    /// Between nothing and twice the mean, and never so short that time stands still.
    fn drawn_gap(&self, at: usize, gap: Span<1_000_000>) -> u64 {
        let mean = u64::from(gap.micros()) * 1_000;
        below(self.attrition_draw(at, 0), 2 * mean).max(GAP_MIN)
    }

    fn attrition_draw(&self, at: usize, what: u64) -> u64 {
        let planned = &self.plan.steps[at];
        let occasion = u64::from(planned.turn) << 16 | u64::from(planned.beats);
        let key = [self.plan.content(at).into(), occasion, what, self.network.epoch()];
        mix(self.header.seed, Purpose::Attrition, key)
    }

    /// A node that attrition took down has been down for long enough.
    pub(crate) fn give_back(&mut self, at: usize, node: usize, incarnation: u32) {
        let host = &self.hosts[node];
        if self.plan.steps[at].victims & (1 << node) != 0 && !host.up && host.incarnation == incarnation {
            self.plan.steps[at].victims &= !(1 << node);
            self.release(node);
        }
    }

    pub(super) fn redeploy(&mut self, at: usize, victims: Nodes) {
        let victims = self.select(at, victims, 0);
        if !self.may_harm(Harm::Lost, victims) {
            return;
        }
        self.remember(at, victims, 0);
        for node in members(victims) {
            self.ask_to_stop(at, node, Span::default());
            if !self.hosts[node].up {
                self.plan.steps[at].effects += 1;
                self.replace_machine(node);
            }
        }
        self.ask_for(at, Change::Remove, victims);
    }

    /// Another machine takes the place of a node that is down.
    fn replace_machine(&mut self, node: usize) {
        self.hosts[node].disk.reset();
        self.hosts[node].joins = true;
        self.upgrade(node);
    }

    /// Who starts a node anew starts the newest version.
    fn upgrade(&mut self, node: usize) {
        self.hosts[node].version = self.about.versions.len().saturating_sub(1);
    }

    pub(super) fn administer(&mut self, at: usize, change: Change, nodes: Nodes) {
        let nodes = self.select(at, nodes, 0);
        self.remember(at, nodes, 0);
        members(nodes).for_each(|node| self.struck(self.plan.steps[at].tag(), node));
        self.ask_for(at, change, nodes);
    }

    /// The target has no such change.
    pub(crate) fn has_no(&mut self, at: usize, change: Change) {
        if matches!(self.plan.steps[at].step.fault, Fault::Admin { .. }) {
            self.void(format_args!("the target has no change `{}`", change.word()));
        }
    }

    /// A step that waits for a handler of a node to crash it within, has ended: it does not, unless that is to be in this
    /// instant.
    pub(super) fn spare(&mut self, at: usize, node: usize) {
        let host = &mut self.hosts[node];
        let Some((_, _, disk)) = host.doom.take_if(|(step, ..)| *step == at) else { return };
        match host.effects_left {
            0 => self.take_down(at, node, disk),
            _ => host.effects_left = u32::MAX,
        }
    }

    pub(super) fn pause_nodes(&mut self, at: usize, victims: Nodes, clocks: PauseMode) {
        let victims = self.select(at, victims, 0);
        let stopped = clocks == PauseMode::Stopped;
        if stopped && !self.may_stop_clocks(at, victims) {
            return;
        }
        self.plan.steps[at].victims = victims;
        self.remember(at, victims, 0);
        for node in members(victims) {
            self.struck(self.plan.steps[at].tag(), node);
            self.hosts[node].paused_by += 1;
            // One that went down within its handler asks for nothing more.
            if self.running == Some(node) && self.alive(node) {
                self.open_outbox(node);
            }
            let host = &self.hosts[node];
            // A node that is down finds its clock behind when it starts.
            self.plan.steps[at].effects += u32::from(stopped || (host.up && host.paused_by == 1));
            self.note(Some(node), |_| What::Pause);
            self.refresh_condition(node);
            if stopped {
                self.stop_clocks(at, node);
            }
        }
    }

    /// A node is down that would otherwise be up.
    pub(crate) fn credit_hold(&mut self, node: usize) {
        self.credit(Planned::holds_down, node);
    }

    /// A node is paused that would otherwise run.
    pub(crate) fn credit_pause(&mut self, node: usize) {
        self.credit(|planned| planned.step.fault.kind() == FaultKind::Pause, node);
    }

    /// Of the steps of these kinds that hold a node, the first to begin has an effect, even if it had none as it began: the
    /// node was down or paused already, and is so because of this step by now.
    fn credit(&mut self, kinds: fn(&Planned) -> bool, node: usize) {
        let holds = |planned: &&mut Planned| kinds(planned) && planned.active && planned.victims & (1 << node) != 0;
        let first = self.plan.steps.iter_mut().filter(holds).min_by_key(|planned| (planned.begun, planned.rank));
        if let Some(planned) = first.filter(|_| self.phase == Phase::Chaos) {
            planned.effects = planned.effects.max(1);
        }
    }

    pub(super) fn resume(&mut self, node: usize) {
        self.hosts[node].paused_by -= 1;
        if self.hosts[node].paused_by > 0 {
            self.has_something_to_do(node);
            return;
        }
        self.note(Some(node), |_| What::Resume);
        self.refresh_condition(node);
        // What waited comes before what is due at this very moment.
        if self.has_something_to_do(node) {
            self.queue.push_first(self.now, Event::Go { node: node as u8 });
        }
    }

    /// A step that holds a node down lets go of it, which starts again unless another step holds it down. Where all ends at once, all
    /// start in their own order, not in that of the steps.
    pub(super) fn release(&mut self, node: usize) {
        let all_end = self.phase != Phase::Chaos || self.plan.calm;
        let host = &mut self.hosts[node];
        // Nothing holds it any more if all was healed as it went down.
        host.down_by = host.down_by.saturating_sub(1);
        if all_end {
            return;
        }
        if host.down_by == 0 && !host.up {
            self.queue.push(self.now, Event::Start { node: node as u8 });
        } else if !host.up {
            self.credit_hold(node);
        }
    }
}
