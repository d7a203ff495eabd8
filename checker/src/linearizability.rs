//! Is there an order of the operations, consistent with real time, that a sequential object could have produced?
//!
//! [`Linearizability`] answers while the history grows: it keeps every explanation of the events so far, and the first
//! completion that leaves none is the anomaly. [`check`] answers the same for a history that is already there; it
//! knows each result at the invocation and is faster for it.
//!
//! Sources: Wing & Gong, 1993, "Testing and verifying concurrent objects", for the search over orders; Lowe, 2017,
//! "Testing for linearizability", for configurations and just-in-time linearization; Horn & Kroening, 2015, "Faster
//! linearizability checking via P-compositionality", for judging each key alone. Crashed operations stay pending for
//! ever; equal ones are interchangeable, and a configuration that used fewer of them dominates.
//!
//! The answer is exact, or it is [`Verdict::Unknown`]: more than 64 operations pending on one key, or more
//! configurations than allowed, end the search of that key. An anomaly on another key still counts.
//!
//! Deliberately absent: the machine's clock, threads, witnesses (see [`explain`](crate::explain)), and anything but
//! one deterministic model for all keys.

mod antichain;
mod key_search;
#[cfg(test)]
mod tests;
mod transitions;

use self::{
    antichain::Antichain,
    key_search::{Fate, KeySearch, Record, Shared, Status},
    transitions::{IMPOSSIBLE, Transitions},
};
use crate::{
    history::{Call, Completion, Event, History, OpId, Value, Values},
    interner::Interner,
    model::{Effect, Model, Seen},
    observer::Observer,
    verdict::{Anomaly, Budget, Class, Evidence, Verdict},
};

/// Configurations that a search may hold on one key, unless told otherwise.
pub const CONFIGURATIONS_MAX: usize = 1 << 14;

