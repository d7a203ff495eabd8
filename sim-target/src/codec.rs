//! How messages are written to a wire: what faults that work on bytes need to know of a system.
//!
//! A target that says how lets corruption flip real bits, of which its decoder makes what it can. The world itself never encodes
//! anything unless such a fault is in force.

use thiserror::Error;

/// How messages of type `M` become bytes and are read back.
pub struct Codec<M> {
    /// The bytes of a message.
    pub encode: fn(&M) -> Vec<u8>,
    /// The message that bytes stand for.
    pub decode: fn(&[u8]) -> Result<M, CodecError>,
}

/// Why bytes are no message.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    /// The bytes end before the message does.
    #[error("{found} bytes, expected at least {expected}")]
    Short {
        /// How many bytes there are.
        found: usize,
        /// How many there have to be.
        expected: usize,
    },
    /// A checksum does not match.
    #[error("checksum {found:#x}, expected {expected:#x}")]
    Checksum {
        /// That of the bytes.
        found: u64,
        /// The one that they carry.
        expected: u64,
    },
    /// Anything else.
    #[error("{0}")]
    Malformed(String),
}
