use super::{levels::Level, *};
use crate::{list_append::FUNCTIONS, testing::parse_as};

mod oracle;
mod predicates;

/// The names of what is wrong with the history in `text`.
#[track_caller]
fn check_with(options: Options, text: &str, expected: &str) -> Report {
    let history = parse_as(FUNCTIONS, text);
    let mut judge = Transactions::new();
    let report = judge.check(&history, options).clone();
    let names: Vec<String> = report.findings.iter().map(|finding| finding.phenomenon.to_string()).collect();
    assert_eq!(names.join(" "), expected, "{report:#?}");
    for finding in &report.findings {
        let told = judge.tell(&history, options.objects, finding);
        let explained = |told: &words::ToldStep| {
            told.reason.is_some() || matches!(told.step.dependency, Dependency::Process | Dependency::Realtime)
        };
        assert!(told.steps.iter().all(explained), "{told}");
    }
    assert_eq!(judge.check(&history, options), &report, "a judge can be used again");
    report
}

const PLAIN: Orders = Orders { process: false, realtime: false };
const PROCESS: Orders = Orders { process: true, realtime: false };
const REALTIME: Orders = Orders { process: false, realtime: true };

#[track_caller]
fn lists(orders: Orders, text: &str, expected: &str) -> Report {
    check_with(Options { orders, ..Options::new(Objects::Lists) }, text, expected)
}

#[track_caller]
fn registers(orders: Orders, text: &str, expected: &str) -> Report {
    check_with(Options { orders, ..Options::new(Objects::Registers) }, text, expected)
}

/// A history of transactions that all overlap: `p0: a1=1 r2=`, one a line. With `!` after the process one aborts, with `?` nobody
/// knows.
fn concurrent(lines: &str) -> String {
    let (mut invocations, mut ends) = (String::new(), String::new());
    for line in lines.lines() {
        let (process, parts) = line.trim().split_once(": ").expect("a process and its parts");
        let (name, end) = match process.strip_suffix(['!', '?']) {
            Some(name) => (name, if process.ends_with('!') { "fail".to_owned() } else { "info".to_owned() }),
            None => (process, format!("ok {parts}")),
        };
        let asked = parts.split(' ').map(|part| match part.split_once('=') {
            Some((read, _)) if read.starts_with(['r', 'v']) => read,
            _ => part,
        });
        invocations += &format!("{name} txn {}\n", asked.collect::<Vec<_>>().join(" "));
        ends += &format!("{name} {end}\n");
    }
    (invocations + &ends).trim_end().to_owned()
}

/// The same, one after the other.
fn in_turn(lines: &str) -> String {
    lines.lines().map(concurrent).collect::<Vec<_>>().join("\n")
}

#[test]
fn transactions_in_turn_see_each_other() {
    let report = lists(REALTIME, &in_turn("p0: a1=1 r1=1\np1: r1=1 a1=2 r2=\np0: r1=1,2"), "");
    assert_eq!(report.holds(Level::StrictSerializable), Holds::Yes);
    let report = registers(REALTIME, &in_turn("p0: w1=1 v1=1\np1: v1=1 w1=2 v2=\np0: v1=2"), "");
    assert_eq!(report.holds(Level::StrictSerializable), Holds::Yes);
}

