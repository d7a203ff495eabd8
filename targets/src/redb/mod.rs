//! The crate `redb` 4.1.0, as published, under Murphy: an embedded database under power loss.
//!
//! Its promise is that what was committed is there after a crash, whenever it falls. In this release a crash while the file
//! grows can leave a database that cannot be opened any more: the new length is not durable before the header that speaks of it
//! (the crate's commit fd82cedb, fixed in 4.2.0). The fixed release is the control, under `targets/controls`, with the same harness
//! and another `api.rs`.

mod api;
mod backend;
mod harness;

pub use harness::{Answer, RedbNode, RedbTarget};
