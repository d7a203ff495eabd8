//! A target of one's own with invariants, at the command line: what breaks one is found, minimized, filed and told, and one that
//! speaks of nothing is not passed over in silence.

#![allow(clippy::print_stdout, reason = "a test of a command")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use murphy::{
    About, Boot, Capture, Completion, Context, Input, Invariant, Node, Register, RegisterOp, StateView, Target,
    Workload, invariant,
};

/// A node that knows how often its process has started.
struct Restless {
    starts: u32,
}

impl Node for Restless {
    type Message = ();
    type Request = RegisterOp;
    type Response = ();
    const KINDS: &'static [&'static str] = &["Nothing"];

    fn kind((): &()) -> usize {
        0
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        if let Input::Request { reply, .. } = input {
            cx.refuse(reply);
        }
    }

    fn inspect(&self, _: &mut StateView) {}

    fn expose(&self, state: &mut Capture<'_>) {
        state.put("starts", self.starts);
    }
}

struct Cluster;

impl Target for Cluster {
    type Node = Restless;

    fn about(&self) -> About {
        About::new("restless").nodes(3..=3).recovers_within(std::time::Duration::MAX)
    }

    fn start(&self, boot: &Boot<'_>, _: &mut Context<'_, Restless>) -> Restless {
        Restless { starts: boot.incarnation + 1 }
    }

    fn workloads(&self) -> Vec<Workload<Restless>> {
        vec![Workload::new("register", Register::default(), |op| *op, |_, ()| Completion::Ok(None))]
    }

    fn invariants(&self) -> Vec<Invariant> {
        let text =
            "invariant \"nobody restarts\", on step: { on every object: starts == 1 on every object: stops == 0 }";
        invariant::parse(text).expect("it is right")
    }
}

/// The same without invariants of its own.
struct Calm;

impl Target for Calm {
    type Node = Restless;

