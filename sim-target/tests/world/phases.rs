//! How long steps last, and what is left once everything is healed.

use murphy_sim::{Outcome, What};

use crate::probe::{MS, chatter, messages, report, run, second, time_of};

/// The pause in `steps` lasts from and to these milliseconds.
#[track_caller]
fn check(steps: &str, from: u64, to: u64) {
    let outcome = second(chatter(), steps);
    let paused = |what: &What| *what == What::Pause;
    let resumed = |what: &What| *what == What::Resume;
    let times = (time_of(&outcome, 1, |_, what| paused(what)), time_of(&outcome, 1, |_, what| resumed(what)));
    assert_eq!(times, (from * MS, to * MS), "{steps}");
    let report = report(&outcome, "pause");
    assert_eq!((report.begun, report.ended), (Some(times.0), Some(times.1)));
}

#[test]
fn a_step_lasts_as_long_as_it_says() {
    check("at 205ms pause n1 for 30ms", 205, 235);
    check("at 205ms pause n1 for beat", 205, 305);
    check("at 205ms pause n1 for beat*1.1", 205, 315);
    check("at 205ms pause n1 for beat*0.98", 205, 303);
    check("at 205ms pause n1 until x begins\nx: at 300ms note", 205, 300);
    check("at 205ms pause n1 until x ends\nx: at 210ms partition n2 | n3 for 50ms", 205, 260);
    check("at 205ms pause n1 until x begins\nx: after n1 sync note", 205, 1000);
    check("at 205ms pause n1", 205, 1000);
    check("at 205ms pause n1 for 5s", 205, 1000);
}

#[test]
fn steps_that_end_each_other_end() {
    let outcome = second(chatter(), "a: at 205ms pause n1 until b ends\nb: at 305ms pause n2 until a ends");
    assert!(outcome.steps.iter().all(|report| report.ended == Some(1000 * MS)));
    let outcome = second(chatter(), "a: at 205ms pause n1 until a begins");
    assert_eq!(outcome.steps[0].ended, Some(205 * MS));
}

/// Everything at once, for ever.
const HAVOC: &str = "seed 2\nnodes 3, clients 2, keys 2, ops 0\nphases chaos 1s, heal 500ms, settle 1s
    ambient jitter 20ms, loss 20%, duplication 20%
    at 405ms partition n1 | rest\nat 405ms block n2->n3\nat 505ms delay n3->n1 400ms\nat 505ms loss n3->n2 100%
    at 505ms duplicate n1->n2 100% lag 20ms\nat 605ms crash n1\nat 705ms pause {n1,n2}\nat 805ms crash n3 cut 5\nat 995ms crash n1 cut 30";

fn up_and_running(outcome: &Outcome) {
    let heal = time_of(outcome, 1, |_, what| *what == What::Heal);
    assert_eq!(heal, 1000 * MS);
    let later: Vec<_> = outcome.trace.iter().filter(|event| event.time > heal).collect();
    assert!(!later.iter().any(|event| matches!(event.what, What::Crash | What::Pause | What::Begin(_) | What::End(_))));
    let sent = messages(outcome).into_iter().filter(|(_, (sent, _))| (heal + 1..1480 * MS).contains(sent));
    let mut count = 0;
    for (id, (sent, arrivals)) in sent {
        assert_eq!(arrivals.len(), 1, "{id:?}");
        assert!(arrivals[0] - sent <= 3 * MS / 2, "{id:?}");
        count += 1;
    }
    assert!(count >= 6 * 2 * 47, "{count}");
}

#[test]
fn after_the_healing_nothing_is_in_force() {
    up_and_running(&run(chatter(), HAVOC));
}

#[test]
fn a_repetition_or_delay_that_had_begun_may_still_arrive_but_nothing_new_is_touched() {
    let header = "nodes 3, ops 0\nphases chaos 1s, heal 100ms, settle 1s";
    let outcome = run(chatter(), &format!("{header}\nat 985ms duplicate n1->n2 of Tick 100% lag 30ms"));
    let twice: Vec<u64> =
        messages(&outcome).into_iter().filter(|(_, (_, arrivals))| arrivals.len() == 2).map(|(id, _)| id.3).collect();
    assert_eq!(twice, [99]);
}

#[test]
fn every_object_is_read_a_last_time_once_all_is_healed() {
    let outcome = run(chatter(), HAVOC);
    let settle = time_of(&outcome, 1, |_, what| *what == What::Settle);
    assert_eq!(settle, 1500 * MS);
    let mut read: Vec<(u8, u32, bool)> = outcome
        .history
        .operations
        .iter()
        .filter(|operation| operation.invoked_at >= settle)
        .map(|operation| {
            let ok = operation
                .completion
                .is_some_and(|(done, _)| matches!(done, murphy_checker::history::Completion::Ok(_)));
            (operation.call.function, operation.call.key, ok)
        })
        .collect();
    read.sort_unstable();
    assert_eq!(read, [(0, 1, true), (0, 2, true)]);
    // Once all are read the run is over.
    assert!(outcome.time < settle + 10 * MS);
}
