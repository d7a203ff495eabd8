//! The commands on one schedule: replay, show, min, fmt, encode, decode, targets.

mod common;

use common::Place;
use serde_json::Value;

fn key(folder: &str) -> &str {
    folder.rsplit('-').next().expect("a last part")
}

fn meta(place: &Place, folder: &str) -> Value {
    serde_json::from_slice(&place.read(&format!("crashes/{folder}/meta.json"))).expect("JSON")
}

/// Copies the files of a finding that are committed.
fn copy(place: &Place, from: &str, to: &str) {
    for name in ["schedule.murphy", "input.bin", "meta.json", "verdict.json"] {
        place.write(&format!("{to}/{name}"), place.read(&format!("{from}/{name}")));
    }
}

/// A schedule under which nothing goes wrong.
const CALM: &str = "murphy 1\ntarget echo\nseed 0x1\nnodes 2, clients 1, keys 1, ops 4\n";

#[test]
fn a_finding_replays_in_another_process_with_the_same_trace() {
    let place = Place::new();
    let folder = place.with_finding();
    let key = key(&folder);
    for word in [key, &key[..2], "latest", &folder, &format!("crashes/{folder}")] {
        let ended = place.murphy(&format!("replay {word} --times 3 --json"));
        assert_eq!(ended.code, 1, "{word}: {ended:?}");
        let [line] = &ended.json()[..] else { panic!("{ended:?}") };
        assert_eq!(
            (&line["reproduced"], &line["same_trace"], &line["as_recorded"]),
            (&3.into(), &true.into(), &true.into())
        );
        assert_eq!(line["trace_hash"], meta(&place, &folder)["trace_hash"]);
    }
    let ended = place.murphy(&format!("replay {key} --times 3"));
    assert!(ended.out.contains("reproduced 3/3"), "{ended:?}");
    assert!(ended.out.contains("disagree on decided entry"), "{ended:?}");
}

#[test]
fn a_beginning_that_fits_several_keys_is_refused() {
    let place = Place::new();
    let folder = place.with_finding();
    for name in ["omnipaxos-decided-entry-qqqaaa", "omnipaxos-decided-entry-qqqbbb"] {
        copy(&place, &format!("crashes/{folder}"), &format!("crashes/{name}"));
    }
    place.murphy("replay qqq").complains(2, &["`qqq`", "qqqaaa", "qqqbbb"]);
    assert_eq!(place.murphy("replay qqqa").code, 1);
}

#[test]
fn an_unknown_key_is_refused_with_the_known_ones() {
    let place = Place::new();
    place.murphy("replay zzzzzz").complains(2, &["`zzzzzz`", "crashes, which has none"]);
    let folder = place.with_finding();
    place.murphy("replay zzzzzz").complains(2, &["`zzzzzz`", key(&folder)]);
    place.command("replay").arg("").output().map(|output| assert_eq!(output.status.code(), Some(2))).expect("it runs");
    place.murphy("replay missing.murphy").complains(10, &["missing.murphy"]);
}

#[test]
fn verbose_replay_prints_each_event_with_its_time_and_node() {
    let place = Place::new();
    let folder = place.with_finding();
    let ended = place.murphy("replay latest -vvv");
    let lines: Vec<&str> = ended.out.lines().collect();
    let events = meta(&place, &folder)["events"].as_u64().expect("a number");
    assert!(lines.len() as u64 > events, "every event has a line");
    assert!(lines.iter().any(|line| line.contains(" ms  n1  becomes ")), "{}", ended.out);
    assert!(lines.iter().any(|line| line.contains(" ms  --  p0 asks: ")), "{}", ended.out);
    let objects = place.murphy("replay latest -vvv --json").json();
    assert_eq!(objects.iter().filter(|object| object["schema"] == "murphy/event/1").count(), lines.len() - 2);
    assert_eq!(objects.last().expect("a last line")["schema"], "murphy/replay/1");
}

