//! `murphy fuzz`: what it finds, what it files, and how it ends.

mod common;

use common::{Ended, Place};
use serde_json::Value;

const UNTIL_FIRST: &str = "fuzz omnipaxos --until-first --execs 20000 --seed 1";

fn key(folder: &str) -> &str {
    folder.rsplit('-').next().expect("a last part")
}

fn last_status(ended: &Ended) -> Value {
    let mut statuses = ended.json().into_iter().filter(|object| object["event"] == "status");
    statuses.next_back().expect("a campaign says how it went")
}

#[test]
fn a_finding_is_filed_with_all_it_needs() {
    let place = Place::new();
    let folder = place.with_finding();
    assert!(folder.starts_with("omnipaxos-decided-entry-"), "{folder}");
    let key = key(&folder);
    assert!(key.len() == 6 && key.bytes().all(|letter| letter.is_ascii_lowercase()), "{key}");
    let committed = ["README.md", "explain.txt", "input.bin", "meta.json", "schedule.murphy", "verdict.json"];
    let ignored = ["history.edn", "history.jsonl", "original/input.bin", "trace.jsonl"];
    let mut bytes = 0;
    for name in committed {
        let length = place.read(&format!("crashes/{folder}/{name}")).len();
        assert!(length > 0, "{name} is empty");
        bytes += length;
    }
    assert!(bytes < 20_000, "{bytes} bytes are to be committed");
    for name in ignored {
        assert!(!place.read(&format!("crashes/{folder}/{name}")).is_empty(), "{name} is empty");
    }
    assert_eq!(place.hidden(), Vec::<std::path::PathBuf>::new());
    for name in ["meta.json", "verdict.json"] {
        let value: Value = serde_json::from_slice(&place.read(&format!("crashes/{folder}/{name}"))).expect("JSON");
        assert!(value["schema"].is_string());
    }
    let meta: Value = serde_json::from_slice(&place.read(&format!("crashes/{folder}/meta.json"))).expect("JSON");
    for field in ["rustc", "trace_hash", "state_hash"] {
        assert!(meta[field].as_str().is_some_and(|word| !word.is_empty()), "{field}: {meta}");
    }
    assert_eq!((&meta["reproduced"], &meta["robustness"]["seeds"]), (&"3/3".into(), &16.into()), "{meta}");
    let readme = place.text(&format!("crashes/{folder}/README.md"));
    assert!(readme.contains("- fails under ") && readme.contains("1-minimal"), "{readme}");
    let text = place.text(&format!("crashes/{folder}/schedule.murphy"));
    assert!(text.starts_with("murphy 1\ntarget omnipaxos\n"), "{text}");
}

