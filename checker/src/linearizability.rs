//! Is there an order of the operations, consistent with real time, that a sequential object could have produced?
//!
//! [`Linearizability`] answers while the history grows: it keeps an explanation of the events so far, and the first
//! completion that leaves none is the anomaly. It looks for another when an event does not fit, and for all of them when that takes
//! too long. [`check`] answers the same for a history that is already there; where it searches,
//! it knows each result at the invocation and is faster for it.
//!
//! Sources: Wing & Gong, 1993, "Testing and verifying concurrent objects", for the search over orders; Lowe, 2017,
//! "Testing for linearizability", for configurations and just-in-time linearization; Gibbons & Korach, 1997, "Testing shared
//! memories", for zones; Horn & Kroening, 2015, "Faster linearizability checking via P-compositionality", for judging each key
//! alone. Crashed operations stay pending for
//! ever; equal ones are interchangeable, and a configuration that used fewer of them dominates.
//!
//! A key on which no value is written twice needs no search, if its object is read, written and compared-and-set; and in a history
//! that is there, no queue or stack into which nothing is put twice, and no set that only grows. The elements of other sets, and of
//! queues without an order, are judged each alone where that is sound.
//!
//! The answer is exact, or it is [`Verdict::Unknown`] and says why: more than 64 operations pending on one key, or more
//! configurations or steps than allowed, end the search of that key. An anomaly on another key still counts, and so does what can be
//! shown of a key without a search, once that was given up (`forced.rs`): then the evidence is several operations and a sentence. Limits are counts of
//! work, so that the answer is a function of the history.
//!
//! Deliberately absent: the machine's clock, threads, witnesses (see [`explain`](crate::explain)), and anything but
//! one deterministic model for all keys.

mod antichain;
mod depth_first;
mod elements;
mod forced;
mod frontier;
mod key_search;
mod short;
mod slots;
#[cfg(test)]
mod tests;
mod transitions;
mod unique;
mod whole;
mod zones;

use self::{
    key_search::{Ended, Judge, KeySearch, Record},
    short::{MILESTONES, Milestone, Passed},
    slots::{Fate, Shared, Work},
    transitions::{Action, Transitions},
    whole::Sorted,
    zones::{Returned, Unfit, Zones},
};
use crate::{
    history::{Completion, Event, History, OpId},
    interner::Interner,
    model::{Effect, Model, Seen},
    observer::Observer,
    verdict::{Anomaly, Budget, Class, Evidence, Verdict},
};

/// Configurations that a search may hold on one key, unless told otherwise.
pub const CONFIGURATIONS_MAX: usize = 1 << 14;

/// Configurations that may turn out to explain nothing at one event, before a depth-first search is given up.
const DEAD_MAX: usize = 1 << 12;

/// Steps that depth-first searches may take back, besides those that each event adds.
const STEPS_BACK: u64 = 1 << 20;

/// Steps that a search may take through a history, for each configuration that it may hold on a key. A step is an operation tried
/// in a configuration, or two configurations compared.
const STEPS_PER_CONFIGURATION: u64 = 1 << 12;

/// Judges whether `history` is linearizable under the model `M`, key by key.
///
/// To judge many histories, keep a [`Linearizability`] and its memory.
pub fn check<M: Model>(history: &History) -> Verdict {
    Linearizability::<M>::new().check(history)
}

/// The linearizability checker: an [`Observer`] for a history that grows, and [`check`](Self::check) for one that is
/// complete. It allocates nothing once it has seen a few runs of the same kind.
#[derive(Clone)]
pub struct Linearizability<M: Model> {
    shared: Shared<M>,
    /// What is known of the operations of a history that grows, by [`OpId`].
    records: Vec<Record>,
    /// A whole history.
    sorted: Sorted,
    /// Where the operations of a short history are, by [`OpId`].
    passed: Vec<Passed>,
    /// Where the completions of a short history are, by [`OpId`], if those that come later are not to be known.
    ends: Vec<u32>,
    milestones: [Milestone; MILESTONES],
    keys: Interner<u32>,
    /// The last key and the number of its search.
    last_key: Option<(u32, u32)>,
    /// By number of the key; those beyond the keys of this run keep their memory.
    searches: Vec<KeySearch>,
    zones: Zones,
    /// Events seen.
    event_count: usize,
    anomaly: Option<Anomaly>,
    /// Why a key was given up, if one was: the first.
    exhausted: Option<Budget>,
}

impl<M: Model> Default for Linearizability<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Model> Linearizability<M> {
    /// A checker that holds up to [`CONFIGURATIONS_MAX`] configurations on a key.
    pub fn new() -> Self {
        Self::with_limit(CONFIGURATIONS_MAX)
    }

