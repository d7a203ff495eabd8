//! What contradicts every order, found without a search: for keys on which the search was given up.
//!
//! Some operations come before others in every order: those that had completed; the write that is the only one whose value a
//! read can have found; what precedes such a read, before that write; what follows that write, after the read. These are added until
//! nothing new follows. If an operation then comes before itself, or a read has no write left that it can have found, no order
//! explains the history. The converse does not hold, so this never says that a history is right.
//!
//! Rules and names: Gibbons & Korach, 1997, "Testing shared memories", where each read is known to have found one write; Bouajjani,
//! Enea, Guerraoui & Hamza, 2017, "On verifying causal consistency", whose bad patterns with the order of real time beside that of
//! processes are among what is found.
//!
//! It takes polynomial time: a key is looked at through windows of [`WINDOW`] operations, and steps are counted. Only of objects
//! that are read, written and compared-and-set anything is known.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Linearizability, anomaly};
use crate::{
    explain::told,
    history::{Completion, Event, History, OpId, Value},
    interner::Interner,
    model::{Assignment, Effect, Model, Test},
    verdict::{Anomaly, Class, Evidence},
};

/// How many operations are compared with each other. Windows overlap by half.
const WINDOW: usize = 1 << 10;
/// Words of sets that may be looked at, on all keys.
const STEPS_MAX: u64 = 1 << 28;

/// The time of what has not happened.
const NEVER: u32 = u32::MAX;

/// The name of what has no other.
const UNFIT: &str = "non-linearizable";

/// An operation that has taken effect or may have.
#[derive(Clone, Copy)]
struct Node {
    op: OpId,
    began: u32,
    ended: u32,
    /// Whether it must have taken effect.
    is_sure: bool,
    /// The state that it found, if it took effect, and that which it left.
    found: Option<u32>,
    left: Option<u32>,
}

/// A key, as far as operations on it are assignments.
#[derive(Default)]
struct Object {
    nodes: Vec<Node>,
    /// Something else was done to it.
    is_opaque: bool,
}

/// Why no order explains a key.
struct Contradiction {
    /// The operation by which it shows.
    dying: OpId,
    /// When that ended, or [`NEVER`].
    ended: u32,
    operations: Vec<OpId>,
    sentence: String,
}

impl<M: Model> Linearizability<M> {
    /// What is certainly wrong with the keys that were given up: what shows first.
    #[cold]
    pub(super) fn forced(&self, history: &History) -> Option<Anomaly> {
        let given_up = self.searches[..self.keys.len()].iter().zip(0..);
        let keys = given_up.filter(|(search, _)| search.is_exhausted).map(|(_, number)| *self.keys.item(number));
        let found = contradiction::<M>(history, keys.collect(), WINDOW)?;
        let Contradiction { dying, ended, operations, sentence } = found;
        let name = match ended {
            // Nobody has learned what it found; others show that it has.
            NEVER => UNFIT.into(),
            _ => anomaly::<M>(history, ended as usize + 1, dying).name,
        };
        let evidence = Evidence::Operations { operations, sentence };
        Some(Anomaly { class: Class::Linearizability, name, evidence })
    }
}

/// What no order explains on these keys: what shows first.
fn contradiction<M: Model>(history: &History, keys: BTreeSet<u32>, window: usize) -> Option<Contradiction> {
    let (objects, init) = gather::<M>(history, keys);
    let mut steps = STEPS_MAX;
    let told = objects.values().filter(|object| !object.is_opaque);
    let found = told.filter_map(|object| Key::new(history, &object.nodes, init).contradiction(window, &mut steps));
    found.min_by_key(|found| found.ended)
}

/// Whether something is certainly wrong, were all keys given up.
#[cfg(test)]
pub(super) fn is_wrong<M: Model>(history: &History, window: usize) -> bool {
    let keys = history.operations.iter().map(|operation| operation.call.key).collect();
    contradiction::<M>(history, keys, window).is_some()
}

