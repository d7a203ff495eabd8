//! A ring of nodes, each of which names the next, that transactions cut and join again: is it whole whenever one looks?
//!
//! FoundationDB's `Cycle` workload. A read of all nodes that completes must find one circle through every node, and the same nodes
//! as the first read did.

use std::collections::BTreeMap;

use super::{Checker, Heard, breach, spell, told};
use crate::{
    history::{OpId, Value},
    verdict::Anomaly,
};

/// The names of the functions: `read` returns a `List` of nodes, each with the next behind it; what `swap` takes is not looked at.
pub const FUNCTIONS: &[&str] = &["read", "swap"];
const READ: u8 = 0;

/// What a read found is no circle through all of its nodes.
pub const BROKEN_RING: &str = "broken-ring";
/// A read has more or fewer nodes than the first.
pub const RING_SIZE: &str = "ring-size";

/// The judge of one ring.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// The first read, and how many nodes it has.
    first: Option<(OpId, usize)>,
}

impl Checker for Ring {
    fn invoke(&mut self, _event: Heard<'_>) {}

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let output @ Value::List(_) = event.output().filter(|_| event.operation().call.function == READ)? else {
            return None;
        };
        let links = event.history.values.numbers(&output);
        let count = links.len() / 2;
        let (first, size) = *self.first.get_or_insert((event.op, count));
        let steps = steps(links);
        if steps != Some(count) {
            let (read, start) = (told(event.history, event.op), spell(event.history, *links.first()?));
            let way = steps.map_or("never comes back".to_owned(), |steps| format!("comes back after {steps} steps"));
            let sentence = format!("{read}, each node before its next, {way} to {start}, of {count} nodes");
            return breach(BROKEN_RING, &[event.op], sentence);
        }
        if count == size { None } else { resized(event, first, count, size) }
    }
}

/// How many steps it takes from the first node to the first node.
fn steps(links: &[u64]) -> Option<usize> {
    let next: BTreeMap<u64, u64> = links.chunks_exact(2).map(|link| (link[0], link[1])).collect();
    let start = *links.first()?;
    let mut at = start;
    (1..=next.len()).find(|_| {
        at = next.get(&at).copied().unwrap_or(at);
        at == start
    })
}

fn resized(event: Heard<'_>, first: OpId, count: usize, size: usize) -> Option<Anomaly> {
    let [before, now] = [first, event.op].map(|op| told(event.history, op));
    breach(RING_SIZE, &[first, event.op], format!("{now} has {count} nodes, {before} had {size}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::{family::Family, history::History};

    const FAMILY: Family = Family::Ring;

    #[test]
    fn the_ring_goes_through_all_nodes() {
        let whole = "0 read\n0 ok {0 1, 1 2, 2 0}\n1 swap\n1 ok\n0 read\n";
        check(FAMILY, &format!("{whole}0 ok {{0 2, 2 1, 1 0}}"), "valid");
        only(FAMILY, &format!("{whole}0 ok {{0 1, 1 0, 2 2}}"), "broken-ring");
        only(FAMILY, &format!("{whole}0 ok {{0 1, 1 2, 2 2}}"), "broken-ring");
        only(FAMILY, &format!("{whole}0 ok {{0 1, 1 0}}"), "ring-size");
        says(
            FAMILY,
            &format!("{whole}0 ok {{0 1, 1 0, 2 2}}"),
            "read(k1) -> [0 1 1 0 2 2] by p0, each node before its next, comes back after 2 steps to 0, of 3 nodes",
        );
    }

    /// The definition: every node is reached from every other, and all that is read has as many nodes.
    fn oracle(history: &History) -> Clauses {
        let mut reads: Vec<_> =
            ops(history).filter(|(_, one)| is_ok(one) && one.call.function == 0).map(|(op, _)| op).collect();
        reads.sort_by_key(|read| completed(history, *read));
        let reads: Vec<Vec<u64>> = reads.into_iter().map(|read| numbers(history, read)).collect();
        let is_whole = |links: &Vec<u64>| {
            let nodes: Vec<u64> = links.iter().step_by(2).copied().collect();
            let reach = |from: u64, to: u64| {
                let mut at = from;
                (0..nodes.len()).any(|_| {
                    at = nodes.iter().position(|node| *node == at).map_or(at, |place| links[2 * place + 1]);
                    at == to
                })
            };
            nodes.iter().all(|from| nodes.iter().all(|to| reach(*from, *to)))
        };
        clauses([
            ("broken-ring", !reads.iter().all(is_whole)),
            ("ring-size", reads.iter().any(|read| read.len() != reads[0].len())),
        ])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        compare(
            FAMILY,
            oracle,
            |_, _| "read".to_owned(),
            |_, pick, value| match pick % 32 {
                0 => "fail".to_owned(),
                1 => "info".to_owned(),
                2 => "ok {1 2, 2 1}".to_owned(),
                3 => format!("ok {{1 {}, 2 {}, 3 1}}", value % 4, 1 + value / 4 % 4),
                4..16 => "ok {1 3, 2 1, 3 2}".to_owned(),
                _ => "ok {1 2, 2 3, 3 1}".to_owned(),
            },
        );
    }
}
