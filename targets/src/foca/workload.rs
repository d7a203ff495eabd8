//! What clients ask of a membership: who is there. SWIM promises nothing of a single answer, so nothing is asked of it but
//! that it comes; what this target is judged by is how much its nodes send.

use murphy_checker::{
    history::{Call, History, OpId, Value, Values},
    observer::Observer,
    verdict::{Anomaly, Verdict},
};
use murphy_sim::{Asked, Operations, Slot};

/// Reads of the list of members, of any node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Members;

impl Operations for Members {
    type Op = ();
    /// How many members a node knows to be there, itself included.
    type Return = u64;
    const FUNCTIONS: &'static [&'static str] = &["members"];
    const OPERATION: &'static str = "one read of the list of members";

    fn judged_by(&self) -> &'static str {
        "nothing: the limit on what nodes send is the judge"
    }

    fn draw(&self, slot: &Slot<'_>, _: &mut Values) -> Call {
        Call { function: 0, key: slot.key(), input: Value::Nil }
    }

    fn last(&self, key: u32, _: &mut Values) -> Option<Call> {
        Some(Call { function: 0, key, input: Value::Nil })
    }

    fn call(&self, asked: &Asked, _: &mut Values) -> Call {
        Call { function: 0, key: asked.key, input: Value::Nil }
    }

    fn op(&self, _: &Call, _: &Values) {}

    fn value(&self, _: &Call, returned: u64, _: &mut Values) -> Value {
        Value::Int(returned)
    }

    fn observer(&self) -> Box<dyn Observer> {
        Box::new(Anything)
    }
}

/// Is content with every answer.
#[derive(Clone, Copy, Debug)]
struct Anything;

impl Observer for Anything {
    fn reset(&mut self) {}

    fn invoke(&mut self, _: OpId, _: &History) {}

    fn complete(&mut self, _: OpId, _: &History) -> Option<Anomaly> {
        None
    }

    fn finish(&mut self, _: &History) -> Verdict {
        Verdict::Valid
    }

    fn fork(&self) -> Box<dyn Observer> {
        Box::new(*self)
    }
}
