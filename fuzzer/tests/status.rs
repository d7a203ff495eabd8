//! `murphy status`: what campaigns leave about themselves.
#![cfg(target_os = "linux")]

mod common;

use std::process::Stdio;

use common::{Ended, Place, finish, names, signal, wait_until};
use serde_json::Value;

/// The lines of workers, and the line of them all.
#[track_caller]
fn status(place: &Place, folders: &str) -> (Vec<Value>, Value) {
    let ended = place.murphy(&format!("status {folders} --json"));
    assert_eq!(ended.code, 0, "{ended:?}");
    let mut lines = ended.json();
    let total = lines.pop().expect("a last line");
    assert_eq!(total["event"], "total");
    assert!(lines.iter().all(|line| line["event"] == "worker"), "{lines:?}");
    (lines, total)
}

fn last_status(ended: &Ended) -> Value {
    ended.json().into_iter().rfind(|line| line["event"] == "status").expect("a status")
}

#[test]
fn a_campaign_that_has_ended_can_be_looked_at_and_compared() {
    let place = Place::new();
    let first = last_status(&place.murphy("fuzz echo+early-ack --execs 700 --seed 3 --json"));
    place.murphy("fuzz echo+early-ack --execs 300 --seed 4");
    let (workers, total) = status(&place, "corpus/echo-early-ack");
    let [one, other] = &workers[..] else { panic!("two campaigns, two files: {workers:?}") };
    let (one, other) = if one["seed"] == 3 { (one, other) } else { (other, one) };
    for field in ["execs", "corpus", "states", "marks", "events", "virtual_ns", "operations", "completed", "new"] {
        assert_eq!(one[field], first[field], "{field}");
    }
    assert_eq!((&one["state"], &one["target"]), (&"violation".into(), &"echo+early-ack".into()));
    assert_eq!((&other["execs"], &other["seed"]), (&300.into(), &4.into()));
    assert_eq!((&total["execs"], &total["workers"], &total["running"]), (&1000.into(), &2.into(), &0.into()));
    let folders: Vec<String> = place.folders().iter().map(|name| format!("crashes/{name}")).collect();
    assert_eq!(total["findings"], Value::from(folders));
    let marks = one["report"]["marks"].as_array().expect("a table");
    assert!(marks.iter().any(|mark| mark["runs"].as_u64() > Some(0)), "{marks:?}");

    let ended = place.murphy("status -v");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(
        lines[0].starts_with("worker ") && lines.last().expect("a sum").starts_with("0 of 2 workers run"),
        "{ended:?}"
    );
    for word in [
        "echo+early-ack",
        "violation",
        "seed 0x3, ",
        " broke a promise, ",
        " of operations succeeded",
        "found crashes/",
    ] {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
}

#[test]
fn each_worker_is_seen_while_it_runs_and_what_became_of_it() {
    let place = Place::new();
    let start =
        |line: &str| place.command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let (pair, alone) = (start("fuzz echo -j 2 --time 60s"), start("fuzz echo --time 60s"));
    let records = || names(&place.path("corpus/echo.status"));
    let written = |ending: &str| records().iter().filter(|name| name.ends_with(ending)).count();
    wait_until("three workers", || written(".json") == 3 && written(".prom") == 3);
    let (workers, total) = status(&place, "corpus/echo");
    assert!(workers.iter().all(|worker| worker["state"] == "runs"), "{workers:?}");
    assert_eq!((&total["running"], &total["workers"]), (&3.into(), &3.into()));

    signal("-INT", pair.id());
    signal("-KILL", alone.id());
    let pid = alone.id();
    assert_eq!(finish(pair).code, 130);
    finish(alone);
    let (workers, total) = status(&place, "corpus/echo");
    for worker in &workers {
        assert_eq!(worker["state"], if worker["pid"] == pid { "killed" } else { "dismissed" }, "{worker}");
    }
    assert_eq!(total["running"], 0);
    assert!(total["execs"].as_u64() > Some(0));

    let again = place.murphy("fuzz echo --execs 200 --json");
    let (workers, _) = status(&place, "corpus/echo.status");
    assert_eq!((again.code, workers.len()), (0, 4), "those before it stay");
}

#[test]
fn what_is_no_status_is_named_and_skipped() {
    let place = Place::new();
    assert_eq!(place.murphy("fuzz echo --execs 50").code, 0);
    place.write("corpus/echo.status/torn.json", "{\"schema\":\"murphy/wor");
    place.write("corpus/echo.status/foreign.json", "{\"schema\":\"afl/1\"}");
    place.write("corpus/echo.status/notes.txt", "mine");
    let ended = place.murphy("status corpus/echo");
    ended.complains(0, &["skipped corpus/echo.status/torn.json: ", "skipped corpus/echo.status/foreign.json: "]);
    assert!(!ended.err.contains("notes.txt"));
    assert_eq!(status(&place, "corpus/echo").0.len(), 1);
}

#[test]
fn where_no_campaign_was_there_is_no_status() {
    let place = Place::new();
    place.murphy("status nowhere").complains(10, &["nowhere", "nowhere.status"]);
    place.murphy("status").complains(10, &["corpus"]);
}

#[test]
fn what_is_shown_while_a_campaign_runs_is_what_was_asked_for() {
    let place = Place::new();
    let line = |text: &str| text.contains("execs 200 (");
    let plain = place.murphy("fuzz echo --execs 200 --monitor plain");
    assert!(line(&plain.err) && plain.out.is_empty(), "{plain:?}");
    let none = place.murphy("fuzz echo --execs 200 --monitor none");
    assert!(!line(&none.err) && none.out.is_empty() && none.err.contains("200 executions in"), "{none:?}");
    let json = place.murphy("fuzz echo --execs 200 --monitor json");
    assert!(!line(&json.err) && last_status(&json)["execs"] == 200, "{json:?}");
}

#[test]
fn a_campaign_is_stable_only_once_every_state_counts() {
    let ended = Place::new().murphy("fuzz echo --until-stable 300 --execs 60000 --json");
    let execs = last_status(&ended)["execs"].as_u64().expect("a number");
    // So many it takes until they do, if nothing is ever kept, and then 300 more.
    assert!(execs >= 14 * 256 + 300, "{execs}");
    assert!(execs < 60_000, "it ends of itself");
}
