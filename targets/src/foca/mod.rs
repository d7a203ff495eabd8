//! The crate `foca` 0.11.0, as published, under Murphy: membership after SWIM.
//!
//! Its own promise is that it may run for good at a small, constant rate of messages. In this release two nodes that each take
//! the other for down answer every message with `TurnUndead`, that one, too, and so without end (the crate's issue 25, fixed in
//! 0.12.0). The fixed release is the control, under `targets/controls`, with the same harness and another `api.rs`.

mod api;
mod harness;
mod wire;
mod workload;

pub use harness::{FocaNode, FocaTarget};
pub use wire::{Id, Packet};
pub use workload::Members;
