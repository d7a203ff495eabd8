//! Steps that other steps begin, end and change, and the healing of everything.

use murphy_sim::{Transport, What};

use crate::probe::{MS, Probe, answer, chatter, fates, idle, messages, report, second, spans, story};

/// Under `steps`, those whose text contains `words` are in force from and to these milliseconds.
#[track_caller]
fn check(steps: &str, words: &str, expected: &str) {
    assert_eq!(spans(&second(chatter(), steps), words), expected, "{steps}");
}

#[test]
fn a_step_on_call_begins_when_it_is_activated_and_never_of_itself() {
    check("s: on call pause n1 for 20ms", "pause", "");
    check("s: on call pause n1 for 20ms\nat 100ms activate s", "pause", "100..120");
    check("s: on call pause n1 for 20ms\nat 100ms activate s\nat 300ms activate s", "pause", "100..120 300..320");
    check(
        "s: on call pause n1 for 5ms again 2 times every 50ms\nat 100ms activate s",
        "pause",
        "100..105 150..155 200..205",
    );
    check("s: on call pause n1\nat 100ms activate s\nat 150ms deactivate s", "pause", "100..150");
    check(
        "s: on call pause n1\nat 100ms activate s again 2 times every 100ms\nat 150ms deactivate s",
        "pause",
        "100..150 200..1000",
    );
}

#[test]
fn a_step_with_a_moment_of_its_own_can_be_activated_once_more() {
    check("s: at 300ms pause n1 for 10ms\nat 100ms activate s", "pause", "100..110 300..310");
    check("s: after n2 becomes leader pause n1 for 10ms\nat 100ms activate s", "pause", "100..110 300..310");
}

#[test]
fn the_end_of_a_step_can_be_told() {
    check("s: at 100ms pause n1\nat 150ms deactivate s", "pause", "100..150");
    check(
        "s: at 100ms pause n1 for 90ms\nat 150ms deactivate s\nx: after s ends partition n2 | n3 for 5ms",
        "partition",
        "150..155",
    );
}

#[test]
fn to_activate_what_lasts_to_deactivate_what_does_not_or_to_modify_what_is_no_partition_is_no_effect() {
    for steps in [
        "s: at 50ms pause n1\nat 100ms activate s",
        "s: on call pause n1\nat 100ms deactivate s",
        "s: on call partition n1 | rest\nat 100ms modify s add {n2}",
        "s: at 50ms pause n1\nat 100ms modify s add {n2}",
        "s: at 50ms partition ring\nat 100ms modify s add {n2}",
        "s: at 50ms partition {n1,n2} | n3\nat 100ms modify s add {n2}",
        "s: at 50ms partition {n1} | {n2}\nat 100ms modify s remove {n2}",
    ] {
        let outcome = second(chatter(), steps);
        let last = steps.rsplit(' ').find(|word| ["activate", "deactivate", "modify"].contains(word));
        let word = last.unwrap_or("activate");
        assert_eq!(report(&outcome, word).effects, 0, "{steps}");
    }
}

#[test]
fn a_partition_in_force_takes_nodes_in_and_lets_them_go() {
    let modified = |sides: &str, change: &str| {
        fates(chatter, &format!("s: at 505ms partition {sides} for 40ms\nat 525ms modify s {change}"))
    };
    // Numbers 51 and 52 come before the change, 53 and 54 after it.
    assert_eq!(
        modified("{n1} | rest", "add {n2} remove {n1}"),
        "n1->n2 51..54 lost, n1->n3 51..52 lost, n2->n1 51..54 lost, n2->n3 53..54 lost, n3->n1 51..52 lost, n3->n2 53..54 lost"
    );
    assert_eq!(
        modified("{n1} | {n2}", "add {n3}"),
        "n1->n2 51..54 lost, n2->n1 51..54 lost, n2->n3 53..54 lost, n3->n2 53..54 lost"
    );
    assert_eq!(
        modified("{n1} | rest", "remove {n1}"),
        "n1->n2 51..52 lost, n1->n3 51..52 lost, n2->n1 51..52 lost, n3->n1 51..52 lost"
    );
    let steps = "s: at 505ms partition {n1} | {n2} for 10ms again 1 times every 20ms\nat 507ms modify s add {n3}";
    // It begins again with the sides that it names.
    assert_eq!(fates(chatter, steps), "n1->n2 51 53 lost, n2->n1 51 53 lost, n2->n3 51 lost, n3->n2 51 lost");
}

#[test]
fn a_session_that_a_changed_partition_still_cuts_does_not_come_back_for_a_moment() {
    let silent = || Probe {
        about: idle().about.transport(Transport::Stream),
        start: |_, _, _| {},
        on: |node, input, cx| {
            if !matches!(input, murphy_sim::Input::Link { .. }) {
                answer(node, input, cx);
            }
        },
        ..idle()
    };
    let outcome = second(silent(), "s: at 100ms partition {n1} | {n2} for 200ms\nat 200ms modify s add {n3}");
    assert_eq!(story(&outcome, 1), "start n2 down n2 up request");
    assert_eq!(story(&outcome, 3), "start n2 down n2 up");
    assert_eq!(report(&outcome, "modify").effects, 2);
}

#[test]
fn healing_ends_everything_and_starts_whoever_is_down() {
    let steps = "at 105ms partition n1 | n2\nat 105ms crash n3\nat 105ms pause n2\nat 205ms heal";
    let outcome = second(chatter(), steps);
    assert_eq!(spans(&outcome, " "), "105..205 105..205 105..205 205".to_owned());
    let effects = report(&outcome, "heal").effects;
    assert_eq!(effects, 4);
    let starts = outcome.trace.iter().filter(|event| event.node == Some(3) && matches!(event.what, What::Start(_)));
    assert_eq!(starts.map(|event| event.time / MS).collect::<Vec<u64>>(), [0, 205]);
    for ((from, to, _, number), (sent, arrivals)) in messages(&outcome) {
        let whole = arrivals.len() == 1 && arrivals[0] - sent <= 3 * MS / 2;
        assert!(
            whole || number >= 99 || *arrivals.first().unwrap_or(&0) == 205 * MS || (10..=20).contains(&number),
            "n{from}->n{to} {number}"
        );
    }
    assert_eq!(report(&second(chatter(), "at 105ms pause n1 for 10ms\nat 205ms heal"), "heal").effects, 0);
}

#[test]
fn after_a_healing_faults_strike_again() {
    check("at 105ms pause n1\nat 205ms heal\nat 305ms pause n2", "pause", "105..205 305..1000");
    check("at 105ms pause n1 for 90ms again 2 times every 100ms\nat 155ms heal", "pause", "105..155 205..295 305..395");
}
