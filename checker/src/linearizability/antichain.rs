//! Sets of configurations in which none makes another superfluous.
//!
//! Of two configurations with one state, the one that leaves every pending operation at least as much choice can do
//! whatever the other can, and only that one is kept. A crashed operation has more choice while it is not done, for it
//! need never be; an observation has more while it is done, for it changes nothing; any other has more choice while it is hidden
//! than done, or not done.

/// One way to explain the history so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Configuration {
    /// The state it leads to.
    pub(super) state: u32,
    /// The pending operations, by slot, that have taken effect in it.
    pub(super) done: u64,
    /// Those that have not, but may just as well have: overwrites, each pending when another took effect, right before
    /// which it would have been unseen. None of them is done.
    pub(super) hidden: u64,
}

impl Configuration {
    /// Without the operation at `bit`, which is pending no longer.
    pub(super) fn without(self, bit: u64) -> Self {
        Self { done: self.done & !bit, hidden: self.hidden & !bit, ..self }
    }

    /// Whether whatever `other` can explain, this can.
    #[inline]
    fn dominates(&self, other: &Self, crashed: u64, observing: u64) -> bool {
        let crashed_more = self.done & !other.done & crashed;
        let better = crashed | self.hidden | self.done & observing;
        let live_differing = ((self.done ^ other.done) | other.hidden) & !better;
        self.state == other.state && crashed_more | live_differing == 0
    }
}

const NONE: u32 = u32::MAX;
/// Up to this size every configuration is compared; beyond, those that share a bucket. Small in tests, whose histories
/// are, so that they take both ways.
const SCANNED_MAX: usize = if cfg!(test) { 2 } else { 12 };

#[derive(Clone, Debug, Default)]
pub(super) struct Antichain {
    configurations: Vec<Configuration>,
    /// The slots of operations that need never take effect.
    crashed: u64,
    /// The slots of operations that change nothing.
    observing: u64,
    /// Buckets by state, each the head of a chain through `next`. Unused while the set is small.
    heads: Vec<u32>,
    next: Vec<u32>,
    /// Members compared by way of buckets.
    steps: u64,
}

impl Antichain {
    /// Empties the set; from now on the operations at `crashed` are those that need never take effect, and those at `observing`
    /// change nothing.
    pub(super) fn clear(&mut self, crashed: u64, observing: u64) {
        self.configurations.clear();
        self.next.clear();
        self.steps = 0;
        self.crashed = crashed;
        self.observing = observing;
    }

