//! Shrinking: it always ends, what it gives is a schedule like any other, and dropping steps keeps what others wait for.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{raft, same, schedules, tree::Tree};
use murphy_schedule::{
    Again, Dice, Document, Edge, FaultKind, Header, Lasts, Schedule, Step, Vocabulary, When,
    fault::Length,
    shrink::{keep_steps, measure, simpler},
};

fn parse(text: &str) -> Document {
    Document::parse(&format!("murphy 1\ntarget any\nseed 0x1\n\n{text}")).expect("it is right")
}

/// The steps of `text` at which `keep` is true are `expected`.
#[track_caller]
fn check_keep(text: &str, keep: &[bool], expected: &str) {
    same(&keep_steps(&parse(text).schedule, keep), &parse(expected).schedule, text);
}

/// One of the simpler versions of `text` is `expected`.
#[track_caller]
fn check_simpler(text: &str, expected: &str) {
    let (from, to) = (parse(text).schedule, parse(expected).schedule);
    let candidates = simpler(&from, &raft());
    assert!(candidates.contains(&to), "{candidates:?}");
}

#[test]
fn taking_any_simpler_schedule_always_ends() {
    for (seed, mut schedule) in (0..).zip(schedules(200)) {
        let mut dice = Dice::new(seed);
        let mut rounds = 0;
        while let Some(next) = dice.pick(&simpler(&schedule, &raft())) {
            assert!(measure(next, &raft()) < measure(&schedule, &raft()));
            schedule = next.clone();
            rounds += 1;
            assert!(rounds < 20_000, "{schedule:?}");
        }
    }
}

#[test]
fn taking_the_first_simpler_schedule_ends_soon() {
    for mut schedule in schedules(200).filter(|schedule| schedule.steps.len() < 16) {
        let mut rounds = 0;
        while let Some(next) = simpler(&schedule, &raft()).into_iter().next() {
            schedule = next;
            rounds += 1;
            assert!(rounds < 1_000, "{schedule:?}");
        }
    }
}

#[test]
fn what_is_simpler_is_canonical() {
    for schedule in schedules(300) {
        for candidate in simpler(&schedule, &raft()) {
            same(&Schedule::from_bytes(&candidate.to_bytes()), &candidate, "bytes");
        }
        for candidate in simpler(&schedule, &raft()).into_iter().step_by(7) {
            let text = Document::new("any", candidate.clone(), &raft()).to_string();
            same(&Document::parse(&text).expect("it is right").schedule, &candidate, &text);
        }
    }
}

#[test]
fn keeping_all_steps_keeps_the_schedule_and_keeping_none_keeps_the_header() {
    for schedule in schedules(300) {
        same(&keep_steps(&schedule, &vec![true; schedule.steps.len()]), &schedule, "all");
        same(&keep_steps(&schedule, &[]), &Schedule { header: schedule.header, steps: vec![] }, "none");
    }
}

#[test]
fn dropping_steps_leaves_no_new_dangling_reference() {
    for (seed, schedule) in (0..).zip(schedules(900)) {
        let mut dice = Dice::new(seed);
        let keep: Vec<bool> = schedule.steps.iter().map(|_| dice.chance(1, 2)).collect();
        let kept = keep_steps(&schedule, &keep);
        let has = |schedule: &Schedule, id| schedule.steps.iter().any(|step| step.id == id);
        for id in kept.steps.iter().flat_map(|step| step.references().collect::<Vec<_>>()) {
            assert_eq!(has(&kept, id), has(&schedule, id));
        }
        same(&Schedule::from_bytes(&kept.to_bytes()), &kept, "bytes");
    }
}

#[test]
fn a_dropped_step_on_which_others_depend_becomes_a_note() {
    check_keep("at 1s crash n1\nat 2s pause n1", &[false, true], "at 2s pause n1");
    check_keep(
        "s1: at 1s crash n1\ns2: after s1 ends pause n1 until s3 ends\ns3: at 9s note\nafter s2 begins pause n2",
        &[false, false, false, true],
        "s1: at 1s note\ns2: after s1 ends note\nafter s2 begins pause n2",
    );
    check_keep(
        "s1: at 1s crash n1\nat 2s pause n1 until s1 begins",
        &[false, true],
        "s1: at 1s note\nat 2s pause n1 until s1 begins",
    );
}

