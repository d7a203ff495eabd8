//! Names as 16-bit hashes of their spelling.
//!
//! A schedule's bytes hold hashes, so that a target may reorder its message kinds, roles, marks and constants without
//! changing what a saved schedule means. The text form keeps the spelling.

use xxhash_rust::const_xxh3::xxh3_64;

/// The hash of a name; [`Name::ANY`] is no name at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub u16);

impl Name {
    /// No name: any message kind, the first of a list.
    pub const ANY: Self = Self(0);

    /// The hash of `spelling`: the low 16 bits of its XXH3, never 0.
    pub const fn of(spelling: &str) -> Self {
        let hash = xxh3_64(spelling.as_bytes()) as u16;
        Self(if hash == 0 { 1 } else { hash })
    }
}
