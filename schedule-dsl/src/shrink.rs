//! What a minimizer can try: fewer steps, and simpler versions of one thing at a time.
//!
//! [`simpler`] lists candidates; whether one still fails, and in which way, is for the minimizer to find out. It always ends,
//! because every candidate has a lesser [`measure`] than the schedule it comes from, and there is no infinite descent among
//! pairs of natural numbers. Steps are dropped with [`keep_steps`] alone, so that the minimizer decides which to try
//! together. Nothing gets longer or later on the way: numbers are rounded down only, and a length gives way to the end of
//! the chaos phase only where that comes no later. Numbers are not replaced by roles nor times by facts here: that takes
//! knowledge of a run.

use crate::{
    fault::{Fault, FaultKind, Length},
    field::{Distribution, Field, Latency, Percent, Size, Span},
    header::PHASE_UNIT,
    name::Name,
    schedule::{Again, Budget, DCS_MAX, Edge, Fact, GROUPS_MAX, Group, Header, Lasts, Schedule, Step, StepId, When},
    select::{Link, Nodes},
    vocabulary::Vocabulary,
};

/// Weight of a qualitative difference, above every [`number_size`].
const QUALITY: u64 = 1 << 42;
/// Weight of a step down the ladder of kinds, above whatever their fields weigh.
const WEAKER: u64 = 1 << 50;
/// Numbers of operations that are tried where a schedule leaves it to the target.
const FEW_OPS: [u16; 5] = [0, 4, 16, 64, 256];

/// `schedule` with only the steps at which `keep` is true.
///
/// Where a kept step refers to one that is dropped, a [`Fault::Note`] with the same trigger stays in its place, and likewise
/// for what that trigger refers to. A kept step that only activates, ends or modifies a dropped one does nothing any more: it
/// goes too, unless others wait for it or for what it activates. Steps beyond the end of `keep` are dropped.
pub fn keep_steps(schedule: &Schedule, keep: &[bool]) -> Schedule {
    let mut keep = keep.to_vec();
    keep.resize(schedule.steps.len(), false);
    let mut fates = fates(schedule, &keep);
    while let Some(idle) = (0..keep.len()).find(|at| keep[*at] && is_idle(schedule, *at, &fates)) {
        keep[idle] = false;
        fates = self::fates(schedule, &keep);
    }
    Schedule { header: schedule.header, steps: fates.into_iter().flatten().collect() }
}

/// What becomes of each step if those at which `keep` is true stay: itself, a note, or nothing.
fn fates(schedule: &Schedule, keep: &[bool]) -> Vec<Option<Step>> {
    let mut fates: Vec<Option<Step>> =
        schedule.steps.iter().zip(keep).map(|(step, keep)| keep.then_some(*step)).collect();
    let mut needed: Vec<StepId> = fates.iter().flatten().flat_map(waits_for).collect();
    while let Some(id) = needed.pop() {
        let Some(at) = owner(&schedule.steps, id).filter(|at| fates[*at].is_none()) else { continue };
        let note = Step { fault: Fault::Note {}, lasts: Lasts::Healed, ..schedule.steps[at] };
        needed.extend(note.references());
        fates[at] = Some(note);
    }
    fates
}

/// The steps whose beginning or end a step waits for; not the one that its fault acts on.
fn waits_for(step: &Step) -> Vec<StepId> {
    Step { fault: Fault::Note {}, ..*step }.references().collect()
}

/// Whether the step at `at` acts only on a step that is gone, or a note that it cannot begin.
fn is_idle(schedule: &Schedule, at: usize, fates: &[Option<Step>]) -> bool {
    let fault = schedule.steps[at].fault;
    let target = owner(&schedule.steps, fault.reference()).filter(|_| fault.reference() != 0);
    target.is_some_and(|target| match fates[target] {
        None => true,
        Some(kept) => kept != schedule.steps[target] && fault.kind() != FaultKind::Activate,
    })
}

