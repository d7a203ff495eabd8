//! Where on a disk: a file, a part of it, or everything.

use super::Field;
use crate::{
    bytes::{Record, RecordMut},
    diagnostic::Diagnostic,
    dice::Dice,
    name::Name,
    text::{Cursor, Printer, is_reserved},
    vocabulary::Vocabulary,
};

/// Where on a disk. Files, disks and fields go by the names that the target gives them (`wal`, `sst`, `manifest`); a part
/// whose file is [`Name::ANY`] is looked for in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Everywhere.
    #[default]
    Anywhere,
    /// A file. Text: `wal`.
    File(Name),
    /// One of several disks. Text: `disk data1`.
    Disk(Name),
    /// A block of a file. Text: `block 7 of wal`.
    Block(Position, Name),
    /// A segment of a log. Text: `segment 2 of wal`.
    Segment(Position, Name),
    /// A record of a log. Text: `last record of wal`.
    Record(Position, Name),
    /// A field of a record of a log. Text: `field term of record 3 of wal`.
    Field(Name, Position, Name),
    /// The value of a key in a store. Text: `key 3 of store`.
    Key(Position, Name),
    /// Some bytes of a file, from the first number up to but without the second. Text: `bytes 100 to 120 of wal`.
    Bytes(u16, u16, Name),
}

/// Which of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// Any of them: it is drawn, or each of them is meant where a fault lasts.
    #[default]
    Any,
    /// This one, from 1, up to 65,534.
    Nth(u16),
    /// The last one.
    Last,
}

/// The words that begin a place.
pub(crate) const WORDS: [&str; 8] = ["anywhere", "disk", "block", "segment", "record", "field", "key", "last"];

type Part = fn(Position, Name) -> Place;

/// The parts of a file that have a position, by their words.
const PARTS: [(&str, Part); 4] =
    [("block", Place::Block), ("segment", Place::Segment), ("record", Place::Record), ("key", Place::Key)];

impl Position {
    fn raw(self) -> u16 {
        match self {
            Self::Any => 0,
            Self::Nth(number) => number,
            Self::Last => u16::MAX,
        }
    }

    fn from_raw(raw: u16) -> Self {
        match raw {
            0 => Self::Any,
            u16::MAX => Self::Last,
            number => Self::Nth(number),
        }
    }
}

impl Place {
    fn raw(self) -> (u8, Name, u16, u16) {
        match self {
            Self::Anywhere => (0, Name::ANY, 0, 0),
            Self::File(name) => (1, name, 0, 0),
            Self::Disk(name) => (2, name, 0, 0),
            Self::Block(position, name) => (3, name, position.raw(), 0),
            Self::Segment(position, name) => (4, name, position.raw(), 0),
            Self::Record(position, name) => (5, name, position.raw(), 0),
            Self::Field(field, position, name) => (6, name, position.raw(), field.0),
            Self::Key(position, name) => (7, name, position.raw(), 0),
            Self::Bytes(from, to, name) => (8, name, from, to),
        }
    }

    /// How much of a disk it leaves out, roughly.
    fn narrowness(self) -> u64 {
        match self {
            Self::Anywhere => 0,
            Self::File(_) | Self::Disk(_) => 1,
            Self::Block(..) | Self::Segment(..) => 2,
            Self::Record(..) | Self::Key(..) => 3,
            Self::Field(..) | Self::Bytes(..) => 4,
        }
    }
}

impl Field for Place {
    const DEFAULT: Option<Self> = Some(Self::Anywhere);

