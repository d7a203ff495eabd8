//! Convergence: do all replicas hold the same once nobody writes any more?
//!
//! Of every object, the last reads that were invoked after its last update had ended, one of each node, or of each process where the
//! history names no nodes, return the same. What that is is not looked at: strong eventual consistency (Shapiro et al., 2011)
//! without an object's meaning. Lists are compared as sets if what the history does is `add`. With fewer than two such
//! reads there is no verdict.

use std::collections::BTreeMap;

use super::{Checker, Heard, breach, numbers, output, replica, told, verdict};
use crate::{
    history::{History, OpId, Value},
    verdict::{Anomaly, Budget, Verdict},
};

/// The names of the functions: `read` returns anything; all others update. They are those of [`super::monotonic::FUNCTIONS`].
pub use super::monotonic::FUNCTIONS;
const READ: u8 = 0;
const ADD: u8 = 2;

/// Two replicas hold different values in the end.
pub const DIVERGED: &str = "diverged";

/// The judge of one object.
#[derive(Clone, Debug, Default)]
pub struct Convergence {
    /// The last read of each replica, and the position of its invocation.
    reads: BTreeMap<u64, (OpId, u32)>,
    /// Position of the last event of an update.
    last_update: u32,
    has_adds: bool,
}

impl Convergence {
    fn note(&mut self, event: Heard<'_>) {
        let function = event.operation().call.function;
        self.has_adds |= function == ADD;
        if function != READ {
            self.last_update = event.at;
        }
    }

    fn is_same(&self, history: &History, one: OpId, other: OpId) -> bool {
        match (output(history, one), output(history, other)) {
            (Some(Value::List(_)), Some(Value::List(_))) if self.has_adds => {
                let [mut one, mut other] = [one, other].map(|op| numbers(history, op).to_vec());
                one.sort_unstable();
                other.sort_unstable();
                one == other
            }
            (one, other) => one == other,
        }
    }
}

impl Checker for Convergence {
    fn invoke(&mut self, event: Heard<'_>) {
        self.note(event);
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        self.note(event);
        let operation = event.operation();
        event.output().filter(|_| operation.call.function == READ)?;
        self.reads.insert(replica(operation), (event.op, event.invoked));
        None
    }

    fn finish(&mut self, history: &History) -> Verdict {
        let late = self.reads.values().filter(|(_, invoked)| *invoked >= self.last_update);
        let reads: Vec<OpId> = late.map(|(op, _)| *op).collect();
        let [first, rest @ ..] = &reads[..] else { return Verdict::Unknown(Budget::Unread) };
        if rest.is_empty() {
            return Verdict::Unknown(Budget::Unread);
        }
        let other = rest.iter().find(|other| !self.is_same(history, *first, **other));
        verdict(other.and_then(|other| {
            let [one, two] = [*first, *other].map(|op| told(history, op));
            breach(DIVERGED, &[*first, *other], format!("{one} and {two} differ, though every update had ended before"))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{output, testing::*};
    use crate::{family::Family, history::History};

    const FAMILY: Family = Family::Convergence;

    #[test]
    fn replicas_agree_in_the_end() {
        let written = "0@1 write 1\n0@1 ok\n1@2 read\n1@2 ok nil\n0@1 read\n0@1 ok 1\n1@2 read\n";
        check(FAMILY, &format!("{written}1@2 ok 1"), "valid");
        only(FAMILY, &format!("{written}1@2 ok nil"), "diverged");
        check(FAMILY, "0@1 write 1\n1@2 read\n1@2 ok nil\n0@1 ok\n0@1 read\n0@1 ok 1", "unknown");
        says(
            FAMILY,
            &format!("{written}1@2 ok nil"),
            "read(k1) -> 1 by p0 and read(k1) by p1 differ, though every update had ended before",
        );
    }

    #[test]
    fn sets_have_no_order_and_lists_have() {
        let read = "0@1 read\n0@1 ok [1 2]\n1@2 read\n1@2 ok [2 1]";
        check(FAMILY, &format!("0@1 add 1\n0@1 ok\n{read}"), "valid");
        only(FAMILY, &format!("0@1 append 1\n0@1 ok\n{read}"), "diverged");
    }

    #[test]
    fn processes_stand_for_nodes_where_none_are_named() {
        only(FAMILY, "0 read\n0 ok 1\n1 read\n1 ok 2", "diverged");
    }

    /// The definition, replica by replica.
    fn oracle(history: &History) -> Clauses {
        let updates = || ops(history).filter(|(_, one)| one.call.function > 0);
        let ends = |op| [invoked(history, op), Some(completed(history, op)).filter(|at| *at < usize::MAX).unwrap_or(0)];
        let last = updates().flat_map(|(op, _)| ends(op)).max().unwrap_or(0);
        let read = |node: u16| {
            let of = ops(history).filter(move |(_, one)| one.node == node && one.call.function == 0 && is_ok(one));
            let read = of.max_by_key(|(op, _)| completed(history, *op))?.0;
            let value = if updates().any(|(_, one)| one.call.function == 2) {
                let mut items = numbers(history, read);
                items.sort_unstable();
                format!("{items:?}")
            } else {
                format!("{:?}", output(history, read))
            };
            (invoked(history, read) >= last).then_some(value)
        };
        let reads: Vec<String> = (1..4).filter_map(read).collect();
        if reads.len() < 2 {
            return None;
        }
        clauses([("diverged", reads.iter().any(|read| *read != reads[0]))])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke = |pick, value| match pick % 16 {
            0 => format!("add {value}"),
            1 => format!("append {value}"),
            _ => "read".to_owned(),
        };
        compare(FAMILY, oracle, invoke, |function, pick, _| match (function, pick % 16) {
            (_, 0) => "fail".to_owned(),
            (_, 1) => "info".to_owned(),
            ("read", 2) => "ok [1]".to_owned(),
            ("read", 3..5) => "ok [2 1]".to_owned(),
            ("read", _) => "ok [1 2]".to_owned(),
            _ => "ok".to_owned(),
        });
    }
}
