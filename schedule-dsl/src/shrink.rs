//! What a minimizer can try: fewer steps, and simpler versions of one thing at a time.
//!
//! [`simpler`] lists candidates; whether one still fails, and in which way, is for the minimizer to find out. It always ends,
//! because every candidate has a lesser [`measure`] than the schedule it comes from, and there is no infinite descent among
//! pairs of natural numbers. Steps are dropped with [`keep_steps`] alone, so that the minimizer decides which to try
//! together. Numbers are not replaced by roles nor times by facts here: that takes knowledge of a run.

use crate::{
    fault::Fault,
    header::PHASE_UNIT,
    schedule::{Edge, Fact, Header, Lasts, Schedule, Step, StepId, When},
    select::Link,
    vocabulary::Vocabulary,
};

/// Weight of a qualitative difference, above every [`number_size`].
const QUALITY: u64 = 1 << 42;
/// Numbers of operations that are tried where a schedule leaves it to the target.
const FEW_OPS: [u16; 5] = [0, 4, 16, 64, 256];

/// `schedule` with only the steps at which `keep` is true.
///
/// Where a kept step refers to one that is dropped, a [`Fault::Note`] with the same trigger stays in its place, and likewise
/// for what that trigger refers to. Steps beyond the end of `keep` are dropped.
pub fn keep_steps(schedule: &Schedule, keep: &[bool]) -> Schedule {
    let mut keep = keep.to_vec();
    keep.resize(schedule.steps.len(), false);
    let mut fates: Vec<Option<Step>> =
        schedule.steps.iter().zip(&keep).map(|(step, keep)| keep.then_some(*step)).collect();
    let mut needed: Vec<StepId> = fates.iter().flatten().flat_map(Step::references).collect();
    while let Some(id) = needed.pop() {
        let Some(at) = owner(&schedule.steps, id).filter(|at| fates[*at].is_none()) else { continue };
        let note = Step { fault: Fault::Note {}, lasts: Lasts::Healed, ..schedule.steps[at] };
        needed.extend(note.references());
        fates[at] = Some(note);
    }
    Schedule { header: schedule.header, steps: fates.into_iter().flatten().collect() }
}

/// Simpler versions of `schedule`, each with one change, the boldest first, each of a lesser [`measure`].
pub fn simpler(schedule: &Schedule, vocabulary: &Vocabulary) -> Vec<Schedule> {
    let headers = simpler_headers(&schedule.header, vocabulary);
    let headers = headers.into_iter().map(|header| Schedule { header, steps: schedule.steps.clone() });
    let steps = (0..schedule.steps.len()).flat_map(|at| {
        let replaced = move |step| with_step(schedule, at, step);
        simpler_steps(&schedule.steps[at]).into_iter().map(replaced)
    });
    let before = measure(schedule, vocabulary);
    let candidates = headers.chain(steps).chain(without_idle_ids(schedule)).chain([sorted(schedule)]);
    candidates.filter(|candidate| measure(candidate, vocabulary) < before).collect()
}

/// How far `schedule` is from the simplest one: the sizes of all its parts, then the pairs of steps out of order.
pub fn measure(schedule: &Schedule, vocabulary: &Vocabulary) -> (u64, usize) {
    let steps: u64 = schedule.steps.iter().map(step_size).sum();
    let later = |at: usize| schedule.steps[at + 1..].iter();
    let inversions = schedule.steps.iter().enumerate().map(|(at, step)| later(at).filter(|next| *next < step).count());
    (header_size(&schedule.header, vocabulary) + steps, inversions.sum())
}

/// The size of a number: first its significant digits, then its value.
pub(crate) fn number_size(value: u64) -> u64 {
    let mut rest = value;
    while rest != 0 && rest.is_multiple_of(10) {
        rest /= 10;
    }
    let digits = rest.checked_ilog10().map_or(0, |log| u64::from(log) + 1);
    (digits << 36) + value
}

/// Numbers from 1 to `most` of a lesser [`number_size`]: about half, rounded to one digit or two, and the next one below.
/// Rounding up may give a larger number with fewer digits.
pub(crate) fn smaller(value: u64, most: u64) -> Vec<u64> {
    let (down, unit) = rounded(value, 1);
    let (finer, step) = rounded(value, 2);
    let candidates =
        [rounded(value / 2, 1).0, down, down + unit, finer, finer + step, rounded(value.saturating_sub(1), 1).0];
    let mut kept = Vec::new();
    for candidate in candidates {
        let lesser = number_size(candidate) < number_size(value);
        if lesser && (1..=most).contains(&candidate) && !kept.contains(&candidate) {
            kept.push(candidate);
        }
    }
    kept
}

