//! The commands that make a finding understood: show, explain, diff, replay, export.

#[path = "../common/mod.rs"]
mod common;
mod export;

use common::{Ended, Place};
use serde_json::Value;

/// A schedule of `testdata/` under which a planted bug shows.
fn planted(name: &str) -> String {
    format!("{}/../testdata/{name}.invalid.murphy", env!("CARGO_MANIFEST_DIR"))
}

/// The command's output over such a schedule, which fails.
#[track_caller]
fn of(command: &str, name: &str, arguments: &str) -> Ended {
    let ended = Place::new().murphy(&format!("{command} {} {arguments}", planted(name)));
    assert_eq!(ended.code, 1, "{ended:?}");
    ended
}

#[track_caller]
fn only(ended: &Ended) -> Value {
    let [object] = &ended.json()[..] else { panic!("{ended:?}") };
    object.clone()
}

#[test]
fn a_finding_is_shown_in_five_ways() {
    let text = of("show", "raft-kv-b1", "").out;
    let ascii = of("show", "raft-kv-b1", "--as ascii").out;
    let dsl = of("show", "raft-kv-b1", "--as dsl").out;
    assert!(text.contains(ascii.trim_end()) && text.contains(dsl.trim_end()), "{text}");
    assert!(dsl.contains("target raft-kv+B1\n") && !dsl.contains("clients\n"), "{dsl}");
    assert!(ascii.contains("▒ cut: at 1.2s partition leader | rest"), "steps go by their labels: {ascii}");
    let object = only(&of("show", "raft-kv-b1", "--as json"));
    assert_eq!(object, only(&of("show", "raft-kv-b1", "--json")));
    assert_eq!(object["picture"].as_str().map(str::trim_end), Some(ascii.trim_end()));
    assert!(of("show", "raft-kv-b1", "--as mermaid").out.starts_with("sequenceDiagram\n"));
}

/// Every line of the one is a line of the other, with the same time, and arrows go between the same nodes.
#[test]
fn mermaid_shows_what_the_picture_shows() {
    let ascii = of("show", "raft-kv-b1", "--as ascii --rows 40").out;
    let mermaid = of("show", "raft-kv-b1", "--as mermaid --rows 40").out;
    let times = |text: &str| -> Vec<String> {
        let words = text.lines().flat_map(|line| line.split_whitespace());
        let is_time = |word: &&str| word.len() > 4 && word.bytes().all(|c| c.is_ascii_digit() || c == b'.');
        words.filter(is_time).map(str::to_string).collect()
    };
    assert_eq!(times(&ascii), times(&mermaid));
    let lines: Vec<&str> = mermaid.lines().map(str::trim).collect();
    for node in ["n1", "n2", "n3", "clients"] {
        assert!(lines.contains(&format!("participant {node}").as_str()), "{mermaid}");
    }
    let arrows = lines.iter().filter(|line| line.contains(">>")).count();
    assert_eq!(arrows, ascii.lines().filter(|line| line.contains(['▶', '◀'])).count());
    assert!(arrows > 5, "{mermaid}");
    for line in lines.iter().filter(|line| line.contains(": ")) {
        let text = line.split_once(": ").expect("it has one").1;
        let plain = text.replace("#35;", "").replace("#59;", "").replace("#lt;", "").replace("#gt;", "");
        assert!(!plain.contains(['#', ';']), "{line}");
    }
}

#[test]
fn explain_says_what_each_step_did_to_whom() {
    let ended = of("explain", "raft-kv-b1", "");
    for words in ["promised is that some order of the operations", "stale", "(leader)", "had an effect"] {
        assert!(ended.out.contains(words), "`{words}` is missing in {}", ended.out);
    }
    assert!(!ended.out.contains("neighbours"), "{}", ended.out);
    let object = only(&of("explain", "raft-kv-b1", "--json"));
    let steps = object["steps"].as_array().expect("steps");
    assert!(!steps.is_empty() && steps.iter().all(|step| step["effects"].as_u64() > Some(0)), "{object}");
    assert_eq!(object["neighbours"], Value::Null);
}

#[test]
fn neighbours_say_which_step_matters_and_where() {
    let ended = of("explain", "raft-kv-b1", "--neighbours --json");
    let object = only(&ended);
    let rows = object["neighbours"].as_array().expect("rows").clone();
    assert_eq!((&rows[0]["step"], &rows[0]["same_seed"]), (&Value::Null, &true.into()), "the schedule itself fails");
    let changed =
        |word: &'static str| rows.iter().filter(move |row| row["change"].as_str().is_some_and(|c| c.contains(word)));
    let steps = object["steps"].as_array().expect("steps").len();
    assert_eq!(changed("without it").count(), steps);
    assert!(changed("without it").any(|row| row["same_seed"] == false), "some step is needed: {object}");
    assert!(changed("later").count() >= 1 && changed("as ").count() >= 1, "{object}");
    assert!(rows.iter().all(|row| row["fails"].as_u64() <= row["seeds"].as_u64()), "{object}");
    assert_eq!(ended.out, of("explain", "raft-kv-b1", "--neighbours --json").out, "the seeds are the schedule's");
}

