//! Clocks that are wrong: what a node reads, when its timers go off, and when it hears that its clock was moved.

use std::time::Duration;

use murphy_sim::{About, Boot, Input, Outcome, Promise, Timer, What};

use crate::probe::{Cx, MS, Probe, ProbeNode, answer, idle, report, run, second};

/// What a wall clock that is right shows as a run begins.
const EPOCH: u64 = 1_780_000_000_000_000_000;

/// Nodes that say every 100 ms of their monotonic clock, and as they hear that their wall clock was moved, what both show.
fn ticking() -> Probe {
    fn tick(cx: &mut Cx<'_>, word: &str) {
        let millis = |nanos: u64| nanos as f64 / MS as f64;
        cx.log(format_args!("{word}{}/{}", millis(cx.wall() - EPOCH), millis(cx.mono())));
    }
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match input {
            Input::Timer(_) => {
                tick(cx, "");
                cx.set(Timer(0), Duration::from_millis(100));
            }
            Input::ClockChanged => tick(cx, "moved "),
            other => answer(node, other, cx),
        }
    }
    fn start(_: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        if boot.incarnation > 0 {
            tick(cx, "again ");
        }
        cx.set(Timer(0), Duration::from_millis(100));
    }
    Probe { start, on, ..idle() }
}

/// What a node said until 700 ms: the true time, then what its wall and its monotonic clock showed.
fn said(outcome: &Outcome, node: u16) -> String {
    let lines = outcome.trace.iter().filter(|event| event.node == Some(node) && event.time < 700 * MS);
    let words = lines.filter_map(|event| match &event.what {
        What::Log(line) => Some(format!("{}: {line}", event.time as f64 / MS as f64)),
        _ => None,
    });
    words.collect::<Vec<_>>().join(", ")
}

const TRUE: &str = "100: 100/100, 200: 200/200, 300: 300/300, 400: 400/400, 500: 500/500, 600: 600/600";

#[track_caller]
fn check(steps: &str, expected: &str) {
    let outcome = second(ticking(), steps);
    assert_eq!(said(&outcome, 1), expected, "{steps}");
    assert_eq!(said(&outcome, 2), TRUE, "{steps}: the others");
    assert_eq!(outcome.steps.iter().map(|step| step.effects > 0).min(), Some(true), "{steps}: each has effects");
}

#[test]
fn a_clock_that_is_off_is_so_until_the_step_ends_and_its_node_is_told_of_both() {
    check(
        "at 150ms clock n1 ahead 200ms for 300ms",
        "100: 100/100, 150: moved 350/150, 200: 400/200, 300: 500/300, 400: 600/400, 450: moved 450/450, 500: 500/500, \
         600: 600/600",
    );
    check(
        "at 150ms clock n1 behind 50ms of wall for 300ms",
        "100: 100/100, 150: moved 100/150, 200: 150/200, 300: 250/300, 400: 350/400, 450: moved 450/450, 500: 500/500, \
         600: 600/600",
    );
    let outcome = second(ticking(), "at 150ms clock n1 ahead 200ms of monotonic for 300ms");
    assert_eq!(said(&outcome, 1), TRUE, "a monotonic clock never jumps");
    assert_eq!(outcome.steps[0].effects, 0);
}

#[test]
fn timers_go_by_the_monotonic_clock_which_keeps_what_it_lost_or_gained() {
    // Half as fast for 400 ms: what is pending comes later, and what was lost stays lost.
    check(
        "at 150ms clock n1 rate 0.5 for 400ms",
        "100: 100/100, 250: 200/200, 450: 300/300, 550: moved 550/350, 600: 600/400",
    );
    check(
        "at 150ms clock n1 rate 0.5 of monotonic for 400ms",
        "100: 100/100, 250: 250/200, 450: 450/300, 600: 600/400",
    );
    // Only the wall clock: timers care nothing.
    check(
        "at 150ms clock n1 rate 0.5 of wall for 400ms",
        "100: 100/100, 200: 175/200, 300: 225/300, 400: 275/400, 500: 325/500, 550: moved 550/550, 600: 600/600",
    );
    check(
        "at 150ms clock n1 rate 2 for 100ms",
        "100: 100/100, 175: 200/200, 225: 300/300, 250: moved 250/350, 300: 300/400, 400: 400/500, 500: 500/600, \
         600: 600/700",
    );
    // A clock that stands still: nothing comes due until it goes on.
    check("at 150ms clock n1 rate 0 for 300ms", "100: 100/100, 450: moved 450/150, 500: 500/200, 600: 600/300");
}

