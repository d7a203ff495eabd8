//! Objects that replicate later: does each node show what it acknowledged, and in the end every node all of it?
//!
//! While updates go on, a read has what its own node had acknowledged ([`View::Node`]); what that means is the object's own judge's
//! to say, [`GSet`](super::g_set::GSet) or [`CounterRange`](super::counter::CounterRange). Once they are over, of each node the last read
//! is final, and all of them
//!
//! * return the same, lists in any order: else they *diverged*;
//! * have all that was acknowledged anywhere, and nothing else, as the same judge says it of [`View::Global`].
//!
//! That is strong eventual consistency (Shapiro et al., 2011) with the object's meaning; [`super::convergence`] judges without it. Which
//! reads are final, [`History::final_reads`] says. No verdict where a node that was asked has no final read; what others read is
//! compared all the same.

use std::collections::BTreeMap;

use super::{
    Checker, Figure, Heard, breach, convergence::DIVERGED, counter::View, events_of, numbers, output, replica, told,
    verdict,
};
use crate::{
    history::{Event, FinalReads, History, OpId, Value},
    verdict::{Anomaly, Budget, Verdict},
};

/// The judge of one object.
#[derive(Clone, Debug)]
pub struct Replicated<C> {
    /// Of all reads, by what their nodes had acknowledged.
    by_node: C,
    /// Of the final ones, by what anybody had; it has heard nothing.
    whole: C,
    /// Index of the function that reads; all others update.
    read: u8,
    key: Option<u32>,
    /// By node, its last read that completed, and the position of the invocation of that.
    replicas: BTreeMap<u64, Option<(OpId, u32)>>,
    /// Position of the last event of an update.
    last_update: u32,
}

impl<C: Checker> Replicated<C> {
    /// One whose judge of a view `new` makes, for the function `read` and others that update.
    pub fn new(new: fn(View) -> C, read: u8) -> Self {
        let (by_node, whole) = (new(View::Node), new(View::Global));
        Self { by_node, whole, read, key: None, replicas: BTreeMap::new(), last_update: 0 }
    }

    fn is_read(&self, event: Heard<'_>) -> bool {
        event.operation().call.function == self.read
    }

    /// Of each node that was asked, its final read.
    fn final_reads(&self, history: &History) -> Vec<Option<OpId>> {
        let is_final = |(read, at): &(OpId, u32)| match history.final_reads {
            FinalReads::AfterUpdates => *at >= self.last_update,
            FinalReads::From(time) => history.operation(*read).invoked_at >= time,
            FinalReads::Nowhere => false,
        };
        self.replicas.values().map(|read| read.filter(is_final).map(|(read, _)| read)).collect()
    }

    /// What is wrong with these reads if they must have all that was acknowledged.
    fn lacking(&self, history: &History, reads: &[OpId]) -> Option<Anomaly> {
        let mut judge = self.whole.clone();
        let told = |event: &Heard<'_>| !self.is_read(*event) || reads.contains(&event.op);
        // It knows beforehand which updates failed, and has nothing to add at the end.
        events_of(history, self.key?).filter(|(_, event)| told(event)).find_map(|(event, heard)| match event {
            Event::Invoke(_) => {
                judge.invoke(heard);
                None
            }
            Event::Complete(_) => judge.complete(heard),
        })
    }
}

/// Whether two reads returned the same, lists in any order.
fn is_same(history: &History, one: OpId, other: OpId) -> bool {
    match (output(history, one), output(history, other)) {
        (Some(Value::List(_)), Some(Value::List(_))) => {
            let [one, other] = [one, other].map(|op| {
                let mut items = numbers(history, op).to_vec();
                items.sort_unstable();
                items
            });
            one == other
        }
        (one, other) => one == other,
    }
}

/// The first of `reads` that is not the same as the first.
fn differ(history: &History, reads: &[OpId]) -> Option<Anomaly> {
    let first = *reads.first()?;
    let other = *reads.iter().find(|read| !is_same(history, first, **read))?;
    let at = |op| match history.operation(op).node {
        0 => told(history, op),
        node => format!("{} at n{node}", told(history, op)),
    };
    let sentence = format!("{} and {} differ, though every update had ended before", at(first), at(other));
    breach(DIVERGED, &[first, other], sentence)
}

