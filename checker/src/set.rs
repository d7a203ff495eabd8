//! Sets to which elements are only added, and whose reads return all of them.
//!
//! A read says of every element whether it had been added, so the order of reads and adds is known, and whether it
//! respects real time is decided without a search. A history is linearizable if and only if
//!
//! * any two reads are comparable: one has all elements of the other;
//! * a read has only elements whose add had been invoked, and did not fail;
//! * a read has every element whose add had completed before the read was invoked, or before the add of any element that
//!   it has was invoked; and all that a read had which completed before it was invoked.
//!
//! Adds of one element more than once are one add that took effect with the first of them; if one of several fails after
//! an element was read, the read is not judged anew, which errs towards valid.
//!
//! Deliberately absent: removal.

use crate::{
    history::{Call, Completion, History, OpId, Value},
    interner::Interner,
    model::ABORTED_READ,
    observer::Observer,
    verdict::{Anomaly, Class, Evidence, Verdict},
};

/// The names of the functions, in the order of [`Call::function`].
pub const FUNCTIONS: &[&str] = &["add", "read"];
/// Index of `add` in [`FUNCTIONS`]: takes an `Int`.
pub const ADD: u8 = 0;
/// Index of `read` in [`FUNCTIONS`]: returns a `List` in any order.
pub const READ: u8 = 1;

/// A read lacks an element that must have been there, or has others than a read with which it must agree. One name, since
/// what a bug shows first is chance: a lost element, a stale replica.
pub const MISSING_ELEMENT: &str = "missing-element";
/// A read has an element that nobody had asked to add.
pub const PHANTOM_ELEMENT: &str = "phantom-element";
/// A read has an element twice.
pub const DUPLICATE_ELEMENT: &str = "duplicate-element";

const NEVER: u32 = u32::MAX;

/// The judge of grow-only sets, key by key. It allocates nothing once it has seen a few runs of the same kind.
#[derive(Clone, Default)]
pub struct GrowSet {
    keys: Interner<u32>,
    /// By number of the key; those beyond the keys of this run keep their memory.
    sets: Vec<Set>,
    /// By [`OpId`].
    records: Vec<Record>,
    event_count: u32,
    anomaly: Option<Anomaly>,
    scratch: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    set: u32,
    /// Position of the invocation among all events.
    invoked: u32,
    what: What,
    failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Adds the element of this number.
    Add(u32),
    /// Reads; when it was invoked, a read had returned so many elements.
    Read { floor: u32 },
}

#[derive(Clone, Debug, Default)]
struct Set {
    elements: Interner<u64>,
    /// When the first add of an element was invoked that has not failed; [`NEVER`] if all have.
    added: Vec<u32>,
    /// Elements, and when they were first acknowledged, in that order.
    acknowledged: Vec<(u32, u32)>,
    /// What reads returned: each a superset of the one before.
    chain: Vec<Subset>,
    bits: Vec<u64>,
}

/// Elements by number, as bits.
#[derive(Clone, Copy, Debug)]
struct Subset {
    len: u32,
    start: usize,
    words: usize,
}

impl Set {
    fn reset(&mut self) {
        self.elements.clear();
        self.added.clear();
        self.acknowledged.clear();
        self.chain.clear();
        self.bits.clear();
    }

    fn largest(&self) -> u32 {
        self.chain.last().map_or(0, |subset| subset.len)
    }

    fn bits(&self, subset: &Subset) -> &[u64] {
        &self.bits[subset.start..subset.start + subset.words]
    }

