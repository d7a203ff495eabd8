//! Disks that fail, lie, fill up and are damaged: what the calls of a node return, and what a crash leaves.

use std::time::Duration;

use murphy_sim::{About, DiskError, File, FileCodec, Input, Layout, Outcome, Promise, Quota, Timer, What};

use crate::probe::{Cx, LOG, MS, Probe, ProbeNode, SECOND, answer, idle, report, run, second, story};

const DATA: File = File("data");
const TICK: u64 = 100 * MS;
/// Every disk may do what it wants.
const ANYTHING: Promise = Promise {
    lost_disks: Quota::Any,
    damaged_disks: Quota::Any,
    clock_error: Duration::MAX,
    monotonic_error: Duration::MAX,
};

/// A record of the writer: four times the digit of its tick; the last two are its field `tail` and the value of that key.
fn layout(bytes: &[u8]) -> Layout {
    let key = bytes.first().map_or(0, |digit| u64::from(digit.wrapping_sub(b'0')));
    Layout::new(0..bytes.len()).field("tail", 2..4).key(key, 2..4)
}

fn about() -> About {
    idle()
        .about
        .file("log", FileCodec::framed(layout))
        .file("data", FileCodec::BLOCKS)
        .file("other", FileCodec::FRAMED)
        .disk("fast")
}

fn said<T>(result: Result<T, DiskError>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |_| "ok".to_owned())
}

/// Ticks at each 100 ms.
fn await_tick(cx: &mut Cx<'_>) {
    cx.set(Timer(0), Duration::from_nanos(TICK - cx.mono() % TICK));
}

/// Logs the records that are found, each by its first letter.
fn find(cx: &mut Cx<'_>) {
    match cx.records(LOG) {
        Ok(records) => {
            let found: String = records.iter().filter_map(|record| record.first()).map(|byte| *byte as char).collect();
            cx.log(format_args!("{}", format!("found {found}").trim_end()));
        }
        Err(error) => cx.log(format_args!("found {error:?}")),
    }
}

/// Appends a record at each tick and syncs it: logs the digit of the tick, and what the two calls said if it was not "ok".
fn write(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    let Input::Timer(_) = input else { return answer(node, input, cx) };
    let tick = cx.mono() / TICK;
    let record = [b'0' + (tick % 10) as u8; 4];
    let (appended, synced) = (said(cx.append(LOG, &record)), said(cx.sync(LOG)));
    match (appended.as_str(), synced.as_str()) {
        ("ok", "ok") => cx.log(format_args!("{tick}")),
        _ => cx.log(format_args!("{tick}:{appended}/{synced}")),
    }
    await_tick(cx);
}

fn writer() -> Probe {
    Probe { about: about(), start: |_, _, cx| start(cx), on: write, ..idle() }
}

fn start(cx: &mut Cx<'_>) {
    find(cx);
    await_tick(cx);
}

/// The same, of a target that bears everything that a disk can do.
fn hardy() -> Probe {
    Probe { about: about().survives(ANYTHING), ..writer() }
}

