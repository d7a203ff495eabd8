//! What `export` writes is read back by the rules of each form.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{common::Place, planted};

/// A finding in another form, on standard output.
#[track_caller]
fn exported(form: &str, name: &str) -> String {
    let ended = Place::new().murphy(&format!("export {} --to {form}", planted(name)));
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.out
}

#[test]
fn our_own_checker_reads_the_history_and_finds_the_same() {
    for (form, name) in [("edn", "h.edn"), ("jsonl", "h.jsonl")] {
        let place = Place::new();
        place.write(name, exported(form, "raft-kv-b1"));
        let ended = place.murphy(&format!("check {name} --model cas-register"));
        assert_eq!(ended.code, 1, "{form}: {ended:?}");
        assert!(ended.out.contains("invalid"), "{ended:?}");
    }
}

/// Flows begin before they end, in slices of their threads, and every thread has a name.
#[test]
fn a_chrome_trace_is_whole() {
    let events: Vec<Value> = serde_json::from_str(&exported("chrome-trace", "raft-kv-b1")).expect("JSON");
    let of = |phase: &str| events.iter().filter(move |event| event["ph"] == phase).collect::<Vec<_>>();
    let named: BTreeSet<u64> = of("M").iter().filter_map(|event| event["tid"].as_u64()).collect();
    assert!(events.iter().all(|event| event["tid"].as_u64().is_some_and(|thread| named.contains(&thread))));
    let names: BTreeSet<&str> = of("M").iter().filter_map(|event| event["args"]["name"].as_str()).collect();
    assert!(["n1", "n2", "n3", "p0"].iter().all(|name| names.contains(name)), "{names:?}");
    let begun: BTreeMap<u64, f64> = of("s")
        .iter()
        .map(|flow| (flow["id"].as_u64().expect("an id"), flow["ts"].as_f64().expect("a time")))
        .collect();
    let ended = of("f");
    assert!(ended.len() > 20, "{} messages arrive", ended.len());
    for flow in &ended {
        let id = flow["id"].as_u64().expect("an id");
        assert!(begun.get(&id).is_some_and(|begun| *begun <= flow["ts"].as_f64().expect("a time")), "{flow}");
    }
    let slices: BTreeSet<(u64, String)> =
        of("X").iter().map(|slice| (slice["tid"].as_u64().expect("a thread"), slice["ts"].to_string())).collect();
    for flow in of("s").iter().chain(&ended) {
        assert!(slices.contains(&(flow["tid"].as_u64().expect("a thread"), flow["ts"].to_string())), "{flow}");
    }
    assert!(of("X").iter().all(|slice| slice["dur"].as_f64() >= Some(0.0)));
}

/// Each host counts its own events one by one, never forgets what it knew, and knows of no event that has not happened.
#[test]
fn the_clocks_of_shiviz_are_vector_clocks() {
    let log = exported("shiviz", "raft-kv-b1");
    let mut lines = log.lines();
    let expression = lines.next().expect("a first line");
    assert!(["(?<event>", "(?<host>", "(?<clock>"].iter().all(|group| expression.contains(group)), "{expression}");
    assert_eq!(lines.next(), Some(""), "one execution");
    let mut known: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut learnt = 0;
    while let (Some(event), Some(line)) = (lines.next(), lines.next()) {
        assert!(event.contains(" ms "), "{event}");
        let (host, clock) = line.split_once(' ').expect("a host and a clock");
        let clock: BTreeMap<String, u64> = serde_json::from_str(clock).expect("JSON");
        let before = known.get(host).cloned().unwrap_or_default();
        assert_eq!(clock[host], before.get(host).copied().unwrap_or_default() + 1, "{line}");
        assert!(before.iter().all(|(other, events)| clock[other] >= *events), "{line}");
        for (other, events) in clock.iter().filter(|(other, _)| *other != host) {
            assert!(known.get(other).is_some_and(|known| known[other] >= *events), "{line}");
        }
        learnt += usize::from(event.contains(" ← ") && clock.len() > before.len());
        known.insert(host.to_string(), clock);
    }
    assert!(learnt >= 3, "messages carry what their senders knew");
    assert_eq!(known["n1"].keys().filter(|host| host.starts_with('n')).count(), 3);
}

#[test]
fn a_graph_declares_its_nodes_and_closes_its_braces() {
    let graph = exported("dot", "raft-kv-b1");
    assert!(graph.starts_with("digraph "), "{graph}");
    let outside_labels = graph.lines().map(|line| line.split('"').step_by(2).collect::<String>());
    let outside_labels: String = outside_labels.collect();
    assert_eq!(outside_labels.matches('{').count(), outside_labels.matches('}').count());
    let declared: BTreeSet<&str> = graph
        .lines()
        .filter(|line| line.contains("[label="))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let arrows: Vec<Vec<&str>> = graph
        .lines()
        .filter(|line| line.contains(" -> ") && !line.contains("[label="))
        .map(|line| line.trim().split(" [").next().unwrap_or_default().trim_end_matches(';').split(" -> ").collect())
        .collect();
    assert!(arrows.len() > 20 && arrows.iter().flatten().all(|end| declared.contains(end)), "{graph}");
    let number = |end: &str| end[1..].parse::<u64>().expect("a number");
    assert!(arrows.iter().all(|ends| number(ends[0]) < number(ends[1])), "what happened before comes before");
    assert!(graph.contains("color=blue"), "messages arrive");
}

