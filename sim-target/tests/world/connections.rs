//! Connections: how they fail to come about, close, take their time, pass things piece by piece, and keep silent about their end.

use murphy_sim::{NodeId, Outcome, What};

use crate::{
    probe::{MS, Probe, chatter, fates, messages, report, run, second},
    streams::{all_in_order, in_order, silent, stream},
};

/// The notices that a node got: `n2 down 505, n2 up 605`, in milliseconds; what took up to 1.5 of them as if it took none.
fn notices(outcome: &Outcome, node: NodeId) -> String {
    let notices = outcome.trace.iter().filter(|event| event.node == Some(node)).filter_map(|event| match event.what {
        What::Link { peer, up } => {
            let late = if up { "up" } else { "down" };
            Some(format!("n{peer} {late} {}", (event.time - MS / 2) / MS / 5 * 5))
        }
        _ => None,
    });
    notices.collect::<Vec<_>>().join(", ")
}

/// With the session of nodes 1 and 2 cut from 500 to 600 ms, node 1 and node 2 hear this under `step`.
#[track_caller]
fn check_reopening(step: &str, first: &str, second_node: &str, effects: u32) {
    let outcome = second(silent(), &format!("at 500ms partition n1 | n2 for 100ms\n{step}"));
    assert_eq!((notices(&outcome, 1), notices(&outcome, 2)), (first.into(), second_node.into()), "{step}");
    let word = step.split_whitespace().nth(2).expect("the keyword");
    assert_eq!(report(&outcome, word).effects, effects, "{step}");
    assert_eq!(notices(&outcome, 3), "");
}

#[test]
fn a_refused_connection_is_tried_again_until_the_step_ends() {
    // At 600, 650, 700 and 750 ms; the fifth try comes as the step ends.
    check_reopening(
        "at 550ms connect n1->n2 by refuse for 220ms",
        "n2 down 500, n2 up 770",
        "n1 down 500, n1 up 770",
        5,
    );
    check_reopening("at 550ms connect n2->n1 for 60ms", "n2 down 500, n2 up 610", "n1 down 500, n1 up 610", 2);
    check_reopening("at 550ms connect n1->n3 for 60ms", "n2 down 500, n2 up 600", "n1 down 500, n1 up 600", 0);
    check_reopening("at 550ms connect n1->n2 0% for 90ms", "n2 down 500, n2 up 600", "n1 down 500, n1 up 600", 0);
    // The session is there already.
    check_reopening("at 100ms connect n1->n2 for 90ms", "n2 down 500, n2 up 600", "n1 down 500, n1 up 600", 0);
}

#[test]
fn a_connection_that_nobody_answers_is_waited_for() {
    check_reopening("at 550ms connect n1->n2 by hang for 300ms", "n2 down 500, n2 up 850", "n1 down 500, n1 up 850", 2);
}

#[test]
fn a_share_of_the_connections_fails_as_it_is_said_to() {
    let (mut refused, mut hanging, mut fine) = (0, 0, 0);
    for seed in 0..200 {
        let text = format!(
            "seed {seed}\nnodes 3, ops 0\nphases chaos 3s, heal 10ms, settle 10ms\n\
             at 500ms partition n1 | n2 for 100ms\nat 550ms connect n1->n2 50% by either for 2s"
        );
        let outcome = run(silent(), &text);
        // The first try is at 600 ms; refused tries again after 50 ms, unanswered after a second.
        match notices(&outcome, 1).rsplit(' ').next().expect("it is up again") {
            "600" => fine += 1,
            "650" | "700" | "750" | "800" => refused += 1,
            _ => hanging += 1,
        }
    }
    assert!((75..125).contains(&fine), "{fine} {refused} {hanging}");
    assert!(refused > 20 && hanging > 40, "{fine} {refused} {hanging}");
}

#[test]
fn a_connection_can_fail_unnoticed_by_the_peer() {
    // Node 2 believes to be connected from 600 ms on; when it really is, it hears of both.
    check_reopening(
        "at 550ms connect n1->n2 by unnoticed for 300ms",
        "n2 down 500, n2 up 850",
        "n1 down 500, n1 up 600, n1 down 850, n1 up 850",
        2,
    );
    let outcome =
        second(stream(), "at 500ms partition n1 | n2 for 100ms\nat 550ms connect n1->n2 by unnoticed for 300ms");
    // What it sends meanwhile is lost.
    let expected: Vec<u64> = (1..50).chain(85..100).collect();
    assert_eq!(in_order(&outcome, 2, 1), expected);
}

