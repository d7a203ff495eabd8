//! Pressure on processors and memory, and tasks that are held where they let others run.
//!
//! A handler usually takes no time. While others use its node's core, or the header gives the node less than a whole one, it takes
//! [`HANDLER`] of a core, and this and what it says that it takes ([`Context::spend`]) last longer, the less is left of the core.
//! Others never leave it less than an equal part, as a fair scheduler has it. What lasts longer because of steps does so only while
//! faults strike: whoever is held then goes on.
//!
//! Memory is what nodes say that they hold ([`Context::allocate`]).
//!
//! [`Context::spend`]: crate::Context::spend
//! [`Context::allocate`]: crate::Context::allocate

use murphy_schedule::{Nodes, field::Distribution};

use crate::{
    core::Core,
    distribution::sample,
    draw::{Purpose, SLOT, below, mix},
    node::{Node, OutOfMemory},
    outbox::Deed,
    select::members,
    trace::What,
};

/// How long a handler takes of a core if it has to share it, in nanoseconds.
const HANDLER: u64 = 50_000;
/// The memory of a machine of which the header says nothing, if others use a part of it, in bytes.
const MACHINE: u64 = 1_000_000_000;
/// All of something: shares are in units of 0.01 %.
const WHOLE: u64 = 10_000;
const SECOND: u64 = 1_000_000_000;

/// What a lasting step takes from its victims.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pressure {
    /// Others run so many threads, each of which wants a share of a core.
    Processor { share: u64, threads: u64 },
    /// The node can hold so many bytes, and others use a share of its machine's memory.
    Memory { limit: u64, share: u64 },
    /// Others use so many bytes more each second, from a moment on.
    Leak { rate: u64, since: u64 },
    /// Tasks are held for so long at a share of the points where they let others run.
    Yield { share: u64, takes: Distribution },
}

/// A lasting step that is in force on some nodes.
#[derive(Clone, Copy, Debug)]
struct Active {
    step: usize,
    victims: u16,
    pressure: Pressure,
    salt: u64,
    /// For each node: the present slot of time, and how many points it came to in it.
    counts: [(u64, u32); 16],
}

impl Active {
    /// How many threads of others use the core of a node, and how much of it they want.
    fn load(&self, me: usize) -> Option<(u64, u64)> {
        match self.pressure {
            Pressure::Processor { share, threads } if share > 0 && self.strikes(me) => Some((threads, share * threads)),
            _ => None,
        }
    }

    fn strikes(&self, me: usize) -> bool {
        self.victims & (1 << me) != 0
    }

    fn takes_time(&self) -> bool {
        matches!(self.pressure, Pressure::Processor { .. } | Pressure::Yield { .. })
    }
}

/// The pressure that nodes are under.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    active: Vec<Active>,
    /// Nodes whose handlers can take longer than they say, as bits.
    pressed: u16,
    /// Those of them for which it is so throughout.
    always: u16,
    /// A node has allocated memory.
    pub(crate) allocated: bool,
}

clone_fields!(Resources { active, pressed, always, allocated });

impl Resources {
    /// No steps are in force; `always`: no node has a whole core.
    pub(crate) fn reset(&mut self, always: bool) {
        self.active.clear();
        self.always = if always { u16::MAX } else { 0 };
        self.allocated = false;
        self.refresh();
    }

    fn refresh(&mut self) {
        let slow = self.active.iter().filter(|active| active.takes_time());
        self.pressed = slow.fold(self.always, |set, active| set | active.victims);
    }

    /// What a step takes it gives back.
    pub(super) fn end(&mut self, step: usize) {
        self.active.retain(|active| active.step != step);
        self.refresh();
    }

    /// Whether no step takes anything.
    pub(crate) fn are_free(&self) -> bool {
        self.active.is_empty()
    }
}