#[test]
fn show_tells_what_happened() {
    let place = Place::new();
    let folder = place.with_finding();
    let ended = place.murphy("show latest");
    assert_eq!(ended.code, 1);
    let schedule = place.text(&format!("crashes/{folder}/schedule.murphy"));
    assert!(ended.out.contains(&schedule), "the schedule is part of it: {}", ended.out);
    assert!(ended.out.contains("clients") && ended.out.contains("AcceptDecide"), "{}", ended.out);
    let marks = ended.out.lines().filter(|line| line.contains("= decided entry") && line.ends_with('✗')).count();
    assert_eq!(marks, 2, "both sides of the contradiction are marked: {}", ended.out);
    let sentences = ended.out.matches("disagree on decided entry").count();
    assert_eq!(sentences, 2, "once above and once in the picture: {}", ended.out);
    let [object] = &place.murphy("show latest --json").json()[..] else { panic!("one object") };
    assert_eq!(object["key"], key(&folder));
    for field in ["picture", "explanation", "schedule"] {
        assert!(object[field].as_str().is_some_and(|text| !text.is_empty()), "{field}");
    }
    let short = place.murphy("show latest --rows 12").out;
    assert!(short.lines().count() < ended.out.lines().count() && short.contains("left out"), "{short}");
}

#[test]
fn show_of_a_clean_schedule_says_so() {
    let place = Place::new();
    place.write("calm.murphy", CALM);
    let ended = place.murphy("show calm.murphy");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("no violation of echo"));
    let objects = place.murphy("show calm.murphy --json").json();
    assert_eq!(objects[0]["verdict"], "valid");
    let ended = place.murphy("min calm.murphy");
    assert!(ended.code == 0 && ended.out.contains("no violation of echo"), "{ended:?}");
}

#[test]
fn bytes_as_they_were_found_minimize_to_the_same_finding() {
    let place = Place::new();
    let folder = place.with_finding();
    let original = format!("crashes/{folder}/original/input.bin");
    let ended = place.murphy(&format!("min {original} --target omnipaxos --crashes elsewhere --json"));
    assert_eq!(ended.code, 1, "{ended:?}");
    let [line] = &ended.json()[..] else { panic!("{ended:?}") };
    assert_eq!((&line["key"], &line["one_minimal"]), (&key(&folder).into(), &true.into()));
    let (found, again) = (format!("crashes/{folder}/schedule.murphy"), format!("elsewhere/{folder}/schedule.murphy"));
    assert_eq!(place.text(&found), place.text(&again));
    assert!(place.hidden().is_empty());
    place.murphy(&format!("min {original}")).complains(2, &["--target"]);
}

#[test]
fn a_smaller_schedule_replaces_a_larger_one_of_the_same_key() {
    let place = Place::new();
    let folder = place.with_finding();
    let schedule = format!("crashes/{folder}/schedule.murphy");
    let small = place.text(&schedule);
    let (head, steps) = small.split_once("\nphases").expect("a minimal schedule says all");
    let large = format!("{head}, rate 0\nphases{steps}").replace(", rate 0", "").replace("settle 3s", "settle 7.77s");
    place.write(&schedule, &large);
    assert_eq!(place.murphy(&format!("encode {schedule} -o crashes/{folder}/input.bin --force")).code, 0);
    let original = place.read(&format!("crashes/{folder}/original/input.bin"));
    let ended = place.murphy("min latest");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(place.folders(), [folder.as_str()]);
    let replaced = place.text(&schedule);
    assert!(replaced != large, "{replaced}");
    assert_eq!(place.read(&format!("crashes/{folder}/original/input.bin")), original);
    assert!(place.hidden().is_empty(), "{:?}", place.hidden());
}

