//! Read committed, read atomic and causal consistency, decided whatever the versions of registers.
//!
//! Whoever reads a version of an object and sees another write to it knows the order of the two writers: the one that it did not read
//! came before. A history has such a level if and only if these orders, with those of sessions and of reads, have no cycle (Biswas &
//! Enea, 2019). Which writes a transaction sees differs: of those that it read from before (read committed), of all that it read from
//! and of its session (read atomic), of all that come before it (causal). The algorithms are those of AWDIT (Møldrup & Pavlogiannis,
//! 2025): n to the 1.5 for the first two, n times the number of sessions for the last.
//!
//! Deliberately absent: reads that are wrong by themselves, which are found before.

use super::{
    compact::{Compact, Fate, NONE, Part},
    components::{Components, Next},
    phenomena::{Phenomenon, Weak},
    report::{CommitReason, CommitStep, Report, Witness},
};
use crate::{
    history::{History, OpId},
    interner::Interner,
};

/// What a transaction read: the object and the transaction whose version it was, that of the beginning being numbered after all
/// others.
#[derive(Clone, Copy, Debug)]
struct Read {
    key: u32,
    writer: u32,
    /// Whether it is the first that the transaction has to do with the object.
    is_outer: bool,
}

/// One transaction comes before another, since a third read the other's version of an object, and saw that of the one.
#[derive(Clone, Copy, Debug)]
struct Inferred {
    from: u32,
    to: u32,
    /// The third; none if it has to be looked for.
    reader: u32,
}

/// Decides the weak levels. Its memory is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct WeakLevels {
    reads: Vec<Read>,
    read_starts: Vec<u32>,
    /// By transaction, and last by what was there at the beginning, who reads from it.
    readers: Vec<u32>,
    reader_starts: Vec<u32>,
    /// The objects that each transaction writes, in order.
    writes: Vec<u32>,
    write_starts: Vec<u32>,
    sessions: Sessions,
    inferred: Vec<Inferred>,
    scratch: Scratch,
    clocks: Clocks,
    /// What is inferred, by whom it puts first.
    later: Vec<u32>,
    later_starts: Vec<u32>,
    components: Components,
}

/// The transactions of each process, in order, but for those that had no effect.
#[derive(Clone, Debug, Default)]
struct Sessions {
    numbers: Interner<u32>,
    /// The transactions of one session after the other, and where each session begins.
    members: Vec<u32>,
    starts: Vec<u32>,
    /// By transaction, its session and its place in it.
    of: Vec<(u32, u32)>,
}

/// By object or transaction, what is known of it in the transaction at hand.
#[derive(Clone, Debug, Default)]
struct Scratch {
    /// By object, one more than the transaction that set it, and the next two writers that it read from.
    next: Vec<(u32, u32, u32)>,
    /// By transaction, one more than the one that met it last.
    met: Vec<u32>,
    keys: Vec<u32>,
    is_first: Vec<bool>,
}

impl WeakLevels {
    /// Reports the weakest level up to `strongest` that cannot be, given what each part read.
    pub(super) fn check(
        &mut self,
        compact: &Compact,
        history: &History,
        strongest: Weak,
        version_read: impl Fn(Part) -> Option<Option<u32>>,
        report: &mut Report,
    ) {
        self.load(compact, history, version_read);
        // Where the strongest holds, the others do.
        if self.cycle_of(strongest, compact).is_none() {
            return;
        }
        let found = Weak::ALL.into_iter().find_map(|level| Some((level, self.cycle_of(level, compact)?)));
        let (level, cycle) = found.expect("the strongest has one");
        report.add(Phenomenon::CommitCycle(level), || Witness::Commit(cycle));
    }

    /// A cycle that keeps a level from being.
    fn cycle_of(&mut self, level: Weak, compact: &Compact) -> Option<Vec<CommitStep>> {
        self.inferred.clear();
        match level {
            Weak::ReadCommitted => self.infer_committed(),
            Weak::ReadAtomic => self.infer_atomic(),
            Weak::Causal => self.infer_causal(),
        }
        self.cycle(compact)
    }

