//! Intervals of quantities that have no formula for them: by drawing again from what was seen (Efron, 1979).

use murphy_schedule::Dice;

use super::{CONFIDENCE, Interval};

/// How many times is drawn.
pub(crate) const REPLICATES: usize = 2000;

/// As many of `from` as there are, each drawn anew.
pub(crate) fn resample<T: Copy>(from: &[T], dice: &mut Dice) -> Vec<T> {
    (0..from.len()).map(|_| from[dice.below(from.len() as u64) as usize]).collect()
}

/// The percentile interval of the values that were drawn.
pub(crate) fn percentile(mut drawn: Vec<f64>) -> Interval {
    drawn.sort_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let at = |share: f64| drawn[((drawn.len() - 1) as f64 * share).round() as usize];
    Interval { low: at(tail), high: at(1.0 - tail) }
}

/// The geometric mean of ratios.
pub(crate) fn geometric_mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

#[cfg(test)]
mod tests {
    use murphy_schedule::Dice;

    use super::{Interval, REPLICATES, geometric_mean, percentile, resample};
    use crate::bench::statistics::near;

    #[test]
    fn the_percentile_interval_leaves_out_as_many_on_each_side() {
        let drawn = (0..=1000).rev().map(f64::from).collect();
        assert_eq!(percentile(drawn), Interval { low: 25.0, high: 975.0 });
        assert_eq!(percentile(vec![7.0]), Interval { low: 7.0, high: 7.0 });
    }

    #[test]
    fn the_interval_of_a_mean_is_as_wide_as_its_standard_error_says() {
        let mut dice = Dice::new(3);
        let values: Vec<f64> = (0..200).map(|_| dice.below(1000) as f64).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean(&values)).powi(2)).sum::<f64>() / 200.0;
        let Interval { low, high } = percentile((0..REPLICATES).map(|_| mean(&resample(&values, &mut dice))).collect());
        let wide = 2.0 * 1.96 * (variance / 200.0).sqrt();
        assert!(((high - low) / wide - 1.0).abs() < 0.1, "{low} {high} {wide}");
        assert!(low < mean(&values) && mean(&values) < high);
    }

    #[test]
    fn a_factor_and_its_inverse_have_the_mean_one() {
        near(geometric_mean(&[4.0, 0.25]), 1.0);
        near(geometric_mean(&[2.0, 8.0]), 4.0);
    }
}
