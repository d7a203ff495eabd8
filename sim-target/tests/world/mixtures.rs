//! Everything at once: runs of schedules that mix what the other modules try alone.

use std::{collections::BTreeSet, rc::Rc};

use murphy_schedule::{Dice, Schedule, mutate};
use murphy_sim::{Options, Run, Runner, Transport, vocabulary};

use crate::{
    effects::without_ineffective,
    probe::{Numbered, Probe, chatter, chatter_on, schedule},
};

const MB: u64 = 1_000_000;

/// Header lines, of which each schedule has some.
const HEADERS: [&str; 5] = [
    "dcs 2\nlatency within 1ms, between 20ms\ngroup edge {n1,n3}",
    "budget off",
    "ambient jitter 5ms, loss 2%, duplication 2%",
    "mix 3 1",
    "resources cpu 60%, memory 9MB",
];

/// Steps, of which each schedule has some; those that belong together are on lines of one entry.
const STEPS: [&str; 35] = [
    "at 105ms pause one for 20ms again 4 times every 60ms",
    "at 55ms block some->rest for 15ms again 6 times every about 50ms",
    "after send Tick n1->n2 #4 loss one->all 50% for 20ms again 3 times",
    "at 95ms partition halves for 30ms again 3 times",
    "at 155ms partition ring for 80ms",
    "at 205ms partition bridge for 80ms",
    "at 255ms partition {n1} | {n2} | rest for 40ms again 1 times every 100ms",
    "call1: on call crash one, restart after 30ms again 1 times every 80ms\nat 145ms activate call1 again 1 times every 200ms",
    "call2: on call partition {n1} | rest\nat 45ms activate call2\nat 95ms modify call2 add {n2} remove {n1}\nat 195ms deactivate call2",
    "cut: at 65ms partition {n1,n2} | {n3} for 200ms\nat 125ms modify cut remove {n2} again 1 times every 30ms",
    "at 305ms heal",
    "after n2 stops heal",
    "at 85ms crash {n1,n2} subset\nat 165ms restart n1",
    "at 115ms crash n3 cut 3\nat 245ms restart n3 cold",
    "at 0s auto-restart all delay 20ms for 300ms",
    "at 50ms auto-restart some delay 45ms",
    "at 75ms clog n1->rest for 60ms again 2 times every 110ms\nat 95ms clog all->n2 for 60ms",
    "before n2 starts crash n2, restart after 15ms\nafter n2 starts pause n2 for 5ms",
    "before all stops #2 block n1->n2 for 20ms",
    "after invoke #3 invoke read k1 by c2",
    "before complete read #2 pause n1 for 10ms\nafter complete #4 crash one, restart after 10ms",
    "after fault crash begins reseed one\nafter fault partition ends +1ms clog n2->n3 for 9ms",
    "at 105ms delay n1->all exponential 5ms rule 2 correlation 50% for 200ms\nat 155ms delay n1->n2 3ms rule 1 each 3 for 60ms",
    "at 65ms loss 20% correlation 80% each 2 for 200ms\nat 105ms duplicate n2->all 30% lag 4ms correlation 30% rule 7 for 100ms",
    "at 35ms delay leader->rest normal 1ms dev 4ms for beat*1.1\nat 135ms delay rest->n1 pareto 1ms mean 2ms for beat + beat",
    "at 225ms crash primaries, restart after 20ms\nat 325ms pause last-voter for 25ms\nat 335ms pause minority-third for 9ms",
    "at 125ms crash group edge wiped, restart after 40ms\nat 325ms pause group dc1 for 10ms",
    "at 85ms pause most-up-to-date for 20ms\nat 105ms reseed",
    "at 100ms clock n1 ahead 5ms for 50ms\nat 105ms pause n2 clocks stopped for 20ms\nat 110ms disk-stall n1 for 20ms",
    "at 35ms cpu all use 60% threads 2 for 250ms again 1 times every 270ms\nat 95ms cpu one for 100ms",
    "at 65ms yield {n1,n2} takes uniform 0s to 2ms for 200ms\nat 105ms yield all 60% takes 300us for 150ms",
    "at 45ms memory all limit 6MB for 100ms again 2 times every 150ms\nat 75ms memory n1 use 99.5% for 100ms",
    "at 25ms leak one 100GB for 300ms\nat 205ms leak all 200GB for 100ms again 2 times",
    "at 155ms pause n1 for 30ms\nat 165ms pause {n1,n2} for 90ms\nlast: at 205ms note\nat 175ms block n2->n1 until last begins",
    "at 35ms demote n1->all level 1 for 200ms again 2 times\nat 55ms demote all->n2 of Tick for 90ms again 3 times\nat 75ms demote one->all level 3 window 20ms",
];

