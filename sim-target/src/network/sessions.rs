//! The sessions of ordered streams: how they break and are made again, and what their ends hear of it.
//!
//! A session is one connection between two nodes. It is there from the start of a run. It breaks when a link is cut, a node goes
//! down or a step closes it, and is made again as soon as it can be, unless a step has that fail or take its time. What an end
//! believes can differ from what is: it hears of a reset when it uses the session, and of nothing while a step keeps it half-open.
//! When the session is made anew, an end that never heard of its break hears of both.

use murphy_schedule::field::{Failure, SocketCall};

use super::{Active, LATENCY, Network, SPREAD, Treatment, part};
use crate::{
    core::{Core, Event, Phase, number},
    distribution::sample,
    draw::{Purpose, SLOT, mix},
    node::Node,
    target::Transport,
};

/// After a session was closed or refused, its nodes try again so many nanoseconds later.
const AGAIN: u64 = 50_000_000;
/// How long a node waits for a connection that nobody answers, in nanoseconds.
const PATIENCE: u64 = 1_000_000_000;

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// What was sent on it still arrives, and its peer hears at once (FIN).
    InOrder,
    /// All that it carries is lost, and an end hears of it when it uses the session (RST).
    Reset,
}

/// Why a session that could be there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// Nobody tries.
    No,
    /// It was closed, and its nodes wait before they try again.
    Closed,
    /// A try failed.
    Failed,
    /// A try takes its time.
    Slow,
}

/// Why an end does not know that its session is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unaware {
    No,
    /// It hears when it uses it.
    UntilUse,
    /// It was made on this side alone, and counts as broken when it is made on both.
    UntilMade,
    /// A step keeps it from hearing.
    Muffled,
}

/// The connection between two nodes. Of arrays, the first is the lower node's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    /// Changes whenever it breaks or is made.
    number: u16,
    up: bool,
    opening: Opening,
    /// How often somebody began to open it.
    tries: u16,
    /// What the ends were told last.
    heard: [bool; 2],
    unaware: [Unaware; 2],
    /// The session before, of which what the end had sent still arrives.
    drained: [Option<u16>; 2],
}

impl Session {
    pub(super) const NEW: Self = Self {
        number: 0,
        up: true,
        opening: Opening::No,
        tries: 0,
        heard: [true; 2],
        unaware: [Unaware::No; 2],
        drained: [None; 2],
    };
}

impl Network {
    /// The number of the session that carries messages between two nodes.
    #[inline]
    pub(crate) fn session(&self, from: usize, to: usize) -> u16 {
        self.sessions[self.pair(from, to)].number
    }

    /// Whether what was sent on the session of this number still arrives.
    #[inline(always)]
    pub(crate) fn carries(&self, from: usize, to: usize, number: u16) -> bool {
        let session = &self.sessions[self.pair(from, to)];
        session.number == number || session.drained[usize::from(from > to)] == Some(number)
    }

    /// Whether a session carries messages between two nodes. Datagrams need none.
    #[inline(always)]
    pub(crate) fn connected(&self, from: usize, to: usize) -> bool {
        self.sessions[self.pair(from, to)].up
    }

    fn session_mut(&mut self, a: usize, b: usize) -> &mut Session {
        let pair = self.pair(a, b);
        &mut self.sessions[pair]
    }

    /// The steps of some sort in force between two nodes, in either direction.
    fn between(&self, a: usize, b: usize) -> impl Iterator<Item = Active> {
        self.active.iter().filter(move |active| active.covers(a, b) || active.covers(b, a)).copied()
    }
}

impl<N: Node> Core<N> {
    /// Breaks and makes sessions after nodes or links changed. Both ends hear of it a little later. Returns how many.
    pub(crate) fn refresh_links(&mut self) -> u32 {
        if self.about.transport != Transport::Stream {
            return 0;
        }
        let mut changed = 0;
        for a in 0..self.hosts.len() {
            for b in a + 1..self.hosts.len() {
                let cut = self.network.is_cut(a, b) || self.network.is_cut(b, a);
                let session = *self.network.session_mut(a, b);
                match (session.up, self.is_possible(a, b)) {
                    (true, false) => {
                        self.break_session(a, b);
                        changed += 1;
                    }
                    (false, true) => changed += self.open(a, b),
                    (false, false) => {
                        let session = self.network.session_mut(a, b);
                        (session.opening, session.drained) = (Opening::No, [None; 2]);
                        if cut && self.is_alive(a) && self.is_alive(b) {
                            self.credit_cut(a, b);
                        }
                    }
                    (true, true) => {}
                }
                self.tell(a, b);
            }
        }
        changed
    }

    /// A node that is about to start for the first time breaks no session.
    fn is_alive(&self, node: usize) -> bool {
        self.hosts[node].up || self.hosts[node].incarnation == 0
    }

