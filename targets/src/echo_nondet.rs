//! A target that is *not* a function of its schedule, to show that this is caught and named.
//!
//! Its nodes gossip to the first peer that a hash map of the standard library gives them, the classic slip: each such map has
//! random keys of its own, so the order differs from map to map, even between two runs in one process. `murphy doctor
//! echo-nondet` and `murphy fuzz echo-nondet` end with exit 4.

#![allow(clippy::disallowed_types, reason = "the order of this map is what the target is about")]

use std::{collections::HashMap, time::Duration};

use murphy_sim::{
    About, Boot, Completion, Context, Input, Node, NodeId, Register, RegisterOp, StateView, Target, Timer, Workload,
};

const GOSSIP: Timer = Timer(0);
const PERIOD: Duration = Duration::from_millis(50);

/// A node: it counts what it has heard of each of its peers.
#[derive(Debug)]
pub struct Gossiper {
    heard: HashMap<NodeId, u64>,
}

impl Node for Gossiper {
    type Message = ();
    type Request = RegisterOp;
    type Response = Option<u64>;
    const KINDS: &'static [&'static str] = &["Rumour"];

    fn kind((): &()) -> usize {
        0
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Timer(_) => self.gossip(cx),
            Input::Message { from, .. } => *self.heard.entry(from).or_default() += 1,
            // A register that nobody may write: every node knows what it holds.
            Input::Request { reply, request: RegisterOp::Read(_), .. } => cx.reply(reply, None),
            Input::Request { reply, .. } => cx.refuse(reply),
            _ => {}
        }
    }

    fn inspect(&self, view: &mut StateView) {
        view.fact("peers", self.heard.len() as u64);
    }
}

impl Gossiper {
    /// Tells one peer. Whom? Whoever comes first: that is the slip.
    fn gossip(&self, cx: &mut Context<'_, Self>) {
        if let Some(peer) = self.heard.keys().next() {
            cx.send(*peer, ());
        }
        cx.set(GOSSIP, PERIOD);
    }
}

/// The target `echo-nondet`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EchoNondet;

impl Target for EchoNondet {
    type Node = Gossiper;

    fn about(&self) -> About {
        About::new("echo-nondet")
            .summary("nodes gossip in the order of a hash map: no function of its schedule; shows how that is caught")
            .nodes(4..=5)
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Gossiper>) -> Gossiper {
        let peers = boot.members.iter().filter(|peer| **peer != boot.me);
        let node = Gossiper { heard: peers.map(|peer| (*peer, 0)).collect() };
        node.gossip(cx);
        node
    }

    fn workloads(&self) -> Vec<Workload<Gossiper>> {
        vec![Workload::new("register", Register::default(), |op| *op, |_, answer| Completion::Ok(answer))]
    }
}
