//! The steps of a run while it goes on, and what is reported of each.

use std::ops::{Index, IndexMut, Range};

use murphy_schedule::{Document, Edge, Fault, Header, Lasts, Schedule, Step, StepId, Vocabulary, When, field::Span};
use xxhash_rust::xxh3::xxh3_64;

use super::{MARK, Moment, SORTS, budget::Harmed};
use crate::{core::number, node::NodeId, select::members};

/// What a step did in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// When it began, in nanoseconds; `None`: never.
    pub begun: Option<u64>,
    /// When it ended, in nanoseconds.
    pub ended: Option<u64>,
    /// How many messages, nodes or operations it touched. A step without effects changed nothing.
    pub effects: u32,
    /// Whom it struck, as it began.
    pub struck: Struck,
}

/// Whom a step struck, and which roles they had as it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Struck {
    /// The victims, the senders, or one side of a partition, as bits; bit 0 is node 1.
    pub(super) first: u16,
    /// The receivers, or the other side.
    pub(super) second: u16,
    /// The role of each node, plus one; 0: none.
    pub(super) roles: [u8; 16],
}

impl Struck {
    /// The roles of the nodes on the first side, sorted; a node without one counts as "down".
    pub fn first<'a>(&self, roles: &'a [&'a str]) -> Vec<&'a str> {
        self.side(self.first, roles)
    }

    /// The roles of the nodes on the second side, sorted.
    pub fn second<'a>(&self, roles: &'a [&'a str]) -> Vec<&'a str> {
        self.side(self.second, roles)
    }

    /// The nodes on the first side and those on the second, each with the role that it had; `None`: it had none.
    pub fn sides<'a>(&'a self, roles: &'a [&'a str]) -> [impl Iterator<Item = (NodeId, Option<&'a str>)>; 2] {
        [self.first, self.second].map(|set| members(set).map(move |node| (number(node), self.role(node, roles))))
    }

    pub(super) fn side<'a>(&self, set: u16, roles: &'a [&'a str]) -> Vec<&'a str> {
        let mut names: Vec<&str> = members(set).map(|node| self.role(node, roles).unwrap_or("down")).collect();
        names.sort_unstable();
        names
    }

    fn role<'a>(&self, node: usize, roles: &'a [&'a str]) -> Option<&'a str> {
        usize::from(self.roles[node]).checked_sub(1).and_then(|at| roles.get(at).copied())
    }
}

/// A step while its run goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(super) step: Step,
    /// Where it stands in the order of steps.
    pub(crate) rank: u8,
    /// A hash of what it says, but for the ids of steps, which shift when other steps get one.
    content: u32,
    /// Its moment has come, whether or not it could begin.
    pub(crate) came: bool,
    /// Occurrences of its fact count from now on.
    pub(super) counting: bool,
    pub(crate) count: u32,
    /// Beginnings that are still to come of themselves.
    pub(super) left: u8,
    /// How often it has begun.
    pub(crate) turn: u16,
    pub(super) active: bool,
    /// When it first began.
    pub(super) begun: Option<u64>,
    /// When it last ended.
    pub(super) ended: Option<u64>,
    pub(crate) effects: u32,
    pub(super) victims: u16,
    pub(super) struck: Struck,
    /// How often it has done something since it began, and how many nodes it has taken down.
    pub(super) beats: u16,
    pub(super) taken: u8,
    /// The index of the name that its fact waits for; `None`: any.
    pub(super) name: Option<usize>,
}

impl Planned {
    /// When it was in force last; `None`: it never was.
    pub(crate) fn last_in_force(&self, now: u64) -> Option<u64> {
        if self.active { Some(now) } else { self.ended.or(self.begun) }
    }

    pub(crate) fn new(step: Step) -> Self {
        Self {
            step,
            rank: 0,
            content: content(step),
            came: false,
            counting: true,
            count: 0,
            left: step.again.times,
            turn: 0,
            active: false,
            begun: None,
            ended: None,
            effects: 0,
            victims: 0,
            beats: 0,
            taken: 0,
            struck: Struck::default(),
            name: None,
        }
    }

    /// The step itself.
    pub(crate) fn step(&self) -> Step {
        self.step
    }

    /// Whether it has begun, or ended.
    pub(crate) fn reached(&self, edge: Edge) -> bool {
        match edge {
            Edge::Begins => self.turn > 0,
            Edge::Ends => self.ended.is_some(),
        }
    }

    /// The tag of its fault.
    pub(crate) fn tag(&self) -> u8 {
        self.step.fault.kind().tag()
    }

    /// Whether it is in force.
    #[inline]
    pub(crate) fn is_active(&self) -> bool {
        self.active
    }

    /// Whether it is of a kind that holds its victims down.
    pub(super) fn holds_down(&self) -> bool {
        matches!(
            self.step.fault,
            Fault::Crash { .. } | Fault::Stop { .. } | Fault::Attrition { .. } | Fault::Redeploy { .. }
        )
    }

    /// Whether its fact has come as often as can matter.
    pub(super) fn has_had_its_last(&self) -> bool {
        let When::Fact { nth, .. } = self.step.when else { return false };
        self.count >= u32::from(nth) + u32::from(self.step.again.times)
    }

    /// Whether its fact, or the edge of a step, that comes now is one at which it begins.
    pub(super) fn hits(&mut self, nth: u32) -> bool {
        self.count += 1;
        let again = if self.step.again.every == 0 { u32::from(self.step.again.times) } else { 0 };
        (nth..=nth + again).contains(&self.count)
    }
}

#[inline]
fn content(step: Step) -> u32 {
    let when = match step.when {
        When::Step { edge, delay, .. } => When::Step { step: 1, edge, delay },
        When::Fact { fact, side, nth, delay, .. } => When::Fact { fact, side, nth, from: None, delay },
        when => when,
    };
    let lasts = match step.lasts {
        Lasts::Until(_, edge) => Lasts::Until(1, edge),
        length => length,
    };
    let fault = if step.fault.reference() == 0 { step.fault } else { Fault::Note {} };
    xxh3_64(&Step { id: 0, when, lasts, fault, ..step }.to_bytes()) as u32
}

/// The steps of a run.
///
/// A step has a place, by which all that it sets up refers to it, and a rank: where it stands in the order of steps, in which
/// those of one moment are taken. Both are the same, unless the run was resumed under a schedule with other steps: then those
/// that stay keep their places.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    places: Vec<Planned>,
    /// Their places by rank.
    order: Vec<u8>,
}

clone_fields!(Steps { places, order });

impl Steps {
    /// Sets these steps up, in their order.
    pub(crate) fn reset(&mut self, steps: &[Step]) {
        self.places.clear();
        self.places.extend(steps.iter().map(|step| Planned::new(*step)));
        self.places.sort_unstable_by_key(|planned| planned.step);
        self.order.clear();
        self.order.extend(0..self.places.len() as u8);
        self.rank();
    }