#[test]
fn every_kind_of_reference_keeps_a_note_alive() {
    let kept = "s1: at 1s note\n";
    for line in
        ["after s1 ends +3ms crash n2", "after n2 sync #3 from s1 ends crash n2", "at 2s pause n2 until s1 begins"]
    {
        check_keep(&format!("s1: at 1s crash n1\n{line}"), &[false, true], &format!("{kept}{line}"));
    }
}

#[test]
fn what_acts_only_on_a_dropped_step_goes_with_it() {
    for act in ["activate s1", "deactivate s1", "modify s1 add n3"] {
        let text = format!("s1: at 1s partition {{n1}} | rest\nat 2s {act}\nat 3s crash n2");
        check_keep(&text, &[false, true, true], "at 3s crash n2");
        check_keep(&text, &[true, true, false], &format!("s1: at 1s partition {{n1}} | rest\nat 2s {act}"));
    }
    // Others wait for it.
    check_keep(
        "s1: at 1s partition {n1} | rest\ns2: at 2s deactivate s1\nafter s2 begins crash n2",
        &[false, true, true],
        "s2: at 2s note\nafter s2 begins crash n2",
    );
    // Others wait for what it activates: the note in its place has to be activated all the same, but not ended.
    check_keep(
        "s1: on call partition {n1} | rest\nat 2s activate s1\nat 3s deactivate s1\nafter s1 begins crash n2",
        &[false, true, true, true],
        "s1: on call note\nat 2s activate s1\nafter s1 begins crash n2",
    );
    // What it waited for goes too.
    check_keep(
        "s1: at 1s crash n1\ns2: at 2s crash n2\nafter s2 begins activate s1\nat 4s crash n3",
        &[false, false, true, true],
        "at 4s crash n3",
    );
}

#[test]
fn one_thing_at_a_time_gets_simpler() {
    check_simpler("ambient jitter 1ms, loss 1%", "");
    check_simpler("ops 60", "ops 30");
    check_simpler("ops 60", "ops 45");
    check_simpler("ops 60", "ops 59");
    check_simpler("nodes 5, clients 4, keys 3", "nodes 4, clients 4, keys 3");
    check_simpler("at 0s crash n1 torn cut 3", "at 0s pause n1");
    check_simpler("at 0s crash n1 torn cut 3", "at 0s crash n1 cut 3");
    check_simpler("at 0s crash n1 torn cut 3", "at 0s crash n1 torn");
    check_simpler("at 0s partition {n1,n2} | rest", "at 0s partition {n2} | rest");
    check_simpler("at 0s partition majority | rest", "at 0s partition minority | rest");
    check_simpler("at 0s loss of Vote 30%", "at 0s loss of Vote 100%");
    check_simpler("at 0s loss of Vote 30%", "at 0s loss 30%");
    check_simpler("at 0s pause n1 for 1.234s", "at 0s pause n1 for 1s");
    check_simpler("at 0s pause n1 for 1.234s", "at 0s pause n1 for 1.2s");
    check_simpler("at 0s pause n1 for 800ms", "at 0s pause n1 for 400ms");
    check_simpler("at 0s pause n1 for 800ms", "at 0s pause n1 for 700ms");
    check_simpler("at 0s pause n1 for lease*1.17", "at 0s pause n1 for lease");
    check_simpler("at 0s pause n1 until s1 ends", "at 0s pause n1");
    check_simpler("at 0s pause n1 for lease*0.63", "at 0s pause n1 for lease*0.6");
    check_simpler("at 0s pause n1 for lease + election_timeout", "at 0s pause n1 for lease");
    check_simpler("at 0s pause n1 for lease + election_timeout", "at 0s pause n1 for election_timeout");
    check_simpler("at 0s pause n1 for election_timeout - lease", "at 0s pause n1 for 50ms");
    check_simpler("at 3.95s pause n1 for lease", "at 3.95s pause n1");
    check_simpler("at 1.98s note", "at 1.9s note");
    check_simpler("at 1.98s note", "at 0s note");
    check_simpler("at 1.234567s note", "at 1.234s note");
    check_simpler("after n1 sync #9 from s1 note", "after n1 sync #9 note");
    check_simpler("after n1 sync #9 +1ms note", "after n1 sync #8 +1ms note");
    check_simpler("after n1 sync #9 +1ms note", "after n1 sync #9 note");
    check_simpler("s4: at 0s note", "at 0s note");
    check_simpler("at 2s note\nat 1s note", "at 1s note\nat 2s note");
}

