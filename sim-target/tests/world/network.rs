//! Partitions, blocks, delays, loss and repetition, message by message.

use crate::probe::{chatter, fates, messages, report, second};

/// Under `steps` exactly this becomes of the messages of a chatter; nothing happens to any other.
#[track_caller]
fn check(steps: &str, expected: &str) {
    assert_eq!(fates(chatter, steps), expected, "{steps}");
}

#[test]
fn a_partition_cuts_both_ways_between_its_sides_only_and_ends_when_it_says() {
    check(
        "at 505ms partition n1 | rest for 100ms",
        "n1->n2 51..60 lost, n1->n3 51..60 lost, n2->n1 51..60 lost, n3->n1 51..60 lost",
    );
    check("at 505ms partition n1 | n3 for 100ms", "n1->n3 51..60 lost, n3->n1 51..60 lost");
    check(
        "at 505ms partition rest | n3 for 20ms",
        "n1->n3 51..52 lost, n2->n3 51..52 lost, n3->n1 51..52 lost, n3->n2 51..52 lost",
    );
}

#[test]
fn a_block_cuts_one_way() {
    check("at 505ms block n1->n2 for 100ms", "n1->n2 51..60 lost");
    check("at 505ms block all->n2 for 20ms", "n1->n2 51..52 lost, n3->n2 51..52 lost");
}

#[test]
fn a_delay_adds_exactly_its_extra_and_two_add_up() {
    check("at 505ms delay n1->n2 300ms for 100ms", "n1->n2 51..60 +300ms");
    check(
        "at 505ms delay n1->n2 300ms for 30ms\nat 515ms delay n1->all 5ms for 10ms",
        "n1->n2 51 53 +300ms, n1->n2 52 +305ms, n1->n3 52 +5ms",
    );
}

#[test]
fn a_message_is_judged_when_it_is_sent() {
    // Ticks leave at 500 ms and need at least half a millisecond.
    check("at 500.1ms partition n1 | rest for 1ms", "");
    check("at 499.9ms partition n1 | n2 for 1ms", "n1->n2 50 lost, n2->n1 50 lost");
}

#[test]
fn a_loss_of_everything_loses_everything_and_a_share_about_its_share() {
    check("at 505ms loss n2->n3 100% for 50ms", "n2->n3 51..55 lost");
    check("at 505ms loss n2->n3 0% for 50ms", "");
    let outcome = second(chatter(), "at 5ms loss n2->n3 30%");
    let lost = messages(&outcome).iter().filter(|(id, (_, arrivals))| id.3 < 100 && arrivals.is_empty()).count();
    assert!((40..80).contains(&lost), "{lost} of 198 messages were lost");
    assert_eq!(report(&outcome, "loss").effects as usize, lost);
    // What is sent just before the end is still under way then.
    assert!(messages(&outcome).iter().all(|(id, (sent, arrivals))| (id.0, id.1) == (2, 3)
        || !arrivals.is_empty()
        || *sent + 10_000_000 > outcome.time));
}

#[test]
fn a_duplicate_gives_a_second_copy_so_much_later() {
    check("at 505ms duplicate n2->n3 100% lag 40ms for 20ms", "n2->n3 51..52 again +40ms");
    let outcome = second(chatter(), "at 5ms duplicate n2->n3 30% lag 1ms");
    let twice = messages(&outcome).values().filter(|(_, arrivals)| arrivals.len() == 2).count();
    assert!((40..80).contains(&twice), "{twice} of 198 messages came twice");
    assert_eq!(report(&outcome, "duplicate").effects as usize, twice);
}

#[test]
fn a_kind_of_message_can_be_treated_alone() {
    check("at 505ms delay n1->n2 of Tock 3ms for 20ms", "Tock n1->n2 51..52 +3ms");
    check("at 505ms loss n1->n2 of Tick 100% for 20ms", "Tick n1->n2 51..52 lost");
    check("at 505ms duplicate n1->n2 of Tick 100% lag 7ms for 20ms", "Tick n1->n2 51..52 again +7ms");
}

#[test]
fn a_step_that_names_no_link_acts_on_the_very_message_that_is_sent() {
    for side in ["before", "after"] {
        check(&format!("{side} send Tick n1->n2 #7 delay 300ms"), "Tick n1->n2 7 +300ms");
        check(&format!("{side} send Tick n1->n2 #7 loss 100%"), "Tick n1->n2 7 lost");
        check(&format!("{side} send Tick n1->n2 #7 duplicate 100% lag 5ms"), "Tick n1->n2 7 again +5ms");
        check(
            &format!("{side} send Tick n1->n2 #7 duplicate 100% lag 5ms\n{side} send Tick n1->n2 #8 loss 100%"),
            "Tick n1->n2 7 again +5ms, Tick n1->n2 8 lost",
        );
    }
}

