//! Whom a fault strikes: nodes, links, the sides of a partition, other steps, kinds of messages.

use super::Field;
use crate::{
    bytes::{Record, RecordMut},
    diagnostic::Diagnostic,
    dice::Dice,
    draw,
    name::Name,
    schedule::StepId,
    select::{Link, NODES_MAX, Nodes},
    text::{Cursor, Printer},
    vocabulary::Vocabulary,
};

/// Who is cut off from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sides {
    /// Two sides. Text: `{n1} | rest`; the second is `rest` where it is left out.
    Two(Nodes, Nodes),
    /// Three sides. Text: `{n1} | {n2} | rest`.
    Three(Nodes, Nodes, Nodes),
    /// Every node reaches the nodes of a majority around it, no two of them the same (Jepsen's majorities ring). Text: `ring`.
    Ring,
    /// Two halves that only these nodes reach both of. Text: `bridge n3`; `bridge` alone is one drawn node.
    Bridge(Nodes),
}

/// Only messages of this kind; [`Name::ANY`]: of every kind. Text: `AppendEntries`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfKind(pub Name);

/// Some nodes; nobody where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party(pub Nodes);

/// Another step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepRef(pub StepId);

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

/// The largest number of a node that a drawn one may turn out to be.
const SINGLE_MAX: u8 = 5;
/// Nobody.
const NOBODY: Nodes = Nodes::Set(0);

impl Field for Nodes {
    const DEFAULT: Option<Self> = None;

    fn range() -> String {
        "nodes: `n3`, `{n1,n3}`, a role, `previous-ROLE`, `primaries`, `group NAME`, `all`, `rest`, `one`, `some`, `half`, \
         `majority`, `minority`, `minority-third` (each may go on `from n2`), `most-up-to-date`, `least-up-to-date`, `last-voter`"
            .to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        record.nodes()
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.nodes(*self);
    }
    fn print(&self, printer: &Printer<'_>) -> String {
        printer.nodes(*self)
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        cursor.at_nodes()
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.nodes()
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        draw::nodes(vocabulary, dice)
    }
    fn simpler(&self) -> Vec<Self> {
        let from_first = |from: u8, first: Self, minority: Self| match from {
            0 => vec![minority],
            _ => vec![minority, first],
        };
        // Whom chance struck is likely to be among the first: clusters are small.
        let single = || (1..=SINGLE_MAX).map(Self::Node);
        match *self {
            Self::Set(set) if set.is_power_of_two() => vec![Self::Node(set.trailing_zeros() as u8 + 1)],
            Self::Set(set) => members(set).map(|node| Self::Set(set & !(1 << (node - 1)))).collect(),
            Self::Majority(from) => from_first(from, Self::Majority(0), Self::Minority(from)),
            Self::Minority(from) => from_first(from, Self::Minority(0), Self::MinorityThird(from)),
            Self::MinorityThird(from) => from_first(from, Self::MinorityThird(0), Self::Node(from.max(1))),
            Self::Half => [Self::Minority(0), Self::Some].into_iter().chain(single()).collect(),
            Self::Some => std::iter::once(Self::One).chain(single()).collect(),
            Self::One => single().collect(),
            Self::All
            | Self::Node(_)
            | Self::Role(_)
            | Self::Previous(_)
            | Self::Rest
            | Self::Primaries
            | Self::Group(_)
            | Self::MostUpToDate
            | Self::LeastUpToDate
            | Self::LastVoter => vec![],
        }
    }
    fn size(&self) -> u64 {
        match *self {
            Self::All
            | Self::Node(_)
            | Self::Role(_)
            | Self::Previous(_)
            | Self::Rest
            | Self::Primaries
            | Self::Group(_)
            | Self::MostUpToDate
            | Self::LeastUpToDate
            | Self::LastVoter => 0,
            Self::MinorityThird(from) => 2 + u64::from(from > 0),
            Self::Minority(from) => 4 + u64::from(from > 0),
            Self::Majority(from) => 6 + u64::from(from > 0),
            Self::One => 8,
            Self::Some => 9,
            Self::Half => 10,
            Self::Set(set) => 11 + u64::from(set.count_ones()),
        }
    }
}

