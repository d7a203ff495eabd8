//! What clients do: operations drawn slot by slot, how to ask them of a node, how to hear the answer, and who judges.

use std::{fmt::Debug, rc::Rc, time::Duration};

use murphy_checker::{
    history::{Call, Completion, Value},
    linearizability::Linearizability,
    model::Register as RegisterModel,
    observer::Observer,
};

use crate::node::Node;

/// A family of operations: how they are drawn, written down and judged. [`Register`] is one.
pub trait Operations: 'static {
    /// What a client asks, in the target's terms.
    type Op: Debug;
    /// What a completed operation returns.
    type Return;
    /// Names of the functions; a [`Call`] holds an index into them.
    const FUNCTIONS: &'static [&'static str];
    /// What its observer checks, as lists of targets call it.
    const JUDGED_BY: &'static str;

    /// The operation of a slot.
    fn draw(&self, slot: &Slot<'_>) -> Call;
    /// A read that shows the final state of an object, if there is such an operation.
    fn last(&self, key: u32) -> Option<Call>;
    /// The call that an `invoke` step asks for. `values` are those that it names, in order; `fresh` is one that hardly
    /// anybody else writes, `other` one that may be there.
    fn call(&self, function: u8, key: u32, values: [Option<u64>; 2], fresh: u64, other: u64) -> Call;
    /// The operation that `call` stands for.
    fn op(&self, call: &Call) -> Self::Op;
    /// What the history records for a returned value.
    fn value(&self, call: &Call, returned: Self::Return) -> Value;
    /// Who judges the history.
    fn observer(&self) -> Box<dyn Observer>;
}

/// What is known when the operation of a slot is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// 64 random bits that belong to this slot alone.
    pub draw: u64,
    /// The number of objects; keys are 1 to this.
    pub keys: u32,
    /// A value from 1 that no other slot of the run writes, as long as a lane has at most 4,000 slots.
    pub fresh: u64,
    /// A value that another slot of the run may have written.
    pub other: u64,
    /// The schedule's weights of the functions; all zero: choose your own.
    pub mix: &'a [u8; 8],
}

impl Slot<'_> {
    /// The key this slot touches.
    pub fn key(&self) -> u32 {
        ((self.draw >> 32) % u64::from(self.keys)) as u32 + 1
    }

    /// A function by weight: by the schedule's mix, or by `own` where it has none or there are more functions than it has weights.
    pub fn function(&self, own: &[u8]) -> u8 {
        let mix = self.mix.get(..own.len()).unwrap_or_default();
        let weights = if mix.iter().all(|weight| *weight == 0) { own } else { mix };
        let total: u64 = weights.iter().copied().map(u64::from).sum();
        let mut ticket = (self.draw & 0xffff_ffff) % total;
        for (function, weight) in (0u8..).zip(weights) {
            match ticket.checked_sub(u64::from(*weight)) {
                Some(rest) => ticket = rest,
                None => return function,
            }
        }
        unreachable!("the ticket is below the sum of the weights")
    }
}

/// How a client finds the node that answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Whom it asks first.
    pub first: First,
    /// How many times it follows "not me" or a refused connection to another node.
    pub follow_redirects: u8,
    /// How long it waits for an answer.
    pub timeout: Duration,
    /// What it does when none comes.
    pub retry: Retry,
}

impl Default for Routing {
    fn default() -> Self {
        let timeout = Duration::from_millis(500);
        Self { first: First::LastLeader, follow_redirects: 3, timeout, retry: Retry::Never }
    }
}

/// Whom a client asks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// Any node, drawn for each operation.
    AnyNode,
    /// Who answered last; any node at first.
    LastLeader,
    /// One node for each client, always.
    Sticky,
}

/// What a client does when no answer comes in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The operation's outcome stays unknown.
    Never,
    /// It asks again under the same id, up to so many times, then the outcome stays unknown.
    SameId(u8),
}

type Invoke = Box<dyn Fn(u8, u32, [Option<u64>; 2], u64, u64) -> Call>;
type Ask<N> = Box<dyn Fn(&Call) -> <N as Node>::Request>;
type Hear<N> = Box<dyn Fn(&Call, <N as Node>::Response) -> Completion<Value>>;

