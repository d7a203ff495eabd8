//! Abstract states: what a run visited, coarse enough that novelty means something.
//!
//! A node describes itself through a [`StateView`]. Numbers declared as ranks count only by how far they lag behind the
//! largest in the cluster, capped; sets of those who decide only by whether they differ, and whether majorities of two need not
//! meet; nodes are interchangeable. Each run yields the set of its global states, of its nodes' transitions, and of (fault, role of
//! its victim) pairs, as 64-bit hashes. Global states come in three grains, since no one grain suits all systems:
//! what makes two runs differ in one system is the same in every run of another.

use murphy_checker::history::NodeId;
use murphy_schedule::select::NODES_MAX;

use crate::{
    draw::fold,
    marks::{Best, Bucket},
};

/// How a node describes its state.
#[derive(Clone, Debug, Default)]
pub struct StateView {
    role: Option<&'static str>,
    pub(crate) ranks: [u64; RANKS_MAX],
    pub(crate) ranks_len: usize,
    pub(crate) facts: u64,
    pub(crate) peer: NodeId,
    pub(crate) progress: Option<u64>,
    /// Bit 0 is node 1.
    voters: u64,
}

/// The most ranks a node can report.
pub const RANKS_MAX: usize = 6;

/// How finely a state tells clusters apart. Its two highest bits say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Grain {
    /// No state of a whole cluster, but what happened to one node: there are few of these.
    Part,
    /// Roles, facts and conditions of all nodes.
    Coarse,
    /// And for each rank, which nodes are behind.
    Middle,
    /// And how far behind they are, and to whom they relate.
    Fine,
}

/// Bits of a state that are a hash.
const HASH_BITS: u32 = 62;

impl Grain {
    /// That of a state.
    #[inline]
    pub const fn of(state: u64) -> Self {
        match state >> HASH_BITS {
            0 => Self::Part,
            1 => Self::Coarse,
            2 => Self::Middle,
            _ => Self::Fine,
        }
    }

    /// The state of this grain that hashes to `hash`.
    #[inline]
    const fn state(self, hash: u64) -> u64 {
        hash >> (u64::BITS - HASH_BITS) | (self as u64) << HASH_BITS
    }

    /// Lags behind the largest rank are told apart up to this.
    const fn lag_max(self) -> u64 {
        match self {
            Self::Part | Self::Coarse => 0,
            Self::Middle => 1,
            Self::Fine => 3,
        }
    }
}

impl StateView {
    /// What is left of it while its node is down: what it had reached, of which its disk keeps most.
    pub(crate) fn at_rest(&self) -> Self {
        Self { ranks: self.ranks, ranks_len: self.ranks_len, ..Self::default() }
    }

    /// Whether nothing changed. Roles are compared by their addresses: two copies of one word count as a change, which only costs
    /// time.
    #[inline]
    pub(crate) fn is_unchanged(&self, before: &Self) -> bool {
        let ranks = || self.ranks[..self.ranks_len].iter().zip(&before.ranks);
        self.ranks_len == before.ranks_len
            && ranks().all(|(now, before)| now == before)
            && (self.facts, self.peer, self.progress, self.voters)
                == (before.facts, before.peer, before.progress, before.voters)
            && self.role.map(str::as_ptr) == before.role.map(str::as_ptr)
    }

    /// The index of the role among those that the target names; `usize::MAX` if it is none of them.
    #[inline]
    pub(crate) fn role_among(&self, roles: &[&str]) -> usize {
        let Some(role) = self.role else { return usize::MAX };
        let at = roles.iter().position(|known| std::ptr::eq(*known, role));
        at.or_else(|| roles.iter().position(|known| *known == role)).unwrap_or(usize::MAX)
    }

    /// The role that the node plays now: one of those its target names.
    #[inline]
    pub fn role(&mut self, role: &'static str) -> &mut Self {
        self.role = Some(role);
        self
    }

    /// A number that matters only against the same number of the other nodes: a term, a log's length.
    ///
    /// # Panics
    /// If there are more than [`RANKS_MAX`]; they are told apart by the order in which they are reported.
    #[inline]
    pub fn rank(&mut self, _name: &'static str, value: u64) -> &mut Self {
        assert!(self.ranks_len < RANKS_MAX, "a node reports at most {RANKS_MAX} ranks");
        self.ranks[self.ranks_len] = value;
        self.ranks_len += 1;
        self
    }

