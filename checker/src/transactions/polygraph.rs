//! Short histories decided whatever the order of versions: serializability and snapshot isolation of blind writes.
//!
//! Of two transactions that write the same register, one came first. Either way something follows: readers of the earlier version come
//! before the later writer. A history is serializable if and only if there is a choice for each such pair without a cycle (the polygraphs
//! of Papadimitriou, 1979), and has snapshot isolation if there is one in which every cycle has two *rw* in a row (Cerone & Gotsman,
//! 2018). Choices are tried one by one, those first that are forced.
//!
//! Deliberately absent: histories of more than 64 transactions.

use super::{
    Orders,
    compact::{Compact, Fate, Part},
    report::Holds,
};
use crate::history::{Event, History, OpId};

/// How many transactions a history may have.
const MEMBERS: usize = 64;

/// By transaction, a set of transactions.
type Rows = [u64; MEMBERS];

/// Two transactions that write one register: the one comes first or the other does.
#[derive(Clone, Copy, Debug)]
struct Choice {
    writers: [usize; 2],
    /// Those that read the version of each.
    readers: [u64; 2],
}

/// Who comes before whom, directly.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// By orders, reads and overwritten versions.
    solid: Rows,
    /// By reads of versions that were overwritten.
    missed: Rows,
}

/// A history whose versions have to be ordered.
pub(super) struct Polygraph {
    known: Known,
    choices: Vec<Choice>,
    /// Whether two *rw* in a row excuse a cycle.
    is_snapshot: bool,
    steps: u64,
}

impl Polygraph {
    /// The transactions of a history and what is open between them; `None`: it has too many, or some reads cannot be told.
    pub(super) fn new(
        compact: &Compact,
        history: &History,
        orders: Orders,
        is_snapshot: bool,
        version_read: impl Fn(Part) -> Option<Option<u32>>,
    ) -> Option<Self> {
        if compact.len() > 4 * MEMBERS || compact.is_dropped.contains(&true) {
            return None;
        }
        let mut is_read = vec![false; compact.versions()];
        for op in compact.committed() {
            for part in compact.parts_of(op).iter().filter(|part| part.is_outer_read()) {
                if let Some(version) = version_read(*part)? {
                    is_read[version as usize] = true;
                }
            }
        }
        let was_read =
            |op: u32| compact.parts_of(op).iter().any(|part| part.is_write() && is_read[part.version as usize]);
        let is_member = |op: &u32| match compact.fates[*op as usize] {
            Fate::Committed => true,
            Fate::Open => was_read(*op),
            Fate::Aborted => false,
        };
        let members: Vec<u32> = (0..compact.len() as u32).filter(is_member).collect();
        if members.len() > MEMBERS {
            return None;
        }
        let mut graph = Self {
            known: Known { solid: [0; MEMBERS], missed: [0; MEMBERS] },
            choices: Vec::new(),
            is_snapshot,
            steps: 0,
        };
        graph.add_orders(&members, compact, history, orders);
        graph.add_versions(&members, compact, version_read)?;
        Some(graph)
    }

    fn add_orders(&mut self, members: &[u32], compact: &Compact, history: &History, orders: Orders) {
        let mut place = vec![(0, usize::MAX); compact.len()];
        for (at, event) in history.events.iter().enumerate() {
            match *event {
                Event::Invoke(op) => place[op.0 as usize].0 = at,
                Event::Complete(op) => place[op.0 as usize].1 = at,
            }
        }
        let process = |op: u32| history.operation(OpId(op)).process;
        for (one, op) in members.iter().enumerate().filter(|(_, op)| compact.fates[**op as usize] == Fate::Committed) {
            for (other, later) in members.iter().enumerate() {
                let is_over = place[*op as usize].1 < place[*later as usize].0;
                let counts = orders.realtime || orders.process && process(*op) == process(*later);
                self.known.solid[one] |= u64::from(is_over && counts) << other;
            }
        }
    }