#[test]
fn offsets_add_up_and_rates_multiply() {
    check(
        "at 110ms clock n1 ahead 10ms rate 0.5 for 400ms\nat 210ms clock n1 behind 5ms rate 0.5 for 100ms",
        "100: 100/100, 110: moved 120/110, 210: moved 165/160, 310: moved 220/185, 340: 235/200, 510: moved 510/285, \
         525: 525/300, 625: 625/400",
    );
}

/// How many steps were void because clocks would have raced.
fn rushed(steps: &str) -> usize {
    let outcome = second(ticking(), steps);
    outcome.trace.iter().filter(|event| matches!(&event.what, What::Void(why) if why.contains("ten times"))).count()
}

#[test]
fn several_steps_make_a_clock_run_at_most_ten_times_as_fast() {
    for (steps, expected) in [
        ("at 100ms clock n1 rate 5\nat 200ms clock n1 rate 2", 0),
        ("at 100ms clock n1 rate 5\nat 200ms clock n1 rate 3", 1),
        ("at 100ms clock n1 rate 5\nat 200ms clock n2 rate 3", 0),
        ("at 100ms clock n1 rate 5 for 50ms\nat 200ms clock n1 rate 3", 0),
        ("at 100ms clock n1 rate 5 of wall\nat 200ms clock n1 rate 3 of monotonic", 0),
        // One alone may, and what slows a clock down leaves room.
        ("at 100ms clock n1 rate 12 for 50ms", 0),
        ("at 100ms clock n1 rate 0.5\nat 150ms clock n1 rate 5\nat 200ms clock n1 rate 4", 0),
    ] {
        assert_eq!(rushed(steps), expected, "{steps}");
    }
}

#[test]
fn a_bump_moves_the_wall_clock_for_good() {
    check(
        "at 150ms bump n1 behind 60ms",
        "100: 100/100, 150: moved 90/150, 200: 140/200, 300: 240/300, 400: 340/400, 500: 440/500, 600: 540/600",
    );
    check(
        "at 150ms bump n1 ahead 2s again 1 times every 200ms",
        "100: 100/100, 150: moved 2150/150, 200: 2200/200, 300: 2300/300, 350: moved 4350/350, 400: 4400/400, \
         500: 4500/500, 600: 4600/600",
    );
    let nothing = second(ticking(), "at 150ms bump n1 ahead 0s");
    assert_eq!((said(&nothing, 1).as_str(), nothing.steps[0].effects), (TRUE, 0));
}

#[test]
fn a_strobe_moves_the_wall_clock_forth_and_back_as_long_as_it_lasts() {
    check(
        "at 150ms strobe n1 ahead 20ms period 130ms for 340ms",
        "100: 100/100, 150: moved 170/150, 200: 220/200, 280: moved 280/280, 300: 300/300, 400: 400/400, 410: moved \
         430/410, 490: moved 490/490, 500: 500/500, 600: 600/600",
    );
    // The end on the true side moves nothing; a default period is 100 ms.
    check(
        "at 150ms strobe n1 behind 20ms for 190ms",
        "100: 100/100, 150: moved 130/150, 200: 180/200, 250: moved 250/250, 300: 300/300, 400: 400/400, 500: 500/500, \
         600: 600/600",
    );
    let fast = second(ticking(), "at 150ms strobe n1 ahead 20ms period 10us for 20ms");
    assert_eq!(report(&fast, "strobe").effects, 20, "it stays a millisecond on each side at least");
}

