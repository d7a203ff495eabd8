//! Is there, for every operation, an order of its causes that explains what it returned?
//!
//! Causal consistency (Ahamad et al., 1995), as Bouajjani, Enea, Guerraoui & Hamza define it in "On verifying causal consistency"
//! (2017): an operation is a cause of those after it in its process, a write of those that read its value. Where every value is written
//! once, a history is so unless it has one of four bad patterns, which vector clocks find (`sequential/causal.rs`). Real time does not
//! count, and processes may disagree on the order of writes of which neither is a cause of the other.
//!
//! A compare-and-set that matched is a read and a write. What ended `info` took effect if it was seen.
//!
//! Deliberately absent: the stronger causal memory and causal convergence of that paper, and models that are no registers.

use crate::{
    explain::{asked, plain},
    family::Family,
    history::{Completion, History, OpId, Value},
    model::{Model, Register},
    models::KeyValue,
    sequential::{
        Lane,
        causal::{Causes, Contradiction, Place},
        lanes,
    },
    verdict::{Anomaly, Budget, Class, Evidence, Verdict},
};

/// What a causally consistent history has nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A value was read that nobody wrote.
    ThinAirRead,
    /// An operation is a cause of itself.
    CyclicCo,
    /// Nothing was found though a cause of the reading had written.
    WriteCoInitRead,
    /// What was found had been overwritten, by a cause of the reading.
    WriteCoRead,
}

impl Pattern {
    /// The name of the anomaly.
    pub fn name(self) -> &'static str {
        match self {
            Self::ThinAirRead => "thin-air-read",
            Self::CyclicCo => "cyclic-causal-order",
            Self::WriteCoInitRead => "write-before-initial-read",
            Self::WriteCoRead => "causally-overwritten-read",
        }
    }
}

/// Why a history is not causally consistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which pattern it has.
    pub pattern: Pattern,
    /// The operations of the pattern: each of them causes the next.
    pub operations: Vec<OpId>,
    /// What is wrong, without a full stop.
    pub sentence: String,
    /// How each operation causes the next, a sentence each, without full stops.
    pub why: Vec<String>,
}

/// What was found, and whether all that was read told whose write it saw.
type Found = (Option<Violation>, bool);

/// The violation in a history of a family; `None`: its objects are not judged so.
fn find_as(family: Family, history: &History) -> Option<Found> {
    match family {
        Family::Register => Some(find::<Register>(history)),
        Family::KeyValue => Some(find::<KeyValue>(history)),
        _ => None,
    }
}

fn find<M: Model>(history: &History) -> Found {
    let lanes = lanes(history, history.events.len());
    let causes = Causes::gather::<M>(&lanes, &history.values);
    let teller = Teller { history, lanes: &lanes, causes: &causes };
    (causes.contradiction(&lanes).map(|found| teller.violation(found)), !causes.is_partial)
}

/// Judges whether a history of registers or of a key-value store is causally consistent; `None` for other families. It is not known
/// where nothing is wrong but a read may have seen one of several writes.
pub fn check_as(family: Family, history: &History) -> Option<Verdict> {
    Some(match find_as(family, history)? {
        (Some(Violation { pattern, operations, sentence, .. }), _) => {
            let (class, evidence) = (Class::Linearizability, Evidence::Operations { operations, sentence });
            Verdict::Invalid(Anomaly { class, name: pattern.name().into(), evidence })
        }
        (None, true) => Verdict::Valid,
        (None, false) => Verdict::Unknown(Budget::Ambiguous),
    })
}

/// Why a history is not causally consistent, if it is not.
pub fn violation_as(family: Family, history: &History) -> Option<Violation> {
    find_as(family, history)?.0
}

/// Says what was found.
struct Teller<'a> {
    history: &'a History,
    lanes: &'a [Lane],
    causes: &'a Causes,
}

impl Teller<'_> {
    fn violation(&self, found: Contradiction) -> Violation {
        let (pattern, chain) = match found {
            Contradiction::FromNowhere(reader) => (Pattern::ThinAirRead, vec![reader]),
            Contradiction::Cycle(place) => (Pattern::CyclicCo, self.causes.chain(self.lanes, place, place)),
            Contradiction::Overwritten { reader, source: None, over } => {
                (Pattern::WriteCoInitRead, self.causes.chain(self.lanes, over, reader))
            }
            Contradiction::Overwritten { reader, source: Some(source), over } => {
                let mut chain = self.causes.chain(self.lanes, source, over);
                chain.extend(self.causes.chain(self.lanes, over, reader).into_iter().skip(1));
                (Pattern::WriteCoRead, chain)
            }
        };
        let why = chain.windows(2).map(|link| self.link(link[0], link[1])).collect();
        let mut operations: Vec<OpId> = chain.iter().map(|place| self.op(*place)).collect();
        if pattern == Pattern::CyclicCo {
            operations.pop();
        }
        Violation { pattern, operations, sentence: self.sentence(found), why }
    }

    fn sentence(&self, found: Contradiction) -> String {
        match found {
            Contradiction::FromNowhere(reader) => {
                format!("{} found a value that nothing wrote which may have taken effect", self.by(reader))
            }
            Contradiction::Cycle(place) => format!("{} is a cause of itself", self.by(place)),
            Contradiction::Overwritten { reader, source: None, over } => {
                format!("{} found nothing, although {} is a cause of it", self.by(reader), self.by(over))
            }
            Contradiction::Overwritten { reader, source: Some(source), over } => {
                let (reader, source, over) = (self.by(reader), self.by(source), self.by(over));
                format!("{reader} found what {source} wrote, although {over}, which {source} caused, is a cause of it")
            }
        }
    }

    fn link(&self, cause: Place, effect: Place) -> String {
        let (one, other) = (self.by(cause), self.by(effect));
        if self.causes.has_read(effect, cause) {
            format!("{one} causes {other}, which found what it wrote")
        } else {
            format!("{one} causes {other}: its process did it before")
        }
    }

    fn op(&self, (lane, at): Place) -> OpId {
        self.lanes[lane].steps[at].op
    }

    /// `read(k1) -> nil by p3`.
    fn by(&self, place: Place) -> String {
        let op = self.op(place);
        let operation = self.history.operation(op);
        let call = asked(self.history, op);
        match (operation.completion, operation.call.input) {
            (Some((Completion::Ok(output), _)), Value::Nil) => {
                format!("{call} -> {} by p{}", plain(self.history, output), operation.process)
            }
            _ => format!("{call} by p{}", operation.process),
        }
    }
}

#[cfg(test)]
mod tests;
