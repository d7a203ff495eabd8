//! Clients: lanes that do one operation at a time, as Jepsen's processes do.
//!
//! The operation of slot i of a lane is keyed by (lane, i) alone, and a busy lane skips its slot, so changing one operation
//! shifts no other. A process whose operation ends `info` retires; its number is lane + lanes × retirements.

use murphy_checker::history::{Call, Completion, FinalReads, NodeId, OpId, Process, Value};
use murphy_schedule::{Nodes, Side, field::Operation};

use crate::{
    core::{Core, Event, Phase, Token, word},
    draw::{Purpose, below, mix},
    hooks::Hooked,
    inject::Moment,
    invariants::Occurred,
    node::{Node, ReplyTo, RequestId},
    operator::OPERATOR,
    trace::What,
    workload::{Asked, First, LastReads, Retry, Slot},
};

/// Latency between a client and a node, in nanoseconds: least, and how much more it can take.
const LATENCY: (u64, u64) = (300_000, 500_000);
/// Pause before a client repeats a final read that did not succeed, in nanoseconds.
const AGAIN: u64 = 50_000_000;
/// Pause before all nodes are read again that did not agree, in nanoseconds.
const ROUND: u64 = 200_000_000;

/// What a client hears.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Completed(Completion<Value>),
    /// Not this node, and nothing was done: perhaps that one.
    Redirected(Option<NodeId>),
}

/// One client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane {
    retirements: u32,
    /// The operation that is open.
    op: Option<(OpId, Call)>,
    id: u64,
    /// Changes with each operation.
    generation: u32,
    attempt: u8,
    redirects_left: u8,
    retries_left: u8,
    /// An attempt ended without an answer, so the operation may have taken effect.
    maybe: bool,
    node: usize,
    leader: Option<usize>,
    deadline: u64,
    looked_at: Option<u64>,
    /// The final read that it is at.
    last: Option<FinalRead>,
}

/// The last read of an object, at this very node if it matters at which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FinalRead {
    key: u32,
    node: Option<u16>,
}

impl FinalRead {
    /// Whose it is among so many lanes.
    fn lane(self, lanes: u32) -> u32 {
        (self.key - 1 + u32::from(self.node.unwrap_or(0))) % lanes
    }
}

/// All clients.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    lanes: Vec<Lane>,
    /// The last value that any client saw under each key.
    observed: Vec<u64>,
    /// Final reads that have not succeeded yet.
    unread: Vec<FinalRead>,
    /// Those that have, of objects that are read at each node.
    answered: Vec<FinalRead>,
    /// When final reads began.
    settled_at: u64,
    /// Each node has answered each of its final reads at least once.
    is_all_answered: bool,
    /// The occasions of the operations that steps invoked.
    occasions: Vec<u32>,
}

clone_fields!(Clients { lanes, observed, unread, answered, settled_at, is_all_answered, occasions });

impl Clients {
    /// `occasion`, or if a step that says the same has had it, another one. Two operations of one number would be one to a target
    /// that remembers what it was asked.
    fn unused(&self, mut occasion: u32) -> u32 {
        while self.occasions.contains(&occasion) {
            occasion = occasion.wrapping_add(0x85eb_ca6b);
        }
        occasion
    }

