//! What went wrong, for people: one sentence, the few operations that show it, and why no order explains them.
//!
//! [`explain`] is called once for a finding and never on the hot path. For linearizability it first shrinks the history
//! to operations that cannot be left out, since nobody reads two hundred lines; what it says is about these, and holds
//! for the whole history.
//!
//! Deliberately absent: how the system came to do it, of which this crate knows nothing.

mod causal;
mod orders;
mod sequential;
mod timeline;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display},
};

use self::orders::Hindrance;
pub(crate) use self::orders::{Order, longest};
pub use self::{causal::explain_causal, sequential::explain_sequential};
use crate::{
    family::{Family, Specification},
    history::{Completion, Deed, Event, History, Micro, NodeId, OpId, Operation, Value},
    linearizability::{CONFIGURATIONS_MAX, Linearizability},
    list_append::{self, ListAppend, Reason},
    model::{ABORTED_READ, Effect, Model, NEVER_WRITTEN, Register, STALE_CAS, STALE_READ},
    observer::{Observer, observe},
    sequential::NOT_SEQUENTIALLY_CONSISTENT,
    set::{self, GrowSet},
    transactions::words,
    verdict::{Anomaly, Class, Evidence, Verdict, Waiting},
};

/// An anomaly in words. Its `Display` is the whole of it, over several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence, without a full stop.
    pub summary: String,
    /// The operations that show the anomaly, in the order of invocation, the last few if there are many; empty where operations do
    /// not show it.
    pub operations: Vec<OpId>,
    /// Which of them contradict the one where the search died, or what each node waited for, a sentence each, without full
    /// stops.
    pub why: Vec<String>,
    /// The operations as a table, a line each.
    listing: Vec<String>,
    /// The operations as bars over time, a line each.
    pub picture: Vec<String>,
}

impl Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary)?;
        for (title, lines) in [("operations", &self.listing), ("why", &self.why)] {
            if !lines.is_empty() {
                writeln!(f, "\n{title}:")?;
                lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
            }
        }
        Ok(())
    }
}

/// Explains `anomaly`, which a checker found in `history`.
pub fn explain(history: &History, anomaly: &Anomaly) -> Explanation {
    match &anomaly.evidence {
        Evidence::Operation(dying) => explain_operation(history, anomaly, *dying),
        Evidence::Operations { operations, sentence } => explain_operations(history, operations, sentence),
        Evidence::Conflict { key, first, second } => bare(conflict(&anomaly.name, *key, *first, *second)),
        Evidence::Panic { node, message, location } => {
            let who = if *node == 0 { "the workload or a property".to_owned() } else { format!("n{node}") };
            let place = if location.is_empty() { String::new() } else { format!(" at {location}") };
            bare(format!("{who} panicked: {message}{place}"))
        }
        Evidence::Mark { node, name, location } => {
            let who = if *node == 0 { String::new() } else { format!(" on n{node}") };
            bare(format!("`{name}` does not hold{who}, at {location}"))
        }
        Evidence::Broken(broken) => {
            let object = |(object, fields): &(String, Vec<(String, String)>)| {
                let fields: Vec<String> = fields.iter().map(|(field, value)| format!("{field} = {value}")).collect();
                format!("{object}: {}", fields.join(", "))
            };
            Explanation { why: broken.state.iter().map(object).collect(), ..bare(broken.sentence()) }
        }
        Evidence::Property => bare(property(anomaly)),
        Evidence::Unanswered { keys, since, nodes } => {
            let why = nodes.iter().map(waiting).collect();
            Explanation { why, ..bare(unanswered(&anomaly.name, keys, *since)) }
        }
    }
}

/// Explains `anomaly`, which the checker of a family found in `history`: where [`explain`] goes by the names of functions, two
/// families can share them.
pub fn explain_as(family: Family, history: &History, anomaly: &Anomaly) -> Explanation {
    match anomaly.evidence {
        Evidence::Operation(dying) => {
            let Some(specification) = family.specification() else { return explain(history, anomaly) };
            let units = units(family, specification, history, dying);
            let mut judge = |part: &History| family.check(part, CONFIGURATIONS_MAX);
            let (operations, _) = shrink_by(&mut judge, history, anomaly, dying, units);
            let view = View::new(history, &operations, false, dying);
            let order = (specification.longest)(&restrict(history, &operations, dying));
            let why = order.map_or_else(|| vec![view.too_many()], |order| view.why_not(&order));
            view.explanation(&anomaly.name, why)
        }
        _ => explain(history, anomaly),
    }
}

/// An operation as its client asked it: `write(k1, 17)`.
pub fn asked(history: &History, op: OpId) -> String {
    let call = history.operation(op).call;
    let function = history.functions.get(call.function as usize).copied().unwrap_or("?");
    let input = plain(history, call.input);
    match (call.key, call.input) {
        (0, _) => format!("{function}({input})"),
        (key, Value::Nil) => format!("{function}({})", history.names.key(key)),
        (key, _) => format!("{function}({}, {input})", history.names.key(key)),
    }
}

/// How an operation ended, as its client heard it: `17`, `ok`, `fail`, `unknown`, or `open`.
pub fn heard(history: &History, op: OpId) -> String {
    let operation = history.operation(op);
    match (operation.completion, operation.call.input) {
        (None, _) => "open".to_owned(),
        (Some((Completion::Fail, _)), _) => "fail".to_owned(),
        (Some((Completion::Info, _)), _) => "unknown".to_owned(),
        (Some((Completion::Ok(output), _)), Value::Nil) => plain(history, output),
        (Some((Completion::Ok(output @ Value::Transaction(_)), _)), _) => plain(history, output),
        (Some((Completion::Ok(_), _)), _) => "ok".to_owned(),
    }
}

