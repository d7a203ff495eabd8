//! Histories and the judges of them: what clients saw, and whether it is right.
//!
//! Nothing in this crate knows what a fault, a node's program or a schedule is. Its input is a [`history::History`], or
//! its events one by one through an [`observer::Observer`]; its answer is a [`verdict::Verdict`].

pub mod agreement;
pub mod align;
pub mod causal;
pub mod checkers;
mod edn;
pub mod explain;
pub mod family;
pub mod history;
pub mod index;
mod interner;
pub mod invariant;
pub mod linearizability;
pub mod list_append;
pub mod model;
pub mod models;
pub mod observer;
pub mod parts;
pub mod pattern;
pub mod read;
pub mod sequential;
pub mod set;
pub mod transactions;
pub mod verdict;
pub mod write;

#[cfg(test)]
mod testing;
