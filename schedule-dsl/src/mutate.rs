//! Schedules drawn at random, and schedules changed at random. Plain functions of a vocabulary and dice.
//!
//! A random schedule uses only some kinds of faults and triggers, a different choice each time (swarm testing: Groce et al.,
//! 2012), since features that are always mixed hide what a few of them do alone. A mutation works on whole steps; bytes are
//! for fuzzers that know nothing of schedules. What has been worth mutating is for a campaign to remember, not for this file.

use crate::{
    dice::Dice,
    draw,
    fault::{Fault, FaultKind, Length},
    header::PHASE_UNIT,
    name::Name,
    schedule::{Edge, Fact, Header, Lasts, STEPS_MAX, Schedule, Side, Step, StepId, When},
    select::{Link, Nodes},
    vocabulary::Vocabulary,
};

/// The most steps of a schedule drawn from nothing.
const STEPS_DRAWN: u64 = 12;

/// Length of the chaos phase in microseconds where nobody says one.
const CHAOS_UNKNOWN: u32 = 1_000_000;

/// Draws a schedule.
pub fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Schedule {
    let mut schedule = Schedule { header: random_header(vocabulary, dice), steps: Vec::new() };
    let menu = Menu::some(vocabulary, dice);
    for _ in 0..count(dice) {
        let step = menu.step(&mut schedule, vocabulary, dice);
        schedule.steps.push(step);
    }
    schedule
}

/// Changes `schedule` by one to four operators and returns the name of the first. `donor` is another schedule worth having.
pub fn mutate(
    schedule: &mut Schedule,
    donor: Option<&Schedule>,
    vocabulary: &Vocabulary,
    dice: &mut Dice,
) -> &'static str {
    let mut first = None;
    for _ in 0..=dice.below(4).min(dice.below(4)) {
        let name = operate(schedule, &Context { donor, vocabulary }, dice);
        first = first.or(Some(name));
    }
    wrap_times(schedule, vocabulary);
    first.expect("at least one operator was applied")
}

/// Moves times beyond the chaos phase, at which nothing strikes, back into it.
fn wrap_times(schedule: &mut Schedule, vocabulary: &Vocabulary) {
    let chaos = chaos(&schedule.header, vocabulary);
    for step in &mut schedule.steps {
        if let When::At(time) = &mut step.when {
            *time %= chaos;
        }
    }
}

/// A number of steps; small ones are likelier.
fn count(dice: &mut Dice) -> u64 {
    1 + dice.below(STEPS_DRAWN).min(dice.below(STEPS_DRAWN))
}

/// A sort of trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    Time,
    Step,
    Send,
    Deliver,
    Sync,
    Write,
    Role,
    Mark,
}

impl Trigger {
    const ALL: [(Self, u64); 8] = [
        (Self::Time, 12),
        (Self::Step, 5),
        (Self::Send, 4),
        (Self::Deliver, 4),
        (Self::Sync, 3),
        (Self::Write, 2),
        (Self::Role, 4),
        (Self::Mark, 3),
    ];

    /// Whether a target with these words can cause it at all.
    fn possible(self, vocabulary: &Vocabulary) -> bool {
        match self {
            Self::Role => !vocabulary.roles.is_empty(),
            Self::Mark => !vocabulary.marks.is_empty(),
            Self::Time | Self::Step | Self::Send | Self::Deliver | Self::Sync | Self::Write => true,
        }
    }
}

/// How often a kind of fault is drawn beside the others.
fn weight(kind: FaultKind) -> u64 {
    match kind {
        FaultKind::Note | FaultKind::Reseed => 1,
        FaultKind::Invoke => 2,
        FaultKind::Duplicate => 6,
        FaultKind::Block | FaultKind::Delay | FaultKind::Loss => 10,
        FaultKind::Pause => 14,
        FaultKind::Partition | FaultKind::Crash => 20,
    }
}

/// The kinds of faults and triggers to draw from, with their weights.
struct Menu {
    faults: Vec<(FaultKind, u64)>,
    triggers: Vec<(Trigger, u64)>,
}

