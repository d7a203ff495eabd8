//! How long something takes: a fixed time, or one drawn from a distribution.

use super::{EXACT, Field, Percent, Span};
use crate::{
    bytes::{Record, RecordMut},
    diagnostic::Diagnostic,
    dice::Dice,
    draw,
    lexer::Kind,
    text::{Cursor, Printer},
    units::{print_micros, print_percent},
    vocabulary::Vocabulary,
};

/// A distribution of durations. What is drawn below zero is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distribution {
    /// Always this. Text: `200ms`.
    Fixed(Span<0>),
    /// Everything between two values is equally likely. Text: `uniform 1ms to 11ms`.
    Uniform {
        /// The least.
        from: Span<0>,
        /// The most.
        to: Span<0>,
    },
    /// The bell curve. Text: `normal 200ms dev 50ms`.
    Normal {
        /// The mean, which is also the median.
        mean: Span<0>,
        /// The standard deviation.
        dev: Span<0>,
    },
    /// Without memory. Text: `exponential 10ms from 2ms`.
    Exponential {
        /// The mean, beyond the least.
        mean: Span<0>,
        /// The least.
        from: Span<0>,
    },
    /// Its logarithm follows the bell curve. Text: `log-normal 100ms dev 40ms`.
    LogNormal {
        /// The median: half of all are longer.
        median: Span<0>,
        /// How far above the median a value at one standard deviation of the logarithm lies.
        dev: Span<0>,
    },
    /// A power law. Text: `pareto 10ms mean 30ms`.
    Pareto {
        /// The least.
        least: Span<0>,
        /// The mean; without bound if it is not above the least.
        mean: Span<0>,
    },
    /// Mostly one value and now and then another (FoundationDB's network). Text: `bimodal 1ms or 300ms share 0.1%`.
    Bimodal {
        /// The usual one.
        usual: Span<0>,
        /// The other one.
        other: Span<0>,
        /// How often it is the other one.
        share: Percent<10>,
    },
}

/// How long something takes. Where nothing is said: uniform from `LEAST` to `MOST` microseconds, or fixed if they are equal;
/// if both are 0 it has to be said. Its times are [`Span`]s: `Latency(Distribution::fixed(1_234_567))` is 1.2345 s, rounded down
/// to what a span can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Latency<const LEAST: u32 = 0, const MOST: u32 = 0>(pub Distribution);

/// The words for the distributions.
pub(crate) const WORDS: [&str; 6] = ["uniform", "normal", "exponential", "log-normal", "pareto", "bimodal"];

impl Distribution {
    /// Always so many microseconds, rounded down to what a [`Span`] can say.
    pub fn fixed(micros: u32) -> Self {
        Self::Fixed(Span::at_most(micros))
    }

    /// A value in the middle, in microseconds: the mean or median, or the usual value.
    pub fn typical(self) -> Span<0> {
        match self {
            Self::Fixed(span) => span,
            Self::Uniform { from, to } => Span::at_most((from.micros() / 2).saturating_add(to.micros() / 2)),
            Self::Normal { mean, .. } => mean,
            Self::Exponential { mean, from } => Span::at_most(mean.micros().saturating_add(from.micros())),
            Self::LogNormal { median, .. } => median,
            Self::Pareto { mean, least } => mean.max(least),
            Self::Bimodal { usual, .. } => usual,
        }
    }

    fn raw(self) -> [u16; 4] {
        match self {
            Self::Fixed(span) => [1, span.raw(), 0, 0],
            Self::Uniform { from, to } => [2, from.raw(), to.raw(), 0],
            Self::Normal { mean, dev } => [3, mean.raw(), dev.raw(), 0],
            Self::Exponential { mean, from } => [4, mean.raw(), from.raw(), 0],
            Self::LogNormal { median, dev } => [5, median.raw(), dev.raw(), 0],
            Self::Pareto { least, mean } => [6, least.raw(), mean.raw(), 0],
            Self::Bimodal { usual, other, share } => [7, usual.raw(), other.raw(), share.0],
        }
    }