/// Zero, then what [`smaller`] gives.
pub(crate) fn smaller_or_zero(value: u64, most: u64) -> Vec<u64> {
    let zero = (value > 0).then_some(0);
    zero.into_iter().chain(smaller(value, most)).collect()
}

/// `value` rounded down to so many significant digits, and the unit of the last of them.
fn rounded(value: u64, digits: u32) -> (u64, u64) {
    let unit = 10u64.pow((value.max(1).ilog10() + 1).saturating_sub(digits));
    (value / unit * unit, unit)
}

fn smaller_u32(value: u32) -> impl Iterator<Item = u32> {
    smaller(value.into(), u32::MAX.into()).into_iter().map(|value| value as u32)
}

/// The step that owns `id`: the least in order, the first of equals.
fn owner(steps: &[Step], id: StepId) -> Option<usize> {
    let claimants = (0..steps.len()).filter(|at| steps[*at].id == id);
    claimants.min_by_key(|at| steps[*at])
}

fn with_step(schedule: &Schedule, at: usize, step: Step) -> Schedule {
    let mut candidate = schedule.clone();
    candidate.steps[at] = step;
    candidate
}

fn sorted(schedule: &Schedule) -> Schedule {
    let mut candidate = schedule.clone();
    candidate.steps.sort();
    candidate
}

fn without_idle_ids(schedule: &Schedule) -> Option<Schedule> {
    let mut candidate = schedule.clone();
    let used: Vec<StepId> = schedule.steps.iter().flat_map(Step::references).collect();
    let idle = candidate.steps.iter_mut().filter(|step| step.id != 0 && !used.contains(&step.id));
    let cleared = idle.map(|step| step.id = 0).count();
    (cleared > 0).then_some(candidate)
}

fn simpler_headers(header: &Header, vocabulary: &Vocabulary) -> Vec<Header> {
    let mut headers = vec![
        Header { jitter: 0, loss: 0, duplication: 0, ..*header },
        Header { jitter: 0, ..*header },
        Header { loss: 0, ..*header },
        Header { duplication: 0, ..*header },
        Header { rate: 0, ..*header },
        Header { mix: [0; 8], ..*header },
    ];
    headers.extend(fewer_ops(header.ops).into_iter().map(|ops| Header { ops: Some(ops), ..*header }));
    headers.extend(fewer(header.clients, 1).into_iter().map(|clients| Header { clients, ..*header }));
    headers.extend(fewer(header.keys, 1).into_iter().map(|keys| Header { keys, ..*header }));
    let least = vocabulary.nodes.0.max(1);
    headers.extend(fewer(header.nodes, least).into_iter().map(|nodes| Header { nodes, ..*header }));
    headers.extend(shorter_chaos(header, vocabulary).into_iter().map(|chaos| Header { chaos, ..*header }));
    headers.extend(shorter_phase(header.heal).map(|heal| Header { heal, ..*header }));
    headers.extend(shorter_phase(header.settle).map(|settle| Header { settle, ..*header }));
    headers
}

fn fewer_ops(ops: Option<u16>) -> Vec<u16> {
    match ops {
        None => FEW_OPS.to_vec(),
        Some(0) => vec![],
        Some(n) => vec![0, n / 2, n - n.div_ceil(4), n - 1],
    }
}

/// Fewer than `count`, where 0 is the target's own number.
fn fewer(count: u8, least: u8) -> Vec<u8> {
    let candidates = if count == 0 { [least, least + 1, least + 2] } else { [least, count / 2, count - 1] };
    candidates.into_iter().filter(|candidate| *candidate >= least).collect()
}

fn shorter_chaos(header: &Header, vocabulary: &Vocabulary) -> Vec<u16> {
    smaller(chaos(header, vocabulary), u16::MAX.into()).into_iter().map(|units| units as u16).collect()
}

fn shorter_phase(units: u16) -> impl Iterator<Item = u16> {
    smaller_or_zero(units.into(), u16::MAX.into()).into_iter().map(|units| units as u16)
}

/// The length of the chaos phase in its unit.
fn chaos(header: &Header, vocabulary: &Vocabulary) -> u64 {
    let default = vocabulary.chaos_micros / PHASE_UNIT;
    if header.chaos == 0 { default.into() } else { header.chaos.into() }
}

fn header_size(header: &Header, vocabulary: &Vocabulary) -> u64 {
    let or_more = |count: u8, most: u64| if count == 0 { most } else { count.into() };
    let ambient = [header.jitter, header.loss, header.duplication, header.rate].into_iter().map(u64::from).sum::<u64>();
    let mix = header.mix.iter().map(|weight| u64::from(*weight)).sum::<u64>();
    let shape = or_more(header.nodes, 32) + or_more(header.clients, 16) + or_more(header.keys, 64);
    let ops = header.ops.map_or(1 << 16, u64::from);
    let phases = [chaos(header, vocabulary), header.heal.into(), header.settle.into()].map(number_size);
    ambient + mix + shape + ops + phases.into_iter().sum::<u64>()
}

