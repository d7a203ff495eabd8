//! Faults of clocks: offsets, rates, jumps, and clocks that stand still.
//!
//! Who depends on a clock hears of it only as its runtime would tell: a running node gets [`Input::ClockChanged`] when its wall clock
//! jumps, which a fault's end makes it do, too. Clients and the world keep the true time.
//!
//! [`Input::ClockChanged`]: crate::Input::ClockChanged

use murphy_schedule::{
    Nodes,
    field::{ClockOf, Factor, Offset, Span},
};

use crate::{
    clock::{Deviation, Errors, TRUE_RATE},
    core::{Core, Event},
    draw::{Purpose, below, mix},
    node::Node,
    select::members,
    trace::What,
};

/// A wall clock that is moved forth and back stays at least so long on each side, in nanoseconds.
const STROBE: u64 = 1_000_000;

impl<N: Node> Core<N> {
    pub(super) fn set_clocks(&mut self, at: usize, victims: Nodes, offset: Offset, rate: Factor, which: ClockOf) {
        let rate = u64::from(rate.0) * TRUE_RATE / 1_000;
        let deviation = match which {
            ClockOf::Both => Deviation::new(at, nanos(offset), rate, rate),
            ClockOf::Wall => Deviation::new(at, nanos(offset), rate, TRUE_RATE),
            ClockOf::Monotonic => Deviation::new(at, 0, TRUE_RATE, rate),
        };
        let victims = self.select(at, victims, 0);
        self.deviate(at, victims, |_, _| deviation);
    }

    /// Each wall clock runs at a rate of its own, so that it is wrong by a drawn part of the bound when the step has lasted as long
    /// as it can.
    pub(super) fn drift(&mut self, at: usize, victims: Nodes, within: Span<100_000>) {
        let (length, within) = (self.longest(at).max(1), u64::from(within.micros()) * 1_000);
        let victims = self.select(at, victims, 0);
        // Whatever is drawn, the promise is weighed against the bound.
        if !self.may_deviate(at, victims, &|_, _| Deviation::new(at, within.cast_signed(), TRUE_RATE, TRUE_RATE)) {
            return;
        }
        let (content, turn) = (self.plan.content(at).into(), self.plan.steps[at].turn.into());
        self.deviate(at, victims, |core, node| {
            let key = [content, turn, node as u64, core.network.node_epoch(node)];
            let draw = mix(core.header.seed, Purpose::Drift, key);
            let error = i128::from(below(draw, 2 * within + 1)) - i128::from(within);
            let rate = i128::from(TRUE_RATE) + error * i128::from(TRUE_RATE) / i128::from(length);
            Deviation::new(at, 0, rate.max(0) as u64, TRUE_RATE)
        });
    }

    pub(super) fn bump(&mut self, at: usize, victims: Nodes, offset: Offset) {
        let (victims, offset) = (self.select(at, victims, 0), nanos(offset));
        let worst = members(victims).map(|node| self.hosts[node].clock.worst_bumped(offset));
        if !self.may_err(worst.fold(Errors::default(), Errors::max)) {
            return;
        }
        self.remember(at, victims, 0);
        for node in members(victims).filter(|_| offset != 0) {
            self.struck(self.plan.steps[at].tag(), node);
            self.plan.steps[at].effects += 1;
            self.hosts[node].clock.bump(self.now, offset);
            self.wall_moved(node, offset);
        }
    }

    pub(super) fn strobe(&mut self, at: usize, victims: Nodes, offset: Offset, period: Span<100_000>) {
        let victims = self.select(at, victims, 0);
        let moved = Deviation::new(at, nanos(offset), TRUE_RATE, TRUE_RATE);
        if self.deviate(at, victims, |_, _| moved) && offset.millis() != 0 {
            self.plan.steps[at].victims = victims;
            self.beat_after(at, strobe_nanos(period));
        }
    }

    /// A step moves the wall clocks of its victims to their other side.
    pub(super) fn strobe_again(&mut self, at: usize, offset: Offset, period: Span<100_000>) {
        for node in members(self.plan.steps[at].victims) {
            let jump = self.hosts[node].clock.strobe(self.now, at, nanos(offset));
            self.plan.steps[at].effects += u32::from(self.hosts[node].up);
            self.wall_moved(node, jump);
        }
        self.beat_after(at, strobe_nanos(period));
    }