/// Each phenomenon of lists in a smallest history that has it and nothing that is worse, with the weakest models that it rules out.
#[test]
fn each_phenomenon_of_lists_has_a_history_of_its_own() {
    let check = |orders, text: &str, expected: &str, not: &str| {
        let report = lists(orders, text, expected);
        let names: Vec<&str> = report.not().iter().map(Level::name).collect();
        assert_eq!(names.join(" "), not, "{expected}");
        let history = parse_as(FUNCTIONS, text);
        for op in 0..history.operations.len() {
            let rest = history.filter(|other| *other != history.operations[op]);
            let options = Options { orders, ..Options::new(Objects::Lists) };
            let names = |report: &Report| report.findings.iter().map(|one| one.phenomenon).collect::<Vec<_>>();
            let left = names(Transactions::new().check(&rest, options));
            assert_ne!(left, names(&report), "{expected} is there without transaction {op}");
        }
    };
    let own = |text: &str, expected: &str, not: &str| check(PLAIN, &concurrent(text), expected, not);
    own("p0: a1=1 a2=1\np1: a1=2 a2=2\np2: r1=1,2 r2=2,1", "G0", "read-uncommitted");
    own("p0: a1=1 r2=1\np1: a2=1 r1=1", "G1c", "read-committed");
    own("p0: a1=1 a2=1\np1: r1=1 r2=", "G-single-item", "repeatable-read consistent-view");
    own("p0: a1=1\np1: a2=1\np2: r1=1 r2=\np3: r1= r2=1", "long-fork G-nonadjacent-item", "repeatable-read prefix");
    own("p0: r1= a2=1\np1: r2= a1=1", "G2-item", "repeatable-read");
    own("p0: r1=7", "garbage-read", "read-uncommitted");
    own("p0: a1=1\np1: r1=1,1", "duplicate-elements", "read-uncommitted");
    own("p0!: a1=1\np1: r1=1", "G1a", "read-committed");
    own("p0: a1=1 a1=2\np1: r1=1", "G1b G-single-item", "read-committed");
    own("p0!: a1=1\np1: a1=2\np2: r1=1,2", "G1a dirty-update", "read-committed");
    own("p0: a1=1\np1: a1=2\np2: r1=1,2\np3: r1=2,1", "incompatible-order", "read-committed");
    own("p0: r1=1 a1=1", "future-read", "read-committed");
    own("p0: a1=1 r1=", "internal", "read-atomic");
    own("p0: r1= a1=1\np1: r1= a1=2\np2: r1=1,2", "lost-update G-single-item", "update-atomic cursor-stability");
    let ordered = |orders, text: &str, expected: &str, not: &str| check(orders, &in_turn(text), expected, not);
    let crossed = "p0: a1=1\np0: a1=2\np1: r1=2,1";
    ordered(PROCESS, crossed, "G0-process", "strong-session-read-uncommitted");
    ordered(REALTIME, crossed, "G0-realtime", "strong-read-uncommitted");
    let early = "p0: r1=1\np0: a1=1";
    ordered(PROCESS, early, "G1c-process", "strong-session-read-committed");
    ordered(REALTIME, early, "G1c-realtime", "strong-read-committed");
    let stale = "p0: a1=1\np0: r1=";
    ordered(PROCESS, stale, "G-single-item-process", "strong-session-snapshot-isolation");
    ordered(REALTIME, stale, "G-single-item-realtime", "strong-snapshot-isolation");
    // Each process reads what the other had not yet written, and then itself writes.
    let apart = "p0: a1=1\np0: r2=\np1: a2=1\np1: r1=";
    ordered(PROCESS, apart, "G-nonadjacent-item-process", "strong-session-snapshot-isolation");
    own("p0: a1=1 a1=2\np1: r1=2,1", "cyclic-versions G1b", "read-uncommitted");
    own("p0: a1=1 a1=2\np1: r1=2", "cyclic-versions G-single-item", "read-uncommitted");
    // One writes what the other missed, and its process goes on to miss what the other wrote.
    let skewed = "p0 txn r1 a2=1\np1 txn a1=1\np1 ok a1=1\np1 txn r2 a3=1\np1 ok r2= a3=1\np0 ok r1= a2=1";
    check(PROCESS, skewed, "G2-item-process", "strong-session-serializable");
    check(REALTIME, skewed, "G2-item-realtime", "strict-serializable");
}

/// The same for what is told of registers only, or otherwise.
#[test]
fn each_phenomenon_of_registers_has_a_history_of_its_own() {
    let own = |text: &str, expected: &str| drop(registers(PLAIN, &concurrent(text), expected));
    own("p0: v1=1 w1=2 v2=4 w2=3\np1: w1=1 v2=3 w2=9\np2: v2= w2=4", "G0");
    own("p0: w1=1 v2=1\np1: w2=1 v1=1", "G1c");
    own("p0: w1=1 w2=1\np1: v1=1 v2=", "G-single-item");
    own("p0: w1=1\np1: w2=1\np2: v1=1 v2=\np3: v1= v2=1", "long-fork G-nonadjacent-item");
    own("p0: v1= w2=1\np1: v2= w1=1", "G2-item");
    own("p0: v1=7", "garbage-read");
    own("p0!: w1=1\np1: v1=1", "G1a");
    own("p0: w1=1 w1=2\np1: v1=1", "G1b G-single-item");
    own("p0: v1=1 w1=1", "future-read");
    own("p0: w1=1 v1=", "internal");
    own("p0: v1= w1=1\np1: v1= w1=2", "lost-update G2-item");
    own("p0: v1=1 w1=2\np1: v1=2 w1=1", "cyclic-versions G1c");
}

#[test]
fn each_guarantee_of_sessions_has_a_history_that_breaks_it_alone() {
    let check = |objects, text: &str, expected: &str| {
        let options = Options { orders: PLAIN, guarantees: true, ..Options::new(objects) };
        drop(check_with(options, &in_turn(text), expected));
    };
    let list = |text: &str, expected: &str| check(Objects::Lists, text, expected);
    list("p0: a1=1\np1: r1=1\np1: r1=", "non-monotonic-read");
    list("p0: a1=1\np0: a1=2\np1: r1=2,1", "non-monotonic-write");
    list("p0: a1=1\np0: r1=\np1: r1=1", "own-write-missed");
    list("p0: a1=1\np0: r1=1\np0: a1=2\np1: r1=1\np1: r1=1,2", "");
    let register = |text: &str, expected: &str| check(Objects::Registers, text, expected);
    register("p0: w1=1\np1: v1=1\np1: v1=", "non-monotonic-read");
    register("p0: w1=1\np0: v1=\np1: v1=1", "own-write-missed");
    register("p0: v1=2 w1=1\np1: v1=1\np1: w1=2", "write-before-read");
    register("p0: v1=2 w1=1\np0: w1=2", "non-monotonic-write");
    register("p0: w1=1\np0: v1=1\np1: v1=1 w1=2\np0: v1=2", "");
}

