//! Whom a step means: its selectors, at the moment it begins.
//!
//! What a selector leaves to chance (`one`, `some`, `half`) is drawn by a key of the step and of how often it has begun, so
//! that the same step means the same nodes as long as it lasts.

use std::ops::Deref;

use murphy_schedule::{Dice, Header, Link, Name, Nodes, schedule::DCS_MAX};

use crate::{
    address::Address,
    core::{Core, number},
    draw::{Purpose, mix},
    network::Links,
    node::Node,
};

impl<N: Node> Core<N> {
    /// The nodes that a selector of the step at `at` means now, as a set of bits; `other` is what the step's other selectors
    /// mean.
    pub(crate) fn select(&self, at: usize, nodes: Nodes, other: u16) -> u16 {
        self.pick(at, nodes, other, false)
    }

    /// The same for a step's second selector: `one` is another one than that of the first.
    pub(crate) fn select_second(&self, at: usize, nodes: Nodes, other: u16) -> u16 {
        self.pick(at, nodes, other, true)
    }

    fn pick(&self, at: usize, nodes: Nodes, other: u16, second: bool) -> u16 {
        let count = self.hosts.len();
        let one = |node: Option<usize>| node.map_or(0, |node| 1 << node);
        match nodes {
            Nodes::Role(name) => one(self.holder(name, 0)),
            Nodes::Previous(name) => one(self.holder(name, 1)),
            Nodes::Rest => everybody(count) & !other,
            Nodes::Primaries => (0..count).filter(|node| self.is_primary(*node)).fold(0, |set, node| set | 1 << node),
            Nodes::One => self.drawn(at, 1, second),
            Nodes::Half => self.drawn(at, count / 2, second),
            Nodes::Some => self.drawn(at, self.some(at), second),
            Nodes::MostUpToDate => {
                one(self.by_progress().max_by_key(|(node, progress)| (*progress, usize::MAX - node)).map(first))
            }
            Nodes::LeastUpToDate => {
                one(self.by_progress().min_by_key(|(node, progress)| (*progress, *node)).map(first))
            }
            Nodes::All
            | Nodes::Node(_)
            | Nodes::Set(_)
            | Nodes::Majority(_)
            | Nodes::Minority(_)
            | Nodes::MinorityThird(_)
            | Nodes::Group(_)
            | Nodes::LastVoter => fixed(&self.header, nodes, count).expect("these are the fixed ones"),
        }
    }

    /// Running nodes that report how far they have come.
    fn by_progress(&self) -> impl Iterator<Item = (usize, u64)> {
        let running = self.hosts.iter().enumerate().filter(|(_, host)| host.up);
        running.filter_map(|(node, host)| Some((node, host.view.progress?)))
    }

    /// How many of the nodes are members as the run begins; the others are spares.
    pub(crate) fn members(&self) -> usize {
        self.header.nodes.into()
    }

    /// Who took the first role that the target names last and still has it, or else anybody who has it.
    pub(crate) fn leader(&self) -> Option<usize> {
        let last = self.about.roles.first().and_then(|_| self.plan.holders.of(0)[0]);
        last.filter(|node| self.is_primary(*node)).or_else(|| (0..self.hosts.len()).find(|node| self.is_primary(*node)))
    }

    /// Whether a node holds, or believes to hold, the first role that the target names.
    fn is_primary(&self, node: usize) -> bool {
        self.hosts[node].up && self.hosts[node].role == 0
    }

    fn dice(&self, at: usize) -> Dice {
        let key = [self.plan.content(at).into(), self.plan.steps[at].turn.into(), self.network.epoch()];
        Dice::new(mix(self.header.seed, Purpose::Select, key))
    }

    /// How many some are. Drawn after the order: the word that decides who must not decide how many.
    fn some(&self, at: usize) -> usize {
        let (count, mut dice) = (self.hosts.len(), self.dice(at));
        shuffled(count, &mut dice);
        1 + dice.below(count as u64) as usize
    }

    /// So many nodes, drawn; the second ones from the other end.
    fn drawn(&self, at: usize, many: usize, second: bool) -> u16 {
        let nodes = self.shuffled(at);
        set(if second { &nodes[nodes.len() - many..] } else { &nodes[..many] })
    }