#[test]
fn mermaid_is_what_show_draws() {
    let shown = Place::new().murphy(&format!("show {} --as mermaid", planted("raft-kv-b1"))).out;
    assert_eq!(exported("mermaid", "raft-kv-b1").trim_end(), shown.trim_end());
}

#[test]
fn a_store_is_as_jepsen_leaves_it() {
    let place = Place::new();
    let export = format!("export {} --to jepsen-store", planted("raft-kv-b1"));
    let ended = place.murphy(&export);
    assert_eq!((ended.code, ended.out.as_str()), (0, "store/raft-kv+B1/19700101T000000.000Z\n"), "{ended:?}");
    let read = |name: &str| place.text(&format!("store/raft-kv+B1/19700101T000000.000Z/{name}"));
    assert!(read("results.edn").starts_with("{:valid? false,"));
    assert!(read("results.edn").contains(":anomaly-types [:stale-read]"), "{}", read("results.edn"));
    assert_eq!(read("history.txt").lines().count(), read("history.edn").lines().count());
    assert!(read("history.txt").lines().all(|line| line.split('\t').count() == 4));
    let operations = read("history.txt").matches(":invoke").count();
    assert_eq!(read("timeline.html").matches("<div class=\"op ").count(), operations);
    let plot = |name: &str, tag: &str, class: &str| {
        let text = read(name);
        let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let is = |node: &roxmltree::Node<'_, '_>| {
            node.has_tag_name(tag) && node.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class))
        };
        document.descendants().filter(is).count()
    };
    let ended = |how: &str| read("history.txt").matches(how).count();
    for (how, class) in [(":ok", "ok"), (":fail", "fail"), (":info", "info")] {
        assert_eq!(plot("latency-raw.svg", "circle", class), ended(how), "{class}");
        assert_eq!(plot("rate.svg", "path", class), usize::from(ended(how) > 0), "{class}");
    }
    assert!(plot("latency-raw.svg", "rect", "fault") > 0, "the faults are behind");
    assert!(read("n2/node.log").lines().all(|line| line.contains(" ms  n2 ")), "its own events");
    assert!(read("n2/node.log").lines().count() > 10);
    assert_eq!(read("history.edn"), exported("edn", "raft-kv-b1"));
    place.murphy(&export).complains(10, &["19700101T000000.000Z is there already", "--force"]);
    place.write("store/raft-kv+B1/19700101T000000.000Z/other", "");
    assert_eq!(place.murphy(&format!("{export} --force")).code, 0);
    assert!(!place.path("store/raft-kv+B1/19700101T000000.000Z/other").exists(), "it is a new folder");
    assert_eq!(place.hidden(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_archive_has_what_is_to_be_kept() {
    let place = Place::new();
    let folder = place.with_finding();
    let variant = format!("crashes/{folder}/variants/abcdef.murphy");
    place.write(&variant, "# pause(-)\nmurphy 1\ntarget echo\n");
    let ended = place.murphy("export latest --to zip -o finding.zip");
    assert_eq!(ended.code, 0, "{ended:?}");
    let archive = place.read("finding.zip");
    // Stored as they are, so that their names and contents can be seen.
    let contains = |bytes: &[u8]| archive.windows(bytes.len()).any(|window| window == bytes);
    assert!(archive.starts_with(b"PK"));
    for name in ["schedule.murphy", "input.bin", "meta.json", "verdict.json", "explain.txt", "README.md"] {
        assert!(contains(format!("{folder}/{name}").as_bytes()), "{name}");
        assert!(contains(&place.read(&format!("crashes/{folder}/{name}"))), "{name}");
    }
    assert!(contains(format!("{folder}/variants/abcdef.murphy").as_bytes()) && contains(&place.read(&variant)));
    assert!(!contains(b"trace.jsonl"));
    place.murphy("export latest --to zip -o finding.zip").complains(10, &["finding.zip", "--force"]);
    let other = Place::new().murphy(&format!("export {} --to zip", planted("raft-kv-b1")));
    other.complains(2, &["no folder of a finding"]);
}

#[test]
fn what_breaks_nothing_is_not_exported() {
    let place = Place::new();
    place.write("calm.murphy", "murphy 1\ntarget echo\nseed 0x1\nnodes 2, clients 1, keys 1, ops 4\n");
    let ended = place.murphy("export calm.murphy --to dot -o calm.dot");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("no violation") && !place.path("calm.dot").exists(), "{ended:?}");
}
