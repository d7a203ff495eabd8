//! A checker that is fed event by event while the run goes on.

use crate::{
    checkers::Figure,
    history::{History, OpId},
    verdict::{Anomaly, Verdict},
};

/// A checker that watches a history grow. The first anomaly it returns stops the run.
///
/// It is handed the history so far, whose last event is the one that it hears of; it need not look at any other
/// operation than that of the event.
pub trait Observer {
    /// Forgets the last run, keeping its memory.
    fn reset(&mut self);
    /// `op` was invoked.
    fn invoke(&mut self, op: OpId, history: &History);
    /// `op` completed. `Some`: no explanation of the history so far is left.
    fn complete(&mut self, op: OpId, history: &History) -> Option<Anomaly>;
    /// The run is over; operations still open may have taken effect or not.
    fn finish(&mut self, history: &History) -> Verdict;
    /// A copy with everything seen so far, for a snapshot of the world.
    fn fork(&self) -> Box<dyn Observer>;
    /// What it counted, if it counts, for a report.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
}

/// What `observer` says of a whole history, fed to it event by event.
pub fn observe(observer: &mut dyn Observer, history: &History) -> Verdict {
    use crate::history::Event;
    observer.reset();
    for &event in &history.events {
        match event {
            Event::Invoke(op) => observer.invoke(op, history),
            Event::Complete(op) => {
                if let Some(anomaly) = observer.complete(op, history) {
                    return Verdict::Invalid(anomaly);
                }
            }
        }
    }
    observer.finish(history)
}
