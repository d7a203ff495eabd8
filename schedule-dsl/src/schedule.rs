//! A schedule and its steps: when, what, how long.
//!
//! A step's beginning and end are one entry, so that removing a step never leaves a fault unhealed. Steps refer to each
//! other by id, never by position; steps that begin at one moment do so in the order of their content.

use crate::{
    fault::Fault,
    field::{Percent, Size, Span},
    name::Name,
    select::{Link, Nodes},
};

/// The most steps a schedule can hold.
pub const STEPS_MAX: usize = 128;

/// A step's number, by which other steps refer to it; 0 means that nobody does.
pub type StepId = u8;

/// A seed, the shape of the run, and what goes wrong in it. Of two steps with one id, the lesser in order owns it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// All but the steps.
    pub header: Header,
    /// What goes wrong; at most [`STEPS_MAX`].
    pub steps: Vec<Step>,
}

/// The seed, the cluster's shape, the workload's knobs and the phases. Zero means the target's default throughout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Header {
    /// Fixes every draw of the run.
    pub seed: u64,
    /// Nodes in the cluster, up to [`crate::select::NODES_MAX`]; taken into the target's range.
    pub nodes: u8,
    /// Client lanes, up to 15.
    pub clients: u8,
    /// Objects that the workload touches, up to 63.
    pub keys: u8,
    /// Operation slots over all lanes, up to 65,534; `None` is the target's default.
    pub ops: Option<u16>,
    /// Operations per second over all lanes; 0 spreads the slots over the chaos phase.
    pub rate: u16,
    /// Which workload of the target clients run; [`Name::ANY`]: the seed chooses.
    pub workload: Name,
    /// Relative weights of the workload's functions; all zero is the workload's own mix.
    pub mix: [u8; 8],
    /// Length of the phase in which faults strike, in units of 10 ms.
    pub chaos: u16,
    /// Length of the phase after healing in which the system recovers and no operation begins, in units of 10 ms.
    pub heal: u16,
    /// Length of the phase of final reads, in units of 10 ms.
    pub settle: u16,
    /// Largest extra latency of a message, in units of 10 µs, drawn uniformly for each.
    pub jitter: u16,
    /// Share of messages between nodes that are lost, in units of 0.01 %, up to 10,000.
    pub loss: u16,
    /// Share of messages between nodes that arrive twice, in units of 0.01 %, up to 10,000.
    pub duplication: u16,
    /// In the chaos phase, faults strike for so long at a time, in units of 10 ms; 0: all the time.
    pub active: u16,
    /// Then all is healed and nothing strikes for so long, in units of 10 ms.
    pub calm: u16,
    /// Whether steps beyond what the target promises to bear are void.
    pub budget: Budget,
    /// How many of the groups are data centres: the first ones, up to [`DCS_MAX`].
    pub dcs: u8,
    /// Groups of nodes; those without a name do not exist, unless they are data centres.
    pub groups: [Group; GROUPS_MAX],
    /// Least latency within a data centre, one way; 0: the world's own.
    pub within: Span<0>,
    /// Least latency between data centres, one way; 0: the world's own.
    pub between: Span<0>,
    /// Least latencies between pairs of data centres, one way: first and second, first and third, …, fourth and fifth; 0: as
    /// between any.
    pub latencies: [Span<0>; PAIRS],
    /// Which share of a core every node has; 0: all of it.
    pub cpu: Percent<0>,
    /// Memory of every node; 0: without limit.
    pub memory: Size<false>,
    /// Size of every node's disk; 0: without limit.
    pub disk: Size<false>,
}

/// The most groups and data centres that a schedule can declare.
pub const GROUPS_MAX: usize = 8;
/// The most data centres that a schedule can declare.
pub const DCS_MAX: usize = 5;
/// How many pairs the data centres form.
pub const PAIRS: usize = DCS_MAX * (DCS_MAX - 1) / 2;

/// A named set of nodes. A data centre without a name goes by `dc1`, `dc2`, …, and one without members has an equal share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// Its name.
    pub name: Name,
    /// The nodes whose bits are set; bit 0 is node 1.
    pub members: u16,
}

/// Whether steps beyond what the target promises to bear are void.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Budget {
    /// They are.
    #[default]
    Promised,
    /// They strike all the same, and what comes of it is reported.
    Off,
}

impl Header {
    /// Where the latency between two data centres, counted from 0, stands among the pairs; `None` if they are the same.
    pub fn pair(a: usize, b: usize) -> Option<usize> {
        let (low, high) = (a.min(b), a.max(b));
        (low < high && high < DCS_MAX).then(|| low * (2 * DCS_MAX - low - 1) / 2 + high - low - 1)
    }
}

/// One entry of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// When it begins.
    pub when: When,
    /// What it does.
    pub fault: Fault,
    /// When its effect ends. Always [`Lasts::Healed`] for faults that have no length.
    pub lasts: Lasts,
    /// By which other steps refer to it; 0: none does.
    pub id: StepId,
    /// Whether it begins more than once.
    pub again: Again,
}

