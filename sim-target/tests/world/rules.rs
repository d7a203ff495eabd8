//! Rules for messages: which of them decides, for which messages, and by which draws; and clogged links.

use murphy_sim::{Outcome, Transport, What};

use crate::probe::{MS, Probe, chatter, chatter_on, fates, messages, report, second};

/// Under `steps` exactly this becomes of the messages of a chatter; nothing happens to any other.
#[track_caller]
fn check(steps: &str, expected: &str) {
    assert_eq!(fates(chatter, steps), expected, "{steps}");
}

#[test]
fn of_the_rules_for_a_message_the_lowest_number_decides() {
    let all = "at 505ms delay n1->n2 300ms rule 1 for 10ms\nat 505ms delay n1->all 5ms rule 2 for 20ms\nat 505ms delay 7ms for 30ms";
    check(
        all,
        "n1->n2 51 +300ms, n1->n2 52 +5ms, n1->n2 53 +7ms, n1->n3 51..52 +5ms, n1->n3 53 +7ms, n2->n1 51..53 +7ms, \
         n2->n3 51..53 +7ms, n3->n1 51..53 +7ms, n3->n2 51..53 +7ms",
    );
    let outcome = second(chatter(), all);
    // Numbers 51 to 53 on six links, of two kinds: what a rule kept others from counts for it, too.
    assert_eq!(report(&outcome, "rule 1").effects, 2 + 2 * 2);
    assert_eq!(report(&outcome, "delay 7ms").effects, 36 - 8);
}

#[test]
fn rules_with_one_number_and_rules_without_one_add_up() {
    check("at 505ms delay n1->n2 3ms rule 4 for 10ms\nat 505ms delay n1->n2 5ms rule 4 for 10ms", "n1->n2 51 +8ms");
    check("at 505ms delay n1->n2 3ms for 10ms\nat 505ms delay n1->n2 5ms for 10ms", "n1->n2 51 +8ms");
}

#[test]
fn rules_compete_only_with_their_own_kind_and_for_the_messages_they_match() {
    check("at 505ms delay n1->n2 3ms rule 1 for 10ms\nat 505ms loss n1->n2 100% rule 2 for 10ms", "n1->n2 51 lost");
    check(
        "at 505ms delay n1->n2 of Tick 3ms rule 1 for 10ms\nat 505ms delay n1->n2 5ms for 10ms",
        "Tick n1->n2 51 +3ms, Tock n1->n2 51 +5ms",
    );
    check("at 505ms loss n1->n2 0% rule 1 for 10ms\nat 505ms loss n1->n2 100% for 20ms", "n1->n2 52 lost");
    check(
        "at 505ms duplicate n1->n2 0% rule 1 for 10ms\nat 505ms duplicate n1->n2 100% lag 5ms rule 2 for 20ms",
        "n1->n2 52 again +5ms",
    );
}

#[test]
fn a_rule_can_be_for_each_third_message_only() {
    check("at 505ms delay n1->n2 of Tick 300ms each 3 for 100ms", "Tick n1->n2 53 56 59 +300ms");
    check("at 505ms loss n1->n2 of Tick 100% each 2 for 50ms", "Tick n1->n2 52 54 lost");
    check("at 505ms duplicate n1->n2 of Tick 100% lag 5ms each 4 for 50ms", "Tick n1->n2 54 again +5ms");
    check("at 505ms loss n1->n2 of Tick 100% each 1 for 20ms", "Tick n1->n2 51..52 lost");
    // It begins to count anew.
    check("at 505ms loss n1->n2 of Tick 100% each 3 for 40ms again 1 times every 50ms", "Tick n1->n2 53 58 lost");
}

/// What became of each message from the fifth to the nineties, in the order of sending.
fn fortunes(steps: &str, of: impl Fn(u64, &[u64]) -> u64) -> Vec<u64> {
    let outcome = second(chatter(), steps);
    let with = messages(&outcome);
    let sent = outcome.trace.iter().filter_map(|event| match &event.what {
        What::Send { to, kind, text, .. } => Some((event.node?, *to, *kind, text.parse::<u64>().ok()?)),
        _ => None,
    });
    sent.filter(|id| (5..90).contains(&id.3)).map(|id| of(with[&id].0, &with[&id].1)).collect()
}

