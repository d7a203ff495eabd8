//! The types of a fault's fields, and what every field can do.
//!
//! A field knows its own bytes, its text, how it is drawn at random and how it gets simpler. [`crate::fault`] only says
//! which fault has which fields, in which order.

use crate::{
    bytes::{Record, RecordMut},
    diagnostic::Diagnostic,
    dice::Dice,
    draw,
    name::Name,
    select::{Link, NODES_MAX, Nodes},
    shrink::{number_size, smaller, smaller_or_zero},
    text::{Cursor, Printer},
    units::print_percent,
    vocabulary::Vocabulary,
};

/// What every field of a fault can do.
pub trait Field: Sized {
    /// Reads it from the next free slots of a record. Never fails: values wrap into their range.
    fn decode(record: &mut Record<'_>) -> Self;
    /// Writes it to the next free slots of a record.
    fn encode(&self, record: &mut RecordMut<'_>);
    /// Writes it as words; nothing if it is the default.
    fn print(&self, printer: &mut Printer<'_>);
    /// Reads it from the next words.
    ///
    /// # Errors
    /// What was expected instead of the next word.
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic>;
    /// Draws one that makes sense for a target with these words.
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self;
    /// Simpler ones, the boldest first, each of a lesser [`Field::size`].
    fn simpler(&self) -> Vec<Self>;
    /// How far it is from the simplest, which is 0.
    fn size(&self) -> u64;
}

/// Two sides of a partition: `a | b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sides {
    /// One side.
    pub a: Nodes,
    /// The other side.
    pub b: Nodes,
}

/// Only messages of this kind; [`Name::ANY`]: of every kind. Text: `of AppendEntries`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfKind(pub Name);

/// A probability in units of 0.01 %, up to 10,000. Text: `30%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(pub u16);

/// A length of time in units of 100 µs. Text: `300ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extra(pub u16);

/// What a crash does to the disk: to the writes that were not yet durable, or to all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskFate {
    /// All of them are lost. The default; no word in the text.
    #[default]
    Lost,
    /// All of them survive. Text: `keep`.
    Kept,
    /// A drawn number of the oldest survives, and a part of the next one. Text: `torn`.
    Torn,
    /// Everything on the disk is gone, durable or not. Text: `wiped`. Only for targets that promise to survive it; never drawn
    /// at random.
    Wiped,
}

/// How many effects of its next handler the victim still performs; 0: it stops at once. Text: `cut 3`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cut(pub u8);

/// The largest [`Cut`].
pub const CUT_MAX: u8 = 31;

/// Microseconds in a unit of [`Extra`].
pub const EXTRA_UNIT: u32 = 100;
/// The largest number of a key.
const KEYS_MAX: u8 = 63;
/// The largest number of a client lane.
const CLIENTS_MAX: u8 = 15;

/// A client operation. Text: `write k1 17 by c2 via leader`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// Which function of the workload.
    pub function: Name,
    /// Of which object, from 1; wraps into the number of keys.
    pub key: u8,
    /// Up to two values handed in; 0 is none, and a function that needs one draws a fresh one.
    pub values: [u16; 2],
    /// Which client lane asks, from 1; wraps. A busy lane makes the step a no-op.
    pub client: u8,
    /// Which node is asked first; `All`: as the workload routes.
    pub via: Nodes,
}

/// Whose draws change. Text: nothing, `n2`, or `n1->n2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything.
    World,
    /// The draws of these nodes.
    Nodes(Nodes),
    /// The latencies of these links.
    Link(Link),
}

