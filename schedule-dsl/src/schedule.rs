//! A schedule and its steps: when, what, how long.
//!
//! A step's beginning and end are one entry, so that removing a step never leaves a fault unhealed. Steps refer to each
//! other by id, never by position; steps that begin at one moment do so in the order of their content.

use crate::{
    fault::Fault,
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
        /// Before or after it. Always `After` for roles, which are seen when they have been taken.
        side: Side,
        /// Which occurrence, from 1.
        nth: u8,
        /// From when on occurrences count: the edge of a step, or (`None`) the start of the run.
        from: Option<(StepId, Edge)>,
        /// How long after it; 0 is at once, between two effects of whoever causes it.
        delay: u32,
    },
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
    /// Until another step begins or ends; healed if it never does.
    Until(StepId, Edge),
}

impl Step {
    /// The ids that this step refers to.
    pub fn references(&self) -> impl Iterator<Item = StepId> {
        let when = match self.when {
            When::Step { step, .. } => step,
            When::Fact { from: Some((step, _)), .. } => step,
            When::At(_) | When::Fact { from: None, .. } => 0,
        };
        let lasts = match self.lasts {
            Lasts::Until(step, _) => step,
            Lasts::Healed | Lasts::For(_) | Lasts::Constant { .. } => 0,
        };
        [when, lasts].into_iter().filter(|id| *id != 0)
    }
}
