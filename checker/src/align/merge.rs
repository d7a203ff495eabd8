//! One history of what several logs say, on the clock of the first.
//!
//! An operation that several logs have is that of the first of them, who waited for it; the others served it. A clock is known within
//! bounds only, so an operation of another log is taken to begin as early and to end as late as they allow: its place in an order
//! is less certain than it was, never more. What is wrong with the history is so for every clock within the bounds.
//!
//! So two operations of a log can overlap that did not, if the gap between them is smaller than what is not known of its clock: that
//! order is given up. Where they are of one process, the later one is then of another process, which makes no difference to
//! linearizability, and asks less where the order of a process counts. Events of one time are simultaneous.
//!
//! Deliberately absent: what other logs say of when an operation took effect.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{Ahead, name};
use crate::{
    edn::{self, Edn},
    read::{Format, ReadError, ReadErrorKind, entries, json_of, of_json},
};

/// Why there is no one history.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MergeError {
    /// A log cannot be read.
    #[error("{error}")]
    Read {
        /// Which log, from 0.
        log: usize,
        /// What is wrong with it.
        error: ReadError,
    },
    /// A log has operations of its own, and no bounds say when they were.
    #[error("nothing says how far the clock of log {log} is ahead at {}", if *.least { "least" } else { "most" })]
    Unbounded {
        /// Which log, from 0.
        log: usize,
        /// Whether it is the lower bound that is missing.
        least: bool,
    },
}

/// Operation maps of one history, in the order of time.
#[derive(Debug)]
pub struct Merged(Vec<Edn>);

impl Merged {
    /// A map a line.
    pub fn to_edn(&self) -> String {
        self.0.iter().map(|entry| format!("{entry}\n")).collect()
    }

    /// An object a line.
    pub fn to_json_lines(&self) -> String {
        self.0.iter().map(|entry| format!("{}\n", json_of(entry.clone()))).collect()
    }
}

/// An operation, on the clock of the first log.
struct Operation {
    /// Its log and its process there.
    of: (usize, i64),
    began: i128,
    ended: Option<i128>,
    invocation: Edn,
    completion: Option<Edn>,
    id: Option<String>,
}

/// The operations of all logs, texts of operation maps, as one history. What has the same value of the field `id` in an earlier log
/// is the same operation. `clocks` are what [`align`](super::align) says of them.
///
/// # Errors
/// The first mistake, or a log whose operations nothing places on the clock of the first.
pub fn merge(logs: &[&str], id: &str, clocks: &[Ahead]) -> Result<Merged, MergeError> {
    let mut all: Vec<Operation> = Vec::new();
    let mut known = BTreeSet::new();
    // What is a keyword in one notation is a text in another.
    let is_mixed = logs.iter().any(|text| Format::of(text) != Format::Edn);
    for (at, (text, clock)) in logs.iter().zip(clocks).enumerate() {
        let own = operations(at, text, id, is_mixed).map_err(|error| MergeError::Read { log: at, error })?;
        let is_new = |one: &Operation| one.id.as_ref().is_none_or(|id| !known.contains(id));
        let new: Vec<Operation> = own.into_iter().filter(is_new).collect();
        known.extend(new.iter().filter_map(|one| one.id.clone()));
        for mut one in new {
            let missing = |least| MergeError::Unbounded { log: at, least };
            one.began -= i128::from(clock.most.ok_or(missing(false))?);
            let least = i128::from(clock.least.ok_or(missing(true))?);
            one.ended = one.ended.map(|ended| ended - least);
            all.push(one);
        }
    }
    Ok(Merged(lines(all)))
}

/// What a log says of each operation, on its own clock.
fn operations(log: usize, text: &str, id: &str, is_mixed: bool) -> Result<Vec<Operation>, ReadError> {
    let mut all: Vec<Operation> = Vec::new();
    let mut open: BTreeMap<i64, usize> = BTreeMap::new();
    for (at, entry) in entries(text, Format::of(text))? {
        let entry = if is_mixed { uniform(entry) } else { entry };
        let process = match entry.get("process") {
            None => 0,
            Some(Edn::Int(process)) => *process,
            Some(_) => continue,
        };
        let Some(kind) = entry.get("type").and_then(Edn::word) else { continue };
        let missing = || ReadError { place: edn::place(text, at), kind: ReadErrorKind::Missing("time") };
        let time = i128::from(entry.get("time").and_then(Edn::int).ok_or_else(missing)?);
        let id = entry.get(id).map(name);
        if kind == "invoke" {
            open.insert(process, all.len());
            let (of, invocation) = ((log, process), entry);
            all.push(Operation { of, began: time, ended: None, invocation, completion: None, id });
        } else if let Some(place) = open.remove(&process) {
            let one = &mut all[place];
            one.ended = Some(time);
            one.id = one.id.take().or(id);
            one.completion = Some(entry);
        }
    }
    Ok(all)
}

