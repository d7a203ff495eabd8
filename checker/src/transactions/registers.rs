//! Registers that transactions write and read: a value says who wrote it, and little says in which order they were written.
//!
//! What a register held before any write comes first, and what a transaction writes twice it writes in order. The rest is as the
//! user has it, by [`VersionOrders`].

use super::{
    compact::{Compact, Fate, NONE, Part, micros},
    components::{Components, Next},
    graph::{Fan, Sink},
    phenomena::Phenomenon,
    report::{Dependency, Objects, Report, Witness},
};
use crate::{
    history::{Deed, Event, History, Micro, Value},
    interner::Interner,
};

/// What else is taken to order the versions of a register, beside what must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionOrders {
    /// Who reads a version and writes another writes the later one. So it is wherever updates are not lost.
    pub writes_follow_reads: bool,
    /// Each register by itself is sequential: a process meets its versions in order.
    pub sequential_keys: bool,
    /// Each register by itself is linearizable: who was invoked later meets no earlier version.
    pub linearizable_keys: bool,
}

/// What a transaction has met of a register so far.
#[derive(Clone, Copy, Debug)]
struct Met {
    /// The transaction.
    by: u32,
    /// The version that it read first, before it wrote any.
    read: u32,
    /// The version that it wrote last.
    write: u32,
    /// The version that it met last.
    last: u32,
}

const NOTHING: Met = Met { by: NONE, read: NONE, write: NONE, last: NONE };

/// What is known of the versions of all registers. Beside the versions that were written, each register has an initial one,
/// numbered after these.
#[derive(Clone, Debug, Default)]
pub(super) struct Registers {
    written: u32,
    /// Pairs of versions of one register, the earlier one first.
    pairs: Vec<(u32, u32)>,
    /// The transactions that read each version, and by version where they begin.
    readers: Vec<u32>,
    reader_starts: Vec<u32>,
    /// By register, what the transaction that met it last met of it.
    met: Vec<Met>,
    /// By version, one more than the first that read it and wrote over it.
    updaters: Vec<u32>,
    /// By version, how many pairs make it the later one.
    earlier: Vec<u32>,
    ready: Vec<u32>,
    components: Components,
    meetings: Meetings,
    fan: Fan,
}

impl Registers {
    /// Finds what versions were read and in which order they came, and what is wrong without a cycle.
    pub(super) fn read(
        &mut self,
        compact: &mut Compact,
        history: &History,
        orders: VersionOrders,
        report: &mut Report,
    ) {
        self.written = compact.versions() as u32;
        self.pairs.clear();
        self.met.clear();
        self.met.resize(compact.keys.len(), NOTHING);
        self.updaters.clear();
        self.updaters.resize(self.versions(compact), 0);
        for op in 0..compact.len() as u32 {
            for (at, micro) in micros(history, op, Objects::Registers).enumerate() {
                let part = compact.parts_of(op)[at];
                let key = part.key();
                if self.met[key].by != op {
                    self.met[key] = Met { by: op, ..NOTHING };
                }
                if compact.is_dropped[key] {
                    continue;
                }
                if part.is_write() {
                    self.write(op, part, compact, orders, report);
                } else {
                    let version = self.version_read(key, micro, compact);
                    compact.parts_of_mut(op)[at].version = version;
                    self.judge_read(op, part, version, number(micro), compact, report);
                }
            }
        }
        if orders.sequential_keys {
            self.meetings.by_process(compact, history, &mut self.pairs);
        }
        if orders.linearizable_keys {
            self.meetings.by_time(compact, history, &mut self.pairs);
        }
        self.order(compact, report);
        self.group_readers(compact);
    }

    fn versions(&self, compact: &Compact) -> usize {
        compact.versions() + compact.keys.len()
    }

    /// The version that a register had before any write.
    pub(super) fn initial(&self, key: usize) -> u32 {
        self.written + key as u32
    }

    /// The version that a part read: one that was written, or none. `None`: it is not known.
    pub(super) fn version_of(&self, part: Part) -> Option<Option<u32>> {
        (part.version != NONE).then(|| Some(part.version).filter(|version| *version < self.written))
    }

    fn version_read(&self, key: usize, micro: &Micro, compact: &Compact) -> u32 {
        number(micro).map_or(self.initial(key), |value| compact.find(key, value).unwrap_or(NONE))
    }

