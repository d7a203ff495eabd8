//! Liveness: once everything is healed, operations must succeed again.
//!
//! A target promises within how long ([`About::recovers_within`](crate::About::recovers_within)). After that time clients read
//! every object a last time, again and again until they succeed. If they have not by the end of the settle phase, it goes on
//! until ten times as long as was promised has passed, counting for each time what one operation may take its client; only
//! then is it a violation. A system that recovers later than promised, but before, is slow, and is not blamed:
//! [`Outcome::recovered`](crate::Outcome::recovered) says how long it took. After the tenfold it is `stuck`, if the second half
//! of that wait brought no state of the cluster that the run had not seen, and no node further; else it is a `slow-recovery`.
//!
//! Where each node is read in the end ([`LastReads::EachNode`]), the nodes must agree, too, and have as long for it: they are read
//! again and again until they do and the judge of the history finds nothing wrong with it, or the tenfold has passed. If they all have
//! answered and it was never right, that is no lack of liveness: the judge says what is wrong with what they hold. Links that the header slows do not excuse them; they get ten times
//! the longest latency more.
//!
//! Nobody is blamed for what lasts: where the header slows the cluster for good (latencies, shares of processors, limits of
//! memory and disks), where a node is still down, as after a fail-stop panic, or where the target promises nothing.

use std::{borrow::Cow, time::Duration};

use murphy_checker::{
    history::NodeId,
    verdict::{Anomaly, Class, Evidence, Waiting},
};
use murphy_schedule::Header;

use crate::{
    core::{Core, Event, Phase, number},
    node::Node,
    workload::{LastReads, Retry},
};

/// How many times as long as promised a run waits before it says something.
const PATIENCE: u64 = 10;
/// How many times the longest latency of the header a recovery may take beyond what is promised.
const JOURNEYS: u64 = 10;

/// How the recovery goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// When everything was healed, in nanoseconds.
    healed: u64,
    /// How long after that the last of the final reads succeeded.
    pub(crate) took: Option<u64>,
    wait: Wait,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wait {
    /// The phases are as long as the schedule says.
    #[default]
    Usual,
    /// In the first half of what was added to them, which ends then.
    First { end: u64 },
    /// In the second half: how many states had been seen as it began, and how far the node least far along was.
    Second { states: usize, progress: u64 },
}

/// The last thing that a node heard of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) at: u64,
    /// As in [`Core::observe`].
    pub(crate) cause: u64,
    pub(crate) from: Option<NodeId>,
}

impl Recovery {
    /// Whether the run waits longer than its schedule says, and it should be known why.
    #[inline]
    pub(crate) fn is_late(&self) -> bool {
        self.wait != Wait::Usual
    }
}

impl<N: Node> Core<N> {
    /// Everything is healed now.
    pub(crate) fn begin_recovery(&mut self) {
        self.recovery.healed = self.now;
    }

    /// Final reads begin: nothing may be in force any more.
    pub(crate) fn assert_healed(&self) {
        assert!(self.plan.steps.iter().all(|planned| !planned.is_active()), "a step lasts beyond the healing");
        assert!(self.network.active.is_empty() && self.network.held.is_empty(), "a link is treated beyond the healing");
        assert!(self.hosts.iter().all(|host| host.paused_by == 0), "a node is paused beyond the healing");
        assert!(self.resources.are_free(), "a node is under pressure beyond the healing");
    }

    /// All final reads have succeeded.
    pub(crate) fn recovered(&mut self) {
        self.recovery.took = Some(self.now - self.recovery.healed);
        self.phase = Phase::Over;
    }

