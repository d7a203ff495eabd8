//! Vector clocks agree with the definition of happened-before (Lamport, 1978).

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use murphy_schedule::{Dice, mutate};
use murphy_sim::{NodeId, Options, Outcome, Run, Runner, What, echo::Echo, happened_before, vocabulary};

use crate::probe::{MS, chatter, idle, second};

/// For each event of a trace, the events before it by the definition, itself included: those of its own process so far, and
/// those before what was sent to it.
fn pasts(outcome: &Outcome) -> Vec<BTreeSet<usize>> {
    let mut latest: BTreeMap<(Option<NodeId>, u32), usize> = BTreeMap::new();
    let mut sent: BTreeMap<u32, usize> = BTreeMap::new();
    let mut pasts: Vec<BTreeSet<usize>> = Vec::new();
    for (at, event) in outcome.trace.iter().enumerate() {
        let process = match (event.node, &event.what) {
            (_, What::Lost { .. }) => None,
            (Some(node), _) => Some((Some(node), 0)),
            (None, What::Invoke(op) | What::Ask(op) | What::Answer(op) | What::Complete(op)) => {
                Some((None, outcome.history.operation(*op).process))
            }
            (None, _) => None,
        };
        let mut past = BTreeSet::from([at]);
        let before = process.and_then(|process| latest.insert(process, at));
        let from = match &event.what {
            What::Deliver { .. } | What::Request(_) | What::Answer(_) => {
                event.message.and_then(|number| sent.get(&number).copied())
            }
            _ => None,
        };
        for earlier in before.into_iter().chain(from) {
            past.extend(pasts[earlier].iter().copied());
        }
        if let What::Send { .. } | What::Ask(_) | What::Reply(_) = event.what {
            sent.insert(event.message.expect("what is sent has a number"), at);
        }
        pasts.push(past);
    }
    pasts
}

#[test]
fn clocks_order_two_events_of_nodes_just_where_one_happened_before_the_other() {
    let mut runner = Runner::new(Rc::new(Echo), BTreeSet::new());
    let words = vocabulary(&Echo);
    let (mut ordered, mut concurrent) = (0u32, 0u32);
    for seed in 0..30 {
        let mut schedule = mutate::random(&words, &mut Dice::new(seed));
        (schedule.header.chaos, schedule.header.ops) = (60, Some(12));
        let outcome = runner.run(&schedule, Options::TRACE);
        let (clocks, pasts) = (outcome.vector_clocks().events, pasts(outcome));
        let of_nodes = |at: &usize| outcome.trace[*at].node.is_some() && clocks[*at].is_some();
        let events: Vec<usize> = (0..outcome.trace.len()).filter(of_nodes).take(400).collect();
        for a in &events {
            for b in &events {
                let [first, second] = [a, b].map(|at| clocks[*at].as_ref().expect("an event of a node"));
                let before = a != b && pasts[*b].contains(a);
                assert_eq!(happened_before(first, second), before, "seed {seed}: {a} {b}");
                *(if before { &mut ordered } else { &mut concurrent }) += 1;
            }
        }
    }
    assert!(ordered > 10_000 && concurrent > 10_000, "{ordered} {concurrent}");
}

#[test]
fn a_message_has_one_number_at_both_ends_and_no_other_has_it() {
    let outcome = second(
        chatter(),
        "at 105ms duplicate n1->n2 100% lag 3ms for 100ms\nbefore deliver Tick n1->n3 #20 delay 20ms",
    );
    let mut sent = BTreeMap::new();
    let mut arrived = 0;
    for event in &outcome.trace {
        match &event.what {
            What::Send { to, kind, text, .. } => {
                let number = event.message.expect("what is sent has a number");
                assert_eq!(sent.insert(number, (event.node, Some(*to), *kind, text.clone())), None);
            }
            What::Deliver { from, kind, text } => {
                let number = event.message.expect("what arrives has a number");
                assert_eq!(sent[&number], (Some(*from), event.node, *kind, text.clone()));
                arrived += 1;
            }
            _ => {}
        }
    }
    assert!(arrived > 1000);
}

#[test]
fn an_operation_knows_what_the_node_that_answered_it_knew() {
    let outcome = second(chatter(), "at 505ms invoke read k1 by c1");
    let clocks = outcome.vector_clocks();
    let (invoked, completed) = &clocks.operations[0];
    assert_eq!(invoked.as_deref(), Some(&[0, 0, 0][..]), "its client has heard nothing yet");
    let reply = outcome.trace.iter().position(|event| matches!(event.what, What::Reply(_))).expect("an answer");
    assert_eq!(completed, &clocks.events[reply]);
    assert!(completed.as_ref().expect("it completed").iter().all(|events| *events > 100));
    // What its client asks next carries on what it heard.
    let (again, _) = &clocks.operations[1];
    assert_eq!(again, completed);
}

#[test]
fn a_node_has_a_log_of_its_own_and_of_the_operations_it_met() {
    let steps =
        "at 100ms invoke read k1 by c1 via n2\nat 150ms pause n2 for 100ms\nat 200ms invoke read k1 by c1 via n2";
    let outcome = second(idle(), steps);
    assert!(outcome.log_of(2).all(|event| event.node == Some(2)));
    assert_eq!(outcome.log_of(2).count(), outcome.trace.iter().filter(|event| event.node == Some(2)).count());
    let met = outcome.operations_at(2);
    let times: Vec<_> =
        met.iter().map(|met| (met.op.0, met.at / (10 * MS), met.answered.map(|at| at / (10 * MS)))).collect();
    assert_eq!(times, [(0, 10, Some(10)), (1, 25, Some(25))]);
    assert!(outcome.operations_at(3).is_empty());
}
