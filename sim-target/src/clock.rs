//! The clocks of a node: a wall clock, which can be wrong and jump, and a monotonic clock, which only runs fast or slow.
//!
//! Both belong to the machine, not to the process: they go on while the process is down, and a process that starts again finds
//! them where they are. What is wrong with them is a list of deviations, one for each fault in force. Their offsets add up; their
//! rates multiply, each running the clock that the earlier ones left. When a deviation ends, what it did to the wall clock is
//! taken back, as by a time server; the monotonic clock keeps what it has gained or lost, and runs on from there.

use std::cell::Cell;

/// What wall clocks that are right show as a run begins: some day of 2026, in nanoseconds.
const EPOCH: u64 = 1_780_000_000_000_000_000;
/// The rate of a clock that is right. Rates are in billionths.
pub(crate) const TRUE_RATE: u64 = 1_000_000_000;
/// The rate that several faults together do not exceed: timers of a clock that races drown everything else.
const FASTEST: u64 = 10 * TRUE_RATE;

/// What one fault does to the clocks of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deviation {
    /// The step that it belongs to.
    pub(crate) step: usize,
    /// How far the wall clock is moved, in nanoseconds.
    pub(crate) offset: i64,
    pub(crate) wall_rate: u64,
    pub(crate) mono_rate: u64,
    /// How far its rate has driven the wall clock off so far, in nanoseconds.
    drifted: i64,
    /// The most by which it can make the wall clock wrong.
    worst: u64,
}

impl Deviation {
    /// Clocks that are moved by an offset, and run at these rates.
    pub(crate) fn new(step: usize, offset: i64, wall_rate: u64, mono_rate: u64) -> Self {
        Self { step, offset, wall_rate, mono_rate, drifted: 0, worst: 0 }
    }

    /// Whether it leaves the clocks as they are.
    pub(crate) fn is_none(&self) -> bool {
        self.offset == 0 && self.wall_rate == TRUE_RATE && self.mono_rate == TRUE_RATE
    }
}

/// By how much the clocks of a node can be wrong, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Errors {
    pub(crate) wall: u64,
    pub(crate) mono: u64,
}

impl Errors {
    /// The larger of each.
    pub(crate) fn max(self, other: Self) -> Self {
        Self { wall: self.wall.max(other.wall), mono: self.mono.max(other.mono) }
    }
}

/// The clocks of one node.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// The true time at which something about them changed last, and what they showed then.
    since: u64,
    wall: u64,
    mono: u64,
    /// In the order of their beginning.
    deviations: Vec<Deviation>,
    /// How far the wall clock was moved for good.
    bumped: i64,
    /// The most by which the monotonic clock can have become wrong.
    mono_worst: u64,
    /// What the monotonic clock has shown to a handler that looked at it ahead of time.
    foreseen: Cell<u64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            since: 0,
            wall: EPOCH,
            mono: 0,
            deviations: Vec::new(),
            bumped: 0,
            mono_worst: 0,
            foreseen: Cell::new(0),
        }
    }
}

impl Clock {
    pub(crate) fn reset(&mut self) {
        let mut deviations = std::mem::take(&mut self.deviations);
        deviations.clear();
        *self = Self { deviations, ..Self::default() };
    }

    /// What the wall clock shows at a moment of true time.
    #[inline]
    pub(crate) fn wall(&self, now: u64) -> u64 {
        let rates = self.deviations.iter().map(|deviation| deviation.wall_rate);
        self.wall + rates.fold(now - self.since, scaled)
    }

    /// What the monotonic clock shows at a moment of true time.
    #[inline]
    pub(crate) fn mono(&self, now: u64) -> u64 {
        let rates = self.deviations.iter().map(|deviation| deviation.mono_rate);
        self.mono + rates.fold(now - self.since, scaled)
    }

    /// What the monotonic clock shows a handler that has taken so much time by now. Should it run slower than was foreseen, it stands
    /// still until it is as far: it never goes back.
    pub(crate) fn mono_after(&self, now: u64, lag: u64) -> u64 {
        let shown = self.mono(now.saturating_add(lag)).max(self.foreseen.get());
        if lag > 0 {
            self.foreseen.set(shown);
        }
        shown
    }

    /// The process crashes: what a handler of it would have seen later, had it lived, nobody has seen.
    pub(crate) fn forget_foreseen(&mut self) {
        self.foreseen.set(0);
    }

    /// The first moment of true time at which the monotonic clock shows `mono`, if it runs on as it does now; `None`: never.
    #[inline]
    pub(crate) fn when(&self, mono: u64) -> Option<u64> {
        let rates = self.deviations.iter().map(|deviation| deviation.mono_rate);
        let elapsed = rates.rev().try_fold(mono.saturating_sub(self.mono), unscaled)?;
        Some(self.since.saturating_add(elapsed))
    }

