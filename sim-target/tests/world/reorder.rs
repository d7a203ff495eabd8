//! Buffers that let messages go in another order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use murphy_sim::{Input, Outcome, Timer, What};

use crate::{
    probe::{MS, Numbered, Probe, chatter, fates, idle, messages, report, run, second},
    streams::{all_in_order, stream},
};

/// Under `steps` exactly this becomes of the messages of a chatter; nothing happens to any other.
#[track_caller]
fn check(steps: &str, expected: &str) {
    assert_eq!(fates(chatter, steps), expected, "{steps}");
}

/// What arrived at node 2, by its time in nanoseconds: sender, kind and number as `1T51`, a Tock as `1t51`.
fn arrivals(outcome: &Outcome) -> BTreeMap<u64, Vec<String>> {
    let mut arrivals: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for event in outcome.trace.iter().filter(|event| event.node == Some(2)) {
        if let What::Deliver { from, kind, text } = &event.what {
            let kind = if *kind == "Tick" { "T" } else { "t" };
            arrivals.entry(event.time).or_default().push(format!("{from}{kind}{text}"));
        }
    }
    arrivals
}

/// What arrived at node 2 from node 1 within these milliseconds, in order.
fn order(outcome: &Outcome, from: u64, to: u64) -> Vec<String> {
    let arrivals = arrivals(outcome);
    let within = arrivals.range(from * MS..to * MS).flat_map(|(_, names)| names.clone());
    within.filter(|name| name.starts_with('1')).collect()
}

/// A chatter that sends a hundred times as often: its n-th messages leave at n times 100 us.
fn fast() -> Probe {
    fn tick(cx: &mut crate::probe::Cx<'_>) {
        cx.set(Timer(0), Duration::from_micros(100));
    }
    Probe {
        start: |_, boot, cx| {
            if boot.me == 1 {
                tick(cx);
            }
        },
        on: |_, input, cx| {
            if matches!(input, Input::Timer(_)) {
                let number = cx.mono() / 100_000;
                cx.send(2, Numbered { kind: (number % 2) as usize, number });
                tick(cx);
            }
        },
        ..idle()
    }
}

#[test]
fn fifo_holds_each_message_for_the_whole_window() {
    check("at 505ms reorder n1->n2 by fifo window 30ms for 300ms", "n1->n2 51..77 +30ms, n1->n2 78..80 otherwise");
    // What the buffer still holds goes in order when the step ends.
    let outcome = second(chatter(), "at 505ms reorder n1->n2 by fifo window 30ms for 50ms");
    let calm = order(&second(chatter(), ""), 550, 560);
    let last = arrivals(&outcome)[&(555 * MS)].clone();
    assert_eq!(last.len(), 6, "{last:?}");
    assert!(last[4..].iter().all(|name| calm.contains(name)));
    assert_eq!(report(&outcome, "reorder").effects, 10);
}

#[test]
fn a_shuffled_buffer_goes_as_a_whole_when_its_oldest_has_been_held_for_the_window() {
    let outcome = second(chatter(), "at 505ms reorder n1->n2 of Tick by shuffle window 35ms for 200ms");
    let with = messages(&outcome);
    let calm = messages(&second(chatter(), ""));
    let due = calm[&(1, 2, "Tick", 51)].1[0] + 35 * MS;
    assert!((51..=54).all(|number| with[&(1, 2, "Tick", number)].1 == [due]), "{:?}", arrivals(&outcome));
    assert!(with[&(1, 2, "Tick", 55)].1[0] > due);
}

#[test]
fn every_order_of_a_shuffled_buffer_is_as_likely() {
    let mut orders: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let shuffled = |seed: u64| {
        let text = format!(
            "seed {seed}\nnodes 3, ops 0\nphases chaos 100ms, heal 10ms\nat 15ms reorder n1->n2 of Tick window 25ms"
        );
        let outcome = run(chatter(), &text);
        arrivals(&outcome).into_values().find(|names| names.len() > 2).expect("a buffer of three went")
    };
    for seed in 0..600 {
        *orders.entry(shuffled(seed)).or_default() += 1;
    }
    assert_eq!(shuffled(7), shuffled(7));
    assert_eq!(orders.len(), 6, "{orders:?}");
    assert!(orders.values().all(|count| (60..150).contains(count)), "{orders:?}");
}

#[test]
fn bounded_holds_each_message_for_a_random_part_of_the_window() {
    let calm = messages(&second(chatter(), ""));
    let outcome = second(chatter(), "at 5ms reorder n1->n2 by bounded window 40ms buffer 100");
    let early = messages(&outcome).into_iter().filter(|(id, _)| (id.0, id.1) == (1, 2) && id.3 < 90);
    let held: Vec<u64> = early.map(|(id, (_, arrivals))| arrivals[0] - calm[&id].1[0]).collect();
    assert!(held.iter().all(|held| *held <= 40 * MS), "{held:?}");
    let mean = held.iter().sum::<u64>() / held.len() as u64;
    assert!((17 * MS..23 * MS).contains(&mean), "{mean}");
    assert!(held.iter().any(|held| *held < 4 * MS) && held.iter().any(|held| *held > 36 * MS));
}

