//! What a target promises to bear, and the steps that go beyond it.
//!
//! Safety must hold under any crash, pause or partition, so those are never clipped. A promise limits only lost and damaged
//! data, and wrong clocks. The step that would go beyond it is void, as a whole, and the trace says so: a history from outside the
//! promise must not be reported as a bug. `budget off` lifts it.

use std::time::Duration;

use murphy_schedule::schedule;

use crate::{
    clock::Errors,
    core::Core,
    node::Node,
    target::{Promise, Quota},
};

/// What a step does to data that was durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// It is gone: a wiped disk, a replaced node, a sync that kept nothing.
    Lost,
    /// It is there, but wrong.
    Damaged,
}

/// The nodes whose durable data a run has harmed so far, as bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Harmed {
    lost: u16,
    damaged: u16,
}

impl<N: Node> Core<N> {
    /// Whether a step may harm the durable data of `victims`. If so they count as harmed from now on; if not the step is void.
    pub(crate) fn may_harm(&mut self, harm: Harm, victims: u16) -> bool {
        let (quota, so_far) = match harm {
            Harm::Lost => (self.about.promise.lost_disks, self.plan.harmed.lost),
            Harm::Damaged => (self.about.promise.damaged_disks, self.plan.harmed.damaged),
        };
        let all = so_far | victims;
        if !self.is_budget_off() && all.count_ones() > quota.of(self.members()) {
            let harmed = match harm {
                Harm::Lost => "lost",
                Harm::Damaged => "damaged",
            };
            self.void(format_args!("the target promises to survive {harmed} disks of {quota}"));
            return false;
        }
        match harm {
            Harm::Lost => self.plan.harmed.lost = all,
            Harm::Damaged => self.plan.harmed.damaged = all,
        }
        true
    }

    /// Whether a step may have clocks be wrong by so much. If not it is void.
    pub(crate) fn may_err(&mut self, errors: Errors) -> bool {
        let Promise { clock_error, monotonic_error, .. } = self.about.promise;
        let exceeds = |nanos: u64, most: Duration| u128::from(nanos) > most.as_nanos();
        let (clocks, most) = if exceeds(errors.wall.max(errors.mono), clock_error) {
            ("clocks", clock_error)
        } else if exceeds(errors.mono, monotonic_error) {
            ("monotonic clocks", monotonic_error)
        } else {
            return true;
        };
        if !self.is_budget_off() {
            self.void(format_args!("the target promises to survive {clocks} that are wrong by at most {most:?}"));
        }
        self.is_budget_off()
    }

    fn is_budget_off(&self) -> bool {
        self.header.budget == schedule::Budget::Off
    }
}

impl Quota {
    /// The most nodes of `nodes`.
    fn of(self, nodes: usize) -> u32 {
        let most = match self {
            Self::None => 0,
            Self::Minority => nodes.saturating_sub(1) / 2,
            Self::Exactly(most) => usize::from(most),
            Self::Any => nodes,
        };
        most as u32
    }
}
