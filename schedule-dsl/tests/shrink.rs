//! Shrinking: it always ends, what it gives is a schedule like any other, and dropping steps keeps what others wait for.

mod common;

use common::{raft, same, schedules};
use murphy_schedule::{
    Dice, Document, Schedule,
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
    check_simpler("at 1.98s note", "at 2s note");
    check_simpler("after n1 sync #9 from s1 note", "after n1 sync #9 note");
    check_simpler("after n1 sync #9 +1ms note", "after n1 sync #8 +1ms note");
    check_simpler("after n1 sync #9 +1ms note", "after n1 sync #9 note");
    check_simpler("s4: at 0s note", "at 0s note");
    check_simpler("at 2s note\nat 1s note", "at 1s note\nat 2s note");
}

#[test]
fn the_simplest_schedule_has_nothing_simpler() {
    let text = "nodes 1, clients 1, keys 1, ops 0\nphases chaos 10ms\n";
    assert_eq!(simpler(&parse(text).schedule, &raft()), []);
}
