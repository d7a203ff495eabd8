//! Steps that begin more than once, and those that begin when something can be seen of clients, nodes and other faults.

use murphy_schedule::Schedule;
use murphy_sim::{Outcome, What};

use crate::probe::{MS, chatter, completions, idle, report, run, second, spans, story};

/// Under `steps`, those whose text contains `words` are in force from and to these milliseconds.
#[track_caller]
fn check(steps: &str, words: &str, expected: &str) {
    assert_eq!(spans(&second(chatter(), steps), words), expected, "{steps}");
}

#[test]
fn a_step_begins_again_every_so_often() {
    check("at 100ms note again 3 times every 100ms", "note", "100 200 300 400");
    check("at 100ms pause n1 for 10ms again 2 times every 50ms", "pause", "100..110 150..160 200..210");
    check("after send Tick n1->n2 #3 note again 2 times every 25ms", "note", "30 55 80");
    check(
        "x: at 100ms note\nafter x begins +5ms pause n1 for 1ms again 1 times every 20ms",
        "pause",
        "105..106 125..126",
    );
    check("at 900ms note again 9 times every 50ms", "note", "900 950");
}

#[test]
fn a_beginning_that_is_due_while_the_step_lasts_is_left_out() {
    check("at 100ms pause n1 for 120ms again 4 times every 50ms", "pause", "100..220 250..370");
    check("after send Tick n1->n2 #3 pause n3 for 15ms again 3 times", "pause", "30..45 50..65");
}

#[test]
fn the_end_of_an_earlier_beginning_does_not_end_a_later_one() {
    check(
        "s: at 100ms pause n1 for 100ms again 1 times every 50ms\nat 120ms deactivate s",
        "pause",
        "100..120 150..250",
    );
    check(
        "s: at 100ms pause n1 for 100ms\nat 120ms deactivate s\nat 130ms activate s",
        "pause n1",
        "100..120 130..230",
    );
}

#[test]
fn a_step_with_a_fact_begins_again_at_its_next_occurrences() {
    check("after send Tick n1->n2 #3 note again 2 times", "note", "30 40 50");
    check("after send Tick n1->n2 #3 +5ms note again 2 times", "note", "35 45 55");
    check("after all becomes leader note again 2 times", "note", "0 300 600");
    check(
        "x: at 100ms note again 3 times every 50ms\nafter x begins +5ms pause n1 for 1ms again 1 times",
        "pause",
        "105..106 155..156",
    );
    check(
        "x: at 205ms note\nafter send Tick n1->n2 #2 from x pause n3 for 1ms again 1 times",
        "pause",
        "220..221 230..231",
    );
}

#[test]
fn a_step_with_a_time_begins_again_as_soon_as_it_has_ended() {
    check("at 100ms pause n1 for 50ms again 3 times", "pause", "100..150 150..200 200..250 250..300");
    check("at 100ms note again 2 times", "note", "100 100 100");
    check("s: on call pause n1 for 10ms again 2 times\nat 100ms activate s", "pause n1", "100..110 110..120 120..130");
}

#[test]
fn about_every_so_often_is_at_random_with_that_mean() {
    let begun = |seed: u64| {
        let text = format!(
            "seed {seed}\nnodes 3, ops 0\nphases chaos 1s, heal 10ms\nat 100ms note again 200 times every about 4ms"
        );
        let outcome = run(chatter(), &text);
        let begins = outcome.trace.iter().filter(|event| matches!(event.what, What::Begin(_)));
        begins.map(|event| event.time).collect::<Vec<u64>>()
    };
    let (times, others) = (begun(1), begun(2));
    assert_ne!(times, others);
    assert_eq!((times.len(), times[0]), (201, 100 * MS));
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap < 8 * MS));
    for part in 0..4 {
        let within = gaps.iter().filter(|gap| (part * 2 * MS..(part + 1) * 2 * MS).contains(*gap)).count();
        assert!((30..70).contains(&within), "{within} of 200 gaps in part {part}");
    }
}

#[test]
fn a_step_that_begins_again_reports_its_first_beginning_its_last_end_and_all_its_effects() {
    let outcome = second(chatter(), "at 105ms block n1->n2 for 20ms again 2 times every 100ms");
    let report = report(&outcome, "block");
    assert_eq!((report.begun, report.ended, report.effects), (Some(105 * MS), Some(325 * MS), 12));
}

