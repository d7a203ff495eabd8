//! Searches that learn nothing: each execution hits with the same probability, so that the time until a hit is geometric.

use statrs::function::beta::beta_reg;

use super::{CONFIDENCE, Interval, Time};

/// Hits among executions that have nothing to do with one another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    pub(crate) hits: u64,
    pub(crate) execs: u64,
}

impl Rate {
    /// The finds in these searches, as if they had learnt nothing.
    pub(crate) fn of(times: &[Time]) -> Self {
        let hits = times.iter().filter(|time| time.found).count() as u64;
        Self { hits, execs: times.iter().map(|time| time.at as u64).sum() }
    }

    /// The hit probability that makes what was seen most likely.
    pub(crate) fn estimate(self) -> f64 {
        self.hits as f64 / self.execs as f64
    }

    /// The exact interval of the hit probability (Clopper and Pearson, 1934).
    pub(crate) fn interval(self) -> Interval {
        let tail = (1.0 - CONFIDENCE) / 2.0;
        let (hits, misses) = (self.hits as f64, (self.execs - self.hits) as f64);
        let low = if self.hits > 0 { beta_quantile(hits, misses + 1.0, tail) } else { 0.0 };
        Interval { low, high: self.below(1.0 - tail) }
    }

    /// What the hit probability is below with this confidence; with no hit and 95 %, about 3 / executions (the rule of three,
    /// Hanley and Lippman-Hand, 1983).
    pub(crate) fn below(self, confidence: f64) -> f64 {
        let (hits, misses) = (self.hits as f64, (self.execs - self.hits) as f64);
        if misses > 0.0 { beta_quantile(hits + 1.0, misses, confidence) } else { 1.0 }
    }

    /// Equally likely values of the hit probability, given what was seen, from low to high: quantiles of Jeffreys' posterior,
    /// whose intervals cover well for few hits and for none (Brown, Cai and DasGupta, 2001).
    pub(crate) fn plausible(self, count: usize) -> Vec<f64> {
        let (hits, misses) = (self.hits as f64 + 0.5, (self.execs - self.hits) as f64 + 0.5);
        let share = |at: usize| (at as f64 + 0.5) / count as f64;
        (0..count).map(|at| beta_quantile(hits, misses, share(at))).collect()
    }

    /// The probability of a hit within so many executions.
    pub(crate) fn within(p: f64, execs: f64) -> f64 {
        if execs > 0.0 { -(execs * (-p).ln_1p()).exp_m1() } else { 0.0 }
    }

    /// The mean of a geometric time that is cut off at `until`: (1 - (1-p)^until) / p, the sum of the probabilities to be still
    /// without a hit.
    pub(crate) fn restricted_mean(p: f64, until: f64) -> f64 {
        if p > 0.0 { Self::within(p, until) / p } else { until }
    }

    /// How probable a difference at least as large is if both hit with one probability: given all hits, those of one are
    /// binomial with its share of all executions (Przyborowski and Wilenski, 1940), so that the uncertainty of either counts.
    /// Twice the smaller tail.
    ///
    /// With an infinite pool this is the exact one-sample log-rank test (Breslow, 1975; Finkelstein, Muzikansky and
    /// Schoenfeld, 2003) of trials against geometric times: finds against those expected of their executions.
    pub(crate) fn same(self, other: Self) -> f64 {
        let all = (self.hits + other.hits) as f64;
        let share = self.execs as f64 / (self.execs + other.execs) as f64;
        let (hits, others) = (self.hits as f64, other.hits as f64);
        let as_many = if self.hits > 0 { beta_reg(hits, others + 1.0, share) } else { 1.0 };
        let as_few = if other.hits > 0 { beta_reg(others, hits + 1.0, 1.0 - share) } else { 1.0 };
        debug_assert!(all == 0.0 || as_many + as_few >= 1.0 - 1e-3, "the tails share one value");
        (2.0 * as_many.min(as_few)).min(1.0)
    }
}

/// Where the distribution function of Beta(a, b) reaches a share, by bisection of the logarithm: the root is at home between
/// 1e-14 and 1, and there statrs' own inverse (0.19) does not end.
fn beta_quantile(a: f64, b: f64, share: f64) -> f64 {
    let (mut low, mut high) = (-100.0_f64, 0.0_f64);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if beta_reg(a, b, middle.exp()) < share { low = middle } else { high = middle }
    }
    f64::midpoint(low, high).exp()
}

#[cfg(test)]
mod tests {
    use murphy_schedule::Dice;

