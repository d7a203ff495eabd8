//! Reads by predicates: each phenomenon by itself, and brute force.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::RngSeed};

use super::super::{
    compact::{Fate, deeds},
    levels::Level,
    predicates::FUNCTIONS,
    *,
};
use crate::{
    family::Family,
    history::{Call, Completion, Deed, Event, Micro, OpId, Predicate, Value},
    read::{Format, read},
    write,
};

/// A history as EDN of transactions that all overlap, `p0: [:insert 1 5] [:rp :true {}]`, one a line; after `init: {1 5}`, what there is
/// at the beginning. With `!` after the process one aborts, with `?` nobody knows.
fn concurrent(lines: &str) -> String {
    let (mut begins, mut ends) = (String::new(), String::new());
    for line in lines.lines() {
        let (name, parts) = line.trim().split_once(": ").expect("a process and its parts");
        if name == "init" {
            let entry = |kind: &str| format!("{{:type :{kind} :f :init :process 99 :value {parts}}}\n");
            begins += &(entry("invoke") + &entry("ok"));
            continue;
        }
        let process = name.trim_matches(['p', '!', '?']);
        let kind = if name.ends_with('!') {
            "fail"
        } else if name.ends_with('?') {
            "info"
        } else {
            "ok"
        };
        let entry = |kind: &str| format!("{{:type :{kind} :f :txn :process {process} :value [{parts}]}}\n");
        begins += &entry("invoke");
        ends += &entry(kind);
    }
    begins + &ends
}

/// The same, one after the other.
fn in_turn(lines: &str) -> String {
    lines.lines().map(concurrent).collect()
}

