//! Brute force: every order in which versions can have come, and every cycle of the dependencies that follow.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, test_runner::RngSeed};

use super::super::{
    compact::{Fate, deeds},
    cycles,
    levels::{Level, Levels},
    phenomena::{Phenomenon, Weak},
    *,
};
use crate::{
    history::{Call, Completion, Deed, Event, Micro, OpId, Value},
    list_append::FUNCTIONS,
};

/// A history of lists or registers, small enough to try all orders of versions.
struct Oracle<'a> {
    history: &'a History,
    /// The transactions that took effect, with what they did.
    effective: Vec<(u32, &'a [Micro])>,
}

type Order = BTreeMap<u32, Vec<u64>>;

fn did(history: &History, op: u32) -> (bool, &[Micro]) {
    let (fate, micros) = deeds(history, op);
    (fate == Fate::Committed, micros)
}

/// What a read found, as the versions that it had before it: of a register just the last.
fn found<'a>(history: &'a History, micro: &'a Micro) -> &'a [u64] {
    history.values.numbers(&micro.value)
}

impl<'a> Oracle<'a> {
    fn new(history: &'a History) -> Self {
        let ops = 0..history.operations.len() as u32;
        let read: Vec<(u32, u64)> = ops
            .clone()
            .filter(|op| did(history, *op).0)
            .flat_map(|op| did(history, op).1.iter().filter(|micro| micro.deed == Deed::Read))
            .flat_map(|micro| found(history, micro).iter().map(|value| (micro.key, *value)))
            .collect();
        let was_read = |micro: &Micro| match micro.value {
            Value::Int(value) if micro.deed != Deed::Read => read.contains(&(micro.key, value)),
            _ => false,
        };
        let is_effective = |op: &u32| match deeds(history, *op) {
            (Fate::Committed, _) => true,
            (Fate::Open, micros) => micros.iter().any(was_read),
            (Fate::Aborted, _) => false,
        };
        let effective = ops.filter(is_effective).map(|op| (op, deeds(history, op).1)).collect();
        Self { history, effective }
    }

    fn writes(&self, key: u32) -> Vec<(u32, u64)> {
        let of = |(op, micros): &(u32, &[Micro])| {
            let op = *op;
            let writes = micros.iter().filter(|micro| micro.key == key && micro.deed != Deed::Read);
            writes.filter_map(move |micro| Some((op, number(micro)?))).collect::<Vec<_>>()
        };
        self.effective.iter().flat_map(of).collect()
    }

    /// Every order of the versions of a key that fits what was read and keeps the order within a transaction.
    fn orders(&self, key: u32) -> Vec<Vec<u64>> {
        let writes = self.writes(key);
        let mut all = Vec::new();
        permute(&mut writes.iter().map(|(_, value)| *value).collect(), 0, &mut all);
        let place = |order: &[u64], value: u64| order.iter().position(|other| *other == value);
        all.retain(|order| {
            let keeps = writes
                .windows(2)
                .all(|pair| pair[0].0 != pair[1].0 || place(order, pair[0].1) < place(order, pair[1].1));
            keeps && self.effective.iter().all(|(op, micros)| self.fits(*op, micros, key, order))
        });
        all
    }

    /// Whether the lists that a transaction read begin this order.
    fn fits(&self, op: u32, micros: &[Micro], key: u32, order: &[u64]) -> bool {
        let reads = micros.iter().filter(|micro| micro.key == key && micro.deed == Deed::Read);
        let lists = reads.filter(|micro| matches!(micro.value, Value::List(_)) && did(self.history, op).0);
        lists.into_iter().all(|micro| order.starts_with(found(self.history, micro)))
    }

    /// Whether no two transactions wrote what nobody read of one key: their order is open, and each way can lead to another cycle.
    fn has_known_orders(&self) -> bool {
        let keys = self.effective.iter().flat_map(|(_, micros)| micros.iter().map(|micro| micro.key));
        keys.collect::<BTreeSet<u32>>().into_iter().all(|key| {
            let reads =
                self.effective.iter().filter(|(op, _)| did(self.history, *op).0).flat_map(|(_, micros)| micros.iter());
            let of_key = reads.filter(|micro| micro.key == key && micro.deed == Deed::Read);
            let seen: BTreeSet<u64> = of_key.flat_map(|micro| found(self.history, micro).to_vec()).collect();
            let unread = self.writes(key).into_iter().filter(|(_, value)| !seen.contains(value));
            unread.map(|(op, _)| op).collect::<BTreeSet<u32>>().len() < 2
        })
    }