/// An operation with what came of it and who asked, in a few words: `read(k1) -> [1 2] by p3`.
pub(crate) fn told(history: &History, op: OpId) -> String {
    let operation = history.operation(op);
    let mut call = asked(history, op);
    match (operation.completion, operation.call.input) {
        (Some((Completion::Ok(output @ Value::Transaction(_)), _)), _) => {
            call = format!("{}({})", history.functions[operation.call.function as usize], plain(history, output));
        }
        (Some((Completion::Ok(Value::Nil), _)), _) | (None, _) => {}
        (Some((Completion::Ok(output), _)), Value::Nil) => call = format!("{call} -> {}", plain(history, output)),
        (Some(_), _) => {}
    }
    format!("{} by p{}", cut(call, TOLD), operation.process)
}

/// More characters than these of an operation are not told in a sentence.
const TOLD: usize = 80;
/// Nor in a line of its own.
const LISTED: usize = 160;

/// The beginning of a text that is longer than so many characters.
fn cut(mut text: String, length: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(length) {
        text.replace_range(end.., "…");
    }
    text
}

fn bare(summary: String) -> Explanation {
    Explanation { summary, operations: Vec::new(), why: Vec::new(), listing: Vec::new(), picture: Vec::new() }
}

/// Nanoseconds in a unit that suits them.
fn span(nanos: u64) -> String {
    if nanos < 10_000_000_000 { format!("{} ms", nanos / 1_000_000) } else { format!("{} s", nanos / 1_000_000_000) }
}

fn unanswered(name: &str, keys: &[u32], since: u64) -> String {
    let keys = keys.iter().map(|key| format!("k{key}")).collect::<Vec<_>>().join(", ");
    format!("{}: {} after everything was healed nobody could read {keys}", name.replace('-', " "), span(since))
}

/// What a node waited for, as a sentence.
fn waiting(node: &Waiting) -> String {
    let role = node.role.map(|role| format!(" ({role})")).unwrap_or_default();
    let timers = node.timers.iter().map(|(timer, left)| format!("timer {timer} in {}", span(*left)));
    let timers = timers.collect::<Vec<_>>().join(" and ");
    let timers = if timers.is_empty() { "no timer".to_owned() } else { timers };
    let heard = match &node.heard {
        Some((what, ago)) => format!("{} ago it heard of {what}", span(*ago)),
        None => "it heard of nothing".to_owned(),
    };
    format!("n{}{role} waits for {timers}; {heard}", node.node)
}

fn conflict(name: &str, key: u64, first: (NodeId, u64), second: (NodeId, u64)) -> String {
    let what = name.replace('-', " ");
    if first.0 == second.0 {
        format!("n{} contradicts itself on {what} {key}: {:#x}, then {:#x}", first.0, first.1, second.1)
    } else {
        format!("n{} and n{} disagree on {what} {key}: {:#x} and {:#x}", first.0, second.0, first.1, second.1)
    }
}

fn property(anomaly: &Anomaly) -> String {
    match anomaly.class {
        Class::Nondeterminism => format!("two runs of one schedule differed: {}", anomaly.name),
        Class::Panic | Class::Agreement | Class::Invariant | Class::Linearizability | Class::Liveness => {
            format!("{} `{}` does not hold", anomaly.class.name(), anomaly.name)
        }
    }
}

fn explain_operation(history: &History, anomaly: &Anomaly, dying: OpId) -> Explanation {
    let (operations, is_minimal) = shrink(history, anomaly, dying);
    let view = View::new(history, &operations, is_minimal, dying);
    let why = if operations.len() > SHOWN { vec![view.too_many()] } else { view.why() };
    view.explanation(&anomaly.name, why)
}

/// What a checker has said itself, with the operations it names; the last of them to complete is where it showed.
fn explain_operations(history: &History, operations: &[OpId], sentence: &str) -> Explanation {
    let place = |event: &Event| match event {
        Event::Complete(op) if operations.contains(op) => Some(*op),
        Event::Complete(_) | Event::Invoke(_) => None,
    };
    let last = history.events.iter().rev().find_map(place).or(operations.last().copied());
    let Some(last) = last else { return bare(sentence.to_owned()) };
    let view = View { mark: "<- it shows", ..View::new(history, operations, false, last) };
    let (listing, picture) = (view.listing(), timeline::bars(history, view.shown(), last));
    Explanation { summary: sentence.to_owned(), operations: view.shown().to_vec(), why: Vec::new(), listing, picture }
}

/// The operations of a smallest part of `history` that still shows `anomaly`: ending with the same operation and
/// deserving the same name, and losing that with any one operation more.
///
/// The history of a user's own model, and an anomaly shown by no operation, are not shrunk beyond
/// the operations on the key before the anomaly, or to none.
pub fn shrink_history(history: &History, anomaly: &Anomaly) -> Vec<OpId> {
    match anomaly.evidence {
        Evidence::Operation(dying) => shrink(history, anomaly, dying).0,
        Evidence::Operations { ref operations, .. } => operations.clone(),
        Evidence::Conflict { .. }
        | Evidence::Panic { .. }
        | Evidence::Mark { .. }
        | Evidence::Broken(_)
        | Evidence::Property
        | Evidence::Unanswered { .. } => Vec::new(),
    }
}

/// Who judges histories of these functions, if that is one of ours.
fn judge_of(functions: &[&str]) -> Option<Box<dyn Observer>> {
    match functions {
        Register::FUNCTIONS => Some(Box::new(Linearizability::<Register>::new())),
        set::FUNCTIONS => Some(Box::new(GrowSet::new())),
        list_append::FUNCTIONS => Some(Box::new(ListAppend::new())),
        _ => None,
    }
}

/// [`shrink_history`], and whether the answer is minimal.
fn shrink(history: &History, anomaly: &Anomaly, dying: OpId) -> (Vec<OpId>, bool) {
    match judge_of(history.functions) {
        Some(mut judge) => {
            let units = operations_before(history, dying).into_iter().map(|op| vec![op]).collect();
            shrink_by(&mut |part| observe(&mut *judge, part), history, anomaly, dying, units)
        }
        None => (operations_before(history, dying), false),
    }
}