    fn parts(self) -> [Span<0>; 2] {
        let [_, first, second, _] = self.raw();
        [Span::from_raw(first), Span::from_raw(second)]
    }

    fn with_parts(self, [first, second]: [Span<0>; 2]) -> Self {
        match self {
            Self::Fixed(_) => Self::Fixed(first),
            Self::Uniform { .. } => Self::Uniform { from: first, to: second },
            Self::Normal { .. } => Self::Normal { mean: first, dev: second },
            Self::Exponential { .. } => Self::Exponential { mean: first, from: second },
            Self::LogNormal { .. } => Self::LogNormal { median: first, dev: second },
            Self::Pareto { .. } => Self::Pareto { least: first, mean: second },
            Self::Bimodal { share, .. } => Self::Bimodal { usual: first, other: second, share },
        }
    }
}

impl<const LEAST: u32, const MOST: u32> Latency<LEAST, MOST> {
    const SAID: Option<Self> = if MOST == 0 {
        None
    } else if LEAST == MOST {
        Some(Self(Distribution::Fixed(Span(LEAST))))
    } else {
        Some(Self(Distribution::Uniform { from: Span(LEAST), to: Span(MOST) }))
    };
}

impl<const LEAST: u32, const MOST: u32> Field for Latency<LEAST, MOST> {
    const DEFAULT: Option<Self> = Self::SAID;

