//! Keyed draws: every random number of a run is a pure function of a key, never of how many were drawn before it.
//!
//! The key of a message's latency is (seed, epoch, link, kind, slot of 20 ms, n-th of that kind in the slot); that of an
//! operation is (seed, epoch, lane, slot). So editing one step of a schedule leaves every unrelated draw as it was, and
//! mutation stays local. The words of a key are folded by 64 × 64 → 128 bit multiplications, as in wyhash (Wang Yi, 2019).

/// What a draw is for; keeps the keys of different purposes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    Message = 1,
    Copy,
    Client,
    Slot,
    Pace,
    Route,
    Notice,
    Disk,
    Node,
    Workload,
    Latency,
    Select,
    Again,
    Correlation,
    Rule,
    Drift,
    Buffer,
    Shuffle,
    Attrition,
    Version,
    Flip,
    Connect,
    Bind,
    Activation,
    Buggify,
    Damage,
    DiskCall,
    Yield,
}

/// How latencies are keyed. All but [`Keying::Slots`] exist to be compared with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keying {
    /// By link, kind, 20 ms of virtual time, and count within those.
    #[default]
    Slots,
    /// By link and count, as a sequential stream for each link would be.
    Streams,
    /// By count alone, as one sequential stream would be.
    Stream,
}

/// Length of a slot of virtual time, in nanoseconds.
pub(crate) const SLOT: u64 = 20_000_000;

const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0xd6e8_feb8_6659_fd93;

/// Folds one word into a hash.
#[inline]
pub(crate) fn fold(hash: u64, word: u64) -> u64 {
    let wide = u128::from(hash ^ FIRST) * u128::from(word ^ SECOND);
    (wide as u64) ^ ((wide >> 64) as u64) ^ hash.rotate_left(23)
}

/// The draw that belongs to `words`.
#[inline]
pub(crate) fn mix<const N: usize>(seed: u64, purpose: Purpose, words: [u64; N]) -> u64 {
    let hash = words.iter().fold(fold(seed, purpose as u64), |hash, word| fold(hash, *word));
    fold(hash, FIRST)
}

/// `draw` scaled to a number below `bound`.
#[inline]
pub(crate) fn below(draw: u64, bound: u64) -> u64 {
    ((u128::from(draw) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::{Purpose, mix};

    #[test]
    fn draws_are_spread_over_their_range_whatever_word_of_the_key_changes() {
        for word in 0..3 {
            let mut buckets = [0u32; 16];
            for i in 0..16_000 {
                let mut key = [7, 7, 7];
                key[word] = i;
                buckets[(mix(1, Purpose::Message, key) >> 60) as usize] += 1;
            }
            assert!(buckets.iter().all(|count| (850..1150).contains(count)), "word {word}: {buckets:?}");
        }
    }

    #[test]
    fn the_draws_behind_saved_schedules_never_change() {
        assert_eq!(mix(0x5eed, Purpose::Message, [1, 2]), 3_031_416_153_964_404_429);
    }
}
