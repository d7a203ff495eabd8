//! What anomalies of different histories have in common: their operations with every name taken away.
//!
//! Processes, keys, values and operations are called by the order in which they first occur, and of time only the order counts that
//! matters: which operation had ended before which began. Two anomalies with the same text are the same pattern; a hash of the
//! text is a short name for it.
//!
//! The text is the smallest of those that orders of simultaneous events give. Where there are too many such orders it is that of one,
//! so that equal patterns may have different texts, but never different patterns the same.
//!
//! Deliberately absent: how the operations came about, and what is not among them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::history::{Completion, Deed, Event, History, Micro, OpId, Value};

/// So many orders of events that might have been otherwise are compared.
const ORDERS_MAX: usize = 5_040;

/// The pattern of operations of `history` up to the completion of `last`, if that is one of them, as a text.
pub fn of_operations(history: &History, operations: &[OpId], last: Option<OpId>) -> String {
    let runs = runs(history, operations, last);
    let orders = runs.iter().flat_map(|run| 1..=run.len()).try_fold(1_usize, |count, next| count.checked_mul(next));
    if orders.is_none_or(|orders| orders > ORDERS_MAX) {
        return spelled(history, &runs.concat());
    }
    let mut least: Option<String> = None;
    each_order(&runs, &mut Vec::new(), &mut |events| {
        let text = spelled(history, events);
        if least.as_ref().is_none_or(|least| text < *least) {
            least = Some(text);
        }
    });
    least.unwrap_or_default()
}

/// The pattern of transactions of which each comes before the next, for a reason with a name, and the last before the first.
pub fn of_circle(history: &History, circle: &[(OpId, &str)]) -> String {
    let rotated = (0..circle.len()).map(|first| {
        let (before, from) = circle.split_at(first);
        spelled_transactions(history, &[from, before].concat())
    });
    rotated.min().unwrap_or_default()
}

/// The events of the operations, those together that follow each other and are of one kind: the order among them says nothing.
fn runs(history: &History, operations: &[OpId], last: Option<OpId>) -> Vec<Vec<Event>> {
    let operations: BTreeSet<OpId> = operations.iter().copied().collect();
    let end = last.and_then(|last| history.events.iter().position(|event| *event == Event::Complete(last)));
    let mut runs: Vec<Vec<Event>> = Vec::new();
    for &event in &history.events[..end.map_or(history.events.len(), |end| end + 1)] {
        let (Event::Invoke(op) | Event::Complete(op)) = event;
        let says_nothing = |op| matches!(event, Event::Complete(_)) && kind(history, op) == "info";
        if !operations.contains(&op) || says_nothing(op) {
            continue;
        }
        let is_same = |run: &&mut Vec<Event>| std::mem::discriminant(&run[0]) == std::mem::discriminant(&event);
        match runs.last_mut().filter(is_same) {
            Some(run) => run.push(event),
            None => runs.push(vec![event]),
        }
    }
    let shape = |event: &Event| spelled(history, &[*event]);
    runs.iter_mut().for_each(|run| run.sort_by_cached_key(shape));
    runs
}

fn each_order(runs: &[Vec<Event>], taken: &mut Vec<Event>, use_it: &mut impl FnMut(&[Event])) {
    let Some((run, rest)) = runs.split_first() else { return use_it(taken) };
    let start = taken.len();
    extend(run, &mut vec![false; run.len()], taken, &mut |taken| each_order_of(rest, taken, use_it));
    taken.truncate(start);
}

/// [`each_order`], so that the closure in it has no type that contains itself.
fn each_order_of(runs: &[Vec<Event>], taken: &mut Vec<Event>, use_it: &mut dyn FnMut(&[Event])) {
    each_order(runs, taken, &mut |events| use_it(events));
}

fn extend(run: &[Event], used: &mut [bool], taken: &mut Vec<Event>, then: &mut dyn FnMut(&mut Vec<Event>)) {
    if used.iter().all(|used| *used) {
        return then(taken);
    }
    for at in 0..run.len() {
        if !used[at] {
            used[at] = true;
            taken.push(run[at]);
            extend(run, used, taken, then);
            taken.pop();
            used[at] = false;
        }
    }
}

