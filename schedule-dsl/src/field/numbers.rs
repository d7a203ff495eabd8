//! Fields that are a number with a unit. Their defaults are part of their type, and zero bytes mean the default.

use super::Field;
use crate::{
    bytes::{Record, RecordMut},
    diagnostic::Diagnostic,
    dice::Dice,
    draw,
    lexer::Kind,
    shrink::{number_size, smaller_or_zero},
    text::{Cursor, Printer},
    units::{bytes as size_of, decimal, print_bytes, print_micros, print_percent, scaled},
    vocabulary::Vocabulary,
};

/// A probability or share in units of 0.01 %, up to 10,000; `DEFAULT` where nothing is said. Text: `30%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent<const DEFAULT: u16>(pub u16);

/// A probability in units of 0.001 %, up to 65.535 %. Text: `0.001%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FinePercent<const DEFAULT: u16>(pub u16);

/// A length of time in microseconds: any that is a whole number below 2^14 of 100 µs, 1 ms, 10 µs or 100 ms; up to 27
/// minutes. Text: `300ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span<const DEFAULT: u32>(pub(super) u32);

/// A number of bytes: any that is a whole number below 2^14 of B, kB, MB or GB, which are powers of 1000. It has to be said
/// if `REQUIRED`, and is 0 otherwise. Text: `64MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size<const REQUIRED: bool = true>(u64);

/// How many, up to 65,535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count<const DEFAULT: u16>(pub u16);

/// A small number, up to 255; 0 where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub u8);

/// How many effects of its next handler the victim still performs, up to 31; 0: it stops at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cut(pub u8);

/// How fast something runs, in thousandths; 1,000, which is as fast as time, where nothing is said. Text: `0.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor(pub u16);

/// How far a clock is off, in milliseconds; whole seconds beyond 16,383. Text: `ahead 200ms`, `behind 5s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i32);

/// All of them: 100 %.
pub const EXACT: u16 = 10_000;

/// The largest mantissa of a [`Span`], a [`Size`] or an [`Offset`].
const MANTISSA_MAX: u16 = (1 << 14) - 1;
/// The units of a [`Span`] in microseconds, in the order in which they are tried.
const SPAN_UNITS: [u32; 4] = [100, 1_000, 10, 100_000];
/// The units of a [`Size`] in bytes.
const SIZE_UNITS: [u64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];
/// The largest [`Cut`].
const CUT_MAX: u8 = 31;

/// Whether a share comes next. A bare number is taken for one, so that the complaint asks for its unit.
fn at_share(cursor: &Cursor<'_>) -> bool {
    at_number(cursor, &["%"]) || cursor.at_bare_number()
}

fn at_number(cursor: &Cursor<'_>, suffix: &[&str]) -> bool {
    let token = cursor.peek().filter(|token| token.kind == Kind::Number);
    token.is_some_and(|token| suffix.is_empty() || suffix.iter().any(|end| token.text.ends_with(end)))
}

/// The default, then about half and rounder numbers.
fn simpler_than(value: u64, default: u64, most: u64) -> Vec<u64> {
    if value == default {
        return vec![];
    }
    let rest = smaller_or_zero(value, most).into_iter().filter(|other| *other != default);
    [default].into_iter().chain(rest).collect()
}

fn size_beside(value: u64, default: u64) -> u64 {
    if value == default { 0 } else { 1 + number_size(value) }
}

impl<const DEFAULT: u16> Default for Percent<DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<const DEFAULT: u16> Field for Percent<DEFAULT> {
    const DEFAULT: Option<Self> = Some(Self(DEFAULT));