/// What can be left out of the explanation of a history, each whole or not at all; with `dying` is what cannot.
///
/// To leave out a change makes what others found afterwards wrong by itself, so only observations can go one by one; and, where a
/// number is an element that comes and goes, all that is about one element.
fn units(family: Family, specification: Specification, history: &History, dying: OpId) -> Vec<Vec<OpId>> {
    let output = |op: OpId| match history.operation(op).completion {
        Some((Completion::Ok(output), _)) => Some(output),
        Some((Completion::Fail | Completion::Info, _)) | None => None,
    };
    let (observations, changes): (Vec<OpId>, Vec<OpId>) = operations_before(history, dying)
        .into_iter()
        .partition(|op| (specification.effect)(&history.operation(*op).call, output(*op)) == Effect::Observation);
    let mut by_element: BTreeMap<u64, Vec<OpId>> = BTreeMap::new();
    let mut stay = Vec::new();
    for op in changes {
        let element = match (history.operation(op).call.input, output(op)) {
            (Value::Int(element), _) | (_, Some(Value::Int(element))) => Some(element),
            _ => None,
        };
        match element.filter(|_| family.has_elements()) {
            Some(element) => by_element.entry(element).or_default().push(op),
            None => stay.push(op),
        }
    }
    let listed: BTreeSet<u64> = observations
        .iter()
        .filter_map(|op| output(*op))
        .filter(|output| matches!(output, Value::List(_)))
        .flat_map(|output| history.values.numbers(&output).to_vec())
        .collect();
    let is_needed = |(element, ops): &(u64, Vec<OpId>)| listed.contains(element) || ops.contains(&dying);
    let (kept, free): (Vec<_>, Vec<_>) = by_element.into_iter().partition(is_needed);
    stay.extend(kept.into_iter().flat_map(|(_, ops)| ops));
    let (last, observations): (Vec<OpId>, Vec<OpId>) = observations.into_iter().partition(|op| *op == dying);
    stay.extend(last);
    let units = free.into_iter().map(|(_, ops)| ops).chain(observations.into_iter().map(|op| vec![op]));
    units.chain([stay]).collect()
}

/// The operations of the units that are needed to show the anomaly, and whether none of these could be left out. The unit of
/// `dying` stays.
fn shrink_by(
    judge: &mut dyn FnMut(&History) -> Verdict,
    history: &History,
    anomaly: &Anomaly,
    dying: OpId,
    units: Vec<Vec<OpId>>,
) -> (Vec<OpId>, bool) {
    let mut is_shown_by = |kept: &[OpId]| shows(judge, &restrict(history, kept, dying), kept, anomaly);
    let mut kept = units;
    let all = flat(&kept);
    if !is_shown_by(&all) {
        return (all, false);
    }
    let mut width = kept.len() / 2;
    while width > 0 {
        let has_shrunk = drop_pieces(&mut kept, width, dying, &mut is_shown_by);
        if !(has_shrunk && width == 1) {
            width /= 2;
        }
    }
    (flat(&kept), true)
}

/// The operations of all units, in order.
fn flat(units: &[Vec<OpId>]) -> Vec<OpId> {
    let mut all = units.concat();
    all.sort_unstable();
    all
}

/// Leaves out each piece of `width` units, the last first, that is not needed. Whether any was left out.
fn drop_pieces(
    kept: &mut Vec<Vec<OpId>>,
    width: usize,
    dying: OpId,
    is_shown_by: &mut impl FnMut(&[OpId]) -> bool,
) -> bool {
    let before = kept.len();
    for start in (0..kept.len()).step_by(width).rev() {
        let piece = start..(start + width).min(kept.len());
        let stays = |(at, unit): &(usize, &Vec<OpId>)| !piece.contains(at) || unit.contains(&dying);
        let rest: Vec<Vec<OpId>> = kept.iter().enumerate().filter(stays).map(|(_, unit)| unit.clone()).collect();
        if rest.len() < kept.len() && is_shown_by(&flat(&rest)) {
            *kept = rest;
        }
    }
    kept.len() < before
}

/// The operations on the key of `dying` that were invoked before it completed.
fn operations_before(history: &History, dying: OpId) -> Vec<OpId> {
    let key = history.operation(dying).call.key;
    until(history, dying)
        .filter_map(|event| match event {
            Event::Invoke(op) if history.operation(op).call.key == key => Some(op),
            Event::Invoke(_) | Event::Complete(_) => None,
        })
        .collect()
}

/// The events up to the completion of `dying`.
fn until(history: &History, dying: OpId) -> impl Iterator<Item = Event> {
    let end = history.events.iter().position(|&event| event == Event::Complete(dying));
    history.events[..end.map_or(history.events.len(), |end| end + 1)].iter().copied()
}

/// The history of the operations in `kept` alone, up to the completion of `dying`.
fn restrict(history: &History, kept: &[OpId], dying: OpId) -> History {
    let values = history.values.clone();
    let mut part = History { functions: history.functions, values, ..History::default() };
    for event in until(history, dying) {
        match event {
            Event::Invoke(op) if kept.binary_search(&op).is_ok() => {
                let Operation { process, call, node, invoked_at, .. } = *history.operation(op);
                part.invoke(process, call, node, invoked_at);
            }
            Event::Complete(op) => {
                if let (Ok(place), Some((completion, at))) = (kept.binary_search(&op), history.operation(op).completion)
                {
                    part.complete(OpId(place as u32), completion, at);
                }
            }
            Event::Invoke(_) => {}
        }
    }
    part
}

/// Whether `part`, the history of the operations in `kept`, shows `anomaly` by the same operation.
fn shows(judge: &mut dyn FnMut(&History) -> Verdict, part: &History, kept: &[OpId], anomaly: &Anomaly) -> bool {
    let Verdict::Invalid(found) = judge(part) else { return false };
    let Evidence::Operation(OpId(place)) = found.evidence else { return false };
    found.name == anomaly.name && anomaly.evidence == Evidence::Operation(kept[place as usize])
}