    /// By register: who wrote it, who read whose version, and who read what was there at the beginning.
    fn add_versions(
        &mut self,
        members: &[u32],
        compact: &Compact,
        version_read: impl Fn(Part) -> Option<Option<u32>>,
    ) -> Option<()> {
        let number = |op: u32| members.binary_search(&op).ok();
        for key in 0..compact.keys.len() {
            let of_key = |op: u32| compact.parts_of(op).iter().filter(move |part| part.key() == key);
            let writes = |op: &u32| of_key(*op).any(|part| part.is_final_write());
            let writers: Vec<usize> = members.iter().filter(|op| writes(op)).filter_map(|op| number(*op)).collect();
            let mut readers = [0_u64; MEMBERS];
            for (reader, op) in
                members.iter().enumerate().filter(|(_, op)| compact.fates[**op as usize] == Fate::Committed)
            {
                let Some(read) = of_key(*op).find(|part| part.is_outer_read()) else { continue };
                match version_read(*read)? {
                    Some(version) if compact.is_aborted(version) => return None,
                    Some(version) => {
                        let writer = number(compact.writer(version))?;
                        readers[writer] |= 1 << reader;
                        self.known.solid[writer] |= (1 << reader) & !(1 << writer);
                    }
                    None => {
                        let later = writers.iter().filter(|writer| **writer != reader);
                        later.for_each(|writer| self.known.missed[reader] |= 1 << writer);
                    }
                }
            }
            for (at, one) in writers.iter().enumerate() {
                let pairs = writers[at + 1..].iter();
                self.choices.extend(
                    pairs.map(|other| Choice { writers: [*one, *other], readers: [readers[*one], readers[*other]] }),
                );
            }
        }
        Some(())
    }

    /// Whether there is a choice for every pair, if that is known within so many steps.
    pub(super) fn holds(&mut self, steps_max: u64) -> Holds {
        let (known, mut open) = (self.known, std::mem::take(&mut self.choices));
        self.steps = steps_max;
        match self.decide(known, &mut open) {
            Some(true) => Holds::Yes,
            Some(false) => Holds::No,
            None => Holds::Unknown,
        }
    }

    /// `None`: the steps ran out.
    fn decide(&mut self, mut known: Known, open: &mut [Choice]) -> Option<bool> {
        let mut left = open.len();
        loop {
            let after = known.closure(self.is_snapshot);
            if after.is_cyclic() {
                return Some(false);
            }
            let before = left;
            let mut at = 0;
            while at < left {
                self.steps = self.steps.checked_sub(1)?;
                let [can, could] =
                    [0, 1].map(|first| after.allows(&known.with(open[at], first), open[at], self.is_snapshot));
                match (can, could) {
                    (false, false) => return Some(false),
                    (true, true) => at += 1,
                    _ => {
                        known = known.with(open[at], usize::from(could));
                        left -= 1;
                        open.swap(at, left);
                    }
                }
            }
            if left == before {
                break;
            }
        }
        let Some(last) = left.checked_sub(1) else { return Some(true) };
        let choice = open[last];
        for first in 0..2 {
            let mut rest = open[..last].to_vec();
            if self.decide(known.with(choice, first), &mut rest)? {
                return Some(true);
            }
        }
        Some(false)
    }
}

/// Who comes before whom, through others.
struct After(Rows);

impl After {
    fn is_cyclic(&self) -> bool {
        self.0.iter().enumerate().any(|(at, row)| row & 1 << at != 0)
    }

    /// Whether what a choice adds closes no cycle by itself. What several additions do together shows in the next closure.
    fn allows(&self, with: &Known, choice: Choice, is_snapshot: bool) -> bool {
        if is_snapshot {
            return !with.closure(true).is_cyclic();
        }
        let is_back = |from: usize, to: usize| from != to && self.0[to] & 1 << from != 0;
        let added = |from: usize| (0..MEMBERS).filter(move |to| (with.solid[from] | with.missed[from]) & 1 << to != 0);
        let mut from = bits(1 << choice.writers[0] | 1 << choice.writers[1] | choice.readers[0] | choice.readers[1]);
        !from.any(|from| added(from).any(|to| is_back(from, to)))
    }
}

fn bits(set: u64) -> impl Iterator<Item = usize> {
    (0..MEMBERS).filter(move |at| set & 1 << at != 0)
}

impl Known {
    /// With the `first` of the two writers before the other one.
    fn with(&self, choice: Choice, first: usize) -> Self {
        let mut known = *self;
        let [one, other] = [choice.writers[first], choice.writers[1 - first]];
        known.solid[one] |= 1 << other;
        for reader in bits(choice.readers[first]).filter(|reader| *reader != other) {
            known.missed[reader] |= 1 << other;
        }
        known
    }

    /// Who comes before whom through others (Warshall, 1962): by all, or by what is solid with at most one *rw* after each.
    fn closure(&self, is_snapshot: bool) -> After {
        let mut rows = self.solid;
        for (row, (solid, missed)) in rows.iter_mut().zip(self.solid.iter().zip(&self.missed)) {
            *row |= if is_snapshot { bits(*solid).fold(0, |row, via| row | self.missed[via]) } else { *missed };
        }
        for via in 0..MEMBERS {
            let through = rows[via];
            rows.iter_mut().filter(|row| **row & 1 << via != 0).for_each(|row| *row |= through);
        }
        After(rows)
    }
}
