//! `murphy triage`, `murphy regress` and `murphy bisect`: what becomes of findings after they are filed.

mod common;

use std::{fs, path::Path, process::Command};

use common::{Ended, Place, names};
use murphy::{Harness, echo::Echo, regression::provisional_key, schedule::Document};
use serde_json::Value;

const EARLY: &str = include_str!("../../testdata/echo-early-ack.invalid.murphy");
const LOST: &str = include_str!("../../testdata/echo-lost-element.invalid.murphy");

/// Files what a schedule finds, and returns the name of its folder.
fn file(place: &Place, name: &str, text: &str) -> String {
    let before = place.folders();
    place.write(name, text);
    let ended = place.murphy(&format!("min {name} --budget 300"));
    assert_eq!(ended.code, 1, "{ended:?}");
    let mut new = place.folders();
    new.retain(|folder| !before.contains(folder) && folder != "triage.toml");
    let [folder] = &new[..] else { panic!("one finding, one folder: {new:?}") };
    folder.clone()
}

fn key(folder: &str) -> &str {
    folder.rsplit('-').next().expect("a last part")
}

/// Takes the bug out of the system, or puts it back.
fn fix(place: &Place, folder: &str, fixed: bool) {
    let name = format!("crashes/{folder}/schedule.murphy");
    let (bug, none) = ("target echo+early-ack\n", "target echo\n");
    let (from, to) = if fixed { (bug, none) } else { (none, bug) };
    let text = place.text(&name).replace(from, to);
    assert!(text.contains(to));
    place.write(&name, text);
}

#[track_caller]
fn says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, code, "{ended:?}");
    let all = format!("{}{}", ended.out, ended.err);
    words.iter().for_each(|word| assert!(all.contains(word), "`{word}` is missing in {all}"));
}

fn git(place: &Place, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(place.path("")).args([
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "commit.gpgsign=false",
    ]);
    let output = command.args(arguments).output().expect("git is there");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_string()
}

#[test]
fn a_finding_lives_from_new_to_reopened() {
    let place = Place::new();
    git(&place, &["init", "--quiet"]);
    git(&place, &["commit", "--quiet", "--allow-empty", "-m", "one"]);
    let folder = file(&place, "early.murphy", EARLY);
    let (key, test) = (key(&folder), format!("crash::{folder}"));

    says(&place.murphy("regress"), 1, &[&format!("{test}  fails: "), "1 fails"]);
    says(&place.murphy(&format!("triage set {key} fixed")), 1, &["is not fixed: "]);
    assert!(!place.path("crashes/triage.toml").exists(), "nothing is decided");
    says(&place.murphy(&format!("triage link {key} https://example.org/7")), 0, &[]);
    says(&place.murphy("regress"), 0, &[&format!("{test}  known  open: https://example.org/7")]);

    fix(&place, &folder, true);
    says(&place.murphy("regress"), 0, &[&format!("{test}  looks fixed: `murphy triage set {key} fixed`")]);
    says(&place.murphy(&format!("triage set {} fixed --note thanks", &key[..4])), 0, &[]);
    let revision = git(&place, &["rev-parse", "HEAD"]);
    let decided = place.text("crashes/triage.toml");
    assert!(decided.contains(&format!("revision = \"{revision}\"")), "{decided}");
    assert!(decided.starts_with("# What people decided"), "{decided}");
    assert!(decided.contains("https://example.org/7") && decided.contains("thanks"), "{decided}");
    says(&place.murphy("regress"), 0, &[&format!("{test}  ok"), "1 ok"]);

    fix(&place, &folder, false);
    git(&place, &["commit", "--quiet", "--allow-empty", "-m", "two"]);
    let now = git(&place, &["rev-parse", "HEAD"]);
    let reopened = place.murphy("regress");
    says(
        &reopened,
        1,
        &[&format!("{test}  reopened: "), &format!("between {revision} and {now}: `murphy bisect {key}")],
    );
    let object = &place.murphy("regress --json").json()[0];
    assert_eq!((&object["red"], &object["range"][0]), (&true.into(), &Value::from(revision)));
    says(&place.murphy("triage"), 0, &["reopened"]);
}