    /// Makes these the steps, in this order. Those that have a place keep it, the others begin anew. Returns the places of the
    /// new ones and of those that stayed, as bits.
    pub(crate) fn replace(&mut self, steps: &[(Step, Option<u8>)]) -> (u128, u128) {
        let stay = steps.iter().filter_map(|(_, place)| *place).fold(0u128, |set, place| set | 1 << place);
        let mut fresh = 0u128;
        self.order.clear();
        for (step, place) in steps {
            let place = place.unwrap_or_else(|| {
                let free = (stay | fresh).trailing_ones() as u8;
                fresh |= 1 << free;
                free
            });
            self.order.push(place);
            if fresh & 1 << place != 0 {
                self.places.resize_with(self.places.len().max(usize::from(place) + 1), || Planned::new(*step));
                self.places[usize::from(place)] = Planned::new(*step);
            }
        }
        self.rank();
        (fresh, stay)
    }

    fn rank(&mut self) {
        for (rank, place) in (0..).zip(&self.order) {
            self.places[usize::from(*place)].rank = rank;
        }
    }

    /// All ranks.
    pub(crate) fn ranks(&self) -> Range<usize> {
        0..self.order.len()
    }

    /// The place of the step of this rank.
    pub(crate) fn at(&self, rank: usize) -> usize {
        self.order[rank].into()
    }

    /// The steps in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Planned> {
        self.order.iter().map(|place| &self.places[usize::from(*place)])
    }

    /// The steps in no order that means anything.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Planned> {
        self.places.iter_mut()
    }
}

impl Index<usize> for Steps {
    type Output = Planned;
    #[inline]
    fn index(&self, place: usize) -> &Planned {
        &self.places[place]
    }
}

impl IndexMut<usize> for Steps {
    #[inline]
    fn index_mut(&mut self, place: usize) -> &mut Planned {
        &mut self.places[place]
    }
}

