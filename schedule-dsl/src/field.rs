//! The types of a fault's fields, and what every field can do.
//!
//! A field knows its own bytes, its text, how it is drawn at random and how it gets simpler. [`crate::fault`] only says
//! which fault has which fields, in which order.

use crate::{
    bytes::{Record, RecordMut},
    name::Name,
    select::{Link, Nodes},
};

/// What every field of a fault can do.
pub trait Field: Sized {
    /// Reads it from the next free slots of a record. Never fails: values wrap into their range.
    fn decode(record: &mut Record<'_>) -> Self;
    /// Writes it to the next free slots of a record.
    fn encode(&self, record: &mut RecordMut<'_>);
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

/// What a crash does to writes that were not yet durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unsynced {
    /// All of them are lost. The default; no word in the text.
    #[default]
    Lost,
    /// All of them survive. Text: `keep`.
    Kept,
    /// A drawn number of the oldest survives, and a part of the next one. Text: `torn`.
    Torn,
}

/// How many effects of its next handler the victim still performs; 0: it stops at once. Text: `cut 3`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cut(pub u8);

/// The largest [`Cut`].
pub const CUT_MAX: u8 = 31;

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
}

impl Field for Link {
    fn decode(record: &mut Record<'_>) -> Self {
        Self { from: record.nodes(), to: record.nodes() }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.nodes(self.from);
        record.nodes(self.to);
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
}

impl Field for OfKind {
    fn decode(record: &mut Record<'_>) -> Self {
        Self(Name(record.param()))
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(self.0.0);
    }
}

impl Field for Percent {
    fn decode(record: &mut Record<'_>) -> Self {
        Self(record.param() % 10_001)
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(self.0);
    }
}

impl Field for Extra {
    fn decode(record: &mut Record<'_>) -> Self {
        Self(record.param())
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(self.0);
    }
}

impl Field for Unsynced {
    fn decode(record: &mut Record<'_>) -> Self {
        match record.param() % 3 {
            0 => Self::Lost,
            1 => Self::Kept,
            _ => Self::Torn,
        }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(match self {
            Self::Lost => 0,
            Self::Kept => 1,
            Self::Torn => 2,
        });
    }
}

impl Field for Cut {
    fn decode(record: &mut Record<'_>) -> Self {
        Self((record.param() % (u16::from(CUT_MAX) + 1)) as u8)
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        record.param(self.0.into());
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
}