    fn load(&mut self, compact: &Compact, history: &History, version_read: impl Fn(Part) -> Option<Option<u32>>) {
        self.reads.clear();
        self.read_starts.clear();
        self.writes.clear();
        self.write_starts.clear();
        let initial = compact.len() as u32;
        for op in 0..initial {
            self.read_starts.push(self.reads.len() as u32);
            self.write_starts.push(self.writes.len() as u32);
            let is_committed = compact.fates[op as usize] == Fate::Committed;
            for part in compact.parts_of(op) {
                let key = part.key() as u32;
                if part.is_final_write() {
                    self.writes.push(key);
                } else if !part.is_write() && is_committed && !compact.is_dropped[part.key()] {
                    let Some(version) = version_read(*part) else { continue };
                    let writer = version.map_or(initial, |version| compact.writer(version));
                    if writer != op {
                        self.reads.push(Read { key, writer, is_outer: part.is_outer_read() });
                    }
                }
            }
            self.writes[self.write_starts[op as usize] as usize..].sort_unstable();
        }
        self.read_starts.push(self.reads.len() as u32);
        self.write_starts.push(self.writes.len() as u32);
        group(&mut self.reader_starts, &mut self.readers, compact.len() + 1, || {
            let all = self.read_starts.windows(2).zip(0..);
            all.flat_map(|(range, op)| {
                self.reads[range[0] as usize..range[1] as usize].iter().map(move |read| (read.writer, op))
            })
        });
        self.sessions.load(compact, history, |op| {
            let [start, end] = [op, op + 1].map(|op| self.reader_starts[op as usize]);
            compact.fates[op as usize] == Fate::Committed || start < end
        });
        self.scratch.load(compact);
    }

    fn count(&self) -> u32 {
        self.read_starts.len() as u32 - 1
    }

    fn readers_of(&self, op: u32) -> &[u32] {
        &self.readers[self.reader_starts[op as usize] as usize..self.reader_starts[op as usize + 1] as usize]
    }

    fn reads_of(&self, op: u32) -> &[Read] {
        &self.reads[self.read_starts[op as usize] as usize..self.read_starts[op as usize + 1] as usize]
    }

    fn writes_of(&self, op: u32) -> &[u32] {
        match self.write_starts.get(op as usize + 1) {
            Some(end) => &self.writes[self.write_starts[op as usize] as usize..*end as usize],
            // What was there at the beginning comes first anyway.
            None => &[],
        }
    }

    /// Who reads from one and then an object that it wrote, sees the one's.
    fn infer_committed(&mut self) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut inferred = std::mem::take(&mut self.inferred);
        scratch.begin();
        for reader in 0..self.count() {
            let reads = self.reads_of(reader);
            scratch.is_first.clear();
            for read in reads {
                let met = &mut scratch.met[read.writer as usize];
                scratch.is_first.push(std::mem::replace(met, reader + 1) != reader + 1);
            }
            scratch.keys.clear();
            for (at, read) in reads.iter().enumerate().rev() {
                if scratch.is_first[at] {
                    for_common(self.writes_of(read.writer), &scratch.keys, |key| {
                        let (by, next, then) = scratch.next[key as usize];
                        let to = if next == read.writer { then } else { next };
                        if by == reader + 1 && to != NONE {
                            inferred.push(Inferred { from: read.writer, to, reader });
                        }
                    });
                }
                scratch.add(reader, *read);
            }
        }
        (self.scratch, self.inferred) = (scratch, inferred);
    }

    /// Who reads from one, or comes after it in its session, sees all that it wrote.
    fn infer_atomic(&mut self) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut inferred = std::mem::take(&mut self.inferred);
        scratch.begin();
        for reader in 0..self.count() {
            let reads = self.reads_of(reader);
            scratch.keys.clear();
            reads.iter().filter(|read| read.is_outer).for_each(|read| scratch.add(reader, *read));
            for read in reads {
                let met = &mut scratch.met[read.writer as usize];
                if std::mem::replace(met, reader + 1) == reader + 1 {
                    continue;
                }
                for_common(self.writes_of(read.writer), &scratch.keys, |key| {
                    let (by, to, _) = scratch.next[key as usize];
                    if by == reader + 1 && to != read.writer {
                        inferred.push(Inferred { from: read.writer, to, reader });
                    }
                });
            }
        }
        scratch.begin();
        for session in 0..self.sessions.len() {
            for &reader in self.sessions.members(session) {
                for read in self.reads_of(reader).iter().filter(|read| read.is_outer) {
                    let (by, last, _) = scratch.next[read.key as usize];
                    if by == session as u32 + 1 && last != read.writer {
                        inferred.push(Inferred { from: last, to: read.writer, reader });
                    }
                }
                for key in self.writes_of(reader) {
                    scratch.next[*key as usize] = (session as u32 + 1, reader, NONE);
                }
            }
        }
        (self.scratch, self.inferred) = (scratch, inferred);
    }

    /// Who comes after one by reads and sessions sees what it wrote.
    fn infer_causal(&mut self) {
        let mut clocks = std::mem::take(&mut self.clocks);
        let mut inferred = std::mem::take(&mut self.inferred);
        if clocks.order(self) {
            for first in (0..self.sessions.len()).step_by(BLOCK) {
                clocks.tick(self, first);
                clocks.infer(self, first, &mut inferred);
            }
        }
        (self.clocks, self.inferred) = (clocks, inferred);
    }
}

