//! What became of a finding since it was filed: the one answer that `murphy regress`, `murphy triage` and the test kit give.
//!
//! A schedule that passes proves a fix only if the same faults struck victims in the same roles as when it failed. Otherwise the
//! finding is stale: the program has moved away from under it, and nobody knows whether the bug is gone.

mod fate;
mod recorded;
mod seeds;
mod standing;

pub use fate::Fate;
pub use recorded::Recorded;
pub use seeds::{Seed, SeedError, Yield, seeds};
pub use standing::Standing;

use murphy_sim::AnyTarget;

use crate::{
    finding::{self, Entry},
    harness::Harness,
};

/// What became of the finding in a folder that was read, on the target among `targets` that it names.
pub fn examine(targets: &[Box<dyn AnyTarget>], entry: &Entry) -> Fate {
    let mut harness = match Harness::new(targets, &entry.document.target) {
        Ok(harness) => harness,
        Err(gone) => return Fate::Stale(vec![gone.to_string()]),
    };
    entry.invariants.iter().for_each(|text| harness.judge_again(text));
    Fate::of(&mut harness, entry)
}

/// The key of a finding of which no more is known yet than where it was and what it was: six letters, which libFuzzer's side prints
/// as `FuzzerHash` and `murphy triage import` as well. The final key says also which faults it took.
pub fn provisional_key(target: &str, anomaly: &murphy_checker::verdict::Anomaly) -> String {
    finding::letters(&format!("{}/{target}/{}", finding::KEY_VERSION, what(anomaly)))
}

/// Class and name of an anomaly as one word: `linearizability:stale-read`.
pub fn what(anomaly: &murphy_checker::verdict::Anomaly) -> String {
    format!("{}:{}", anomaly.class.name(), anomaly.name)
}
