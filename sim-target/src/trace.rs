//! What a run did: a running hash of every event, and on request the events themselves.

use murphy_checker::history::{NodeId, OpId};

use crate::{draw::fold, node::DiskError};

/// The running hash of a run's events. Equal schedules give equal hashes, in any process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceHash(u64);

impl TraceHash {
    #[inline]
    pub(crate) fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }

    pub(crate) fn value(self) -> u64 {
        fold(self.0, self.0 >> 32)
    }
}

/// The numbers of what is on its way, by the slot that it is kept in. Only while a trace is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    /// The latest number.
    pub(crate) last: u32,
    pub(crate) messages: BySlot,
    pub(crate) requests: BySlot,
    pub(crate) answers: BySlot,
}

impl Numbers {
    pub(crate) fn reset(&mut self) {
        self.last = 0;
        [&mut self.messages, &mut self.requests, &mut self.answers].into_iter().for_each(|slots| slots.0.clear());
    }
}

/// A number for each slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct BySlot(Vec<Option<u32>>);

impl BySlot {
    pub(crate) fn put(&mut self, slot: u32, number: Option<u32>) {
        let at = slot as usize;
        if at >= self.0.len() {
            self.0.resize(at + 1, None);
        }
        self.0[at] = number;
    }

    pub(crate) fn get(&self, slot: u32) -> Option<u32> {
        self.0.get(slot as usize).copied().flatten()
    }
}

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// Virtual time in nanoseconds.
    pub time: u64,
    /// The node at which it happened; `None` for the world and for clients.
    pub node: Option<NodeId>,
    /// What happened.
    pub what: What,
    /// The number of the message, request or answer that is sent or arrives here: the same at both ends, and for each copy.
    pub message: Option<u32>,
}

/// What a rate of loss or repetition, or a latency drawn from a distribution, did to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chance {
    /// Nothing.
    Nothing,
    /// Lost it.
    Lost,
    /// Had it arrive so many nanoseconds later: because it was sent again, or by a drawn latency.
    Late(u64),
    /// Sent a second copy so many nanoseconds after the first.
    Copied(u64),
}

impl What {
    /// Whether an event with the number of a message is that of its receiver, rather than its sender.
    pub fn receives(&self) -> bool {
        matches!(self, Self::Deliver { .. } | Self::Request(_) | Self::Answer(_))
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The node started; the number of earlier starts.
    Start(u32),
    /// The node crashed.
    Crash,
    /// The node was asked to stop.
    Stop,
    /// The node's process ended of itself.
    Exit,
    /// The operator's request for a change reached the node.
    Admin,
    /// A step is void, and why.
    Void(String),
    /// The node's panic counted as a crash.
    FailStop(String),
    /// The node stopped running for a while.
    Pause,
    /// The node runs again.
    Resume,
    /// The node's wall clock was moved by so many nanoseconds.
    Clock(i64),
    /// The node sent a message.
    Send {
        /// To whom.
        to: NodeId,
        /// Of which kind.
        kind: &'static str,
        /// What it says.
        text: String,
        /// When it arrives, in nanoseconds; `None`: it is lost.
        arrives: Option<u64>,
        /// What chance did to it.
        chance: Chance,
    },
    /// The node got a message.
    Deliver {
        /// From whom.
        from: NodeId,
        /// Of which kind.
        kind: &'static str,
        /// What it says.
        text: String,
    },
    /// A message reached nobody: its session was broken or the node was down.
    Lost {
        /// From whom.
        from: NodeId,
        /// Of which kind.
        kind: &'static str,
    },
    /// A timer of the node went off.
    Timer(u32),
    /// The session with a peer broke or was made again.
    Link {
        /// The other end.
        peer: NodeId,
        /// Made again, rather than broken.
        up: bool,
    },
    /// The node took a role.
    Role(&'static str),
    /// The node wrote to a file.
    Write(&'static str),
    /// The node made a file durable.
    Sync(&'static str),
    /// The disk refused a call.
    Refused {
        /// About which file; `/` is the directory.
        file: &'static str,
        /// Why.
        error: DiskError,
    },
    /// The node's memory did not suffice.
    OutOfMemory {
        /// How many bytes more it wanted.
        wanted: u64,
        /// How many it could have had.
        left: u64,
    },
    /// The node reported a value on which all must agree.
    Agree {
        /// On what.
        what: &'static str,
        /// Under which key.
        key: u64,
        /// The value.
        value: u64,
    },
    /// The node logged a line.
    Log(String),
    /// Something happened within the node.
    Event {
        /// What.
        name: &'static str,
        /// With which value.
        value: u64,
    },
    /// The node took a rare branch, which this step has switched on.
    Branch(String),
    /// The node said something through `tracing`.
    Telemetry {
        /// How important it is: `INFO`.
        level: &'static str,
        /// The module that said it, or what it named instead.
        target: String,
        /// The spans that it was in, outermost first: `append{term=3}:write`.
        within: String,
        /// What it said.
        message: String,
        /// The rest: `index=7 term=3`.
        fields: String,
    },
    /// A span of `tracing` began or ended.
    Span {
        /// Its name.
        name: &'static str,
        /// Its fields: `index=7 term=3`.
        fields: String,
        /// Began, rather than ended.
        opens: bool,
    },
    /// A client invoked an operation.
    Invoke(OpId),
    /// A client asked a node, the first time or once more.
    Ask(OpId),
    /// A client's request reached the node.
    Request(OpId),
    /// The node answered a request: with a result, a refusal, or "not me".
    Reply(OpId),
    /// An answer reached its client, who waited for it.
    Answer(OpId),
    /// An operation completed.
    Complete(OpId),
    /// A step of the schedule began, in its text form.
    Begin(String),
    /// A step ended.
    End(String),
    /// All faults were healed; from here on nothing goes wrong.
    Heal,
    /// Clients read every object a last time.
    Settle,
}
