//! Priorities of messages: what is demoted waits for its turn.

use std::time::Duration;

use murphy_schedule::{Dice, Schedule, mutate};
use murphy_sim::{Input, NodeId, Outcome, Timer, Transport, What, vocabulary};

use crate::{
    effects::without_ineffective,
    probe::{Cx, MS, Numbered, Probe, ProbeNode, chatter, fates, idle, messages, report, schedule, second},
    streams::{all_in_order, stream},
};

/// In how many rounds of a chatter all that `first` sends arrives before anything that `then` sends.
fn rounds_in_order(outcome: &Outcome, first: NodeId, then: NodeId) -> usize {
    let arrivals = outcome.trace.iter().filter_map(|event| match &event.what {
        What::Deliver { from, text, .. } => Some((*from, text.parse::<u64>().expect("a number"))),
        _ => None,
    });
    let arrivals: Vec<(NodeId, u64)> = arrivals.collect();
    let in_order = |round: &u64| {
        let last = arrivals.iter().rposition(|arrival| *arrival == (first, *round));
        last < arrivals.iter().position(|arrival| *arrival == (then, *round))
    };
    (1..100).filter(in_order).count()
}

#[test]
fn what_is_demoted_waits_for_everything_else_that_is_under_way() {
    let calm = second(chatter(), "");
    assert!(rounds_in_order(&calm, 2, 1) < 10 && rounds_in_order(&calm, 3, 1) < 10);
    let outcome = second(chatter(), "at 5ms demote n1->all");
    assert_eq!((rounds_in_order(&outcome, 2, 1), rounds_in_order(&outcome, 3, 1)), (99, 99));
    // As soon as the last of the others has arrived, and nobody else is later.
    let (with, calm) = (messages(&outcome), messages(&calm));
    let last = |number| calm.iter().filter(|(id, _)| id.3 == number).map(|(_, (_, arrivals))| arrivals[0]).max();
    for (id, (_, arrivals)) in with.iter().filter(|(id, _)| id.3 < 100) {
        let usual = calm[id].1[0];
        let others = calm.iter().filter(|(other, _)| other.3 == id.3 && other.0 != 1);
        let others = others.map(|(_, (_, arrivals))| arrivals[0]).max().expect("they send, too");
        let expected = if id.0 == 1 { usual.max(others) } else { usual };
        assert_eq!(arrivals[0], expected, "{id:?}, of a round that ends at {:?}", last(id.3));
    }
}

#[test]
fn a_step_that_is_over_demotes_nothing_and_a_kind_only_itself() {
    let outcome = second(chatter(), "at 5ms demote n1->all for 500ms");
    assert!((50..60).contains(&rounds_in_order(&outcome, 2, 1)));
    assert!(!fates(chatter, "at 5ms demote n1->all of Tick").contains("Tock"));
    assert!(!fates(chatter, "at 5ms demote n1->n2").contains("n1->n3"));
    assert!(fates(chatter, "at 5ms demote n1->n2 of Tick").contains("Tick n1->n2"));
}

#[test]
fn a_lower_level_waits_for_a_higher_one_and_the_last_step_decides() {
    let order = |steps: &str| {
        let outcome = second(chatter(), steps);
        [(1, 2), (2, 1), (2, 3), (3, 1)].map(|(first, then)| rounds_in_order(&outcome, first, then) == 99)
    };
    assert_eq!(order("at 5ms demote n1->all level 2\nat 5ms demote n2->all level 1"), [false, true, false, true]);
    assert_eq!(order("at 5ms demote n1->all level 1\nat 5ms demote n2->all level 2"), [true, false, false, true]);
    assert_eq!(order("at 5ms demote n1->all level 1\nat 5ms demote n2->all level 1"), [false, false, false, true]);
    let last = "at 4ms demote n1->all level 2\nat 5ms demote n2->all level 1\nat 6ms demote n1->all";
    assert_eq!(order(last), [true, false, false, true]);
}

