//! A target of one's own with invariants, at the command line: what breaks one is found, minimized, filed and told, and one that
//! speaks of nothing is not passed over in silence.

#![allow(clippy::print_stdout, reason = "a test of a command")]

use std::{path::Path, process::Command};

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

fn main() {
    if std::env::var_os(COMMAND).is_some() {
        murphy::cli(murphy::targets![Cluster]);
    }
    let place = tempfile::tempdir().expect("a folder for the test");
    let undecided = "invariant \"nobody restarts\": `on every object: stops == 0` was never true nor false: is a name in it misspelt?";
    let words = murphy(place.path(), "fuzz restless --until-first --execs 5000", 1);
    assert_told(&words, undecided);
    assert_told(&words, "nobody-restarts");
    let findings = std::fs::read_dir(place.path().join("crashes")).expect("the folder is there");
    let folders: Vec<_> = findings.filter_map(Result::ok).filter(|entry| entry.path().is_dir()).collect();
    assert_eq!(folders.len(), 1, "{words}");
    let folder = folders[0].path();
    let shown = murphy(place.path(), &format!("show {}", folder.display()), 1);
    assert_told(&shown, "The invariant \"nobody restarts\" does not hold of n");
    assert_told(&shown, "after an event: expected starts == 1, but starts is 2");
    assert_told(&murphy(place.path(), &format!("replay {}", folder.display()), 1), "nobody-restarts");
    assert_told(&murphy(place.path(), "doctor restless --schedules 20", 0), undecided);
    println!("invariants at the command line ... ok");
}
