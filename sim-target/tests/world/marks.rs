//! Marks in a target's code: what must hold, what is worth reaching, and where each of them is.

use std::{panic::AssertUnwindSafe, time::Duration};

use murphy_checker::verdict::{Class, Evidence, Verdict};
use murphy_sim::{
    Input, Outcome, always,
    marks::{self, Best, EACH_MAX, Kind, Site},
    maximize, minimize, reachable, sometimes, sometimes_each, vocabulary,
};

use crate::probe::{Cx, MS, Numbered, Probe, ProbeNode, answer, chatter, chatter_on, idle, report, second, story};

type On = fn(&mut ProbeNode, Input<ProbeNode>, &mut Cx<'_>);

/// A chatter that does `on` instead; marks are those of this file.
fn marked(on: On) -> Probe {
    Probe { about: idle().about.marks_in(module_path!()), on, ..chatter() }
}

/// Whether it is half a second past on node 2.
fn is_due(input: &Input<ProbeNode>, cx: &Cx<'_>) -> bool {
    matches!(input, Input::Timer(_)) && (cx.me(), cx.mono()) == (2, 500 * MS)
}

/// Sends a message, finds that something does not hold, and sends another.
fn fails(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    let due = is_due(&input, cx);
    if due {
        cx.send(1, Numbered { kind: 0, number: 1 });
    }
    always!(!due, "It is never half past!");
    if due {
        cx.send(1, Numbered { kind: 0, number: 2 });
    }
    chatter_on(node, input, cx);
}

/// The place of the only site of this name.
fn place(name: &str) -> &'static str {
    let sites = marks::sites_in(&[module_path!()]);
    let mut places = sites.iter().filter(|site| site.name() == name).map(|site| site.place());
    places.next().expect("there is one")
}

#[track_caller]
fn check_broken(outcome: &Outcome, node: u16, name: &'static str, slug: &str) {
    let anomaly = outcome.verdict.anomaly().unwrap_or_else(|| panic!("{:?}", outcome.verdict));
    assert_eq!((anomaly.class, anomaly.name.as_ref()), (Class::Invariant, slug));
    assert_eq!(anomaly.evidence, Evidence::Mark { node, name, location: place(name) });
    assert_eq!(outcome.time, 500 * MS);
}

#[test]
fn what_must_always_hold_and_does_not_ends_the_handler_and_the_run() {
    let outcome = second(marked(fails), "");
    check_broken(&outcome, 2, "It is never half past!", "it-is-never-half-past");
    assert!(story(&outcome, 2).ends_with("timer0 Tick->n1"), "{}", story(&outcome, 2));
}

#[test]
fn what_must_not_be_reached_and_is_ends_the_run() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if is_due(&input, cx) {
            murphy_sim::unreachable!("half past is reached");
        }
        chatter_on(node, input, cx);
    }
    check_broken(&second(marked(on), ""), 2, "half past is reached", "half-past-is-reached");
}

#[test]
fn past_the_point_of_a_crash_everything_holds() {
    let verdict = |steps: &str| second(marked(fails), steps).verdict;
    assert_eq!(verdict("at 495ms crash n2 cut 1, restart after 100ms"), Verdict::Valid);
    assert_eq!(verdict("before send Tick n2->n1 #50 crash n2, restart after 100ms"), Verdict::Valid);
    assert_ne!(verdict("at 495ms crash n2 cut 2, restart after 100ms"), Verdict::Valid);
}

#[test]
fn what_does_not_hold_is_no_fail_stop_whatever_a_target_declares() {
    let probe = Probe { about: marked(fails).about.fail_stop(""), ..marked(fails) };
    check_broken(&second(probe, ""), 2, "It is never half past!", "it-is-never-half-past");
}

#[test]
fn a_target_that_catches_panics_catches_no_violation() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let caught = std::panic::catch_unwind(AssertUnwindSafe(|| always!(!is_due(&input, cx), "nothing is due")));
        if caught.is_ok() {
            chatter_on(node, input, cx);
        }
    }
    let anomaly = second(marked(on), "").verdict.anomaly().cloned().expect("it is remembered");
    assert_eq!((anomaly.class, anomaly.name.as_ref()), (Class::Invariant, "nothing-is-due"));
}

