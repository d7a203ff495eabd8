//! Workloads: what clients do is what the configuration says, in the long run and exactly where it promises that, and
//! whoever breaks a promise to them is found.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use murphy_checker::history::{Completion, Deed, Micro, Operation, Value};
use murphy_sim::{
    About, Boot, Context, ListAppend, Options, Outcome, Property, Register, Run, Runner, Set, Target, Verdict,
    Workload,
    echo::{Answer, Echo, EchoNode, Request},
    vocabulary,
};

use crate::probe::schedule;

/// `echo` with one workload only.
struct Only(fn() -> Workload<EchoNode>);

impl Target for Only {
    type Node = EchoNode;

    fn about(&self) -> About {
        Echo.about()
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, EchoNode>) -> EchoNode {
        Echo.start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<EchoNode>> {
        vec![(self.0)()]
    }

    fn properties(&self) -> Vec<Property<EchoNode>> {
        Echo.properties()
    }
}

fn registers(operations: Register) -> Workload<EchoNode> {
    Workload::new(
        "register",
        operations,
        |op| Request::Register(*op),
        |_, answer| match answer {
            Answer::Value(value) => Completion::Ok(value),
            Answer::Mismatch => Completion::Fail,
            _ => Completion::Ok(None),
        },
    )
}

fn sets(operations: Set) -> Workload<EchoNode> {
    Workload::new(
        "set",
        operations,
        |op| Request::Set(*op),
        |_, answer| match answer {
            Answer::Elements(elements) => Completion::Ok(elements),
            _ => Completion::Ok(Vec::new()),
        },
    )
}

fn lists(operations: ListAppend) -> Workload<EchoNode> {
    Workload::new(
        "list-append",
        operations,
        |op| Request::Lists(op.clone()),
        |_, answer| match answer {
            Answer::Lists(lists) => Completion::Ok(lists),
            _ => Completion::Ok(Vec::new()),
        },
    )
}

/// A long run without faults, and its operations before the final reads.
#[track_caller]
fn long(workload: fn() -> Workload<EchoNode>, shape: &str) -> (Outcome, Vec<Operation>) {
    let text = format!("seed 5\n{shape}\nphases chaos 600s, heal 1s, settle 20s");
    let options = Options { events_max: 10_000_000, ..Options::SEARCH };
    let outcome = Runner::new(Rc::new(Only(workload)), BTreeSet::new()).run(&schedule(&text), options).clone();
    assert_eq!(outcome.verdict, Verdict::Valid);
    let chaos = 600_000_000_000;
    let operations = outcome.history.operations.iter().copied().filter(|one| one.invoked_at < chaos).collect();
    (outcome, operations)
}

/// How far counts are from what the weights say, in standard deviations of Pearson's statistic.
fn surprise(counts: &[usize], weights: &[f64]) -> f64 {
    let total: usize = counts.iter().sum();
    let sum: f64 = weights.iter().sum();
    let expected = weights.iter().map(|weight| total as f64 * weight / sum);
    let chi: f64 = counts.iter().zip(expected).map(|(count, wanted)| (*count as f64 - wanted).powi(2) / wanted).sum();
    let freedom = (counts.len() - 1) as f64;
    (chi - freedom) / (2.0 * freedom).sqrt()
}

/// The counts are what these weights give, and are not what others would.
#[track_caller]
fn follows(counts: &[usize], weights: &[f64]) {
    let other: Vec<f64> =
        weights.iter().enumerate().map(|(at, weight)| weight * (1.0 + 0.2 * (at % 2) as f64)).collect();
    assert!(surprise(counts, weights) < 5.0, "{counts:?} are not as {weights:?}");
    assert!(surprise(counts, &other) > 8.0, "{counts:?} are too few to tell {weights:?} from {other:?}");
}

/// How often each of `0..kinds` comes.
fn count(kinds: usize, items: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut counts = vec![0; kinds];
    items.for_each(|item| counts[item] += 1);
    counts
}

const LONG: &str = "nodes 2, clients 4, keys 8, ops 20000";

#[test]
fn registers_are_read_and_written_as_the_weights_say() {
    let (_, operations) = long(|| registers(Register { mix: [5, 3, 2], ..Register::default() }), LONG);
    assert_eq!(operations.len(), 20_000);
    follows(&count(3, operations.iter().map(|one| one.call.function.into())), &[5.0, 3.0, 2.0]);
    follows(&count(8, operations.iter().map(|one| one.call.key as usize - 1)), &[1.0; 8]);
}

#[test]
fn the_mix_of_a_schedule_outweighs_that_of_the_workload() {
    let shape = format!("{LONG}\nmix 1 6 1");
    let (_, operations) = long(|| registers(Register::default()), &shape);
    follows(&count(3, operations.iter().map(|one| one.call.function.into())), &[1.0, 6.0, 1.0]);
}

#[test]
fn a_key_is_left_after_its_operations() {
    let (outcome, operations) = long(|| registers(Register { ops_per_key: 20, ..Register::default() }), LONG);
    assert_eq!(count(1000, operations.iter().map(|one| one.call.key as usize - 1)), [20; 1000]);
    // Eight keys are in use at a time, mixed.
    let first: BTreeSet<u32> = operations[..160].iter().map(|one| one.call.key).collect();
    assert!(first.len() <= 9, "{first:?}");
    let starts: BTreeSet<u32> = operations[..30].iter().map(|one| one.call.key).collect();
    assert!(starts.len() >= 7, "{starts:?}");
    let last: BTreeSet<u32> = outcome.history.operations[operations.len()..].iter().map(|one| one.call.key).collect();
    assert_eq!(last.len(), 1000, "every key is read a last time");
}

/// The share of operations that touch the same key as the one before, and what it should be.
#[track_caller]
fn conflicts(workload: fn() -> Workload<EchoNode>, analytic: f64) {
    let (_, operations) = long(workload, LONG);
    let pairs = operations.len() - 1;
    let same = operations.windows(2).filter(|pair| pair[0].call.key == pair[1].call.key).count();
    let deviation = (analytic * (1.0 - analytic) / pairs as f64).sqrt();
    let off = (same as f64 / pairs as f64 - analytic) / deviation;
    assert!(off.abs() < 5.0, "{same} of {pairs} conflict, expected {analytic}: {off} standard deviations");
}

#[test]
fn operations_conflict_as_often_as_the_keys_say() {
    conflicts(|| registers(Register::default()), 1.0 / 8.0);
    // The first key has 80 % and an eighth of the rest.
    let others = 0.2 / 8.0;
    conflicts(|| registers(Register::CONFLICTING), (0.8_f64 + others).powi(2) + 7.0 * others * others);
}

#[test]
fn sets_get_unique_elements_and_are_read() {
    let (outcome, operations) = long(|| sets(Set { ops_per_key: 50, ..Set::default() }), LONG);
    follows(&count(2, operations.iter().map(|one| one.call.function.into())), &[4.0, 1.0]);
    assert_eq!(count(400, operations.iter().map(|one| one.call.key as usize - 1)), [50; 400]);
    let elements = operations.iter().filter_map(|one| match one.call.input {
        Value::Int(element) => Some(element),
        _ => None,
    });
    assert_eq!(elements.clone().collect::<BTreeSet<_>>().len(), elements.count());
    let read = outcome.history.operations[operations.len()..].iter().map(|one| one.call.key);
    assert_eq!(read.collect::<BTreeSet<_>>().len(), 400);
}

#[test]
fn adding_what_is_there_changes_nothing() {
    let text = "seed 1\nnodes 2, clients 2, keys 1, ops 0\nat 1s invoke add k1 7 by c1\nat 2s invoke add k1 7 by c2\nat 3s invoke read k1 by c1";
    let mut runner = Runner::new(Rc::new(Only(|| sets(Set::default()))), BTreeSet::new());
    let outcome = runner.run(&schedule(text), Options::SEARCH);
    assert_eq!((&outcome.verdict, outcome.history.completed()), (&Verdict::Valid, 4));
}

fn parts(outcome: &Outcome, one: &Operation) -> Vec<Micro> {
    outcome.history.values.micros(one.call.input).to_vec()
}

#[test]
fn transactions_are_as_long_and_as_mixed_as_configured() {
    let workload = || lists(ListAppend { min_length: 2, max_length: 6, mix: [3, 2], max_writes_per_key: 32 });
    let (outcome, operations) = long(workload, LONG);
    let transactions: Vec<Vec<Micro>> = operations.iter().map(|one| parts(&outcome, one)).collect();
    follows(&count(5, transactions.iter().map(|parts| parts.len() - 2)), &[1.0; 5]);
    let all = || transactions.iter().flatten();
    follows(&count(2, all().map(|part| usize::from(part.deed == Deed::Append))), &[3.0, 2.0]);
    // Eight keys are in use at a time: modulo eight every one is as likely.
    follows(&count(8, all().map(|part| (part.key as usize - 1) % 8)), &[1.0; 8]);
    let mut writes: BTreeMap<u32, usize> = BTreeMap::new();
    all().filter(|part| part.deed == Deed::Append).for_each(|part| *writes.entry(part.key).or_default() += 1);
    assert!(writes.values().all(|writes| *writes <= 32), "{writes:?}");
    let appended: BTreeSet<_> =
        all().filter(|part| part.deed == Deed::Append).map(|part| (part.key, part.value)).collect();
    assert_eq!(appended.len(), writes.values().sum::<usize>(), "elements of a list are unique");
}

#[test]
fn keys_clients_and_rate_are_the_headers() {
    let (_, operations) = long(|| registers(Register::default()), "nodes 2, clients 3, keys 5, ops 60000, rate 40");
    let processes: BTreeSet<u32> = operations.iter().map(|one| one.process).collect();
    let keys: BTreeSet<u32> = operations.iter().map(|one| one.call.key).collect();
    assert_eq!((processes.len(), keys.len()), (3, 5));
    let per_second = operations.len() as f64 / 600.0;
    assert!((39.0..=40.1).contains(&per_second), "{per_second} operations a second");
}

#[test]
fn one_operation_more_shifts_no_other() {
    for workload in [(|| lists(ListAppend::default())) as fn() -> _, || {
        registers(Register { ops_per_key: 5, ..Register::default() })
    }] {
        let calls = |steps: &str| {
            let text =
                format!("seed 5\nnodes 2, clients 3, keys 2, ops 120\nphases chaos 4s, heal 1s, settle 3s\n{steps}");
            let outcome =
                Runner::new(Rc::new(Only(workload)), BTreeSet::new()).run(&schedule(&text), Options::SEARCH).clone();
            let chaos = outcome.history.operations.iter().filter(|one| one.invoked_at < 4_000_000_000);
            chaos.map(|one| (one.process, one.invoked_at, one.call.key, parts(&outcome, one))).collect::<BTreeSet<_>>()
        };
        let function = if calls("").iter().any(|call| call.2 == 0) { "txn" } else { "write" };
        let (before, after) = (calls(""), calls(&format!("at 1s invoke {function} k1 by c2")));
        assert_eq!(after.difference(&before).count(), 1, "the operation itself");
        assert!(before.difference(&after).count() <= 1, "at most the slot in whose place it came");
    }
}

#[test]
fn ten_times_the_load_is_ten_times_the_work() {
    for workload in [
        (|| registers(Register::BASIC)) as fn() -> _,
        || sets(Set { ops_per_key: 40, ..Set::default() }),
        || lists(ListAppend::default()),
    ] {
        let cost = |operations: u32| {
            let shape = format!("nodes 3, clients 15, keys 40, ops {operations}");
            let (outcome, done) = long(workload, &shape);
            assert!(done.len() as u32 > operations * 9 / 10, "{} of {operations} were done", done.len());
            outcome.events
        };
        let (idle, small, large) = (cost(15), cost(3_000), cost(30_000));
        let ratio = (large - idle) as f64 / (small - idle) as f64;
        assert!((8.0..11.0).contains(&ratio), "{idle}, {small}, {large}: {ratio}");
    }
}

/// The names of the anomalies in runs of `echo` with this bug, and how many runs each workload had.
fn anomalies(bug: &str) -> (BTreeSet<String>, BTreeMap<&'static str, usize>) {
    let bugs: BTreeSet<String> = Some(bug.to_owned()).into_iter().filter(|bug| !bug.is_empty()).collect();
    let mut runner = Runner::new(Rc::new(Echo), bugs);
    let (mut names, mut runs) = (BTreeSet::new(), BTreeMap::new());
    for seed in 0..60 {
        let steps = "at 500ms crash n1, restart after 100ms\nat 1s partition n1 | rest for 300ms\nat 2s crash n1, restart after 50ms";
        let text = format!("seed {seed}\nnodes 3, clients 4, keys 2, ops 200\n{steps}");
        let outcome = runner.run(&schedule(&text), Options::SEARCH);
        names.extend(outcome.verdict.anomaly().map(|anomaly| anomaly.name.to_string()));
        assert!(!matches!(outcome.verdict, Verdict::Unknown(_)), "seed {seed}");
        *runs.entry(outcome.history.functions[0]).or_default() += 1;
    }
    (names, runs)
}

#[test]
fn a_schedule_can_name_its_workload() {
    let mut runner = Runner::new(Rc::new(Echo), BTreeSet::new());
    let words = vocabulary(&Echo).workloads;
    for name in words.spellings() {
        for seed in 0..20 {
            let outcome = runner.run(&schedule(&format!("seed {seed}\nworkload {name}")), Options::SEARCH);
            let of = Echo.workloads().into_iter().map(|one| one.about()).find(|about| about.name == name);
            assert_eq!(Some(outcome.history.functions), of.map(|about| about.functions), "{name}, seed {seed}");
        }
    }
    assert!(words.len() > 2);
}

#[test]
fn a_bug_for_each_workload_is_found_and_no_correct_run_is_blamed() {
    let (names, runs) = anomalies("");
    assert_eq!(names, BTreeSet::new());
    assert!(runs.len() == 3 && runs.values().all(|runs| *runs > 10), "each seed chooses a workload: {runs:?}");
    assert_eq!(anomalies("lost-element").0, BTreeSet::from(["missing-element".to_owned()]));
    let (names, _) = anomalies("torn-transaction");
    assert!(names.iter().any(|name| name.starts_with("G-single-item")), "{names:?}");
}
