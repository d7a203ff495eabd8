//! An order of transactions that grows with the run: each comes after those that it must (Pearce & Kelly, 2006).
//!
//! Real time is a chain of moments, one for each completion: a transaction comes before the moment of its completion, and after the
//! last one before it was invoked.

use super::Wrong;
use crate::history::OpId;

const NONE: u32 = u32::MAX;

/// Transactions and moments in an order, with who has to come before whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// By node, its place in the order.
    places: Vec<u32>,
    /// By transaction, its node.
    nodes: Vec<u32>,
    last_moment: Option<u32>,
    /// By node, the last edge that leads out of it, and the last that leads to it.
    out: Vec<u32>,
    into: Vec<u32>,
    edges: Vec<Edge>,
    is_seen: Vec<bool>,
    after: Vec<u32>,
    before: Vec<u32>,
    stack: Vec<u32>,
    free: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    from: u32,
    to: u32,
    /// The one before it that leads out of the same node, and the one that leads to the same.
    next_out: u32,
    next_into: u32,
}

impl Order {
    pub(super) fn reset(&mut self) {
        self.places.clear();
        self.nodes.clear();
        self.last_moment = None;
        self.out.clear();
        self.into.clear();
        self.edges.clear();
        self.is_seen.clear();
    }

    /// A new node, behind all others.
    fn node(&mut self) -> u32 {
        let node = self.places.len() as u32;
        self.places.push(node);
        self.out.push(NONE);
        self.into.push(NONE);
        self.is_seen.push(false);
        node
    }

    /// A transaction is invoked, after all that completed.
    pub(super) fn invoke(&mut self, op: OpId) {
        let node = self.node();
        debug_assert_eq!(op.0 as usize, self.nodes.len(), "transactions are numbered as they are invoked");
        self.nodes.push(node);
        if let Some(moment) = self.last_moment {
            self.add(moment, node);
        }
    }

    /// A transaction completed, before all that are yet to be invoked.
    pub(super) fn complete(&mut self, op: OpId) {
        let moment = self.node();
        self.add(self.nodes[op.0 as usize], moment);
        if let Some(last) = self.last_moment.replace(moment) {
            self.add(last, moment);
        }
    }

    /// One transaction comes before another, unless that cannot be.
    pub(super) fn link(&mut self, from: OpId, to: OpId) -> Result<(), Wrong> {
        if from == to {
            return Ok(());
        }
        let [from, to] = [from, to].map(|op| self.nodes[op.0 as usize]);
        if self.places[from as usize] > self.places[to as usize] {
            self.reorder(from, to)?;
        }
        self.add(from, to);
        Ok(())
    }

    fn add(&mut self, from: u32, to: u32) {
        let edge = self.edges.len() as u32;
        let next_out = std::mem::replace(&mut self.out[from as usize], edge);
        let next_into = std::mem::replace(&mut self.into[to as usize], edge);
        self.edges.push(Edge { from, to, next_out, next_into });
    }

    /// Puts `to`, and what has to come after it, behind `from` and what has to come before that. Only what lies between them moves.
    fn reorder(&mut self, from: u32, to: u32) -> Result<(), Wrong> {
        let [low, high] = [to, from].map(|node| self.places[node as usize]);
        self.reach(to, |order, edge| (order.edges[edge as usize].to, order.edges[edge as usize].next_out), true, high);
        let meets = self.after.contains(&from);
        self.reach(
            from,
            |order, edge| (order.edges[edge as usize].from, order.edges[edge as usize].next_into),
            false,
            low,
        );
        let moved = || self.before.iter().chain(&self.after);
        moved().for_each(|node| self.is_seen[*node as usize] = false);
        if meets {
            return Err(Wrong);
        }
        let places = &self.places;
        self.before.sort_unstable_by_key(|node| places[*node as usize]);
        self.after.sort_unstable_by_key(|node| places[*node as usize]);
        self.free.clear();
        self.free.extend(self.before.iter().chain(&self.after).map(|node| places[*node as usize]));
        self.free.sort_unstable();
        for (node, place) in self.before.iter().chain(&self.after).zip(&self.free) {
            self.places[*node as usize] = *place;
        }
        Ok(())
    }

    /// Collects what can be reached from `start` within the part of the order that ends at `limit`.
    fn reach(&mut self, start: u32, step: impl Fn(&Self, u32) -> (u32, u32), is_forward: bool, limit: u32) {
        let mut found = std::mem::take(if is_forward { &mut self.after } else { &mut self.before });
        found.clear();
        self.stack.clear();
        self.stack.push(start);
        self.is_seen[start as usize] = true;
        while let Some(node) = self.stack.pop() {
            found.push(node);
            let mut edge = if is_forward { self.out[node as usize] } else { self.into[node as usize] };
            while edge != NONE {
                let (other, next) = step(self, edge);
                let place = self.places[other as usize];
                let is_within = if is_forward { place <= limit } else { place >= limit };
                if is_within && !self.is_seen[other as usize] {
                    self.is_seen[other as usize] = true;
                    self.stack.push(other);
                }
                edge = next;
            }
        }
        *(if is_forward { &mut self.after } else { &mut self.before }) = found;
    }
}