/// The operations on these keys, and the number of the first state.
fn gather<M: Model>(history: &History, keys: BTreeSet<u32>) -> (BTreeMap<u32, Object>, u32) {
    let mut states = Interner::<M::State>::default();
    let init = states.id(M::init());
    let mut objects: BTreeMap<u32, Object> = keys.into_iter().map(|key| (key, Object::default())).collect();
    let mut ends = vec![NEVER; history.operations.len()];
    for (at, event) in (0..).zip(&history.events) {
        if let Event::Complete(op) = event {
            ends[op.0 as usize] = at;
        }
    }
    for (began, event) in (0..).zip(&history.events) {
        let Event::Invoke(op) = *event else { continue };
        let operation = history.operation(op);
        let Some(object) = objects.get_mut(&operation.call.key) else { continue };
        let output: Option<Value> = match operation.completion {
            Some((Completion::Fail, _)) => continue,
            Some((Completion::Ok(output), _)) => Some(output),
            Some((Completion::Info, _)) | None => None,
        };
        if output.is_none() && M::effect(&operation.call, None) == Effect::Observation {
            continue;
        }
        let Some(Assignment { test, becomes }) = M::assignment(&operation.call, output, &history.values) else {
            object.is_opaque = true;
            continue;
        };
        let found = if let Test::Is(state) = test { Some(states.id(state)) } else { None };
        let left = becomes.map(|state| states.id(state));
        let (is_sure, ended) = output.map_or((false, NEVER), |_| (true, ends[op.0 as usize]));
        object.nodes.push(Node { op, began, ended, is_sure, found, left });
    }
    (objects, init)
}

/// Those who leave a state, in the order in which they began.
#[derive(Default)]
struct Writers {
    nodes: Vec<usize>,
    /// When the last of the first so many of them ended.
    ended: Vec<u32>,
}

/// The operations on a key.
struct Key<'a> {
    history: &'a History,
    nodes: &'a [Node],
    init: u32,
    writers: BTreeMap<u32, Writers>,
    /// For each, when the last sure write began that had ended before it; 0: there is none.
    overwritten: Vec<u32>,
}

impl<'a> Key<'a> {
    fn new(history: &'a History, nodes: &'a [Node], init: u32) -> Self {
        let mut writers: BTreeMap<u32, Writers> = BTreeMap::new();
        for (at, node) in nodes.iter().enumerate() {
            let Some(state) = node.left else { continue };
            let all = writers.entry(state).or_default();
            all.nodes.push(at);
            all.ended.push(all.ended.last().map_or(node.ended, |ended| node.ended.max(*ended)));
        }
        let mut writes: Vec<(u32, u32)> =
            nodes.iter().filter(|one| one.is_sure && one.left.is_some()).map(|one| (one.ended, one.began)).collect();
        writes.sort_unstable();
        let (mut count, mut last) = (0, 0);
        let overwritten = nodes.iter().map(|node| {
            while writes.get(count).is_some_and(|(ended, _)| *ended < node.began) {
                last = last.max(writes[count].1 + 1);
                count += 1;
            }
            last
        });
        let overwritten = overwritten.collect();
        Self { history, nodes, init, writers, overwritten }
    }

    fn contradiction(&self, window: usize, steps: &mut u64) -> Option<Contradiction> {
        let starts = (0..self.nodes.len()).step_by(window / 2);
        let mut windows = starts.map(|from| from..self.nodes.len().min(from + window));
        windows.find_map(|window| {
            let mut order = Order::new(self, window.start, &self.nodes[window.clone()]);
            order.settle(steps)
        })
    }

    /// Those whose write the operation `reader` can have found by real time alone. `None` in the place of one: what was there from
    /// the start.
    fn candidates(&self, reader: usize, steps: &mut u64) -> Vec<Option<usize>> {
        let Node { ended, found: Some(state), .. } = self.nodes[reader] else { return Vec::new() };
        let (overwritten, is_init) = (self.overwritten[reader], state == self.init);
        let mut candidates: Vec<Option<usize>> = (is_init && overwritten == 0).then_some(None).into_iter().collect();
        let Some(Writers { nodes, ended: ends }) = self.writers.get(&state) else { return candidates };
        let count = nodes.partition_point(|writer| self.nodes[*writer].began < ended);
        for place in (0..count).rev() {
            *steps = steps.saturating_sub(1);
            // All that is left had ended before another write began that had ended before the reading began.
            if ends[place].saturating_add(1) < overwritten {
                break;
            }
            let writer = nodes[place];
            if writer != reader && self.nodes[writer].ended.saturating_add(1) >= overwritten {
                candidates.push(Some(writer));
            }
        }
        candidates
    }
}