    fn range() -> String {
        "`0%` to `100%`, in steps of 0.01%".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        let raw = u32::from(record.word()) + u32::from(DEFAULT);
        Self((raw % (u32::from(EXACT) + 1)) as u16)
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        let raw = u32::from(self.0) + u32::from(EXACT) + 1 - u32::from(DEFAULT);
        record.word((raw % (u32::from(EXACT) + 1)) as u16);
    }
    fn print(&self, _: &Printer<'_>) -> String {
        print_percent(self.0)
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        at_share(cursor)
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.percent().map(Self)
    }
    fn random(_: &Vocabulary, dice: &mut Dice) -> Self {
        if dice.chance(1, 3) {
            Self(DEFAULT)
        } else {
            Self([EXACT, 5_000, 3_000, 1_000, 200, 1][dice.below(6) as usize])
        }
    }
    fn simpler(&self) -> Vec<Self> {
        let simpler = simpler_than(self.0.into(), DEFAULT.into(), EXACT.into());
        simpler.into_iter().map(|share| Self(share as u16)).collect()
    }
    fn size(&self) -> u64 {
        size_beside(self.0.into(), DEFAULT.into())
    }
}

impl<const DEFAULT: u16> Field for FinePercent<DEFAULT> {
    const DEFAULT: Option<Self> = Some(Self(DEFAULT));

    fn range() -> String {
        "`0%` to `65.535%`, in steps of 0.001%".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self(record.word().wrapping_add(DEFAULT))
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.word(self.0.wrapping_sub(DEFAULT));
    }
    fn print(&self, _: &Printer<'_>) -> String {
        decimal(self.0.into(), 1_000) + "%"
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        at_share(cursor)
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        let read = |text: &str| u16::try_from(scaled(text.strip_suffix('%')?, 1_000)?).ok();
        cursor.without_unit()?;
        cursor.number(read, "a share from `0%` to `65.535%`, in steps of 0.001%").map(Self)
    }
    fn random(_: &Vocabulary, dice: &mut Dice) -> Self {
        Self([DEFAULT, 10, 100, 1_000, 10_000][dice.below(5) as usize])
    }
    fn simpler(&self) -> Vec<Self> {
        let simpler = simpler_than(self.0.into(), DEFAULT.into(), u16::MAX.into());
        simpler.into_iter().map(|share| Self(share as u16)).collect()
    }
    fn size(&self) -> u64 {
        size_beside(self.0.into(), DEFAULT.into())
    }
}

impl<const DEFAULT: u32> Span<DEFAULT> {
    /// The longest of these that is no longer than so many microseconds, but at least zero.
    pub fn at_most(micros: u32) -> Self {
        let fits = |unit: u32| (micros / unit).min(MANTISSA_MAX.into()) * unit;
        Self(SPAN_UNITS.into_iter().map(fits).max().expect("there are units"))
    }

    /// So many microseconds, if it is one of these.
    pub fn exactly(micros: u32) -> Option<Self> {
        Some(Self::at_most(micros)).filter(|span| span.0 == micros)
    }

    /// Its length in microseconds.
    pub fn micros(self) -> u32 {
        self.0
    }

    /// Its two bytes; 0 is the default, whichever that is.
    pub(crate) fn raw(self) -> u16 {
        if self.0 == DEFAULT {
            return 0;
        }
        if self.0 == 0 {
            return 1 << 14;
        }
        let fits = |unit: &u32| self.0.is_multiple_of(*unit) && self.0 / unit <= MANTISSA_MAX.into();
        let unit = SPAN_UNITS.iter().position(fits).expect("a span is a whole number of one of the units");
        (unit as u16) << 14 | (self.0 / SPAN_UNITS[unit]) as u16
    }

    /// The inverse of [`Self::raw`].
    pub(crate) fn from_raw(raw: u16) -> Self {
        if raw == 0 { Self(DEFAULT) } else { Self(u32::from(raw & MANTISSA_MAX) * SPAN_UNITS[usize::from(raw >> 14)]) }
    }