/// The part of a history that shows an anomaly.
struct View<'a> {
    history: &'a History,
    operations: &'a [OpId],
    /// Whether none of the operations could be left out.
    is_minimal: bool,
    dying: OpId,
    /// What is said of `dying` in the listing.
    mark: &'static str,
    /// Where each of them was invoked and completed, in the order of events.
    places: BTreeMap<OpId, [usize; 2]>,
}

/// More operations than these are neither drawn nor compared with each other: nobody would read it.
const SHOWN: usize = 40;

impl<'a> View<'a> {
    fn new(history: &'a History, operations: &'a [OpId], is_minimal: bool, dying: OpId) -> Self {
        let mut places: BTreeMap<OpId, [usize; 2]> = operations.iter().map(|op| (*op, [usize::MAX; 2])).collect();
        for (at, event) in history.events.iter().enumerate() {
            let (Event::Invoke(op) | Event::Complete(op)) = *event;
            if let Some(place) = places.get_mut(&op) {
                place[usize::from(matches!(event, Event::Complete(_)))] = at;
            }
        }
        Self { history, operations, is_minimal, dying, mark: "<- no explanation left", places }
    }

    /// The last of the operations, as many as are shown.
    fn shown(&self) -> &'a [OpId] {
        &self.operations[self.operations.len().saturating_sub(SHOWN)..]
    }

    fn too_many(&self) -> String {
        format!("these are {} operations, too many to say why in a few words", self.operations.len())
    }

    fn explanation(&self, name: &str, why: Vec<String>) -> Explanation {
        let (summary, listing) = (self.summary(name), self.listing());
        let picture = timeline::bars(self.history, self.shown(), self.dying);
        Explanation { summary, operations: self.shown().to_vec(), why, listing, picture }
    }

    /// What keeps the operations from all being in one order: the longest that fits, and what each of the others runs into.
    fn why_not(&self, order: &Order) -> Vec<String> {
        let by = |op: OpId| self.by(self.operations[op.0 as usize]);
        let taken: Vec<String> = order.taken.iter().map(|op| by(*op)).collect();
        let longest = match taken.len() {
            0 => "no operation can come first".to_owned(),
            _ => format!("the longest order that fits: {}", taken.join(", ")),
        };
        let left = order.left.iter().map(|(op, hindrance)| match hindrance {
            Hindrance::Result => format!("then {} cannot have ended so", by(*op)),
            Hindrance::Waits(other) => {
                let other = by(*other);
                format!("then {} cannot come before {other}, which had completed before it was invoked", by(*op))
            }
        });
        std::iter::once(longest).chain(left).collect()
    }

    fn summary(&self, name: &str) -> String {
        let dying = self.by_at(self.dying);
        let earlier = self.overwriter().map(|op| (self.by(op), self.since(op, self.dying)));
        match (name, earlier, self.seen_failure()) {
            (STALE_READ, Some((other, since)), _) => format!("{dying} is stale: {other} had completed {since}earlier"),
            (STALE_CAS, Some((other, since)), _) => {
                format!("{dying} matched a stale value: {other} had completed {since}earlier")
            }
            (NEVER_WRITTEN, _, _) => format!("{dying} found a value that nobody had written"),
            (ABORTED_READ, _, Some(failed)) if failed == self.dying => {
                format!("{dying} failed, but other operations had seen its effect")
            }
            (ABORTED_READ, _, Some(failed)) => format!("{dying} saw {}, which had failed", self.by(failed)),
            (set::MISSING_ELEMENT, _, _) => format!("{dying} lacks an element that must have been there"),
            (set::PHANTOM_ELEMENT, _, _) => format!("{dying} has an element that nobody had added"),
            (set::DUPLICATE_ELEMENT, _, _) => format!("{dying} has an element twice"),
            _ if self.history.functions == list_append::FUNCTIONS => {
                let count = self.operations.len();
                format!("{dying} shows {name}: it fits no order of these {count} transactions that respects real time")
            }
            (NOT_SEQUENTIALLY_CONSISTENT, _, _) => {
                format!("{dying} fits no order of the {} operations that keeps to each process", self.operations.len())
            }
            _ => format!(
                "{dying} fits no order of the {} operations on {} that respects real time",
                self.operations.len(),
                self.history.names.key(self.operation(self.dying).call.key)
            ),
        }
    }

    fn why(&self) -> Vec<String> {
        let sources = match self.history.functions {
            set::FUNCTIONS => self.memberships(),
            list_append::FUNCTIONS => self.dependencies(),
            _ => self.operations.iter().filter_map(|&op| self.source(op)).collect(),
        };
        let orders = self.operations.iter().flat_map(|&first| self.successors(first));
        let failures = self.operations.iter().filter(|&&op| self.has_failed(op));
        let failures = failures.map(|&op| format!("{} failed, so nothing may depend on it", self.by(op)));
        let is_minimal = self.is_minimal && self.operations.len() > 1;
        let last = is_minimal.then(|| "without any one of these, the anomaly is gone or another".to_owned());
        sources.into_iter().chain(orders).chain(failures).chain(last).collect()
    }

    /// What each read of a set says of each add.
    fn memberships(&self) -> Vec<String> {
        let adds = self.operations.iter().filter_map(|&op| match self.operation(op).call.input {
            Value::Int(item) if !self.has_failed(op) => Some((op, item)),
            _ => None,
        });
        let adds: Vec<(OpId, u64)> = adds.collect();
        let of = |&read: &OpId| {
            let items = self.found(read).map(|value| self.history.values.numbers(&value).to_vec());
            let sentence = move |items: &[u64], add: OpId, item: u64| {
                let (reader, adder) = (self.by(read), self.by(add));
                if items.contains(&item) {
                    format!("{reader} has {item}, so it follows {adder}")
                } else {
                    format!("{reader} lacks {item}, so it precedes {adder}, if that took effect")
                }
            };
            let items = items.unwrap_or_default();
            let is_read = self.found(read).is_some();
            adds.iter().filter(|_| is_read).map(|(add, item)| sentence(&items, *add, *item)).collect::<Vec<_>>()
        };
        self.operations.iter().flat_map(of).collect()
    }

    /// What the transactions saw of each other.
    fn dependencies(&self) -> Vec<String> {
        let part = restrict(self.history, self.operations, self.dying);
        let sentence = |edge: &list_append::Edge| {
            let [from, to] = [edge.from, edge.to].map(|op| self.by(self.operations[op.0 as usize]));
            let key = |key: u32| self.history.names.key(key);
            match edge.reason {
                Reason::Appended { key: at } => format!("{from} appended to {} before {to} did", key(at)),
                Reason::WasRead { key: at } => {
                    format!("{from} precedes {to}, which read what it had appended to {}", key(at))
                }
                Reason::Missed { key: at } => {
                    format!("{from} precedes {to}, of whose append to {} it saw nothing", key(at))
                }
                Reason::RealTime => format!("{from} precedes {to} in real time"),
            }
        };
        list_append::edges(&part).iter().map(sentence).collect()
    }

    /// Where the value comes from that `op` found, if it found one.
    fn source(&self, op: OpId) -> Option<String> {
        let found = self.found(op)?;
        let reader = self.by(op);
        if found == Value::Nil {
            return Some(format!("{reader} found no value, so it precedes every write that took effect"));
        }
        let writers = self.operations.iter().filter(|&&other| other != op && self.left(other) == Some(found));
        let writers: Vec<String> = writers.map(|&other| self.by(other)).collect();
        Some(match writers.len() {
            0 => format!("{reader} found {}, but no operation before its end writes that", self.plain(found)),
            _ => {
                let (found, writers) = (self.plain(found), writers.join(" or "));
                format!("{reader} found {found}, so it directly follows {writers}, reads aside")
            }
        })
    }

    /// What certainly follows `first`, with nothing certainly between.
    fn successors(&self, first: OpId) -> impl Iterator<Item = String> {
        let follows = move |&&second: &&OpId| {
            let is_between = |&between: &OpId| self.precedes(first, between) && self.precedes(between, second);
            self.precedes(first, second) && !self.operations.iter().any(is_between)
        };
        let sentence = move |&second: &OpId| {
            let (one, other) = (self.by(first), self.by(second));
            format!("{one} precedes {other}: it had completed {}before that was invoked", self.since(first, second))
        };
        self.operations.iter().filter(follows).map(sentence)
    }

    /// The operation other than a read that completed last before `dying` was invoked.
    fn last_before(&self) -> Option<OpId> {
        let before =
            self.operations.iter().copied().filter(|&op| self.left(op).is_some() && self.precedes(op, self.dying));
        before
            .filter(|&op| self.left(op) != self.found(self.dying))
            .max_by_key(|&op| self.position(Event::Complete(op)))
    }

    /// The operation that shows by real time alone that `dying` is stale: it completed before `dying` was invoked, and was
    /// invoked when every writer of what `dying` found had completed.
    fn overwriter(&self) -> Option<OpId> {
        let found = self.found(self.dying)?;
        let over = self.last_before()?;
        let mut writers = self.operations.iter().filter(|&&op| op != self.dying && self.left(op) == Some(found));
        writers.all(|&writer| self.precedes(writer, over)).then_some(over)
    }

    /// The operation that failed although it was seen: `dying`, or else the one it saw.
    fn seen_failure(&self) -> Option<OpId> {
        std::iter::once(self.dying).chain(self.operations.iter().copied()).find(|&op| self.has_failed(op))
    }

    fn has_failed(&self, op: OpId) -> bool {
        matches!(self.completion(op), Some((Completion::Fail, _)))
    }

    /// Whether `first` took effect before `second` in every order that respects real time.
    fn precedes(&self, first: OpId, second: OpId) -> bool {
        matches!(self.completion(first), Some((Completion::Ok(_), _)))
            && !self.has_failed(second)
            && self.position(Event::Complete(first)) < self.position(Event::Invoke(second))
    }

    /// The completion of `op`, unless it came after the anomaly.
    fn completion(&self, op: OpId) -> Option<(Completion<Value>, u64)> {
        let is_past = self.position(Event::Complete(op)) <= self.position(Event::Complete(self.dying));
        self.operation(op).completion.filter(|_| is_past)
    }

    fn position(&self, event: Event) -> usize {
        let (Event::Invoke(op) | Event::Complete(op)) = event;
        self.places.get(&op).map_or(usize::MAX, |place| place[usize::from(matches!(event, Event::Complete(_)))])
    }

    fn operation(&self, op: OpId) -> &Operation {
        self.history.operation(op)
    }

    /// The value that a read or a cas found when it took effect.
    fn found(&self, op: OpId) -> Option<Value> {
        match (self.operation(op).call.input, self.completion(op)?.0) {
            (Value::Nil, Completion::Ok(output)) => Some(output),
            (Value::Pair(expected, _), Completion::Ok(_)) => Some(Value::Int(expected)),
            _ => None,
        }
    }

    /// The value that a write or a cas leaves when it takes effect.
    fn left(&self, op: OpId) -> Option<Value> {
        match self.operation(op).call.input {
            Value::Int(new) | Value::Pair(_, new) => Some(Value::Int(new)),
            Value::Nil | Value::List(_) | Value::Transaction(_) => None,
        }
    }

    fn plain(&self, value: Value) -> String {
        plain(self.history, value)
    }

    /// `write(k1, 2)`, or `read(k1) -> 1` once that is known.
    fn call(&self, op: OpId) -> String {
        let text = asked(self.history, op);
        match (self.completion(op), self.operation(op).call.input) {
            (Some((Completion::Ok(output), _)), Value::Nil) => format!("{text} -> {}", self.plain(output)),
            (Some((Completion::Ok(output @ Value::Transaction(_)), _)), _) => format!("txn({})", self.plain(output)),
            _ => text,
        }
    }

    fn by(&self, op: OpId) -> String {
        format!("{} by p{}", self.call(op), self.operation(op).process)
    }

    fn by_at(&self, op: OpId) -> String {
        match self.operation(op).node {
            0 => self.by(op),
            node => format!("{} at n{node}", self.by(op)),
        }
    }

    /// `4.1 ms `: the time from the completion of `first` to the invocation of `second`; nothing if that is nothing.
    fn since(&self, first: OpId, second: OpId) -> String {
        let completed = self.completion(first).map_or(0, |(_, at)| at);
        match self.operation(second).invoked_at.saturating_sub(completed) {
            0 => String::new(),
            short @ ..100_000 => format!("{:.3} ms ", ms(short)),
            nanoseconds => format!("{:.1} ms ", ms(nanoseconds)),
        }
    }

    /// Process, node, operation, result, and the times of invocation and completion.
    fn listing(&self) -> Vec<String> {
        let width = self.shown().iter().map(|&op| cut(self.call(op), LISTED).chars().count()).max().unwrap_or(0);
        let before = self.operations.len() - self.shown().len();
        let left_out = (before > 0).then(|| format!("… {before} earlier operations"));
        left_out.into_iter().chain(self.shown().iter().map(|&op| self.line(op, width))).collect()
    }

    fn line(&self, op: OpId, width: usize) -> String {
        let Operation { process, node, invoked_at, .. } = *self.operation(op);
        let (result, completed) = match self.completion(op) {
            None => ("open", None),
            Some((Completion::Ok(_), at)) => ("ok", Some(at)),
            Some((Completion::Fail, at)) => ("fail", Some(at)),
            Some((Completion::Info, at)) => ("info", Some(at)),
        };
        let completed = completed.map_or_else(|| "        ".to_owned(), |at| format!("{:8.3}", ms(at)));
        let mark = if op == self.dying { format!("  {}", self.mark) } else { String::new() };
        let call = cut(self.call(op), LISTED);
        let node = if node == 0 { String::new() } else { format!("n{node:<3} ") };
        let notes = cut(notes(self.history, op), LISTED);
        format!("p{process:<3} {node}{call:width$}  {result:4}  {:8.3} .. {completed} ms{notes}{mark}", ms(invoked_at))
    }
}

