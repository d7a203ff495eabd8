//! Ctrl-C at any moment: everything found is on disk, whole, and nobody is left running.
#![cfg(target_os = "linux")]

mod common;

use std::{fs, path::Path, process::Stdio};

use common::{Place, finish, names, signal, wait_until};
use murphy_schedule::Schedule;

/// A campaign that never ends, once it has filled its corpus a little. The process and its workers.
fn busy(place: &Place, line: &str) -> (std::process::Child, Vec<u32>) {
    let child = place.command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    wait_until("a corpus of ten", || names(&place.path("corpus/echo")).len() >= 10);
    let workers = children(child.id());
    (child, workers)
}

fn children(parent: u32) -> Vec<u32> {
    let processes = names(Path::new("/proc")).into_iter().filter_map(|name| name.parse().ok());
    let parent_of = |process: &u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    processes.filter(|process| parent_of(process) == Some(parent)).collect()
}

#[track_caller]
fn everything_is_whole(place: &Place) {
    let corpus = place.path("corpus/echo");
    for name in names(&corpus) {
        let bytes = fs::read(corpus.join(&name)).expect("a file");
        assert!(!bytes.is_empty());
        assert_eq!(Schedule::from_bytes(&bytes).to_bytes(), bytes, "{name}");
    }
    assert!(place.hidden().is_empty(), "{:?}", place.hidden());
}

#[test]
fn an_interrupted_campaign_leaves_nothing_half_done() {
    let place = Place::new();
    let (child, _) = busy(&place, "fuzz echo --execs 100000000");
    signal("-INT", child.id());
    assert_eq!(finish(child).code, 130);
    everything_is_whole(&place);
}

#[test]
fn what_was_found_before_an_interrupt_is_on_disk() {
    let place = Place::new();
    let mut command = place.command("fuzz omnipaxos --stop-on never");
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let visible = || place.folders().into_iter().filter(|name| !name.starts_with('.')).count();
    wait_until("a first finding", || visible() > 0);
    signal("-INT", child.id());
    assert_eq!(finish(child).code, 130);
    assert!(visible() > 0 && place.hidden().is_empty(), "{:?}", place.hidden());
    for folder in place.folders() {
        let ended = place.murphy(&format!("replay {folder} --json"));
        assert_eq!((ended.code, &ended.json()[0]["as_recorded"]), (1, &true.into()), "{ended:?}");
    }
}

#[test]
fn an_interrupted_campaign_takes_its_workers_along() {
    let place = Place::new();
    let (child, workers) = busy(&place, "fuzz echo -j 2 --execs 100000000");
    assert_eq!(workers.len(), 2);
    signal("-INT", child.id());
    assert_eq!(finish(child).code, 130);
    assert!(workers.iter().all(|worker| !Path::new(&format!("/proc/{worker}")).exists()));
    everything_is_whole(&place);
}

#[test]
fn workers_whose_parent_dies_end_too() {
    let place = Place::new();
    let (child, workers) = busy(&place, "fuzz echo -j 2 --execs 100000000");
    assert_eq!(workers.len(), 2);
    signal("-KILL", child.id());
    finish(child);
    let gone = |worker: &u32| {
        // Where nobody adopts orphans they stay as zombies.
        let status = fs::read_to_string(format!("/proc/{worker}/status"));
        status.map_or(true, |status| status.contains("State:\tZ"))
    };
    wait_until("the workers are gone", || workers.iter().all(gone));
    everything_is_whole(&place);
}

#[test]
fn a_time_limit_ends_a_campaign() {
    let place = Place::new();
    for jobs in ["1", "2"] {
        let ended = place.murphy(&format!("fuzz echo -j {jobs} --time 300ms"));
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    everything_is_whole(&place);
}
