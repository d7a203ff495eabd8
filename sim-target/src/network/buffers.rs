//! Messages that can be recalled before they arrive: those that wait in a queue of limited length, and those that are held at
//! their receiver's end: in a buffer, to go in another order, or until their turn comes.
//!
//! Such a message is a *parcel*: its delivery is not planned for good, but looked at when it is due, and what happens to the
//! others of its queue or buffer until then may have moved it. What orders a buffer are the draws of its messages, which were
//! made as they were sent, so that no buffer shifts a draw of another.

mod turns;

use std::cmp::Reverse;

use murphy_schedule::{
    Fault,
    field::{Order, Overflow, Release, Strategy},
};

use super::{SENT_AGAIN, Treatment};
use crate::{
    core::{Core, Event, number},
    draw::{Purpose, below, mix},
    node::Node,
    target::Transport,
    trace::What,
};

/// One in so many buffers that let go in bursts does so in reverse.
const BURSTS: u64 = 4;

/// How many messages can wait at once on each link, and what becomes of one too many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) most: u16,
    pub(crate) overflow: Overflow,
}

/// A place in a queue of limited length.
#[derive(Clone, Copy, Debug)]
struct Place {
    step: usize,
    link: usize,
    until: u64,
    ticket: u32,
}

/// How a step buffers messages.
#[derive(Clone, Copy, Debug)]
struct Buffering {
    strategy: Strategy,
    order: Order,
    room: usize,
    /// In nanoseconds.
    window: u64,
    release: Release,
}

impl Buffering {
    fn of(fault: Fault) -> Option<Self> {
        let Fault::Reorder { strategy, order, buffer, window, release, .. } = fault else { return None };
        let (room, window) = (usize::from(buffer.0.max(1)), u64::from(window.micros()) * 1_000);
        Some(Self { strategy, order, room, window, release })
    }

    /// Whether one buffer takes in what comes from all senders: sorted by sender or by logical clock, the messages of a
    /// single link would never change places.
    fn joins_senders(self) -> bool {
        self.strategy == Strategy::Rule && matches!(self.order, Order::Source | Order::Logical)
    }

    /// Who goes first among messages that go together: the least.
    fn rank(self, parcel: &Parcel, reversed: bool) -> (Reverse<u64>, u64, u32) {
        let arrival = (parcel.since, parcel.ticket);
        match (self.strategy, self.order) {
            (Strategy::Shuffle, _) => (Reverse(mix(parcel.draw, Purpose::Shuffle, [])), 0, parcel.ticket),
            (Strategy::Bounded, _) => (Reverse(0), parcel.due, parcel.ticket),
            (Strategy::Rule, Order::Source) => (Reverse(parcel.from as u64), arrival.0, arrival.1),
            (Strategy::Rule, Order::Logical) => (Reverse(parcel.stamp), arrival.0, arrival.1),
            (Strategy::Rule, Order::Priority) => (Reverse(parcel.kind as u64), arrival.0, arrival.1),
            (Strategy::Rule, Order::Arrival) => (Reverse(0), u64::MAX - arrival.0, u32::MAX - arrival.1),
            (Strategy::Burst, _) if reversed => (Reverse(0), u64::MAX - arrival.0, u32::MAX - arrival.1),
            (Strategy::Burst | Strategy::Fifo, _) => (Reverse(0), arrival.0, arrival.1),
        }
    }
}

/// A message that can be recalled.
#[derive(Clone, Copy, Debug)]
struct Parcel {
    ticket: u32,
    from: usize,
    to: usize,
    kind: usize,
    /// When it is delivered, as far as is known by now.
    due: u64,
    /// When it would be, if nothing was ahead of it.
    own: u64,
    /// On a stream, what is ahead of it and no parcel arrives then.
    floor: u64,
    /// Its own random bits.
    draw: u64,
    /// Its sender's logical clock as it was sent.
    stamp: u64,
    /// The step whose buffer awaits it.
    buffer: Option<usize>,
    /// Since when that buffer holds it; `u64::MAX`: it is still under way.
    since: u64,
    /// The step that demoted it, until its turn has come.
    demoted_by: Option<usize>,
    /// It waits for its turn.
    in_line: bool,
    delivery: Event,
}

impl Parcel {
    /// The session that carries it, and in which direction.
    fn stream(&self) -> (usize, usize, u16) {
        let Event::Deliver { session, .. } = self.delivery else { unreachable!("a parcel is delivered") };
        (self.from, self.to, session)
    }