fn simpler_steps(step: &Step) -> Vec<Step> {
    let weaker = weaker(&step.fault).into_iter().chain(step.fault.simpler_fields());
    let weaker = weaker.map(|fault| Step { fault, ..*step });
    let shorter = simpler_lasts(step.lasts).into_iter().map(|lasts| Step { lasts, ..*step });
    weaker.chain(shorter).chain(simpler_whens(step.when).into_iter().map(|when| Step { when, ..*step })).collect()
}

fn step_size(step: &Step) -> u64 {
    fault_size(&step.fault) + lasts_size(step.lasts) + when_size(step.when) + u64::from(step.id != 0)
}

/// Weaker kinds of fault.
fn weaker(fault: &Fault) -> Option<Fault> {
    match *fault {
        Fault::Crash { victims, .. } => Some(Fault::Pause { victims }),
        Fault::Note {}
        | Fault::Reseed { .. }
        | Fault::Invoke { .. }
        | Fault::Partition { .. }
        | Fault::Block { .. }
        | Fault::Delay { .. }
        | Fault::Loss { .. }
        | Fault::Duplicate { .. }
        | Fault::Pause { .. } => None,
    }
}

fn fault_size(fault: &Fault) -> u64 {
    fault.field_sizes() + if weaker(fault).is_some() { QUALITY } else { 0 }
}

/// Shorter and rounder lengths. To say nothing, so that the end of the phase heals, is the simplest and tried last.
fn simpler_lasts(lasts: Lasts) -> Vec<Lasts> {
    let mut candidates: Vec<Lasts> = match lasts {
        Lasts::Healed => return vec![],
        Lasts::Until(..) => vec![],
        Lasts::For(micros) => smaller_u32(micros).map(Lasts::For).collect(),
        Lasts::Constant { name, percent } => {
            let percents = [0, percent / 10 * 10, percent / 2].into_iter();
            percents.map(|percent| Lasts::Constant { name, percent }).collect()
        }
    };
    candidates.push(Lasts::Healed);
    candidates
}

fn lasts_size(lasts: Lasts) -> u64 {
    match lasts {
        Lasts::Healed => 0,
        Lasts::For(micros) => QUALITY + number_size(micros.into()),
        Lasts::Constant { percent, .. } => QUALITY + number_size(percent.unsigned_abs().into()),
        Lasts::Until(..) => 2 * QUALITY,
    }
}

fn simpler_whens(when: When) -> Vec<When> {
    match when {
        When::At(delay) => smaller_u32(delay).map(When::At).collect(),
        When::Step { step, edge, delay } => {
            shorter_delays(delay).map(|delay| When::Step { step, edge, delay }).collect()
        }
        When::Fact { fact, side, nth, from, delay } => {
            let mut candidates = Vec::new();
            if from.is_some() {
                candidates.push(When::Fact { fact, side, nth, from: None, delay });
            }
            candidates.extend(broader(fact).map(|fact| When::Fact { fact, side, nth, from, delay }));
            let lower = [1, nth / 2, nth.saturating_sub(1)].into_iter().filter(|lower| (1..nth).contains(lower));
            candidates.extend(lower.map(|nth| When::Fact { fact, side, nth, from, delay }));
            candidates.extend(shorter_delays(delay).map(|delay| When::Fact { fact, side, nth, from, delay }));
            candidates
        }
    }
}

fn shorter_delays(delay: u32) -> impl Iterator<Item = u32> {
    (delay > 0).then_some(0).into_iter().chain(smaller_u32(delay))
}

/// The fact on any link.
fn broader(fact: Fact) -> Option<Fact> {
    match fact {
        Fact::Send(kind, link) if link != Link::ALL => Some(Fact::Send(kind, Link::ALL)),
        Fact::Deliver(kind, link) if link != Link::ALL => Some(Fact::Deliver(kind, Link::ALL)),
        Fact::Send(..) | Fact::Deliver(..) | Fact::Sync(_) | Fact::Write(_) | Fact::Role(..) | Fact::Mark(_) => None,
    }
}

fn when_size(when: When) -> u64 {
    match when {
        When::At(delay) | When::Step { step: _, edge: Edge::Begins | Edge::Ends, delay } => number_size(delay.into()),
        When::Fact { fact, nth, from, delay, .. } => {
            let anchored = if from.is_some() { QUALITY } else { 0 };
            let narrow = if broader(fact).is_some() { QUALITY } else { 0 };
            anchored + narrow + u64::from(nth) + number_size(delay.into())
        }
    }
}
