//! Whose clock is how far ahead, from what several logs recorded of the same operations.
//!
//! An operation that a client's log and a server's log both have, by a correlation id, was served while the client waited: the
//! server's entries of it lie between the client's first and last. Each such operation bounds from both sides how far the one clock is
//! ahead of the other. These are difference constraints, which shortest paths solve (Pratt, 1977; Cormen et al., "Difference constraints
//! and shortest paths"); that several logs bound each other in a circle is used. Where the bounds contradict each other, the clocks
//! drifted, or the ids do not mean what was said.
//!
//! With the bounds, [`merge`] makes one history of all logs.
//!
//! Deliberately absent: clocks whose rates differ, and guesses within the bounds.

mod merge;

use std::collections::BTreeMap;

use thiserror::Error;

pub use self::merge::{MergeError, Merged, merge};
use crate::{
    edn::Edn,
    read::{Format, ReadError, entries},
};

/// What a log has of an operation, on its own clock in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The time of its first entry.
    pub first: i64,
    /// The time of its last entry; `None` if it did not end there.
    pub last: Option<i64>,
}

/// The operations of a log by their correlation ids.
pub type Log = BTreeMap<String, Interval>;

/// How far one clock is ahead of another, in nanoseconds; `None`: nothing bounds it on that side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// At least so far.
    pub least: Option<i64>,
    /// At most so far.
    pub most: Option<i64>,
}

/// Logs that contradict each other, however their clocks are apart.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no offsets of the clocks fit the operations {}: they miss by {} ms", .operations.join(", "), *.by as f64 / 1e6)]
pub struct Contradictory {
    /// The correlation ids of operations that together fit no offsets.
    pub operations: Vec<String>,
    /// By how much, in nanoseconds.
    pub by: i64,
}

/// What a log in operation maps, EDN or JSON, has of each operation, by the field `id`. Entries without it or without a time are left
/// out. What was only invoked, or ended `info`, was not answered; without types, it is all over at once.
///
/// # Errors
/// The first mistake, with its line and column.
pub fn log(text: &str, id: &str) -> Result<Log, ReadError> {
    let mut log = Log::new();
    for (_, entry) in entries(text, Format::of(text))? {
        let (Some(id), Some(time)) = (entry.get(id), entry.get("time").and_then(|time| time.int())) else { continue };
        let kind = entry.get("type").and_then(|kind| kind.word());
        let last = (!matches!(kind, Some("invoke" | "info"))).then_some(time);
        let one = log.entry(name(id)).or_insert(Interval { first: time, last });
        one.first = one.first.min(time);
        one.last = one.last.max(last);
    }
    Ok(log)
}

/// A correlation id: one log may have as a text what another has as a word.
fn name(id: &Edn) -> String {
    id.word().map_or_else(|| id.to_string(), str::to_owned)
}

/// The least that one clock's lead over another can be bounded by, and the operations that say so.
type Bound = Option<(i128, Vec<String>)>;

/// How far the clock of each log is ahead of that of the first. What is recorded by two was served by the later one for the earlier.
///
/// # Errors
/// Operations that fit no offsets.
pub fn align(logs: &[Log]) -> Result<Vec<Ahead>, Contradictory> {
    let mut most = bounds(logs);
    let all = 0..logs.len();
    // Floyd & Warshall: the logs are few, and all pairs are wanted.
    for middle in all.clone() {
        for (from, to) in all.clone().flat_map(|from| all.clone().map(move |to| (from, to))) {
            let (Some(one), Some(other)) = (&most[from][middle], &most[middle][to]) else { continue };
            let sum = (one.0 + other.0, [&one.1[..], &other.1].concat());
            if from == to && sum.0 < 0 {
                return Err(Contradictory { operations: distinct(sum.1), by: nanos(-sum.0) });
            }
            tighten(&mut most[from][to], sum);
        }
    }
    let of = |at: usize| Ahead {
        least: most[at][0].as_ref().map(|bound| nanos(-bound.0)),
        most: most[0][at].as_ref().map(|bound| nanos(bound.0)),
    };
    Ok(all.map(|at| if at == 0 { Ahead { least: Some(0), most: Some(0) } } else { of(at) }).collect())
}

