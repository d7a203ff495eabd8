//! Cycles by name: the shortest of each kind, in each group of transactions that come before each other.
//!
//! A cycle of a kind holds an edge of one sort, its *anchor*, and returns from there by edges of some sorts. A shape that a worse one
//! implies is not looked for where that was found. So whatever is found first is a simple cycle: a walk that meets itself holds a
//! shorter one that is as bad.
//!
//! Deliberately absent: the cycles beyond the first of each kind, and wall-clock limits; steps are counted.

use super::{
    compact::NONE,
    components::{Components, Next},
    graph::{Graph, Orders, PREDICATE_RW, PREDICATE_WR, PROCESS, REALTIME, RW, SAME, WR, WW, kinds},
    phenomena::{Cyclic, Phenomenon, Relation, Shape},
    report::{Dependency, Finding, Report, Step, Undecided, Witness},
};
use crate::history::OpId;

/// Searches for cycles. Its memory is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Cycles {
    all: Components,
    part: Part,
}

/// One component of the graph, its nodes numbered anew.
#[derive(Clone, Debug, Default)]
struct Part {
    nodes: Vec<u32>,
    /// By node of the whole graph, its number here.
    numbers: Vec<u32>,
    heads: Vec<u32>,
    edges: Vec<(u32, u32)>,
    is_between: Vec<bool>,
    masked: Components,
    walk: Walk,
}

/// A breadth-first search. States are nodes, each twice: once for those that an *rw* led to, if that matters.
#[derive(Clone, Debug, Default)]
struct Walk {
    /// By state, the search that reached it last.
    seen: Vec<u32>,
    search: u32,
    /// By state, from which it was reached and by which kind of edge.
    from: Vec<(u32, u32)>,
    now: Vec<u32>,
    later: Vec<u32>,
    steps: u64,
}

/// What a kind of cycle is made of.
#[derive(Clone, Copy, Debug)]
struct Recipe {
    /// The kinds of edges that it holds one of.
    anchors: u32,
    /// The kinds of edges that return from the anchor.
    mask: u32,
    /// Whether no two *rw* may follow each other.
    is_spaced: bool,
    /// No cycle of the kind has fewer transactions.
    shortest: usize,
}

impl Cyclic {
    fn recipe(self) -> Recipe {
        let order = match self.relation {
            Relation::Plain => 0,
            Relation::Process => kinds(&[PROCESS]),
            Relation::Realtime => kinds(&[PROCESS, REALTIME]),
        };
        let seen = kinds(&[WW, WR, PREDICATE_WR]);
        let (anchors, mask) = match self.shape {
            Shape::G0 => (1 << WW, kinds(&[WW])),
            Shape::G1c => (1 << WR | 1 << PREDICATE_WR, seen),
            Shape::GSingleItem => (1 << RW, seen),
            Shape::GSingle => (1 << PREDICATE_RW, seen),
            Shape::GNonadjacentItem | Shape::G2Item => (1 << RW, seen | 1 << RW),
            Shape::GNonadjacent | Shape::G2 => (1 << PREDICATE_RW, seen | ANY_RW),
        };
        let is_spaced = matches!(self.shape, Shape::GNonadjacentItem | Shape::GNonadjacent);
        Recipe { anchors, mask: mask | order, is_spaced, shortest: if is_spaced { 4 } else { 2 } }
    }
}

const ANY_RW: u32 = 1 << RW | 1 << PREDICATE_RW;

impl Recipe {
    /// Whether no cycle of the kind has several rw.
    fn is_single(self) -> bool {
        self.anchors & ANY_RW != 0 && self.mask & ANY_RW == 0
    }

    /// Where an edge leads from a state.
    fn next(self, state: u32, (to, kind): (u32, u32), is_spaced: bool) -> Next {
        let was_rw = state & 1;
        match kind {
            _ if self.mask & 1 << kind == 0 => Next::Skip,
            _ if !is_spaced => Next::To(to * 2),
            SAME => Next::To(to * 2 + was_rw),
            RW | PREDICATE_RW if was_rw == 1 => Next::Skip,
            RW | PREDICATE_RW => Next::To(to * 2 + 1),
            _ => Next::To(to * 2),
        }
    }
}