#[test]
fn clocks_drift_away_at_rates_of_their_own_within_a_bound() {
    let errors = |steps: &str, seed: u64| -> Vec<i64> {
        let header = format!("seed {seed}\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 1s, heal 10ms, settle 2s\n");
        let outcome = run(ticking(), &format!("{header}{steps}"));
        let moves = outcome.trace.iter().filter(|event| event.time == 800 * MS);
        moves.filter_map(|event| if let What::Clock(by) = event.what { Some(-by) } else { None }).collect()
    };
    let bound = 50 * MS.cast_signed();
    let all: Vec<i64> = (0..40).flat_map(|seed| errors("at 100ms drift all within 50ms for 700ms", seed)).collect();
    assert!(all.iter().all(|error| error.abs() <= bound), "{all:?}");
    assert!(all.iter().any(|error| *error > bound * 9 / 10) && all.iter().any(|error| *error < -bound * 9 / 10));
    // By then; half as much at half time, and none on the timers.
    let outcome = second(ticking(), "at 100ms drift {n1,n2} within 50ms for 700ms");
    let reading = |node| {
        let said = said(&outcome, node);
        let word = said.split(", ").find(|word| word.starts_with("600: ")).expect("it ticks at 600 ms").to_owned();
        word["600: ".len()..].split('/').next().expect("a wall clock").parse::<f64>().expect("milliseconds") - 600.0
    };
    let moves: Vec<f64> = outcome
        .trace
        .iter()
        .filter_map(|event| if let What::Clock(by) = event.what { Some(-by as f64 / MS as f64) } else { None })
        .collect();
    for (node, error) in [(1, moves[0]), (2, moves[1])] {
        assert!((reading(node) - error * 5.0 / 7.0).abs() < 1e-5, "n{node}: {} of {error}", reading(node));
    }
    assert_eq!((moves.len(), reading(3)), (2, 0.0));
    assert!((moves[0] - moves[1]).abs() > 0.01, "each its own");
    // Drawn anew after a reseed.
    let calm = errors("at 100ms drift all within 50ms for 700ms", 1);
    let anew = errors("at 10ms reseed n1\nat 100ms drift all within 50ms for 700ms", 1);
    assert!(calm[0] != anew[0] && calm[1..] == anew[1..], "{calm:?} {anew:?}");
}

#[test]
fn a_node_that_is_down_hears_nothing_and_finds_its_clocks_as_they_are() {
    check_down(
        "at 150ms crash n1, restart after 200ms\nat 200ms clock n1 ahead 100ms rate 0.5 for 400ms",
        "100: 100/100, 350: again 375/275, 550: 475/375, 600: moved 600/400, 675: 675/475",
        1,
    );
    // What was over before it started again struck nobody.
    check_down(
        "at 150ms crash n1, restart after 200ms\nat 200ms clock n1 ahead 100ms of wall for 100ms",
        "100: 100/100, 350: again 350/350, 450: 450/450, 550: 550/550, 650: 650/650",
        0,
    );
    // But for what its monotonic clock lost.
    check_down(
        "at 150ms crash n1, restart after 200ms\nat 200ms clock n1 rate 0.5 for 100ms",
        "100: 100/100, 350: again 350/300, 450: 450/400, 550: 550/500, 650: 650/600",
        1,
    );
}

#[track_caller]
fn check_down(steps: &str, expected: &str, effects: u32) {
    let outcome = second(ticking(), steps);
    assert_eq!(said(&outcome, 1), expected, "{steps}");
    assert_eq!(report(&outcome, "clock n1").effects, effects, "{steps}");
}

#[test]
fn everything_but_a_bump_is_over_when_all_is_healed() {
    let header = "seed 11\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 450ms, heal 300ms, settle 2s";
    let steps =
        "clock n1 ahead 1s\nat 100ms strobe n2 ahead 30ms\nat 100ms drift n3 within 90ms\nat 100ms bump n3 ahead 5s";
    let outcome = run(ticking(), &format!("{header}\nat 100ms {steps}"));
    for (node, off) in [(1, 0), (2, 0), (3, 5000)] {
        assert!(said(&outcome, node).ends_with(&format!("600: {}/600", 600 + off)), "{}", said(&outcome, node));
    }
}

fn promising(error: Duration) -> Probe {
    let about: About = ticking().about;
    Probe { about: about.survives(Promise { clock_error: error, ..Promise::default() }), ..ticking() }
}

