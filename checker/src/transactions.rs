//! Transactions over lists or registers: which consistency models can hold, given what they saw of each other?
//!
//! What transactions read says whose writes they saw, and in which order objects took their versions. From that follows who must
//! come before whom, and a cycle, or a read that is wrong by itself, is a phenomenon that rules out models (Adya, 1999). How versions
//! are inferred, and the names of phenomena, are those of Elle (Kingsbury & Alvaro, 2020).
//!
//! What is reported is there. The reverse holds as far as versions are ordered: all of a list that was read, little of a register.
//!
//! Deliberately absent: models chosen before the search. One search answers for all of them.

mod compact;
mod components;
mod cycles;
mod graph;
mod guarantees;
pub mod levels;
mod lists;
mod observer;
pub mod phenomena;
pub mod picture;
mod polygraph;
pub mod predicates;
mod reasons;
mod registers;
mod report;
#[cfg(test)]
mod tests;
mod weak;
pub mod words;

pub(crate) use self::observer::verdict;
use self::{
    compact::{Compact, NONE, Part},
    cycles::Cycles,
    graph::Graph,
    guarantees::Guarantees,
    lists::Lists,
    phenomena::{Cyclic, Phenomenon, Relation, Shape, Weak},
    polygraph::Polygraph,
    predicates::Predicates,
    registers::Registers,
    weak::WeakLevels,
};
pub use self::{
    graph::Orders,
    observer::AtEnd,
    reasons::Reason,
    registers::VersionOrders,
    report::{CommitReason, CommitStep, Dependency, Finding, Holds, Objects, Report, Step, Undecided, Witness},
};
use crate::history::History;

/// How many edges are followed in search of each kind of cycle.
pub const STEPS_MAX: u64 = 20_000_000;

/// What to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What transactions read and write.
    pub objects: Objects,
    /// Which orders transactions have to respect, beside what they saw of each other.
    pub orders: Orders,
    /// What orders the versions of registers.
    pub versions: VersionOrders,
    /// The strongest weak level to decide whatever the order of versions, and with it those that are weaker.
    pub weak: Option<Weak>,
    /// Whether to look for broken guarantees of sessions.
    pub guarantees: bool,
    /// Whether to try all orders of versions of registers, where a history has few transactions.
    pub tries_orders: bool,
    /// How many edges to follow in search of each kind of cycle, in each group of transactions that come before each other.
    pub steps_max: u64,
}

impl Options {
    /// The usual options for these objects.
    pub fn new(objects: Objects) -> Self {
        let versions = VersionOrders { writes_follow_reads: true, sequential_keys: false, linearizable_keys: false };
        Self {
            objects,
            orders: Orders { process: false, realtime: true },
            versions,
            weak: None,
            guarantees: false,
            tries_orders: false,
            steps_max: STEPS_MAX,
        }
    }
}

/// The judge of transactions. It allocates nothing once it has seen a few histories of the same kind, unless something is wrong.
#[derive(Clone, Debug, Default)]
pub struct Transactions {
    compact: Compact,
    lists: Lists,
    registers: Registers,
    graph: Graph,
    cycles: Cycles,
    weak: WeakLevels,
    guarantees: Guarantees,
    predicates: Predicates,
    /// Of a history with predicates, the same as one of registers.
    flat: History,
    report: Report,
}

impl Transactions {
    /// A judge that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Judges a history.
    pub fn check(&mut self, history: &History, options: Options) -> &Report {
        self.report.clear();
        let Self { compact, lists, registers, graph, cycles, weak, guarantees, predicates, flat, report } = self;
        predicates.clear();
        let (history, objects) = match options.objects {
            Objects::Lists | Objects::Registers => (history, options.objects),
            Objects::Predicates => {
                predicates.load(history, flat, report);
                (&*flat, Objects::Registers)
            }
        };
        compact.load(history, objects, &mut report.undecided);
        predicates.drop_doubtful(compact);
        match objects {
            Objects::Lists => {
                lists.read(compact, history, report);
                graph.build(compact, history, options.orders, |sink| lists.link(compact, sink));
            }
            Objects::Registers => {
                registers.read(compact, history, options.versions, report);
                predicates.find(compact, registers, report);
                graph.build(compact, history, options.orders, |sink| {
                    registers.link(compact, sink);
                    predicates.link(sink);
                });
            }
            Objects::Predicates => unreachable!("they are told as registers"),
        }
        if graph.is_empty() {
            report.undecided.push(Undecided::NoDependencies);
        }
        if let Some(level) = options.weak {
            weak.check(
                compact,
                history,
                level,
                |part| match objects {
                    Objects::Lists => Some(lists.before(part.key(), part.version, compact)),
                    Objects::Registers | Objects::Predicates => registers.version_of(part),
                },
                report,
            );
        }
        if options.guarantees {
            match objects {
                Objects::Lists => {
                    guarantees.check(
                        compact,
                        history,
                        |part| lists.count_at(part),
                        |_, one, other| one < other,
                        report,
                    );
                }
                Objects::Registers | Objects::Predicates => {
                    let version = |part: Part| Some(part.version).filter(|version| *version != NONE);
                    let is_earlier = |key, one, other| registers.is_earlier(key, one, other);
                    guarantees.check(compact, history, version, is_earlier, report);
                }
            }
        }
        cycles.find(graph, options.orders, !predicates.is_empty(), options.steps_max, report);
        if options.tries_orders && objects == Objects::Registers {
            try_orders(compact, registers, history, options, report);
        }
        predicates.restore(report);
        report.findings.sort_by_key(|finding| finding.phenomenon);
        report
    }
}

/// So many edges of a search for cycles take as long as one step of the search for an order of versions.
const EDGES_A_STEP: u64 = 1_000;

/// Decides serializability and snapshot isolation where nothing that is known contradicts them.
fn try_orders(compact: &Compact, registers: &Registers, history: &History, options: Options, report: &mut Report) {
    let relation = match options.orders {
        Orders { realtime: true, .. } => Relation::Realtime,
        Orders { process: true, .. } => Relation::Process,
        Orders { .. } => Relation::Plain,
    };
    let steps_max = options.steps_max / EDGES_A_STEP;
    for shape in [Shape::G2Item, Shape::GNonadjacentItem] {
        let phenomenon = Phenomenon::CycleExists(Cyclic { shape, relation });
        let ruled_out = report.ruled_out();
        if phenomenon.rules_out().iter().all(|level| ruled_out.contains(level)) {
            continue;
        }
        let is_snapshot = shape == Shape::GNonadjacentItem;
        let read = |part| registers.version_of(part);
        let polygraph = Polygraph::new(compact, history, options.orders, is_snapshot, read);
        match polygraph.map(|mut polygraph| polygraph.holds(steps_max)) {
            Some(Holds::No) => report.add(phenomenon, || Witness::EveryOrder),
            Some(Holds::Unknown) => report.undecided.push(Undecided::Search { phenomenon, steps_max }),
            Some(Holds::Yes) | None => {}
        }
    }
}