#[test]
fn what_is_new_in_the_language_gets_simpler_too() {
    check_simpler("at 0s crash n1 again 4 times every 1s", "at 0s crash n1");
    check_simpler("at 0s crash n1 again 4 times every 1s", "at 0s crash n1 again 2 times every 1s");
    check_simpler("at 0s crash n1 again 4 times every 1s", "at 0s crash n1 again 4 times every 500ms");
    check_simpler("at 0s crash n1 again 4 times every about 1s", "at 0s crash n1 again 4 times every 1s");
    check_simpler("dcs 3", "dcs 2");
    check_simpler("dc near {n1,n2}\ndc far {n3}", "dc near {n1,n2}");
    check_simpler("dc near {n1,n2}\ndc far {n3}", "dc {n1,n2}\ndc far {n3}");
    check_simpler("dc near {n1,n2}\ndc far {n3}", "dc near\ndc far {n3}");
    check_simpler("group a {n1,n2}\ngroup b {n3}", "group b {n3}");
    check_simpler("group a {n1,n2}\ngroup b {n3}", "group a {n2}\ngroup b {n3}");
    check_simpler("dcs 2\nlatency within 1ms, dc1 to dc2 80ms", "dcs 2\nlatency within 1ms");
    check_simpler("dcs 2\nlatency within 1ms, dc1 to dc2 80ms", "dcs 2\nlatency within 1ms, dc1 to dc2 40ms");
    check_simpler("dcs 2\nlatency within 1ms, dc1 to dc2 80ms", "dcs 2\nlatency dc1 to dc2 80ms");
    check_simpler("resources cpu 50%, memory 64MB", "resources cpu 50%");
    check_simpler("resources cpu 50%, memory 64MB", "resources memory 64MB");
    check_simpler("phases active 100ms, calm 50ms", "phases active 100ms, calm 20ms");
    check_simpler("mix 3 1 2", "mix 3 0 2");
    check_simpler("mix 3 1 2", "mix 1 1 2");
    check_simpler("rate 900", "rate 400");
    check_simpler("s1: on call crash n1\nat 2s activate s1", "s1: at 2s crash n1\nat 2s note");
    check_simpler("after s1 ends +1ms note", "after s1 begins +1ms note");
    check_simpler("after {n1,n2} sync #2 note", "after all sync #2 note");
    check_simpler("at 0s pause {n1,n2}", "at 0s pause {n2}");
    check_simpler("at 0s pause half", "at 0s pause some");
    check_simpler("at 0s pause some", "at 0s pause one");
    check_simpler("at 0s partition bridge n3", "at 0s partition minority | majority");
    check_simpler("at 0s delay n1->n2 normal 200ms dev 50ms", "at 0s delay n1->n2 200ms");
    check_simpler("at 0s duplicate n1->n2 lag 90ms", "at 0s duplicate n1->n2");
}

#[test]
fn a_length_until_another_step_becomes_a_number_where_that_is_known() {
    check_simpler("s1: at 1s note\nat 400ms pause n1 until s1 begins", "s1: at 1s note\nat 400ms pause n1 for 600ms");
    check_simpler(
        "s1: after n1 sync #2 crash n1 for 300ms\nafter s1 begins +100ms pause n2 until s1 ends",
        "s1: after n1 sync #2 crash n1 for 300ms\nafter s1 begins +100ms pause n2 for 200ms",
    );
}

