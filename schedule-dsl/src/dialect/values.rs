//! Values in the manner of other tools: probabilities as numbers, distributions as maps, sizes in anybody's spelling.

use std::ops::Range;

use super::{
    bag::Bag,
    words::{Convert, ours},
};
use crate::{
    forms::source::Source,
    lexer,
    tree::{Tree, Value},
    units::{decimal, print_bytes, print_percent, scaled},
};

/// What `value` says in the words of the text form; what cannot be understood is left for the grammar to complain about.
/// Nothing if a complaint has been made.
pub(super) fn convert(value: &Tree, how: Convert, source: &mut Source<'_>) -> Option<Tree> {
    let text = match &value.value {
        Value::Text(text) | Value::Number(text) => Some(text.as_str()),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
    };
    let converted = match how {
        Convert::Plain => None,
        Convert::Share => return share(value, source),
        Convert::Latency => return latency(value, source),
        Convert::Percent => text.filter(|text| scaled(text, 1_000).is_some()).map(|text| format!("{text}%")),
        Convert::Size => text.and_then(size),
        Convert::Megabytes => text.filter(|text| whole(text)).map(|text| format!("{text}MB")),
        Convert::Rate => text.and_then(rate),
        Convert::Offset => text.and_then(offset),
        Convert::Word(table) => text.and_then(|text| ours(text, table)).map(str::to_owned),
        Convert::Flag(word) => match value.value {
            Value::Bool(true) => Some(word.to_owned()),
            Value::Bool(false) | Value::Null | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                source.complain_of_kind(value, "true or false");
                return None;
            }
        },
    };
    Some(converted.map_or_else(|| value.clone(), |text| said(text, &value.span)))
}

/// Text on account of what stands on `span`.
pub(super) fn said(text: impl Into<String>, span: &Range<usize>) -> Tree {
    Value::Text(text.into()).at(span.clone())
}

fn whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A number from 0 to 1 as a share.
fn share(value: &Tree, source: &mut Source<'_>) -> Option<Tree> {
    let number = match &value.value {
        Value::Number(number) => number,
        Value::Text(text) if text.starts_with(|c: char| c.is_ascii_digit()) && !text.ends_with('%') => text,
        Value::Text(_) | Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => return Some(value.clone()),
    };
    let hundredths = scaled(number, 10_000).filter(|share| *share <= 10_000).map(|share| print_percent(share as u16));
    let thousandths =
        || scaled(number, 100_000).filter(|share| *share <= 100_000).map(|share| decimal(share, 1_000) + "%");
    match hundredths.or_else(thousandths) {
        Some(text) => Some(said(text, &value.span)),
        None => {
            source.complain(value.span.clone(), "a probability from 0 to 1, or a share such as `10%`");
            None
        }
    }
}

/// Sizes of units, in the spellings of others.
const SIZES: [(&str, u64); 11] = [
    ("KIB", 1 << 10),
    ("MIB", 1 << 20),
    ("GIB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("K", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("BYTES", 1),
    ("B", 1),
];

/// Units of bits a second.
const BITS: [(&str, u64); 8] = [
    ("KBIT", 1_000),
    ("MBIT", 1_000_000),
    ("GBIT", 1_000_000_000),
    ("KBPS", 1_000),
    ("MBPS", 1_000_000),
    ("GBPS", 1_000_000_000),
    ("BPS", 1),
    ("BIT", 1),
];

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.to_uppercase();
    let (unit, size) = units.iter().find(|(unit, _)| text.ends_with(unit))?;
    scaled(text[..text.len() - unit.len()].trim_end(), *size)
}

fn size(text: &str) -> Option<String> {
    with_unit(text.trim(), &SIZES).map(print_bytes)
}