/// Why one operation comes before another, where it is not real time.
#[derive(Clone, Copy)]
enum Why {
    /// The other found what it left.
    Found,
    /// It comes before this one, which found what the other left.
    Before(usize),
    /// It found what this one left, or what was there from the start; the other writes, and comes after that.
    After(Option<usize>),
}

/// What comes before what, of the operations in a window. Numbers are those in the window.
struct Order<'a> {
    key: &'a Key<'a>,
    /// The number of the first operation.
    start: usize,
    nodes: Vec<Node>,
    /// A row for each operation: those that come after it, and those before it.
    after: Vec<u64>,
    before: Vec<u64>,
    /// How many words there are in a row.
    width: usize,
    /// Writes that must have taken effect.
    writes: Vec<u64>,
    /// Whose write each has found, where that is known.
    sources: Vec<Option<Source>>,
    reasons: Vec<(usize, usize, Why)>,
}

/// Who left what was found; `None`: it was there from the start.
type Source = Option<usize>;

impl<'a> Order<'a> {
    fn new(key: &'a Key<'a>, start: usize, nodes: &[Node]) -> Self {
        let (count, width) = (nodes.len(), nodes.len().div_ceil(64));
        let (rows, sources) = (vec![0; count * width], vec![None; count]);
        let mut order = Self {
            key,
            start,
            nodes: nodes.to_vec(),
            after: rows.clone(),
            before: rows,
            width,
            writes: vec![0; width],
            sources,
            reasons: Vec::new(),
        };
        for (at, node) in nodes.iter().enumerate().filter(|(_, node)| node.is_sure) {
            if node.left.is_some() {
                order.writes[at / 64] |= 1 << (at % 64);
            }
            for later in nodes.partition_point(|other| other.began < node.ended)..count {
                order.after[at * width + later / 64] |= 1 << (later % 64);
                order.before[later * width + at / 64] |= 1 << (at % 64);
            }
        }
        order
    }

    fn row(&self, of: usize) -> std::ops::Range<usize> {
        of * self.width..(of + 1) * self.width
    }

    fn precedes(&self, first: usize, second: usize) -> bool {
        self.after[first * self.width + second / 64] >> (second % 64) & 1 == 1
    }

