//! Links between nodes: latency, loss, repetition, cuts, and the sessions of ordered streams.
//!
//! A message is judged when it is sent: a fault that begins later does not reach it, unless it breaks the session that
//! carries it. Every message draws once, whatever becomes of it, so that a fault on one link shifts no draw of another.

mod buffers;
mod damage;
mod sessions;

use murphy_schedule::field::{Distribution, Failure, Number, Percent, SocketCall, Transfers};

pub(crate) use self::{buffers::Limit, damage::Flips};
use self::{
    buffers::{Buffers, Label},
    damage::Cooldown,
    sessions::{Ending, Session},
};

use crate::{
    core::{Core, Event, Phase},
    distribution::sample,
    draw::{Keying, Purpose, SLOT, below, mix},
    node::Node,
    target::Transport,
    trace::Chance,
};

/// Least latency of a message, in nanoseconds.
const LATENCY: u64 = 500_000;
/// How much more it can take, in nanoseconds.
const SPREAD: u64 = 1_000_000;
/// How much later a stream delivers what was lost and sent again, in nanoseconds.
const SENT_AGAIN: u64 = 200_000_000;
/// Longest time between the two copies of a message repeated by the ambient rate, in nanoseconds.
const COPY_LAG: u64 = 50_000_000;

/// How much longer a message takes for each further read that it needs, in nanoseconds.
const READ_AGAIN: u64 = 50_000;
/// The longest that a message takes to pass a narrow link, in nanoseconds.
const HOUR: u64 = 3_600_000_000_000;

/// Directed links: for each sender, the set of receivers.
pub(crate) type Links = [u16; 16];

/// What a lasting step does to messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Treatment {
    Cut,
    /// Keeps them until the step ends.
    Hold,
    /// Adds so much time, perhaps in a queue of limited length.
    Delay(Distribution, Option<Limit>),
    /// Loses a share, in units of 0.01 %.
    Lose(u16),
    /// Repeats a share, in units of 0.01 %, so many nanoseconds later.
    Repeat(u16, u64),
    /// Holds a share, in units of 0.01 %, in a buffer at the receiver's end.
    Reorder(u16),
    /// Flips bits in a share.
    Corrupt(Flips),
    /// Lets so many bytes a second pass.
    Throttle(u64),
    /// Has a share of new connections, in units of 0.01 %, fail.
    Refuse(Failure, u16),
    /// Closes connections with a probability in units of 0.001 %; a share of them, in units of 0.01 %, in order. Then it spares
    /// the others for so many nanoseconds.
    Close(u16, u16, u64),
    /// Lets at most so many bytes pass at once.
    Partial(Transfers, u16),
    /// Keeps receivers from hearing that the senders' ends are gone.
    HalfOpen,
    /// A call takes its time.
    Socket(SocketCall, Distribution),
    /// Lets everything of a higher priority go first.
    Demote,
}

/// How many sorts of treatments there are.
const SORTS: usize = 14;

impl Treatment {
    /// Treatments of one sort compete for a message by the numbers of their rules.
    fn sort(self) -> usize {
        match self {
            Self::Cut => 0,
            Self::Hold => 1,
            Self::Delay(..) => 2,
            Self::Lose(_) => 3,
            Self::Repeat(..) => 4,
            Self::Reorder(_) => 5,
            Self::Corrupt(_) => 6,
            Self::Throttle(_) => 7,
            Self::Refuse(..) => 8,
            Self::Close(..) => 9,
            Self::Partial(..) => 10,
            Self::HalfOpen => 11,
            Self::Socket(..) => 12,
            Self::Demote => 13,
        }
    }
}

/// When a treatment applies to a message that it covers, and how its draws hang together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// Of the numbered rules of one sort the lowest decides; those without a number (0) apply where none of them covers.
    number: u8,
    /// Only each so manieth message; 0 and 1 are all.
    each: u8,
    /// How often a draw is the one before, in units of 0.01 %.
    correlation: u16,
    /// How many messages it has covered.
    covered: u32,
    /// The draw before.
    before: Option<u64>,
}

