//! One conversation, on Murphy and on its peers: a server that answers, and clients that ask again when they have heard.
//!
//! Every simulator gets the same [`Talk`] and returns how many messages its nodes *received*, counted by the nodes
//! themselves; a caller compares that with [`Talk::messages`], so that nothing is timed that did not happen. Each peer is
//! used as its documentation has it, on its fastest way from node to node, without faults, and with the latencies that suit it
//! best; each module says which.

#[cfg(not(madsim))]
compile_error!("madsim needs `--cfg madsim`: call cargo from the folder `bench`, without RUSTFLAGS");

pub mod bare;
pub mod madsim;
pub mod moonpool;
pub mod murphy;
pub mod turmoil;

/// Who talks, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    /// How many clients ask the server.
    pub clients: u32,
    /// How often each asks.
    pub rounds: u32,
}

impl Talk {
    /// How many messages there are: each question has an answer.
    pub fn messages(self) -> u64 {
        2 * u64::from(self.clients) * u64::from(self.rounds)
    }
}

/// CPU time of this thread in nanoseconds, from the kernel.
pub fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells a thread's CPU time");
    text.split_whitespace().next().and_then(|field| field.parse().ok()).expect("the first field is a number")
}
