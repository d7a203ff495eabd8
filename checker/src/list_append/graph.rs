//! Which transaction comes before which, and whether that is possible.

use super::{Versions, append_of, list_of};
use crate::history::{Completion, Deed, Event, History, Micro, OpId};

/// Why one transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The other appended right after it.
    Appended {
        /// To this key.
        key: u32,
    },
    /// The other read the list up to what it had appended.
    WasRead {
        /// Of this key.
        key: u32,
    },
    /// It read the list as it was before the other appended to it.
    Missed {
        /// Of this key.
        key: u32,
    },
    /// It had completed when the other was invoked. Through nodes that stand for moments.
    RealTime,
}

/// One transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: OpId,
    pub(crate) to: OpId,
    pub(crate) reason: Reason,
}

const NONE: u32 = u32::MAX;

/// A directed graph of transactions and moments. Nodes below the number of operations are these.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    edges: Vec<(u32, u32, Reason)>,
    nodes: u32,
    /// By operation, whether it completed.
    completed: Vec<bool>,
    /// By node, its last edge; by edge, the one before it of the same node.
    last: Vec<u32>,
    before: Vec<u32>,
    indegree: Vec<u32>,
    ready: Vec<u32>,
}

impl Graph {
    /// Whether there is no order of the transactions of `events`, the first of `history`, of which `versions` tells.
    pub(super) fn has_circle(&mut self, versions: &Versions, events: &[Event], history: &History) -> bool {
        self.build(versions, events, history);
        self.sort() < self.nodes as usize
    }

    fn build(&mut self, versions: &Versions, events: &[Event], history: &History) {
        self.edges.clear();
        self.nodes = history.operations.len() as u32;
        self.completed.clear();
        self.completed.resize(self.nodes as usize, false);
        self.order_versions(versions);
        for event in events {
            if let Some((op, parts)) = completed(*event, history) {
                self.completed[op.0 as usize] = true;
                self.order_reads(op, parts, versions, history);
            }
        }
        self.order_unread(versions, events, history);
        self.order_by_time(events, history);
    }

    fn link(&mut self, from: u32, to: u32, reason: Reason) {
        if from != to {
            self.edges.push((from, to, reason));
        }
    }

    fn order_versions(&mut self, versions: &Versions) {
        for number in 0..versions.keys.len() {
            let key = *versions.keys.item(number as u32);
            for pair in versions.lists[number].windows(2) {
                let [from, to] = [pair[0], pair[1]].map(|append| versions.writers[append as usize].op.0);
                self.link(from, to, Reason::Appended { key });
            }
        }
    }

    fn order_reads(&mut self, op: OpId, parts: &[Micro], versions: &Versions, history: &History) {
        for (at, part) in parts.iter().enumerate().filter(|(_, part)| part.deed == Deed::Read) {
            let own = parts[..at].iter().filter(|before| before.key == part.key && before.deed == Deed::Append).count();
            let (list, len) = (versions.list(part.key), list_of(&part.value, &history.values).len());
            let writer = |at: usize| versions.writers[list[at] as usize].op.0;
            // Its own appends are at the end; before them is what others had done.
            if let Some(last) = len.checked_sub(own + 1) {
                self.link(writer(last), op.0, Reason::WasRead { key: part.key });
            }
            if len < list.len() {
                self.link(op.0, writer(len), Reason::Missed { key: part.key });
            }
        }
    }

    /// Whether a transaction completed, or something was read that it appended.
    fn took_effect(&self, op: OpId, parts: &[Micro], versions: &Versions) -> bool {
        self.completed[op.0 as usize] || parts.iter().filter_map(append_of).any(|append| !is_unread(append, versions))
    }

    /// Appends that nobody read come after everything that was read of their keys.
    fn order_unread(&mut self, versions: &Versions, events: &[Event], history: &History) {
        for event in events {
            let Event::Invoke(writer) = *event else { continue };
            let parts = history.values.micros(history.operation(writer).call.input);
            if !self.took_effect(writer, parts, versions) {
                continue;
            }
            for part in parts {
                let Some((key, _)) = append_of(part).filter(|append| is_unread(*append, versions)) else { continue };
                if let Some(last) = versions.list(key).last() {
                    self.link(versions.writers[*last as usize].op.0, writer.0, Reason::Appended { key });
                }
                for other in events {
                    let Some((reader, read)) = completed(*other, history) else { continue };
                    if read.iter().any(|part| part.deed == Deed::Read && part.key == key) {
                        self.link(reader.0, writer.0, Reason::Missed { key });
                    }
                }
            }
        }
    }

    /// A chain of moments, one for each completion, makes real time linear in the length of the history.
    fn order_by_time(&mut self, events: &[Event], history: &History) {
        let mut last = NONE;
        for event in events {
            match *event {
                Event::Invoke(op) if last != NONE => self.link(last, op.0, Reason::RealTime),
                Event::Invoke(_) => {}
                Event::Complete(op) if completed(*event, history).is_some() => {
                    let moment = self.nodes;
                    self.nodes += 1;
                    self.link(op.0, moment, Reason::RealTime);
                    if last != NONE {
                        self.link(last, moment, Reason::RealTime);
                    }
                    last = moment;
                }
                Event::Complete(_) => {}
            }
        }
    }

    /// How many nodes can be put in an order (Kahn, 1962).
    fn sort(&mut self) -> usize {
        self.index();
        self.ready.clear();
        self.ready.extend((0..self.nodes).filter(|node| self.indegree[*node as usize] == 0));
        let mut done = 0;
        while let Some(node) = self.ready.pop() {
            done += 1;
            let mut edge = self.last[node as usize];
            while edge != NONE {
                let to = self.edges[edge as usize].1;
                self.indegree[to as usize] -= 1;
                if self.indegree[to as usize] == 0 {
                    self.ready.push(to);
                }
                edge = self.before[edge as usize];
            }
        }
        done
    }

    fn index(&mut self) {
        self.indegree.clear();
        self.indegree.resize(self.nodes as usize, 0);
        self.last.clear();
        self.last.resize(self.nodes as usize, NONE);
        self.before.clear();
        for (at, (from, to, _)) in self.edges.iter().enumerate() {
            self.indegree[*to as usize] += 1;
            self.before.push(std::mem::replace(&mut self.last[*from as usize], at as u32));
        }
    }
}

/// The transaction that `event` completes, and what it did.
fn completed(event: Event, history: &History) -> Option<(OpId, &[Micro])> {
    let Event::Complete(op) = event else { return None };
    match history.operation(op).completion {
        Some((Completion::Ok(output), _)) => Some((op, history.values.micros(output))),
        Some((Completion::Fail | Completion::Info, _)) | None => None,
    }
}

fn is_unread((key, item): (u32, u64), versions: &Versions) -> bool {
    let append = versions.appends.find(&(key, item));
    append.is_none_or(|append| !versions.list(key).contains(&append))
}

/// What the transactions of `history` saw of each other, but for those that are wrong by themselves.
pub(crate) fn edges(history: &History) -> Vec<Edge> {
    let mut versions = Versions::default();
    let mut events = history.events.clone();
    events.retain(|event| match *event {
        Event::Invoke(op) => {
            versions.invoke(op, history);
            true
        }
        Event::Complete(op) => versions.complete(op, history).is_none(),
    });
    let mut graph = Graph::default();
    graph.build(&versions, &events, history);
    let seen = graph.edges.into_iter().filter(|(_, _, reason)| *reason != Reason::RealTime);
    seen.map(|(from, to, reason)| Edge { from: OpId(from), to: OpId(to), reason }).collect()
}
