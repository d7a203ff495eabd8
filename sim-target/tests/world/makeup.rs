//! What a cluster is made of: kinds of process, spares, versions; and how its processes are.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use murphy_sim::{
    About, Boot, Change, Condition, Input, NodeId, Outcome, Property, RegisterOp, Run, Runner, Target, Timer, What,
    Workload,
};

use crate::probe::{Answer, Cx, LOG, Probe, ProbeNode, WIPED, answer, completions, idle, report, run, second, story};

/// Nodes that say how they were started.
fn telling(about: About) -> Probe {
    fn start(_: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        let pds: Vec<NodeId> = boot.members_of("pd").collect();
        let joins = if boot.joins { " joins" } else { "" };
        cx.log(format_args!("{}{} {:?} pd {pds:?}{joins}", boot.kind, boot.version, boot.members));
    }
    Probe { about, start, ..idle() }
}

/// What every node said at its first start.
fn told(outcome: &Outcome) -> Vec<String> {
    let lines = outcome.trace.iter().filter(|event| event.time == 0);
    lines.filter_map(|event| if let What::Log(line) = &event.what { Some(line.clone()) } else { None }).collect()
}

#[track_caller]
fn check_kinds(nodes: u16, expected: &[&str]) {
    let about = idle().about.nodes_of("pd", 1..=3).nodes_of("kv", 2..=4);
    assert_eq!(about.nodes, 3..=7);
    let outcome = run(telling(about), &format!("nodes {nodes}, clients 1, keys 1, ops 0\nphases chaos 100ms"));
    let kinds: Vec<String> = told(&outcome).iter().map(|line| line[..2].to_owned()).collect();
    assert_eq!(kinds, expected, "{nodes} nodes");
}

#[test]
fn nodes_are_numbered_by_kind_and_what_is_more_than_the_fewest_goes_to_the_first_kinds() {
    check_kinds(3, &["pd", "kv", "kv"]);
    check_kinds(4, &["pd", "pd", "kv", "kv"]);
    check_kinds(5, &["pd", "pd", "pd", "kv", "kv"]);
    check_kinds(6, &["pd", "pd", "pd", "kv", "kv", "kv"]);
    check_kinds(7, &["pd", "pd", "pd", "kv", "kv", "kv", "kv"]);
    let about = idle().about.nodes_of("pd", 1..=2).nodes_of("kv", 2..=4);
    let outcome = run(telling(about), "nodes 4, clients 1, keys 1, ops 0\nphases chaos 100ms");
    assert_eq!(told(&outcome)[3], "kv [1, 2, 3, 4] pd [1, 2]");
}

#[test]
fn spares_run_but_are_no_members_until_somebody_adds_them() {
    let spare = || telling(idle().about.spares(2));
    let outcome = second(spare(), "");
    assert_eq!(told(&outcome).len(), 5);
    assert_eq!(told(&outcome)[2..4], [" [1, 2, 3] pd []", " [1, 2, 3] pd [] joins"]);
    // Clients ask members; faults strike spares, too, but quorums are of the members.
    for seed in 0..10 {
        let header = format!("seed {seed}\nnodes 3, clients 4, keys 1, ops 60\nphases chaos 1s, heal 10ms, settle 2s");
        let outcome = run(spare(), &header);
        assert!(!story(&outcome, 4).contains("request") && !story(&outcome, 5).contains("request"));
    }
    let struck = |whom: &str| -> Vec<NodeId> {
        let outcome = second(spare(), &format!("at 100ms pause {whom} for 10ms"));
        (1..=5).filter(|node| story(&outcome, *node).contains("pause")).collect()
    };
    assert_eq!(struck("n5"), [5]);
    assert_eq!(struck("all"), [1, 2, 3, 4, 5]);
    assert_eq!(struck("majority"), [1, 2]);
    assert_eq!(struck("majority from n3"), [1, 3]);
    assert_eq!(struck("minority"), [1]);
    assert_eq!(struck("last-voter"), [3]);
}

#[test]
fn a_spare_can_be_added_and_then_serves() {
    /// The first word of state is who serves: node 4, once it is added.
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match input {
            Input::Request { reply, request: RegisterOp::Write(100, who), .. } => {
                node.state = who;
                cx.reply(reply, Answer::Value(None));
            }
            Input::Request { reply, .. } if node.state > 0 && cx.me() != 4 => {
                cx.redirect(reply, Some(node.state as NodeId));
            }
            other => answer(node, other, cx),
        }
    }
    fn admin(change: Change, nodes: &[NodeId]) -> Option<RegisterOp> {
        (change == Change::Add).then(|| RegisterOp::Write(100, nodes[0].into()))
    }
    let probe = Probe { on, admin, about: idle().about.spares(1), ..idle() };
    let outcome = second(
        probe,
        "at 50ms crash {n2,n3}\nat 100ms invoke read k1 by c1 via n1\nat 200ms admin add n4\nat 300ms invoke read k1 by c1 via n1",
    );
    assert_eq!(completions(&outcome, 2), "ok ok");
    // The operator finds node 1, which alone is a member that runs, or the spare itself.
    assert_eq!(report(&outcome, "admin").effects, 1);
    let asked = |node| story(&outcome, node).matches("request").count();
    assert!(asked(1) >= 2 && (1..=2).contains(&asked(4)) || asked(4) == 0, "{} {}", asked(1), asked(4));
}