/// What a node logged in the chaos phase.
fn logged(outcome: &Outcome, node: u16) -> String {
    let lines = outcome.trace.iter().filter(|event| event.node == Some(node) && event.time < 1_000 * MS);
    let lines = lines.filter_map(|event| match &event.what {
        What::Log(line) => Some(line.as_str()),
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ")
}

/// What node 1 of the hardy writer logs under these steps, and how many effects the first of them had; the others log as
/// ever.
#[track_caller]
fn check(steps: &str, expected: &str, effects: u32) {
    let outcome = second(hardy(), steps);
    let first = steps.lines().next().and_then(|step| step.split_whitespace().nth(2)).expect("at TIME FAULT");
    assert_eq!((logged(&outcome, 1).as_str(), report(&outcome, first).effects), (expected, effects), "{steps}");
    assert_eq!(logged(&outcome, 2), "found 1 2 3 4 5 6 7 8 9", "{steps}");
}

#[test]
fn calls_fail_with_the_error_that_the_schedule_names() {
    check("at 250ms disk-error n1 for 200ms", "found 1 2 3:Io/Io 4:Io/Io 5 6 7 8 9", 4);
    for (code, error) in [("ENOSPC", "NoSpace"), ("EROFS", "ReadOnly"), ("EINTR", "Interrupted"), ("ENOENT", "Missing")]
    {
        let steps = format!("at 250ms disk-error n1 on sync error {code} for 100ms");
        check(&steps, &format!("found 1 2 3:ok/{error} 4 5 6 7 8 9"), 1);
    }
}

#[test]
fn only_the_calls_that_a_step_names_fail() {
    check("at 250ms disk-error n1 on write for 100ms", "found 1 2 3:Io/ok 4 5 6 7 8 9", 1);
    check("at 250ms disk-error n1 on sync for 100ms", "found 1 2 3:ok/Io 4 5 6 7 8 9", 1);
    check("at 250ms disk-error n1 on metadata for 100ms", "found 1 2 3 4 5 6 7 8 9", 0);
    // The first write makes the file.
    check("at 50ms disk-error n1 on metadata for 100ms", "found 1:Io/ok 2 3 4 5 6 7 8 9", 1);
    let crash = "at 310ms crash n1, restart after 40ms";
    check(&format!("at 320ms disk-error n1 on read for 100ms\n{crash}"), "found 1 2 3 found Io 4 5 6 7 8 9", 1);
}

#[test]
fn so_many_calls_fail_and_no_more() {
    check("at 250ms disk-error n1 on sync times 2 for 500ms", "found 1 2 3:ok/Io 4:ok/Io 5 6 7 8 9", 2);
    check(
        "at 150ms disk-error n1 on sync times 1 for 90ms again 2 times every 300ms",
        "found 1 2:ok/Io 3 4 5:ok/Io 6 7 8:ok/Io 9",
        3,
    );
}

#[test]
fn a_share_of_the_calls_fails_and_another_one_after_a_reseed() {
    let failing = |steps: &str| {
        let outcome = run(hardy(), &format!("seed 11\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 20s\n{steps}"));
        let refused = outcome.trace.iter().filter(|event| matches!(event.what, What::Refused { .. }));
        let times: Vec<u64> = refused.map(|event| event.time / TICK).collect();
        assert_eq!(report(&outcome, "disk-error").effects as usize, times.len());
        times
    };
    let some = failing("at 1ms disk-error n1 on sync 30%");
    assert!((40..80).contains(&some.len()), "{} of 199 syncs", some.len());
    let reseeded = failing("at 1ms disk-error n1 on sync 30%\nat 10.05s reseed n1");
    let early = |times: &[u64]| times.iter().copied().filter(|tick| *tick <= 100).collect::<Vec<_>>();
    assert!(some != reseeded && early(&some) == early(&reseeded));
    // Another node's calls are drawn apart.
    let both = failing("at 1ms disk-error {n1,n2} on sync 30%");
    assert!((90..150).contains(&both.len()), "{} of 398 syncs", both.len());
}

#[test]
fn every_place_is_found() {
    let all = "found 1 2 3:Io/ok 4:Io/ok 5 6 7 8 9";
    let none = "found 1 2 3 4 5 6 7 8 9";
    let failing = |place: &str, expected: &str, effects: u32| {
        check(&format!("at 250ms disk-error n1 in {place} on write for 200ms"), expected, effects);
    };
    for place in
        ["anywhere", "log", "block 1 of log", "last block of log", "segment 1 of log", "last record of log", "record"]
    {
        failing(place, all, 2);
    }
    for place in [
        "other",
        "disk fast",
        "block 2 of log",
        "segment 2 of log",
        "record 2 of log",
        "key 9 of log",
        "bytes 0 to 24 of log",
    ] {
        failing(place, none, 0);
    }
    // What would be the third record is never written, as long as it fails.
    failing("record 3 of log", all, 2);
    failing("bytes 24 to 25 of log", all, 2);
    failing("field tail of record 3 of log", all, 2);
    failing("field tail of record 2 of log", none, 0);
    failing("key 3 of log", "found 1 2 3:Io/ok 4 5 6 7 8 9", 1);
    failing("key of log", all, 2);
    // Each record is 12 bytes long; a sync is about all of the file.
    check("at 250ms disk-error n1 in record 2 of log on sync for 100ms", "found 1 2 3:ok/Io 4 5 6 7 8 9", 1);
    check("at 250ms disk-error n1 in record 9 of log on sync for 100ms", none, 0);
}

#[test]
fn what_a_failed_sync_dropped_no_later_sync_makes_durable() {
    let crash = "at 650ms crash n1, restart after 10ms";
    let found = |error: &str, found: &str| {
        let step = format!("at 250ms disk-error n1 on sync error {error} for 100ms");
        let error = if error == "EIO" { "Io" } else { "Interrupted" };
        check(&format!("{step}\n{crash}"), &format!("found 1 2 3:ok/{error} 4 5 6 found {found} 7 8 9"), 1);
    };
    found("EIO", "12");
    found("EINTR", "123456");
    // Not even a crash that keeps everything else.
    let steps = "at 250ms disk-error n1 on sync for 100ms\nat 650ms crash n1 keep, restart after 10ms";
    check(steps, "found 1 2 3:ok/Io 4 5 6 found 12 7 8 9", 1);
}

#[test]
fn a_target_that_tries_again_gets_over_an_interrupted_call() {
    fn persist(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return answer(node, input, cx) };
        let mut calls = 1;
        while let Err(DiskError::Interrupted) = cx.append(LOG, b"1") {
            calls += 1;
        }
        let synced = said(cx.sync(LOG));
        cx.log(format_args!("{calls} {synced}"));
    }
    let outcome = second(Probe { on: persist, ..writer() }, "at 50ms disk-error n1 on write error EINTR times 3");
    assert_eq!((logged(&outcome, 1).as_str(), logged(&outcome, 2).as_str()), ("found 4 ok", "found 1 ok"));
    assert_eq!(outcome.steps[0].effects, 3);
}

#[test]
fn a_full_disk_takes_what_still_fits() {
    check("at 250ms disk-full n1 for 200ms", "found 1 2 3:NoSpace/ok 4:NoSpace/ok 5 6 7 8 9", 2);
    check("at 250ms disk-full n1 free 30B for 300ms", "found 1 2 3 4 5:NoSpace/ok 6 7 8 9", 1);
    check("at 250ms disk-full n1 in log for 100ms", "found 1 2 3:NoSpace/ok 4 5 6 7 8 9", 1);
    check("at 250ms disk-full n1 in other for 100ms", "found 1 2 3 4 5 6 7 8 9", 0);
}

#[test]
fn every_disk_is_as_large_as_the_header_says() {
    let outcome = run(hardy(), &format!("resources disk 40B\n{SECOND}"));
    for node in [1, 2] {
        let full = (4..10).map(|tick| format!(" {tick}:NoSpace/ok")).collect::<String>();
        assert_eq!(logged(&outcome, node), format!("found 1 2 3{full}"));
    }
}

#[test]
fn a_lazy_sync_is_true_only_later_and_a_crash_in_between_loses_it() {
    let steps = |lag: &str| format!("at 150ms lazy-sync n1 in log {lag} for 1s\nat 450ms crash n1, restart after 10ms");
    check(&steps("lag 120ms"), "found 1 2 3 4 found 123 5 6 7 8 9", 8);
    check(&steps("lag 260ms"), "found 1 2 3 4 found 1 5 6 7 8 9", 8);
    check(&steps("lag 20ms"), "found 1 2 3 4 found 1234 5 6 7 8 9", 8);
    // Nothing that was under way when it ends is lost, and later syncs are true at once.
    let ended = "at 150ms lazy-sync n1 lag 240ms for 100ms\nat 450ms crash n1, restart after 10ms";
    check(ended, "found 1 2 3 4 found 1234 5 6 7 8 9", 1);
    check(&steps("lag 120ms").replace("in log", "in other"), "found 1 2 3 4 found 1234 5 6 7 8 9", 0);
}

#[test]
fn disks_lie_only_to_targets_that_promise_to_survive_it() {
    for fault in [
        "lazy-sync n1",
        "miswrite n1 by phantom",
        "miswrite n1",
        "misread n1",
        "damage n1 in log",
        "damage n1 in log by delete",
    ] {
        let outcome = second(writer(), &format!("at 150ms {fault}\nat 450ms crash n1, restart after 10ms"));
        assert_eq!(logged(&outcome, 1), "found 1 2 3 4 found 1234 5 6 7 8 9", "{fault}");
        let void = outcome.trace.iter().any(|event| matches!(&event.what, What::Void(why) if why.contains("promises")));
        assert!(void && report(&outcome, fault.split(' ').next().expect("a word")).effects == 0, "{fault}");
    }
    // Errors, space and time are beyond no promise.
    let outcome = second(writer(), "at 150ms disk-error n1 on sync for 100ms\nat 350ms disk-full n1 for 100ms");
    assert_eq!(logged(&outcome, 1), "found 1 2:ok/Io 3 4:NoSpace/ok 5 6 7 8 9");
}

#[test]
fn writes_do_something_else_than_they_say() {
    let crash = "at 650ms crash n1, restart after 10ms";
    let found = |how: &str, found: &str| {
        let step = format!("at 250ms miswrite n1 in log {how} times 1 for 300ms");
        check(&format!("{step}\n{crash}"), &format!("found 1 2 3 4 5 6 found {found} 7 8 9"), 1);
    };
    found("by bitflip", "12");
    found("by phantom", "12");
    found("by short", "12");
    // The only other place is the beginning of the file.
    found("by misdirected", "32");
    let steps = format!("at 250ms miswrite n1 in record 5 of log by phantom for 400ms\n{crash}");
    check(&steps, "found 1 2 3 4 5 6 found 1234 7 8 9", 1);
}

#[test]
fn a_share_of_the_writes_lies() {
    let header = "seed 11\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 20s\n";
    let outcome = run(hardy(), &format!("{header}at 1ms miswrite n1 by bitflip 30%"));
    let effects = report(&outcome, "miswrite").effects;
    assert!((40..80).contains(&effects), "{effects} of 199 writes");
    let outcome = run(hardy(), &format!("{header}at 1ms miswrite n1 by bitflip 30% times 5"));
    assert_eq!(report(&outcome, "miswrite").effects, 5);
}

/// Writes a file of 1000 bytes, and once more its first four; then reads it at each tick and says how that differs: `same`;
/// `1000: 3 bits in 7..9`.
fn reader() -> Probe {
    fn truth() -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..1000u32).map(|at| (at % 251) as u8).collect();
        bytes[..4].copy_from_slice(b"news");
        bytes
    }
    fn prepare(cx: &mut Cx<'_>) {
        let mut old = truth();
        old[..4].copy_from_slice(b"olds");
        cx.write_at(DATA, 0, &old).expect("a sound disk");
        cx.write_at(DATA, 0, b"news").expect("a sound disk");
        cx.sync(DATA).expect("a sound disk");
        cx.sync_directory().expect("a sound disk");
        await_tick(cx);
    }
    fn read(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return answer(node, input, cx) };
        let read = cx.read_at(DATA, 0, 5000).expect("a sound disk");
        let differing: Vec<(usize, u32)> =
            read.iter().zip(truth()).map(|(a, b)| (a ^ b).count_ones()).enumerate().collect();
        let differing: Vec<(usize, u32)> = differing.into_iter().filter(|(_, bits)| *bits > 0).collect();
        match (differing.first(), differing.last()) {
            (Some((from, _)), Some((to, _))) => {
                let bits: u32 = differing.iter().map(|(_, bits)| bits).sum();
                cx.log(format_args!("{}:{bits}:{from}..{}", read.len(), to + 1));
            }
            _ => cx.log(format_args!("{}", read.len())),
        }
        await_tick(cx);
    }
    Probe { about: about().survives(ANYTHING), start: |_, _, cx| prepare(cx), on: read, ..idle() }
}