/// The entry with texts for all words, but that its fields are keywords.
fn uniform(entry: Edn) -> Edn {
    match of_json(json_of(entry)) {
        Edn::Map(fields) => {
            let word = |name: Edn| name.word().map(|word| Edn::Word(word.to_owned())).unwrap_or(name);
            Edn::Map(fields.into_iter().map(|(name, value)| (word(name), value)).collect())
        }
        other => other,
    }
}

/// The lines of a history of these operations. Its first event is at no negative time.
fn lines(mut all: Vec<Operation>) -> Vec<Edn> {
    all.sort_by_key(|one| one.began);
    let start = all.first().map_or(0, |first| first.began.min(0));
    let mut processes = Processes::default();
    let mut events: Vec<(i128, bool, usize, Edn)> = Vec::new();
    for (at, one) in all.into_iter().enumerate() {
        let process = processes.of(one.of, one.began, one.ended);
        let mut put = |time: i128, is_end, mut entry: Edn| {
            let time = time - start;
            set(&mut entry, "time", i64::try_from(time).unwrap_or(i64::MAX));
            set(&mut entry, "process", process);
            events.push((time, is_end, at, entry));
        };
        put(one.began, false, one.invocation);
        if let (Some(ended), Some(completion)) = (one.ended, one.completion) {
            put(ended, true, completion);
        }
    }
    events.sort_by_key(|(time, is_end, at, _)| (*time, *is_end, *at));
    let numbered = (0..).zip(events).map(|(index, (.., mut entry))| {
        set(&mut entry, "index", index);
        entry
    });
    numbered.collect()
}

/// The processes of the history.
#[derive(Default)]
struct Processes {
    /// Of each process of a log: the numbers that stand for it, and until when each is busy.
    numbers: BTreeMap<(usize, i64), Vec<(i64, i128)>>,
    count: i64,
}

impl Processes {
    /// The number of the process that is free for an operation.
    fn of(&mut self, process: (usize, i64), began: i128, ended: Option<i128>) -> i64 {
        let numbers = self.numbers.entry(process).or_default();
        let until = ended.unwrap_or(i128::MAX);
        if let Some((number, busy)) = numbers.iter_mut().find(|(_, busy)| *busy < began) {
            *busy = until;
            return *number;
        }
        numbers.push((self.count, until));
        self.count += 1;
        self.count - 1
    }
}