#[test]
fn a_stale_finding_is_listed_and_is_no_pass() {
    let place = Place::new();
    let folder = file(&place, "early.murphy", EARLY);
    let name = format!("crashes/{folder}/schedule.murphy");
    place.write(&name, place.text(&name).replace("target echo+early-ack", "target echo+no-such-bug"));
    says(&place.murphy("regress"), 5, &["stale: ", "no bug `no-such-bug`"]);
    says(&place.murphy(&format!("triage set {} guarded", key(&folder))), 5, &["is not guarded: "]);
}

#[test]
fn a_finding_that_cannot_be_read_does_not_hide_the_others() {
    let place = Place::new();
    let folder = file(&place, "early.murphy", EARLY);
    place.write("crashes/echo-broken-aaaaaa/schedule.murphy", "murphy 1\n");
    place.write("corpus/seeds/one.murphy", "murphy 1\ntarget any\nseed 0x1\n");
    place.write("corpus/seeds/two.murphy", "murphy 1\ntarget elsewhere\nseed 0x1\n");
    let ended = place.murphy("regress");
    says(&ended, 10, &["crash::echo-broken-aaaaaa  unreadable: ", &format!("crash::{folder}  fails"), "input.bin"]);
    says(&ended, 10, &["seed::one  ok  valid on ", "seed::two  ok  no target of this program"]);
    place.murphy("regress --crashes nowhere").complains(10, &["nowhere"]);
    place.write("crashes/triage.toml", "[aaaaaa]\nstatus = \"fixd\"\n");
    place.murphy("regress").complains(2, &["crashes/triage.toml:2: ", "fixd", "guarded"]);
}

#[test]
fn the_list_shows_first_what_is_to_be_looked_at_first() {
    let place = Place::new();
    let (early, lost) = (file(&place, "early.murphy", EARLY), file(&place, "lost.murphy", LOST));
    says(&place.murphy(&format!("triage set {} wontfix", key(&early))), 0, &[]);
    let ended = place.murphy("triage list");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines[0].starts_with("id      status"), "{lines:?}");
    assert!(lines[1].starts_with(key(&lost)) && lines[2].starts_with(key(&early)), "{lines:?}");
    let object = &place.murphy("triage --json --status wontfix").json()[0];
    assert_eq!((&object["key"], &object["status"]), (&key(&early).into(), &"wontfix".into()));
    assert!(object["faults"].as_u64() >= Some(1) && object["skeleton"].as_str().is_some_and(|text| text.contains('(')));
}

#[test]
fn what_people_wrote_into_the_file_stays() {
    let place = Place::new();
    let (early, lost) = (file(&place, "early.murphy", EARLY), file(&place, "lost.murphy", LOST));
    let (early, lost) = (key(&early), key(&lost));
    let text = format!("# mine\n[{lost}]  # the other\nstatus = \"open\" # for now\n\n[{early}]\nnote = \"hm\"\n");
    place.write("crashes/triage.toml", &text);
    says(&place.murphy(&format!("triage set {early} flaky")), 0, &[]);
    assert_eq!(place.text("crashes/triage.toml"), text + "status = \"flaky\"\n");
    says(&place.murphy(&format!("triage merge {early} {lost}")), 0, &[]);
    says(&place.murphy("triage"), 0, &[&format!("merged into {lost}")]);
    place.murphy(&format!("triage merge {lost} {early}")).complains(2, &["merged into itself"]);
    assert!(!place.text("crashes/triage.toml").contains(&format!("merged-into = \"{early}\"")), "nothing was written");
    place.murphy("triage set nosuch open").complains(2, &["nosuch", early]);
}

#[test]
fn what_turns_green_together_is_offered_for_merging() {
    let place = Place::new();
    let folder = file(&place, "early.murphy", EARLY);
    fix(&place, &folder, true);
    let other = folder.replace(key(&folder), "zzzzzz");
    for name in names(&place.path(&format!("crashes/{folder}"))) {
        if place.path(&format!("crashes/{folder}/{name}")).is_file() {
            place.write(&format!("crashes/{other}/{name}"), place.read(&format!("crashes/{folder}/{name}")));
        }
    }
    let offer = format!("murphy triage merge zzzzzz {}", key(&folder));
    says(&place.murphy("regress"), 0, &["turned green together", &offer]);
    says(&place.murphy(offer.strip_prefix("murphy ").expect("it begins so")), 0, &[]);
    assert!(!place.murphy("regress").err.contains("turned green together"));
}