/// What a file said of an operation beyond what a history knows: `  error :timeout`.
fn notes(history: &History, op: OpId) -> String {
    let events = [Event::Invoke(op), Event::Complete(op)].into_iter();
    let notes = events.flat_map(|event| history.names.notes(event));
    notes.map(|(field, contents)| format!("  {field} {contents}")).collect()
}

/// A value as people read it: `nil`, `5`, `1, 2`, `[1 2 3]`, `r k1 [1 2], append k2 5`.
pub(crate) fn plain(history: &History, value: Value) -> String {
    let (values, names) = (&history.values, &history.names);
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Int(number) => names.number(number),
        Value::Pair(first, second) => format!("{}, {}", names.number(first), names.number(second)),
        Value::List(span) => names.list(values.items(span)),
        Value::Transaction(span) => {
            let parts: Vec<String> = values.parts(span).iter().map(|part| plain_part(history, part)).collect();
            parts.join(", ")
        }
    }
}

fn plain_part(history: &History, &Micro { deed, key, value }: &Micro) -> String {
    let name = history.names.key(key);
    match (deed, value) {
        (Deed::Read, Value::Nil) => format!("r {name}"),
        (Deed::Read, value) => format!("r {name} {}", plain(history, value)),
        (Deed::Write, value) => format!("w {name} {}", plain(history, value)),
        (Deed::Append, value) => format!("append {name} {}", plain(history, value)),
        (Deed::Begin, value) => format!("begin {name} {}", plain(history, value)),
        (Deed::Match, _) => words::search(history, &Micro { deed, key, value }),
    }
}

