//! Handlers that take time: their effects happen in order, each at its own time, and a crash or a pause can fall in between.

use std::time::Duration;

use murphy_sim::{Boot, Input, Outcome, RegisterOp, Timer, What, sometimes};

use crate::probe::{Answer, Cx, LOG, MS, Numbered, Probe, ProbeNode, completions, idle, report, second, time_of};

/// What node 1 did until the final reads, each with the millisecond at which it did.
fn timed(outcome: &Outcome) -> String {
    let events = outcome.trace.iter().filter(|event| event.node == Some(1) && event.time < 1_000 * MS);
    let words = events.filter_map(|event| {
        let word = match &event.what {
            What::Start(_) => "start".to_owned(),
            What::Crash => "crash".to_owned(),
            What::FailStop(_) => "fail-stop".to_owned(),
            What::Pause => "pause".to_owned(),
            What::Resume => "resume".to_owned(),
            What::Send { to, .. } => format!("->n{to}"),
            What::Deliver { from, .. } => format!("<-n{from}"),
            What::Timer(timer) => format!("timer{timer}"),
            What::Role(role) => format!("is {role}"),
            What::Write(_) => "write".to_owned(),
            What::Sync(_) => "sync".to_owned(),
            What::Agree { .. } => "agree".to_owned(),
            What::Log(line) => format!("[{line}]"),
            What::Request(_) => "request".to_owned(),
            _ => return None,
        };
        Some(format!("{} {word}", event.time / MS))
    });
    words.collect::<Vec<_>>().join(", ")
}

fn spend(cx: &mut Cx<'_>, millis: u64) {
    cx.spend(Duration::from_millis(millis));
}

/// Says what it finds on its disk.
fn found(_: &mut ProbeNode, _: &Boot<'_>, cx: &mut Cx<'_>) {
    let records = cx.records(LOG).expect("a sound disk");
    let words: Vec<String> = records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect();
    if !words.is_empty() {
        cx.log(format_args!("found {}", words.join(" ")));
    }
}

/// A write takes 60 ms: one effect at the beginning, then one after each ten milliseconds.
fn slow(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    let Input::Request { reply, request: RegisterOp::Write(..), .. } = input else {
        return crate::probe::answer(node, input, cx);
    };
    cx.append(LOG, b"a").expect("a sound disk");
    spend(cx, 10);
    cx.sync(LOG).expect("a sound disk");
    spend(cx, 10);
    sometimes!(true, "half of a slow write");
    cx.send(2, Numbered { kind: 0, number: 1 });
    spend(cx, 10);
    cx.append(LOG, b"b").expect("a sound disk");
    spend(cx, 10);
    cx.sync(LOG).expect("a sound disk");
    spend(cx, 10);
    cx.agree("agreed", 1, 7);
    cx.reply(reply, Answer::Value(None));
    spend(cx, 10);
    cx.log(format_args!("{}", cx.mono() / MS));
    node.role = Some("leader");
}

fn scripted() -> Probe {
    Probe { about: idle().about.marks_in(module_path!()), start: found, on: slow, ..idle() }
}

/// A write reaches node 1 at about 200 ms.
const WRITE: &str = "at 199ms invoke write k1 7 by c1 via n1\n";

/// What node 1 does under a write and `steps`, with times counted from the request, in milliseconds.
#[track_caller]
fn write(steps: &str) -> (String, Outcome) {
    let outcome = second(scripted(), &format!("{WRITE}{steps}"));
    (timed(&outcome), outcome)
}

#[test]
fn effects_happen_in_order_and_each_at_its_own_time() {
    let (story, outcome) = write("");
    assert_eq!(
        story,
        "0 start, 199 request, 199 write, 209 sync, 219 ->n2, 229 write, 239 sync, 249 agree, 259 [259], 259 is leader"
    );
    assert_eq!(completions(&outcome, 1), "ok");
    let request = time_of(&outcome, 1, |_, what| matches!(what, What::Request(_)));
    let answered = time_of(&outcome, 1, |_, what| matches!(what, What::Complete(_)));
    assert!((request + 50 * MS + 300_000..request + 51 * MS).contains(&answered), "{request} {answered}");
}