/// The hash by which ClusterFuzz tells bugs apart, for this bug.
fn fuzzer_hash() -> String {
    let document = Document::parse(EARLY).expect("it is one");
    let targets: Vec<_> = murphy::targets![Echo];
    let mut harness = Harness::new(&targets, "echo+early-ack").expect("it is there");
    let anomaly = harness.run(&document.schedule).verdict.anomaly().expect("it fails").clone();
    provisional_key("echo+early-ack", &anomaly)
}

#[test]
fn what_libfuzzer_left_becomes_findings() {
    let place = Place::new();
    let document = Document::parse(EARLY).expect("it is one");
    place.write("artifacts/crash-1", document.schedule.to_bytes());
    place.write("artifacts/crash-2", document.schedule.to_bytes());
    place.write("artifacts/slow-unit-3", b"\x07any bytes are a schedule");
    let line = "triage import artifacts --budget 300 --target echo+early-ack";
    let ended = place.murphy(line);
    let [folder] = &place.folders()[..] else { panic!("one bug: {ended:?}") };
    let hash = format!("FuzzerHash={}", fuzzer_hash());
    says(&ended, 1, &["artifacts/crash-1  linearizability:", &hash, &format!(", new: crashes/{folder}")]);
    says(&ended, 1, &[&format!("known: crashes/{folder}"), "artifacts/slow-unit-3  passes: not filed"]);
    assert_eq!(ended.out.lines().count(), 3, "{ended:?}");
    let fates: Vec<Value> =
        place.murphy(&format!("{line} --json")).json().iter().map(|object| object["fate"].clone()).collect();
    assert_eq!(fates, ["known", "known", "passes"]);
    says(&place.murphy("triage import artifacts"), 10, &["not filed: the schedule does not name its target"]);
    place.murphy("triage import artifacts --target ecko").complains(2, &["ecko"]);
}

#[test]
fn keys_are_made_anew_and_decisions_go_with_them() {
    let place = Place::new();
    let folder = file(&place, "early.murphy", EARLY);
    let meta = place.read(&format!("crashes/{folder}/meta.json"));
    let old = folder.replace(key(&folder), "zzzzzz");
    let path = |name: &str| place.path(&format!("crashes/{name}"));
    fs::rename(path(&folder), path(&old)).expect("it can be renamed");
    place.write("crashes/triage.toml", "# mine\n[zzzzzz]\nstatus = \"open\"\n");
    says(&place.murphy("triage rekey"), 0, &[&format!("{old}  renamed: {folder}")]);
    assert_eq!(place.text("crashes/triage.toml"), format!("# mine\n[{}]\nstatus = \"open\"\n", key(&folder)));
    let known = |bytes: &[u8]| {
        let mut meta: Value = serde_json::from_slice(bytes).expect("JSON");
        [meta["found_at"].take(), meta["minimizing_runs"].take()]
    };
    assert_eq!(known(&place.read(&format!("crashes/{folder}/meta.json"))), known(&meta));
    says(&place.murphy("triage rekey"), 0, &[&format!("{folder}  same")]);

    fs::create_dir(path(&old)).expect("a folder");
    for name in ["schedule.murphy", "input.bin"] {
        place.write(&format!("crashes/{old}/{name}"), place.read(&format!("crashes/{folder}/{name}")));
    }
    let spare = "murphy 1\ntarget echo+early-ack\nseed 0x1\nops 0\n";
    place.write(&format!("crashes/{old}/variants/spare.murphy"), format!("# pause(-)\n{spare}"));
    says(&place.murphy("triage rekey"), 0, &[&format!("{old}  merged: {folder}")]);
    let taken = path(&folder).join("variants");
    let [name] = names(&taken).try_into().expect("the other's variant");
    assert!(fs::read_to_string(taken.join(name)).expect("text").starts_with("# pause(-)\nmurphy 1\n"));
    assert!(place.text(&format!("crashes/{folder}/README.md")).contains("- `pause(-)`: `variants/"));
    fs::remove_dir_all(&taken).expect("it is there");
    assert_eq!(place.folders(), [folder.as_str(), "triage.toml"]);
    assert_eq!(place.hidden(), Vec::<std::path::PathBuf>::new());

    place.write(&format!("crashes/{folder}/variants/abcdef.murphy"), format!("{EARLY}at 0s  bump n1 ahead 5s\n"));
    let ended = place.murphy("triage rekey");
    says(&ended, 0, &[&format!("{folder}  same"), &format!("{folder}  split off: echo-early-ack-")]);
    assert_eq!(place.folders().len(), 3, "{ended:?}");
    assert!(names(&path(&folder).join("variants")).is_empty());
}

