//! Every step counts what it did; one that counts nothing can be left out and nothing changes.

use std::{collections::BTreeSet, rc::Rc};

use murphy_schedule::{Dice, Schedule, Step, mutate};
use murphy_sim::{Options, Run, Runner, TraceEvent, Transport, What};

use crate::probe::{MS, Probe, chatter, idle, report, run, second};

#[test]
fn a_step_counts_the_messages_and_nodes_it_touched() {
    for (step, effects) in [
        ("at 505ms partition n1 | n2 for 100ms", 40),
        ("at 505ms block n1->n2 for 100ms", 20),
        ("at 505ms delay n1->n2 of Tick 1ms for 100ms", 10),
        ("at 505ms loss n1->all of Tick 100% for 100ms", 20),
        ("at 505ms duplicate n1->all of Tick 100% lag 1ms for 100ms", 20),
        ("at 505ms crash {n1,n2}, restart after 10ms", 2),
        ("at 505ms invoke read k1", 1),
        ("before send Tick n1->n2 #5 loss 100%", 1),
        ("at 505ms reseed", 1),
    ] {
        assert_eq!(second(chatter(), step).steps[0].effects, effects, "{step}");
    }
}

#[test]
fn a_step_that_did_nothing_counts_nothing() {
    for step in [
        "at 505ms note",
        "at 505ms partition n1 | n2 for 1ms",
        "at 505ms block n1->n2 for 1ms",
        "at 505ms delay n1->n2 1ms for 1ms",
        "at 505ms delay n1->n2 0s",
        "at 505ms loss n1->n2 100% for 1ms",
        "at 505ms loss n1->n2 0%",
        "at 505ms duplicate n1->n2 0% lag 5ms",
        "at 2s crash n1",
        "after n1 sync crash n1",
        "at 505ms crash n1 cut 3, restart after 1ms",
    ] {
        assert_eq!(second(chatter(), step).steps[0].effects, 0, "{step}");
    }
    let outcome = second(
        chatter(),
        "at 205ms crash n1, restart after 200ms\nat 255ms crash n1, restart after 20ms\nat 255ms pause n1 for 20ms",
    );
    assert_eq!((report(&outcome, "20ms").effects, report(&outcome, "pause").effects), (0, 0));
}

#[test]
fn a_step_that_only_prolongs_another_has_an_effect() {
    let outcome = second(chatter(), "at 205ms crash n1, restart after 100ms\nat 255ms crash n1, restart after 101ms");
    assert!(report(&outcome, "101ms").effects > 0);
    let outcome = second(chatter(), "at 205ms pause n1 for 100ms\nat 255ms pause n1 for 101ms");
    assert!(report(&outcome, "101ms").effects > 0);
    // Node 3 is about to be started for the first time.
    let outcome = second(chatter(), "after n1 becomes leader crash n3, restart after 100ms");
    assert_eq!(outcome.steps[0].effects, 1);
    let outcome = second(chatter(), "at 205ms crash n1, restart after 100ms\nat 255ms pause n1 for 101ms");
    assert!(report(&outcome, "pause").effects > 0);
}

#[test]
fn what_a_step_struck_is_remembered_with_the_roles_of_that_moment() {
    let roles = ["leader", "follower"];
    let outcome = second(chatter(), "at 505ms partition leader | rest\nat 505ms crash n1, restart after 1ms");
    let (partition, crash) = (report(&outcome, "partition").struck, report(&outcome, "crash").struck);
    assert_eq!((partition.first(&roles), crash.first(&roles)), (vec!["leader"], vec!["follower"]));
    assert_eq!(partition.second(&roles).len(), 2);
}

/// What happened, but for what only a step's report tells.
fn told(trace: &[TraceEvent]) -> Vec<&TraceEvent> {
    let steps =
        |what: &What| matches!(what, What::Begin(_) | What::End(_) | What::Pause | What::Resume | What::Void(_));
    trace.iter().filter(|event| !steps(&event.what)).collect()
}

/// Random schedules run the same without their ineffective steps.
fn check_ineffective(probe: fn() -> Probe) {
    let vocabulary = murphy_sim::vocabulary(&probe());
    let schedules = (0..600).map(|seed| {
        let mut schedule = mutate::random(&vocabulary, &mut Dice::new(seed));
        (schedule.header.chaos, schedule.header.rate) = (60, 0);
        schedule
    });
    without_ineffective(probe, schedules);
}

/// These schedules run the same without their ineffective steps.
pub(crate) fn without_ineffective(probe: fn() -> Probe, schedules: impl Iterator<Item = Schedule>) {
    let mut runner = Runner::new(Rc::new(probe()), BTreeSet::new());
    let mut left_out = 0;
    for (seed, schedule) in schedules.enumerate() {
        let all = runner.run(&schedule, Options::TRACE).clone();
        let referred: Vec<u8> = schedule.steps.iter().flat_map(Step::references).collect();
        let mut fewer = schedule.clone();
        fewer.steps.retain(|step| {
            let idle = all.steps.iter().any(|report| report.step == *step && report.effects == 0);
            !idle || referred.contains(&step.id)
        });
        left_out += schedule.steps.len() - fewer.steps.len();
        let some = runner.run(&fewer, Options::TRACE);
        let (with, without) = (told(&all.trace), told(&some.trace));
        let differs = with.iter().zip(&without).find(|(a, b)| a != b);
        assert!(with == without, "seed {seed}: {differs:?}\n{schedule:?}\n{fewer:?}");
    }
    assert!(left_out > 600, "{left_out}");
}

#[test]
fn a_run_without_its_ineffective_steps_is_the_same_run() {
    check_ineffective(chatter);
}

#[test]
fn a_run_without_its_ineffective_steps_is_the_same_run_on_streams_too() {
    check_ineffective(|| Probe { about: chatter().about.transport(Transport::Stream), ..chatter() });
}

#[test]
fn steps_of_an_idle_system_have_their_effects_too() {
    let outcome = run(idle(), "ops 0\nphases chaos 1s, heal 10ms, settle 1s\nat 100ms pause n1 for 10ms");
    assert_eq!(outcome.steps[0].ended, Some(110 * MS));
}
