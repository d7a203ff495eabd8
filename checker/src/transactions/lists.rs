//! Lists that transactions append to and read whole: the longest read of a list is the order of its versions.
//!
//! What nobody read of a list comes after all that somebody did, in an order that nobody knows.

use super::{
    compact::{Compact, Fate, NONE, Part, micros},
    graph::{Fan, Sink},
    phenomena::Phenomenon,
    report::{Dependency, Objects, Report, Witness},
};
use crate::history::{Deed, History, Micro, OpId, Span, Value};

/// An element of an order that nobody appended.
const GARBAGE: u32 = NONE;

/// The orders of the versions of all lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// By object, its longest read: who read it, and what.
    longest: Vec<(u32, Span)>,
    /// The versions of each object in order, up to the longest read, and by object where they begin.
    order: Vec<u32>,
    order_starts: Vec<u32>,
    /// By version, one more than its place in the order; 0: nobody read it.
    places: Vec<u32>,
    /// By object, how long lists are that are right, since the element after was never appended, or by one who aborted.
    sound: Vec<u32>,
    /// By place in the order, one more than the first that read so far and appended.
    updaters: Vec<u32>,
    /// By object, the last transaction that read it, and how much.
    seen: Vec<(u32, u32)>,
    /// Reads of all there is of an object that has unread appends.
    full_reads: Vec<(u32, u32)>,
    scratch: Vec<u64>,
    fan: Fan,
}

impl Lists {
    /// Finds the orders, and what is wrong without a cycle.
    pub(super) fn read(&mut self, compact: &mut Compact, history: &History, report: &mut Report) {
        self.find_longest(compact, history, report);
        self.find_orders(compact, history, report);
        self.find_reversed(compact, report);
        self.judge(compact, history, report);
    }

    fn find_longest(&mut self, compact: &mut Compact, history: &History, report: &mut Report) {
        self.longest.clear();
        self.longest.resize(compact.keys.len(), (NONE, Span::default()));
        for op in 0..compact.len() as u32 {
            if compact.fates[op as usize] != Fate::Committed {
                continue;
            }
            for (at, micro) in micros(history, op, Objects::Lists).enumerate() {
                let Some(span) = read_of(micro) else { continue };
                let part = &mut compact.parts_of_mut(op)[at];
                part.version = span.len() as u32;
                let (key, is_outer) = (part.key(), part.is_outer_read());
                if !is_outer && !is_consistent(history, op, at, span) {
                    report.add_place(Phenomenon::Internal, op, None, micro.key, None);
                }
                self.compare(key, op, span, compact, history, report);
            }
        }
    }

    /// Takes note of a read: it begins with the longest so far, or that with it.
    fn compare(
        &mut self,
        key: usize,
        op: u32,
        span: Span,
        compact: &mut Compact,
        history: &History,
        report: &mut Report,
    ) {
        let (other, longest) = self.longest[key];
        if other != NONE && longest != span {
            let (items, known) = (history.values.items(span), history.values.items(longest));
            let common = items.len().min(known.len());
            if items[..common] != known[..common] {
                report.add_place(Phenomenon::IncompatibleOrder, op, Some(other), compact.name(key), None);
                compact.is_dropped[key] = true;
            }
        }
        if other == NONE || span.len() > longest.len() {
            self.longest[key] = (op, span);
        }
    }

