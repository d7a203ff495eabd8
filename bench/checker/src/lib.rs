//! The same histories for Murphy's checker and for porcupine-rs.

pub mod allocations;
pub mod histories;
pub mod porcupine;