impl<N: Node> Core<N> {
    /// Whether handlers of a node can take longer than they say.
    #[inline]
    pub(crate) fn is_pressed(&self, me: usize) -> bool {
        self.resources.pressed & (1 << me) != 0
    }

    /// A lasting step begins to put its victims under pressure.
    pub(super) fn press(&mut self, at: usize, victims: Nodes, pressure: Pressure) {
        let victims = self.select(at, victims, 0);
        self.remember(at, victims, 0);
        members(victims).for_each(|node| self.struck(self.plan.steps[at].tag(), node));
        let salt = self.plan.occasion(at).into();
        self.resources.active.push(Active { step: at, victims, pressure, salt, counts: [(0, 0); 16] });
        self.resources.refresh();
    }

    /// A handler of a node under pressure begins.
    pub(crate) fn begin_pressed(&mut self, me: usize) {
        let alone = self.on_its_core(HANDLER);
        let own = if self.core_share() < WHOLE { alone } else { 0 };
        self.spend(me, own);
        self.contend(me, alone, own);
        self.come_to_point(me);
    }

    /// The running handler of a node does what takes so many nanoseconds of a whole core.
    pub(crate) fn work(&mut self, me: usize, nanos: u64) {
        if !self.is_pressed(me) {
            return self.spend(me, nanos);
        }
        let own = self.on_its_core(nanos);
        self.spend(me, own);
        self.contend(me, own, own);
    }

    /// What share of a core each node has.
    fn core_share(&self) -> u64 {
        match self.header.cpu.0 {
            0 => WHOLE,
            share => share.into(),
        }
    }

    /// How long something takes that takes so long on a whole core, if nobody else wants the node's.
    fn on_its_core(&self, nanos: u64) -> u64 {
        scaled(nanos, WHOLE, self.core_share())
    }

    /// Something that takes so long if nobody else wants the core takes longer now, beyond what it has taken already.
    fn contend(&mut self, me: usize, alone: u64, taken: u64) {
        let loads = self.resources.active.iter().filter_map(|active| active.load(me));
        let (threads, wanted) = loads.fold((0, 0), |(threads, wanted), load| (threads + load.0, wanted + load.1));
        if threads == 0 || !self.hold_back(me, shared(alone, threads, wanted) - taken) {
            return;
        }
        for active in self.resources.active.iter().filter(|active| active.load(me).is_some()) {
            self.plan.steps[active.step].effects += 1;
        }
    }

    /// A task of a node comes to a point where it lets others run. Steps that hold it there have it go on later.
    pub(crate) fn come_to_point(&mut self, me: usize) {
        if !self.alive(me) {
            return;
        }
        for at in 0..self.resources.active.len() {
            let Some(drawn) = self.drawn_hold(at, me) else { continue };
            let held = self.hold_back(me, drawn);
            self.plan.steps[self.resources.active[at].step].effects += u32::from(held);
        }
    }

    /// For how long a step holds the task that has come to a point, if it does.
    fn drawn_hold(&mut self, at: usize, me: usize) -> Option<u64> {
        let (slot, epoch) = (self.now / SLOT, self.network.node_epoch(me));
        let active = &mut self.resources.active[at];
        let Pressure::Yield { share, takes } = active.pressure else { return None };
        if !active.strikes(me) {
            return None;
        }
        let (known, count) = &mut active.counts[me];
        *count = if *known == slot { *count + 1 } else { 1 };
        *known = slot;
        let key = [active.salt, me as u64, epoch, slot, (*count).into()];
        let draw = mix(self.header.seed, Purpose::Yield, key);
        (below(draw, WHOLE) < share).then(|| sample(takes, mix(draw, Purpose::Yield, [])))
    }

    /// The running handler of a node is held for so many nanoseconds, as far as faults strike then. Returns whether it is.
    pub(super) fn hold_back(&mut self, me: usize, nanos: u64) -> bool {
        let held = self.while_faults_strike(self.time_at(me), nanos);
        if held == 0 || !self.alive(me) {
            return false;
        }
        self.put_off(me, Deed::Hold(held));
        self.hosts[me].outbox.fall_behind(held);
        true
    }

