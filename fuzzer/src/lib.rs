//! Murphy: a coverage-guided fuzzer over fault schedules for distributed systems.
//!
//! Implement [`Node`] and [`Target`] for your system, and `fn main() { murphy::cli(murphy::targets![MySystem]) }` is the
//! whole command over it.

#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod engine;
pub mod entry;
pub mod finding;
mod harness;
mod kit;
#[cfg(feature = "cli")]
mod known;
pub mod minimize;
mod picture;
pub mod source;

#[cfg(feature = "cli")]
pub use cli::cli;
pub use harness::{Harness, HarnessError};
pub use kit::{Check, Report, check};
pub use murphy_sim::*;

/// The targets of a binary: `targets![MyKv, MyQueue]`.
#[macro_export]
macro_rules! targets {
    ($($target:expr),* $(,)?) => {
        vec![$(Box::new($crate::Shared::new($target)) as Box<dyn $crate::AnyTarget>),*]
    };
}