    fn is_held(&self) -> bool {
        self.since != u64::MAX
    }
}

/// What happens to a message that waited in a queue that was full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recall {
    Lost,
    /// It need not wait any longer, which spares it so many nanoseconds.
    Sooner(u64),
}

/// What is known of a message that becomes a parcel, as it is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    pub(super) ticket: u32,
    draw: u64,
    floor: u64,
    /// When it arrives if nothing is ahead of it.
    pub(crate) own: u64,
    /// The step whose buffer awaits it.
    pub(super) buffer: Option<usize>,
    /// The step that demotes it.
    pub(super) demoted_by: Option<usize>,
}

/// All parcels of a run, the queues in which they wait, and logical clocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    /// By ticket.
    parcels: Vec<Parcel>,
    queues: Vec<Place>,
    tickets: u32,
    /// What the message that is sent now pushed out.
    recalled: Vec<(u32, Recall)>,
    /// When somebody looks next whose turn it is, if messages wait for it.
    next_turn: Option<u64>,
    /// Some buffer lets go when its receiver asks.
    pub(crate) polled: bool,
    /// Some step sorts by logical clocks, so they are kept.
    pub(crate) clocks_matter: bool,
    clocks: [u64; 16],
    /// The sender's clock, for each message by its slot.
    stamps: Vec<u64>,
}

impl Buffers {
    pub(super) fn reset(&mut self) {
        self.parcels.clear();
        self.queues.clear();
        self.recalled.clear();
        self.stamps.clear();
        (self.tickets, self.polled, self.clocks_matter, self.clocks) = (0, false, false, [0; 16]);
        self.next_turn = None;
    }

    /// The message being judged becomes a parcel, if it is none yet; `floor` is when what is ahead of it arrives.
    pub(super) fn label<'a>(&mut self, label: &'a mut Option<Label>, draw: u64, floor: u64) -> &'a mut Label {
        label.get_or_insert_with(|| Label {
            ticket: self.next_ticket(),
            draw,
            floor,
            own: 0,
            buffer: None,
            demoted_by: None,
        })
    }

    /// A message comes to the queue of a step in which it has to wait from `now` for `wait`; false: the queue is full, and it
    /// is lost.
    pub(super) fn admit(&mut self, limit: Limit, step: usize, link: usize, now: u64, wait: u64, ticket: u32) -> bool {
        let mine = |place: &Place| (place.step, place.link) == (step, link);
        self.queues.retain(|place| !mine(place) || place.until > now);
        if self.queues.iter().filter(|place| mine(place)).count() >= limit.most.into() {
            if limit.overflow == Overflow::DropNewest {
                return false;
            }
            let oldest = self.queues.iter().position(mine).expect("a full queue holds something");
            let oldest = self.queues.remove(oldest);
            let lost = limit.overflow == Overflow::DropOldest;
            self.recalled.push((oldest.ticket, if lost { Recall::Lost } else { Recall::Sooner(oldest.until - now) }));
        }
        self.queues.push(Place { step, link, until: now + wait, ticket });
        true
    }

    /// A message that takes so long to pass a narrow link waits until those before it have passed. Returns for how long in all.
    pub(super) fn line_up_behind(&mut self, step: usize, link: usize, now: u64, takes: u64, ticket: u32) -> u64 {
        let mine = |place: &Place| (place.step, place.link) == (step, link);
        self.queues.retain(|place| !mine(place) || place.until > now);
        let free = self.queues.iter().filter(|place| mine(place)).map(|place| place.until).max();
        let until = free.unwrap_or(now) + takes;
        self.queues.push(Place { step, link, until, ticket });
        until - now
    }

    fn next_ticket(&mut self) -> u32 {
        self.tickets += 1;
        self.tickets
    }

    fn position(&self, ticket: u32) -> Option<usize> {
        self.parcels.binary_search_by_key(&ticket, |parcel| parcel.ticket).ok()
    }

    /// The parcels that the buffer of a step holds.
    fn held(&self, step: usize) -> impl Iterator<Item = &Parcel> {
        self.parcels.iter().filter(move |parcel| parcel.buffer == Some(step) && parcel.is_held())
    }

    /// Who sends to whom, for a parcel that is under way.
    pub(super) fn ends(&self, ticket: u32) -> Option<(usize, usize)> {
        self.position(ticket).map(|at| (self.parcels[at].from, self.parcels[at].to))
    }

    /// The other parcels of the same session, in the same direction.
    fn beside(&mut self, parcel: Parcel) -> impl Iterator<Item = &mut Parcel> {
        let others = self.parcels.iter_mut().filter(move |other| other.ticket != parcel.ticket);
        others.filter(move |other| other.stream() == parcel.stream())
    }

    /// The logical clock of a sender ticks (Lamport, 1978).
    #[inline]
    pub(crate) fn tick(&mut self, sender: usize) {
        self.clocks[sender] += u64::from(self.clocks_matter);
    }

    /// The clock that a message carries.
    #[inline]
    pub(crate) fn stamp_of(&self, slot: u32) -> u64 {
        self.stamps.get(slot as usize).copied().unwrap_or(0)
    }

    /// A receiver's clock is never behind that of what it has received.
    #[inline]
    pub(crate) fn receive(&mut self, receiver: usize, stamp: u64) {
        if self.clocks_matter {
            self.clocks[receiver] = self.clocks[receiver].max(stamp) + 1;
        }
    }

    #[inline]
    pub(crate) fn clock(&self, node: usize) -> u64 {
        self.clocks[node]
    }
}

