//! Records of 64-bit words, little-endian: what the models keep on their disks.

/// The bytes of a record.
pub(crate) fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The words of a record; what is left of the last one is none.
pub(crate) fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

/// The words of a record that has so many; those that are missing are zero.
pub(crate) fn exactly<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let mut all = [0; N];
    all.iter_mut().zip(words(bytes)).for_each(|(word, found)| *word = found);
    all
}