impl Field for Nodes {
    fn decode(record: &mut Record<'_>) -> Self {
        record.nodes()
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.nodes(*self);
    }
    fn print(&self, printer: &mut Printer<'_>) {
        printer.word(printer.nodes(*self));
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.nodes()
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        draw::nodes(vocabulary, dice)
    }
    fn simpler(&self) -> Vec<Self> {
        match *self {
            Self::Set(set) if set.is_power_of_two() => vec![Self::Node(set.trailing_zeros() as u8 + 1)],
            Self::Set(set) => members(set).map(|node| Self::Set(set & !(1 << (node - 1)))).collect(),
            Self::Majority(0) => vec![Self::Minority(0)],
            Self::Majority(from) => vec![Self::Minority(from), Self::Majority(0)],
            Self::Minority(0) => vec![Self::Node(1)],
            Self::Minority(from) => vec![Self::Node(from), Self::Minority(0)],
            Self::All | Self::Node(_) | Self::Role(_) | Self::Previous(_) | Self::Rest => vec![],
        }
    }
    fn size(&self) -> u64 {
        match *self {
            Self::All | Self::Node(_) | Self::Role(_) | Self::Previous(_) | Self::Rest => 0,
            Self::Set(set) => 6 + u64::from(set.count_ones()),
            Self::Majority(from) => 4 + u64::from(from > 0),
            Self::Minority(from) => 2 + u64::from(from > 0),
        }
    }
}

impl Field for Link {
    fn decode(record: &mut Record<'_>) -> Self {
        Self { from: record.nodes(), to: record.nodes() }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.nodes(self.from);
        record.nodes(self.to);
    }
    fn print(&self, printer: &mut Printer<'_>) {
        printer.optional_link(*self);
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.optional_link()
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        if dice.chance(1, 5) { Self::ALL } else { draw::link(vocabulary, dice) }
    }
    fn simpler(&self) -> Vec<Self> {
        let from = self.from.simpler().into_iter().map(|from| Self { from, ..*self });
        from.chain(self.to.simpler().into_iter().map(|to| Self { to, ..*self })).collect()
    }
    fn size(&self) -> u64 {
        self.from.size() + self.to.size()
    }
}

impl Field for Sides {
    fn decode(record: &mut Record<'_>) -> Self {
        Self { a: record.nodes(), b: record.nodes() }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.nodes(self.a);
        record.nodes(self.b);
    }
    fn print(&self, printer: &mut Printer<'_>) {
        printer.word(format!("{} | {}", printer.nodes(self.a), printer.nodes(self.b)));
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        let a = cursor.nodes()?;
        Ok(Self { a, b: if cursor.accept("|") { cursor.nodes()? } else { Nodes::Rest } })
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        let a = draw::nodes(vocabulary, dice);
        Self { a, b: if dice.chance(3, 4) { Nodes::Rest } else { draw::single(vocabulary, dice) } }
    }
    fn simpler(&self) -> Vec<Self> {
        let a = self.a.simpler().into_iter().map(|a| Self { a, ..*self });
        a.chain(self.b.simpler().into_iter().map(|b| Self { b, ..*self })).collect()
    }
    fn size(&self) -> u64 {
        self.a.size() + self.b.size()
    }
}

impl Field for OfKind {
    fn decode(record: &mut Record<'_>) -> Self {
        Self(Name(record.param()))
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(self.0.0);
    }
    fn print(&self, printer: &mut Printer<'_>) {
        if self.0 != Name::ANY {
            printer.word("of");
            printer.word(printer.name(self.0));
        }
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        Ok(Self(if cursor.accept("of") { cursor.name("a kind of message")? } else { Name::ANY }))
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        Self(if dice.chance(1, 2) { Name::ANY } else { draw::name(&vocabulary.kinds, dice) })
    }
    fn simpler(&self) -> Vec<Self> {
        if self.0 == Name::ANY { vec![] } else { vec![Self(Name::ANY)] }
    }
    fn size(&self) -> u64 {
        u64::from(self.0 != Name::ANY)
    }
}

impl Field for Percent {
    fn decode(record: &mut Record<'_>) -> Self {
        Self(record.param() % 10_001)
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(self.0);
    }
    fn print(&self, printer: &mut Printer<'_>) {
        printer.word(print_percent(self.0));
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.percent().map(Self)
    }
    fn random(_: &Vocabulary, dice: &mut Dice) -> Self {
        Self([10_000, 10_000, 5_000, 3_000, 1_000, 200][dice.below(6) as usize])
    }
    /// All of them is the simplest, since nothing is left to chance.
    fn simpler(&self) -> Vec<Self> {
        if self.0 == 10_000 {
            return vec![];
        }
        [10_000].into_iter().chain(smaller(self.0.into(), 9_999)).map(|share| Self(share as u16)).collect()
    }
    fn size(&self) -> u64 {
        if self.0 == 10_000 { 0 } else { 1 + number_size(self.0.into()) }
    }
}

