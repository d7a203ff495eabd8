//! When a run may go on from a snapshot, and when it has to begin anew. That what goes on is right is tested with whole targets.

use std::{collections::BTreeSet, rc::Rc};

use murphy_sim::{Options, Refused, Run, Runner, Snapshot};

use crate::probe::{MS, Probe, SECOND, chatter, idle, schedule};

fn runner(probe: Probe) -> Runner<Probe> {
    Runner::new(Rc::new(probe), BTreeSet::new())
}

/// A snapshot of a chatter under these steps, about half a second into the run.
fn half_way(runner: &mut Runner<Probe>, steps: &str) -> Snapshot {
    let schedule = schedule(&format!("{SECOND}{steps}"));
    let events = runner.run(&schedule, Options::SEARCH).events;
    let moments: Vec<u64> = (1..events).step_by(20).collect();
    let mut snapshots = runner.run_keeping(&schedule, Options::SEARCH, &moments);
    snapshots.retain(|snapshot| snapshot.time() < 500 * MS);
    let last = snapshots.pop().expect("there are many");
    assert!(last.time() > 450 * MS);
    last
}

/// Why a run under the first steps cannot go on under the others from half a second on; if it can, it is the run that they
/// have from the start.
#[track_caller]
fn refused(steps: &str, header: &str, others: &str) -> Option<Refused> {
    let mut runner = runner(chatter());
    let snapshot = half_way(&mut runner, steps);
    let other = schedule(&format!("{header}{others}"));
    match runner.resume(&snapshot, &other, Options::SEARCH).cloned() {
        Err(reason) => Some(reason),
        Ok(resumed) => {
            let whole = runner.run(&other, Options::SEARCH);
            assert_eq!((resumed.trace_hash, &resumed.steps), (whole.trace_hash, &whole.steps), "{others}");
            assert!(resumed.steps.iter().all(|report| report.effects > 0), "{others}: {:?}", resumed.steps);
            None
        }
    }
}

#[track_caller]
fn check(steps: &str, others: &str, expected: Option<Refused>) {
    assert_eq!(refused(steps, SECOND, others), expected, "{others}");
}

#[test]
fn steps_that_had_come_must_be_there() {
    check("at 100ms pause n1 for 50ms", "at 100ms pause n1 for 50ms", None);
    check("at 100ms pause n1 for 50ms", "", Some(Refused::Step));
    check("at 100ms pause n1 for 50ms", "at 100ms pause n1 for 60ms", Some(Refused::Step));
    check("at 600ms pause n1 for 50ms", "", None);
    check("after send Tick n1->n2 #5 +10ms pause n1 for 50ms", "", Some(Refused::Step));
    check("after send Tick n1->n2 #5 +900ms pause n1 for 50ms\nat 700ms pause n2", "at 600ms pause n2", None);
}

#[test]
fn a_new_step_must_come_later() {
    let pause = "at 100ms pause n1 for 50ms";
    let with = |step: &str| format!("{pause}\n{step}");
    check(pause, &with("at 300ms pause n2"), Some(Refused::New));
    check(pause, &with("at 600ms pause n2"), None);
    check(pause, "at 100ms pause n1 for 50ms\nat 600ms block n1->n2\nat 550ms block n2->n3", None);
    // Facts are counted from the start, so what was counted without the step goes on.
    check(pause, &with("after send Tick n1->n2 #20 pause n3"), Some(Refused::New));
    check(pause, &with("after send Tick n1->n2 #60 pause n3"), None);
    check(pause, &with("before deliver Tock n2->{n1,n3} #120 pause n3"), None);
    check(pause, &with("after send Tick n1->rest #140 pause n3"), None);
    // Who leads depends on the moment, so that nobody knows how often a leader has sent.
    check(pause, &with("after send Tick leader->n2 #70 pause n3"), Some(Refused::New));
    check(pause, &with("after mark \"the fiftieth was heard\" #1 pause n3"), None);
    check(pause, &with("after n3 becomes leader #1 pause n3"), None);
    check(pause, &with("after n1 becomes leader #1 pause n3"), Some(Refused::New));
    check(pause, &with("after fault pause begins #2 pause n3"), Some(Refused::New));
}

#[test]
fn a_new_step_may_wait_for_another_that_has_not_come() {
    let old = "x: at 100ms pause n1 for 50ms\ny: at 600ms pause n2 for 50ms\nat 610ms pause n1 until y ends\nat 900ms pause n3 until x ends";
    let with = |step: &str| format!("{old}\n{step}");
    check(old, &with("after y begins +100ms block n1->n2"), None);
    check(old, &with("after send Tick n1->n2 #3 from y ends block n1->n2"), None);
    check(old, &with("after x begins +600ms block n1->n2"), Some(Refused::New));
    check(old, &with("after send Tick n1->n2 #40 from x ends block n1->n2"), Some(Refused::New));
}

#[test]
fn steps_that_had_come_must_mean_the_same_by_an_id() {
    let old = "at 100ms pause n3 for 10ms\nat 100ms deactivate x\nx: at 900ms pause n1";
    check(old, "at 100ms pause n3 for 10ms\nat 100ms deactivate x\nx: at 800ms pause n1", Some(Refused::Id));
}

#[test]
fn the_header_must_agree_but_for_phases_to_come() {
    let (heal, settle) = (SECOND.replace("heal 10ms", "heal 60ms"), SECOND.replace("settle 2s", "settle 1s"));
    let steps = "at 600ms pause n1";
    assert_eq!(refused(steps, &heal, steps), None);
    assert_eq!(refused(steps, &settle, steps), None);
    let others = [("seed 11", "seed 12"), ("chaos 1s", "chaos 1.1s"), ("nodes 3", "nodes 4"), ("ops 0", "ops 1")];
    for (was, is) in others {
        assert_eq!(refused(steps, &SECOND.replace(was, is), steps), Some(Refused::Header), "{is}");
    }
}

#[test]
fn a_snapshot_serves_its_own_target_under_its_own_options() {
    let mut one = runner(chatter());
    let snapshot = half_way(&mut one, "");
    let schedule = schedule(SECOND);
    assert!(one.resume(&snapshot, &schedule, Options::SEARCH).is_ok());
    assert_eq!(one.resume(&snapshot, &schedule, Options::TRACE).err(), Some(Refused::Options));
    assert_eq!(runner(chatter()).resume(&snapshot, &schedule, Options::SEARCH).err(), Some(Refused::Target));
    let target = Rc::new(idle());
    let mut sound = Runner::new(target.clone(), BTreeSet::new());
    let mut buggy = Runner::new(target, BTreeSet::from(["bug".to_owned()]));
    let snapshots = sound.run_keeping(&schedule, Options::SEARCH, &[1, 1_000_000]);
    assert_eq!(snapshots.len(), 1, "the run is over before the other");
    assert_eq!(buggy.resume(&snapshots[0], &schedule, Options::SEARCH).err(), Some(Refused::Target));
}