#[test]
fn a_campaign_counts_what_people_know_and_does_not_file_it_again() {
    let place = Place::new();
    let campaign = "fuzz echo+early-ack --until-first --execs 20000 --json";
    let found = || {
        // From an empty corpus, it is the same campaign.
        let _ = fs::remove_dir_all(place.path("corpus"));
        let ended = place.murphy(campaign);
        ended.json().into_iter().find(|object| object["event"] == "finding").expect("a finding")
    };
    assert_eq!(found()["new"], true);
    let folders = place.folders();
    let folder = place.path(found()["folder"].as_str().expect("a folder"));
    let key = key(folder.to_str().expect("UTF-8"));
    for decision in ["open", "expected", "wontfix"] {
        says(&place.murphy(&format!("triage set {key} {decision}")), 0, &[]);
        assert_eq!(found()["new"], false, "{decision}");
    }
    let other = file(&place, "lost.murphy", LOST);
    says(&place.murphy(&format!("triage merge {key} {}", self::key(&other))), 0, &[]);
    assert_eq!(found()["new"], false, "merged");
    assert_eq!(place.folders().len(), folders.len() + 2, "the other one, and the decisions");
}

/// A repository in which a finding begins to fail at the fourth of six revisions, and the third cannot be built.
fn repository(place: &Place, states: [&str; 6]) -> Vec<String> {
    git(place, &["init", "--quiet"]);
    let commit = |(at, state): (usize, &&str)| {
        place.write("state", format!("{state} {at}\n"));
        git(place, &["add", "state"]);
        git(place, &["commit", "--quiet", "-m", &format!("revision {at}")]);
        git(place, &["rev-parse", "HEAD"])
    };
    states.iter().enumerate().map(commit).collect()
}

/// What is run at each revision: it asks whether the finding is there, as well.
const RUN: &str = "test -f $MURPHY_ENTRY/schedule.murphy || exit 9\nread state rest <state\n\
    case $state in good) exit 0;; bad) exit 1;; *) exit 101;; esac\n";

fn bisect(place: &Place, folder: &str, good: &str) -> Ended {
    let mut command = place.command(&format!("bisect {} --good {good} --run", key(folder)));
    let output = command.arg(RUN).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ended { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn the_first_revision_that_fails_is_found_without_touching_the_working_tree() {
    let place = Place::new();
    let revisions = repository(&place, ["good", "good", "broken", "good", "bad", "bad"]);
    let folder = file(&place, "early.murphy", EARLY);
    place.write("state", "being edited\n");
    let ended = bisect(&place, &folder, &revisions[0]);
    says(&ended, 0, &[&format!("{} is the first revision", revisions[4]), "revision 4"]);
    assert_eq!(place.text("state"), "being edited\n");
    assert_eq!(git(&place, &["worktree", "list"]).lines().count(), 1);
    assert_eq!(git(&place, &["rev-parse", "HEAD"]), revisions[5]);
    says(&bisect(&place, &folder, "HEAD"), 2, &["ends with 1 at HEAD, expected 0"]);
    says(&bisect(&place, &folder, "nowhere"), 10, &["nowhere"]);
}

#[test]
fn revisions_of_which_nothing_is_learned_are_all_named() {
    let place = Place::new();
    let revisions = repository(&place, ["good", "good", "good", "broken", "broken", "bad"]);
    let folder = file(&place, "early.murphy", EARLY);
    let ended = bisect(&place, &folder, &revisions[0]);
    says(&ended, 3, &["revision 3", "revision 4", "revision 5"]);
    assert!(!Path::new(&format!("/tmp/murphy-bisect-{}", std::process::id())).exists());
}