impl Rule {
    /// Always, and every draw for itself.
    pub(crate) const NONE: Self = Self { number: 0, each: 0, correlation: 0, covered: 0, before: None };

    pub(crate) fn new(number: Number, each: Number, correlation: Percent<0>) -> Self {
        Self { number: number.0, each: each.0, correlation: correlation.0, ..Self::NONE }
    }

    /// Whether it applies to the message that it covers now.
    fn applies(&mut self) -> bool {
        self.covered += 1;
        self.covered.is_multiple_of(self.each.max(1).into())
    }

    /// The draw for this message: with the probability of the correlation that of the message before. A weighted sum of the two
    /// would correlate them as well, but lie near the middle, so that a rare loss became rarer.
    fn correlated(&mut self, draw: u64) -> u64 {
        if self.correlation == 0 {
            return draw;
        }
        let stays = below(mix(draw, Purpose::Correlation, []), 10_000) < self.correlation.into();
        let draw = self.before.filter(|_| stays).unwrap_or(draw);
        self.before = Some(draw);
        draw
    }
}

/// A lasting step that is in force on some links.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Active {
    pub(crate) step: usize,
    pub(crate) links: Links,
    /// Only messages of this kind.
    pub(crate) kind: Option<usize>,
    pub(crate) treatment: Treatment,
    pub(crate) rule: Rule,
    /// Keeps its draws apart from those of other steps.
    pub(crate) salt: u64,
}

impl Active {
    fn covers(&self, from: usize, to: usize) -> bool {
        self.links[from] & (1 << to) != 0
    }
}

/// What befalls the message being sent or delivered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) lost: bool,
    /// Nanoseconds later than drawn.
    pub(crate) extra: u64,
    /// A second copy so many nanoseconds after the first.
    pub(crate) copy: Option<u64>,
    /// The step that holds it back.
    pub(crate) held: Option<usize>,
    /// It may be recalled before it arrives.
    pub(crate) label: Option<Label>,
    /// How many of its bits are flipped, and the draw that says which.
    flips: (u32, u64),
    /// A rate below one, rather than a certainty, flips them.
    flipped_by_chance: bool,
    /// The session that carries it ends.
    pub(crate) ending: Option<Ending>,
    /// A rate below one, rather than a certainty, lost it.
    lost_by_chance: bool,
    /// A rate below one repeats it.
    copied_by_chance: bool,
    /// So much of what it is later than usual was drawn from a distribution.
    late_by_chance: u64,
}

impl Fate {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The message takes a drawn time longer. Returns how many nanoseconds.
    fn delay(&mut self, latency: Distribution, draw: u64) -> u64 {
        let extra = sample(latency, draw);
        self.extra += extra;
        if !matches!(latency, Distribution::Fixed(_)) {
            self.late_by_chance += extra;
        }
        extra
    }
}

/// The state of all links.
#[derive(Debug, Default)]
pub(crate) struct Network {
    nodes: usize,
    kinds: usize,
    /// For each link and kind: the present slot, and how many messages were sent in it.
    counts: Vec<(u64, u32)>,
    /// For each link: how many messages were sent.
    streams: Vec<u64>,
    pub(crate) active: Vec<Active>,
    /// What steps hold back and when it would have arrived, in the order of sending.
    pub(crate) held: Vec<(usize, u64, Event)>,
    pub(crate) fate: Fate,
    /// For each pair, stored under its lower node first.
    sessions: Vec<Session>,
    /// When each node started last, but for the first time.
    pub(crate) started: [u64; 16],
    /// Which links are spared for a while.
    cooldowns: Vec<Cooldown>,
    /// For each link: when its last message arrives.
    last: Vec<u64>,
    world_epoch: u64,
    node_epochs: [u64; 16],
    link_epochs: Vec<u64>,
    pub(crate) buffers: Buffers,
}