    /// Puts the numbers of `items` into `bits`; returns when the last of them was first asked for.
    fn resolve(&self, items: &[u64], bits: &mut Vec<u64>) -> Result<u32, &'static str> {
        bits.clear();
        bits.resize(self.elements.len().div_ceil(64), 0);
        let mut newest = 0;
        for item in items {
            let element = self.elements.find(item).ok_or(PHANTOM_ELEMENT)?;
            let (word, bit) = (element as usize / 64, 1 << (element % 64));
            if bits[word] & bit != 0 {
                return Err(DUPLICATE_ELEMENT);
            }
            bits[word] |= bit;
            match self.added[element as usize] {
                NEVER => return Err(ABORTED_READ),
                added => newest = newest.max(added),
            }
        }
        Ok(newest)
    }

    /// Whether `bits` has every element acknowledged before `horizon`.
    fn has_acknowledged(&self, bits: &[u64], horizon: u32) -> bool {
        let due = self.acknowledged.iter().take_while(|(_, at)| *at < horizon);
        due.into_iter().all(|(element, _)| has(bits, *element))
    }

    /// Adds what a read returned to the chain; false if it fits nowhere.
    fn link(&mut self, bits: &[u64], len: u32) -> bool {
        let place = self.chain.partition_point(|subset| subset.len <= len);
        let below = place.checked_sub(1).map(|at| self.chain[at]);
        let fits = below.is_none_or(|below| is_subset(self.bits(&below), bits))
            && self.chain.get(place).is_none_or(|above| is_subset(bits, self.bits(above)));
        if fits && below.is_none_or(|below| below.len < len) {
            let subset = Subset { len, start: self.bits.len(), words: bits.len() };
            self.bits.extend_from_slice(bits);
            self.chain.insert(place, subset);
        }
        fits
    }
}

fn has(bits: &[u64], element: u32) -> bool {
    bits.get(element as usize / 64).is_some_and(|word| word & 1 << (element % 64) != 0)
}

fn is_subset(small: &[u64], large: &[u64]) -> bool {
    small.iter().enumerate().all(|(at, word)| word & !large.get(at).copied().unwrap_or(0) == 0)
}

impl GrowSet {
    /// A judge that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn set(&mut self, key: u32) -> u32 {
        let known = self.keys.len();
        let set = self.keys.id(key);
        if set as usize == known {
            if known == self.sets.len() {
                self.sets.push(Set::default());
            }
            self.sets[known].reset();
        }
        set
    }

    fn what(&mut self, set: u32, call: &Call) -> What {
        let set = &mut self.sets[set as usize];
        let (ADD, Value::Int(item)) = (call.function, call.input) else { return What::Read { floor: set.largest() } };
        let element = set.elements.id(item);
        if element as usize == set.added.len() {
            set.added.push(NEVER);
        }
        let added = &mut set.added[element as usize];
        *added = (*added).min(self.event_count);
        What::Add(element)
    }

    /// The name of the anomaly that `record`'s completion shows.
    fn judge(&mut self, op: usize, completion: Completion<Value>, history: &History) -> Option<&'static str> {
        let Record { set, invoked, what, .. } = self.records[op];
        match (what, completion) {
            (What::Add(element), Completion::Ok(_)) => {
                let acknowledged = &mut self.sets[set as usize].acknowledged;
                acknowledged.push((element, self.event_count));
                None
            }
            (What::Add(element), Completion::Fail) => self.fail(op, set, element),
            (What::Read { floor }, Completion::Ok(output)) => {
                let items = history.values.numbers(&output);
                self.read(set, invoked, floor, items).err()
            }
            (What::Add(_), Completion::Info) | (What::Read { .. }, Completion::Fail | Completion::Info) => None,
        }
    }

    fn read(&mut self, set: u32, invoked: u32, floor: u32, items: &[u64]) -> Result<(), &'static str> {
        let set = &mut self.sets[set as usize];
        let newest = set.resolve(items, &mut self.scratch)?;
        let len = items.len() as u32;
        let fits =
            len >= floor && set.has_acknowledged(&self.scratch, invoked.max(newest)) && set.link(&self.scratch, len);
        if fits { Ok(()) } else { Err(MISSING_ELEMENT) }
    }

    fn fail(&mut self, op: usize, set: u32, element: u32) -> Option<&'static str> {
        self.records[op].failed = true;
        let others = self.records.iter().filter(|other| other.set == set && other.what == What::Add(element));
        let added = others.filter(|other| !other.failed).map(|other| other.invoked).min().unwrap_or(NEVER);
        let set = &mut self.sets[set as usize];
        set.added[element as usize] = added;
        let was_read = set.chain.last().is_some_and(|largest| has(set.bits(largest), element));
        (was_read && added == NEVER).then_some(ABORTED_READ)
    }
}

