//! The fixed release under the schedules that break the buggy one.

use std::{collections::BTreeSet, rc::Rc};

use control_redb_4_4_0::RedbTarget;
use murphy_checker::verdict::Verdict;
use murphy_schedule::Document;
use murphy_sim::{Options, Run, Runner};

/// `MURPHY_EXECS` schedules, 500 if it is not set. The long run is `MURPHY_EXECS=100000 cargo test --release`.
#[test]
fn the_fixed_release_is_not_blamed() {
    let execs = std::env::var("MURPHY_EXECS").map_or(500, |text| text.parse().expect("MURPHY_EXECS is a number"));
    let report = murphy::check(RedbTarget).seed(1).execs(execs).run();
    println!("{report:?}");
    assert_eq!(report.unknown, 0, "every run had a verdict");
}

#[test]
fn the_schedule_that_breaks_the_buggy_release_breaks_nothing() {
    let text = include_str!("../../../../testdata/redb.invalid.murphy");
    let schedule = Document::parse(text).expect("it is a schedule").schedule;
    let verdict = Runner::new(Rc::new(RedbTarget), BTreeSet::new()).run(&schedule, Options::SEARCH).verdict.clone();
    assert_eq!(verdict, Verdict::Valid);
}