    /// How many of so many nanoseconds from a moment on pass before the chaos phase, or its part without calm, is over.
    pub(crate) fn while_faults_strike(&self, from: u64, nanos: u64) -> u64 {
        let lengths = [self.header.chaos, self.header.active, self.header.calm];
        let [chaos, active, calm] = lengths.map(|length| u64::from(length) * 10_000_000);
        let divided = active > 0 && calm > 0;
        let end = if divided { chaos.min(from - from % (active + calm) + active) } else { chaos };
        nanos.min(end.saturating_sub(from))
    }

    /// A node takes memory, if there is so much.
    pub(crate) fn allocate(&mut self, me: usize, bytes: u64) -> Result<(), OutOfMemory> {
        self.resources.allocated = true;
        if !self.alive(me) {
            return Ok(());
        }
        let held = self.hosts[me].memory;
        let left = self.most_memory(me, 0).saturating_sub(held);
        if bytes > left {
            self.blame_for_memory(me, held.saturating_add(bytes));
            self.note(Some(me), |_| What::OutOfMemory { wanted: bytes, left });
            return Err(OutOfMemory { wanted: bytes, left });
        }
        self.hosts[me].memory += bytes;
        Ok(())
    }

    /// A node gives memory back.
    pub(crate) fn free(&mut self, me: usize, bytes: u64) {
        if !self.alive(me) {
            return;
        }
        let held = self.hosts[me].memory;
        assert!(bytes <= held, "n{} frees {bytes} bytes and holds {held}", me + 1);
        self.hosts[me].memory = held - bytes;
    }

    /// How many bytes a node can hold at most. Of the steps in force those at places that are bits of `without` do not count.
    fn most_memory(&self, me: usize, without: u128) -> u64 {
        let (machine, mut most) = match self.header.memory.bytes() {
            0 => (MACHINE, u64::MAX),
            bytes => (bytes, bytes),
        };
        let (now, mut used) = (self.time_at(me), 0u64);
        for (at, active) in self.resources.active.iter().enumerate() {
            if !active.strikes(me) || without & 1 << at != 0 {
                continue;
            }
            match active.pressure {
                Pressure::Memory { limit, share } => {
                    most = most.min(limit);
                    used = used.saturating_add(scaled(machine, share, WHOLE));
                }
                Pressure::Leak { rate, since } => used = used.saturating_add(scaled(rate, now - since, SECOND)),
                Pressure::Processor { .. } | Pressure::Yield { .. } => {}
            }
        }
        if used > 0 { most.min(machine.saturating_sub(used)) } else { most }
    }

    /// A node cannot hold so many bytes. Of the steps in force those are to blame that are left when, beginning with the latest, each
    /// is set aside without which it could not either.
    fn blame_for_memory(&mut self, me: usize, wanted: u64) {
        let mut without = 0u128;
        for at in (0..self.resources.active.len()).rev() {
            if self.most_memory(me, without | 1 << at) < wanted {
                without |= 1 << at;
            } else {
                self.plan.steps[self.resources.active[at].step].effects += 1;
            }
        }
    }
}

/// How long something takes that takes so long on a core of one's own, where so many threads of others want so much of it. All that
/// others do not want is left, and at least an equal part.
fn shared(alone: u64, threads: u64, wanted: u64) -> u64 {
    let left = WHOLE.saturating_sub(wanted);
    let equal = threads + 1;
    if left * equal >= WHOLE { scaled(alone, WHOLE, left) } else { alone.saturating_mul(equal) }
}

/// `value * by / of`.
fn scaled(value: u64, by: u64, of: u64) -> u64 {
    let scaled = u128::from(value) * u128::from(by) / u128::from(of);
    scaled.try_into().unwrap_or(u64::MAX)
}
