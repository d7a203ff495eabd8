//! What the world does to a system under a schedule: one module for each of its promises.
//!
//! The systems are probes: nodes of a few lines whose every message and write a test can count. Schedules are text.

mod again;
mod buggify;
mod causality;
mod clients;
mod clocks;
mod connections;
mod crashes;
mod damage;
mod disks;
mod effects;
mod final_reads;
mod handlers;
mod hooks;
mod invariants;
mod limits;
mod liveness;
mod lives;
mod makeup;
mod marks;
mod mixtures;
mod named;
mod network;
mod pauses;
mod phases;
mod probe;
mod queues;
mod randomness;
mod regions;
mod reorder;
mod resources;
mod rules;
mod selectors;
mod shapes;
mod slow_disks;
mod snapshots;
mod states;
mod stops;
mod streams;
mod telemetry;
mod topology;
mod triggers;
mod turns;
mod verdicts;
mod workloads;
