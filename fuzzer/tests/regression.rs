//! A finding outlives changes of the system that it was found in: it fails as before, is fixed, or does not apply any more, and the
//! test kit says which.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use libtest_mimic::{Arguments, Trial};
use murphy::{
    About, Boot, Completion, Context, File, Input, Node, Register, RegisterOp, StateView, Target, Timer, Workload,
    entry::{Entry, MARKS, STATES},
    finding::{Finding, Provenance, read_folder},
    regression::{Fate, examine, provisional_key, what},
    schedule::Document,
};

/// The system as it was when the finding was filed: it acknowledges a write that is not durable.
const FILED: u8 = 0;
/// The same with another message, a field more in the one that the schedule names, and another record on its disk.
const HARMLESS: u8 = 1;
/// The bug is gone.
const FIXED: u8 = 2;
/// The bug is gone, and the message that the schedule names has another name.
const RENAMED: u8 = 3;
/// The bug is there, and the message that the schedule names is not.
const SILENT: u8 = 4;

const LOG: File = File("log");
const HELLO: Timer = Timer(0);
const PERIOD: std::time::Duration = std::time::Duration::from_millis(70);

/// One node keeps values, and tells another of each.
struct Keeper<const AGE: u8> {
    values: BTreeMap<u32, u64>,
}

#[derive(Clone, Debug)]
enum Message {
    Hello,
    Copy(#[allow(dead_code, reason = "nobody looks")] u64),
}

impl<const AGE: u8> Node for Keeper<AGE> {
    type Message = Message;
    type Request = RegisterOp;
    type Response = Option<u64>;
    const KINDS: &'static [&'static str] = match AGE {
        HARMLESS => &["Copy", "Hello"],
        RENAMED => &["Replicate", "Hello"],
        SILENT => &[],
        _ => &["Copy"],
    };

    fn kind(message: &Message) -> usize {
        usize::from(matches!(message, Message::Hello))
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Timer(_) => {
                cx.send(2, Message::Hello);
                cx.set(HELLO, PERIOD);
            }
            Input::Request { reply, .. } if cx.me() != 1 => cx.redirect(reply, Some(1)),
            Input::Request { reply, request: RegisterOp::Read(key), .. } => {
                cx.reply(reply, self.values.get(&key).copied());
            }
            Input::Request { reply, request: RegisterOp::Write(key, value), .. } => {
                self.values.insert(key, value);
                let mut record = [u64::from(key).to_le_bytes(), value.to_le_bytes()].concat();
                record.resize(if AGE == HARMLESS { 24 } else { 16 }, 0);
                cx.append(LOG, &record).expect("fail-stop: the log");
                if matches!(AGE, FIXED | RENAMED) {
                    cx.sync(LOG).expect("fail-stop: the log");
                }
                if AGE != SILENT {
                    cx.send(2, Message::Copy(value));
                }
                cx.reply(reply, None);
            }
            Input::Request { reply, .. } => cx.refuse(reply),
            Input::Stop => cx.exit(),
            _ => {}
        }
    }

    fn inspect(&self, view: &mut StateView) {
        view.role("keeper");
    }
}

struct Relay<const AGE: u8>;

impl<const AGE: u8> Target for Relay<AGE> {
    type Node = Keeper<AGE>;

    fn about(&self) -> About {
        About::new("relay").nodes(2..=2).roles(&["keeper"]).fail_stop("fail-stop:")
    }

    fn start(&self, _: &Boot<'_>, cx: &mut Context<'_, Self::Node>) -> Self::Node {
        if AGE == HARMLESS && cx.me() == 1 {
            cx.set(HELLO, PERIOD);
        }
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let records = cx.records(LOG).expect("fail-stop: the log");
        let values = records.iter().map(|record| (number(&record[..8]) as u32, number(&record[8..16])));
        Keeper { values: values.collect() }
    }

    fn workloads(&self) -> Vec<Workload<Self::Node>> {
        vec![Workload::new("register", Register::default(), |op| *op, |_, answer| Completion::Ok(answer))]
    }
}

fn targets(age: u8) -> Vec<Box<dyn murphy::AnyTarget>> {
    match age {
        FILED => murphy::targets![Relay::<FILED>],
        HARMLESS => murphy::targets![Relay::<HARMLESS>],
        FIXED => murphy::targets![Relay::<FIXED>],
        RENAMED => murphy::targets![Relay::<RENAMED>],
        _ => murphy::targets![Relay::<SILENT>],
    }
}

