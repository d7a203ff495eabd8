//! The header as lines of text: target, seed, shape, mix, phases, ambient rates.
//!
//! A value of zero is the target's default and is not printed; a line without values is left out.

use std::collections::BTreeMap;

use crate::{
    diagnostic::Diagnostic,
    document::Line,
    field::{Percent, Size, Span},
    lexer::Kind,
    name::Name,
    phrase::braces,
    schedule::{Budget, DCS_MAX, GROUPS_MAX, Group, Header},
    select::{NODES_MAX, Nodes},
    text::{Cursor, Printer},
    units::{print_bytes, print_micros, print_percent},
};

/// Microseconds in a unit of the phases.
pub(crate) const PHASE_UNIT: u32 = 10_000;
/// Microseconds in a unit of the jitter.
const JITTER_UNIT: u32 = 10;

/// The words that begin a line of the header.
pub(crate) const WORDS: [&str; 18] = [
    "murphy",
    "target",
    "seed",
    "nodes",
    "clients",
    "keys",
    "ops",
    "rate",
    "workload",
    "mix",
    "phases",
    "ambient",
    "budget",
    "dcs",
    "dc",
    "group",
    "latency",
    "resources",
];

/// Those of [`WORDS`] that can begin several lines.
pub(crate) const REPEATED: [&str; 2] = ["dc", "group"];

/// The keys that say the same in the structured forms, in an order in which they can be read. Data centres are all under
/// `dcs` there, and groups under `groups`.
pub(crate) fn keys() -> impl Iterator<Item = &'static str> {
    WORDS.into_iter().filter(|word| *word != "dc").map(|word| if word == "group" { "groups" } else { word })
}

/// The lines of a header, `None` for those with nothing to say.
pub(crate) fn print(target: &str, header: &Header, names: &BTreeMap<Name, String>) -> Vec<(Line, Option<String>)> {
    let labels = BTreeMap::new();
    let printer = Printer::new(names, &labels);
    let before = [
        (Line::Version, Some(format!("murphy {}", crate::bytes::VERSION))),
        (Line::Target, Some(format!("target {target}"))),
        (Line::Seed, Some(format!("seed {:#x}", header.seed))),
        (Line::Shape, shape(header)),
        (Line::Workload, workload(header, &printer)),
        (Line::Mix, mix(header)),
        (Line::Phases, phases(header)),
        (Line::Ambient, ambient(header)),
        (Line::Budget, (header.budget == Budget::Off).then(|| "budget off".to_owned())),
    ];
    let after = [(Line::Latency, latency(header, &printer)), (Line::Resources, resources(header))];
    let groups = groups(header, &printer);
    before.into_iter().chain(groups).chain(after).collect()
}

fn workload(header: &Header, printer: &Printer<'_>) -> Option<String> {
    (header.workload != Name::ANY).then(|| format!("workload {}", printer.name(header.workload)))
}

/// The lines of data centres and groups.
fn groups(header: &Header, printer: &Printer<'_>) -> Vec<(Line, Option<String>)> {
    let dcs = usize::from(header.dcs);
    let plain = dcs > 0 && header.groups[..dcs].iter().all(|group| *group == Group::default());
    let text = |at: usize| match (at < dcs, plain) {
        (true, true) => (at == 0).then(|| format!("dcs {dcs}")),
        (true, false) => Some(declaration("dc", header, at, printer)),
        (false, _) => (header.groups[at].name != Name::ANY).then(|| declaration("group", header, at, printer)),
    };
    (0..GROUPS_MAX).map(|at| (Line::Group(at), text(at))).collect()
}

fn declaration(word: &str, header: &Header, at: usize, printer: &Printer<'_>) -> String {
    let group = header.groups[at];
    let name = (group.name != Name::ANY).then(|| format!(" {}", spelled_group(header, at, printer)));
    let members = (word == "group" || group.members != 0).then(|| format!(" {}", braces(group.members)));
    word.to_owned() + &name.unwrap_or_default() + &members.unwrap_or_default()
}

/// How a declaration spells its name: by hash, if another above has the same, which as a word would not be read.
pub(crate) fn spelled_group(header: &Header, at: usize, printer: &Printer<'_>) -> String {
    let name = header.groups[at].name;
    let is_taken = header.groups[..at].iter().any(|group| group.name == name);
    if is_taken { format!("name:{:04x}", name.0) } else { printer.guarded_name(name) }
}

/// The pairs of data centres, in the order of their latencies.
fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..DCS_MAX).flat_map(|low| (low + 1..DCS_MAX).map(move |high| (low, high)))
}

fn latency(header: &Header, printer: &Printer<'_>) -> Option<String> {
    let time = |span: Span<0>| print_micros(span.micros().into());
    let item = |word: &str, span: Span<0>| (span.micros() != 0).then(|| format!("{word} {}", time(span)));
    let between = pairs().zip(&header.latencies).map(|((low, high), span)| {
        item(&format!("{} to {}", dc_name(header, low, printer), dc_name(header, high, printer)), *span)
    });
    list("latency ", [item("within", header.within), item("between", header.between)].into_iter().chain(between))
}

