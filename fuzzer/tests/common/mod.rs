//! The command `murphy` as a user runs it: a folder of its own, arguments in, two streams and an exit code out.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

/// A folder that is gone after the test.
pub(crate) struct Place(tempfile::TempDir);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in the place")).expect("a folder");
        fs::write(path, contents).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).expect("text")
    }

    /// The command, not yet started.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_murphy"));
        command.current_dir(self.0.path()).args(line.split_whitespace()).env_remove("MURPHY_LOG").stdin(Stdio::null());
        command
    }

    /// Runs the command to its end.
    pub(crate) fn murphy(&self, line: &str) -> Ended {
        finish(self.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts"))
    }

    /// Runs the command to its end with this on standard input.
    pub(crate) fn murphy_reading(&self, line: &str, input: &[u8]) -> Ended {
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
        finish(child)
    }

    /// A campaign that finds the bug of omnipaxos 0.2.0; the name of the finding's folder.
    pub(crate) fn with_finding(&self) -> String {
        let ended = self.murphy("fuzz omnipaxos --until-first --execs 20000 --seed 1");
        assert_eq!(ended.code, 1, "{ended:?}");
        let [folder] = &self.folders()[..] else { panic!("one finding, one folder: {:?}", self.folders()) };
        folder.clone()
    }

    /// The names of the folders of findings.
    pub(crate) fn folders(&self) -> Vec<String> {
        names(&self.path("crashes"))
    }

    /// Every hidden file or folder below here.
    pub(crate) fn hidden(&self) -> Vec<PathBuf> {
        let mut hidden = everything(self.0.path());
        hidden.retain(|path| path.file_name().expect("a name").to_string_lossy().starts_with('.'));
        hidden
    }
}

impl Ended {
    /// The lines of standard output, each an object with a schema.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        let object = |line: &str| -> Value { serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")) };
        let objects: Vec<Value> = self.out.lines().map(object).collect();
        assert!(objects.iter().all(|object| object["schema"].is_string()), "{self:?}");
        objects
    }

    /// Asserts the exit code, and that each word stands on standard error.
    #[track_caller]
    pub(crate) fn complains(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing in {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}

pub(crate) fn finish(child: Child) -> Ended {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ended { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// The names in a folder, sorted; none if there is no such folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let below: Vec<PathBuf> = paths.iter().filter(|path| path.is_dir()).flat_map(|path| everything(path)).collect();
    paths.extend(below);
    paths
}

/// Waits until something is so, at most half a minute.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "it waits for another process, which tells nobody when it is ready")]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what}: not after half a minute");
}

/// Sends a signal, as `kill` does.
pub(crate) fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([name, &process.to_string()]).status().expect("`kill` is there");
    assert!(sent.success());
}