    fn find_orders(&mut self, compact: &Compact, history: &History, report: &mut Report) {
        self.order.clear();
        self.order_starts.clear();
        self.sound.clear();
        self.places.clear();
        self.places.resize(compact.versions(), 0);
        self.order.reserve(compact.versions());
        for key in 0..compact.keys.len() {
            self.order_starts.push(self.order.len() as u32);
            let (op, span) = self.longest[key];
            let items = history.values.items(span);
            let start = self.order.len();
            for item in items {
                let version = compact.find(key, *item).unwrap_or(GARBAGE);
                self.order.push(version);
                let place = (self.order.len() - start) as u32;
                if version != GARBAGE && std::mem::replace(&mut self.places[version as usize], place) != 0 {
                    report.add_place(Phenomenon::DuplicateElements, op, None, compact.name(key), Some(*item));
                }
            }
            let is_flawed = |version: &u32| *version == GARBAGE || compact.is_aborted(*version);
            let flaw = self.order[start..].iter().position(is_flawed);
            // Reads that do not continue each other are looked at one by one.
            let sound = if compact.is_dropped[key] { 0 } else { flaw.map_or(NONE, |at| at as u32) };
            self.sound.push(sound);
            self.find_dirty_update(key, start, compact, report);
        }
        self.order_starts.push(self.order.len() as u32);
    }

    /// Appends of one transaction that were read in another order, or the later one alone.
    fn find_reversed(&self, compact: &Compact, report: &mut Report) {
        for op in 0..compact.len() as u32 {
            let parts = compact.parts_of(op);
            for (at, part) in parts.iter().enumerate().filter(|(_, part)| part.is_write() && !part.is_final_write()) {
                let next = parts[at + 1..].iter().find(|next| next.is_write() && next.key() == part.key());
                let places = next.map(|next| [part, next].map(|part| self.places[part.version as usize]));
                let (Some(next), Some([place, after])) = (next, places) else { continue };
                if after != 0 && (place == 0 || place > after) && !compact.is_dropped[part.key()] {
                    let values = [next, part].map(|part| Some(compact.value(part.version))).to_vec();
                    let key = compact.name(part.key());
                    report.add(Phenomenon::CyclicVersions, || Witness::Versions { key, values });
                }
            }
        }
    }

    fn find_dirty_update(&self, key: usize, start: usize, compact: &Compact, report: &mut Report) {
        let mut aborted = None;
        for version in self.order[start..].iter().filter(|version| **version != GARBAGE) {
            match aborted {
                _ if compact.is_aborted(*version) => aborted = Some(*version),
                Some(below) => {
                    let [writer, other] = [*version, below].map(|version| compact.writer(version));
                    let value = Some(compact.value(below));
                    report.add_place(Phenomenon::DirtyUpdate, writer, Some(other), compact.name(key), value);
                    aborted = None;
                }
                None => {}
            }
        }
    }

    /// What a list of this length ends in, if it follows the order of the object.
    fn version_at(&self, key: usize, len: u32) -> u32 {
        self.order[self.order_starts[key] as usize + len as usize - 1]
    }

    /// What single transactions show.
    fn judge(&mut self, compact: &Compact, history: &History, report: &mut Report) {
        self.seen.clear();
        self.seen.resize(compact.keys.len(), (NONE, 0));
        self.updaters.clear();
        self.updaters.resize(self.order.len() + compact.keys.len(), 0);
        for op in compact.committed() {
            for (at, part) in compact.parts_of(op).iter().enumerate() {
                let key = part.key();
                if part.is_write() {
                    self.judge_append(op, key, part.version, part.is_final_write(), compact, report);
                } else if part.is_outer_read() {
                    if part.version > self.sound[key] {
                        self.inspect(op, at, key, compact, history, report);
                    }
                    self.judge_read(op, key, part.version, compact, report);
                }
            }
        }
    }

    fn judge_read(&mut self, op: u32, key: usize, len: u32, compact: &Compact, report: &mut Report) {
        self.seen[key] = (op, len);
        if len == 0 || compact.is_dropped[key] {
            return;
        }
        let last = self.version_at(key, len);
        if last != GARBAGE && compact.is_intermediate(last) && compact.writer(last) != op {
            let (writer, value) = (compact.writer(last), compact.value(last));
            report.add_place(Phenomenon::G1b, op, Some(writer), compact.name(key), Some(value));
        }
    }