impl Field for Link {
    const DEFAULT: Option<Self> = Some(Self::ALL);

    fn range() -> String {
        "a link `n1->n2` between nodes, or every link where nothing is said".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self { from: record.nodes(), to: record.nodes() }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.nodes(self.from);
        record.nodes(self.to);
    }
    fn print(&self, printer: &Printer<'_>) -> String {
        printer.link(*self)
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        cursor.at_nodes()
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.link()
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

impl Sides {
    fn selectors(self) -> [Nodes; 3] {
        match self {
            Self::Two(a, b) => [a, b, Nodes::All],
            Self::Three(a, b, c) => [a, b, c],
            Self::Ring => [Nodes::All; 3],
            Self::Bridge(nodes) => [nodes, Nodes::All, Nodes::All],
        }
    }

    fn with(self, [a, b, c]: [Nodes; 3]) -> Self {
        match self {
            Self::Two(..) => Self::Two(a, b),
            Self::Three(..) => Self::Three(a, b, c),
            Self::Ring => Self::Ring,
            Self::Bridge(_) => Self::Bridge(a),
        }
    }
}

impl Field for Sides {
    const DEFAULT: Option<Self> = None;

    fn range() -> String {
        "two or three sides `{n1} | {n2,n3}`, of which the second is `rest` if left out; `halves`; `ring`; `bridge n3`"
            .to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        match record.byte() & 15 {
            0 => Self::Two(record.nodes(), record.nodes()),
            1 => Self::Three(record.nodes(), record.nodes(), record.nodes()),
            2 => Self::Ring,
            3 => Self::Bridge(record.nodes()),
            _ => {
                record.refuse();
                Self::Ring
            }
        }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        let (shape, used) = match self {
            Self::Two(..) => (0, 2),
            Self::Three(..) => (1, 3),
            Self::Ring => (2, 0),
            Self::Bridge(_) => (3, 1),
        };
        record.byte(shape);
        self.selectors()[..used].iter().for_each(|nodes| record.nodes(*nodes));
    }
    fn print(&self, printer: &Printer<'_>) -> String {
        let nodes = |nodes: Nodes| printer.nodes(nodes);
        match *self {
            Self::Two(Nodes::Half, Nodes::Rest) => "halves".to_owned(),
            Self::Two(a, b) => format!("{} | {}", nodes(a), nodes(b)),
            Self::Three(a, b, c) => format!("{} | {} | {}", nodes(a), nodes(b), nodes(c)),
            Self::Ring => "ring".to_owned(),
            Self::Bridge(Nodes::One) => "bridge".to_owned(),
            Self::Bridge(middle) => format!("bridge {}", nodes(middle)),
        }
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        matches!(cursor.text(0), "halves" | "ring" | "bridge") || cursor.at_nodes()
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        if cursor.accept("halves") {
            return Ok(Self::Two(Nodes::Half, Nodes::Rest));
        }
        if cursor.accept("ring") {
            return Ok(Self::Ring);
        }
        if cursor.accept("bridge") {
            return Ok(Self::Bridge(if cursor.at_nodes() { cursor.nodes()? } else { Nodes::One }));
        }
        let a = cursor.nodes()?;
        let b = if cursor.accept("|") { cursor.nodes()? } else { Nodes::Rest };
        if cursor.accept("|") { Ok(Self::Three(a, b, cursor.nodes()?)) } else { Ok(Self::Two(a, b)) }
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        let a = draw::nodes(vocabulary, dice);
        match dice.below(16) {
            0 => Self::Ring,
            1 => Self::Bridge(draw::single(vocabulary, dice)),
            2 => Self::Three(a, draw::single(vocabulary, dice), Nodes::Rest),
            3..=5 => Self::Two(a, draw::single(vocabulary, dice)),
            _ => Self::Two(a, Nodes::Rest),
        }
    }
    fn simpler(&self) -> Vec<Self> {
        let selectors = self.selectors();
        let each = |at: usize| {
            selectors[at].simpler().into_iter().map(move |nodes| {
                let mut changed = selectors;
                changed[at] = nodes;
                changed
            })
        };
        let shapes = match *self {
            Self::Two(..) => vec![],
            Self::Three(a, b, _) => vec![Self::Two(a, Nodes::Rest), Self::Two(b, Nodes::Rest), Self::Two(a, b)],
            Self::Ring => vec![Self::Two(Nodes::Minority(0), Nodes::Rest)],
            Self::Bridge(_) => vec![Self::Two(Nodes::Minority(0), Nodes::Majority(0))],
        };
        let narrower = (0..3).flat_map(each).map(|selectors| self.with(selectors));
        shapes.into_iter().chain(narrower).filter(|sides| sides.size() < self.size()).collect()
    }
    fn size(&self) -> u64 {
        let shape = match self {
            Self::Two(..) => 0,
            Self::Three(..) => 40,
            Self::Bridge(_) => 41,
            Self::Ring => 42,
        };
        shape + self.selectors().iter().map(Field::size).sum::<u64>()
    }
}

impl Field for OfKind {
    const DEFAULT: Option<Self> = Some(Self(Name::ANY));

    fn range() -> String {
        "a kind of message of the target; every kind where nothing is said".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self(Name(record.word()))
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.word(self.0.0);
    }
    fn print(&self, printer: &Printer<'_>) -> String {
        printer.name(self.0)
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        cursor.at_name()
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.name("a kind of message").map(Self)
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

impl Field for Party {
    const DEFAULT: Option<Self> = Some(Self(NOBODY));

    fn range() -> String {
        format!("{}; nobody where nothing is said", Nodes::range())
    }
    /// Zero bytes are nobody here, and everybody is what they mean elsewhere.
    fn decode(record: &mut Record<'_>) -> Self {
        Self(match record.nodes() {
            Nodes::All => NOBODY,
            NOBODY => Nodes::All,
            nodes => nodes,
        })
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.nodes(match self.0 {
            Nodes::All => NOBODY,
            NOBODY => Nodes::All,
            nodes => nodes,
        });
    }
    fn print(&self, printer: &Printer<'_>) -> String {
        printer.nodes(self.0)
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        cursor.at_nodes()
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.nodes().map(Self)
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        Self(if dice.chance(1, 3) { NOBODY } else { draw::single(vocabulary, dice) })
    }
    fn simpler(&self) -> Vec<Self> {
        let nobody = (self.0 != NOBODY).then_some(NOBODY);
        nobody.into_iter().chain(self.0.simpler()).map(Self).filter(|other| other.size() < self.size()).collect()
    }
    fn size(&self) -> u64 {
        if self.0 == NOBODY { 0 } else { 1 + self.0.size() }
    }
}

impl Field for StepRef {
    const DEFAULT: Option<Self> = None;

    fn range() -> String {
        "the label of a step".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self(record.byte().max(1))
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.byte(self.0);
    }
    fn print(&self, printer: &Printer<'_>) -> String {
        printer.label(self.0)
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        cursor.at_name()
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.label().map(Self)
    }
    fn random(_: &Vocabulary, dice: &mut Dice) -> Self {
        Self(dice.between(1, 4) as u8)
    }
    fn simpler(&self) -> Vec<Self> {
        vec![]
    }
    fn size(&self) -> u64 {
        0
    }
    fn reference(&self) -> StepId {
        self.0
    }
    fn refer(&mut self, id: StepId) {
        self.0 = id;
    }
}

impl Field for Scope {
    const DEFAULT: Option<Self> = Some(Self::World);

    fn range() -> String {
        "nodes, a link `n1->n2`, or the whole world where nothing is said".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        match record.byte() & 15 {
            0 => Self::World,
            1 => Self::Nodes(record.nodes()),
            2 => Self::Link(Field::decode(record)),
            _ => {
                record.refuse();
                Self::World
            }
        }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        match self {
            Self::World => record.byte(0),
            Self::Nodes(nodes) => {
                record.byte(1);
                record.nodes(*nodes);
            }
            Self::Link(link) => {
                record.byte(2);
                link.encode(record);
            }
        }
    }
    fn print(&self, printer: &Printer<'_>) -> String {
        match *self {
            Self::World => String::new(),
            Self::Nodes(nodes) => printer.nodes(nodes),
            Self::Link(link) => printer.link(link),
        }
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        cursor.at_nodes()
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
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
