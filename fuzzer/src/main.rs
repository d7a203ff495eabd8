//! The command `murphy` over the targets that ship with it.

fn main() {
    murphy::cli(murphy::targets![
        murphy_targets::omnipaxos::OmniPaxosTarget,
        murphy_targets::raft_kv::RaftKv,
        murphy::echo::Echo,
    ])
}