#[test]
fn a_crash_in_between_leaves_what_had_happened_by_then_and_nothing_else() {
    for (at, did, found) in [
        (205, "199 write", ""),
        (215, "199 write, 209 sync", "found a"),
        (225, "199 write, 209 sync, 219 ->n2", "found a"),
        (235, "199 write, 209 sync, 219 ->n2, 229 write", "found a"),
        (245, "199 write, 209 sync, 219 ->n2, 229 write, 239 sync", "found a b"),
    ] {
        let (story, outcome) = write(&format!("at {at}ms crash n1, restart after 200ms"));
        let back = at + 200;
        let again = if found.is_empty() { String::new() } else { format!(", {back} [{found}]") };
        assert_eq!(story, format!("0 start, 199 request, {did}, {at} crash, {back} start{again}"));
        assert_eq!(completions(&outcome, 1), "info");
    }
    // What was written and not synced can survive; what had not been written cannot.
    let (story, _) = write("at 225ms crash n1 keep, restart after 200ms");
    assert!(story.ends_with("225 crash, 425 start, 425 [found a]"), "{story}");
    let (story, _) = write("at 235ms crash n1 keep, restart after 200ms");
    assert!(story.ends_with("235 crash, 435 start, 435 [found a b]"), "{story}");
}

#[test]
fn a_cut_counts_effects_whenever_they_happen_and_falls_at_the_last() {
    let deeds = ["199 write", "209 sync", "219 ->n2", "229 write", "239 sync"];
    for cut in 1..=5 {
        let (story, _) = write(&format!("at 100ms crash n1 cut {cut}, restart after 500ms"));
        let at = 189 + 10 * cut;
        let found = ["", ", 600 [found a]", ", 600 [found a]", ", 600 [found a]", ", 600 [found a b]"][cut - 1];
        assert_eq!(story, format!("0 start, 199 request, {}, {at} crash, 600 start{found}", deeds[..cut].join(", ")));
    }
    // Six effects are all that it has, and the crash falls at the reply.
    let (story, outcome) = write("at 100ms crash n1 cut 6, restart after 500ms");
    assert!(story.ends_with("249 agree, 249 crash, 600 start, 600 [found a b]"), "{story}");
    assert_eq!(completions(&outcome, 1), "ok");
    // With more left it falls at the end of the handler.
    let (story, _) = write("at 100ms crash n1 cut 7, restart after 500ms");
    assert!(story.ends_with("259 [259], 259 crash, 600 start, 600 [found a b]"), "{story}");
}

#[test]
fn a_cut_whose_step_ends_in_the_midst_of_the_handler_spares_it() {
    let (story, outcome) = write("at 100ms crash n1 cut 3, restart after 115ms");
    assert!(story.ends_with("219 ->n2, 229 write, 239 sync, 249 agree, 259 [259], 259 is leader"), "{story}");
    assert_eq!(report(&outcome, "cut 3").effects, 0);
}

#[test]
fn facts_come_when_the_effects_do() {
    let (story, outcome) = write("before n1 sync #2 crash n1 keep, restart after 200ms");
    assert!(story.ends_with("229 write, 239 crash, 439 start, 439 [found a b]"), "{story}");
    assert_eq!(outcome.steps.len(), 2);
    let (story, _) = write("after n1 sync #2 crash n1, restart after 200ms");
    assert!(story.ends_with("239 sync, 239 crash, 439 start, 439 [found a b]"), "{story}");
    let (story, _) = write("before send Tick n1->n2 crash n1, restart after 200ms");
    assert!(story.ends_with("209 sync, 219 crash, 419 start, 419 [found a]"), "{story}");
    let (story, _) = write("after n1 becomes leader #1 crash n1, restart after 200ms");
    assert!(story.ends_with("259 is leader, 259 crash, 459 start, 459 [found a b]"), "{story}");
}

#[test]
fn a_mark_is_hit_when_its_time_comes_and_never_if_the_node_crashed_before() {
    let hits = |outcome: &Outcome| {
        let rank = murphy_sim::marks::names().binary_search(&"half of a slow write").expect("it is registered");
        outcome.signals.marks[rank]
    };
    assert_eq!(hits(&write("").1), 1);
    assert_eq!(hits(&write("at 215ms crash n1").1), 0);
    let (story, _) = write("before mark \"half of a slow write\" crash n1, restart after 200ms");
    assert!(story.ends_with("209 sync, 219 crash, 419 start, 419 [found a]"), "{story}");
    let (story, _) = write("after mark \"half of a slow write\" crash n1, restart after 200ms");
    assert!(story.ends_with("219 ->n2, 219 crash, 419 start, 419 [found a]"), "{story}");
}

