//! Are recorded transactions with predicates judged as their files' names say? `phantom.G-single.edn` has G-single and nothing else.

use std::{fs, path::Path};

use murphy_checker::{
    family::Family,
    read::{Format, read},
    transactions::{Objects, Options, Transactions},
};

fn anomalies(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("it was there a moment ago");
    let history = read(&text, Format::of(&text), Family::ClosedPredicate);
    let history = history.unwrap_or_else(|error| panic!("{}:{error}", path.display()));
    let mut judge = Transactions::new();
    let report = judge.check(&history, Options::new(Objects::Predicates));
    report.findings.iter().map(|finding| finding.phenomenon.to_string()).collect::<Vec<_>>().join("+")
}

#[test]
fn each_file_has_the_anomaly_that_its_name_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/closed-predicate");
    let files = fs::read_dir(folder).expect("it is part of the repository");
    let paths: Vec<_> = files.map(|entry| entry.expect("it can be read").path()).collect();
    assert_eq!(paths.len(), 7);
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are plain");
        let expected = name.split('.').nth(1).expect("a name, an anomaly, an ending").replace("valid", "");
        assert_eq!(anomalies(&path), expected, "{name}");
    }
}
