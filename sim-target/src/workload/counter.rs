//! Counters.

use murphy_checker::{
    checkers::{
        ByKey,
        counter::{CounterRange, READ, View},
        replicated::Replicated,
    },
    history::{Call, Value, Values},
    linearizability::Linearizability,
    model::Model,
    models::Counter as CounterModel,
    observer::Observer,
};

use super::{Asked, LastReads, Operations, Reads, Slot, below};

const ADD: u8 = 1;

/// Numbers under keys, 0 at first, to which others are added; the last phase reads every one. Judged by what reads promise, key by
/// key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Weights of reads and adds where the schedule has none.
    pub mix: [u8; 2],
    /// Which numbers are added.
    pub strategy: Strategy,
    /// What reads promise.
    pub reads: Reads,
}

impl Default for Counter {
    fn default() -> Self {
        Self { mix: [1, 2], strategy: Strategy::Grow, reads: Reads::Linearizable }
    }
}

/// Which numbers are added to a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Small positive ones: it never falls.
    #[default]
    Grow,
    /// Large ones, positive and negative in turn: it swings around 0.
    Swing,
    /// Small ones, positive or negative.
    Random,
}

impl Strategy {
    fn amount(self, slot: &Slot<'_>) -> i64 {
        let upto = |most: u64| 1 + below(slot.bits(0), most).cast_signed();
        match self {
            Self::Grow => upto(5),
            Self::Swing if slot.index.is_multiple_of(2) => 1000 + upto(100),
            Self::Swing => -1000 - upto(100),
            Self::Random if slot.bits(1).is_multiple_of(2) => upto(5),
            Self::Random => -upto(5),
        }
    }
}

/// An operation on a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterOp {
    /// Read the number of this key.
    Read(u32),
    /// Add a number to that of this key.
    Add(u32, i64),
}

impl Operations for Counter {
    type Op = CounterOp;
    /// The number that was read; of an add the sum, or nothing if the system does not say it.
    type Return = Option<i64>;
    const FUNCTIONS: &'static [&'static str] = CounterModel::FUNCTIONS;
    const OPERATION: &'static str = "one read of a counter, or one number added to it";

    fn judged_by(&self) -> &'static str {
        match self.reads {
            Reads::Linearizable => "linearizability of a counter",
            Reads::Acknowledged => "a counter whose reads have all that was acknowledged",
            Reads::Own => "a counter whose reads have what their own process added",
            Reads::Converging => "a counter that is the same on all nodes in the end, whole",
        }
    }

    fn draw(&self, slot: &Slot<'_>, _: &mut Values) -> Call {
        let function = slot.function(&self.mix);
        let amount = self.strategy.amount(slot).cast_unsigned();
        Call { function, key: slot.key(), input: if function == ADD { Value::Int(amount) } else { Value::Nil } }
    }

    fn last(&self, key: u32, _: &mut Values) -> Option<Call> {
        Some(Call { function: READ, key, input: Value::Nil })
    }

    fn last_reads(&self) -> LastReads {
        self.reads.last_reads()
    }

    fn call(&self, asked: &Asked, _: &mut Values) -> Call {
        let amount = asked.values[0].unwrap_or(1);
        let input = if asked.function == ADD { Value::Int(amount) } else { Value::Nil };
        Call { function: asked.function, key: asked.key, input }
    }

    fn op(&self, call: &Call, _: &Values) -> CounterOp {
        match call.input {
            Value::Int(amount) => CounterOp::Add(call.key, amount.cast_signed()),
            _ => CounterOp::Read(call.key),
        }
    }

    fn value(&self, _: &Call, returned: Option<i64>, _: &mut Values) -> Value {
        returned.map_or(Value::Nil, |number| Value::Int(number.cast_unsigned()))
    }

    fn observer(&self) -> Box<dyn Observer> {
        match self.reads {
            Reads::Linearizable => Box::new(Linearizability::<CounterModel>::new()),
            Reads::Acknowledged => Box::new(ByKey::new(CounterRange::new(View::Global))),
            Reads::Own => Box::new(ByKey::new(CounterRange::new(View::Process))),
            Reads::Converging => Box::new(ByKey::new(Replicated::new(CounterRange::new, READ))),
        }
    }
}
