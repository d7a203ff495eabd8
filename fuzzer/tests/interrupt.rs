//! Ctrl-C at any moment: everything found is on disk, whole, and nobody is left running.
#![cfg(target_os = "linux")]

mod common;

use std::{fs, path::Path, process::Stdio};

use common::{Place, finish, names, signal, wait_until};
use murphy::finding::read_folder;
use murphy_schedule::Schedule;
use serde_json::Value;

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

/// A write is acknowledged and lost, beside faults that have nothing to do with it.
const LOST_WRITE: &str = "murphy 1\ntarget echo+early-ack\nseed 0x1\nnodes 3, clients 3, keys 1, ops 30\n\n\
     w: at 10ms            invoke write k1 1\n   before n1 sync #1  crash n1\n   at 20ms            pause n2 for 30ms\n\
     at 90ms            partition n3 | rest for 1s\n   at 2s              crash n3, restart after 50ms\n";

/// Lets a process run until it is at work in the folder of findings, or for a while.
#[allow(clippy::disallowed_methods, reason = "it is to be killed at all kinds of moments; none decides the test")]
fn let_run(place: &Place, round: u64) {
    for _ in 0..200 {
        if round.is_multiple_of(2) && place.folders().iter().any(|name| name.starts_with('.')) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_micros(50 * round));
    }
}

/// The folders of findings that are not hidden, every one of which has all that is to be committed, and can be read back.
fn whole_entries(place: &Place) -> Vec<String> {
    let mut folders = place.folders();
    folders.retain(|name| !name.starts_with('.'));
    for name in &folders {
        let folder = place.path("crashes").join(name);
        let entry = read_folder(&folder).unwrap_or_else(|error| panic!("{name}: {error}"));
        entry.unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}"));
        for file in ["meta.json", "verdict.json"] {
            let bytes = fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{name}/{file}: {error}"));
            serde_json::from_slice::<Value>(&bytes).unwrap_or_else(|error| panic!("{name}/{file}: {error}"));
        }
        for file in ["README.md", "explain.txt"] {
            assert!(fs::metadata(folder.join(file)).is_ok_and(|file| file.len() > 0), "{name}/{file}");
        }
    }
    folders
}

#[test]
fn whoever_is_killed_fifty_times_leaves_whole_entries() {
    let place = Place::new();
    place.write("lost-write.murphy", LOST_WRITE);
    let mut seen = 0;
    for round in 0..50 {
        let line = match round % 4 {
            0 | 1 => format!("fuzz echo+early-ack --stop-on never --execs 100000000 --seed {round}"),
            _ => "min lost-write.murphy".to_string(),
        };
        let mut child = place.command(&line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let_run(&place, round);
        child.kill().expect("it is ours");
        finish(child);
        let entries = whole_entries(&place);
        seen += entries.len();
        // Every few rounds there is something to be filed anew.
        if round % 5 == 4 {
            entries.iter().for_each(|name| fs::remove_dir_all(place.path("crashes").join(name)).expect("it is there"));
        }
    }
    assert!(seen > 0, "somebody has filed something");
    let ended = place.murphy("min lost-write.murphy");
    assert_eq!(ended.code, 1, "{ended:?}");
    // A corpus may be shared with other machines, whose processes nobody here can see: there nothing is swept.
    let mut left = place.hidden();
    left.retain(|path| !path.starts_with(place.path("corpus")));
    assert!(left.is_empty(), "what the dead left is swept: {left:?}");
    for name in whole_entries(&place) {
        let ended = place.murphy(&format!("replay {name} --json"));
        assert_eq!((ended.code, &ended.json()[0]["as_recorded"]), (1, &true.into()), "{ended:?}");
    }
}