#[test]
fn a_step_that_names_no_link_acts_on_the_very_message_that_is_delivered() {
    check("before deliver Tick n1->n2 #7 delay 300ms", "Tick n1->n2 7 +300ms");
    check("before deliver Tick n1->n2 #7 loss 100%", "Tick n1->n2 7 lost");
    check("before deliver Tick n1->n2 #7 duplicate 100% lag 5ms", "Tick n1->n2 7 again +5ms");
    check(
        "before deliver Tick n1->n2 #7 delay 5ms\nbefore deliver Tick n1->n2 #9 loss 100%",
        "Tick n1->n2 7 +5ms, Tick n1->n2 9 lost",
    );
}

#[test]
fn the_very_message_is_spared_if_it_is_of_another_kind_or_already_handled() {
    for steps in [
        "before send Tick n1->n2 #7 loss of Tock 100%",
        "after send Tick n1->n2 #7 delay of Tock 9ms",
        "after deliver Tick n1->n2 #7 loss 100%",
        "after deliver Tick n1->n2 #7 delay 9ms",
    ] {
        check(steps, "");
        assert_eq!(second(chatter(), steps).steps[0].effects, 0, "{steps}");
    }
    check("before send n1->n2 #7 loss of Tick 100%", "Tick n1->n2 4 lost");
}

#[test]
fn a_step_that_waits_after_its_fact_treats_every_link() {
    let outcome = second(chatter(), "after send Tick n1->n2 #50 +5ms loss of Tick 100% for 10ms");
    assert_eq!(report(&outcome, "loss").effects, 6);
}

#[test]
fn a_partition_that_begins_with_a_message_cuts_it_off_before_and_lets_it_out_after() {
    check("before send Tick n1->n2 #7 partition n1 | n2 for 1ms", "n1->n2 7 lost, n2->n1 7 lost");
    // Node 1 is the first to send; what follows in the same instant is cut off.
    check("after send Tick n1->n2 #7 partition n1 | n2 for 1ms", "Tock n1->n2 7 lost, n2->n1 7 lost");
}

#[test]
fn datagrams_overtake_each_other_when_their_latencies_differ() {
    let outcome = crate::probe::run(
        chatter(),
        "seed 3\nnodes 3, clients 1, ops 0\nphases chaos 1s, heal 10ms, settle 2s\nambient jitter 50ms",
    );
    let mut arrivals: Vec<(u64, u64)> = messages(&outcome)
        .into_iter()
        .filter(|(id, _)| (id.0, id.1, id.2) == (1, 2, "Tick"))
        .flat_map(|(id, (_, arrivals))| arrivals.into_iter().map(move |at| (at, id.3)))
        .collect();
    arrivals.sort_unstable();
    assert!(arrivals.windows(2).any(|pair| pair[0].1 > pair[1].1));
}

#[test]
fn ambient_rates_lose_and_repeat_messages_until_everything_is_healed() {
    let outcome = crate::probe::run(
        chatter(),
        "seed 3\nnodes 3, clients 1, ops 0\nphases chaos 1s, heal 1s, settle 1s\nambient jitter 30ms, loss 10%, duplication 10%",
    );
    let (mut lost, mut twice) = (0, 0);
    for (id, (sent, arrivals)) in messages(&outcome) {
        if id.3 < 100 {
            lost += usize::from(arrivals.is_empty());
            twice += usize::from(arrivals.len() == 2);
        } else if id.3 < 190 {
            assert_eq!(arrivals.len(), 1, "{id:?}");
            assert!(arrivals[0] - sent <= 1_500_000, "{id:?} took {} ns", arrivals[0] - sent);
        }
    }
    assert!((80..160).contains(&lost) && (70..160).contains(&twice), "of 1188: {lost} lost, {twice} twice");
}

#[test]
fn a_message_whose_sending_ends_the_step_that_would_hold_it_is_on_its_way() {
    let outcome = second(chatter(), "cut: at 45ms clog n1->n2 until mark begins\nmark: after send Tick n1->n2 #6 note");
    let arrived = |number: u64| messages(&outcome)[&(1, 2, "Tick", number)].1.len();
    assert_eq!((5..9).map(arrived).collect::<Vec<_>>(), [1; 4]);
}
