//! What clients saw: operations, each an invocation and perhaps a completion, in the order of their events.
//!
//! The vocabulary is Jepsen's. A *process* is sequential; an operation ends `ok` (it took effect and returned this),
//! `fail` (it took no effect and never will) or `info` (the client cannot tell, and its process retires). The order
//! of a history is the order of its events, not of their times: several events may share a time.
//!
//! Operations are small and `Copy`. What does not fit into one, the elements of a read or the parts of a transaction,
//! lies in the history's [`Values`], once however often it occurs.
//!
//! Nothing here knows how a history came about.

mod names;
mod predicate;
mod values;

pub use names::Names;
pub use predicate::Predicate;
pub use values::{Deed, Micro, Span, Values};

/// A node's number, from 1.
pub type NodeId = u16;
/// A sequential client as Jepsen numbers them.
pub type Process = u32;

/// An operation: its index in [`History::operations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u32);

/// A value that an operation carries in or out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// No value: a register never written, the input of a read.
    #[default]
    Nil,
    /// One number.
    Int(u64),
    /// Two numbers: the expected and the new value of a compare-and-set.
    Pair(u64, u64),
    /// Numbers in [`Values`], by [`Values::list`]: the elements of a set, the items of a list.
    List(Span),
    /// The parts of a transaction in [`Values`], by [`Values::transaction`].
    Transaction(Span),
}

/// What a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// Index into [`History::functions`].
    pub function: u8,
    /// The object it was asked of, from 1; 0: of several, which [`input`](Self::input) names.
    pub key: u32,
    /// What was handed in.
    pub input: Value,
}

/// How an operation ended, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion<R> {
    /// It took effect and returned this.
    Ok(R),
    /// It took no effect, and never will.
    Fail,
    /// The client cannot tell. It may have taken effect; it may yet.
    Info,
}

impl<R> Completion<R> {
    /// The same end with another result.
    pub fn map<S>(self, to: impl FnOnce(R) -> S) -> Completion<S> {
        match self {
            Self::Ok(result) => Completion::Ok(to(result)),
            Self::Fail => Completion::Fail,
            Self::Info => Completion::Info,
        }
    }
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who asked.
    pub process: Process,
    /// What was asked.
    pub call: Call,
    /// The node asked first.
    pub node: NodeId,
    /// Virtual time of the invocation, in nanoseconds.
    pub invoked_at: u64,
    /// How it ended and the virtual time of that; `None` while it is open.
    pub completion: Option<(Completion<Value>, u64)>,
}

/// One line of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The operation was invoked.
    Invoke(OpId),
    /// The operation completed.
    Complete(OpId),
}

/// Which reads show what is there for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FinalReads {
    /// Those that were invoked when every update had ended.
    #[default]
    AfterUpdates,
    /// Those that were invoked from this time on, in nanoseconds: whoever wrote the history knows that all was at rest by the last of
    /// them.
    From(u64),
    /// None: it is known that not all was at rest.
    Nowhere,
}

/// What clients saw, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Names of the functions that calls refer to: `["read", "write", "cas"]`.
    pub functions: &'static [&'static str],
    /// Every operation, in the order of invocation.
    pub operations: Vec<Operation>,
    /// Every invocation and completion, in order.
    pub events: Vec<Event>,
    /// What the lists and transactions of the operations contain.
    pub values: Values,
    /// What its numbers stand for, if it was read from a file.
    pub names: Names,
    /// Which of its reads are final.
    pub final_reads: FinalReads,
}

impl Clone for History {
    fn clone(&self) -> Self {
        let Self { functions, operations, events, values, names, final_reads } = self;
        let (operations, events) = (operations.clone(), events.clone());
        Self { functions, operations, events, values: values.clone(), names: names.clone(), final_reads: *final_reads }
    }

    /// Keeps the memory, unlike a derived one: histories are copied once a run.
    fn clone_from(&mut self, from: &Self) {
        let Self { functions, operations, events, values, names, final_reads } = from;
        self.functions = functions;
        self.final_reads = *final_reads;
        self.operations.clone_from(operations);
        self.events.clone_from(events);
        self.values.clone_from(values);
        self.names.clone_from(names);
    }
}

impl History {
    /// Forgets everything but the memory it occupies.
    pub fn reset(&mut self, functions: &'static [&'static str]) {
        self.functions = functions;
        self.operations.clear();
        self.events.clear();
        self.values.clear();
        self.names.clear();
        self.final_reads = FinalReads::default();
    }

    /// Records that `process` asked `node` for `call` at `now` nanoseconds.
    pub fn invoke(&mut self, process: Process, call: Call, node: NodeId, now: u64) -> OpId {
        let id = OpId(u32::try_from(self.operations.len()).expect("a run has fewer than 2^32 operations"));
        self.operations.push(Operation { process, call, node, invoked_at: now, completion: None });
        self.events.push(Event::Invoke(id));
        id
    }

    /// Records how operation `id` ended, at `now` nanoseconds.
    pub fn complete(&mut self, id: OpId, completion: Completion<Value>, now: u64) {
        let operation = &mut self.operations[id.0 as usize];
        assert!(operation.completion.is_none(), "operation {id:?} completed twice");
        operation.completion = Some((completion, now));
        self.events.push(Event::Complete(id));
    }

    /// How many operations completed with `ok`.
    pub fn completed(&self) -> u64 {
        let ok = |operation: &&Operation| matches!(operation.completion, Some((Completion::Ok(_), _)));
        self.operations.iter().filter(ok).count() as u64
    }

    /// The operation `id`.
    pub fn operation(&self, id: OpId) -> &Operation {
        &self.operations[id.0 as usize]
    }
}