    /// What all cycles rule out, given these orders of versions.
    fn ruled_out(&self, order: &Order, orders: Orders) -> Levels {
        let count = self.history.operations.len();
        let mut edges = vec![Vec::new(); count];
        let mut link = |from: u32, to: u32, dependency| {
            let step = Step { from: OpId(from), dependency, to: OpId(to) };
            if from != to && !edges[from as usize].contains(&step) {
                edges[from as usize].push(step);
            }
        };
        for (key, versions) in order {
            let writer = |value: u64| self.writes(*key).iter().find(|(_, other)| *other == value).map(|(op, _)| *op);
            for pair in versions.windows(2) {
                if let (Some(one), Some(other)) = (writer(pair[0]), writer(pair[1])) {
                    link(one, other, Dependency::Ww);
                }
            }
            for (op, micros) in self.effective.iter().filter(|(op, _)| did(self.history, *op).0) {
                let first = micros.iter().find(|micro| micro.key == *key);
                let Some(read) = first.filter(|micro| micro.deed == Deed::Read) else { continue };
                let place =
                    found(self.history, read).last().and_then(|value| versions.iter().position(|other| other == value));
                let next = place.map_or(0, |place| place + 1);
                if let Some(writer) = place.and_then(|place| writer(versions[place])) {
                    link(writer, *op, Dependency::Wr);
                }
                if let Some(writer) = versions.get(next).and_then(|value| writer(*value)) {
                    link(*op, writer, Dependency::Rw);
                }
            }
        }
        let at = |event: Event| self.history.events.iter().position(|other| *other == event).unwrap_or(usize::MAX);
        for (one, _) in self.effective.iter().filter(|(op, _)| did(self.history, *op).0) {
            for (other, _) in &self.effective {
                if at(Event::Complete(OpId(*one))) < at(Event::Invoke(OpId(*other))) {
                    if orders.realtime {
                        link(*one, *other, Dependency::Realtime);
                    }
                    let process = |op: u32| self.history.operations[op as usize].process;
                    if orders.process && process(*one) == process(*other) {
                        link(*one, *other, Dependency::Process);
                    }
                }
            }
        }
        let mut levels = Levels::default();
        for start in 0..count as u32 {
            extend(&edges, start, &[], &mut levels);
        }
        levels
    }

    /// What cycles rule out however versions were ordered.
    fn certain(&self, orders: Orders) -> Option<Levels> {
        let keys: BTreeSet<u32> =
            self.effective.iter().flat_map(|(_, micros)| micros.iter().map(|micro| micro.key)).collect();
        let mut all: Vec<Order> = vec![Order::new()];
        for key in keys {
            let of_key = self.orders(key);
            let with = |order: &Order| {
                of_key
                    .iter()
                    .map(|versions| (order, versions))
                    .map(|(order, versions)| {
                        let mut order = order.clone();
                        order.insert(key, versions.clone());
                        order
                    })
                    .collect::<Vec<_>>()
            };
            all = all.iter().flat_map(with).collect();
        }
        let each = all.iter().map(|order| self.ruled_out(order, orders));
        each.reduce(|one, other| one.iter().filter(|level| other.contains(*level)).collect())
    }
}

fn number(micro: &Micro) -> Option<u64> {
    match micro.value {
        Value::Int(value) => Some(value),
        _ => None,
    }
}

fn permute(items: &mut Vec<u64>, from: usize, all: &mut Vec<Vec<u64>>) {
    if from == items.len() {
        all.push(items.clone());
    }
    for at in from..items.len() {
        items.swap(from, at);
        permute(items, from + 1, all);
        items.swap(from, at);
    }
}

/// Adds what every simple cycle from `start` through later transactions rules out.
fn extend(edges: &[Vec<Step>], start: u32, way: &[Step], levels: &mut Levels) {
    let last = way.last().map_or(start, |step| step.to.0);
    for step in &edges[last as usize] {
        let (to, mut longer) = (step.to.0, way.to_vec());
        longer.push(*step);
        if to == start {
            let phenomenon = Phenomenon::Cycle(cycles::name(&longer));
            *levels = levels.iter().chain(phenomenon.rules_out().iter()).collect();
        } else if to > start && way.iter().all(|step| step.to.0 != to) {
            extend(edges, start, &longer, levels);
        }
    }
}

/// Histories of a store that is mostly right: reads are now and then of what was there at the invocation, or of less.
fn histories(deed: Deed) -> impl Strategy<Value = History> {
    let part = (any::<bool>(), 1..=2_u32);
    let event = (0..3_u32, proptest::collection::vec(part, 1..3), any::<u8>(), 0..12_u8);
    proptest::collection::vec(event, 0..12).prop_map(move |events| build(deed, &events))
}

