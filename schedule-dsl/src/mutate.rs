//! Schedules drawn at random, and schedules changed at random. Plain functions of a vocabulary and dice.
//!
//! A random schedule uses only some kinds of faults and triggers, a different choice each time (swarm testing: Groce et al.,
//! 2012), since features that are always mixed hide what a few of them do alone. A mutation works on whole steps; bytes are
//! for fuzzers that know nothing of schedules. What has been worth mutating is for a campaign to remember, not for this file.

use crate::{
    bytes::{with_nodes, with_victims},
    dice::Dice,
    draw,
    fault::{Fault, FaultKind, Length},
    field::{Field, Number, OfKind, Span, StepRef},
    header::PHASE_UNIT,
    name::Name,
    schedule::{Again, DCS_MAX, Edge, Fact, Header, Lasts, STEPS_MAX, Schedule, Side, Step, StepId, When},
    select::{Link, NODES_MAX, Nodes},
    shrink,
    vocabulary::{Odds, Vocabulary},
};

/// The most steps of a schedule drawn from nothing.
const STEPS_DRAWN: u64 = 12;

/// Length of the chaos phase in microseconds where nobody says one.
const CHAOS_UNKNOWN: u32 = 1_000_000;

/// The deepest bug that [`pct`] looks for: so many moments must come in one order, and all but the first are changes of priorities.
const DEPTH_MAX: u64 = 6;

/// Draws a schedule of some kinds of faults and triggers (swarm testing).
pub fn random(vocabulary: &Vocabulary, dice: &mut Dice) -> Schedule {
    let header = random_header(vocabulary, dice);
    let menu = Menu::some(vocabulary, dice);
    menu.schedule(header, vocabulary, dice)
}

/// Draws a schedule of all kinds of faults and triggers.
pub fn uniform(vocabulary: &Vocabulary, dice: &mut Dice) -> Schedule {
    let header = random_header(vocabulary, dice);
    Menu::all(vocabulary).schedule(header, vocabulary, dice)
}

/// Draws a schedule after PCT (Burckhardt et al., ASPLOS 2010; for messages PCTCP, Ozkan et al., OOPSLA 2018): steps that demote give
/// each node a priority of its own, as a sender or as a receiver, and lower one at each of d-1 moments, of which all are
/// equally likely; d is drawn from 2 to 6. Other faults strike beside them, of any kind, at moments drawn in the same way.
///
/// How the simulator keeps priorities, and what of PCT's guarantee is left, is said where it does so: `network/buffers/turns.rs` of
/// `murphy-sim`.
pub fn pct(vocabulary: &Vocabulary, dice: &mut Dice) -> Schedule {
    let mut schedule = Schedule { header: random_header(vocabulary, dice), steps: Vec::new() };
    if carries(vocabulary, FaultKind::Demote) {
        set_priorities(&mut schedule, vocabulary, dice);
    }
    let menu = Menu { triggers: vec![(Trigger::Time, 1)], ..Menu::all(vocabulary) };
    for _ in 0..count(dice) {
        let step = menu.step(&mut schedule, vocabulary, dice);
        let when = change_point(&schedule.header, Link::ALL, vocabulary, dice);
        schedule.steps.push(Step { when, ..step });
    }
    schedule
}

/// Demotes all nodes but one to levels of their own from the beginning, in a drawn order, and at some moments somebody below all.
fn set_priorities(schedule: &mut Schedule, vocabulary: &Vocabulary, dice: &mut Dice) {
    let (senders, window) = (dice.chance(1, 2), Span::random(vocabulary, dice));
    let chain = |nodes| match senders {
        true => Link { from: nodes, to: Nodes::All },
        false => Link { from: Nodes::All, to: nodes },
    };
    let demote = |when, link, level| {
        let fault = Fault::Demote { link, kind: OfKind::default(), level: Number(level), window };
        Step { when, fault, lasts: Lasts::Healed, id: 0, again: Again::NEVER }
    };
    let members = if schedule.header.nodes == 0 { vocabulary.nodes.0 } else { schedule.header.nodes };
    let nodes = (members + vocabulary.spares).clamp(1, NODES_MAX);
    let order = shuffled(1..=nodes, dice);
    schedule.steps.extend((0..).zip(&order[1..]).map(|(level, node)| {
        let at_first = When::At(0);
        demote(at_first, chain(Nodes::Node(*node)), level)
    }));
    let changes = dice.between(2, DEPTH_MAX) as u8 - 1;
    for level in shuffled(nodes - 1..nodes - 1 + changes, dice) {
        let link = chain(draw::single(vocabulary, dice));
        let when = change_point(&schedule.header, link, vocabulary, dice);
        schedule.steps.push(demote(when, link, level));
    }
}

