//! Faults of processes: who is down, who is paused, who starts again.

use murphy_schedule::{
    Fault, FaultKind, Nodes,
    field::{DiskFate, PauseMode, State},
};

use super::{Harm, Planned};
use crate::{
    core::{Core, Event, Phase},
    node::Node,
    select::members,
    trace::What,
};

impl<N: Node> Core<N> {
    /// Starts a node that is down, whatever holds it down.
    pub(crate) fn revive(&mut self, node: usize) {
        for planned in self.plan.steps.iter_mut() {
            if matches!(planned.step.fault, Fault::Crash { .. }) {
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
        self.plan.steps[at].victims |= 1 << node;
        self.hosts[node].down_by += 1;
        let crashed = self.crash(node, disk);
        self.plan.steps[at].effects += u32::from(crashed);
        if crashed {
            self.plan_revival(node);
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
            if self.running == Some(node) {
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

    /// Of the steps of this kind that hold a node, the first to begin has an effect, even if it had none as it began: the
    /// node was down or paused already, and is so because of this step by now.
    pub(crate) fn credit(&mut self, kind: FaultKind, node: usize) {
        let holds = |planned: &&mut Planned| {
            planned.step.fault.kind() == kind && planned.active && planned.victims & (1 << node) != 0
        };
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

    /// A crash step lets go of a node, which starts again unless another step holds it down.
    pub(super) fn release(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        host.down_by -= 1;
        if host.down_by == 0 && !host.up {
            self.queue.push(self.now, Event::Start { node: node as u8 });
        } else if !host.up {
            self.credit(FaultKind::Crash, node);
        }
    }
}
