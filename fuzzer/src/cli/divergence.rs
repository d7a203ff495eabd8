//! Where two runs part, of one schedule or of two: the first event that differs, with what came before it and after it on both sides.

use murphy_schedule::Schedule;
use murphy_sim::Outcome;
use serde_json::{Value, json};

use crate::{
    harness::Harness,
    picture::{self, Selection},
};

/// Runs of a schedule in search of one that differs from the first.
const TRIES: usize = 8;
/// Events shown before the first that differs, and from it on.
const TAIL: usize = 6;

/// Two runs that are not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Divergence {
    /// How many events they have in common.
    at: usize,
    /// The last of those.
    common: Vec<String>,
    /// What comes then, in one run and in the other.
    tails: [Vec<String>; 2],
}

/// Every event of a run as text, and the hash of it all.
pub(super) fn events(harness: &mut Harness, schedule: &Schedule) -> (u64, Vec<String>) {
    let outcome = harness.trace(schedule);
    (outcome.trace_hash, listed(&outcome))
}

/// Every event of a run that kept them, as text.
pub(super) fn listed(outcome: &Outcome) -> Vec<String> {
    picture::verbose(outcome, &Selection::ALL).lines().map(str::to_string).collect()
}

impl Divergence {
    /// Where `schedule` parts from itself, if it does so within a few runs.
    pub(super) fn of(harness: &mut Harness, schedule: &Schedule) -> Option<Self> {
        let (_, first) = events(harness, schedule);
        (0..TRIES).find_map(|_| Self::between(&first, &events(harness, schedule).1))
    }

    /// Where two runs part; `None` if they do not.
    pub(super) fn between(first: &[String], second: &[String]) -> Option<Self> {
        Self::with_rows(first, second, TAIL)
    }

    /// The same with so many events before the first that differs, and from it on.
    pub(super) fn with_rows(first: &[String], second: &[String], rows: usize) -> Option<Self> {
        let same = first.iter().zip(second).take_while(|(a, b)| a == b).count();
        if same == first.len() && same == second.len() {
            return None;
        }
        let tail = |events: &[String]| events[same..].iter().take(rows).cloned().collect();
        let common = first[same.saturating_sub(rows)..same].to_vec();
        Some(Self { at: same, common, tails: [tail(first), tail(second)] })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        self.told(["one run", "the other"])
    }

    /// The same with names for the runs.
    pub(super) fn told(&self, names: [&str; 2]) -> String {
        let mut lines = vec![format!("  event {} is the first that differs:", self.at + 1)];
        lines.extend(self.common.iter().map(|event| format!("      {event}")));
        for (run, tail) in names.into_iter().zip(&self.tails) {
            lines.push(format!("    {run}:"));
            let ends = tail.is_empty().then(|| "    > it is over".to_string());
            let mark = |(at, event)| format!("    {} {event}", if at == 0 { '>' } else { ' ' });
            lines.extend(tail.iter().enumerate().map(mark).chain(ends));
        }
        lines.join("\n")
    }

    pub(super) fn object(&self) -> Value {
        let [first, second] = &self.tails;
        json!({ "event": self.at + 1, "before": self.common, "first": first, "second": second })
    }
}

#[cfg(test)]
mod tests {
    use super::Divergence;

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_string).collect()
    }

    #[test]
    fn runs_that_are_the_same_do_not_part() {
        assert_eq!(Divergence::between(&lines("a b c"), &lines("a b c")), None);
    }

    #[test]
    fn the_first_event_that_differs_is_shown_with_both_tails() {
        let divergence = Divergence::between(&lines("a b c d"), &lines("a b x d")).expect("they differ");
        assert_eq!((divergence.at, &divergence.common), (2, &lines("a b")));
        assert_eq!(divergence.tails, [lines("c d"), lines("x d")]);
        assert!(divergence.text().contains("event 3 is the first that differs"), "{}", divergence.text());
        assert!(divergence.text().contains("> c") && divergence.text().contains("> x"), "{}", divergence.text());
    }

    #[test]
    fn a_run_that_ends_before_the_other_differs_from_it() {
        let divergence = Divergence::between(&lines("a b"), &lines("a")).expect("they differ");
        assert_eq!(divergence.tails, [lines("b"), Vec::new()]);
        assert!(divergence.text().contains("> it is over"), "{}", divergence.text());
    }
}
