//! The shapes of partitions: who hears whom.

use std::collections::{BTreeMap, BTreeSet};

use murphy_sim::{Input, Transport};

use crate::probe::{Probe, chatter, chatter_on, idle, messages, run};

fn many() -> Probe {
    Probe { about: idle().about.nodes(3..=7), ..chatter() }
}

fn streams() -> Probe {
    let on = |node: &mut _, input: Input<_>, cx: &mut crate::probe::Cx<'_>| {
        if !matches!(input, Input::Link { .. }) {
            chatter_on(node, input, cx);
        }
    };
    Probe { about: many().about.transport(Transport::Stream), on, ..chatter() }
}

/// Whom each node hears while this partition is in force: itself, and whose sixtieth messages arrive.
fn heard(probe: Probe, nodes: u16, seed: u64, sides: &str) -> BTreeMap<u16, BTreeSet<u16>> {
    let text = format!(
        "seed {seed}\nnodes {nodes}, clients 1, ops 0\nphases chaos 1s, heal 10ms, settle 2s\nat 505ms partition {sides} for 200ms"
    );
    let mut heard: BTreeMap<u16, BTreeSet<u16>> = (1..=nodes).map(|node| (node, BTreeSet::from([node]))).collect();
    for ((from, to, _, number), (_, arrivals)) in messages(&run(probe, &text)) {
        if number == 60 && !arrivals.is_empty() {
            heard.entry(to).or_default().insert(from);
        }
    }
    heard
}

/// Of five nodes, each hears these: `1 2 345 345 345`.
#[track_caller]
fn check(sides: &str, expected: &str) {
    for probe in [many(), streams()] {
        let heard = heard(probe, 5, 1, sides);
        let words: Vec<String> = heard.values().map(|set| set.iter().map(u16::to_string).collect()).collect();
        assert_eq!(words.join(" "), expected, "{sides}");
    }
}

#[test]
fn nodes_on_no_side_reach_everybody() {
    check("{n1} | {n2}", "1345 2345 12345 12345 12345");
    check("{n1,n2} | {n3}", "1245 1245 345 12345 12345");
}

#[test]
fn three_sides_are_cut_from_each_other() {
    check("{n1} | {n2} | rest", "1 2 345 345 345");
    check("rest | {n2} | {n1}", "1 2 345 345 345");
    check("{n1,n2} | {n3} | {n4,n5}", "12 12 3 45 45");
    check("{n1} | {n2} | {n3}", "145 245 345 12345 12345");
    // Who is on two sides is on the first of them.
    check("{n1,n2} | {n2,n3} | rest", "12 12 3 45 45");
    check("all | {n2} | rest", "12345 12345 12345 12345 12345");
}

#[test]
fn a_bridge_hears_both_halves_which_do_not_hear_each_other() {
    for seed in 0..10 {
        for probe in [many, streams] {
            let heard = heard(probe(), 5, seed, "bridge n3");
            assert_eq!(heard[&3], (1..=5).collect());
            let others = heard.iter().filter(|(node, _)| **node != 3);
            for (node, set) in others {
                assert!(set.len() == 3 && set.contains(&3) && set.contains(node), "{heard:?}");
                assert!(set.iter().all(|peer| *peer == 3 || heard[peer] == *set), "{heard:?}");
            }
        }
    }
    let bridges: BTreeSet<Vec<u16>> = (0..40)
        .map(|seed| {
            heard(many(), 5, seed, "bridge")
                .into_iter()
                .filter(|(_, set)| set.len() == 5)
                .map(|(node, _)| node)
                .collect()
        })
        .collect();
    assert_eq!(bridges, (1..=5).map(|node| vec![node]).collect());
}

#[test]
fn halves_are_two_drawn_ones() {
    for nodes in 3..=7 {
        let mut shapes = BTreeSet::new();
        for seed in 0..10 {
            let heard = heard(many(), nodes, seed, "halves");
            let sides: BTreeSet<&BTreeSet<u16>> = heard.values().collect();
            let sizes: BTreeSet<usize> = sides.iter().map(|side| side.len()).collect();
            assert_eq!(sides.len(), 2, "{heard:?}");
            assert_eq!(sizes, BTreeSet::from([usize::from(nodes / 2), usize::from(nodes - nodes / 2)]));
            shapes.insert(heard);
        }
        assert!(shapes.len() > 1, "{nodes} nodes");
    }
}

#[test]
fn in_a_ring_everybody_hears_a_majority_and_no_two_the_same() {
    for nodes in 3..=7 {
        let majority = usize::from(nodes / 2 + 1);
        let mut shapes = BTreeSet::new();
        for seed in 0..10 {
            let datagrams = heard(many(), nodes, seed, "ring");
            assert!(datagrams.values().all(|set| set.len() == majority), "{datagrams:?}");
            for heard in [&datagrams, &heard(streams(), nodes, seed, "ring")] {
                assert!(heard.values().all(|set| set.len() >= majority), "{heard:?}");
                assert_eq!(heard.values().collect::<BTreeSet<_>>().len(), usize::from(nodes), "{heard:?}");
            }
            shapes.insert(datagrams);
        }
        assert!(shapes.len() > 1, "{nodes} nodes");
    }
}

#[test]
fn one_is_cut_off_from_the_rest() {
    let alone: BTreeSet<Vec<u16>> = (0..40)
        .map(|seed| {
            heard(many(), 5, seed, "one").into_iter().filter(|(_, set)| set.len() == 1).map(|(node, _)| node).collect()
        })
        .collect();
    assert_eq!(alone, (1..=5).map(|node| vec![node]).collect());
}