#[test]
fn a_pause_in_between_puts_off_what_would_have_happened_in_it() {
    let (story, outcome) = write("at 215ms pause n1 for 100ms");
    assert_eq!(
        story,
        "0 start, 199 request, 199 write, 209 sync, 215 pause, 315 resume, 315 ->n2, 325 write, 335 sync, 345 agree, \
         355 [259], 355 is leader"
    );
    assert_eq!(completions(&outcome, 1), "ok");
    // One that is over before the next effect is due changes nothing.
    let (story, _) = write("at 212ms pause n1 for 3ms");
    assert!(story.contains("215 resume, 219 ->n2, 229 write"), "{story}");
    let (story, _) = write("at 215ms pause n1 for 100ms\nat 220ms crash n1, restart after 200ms");
    assert!(story.ends_with("209 sync, 215 pause, 220 crash, 315 resume, 420 start, 420 [found a]"), "{story}");
}

/// Takes no time by itself.
fn quick(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
    let Input::Request { reply, request: RegisterOp::Write(..), .. } = input else {
        return crate::probe::answer(node, input, cx);
    };
    cx.append(LOG, b"a").expect("a sound disk");
    cx.sync(LOG).expect("a sound disk");
    let records = cx.records(LOG).expect("a sound disk").len();
    cx.log(format_args!("{records} records"));
    cx.send(2, Numbered { kind: 0, number: 1 });
    cx.set(Timer(3), Duration::from_millis(5));
    cx.reply(reply, Answer::Value(None));
}

#[test]
fn a_pause_just_before_an_effect_holds_it_and_all_that_follows_back() {
    let probe = || Probe { start: found, on: quick, ..idle() };
    let story = |steps: &str| timed(&second(probe(), &format!("{WRITE}{steps}")));
    assert_eq!(story(""), "0 start, 199 request, 199 write, 199 sync, 199 [1 records], 199 ->n2, 204 timer3");
    assert_eq!(
        story("before n1 sync #1 pause n1 for 50ms"),
        "0 start, 199 request, 199 write, 199 pause, 249 resume, 249 sync, 249 [1 records], 249 ->n2, 254 timer3"
    );
    assert_eq!(
        story("after n1 sync #1 pause n1 for 50ms"),
        "0 start, 199 request, 199 write, 199 sync, 199 pause, 249 resume, 249 [1 records], 249 ->n2, 254 timer3"
    );
    // The effect counts once, and what else was to befall it still does.
    let both = "before send Tick n1->n2 #1 pause n1 for 50ms\nbefore send Tick n1->n2 #1 loss 100%\n\
                before send Tick n1->n2 #2 crash n1";
    let outcome = second(probe(), &format!("{WRITE}{both}"));
    let lost = outcome.trace.iter().any(|event| matches!(event.what, What::Send { arrives: None, .. }));
    assert!(lost && timed(&outcome).ends_with("249 resume, 249 ->n2, 254 timer3"), "{}", timed(&outcome));
    let steps = "before n1 write #1 pause n1 for 50ms\nat 210ms crash n1";
    assert_eq!(story(steps), "0 start, 199 request, 199 pause, 210 crash, 249 resume");
}

/// A timer of every ten milliseconds is handled in 25.
fn overloaded() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match input {
            Input::Timer(timer) => {
                cx.log(format_args!("began"));
                spend(cx, 25);
                cx.log(format_args!("did {}", timer.0));
            }
            other => crate::probe::answer(node, other, cx),
        }
    }
    let start = |_: &mut ProbeNode, _: &Boot<'_>, cx: &mut Cx<'_>| {
        for index in 1..=4 {
            cx.set(Timer(index), Duration::from_millis(10 * u64::from(index)));
        }
    };
    Probe { start, on, ..idle() }
}