    /// Whether there can be a session between two nodes now.
    fn is_possible(&self, a: usize, b: usize) -> bool {
        self.is_alive(a) && self.is_alive(b) && !self.network.is_cut(a, b) && !self.network.is_cut(b, a)
    }

    fn break_session(&mut self, a: usize, b: usize) {
        // The next session owes nothing to what this one carried.
        let (there, back) = (self.network.link(a, b), self.network.link(b, a));
        (self.network.last[there], self.network.last[back]) = (0, 0);
        let session = self.network.session_mut(a, b);
        session.number += 1;
        session.up = false;
        session.opening = Opening::No;
        session.drained = [None; 2];
    }

    /// A step closes the session on which `from` sends.
    pub(crate) fn close_session(&mut self, from: usize, to: usize, ending: Ending) {
        let link = self.network.link(from, to);
        let (number, last) = (self.network.session(from, to), self.network.last[link]);
        self.break_session(from, to);
        let session = self.network.session_mut(from, to);
        match ending {
            Ending::InOrder => {
                session.drained[usize::from(from > to)] = Some(number);
                self.network.last[link] = last;
            }
            Ending::Reset => session.unaware[usize::from(from < to)] = Unaware::UntilUse,
        }
        self.try_later(from, to, Opening::Closed, AGAIN);
        self.tell(from.min(to), from.max(to));
    }

    /// A node sends on a session that is not there: if it did not know, it does now.
    pub(super) fn use_broken(&mut self, from: usize, to: usize) {
        let session = self.network.session_mut(from, to);
        let end = usize::from(from > to);
        if session.unaware[end] == Unaware::UntilUse {
            session.unaware[end] = Unaware::No;
            self.tell(from.min(to), from.max(to));
        }
    }

    /// The session between two nodes could be there: somebody opens it. Returns how many were made.
    fn open(&mut self, a: usize, b: usize) -> u32 {
        let waits = match self.network.session_mut(a, b).opening {
            Opening::No => false,
            Opening::Closed => true,
            // As long as a step is the reason.
            Opening::Failed | Opening::Slow => {
                let delays = |active: Active| matches!(active.treatment, Treatment::Refuse(..) | Treatment::Socket(..));
                self.network.between(a, b).any(delays)
            }
        };
        if waits { 0 } else { self.try_open(a, b) }
    }

    /// Returns how many were made.
    fn try_open(&mut self, a: usize, b: usize) -> u32 {
        if let Some(patience) = self.failure(a, b) {
            self.try_later(a, b, Opening::Failed, patience);
            return 0;
        }
        let takes = self.opening_time(a, b);
        if takes > 0 {
            self.try_later(a, b, Opening::Slow, takes);
            return 0;
        }
        self.make_session(a, b);
        1
    }

    fn try_later(&mut self, a: usize, b: usize, opening: Opening, wait: u64) {
        let session = self.network.session_mut(a, b);
        session.opening = opening;
        session.tries = session.tries.wrapping_add(1);
        let (a, b, tries) = (a.min(b) as u8, a.max(b) as u8, session.tries);
        self.queue.push(self.now + wait, Event::Open { a, b, tries });
    }

    /// Somebody has waited for a session to open, or to try again.
    pub(crate) fn on_open(&mut self, a: usize, b: usize, tries: u16) {
        let session = *self.network.session_mut(a, b);
        if session.up || session.tries != tries || session.opening == Opening::No {
            return;
        }
        if session.opening == Opening::Slow {
            self.make_session(a, b);
        } else {
            self.try_open(a, b);
        }
        self.tell(a, b);
    }

    fn make_session(&mut self, a: usize, b: usize) {
        for (end, node, peer) in [(0, a, b), (1, b, a)] {
            if self.network.session_mut(a, b).heard[end] {
                // It never heard that the one before broke.
                self.notify(node, peer, false);
            }
        }
        let session = self.network.session_mut(a, b);
        session.number += 1;
        session.up = true;
        session.opening = Opening::No;
        session.heard = [false; 2];
        session.unaware = [Unaware::No; 2];
    }

    /// How long it takes until whoever opens a session gives up; `None`: no step has it fail.
    fn failure(&mut self, a: usize, b: usize) -> Option<u64> {
        for at in 0..self.network.active.len() {
            let active = self.network.active[at];
            let Treatment::Refuse(failure, share) = active.treatment else { continue };
            let Some((from, to)) = [(a, b), (b, a)].into_iter().find(|(from, to)| active.covers(*from, *to)) else {
                continue;
            };
            let draw = self.connection_draw(Purpose::Connect, &active, from, to);
            if part(draw, 20, 10_000) >= share.into() {
                continue;
            }
            self.plan.steps[active.step].effects += 1;
            return Some(match failure {
                Failure::Refuse => AGAIN,
                Failure::Hang => PATIENCE,
                Failure::Either => {
                    if draw & 1 == 0 {
                        AGAIN
                    } else {
                        PATIENCE
                    }
                }
                Failure::Unnoticed => {
                    self.believe(to, from);
                    PATIENCE
                }
            });
        }
        None
    }