type Drawn = (u32, Vec<(bool, u32)>, u8, u8);

fn build(deed: Deed, events: &[Drawn]) -> History {
    let mut history = History { functions: FUNCTIONS, ..History::default() };
    let mut open: Vec<Option<(OpId, Order)>> = vec![None; 3];
    let (mut state, mut fresh) = (Order::new(), 0);
    for (process, parts, luck, end) in events {
        let now = history.events.len() as u64;
        let Some((op, snapshot)) = open[*process as usize].take() else {
            let mut part = |(reads, key): &(bool, u32)| {
                fresh += u64::from(!reads);
                let value = if *reads { Value::Nil } else { Value::Int(fresh) };
                Micro { deed: if *reads { Deed::Read } else { deed }, key: *key, value }
            };
            let parts: Vec<Micro> = parts.iter().map(&mut part).collect();
            let input = history.values.transaction(&parts);
            let op = history.invoke(*process, Call { function: 0, key: 0, input }, 1, now);
            open[*process as usize] = Some((op, state.clone()));
            continue;
        };
        let mut seen = if *luck < 100 { snapshot } else { state.clone() };
        let mut done = Vec::new();
        for micro in history.values.micros(history.operation(op).call.input).to_vec() {
            let versions = seen.entry(micro.key).or_default();
            let value = match (micro.deed, number(&micro)) {
                (Deed::Read, _) => {
                    let len = versions.len().saturating_sub(usize::from(luck % 8 == 0));
                    match deed {
                        Deed::Append => history.values.list(&versions[..len]),
                        _ => versions[..len].last().map_or(Value::Nil, |value| Value::Int(*value)),
                    }
                }
                (_, Some(value)) => {
                    versions.push(value);
                    if *end > 0 {
                        // Now and then what is written is put before what is there.
                        let versions = state.entry(micro.key).or_default();
                        let at = versions.len() - usize::from(luck % 16 == 1 && !versions.is_empty());
                        versions.insert(at, value);
                    }
                    micro.value
                }
                _ => micro.value,
            };
            done.push(Micro { value, ..micro });
        }
        let output = history.values.transaction(&done);
        let completion = match end {
            0 => Completion::Fail,
            1 => Completion::Info,
            _ => Completion::Ok(output),
        };
        history.complete(op, completion, now);
    }
    history
}

/// What cycles rule out in a report, unless it has findings of other kinds.
fn by_cycles(report: &Report) -> Option<Levels> {
    let is_other = |finding: &Finding| !matches!(finding.phenomenon, Phenomenon::Cycle(_) | Phenomenon::LostUpdate);
    if report.findings.iter().any(is_other) {
        return None;
    }
    let cycles = report.findings.iter().filter(|finding| finding.phenomenon != Phenomenon::LostUpdate);
    Some(cycles.flat_map(|finding| finding.phenomenon.rules_out().iter()).collect())
}

const EVERY: [Orders; 4] = [
    Orders { process: false, realtime: false },
    Orders { process: true, realtime: false },
    Orders { process: false, realtime: true },
    Orders { process: true, realtime: true },
];

fn names(levels: Levels) -> Vec<&'static str> {
    levels.iter().map(Level::name).collect()
}

/// Whether some order of whole transactions explains the history, under which a transaction comes after those that `comes_before` says.
fn has_order(history: &History, comes_before: &dyn Fn(u32, u32) -> bool) -> bool {
    place(history, comes_before, 0, &Order::new())
}

fn place(history: &History, comes_before: &dyn Fn(u32, u32) -> bool, taken: u32, state: &Order) -> bool {
    let ops = || (0..history.operations.len() as u32).filter(|op| taken & 1 << op == 0);
    let is_ok = |op: &u32| did(history, *op).0;
    if !ops().any(|op| is_ok(&op)) {
        return true;
    }
    let may_come =
        |op: &u32| deeds(history, *op).0 != Fate::Aborted && !ops().filter(is_ok).any(|other| comes_before(other, *op));
    ops().filter(may_come).any(|op| {
        let (is_known, micros) = did(history, op);
        let mut after = state.clone();
        let fits = micros.iter().all(|micro| {
            let versions = after.entry(micro.key).or_default();
            match (micro.deed, number(micro)) {
                (Deed::Append | Deed::Write, Some(value)) => versions.push(value),
                _ if !is_known => {}
                (_, Some(value)) => return versions.last() == Some(&value),
                _ if matches!(micro.value, Value::List(_)) => return versions == found(history, micro),
                _ => return versions.is_empty(),
            }
            true
        });
        fits && place(history, comes_before, taken | 1 << op, &after)
    })
}

