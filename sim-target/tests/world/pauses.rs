//! Pauses: time goes on, and what reaches the node waits.

use std::{collections::BTreeSet, rc::Rc};

use murphy_schedule::Document;
use murphy_sim::{Options, Run, Runner, Timer, Verdict, What, echo::Echo};

use crate::probe::{MS, Probe, answer, chatter, completions, idle, messages, report, second, story, time_of};

#[test]
fn what_reaches_a_paused_node_waits_and_is_handled_in_order() {
    let calm = messages(&second(chatter(), ""));
    let outcome = second(chatter(), "at 505ms pause n2 for 100.2ms");
    let end = 605 * MS + MS / 5;
    let mut waited = Vec::new();
    for (id, (_, arrivals)) in messages(&outcome).iter().filter(|(id, _)| id.1 == 2 && id.3 < 100) {
        let due = calm[id].1[0];
        let during = (505 * MS..end).contains(&due);
        assert_eq!(arrivals.as_slice(), [if during { end } else { due }], "{id:?}");
        if during {
            waited.push((due, format!("{}<-n{}", id.3, id.0)));
        }
    }
    waited.sort_unstable();
    let words: Vec<&str> = waited.iter().map(|(_, word)| word.as_str()).collect();
    // The timer of 510 ms comes before what was sent then, and sends but once.
    let handled = story(&outcome, 2).split("resume ").nth(1).expect("it went on").to_owned();
    let expected = format!("timer0 Tick->n1 Tock->n1 Tick->n3 Tock->n3 {} timer0", words.join(" "));
    assert!(handled.starts_with(&expected), "{handled}\n{expected}");
}

#[test]
fn a_paused_node_does_nothing_and_its_requests_are_answered_late() {
    let outcome = second(idle(), "at 100ms pause n1 for 200ms\nat 150ms invoke read k1 by c1 via n1");
    assert_eq!(story(&outcome, 1), "start pause resume request request");
    assert_eq!(completions(&outcome, 1), "ok");
    assert_eq!(time_of(&outcome, 1, |_, what| matches!(what, What::Request(_))), 300 * MS);
}

#[test]
fn overlapping_pauses_last_until_both_have_ended() {
    let outcome = second(
        idle(),
        "at 100ms pause n1 for 200ms\nat 150ms pause {n1,n2} for 200ms\nat 200ms invoke read k1 by c1 via n1",
    );
    assert_eq!(time_of(&outcome, 1, |_, what| matches!(what, What::Request(_))), 350 * MS);
    assert!(report(&outcome, "{n1,n2}").effects > 0);
}

#[test]
fn a_paused_node_can_crash_and_starts_only_when_it_goes_on() {
    let outcome = second(chatter(), "at 505ms pause n2 for 200ms\nat 555ms crash n2, restart after 50ms");
    let starts = time_of(&outcome, 2, |node, what| node == Some(2) && matches!(what, What::Start(_)));
    assert_eq!(starts, 705 * MS);
    let silent = messages(&outcome).into_iter().filter(|(id, _)| id.0 == 2).all(|(id, _)| !(51..=70).contains(&id.3));
    assert!(silent, "nothing was sent in between");
}

#[test]
fn what_waited_for_a_node_is_handled_before_what_comes_due_as_it_goes_on() {
    // A timer is due at the very moment at which the pause ends.
    let probe = || Probe {
        start: |_, _, cx| {
            cx.set(Timer(1), std::time::Duration::from_millis(150));
            cx.set(Timer(2), std::time::Duration::from_millis(200));
        },
        on: answer,
        ..idle()
    };
    for steps in ["at 100ms pause n1 for 100ms", "at 100ms pause n1 until x begins\nx: at 200ms note"] {
        assert_eq!(story(&second(probe(), steps), 1), "start pause resume timer1 timer2 request", "{steps}");
    }
}

#[test]
fn a_message_before_whose_delivery_the_receiver_pauses_waits() {
    let outcome = second(chatter(), "before deliver Tick n1->n2 #50 pause n2 for 100ms");
    let (sent, arrivals) = &messages(&outcome)[&(1, 2, "Tick", 50)];
    assert!(arrivals[0] - sent > 100 * MS, "{sent} {arrivals:?}");
}

#[test]
fn a_node_that_is_paused_as_it_exits_starts_again_and_answers() {
    let text = "murphy 1\ntarget echo\nseed 0x1\nnodes 2, keys 1, ops 5\n\
        at 100ms stop n1 drain 1ms, restart after 1us\nafter n1 stops #1 pause n1 for 10ms\n";
    let schedule = Document::parse(text).expect("a schedule").schedule;
    let mut runner = Runner::new(Rc::new(Echo), BTreeSet::new());
    let outcome = runner.run(&schedule, Options::SEARCH);
    assert!(outcome.steps.iter().all(|step| step.effects > 0));
    assert_eq!(outcome.verdict, Verdict::Valid);
}