fn kind(history: &History, op: OpId) -> &'static str {
    match history.operation(op).completion {
        Some((Completion::Ok(_), _)) => "ok",
        Some((Completion::Fail, _)) => "fail",
        Some((Completion::Info, _)) | None => "info",
    }
}

/// What was called how, in the order in which it first occurred.
struct Called<T>(BTreeMap<T, usize>);

impl<T> Default for Called<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord> Called<T> {
    fn number(&mut self, one: T) -> usize {
        let count = self.0.len();
        *self.0.entry(one).or_insert(count)
    }
}

#[derive(Default)]
struct Speller {
    operations: Called<OpId>,
    processes: Called<u32>,
    keys: Called<u32>,
    values: Called<u64>,
    text: String,
}

impl Speller {
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("a string takes all that is written");
    }

    fn number(&mut self, number: u64) {
        let number = self.values.number(number);
        self.put(format_args!(" v{number}"));
    }

    fn value(&mut self, history: &History, value: Value) {
        match value {
            Value::Nil => self.put(format_args!(" nil")),
            Value::Int(number) => self.number(number),
            Value::Pair(first, second) => {
                self.number(first);
                self.number(second);
            }
            Value::List(span) => {
                self.put(format_args!(" ["));
                history.values.items(span).iter().for_each(|number| self.number(*number));
                self.put(format_args!(" ]"));
            }
            Value::Transaction(span) => {
                history.values.parts(span).iter().for_each(|part| self.part(history, part));
            }
        }
    }

    fn part(&mut self, history: &History, part: &Micro) {
        let key = self.keys.number(part.key);
        self.put(format_args!(" {} k{key}", deed(part.deed)));
        if part.deed != Deed::Match {
            self.value(history, part.value);
        }
    }

    fn event(&mut self, history: &History, event: Event) {
        let (Event::Invoke(op) | Event::Complete(op)) = event;
        let (operation, number) = (history.operation(op), self.operations.number(op));
        match event {
            Event::Invoke(_) => {
                let (process, key) = (self.processes.number(operation.process), self.keys.number(operation.call.key));
                let function = history.functions.get(usize::from(operation.call.function)).copied().unwrap_or("?");
                self.put(format_args!("o{number} p{process} {function} k{key}"));
                self.value(history, operation.call.input);
            }
            Event::Complete(_) => {
                self.put(format_args!("o{number} {}", kind(history, op)));
                match (operation.completion, operation.call.input) {
                    (Some((Completion::Ok(Value::Int(said @ (0 | 1))), _)), input) if input != Value::Nil => {
                        // Yes or no, and no value.
                        self.put(format_args!(" {said}"));
                    }
                    (Some((Completion::Ok(output), _)), _) => self.value(history, output),
                    _ => {}
                }
            }
        }
        self.text.push('\n');
    }
}

fn deed(deed: Deed) -> &'static str {
    match deed {
        Deed::Read => "r",
        Deed::Write => "w",
        Deed::Append => "append",
        Deed::Match => "rp",
        Deed::Begin => "begin",
    }
}

fn spelled(history: &History, events: &[Event]) -> String {
    let mut speller = Speller::default();
    events.iter().for_each(|event| speller.event(history, *event));
    speller.text
}