#[test]
fn what_reaches_a_busy_node_waits_and_is_handled_in_order_one_after_another() {
    assert_eq!(
        timed(&second(overloaded(), "")),
        "0 start, 10 timer1, 10 [began], 35 [did 1], 35 timer2, 35 [began], 60 [did 2], 60 timer3, 60 [began], \
         85 [did 3], 85 timer4, 85 [began], 110 [did 4]"
    );
    // What waits behind a pause keeps its place before what comes later.
    assert_eq!(
        timed(&second(overloaded(), "at 5ms pause n1 for 30ms")),
        "0 start, 5 pause, 35 resume, 35 timer1, 35 [began], 60 [did 1], 60 timer2, 60 [began], 85 [did 2], 85 timer3, \
         85 [began], 110 [did 3], 110 timer4, 110 [began], 135 [did 4]"
    );
    let outcome = second(overloaded(), "at 20ms crash n1");
    assert_eq!(timed(&outcome), "0 start, 10 timer1, 10 [began], 20 crash");
}

#[test]
fn timers_set_or_taken_back_late_count_from_then() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match input {
            Input::Timer(Timer(1)) => {
                spend(cx, 30);
                cx.set(Timer(4), Duration::from_millis(10));
                cx.cancel(Timer(2));
                spend(cx, 30);
                cx.cancel(Timer(3));
            }
            Input::Timer(_) => {}
            other => crate::probe::answer(node, other, cx),
        }
    }
    // Timer 2 goes off while its setter is busy, and is taken back all the same; timer 3 would have gone off after that.
    let start = |_: &mut ProbeNode, _: &Boot<'_>, cx: &mut Cx<'_>| {
        for (index, after) in [(1, 10), (2, 20), (3, 75), (5, 15)] {
            cx.set(Timer(index), Duration::from_millis(after));
        }
    };
    assert_eq!(timed(&second(Probe { start, on, ..idle() }, "")), "0 start, 10 timer1, 70 timer5, 70 timer4");
}

#[test]
fn the_clocks_of_a_handler_show_the_time_that_it_took() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return crate::probe::answer(node, input, cx) };
        let (mono, wall) = (cx.mono(), cx.wall());
        cx.spend(Duration::from_nanos(12_345));
        cx.spend(Duration::from_nanos(5));
        cx.log(format_args!("{} {}", cx.mono() - mono, cx.wall() - wall));
    }
    let start = |_: &mut ProbeNode, _: &Boot<'_>, cx: &mut Cx<'_>| cx.set(Timer(1), Duration::from_millis(10));
    let outcome = second(Probe { start, on, ..idle() }, "");
    assert_eq!(timed(&outcome), "0 start, 10 timer1, 10 [12350 12350]");
    let at = time_of(&outcome, 1, |_, what| matches!(what, What::Log(_)));
    assert_eq!(at, 10 * MS + 12_350);
}

#[test]
fn what_all_must_agree_on_counts_only_from_nodes_that_came_so_far() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return crate::probe::answer(node, input, cx) };
        spend(cx, 20);
        cx.agree("one value", 1, cx.me().into());
    }
    let probe = || Probe { start: |_, _, cx| cx.set(Timer(1), Duration::from_millis(10)), on, ..idle() };
    assert!(second(probe(), "").verdict.anomaly().is_some());
    assert!(second(probe(), "at 20ms crash n3").verdict.anomaly().is_some());
    assert_eq!(second(probe(), "at 20ms crash {n2,n3}").verdict.anomaly(), None);
}

#[test]
fn a_panic_comes_when_its_time_does_and_not_to_a_node_that_crashed_before() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return crate::probe::answer(node, input, cx) };
        spend(cx, 20);
        cx.append(LOG, b"a").expect("a sound disk");
        spend(cx, 20);
        panic!("the disk is on fire");
    }
    fn start(node: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        found(node, boot, cx);
        if boot.me == 1 && boot.incarnation == 0 {
            cx.set(Timer(1), Duration::from_millis(10));
        }
    }
    let probe = || Probe { start, on, ..idle() };
    let outcome = second(probe(), "");
    assert!(outcome.verdict.anomaly().is_some_and(|anomaly| anomaly.name == "the-disk-is-on-fire"));
    assert_eq!(outcome.time, 50 * MS);
    assert_eq!(second(probe(), "at 45ms crash n1").verdict.anomaly(), None);
    let declared = || Probe { about: idle().about.fail_stop("on fire"), ..probe() };
    let outcome = second(declared(), "after n1 stops restart n1");
    assert_eq!(timed(&outcome), "0 start, 10 timer1, 30 write, 50 fail-stop, 50 crash, 50 start, 50 [found a]");
}

