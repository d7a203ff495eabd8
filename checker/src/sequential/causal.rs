//! What no order can explain because causes come before effects, found without a search.
//!
//! An operation is a cause of those after it in its process, and a write of those that read its value. Vector clocks (Fidge;
//! Mattern, 1988) say who caused whom. If something caused itself, or if what was read had been overwritten by a cause of the
//! reading, no order explains the history. (`CyclicCO`, `ThinAirRead`, `WriteCOInitRead` and `WriteCORead` of Bouajjani, Enea,
//! Guerraoui & Hamza, 2017, "On verifying causal consistency".)
//!
//! It can tell where objects are read, written and compared-and-set and no value is written twice to one of them; it takes time
//! O(n · processes · log n).

use std::collections::{BTreeMap, BTreeSet};

use super::{Lane, Step};
use crate::{
    history::Values,
    interner::Interner,
    model::{Assignment, Model, Test},
};

/// The place of a step: its lane, and how many come before it there.
type Place = (usize, usize);

/// A key and a state, by number.
type Written = (u32, u32);

#[derive(Default)]
struct Causes {
    writers: BTreeMap<Written, Place>,
    readers: Vec<(Place, Written)>,
    /// The writes to a key in a lane, in order.
    writes: BTreeMap<(u32, usize), Vec<usize>>,
    init: u32,
}

/// Whether causes alone contradict what the lanes hold. False if that is not so, and where it cannot tell.
pub(super) fn contradict<M: Model>(lanes: &[Lane], values: &Values) -> bool {
    let Some(causes) = Causes::gather::<M>(lanes, values) else { return false };
    let is_from_nowhere = |written: &Written| written.1 != causes.init && !causes.writers.contains_key(written);
    causes.readers.iter().any(|(_, written)| is_from_nowhere(written))
        || causes.clocks(lanes).is_none_or(|clocks| causes.overwrite(&clocks))
}

impl Causes {
    /// `None`: it cannot tell.
    fn gather<M: Model>(lanes: &[Lane], values: &Values) -> Option<Self> {
        let mut states = Interner::<M::State>::default();
        let mut causes = Self { init: states.id(M::init()), ..Self::default() };
        for (lane, steps) in lanes.iter().enumerate() {
            for (at, &Step { key, call, output, must }) in steps.steps.iter().enumerate() {
                let Some(Assignment { test, becomes }) = M::assignment(&call, output, values) else {
                    if must { return None } else { continue }
                };
                if let (Test::Is(state), true) = (test, must) {
                    causes.readers.push(((lane, at), (key, states.id(state))));
                }
                let Some(state) = becomes.map(|state| states.id(state)) else { continue };
                if state == causes.init || causes.writers.insert((key, state), (lane, at)).is_some() {
                    return None;
                }
                causes.writes.entry((key, lane)).or_default().push(at);
            }
        }
        Some(causes)
    }

    /// For each step, how many steps of each lane are causes of it or itself; `None` if something caused itself.
    fn clocks(&self, lanes: &[Lane]) -> Option<Vec<Vec<Vec<u32>>>> {
        let sources: BTreeMap<Place, Place> =
            self.readers.iter().filter_map(|(reader, written)| Some((*reader, *self.writers.get(written)?))).collect();
        let mut clocks: Vec<Vec<Vec<u32>>> = vec![Vec::new(); lanes.len()];
        let mut open: BTreeSet<usize> = (0..lanes.len()).collect();
        // Lanes that wait for a step of another.
        let mut waiting: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
        while let Some(lane) = open.pop_first() {
            let at = clocks[lane].len();
            if at == lanes[lane].steps.len() {
                continue;
            }
            let before = if at == 0 {
                lanes[lane].after.and_then(|(lane, count)| Some((lane, count.checked_sub(1)? as usize)))
            } else {
                Some((lane, at - 1))
            };
            let causes = [before, sources.get(&(lane, at)).copied()];
            if let Some(missing) = causes.iter().flatten().find(|(lane, at)| clocks[*lane].len() <= *at) {
                waiting.entry(*missing).or_default().push(lane);
                continue;
            }
            let mut clock = vec![0; lanes.len()];
            for (from, at) in causes.into_iter().flatten() {
                clock.iter_mut().zip(&clocks[from][at]).for_each(|(one, other)| *one = (*one).max(*other));
            }
            clock[lane] = at as u32 + 1;
            clocks[lane].push(clock);
            open.insert(lane);
            open.extend(waiting.remove(&(lane, at)).unwrap_or_default());
        }
        lanes.iter().zip(&clocks).all(|(lane, clocks)| lane.steps.len() == clocks.len()).then_some(clocks)
    }

