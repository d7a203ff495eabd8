//! Words in little-endian bytes, for what goes to the disk and into the log.

/// Appends words.
pub(super) fn put(to: &mut Vec<u8>, words: &[u64]) {
    words.iter().for_each(|word| to.extend_from_slice(&word.to_le_bytes()));
}

/// What is left of bytes that this target has written itself.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&mut self, many: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(many);
        self.0 = rest;
        bytes
    }

    pub(super) fn word(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes(8).try_into().expect("eight bytes"))
    }
}

/// A number that differs for different bytes, for all that matters here (FNV-1a, by words).
pub(super) fn digest(seed: u64, bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23))
}
