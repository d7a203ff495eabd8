//! Finding operations of a history, and leaving some out.

use std::{collections::BTreeMap, ops::Range};

use crate::history::{Event, History, NodeId, OpId, Operation, Process};

/// The operations of a history by key, process and node, each in the order of invocation. Built once; it does not follow a
/// history that grows.
#[derive(Clone, Debug, Default)]
pub struct Index {
    keys: BTreeMap<u32, Vec<OpId>>,
    processes: BTreeMap<Process, Vec<OpId>>,
    nodes: BTreeMap<NodeId, Vec<OpId>>,
    /// By time of invocation.
    times: Vec<(u64, OpId)>,
}

impl Index {
    /// Indexes `history`. Operations of several keys are under each of them.
    pub fn new(history: &History) -> Self {
        let mut index = Self::default();
        for (op, operation) in (0..).map(OpId).zip(&history.operations) {
            for key in keys(history, operation) {
                index.keys.entry(key).or_default().push(op);
            }
            index.processes.entry(operation.process).or_default().push(op);
            index.nodes.entry(operation.node).or_default().push(op);
            index.times.push((operation.invoked_at, op));
        }
        index.times.sort_unstable();
        index
    }

    /// The operations that concern this key.
    pub fn of_key(&self, key: u32) -> &[OpId] {
        self.keys.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The operations of this process.
    pub fn of_process(&self, process: Process) -> &[OpId] {
        self.processes.get(&process).map_or(&[], Vec::as_slice)
    }

    /// The operations that were asked of this node first.
    pub fn of_node(&self, node: NodeId) -> &[OpId] {
        self.nodes.get(&node).map_or(&[], Vec::as_slice)
    }

    /// The operations invoked within these times, in nanoseconds.
    pub fn invoked_within(&self, times: Range<u64>) -> impl Iterator<Item = OpId> {
        let start = self.times.partition_point(|(at, _)| *at < times.start);
        let end = self.times.partition_point(|(at, _)| *at < times.end).max(start);
        self.times[start..end].iter().map(|(_, op)| *op)
    }
}

/// The keys that an operation concerns, each once.
fn keys(history: &History, operation: &Operation) -> Vec<u32> {
    let mut keys: Vec<u32> = history.values.micros(operation.call.input).iter().map(|part| part.key).collect();
    if keys.is_empty() {
        keys.push(operation.call.key);
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

impl History {
    /// The history of the operations that `keep` says yes to: of some functions only, or without a node. They are numbered anew.
    ///
    /// A part of a history can be wrong where the whole is right: what was read may have been written by what is left out.
    pub fn filter(&self, keep: impl Fn(&Operation) -> bool) -> Self {
        let (values, names) = (self.values.clone(), self.names.clone());
        let mut part = Self { functions: self.functions, values, names, ..Self::default() };
        let mut numbers: Vec<Option<OpId>> = vec![None; self.operations.len()];
        for &event in &self.events {
            match event {
                Event::Invoke(op) if keep(self.operation(op)) => {
                    let Operation { process, call, node, invoked_at, .. } = *self.operation(op);
                    numbers[op.0 as usize] = Some(part.invoke(process, call, node, invoked_at));
                }
                Event::Complete(op) => {
                    if let (Some(number), Some((completion, at))) =
                        (numbers[op.0 as usize], self.operation(op).completion)
                    {
                        part.complete(number, completion, at);
                    }
                }
                Event::Invoke(_) => {}
            }
        }
        part.names.renumber(&numbers);
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        list_append,
        model::{READ, WRITE},
        testing::{parse, parse_as},
    };

    const HISTORY: &str = "p0 write 1\np1 k2 write 5\np0 ok\np1 ok\np0 k2 read\np2 read\np0 ok 5\np2 ok 1";

    #[test]
    fn operations_are_found_by_key_process_node_and_time() {
        let index = Index::new(&parse(HISTORY));
        assert_eq!(index.of_key(1), [OpId(0), OpId(3)]);
        assert_eq!(index.of_key(2), [OpId(1), OpId(2)]);
        assert_eq!(index.of_key(7), []);
        assert_eq!(index.of_process(0), [OpId(0), OpId(2)]);
        assert_eq!(index.of_node(3), [OpId(3)]);
        assert_eq!(index.invoked_within(1_000_000..5_000_000).collect::<Vec<_>>(), [OpId(1), OpId(2)]);
        assert_eq!(index.invoked_within(Range { start: 9, end: 3 }).count(), 0);
    }

    #[test]
    fn a_transaction_is_under_each_of_its_keys() {
        let index = Index::new(&parse_as(list_append::FUNCTIONS, "p0 txn r1 a2=5 r2\np1 txn a1=3"));
        assert_eq!((index.of_key(1), index.of_key(2)), (&[OpId(0), OpId(1)][..], &[OpId(0)][..]));
        assert_eq!(index.of_key(0), []);
    }

    #[test]
    fn what_is_filtered_keeps_its_order_and_its_times() {
        let history = parse(HISTORY);
        let writes = history.filter(|one| one.call.function == WRITE);
        assert_eq!((writes.operations.len(), writes.events.len()), (2, 4));
        assert_eq!(writes.operations[1], history.operations[1]);
        let without = history.filter(|one| one.node != 1);
        assert!(without.operations.iter().all(|one| one.node != 1) && without.operations.len() == 2);
        assert_eq!(history.filter(|_| true), history);
        assert_eq!(history.filter(|one| one.call.function == READ).completed(), 2);
    }
}