#[test]
fn text_and_bytes_give_each_other() {
    let place = Place::new();
    let folder = place.with_finding();
    let (text, bytes) = (format!("crashes/{folder}/schedule.murphy"), format!("crashes/{folder}/input.bin"));
    for (line, output) in [("encode", "encoded"), ("decode --target omnipaxos", "decoded")] {
        let from = if output == "encoded" { &text } else { &bytes };
        assert_eq!(place.murphy(&format!("{line} {from} -o {output}")).code, 0);
    }
    assert_eq!(place.read("encoded"), place.read(&bytes));
    assert_eq!(place.text("decoded"), place.text(&text));
    let piped = place.murphy_reading("decode - --target omnipaxos", &place.read(&bytes));
    assert_eq!(piped.out, place.text(&text));
    place.write("anonymous.murphy", place.murphy(&format!("decode {bytes}")).out);
    assert_eq!(place.murphy("encode anonymous.murphy -o again").code, 0);
    assert_eq!(place.read("again"), place.read(&bytes), "names without spelling survive");
}

#[test]
fn fmt_changes_form_and_not_meaning() {
    let place = Place::new();
    let untidy =
        "murphy 1\n\ntarget   echo\nseed 0x1\nnodes 2,clients 1\n# why\nat  1s crash n1 # and this\nat 20ms crash n2\n";
    place.write("a.murphy", untidy);
    place.murphy("fmt --check a.murphy").complains(1, &["a.murphy is not formatted"]);
    assert_eq!(place.text("a.murphy"), untidy, "--check changes nothing");
    assert_eq!(place.murphy("encode a.murphy -o before").code, 0);
    assert_eq!(place.murphy("fmt a.murphy").code, 0);
    assert_eq!(place.murphy("fmt --check a.murphy").code, 0);
    assert_eq!(place.murphy("encode a.murphy -o after").code, 0);
    assert_eq!(place.read("before"), place.read("after"));
    let tidy = place.text("a.murphy");
    assert!(tidy.contains("# why") && tidy.contains("# and this"), "{tidy}");
    assert_eq!(place.murphy_reading("fmt -", untidy.as_bytes()).out, tidy);
    assert!(place.hidden().is_empty());
}

#[test]
fn a_schedule_can_come_from_standard_input() {
    let place = Place::new();
    let ended = place.murphy_reading("replay -", CALM.as_bytes());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("no violation of echo"), "{ended:?}");
    let folder = place.with_finding();
    let bytes = place.read(&format!("crashes/{folder}/input.bin"));
    assert_eq!(place.murphy_reading("replay - --target omnipaxos", &bytes).code, 1);
}

#[test]
fn a_schedule_whose_faults_do_nothing_any_more_is_stale() {
    let place = Place::new();
    place.write("crashes/echo-old-abcdef/schedule.murphy", CALM);
    let encode = "encode crashes/echo-old-abcdef/schedule.murphy -o crashes/echo-old-abcdef/input.bin";
    assert_eq!(place.murphy(encode).code, 0);
    assert_eq!(place.murphy("replay abcdef").code, 0, "nothing is known of its faults");
    place.write("crashes/echo-old-abcdef/meta.json", r#"{"schema":"murphy/meta/1","faults_that_fired":["crash"]}"#);
    place.murphy("replay abcdef").complains(5, &["stale", "crash"]);
    let ended = place.murphy("replay abcdef --json");
    assert_eq!((ended.code, &ended.json()[0]["stale"][0]), (5, &"crash does nothing now".into()));
}

#[test]
fn targets_are_listed_with_all_that_can_be_named() {
    let place = Place::new();
    let ended = place.murphy("targets");
    assert_eq!(ended.code, 0);
    for word in ["omnipaxos", "echo", "early-ack", "linearizability", "election_timeout", "Prepare"] {
        assert!(ended.out.contains(word), "{word}");
    }
    let names: Vec<Value> =
        place.murphy("targets --json").json().into_iter().map(|line| line["name"].clone()).collect();
    assert!(names.contains(&"omnipaxos".into()) && names.contains(&"echo".into()), "{names:?}");
}

#[test]
fn the_suite_of_planted_bugs_is_listed() {
    let place = Place::new();
    let ended = place.murphy("bench --list");
    let line = ended.out.lines().find(|line| line.starts_with("B1")).expect("raft-kv has it");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["B1", "raft-kv", "S", "2", "linearizability", "etcd-io/etcd#741"]);
    let objects = place.murphy("bench --list --json").json();
    let known = objects.iter().find(|bug| bug["bug"] == "B1").expect("it is there as well");
    assert_eq!((&known["events"], &known["breaks"]), (&2.into(), &"linearizability".into()));
}