#[test]
fn a_rule_sorts_by_arrival_kind_or_sender_the_greatest_first() {
    let sorted = |link: &str, order: &str| {
        let step = format!("at 505ms reorder {link} by rule order {order} window 25ms buffer 99 for 200ms");
        let outcome = second(chatter(), &step);
        arrivals(&outcome).into_values().find(|names| names.len() > 4).expect("a buffer went")
    };
    let arrival = sorted("n1->n2", "arrival");
    let calm: Vec<String> = order(&second(chatter(), ""), 505, 540);
    assert_eq!(arrival, calm[..6].iter().rev().cloned().collect::<Vec<_>>());
    let priority = sorted("n1->n2", "priority");
    assert_eq!(priority.iter().map(|name| &name[1..2]).collect::<String>(), "tttTTT");
    // Within a kind, as they arrived.
    assert_eq!(&priority[3..], ["1T51", "1T52", "1T53"]);
    let source = sorted("all->n2", "source");
    assert_eq!(source.iter().map(|name| &name[..1]).collect::<String>(), "333333111111");
}

#[test]
fn a_rule_by_logical_clock_lets_go_first_what_was_sent_last_in_causal_order() {
    // Node 1 is busy and tells node 3, which then knows of it; node 4 has heard of nothing.
    let gossip = || Probe {
        start: |_, boot, cx| cx.set(Timer(0), Duration::from_millis(if boot.me == 4 { 30 } else { 10 })),
        on: |_, input, cx| match (cx.me(), input) {
            (1, Input::Timer(_)) => {
                (0..50).for_each(|number| cx.send(5, Numbered { kind: 0, number }));
                cx.send(3, Numbered { kind: 0, number: 50 });
                cx.send(2, Numbered { kind: 0, number: 51 });
            }
            (3, Input::Message { .. }) => cx.send(2, Numbered { kind: 0, number: 3 }),
            (4, Input::Timer(_)) => cx.send(2, Numbered { kind: 0, number: 4 }),
            _ => {}
        },
        ..idle()
    };
    let header = "seed 1\nnodes 5, ops 0\nphases chaos 1s, heal 10ms";
    let outcome = run(gossip(), &format!("{header}\nat 5ms reorder all->n2 by rule order logical window 50ms"));
    let names: Vec<String> = arrivals(&outcome).into_values().flatten().collect();
    assert_eq!(names, ["3T3", "1T51", "4T4"]);
    let plain = run(gossip(), header);
    assert_eq!(arrivals(&plain).into_values().flatten().collect::<Vec<_>>(), ["1T51", "3T3", "4T4"]);
}

#[test]
fn a_burst_reverses_a_whole_buffer_now_and_then() {
    let (mut straight, mut reversed) = (0, 0);
    for seed in 0..40 {
        let text = format!(
            "seed {seed}\nnodes 3, ops 0\nphases chaos 1s, heal 10ms\nat 5ms reorder n1->n2 of Tick by burst window 25ms"
        );
        let outcome = run(chatter(), &text);
        for names in arrivals(&outcome).into_values().filter(|names| names.len() > 1) {
            let numbers: Vec<u64> = names.iter().map(|name| name[2..].parse().expect("a number")).collect();
            let back: Vec<u64> = numbers.iter().rev().copied().collect();
            assert!(numbers.is_sorted() || back.is_sorted(), "{numbers:?}");
            straight += usize::from(numbers.is_sorted());
            reversed += usize::from(back.is_sorted());
        }
    }
    // One in four of about 1,300.
    assert!(straight + reversed > 1_200 && (20..30).contains(&(reversed * 100 / (straight + reversed))), "{reversed}");
}

#[test]
fn a_message_that_finds_the_buffer_full_pushes_the_oldest_out() {
    let with = messages(&second(chatter(), "at 505ms reorder n1->n2 of Tick by fifo buffer 2 window 1s for 200ms"));
    let calm = messages(&second(chatter(), ""));
    for number in 51..=68 {
        assert_eq!(with[&(1, 2, "Tick", number)].1, calm[&(1, 2, "Tick", number + 2)].1, "{number}");
    }
    assert_eq!([69, 70].map(|number| with[&(1, 2, "Tick", number)].1[0]), [705 * MS; 2]);
}

#[test]
fn a_buffer_can_go_when_it_is_full_or_its_window_is_over() {
    let calm = messages(&second(chatter(), ""));
    let times = |step: &str| {
        let with = messages(&second(chatter(), step));
        [51, 52, 53, 54, 55].map(|number| with[&(1, 2, "Tick", number)].1[0])
    };
    let (third, fifth) = (calm[&(1, 2, "Tick", 53)].1[0], calm[&(1, 2, "Tick", 55)].1[0]);
    let full = times("at 505ms reorder n1->n2 of Tick buffer 3 release full window 1s for 44ms");
    assert_eq!(full, [third, third, third, 549 * MS, fifth]);
    let over = times("at 505ms reorder n1->n2 of Tick buffer 30 release full window 15ms for 90ms");
    let first = calm[&(1, 2, "Tick", 51)].1[0] + 15 * MS;
    assert_eq!(over[..2], [first, first]);
    assert!(over[2] > first);
}

