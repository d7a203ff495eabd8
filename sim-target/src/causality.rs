//! What could have known of what: vector clocks over a trace (Fidge, Mattern, 1988), and the log of each node.
//!
//! They are computed from a trace when somebody asks, so that a search pays nothing. A component counts the events of a node.
//! Clients have no component of their own, but carry what they heard from one node to the next, as messages do.

use std::collections::BTreeMap;

use murphy_checker::history::{NodeId, OpId, Process};

use crate::{
    run::Outcome,
    trace::{TraceEvent, What},
};

/// For each node how many of its events came before, this one included. The first is that of node 1.
pub type Clock = Box<[u32]>;

/// The vector clocks of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clocks {
    /// For each event of the trace; `None`: it is of the world and no event of a node or a client. A message carries the clock of
    /// the event that sent it, which has the same number.
    pub events: Vec<Option<Clock>>,
    /// For each operation of the history: the clock of its invocation, and that of its completion, if there are any.
    pub operations: Vec<(Option<Clock>, Option<Clock>)>,
}

/// Whether an event with the first clock could have influenced one with the second.
pub fn happened_before(first: &[u32], second: &[u32]) -> bool {
    first != second && first.iter().zip(second).all(|(a, b)| a <= b)
}

/// An operation, as a node met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// Which of the history.
    pub op: OpId,
    /// When its request arrived at the node, in nanoseconds.
    pub at: u64,
    /// When the node answered that request, if it did.
    pub answered: Option<u64>,
}

impl Outcome {
    /// What a node did and what happened to it, in order. Of a run with a trace.
    pub fn log_of(&self, node: NodeId) -> impl Iterator<Item = &TraceEvent> {
        self.trace.iter().filter(move |event| event.node == Some(node))
    }

    /// The operations whose requests reached a node, in order. Of a run with a trace.
    pub fn operations_at(&self, node: NodeId) -> Vec<Met> {
        let mut met: Vec<Met> = Vec::new();
        for event in self.log_of(node) {
            match event.what {
                What::Request(op) => met.push(Met { op, at: event.time, answered: None }),
                What::Reply(op) => {
                    let open = met.iter_mut().rev().find(|met| met.op == op && met.answered.is_none());
                    open.into_iter().for_each(|met| met.answered = Some(event.time));
                }
                _ => {}
            }
        }
        met
    }

    /// The vector clocks of a run with a trace.
    pub fn vector_clocks(&self) -> Clocks {
        let nodes = self.trace.iter().filter_map(|event| event.node).max().unwrap_or(0);
        let mut present = Present {
            nodes: vec![vec![0; nodes.into()]; nodes.into()],
            clients: BTreeMap::new(),
            on_their_way: BTreeMap::new(),
        };
        let mut clocks = Clocks { events: Vec::new(), operations: vec![(None, None); self.history.operations.len()] };
        for event in &self.trace {
            let clock = present.clock_of(event, |op| self.history.operation(op).process);
            match event.what {
                What::Invoke(op) => clocks.operations[op.0 as usize].0.clone_from(&clock),
                What::Complete(op) => clocks.operations[op.0 as usize].1.clone_from(&clock),
                _ => {}
            }
            clocks.events.push(clock);
        }
        clocks
    }
}

/// Who knows what at some point of a run.
struct Present {
    nodes: Vec<Vec<u32>>,
    clients: BTreeMap<Process, Vec<u32>>,
    /// By the number of the message. One can arrive several times.
    on_their_way: BTreeMap<u32, Vec<u32>>,
}

impl Present {
    /// Takes in the next event.
    fn clock_of(&mut self, event: &TraceEvent, process: impl Fn(OpId) -> Process) -> Option<Clock> {
        let heard = event.message.filter(|_| event.what.receives()).and_then(|number| self.on_their_way.get(&number));
        let own = match (event.node, &event.what) {
            (_, What::Lost { .. }) => return None,
            (Some(node), _) => &mut self.nodes[usize::from(node) - 1],
            (None, What::Invoke(op) | What::Ask(op) | What::Answer(op) | What::Complete(op)) => {
                self.clients.entry(process(*op)).or_insert_with(|| vec![0; self.nodes.len()])
            }
            (None, _) => return None,
        };
        for (own, heard) in own.iter_mut().zip(heard.into_iter().flatten()) {
            *own = (*own).max(*heard);
        }
        if let Some(node) = event.node {
            own[usize::from(node) - 1] += 1;
        }
        let clock: Clock = own.as_slice().into();
        if let Some(number) = event.message.filter(|_| !event.what.receives()) {
            self.on_their_way.insert(number, clock.to_vec());
        }
        Some(clock)
    }
}