/// The search of an operation that concerns none: one that a search with foresight skips.
const NO_SEARCH: u32 = u32::MAX;

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
    keys: Interner<u32>,
    /// By number of the key; those beyond the keys of this run keep their memory.
    searches: Vec<KeySearch>,
    /// Events seen.
    event_count: u32,
    anomaly: Option<Anomaly>,
    is_exhausted: bool,
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
        let shared = Shared {
            transitions: Transitions::new(),
            records: Vec::new(),
            configurations_max,
            open: Antichain::default(),
            closed: Antichain::default(),
        };
        let (keys, searches) = (Interner::new(), Vec::new());
        Self { shared, keys, searches, event_count: 0, anomaly: None, is_exhausted: false }
    }

    /// Judges a whole history, forgetting what was seen before.
    ///
    /// The verdict is what observing its events one by one would give, evidence included; only where that would be
    /// `Unknown` may this still know.
    pub fn check(&mut self, history: &History) -> Verdict {
        match self.search_with_foresight(history) {
            Verdict::Invalid(foreseen) => {
                self.first_anomaly(history).map_or(Verdict::Invalid(foreseen), Verdict::Invalid)
            }
            verdict => verdict,
        }
    }

    /// How many explanations of the events so far are being followed on the key where they are most: how near the
    /// search is to its budget, and, where it is one, how near the history is to an anomaly.
    pub fn frontier_len(&self) -> usize {
        self.searches[..self.keys.len()].iter().map(KeySearch::frontier_len).max().unwrap_or(1)
    }

    fn search_with_foresight(&mut self, history: &History) -> Verdict {
        self.reset();
        for &event in &history.events {
            match event {
                Event::Invoke(op) => self.invoke_foreseen(op, history),
                Event::Complete(op) => self.complete_foreseen(op),
            }
            if let Some(anomaly) = &self.anomaly {
                return Verdict::Invalid(anomaly.clone());
            }
        }
        self.finish(history)
    }

    fn first_anomaly(&mut self, history: &History) -> Option<Anomaly> {
        self.reset();
        history.events.iter().find_map(|&event| match event {
            Event::Invoke(op) => {
                self.invoke(op, history);
                None
            }
            Event::Complete(op) => self.complete(op, history),
        })
    }

    fn invoke_foreseen(&mut self, op: OpId, history: &History) {
        let operation = history.operation(op);
        let completion = operation.completion.map_or(Completion::Info, |(completion, _)| completion);
        let output = match completion {
            Completion::Ok(output) => Some(output),
            Completion::Fail | Completion::Info => None,
        };
        let effect = M::effect(&operation.call, output);
        let is_skipped = completion == Completion::Fail || (output.is_none() && effect == Effect::Observation);
        let search = if is_skipped { NO_SEARCH } else { self.search(operation.call.key) };
        self.record(op, &operation.call, output, Status::Known(completion), search, &history.values);
        if !is_skipped {
            let fate = self.searches[search as usize].invoke(&mut self.shared.records, op.0);
            self.heed(op, fate);
        }
    }

    fn complete_foreseen(&mut self, op: OpId) {
        self.shared.records[op.0 as usize].completed = self.event_count;
        self.event_count += 1;
        let search = self.shared.records[op.0 as usize].search;
        if search != NO_SEARCH && !self.searches[search as usize].is_exhausted {
            let fate = self.searches[search as usize].leave(&mut self.shared, op.0);
            self.heed(op, fate);
        }
    }

    /// The search of `key`, new if need be.
    fn search(&mut self, key: u32) -> u32 {
        let known = self.keys.len();
        let search = self.keys.id(key);
        if search as usize == known {
            if known == self.searches.len() {
                self.searches.push(KeySearch::default());
            }
            self.searches[known].reset(self.shared.transitions.init());
        }
        search
    }

    fn record(&mut self, op: OpId, call: &Call, output: Option<Value>, status: Status, search: u32, values: &Values) {
        assert_eq!(op.0 as usize, self.shared.records.len(), "operations are numbered in the order of invocation");
        let effect = M::effect(call, output);
        let is_ignored = output.is_none() && effect == Effect::Observation;
        let action = if is_ignored { IMPOSSIBLE } else { self.shared.transitions.action(call, output, values) };
        let record = Record {
            call: *call,
            status,
            effect,
            action,
            search,
            slot: 0,
            checkpoint: None,
            invoked: self.event_count,
            completed: u32::MAX,
        };
        self.shared.records.push(record);
        self.event_count += 1;
    }

    /// Draws the consequences of what became of the frontier at an event of `op`.
    fn heed(&mut self, op: OpId, fate: Fate) {
        match fate {
            Fate::Alive => {}
            Fate::Dead => self.anomaly = Some(self.name(op)),
            Fate::Exhausted => {
                self.is_exhausted = true;
                let search = self.shared.records[op.0 as usize].search;
                self.searches[search as usize].is_exhausted = true;
            }
        }
    }

    /// The anomaly of which the completion of `op` is the evidence.
    fn name(&self, op: OpId) -> Anomaly {
        let key = self.shared.records[op.0 as usize].call.key;
        let on_key = || self.shared.records.iter().enumerate().filter(|(_, record)| record.call.key == key);
        let seen: Vec<Seen> = on_key().map(|(_, record)| self.seen(record)).collect();
        let dying = on_key().position(|(index, _)| index == op.0 as usize).expect("`op` is on its own key");
        let name = M::anomaly(&seen, dying).into();
        Anomaly { class: Class::Linearizability, name, evidence: Evidence::Operation(op) }
    }

    fn seen(&self, record: &Record) -> Seen {
        let completion = match record.status {
            Status::Known(completion) if record.completed < self.event_count => Some(completion),
            // Its result is forgotten, or not to be known yet; whatever it was, it was no reason.
            Status::Vacuous | Status::Open | Status::Known(_) => None,
        };
        Seen { call: record.call, invoked: record.invoked, completed: completion.map(|how| (how, record.completed)) }
    }
}

impl<M: Model> Observer for Linearizability<M> {
    fn reset(&mut self) {
        self.shared.transitions.reset();
        self.shared.records.clear();
        self.keys.clear();
        self.event_count = 0;
        self.anomaly = None;
        self.is_exhausted = false;
    }

    fn invoke(&mut self, op: OpId, history: &History) {
        let call = &history.operation(op).call;
        let search = self.search(call.key);
        self.record(op, call, None, Status::Open, search, &history.values);
        if self.anomaly.is_none() && !self.searches[search as usize].is_exhausted {
            let fate = self.searches[search as usize].invoke(&mut self.shared.records, op.0);
            self.heed(op, fate);
        }
    }

    fn complete(&mut self, op: OpId, history: &History) -> Option<Anomaly> {
        let (completion, _) = history.operation(op).completion.expect("an operation completes with a completion");
        let record = &mut self.shared.records[op.0 as usize];
        assert_eq!(record.status, Status::Open, "operation {op:?} completed twice");
        record.completed = self.event_count;
        self.event_count += 1;
        let search = record.search as usize;
        if self.anomaly.is_some() || self.searches[search].is_exhausted {
            record.status = Status::Known(completion);
            return None;
        }
        let fate = self.searches[search].complete(&mut self.shared, op.0, completion, &history.values);
        self.heed(op, fate);
        self.anomaly.clone()
    }

    fn finish(&mut self, _history: &History) -> Verdict {
        match &self.anomaly {
            Some(anomaly) => Verdict::Invalid(anomaly.clone()),
            None if self.is_exhausted => Verdict::Unknown(Budget::Frontier),
            None => Verdict::Valid,
        }
    }

    fn fork(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }
}
