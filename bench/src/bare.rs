//! The limit: a loop that keeps time, hands each message to its receiver, and does nothing else.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::Talk;

/// Room for the messages of a run, kept from one run to the next.
#[derive(Default)]
pub struct Bare {
    /// When, who gets it, and what it says.
    queue: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// What each node has heard.
    heard: Vec<u32>,
}

impl Bare {
    /// Has the conversation once; how many messages were received.
    pub fn run(&mut self, talk: Talk, seed: u64) -> u64 {
        self.queue.clear();
        self.heard.clear();
        self.heard.resize(talk.clients as usize + 1, 0);
        let mut latency = seed;
        let mut draw = move || {
            latency = latency.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1405_7b7e_f767_814f);
            500_000 + (latency >> 45)
        };
        (1..=talk.clients).for_each(|client| self.queue.push(Reverse((draw(), 0, client))));
        while let Some(Reverse((time, to, from))) = self.queue.pop() {
            self.heard[to as usize] += 1;
            if to == 0 || self.heard[to as usize] < talk.rounds {
                self.queue.push(Reverse((time + draw(), from, to)));
            }
        }
        self.heard.iter().map(|heard| u64::from(*heard)).sum()
    }
}
