//! The fixed release under the schedules that break the buggy one.

use control_omnipaxos_0_2_4::OmniPaxosTarget;

/// `MURPHY_EXECS` schedules, 2,000 if it is not set. The long run is `MURPHY_EXECS=100000 cargo test --release`.
#[test]
fn the_fixed_release_is_not_blamed() {
    let execs = std::env::var("MURPHY_EXECS").map_or(2000, |text| text.parse().expect("MURPHY_EXECS is a number"));
    let report = murphy::check(OmniPaxosTarget).seed(1).execs(execs).run();
    println!("{report:?}");
    assert_eq!(report.unknown, 0, "every run had a verdict");
}