fn set(entry: &mut Edn, field: &str, number: i64) {
    let Edn::Map(fields) = entry else { return };
    match fields.iter_mut().find(|(name, _)| name.word() == Some(field)) {
        Some((_, value)) => *value = Edn::Int(number),
        None => fields.push((Edn::Word(field.to_owned()), Edn::Int(number))),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::align, *};
    use crate::{align::log, family::Family, linearizability::check, model::Register, read::read, verdict::Verdict};

    fn merged(logs: &[&str]) -> Result<String, String> {
        let each: Vec<_> = logs.iter().map(|text| log(text, "id").expect("it can be read")).collect();
        let clocks = align(&each).map_err(|error| error.to_string())?;
        merge(logs, "id", &clocks).map(|merged| merged.to_edn()).map_err(|error| error.to_string())
    }

    /// One of process 0 that is invoked and completes at these times.
    fn op(id: &str, f: &str, value: &str, [began, ended]: [i64; 2]) -> String {
        let entry = |kind: &str, time: i64| {
            format!("{{:type :{kind} :f :{f} :value {value} :process 0 :id :{id} :time {time}}}\n")
        };
        entry("invoke", began) + &entry("ok", ended)
    }

    #[track_caller]
    fn is_valid(logs: &[&str]) -> bool {
        let text = merged(logs).expect("there is one history");
        let history = read(&text, Format::Edn, Family::Register).expect("it can be read");
        check::<Register>(&history) == Verdict::Valid
    }

    #[test]
    fn what_several_have_is_one_operation_on_the_clock_of_the_first() {
        let served = "{:id :a :time 1150}\n";
        assert_eq!(
            merged(&[&op("a", "write", "1", [100, 200]), served]).as_deref(),
            Ok("{:type :invoke :f :write :value 1 :process 0 :id :a :time 100 :index 0}\n\
                {:type :ok :f :write :value 1 :process 0 :id :a :time 200 :index 1}\n")
        );
        // Both say what the operation was: it is still one.
        let both = [&op("a", "write", "1", [100, 200])[..], &op("a", "write", "1", [1150, 1160])];
        assert_eq!(merged(&both).map(|text| text.lines().count()), Ok(2));
    }

    #[test]
    fn what_is_not_known_of_a_clock_makes_operations_longer_and_no_violation() {
        // The other clock is ahead by 900 to 1000.
        let write = op("a", "write", "1", [100, 200]);
        let other = |began: i64| op("a", "write", "1", [1100, 1100]) + &op("b", "read", "nil", [began, began + 5]);
        assert!(is_valid(&[&write, &other(1190)]), "between 190 and 290 on the first clock: it may have come before");
        assert!(is_valid(&[&write, &other(1200)]));
        assert!(!is_valid(&[&write, &other(1201)]), "after 201, whatever the clock");
        let text = merged(&[&write, &other(1190)]).expect("there is one history");
        assert!(text.contains(":value nil :process 1 :id :b :time 190"), "{text}");
        assert!(text.contains(":value nil :process 1 :id :b :time 295"), "{text}");
    }

    #[test]
    fn operations_of_a_process_that_overlap_for_it_are_of_two() {
        let write = op("a", "write", "1", [100, 200]);
        let other = op("a", "write", "1", [1100, 1100])
            + &op("b", "write", "2", [1400, 1410])
            + &op("c", "write", "3", [1420, 1430])
            + &op("d", "read", "3", [2000, 2010]);
        let text = merged(&[&write, &other]).expect("there is one history");
        let processes = |id: &str| {
            let lines = text.lines().filter(|line| line.contains(id));
            lines.map(|line| line.contains(":process 1")).collect::<Vec<_>>()
        };
        let both = [":b", ":c", ":d"].map(|id| processes(&format!(":id {id}")));
        assert_eq!(both, [[true, true], [false, false], [true, true]]);
    }

    #[test]
    fn times_before_the_first_clock_began_are_moved_to_it() {
        let text = merged(&[
            &op("a", "write", "1", [10, 20]),
            &(op("b", "write", "2", [0, 1]) + &op("a", "write", "1", [1015, 1015])),
        ]);
        let text = text.expect("there is one history");
        assert!(text.starts_with("{:type :invoke :f :write :value 2 :process 0 :id :b :time 0 "), "{text}");
        assert!(text.contains(":id :a :time 1015 "), "{text}");
    }

    #[test]
    fn what_nothing_places_is_refused() {
        let write = op("a", "write", "1", [100, 200]);
        let refused = merged(&[&write, &op("b", "read", "nil", [5, 6])]);
        assert_eq!(refused, Err("nothing says how far the clock of log 1 is ahead at most".to_owned()));
        let timeless = "{:id :a :time 1150}\n{:type :invoke :f :read :process 0}\n";
        assert_eq!(merged(&[&write, timeless]), Err("2:1: an operation without `time`".to_owned()));
        let drifted = "{:id :a :time 1150}\n{:id :b :time 1420}\n";
        let asked = write + &op("b", "read", "1", [300, 330]);
        assert!(merged(&[&asked, drifted]).is_err_and(|error| error.starts_with("no offsets of the clocks fit")));
    }

    #[test]
    fn words_of_several_notations_are_the_same() {
        let json = "{\"id\":\"a\",\"time\":1100}\n{\"id\":\"b\",\"type\":\"invoke\",\"f\":\"read\",\"key\":\"x\",\"value\":null,\"process\":0,\"time\":1300}\n";
        let edn = "{:id :a :type :invoke :f :write :key :x :value 1 :process 0 :time 100}{:id :a :type :ok :f :write :key :x :value 1 :process 0 :time 200}";
        let text = merged(&[edn, json]).expect("there is one history");
        assert_eq!(Format::of(&text), Format::Edn);
        assert_eq!(text.matches(":key \"x\"").count(), 3, "{text}");
    }
}