    use super::{Interval, Rate, Time};
    use crate::bench::{statistics::near, synthetic};

    #[track_caller]
    fn check(hits: u64, execs: u64, low: f64, high: f64) {
        let found = Rate { hits, execs }.interval();
        near(found.high, high);
        if hits == 0 { assert_eq!(found.low, 0.0) } else { near(found.low, low) }
    }

    #[test]
    fn intervals_are_those_of_the_literature() {
        // 81 of 263: Newcombe (1998), table I, method 5: 0.2527 to 0.3676. All digits from SciPy 1.17, beta.ppf.
        check(81, 263, 0.252_736_746, 0.367_621_923);
        check(1, 100, 2.531_460_330e-4, 5.445_938_539e-2);
        check(0, 100, 0.0, 3.621_669_265e-2);
        check(3, 30_000_000, 2.062_240_457e-8, 2.922_424_075e-7);
        check(100_000, 1_000_000, 0.099_412_669_866, 0.100_589_648_187);
        check(20, 20, 0.831_566_529, 1.0);
    }

    #[test]
    fn no_hit_in_n_bounds_the_rate_by_three_in_n() {
        let none = Rate { hits: 0, execs: 1000 };
        near(none.below(0.95), 1.0 - 0.05_f64.powf(1.0 / 1000.0));
        assert!((none.below(0.95) * 1000.0 - 3.0).abs() < 0.01);
    }

    #[test]
    fn plausible_rates_are_the_quantiles_of_jeffreys() {
        let plausible = Rate { hits: 1, execs: 100 }.plausible(5);
        near(plausible[2], 0.011_789_561_688);
        assert!(plausible.is_sorted());
        near(Rate { hits: 3, execs: 30_000_000 }.plausible(5)[2], 1.057_635_187e-7);
    }

    #[test]
    fn the_mean_of_a_geometric_time_is_the_sum_of_its_tails() {
        let p: f64 = 0.013;
        let sum: f64 = (0..500).map(|execs| (1.0 - p).powi(execs)).sum();
        near(Rate::restricted_mean(p, 500.0), sum);
        near(Rate::within(p, 500.0), 1.0 - (1.0 - p).powi(500));
        near(Rate::restricted_mean(1e-12, 1000.0), 1000.0);
        near(Rate::restricted_mean(0.0, 1000.0), 1000.0);
        near(Rate::restricted_mean(1.0, 1000.0), 1.0);
    }

    #[test]
    fn equal_rates_are_told_from_unequal_ones_as_the_binomial_test_does() {
        let rate = |hits, execs| Rate { hits, execs };
        // SciPy 1.17: 2 * binom.sf(9, 12, 1/3), and 2 * binom.cdf(2, 12, 2/3).
        near(rate(10, 1000).same(rate(2, 2000)), 2.0 * 5.438_044_863e-4);
        near(rate(2, 2000).same(rate(10, 1000)), 2.0 * 5.438_044_863e-4);
        near(rate(5, 1000).same(rate(5, 1000)), 1.0);
        near(rate(0, 1000).same(rate(0, 7)), 1.0);
        // Thirty finds in a hundredth of the executions of a pool without any.
        near(rate(30, 1000).same(rate(0, 99_000)), 2.0 * 0.01_f64.powi(30));
    }

    #[test]
    fn a_search_that_learns_nothing_is_seldom_told_from_its_pool() {
        let (p, budget) = (0.002, 600.0);
        let mut dice = Dice::new(1);
        let mut told = 0;
        for _ in 0..1000 {
            let times: Vec<Time> = (0..30).map(|_| synthetic::geometric(p, budget, &mut dice)).collect();
            let hits = (0..20_000).filter(|_| dice.chance(2, 1000)).count() as u64;
            told += u32::from(Rate::of(&times).same(Rate { hits, execs: 20_000 }) < 0.05);
        }
        // Five in a hundred at most, but for chance: 50 ± 2·7.
        assert!((10..=64).contains(&told), "{told} of 1000");
    }

    #[test]
    fn the_interval_covers_what_it_estimates() {
        let mut dice = Dice::new(2);
        let covers = |Interval { low, high }: Interval| low <= 0.01 && 0.01 <= high;
        let all = (0..500).filter(|_| {
            let hits = (0..1000).filter(|_| dice.chance(1, 100)).count() as u64;
            covers(Rate { hits, execs: 1000 }.interval())
        });
        assert!(all.count() >= 470);
    }
}