/// How a data centre is called: by its name if that is spelled out and means only this one.
fn dc_name(header: &Header, at: usize, printer: &Printer<'_>) -> String {
    let name = header.groups[at].name;
    let declared = at < header.dcs.into() && name != Name::ANY;
    let spelled = printer.guarded_name(name);
    let only = header.groups[..header.dcs.into()].iter().position(|group| group.name == name) == Some(at);
    let plain = !spelled.starts_with('"') && !spelled.starts_with("name:") && numbered_dc(&spelled).is_none();
    if declared && only && plain && spelled != "within" && spelled != "between" {
        spelled
    } else {
        format!("dc{}", at + 1)
    }
}

/// The index that `dc3` means.
fn numbered_dc(word: &str) -> Option<usize> {
    let number: usize = word.strip_prefix("dc")?.parse().ok()?;
    (1..=DCS_MAX).contains(&number).then(|| number - 1)
}

fn resources(header: &Header) -> Option<String> {
    let cpu = (header.cpu.0 != 0).then(|| format!("cpu {}", print_percent(header.cpu.0)));
    let item =
        |word: &str, size: Size<false>| (size.bytes() != 0).then(|| format!("{word} {}", print_bytes(size.bytes())));
    list("resources ", [cpu, item("memory", header.memory), item("disk", header.disk)])
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
    list(
        "phases ",
        [
            item("chaos", header.chaos),
            item("active", header.active),
            item("calm", header.calm),
            item("heal", header.heal),
            item("settle", header.settle),
        ],
    )
}

fn ambient(header: &Header) -> Option<String> {
    let jitter = (header.jitter != 0).then(|| format!("jitter {}", time(header.jitter, JITTER_UNIT)));
    let item = |word: &str, share: u16| (share != 0).then(|| format!("{word} {}", print_percent(share)));
    list("ambient ", [jitter, item("loss", header.loss), item("duplication", header.duplication)])
}

fn time(units: u16, unit: u32) -> String {
    print_micros(u64::from(units) * u64::from(unit))
}

fn list(word: &str, items: impl IntoIterator<Item = Option<String>>) -> Option<String> {
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
        "workload" => cursor.name("the name of a workload").map(|name| header.workload = name).map(|()| Line::Workload),
        "mix" => parse_mix(cursor, header).map(|()| Line::Mix),
        "phases" => items(cursor, header, phase).map(|()| Line::Phases),
        "ambient" => items(cursor, header, ambient_rate).map(|()| Line::Ambient),
        "budget" => parse_budget(cursor, header).map(|()| Line::Budget),
        "dcs" => parse_dcs(cursor, header),
        "dc" => parse_dc(cursor, header),
        "group" => parse_group(cursor, header),
        "latency" => items(cursor, header, parse_latency).map(|()| Line::Latency),
        "resources" => items(cursor, header, resource).map(|()| Line::Resources),
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

/// What an item of a line is about, so that none is said twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// What this word names.
    Word(&'static str),
    /// The latency between this pair of data centres.
    Pair(usize),
}

fn items(
    cursor: &mut Cursor<'_>,
    header: &mut Header,
    mut item: impl FnMut(&mut Cursor<'_>, &mut Header) -> Result<Item, Diagnostic>,
) -> Result<(), Diagnostic> {
    let mut said = Vec::new();
    loop {
        let first = cursor.peek();
        let about = item(cursor, header)?;
        if said.contains(&about) {
            let what = if let Item::Word(word) = about { format!("`{word}`") } else { "each pair".to_owned() };
            let place = cursor.place();
            return Err(place.complain(first, format!("{what} once (line {} has it)", place.number)));
        }
        said.push(about);
        if !cursor.accept(",") {
            return Ok(());
        }
    }
}

/// Takes one of these words.
fn one_of<const N: usize>(cursor: &mut Cursor<'_>, words: [&'static str; N]) -> Option<&'static str> {
    words.into_iter().find(|word| cursor.accept(word))
}

