//! What no order can explain because causes come before effects, found without a search.
//!
//! An operation is a cause of those after it in its process, and a write of those that read its value. Vector clocks (Fidge;
//! Mattern, 1988) say who caused whom. If something caused itself, or if what was read had been overwritten by a cause of the
//! reading, no order explains the history. (`CyclicCO`, `ThinAirRead`, `WriteCOInitRead` and `WriteCORead` of Bouajjani, Enea,
//! Guerraoui & Hamza, 2017, "On verifying causal consistency".)
//!
//! It goes by the reads of which it is known whose write they saw: not by those of a value that was written twice, nor of an object
//! that was changed by more than an assignment. It takes time O(n · lanes · log n), and memory O(n · lanes).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Lane, Step};
use crate::{
    history::Values,
    interner::Interner,
    model::{Assignment, Effect, Model, Test},
};

/// The place of a step: its lane, and how many come before it there.
pub(crate) type Place = (usize, usize);

/// A key and a state, by number.
type Written = (u32, u32);

/// For each step of each lane, how many steps of each lane are causes of it or itself.
type Clocks = Vec<Vec<Vec<u32>>>;

#[derive(Default)]
pub(crate) struct Causes {
    writers: BTreeMap<Written, Place>,
    readers: Vec<(Place, Written)>,
    /// The writes to a key in a lane, in order.
    writes: BTreeMap<(u32, usize), Vec<usize>>,
    init: u32,
    /// Something else was observed, too, of which it is not known whose effect it was.
    pub(crate) is_partial: bool,
}

/// What contradicts that causes come before effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contradiction {
    /// A value was read that nothing wrote.
    FromNowhere(Place),
    /// This is a cause of itself.
    Cycle(Place),
    /// What was read had been overwritten by a cause of the reading.
    Overwritten {
        reader: Place,
        /// Who wrote what was read; `None`: it was there from the start.
        source: Option<Place>,
        over: Place,
    },
}

/// Whether causes alone contradict what the lanes hold. False if that is not so, and where it cannot tell.
pub(super) fn contradict<M: Model>(lanes: &[Lane], values: &Values) -> bool {
    Causes::gather::<M>(lanes, values).contradiction(lanes).is_some()
}

/// What is gathered step by step, before it is known which reads tell.
#[derive(Default)]
struct Gathering {
    /// Keys changed by more than assignments.
    opaque: BTreeSet<u32>,
    /// What was written twice, or was there from the start and written again.
    twice: BTreeSet<Written>,
    /// What a step has found if it took effect, and what it then left.
    maybe: Vec<(Place, Written, Written)>,
}

impl Causes {
    pub(crate) fn gather<M: Model>(lanes: &[Lane], values: &Values) -> Self {
        let mut states = Interner::<M::State>::default();
        let mut causes = Self { init: states.id(M::init()), ..Self::default() };
        let mut gathering = Gathering::default();
        for (lane, steps) in lanes.iter().enumerate() {
            for (at, &Step { key, call, output, must, .. }) in steps.steps.iter().enumerate() {
                match M::assignment(&call, output, values) {
                    Some(Assignment { test, becomes }) => {
                        causes.is_partial |= must && matches!(test, Test::IsNot(_));
                        let found = if let Test::Is(state) = test { Some((key, states.id(state))) } else { None };
                        let left = becomes.map(|state| (key, states.id(state)));
                        causes.add(&mut gathering, (lane, at), must, found, left);
                    }
                    None if !must && M::effect(&call, output) == Effect::Observation => {}
                    None => _ = gathering.opaque.insert(key),
                }
            }
        }
        causes.settle(gathering);
        causes
    }

    fn add(&mut self, all: &mut Gathering, place: Place, must: bool, found: Option<Written>, left: Option<Written>) {
        match (found, left) {
            (Some(found), _) if must => self.readers.push((place, found)),
            (Some(found), Some(left)) => all.maybe.push((place, found, left)),
            _ => {}
        }
        let Some(written) = left else { return };
        if written.1 == self.init || self.writers.insert(written, place).is_some() {
            all.twice.insert(written);
        }
        self.writes.entry((written.0, place.0)).or_default().push(place.1);
    }

    /// Takes in what has taken effect since others saw it, and leaves out the reads that do not tell whose write they saw.
    fn settle(&mut self, Gathering { opaque, twice, mut maybe }: Gathering) {
        let mut seen: BTreeSet<Written> = self.readers.iter().map(|(_, written)| *written).collect();
        while let Some(at) = maybe.iter().position(|(_, _, left)| seen.contains(left)) {
            let (place, found, _) = maybe.swap_remove(at);
            self.readers.push((place, found));
            seen.insert(found);
        }
        let count = self.readers.len();
        self.readers.retain(|(_, written)| !opaque.contains(&written.0) && !twice.contains(written));
        self.is_partial |= self.readers.len() < count || !opaque.is_empty();
    }

    /// The first contradiction that is found.
    pub(crate) fn contradiction(&self, lanes: &[Lane]) -> Option<Contradiction> {
        let is_from_nowhere = |written: &Written| written.1 != self.init && !self.writers.contains_key(written);
        let from_nowhere = self.readers.iter().find(|(_, written)| is_from_nowhere(written));
        if let Some((reader, _)) = from_nowhere {
            return Some(Contradiction::FromNowhere(*reader));
        }
        match self.clocks(lanes) {
            Ok(clocks) => self.overwritten(&clocks),
            Err(place) => Some(Contradiction::Cycle(place)),
        }
    }