/// Simpler versions of `schedule`, each with one change, the boldest first, each of a lesser [`measure`].
pub fn simpler(schedule: &Schedule, vocabulary: &Vocabulary) -> Vec<Schedule> {
    let headers = simpler_headers(&schedule.header, vocabulary);
    let headers = headers.into_iter().map(|header| Schedule { header, steps: schedule.steps.clone() });
    let steps = (0..schedule.steps.len()).flat_map(|at| {
        let replaced = move |step| with_step(schedule, at, step);
        let known = known_length(schedule, at, vocabulary).map(|lasts| Step { lasts, ..schedule.steps[at] });
        let healing = time_left(schedule, at, vocabulary);
        let simpler = simpler_steps(&schedule.steps[at], vocabulary, healing);
        known.into_iter().chain(simpler).map(replaced)
    });
    let before = measure(schedule, vocabulary);
    let steps = steps.chain(begun_at_once(schedule));
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

/// Smaller numbers from 1 to `most` of a lesser [`number_size`], the boldest first: about half, then rounded down to ever more
/// digits, then the next one below of as few digits. None is larger: what shrinks shall not get longer or later.
pub(crate) fn smaller(value: u64, most: u64) -> Vec<u64> {
    let half = [rounded_down(value / 2, 1)];
    let rounder = (1..=4).map(|digits| rounded_down(value, digits));
    let below = (1..=3).map(|digits| rounded_down(value.saturating_sub(1), digits));
    let mut kept = Vec::new();
    for candidate in half.into_iter().chain(rounder).chain(below) {
        let lesser = candidate < value && number_size(candidate) < number_size(value);
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

/// `value` rounded down to so many significant digits.
fn rounded_down(value: u64, digits: u32) -> u64 {
    let unit = 10u64.pow((value.max(1).ilog10() + 1).saturating_sub(digits));
    value / unit * unit
}

fn smaller_u32(value: u32) -> impl Iterator<Item = u32> {
    smaller(value.into(), u32::MAX.into()).into_iter().map(|value| value as u32)
}

/// The step that owns `id`: the least in order, the first of equals.
fn owner(steps: &[Step], id: StepId) -> Option<usize> {
    let claimants = (0..steps.len()).filter(|at| steps[*at].id == id);
    claimants.min_by_key(|at| steps[*at])
}

/// How many microseconds something lasts, if that is known before a run.
pub(crate) fn length(lasts: Lasts, vocabulary: &Vocabulary) -> Option<u32> {
    let constant = |name: Name| {
        let index = vocabulary.constants.resolve(name)?;
        vocabulary.constant_micros.get(index).map(|micros| u64::from(*micros))
    };
    let scaled = |name, percent: i8| Some(constant(name)? * (i64::from(percent) + 100).max(0) as u64 / 100);
    let micros = match lasts {
        Lasts::Healed | Lasts::Until(..) => return None,
        Lasts::For(micros) => micros.into(),
        Lasts::Constant { name, percent } => scaled(name, percent)?,
        Lasts::Sum { name, percent, other } => scaled(name, percent)? + constant(other)?,
        Lasts::Difference { name, percent, other } => scaled(name, percent)?.saturating_sub(constant(other)?),
    };
    u32::try_from(micros).ok()
}

/// When an edge of the step at `at` comes, as far as that is known before a run: so many microseconds after the beginning of
/// the run (`None`), or after that of the step at an index, which waits for a fact. References are followed `depth` times.
fn moment(
    schedule: &Schedule,
    at: usize,
    edge: Edge,
    vocabulary: &Vocabulary,
    depth: usize,
) -> Option<(Option<usize>, u64)> {
    let step = &schedule.steps[at];
    if step.again != Again::NEVER {
        return None;
    }
    let (origin, begins) = match step.when {
        When::Called => return None,
        When::At(time) => (None, time.into()),
        When::Fact { .. } => (Some(at), 0),
        When::Step { step, edge, delay } => {
            let other = owner(&schedule.steps, step).filter(|_| depth > 0)?;
            let (origin, time) = moment(schedule, other, edge, vocabulary, depth - 1)?;
            (origin, time + u64::from(delay))
        }
    };
    match (edge, step.fault.kind().length()) {
        (Edge::Begins, _) | (Edge::Ends, Length::Instant) => Some((origin, begins)),
        (Edge::Ends, Length::Lasting) => Some((origin, begins + u64::from(length(step.lasts, vocabulary)?))),
    }
}

/// The length in numbers of a step that refers to another step or to two constants, if it is known before a run.
fn known_length(schedule: &Schedule, at: usize, vocabulary: &Vocabulary) -> Option<Lasts> {
    let depth = schedule.steps.len();
    match schedule.steps[at].lasts {
        Lasts::Until(id, edge) => {
            // Nobody ever ends it.
            let Some(other) = owner(&schedule.steps, id) else { return Some(Lasts::Healed) };
            let (origin, begins) = moment(schedule, at, Edge::Begins, vocabulary, depth)?;
            let (same, ends) = moment(schedule, other, edge, vocabulary, depth)?;
            let micros = ends.checked_sub(begins).filter(|micros| origin == same && *micros > 0)?;
            u32::try_from(micros).ok().map(Lasts::For)
        }
        lasts @ Lasts::Difference { .. } => length(lasts, vocabulary).filter(|micros| *micros > 0).map(Lasts::For),
        Lasts::Healed | Lasts::For(_) | Lasts::Constant { .. } | Lasts::Sum { .. } => None,
    }
}

/// How many microseconds of the chaos phase are left as a step begins, if both are known before a run.
fn time_left(schedule: &Schedule, at: usize, vocabulary: &Vocabulary) -> Option<u64> {
    let chaos = chaos(&schedule.header, vocabulary) * u64::from(PHASE_UNIT);
    let (origin, begins) = moment(schedule, at, Edge::Begins, vocabulary, schedule.steps.len())?;
    (origin.is_none() && chaos > 0).then(|| chaos.saturating_sub(begins))
}

/// Steps that only wait to be activated begin by the trigger of whoever activates them, of whom a note is left.
fn begun_at_once(schedule: &Schedule) -> impl Iterator<Item = Schedule> {
    let activator = |(at, step): (usize, &Step)| match step.fault {
        Fault::Activate { step: id } if step.again == Again::NEVER => Some((at, id.0)),
        _ => None,
    };
    schedule.steps.iter().enumerate().filter_map(activator).filter_map(|(at, id)| {
        let called = owner(&schedule.steps, id).filter(|called| schedule.steps[*called].when == When::Called)?;
        let mut candidate = schedule.clone();
        candidate.steps[called].when = schedule.steps[at].when;
        candidate.steps[at].fault = Fault::Note {};
        Some(candidate)
    })
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

/// `schedule` without the ids to which nothing refers; `None` if it has none.
pub fn without_idle_ids(schedule: &Schedule) -> Option<Schedule> {
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
        Header { cpu: Percent(0), ..*header },
        Header { memory: Size::default(), ..*header },
        Header { disk: Size::default(), ..*header },
        Header { active: 0, calm: 0, ..*header },
        Header { budget: Budget::Promised, ..*header },
        Header { cpu: Percent(0), memory: Size::default(), disk: Size::default(), ..*header },
        without_topology(header),
        Header { latencies: Default::default(), ..*header },
        Header { within: Span::default(), between: Span::default(), ..*header },
    ];
    headers.extend(fewer_ops(header.ops).into_iter().map(|ops| Header { ops: Some(ops), ..*header }));
    headers.extend(fewer(header.clients, 1).into_iter().map(|clients| Header { clients, ..*header }));
    headers.extend(fewer(header.keys, 1).into_iter().map(|keys| Header { keys, ..*header }));
    let least = vocabulary.nodes.0.max(1);
    headers.extend(fewer(header.nodes, least).into_iter().map(|nodes| Header { nodes, ..*header }));
    headers.extend(shorter_chaos(header, vocabulary).into_iter().map(|chaos| Header { chaos, ..*header }));
    headers.extend(shorter_phase(header.heal).map(|heal| Header { heal, ..*header }));
    headers.extend(shorter_phase(header.settle).map(|settle| Header { settle, ..*header }));
    headers.extend(smaller_u16(header.active).map(|active| Header { active, ..*header }));
    headers.extend(smaller_u16(header.calm).map(|calm| Header { calm, ..*header }));
    headers.extend(smaller_u16(header.jitter).map(|jitter| Header { jitter, ..*header }));
    headers.extend(smaller_u16(header.loss).map(|loss| Header { loss, ..*header }));
    headers.extend(smaller_u16(header.duplication).map(|duplication| Header { duplication, ..*header }));
    headers.extend(smaller_u16(header.rate).map(|rate| Header { rate, ..*header }));
    headers.extend(lighter_mixes(header.mix).map(|mix| Header { mix, ..*header }));
    headers.extend(header.within.lesser().into_iter().map(|within| Header { within, ..*header }));
    headers.extend(header.between.lesser().into_iter().map(|between| Header { between, ..*header }));
    for pair in 0..header.latencies.len() {
        let shorter = header.latencies[pair].lesser().into_iter();
        headers.extend(shorter.map(|latency| replaced(header, |header| header.latencies[pair] = latency)));
    }
    headers.extend(fewer_groups(header));
    headers
}

fn replaced(header: &Header, change: impl FnOnce(&mut Header)) -> Header {
    let mut header = *header;
    change(&mut header);
    header
}

/// One weight less, or the same as the least there can be.
fn lighter_mixes(mix: [u8; 8]) -> impl Iterator<Item = [u8; 8]> {
    let lighter = move |at: usize| {
        [0, 1].into_iter().filter(move |weight| *weight < mix[at]).map(move |weight| {
            let mut mix = mix;
            mix[at] = weight;
            mix
        })
    };
    (0..mix.len()).flat_map(lighter)
}

/// A data centre or a group less, or one with less said of it.
fn fewer_groups(header: &Header) -> Vec<Header> {
    let dcs = usize::from(header.dcs);
    let mut headers = Vec::new();
    if dcs > 0 {
        headers.push(replaced(header, |header| drop_dc(header, dcs - 1)));
    }
    for at in 0..GROUPS_MAX {
        let group = header.groups[at];
        if at >= dcs && group.name != Name::ANY {
            headers.push(replaced(header, |header| drop_group(header, at)));
        }
        if at < dcs {
            headers.push(replaced(header, |header| header.groups[at] = Group::default()));
            headers.push(replaced(header, |header| header.groups[at].members = 0));
            headers.push(replaced(header, |header| header.groups[at].name = Name::ANY));
        }
        let members = (0..u16::BITS).filter(|bit| group.members >> bit & 1 == 1 && group.members.count_ones() > 1);
        headers.extend(members.map(|bit| replaced(header, |header| header.groups[at].members &= !(1 << bit))));
    }
    headers
}

/// Without the last data centre, and what is said of it.
fn drop_dc(header: &mut Header, last: usize) {
    header.dcs = last as u8;
    drop_group(header, last);
    let gone = (0..DCS_MAX).filter_map(|other| Header::pair(other, last));
    gone.for_each(|pair| header.latencies[pair] = Span::default());
}

/// Without the group at `at`; the later ones move up.
fn drop_group(header: &mut Header, at: usize) {
    header.groups[at..].rotate_left(1);
    header.groups[GROUPS_MAX - 1] = Group::default();
}

/// The same without data centres and groups.
fn without_topology(header: &Header) -> Header {
    let plain = Header::default();
    let (groups, latencies) = (plain.groups, plain.latencies);
    Header { dcs: 0, groups, latencies, within: plain.within, between: plain.between, ..*header }
}

/// How much a header says of data centres, groups, resources and calm.
fn extras_size(header: &Header) -> u64 {
    let said = |group: &Group| u64::from(group.name != Name::ANY) + u64::from(group.members.count_ones());
    let groups = header.groups.iter().map(said).sum::<u64>();
    let latencies = header.latencies.iter().chain([&header.within, &header.between]).map(Field::size).sum::<u64>();
    let limits = [header.cpu.0.into(), header.memory.bytes(), header.disk.bytes()];
    let resources = limits.into_iter().filter(|limit| *limit > 0).count() as u64;
    let calm = u64::from(header.active) + u64::from(header.calm);
    u64::from(header.dcs) + groups + latencies + resources + calm + u64::from(header.budget == Budget::Off)
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
    extras_size(header) + ambient + mix + shape + ops + phases.into_iter().sum::<u64>()
}

/// Simpler versions of a step, before whose healing `healing` microseconds are left if that is known.
fn simpler_steps(step: &Step, vocabulary: &Vocabulary, healing: Option<u64>) -> Vec<Step> {
    let weaker = weaker(step, vocabulary).into_iter().chain(step.fault.simpler_fields());
    let weaker =
        weaker.map(|fault| with_fault(step, fault)).chain(fewer_times(step.again).map(|again| Step { again, ..*step }));
    let shorter = simpler_lasts(step.lasts).into_iter();
    let healed = length(step.lasts, vocabulary)
        .filter(|micros| healing.is_some_and(|healing| u64::from(*micros) >= healing))
        .map(|_| Lasts::Healed);
    let shorter = shorter.chain(healed).map(|lasts| Step { lasts, ..*step });
    weaker.chain(shorter).chain(simpler_whens(step.when).into_iter().map(|when| Step { when, ..*step })).collect()
}

/// The next weaker kind that is carried out for the target, with the same victims, and as much of its strength as it can take
/// over: what nothing passes for a while is late by that while at most.
fn weaker(step: &Step, vocabulary: &Vocabulary) -> Option<Fault> {
    let carried = |fault: &Fault| vocabulary.faults.is_empty() || vocabulary.faults.contains(&fault.kind());
    let mut fault = std::iter::successors(step.fault.weaker(), Fault::weaker).find(carried)?;
    if (step.fault.kind().length(), fault.kind().length()) == (Length::Instant, Length::Lasting) {
        return None;
    }
    let late = match step.fault {
        Fault::Socket { latency, .. } => latency.0,
        Fault::LazySync { latency, .. } => latency.0,
        _ => Distribution::fixed(length(step.lasts, vocabulary).unwrap_or(vocabulary.chaos_micros)),
    };
    match (&mut fault, step.fault) {
        (Fault::Delay { latency, .. } | Fault::DiskDelay { latency, .. }, _) => *latency = Latency(late),
        (Fault::Bump { offset, .. }, Fault::Strobe { offset: same, .. }) => *offset = same,
        _ => {}
    }
    Some(fault)
}

fn step_size(step: &Step) -> u64 {
    let again =
        if step.again == Again::NEVER { 0 } else { QUALITY + u64::from(step.again.times) + again_size(step.again) };
    fault_size(&step.fault) + lasts_size(step.lasts) + when_size(step.when) + again + u64::from(step.id != 0)
}

/// The step with another fault, of which it can have the length or not.
fn with_fault(step: &Step, fault: Fault) -> Step {
    let lasts = if fault.kind().length() == Length::Instant { Lasts::Healed } else { step.lasts };
    Step { fault, lasts, ..*step }
}

fn again_size(again: Again) -> u64 {
    number_size(again.every.into()) + u64::from(again.about)
}

fn smaller_u16(value: u16) -> impl Iterator<Item = u16> {
    smaller(value.into(), u16::MAX.into()).into_iter().map(|value| value as u16)
}

/// Fewer beginnings, none more first; then simpler distances.
fn fewer_times(again: Again) -> impl Iterator<Item = Again> {
    let fewer = smaller_or_zero(again.times.into(), u8::MAX.into()).into_iter();
    let times = fewer.map(move |times| Again { times: times as u8, ..again }.normal());
    let plain = again.about.then_some(Again { about: false, ..again });
    let sooner = smaller_u32(again.every).map(move |every| Again { every, ..again });
    times.chain(plain).chain(sooner)
}

fn fault_size(fault: &Fault) -> u64 {
    let ladder = std::iter::successors(fault.kind().weaker(), |kind| kind.weaker()).count() as u64;
    fault.field_sizes() + ladder * WEAKER
}

/// Shorter and rounder lengths. To say nothing is the simplest, but lasts until the end of the phase.
fn simpler_lasts(lasts: Lasts) -> Vec<Lasts> {
    match lasts {
        Lasts::Healed | Lasts::Until(_, Edge::Begins) => vec![],
        Lasts::Until(step, Edge::Ends) => vec![Lasts::Until(step, Edge::Begins)],
        Lasts::For(micros) => smaller_u32(micros).map(Lasts::For).collect(),
        Lasts::Constant { name, percent } => lower(percent).map(|percent| Lasts::Constant { name, percent }).collect(),
        Lasts::Sum { name, percent, other } => {
            let one = [Lasts::Constant { name, percent }, Lasts::Constant { name: other, percent: 0 }];
            let lower = lower(percent).map(|percent| Lasts::Sum { name, percent, other });
            one.into_iter().chain(lower).collect()
        }
        Lasts::Difference { name, percent, other } => {
            lower(percent).map(|percent| Lasts::Difference { name, percent, other }).collect()
        }
    }
}

/// Lower and rounder percentages above or below 100.
fn lower(percent: i8) -> impl Iterator<Item = i8> {
    let candidates = [0, percent / 10 * 10, percent / 2, percent.div_euclid(10).max(-10) * 10];
    candidates.into_iter().filter(move |lower| *lower < percent)
}

fn lasts_size(lasts: Lasts) -> u64 {
    match lasts {
        Lasts::Healed => 0,
        Lasts::For(micros) => QUALITY + number_size(micros.into()),
        Lasts::Constant { percent, .. } => QUALITY + number_size(percent.unsigned_abs().into()),
        Lasts::Sum { percent, .. } | Lasts::Difference { percent, .. } => {
            2 * QUALITY + number_size(percent.unsigned_abs().into())
        }
        Lasts::Until(_, edge) => 2 * QUALITY + u64::from(edge == Edge::Ends),
    }
}

fn simpler_whens(when: When) -> Vec<When> {
    match when {
        When::Called => vec![],
        When::At(delay) => shorter_delays(delay).map(When::At).collect(),
        When::Step { step, edge, delay } => {
            let sooner = (edge == Edge::Ends).then_some(When::Step { step, edge: Edge::Begins, delay });
            sooner.into_iter().chain(shorter_delays(delay).map(|delay| When::Step { step, edge, delay })).collect()
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

/// The fact on any link, of any function, or at any node if it is not at a single one. Its n-th occurrence comes no later.
fn broader(fact: Fact) -> Option<Fact> {
    let several = |nodes: Nodes| nodes.size() > 0;
    match fact {
        Fact::Send(kind, link) if link != Link::ALL => Some(Fact::Send(kind, Link::ALL)),
        Fact::Deliver(kind, link) if link != Link::ALL => Some(Fact::Deliver(kind, Link::ALL)),
        Fact::Invoke(name) if name != Name::ANY => Some(Fact::Invoke(Name::ANY)),
        Fact::Complete(name) if name != Name::ANY => Some(Fact::Complete(Name::ANY)),
        Fact::Sync(nodes) if several(nodes) => Some(Fact::Sync(Nodes::All)),
        Fact::Write(nodes) if several(nodes) => Some(Fact::Write(Nodes::All)),
        Fact::Role(nodes, name) if several(nodes) => Some(Fact::Role(Nodes::All, name)),
        Fact::Stops(nodes) if several(nodes) => Some(Fact::Stops(Nodes::All)),
        Fact::Starts(nodes) if several(nodes) => Some(Fact::Starts(Nodes::All)),
        Fact::Send(..)
        | Fact::Deliver(..)
        | Fact::Sync(_)
        | Fact::Write(_)
        | Fact::Role(..)
        | Fact::Mark(_)
        | Fact::Invoke(_)
        | Fact::Complete(_)
        | Fact::Stops(_)
        | Fact::Starts(_)
        | Fact::Fault(..) => None,
    }
}

/// To wait to be activated weighs more than any trigger: two steps do what one can.
fn when_size(when: When) -> u64 {
    match when {
        When::Called => 4 * QUALITY,
        When::At(delay) => number_size(delay.into()),
        When::Step { edge, delay, .. } => number_size(delay.into()) + u64::from(edge == Edge::Ends),
        When::Fact { fact, nth, from, delay, .. } => {
            let anchored = if from.is_some() { QUALITY } else { 0 };
            let narrow = if broader(fact).is_some() { QUALITY } else { 0 };
            anchored + narrow + u64::from(nth) + number_size(delay.into())
        }
    }
}
