//! Random schedules and mutations: determined by the dice, canonical, and of every sort.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{raft, same};
use murphy_schedule::{
    Dice, Fact, Fault, FaultKind, Lasts, Schedule, Vocabulary, When,
    field::Cut,
    mutate::{mutate, random},
    schedule::STEPS_MAX,
};

#[track_caller]
fn check_canonical(schedule: &Schedule, about: &str) {
    assert!(schedule.steps.len() <= STEPS_MAX);
    same(&Schedule::from_bytes(&schedule.to_bytes()), schedule, about);
}

#[test]
fn the_same_dice_give_the_same_schedule() {
    for seed in 0..500 {
        let run = || {
            let mut dice = Dice::new(seed);
            let mut schedule = random(&raft(), &mut dice);
            let donor = random(&raft(), &mut dice);
            let names: Vec<_> = (0..20).map(|_| mutate(&mut schedule, Some(&donor), &raft(), &mut dice)).collect();
            (schedule, names)
        };
        assert_eq!(run(), run());
    }
}

#[test]
fn what_is_drawn_and_mutated_is_canonical() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let mut schedule = random(&raft(), &mut dice);
        check_canonical(&schedule, "random");
        assert!((1..=12).contains(&schedule.steps.len()));
        let donor = random(&raft(), &mut dice);
        for _ in 0..100 {
            let name = mutate(&mut schedule, Some(&donor), &raft(), &mut dice);
            check_canonical(&schedule, name);
        }
    }
}

#[test]
fn a_full_schedule_stays_within_its_bounds() {
    let mut dice = Dice::new(1);
    let mut schedule = random(&raft(), &mut dice);
    schedule.steps = schedule.steps.iter().copied().cycle().take(STEPS_MAX).collect();
    let donor = schedule.clone();
    for _ in 0..2_000 {
        let name = mutate(&mut schedule, Some(&donor), &raft(), &mut dice);
        check_canonical(&schedule, name);
    }
}

#[test]
fn a_target_without_words_is_no_obstacle() {
    let mut dice = Dice::new(2);
    for _ in 0..300 {
        let mut schedule = random(&Vocabulary::default(), &mut dice);
        for _ in 0..20 {
            let name = mutate(&mut schedule, None, &Vocabulary::default(), &mut dice);
            check_canonical(&schedule, name);
        }
    }
}

#[test]
fn every_operator_is_used() {
    let mut dice = Dice::new(3);
    let donor = random(&raft(), &mut dice);
    let mut used = BTreeMap::new();
    for _ in 0..5_000 {
        let mut schedule = random(&raft(), &mut dice);
        *used.entry(mutate(&mut schedule, Some(&donor), &raft(), &mut dice)).or_insert(0) += 1;
    }
    assert_eq!(used.len(), 18, "{used:?}");
    assert!(used.values().all(|times| *times > 20), "{used:?}");
}

#[test]
fn a_mutation_usually_changes_something() {
    let mut dice = Dice::new(4);
    let changed = (0..2_000).filter(|_| {
        let schedule = random(&raft(), &mut dice);
        let mut mutant = schedule.clone();
        mutate(&mut mutant, None, &raft(), &mut dice);
        mutant != schedule
    });
    assert!(changed.count() > 1_900);
}

#[test]
fn random_schedules_are_of_every_sort() {
    let mut dice = Dice::new(5);
    let (mut kinds, mut facts, mut alone) = (BTreeSet::new(), BTreeSet::new(), 0);
    let (mut cuts, mut anchors, mut dependents, mut constants) = (0, 0, 0, 0);
    for _ in 0..2_000 {
        let schedule = random(&raft(), &mut dice);
        alone += usize::from(schedule.steps.iter().map(|step| step.fault.kind()).collect::<BTreeSet<_>>().len() == 1);
        for step in &schedule.steps {
            kinds.insert(step.fault.kind());
            cuts += usize::from(matches!(step.fault, Fault::Crash { cut, .. } if cut != Cut(0)));
            anchors += usize::from(matches!(step.when, When::Fact { from: Some(_), .. }));
            dependents += usize::from(matches!(step.when, When::Step { .. }));
            constants += usize::from(matches!(step.lasts, Lasts::Constant { .. }));
            if let When::Fact { fact, .. } = step.when {
                facts.insert(sort(fact));
            }
        }
    }
    assert_eq!((kinds.len(), facts.len()), (FaultKind::ALL.len(), 6));
    for count in [alone, cuts, anchors, dependents, constants] {
        assert!(count > 200, "{:?}", (alone, cuts, anchors, dependents, constants));
    }
}

fn sort(fact: Fact) -> u8 {
    match fact {
        Fact::Send(..) => 0,
        Fact::Deliver(..) => 1,
        Fact::Sync(_) => 2,
        Fact::Write(_) => 3,
        Fact::Role(..) => 4,
        Fact::Mark(_) => 5,
    }
}

#[test]
fn most_references_lead_somewhere() {
    let mut dice = Dice::new(6);
    let (mut all, mut dangling) = (0, 0);
    for _ in 0..500 {
        let mut schedule = random(&raft(), &mut dice);
        for _ in 0..20 {
            mutate(&mut schedule, None, &raft(), &mut dice);
        }
        for id in schedule.steps.iter().flat_map(|step| step.references().collect::<Vec<_>>()) {
            all += 1;
            dangling += usize::from(!schedule.steps.iter().any(|step| step.id == id));
        }
    }
    assert!(all > 1_000 && dangling * 50 < all, "{dangling} of {all}");
}