clone_fields!(Network {
    nodes,
    kinds,
    counts,
    streams,
    active,
    held,
    fate,
    sessions,
    started,
    cooldowns,
    last,
    world_epoch,
    node_epochs,
    link_epochs,
    buffers
});

impl Network {
    pub(crate) fn reset(&mut self, nodes: usize, kinds: usize) {
        let refill = |vec: &mut Vec<u64>| {
            vec.clear();
            vec.resize(nodes * nodes, 0);
        };
        self.nodes = nodes;
        self.kinds = kinds;
        self.counts.clear();
        self.counts.resize(nodes * nodes * kinds, (0, 0));
        refill(&mut self.streams);
        refill(&mut self.last);
        refill(&mut self.link_epochs);
        self.active.clear();
        self.held.clear();
        self.buffers.reset();
        self.fate.clear();
        self.sessions.clear();
        self.sessions.resize(nodes * nodes, Session::NEW);
        self.started = [0; 16];
        self.cooldowns.clear();
        self.world_epoch = 0;
        self.node_epochs = [0; 16];
    }

    #[inline]
    fn link(&self, from: usize, to: usize) -> usize {
        from * self.nodes + to
    }

    #[inline]
    fn pair(&self, a: usize, b: usize) -> usize {
        self.link(a.min(b), a.max(b))
    }

    /// When a message due `at` arrives on an ordered stream.
    #[inline]
    pub(crate) fn in_order(&mut self, from: usize, to: usize, at: u64) -> u64 {
        let link = self.link(from, to);
        self.last[link] = at.max(self.last[link] + 1);
        self.last[link]
    }

    /// Whether a step is in force on this link.
    #[inline]
    pub(crate) fn is_disturbed(&self, from: usize, to: usize) -> bool {
        self.active.iter().any(|active| active.covers(from, to))
    }

    /// Whether a step in force cuts this link.
    pub(crate) fn is_cut(&self, from: usize, to: usize) -> bool {
        self.active.iter().any(|active| matches!(active.treatment, Treatment::Cut) && active.covers(from, to))
    }

    /// Draws of everything change from now on.
    pub(crate) fn reseed_world(&mut self) {
        self.world_epoch += 1;
    }

    /// The draws of one node change from now on.
    pub(crate) fn reseed_node(&mut self, node: usize) {
        self.node_epochs[node] += 1;
    }

    /// The latencies of some links change from now on.
    pub(crate) fn reseed_links(&mut self, links: &Links) {
        for (from, receivers) in links.iter().enumerate().take(self.nodes) {
            for to in (0..self.nodes).filter(|to| receivers & (1 << to) != 0) {
                let link = self.link(from, to);
                self.link_epochs[link] += 1;
            }
        }
    }

    /// How often the draws of a link have changed.
    #[inline]
    fn link_epoch(&self, link: usize) -> u64 {
        self.world_epoch << 32 | self.link_epochs[link]
    }

    /// How often the draws of the world have changed.
    pub(crate) fn epoch(&self) -> u64 {
        self.world_epoch
    }

    /// How often the draws of a node have changed.
    #[inline]
    pub(crate) fn node_epoch(&self, node: usize) -> u64 {
        self.world_epoch << 32 | self.node_epochs[node]
    }