    fn write(&mut self, op: u32, part: Part, compact: &Compact, orders: VersionOrders, report: &mut Report) {
        let met = &mut self.met[part.key()];
        let read = met.read;
        if met.write != NONE {
            self.pairs.push((met.write, part.version));
        } else if orders.writes_follow_reads && read != NONE {
            self.pairs.push((read, part.version));
        }
        (met.write, met.last) = (part.version, part.version);
        if read == NONE || !part.is_final_write() {
            return;
        }
        match self.updaters[read as usize] {
            0 => self.updaters[read as usize] = op + 1,
            first => {
                let value = (read < self.written).then(|| compact.value(read));
                report.add_place(Phenomenon::LostUpdate, first - 1, Some(op), compact.name(part.key()), value);
            }
        }
    }

    fn judge_read(
        &mut self,
        op: u32,
        part: Part,
        version: u32,
        value: Option<u64>,
        compact: &Compact,
        report: &mut Report,
    ) {
        let (name, met) = (compact.name(part.key()), &mut self.met[part.key()]);
        let last = std::mem::replace(&mut met.last, version);
        if version == NONE {
            report.add_place(Phenomenon::GarbageRead, op, None, name, value);
        }
        if !part.is_outer_read() {
            if last != version {
                report.add_place(Phenomenon::Internal, op, None, name, value);
            }
            return;
        }
        met.read = version;
        if version >= self.written {
            return;
        }
        let writer = compact.writer(version);
        if writer == op {
            report.add_place(Phenomenon::FutureRead, op, Some(op), name, value);
        } else if compact.is_aborted(version) {
            report.add_place(Phenomenon::G1a, op, Some(writer), name, value);
        } else if compact.is_intermediate(version) {
            report.add_place(Phenomenon::G1b, op, Some(writer), name, value);
        }
    }

    /// Sorts the pairs, and drops those of registers whose versions are before themselves.
    fn order(&mut self, compact: &Compact, report: &mut Report) {
        self.pairs.retain(|(earlier, later)| earlier != later);
        self.pairs.sort_unstable();
        self.pairs.dedup();
        self.earlier.clear();
        self.earlier.resize(self.versions(compact), 0);
        self.pairs.iter().for_each(|(_, later)| self.earlier[*later as usize] += 1);
        if !self.is_acyclic(compact) {
            self.drop_cyclic(compact, report);
        }
    }

    /// The pairs in which a version is the earlier one.
    fn pairs_of(&self, version: u32) -> &[(u32, u32)] {
        let start = self.pairs.partition_point(|(earlier, _)| *earlier < version);
        let len = self.pairs[start..].iter().take_while(|(earlier, _)| *earlier == version).count();
        &self.pairs[start..start + len]
    }

    /// Whether all versions can be put in an order (Kahn, 1962).
    fn is_acyclic(&mut self, compact: &Compact) -> bool {
        // Most often versions are numbered in their order.
        let rises = |(earlier, later): &(u32, u32)| earlier < later || *earlier >= self.written;
        if self.pairs.iter().all(|pair| rises(pair) && pair.1 < self.written) {
            return true;
        }
        let mut waiting = self.earlier.clone();
        self.ready.clear();
        self.ready.extend((0..self.versions(compact) as u32).filter(|version| waiting[*version as usize] == 0));
        let mut done = 0;
        while let Some(version) = self.ready.pop() {
            done += 1;
            let start = self.pairs.partition_point(|(earlier, _)| *earlier < version);
            for (_, later) in self.pairs[start..].iter().take_while(|(earlier, _)| *earlier == version) {
                waiting[*later as usize] -= 1;
                if waiting[*later as usize] == 0 {
                    self.ready.push(*later);
                }
            }
        }
        done == self.versions(compact)
    }

    #[cold]
    fn drop_cyclic(&mut self, compact: &Compact, report: &mut Report) {
        let mut components = std::mem::take(&mut self.components);
        components.find(self.versions(compact) as u32, |version, place| {
            self.pairs_of(version).get(place as usize).map_or(Next::End, |(_, later)| Next::To(*later))
        });
        let mut key_of = vec![0; self.versions(compact)];
        for key in 0..compact.keys.len() {
            compact.versions_of(key).iter().for_each(|version| key_of[*version as usize] = key);
            key_of[self.initial(key) as usize] = key;
        }
        let mut is_cyclic = vec![false; compact.keys.len()];
        for at in 0..components.len() {
            let members = components.members(at);
            let key = key_of[members[0] as usize];
            is_cyclic[key] = true;
            let cycle = self.shortest_cycle(members);
            let values = cycle.iter().map(|version| (*version < self.written).then(|| compact.value(*version)));
            report.add(Phenomenon::CyclicVersions, || Witness::Versions {
                key: compact.name(key),
                values: values.collect(),
            });
        }
        self.components = components;
        self.pairs.retain(|(earlier, _)| !is_cyclic[key_of[*earlier as usize]]);
    }