/// Who holds each role, and who held it before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holders(Vec<[Option<usize>; 2]>);

impl Holders {
    pub(super) fn reset(&mut self, roles: usize) {
        self.0.clear();
        self.0.resize(roles, [None; 2]);
    }

    /// Who holds a role, and who held it before.
    pub(crate) fn of(&self, role: usize) -> [Option<usize>; 2] {
        self.0[role]
    }

    /// `node` takes `role`.
    pub(crate) fn take(&mut self, role: usize, node: usize) {
        let [present, before] = &mut self.0[role];
        if *present != Some(node) {
            *before = *present;
            *present = Some(node);
        }
    }
}

/// All steps of a run, and who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Steps,
    /// The place in the queue, among events of one time, of the beginning of the step of rank 0, if that has a time.
    pub(crate) queued: u64,
    pub(crate) holders: Holders,
    /// The steps that wait for facts of each sort.
    pub(super) watchers: [Vec<usize>; SORTS],
    /// The sorts of facts that some step waits for, before and after they happen, as bits.
    pub(super) watched: [u16; 2],
    /// An invariant waits for marks.
    pub(super) marks_matter: bool,
    /// The kinds of messages that some step still waits for, as bits; all, if one waits for a mark.
    pub(super) awaited_kinds: u64,
    /// All is calm for a while: nothing begins.
    pub(crate) calm: bool,
    /// A step switches on rare branches at some time.
    pub(crate) has_buggify: bool,
    /// Room for the steps whose branches a handler took.
    pub(super) taken: Vec<usize>,
    /// Whose durable data was harmed.
    pub(super) harmed: Harmed,
}

clone_fields!(Plan {
    steps,
    queued,
    holders,
    watchers,
    watched,
    marks_matter,
    awaited_kinds,
    calm,
    has_buggify,
    taken,
    harmed
});

impl Plan {
    /// Whether a step waits for a mark.
    #[inline]
    pub(crate) fn watches_marks(&self) -> bool {
        (self.watched[0] | self.watched[1]) & 1 << MARK != 0 || self.marks_matter
    }

    /// The steps that watch over a node now, and how long they leave it down.
    pub(super) fn watchmen(&mut self, node: usize) -> impl Iterator<Item = (&mut Planned, Span<1_000_000>)> {
        let watching = move |planned: &&mut Planned| planned.active && planned.victims & (1 << node) != 0;
        self.steps.iter_mut().filter(watching).filter_map(|planned| match planned.step.fault {
            Fault::AutoRestart { delay, .. } => Some((planned, delay)),
            _ => None,
        })
    }

    /// What a step does.
    pub(crate) fn fault(&self, at: usize) -> Fault {
        self.steps[at].step.fault
    }

    /// Whether a step is in force.
    pub(crate) fn is_active(&self, at: usize) -> bool {
        self.steps[at].active
    }

    pub(super) fn watchers(&self, moment: Moment) -> &Vec<usize> {
        &self.watchers[moment.sort()]
    }

    /// What each step did.
    pub(crate) fn reports(&self) -> impl Iterator<Item = StepReport> {
        self.steps.iter().map(|planned| StepReport {
            step: planned.step,
            begun: planned.begun,
            ended: planned.ended,
            effects: planned.effects,
            struck: planned.struck,
        })
    }
}

impl Plan {
    /// Whether the step at `at` is the one that others mean by `id`: the first of those that carry it.
    pub(super) fn owns(&self, at: usize, id: StepId) -> bool {
        id != 0
            && self.steps.iter().find(|planned| planned.step.id == id).map(|owner| owner.rank)
                == Some(self.steps[at].rank)
    }

    /// A hash of what the step at `at` says and of how often it has begun.
    pub(crate) fn occasion(&self, at: usize) -> u32 {
        let later = u32::from(self.steps[at].turn.saturating_sub(1));
        self.content(at).wrapping_add(later.wrapping_mul(0x9e37_79b9))
    }

    /// A hash of what the step at `at` says, but for the ids of steps.
    pub(crate) fn content(&self, at: usize) -> u32 {
        self.steps[at].content
    }

    /// A step in its text form.
    pub(super) fn text(&self, at: usize, vocabulary: &Vocabulary) -> String {
        let step = Schedule { header: Header::default(), steps: vec![self.steps[at].step] };
        let text = Document::new("any", step, vocabulary).to_string();
        let line = text.lines().last().unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
