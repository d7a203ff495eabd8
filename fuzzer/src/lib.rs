//! Murphy: a coverage-guided fuzzer over fault schedules for distributed systems.
//!
//! Implement [`Node`] and [`Target`] for your system, and `fn main() { murphy::cli(murphy::targets![MySystem]) }` is the
//! whole command over it. In a test, [`check`] does a bounded search without it (`default-features = false` leaves out the
//! command and LibAFL).
//!
//! A whole target, a counter that one node keeps on its disk, and that stops when the disk fails:
//!
//! ```
//! use murphy::{About, Boot, Completion, Context, File, Input, Node, Register, RegisterOp, StateView, Target, Workload};
//! use std::collections::BTreeMap;
//!
//! const LOG: File = File("log");
//!
//! struct Keeper {
//!     values: BTreeMap<u32, u64>,
//! }
//!
//! impl Node for Keeper {
//!     type Message = (); // there is nobody to talk to
//!     type Request = RegisterOp;
//!     type Response = Option<u64>;
//!     const KINDS: &'static [&'static str] = &[];
//!
//!     fn kind(_: &()) -> usize {
//!         unreachable!("no message is sent")
//!     }
//!
//!     fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
//!         match input {
//!             Input::Request { reply, request: RegisterOp::Read(key), .. } => {
//!                 cx.reply(reply, self.values.get(&key).copied());
//!             }
//!             Input::Request { reply, request: RegisterOp::Write(key, value), .. } => {
//!                 self.values.insert(key, value);
//!                 cx.append(LOG, &[u64::from(key).to_le_bytes(), value.to_le_bytes()].concat()).expect("fail-stop: the log");
//!                 cx.sync(LOG).expect("fail-stop: the log"); // leave this out, and `check` finds it
//!                 cx.reply(reply, None);
//!             }
//!             Input::Request { reply, .. } => cx.refuse(reply), // no compare-and-set here
//!             _ => {}
//!         }
//!     }
//!
//!     fn inspect(&self, view: &mut StateView) {
//!         view.fact("keys", self.values.len() as u64);
//!     }
//! }
//!
//! struct MyCounter;
//!
//! impl Target for MyCounter {
//!     type Node = Keeper;
//!
//!     fn about(&self) -> About {
//!         About::new("my-counter").nodes(1..=1).fail_stop("fail-stop:")
//!     }
//!
//!     fn start(&self, _: &Boot<'_>, cx: &mut Context<'_, Keeper>) -> Keeper {
//!         let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
//!         let records = cx.records(LOG).expect("fail-stop: the log");
//!         let values = records.iter().map(|record| (number(&record[..8]) as u32, number(&record[8..])));
//!         Keeper { values: values.collect() }
//!     }
//!
//!     fn workloads(&self) -> Vec<Workload<Keeper>> {
//!         vec![Workload::new("register", Register::default(), |op| *op, |_, answer| Completion::Ok(answer))]
//!     }
//! }
//!
//! murphy::check(MyCounter).execs(300).run();
//! ```

mod aside;
#[cfg(feature = "cli")]
mod bench;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod engine;
pub mod entry;
#[cfg(feature = "cli")]
mod export;
pub mod finding;
mod harness;
mod kind;
mod kit;
#[cfg(feature = "cli")]
mod known;
pub mod minimize;
mod picture;
pub mod regression;
pub mod source;
#[cfg(feature = "cli")]
mod svg;
pub mod triage;

#[cfg(feature = "cli")]
pub use cli::cli;
pub use harness::{BadInvariants, Harness, HarnessError};
pub use kit::{Check, Report, check, regress, regress_main};
pub use murphy_checker as checker;
pub use murphy_schedule as schedule;
pub use murphy_sim::*;

/// The targets of a binary: `targets![MyKv, MyQueue]`.
#[macro_export]
macro_rules! targets {
    ($($target:expr),* $(,)?) => {
        vec![$(Box::new($crate::Shared::new($target)) as Box<dyn $crate::AnyTarget>),*]
    };
}
