//! Which share of searches is still without a find at a time, where some ended before they could tell.

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::{CONFIDENCE, Interval, Time};

/// A step of the curve, at a time of which there are finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) at: f64,
    /// The estimated share that has found nothing by then, this time included.
    pub(crate) without: f64,
    /// The sum in Greenwood's formula: the variance of `without` over its square.
    spread: f64,
}

/// The estimate of Kaplan and Meier (1958), a step function from 1 downwards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve(Vec<Step>);

/// A median with its interval; what the curve does not come down to is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Median {
    pub(crate) median: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

impl Curve {
    pub(crate) fn of(times: &[Time]) -> Self {
        let mut times = times.to_vec();
        times.sort_by(|a, b| a.at.total_cmp(&b.at));
        let (mut searching, mut without, mut spread) = (times.len() as f64, 1.0, 0.0);
        let mut steps = Vec::new();
        for tied in times.chunk_by(|a, b| a.at == b.at) {
            let finds = tied.iter().filter(|time| time.found).count() as f64;
            if finds > 0.0 {
                without *= 1.0 - finds / searching;
                spread += finds / (searching * (searching - finds));
                steps.push(Step { at: tied[0].at, without, spread });
            }
            searching -= tied.len() as f64;
        }
        Self(steps)
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The median and its interval by Brookmeyer and Crowley (1982): the times at which one half lies in the interval of
    /// the curve, that of log(-log), which never leaves [0, 1].
    pub(crate) fn median(&self) -> Median {
        let first = |share: &dyn Fn(&Step) -> f64| {
            // A product of fractions is one half but for rounding.
            self.0.iter().find(|step| share(step) <= 0.5 + 1e-9).map(|step| step.at)
        };
        Median {
            median: first(&|step| step.without),
            low: first(&|step| step.band().low),
            high: first(&|step| step.band().high),
        }
    }

    /// The mean time, searches cut off at `until`: the area under the curve (Irwin, 1949; Royston and Parmar, 2013). Where the
    /// last search ends before it, the curve goes on level.
    pub(crate) fn restricted_mean(&self, until: f64) -> f64 {
        let (mut area, mut from, mut without) = (0.0, 0.0, 1.0);
        for step in self.0.iter().take_while(|step| step.at < until) {
            area += (step.at - from) * without;
            (from, without) = (step.at, step.without);
        }
        area + (until - from) * without
    }
}

impl Step {
    /// The pointwise interval, log(-log) transformed (Kalbfleisch and Prentice, 1980). Where the estimate is 0 nothing is
    /// known of its error: all below the step before is possible, and so the upper end is not a number.
    pub(crate) fn band(&self) -> Interval {
        if self.without <= 0.0 {
            return Interval { low: 0.0, high: f64::NAN };
        }
        let z = Normal::standard().inverse_cdf(0.5 + CONFIDENCE / 2.0);
        let wide = z * self.spread.sqrt() / self.without.ln().abs();
        Interval { low: self.without.powf(wide.exp()), high: self.without.powf((-wide).exp()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Curve, Interval, Median, Time};
    use crate::bench::statistics::{freireich, near};

    #[test]
    fn the_leukaemia_trial_has_its_published_curve() {
        let curve = Curve::of(&freireich::treated());
        let shares: Vec<String> = curve.steps().iter().map(|step| format!("{} {:.4}", step.at, step.without)).collect();
        // Kalbfleisch and Prentice (1980), table 1.2.
        assert_eq!(shares, ["6 0.8571", "7 0.8067", "10 0.7529", "13 0.6902", "16 0.6275", "22 0.5378", "23 0.4482"]);
        let Interval { low, high } = curve.steps()[2].band();
        // As lifelines 0.30 has it, and R's survfit with conf.type = "log-log".
        assert!((low - 0.503_200).abs() < 1e-6 && (high - 0.889_362).abs() < 1e-6, "{low} {high}");
    }

    #[test]
    fn the_leukaemia_trial_has_its_published_medians() {
        let median = |median, low, high| Median { median, low, high };
        // As SAS prints them (PROC LIFETEST), and R.
        let treated = Curve::of(&freireich::treated()).median();
        assert_eq!(treated, median(Some(23.0), Some(13.0), None));
        assert_eq!(Curve::of(&freireich::placebo()).median(), median(Some(8.0), Some(4.0), Some(11.0)));
    }

    #[test]
    fn without_censoring_the_restricted_mean_is_the_mean_of_what_is_cut_off() {
        let times = freireich::placebo();
        for until in [0.5, 4.0, 20.0, 100.0] {
            let mean = times.iter().map(|time| time.at.min(until)).sum::<f64>() / times.len() as f64;
            near(Curve::of(&times).restricted_mean(until), mean);
        }
    }

    #[test]
    fn the_restricted_mean_is_the_area_under_the_curve() {
        // By hand: 6 + 0.8571 + 3·0.8067 + 3·0.7529 + 3·0.6902 + 4·0.6275; lifelines agrees.
        near(Curve::of(&freireich::treated()).restricted_mean(20.0), 16.116_526_611);
        near(Curve::of(&freireich::treated()).restricted_mean(35.0), 23.287_394_958);
    }

    #[test]
    fn searches_that_all_fail_say_no_more_than_that() {
        let curve = Curve::of(&[Time { at: 100.0, found: false }; 5]);
        assert_eq!(curve.median(), Median { median: None, low: None, high: None });
        near(curve.restricted_mean(100.0), 100.0);
        assert_eq!(Curve::of(&[]).restricted_mean(7.0), 7.0);
    }

    #[test]
    fn a_curve_falls_and_stays_within_its_band() {
        let curve = Curve::of(&freireich::treated());
        assert!(curve.steps().is_sorted_by(|a, b| a.at < b.at && a.without > b.without));
        for step in curve.steps() {
            let Interval { low, high } = step.band();
            assert!(0.0 <= low && low < step.without && step.without < high && high <= 1.0);
        }
    }
}