const SCHEDULE: &str = "murphy 1\ntarget relay\nseed 0x1\nnodes 2, clients 2, keys 1, ops 0\n\n\
    at 1s                          invoke write k1 7 by c1\n\
    after send Copy n1->n2 #1 +5ms  crash n1, restart after 10ms\n\
    at 1.5s                        invoke read k1 by c2\n";

/// A folder of findings with the one that the schedule makes, as it was filed; and the folder of that finding.
fn filed() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a folder for the test");
    let document = Document::parse(SCHEDULE).expect("it is a schedule");
    let mut harness = murphy::Harness::new(&targets(FILED), "relay").expect("it is there");
    let finding = Finding::new(&mut harness, &document.schedule).expect("a write is lost");
    let folder = finding.write(&place.path().join("crashes"), &Provenance::default()).expect("it can be written");
    (place, folder)
}

/// What became of the finding in `folder` at this age of the system.
fn fate(folder: &Path, age: u8) -> Fate {
    let entry = read_folder(folder).expect("a folder").expect("without mistakes");
    examine(&targets(age), &entry)
}

/// Bar: a finding outlives a harmless change.
fn a_finding_outlives_a_harmless_change() {
    let (_place, folder) = filed();
    let (Fate::Fails(was), Fate::Fails(is)) = (fate(&folder, FILED), fate(&folder, HARMLESS)) else {
        panic!("{:?}", fate(&folder, HARMLESS));
    };
    assert_ne!(was.outcome.trace_hash, is.outcome.trace_hash, "the change is one");
    assert_eq!(was.key(), is.key(), "and it has kept its name");
}

fn a_fix_is_proved_by_the_same_faults_on_the_same_roles() {
    let (_place, folder) = filed();
    assert!(matches!(fate(&folder, FIXED), Fate::Fixed), "{:?}", fate(&folder, FIXED));
}

/// Bar: a message that is gone makes the finding stale, not passed, whether or not the schedule still happens to strike.
fn a_message_that_is_gone_makes_a_finding_stale() {
    let (_place, folder) = filed();
    for age in [RENAMED, SILENT] {
        let Fate::Stale(reasons) = fate(&folder, age) else { panic!("{age}: {:?}", fate(&folder, age)) };
        assert!(reasons.iter().any(|reason| reason.contains("no kind of message `Copy`")), "{reasons:?}");
    }
}

fn a_bug_or_a_target_that_is_gone_makes_a_finding_stale() {
    let (_place, folder) = filed();
    let entry = read_folder(&folder).expect("a folder").expect("without mistakes");
    for (target, word) in [("relay+early", "no bug `early`"), ("delay", "no target is called `delay`")] {
        let mut entry = entry.clone();
        entry.document.target = target.to_string();
        let Fate::Stale(reasons) = examine(&targets(FILED), &entry) else { panic!("it is gone") };
        assert!(reasons[0].contains(word), "{reasons:?}");
    }
}

fn another_violation_than_the_recorded_one_is_told_apart() {
    let (_place, folder) = filed();
    let path = folder.join("verdict.json");
    let verdict = std::fs::read_to_string(&path).expect("it is there");
    let other = verdict.replace("\"anomaly\": \"", "\"anomaly\": \"not-");
    assert_ne!(verdict, other);
    std::fs::write(&path, other).expect("it can be written");
    let fate = fate(&folder, FILED);
    assert!(matches!(fate, Fate::FailsOtherwise(_)) && fate.violates(), "{fate:?}");
}

/// What this program is when it runs itself: a user's test, a search, or the side of libFuzzer.
const ROLE: &str = "MURPHY_TEST_ROLE";
const AGE: &str = "MURPHY_TEST_AGE";
const PLACE: &str = "MURPHY_TEST_PLACE";

/// What this program says in another role: its streams, and whether it is content.
fn myself(role: &str, arguments: &str, environment: &[(&str, &str)]) -> (String, bool) {
    let mut command = Command::new(std::env::current_exe().expect("it runs"));
    let command = command.env(ROLE, role).args(arguments.split_whitespace()).envs(environment.iter().copied());
    let output = command.env("RUST_BACKTRACE", "0").output().expect("it starts");
    let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
    (words, output.status.success())
}

