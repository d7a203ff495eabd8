//! A client operation, and a site in the target's code.

use super::Field;
use crate::{
    bytes::{Record, RecordMut},
    diagnostic::Diagnostic,
    dice::Dice,
    draw,
    lexer::Kind,
    name::Name,
    select::Nodes,
    text::{Cursor, Printer},
    vocabulary::Vocabulary,
};

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

/// A site of `buggify!` in the target's code, by its name; [`Name::ANY`]: one in four, by the seed. Text: `"small batch"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(pub Name);

impl Field for Operation {
    const DEFAULT: Option<Self> = None;

    fn range() -> String {
        format!(
            "a function of the workload, a key from `k1` to `k{KEYS_MAX}`, up to two values, `by c1` to `by c{CLIENTS_MAX}`, \
             `via` the node that is asked first"
        )
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self {
            via: record.nodes(),
            function: Name(record.word()),
            key: record.byte() % KEYS_MAX + 1,
            client: record.byte() % CLIENTS_MAX + 1,
            values: [record.word(), record.word()],
        }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.nodes(self.via);
        record.word(self.function.0);
        record.byte(self.key - 1);
        record.byte(self.client - 1);
        record.word(self.values[0]);
        record.word(self.values[1]);
    }
    fn print(&self, printer: &Printer<'_>) -> String {
        let mut words = vec![printer.name(self.function), format!("k{}", self.key)];
        let given = self.values.iter().rposition(|value| *value != 0).map_or(0, |last| last + 1);
        words.extend(self.values[..given].iter().map(u16::to_string));
        words.push(format!("by c{}", self.client));
        if self.via != Nodes::All {
            words.push(format!("via {}", printer.nodes(self.via)));
        }
        words.join(" ")
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        cursor.at_name()
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

impl Field for Site {
    const DEFAULT: Option<Self> = Some(Self(Name::ANY));

    fn range() -> String {
        "the name of a site, in quotes; where nothing is said one in four of them, by the seed".to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        Self(Name(record.word()))
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.word(self.0.0);
    }
    fn print(&self, printer: &Printer<'_>) -> String {
        printer.quoted_name(self.0)
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        cursor.peek().is_some_and(|token| matches!(token.kind, Kind::Quoted | Kind::Hash))
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        cursor.name("the name of a site, in quotes").map(Self)
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        Self(if dice.chance(1, 3) { Name::ANY } else { draw::name(&vocabulary.sites, dice) })
    }
    fn simpler(&self) -> Vec<Self> {
        if self.0 == Name::ANY { vec![] } else { vec![Self(Name::ANY)] }
    }
    fn size(&self) -> u64 {
        u64::from(self.0 != Name::ANY)
    }
}