/// What clients of a target do.
pub struct Workload<N: Node> {
    pub(crate) name: &'static str,
    pub(crate) functions: &'static [&'static str],
    pub(crate) judged_by: &'static str,
    pub(crate) routing: Routing,
    pub(crate) draw: Box<dyn Fn(&Slot<'_>) -> Call>,
    pub(crate) last: Box<dyn Fn(u32) -> Option<Call>>,
    pub(crate) call: Invoke,
    pub(crate) ask: Ask<N>,
    pub(crate) hear: Hear<N>,
    pub(crate) observer: Box<dyn Fn() -> Box<dyn Observer>>,
}

impl<N: Node> Workload<N> {
    /// Clients that do `operations`; `ask` makes the request of an operation, `hear` reads the answer.
    pub fn new<O: Operations>(
        name: &'static str,
        operations: O,
        ask: fn(&O::Op) -> N::Request,
        hear: fn(&O::Op, N::Response) -> Completion<O::Return>,
    ) -> Self {
        let operations = Rc::new(operations);
        let [a, b, c, d, e, f] = std::array::from_fn(|_| operations.clone());
        Self {
            name,
            functions: O::FUNCTIONS,
            judged_by: O::JUDGED_BY,
            routing: Routing::default(),
            draw: Box::new(move |slot| a.draw(slot)),
            last: Box::new(move |key| b.last(key)),
            call: Box::new(move |function, key, values, fresh, other| f.call(function, key, values, fresh, other)),
            ask: Box::new(move |call| ask(&c.op(call))),
            hear: Box::new(move |call, response| match hear(&d.op(call), response) {
                Completion::Ok(returned) => Completion::Ok(d.value(call, returned)),
                Completion::Fail => Completion::Fail,
                Completion::Info => Completion::Info,
            }),
            observer: Box::new(move || e.observer()),
        }
    }

    /// How its clients find the node that answers.
    pub fn routing(mut self, routing: Routing) -> Self {
        self.routing = routing;
        self
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Names of the functions that clients call.
    pub fn functions(&self) -> &'static [&'static str] {
        self.functions
    }
}

/// Registers under keys: read, write, compare-and-set. Judged by linearizability, key by key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register;

/// An operation on a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterOp {
    /// Read this key.
    Read(u32),
    /// Write a value to this key.
    Write(u32, u64),
    /// Replace the first value by the second, if this key holds the first.
    Cas(u32, u64, u64),
}

const READ: u8 = 0;
const WRITE: u8 = 1;
const CAS: u8 = 2;

impl Operations for Register {
    type Op = RegisterOp;
    type Return = Option<u64>;
    const FUNCTIONS: &'static [&'static str] = &["read", "write", "cas"];
    const JUDGED_BY: &'static str = "linearizability";

    fn draw(&self, slot: &Slot<'_>) -> Call {
        let function = slot.function(&[4, 3, 1]);
        let input = match function {
            READ => Value::Nil,
            WRITE => Value::Int(slot.fresh),
            _ => Value::Pair(slot.other, slot.fresh),
        };
        Call { function, key: slot.key(), input }
    }

    fn last(&self, key: u32) -> Option<Call> {
        Some(Call { function: READ, key, input: Value::Nil })
    }

    fn call(&self, function: u8, key: u32, [first, second]: [Option<u64>; 2], fresh: u64, other: u64) -> Call {
        let input = match function {
            READ => Value::Nil,
            WRITE => Value::Int(first.unwrap_or(fresh)),
            _ => Value::Pair(first.unwrap_or(other), second.unwrap_or(fresh)),
        };
        Call { function, key, input }
    }

    fn op(&self, call: &Call) -> RegisterOp {
        match (call.function, call.input) {
            (WRITE, Value::Int(value)) => RegisterOp::Write(call.key, value),
            (CAS, Value::Pair(old, new)) => RegisterOp::Cas(call.key, old, new),
            _ => RegisterOp::Read(call.key),
        }
    }

    fn value(&self, _: &Call, returned: Option<u64>) -> Value {
        returned.map_or(Value::Nil, Value::Int)
    }

    fn observer(&self) -> Box<dyn Observer> {
        Box::new(Linearizability::<RegisterModel>::new())
    }
}
