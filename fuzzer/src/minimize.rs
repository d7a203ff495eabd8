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
    Again, Dice, Fact, Fault, FaultKind, Header, Lasts, Link, Name, Nodes, Schedule, Side, Step, When,
    field::{Distribution, EXACT, OfKind},
    schedule::STEPS_MAX,
    shrink,
};
use murphy_sim::{Chance, Outcome, What, resolve};

use crate::harness::Harness;

/// So many more steps than faults are worth naming each message that chance struck.
const EXPLICIT_MAX: usize = 6;

/// Kinds of steps that break nothing by themselves: triggers, draws, operations, and the ends and beginnings of other steps.
pub(crate) const HARMLESS: [FaultKind; 5] =
    [FaultKind::Note, FaultKind::Reseed, FaultKind::Invoke, FaultKind::Activate, FaultKind::Deactivate];

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
    let steps = schedule.steps.iter().filter(|step| !HARMLESS.contains(&step.fault.kind())).count();
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

    /// Names the messages that chance struck, instead of the rates and distributions, if few of them matter.
    fn leave_nothing_to_chance(&mut self, schedule: Schedule) -> Schedule {
        let candidates = explicit(&schedule, &self.harness.trace(&schedule));
        let Some(explicit) = candidates.into_iter().find(|explicit| *explicit != schedule && self.fails(explicit))
        else {
            return schedule;
        };
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
            let candidate = without_note(&schedule, at).or_else(|| without_activation(&schedule, at));
            match candidate.filter(|candidate| self.fails(candidate)) {
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
    if note.fault.kind() != FaultKind::Note || note.id == 0 || note.when == When::Called {
        return None;
    }
    let mut without = schedule.clone();
    without.steps.remove(at);
    for step in &mut without.steps {
        if let When::Step { step: id, delay, .. } = step.when
            && id == note.id
        {
            step.when = note.when.later(delay);
        }
    }
    let free = without.steps.iter().all(|step| step.references().all(|id| id != note.id));
    free.then_some(without)
}

/// `schedule` without the step at `at`, which activates another one that is never begun otherwise: that one begins by the
/// trigger of this. `None` if it does not, or something else refers to it.
fn without_activation(schedule: &Schedule, at: usize) -> Option<Schedule> {
    let Step { when, fault: Fault::Activate { step: id }, id: own, again, .. } = schedule.steps[at] else {
        return None;
    };
    let mut without = schedule.clone();
    without.steps.remove(at);
    let referred = |id: u8| without.steps.iter().any(|step| id != 0 && step.references().any(|other| other == id));
    let activated = |step: &&mut Step| step.id == id.0 && step.when == When::Called;
    if referred(own) || without.steps.iter().any(|step| step.fault == Fault::Activate { step: id }) {
        return None;
    }
    let step = without.steps.iter_mut().find(activated)?;
    (step.when, step.again) = (when, if again == Again::NEVER { step.again } else { again });
    Some(without)
}

/// `schedule` without rates below one and without drawn latencies, but with a step for each message that they struck in its
/// run `outcome`. If these are too many for a schedule, one with the last of them and one with the first.
fn explicit(schedule: &Schedule, outcome: &Outcome) -> Vec<Schedule> {
    let certain = |step: &Step| match step.fault {
        Fault::Loss { share, .. } | Fault::Duplicate { share, .. } => share.0 == EXACT,
        Fault::Delay { latency, .. } => matches!(latency.0, Distribution::Fixed(_)),
        _ => true,
    };
    let keep: Vec<bool> = schedule.steps.iter().map(certain).collect();
    let mut plain = shrink::keep_steps(schedule, &keep);
    (plain.header.loss, plain.header.duplication) = (0, 0);
    let struck = struck_by_chance(outcome);
    let room = STEPS_MAX.saturating_sub(plain.steps.len());
    let with = |steps: &[Step]| Schedule { header: plain.header, steps: [&plain.steps[..], steps].concat() };
    match struck.len().checked_sub(room) {
        None | Some(0) => vec![with(&struck)],
        Some(over) => vec![with(&struck[over..]), with(&struck[..room])],
    }
}

/// A step for each message that chance struck.
fn struck_by_chance(outcome: &Outcome) -> Vec<Step> {
    let mut sent: BTreeMap<(NodeId, NodeId, &str), u8> = BTreeMap::new();
    let mut steps = Vec::new();
    for event in &outcome.trace {
        let (Some(from), What::Send { to, kind, chance, .. }) = (event.node, &event.what) else { continue };
        let nth = sent.entry((from, *to, kind)).or_default();
        *nth = nth.saturating_add(1);
        let (link, kind_of) = (Link::ALL, OfKind(Name::ANY));
        let micros = |nanos: u64| u32::try_from(nanos / 1_000).unwrap_or(u32::MAX);
        let fault = match *chance {
            Chance::Nothing => continue,
            Chance::Lost => Fault::lose(link, kind_of),
            Chance::Late(later) => Fault::slow(link, kind_of, micros(later)),
            Chance::Copied(lag) => Fault::repeat(link, kind_of, micros(lag)),
        };
        let link = Link { from: Nodes::Node(from as u8), to: Nodes::Node(*to as u8) };
        let fact = Fact::Send(Name::of(kind), link);
        let when = When::Fact { fact, side: Side::Before, nth: *nth, from: None, delay: 0 };
        steps.push(Step { when, fault, lasts: Lasts::Healed, id: 0, again: Again::NEVER });
    }
    steps
}

/// `schedule` without the steps that changed nothing in its run `outcome`, and to which no other refers.
pub(crate) fn effective(schedule: &Schedule, outcome: &Outcome) -> Schedule {
    let idle = |step| outcome.steps.iter().any(|report| report.step == step && report.effects == 0);
    let keep: Vec<bool> = schedule.steps.iter().map(|step| !idle(*step)).collect();
    shrink::keep_steps(schedule, &keep)
}