/// `[from][to]`: how far the clock of `to` is ahead of that of `from` at most, by what both have.
fn bounds(logs: &[Log]) -> Vec<Vec<Bound>> {
    let mut most: Vec<Vec<Bound>> = vec![vec![None; logs.len()]; logs.len()];
    for (asker, server) in (0..logs.len()).flat_map(|server| (0..server).map(move |asker| (asker, server))) {
        for (id, outer) in &logs[asker] {
            let Some(inner) = logs[server].get(id) else { continue };
            // It was served after it was asked, and what was served was so before the answer.
            tighten(&mut most[asker][server], (apart(inner.first, outer.first), vec![id.clone()]));
            if let Some(answered) = outer.last {
                let served = inner.last.unwrap_or(inner.first);
                tighten(&mut most[server][asker], (apart(answered, served), vec![id.clone()]));
            }
        }
    }
    most
}

fn tighten(bound: &mut Bound, other: (i128, Vec<String>)) {
    if bound.as_ref().is_none_or(|bound| other.0 < bound.0) {
        *bound = Some(other);
    }
}

/// How much later one time is than another: more than fits into either.
fn apart(one: i64, other: i64) -> i128 {
    i128::from(one) - i128::from(other)
}

/// As many nanoseconds, or the most that are counted: 292 years.
fn nanos(time: i128) -> i64 {
    time.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At least and at most.
    type Range = (Option<i64>, Option<i64>);

    #[track_caller]
    fn check(logs: &[&str], expected: Result<&[Range], &str>) {
        let logs: Vec<Log> = logs.iter().map(|text| log(text, "id").expect("it can be read")).collect();
        let found = align(&logs).map(|ahead| ahead.iter().map(|one| (one.least, one.most)).collect::<Vec<_>>());
        let expected = expected.map(<[_]>::to_vec).map_err(str::to_owned);
        assert_eq!(found.map_err(|error| error.to_string()), expected);
    }

    const CLIENT: &str = "{:id 1 :type :invoke :time 100} {:id 1 :type :ok :time 200} {:id 2 :type :invoke :time 300} \
        {:id 2 :type :ok :time 330} {:id 3 :type :invoke :time 400}";

    #[test]
    fn what_was_served_lies_within_what_was_asked() {
        let zero = (Some(0), Some(0));
        check(&[CLIENT, "{:id 1 :time 1150}"], Ok(&[zero, (Some(950), Some(1050))]));
        check(&[CLIENT, "{:id 1 :time 1150} {:id 2 :time 1310}"], Ok(&[zero, (Some(980), Some(1010))]));
        let served = "{:id 1 :time 1150 :type :invoke} {:id 1 :time 1180 :type :ok}";
        check(&[CLIENT, served], Ok(&[zero, (Some(980), Some(1050))]));
        // Nobody heard the end of it; that somebody gave up waiting says nothing.
        check(
            &["{:id 3 :type :invoke :time 400} {:id 3 :type :info :time 410}", "{:id 3 :time 990}"],
            Ok(&[zero, (None, Some(590))]),
        );
        check(&[CLIENT, "{\"id\": 3, \"time\": 90}"], Ok(&[zero, (None, Some(-310))]));
        check(&[CLIENT, "{:id 9 :time 90}"], Ok(&[zero, (None, None)]));
        check(&["{:id a :time 5}", "{\"id\": \"a\", \"time\": 7}"], Ok(&[zero, (Some(2), Some(2))]));
    }

    #[test]
    fn logs_bound_each_other_through_others() {
        let (near, far) =
            ("{:id 1 :time 1150} {:id 7 :type :invoke :time 1500} {:id 7 :type :ok :time 1520}", "{:id 7 :time 5000}");
        check(&[CLIENT, near, far], Ok(&[(Some(0), Some(0)), (Some(950), Some(1050)), (Some(4430), Some(4550))]));
    }

    #[test]
    fn times_at_the_ends_of_what_can_be_counted_overflow_nothing() {
        let (first, last) = ("{:id 1 :time -9223372036854775808}", "{:id 1 :time 9223372036854775807}");
        check(&[first, last], Ok(&[(Some(0), Some(0)), (Some(i64::MAX), Some(i64::MAX))]));
        check(&[last, first], Ok(&[(Some(0), Some(0)), (Some(i64::MIN), Some(i64::MIN))]));
    }

    #[test]
    fn what_contradicts_each_other_is_an_error() {
        let drifted = "{:id 1 :time 1150} {:id 2 :time 1420}";
        check(&[CLIENT, drifted], Err("no offsets of the clocks fit the operations 1, 2: they miss by 0.00004 ms"));
    }
}