    /// The shortest cycle through the first of `members`, which all come before each other.
    fn shortest_cycle(&self, members: &[u32]) -> Vec<u32> {
        let (goal, mut ways) = (members[0], vec![vec![members[0]]]);
        let mut seen = vec![false; members.len()];
        loop {
            let mut longer = Vec::new();
            for way in &ways {
                for (_, later) in self.pairs_of(*way.last().expect("a way begins somewhere")) {
                    if *later == goal {
                        return way.clone();
                    }
                    let Ok(at) = members.binary_search(later) else { continue };
                    if !std::mem::replace(&mut seen[at], true) {
                        longer.push(way.iter().copied().chain([*later]).collect());
                    }
                }
            }
            ways = longer;
        }
    }

    /// Puts the readers of each version together.
    fn group_readers(&mut self, compact: &Compact) {
        self.reader_starts.clear();
        self.reader_starts.resize(self.versions(compact) + 1, 0);
        let reads = |op: u32| {
            let outer = compact.parts_of(op).iter().filter(|part| part.is_outer_read() && part.version != NONE);
            outer.filter(|part| !compact.is_dropped[part.key()])
        };
        for op in compact.committed() {
            reads(op).for_each(|part| self.reader_starts[part.version as usize + 1] += 1);
        }
        for at in 1..self.reader_starts.len() {
            self.reader_starts[at] += self.reader_starts[at - 1];
        }
        self.readers.clear();
        self.readers.resize(self.reader_starts.last().map_or(0, |end| *end as usize), 0);
        for op in compact.committed() {
            for part in reads(op) {
                let next = &mut self.reader_starts[part.version as usize];
                self.readers[*next as usize] = op;
                *next += 1;
            }
        }
        self.reader_starts.rotate_right(1);
        self.reader_starts[0] = 0;
    }

    fn readers_of(&self, version: u32) -> &[u32] {
        let [start, end] = [version, version + 1].map(|at| self.reader_starts[at as usize] as usize);
        &self.readers[start..end]
    }

    /// Tells `sink` who comes before whom.
    pub(super) fn link(&mut self, compact: &Compact, sink: &mut Sink<'_>) {
        let mut fan = std::mem::take(&mut self.fan);
        for key in (0..compact.keys.len()).filter(|key| !compact.is_dropped[*key]) {
            let is_solid = |version: &u32| !compact.is_aborted(*version);
            for version in compact.versions_of(key).iter().filter(|version| is_solid(version)) {
                let writer = compact.writer(*version);
                self.readers_of(*version).iter().for_each(|reader| sink.link(writer, *reader, Dependency::Wr));
            }
            let initial = self.readers_of(self.initial(key));
            if !initial.is_empty() {
                let first =
                    compact.versions_of(key).iter().filter(|version| is_solid(version) && self.is_first(**version));
                fan.link(initial.iter().copied(), first.map(|version| compact.writer(*version)), sink);
            }
        }
        for pairs in self.pairs.chunk_by(|one, other| one.0 == other.0) {
            self.link_pairs(pairs, compact, &mut fan, sink);
        }
        self.fan = fan;
    }

    /// Whether the version that a write left is known to come next after another of the same register.
    pub(super) fn is_before(&self, version: u32, write: Part) -> bool {
        let is_first = version == self.initial(write.key()) && self.is_first(write.version);
        is_first || self.pairs.binary_search(&(version, write.version)).is_ok()
    }

    /// Whether a version of a register is known to come right before another, or is the initial one.
    pub(super) fn is_earlier(&self, key: usize, one: u32, other: u32) -> bool {
        let initial = self.initial(key);
        (one == initial && other != initial) || self.pairs.binary_search(&(one, other)).is_ok()
    }

    /// Whether somebody wrote a version, which the initial one of a register nobody did.
    pub(super) fn is_written(&self, version: u32) -> bool {
        version < self.written
    }

    /// Whether a version of a register is known to come before another, with others in between or none.
    pub(super) fn precedes(&self, key: usize, one: u32, other: u32) -> bool {
        if one == self.initial(key) || other == self.initial(key) {
            return one != other && other != self.initial(key);
        }
        let (mut waiting, mut seen) = (vec![one], Vec::new());
        while let Some(version) = waiting.pop() {
            if seen.contains(&version) {
                continue;
            }
            seen.push(version);
            waiting.extend(self.pairs_of(version).iter().map(|(_, later)| *later));
        }
        one != other && seen.contains(&other)
    }

    /// Whether no version that was written is known to come before this one.
    fn is_first(&self, version: u32) -> bool {
        self.earlier[version as usize] == 0
    }

