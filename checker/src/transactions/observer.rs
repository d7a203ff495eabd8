//! A judge of transactions that looks at a run when it is over.

use super::{Holds, Options, Report, Transactions, Undecided, Witness, levels::Level};
use crate::{
    history::{History, OpId},
    observer::Observer,
    verdict::{Anomaly, Budget, Class, Evidence, Verdict},
};

/// Judges whole runs by strict serializability.
#[derive(Clone, Debug)]
pub struct AtEnd {
    judge: Transactions,
    options: Options,
}

impl AtEnd {
    /// A judge that has seen nothing.
    pub fn new(options: Options) -> Self {
        Self { judge: Transactions::new(), options }
    }
}

impl Observer for AtEnd {
    fn reset(&mut self) {}

    fn invoke(&mut self, _: OpId, _: &History) {}

    fn complete(&mut self, _: OpId, _: &History) -> Option<Anomaly> {
        None
    }

    fn finish(&mut self, history: &History) -> Verdict {
        verdict(self.judge.check(history, self.options), history)
    }

    fn fork(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }
}

/// Whether a history with this report is strictly serializable, named by the worst that is wrong.
///
/// That nobody depends on anybody is no reason to doubt a run: it is right in any order.
pub(crate) fn verdict(report: &Report, history: &History) -> Verdict {
    let is_gap = |undecided: &&Undecided| **undecided != Undecided::NoDependencies;
    match (report.findings.first(), report.undecided.iter().find(is_gap)) {
        (Some(finding), _) => {
            let evidence = Evidence::Operation(shown_by(&finding.witness, history));
            Verdict::Invalid(Anomaly {
                class: Class::Linearizability,
                name: finding.phenomenon.to_string().into(),
                evidence,
            })
        }
        (None, Some(Undecided::Search { .. })) => Verdict::Unknown(Budget::Steps),
        (None, Some(_)) => Verdict::Unknown(Budget::Ambiguous),
        (None, None) => {
            debug_assert_ne!(report.holds(Level::StrictSerializable), Holds::No);
            Verdict::Valid
        }
    }
}

/// The operation of a witness that completed last.
fn shown_by(witness: &Witness, history: &History) -> OpId {
    let completed = |op: &OpId| history.operation(*op).completion.map(|(_, at)| at);
    match witness {
        Witness::Cycle(steps) => steps.iter().map(|step| step.from).max_by_key(completed).unwrap_or(OpId(0)),
        Witness::Commit(steps) => steps.iter().filter_map(|step| step.from).max_by_key(completed).unwrap_or(OpId(0)),
        Witness::Place { op, other, .. } => [*op].into_iter().chain(*other).max_by_key(completed).unwrap_or(*op),
        Witness::EveryOrder | Witness::Versions { .. } => OpId(history.operations.len().saturating_sub(1) as u32),
    }
}