#[test]
fn an_operation_that_is_invoked_again_writes_something_else() {
    let outcome = second(idle(), "at 100ms invoke write k1 by c1 again 2 times every 100ms");
    let written: Vec<_> = outcome.history.operations.iter().take(3).map(|operation| operation.call.input).collect();
    assert_eq!(completions(&outcome, 3), "fail fail fail");
    assert!(written[0] != written[1] && written[1] != written[2] && written[0] != written[2], "{written:?}");
}

#[test]
fn two_steps_that_say_the_same_invoke_two_operations() {
    let steps = "a: at 100ms note\nb: at 200ms note\nafter a begins invoke write k1 by c1\nafter b begins invoke write k1 by c1";
    let outcome = second(idle(), steps);
    let written: Vec<_> = outcome.history.operations.iter().take(2).map(|operation| operation.call.input).collect();
    assert_ne!(written[0], written[1]);
}

/// Clients ask, nodes stop and start, links are cut; under `steps` the last note begins after so many microseconds.
#[track_caller]
fn check_fact(fact: &str, micros: impl Into<Option<u64>>) {
    let steps = format!(
        "at 100ms invoke read k1 by c1 via n1\nat 200ms invoke write k1 by c1 via n1\nat 300ms crash n2, restart after 50ms
        at 400ms crash n3, restart after 50ms\nat 500ms partition n1 | rest for 50ms\nat 600ms pause n1 for 50ms\n{fact} note"
    );
    let begun = report(&second(idle(), &steps), "note").begun;
    assert_eq!(begun.map(|at| at / 1000), micros.into(), "{fact}");
}

/// When the n-th operation of [`check_fact`] was over, in microseconds.
fn completed(nth: usize) -> u64 {
    let outcome = second(idle(), "at 100ms invoke read k1 by c1 via n1\nat 200ms invoke write k1 by c1 via n1");
    outcome.history.operations[nth].completion.expect("it ended").1 / 1000
}

#[test]
fn a_step_begins_when_a_client_asks_or_hears() {
    for side in ["before", "after"] {
        check_fact(&format!("{side} invoke read"), 100_000);
        check_fact(&format!("{side} invoke write"), 200_000);
        check_fact(&format!("{side} invoke #2"), 200_000);
        check_fact(&format!("{side} invoke cas"), None);
        check_fact(&format!("{side} invoke read #2"), None);
        check_fact(&format!("{side} complete read"), completed(0));
        check_fact(&format!("{side} complete"), completed(0));
        check_fact(&format!("{side} complete #2"), completed(1));
        check_fact(&format!("{side} complete write +1ms"), completed(1) + 1_000);
    }
}

#[test]
fn a_step_begins_when_a_node_stops_or_starts() {
    for side in ["before", "after"] {
        check_fact(&format!("{side} n2 stops"), 300_000);
        check_fact(&format!("{side} all stops #2"), 400_000);
        check_fact(&format!("{side} n2 starts"), 350_000);
        check_fact(&format!("{side} all starts #2"), 450_000);
        check_fact(&format!("{side} n1 stops"), None);
        check_fact(&format!("{side} n1 starts"), None);
    }
}

#[test]
fn a_step_begins_when_a_fault_of_some_kind_begins_or_ends() {
    check_fact("after fault partition begins", 500_000);
    check_fact("after fault partition ends", 550_000);
    check_fact("after fault crash begins #2", 400_000);
    check_fact("after fault crash ends +1ms", 351_000);
    check_fact("after fault pause ends", 650_000);
    check_fact("after fault block begins", None);
}

#[test]
fn a_client_that_is_about_to_ask_or_has_asked_finds_what_a_step_did() {
    // The request takes its time, so a crash on either side of it finds the node down.
    for side in ["before", "after"] {
        let steps = format!("at 100ms invoke read k1 by c1 via n1\n{side} invoke read crash all");
        assert_eq!(completions(&second(idle(), &steps), 1), "fail", "{side}");
    }
    // A lane asks for one thing at a time: what a step asks for first has it.
    let both = |side: &str| {
        second(idle(), &format!("at 100ms invoke read k1 by c1\n{side} invoke read invoke write k1 by c1"))
    };
    let functions = |outcome: &Outcome| {
        let chaos = outcome.history.operations.iter().filter(|operation| operation.invoked_at < 1000 * MS);
        chaos.map(|operation| operation.call.function).collect::<Vec<u8>>()
    };
    assert_eq!((functions(&both("before")), functions(&both("after"))), (vec![1], vec![0]));
    let then = |side: &str| {
        second(idle(), &format!("at 100ms invoke read k1 by c1\n{side} complete read invoke write k1 by c1"))
    };
    assert_eq!((functions(&then("before")), functions(&then("after"))), (vec![0], vec![0, 1]));
    let operations = &then("after").history.operations;
    assert_eq!(operations[0].process, operations[1].process);
    assert!(operations[0].completion.expect("it ended").1 <= operations[1].invoked_at);
}

