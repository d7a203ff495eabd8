//! Histories of registers that are right, from a seed, and those of etcd whose verdicts are known.

use std::{fs, path::Path};

use murphy_checker::{
    family::Family,
    history::{Call, Completion, History, Value, Values},
    model::{CAS, Model, READ, Register, WRITE},
    read::{Format, read},
};

/// What a history looks like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Clients, each with one operation at a time.
    pub processes: u32,
    /// Registers.
    pub keys: u32,
    /// Written values are below this.
    pub values: u64,
    /// One operation in so many times out; 0: none does.
    pub timeouts: u64,
    /// Of ten operations, so many read and so many write; the rest are compare-and-set of what is there.
    pub mix: [u64; 2],
    /// How many operations.
    pub operations: usize,
    /// Whether all clients turn from key to key together, as those of Jepsen's `independent` do, rather than each at random.
    pub is_by_key: bool,
}

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

/// A history of registers that are right. Each process in turn, as the dice fall, invokes, takes effect, and returns.
pub fn registers(shape: Shape, seed: u64) -> History {
    let mut numbers = Numbers(seed);
    let mut history = History { functions: Register::FUNCTIONS, ..History::default() };
    let mut registers = vec![Register::init(); shape.keys as usize + 1];
    let mut pending = vec![None; shape.processes as usize];
    let mut written = 0;
    while history.operations.len() < shape.operations || pending.iter().any(Option::is_some) {
        let now = history.events.len() as u64 * 1_000_000;
        let process = numbers.below(u64::from(shape.processes)) as usize;
        match pending[process] {
            None if history.operations.len() < shape.operations => {
                let turn = history.operations.len() as u64 * u64::from(shape.keys) / shape.operations as u64;
                let at = if shape.is_by_key { turn } else { numbers.below(u64::from(shape.keys)) };
                let key = 1 + at as u32;
                written += 1;
                let call = call(&mut numbers, written % shape.values, shape.mix, registers[key as usize], key);
                pending[process] = Some((history.invoke(process as u32, call, 1, now), None));
            }
            None => {}
            Some((op, None)) => {
                let call = history.operation(op).call;
                let completion = take_effect(&mut registers[call.key as usize], &call);
                let is_lost = shape.timeouts > 0 && numbers.below(shape.timeouts) == 0;
                pending[process] = Some((op, Some(if is_lost { Completion::Info } else { completion })));
            }
            Some((op, Some(completion))) => {
                history.complete(op, completion, now);
                pending[process] = None;
            }
        }
    }
    history
}

fn call(numbers: &mut Numbers, new: u64, [reads, writes]: [u64; 2], current: Option<u64>, key: u32) -> Call {
    let die = numbers.below(10);
    let (function, input) = match current {
        _ if die < reads => (READ, Value::Nil),
        Some(current) if die >= reads + writes => (CAS, Value::Pair(current, new)),
        _ => (WRITE, Value::Int(new)),
    };
    Call { function, key, input }
}

fn take_effect(register: &mut Option<u64>, call: &Call) -> Completion<Value> {
    let output = if call.function == READ { register.map_or(Value::Nil, Value::Int) } else { Value::Nil };
    let after = Register::step(register, call, None, &Values::default());
    *register = after.unwrap_or(*register);
    if after.is_some() { Completion::Ok(output) } else { Completion::Fail }
}

/// A history that was judged by others.
pub struct Judged {
    /// Its file.
    pub name: String,
    /// What happened.
    pub history: History,
    /// Whether it is linearizable.
    pub is_linearizable: bool,
}

/// Jepsen's histories of etcd with the verdicts of Porcupine's own test; none where the folder is missing.
pub fn etcd() -> Vec<Judged> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let folders = above.map(|folder| folder.join("shared/data/histories/porcupine-etcd"));
    let Some(folder) = folders.into_iter().find(|folder| folder.is_dir()) else { return Vec::new() };
    let verdicts = fs::read_to_string(folder.join("VERDICTS.tsv")).expect("verdicts beside the histories");
    let judged = verdicts.lines().skip(1).map(|line| {
        let (name, verdict) = line.split_once('\t').expect("a file and its verdict");
        let text = fs::read_to_string(folder.join(name)).expect("a history that has a verdict");
        let history = read(&text, Format::of(&text), Family::CasRegister).expect("a history of a register");
        Judged { name: name.to_owned(), history, is_linearizable: verdict == "true" }
    });
    judged.collect()
}
