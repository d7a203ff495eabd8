//! Durations drawn from a distribution: one keyed draw in, nanoseconds out.
//!
//! Samples are inverse distribution functions of a uniform number (the normal one by the approximation of Acklam, 2003, with
//! a relative error below 1.2e-9). Logarithms and powers are those of the crate `libm`, which computes in software and so
//! gives the same bits on every machine; those of the standard library may not. Golden values are pinned by a test.

use murphy_schedule::field::{Distribution, Span};

/// The longest duration, in nanoseconds: an hour.
const LONGEST: f64 = 3_600e9;

/// The duration in nanoseconds that belongs to a draw. What falls below zero is zero.
pub(crate) fn sample(distribution: Distribution, draw: u64) -> u64 {
    if let Distribution::Fixed(span) = distribution {
        return u64::from(span.micros()) * 1_000;
    }
    // In the middle of one of 2^53 equal parts of (0, 1): never an end.
    let u = ((draw >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let nanos = |span: Span<0>| f64::from(span.micros()) * 1e3;
    let value = match distribution {
        Distribution::Fixed(span) => nanos(span),
        Distribution::Uniform { from, to } => nanos(from) + u * (nanos(to) - nanos(from)),
        Distribution::Normal { mean, dev } => nanos(mean) + nanos(dev) * normal(u),
        Distribution::Exponential { mean, from } => nanos(from) - nanos(mean) * libm::log(u),
        Distribution::LogNormal { median, dev } => {
            let sigma = if median.micros() == 0 { 0.0 } else { libm::log1p(nanos(dev) / nanos(median)) };
            nanos(median) * libm::exp(sigma * normal(u))
        }
        // With the mean m and the least x the exponent is m / (m - x).
        Distribution::Pareto { least, mean } => {
            let (x, m) = (nanos(least), nanos(mean));
            let inverse = if m > x { (m - x) / m } else { 1.0 };
            x * libm::pow(u, -inverse)
        }
        Distribution::Bimodal { usual, other, share } => {
            if u < f64::from(share.0) / 10_000.0 {
                nanos(other)
            } else {
                nanos(usual)
            }
        }
    };
    value.clamp(0.0, LONGEST) as u64
}

/// The value below which a share `p` of the standard normal distribution lies (Acklam, 2003).
fn normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = libm::sqrt(-2.0 * libm::log(p));
        polynomial(&C, q) / polynomial(&D, q)
    };
    match p {
        ..0.024_25 => tail(p),
        0.975_75.. => -tail(1.0 - p),
        _ => {
            let (q, r) = (p - 0.5, (p - 0.5) * (p - 0.5));
            q * polynomial(&A, r) / polynomial(&B, r)
        }
    }
}

#[cfg(test)]
mod tests {
    use murphy_schedule::field::{Distribution, Percent, Span};

    use super::sample;
    use crate::draw::{Purpose, mix};

    fn span(micros: u32) -> Span<0> {
        Span::exactly(micros).expect("a span")
    }

    fn samples(distribution: Distribution) -> Vec<u64> {
        let mut samples: Vec<u64> = (0..100_000).map(|i| sample(distribution, mix(1, Purpose::Message, [i]))).collect();
        samples.sort_unstable();
        samples
    }

    /// Mean and median in microseconds, within two in a hundred.
    #[track_caller]
    fn check(distribution: Distribution, mean: f64, median: f64) {
        let samples = samples(distribution);
        let found_mean = samples.iter().map(|nanos| *nanos as f64).sum::<f64>() / samples.len() as f64 / 1e3;
        let found_median = samples[samples.len() / 2] as f64 / 1e3;
        assert!((found_mean / mean - 1.0).abs() < 0.02, "mean {found_mean} instead of {mean}");
        assert!((found_median / median - 1.0).abs() < 0.02, "median {found_median} instead of {median}");
    }

    #[test]
    fn samples_have_the_mean_and_the_median_that_was_asked_for() {
        check(Distribution::Fixed(span(7_000)), 7_000.0, 7_000.0);
        check(Distribution::Uniform { from: span(1_000), to: span(11_000) }, 6_000.0, 6_000.0);
        check(Distribution::Normal { mean: span(200_000), dev: span(50_000) }, 200_000.0, 200_000.0);
        check(Distribution::Exponential { mean: span(10_000), from: span(2_000) }, 12_000.0, 2_000.0 + 6_931.5);
        let sigma = 1.4f64.ln();
        let mean = 100_000.0 * (sigma * sigma / 2.0).exp();
        check(Distribution::LogNormal { median: span(100_000), dev: span(40_000) }, mean, 100_000.0);
        let median = 10_000.0 * 2f64.powf(0.5);
        check(Distribution::Pareto { least: span(10_000), mean: span(20_000) }, 20_000.0, median);
        let share = Percent(1_000);
        check(Distribution::Bimodal { usual: span(1_000), other: span(100_000), share }, 10_900.0, 1_000.0);
    }

    #[test]
    fn a_normal_one_spreads_as_far_as_it_says_and_never_below_zero() {
        let near = samples(Distribution::Normal { mean: span(200_000), dev: span(50_000) });
        let within = near.iter().filter(|nanos| (150_000_000..250_000_000).contains(*nanos)).count();
        assert!((67_500..69_100).contains(&within), "{within} of 100,000 within one deviation");
        let wide = samples(Distribution::Normal { mean: span(1_000), dev: span(10_000) });
        let zeros = wide.iter().filter(|nanos| **nanos == 0).count();
        assert!((45_000..47_000).contains(&zeros), "{zeros} of 100,000 clamped to zero");
    }

    #[test]
    fn the_samples_behind_saved_schedules_never_change() {
        let normal = Distribution::Normal { mean: span(200_000), dev: span(50_000) };
        let pareto = Distribution::Pareto { least: span(10_000), mean: span(20_000) };
        let of = |distribution| [1, 2, 3].map(|i| sample(distribution, mix(0x5eed, Purpose::Message, [i])));
        assert_eq!((of(normal), of(pareto)), GOLDEN);
    }

    const GOLDEN: ([u64; 3], [u64; 3]) =
        ([181_376_498, 140_432_531, 186_346_953], [16_789_032, 29_265_520, 15_963_706]);
}
