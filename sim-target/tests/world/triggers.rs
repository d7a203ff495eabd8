//! When steps begin: at a time, after other steps, before and after facts.

use std::time::Duration;

use murphy_sim::{Boot, Input, Timer, What, sometimes};

use crate::probe::{Cx, LOG, MS, Numbered, Probe, ProbeNode, chatter, idle, messages, report, second, story};

/// The last step of `steps`, a note, begins so many microseconds after the start.
#[track_caller]
fn check(steps: &str, micros: impl Into<Option<u64>>) {
    let begun = report(&second(chatter(), steps), "note").begun;
    assert_eq!(begun.map(|at| at / 1000), micros.into(), "{steps}");
}

#[test]
fn a_step_begins_at_its_time() {
    check("at 0s note", 0);
    check("at 505.25ms note", 505_250);
    check("at 1.5s note", None);
}

#[test]
fn a_step_begins_a_while_after_an_edge_of_another() {
    check("x: at 100ms pause n1 for 50ms\nafter x begins note", 100_000);
    check("x: at 100ms pause n1 for 50ms\nafter x begins +5ms note", 105_000);
    check("x: at 100ms pause n1 for 50ms\nafter x ends note", 150_000);
    check("x: at 100ms pause n1 for 50ms\nafter x ends +5ms note", 155_000);
    check("x: at 100ms reseed\nafter x ends +5ms note", 105_000);
    check("x: after n3 write crash n1\nafter x begins note", None);
}

#[test]
fn of_two_steps_with_one_id_the_lesser_owns_it() {
    check("s1: at 300ms pause n1 for 10ms\ns1~: at 200ms crash n3\nafter s1 begins note", 200_000);
    check("s1: at 200ms pause n1 for 10ms\ns1~: at 300ms crash n3\nafter s1 begins note", 200_000);
}

#[test]
fn a_step_begins_with_the_nth_sending_of_a_kind_on_a_link() {
    check("after send Tick n1->n2 #3 note", 30_000);
    check("before send Tick n1->n2 #3 note", 30_000);
    check("after send n1->n2 #5 note", 30_000);
    check("after send Tick #13 note", 30_000);
    check("after send n2->all #9 +1ms note", 31_000);
    check("after send Tick leader->n1 #1 note", 310_000);
}

#[test]
fn a_step_begins_with_the_nth_delivery_of_a_kind_on_a_link() {
    let calm = messages(&second(chatter(), ""));
    let third = calm[&(1, 2, "Tock", 3)].1[0] / 1000;
    check("after deliver Tock n1->n2 #3 note", third);
    check("before deliver Tock n1->n2 #3 note", third);
    check("after deliver Tock n1->n2 #3 +40us note", third + 40);
}

#[test]
fn occurrences_count_from_the_edge_of_a_step() {
    check(
        "x: at 505ms note\nafter send Tick n1->n2 #3 from x pause n3 for 1ms\nafter send Tick n1->n2 #3 from x crash n1",
        505_000,
    );
    let begun = |steps: &str| report(&second(chatter(), steps), "reseed").begun.map(|at| at / MS);
    assert_eq!(begun("x: at 505ms note\nafter send Tick n1->n2 #3 from x reseed"), Some(530));
    assert_eq!(begun("x: at 505ms pause n3 for 100ms\nafter send Tick n1->n2 from x begins reseed"), Some(510));
    assert_eq!(begun("x: at 505ms pause n3 for 100ms\nafter send Tick n1->n2 from x ends reseed"), Some(610));
    assert_eq!(begun("x: after n1 sync note\nafter send Tick n1->n2 from x reseed"), None);
    // What an anchor began with does not count, whichever of the two steps sorts first.
    assert_eq!(begun("x: after send Tick n1->n2 #3 note\nafter send Tick n1->n2 from x reseed"), Some(40));
    assert_eq!(begun("x: after send Tick n1->n2 #3 crash n3\nafter send Tick n1->n2 from x reseed"), Some(40));
}

#[test]
fn a_step_begins_when_a_node_takes_a_role() {
    check("after n2 becomes leader note", 300_000);
    check("after all becomes leader #3 note", 600_000);
    check("after n1 becomes leader #2 +1ms note", 901_000);
    check("after {n1,n3} becomes follower #2 note", 300_000);
    check("after n1 becomes leader #3 note", None);
}

