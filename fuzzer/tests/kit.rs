//! Murphy as a library inside `cargo test`.

use std::panic::catch_unwind;

use murphy::{Harness, echo::Echo};

#[test]
fn a_correct_target_passes() {
    let report = murphy::check(Echo).execs(500).run();
    assert_eq!((report.execs, report.unknown), (500, 0));
    assert!(report.completed > 0 && report.effective_steps > 0);
}

#[test]
fn a_planted_bug_is_found_and_its_schedule_replays() {
    let (finding, execs) = murphy::check(Echo).bug("early-ack").search().expect_err("it is shallow");
    assert!((1..=1000).contains(&execs));
    assert_eq!(finding.target, "echo+early-ack");
    let targets: Vec<_> = murphy::targets![Echo];
    let mut harness = Harness::new(&targets, "echo+early-ack").expect("there is such a target");
    assert_eq!(harness.run(&finding.schedule).verdict.anomaly(), Some(&finding.anomaly));
    assert_eq!(harness.run(&finding.schedule).trace_hash, finding.outcome.trace_hash);
}

#[test]
fn a_search_is_a_function_of_its_seed() {
    let search = |seed| {
        let (finding, execs) = murphy::check(Echo).bug("early-ack").seed(seed).search().expect_err("it is shallow");
        (finding.schedule, finding.outcome.trace_hash, execs)
    };
    assert_eq!(search(3), search(3));
    assert_ne!(search(3), search(4));
}

#[test]
fn a_failing_test_shows_the_schedule_and_says_what_broke() {
    let (finding, _) = murphy::check(Echo).bug("early-ack").search().expect_err("it is shallow");
    let panicked = catch_unwind(|| murphy::check(Echo).bug("early-ack").run()).expect_err("it fails");
    let text = panicked.downcast_ref::<String>().expect("a message");
    assert!(text.contains(finding.text()), "{text}");
    assert!(text.contains(&finding.sentence()), "{text}");
    assert!(text.contains("crashes"), "what happened is drawn: {text}");
}

#[test]
fn an_unknown_bug_fails_the_test_with_the_known_ones() {
    let panicked = catch_unwind(|| murphy::check(Echo).bug("nosuch").run()).expect_err("it fails");
    let text = panicked.downcast_ref::<String>().expect("a message");
    assert!(text.contains("`nosuch`") && text.contains("early-ack"), "{text}");
}
