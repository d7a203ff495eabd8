//! What a process of the system under test is: a function of its inputs.
//!
//! A node has no socket, no clock and no randomness of its own. Everything that can happen to it is an [`Input`];
//! everything it can do is a method of [`Context`].

use std::fmt::{self, Debug};

use thiserror::Error;

use crate::{codec::Codec, context::Context, invariant::Capture, state::StateView};

pub use murphy_checker::history::NodeId;

/// One process of the system under test.
pub trait Node: Sized + 'static {
    /// What nodes say to each other. Foreign types are welcome: nothing of ours is asked of it.
    type Message: Clone + Debug + 'static;
    /// What clients ask.
    type Request: Clone + Debug + 'static;
    /// What clients hear.
    type Response: Clone + Debug + 'static;
    /// Names of the kinds of messages, as schedules and traces spell them. Empty: nodes say nothing to each other, and random schedules
    /// have no faults of the network.
    const KINDS: &'static [&'static str];

    /// How messages are written to a wire. `None`: nobody knows, so what corruption touches is lost, as if a checksum had caught
    /// it.
    const CODEC: Option<Codec<Self::Message>> = None;

    /// Index into [`Self::KINDS`].
    fn kind(message: &Self::Message) -> usize;

    /// How many bytes a message takes on the wire, for faults that depend on it: as many as its encoding has, or 100.
    fn size(message: &Self::Message) -> usize {
        Self::CODEC.map_or(100, |codec| (codec.encode)(message).len())
    }

    /// Reacts to `input`. What it asks of `cx` takes effect in program order, and a crash may fall between any two effects.
    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>);

    /// Describes the node's state for guidance: its role, how far it is, small facts.
    fn inspect(&self, view: &mut StateView);

    /// What [invariants](crate::Target::invariants) can speak of: the fields of this node. It is an object called `n1` or so, in the
    /// groups of its kind and its role.
    fn expose(&self, state: &mut Capture<'_>) {
        let _ = state;
    }

    /// A deep copy: nothing that either of the two does may show in the other. With it, a run can be resumed from a moment
    /// in its middle, which is several times as fast as to run all of it. `None`: the node cannot be copied, and schedules
    /// always run from their start.
    fn fork(&self) -> Option<Self> {
        None
    }
}

/// Everything that can happen to a running node. Starting is [`crate::Target::start`].
///
/// More can happen in a later version, so a `match` ends in `_ => {}`.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Input<N: Node> {
    /// A message arrived.
    Message {
        /// Who sent it.
        from: NodeId,
        /// What it says.
        message: N::Message,
    },
    /// A client asks.
    Request {
        /// The same for every retry of one operation.
        id: RequestId,
        /// Where the answer goes.
        reply: ReplyTo,
        /// What is asked.
        request: N::Request,
    },
    /// A timer that this incarnation set went off.
    Timer(Timer),
    /// What was written to a file before a [`sync_later`](Context::sync_later) is durable.
    Synced {
        /// The file.
        file: File,
    },
    /// The session with a peer broke or was made again. Only with [`crate::Transport::Stream`].
    Link {
        /// The other end.
        peer: NodeId,
        /// Made again, rather than broken.
        up: bool,
    },
    /// The wall clock was moved, as a runtime reports it: how far, a node sees by what [`Context::wall`] and [`Context::mono`] say.
    /// That a clock runs fast or slow, nobody reports.
    ClockChanged,
    /// The process is asked to stop, as by SIGTERM. It may take leave of its peers and then [`Context::exit`]; when its time is up it is
    /// killed.
    Stop,
}

/// The identity of an operation across its retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The client: the number of its process in the history. One that has to leave an operation's outcome open comes back as another,
    /// as one does that starts again. The operator has the largest number.
    pub client: u64,
    /// Which of its operations. Not consecutive.
    pub seq: u64,
}

/// Where an answer goes. It fits into a log entry, and is void after a crash and on every other node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyTo(pub u64);

/// A timer of a node, by a number of the node's choosing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timer(pub u32);

/// A file on a node's disk, by name. What stands before the last `/` is the disk it is on, if a node has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct File(pub &'static str);

/// Why the disk refused, as the operating system would say it. A target answers it as it would in production.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskError {
    /// The device failed.
    Io,
    /// No space is left.
    NoSpace,
    /// The file system is read-only.
    ReadOnly,
    /// The call was interrupted and did nothing; worth trying again.
    Interrupted,
    /// There is no such file.
    Missing,
    /// What was read is not what was written: its checksum is wrong.
    Corrupt,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io => "input or output failed (EIO)",
            Self::NoSpace => "no space is left (ENOSPC)",
            Self::ReadOnly => "the file system is read-only (EROFS)",
            Self::Interrupted => "the call was interrupted (EINTR)",
            Self::Missing => "there is no such file (ENOENT)",
            Self::Corrupt => "the checksum of what was read is wrong",
        })
    }
}

impl std::error::Error for DiskError {}

/// Why an allocation failed: it has no effect. A target answers it as it would in production.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("out of memory: {wanted} bytes are wanted and {left} are left (ENOMEM)")]
pub struct OutOfMemory {
    /// How many bytes more the node wanted.
    pub wanted: u64,
    /// How many it could have had.
    pub left: u64,
}