    /// Has the clocks of nodes deviate until the step ends. Returns whether the target promises to bear it.
    fn deviate(&mut self, at: usize, victims: u16, of: impl Fn(&Self, usize) -> Deviation) -> bool {
        if !self.may_deviate(at, victims, &of) {
            return false;
        }
        self.remember(at, victims, 0);
        for node in members(victims) {
            let deviation = of(self, node);
            if !deviation.is_none() {
                self.struck(self.plan.steps[at].tag(), node);
                // What a monotonic clock gains or loses it keeps, so that also a node that is down finds it. So it is with a
                // nanosecond: where another step has the clock drift, its drift up to now is rounded.
                let drifts = self.hosts[node].clock.steps().next().is_some();
                let strikes = self.hosts[node].up || deviation.mono_rate != TRUE_RATE || drifts;
                self.plan.steps[at].effects += u32::from(strikes);
                self.deviate_one(at, node, deviation);
            }
        }
        true
    }

    /// Whether the target promises to bear what a step would make of clocks, and clocks can be made so. If not it is void.
    fn may_deviate(&mut self, at: usize, victims: u16, of: &impl Fn(&Self, usize) -> Deviation) -> bool {
        if members(victims).any(|node| self.hosts[node].clock.is_rushed_by(&of(self, node))) {
            self.void(format_args!("several steps would have a clock run more than ten times as fast as time"));
            return false;
        }
        let length = self.longest(at);
        let worst = members(victims).map(|node| self.hosts[node].clock.worst_with(&of(self, node), length));
        self.may_err(worst.fold(Errors::default(), Errors::max))
    }

    fn deviate_one(&mut self, at: usize, node: usize, deviation: Deviation) {
        let length = self.longest(at);
        self.hosts[node].clock.deviate(self.now, deviation, length);
        self.look_at_timers(node);
        self.wall_moved(node, deviation.offset);
    }

    /// Whether clocks may stand still as long as a pause lasts.
    pub(super) fn may_stop_clocks(&mut self, at: usize, victims: u16) -> bool {
        self.may_deviate(at, victims, &|_, _| Deviation::new(at, 0, 0, 0))
    }

    /// The clocks of a node stand still until the step ends.
    pub(super) fn stop_clocks(&mut self, at: usize, node: usize) {
        self.deviate_one(at, node, Deviation::new(at, 0, 0, 0));
    }

    /// A step no longer has clocks deviate: wall clocks jump to where they would be without it.
    pub(super) fn set_clocks_right(&mut self, at: usize) {
        for node in 0..self.hosts.len() {
            if let Some(jump) = self.hosts[node].clock.set_right(self.now, at) {
                if self.hosts[node].clock.steps().next().is_some() {
                    self.plan.steps[at].effects = self.plan.steps[at].effects.max(1);
                }
                self.look_at_timers(node);
                self.wall_moved(node, jump);
            }
        }
    }

    /// A node's wall clock was moved; if its process runs, it is told.
    fn wall_moved(&mut self, node: usize, by: i64) {
        if by != 0 && self.hosts[node].up {
            self.note(Some(node), |_| What::Clock(by));
            let incarnation = self.hosts[node].incarnation;
            self.queue.push(self.now, Event::Clock { node: node as u8, incarnation });
        }
    }

    /// A node that starts finds its clocks as the steps in force have them.
    pub(crate) fn credit_clocks(&mut self, node: usize) {
        for step in self.hosts[node].clock.steps() {
            self.plan.steps[step].effects = self.plan.steps[step].effects.max(1);
        }
    }

    /// The longest time that a step which begins now can last, in nanoseconds.
    fn longest(&self, at: usize) -> u64 {
        let left = (u64::from(self.header.chaos) * 10_000_000).saturating_sub(self.now);
        self.length(self.plan.steps[at].step.lasts).map_or(left, |micros| left.min(micros * 1_000))
    }
}

fn nanos(offset: Offset) -> i64 {
    i64::from(offset.millis()) * 1_000_000
}

fn strobe_nanos(period: Span<100_000>) -> u64 {
    (u64::from(period.micros()) * 1_000).max(STROBE)
}