/// Node 1 sends three Ticks to node 2 at 10 ms, node 3 one that takes longer. Node 2 says Tock to node 3 for each that it
/// hears; where `busy`, nodes 4 and 5 send a message to and fro all the time.
fn answering(busy: bool) -> Probe {
    fn tick(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match (cx.me(), input) {
            (1, Input::Timer(_)) => (1..=3).for_each(|number| cx.send(2, Numbered { kind: 0, number })),
            (3, Input::Timer(_)) => cx.send(2, Numbered { kind: 0, number: 9 }),
            (4, Input::Timer(_)) if node.state == 1 => cx.send(5, Numbered { kind: 1, number: 0 }),
            (2, Input::Message { message, .. }) => cx.send(3, Numbered { kind: 1, ..message }),
            (4 | 5, Input::Message { from, message }) => cx.send(from, message),
            _ => {}
        }
    }
    let start: fn(&mut ProbeNode, &murphy_sim::Boot<'_>, &mut Cx<'_>) = match busy {
        true => |node, _, cx| {
            node.state = 1;
            cx.set(Timer(0), Duration::from_millis(10));
        },
        false => |_, _, cx| cx.set(Timer(0), Duration::from_millis(10)),
    };
    Probe { start, on: tick, ..idle() }
}

/// What nodes 2 and 3 heard, in order: `n2:1 n3:1`, with the times in milliseconds.
fn heard(busy: bool, steps: &str) -> (String, Vec<u64>) {
    let text = format!("seed 11\nnodes 5, clients 1, keys 1, ops 0\nphases chaos 300ms, heal 10ms\n{steps}");
    let outcome = crate::probe::run(answering(busy), &text);
    let heard = outcome.trace.iter().filter_map(|event| match (&event.what, event.node) {
        (What::Deliver { text, .. }, Some(node @ 2..=3)) => Some((format!("n{node}:{text}"), event.time / MS)),
        _ => None,
    });
    let (words, times): (Vec<_>, Vec<_>) = heard.unzip();
    (words.join(" "), times)
}

#[test]
fn those_that_wait_go_one_by_one_and_answers_go_first() {
    let (with, _) = heard(false, "at 5ms demote n1->all level 3\nat 5ms delay n3->n2 2ms");
    let turns = with.strip_prefix("n2:9 n3:9").expect("what is not demoted goes first");
    let numbers: Vec<&str> = turns.split_whitespace().filter_map(|word| word.strip_prefix("n2:")).collect();
    let expected = numbers.iter().map(|number| format!(" n2:{number} n3:{number}")).collect::<String>();
    assert_eq!((turns, numbers.len()), (expected.as_str(), 3));
    let (without, _) = heard(false, "at 5ms delay n3->n2 2ms");
    assert_ne!(without, with);
}

#[test]
fn nobody_waits_longer_than_the_window_or_the_step() {
    for (step, times) in [
        ("demote n1->all window 30ms", 40..42),
        ("demote n1->all window 1s for 100ms", 105..106),
        ("demote n1->all window 0s", 10..12),
    ] {
        let (words, all) = heard(true, &format!("at 5ms {step}"));
        let late = words.split(' ').zip(all).filter(|(word, _)| word.starts_with("n2:") && *word != "n2:9");
        let late: Vec<u64> = late.map(|(_, time)| time).collect();
        assert!(late.len() == 3 && late.iter().all(|time| times.contains(time)), "{step}: {late:?}");
    }
}