    fn about(&self) -> About {
        About { name: "calm", ..Cluster.about() }.marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Restless>) -> Restless {
        murphy::sometimes!(boot.members.is_empty(), "it is alone");
        murphy::sometimes!(boot.me == 1, "it starts");
        Cluster.start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<Restless>> {
        Cluster.workloads()
    }
}

/// Set where this program is the command.
const COMMAND: &str = "MURPHY_IS_THE_COMMAND";

/// What the command says, on both streams.
#[track_caller]
fn murphy(place: &Path, arguments: &str, code: i32) -> String {
    let program = std::env::current_exe().expect("a test knows its own program");
    let arguments = arguments.split_whitespace();
    let output = Command::new(program).args(arguments).env(COMMAND, "1").current_dir(place).output().expect("it runs");
    let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert_eq!(output.status.code(), Some(code), "{words}");
    words
}

#[track_caller]
fn assert_told(words: &str, expected: &str) {
    assert!(words.contains(expected), "{expected:?} is not in {words}");
}

fn required_marks_that_nothing_hits_end_a_campaign_inconclusively(place: &Path) {
    murphy(place, "fuzz calm --execs 40 --crashes marks", 0);
    for jobs in ["", " --jobs 2", " --json"] {
        let words = murphy(place, &format!("fuzz calm --execs 40 --crashes marks --require-marks{jobs}"), 3);
        assert_told(&words, "required, and never hit: it is alone (fuzzer/tests/invariants.rs:");
        assert!(!words.contains("never hit: it starts"), "{words}");
    }
    murphy(place, "fuzz restless --execs 5000 --until-first --crashes marks --require-marks", 1);
}

/// The only folder of a finding there.
#[track_caller]
fn only_finding(place: &Path, crashes: &str) -> PathBuf {
    let entries = std::fs::read_dir(place.join(crashes)).expect("the folder is there").filter_map(Result::ok);
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.remove(0)
}

/// What `run` panics with.
fn panic_of(run: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panicked = std::panic::catch_unwind(run).expect_err("it panics");
    *panicked.downcast::<String>().expect("a message")
}

fn invariants_of_a_file_are_kept_with_what_they_find(place: &Path) {
    let text =
        "invariant \"stays up\", on step: {\n    on every object: starts == 1\n    on every object: stops == 0\n}";
    let file = place.join("up.inv");
    std::fs::write(&file, text).expect("it can be written");
    murphy(place, "fuzz calm --execs 300 --crashes none", 0);
    let words = murphy(place, "fuzz calm --until-first --execs 5000 --crashes kept --invariant up.inv", 1);
    assert_told(&words, "invariant \"stays up\": `on every object: stops == 0` was never true nor false");
    assert_told(&words, "stays-up");
    assert_told(&words, "reproduced 3/3");
    murphy(place, "fuzz calm --until-first --execs 5000 --crashes several --invariant up.inv --jobs 2", 1);
    std::fs::remove_file(&file).expect("it is there");

    let folder = only_finding(place, "kept");
    for command in ["replay", "show", "min --crashes kept"] {
        let words = murphy(place, &format!("{command} {}", folder.display()), 1);
        assert!(command.starts_with("min") || words.contains("stays-up"), "{words}");
    }
    let kept = place.join("kept");
    let told = panic_of(move || assert_eq!(murphy::regress(Calm, &kept), 1));
    assert_told(&told, "The invariant \"stays up\" does not hold of n");
    let told = panic_of(move || drop(murphy::check(Calm).invariants(text).run()));
    assert_told(&told, "The invariant \"stays up\" does not hold of n");

    std::fs::remove_file(folder.join("invariants.inv")).expect("it is kept in the folder");
    assert_told(&murphy(place, &format!("replay {}", folder.display()), 0), "no violation");
    assert_eq!(murphy::regress(Calm, &place.join("kept")), 1);
    assert_eq!(murphy::regress(Cluster, &place.join("kept")), 0, "it is of another target");
    let missing = place.join("no-such-folder");
    assert_told(&panic_of(move || assert_eq!(murphy::regress(Calm, &missing), 0)), "no-such-folder is no folder");
}

fn a_bad_file_is_told_before_anything_runs(place: &Path) {
    std::fs::write(place.join("bad.inv"), "invariant \"a\": {\n    on every object: starts = 1\n}\n")
        .expect("it can be written");
    let words = murphy(place, "fuzz calm --execs 300 --crashes never --invariant bad.inv", 2);
    assert_told(&words, "bad.inv:2:");
    assert_told(&words, "on every object: starts = 1");
    assert!(!place.join("never").exists(), "nothing was begun");
}

fn main() {
    if std::env::var_os(COMMAND).is_some() {
        murphy::cli(murphy::targets![Cluster, Calm]);
    }
    let place = tempfile::tempdir().expect("a folder for the test");
    let undecided = "invariant \"nobody restarts\": `on every object: stops == 0` was never true nor false: is a name in it misspelt?";
    let words = murphy(place.path(), "fuzz restless --until-first --execs 5000", 1);
    assert_told(&words, undecided);
    assert_told(&words, "nobody-restarts");
    let folder = only_finding(place.path(), "crashes");
    let shown = murphy(place.path(), &format!("show {}", folder.display()), 1);
    assert_told(&shown, "The invariant \"nobody restarts\" does not hold of n");
    assert_told(&shown, "after an event: expected starts == 1, but starts is 2");
    assert_told(&murphy(place.path(), &format!("replay {}", folder.display()), 1), "nobody-restarts");
    assert_told(&murphy(place.path(), "doctor restless --schedules 20", 0), undecided);
    invariants_of_a_file_are_kept_with_what_they_find(place.path());
    a_bad_file_is_told_before_anything_runs(place.path());
    required_marks_that_nothing_hits_end_a_campaign_inconclusively(place.path());
    println!("invariants at the command line ... ok");
}
