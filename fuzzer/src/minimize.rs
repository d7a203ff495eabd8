//! Making a failing schedule as small as it gets, while it fails in the same way.
//!
//! Steps that had no effect go first, in one stroke; then steps in ever smaller groups (delta debugging, Zeller and
//! Hildebrandt, 2002), then everything else becomes simpler one change at a time, until nothing helps. It ends with a proof:
//! without any one step, the run is clean. A candidate counts only if its anomaly has the same class and name; other
//! anomalies met on the way are handed back, as findings of their own.

use std::collections::BTreeMap;

use murphy_checker::{
    history::NodeId,
    verdict::{Anomaly, Class},
};
use murphy_schedule::{
    Dice, Fact, Fault, FaultKind, Header, Lasts, Link, Name, Nodes, Schedule, Side, Step, When,
    field::{Extra, OfKind, Percent},
    schedule::STEPS_MAX,
    shrink,
};
use murphy_sim::{Chance, Outcome, What, resolve};

use crate::harness::Harness;

/// So many more steps than faults are worth naming each message that chance struck.
const EXPLICIT_MAX: usize = 3;

/// Under so many other seeds it is tried to do without a step.
const OTHER_SEEDS: u32 = 64;

/// What minimizing gave.
#[derive(Clone, Debug)]
pub struct Minimized {
    /// The smallest schedule found, with nothing left to defaults.
    pub schedule: Schedule,
    /// Whether every single step is needed: without any one of them the run does not fail in this way.
    pub one_minimal: bool,
    /// How many runs it took.
    pub runs: u64,
    /// Schedules that failed in another way, the first of each.
    pub slips: Vec<Schedule>,
}

/// How far minimizing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Faults left.
    pub faults: usize,
    /// Operations of the run.
    pub operations: usize,
    /// Runs so far.
    pub runs: u64,
}

/// How many faults a schedule has: its steps, but for those that only carry triggers, draws or operations, and its ambient
/// rates.
pub fn faults(schedule: &Schedule) -> usize {
    let harmless = [FaultKind::Note, FaultKind::Reseed, FaultKind::Invoke];
    let steps = schedule.steps.iter().filter(|step| !harmless.contains(&step.fault.kind())).count();
    let Header { loss, duplication, jitter, .. } = schedule.header;
    steps + [loss, duplication, jitter].into_iter().filter(|rate| *rate > 0).count()
}

/// Minimizes `schedule`, which must fail with an anomaly of this class and name, in at most about `budget` runs. `watch` hears
/// of progress, and says whether to go on; what was reached until then is the answer.
pub fn minimize(
    harness: &mut Harness,
    schedule: &Schedule,
    anomaly: &Anomaly,
    budget: u64,
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Minimized {
    let wanted = (anomaly.class, anomaly.name.to_string());
    let mut search = Search { harness, wanted, budget, runs: 0, slips: BTreeMap::new(), watch, stopped: false };
    let mut best = schedule.clone();
    best.header = resolve(&best.header, search.harness.about());
    best = search.drop_ineffective(best);
    best = search.shrink(best);
    best = search.leave_nothing_to_chance(best);
    best = search.name_real_nodes(best);
    best.header = resolve(&best.header, search.harness.about());
    let one_minimal = !search.stopped && search.is_one_minimal(&best);
    Minimized { schedule: best, one_minimal, runs: search.runs, slips: search.slips.into_values().collect() }
}

struct Search<'a> {
    harness: &'a mut Harness,
    wanted: (Class, String),
    budget: u64,
    runs: u64,
    slips: BTreeMap<(Class, String), Schedule>,
    watch: &'a mut dyn FnMut(Progress) -> bool,
    stopped: bool,
}

