//! The crate `redb` 4.4.0 under the harness of the buggy release 4.1.0. It must never be blamed.

mod api;
#[path = "../../../src/redb/backend.rs"]
mod backend;
#[path = "../../../src/redb/harness.rs"]
mod harness;

pub use harness::{Answer, RedbNode, RedbTarget};
