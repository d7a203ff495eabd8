//! Where nodes are and who they are: data centres, groups, drawn ones, those who are ahead or behind; and lengths.

use std::collections::{BTreeMap, BTreeSet};

use murphy_sim::{Outcome, Timer, What};

use crate::probe::{MS, Probe, chatter, chatter_on, idle, messages, run, second, spans};

/// A chatter of up to seven.
fn many() -> Probe {
    Probe { about: idle().about.nodes(3..=7), ..chatter() }
}

/// Who was paused at each beginning: `{1} {2, 3}`.
fn paused(outcome: &Outcome) -> Vec<BTreeSet<u16>> {
    let mut at: BTreeMap<u64, BTreeSet<u16>> = BTreeMap::new();
    for event in outcome.trace.iter().filter(|event| event.what == What::Pause) {
        at.entry(event.time).or_default().extend(event.node);
    }
    at.into_values().collect()
}

fn header(seed: u64, nodes: u8, more: &str) -> String {
    format!("seed {seed}\nnodes {nodes}, clients 1, ops 0\n{more}\nphases chaos 1s, heal 10ms, settle 2s\n")
}

/// Under these header lines `nodes` means these.
#[track_caller]
fn check(count: u8, more: &str, nodes: &str, expected: &[u16]) {
    let outcome = run(many(), &format!("{}at 505ms pause {nodes} for 1ms", header(1, count, more)));
    let found: Vec<u16> = paused(&outcome).into_iter().flatten().collect();
    assert_eq!(found, expected, "{more}: {nodes}");
}

#[test]
fn data_centres_have_equal_shares_or_the_nodes_they_name() {
    check(5, "dcs 3", "group dc1", &[1, 2]);
    check(5, "dcs 3", "group dc2", &[3, 4]);
    check(5, "dcs 3", "group dc3", &[5]);
    check(6, "dcs 3", "group dc2", &[3, 4]);
    check(3, "dcs 5", "group dc1", &[1]);
    check(5, "dc east {n1,n5}\ndc west {n2,n3}", "group east", &[1, 5]);
    check(5, "dc east {n1,n5}\ndc west {n2,n3}", "group west", &[2, 3]);
    check(4, "dc east\ndc west", "group west", &[3, 4]);
}

#[test]
fn a_group_is_whom_it_names() {
    check(5, "group odd {n1,n3,n5}", "group odd", &[1, 3, 5]);
    check(3, "group odd {n1,n5}", "group odd", &[1, 2]);
    check(5, "dcs 2\ngroup odd {n1,n3,n5}", "group odd", &[1, 3, 5]);
}

/// Every message between the nodes of `from` and `to`, counted from 1, takes at least so long, and at most a millisecond more.
#[track_caller]
fn check_latency(outcome: &Outcome, from: &[u16], to: &[u16], micros: u64) {
    let mut count = 0;
    for ((sender, receiver, _, number), (sent, arrivals)) in messages(outcome) {
        if from.contains(&sender) && to.contains(&receiver) && number < 90 {
            let took = (arrivals[0] - sent) / 1000;
            assert!((micros..=micros + 1_000).contains(&took), "n{sender}->n{receiver} took {took} us");
            count += 1;
        }
    }
    assert!(count > 100);
}

#[test]
fn latencies_depend_on_where_the_nodes_are() {
    let outcome = run(many(), &header(1, 5, "dcs 3\nlatency within 5ms, between 40ms, dc1 to dc2 80ms"));
    check_latency(&outcome, &[1, 2], &[1, 2], 5_000);
    check_latency(&outcome, &[3, 4], &[3, 4], 5_000);
    check_latency(&outcome, &[1, 2], &[3, 4], 80_000);
    check_latency(&outcome, &[3, 4], &[1, 2], 80_000);
    check_latency(&outcome, &[1, 2, 3, 4], &[5], 40_000);
    check_latency(&outcome, &[5], &[1, 2, 3, 4], 40_000);
    let outcome = run(many(), &header(1, 5, "dc east {n1,n4}\ndc west {n2,n3}\nlatency between 40ms"));
    check_latency(&outcome, &[1, 4], &[1, 4], 500);
    check_latency(&outcome, &[1, 4], &[2, 3], 40_000);
    // Node 5 is in no data centre.
    check_latency(&outcome, &[5], &[1, 2, 3, 4], 500);
}

