//! What makes a state of the whole cluster another one.

use std::collections::BTreeSet;

use murphy_sim::{Boot, Grain};

use crate::probe::{Cx, Probe, ProbeNode, idle, second};

/// The coarse states that a cluster visits whose nodes do nothing but start, and say whatever `start` has them say.
fn coarse(start: fn(&mut ProbeNode, &Boot<'_>, &mut Cx<'_>)) -> BTreeSet<u64> {
    let states = second(Probe { start, ..idle() }, "").signals.states;
    states.into_iter().filter(|state| Grain::of(*state) == Grain::Coarse).collect()
}

#[test]
fn nodes_that_differ_in_who_decides_are_another_state() {
    let alike = coarse(|node, _, _| node.voters = &[1, 2, 3]);
    assert_eq!(alike, coarse(|node, _, _| node.voters = &[1, 2, 4]), "it does not matter who");
    assert_eq!(alike, coarse(|_, _, _| {}), "nor whether they say so");
    let meet = coarse(|node, boot, _| node.voters = if boot.me == 1 { &[1, 2, 3, 4] } else { &[1, 2, 3] });
    let apart = coarse(|node, boot, _| node.voters = if boot.me == 1 { &[2, 3, 4] } else { &[1, 3, 4] });
    assert!(
        !meet.is_subset(&alike) && !apart.is_subset(&alike) && !apart.is_subset(&meet),
        "{alike:?} {meet:?} {apart:?}"
    );
}