#[test]
fn outside_a_run_nothing_must_hold_and_nothing_is_rare() {
    always!(1 + 1 == 3, "sums are odd");
    murphy_sim::unreachable!("a test is run");
    assert!(!murphy_sim::buggify!("in a test"));
}

/// Hits each sort of mark at moments of its own.
fn busy(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    if matches!(input, Input::Timer(_)) && cx.me() == 1 {
        let tenths = cx.mono() / (100 * MS);
        sometimes!(tenths == 2, "tenths are two");
        if tenths == 3 {
            reachable!("tenths are three");
        }
        if tenths >= 4 {
            sometimes_each!("tenths and parity", tenths, (cx.mono() / (10 * MS)).is_multiple_of(2));
        }
        if (500 * MS..550 * MS).contains(&cx.mono()) {
            maximize!("latest", Duration::from_nanos(cx.mono()));
            minimize!("earliest", cx.mono());
        }
        always!(tenths < 9_999, "tenths are few");
    }
    chatter_on(node, input, cx);
}

fn rank(name: &str) -> u16 {
    marks::names().binary_search(&name).expect("it is a mark") as u16
}

#[test]
fn every_sort_of_mark_counts_its_hits() {
    let outcome = second(marked(busy), "");
    let hits = |name| outcome.signals.marks[usize::from(rank(name))];
    assert_eq!(hits("tenths are two"), 10);
    assert_eq!(hits("tenths are three"), 10);
    assert_eq!((hits("latest"), hits("earliest")), (5, 5));
    assert_eq!(hits("tenths are few"), 101, "whenever it is evaluated");
}

#[test]
fn a_step_can_wait_for_every_sort_of_mark() {
    let begun = |fact: &str| report(&second(marked(busy), &format!("after mark {fact} note")), "note").begun;
    assert_eq!(begun("\"tenths are two\""), Some(200 * MS));
    assert_eq!(begun("\"tenths are three\" #2"), Some(310 * MS));
    assert_eq!(begun("\"tenths and parity\""), Some(400 * MS));
    assert_eq!(begun("\"latest\" #2"), Some(510 * MS));
    assert_eq!(begun("\"earliest\""), Some(500 * MS));
    assert!(!vocabulary(&marked(busy)).marks.spellings().contains(&"tenths are few".to_owned()));
}

#[test]
fn each_value_has_a_counter_of_its_own() {
    let each = |outcome: &Outcome| outcome.signals.each.clone();
    let outcome = second(marked(busy), "at 795ms pause n1 for 200ms");
    // Four tenths of a second, even and odd, each five times; then the timer that waited for the end of the pause.
    let of_mark = each(&outcome).into_iter().filter(|bucket| bucket.mark == rank("tenths and parity"));
    let mut hits: Vec<u8> = of_mark.map(|bucket| bucket.hits).collect();
    hits.sort_unstable();
    assert_eq!(hits[hits.len() - 8..], [5; 8]);
    assert!(each(&outcome).is_sorted());
    assert_eq!(each(&outcome), each(&second(marked(busy), "at 795ms pause n1 for 200ms")));
    assert_ne!(each(&outcome), each(&second(marked(busy), "")));
}

#[test]
fn a_run_counts_so_many_values_and_no_more() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if let Input::Timer(_) = input {
            (0..20).for_each(|part| sometimes_each!("too many", cx.mono(), part));
        }
        chatter_on(node, input, cx);
    }
    assert_eq!(second(marked(on), "").signals.each.len(), EACH_MAX);
}

#[test]
fn the_best_numbers_of_a_run_are_kept() {
    let best = |mark, least, value| Best { mark: rank(mark), least, value };
    let mut expected = [best("earliest", true, 500_000_000), best("latest", false, 540_000_000)];
    expected.sort_unstable();
    assert_eq!(second(marked(busy), "").signals.bests, expected);
    let (high, low) = (best("latest", false, 7), best("latest", false, 6));
    assert!(high.beats(&low) && !low.beats(&high) && !low.beats(&low));
    let (high, low) = (best("earliest", true, 7), best("earliest", true, 6));
    assert!(low.beats(&high) && !high.beats(&low) && !low.beats(&low));
}