fn ms(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        linearizability::check as judge,
        testing::{parse, parse_as},
    };

    /// Explains the anomaly of the history in `text`.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let history = parse(text);
        let verdict = judge::<Register>(&history);
        let explanation = explain(&history, verdict.anomaly().expect("the history has an anomaly"));
        assert_eq!(explanation.to_string(), expected, "\n{explanation}");
    }

    #[track_caller]
    fn check_evidence(class: Class, name: &'static str, evidence: Evidence, expected: &str) {
        let anomaly = Anomaly { class, name: name.into(), evidence };
        assert_eq!(explain(&History::default(), &anomaly).to_string(), format!("{expected}\n"));
    }

    #[test]
    fn a_stale_read_is_shown_by_what_overwrote_its_value() {
        let noise = "p5 k2 write 9\np5 ok\np6 read\np6 ok 2\np7 write 8\n";
        check(
            &format!("p0 write 1\np0 ok\np1 write 2\np1 ok\n{noise}p3 read\np3 ok 1\np0 read\np0 ok 7"),
            "\
read(k1) -> 1 by p3 at n4 is stale: write(k1, 2) by p1 had completed 6.0 ms earlier

operations:
  p0   n1   write(k1, 1)   ok       0.000 ..    1.000 ms
  p1   n2   write(k1, 2)   ok       2.000 ..    3.000 ms
  p3   n4   read(k1) -> 1  ok       9.000 ..   10.000 ms  <- no explanation left

why:
  read(k1) -> 1 by p3 found 1, so it directly follows write(k1, 1) by p0, reads aside
  write(k1, 1) by p0 precedes write(k1, 2) by p1: it had completed 1.0 ms before that was invoked
  write(k1, 2) by p1 precedes read(k1) -> 1 by p3: it had completed 6.0 ms before that was invoked
  without any one of these, the anomaly is gone or another
",
        );
    }

    #[test]
    fn a_value_from_nowhere_needs_no_other_operation() {
        check(
            "p0 write 1\np0 ok\np1 read\np1 ok 7",
            "\
read(k1) -> 7 by p1 at n2 found a value that nobody had written

operations:
  p1   n2   read(k1) -> 7  ok       2.000 ..    3.000 ms  <- no explanation left

why:
  read(k1) -> 7 by p1 found 7, but no operation before its end writes that
",
        );
    }

    #[test]
    fn a_failure_that_was_seen_is_shown_with_who_saw_it() {
        check(
            "p2 write 5\np2 ok\np0 write 1\np1 read\np1 ok 1\np0 fail",
            "\
write(k1, 1) by p0 at n1 failed, but other operations had seen its effect

operations:
  p0   n1   write(k1, 1)   fail     2.000 ..    5.000 ms  <- no explanation left
  p1   n2   read(k1) -> 1  ok       3.000 ..    4.000 ms

why:
  read(k1) -> 1 by p1 found 1, so it directly follows write(k1, 1) by p0, reads aside
  write(k1, 1) by p0 failed, so nothing may depend on it
  without any one of these, the anomaly is gone or another
",
        );
    }

    #[test]
    fn two_winners_of_one_cas_are_shown_with_the_write_they_both_replaced() {
        check(
            "p0 write 1\np0 ok\np0 cas 1 2\np1 cas 1 3\np0 ok\np1 ok",
            "\
cas(k1, 1, 3) by p1 at n2 fits no order of the 3 operations on k1 that respects real time

operations:
  p0   n1   write(k1, 1)   ok       0.000 ..    1.000 ms
  p0   n1   cas(k1, 1, 2)  ok       2.000 ..    4.000 ms
  p1   n2   cas(k1, 1, 3)  ok       3.000 ..    5.000 ms  <- no explanation left

why:
  cas(k1, 1, 2) by p0 found 1, so it directly follows write(k1, 1) by p0, reads aside
  cas(k1, 1, 3) by p1 found 1, so it directly follows write(k1, 1) by p0, reads aside
  write(k1, 1) by p0 precedes cas(k1, 1, 2) by p0: it had completed 1.0 ms before that was invoked
  write(k1, 1) by p0 precedes cas(k1, 1, 3) by p1: it had completed 2.0 ms before that was invoked
  without any one of these, the anomaly is gone or another
",
        );
    }

    #[test]
    fn a_lost_element_is_shown_with_its_add() {
        let history = parse_as(set::FUNCTIONS, "p2 add 9\np2 ok\np0 add 1\np0 ok\np1 read\np1 ok [9]");
        let verdict = observe(&mut GrowSet::new(), &history);
        let explanation = explain(&history, verdict.anomaly().expect("an element is lost")).to_string();
        for sentence in [
            "read(k1) -> [9] by p1 at n2 lacks an element that must have been there\n",
            "read(k1) -> [9] by p1 lacks 1, so it precedes add(k1, 1) by p0, if that took effect",
            "add(k1, 1) by p0 precedes read(k1) -> [9] by p1: it had completed 1.0 ms before that was invoked",
        ] {
            assert!(explanation.contains(sentence), "{sentence} is not in {explanation}");
        }
    }

    #[test]
    fn a_circle_of_transactions_is_told_as_what_they_saw_of_each_other() {
        let noise = "p5 txn a3=9\np5 ok a3=9\n";
        let text = format!("{noise}p0 txn r1 a2=1\np1 txn r2 a1=1\np0 ok r1= a2=1\n{noise}p1 ok r2= a1=1");
        let history = parse_as(list_append::FUNCTIONS, &text.replacen("a3=9", "a3=8", 2));
        let verdict = observe(&mut ListAppend::new(), &history);
        let explanation = explain(&history, verdict.anomaly().expect("a write skew"));
        assert_eq!(explanation.operations.len(), 2);
        let text = explanation.to_string();
        for sentence in [
            "txn(r k2 [], append k1 1) by p1 at n2 shows G2-item: it fits no order of these 2 transactions that respects real time\n",
            "txn(r k1 [], append k2 1) by p0 precedes txn(r k2 [], append k1 1) by p1, of whose append to k1 it saw nothing",
            "txn(r k2 [], append k1 1) by p1 precedes txn(r k1 [], append k2 1) by p0, of whose append to k2 it saw nothing",
        ] {
            assert!(text.contains(sentence), "{sentence} is not in {text}");
        }
    }

    /// Explains what is wrong with the history in `text` of objects of a family.
    #[track_caller]
    fn check_family(family: Family, text: &str, expected: &str) {
        let history = parse_as(family.functions(), text);
        let verdict = family.check(&history, CONFIGURATIONS_MAX);
        let explanation = explain_as(family, &history, verdict.anomaly().expect("the history has an anomaly"));
        let bars: Vec<&str> = explanation.picture.iter().map(|bar| bar.trim_end()).collect();
        let told = format!("{}\n{}\n{}", explanation.summary, bars.join("\n"), explanation.why.join("\n"));
        assert_eq!(told, expected, "\n{told}");
    }

    #[test]
    fn what_does_not_fit_a_model_is_told_with_the_longest_order_that_does() {
        check_family(
            Family::FifoQueue,
            "p3 enqueue 9\np3 ok\np0 enqueue 1\np0 ok\np3 dequeue\np3 ok 9\np0 enqueue 2\np0 ok\np1 dequeue\np1 ok 2",
            "\
dequeue(k1) -> 2 by p1 at n2 fits no order of the 3 operations on k1 that respects real time
[--]
      [--]
            [--]
the longest order that fits: enqueue(k1, 1) by p0, enqueue(k1, 2) by p0
then dequeue(k1) -> 2 by p1 cannot have ended so",
        );
    }

    #[test]
    fn what_others_found_is_not_left_without_what_they_found() {
        let history = parse_as(
            Family::Counter.functions(),
            "p0 add 1\np0 ok\np1 read\np1 ok 1\np0 add 2\np0 ok\np1 read\np1 ok 5",
        );
        let verdict = Family::Counter.check(&history, CONFIGURATIONS_MAX);
        let explanation = explain_as(Family::Counter, &history, verdict.anomaly().expect("the sum is wrong"));
        assert_eq!(explanation.operations, [OpId(0), OpId(2), OpId(3)], "both adds stay, the first read goes");
    }

    #[test]
    fn a_history_of_which_nothing_can_be_left_out_is_told_briefly() {
        let adds = "p0 add 1\np0 ok\n".repeat(5_000);
        let history = parse_as(Family::Counter.functions(), &format!("{adds}p1 read\np1 ok 7"));
        let verdict = Family::Counter.check(&history, CONFIGURATIONS_MAX);
        let explanation = explain_as(Family::Counter, &history, verdict.anomaly().expect("the sum is wrong"));
        assert_eq!((explanation.operations.len(), explanation.picture.len()), (SHOWN, SHOWN));
        assert_eq!(explanation.why, ["these are 5001 operations, too many to say why in a few words"]);
        assert!(explanation.to_string().contains("… 4961 earlier operations"), "{explanation}");
    }

    #[test]
    fn a_lock_held_twice_is_told_by_who_waits_for_whom() {
        check_family(
            Family::Mutex,
            "p0 acquire\np0 ok\np1 acquire\np1 ok\np0 release\np0 ok",
            "\
acquire(k1) -> nil by p1 at n2 fits no order of the 2 operations on k1 that respects real time
[--]
      [--]
the longest order that fits: acquire(k1) -> nil by p0
then acquire(k1) -> nil by p1 cannot have ended so",
        );
    }

    #[test]
    fn nodes_that_disagree_are_named_with_what_they_said() {
        let evidence = |first, second| Evidence::Conflict { key: 5, first, second };
        let name = "decided-entry";
        let expected = "n2 and n3 disagree on decided entry 5: 0xab and 0xcd";
        check_evidence(Class::Agreement, name, evidence((2, 0xab), (3, 0xcd)), expected);
        let expected = "n2 contradicts itself on decided entry 5: 0xab, then 0xcd";
        check_evidence(Class::Agreement, name, evidence((2, 0xab), (2, 0xcd)), expected);
    }

    #[test]
    fn a_panic_is_told_with_its_place() {
        let evidence = |location: &str| Evidence::Panic {
            node: 2,
            message: "no quorum".to_owned(),
            location: location.to_owned(),
        };
        check_evidence(Class::Panic, "panic", evidence("src/raft.rs:7"), "n2 panicked: no quorum at src/raft.rs:7");
        check_evidence(Class::Panic, "panic", evidence(""), "n2 panicked: no quorum");
    }

    #[test]
    fn who_does_not_recover_is_told_with_what_each_node_waits_for() {
        let waiting = |node, role, timers: &[(u32, u64)], heard: Option<(&str, u64)>| Waiting {
            node,
            role,
            timers: timers.to_vec(),
            heard: heard.map(|(what, ago)| (what.to_owned(), ago)),
        };
        let nodes = vec![
            waiting(1, Some("leader"), &[(0, 7_000_000), (3, 12_000_000_000)], Some(("Ping of n2", 9_999_000_000))),
            waiting(2, None, &[], None),
        ];
        let evidence = Evidence::Unanswered { keys: vec![1, 3], since: 25_000_000_000, nodes };
        let anomaly = Anomaly { class: Class::Liveness, name: "slow-recovery".into(), evidence };
        let expected = "slow recovery: 25 s after everything was healed nobody could read k1, k3\n\nwhy:\n  \
            n1 (leader) waits for timer 0 in 7 ms and timer 3 in 12 s; 9999 ms ago it heard of Ping of n2\n  \
            n2 waits for no timer; it heard of nothing\n";
        assert_eq!(explain(&History::default(), &anomaly).to_string(), expected);
    }

    #[test]
    fn what_is_too_long_for_a_line_is_cut() {
        let adds: String = (0..100).map(|item| format!("p0 add {item}\np0 ok\n")).collect();
        let read: Vec<String> = (1..100).map(|item| item.to_string()).collect();
        let history = parse_as(set::FUNCTIONS, &format!("{adds}p1 read\np1 ok [{}]", read.join(" ")));
        let verdict = Family::JepsenSet.check(&history, 0);
        let explanation = explain_as(Family::JepsenSet, &history, verdict.anomaly().expect("0 is lost"));
        assert!(explanation.summary.ends_with("24 25 2… by p1 lacks it"), "{}", explanation.summary);
        assert!(explanation.to_string().lines().all(|line| line.chars().count() < 250), "{explanation}");
    }

    #[test]
    fn a_property_is_told_by_its_name() {
        let expected = "invariant `one-leader` does not hold";
        check_evidence(Class::Invariant, "one-leader", Evidence::Property, expected);
        let expected = "two runs of one schedule differed: trace";
        check_evidence(Class::Nondeterminism, "trace", Evidence::Property, expected);
    }

    #[test]
    fn a_mark_is_told_by_its_name_its_node_and_its_place() {
        let mark = |node| Evidence::Mark { node, name: "logs match", location: "src/log.rs:7" };
        check_evidence(Class::Invariant, "logs-match", mark(2), "`logs match` does not hold on n2, at src/log.rs:7");
        check_evidence(Class::Invariant, "logs-match", mark(0), "`logs match` does not hold, at src/log.rs:7");
    }

    #[test]
    fn a_shrunk_history_has_nothing_to_spare() {
        let noise: String = (0..50).map(|n| format!("p2 write {n}\np2 ok\np3 read\np3 ok {n}\n")).collect();
        let history = parse(&format!("{noise}p0 write 70\np1 write 71\np0 ok\np1 ok\n{noise}p4 read\np4 ok 70"));
        let verdict = judge::<Register>(&history);
        let shrunk = shrink_history(&history, verdict.anomaly().unwrap());
        let functions: Vec<u8> = shrunk.iter().map(|&op| history.operation(op).call.function).collect();
        assert_eq!(functions, [1, 1, 0], "a write, another, and the stale read");
    }
}
