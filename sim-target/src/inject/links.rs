//! Faults of links: partitions and their shapes, and rules for messages.

use murphy_schedule::{
    Link, Nodes, Side, When,
    field::{OfKind, Sides},
};

use super::{Moment, plan::Struck};
use crate::{
    core::{Core, Event},
    distribution::sample,
    draw::{Purpose, mix},
    network::{Active, Links, Rule, Treatment},
    node::Node,
    select::between,
    target::Transport,
};

impl<N: Node> Core<N> {
    pub(super) fn partition(&mut self, at: usize, sides: Sides) {
        match sides {
            Sides::Two(a, b) => {
                let both = a == Nodes::Rest;
                let second = self.select_second(at, b, if both { 0 } else { self.select(at, a, 0) });
                let first = self.select(at, a, second) & !second;
                self.remember(at, first, second);
                self.cut(at, both_ways(first, second));
            }
            Sides::Three(a, b, c) => self.cut_three(at, [a, b, c]),
            Sides::Ring => {
                let ring = self.shuffled(at);
                let stream = self.about.transport == Transport::Stream;
                self.cut(at, if stream { majorities_both_ways(&ring) } else { majorities_ring(&ring) });
            }
            Sides::Bridge(middle) => {
                let middle = self.select(at, middle, 0);
                let ring = self.shuffled(at);
                let others = || ring.iter().filter(|node| middle & (1 << **node) == 0);
                let first = others().take(others().count() / 2).fold(0, |set, node| set | 1 << node);
                let second = others().fold(0, |set, node| set | 1 << node) & !first;
                self.remember(at, first, second);
                self.cut(at, both_ways(first, second));
            }
        }
    }

    /// Cuts three sides from each other. `rest` is who is on no other side; who is on two is on the first of them.
    pub(super) fn cut_three(&mut self, at: usize, sides: [Nodes; 3]) {
        let meant = |index: usize, all: u16| match index {
            1 => self.select_second(at, sides[1], all),
            _ => self.select(at, sides[index], all),
        };
        let named = |index: usize| if sides[index] == Nodes::Rest { 0 } else { meant(index, 0) };
        let all = (0..3).fold(0, |all, index| all | named(index));
        let mut taken = 0;
        let mut sets = [0; 3];
        for (index, set) in sets.iter_mut().enumerate() {
            *set = meant(index, all) & !taken;
            taken |= *set;
        }
        let [a, b, c] = sets;
        self.remember(at, a, b | c);
        let mut links = both_ways(a, b | c);
        links.iter_mut().zip(both_ways(b, c)).for_each(|(row, more)| *row |= more);
        self.cut(at, links);
    }

    pub(super) fn cut(&mut self, at: usize, links: Links) {
        self.treat_links(at, links, OfKind::default(), Treatment::Cut, Rule::NONE);
    }

    /// Remembers whom a step strikes.
    pub(super) fn remember(&mut self, at: usize, first: u16, second: u16) {
        let mut roles = [0; 16];
        for (role, host) in roles.iter_mut().zip(&self.hosts) {
            *role = if host.up { host.role.wrapping_add(1) as u8 } else { 0 };
        }
        self.plan.steps[at].struck = Struck { first, second, roles };
    }

    /// Remembers that a step struck one more node.
    pub(super) fn remember_too(&mut self, at: usize, node: usize) {
        let role = self.hosts[node].role.wrapping_add(1) as u8;
        let struck = &mut self.plan.steps[at].struck;
        struck.first |= 1 << node;
        struck.roles[node] = role;
    }

    pub(super) fn treat_links(&mut self, at: usize, links: Links, kind: OfKind, treatment: Treatment, rule: Rule) {
        if self.plan.steps[at].struck == Struck::default() {
            let senders = (0..16).filter(|from| links[*from] != 0).fold(0, |set, from| set | 1 << from);
            self.remember(at, senders, links.iter().fold(0, |set, to| set | to));
        }
        let kind = if kind.0.0 == 0 { None } else { self.vocabulary.kinds.resolve(kind.0) };
        for from in (0..self.hosts.len()).filter(|from| links[*from] != 0) {
            self.struck(self.plan.steps[at].tag(), from);
        }
        let salt = self.plan.content(at).into();
        self.network.active.push(Active { step: at, links, kind, treatment, rule, salt });
        self.plan.steps[at].effects += self.refresh_links();
    }

    /// Treats every message on some links, and their connections.
    pub(super) fn treat_all(&mut self, at: usize, link: Link, treatment: Treatment) {
        self.treat_links(at, self.links(at, link), OfKind::default(), treatment, Rule::NONE);
    }

