//! Nodes short of processor or memory, and tasks that are held where they let others run.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use murphy_sim::{Input, Options, OutOfMemory, Outcome, RegisterOp, Run, Runner, Timer, What};

use crate::probe::{
    Answer, Cx, LOG, MS, Numbered, Probe, ProbeNode, SECOND, answer, idle, report, run, schedule, second,
};

const TICK: u64 = 100 * MS;
const MB: u64 = 1_000_000;

/// Ticks at each 100 ms.
fn await_tick(cx: &mut Cx<'_>) {
    cx.set(Timer(0), Duration::from_nanos(TICK - cx.mono() % TICK));
}

/// A probe that does this at each tick.
fn ticking(on: fn(&mut ProbeNode, Input<ProbeNode>, &mut Cx<'_>)) -> Probe {
    Probe { start: |_, _, cx| await_tick(cx), on, ..idle() }
}

/// What a node did in the chaos phase, each with its time in nanoseconds.
fn timed(outcome: &Outcome, node: u16) -> Vec<(u64, String)> {
    let events = outcome.trace.iter().filter(|event| event.node == Some(node) && event.time < 1_000 * MS);
    let timed = events.filter_map(|event| {
        let word = match &event.what {
            What::Log(line) => line.clone(),
            What::Send { to, .. } => format!("->n{to}"),
            What::Write(_) => "write".to_owned(),
            What::Sync(_) => "sync".to_owned(),
            What::Reply(_) => "reply".to_owned(),
            _ => return None,
        };
        Some((event.time, word))
    });
    timed.collect()
}

/// At each tick: logs how long the handler has taken when it begins, and again after what takes 1 ms of a core.
fn clerk() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return answer(node, input, cx) };
        cx.log(format_args!("{}", cx.mono() % TICK));
        cx.spend(Duration::from_millis(1));
        cx.log(format_args!("{}", cx.mono() % TICK));
        await_tick(cx);
    }
    ticking(on)
}

/// How long after each of its ticks a node of a clerk did what it did, in nanoseconds.
#[track_caller]
fn lags(outcome: &Outcome, node: u16) -> Vec<[u64; 2]> {
    let timed = timed(outcome, node);
    let lags: Vec<u64> = timed.iter().map(|(time, _)| time % TICK).collect();
    let shown: Vec<u64> = timed.iter().map(|(_, line)| line.parse().expect("a number")).collect();
    assert_eq!(lags, shown, "its clocks show the time that has passed");
    lags.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()
}

/// Steps that last over ticks 3 and 4 have what node 1 does take so long there, and have so many effects each. What the other
/// nodes do, and node 1 before and after, takes as long as ever.
#[track_caller]
fn check_lags(steps: &str, [begins, ends]: [u64; 2], effects: u32) {
    let outcome = second(clerk(), steps);
    let usual = [0, MS];
    let expected = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|tick| if tick == 3 || tick == 4 { [begins, ends] } else { usual });
    assert_eq!(lags(&outcome, 1), expected, "{steps}");
    assert_eq!(lags(&outcome, 2), [usual; 9], "{steps}");
    assert!(outcome.steps.iter().all(|report| report.effects == effects), "{steps}: {:?}", outcome.steps);
}

#[test]
fn handlers_take_time_and_all_that_they_do_takes_longer_by_what_others_use() {
    check_lags("at 250ms cpu n1 use 30% for 200ms", [71_428, 71_428 + 1_428_571], 4);
    check_lags("at 250ms cpu n1 use 0.01% for 200ms", [50_005, 50_005 + 1_000_100], 4);
    // Others leave a node at least as much as each of their threads gets.
    check_lags("at 250ms cpu n1 for 200ms", [100_000, 2_100_000], 4);
    check_lags("at 250ms cpu n1 use 80% for 200ms", [100_000, 2_100_000], 4);
    check_lags("at 250ms cpu n1 use 80% threads 4 for 200ms", [250_000, 5_250_000], 4);
    check_lags("at 250ms cpu n1 use 10% threads 4 for 200ms", [83_333, 83_333 + 1_666_666], 4);
    check_lags("at 250ms cpu n1 use 0% threads 4 for 200ms", [0, MS], 0);
}