#[test]
fn a_minority_of_a_third_is_what_a_byzantine_system_bears_but_never_nobody() {
    for (count, expected) in [(3, &[2][..]), (4, &[2]), (6, &[2]), (7, &[2, 3])] {
        check(count, "", "minority-third from n2", expected);
    }
}

#[test]
fn the_last_voter_is_the_one_with_the_largest_number() {
    check(3, "", "last-voter", &[3]);
    check(7, "", "last-voter", &[7]);
}

#[test]
fn the_primaries_are_all_who_believe_to_lead() {
    let stubborn = || Probe {
        start: |node, boot, _| node.role = Some(if boot.me < 3 { "leader" } else { "follower" }),
        on: crate::probe::answer,
        ..idle()
    };
    let found = |steps: &str| paused(&second(stubborn(), steps)).into_iter().flatten().collect::<Vec<u16>>();
    assert_eq!(found("at 100ms pause primaries for 1ms"), [1, 2]);
    assert_eq!(found("at 100ms pause leader for 1ms"), [2]);
    assert_eq!(found("at 50ms crash n2\nat 100ms pause primaries for 1ms"), [1]);
    assert_eq!(second(idle(), "at 100ms pause primaries for 1ms").steps[0].effects, 0);
    check(3, "", "primaries", &[2]);
}

#[test]
fn who_is_ahead_and_who_is_behind_changes_as_nodes_come_along_and_only_running_nodes_count() {
    // Node k comes to 10 k, and node 1 at 300 ms to 100.
    let growing = || Probe {
        start: |node, boot, cx| {
            node.progress = Some(u64::from(boot.me) * 10);
            if boot.me == 1 {
                cx.set(Timer(0), std::time::Duration::from_millis(300));
            }
        },
        on: |node, input, cx| match input {
            murphy_sim::Input::Timer(_) => node.progress = Some(100),
            other => crate::probe::answer(node, other, cx),
        },
        ..idle()
    };
    let found = |steps: &str| paused(&second(growing(), steps)).into_iter().flatten().collect::<Vec<u16>>();
    for (when, ahead, behind) in [("at 100ms", 3, 1), ("at 400ms", 1, 2), ("at 50ms crash n3\nat 100ms", 2, 1)] {
        assert_eq!(found(&format!("{when} pause most-up-to-date for 1ms")), [ahead], "{when}");
        assert_eq!(found(&format!("{when} pause least-up-to-date for 1ms")), [behind], "{when}");
    }
    assert_eq!(second(idle(), "at 100ms pause most-up-to-date for 1ms").steps[0].effects, 0);
}

#[test]
fn drawn_nodes_differ_from_seed_to_seed_and_every_set_is_possible() {
    for (selector, size, sets) in [("one", 1..=1, 5), ("half", 2..=2, 10), ("some", 1..=5, 31)] {
        let mut seen: BTreeMap<BTreeSet<u16>, usize> = BTreeMap::new();
        for seed in 0..1_000 {
            let text = format!(
                "seed {seed}\nnodes 5, ops 0\nphases chaos 10ms, heal 10ms, settle 10ms\nat 5ms pause {selector} for 1ms"
            );
            let found = paused(&run(Probe { start: |_, _, _| {}, ..many() }, &text)).remove(0);
            assert!(size.contains(&found.len()), "{found:?}");
            *seen.entry(found).or_default() += 1;
        }
        assert_eq!(seen.len(), sets, "{selector}: {seen:?}");
        let rare = seen.iter().filter(|(set, count)| set.len() < 5 && **count < 1_000 / sets / 5);
        assert_eq!(rare.count(), 0, "{selector}: {seen:?}");
    }
}

#[test]
fn drawn_nodes_are_drawn_anew_at_each_beginning_and_the_same_in_each_run() {
    let text = format!("{}at 100ms pause one for 10ms again 39 times every 20ms", header(1, 5, ""));
    let found = paused(&run(many(), &text));
    assert_eq!(found.len(), 40);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 5);
    assert!(found.windows(2).any(|pair| pair[0] == pair[1]) && found.windows(2).any(|pair| pair[0] != pair[1]));
    assert_eq!(paused(&run(many(), &text)), found);
    // What else there is in the schedule does not matter.
    let more = format!("{text}\nx: at 1ms note\nat 2ms block n1->n2 until x begins");
    assert_eq!(paused(&run(many(), &more)), found);
}

