//! The libFuzzer side: one target, run from bytes, that aborts on a violation in the way that triage tools understand.

use murphy_schedule::{Dice, Schedule, bytes::BYTES_MAX, mutate};
use murphy_sim::AnyTarget;

use crate::{harness::Harness, regression};

/// Counters for marks, the first of an entry's counters.
pub const MARKS: usize = 256;
/// Counters for abstract states, and for values and numbers of marks, after those for marks.
pub const STATES: usize = 4096;

/// What a fuzz target runs.
pub struct Entry {
    harness: Harness,
    /// `class:anomaly` or the six letters that stand for it; violations of other kinds pass.
    only: Option<String>,
}

impl Entry {
    /// The target that `MURPHY_TARGET` names, or `default`. With `MURPHY_ONLY_KEY=class:anomaly`, or with the six letters after
    /// `FuzzerHash=`, other violations pass, so that a minimizer of bytes does not slide from one bug to another. From here on, `Debug` spells out schedules in the
    /// words of the target.
    ///
    /// # Panics
    /// If no target has this name, or it has no such bug.
    pub fn from_env(targets: &[Box<dyn AnyTarget>], default: &str) -> Self {
        let name = std::env::var("MURPHY_TARGET").unwrap_or_else(|_| default.to_string());
        let harness = Harness::new(targets, &name).unwrap_or_else(|error| panic!("MURPHY_TARGET: {error}"));
        murphy_schedule::speak(harness.name(), harness.vocabulary());
        Self { harness, only: std::env::var("MURPHY_ONLY_KEY").ok() }
    }

    /// Runs `schedule` and counts what it reached in `counters`: [`MARKS`] for marks, then [`STATES`] for all else.
    ///
    /// # Panics
    /// If the run breaks a promise, after a line that tells one bug from another.
    #[allow(clippy::print_stderr, reason = "the line that triage tools look for goes to standard error")]
    pub fn run(&mut self, schedule: &Schedule, counters: &mut [u8]) {
        let outcome = self.harness.run(schedule);
        let (marks, states) = counters.split_at_mut(MARKS);
        for (counter, hits) in marks.iter_mut().zip(&outcome.signals.marks) {
            *counter = *hits;
        }
        for state in &outcome.signals.states {
            let counter = &mut states[*state as usize % STATES];
            *counter = counter.saturating_add(1);
        }
        for bucket in &outcome.signals.each {
            let counter = &mut states[slot(bucket.mark, bucket.value)];
            *counter = counter.saturating_add(bucket.hits);
        }
        for best in &outcome.signals.bests {
            states[slot(best.mark, rung(best.value))] = 1;
        }
        let Some(anomaly) = outcome.verdict.anomaly().cloned() else { return };
        let sentence = murphy_checker::explain::explain(&outcome.history, &anomaly).summary;
        let (what, key) = (regression::what(&anomaly), regression::provisional_key(self.harness.name(), &anomaly));
        if self.only.as_ref().is_some_and(|only| *only != what && *only != key) {
            return;
        }
        let document = self.harness.document(schedule);
        eprintln!("ASSERTION FAILED: FuzzerHash={key} {what}");
        eprintln!("{sentence}\n\n{document}");
        panic!("{what}");
    }

    /// Mutates the schedule whose bytes are the first `size` of `data`, in place. Returns the new size, at most `size_max`.
    pub fn mutate(&self, data: &mut [u8], size: usize, size_max: usize, seed: u32) -> usize {
        let size_max = size_max.min(data.len()).min(BYTES_MAX);
        let mut dice = Dice::new(seed.into());
        let words = self.harness.vocabulary();
        let fresh = size < 64 || dice.chance(1, 16);
        let mut schedule = if fresh { mutate::random(words, &mut dice) } else { Schedule::from_bytes(&data[..size]) };
        if !fresh {
            mutate::mutate(&mut schedule, None, words, &mut dice);
        }
        while schedule.to_bytes().len() > size_max && schedule.steps.pop().is_some() {}
        let bytes = schedule.to_bytes();
        let length = bytes.len().min(size_max);
        data[..length].copy_from_slice(&bytes[..length]);
        length
    }
}

/// Where a value of a mark is counted.
fn slot(mark: u16, value: u64) -> usize {
    (value.wrapping_add(mark.into()).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % STATES
}

/// On which rung of a ladder a number is, four rungs to each power of two: libFuzzer knows no numbers, but it sees that a rung was
/// never reached before.
fn rung(value: i64) -> u64 {
    let size = value.unsigned_abs();
    let bits = u64::from(u64::BITS - size.leading_zeros());
    let next = if bits > 2 { size >> (bits - 3) & 3 } else { size };
    u64::from(value < 0) << 16 | bits << 2 | next
}

#[cfg(test)]
mod tests {
    use super::rung;

    #[test]
    fn a_larger_number_is_on_the_same_rung_or_another() {
        let rungs: Vec<u64> = (0..10_000).map(rung).collect();
        assert!(rungs.is_sorted());
        assert!(rung(100) == rung(101) && rung(100) != rung(130) && rung(-5) != rung(5));
    }
}