#[test]
fn what_several_steps_use_of_a_core_adds_up() {
    let both = "at 250ms cpu n1 use 30% for 200ms\nat 250ms cpu n1 use 20% for 200ms";
    check_lags(both, [100_000, 2_100_000], 4);
    let both = "at 250ms cpu n1 use 30% for 200ms\nat 250ms cpu n1 use 90% threads 2 for 200ms";
    check_lags(both, [200_000, 4_200_000], 4);
}

#[test]
fn a_step_that_begins_within_a_handler_slows_what_is_left_of_it() {
    let outcome = second(clerk(), "before n1 write #1 cpu n1\nat 200ms crash n2");
    assert_eq!(lags(&outcome, 1), [[0, MS]; 9], "nobody writes");
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return answer(node, input, cx) };
        cx.append(LOG, b"a").expect("a sound disk");
        cx.spend(Duration::from_millis(1));
        cx.log(format_args!("done"));
    }
    let outcome = second(ticking(on), "before n1 write #1 cpu n1 for 50ms");
    assert_eq!(timed(&outcome, 1), [(TICK, "write".to_owned()), (TICK + 2 * MS, "done".to_owned())]);
    assert_eq!(outcome.steps[0].effects, 1);
}

#[test]
fn a_header_gives_every_node_a_part_of_a_core_throughout() {
    let with = |header: &str, steps: &str| run(clerk(), &format!("resources {header}\n{SECOND}{steps}"));
    for node in 1..=3 {
        assert_eq!(lags(&with("cpu 50%", ""), node), [[100_000, 2_100_000]; 9]);
        assert_eq!(lags(&with("cpu 1%", ""), node), [[5_000_000, 105_000_000 - TICK]; 4], "every other tick is missed");
        assert_eq!(lags(&with("cpu 100%", ""), node), [[0, MS]; 9]);
    }
    let outcome = with("cpu 50%", "at 250ms cpu n1 use 80% threads 4");
    assert_eq!(lags(&outcome, 1)[1..4], [[100_000, 2_100_000], [500_000, 10_500_000], [500_000, 10_500_000]]);
    assert_eq!((lags(&outcome, 2), outcome.steps[0].effects), (vec![[100_000, 2_100_000]; 9], 14));
}

#[test]
fn nobody_is_slowed_when_the_chaos_phase_is_over() {
    // The handler takes 12.8 ms, and then 1 ms and 86.2 ms of the 255 that it would take longer.
    let slow = "at 850ms cpu n1 threads 255";
    let outcome = second(clerk(), slow);
    let logs = |outcome: &Outcome| {
        let logs = outcome.trace.iter().filter(|event| event.node == Some(1) && matches!(event.what, What::Log(_)));
        logs.map(|event| event.time).filter(|time| *time >= 900 * MS).collect::<Vec<_>>()
    };
    assert_eq!(logs(&outcome), [912_800_000, 1_000 * MS]);
    // What a pause put off is not made up for later.
    let outcome = second(clerk(), &format!("{slow}\nat 905ms pause n1"));
    assert_eq!(logs(&outcome), [1_000 * MS, 1_001 * MS]);
    let outcome = run(
        clerk(),
        &format!("{}at 350ms cpu n1 threads 255", SECOND.replace("chaos 1s", "chaos 1s, active 450ms, calm 300ms")),
    );
    assert_eq!(lags(&outcome, 1)[3..5], [[12_800_000, 50 * MS], [0, MS]]);
}

/// At each tick appends to its log, syncs and sends, and reads the log on a request.
fn caller() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match input {
            Input::Timer(_) => {
                cx.append(LOG, b"a").expect("a sound disk");
                cx.sync(LOG).expect("a sound disk");
                cx.send(2, Numbered { kind: 0, number: 1 });
                await_tick(cx);
            }
            Input::Request { reply, request: RegisterOp::Read(_), .. } => {
                cx.log(format_args!("asked"));
                cx.records(LOG).expect("a sound disk");
                cx.reply(reply, Answer::Value(None));
            }
            other => answer(node, other, cx),
        }
    }
    ticking(on)
}