impl<C: Checker> Checker for Replicated<C> {
    fn invoke(&mut self, event: Heard<'_>) {
        let operation = event.operation();
        self.key = Some(operation.call.key);
        self.replicas.entry(replica(operation)).or_default();
        if !self.is_read(event) {
            self.last_update = event.at;
        }
        self.by_node.invoke(event);
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        if !self.is_read(event) {
            self.last_update = event.at;
        } else if event.output().is_some() {
            self.replicas.insert(replica(event.operation()), Some((event.op, event.invoked)));
        }
        self.by_node.complete(event)
    }

    fn finish(&mut self, history: &History) -> Verdict {
        let online = self.by_node.finish(history);
        if online != Verdict::Valid || history.final_reads == FinalReads::Nowhere {
            return online;
        }
        let reads = self.final_reads(history);
        let there: Vec<OpId> = reads.iter().copied().flatten().collect();
        let is_whole = !there.is_empty() && there.len() == reads.len();
        match differ(history, &there) {
            None if !is_whole => Verdict::Unknown(Budget::Unread),
            found => verdict(found.or_else(|| self.lacking(history, &there))),
        }
    }

    fn figures(&self) -> Vec<Figure> {
        vec![Figure::new("nodes", self.replicas.len())]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::testing::*, is_same};
    use crate::{
        checkers::{ByKey, g_set::GSet},
        family::Family,
        history::{FinalReads, History, OpId},
        observer::observe,
    };

    const SET: Family = Family::ReplicatedSet;
    const COUNTER: Family = Family::ReplicatedCounter;
    const ADDED: &str = "0@1 add 1\n0@1 ok\n";

    #[test]
    fn nodes_are_the_same_in_the_end() {
        check(SET, &format!("{ADDED}0@1 read\n0@1 ok [1]\n1@2 read\n1@2 ok [1]"), "valid");
        check(SET, "0@1 add 1\n0@1 ok\n0@1 add 2\n0@1 ok\n0@1 read\n0@1 ok [1 2]\n1@2 read\n1@2 ok [2 1]", "valid");
        // What was acknowledged to nobody may be there, but then it is everywhere.
        let unsure = "2@3 add 2\n2@3 info\n2@3 read\n2@3 ok [1 2]";
        check(SET, &format!("0@1 add 1\n0@1 ok\n{unsure}\n0@1 read\n0@1 ok [1 2]"), "valid");
        only(SET, &format!("0@1 add 1\n0@1 ok\n{unsure}\n0@1 read\n0@1 ok [1]"), "diverged");
        check(COUNTER, "0@1 add 1\n0@1 ok\n0@1 read\n0@1 ok 1\n1@2 read\n1@2 ok 1", "valid");
        only(COUNTER, "0@1 add 1\n0@1 info\n1@1 read\n1@1 ok 1\n2@2 read\n2@2 ok 0", "diverged");
        says(
            COUNTER,
            "0@1 add 1\n0@1 info\n1@1 read\n1@1 ok 1\n2@2 read\n2@2 ok 0",
            "read(k1) -> 1 by p1 at n1 and read(k1) -> 0 by p2 at n2 differ, though every update had ended before",
        );
    }

    #[test]
    fn nodes_have_all_of_it_in_the_end_and_nothing_else() {
        // Each has its own add, and one of the two is lost.
        let read = |found| format!("0@1 read\n0@1 ok {found}\n1@2 read\n1@2 ok {found}");
        let added = "0@1 add 1\n0@1 ok\n1@2 add 1\n1@2 ok\n";
        only(COUNTER, &format!("{added}{}", read(1)), "out-of-range");
        check(COUNTER, &format!("{added}{}", read(2)), "valid");
        only(COUNTER, &format!("{added}{}", read(3)), "out-of-range");
        // A node that is not read may have what the others lack.
        check(SET, "2@3 add 1\n2@3 ok\n0@1 read\n0@1 ok []\n1@2 read\n1@2 ok []", "unknown");
    }