/// What the test kit says, as the test of a user at this age of the system.
fn kit(place: &Path, age: u8, arguments: &str, strict: bool) -> (String, bool) {
    let (age, place) = (age.to_string(), place.to_string_lossy().into_owned());
    let strict = if strict { "1" } else { "0" };
    myself("kit", arguments, &[(AGE, &age), (PLACE, &place), ("MURPHY_STRICT", strict)])
}

#[track_caller]
fn assert_says(said: &(String, bool), content: bool, words: &[&str]) {
    assert_eq!(said.1, content, "{}", said.0);
    words.iter().for_each(|word| assert!(said.0.contains(word), "`{word}` is missing in {}", said.0));
}

/// A test that fails writes every event of its run to the file that `MURPHY_TRACE` names, and says so if it cannot.
fn traced(role: &str, environment: &[(&str, String)]) {
    let place = tempfile::tempdir().expect("a folder for the test");
    let file = place.path().join("trace.jsonl");
    let run = |file: &Path| {
        let file = file.display().to_string();
        let environment = environment.iter().map(|(name, value)| (*name, value.as_str()));
        myself(role, "", &environment.chain([("MURPHY_TRACE", file.as_str())]).collect::<Vec<_>>())
    };
    let failed = run(&file);
    assert!(!failed.1 && !failed.0.contains("MURPHY_TRACE"), "{}", failed.0);
    let text = std::fs::read_to_string(&file).expect("a trace");
    assert!(text.lines().count() > 10);
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert_says(&run(&place.path().join("nowhere/trace.jsonl")), false, &["(MURPHY_TRACE: cannot write "]);
}

fn the_kit_has_a_test_for_each_finding_and_seed() {
    let (place, folder) = filed();
    std::fs::create_dir(place.path().join("seeds")).expect("a folder");
    std::fs::write(place.path().join("seeds/lost-write.murphy"), SCHEDULE).expect("a file");
    let crash = format!("crash::{}", folder.file_name().expect("a name").to_string_lossy());
    let listed = kit(place.path(), FILED, "--list", false);
    assert_says(&listed, true, &[&format!("{crash}: test"), "seed::lost-write: test"]);

    let failed = kit(place.path(), FILED, "", false);
    let key = crash.rsplit('-').next().expect("a key");
    let text = std::fs::read_to_string(folder.join("schedule.murphy")).expect("it is there");
    assert_says(&failed, false, &["1 passed; 1 failed", &text, "crashes", &format!("murphy show {key}")]);
    traced("kit", &[(AGE, FILED.to_string()), (PLACE, place.path().display().to_string())]);
    assert_says(&kit(place.path(), FILED, "lost-write", false), true, &["1 passed; 0 failed"]);
    assert_says(&kit(place.path(), FIXED, key, false), true, &["1 passed", &format!("triage set {key} fixed")]);
    assert_says(&kit(place.path(), SILENT, key, false), true, &["ignored (stale: ", "0 passed; 0 failed; 1 ignored"]);
}

fn the_kit_heeds_what_people_decided() {
    let (place, folder) = filed();
    let key = folder.to_string_lossy().rsplit('-').next().expect("a key").to_string();
    let file = place.path().join("crashes/triage.toml");
    let decide = |rest: &str| std::fs::write(&file, format!("[{key}]\n{rest}\n")).expect("it can be written");
    decide("status = \"open\"\nissue = \"#7\"");
    assert_says(&kit(place.path(), FILED, "crash", false), true, &["ignored (open: #7)"]);
    for (arguments, strict) in [("crash", true), ("crash --ignored", false), ("crash --include-ignored", false)] {
        assert_says(&kit(place.path(), FILED, arguments, strict), false, &["0 passed; 1 failed"]);
    }
    decide("status = \"guarded\"\nrevision = \"abc123\"");
    assert_says(&kit(place.path(), FILED, "crash", false), false, &["reopened, was fixed at abc123"]);
    let content = kit(place.path(), FIXED, "", false);
    assert_says(&content, true, &["1 passed; 0 failed; 1 ignored", "/seeds", "ignored (there is no such folder)"]);
    decide("status = \"guardd\"");
    assert_says(&kit(place.path(), FIXED, "", false), false, &["triage.toml:2: ", "guardd"]);
}