    /// Whose write each reader saw.
    fn sources(&self) -> BTreeMap<Place, Place> {
        self.readers.iter().filter_map(|(reader, written)| Some((*reader, *self.writers.get(written)?))).collect()
    }

    /// The clocks of all steps, or a step that caused itself.
    fn clocks(&self, lanes: &[Lane]) -> Result<Clocks, Place> {
        let sources = self.sources();
        let mut clocks: Clocks = vec![Vec::new(); lanes.len()];
        let mut open: BTreeSet<usize> = (0..lanes.len()).collect();
        // Lanes that wait for a step of another.
        let mut waiting: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
        while let Some(lane) = open.pop_first() {
            let at = clocks[lane].len();
            if at == lanes[lane].steps.len() {
                continue;
            }
            let causes = [before(lanes, (lane, at)), sources.get(&(lane, at)).copied()];
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
        let stuck = |lane: &usize| clocks[*lane].len() < lanes[*lane].steps.len();
        let Some(mut lane) = (0..lanes.len()).find(stuck) else { return Ok(clocks) };
        // Each lane waits for one that waits: after as many steps as there are lanes, for itself.
        let waits_for: BTreeMap<usize, usize> =
            waiting.iter().flat_map(|(missing, lanes)| lanes.iter().map(|lane| (*lane, missing.0))).collect();
        for _ in 0..lanes.len() {
            lane = waits_for[&lane];
        }
        Err((lane, clocks[lane].len()))
    }

    /// What was read though a cause of the reading had overwritten it.
    fn overwritten(&self, clocks: &Clocks) -> Option<Contradiction> {
        self.readers.iter().find_map(|&(place, written)| {
            let (reader, at) = place;
            let source = self.writers.get(&written).copied();
            // Of the writes in a lane that are causes, the last has all others as causes.
            let last = |lane: usize| {
                let known = clocks[reader][at][lane] as usize;
                let writes = self.writes.get(&(written.0, lane))?;
                let causes = &writes[..writes.partition_point(|write| *write < known)];
                causes.iter().rev().map(|write| (lane, *write)).find(|other| *other != place)
            };
            let overwrites = |over: &Place| match source {
                None => true,
                Some((lane, write)) => *over != (lane, write) && clocks[over.0][over.1][lane] as usize > write,
            };
            let over = (0..clocks.len()).filter_map(last).find(overwrites)?;
            Some(Contradiction::Overwritten { reader: place, source, over })
        })
    }

    /// How one step is a cause of another, or of itself: both, and between them where the chain goes from one process to another,
    /// which it does as seldom as possible.
    pub(crate) fn chain(&self, lanes: &[Lane], from: Place, to: Place) -> Vec<Place> {
        let sources = self.sources();
        let mut next_of: BTreeMap<Place, Place> = BTreeMap::new();
        let mut open = VecDeque::from([to]);
        while let Some(place) = open.pop_front() {
            let causes = [(before(lanes, place), false), (sources.get(&place).copied(), true)];
            for (cause, is_read) in causes.into_iter().filter_map(|(cause, is_read)| Some((cause?, is_read))) {
                if next_of.contains_key(&cause) {
                    continue;
                }
                next_of.insert(cause, place);
                if is_read { open.push_back(cause) } else { open.push_front(cause) }
            }
            if next_of.contains_key(&from) {
                break;
            }
        }
        let mut chain = vec![from];
        let mut at = from;
        while let Some(next) = next_of.get(&at).copied() {
            chain.push(next);
            at = next;
            if at == to {
                break;
            }
        }
        let is_read = |one: Place, next: Place| sources.get(&next) == Some(&one);
        let turns = |links: &[Place]| is_read(links[0], links[1]) || is_read(links[1], links[2]);
        let kept: Vec<Place> = chain.windows(3).filter(|links| turns(links)).map(|links| links[1]).collect();
        [&chain[..1], &kept, &chain[chain.len() - 1..]].concat()
    }

    /// Whether one step read what another wrote.
    pub(crate) fn has_read(&self, reader: Place, writer: Place) -> bool {
        self.sources().get(&reader) == Some(&writer)
    }
}

/// The step before one in its process.
fn before(lanes: &[Lane], (lane, at): Place) -> Option<Place> {
    match at {
        0 => lanes[lane].after.and_then(|(lane, count)| Some((lane, count.checked_sub(1)? as usize))),
        _ => Some((lane, at - 1)),
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
        models::{Counter, KeyValue},
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
    fn it_goes_by_what_tells_whose_write_was_seen() {
        let twice = "p0 write 1\np0 ok\np1 write 1\np1 ok\np1 write 2\np1 ok\np1 read\np1 ok 1";
        check(twice, false);
        check(&format!("{twice}\np2 read\np2 ok 7"), true);
        check("p0 write 1\np0 info\np0 cas 1 1\np0 info\np1 read\np1 ok 1", false);
        check_as::<Counter>("p0 add 1\np0 ok\np0 read\np0 ok 7", false);
    }

    #[test]
    fn what_may_have_been_added_is_not_from_nowhere() {
        check_as::<KeyValue>("p0 append 1\np0 info\np1 get\np1 ok [1]", false);
        check_as::<KeyValue>("p0 put 1\np0 info\np1 get\np1 ok [1]", false);
        check_as::<KeyValue>("p0 put 1\np0 fail\np1 get\np1 ok [1]", true);
    }

    #[test]
    fn what_others_saw_has_taken_effect_and_found_what_it_says() {
        let text = "p0 write 1\np0 ok\np0 write 2\np0 ok\np1 read\np1 ok 2\np1 cas 1 3\np1 info";
        check(text, false);
        check(&format!("{text}\np2 read\np2 ok 3"), true);
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
