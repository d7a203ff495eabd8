//! Who comes before whom: a graph of transactions, in a few words a transaction.
//!
//! Real time needs no edges: a transaction leads to the *moment* of its completion, a moment to the next one and to what was invoked
//! in between. Where many come before many, *joints* take the place of most edges; what leads out of one is of the kind that led in.

use super::{
    compact::{Compact, Fate, NONE},
    levels::Level,
    phenomena::Relation,
    report::Dependency,
};
use crate::{
    history::{Event, History},
    interner::Interner,
};

/// Kinds of edges. The first ones are those of [`Dependency`].
pub(super) const WW: u32 = Dependency::Ww as u32;
pub(super) const WR: u32 = Dependency::Wr as u32;
pub(super) const RW: u32 = Dependency::Rw as u32;
pub(super) const PROCESS: u32 = Dependency::Process as u32;
pub(super) const REALTIME: u32 = Dependency::Realtime as u32;
pub(super) const PREDICATE_WR: u32 = Dependency::PredicateWr as u32;
pub(super) const PREDICATE_RW: u32 = Dependency::PredicateRw as u32;
/// What leads out of a joint or a moment.
pub(super) const SAME: u32 = 7;

/// A set of kinds.
pub(super) const fn kinds(kinds: &[u32]) -> u32 {
    let (mut mask, mut at) = (1 << SAME, 0);
    while at < kinds.len() {
        mask |= 1 << kinds[at];
        at += 1;
    }
    mask
}

const KIND: u32 = 29;
const TARGET: u32 = (1 << KIND) - 1;

/// Where edges go: counted first, then stored.
pub(super) struct Sink<'a> {
    /// By node, how many edges it has; when they are stored, where the next belongs.
    heads: &'a mut Vec<u32>,
    /// `None`: they are counted.
    edges: Option<&'a mut Vec<u32>>,
    joints: u32,
    base: u32,
}

impl Sink<'_> {
    /// One comes before another; nothing comes before itself.
    #[inline]
    pub(super) fn link(&mut self, from: u32, to: u32, dependency: Dependency) {
        if from != to {
            self.put(from, to, dependency as u32);
        }
    }

    #[inline]
    fn put(&mut self, from: u32, to: u32, kind: u32) {
        let head = &mut self.heads[from as usize];
        if let Some(edges) = &mut self.edges {
            edges[*head as usize] = to | kind << KIND;
        }
        *head += 1;
    }

    /// A new node.
    fn joint(&mut self) -> u32 {
        let node = self.base + self.joints;
        self.joints += 1;
        if self.heads.len() <= node as usize {
            self.heads.push(0);
        }
        node
    }
}

/// Puts everybody of one group before everybody of another.
#[derive(Clone, Debug, Default)]
pub(super) struct Fan {
    writers: Vec<u32>,
}

impl Fan {
    /// Every reader comes before every writer that is another transaction, by *rw*.
    pub(super) fn link(
        &mut self,
        readers: impl Iterator<Item = u32> + Clone,
        writers: impl Iterator<Item = u32>,
        sink: &mut Sink<'_>,
    ) {
        self.writers.clear();
        self.writers.extend(writers);
        self.writers.sort_unstable();
        self.writers.dedup();
        let (many, others) = (readers.clone().count(), self.writers.len());
        if many * others > 4 * (many + others) {
            return self.link_by_joints(readers, sink);
        }
        for reader in readers {
            self.writers.iter().for_each(|writer| sink.link(reader, *writer, Dependency::Rw));
        }
    }

    /// Joint `2i` leads to the writers up to the one at `i`, joint `2i + 1` to that one and the later ones.
    fn link_by_joints(&self, readers: impl Iterator<Item = u32>, sink: &mut Sink<'_>) {
        let first = sink.base + sink.joints;
        let count = self.writers.len() as u32;
        for _ in 0..2 * count {
            sink.joint();
        }
        for (at, writer) in (0..).zip(&self.writers) {
            let [up_to, from] = [first + 2 * at, first + 2 * at + 1];
            sink.put(up_to, *writer, SAME);
            sink.put(from, *writer, SAME);
            if at > 0 {
                sink.put(up_to, up_to - 2, SAME);
            }
            if at + 1 < count {
                sink.put(from, from + 2, SAME);
            }
        }
        for reader in readers {
            match self.writers.binary_search(&reader) {
                Err(_) => sink.put(reader, first + 1, RW),
                Ok(at) => {
                    let at = at as u32;
                    if at > 0 {
                        sink.put(reader, first + 2 * (at - 1), RW);
                    }
                    if at + 1 < count {
                        sink.put(reader, first + 2 * (at + 1) + 1, RW);
                    }
                }
            }
        }
    }
}

/// The graph. Nodes are transactions, then joints, then moments.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    /// By transaction or joint, where its edges begin.
    heads: Vec<u32>,
    edges: Vec<u32>,
    transactions: u32,
    /// By transaction, its moment; none if it did not commit.
    moments: Vec<u32>,
    /// By moment, the first transaction invoked after it.
    next: Vec<u32>,
    processes: Processes,
}