/// What node 1 reads at the third tick; it reads the truth at all others.
#[track_caller]
fn misread(step: &str, effects: u32) -> String {
    let outcome = second(reader(), &format!("at 250ms {step} for 100ms"));
    let lines = logged(&outcome, 1);
    let mut lines: Vec<&str> = lines.split(' ').collect();
    let third = lines.remove(2).to_owned();
    assert_eq!(lines, ["1000"; 8], "{step}");
    assert_eq!(outcome.steps[0].effects, effects, "{step}: {third}");
    third
}

#[test]
fn reads_return_something_else_than_was_written() {
    let flipped = misread("misread n1 in data by bitflip", 1);
    let [length, bits, _] = flipped.split(':').collect::<Vec<_>>()[..] else { panic!("{flipped}") };
    assert!(length == "1000" && (1..=4).contains(&bits.parse::<u32>().expect("a number")), "{flipped}");
    let one = misread("misread n1 in bytes 100 to 101 of data by bitflip", 1);
    assert!(one.ends_with(":100..101"), "{one}");
    // `olds` differs from `news` in these bits.
    let bits: u32 = b"olds".iter().zip(b"news").map(|(a, b)| (a ^ b).count_ones()).sum();
    assert_eq!(misread("misread n1 in data by stale", 1), format!("1000:{bits}:0..3"));
    assert_eq!(misread("misread n1 in bytes 500 to 600 of data by stale", 0), "1000", "nothing changed there");
    let elsewhere = misread("misread n1 in bytes 512 to 600 of data by misdirected", 1);
    assert!(elsewhere.ends_with(":512..600"), "{elsewhere}");
    let short: usize = misread("misread n1 in data by short", 1).parse().expect("the truth, as far as it goes");
    assert!(short < 1000);
    assert_eq!(misread("misread n1 in other", 0), "1000");
    assert_eq!(misread("misread n1 in data 0%", 0), "1000");
}