/// Bytes a second; bits are eighths of them.
fn rate(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_suffix("/s").or_else(|| text.strip_suffix("/sec")).unwrap_or(text);
    let bits = with_unit(text, &BITS).filter(|bits| bits.is_multiple_of(8)).map(|bits| bits / 8);
    bits.or_else(|| with_unit(text, &SIZES)).map(print_bytes)
}

fn offset(text: &str) -> Option<String> {
    let text = text.trim();
    match text.chars().next()? {
        '-' => Some(format!("behind {}", &text[1..])),
        '+' => Some(format!("ahead {}", &text[1..])),
        '0'..='9' => Some(format!("ahead {text}")),
        _ => None,
    }
}

/// The distributions and their parameters: our word, theirs, and for each parameter the word before it and its keys. Those
/// after the first one that may be left out are marked.
struct Shape {
    ours: &'static str,
    theirs: &'static [&'static str],
    parts: &'static [Part],
}

struct Part {
    word: &'static str,
    keys: &'static [&'static str],
    optional: bool,
}

const fn part(word: &'static str, keys: &'static [&'static str]) -> Part {
    Part { word, keys, optional: false }
}

const DEV: Part = part("dev", &["std_dev", "stddev", "dev", "sigma", "deviation", "jitter"]);
const SHAPES: &[Shape] = &[
    Shape {
        ours: "",
        theirs: &["fixed", "constant"],
        parts: &[part("", &["value", "delay", "time", "duration", "mean"])],
    },
    Shape {
        ours: "uniform",
        theirs: &["uniform"],
        parts: &[part("", &["min", "from", "low"]), part("to", &["max", "to", "high"])],
    },
    Shape { ours: "normal", theirs: &["normal", "gaussian"], parts: &[part("", &["mean", "time", "delay"]), DEV] },
    Shape {
        ours: "exponential",
        theirs: &["exponential"],
        parts: &[part("", &["mean"]), Part { word: "from", keys: &["min", "from"], optional: true }],
    },
    Shape { ours: "log-normal", theirs: &["log_normal", "lognormal"], parts: &[part("", &["median", "mean"]), DEV] },
    Shape {
        ours: "pareto",
        theirs: &["pareto"],
        parts: &[part("", &["min", "least", "scale"]), part("mean", &["mean"])],
    },
    Shape {
        ours: "bimodal",
        theirs: &["bimodal"],
        parts: &[
            part("", &["usual", "normal", "low"]),
            part("or", &["other", "slow", "high"]),
            part("share", &["share", "probability"]),
        ],
    },
];

/// A distribution: text, or a map.
fn latency(value: &Tree, source: &mut Source<'_>) -> Option<Tree> {
    let Value::Map(_) = value.value else { return Some(value.clone()) };
    let mut bag = Bag::new(value);
    // It is a field of its own, which the caller sets.
    bag.take(&["correlation"]);
    let word = bag.take(&["distribution", "type", "kind"]);
    let Some((_, word_tree)) = &word else {
        let text = jittery(&mut bag, value, source);
        bag.nothing_left("a delay", &["distribution", "time", "jitter", "correlation"], source);
        return text;
    };
    let named = |shape: &&Shape| matches!(&word_tree.value, Value::Text(text) if shape.theirs.contains(&super::words::snake(text).as_str()));
    let Some(shape) = SHAPES.iter().find(named) else {
        let known = SHAPES.iter().flat_map(|shape| shape.theirs).copied();
        let expected = "`fixed`, `uniform`, `normal`, `exponential`, `log_normal`, `pareto` or `bimodal`";
        source.complain_unknown(word_tree.span.clone(), text_of(word_tree).unwrap_or_default(), expected, known);
        return None;
    };
    if shape.ours == "uniform" && bag.has(&["time", "delay", "jitter"]) {
        let text = jittery(&mut bag, value, source);
        bag.nothing_left("a delay", &["distribution", "time", "jitter", "correlation"], source);
        return text;
    }
    let text = parts(shape, &mut bag, &word_tree.span, source);
    let keys: Vec<&str> = shape.parts.iter().map(|part| part.keys[0]).collect();
    bag.nothing_left(shape.theirs[0], &keys, source);
    text.map(|text| said(text, &value.span))
}

fn parts(shape: &Shape, bag: &mut Bag, span: &Range<usize>, source: &mut Source<'_>) -> Option<String> {
    // Each part is taken, whatever is wrong with the others.
    let said: Vec<Option<String>> = shape.parts.iter().map(|part| words(part, shape, bag, span, source)).collect();
    let said = said.into_iter().collect::<Option<Vec<String>>>()?;
    let words: Vec<String> = [shape.ours.to_owned()].into_iter().chain(said).filter(|word| !word.is_empty()).collect();
    Some(words.join(" "))
}

/// A parameter of a distribution in our words; nothing at all if it may be left out and is. `None` if a complaint was made.
fn words(part: &Part, shape: &Shape, bag: &mut Bag, span: &Range<usize>, source: &mut Source<'_>) -> Option<String> {
    let Some((_, value)) = bag.take(part.keys) else {
        if !part.optional {
            source.complain(span.clone(), format!("a key `{}` beside `{}`", part.keys[0], shape.theirs[0]));
        }
        return part.optional.then(String::new);
    };
    let text = if part.word == "share" { text_of(&share(&value, source)?)?.to_owned() } else { time(&value, source)? };
    Some(format!("{} {text}", part.word).trim_start().to_owned())
}

/// `{time: 100ms, jitter: 10ms}`: uniform around the time.
fn jittery(bag: &mut Bag, value: &Tree, source: &mut Source<'_>) -> Option<Tree> {
    let Some((_, mean)) = bag.take(&["time", "delay", "value", "mean", "latency"]) else {
        if let (Some((_, low)), Some((_, high))) = (bag.take(&["min", "from"]), bag.take(&["max", "to"])) {
            let (low, high) = (time(&low, source), time(&high, source));
            return Some(said(format!("uniform {} to {}", low?, high?), &value.span));
        }
        source.complain(value.span.clone(), "a key `distribution`, or `time`");
        return None;
    };
    let middle = time(&mean, source);
    if let Some((_, dev)) = bag.take(&["std_dev", "stddev"]) {
        let dev = time(&dev, source);
        return Some(said(format!("normal {} dev {}", middle?, dev?), &value.span));
    }
    let Some((_, jitter)) = bag.take(&["jitter"]) else { return Some(said(middle?, &value.span)) };
    let micros = |text: &str| crate::units::micros(text).unwrap_or(0);
    let jitter = time(&jitter, source);
    let (middle, jitter) = (micros(&middle?), micros(&jitter?));
    let print = crate::units::print_micros;
    Some(said(
        format!("uniform {} to {}", print(middle.saturating_sub(jitter)), print(middle.saturating_add(jitter))),
        &value.span,
    ))
}

/// A duration within a map, checked where it stands.
pub(super) fn time(value: &Tree, source: &mut Source<'_>) -> Option<String> {
    let text = text_of(value).map(str::trim);
    let duration = text.filter(|text| crate::units::micros(text).is_ok());
    if duration.is_none() {
        source.complain(value.span.clone(), "a duration such as `10ms` (units us, ms, s, m)");
    }
    duration.map(str::to_owned)
}

/// A name as the text form can read it among words of the grammar.
pub(super) fn quoted(name: &str) -> String {
    let plain = lexer::is_identifier(name) && !crate::text::is_reserved(name);
    if plain || name.contains('"') { name.to_owned() } else { format!("\"{name}\"") }
}

/// What `value` says, if it is text.
pub(super) fn text_of(value: &Tree) -> Option<&str> {
    match &value.value {
        Value::Text(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// What `value` says, if it is text or a number.
pub(super) fn plain_of(value: &Tree) -> Option<&str> {
    match &value.value {
        Value::Text(text) | Value::Number(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
    }
}