    fn range() -> String {
        "`anywhere`, a file such as `wal`, `disk data1`, `block 7 of wal`, `segment 2 of wal`, `record 3 of wal`, \
         `last record of wal`, `field term of record 3 of wal`, `key 3 of store`, `bytes 100 to 120 of wal`"
            .to_owned()
    }
    fn decode(record: &mut Record<'_>) -> Self {
        let (kind, name) = (record.byte() & 15, Name(record.word()));
        let (a, b) = (record.word(), record.word());
        let position = Position::from_raw(a);
        match kind {
            0 => Self::Anywhere,
            1 => Self::File(name),
            2 => Self::Disk(name),
            3 => Self::Block(position, name),
            4 => Self::Segment(position, name),
            5 => Self::Record(position, name),
            6 => Self::Field(Name(b), position, name),
            7 => Self::Key(position, name),
            8 => Self::Bytes(a, b, name),
            _ => {
                record.refuse();
                Self::Anywhere
            }
        }
    }
    fn encode(&self, record: &mut RecordMut<'_>) {
        let (kind, name, a, b) = self.raw();
        record.byte(kind);
        [name.0, a, b].into_iter().for_each(|word| record.word(word));
    }
    fn print(&self, printer: &Printer<'_>) -> String {
        let of =
            |name: Name| if name == Name::ANY { String::new() } else { format!(" of {}", printer.guarded_name(name)) };
        let part = |word: &str, position: Position| match position {
            Position::Any => word.to_owned(),
            Position::Nth(number) => format!("{word} {number}"),
            Position::Last => format!("last {word}"),
        };
        match *self {
            Self::Anywhere => "anywhere".to_owned(),
            Self::File(name) => printer.guarded_name(name),
            Self::Disk(name) => format!("disk {}", printer.guarded_name(name)),
            Self::Block(position, name) => part("block", position) + &of(name),
            Self::Segment(position, name) => part("segment", position) + &of(name),
            Self::Record(position, name) => part("record", position) + &of(name),
            Self::Key(position, name) => part("key", position) + &of(name),
            Self::Field(field, position, name) => {
                format!("field {} of {}{}", printer.guarded_name(field), part("record", position), of(name))
            }
            Self::Bytes(from, to, name) => format!("bytes {from} to {to}{}", of(name)),
        }
    }
    fn at(cursor: &Cursor<'_>) -> bool {
        cursor.at_name()
    }
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        let range = 0..=u16::MAX.into();
        if cursor.accept("anywhere") {
            return Ok(Self::Anywhere);
        }
        if cursor.accept("disk") {
            return Ok(Self::Disk(cursor.name("the name of a disk")?));
        }
        if cursor.accept("field") {
            let field = cursor.name("a field of a record")?;
            cursor.expect("of")?;
            return match part(cursor)? {
                Self::Record(position, name) => Ok(Self::Field(field, position, name)),
                _ => Err(cursor.fail("a field of a `record`")),
            };
        }
        if cursor.accept("bytes") {
            let from = cursor.integer(range.clone())? as u16;
            cursor.expect("to")?;
            return Ok(Self::Bytes(from, cursor.integer(range)? as u16, file(cursor)?));
        }
        if cursor.text(0) == "last" || PARTS.iter().any(|(word, _)| *word == cursor.text(0)) {
            return part(cursor);
        }
        if !cursor.at_name() || (cursor.is_word() && is_reserved(cursor.text(0))) {
            return Err(cursor.fail_near(Self::range(), WORDS));
        }
        Ok(Self::File(cursor.name("a file")?))
    }
    fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        let file = crate::draw::name(&vocabulary.files, dice);
        let position = match dice.below(3) {
            0 => Position::Any,
            1 => Position::Nth(dice.between(1, 8) as u16),
            _ => Position::Last,
        };
        match dice.below(10) {
            0..=3 => Self::Anywhere,
            _ if file == Name::ANY => Self::Record(position, file),
            4..=6 => Self::File(file),
            7 => Self::Block(position, file),
            _ => Self::Record(position, file),
        }
    }
    /// Less is said, so that more is meant.
    fn simpler(&self) -> Vec<Self> {
        let (_, name, ..) = self.raw();
        let broader = match *self {
            Self::Anywhere => return vec![],
            Self::File(_) | Self::Disk(_) => vec![],
            Self::Field(_, position, name) => vec![Self::File(name), Self::Record(position, name)],
            Self::Block(..) | Self::Segment(..) | Self::Record(..) | Self::Key(..) | Self::Bytes(..) => {
                vec![Self::File(name)]
            }
        };
        [Self::Anywhere].into_iter().chain(broader).filter(|other| other.size() < self.size()).collect()
    }
    fn size(&self) -> u64 {
        self.narrowness()
    }
}

/// `record 3 of wal`, `last record of wal`.
fn part(cursor: &mut Cursor<'_>) -> Result<Place, Diagnostic> {
    let last = cursor.accept("last");
    let words = PARTS.map(|(word, _)| word);
    let found = PARTS.iter().find(|(word, _)| *word == cursor.text(0));
    let (_, place) = found.ok_or_else(|| cursor.fail_near("`block`, `segment`, `record` or `key`", words))?;
    cursor.advance();
    let position = match cursor.at_integer() {
        true if !last => Position::Nth(cursor.integer(1..=65_534)? as u16),
        _ if last => Position::Last,
        _ => Position::Any,
    };
    Ok(place(position, file(cursor)?))
}

/// `of wal`, or nothing.
fn file(cursor: &mut Cursor<'_>) -> Result<Name, Diagnostic> {
    if cursor.accept("of") { cursor.name("a file") } else { Ok(Name::ANY) }
}