/// A moment of a run, all equally likely: a time, or just before a link carries its n-th message.
fn change_point(header: &Header, link: Link, vocabulary: &Vocabulary, dice: &mut Dice) -> When {
    if !Trigger::Send.possible(vocabulary) || dice.chance(1, 2) {
        return When::At(time(header, vocabulary, dice));
    }
    let (fact, nth) = (Fact::Send(Name::ANY, link), dice.between(1, u8::MAX.into()) as u8);
    When::Fact { fact, side: Side::Before, nth, from: None, delay: 0 }
}

/// These numbers in a drawn order (Fisher and Yates).
fn shuffled(numbers: impl Iterator<Item = u8>, dice: &mut Dice) -> Vec<u8> {
    let mut numbers: Vec<u8> = numbers.collect();
    for at in (1..numbers.len()).rev() {
        numbers.swap(at, dice.below(at as u64 + 1) as usize);
    }
    numbers
}

/// Changes `schedule` by one to four operators and returns the name of the first. `donor` is another schedule worth having.
pub fn mutate(
    schedule: &mut Schedule,
    donor: Option<&Schedule>,
    vocabulary: &Vocabulary,
    dice: &mut Dice,
) -> &'static str {
    let name = operate_some(schedule, &Context { donor, vocabulary, first: 0 }, dice);
    mend(schedule);
    wrap_times(schedule, vocabulary);
    name
}

fn operate_some(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> &'static str {
    let mut first = None;
    for _ in 0..=dice.below(4).min(dice.below(4)) {
        let name = operate(schedule, context, dice);
        first = first.or(Some(name));
    }
    first.expect("at least one operator was applied")
}

/// A schedule of which the beginning stays, up to a moment worth returning to: mutants change what follows (*first return, then
/// explore*; Ecoffet et al., 2021).
#[derive(Clone, Debug)]
pub struct Prefix {
    schedule: Schedule,
    /// So many of its steps stay as they are.
    stay: usize,
    /// The note by which others mean the moment; the last of those that stay.
    anchor: StepId,
    /// The moment, in microseconds.
    time: u32,
}

impl Prefix {
    /// `schedule` up to the moment `time`, in microseconds, by which the steps that `came` accepts have begun. `None` if there is
    /// no room for a note of the moment, or it is not in the chaos phase.
    pub fn new(schedule: &Schedule, came: impl Fn(&Step) -> bool, time: u32, vocabulary: &Vocabulary) -> Option<Self> {
        let anchor = free_id(schedule)?;
        if schedule.steps.len() == STEPS_MAX || time >= chaos(&schedule.header, vocabulary) {
            return None;
        }
        let note =
            Step { when: When::At(time), fault: Fault::Note {}, lasts: Lasts::Healed, id: anchor, again: Again::NEVER };
        let (mut steps, rest): (Vec<Step>, Vec<Step>) = schedule.steps.iter().partition(|step| came(step));
        steps.push(note);
        let stay = steps.len();
        steps.extend(rest);
        Some(Self { schedule: Schedule { header: schedule.header, steps }, stay, anchor, time })
    }

    /// The schedule, with the note.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Another continuation, by `rounds` times one to four operators.
    pub fn follow(
        &self,
        rounds: usize,
        donor: Option<&Schedule>,
        vocabulary: &Vocabulary,
        dice: &mut Dice,
    ) -> Schedule {
        let mut schedule = self.schedule.clone();
        let context = Context { donor, vocabulary, first: self.stay };
        (0..rounds).for_each(|_| _ = operate_some(&mut schedule, &context, dice));
        schedule.header = self.schedule.header;
        schedule.steps[..self.stay].copy_from_slice(&self.schedule.steps[..self.stay]);
        self.restore_referred(&mut schedule);
        mend(&mut schedule);
        for at in self.stay..schedule.steps.len() {
            if !self.schedule.steps[self.stay..].contains(&schedule.steps[at]) {
                self.postpone(&mut schedule.steps[at], vocabulary, dice);
            }
        }
        schedule
    }

    /// Steps that are to come, and to which those refer that stay, are there again.
    fn restore_referred(&self, schedule: &mut Schedule) {
        let (stay, rest) = self.schedule.steps.split_at(self.stay);
        for id in stay.iter().flat_map(Step::references) {
            let owner = rest.iter().find(|step| step.id == id);
            if let Some(owner) = owner.filter(|_| schedule.steps.iter().all(|step| step.id != id)) {
                schedule.steps.truncate(STEPS_MAX - 1);
                schedule.steps.push(*owner);
            }
        }
    }