#[test]
fn a_monotonic_clock_never_falls_behind_what_it_has_shown() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(timer) = input else { return crate::probe::answer(node, input, cx) };
        if timer == Timer(1) {
            spend(cx, 50);
        }
        let shows = cx.mono() / MS;
        cx.log(format_args!("{shows}"));
    }
    fn start(_: &mut ProbeNode, _: &Boot<'_>, cx: &mut Cx<'_>) {
        (1..=2).for_each(|timer| cx.set(Timer(timer), Duration::from_millis(99 + u64::from(timer))));
    }
    let shown = |steps: &str| timed(&second(Probe { start, on, ..idle() }, steps));
    assert_eq!(shown(""), "0 start, 100 timer1, 150 [150], 150 timer2, 150 [150]");
    // It stands still from 110 ms on, which nobody foresaw.
    let steps = "at 110ms clock n1 rate 0 of monotonic for 300ms";
    assert_eq!(shown(steps), "0 start, 100 timer1, 150 [150], 150 timer2, 150 [150]");
}

#[test]
fn nobody_looks_at_a_node_in_the_midst_of_a_handler() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return crate::probe::answer(node, input, cx) };
        // A property forbids this state; no node may be inspected in the other.
        node.state = if cx.me() == 1 { 666 } else { 668 };
        spend(cx, 100);
    }
    let probe = || Probe {
        start: |_, boot, cx| {
            if boot.incarnation == 0 {
                cx.set(Timer(1), Duration::from_millis(10));
            }
        },
        on,
        ..idle()
    };
    // They crash in the midst of it, and never were in those states as far as anybody can tell.
    assert_eq!(second(probe(), "at 90ms crash all").verdict.anomaly(), None);
    let outcome = second(probe(), "at 90ms crash {n2,n3}");
    assert_eq!(outcome.verdict.anomaly().map(|anomaly| &*anomaly.name), Some("no-node-is-in-state-666"));
    assert_eq!(outcome.time, 110 * MS);
}

#[test]
fn a_start_that_takes_time_is_a_handler_like_any_other() {
    fn start(node: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        if boot.incarnation > 0 {
            spend(cx, 40);
            found(node, boot, cx);
            cx.append(LOG, b"again").expect("a sound disk");
        }
    }
    let probe = || Probe { start, on: slow, ..idle() };
    let crash = "at 300ms crash n1, restart after 50ms\nat 360ms invoke read k1 by c1 via n1";
    let outcome = second(probe(), &format!("{WRITE}{crash}"));
    assert!(
        timed(&outcome).ends_with("300 crash, 350 start, 390 [found a b], 390 write, 390 request"),
        "{}",
        timed(&outcome)
    );
    assert_eq!(completions(&outcome, 2), "ok ok");
    let outcome = second(probe(), &format!("{WRITE}{crash}\nat 380ms crash n1, restart after 50ms"));
    assert!(
        timed(&outcome).ends_with("350 start, 380 crash, 430 start, 470 [found a b], 470 write"),
        "{}",
        timed(&outcome)
    );
    let outcome = second(probe(), &format!("{WRITE}{crash}\nafter n1 starts crash n1, restart after 400ms"));
    assert!(
        timed(&outcome).ends_with("390 write, 390 crash, 790 start, 830 [found a b], 830 write"),
        "{}",
        timed(&outcome)
    );
}

#[test]
fn a_delivery_has_happened_when_its_handler_is_through_or_cut_short() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match input {
            Input::Message { .. } => spend(cx, 30),
            Input::Timer(_) => cx.send(1, Numbered { kind: 0, number: 1 }),
            other => crate::probe::answer(node, other, cx),
        }
    }
    fn start(_: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        if boot.me == 2 {
            cx.set(Timer(1), Duration::from_millis(100));
        }
    }
    let note = |steps: &str| {
        let outcome = second(Probe { start, on, ..idle() }, &format!("after deliver Tick n2->n1 note\n{steps}"));
        let delivered = time_of(&outcome, 1, |_, what| matches!(what, What::Deliver { .. }));
        report(&outcome, "note").begun.expect("it was delivered") - delivered
    };
    assert_eq!(note(""), 30 * MS);
    assert!(note("at 110ms crash n1") < 10 * MS);
}