impl Menu {
    /// Everything that makes sense for the target.
    fn all(vocabulary: &Vocabulary) -> Self {
        let faults = FaultKind::ALL.iter().map(|kind| (*kind, weight(*kind))).collect();
        let triggers = Trigger::ALL.into_iter().filter(|(trigger, _)| trigger.possible(vocabulary)).collect();
        Self { faults, triggers }
    }

    /// A random part of it; half of everything on average.
    fn some(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        let mut menu = Self::all(vocabulary);
        let (fault, trigger) = (weighted(&menu.faults, dice), weighted(&menu.triggers, dice));
        menu.faults.retain(|(kind, _)| *kind == fault || dice.chance(1, 2));
        menu.triggers.retain(|(other, _)| *other == trigger || dice.chance(1, 2));
        menu
    }

    fn fault(&self, vocabulary: &Vocabulary, dice: &mut Dice) -> Fault {
        Fault::random(weighted(&self.faults, dice), vocabulary, dice)
    }

    /// A step for `schedule`, one of whose steps may get an id for it.
    fn step(&self, schedule: &mut Schedule, vocabulary: &Vocabulary, dice: &mut Dice) -> Step {
        let when = self.when(schedule, vocabulary, dice);
        let mut step = Step { when, fault: self.fault(vocabulary, dice), lasts: Lasts::Healed, id: 0 };
        draw_lasts(&mut step, vocabulary, dice);
        step
    }

    fn when(&self, schedule: &mut Schedule, vocabulary: &Vocabulary, dice: &mut Dice) -> When {
        let trigger = weighted(&self.triggers, dice);
        let Some(fact) = fact(trigger, vocabulary, dice) else {
            let other = if trigger == Trigger::Step { refer(schedule, None, dice) } else { None };
            let time = time(&schedule.header, vocabulary, dice);
            return other.map_or(When::At(time), |step| When::Step {
                step,
                edge: edge(dice),
                delay: draw::delay(dice),
            });
        };
        let before = !matches!(fact, Fact::Role(..)) && dice.chance(1, 3);
        let side = if before { Side::Before } else { Side::After };
        let from = if dice.chance(1, 5) { refer(schedule, None, dice) } else { None };
        let from = from.map(|step| (step, edge(dice)));
        let delay = if dice.chance(2, 3) { 0 } else { draw::delay(dice) };
        // A role is taken and a mark is hit a few times in a run, messages and writes often.
        let seldom = matches!(fact, Fact::Role(..) | Fact::Mark(_));
        let nth = if seldom { dice.between(1, 3) as u8 } else { draw::nth(dice) };
        When::Fact { fact, side, nth, from, delay }
    }
}

fn fact(trigger: Trigger, vocabulary: &Vocabulary, dice: &mut Dice) -> Option<Fact> {
    match trigger {
        Trigger::Time | Trigger::Step => None,
        Trigger::Send => Some(Fact::Send(kind(vocabulary, dice), fact_link(vocabulary, dice))),
        Trigger::Deliver => Some(Fact::Deliver(kind(vocabulary, dice), fact_link(vocabulary, dice))),
        Trigger::Sync => Some(Fact::Sync(draw::single(vocabulary, dice))),
        Trigger::Write => Some(Fact::Write(draw::single(vocabulary, dice))),
        Trigger::Role => {
            let nodes = if dice.chance(2, 3) { Nodes::All } else { draw::single(vocabulary, dice) };
            Some(Fact::Role(nodes, draw::name(&vocabulary.roles, dice)))
        }
        Trigger::Mark => Some(Fact::Mark(draw::name(&vocabulary.marks, dice))),
    }
}

fn kind(vocabulary: &Vocabulary, dice: &mut Dice) -> Name {
    if dice.chance(1, 6) { Name::ANY } else { draw::name(&vocabulary.kinds, dice) }
}

fn fact_link(vocabulary: &Vocabulary, dice: &mut Dice) -> Link {
    if dice.chance(1, 2) { Link::ALL } else { draw::link(vocabulary, dice) }
}

fn edge(dice: &mut Dice) -> Edge {
    if dice.chance(1, 2) { Edge::Begins } else { Edge::Ends }
}