    /// Lets a step come after the moment; one with a time of its own mostly soon after it, while what made the moment worth returning
    /// to still lasts.
    fn postpone(&self, step: &mut Step, vocabulary: &Vocabulary, dice: &mut Dice) {
        let stays = |id: StepId| self.schedule.steps[..self.stay].iter().any(|step| step.id == id);
        match &mut step.when {
            When::At(time) => {
                let chaos = chaos(&self.schedule.header, vocabulary);
                if dice.chance(3, 4) {
                    *time = self.time.saturating_add(draw::length(vocabulary, dice));
                }
                if *time <= self.time || *time >= chaos {
                    *time = self.time + 1 + *time % (chaos - self.time - 1).max(1);
                }
            }
            When::Step { step, edge, .. } if stays(*step) => (*step, *edge) = (self.anchor, Edge::Begins),
            When::Fact { from, .. } if from.is_none_or(|(id, _)| stays(id)) => {
                *from = Some((self.anchor, Edge::Begins))
            }
            When::Step { .. } | When::Fact { .. } | When::Called => {}
        }
    }
}

/// Lets no step refer to one that there is not: it begins at a time, or is healed at the end.
fn mend(schedule: &mut Schedule) {
    let ids: Vec<StepId> = schedule.steps.iter().map(|step| step.id).filter(|id| *id != 0).collect();
    let there = |id: StepId| ids.contains(&id).then_some(id);
    schedule.steps.iter_mut().for_each(|step| *step = rename(step, there));
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
    Invoke,
    Complete,
    Stops,
    Starts,
    Fault,
}

/// How many sorts of triggers there are.
pub const TRIGGERS: usize = Trigger::ALL.len();

/// The sort of trigger that a step has, below [`TRIGGERS`]; `None` if others call it.
pub fn trigger(when: &When) -> Option<usize> {
    let sort = match when {
        When::At(_) => Trigger::Time,
        When::Step { .. } => Trigger::Step,
        When::Called => return None,
        When::Fact { fact, .. } => match fact {
            Fact::Send(..) => Trigger::Send,
            Fact::Deliver(..) => Trigger::Deliver,
            Fact::Sync(_) => Trigger::Sync,
            Fact::Write(_) => Trigger::Write,
            Fact::Role(..) => Trigger::Role,
            Fact::Mark(_) => Trigger::Mark,
            Fact::Invoke(_) => Trigger::Invoke,
            Fact::Complete(_) => Trigger::Complete,
            Fact::Stops(_) => Trigger::Stops,
            Fact::Starts(_) => Trigger::Starts,
            Fact::Fault(..) => Trigger::Fault,
        },
    };
    Some(sort as usize)
}

impl Trigger {
    const ALL: [(Self, u64); 13] = [
        (Self::Time, 12),
        (Self::Step, 5),
        (Self::Send, 4),
        (Self::Deliver, 4),
        (Self::Sync, 3),
        (Self::Write, 2),
        (Self::Role, 4),
        (Self::Mark, 3),
        (Self::Invoke, 1),
        (Self::Complete, 2),
        (Self::Stops, 1),
        (Self::Starts, 2),
        (Self::Fault, 1),
    ];

    /// Whether a target with these words can cause it at all.
    fn possible(self, vocabulary: &Vocabulary) -> bool {
        if vocabulary.times_only {
            return matches!(self, Self::Time | Self::Step);
        }
        match self {
            Self::Role => !vocabulary.roles.is_empty(),
            Self::Mark => !vocabulary.marks.is_empty(),
            Self::Invoke | Self::Complete => !vocabulary.functions.is_empty(),
            // Where nobody is ever cut off from anybody, nobody sends.
            Self::Send | Self::Deliver => carries(vocabulary, FaultKind::Partition),
            Self::Time | Self::Step | Self::Sync | Self::Write | Self::Stops | Self::Starts | Self::Fault => true,
        }
    }
}

/// Whether the simulator carries out faults of this kind for the target. It is no trouble to carry out a note.
fn carries(vocabulary: &Vocabulary, kind: FaultKind) -> bool {
    let all = &vocabulary.faults;
    all.is_empty() || all.contains(&kind) || kind == FaultKind::Note
}

/// The kinds of faults and triggers to draw from, with their weights.
struct Menu {
    faults: Vec<(FaultKind, u64)>,
    triggers: Vec<(Trigger, u64)>,
}