    /// A checker that gives up a key when it would hold more than `configurations_max` configurations on it.
    pub fn with_limit(configurations_max: usize) -> Self {
        let steps_max = configurations_max as u64 * STEPS_PER_CONFIGURATION;
        let all = Work::new(configurations_max, steps_max);
        let one = Work::new(configurations_max.min(DEAD_MAX), STEPS_BACK);
        let shared = Shared { transitions: Transitions::new(), all, one };
        Self {
            shared,
            records: Vec::new(),
            sorted: Sorted::default(),
            passed: Vec::new(),
            ends: Vec::new(),
            milestones: Default::default(),
            keys: Interner::new(),
            last_key: None,
            searches: Vec::new(),
            zones: Zones::default(),
            event_count: 0,
            anomaly: None,
            exhausted: None,
        }
    }

    /// The search of `key`, new if need be.
    fn search(&mut self, key: u32) -> u32 {
        if let Some((last, search)) = self.last_key
            && last == key
        {
            return search;
        }
        let search = self.search_of(key);
        self.last_key = Some((key, search));
        search
    }

    fn search_of(&mut self, key: u32) -> u32 {
        let known = self.keys.len();
        let search = self.keys.id(key);
        if search as usize == known {
            if known == self.searches.len() {
                self.searches.push(KeySearch::default());
            }
            let init = self.shared.transitions.init();
            self.searches[known].reset(init, self.event_count.saturating_sub(1));
            self.zones.begin(search, init);
        }
        search
    }

    fn record(&mut self, op: OpId, history: &History) {
        assert_eq!(op.0 as usize, self.records.len(), "operations are numbered in the order of invocation");
        let call = &history.operation(op).call;
        let search = self.search(call.key);
        let effect = M::effect(call, None);
        let is_ignored = effect == Effect::Observation;
        let action =
            if is_ignored { Action::NOTHING } else { self.shared.transitions.action(call, None, &history.values) };
        let began = self.event_count as u32;
        self.records.push(Record { effect, action, search, began, ..Record::default() });
    }

    /// `op` is invoked on a key that is judged by its zones.
    fn invoke_zoned(&mut self, op: OpId) -> Result<Fate, Unfit> {
        let Record { search, action, began, .. } = self.records[op.0 as usize];
        self.zones.invoke(search, action, began)?;
        Ok(Fate::Alive)
    }

    /// `op` completes on a key that is judged by its zones.
    fn complete_zoned(&mut self, op: OpId, ended: Ended<'_>) -> Result<Fate, Unfit> {
        let Record { search, effect, mut action, began, .. } = self.records[op.0 as usize];
        let Ended { call, completion, values, .. } = ended;
        if let (Completion::Ok(output), Effect::Observation | Effect::Exchange) = (completion, effect) {
            action = self.shared.transitions.action(call, Some(output), values);
        }
        let now = self.event_count as u32;
        self.zones.complete(Returned { object: search, action, began, now }, completion)
    }

    /// Has another judge take over a key, who hears of all that happened so far. The one before had found nothing wrong, so
    /// nothing is before the last event, and results need not be unknown before they came.
    #[cold]
    fn take_over(&mut self, search: u32, judge: Judge, history: &History) -> Fate {
        let since = self.searches[search as usize].since;
        self.searches[search as usize].judge = judge;
        let events = &history.events[since..self.event_count];
        for &event in events {
            if let Event::Complete(op) = event
                && self.records[op.0 as usize].search == search
            {
                self.records[op.0 as usize].learn(&mut self.shared.transitions, &ended(op, history));
            }
        }
        for &event in events {
            let (Event::Invoke(op) | Event::Complete(op)) = event;
            if self.records[op.0 as usize].search == search {
                let fate = self.hear(event, history);
                if fate != Fate::Alive || self.searches[search as usize].judge != judge {
                    return fate;
                }
            }
        }
        Fate::Alive
    }

