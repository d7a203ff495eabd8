//! The types of a fault's fields, and what every field can do.
//!
//! A field knows its own bytes, its text, how it is drawn at random and how it gets simpler. [`crate::fault`] only says
//! which fault has which fields, in which order, and the word before each. Zero bytes mean the default of every field.

pub(crate) mod latency;
mod numbers;
mod operation;
pub(crate) mod place;
mod whom;
pub(crate) mod words;

use std::collections::BTreeMap;

pub use latency::{Distribution, Latency};
pub use numbers::{Count, Cut, EXACT, Factor, FinePercent, Number, Offset, Percent, Size, Span};
pub use operation::{Operation, Site};
pub use place::{Place, Position};
pub use whom::{OfKind, Party, Scope, Sides, StepRef};
pub use words::{
    Calls, Change, ClockOf, Damage, DiskFate, ErrorCode, Failure, Misread, Miswrite, Order, Overflow, PauseMode,
    Release, SocketCall, State, Strategy, Takedown, Transfers,
};

use crate::{
    bytes::{Record, RecordMut},
    diagnostic::Diagnostic,
    dice::Dice,
    schedule::StepId,
    text::{Cursor, Printer},
    vocabulary::Vocabulary,
};

/// What every field of a fault can do.
pub trait Field: Sized + Copy + PartialEq {
    /// What it is where nothing is said; `None`: it has to be said.
    const DEFAULT: Option<Self>;
    /// Words with which it can begin: one of them may have been meant.
    const WORDS: &'static [&'static str] = &[];
    /// The values it takes, with their units and range, for the documentation.
    fn range() -> String;
    /// Reads it from the next free bytes of a record. Values wrap into their range; a choice that this version does not
    /// know refuses the record.
    fn decode(record: &mut Record<'_>) -> Self;
    /// Writes it to the next free bytes of a record.
    fn encode(&self, record: &mut RecordMut<'_>);
    /// Its value as text.
    fn print(&self, printer: &Printer<'_>) -> String;
    /// Whether what follows can be one: asked where it may be left out and has no word before it.
    fn at(cursor: &Cursor<'_>) -> bool;
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
    /// What of it means something else than it says, and what to say instead.
    fn flaw(&self) -> Option<(String, &'static str)> {
        None
    }
    /// The step that it refers to; 0: none.
    fn reference(&self) -> StepId {
        0
    }
    /// Changes the step that it refers to, if it is of a sort that does.
    fn refer(&mut self, _id: StepId) {}
}

/// The default of a field as text; `None`: it has to be said.
pub(crate) fn default_text<F: Field>() -> Option<String> {
    let (names, labels) = (BTreeMap::new(), BTreeMap::new());
    F::DEFAULT.map(|value| value.print(&Printer::new(&names, &labels)))
}