#[test]
fn nodes_run_versions_that_are_drawn_and_whoever_is_started_anew_runs_the_newest() {
    let mixed = |survives: bool| {
        let about = idle().about.versions(&["1", "2"]);
        telling(if survives { about.survives(WIPED) } else { about })
    };
    let versions = |seed: u64| -> String {
        let header = format!("seed {seed}\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 100ms");
        told(&run(mixed(false), &header)).iter().map(|line| line[..1].to_owned()).collect()
    };
    let drawn: BTreeSet<String> = (0..60).map(versions).collect();
    assert_eq!(drawn.len(), 8, "every mixture comes up: {drawn:?}");
    let seed = (0..60).find(|seed| versions(*seed) == "112").expect("it comes up");
    let of_one = |steps: &str| {
        let header = format!("seed {seed}\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 1s, heal 10ms, settle 2s");
        let outcome = run(mixed(true), &format!("{header}\n{steps}"));
        let logs = outcome.trace.iter().filter(|event| event.node == Some(1));
        let version = |what: &What| if let What::Log(line) = what { line.chars().next() } else { None };
        logs.filter_map(|event| version(&event.what)).collect::<String>()
    };
    assert_eq!(of_one("at 100ms crash n1, restart after 50ms"), "11");
    assert_eq!(of_one("at 100ms crash n1\nat 200ms restart n1\nat 300ms crash n1, restart after 50ms"), "122");
    assert_eq!(of_one("at 100ms redeploy n1, rejoin after 100ms"), "12");
}

/// A probe that node 1 tells how node 2 ought to be.
struct Watched(Probe);

impl Target for Watched {
    type Node = ProbeNode;

    fn about(&self) -> About {
        self.0.about()
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Cx<'_>) -> ProbeNode {
        self.0.start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<ProbeNode>> {
        self.0.workloads()
    }

    fn properties(&self) -> Vec<Property<ProbeNode>> {
        vec![Property::always("node 2 is as node 1 expects", |cluster| {
            let expected = cluster.up().find(|(id, _)| *id == 1).map_or(0, |(_, node)| node.state);
            match expected {
                1 => cluster.condition(2) == Condition::Up,
                2 => cluster.condition(2) == Condition::Down,
                3 => cluster.condition(2) == Condition::Paused,
                _ => true,
            }
        })]
    }
}

#[test]
fn whether_a_node_is_up_down_or_paused_is_known_at_every_moment() {
    fn start(_: &mut ProbeNode, boot: &Boot<'_>, cx: &mut Cx<'_>) {
        if boot.me == 1 {
            (0..4).for_each(|at| cx.set(Timer(at), Duration::from_millis(95 + 100 * u64::from(at))));
            (10..14).for_each(|at| cx.set(Timer(at), Duration::from_millis(105 + 100 * (u64::from(at) - 10))));
        }
    }
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        match input {
            // Just before a change node 1 expects nothing, just after it the new state.
            Input::Timer(Timer(at)) => node.state = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 3, 1][at as usize],
            other => answer(node, other, cx),
        }
    }
    let verdict = |steps: &str| {
        let watched = Watched(Probe { start, on, ..idle() });
        let text = format!("{}{steps}", crate::probe::SECOND);
        let schedule = crate::probe::schedule(&text);
        Runner::new(Rc::new(watched), BTreeSet::new()).run(&schedule, murphy_sim::Options::SEARCH).verdict.clone()
    };
    let steps = "at 100ms crash n2, restart after 100ms\nat 300ms pause n2 for 100ms";
    assert_eq!(verdict(steps).anomaly(), None);
    for other in ["at 300ms pause n2 for 100ms", "at 100ms crash n2, restart after 100ms", "at 100ms crash n2"] {
        assert!(verdict(other).anomaly().is_some(), "{other}");
    }
}

#[test]
fn a_system_that_cannot_bootstrap_again_after_a_kill_is_found_out() {
    let bootstraps = |again: bool| Probe {
        start: if again {
            |_, _, cx| {
                let found = cx.records(LOG).expect("a sound disk").len();
                assert_eq!(found, 0, "cannot bootstrap: there is a log");
                cx.append(LOG, b"member").expect("a sound disk");
                cx.sync(LOG).expect("a sound disk");
            }
        } else {
            |_, _, cx| {
                if cx.records(LOG).expect("a sound disk").is_empty() {
                    cx.append(LOG, b"member").expect("a sound disk");
                    cx.sync(LOG).expect("a sound disk");
                }
            }
        },
        ..idle()
    };
    let steps = "at 100ms crash n1, restart after 50ms";
    assert!(second(bootstraps(true), steps).verdict.anomaly().is_some());
    assert_eq!(second(bootstraps(false), steps).verdict.anomaly(), None);
}