impl<N: Node> Core<N> {
    /// Keeps a message that carries its sender's clock.
    pub(crate) fn put_stamped(&mut self, message: N::Message, stamp: u64) -> u32 {
        let slot = self.messages.put(message);
        if self.network.buffers.clocks_matter {
            let stamps = &mut self.network.buffers.stamps;
            stamps.resize(stamps.len().max(slot as usize + 1), 0);
            stamps[slot as usize] = stamp;
        }
        slot
    }

    /// Puts a message on its way that may be recalled; returns the event that looks at it when it is due.
    pub(crate) fn wrap(&mut self, label: Label, due: u64, delivery: Event, first: bool) -> Event {
        let Event::Deliver { from, to, kind, slot, .. } = delivery else { unreachable!("only messages are wrapped") };
        let buffers = &mut self.network.buffers;
        // A second copy waits in no queue, so nothing recalls it.
        let ticket = if first { label.ticket } else { buffers.next_ticket() };
        let (draw, stamp) = (mix(label.draw, Purpose::Buffer, [first.into()]), buffers.stamp_of(slot));
        let (from, to, kind) = (from.into(), to.into(), kind.into());
        let Label { own, floor, buffer, .. } = label;
        // A step that this very sending ended demotes nothing any more.
        let demoted_by = label.demoted_by.filter(|step| self.plan.is_active(*step));
        let (since, in_line) = (u64::MAX, false);
        let mut parcel = Parcel {
            ticket,
            from,
            to,
            kind,
            due,
            own,
            floor,
            draw,
            stamp,
            buffer,
            since,
            demoted_by,
            in_line,
            delivery,
        };
        parcel.floor = buffers.beside(parcel).next().map_or(floor, |ahead| ahead.floor);
        let at = buffers.parcels.partition_point(|other| other.ticket < ticket);
        buffers.parcels.insert(at, parcel);
        Event::Parcel { ticket }
    }

    /// Looks at a parcel that may be due.
    pub(crate) fn on_parcel(&mut self, ticket: u32) {
        let Some(at) = self.network.buffers.position(ticket) else { return };
        let parcel = self.network.buffers.parcels[at];
        if parcel.due > self.now {
            return self.queue.push(parcel.due, Event::Parcel { ticket });
        }
        if self.waits_its_turn(at) {
            return;
        }
        match (parcel.buffer, parcel.is_held()) {
            (Some(step), false) if self.plan.is_active(step) => self.hold(step, ticket),
            (Some(step), true) => self.time_out(step, ticket),
            _ => self.arrive(at),
        }
    }

    /// A parcel that no buffer holds is delivered, in its place among all that happens at this moment.
    fn arrive(&mut self, at: usize) {
        let parcel = self.network.buffers.parcels.remove(at);
        self.queue.push_first(self.now, parcel.delivery);
    }

    fn buffering(&self, step: usize) -> Buffering {
        Buffering::of(self.plan.fault(step)).expect("only a step that reorders holds messages in buffers")
    }

