//! A node: an acceptor of every register, and the coordinator of what clients ask of it.

use murphy_sim::{Boot, Capture, Context, Input, Node, NodeId, StateView};

use super::{
    acceptor::{Acceptor, Proposal},
    coordinator::Operation,
    message::{Ballot, Message, Request, Response},
};

/// One server of the store.
#[derive(Clone, Debug)]
pub struct PaxosNode {
    pub(super) me: NodeId,
    /// Nodes are numbered from 1 to this.
    pub(super) nodes: NodeId,
    pub(super) incarnation: u32,
    /// Durable, before anything is answered.
    acceptor: Acceptor,
    /// No round heard of is higher.
    pub(super) round: u64,
    /// What it coordinates, in no order.
    pub(super) operations: Vec<Operation>,
}

impl PaxosNode {
    pub(super) fn start(boot: &Boot<'_>, cx: &mut Context<'_, Self>) -> Self {
        let acceptor = Acceptor::replay(boot.bug("E4"), cx);
        Self {
            me: boot.me,
            nodes: boot.members.len() as NodeId,
            incarnation: boot.incarnation,
            round: acceptor.highest().round(),
            acceptor,
            operations: Vec::new(),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, cx: &mut Context<'_, Self>) {
        match message {
            Message::Prepare { key, ballot } => {
                self.round = self.round.max(ballot.round());
                let answer = self.acceptor.prepare(key, ballot, cx);
                cx.send(from, Message::Promise { ballot, answer });
            }
            Message::Promise { ballot, answer } => self.on_promise(from, ballot, answer, cx),
            Message::Accept { key, ballot, version } => {
                self.round = self.round.max(ballot.round());
                let answer = self.acceptor.accept(key, Proposal { ballot, version }, cx);
                cx.send(from, Message::Accepted { ballot, answer });
            }
            Message::Accepted { ballot, answer } => self.on_accepted(from, ballot, answer, cx),
            Message::Commit { key, chosen } => {
                self.round = self.round.max(chosen.ballot.round());
                self.acceptor.commit(key, chosen, cx);
            }
        }
    }

    fn role(&self) -> &'static str {
        match () {
            () if self.operations.iter().any(Operation::is_proposing) => "proposer",
            () if !self.operations.is_empty() => "preparer",
            () => "acceptor",
        }
    }
}

impl Node for PaxosNode {
    type Message = Message;
    type Request = Request;
    type Response = Response;
    const KINDS: &'static [&'static str] = Message::KINDS;

    fn kind(message: &Message) -> usize {
        message.kind()
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { from, message } => self.on_message(from, message, cx),
            Input::Timer(timer) => self.on_timer(timer, cx),
            Input::Request { reply, request, .. } => self.on_request(reply, request, cx),
            _ => {}
        }
    }

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn expose(&self, state: &mut Capture<'_>) {
        state.put("round", self.round);
        state.put("highest", self.acceptor.highest().round());
    }

    fn inspect(&self, view: &mut StateView) {
        let [mut promised, mut accepted, mut committed] = [Ballot::NONE; 3];
        let mut open = 0;
        for register in self.acceptor.registers() {
            promised = register.promised.max(promised);
            accepted = register.accepted.ballot.max(accepted);
            committed = register.committed.ballot.max(committed);
            open += u64::from(register.is_open());
        }
        view.role(self.role())
            .rank("promised", promised.round())
            .rank("accepted", accepted.round())
            .rank("committed", committed.round())
            .progress(committed.round())
            .fact("open proposals", open.min(2))
            .fact("operations", self.operations.len().min(2) as u64)
            .peer("promised to", promised.node());
    }
}
