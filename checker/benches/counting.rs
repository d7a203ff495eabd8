//! Do the checkers that count take time in proportion to the length of a history?
//!
//! Each judges a valid history of 1,000,000 operations by ten processes, of which ten overlap, but for locks; and ten of 100,000, one after
//! the other, so that neither stays in a processor's cache. Ten times the work should take no more than 12 times as long, which is 1.2 times what the second takes. Where a table of
//! a million elements is filled (the sets) it is more, up to 2: pages that the system hands out anew, and tables that no cache holds.
//!
//! Not the question: short histories, and histories whose reads together are longer than a few times the number of operations.

use divan::{Bencher, black_box};
use murphy_checker::{
    family::Family,
    history::{Call, Completion, Deed, History, Micro, OpId, Value, Values},
    verdict::Verdict,
};

fn main() {
    divan::main();
}

const PROCESSES: usize = 10;

/// What operation `at` of `count` asks, and what it gets; `done` operations have completed by then.
struct Slot<'a> {
    at: usize,
    done: usize,
    count: usize,
    values: &'a mut Values,
}

impl Slot<'_> {
    fn round(&self) -> usize {
        self.at / PROCESSES
    }

    fn is_last_round(&self) -> bool {
        self.at + PROCESSES >= self.count
    }

    /// All adds that have completed, once in a tenth of the history, and for all processes at the end.
    fn set(&mut self) -> (Call, Value) {
        let is_read = |at: usize| at + PROCESSES >= self.count || at.is_multiple_of(self.count / 10);
        if is_read(self.at) {
            let all: Vec<u64> = (0..self.done).filter(|at| !is_read(*at)).map(|at| at as u64).collect();
            (call(1, Value::Nil), self.values.list(&all))
        } else {
            (call(0, Value::Int(self.at as u64)), Value::Nil)
        }
    }

    fn queue(&self) -> (Call, Value) {
        match self.round() % 2 {
            0 => (call(0, Value::Int(self.at as u64)), Value::Nil),
            _ => (call(1, Value::Nil), Value::Int((self.at - PROCESSES) as u64)),
        }
    }

    fn counter(&self) -> (Call, Value) {
        match self.round() % 2 {
            0 => (call(1, Value::Int(1)), Value::Nil),
            _ => (call(0, Value::Nil), Value::Int((self.done / 2 + PROCESSES / 2) as u64)),
        }
    }

    fn bank(&mut self) -> (Call, Value) {
        let moved = self.at as u64 % 7;
        let parts = [(1, 10 - moved), (2, moved), (3, 5)];
        let parts = parts.map(|(key, value)| Micro { deed: Deed::Read, key, value: Value::Int(value) });
        (call(0, Value::Nil), self.values.transaction(&parts))
    }

    /// Every process sends, then every one polls what all have sent.
    fn kafka(&mut self) -> (Call, Value) {
        let part = |deed, at: usize| Micro { deed, key: 1, value: Value::Pair(at as u64, at as u64) };
        let round = self.round();
        if round.is_multiple_of(2) {
            let asked = Micro { value: Value::Int(self.at as u64), ..part(Deed::Append, self.at) };
            let asked = self.values.transaction(&[asked]);
            let done = self.values.transaction(&[part(Deed::Append, self.at)]);
            (Call { key: 0, ..call(0, asked) }, done)
        } else {
            let all = (round - 1) * PROCESSES..round * PROCESSES;
            let parts: Vec<Micro> = all.map(|at| part(Deed::Read, at)).collect();
            (Call { key: 0, ..call(1, Value::Nil) }, self.values.transaction(&parts))
        }
    }

    fn register(&self) -> (Call, Value) {
        if self.is_last_round() { (call(0, Value::Nil), Value::Int(1)) } else { (call(1, Value::Int(1)), Value::Nil) }
    }

    fn of(&mut self, family: Family) -> (Call, Value) {
        match family {
            Family::Queue | Family::TotalQueue | Family::FifoGroups => self.queue(),
            Family::UniqueIds => (call(0, Value::Nil), Value::Int(self.at as u64)),
            Family::JepsenCounter | Family::PnCounter | Family::ReplicatedCounter => self.counter(),
            Family::Bank | Family::BankOverdraft => self.bank(),
            Family::Kafka => self.kafka(),
            Family::Lock => (call((self.at % 2) as u8, Value::Nil), Value::Nil),
            Family::MonotonicReads => (call(0, Value::Nil), Value::Int(self.at as u64)),
            Family::Convergence | Family::Stats => self.register(),
            Family::Ring => (call(0, Value::Nil), self.values.list(&[0, 1, 1, 2, 2, 0])),
            _ => self.set(),
        }
    }
}

fn call(function: u8, input: Value) -> Call {
    Call { function, key: 1, input }
}

/// A valid history of so many operations.
fn history(family: Family, count: usize) -> History {
    let functions = if family == Family::Stats { &["read", "write"] } else { family.functions() };
    let mut history = History { functions, ..History::default() };
    // A lock has one client at a time, and two operations each.
    let (width, turn) = if family == Family::Lock { (1, 2) } else { (PROCESSES, 1) };
    for done in (0..count).step_by(width) {
        let mut outputs = Vec::new();
        for at in done..done + width {
            let (call, output) = Slot { at, done, count, values: &mut history.values }.of(family);
            let process = (at / turn % PROCESSES) as u32;
            let op = history.invoke(process, call, process as u16 + 1, at as u64);
            outputs.push((op, output));
        }
        for (op, output) in outputs {
            history.complete(op, Completion::Ok(output), u64::from(op.0) + 1);
        }
    }
    assert_eq!(history.operation(OpId(count as u32 - 1)).completion.map(|(_, at)| at), Some(count as u64));
    history
}

/// A checker, how many histories it judges, and how long each is.
struct Case(Family, usize, usize);

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/histories={}/{}", self.0.name(), self.1, self.2)
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let those = Family::ALL.iter().filter(|family| family.counts());
    those.flat_map(|family| [(10, 100_000), (1, 1_000_000)].map(|(histories, count)| Case(*family, histories, count)))
}

#[divan::bench(args = cases(), sample_count = 5, sample_size = 1)]
fn count(bencher: Bencher<'_, '_>, Case(family, histories, count): &Case) {
    let histories: Vec<History> = (0..*histories).map(|_| history(*family, *count)).collect();
    bencher.bench_local(|| {
        for history in &histories {
            assert_eq!(family.check(black_box(history), 0), Verdict::Valid);
        }
    });
}