/// Puts pairs together by their first: so many starts, and the seconds.
fn group<I: Iterator<Item = (u32, u32)>>(
    starts: &mut Vec<u32>,
    seconds: &mut Vec<u32>,
    count: usize,
    pairs: impl Fn() -> I,
) {
    starts.clear();
    starts.resize(count + 1, 0);
    pairs().for_each(|(first, _)| starts[first as usize + 1] += 1);
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    seconds.clear();
    seconds.resize(starts[count] as usize, 0);
    for (first, second) in pairs() {
        let next = &mut starts[first as usize];
        seconds[*next as usize] = second;
        *next += 1;
    }
    starts.rotate_right(1);
    starts[0] = 0;
}

/// Calls `each` with every object of a sorted list that may be in the other one, for no more than the shorter has.
fn for_common(sorted: &[u32], keys: &[u32], mut each: impl FnMut(u32)) {
    if sorted.len() <= keys.len() {
        sorted.iter().for_each(|key| each(*key));
    } else {
        keys.iter().filter(|key| sorted.binary_search(key).is_ok()).for_each(|key| each(*key));
    }
}

impl Scratch {
    fn load(&mut self, compact: &Compact) {
        self.next.clear();
        self.next.resize(compact.keys.len(), (0, NONE, NONE));
        self.met.clear();
        self.met.resize(compact.len() + 1, 0);
    }

    fn begin(&mut self) {
        self.next.fill((0, NONE, NONE));
        self.met.fill(0);
    }

    /// Takes note of a read before those that were taken note of.
    fn add(&mut self, reader: u32, read: Read) {
        let (by, next, then) = &mut self.next[read.key as usize];
        if *by != reader + 1 {
            (*by, *next, *then) = (reader + 1, read.writer, NONE);
            self.keys.push(read.key);
        } else if *next != read.writer {
            (*next, *then) = (read.writer, *next);
        }
    }
}