    /// The settle phase is over, and final reads are missing: the run waits, or says why.
    pub(crate) fn lose_patience(&mut self) {
        match self.recovery.wait {
            _ if !self.is_recovery_promised() && !self.is_agreement_promised() => self.phase = Phase::Over,
            Wait::Usual => {
                let once = self.allowance();
                let end = (self.recovery.healed + PATIENCE * once).max(self.now + once);
                self.recovery.wait = Wait::First { end };
                self.queue.push(self.now + (end - self.now) / 2, Event::Stop);
            }
            Wait::First { end } => {
                self.recovery.wait =
                    Wait::Second { states: self.signals.states.len(), progress: self.least_progress() };
                self.queue.push(end, Event::Stop);
            }
            Wait::Second { .. } if self.is_all_answered() => {
                self.end_final_reads();
                self.phase = Phase::Over;
            }
            Wait::Second { .. } if !self.is_recovery_promised() => self.phase = Phase::Over,
            Wait::Second { states, progress } => {
                let moves = self.signals.states.len() > states || self.least_progress() > progress;
                self.violate(Some(self.not_recovered(if moves { "slow-recovery" } else { "stuck" })));
            }
        }
    }

    /// How long a recovery and an operation after it may take, in nanoseconds.
    fn allowance(&self) -> u64 {
        let routing = self.workload.routing;
        let attempts = match routing.retry {
            Retry::Never => 1,
            Retry::SameId(times) => 1 + u32::from(times),
        };
        let Header { within, between, latencies, .. } = &self.header;
        let longest = latencies.iter().chain([within, between]).map(|span| span.micros()).max().unwrap_or_default();
        let promised = (self.about.recovers_within + routing.timeout * attempts).as_nanos() as u64;
        promised + JOURNEYS * u64::from(longest) * 1_000
    }

    fn is_recovery_promised(&self) -> bool {
        let Header { within, between, latencies, .. } = Header::default();
        self.is_promised(Header { within, between, latencies, ..self.header })
    }

    /// Whether nodes that are read one by one must agree in the end, however long their links are.
    fn is_agreement_promised(&self) -> bool {
        self.workload.last_reads == LastReads::EachNode && self.is_promised(self.header)
    }

    /// Whether the header is as `like`, nothing of it slows the nodes, and all are there.
    fn is_promised(&self, like: Header) -> bool {
        let Header { cpu, memory, disk, .. } = Header::default();
        let promised = self.about.recovers_within < Duration::MAX;
        promised && self.header == Header { cpu, memory, disk, ..like } && self.hosts.iter().all(|host| host.up)
    }

    fn least_progress(&self) -> u64 {
        self.hosts.iter().filter_map(|host| host.view.progress).min().unwrap_or_default()
    }

    /// Remembers what a node heard of last.
    pub(crate) fn hear(&mut self, node: usize, cause: u64, from: Option<NodeId>) {
        self.hosts[node].heard = Some(Heard { at: self.now, cause, from });
    }

    fn not_recovered(&self, name: &'static str) -> Anomaly {
        let evidence = Evidence::Unanswered {
            keys: self.clients.unread(),
            since: self.now - self.recovery.healed,
            nodes: (0..self.hosts.len()).map(|node| self.waiting(node)).collect(),
        };
        Anomaly { class: Class::Liveness, name: Cow::Borrowed(name), evidence }
    }

    /// What a node waits for.
    fn waiting(&self, node: usize) -> Waiting {
        let host = &self.hosts[node];
        let heard = host.heard.map(|heard| (self.what(heard), self.now - heard.at));
        let mono = host.clock.mono(self.now);
        let mut timers: Vec<(u32, u64)> = host.timers.iter().filter_map(|timer| timer.pending(mono)).collect();
        timers.sort_unstable();
        Waiting { node: number(node), role: self.about.roles.get(host.role).copied(), timers, heard }
    }

    fn what(&self, heard: Heard) -> String {
        let from = heard.from.map(|from| format!(" of n{from}")).unwrap_or_default();
        let what = match heard.cause {
            2 => "the state of a link",
            3 => "a timer",
            4 => "a request",
            5 => "its start",
            kind => N::KINDS.get(kind as usize - 16).copied().unwrap_or("an input"),
        };
        format!("{what}{from}")
    }
}