fn dimension(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<Item, Diagnostic> {
    let expected = "`nodes`, `clients`, `keys`, `ops` or `rate`";
    let word = one_of(cursor, ["nodes", "clients", "keys", "ops", "rate"]).ok_or_else(|| cursor.fail(expected))?;
    match word {
        "nodes" => header.nodes = cursor.integer(0..=NODES_MAX.into())? as u8,
        "clients" => header.clients = cursor.integer(0..=15)? as u8,
        "keys" => header.keys = cursor.integer(0..=63)? as u8,
        "ops" => header.ops = Some(cursor.integer(0..=65_534)? as u16),
        _ => header.rate = cursor.integer(0..=65_535)? as u16,
    }
    Ok(Item::Word(word))
}

fn phase(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<Item, Diagnostic> {
    let expected = "`chaos`, `active`, `calm`, `heal` or `settle`";
    let word = one_of(cursor, ["chaos", "active", "calm", "heal", "settle"]).ok_or_else(|| cursor.fail(expected))?;
    let length = cursor.duration_in(PHASE_UNIT, u16::MAX.into())? as u16;
    match word {
        "chaos" => header.chaos = length,
        "active" => header.active = length,
        "calm" => header.calm = length,
        "heal" => header.heal = length,
        _ => header.settle = length,
    }
    Ok(Item::Word(word))
}

fn ambient_rate(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<Item, Diagnostic> {
    let expected = "`jitter`, `loss` or `duplication`";
    let word = one_of(cursor, ["jitter", "loss", "duplication"]).ok_or_else(|| cursor.fail(expected))?;
    match word {
        "jitter" => header.jitter = cursor.duration_in(JITTER_UNIT, u16::MAX.into())? as u16,
        "loss" => header.loss = cursor.percent()?,
        _ => header.duplication = cursor.percent()?,
    }
    Ok(Item::Word(word))
}

fn parse_budget(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<(), Diagnostic> {
    cursor.expect("off")?;
    header.budget = Budget::Off;
    Ok(())
}

fn parse_dcs(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<Line, Diagnostic> {
    if header.dcs != 0 || header.groups[0] != Group::default() {
        return Err(cursor.fail("`dcs` above all data centres and groups, and instead of lines of `dc`"));
    }
    header.dcs = cursor.integer(0..=DCS_MAX as u32)? as u8;
    Ok(Line::Group(0))
}

fn parse_dc(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<Line, Diagnostic> {
    let at = usize::from(header.dcs);
    if at == DCS_MAX {
        return Err(cursor.fail(format!("at most {DCS_MAX} data centres")));
    }
    if header.groups[at] != Group::default() {
        return Err(cursor.fail("data centres above groups"));
    }
    let name = if cursor.at_name() { group_name(cursor, header)? } else { Name::ANY };
    let members = if cursor.text(0) == "{" { set(cursor)? } else { 0 };
    header.groups[at] = Group { name, members };
    header.dcs += 1;
    Ok(Line::Group(at))
}

fn parse_group(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<Line, Diagnostic> {
    let free = (usize::from(header.dcs)..GROUPS_MAX).find(|at| header.groups[*at].name == Name::ANY);
    let at = free.ok_or_else(|| cursor.fail(format!("at most {GROUPS_MAX} groups and data centres")))?;
    let name = group_name(cursor, header)?;
    header.groups[at] = Group { name, members: set(cursor)? };
    Ok(Line::Group(at))
}

/// A name that no other group has, and no data centre without a name goes by.
fn group_name(cursor: &mut Cursor<'_>, header: &Header) -> Result<Name, Diagnostic> {
    let word = cursor.text(0);
    if cursor.is_word()
        && (numbered_dc(word).is_some() || header.groups.iter().any(|group| group.name == Name::of(word)))
    {
        return Err(cursor.fail("a name of its own"));
    }
    cursor.name("the name of a group")
}

/// `{n1,n3}`
fn set(cursor: &mut Cursor<'_>) -> Result<u16, Diagnostic> {
    let expected = "nodes such as `{n1,n2}`";
    if cursor.text(0) != "{" {
        return Err(cursor.fail(expected));
    }
    let wrong = cursor.fail(expected);
    match cursor.nodes()? {
        Nodes::Set(set) => Ok(set),
        _ => Err(wrong),
    }
}

fn parse_latency(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<Item, Diagnostic> {
    match one_of(cursor, ["within", "between"]) {
        Some(word) => {
            let span = Span::read(cursor)?;
            *(if word == "within" { &mut header.within } else { &mut header.between }) = span;
            Ok(Item::Word(word))
        }
        None => {
            let low = dc(cursor, header)?;
            cursor.expect("to")?;
            let wrong = cursor.fail("another data centre");
            let pair = Header::pair(low, dc(cursor, header)?).ok_or(wrong)?;
            header.latencies[pair] = Span::read(cursor)?;
            Ok(Item::Pair(pair))
        }
    }
}

/// The index of a data centre: by its name, or as `dc3`.
fn dc(cursor: &mut Cursor<'_>, header: &Header) -> Result<usize, Diagnostic> {
    let word = cursor.text(0).trim_matches('"');
    let named = || header.groups[..header.dcs.into()].iter().position(|group| group.name == Name::of(word));
    let found = numbered_dc(word).or_else(named);
    let at = found.ok_or_else(|| cursor.fail("`within`, `between`, or a data centre declared above"))?;
    cursor.advance();
    Ok(at)
}

fn resource(cursor: &mut Cursor<'_>, header: &mut Header) -> Result<Item, Diagnostic> {
    let word = one_of(cursor, ["cpu", "memory", "disk"]).ok_or_else(|| cursor.fail("`cpu`, `memory` or `disk`"))?;
    match word {
        "cpu" => header.cpu = Percent(cursor.percent()?),
        "memory" => header.memory = Size::read(cursor)?,
        _ => header.disk = Size::read(cursor)?,
    }
    Ok(Item::Word(word))
}