#[test]
fn faults_get_weaker_down_to_a_pause_or_a_delay() {
    check_simpler("at 0s crash n1 wiped for 1s", "at 0s crash n1 for 1s");
    check_simpler("at 0s crash n1 for 1s", "at 0s pause n1 for 1s");
    check_simpler("at 0s redeploy n3, rejoin after 2s", "at 0s crash n3 for 2s");
    check_simpler("at 0s clog n1->n2 for 300ms", "at 0s delay n1->n2 300ms for 300ms");
    check_simpler("at 0s disk-stall n1 for 300ms", "at 0s disk-delay n1 takes 300ms for 300ms");
    check_simpler("at 0s lazy-sync n1 lag 50ms for 1s", "at 0s disk-delay n1 takes 50ms for 1s");
    check_simpler("at 0s strobe n1 ahead 200ms", "at 0s bump n1 ahead 200ms");
    let (pauses, from) = (vec![FaultKind::Redeploy, FaultKind::Pause], parse("at 0s redeploy n3").schedule);
    let vocabulary = Vocabulary { faults: pauses, ..raft() };
    let weakest = simpler(&from, &vocabulary).into_iter().filter_map(|to| Some(to.steps.first()?.fault.kind()));
    let kinds: BTreeSet<FaultKind> = weakest.collect();
    assert_eq!(kinds, [FaultKind::Redeploy, FaultKind::Pause].into(), "a crash is not carried out");
}

/// The durations of a step: how long after its trigger it begins, how long it lasts, the time between two beginnings, and
/// those of each of its fault's fields together; the greatest number where it is not known.
fn durations(step: &Step, healing: u64) -> BTreeMap<String, u64> {
    let vocabulary = raft();
    let constant = |name| u64::from(vocabulary.constant_micros[vocabulary.constants.resolve(name).expect("some")]);
    let scaled = |name, percent: i8| constant(name) * (100 + i64::from(percent)) as u64 / 100;
    let lasts = match step.lasts {
        _ if step.fault.kind().length() == Length::Instant => 0,
        Lasts::Healed => healing,
        Lasts::Until(..) => u64::MAX,
        Lasts::For(micros) => u64::from(micros).min(healing),
        Lasts::Constant { name, percent } => scaled(name, percent).min(healing),
        Lasts::Sum { name, percent, other } => (scaled(name, percent) + constant(other)).min(healing),
        Lasts::Difference { name, percent, other } => {
            scaled(name, percent).saturating_sub(constant(other)).min(healing)
        }
    };
    let delay = match step.when {
        When::At(delay) | When::Step { delay, .. } | When::Fact { delay, .. } => delay.into(),
        When::Called => u64::MAX,
    };
    let mut all = BTreeMap::from([("its length".to_owned(), lasts), ("its delay".to_owned(), delay)]);
    all.insert("its distance".to_owned(), step.again.every.into());
    Tree::of(&step.fault).visit("fault", &mut |path, tree| {
        if matches!(tree.head.as_str(), "Span" | "Offset") {
            let field = path.split('.').nth(1).expect("a field of a fault").to_owned();
            let number: u64 = tree.fields[0].1.head.trim_start_matches('-').parse().expect("a number");
            *all.entry(field).or_default() += number;
        }
    });
    all
}

/// Which kind of trigger it is, how often it has to occur, and which end of another step.
fn trigger(when: When) -> (u8, u8, Edge) {
    match when {
        When::At(_) => (0, 0, Edge::Begins),
        When::Step { edge, .. } => (1, 0, edge),
        When::Fact { nth, .. } => (2, nth, Edge::Begins),
        When::Called => (3, 0, Edge::Begins),
    }
}

/// When a step begins, as far as that depends on no fact.
fn begins(schedule: &Schedule, step: &Step, depth: u8) -> Option<u64> {
    match step.when {
        _ if step.again != Again::NEVER => None,
        When::At(time) => Some(time.into()),
        When::Fact { .. } | When::Called => None,
        When::Step { step, edge, delay } => {
            let owner = schedule.steps.iter().filter(|other| other.id == step && depth > 0).min()?;
            let length = durations(owner, u64::MAX)["its length"];
            let wait = if edge == Edge::Ends { length.checked_add(delay.into())? } else { delay.into() };
            begins(schedule, owner, depth - 1)?.checked_add(wait)
        }
    }
}