    fn judge_append(
        &mut self,
        op: u32,
        key: usize,
        version: u32,
        is_final: bool,
        compact: &Compact,
        report: &mut Report,
    ) {
        let (reader, len) = self.seen[key];
        if reader != op || compact.is_dropped[key] {
            return;
        }
        let place = self.places[version as usize];
        if place != 0 && place <= len {
            let value = Some(compact.value(version));
            report.add_place(Phenomenon::FutureRead, op, Some(op), compact.name(key), value);
        }
        if is_final {
            let updater = &mut self.updaters[self.order_starts[key] as usize + key + len as usize];
            match *updater {
                0 => *updater = op + 1,
                first => {
                    let value = len.checked_sub(1).map(|_| self.version_at(key, len)).filter(|last| *last != GARBAGE);
                    let value = value.map(|last| compact.value(last));
                    report.add_place(Phenomenon::LostUpdate, first - 1, Some(op), compact.name(key), value);
                }
            }
        }
    }

    /// Looks at every element of a read that is not right.
    #[cold]
    fn inspect(&mut self, op: u32, at: usize, key: usize, compact: &Compact, history: &History, report: &mut Report) {
        let name = compact.name(key);
        let span = micros(history, op, Objects::Lists).nth(at).and_then(read_of).unwrap_or_default();
        let items = history.values.items(span);
        for item in items {
            match compact.find(key, *item) {
                None => report.add_place(Phenomenon::GarbageRead, op, None, name, Some(*item)),
                Some(version) if compact.is_aborted(version) => {
                    report.add_place(Phenomenon::G1a, op, Some(compact.writer(version)), name, Some(*item));
                }
                Some(_) => {}
            }
        }
        if compact.is_dropped[key] {
            self.scratch.clear();
            self.scratch.extend_from_slice(items);
            self.scratch.sort_unstable();
            if let Some(twice) = self.scratch.windows(2).find(|pair| pair[0] == pair[1]) {
                report.add(Phenomenon::DuplicateElements, || Witness::Place {
                    op: OpId(op),
                    other: None,
                    key: name,
                    value: Some(twice[0]),
                });
            }
        }
    }

    /// Whether this version is one that others depend on.
    fn is_solid(version: u32, compact: &Compact) -> bool {
        version != GARBAGE && !compact.is_aborted(version)
    }

    /// The last version that counts among the first `len` of an object.
    pub(super) fn before(&self, key: usize, len: u32, compact: &Compact) -> Option<u32> {
        let before = &self.order_of(key)[..len as usize];
        before.iter().copied().rfind(|version| Self::is_solid(*version, compact))
    }

    /// The first version that counts after the first `len` of an object.
    pub(super) fn after(&self, key: usize, len: u32, compact: &Compact) -> Option<u32> {
        let after = &self.order_of(key)[len as usize..];
        after.iter().copied().find(|version| Self::is_solid(*version, compact))
    }

    /// The place of a version in the order of its object, from 1, if anybody read it.
    pub(super) fn place(&self, version: u32) -> Option<u32> {
        Some(self.places[version as usize]).filter(|place| *place != 0)
    }

    /// How many elements there were when a part had read or appended; `None`: nobody knows.
    pub(super) fn count_at(&self, part: Part) -> Option<u32> {
        if part.is_write() { self.place(part.version) } else { Some(part.version) }
    }

    /// Tells `sink` who comes before whom.
    pub(super) fn link(&mut self, compact: &Compact, sink: &mut Sink<'_>) {
        self.full_reads.clear();
        for key in 0..compact.keys.len() {
            self.link_versions(key, compact, sink);
        }
        for op in compact.committed() {
            for part in compact.parts_of(op).iter().filter(|part| part.is_outer_read()) {
                if !compact.is_dropped[part.key()] {
                    self.link_read(op, part.key(), part.version, compact, sink);
                }
            }
        }
        self.link_unread(compact, sink);
    }