    /// A small number that is taken as it is: a flag, a phase.
    #[inline]
    pub fn fact(&mut self, _name: &'static str, value: u64) -> &mut Self {
        self.facts = fold(self.facts, value.wrapping_add(1));
        self
    }

    /// How far the node has come: the length of its log. Steps can strike who is most or least up to date.
    #[inline]
    pub fn progress(&mut self, value: u64) -> &mut Self {
        self.progress = Some(value);
        self
    }

    /// Those whose majority decides, as far as the node knows: the members of its configuration, the replicas in sync. Whether nodes
    /// differ in that, and whether majorities of what two of them name must have a node in common, is part of the cluster's state.
    ///
    /// # Panics
    /// If a number is 0 or beyond 64.
    #[inline]
    pub fn voters(&mut self, nodes: impl IntoIterator<Item = NodeId>) -> &mut Self {
        self.voters = nodes.into_iter().fold(0, |set, node| {
            assert!((1..=64).contains(&node), "nodes have numbers from 1 to 64, and not {node}");
            set | 1 << (node - 1)
        });
        self
    }

    /// The node to which this one relates: its leader, its vote.
    #[inline]
    pub fn peer(&mut self, _name: &'static str, node: Option<NodeId>) -> &mut Self {
        self.peer = node.unwrap_or(0);
        self
    }
}

/// What a run visited.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Hits of each mark of the program, by the rank of its name; saturating.
    pub marks: Vec<u8>,
    /// The values of marks that are worth reaching with each of several, sorted.
    pub each: Vec<Bucket>,
    /// The best number of each mark that is worth raising or lowering, sorted.
    pub bests: Vec<Best>,
    /// Hashes of the states, transitions and (fault, role) pairs of the run, each once, in the order of discovery.
    pub states: Vec<u64>,
    /// When each of them was new.
    pub moments: Vec<Moment>,
}

/// A moment of a run: that at which so many events had been handled, the one that made it included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// How many events.
    pub events: u64,
    /// The virtual time, in nanoseconds.
    pub time: u64,
}

impl Signals {
    /// Dates the states that are new since the last call.
    #[inline]
    pub(crate) fn date(&mut self, events: u64, time: u64) {
        if self.moments.len() < self.states.len() {
            self.moments.resize(self.states.len(), Moment { events, time });
        }
    }
}

/// The set of hashes seen in a run: a table of fixed size, stamped by run so that it is never cleared.
#[derive(Debug)]
pub(crate) struct Seen {
    table: Vec<(u64, u32)>,
    run: u32,
}

/// Slots of the table; a run keeps at most half as many states.
const TABLE: usize = 1 << 13;

impl Seen {
    pub(crate) fn new() -> Self {
        Self { table: vec![(0, 0); TABLE], run: 0 }
    }

    pub(crate) fn reset(&mut self) {
        self.run += 1;
    }

    /// Adds `state` to `states` unless the run has it, or has too many. Returns whether it was added.
    #[inline]
    pub(crate) fn add(&mut self, state: u64, states: &mut Vec<u64>) -> bool {
        let mut at = state as usize % TABLE;
        while self.table[at].1 == self.run {
            if self.table[at].0 == state {
                return false;
            }
            at = (at + 1) % TABLE;
        }
        let room = states.len() < TABLE / 2;
        if room {
            self.table[at] = (state, self.run);
            states.push(state);
        }
        room
    }
}

/// How a process is, as whoever looks after it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It runs.
    Up,
    /// It is there, and does nothing.
    Paused,
    /// It is not there.
    Down,
}

/// A node's part of the global state that its own rank among the others does not enter.
#[inline]
pub(crate) fn local(view: &StateView, role: usize, condition: Condition) -> u64 {
    fold(fold(view.facts, role as u64), condition as u64)
}

/// How far nodes agree on who decides: 0 if all that name somebody name the same, else how many sets are named (three are many), and
/// whether two of them have majorities without a node in common.
#[inline]
pub(crate) fn discord<'a>(nodes: impl Iterator<Item = &'a StateView> + Clone) -> u64 {
    let named = || nodes.clone().map(|view| view.voters).filter(|voters| *voters != 0);
    let first = named().next().unwrap_or(0);
    if named().all(|voters| voters == first) {
        return 0;
    }
    let mut sets = [0; NODES_MAX as usize];
    let mut count = 0;
    for voters in named() {
        if !sets[..count].contains(&voters) {
            sets[count] = voters;
            count += 1;
        }
    }
    let sets = &sets[..count];
    let apart = sets.iter().any(|a| sets.iter().any(|b| apart(*a, *b)));
    2 * sets.len().min(3) as u64 + u64::from(apart)
}

