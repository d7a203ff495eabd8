//! Every fault, declared once.
//!
//! A row of the table below is the whole definition of a fault: its meaning, its tag in the byte form, its keyword in the
//! text form, whether it has a length (and the words before it, if not `for`), and its fields. The enum, the codec, the
//! parser, the printer, the generator and the shrinker are projections of the table, so they cannot disagree.
//!
//! Tags are never reused. A tag that names no row is no step at all, so a new row never changes what saved bytes mean.

use crate::{
    bytes::{Record, RecordMut},
    diagnostic::Diagnostic,
    dice::Dice,
    field::{Cut, DiskFate, Extra, Field, OfKind, Operation, Percent, Scope, Sides},
    select::{Link, Nodes},
    text::{Cursor, Printer},
    vocabulary::Vocabulary,
};

/// Whether a fault has a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// It happens and is over.
    Instant,
    /// It lasts as long as its step says, and is healed at the end of the chaos phase at the latest.
    Lasting,
}

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $tag:literal $keyword:literal $length:ident $([$($words:literal)+])? $name:ident { $($(#[doc = $fdoc:literal])+ $field:ident: $type:ty),* $(,)? })+) => {
        /// What a step does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $($(#[doc = $doc])+ $name { $($(#[doc = $fdoc])+ $field: $type),* },)+ }

        /// A row of the fault table, without the values of its fields.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind { $($(#[doc = $doc])+ $name,)+ }

        impl FaultKind {
            /// Every row, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The first byte of its record.
            pub fn tag(self) -> u8 {
                match self { $(Self::$name => $tag,)+ }
            }

            /// The row with this tag.
            pub fn from_tag(tag: u8) -> Option<Self> {
                match tag { $($tag => Some(Self::$name),)+ _ => None }
            }

            /// The word that names it in the text form.
            pub fn keyword(self) -> &'static str {
                match self { $(Self::$name => $keyword,)+ }
            }

            /// Whether it has a length.
            pub fn length(self) -> Length {
                match self { $(Self::$name => Length::$length,)+ }
            }

            /// The row that this word names in the text form.
            pub fn from_keyword(word: &str) -> Option<Self> {
                match word { $($keyword => Some(Self::$name),)+ _ => None }
            }

            /// The words before its length in the text form, if they are not `for`.
            pub fn lasting_words(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($($words),+)?],)+ }
            }

            /// Its meaning, as the documentation has it.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc, "\n"),+).trim_ascii(),)+ }
            }
        }

        impl Fault {
            /// Which row of the table it is.
            pub fn kind(&self) -> FaultKind {
                match self { $(Self::$name { .. } => FaultKind::$name,)+ }
            }

            /// Reads the fields of a fault of this kind from `record`.
            pub(crate) fn decode(kind: FaultKind, record: &mut Record<'_>) -> Self {
                let _ = &record;
                match kind { $(FaultKind::$name => Self::$name { $($field: <$type>::decode(record)),* },)+ }
            }

            /// Writes the fields to `record`.
            pub(crate) fn encode(&self, record: &mut RecordMut<'_>) {
                let _ = &record;
                match self { $(Self::$name { $($field),* } => { $($field.encode(record);)* })+ }
            }

            /// Writes the fields as words.
            pub(crate) fn print(&self, printer: &mut Printer<'_>) {
                let _ = &printer;
                match self { $(Self::$name { $($field),* } => { $($field.print(printer);)* })+ }
            }

            /// Reads the fields of a fault of this kind from words.
            pub(crate) fn parse(kind: FaultKind, cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
                let _ = &cursor;
                Ok(match kind { $(FaultKind::$name => Self::$name { $($field: <$type>::parse(cursor)?),* },)+ })
            }

            /// A fault of this kind with fields drawn at random.
            pub fn random(kind: FaultKind, vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
                let _ = (&vocabulary, &dice);
                match kind { $(FaultKind::$name => Self::$name { $($field: <$type>::random(vocabulary, dice)),* },)+ }
            }

            /// The same fault with one field, all equally likely, drawn anew.
            pub(crate) fn redraw(&mut self, vocabulary: &Vocabulary, dice: &mut Dice) {
                match self {
                    $(Self::$name { $($field),* } => {
                        let fields: &[&str] = &[$(stringify!($field)),*];
                        let drawn = fields.get(dice.below(fields.len() as u64) as usize);
                        $(if drawn == Some(&stringify!($field)) { *$field = Field::random(vocabulary, dice); })*
                        let _ = (vocabulary, drawn);
                    })+
                }
            }

            /// The same fault with one field simpler, every field in turn.
            pub(crate) fn simpler_fields(&self) -> Vec<Self> {
                #[allow(unused_mut, reason = "a fault without fields")]
                let mut simpler = Vec::new();
                match *self {
                    $(Self::$name { $($field),* } => {
                        $(for value in $field.simpler() {
                            let mut fault = *self;
                            if let Self::$name { $field, .. } = &mut fault { *$field = value; }
                            simpler.push(fault);
                        })*
                    })+
                }
                simpler
            }

            /// How far its fields are from the simplest.
            pub(crate) fn field_sizes(&self) -> u64 {
                match self { $(Self::$name { $($field),* } => 0 $(+ $field.size())*,)+ }
            }
        }
    };
}