impl Menu {
    /// Everything that makes sense for the target.
    fn all(vocabulary: &Vocabulary) -> Self {
        let drawn = FaultKind::ALL.iter().filter(|kind| kind.weight() > 0 && carries(vocabulary, **kind));
        let odds = |kind: &FaultKind| vocabulary.odds.faults.get(kind).copied().unwrap_or(Odds::EVEN);
        let faults = drawn.map(|kind| (*kind, kind.weight() * odds(kind))).collect();
        let odds = |trigger: Trigger| vocabulary.odds.triggers.get(trigger as usize).copied().unwrap_or(Odds::EVEN);
        let triggers = Trigger::ALL.into_iter().filter(|(trigger, _)| trigger.possible(vocabulary));
        Self { faults, triggers: triggers.map(|(trigger, weight)| (trigger, weight * odds(trigger))).collect() }
    }

    /// A random part of it; half of everything on average.
    fn some(vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
        let mut menu = Self::all(vocabulary);
        let (fault, trigger) = (draw::weighted(&menu.faults, dice), draw::weighted(&menu.triggers, dice));
        menu.faults.retain(|(kind, _)| *kind == fault || dice.chance(1, 2));
        menu.triggers.retain(|(other, _)| *other == trigger || dice.chance(1, 2));
        menu
    }

    /// A schedule with this header.
    fn schedule(&self, header: Header, vocabulary: &Vocabulary, dice: &mut Dice) -> Schedule {
        let mut schedule = Schedule { header, steps: Vec::new() };
        for _ in 0..count(dice) {
            let step = self.step(&mut schedule, vocabulary, dice);
            schedule.steps.push(step);
        }
        schedule
    }

    fn fault(&self, vocabulary: &Vocabulary, dice: &mut Dice) -> Fault {
        Fault::random(draw::weighted(&self.faults, dice), vocabulary, dice)
    }

    /// A step for `schedule`, one of whose steps may get an id for it.
    fn step(&self, schedule: &mut Schedule, vocabulary: &Vocabulary, dice: &mut Dice) -> Step {
        let when = self.when(schedule, None, vocabulary, dice);
        let mut step =
            Step { when, fault: self.fault(vocabulary, dice), lasts: Lasts::Healed, id: 0, again: Again::NEVER };
        settle(&mut step, schedule, None, dice);
        draw_lasts(&mut step, vocabulary, dice);
        if dice.chance(1, 12) {
            step.again = draw_again(&step, vocabulary, dice);
        }
        step
    }

