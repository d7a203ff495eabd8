//! Did two nodes report different values for what must be one value?
//!
//! One mechanism serves every property of that form: the committed prefix of a replicated log (key: index, value: a
//! digest of the entry), election safety (key: term, value: the leader). The first value reported under a name and a
//! key is the truth; whoever contradicts it, the first reporter included, is the anomaly.
//!
//! Deliberately absent: values themselves (callers report digests) and any notion of which node is right.

use std::collections::BTreeMap;

use crate::{
    history::NodeId,
    verdict::{Anomaly, Class, Evidence},
};

/// Keys below this are array indices; memory grows to the largest one seen.
const DENSE_KEYS: u64 = 1 << 16;

/// The values that nodes have agreed on so far, by property and key.
#[derive(Debug)]
pub struct Agreement {
    /// A handful; found by a walk.
    properties: Vec<Property>,
    /// From 1. Entries of another epoch are forgotten.
    epoch: u32,
}

#[derive(Debug)]
struct Property {
    what: &'static str,
    dense: Vec<Dense>,
    sparse: BTreeMap<u64, (NodeId, u64)>,
}

impl Clone for Property {
    fn clone(&self) -> Self {
        let Self { what, dense, sparse } = self;
        Self { what, dense: dense.clone(), sparse: sparse.clone() }
    }

    /// Keeps the memory.
    fn clone_from(&mut self, from: &Self) {
        let Self { what, dense, sparse } = from;
        self.what = what;
        self.dense.clone_from(dense);
        self.sparse.clone_from(sparse);
    }
}

impl Clone for Agreement {
    fn clone(&self) -> Self {
        let Self { properties, epoch } = self;
        Self { properties: properties.clone(), epoch: *epoch }
    }

    /// Keeps the memory.
    fn clone_from(&mut self, from: &Self) {
        let Self { properties, epoch } = from;
        self.properties.clone_from(properties);
        self.epoch = *epoch;
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Dense {
    epoch: u32,
    node: NodeId,
    value: u64,
}

impl Default for Agreement {
    fn default() -> Self {
        Self::new()
    }
}

impl Agreement {
    /// Nothing reported yet.
    pub fn new() -> Self {
        Self { properties: Vec::new(), epoch: 1 }
    }

    /// Forgets every report, keeping the memory.
    pub fn reset(&mut self) {
        if self.epoch == u32::MAX {
            self.properties.clear();
            self.epoch = 0;
        }
        self.epoch += 1;
        self.properties.iter_mut().for_each(|property| property.sparse.clear());
    }

    /// `node` reports that the one value of `what` under `key` is `value`: "decided entry", 5, a digest.
    ///
    /// `Some` if that contradicts the first report. The anomaly is named after `what`, in lower case and with hyphens.
    #[inline]
    pub fn report(&mut self, what: &'static str, key: u64, node: NodeId, value: u64) -> Option<Anomaly> {
        let first = self.first_report(what, key, (node, value));
        (first.1 != value).then(|| conflict(what, key, first, (node, value)))
    }

    /// The first report of `what` under `key`, which `report` is if there was none.
    fn first_report(&mut self, what: &'static str, key: u64, report: (NodeId, u64)) -> (NodeId, u64) {
        let epoch = self.epoch;
        let property = self.property(what);
        if key >= DENSE_KEYS {
            return *property.sparse.entry(key).or_insert(report);
        }
        let index = key as usize;
        if index >= property.dense.len() {
            property.dense.resize((index + 1).next_power_of_two(), Dense::default());
        }
        let entry = &mut property.dense[index];
        if entry.epoch != epoch {
            *entry = Dense { epoch, node: report.0, value: report.1 };
        }
        (entry.node, entry.value)
    }

    fn property(&mut self, what: &'static str) -> &mut Property {
        let known = self.properties.iter().position(|property| property.what == what);
        let index = known.unwrap_or_else(|| {
            self.properties.push(Property { what, dense: Vec::new(), sparse: BTreeMap::new() });
            self.properties.len() - 1
        });
        &mut self.properties[index]
    }
}

#[cold]
fn conflict(what: &str, key: u64, first: (NodeId, u64), second: (NodeId, u64)) -> Anomaly {
    let name = what.to_lowercase().replace(' ', "-").into();
    Anomaly { class: Class::Agreement, name, evidence: Evidence::Conflict { key, first, second } }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines are `what key node value`, or `reset`; the answer is the conflict that the last line causes.
    #[track_caller]
    fn check(reports: &str, expected: &str) {
        let mut agreement = Agreement::default();
        let mut found = None;
        for line in reports.lines() {
            assert_eq!(found, None, "only the last report may conflict");
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["reset"] => agreement.reset(),
                [what, key, node, value] => {
                    let what = ["Decided entry", "leader"].into_iter().find(|known| known.starts_with(what)).unwrap();
                    let [key, value] = [key, value].map(|number| number.parse().unwrap());
                    found = agreement.report(what, key, node.parse().unwrap(), value);
                }
                _ => panic!("no report: {line}"),
            }
        }
        let found =
            found.map_or_else(|| "agreed".to_owned(), |anomaly| format!("{} {:?}", anomaly.name, anomaly.evidence));
        assert_eq!(found, expected);
    }

    #[test]
    fn nodes_that_report_the_same_agree() {
        check("Decided 5 1 70\nDecided 5 2 70\nDecided 5 1 70\nDecided 6 2 71", "agreed");
    }

    #[test]
    fn the_first_report_is_the_truth_and_the_second_the_conflict() {
        check("Decided 5 1 70\nDecided 5 2 71", "decided-entry Conflict { key: 5, first: (1, 70), second: (2, 71) }");
    }

    #[test]
    fn a_node_may_not_contradict_itself() {
        check("leader 1 1 1\nleader 1 1 2", "leader Conflict { key: 1, first: (1, 1), second: (1, 2) }");
    }

    #[test]
    fn properties_do_not_mix() {
        check("Decided 1 1 70\nleader 1 1 1", "agreed");
    }

    #[test]
    fn zero_is_a_key_and_a_value_like_any_other() {
        check("leader 0 1 0\nleader 0 2 0\nleader 0 2 1", "leader Conflict { key: 0, first: (1, 0), second: (2, 1) }");
    }

    #[test]
    fn large_keys_are_no_different() {
        let conflict = "leader Conflict { key: 18446744073709551615, first: (1, 1), second: (2, 2) }";
        check("leader 18446744073709551615 1 1\nleader 70000 2 2\nleader 18446744073709551615 2 2", conflict);
    }

    #[test]
    fn a_reset_forgets_all_reports() {
        check("leader 1 1 1\nleader 70000 1 1\nreset\nleader 1 1 2\nleader 70000 1 2", "agreed");
    }

    #[test]
    fn memory_is_kept_over_a_reset() {
        let mut agreement = Agreement::new();
        assert_eq!(agreement.report("leader", 1000, 1, 1), None);
        agreement.reset();
        assert_eq!(agreement.properties[0].dense.len(), 1024);
    }
}