#[test]
fn a_connection_that_ends_in_order_delivers_what_was_sent_on_it() {
    let outcome = second(stream(), "at 509.9ms close n1->n2 65.535% fin 100% cooldown 1s for 1s");
    let closed = outcome.steps[0].effects;
    assert_eq!(closed, 1);
    // The Tick or the Tock of some instant closed it, and both that and all before it arrive.
    let heard = in_order(&outcome, 1, 2);
    assert!(heard.starts_with(&(1..=51).collect::<Vec<_>>()), "{heard:?}");
    assert!(heard.len() < 99 && heard.ends_with(&(60..100).collect::<Vec<_>>()), "{heard:?}");
    let down = notices(&outcome, 2);
    assert!(down.starts_with("n1 down 51") && down.contains("n1 up 56"), "{down}");
    assert_eq!(notices(&outcome, 1).replace("n2", "n1"), down);
    assert_eq!(in_order(&outcome, 1, 3).len(), 99);
}

#[test]
fn a_connection_that_is_reset_loses_what_it_carries_and_the_peer_hears_when_it_uses_it() {
    let mute = || Probe {
        // Node 2 says nothing until 550 ms, when it sends one message.
        start: |node, boot, cx| {
            if boot.me == 1 {
                (stream().start)(node, boot, cx);
            }
        },
        ..stream()
    };
    let outcome = second(mute(), "at 509.9ms close n1->n2 65.535% fin 0% cooldown 1s for 1s");
    assert_eq!(outcome.steps[0].effects, 1);
    let at = notices(&outcome, 1);
    assert!(at.starts_with("n2 down 51") && at.contains("n2 up 56"), "{at}");
    // It never used it: it hears of the break as the session is made again.
    let quiet = notices(&outcome, 2);
    assert!(quiet.starts_with("n1 down 56") && quiet.contains("n1 up 56"), "{quiet}");
    // A talkative peer hears when it sends the next time.
    let talkative = second(stream(), "at 509.9ms close n1->n2 65.535% fin 0% cooldown 1s for 1s");
    let soon = notices(&talkative, 2);
    assert!(soon.starts_with("n1 down 51") || soon.starts_with("n1 down 52"), "{soon}");
    let lost = (51..56).filter(|number| !in_order(&talkative, 1, 2).contains(number)).count();
    assert!(lost >= 4, "{lost}");
}

#[test]
fn closing_has_its_share_its_cooldown_and_its_share_of_orderly_ends() {
    let count = |words: &str| {
        let header = "seed 5\nnodes 3, ops 0\nphases chaos 20s, heal 10ms, settle 10ms";
        let outcome = run(stream(), &format!("{header}\nat 5ms close n1->n2 {words}"));
        (outcome.steps[0].effects, in_order(&outcome, 1, 2).len())
    };
    // Of about 3,900 messages that find a session.
    let one = count("1%").0;
    assert!((20..60).contains(&one), "{one}");
    assert_eq!(count("0%").0, 0);
    let sparing = count("10% cooldown 2s").0;
    assert!((8..=10).contains(&sparing), "{sparing}");
    let default = report(&second(stream(), "at 5ms close all->all"), "close").effects;
    assert!(default <= 1, "0.001 % is rare: {default}");
}

#[test]
fn a_half_open_end_hears_of_the_break_only_when_the_step_ends_or_a_new_session_is_made() {
    let crash = "at 500ms crash n1, restart after 300ms";
    let outcome = second(silent(), &format!("{crash}\nat 400ms half-open n1->n2 for 250ms"));
    assert_eq!(notices(&outcome, 2), "n1 down 650, n1 up 800");
    assert_eq!(notices(&outcome, 3), "n1 down 500, n1 up 800");
    assert_eq!(report(&outcome, "half-open").effects, 1);
    let outcome = second(silent(), &format!("{crash}\nat 400ms half-open n1->rest for 550ms"));
    assert_eq!(notices(&outcome, 2), "n1 down 800, n1 up 800");
    assert_eq!(report(&outcome, "half-open").effects, 2);
    // The other direction, or no break: nothing to hide.
    let outcome = second(silent(), &format!("{crash}\nat 400ms half-open n2->n1 for 250ms"));
    assert_eq!((notices(&outcome, 2).as_str(), report(&outcome, "half-open").effects), ("n1 down 500, n1 up 800", 0));
    assert_eq!(report(&second(silent(), "at 400ms half-open n1->n2 for 250ms"), "half-open").effects, 0);
}