    /// Pairs that share their earlier version.
    fn link_pairs(&self, pairs: &[(u32, u32)], compact: &Compact, fan: &mut Fan, sink: &mut Sink<'_>) {
        let version = pairs[0].0;
        let writers = pairs.iter().filter(|(_, later)| *later < self.written && !compact.is_aborted(*later));
        let writers = writers.map(|(_, later)| compact.writer(*later));
        if version < self.written && !compact.is_aborted(version) {
            writers.clone().for_each(|later| sink.link(compact.writer(version), later, Dependency::Ww));
        }
        fan.link(self.readers_of(version).iter().copied(), writers, sink);
    }
}

/// Who met which register, in which order.
#[derive(Clone, Debug, Default)]
struct Meetings {
    /// By register and process, the version met last.
    processes: Interner<(u32, u32)>,
    last: Vec<u32>,
    /// By register, the transactions that completed and that no other supersedes, with the events of their ends.
    fronts: Vec<Vec<Front>>,
    /// By transaction, the event of its invocation.
    invoked: Vec<u32>,
}

/// A transaction that completed, the version of a register that it met last, and the event of its end.
#[derive(Clone, Copy, Debug)]
struct Front {
    version: u32,
    completed: u32,
}

/// The versions of a register that a transaction met first and last.
fn met(compact: &Compact, op: u32, key: usize) -> Option<(u32, u32)> {
    let is_it = |part: &&Part| part.key() == key && !compact.is_dropped[key];
    let mut known = compact.parts_of(op).iter().filter(is_it);
    let first = known.clone().find(|part| part.is_outer_read() || part.is_final_write())?;
    let last = known.rfind(|part| part.is_outer_read() || part.is_final_write())?;
    (first.version != NONE && last.version != NONE).then_some((first.version, last.version))
}

/// The registers that a transaction touches, each once.
fn keys_of(compact: &Compact, op: u32) -> impl Iterator<Item = usize> + '_ {
    let parts = compact.parts_of(op);
    let is_first = move |at: usize| {
        parts[at].is_outer_read() || {
            parts[at].is_final_write()
                && !parts.iter().any(|part| part.key() == parts[at].key() && part.is_outer_read())
        }
    };
    (0..parts.len()).filter(move |at| is_first(*at)).map(move |at| parts[at].key())
}

impl Meetings {
    /// Pairs what each process met with what it met next.
    fn by_process(&mut self, compact: &Compact, history: &History, pairs: &mut Vec<(u32, u32)>) {
        self.processes.clear();
        self.last.clear();
        for (op, operation) in
            (0..).zip(&history.operations).filter(|(op, _)| compact.fates[*op as usize] != Fate::Aborted)
        {
            for key in keys_of(compact, op) {
                let Some((first, last)) = met(compact, op, key) else { continue };
                let process = self.processes.id((key as u32, operation.process)) as usize;
                match self.last.get(process) {
                    Some(before) if *before != NONE => pairs.push((*before, first)),
                    Some(_) => {}
                    None => self.last.push(NONE),
                }
                if compact.fates[op as usize] == Fate::Committed {
                    self.last[process] = last;
                }
            }
        }
    }

    /// Pairs what transactions met with what was met by those invoked after they completed, but for pairs that follow from others.
    fn by_time(&mut self, compact: &Compact, history: &History, pairs: &mut Vec<(u32, u32)>) {
        self.fronts.iter_mut().for_each(Vec::clear);
        self.fronts.resize(compact.keys.len().max(self.fronts.len()), Vec::new());
        self.invoked.clear();
        self.invoked.resize(compact.len(), 0);
        for (at, event) in (0..).zip(&history.events) {
            match *event {
                Event::Invoke(op) => {
                    self.invoked[op.0 as usize] = at;
                    if compact.fates[op.0 as usize] == Fate::Aborted {
                        continue;
                    }
                    for key in keys_of(compact, op.0) {
                        let Some((first, _)) = met(compact, op.0, key) else { continue };
                        pairs.extend(self.fronts[key].iter().map(|front| (front.version, first)));
                    }
                }
                Event::Complete(op) if compact.fates[op.0 as usize] == Fate::Committed => {
                    let invoked = self.invoked[op.0 as usize];
                    for key in keys_of(compact, op.0) {
                        let Some((_, last)) = met(compact, op.0, key) else { continue };
                        // Whoever is invoked from here on comes after this one, which came after them.
                        self.fronts[key].retain(|front| front.completed > invoked);
                        self.fronts[key].push(Front { version: last, completed: at });
                    }
                }
                Event::Complete(_) => {}
            }
        }
    }
}

/// The value that a read found; `None`: there was none.
fn number(micro: &Micro) -> Option<u64> {
    match (micro.deed, micro.value) {
        (Deed::Read, Value::Int(value)) => Some(value),
        _ => None,
    }
}