    /// Adds what follows until nothing does.
    fn settle(&mut self, steps: &mut u64) -> Option<Contradiction> {
        let mut known = usize::MAX;
        while *steps > 0 && known != self.progress() {
            known = self.progress();
            for reader in 0..self.nodes.len() {
                let Node { is_sure, found, .. } = self.nodes[reader];
                if is_sure && found.is_some() && *steps > 0 {
                    let found = self.source(reader, steps).or_else(|| self.follow(reader, steps));
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }

    fn progress(&self) -> usize {
        self.reasons.len() + self.sources.iter().flatten().count()
    }

    /// Looks whose write `reader` can have found.
    fn source(&mut self, reader: usize, steps: &mut u64) -> Option<Contradiction> {
        if self.sources[reader].is_some() {
            return None;
        }
        let mut left = None;
        for candidate in self.key.candidates(self.start + reader, steps) {
            let candidate = match candidate.map(|writer| writer.wrapping_sub(self.start)) {
                // Of what is not in the window nothing more is known.
                Some(writer) if writer >= self.nodes.len() => return None,
                candidate => candidate,
            };
            *steps = steps.saturating_sub(self.width as u64);
            if self.is_hidden(candidate, reader) {
                continue;
            }
            if left.replace(candidate).is_some() {
                return None;
            }
        }
        let Some(source) = left else { return Some(self.without_source(reader)) };
        self.sources[reader] = Some(source);
        let writer = source?;
        self.nodes[writer].is_sure = true;
        self.writes[writer / 64] |= 1 << (writer % 64);
        self.add(writer, reader, Why::Found, steps)
    }

    /// Whether something else was certainly written between, or the write comes after the reading.
    fn is_hidden(&self, source: Source, reader: usize) -> bool {
        let before = self.before[self.row(reader)].iter().zip(&self.writes);
        match source {
            None => before.clone().any(|(before, writes)| before & writes != 0),
            Some(writer) => {
                let mut all = before.zip(&self.after[self.row(writer)]);
                self.precedes(reader, writer) || all.any(|((before, writes), after)| before & writes & after != 0)
            }
        }
    }

    /// Adds what follows from whose write `reader` found.
    fn follow(&mut self, reader: usize, steps: &mut u64) -> Option<Contradiction> {
        let source = self.sources[reader]?;
        for word in 0..self.width {
            *steps = steps.saturating_sub(1);
            let writes = self.writes[word] & !bit(reader, word);
            if let Some(writer) = source {
                let (of_reader, of_writer) = (self.before[self.row(reader)][word], self.before[self.row(writer)][word]);
                for other in bits(writes & of_reader & !of_writer & !bit(writer, word), word) {
                    let found = self.add(other, writer, Why::Before(reader), steps);
                    if found.is_some() {
                        return found;
                    }
                }
            }
            let later = source.map_or(u64::MAX, |writer| self.after[self.row(writer)][word]);
            for other in bits(writes & later & !self.after[self.row(reader)][word], word) {
                let found = self.add(reader, other, Why::After(source), steps);
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    /// Notes that one comes before another, and what follows from that.
    fn add(&mut self, first: usize, second: usize, why: Why, steps: &mut u64) -> Option<Contradiction> {
        if first == second || self.precedes(second, first) {
            return Some(self.circle(first, second, why));
        }
        if self.precedes(first, second) {
            return None;
        }
        self.reasons.push((first, second, why));
        let (width, one, other) = (self.width, self.row(first), self.row(second));
        let mut earlier = self.before[one].to_vec();
        earlier[first / 64] |= 1 << (first % 64);
        let mut later = self.after[other].to_vec();
        later[second / 64] |= 1 << (second % 64);
        for (rows, to, what) in [(&mut self.after, &earlier, &later), (&mut self.before, &later, &earlier)] {
            for at in (0..width).flat_map(|word| bits(to[word], word)) {
                *steps = steps.saturating_sub(width as u64);
                rows[at * width..(at + 1) * width].iter_mut().zip(what).for_each(|(row, what)| *row |= what);
            }
        }
        None
    }

    /// `reader` can have found nobody's write.
    fn without_source(&self, reader: usize) -> Contradiction {
        let state = self.nodes[reader].found.expect("it has found something");
        let writers = self.key.writers.get(&state).map_or(&[][..], |writers| &writers.nodes);
        let writers: Vec<usize> = writers.iter().copied().filter(|writer| *writer != self.start + reader).collect();
        let told = self.told(reader);
        let only = if let [writer] = writers[..] { self.here(writer).filter(|_| state != self.key.init) } else { None };
        let sentence = match (only, self.between(only, reader)) {
            (Some(writer), Some(other)) => {
                format!("{told} found what {} wrote, though {} comes between", self.told(writer), self.told(other))
            }
            (Some(writer), None) => format!("{told} found what {} wrote, which comes after it", self.told(writer)),
            (None, Some(other)) if writers.is_empty() && state == self.key.init => {
                format!("{told} found what was there from the start, though {} comes before it", self.told(other))
            }
            _ if writers.is_empty() => {
                format!("{told} found a value that nothing wrote which may have taken effect")
            }
            _ => {
                format!("{told} found a value of which each write comes after it, or before another that comes between")
            }
        };
        let mut all: Vec<usize> = writers.iter().filter_map(|writer| self.here(*writer)).collect();
        let between: Vec<usize> = all.iter().filter_map(|writer| self.between(Some(*writer), reader)).collect();
        all.extend(between.into_iter().chain(self.between(None, reader)));
        self.contradiction(all, reader, sentence)
    }

    /// The number of an operation in the window.
    fn here(&self, node: usize) -> Option<usize> {
        node.checked_sub(self.start).filter(|node| *node < self.nodes.len())
    }

    /// The last to begin of what was certainly written between two.
    fn between(&self, source: Source, reader: usize) -> Option<usize> {
        let comes_between = |node: &usize| {
            let is_write = self.nodes[*node].is_sure && self.nodes[*node].left.is_some();
            is_write && self.precedes(*node, reader) && source.is_none_or(|source| self.precedes(source, *node))
        };
        (0..self.nodes.len()).rev().find(comes_between)
    }

    /// `first` comes before `second`, which comes before `first`.
    fn circle(&self, first: usize, second: usize, why: Why) -> Contradiction {
        let mut circle = self.way(second, first);
        circle.push(second);
        let mut all = circle.clone();
        let mut links = Vec::new();
        for link in circle.windows(2) {
            let is_real = self.nodes[link[0]].is_sure && self.nodes[link[0]].ended < self.nodes[link[1]].began;
            let known = self.reasons.iter().find(|(one, other, _)| [*one, *other] == *link).map(|(_, _, why)| *why);
            let why = known.or((*link == [first, second]).then_some(why)).filter(|_| !is_real);
            let (one, other) = (self.told(link[0]), self.told(link[1]));
            links.push(match why {
                None => format!("{one} had completed before {other} was invoked"),
                Some(Why::Found) => format!("{one} precedes {other}, which can have found what it wrote only"),
                Some(Why::Before(reader)) => {
                    all.push(reader);
                    let reader = self.told(reader);
                    format!("{one} precedes {other}, since it precedes {reader}, which found what that wrote")
                }
                Some(Why::After(source)) => {
                    all.extend(source);
                    let since = source.map_or("the start".to_owned(), |source| self.told(source));
                    format!("{one} precedes {other}, which overwrites what it found of {since}")
                }
            });
        }
        let count = self.reading(&all).unwrap_or(second);
        self.contradiction(all, count, format!("no order fits: {}", links.join("; ")))
    }

    /// The one of them that read something and completed last: by it the contradiction shows.
    fn reading(&self, all: &[usize]) -> Option<usize> {
        let readers = all.iter().copied().filter(|one| self.nodes[*one].found.is_some());
        readers.filter(|one| self.nodes[*one].ended != NEVER).max_by_key(|one| self.nodes[*one].ended)
    }

    /// The shortest way from one to another that comes after it, or from one to itself.
    fn way(&self, from: usize, to: usize) -> Vec<usize> {
        let mut come_from = vec![None; self.nodes.len()];
        let mut open = VecDeque::from([from]);
        while let Some(at) = open.pop_front().filter(|at| *at != to) {
            let Node { is_sure, ended, .. } = self.nodes[at];
            let later = if is_sure { ended } else { NEVER };
            let known = self.reasons.iter().filter(|(one, ..)| *one == at).map(|(_, other, _)| *other);
            let real = self.nodes.partition_point(|other| other.began < later)..self.nodes.len();
            for next in known.chain(real) {
                if next != from && come_from[next].is_none() {
                    come_from[next] = Some(at);
                    open.push_back(next);
                }
            }
        }
        let mut way = vec![to];
        while let Some(before) = come_from[way[way.len() - 1]].filter(|_| way[way.len() - 1] != from) {
            way.push(before);
        }
        way.reverse();
        way
    }

    fn told(&self, node: usize) -> String {
        told(self.key.history, self.nodes[node].op)
    }

    fn contradiction(&self, mut all: Vec<usize>, mut dying: usize, sentence: String) -> Contradiction {
        all.push(dying);
        // What has not ended has taken effect, since others saw it.
        for _ in 0..self.nodes.len() {
            let seen = (0..self.nodes.len()).find(|reader| self.sources[*reader] == Some(Some(dying)));
            let Some(reader) = seen.filter(|_| self.nodes[dying].ended == NEVER) else { break };
            dying = reader;
            all.push(reader);
        }
        all.sort_unstable();
        all.dedup();
        let operations = all.into_iter().map(|node| self.nodes[node].op).collect();
        let Node { op, ended, .. } = self.nodes[dying];
        Contradiction { dying: op, ended, operations, sentence }
    }
}

/// The bit of a number, if it is in this word.
fn bit(number: usize, word: usize) -> u64 {
    if number / 64 == word { 1 << (number % 64) } else { 0 }
}

/// The numbers whose bits are set in a word.
fn bits(mut set: u64, word: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = set.trailing_zeros() as usize;
        (set != 0).then(|| {
            set &= set - 1;
            word * 64 + lowest
        })
    })
}