/// Whether two sets have majorities without a node in common.
fn apart(a: u64, b: u64) -> bool {
    quorum(a) + quorum(b) <= (a | b).count_ones()
}

/// How many members of a set are a majority of it.
fn quorum(voters: u64) -> u32 {
    voters.count_ones() / 2 + 1
}

/// The global state of this grain; equal for clusters that differ only in the numbering of their nodes (but for the
/// relations between nodes beyond the first step).
#[inline]
pub(crate) fn global<'a>(nodes: impl Iterator<Item = (&'a StateView, u64)> + Clone, discord: u64, grain: Grain) -> u64 {
    let mut largest = [0; RANKS_MAX];
    for (view, _) in nodes.clone() {
        for (most, rank) in largest.iter_mut().zip(&view.ranks) {
            *most = (*most).max(*rank);
        }
    }
    let lag_max = grain.lag_max();
    let digest = |view: &StateView, local: u64| {
        let lags = view.ranks[..view.ranks_len].iter().zip(&largest).map(|(rank, most)| (most - rank).min(lag_max));
        fold(local, lags.fold(1, |all, lag| all * (lag_max + 1) + lag))
    };
    let mut digests = [0; NODES_MAX as usize];
    for (own, (view, local)) in digests.iter_mut().zip(nodes.clone()) {
        *own = digest(view, local);
    }
    let of_peer = |peer: NodeId| match usize::from(peer).checked_sub(1) {
        Some(at) if grain == Grain::Fine => digests.get(at).copied().unwrap_or(0),
        _ => 0,
    };
    // A sum does not care about the order of its terms.
    grain.state(
        nodes.zip(&digests).fold(discord, |sum, ((view, _), own)| sum.wrapping_add(fold(*own, of_peer(view.peer)))),
    )
}

/// A state for a pair of small things that were seen together; `sort` keeps different sorts of pairs apart.
#[inline]
pub(crate) fn pair(sort: u64, a: u64, b: u64, c: u64) -> u64 {
    Grain::Part.state(fold(fold(fold(sort, a), b), c))
}

#[cfg(test)]
mod tests {
    use super::{Grain, StateView, discord, global};

    /// What the nodes that name these voters, each a list of its own, do not agree on.
    fn said(named: &[&[u16]]) -> u64 {
        let views: Vec<StateView> = named
            .iter()
            .map(|nodes| {
                let mut view = StateView::default();
                view.voters(nodes.iter().copied());
                view
            })
            .collect();
        discord(views.iter())
    }

    #[test]
    fn nodes_that_name_other_voters_make_another_state_and_one_more_where_majorities_need_not_meet() {
        let together = [said(&[]), said(&[&[], &[]]), said(&[&[1, 2, 3], &[3, 2, 1]]), said(&[&[1, 2, 3], &[]])];
        assert_eq!(together, [0; 4], "who names nobody does not disagree");
        let meet = said(&[&[1, 2, 3], &[1, 2, 3, 4]]);
        let apart = said(&[&[2, 3, 4], &[1, 3, 4]]);
        assert_ne!(meet, 0);
        assert_ne!(apart, meet, "two of three and two of three of four nodes");
        assert_ne!(said(&[&[1, 2, 3], &[1, 2, 3, 4], &[1, 2]]), meet, "three sets are more than two");
        assert_eq!(said(&[&[1, 2, 3], &[1, 2, 4]]), apart, "whoever they are");
    }

    #[test]
    fn every_grain_tells_clusters_apart_by_whether_their_nodes_agree() {
        let views = [StateView::default(), StateView::default()];
        for grain in [Grain::Coarse, Grain::Middle, Grain::Fine] {
            let of = |discord| global(views.iter().map(|view| (view, 1)), discord, grain);
            assert_ne!(of(0), of(4));
            assert_eq!((Grain::of(of(0)), Grain::of(of(4))), (grain, grain));
        }
    }

    #[test]
    #[should_panic(expected = "nodes have numbers from 1 to 64, and not 0")]
    fn there_is_no_node_0() {
        StateView::default().voters([0]);
    }
}