#[test]
fn each_message_that_waited_is_an_effect_and_so_is_each_that_others_did_not_wait_for() {
    let busy = |steps: &str| {
        let text = format!("seed 11\nnodes 5, clients 1, keys 1, ops 0\nphases chaos 300ms, heal 10ms\n{steps}");
        crate::probe::run(answering(true), &text)
    };
    assert_eq!(report(&busy("at 5ms demote n1->all"), "demote").effects, 3);
    // Nothing is sent.
    assert_eq!(report(&busy("at 15ms demote n1->all for 100ms"), "demote").effects, 0);
    // Nobody has a higher priority.
    assert_eq!(report(&busy("at 5ms demote all->all"), "demote").effects, 0);
    let both = busy("at 5ms demote n1->all level 1\nat 5ms demote {n2,n3,n4,n5}->all level 2");
    assert!(report(&both, "level 2").effects > 0);
    assert_eq!(messages(&both)[&(1, 2, "Tick", 1)], messages(&busy(""))[&(1, 2, "Tick", 1)]);
}

#[test]
fn a_stream_keeps_its_order() {
    for steps in [
        "at 5ms demote n1->all of Tick",
        "at 5ms demote n1->all of Tock level 2\nat 5ms demote all->n1 of Tick level 1 for 500ms",
        "at 5ms demote n1->n2 of Tick level 2\nat 205ms demote n1->n2 of Tock level 1 for 9ms again 20 times\nat 5ms demote n3->all",
        "at 5ms demote n1->n2\nat 5ms bandwidth n1->n2 20kB\nat 5ms delay n1->n2 of Tock 9ms queue 1 overflow deliver-oldest",
    ] {
        let outcome = second(stream(), steps);
        assert_eq!(all_in_order(&outcome), 6 * 99, "{steps}");
        assert!(outcome.steps.iter().all(|report| report.effects > 0), "{steps}");
    }
    let outcome = second(stream(), "at 5ms demote n1->all");
    assert_eq!((rounds_in_order(&outcome, 2, 1), rounds_in_order(&outcome, 3, 1)), (99, 99));
}

#[test]
fn a_clog_and_a_buffer_have_their_say_after_and_before_it() {
    let outcome = second(chatter(), "at 5ms demote n1->all\nat 505ms clog n1->n2 for 100ms");
    assert_eq!(messages(&outcome)[&(1, 2, "Tick", 55)].1, [605 * MS]);
    let outcome = second(chatter(), "at 5ms demote n1->all\nat 505ms reorder n1->n2 by fifo window 30ms for 100ms");
    let alone = second(chatter(), "at 5ms demote n1->all");
    let [with, alone] = [&outcome, &alone].map(|outcome| messages(outcome)[&(1, 2, "Tick", 55)].1[0]);
    assert_eq!(with, alone + 30 * MS);
}

/// Schedules with many steps that demote.
fn demoting(probe: fn() -> Probe, count: u64) -> impl Iterator<Item = Schedule> {
    let vocabulary = vocabulary(&probe());
    (0..count).map(move |seed| {
        let mut schedule = mutate::pct(&vocabulary, &mut Dice::new(seed));
        (schedule.header.chaos, schedule.header.rate) = (30, 0);
        schedule
    })
}

#[test]
fn a_run_after_pct_is_the_same_without_its_ineffective_steps() {
    without_ineffective(chatter, demoting(chatter, 150));
    fn streams() -> Probe {
        Probe { about: chatter().about.transport(Transport::Stream), ..chatter() }
    }
    without_ineffective(streams, demoting(streams, 150));
}

#[test]
fn who_waits_costs_a_few_events_however_long_it_may_wait() {
    let plain = schedule("seed 1\nnodes 5, ops 0\nphases chaos 1s, heal 10ms");
    let steps = schedule("at 0s demote n1->all level 1 window 2s\nat 0s demote n2->all level 2 window 2s").steps;
    let with = Schedule { steps, ..plain.clone() };
    let events = |schedule: &Schedule| {
        let mut runner = murphy_sim::Runner::new(std::rc::Rc::new(chatter()), std::collections::BTreeSet::new());
        murphy_sim::Run::run(&mut runner, schedule, murphy_sim::Options::SEARCH).events
    };
    assert!(events(&with) < 3 * events(&plain), "{} of {}", events(&with), events(&plain));
}