#[test]
fn each_rule_draws_for_itself() {
    let lost = |steps: &str| lost(steps).iter().sum::<u64>();
    let sent = lost("at 5ms loss 100%");
    let once = lost("at 5ms loss 50%");
    let twice = lost("at 5ms loss 50%\nat 5ms loss 50% of Tick\nat 5ms loss 50% of Tock");
    assert!((sent * 45..sent * 55).contains(&(once * 100)), "{once} of {sent}");
    assert!((sent * 70..sent * 80).contains(&(twice * 100)), "{twice} of {sent}");
}

fn lost(steps: &str) -> Vec<u64> {
    fortunes(steps, |_, arrivals| u64::from(arrivals.is_empty()))
}

fn changes(fortunes: &[u64]) -> usize {
    fortunes.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn correlated_losses_come_in_bursts_and_are_no_rarer_or_more_frequent() {
    for (correlation, least, most) in [("0%", 380, 480), ("50%", 170, 270), ("90%", 20, 75)] {
        let lost = lost(&format!("at 1ms loss 30% correlation {correlation}"));
        let (count, changes) = (lost.iter().sum::<u64>(), changes(&lost));
        assert_eq!(lost.len(), 1020);
        assert!((least..most).contains(&changes), "{correlation}: {changes} changes");
        assert!((180..440).contains(&count), "{correlation}: {count} lost");
    }
    let always = lost("at 1ms loss 30% correlation 100%");
    assert_eq!(changes(&always), 0);
}

#[test]
fn a_rare_loss_stays_as_rare_when_it_is_correlated() {
    let mut count = 0;
    for seed in 0..20 {
        let text = format!("seed {seed}\nnodes 3, ops 0\nphases chaos 1s, heal 10ms\nat 1ms loss 5% correlation 50%");
        let outcome = crate::probe::run(chatter(), &text);
        count += report(&outcome, "loss").effects;
    }
    // Of 20 times 1188 messages.
    assert!((900..1_500).contains(&count), "{count} lost");
}

#[test]
fn correlated_delays_and_repetitions_resemble_those_before() {
    let delays = |correlation: &str| {
        let step = format!("at 1ms delay uniform 10ms to 90ms correlation {correlation}");
        let took = fortunes(&step, |sent, arrivals| arrivals.first().map_or(0, |at| (at - sent) / (5 * MS)));
        changes(&took)
    };
    let (none, half, all) = (delays("0%"), delays("50%"), delays("100%"));
    assert!(none > 900 && (400..720).contains(&half) && all < 420, "{none} {half} {all}");
    let twice = |correlation: &str| {
        let step = format!("at 1ms duplicate 50% lag 1ms correlation {correlation}");
        changes(&fortunes(&step, |_, arrivals| arrivals.len() as u64))
    };
    assert!(twice("0%") > 400 && (20..90).contains(&twice("90%")), "{} {}", twice("0%"), twice("90%"));
}

#[test]
fn a_clogged_link_lets_everything_go_in_order_when_it_is_free() {
    // Number 51 waits until 555 ms, and arrives with all that followed.
    let outcome = second(chatter(), "at 505ms clog n1->n2 for 50ms");
    let with = messages(&outcome);
    let mut order = Vec::new();
    for number in 51..=55 {
        for kind in ["Tick", "Tock"] {
            assert_eq!(with[&(1, 2, kind, number)].1, [555 * MS], "{kind} {number}");
            order.push((number, kind));
        }
    }
    let arrived = outcome.trace.iter().filter(|event| event.time == 555 * MS).filter_map(|event| match &event.what {
        What::Deliver { text, kind, .. } => Some((text.parse::<u64>().expect("a number"), *kind)),
        _ => None,
    });
    assert_eq!(arrived.collect::<Vec<_>>(), order);
    assert_eq!(report(&outcome, "clog").effects, 10);
    let others = messages(&second(chatter(), ""));
    assert!(others.iter().all(|(id, fate)| (id.0, id.1) == (1, 2) || with[id] == *fate));
}

#[test]
fn what_a_clog_holds_is_lost_or_late_as_it_would_be_without() {
    let outcome = second(
        chatter(),
        "at 505ms clog n1->n2 for 50ms\nat 505ms loss n1->n2 of Tick 100% for 20ms\nat 505ms delay n1->n2 of Tock 70ms for 20ms",
    );
    let with = messages(&outcome);
    assert!((51..=52).all(|number| with[&(1, 2, "Tick", number)].1.is_empty()));
    let calm = messages(&second(chatter(), ""));
    for id in [(1, 2, "Tock", 51), (1, 2, "Tock", 52)] {
        assert_eq!(with[&id].1, [calm[&id].1[0] + 70 * MS], "{id:?}");
    }
    assert_eq!(with[&(1, 2, "Tick", 53)].1, [555 * MS]);
}

#[test]
fn a_short_clog_makes_nothing_faster() {
    let calm = messages(&second(chatter(), ""));
    let with = messages(&second(chatter(), "at 509.9ms clog n1->n2 for 0.2ms"));
    assert_eq!(with, calm);
}

#[test]
fn a_link_that_two_steps_clog_is_free_when_both_have_ended() {
    let steps = "at 505ms clog n1->n2 for 30ms\nat 515ms clog n1->all for 40ms";
    let outcome = second(chatter(), steps);
    let with = messages(&outcome);
    assert!((51..=55).all(|number| with[&(1, 2, "Tick", number)].1 == [555 * MS]));
    assert!((52..=55).all(|number| with[&(1, 3, "Tick", number)].1 == [555 * MS]));
    assert!(report(&outcome, "for 30ms").effects > 0 && report(&outcome, "for 40ms").effects > 0);
    let within = second(chatter(), "at 505ms clog n1->n2 for 50ms\nat 515ms clog n1->n2 for 20ms");
    assert_eq!(report(&within, "for 20ms").effects, 0);
}

#[test]
fn a_clogged_stream_keeps_its_order() {
    let stream = || Probe {
        about: chatter().about.transport(Transport::Stream),
        on: |node, input, cx| {
            if !matches!(input, murphy_sim::Input::Link { .. }) {
                chatter_on(node, input, cx);
            }
        },
        ..chatter()
    };
    for step in ["clog n1->n2 for 50ms", "clog n1->n2 for 1ms", "clog n1->n2 for 0.1ms again 30 times every 0.2ms"] {
        let outcome: Outcome = second(stream(), &format!("at 509.9ms {step}"));
        let numbers: Vec<(u64, &str)> = outcome
            .trace
            .iter()
            .filter(|event| event.node == Some(2))
            .filter_map(|event| match &event.what {
                What::Deliver { from: 1, text, kind } => Some((text.parse().expect("a number"), *kind)),
                _ => None,
            })
            .collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{step}: {numbers:?}");
        assert!(numbers.len() >= 196, "{step}: {}", numbers.len());
    }
}

/// The least, the mean and the greatest extra time of messages under a delay, in microseconds.
fn extras(latency: &str) -> (u64, u64, u64) {
    let calm = messages(&second(chatter(), ""));
    let with = messages(&second(chatter(), &format!("at 1ms delay {latency}")));
    let early = calm.iter().filter(|(id, _)| id.3 < 80);
    let extras: Vec<u64> = early.map(|(id, (_, arrivals))| (with[id].1[0] - arrivals[0]) / 1000).collect();
    let least = extras.iter().min().copied().expect("there are some");
    let most = extras.iter().max().copied().expect("there are some");
    (least, extras.iter().sum::<u64>() / extras.len() as u64, most)
}

#[test]
fn delays_follow_the_distribution_that_is_asked_for() {
    for (latency, least, mean, most) in [
        ("20ms", 20_000..=20_000, 20_000..=20_000, 20_000..=20_000),
        ("uniform 10ms to 30ms", 10_000..=10_200, 19_000..=21_000, 29_800..=30_000),
        ("normal 40ms dev 5ms", 15_000..=29_000, 39_500..=40_500, 51_000..=65_000),
        ("exponential 10ms from 5ms", 5_000..=5_100, 14_000..=16_000, 40_000..=160_000),
        ("log-normal 20ms dev 8ms", 3_000..=11_000, 20_200..=22_200, 40_000..=110_000),
        ("pareto 10ms mean 12ms", 10_000..=10_100, 11_700..=12_300, 20_000..=90_000),
        ("bimodal 5ms or 55ms share 20%", 5_000..=5_000, 13_000..=17_000, 55_000..=55_000),
        // Below zero is zero.
        ("normal 1ms dev 10ms", 0..=0, 4_000..=5_100, 25_000..=45_000),
    ] {
        let found = extras(latency);
        let right = least.contains(&found.0) && mean.contains(&found.1) && most.contains(&found.2);
        assert!(right, "{latency}: {found:?}");
    }
}

#[test]
fn a_delay_of_nothing_has_no_effect_and_one_of_below_nothing_has_none_on_that_message() {
    let outcome = second(chatter(), "at 5ms delay n1->n2 normal 1ms dev 10ms");
    let effects = report(&outcome, "delay").effects;
    // Of 198 messages those whose draw lies above zero: 54 in a hundred.
    assert!((85..130).contains(&effects), "{effects}");
}
