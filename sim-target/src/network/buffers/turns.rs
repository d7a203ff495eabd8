//! Priorities of messages, after PCT: steps that demote change the order of deliveries at a few points of a run.
//!
//! PCT (Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with probabilistic guarantees of finding bugs",
//! ASPLOS 2010) gives each of n threads a random priority, lets the enabled thread of the highest priority take every step, and
//! lowers a thread's priority at each of d-1 points drawn from the k steps: a bug for which d steps must come in one order is met
//! with a probability of at least 1/(n k^(d-1)). With messages, the threads are chains of them (PCTCP: Ozkan, Majumdar, Niksic,
//! Tabaei Befrouei and Weissenbacher, "Randomized testing of distributed systems with probabilistic guarantees", OOPSLA 2018).
//!
//! Here a chain is what a step names: what a node sends, what it receives, a link. A message has the priority that was in force
//! as it was sent. One that is demoted takes its usual time, and then waits at its receiver's end as long as a message of a
//! higher priority is *under way*: sent and not yet arrived at its receiver's end, between any nodes. Then the first of those that wait goes, and what
//! its receiver sends in answer goes before the others again. So while messages are about, deliveries come in the order of
//! PCT, and its bound holds for the orders of messages that are under way together. It is void beyond that: nobody waits for
//! timers, clients and disks, which go on in virtual time; nobody waits longer than a step allows; messages of the highest
//! priority come in the order of their drawn latencies; chains are not found, but named; and what is under way as a step
//! begins keeps its priority.
//!
//! Nothing is drawn here, so no step shifts a draw of another.

use murphy_schedule::{Fault, select::NODES_MAX};

use super::Parcel;
use crate::{
    core::{Core, Event},
    node::Node,
    target::Transport,
};

/// A priority: the lowest number goes first, and what no step demotes has 0.
type Level = u16;

impl<N: Node> Core<N> {
    /// The priority to which a step demotes, and how many nanoseconds a message waits at most.
    fn demotion(&self, step: usize) -> (Level, u64) {
        let Fault::Demote { level, window, .. } = self.plan.fault(step) else {
            unreachable!("no other step demotes messages")
        };
        (Level::from(level.0) + 1, u64::from(window.micros()) * 1_000)
    }

    fn level(&self, parcel: &Parcel) -> Level {
        parcel.demoted_by.map_or(0, |step| self.demotion(step).0)
    }

    /// When the last message arrives that is under way now and goes before what has this priority; `None`: there is none. On a
    /// stream a message has the lowest priority of those ahead of it: nobody waits for what waits for it.
    fn last_before(&self, level: Level) -> Option<u64> {
        let delivered = |(due, event)| if let Event::Deliver { .. } = event { Some(due) } else { None };
        let stream = self.about.transport == Transport::Stream;
        let mut ahead = [[0; NODES_MAX as usize]; NODES_MAX as usize];
        let parcels = self.network.buffers.parcels.iter().filter_map(|parcel| {
            let lowest = &mut ahead[parcel.from][parcel.to];
            *lowest = self.level(parcel).max(if stream { *lowest } else { 0 });
            (*lowest < level && !parcel.is_held() && !self.is_clogged(parcel.ticket)).then_some(parcel.due)
        });
        self.queue.pending().filter_map(delivered).chain(parcels).max()
    }

    /// Whether a step holds a parcel before it even begins its way.
    fn is_clogged(&self, ticket: u32) -> bool {
        self.network.held.iter().any(|(_, _, event)| matches!(event, Event::Parcel { ticket: held } if *held == ticket))
    }

    /// That a step has its messages come no sooner than a parcel of this priority, which another demoted, is an effect.
    fn credit_those_behind(&mut self, level: Level, demoted_by: usize) {
        for at in 0..self.network.buffers.parcels.len() {
            let other = self.network.buffers.parcels[at].demoted_by.filter(|other| *other != demoted_by);
            if let Some(other) = other.filter(|other| self.demotion(*other).0 >= level) {
                self.plan.steps[other].effects += 1;
            }
        }
    }

    /// A parcel is due: whether it has to wait, since others go first.
    pub(super) fn waits_its_turn(&mut self, at: usize) -> bool {
        let parcel = &mut self.network.buffers.parcels[at];
        let Some(step) = parcel.demoted_by else { return false };
        if std::mem::take(&mut parcel.in_line) {
            // For as long as it may.
            parcel.demoted_by = None;
            return false;
        }
        let (level, window) = self.demotion(step);
        self.credit_those_behind(level, step);
        let goes_first = |other: &Parcel| other.in_line && self.level(other) <= level;
        let in_line = self.network.buffers.parcels.iter().any(goes_first).then_some(self.now);
        let Some(wait) = self.last_before(level).or(in_line).filter(|_| window > 0) else {
            self.network.buffers.parcels[at].demoted_by = None;
            return false;
        };
        self.plan.steps[step].effects += 1;
        self.network.buffers.parcels[at].in_line = true;
        self.arrive_then(at, self.now + window);
        self.look_again(wait);
        true
    }

    /// A parcel at its receiver's end arrives then; on a stream, with all that follows it.
    fn arrive_then(&mut self, at: usize, due: u64) {
        let parcel = &mut self.network.buffers.parcels[at];
        let (ticket, stream) = (parcel.ticket, parcel.stream());
        if due > parcel.due {
            // The event that looks at it is being handled.
            self.queue.push(due, Event::Parcel { ticket });
        }
        match self.about.transport {
            Transport::Datagram => self.move_parcel(at, due),
            Transport::Stream => {
                parcel.own = due;
                self.line_up(stream);
            }
        }
    }

    /// Somebody looks then, if nobody does before, whose turn it is.
    fn look_again(&mut self, time: u64) {
        // What a clog has just let go was due earlier.
        let time = time.max(self.now);
        let next = &mut self.network.buffers.next_turn;
        if next.is_none_or(|next| time < next) {
            *next = Some(time);
            self.queue.push(time, Event::Turn);
        }
    }

    /// The first of those that wait goes, unless something is under way that goes before it.
    pub(crate) fn on_turn(&mut self) {
        if self.network.buffers.next_turn != Some(self.now) {
            return;
        }
        self.network.buffers.next_turn = None;
        let parcels = &self.network.buffers.parcels;
        let waiting = (0..parcels.len()).filter(|at| parcels[*at].in_line);
        let order = |at: &usize| (self.level(&parcels[*at]), parcels[*at].due, parcels[*at].ticket);
        let Some(first) = waiting.min_by_key(order) else { return };
        let (level, step) = (self.level(&parcels[first]), parcels[first].demoted_by);
        self.credit_those_behind(level, step.expect("who waits was demoted"));
        let wait = self.last_before(level);
        if wait.is_none() {
            self.call_up(first);
        }
        // The others wait until what goes now has arrived.
        self.look_again(wait.unwrap_or(self.now));
    }

    /// A parcel need not wait for its turn, or not any longer.
    fn call_up(&mut self, at: usize) {
        let parcel = &mut self.network.buffers.parcels[at];
        parcel.demoted_by = None;
        if std::mem::take(&mut parcel.in_line) {
            self.arrive_then(at, self.now);
        }
    }

    /// A step ends: nothing waits because of it any longer.
    pub(super) fn promote(&mut self, step: usize) {
        for at in 0..self.network.buffers.parcels.len() {
            if self.network.buffers.parcels[at].demoted_by == Some(step) {
                self.call_up(at);
            }
        }
    }
}
