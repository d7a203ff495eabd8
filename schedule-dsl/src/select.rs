//! Whom a step strikes: nodes by number, by role, as a set, and links between them.

use crate::name::Name;

/// The largest number of nodes that a schedule can name.
pub const NODES_MAX: u8 = 16;

/// Which nodes. Resolved when the step begins; a selector that finds nobody makes the step a no-op.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nodes {
    /// Every node.
    #[default]
    All,
    /// The node of this number, from 1; wraps into the size of the cluster.
    Node(u8),
    /// Whoever holds this role; among several, who took it last.
    Role(Name),
    /// Who held this role before the present holder did.
    Previous(Name),
    /// The nodes whose bits are set; bit 0 is node 1.
    Set(u16),
    /// The smallest majority, counted from this node on (0: from node 1).
    Majority(u8),
    /// The largest minority, counted from this node on (0: from node 1).
    Minority(u8),
    /// Everybody whom the step's other selectors do not name.
    Rest,
    /// The largest number of nodes below a third, but at least one, counted from this node on (0: from node 1).
    MinorityThird(u8),
    /// Everybody who holds, or believes to hold, the first role that the target declares: its leaders.
    Primaries,
    /// One node, drawn.
    One,
    /// Some nodes, at least one, drawn.
    Some,
    /// Half of the nodes, rounded down, drawn.
    Half,
    /// The nodes of a group or a data centre that the schedule declares, or of one kind of process.
    Group(Name),
    /// Who has come furthest, of those that report their progress.
    MostUpToDate,
    /// Who has come least far, of those that report their progress.
    LeastUpToDate,
    /// The voter with the largest number.
    LastVoter,
}

/// The links from some nodes to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The senders.
    pub from: Nodes,
    /// The receivers.
    pub to: Nodes,
}

impl Link {
    /// Every link.
    pub const ALL: Self = Self { from: Nodes::All, to: Nodes::All };
}
