//! A target that is no function of the schedule ends a campaign with exit 4, and files nothing but that.
//!
//! This program is both the test and the command over two such targets, which the test calls: it has no harness.

use std::{
    path::Path,
    process::Command,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use murphy::{About, Boot, Completion, Context, Input, Node, Register, RegisterOp, StateView, Target, Workload};

/// Requests of the whole process.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// Whether this is the first process in its folder: what a target sees that asks the file system.
static FIRST: LazyLock<bool> = LazyLock::new(|| {
    let first = !Path::new("was-here").exists();
    std::fs::write("was-here", "").expect("the folder is there");
    first
});

/// Answers reads with "never written", but for every so-manieth of the process.
struct Forgetful {
    every: u64,
}

impl Node for Forgetful {
    type Message = ();
    type Request = RegisterOp;
    type Response = Option<u64>;
    const KINDS: &'static [&'static str] = &[];

    fn kind(_: &()) -> usize {
        unreachable!("no message is sent")
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        let Input::Request { reply, request, .. } = input else { return };
        let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        match request {
            RegisterOp::Read(_) if self.every == 0 => cx.reply(reply, FIRST.then_some(7)),
            RegisterOp::Read(_) => cx.reply(reply, count.is_multiple_of(self.every).then_some(count)),
            RegisterOp::Write(..) | RegisterOp::Cas(..) => cx.refuse(reply),
        }
    }

    fn inspect(&self, _: &mut StateView) {}
}

/// A target whose nodes are wrong once in so many requests; 0: always, in the first process.
struct Wrong {
    name: &'static str,
    every: u64,
}

impl Target for Wrong {
    type Node = Forgetful;

    fn about(&self) -> About {
        About::new(self.name).nodes(1..=1)
    }

    fn start(&self, _: &Boot<'_>, _: &mut Context<'_, Forgetful>) -> Forgetful {
        Forgetful { every: self.every }
    }

    fn workloads(&self) -> Vec<Workload<Forgetful>> {
        vec![Workload::new("register", Register::default(), |op| *op, |_, answer| Completion::Ok(answer))]
    }
}

/// Set where this program is the command.
const COMMAND: &str = "MURPHY_IS_THE_COMMAND";

fn main() {
    if std::env::var_os(COMMAND).is_some() {
        let [often, seldom] = [("often", 7), ("seldom", 6007)].map(|(name, every)| Wrong { name, every });
        murphy::cli(murphy::targets![often, seldom, Wrong { name: "first", every: 0 }]);
    }
    // Seen before the campaign begins.
    check("often");
    // Seen when a violation does not repeat.
    check("seldom");
    // Seen when a new process replays what was filed.
    differs_in_a_new_process();
}

fn differs_in_a_new_process() {
    let place = tempfile::tempdir().expect("a folder for the test");
    let program = std::env::current_exe().expect("a test knows its own program");
    let arguments = ["fuzz", "first", "--execs", "5000", "--until-first"];
    let output = Command::new(program).args(arguments).env(COMMAND, "1").current_dir(&place).output().expect("it runs");
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(4), "{words}");
    assert!(
        words.starts_with("NEW  nondeterminism / differs-in-a-new-process") && words.contains("reproduced 0/3"),
        "{words}"
    );
    let filed: Vec<_> = std::fs::read_dir(place.path().join("crashes")).expect("it is there").flatten().collect();
    let [folder] = &filed[..] else { panic!("{filed:?}") };
    let name = folder.file_name().into_string().expect("letters");
    assert!(name.starts_with("first-differs-in-a-new-process-"), "{name}");
    let meta = std::fs::read_to_string(folder.path().join("meta.json")).expect("it is whole");
    assert!(meta.contains(r#""reproduced": "0/3""#), "{meta}");
}

#[track_caller]
fn check(target: &str) {
    let place = tempfile::tempdir().expect("a folder for the test");
    let program = std::env::current_exe().expect("a test knows its own program");
    let arguments = ["fuzz", target, "--execs", "5000"];
    let output = Command::new(program).args(arguments).env(COMMAND, "1").current_dir(&place).output().expect("it runs");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{target}: {words}");
    assert!(words.contains("two runs of one schedule differed"), "{target}: {words}");
    let filed = std::fs::read_dir(place.path().join("crashes")).expect("the folder is there").count();
    assert_eq!(filed, 0, "{target}: nothing was filed");
}
