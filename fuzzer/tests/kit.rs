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

#[test]
fn marks_that_no_run_hits_fail_a_test_that_requires_them() {
    assert_eq!(murphy::check(Echo).execs(500).require_marks().run().never_hit, Vec::<String>::new());
    let calm = catch_unwind(|| murphy::check(Marked).execs(20).require_marks().run()).expect_err("it fails");
    let text = calm.downcast_ref::<String>().expect("a message");
    assert!(
        text.contains("marks never hit in 20 runs") && text.contains("it is never so (fuzzer/tests/kit.rs:"),
        "{text}"
    );
    assert_eq!(murphy::check(Marked).execs(20).run().never_hit.len(), 1, "and no other");
}

/// An echo with a mark that nothing hits.
struct Marked;

impl murphy::Target for Marked {
    type Node = murphy::echo::EchoNode;
    fn about(&self) -> murphy::About {
        murphy::About { modules: vec![module_path!()], ..Echo.about() }
    }
    fn start(&self, boot: &murphy::Boot<'_>, cx: &mut murphy::Context<'_, Self::Node>) -> Self::Node {
        murphy::sometimes!(boot.members.is_empty(), "it is never so");
        murphy::sometimes!(boot.incarnation == 0, "it starts");
        Echo.start(boot, cx)
    }
    fn workloads(&self) -> Vec<murphy::Workload<Self::Node>> {
        Echo.workloads()
    }
}