impl Sessions {
    fn load(&mut self, compact: &Compact, history: &History, counts: impl Fn(u32) -> bool) {
        self.numbers.clear();
        self.starts.clear();
        self.of.clear();
        for (op, operation) in (0..compact.len() as u32).zip(&history.operations) {
            let session = if counts(op) { self.numbers.id(operation.process) } else { NONE };
            self.of.push((session, 0));
            if session != NONE && session as usize == self.starts.len() {
                self.starts.push(0);
            }
            if session != NONE {
                self.of[op as usize].1 = self.starts[session as usize];
                self.starts[session as usize] += 1;
            }
        }
        let mut total = 0;
        for start in &mut self.starts {
            total += std::mem::replace(start, total);
        }
        self.starts.push(total);
        self.members.clear();
        self.members.resize(total as usize, 0);
        for (op, (session, place)) in (0..).zip(&self.of).filter(|(_, (session, _))| *session != NONE) {
            self.members[(self.starts[*session as usize] + place) as usize] = op;
        }
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn members(&self, session: usize) -> &[u32] {
        &self.members[self.starts[session] as usize..self.starts[session + 1] as usize]
    }

    /// The transaction after this one in its session.
    fn next(&self, op: u32) -> Option<u32> {
        let (session, place) = *self.of.get(op as usize)?;
        (session != NONE).then(|| self.members(session as usize).get(place as usize + 1).copied())?
    }

    /// The session of a transaction, counted from `first`, and its place in it, if it is in that block.
    fn place_in_block(&self, op: u32, first: usize) -> Option<(u32, u32)> {
        let (session, place) = *self.of.get(op as usize)?;
        (session != NONE).then(|| Some((session.checked_sub(first as u32)?, place)))?
    }

    /// The one before it.
    fn previous(&self, op: u32) -> Option<u32> {
        let (session, place) = self.of[op as usize];
        let before = place.checked_sub(1).filter(|_| session != NONE)?;
        Some(self.members(session as usize)[before as usize])
    }
}

/// How many sessions are looked at together.
const BLOCK: usize = 16;

/// How much of some sessions each transaction comes after.
#[derive(Clone, Debug, Default)]
struct Clocks {
    /// The transactions, none before one that it reads from or follows in its session.
    order: Vec<u32>,
    waiting: Vec<u32>,
    /// By transaction, how many of each session come before it.
    seen: Vec<[u32; BLOCK]>,
    /// By transaction, how many of each session must come before it, since somebody saw them and read it.
    before: Vec<[u32; BLOCK]>,
    writers: Writers,
}

/// Who wrote each object in each session of a block.
#[derive(Clone, Debug, Default)]
struct Writers {
    /// By object, where its groups begin.
    starts: Vec<u32>,
    groups: Vec<Group>,
    /// By object and then session, the places in the session of those that wrote the object.
    places: Vec<u32>,
    place_starts: Vec<u32>,
}

/// Those of one session that wrote one object.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// The session, counted from the first of the block.
    session: u32,
    /// Where the places of its members lie.
    start: u32,
    end: u32,
    /// One more than the session that read the object last, and where the first member lies that it did not see.
    reader: u32,
    at: u32,
}

impl Clocks {
    /// Puts the transactions in order. `false`: there is none.
    fn order(&mut self, weak: &WeakLevels) -> bool {
        let count = weak.count();
        self.waiting.clear();
        self.waiting.resize(count as usize, 0);
        for op in 0..count {
            let is_later = weak.sessions.previous(op).is_some();
            let from_others = weak.reads_of(op).iter().filter(|read| read.writer < count);
            self.waiting[op as usize] = u32::from(is_later) + from_others.count() as u32;
        }
        self.order.clear();
        self.order.extend((0..count).filter(|op| self.waiting[*op as usize] == 0));
        let mut at = 0;
        while let Some(op) = self.order.get(at).copied() {
            at += 1;
            for after in weak.sessions.next(op).into_iter().chain(weak.readers_of(op).iter().copied()) {
                self.waiting[after as usize] -= 1;
                if self.waiting[after as usize] == 0 {
                    self.order.push(after);
                }
            }
        }
        self.order.len() == count as usize
    }

    /// Finds how much of the sessions from `first` each transaction comes after.
    fn tick(&mut self, weak: &WeakLevels, first: usize) {
        self.seen.clear();
        self.seen.resize(weak.count() as usize, [0; BLOCK]);
        for &op in &self.order {
            let mut clock = [0; BLOCK];
            let sources = weak.reads_of(op).iter().map(|read| read.writer).filter(|writer| *writer < weak.count());
            for source in sources.chain(weak.sessions.previous(op)) {
                for (mine, other) in clock.iter_mut().zip(&self.seen[source as usize]) {
                    *mine = (*mine).max(*other);
                }
                let (session, place) = weak.sessions.of[source as usize];
                if let Some(own) = clock.get_mut((session as usize).wrapping_sub(first)) {
                    *own = (*own).max(place + 1);
                }
            }
            self.seen[op as usize] = clock;
        }
    }