#[test]
fn so_many_reads_lie_and_no_more() {
    let outcome = second(reader(), "at 150ms misread n1 in data by short times 2");
    let lines = logged(&outcome, 1);
    let lying = lines.split(' ').map(|line| line != "1000").collect::<Vec<_>>();
    assert_eq!(lying, [false, true, true, false, false, false, false, false, false]);
}

#[test]
fn damage_changes_bytes_and_the_targets_checksum_flags_them() {
    let crash = "at 450ms crash {n1,n2}, restart after 10ms";
    let found = |damage: &str| {
        let outcome = second(hardy(), &format!("at 350ms {damage}\n{crash}"));
        let found = |node| {
            let lines = logged(&outcome, node);
            lines.rsplit("found ").next().expect("it was restarted").split(' ').next().unwrap_or_default().to_owned()
        };
        (found(1), found(2), report(&outcome, "damage").effects)
    };
    let expect = |one: &str, two: &str, effects| (one.to_owned(), two.to_owned(), effects);
    assert_eq!(found("damage n1 in record 2 of log by checksum"), expect("1", "1234", 1));
    assert_eq!(found("damage {n1,n2} in record 3 of log"), expect("12", "12", 2));
    assert_eq!(found("damage n1 in last record of log by delete"), expect("124", "1234", 1));
    assert_eq!(found("damage n1 in log by checksum each 3"), expect("12", "1234", 1));
    assert_eq!(found("damage n1 in record 1 of log by delete amount 2"), expect("34", "1234", 2));
    assert_eq!(found("damage n1 in other"), expect("1234", "1234", 0));
    // What is drawn is another record for another seed, but always one of them.
    let outcome = |seed: u64| {
        let text = format!(
            "seed {seed}\n{}at 350ms damage n1 in log by delete\n{crash}",
            SECOND.split_once('\n').expect("lines").1
        );
        logged(&run(hardy(), &text), 1)
    };
    let mut all: Vec<String> = (0..40).map(outcome).collect();
    all.sort();
    all.dedup();
    let left = |found: &str| format!("found 1 2 3 4 found {found} 5 6 7 8 9");
    assert_eq!(all, [left("124"), left("134"), left("234")]);
}

