//! How long does it take to judge one register history, once the checker is warm?
//!
//! Cases are the histories a fuzzer meets: short, few processes, written values unique or few. `online` feeds events one
//! by one as a simulation does; `whole` judges a history that is already there.
//!
//! Not the question: histories of a million operations, cold starts, and how the checker degrades when its budget runs
//! out. Peers are compared elsewhere.

use divan::{Bencher, black_box};
use murphy_checker::{
    history::{Call, Completion, History, Value, Values},
    linearizability::Linearizability,
    model::{CAS, Model, READ, Register, WRITE},
    observer::{Observer, observe},
    verdict::Verdict,
};

/// Shows that a warm checker does not allocate.
#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// What the histories look like.
#[derive(Clone, Copy, Debug)]
struct Shape {
    processes: u32,
    keys: u32,
    /// Written values are below this.
    values: u64,
    /// One operation in so many times out; 0: none does.
    timeouts: u64,
    operations: usize,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { processes, keys, values, timeouts, operations } = self;
        write!(f, "register/processes={processes},keys={keys},values={values},timeouts={timeouts}/{operations}")
    }
}

const PLAIN: Shape = Shape { processes: 5, keys: 1, values: 1 << 40, timeouts: 0, operations: 100 };
const SHAPES: [Shape; 8] = [
    PLAIN,
    Shape { operations: 200, ..PLAIN },
    Shape { operations: 1000, ..PLAIN },
    Shape { values: 5, operations: 200, ..PLAIN },
    Shape { keys: 4, operations: 200, ..PLAIN },
    Shape { timeouts: 20, operations: 200, ..PLAIN },
    Shape { keys: 4, timeouts: 20, operations: 200, ..PLAIN },
    Shape { processes: 10, operations: 200, ..PLAIN },
];

/// Splitmix64 (Steele, Lea & Flood, 2014): the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A history of registers that are right: half reads, three writes in ten, the rest cas. Each process in turn, as the
/// dice fall, invokes, takes effect, and returns.
fn history(shape: Shape) -> History {
    let mut numbers = Numbers(7);
    let mut history = History { functions: Register::FUNCTIONS, ..History::default() };
    let mut registers = vec![Register::init(); shape.keys as usize + 1];
    let mut pending = vec![None; shape.processes as usize];
    let mut written = 0;
    while history.operations.len() < shape.operations || pending.iter().any(Option::is_some) {
        let now = history.events.len() as u64 * 1_000_000;
        let process = numbers.below(u64::from(shape.processes)) as usize;
        match pending[process] {
            None if history.operations.len() < shape.operations => {
                let key = 1 + numbers.below(u64::from(shape.keys)) as u32;
                let call = call(&mut numbers, &mut written, shape.values, registers[key as usize], key);
                pending[process] = Some((history.invoke(process as u32, call, 1, now), None));
            }
            None => {}
            Some((op, None)) => {
                let call = history.operation(op).call;
                let register = &mut registers[call.key as usize];
                let output = if call.function == READ { register.map_or(Value::Nil, Value::Int) } else { Value::Nil };
                let after = Register::step(register, &call, None, &Values::default());
                *register = after.unwrap_or(*register);
                let is_lost = shape.timeouts > 0 && numbers.below(shape.timeouts) == 0;
                let ok = if after.is_some() { Completion::Ok(output) } else { Completion::Fail };
                pending[process] = Some((op, Some(if is_lost { Completion::Info } else { ok })));
            }
            Some((op, Some(completion))) => {
                history.complete(op, completion, now);
                pending[process] = None;
            }
        }
    }
    history
}

fn call(numbers: &mut Numbers, written: &mut u64, values: u64, current: Option<u64>, key: u32) -> Call {
    *written += 1;
    let new = *written % values;
    let (function, input) = match (numbers.below(10), current) {
        (0..5, _) => (READ, Value::Nil),
        (8.., Some(current)) => (CAS, Value::Pair(current, new)),
        _ => (WRITE, Value::Int(new)),
    };
    Call { function, key, input }
}

#[divan::bench(args = SHAPES)]
fn online(bencher: Bencher<'_, '_>, shape: Shape) {
    let history = history(shape);
    let mut checker = Linearizability::<Register>::new();
    bencher.bench_local(|| assert_eq!(observe(&mut checker, black_box(&history)), Verdict::Valid));
}

#[divan::bench(args = SHAPES)]
fn whole(bencher: Bencher<'_, '_>, shape: Shape) {
    let history = history(shape);
    let mut checker = Linearizability::<Register>::new();
    bencher.bench_local(|| assert_eq!(checker.check(black_box(&history)), Verdict::Valid));
}

#[divan::bench(args = SHAPES)]
fn fork(bencher: Bencher<'_, '_>, shape: Shape) {
    let mut checker = Linearizability::<Register>::new();
    assert_eq!(observe(&mut checker, &history(shape)), Verdict::Valid);
    bencher.bench_local(|| checker.fork());
}
