//! The deterministic world in which a system runs under a schedule of faults.
//!
//! A user implements [`Node`] and [`Target`]; [`Runner`] runs a schedule and gives an [`Outcome`]: a history, a verdict,
//! what the run visited, and a hash of everything that happened. A run is a pure function of program, target and schedule:
//! nothing here reads a clock, spawns a thread, or draws from a stream that another draw could shift.
//!
//! Nothing in this crate judges a history; it feeds observers that a target names.

#[macro_use]
mod clone;
pub mod address;
mod causality;
mod client;
mod clock;
mod codec;
mod context;
mod core;
mod disk;
mod distribution;
mod draw;
pub mod echo;
mod files;
mod hooks;
mod inject;
mod invariants;
mod limits;
pub mod marks;
mod network;
mod node;
mod operator;
mod outbox;
mod panics;
mod queue;
mod recovery;
mod run;
mod select;
mod snapshot;
mod state;
mod target;
mod telemetry;
mod trace;
mod workload;

#[doc(hidden)]
pub use linkme;

pub use causality::{Clock, Clocks, Met, happened_before};
pub use codec::{Codec, CodecError};
pub use context::Context;
pub use disk::{FileCodec, Layout, records_in};
pub use draw::Keying;
pub use hooks::{Happening, Hooked, Hooks};
pub use inject::{StepReport, Struck};
pub use limits::Limit;
pub use node::{DiskError, File, Input, Node, NodeId, OutOfMemory, ReplyTo, RequestId, Timer};
pub use run::{AnyTarget, Options, Outcome, Run, Runner, Shared, resolve, workload_of};
pub use snapshot::{Refused, Snapshot};
pub use state::{Condition, Grain, Moment, RANKS_MAX, Signals, StateView};
pub use target::{About, Boot, Bug, Cluster, Promise, Property, Quota, Target, Transport, vocabulary};
pub use trace::{Chance, TraceEvent, What};

/// What must hold, and how a node says what it is: see [`Target::invariants`] and [`Node::expose`].
pub use murphy_checker::invariant::{self, Capture, Datum, Invariant};
/// What [`Hooks`] are told.
pub use murphy_schedule::{Edge, FaultKind, Side};

/// What [`Operations`] are made of.
pub use murphy_checker::{
    history::{Call, Completion, OpId, Process, Value, Values},
    observer::Observer,
    verdict::{Anomaly, Budget, Class, Evidence, Verdict},
};
/// What an operator can ask of a system: see [`Target::admin`].
pub use murphy_schedule::field::Change;
pub use workload::{
    Asked, Counter, CounterOp, Cycle, CycleOp, First, LastReads, ListAppend, ListAppendPart, Lock, LockOp, Map, MapOp,
    Operations, Reads, Register, RegisterOp, Retry, Routing, Set, SetOp, Slot, Strategy, Workload, WorkloadAbout,
};