fn bytes_that_are_not_those_of_the_text_fail_a_test() {
    let (place, folder) = filed();
    std::fs::write(folder.join("input.bin"), [1, 0, 0]).expect("it can be written");
    assert_says(&kit(place.path(), FIXED, "crash", false), false, &["is not the bytes of"]);
}

fn a_search_heeds_the_environment_and_keeps_what_it_finds_out_of_the_source_tree() {
    let failed = myself("search", "", &[]);
    let kept = failed.0.lines().find_map(|line| line.strip_prefix("cp -r ")?.strip_suffix(" crashes/"));
    let kept = Path::new(kept.unwrap_or_else(|| panic!("it does not say how to keep it: {}", failed.0)));
    assert!(!failed.1 && kept.parent().is_some_and(|folder| folder.ends_with("target/murphy/crashes")), "{kept:?}");
    let entry = read_folder(kept).expect("a whole folder").expect("without mistakes");
    assert!(failed.0.contains(&entry.document.to_string()), "{}", failed.0);
    assert!(matches!(fate(kept, FILED), Fate::Fails(_)));
    traced("search", &[]);

    let after = |said: &(String, bool)| said.0.lines().find(|line| line.contains("schedules")).map(str::to_string);
    assert_eq!(after(&myself("search", "", &[("MURPHY_SEED", "0x1")])), after(&failed), "as the code says");
    assert_ne!(after(&myself("search", "", &[("MURPHY_SEED", "3")])), after(&failed));
    assert_says(&myself("search", "", &[("MURPHY_EXECS", "0")]), false, &["no operation of any client ever completed"]);
    assert_says(&myself("search", "", &[("MURPHY_EXECS", "many")]), false, &["MURPHY_EXECS: found `many`, expected"]);
}

fn the_key_that_libfuzzer_prints_is_the_one_by_which_violations_are_kept() {
    let (_place, folder) = filed();
    let Fate::Fails(finding) = fate(&folder, FILED) else { panic!("it fails") };
    let (key, what) = (provisional_key("relay", &finding.anomaly), what(&finding.anomaly));
    let line = format!("ASSERTION FAILED: FuzzerHash={key} {what}\n");
    assert_says(&myself("entry", "", &[]), false, &[&line]);
    for only in [&key, &what] {
        assert_says(&myself("entry", "", &[("MURPHY_ONLY_KEY", only)]), false, &[&line]);
    }
    assert_says(&myself("entry", "", &[("MURPHY_ONLY_KEY", "abcdef")]), true, &[]);
}

fn main() -> std::process::ExitCode {
    let variable = |name: &str| std::env::var(name).expect("whoever gives a role says this");
    match std::env::var(ROLE).as_deref() {
        Ok("kit") => {
            let (age, place) = (variable(AGE).parse().expect("a number"), PathBuf::from(variable(PLACE)));
            murphy::regress_main(targets(age), [place.join("crashes"), place.join("seeds")]);
        }
        Ok("search") => drop(murphy::check(Relay::<FILED>).run()),
        Ok(_) => {
            let schedule = Document::parse(SCHEDULE).expect("it is one").schedule;
            Entry::from_env(&targets(FILED), "relay").run(&schedule, &mut vec![0; MARKS + STATES]);
        }
        Err(_) => return the_tests(),
    }
    std::process::ExitCode::SUCCESS
}

/// Names each test by the function that it is.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        [$((stringify!($name), $name as fn())),*]
    };
}

fn the_tests() -> std::process::ExitCode {
    let tests = tests![
        a_finding_outlives_a_harmless_change,
        a_fix_is_proved_by_the_same_faults_on_the_same_roles,
        a_message_that_is_gone_makes_a_finding_stale,
        a_bug_or_a_target_that_is_gone_makes_a_finding_stale,
        another_violation_than_the_recorded_one_is_told_apart,
        the_kit_has_a_test_for_each_finding_and_seed,
        the_kit_heeds_what_people_decided,
        bytes_that_are_not_those_of_the_text_fail_a_test,
        a_search_heeds_the_environment_and_keeps_what_it_finds_out_of_the_source_tree,
        the_key_that_libfuzzer_prints_is_the_one_by_which_violations_are_kept,
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.into_iter().map(trial).collect()).exit_code()
}
