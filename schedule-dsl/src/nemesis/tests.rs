//! Presets are schedules, whatever is asked for; and what makes no sense is an error.

use super::{
    BUNDLES, CHAOS_MAX_US, Family, Interval, KillOf, LongRecovery, NemesisError, Plan, Shape, canonical, comment, tidy,
};
use crate::{
    document::Document,
    schedule::{Step, When},
};

/// The text of a plan is a schedule in its canonical form, and says what each family does.
#[track_caller]
fn check(plan: &Plan) -> Document {
    let text = plan.text();
    let document = Document::parse(&text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"));
    assert_eq!(document.to_string(), text);
    for family in &plan.families {
        assert!(text.contains(&format!("# {}: ", family.name())), "{} is not explained", family.name());
    }
    document
}

fn of(names: &str) -> Plan {
    Plan::new("any", Family::parse_list(names).unwrap())
}

#[test]
fn every_family_is_a_schedule_whoever_it_strikes() {
    let words = Shape::names().join(",");
    let shapes: Vec<Shape> = Shape::parse_list(&format!("{words},n1,n3")).unwrap();
    for family in Family::ALL {
        assert!(!check(&Plan::new("any", vec![*family])).schedule.steps.is_empty());
        for shape in &shapes {
            let plan = Plan { shapes: vec![*shape], nodes: Some(5), ..Plan::new("any", vec![*family]) };
            assert!(!check(&plan).schedule.steps.is_empty(), "{} {shape:?}", family.name());
        }
        let plan = Plan { kill: KillOf::Process, ..Plan::new("percolator-kv", vec![*family]) };
        check(&plan);
    }
}

#[test]
fn every_pair_of_families_is_a_schedule_and_overlaps() {
    for one in Family::ALL {
        for other in Family::ALL {
            check(&Plan::new("any", vec![*one, *other]));
        }
    }
    let document = check(&of("partition-half,pause"));
    let begins: Vec<u32> = document.schedule.steps.iter().map(begin).collect();
    assert!(begins.contains(&500_000) && begins.contains(&750_000), "{begins:?}");
}

fn begin(step: &Step) -> u32 {
    if let When::At(at) = step.when { at } else { 0 }
}

#[test]
fn all_families_together_fit_into_one_schedule() {
    let all = Plan::new("any", Family::ALL.to_vec());
    check(&all);
    check(&Plan { time_limit_us: CHAOS_MAX_US * 3, long_recovery: Some(LongRecovery::JEPSEN), ..all.clone() });
    check(&Plan { interval: Interval { micros: 0, random: true }, ..all.clone() });
    check(&Plan { interval: Interval { micros: u64::MAX / 1_000, random: false }, ..all.clone() });
    check(&Plan { time_limit_us: 0, shapes: Shape::parse_list("n2,one,n3,ring").unwrap(), ..all });
}

#[test]
fn every_time_fits_the_grammar() {
    for micros in [1, 99, 12_345, 123_456, 999_999, 1_234_567, 15_999_999, 16_049_999, 40_000_000, 299_999_999] {
        for names in ["attrition,swizzle,lazyfs,stop", "all", "process,corrupt"] {
            for random in [false, true] {
                let interval = Interval { micros, random };
                check(&Plan { interval, time_limit_us: micros.saturating_mul(7), ..of(names) });
            }
        }
        assert!(tidy(micros).abs_diff(micros) <= 100.max(micros / 100), "{micros}");
    }
}

#[test]
fn nothing_begins_after_the_time_limit() {
    for names in ["all", "schedules,process", "standard", "restart-kv-without-pd,kill-kv"] {
        let plan = Plan { time_limit_us: 3_000_000, ..of(names) };
        for step in &check(&plan).schedule.steps {
            let last = begin(step) + u32::from(step.again.times) * step.again.every;
            assert!(last < 3_000_000, "{names}: {step:?}");
        }
    }
}

#[test]
fn a_header_says_what_the_plan_says() {
    let plan = Plan {
        nodes: Some(5),
        clients: Some(10),
        keys: Some(3),
        rate: Some(20),
        time_limit_us: 30_000_000,
        long_recovery: Some(LongRecovery { active_us: 10_000_000, calm_us: 5_000_000 }),
        final_recovery_us: 2_000_000,
        data_centres: Some(5),
        seed: 7,
        ..of("none")
    };
    let header = check(&plan).schedule.header;
    assert_eq!((header.nodes, header.clients, header.keys, header.ops, header.rate), (5, 10, 3, Some(600), 20));
    assert_eq!((header.chaos, header.active, header.calm, header.heal), (3_000, 1_000, 500, 200));
    assert_eq!((header.seed, header.dcs), (7, 5));
}

#[test]
fn names_are_read_in_lists_and_bundles() {
    assert_eq!(Family::parse_list("kill, partition,kill").unwrap(), [Family::Kill, Family::Partition]);
    assert_eq!(Family::parse_list(":none").unwrap(), []);
    assert_eq!(Family::parse_list("process,pause").unwrap(), [Family::Pause, Family::Kill]);
    assert_eq!(Family::parse_list("hammer-time").unwrap(), [Family::Pause]);
    assert_eq!(Shape::parse_list("n1,n3,one,n2").unwrap(), [Shape::Nodes(0b101), Shape::One, Shape::Nodes(0b10)]);
    assert_eq!(Shape::parse_list("majorities-ring,ring").unwrap(), [Shape::Ring]);
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let error = Family::parse_list("kill, partiton").unwrap_err();
    assert_eq!((error.at(), error.found(), error.suggestion()), (6, "partiton", Some("partition")));
    assert!(
        error.to_string().starts_with("unknown nemesis `partiton` (did you mean `partition`?), expected one of `none`")
    );
    let error = Shape::parse_list("one,majorty").unwrap_err();
    assert_eq!((error.at(), error.found(), error.suggestion()), (4, "majorty", Some("majority")));
    assert!(matches!(Shape::parse_list("n17"), Err(NemesisError::UnknownShape { at: 0, .. })));
}

#[test]
fn no_name_stands_for_two_families() {
    let bundles = BUNDLES.iter().map(|bundle| bundle.name);
    let aliases = Family::ALL.iter().flat_map(|family| family.aliases().iter().copied());
    let mut names: Vec<&str> = bundles.chain(aliases).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn comments_are_wrapped_and_hold_nothing_else() {
    let mut text = String::new();
    comment(&mut text, &"word\nat 1s  crash all\r\u{85}more ".repeat(20));
    assert!(text.lines().all(|line| line.starts_with("# ") && line.chars().count() <= 120), "{text}");
    assert_eq!(canonical(format!("{text}murphy 1\ntarget any\nseed 0x1\n")).matches("\n\n").count(), 0);
}

#[test]
fn a_plan_that_makes_no_sense_is_an_error() {
    let shapes = |list: &str| Shape::parse_list(list).unwrap();
    let kill = || of("kill");
    assert_eq!(kill().check(), Ok(()));
    let still = Plan { interval: Interval { micros: 0, random: false }, ..kill() };
    assert_eq!(still.check(), Err(NemesisError::NoInterval));
    let other = Plan { shapes_of: vec![(Family::Pause, shapes("one"))], ..kill() };
    assert_eq!(other.check(), Err(NemesisError::NotChosen { family: "pause", chosen: "kill".to_owned() }));
    let nine = |nodes| Plan { shapes_of: vec![(Family::Kill, shapes("n1,n9"))], nodes, ..kill() };
    assert_eq!(nine(Some(3)).check(), Err(NemesisError::NoSuchNode { node: "n9".to_owned(), nodes: 3 }));
    assert_eq!((nine(Some(9)).check(), nine(None).check()), (Ok(()), Ok(())));
    let all = Plan { shapes: shapes("one,n4"), nodes: Some(3), ..kill() };
    assert_eq!(all.check().unwrap_err().to_string(), "there is no node `n4`: the nodes are n1 to n3");
}

#[test]
fn a_family_that_ends_before_the_chaos_phase_says_so() {
    let plan = Plan {
        interval: Interval { micros: 10_000, random: false },
        time_limit_us: 600_000_000,
        shapes: vec![Shape::One],
        ..of("kill")
    };
    let steps = check(&plan).schedule.steps;
    let last = steps.iter().map(|step| begin(step) + u32::from(step.again.times) * step.again.every);
    assert_eq!(last.max(), Some(5_010_000));
    let said = "# `kill` begins for the last time at 5.01s, before the chaos phase ends";
    assert!(plan.text().contains(said), "{}", plan.text());
    assert!(!of("kill").text().contains("for the last time"));
}