impl Field for Extra {
    fn decode(record: &mut Record<'_>) -> Self {
        Self(record.param())
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(self.0);
    }
    fn print(&self, printer: &mut Printer<'_>) {
        printer.duration(u32::from(self.0) * EXTRA_UNIT);
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.duration_in(EXTRA_UNIT, u16::MAX.into()).map(|units| Self(units as u16))
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        let units = draw::length(vocabulary, dice) / EXTRA_UNIT;
        Self(units.clamp(1, u16::MAX.into()) as u16)
    }
    fn simpler(&self) -> Vec<Self> {
        smaller(self.0.into(), u16::MAX.into()).into_iter().map(|units| Self(units as u16)).collect()
    }
    fn size(&self) -> u64 {
        number_size(self.0.into())
    }
}

impl Field for DiskFate {
    fn decode(record: &mut Record<'_>) -> Self {
        match record.param() % 4 {
            0 => Self::Lost,
            1 => Self::Kept,
            2 => Self::Torn,
            _ => Self::Wiped,
        }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(match self {
            Self::Lost => 0,
            Self::Kept => 1,
            Self::Torn => 2,
            Self::Wiped => 3,
        });
    }
    fn print(&self, printer: &mut Printer<'_>) {
        match self {
            Self::Lost => {}
            Self::Kept => printer.word("keep"),
            Self::Torn => printer.word("torn"),
            Self::Wiped => printer.word("wiped"),
        }
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        if cursor.accept("keep") {
            return Ok(Self::Kept);
        }
        if cursor.accept("torn") {
            return Ok(Self::Torn);
        }
        Ok(if cursor.accept("wiped") { Self::Wiped } else { Self::Lost })
    }
    fn random(_: &Vocabulary, dice: &mut Dice) -> Self {
        match dice.below(20) {
            0..=2 => Self::Kept,
            3..=7 => Self::Torn,
            _ => Self::Lost,
        }
    }
    /// Weaker is simpler, though `keep` is a word and `Lost` is none.
    fn simpler(&self) -> Vec<Self> {
        match self {
            Self::Kept => vec![],
            Self::Lost => vec![Self::Kept],
            Self::Torn => vec![Self::Kept, Self::Lost],
            Self::Wiped => vec![Self::Kept, Self::Lost, Self::Torn],
        }
    }
    fn size(&self) -> u64 {
        match self {
            Self::Kept => 0,
            Self::Lost => 1,
            Self::Torn => 2,
            Self::Wiped => 3,
        }
    }
}

