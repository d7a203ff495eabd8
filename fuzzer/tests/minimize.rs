//! What is left of a failing schedule, and the key that it is filed under.

use murphy::{
    About, Boot, Context, Harness, Property, Target, Workload,
    echo::{Echo, EchoNode},
    finding::Finding,
    minimize::{self, Minimized, minimize},
};
use murphy_checker::verdict::Anomaly;
use murphy_schedule::{Dice, FaultKind, Schedule, mutate, shrink};

/// `echo`, with a promise that it never keeps.
struct Hopeless;

impl Target for Hopeless {
    type Node = EchoNode;

    fn about(&self) -> About {
        About { name: "hopeless", ..Echo.about() }
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, EchoNode>) -> EchoNode {
        Echo.start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<EchoNode>> {
        Echo.workloads()
    }

    fn properties(&self) -> Vec<Property<EchoNode>> {
        vec![Property::always("nothing ever starts", |cluster| cluster.up().next().is_none())]
    }
}

/// The runs that minimizing one schedule may take here.
const BUDGET: u64 = 4000;

fn harness(name: &str) -> Harness {
    let targets: Vec<_> = murphy::targets![Echo, Hopeless];
    Harness::new(&targets, name).expect("there is such a target")
}

/// The first failing schedules among those drawn from a seed, with what is wrong under them.
fn failing(harness: &mut Harness, count: usize) -> Vec<(Schedule, Anomaly)> {
    let mut dice = Dice::new(7);
    let draws = (0..20_000).filter_map(|_| {
        let schedule = mutate::random(harness.vocabulary(), &mut dice);
        let anomaly = harness.run(&schedule).verdict.anomaly()?.clone();
        Some((schedule, anomaly))
    });
    draws.take(count).collect()
}

fn fails(harness: &mut Harness, schedule: &Schedule, anomaly: &Anomaly) -> bool {
    let found = harness.run(schedule).verdict.anomaly();
    found.is_some_and(|found| (found.class, &found.name) == (anomaly.class, &anomaly.name))
}

#[track_caller]
fn check_minimal(harness: &mut Harness, schedule: &Schedule, anomaly: &Anomaly) -> Minimized {
    let smallest = minimize(harness, schedule, anomaly, BUDGET, &mut |_| true);
    assert!(smallest.one_minimal || smallest.runs >= BUDGET);
    if !smallest.one_minimal {
        return smallest;
    }
    let steps = &smallest.schedule.steps;
    assert!(fails(harness, &smallest.schedule, anomaly), "it fails in the same way");
    for without in (0..steps.len()).filter(|at| steps[*at].fault.kind() != FaultKind::Note) {
        let keep: Vec<bool> = (0..steps.len()).map(|at| at != without).collect();
        let less = shrink::keep_steps(&smallest.schedule, &keep);
        assert!(!fails(harness, &less, anomaly), "step {without} is not needed: {:?}", smallest.schedule);
    }
    // Only where chance is spelled out there may be more steps than before, and then but a few.
    assert!(steps.len() <= schedule.steps.len() + 6, "{schedule:?}\n{:?}", smallest.schedule);
    let again = minimize(harness, &smallest.schedule, anomaly, BUDGET, &mut |_| true);
    assert!(again.schedule.steps.len() <= steps.len(), "it does not grow when it is minimized again");
    smallest
}

#[test]
fn what_is_minimized_fails_in_the_same_way_and_has_no_step_too_many() {
    let mut harness = harness("echo+early-ack");
    let cases = failing(&mut harness, 10);
    assert_eq!(cases.len(), 10);
    for (schedule, anomaly) in cases {
        let smallest = check_minimal(&mut harness, &schedule, &anomaly);
        assert!(minimize::faults(&smallest.schedule) <= minimize::faults(&schedule));
    }
}

#[test]
fn a_promise_that_is_never_kept_needs_no_step() {
    let mut harness = harness("hopeless");
    for (schedule, anomaly) in failing(&mut harness, 3) {
        let smallest = check_minimal(&mut harness, &schedule, &anomaly);
        assert_eq!((smallest.schedule.steps.len(), minimize::faults(&smallest.schedule)), (0, 0));
    }
}

#[test]
fn minimizing_stops_when_told_to() {
    let mut harness = harness("echo+early-ack");
    let (schedule, anomaly) = failing(&mut harness, 1).remove(0);
    let smallest = minimize(&mut harness, &schedule, &anomaly, 20_000, &mut |_| false);
    assert!(!smallest.one_minimal, "what was not shown is not claimed");
    assert!(fails(&mut harness, &smallest.schedule, &anomaly));
}

#[test]
fn a_key_is_six_letters_and_depends_on_the_target() {
    let key = |name: &str| {
        let mut harness = harness(name);
        let finding = Finding::new(&mut harness, &Schedule::default()).expect("it never holds");
        (finding.key(), finding.folder_name())
    };
    let (known, folder) = key("hopeless");
    assert!(known.len() == 6 && known.bytes().all(|letter| letter.is_ascii_lowercase()), "{known}");
    assert!(folder.ends_with(&format!("-{known}")) && folder.starts_with("hopeless-nothing-ever-starts-"), "{folder}");
    assert_eq!(key("hopeless").0, known);
    assert_ne!(key("hopeless+early-ack").0, known);
}

#[cfg(feature = "targets")]
#[test]
fn what_is_minimized_on_a_real_crate_has_no_step_too_many() {
    let mut harness = Harness::new(&murphy_targets::all(), "omnipaxos").expect("there is such a target");
    for (schedule, anomaly) in failing(&mut harness, 6) {
        check_minimal(&mut harness, &schedule, &anomaly);
    }
}
