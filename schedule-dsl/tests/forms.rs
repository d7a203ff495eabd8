//! TOML, YAML, JSON and scripts: they say everything that the text says, and their mistakes are pointed at.

mod common;

use common::{raft, same, schedules};
use murphy_schedule::{
    Again, Diagnostic, Dice, Document, Fault, FaultKind, Lasts, Schedule, Step, Vocabulary, When, forms, lint,
    tree::Form,
};

#[track_caller]
fn read(form: Form, text: &str) -> Document {
    forms::parse(form, text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"))
}

/// The steps of a document as they are printed, each with single spaces.
fn steps(document: &Document) -> Vec<String> {
    let text = document.to_string();
    let lines = text.split_once("\n\n").map_or("", |(_, steps)| steps).lines();
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// A YAML text means these steps.
#[track_caller]
fn check(yaml: &str, expected: &[&str]) {
    let document = read(Form::Yaml, yaml);
    assert_eq!(steps(&document), expected, "{yaml}");
    same(&Document::parse(&document.to_string()).expect("printed").schedule, &document.schedule, yaml);
}

/// An entry of a YAML file in the words of other tools means these steps.
#[track_caller]
fn check_entry(entry: &str, expected: &[&str]) {
    check(&format!("groups: {{backends: [node1, node2]}}\nfaults:\n- {entry}\n"), expected);
}

fn errors(form: Form, text: &str) -> Vec<String> {
    let found = forms::parse(form, text).expect_err("the text is wrong");
    for error in &found {
        let before = &text[..error.span.start];
        assert_eq!(error.line as usize, before.matches('\n').count() + 1, "{error:?}");
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        assert_eq!(error.column as usize, column, "{error:?}");
        assert!(text.get(error.span.clone()).is_some(), "{error:?}");
    }
    found.iter().map(Diagnostic::to_string).map(|text| text.replacen("line ", "", 1)).collect()
}

#[track_caller]
fn check_errors(form: Form, text: &str, expected: &[&str]) {
    assert_eq!(errors(form, text), expected, "{text}");
}

#[test]
fn every_fault_survives_every_form() {
    let vocabulary = raft();
    for kind in FaultKind::ALL {
        let mut dice = Dice::new(kind.tag().into());
        for _ in 0..50 {
            let fault = Fault::random(*kind, &vocabulary, &mut dice);
            let step = Step { when: When::At(0), fault, lasts: Lasts::Healed, id: 0, again: Again::NEVER };
            let schedule = Schedule { steps: vec![step], ..Schedule::default() };
            for form in Form::ALL {
                let text = forms::print(form, &Document::new("any", schedule.clone(), &vocabulary));
                assert!(text.contains(kind.keyword()), "{text}");
                same(&read(form, &text).schedule, &schedule, &text);
            }
        }
    }
}

#[test]
fn every_schedule_survives_every_form() {
    for schedule in schedules(2_000) {
        let spelled = Document::new("raft-kv+B1", schedule, &raft());
        for form in Form::ALL {
            let text = forms::print(form, &spelled);
            let again = read(form, &text);
            same(&again.schedule, &spelled.schedule, &text);
            assert_eq!(again.target, spelled.target);
            assert_eq!(forms::print(form, &again), text);
        }
        let bare = Document::new("any", spelled.schedule, &Vocabulary::default());
        same(&read(Form::Yaml, &forms::print(Form::Yaml, &bare)).schedule, &bare.schedule, "with hashes");
    }
}

#[test]
fn faults_of_the_network_in_other_words() {
    check_entry(
        "{type: network_delay, target: {source_node: node1, destination_node: node3}, delay: {distribution: normal, mean: 200ms, std_dev: 50ms}}",
        &["at 0s delay n1->n3 normal 200ms dev 50ms"],
    );
    check_entry(
        "{type: network_delay, target: node1, delay: 100ms, duration: 5s, timing: {at: 2s}}",
        &["at 2s delay n1->all 100ms for 5s"],
    );
    check_entry(
        "{type: network_delay, target: all, delay: {distribution: exponential, mean: 10ms}}",
        &["at 0s delay exponential 10ms"],
    );
    check_entry(
        "{type: network_delay, nodes: [node1, node2], delay: {distribution: uniform, min: 1ms, max: 11ms}, direction: in}",
        &["at 0s delay all->{n1,n2} uniform 1ms to 11ms"],
    );
    check_entry(
        "{type: network_delay, delay: {time: 100ms, jitter: 10ms, correlation: 0.25}}",
        &["at 0s delay uniform 90ms to 110ms correlation 25%"],
    );
    check_entry(
        "{type: network_delay, delay: {distribution: log_normal, median: 100ms, std_dev: 40ms}}",
        &["at 0s delay log-normal 100ms dev 40ms"],
    );
    check_entry(
        "{type: network_delay, delay: {distribution: pareto, min: 10ms, mean: 30ms}}",
        &["at 0s delay pareto 10ms mean 30ms"],
    );
    check_entry(
        "{type: network_delay, delay: {distribution: bimodal, usual: 1ms, other: 300ms, probability: 0.001}}",
        &["at 0s delay bimodal 1ms or 300ms share 0.1%"],
    );
    check_entry(
        "{type: network_delay, delay: 50ms, rules: [{source_node: node1, delay: 1s}, {packet_type: AppendEntries, delay: 2s}]}",
        &["at 0s delay n1->all 1s rule 1", "at 0s delay of AppendEntries 2s rule 2", "at 0s delay 50ms"],
    );
    check_entry(
        "{type: network_delay, delay: 50ms, rules: [{source_node: node1}, {message_type: Vote}]}",
        &["at 0s delay n1->all 50ms rule 1", "at 0s delay of Vote 50ms rule 2"],
    );
    check_entry(
        "{type: packet_loss, probability: 0.1, rules: [{source_ip: 10.0.0.5}, {packet_type: UDP}]}",
        &["at 0s loss n5->all rule 1", "at 0s loss of UDP rule 2", "at 0s loss 10%"],
    );
    check_entry(
        "{type: packet_loss, default_probability: 0.01, rules: [{source_node: node1, destination_node: node2, probability: 0.5}], duration: 10s}",
        &["at 0s loss n1->n2 50% rule 1 for 10s", "at 0s loss 1% for 10s"],
    );
    check_entry("{type: packet_loss, target: node2}", &["at 0s loss n2->all"]);
    check_entry("{type: packet_loss, enabled: false, probability: 0.5}", &[]);
    check_entry("{type: packet_loss, enabled: true, probability: 30%}", &["at 0s loss 30%"]);
    check_entry(
        "{type: message_reordering, buffer_size: 16, reordering_window: 200ms, strategy: bounded_delay, priority: logical_clock, release_trigger: count_based}",
        &["at 0s reorder by bounded order logical buffer 16 window 200ms release full"],
    );
    check_entry("{type: reorder, target: node1, strategy: random, probability: 0.5}", &["at 0s reorder n1->all 50%"]);
    check_entry(
        "{type: corruption, probability: 0.001, min_bits: 1, max_bits: 4, cool_down: 100ms}",
        &["at 0s corrupt 0.1% max 4 cooldown 100ms"],
    );
    check_entry("{type: duplicate, probability: 0.2, delay: 10ms}", &["at 0s duplicate 20%"]);
    check_entry("{type: bandwidth, target: node1, rate: 1mbit}", &["at 0s bandwidth n1->all 125kB"]);
    check_entry(
        "{type: network_delay, target: node1, delay: 1s, timing: {after: 1s, every: 10s, times: 3}}",
        &["at 1s delay n1->all 1s again 2 times every 10s"],
    );
    check_entry(
        "{type: network_delay, target: {group: backends}, delay: 100ms, correlation: 0.25}",
        &["at 0s delay group backends->all 100ms correlation 25%"],
    );
    check_entry(
        "{type: message_loss, target: {destination_node: node2}, message_type: Vote, probability: 0.25}",
        &["at 0s loss all->n2 of Vote 25%"],
    );
    check_entry(
        "{type: network_delay, target: node1, delay: 10ms, timing: {every: 1s, times: 4, random: true}, duration: 100ms}",
        &["at 0s delay n1->all 10ms for 100ms again 3 times every about 1s"],
    );
}

#[test]
fn everything_that_happens_to_packets_at_once() {
    check_entry(
        "{type: packet, target: node1, delay: {time: 100ms, jitter: 10ms, distribution: normal}, loss: {percent: 10, correlation: 0.25}, rate: 1mbit}",
        &[
            "at 0s delay n1->all normal 100ms dev 10ms",
            "at 0s loss n1->all 10% correlation 25%",
            "at 0s bandwidth n1->all 125kB",
        ],
    );
    check_entry(
        "{type: packet, delay: {time: 50ms, jitter: 10ms, distribution: uniform}}",
        &["at 0s delay uniform 40ms to 60ms"],
    );
    check_entry("{type: bitflip, target: node1, file: wal, probability: 0.01}", &["at 0s miswrite n1 in wal 1%"]);
    check_entry(
        "{type: truncate, target: node1, file: sst, drop: 64}",
        &["at 0s damage n1 in sst by truncate amount 64"],
    );
}

#[test]
fn partitions_in_other_words() {
    check_entry(
        "{type: network_partition, groups: [[node1, node2, node3], [node4, node5]], duration: 5s}",
        &["at 0s partition {n1,n2,n3} | {n4,n5} for 5s"],
    );
    check_entry("{type: partition, target: halves}", &["at 0s partition halves"]);
    check_entry("{type: partition, shape: majorities_ring}", &["at 0s partition ring"]);
    check_entry(
        "{type: partition, target: minority_third, name: split}",
        &["split: at 0s partition minority-third | rest"],
    );
    check_entry("{type: partition, target: leader, direction: send_only}", &["at 0s block leader->all"]);
    check_entry(
        "{type: partition, target: {source_node: node1, destination_node: node2}, bidirectional: false}",
        &["at 0s block n1->n2"],
    );
    check_entry(
        "{type: partition, target: {source_node: node1, destination_node: node2}}",
        &["at 0s partition n1 | n2"],
    );
    check_entry(
        "{type: partition, name: split, groups: [[node1], [node2, node3]], activate: 1s, deactivate: [3s, 5s], modify: {at: 2s, add_nodes: [node2], remove_nodes: [node1]}}",
        &[
            "split: on call partition n1 | {n2,n3}",
            "at 1s activate split",
            "at 3s deactivate split",
            "at 5s deactivate split",
            "at 2s modify split add n2 remove n1",
        ],
    );
    check_entry("{type: partition, target: node3}", &["at 0s partition n3 | rest"]);
    check_entry("{type: partition, target: bridge}", &["at 0s partition bridge"]);
    check_entry("{type: partition, groups: [{group: backends}, [node3]]}", &["at 0s partition group backends | n3"]);
    check_entry(
        "{type: partition, target: [[node1], [node2, node3]], active: false}",
        &["on call partition n1 | {n2,n3}"],
    );
}

#[test]
fn faults_of_nodes_and_clocks_in_other_words() {
    check_entry(
        "{type: node_crash, target: node2, crash_type: abrupt, restart_delay: 10s}",
        &["at 0s crash n2, restart after 10s"],
    );
    check_entry(
        "{type: node_crash, target: node2, crash_type: graceful, drain_time: 200ms}",
        &["at 0s stop n2 drain 200ms"],
    );
    check_entry("{type: node_crash, target: node2, crash_type: SIGTERM}", &["at 0s stop n2"]);
    check_entry("{type: node_crash, target: node2, signal: SIGKILL, cold_start: true}", &["at 0s crash n2 wiped"]);
    check_entry(
        "{type: node_crash, target: {group: backends}, timing: {on_event: NetworkPartition}}",
        &["after fault partition begins #1 crash group backends"],
    );
    check_entry(
        "{type: node_crash, target: leader, timing: {on_event: DatabaseFailure, delay: 1s}}",
        &["after mark \"DatabaseFailure\" #1 +1s crash leader"],
    );
    check_entry("{type: node_crash, target: node1, timing: {immediate: true}}", &["at 0s crash n1"]);
    check_entry("{type: schedule_crash, node: node3, at: 30s}", &["at 30s crash n3"]);
    check_entry("{type: restart_node, target: node3, after: 5s}", &["at 5s restart n3"]);
    check_entry("{type: restart_node, target: node3, cold_start: true}", &["at 0s restart n3 cold"]);
    check_entry(
        "{type: auto_restart_nodes, target: {group: backends}, delay: 2s}",
        &["at 0s auto-restart group backends delay 2s"],
    );
    check_entry("{type: pause, target: node1, timing: {after: 1s}}", &["at 1s pause n1"]);
    check_entry("{type: clock_skew, target: node1, offset: -5s}", &["at 0s clock n1 behind 5s"]);
    check_entry(
        "{type: clock_skew, target: node1, skew: 200ms, drift_rate: 1.001}",
        &["at 0s clock n1 ahead 200ms rate 1.001"],
    );
    check_entry("{type: clock_bump, target: node1, delta: +2s}", &["at 0s bump n1 ahead 2s"]);
    check_entry("{type: clock_drift, max_drift: 250ms}", &["at 0s drift all within 250ms"]);
    check_entry(
        "{type: clock_strobe, target: node1, offset: 200ms, period: 10ms}",
        &["at 0s strobe n1 ahead 200ms period 10ms"],
    );
    check_entry("{type: crash, victims: n1, at: 1s, restart_after: 10s}", &["at 1s crash n1, restart after 10s"]);
    check_entry("{type: auto_restart_nodes, delay: 2s, enabled: false}", &[]);
    check_entry("{type: node_crash, target: [node1, node3], disk_fate: torn_write}", &["at 0s crash {n1,n3} torn"]);
    check_entry("{type: node_crash, target: random}", &["at 0s crash one"]);
    check_entry(
        "{type: node_crash, target: node1, label: first, comment: the first one}",
        &["# the first one", "first: at 0s crash n1"],
    );
    check_entry(
        "{type: node_crash, target: node1, timing: {on_event: {type: NodeCrash, nth: 2}}}",
        &["after fault crash begins #2 crash n1"],
    );
    check_entry(
        "{type: node_crash, target: node1, timing: {on_event: partition_healed}}",
        &["after fault partition ends #1 crash n1"],
    );
}

#[test]
fn faults_of_disks_and_resources_in_other_words() {
    check_entry(
        "{type: resource_pressure, node: node1, cpu_utilization: 0.8, memory: {target_usage: 0.9}}",
        &["at 0s cpu n1 use 80%", "at 0s memory n1 use 90%"],
    );
    check_entry("{type: resource_pressure, resource: CPU, utilization: 0.5, target: node2}", &["at 0s cpu n2 use 50%"]);
    check_entry("{type: resource_pressure, resource: memory, limit: 64 MB}", &["at 0s memory all limit 64MB"]);
    check_entry(
        "{type: resource_pressure, node: node1, io: {throughput: 1MB/s, latency: 10ms}}",
        &["at 0s disk-throttle n1 1MB", "at 0s disk-delay n1 takes 10ms"],
    );
    check_entry("{type: memory_leak, target: node1, rate: 1MB/s}", &["at 0s leak n1 1MB"]);
    check_entry(
        "{type: disk_io, disks: [data1, data2], read_failure_probability: 0.01, write_failure_probability: 0.02}",
        &[
            "at 0s disk-error all in disk data1 on read 1%",
            "at 0s disk-error all in disk data1 on write 2%",
            "at 0s disk-error all in disk data2 on read 1%",
            "at 0s disk-error all in disk data2 on write 2%",
        ],
    );
    check_entry(
        "{type: disk_io, write_failure_probability: 0.1, error_code: ENOSPC, target: node1}",
        &["at 0s disk-error n1 on write error ENOSPC 10%"],
    );
    check_entry(
        "{type: disk_delay, target: node1, delay: {distribution: exponential, mean: 20ms}, operation: writes}",
        &["at 0s disk-delay n1 on write takes exponential 20ms"],
    );
    check_entry("{type: disk_full, target: node1, free_space: 4KB}", &["at 0s disk-full n1 free 4kB"]);
    check_entry(
        "{type: wal_corruption, target: {node: node1, record: last, field: term}, corruption_type: invalid_value}",
        &["at 0s damage n1 in field term of last record of wal by value"],
    );
    check_entry(
        "{type: storage_corruption, target: {node: node1, KeyValue: {store: kv, key: 3}}, corruption_type: checksum_modification}",
        &["at 0s damage n1 in key 3 of kv by checksum"],
    );
    check_entry(
        "{type: storage_corruption, target: {node: node1, file: sst, byte_range: [100, 120]}, corruption_type: zero}",
        &["at 0s damage n1 in bytes 100 to 120 of sst by zero"],
    );
    check_entry(
        "{type: storage_corruption, target: {node: node1, file: manifest, block: 7}, probability: 0.01}",
        &["at 0s miswrite n1 in block 7 of manifest 1%"],
    );
    check_entry(
        "{type: storage_corruption, target: {node: node1, block_device: sda1}}",
        &["at 0s damage n1 in disk sda1"],
    );
    check_entry("{type: rocksdb_sstable_corruption, target: node1}", &["at 0s damage n1 in sst"]);
    check_entry(
        "{type: wal_segment_deletion, target: {node: node1, segment: 2}}",
        &["at 0s damage n1 in segment 2 of wal by delete"],
    );
    check_entry("{type: wal_segment_duplication, target: node1}", &["at 0s damage n1 in segment of wal by repeat"]);
    check_entry("{type: wal_unavailable, target: node1, duration: 5s}", &["at 0s disk-error n1 in wal for 5s"]);
    check_entry(
        "{type: delayed_wal_writes, target: node1, delay: 50ms}",
        &["at 0s disk-delay n1 in wal on write takes 50ms"],
    );
    check_entry(
        "{type: disk_io, target: node1, read_delay: 5ms, sync_failure_probability: 0.5}",
        &["at 0s disk-delay n1 on read takes 5ms", "at 0s disk-error n1 on sync 50%"],
    );
    check_entry("{type: sync_failure, target: node1, probability: 0.1}", &["at 0s disk-error n1 on sync 10%"]);
    check_entry("{type: phantom_write, target: {node: node1, file: wal}}", &["at 0s miswrite n1 in wal by phantom"]);
    check_entry("{type: io_pressure, target: node1, throughput_limit: 1MB}", &["at 0s disk-throttle n1 1MB"]);
    check_entry("{type: memory_pressure, target: node1, limit_mb: 64}", &["at 0s memory n1 limit 64MB"]);
    check_entry("{type: cpu_stress, target: all, load: 80%, cores: 4}", &["at 0s cpu all use 80% threads 4"]);
}

const MADJEP_TOML: &str = r#"[faults]

[faults.network_delay_1]
type = "network_delay"
target = { source_node = "node1", destination_node = "node3" }
delay = { distribution = "normal", mean = "200ms", std_dev = "50ms" }

[faults.node_crash]
type = "node_crash"
target = "node2"
timing = { after = "30s" }
"#;

const MADJEP_YAML: &str = r#"faults:
  - type: network_delay
    target: { source_node: "node1", destination_node: "node3" }
    delay:
      distribution: "normal"
      mean: "200ms"
      std_dev: "50ms"
  - type: packet_loss
    probability: 0.1
    rules:
      - source_ip: "10.0.0.5"
      - packet_type: "UDP"
  - type: node_crash
    target: "node2"
    crash_type: "abrupt"
    restart_delay: "10s"
"#;

const MADJEP_BROKEN: &str = r#"faults:
  - type: network_delay
    target: { source_node = "node1", destination_node = "node3" }
    delay:
      distribution: "normal"
      mean: "200ms"
      std_dev: "50ms"
"#;

#[test]
fn the_samples_of_madjep_are_read_as_they_are() {
    assert_eq!(
        steps(&read(Form::Toml, MADJEP_TOML)),
        ["network_delay_1: at 0s delay n1->n3 normal 200ms dev 50ms", "node_crash: at 30s crash n2"]
    );
    assert_eq!(
        steps(&read(Form::Yaml, MADJEP_YAML)),
        [
            "at 0s delay n1->n3 normal 200ms dev 50ms",
            "at 0s loss n5->all rule 1",
            "at 0s loss of UDP rule 2",
            "at 0s loss 10%",
            "at 0s crash n2, restart after 10s",
        ]
    );
    check_errors(
        Form::Yaml,
        MADJEP_BROKEN,
        &[
            "3:15: found `source_node = \"node1\"`, expected `:` between key and value; did you mean `source_node: \"node1\"`?",
            "3:38: found `destination_node = \"node3\"`, expected `:` between key and value; did you mean `destination_node: \"node3\"`?",
        ],
    );
}

#[test]
fn a_topology_gives_names_their_numbers() {
    let text = "\
topology:
  kind: client_server
  clients: 3
  nodes:
  - {name: db-east, address: 10.0.0.70, group: data}
  - {name: db-west, ip: 10.0.0.71, group: data}
  - {name: web, group: front, dc: east}
faults:
- {type: node_crash, target: {group: data}}
- {type: network_delay, target: {source_node: web, destination_ip: 10.0.0.71}, delay: 5ms}
- {type: pause, target: web, timing: {after: 1s}}
- {type: resume, target: web, timing: {after: 2s}}
- {type: packet_loss, target: [web, db-east], probability: 0.5}
";
    let document = read(Form::Yaml, text);
    let expected = "\
murphy 1
target any
seed 0x0
nodes 3, clients 3
dc east {n3}
group data {n1,n2}
group front {n3}

          at 0s  crash group data
          at 0s  delay n3->n2 5ms
          at 1s  pause n3 until resume_1 begins
resume_1: at 2s  note
          at 0s  loss {n1,n3}->all 50%
";
    assert_eq!(document.to_string(), expected);
    for (topology, line) in [
        ("{kind: single_dc, nodes: 5}", "nodes 5"),
        ("{kind: client_server, clients: 4, servers: 3}", "nodes 3, clients 4"),
        ("{kind: dcs, count: 3}", "nodes 3"),
    ] {
        let text = read(Form::Yaml, &format!("topology: {topology}\nfaults: []\n")).to_string();
        assert_eq!(text.lines().nth(3), Some(line), "{text}");
        assert_eq!(text.contains("\ndcs 3\n"), topology.contains("dcs"), "{text}");
    }
}

#[test]
fn partitions_with_names_come_and_go() {
    let text = "\
partitions:
  split: {groups: [[node1], [node2, node3]]}
  other: [[node1, node2], [node3]]
events:
- {type: activate_partition, partition: split, at: 3s}
- {type: modify_partition, partition: split, at: 4s, add_nodes: [node2], remove_nodes: [node1]}
- {type: deactivate_partition, name: split, at: 5s}
- {type: node_crash, target: node1, timing: {after_fault: split, delay: 1s}}
faults: []
";
    check(
        text,
        &[
            "split: on call partition n1 | {n2,n3}",
            "other: on call partition {n1,n2} | n3",
            "at 3s activate split",
            "at 4s modify split add n2 remove n1",
            "at 5s deactivate split",
            "after split begins +1s crash n1",
        ],
    );
}

#[test]
fn a_script_calls_faults_by_either_word() {
    let text = r#"
schedule(target="raft-kv", seed="0x5eed", nodes=3, phases={chaos="4s"})
network_delay(nodes=["n1"], delay="100ms")
crash_node("database1")
crash("n1", at="1s", restart_after="10s")
split = partition("leader | rest", after="n1 sync #2", for="1s")
delay("leader->n3", latency="10ms")
deactivate("split", at="2s")
partition("halves")
buggify("small batch", share=0.5)
slow = clock("leader", rate=0.5, at="1.2s", for="2s")
reseed()
"#;
    let document = read(Form::Script, text);
    assert_eq!((document.target.as_str(), document.schedule.header.seed), ("raft-kv", 0x5eed));
    assert_eq!(
        steps(&document),
        [
            "at 0s delay n1->all 100ms",
            "at 0s crash n1",
            "at 1s crash n1, restart after 10s",
            "split: after n1 sync #2 partition leader | rest for 1s",
            "at 0s delay leader->n3 10ms",
            "at 2s deactivate split",
            "at 0s partition halves",
            "at 0s buggify \"small batch\" 50%",
            "slow: at 1.2s clock leader rate 0.5 for 2s",
            "at 0s reseed",
        ]
    );
}

const CANONICAL: &str = "\
murphy: 1
target: raft-kv
seed: 0x5eed
nodes: 3
ops: 0
workload: register
mix: [3, 1]
phases: {chaos: 4s, settle: 3s}
ambient: {jitter: 1ms, loss: 1%, duplication: 1%}
budget: off
dcs: 2
groups: {clusterA: [n1, n2], odd name: [n3]}
latency: {within: 1ms, between: 40ms, dc1 to dc2: 80ms}
resources: {cpu: 50%, memory: 64MB, disk: 1GB}
comment: for you
steps:
- label: slow
  at: 1.2s
  fault: clock
  victims: leader
  rate: 0.5
  for: 2s
  comment: |
    the leader's clock
    runs slow
- {after: slow begins +40ms, fault: partition, sides: [[n1, n2], [n3]], again: 3 times every 10s}
- {before: 'mark \"two leaders\" from slow', fault: pause, victims: group \"odd name\", for: lease*0.98}
- {on: call, fault: crash, victims: [n1, n3], disk: torn, restart_after: 10s}
- {after: n3 becomes leader, fault: delay, of: AppendEntries, latency: normal 200ms dev 50ms, until: slow ends}
";

#[test]
fn a_file_in_our_own_words_says_what_the_text_says() {
    let expected = r#"# for you
murphy 1
target raft-kv
seed 0x5eed
nodes 3, ops 0
workload register
mix 3 1
phases chaos 4s, settle 3s
ambient jitter 1ms, loss 1%, duplication 1%
budget off
dcs 2
group clusterA {n1,n2}
group "odd name" {n3}
latency within 1ms, between 40ms, dc1 to dc2 80ms
resources cpu 50%, memory 64MB, disk 1GB

# the leader's clock
# runs slow
slow: at 1.2s                                        clock leader rate 0.5 for 2s
      after slow begins +40ms                        partition {n1,n2} | n3 again 3 times every 10s
      before mark "two leaders" #1 from slow begins  pause group "odd name" for lease*0.98
      on call                                        crash {n1,n3} torn, restart after 10s
      after n3 becomes leader #1                     delay of AppendEntries normal 200ms dev 50ms until slow ends
"#;
    let document = read(Form::Yaml, CANONICAL);
    assert_eq!(document.to_string(), expected);
    for form in Form::ALL {
        assert_eq!(read(form, &forms::print(form, &document)).to_string(), expected, "{}", form.name());
    }
}

#[test]
fn every_form_has_its_own_look() {
    let document = Document::parse("murphy 1\ntarget raft-kv\nseed 7\nslow: at 1s crash {n1,n2} torn, restart after 2s # twice\nat 2s loss 30% until slow ends\n").expect("valid");
    let toml = "\
murphy = 1
target = \"raft-kv\"
seed = 0x7

[[steps]]
label = \"slow\"
at = \"1s\"
fault = \"crash\"
victims = [\"n1\", \"n2\"]
disk = \"torn\"
restart_after = \"2s\"
comment = \"twice\"

[[steps]]
at = \"2s\"
fault = \"loss\"
share = \"30%\"
until = \"slow ends\"
";
    assert_eq!(forms::print(Form::Toml, &document), toml);
    let script = "\
schedule(murphy=1, target=\"raft-kv\", seed=0x7)
slow = crash(at=\"1s\", victims=[\"n1\", \"n2\"], disk=\"torn\", restart_after=\"2s\", comment=\"twice\")
loss(at=\"2s\", share=\"30%\", until=\"slow ends\")
";
    assert_eq!(forms::print(Form::Script, &document), script);
}

#[test]
fn labels_are_the_ids_that_they_are_in_the_text() {
    for text in [
        "b: at 0s note\ns1: at 0s note\na: after b begins note\nafter a ends pause n1 until s7 ends\n",
        "s4: at 0s note\nx: at 1s note\ns4~: at 1s note\nafter note_x begins note\nnote_x: on call note\n",
        "p: on call partition n1\nat 1s activate s2\nq: at 1s deactivate p\nafter n1 sync #2 from q pause n1\n",
    ] {
        let document = Document::parse(&format!("murphy 1\n{text}")).expect("valid");
        for form in Form::ALL {
            let again = read(form, &forms::print(form, &document));
            same(&again.schedule, &document.schedule, text);
            assert_eq!(again.labels, document.labels);
        }
    }
}

/// A step of a YAML file is refused with this message, from its second character on the fourth line on.
#[track_caller]
fn check_error(step: &str, expected: &str) {
    let (step, timed) = (step.strip_suffix('}').unwrap_or(step), step.ends_with('}'));
    // What says nothing of when it begins begins at once.
    let when = ["at:", "after:", "before:", "on:"].iter().any(|word| step.contains(word));
    let end = if !timed {
        ""
    } else if when {
        "}"
    } else {
        ", at: 0s}"
    };
    check_errors(Form::Yaml, &format!("murphy: 1\n# two\nsteps:\n- {step}{end}\n"), &[expected]);
}

/// The same for an entry in the words of other tools.
#[track_caller]
fn check_entry_error(entry: &str, expected: &str) {
    check_errors(Form::Yaml, &format!("# one\n# two\nfaults:\n- {entry}\n"), &[expected]);
}

#[test]
fn mistakes_in_steps_are_pointed_at() {
    let time = "a duration such as `10ms` (units us, ms, s, m)";
    let node = "a node from `n1` to `n16`";
    check_error(
        "{fault: crush, victims: n1}",
        "4:11: found `crush`, expected a fault such as `crash` (`murphy faults` lists them); did you mean `crash`?",
    );
    check_error("{fault: pause, victims: n1, for: 5}", &format!("4:36: found `5`, expected {time}"));
    check_error("{fault: delay, latency: 200}", &format!("4:27: found `200`, expected {time}"));
    check_error(
        "{fault: delay, latency: normal 200ms, rule: 3}",
        "4:27: found `normal 200ms`, expected `dev` after it",
    );
    check_error("{fault: pause, victims: 'n1 | n2'}", "4:31: found `|`, expected the end of the value");
    check_error("{fault: pause, victims: [n1, leader]}", &format!("4:32: found `leader`, expected {node}"));
    check_error("{fault: pause, victims: [n1, n17]}", &format!("4:32: found `n17`, expected {node}"));
    check_error(
        "{fault: pause, victims: n1, victms: n2}",
        "4:31: found `victms`, expected one of the fields of `pause`: `victims`, `clocks`; did you mean `victims`?",
    );
    check_error(
        "{at: 1s, after: slow begins, fault: note}",
        "4:12: found `after`, expected one of `at`, `after`, `before`, `on`, and `at` is there",
    );
    check_error("{after: slow begins, fault: note}", "4:11: found `slow`, expected the label of a step");
    check_error("{fault: note, for: 1s}", "4:17: found `for`, expected no length, since `note` is over at once");
    check_error(
        "{fault: pause, victims: n1, for: 1s, until: x ends}",
        "4:40: found `until`, expected one length, and `for` is there",
    );
    check_error("{label: n1, fault: note}", "4:11: found `n1`, expected a label that is no node");
    check_error(
        "{label: two words, fault: note}",
        "4:11: found `two words`, expected a label: one word of letters, digits and `_`",
    );
    check_error(
        "{fault: loss, share: 1.5}",
        "4:24: found `1.5`, expected a probability from 0 to 1, or a share such as `10%`",
    );
    check_error("{at: [1s], fault: note}", "4:8: found `[1s]`, expected text such as `1.2s`, not a list");
    check_error("{at: 1s # no\n  , fault: [a]}", "5:12: found `[a]`, expected a fault such as `crash`, not a list");
    check_error(
        "{fault: crash, victims: \"n1\\nat 0s crash n2\"}",
        "4:27: found `\"n1\\nat 0s crash n2\"`, expected the end of the value",
    );
    check_error(
        "{fault: crash, victims: 'n1 # no'}",
        "4:31: found `# no`, expected the end of the value (a comment has a key of its own, `comment`)",
    );
    check_error("7", "4:3: found `7`, expected a step: a map with keys such as `at` and `fault`, not a number");
    check_error("{at: 1s}", "4:3: found `{at: 1s}`, expected a key `fault`, such as `fault: crash`");
    check_error(
        "{fault: disk-stall, victims: n1, calls: snyc}",
        "4:43: found `snyc`, expected `all`, `read`, `write`, `sync`, `metadata`; did you mean `sync`?",
    );
    check_error(
        "{fault: activate}",
        "4:11: found `activate`, expected a key `step` beside `activate`: the label of a step",
    );
    check_error(
        "{fault: partition, sides: [[n1], [n2], [n3], [n4]]}",
        "4:29: found `[[n1], [n2], [n3], [n4]]`, expected two or three sides",
    );
}

#[test]
fn mistakes_in_the_header_are_pointed_at() {
    let check = |line: &str, expected: &str| check_errors(Form::Yaml, &format!("murphy: 1\n{line}\n"), &[expected]);
    check("nodes: 99", "2:8: found `99`, expected a number from 0 to 16");
    check(
        "phases: {caos: 4s}",
        "2:10: found `caos`, expected `chaos`, `active`, `calm`, `heal` or `settle`; did you mean `chaos`?",
    );
    check("phases: {chaos: 4}", "2:17: found `4`, expected a duration such as `10ms` (units us, ms, s, m)");
    check("phases: 4s", "2:9: found `4s`, expected a map such as `{chaos: 4s, settle: 3s}`, not text");
    check("target: two words", "2:13: found `words`, expected the end of the value");
    check("seed: {}", "2:7: found `{}`, expected the value of `seed`, not a map");
    check("steps: 3", "2:8: found `3`, expected a list of steps, not a number");
    check(
        "latency: {east to west: 1ms}",
        "2:11: found `east`, expected `within`, `between`, or a data centre declared above",
    );
    let keys = "`murphy`, `target`, `seed`, `nodes`, `clients`, `keys`, `ops`, `rate`, `workload`, `mix`, `phases`, `ambient`, `budget`, \
                `dcs`, `groups`, `latency`, `resources`, `comment`, `steps`";
    check("tarket: x", &format!("2:1: found `tarket`, expected one of {keys}; did you mean `target`?"));
    check_errors(Form::Yaml, "nodes: 3\n", &["1:1: found `nodes`, expected a key `murphy` with the version, 1"]);
    check_errors(
        Form::Toml,
        "murphy = 2\nblah = 1\n",
        &["1:10: found `2`, expected version 1, which is all that this murphy understands"],
    );
    check_errors(
        Form::Json,
        "[1]",
        &["1:1: found `[1]`, expected a map with keys such as `murphy`, `target` and `steps`, not a list"],
    );
    assert_eq!(errors(Form::Yaml, "").len(), 1);
}

#[test]
fn mistakes_in_other_words_are_pointed_at() {
    check_entry_error(
        "{type: node_crsh, target: node1}",
        "4:10: found `node_crsh`, expected a fault such as `crash` (`murphy faults` lists them); did you mean `node_crash`?",
    );
    check_entry_error(
        "{type: node_crash, target: database}",
        "4:30: found `database`, expected a node whose name ends in its number, a group, a role such as `leader`, or a name that `topology` declares (`nodes: [{name: …}]`)",
    );
    check_entry_error(
        "{type: node_crash, target: node99}",
        "4:30: found `node99`, expected a node from 1 to 16 (names and addresses beyond them are declared in `topology`)",
    );
    check_entry_error(
        "{type: resource_pressure, node: node1, cpu_utilization: 1.5}",
        "4:59: found `1.5`, expected a probability from 0 to 1, or a share such as `10%`",
    );
    check_entry_error(
        "{type: network_delay, target: node1, delay: 100}",
        "4:47: found `100`, expected a duration such as `10ms` (units us, ms, s, m)",
    );
    check_entry_error(
        "{type: network_delay, delay: {distribution: norml, mean: 1s}}",
        "4:47: found `norml`, expected `fixed`, `uniform`, `normal`, `exponential`, `log_normal`, `pareto` or `bimodal`; did you mean `normal`?",
    );
    check_entry_error(
        "{type: network_delay, delay: {distribution: normal, mean: 1s}}",
        "4:47: found `normal`, expected a key `std_dev` beside `normal`",
    );
    check_entry_error(
        "{type: network_delay, delay: {distribution: normal, mean: 1s, std_dev: 50}}",
        "4:74: found `50`, expected a duration such as `10ms` (units us, ms, s, m)",
    );
    check_entry_error(
        "{type: packet_loss, probabilty: 0.1}",
        "4:23: found `probabilty`, expected one of the fields of `loss`: `link`, `kind`, `share`, `correlation`, `each`, `rule`; did you mean `probability`?",
    );
    check_entry_error(
        "{type: node_crash, target: node1, crash_type: SIGFOO}",
        "4:49: found `SIGFOO`, expected `graceful`, `abrupt`, or a signal such as `SIGKILL`",
    );
    check_entry_error(
        "{type: node_crash, target: {source_node: node1}}",
        "4:44: found `node1`, expected nodes, since `crash` strikes no link",
    );
    check_entry_error(
        "{type: node_crash, target: {nod: node1}}",
        "4:31: found `nod`, expected one of the keys of `target`: `node`, `nodes`, `group`, `source_node`, `destination_node`; did you mean `node`?",
    );
    check_entry_error(
        "{type: node_crash, target: node1, timing: {aftr: 3s}}",
        "4:46: found `aftr`, expected one of the keys of `timing`: `after`, `at`, `immediate`, `on_event`, `after_fault`, `delay`, `duration`, `every`, `times`, `until`; did you mean `after`?",
    );
    check_entry_error(
        "{target: node1}",
        "4:3: found `{target: node1}`, expected a key `type`, such as `type: node_crash`",
    );
    check_entry_error(
        "{type: resume, target: node1}",
        "4:26: found `node1`, expected nodes that a `pause` above pauses without a length",
    );
    check_entry_error(
        "{type: wal_corruption, target: {node: node1, segment: 2, record: 3}}",
        "4:48: found `segment`, expected no `segment` beside `record`: a place is one of them",
    );
    check_entry_error(
        "{type: disk_full, disk: sda, file: wal, free: 1kB}",
        "4:27: found `sda`, expected no disk beside a file: a place is one of them",
    );
    check_entry_error(
        "{type: disk_full, disks: [sda, sdb], free: 1kB}",
        "4:28: found `[sda, sdb]`, expected one name, not a list",
    );
    check_entry_error(
        "{type: node_crash, target: node1, enabled: maybe}",
        "4:46: found `maybe`, expected true or false, not text",
    );
    check_entry_error(
        "{type: node_crash, target: node1, timing: {after_fault: nobody}}",
        "4:59: found `nobody`, expected the label of a step",
    );
}

#[test]
fn a_file_has_all_its_mistakes_reported() {
    let text = "\
murphy = 1
nodes = 17
[phases]
chaos = \"15ms\"
[[steps]]
fault = \"crash\"
victims = \"n1 n2\"
at = \"0s\"
[[steps]]
fault = \"dealy\"
[[steps]]
at = \"0s\"
fault = \"loss\"
share = \"lots\"
again = \"often\"
";
    check_errors(
        Form::Toml,
        text,
        &[
            "2:9: found `17`, expected a number from 0 to 16",
            "4:10: found `15ms`, expected a duration in steps of 10ms",
            "7:15: found `n2`, expected the end of the value",
            "10:10: found `dealy`, expected a fault such as `crash` (`murphy faults` lists them); did you mean `delay`?",
            "14:10: found `lots`, expected a share from `0%` to `100%`, in steps of 0.01%",
            "15:10: found `often`, expected a number from 1 to 255",
        ],
    );
}

#[test]
fn no_text_makes_the_readers_panic() {
    let pieces: Vec<&str> = [MADJEP_YAML, CANONICAL, "{nodes: [{name: web, group: a}], kind: dcs, count: 2}\n"]
        .iter()
        .flat_map(|text| text.split_inclusive([' ', '\n']))
        .chain([
            "- ",
            "[",
            "]",
            "{",
            "}",
            "é",
            "\"",
            "~",
            "#",
            "-1",
            "0x",
            "99999999999999999999s ",
            "topology: ",
            "rules: [{}]\n",
        ])
        .collect();
    let mut dice = Dice::new(11);
    for _ in 0..4_000 {
        let mut lines: Vec<&str> =
            [MADJEP_YAML, CANONICAL][dice.below(2) as usize].split_inclusive([' ', '\n']).collect();
        for _ in 0..=dice.below(3) {
            let at = dice.below(lines.len() as u64) as usize;
            lines[at] = dice.pick(&pieces).expect("there are pieces");
        }
        let text = lines.concat();
        match forms::parse(Form::Yaml, &text) {
            Ok(document) => {
                same(&Document::parse(&document.to_string()).expect("printed").schedule, &document.schedule, &text)
            }
            Err(_) => drop(errors(Form::Yaml, &text)),
        }
    }
}

#[test]
fn a_step_says_when_unless_other_words_are_spoken() {
    check_errors(
        Form::Yaml,
        "murphy: 1\nsteps:\n- {fault: crash, victims: n1}\n",
        &["3:11: found `crash`, expected a key `at`, `after`, `before` or `on` beside `crash`, such as `at: 1.2s`"],
    );
    assert_eq!(errors(Form::Yaml, "murphy: 1\nsteps:\n- {fault: crash, victims: n1, aftr: x begins}\n").len(), 1);
    check_entry("{type: crash, target: node1}", &["at 0s crash n1"]);
    assert_eq!(steps(&read(Form::Script, "crash(\"n1\")")), ["at 0s crash n1"]);
    assert_eq!(errors(Form::Script, "schedule(steps=[7])").len(), 1);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let document = Document::parse("murphy 1\nat 1s note\n").expect("valid");
    assert_eq!(Document::parse("\u{feff}murphy 1\nat 1s note\n"), Ok(document.clone()));
    for form in Form::ALL {
        let text = format!("\u{feff}{}", forms::print(form, &document));
        assert_eq!(read(form, &text), document, "{}", form.name());
    }
    let found = Document::parse("\u{feff}murphy 2").expect_err("another version");
    assert_eq!((found[0].column, found[0].span.clone()), (8, 10..11));
    assert_eq!(
        errors(Form::Json, "\u{feff}x")[0],
        "1:2: found `x`, expected a value: text in double quotes, a number, true, false, null, a list or a map"
    );
    assert_eq!(errors(Form::Script, "\u{feff}7")[0], "1:2: found `7`, expected a call, such as `crash(\"n1\")`");
}

#[test]
fn a_key_that_stands_twice_hides_nothing() {
    let once = "found `nodes`, expected `nodes` once (line 2 has it)";
    let much = "expected a number from 0 to 15";
    check_errors(
        Form::Toml,
        "murphy = 1\nnodes = 3\nnodes = 99\nclients = 16\n",
        &[&format!("3:1: {once}"), &format!("4:11: found `16`, {much}")],
    );
    check_errors(
        Form::Yaml,
        "murphy: 1\nnodes: 3\nnodes: 99\nclients: 16\n",
        &[&format!("3:1: {once}"), &format!("4:10: found `16`, {much}")],
    );
    check_errors(
        Form::Json,
        "{\"murphy\": 1,\n\"nodes\": 3,\n\"nodes\": 99,\n\"clients\": 16}\n",
        &["3:1: found `\"nodes\"`, expected `nodes` once (line 2 has it)", &format!("4:12: found `16`, {much}")],
    );
}

#[test]
fn one_wrong_key_does_not_make_its_siblings_unexpected() {
    let node = "expected a node whose name ends in its number";
    for (entry, expected) in [
        ("{type: delay, target: {source_node: x1y, destination_node: node3}, delay: 1s}", node),
        ("{type: delay, source_node: x1y, destination_node: node3, delay: 1s}", node),
        ("{type: delay, delay: {distribution: normal, mean: 5, std_dev: 1s}}", "expected a duration"),
        ("{type: delay, delay: {time: 5, jitter: 1s}}", "expected a duration"),
        ("{type: delay, delay: {min: 5, max: 6s}}", "expected a duration"),
        ("{type: crash, target: node1, timing: {on_event: [x], delay: 1s}}", "expected the name of an event"),
    ] {
        let found = errors(Form::Yaml, &format!("faults:\n- {entry}\n"));
        assert!(found.len() == 1 && found[0].contains(expected), "{entry}: {found:#?}");
    }
}

#[test]
fn a_time_without_its_unit_asks_for_one() {
    for timing in ["timing: {after: '30'}", "timing: {after: 30}", "after: '30'", "after: 30", "timing: '30'"] {
        let found = errors(Form::Yaml, &format!("faults:\n- {{type: node_crash, target: node1, {timing}}}\n"));
        assert!(found.len() == 1 && found[0].contains("expected a duration such as `10ms`"), "{timing}: {found:#?}");
    }
}

#[test]
fn a_file_of_faults_gets_a_chaos_phase_that_its_times_fit_into() {
    let chaos = |text: &str| read(Form::Yaml, text).schedule.header.chaos;
    assert_eq!(read(Form::Toml, MADJEP_TOML).schedule.header.chaos, 3_200);
    for (faults, units) in [
        ("[{type: pause, target: n1, at: 2s}]", 0),
        ("[{type: pause, target: n1, at: 30s, duration: 5005ms}]", 3_501),
        ("[{type: pause, target: n1, timing: {at: 10s, every: 10s, times: 3}, duration: 1s}]", 3_100),
        (
            "[{type: pause, name: a, target: n1, at: 30s, duration: 1s}, {type: crash, target: n1, after: a ends +4s}]",
            3_700,
        ),
        ("[{type: pause, name: a, target: n1, after: b ends}, {type: pause, name: b, target: n1, after: a ends}]", 0),
        ("[{type: pause, target: n1, at: 4000s}]", 65_535),
    ] {
        assert_eq!(chaos(&format!("faults: {faults}\n")), units, "{faults}");
    }
    assert_eq!(chaos("phases: {chaos: 1s}\nfaults: [{type: pause, target: n1, at: 30s}]\n"), 100);
    assert_eq!(chaos("murphy: 1\nsteps: [{fault: pause, victims: n1, at: 30s}]\n"), 0);
    let (vocabulary, document) = (Vocabulary { nodes: (3, 5), ..raft() }, read(Form::Toml, MADJEP_TOML));
    let system = lint::System { vocabulary: &vocabulary, survives_wiped_disks: false };
    assert_eq!(lint::lint(&document, Some(system)), []);
}

#[test]
fn very_many_mistakes_are_counted() {
    let many = 40_000;
    let limit = format!("at most 128 steps ({} more follow this one)", many - 129);
    let yaml = format!("murphy: 1\nsteps:\n{}", "- {at: 1s, fault: note}\n".repeat(many));
    check_errors(Form::Yaml, &yaml, &[&format!("131:3: found `{{at: 1s, fault: note}}`, expected {limit}")]);
    let script = "crash(\"n1\")\n".repeat(many);
    assert!(errors(Form::Script, &script)[0].ends_with(&limit));
    let keys: String = (0..many).map(|at| format!("key_{at}: 1\n")).collect();
    let found = errors(Form::Yaml, &format!("murphy: 1\n{keys}"));
    assert_eq!(found.len(), 100);
    assert!(found[99].contains(&format!("(and {} more mistakes below)", many - 100)), "{}", found[99]);
    let found = errors(Form::Script, &"crash(@)\n".repeat(many));
    assert_eq!(found.len(), 100);
    assert!(found[99].contains(&format!("(and {} more mistakes below)", many - 100)), "{}", found[99]);
    let nodes = "{name: web, group: a}, ".repeat(300);
    assert!(errors(Form::Yaml, &format!("topology: {{nodes: [{nodes}]}}\nfaults: []\n"))[0].contains("0 to 16"));
}
