//! Whether a candidate still fails, asked once for each, and the ways to drop and simplify steps.

use std::collections::BTreeMap;

use murphy_checker::verdict::{Anomaly, Class};
use murphy_schedule::{Dice, Schedule, shrink};
use murphy_sim::resolve;

use super::{Progress, Stage, effective, faults, notes};
use crate::harness::Harness;

/// Under so many other seeds it is tried to do without a step.
pub(super) const OTHER_SEEDS: u32 = 64;

/// What a candidate's run gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It fails in the way that counts, after so many operations.
    Fails(usize),
    /// It does not.
    Other,
}

/// The search for a smaller schedule that fails in one way.
pub(super) struct Search<'a> {
    pub(super) harness: &'a mut Harness,
    pub(super) stage: Stage,
    pub(super) runs: u64,
    pub(super) slips: BTreeMap<(Class, String), Schedule>,
    pub(super) stopped: bool,
    wanted: (Class, String),
    budget: u64,
    watch: &'a mut dyn FnMut(Progress) -> bool,
    /// What was run already, by a hash of it.
    answers: BTreeMap<[u8; 32], Answer>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        harness: &'a mut Harness,
        anomaly: &Anomaly,
        budget: u64,
        watch: &'a mut dyn FnMut(Progress) -> bool,
    ) -> Self {
        let wanted = (anomaly.class, anomaly.name.to_string());
        let (slips, answers) = (BTreeMap::new(), BTreeMap::new());
        Self { harness, stage: Stage::Steps, runs: 0, slips, stopped: false, wanted, budget, watch, answers }
    }

    pub(super) fn exhausted(&self) -> bool {
        self.stopped || self.runs >= self.budget
    }

    /// Whether `candidate` still fails in the way that counts.
    pub(super) fn fails(&mut self, candidate: &Schedule) -> bool {
        self.operations(candidate).is_some()
    }

    /// How many operations the run of `candidate` has, if it still fails in the way that counts.
    pub(super) fn operations(&mut self, candidate: &Schedule) -> Option<usize> {
        let mark = self.mark(candidate);
        let answer = match self.answers.get(&mark) {
            Some(answer) => *answer,
            None => self.run(candidate),
        };
        self.answers.insert(mark, answer);
        let Answer::Fails(operations) = answer else { return None };
        let (stage, runs) = (self.stage, self.runs);
        self.stopped |= !(self.watch)(Progress { stage, faults: faults(candidate), operations, runs });
        Some(operations)
    }

    fn run(&mut self, candidate: &Schedule) -> Answer {
        self.runs += 1;
        let outcome = self.harness.run(candidate);
        let Some(anomaly) = outcome.verdict.anomaly() else { return Answer::Other };
        let found = (anomaly.class, anomaly.name.to_string());
        if found == self.wanted {
            return Answer::Fails(outcome.history.operations.len());
        }
        self.slips.entry(found).or_insert_with(|| candidate.clone());
        Answer::Other
    }

    /// The same for schedules that have the same run: steps have no order, and what is left open is filled in.
    fn mark(&self, candidate: &Schedule) -> [u8; 32] {
        let header = resolve(&candidate.header, self.harness.about());
        let mut steps = candidate.steps.clone();
        steps.sort_unstable();
        *blake3::hash(&Schedule { header, steps }.to_bytes()).as_bytes()
    }

    /// The first of `candidate` under as many other seeds that fails.
    pub(super) fn under_other_seeds(&mut self, mut candidate: Schedule) -> Option<Schedule> {
        let mut seeds = Dice::new(candidate.header.seed);
        let found = (0..OTHER_SEEDS).any(|_| {
            candidate.header.seed = seeds.word();
            !self.exhausted() && self.fails(&candidate)
        });
        found.then_some(candidate)
    }

    pub(super) fn drop_ineffective(&mut self, schedule: Schedule) -> Schedule {
        let candidate = effective(&schedule, self.harness.run(&schedule));
        if candidate != schedule && self.fails(&candidate) { candidate } else { schedule }
    }

    /// Drops steps and simplifies until nothing helps, not even other draws.
    pub(super) fn shrink(&mut self, mut best: Schedule) -> Schedule {
        loop {
            let before = best.clone();
            best = self.drop_steps(best);
            best = self.simplify(best);
            best = self.drop_notes(best);
            if best == before || self.exhausted() {
                match self.drop_a_step_under_other_seeds(&best) {
                    Some(fewer) => best = fewer,
                    None => return best,
                }
            }
        }
    }

    /// A step may be needed only because of how the dice fell: tries to do without it under other seeds.
    fn drop_a_step_under_other_seeds(&mut self, schedule: &Schedule) -> Option<Schedule> {
        (0..schedule.steps.len()).find_map(|at| {
            let candidate = without(schedule, at..at + 1);
            let fewer = candidate.steps.len() < schedule.steps.len();
            if fewer { self.under_other_seeds(candidate) } else { None }
        })
    }

    /// Writes the numbers of nodes as the ones that exist.
    pub(super) fn name_real_nodes(&mut self, schedule: Schedule) -> Schedule {
        let nodes = resolve(&schedule.header, self.harness.about()).nodes;
        let named = schedule.with_node_numbers_below(nodes);
        if named != schedule && self.fails(&named) { named } else { schedule }
    }

    /// Delta debugging over steps: groups of half of them, of a quarter, and so on down to single ones.
    fn drop_steps(&mut self, mut schedule: Schedule) -> Schedule {
        let mut group = schedule.steps.len().div_ceil(2);
        while group > 0 && !self.exhausted() {
            let mut start = 0;
            while start < schedule.steps.len() {
                let candidate = without(&schedule, start..start + group);
                if candidate != schedule && self.fails(&candidate) {
                    // Where notes stay behind, the next group starts after them.
                    start += candidate.steps.len() + group - schedule.steps.len().min(candidate.steps.len() + group);
                    schedule = candidate;
                } else {
                    start += group;
                }
            }
            group /= 2;
        }
        schedule
    }

    /// Takes simpler versions that still fail, round and round, until none of a whole round does. After one was taken the
    /// round goes on where it was: what did not help before will hardly help now.
    fn simplify(&mut self, mut schedule: Schedule) -> Schedule {
        let vocabulary = self.harness.vocabulary().clone();
        let mut candidates = shrink::simpler(&schedule, &vocabulary);
        let (mut at, mut in_vain) = (0, 0);
        while in_vain < candidates.len() && !self.exhausted() {
            at %= candidates.len();
            if self.fails(&candidates[at]) {
                schedule = candidates.swap_remove(at);
                candidates = shrink::simpler(&schedule, &vocabulary);
                in_vain = 0;
            } else {
                (at, in_vain) = (at + 1, in_vain + 1);
            }
        }
        schedule
    }

    /// Has steps wait for what a note waits for, instead of for the note, which then goes.
    fn drop_notes(&mut self, mut schedule: Schedule) -> Schedule {
        let mut at = 0;
        while at < schedule.steps.len() && !self.exhausted() {
            let candidate = notes::without_note(&schedule, at).or_else(|| notes::without_activation(&schedule, at));
            match candidate.filter(|candidate| self.fails(candidate)) {
                Some(candidate) => (schedule, at) = (candidate, 0),
                None => at += 1,
            }
        }
        schedule
    }
}

