//! The header as lines of text: target, seed, shape, mix, phases, ambient rates.
//!
//! A value of zero is the target's default and is not printed; a line without values is left out.

use crate::{
    diagnostic::Diagnostic,
    document::Line,
    lexer::Kind,
    schedule::Header,
    select::NODES_MAX,
    text::Cursor,
    units::{print_micros, print_percent},
};

/// Microseconds in a unit of the phases.
pub(crate) const PHASE_UNIT: u32 = 10_000;
/// Microseconds in a unit of the jitter.
const JITTER_UNIT: u32 = 10;

/// The words that begin a line of the header.
pub(crate) const WORDS: [&str; 11] =
    ["murphy", "target", "seed", "nodes", "clients", "keys", "ops", "rate", "mix", "phases", "ambient"];

/// The lines of a header, `None` for those with nothing to say.
pub(crate) fn print(target: &str, header: &Header) -> [(Line, Option<String>); 7] {
    [
        (Line::Version, Some(format!("murphy {}", crate::bytes::VERSION))),
        (Line::Target, Some(format!("target {target}"))),
        (Line::Seed, Some(format!("seed {:#x}", header.seed))),
        (Line::Shape, shape(header)),
        (Line::Mix, mix(header)),
        (Line::Phases, phases(header)),
        (Line::Ambient, ambient(header)),
    ]
}

fn shape(header: &Header) -> Option<String> {
    let item = |word: &str, value: u16| (value != 0).then(|| format!("{word} {value}"));
    list(
        "",
        [
            item("nodes", header.nodes.into()),
            item("clients", header.clients.into()),
            item("keys", header.keys.into()),
            header.ops.map(|ops| format!("ops {ops}")),
            item("rate", header.rate),
        ],
    )
}

fn mix(header: &Header) -> Option<String> {
    let used = header.mix.iter().rposition(|weight| *weight != 0)? + 1;
    let weights: Vec<String> = header.mix[..used].iter().map(u8::to_string).collect();
    Some(format!("mix {}", weights.join(" ")))
}

fn phases(header: &Header) -> Option<String> {
    let item = |word: &str, units: u16| (units != 0).then(|| format!("{word} {}", time(units, PHASE_UNIT)));
    list("phases ", [item("chaos", header.chaos), item("heal", header.heal), item("settle", header.settle)])
}

fn ambient(header: &Header) -> Option<String> {
    let jitter = (header.jitter != 0).then(|| format!("jitter {}", time(header.jitter, JITTER_UNIT)));
    let item = |word: &str, share: u16| (share != 0).then(|| format!("{word} {}", print_percent(share)));
    list("ambient ", [jitter, item("loss", header.loss), item("duplication", header.duplication)])
}

fn time(units: u16, unit: u32) -> String {
    print_micros(u64::from(units) * u64::from(unit))
}

fn list<const N: usize>(word: &str, items: [Option<String>; N]) -> Option<String> {
    let items: Vec<String> = items.into_iter().flatten().collect();
    (!items.is_empty()).then(|| word.to_owned() + &items.join(", "))
}

/// Reads the header's line at the cursor, which begins with one of [`WORDS`].
pub(crate) fn parse(cursor: &mut Cursor<'_>, target: &mut String, header: &mut Header) -> Result<Line, Diagnostic> {
    let word = cursor.text(0);
    if !matches!(word, "nodes" | "clients" | "keys" | "ops" | "rate") {
        cursor.advance();
    }
    match word {
        "target" => parse_target(cursor).map(|name| *target = name).map(|()| Line::Target),
        "seed" => {
            cursor.number(seed, "a seed such as `0x5eed` or `17`").map(|seed| header.seed = seed).map(|()| Line::Seed)
        }
        "mix" => parse_mix(cursor, header).map(|()| Line::Mix),
        "phases" => items(cursor, header, phase).map(|()| Line::Phases),
        "ambient" => items(cursor, header, ambient_rate).map(|()| Line::Ambient),
        _ => items(cursor, header, dimension).map(|()| Line::Shape),
    }
}

fn seed(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A target's name is all that follows, since it may contain `+`, `.` and a final `-`.
fn parse_target(cursor: &mut Cursor<'_>) -> Result<String, Diagnostic> {
    let expected = "the name of a target (letters, digits, `.`, `_`, `+`, `-`), or `any`";
    let mut name = String::new();
    let mut end = None;
    while let Some(token) = cursor.peek() {
        let joined = end.is_none_or(|end| end == token.at);
        let named = token.text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
        if !joined || !named {
            return Err(cursor.fail(if joined { expected } else { "the end of the line" }));
        }
        name.push_str(token.text);
        end = Some(token.at + token.text.len());
        cursor.advance();
    }
    if name.is_empty() { Err(cursor.fail(expected)) } else { Ok(name) }
}

fn parse_mix(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<(), Diagnostic> {
    let mut weights = [0; 8];
    for (at, weight) in weights.iter_mut().enumerate() {
        let more = cursor.peek().is_some_and(|token| token.kind == Kind::Number);
        if at > 0 && !more {
            break;
        }
        *weight = cursor.integer(0..=255)? as u8;
    }
    header.mix = weights;
    Ok(())
}

fn items(
    cursor: &mut Cursor<'_>,
    header: &mut Header,
    mut item: impl FnMut(&mut Cursor<'_>, &mut Header) -> Result<(), Diagnostic>,
) -> Result<(), Diagnostic> {
    item(cursor, header)?;
    while cursor.accept(",") {
        item(cursor, header)?;
    }
    Ok(())
}

fn dimension(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<(), Diagnostic> {
    if cursor.accept("nodes") {
        header.nodes = cursor.integer(0..=NODES_MAX.into())? as u8;
    } else if cursor.accept("clients") {
        header.clients = cursor.integer(0..=15)? as u8;
    } else if cursor.accept("keys") {
        header.keys = cursor.integer(0..=63)? as u8;
    } else if cursor.accept("ops") {
        header.ops = Some(cursor.integer(0..=65_534)? as u16);
    } else if cursor.accept("rate") {
        header.rate = cursor.integer(0..=65_535)? as u16;
    } else {
        return Err(cursor.fail("`nodes`, `clients`, `keys`, `ops` or `rate`"));
    }
    Ok(())
}

fn phase(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<(), Diagnostic> {
    let length = if cursor.accept("chaos") {
        &mut header.chaos
    } else if cursor.accept("heal") {
        &mut header.heal
    } else if cursor.accept("settle") {
        &mut header.settle
    } else {
        return Err(cursor.fail("`chaos`, `heal` or `settle`"));
    };
    *length = cursor.duration_in(PHASE_UNIT, u16::MAX.into())? as u16;
    Ok(())
}

fn ambient_rate(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<(), Diagnostic> {
    if cursor.accept("jitter") {
        header.jitter = cursor.duration_in(JITTER_UNIT, u16::MAX.into())? as u16;
    } else if cursor.accept("loss") {
        header.loss = cursor.percent()?;
    } else if cursor.accept("duplication") {
        header.duplication = cursor.percent()?;
    } else {
        return Err(cursor.fail("`jitter`, `loss` or `duplication`"));
    }
    Ok(())
}
