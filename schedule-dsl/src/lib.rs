//! Fault schedules: what goes wrong, when, and for how long. Data only.
//!
//! A [`Schedule`] is a seed, the shape of a cluster and its workload, and a list of [`Step`]s. Any bytes decode to one
//! ([`bytes`]), it prints as text that reads back as the same schedule ([`text`]), it can be drawn at random and mutated
//! ([`mutate`]), and shrunk ([`shrink`]).
//!
//! Every kind of fault is declared once, in [`fault`]; nothing in this crate knows how a fault is carried out.

pub mod build;
pub mod bytes;
pub mod diagnostic;
mod dialect;
pub mod dice;
pub mod document;
mod draw;
pub mod fault;
pub mod field;
pub mod forms;
mod header;
pub mod import;
mod labels;
mod lexer;
pub mod lint;
pub mod mutate;
pub mod name;
pub mod nemesis;
mod phrase;
pub mod schedule;
pub mod select;
pub mod shrink;
pub mod text;
pub mod tree;
mod units;
pub mod vocabulary;

pub use diagnostic::Diagnostic;
pub use dice::Dice;
pub use document::{Comments, Document, speak};
pub use fault::{Fault, FaultKind};
pub use name::Name;
pub use schedule::{Again, Edge, Fact, Header, Lasts, Schedule, Side, Step, StepId, When};
pub use select::{Link, Nodes};
pub use units::print_micros;
pub use vocabulary::Vocabulary;
