//! What a system's own tests look like.

use std::{collections::BTreeSet, fs};

use fenced_counter::FencedCounter;
use murphy::{Harness, Shared, Verdict, schedule::Document};

#[test]
fn no_add_is_lost_and_nobody_holds_a_lock_twice() {
    murphy::check(FencedCounter).execs(5000).run();
}

#[test]
fn the_shallow_bugs_are_found() {
    for bug in ["unfenced", "eager-locks"] {
        let found = murphy::check(FencedCounter).bug(bug).execs(20_000).search();
        assert!(found.is_err(), "{bug} was not found");
    }
}

/// Each bug has a schedule under which it shows, and without it the same schedule shows nothing.
#[test]
fn every_planted_bug_shows() {
    let target = Shared::new(FencedCounter);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schedules");
    for bug in ["unfenced", "volatile-fence", "definite-fence", "eager-locks"] {
        let text = fs::read_to_string(format!("{folder}/{bug}.murphy")).expect("the schedule is there");
        let document = Document::parse(&text).expect("it is one");
        let verdict = |bugs: &[&str]| {
            let bugs: BTreeSet<String> = bugs.iter().map(ToString::to_string).collect();
            let mut harness = Harness::with_bugs(&target, bugs).expect("the bug can be planted");
            harness.run(&document.schedule).verdict.clone()
        };
        assert!(matches!(verdict(&[bug]), Verdict::Invalid(_)), "{bug}");
        assert_eq!(verdict(&[]), Verdict::Valid, "{bug}");
    }
}