    /// The draw of the next message of this kind on this link.
    #[inline]
    fn draw(&mut self, seed: u64, keying: Keying, now: u64, from: usize, to: usize, kind: usize) -> u64 {
        let link = self.link(from, to);
        let entity = (from << 32 | to << 16) as u64;
        let epoch = self.link_epoch(link);
        match keying {
            Keying::Slots => {
                let count = &mut self.counts[link * self.kinds + kind];
                let slot = now / SLOT;
                *count = if count.0 == slot { (slot, count.1 + 1) } else { (slot, 1) };
                mix(seed, Purpose::Message, [entity | kind as u64, epoch, slot << 24 | u64::from(count.1)])
            }
            Keying::Streams => {
                self.streams[link] += 1;
                mix(seed, Purpose::Message, [entity, epoch, self.streams[link]])
            }
            Keying::Stream => {
                self.streams[0] += 1;
                mix(seed, Purpose::Message, [epoch, self.streams[0]])
            }
        }
    }
}

/// Twenty bits of a draw, from bit `at` on, as a number below `bound`.
#[inline]
fn part(draw: u64, at: u32, bound: u64) -> u64 {
    ((draw >> at & 0xf_ffff) * bound) >> 20
}

impl<N: Node> Core<N> {
    /// What chance did to the message that is being sent.
    pub(crate) fn chance(&self) -> Chance {
        let fate = &self.network.fate;
        match (fate.lost_by_chance, self.about.transport, fate.copy.filter(|_| fate.copied_by_chance)) {
            (true, Transport::Stream, _) => Chance::Late(SENT_AGAIN + fate.late_by_chance),
            (true, Transport::Datagram, _) => Chance::Lost,
            (false, ..) if fate.late_by_chance > 0 => Chance::Late(fate.late_by_chance),
            (false, _, Some(lag)) => Chance::Copied(lag),
            (false, _, None) => Chance::Nothing,
        }
    }

    /// Whether the header's rates are in force.
    #[inline]
    fn in_chaos(&self) -> bool {
        self.phase == Phase::Chaos && !self.plan.calm
    }

    /// Whether messages are lost and repeated by the header's rates now.
    #[inline]
    pub(crate) fn ambient_rates(&self) -> bool {
        self.header.loss | self.header.duplication > 0 && self.in_chaos()
    }

    /// The draw of a message sent now, and when it arrives if nothing befalls it.
    #[inline(always)]
    pub(crate) fn usual_arrival(&mut self, from: usize, to: usize, kind: usize) -> (u64, u64) {
        let draw = self.network.draw(self.header.seed, self.keying, self.now, from, to, kind);
        let jitter = if self.in_chaos() { u64::from(self.header.jitter) * 10_000 } else { 0 };
        let least = self.distance(from, to).unwrap_or(LATENCY);
        (draw, self.now + least + part(draw, 0, SPREAD + jitter))
    }

    /// When a message sent now arrives; `None`: never. Its fate collects what else befalls it.
    pub(crate) fn transmit(&mut self, from: usize, to: usize, kind: usize, message: &mut N::Message) -> Option<u64> {
        let (draw, arrives) = self.usual_arrival(from, to, kind);
        if from == to {
            return Some(arrives);
        }
        if self.ambient_rates() {
            self.ambient(draw);
        }
        let cut = self.treat(from, to, kind, draw, message) || !self.network.connected(from, to);
        if cut {
            self.use_broken(from, to);
        }
        if self.network.fate.is_damaged() {
            self.damage(message);
        }
        self.keep_stream_promise();
        (!cut && !self.network.fate.lost).then_some(arrives + self.network.fate.extra)
    }

    /// Applies the schedule's ambient rates.
    fn ambient(&mut self, draw: u64) {
        let fate = &mut self.network.fate;
        if part(draw, 20, 10_000) < self.header.loss.into() && !fate.lost {
            (fate.lost, fate.lost_by_chance) = (true, true);
        }
        if part(draw, 40, 10_000) < self.header.duplication.into() && fate.copy.is_none() {
            fate.copy = Some(below(mix(draw, Purpose::Copy, []), COPY_LAG));
            fate.copied_by_chance = true;
        }
    }

