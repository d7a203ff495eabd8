//! The crate `omnipaxos` 0.2.4 under the harness of the buggy release 0.2.0. It must never be blamed.

mod api;
#[path = "../../../src/omnipaxos/harness.rs"]
mod harness;

pub use harness::{Answer, OmniNode, OmniPaxosTarget};
