//! Rare branches that a schedule switches on.

use std::collections::{BTreeMap, BTreeSet};

use murphy_schedule::FaultKind;
use murphy_sim::{Input, NodeId, Outcome, What, buggify, buggify_with_prob, marks, vocabulary};

use crate::probe::{Cx, MS, Probe, ProbeNode, chatter, chatter_on, idle, report, run, second};

const SMALL: &str = "buggify \"small batch\"";

/// A chatter that passes rare branches every ten milliseconds and says which it takes.
fn rare() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if let Input::Timer(_) = input {
            let taken = [
                (buggify!("small batch"), "small"),
                (buggify!("early flush"), "flush"),
                (buggify_with_prob!("very rare", 0.02), "rare"),
                (buggify!(), "unnamed"),
            ];
            for (_, what) in taken.into_iter().filter(|(taken, _)| *taken) {
                cx.log(format_args!("{what}"));
            }
        }
        chatter_on(node, input, cx);
    }
    Probe { about: idle().about.marks_in(module_path!()), on, ..chatter() }
}

/// At which ticks of ten milliseconds each node took a branch.
fn taken(outcome: &Outcome, what: &str) -> BTreeSet<(NodeId, u64)> {
    let logs = outcome.trace.iter().filter(|event| event.what == What::Log(what.to_owned()));
    logs.filter_map(|event| event.node.map(|node| (node, event.time / (10 * MS)))).collect()
}

fn small(steps: &str) -> BTreeSet<(NodeId, u64)> {
    taken(&second(rare(), steps), "small")
}

fn of(node: NodeId, taken: &BTreeSet<(NodeId, u64)>) -> BTreeSet<u64> {
    taken.iter().filter(|(other, _)| *other == node).map(|(_, tick)| *tick).collect()
}

/// All nodes at these ticks.
fn everywhere(ticks: std::ops::RangeInclusive<u64>) -> BTreeSet<(NodeId, u64)> {
    (1..=3).flat_map(|node| ticks.clone().map(move |tick| (node, tick))).collect()
}

#[test]
fn a_rare_branch_is_never_taken_unless_a_step_says_so() {
    let outcome = second(rare(), "");
    for what in ["small", "flush", "rare", "unnamed"] {
        assert_eq!(taken(&outcome, what), BTreeSet::new());
    }
}

#[test]
fn a_site_that_is_named_is_on_while_the_step_lasts_and_no_other_is() {
    let outcome = second(rare(), &format!("at 105ms {SMALL} 100% for 100ms"));
    assert_eq!(taken(&outcome, "small"), everywhere(11..=20));
    assert_eq!(taken(&outcome, "flush"), BTreeSet::new());
    assert_eq!(taken(&outcome, "unnamed"), BTreeSet::new());
    assert_eq!(report(&outcome, "buggify").effects, 30);
    assert_eq!(report(&outcome, "buggify").struck.first(&["leader", "follower"]).len(), 3);
    let hits = marks::names().iter().position(|name| *name == "small batch").map(|rank| outcome.signals.marks[rank]);
    assert_eq!(hits, Some(30));
}

#[test]
fn a_step_switches_on_again_and_is_undone_by_healing() {
    let again = format!("at 105ms {SMALL} 100% for 10ms again 2 times every 50ms");
    assert_eq!(small(&again), &(&everywhere(11..=11) | &everywhere(16..=16)) | &everywhere(21..=21));
    assert_eq!(small(&format!("at 105ms {SMALL} 100%\nat 205ms heal")), everywhere(11..=20));
    // The chaos phase of a second is the end of it; the timers go on.
    assert_eq!(small(&format!("at 905ms {SMALL} 100%")), everywhere(91..=99));
}

#[test]
fn the_share_is_how_often_a_site_fires() {
    // 297 passes; four standard deviations.
    for (share, from, to) in [("10%", 10, 50), ("50%", 114, 183), ("90%", 247, 288), ("", 45, 104)] {
        let count = small(&format!("at 5ms {SMALL} {share}")).len();
        assert!((from..=to).contains(&count), "{share}: {count}");
    }
    assert_eq!(small(&format!("at 5ms {SMALL} 0%")).len(), 0);
}

#[test]
fn a_site_with_a_probability_of_its_own_fires_that_often_at_the_usual_share() {
    let count = |share: &str| taken(&second(rare(), &format!("at 5ms buggify \"very rare\" {share}")), "rare").len();
    assert!((1..=16).contains(&count("")), "{}", count(""));
    assert!((5..=45).contains(&count("75%")), "{}", count("75%"));
    assert!(count("75%") > 2 * count(""));
    assert_eq!(count("100%"), 297);
}

#[test]
fn a_step_without_a_name_switches_on_the_sites_that_the_seed_chooses() {
    let mut on: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..100 {
        let header =
            format!("seed {seed}\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 300ms, heal 10ms, settle 1s\n");
        let outcome = run(rare(), &format!("{header}at 5ms buggify 100%"));
        for what in ["small", "flush", "rare", "unnamed"] {
            let count = taken(&outcome, what).len();
            assert!(count == 0 || count == 87, "a site is on for all nodes and all the time, or off: {count}");
            *on.entry(what).or_default() += u32::from(count > 0);
        }
    }
    assert_eq!(on.len(), 4);
    assert!(on.values().all(|runs| (10..=42).contains(runs)), "{on:?}");
}