/// Whether the history is serializable, so that one order respects that of each process, and of real time.
fn is_serializable(history: &History, orders: Orders) -> bool {
    let at = |event: Event| history.events.iter().position(|other| *other == event).unwrap_or(usize::MAX);
    let comes_before = |one: u32, other: u32| {
        let is_over = at(Event::Complete(OpId(one))) < at(Event::Invoke(OpId(other)));
        let process = |op: u32| history.operations[op as usize].process;
        is_over && (orders.realtime || orders.process && process(one) == process(other))
    };
    has_order(history, &comes_before)
}

/// A history under a weak level, as Biswas & Enea define it (2019): is there an order of commits?
struct Commits<'a> {
    oracle: Oracle<'a>,
    /// By transaction and part, whose version a read found; `None`: what was there at the beginning.
    sources: BTreeMap<(u32, usize), Option<u32>>,
    /// By pair, whether one comes before another by sessions and reads.
    before: BTreeSet<(u32, u32)>,
    /// The same, through others.
    long_before: BTreeSet<(u32, u32)>,
}

impl<'a> Commits<'a> {
    fn new(history: &'a History) -> Self {
        let oracle = Oracle::new(history);
        let (mut sources, mut before) = (BTreeMap::new(), BTreeSet::new());
        let writer =
            |key: u32, value: u64| oracle.writes(key).iter().find(|write| write.1 == value).map(|write| write.0);
        for (op, micros) in oracle.effective.iter().filter(|(op, _)| did(history, *op).0) {
            for (at, micro) in micros.iter().enumerate().filter(|(_, micro)| micro.deed == Deed::Read) {
                let source = number(micro).and_then(|value| writer(micro.key, value));
                sources.insert((*op, at), source);
                before.extend(source.filter(|source| source != op).map(|source| (source, *op)));
            }
        }
        let process = |op: u32| history.operations[op as usize].process;
        for (at, (one, _)) in oracle.effective.iter().enumerate() {
            let later = oracle.effective[at + 1..].iter().filter(|(other, _)| process(*other) == process(*one));
            before.extend(later.map(|(other, _)| (*one, *other)));
        }
        let mut long_before = before.clone();
        loop {
            let joined = long_before.iter().flat_map(|(one, via)| {
                long_before.iter().filter(move |(from, _)| from == via).map(move |(_, other)| (*one, *other))
            });
            let longer: BTreeSet<(u32, u32)> = joined.chain(long_before.iter().copied()).collect();
            if longer == long_before {
                return Self { oracle, sources, before, long_before };
            }
            long_before = longer;
        }
    }

    /// Whether a transaction sees, as of one of its parts, what another wrote.
    fn sees(&self, level: Weak, other: u32, (op, at): (u32, usize)) -> bool {
        match level {
            Weak::ReadCommitted => (0..at).any(|earlier| self.sources.get(&(op, earlier)) == Some(&Some(other))),
            Weak::ReadAtomic => self.before.contains(&(other, op)),
            Weak::Causal => self.long_before.contains(&(other, op)),
        }
    }

    fn has(&self, level: Weak) -> bool {
        let mut all = Vec::new();
        let mut ops: Vec<u64> = self.oracle.effective.iter().map(|(op, _)| u64::from(*op)).collect();
        permute(&mut ops, 0, &mut all);
        all.iter().any(|order| self.fits(level, order))
    }

