//! The crate `foca` 0.12.0 under the harness of the buggy release 0.11.0. It must never be blamed.

mod api;
#[path = "../../../src/foca/harness.rs"]
mod harness;
#[path = "../../../src/foca/wire.rs"]
mod wire;
#[path = "../../../src/foca/workload.rs"]
mod workload;

pub use harness::{FocaNode, FocaTarget};
pub use wire::{Id, Packet};
pub use workload::Members;