#[test]
fn a_large_message_passes_piece_by_piece() {
    let late = |words: &str| -> Vec<u64> {
        let calm = messages(&second(stream(), ""));
        let outcome = second(stream(), &format!("at 505ms partial n1->n2 {words} for 10ms"));
        let with = messages(&outcome);
        let tick = (with[&(1, 2, "Tick", 51)].1[0] - calm[&(1, 2, "Tick", 51)].1[0]) / 1_000;
        vec![tick, report(&outcome, "partial").effects.into()]
    };
    // A message has 100 bytes: three pieces of 40, each further one a round trip of 1 ms for writes, 50 us for reads.
    assert_eq!(late("on writes max 40"), [2_000, 2]);
    assert_eq!(late("on reads max 40"), [100, 2]);
    assert_eq!(late("on both max 40"), [2_100, 2]);
    assert_eq!(late("max 100"), [0, 0]);
    assert_eq!(late(""), [0, 0]);
    // A session that breaks between two pieces loses the whole.
    let cut = second(stream(), "at 505ms partial n1->n2 max 5 for 10ms\nat 520ms partition n1 | n2 for 100ms");
    assert!(messages(&cut)[&(1, 2, "Tick", 51)].1.is_empty());
}

#[test]
fn calls_of_connections_take_their_time() {
    for call in ["read", "write"] {
        let step = format!("at 505ms socket n1->n2 on {call} takes 7ms for 20ms");
        assert_eq!(fates(chatter, &step), "n1->n2 51..52 +7ms");
        assert_eq!(report(&second(chatter(), &step), "socket").effects, 4);
    }
    for call in ["connect", "accept"] {
        let (one, two) = ("n2 down 500, n2 up 630", "n1 down 500, n1 up 630");
        check_reopening(&format!("at 550ms socket n1->n2 on {call} takes 30ms for 200ms"), one, two, 1);
    }
    // A session that is being opened is there at once when nothing delays it any more.
    let (one, two) = ("n2 down 500, n2 up 750", "n1 down 500, n1 up 750");
    check_reopening("at 550ms socket n1->n2 on connect takes 900ms for 200ms", one, two, 2);
    // 1 to 11 ms where nothing is said.
    let outcome = second(silent(), "at 500ms partition n1 | n2 for 100ms\nat 550ms socket n1->n2 on connect for 200ms");
    let up = outcome.trace.iter().find(|event| matches!(event.what, What::Link { up: true, .. })).expect("it is up");
    assert!((601 * MS..613 * MS).contains(&up.time), "{}", up.time);
}

#[test]
fn a_node_that_starts_is_not_reached_before_it_has_bound_its_address() {
    let outcome = second(
        silent(),
        "at 500ms crash n2, restart after 100ms\nat 550ms socket all->n2 on bind takes 40ms for 200ms",
    );
    assert_eq!(
        (notices(&outcome, 1), notices(&outcome, 3)),
        ("n2 down 500, n2 up 640".into(), "n2 down 500, n2 up 640".into())
    );
    assert_eq!(report(&outcome, "socket").effects, 2);
    // A session that breaks for another reason finds the address bound.
    check_reopening(
        "at 550ms socket n1->n2 on bind takes 40ms for 200ms",
        "n2 down 500, n2 up 600",
        "n1 down 500, n1 up 600",
        0,
    );
}

#[test]
fn datagrams_know_no_connections() {
    let calm = messages(&second(chatter(), ""));
    for step in [
        "connect all->all",
        "close all->all 50%",
        "partial all->all max 1",
        "half-open all->all",
        "socket all->all on connect",
        "socket all->all on accept",
        "socket all->all on bind",
    ] {
        let outcome = second(chatter(), &format!("at 205ms {step} for 300ms"));
        assert_eq!((outcome.steps[0].effects, messages(&outcome) == calm), (0, true), "{step}");
    }
}

#[test]
fn whatever_befalls_connections_a_stream_keeps_its_order_and_recovers() {
    let steps = "at 105ms close all->all 2% for 600ms\nat 105ms connect all->all 50% by either for 600ms\n\
                 at 305ms half-open all->all for 200ms\nat 105ms socket all->all on connect for 600ms";
    for seed in 0..30 {
        let text = format!("seed {seed}\nnodes 3, ops 0\nphases chaos 1s, heal 10ms, settle 10ms\n{steps}");
        let outcome = run(stream(), &text);
        assert!(all_in_order(&outcome) > 100);
        // Two seconds of trouble are over at 705 ms.
        for (from, to) in [(1, 2), (2, 3), (3, 1)] {
            assert!(in_order(&outcome, from, to).ends_with(&(80..100).collect::<Vec<_>>()), "seed {seed}");
        }
    }
}
