//! How figures are written.

use crate::bench::{
    statistics::Interval,
    suite::{Mean, Ratio},
};

/// What there is no figure for.
pub(super) const NONE: &str = "–";

/// A whole number with its thousands apart: `12,345`.
pub(super) fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Three digits that count: `12,300`, `12.3`, `0.00123`, `3.3e-7`.
pub(super) fn brief(number: f64) -> String {
    let size = number.abs();
    match size {
        0.0 => "0".into(),
        _ if size >= 99.95 => whole(number),
        _ if size < 0.001 => format!("{number:.1e}"),
        _ => {
            let decimals = (2 - size.log10().floor() as i32).max(0) as usize;
            format!("{number:.decimals$}")
        }
    }
}

/// `[2.1, 4.5]`.
pub(super) fn interval(Interval { low, high }: Interval) -> String {
    format!("[{}, {}]", brief(low), brief(high))
}

/// How probable something is by chance.
pub(super) fn probability(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}

/// A share of all, as `93 %`.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 1.0 => format!("{} %", brief(percent)),
        // What is almost all is not all.
        percent if percent > 99.0 && percent < 100.0 => "> 99 %".into(),
        percent => format!("{percent:.0} %"),
    }
}

/// A ratio with its interval, or that it is a lower bound.
pub(super) fn ratio(ratio: Option<&Ratio>) -> String {
    let Some(ratio) = ratio else { return NONE.into() };
    if ratio.at_least {
        return format!("> {}", brief(ratio.value));
    }
    format!("{} {}", brief(ratio.value), interval(ratio.interval))
}

/// A mean ratio with its interval.
pub(super) fn mean(mean: Option<&Mean>) -> String {
    let Some(mean) = mean else { return NONE.into() };
    let bound = if mean.at_least { "> " } else { "" };
    let wide = mean.interval.map_or_else(String::new, |wide| format!(" {}", interval(wide)));
    format!("{bound}{}{wide}", brief(mean.value))
}

/// A median or an end of its interval, in executions; without one there is none in sight.
pub(super) fn execs(at: Option<f64>) -> String {
    at.map_or_else(|| "∞".into(), whole)
}

/// Numbers, those that follow one another as a range: `1–30, 32`.
pub(super) fn ranges(numbers: impl IntoIterator<Item = u64>) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            Some(_) | None => ranges.push((number, number)),
        }
    }
    let written = |(first, last): &(u64, u64)| {
        if first == last { first.to_string() } else { format!("{first}–{last}") }
    };
    ranges.iter().map(written).collect::<Vec<_>>().join(", ")
}

/// `1 bug`, `2 bugs`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{} {what}{}", whole(number as f64), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::{brief, percent, probability, ranges, whole};

    #[test]
    fn figures_have_the_digits_that_count() {
        let written = [0.0, 0.000_000_33, 0.012_345, 0.999, 1.0, 12.345, 99.96, 1_234.5, 1e7].map(brief);
        assert_eq!(written, ["0", "3.3e-7", "0.0123", "0.999", "1.00", "12.3", "100", "1,234", "10,000,000"]);
        assert_eq!([7.0, 999.0, 1000.0, 123_456.7].map(whole), ["7", "999", "1,000", "123,457"]);
        assert_eq!([0.0, 0.004, 0.5, 0.9999, 1.0].map(percent), ["0 %", "0.400 %", "50 %", "> 99 %", "100 %"]);
        assert_eq!([0.0, 0.0009, 0.0123, 1.0].map(probability), ["< 0.001", "< 0.001", "0.012", "1.000"]);
    }

    #[test]
    fn seeds_are_written_as_ranges() {
        assert_eq!(ranges([1, 2, 3, 5, 8, 9]), "1–3, 5, 8–9");
        assert_eq!(ranges([]), "");
    }
}