    /// All nodes in an order that is drawn for the step.
    pub(crate) fn shuffled(&self, at: usize) -> Shuffled {
        shuffled(self.hosts.len(), &mut self.dice(at))
    }

    /// Who holds a role (`before` 0) or held it before (`before` 1).
    fn holder(&self, name: Name, before: usize) -> Option<usize> {
        let role = self.vocabulary.roles.resolve(name)?;
        let [present, previous] = self.plan.holders.of(role);
        let holds = |node: &usize| self.hosts[*node].up && self.hosts[*node].role == role;
        match (present.filter(holds), before) {
            (Some(node), 0) => Some(node),
            // Who took it last gave it up; perhaps another still believes to hold it.
            (None, 0) => (0..self.hosts.len()).find(holds),
            (Some(_), _) => previous,
            (None, _) => present,
        }
    }

    /// The links that a step means now.
    pub(crate) fn links(&self, at: usize, link: Link) -> Links {
        let (rest_from, rest_to) = (link.from == Nodes::Rest, link.to == Nodes::Rest);
        let to = self.select_second(at, link.to, if rest_to && !rest_from { self.select(at, link.from, 0) } else { 0 });
        let from = self.select(at, link.from, if rest_from { to } else { 0 });
        between(from, to)
    }

    /// The least latency from one node to another in nanoseconds, if the schedule says one.
    #[inline]
    pub(crate) fn distance(&self, from: usize, to: usize) -> Option<u64> {
        if self.header.dcs == 0 { None } else { self.distance_of_centers(from, to) }
    }

    #[inline(never)]
    fn distance_of_centers(&self, from: usize, to: usize) -> Option<u64> {
        let [a, b] = [from, to].map(|node| data_center(&self.header, node, self.hosts.len()));
        self.between_centers(a?, b?)
    }

    /// The least latency between a client and a node in nanoseconds, if the schedule says one. Clients are dealt out to the data
    /// centres in turn.
    pub(crate) fn client_distance(&self, lane: u8, node: usize) -> Option<u64> {
        let own = lane.checked_rem(self.header.dcs)?;
        self.between_centers(own.into(), data_center(&self.header, node, self.hosts.len())?)
    }

    fn between_centers(&self, a: usize, b: usize) -> Option<u64> {
        let span = match Header::pair(a, b) {
            None => self.header.within,
            Some(pair) if self.header.latencies[pair].micros() > 0 => self.header.latencies[pair],
            Some(_) => self.header.between,
        };
        Some(u64::from(span.micros()) * 1_000).filter(|nanos| *nanos > 0)
    }

    /// Where a node listens.
    pub(crate) fn address(&self, node: usize) -> Address {
        let dc = data_center(&self.header, node, self.hosts.len());
        Address::of(number(node), dc.map_or(0, |dc| dc as u8 + 1))
    }

    /// How near a node is to a client: less is nearer, and no two are equally near. The clients of a data centre begin with
    /// different nodes of it.
    fn nearness(&self, lane: u8, node: usize) -> (u64, usize) {
        let (count, own) = (self.hosts.len(), usize::from(lane / self.header.dcs.max(1)));
        (self.client_distance(lane, node).unwrap_or(0), (node + count - own % count) % count)
    }

    /// The node that is nearest to a client.
    pub(crate) fn nearest(&self, lane: u8) -> usize {
        (0..self.members()).min_by_key(|node| self.nearness(lane, *node)).expect("a cluster has nodes")
    }

    /// The node that is nearest to a client beyond this one; after the last, the first.
    pub(crate) fn next_nearest(&self, lane: u8, node: usize) -> usize {
        let beyond = (0..self.members()).filter(|other| self.nearness(lane, *other) > self.nearness(lane, node));
        beyond.min_by_key(|other| self.nearness(lane, *other)).unwrap_or_else(|| self.nearest(lane))
    }
}