#[track_caller]
fn history(text: &str) -> History {
    read(text, Format::Edn, Family::ClosedPredicate).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn names(report: &Report) -> String {
    report.findings.iter().map(|finding| finding.phenomenon.to_string()).collect::<Vec<_>>().join(" ")
}

/// Checks what is found, what it rules out, that every step has a sentence, and that no transaction can be left out.
#[track_caller]
fn check(orders: Orders, text: &str, expected: &str, not: &str) -> String {
    let history = history(text);
    let options = Options { orders, ..Options::new(Objects::Predicates) };
    let mut judge = Transactions::new();
    let report = judge.check(&history, options).clone();
    assert_eq!(names(&report), expected, "{report:#?}");
    let weakest: Vec<&str> = report.not().iter().map(Level::name).collect();
    assert_eq!(weakest.join(" "), not, "{expected}");
    assert_eq!(judge.check(&history, options), &report, "a judge can be used again");
    let told: Vec<words::Told> =
        report.findings.iter().map(|finding| judge.tell(&history, options.objects, finding)).collect();
    for step in told.iter().flat_map(|told| &told.steps) {
        let is_order = matches!(step.step.dependency, Dependency::Process | Dependency::Realtime);
        assert!(is_order || step.reason.is_some(), "{step:?}");
    }
    for op in history.operations.iter().filter(|op| op.call.function == 0 && !expected.is_empty()) {
        let rest = history.filter(|other| other != op);
        assert_ne!(names(judge.check(&rest, options)), expected, "{expected} is there without {op:?}");
    }
    told.iter().map(ToString::to_string).collect()
}

const PLAIN: Orders = Orders { process: false, realtime: false };
const PROCESS: Orders = Orders { process: true, realtime: false };
const REALTIME: Orders = Orders { process: false, realtime: true };

/// Each phenomenon in a smallest history that has it and nothing that is worse, with the weakest models that it rules out.
#[test]
fn each_phenomenon_of_predicates_has_a_history_of_its_own() {
    let own = |text: &str, expected: &str, not: &str| check(PLAIN, &concurrent(text), expected, not);
    // A phantom: the second read finds what the first did not.
    own("p0: [:insert 1 5]\np1: [:rp :true {}] [:rp :true {1 5}]", "G-single", "consistent-view");
    let fork = "p0: [:insert 1 5]\np1: [:insert 2 6]\np2: [:rp [:= 5] {1 5}] [:rp [:= 6] {}]\np3: [:rp [:= 5] {}] [:rp [:= 6] {2 6}]";
    own(fork, "G-nonadjacent", "snapshot-isolation");
    let skew = "p0: [:rp [:= 5] {}] [:insert 1 6]\np1: [:rp [:= 6] {}] [:insert 2 5]";
    own(skew, "G2", "serializable");
    own("init: {1 5}\np0: [:rp [:> 4] {}]", "predicate-read-miss", "serializable");
    own("init: {1 5}\np0: [:rp [:> 5] {1 5}]", "predicate-read-extra", "serializable");
    // What is found is an item.
    let items = "init: {1 5, 2 9}\np0: [:rp [:= 5] {1 5}] [:delete 2]\np1: [:r 2 9] [:w 1 6]";
    own(items, "G2-item", "repeatable-read");
    // One saw the other's deletion, as it did not find what was there before.
    let cycle = "init: {1 5}\np0: [:delete 1] [:r 2 7]\np1: [:insert 2 7] [:rp :true {2 7}]";
    own(cycle, "G1c", "read-committed");
    own("init: {1 5}\np0!: [:w 1 6]\np1: [:rp [:= 5] {}]", "G1a", "read-committed");
    own("init: {1 5}\np0: [:w 1 6] [:w 1 7]\np1: [:rp [:mod 2 1] {}]", "G1b", "read-committed");
    own("p0: [:insert 1 5] [:rp :true {}]", "internal", "read-atomic");
    own("p0: [:insert 1 5] [:rp :true {1 5}] [:delete 1] [:rp :true {}] [:r 1 nil]", "", "");
    own("init: {1 5}\np0: [:r 1 nil]", "garbage-read", "read-uncommitted");
    let stale = "p0: [:insert 1 5]\np0: [:rp :true {}]";
    check(PROCESS, &in_turn(stale), "G-single-process", "strong-session-snapshot-isolation");
    check(REALTIME, &in_turn(stale), "G-single-realtime", "strong-snapshot-isolation");
    let apart = "p0: [:insert 1 5]\np0: [:rp [:= 6] {}]\np1: [:insert 2 6]\np1: [:rp [:= 5] {}]";
    check(PROCESS, &in_turn(apart), "G-nonadjacent-process", "strong-session-snapshot-isolation");
}

/// One writes what the other missed, and its process goes on to miss what the other wrote.
#[test]
fn skews_that_orders_close_have_a_history_of_their_own() {
    let entry = |kind: &str, process: u32, parts: &str| {
        format!("{{:type :{kind} :f :txn :process {process} :value [{parts}]}}\n")
    };
    let (skew, write, miss) = ("[:rp [:= 5] {}] [:insert 2 6]", "[:insert 1 5]", "[:rp [:= 6] {}] [:insert 3 7]");
    let inner = entry("invoke", 1, write) + &entry("ok", 1, write) + &entry("invoke", 1, miss) + &entry("ok", 1, miss);
    let text = entry("invoke", 0, skew) + &inner + &entry("ok", 0, skew);
    check(PROCESS, &text, "G2-process", "strong-session-serializable");
    check(REALTIME, &text, "G2-realtime", "strict-serializable");
}

#[test]
fn every_step_says_what_was_not_found() {
    let told =
        check(PLAIN, &concurrent("p0: [:insert :x 5]\np1: [:rp [:> 4] {}] [:r :x 5]"), "G-single", "consistent-view");
    let sentence = "T1 < T0: T1 did not find x by [:> 4] (its part 1), which is before T0 wrote 5 (its part 1)";
    assert!(told.contains(sentence) && told.contains("T1 = [rp [:> 4] {}, r x 5] by p1"), "{told}");
    let cycle = "init: {:x 5}\np0: [:delete :x] [:r :y 7]\np1: [:insert :y 7] [:rp :true {:y 7}]";
    let told = check(PLAIN, &concurrent(cycle), "G1c", "read-committed");
    let sentence =
        "T2 did not find x by :true (its part 2), though all that it was before T1 deleted it (its part 1) fits";
    assert!(told.contains(sentence) && told.contains("delete x, "), "{told}");
}

fn found(lines: &str) -> String {
    let options = Options { orders: PLAIN, ..Options::new(Objects::Predicates) };
    names(Transactions::new().check(&history(&concurrent(lines)), options))
}

/// An object that several writes hide was hidden by the first of them at the earliest.
#[test]
fn several_versions_that_do_not_fit_are_one_where_they_follow_each_other() {
    let hidden =
        "init: {1 5}\np0: [:r 1 5] [:w 1 6] [:r 2 9]\np1: [:r 1 6] [:w 1 7]\np2: [:rp [:= 5] {}] [:insert 2 9]";
    assert_eq!(found(hidden), "G1c");
    // Deleted and written again: it was missed before either, or after both.
    let either = "p0: [:insert 1 5]\np1: [:r 1 5] [:delete 1]\np2: [:rp :true {}]";
    assert_eq!(found(either), "");
}

#[test]
fn what_cannot_be_told_is_unknown() {
    let twice = history(&concurrent("init: {1 5}\np0: [:w 1 5]\np1: [:rp :true {}]"));
    let mut judge = Transactions::new();
    let report = judge.check(&twice, Options::new(Objects::Predicates));
    assert_eq!(report.undecided[0], Undecided::WrittenTwice { key: 1, value: 5 });
    assert_eq!(report.holds(Level::Serializable), Holds::Unknown);
}

#[test]
fn a_history_is_written_and_read_in_both_forms() {
    let text =
        concurrent("init: {1 5, 2 8}\np0: [:rp [:mod 2 1] {1 5}] [:delete 1] [:r 2 8]\np1?: [:rp :true nil] [:w 3 4]");
    let history = history(&text);
    let judged = |history: &History| Transactions::new().check(history, Options::new(Objects::Predicates)).clone();
    for (format, written) in
        [(Format::Edn, write::to_edn(&history)), (Format::JsonLines, write::to_json_lines(&history))]
    {
        let again =
            read(&written, format, Family::ClosedPredicate).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(judged(&again), judged(&history));
        let rewritten = if format == Format::Edn { write::to_edn(&again) } else { write::to_json_lines(&again) };
        assert_eq!(rewritten, written);
    }
}

/// What a transaction is drawn from: kinds of parts with keys, luck, and how it ends.
type Drawn = (u32, Vec<(u8, u32)>, u8, u8);

/// Histories of a store that is mostly right; with `is_once`, no object is written more than once.
fn histories(is_once: bool) -> impl Strategy<Value = History> {
    let part = (0..5_u8, 1..=3_u32);
    let event = (0..3_u32, proptest::collection::vec(part, 1..4), any::<u8>(), 0..12_u8);
    let begin = proptest::collection::btree_map(1..=3_u32, 0..2_u64, 0..3);
    (begin, proptest::collection::vec(event, 0..12)).prop_map(move |(begin, events)| build(is_once, &begin, &events))
}

type State = BTreeMap<u32, u64>;

const PREDICATES: [Predicate; 4] =
    [Predicate::Any, Predicate::Modulo(2, 1), Predicate::Modulo(2, 0), Predicate::Greater(2)];

fn build(is_once: bool, begin: &State, events: &[Drawn]) -> History {
    let mut history = History { functions: FUNCTIONS, ..History::default() };
    let parts: Vec<Micro> =
        begin.iter().map(|(key, value)| Micro { deed: Deed::Begin, key: *key, value: Value::Int(*value) }).collect();
    let input = history.values.transaction(&parts);
    let op = history.invoke(9, Call { function: 1, key: 0, input }, 1, 0);
    history.complete(op, Completion::Ok(Value::Nil), 0);
    let mut open: Vec<Option<(OpId, Vec<Micro>, State)>> = vec![None; 3];
    let (mut state, mut written, mut fresh) = (begin.clone(), Vec::new(), 1);
    for (process, parts, luck, end) in events {
        let now = history.events.len() as u64;
        let Some((op, asked, snapshot)) = open[*process as usize].take() else {
            let mut asked = Vec::new();
            for (kind, key) in parts {
                let is_write = *kind < 2 && !(is_once && written.contains(key));
                fresh += 1;
                let part = Micro { deed: Deed::Write, key: *key, value: Value::Int(fresh) };
                asked.push(match kind {
                    0 if is_write => part,
                    1 if is_write => Micro { value: Value::Nil, ..part },
                    2 => Micro { deed: Deed::Read, value: Value::Nil, ..part },
                    _ => history.values.search(PREDICATES[(*key as usize + usize::from(*kind)) % 4], None),
                });
                written.extend(is_write.then_some(*key));
            }
            let input = history.values.transaction(&asked);
            let op = history.invoke(*process, Call { function: 0, key: 0, input }, 1, now);
            open[*process as usize] = Some((op, asked, state.clone()));
            continue;
        };
        let mut seen = if *luck < 100 { snapshot } else { state.clone() };
        let mut done = Vec::new();
        for micro in asked {
            done.push(match micro.deed {
                Deed::Read => {
                    Micro { value: seen.get(&micro.key).map_or(Value::Nil, |value| Value::Int(*value)), ..micro }
                }
                Deed::Match => {
                    let (predicate, _) = history.values.searched(&micro).expect("it is a search");
                    let fitting = seen.iter().filter(|(_, value)| predicate.fits(**value));
                    let mut found: Vec<(u32, Value)> = fitting.map(|(key, value)| (*key, Value::Int(*value))).collect();
                    if luck % 16 == 0 {
                        found.pop();
                    }
                    history.values.search(predicate, Some(&found))
                }
                Deed::Write | Deed::Append | Deed::Begin => {
                    put(&mut seen, &micro);
                    if *end > 0 {
                        put(&mut state, &micro);
                    }
                    micro
                }
            });
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

fn put(state: &mut State, write: &Micro) {
    match write.value {
        Value::Int(value) => drop(state.insert(write.key, value)),
        _ => drop(state.remove(&write.key)),
    }
}

/// Whether some order of whole transactions explains the history, that of time or of each process respected.
fn is_serializable(history: &History, orders: Orders) -> bool {
    let at = |event: Event| history.events.iter().position(|other| *other == event).unwrap_or(usize::MAX);
    let comes_before = |one: u32, other: u32| {
        let is_over = at(Event::Complete(OpId(one))) < at(Event::Invoke(OpId(other)));
        let process = |op: u32| history.operations[op as usize].process;
        is_over && (orders.realtime || orders.process && process(one) == process(other))
    };
    let begin = history.values.micros(history.operations[0].call.input);
    let mut state = State::new();
    begin.iter().for_each(|micro| put(&mut state, micro));
    place(history, &comes_before, 1, &state)
}

fn place(history: &History, comes_before: &dyn Fn(u32, u32) -> bool, taken: u32, state: &State) -> bool {
    let ops = || (0..history.operations.len() as u32).filter(|op| taken & 1 << op == 0);
    let is_ok = |op: &u32| deeds(history, *op).0 == Fate::Committed;
    if !ops().any(|op| is_ok(&op)) {
        return true;
    }
    let may_come =
        |op: &u32| deeds(history, *op).0 != Fate::Aborted && !ops().filter(is_ok).any(|other| comes_before(other, *op));
    ops().filter(may_come).any(|op| {
        let (fate, micros) = deeds(history, op);
        let mut after = state.clone();
        let fits = micros.iter().all(|micro| match micro.deed {
            Deed::Write | Deed::Append | Deed::Begin => {
                put(&mut after, micro);
                true
            }
            _ if fate != Fate::Committed => true,
            Deed::Read => micro.value == after.get(&micro.key).map_or(Value::Nil, |value| Value::Int(*value)),
            Deed::Match => {
                let (predicate, found) = history.values.searched(micro).expect("it is a search");
                let found = found.expect("it committed").iter().map(|read| (read.key, read.value));
                let fitting = after.iter().filter(|(_, value)| predicate.fits(**value));
                found.eq(fitting.map(|(key, value)| (*key, Value::Int(*value))))
            }
        });
        fits && place(history, comes_before, taken | 1 << op, &after)
    })
}

const EVERY: [(Orders, Level); 3] =
    [(PLAIN, Level::Serializable), (PROCESS, Level::StrongSessionSerializable), (REALTIME, Level::StrictSerializable)];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Where no object is written twice, as `elle.closed-predicate` generates them, nothing is missed.
    #[test]
    fn objects_written_once_are_serializable_as_brute_force_says(history in histories(true)) {
        let mut judge = Transactions::new();
        for (orders, level) in EVERY {
            let report = judge.check(&history, Options { orders, ..Options::new(Objects::Predicates) });
            let told = format!("{orders:?} {report:?}\n{}", write::to_edn(&history));
            prop_assert_eq!(report.ruled_out().contains(level), !is_serializable(&history, orders), "{}", told);
        }
    }

    /// Where objects are written often, nothing is blamed that is right.
    #[test]
    fn no_history_is_blamed_that_brute_force_explains(history in histories(false)) {
        let mut judge = Transactions::new();
        for (orders, level) in EVERY {
            let versions = VersionOrders { writes_follow_reads: false, sequential_keys: false, linearizable_keys: false };
            for tries_orders in [false, true] {
                let options = Options { orders, versions, tries_orders, ..Options::new(Objects::Predicates) };
                let report = judge.check(&history, options);
                let told = format!("{orders:?} {report:?}\n{}", write::to_edn(&history));
                prop_assert!(!report.ruled_out().contains(level) || !is_serializable(&history, orders), "{}", told);
            }
        }
    }
}