#[test]
fn nothing_gets_longer_or_later() {
    let chaos = |header: &Header| match header.chaos {
        0 => u64::from(raft().chaos_micros),
        units => u64::from(units) * 10_000,
    };
    let left = |schedule: &Schedule, step: &Step| {
        begins(schedule, step, 99).map_or(u64::MAX, |time| chaos(&schedule.header).saturating_sub(time))
    };
    let mut compared = 0;
    for schedule in schedules(1_500).filter(|schedule| schedule.steps.len() < 16) {
        let known = |id| schedule.steps.iter().any(|step| step.id == id);
        for candidate in simpler(&schedule, &raft()) {
            assert_eq!(candidate.steps.len(), schedule.steps.len());
            assert!(chaos(&candidate.header) <= chaos(&schedule.header));
            assert!(candidate.header.heal <= schedule.header.heal && candidate.header.settle <= schedule.header.settle);
            let mut pairs: Vec<_> = schedule.steps.iter().zip(&candidate.steps).filter(|(a, b)| a != b).collect();
            if candidate.header != schedule.header || pairs.len() > 1 && is_permutation(&schedule, &candidate) {
                pairs.clear();
            }
            for (before, after) in pairs {
                compared += 1;
                assert!(trigger(after.when) <= trigger(before.when), "{before:?}\n{after:?}");
                if after.fault.kind() == FaultKind::Note && before.fault.kind() == FaultKind::Activate {
                    continue;
                }
                let called = before.when == When::Called && after.when != When::Called;
                // Where nobody ever ends it, only the end of the phase does.
                let never = matches!(before.lasts, Lasts::Until(id, _) if !known(id));
                let known_left = left(&schedule, before);
                let (old, new) = (durations(before, known_left), durations(after, known_left));
                for (name, micros) in &new {
                    let weaker = before.fault.kind() != after.fault.kind() && !name.starts_with("its ");
                    let longer = *micros > old.get(name).copied().unwrap_or(0);
                    assert!(!longer || weaker || called || never, "{name}: {before:?}\n{after:?}");
                }
            }
        }
    }
    assert!(compared > 50_000, "{compared}");
}

fn is_permutation(before: &Schedule, after: &Schedule) -> bool {
    let sorted = |schedule: &Schedule| {
        let mut steps: Vec<Step> = schedule.steps.iter().map(|step| Step { id: 0, ..*step }).collect();
        steps.sort();
        steps
    };
    sorted(before) == sorted(after)
}

#[test]
fn rounding_down_gets_as_near_as_rounding_up_did() {
    // The least that still fails, and where it begins, in microseconds. The next number of one digit is as good.
    for (least, from) in [(1_950_000, 3_999_999), (1, 4_000_000), (123_456, 3_141_592), (999_999, 1_000_001)] {
        let mut schedule = parse(&format!("at {from}us note")).schedule;
        let fails = |schedule: &Schedule| matches!(schedule.steps[0].when, When::At(time) if time >= least);
        let mut runs = 0;
        while let Some(next) = simpler(&schedule, &raft()).into_iter().find(|next| {
            runs += usize::from(next.header == schedule.header);
            fails(next) && next.header == schedule.header
        }) {
            schedule = next;
        }
        let When::At(found) = schedule.steps[0].when else { panic!("{schedule:?}") };
        let unit = 10u32.pow(least.ilog10());
        assert!(found <= least.next_multiple_of(unit) && runs < 60, "{least}: {found} after {runs} runs");
    }
}

#[test]
fn the_simplest_schedule_has_nothing_simpler() {
    let text = "nodes 1, clients 1, keys 1, ops 0\nphases chaos 10ms\n";
    assert_eq!(simpler(&parse(text).schedule, &raft()), []);
}