#[test]
fn a_lease_on_the_monotonic_clock_bears_any_jump_of_the_other() {
    let about: About = ticking().about;
    let promise = Promise { monotonic_error: Duration::from_millis(10), ..Promise::default() };
    let probe = || Probe { about: about.clone().survives(promise), ..ticking() };
    for (steps, expected) in [
        ("at 100ms bump n1 behind 5s", 0),
        ("at 100ms clock n1 rate 0.5 of wall", 0),
        ("at 100ms clock n1 rate 0.9 for 100ms", 0),
        ("at 100ms clock n1 rate 0.9 for 101ms", 1),
        ("at 100ms clock n1 rate 0.9 of monotonic for 101ms", 1),
        ("at 100ms pause n1 clocks stopped for 11ms", 1),
    ] {
        let outcome = second(probe(), steps);
        let void = |what: &What| matches!(what, What::Void(why) if why.contains("monotonic clocks that are wrong by at most 10ms"));
        assert_eq!(outcome.trace.iter().filter(|event| void(&event.what)).count(), expected, "{steps}");
    }
}

/// How many steps were void for a target that bears clocks that are wrong by 100 ms.
#[track_caller]
fn void(steps: &str) -> usize {
    let outcome = second(promising(Duration::from_millis(100)), steps);
    let void = |what: &What| matches!(what, What::Void(why) if why.contains("clocks that are wrong by at most 100ms"));
    outcome.trace.iter().filter(|event| void(&event.what)).count()
}

#[test]
fn clocks_are_never_more_wrong_than_the_target_promises_to_bear() {
    for (steps, expected) in [
        ("at 100ms clock n1 ahead 100ms", 0),
        ("at 100ms clock n1 behind 101ms", 1),
        // A rate errs by what it adds up to.
        ("at 100ms clock n1 rate 0.5 for 200ms", 0),
        ("at 100ms clock n1 rate 0.5 for 201ms", 1),
        ("at 100ms clock n1 rate 0.5 of monotonic for 201ms", 1),
        ("at 100ms clock n1 rate 1.1", 0),
        ("at 100ms clock n1 rate 1.2", 1),
        ("at 100ms clock n1 ahead 50ms rate 0.5 for 101ms", 1),
        // Several on one node add up while they overlap; on several nodes they do not.
        ("at 100ms clock n1 ahead 60ms for 100ms\nat 150ms clock n1 behind 60ms for 100ms", 1),
        ("at 100ms clock n1 ahead 60ms for 100ms\nat 250ms clock n1 behind 60ms for 100ms", 0),
        ("at 100ms clock n1 ahead 60ms for 100ms\nat 150ms clock n2 behind 60ms for 100ms", 0),
        // What a monotonic clock lost it never gets back.
        ("at 100ms clock n1 rate 0.5 of monotonic for 150ms\nat 300ms clock n1 rate 0.5 of monotonic for 150ms", 1),
        ("at 100ms bump n1 ahead 60ms\nat 200ms bump n1 ahead 60ms", 1),
        ("at 100ms bump n1 ahead 60ms\nat 200ms bump n1 behind 60ms\nat 300ms bump n1 behind 60ms", 0),
        ("at 100ms strobe n1 ahead 101ms for 10ms", 1),
        ("at 100ms drift all within 100ms", 0),
        ("at 100ms drift all within 101ms", 1),
        ("at 100ms pause n1 clocks stopped for 100ms", 0),
        ("at 100ms pause n1 clocks stopped for 101ms", 1),
        ("at 100ms pause n1 clocks running for 500ms", 0),
    ] {
        assert_eq!(void(steps), expected, "{steps}");
    }
    let header = "seed 11\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 1s, heal 10ms, settle 2s\nbudget off";
    let outcome = run(promising(Duration::ZERO), &format!("{header}\nat 150ms bump n1 behind 60ms"));
    assert!(said(&outcome, 1).contains("150: moved 90/150"));
}

#[test]
fn for_a_node_whose_clocks_stop_with_it_time_does_not_run_on() {
    // 250 ms are left out: what was due at 200 ms is so 250 ms later, and the wall clock is set right.
    check(
        "at 130ms pause n1 clocks stopped for 250ms",
        "100: 100/100, 380: moved 380/130, 450: 450/200, 550: 550/300, 650: 650/400",
    );
    check(
        "at 130ms pause n1 clocks running for 250ms",
        "100: 100/100, 380: 380/380, 480: 480/480, 580: 580/580, 680: 680/680",
    );
    // Of two, the clocks stand still as long as the one says so.
    check(
        "at 130ms pause n1 for 270ms\nat 150ms pause n1 clocks stopped for 100ms",
        "100: 100/100, 400: 400/300, 400: moved 400/300, 500: 500/400, 600: 600/500",
    );
}