    /// Tells the judge of its key of an event.
    fn hear(&mut self, event: Event, history: &History) -> Fate {
        let (Event::Invoke(op) | Event::Complete(op)) = event;
        let search = self.records[op.0 as usize].search;
        match self.searches[search as usize].judge {
            Judge::Zones => {
                let fate = match event {
                    Event::Invoke(op) => self.invoke_zoned(op),
                    Event::Complete(op) => self.complete_zoned(op, ended(op, history)),
                };
                fate.unwrap_or_else(|Unfit| self.take_over(search, Judge::DepthFirst, history))
            }
            Judge::DepthFirst => {
                let Self { shared, records, searches, .. } = self;
                let depth_first = &mut searches[search as usize].depth_first;
                let fate = match event {
                    Event::Invoke(op) => depth_first.invoke(shared, records, op.0),
                    Event::Complete(op) => depth_first.complete(shared, records, ended(op, history)),
                };
                match fate {
                    Fate::Exhausted(_) => self.take_over(search, Judge::Frontier, history),
                    Fate::Alive | Fate::Dead => fate,
                }
            }
            Judge::Frontier => match event {
                Event::Invoke(op) => self.searches[search as usize].invoke(&mut self.records, op.0),
                Event::Complete(op) => self.complete_searched(op, history),
            },
        }
    }

    fn complete_searched(&mut self, op: OpId, history: &History) -> Fate {
        let Self { shared, records, searches, .. } = self;
        let search = records[op.0 as usize].search as usize;
        searches[search].complete(shared, records, ended(op, history))
    }

    /// Draws the consequences of what became of the search at the last event, one of `op`.
    #[inline]
    fn heed(&mut self, op: OpId, fate: Fate, history: &History) {
        match fate {
            Fate::Alive => {}
            Fate::Dead => self.anomaly = Some(anomaly::<M>(history, self.event_count, op)),
            Fate::Exhausted(budget) => {
                self.exhausted.get_or_insert(budget);
                let search = self.records[op.0 as usize].search;
                self.searches[search as usize].is_exhausted = true;
            }
        }
    }
}

#[inline]
fn ended(op: OpId, history: &History) -> Ended<'_> {
    let operation = history.operation(op);
    let (completion, _) = operation.completion.expect("an operation completes with a completion");
    Ended { op: op.0, call: &operation.call, completion, values: &history.values }
}

/// The anomaly of which `op` is the evidence, with whose completion the first `event_count` events end.
fn anomaly<M: Model>(history: &History, event_count: usize, op: OpId) -> Anomaly {
    let key = history.operation(op).call.key;
    let (mut ops, mut seen) = (Vec::new(), Vec::new());
    for (at, &event) in (0..).zip(&history.events[..event_count]) {
        match event {
            Event::Invoke(op) if history.operation(op).call.key == key => {
                ops.push(op);
                seen.push(Seen { call: history.operation(op).call, invoked: at, completed: None });
            }
            Event::Complete(op) => {
                if let (Ok(index), Some((completion, _))) = (ops.binary_search(&op), history.operation(op).completion) {
                    seen[index].completed = Some((completion, at));
                }
            }
            Event::Invoke(_) => {}
        }
    }
    let dying = ops.binary_search(&op).expect("`op` is on its own key");
    let name = M::anomaly(&seen, dying).into();
    Anomaly { class: Class::Linearizability, name, evidence: Evidence::Operation(op) }
}

impl<M: Model> Observer for Linearizability<M> {
    fn reset(&mut self) {
        self.shared.transitions.reset();
        self.records.clear();
        self.passed.clear();
        self.ends.clear();
        self.milestones.iter_mut().for_each(Milestone::forget);
        self.zones.reset();
        self.keys.clear();
        self.last_key = None;
        self.event_count = 0;
        self.anomaly = None;
        self.exhausted = None;
        self.shared.all.steps = 0;
        self.shared.one.steps = 0;
        self.shared.one.steps_max = STEPS_BACK;
    }

    fn invoke(&mut self, op: OpId, history: &History) {
        self.event_count += 1;
        self.record(op, history);
        let search = self.records[op.0 as usize].search;
        if self.anomaly.is_none() && !self.searches[search as usize].is_exhausted {
            let fate = self.hear(Event::Invoke(op), history);
            self.heed(op, fate, history);
        }
    }

    fn complete(&mut self, op: OpId, history: &History) -> Option<Anomaly> {
        self.event_count += 1;
        let search = self.records[op.0 as usize].search;
        if self.anomaly.is_some() || self.searches[search as usize].is_exhausted {
            return None;
        }
        let fate = self.hear(Event::Complete(op), history);
        self.heed(op, fate, history);
        self.anomaly.clone()
    }

    fn finish(&mut self, history: &History) -> Verdict {
        match (&self.anomaly, self.exhausted) {
            (Some(anomaly), _) => Verdict::Invalid(anomaly.clone()),
            (None, Some(budget)) => self.forced(history).map_or(Verdict::Unknown(budget), Verdict::Invalid),
            (None, None) => Verdict::Valid,
        }
    }

    fn fork(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }
}