impl Search<'_> {
    fn exhausted(&self) -> bool {
        self.stopped || self.runs >= self.budget
    }

    /// Whether `candidate` still fails in the way that counts.
    fn fails(&mut self, candidate: &Schedule) -> bool {
        self.runs += 1;
        let outcome = self.harness.run(candidate);
        let Some(anomaly) = outcome.verdict.anomaly() else { return false };
        if (anomaly.class, &*anomaly.name) == (self.wanted.0, self.wanted.1.as_str()) {
            let operations = outcome.history.operations.len();
            self.stopped |= !(self.watch)(Progress { faults: faults(candidate), operations, runs: self.runs });
            return true;
        }
        let slip = (anomaly.class, anomaly.name.to_string());
        self.slips.entry(slip).or_insert_with(|| candidate.clone());
        false
    }

    fn drop_ineffective(&mut self, schedule: Schedule) -> Schedule {
        let candidate = effective(&schedule, self.harness.run(&schedule));
        if candidate != schedule && self.fails(&candidate) { candidate } else { schedule }
    }

    /// Drops steps and simplifies until nothing helps, not even other draws.
    fn shrink(&mut self, mut best: Schedule) -> Schedule {
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
        (0..schedule.steps.len()).find_map(|without| {
            let keep: Vec<bool> = (0..schedule.steps.len()).map(|at| at != without).collect();
            let mut candidate = shrink::keep_steps(schedule, &keep);
            let fewer = candidate.steps.len() < schedule.steps.len();
            let mut seeds = Dice::new(schedule.header.seed);
            (0..OTHER_SEEDS)
                .any(|_| {
                    candidate.header.seed = seeds.word();
                    fewer && !self.exhausted() && self.fails(&candidate)
                })
                .then_some(candidate)
        })
    }

    /// Names the messages that rates of loss and repetition struck, instead of the rates, if few of them matter.
    fn leave_nothing_to_chance(&mut self, schedule: Schedule) -> Schedule {
        let explicit = explicit(&schedule, &self.harness.trace(&schedule));
        if explicit == schedule || explicit.steps.len() > STEPS_MAX || !self.fails(&explicit) {
            return schedule;
        }
        let explicit = self.shrink(explicit);
        if explicit.steps.len() <= faults(&schedule) + EXPLICIT_MAX { explicit } else { schedule }
    }

    /// Writes the numbers of nodes as the ones that exist.
    fn name_real_nodes(&mut self, schedule: Schedule) -> Schedule {
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
                let keep: Vec<bool> =
                    (0..schedule.steps.len()).map(|at| !(start..start + group).contains(&at)).collect();
                let candidate = shrink::keep_steps(&schedule, &keep);
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

    /// Takes the first simpler version that still fails, as long as there is one.
    fn simplify(&mut self, mut schedule: Schedule) -> Schedule {
        'again: while !self.exhausted() {
            for candidate in shrink::simpler(&schedule, &self.harness.vocabulary().clone()) {
                if self.exhausted() {
                    break 'again;
                }
                if self.fails(&candidate) {
                    schedule = candidate;
                    continue 'again;
                }
            }
            break;
        }
        schedule
    }

    /// Has steps wait for what a note waits for, instead of for the note, which then goes.
    fn drop_notes(&mut self, mut schedule: Schedule) -> Schedule {
        let mut at = 0;
        while at < schedule.steps.len() && !self.exhausted() {
            match without_note(&schedule, at).filter(|candidate| self.fails(candidate)) {
                Some(candidate) => (schedule, at) = (candidate, 0),
                None => at += 1,
            }
        }
        schedule
    }

    fn is_one_minimal(&mut self, schedule: &Schedule) -> bool {
        (0..schedule.steps.len()).all(|without| {
            let keep: Vec<bool> = (0..schedule.steps.len()).map(|at| at != without).collect();
            let candidate = shrink::keep_steps(schedule, &keep);
            candidate == *schedule || !self.fails(&candidate)
        })
    }
}

/// `schedule` without the note at `at`: steps that begin with it begin by its trigger. `None` if it is no note, or something
/// else refers to it.
fn without_note(schedule: &Schedule, at: usize) -> Option<Schedule> {
    let note = schedule.steps[at];
    if note.fault.kind() != FaultKind::Note || note.id == 0 {
        return None;
    }
    let mut without = schedule.clone();
    without.steps.remove(at);
    for step in &mut without.steps {
        if let When::Step { step: id, delay, .. } = step.when
            && id == note.id
        {
            step.when = later(note.when, delay);
        }
    }
    let free = without.steps.iter().all(|step| step.references().all(|id| id != note.id));
    free.then_some(without)
}

/// The same trigger, so many microseconds later.
fn later(when: When, by: u32) -> When {
    match when {
        When::At(delay) => When::At(delay.saturating_add(by)),
        When::Step { step, edge, delay } => When::Step { step, edge, delay: delay.saturating_add(by) },
        When::Fact { fact, side, nth, from, delay } => {
            When::Fact { fact, side, nth, from, delay: delay.saturating_add(by) }
        }
    }
}

/// `schedule` without rates below one, but with a step for each message that they struck in its run `outcome`.
fn explicit(schedule: &Schedule, outcome: &Outcome) -> Schedule {
    let certain = |step: &Step| match step.fault {
        Fault::Loss { share, .. } | Fault::Duplicate { share, .. } => share.0 == 10_000,
        _ => true,
    };
    let keep: Vec<bool> = schedule.steps.iter().map(certain).collect();
    let mut explicit = shrink::keep_steps(schedule, &keep);
    (explicit.header.loss, explicit.header.duplication) = (0, 0);
    let mut sent: BTreeMap<(NodeId, NodeId, &str), u8> = BTreeMap::new();
    for event in &outcome.trace {
        let (Some(from), What::Send { to, kind, chance, .. }) = (event.node, &event.what) else { continue };
        let nth = sent.entry((from, *to, kind)).or_default();
        *nth = nth.saturating_add(1);
        let (link, kind_of) = (Link::ALL, OfKind(Name::ANY));
        let tenths = |nanos: u64| Extra(u16::try_from(nanos / 100_000).unwrap_or(u16::MAX));
        let fault = match *chance {
            Chance::Nothing => continue,
            Chance::Lost => Fault::Loss { link, kind: kind_of, share: Percent(10_000) },
            Chance::Late(later) => Fault::Delay { link, kind: kind_of, extra: tenths(later) },
            Chance::Copied(lag) => Fault::Duplicate { link, kind: kind_of, share: Percent(10_000), extra: tenths(lag) },
        };
        let link = Link { from: Nodes::Node(from as u8), to: Nodes::Node(*to as u8) };
        let fact = Fact::Send(Name::of(kind), link);
        let when = When::Fact { fact, side: Side::Before, nth: *nth, from: None, delay: 0 };
        explicit.steps.push(Step { when, fault, lasts: Lasts::Healed, id: 0 });
    }
    explicit
}

/// `schedule` without the steps that changed nothing in its run `outcome`, and to which no other refers.
fn effective(schedule: &Schedule, outcome: &Outcome) -> Schedule {
    let idle = |step| outcome.steps.iter().any(|report| report.step == step && report.effects == 0);
    let keep: Vec<bool> = schedule.steps.iter().map(|step| !idle(*step)).collect();
    shrink::keep_steps(schedule, &keep)
}
