//! Numbers of nodes, replaced by the roles that they happen to have where a schedule then depends less on luck.

use murphy_schedule::{Name, Nodes, Schedule};
use murphy_sim::resolve;

use super::{robust::other_seeds, search::Search};

impl Search<'_> {
    /// Strikes whoever has a role instead of a node by its number, if the schedule then fails under more other seeds.
    pub(super) fn name_roles(&mut self, mut schedule: Schedule) -> Schedule {
        let Some(leads) = self.harness.about().roles.first().map(|role| Name::of(role)) else { return schedule };
        let nodes = resolve(&schedule.header, self.harness.about()).nodes;
        let mut failing = self.failing_seeds(&schedule);
        for at in 0..schedule.steps.len() {
            for node in 1..=nodes {
                for role in [Nodes::Role(leads), Nodes::Previous(leads)] {
                    let candidate = with_role(&schedule, at, node, role);
                    if candidate != schedule && !self.exhausted() && self.fails(&candidate) {
                        let more = self.failing_seeds(&candidate);
                        if more > failing {
                            (schedule, failing) = (candidate, more);
                        }
                    }
                }
            }
        }
        schedule
    }

    /// Under how many other seeds it fails.
    pub(super) fn failing_seeds(&mut self, schedule: &Schedule) -> usize {
        other_seeds(self.harness, schedule).filter(|other| self.fails(other)).count()
    }
}

/// `schedule` in which the step at `at` strikes whoever has a role instead of this node.
fn with_role(schedule: &Schedule, at: usize, node: u8, role: Nodes) -> Schedule {
    let mut candidate = schedule.clone();
    let change = |selector| if selector == Nodes::Node(node) { role } else { selector };
    candidate.steps[at].fault = candidate.steps[at].fault.with_victims(change);
    candidate
}