#[test]
fn a_buffer_can_wait_for_its_receiver_to_ask() {
    // Node 2 wakes at 60 ms, and whenever it has handled a message it asks for the next.
    let sleeper = || Probe {
        start: |node, boot, cx| match boot.me {
            2 => cx.set(Timer(1), Duration::from_millis(60)),
            _ => (fast().start)(node, boot, cx),
        },
        on: |node, input, cx| match (cx.me(), &input) {
            (2, _) => {}
            _ => (fast().on)(node, input, cx),
        },
        ..idle()
    };
    let outcome = second(sleeper(), "at 50ms reorder n1->n2 by fifo buffer 500 window 1s release demand for 100ms");
    let asked = &arrivals(&outcome)[&(60 * MS)];
    let numbers: Vec<u64> = asked.iter().map(|name| name[2..].parse().expect("a number")).collect();
    assert!(numbers.len() > 80 && numbers.first().is_some_and(|first| (490..510).contains(first)), "{asked:?}");
}

#[test]
fn a_share_of_the_messages_is_held_and_draws_hang_together_if_asked() {
    let held = |more: &str| -> Vec<bool> {
        let outcome = second(fast(), &format!("at 5ms reorder n1->n2 {more} by fifo buffer 900 window 20ms"));
        let took = messages(&outcome).into_iter().filter(|(id, _)| (100..9_000).contains(&id.3));
        let mut took: Vec<(u64, bool)> =
            took.map(|(_, (sent, arrivals))| (sent, arrivals[0] - sent > 20 * MS)).collect();
        took.sort_unstable();
        took.into_iter().map(|(_, held)| held).collect()
    };
    let changes = |held: &[bool]| held.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let (alone, bursts) = (held("30%"), held("30% correlation 90%"));
    for held in [&alone, &bursts] {
        let share = held.iter().filter(|held| **held).count() * 100 / held.len();
        assert!((26..34).contains(&share), "{share}");
    }
    assert!(changes(&alone) > 3_000 && changes(&bursts) < 600, "{} {}", changes(&alone), changes(&bursts));
    assert!(held("0%").into_iter().all(|held| !held));
}

#[test]
fn of_the_rules_that_reorder_the_lowest_number_decides() {
    check(
        "at 505ms reorder n1->n2 by fifo window 3ms rule 1 for 12ms\nat 505ms reorder all->n2 by fifo window 5ms rule 2 for 12ms",
        "n1->n2 51 +3ms, n3->n2 51 +5ms",
    );
    check("at 505ms reorder n1->n2 0% rule 1 for 20ms\nat 505ms reorder n1->n2 by fifo window 5ms for 20ms", "");
}

#[test]
fn a_message_that_waits_nowhere_was_not_reordered() {
    let effects = |steps: &str| report(&second(chatter(), steps), "reorder").effects;
    assert_eq!(effects("at 505ms reorder n1->n2 window 0s for 100ms"), 0);
    assert_eq!(effects("at 505ms reorder n1->n2 buffer 1 release full for 100ms"), 0);
    assert_eq!(effects("at 505ms reorder n1->n2 by fifo window 5ms for 100ms"), 20);
}

#[test]
fn a_stream_keeps_its_order_whatever_is_done_to_it() {
    let step = "at 105ms reorder all->all by shuffle window 200ms for 500ms";
    let outcome = second(stream(), step);
    assert_eq!((all_in_order(&outcome), report(&outcome, "reorder").effects), (6 * 99, 0));
    assert_eq!(messages(&outcome), messages(&second(stream(), "")));
}

#[test]
fn a_reordering_shifts_no_draw_of_other_links_and_begins_anew_each_time() {
    let calm = messages(&second(chatter(), ""));
    let outcome =
        second(chatter(), "at 205ms reorder n1->n2 by bounded window 40ms for 100ms again 2 times every 200ms");
    let with = messages(&outcome);
    let others = calm.iter().filter(|(id, _)| (id.0, id.1) != (1, 2));
    assert!(others.clone().count() > 500 && others.clone().all(|(id, fate)| with[id] == *fate));
    let late: BTreeSet<u64> = calm.iter().filter(|(id, fate)| with[id] != **fate).map(|(id, _)| id.3 / 10).collect();
    assert_eq!(late, BTreeSet::from([2, 3, 4, 5, 6, 7]));
}

#[test]
fn reseeding_draws_the_order_anew() {
    let step = "at 105ms reorder n1->n2 window 60ms for 800ms";
    let one = arrivals(&second(chatter(), step));
    let other = arrivals(&second(chatter(), &format!("{step}\nat 300ms reseed n1->n2")));
    let before =
        |arrivals: &BTreeMap<u64, Vec<String>>| arrivals.range(..250 * MS).map(|(_, n)| n.clone()).collect::<Vec<_>>();
    assert_eq!(before(&one), before(&other));
    assert_ne!(one, other);
}
