//! A checker that is fed event by event while the run goes on.

use crate::{
    history::{Call, Completion, OpId, Process, Value},
    verdict::{Anomaly, Verdict},
};

/// A checker that watches a history grow. The first anomaly it returns stops the run.
pub trait Observer {
    /// Forgets the last run, keeping its memory.
    fn reset(&mut self);
    /// `process` invoked `op`.
    fn invoke(&mut self, op: OpId, process: Process, call: &Call);
    /// `op` completed. `Some`: no explanation of the history so far is left.
    fn complete(&mut self, op: OpId, completion: Completion<Value>) -> Option<Anomaly>;
    /// The run is over; operations still open may have taken effect or not.
    fn finish(&mut self) -> Verdict;
    /// A copy with everything seen so far, for a snapshot of the world.
    fn fork(&self) -> Box<dyn Observer>;
}