faults! {
    /// Does nothing. Carries a trigger on which other steps depend.
    0x01 "note" Instant Note {}
    /// Draws everything that follows anew, for the world, a node or a link; what has happened stays.
    0x02 "reseed" Instant Reseed {
        /// Whose draws.
        scope: Scope,
    }
    /// Has a client ask for an operation now.
    0x03 "invoke" Instant Invoke {
        /// Who asks for what.
        operation: Operation,
    }
    /// Cuts every link between two sides, both ways. Nodes on neither side reach everybody.
    0x10 "partition" Lasting Partition {
        /// Who is cut off from whom.
        sides: Sides,
    }
    /// Cuts the links in one direction only. An ordered stream needs both directions: on it, both fall silent.
    0x11 "block" Lasting Block {
        /// The links that carry nothing.
        link: Link,
    }
    /// Adds to the latency of messages. If it names no link and a message triggers it at once, only of that very message.
    0x12 "delay" Lasting Delay {
        /// The links that are slow.
        link: Link,
        /// Only messages of this kind.
        kind: OfKind,
        /// How much later they arrive.
        extra: Extra,
    }
    /// Loses a share of the messages. On an ordered stream a lost message is sent again later. If it names no link and a
    /// message triggers it at once, it loses that very message, whatever the share.
    0x13 "loss" Lasting Loss {
        /// The links that lose.
        link: Link,
        /// Only messages of this kind.
        kind: OfKind,
        /// Which share.
        share: Percent,
    }
    /// Delivers a share of the messages a second time, later. An ordered stream removes the second copy. If it names no link
    /// and a message triggers it at once, it repeats that very message, whatever the share.
    0x14 "duplicate" Lasting Duplicate {
        /// The links that repeat.
        link: Link,
        /// Only messages of this kind.
        kind: OfKind,
        /// Which share.
        share: Percent,
        /// How much later than the first copy the second arrives.
        extra: Extra,
    }
    /// Stops nodes without warning; what is not durable is lost. They start again when the step ends.
    0x20 "crash" Lasting ["restart" "after"] Crash {
        /// Who crashes, all at the same instant.
        victims: Nodes,
        /// What becomes of the disk.
        disk: DiskFate,
        /// How many effects of the next handler still take place.
        cut: Cut,
    }
    /// Stops nodes from running while their clocks go on; what reaches them waits.
    0x21 "pause" Lasting Pause {
        /// Who is paused.
        victims: Nodes,
    }
}
