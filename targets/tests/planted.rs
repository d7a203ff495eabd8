//! Every planted bug has a schedule in `testdata/` under which it shows, and without it the same schedule shows nothing. A file for
//! a target without a planted bug is for a release of a real crate that has one of its own; its control must pass, which the
//! control's tests say.

use std::{collections::BTreeSet, fs, path::Path};

use murphy_checker::verdict::Verdict;
use murphy_schedule::Document;
use murphy_sim::Options;

/// The text of every file in `testdata/`, with its name.
fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let entries = fs::read_dir(folder).expect("testdata is in the repository");
    let read = |path: &Path| (path.display().to_string(), fs::read_to_string(path).expect("a file that can be read"));
    entries.map(|entry| read(&entry.expect("an entry").path())).collect()
}

#[test]
fn every_schedule_fails_with_its_bug_and_passes_without() {
    let targets = murphy_targets::deterministic();
    for (path, text) in files() {
        let document = Document::parse(&text).unwrap_or_else(|errors| panic!("{path}: {errors:?}"));
        let (name, bug) = document.target.split_once('+').unwrap_or((&document.target, ""));
        let target = targets.iter().find(|target| target.about().name == name).expect("the file names a target");
        let verdict = |bugs: &[&str]| {
            let bugs = bugs.iter().map(ToString::to_string).collect();
            target.runner(&bugs).run(&document.schedule, Options::SEARCH).verdict.clone()
        };
        assert_eq!(document.to_string(), text, "{path} is not formatted");
        if bug.is_empty() {
            assert!(verdict(&[]).anomaly().is_some(), "{path}: valid");
            continue;
        }
        let Verdict::Invalid(anomaly) = verdict(&[bug]) else { panic!("{path}: valid with {bug}") };
        let known = target.about().bugs.iter().find(|known| known.name == bug).and_then(|bug| bug.breaks);
        assert!(known.is_none_or(|class| class == anomaly.class), "{path}: {known:?} is said, {anomaly:?} found");
        assert_eq!(verdict(&[]), Verdict::Valid, "{path} without {bug}");
    }
}

#[test]
fn every_bug_has_a_schedule() {
    let shown: BTreeSet<String> = files()
        .iter()
        .filter_map(|(_, text)| Some(text.lines().find_map(|line| line.strip_prefix("target "))?.to_string()))
        .collect();
    for about in murphy_targets::deterministic().iter().map(|target| target.about()) {
        for bug in about.bugs.iter().map(|bug| bug.name) {
            let target = format!("{}+{bug}", about.name);
            assert!(shown.contains(&target), "no file of testdata is for {target}");
        }
    }
}