    /// Whether something was read that a cause of the reading had overwritten.
    fn overwrite(&self, clocks: &[Vec<Vec<u32>>]) -> bool {
        self.readers.iter().any(|&((reader, at), written)| {
            let source = self.writers.get(&written);
            // Of the writes in a lane that are causes, the last has all others as causes.
            let last = |lane: usize| {
                let known = clocks[reader][at][lane] as usize;
                let writes = self.writes.get(&(written.0, lane))?;
                let causes = &writes[..writes.partition_point(|write| *write < known)];
                causes.iter().rev().map(|write| (lane, *write)).find(|place| *place != (reader, at))
            };
            (0..clocks.len()).filter_map(last).any(|over| match source {
                None => true,
                Some(&(lane, write)) => over != (lane, write) && clocks[over.0][over.1][lane] as usize > write,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::RngSeed};

    use super::{
        super::{lanes, search},
        contradict,
    };
    use crate::{
        history::{Call, Completion, History, Value},
        model::{CAS, Model, READ, Register, WRITE},
        models::Counter,
        testing::parse_as,
    };

    #[track_caller]
    fn check_as<M: Model>(text: &str, contradicts: bool) {
        let history = parse_as(M::FUNCTIONS, text);
        let lanes = lanes(&history, history.events.len());
        assert_eq!(contradict::<M>(&lanes, &history.values), contradicts);
    }

    #[track_caller]
    fn check(text: &str, contradicts: bool) {
        check_as::<Register>(text, contradicts);
    }

    #[test]
    fn nobody_reads_from_nowhere() {
        check("p0 read\np0 ok 1", true);
        check("p0 write 1\np0 info\np1 read\np1 ok 1", false);
        check("p0 write 1\np0 fail\np1 read\np1 ok 1", true);
    }

    #[test]
    fn what_caused_the_reading_is_not_overwritten_before() {
        check("p0 write 1\np0 ok\np0 write 2\np0 ok\np1 read\np1 ok 2\np1 read\np1 ok 1", true);
        check("p0 write 1\np0 ok\np1 write 2\np1 ok\np1 read\np1 ok 1", false);
        check("p0 write 1\np0 ok\np0 read\np0 ok nil", true);
        check("p0 write 1\np0 ok\np1 read\np1 ok nil", false);
    }

    #[test]
    fn a_cause_can_be_on_another_key() {
        let posts = "p0 k1 write 1\np0 ok\np0 k2 write 2\np0 ok\np1 k2 read\np1 ok 2\np1 k1 read\np1 ok";
        check(&format!("{posts} nil"), true);
        check(&format!("{posts} 1"), false);
    }

    #[test]
    fn nothing_causes_itself() {
        let crossed = "p0 k1 read\np1 k2 read\np0 ok 1\np1 ok 2\np0 k2 write 2\np1 k1 write 1\np0 ok\np1 ok";
        check(crossed, true);
        check(&crossed.replace("p1 ok 2", "p1 ok nil"), false);
        check("p0 cas 1 1\np0 ok", true);
    }

    #[test]
    fn it_cannot_tell_where_values_are_written_twice_or_are_no_assignments() {
        check("p0 write 1\np0 ok\np1 write 1\np1 ok\np2 read\np2 ok 7", false);
        check_as::<Counter>("p0 add 1\np0 ok\np0 read\np0 ok 7", false);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 10_000,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]

        #[test]
        fn what_contradicts_causes_has_no_order(
            dice in proptest::collection::vec((0..3_u32, 0..3_u8, 0..6_u64, 1..3_u32, 0..8_u8), 0..12)
        ) {
            let mut history = History { functions: Register::FUNCTIONS, ..History::default() };
            for (at, (process, function, number, key, end)) in (1..).zip(dice) {
                let input = match function {
                    WRITE => Value::Int(at),
                    CAS => Value::Pair(at.saturating_sub(number), at),
                    _ => Value::Nil,
                };
                let op = history.invoke(process, Call { function, key, input }, 1, 0);
                let found = if function == READ && number > 0 { Value::Int(number) } else { Value::Nil };
                let ends = [Completion::Fail, Completion::Info];
                history.complete(op, ends.get(usize::from(end)).copied().unwrap_or(Completion::Ok(found)), 0);
            }
            let lanes = lanes(&history, history.events.len());
            let found = search::<Register>(&lanes, &history.values, 1 << 20);
            prop_assert!(!contradict::<Register>(&lanes, &history.values) || found == Some(false), "{:?}", history);
        }
    }
}