#[test]
fn a_key_depends_on_the_target() {
    let key = |target: &str| {
        let place = Place::new();
        let schedule = format!(
            "murphy 1\ntarget {target}\nseed 0x1\nnodes 2, clients 1, keys 1, ops 0\n\n\
            at 10ms invoke write k1 1\nbefore n1 sync #1 crash n1\n"
        );
        place.write("lost.murphy", schedule);
        let object = place.murphy("show lost.murphy --json").json().remove(0);
        object["key"].as_str().map(str::to_string)
    };
    let known = key("echo+early-ack").expect("the write is lost");
    assert!(known.len() == 6 && known.bytes().all(|letter| letter.is_ascii_lowercase()), "{known}");
    assert_eq!(key("echo+early-ack"), Some(known));
    assert_eq!(key("echo"), None, "the twin without the bug keeps its promise");
}

#[test]
fn a_run_without_a_verdict_is_no_pass() {
    let place = Place::new();
    let long = "murphy 1\ntarget omnipaxos\nseed 0x1\nnodes 5, ops 10\nphases chaos 655.35s\n";
    place.write("long.murphy", long);
    for command in ["replay long.murphy", "show long.murphy", "min long.murphy"] {
        let ended = place.murphy(command);
        assert_eq!(ended.code, 3, "{command}: {ended:?}");
        assert!(ended.out.contains("no verdict"), "{command}: {ended:?}");
    }
    assert_eq!(place.murphy("replay long.murphy --json").json()[0]["verdict"], "unknown");
}

#[test]
fn init_writes_a_crate_and_never_over_a_file() {
    let place = Place::new();
    let ended = place.murphy("init my-kv --json");
    assert_eq!(ended.code, 0, "{ended:?}");
    let written = ended.json()[0]["files"].as_array().expect("files").len();
    assert_eq!(written, 8);
    assert!(place.text("my-kv/Cargo.toml").contains("name = \"my-kv\"\n"));
    assert!(place.text("my-kv/src/main.rs").contains("my_kv::System"));
    assert!(place.text("my-kv/src/lib.rs").contains("About::new(\"my-kv\")"));
    assert!(place.text("my-kv/.github/workflows/murphy.yml").contains("fuzz my-kv --time 5m"));
    // What is there stays, and nothing is added to half of it.
    place.write("other/src/main.rs", "fn main() {}\n");
    place.write("other/crashes/README.md", "mine\n");
    place.murphy("init other").complains(10, &["other/src/main.rs", "other/crashes/README.md", "nothing was written"]);
    assert!(!place.path("other/Cargo.toml").exists());
    assert_eq!(place.text("other/crashes/README.md"), "mine\n");
    place.murphy("init 7up").complains(2, &["7up", "my-kv"]);
}

#[test]
fn init_adds_to_a_crate_what_it_lacks() {
    let place = Place::new();
    place.write("raft/Cargo.toml", "[package]\nname = \"my-raft\"\n");
    let ended = place.murphy("init raft");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(place.text("raft/tests/murphy.rs").contains("my_raft::System"));
    assert!(ended.out.contains("murphy::Target") && !place.path("raft/src").exists(), "{ended:?}");
    assert_eq!(place.text("raft/Cargo.toml"), "[package]\nname = \"my-raft\"\n");
    // Or a crate of its own, which depends on that one.
    assert_eq!(place.murphy("init raft-tests --target-crate raft").code, 0);
    let manifest = place.text("raft-tests/Cargo.toml");
    assert!(manifest.contains("my-raft = { path = \"") && manifest.contains("/raft\" }"), "{manifest}");
    place.murphy("init more --target-crate missing").complains(10, &["missing"]);
}