#[test]
fn numbers_that_are_too_large_count_as_the_largest() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        maximize!("most", u64::MAX);
        minimize!("least", i128::MIN);
        answer(node, input, cx);
    }
    let bests = second(Probe { on, ..marked(fails) }, "").signals.bests;
    let values: Vec<i64> = bests.iter().map(|best| best.value).collect();
    assert_eq!(values.iter().max(), Some(&i64::MAX));
    assert_eq!(values.iter().min(), Some(&i64::MIN));
}

#[test]
fn marks_beyond_a_crash_count_nothing() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if is_due(&input, cx) {
            cx.send(1, Numbered { kind: 0, number: 1 });
            reachable!("beyond");
            sometimes_each!("each beyond", 1);
            maximize!("most beyond", 1);
        }
        chatter_on(node, input, cx);
    }
    let signals = |steps: &str| second(marked(on), steps).signals;
    let hits = |steps: &str| {
        let signals = signals(steps);
        let counted = ["beyond", "each beyond", "most beyond"].map(|name| signals.marks[usize::from(rank(name))]);
        (counted, signals.each.len(), signals.bests.len())
    };
    assert_eq!(hits(""), ([1; 3], 1, 1));
    assert_eq!(hits("at 495ms crash n2 cut 1, restart after 100ms"), ([0; 3], 0, 0));
}

#[test]
fn every_mark_is_known_with_its_place_before_it_is_hit() {
    let sites = marks::sites_in(&[module_path!()]);
    let of_name = |name: &str| -> Vec<&&Site> { sites.iter().filter(|site| site.name() == name).collect() };
    for (name, kind) in [
        ("It is never half past!", Kind::Always),
        ("half past is reached", Kind::Unreachable),
        ("tenths are two", Kind::Sometimes),
        ("tenths are three", Kind::Reachable),
        ("tenths and parity", Kind::SometimesEach),
        ("latest", Kind::Maximize),
        ("earliest", Kind::Minimize),
        ("in a test", Kind::Buggify),
    ] {
        let found = of_name(name);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].kind(), kind);
        let (file, line) = found[0].place().rsplit_once(':').expect("a file and a line");
        assert!(file.ends_with("tests/world/marks.rs"), "{file}");
        let text = include_str!("marks.rs").lines().nth(line.parse::<usize>().expect("a number") - 1);
        assert!(text.is_some_and(|text| text.contains(&format!("{}!(", kind.word()))), "{name} at {line}: {text:?}");
    }
}

#[test]
fn what_was_never_hit_is_listed_but_for_what_must_not_be_reached() {
    fn on(_: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        always!(true, "evaluated");
        if matches!(input, Input::Link { .. }) {
            always!(true, "never evaluated");
            reachable!("never reached");
            murphy_sim::unreachable!("never to be reached");
            let _ = murphy_sim::buggify!("never taken");
        }
        sometimes!(cx.mono() > 5_000 * MS, "late");
    }
    let outcome = second(marked(on), "");
    let sites = marks::sites_in(&[module_path!()]);
    let missed = marks::never_hit(&sites, |rank| outcome.signals.marks[rank] > 0);
    let missed: Vec<&str> = missed.iter().map(|site| site.name()).collect();
    for name in ["never evaluated", "never reached", "never taken", "late"] {
        assert!(missed.contains(&name), "{name}");
    }
    for name in ["evaluated", "never to be reached", "half past is reached"] {
        assert!(!missed.contains(&name), "{name}");
    }
}

#[test]
fn a_run_forgets_the_marks_of_the_one_before() {
    let clean = second(idle(), "").signals;
    assert!(second(marked(busy), "").signals.marks.iter().any(|hits| *hits > 0));
    let again = second(idle(), "").signals;
    assert_eq!((clean.marks, clean.each, clean.bests), (again.marks, again.each, again.bests));
    assert!(second(marked(fails), "").verdict.anomaly().is_some());
    assert_eq!(second(idle(), "").verdict, Verdict::Valid);
}