#[test]
fn a_node_that_crashes_before_it_starts_does_not_start_and_one_that_crashes_after_has_started() {
    let starts = |steps: &str| {
        let outcome = second(idle(), &format!("at 100ms crash n2, restart after 50ms\n{steps}"));
        let starts = outcome.trace.iter().filter(|event| event.node == Some(2) && matches!(event.what, What::Start(_)));
        starts.map(|event| event.time / MS).collect::<Vec<u64>>()
    };
    assert_eq!(starts(""), [0, 150]);
    assert_eq!(starts("before n2 starts crash n2, restart after 100ms"), [0, 250]);
    assert_eq!(starts("after n2 starts crash n2, restart after 100ms"), [0, 150, 250]);
    assert_eq!(starts("before n2 starts pause n2 for 70ms"), [0, 220]);
    assert_eq!(starts("after n2 starts pause n2 for 70ms"), [0, 150]);
}

#[test]
fn a_node_crashes_once_though_another_step_crashes_it_as_it_stops() {
    let outcome =
        second(idle(), "at 100ms crash n2, restart after 50ms\nbefore n2 stops crash n2 keep, restart after 200ms");
    assert_eq!(story(&outcome, 2), "start crash start");
    assert_eq!((report(&outcome, "keep").effects, spans(&outcome, "keep")), (1, "100..300".to_owned()));
}

#[test]
fn chaos_comes_in_windows() {
    let header = "seed 11\nnodes 3, clients 1, ops 0\nphases chaos 1s, active 200ms, calm 100ms, heal 10ms, settle 2s";
    let check = |step: &str, expected: &str| {
        let outcome = run(chatter(), &format!("{header}\n{step}"));
        assert_eq!(spans(&outcome, "at "), expected, "{step}");
    };
    check("at 50ms note again 18 times every 50ms", "50 100 150 300 350 400 450 600 650 700 750 900 950");
    check("at 150ms partition n1 | rest", "150..200");
    check("at 350ms pause n1 for 400ms", "350..500");
    check("at 250ms pause n1 for 100ms", "");
    // What begins again as soon as it has ended does so when the calm is over.
    check("at 150ms pause n1 for 100ms again 3 times", "150..200 300..400 400..500 600..700");
}

#[test]
fn in_a_calm_window_everybody_is_up_and_nothing_is_lost() {
    let header = "seed 11\nnodes 3, clients 1, ops 0\nphases chaos 1s, active 200ms, calm 100ms, heal 10ms, settle 2s
        ambient jitter 20ms, loss 20%, duplication 20%";
    let outcome =
        run(chatter(), &format!("{header}\nat 105ms crash n1\nat 105ms partition n2 | n3\nat 110ms clog n3->n2"));
    assert_eq!(story(&outcome, 1).matches("start").count(), 2);
    let (mut whole, mut all) = (0, 0);
    for ((from, _, _, number), (sent, arrivals)) in crate::probe::messages(&outcome) {
        if (21..30).contains(&number) {
            assert!(arrivals.len() == 1 && arrivals[0] - sent <= 3 * MS / 2, "n{from} {number}: {arrivals:?}");
        } else if number < 100 {
            all += 1;
            whole += usize::from(arrivals.len() == 1);
        }
    }
    assert!(whole < all * 4 / 5, "{whole} of {all}");
}

#[test]
fn a_schedule_may_repeat_every_step_it_has() {
    let schedule: Schedule = crate::probe::schedule("at 1ms note again 255 times every 1ms");
    assert_eq!(schedule.steps[0].again.times, 255);
    let outcome = second(chatter(), "at 1ms note again 255 times every 1ms");
    assert_eq!(spans(&outcome, "note").split(' ').count(), 256);
}
