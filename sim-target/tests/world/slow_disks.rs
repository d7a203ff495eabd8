//! Disks that are slow or hang: when calls return, and what a crash makes of those that have not.

use std::time::Duration;

use murphy_sim::{Boot, FileCodec, Input, Outcome, Timer, What};

use crate::probe::{Cx, LOG, MS, Probe, ProbeNode, answer, idle, report, second};

/// Appends a record of so many bytes, syncs it, and says when it is through by its monotonic clock.
fn write(cx: &mut Cx<'_>, tick: u32, bytes: usize) {
    let appended = cx.append(LOG, &vec![b'0' + tick as u8; bytes]).is_ok();
    let synced = cx.sync(LOG).is_ok();
    let clock = cx.mono() / MS;
    cx.log(format_args!("{tick}{} by {clock}", if appended && synced { "" } else { " failed" }));
}

/// Node 1 writes at each 100 ms.
fn writer() -> Probe {
    fn start(_: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        let found = cx.records(LOG).map_or(0, |records| records.len());
        cx.log(format_args!("found {found}"));
        if boot.me == 1 && boot.incarnation == 0 {
            (1..=6).for_each(|tick| cx.set(Timer(tick), Duration::from_millis(100 * u64::from(tick))));
        }
    }
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(Timer(tick)) = input else { return answer(node, input, cx) };
        // Length and checksum take 8 bytes.
        write(cx, tick, 992);
    }
    let about = idle().about.file("log", FileCodec::BLOCKS).file("other", FileCodec::BLOCKS);
    Probe { about, start, on, ..idle() }
}

/// What node 1 said after its first start, each with the millisecond.
fn said(outcome: &Outcome) -> String {
    let lines = outcome.trace.iter().filter(|event| event.node == Some(1) && event.time > 0 && event.time < 900 * MS);
    let words = lines.filter_map(|event| match &event.what {
        What::Log(line) => Some(format!("{}: {line}", event.time / MS)),
        _ => None,
    });
    words.collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn check(probe: Probe, steps: &str, expected: &str, effects: u32) {
    let outcome = second(probe, steps);
    let first = steps.lines().next().and_then(|step| step.split_whitespace().find(|word| word.starts_with("disk-")));
    assert_eq!(
        (said(&outcome).as_str(), report(&outcome, first.expect("a step")).effects),
        (expected, effects),
        "{steps}"
    );
}

/// Under these steps the write of 200 ms is through then, by this clock; the others are as ever.
#[track_caller]
fn check_second(steps: &str, (at, clock): (u64, u64), effects: u32) {
    let (before, after) = ("100: 1 by 100", "300: 3 by 300, 400: 4 by 400, 500: 5 by 500, 600: 6 by 600");
    check(writer(), steps, &format!("{before}, {at}: 2 by {clock}, {after}"), effects);
}

#[test]
fn a_slow_call_takes_its_time_and_the_clock_shows_it() {
    check_second("at 150ms disk-delay n1 takes 10ms for 100ms", (220, 220), 2);
    check_second("at 150ms disk-delay n1 on sync takes 10ms for 100ms", (210, 210), 1);
    check_second("at 150ms disk-delay n1 on write takes 15ms for 100ms", (215, 215), 1);
    check_second("at 150ms disk-delay n1 in other takes 10ms for 100ms", (200, 200), 0);
    check_second("at 150ms disk-delay n2 takes 10ms for 100ms", (200, 200), 0);
    // Several add up, and a call that has begun takes as long as it was drawn.
    check_second(
        "at 150ms disk-delay n1 takes 10ms for 60ms\nat 160ms disk-delay n1 on sync takes 5ms for 50ms",
        (225, 225),
        2,
    );
    check_second("at 150ms disk-delay n1 takes 30ms for 51ms", (260, 260), 2);
}

#[test]
fn no_call_is_slow_beyond_the_end_of_chaos() {
    let outcome = second(writer(), "at 550ms disk-delay n1 takes 10s");
    let last = outcome.trace.iter().rfind(|event| matches!(&event.what, What::Log(line) if line.starts_with('6')));
    assert_eq!(last.map(|event| event.time), Some(1_000 * MS));
}

#[test]
fn a_call_that_stalls_returns_as_the_step_ends_and_no_clock_foresees_it() {
    check_second("at 150ms disk-stall n1 for 90ms", (240, 200), 2);
    check_second("at 150ms disk-stall n1 on sync for 90ms", (240, 200), 1);
    check_second("at 150ms disk-stall n1 for 40ms", (200, 200), 0);
    check_second("before n1 sync #2 disk-stall n1 for 70ms", (270, 200), 1);
    check_second("at 150ms disk-stall n1 for 90ms\nat 170ms disk-stall n1 for 100ms", (270, 200), 2);
    check_second("at 150ms disk-stall n1\nat 230ms heal", (230, 200), 2);
    // What waits for the disk keeps what comes meanwhile waiting.
    check(
        writer(),
        "at 150ms disk-stall n1 for 300ms",
        "100: 1 by 100, 450: 2 by 200, 450: 3 by 450, 450: 4 by 450, 500: 5 by 500, 600: 6 by 600",
        2,
    );
}

#[test]
fn a_narrow_disk_passes_so_many_bytes_a_second() {
    check_second("at 150ms disk-throttle n1 50kB for 100ms", (220, 200), 1);
    check_second("at 150ms disk-throttle n1 100kB for 100ms", (210, 200), 1);
    check_second("at 150ms disk-throttle n1 1kB for 90ms", (240, 200), 1);
    check_second("at 150ms disk-throttle n1 in other 1kB for 90ms", (200, 200), 0);
}

#[test]
fn a_read_takes_its_time_and_as_much_as_it_reads() {
    let again = "at 610ms crash n1, restart after 40ms";
    for (step, at) in [
        ("at 620ms disk-delay n1 on read takes 20ms", 670),
        ("at 620ms disk-stall n1 on read for 100ms", 720),
        ("at 620ms disk-throttle n1 100kB", 710),
    ] {
        let outcome = second(writer(), &format!("{step}\n{again}"));
        assert!(said(&outcome).ends_with(&format!("600: 6 by 600, {at}: found 6")), "{step}: {}", said(&outcome));
    }
}

#[test]
fn what_a_stalled_sync_was_to_make_durable_a_crash_loses() {
    let crash = "at 220ms crash n1 lost, restart after 400ms";
    for (step, found) in [("disk-stall n1 on sync for 90ms", 1), ("disk-stall n2 on sync for 90ms", 2)] {
        let outcome = second(writer(), &format!("at 150ms {step}\n{crash}"));
        assert!(said(&outcome).ends_with(&format!("620: found {found}")), "{step}: {}", said(&outcome));
    }
}

#[test]
fn a_call_that_fails_takes_as_long() {
    let steps = "at 150ms disk-delay n1 takes 10ms for 100ms\nat 150ms disk-error n1 on sync for 100ms";
    let expected = "100: 1 by 100, 220: 2 failed by 220, 300: 3 by 300, 400: 4 by 400, 500: 5 by 500, 600: 6 by 600";
    check(writer(), steps, expected, 2);
}

/// The same, but a sync is only begun, and node 1 hears of its end.
fn patient() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match input {
            Input::Timer(Timer(tick)) => {
                cx.append(LOG, &[b'0' + tick as u8]).expect("the disk takes it");
                cx.sync_later(LOG).expect("it can begin");
                cx.log(format_args!("{tick}"));
            }
            Input::Synced { .. } => cx.log(format_args!("synced")),
            other => answer(node, other, cx),
        }
    }
    Probe { on, ..writer() }
}

