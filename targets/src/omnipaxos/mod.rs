//! The crate `omnipaxos` 0.2.0, as published, under Murphy.
//!
//! Its own promise is that no two nodes decide different entries at one index. In this release they do: a follower whose
//! log is shorter than that of the highest promise can meet a change of leader (the crate's pull request 112, fixed in
//! 0.2.4). The fixed release is the control, under `targets/controls`, with the same harness and another `api.rs`.

mod api;
mod harness;

pub use harness::{Answer, OmniNode, OmniPaxosTarget};