/// The last transaction of each process that committed.
#[derive(Clone, Debug, Default)]
struct Processes {
    numbers: Interner<u32>,
    last: Vec<u32>,
}

impl Graph {
    /// Builds the graph of what `link` says, of real time and of processes, if they count.
    pub(super) fn build(
        &mut self,
        compact: &Compact,
        history: &History,
        orders: Orders,
        mut link: impl FnMut(&mut Sink<'_>),
    ) {
        self.transactions = compact.len() as u32;
        self.heads.clear();
        self.heads.resize(compact.len(), 0);
        let mut sink = Sink { heads: &mut self.heads, edges: None, joints: 0, base: self.transactions };
        link(&mut sink);
        if orders.process {
            self.processes.link(compact, history, &mut sink);
        }
        let mut total = 0;
        for head in &mut self.heads {
            total += std::mem::replace(head, total);
        }
        self.edges.clear();
        self.edges.reserve_exact(total as usize);
        self.edges.resize(total as usize, 0);
        let (heads, edges) = (&mut self.heads, Some(&mut self.edges));
        let mut sink = Sink { heads, edges, joints: 0, base: self.transactions };
        link(&mut sink);
        if orders.process {
            self.processes.link(compact, history, &mut sink);
        }
        self.heads.push(total);
        self.heads.rotate_right(1);
        self.heads[0] = 0;
        self.find_moments(compact, history, orders.realtime);
    }

    fn find_moments(&mut self, compact: &Compact, history: &History, counts: bool) {
        self.moments.clear();
        self.next.clear();
        if !counts {
            return;
        }
        self.moments.resize(compact.len(), NONE);
        self.next.reserve_exact(compact.len());
        let mut invoked = 0;
        for event in &history.events {
            match *event {
                Event::Invoke(_) => invoked += 1,
                Event::Complete(op) if compact.fates[op.0 as usize] == Fate::Committed => {
                    self.moments[op.0 as usize] = self.next.len() as u32;
                    self.next.push(invoked);
                }
                Event::Complete(_) => {}
            }
        }
    }

    /// Whether nobody comes before anybody.
    pub(super) fn is_empty(&self) -> bool {
        self.edges.is_empty() && self.next.first().is_none_or(|invoked| *invoked == self.transactions)
    }

    /// How many nodes there are.
    pub(super) fn nodes(&self) -> u32 {
        self.first_moment() + self.next.len() as u32
    }

    fn first_moment(&self) -> u32 {
        self.heads.len() as u32 - 1
    }

    /// Whether it is no transaction.
    pub(super) fn is_between(&self, node: u32) -> bool {
        node >= self.transactions
    }

    /// The edge at `place` of those of a node, with its kind.
    #[inline]
    pub(super) fn edge(&self, node: u32, place: u32) -> Option<(u32, u32)> {
        let moment = match node.checked_sub(self.first_moment()) {
            None => {
                let at = self.heads[node as usize] + place;
                let end = self.heads[node as usize + 1];
                if at < end {
                    let edge = self.edges[at as usize];
                    return Some((edge & TARGET, edge >> KIND));
                }
                let moment = *self.moments.get(node as usize)?;
                return (at == end && moment != NONE).then(|| (self.first_moment() + moment, REALTIME));
            }
            Some(moment) => moment as usize,
        };
        let end = self.next.get(moment + 1).copied().unwrap_or(self.transactions);
        let invoked = self.next[moment] + place;
        if invoked < end {
            return Some((invoked, SAME));
        }
        (invoked == end && moment + 1 < self.next.len()).then_some((node + 1, SAME))
    }

    /// The edges of a node.
    pub(super) fn edges(&self, node: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..).map_while(move |place| self.edge(node, place))
    }
}

/// Which orders count, beside what transactions saw of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// That of each process.
    pub process: bool,
    /// Real time.
    pub realtime: bool,
}

impl Orders {
    /// What the strictest of these models respect: of real time and the order of processes, which follows from it, only the former.
    pub fn of(levels: impl IntoIterator<Item = Level>) -> Self {
        let relations: Vec<Relation> = levels.into_iter().map(Level::relation).collect();
        let has = |relation| relations.contains(&relation);
        Self { process: has(Relation::Process), realtime: has(Relation::Realtime) }
    }
}

impl Processes {
    /// A transaction comes after the last of its process that committed.
    fn link(&mut self, compact: &Compact, history: &History, sink: &mut Sink<'_>) {
        self.numbers.clear();
        self.last.clear();
        for (op, operation) in (0..).zip(&history.operations) {
            let process = self.numbers.id(operation.process) as usize;
            match self.last.get(process) {
                Some(last) if *last != NONE => sink.link(*last, op, Dependency::Process),
                Some(_) => {}
                None => self.last.push(NONE),
            }
            if compact.fates[op as usize] == Fate::Committed {
                self.last[process] = op;
            }
        }
    }
}