#[test]
fn a_node_that_does_not_wait_for_a_sync_hears_of_its_end_later() {
    let rest = "300: 3, 300: synced, 400: 4, 400: synced, 500: 5, 500: synced, 600: 6, 600: synced";
    let at = |time: u64| format!("100: 1, 100: synced, 200: 2, {time}: synced, {rest}");
    check(patient(), "at 150ms disk-delay n1 on sync takes 10ms for 100ms", &at(210), 1);
    check(patient(), "at 150ms disk-stall n1 on sync for 90ms", &at(240), 1);
    check(patient(), "before n1 sync #2 disk-stall n1 on sync for 60ms", &at(260), 1);
    check(patient(), "at 150ms disk-throttle n1 1MB for 90ms", &at(200), 1);
}

#[test]
fn no_sync_that_is_only_begun_ends_late_beyond_the_end_of_chaos() {
    // Begun in time, but behind a call that stalls to the end.
    let outcome = second(patient(), "at 550ms disk-delay n1 on sync takes 10s\nat 550ms disk-stall n1 on write");
    let last = outcome.trace.iter().rfind(|event| matches!(&event.what, What::Log(line) if line == "synced"));
    assert_eq!(last.map(|event| event.time / MS), Some(1_000));
}

#[test]
fn a_crash_forgets_the_syncs_that_a_stall_held_back() {
    let outcome =
        second(patient(), "at 150ms disk-stall n1 on sync for 90ms\nat 220ms crash n1 lost, restart after 400ms");
    assert!(said(&outcome).ends_with("100: synced, 200: 2, 620: found 1"), "{}", said(&outcome));
}