    /// Reads one from the next word.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        let micros = cursor.peek_duration()?;
        let span = Self::exactly(micros).ok_or_else(|| cursor.fail(Self::expected()))?;
        cursor.advance();
        Ok(span)
    }

    fn expected() -> String {
        "a duration in steps of 10us below 160ms, of 100us below 1.6s, of 1ms below 16s and of 100ms up to 27m"
            .to_owned()
    }

    /// Simpler ones, none longer, the default first.
    pub(crate) fn lesser(self) -> Vec<Self> {
        let simpler = simpler_than(self.0.into(), DEFAULT.into(), u32::MAX.into());
        let shorter = simpler.into_iter().filter(|micros| *micros < self.0.into());
        shorter.filter_map(|micros| Self::exactly(micros as u32)).collect()
    }
}

impl<const DEFAULT: u32> Default for Span<DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<const DEFAULT: u32> Field for Span<DEFAULT> {
    const DEFAULT: Option<Self> = Some(Self(DEFAULT));

    fn range() -> String {
        Self::expected()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self::from_raw(record.word())
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.word(self.raw());
    }
    fn print(&self, _: &Printer<'_>) -> String {
        print_micros(self.0.into())
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        at_number(cursor, &["s", "m"])
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        Self::read(cursor)
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        if dice.chance(1, 3) { Self(DEFAULT) } else { Self::at_most(draw::length(vocabulary, dice)) }
    }
    fn simpler(&self) -> Vec<Self> {
        self.lesser()
    }
    fn size(&self) -> u64 {
        size_beside(self.0.into(), DEFAULT.into())
    }
}

impl<const REQUIRED: bool> Size<REQUIRED> {
    /// The largest of these that is no larger than so many bytes.
    pub fn at_most(bytes: u64) -> Self {
        let fits = |unit: u64| (bytes / unit).min(MANTISSA_MAX.into()) * unit;
        Self(SIZE_UNITS.into_iter().map(fits).max().expect("there are units"))
    }

    /// How many bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    pub(crate) fn raw(self) -> u16 {
        let fits = |unit: &u64| self.0.is_multiple_of(*unit) && self.0 / unit <= MANTISSA_MAX.into();
        let unit = SIZE_UNITS.iter().position(fits).expect("a size is a whole number of one of the units");
        (unit as u16) << 14 | (self.0 / SIZE_UNITS[unit]) as u16
    }

    pub(crate) fn from_raw(raw: u16) -> Self {
        Self(u64::from(raw & MANTISSA_MAX) * SIZE_UNITS[usize::from(raw >> 14)])
    }

    /// Reads one from the next word.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        let expected = format!("a size such as {}", Self::expected());
        let read = |text: &str| size_of(text).filter(|bytes| Self::at_most(*bytes).0 == *bytes).map(Self);
        cursor.number(read, expected)
    }

    fn expected() -> String {
        "`100B`, `20kB`, `64MB` or `1GB`: whole numbers below 16384 of a unit".to_owned()
    }
}

impl<const REQUIRED: bool> Default for Size<REQUIRED> {
    fn default() -> Self {
        Self(0)
    }
}

impl<const REQUIRED: bool> Field for Size<REQUIRED> {
    const DEFAULT: Option<Self> = if REQUIRED { None } else { Some(Self(0)) };

    fn range() -> String {
        Self::expected()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self::from_raw(record.word())
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.word(self.raw());
    }
    fn print(&self, _: &Printer<'_>) -> String {
        print_bytes(self.0)
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        at_number(cursor, &["B"])
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        Self::read(cursor)
    }
    fn random(_: &Vocabulary, dice: &mut Dice) -> Self {
        Self::at_most(draw::log_uniform(100, 100_000_000, dice).into())
    }
    fn simpler(&self) -> Vec<Self> {
        let mut simpler: Vec<Self> = smaller_or_zero(self.0, u64::MAX).into_iter().map(Self::at_most).collect();
        simpler.retain(|other| other.size() < self.size());
        simpler
    }
    fn size(&self) -> u64 {
        number_size(self.0)
    }
}

impl<const DEFAULT: u16> Field for Count<DEFAULT> {
    const DEFAULT: Option<Self> = Some(Self(DEFAULT));

