//! Damage to the bytes of messages: which bits are flipped, what a decoder makes of it, and how long others are spared.

use murphy_schedule::{Dice, field::Count};

use super::Fate;
use crate::{
    core::Core,
    draw::{Purpose, below, mix},
    node::Node,
};

/// How a step damages messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flips {
    /// In units of 0.01 %.
    pub(crate) share: u16,
    least: u16,
    most: u16,
    /// In nanoseconds.
    pub(crate) cooldown: u64,
}

impl Flips {
    pub(crate) fn new(share: u16, least: Count<1>, most: Count<8>, cooldown: u64) -> Self {
        Self { share, least: least.0, most: most.0.max(least.0), cooldown }
    }

    /// How many bits are flipped in a message; at least one.
    pub(super) fn bits(self, draw: u64) -> u32 {
        let more = below(mix(draw, Purpose::Flip, []), u64::from(self.most - self.least) + 1);
        (u32::from(self.least) + more as u32).max(1)
    }
}

/// For how long a step spares a link after it struck there, or (`None`) all of its links.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cooldown {
    pub(super) step: usize,
    pub(super) link: Option<usize>,
    pub(super) until: u64,
}

impl Cooldown {
    /// Begins, unless an earlier one still goes on.
    pub(super) fn begin(self, cooldowns: &mut Vec<Self>, now: u64) -> bool {
        if self.until <= now {
            return true;
        }
        let Some(before) = cooldowns.iter_mut().find(|other| (other.step, other.link) == (self.step, self.link)) else {
            cooldowns.push(self);
            return true;
        };
        let over = before.until <= now;
        if over {
            *before = self;
        }
        over
    }
}

impl Fate {
    /// Whether bits of a message that arrives are flipped.
    #[inline]
    pub(crate) fn is_damaged(&self) -> bool {
        self.flips.0 > 0 && !self.lost
    }
}

impl<N: Node> Core<N> {
    /// Flips bits of a message that is being sent. What then is no message any more is lost.
    pub(super) fn damage(&mut self, message: &mut N::Message) {
        let fate = &mut self.network.fate;
        let (bits, draw) = fate.flips;
        let damaged = N::CODEC.and_then(|codec| {
            let mut bytes = (codec.encode)(message);
            flip(&mut bytes, bits, draw);
            (codec.decode)(&bytes).ok()
        });
        match damaged {
            Some(damaged) => *message = damaged,
            None => {
                fate.lost = true;
                fate.lost_by_chance |= fate.flipped_by_chance;
            }
        }
    }
}

/// Flips so many different bits, or all if there are fewer.
fn flip(bytes: &mut [u8], bits: u32, draw: u64) {
    let mut places: Vec<usize> = (0..bytes.len() * 8).collect();
    let mut dice = Dice::new(mix(draw, Purpose::Flip, [1]));
    for place in 0..places.len().min(bits as usize) {
        let chosen = place + dice.below((places.len() - place) as u64) as usize;
        places.swap(place, chosen);
        bytes[places[place] / 8] ^= 1 << (places[place] % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::flip;

    #[test]
    fn just_so_many_bits_are_flipped_and_each_as_often() {
        let mut times = [0u32; 80];
        for draw in 0..8_000 {
            let mut bytes = [0u8; 10];
            flip(&mut bytes, 4, draw);
            assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 4);
            (0..80).for_each(|bit| times[bit] += u32::from(bytes[bit / 8] >> (bit % 8) & 1));
        }
        assert!(times.iter().all(|times| (330..470).contains(times)), "{times:?}");
        let mut few = [0u8; 1];
        flip(&mut few, 20, 1);
        assert_eq!(few, [0xff]);
    }
}