    /// Of the numbered rules of each sort that cover a message the lowest: its number, and the rank and the place of its step.
    fn lowest_rules(&self, covers: impl Fn(&Active) -> bool) -> [Option<(u8, u8, usize)>; SORTS] {
        let mut first: [Option<(u8, u8, usize)>; SORTS] = [None; SORTS];
        for active in self.network.active.iter().filter(|active| active.rule.number > 0 && covers(active)) {
            let own = (active.rule.number, self.plan.steps[active.step].rank, active.step);
            let least = &mut first[active.treatment.sort()];
            *least = Some(least.map_or(own, |least| least.min(own)));
        }
        first
    }

    /// Applies the steps in force on this link; returns whether one cuts it.
    fn treat(&mut self, from: usize, to: usize, kind: usize, draw: u64, message: &N::Message) -> bool {
        if self.network.active.is_empty() {
            return false;
        }
        let (mut cut, stream) = (false, self.about.transport == Transport::Stream);
        let covers = |active: &Active| active.covers(from, to) && active.kind.is_none_or(|only| only == kind);
        let first = self.lowest_rules(covers);
        let link = self.network.link(from, to);
        let connected = self.network.connected(from, to);
        let round_trip = 2 * self.distance(from, to).unwrap_or(LATENCY);
        let Network { active, fate, buffers, last, cooldowns, .. } = &mut self.network;
        let limits = |active: &Active| {
            matches!(active.treatment, Treatment::Delay(_, Some(_)) | Treatment::Throttle(_) | Treatment::Demote)
        };
        if stream && active.iter().any(|active| limits(active) && active.covers(from, to)) {
            // A message that is recalled moves all that follow it.
            buffers.label(&mut fate.label, draw, last[link]);
        }
        for active in active.iter_mut().filter(|active| covers(active)) {
            let (number, _, decides) = first[active.treatment.sort()].unwrap_or((0, 0, active.step));
            if active.rule.number != number {
                // Keeping another rule from a message is an effect.
                self.plan.steps[decides].effects += 1;
                continue;
            }
            if !active.rule.applies() {
                continue;
            }
            let draw = active.rule.correlated(mix(draw, Purpose::Rule, [active.salt]));
            let effective = match active.treatment {
                Treatment::Cut => !std::mem::replace(&mut cut, true),
                Treatment::Hold => *fate.held.get_or_insert(active.step) == active.step,
                Treatment::Delay(latency, limit) => {
                    let extra = fate.delay(latency, draw);
                    let fits = limit.filter(|_| extra > 0).is_none_or(|limit| {
                        let ticket = buffers.label(&mut fate.label, draw, last[link]).ticket;
                        buffers.admit(limit, active.step, link, self.now, extra, ticket)
                    });
                    fate.lost |= !fits;
                    extra > 0
                }
                Treatment::Lose(share) => {
                    let loses = part(draw, 20, 10_000) < share.into() && !fate.lost;
                    fate.lost |= loses;
                    fate.lost_by_chance |= loses && share < 10_000;
                    loses
                }
                Treatment::Repeat(share, lag) => {
                    let repeats = !stream && part(draw, 40, 10_000) < share.into() && fate.copy.is_none();
                    if repeats {
                        fate.copy = Some(lag);
                        fate.copied_by_chance = share < 10_000;
                    }
                    repeats
                }
                // What it did is known when its buffer lets the message go. A stream puts everything in order again.
                Treatment::Reorder(share) => {
                    if !stream && part(draw, 20, 10_000) < share.into() {
                        let label = buffers.label(&mut fate.label, draw, last[link]);
                        label.buffer = label.buffer.or(Some(active.step));
                    }
                    false
                }
                Treatment::Corrupt(how) => {
                    let cooldown = Cooldown { step: active.step, link: Some(link), until: self.now + how.cooldown };
                    let strikes = part(draw, 20, 10_000) < how.share.into() && cooldown.begin(cooldowns, self.now);
                    if strikes {
                        fate.flips = (fate.flips.0 + how.bits(draw), draw ^ fate.flips.1);
                        fate.flipped_by_chance |= how.share < 10_000;
                    }
                    strikes
                }
                Treatment::Throttle(rate) => {
                    let takes = u128::from(N::size(message) as u64) * 1_000_000_000 / u128::from(rate.max(1));
                    let takes = takes.min(u128::from(HOUR)) as u64;
                    let ticket = buffers.label(&mut fate.label, draw, last[link]).ticket;
                    let waits = buffers.line_up_behind(active.step, link, self.now, takes, ticket);
                    fate.extra += waits;
                    waits > 0
                }
                Treatment::Close(share, fin, cooldown) => {
                    let cooldown = Cooldown { step: active.step, link: None, until: self.now + cooldown };
                    let closes = connected && stream && part(draw, 20, 100_000) < share.into() && fate.ending.is_none();
                    let closes = closes && cooldown.begin(cooldowns, self.now);
                    if closes {
                        let in_order = part(draw, 40, 10_000) < fin.into();
                        fate.ending = Some(if in_order { Ending::InOrder } else { Ending::Reset });
                        cut |= !in_order;
                    }
                    closes
                }
                Treatment::Partial(transfers, most) => {
                    let pieces = if stream { N::size(message).div_ceil(most.max(1).into()).max(1) } else { 1 };
                    let each = match transfers {
                        Transfers::Reads => READ_AGAIN,
                        Transfers::Writes => round_trip,
                        Transfers::Both => READ_AGAIN + round_trip,
                    };
                    fate.extra += (pieces as u64 - 1) * each;
                    pieces > 1
                }
                Treatment::Socket(SocketCall::Read | SocketCall::Write, latency) => fate.delay(latency, draw) > 0,
                // Whom it has wait is known as it arrives; that another step does not decide any more is an effect.
                Treatment::Demote => {
                    let label = buffers.label(&mut fate.label, draw, last[link]);
                    label.demoted_by.replace(active.step).is_some()
                }
                // They concern connections, not messages.
                Treatment::Refuse(..) | Treatment::HalfOpen => false,
                Treatment::Socket(SocketCall::Connect | SocketCall::Bind | SocketCall::Accept, _) => false,
            };
            self.plan.steps[active.step].effects += u32::from(effective);
        }
        self.recall();
        cut
    }

