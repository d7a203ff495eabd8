//! The systems under test that ship with Murphy: models with planted bugs, and real crates with published ones.
//!
//! Each has its twin: the model without the bug, the fixed release of the crate. A twin must never be blamed.

pub mod omnipaxos;
pub mod raft_kv;