    /// A node takes a session for open that is not.
    fn believe(&mut self, node: usize, peer: usize) {
        let end = usize::from(node > peer);
        let session = self.network.session_mut(node, peer);
        session.unaware[end] = Unaware::UntilMade;
        if !std::mem::replace(&mut session.heard[end], true) {
            self.notify(node, peer, true);
        }
    }

    /// How long steps have it take to open a session.
    fn opening_time(&mut self, a: usize, b: usize) -> u64 {
        let mut takes = 0;
        for at in 0..self.network.active.len() {
            let active = self.network.active[at];
            let Treatment::Socket(call, latency) = active.treatment else { continue };
            let directions = [(a, b), (b, a)].into_iter().filter(|(from, to)| active.covers(*from, *to));
            let time = match call {
                SocketCall::Read | SocketCall::Write => 0,
                SocketCall::Connect | SocketCall::Accept => directions.take(1).fold(0, |time, (from, to)| {
                    time + sample(latency, self.connection_draw(Purpose::Connect, &active, from, to))
                }),
                // A node binds its address when it starts.
                SocketCall::Bind => directions.fold(0, |time, (_, to)| {
                    let life = u64::from(self.hosts[to].incarnation);
                    let key = [active.salt, to as u64, life, self.network.node_epoch(to)];
                    let bound = self.network.started[to] + sample(latency, mix(self.header.seed, Purpose::Bind, key));
                    if life == 0 { time } else { time.max(bound.saturating_sub(self.now)) }
                }),
            };
            self.plan.steps[active.step].effects += u32::from(time > 0);
            takes += time;
        }
        takes
    }

    /// The draw of a step for a session that is opened now.
    fn connection_draw(&self, purpose: Purpose, active: &Active, from: usize, to: usize) -> u64 {
        let epoch = self.network.link_epoch(self.network.link(from, to));
        mix(self.header.seed, purpose, [active.salt, (from << 8 | to) as u64, self.now / SLOT, epoch])
    }

    /// Of the steps that cut a link, the first keeps down a session that could be up by now, whoever broke it.
    fn credit_cut(&mut self, a: usize, b: usize) {
        if self.phase != Phase::Chaos || self.plan.calm {
            return;
        }
        let cut = self.network.between(a, b).find(|active| matches!(active.treatment, Treatment::Cut));
        if let Some(active) = cut {
            let effects = &mut self.plan.steps[active.step].effects;
            *effects = (*effects).max(1);
        }
    }

    /// Both ends of a session hear what they do not know yet, unless something keeps it from them.
    fn tell(&mut self, a: usize, b: usize) {
        for (end, node, peer) in [(0, a, b), (1, b, a)] {
            let session = *self.network.session_mut(a, b);
            if session.heard[end] == session.up {
                continue;
            }
            if matches!(session.unaware[end], Unaware::UntilUse | Unaware::UntilMade) && self.is_alive(node) {
                continue;
            }
            if !session.up && self.is_muffled(node, peer, session.unaware[end]) {
                self.network.session_mut(a, b).unaware[end] = Unaware::Muffled;
                continue;
            }
            let session = self.network.session_mut(a, b);
            (session.heard[end], session.unaware[end]) = (session.up, Unaware::No);
            let up = session.up;
            self.notify(node, peer, up);
        }
    }

    /// Whether a step keeps a running node from hearing that its peer's end is gone. It has an effect when it begins to.
    fn is_muffled(&mut self, node: usize, peer: usize, before: Unaware) -> bool {
        let keeps = |active: &&Active| matches!(active.treatment, Treatment::HalfOpen) && active.covers(peer, node);
        let Some(active) = self.network.active.iter().find(keeps).filter(|_| self.is_alive(node)) else { return false };
        self.plan.steps[active.step].effects += u32::from(before != Unaware::Muffled);
        true
    }

    fn notify(&mut self, node: usize, peer: usize, up: bool) {
        let epoch = self.network.link_epoch(self.network.link(peer, node));
        let session = self.network.session(node, peer);
        let key = [node as u64, peer as u64, u64::from(session) + (epoch << 16)];
        let draw = mix(self.header.seed, Purpose::Notice, key);
        let at = self.now + LATENCY + part(draw, 0, SPREAD);
        let at = self.network.in_order(peer, node, at);
        let incarnation = self.hosts[node].incarnation;
        self.queue.push(at, Event::Link { node: node as u8, peer: number(peer) as u8, up, incarnation });
    }
}
