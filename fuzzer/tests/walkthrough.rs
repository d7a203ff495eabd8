//! README's "Your own system", followed word for word: from `cargo new` to a finding that stays a test. Only that `murphy` is this
//! checkout, not a release.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const README: &str = include_str!("../../README.md");
const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");

/// A block of the section, and the paragraph above it.
struct Block {
    above: String,
    language: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let section = README.split("\n## ").find(|section| section.starts_with("Your own system")).expect("the section");
    let mut parts = section.split("```");
    let mut blocks = Vec::new();
    while let (Some(above), Some(block)) = (parts.next(), parts.next()) {
        let (language, text) = block.split_once('\n').expect("a language and a text");
        let above = above.trim().rsplit("\n\n").next().unwrap_or_default().to_string();
        blocks.push(Block { above, language: language.to_string(), text: text.to_string() });
    }
    blocks
}

impl Block {
    /// The file that the block is, as the paragraph above says.
    fn file(&self) -> Option<&str> {
        let is_file = |word: &&str| word.ends_with(".rs") || word.ends_with(".toml");
        self.above.split('`').skip(1).step_by(2).find(is_file).filter(|_| self.language != "console")
    }
}

/// The crate that comes of it.
struct Crate(PathBuf);

impl Crate {
    fn follow(&mut self, block: &Block) {
        if let Some(name) = block.file() {
            return self.write(name, &block.text);
        }
        let mut out = String::new();
        for line in block.text.lines().filter(|_| block.language == "console") {
            match line.strip_prefix("$ ") {
                Some(command) => out = self.run(command),
                None => assert!(out.contains(line), "`{line}` is missing in\n{out}"),
            }
        }
    }

    /// Writes a file; what there is of a manifest stays.
    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        let before =
            if name == "Cargo.toml" { fs::read_to_string(&path).expect("it is there") + "\n" } else { String::new() };
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, before + text).expect("a file");
    }

    fn run(&mut self, line: &str) -> String {
        if let Some(folder) = line.strip_prefix("cd ") {
            self.0.push(folder);
            let lock = Path::new(CHECKOUT).join("../Cargo.lock");
            fs::copy(lock, self.0.join("Cargo.lock")).expect("the same dependencies");
            return String::new();
        }
        let released = "cargo add murphy ";
        let (code, out) = self.shell(&line.replace(released, &format!("{released}--path {CHECKOUT} ")));
        assert_eq!(code, i32::from(line.contains(" fuzz ")), "{line}\n{out}");
        out
    }

    fn shell(&self, line: &str) -> (i32, String) {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
        let mut command = Command::new("sh");
        command
            .current_dir(&self.0)
            .args(["-c", line])
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_NET_OFFLINE", "true");
        // As in this workspace, so that dependencies are the ones that are compiled already.
        command.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only").env_remove("MURPHY_LOG");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "A Reader").env(format!("GIT_{who}_EMAIL"), "reader@example.org");
        }
        let output = command.output().expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout) + &text(&output.stderr))
    }
}

#[test]
fn readme_leads_from_nothing_to_a_bug_that_stays_a_test() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let mut mirror = Crate(place.path().to_path_buf());
    let blocks = blocks();
    blocks.iter().for_each(|block| mirror.follow(block));
    let (code, committed) = mirror.shell("git show --stat --format=%s");
    assert!(code == 0 && committed.contains("/schedule.murphy"), "{committed}");
    // The test that was committed can fail.
    mirror.shell("sed -i 's/ if cx.me() == LEADER =>/ =>/' src/system.rs");
    let (code, out) = mirror.shell("cargo test what_was_found_stays_fixed");
    assert!(code != 0 && out.contains("crashes/mirror-"), "{out}");
}

#[test]
fn it_takes_at_most_forty_lines_beside_the_system() {
    let blocks = blocks();
    let beside = blocks.iter().filter(|block| block.file().is_some_and(|file| file != "src/system.rs"));
    let lines = beside.flat_map(|block| block.text.lines()).filter(|line| !line.trim().is_empty()).count();
    // `cargo add` writes one more.
    let lines = lines + 1;
    assert!(lines <= 40, "{lines} lines");
    assert!(README.contains(&format!("These are {lines} lines beside the system's own")), "{lines} lines");
}

#[test]
fn init_writes_what_readme_shows() {
    let template = |name: &str| {
        let name = name.rsplit('/').next().expect("a name").replace("murphy.rs", "tests.rs").to_lowercase();
        fs::read_to_string(format!("{CHECKOUT}/src/cli/init/{name}.txt")).expect("a template")
    };
    let files: Vec<(String, String)> =
        blocks().into_iter().filter_map(|block| Some((block.file()?.to_string(), block.text.clone()))).collect();
    assert_eq!(files.len(), 5);
    for (name, text) in files {
        assert!(template(&name).ends_with(&text), "{name} is not as `murphy init` writes it");
    }
}