/// At each tick all that can be done to raw files, in order.
fn raw() -> Probe {
    fn calls(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return answer(node, input, cx) };
        let aside = File("aside");
        let said = [
            said(cx.write_at(aside, 0, b"abc")),
            said(cx.set_length(aside, 2)),
            said(cx.sync(aside)),
            said(cx.rename(aside, DATA)),
            said(cx.sync_directory()),
            said(cx.read_at(DATA, 1, 9)),
            said(cx.contents(DATA)),
            said(cx.remove(DATA)),
            said(cx.remove(DATA)),
            said(cx.read_at(DATA, 0, 1)),
            said(cx.replace(DATA, b"x")),
        ];
        cx.log(format_args!("{} {:?}", said.join(" "), cx.length(DATA)));
        await_tick(cx);
    }
    Probe { about: about().survives(ANYTHING), start: |_, _, cx| await_tick(cx), on: calls, ..idle() }
}

#[test]
fn raw_files_are_written_renamed_and_removed() {
    let outcome = second(raw(), "at 150ms pause n1");
    assert_eq!(logged(&outcome, 1), "ok ok ok ok ok ok ok ok Missing Missing ok Some(9)");
    let words = story(&outcome, 1);
    assert!(words.starts_with("start timer0 write write sync write sync write sync [ok"), "{words}");
}