    /// The keys whose final values are not known yet.
    pub(crate) fn unread(&self) -> Vec<u32> {
        let mut keys: Vec<u32> = self.unread.iter().map(|read| read.key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

impl<N: Node> Core<N> {
    pub(crate) fn reset_clients(&mut self) {
        let clients = &mut self.clients;
        clients.lanes.clear();
        clients.lanes.resize_with(usize::from(self.header.clients), Lane::default);
        clients.observed.clear();
        let objects = (self.workload.objects)(self.header.keys.into(), self.header.ops.unwrap_or(0).into());
        clients.observed.resize(objects as usize + 1, 1);
        clients.unread.clear();
        clients.answered.clear();
        clients.is_all_answered = false;
        clients.occasions.clear();
        for lane in 0..self.header.clients {
            self.plan_slot(lane, 0);
        }
    }

    /// Slots of a lane: the schedule's operations are dealt out evenly.
    fn slots(&self, lane: u8) -> u16 {
        let (ops, lanes) = (self.header.ops.unwrap_or(0), u16::from(self.header.clients));
        ops / lanes + u16::from(u16::from(lane) < ops % lanes)
    }

    fn plan_slot(&mut self, lane: u8, slot: u16) {
        if slot >= self.slots(lane) {
            return;
        }
        let chaos = u64::from(self.header.chaos) * 10_000_000;
        let gap = match self.header.rate {
            0 => chaos / u64::from(self.slots(lane)),
            rate => u64::from(self.header.clients) * 1_000_000_000 / u64::from(rate),
        };
        let draw = mix(self.header.seed, Purpose::Pace, [lane.into(), slot.into(), self.network.epoch()]);
        let at = u64::from(slot) * gap + below(draw, gap.max(1));
        if at < chaos {
            self.queue.push(at.max(self.now), Event::Slot { lane, slot });
        }
    }

    /// A slot came up: its operation begins, unless the lane is busy.
    pub(crate) fn on_slot(&mut self, lane: u8, slot: u16) {
        if self.clients.lanes[usize::from(lane)].op.is_none() {
            let draw = mix(self.header.seed, Purpose::Slot, [lane.into(), slot.into(), self.network.epoch()]);
            let drawn = Slot {
                draw,
                seed: self.header.seed,
                index: u64::from(slot) * u64::from(self.header.clients) + u64::from(lane),
                keys: self.header.keys.into(),
                fresh: fresh(lane, slot.into()),
                observed: &self.clients.observed,
                mix: &self.header.mix,
            };
            let call = (self.workload.draw)(&drawn, &mut self.history.values);
            // If a step takes the lane at this very moment, the slot is skipped.
            let _ = self.invoke(lane, u64::from(slot) + 1, call, None);
        }
        self.plan_slot(lane, slot + 1);
    }

    /// Does what an `invoke` step says. Returns whether its lane was free.
    pub(crate) fn invoke_step(&mut self, step: usize, operation: &Operation, via: u16) -> bool {
        let lane = (operation.client - 1) % self.header.clients;
        if self.clients.lanes[usize::from(lane)].op.is_some() {
            return false;
        }
        let key = u32::from((operation.key - 1) % self.header.keys) + 1;
        // Its draws belong to what it says, not to its place among the steps, so that no other step shifts them.
        let occasion = self.clients.unused(self.plan.occasion(step));
        let Some(call) = self.call(operation, key, occasion) else { return false };
        if operation.via != Nodes::All && via == 0 {
            return false;
        }
        let via = (operation.via != Nodes::All).then(|| via.trailing_zeros() as usize).filter(|at| *at < 16);
        let invoked = self.invoke(lane, 1 << 32 | u64::from(occasion), call, via);
        if invoked {
            self.clients.occasions.push(occasion);
        }
        invoked
    }

    fn call(&mut self, operation: &Operation, key: u32, occasion: u32) -> Option<Call> {
        let name = self.vocabulary.functions.resolve(operation.function)?;
        let name = &self.vocabulary.functions.spellings()[name];
        let function = self.workload.about.functions.iter().position(|function| function == name)? as u8;
        let fresh = fresh(15, occasion.into());
        let values = operation.values.map(|value| (value != 0).then_some(u64::from(value)));
        // A workload may have fewer objects than the schedule has keys.
        let other = self.clients.observed.get(key as usize).copied().unwrap_or(1);
        let asked = Asked { function, key, values, fresh, other };
        Some((self.workload.call)(&asked, &mut self.history.values))
    }

    /// Returns whether the lane was free.
    fn invoke(&mut self, lane: u8, id: u64, call: Call, via: Option<usize>) -> bool {
        self.fire(Side::Before, Moment::Invoke(call.function));
        self.intercept(Side::Before, None, Hooked::Invoke { op: None, call });
        // A step that waited for this may have asked for something else on this very lane.
        if self.clients.lanes[usize::from(lane)].op.is_some() {
            return false;
        }
        let process = self.process(lane);
        let node = via.unwrap_or_else(|| self.route(lane, id));
        let op = self.history.invoke(process, call, crate::core::number(node), self.now);
        self.observer.invoke(op, &self.history);
        self.note(None, |_| What::Invoke(op));
        let routing = self.workload.routing;
        let state = &mut self.clients.lanes[usize::from(lane)];
        state.op = Some((op, call));
        state.id = id;
        state.generation += 1;
        state.attempt = 0;
        state.maybe = false;
        // What one node holds, no other can tell.
        let stays = state.last.is_some_and(|last| last.node.is_some());
        state.redirects_left = if stays { 0 } else { routing.follow_redirects };
        state.retries_left = match routing.retry {
            Retry::SameId(times) if !stays => times,
            Retry::SameId(_) | Retry::Never => 0,
        };
        self.attempt(lane, node);
        self.occurs(Occurred::Invoked(op));
        self.intercept(Side::After, None, Hooked::Invoke { op: Some(op), call });
        self.fire(Side::After, Moment::Invoke(call.function));
        true
    }

    fn process(&self, lane: u8) -> Process {
        u32::from(lane) + u32::from(self.header.clients) * self.clients.lanes[usize::from(lane)].retirements
    }

    /// Whom a client asks first.
    fn route(&self, lane: u8, id: u64) -> usize {
        let draw = mix(self.header.seed, Purpose::Route, [lane.into(), id, self.network.epoch()]);
        let any = below(draw, self.members() as u64) as usize;
        match self.workload.routing.first {
            First::AnyNode => any,
            First::LastLeader => self.clients.lanes[usize::from(lane)].leader.unwrap_or(any),
            First::Sticky => usize::from(lane) % self.members(),
            First::Nearest => self.nearest(lane),
        }
    }

    /// Whom a client asks when this node did not help it.
    fn next_node(&self, lane: u8, node: usize) -> usize {
        match self.workload.routing.first {
            First::Nearest => self.next_nearest(lane, node),
            First::AnyNode | First::LastLeader | First::Sticky => (node + 1) % self.members(),
        }
    }

    fn attempt(&mut self, lane: u8, node: usize) {
        let timeout = self.workload.routing.timeout.as_nanos() as u64;
        let at = self.now + self.client_latency(lane, node, 0);
        let (now, process) = (self.now, self.process(lane));
        let state = &mut self.clients.lanes[usize::from(lane)];
        state.node = node;
        state.attempt += 1;
        state.deadline = now + timeout;
        let (attempt, generation) = (state.attempt, state.generation);
        let (op, call) = state.op.expect("an attempt belongs to an open operation");
        let id = RequestId { client: process.into(), seq: state.id };
        let slot = self.requests.put((op, id, call));
        if self.trace.is_some() {
            let number = self.number_message();
            self.numbers.requests.put(slot, number);
            self.note_message(None, number, |_| What::Ask(op));
        }
        self.queue.push(at, Event::Request { lane, node: node as u8, attempt, generation, slot });
        self.look_at_deadline(lane);
    }

    /// There (0) or back (1): at least what the schedule's data centres say, if it has some.
    fn client_latency(&self, lane: u8, node: usize, way: u64) -> u64 {
        let state = &self.clients.lanes[usize::from(lane)];
        let key = [u64::from(lane) << 1 | way, state.id, state.attempt.into(), self.network.epoch()];
        let least = self.client_distance(lane, node).unwrap_or(LATENCY.0);
        least + below(mix(self.header.seed, Purpose::Client, key), LATENCY.1)
    }

    /// One event looks at a lane's deadline, however often that moves.
    fn look_at_deadline(&mut self, lane: u8) {
        let state = &mut self.clients.lanes[usize::from(lane)];
        if state.looked_at.is_none_or(|at| at > state.deadline) {
            state.looked_at = Some(state.deadline);
            self.queue.push(state.deadline, Event::Timeout { lane });
        }
    }

    pub(crate) fn on_timeout(&mut self, lane: u8) {
        let now = self.now;
        let state = &mut self.clients.lanes[usize::from(lane)];
        if state.looked_at.is_none_or(|at| at > now) {
            return;
        }
        state.looked_at = None;
        if state.op.is_none() {
            return;
        }
        if state.deadline > now {
            return self.look_at_deadline(lane);
        }
        state.maybe = true;
        if state.retries_left > 0 {
            state.retries_left -= 1;
            let node = state.node;
            let next = self.next_node(lane, node);
            return self.attempt(lane, next);
        }
        self.finish(lane, Completion::Info);
    }

    /// The request that reaches a node, whether or not its client still waits for it.
    pub(crate) fn request(&mut self, slot: u32) -> (OpId, RequestId, N::Request) {
        let (op, id, call) = self.requests.take(slot);
        (op, id, (self.workload.ask)(&call, &self.history.values))
    }

    /// Where the answer to a request goes.
    pub(crate) fn reply_to(&self, lane: u8, node: usize, attempt: u8, generation: u32) -> ReplyTo {
        let incarnation = self.hosts[node].incarnation as u16;
        Token { lane, node: node as u8, incarnation, attempt, generation }.pack()
    }

    /// The call that `token` answers, if this very incarnation was asked and somebody still waits.
    pub(crate) fn answerable(&self, me: usize, token: Token) -> Option<Call> {
        let asked = usize::from(token.node) == me && token.incarnation == self.hosts[me].incarnation as u16 & 0xfff;
        let state = self.clients.lanes.get(usize::from(token.lane)).filter(|_| asked)?;
        state.op.filter(|_| state.generation == token.generation).map(|(_, call)| call)
    }

    pub(crate) fn answer(&mut self, me: usize, token: Token, answer: Answer) {
        if token.lane == OPERATOR {
            return self.operator_hears(me, token, answer);
        }
        let at = self.now + self.client_latency(token.lane, me, 1);
        let slot = self.answers.put((token.generation, token.attempt, me, answer));
        if self.trace.is_some() {
            self.note_reply(me, token, slot);
        }
        self.queue.push(at, Event::Answer { lane: token.lane, slot });
    }

    /// Records that a node answers. A refused connection is no answer of the node's.
    fn note_reply(&mut self, me: usize, token: Token, slot: u32) {
        let op = self.clients.lanes[usize::from(token.lane)].op.filter(|_| self.hosts[me].up);
        let number = op.and_then(|_| self.number_message());
        self.numbers.answers.put(slot, number);
        if let Some((op, _)) = op {
            self.note_message(Some(me), number, |_| What::Reply(op));
        }
    }

    /// A node that is down refuses the connection: nothing was done.
    pub(crate) fn refuse_connection(&mut self, lane: u8, node: usize, attempt: u8, generation: u32) {
        let token = Token { lane, node: node as u8, incarnation: 0, attempt, generation };
        if self.clients.lanes[usize::from(lane)].generation == generation {
            self.answer(node, token, Answer::Redirected(None));
        }
    }

    pub(crate) fn on_answer(&mut self, lane: u8, slot: u32) {
        let (generation, attempt, node, answer) = self.answers.take(slot);
        let state = &mut self.clients.lanes[usize::from(lane)];
        let Some((op, _)) = state.op.filter(|_| state.generation == generation) else { return };
        if self.trace.is_some() {
            let number = self.numbers.answers.get(slot);
            self.note_message(None, number, |_| What::Answer(op));
        }
        let state = &mut self.clients.lanes[usize::from(lane)];
        match answer {
            Answer::Completed(completion) => {
                state.leader = Some(node);
                // A definite failure says nothing of an earlier attempt that may still take effect.
                let unsure = state.maybe && completion == Completion::Fail;
                self.finish(lane, if unsure { Completion::Info } else { completion });
            }
            Answer::Redirected(leader) if attempt == state.attempt => self.on_redirect(lane, leader),
            Answer::Redirected(_) => {}
        }
    }

    fn on_redirect(&mut self, lane: u8, leader: Option<NodeId>) {
        let nodes = self.hosts.len();
        let state = &mut self.clients.lanes[usize::from(lane)];
        state.leader = None;
        if state.redirects_left > 0 {
            state.redirects_left -= 1;
            let known = leader.and_then(|leader| usize::from(leader).checked_sub(1)).filter(|leader| *leader < nodes);
            let node = state.node;
            let next = known.unwrap_or_else(|| self.next_node(lane, node));
            return self.attempt(lane, next);
        }
        let completion = if state.maybe { Completion::Info } else { Completion::Fail };
        self.finish(lane, completion);
    }

    fn finish(&mut self, lane: u8, completion: Completion<Value>) {
        if let Some((op, call)) = self.clients.lanes[usize::from(lane)].op {
            self.fire(Side::Before, Moment::Complete(call.function));
            self.intercept(Side::Before, None, Hooked::Complete { op, call, completion });
        }
        let state = &mut self.clients.lanes[usize::from(lane)];
        let (op, call) = state.op.take().expect("an open operation finishes");
        state.retirements += u32::from(completion == Completion::Info);
        let last = state.last.take();
        self.hash.add(word(&completion, &self.history.values));
        self.history.complete(op, completion, self.now);
        self.note(None, |_| What::Complete(op));
        self.occurs(Occurred::Completed(op));
        self.intercept(Side::After, None, Hooked::Complete { op, call, completion });
        self.judge_latency(op);
        if let Some(value) = seen_value(&call, &completion) {
            self.clients.observed[call.key as usize] = value;
        }
        let anomaly = self.observer.complete(op, &self.history);
        self.violate(anomaly);
        if let Some(read) = last {
            self.on_last_read(lane, read, matches!(completion, Completion::Ok(_)));
        }
        self.fire(Side::After, Moment::Complete(call.function));
    }

    /// The last phase: every object is read until that succeeds, or at each node until that succeeds and they agree.
    pub(crate) fn begin_settle(&mut self) {
        self.assert_healed();
        self.phase = Phase::Settle;
        self.note(None, |_| What::Settle);
        let members = self.members() as u16;
        if self.workload.last_reads == LastReads::EachNode {
            // Until it is known that they come to an end.
            self.history.final_reads = FinalReads::Nowhere;
        }
        let (workload, values, clients) = (&self.workload, &mut self.history.values, &mut self.clients);
        clients.settled_at = self.now;
        for key in (1..clients.observed.len() as u32).filter(|key| (workload.last)(*key, values).is_some()) {
            match workload.last_reads {
                LastReads::AnyNode => clients.unread.push(FinalRead { key, node: None }),
                LastReads::EachNode => {
                    clients.unread.extend((0..members).map(|node| FinalRead { key, node: Some(node) }));
                }
            }
        }
        if self.clients.unread.is_empty() {
            self.phase = Phase::Over;
        }
        for lane in 0..self.header.clients {
            self.queue.push(self.now, Event::Last { lane });
        }
    }

    /// The lane reads the next object that is its to read.
    pub(crate) fn on_last(&mut self, lane: u8) {
        let lanes = u32::from(self.header.clients);
        let mine = self.clients.unread.iter().copied().find(|read| read.lane(lanes) == u32::from(lane));
        let Some(read) = mine else { return };
        if self.clients.lanes[usize::from(lane)].op.is_some() {
            return self.queue.push(self.now + AGAIN, Event::Last { lane });
        }
        let call = (self.workload.last)(read.key, &mut self.history.values).expect("it was there when the phase began");
        self.clients.lanes[usize::from(lane)].last = Some(read);
        let id = 1 << 33 | u64::from(self.clients.lanes[usize::from(lane)].generation);
        self.invoke(lane, id, call, read.node.map(usize::from));
    }

    fn on_last_read(&mut self, lane: u8, read: FinalRead, known: bool) {
        if known {
            self.clients.unread.retain(|unread| *unread != read);
            if read.node.is_some() {
                self.clients.answered.push(read);
            }
        }
        if self.clients.unread.is_empty() {
            return self.all_are_read();
        }
        self.queue.push(self.now + if known { 0 } else { AGAIN }, Event::Last { lane });
    }

    /// As long as it is not right all is read again a little later: the system may not have come to rest.
    fn all_are_read(&mut self) {
        self.clients.is_all_answered = true;
        if self.workload.last_reads == LastReads::AnyNode || self.is_right_in_the_end() {
            self.end_final_reads();
            return self.recovered();
        }
        let Clients { unread, answered, .. } = &mut self.clients;
        unread.append(answered);
        unread.sort_unstable();
        for lane in 0..self.header.clients {
            self.queue.push(self.now + ROUND, Event::Last { lane });
        }
    }

    /// What the judge would say if this were the end. Nodes can agree by chance while all of them lack something: counters do.
    fn is_right_in_the_end(&mut self) -> bool {
        self.end_final_reads();
        let verdict = self.observer.fork().finish(&self.history);
        self.history.final_reads = FinalReads::Nowhere;
        verdict.anomaly().is_none()
    }

    /// Where each node is read, what was read last is what they hold for good.
    pub(crate) fn end_final_reads(&mut self) {
        if self.workload.last_reads == LastReads::EachNode {
            self.history.final_reads = FinalReads::From(self.clients.settled_at);
        }
    }

    /// Each node has answered each of its final reads, and they did not agree, or not yet.
    pub(crate) fn is_all_answered(&self) -> bool {
        self.workload.last_reads == LastReads::EachNode && self.clients.is_all_answered
    }
}

/// A value that only this slot writes. Those of the first 4,000 slots of a lane are small enough for a schedule to name.
fn fresh(lane: u8, slot: u64) -> u64 {
    slot * 16 + u64::from(lane) + 1
}

/// The value that a completed operation leaves or found.
fn seen_value(call: &Call, completion: &Completion<Value>) -> Option<u64> {
    match (*completion, call.input) {
        (Completion::Ok(_), Value::Int(new) | Value::Pair(_, new)) | (Completion::Ok(Value::Int(new)), Value::Nil) => {
            Some(new)
        }
        _ => None,
    }
}