#[test]
fn tasks_are_held_as_they_begin_and_before_each_message_answer_and_call_of_the_disk() {
    let outcome = second(caller(), "at 250ms yield n1 100% takes 2ms for 100ms");
    let words = |tick: u64, lags: [u64; 3]| {
        let words = ["write", "sync", "->n2"];
        words.into_iter().zip(lags).map(move |(word, lag)| (tick * TICK + lag * MS, word.to_owned()))
    };
    let expected: Vec<_> = (1..=9).flat_map(|tick| words(tick, if tick == 3 { [4, 6, 8] } else { [0; 3] })).collect();
    assert_eq!((timed(&outcome, 1), outcome.steps[0].effects), (expected, 4));
    let outcome = second(caller(), "at 250ms yield n1 100% takes 2ms for 45ms\nat 255ms invoke read k1 by c1 via n1");
    let timed = timed(&outcome, 1);
    let at = timed.iter().position(|(_, word)| word == "asked").expect("it is asked");
    assert_eq!((timed[at + 1].0 - timed[at].0, timed[at + 1].1.as_str()), (4 * MS, "reply"));
    assert_eq!(report(&outcome, "yield").effects, 3);
}

/// At which ticks in 20 s the writes of node 1 were held.
fn held(steps: &str) -> Vec<u64> {
    let outcome =
        run(caller(), &format!("seed 11\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 20s, heal 10ms\n{steps}"));
    let writes = outcome.trace.iter().filter(|event| event.node == Some(1) && matches!(event.what, What::Write(_)));
    let late: Vec<u64> = writes.map(|event| event.time).filter(|time| time % TICK > 0).collect();
    assert!(late.iter().all(|time| (MS..=2 * MS).contains(&(time % TICK))), "{late:?}");
    late.into_iter().map(|time| time / TICK).collect()
}

#[test]
fn a_share_of_the_points_holds_a_task_and_another_one_after_a_reseed() {
    let some = held("at 1ms yield n1 20% takes 1ms");
    // Either of two points has to strike.
    assert!((50..90).contains(&some.len()), "{} of 199", some.len());
    let reseeded = held("at 1ms yield n1 20% takes 1ms\nat 10.05s reseed n1");
    let early = |ticks: &[u64]| ticks.iter().copied().filter(|tick| *tick <= 100).collect::<Vec<_>>();
    assert!(some != reseeded && early(&some) == early(&reseeded));
    // What another step does to other handlers of the node shifts nothing.
    let other = held("at 1ms yield n1 20% takes 1ms\nat 5.02s invoke read k1 by c1 via n1\nat 7.01s pause n2 for 1s");
    assert_eq!(some, other);
    assert_eq!(held("at 1ms yield n1 0% takes 1ms"), [0u64; 0]);
    assert_eq!(held("at 1ms yield n2 takes 1ms"), [0u64; 0]);
}

#[test]
fn how_long_a_task_is_held_is_drawn_and_does_not_outlast_the_chaos_phase() {
    let outcome = second(caller(), "at 150ms yield n1 100% takes uniform 1ms to 9ms for 600ms");
    let writes: Vec<u64> = timed(&outcome, 1).iter().map(|(time, _)| time % TICK).step_by(3).collect();
    assert!(writes[1..7].iter().all(|lag| (2 * MS..18 * MS).contains(lag)), "{writes:?}");
    assert_eq!(writes[1..7].iter().collect::<BTreeSet<_>>().len(), 6);
    let outcome = second(caller(), "at 850ms yield n1 100% takes 1m");
    let late = outcome.trace.iter().find(|event| event.time > 850 * MS && matches!(event.what, What::Write(_)));
    assert_eq!(late.map(|event| event.node), Some(Some(2)));
    let write = outcome.trace.iter().rfind(|event| event.node == Some(1) && matches!(event.what, What::Write(_)));
    assert_eq!((write.map(|event| event.time), outcome.steps[0].effects), (Some(1_000 * MS), 1));
}

