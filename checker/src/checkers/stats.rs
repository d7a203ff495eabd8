//! How many operations of each function succeeded, and how long they took.
//!
//! Jepsen's `stats` (Kingsbury, jepsen.checker): a function of which operations completed, and none with `ok`, is wrong, since a
//! test in which nothing succeeds proves nothing. A latency is the time from the invocation to the completion of an operation
//! that succeeded, in nanoseconds of the history.

use super::{Checker, Figure, Heard, breach, spread, told, verdict};
use crate::{
    history::{Completion, History, OpId},
    verdict::{Anomaly, Verdict},
};

/// No operation of some function succeeded.
pub const NEVER_OK: &str = "never-ok";

/// The judge of whether anything succeeds. It takes the functions of whatever history it sees.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// By function.
    tallies: Vec<Tally>,
    names: Vec<&'static str>,
}

#[derive(Clone, Debug, Default)]
struct Tally {
    count: usize,
    fail: usize,
    info: usize,
    latencies: Vec<u64>,
    last: Option<OpId>,
}

impl Checker for Stats {
    fn invoke(&mut self, event: Heard<'_>) {
        let function = usize::from(event.operation().call.function);
        if function >= self.tallies.len() {
            self.tallies.resize(function + 1, Tally::default());
            self.names = event.history.functions.to_vec();
        }
        self.tallies[function].count += 1;
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let operation = event.operation();
        let tally = &mut self.tallies[usize::from(operation.call.function)];
        let (completion, at) = operation.completion?;
        tally.last = Some(event.op);
        match completion {
            Completion::Ok(_) => tally.latencies.push(at.saturating_sub(operation.invoked_at)),
            Completion::Fail => tally.fail += 1,
            Completion::Info => tally.info += 1,
        }
        None
    }

    fn finish(&mut self, history: &History) -> Verdict {
        let never = self.tallies.iter().find(|tally| tally.latencies.is_empty() && tally.last.is_some());
        verdict(never.and_then(|Tally { last, fail, info, .. }| {
            let last = (*last)?;
            let function = history.functions[usize::from(history.operation(last).call.function)];
            let sentence = format!(
                "no {function} succeeded: {fail} failed and {info} are unknown, the last {}",
                told(history, last)
            );
            breach(NEVER_OK, &[last], sentence)
        }))
    }

    fn figures(&self) -> Vec<Figure> {
        let of = |(name, tally): (&&'static str, &Tally)| {
            let Tally { count, fail, info, latencies, .. } = tally;
            let counts = [("count", *count), ("ok", latencies.len()), ("fail", *fail), ("info", *info)];
            let mut figures: Vec<Figure> =
                counts.iter().map(|(word, count)| Figure::new(format!("{name}_{word}"), *count)).collect();
            figures.extend(spread(&format!("{name}_latency"), &mut latencies.clone()));
            figures
        };
        self.names.iter().zip(&self.tallies).flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::{family::Family, history::History};

    const FAMILY: Family = Family::Stats;

    #[test]
    fn every_function_succeeds_once_at_least() {
        check(FAMILY, "0 paint {:any :thing}\n0 ok\n1 wait\n1 info\n1 wait\n1 ok\n2 think 1", "valid");
        only(FAMILY, "0 paint 1\n0 ok\n1 wait\n1 fail\n2 wait\n2 info", "never-ok");
        let text = "0 wait\n0 fail\n1 wait\n1 info";
        says(FAMILY, text, "no wait succeeded: 1 failed and 1 are unknown, the last wait(nil) by p1");
    }

    #[test]
    fn what_is_counted_is_reported() {
        let text = "0 paint\n1 wait\n0 ok\n0 paint\n0 ok\n0 paint\n0 fail\n1 info";
        let expected = "paint_count 3, paint_ok 2, paint_fail 1, paint_info 0, paint_latency_min_ns 1, \
            paint_latency_median_ns 1, paint_latency_p95_ns 1, paint_latency_p99_ns 1, paint_latency_max_ns 2, \
            wait_count 1, wait_ok 0, wait_fail 0, wait_info 1";
        assert_eq!(reported(FAMILY, text), expected);
    }

    fn oracle(history: &History) -> Clauses {
        let never = (0..3).any(|function| {
            let done = || ops(history).filter(|(_, one)| one.call.function == function && one.completion.is_some());
            done().next().is_some() && !done().any(|(_, one)| is_ok(one))
        });
        clauses([("never-ok", never)])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke = |pick: u8, _| ["read", "write", "cas"][usize::from(pick) % 3].to_owned();
        compare(FAMILY, oracle, invoke, |_, pick, _| ["ok", "ok", "fail", "info"][usize::from(pick) % 4].to_owned());
    }
}