    /// Who reads an object sees, of each session, the last write to it that comes before.
    fn infer(&mut self, weak: &WeakLevels, first: usize, inferred: &mut Vec<Inferred>) {
        self.writers.load(weak, first);
        self.before.clear();
        self.before.resize(weak.count() as usize + 1, [0; BLOCK]);
        for session in 0..weak.sessions.len() {
            for &reader in weak.sessions.members(session) {
                let clock = self.seen[reader as usize];
                for read in weak.reads_of(reader).iter().filter(|read| read.is_outer) {
                    let own = weak.sessions.place_in_block(read.writer, first);
                    let before = &mut self.before[read.writer as usize];
                    self.writers.each_last(read.key, session as u32 + 1, &clock, |session, place| {
                        if own != Some((session, place)) {
                            let known = &mut before[session as usize];
                            *known = (*known).max(place + 1);
                        }
                    });
                }
            }
        }
        self.collect(weak, first, inferred);
    }

    /// What does not follow from what is known of an earlier transaction of the session.
    fn collect(&self, weak: &WeakLevels, first: usize, inferred: &mut Vec<Inferred>) {
        let mut infer = |to: u32, at: usize, count: u32| {
            let from = weak.sessions.members(first + at)[count as usize - 1];
            inferred.push(Inferred { from, to, reader: NONE });
        };
        for session in 0..weak.sessions.len() {
            let mut known = [0; BLOCK];
            for &to in weak.sessions.members(session) {
                let (before, seen) = (&self.before[to as usize], &self.seen[to as usize]);
                for at in 0..BLOCK {
                    if before[at] > known[at].max(seen[at]) {
                        infer(to, at, before[at]);
                    }
                    known[at] = known[at].max(before[at]);
                }
            }
        }
        let initial = weak.count();
        for (at, before) in self.before[initial as usize].iter().enumerate().filter(|(_, before)| **before > 0) {
            infer(initial, at, *before);
        }
    }
}

impl Writers {
    fn load(&mut self, weak: &WeakLevels, first: usize) {
        let sessions = || first..weak.sessions.len().min(first + BLOCK);
        let writers = || sessions().flat_map(|session| weak.sessions.members(session).iter());
        let keys = weak.scratch.next.len();
        group(&mut self.place_starts, &mut self.places, keys, || {
            writers().flat_map(|op| weak.writes_of(*op).iter().map(move |key| (*key, *op)))
        });
        self.starts.clear();
        self.groups.clear();
        for range in self.place_starts.windows(2) {
            self.starts.push(self.groups.len() as u32);
            let mut last = NONE;
            for at in range[0]..range[1] {
                let (session, place) = weak.sessions.of[self.places[at as usize] as usize];
                self.places[at as usize] = place;
                if std::mem::replace(&mut last, session) != session {
                    let session = session - first as u32;
                    self.groups.push(Group { session, start: at, end: at, reader: 0, at });
                }
                self.groups.last_mut().expect("one was pushed for the first").end = at + 1;
            }
        }
        self.starts.push(self.groups.len() as u32);
    }

    /// Calls `each` with the last of each session that wrote the object and that comes before, for a reader with this clock. Those of
    /// one session, called `reader`, come in order.
    #[inline]
    fn each_last(&mut self, key: u32, reader: u32, clock: &[u32; BLOCK], mut each: impl FnMut(u32, u32)) {
        let range = self.starts[key as usize] as usize..self.starts[key as usize + 1] as usize;
        for group in &mut self.groups[range] {
            if group.reader != reader {
                (group.reader, group.at) = (reader, group.start);
            }
            let end = clock[group.session as usize];
            while group.at < group.end && self.places[group.at as usize] < end {
                group.at += 1;
            }
            if group.at > group.start {
                each(group.session, self.places[group.at as usize - 1]);
            }
        }
    }
}