    fn fits(&self, level: Weak, order: &[u64]) -> bool {
        let place = |op: u32| order.iter().position(|other| *other == u64::from(op));
        let is_right = |((op, at), source): (&(u32, usize), &Option<u32>)| {
            let micros = did(self.oracle.history, *op).1;
            let key = micros[*at].key;
            let is_outer = micros[..*at].iter().all(|before| before.key != key);
            if *source == Some(*op) || (level != Weak::ReadCommitted && !is_outer) {
                return true;
            }
            let mut others = self.oracle.writes(key).into_iter().map(|(other, _)| other);
            others.all(|other| {
                let matters = other != *op && Some(other) != *source && self.sees(level, other, (*op, *at));
                !matters || source.is_some_and(|source| place(other) < place(source))
            })
        };
        self.before.iter().all(|(one, other)| place(*one) < place(*other)) && self.sources.iter().all(is_right)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn lists_keep_the_models_that_brute_force_says(history in histories(Deed::Append)) {
        let mut judge = Transactions::new();
        for orders in EVERY {
            let options = Options { orders, ..Options::new(Objects::Lists) };
            let report = judge.check(&history, options);
            let strictest = if orders.realtime { Level::StrictSerializable }
                else if orders.process { Level::StrongSessionSerializable } else { Level::Serializable };
            prop_assert_eq!(report.holds(strictest) == Holds::No, !is_serializable(&history, orders), "{:?}\n{}", report, crate::write::to_edn(&history));
            if let (Some(found), Some(expected)) = (by_cycles(report), Oracle::new(&history).certain(orders)) {
                let told = format!("{orders:?} {report:?}\n{}", crate::write::to_edn(&history));
                prop_assert!(found.iter().all(|level| expected.contains(level)), "{:?} {}", names(expected), told);
                if Oracle::new(&history).has_known_orders() {
                    prop_assert_eq!(names(found), names(expected), "{}", told);
                }
            }
        }
    }

    #[test]
    fn registers_lack_no_model_that_brute_force_keeps(history in histories(Deed::Write)) {
        let mut judge = Transactions::new();
        for orders in EVERY {
            let nothing = VersionOrders { writes_follow_reads: false, sequential_keys: false, linearizable_keys: false };
            let follow = VersionOrders { writes_follow_reads: true, ..nothing };
            let strictest = if orders.realtime { Level::StrictSerializable }
                else if orders.process { Level::StrongSessionSerializable } else { Level::Serializable };
            let options = Options { orders, versions: follow, ..Options::new(Objects::Registers) };
            let report = judge.check(&history, options);
            prop_assert!(report.holds(strictest) != Holds::No || !is_serializable(&history, orders), "{:?}\n{}", report, crate::write::to_edn(&history));
            let report = judge.check(&history, Options { versions: nothing, ..options });
            if let (Some(found), Some(expected)) = (by_cycles(report), Oracle::new(&history).certain(orders)) {
                prop_assert!(found.iter().all(|level| expected.contains(level)), "{:?} {:?}", names(expected), report);
            }
        }
    }

    #[test]
    fn registers_have_the_weak_levels_that_brute_force_says(history in histories(Deed::Write)) {
        let mut judge = Transactions::new();
        let orders = Orders { process: true, realtime: false };
        let report = judge.check(&history, Options { orders, weak: Some(Weak::Causal), ..Options::new(Objects::Registers) });
        let is_flawed = |finding: &Finding| !matches!(
            finding.phenomenon,
            Phenomenon::Cycle(_) | Phenomenon::CommitCycle(_) | Phenomenon::LostUpdate | Phenomenon::CyclicVersions
        );
        if !report.findings.iter().any(is_flawed) {
            let commits = Commits::new(&history);
            for level in Weak::ALL {
                let found = |level: &Weak| report.finding(Phenomenon::CommitCycle(*level)).is_some();
                let is_missed = Weak::ALL.iter().filter(|weaker| **weaker <= level).any(found);
                prop_assert_eq!(!is_missed, commits.has(level), "{:?} {:?}\n{}", level, report, crate::write::to_edn(&history));
            }
        }
    }

    #[test]
    fn short_histories_of_registers_are_decided_as_brute_force_says(history in histories(Deed::Write)) {
        let mut judge = Transactions::new();
        let levels = [
            (EVERY[0], Level::Serializable, Level::SnapshotIsolation),
            (EVERY[1], Level::StrongSessionSerializable, Level::StrongSessionSnapshotIsolation),
            (EVERY[2], Level::StrictSerializable, Level::StrongSnapshotIsolation),
        ];
        for (orders, serializable, snapshot) in levels {
            let options = Options { orders, tries_orders: true, ..Options::new(Objects::Registers) };
            let report = judge.check(&history, options);
            let told = format!("{report:?}\n{}", crate::write::to_edn(&history));
            let is_flawed = |finding: &Finding| !matches!(
                finding.phenomenon,
                Phenomenon::Cycle(_) | Phenomenon::CycleExists(_) | Phenomenon::LostUpdate | Phenomenon::CyclicVersions
            );
            if !report.findings.iter().any(is_flawed) {
                prop_assert_eq!(report.holds(serializable) == Holds::No, !is_serializable(&history, orders), "{}", told);
                if let Some(expected) = Oracle::new(&history).certain(orders) {
                    prop_assert_eq!(report.holds(snapshot) == Holds::No, expected.contains(snapshot), "{}", told);
                }
            }
        }
    }
}