    fn range() -> String {
        "a duration; `uniform A to B`; `normal MEAN dev DEV`; `exponential MEAN [from LEAST]`; `log-normal MEDIAN dev DEV`; \
         `pareto LEAST mean MEAN`; `bimodal A or B share 0.1%`"
            .to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        let kind = record.byte() & 15;
        let words = [record.word(), record.word(), record.word()];
        let [a, b] = [Span::from_raw(words[0]), Span::from_raw(words[1])];
        Self(match kind {
            0 => match Self::SAID {
                Some(Self(said)) => said,
                None => Distribution::Fixed(a),
            },
            1 => Distribution::Fixed(a),
            2 => Distribution::Uniform { from: a, to: b },
            3 => Distribution::Normal { mean: a, dev: b },
            4 => Distribution::Exponential { mean: a, from: b },
            5 => Distribution::LogNormal { median: a, dev: b },
            6 => Distribution::Pareto { least: a, mean: b },
            7 => Distribution::Bimodal { usual: a, other: b, share: Percent(words[2] % (EXACT + 1)) },
            _ => {
                record.refuse();
                Distribution::Fixed(a)
            }
        })
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        let [kind, words @ ..] = if Self::SAID == Some(*self) { [0; 4] } else { self.0.raw() };
        record.byte(kind as u8);
        words.into_iter().for_each(|word| record.word(word));
    }
    fn print(&self, _: &Printer<'_>) -> String {
        let time = |span: Span<0>| print_micros(span.micros().into());
        let pair = |name: &str, a: Span<0>, word: &str, b: Span<0>| format!("{name} {} {word} {}", time(a), time(b));
        match self.0 {
            Distribution::Fixed(span) => time(span),
            Distribution::Uniform { from, to } => pair("uniform", from, "to", to),
            Distribution::Normal { mean, dev } => pair("normal", mean, "dev", dev),
            Distribution::Exponential { mean, from } if from.micros() == 0 => format!("exponential {}", time(mean)),
            Distribution::Exponential { mean, from } => pair("exponential", mean, "from", from),
            Distribution::LogNormal { median, dev } => pair("log-normal", median, "dev", dev),
            Distribution::Pareto { least, mean } => pair("pareto", least, "mean", mean),
            Distribution::Bimodal { usual, other, share } => {
                pair("bimodal", usual, "or", other) + " share " + &print_percent(share.0)
            }
        }
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        WORDS.contains(&cursor.text(0)) || cursor.peek().is_some_and(|token| token.kind == Kind::Number)
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        parse(cursor).map(Self)
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        let mut span = || Span::at_most(draw::length(vocabulary, dice).max(100));
        let (a, b) = (span(), span());
        let (less, more) = (a.min(b), a.max(b));
        Self(match dice.below(16) {
            0 => Distribution::Uniform { from: less, to: more },
            1 => Distribution::Normal { mean: more, dev: less },
            2 => Distribution::Exponential { mean: a, from: Span::default() },
            3 => Distribution::LogNormal { median: more, dev: less },
            4 => Distribution::Pareto { least: less, mean: more },
            5 => Distribution::Bimodal { usual: less, other: more, share: Percent(500) },
            _ => Distribution::Fixed(a),
        })
    }
    fn flaw(&self) -> Option<(String, &'static str)> {
        let time = |span: Span<0>| print_micros(span.micros().into());
        match self.0 {
            Distribution::Uniform { from, to } if from > to => {
                let what = format!("`uniform {} to {}` has its ends the wrong way round", time(from), time(to));
                Some((what, "say the lesser one first"))
            }
            Distribution::Pareto { least, mean } if mean < least => {
                let what = format!("`pareto {} mean {}` has a mean below its least value", time(least), time(mean));
                Some((what, "say a mean above it"))
            }
            Distribution::Fixed(_) | Distribution::Uniform { .. } | Distribution::Normal { .. } => None,
            Distribution::Exponential { .. } | Distribution::LogNormal { .. } => None,
            Distribution::Pareto { .. } | Distribution::Bimodal { .. } => None,
        }
    }
    /// A fixed time first: nothing is left to chance. None is longer.
    fn simpler(&self) -> Vec<Self> {
        let typical = self.0.typical();
        let usually_more = matches!(self.0, Distribution::Bimodal { usual, other, .. } if usual > other);
        let said = Self::SAID.filter(|said| said != self && said.0.parts().iter().all(|part| *part <= typical));
        let fixed = (!usually_more).then_some(Self(Distribution::Fixed(typical)));
        let [a, b] = self.0.parts();
        let first = a.lesser().into_iter().map(|a| [a, b]);
        let shorter = first.chain(b.lesser().into_iter().map(|b| [a, b])).map(|parts| Self(self.0.with_parts(parts)));
        let candidates = said.into_iter().chain(fixed).chain(shorter);
        candidates.filter(|other| other.size() < self.size()).collect()
    }
    fn size(&self) -> u64 {
        if Self::SAID == Some(*self) {
            return 0;
        }
        let spread = if matches!(self.0, Distribution::Fixed(_)) { 1 } else { 1 << 41 };
        spread + self.0.parts().iter().map(Field::size).sum::<u64>()
    }
}

fn parse(cursor: &mut Cursor<'_>) -> Result<Distribution, Diagnostic> {
    let Some(word) = WORDS.into_iter().find(|word| *word == cursor.text(0)) else {
        if !cursor.at_number() {
            return Err(cursor.fail_near("a duration such as `10ms`, or a distribution of them", WORDS));
        }
        return Ok(Distribution::Fixed(Span::read(cursor)?));
    };
    cursor.advance();
    let first = Span::read(cursor)?;
    if word == "exponential" {
        let from = if cursor.accept("from") { Span::read(cursor)? } else { Span::default() };
        return Ok(Distribution::Exponential { mean: first, from });
    }
    let second = |cursor: &mut Cursor<'_>, word| cursor.expect(word).and_then(|()| Span::read(cursor));
    Ok(match word {
        "uniform" => Distribution::Uniform { from: first, to: second(cursor, "to")? },
        "normal" => Distribution::Normal { mean: first, dev: second(cursor, "dev")? },
        "log-normal" => Distribution::LogNormal { median: first, dev: second(cursor, "dev")? },
        "pareto" => Distribution::Pareto { least: first, mean: second(cursor, "mean")? },
        _ => {
            let other = second(cursor, "or")?;
            cursor.expect("share")?;
            Distribution::Bimodal { usual: first, other, share: Percent(cursor.percent()?) }
        }
    })
}