    fn range() -> String {
        "0 to 65535".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self(record.word().wrapping_add(DEFAULT))
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.word(self.0.wrapping_sub(DEFAULT));
    }
    fn print(&self, _: &Printer<'_>) -> String {
        self.0.to_string()
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        at_number(cursor, &[])
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.integer(0..=u16::MAX.into()).map(|count| Self(count as u16))
    }
    fn random(_: &Vocabulary, dice: &mut Dice) -> Self {
        if dice.chance(1, 2) { Self(DEFAULT) } else { Self(draw::log_uniform(1, 2_000, dice) as u16) }
    }
    fn simpler(&self) -> Vec<Self> {
        let simpler = simpler_than(self.0.into(), DEFAULT.into(), u16::MAX.into());
        simpler.into_iter().map(|count| Self(count as u16)).collect()
    }
    fn size(&self) -> u64 {
        size_beside(self.0.into(), DEFAULT.into())
    }
}

impl Field for Number {
    const DEFAULT: Option<Self> = Some(Self(0));

    fn range() -> String {
        "0 to 255".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self(record.byte())
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.byte(self.0);
    }
    fn print(&self, _: &Printer<'_>) -> String {
        self.0.to_string()
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        at_number(cursor, &[])
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.integer(0..=u8::MAX.into()).map(|number| Self(number as u8))
    }
    fn random(_: &Vocabulary, dice: &mut Dice) -> Self {
        if dice.chance(2, 3) { Self(0) } else { Self(dice.between(1, 5) as u8) }
    }
    fn simpler(&self) -> Vec<Self> {
        smaller_or_zero(self.0.into(), u8::MAX.into()).into_iter().map(|number| Self(number as u8)).collect()
    }
    fn size(&self) -> u64 {
        number_size(self.0.into())
    }
}

impl Field for Cut {
    const DEFAULT: Option<Self> = Some(Self(0));

    fn range() -> String {
        format!("0 to {CUT_MAX}")
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self(record.byte() % (CUT_MAX + 1))
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.byte(self.0);
    }
    fn print(&self, _: &Printer<'_>) -> String {
        self.0.to_string()
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        at_number(cursor, &[])
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.integer(0..=CUT_MAX.into()).map(|effects| Self(effects as u8))
    }
    fn random(_: &Vocabulary, dice: &mut Dice) -> Self {
        Self(if dice.chance(2, 3) { 0 } else { dice.between(1, 8) as u8 })
    }
    fn simpler(&self) -> Vec<Self> {
        smaller_or_zero(self.0.into(), CUT_MAX.into()).into_iter().map(|effects| Self(effects as u8)).collect()
    }
    fn size(&self) -> u64 {
        number_size(self.0.into())
    }
}

impl Factor {
    /// As fast as time.
    const ONE: u16 = 1_000;
}

impl Default for Factor {
    fn default() -> Self {
        Self(Self::ONE)
    }
}

impl Field for Factor {
    const DEFAULT: Option<Self> = Some(Self(Self::ONE));

    fn range() -> String {
        "0 to 65.535, in steps of 0.001".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self(record.word().wrapping_add(Self::ONE))
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.word(self.0.wrapping_sub(Self::ONE));
    }
    fn print(&self, _: &Printer<'_>) -> String {
        decimal(self.0.into(), 1_000)
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        at_number(cursor, &[])
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        let read = |text: &str| u16::try_from(scaled(text, 1_000)?).ok();
        cursor.number(read, format!("a factor from {}", Self::range())).map(Self)
    }
    fn random(_: &Vocabulary, dice: &mut Dice) -> Self {
        Self([Self::ONE, 500, 2_000, 900, 1_100, 0, 5_000][dice.below(7) as usize])
    }
    fn simpler(&self) -> Vec<Self> {
        let simpler = simpler_than(self.0.into(), Self::ONE.into(), u16::MAX.into());
        simpler.into_iter().map(|factor| Self(factor as u16)).collect()
    }
    fn size(&self) -> u64 {
        size_beside(self.0.into(), Self::ONE.into())
    }
}

