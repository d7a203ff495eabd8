//! What the world does to a system under a schedule: one module for each of its promises.
//!
//! The systems are probes: nodes of a few lines whose every message and write a test can count. Schedules are text.

mod clients;
mod crashes;
mod effects;
mod network;
mod pauses;
mod phases;
mod probe;
mod randomness;
mod selectors;
mod streams;
mod triggers;
mod verdicts;
