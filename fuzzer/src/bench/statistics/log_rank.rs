//! Whether two groups of times differ by more than chance.

use statrs::distribution::{ChiSquared, ContinuousCDF as _};

use super::Time;

/// How probable a difference at least as large is between two groups that do not differ: the log-rank test (Mantel, 1966),
/// two-sided, its statistic taken as chi-squared with one degree of freedom.
pub(crate) fn log_rank(a: &[Time], b: &[Time]) -> f64 {
    let ChiSquare(statistic) = ChiSquare::of(a, b);
    ChiSquared::new(1.0).expect("one degree of freedom").sf(statistic)
}

struct ChiSquare(f64);

impl ChiSquare {
    /// At each time with finds: the finds in `a` against those expected of its share of all who still search.
    fn of(a: &[Time], b: &[Time]) -> Self {
        let finds = a.iter().chain(b).filter(|time| time.found);
        let mut moments: Vec<f64> = finds.map(|time| time.at).collect();
        moments.sort_by(f64::total_cmp);
        moments.dedup();
        let (mut excess, mut variance) = (0.0, 0.0);
        for at in moments {
            let searching = |group: &[Time]| group.iter().filter(|time| time.at >= at).count() as f64;
            let finds = |group: &[Time]| group.iter().filter(|time| time.found && time.at == at).count() as f64;
            let (in_a, all) = (searching(a), searching(a) + searching(b));
            let found = finds(a) + finds(b);
            excess += finds(a) - found * in_a / all;
            if all > 1.0 {
                variance += found * (in_a / all) * (1.0 - in_a / all) * (all - found) / (all - 1.0);
            }
        }
        Self(if variance > 0.0 { excess * excess / variance } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::{ChiSquare, Time, log_rank};
    use crate::bench::statistics::{freireich, near};

    #[test]
    fn the_leukaemia_trial_has_its_published_statistic() {
        // 16.79, as in Kalbfleisch and Prentice (1980); digits from lifelines 0.30.
        near(ChiSquare::of(&freireich::treated(), &freireich::placebo()).0, 16.792_940_989);
        near(log_rank(&freireich::treated(), &freireich::placebo()), 4.168_809_109e-5);
        near(log_rank(&freireich::placebo(), &freireich::treated()), 4.168_809_109e-5);
    }

    #[test]
    fn groups_that_are_equal_or_empty_do_not_differ() {
        near(log_rank(&freireich::placebo(), &freireich::placebo()), 1.0);
        near(log_rank(&freireich::placebo(), &[]), 1.0);
        near(log_rank(&[Time { at: 5.0, found: false }; 9], &[Time { at: 5.0, found: false }; 9]), 1.0);
    }
}