/// The nodes that a selector means at all times; `None`: that depends on the moment, or on the step.
pub(crate) fn fixed(header: &Header, nodes: Nodes, count: usize) -> Option<u16> {
    // Quorums are of the members; the other nodes are spares.
    let voters = usize::from(header.nodes);
    let from = |first: u8, many: usize| {
        let first = usize::from(first.max(1) - 1);
        (0..many).fold(0, |set, i| set | 1 << ((first + i) % voters))
    };
    match nodes {
        Nodes::All => Some(everybody(count)),
        Nodes::Node(number) => Some(1 << (usize::from(number - 1) % count)),
        Nodes::Set(set) => Some(wrapped(set, count)),
        Nodes::Majority(first) => Some(from(first, voters / 2 + 1)),
        Nodes::Minority(first) => Some(from(first, (voters - 1) / 2)),
        Nodes::MinorityThird(first) => Some(from(first, (voters.saturating_sub(1) / 3).max(1))),
        Nodes::Group(name) => Some(group(header, name, count)),
        Nodes::LastVoter => Some(1 << (voters - 1)),
        Nodes::Role(_)
        | Nodes::Previous(_)
        | Nodes::Rest
        | Nodes::Primaries
        | Nodes::One
        | Nodes::Some
        | Nodes::Half
        | Nodes::MostUpToDate
        | Nodes::LeastUpToDate => None,
    }
}

/// The links that a selector means at all times.
pub(crate) fn fixed_links(header: &Header, link: Link, count: usize) -> Option<Links> {
    let (from, to) = (fixed(header, link.from, count), fixed(header, link.to, count));
    let but = |other: Option<u16>| other.map(|other| everybody(count) & !other);
    let from = if link.from == Nodes::Rest { but(to) } else { from };
    let to = if link.to == Nodes::Rest { but(from) } else { to };
    Some(between(from?, to?))
}

fn first<A, B>((first, _): (A, B)) -> A {
    first
}

/// Nodes in a drawn order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shuffled {
    nodes: [usize; 16],
    count: usize,
}

impl Deref for Shuffled {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.nodes[..self.count]
    }
}

/// So many nodes in a drawn order (Fisher and Yates, 1938; Durstenfeld, 1964).
fn shuffled(count: usize, dice: &mut Dice) -> Shuffled {
    let mut nodes = std::array::from_fn(|node| node);
    for last in (1..count).rev() {
        nodes.swap(last, dice.below(last as u64 + 1) as usize);
    }
    Shuffled { nodes, count }
}

/// Nodes as a set of bits.
pub(crate) fn set(nodes: &[usize]) -> u16 {
    nodes.iter().fold(0, |set, node| set | 1 << node)
}

/// A set of all of so many nodes.
fn everybody(count: usize) -> u16 {
    ((1u32 << count) - 1) as u16
}

/// A set with numbers beyond the cluster taken into it.
fn wrapped(set: u16, count: usize) -> u16 {
    members(set).fold(0, |to, bit| to | 1 << (bit % count))
}

/// The data centre of a node, counted from 0; `None` if the schedule declares none, or none has this node.
fn data_center(header: &Header, node: usize, count: usize) -> Option<usize> {
    (0..usize::from(header.dcs)).find(|at| dc_members(header, *at, count) & (1 << node) != 0)
}

/// The nodes of a data centre: those that it declares, or an equal share.
fn dc_members(header: &Header, at: usize, count: usize) -> u16 {
    let dcs = usize::from(header.dcs);
    match header.groups[at].members {
        0 => (0..count).filter(|node| node * dcs / count == at).fold(0, |set, node| set | 1 << node),
        declared => wrapped(declared, count),
    }
}

/// The nodes of a group or a data centre of this name; nobody if there is none.
fn group(header: &Header, name: Name, count: usize) -> u16 {
    let dcs = usize::from(header.dcs);
    if let Some(at) = header.groups.iter().position(|group| group.name == name && name != Name::ANY) {
        return if at < dcs { dc_members(header, at, count) } else { wrapped(header.groups[at].members, count) };
    }
    const NUMBERED: [Name; DCS_MAX] =
        [Name::of("dc1"), Name::of("dc2"), Name::of("dc3"), Name::of("dc4"), Name::of("dc5")];
    let numbered = NUMBERED[..dcs].iter().position(|dc| *dc == name);
    numbered.map_or(0, |at| dc_members(header, at, count))
}

/// The indices of a set of bits.
pub(crate) fn members(set: u16) -> impl Iterator<Item = usize> {
    (0..16).filter(move |bit| set & (1 << bit) != 0)
}

/// The links from some nodes to others.
pub(crate) fn between(from: u16, to: u16) -> Links {
    let mut links = [0; 16];
    members(from).for_each(|sender| links[sender] = to & !(1 << sender));
    links
}