    fn order_of(&self, key: usize) -> &[u32] {
        &self.order[self.order_starts[key] as usize..self.order_starts[key + 1] as usize]
    }

    /// Whether more was appended to an object than was read of it. An order with flaws does not tell.
    fn may_have_unread(&self, key: usize, compact: &Compact) -> bool {
        compact.versions_of(key).len() > self.order_of(key).len() || self.sound[key] != NONE
    }

    fn unread<'a>(&'a self, key: usize, compact: &'a Compact) -> impl Iterator<Item = u32> + 'a {
        let versions = compact.versions_of(key).iter().copied();
        versions.filter(|version| self.places[*version as usize] == 0 && !compact.is_aborted(*version))
    }

    fn link_versions(&self, key: usize, compact: &Compact, sink: &mut Sink<'_>) {
        if compact.is_dropped[key] {
            return;
        }
        let mut last = None;
        for version in self.order_of(key).iter().copied().filter(|version| Self::is_solid(*version, compact)) {
            let writer = compact.writer(version);
            if let Some(last) = last.replace(writer) {
                sink.link(last, writer, Dependency::Ww);
            }
        }
        if let Some(last) = last.filter(|_| self.may_have_unread(key, compact)) {
            self.unread(key, compact).for_each(|version| sink.link(last, compact.writer(version), Dependency::Ww));
        }
    }

    fn link_read(&mut self, op: u32, key: usize, len: u32, compact: &Compact, sink: &mut Sink<'_>) {
        if let Some(version) = self.before(key, len, compact) {
            sink.link(compact.writer(version), op, Dependency::Wr);
        }
        match self.after(key, len, compact) {
            Some(version) => sink.link(op, compact.writer(version), Dependency::Rw),
            None if self.may_have_unread(key, compact) => self.full_reads.push((key as u32, op)),
            None => {}
        }
    }

    /// Who read all there is of a list comes before all whose appends nobody read.
    fn link_unread(&mut self, compact: &Compact, sink: &mut Sink<'_>) {
        self.full_reads.sort_unstable();
        let mut fan = std::mem::take(&mut self.fan);
        for reads in self.full_reads.chunk_by(|one, other| one.0 == other.0) {
            let writers = self.unread(reads[0].0 as usize, compact).map(|version| compact.writer(version));
            fan.link(reads.iter().map(|(_, reader)| *reader), writers, sink);
        }
        self.fan = fan;
    }
}

/// What a part read, if it is a read: nothing of a list that was never appended to.
fn read_of(micro: &Micro) -> Option<Span> {
    match (micro.deed, micro.value) {
        (Deed::Read, Value::List(span)) => Some(span),
        (Deed::Read, _) => Some(Span::default()),
        (Deed::Append | Deed::Write | Deed::Match | Deed::Begin, _) => None,
    }
}

/// Whether the read that is part `at` of a transaction agrees with what that did and read before.
fn is_consistent(history: &History, op: u32, at: usize, span: Span) -> bool {
    let parts = || micros(history, op, Objects::Lists);
    let mut rest = history.values.items(span);
    let key = parts().nth(at).map(|micro| micro.key);
    // What it appended last is at the end.
    let mut before = 0;
    for (place, micro) in parts().enumerate().take(at) {
        if Some(micro.key) == key && read_of(micro).is_some() {
            before = place + 1;
        }
    }
    let appended = parts().take(at).skip(before).filter(|micro| Some(micro.key) == key);
    let count = appended.clone().count();
    let Some(split) = rest.len().checked_sub(count) else { return false };
    let tail = &rest[split..];
    rest = &rest[..split];
    let tail_fits = appended.zip(tail).all(|(micro, item)| micro.value == Value::Int(*item));
    let known = before.checked_sub(1).and_then(|at| parts().nth(at)).and_then(read_of);
    tail_fits && known.is_none_or(|known| history.values.items(known) == rest)
}