impl Cycles {
    /// Reports every kind of cycle in `graph`, with so many steps of search for each.
    pub(super) fn find(
        &mut self,
        graph: &Graph,
        orders: Orders,
        has_predicates: bool,
        steps_max: u64,
        report: &mut Report,
    ) {
        self.all.find(graph.nodes(), |node, place| graph.edge(node, place).map_or(Next::End, |(to, _)| Next::To(to)));
        for at in 0..self.all.len() {
            self.part.load(graph, self.all.members(at));
            self.part.find(orders, has_predicates, steps_max, report);
        }
    }
}

impl Part {
    fn load(&mut self, graph: &Graph, members: &[u32]) {
        self.nodes.clear();
        self.nodes.extend_from_slice(members);
        self.numbers.resize(graph.nodes() as usize, NONE);
        for (number, node) in (0..).zip(members) {
            self.numbers[*node as usize] = number;
        }
        self.heads.clear();
        self.edges.clear();
        self.is_between.clear();
        for node in members {
            self.heads.push(self.edges.len() as u32);
            self.is_between.push(graph.is_between(*node));
            let inside = graph.edges(*node).map(|(to, kind)| (self.numbers[to as usize], kind));
            self.edges.extend(inside.filter(|(to, _)| *to != NONE));
        }
        self.heads.push(self.edges.len() as u32);
        // What was set is unset, so that loading takes no longer than the part is large.
        members.iter().for_each(|node| self.numbers[*node as usize] = NONE);
        self.walk.begin(members.len());
    }

    fn find(&mut self, orders: Orders, has_predicates: bool, steps_max: u64, report: &mut Report) {
        let mut found: Vec<Cyclic> = Vec::new();
        let can_be = |shape: &Shape| has_predicates || !shape.is_by_predicate();
        for relation in Relation::ALL {
            let counts = [true, orders.process, orders.realtime][relation as usize];
            for shape in Shape::ALL.into_iter().filter(|shape| counts && can_be(shape)) {
                let cyclic = Cyclic { shape, relation };
                if found.iter().any(|found| found.implies(cyclic)) {
                    continue;
                }
                match self.shortest(cyclic, steps_max) {
                    Search::Found(cycle) => {
                        let cyclic = name(&cycle);
                        found.push(cyclic);
                        if let Some(special) = special(&cycle) {
                            report.add(special, || Witness::Cycle(cycle.clone()));
                        }
                        add(report, cyclic, cycle);
                    }
                    Search::None => {}
                    Search::GivenUp { is_there } => {
                        give_up(report, cyclic, is_there, steps_max);
                    }
                }
            }
        }
    }

    fn edges_of(&self, node: u32) -> &[(u32, u32)] {
        &self.edges[self.heads[node as usize] as usize..self.heads[node as usize + 1] as usize]
    }

    /// The anchors that may be part of a cycle of the kind.
    fn anchors(&mut self, recipe: Recipe, needs_spacing: bool) -> Vec<(u32, u32, u32)> {
        let mask = recipe.mask | recipe.anchors;
        let all = Recipe { mask, ..recipe };
        let mut masked = std::mem::take(&mut self.masked);
        masked.find(self.nodes.len() as u32 * 2, |state, place| match self.edges_of(state / 2).get(place as usize) {
            Some(edge) => all.next(state, *edge, needs_spacing),
            None => Next::End,
        });
        let from_rw = u32::from(needs_spacing && recipe.anchors & ANY_RW != 0);
        let mut anchors = Vec::new();
        for node in 0..self.nodes.len() as u32 {
            let inside = self
                .edges_of(node)
                .iter()
                .filter(|(to, kind)| recipe.anchors & 1 << kind != 0 && masked.joins(node * 2, to * 2 + from_rw));
            anchors.extend(inside.map(|(to, kind)| (node, *kind, *to)));
        }
        self.masked = masked;
        anchors
    }