#[test]
fn equal_runs_take_equal_branches_and_a_reseed_changes_those_that_follow() {
    let half = format!("at 5ms {SMALL} 50%");
    let calm = small(&half);
    assert_eq!(calm, small(&half));
    let before =
        |taken: &BTreeSet<(NodeId, u64)>| -> Vec<_> { taken.iter().filter(|at| at.1 <= 50).copied().collect() };
    for (reseed, changed) in [("reseed", vec![1, 2, 3]), ("reseed n2", vec![2]), ("reseed n1->n2", vec![])] {
        let other = small(&format!("{half}\nat 505ms {reseed}"));
        assert_eq!(before(&other), before(&calm), "{reseed}");
        let differ: Vec<NodeId> = (1..=3).filter(|node| of(*node, &calm) != of(*node, &other)).collect();
        assert_eq!(differ, changed, "{reseed}");
    }
    let late = |seed: u64, reseed: &str| {
        let header =
            format!("seed {seed}\nnodes 3, clients 1, keys 1, ops 0\nphases chaos 600ms, heal 10ms, settle 1s\n");
        let outcome = run(rare(), &format!("{header}{reseed}at 505ms buggify 100%"));
        ["small", "flush", "rare", "unnamed"].map(|what| taken(&outcome, what).len())
    };
    let differ = (0..10).filter(|seed| late(*seed, "") != late(*seed, "at 105ms reseed\n")).count();
    assert!(differ >= 3, "other sites are on: {differ} of 10");
}

#[test]
fn another_life_of_a_node_takes_other_branches_and_leaves_those_of_others_alone() {
    let half = format!("at 5ms {SMALL} 50%");
    let (calm, other) = (small(&half), small(&format!("{half}\nat 505ms crash n2, restart after 1ms")));
    assert_eq!((of(1, &calm), of(3, &calm)), (of(1, &other), of(3, &other)));
    assert_ne!(of(2, &calm), of(2, &other));
}

#[test]
fn one_more_pass_of_a_site_shifts_no_draw_beyond_its_node_and_slot() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if let Input::Timer(_) = input {
            let extra = (cx.me(), cx.mono()) == (1, 500 * MS);
            let passes = [0, 1, 2, 3, 4, 5, 6, 7];
            let taken = passes.map(|pass| (extra || pass > 0) && buggify!("passed often"));
            for (pass, taken) in passes.iter().zip(taken).skip(1) {
                if taken {
                    cx.log(format_args!("{pass}"));
                }
            }
        }
        chatter_on(node, input, cx);
    }
    fn without(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if let Input::Timer(_) = input {
            for pass in 1..8 {
                if buggify!("passed often") {
                    cx.log(format_args!("{pass}"));
                }
            }
        }
        chatter_on(node, input, cx);
    }
    let logs = |on| {
        let probe = Probe { about: idle().about.marks_in(module_path!()), on, ..chatter() };
        let outcome = second(probe, "at 5ms buggify \"passed often\" 50%");
        let logs = outcome.trace.into_iter().filter(|event| matches!(event.what, What::Log(_)));
        logs.map(|event| (event.time / (20 * MS), event.node, event.what)).collect::<Vec<_>>()
    };
    let elsewhere = |logs: Vec<(u64, Option<NodeId>, What)>| -> Vec<_> {
        logs.into_iter().filter(|(slot, node, _)| (*slot, *node) != (25, Some(1))).collect()
    };
    assert_ne!(logs(on), logs(without));
    assert_eq!(elsewhere(logs(on)), elsewhere(logs(without)));
}

#[test]
fn an_unrelated_step_changes_no_branch() {
    let half = format!("at 5ms {SMALL} 50%");
    let other = format!("{half}\nat 105ms partition n1 | n2 for 300ms\nat 305ms buggify \"early flush\" 50%");
    assert_eq!(small(&half), small(&other));
}

#[test]
fn of_two_steps_the_one_that_is_not_needed_has_no_effect() {
    let outcome = second(rare(), &format!("at 5ms {SMALL} 30%\nat 5ms {SMALL} 100%"));
    let effects = |share: u16| {
        let of_share = |report: &&murphy_sim::StepReport| matches!(report.step.fault, murphy_schedule::Fault::Buggify { share: found, .. } if found.0 == share);
        outcome.steps.iter().find(of_share).map(|report| report.effects).expect("there is one")
    };
    assert_eq!(effects(3_000) + effects(10_000), 297);
    assert_eq!(taken(&outcome, "small").len(), 297);
}

#[test]
fn a_branch_that_is_taken_triggers_steps() {
    let steps = format!("at 505ms {SMALL} 100%\nafter mark \"small batch\" pause n3 for 10ms");
    assert_eq!(report(&second(rare(), &steps), "pause").begun, Some(510 * MS));
}

#[test]
fn beyond_a_crash_no_branch_is_taken() {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        if let Input::Timer(_) = input {
            cx.send(2, crate::probe::Numbered { kind: 0, number: 0 });
            let _ = buggify!("after a message");
        }
        chatter_on(node, input, cx);
    }
    let effects = |cut| {
        let probe = Probe { about: idle().about.marks_in(module_path!()), on, ..chatter() };
        let steps = format!("at 105ms buggify \"after a message\" 100% for 10ms\nat 105ms crash n1 cut {cut}\n");
        report(&second(probe, &steps), "buggify").effects
    };
    assert_eq!((effects(2), effects(1)), (3, 2));
}

#[test]
fn a_target_without_rare_branches_is_offered_none() {
    let outcome = second(idle(), "at 105ms buggify \"small batch\" 100%");
    assert_eq!(report(&outcome, "buggify").effects, 0);
    assert!(outcome.trace.iter().any(|event| matches!(&event.what, What::Void(why) if why.contains("rare branches"))));
    assert!(!vocabulary(&idle()).faults.contains(&FaultKind::Buggify));
    let words = vocabulary(&rare());
    assert!(words.faults.contains(&FaultKind::Buggify));
    assert!(words.sites.spellings().iter().any(|site| site.starts_with("world::buggify:")), "{:?}", words.sites);
    assert!(words.sites.spellings().contains(&"small batch".to_owned()));
}