    /// A step ends: what it held back arrives now, in the order of sending, unless it is not due yet or another step holds
    /// that link, too.
    pub(crate) fn let_go(&mut self, step: usize) {
        let mut kept = 0;
        for at in 0..self.network.held.len() {
            let (holder, due, event) = self.network.held[at];
            match if holder == step { self.holder_of(event) } else { Some(holder) } {
                Some(other) => {
                    self.plan.steps[other].effects += u32::from(other != holder);
                    self.network.held[kept] = (other, due, event);
                    kept += 1;
                }
                None => self.queue.push(due.max(self.now), event),
            }
        }
        self.network.held.truncate(kept);
    }

    /// The step that holds the link of a delivery now.
    fn holder_of(&mut self, delivery: Event) -> Option<usize> {
        let (from, to) = match delivery {
            Event::Parcel { ticket } => self.network.buffers.ends(ticket)?,
            Event::Deliver { from, to, .. } => (from.into(), to.into()),
            _ => return None,
        };
        let holds = |active: &&Active| matches!(active.treatment, Treatment::Hold) && active.covers(from, to);
        Some(self.network.active.iter().find(holds)?.step)
    }

    /// A stream hides loss and repetition: what was lost arrives later, a second copy never does.
    pub(crate) fn keep_stream_promise(&mut self) {
        if self.about.transport != Transport::Stream {
            return;
        }
        let fate = &mut self.network.fate;
        (fate.copy, fate.copied_by_chance) = (None, false);
        if std::mem::take(&mut fate.lost) {
            fate.extra += SENT_AGAIN;
        }
    }
}
