//! Delays whose queues are of limited length, and what becomes of a message that finds one full.

use murphy_sim::Outcome;

use crate::{
    probe::{MS, Numbered, Probe, chatter, fates, idle, messages, report, second},
    streams::{in_order, stream},
};

/// Under `steps` exactly this becomes of the messages of a chatter; nothing happens to any other.
#[track_caller]
fn check(steps: &str, expected: &str) {
    assert_eq!(fates(chatter, steps), expected, "{steps}");
}

#[test]
fn a_full_queue_drops_the_newest_or_the_oldest_or_delivers_the_oldest() {
    // One Tick comes every ten milliseconds.
    check(
        "at 505ms delay n1->n2 of Tick 100ms queue 2 for 100ms",
        "Tick n1->n2 51..52 +100ms, Tick n1->n2 53..60 lost",
    );
    check(
        "at 505ms delay n1->n2 of Tick 100ms queue 2 overflow drop-oldest for 100ms",
        "Tick n1->n2 51..58 lost, Tick n1->n2 59..60 +100ms",
    );
    check(
        "at 505ms delay n1->n2 of Tick 100ms queue 2 overflow deliver-oldest for 100ms",
        "Tick n1->n2 51..58 +20ms, Tick n1->n2 59..60 +100ms",
    );
}

#[test]
fn a_queue_has_room_again_when_a_message_has_waited() {
    check(
        "at 505ms delay n1->n2 of Tick 25ms queue 2 for 60ms",
        "Tick n1->n2 51..52 54..55 +25ms, Tick n1->n2 53 56 lost",
    );
    // Long enough: nothing is lost.
    check("at 505ms delay n1->n2 of Tick 25ms queue 3 for 60ms", "Tick n1->n2 51..56 +25ms");
}

#[test]
fn each_link_and_each_step_has_a_queue_of_its_own() {
    check(
        "at 505ms delay n1->all of Tick 100ms queue 1 for 20ms",
        "Tick n1->n2 51 +100ms, Tick n1->n2 52 lost, Tick n1->n3 51 +100ms, Tick n1->n3 52 lost",
    );
    check(
        "at 505ms delay n1->n2 of Tick 100ms queue 2 for 20ms\nat 505ms delay n1->n2 of Tick 10ms queue 2 for 20ms",
        "Tick n1->n2 51..52 +110ms",
    );
}

#[test]
fn whatever_a_limited_queue_touches_is_an_effect() {
    for overflow in ["drop-newest", "drop-oldest", "deliver-oldest"] {
        let step = format!("at 505ms delay n1->n2 of Tick 100ms queue 2 overflow {overflow} for 100ms");
        assert_eq!(report(&second(chatter(), &step), "delay").effects, 10, "{overflow}");
    }
    assert_eq!(report(&second(chatter(), "at 505ms delay n1->n2 0s queue 1 for 100ms"), "delay").effects, 0);
}

#[test]
fn the_messages_of_a_queue_that_is_no_longer_limited_wait_to_the_end() {
    // The step ends while both wait.
    check("at 505ms delay n1->n2 of Tick 100ms queue 2 overflow drop-oldest for 20ms", "Tick n1->n2 51..52 +100ms");
}

#[test]
fn a_message_that_a_clog_holds_is_recalled_like_any_other() {
    let clog = "at 505ms clog n1->n2 for 150ms";
    let delay = "at 505ms delay n1->n2 of Tick 300ms queue 2 overflow deliver-oldest for 40ms";
    let with = messages(&second(chatter(), &format!("{clog}\n{delay}")));
    let tick = |number| with[&(1, 2, "Tick", number)].1[0];
    // 51 and 52 are delivered when 53 and 54 come, but the link is clogged until 655 ms.
    assert_eq!([tick(51), tick(52)], [655 * MS; 2]);
    assert!(tick(53) > 830 * MS && tick(54) > 840 * MS);
}

/// How late the messages 51 to 60 of a kind from node 1 to node 2 are, in hundredths of a second.
fn lateness(outcome: &Outcome, kind: &'static str) -> Vec<u64> {
    let with = messages(outcome);
    (51..=60).map(|number| (with[&(1, 2, kind, number)].1[0] - number * 10 * MS) / (10 * MS)).collect()
}

#[test]
fn a_stream_sends_again_what_its_queue_drops_and_keeps_its_order() {
    for (overflow, late) in [
        // What finds the queue full is sent again after 200 ms.
        ("drop-newest", [10, 10, 30, 30, 30, 30, 30, 30, 30, 30]),
        // The oldest is dropped when it has waited for 20 ms; the last two wait for those before them.
        ("drop-oldest", [22, 22, 22, 22, 22, 22, 22, 22, 21, 20]),
        ("deliver-oldest", [2, 2, 2, 2, 2, 2, 2, 2, 10, 10]),
    ] {
        let step = format!("at 505ms delay n1->n2 of Tick 100ms queue 2 overflow {overflow} for 100ms");
        let outcome = second(stream(), &step);
        assert_eq!(in_order(&outcome, 1, 2), (1..100).collect::<Vec<_>>(), "{overflow}");
        assert_eq!(report(&outcome, "delay").effects, 10, "{overflow}");
        assert_eq!(lateness(&outcome, "Tick"), late, "{overflow}");
        // A Tock is never ahead of the Tick before it, nor longer behind it than it has to be.
        assert_eq!(lateness(&outcome, "Tock"), late, "{overflow}");
    }
}

#[test]
fn one_message_has_nobody_to_share_a_queue_with() {
    check("before send Tick n1->n2 #7 delay 300ms queue 1", "Tick n1->n2 7 +300ms");
    let probe = Probe {
        start: |node, _, cx| {
            for peer in node.peers.clone() {
                cx.send(peer, Numbered { kind: 0, number: 1 });
            }
        },
        ..idle()
    };
    assert_eq!(report(&second(probe, "before send Tick n1->n2 #1 delay 1ms queue 1"), "delay").effects, 1);
}