#[test]
fn a_crash_falls_before_or_after_any_call() {
    let stops = |step: &str| {
        let outcome = second(raw(), &format!("{step} crash n1"));
        story(&outcome, 1).split(" crash").next().expect("a story").replace("start timer0", "").trim().to_owned()
    };
    assert_eq!(stops("before n1 write #2"), "write");
    assert_eq!(stops("after n1 write #3"), "write write sync write");
    assert_eq!(stops("before n1 write #4"), "write write sync write sync");
    assert_eq!(stops("after n1 sync #2"), "write write sync write sync");
    assert_eq!(stops("before n1 sync #3"), "write write sync write sync write");
}

#[test]
fn calls_about_names_are_metadata() {
    let outcome = second(raw(), "at 50ms disk-error n1 on metadata error EROFS for 100ms\nat 150ms pause n1");
    let refused = "ReadOnly ReadOnly ok ReadOnly ok Missing ok ReadOnly ReadOnly Missing ReadOnly None";
    assert_eq!(logged(&outcome, 1), refused);
}

#[test]
fn the_end_of_a_sync_can_be_waited_for() {
    fn later(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match input {
            Input::Timer(_) => {
                cx.append(LOG, b"1").expect("a sound disk");
                let begun = said(cx.sync_later(LOG));
                cx.log(format_args!("{begun}"));
            }
            Input::Synced { file } => cx.log(format_args!("synced {} at {}", file.0, cx.mono() / 1_000)),
            other => answer(node, other, cx),
        }
    }
    let probe = || Probe { on: later, ..hardy() };
    let story = |steps: &str| logged(&second(probe(), steps), 1);
    assert_eq!(story("at 900ms note"), "found ok synced log at 100500");
    assert_eq!(story("at 100.4ms crash n1 lost, restart after 700ms"), "found ok found ok synced log at 900500");
    assert_eq!(story("at 100.6ms crash n1 lost, restart after 850ms"), "found ok synced log at 100500 found 1");
    assert_eq!(story("at 50ms disk-error n1 on sync for 100ms"), "found Io");
    // A lazy one says so and is not true.
    let lazy = "at 50ms lazy-sync n1 lag 100ms for 100ms\nat 110ms crash n1 lost, restart after 850ms";
    assert_eq!(story(lazy), "found ok synced log at 100500 found");
    // What hears of it while the node is paused waits.
    assert_eq!(story("at 100.2ms pause n1 for 200ms"), "found ok synced log at 300200");
}