/// `schedule` without the steps at these places; what others wait for stays as a note.
pub(super) fn without(schedule: &Schedule, places: std::ops::Range<usize>) -> Schedule {
    let keep: Vec<bool> = (0..schedule.steps.len()).map(|at| !places.contains(&at)).collect();
    shrink::keep_steps(schedule, &keep)
}

#[cfg(test)]
mod tests {
    use murphy_schedule::Header;
    use murphy_sim::echo::Echo;

    use super::*;

    #[test]
    fn what_has_the_same_run_is_run_once() {
        let text = |lines: &str| {
            let text = format!("murphy 1\ntarget echo+early-ack\nseed 0x1\n{lines}");
            murphy_schedule::Document::parse(&text).expect("a schedule").schedule
        };
        let mut harness = Harness::with_bugs(&murphy_sim::Shared::new(Echo), ["early-ack".to_string()].into())
            .expect("there is such a target");
        let schedule = text("keys 1, ops 0\n\nat 10ms invoke write k1 1\nbefore n1 sync #1 crash n1\n");
        let anomaly = harness.run(&schedule).verdict.anomaly().expect("it fails").clone();
        let mut watch = |_| true;
        let mut search = Search::new(&mut harness, &anomaly, 100, &mut watch);
        assert!(search.fails(&schedule));
        let filled_in =
            text("nodes 1, clients 4, keys 1, ops 0\n\nbefore n1 sync #1 crash n1\nat 10ms invoke write k1 1\n");
        let nodes = search.harness.about().nodes.clone();
        let filled_in = Schedule { header: Header { nodes: *nodes.start() as u8, ..filled_in.header }, ..filled_in };
        assert!(search.fails(&filled_in) && search.fails(&schedule));
        assert_eq!(search.runs, 1);
        assert!(!search.fails(&without(&schedule, 1..2)));
        assert_eq!(search.runs, 2);
    }
}