#[test]
fn drawn_nodes_stay_the_same_as_long_as_the_step_lasts() {
    for (steps, kind) in
        [("loss one->rest 100%", "lost"), ("block rest->one", "lost"), ("partition half | rest", "lost")]
    {
        let (calm, cut) =
            (header(3, 5, ""), format!("{}at 105ms {steps} for 200ms\nat 155ms reseed", header(3, 5, "")));
        let differs = crate::probe::differences(&run(many(), &calm), &run(many(), &cut));
        let lost: BTreeSet<&str> = differs.split(", ").filter(|line| line.ends_with(kind)).collect();
        assert!(!lost.is_empty() && lost.iter().all(|line| line.contains(" 11..30 ")), "{steps}: {lost:?}");
    }
}

#[test]
fn the_two_sides_of_a_link_or_a_partition_draw_different_nodes() {
    for seed in 0..50 {
        for step in [
            "partition one | one",
            "block one->one",
            "partition half | half",
            "partition one | half",
            "partition one | one | rest",
        ] {
            let text = format!("{}at 505ms {step} for 20ms", header(seed, 5, ""));
            let outcome = run(many(), &text);
            assert!(outcome.steps[0].effects > 0, "seed {seed}: {step}");
        }
    }
}

/// The pause in `step` lasts from and to these milliseconds; a beat is 100 ms, a gap 30 ms.
#[track_caller]
fn check_length(length: &str, expected: &str) {
    let probe = Probe { about: idle().about.constant("gap", std::time::Duration::from_millis(30)), ..chatter() };
    assert_eq!(spans(&second(probe, &format!("at 205ms pause n1 for {length}")), "pause"), expected, "{length}");
}

#[test]
fn a_length_can_be_a_sum_or_a_difference_of_constants() {
    check_length("beat + gap", "205..335");
    check_length("beat*1.5 + gap", "205..385");
    check_length("beat - gap", "205..275");
    check_length("beat*2 - gap", "205..375");
    check_length("gap + gap", "205..265");
    check_length("gap - beat", "205");
    check_length("beat", "205..305");
    check_length("gap*2", "205..265");
}

#[test]
fn on_which_side_of_a_constant_a_length_falls_is_a_signal() {
    let states = |length: &str| -> BTreeSet<u64> {
        let outcome = second(chatter(), &format!("at 205ms partition n2 | n3 for {length}"));
        outcome.signals.states.iter().copied().collect()
    };
    // A beat is 100 ms; near it is within a tenth of it.
    let sides = ["50ms", "95ms", "105ms", "200ms"].map(states);
    for (index, side) in sides.iter().enumerate() {
        assert!(sides[index + 1..].iter().all(|other| other != side), "{index}");
    }
    for (length, same) in [("70ms", 0), ("beat*0.98", 1), ("beat*1.02", 2), ("300ms", 3)] {
        assert_eq!(states(length), sides[same], "{length}");
    }
    assert_ne!(states("beat*0.98"), states("beat"));
}

#[test]
fn a_role_that_is_drawn_by_nobody_needs_no_progress() {
    // A chatter reports no progress: whoever is furthest is nobody, and the step is a no-op.
    let outcome = second(Probe { on: chatter_on, ..chatter() }, "at 505ms crash least-up-to-date");
    assert_eq!((outcome.steps[0].effects, outcome.steps[0].begun), (0, Some(505 * MS)));
}

#[test]
fn whom_a_step_draws_does_not_depend_on_the_labels_of_other_steps() {
    for seed in 0..20 {
        let found = |before: &str| {
            let text = format!("{}{before}x: at 300ms note\nat 100ms pause one until x begins", header(seed, 5, ""));
            paused(&run(many(), &text))
        };
        assert_eq!(found(""), found("y: at 50ms note\nafter y begins note\n"), "seed {seed}");
    }
}
