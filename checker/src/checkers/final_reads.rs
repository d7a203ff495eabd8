//! What each node holds of a set in the end: is it there, the same on all nodes, and complete?
//!
//! A read is *final* if it was invoked when every add had ended, as far as any does. Of each node the last final read that
//! completed counts. *Final read missing*: a node that was asked anything has none. *Final reads differ*: two nodes do not hold
//! the same elements. *Lost*: an acknowledged element is not there. *Unexpected*: one is there that nobody had asked to add.
//! A history that names no nodes has one. Where nobody has a final read there is no verdict.

use std::collections::BTreeMap;

use super::{
    Checker, Figure, Heard, breach,
    elements::{Elements, Marks},
    numbers, output,
    set::{lost_from, unexpected_in},
    spell, told, verdict,
};
use crate::{
    history::{History, NodeId, OpId},
    verdict::{Anomaly, Budget, Verdict},
};

/// A node was not read in the end.
pub const FINAL_READ_MISSING: &str = "final-read-missing";
/// Two nodes hold different elements in the end.
pub const FINAL_READS_DIFFER: &str = "final-reads-differ";

/// The judge of what nodes hold in the end. Its functions are [`crate::set::FUNCTIONS`].
#[derive(Clone, Debug, Default)]
pub struct FinalReads {
    elements: Elements,
    /// By node, an operation that asked it, and its final read.
    nodes: BTreeMap<NodeId, Asked>,
    /// Position of the last event of an add.
    last_add: u32,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    first: OpId,
    last_read: Option<(OpId, u32)>,
}

impl Checker for FinalReads {
    fn invoke(&mut self, event: Heard<'_>) {
        self.elements.invoke(event);
        self.nodes.entry(event.operation().node).or_insert(Asked { first: event.op, last_read: None });
        if event.input().is_some() {
            self.last_add = event.at;
        }
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        if event.input().is_some() {
            self.last_add = event.at;
        }
        event.output()?;
        if self.elements.acknowledge(event).is_none()
            && let Some(asked) = self.nodes.get_mut(&event.operation().node)
        {
            asked.last_read = Some((event.op, event.invoked));
        }
        None
    }

    fn finish(&mut self, history: &History) -> Verdict {
        let last_add = self.last_add;
        let is_final =
            |asked: &Asked| asked.last_read.filter(|(_, invoked)| *invoked >= last_add).map(|(read, _)| read);
        let reads: Vec<OpId> = self.nodes.values().filter_map(is_final).collect();
        if reads.is_empty() {
            return Verdict::Unknown(Budget::Unread);
        }
        let without = self.nodes.iter().find(|(_, asked)| is_final(asked).is_none());
        let missing = without.and_then(|(node, asked)| {
            let first = told(history, asked.first);
            let sentence = format!("n{node}, which {first} had asked, was not read after the last add had ended");
            breach(FINAL_READ_MISSING, &[asked.first], sentence)
        });
        // Where reads do not differ, the first stands for all.
        verdict(missing.or_else(|| differ(history, &reads)).or_else(|| self.odd(history, reads[0])))
    }

    fn figures(&self) -> Vec<Figure> {
        vec![Figure::new("nodes", self.nodes.len()), Figure::new("attempts", self.elements.adds().len())]
    }
}

impl FinalReads {
    /// What is lost or unexpected in a read.
    fn odd(&self, history: &History, read: OpId) -> Option<Anomaly> {
        let mut marks = Marks::default();
        let unexpected = self.elements.sift(numbers(history, read), &mut marks).unexpected;
        let lost = lost_from(history, &self.elements, read, &self.elements.lost(&marks));
        lost.or_else(|| unexpected_in(history, read, &unexpected))
    }
}