    pub(super) fn len(&self) -> usize {
        self.configurations.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<Configuration> {
        self.configurations.get(index).copied()
    }

    /// How many members were compared by way of buckets since the set was empty.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Exchanges the contents with `other`; the set has to be cleared before its next use.
    pub(super) fn swap(&mut self, other: &mut Vec<Configuration>) {
        std::mem::swap(&mut self.configurations, other);
    }

    /// Adds `new` unless a member makes it superfluous. It takes the place of a member that it makes superfluous if
    /// that has an index of `movable` or more; earlier members have been read by index and stay. True if it is a member now.
    #[inline(always)]
    pub(super) fn insert(&mut self, new: Configuration, movable: usize) -> bool {
        if self.configurations.len() > SCANNED_MAX {
            return self.insert_by_bucket(new, movable);
        }
        for index in 0..self.configurations.len() {
            if let Some(is_member) = self.absorbs(index, new, movable) {
                return is_member;
            }
        }
        self.configurations.push(new);
        true
    }

    #[inline(never)]
    fn insert_by_bucket(&mut self, new: Configuration, movable: usize) -> bool {
        if self.next.len() * 2 >= self.heads.len() || self.next.is_empty() {
            self.rebuild();
        }
        let bucket = self.bucket(new.state);
        let mut index = self.heads[bucket];
        while index != NONE {
            self.steps += 1;
            if let Some(is_member) = self.absorbs(index as usize, new, movable) {
                return is_member;
            }
            index = self.next[index as usize];
        }
        self.next.push(self.heads[bucket]);
        self.heads[bucket] = self.configurations.len() as u32;
        self.configurations.push(new);
        true
    }

    /// False if the member at `index` makes `new` superfluous, true if it gave it its place.
    #[inline(always)]
    fn absorbs(&mut self, index: usize, new: Configuration, movable: usize) -> Option<bool> {
        let old = &mut self.configurations[index];
        if old.dominates(&new, self.crashed, self.observing) {
            return Some(false);
        }
        let replaces = index >= movable && new.dominates(old, self.crashed, self.observing);
        if replaces {
            *old = new;
        }
        replaces.then_some(true)
    }

    fn rebuild(&mut self) {
        let size = (self.configurations.len() * 4).next_power_of_two();
        self.heads.clear();
        self.heads.resize(size, NONE);
        self.next.clear();
        for index in 0..self.configurations.len() {
            let bucket = self.bucket(self.configurations[index].state);
            self.next.push(self.heads[bucket]);
            self.heads[bucket] = index as u32;
        }
    }

    fn bucket(&self, state: u32) -> usize {
        (state.wrapping_mul(0x9E37_79B9) >> 8) as usize & (self.heads.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inserts `(state, done)` pairs with `movable`, crashed slots 0 to 3 and observing slots 12 to 15; what is done in slots 8 to
    /// 11 is hidden in slots 4 to 7 instead.
    #[track_caller]
    fn check(inserted: &[(u32, u64)], movable: usize, expected: &[(u32, u64)]) {
        let mut antichain = Antichain::default();
        antichain.clear(0b1111, 0xf000);
        for &(state, done) in inserted {
            antichain.insert(Configuration { state, done: done & 0xf0ff, hidden: done >> 4 & 0xf0 }, movable);
        }
        let kept = antichain.configurations.iter().map(|one| (one.state, one.done | one.hidden << 4));
        assert_eq!(kept.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn who_used_more_crashed_operations_is_superfluous() {
        check(&[(0, 0b01), (0, 0b11), (0, 0b01)], 0, &[(0, 0b01)]);
    }

    #[test]
    fn who_used_fewer_takes_the_place() {
        check(&[(0, 0b11), (0, 0b10)], 0, &[(0, 0b10)]);
    }

    #[test]
    fn who_has_been_read_keeps_its_place() {
        check(&[(0, 0b11), (0, 0b10)], 1, &[(0, 0b11), (0, 0b10)]);
    }

    #[test]
    fn who_hides_an_operation_leaves_it_more_choice() {
        check(&[(0, 0x010), (0, 0x000), (0, 0x100)], 0, &[(0, 0x100), (0, 0x000)]);
        check(&[(0, 0x100), (0, 0x010), (0, 0x000)], 0, &[(0, 0x100)]);
        check(&[(0, 0x110), (0, 0x200)], 0, &[(0, 0x110), (0, 0x200)]);
    }

    #[test]
    fn who_has_observed_more_takes_the_place() {
        check(&[(0, 0x1010), (0, 0x3010), (0, 0x2010)], 0, &[(0, 0x3010)]);
        check(&[(0, 0x1010), (0, 0x2010)], 0, &[(0, 0x1010), (0, 0x2010)]);
    }

    #[test]
    fn others_are_not_compared() {
        let others = [(0, 0b01), (0, 0b10), (1, 0b01), (0, 0b1_0001), (0, 0b1_0010)];
        check(&others, 0, &others);
    }

    #[test]
    fn a_large_set_is_no_different() {
        let many: Vec<(u32, u64)> = (0..1000).map(|state| (state, 0b11)).collect();
        let better: Vec<(u32, u64)> = (0..1000).map(|state| (state, 0b10)).collect();
        check(&[&many[..], &better, &many].concat(), 0, &better);
    }
}