    /// The steps that have the clocks deviate now.
    pub(crate) fn steps(&self) -> impl Iterator<Item = usize> {
        self.deviations.iter().map(|deviation| deviation.step)
    }

    /// The most by which the clocks can become wrong if `deviation` is added for so long.
    pub(crate) fn worst_with(&self, deviation: &Deviation, length: u64) -> Errors {
        let wall =
            self.deviations.iter().map(|other| other.worst).fold(self.bumped.unsigned_abs(), u64::saturating_add);
        let (wall_more, mono_more) = self.worst_of(deviation, length);
        Errors { wall: wall.saturating_add(wall_more), mono: self.mono_worst.saturating_add(mono_more) }
    }

    /// The most by which the clocks can become wrong if the wall clock is moved for good.
    pub(crate) fn worst_bumped(&self, offset: i64) -> Errors {
        let bumped = self.bumped.saturating_add(offset).unsigned_abs();
        let wall = self.deviations.iter().map(|other| other.worst).fold(bumped, u64::saturating_add);
        Errors { wall, mono: self.mono_worst }
    }

    /// The most by which a deviation of so much time makes the wall and the monotonic clock wrong. Clocks that run fast already
    /// multiply it.
    fn worst_of(&self, deviation: &Deviation, length: u64) -> (u64, u64) {
        let fastest = |rate: fn(&Deviation) -> u64| {
            self.deviations.iter().fold(length, |time, other| scaled(time, rate(other).max(TRUE_RATE)))
        };
        let wall = scaled(fastest(|other| other.wall_rate), deviation.wall_rate.abs_diff(TRUE_RATE));
        let mono = scaled(fastest(|other| other.mono_rate), deviation.mono_rate.abs_diff(TRUE_RATE));
        (wall.saturating_add(deviation.offset.unsigned_abs()), mono)
    }

    /// Whether `deviation` would have a clock race that others have run fast already.
    pub(crate) fn is_rushed_by(&self, deviation: &Deviation) -> bool {
        let rushes = |rate: fn(&Deviation) -> u64| {
            let others = self.deviations.iter().map(rate).fold(TRUE_RATE, scaled);
            others > TRUE_RATE && scaled(others, rate(deviation)) > FASTEST
        };
        rushes(|deviation| deviation.wall_rate) || rushes(|deviation| deviation.mono_rate)
    }

    /// A deviation begins, and lasts at most for so long.
    pub(crate) fn deviate(&mut self, now: u64, deviation: Deviation, length: u64) {
        self.settle(now);
        let (worst, mono) = self.worst_of(&deviation, length);
        self.mono_worst = self.mono_worst.saturating_add(mono);
        self.move_wall(deviation.offset);
        self.deviations.push(Deviation { worst, ..deviation });
    }

    /// The deviation of a step ends. Returns how far the wall clock jumps; `None` if there is none.
    pub(crate) fn set_right(&mut self, now: u64, step: usize) -> Option<i64> {
        let at = self.deviations.iter().position(|deviation| deviation.step == step)?;
        self.settle(now);
        let ended = self.deviations.remove(at);
        let jump = -ended.offset.saturating_add(ended.drifted);
        self.move_wall(jump);
        Some(jump)
    }

    /// A step's deviation has the wall clock on its other side from now on: moved, or not. Returns how far it jumps.
    pub(crate) fn strobe(&mut self, now: u64, step: usize, offset: i64) -> i64 {
        self.settle(now);
        let Some(deviation) = self.deviations.iter_mut().find(|deviation| deviation.step == step) else { return 0 };
        let next = if deviation.offset == 0 { offset } else { 0 };
        let jump = next - std::mem::replace(&mut deviation.offset, next);
        self.move_wall(jump);
        jump
    }

    /// The wall clock is moved, and goes on from there.
    pub(crate) fn bump(&mut self, now: u64, offset: i64) {
        self.settle(now);
        self.bumped = self.bumped.saturating_add(offset);
        self.move_wall(offset);
    }

    fn move_wall(&mut self, by: i64) {
        self.wall = self.wall.saturating_add_signed(by);
    }

    /// Takes stock of what the clocks show, so that from now on something can be different.
    fn settle(&mut self, now: u64) {
        (self.wall, self.mono, self.since) = {
            let mut run = now - self.since;
            for deviation in &mut self.deviations {
                let next = scaled(run, deviation.wall_rate);
                deviation.drifted += next.cast_signed() - run.cast_signed();
                run = next;
            }
            (self.wall + run, self.mono(now), now)
        };
    }
}

