//! What is left of a failing schedule, and the key that it is filed under.

#[cfg(feature = "targets")]
#[path = "common/buried.rs"]
mod buried;

use murphy::{
    About, Boot, Context, Harness, Property, Target, Workload,
    echo::{Echo, EchoNode},
    finding::{Finding, Provenance, read_folder},
    minimize::{self, Minimized, minimize},
};
use murphy_checker::verdict::Anomaly;
use murphy_schedule::{Dice, FaultKind, Header, Schedule, mutate, shrink};

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
    check_needed(harness, &smallest.schedule, anomaly);
    // Only where chance and operations are spelled out there may be more steps than before, and then but a few.
    assert!(steps.len() <= schedule.steps.len() + 12, "{schedule:?}\n{:?}", smallest.schedule);
    let again = minimize(harness, &smallest.schedule, anomaly, BUDGET, &mut |_| true);
    assert!(again.schedule.steps.len() <= steps.len(), "it does not grow when it is minimized again");
    smallest
}

/// Asserts that with an operation, a client or a node less the run does not fail in this way.
#[track_caller]
fn check_needed(harness: &mut Harness, schedule: &Schedule, anomaly: &Anomaly) {
    let Header { ops, clients, nodes, .. } = schedule.header;
    let least = harness.vocabulary().nodes.0;
    let fewer = [
        ops.filter(|ops| *ops > 0).map(|ops| Header { ops: Some(ops - 1), ..schedule.header }),
        Some(clients).filter(|clients| *clients > 1).map(|clients| Header { clients: clients - 1, ..schedule.header }),
        Some(nodes).filter(|nodes| *nodes > least).map(|nodes| Header { nodes: nodes - 1, ..schedule.header }),
    ];
    for header in fewer.into_iter().flatten() {
        let less = Schedule { header, steps: schedule.steps.clone() };
        assert!(!fails(harness, &less, anomaly), "{header:?} is enough: {schedule:?}");
    }
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

#[cfg(feature = "targets")]
#[test]
fn a_schedule_that_was_buried_comes_out_about_as_small_as_it_was_written() {
    for path in buried::files() {
        let mut written = buried::Written::read(&path);
        for _ in 0..3 {
            let Some(finding) = written.bury() else { break };
            let anomaly = written.anomaly.clone();
            let smallest = minimize(&mut written.harness, &finding, &anomaly, 20_000, &mut |_| true);
            let (steps, most) = (smallest.schedule.steps.len(), written.size() * 3 / 2);
            assert!(steps <= most, "{}: {steps} steps\n{:?}", path.display(), smallest.schedule);
            assert!(smallest.one_minimal, "{}", path.display());
            check_needed(&mut written.harness, &smallest.schedule, &anomaly);
        }
    }
}

#[cfg(feature = "targets")]
#[test]
fn few_operations_are_named_one_by_one() {
    let path = buried::files().into_iter().find(|path| path.ends_with("raft-kv-b1.invalid.murphy"));
    let mut written = buried::Written::read(&path.expect("it is there"));
    // Nothing but a partition of the leader, and what clients draw.
    let cuts = written.document.schedule.steps.iter().filter(|step| step.fault.kind() == FaultKind::Partition);
    let steps: Vec<_> = cuts.copied().collect();
    let mut schedule = Schedule { steps, ..written.document.schedule.clone() };
    schedule.header.ops = Some(40);
    let found = (0..1000).any(|seed| {
        schedule.header.seed = seed;
        written.fails(&schedule)
    });
    assert!(found, "some seed draws a stale read");
    let anomaly = written.anomaly.clone();
    let smallest = minimize(&mut written.harness, &schedule, &anomaly, 20_000, &mut |_| true).schedule;
    assert_eq!(smallest.header.ops, Some(0), "{smallest:?}");
    let operations = written.harness.run(&smallest).history.operations.len();
    assert!(operations <= 4, "{operations}: {smallest:?}");
}

#[cfg(feature = "targets")]
#[test]
fn a_window_ends_where_its_schedule_passes() {
    let path = buried::files().into_iter().find(|path| path.ends_with("lock-service-unfenced.invalid.murphy"));
    let mut written = buried::Written::read(&path.expect("it is there"));
    let schedule = written.document.schedule.clone();
    let anomaly = written.anomaly.clone();
    let found = minimize::robustness(&mut written.harness, &schedule, &anomaly);
    assert_eq!(found.seeds, 16);
    let [window] = found.windows[..] else { panic!("one step has a length: {found:?}") };
    let mut lasting = |micros| {
        let mut candidate = schedule.clone();
        candidate.steps[window.step].lasts = murphy_schedule::Lasts::For(micros);
        written.fails(&candidate)
    };
    let from = window.from.expect("a pause shorter than the lease does nothing");
    assert!(from <= 300_000 && lasting(from) && !lasting(from - 10_000), "{window:?}");
    assert!(window.to.is_none_or(|to| to >= 300_000 && lasting(to) && !lasting(to + 10_000)), "{window:?}");
    let lines = vec![String::new(), "pause n3 for 300ms".to_string()];
    let said = found.sentences(&lines).pop().expect("a sentence for the window");
    assert!(said.starts_with("`pause n3 for 300ms`: for any length from "), "{said}");
}

#[test]
fn the_smallest_schedule_of_a_key_is_its_face_and_the_others_are_variants() {
    let mut harness = harness("hopeless");
    let place = tempfile::tempdir().expect("a folder for the test");
    let provenance = Provenance { one_minimal: true, ..Provenance::default() };
    let mut folders = Vec::new();
    for keys in [3, 2, 5, 2] {
        let schedule = Schedule { header: Header { keys, ..Header::default() }, steps: Vec::new() };
        let finding = Finding::new(&mut harness, &schedule).expect("it never holds");
        let filed = finding.write_if_smaller(place.path(), &provenance, harness.vocabulary());
        folders.push(filed.expect("it can be written"));
    }
    folders.dedup();
    let [folder] = &folders[..] else { panic!("one key, one folder: {folders:?}") };
    let entry = read_folder(folder).expect("it is whole").expect("it has no mistakes");
    assert_eq!(entry.document.schedule.header.keys, 2);
    let variants = std::fs::read_dir(folder.join("variants")).expect("there are some").flatten();
    let read =
        |path| murphy_schedule::Document::parse(&std::fs::read_to_string(path).expect("text")).expect("a schedule");
    let mut keys: Vec<u8> = variants.map(|entry| read(entry.path()).schedule.header.keys).collect();
    keys.sort_unstable();
    assert_eq!(keys, [3, 5]);
}