/// The parts of the transactions that concern keys of several of them. Of what was read only that counts which one of them wrote.
fn spelled_transactions(history: &History, circle: &[(OpId, &str)]) -> String {
    let parts = |op: OpId| {
        let operation = history.operation(op);
        let done = match operation.completion {
            Some((Completion::Ok(output @ Value::Transaction(_)), _)) => output,
            _ => operation.call.input,
        };
        history.values.micros(done)
    };
    let mut owners: BTreeMap<u32, Vec<OpId>> = BTreeMap::new();
    let mut written = Vec::new();
    for part_of in circle.iter().map(|(op, _)| *op) {
        for part in parts(part_of) {
            owners.entry(part.key).or_default().push(part_of);
            if let (Deed::Write | Deed::Append, Value::Int(number)) = (part.deed, part.value) {
                written.push(number);
            }
        }
    }
    let is_shared = |part: &&Micro| owners[&part.key].iter().any(|owner| *owner != owners[&part.key][0]);
    let mut speller = Speller::default();
    // Equal values of different keys have nothing to do with each other.
    let mut values = Called::default();
    for (op, reason) in circle {
        for part in parts(*op).iter().filter(is_shared) {
            let key = speller.keys.number(part.key);
            speller.put(format_args!(" {} k{key}", deed(part.deed)));
            let numbers = history.values.numbers(&part.value).iter().filter(|number| written.contains(number));
            for number in numbers {
                let number = values.number((part.key, *number));
                speller.put(format_args!(" v{number}"));
            }
        }
        speller.put(format_args!(" < {reason}\n"));
    }
    speller.text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{parse, parse_as};

    fn pattern(text: &str) -> String {
        let history = parse(text);
        let all: Vec<OpId> = (0..history.operations.len() as u32).map(OpId).collect();
        of_operations(&history, &all, None)
    }

    const STALE: &str = "p0 write 1\np0 ok\np1 write 2\np2 write 3\np1 ok\np2 ok\np3 read\np3 ok 1";

    #[test]
    fn names_and_the_order_of_what_happens_at_once_do_not_count() {
        assert_eq!(
            pattern("p0 write 1\np0 ok\np1 read\np1 ok nil"),
            "o0 p0 write k0 v0\no0 ok nil\no1 p1 read k0 nil\no1 ok nil\n"
        );
        for other in [
            "p7 k3 write 9\np7 ok\np1 k3 write 5\np2 k3 write 4\np2 ok\np1 ok\np5 k3 read\np5 ok 9",
            "p0 write 1\np0 ok\np2 write 3\np1 write 2\np1 ok\np2 ok\np3 read\np3 ok 1",
        ] {
            assert_eq!(pattern(other), pattern(STALE), "{other}");
        }
        for other in [
            "p0 write 1\np0 ok\np1 write 2\np2 write 3\np1 ok\np2 ok\np0 read\np0 ok 1",
            "p0 write 1\np0 ok\np1 write 2\np1 ok\np2 write 3\np2 ok\np3 read\np3 ok 1",
            "p0 write 1\np0 ok\np1 write 2\np2 write 3\np1 ok\np2 ok\np3 read\np3 ok nil",
            "p0 write 1\np0 ok\np1 write 2\np2 write 2\np1 ok\np2 ok\np3 read\np3 ok 1",
            "p0 write 1\np0 info\np1 write 2\np2 write 3\np1 ok\np2 ok\np3 read\np3 ok 1",
        ] {
            assert_ne!(pattern(other), pattern(STALE), "{other}");
        }
    }

    #[test]
    fn what_comes_after_the_anomaly_does_not_count() {
        let history = parse("p0 write 1\np1 write 2\np1 ok\np2 read\np2 ok 7\np0 ok");
        let all = [OpId(0), OpId(1), OpId(2)];
        assert!(of_operations(&history, &all, Some(OpId(2))).ends_with("o2 ok v2\n"));
        assert_ne!(of_operations(&history, &all, Some(OpId(2))), of_operations(&history, &all, None));
    }

    #[test]
    fn where_too_much_happens_at_once_one_order_is_taken() {
        let many: String = (0..12).map(|process| format!("p{process} write {process}\n")).collect();
        assert!(pattern(&many).starts_with("o0 p0 write k0 v0\no1 p1 write k0 v1\n"));
    }

    #[test]
    fn a_circle_is_the_same_wherever_it_begins() {
        let functions: &[&str] = &["txn"];
        let text = "p0 txn r1 a2=5 r8\np1 txn r2 a1=6\np0 ok r1= a2=5 r8=3,4\np1 ok r2= a1=6";
        let same = parse_as(functions, &text.replace('6', "5"));
        let history = parse_as(functions, text);
        let circle = of_circle(&history, &[(OpId(0), "rw"), (OpId(1), "rw")]);
        assert_eq!(circle, " r k0 append k1 v0 < rw\n r k1 append k0 v1 < rw\n");
        assert_eq!(of_circle(&history, &[(OpId(1), "rw"), (OpId(0), "rw")]), circle);
        assert_eq!(of_circle(&same, &[(OpId(0), "rw"), (OpId(1), "rw")]), circle);
        assert_ne!(of_circle(&history, &[(OpId(0), "rw"), (OpId(1), "wr")]), circle);
    }
}
