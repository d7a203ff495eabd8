//! `murphy bench --report`: from the rows of trials to what they show.

mod common;

use std::fs;

use common::Place;
use roxmltree::Document;

const HEADER: &str = "bug,target,arm,kind,trial,execs,events,cpu_s,hits,budget,schedule,twin,replays,revision";

/// Thirty trials on each of two bugs: guided finds B1 after 100 to 390 executions and C1 after 1,000 to 3,900; swarm would
/// need 2,000 and 100 on average.
fn sample() -> Vec<String> {
    let mut lines = vec![HEADER.to_string()];
    for trial in 1..=30 {
        for (bug, step) in [("B1", 10), ("C1", 100)] {
            let execs = 10 * step + (trial - 1) * step;
            let (events, cpu) = (execs * 100, f64::from(execs) * 0.001);
            let found = "0123456789abcdef,passes,3/3,0123456789ab";
            lines.push(format!("{bug},raft-kv,guided,trial,{trial},{execs},{events},{cpu},1,10000,{found}"));
            let (execs, events, cpu) = (execs * 4, events * 4, cpu * 4.0);
            lines.push(format!("{bug},raft-kv,no-states,trial,{trial},{execs},{events},{cpu},1,20000,{found}"));
        }
    }
    for (bug, hits) in [("B1", 50), ("C1", 1000)] {
        lines.push(format!("{bug},raft-kv,swarm,pool,1,100000,10000000,50,{hits},100000,-,-,-,0123456789ab"));
    }
    lines.push("-,raft-kv,guided,twin,1,1000000,100000000,900,0,1000000,-,-,-,0123456789ab".into());
    lines
}

fn with(lines: &[String]) -> Place {
    let place = Place::new();
    place.write("trials/results.csv", lines.join("\n") + "\n");
    place
}

#[test]
fn a_folder_of_trials_becomes_a_report() {
    let place = with(&sample());
    let ended = place.murphy("bench --report trials");
    assert_eq!(ended.code, 0, "{ended:?}");
    // B1 is shallow and C1 deep, as their target says.
    let lines: Vec<&str> = ended.out.lines().collect();
    let [all, shallow, deep] = lines[..] else { panic!("{ended:?}") };
    assert!(all.starts_with("all: 2 bugs, won 1, tied 0, lost 1;"), "{all}");
    // 1 / 0.0005, cut off at 10,000, over 245 executions; and half of it, since an execution of swarm costs half as much.
    assert!(
        shallow.starts_with("S: 1 bug, won 1,") && shallow.contains("executions 8.11, CPU-seconds 4.05"),
        "{shallow}"
    );
    assert!(deep.starts_with("D: 1 bug, won 0, tied 0, lost 1;") && deep.contains("executions 0.0408,"), "{deep}");
    let report = place.text("trials/report.md");
    for said in [
        "| B1 (raft-kv) | S | 10,000 | 30 of 30 | 240 [",
        "- **C1 (raft-kv)**, depth D: `guided` needs 24.5 times the executions of `swarm`: a loss (p < 0.001).",
        "0 violations in 1,000,000 executions",
        "| raft-kv | `guided` | 1,000,000 | 0 | 3.0e-6 |",
        "| B1 (raft-kv) | `no-states` | 10,000 | 30 of 30 | 4.00 [",
        "All finds count.",
        "Revision: `0123456789ab`.",
        "| guided | trial | 2 | 60 | 1–30 | 10,000 |",
    ] {
        assert!(report.contains(said), "`{said}` is missing in {report}");
    }
    let picture = place.text("trials/report.svg");
    let picture = Document::parse(&picture).expect("well-formed XML");
    let panels = picture.descendants().filter(|node| node.attribute("class") == Some("panel"));
    assert_eq!(panels.count(), 2);
    assert!(place.hidden().is_empty(), "nothing is left of how the files were written");
}

#[test]
fn the_outcome_is_an_object_too() {
    let place = with(&sample());
    let [object] = &place.murphy("bench --report trials --json").json()[..] else { panic!("one object") };
    assert_eq!((&object["schema"], &object["groups"][0]["bugs"]), (&"murphy/bench-report/1".into(), &"all".into()));
    assert_eq!(object["groups"][1]["won"], 1);
    assert!(object["groups"][2]["ratios"]["executions"]["ratio"].as_f64().is_some_and(|ratio| ratio < 0.05));
}

#[test]
fn the_same_rows_give_the_same_report() {
    let place = with(&sample());
    let report = || {
        place.murphy("bench --report trials");
        ["report.md", "report.svg"].map(|name| place.text(&format!("trials/{name}")))
    };
    assert_eq!(report(), report());
}

#[test]
fn a_find_that_does_not_replay_is_listed_and_does_not_count() {
    let mut lines = sample();
    lines[1] = lines[1].replace("3/3", "2/3");
    lines[3] = lines[3].replace("passes", "fails");
    let place = with(&lines);
    place.murphy("bench --report trials");
    let report = place.text("trials/report.md");
    for said in [
        "- `raft-kv+B1`, `guided`, trial 1, after 100 executions, schedule `0123456789abcdef`: it replays 2 of 3 times.",
        "- `raft-kv+C1`, `guided`, trial 1, after 1,000 executions, schedule `0123456789abcdef`: its schedule fails on the twin, too.",
        "| B1 (raft-kv) | S | 10,000 | 29 of 30 |",
        "1 of 30 trials of `guided` did not find it",
    ] {
        assert!(report.contains(said), "`{said}` is missing in {report}");
    }
    assert!(!report.contains("All finds count."));
}

#[test]
fn what_a_killed_bench_left_half_written_is_left_out_and_said() {
    let place = with(&sample());
    place.murphy("bench --report trials");
    let whole = place.text("trials/report.md");
    place.write("trials/results.csv", sample().join("\n") + "\nB1,raft-kv,gui");
    let ended = place.murphy("bench --report trials");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("is left out: `B1,raft-kv,gui`"), "{ended:?}");
    let torn = place.text("trials/report.md");
    let said: Vec<&str> = torn.lines().filter(|line| !whole.contains(line)).collect();
    assert!(said.len() == 1 && said[0].starts_with("The last line of the file has no end"), "{said:?}");
}

#[test]
fn no_trials_and_bad_ones_are_errors_with_a_place() {
    let place = Place::new();
    place.murphy("bench --report trials").complains(10, &["cannot read trials/results.csv"]);
    place.write("trials/results.csv", "");
    place.murphy("bench --report trials").complains(10, &["trials/results.csv: found no row, expected trials"]);
    place.write("trials/results.csv", format!("{HEADER}\n"));
    place.murphy("bench --report trials").complains(10, &["found no row"]);
    let mut lines = sample();
    lines[1] = lines[1].replace(",trial,", ",trail,");
    place.write("trials/results.csv", lines.join("\n") + "\n");
    let words = ["trials/results.csv:2:19: kind: found `trail`, expected `trial`, `pool` or `twin`"];
    place.murphy("bench --report trials").complains(2, &words);
    assert!(fs::metadata(place.path("trials/report.md")).is_err());
    place.murphy("bench --report trials --list").complains(2, &["cannot be used with"]);
}
