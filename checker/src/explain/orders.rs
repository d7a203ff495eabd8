//! Why no order of a few operations fits: the longest that does, and what keeps each of the others from following it.

use crate::{
    history::{Call, Completion, History, OpId},
    interner::Interner,
    model::Model,
};

/// So many combinations of operations and states are looked at.
const VISITS_MAX: usize = 100_000;
/// More operations than these are not put in order.
const OPERATIONS_MAX: usize = 32;

/// The longest order of operations that fits, and what each of those that completed and are not in it runs into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(super) taken: Vec<OpId>,
    pub(super) left: Vec<(OpId, Hindrance)>,
}

/// Why an operation cannot come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// It would have returned something else.
    Result,
    /// This one had completed before it was invoked, and is not in the order either.
    Waits(OpId),
}

/// The longest order of the operations of `part` that `M` and real time allow; `None` if there are too many to tell.
pub(crate) fn longest<M: Model>(part: &History) -> Option<Order> {
    if part.operations.len() > OPERATIONS_MAX {
        return None;
    }
    let mut search = Search::<M> { part, seen: Interner::new(), taken: Vec::new(), best: None };
    search.extend(&M::init());
    (search.seen.len() < VISITS_MAX).then_some(search.best?.1)
}

/// A depth-first search (Wing & Gong, 1993) that remembers where it was (Lowe, 2017).
struct Search<'a, M: Model> {
    part: &'a History,
    seen: Interner<(u32, M::State)>,
    taken: Vec<OpId>,
    /// How many completed operations the best order has, and that order.
    best: Option<(usize, Order)>,
}

impl<M: Model> Search<'_, M> {
    fn extend(&mut self, state: &M::State) {
        let mask = self.taken.iter().fold(0, |mask, op| mask | 1 << op.0);
        let known = self.seen.len();
        if known >= VISITS_MAX || self.seen.id((mask, state.clone())) < known as u32 {
            return;
        }
        let waiting: Vec<OpId> = self.ids().filter(|op| !self.taken.contains(op) && !self.has_failed(*op)).collect();
        let mut left = Vec::new();
        for &op in &waiting {
            let earlier = waiting.iter().find(|other| self.precedes(**other, op));
            let after = earlier.is_none().then(|| self.step(state, op)).flatten();
            if self.is_complete(op) && after.is_none() {
                left.push((op, earlier.map_or(Hindrance::Result, |earlier| Hindrance::Waits(*earlier))));
            }
            if let Some(after) = after {
                self.taken.push(op);
                self.extend(&after);
                self.taken.pop();
            }
        }
        self.remember(left);
    }

    fn remember(&mut self, left: Vec<(OpId, Hindrance)>) {
        let completed = self.taken.iter().filter(|op| self.is_complete(**op)).count();
        if self.best.as_ref().is_none_or(|(most, _)| completed > *most) {
            self.best = Some((completed, Order { taken: self.taken.clone(), left }));
        }
    }

    fn ids(&self) -> impl Iterator<Item = OpId> + use<M> {
        (0..self.part.operations.len() as u32).map(OpId)
    }

    fn step(&self, state: &M::State, op: OpId) -> Option<M::State> {
        let operation = self.part.operation(op);
        let output = match operation.completion {
            Some((Completion::Ok(output), _)) => Some(output),
            Some((Completion::Fail | Completion::Info, _)) | None => None,
        };
        M::step(state, &Call { key: 0, ..operation.call }, output, &self.part.values)
    }

    fn is_complete(&self, op: OpId) -> bool {
        matches!(self.part.operation(op).completion, Some((Completion::Ok(_), _)))
    }

    fn has_failed(&self, op: OpId) -> bool {
        matches!(self.part.operation(op).completion, Some((Completion::Fail, _)))
    }

    /// Whether `first` had completed when `second` was invoked.
    fn precedes(&self, first: OpId, second: OpId) -> bool {
        use crate::history::Event::{Complete, Invoke};
        let at = |event| self.part.events.iter().position(|other| *other == event);
        self.is_complete(first) && at(Complete(first)) < at(Invoke(second))
    }
}