    /// A trigger for the step at `own`, or for a new one.
    fn when(&self, schedule: &mut Schedule, own: Option<usize>, vocabulary: &Vocabulary, dice: &mut Dice) -> When {
        let trigger = draw::weighted(&self.triggers, dice);
        let Some(fact) = fact(trigger, vocabulary, dice) else {
            let other = if trigger == Trigger::Step { refer(schedule, own, dice) } else { None };
            let time = time(&schedule.header, vocabulary, dice);
            return other.map_or(When::At(time), |step| When::Step {
                step,
                edge: edge(dice),
                delay: draw::delay(vocabulary, dice),
            });
        };
        let before = fact.has_before() && dice.chance(1, 3);
        let side = if before { Side::Before } else { Side::After };
        let from = if dice.chance(1, 5) { refer(schedule, own, dice) } else { None };
        let from = from.map(|step| (step, edge(dice)));
        let delay = if dice.chance(2, 3) { 0 } else { draw::delay(vocabulary, dice) };
        // A role is taken and a mark is hit a few times in a run, messages and writes often.
        let seldom =
            matches!(fact, Fact::Role(..) | Fact::Mark(_) | Fact::Stops(_) | Fact::Starts(_) | Fact::Fault(..));
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
        Trigger::Invoke => Some(Fact::Invoke(draw::name(&vocabulary.functions, dice))),
        Trigger::Complete => Some(Fact::Complete(draw::name(&vocabulary.functions, dice))),
        Trigger::Stops => Some(Fact::Stops(draw::nodes(vocabulary, dice))),
        Trigger::Starts => Some(Fact::Starts(draw::nodes(vocabulary, dice))),
        Trigger::Fault => {
            let kind = draw::weighted(&Menu::all(vocabulary).faults, dice);
            Some(Fact::Fault(Name::of(kind.keyword()), edge(dice)))
        }
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

/// The length of the chaos phase of schedules with this header, in microseconds.
pub fn chaos(header: &Header, vocabulary: &Vocabulary) -> u32 {
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

/// A few more beginnings.
fn draw_again(step: &Step, vocabulary: &Vocabulary, dice: &mut Dice) -> Again {
    let next = matches!(step.when, When::Fact { .. }) && dice.chance(1, 2);
    let every = if next { 0 } else { draw::length(vocabulary, dice) };
    Again { times: dice.between(1, 6) as u8, every, about: dice.chance(1, 4) }.normal()
}

/// Lets a fault that refers to a step refer to one that there is; without any, it does nothing.
fn settle(step: &mut Step, schedule: &mut Schedule, except: Option<usize>, dice: &mut Dice) {
    let dangling = |id: StepId| id != 0 && schedule.steps.iter().all(|other| other.id != id);
    if step.fault.reference() == 0 || (!dangling(step.fault.reference()) && dice.chance(1, 2)) {
        return;
    }
    match refer(schedule, except, dice) {
        Some(id) => step.fault.refer(id),
        None => step.fault = Fault::Note {},
    }
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
    for knob in RARE_KNOBS {
        if dice.chance(1, 40) {
            knob(&mut header, vocabulary, dice);
        }
    }
    if dice.chance(1, 5) {
        header.chaos = run_length(vocabulary, dice);
    }
    header
}

/// A length of the chaos phase, from a quarter of the target's own to twice that.
fn run_length(vocabulary: &Vocabulary, dice: &mut Dice) -> u16 {
    let own = vocabulary.chaos_micros / PHASE_UNIT;
    (u64::from(own) * dice.between(25, 200) / 100).min(u16::MAX.into()) as u16
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

/// What is turned more seldom, since a schedule of its own story rarely needs it. The budget is not for chance to lift.
const RARE_KNOBS: [Knob; 5] = [
    |header, _, dice| header.rate = draw::log_uniform(10, 5_000, dice) as u16,
    |header, vocabulary, dice| header.heal = phase(vocabulary, dice),
    |header, vocabulary, dice| header.settle = phase(vocabulary, dice),
    |header, vocabulary, dice| (header.active, header.calm) = (phase(vocabulary, dice), phase(vocabulary, dice)),
    topology,
];

/// A length in units of the phases.
fn phase(vocabulary: &Vocabulary, dice: &mut Dice) -> u16 {
    (draw::length(vocabulary, dice) / PHASE_UNIT).clamp(1, u16::MAX.into()) as u16
}

/// Data centres of equal shares, nearer to themselves than to each other.
fn topology(header: &mut Header, _: &Vocabulary, dice: &mut Dice) {
    header.dcs = dice.between(2, DCS_MAX as u64) as u8;
    header.within = Span::at_most(draw::log_uniform(100, 2_000, dice));
    header.between = Span::at_most(draw::log_uniform(2_000, 100_000, dice));
    let other = dice.between(1, u64::from(header.dcs) - 1) as usize;
    let far = Header::pair(0, other).expect("a data centre and another one");
    header.latencies[far] = Span::at_most(draw::log_uniform(2_000, 200_000, dice));
}

fn random_nodes(vocabulary: &Vocabulary, dice: &mut Dice) -> u8 {
    let (least, most) = vocabulary.nodes;
    if most == 0 { 0 } else { dice.between(least.min(most).into(), most.min(NODES_MAX).into()) as u8 }
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
    /// The first step that may change.
    first: usize,
}

/// Changes a schedule; `None` if there is nothing it could change.
type Operator = fn(&mut Schedule, &Context<'_>, &mut Dice) -> Option<()>;

/// Every operator: its name, how often it is drawn, what it does.
const OPERATORS: [(&str, u64, Operator); 23] = [
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
    ("weaken", 2, weaken),
    ("overlap", 5, overlap),
    ("until", 2, until),
    ("again", 2, again),
    ("activate", 1, activate),
    ("splice", 6, splice),
    ("repeat", 2, repeat),
    ("swizzle", 2, swizzle),
    ("sort", 1, sort),
    ("knobs", 4, knobs),
    ("reseed", 2, reseed),
];

fn operate(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> &'static str {
    let weights: [((&str, Operator), u64); OPERATORS.len()] =
        OPERATORS.map(|(name, weight, operator)| ((name, operator), weight));
    for _ in 0..8 {
        let (name, operator) = draw::weighted(&weights, dice);
        if operator(schedule, context, dice).is_some() {
            return name;
        }
    }
    schedule.header.seed = dice.word();
    "reseed"
}

/// The index of a random step.
fn pick_any(schedule: &Schedule, dice: &mut Dice) -> Option<usize> {
    let count = schedule.steps.len() as u64;
    (count > 0).then(|| dice.below(count) as usize)
}

impl Context<'_> {
    /// The index of a random step that may change.
    fn pick(&self, schedule: &Schedule, dice: &mut Dice) -> Option<usize> {
        let count = schedule.steps.len().saturating_sub(self.first) as u64;
        (count > 0).then(|| self.first + dice.below(count) as usize)
    }

    /// The index of a random step that may change and that `wanted` accepts.
    fn pick_where(&self, schedule: &Schedule, wanted: impl Fn(&Step) -> bool, dice: &mut Dice) -> Option<usize> {
        let found: Vec<usize> = (self.first..schedule.steps.len()).filter(|at| wanted(&schedule.steps[*at])).collect();
        dice.pick(&found).copied()
    }

    /// Puts `step` at a random place behind what stays, if there is room.
    fn put(&self, schedule: &mut Schedule, step: Step, dice: &mut Dice) -> Option<()> {
        let at = self.first + dice.below((schedule.steps.len() - self.first) as u64 + 1) as usize;
        (schedule.steps.len() < STEPS_MAX).then(|| schedule.steps.insert(at, step))
    }
}

fn lasting(step: &Step) -> bool {
    step.fault.kind().length() == Length::Lasting
}

/// A new step.
fn insert(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let menu = Menu::all(context.vocabulary);
    let step = menu.step(schedule, context.vocabulary, dice);
    context.put(schedule, step, dice)
}

/// One step less. Whoever referred to it now waits for what it waited for.
fn delete(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = context.pick(schedule, dice)?;
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
            step.when = gone.when.later(waited);
        }
        When::Fact { from, .. } => *from = from.filter(|(id, _)| *id != gone.id),
        When::At(_) | When::Step { .. } | When::Called => {}
    }
    if step.fault.reference() == gone.id {
        step.fault = Fault::Note {};
        step.lasts = Lasts::Healed;
    }
    if matches!(step.lasts, Lasts::Until(id, _) if id == gone.id) {
        step.lasts = Lasts::Healed;
    }
}

/// The same step once more, a little later.
fn duplicate(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let step = schedule.steps[pick_any(schedule, dice)?];
    let when = step.when.later(draw::length(context.vocabulary, dice));
    context.put(schedule, Step { id: 0, when, ..step }, dice)
}

/// A small step back or forth in time.
fn shift(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = context.pick(schedule, dice)?;
    let by = draw::log_uniform(10, 300_000, dice);
    let delay = schedule.steps[at].when.delay_mut()?;
    *delay = if dice.chance(1, 2) { delay.saturating_add(by) } else { delay.saturating_sub(by) };
    Some(())
}

/// Another time altogether.
fn retime(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = context.pick(schedule, dice)?;
    let time = time(&schedule.header, context.vocabulary, dice);
    match &mut schedule.steps[at].when {
        When::At(delay) => *delay = time,
        When::Step { delay, .. } | When::Fact { delay, .. } => *delay = draw::delay(context.vocabulary, dice),
        When::Called => return None,
    }
    Some(())
}

/// Onto the moment of another step, or just beside it.
fn align(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = context.pick(schedule, dice)?;
    let other = schedule.steps[pick_any(schedule, dice)?];
    if dice.chance(1, 3) {
        let step = refer(schedule, Some(at), dice)?;
        schedule.steps[at].when = When::Step { step, edge: edge(dice), delay: draw::delay(context.vocabulary, dice) };
        return Some(());
    }
    let when = other.when.later(draw::delay(context.vocabulary, dice));
    let own = schedule.steps[at].id;
    let circular = own != 0 && Step { when, lasts: Lasts::Healed, ..other }.references().any(|id| id == own);
    (!circular).then(|| schedule.steps[at].when = when)
}

/// Longer or shorter by some factor.
fn stretch(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = context.pick_where(schedule, lasting, dice)?;
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
        Lasts::Healed | Lasts::Until(..) | Lasts::Sum { .. } | Lasts::Difference { .. } => {
            draw::lasts(context.vocabulary, dice)
        }
    };
    Some(())
}

/// As long as a landmark of the target, or nearly: how long it lasts, or how long after its trigger it begins.
fn boundary(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let waits = |step: &Step| matches!(step.when, When::Step { .. } | When::Fact { .. });
    if dice.chance(2, 3) {
        let at = context.pick_where(schedule, lasting, dice)?;
        schedule.steps[at].lasts = draw::boundary(context.vocabulary, dice);
        return Some(());
    }
    let at = context.pick_where(schedule, waits, dice)?;
    let near = draw::near(context.vocabulary, dice)?;
    schedule.steps[at].when.delay_mut().map(|delay| *delay = near)
}

/// Another victim, link, share or strength.
fn retarget(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    if dice.chance(1, 3) {
        return rename_nodes(schedule, context, dice);
    }
    let at = context.pick_where(schedule, |step| !matches!(step.fault, Fault::Note {}), dice)?;
    let mut step = schedule.steps[at];
    step.fault.redraw(context.vocabulary, dice);
    settle(&mut step, schedule, Some(at), dice);
    schedule.steps[at].fault = step.fault;
    Some(())
}

/// A role in place of a number, or a number in place of a role, wherever the step names one.
fn rename_nodes(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = context.pick(schedule, dice)?;
    let number = draw::number(context.vocabulary, dice);
    let groups = schedule.header.groups.iter().filter(|group| group.name != Name::ANY);
    let groups: Vec<Nodes> = groups.map(|group| Nodes::Group(group.name)).collect();
    let role = match dice.pick(&groups) {
        Some(group) if dice.chance(1, 3) || context.vocabulary.roles.is_empty() => *group,
        None if context.vocabulary.roles.is_empty() => return None,
        _ => draw::role(context.vocabulary, dice),
    };
    let swapped = |nodes: Nodes| match nodes {
        Nodes::Node(_) => role,
        Nodes::Role(_) | Nodes::Previous(_) | Nodes::Group(_) | Nodes::Primaries => number,
        other => other,
    };
    let step = with_nodes(&schedule.steps[at], swapped);
    (step != schedule.steps[at]).then(|| schedule.steps[at] = step)
}

/// Another trigger: most often a fact in place of a time, or a time in place of a fact.
fn retrigger(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = context.pick(schedule, dice)?;
    let mut menu = Menu::all(context.vocabulary);
    let other_sort = dice.chance(2, 3);
    let timed = matches!(schedule.steps[at].when, When::At(_));
    menu.triggers.retain(|(trigger, _)| !other_sort || timed != (*trigger == Trigger::Time));
    let when = menu.when(schedule, Some(at), context.vocabulary, dice);
    schedule.steps[at].when = when;
    Some(())
}

/// Another occurrence of the same fact.
fn nth(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = context.pick_where(schedule, |step| matches!(step.when, When::Fact { .. }), dice)?;
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
    let at = context.pick(schedule, dice)?;
    let mut step = schedule.steps[at];
    step.fault = Menu::all(context.vocabulary).fault(context.vocabulary, dice);
    settle(&mut step, schedule, Some(at), dice);
    if !lasting(&step) || step.lasts == Lasts::Healed {
        draw_lasts(&mut step, context.vocabulary, dice);
    }
    step.id = schedule.steps[at].id;
    schedule.steps[at] = step;
    Some(())
}

/// A weaker kind of fault with the same victims.
fn weaken(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let weaker = |step: &Step| step.fault.kind().weaker().filter(|kind| carries(context.vocabulary, *kind));
    let at = context.pick_where(schedule, |step| weaker(step).is_some(), dice)?;
    let step = &mut schedule.steps[at];
    let drawn = Fault::random(weaker(step)?, context.vocabulary, dice);
    step.fault = with_victims(&drawn, &step.fault);
    if !lasting(step) {
        step.lasts = Lasts::Healed;
    }
    Some(())
}

/// Several faults that begin one after another and end in the reverse order.
fn swizzle(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let may_change = context.first..schedule.steps.len();
    let mut chosen: Vec<usize> = may_change.filter(|at| lasting(&schedule.steps[*at])).collect();
    while chosen.len() > 4 || (chosen.len() > 2 && dice.chance(1, 3)) {
        chosen.swap_remove(dice.below(chosen.len() as u64) as usize);
    }
    let first = schedule.steps[*chosen.first().filter(|_| chosen.len() > 1)?];
    // A trigger that refers to a step might refer to one of them, and nobody may call them all.
    let bare = Step { fault: Fault::Note {}, lasts: Lasts::Healed, ..first };
    let free = bare.when != When::Called && bare.references().next().is_none();
    let start = if free { first.when } else { When::At(time(&schedule.header, context.vocabulary, dice)) };
    let gap = draw::length(context.vocabulary, dice) / 2;
    let count = chosen.len() as u32;
    for (turn, at) in (0..count).zip(chosen) {
        schedule.steps[at].when = start.later(gap.saturating_mul(turn));
        schedule.steps[at].lasts = Lasts::For(gap.saturating_mul(2 * (count - turn) - 1));
    }
    Some(())
}

/// The canonical order.
fn sort(schedule: &mut Schedule, context: &Context<'_>, _: &mut Dice) -> Option<()> {
    let steps = &mut schedule.steps[context.first..];
    (!steps.is_sorted()).then(|| steps.sort())
}

/// A second fault while an earlier one lasts.
fn overlap(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let first = context.pick_where(schedule, lasting, dice)?;
    if schedule.steps[first].id == 0 {
        schedule.steps[first].id = free_id(schedule)?;
    }
    let within = match shrink::length(schedule.steps[first].lasts, context.vocabulary) {
        Some(micros) => dice.below(u64::from(micros) + 1) as u32,
        None => draw::delay(context.vocabulary, dice),
    };
    let when = When::Step { step: schedule.steps[first].id, edge: Edge::Begins, delay: within };
    let step = Step { when, ..Menu::all(context.vocabulary).step(schedule, context.vocabulary, dice) };
    context.put(schedule, step, dice)
}

/// Ends with another step.
fn until(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = context.pick_where(schedule, lasting, dice)?;
    let other = refer(schedule, Some(at), dice)?;
    schedule.steps[at].lasts = Lasts::Until(other, edge(dice));
    Some(())
}

/// Begins more or fewer times, or at other distances.
fn again(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let at = context.pick(schedule, dice)?;
    let drawn = draw_again(&schedule.steps[at], context.vocabulary, dice);
    let again = &mut schedule.steps[at].again;
    *again = match (again.times, dice.below(3)) {
        (0, _) | (_, 0) => drawn,
        (times, 1) => Again { times: times - 1, ..*again }.normal(),
        _ => Again { every: drawn.every, ..*again }.normal(),
    };
    Some(())
}

/// A step that strikes only, or once more, when another moment comes.
fn activate(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    if schedule.steps.len() == STEPS_MAX || !carries(context.vocabulary, FaultKind::Activate) {
        return None;
    }
    let id = refer(schedule, None, dice)?;
    let when = Menu::all(context.vocabulary).when(schedule, None, context.vocabulary, dice);
    if let Some(at) = context.pick_where(schedule, |step| step.id == id, dice)
        && dice.chance(1, 2)
    {
        schedule.steps[at].when = When::Called;
    }
    let fault = Fault::Activate { step: StepRef(id) };
    context.put(schedule, Step { when, fault, lasts: Lasts::Healed, id: 0, again: Again::NEVER }, dice)
}

/// Some neighbouring steps of the donor, with ids of their own.
fn splice(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let donor = &context.donor?.steps;
    let start = pick_any(context.donor?, dice)?;
    let taken = &donor[start..donor.len().min(start + count(dice) as usize)];
    let room = STEPS_MAX.checked_sub(schedule.steps.len() + taken.len());
    let renamed = room.and_then(|_| renamed(schedule, taken))?;
    if dice.chance(1, 3) {
        let kept = context.first + dice.below((schedule.steps.len() - context.first) as u64 + 1) as usize;
        (kept..schedule.steps.len()).rev().for_each(|at| remove(schedule, at));
    }
    schedule.steps.extend(renamed.into_iter().map(|step| match carries(context.vocabulary, step.fault.kind()) {
        true => step,
        false => Step { fault: Fault::Note {}, lasts: Lasts::Healed, ..step },
    }));
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
        When::Called => When::Called,
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
        other => other,
    };
    let mut fault = step.fault;
    match (fault.reference(), fresh(fault.reference())) {
        (0, _) => {}
        (_, Some(id)) => fault.refer(id),
        (_, None) => fault = Fault::Note {},
    }
    Step { when, fault, lasts, id: fresh(step.id).unwrap_or(0), ..*step }
}