/// Drawn anew from the violation on, nothing changes; from the start on, something may.
#[test]
fn the_curve_ends_at_certainty() {
    let object = only(&of("explain", "raft-kv-b1", "--neighbours --json"));
    let luck = &object["luck"];
    let points = luck["points"].as_array().expect("points");
    assert_eq!(points.len(), 16);
    assert_eq!(points[15]["fails"], luck["futures"]);
    assert!(points.windows(2).all(|pair| pair[0]["at_ns"].as_u64() < pair[1]["at_ns"].as_u64()));
    if let Some(at) = luck["lost"]["at_ns"].as_u64() {
        assert!(luck["lost"]["fails_before"].as_u64() < luck["lost"]["fails_after"].as_u64(), "{luck}");
        assert!(at <= points[15]["at_ns"].as_u64().expect("a time"));
    }
    let text = of("explain", "raft-kv-b1", "--neighbours").out;
    assert_eq!(text.lines().filter(|line| line.contains(" ms ") && line.ends_with("/32")).count(), 16, "{text}");
}

/// Which of two updates comes first is drawn; the torn one is the last of them.
#[test]
fn the_event_at_which_the_run_is_lost_is_one_of_the_run() {
    let luck = only(&of("explain", "echo-torn-transaction", "--neighbours --json"))["luck"].clone();
    let points: Vec<u64> =
        luck["points"].as_array().expect("points").iter().filter_map(|p| p["fails"].as_u64()).collect();
    assert!(points[0] < 24 && points[15] == 32, "{luck}");
    let (at, event) =
        (luck["lost"]["at_ns"].as_u64().expect("a time"), luck["lost"]["event"].as_str().expect("an event"));
    let listed = of("replay", "echo-torn-transaction", "-vvv").out;
    let line = format!("{:.6} ms  --  {event}", at as f64 / 1e6);
    assert!(listed.contains(&line), "{line} is none of\n{listed}");
}

#[test]
fn a_schedule_parts_from_itself_without_a_step_where_the_step_begins() {
    let place = Place::new();
    let file = planted("echo-early-ack");
    let ended = place.murphy(&format!("diff {file} --without 1 --json"));
    assert_eq!(ended.code, 0, "{ended:?}");
    let object = only(&ended);
    assert_eq!((&object["first"]["verdict"], &object["same"]), (&"invalid".into(), &false.into()));
    let only = object["only_first"].as_array().expect("steps");
    assert!(only.len() == 1 && only[0].as_str().is_some_and(|step| step.contains("invoke write")), "{object}");
    let first = &object["divergence"]["first"][0];
    assert!(first.as_str().is_some_and(|event| event.contains("step begins: at 1s invoke write")), "{object}");
    let text = place.murphy(&format!("diff {file} --without 1 --rows 2")).out;
    assert!(text.contains("is the first that differs") && text.contains("without step 1:"), "{text}");
    place.murphy(&format!("diff {file} --without 99")).complains(2, &["`99`", "from 1 to"]);
    place.murphy(&format!("diff {file}")).complains(2, &["<SECOND>"]);
}

#[test]
fn a_schedule_is_the_same_as_itself() {
    let file = planted("echo-early-ack");
    let ended = Place::new().murphy(&format!("diff {file} {file}"));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("the runs are the same"), "{}", ended.out);
}

#[test]
fn each_v_lists_more() {
    let lines = |flag: &str| of("replay", "raft-kv-b1", flag).out.lines().count();
    let (one, two, three) = (lines("-v"), lines("-vv"), lines("-vvv"));
    assert!(2 < one && one < two && two <= three, "{one}, {two}, {three}");
    let out = of("replay", "raft-kv-b1", "-v").out;
    assert!(out.contains("→ n") && !out.contains(" timer "), "{out}");
    assert!(of("replay", "raft-kv-b1", "-vv").out.contains(" timer "));
}

#[test]
fn a_listing_ends_where_one_says() {
    let out = of("replay", "raft-kv-b1", "--until 120ms").out;
    let times =
        out.lines().filter_map(|line| line.split_once(" ms  ")?.0.split_whitespace().last()?.parse::<f64>().ok());
    let times: Vec<f64> = times.collect();
    assert!(times.len() > 5 && times.iter().all(|time| *time <= 120.0), "{out}");
    assert!(out.contains("reproduced 1/1"), "the run goes on: {out}");
}

#[test]
fn a_trace_goes_to_a_file_and_over_none() {
    let place = Place::new();
    let replay = format!("replay {} --trace trace.jsonl", planted("raft-kv-b1"));
    assert_eq!(place.murphy(&replay).code, 1);
    let trace = place.text("trace.jsonl");
    let objects: Vec<Value> = trace.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(objects.iter().enumerate().all(|(at, object)| object["index"] == at), "every event");
    place.murphy(&replay).complains(10, &["trace.jsonl", "--force"]);
    let ended = place.murphy(&format!("{replay} --force --node n2"));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(place.text("trace.jsonl").lines().count() < objects.len());
    assert_eq!(place.hidden(), Vec::<std::path::PathBuf>::new());
}

#[cfg(unix)]
#[test]
fn a_run_stops_before_an_event_and_goes_on() {
    let place = Place::new();
    let file = planted("raft-kv-b1");
    place.murphy(&format!("replay {file} --break-at 1000000")).complains(2, &["event 1000000", "events 1 to "]);
    place.murphy(&format!("replay {file} --break-at 0")).complains(2, &["event 0"]);
    let mut command = place.command(&format!("replay {file} --break-at 40"));
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    let child = child.expect("it starts");
    let stat = format!("/proc/{}/stat", child.id());
    common::wait_until("it stops", || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T ")));
    common::signal("-CONT", child.id());
    let ended = common::finish(child);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("reproduced 1/1"), "the run is the same: {ended:?}");
    let listed = place.murphy(&format!("replay {file} -vvv")).out;
    let event = listed.lines().nth(39).expect("it has so many").trim_start();
    assert!(ended.err.contains(event) && ended.err.contains("before event 40"), "{} misses {event}", ended.err);
}
