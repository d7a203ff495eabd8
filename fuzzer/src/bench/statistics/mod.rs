//! The statistics of times until a find, each with its source. Nothing here knows what a bug or an arm is.
//!
//! A time may be censored: a search that ended without a find at 1,000 executions says only that it would have taken more.

mod bootstrap;
mod effect;
mod holm;
mod log_rank;
mod rate;
mod survival;

pub(super) use bootstrap::{REPLICATES, geometric_mean, percentile, resample};
pub(super) use effect::{Pairs, a12_geometric};
pub(super) use holm::holm;
pub(super) use log_rank::log_rank;
pub(super) use rate::Rate;
pub(super) use survival::Curve;

/// How sure the intervals are.
pub(super) const CONFIDENCE: f64 = 0.95;

/// When a search ended, and whether by a find; without one the time is censored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Time {
    pub(super) at: f64,
    pub(super) found: bool,
}

/// From where to where a quantity lies, 95 times in a hundred.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

#[cfg(test)]
#[track_caller]
pub(super) fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1e-300), "found {found}, expected {expected}");
}

/// The times of Freireich et al. (1963), as Gehan (1965) gives them: weeks of remission of 42 patients with leukaemia under
/// 6-mercaptopurine and under a placebo. Negative: censored.
#[cfg(test)]
mod freireich {
    use super::Time;

    const TREATED: [i32; 21] =
        [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35];
    const PLACEBO: [i32; 21] = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23];

    fn times(weeks: &[i32]) -> Vec<Time> {
        weeks.iter().map(|at| Time { at: f64::from(at.abs()), found: *at > 0 }).collect()
    }

    pub(super) fn treated() -> Vec<Time> {
        times(&TREATED)
    }

    pub(super) fn placebo() -> Vec<Time> {
        times(&PLACEBO)
    }
}