impl Field for Cut {
    fn decode(record: &mut Record<'_>) -> Self {
        Self((record.param() % (u16::from(CUT_MAX) + 1)) as u8)
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(self.0.into());
    }
    fn print(&self, printer: &mut Printer<'_>) {
        if self.0 != 0 {
            printer.word(format!("cut {}", self.0));
        }
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        Ok(Self(if cursor.accept("cut") { cursor.integer(0..=CUT_MAX.into())? as u8 } else { 0 }))
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

impl Field for Operation {
    fn decode(record: &mut Record<'_>) -> Self {
        Self {
            via: record.nodes(),
            function: Name(record.param()),
            key: (record.param() % 63) as u8 + 1,
            values: [record.param(), record.param()],
            client: (record.param() % 15) as u8 + 1,
        }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.nodes(self.via);
        record.param(self.function.0);
        record.param(u16::from(self.key) - 1);
        record.param(self.values[0]);
        record.param(self.values[1]);
        record.param(u16::from(self.client) - 1);
    }
    fn print(&self, printer: &mut Printer<'_>) {
        printer.word(printer.name(self.function));
        printer.word(format!("k{}", self.key));
        let given = self.values.iter().rposition(|value| *value != 0).map_or(0, |last| last + 1);
        self.values[..given].iter().for_each(|value| printer.word(value.to_string()));
        printer.word(format!("by c{}", self.client));
        if self.via != Nodes::All {
            printer.word("via");
            printer.word(printer.nodes(self.via));
        }
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        let function = cursor.name("a function of the workload such as `read`")?;
        let key = cursor.numbered('k', 1..=KEYS_MAX, "a key")?;
        let mut values = [0; 2];
        for value in &mut values {
            if cursor.at_number() {
                *value = cursor.integer(0..=u16::MAX.into())? as u16;
            }
        }
        let client = if cursor.accept("by") { cursor.numbered('c', 1..=CLIENTS_MAX, "a client")? } else { 1 };
        let via = if cursor.accept("via") { cursor.nodes()? } else { Nodes::All };
        Ok(Self { function, key, values, client, via })
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        Self {
            function: draw::name(&vocabulary.functions, dice),
            key: dice.between(1, 3) as u8,
            values: [0; 2],
            client: dice.between(1, 5) as u8,
            via: if dice.chance(2, 3) { Nodes::All } else { draw::single(vocabulary, dice) },
        }
    }
    fn simpler(&self) -> Vec<Self> {
        let [first, second] = self.values;
        let plain = [
            Self { via: Nodes::All, ..*self },
            Self { key: 1, ..*self },
            Self { client: 1, ..*self },
            Self { values: [first, 0], ..*self },
            Self { values: [0, second], ..*self },
        ];
        let via = self.via.simpler().into_iter().map(|via| Self { via, ..*self });
        plain.into_iter().chain(via).filter(|operation| operation.size() < self.size()).collect()
    }
    fn size(&self) -> u64 {
        let routed = if self.via == Nodes::All { 0 } else { 1 + self.via.size() };
        let numbers = u64::from(self.key) - 1 + u64::from(self.client) - 1;
        routed + numbers + self.values.iter().map(|value| u64::from(*value)).sum::<u64>()
    }
}

impl Field for Scope {
    fn decode(record: &mut Record<'_>) -> Self {
        match record.param() % 3 {
            0 => Self::World,
            1 => Self::Nodes(record.nodes()),
            _ => Self::Link(Field::decode(record)),
        }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(match self {
            Self::World => 0,
            Self::Nodes(_) => 1,
            Self::Link(_) => 2,
        });
        match self {
            Self::World => {}
            Self::Nodes(nodes) => record.nodes(*nodes),
            Self::Link(link) => link.encode(record),
        }
    }
    fn print(&self, printer: &mut Printer<'_>) {
        match *self {
            Self::World => {}
            Self::Nodes(nodes) => printer.word(printer.nodes(nodes)),
            Self::Link(link) => printer.link(link),
        }
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        if cursor.peek().is_none() {
            return Ok(Self::World);
        }
        let from = cursor.nodes()?;
        if cursor.accept("->") {
            return Ok(Self::Link(Link { from, to: cursor.nodes()? }));
        }
        Ok(Self::Nodes(from))
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        match dice.below(3) {
            0 => Self::World,
            1 => Self::Nodes(draw::single(vocabulary, dice)),
            _ => Self::Link(draw::link(vocabulary, dice)),
        }
    }
    fn simpler(&self) -> Vec<Self> {
        match self {
            Self::World => vec![],
            Self::Nodes(nodes) => nodes.simpler().into_iter().map(Self::Nodes).collect(),
            Self::Link(link) => link.simpler().into_iter().map(Self::Link).collect(),
        }
    }
    fn size(&self) -> u64 {
        match self {
            Self::World => 0,
            Self::Nodes(nodes) => nodes.size(),
            Self::Link(link) => link.size(),
        }
    }
}

/// The numbers of the nodes in a set.
fn members(set: u16) -> impl Iterator<Item = u8> {
    (1..=NODES_MAX).filter(move |node| set >> (node - 1) & 1 == 1)
}