impl Observer for GrowSet {
    fn reset(&mut self) {
        self.keys.clear();
        self.records.clear();
        self.event_count = 0;
        self.anomaly = None;
    }

    fn invoke(&mut self, op: OpId, history: &History) {
        let call = history.operation(op).call;
        let set = self.set(call.key);
        let what = self.what(set, &call);
        self.records.push(Record { set, invoked: self.event_count, what, failed: false });
        self.event_count += 1;
    }

    fn complete(&mut self, op: OpId, history: &History) -> Option<Anomaly> {
        let (completion, _) = history.operation(op).completion.expect("an operation completes with a completion");
        let name = self.judge(op.0 as usize, completion, history);
        self.event_count += 1;
        let anomaly = |name: &'static str| Anomaly {
            class: Class::Linearizability,
            name: name.into(),
            evidence: Evidence::Operation(op),
        };
        self.anomaly = self.anomaly.take().or(name.map(anomaly));
        self.anomaly.clone()
    }

    fn finish(&mut self, _history: &History) -> Verdict {
        self.anomaly.clone().map_or(Verdict::Valid, Verdict::Invalid)
    }

    fn fork(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{prelude::*, test_runner::RngSeed};

    use super::*;
    use crate::{explain::explain, history::Event, observer::observe, testing::parse_as};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let history = parse_as(FUNCTIONS, text);
        let verdict = observe(&mut GrowSet::new(), &history);
        assert_eq!(verdict.anomaly().map_or("valid", |anomaly| &anomaly.name), expected);
        if expected != DUPLICATE_ELEMENT {
            assert_eq!(has_order(&history), expected == "valid", "brute force");
        }
        if let Some(anomaly) = verdict.anomaly() {
            let Some(&Event::Complete(last)) = history.events.last() else { panic!("the last line completes") };
            assert_eq!(anomaly.evidence, Evidence::Operation(last));
        }
    }

    #[test]
    fn what_was_added_is_read_and_nothing_else() {
        check("p0 read\np0 ok []\np0 add 1\np0 ok\np0 read\np0 ok [1]\np0 add 2\np0 ok\np0 read\np0 ok [2 1]", "valid");
        check("p0 add 1\np0 ok\np1 read\np1 ok []", MISSING_ELEMENT);
        check("p0 add 1\np0 ok\np1 read\np1 ok [1 7]", PHANTOM_ELEMENT);
        check("p0 add 1\np0 ok\np1 read\np1 ok [1 1]", DUPLICATE_ELEMENT);
    }

    #[test]
    fn an_add_that_is_open_may_be_seen_or_not_but_not_unseen_again() {
        check("p0 add 1\np1 read\np1 ok []\np1 read\np1 ok [1]\np1 read\np1 ok [1]", "valid");
        check("p0 add 1\np1 read\np1 ok [1]\np1 read\np1 ok []", MISSING_ELEMENT);
        check("p0 add 1\np0 info\np1 read\np1 ok [1]\np1 read\np1 ok []", MISSING_ELEMENT);
    }

    #[test]
    fn concurrent_reads_may_not_each_lack_what_the_other_has() {
        let both = "p0 add 1\np1 add 2\np2 read\np3 read\np2 ok [1]\n";
        check(&format!("{both}p3 ok [2]"), MISSING_ELEMENT);
        check(&format!("{both}p3 ok [1 2]"), "valid");
    }

    #[test]
    fn an_element_does_not_come_without_one_that_was_there_before_it() {
        check("p2 read\np0 add 1\np0 ok\np0 add 2\np2 ok [2]", MISSING_ELEMENT);
        check("p2 read\np0 add 1\np0 ok\np0 add 2\np2 ok [1]", "valid");
    }

    #[test]
    fn an_add_that_failed_is_not_seen() {
        check("p0 add 1\np0 fail\np1 read\np1 ok [1]", ABORTED_READ);
        check("p0 add 1\np1 read\np1 ok [1]\np0 fail", ABORTED_READ);
        check("p0 add 1\np1 add 1\np0 fail\np2 read\np2 ok [1]", "valid");
    }

    #[test]
    fn keys_do_not_mix() {
        check("p0 k1 add 1\np0 ok\np1 k2 read\np1 ok []\np1 k1 read\np1 ok [1]", "valid");
        check("p0 k1 add 1\np0 ok\np1 k2 read\np1 ok [1]", PHANTOM_ELEMENT);
    }

    #[test]
    fn a_judge_can_be_used_again_and_copied() {
        let history = parse_as(FUNCTIONS, "p0 add 1\np0 ok\np1 read\np1 ok [1]");
        let mut judge = GrowSet::new();
        for _ in 0..2 {
            assert_eq!(observe(&mut judge, &history), Verdict::Valid);
        }
        assert_eq!(judge.fork().finish(&history), Verdict::Valid);
    }

    /// The oracle: whether some order explains the history of one set.
    fn has_order(history: &History) -> bool {
        let at = |event: Event| history.events.iter().position(|&other| other == event).unwrap_or(usize::MAX);
        let times: Vec<(usize, usize)> = (0..history.operations.len() as u32)
            .map(|op| (at(Event::Invoke(OpId(op))), at(Event::Complete(OpId(op)))))
            .collect();
        extends(history, &times, 0, &BTreeSet::new())
    }

    fn extends(history: &History, times: &[(usize, usize)], taken: u32, state: &BTreeSet<(u32, u64)>) -> bool {
        let completion = |op: usize| history.operations[op].completion.map(|(completion, _)| completion);
        let is_ok = |op: usize| matches!(completion(op), Some(Completion::Ok(_)));
        let waiting = || (0..times.len()).filter(|op| taken & (1 << op) == 0);
        let deadline = waiting().filter(|&op| is_ok(op)).map(|op| times[op].1).min();
        let Some(deadline) = deadline else { return true };
        waiting().filter(|&op| times[op].0 < deadline && completion(op) != Some(Completion::Fail)).any(|op| {
            let call = history.operations[op].call;
            let mut after = state.clone();
            match (call.input, completion(op)) {
                (Value::Int(item), _) => {
                    after.insert((call.key, item));
                }
                (_, Some(Completion::Ok(output))) => {
                    let mut items = history.values.numbers(&output).to_vec();
                    items.sort_unstable();
                    let there = state.iter().filter(|(key, _)| *key == call.key).map(|(_, item)| *item);
                    if !there.eq(items) {
                        return false;
                    }
                }
                _ => return false,
            }
            extends(history, times, taken | 1 << op, &after)
        })
    }

    /// Histories of one set: each element is added once, reads return some of the elements that were asked for.
    fn histories() -> impl Strategy<Value = History> {
        let event = (0..4_u32, any::<bool>(), any::<u8>(), 0..8_u8);
        proptest::collection::vec(event, 0..28).prop_map(|events| {
            let mut history = History { functions: FUNCTIONS, ..History::default() };
            let mut open: Vec<Option<OpId>> = vec![None; 4];
            let mut added = 0;
            for (process, adds, subset, end) in events {
                let now = history.events.len() as u64;
                let Some(op) = open[process as usize].take() else {
                    added += u64::from(adds);
                    let (function, input) = if adds { (ADD, Value::Int(added)) } else { (READ, Value::Nil) };
                    open[process as usize] = Some(history.invoke(process, Call { function, key: 1, input }, 1, now));
                    continue;
                };
                // Most reads return all, or all but one: the interesting ones.
                let skipped = u64::from(subset % 8);
                let items: Vec<u64> = (1..=added).filter(|item| *item != skipped).collect();
                let is_read = history.operation(op).call.function == READ;
                let output = if is_read { history.values.list(&items) } else { Value::Nil };
                let completion = match end {
                    0 => Completion::Fail,
                    1 => Completion::Info,
                    _ => Completion::Ok(output),
                };
                history.complete(op, completion, now);
            }
            history
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 20_000,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]

        #[test]
        fn the_judge_agrees_with_brute_force(history in histories()) {
            let verdict = observe(&mut GrowSet::new(), &history);
            prop_assert_eq!(verdict == Verdict::Valid, has_order(&history), "{:?}", verdict);
            if let Some(anomaly) = verdict.anomaly() {
                prop_assert_ne!(explain(&history, anomaly).summary, "");
            }
        }
    }
}