    /// The shortest cycle of a kind, or of a worse one.
    fn shortest(&mut self, cyclic: Cyclic, steps_max: u64) -> Search {
        let recipe = cyclic.recipe();
        // Of single rw there is no test but the search; they are among those with spaces.
        let is_single = recipe.is_single();
        let also = if cyclic.shape.is_by_predicate() { ANY_RW } else { 1 << RW };
        let spaced = Recipe { mask: recipe.mask | also, ..recipe };
        let anchors = if is_single { self.anchors(spaced, true) } else { self.anchors(recipe, recipe.is_spaced) };
        let is_certain = !is_single && !recipe.is_spaced;
        let mut best: Option<Vec<Step>> = None;
        let mut given_up = false;
        self.walk.steps = 0;
        for anchor in &anchors {
            let limit = best.as_ref().map_or(usize::MAX, Vec::len);
            if limit <= recipe.shortest {
                break;
            }
            let is_first = best.is_none() && is_certain;
            if self.walk.steps > steps_max && !is_first {
                given_up = best.is_none();
                break;
            }
            if let Some(cycle) = self.cycle(recipe, *anchor, limit).filter(|cycle| is_simple(cycle)) {
                best = Some(cycle);
            }
        }
        match best {
            Some(cycle) => Search::Found(cycle),
            None if given_up => Search::GivenUp { is_there: !anchors.is_empty() },
            None => Search::None,
        }
    }

    /// The shortest cycle by this anchor, if it has fewer transactions than `limit`.
    fn cycle(&mut self, recipe: Recipe, (from, kind, to): (u32, u32, u32), limit: usize) -> Option<Vec<Step>> {
        let start = to * 2 + u32::from(recipe.is_spaced);
        let mut walk = std::mem::take(&mut self.walk);
        let is_closed = walk.reaches(self, recipe, start, from * 2, limit);
        let cycle = is_closed.then(|| self.steps(&walk, start, from * 2, kind));
        self.walk = walk;
        cycle
    }

    /// The way back from `goal` to `start`, told forwards and beginning with the anchor.
    fn steps(&self, walk: &Walk, start: u32, goal: u32, anchor: u32) -> Vec<Step> {
        let mut way = Vec::new();
        let mut state = goal;
        while state != start {
            let (from, kind) = walk.from[state as usize];
            way.push((kind, state / 2));
            state = from;
        }
        way.push((anchor, start / 2));
        let (mut steps, mut from, mut led) = (Vec::new(), goal / 2, SAME);
        for (kind, to) in way.into_iter().rev() {
            // The kind of what leads through joints is that of its first edge.
            led = if kind == SAME { led } else { kind };
            if !self.is_between[to as usize] {
                let [one, other] = [from, to].map(|node| OpId(self.nodes[node as usize]));
                steps.push(Step { from: one, dependency: dependency(led), to: other });
                from = to;
            }
        }
        steps
    }
}

/// How a search for a kind of cycle ended.
enum Search {
    Found(Vec<Step>),
    None,
    GivenUp {
        /// Whether there is a cycle that is as bad.
        is_there: bool,
    },
}

impl Walk {
    fn begin(&mut self, nodes: usize) {
        self.seen.clear();
        self.seen.resize(nodes * 2, 0);
        self.from.resize(nodes * 2, (NONE, NONE));
        self.search = 0;
    }

    /// Whether `goal` can be reached from `start` so that fewer than `limit` transactions are met, `start` included.
    fn reaches(&mut self, part: &Part, recipe: Recipe, start: u32, goal: u32, limit: usize) -> bool {
        self.search += 1;
        self.now.clear();
        self.later.clear();
        self.now.push(start);
        self.seen[start as usize] = self.search;
        let mut met = usize::from(!part.is_between[start as usize / 2]);
        while met < limit && !self.now.is_empty() {
            while let Some(state) = self.now.pop() {
                if state == goal {
                    return true;
                }
                for edge in part.edges_of(state / 2) {
                    self.steps += 1;
                    let Next::To(to) = recipe.next(state, *edge, recipe.is_spaced) else { continue };
                    if std::mem::replace(&mut self.seen[to as usize], self.search) == self.search {
                        continue;
                    }
                    self.from[to as usize] = (state, edge.1);
                    if part.is_between[to as usize / 2] { self.now.push(to) } else { self.later.push(to) }
                }
            }
            std::mem::swap(&mut self.now, &mut self.later);
            met += 1;
        }
        false
    }
}

