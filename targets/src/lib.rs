//! The systems under test that ship with Murphy: models with planted bugs, and real crates with published ones.
//!
//! Each has its twin: the model without the bug, the fixed release of the crate. A twin must never be blamed.

pub mod crdt_store;
pub mod cycle;
pub mod echo_nondet;
pub mod foca;
pub mod isr_log;
pub mod lock_service;
pub mod omnipaxos;
pub mod paxos_register;
pub mod raft_kv;
pub mod raft_rs;
pub mod redb;
mod words;

use murphy_sim::{AnyTarget, Shared, echo::Echo};

/// Every target that ships with Murphy.
pub fn all() -> Vec<Box<dyn AnyTarget>> {
    let mut targets = deterministic();
    targets.push(Box::new(Shared::new(echo_nondet::EchoNondet)));
    targets
}

/// Those of them that are functions of their schedules: all but the ones that show how it is caught if a target is none.
pub fn deterministic() -> Vec<Box<dyn AnyTarget>> {
    vec![
        Box::new(Shared::new(omnipaxos::OmniPaxosTarget)),
        Box::new(Shared::new(raft_kv::RaftKv)),
        Box::new(Shared::new(crdt_store::CrdtStore)),
        Box::new(Shared::new(lock_service::LockService)),
        Box::new(Shared::new(cycle::Cycle)),
        Box::new(Shared::new(isr_log::IsrLog)),
        Box::new(Shared::new(paxos_register::PaxosRegister)),
        Box::new(Shared::new(raft_rs::RaftRs)),
        Box::new(Shared::new(redb::RedbTarget)),
        Box::new(Shared::new(foca::FocaTarget)),
        Box::new(Shared::new(Echo)),
    ]
}
