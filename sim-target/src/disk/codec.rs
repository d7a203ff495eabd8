//! How a file is laid out: where its records are, and the parts of each. Faults that name a record or a field of one find it
//! by what a target declares here; nothing else reads it.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use super::{FRAME, length_at};

/// Where a record is in a file, and where its parts are, as ranges of bytes of the file.
///
/// ```
/// use murphy_sim::Layout;
///
/// // A checksum, a type, and a key with its value.
/// let record = |at: usize, key: u64| {
///     Layout::new(at..at + 21).checksum(at..at + 4).kind(at + 4..at + 5).field("value", at + 13..at + 21).key(key, at + 13..at + 21)
/// };
/// assert_eq!(record(0, 7), record(0, 7));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub(crate) all: Range<usize>,
    /// Empty: it has none.
    pub(crate) checksum: Range<usize>,
    /// Empty: it has none.
    pub(crate) kind: Range<usize>,
    pub(crate) fields: Vec<(&'static str, Range<usize>)>,
    pub(crate) value: Option<(u64, Range<usize>)>,
}

impl Layout {
    /// A record that takes up these bytes.
    pub fn new(all: Range<usize>) -> Self {
        Self { all, ..Self::default() }
    }

    /// Where its checksum is.
    pub fn checksum(mut self, at: Range<usize>) -> Self {
        self.checksum = at;
        self
    }

    /// Where it says what type of record it is.
    pub fn kind(mut self, at: Range<usize>) -> Self {
        self.kind = at;
        self
    }

    /// Where one of its fields is.
    pub fn field(mut self, name: &'static str, at: Range<usize>) -> Self {
        self.fields.push((name, at));
        self
    }

    /// It holds the value of key number `key`: where that value is. In a file with several, the last one holds.
    pub fn key(mut self, key: u64, at: Range<usize>) -> Self {
        self.value = Some((key, at));
        self
    }

    /// The same, `by` bytes further on.
    fn shifted(mut self, by: usize) -> Self {
        let shift = |range: &mut Range<usize>| {
            if range.start < range.end {
                *range = range.start + by..range.end + by;
            }
        };
        [&mut self.checksum, &mut self.kind].into_iter().for_each(shift);
        self.fields.iter_mut().for_each(|(_, range)| shift(range));
        self.value.iter_mut().for_each(|(_, range)| shift(range));
        self
    }
}

/// How a file is laid out.
#[derive(Clone, Copy, Debug)]
pub struct FileCodec(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Framed records; the parts of what is framed.
    Framed(fn(&[u8]) -> Layout),
    Own {
        records: fn(&[u8]) -> Vec<Layout>,
        seal: fn(&mut [u8]),
    },
    Blocks,
}

impl FileCodec {
    /// No records: such a file is made of blocks.
    pub const BLOCKS: Self = Self(Kind::Blocks);
    /// Records written by [`append`](crate::Context::append), of which nothing else is known.
    pub const FRAMED: Self = Self::framed(|_| Layout::default());

    /// Records written by [`append`](crate::Context::append), or one written by [`replace`](crate::Context::replace).
    /// `layout` gets what was appended and says where the type and the fields are in it; the rest is known.
    pub const fn framed(layout: fn(&[u8]) -> Layout) -> Self {
        Self(Kind::Framed(layout))
    }

    /// Records of the target's own making. `records` lists those in the bytes of a file, which may be damaged. `seal` gets the
    /// bytes of a record whose parts were changed, and makes its checksum right.
    pub const fn new(records: fn(&[u8]) -> Vec<Layout>, seal: fn(&mut [u8])) -> Self {
        Self(Kind::Own { records, seal })
    }

    /// The records in the bytes of a file, in their order.
    pub(crate) fn records(&self, bytes: &[u8]) -> Vec<Layout> {
        match self.0 {
            Kind::Framed(layout) => framed(bytes, layout),
            Kind::Own { records, .. } => records(bytes).into_iter().filter(|found| fits(found, bytes)).collect(),
            Kind::Blocks => Vec::new(),
        }
    }

    /// Makes the checksum of a record right.
    pub(crate) fn seal(&self, record: &mut [u8]) {
        match self.0 {
            Kind::Framed(_) => {
                if let Some((head, body)) = record.split_at_mut_checked(FRAME) {
                    head[4..].copy_from_slice(&(xxh3_64(body) as u32).to_le_bytes());
                }
            }
            Kind::Own { seal, .. } => seal(record),
            Kind::Blocks => {}
        }
    }
}

/// Whether a record is one: its parts lie in it, and it lies in the file.
fn fits(record: &Layout, bytes: &[u8]) -> bool {
    let within =
        |part: &Range<usize>| part.is_empty() || (record.all.start <= part.start && part.end <= record.all.end);
    let parts = [&record.checksum, &record.kind].into_iter().chain(record.fields.iter().map(|(_, range)| range));
    !record.all.is_empty()
        && record.all.end <= bytes.len()
        && parts.chain(record.value.iter().map(|(_, range)| range)).all(within)
}

/// The records of a log. Checksums are not looked at: a damaged record is one all the same.
fn framed(bytes: &[u8], layout: fn(&[u8]) -> Layout) -> Vec<Layout> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(end) = length_at(&bytes[at..]).and_then(|length| (at + FRAME).checked_add(length)) {
        let Some(payload) = bytes.get(at + FRAME..end) else { break };
        let mut record = layout(payload).shifted(at + FRAME);
        record.all = at..end;
        record.checksum = at + 4..at + FRAME;
        if fits(&record, bytes) {
            found.push(record);
        }
        at = end;
    }
    found
}