/// Schedules that mix these with steps drawn at random.
fn mixtures(probe: fn() -> Probe, count: u64) -> impl Iterator<Item = Schedule> {
    let vocabulary = vocabulary(&probe());
    (0..count).map(move |seed| {
        let mut dice = Dice::new(seed);
        let header = HEADERS.iter().filter(|_| dice.chance(1, 4)).copied().collect::<Vec<_>>().join("\n");
        let steps = STEPS.iter().filter(|_| dice.chance(1, 5)).copied().collect::<Vec<_>>().join("\n");
        let mut mixed = schedule(&format!(
            "seed {seed}\nclients 2, keys 2, ops 30\nphases chaos 400ms, heal 200ms\n{header}\n{steps}"
        ));
        mixed.header.nodes = dice.between(3, 5) as u8;
        if dice.chance(1, 4) {
            (mixed.header.active, mixed.header.calm) = (15, 5);
        }
        mixed.steps.extend(
            mutate::random(&vocabulary, &mut dice)
                .steps
                .into_iter()
                .take(3)
                .map(|step| murphy_schedule::Step { id: 0, ..step }),
        );
        mixed
    })
}

fn streams() -> Probe {
    let on = |node: &mut _, input: murphy_sim::Input<_>, cx: &mut crate::probe::Cx<'_>| {
        if !matches!(input, murphy_sim::Input::Link { .. }) {
            chatter_on(node, input, cx);
        }
    };
    Probe { about: chatter().about.transport(Transport::Stream), on, ..chatter() }
}

/// Nodes that hold more memory with each message that they get, up to 10 MB. What does not get any is not heard.
fn hungry() -> Probe {
    let on = |node: &mut _, input: murphy_sim::Input<_>, cx: &mut crate::probe::Cx<'_>| {
        if cx.memory_in_use() == 10 * MB {
            cx.free(10 * MB);
        }
        if !matches!(input, murphy_sim::Input::Message { .. }) || cx.allocate(MB).is_ok() {
            chatter_on(node, input, cx);
        } else {
            cx.send(1, Numbered { kind: 1, number: 0 });
        }
    };
    Probe { on, ..chatter() }
}

#[test]
fn a_mixture_runs_the_same_again_with_another_runner_and_after_a_hundred_others() {
    for probe in [chatter, streams, hungry] {
        let all: Vec<Schedule> = mixtures(probe, 150).collect();
        let runner = || Runner::new(Rc::new(probe()), BTreeSet::new());
        let mut busy = runner();
        let first: Vec<u64> = all.iter().map(|schedule| busy.run(schedule, Options::SEARCH).trace_hash).collect();
        for (schedule, expected) in all.iter().zip(&first) {
            assert_eq!(busy.run(schedule, Options::TRACE).trace_hash, *expected, "{schedule:?}");
            assert_eq!(busy.run(schedule, Options::SEARCH).trace_hash, *expected, "{schedule:?}");
            assert_eq!(runner().run(schedule, Options::SEARCH).trace_hash, *expected, "{schedule:?}");
        }
        let different: BTreeSet<&u64> = first.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}

#[test]
fn a_mixture_runs_the_same_without_its_ineffective_steps() {
    without_ineffective(chatter, mixtures(chatter, 600));
    without_ineffective(streams, mixtures(streams, 600));
    without_ineffective(hungry, mixtures(hungry, 600));
}

#[test]
fn a_mixture_ends_with_everybody_up_and_every_object_read() {
    for probe in [chatter, streams, hungry] {
        let mut runner = Runner::new(Rc::new(probe()), BTreeSet::new());
        for schedule in mixtures(probe, 300) {
            let outcome = runner.run(&schedule, Options::SEARCH);
            let last = outcome.history.operations.iter().rev().take(2);
            assert!(last.filter(|operation| operation.invoked_at >= 600_000_000).count() == 2, "{schedule:?}");
            assert!(outcome.time < 1_200_000_000, "{} {schedule:?}", outcome.time);
            assert!(
                outcome.steps.iter().all(|report| report.begun.is_none() || report.ended.is_some()),
                "{schedule:?}"
            );
        }
    }
}