/// The first read that has other elements than the first, as sets.
fn differ(history: &History, reads: &[OpId]) -> Option<Anomaly> {
    let elements = |read: OpId| {
        let mut items = numbers(history, read).to_vec();
        items.sort_unstable();
        items.dedup();
        items
    };
    let first = elements(reads[0]);
    let is_equal = |read: &&OpId| output(history, **read) == output(history, reads[0]);
    reads[1..].iter().filter(|read| !is_equal(read)).find_map(|read| {
        let other = elements(*read);
        let only_one = first.iter().find(|item| other.binary_search(item).is_err());
        let item = only_one.or_else(|| other.iter().find(|item| first.binary_search(item).is_err()))?;
        let [one, two] = [reads[0], *read].map(|op| (told(history, op), history.operation(op).node));
        let item = spell(history, *item);
        let sentence = format!("{} at n{} and {} at n{} do not agree on {item}", one.0, one.1, two.0, two.1);
        breach(FINAL_READS_DIFFER, &[reads[0], *read], sentence)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::testing::*;
    use crate::{family::Family, history::History};

    const FAMILY: Family = Family::FinalReads;
    const ADDED: &str = "0@1 add 1\n0@1 ok\n1@2 read\n1@2 ok []\n";

    #[test]
    fn every_node_holds_the_same_and_all_of_it() {
        check(FAMILY, &format!("{ADDED}0@1 read\n0@1 ok [1]\n1@2 read\n1@2 ok [1]"), "valid");
        only(FAMILY, &format!("{ADDED}0@1 read\n0@1 ok []\n1@2 read\n1@2 ok []"), "lost");
        only(FAMILY, &format!("{ADDED}0@1 read\n0@1 ok [1 2]\n1@2 read\n1@2 ok [1 2]"), "unexpected");
        check(FAMILY, "0@1 add 1\n0@1 ok", "unknown");
    }

    #[test]
    fn every_node_is_read_when_all_adds_have_ended() {
        only(FAMILY, "0@1 add 1\n0@1 ok\n1@2 read\n1@2 ok [1]\n2@3 read\n2@3 fail", "final-read-missing");
        let early = "0@1 add 1\n1@2 read\n1@2 ok []\n0@1 ok\n0@1 read\n0@1 ok [1]";
        only(FAMILY, early, "final-read-missing");
        says(FAMILY, early, "n2, which read(k1) -> [] by p1 had asked, was not read after the last add had ended");
    }

    #[test]
    fn nodes_agree() {
        let text = "0@1 add 1\n0@1 info\n0@1 read\n0@1 ok [1]\n1@2 read\n1@2 ok []";
        only(FAMILY, text, "final-reads-differ");
        says(FAMILY, text, "read(k1) -> [1] by p0 at n1 and read(k1) -> [] by p1 at n2 do not agree on 1");
    }

    /// The definition, node by node.
    fn oracle(history: &History) -> Clauses {
        let adds = || ops(history).filter(|(_, one)| one.call.function == 0);
        let reads = last_reads(history);
        let items = |read| numbers(history, read).into_iter().collect();
        let finals: Vec<BTreeSet<u64>> = reads.iter().flatten().copied().map(items).collect();
        if finals.is_empty() {
            return None;
        }
        let asked: BTreeSet<u64> = adds().filter_map(|(_, one)| int(one.call.input)).collect();
        let sure: BTreeSet<u64> =
            adds().filter(|(_, one)| is_ok(one)).filter_map(|(_, one)| int(one.call.input)).collect();
        clauses([
            ("final-read-missing", finals.len() < reads.len()),
            ("final-reads-differ", finals.iter().any(|read| *read != finals[0])),
            ("lost", finals.iter().any(|read| !sure.is_subset(read))),
            ("unexpected", finals.iter().any(|read| !read.is_subset(&asked))),
        ])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke = |pick, _| if pick % 5 == 0 { "add 0".to_owned() } else { "read".to_owned() };
        compare(FAMILY, oracle, invoke, |function, pick, value| match (function, pick % 16) {
            (_, 0) => "fail".to_owned(),
            (_, 1) => "info".to_owned(),
            ("read", 2) => format!("ok {}", subset(value, 2)),
            ("read", _) => "ok [0]".to_owned(),
            _ => "ok".to_owned(),
        });
    }
}
