//! Random schedules and mutations: determined by the dice, canonical, and of every sort.

mod common;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use common::{raft, same, schedules, tree::Tree};
use murphy_schedule::{
    Dice, Document, Edge, Fact, Fault, FaultKind, Header, Lasts, Link, Nodes, Schedule, Side, Step, Vocabulary, When,
    field::{Change, Cut, Number},
    mutate::{Prefix, TRIGGERS, mutate, pct, random, trigger, uniform},
    schedule::STEPS_MAX,
    vocabulary::Odds,
};

/// What is drawn or mutated is within bounds, as its bytes say it, and no step of it refers to one that there is not.
#[track_caller]
fn check_canonical(schedule: &Schedule, about: &str) {
    assert!(schedule.steps.len() <= STEPS_MAX);
    for id in schedule.steps.iter().flat_map(|step| step.references().collect::<Vec<_>>()) {
        assert!(schedule.steps.iter().any(|step| step.id == id), "{about}: {id} in {schedule:?}");
    }
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
fn whatever_draws_it_a_schedule_survives_bytes_and_text() {
    for (name, draw) in [("random", random as fn(&_, &mut _) -> _), ("uniform", uniform), ("pct", pct)] {
        for vocabulary in [raft(), Vocabulary::default(), Vocabulary { nodes: (1, 16), spares: 3, ..raft() }] {
            let mut dice = Dice::new(11);
            for _ in 0..500 {
                let schedule = draw(&vocabulary, &mut dice);
                check_canonical(&schedule, name);
                let document = Document::new("raft-kv", schedule, &vocabulary);
                let read = Document::parse(&document.to_string()).unwrap_or_else(|errors| panic!("{errors:#?}"));
                same(&read.schedule, &document.schedule, name);
            }
        }
    }
}

/// A step that demotes: when it begins, whom, and how low.
#[track_caller]
fn demotion(step: &Step) -> (When, Link, u8) {
    let Fault::Demote { link, level: Number(level), .. } = step.fault else { panic!("{step:?} demotes nobody") };
    (step.when, link, level)
}

#[test]
fn a_schedule_after_pct_orders_all_nodes_and_changes_that_from_one_to_five_times() {
    let vocabulary = Vocabulary { nodes: (3, 7), ..raft() };
    let mut dice = Dice::new(12);
    let (mut depths, mut firsts, mut senders, mut halves) = (BTreeMap::new(), BTreeMap::new(), 0, [0u32; 2]);
    for _ in 0..2_000 {
        let schedule = pct(&vocabulary, &mut dice);
        let members = if schedule.header.nodes == 0 { vocabulary.nodes.0 } else { schedule.header.nodes };
        let nodes = usize::from(members + vocabulary.spares);
        let (initial, rest) = schedule.steps.split_at(nodes - 1);
        let by_sender = demotion(&initial[0]).1.to == Nodes::All;
        senders += usize::from(by_sender);
        let mut first: BTreeSet<Nodes> = (1..=nodes as u8).map(Nodes::Node).collect();
        for (at, step) in initial.iter().enumerate() {
            let (when, link, level) = demotion(step);
            assert_eq!((when, level), (When::At(0), at as u8));
            let (node, other) = if by_sender { (link.from, link.to) } else { (link.to, link.from) };
            assert!(first.remove(&node) && other == Nodes::All, "{link:?}");
        }
        *firsts.entry((nodes, first.into_iter().collect::<Vec<_>>())).or_insert(0) += 1;
        // Below all that, on levels of their own; what follows is any fault.
        let below = |count: &usize| {
            let levels = rest[..*count].iter().map(|step| demotion(step).2.into()).collect::<BTreeSet<usize>>();
            levels.into_iter().eq(nodes - 1..nodes - 1 + count)
        };
        let kinds = rest.iter().take_while(|step| step.fault.kind() == FaultKind::Demote).count();
        let changes = (1..=kinds.min(5)).rev().find(below).expect("there is one at least");
        *depths.entry(changes + 1).or_insert(0) += 1;
        assert!(schedule.steps.len() > nodes - 1 + changes, "no other fault");
        for step in rest {
            match step.when {
                When::At(time) => halves[usize::from(time >= chaos_of(&schedule.header, &vocabulary) / 2)] += 1,
                When::Fact { fact: Fact::Send(..), side: Side::Before, delay: 0, .. } => {}
                other => panic!("{other:?} is no point at which PCT changes anything"),
            }
        }
    }
    assert!((900..1_100).contains(&senders), "{senders}");
    assert!(depths.keys().copied().eq(2..=6) && depths.values().all(|count| (320..480).contains(count)), "{depths:?}");
    assert!(halves[0].abs_diff(halves[1]) * 20 < halves[0] + halves[1], "{halves:?}");
    assert!(firsts.keys().all(|(_, first)| first.len() == 1) && firsts.values().all(|count| *count > 3), "{firsts:?}");
}

/// The length of the chaos phase in microseconds.
fn chaos_of(header: &Header, vocabulary: &Vocabulary) -> u32 {
    match u32::from(header.chaos) * 10_000 {
        0 if vocabulary.chaos_micros == 0 => 1_000_000,
        0 => vocabulary.chaos_micros,
        own => own,
    }
}

#[test]
fn where_nobody_can_be_demoted_a_schedule_after_pct_has_other_faults_alone() {
    let vocabulary = Vocabulary { faults: vec![FaultKind::Crash], ..raft() };
    let mut dice = Dice::new(13);
    for _ in 0..200 {
        assert!(pct(&vocabulary, &mut dice).steps.iter().all(|step| step.fault.kind() != FaultKind::Demote));
    }
}

#[test]
fn every_schedule_but_those_of_a_swarm_has_everything_on_its_menu() {
    let kinds = |draw: fn(&Vocabulary, &mut Dice) -> Schedule| {
        let mut dice = Dice::new(14);
        let drawn = (0..1_000).map(|_| draw(&raft(), &mut dice));
        // Of long schedules, how many have hardly a kind twice.
        let long: Vec<Schedule> = drawn.filter(|schedule| schedule.steps.len() >= 6).collect();
        let varied = long.iter().filter(|schedule| {
            let kinds: BTreeSet<_> = schedule.steps.iter().map(|step| step.fault.kind()).collect();
            kinds.len() + 1 >= schedule.steps.len()
        });
        (varied.count() * 100 / long.len()) as u64
    };
    let [swarm, all] = [kinds(random), kinds(uniform)];
    assert!(all > swarm + 5, "{all} % with everything, {swarm} % in a swarm");
}

#[test]
fn every_run_has_a_header_of_its_own() {
    for draw in [random as fn(&_, &mut _) -> _, uniform, pct] {
        let mut dice = Dice::new(15);
        let mut turned: BTreeMap<String, u32> = BTreeMap::new();
        let default = Tree::of(&Header::default());
        for _ in 0..4_000 {
            let header: Header = draw(&raft(), &mut dice).header;
            for (name, tree) in &Tree::of(&header).fields {
                if Some(tree) != default.field(name) {
                    *turned.entry(name.clone()).or_default() += 1;
                }
            }
        }
        for knob in ["nodes", "clients", "keys", "ops", "mix", "chaos", "jitter", "loss", "duplication"] {
            let share = turned.get(knob).copied().unwrap_or(0);
            assert!((400..1_200).contains(&share), "{knob} is turned in {share} of 4,000: {turned:?}");
        }
        for knob in ["rate", "heal", "settle", "active", "dcs"] {
            let share = turned.get(knob).copied().unwrap_or(0);
            assert!((40..200).contains(&share), "{knob} is turned in {share} of 4,000: {turned:?}");
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
    assert_eq!(used.len(), 23, "{used:?}");
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
    assert_eq!((kinds.len(), facts.len()), (FaultKind::ALL.len(), 11));
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
        Fact::Invoke(_) => 6,
        Fact::Complete(_) => 7,
        Fact::Stops(_) => 8,
        Fact::Starts(_) => 9,
        Fact::Fault(..) => 10,
    }
}

#[test]
fn what_refers_to_nothing_is_mended() {
    let mut dice = Dice::new(6);
    let mut references = 0;
    for schedule in schedules(1_000) {
        let mut mutant = schedule.clone();
        let name = mutate(&mut mutant, Some(&schedule), &raft(), &mut dice);
        check_canonical(&mutant, name);
        references += mutant.steps.iter().flat_map(|step| step.references().collect::<Vec<_>>()).count();
    }
    assert!(references > 500, "{references}");
}

#[test]
fn an_operator_is_only_drawn_to_ask_for_what_the_target_knows() {
    let asked = |changes: &[Change]| {
        let vocabulary = Vocabulary { faults: vec![FaultKind::Admin], changes: changes.to_vec(), ..raft() };
        let mut dice = Dice::new(7);
        let mut seen = BTreeSet::new();
        for _ in 0..300 {
            let mut schedule = random(&vocabulary, &mut dice);
            (0..20).for_each(|_| _ = mutate(&mut schedule, None, &vocabulary, &mut dice));
            seen.extend(schedule.steps.iter().filter_map(|step| match step.fault {
                Fault::Admin { change, .. } => Some(change),
                _ => None,
            }));
        }
        seen
    };
    assert_eq!(asked(&[Change::Split, Change::Add]), [Change::Add, Change::Split].into());
    assert_eq!(asked(&[]), Change::ALL.iter().copied().collect(), "nothing is known of the target");
}

#[test]
fn only_faults_that_are_carried_out_are_drawn() {
    let carried = [FaultKind::Crash, FaultKind::Partition, FaultKind::Delay, FaultKind::Invoke];
    let vocabulary = Vocabulary { faults: carried.to_vec(), ..raft() };
    let mut dice = Dice::new(7);
    let mut seen = BTreeSet::new();
    for _ in 0..300 {
        let mut schedule = random(&vocabulary, &mut dice);
        let donor = random(&raft(), &mut dice);
        for _ in 0..50 {
            seen.extend(schedule.steps.iter().map(|step| step.fault.kind()));
            mutate(&mut schedule, Some(&donor), &vocabulary, &mut dice);
        }
    }
    // A note stays where a fault that refers to a step has lost it, or a fault of a donor is not carried out.
    let expected: BTreeSet<_> = carried.into_iter().chain([FaultKind::Note]).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_target_for_which_nothing_is_carried_out_gets_notes() {
    let vocabulary = Vocabulary { faults: vec![FaultKind::Note], ..raft() };
    let mut dice = Dice::new(8);
    let mut schedule = random(&vocabulary, &mut dice);
    for _ in 0..500 {
        assert!(schedule.steps.iter().all(|step| step.fault == Fault::Note {}));
        mutate(&mut schedule, None, &vocabulary, &mut dice);
    }
}

/// How often one mutation named `operator` of `schedule` satisfies `wanted`, out of the times that it was drawn.
fn share(schedule: &Schedule, operator: &str, wanted: impl Fn(&Schedule) -> bool) -> (u64, u64) {
    let mut dice = Dice::new(9);
    let (mut hits, mut all) = (0, 0);
    for _ in 0..20_000 {
        let mut mutant = schedule.clone();
        if mutate(&mut mutant, None, &raft(), &mut dice) == operator {
            all += 1;
            hits += u64::from(wanted(&mutant));
        }
    }
    (hits, all)
}

#[track_caller]
fn check_reachable(text: &str, operator: &str, wanted: impl Fn(&Schedule) -> bool) {
    let schedule = Document::parse(&format!("murphy 1\n{text}\n")).expect("it is right").schedule;
    let (hits, all) = share(&schedule, operator, wanted);
    assert!(hits * 100 > all && all > 100, "{hits} of {all}");
}

fn any(wanted: impl Fn(&Step) -> bool) -> impl Fn(&Schedule) -> bool {
    move |schedule| schedule.steps.iter().any(&wanted)
}

#[test]
fn one_mutation_leads_from_one_sort_to_the_other() {
    check_reachable("at 1s crash n1", "retrigger", any(|step| matches!(step.when, When::Fact { .. })));
    check_reachable("after n1 sync crash n1", "retrigger", any(|step| matches!(step.when, When::At(_))));
    let by_role = |step: &Step| matches!(step.fault, Fault::Crash { victims: Nodes::Role(_), .. });
    let by_number = |step: &Step| matches!(step.fault, Fault::Crash { victims: Nodes::Node(_), .. });
    let paused = |step: &Step| matches!(step.fault, Fault::Pause { victims: Nodes::Node(2), .. });
    check_reachable("at 1s crash n1 torn", "retarget", any(by_role));
    check_reachable("at 1s crash leader torn", "retarget", any(by_number));
    check_reachable("at 1s crash n2", "weaken", any(paused));
    check_reachable("at 2s crash n1\nat 1s crash n2", "sort", |schedule| schedule.steps.is_sorted());
    check_reachable("at 1s crash n1\nat 2s pause n2", "swizzle", |schedule| {
        let span = |step: &Step| match (step.when, step.lasts) {
            (When::At(begin), Lasts::For(length)) => Some((begin, begin + length)),
            _ => None,
        };
        let spans: Option<Vec<_>> = schedule.steps.iter().map(span).collect();
        spans.is_some_and(|spans| spans.len() == 2 && spans[0].0 < spans[1].0 && spans[0].1 > spans[1].1)
    });
    let dependent = |step: &Step| matches!(step.when, When::Step { edge: Edge::Begins, .. });
    check_reachable("at 1s crash n1", "overlap", any(dependent));
    check_reachable("at 1s crash n1", "knobs", |schedule| schedule.header.dcs > 1);
}

/// The constants of a target, sums and differences of two of them, and one times the ratio of two others, in microseconds.
fn landmarks(constants: &[u32]) -> Vec<u64> {
    let pairs = || constants.iter().flat_map(|a| constants.iter().map(move |b| (u64::from(*a), u64::from(*b))));
    let of_two = pairs().flat_map(|(a, b)| [a, a + b, a.abs_diff(b)]);
    let of_three = pairs().flat_map(|(a, b)| constants.iter().map(move |c| a * b / u64::from(*c)));
    of_two.chain(of_three).filter(|landmark| *landmark > 0).collect()
}

/// Whether a duration lies within 5 % of a landmark, and then on which side of the nearest.
fn near(micros: u64, landmarks: &[u64]) -> Option<Ordering> {
    let nearest = landmarks.iter().min_by_key(|landmark| landmark.abs_diff(micros))?;
    (nearest.abs_diff(micros) * 20 <= *nearest).then(|| micros.cmp(nearest))
}

/// The durations of a step, by what they are of.
fn durations(step: &Step, vocabulary: &Vocabulary) -> Vec<(&'static str, u64)> {
    let mut found = Vec::new();
    let constant = |name| {
        let index = vocabulary.constants.exact(name).expect("a constant of the target");
        u64::from(vocabulary.constant_micros[index])
    };
    let scaled = |name, percent: i8| constant(name) * (100 + i64::from(percent)) as u64 / 100;
    let lasts = match step.lasts {
        Lasts::Healed | Lasts::Until(..) => 0,
        Lasts::For(micros) => micros.into(),
        Lasts::Constant { name, percent } => scaled(name, percent),
        Lasts::Sum { name, percent, other } => scaled(name, percent) + constant(other),
        Lasts::Difference { name, percent, other } => scaled(name, percent).saturating_sub(constant(other)),
    };
    found.push(("lasts", lasts));
    if let When::Step { delay, .. } | When::Fact { delay, .. } = step.when {
        found.push(("delay", delay.into()));
    }
    found.push(("again", step.again.every.into()));
    Tree::of(&step.fault).visit("fault", &mut |_, tree| {
        let number = |tree: &Tree| tree.fields[0].1.head.parse::<i64>().map(i64::unsigned_abs);
        match tree.head.as_str() {
            "Span" => found.push(("span", number(tree).expect("a number"))),
            "Offset" => found.push(("offset", number(tree).expect("a number") * 1_000)),
            _ => {}
        }
    });
    found.retain(|(_, micros)| *micros > 0);
    found
}

#[test]
fn durations_are_drawn_around_constants_and_on_both_sides() {
    // Far apart from each other, so that not everything is near something.
    let constants = vec![3_000, 70_000, 1_700_000];
    let vocabulary = Vocabulary { constant_micros: constants.clone(), ..raft() };
    let landmarks = landmarks(&constants);
    let mut dice = Dice::new(10);
    let mut sorts: BTreeMap<&str, [u32; 4]> = BTreeMap::new();
    for _ in 0..5_000 {
        let mut schedule = random(&vocabulary, &mut dice);
        mutate(&mut schedule, None, &vocabulary, &mut dice);
        for (sort, micros) in schedule.steps.iter().flat_map(|step| durations(step, &vocabulary)) {
            let side = near(micros, &landmarks).map_or(3, |side| (side as i8 + 1) as usize);
            sorts.entry(sort).or_default()[side] += 1;
        }
    }
    let mut blind = || {
        let magnitude = 1 << dice.between(9, 21);
        near(dice.between(magnitude, 2 * magnitude), &landmarks).is_some()
    };
    let blind = (0..100_000).filter(|_| blind()).count();
    println!("of durations drawn blindly, all magnitudes equally likely, {:.1} % lie near", blind as f64 / 1_000.0);
    for (sort, [under, at, over, far]) in sorts {
        let all = under + at + over + far;
        let close = under + at + over;
        println!("{sort}: {all}, of which {:.1} % lie near", f64::from(close) * 100.0 / f64::from(all));
        println!("  {under} just under, {at} at, {over} just over");
        assert!(close * 100 >= all * 40, "{sort}");
        assert!([under, at, over].iter().all(|side| side * 20 > all), "{sort}");
    }
}

/// Some schedule of which some steps have begun, and the moment.
fn returned(dice: &mut Dice) -> (Prefix, Vec<Step>, u32) {
    loop {
        let schedule = random(&raft(), dice);
        let time = dice.between(100_000, 3_000_000) as u32;
        let came: Vec<Step> = schedule.steps.iter().filter(|_| dice.chance(1, 2)).copied().collect();
        if let Some(prefix) = Prefix::new(&schedule, |step| came.contains(step), time, &raft()) {
            return (prefix, came, time);
        }
    }
}

#[test]
fn what_has_happened_stays_and_what_is_new_comes_later() {
    let mut dice = Dice::new(7);
    for _ in 0..300 {
        let (prefix, came, moment) = returned(&mut dice);
        let donor = random(&raft(), &mut dice);
        let parent = prefix.schedule();
        let mutant = prefix.follow(1 << dice.below(4), Some(&donor), &raft(), &mut dice);
        assert_eq!(mutant.header, parent.header);
        assert!(came.iter().all(|step| mutant.steps.contains(step)), "{parent:?}\n{mutant:?}");
        let note = parent.steps.iter().find(|step| step.when == When::At(moment)).expect("the moment has a note");
        for step in mutant.steps.iter().filter(|step| !parent.steps.contains(step)) {
            let stayed = |id: u8| came.iter().any(|step| step.id == id);
            match step.when {
                When::At(time) => assert!(time > moment, "{step:?}"),
                When::Step { step: id, .. } => assert!(!stayed(id), "{step:?}"),
                When::Fact { from, .. } => {
                    assert!(from.is_some_and(|(id, _)| !stayed(id)), "{step:?} without {note:?}")
                }
                When::Called => {}
            }
        }
    }
}

#[test]
fn what_is_new_comes_soon_after_the_moment_mostly() {
    let (mut dice, mut soon, mut all) = (Dice::new(9), 0, 0);
    for _ in 0..300 {
        let (prefix, _, moment) = returned(&mut dice);
        let parent = prefix.schedule();
        let mutant = prefix.follow(2, None, &raft(), &mut dice);
        for step in mutant.steps.iter().filter(|step| !parent.steps.contains(step)) {
            let When::At(time) = step.when else { continue };
            let left = chaos_of(&parent.header, &raft()) - moment;
            all += 1;
            soon += u32::from(time - moment < left / 4);
        }
    }
    assert!(all > 100 && soon > all / 2, "{soon} of {all} in the next quarter of what is left");
}

#[test]
fn continuations_differ() {
    let mut dice = Dice::new(8);
    let (prefix, _, _) = returned(&mut dice);
    let all: BTreeSet<Vec<u8>> = (0..100).map(|_| prefix.follow(2, None, &raft(), &mut dice).to_bytes()).collect();
    assert!(all.len() > 80, "{} of 100", all.len());
}

#[test]
fn without_facts_steps_wait_for_times_and_name_numbers() {
    let words = raft().without_facts();
    let mut dice = Dice::new(9);
    for _ in 0..300 {
        let mut schedule = random(&words, &mut dice);
        mutate(&mut schedule, None, &words, &mut dice);
        assert!(schedule.steps.iter().all(|step| !matches!(step.when, When::Fact { .. })), "{schedule:?}");
    }
}

#[test]
fn odds_make_a_kind_and_a_trigger_more_frequent() {
    let mut favoured = raft();
    favoured.odds.faults = [(FaultKind::Admin, 8 * Odds::EVEN)].into();
    favoured.odds.triggers = vec![Odds::EVEN / 4; TRIGGERS];
    favoured.odds.triggers[trigger(&When::At(0)).expect("times are triggers")] = 8 * Odds::EVEN;
    let count = |words: &Vocabulary| {
        let mut dice = Dice::new(10);
        let steps: Vec<Step> = (0..500).flat_map(|_| random(words, &mut dice).steps).collect();
        let of = |wanted: fn(&Step) -> bool| steps.iter().filter(|step| wanted(step)).count() * 1000 / steps.len();
        (of(|step| step.fault.kind() == FaultKind::Admin), of(|step| matches!(step.when, When::At(_))))
    };
    let (usual, favoured) = (count(&raft()), count(&favoured));
    assert!(favoured.0 > 3 * usual.0 && favoured.1 > 2 * usual.1, "{usual:?}, {favoured:?} of a thousand");
}