/// One of `items` by weight.
fn weighted<T: Copy>(items: &[(T, u64)], dice: &mut Dice) -> T {
    let mut left = dice.below(items.iter().map(|(_, weight)| weight).sum());
    for (item, weight) in items {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return *item,
        }
    }
    items.last().expect("a menu is never empty").0
}

/// The length of the chaos phase in microseconds.
fn chaos(header: &Header, vocabulary: &Vocabulary) -> u32 {
    let length = if header.chaos == 0 { vocabulary.chaos_micros } else { u32::from(header.chaos) * PHASE_UNIT };
    if length == 0 { CHAOS_UNKNOWN } else { length }
}

fn time(header: &Header, vocabulary: &Vocabulary, dice: &mut Dice) -> u32 {
    dice.below(chaos(header, vocabulary).into()) as u32
}

fn draw_lasts(step: &mut Step, vocabulary: &Vocabulary, dice: &mut Dice) {
    step.lasts = match step.fault.kind().length() {
        Length::Instant => Lasts::Healed,
        Length::Lasting => draw::lasts(vocabulary, dice),
    };
}

/// The id of a random step other than the one at `except`, given to it if it has none.
fn refer(schedule: &mut Schedule, except: Option<usize>, dice: &mut Dice) -> Option<StepId> {
    let free = free_id(schedule);
    let others: Vec<usize> = (0..schedule.steps.len()).filter(|at| Some(*at) != except).collect();
    let step = &mut schedule.steps[*dice.pick(&others)?];
    if step.id == 0 {
        step.id = free?;
    }
    Some(step.id)
}

/// The lowest id that no step has or refers to.
fn free_id(schedule: &Schedule) -> Option<StepId> {
    let used =
        |id: &StepId| schedule.steps.iter().any(|step| step.id == *id || step.references().any(|other| other == *id));
    (1..=StepId::MAX).find(|id| !used(id))
}

fn random_header(vocabulary: &Vocabulary, dice: &mut Dice) -> Header {
    let mut header = Header { seed: dice.word(), ..Header::default() };
    for knob in KNOBS {
        if dice.chance(1, 5) {
            knob(&mut header, vocabulary, dice);
        }
    }
    header
}

type Knob = fn(&mut Header, &Vocabulary, &mut Dice);

/// What can be turned in a header, beside its seed and the phases.
const KNOBS: [Knob; 8] = [
    |header, vocabulary, dice| header.nodes = random_nodes(vocabulary, dice),
    |header, _, dice| header.clients = dice.between(1, 5) as u8,
    |header, _, dice| header.keys = dice.between(1, 3) as u8,
    |header, _, dice| header.ops = Some(dice.between(10, 120) as u16),
    |header, vocabulary, dice| header.mix = random_mix(vocabulary, dice),
    |header, _, dice| header.jitter = (draw::log_uniform(10, 5_000, dice) / 10) as u16,
    |header, _, dice| header.loss = dice.between(1, 500) as u16,
    |header, _, dice| header.duplication = dice.between(1, 500) as u16,
];

fn random_nodes(vocabulary: &Vocabulary, dice: &mut Dice) -> u8 {
    let (least, most) = vocabulary.nodes;
    if most == 0 { 0 } else { dice.between(least.min(most).into(), most.min(crate::select::NODES_MAX).into()) as u8 }
}

fn random_mix(vocabulary: &Vocabulary, dice: &mut Dice) -> [u8; 8] {
    let mut mix = [0; 8];
    let functions = vocabulary.functions.len().min(mix.len());
    mix[..functions].fill_with(|| dice.below(5) as u8);
    mix
}

/// What operators work with.
struct Context<'a> {
    donor: Option<&'a Schedule>,
    vocabulary: &'a Vocabulary,
}