    /// Clogs the links of one victim after another, and lets them go in the reverse order: the first at once, the last after
    /// `over`, and so on back before the step ends, if it is known when it does.
    pub(super) fn swizzle(&mut self, at: usize, victims: Nodes, over: u64) {
        let victims = self.select(at, victims, 0);
        self.treat_links(at, [0; 16], OfKind::default(), Treatment::Hold, Rule::NONE);
        self.remember(at, victims, 0);
        let order: Vec<usize> = self.shuffled(at).iter().copied().filter(|node| victims & (1 << *node) != 0).collect();
        let steps = (order.len() as u64).saturating_sub(1).max(1);
        let (turn, step) = (self.plan.steps[at].turn, at as u8);
        let length = self.length(self.plan.steps[at].step.lasts).map(|micros| micros * 1_000);
        for (place, node) in (0..).zip(order) {
            self.struck(self.plan.steps[at].tag(), node);
            let after = over * place / steps;
            let back = length.map(|length| length.saturating_sub(after));
            if back.is_some_and(|back| back <= after) {
                continue;
            }
            let node = node as u8;
            self.queue.push(self.now + after, Event::Swizzle { step, turn, node, clogs: true });
            if let Some(back) = back {
                self.queue.push(self.now + back, Event::Swizzle { step, turn, node, clogs: false });
            }
        }
    }

    /// A swizzle comes to the next victim.
    pub(crate) fn swizzle_on(&mut self, at: usize, turn: u16, node: usize, clogs: bool) {
        if self.plan.steps[at].turn != turn || !self.plan.is_active(at) {
            return;
        }
        self.plan.steps[at].victims ^= 1 << node;
        let clogged = self.plan.steps[at].victims;
        debug_assert_eq!(clogged & (1 << node) != 0, clogs, "each is clogged once and let go once");
        let everybody = ((1u32 << self.hosts.len()) - 1) as u16;
        if let Some(active) = self.network.active.iter_mut().find(|active| active.step == at) {
            active.links = both_ways(clogged, everybody);
        }
        self.let_go(at);
    }

    /// Treats the message that is being sent or delivered, if a step names no link; the links it names, otherwise.
    pub(super) fn treat_messages(
        &mut self,
        at: usize,
        link: Link,
        kind: OfKind,
        treatment: Treatment,
        rule: Rule,
        moment: Option<Moment>,
    ) -> bool {
        let Some(Moment::Send { .. } | Moment::Deliver { .. }) = moment.filter(|_| link == Link::ALL) else {
            self.treat_links(at, self.links(at, link), kind, treatment, rule);
            return false;
        };
        // A stream delivers everything once and in order: what is about to be delivered cannot be held back.
        let stream = self.about.transport == Transport::Stream;
        let delivered = matches!(moment, Some(Moment::Deliver { .. }));
        if stream && (delivered || matches!(treatment, Treatment::Repeat(..))) {
            return true;
        }
        let handled = matches!(self.plan.steps[at].step.when, When::Fact { side: Side::After, .. });
        if (delivered && handled) || !self.is_meant(kind, moment) {
            return true;
        }
        let key = [self.plan.content(at).into(), self.plan.steps[at].turn.into(), self.network.epoch()];
        let draw = mix(self.header.seed, Purpose::Latency, key);
        let fate = &mut self.network.fate;
        match treatment {
            Treatment::Cut | Treatment::Lose(_) => fate.lost = true,
            Treatment::Delay(latency, _) => fate.extra += sample(latency, draw),
            Treatment::Repeat(_, lag) => fate.copy = Some(lag),
            _ => unreachable!("only these can be asked for with a single message"),
        }
        self.plan.steps[at].effects += 1;
        if let Some(Moment::Send { from, to, .. } | Moment::Deliver { from, to, .. }) = moment {
            self.remember(at, 1 << from, 1 << to);
        }
        true
    }

    /// Whether the message that triggered a step is of the kind that the step treats.
    pub(super) fn is_meant(&self, only: OfKind, moment: Option<Moment>) -> bool {
        let Some(Moment::Send { kind, .. } | Moment::Deliver { kind, .. }) = moment else { return false };
        only.0.0 == 0 || self.vocabulary.kinds.resolve(only.0) == Some(kind)
    }
}

/// The links between two sides.
pub(super) fn both_ways(a: u16, b: u16) -> Links {
    let mut links = between(a, b);
    links.iter_mut().zip(between(b, a)).for_each(|(row, back)| *row |= back);
    links
}

/// The links to cut so that everybody in a ring hears a majority around itself, no two of them the same (Jepsen).
fn majorities_ring(ring: &[usize]) -> Links {
    let (count, majority) = (ring.len(), ring.len() / 2 + 1);
    let mut links = [0; 16];
    for (place, receiver) in ring.iter().enumerate() {
        let first = place + count - (majority - 1) / 2;
        let heard = (0..majority).fold(0, |set, i| set | 1u16 << ring[(first + i) % count]);
        for sender in ring.iter().filter(|sender| heard & (1 << **sender) == 0) {
            links[*sender] |= 1 << receiver;
        }
    }
    links
}

/// The same for ordered streams, which need both ways: only links that the ring cuts both ways are cut, or else those between
/// its neighbours would be, and everybody of three would be alone. Of three, the first and the last are cut off.
fn majorities_both_ways(ring: &[usize]) -> Links {
    if let [first, _, last] = ring {
        return both_ways(1 << first, 1 << last);
    }
    let one_way = majorities_ring(ring);
    let mut links = [0; 16];
    for from in ring {
        let cut = ring.iter().filter(|to| one_way[*from] & (1 << **to) != 0 && one_way[**to] & (1 << from) != 0);
        links[*from] = cut.fold(0, |set, to| set | 1 << to);
    }
    links
}