#[test]
fn findings_go_to_standard_output_and_progress_to_standard_error() {
    let place = Place::new();
    let ended = place.murphy(UNTIL_FIRST);
    assert_eq!(ended.code, 1);
    assert!(
        ended.out.starts_with("NEW  agreement / decided-entry   crashes/omnipaxos-decided-entry-"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("1-minimal, reproduced 3/3"), "{}", ended.out);
    assert!(!ended.out.contains("execs"), "{}", ended.out);
    assert!(ended.err.contains("execs") && !ended.err.contains("NEW"), "{}", ended.err);
}

#[test]
fn a_finding_that_is_filed_is_known_in_the_next_campaign() {
    let place = Place::new();
    let folder = place.with_finding();
    let before = place.read(&format!("crashes/{folder}/meta.json"));
    let again = place.murphy(UNTIL_FIRST);
    assert_eq!(again.code, 1, "a known violation is one too");
    assert!(again.out.starts_with("KNOWN  agreement / decided-entry"), "{}", again.out);
    assert_eq!(place.folders(), [folder.as_str()]);
    assert_eq!(place.read(&format!("crashes/{folder}/meta.json")), before, "nothing is written");
}

#[test]
fn a_campaign_is_a_function_of_its_seed() {
    let once = || {
        let place = Place::new();
        let folder = place.with_finding();
        let meta: Value = serde_json::from_slice(&place.read(&format!("crashes/{folder}/meta.json"))).expect("JSON");
        let files = ["schedule.murphy", "input.bin", "original/input.bin", "trace.jsonl"];
        let files = files.map(|name| place.read(&format!("crashes/{folder}/{name}")));
        (folder, meta["execs"].clone(), meta["trace_hash"].clone(), files)
    };
    assert!(once() == once());
}

#[test]
fn a_clean_campaign_says_so() {
    let place = Place::new();
    let ended = place.murphy("fuzz echo --execs 300 --json");
    assert_eq!((ended.code, place.folders().len()), (0, 0), "{ended:?}");
    let status = last_status(&ended);
    assert_eq!((&status["execs"], &status["new"], &status["known"]), (&300.into(), &0.into(), &0.into()));
    assert!(status["effective_steps"].as_u64() > Some(0));
}

#[test]
fn a_planted_bug_can_be_named_in_two_ways() {
    for name in ["echo+early-ack", "echo --bug early-ack"] {
        let place = Place::new();
        let ended = place.murphy(&format!("fuzz {name} --until-first --execs 20000 --json"));
        assert_eq!(ended.code, 1, "{ended:?}");
        let found = ended.json().into_iter().find(|object| object["event"] == "finding").expect("a finding");
        assert_eq!((&found["new"], &found["reproduced"]), (&true.into(), &3.into()));
        // What shows on the way to the smallest schedule under another name is a finding of its own.
        assert!(!place.folders().is_empty());
        for folder in place.folders() {
            assert!(folder.starts_with("echo-early-ack-"), "{folder}");
            assert!(place.text(&format!("crashes/{folder}/schedule.murphy")).contains("target echo+early-ack\n"));
        }
    }
}

/// Who gave the wrong answer of each finding of a campaign, and the names of the folders.
fn answerers(campaign: &str) -> (Vec<Option<String>>, Vec<String>) {
    let place = Place::new();
    let ended = place.murphy(campaign);
    assert_eq!(ended.code, 1, "{ended:?}");
    let folders = place.folders();
    let answerer = |folder: &String| {
        let meta: Value = serde_json::from_slice(&place.read(&format!("crashes/{folder}/meta.json"))).expect("JSON");
        meta["answered_by"].as_str().map(str::to_string)
    };
    (folders.iter().map(answerer).collect(), folders)
}

/// A leader can be lost in many ways, and this bug shows in each; a get that finds nothing shows it by another name, since nothing
/// tells whether it saw the delete that had failed or is stale.
#[test]
fn one_bug_that_shows_in_many_ways_fills_a_folder_for_each_name() {
    let (_, folders) = answerers("fuzz raft-kv+D6 --stop-on never --execs 5000 --seed 1");
    assert!(folders.len() <= 2, "{folders:?}");
}

#[test]
fn two_bugs_with_one_anomaly_fill_two_folders() {
    let (answerers, folders) = answerers("fuzz raft-kv+B1+B2 --stop-on never --execs 12000 --seed 1");
    let stale = answerers.into_iter().zip(&folders).filter(|(_, folder)| folder.contains("-stale-read-"));
    let mut answerers: Vec<String> = stale.filter_map(|(answerer, _)| answerer).collect();
    answerers.sort();
    assert_eq!(answerers, ["former leader", "leader"], "{folders:?}");
}

/// Most kinds of faults lead to one bug of omnipaxos.
#[test]
fn one_bug_fills_few_folders() {
    let place = Place::new();
    let ended = place.murphy("fuzz omnipaxos --stop-on never --execs 3000 --seed 1 --json");
    assert_eq!(ended.code, 1);
    let status = last_status(&ended);
    assert_eq!(status["execs"], 3000, "it went on after the first");
    let folders = place.folders();
    assert!(folders.len() <= 2, "{folders:?}");
    assert_eq!(status["new"], folders.len(), "each new finding has a folder");
    let others = status["known"].as_u64().zip(status["unexamined"].as_u64()).map(|(known, rest)| known + rest);
    assert!(others >= Some(10 * folders.len() as u64), "{status}");
    assert!(place.hidden().is_empty());
}

#[test]
fn several_workers_share_the_work() {
    let place = Place::new();
    let ended = place.murphy("fuzz echo -j 2 --execs 1001 --json");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(last_status(&ended)["execs"], 1001);
    assert!(!common::names(&place.path("corpus/echo")).is_empty());
}

#[test]
fn several_workers_find_what_one_finds() {
    let place = Place::new();
    let ended = place.murphy("fuzz omnipaxos -j 2 --until-first --execs 20000 --seed 0xffffffffffffffff");
    assert_eq!(ended.code, 1, "{ended:?}");
    // One may meet the same as the other, a little later.
    assert!(ended.out.contains("NEW  agreement / decided-entry"), "{}", ended.out);
    assert!(!place.folders().is_empty() && place.hidden().is_empty());
    let ended = place.murphy("replay latest");
    assert_eq!(ended.code, 1, "{ended:?}");
}

#[test]
fn schedules_written_by_hand_come_first() {
    let found = |arguments: &str| {
        let place = Place::new();
        place.write("corpus/seeds/lost-write.murphy", LOST_WRITE);
        place.write("corpus/seeds/other.murphy", "murphy 1\ntarget raft-kv\nseed 0x1\n");
        let ended = place.murphy(&format!("fuzz echo+early-ack --until-first --execs 20000 --json {arguments}"));
        assert_eq!(ended.code, 1, "{ended:?}");
        let found = ended.json().into_iter().find(|object| object["new"] == true).expect("a finding");
        found["execs"].as_u64().expect("a number")
    };
    assert_eq!(found(""), 1, "the first schedule that is run");
    assert_eq!(found("-j 2"), 1, "of each worker");
}

/// A write is acknowledged, and its node crashes before it is durable.
const LOST_WRITE: &str = "murphy 1\ntarget any\nseed 0x1\nnodes 2, clients 1, keys 1, ops 0\n\n\
     w: at 10ms            invoke write k1 1\n   before n1 sync #1  crash n1\n";

#[test]
fn what_fails_in_another_way_while_minimizing_is_filed_too() {
    let place = Place::new();
    let invariants = "invariant \"nobody writes\": { function != \"write\" }\ninvariant \"nobody reads\": { function != \"read\" }\n";
    place.write("silent.inv", invariants);
    place.write(
        "write.murphy",
        "murphy 1\ntarget echo\nseed 0x1\nworkload register\nkeys 1, ops 0\n\nat 10ms  invoke write k1\n",
    );
    let ended = place.murphy("min write.murphy --invariant silent.inv --json");
    assert_eq!(ended.code, 1, "{ended:?}");
    let names = |field: &str| ended.json().iter().map(|object| object[field].clone()).collect::<Vec<Value>>();
    // Without the write the first operation to complete is one of the last reads.
    assert_eq!(names("anomaly"), ["nobody-writes", "nobody-reads"]);
    assert_eq!(names("reproduced"), [3, 3]);
    assert_eq!(place.folders().len(), 2, "{:?}", place.folders());
}
