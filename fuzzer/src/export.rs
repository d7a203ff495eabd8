//! A run in the forms of other tools. Each form is a function of the run and what is known of its finding; nothing here touches files.

pub(crate) mod archive;
pub(crate) mod chrome;
pub(crate) mod dot;
pub(crate) mod jepsen;
mod plots;
pub(crate) mod shiviz;
mod timeline;

use std::fmt::{self, Display};

use murphy_checker::history::{NodeId, Process};
use murphy_sim::{Outcome, TraceEvent, What};

/// Where an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    /// Steps, and what is nobody's.
    World,
    Node(NodeId),
    Client(Process),
}

impl Host {
    fn of(outcome: &Outcome, event: &TraceEvent) -> Self {
        match (event.node, &event.what) {
            (Some(node), _) => Self::Node(node),
            (None, What::Invoke(op) | What::Ask(op) | What::Answer(op) | What::Complete(op)) => {
                Self::Client(outcome.history.operation(*op).process)
            }
            (None, _) => Self::World,
        }
    }
}

impl Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World => write!(f, "world"),
            Self::Node(node) => write!(f, "n{node}"),
            Self::Client(process) => write!(f, "p{process}"),
        }
    }
}