/// Cycles of commit orders.
impl WeakLevels {
    /// A short cycle of sessions, reads and what was inferred, if there is one.
    fn cycle(&mut self, compact: &Compact) -> Option<Vec<CommitStep>> {
        let initial = self.count();
        if let Some(first) = self.inferred.iter().find(|inferred| inferred.to == initial).copied() {
            let back = CommitStep { from: None, to: Some(OpId(first.from)), reason: CommitReason::Initial };
            return Some(vec![self.step(first.from, initial, compact), back]);
        }
        group(&mut self.later_starts, &mut self.later, initial as usize + 1, || {
            self.inferred.iter().map(|inferred| (inferred.from, inferred.to))
        });
        let mut components = std::mem::take(&mut self.components);
        components.find(initial, |op, place| self.next(op, place));
        let cycle = (components.len() > 0).then(|| self.shortest(components.members(0)));
        self.components = components;
        let cycle = cycle?;
        let pairs = cycle.iter().zip(cycle.iter().cycle().skip(1));
        Some(pairs.map(|(from, to)| self.step(*from, *to, compact)).collect())
    }

    /// The transactions that come after one: the next of its session, its readers, and those inferred.
    fn next(&self, op: u32, place: u32) -> Next {
        let Some(place) = place.checked_sub(1) else {
            return self.sessions.next(op).map_or(Next::Skip, Next::To);
        };
        let readers = self.readers_of(op);
        let later = &self.later[self.later_starts[op as usize] as usize..self.later_starts[op as usize + 1] as usize];
        let next = readers.get(place as usize).or_else(|| later.get((place as usize).checked_sub(readers.len())?));
        next.map_or(Next::End, |next| Next::To(*next))
    }

    /// The shortest cycle through one of the first of `members`, all of which come before each other.
    fn shortest(&self, members: &[u32]) -> Vec<u32> {
        const STARTS: usize = 64;
        let cycles = members.iter().take(STARTS).map(|start| self.cycle_through(*start, members));
        cycles.min_by_key(Vec::len).expect("a component has members")
    }

    fn cycle_through(&self, start: u32, members: &[u32]) -> Vec<u32> {
        let number = |op: u32| members.binary_search(&op);
        let mut from = vec![NONE; members.len()];
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(op) = queue.pop_front() {
            for place in 0.. {
                let to = match self.next(op, place) {
                    Next::To(to) => to,
                    Next::Skip => continue,
                    Next::End => break,
                };
                if to == start {
                    let back = |op: &u32| (*op != start).then(|| from[number(*op).expect("it is in the component")]);
                    let mut cycle: Vec<u32> = std::iter::successors(Some(op), back).collect();
                    cycle.reverse();
                    return cycle;
                }
                let Ok(at) = number(to) else { continue };
                if from[at] == NONE {
                    from[at] = op;
                    queue.push_back(to);
                }
            }
        }
        unreachable!("every member of a component comes after every other")
    }

    /// Why one comes before the other.
    fn step(&self, from: u32, to: u32, compact: &Compact) -> CommitStep {
        let reason = if self.sessions.next(from) == Some(to) {
            CommitReason::Session
        } else if self.readers_of(from).contains(&to) {
            CommitReason::Read
        } else {
            let known = self.inferred.iter().find(|inferred| (inferred.from, inferred.to) == (from, to));
            let known = known.map(|inferred| inferred.reader).filter(|reader| *reader != NONE);
            let reader = known.unwrap_or_else(|| self.witness(from, to));
            let read =
                self.reads_of(reader).iter().find(|read| read.writer == to && self.writes_of(from).contains(&read.key));
            let key = read.map_or(0, |read| compact.name(read.key as usize));
            CommitReason::Seen { reader: OpId(reader), key }
        };
        let op = |op: u32| (op < self.count()).then_some(OpId(op));
        CommitStep { from: op(from), to: op(to), reason }
    }

    /// Who comes after `from` by reads and sessions, and reads what `to` wrote to an object that both write.
    fn witness(&self, from: u32, to: u32) -> u32 {
        let mut after = vec![false; self.count() as usize + 1];
        let mut queue = vec![from];
        while let Some(op) = queue.pop() {
            for next in self.sessions.next(op).into_iter().chain(self.readers_of(op).iter().copied()) {
                if !std::mem::replace(&mut after[next as usize], true) {
                    queue.push(next);
                }
            }
        }
        let reads_it = |reader: &&u32| {
            let mut reads = self.reads_of(**reader).iter().filter(|read| read.writer == to);
            after[**reader as usize] && reads.any(|read| self.writes_of(from).contains(&read.key))
        };
        self.readers_of(to).iter().find(reads_it).copied().unwrap_or(to)
    }
}