/// At each tick takes 10 MB of memory; logs how many it holds now, and with `!` that it got none. When `FREES` it gives all back
/// then.
fn hoarder<const FREES: bool>() -> Probe {
    fn on<const FREES: bool>(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return answer(node, input, cx) };
        match cx.allocate(10 * MB) {
            Ok(()) => cx.log(format_args!("{}", cx.memory_in_use() / MB)),
            Err(OutOfMemory { wanted, left }) => {
                assert!(wanted == 10 * MB && left < wanted);
                cx.log(format_args!("{}!", cx.memory_in_use() / MB));
                if FREES {
                    cx.free(cx.memory_in_use());
                }
            }
        }
        await_tick(cx);
    }
    ticking(on::<FREES>)
}

/// What a node of a hoarder logs.
fn holds(outcome: &Outcome, node: u16) -> String {
    timed(outcome, node).into_iter().map(|(_, line)| line).collect::<Vec<_>>().join(" ")
}

/// What node 1 of a hoarder logs, and how many effects the steps have in their order; the other nodes get all that they want.
#[track_caller]
fn check_memory(header: &str, steps: &str, expected: &str, effects: &[u32]) {
    let outcome = run(hoarder::<false>(), &format!("{header}{SECOND}{steps}"));
    let had: Vec<u32> = outcome.steps.iter().map(|report| report.effects).collect();
    assert_eq!((holds(&outcome, 1).as_str(), had.as_slice()), (expected, effects), "{header}{steps}");
    if header.is_empty() {
        assert_eq!(holds(&outcome, 2), "10 20 30 40 50 60 70 80 90", "{steps}");
    }
    assert!(outcome.allocates);
}

#[test]
fn a_node_holds_no_more_than_a_step_leaves_it_until_that_ends() {
    check_memory("", "", "10 20 30 40 50 60 70 80 90", &[]);
    check_memory("", "at 250ms memory n1 limit 35MB for 200ms", "10 20 30 30! 40 50 60 70 80", &[1]);
    check_memory("", "at 250ms memory n1 limit 30MB for 200ms", "10 20 30 30! 40 50 60 70 80", &[1]);
    check_memory("", "at 250ms memory n1 limit 5MB for 200ms", "10 20 20! 20! 30 40 50 60 70", &[2]);
    check_memory("", "at 250ms memory n1 limit 2GB", "10 20 30 40 50 60 70 80 90", &[0]);
    check_memory("", "at 250ms memory n1", "10 20 30 40 50 60 70 80 90", &[0]);
}

#[test]
fn others_use_a_share_of_a_machine() {
    // Of 1 GB where nothing is said.
    check_memory("", "at 250ms memory n1 use 96.5% for 200ms", "10 20 30 30! 40 50 60 70 80", &[1]);
    check_memory("", "at 250ms memory n1 use 100% for 200ms", "10 20 20! 20! 30 40 50 60 70", &[2]);
    check_memory("resources memory 70MB\n", "at 250ms memory n1 use 50%", "10 20 30 30! 30! 30! 30! 30! 30!", &[6]);
}

#[test]
fn a_header_limits_every_nodes_memory() {
    let header = "resources memory 45MB\n";
    check_memory(header, "", "10 20 30 40 40! 40! 40! 40! 40!", &[]);
    // What fails on account of the header is no effect of a step.
    check_memory(header, "at 450ms memory n1 limit 35MB", "10 20 30 40 40! 40! 40! 40! 40!", &[0]);
    let outcome = run(hoarder::<false>(), &format!("{header}{SECOND}"));
    assert_eq!(holds(&outcome, 3), "10 20 30 40 40! 40! 40! 40! 40!");
}

#[test]
fn a_leak_takes_more_and_more_and_gives_it_back_at_its_end() {
    let header = "resources memory 100MB\n";
    check_memory(header, "at 0s leak n1 100MB for 750ms", "10 20 30 40 50 50! 50! 60 70", &[2]);
    check_memory("", "at 0s leak n1 1.9GB", "10 20 30 40 50 50! 50! 50! 50!", &[4]);
}