/// The same fault again and again, at equal distances or at the next occurrences.
fn repeat(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    let mut copy = Step { id: 0, ..schedule.steps[pick_any(schedule, dice)?] };
    let period = draw::length(context.vocabulary, dice);
    for _ in 0..dice.between(1, 3) {
        match &mut copy.when {
            When::Fact { nth, .. } => *nth = nth.saturating_add(1),
            when => *when = when.later(period),
        }
        context.put(schedule, copy, dice)?;
    }
    Some(())
}

/// Another shape, workload, length or ambient rate.
fn knobs(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    if context.first > 0 {
        return None;
    }
    let header = &mut schedule.header;
    match dice.below(KNOBS.len() as u64 + 3) as usize {
        turned if turned < KNOBS.len() => KNOBS[turned](header, context.vocabulary, dice),
        turned if turned == KNOBS.len() => {
            let knob = dice.pick(&RARE_KNOBS).expect("there are some");
            knob(header, context.vocabulary, dice);
        }
        turned if turned == KNOBS.len() + 1 => header.chaos = run_length(context.vocabulary, dice),
        _ => *header = Header { seed: header.seed, ..Header::default() },
    }
    Some(())
}

/// Other draws under the same faults.
fn reseed(schedule: &mut Schedule, context: &Context<'_>, dice: &mut Dice) -> Option<()> {
    if context.first > 0 {
        // What stays keeps its draws.
        let fault = Fault::random(FaultKind::Reseed, context.vocabulary, dice);
        let when = schedule.steps[context.first - 1].when;
        let step = Step { when, fault, lasts: Lasts::Healed, id: 0, again: Again::NEVER };
        return context.put(schedule, step, dice);
    }
    schedule.header.seed = dice.word();
    Some(())
}