/// Changes a schedule; `None` if there is nothing it could change.
type Operator = fn(&mut Schedule, &Context<'_>, &mut Dice) -> Option<()>;

/// Every operator: its name, how often it is drawn, what it does.
const OPERATORS: [(&str, u64, Operator); 18] = [
    ("insert", 10, insert),
    ("delete", 8, delete),
    ("duplicate", 4, duplicate),
    ("shift", 8, shift),
    ("retime", 4, retime),
    ("align", 5, align),
    ("stretch", 6, stretch),
    ("boundary", 6, boundary),
    ("retarget", 8, retarget),
    ("retrigger", 6, retrigger),
    ("nth", 6, nth),
    ("replace", 4, replace),
    ("overlap", 5, overlap),
    ("until", 2, until),
    ("splice", 6, splice),
    ("repeat", 2, repeat),
    ("knobs", 4, knobs),
    ("reseed", 2, reseed),
];

fn operate(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> &'static str {
    let weights: [((&str, Operator), u64); OPERATORS.len()] =
        OPERATORS.map(|(name, weight, operator)| ((name, operator), weight));
    for _ in 0..8 {
        let (name, operator) = weighted(&weights, dice);
        if operator(schedule, context, dice).is_some() {
            return name;
        }
    }
    schedule.header.seed = dice.word();
    "reseed"
}

/// The index of a random step.
fn pick(schedule: &Schedule, dice: &mut Dice) -> Option<usize> {
    let count = schedule.steps.len() as u64;
    (count > 0).then(|| dice.below(count) as usize)
}

/// The index of a random step that `wanted` accepts.
fn pick_where(schedule: &Schedule, wanted: impl Fn(&Step) -> bool, dice: &mut Dice) -> Option<usize> {
    let found: Vec<usize> = (0..schedule.steps.len()).filter(|at| wanted(&schedule.steps[*at])).collect();
    dice.pick(&found).copied()
}

fn lasting(step: &Step) -> bool {
    step.fault.kind().length() == Length::Lasting
}

/// Puts `step` at a random place, if there is room.
fn put(schedule: &mut Schedule, step: Step, dice: &mut Dice) -> Option<()> {
    let at = dice.below(schedule.steps.len() as u64 + 1) as usize;
    (schedule.steps.len() < STEPS_MAX).then(|| schedule.steps.insert(at, step))
}

fn delay_mut(when: &mut When) -> &mut u32 {
    match when {
        When::At(delay) | When::Step { delay, .. } | When::Fact { delay, .. } => delay,
    }
}

/// A new step.
fn insert(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let menu = Menu::all(context.vocabulary);
    let step = menu.step(schedule, context.vocabulary, dice);
    put(schedule, step, dice)
}

/// One step less. Whoever referred to it now waits for what it waited for.
fn delete(schedule: &mut Schedule, _: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick(schedule, dice)?;
    remove(schedule, at);
    Some(())
}

fn remove(schedule: &mut Schedule, at: usize) {
    let gone = schedule.steps.remove(at);
    let orphaned = gone.id != 0 && schedule.steps.iter().all(|step| step.id != gone.id);
    if orphaned {
        schedule.steps.iter_mut().for_each(|step| adopt(step, &gone));
    }
}

fn adopt(step: &mut Step, gone: &Step) {
    match &mut step.when {
        When::Step { step: id, delay, .. } if *id == gone.id => {
            let waited = *delay;
            step.when = gone.when;
            let delay = delay_mut(&mut step.when);
            *delay = delay.saturating_add(waited);
        }
        When::Fact { from, .. } => *from = from.filter(|(id, _)| *id != gone.id),
        When::At(_) | When::Step { .. } => {}
    }
    if matches!(step.lasts, Lasts::Until(id, _) if id == gone.id) {
        step.lasts = Lasts::Healed;
    }
}

/// The same step once more, a little later.
fn duplicate(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let mut copy = Step { id: 0, ..schedule.steps[pick(schedule, dice)?] };
    let delay = delay_mut(&mut copy.when);
    *delay = delay.saturating_add(draw::length(context.vocabulary, dice));
    put(schedule, copy, dice)
}

/// A small step back or forth in time.
fn shift(schedule: &mut Schedule, _: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick(schedule, dice)?;
    let by = draw::log_uniform(10, 300_000, dice);
    let delay = delay_mut(&mut schedule.steps[at].when);
    *delay = if dice.chance(1, 2) { delay.saturating_add(by) } else { delay.saturating_sub(by) };
    Some(())
}

/// Another time altogether.
fn retime(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick(schedule, dice)?;
    let time = time(&schedule.header, context.vocabulary, dice);
    match &mut schedule.steps[at].when {
        When::At(delay) => *delay = time,
        When::Step { delay, .. } | When::Fact { delay, .. } => *delay = draw::delay(dice),
    }
    Some(())
}

/// Onto the moment of another step, or just beside it.
fn align(schedule: &mut Schedule, _: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick(schedule, dice)?;
    let other = schedule.steps[pick(schedule, dice)?];
    if dice.chance(1, 3) {
        let step = refer(schedule, Some(at), dice)?;
        schedule.steps[at].when = When::Step { step, edge: edge(dice), delay: draw::delay(dice) };
        return Some(());
    }
    let mut when = other.when;
    let delay = delay_mut(&mut when);
    *delay = delay.saturating_add(draw::delay(dice));
    let own = schedule.steps[at].id;
    let circular = own != 0 && Step { when, lasts: Lasts::Healed, ..other }.references().any(|id| id == own);
    (!circular).then(|| schedule.steps[at].when = when)
}

/// Longer or shorter by some factor.
fn stretch(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick_where(schedule, lasting, dice)?;
    let step = &mut schedule.steps[at];
    step.lasts = match step.lasts {
        Lasts::For(micros) => {
            let scaled = u64::from(micros) * dice.between(25, 400) / 100;
            Lasts::For(u32::try_from(scaled).unwrap_or(u32::MAX))
        }
        Lasts::Constant { name, percent } => {
            let by = dice.between(1, 20) as i8;
            let moved = if dice.chance(1, 2) { percent.saturating_add(by) } else { percent.saturating_sub(by) };
            Lasts::Constant { name, percent: moved.max(-100) }
        }
        Lasts::Healed | Lasts::Until(..) => draw::lasts(context.vocabulary, dice),
    };
    Some(())
}

/// As long as a constant of the target, or nearly.
fn boundary(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick_where(schedule, lasting, dice)?;
    schedule.steps[at].lasts = draw::boundary(context.vocabulary, dice);
    Some(())
}

/// Another victim, link, share or strength.
fn retarget(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick_where(schedule, |step| !matches!(step.fault, Fault::Note {}), dice)?;
    schedule.steps[at].fault.redraw(context.vocabulary, dice);
    Some(())
}

/// Another trigger.
fn retrigger(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick(schedule, dice)?;
    let step = schedule.steps.remove(at);
    let when = Menu::all(context.vocabulary).when(schedule, context.vocabulary, dice);
    schedule.steps.insert(at, Step { when, ..step });
    Some(())
}

/// Another occurrence of the same fact.
fn nth(schedule: &mut Schedule, _: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick_where(schedule, |step| matches!(step.when, When::Fact { .. }), dice)?;
    if let When::Fact { nth, .. } = &mut schedule.steps[at].when {
        *nth = match dice.below(3) {
            0 => nth.saturating_sub(1).max(1),
            1 => nth.saturating_add(1),
            _ => draw::nth(dice),
        };
    }
    Some(())
}

/// Another fault at the same moment.
fn replace(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick(schedule, dice)?;
    let step = &mut schedule.steps[at];
    step.fault = Menu::all(context.vocabulary).fault(context.vocabulary, dice);
    if !lasting(step) || step.lasts == Lasts::Healed {
        draw_lasts(step, context.vocabulary, dice);
    }
    Some(())
}

/// A second fault while an earlier one lasts.
fn overlap(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let first = pick_where(schedule, lasting, dice)?;
    if schedule.steps[first].id == 0 {
        schedule.steps[first].id = free_id(schedule)?;
    }
    let within = match schedule.steps[first].lasts {
        Lasts::For(micros) => dice.below(u64::from(micros) + 1) as u32,
        Lasts::Healed | Lasts::Constant { .. } | Lasts::Until(..) => draw::delay(dice),
    };
    let when = When::Step { step: schedule.steps[first].id, edge: Edge::Begins, delay: within };
    let mut step = Step { when, ..Menu::all(context.vocabulary).step(schedule, context.vocabulary, dice) };
    draw_lasts(&mut step, context.vocabulary, dice);
    put(schedule, step, dice)
}

/// Ends with another step.
fn until(schedule: &mut Schedule, _: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = pick_where(schedule, lasting, dice)?;
    let other = refer(schedule, Some(at), dice)?;
    schedule.steps[at].lasts = Lasts::Until(other, edge(dice));
    Some(())
}

/// Some neighbouring steps of the donor, with ids of their own.
fn splice(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let donor = &context.donor?.steps;
    let start = pick(context.donor?, dice)?;
    let taken = &donor[start..donor.len().min(start + count(dice) as usize)];
    let room = STEPS_MAX.checked_sub(schedule.steps.len() + taken.len());
    let renamed = room.and_then(|_| renamed(schedule, taken))?;
    if dice.chance(1, 3) {
        let kept = dice.below(schedule.steps.len() as u64 + 1) as usize;
        (kept..schedule.steps.len()).rev().for_each(|at| remove(schedule, at));
    }
    schedule.steps.extend(renamed);
    Some(())
}

/// `steps` with ids that `schedule` does not use, referring to each other as before and to nothing else of the donor.
fn renamed(schedule: &Schedule, steps: &[Step]) -> Option<Vec<Step>> {
    let mut all = schedule.clone();
    all.steps.extend(steps);
    let mut pairs = Vec::new();
    for step in steps.iter().filter(|step| step.id != 0) {
        let fresh = free_id(&all)?;
        all.steps.push(Step { id: fresh, ..*step });
        pairs.push((step.id, fresh));
    }
    let fresh = |id: StepId| pairs.iter().find(|(old, _)| *old == id).map(|(_, fresh)| *fresh);
    Some(steps.iter().map(|step| rename(step, fresh)).collect())
}

fn rename(step: &Step, fresh: impl Fn(StepId) -> Option<StepId>) -> Step {
    let when = match step.when {
        When::At(delay) => When::At(delay),
        When::Step { step, edge, delay } => {
            fresh(step).map_or(When::At(delay), |step| When::Step { step, edge, delay })
        }
        When::Fact { fact, side, nth, from, delay } => {
            let from = from.and_then(|(id, edge)| Some((fresh(id)?, edge)));
            When::Fact { fact, side, nth, from, delay }
        }
    };
    let lasts = match step.lasts {
        Lasts::Until(id, edge) => fresh(id).map_or(Lasts::Healed, |id| Lasts::Until(id, edge)),
        other @ (Lasts::Healed | Lasts::For(_) | Lasts::Constant { .. }) => other,
    };
    Step { when, lasts, id: fresh(step.id).unwrap_or(0), ..*step }
}

/// The same fault again and again, at equal distances or at the next occurrences.
fn repeat(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let mut copy = Step { id: 0, ..schedule.steps[pick(schedule, dice)?] };
    let period = draw::length(context.vocabulary, dice);
    for _ in 0..dice.between(1, 3) {
        match &mut copy.when {
            When::Fact { nth, .. } => *nth = nth.saturating_add(1),
            When::At(delay) | When::Step { delay, .. } => *delay = delay.saturating_add(period),
        }
        put(schedule, copy, dice)?;
    }
    Some(())
}

/// Another shape, workload, length or ambient rate.
fn knobs(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let header = &mut schedule.header;
    match dice.below(KNOBS.len() as u64 + 2) as usize {
        turned if turned < KNOBS.len() => KNOBS[turned](header, context.vocabulary, dice),
        turned if turned == KNOBS.len() => {
            let default = context.vocabulary.chaos_micros / PHASE_UNIT;
            header.chaos = (u64::from(default) * dice.between(25, 200) / 100).min(u16::MAX.into()) as u16;
        }
        _ => *header = Header { seed: header.seed, ..Header::default() },
    }
    Some(())
}

/// Other draws under the same faults.
fn reseed(schedule: &mut Schedule, _: &Context<'_>, dice: &mut Dice) -> Option<()> {
    schedule.header.seed = dice.word();
    Some(())
}
