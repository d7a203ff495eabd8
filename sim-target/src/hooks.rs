//! A user's own eyes in a run: told of each thing before and after it happens, able to count, to look at states and to object.
//!
//! Hooks see the run and cannot change it, but for a violation that ends it. A target without any pays a branch for them.

use murphy_checker::{
    history::{Call, Completion, NodeId, OpId, Value},
    verdict::{Anomaly, Class, Evidence, slug},
};
use murphy_schedule::{Edge, FaultKind, Side};

use crate::{
    core::{Core, number},
    node::Node,
    panics, run,
};

/// What watches runs of a target from within; see [`Target::hooks`](crate::Target::hooks).
///
/// ```
/// use murphy_sim::{Happening, Hooks, Node, Side, What};
///
/// /// No node may send a hundred messages in one run.
/// #[derive(Default)]
/// struct Frugal(u32);
///
/// impl<N: Node> Hooks<N> for Frugal {
///     fn begin(&mut self) {
///         self.0 = 0;
///     }
///     fn on(&mut self, happening: &Happening<'_, N>) -> Result<(), &'static str> {
///         let sent = happening.side == Side::After && matches!(happening.what, murphy_sim::Hooked::Send { .. });
///         self.0 += u32::from(sent);
///         if self.0 < 100 { Ok(()) } else { Err("fewer than a hundred messages") }
///     }
/// }
/// ```
pub trait Hooks<N: Node> {
    /// A run begins. Whatever was kept of the last one must be forgotten here, or equal runs would differ.
    fn begin(&mut self) {}

    /// Something is about to happen or has happened.
    ///
    /// # Errors
    /// The name of what does not hold: a violation of the class `invariant`, which ends the run. A panic ends it as well.
    fn on(&mut self, happening: &Happening<'_, N>) -> Result<(), &'static str>;
}

/// Something that happens in a run.
pub struct Happening<'a, N: Node> {
    /// Virtual time in nanoseconds.
    pub time: u64,
    /// Whether it is about to happen, or has. What a crash or a fault prevents is not about to happen.
    pub side: Side,
    /// Where; `None`: with a client or a fault.
    pub node: Option<NodeId>,
    /// What it is.
    pub what: Hooked<'a, N>,
    /// The node's state around the handling of an input; `None` while its handler runs, which owns it.
    pub state: Option<&'a N>,
}

/// What happens.
pub enum Hooked<'a, N: Node> {
    /// The node sends a message.
    Send {
        /// To whom.
        to: NodeId,
        /// Index into [`Node::KINDS`].
        kind: usize,
        /// What it says.
        message: &'a N::Message,
    },
    /// The node handles a message. What a handler that takes time asks for may still be to come after it.
    Deliver {
        /// From whom.
        from: NodeId,
        /// Index into [`Node::KINDS`].
        kind: usize,
        /// What it says.
        message: &'a N::Message,
    },
    /// The node writes to a file.
    Write {
        /// Its name.
        file: &'static str,
        /// The record.
        bytes: &'a [u8],
    },
    /// The node makes a file durable, or replaces it.
    Sync {
        /// Its name.
        file: &'static str,
    },
    /// A client invokes an operation.
    Invoke {
        /// Which of the history; `None` before it is in there.
        op: Option<OpId>,
        /// What is asked.
        call: Call,
    },
    /// An operation completes.
    Complete {
        /// Which of the history.
        op: OpId,
        /// What was asked.
        call: Call,
        /// How it ended.
        completion: Completion<Value>,
    },
    /// A step of the schedule begins or ends.
    Fault {
        /// Its kind.
        kind: FaultKind,
        /// Which of the two.
        edge: Edge,
    },
    /// The node says that something happened within it: [`Context::event`](crate::Context::event). Only after it did.
    Event {
        /// What.
        name: &'static str,
        /// With which value.
        value: u64,
    },
    /// The node has started, or has handled an input of any sort. Only after it did.
    Handled,
}

impl<N: Node> Clone for Hooked<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N: Node> Copy for Hooked<'_, N> {}

impl<N: Node> Core<N> {
    /// Tells the target's hooks, if it has any.
    #[inline]
    pub(crate) fn intercept(&mut self, side: Side, node: Option<usize>, what: Hooked<'_, N>) {
        if self.hooks.is_some() {
            self.call_hooks(side, node, what, None);
        }
    }

    /// The same, with the node's state.
    #[cold]
    pub(crate) fn call_hooks(&mut self, side: Side, node: Option<usize>, what: Hooked<'_, N>, state: Option<&N>) {
        let Some(hooks) = &mut self.hooks else { return };
        let happening = Happening { time: self.now, side, node: node.map(number), what, state };
        let objection = match panics::catch_again(|| hooks.on(&happening)) {
            Ok(Ok(())) => return,
            Ok(Err(name)) => Anomaly { class: Class::Invariant, name: slug(name).into(), evidence: Evidence::Property },
            Err(panic) => run::panicked(0, panic),
        };
        self.violate(Some(objection));
    }
}