#[test]
fn a_crash_before_a_sending_prevents_it_and_one_after_lets_it_out() {
    let sent = |steps: &str| {
        let messages = messages(&second(chatter(), steps));
        ["Tick", "Tock"].map(|kind| messages.get(&(1, 2, kind, 5)).map(|(_, arrivals)| arrivals.len()))
    };
    assert_eq!(sent("before send Tick n1->n2 #5 crash n1"), [None, None]);
    assert_eq!(sent("after send Tick n1->n2 #5 crash n1"), [Some(1), None]);
    assert_eq!(sent("before send Tock n1->n2 #5 crash n1"), [Some(1), None]);
}

#[test]
fn a_crash_before_a_delivery_prevents_it_and_one_after_does_not() {
    let before = second(chatter(), "before deliver Tick n1->n2 #5 crash n2");
    assert!(!story(&before, 2).contains(" 6<-") && story(&before, 2).contains("<-n3 crash"));
    assert!(messages(&before)[&(1, 2, "Tick", 5)].1.is_empty());
    assert_eq!(report(&before, "crash").effects, 1);
    let after = second(chatter(), "after deliver Tick n1->n2 #5 crash n2");
    assert!(story(&after, 2).contains("5<-n1 crash"));
}

/// After 100 ms: writes, syncs, hits a mark, logs, sends. Says at its start what it finds.
fn careful() -> Probe {
    fn start(_: &mut ProbeNode, _: &Boot<'_>, cx: &mut Cx<'_>) {
        let found = cx.records(LOG).expect("a sound disk").len();
        cx.log(format_args!("{found}"));
        cx.set(Timer(0), Duration::from_millis(100));
    }
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return crate::probe::answer(node, input, cx) };
        cx.append(LOG, b"a").expect("a sound disk");
        cx.sync(LOG).expect("a sound disk");
        sometimes!(cx.me() == 1, "it is safe");
        cx.log(format_args!("safe"));
        cx.send(2, Numbered { kind: 0, number: 0 });
        cx.send(3, Numbered { kind: 0, number: 0 });
    }
    Probe { about: idle().about.marks_in(module_path!()), start, on, ..idle() }
}

/// Node 1 of the careful target crashes at `fact` and has done this by then and found that afterwards.
#[track_caller]
fn check_careful(fact: &str, expected: &str) {
    let outcome = second(careful(), &format!("{fact} crash n1, restart after 800ms"));
    let story = story(&outcome, 1);
    assert_eq!(story.split(" timer0").nth(1).expect("a timer").split(" request").next(), Some(expected), "{fact}");
    assert_eq!(report(&outcome, "crash").effects, 1);
}

#[test]
fn a_crash_around_a_write_or_a_sync_decides_what_is_durable() {
    check_careful("before n1 write", " crash start [0]");
    check_careful("after n1 write", " write crash start [0]");
    check_careful("before n1 sync", " write crash start [0]");
    check_careful("after n1 sync", " write sync crash start [1]");
}

#[test]
fn a_crash_before_a_mark_falls_before_the_next_effect_and_one_after_it_when_the_handler_is_over() {
    check_careful("before mark \"it is safe\"", " write sync [safe] crash start [1]");
    check_careful("after mark \"it is safe\"", " write sync [safe] Tick->n2 Tick->n3 crash start [1]");
}

#[test]
fn a_mark_beyond_a_crash_is_not_hit() {
    let begun =
        |crash: &str| report(&second(careful(), &format!("{crash}\nafter mark \"it is safe\" note")), "note").begun;
    assert_eq!(begun(""), Some(100 * MS));
    assert_eq!(begun("at 50ms crash n1 cut 3"), Some(100 * MS));
    assert_eq!(begun("at 50ms crash n1 cut 2"), None);
    assert_eq!(begun("before n1 sync crash n1"), None);
}

#[test]
fn writes_and_syncs_are_counted_on_the_nodes_that_are_named() {
    let begun = |fact: &str| report(&second(careful(), &format!("{fact} note")), "note").begun.map(|at| at / MS);
    assert_eq!(begun("after n2 write #1"), Some(100));
    assert_eq!(begun("after n2 write #2"), None);
    assert_eq!(begun("after all sync #3 +2ms"), Some(102));
    assert_eq!(begun("after {n1,n2} sync #3"), None);
}

#[test]
fn no_fact_begins_a_step_once_everything_is_healed() {
    let outcome = second(chatter(), "after send Tick n1->n2 #101 note\nx: at 999ms note\nafter x begins +2ms crash n1");
    assert!(!outcome.trace.iter().any(|event| event.what == What::Crash));
    assert_eq!(outcome.steps.iter().filter(|report| report.begun.is_some()).count(), 1);
}