#[test]
fn a_read_of_the_later_of_two_writes_alone_is_a_causal_reverse() {
    // The read began before either write, so that only their order is known.
    let reverse =
        "p2 txn r1 r2\np0 txn a1=1\np0 ok a1=1\np1 txn a2=1\np1 ok a2=1\np2 ok r1= r2=1\np2 txn r1\np2 ok r1=1";
    lists(REALTIME, reverse, "causal-reverse G-single-item-realtime");
}

/// Each weak level in a smallest history that breaks it and no weaker one, each process a session.
#[test]
fn each_weak_level_has_a_history_that_breaks_it_alone() {
    let weak = |text: &str, expected: &str| {
        let options = Options { orders: PROCESS, weak: Some(Weak::Causal), ..Options::new(Objects::Registers) };
        let report = check_with(options, text, expected);
        report.not().iter().map(Level::name).collect::<Vec<_>>().join(" ")
    };
    // It reads the later write, then the earlier one that another's reader shows to have been overwritten.
    let back = in_turn("p0: w1=1 w2=1\np1: w1=2 w2=2\np2: v1=1 v2=2\np3: v1=2 v2=1");
    assert_eq!(weak(&back, "commit-cycle-read-committed"), "session-read-committed");
    // The same, where it reads of one object the one's version and then the other's.
    let again = in_turn("p0: w1=1 w2=1\np1: w1=2 w2=2\np2: v2=1 v1=1 v1=2\np3: v2=2 v1=1");
    assert_eq!(weak(&again, "internal commit-cycle-read-committed"), "read-atomic session-read-committed");
    let torn = in_turn("p0: w1=1 w2=1\np1: w1=2 w2=2\np2: v1=1 v2=2");
    assert_eq!(weak(&torn, "commit-cycle-read-atomic"), "session-read-atomic");
    let lost = in_turn("p0: w1=1\np0: w1=2 w2=1\np1: v2=1 w3=1\np2: v3=1 v1=1");
    assert_eq!(weak(&lost, "commit-cycle-causal"), "causal");
    let fork = in_turn("p0: w1=1 w2=1\np1: w1=2\np2: w2=2\np3: v1=2 v2=1\np4: v1=1 v2=2");
    assert_eq!(weak(&fork, ""), "", "a long fork is causal");
    // What was there at the beginning is read after what was written over it.
    let initial = in_turn("p0: w1=1 w2=1\np1: v2=1 v1=");
    assert_eq!(
        weak(&initial, "commit-cycle-read-committed G-single-item"),
        "repeatable-read consistent-view session-read-committed"
    );
}

#[test]
fn blind_writes_are_ordered_by_trial_where_nothing_else_does() {
    let tries = |text: &str, expected: &str| {
        let versions = VersionOrders { writes_follow_reads: false, sequential_keys: false, linearizable_keys: false };
        let options = Options { orders: PLAIN, versions, tries_orders: true, ..Options::new(Objects::Registers) };
        drop(check_with(options, &concurrent(text), expected));
    };
    // Each of two readers sees another order of the two writers.
    let torn = "p0: w1=1 w2=1\np1: w1=2 w2=2\np2: v1=1 v2=2";
    tries(torn, "PL-SI-cycle-exists PL-2.99-cycle-exists");
    registers(PLAIN, &concurrent(torn), "");
    tries("p0: w1=1 w2=1\np1: w1=2 w2=2\np2: v1=1 v2=1\np3: v1=2 v2=2", "");
    // Two blind writers of one register, each of which missed the other's write of a second one.
    tries("p0: w1=1 v2= w3=1\np1: w1=2 v3= w2=1", "G2-item PL-SI-cycle-exists");
}

#[test]
fn cycles_are_drawn() {
    let history = parse_as(FUNCTIONS, &concurrent("p0: r1= a2=1\np1: r2= a1=1"));
    let options = Options { orders: PLAIN, ..Options::new(Objects::Lists) };
    let mut judge = Transactions::new();
    let report = judge.check(&history, options).clone();
    let told = judge.tell(&history, Objects::Lists, &report.findings[0]);
    let dot = picture::dot(&told).expect("a cycle has a picture");
    assert!(dot.starts_with("digraph \"G2-item\" {") && dot.contains("\"T0\" -> \"T1\" [label=\"rw\""), "{dot}");
    let svg = picture::svg(&told).expect("it is a small one");
    assert!(svg.matches("<rect").count() == 2 && svg.contains("T0 &lt; T1: T0 read [] of k1"), "{svg}");
    let single = Finding { witness: Witness::EveryOrder, ..report.findings[0].clone() };
    assert_eq!(picture::svg(&judge.tell(&history, Objects::Lists, &single)), None);
}