#[test]
fn what_several_steps_take_of_memory_adds_up_and_the_smallest_limit_counts() {
    let header = "resources memory 100MB\n";
    let steps = "at 150ms memory n1 use 30% for 500ms\nat 150ms memory n1 use 40% for 500ms";
    check_memory(header, steps, "10 20 30 30! 30! 30! 40 50 60", &[3, 3]);
    let steps = "at 150ms memory n1 use 30% for 500ms\nat 150ms leak n1 160MB for 500ms";
    // At tick 6 the leak has come to 72 MB, which is enough.
    check_memory(header, steps, "10 20 30 30! 30! 30! 40 50 60", &[2, 3]);
    let steps = "at 150ms memory n1 limit 25MB for 500ms\nat 150ms memory n1 limit 35MB for 500ms";
    check_memory("", steps, "10 20 20! 20! 20! 20! 30 40 50", &[4, 0]);
}

#[test]
fn of_steps_either_of_which_would_do_one_is_to_blame() {
    let steps = "at 150ms memory n1 limit 25MB for 500ms\nat 160ms memory n1 limit 25MB for 500ms";
    check_memory("", steps, "10 20 20! 20! 20! 20! 30 40 50", &[4, 0]);
}

#[test]
fn a_node_gives_memory_back_and_one_that_goes_down_holds_none() {
    let outcome = second(hoarder::<true>(), "at 250ms memory n1 limit 35MB");
    assert_eq!((holds(&outcome, 1).as_str(), outcome.steps[0].effects), ("10 20 30 30! 10 20 30 30! 10", 2));
    let outcome = second(hoarder::<false>(), "at 250ms crash n1, restart after 20ms\nat 250ms memory n1 limit 35MB");
    assert_eq!(holds(&outcome, 1), "10 20 10 20 30 30! 30! 30! 30!");
}

#[test]
fn who_frees_more_than_it_holds_is_told_unless_it_is_past_its_crash() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return answer(node, input, cx) };
        cx.append(LOG, b"a").expect("a sound disk");
        assert_eq!(cx.allocate(MB), Ok(()));
        cx.free(2 * MB);
    }
    let only_first = || Probe {
        start: |_, boot, cx| {
            if boot.me == 1 {
                await_tick(cx)
            }
        },
        ..ticking(on)
    };
    let outcome = second(only_first(), "");
    let name = outcome.verdict.anomaly().map(|anomaly| anomaly.name.clone());
    assert_eq!(name.as_deref(), Some("n-frees-bytes-and-holds"));
    assert_eq!(second(only_first(), "at 50ms crash n1 cut 1").verdict.anomaly(), None);
}

/// Steps of all these kinds, over and over.
const ALL: &str = "at 105ms cpu {n1,n2} use 70% threads 3 for 120ms again 3 times every 200ms
at 155ms yield all 40% takes exponential 1ms for 150ms again 2 times every 250ms
at 205ms memory n1 limit 25MB for 300ms
at 105ms leak n2 1.5GB for 600ms
at 405ms memory all use 97% for 200ms
at 455ms crash n3, restart after 30ms
at 655ms pause n1 for 40ms";

#[test]
fn a_run_under_pressure_goes_on_from_every_snapshot_as_it_does_from_its_start() {
    for (probe, header) in [(hoarder::<true>(), ""), (caller(), "resources cpu 20%, memory 80MB\n"), (clerk(), "")] {
        let mut runner = Runner::new(Rc::new(probe), BTreeSet::new());
        let schedule = schedule(&format!("{header}{SECOND}{ALL}"));
        let whole = runner.run(&schedule, Options::SEARCH).clone();
        let moments: Vec<u64> = (1..whole.events).step_by(3).collect();
        let snapshots = runner.run_keeping(&schedule, Options::SEARCH, &moments);
        assert!(snapshots.len() > 20);
        for snapshot in &snapshots {
            let resumed = runner.resume(snapshot, &schedule, Options::SEARCH).expect("the same schedule");
            assert_eq!(resumed.trace_hash, whole.trace_hash, "{snapshot:?}");
            assert_eq!((&resumed.steps, resumed.allocates), (&whole.steps, whole.allocates), "{snapshot:?}");
        }
        assert!(whole.steps.iter().any(|report| report.effects > 0));
    }
}