/// How often a step begins again, and when. A beginning that is due while the step still lasts is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Again {
    /// How many more times.
    pub times: u8,
    /// The time between two beginnings in microseconds; 0: at the next occurrence of its fact, or else when it has ended.
    pub every: u32,
    /// Whether that is only the mean of a time drawn between zero and twice as much.
    pub about: bool,
}

impl Again {
    /// It begins once.
    pub const NEVER: Self = Self { times: 0, every: 0, about: false };

    /// The same, without what means nothing.
    pub(crate) fn normal(self) -> Self {
        if self.times == 0 { Self::NEVER } else { Self { about: self.about && self.every > 0, ..self } }
    }
}

/// The beginning or the end of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edge {
    /// The moment it begins.
    #[default]
    Begins,
    /// The moment it ends; a step without length ends as it begins.
    Ends,
}

/// Just before or just after a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Once it has taken effect.
    #[default]
    After,
    /// Before it takes effect; a crash then prevents it.
    Before,
}

/// When a step begins. Delays are in microseconds of virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// This long after the start of the run.
    At(u32),
    /// A while after another step began or ended.
    Step {
        /// The other step.
        step: StepId,
        /// Which of its ends.
        edge: Edge,
        /// How long after it.
        delay: u32,
    },
    /// Around the n-th occurrence of something observable.
    Fact {
        /// What is awaited.
        fact: Fact,
        /// Before or after it. Always `After` for roles and faults, which are seen when they have been taken or begun.
        side: Side,
        /// Which occurrence, from 1.
        nth: u8,
        /// From when on occurrences count: the edge of a step, or (`None`) the start of the run.
        from: Option<(StepId, Edge)>,
        /// How long after it; 0 is at once, between two effects of whoever causes it.
        delay: u32,
    },
    /// Only when another step activates it.
    Called,
}

/// Something observable that can trigger a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// A message of this kind ([`Name::ANY`]: of any) is sent on a link.
    Send(Name, Link),
    /// A message of this kind is delivered on a link.
    Deliver(Name, Link),
    /// One of these nodes makes its writes durable.
    Sync(Nodes),
    /// One of these nodes writes to a file.
    Write(Nodes),
    /// One of these nodes takes this role.
    Role(Nodes, Name),
    /// A mark of this name is hit.
    Mark(Name),
    /// A client invokes this function ([`Name::ANY`]: any).
    Invoke(Name),
    /// A client hears of the outcome of this function ([`Name::ANY`]: of any).
    Complete(Name),
    /// One of these nodes goes down.
    Stops(Nodes),
    /// One of these nodes starts, the first time not counted.
    Starts(Nodes),
    /// A step whose fault has this keyword begins or ends. Always `After`.
    Fault(Name, Edge),
}

/// How long a step's effect lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lasts {
    /// To the end of the chaos phase, when everything is healed.
    #[default]
    Healed,
    /// This many microseconds.
    For(u32),
    /// A multiple of one of the target's timing constants.
    Constant {
        /// Which constant.
        name: Name,
        /// The multiple, as percent above or below 100: -2 is 0.98 of the constant.
        percent: i8,
    },
    /// That, and another constant.
    Sum {
        /// Which constant.
        name: Name,
        /// The multiple of it, as percent above or below 100.
        percent: i8,
        /// The constant that is added.
        other: Name,
    },
    /// That, without another constant; zero if that is longer.
    Difference {
        /// Which constant.
        name: Name,
        /// The multiple of it, as percent above or below 100.
        percent: i8,
        /// The constant that is taken away.
        other: Name,
    },
    /// Until another step begins or ends; healed if it never does.
    Until(StepId, Edge),
}

impl When {
    /// How long after its trigger a step begins, to be changed; `None` if it has no trigger.
    pub(crate) fn delay_mut(&mut self) -> Option<&mut u32> {
        match self {
            Self::At(delay) | Self::Step { delay, .. } | Self::Fact { delay, .. } => Some(delay),
            Self::Called => None,
        }
    }

    /// The same a while later.
    pub fn later(mut self, by: u32) -> Self {
        if let Some(delay) = self.delay_mut() {
            *delay = delay.saturating_add(by);
        }
        self
    }

    /// The same a while earlier; `None` if there is no such moment.
    pub fn earlier(mut self, by: u32) -> Option<Self> {
        let delay = self.delay_mut()?;
        *delay = delay.checked_sub(by)?;
        Some(self)
    }
}

impl Fact {
    /// Whether a step can begin before it.
    pub fn has_before(self) -> bool {
        !matches!(self, Self::Role(..) | Self::Fault(..))
    }
}

impl Step {
    /// The ids that this step refers to.
    pub fn references(&self) -> impl Iterator<Item = StepId> {
        let when = match self.when {
            When::Step { step, .. } => step,
            When::Fact { from: Some((step, _)), .. } => step,
            When::At(_) | When::Fact { from: None, .. } | When::Called => 0,
        };
        let lasts = if let Lasts::Until(step, _) = self.lasts { step } else { 0 };
        [when, lasts, self.fault.reference()].into_iter().filter(|id| *id != 0)
    }
}
