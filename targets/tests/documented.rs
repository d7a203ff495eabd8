//! Every target has a page in `docs/targets/`, which names what its schedules can name.

use std::{fs, path::Path};

fn page(target: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/targets").join(target).with_extension("md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_page_names_bugs_roles_and_constants() {
    let index = page("README");
    let tests_of_the_framework = ["echo"];
    for about in murphy_targets::deterministic().iter().map(|target| target.about()) {
        if tests_of_the_framework.contains(&about.name) {
            continue;
        }
        let text = page(about.name);
        assert!(index.contains(&format!("({}.md)", about.name)), "{} is not in the index", about.name);
        let names = about.bugs.iter().map(|bug| bug.name).chain(about.roles.iter().copied());
        for name in names.chain(about.constants.iter().map(|(name, _)| *name)) {
            assert!(text.contains(name), "the page of {} does not name `{name}`", about.name);
        }
    }
}