    /// A parcel leaves its buffer.
    fn let_out(&mut self, ticket: u32) {
        let Some(at) = self.network.buffers.position(ticket) else { return };
        let parcel = self.network.buffers.parcels.remove(at);
        if let Some(step) = parcel.buffer.filter(|_| parcel.since < self.now) {
            self.plan.steps[step].effects += 1;
        }
        self.queue.push(self.now, parcel.delivery);
    }

    /// A parcel reaches the end of its link, where a step has a buffer.
    fn hold(&mut self, step: usize, ticket: u32) {
        let buffering = self.buffering(step);
        let mut others = self.in_buffer(step, ticket);
        if buffering.release != Release::Full && others.len() >= buffering.room {
            others.sort_unstable_by_key(|parcel| (parcel.since, parcel.ticket));
            self.let_out(others[0].ticket);
        }
        let at = self.network.buffers.position(ticket).expect("it is none of the others");
        let parcel = &mut self.network.buffers.parcels[at];
        parcel.since = self.now;
        let part = mix(parcel.draw, Purpose::Buffer, [2]);
        let bounded = buffering.strategy == Strategy::Bounded;
        parcel.due = self.now + if bounded { below(part, buffering.window + 1) } else { buffering.window };
        self.queue.push(parcel.due, Event::Parcel { ticket });
        if buffering.release == Release::Full && others.len() + 1 >= buffering.room {
            self.empty(step, ticket);
        }
    }

    /// A parcel has been held for as long as it may be.
    fn time_out(&mut self, step: usize, ticket: u32) {
        match self.buffering(step).strategy {
            Strategy::Fifo | Strategy::Bounded => self.let_out(ticket),
            Strategy::Shuffle | Strategy::Rule | Strategy::Burst => self.empty(step, ticket),
        }
    }

    /// What a step holds beside this parcel.
    fn in_buffer(&self, step: usize, ticket: u32) -> Vec<Parcel> {
        let at = self.network.buffers.position(ticket).expect("whoever asks has a parcel");
        let parcel = self.network.buffers.parcels[at];
        let joins = self.buffering(step).joins_senders();
        let same = |other: &&Parcel| other.to == parcel.to && (joins || other.from == parcel.from);
        self.network.buffers.held(step).filter(same).filter(|other| other.ticket != ticket).copied().collect()
    }

    /// A whole buffer goes, in the order that its strategy says.
    fn empty(&mut self, step: usize, ticket: u32) {
        for ticket in self.in_order_of_going(step, ticket) {
            self.let_out(ticket);
        }
    }

    /// The tickets of the buffer that holds this parcel, the next to go first.
    fn in_order_of_going(&self, step: usize, ticket: u32) -> Vec<u32> {
        let buffering = self.buffering(step);
        let mut parcels = self.in_buffer(step, ticket);
        parcels.extend(self.network.buffers.position(ticket).map(|at| self.network.buffers.parcels[at]));
        let oldest = parcels.iter().min_by_key(|parcel| (parcel.since, parcel.ticket)).expect("this one, at least");
        let reversed = below(mix(oldest.draw, Purpose::Buffer, [3]), BURSTS) == 0;
        parcels.sort_unstable_by_key(|parcel| buffering.rank(parcel, reversed));
        parcels.into_iter().map(|parcel| parcel.ticket).collect()
    }

    /// One parcel of each buffer of a step.
    fn buffers_of(&self, step: usize) -> Vec<u32> {
        let joins = self.buffering(step).joins_senders();
        let mut known: Vec<(usize, usize)> = Vec::new();
        let held = self.network.buffers.held(step);
        let firsts = held.filter(|parcel| {
            let key = (parcel.to, if joins { 0 } else { parcel.from });
            let new = !known.contains(&key);
            known.extend(new.then_some(key));
            new
        });
        firsts.map(|parcel| parcel.ticket).collect()
    }

    /// A receiver has handled something and asks for more: each buffer that waits for it lets one message go.
    pub(crate) fn poll(&mut self, receiver: usize) {
        for rank in self.plan.steps.ranks() {
            let step = self.plan.steps.at(rank);
            let asked = Buffering::of(self.plan.fault(step)).is_some_and(|how| how.release == Release::Demand);
            if !asked || !self.plan.is_active(step) {
                continue;
            }
            for ticket in self.buffers_of(step) {
                if self.network.buffers.ends(ticket).is_some_and(|(_, to)| to == receiver) {
                    let next = self.in_order_of_going(step, ticket)[0];
                    self.let_out(next);
                }
            }
        }
    }

