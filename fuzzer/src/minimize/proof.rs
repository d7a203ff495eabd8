//! The proof that nothing more can go: one part less, and the run is clean.

use murphy_schedule::{Header, Schedule};

use super::{
    Stage,
    search::{Search, without},
};

impl Search<'_> {
    /// A schedule with one part less that still fails: a step, an operation that clients draw, a client, or a node.
    pub(super) fn something_less(&mut self, schedule: &Schedule) -> Option<Schedule> {
        self.stage = Stage::Proof;
        let least = self.harness.vocabulary().nodes.0;
        let steps = (0..schedule.steps.len()).map(|at| without(schedule, at..at + 1));
        let headers = lesser_headers(&schedule.header, least);
        let headers = headers.map(|header| Schedule { header, steps: schedule.steps.clone() });
        // What only others wait for stays as it is.
        let mut lesser = steps.filter(|less| less != schedule).chain(headers);
        lesser.find(|less| self.fails(less))
    }
}

/// `header`, in which nothing is left to defaults, with an operation, a client or a node less, as far as a run can do with
/// less.
fn lesser_headers(header: &Header, least: u8) -> impl Iterator<Item = Header> {
    let operation = header.ops.and_then(|ops| ops.checked_sub(1)).map(|ops| Header { ops: Some(ops), ..*header });
    let client = (header.clients > 1).then(|| Header { clients: header.clients - 1, ..*header });
    let node = (header.nodes > least.max(1)).then(|| Header { nodes: header.nodes - 1, ..*header });
    [operation, client, node].into_iter().flatten()
}