    #[test]
    fn a_node_shows_what_it_acknowledged_whoever_asks() {
        only(SET, "0@1 add 1\n0@1 ok\n1@1 read\n1@1 ok []\n1@1 read\n1@1 ok [1]", "missing");
        check(SET, "0@1 add 1\n0@1 ok\n1@2 read\n1@2 ok []\n0@1 add 2\n1@2 read\n0@1 ok\n1@2 ok []", "unknown");
        only(SET, "0@2 add 1\n1@1 read\n1@1 ok [1]\n2@1 read\n2@1 ok []\n2@1 read\n2@1 ok [1]", "non-monotonic-read");
        // Of two reads at a time neither is the later.
        check(
            SET,
            "0@2 add 1\n1@1 read\n2@1 read\n1@1 ok [1]\n2@1 ok []\n0@2 info\n0@2 read\n0@2 ok [1]\n1@1 read\n1@1 ok [1]",
            "valid",
        );
        only(COUNTER, "0@1 add 1\n0@1 ok\n1@1 read\n1@1 ok 0\n1@1 read\n1@1 ok 1", "out-of-range");
    }

    #[test]
    fn whoever_wrote_the_history_may_know_which_reads_are_final() {
        let text = format!("{ADDED}0@1 read\n0@1 ok [1]\n1@2 read\n1@2 ok []\n");
        let verdict = |from| {
            let history = History { final_reads: from, ..history(SET, &text) };
            let verdict = observe(&mut *SET.judge(0), &history);
            verdict.anomaly().map(|found| found.name.to_string())
        };
        assert_eq!(verdict(FinalReads::AfterUpdates), Some("diverged".to_owned()));
        assert_eq!(verdict(FinalReads::From(2)), Some("diverged".to_owned()));
        assert_eq!(verdict(FinalReads::From(4)), None);
        assert_eq!(verdict(FinalReads::Nowhere), None);
    }

    /// The definition of the end, node by node; what is online is the judge's of the object.
    fn oracle(history: &History) -> Clauses {
        let adds = || ops(history).filter(|(_, one)| one.call.function == 0);
        let reads = last_reads(history);
        let finals: Vec<OpId> = reads.iter().flatten().copied().collect();
        let differ = finals.iter().any(|read| !is_same(history, *read, finals[0]));
        let holds = |name: &'static str| {
            let by_node = observe(&mut ByKey::new(GSet::new(super::View::Node)), history);
            by_node.anomaly().is_some_and(|found| found.name == name)
        };
        let online = ["missing", "non-monotonic-read", "unexpected"].map(|name| (name, holds(name)));
        if online.iter().all(|(_, holds)| !holds) && !differ && (finals.is_empty() || finals.len() < reads.len()) {
            return None;
        }
        let items = |read: OpId| numbers(history, read).into_iter().collect::<BTreeSet<u64>>();
        let sure = || adds().filter(|(_, one)| is_ok(one)).filter_map(|(_, one)| int(one.call.input)).collect();
        let lacks =
            finals.len() == reads.len() && finals.iter().any(|read| !BTreeSet::is_subset(&sure(), &items(*read)));
        let (any_online, [missing, gone, unexpected]) = (online.iter().any(|(_, holds)| *holds), online);
        clauses([("diverged", differ), ("missing", missing.1 || (lacks && !any_online)), gone, unexpected])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke = |pick, _| if pick % 8 == 0 { "add 0".to_owned() } else { "read".to_owned() };
        compare(SET, oracle, invoke, |function, pick, value| match (function, pick % 16) {
            (_, 0) => "fail".to_owned(),
            (_, 1) => "info".to_owned(),
            ("read", 2) => format!("ok {}", subset(value, 2)),
            ("read", 3) => "ok [0]".to_owned(),
            ("read", _) => "ok []".to_owned(),
            (_, 2..12) => "fail".to_owned(),
            _ => "ok".to_owned(),
        });
    }
}