    /// A step ends: its buffers let everything go, nothing counts for its queues any longer, and nobody has to wait for a narrow
    /// link that is wide again.
    pub(crate) fn close_buffers(&mut self, step: usize) {
        let narrow = matches!(self.plan.fault(step), Fault::Bandwidth { .. });
        let buffers = &mut self.network.buffers;
        for place in buffers.queues.iter().filter(|place| narrow && place.step == step && place.until > self.now) {
            buffers.recalled.push((place.ticket, Recall::Sooner(place.until - self.now)));
        }
        buffers.queues.retain(|place| place.step != step);
        self.recall();
        self.promote(step);
        if Buffering::of(self.plan.fault(step)).is_none() {
            return;
        }
        for ticket in self.buffers_of(step) {
            self.empty(step, ticket);
        }
        let demands = |active: &super::Active| {
            matches!(active.treatment, Treatment::Reorder(_))
                && Buffering::of(self.plan.fault(active.step)).is_some_and(|how| how.release == Release::Demand)
        };
        self.network.buffers.polled = self.network.active.iter().any(demands);
    }

    /// Some messages need not wait any longer, or are lost: the message that is sent now pushed them out of a full queue, or a step
    /// that held them up has ended.
    pub(super) fn recall(&mut self) {
        if self.network.buffers.recalled.is_empty() {
            return;
        }
        let mut recalled = std::mem::take(&mut self.network.buffers.recalled);
        for (ticket, recall) in &recalled {
            let Some(at) = self.network.buffers.position(*ticket) else { continue };
            let (now, parcel) = (self.now, &mut self.network.buffers.parcels[at]);
            match (*recall, self.about.transport) {
                (Recall::Lost, Transport::Datagram) => self.lose_parcel(at),
                (Recall::Lost, Transport::Stream) => parcel.own = parcel.own.max(now + SENT_AGAIN),
                (Recall::Sooner(by), Transport::Stream) => parcel.own -= by,
                (Recall::Sooner(by), Transport::Datagram) => {
                    let due = parcel.due - by;
                    self.move_parcel(at, due);
                }
            }
        }
        if self.about.transport == Transport::Stream {
            let place =
                |ticket| self.network.buffers.position(ticket).map(|at| self.network.buffers.parcels[at].stream());
            let mut streams: Vec<_> = recalled.iter().filter_map(|(ticket, _)| place(*ticket)).collect();
            streams.sort_unstable();
            streams.dedup();
            streams.into_iter().for_each(|stream| self.line_up(stream));
        }
        recalled.clear();
        self.network.buffers.recalled = recalled;
    }

    fn lose_parcel(&mut self, at: usize) {
        let parcel = self.network.buffers.parcels.remove(at);
        let Event::Deliver { slot, .. } = parcel.delivery else { unreachable!("a parcel is delivered") };
        self.messages.take(slot);
        self.note(Some(parcel.to), |_| What::Lost { from: number(parcel.from), kind: N::KINDS[parcel.kind] });
    }

    /// A parcel is due at another time.
    fn move_parcel(&mut self, at: usize, due: u64) {
        let parcel = &mut self.network.buffers.parcels[at];
        let (ticket, sooner) = (parcel.ticket, due < parcel.due);
        parcel.due = due;
        let is_it =
            |entry: &&mut (usize, u64, Event)| matches!(entry.2, Event::Parcel { ticket: other } if other == ticket);
        match self.network.held.iter_mut().find(is_it) {
            Some((_, held_due, _)) => *held_due = due,
            // Whoever looks at it too early looks again.
            None if sooner => self.queue.push(due, Event::Parcel { ticket }),
            None => {}
        }
    }

    /// All parcels of a stream arrive as soon as they can without overtaking each other: on a stream, all that is sent while a
    /// queue is limited is a parcel, so that whatever follows one can move with it.
    fn line_up(&mut self, stream: (usize, usize, u16)) {
        let mut last = None;
        for at in 0..self.network.buffers.parcels.len() {
            let parcel = self.network.buffers.parcels[at];
            if parcel.stream() == stream {
                let due = parcel.own.max(last.unwrap_or(parcel.floor) + 1);
                last = Some(due);
                self.move_parcel(at, due);
            }
        }
        let (from, to, session) = stream;
        if session == self.network.session(from, to) {
            let link = self.network.link(from, to);
            self.network.last[link] = last.unwrap_or(self.network.last[link]);
        }
    }
}