impl Offset {
    /// So many milliseconds ahead, or behind if negative, if it is one of these.
    pub fn exactly(millis: i32) -> Option<Self> {
        let fine = millis.unsigned_abs() <= MANTISSA_MAX.into();
        let coarse = millis % 1_000 == 0 && millis.unsigned_abs() / 1_000 <= MANTISSA_MAX.into();
        (fine || coarse).then_some(Self(millis))
    }

    /// How many milliseconds ahead; behind if negative.
    pub fn millis(self) -> i32 {
        self.0
    }
}

impl Field for Offset {
    const WORDS: &'static [&'static str] = &["ahead", "behind"];
    const DEFAULT: Option<Self> = Some(Self(0));

    fn range() -> String {
        "`ahead` or `behind` a duration in steps of 1ms below 16s, of 1s up to 273m".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        let raw = record.word();
        let unit = if raw & 1 << 14 == 0 { 1 } else { 1_000 };
        let millis = i32::from(raw & MANTISSA_MAX) * unit;
        Self(if raw & 1 << 15 == 0 { millis } else { -millis })
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        let (sign, millis) = (u16::from(self.0 < 0) << 15, self.0.unsigned_abs());
        let fine = millis <= MANTISSA_MAX.into();
        record.word(sign | if fine { millis as u16 } else { 1 << 14 | (millis / 1_000) as u16 });
    }
    fn print(&self, _: &Printer<'_>) -> String {
        let side = if self.0 < 0 { "behind" } else { "ahead" };
        format!("{side} {}", print_micros(u64::from(self.0.unsigned_abs()) * 1_000))
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        matches!(cursor.text(0), "ahead" | "behind")
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        let sign = if cursor.accept("ahead") { 1 } else { -1 };
        if sign < 0 && !cursor.accept("behind") {
            return Err(cursor.fail("`ahead` or `behind`"));
        }
        let micros = cursor.peek_long_duration()?;
        let millis =
            i32::try_from(micros / 1_000).ok().filter(|_| micros.is_multiple_of(1_000)).and_then(Self::exactly);
        let offset = millis.ok_or_else(|| cursor.fail("a duration in steps of 1ms below 16s, of 1s up to 273m"))?;
        cursor.advance();
        Ok(Self(sign * offset.0))
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        let millis = (draw::length(vocabulary, dice) / 1_000).clamp(1, MANTISSA_MAX.into()) as i32;
        Self(if dice.chance(1, 2) { millis } else { -millis })
    }
    fn simpler(&self) -> Vec<Self> {
        let lesser = smaller_or_zero(self.0.unsigned_abs().into(), i32::MAX as u64).into_iter();
        lesser.filter_map(|millis| Self::exactly(millis as i32 * self.0.signum())).collect()
    }
    fn size(&self) -> u64 {
        number_size(self.0.unsigned_abs().into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Size, Span};

    #[test]
    fn every_two_bytes_are_a_span_and_a_size_and_their_own_inverse() {
        for raw in 0..=u16::MAX {
            let (span, size) = (Span::<50_000>::from_raw(raw), Size::<true>::from_raw(raw));
            assert_eq!(Span::<50_000>::from_raw(span.raw()), span);
            assert_eq!(Size::<true>::from_raw(size.raw()), size);
        }
        assert_eq!(Span::<50_000>::from_raw(0).micros(), 50_000);
        assert_eq!(Span::<50_000>::exactly(0).map(Span::raw), Some(1 << 14));
    }

    #[test]
    fn a_span_is_rounded_down_to_what_can_be_said() {
        assert_eq!(Span::<0>::at_most(163_839).micros(), 163_830);
        assert_eq!(Span::<0>::at_most(1_234_567).micros(), 1_234_500);
        assert_eq!(Span::<0>::at_most(u32::MAX).micros(), 1_638_300_000);
        assert_eq!(Span::<0>::exactly(1_234_567), None);
    }
}