/// How much time a clock shows that runs at `rate`, where one that is right shows `time`.
#[inline]
fn scaled(time: u64, rate: u64) -> u64 {
    let time = u128::from(time) * u128::from(rate) / u128::from(TRUE_RATE);
    time.try_into().unwrap_or(u64::MAX)
}

/// The least time in which a clock that runs at `rate` shows as much as `shown`; `None` if it stands still.
#[inline]
fn unscaled(shown: u64, rate: u64) -> Option<u64> {
    if shown == 0 {
        return Some(0);
    }
    let time = (u128::from(shown) * u128::from(TRUE_RATE)).checked_div(rate.into())?;
    let whole = time * u128::from(rate) == u128::from(shown) * u128::from(TRUE_RATE);
    Some((time + u128::from(!whole)).try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Clock, Deviation, EPOCH, Errors, TRUE_RATE};

    const HALF: u64 = TRUE_RATE / 2;

    #[test]
    fn a_clock_that_nothing_befalls_shows_the_true_time() {
        let clock = Clock::default();
        assert_eq!((clock.wall(77), clock.mono(77), clock.when(77)), (EPOCH + 77, 77, Some(77)));
    }

    #[test]
    fn rates_multiply_and_each_takes_its_own_part_back_from_the_wall_clock() {
        let mut clock = Clock::default();
        clock.deviate(1000, Deviation::new(1, 0, HALF, HALF), 0);
        clock.deviate(2000, Deviation::new(2, 0, HALF, HALF), 0);
        // 1000 at full rate, 1000 at half, 1000 at a quarter.
        assert_eq!((clock.wall(3000), clock.mono(3000)), (EPOCH + 1750, 1750));
        // The first one cost 500, and 500 while the second took 250 of what was left.
        assert_eq!(clock.set_right(3000, 1), Some(1000));
        assert_eq!((clock.wall(3000), clock.mono(3000)), (EPOCH + 2750, 1750));
        assert_eq!(clock.set_right(4000, 2), Some(750));
        assert_eq!((clock.wall(4000), clock.mono(4000)), (EPOCH + 4000, 2250));
        assert_eq!(clock.set_right(4000, 2), None);
    }

    #[test]
    fn the_moment_of_a_deadline_is_the_first_at_which_the_clock_shows_it() {
        for rates in [[TRUE_RATE, TRUE_RATE], [333_000_000, 7_000_000_000], [1_001_000_000, 999_999_999]] {
            let mut clock = Clock::default();
            rates.into_iter().for_each(|rate| clock.deviate(10, Deviation::new(0, 0, rate, rate), 0));
            for mono in (0..2000).filter(|mono| *mono > 10) {
                let when = clock.when(mono).expect("it runs");
                assert!(clock.mono(when) >= mono && clock.mono(when - 1) < mono, "{rates:?} {mono} {when}");
            }
        }
    }

    #[test]
    fn a_clock_that_slows_down_does_not_go_back_behind_what_it_has_shown() {
        let mut clock = Clock::default();
        assert_eq!((clock.mono_after(100, 0), clock.mono_after(100, 900)), (100, 1000));
        clock.deviate(200, Deviation::new(0, 0, 0, 0), 0);
        assert_eq!((clock.mono_after(1000, 0), clock.mono_after(1000, 500)), (1000, 1000));
        clock.set_right(2000, 0);
        assert_eq!((clock.mono_after(2700, 0), clock.mono_after(2900, 0)), (1000, 1100));
    }

    #[test]
    fn a_clock_that_stands_still_reaches_no_deadline_but_its_own() {
        let mut clock = Clock::default();
        clock.deviate(10, Deviation::new(0, 0, 0, 0), 0);
        assert_eq!((clock.when(10), clock.when(11)), (Some(10), None));
    }

    #[test]
    fn how_wrong_clocks_can_become_adds_up_and_is_multiplied_by_those_that_run_fast() {
        let mut clock = Clock::default();
        let fast = Deviation::new(0, -7, 3 * TRUE_RATE, TRUE_RATE);
        let errors = |wall, mono| Errors { wall, mono };
        assert_eq!(clock.worst_with(&fast, 100), errors(207, 0));
        clock.deviate(0, fast, 100);
        assert_eq!(clock.worst_with(&Deviation::new(1, 0, HALF, HALF), 100), errors(207 + 150, 50));
        clock.bump(0, -1000);
        assert_eq!((clock.worst_bumped(1000), clock.worst_bumped(-1000)), (errors(207, 0), errors(2207, 0)));
        // What is over no longer counts, but on the monotonic clock it does.
        clock.deviate(0, Deviation::new(2, 0, TRUE_RATE, 0), 5000);
        clock.set_right(0, 0);
        clock.set_right(0, 2);
        assert_eq!(clock.worst_bumped(1000), errors(0, 5000));
    }
}
