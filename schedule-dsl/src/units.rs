//! Numbers with units as text: durations, percentages, factors. All of them are exact; none is a float.

/// One second in microseconds.
const SECOND: u64 = 1_000_000;

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoDuration {
    /// No number with a unit of time.
    Form,
    /// Finer than a microsecond, or too long to count.
    Precision,
}

/// The microseconds that `text` means: `1.2s`.
pub(crate) fn micros(text: &str) -> Result<u64, NoDuration> {
    let units = [("us", 1), ("ms", 1000), ("s", SECOND), ("m", 60 * SECOND)];
    let (number, size) = units
        .into_iter()
        .find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)))
        .filter(|(number, _)| is_decimal(number))
        .ok_or(NoDuration::Form)?;
    scaled(number, size).ok_or(NoDuration::Precision)
}

/// A duration in the largest unit, up to seconds, that needs no more than three decimals and is not below one.
pub fn print_micros(micros: u64) -> String {
    if micros == 0 {
        return "0s".to_owned();
    }
    let (unit, size) = match micros {
        SECOND.. if micros.is_multiple_of(1000) => ("s", SECOND),
        1000.. => ("ms", 1000),
        _ => ("us", 1),
    };
    decimal(micros, size) + unit
}

/// The hundredths of a percent that `text` means: `0.5%` is 50.
pub(crate) fn percent(text: &str) -> Option<u16> {
    scaled(text.strip_suffix('%')?, 100).filter(|share| *share <= 10_000).map(|share| share as u16)
}

/// A number of hundredths of a percent.
pub(crate) fn print_percent(share: u16) -> String {
    decimal(share.into(), 100) + "%"
}

/// The percent above or below 100 that a factor means: `1.1` is 10.
pub(crate) fn factor(text: &str) -> Option<i8> {
    let hundredths = scaled(text, 100).filter(|factor| *factor <= 227)?;
    i8::try_from(hundredths.cast_signed() - 100).ok()
}

/// The factor that a percentage above or below 100 means.
pub(crate) fn print_factor(percent: i8) -> String {
    decimal((i64::from(percent) + 100).unsigned_abs(), 100)
}

/// The units of sizes and their bytes, the largest first.
const BYTES: [(&str, u64); 4] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1)];

/// The bytes that `text` means: `64MB`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let unit = |(unit, size): &(&str, u64)| scaled(text.strip_suffix(unit)?, *size);
    BYTES.iter().find_map(unit)
}

/// A size in the largest unit of which it is a whole number.
pub(crate) fn print_bytes(bytes: u64) -> String {
    let whole = |(_, size): &&(&str, u64)| bytes.is_multiple_of(*size) && bytes > 0;
    let (unit, size) = BYTES.iter().find(whole).unwrap_or(&("B", 1));
    format!("{}{unit}", bytes / size)
}

/// `value / scale` as a decimal number without trailing zeros. `scale` is a power of ten.
pub(crate) fn decimal(value: u64, scale: u64) -> String {
    let width = scale.ilog10() as usize;
    let text = format!("{}.{:0width$}", value / scale, value % scale);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whether `text` is digits, perhaps with a point among them.
pub(crate) fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').map_or(digits(text), |(whole, part)| digits(whole) && digits(part))
}

/// The decimal number `text` times `scale`, if that is whole.
pub(crate) fn scaled(text: &str, scale: u64) -> Option<u64> {
    if !is_decimal(text) {
        return None;
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    let unit = 10u64.checked_pow(part.len() as u32)?;
    let fraction = if part.is_empty() { 0 } else { part.parse::<u64>().ok()?.checked_mul(scale)? };
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    fraction.is_multiple_of(unit).then(|| whole.checked_add(fraction / unit))?
}

#[cfg(test)]
mod tests {
    use super::{NoDuration, factor, micros, percent, print_factor, print_micros, print_percent};

    #[test]
    fn durations_print_in_the_unit_that_reads_best() {
        for (value, text) in [
            (0, "0s"),
            (40, "40us"),
            (1_500, "1.5ms"),
            (250_000, "250ms"),
            (1_200_000, "1.2s"),
            (1_234_567, "1234.567ms"),
            (60_000_000, "60s"),
            (u64::from(u32::MAX), "4294967.295ms"),
        ] {
            assert_eq!(print_micros(value), text);
            assert_eq!(micros(text), Ok(value));
        }
    }

    #[test]
    fn a_duration_has_a_unit_and_is_exact() {
        assert_eq!(micros("2m"), Ok(120_000_000));
        assert_eq!(micros("1.50s"), Ok(1_500_000));
        for text in ["10", "10mz", "s", ".5s", "1.s", "1e3s", "-1s"] {
            assert_eq!(micros(text), Err(NoDuration::Form), "{text}");
        }
        for text in ["0.5us", "0.0001ms", "99999999999999999999s"] {
            assert_eq!(micros(text), Err(NoDuration::Precision), "{text}");
        }
    }

    #[test]
    fn shares_and_factors_are_their_own_inverse() {
        for share in 0..=10_000 {
            assert_eq!(percent(&print_percent(share)), Some(share));
        }
        for above in -100..=127 {
            assert_eq!(factor(&print_factor(above)), Some(above));
        }
        assert_eq!(print_percent(50), "0.5%");
        assert_eq!(print_factor(10), "1.1");
        assert_eq!((percent("100.01%"), percent("1"), factor("2.28"), factor("1.001")), (None, None, None, None));
    }
}