#[test]
fn versions_of_registers_are_ordered_as_the_user_has_it() {
    let with = |versions, text: &str, expected: &str| {
        drop(check_with(Options { versions, orders: PLAIN, ..Options::new(Objects::Registers) }, text, expected));
    };
    let nothing = VersionOrders { writes_follow_reads: false, sequential_keys: false, linearizable_keys: false };
    let skewed = concurrent("p0: v1=1 w1=2\np1: w1=1 w3=1\np2: v1=1 v3=1 w4=1\np3: v1=2 v4= ");
    with(nothing, &skewed, "");
    let sessions = "p0: w1=1\np0: w1=2 w2=1\n";
    with(nothing, &in_turn(&format!("{sessions}p1: v2=1 v1=1")), "");
    with(
        VersionOrders { sequential_keys: true, ..nothing },
        &in_turn(&format!("{sessions}p1: v2=1 v1=1")),
        "G-single-item",
    );
    let open = "p1 txn v2 v1\n".to_owned() + &in_turn(sessions) + "\np1 ok v2=1 v1=1";
    with(VersionOrders { linearizable_keys: true, ..nothing }, &open, "G-single-item");
    with(
        VersionOrders { linearizable_keys: true, ..nothing },
        &in_turn(&format!("{sessions}p1: v1=1")),
        "cyclic-versions",
    );
}

#[test]
fn what_cannot_be_told_is_unknown() {
    let report = lists(PLAIN, &in_turn("p0: a1=1\np1: a2=1"), "");
    assert_eq!(report.undecided, [Undecided::NoDependencies]);
    assert_eq!(report.holds(Level::ReadUncommitted), Holds::Unknown);
    let report = lists(PLAIN, &concurrent("p0: a1=1\np1: a1=1\np2: r1=1"), "");
    assert_eq!(report.undecided[0], Undecided::WrittenTwice { key: 1, value: 1 });
    let report = lists(PLAIN, &concurrent("p0: w1=1"), "");
    assert!(matches!(report.undecided[0], Undecided::OtherDeed { key: 1, .. }));
}

/// Many who read all there is of a list, and many whose appends nobody read: as many edges as there are of both.
#[test]
fn many_unread_appends_come_after_many_reads() {
    let reads: String = (0..40).map(|p| format!("p{p}: r1= r2={}\n", if p == 7 { "1" } else { "" })).collect();
    let appends: String = (40..80).map(|p| format!("p{p}: r1= a1={p}\n")).collect();
    let skew = "p90: a2=1 r1=";
    let report = lists(PLAIN, &concurrent(format!("{reads}{appends}{skew}").trim_end()), "lost-update G2-item");
    assert_eq!(report.findings[0].count, 39);
    // One that does both comes before all others, and not before itself.
    let blind: String = (40..80).map(|p| format!("p{p}: a1={p}\n")).collect();
    let reads: String = (0..40).map(|p| format!("p{p}: r1=\n")).collect();
    lists(PLAIN, &concurrent(&format!("{reads}{blind}p90: r1= a1=90")), "");
}

/// A milder cycle that is shorter does not hide the worse one, neither by edges nor by joints.
#[test]
fn a_long_fork_is_found_among_write_skews() {
    let fork =
        |second: &str, third: &str| format!("p90: a5=1\np91: a6=1\np92: r5=1 r6= {second}\np93: r5= r6=1 {third}");
    let skewed = concurrent(&fork("r3= a4=1", "r4= a3=1"));
    let found = lists(PLAIN, &skewed, "long-fork G-nonadjacent-item");
    assert_eq!(found.holds(Level::SnapshotIsolation), Holds::No);
    // Three of which the first misses the second's write and that one the third's, whose write the first read.
    let three = "p90: a5=1\np91: a6=1\np92: r9=1 r7= r5=1 r6=\np93: r5= r6=1 a7=1 r8=\np94: a8=1 a9=1\np95: r7=1 r8=1";
    lists(PLAIN, &concurrent(three), "long-fork G-nonadjacent-item");
    let appends: String = (0..40).map(|p| format!("p{p}: r1= a1={p}\n")).collect();
    let crowded = concurrent(&(appends + &fork("r1= a1=200", "r1= a1=201")));
    lists(PLAIN, &crowded, "lost-update long-fork G-nonadjacent-item");
}