fn dependency(kind: u32) -> Dependency {
    Dependency::ALL[kind as usize]
}

fn is_simple(cycle: &[Step]) -> bool {
    let mut from: Vec<OpId> = cycle.iter().map(|step| step.from).collect();
    from.sort_unstable();
    from.windows(2).all(|pair| pair[0] != pair[1])
}

/// What a cycle is called.
pub(super) fn name(cycle: &[Step]) -> Cyclic {
    let has = |dependency| cycle.iter().any(|step| step.dependency == dependency);
    let is_rw = |at: usize| cycle[at % cycle.len()].dependency.is_rw();
    let misses = (0..cycle.len()).filter(|at| is_rw(*at)).count();
    let by_predicate = usize::from(has(Dependency::PredicateRw));
    let shape = match misses {
        0 if has(Dependency::Wr) || has(Dependency::PredicateWr) => Shape::G1c,
        0 => Shape::G0,
        1 => [Shape::GSingleItem, Shape::GSingle][by_predicate],
        _ if (0..cycle.len()).any(|at| is_rw(at) && is_rw(at + 1)) => [Shape::G2Item, Shape::G2][by_predicate],
        _ => [Shape::GNonadjacentItem, Shape::GNonadjacent][by_predicate],
    };
    let relation = match (has(Dependency::Process), has(Dependency::Realtime)) {
        (_, true) => Relation::Realtime,
        (true, false) => Relation::Process,
        (false, false) => Relation::Plain,
    };
    Cyclic { shape, relation }
}

/// The own name of a cycle that has one.
fn special(cycle: &[Step]) -> Option<Phenomenon> {
    use Dependency::{Realtime, Rw, Wr};
    let is = |pattern: &[Dependency]| {
        let turns = |by: usize| cycle.iter().cycle().skip(by).zip(pattern).all(|(step, kind)| step.dependency == *kind);
        cycle.len() == pattern.len() && (0..cycle.len()).any(turns)
    };
    if is(&[Rw, Wr, Rw, Wr]) {
        Some(Phenomenon::LongFork)
    } else {
        is(&[Rw, Realtime, Wr]).then_some(Phenomenon::CausalReverse)
    }
}

/// Reports a cycle; of several of a kind the shortest stays.
fn add(report: &mut Report, cyclic: Cyclic, cycle: Vec<Step>) {
    let phenomenon = Phenomenon::Cycle(cyclic);
    match report.findings.iter_mut().find(|finding| finding.phenomenon == phenomenon) {
        Some(known) => {
            known.count += 1;
            if matches!(&known.witness, Witness::Cycle(steps) if steps.len() > cycle.len()) {
                known.witness = Witness::Cycle(cycle);
            }
        }
        None => report.findings.push(Finding { phenomenon, witness: Witness::Cycle(cycle), count: 1 }),
    }
}

/// A search passed its limit. Whether there is a cycle with spaces between its *rw* is known without one.
fn give_up(report: &mut Report, cyclic: Cyclic, is_there: bool, steps_max: u64) {
    if is_there {
        let by_predicate = usize::from(cyclic.shape.is_by_predicate());
        let spaced = Cyclic { shape: [Shape::GNonadjacentItem, Shape::GNonadjacent][by_predicate], ..cyclic };
        report.add(Phenomenon::CycleExists(spaced), || Witness::Cycle(Vec::new()));
    }
    report.undecided.push(Undecided::Search { phenomenon: Phenomenon::Cycle(cyclic), steps_max });
}
