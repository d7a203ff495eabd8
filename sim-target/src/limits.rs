//! What nodes may not log, what they must log, how many messages they may send in how short a time, and how long they may take to
//! answer while nothing is wrong.
//!
//! Judged while a run goes on, but for what must be logged, which its end shows. Deliberately absent: what a node says through
//! `tracing`, which nobody listens to unless a trace is kept.

use std::{collections::VecDeque, time::Duration};

use murphy_checker::{
    checkers::log_patterns::LogPatterns,
    history::OpId,
    verdict::{Anomaly, Class, Evidence, Verdict},
};
use murphy_schedule::{FaultKind, Header};

use crate::{
    core::{Core, number},
    node::{Node, NodeId},
    trace::What,
};

/// An operation took longer than it may.
const SLOW: &str = "slow-operation";
/// A node sent more messages in a span of time than it may.
const FLOOD: &str = "message-flood";
/// No node logged what one must.
const LOG_MISSING: &str = "log-missing";

/// What nodes log and send stays within this; see [`Target::limits`](crate::Target::limits). What does not is a violation of the
/// class `invariant`.
///
/// ```
/// use murphy_sim::Limit;
/// use std::time::Duration;
///
/// let limits = [
///     Limit::NeverLogs("corrupt"),
///     Limit::Sends { kind: Some("TurnUndead"), most: 10, within: Duration::from_secs(1) },
/// ];
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// No line that a node [logs](crate::Context::log) has this text, in small letters or large: `log-pattern`.
    NeverLogs(&'static str),
    /// In each run that comes to its end some node logs a line that has this text, in small letters or large: `log-missing`.
    Logs(&'static str),
    /// No node sends more messages than this in any such span of virtual time: `message-flood`.
    Sends {
        /// Of which kind: one of [`Node::KINDS`]. `None`: of all together.
        kind: Option<&'static str>,
        /// So many are allowed.
        most: u32,
        /// In so short a time.
        within: Duration,
    },
    /// An operation of a client completes within this time, however it ends, if nothing disturbs it: no step of the schedule is in
    /// force until then, nor has been for `calm` before it was invoked, every node is up, and the header leaves links, processors,
    /// memory and disks as they are: `slow-operation`.
    Answers {
        /// So long may it take.
        within: Duration,
        /// So long after its start, or after the end of a step, the system needs to settle.
        calm: Duration,
    },
}

/// The limits of a target, and what the present run has come to.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    forbidden: LogPatterns,
    forbids: bool,
    required: Vec<Required>,
    rates: Vec<Rate>,
    latencies: Vec<Latency>,
}

/// How long an operation may take, and after how long a calm, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Latency {
    within: u64,
    calm: u64,
}

#[derive(Clone, Debug)]
struct Required {
    /// In lower case.
    text: String,
    logged: bool,
}

#[derive(Clone, Debug)]
struct Rate {
    kind: Option<usize>,
    name: &'static str,
    most: usize,
    /// In nanoseconds.
    within: u64,
    /// When each node sent what still counts.
    sent: Vec<VecDeque<u64>>,
}

impl Limits {
    /// `None`, if there are none.
    ///
    /// # Panics
    /// If a limit names a kind of message that there is not.
    pub(crate) fn new(limits: &[Limit], kinds: &[&'static str]) -> Option<Box<Self>> {
        let (mut forbidden, mut required, mut rates, mut latencies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for limit in limits {
            match *limit {
                Limit::NeverLogs(text) => forbidden.push(text),
                Limit::Logs(text) => required.push(Required { text: text.to_lowercase(), logged: false }),
                Limit::Sends { kind, most, within } => rates.push(Rate::new(kind, most, within, kinds)),
                Limit::Answers { within, calm } => latencies.push(Latency { within: nanos(within), calm: nanos(calm) }),
            }
        }
        let forbids = !forbidden.is_empty();
        let limits = Self { forbidden: LogPatterns::new(&forbidden), forbids, required, rates, latencies };
        (limits.reads_logs() || !limits.rates.is_empty() || !limits.latencies.is_empty()).then(|| Box::new(limits))
    }

    pub(crate) fn reset(&mut self) {
        self.required.iter_mut().for_each(|required| required.logged = false);
        self.rates.iter_mut().for_each(|rate| rate.sent.clear());
    }

    /// Whether lines of logs matter.
    pub(crate) fn reads_logs(&self) -> bool {
        self.forbids || !self.required.is_empty()
    }

    fn logged(&mut self, node: NodeId, line: &str) -> Option<Anomaly> {
        let small = line.to_lowercase();
        for required in &mut self.required {
            required.logged |= small.contains(&required.text);
        }
        self.forbidden.check([(node, line)]).anomaly().cloned()
    }

    fn sent(&mut self, me: usize, kind: usize, now: u64) -> Option<Anomaly> {
        self.rates.iter_mut().find_map(|rate| rate.count(me, kind, now))
    }

    /// What no node has logged, now that the run is over.
    pub(crate) fn missing(&self) -> Option<Anomaly> {
        let missing = self.required.iter().find(|required| !required.logged)?;
        Some(breach(LOG_MISSING, format!("no node logged a line that has `{}`", missing.text)))
    }
}

impl Rate {
    fn new(kind: Option<&'static str>, most: u32, within: Duration, kinds: &[&'static str]) -> Self {
        let index = |name| {
            let found = kinds.iter().position(|kind| *kind == name);
            found.unwrap_or_else(|| {
                panic!("a limit is for messages of kind `{name}`, expected one of {}", kinds.join(", "))
            })
        };
        let within = nanos(within);
        Self { kind: kind.map(index), name: kind.unwrap_or("any kind"), most: most as usize, within, sent: Vec::new() }
    }

    fn counts(&self, kind: usize) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }

    fn count(&mut self, me: usize, kind: usize, now: u64) -> Option<Anomaly> {
        if !self.counts(kind) {
            return None;
        }
        if self.sent.len() <= me {
            self.sent.resize_with(me + 1, VecDeque::new);
        }
        let sent = &mut self.sent[me];
        while sent.front().is_some_and(|at| now - at >= self.within) {
            sent.pop_front();
        }
        sent.push_back(now);
        (sent.len() > self.most).then(|| self.breached(me))
    }

    fn breached(&self, me: usize) -> Anomaly {
        let Self { name, most, within, .. } = self;
        let (node, span) = (number(me), *within as f64 / 1e6);
        breach(FLOOD, format!("n{node} sent more than {most} messages of {name} within {span} ms"))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn breach(name: &'static str, sentence: String) -> Anomaly {
    Anomaly {
        class: Class::Invariant,
        name: name.into(),
        evidence: Evidence::Operations { operations: Vec::new(), sentence },
    }
}

impl<N: Node> Core<N> {
    /// Whether what nodes log is of any use: it is read, or kept.
    pub(crate) fn hears_logs(&self) -> bool {
        self.trace.is_some() || self.limits.as_ref().is_some_and(|limits| limits.reads_logs())
    }

    pub(crate) fn log_now(&mut self, me: usize, line: String) {
        let broken = self.limits.as_mut().and_then(|limits| limits.logged(number(me), &line));
        self.note(Some(me), |_| What::Log(line));
        self.violate(broken);
    }

    /// An operation has completed.
    pub(crate) fn judge_latency(&mut self, op: OpId) {
        let latencies = self.limits.iter().flat_map(|limits| &limits.latencies);
        let invoked = self.history.operations[op.0 as usize].invoked_at;
        let took = self.now - invoked;
        let mut slow = latencies.filter(|latency| took > latency.within).peekable();
        if slow.peek().is_none() || !self.is_undisturbed() {
            return;
        }
        let calm = invoked.checked_sub(self.last_disturbed());
        if let Some(Latency { within, .. }) = slow.find(|latency| calm.is_some_and(|calm| calm >= latency.calm)) {
            let [took, within] = [took, *within].map(|nanos| nanos as f64 / 1e6);
            let sentence =
                format!("operation {} took {took:.3} ms while nothing was wrong, more than {within} ms", op.0);
            let evidence = Evidence::Operations { operations: vec![op], sentence };
            self.violate(Some(Anomaly { class: Class::Invariant, name: SLOW.into(), evidence }));
        }
    }

    /// When a step was in force last; 0 if none ever was.
    fn last_disturbed(&self) -> u64 {
        let steps = self.plan.steps.iter().filter(|planned| planned.step().fault.kind() != FaultKind::Note);
        steps.filter_map(|planned| planned.last_in_force(self.now)).max().unwrap_or_default()
    }

    /// Whether every node is up, and the header leaves the world as it is.
    fn is_undisturbed(&self) -> bool {
        let Header { jitter, loss, duplication, within, between, latencies, cpu, memory, disk, .. } = Header::default();
        let plain = Header { jitter, loss, duplication, within, between, latencies, cpu, memory, disk, ..self.header };
        self.header == plain && self.hosts.iter().all(|host| host.up)
    }

    /// What a run that has come to its end shows.
    pub(crate) fn judge_whole(&mut self) -> Verdict {
        let missing = || self.limits.as_ref().and_then(|limits| limits.missing());
        match self.observer.finish(&self.history) {
            Verdict::Invalid(anomaly) => Verdict::Invalid(anomaly),
            // Whatever the judge of the history does not know, what was not logged was not.
            other => missing().map_or(other, Verdict::Invalid),
        }
    }

    /// Whether it matters how many messages of this kind are sent.
    #[inline]
    pub(crate) fn counts_messages(&self, kind: usize) -> bool {
        self.limits.as_ref().is_some_and(|limits| limits.rates.iter().any(|rate| rate.counts(kind)))
    }

    /// A node has sent a message of this kind.
    #[inline]
    pub(crate) fn count_message(&mut self, me: usize, kind: usize) {
        if let Some(limits) = &mut self.limits {
            let broken = limits.sent(me, kind, self.now);
            self.violate(broken);
        }
    }
}
