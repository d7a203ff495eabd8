//! Commands on schedules as files: lint, faults, schedule new, import and convert, every form everywhere, `--set`.

mod common;

use std::fs;

use common::{Ended, Place};
use murphy_schedule::{Document, FaultKind, forms, lint::lint, tree::Form};

/// A schedule with some of everything, for a target that ships with Murphy.
const STORY: &str = "murphy 1\ntarget raft-kv\nseed 0x7\nnodes 3, clients 2, keys 1, ops 20\n\n\
    cut: at 500ms partition leader | rest for 400ms\nafter cut begins +40ms crash n2 torn, restart after 250ms\n\
    after n1 sync #2 pause n3 for election_timeout*1.1\n";

/// The six mistakes of the acceptance script.
const SIX: &str = "murphy 1\ntarget raft-kv\nseed 0x1\nnodes 3, clients 2\nat 10mz crash n1\nat 1s crush n2\n\
    at 1s partition {n1 | rest\nafter mark leader #0 pause n1 for 1s\nat 2s clock n1 rate fast for 1s\nat 1s delay n1->n9\n";

/// Entries of another tool: the first strikes a node that is not there.
const FOREIGN: &str = "murphy: 1
topology: {clients: 2}
faults:
- {type: node_crash, target: node7, timing: {at: 1s}}
- {type: pause, target: node2, timing: {at: 2s}}
";

/// The endings of all forms.
const ENDINGS: [&str; 5] = ["murphy", "toml", "yaml", "json", "script"];

impl Place {
    /// Runs the command with these arguments.
    fn with(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command("");
        command.args(arguments).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        common::finish(command.spawn().expect("it starts"))
    }

    /// The story in every form: `story.murphy`, `story.toml`, ….
    fn with_story(&self) {
        self.write("story.murphy", STORY);
        for ending in &ENDINGS[1..] {
            self.murphy(&format!("schedule convert story.murphy --to {ending} -o story.{ending}")).succeeds(&[]);
        }
        self.murphy("schedule convert story.murphy --to bytes -o story.bin").succeeds(&[]);
    }
}

impl Ended {
    /// Asserts success, and that each word stands on standard output.
    #[track_caller]
    fn succeeds(&self, words: &[&str]) {
        assert_eq!(self.code, 0, "{self:?}");
        words.iter().for_each(|word| assert!(self.out.contains(word), "`{word}` is missing in {}", self.out));
    }
}

#[test]
fn lint_gives_all_mistakes_of_all_files() {
    let place = Place::new();
    place.write("six.murphy", SIX);
    place.write(
        "one.toml",
        "murphy = 1\ntarget = \"echo\"\nseed = 1\n\n[[steps]]\nat = \"1s\"\nfault = \"crush\"\nvictims = \"n1\"\n",
    );
    place.write("fine.murphy", "murphy 1\ntarget echo\nseed 0x1\n");
    let ended = place.murphy("lint six.murphy fine.murphy one.toml");
    let places =
        ["six.murphy:5:4", "six.murphy:6:7", "six.murphy:7:", "six.murphy:8:", "six.murphy:9:", "six.murphy:10:19"];
    ended.complains(2, &places);
    ended.complains(2, &["one.toml:7:", "did you mean `crash`?", "units us, ms, s, m", "crush"]);
    assert!(!ended.err.contains("fine.murphy") && ended.out.is_empty(), "{ended:?}");
    let ended = place.murphy("lint six.murphy one.toml --json");
    let objects = ended.json();
    assert_eq!((ended.code, objects.len()), (2, 7), "{ended:?}");
    assert!(objects.iter().all(|object| object["schema"] == "murphy/lint/1" && object["severity"] == "error"));
    assert_eq!((&objects[1]["line"], &objects[1]["suggestion"]), (&6.into(), &"crash".into()));
    assert_eq!((&objects[6]["file"], &objects[6]["line"]), (&"one.toml".into(), &7.into()));
}

#[test]
fn lint_warns_of_what_can_never_strike() {
    let place = Place::new();
    let text = "murphy 1\ntarget raft-kv\nseed 0x1\nnodes 3\n\n# why\nx: at 1s crash n9\nat 90s pause leadr for 1s\non call crash n1\n";
    place.write("odd.murphy", text);
    let ended = place.murphy("lint odd.murphy");
    ended.succeeds(&["odd.murphy:7:1: warning: the cluster has 3 nodes", "x: at 1s crash n9", "help: "]);
    ended.succeeds(&[
        "odd.murphy:8:1: warning: raft-kv has no role `leadr`",
        "did you mean `leader`?",
        "odd.murphy:8:1: warning: the chaos",
    ]);
    ended.succeeds(&["odd.murphy:9:1: warning: it begins only when it is activated"]);
    let objects = place.murphy("lint odd.murphy --json").json();
    assert_eq!(objects.len(), 4, "{objects:?}");
    assert_eq!(
        (&objects[0]["line"], &objects[0]["step"], &objects[0]["severity"]),
        (&7.into(), &1.into(), &"warning".into())
    );
    place.murphy("schedule convert odd.murphy --to json -o odd.json").succeeds(&[]);
    place.murphy("lint odd.json").succeeds(&["odd.json:7:5: warning: the cluster", "    x: at 1s crash n9"]);
    let objects = place.murphy("lint odd.json --json").json();
    assert_eq!((&objects[0]["line"], &objects[0]["step"]), (&7.into(), &1.into()), "{objects:?}");
    assert_eq!(objects[0]["text"], "x: at 1s crash n9");
    place.write("foreign.yaml", FOREIGN);
    let ended = place.with(&["lint", "foreign.yaml", "--set", "nodes 3"]);
    ended.succeeds(&["foreign.yaml:4:3: warning: the cluster has 3 nodes", "at 1s crash n7"]);
    place.murphy("schedule convert odd.murphy --to bytes -o odd.bin").succeeds(&[]);
    place
        .murphy("lint odd.bin --target raft-kv")
        .succeeds(&["odd.bin: step 1: warning: the cluster", "    s1: at 1s crash n9"]);
    assert_eq!(place.with(&["lint", "odd.murphy", "--set", "nodes 5"]).out.matches("n9 is n4").count(), 1);
    assert_eq!(place.murphy("lint odd.murphy --target omnipaxos").out.matches("omnipaxos has no role").count(), 1);
    place.with_story();
    for ending in ENDINGS {
        let ended = place.murphy(&format!("lint story.{ending}"));
        assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "", ""), "{ending}");
    }
}

#[test]
fn lint_of_what_is_no_schedule() {
    let place = Place::new();
    place.write("garbage.murphy", [0xff; 300]);
    place.write("garbage.yaml", [0xff, 0xfe, 0, 7]);
    place.write("garbage.bin", [0xff; 300]);
    place.write("empty.murphy", "");
    place.write("empty.toml", "");
    place.write("empty", "");
    place.write("notes.txt", "hello");
    place.write("folder/x", "");
    place.murphy("lint garbage.murphy").complains(2, &["garbage.murphy:1:1"]);
    place.murphy("lint garbage.yaml").complains(2, &["garbage.yaml:1:"]);
    place.murphy("lint empty.murphy").complains(2, &["empty.murphy:1:1", "`murphy 1`"]);
    place.murphy("lint empty.toml").complains(2, &["empty.toml"]);
    for file in ["garbage.bin", "empty", "notes.txt"] {
        place.murphy(&format!("lint {file}")).complains(2, &[file, "no schedule", ".yaml"]);
    }
    place.murphy("lint folder").complains(10, &["folder/schedule.murphy"]);
    place.murphy("lint nosuch.murphy empty.murphy").complains(10, &["nosuch.murphy", "empty.murphy:1:1"]);
    place.murphy("lint empty.murphy --form sql").complains(2, &["sql", "yaml"]);
    place.write("short.murphy", "murphy 1\ntarget any\nat 1s");
    place.murphy("lint short.murphy").complains(2, &["short.murphy:3:", "expected a fault"]);
    place.murphy("lint").complains(2, &["<FILES>"]);
    place.murphy_reading("lint - --target nosuch", b"").complains(2, &["`nosuch`", "raft-kv"]);
    place.murphy_reading("lint -", SIX.as_bytes()).complains(2, &["standard input:6:7"]);
    place.murphy_reading("lint - --form yaml", b"steps: [").complains(2, &["standard input:1:"]);
}

#[test]
fn lint_checks_a_schedule_for_another_program_without_its_names() {
    let place = Place::new();
    let text = "murphy 1\ntarget raft-kw\nseed 0x1\nnodes 3\nat 1s crash n9\nat 2s pause chief for 1s\n";
    place.write("one.murphy", text);
    place.write("two.murphy", text.replace("n9", "n1"));
    let ended = place.murphy("lint one.murphy two.murphy");
    ended.succeeds(&[
        "one.murphy:2:1: warning: no target is called `raft-kw`",
        "did you mean `raft-kv`?",
        "one.murphy:5:1",
    ]);
    assert_eq!(ended.out.matches("no target is called").count(), 1, "{ended:?}");
    assert!(!ended.out.contains("chief") && ended.err.is_empty(), "{ended:?}");
    let objects = place.murphy("lint two.murphy one.murphy --json").json();
    assert_eq!(objects.len(), 2, "{objects:?}");
    assert_eq!((&objects[0]["severity"], &objects[0]["line"]), (&"warning".into(), &2.into()));
    place.write("two.murphy", "murphy 1\ntarget raft-kv+nosuch\n");
    place.murphy("lint two.murphy").complains(2, &["`nosuch`", "raft-kv"]);
    let seeds = fs::read_dir(format!("{}/../corpus/seeds", env!("CARGO_MANIFEST_DIR"))).expect("there are seeds");
    let seeds: Vec<String> = seeds.flatten().map(|seed| seed.path().display().to_string()).collect();
    let ended = place.murphy(&format!("lint {}", seeds.join(" ")));
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
}

#[test]
fn what_a_file_looks_like_decides_what_is_wrong_with_it() {
    let place = Place::new();
    place.with_story();
    for (ending, upper) in ENDINGS.iter().zip(["MURPHY", "Toml", "YML", "Json", "SCRIPT"]) {
        let text = place.text(&format!("story.{ending}"));
        place.write(&format!("story.{upper}"), &text);
        place.murphy(&format!("lint story.{upper}")).succeeds(&[]);
        // JSON has no comments.
        place.write("story", if *ending == "json" { text } else { format!("\n# why\n{text}") });
        place.murphy("lint story").succeeds(&[]);
        place.murphy_reading("schedule convert - --to toml", &place.read("story")).succeeds(&["leader | rest"]);
    }
    for (text, words) in [
        ("{\"murphy\": 1, \"steps\": [", "standard input:1:"),
        ("# why\n\nmurphy = 1\nseed = = 2\n", "standard input:4:8"),
        ("[[steps]]\nfault = \"crush\"\n", "standard input:2:"),
        ("---\nmurphy: 1\nsteps: [", "standard input:3:"),
        ("name: mine\nfaults:\n- {type: crush}\n", "standard input:3:"),
        ("schedule(target=\"raft-kv\")\ncrush(\"n1\")\n", "standard input:2:1"),
        ("split = partition(\"halves\", )\ncrush(\"n1\")", "standard input:2:1"),
        ("# why\nmurphy 1\nat 1s crush n1\n", "standard input:3:7"),
        ("murphy 2\n", "version 1"),
        ("\u{feff}murphy 1\nat 1s crush n1\n", "standard input:2:7"),
    ] {
        place.murphy_reading("lint -", text.as_bytes()).complains(2, &[words]);
    }
    for text in ["hello", "at 1s crash n1\n", "note: this = that\n", "see (this)\n", "", "\u{7f}\n"] {
        place.murphy_reading("lint -", text.as_bytes()).complains(2, &["standard input is no schedule"]);
    }
}

#[test]
fn nothing_is_written_over_by_mistake() {
    let place = Place::new();
    place.with_story();
    let (text, bytes) = (place.text("story.murphy"), place.read("story.bin"));
    #[cfg(unix)]
    std::os::unix::fs::symlink("story.murphy", place.path("link.murphy")).expect("a link");
    for line in ["encode", "schedule convert --to bytes"] {
        for name in ["story.murphy", "./story.murphy", "link.murphy"] {
            for force in ["", "--force"] {
                let ended = place.murphy(&format!("{line} story.murphy -o {name} {force}"));
                ended.complains(10, &[name, "is what is read"]);
            }
        }
    }
    assert_eq!(place.text("story.murphy"), text);
    place.murphy("decode story.bin -o story.bin --force").complains(10, &["story.bin", "is what is read"]);
    place.murphy("decode story.bin -o story.murphy").complains(10, &["story.murphy", "--force"]);
    place.murphy("encode story.murphy -o story.bin").complains(10, &["story.bin", "--force"]);
    assert_eq!((place.text("story.murphy"), place.read("story.bin")), (text, bytes.clone()));
    place.murphy("encode story.murphy -o story.json --force").succeeds(&[]);
    assert_eq!(place.read("story.json"), bytes);
    place.murphy("decode story.bin -o story.json --force").succeeds(&[]);
    place.murphy("decode story.json").complains(2, &["is text already"]);
    assert!(place.hidden().is_empty());
}

#[test]
fn a_trace_has_the_labels_of_the_file() {
    let place = Place::new();
    place.with_story();
    for file in ["story.murphy", "story.yaml"] {
        let ended = place.murphy(&format!("replay {file} -v"));
        ended.succeeds(&[
            "step begins: cut: at 500ms partition",
            "step ends: cut:",
            "step begins: after cut begins +40ms",
        ]);
        assert!(!ended.out.contains("s1"), "{}", ended.out);
    }
    assert!(place.murphy("replay story.bin --target raft-kv -v").out.contains("step begins: s1: at 500ms"));
}

#[test]
fn every_command_takes_every_form() {
    let place = Place::new();
    place.with_story();
    place.murphy("encode story.murphy -o expected").succeeds(&[]);
    let story = place.murphy("replay story.murphy --json").json().remove(0);
    for ending in ENDINGS {
        let file = format!("story.{ending}");
        place.murphy(&format!("encode {file} -o encoded --force")).succeeds(&[]);
        assert_eq!(place.read("encoded"), place.read("expected"), "{ending}");
        assert_eq!(
            place.murphy(&format!("replay {file} --json")).json()[0]["trace_hash"],
            story["trace_hash"],
            "{ending}"
        );
        assert_eq!(place.murphy(&format!("show {file}")).code, 0, "{ending}");
        assert_eq!(place.murphy(&format!("min {file}")).code, 0, "{ending}");
        let piped = place.murphy_reading(&format!("replay - --form {ending} --json"), &place.read(&file));
        assert_eq!(piped.json()[0]["trace_hash"], story["trace_hash"], "{ending}");
    }
    assert_eq!(place.read("story.bin"), place.read("expected"));
    let json = place.murphy_reading("replay - --json", &place.read("story.json"));
    assert_eq!(json.json()[0]["trace_hash"], story["trace_hash"], "a brace begins JSON");
    place.write("story.json", "{\"murphy\": 1, \"steps\": [{\"fault\": \"crush\"}]}");
    for command in ["replay", "show", "min", "encode", "lint"] {
        place.murphy(&format!("{command} story.json")).complains(2, &["story.json:1:", "crush", "`crash`"]);
    }
    place.murphy("fmt story.json").complains(2, &["story.json", "convert"]);
}

#[test]
fn forms_convert_into_each_other() {
    let place = Place::new();
    place.with_story();
    let text = place.text("story.murphy");
    let canonical = Document::parse(&text).expect("it is right").to_string();
    for ending in ENDINGS {
        let converted = place.murphy(&format!("schedule convert story.{ending} --to murphy"));
        assert_eq!((converted.code, converted.out.as_str()), (0, canonical.as_str()), "{ending}: {}", converted.err);
    }
    let named = place.murphy("schedule convert story.bin --to murphy --target raft-kv");
    named.succeeds(&["target raft-kv", "partition leader | rest", "election_timeout*1.1"]);
    place.murphy("schedule convert story.toml --to murphy -o story.json").complains(10, &["story.json", "--force"]);
    place.murphy("schedule convert story.toml --to murphy -o story.json --force").succeeds(&[]);
    assert_eq!(place.text("story.json"), canonical);
    place.murphy("schedule convert story.toml --to xml").complains(2, &["xml", "yaml"]);
    place.murphy("schedule convert story.toml").complains(2, &["--to"]);
    place.murphy("schedule convert nosuch.toml --to json").complains(10, &["nosuch.toml"]);
    place.murphy("schedule convert story.toml --to json -o nosuch/x.json").complains(10, &["nosuch/x.json"]);
    assert!(place.hidden().is_empty());
}

#[test]
fn what_is_said_anew_counts() {
    let place = Place::new();
    place.with_story();
    for ending in ["murphy", "yaml"] {
        let file = format!("story.{ending}");
        let arguments =
            ["schedule", "convert", &file, "--to", "murphy", "--set", "nodes 5, clients 3", "--set", "seed 9"];
        let ended = place.with(&arguments);
        ended.succeeds(&["nodes 5, clients 3, keys 1, ops 20", "seed 0x9", "partition leader | rest"]);
    }
    let group = [
        "schedule",
        "convert",
        "story.murphy",
        "--to",
        "murphy",
        "--set",
        "phases chaos 2s",
        "--set",
        "group east {n1}",
    ];
    place.with(&group).succeeds(&["phases chaos 2s", "group east {n1}"]);
    place.write("dcs.murphy", "murphy 1\ntarget any\nseed 0x1\ndcs 2\ngroup east {n1}\n");
    for (line, words) in [
        ("dcs 3", ["dcs 3", "group east {n1}"]),
        ("group east {n2}", ["dcs 2", "group east {n2}"]),
        ("group west {n2}", ["group east {n1}", "group west {n2}"]),
    ] {
        let ended = place.with(&["schedule", "convert", "dcs.murphy", "--to", "murphy", "--set", line]);
        ended.succeeds(&words);
    }
    let seed =
        |seed: &str| place.with(&["replay", "story.murphy", "--json", "--set", seed]).json()[0]["trace_hash"].clone();
    assert_ne!(seed("seed 8"), seed("seed 9"));
    place.with(&["encode", "story.toml", "-o", "one", "--set", "target any"]).succeeds(&[]);
    assert_eq!(place.read("one"), place.read("story.bin"));
    assert_eq!(place.with(&["show", "story.murphy", "--set", "ops 3"]).code, 0);
    assert_eq!(place.with(&["min", "story.murphy", "--set", "ops 3"]).code, 0);
    for (line, words) in [
        ("noodles 5", ["--set:1:1", "did you mean `nodes`?"]),
        ("nodes 99", ["--set:1:7", "0 to 16"]),
        ("phases chaos 10", ["--set:1:14", "10ms"]),
        ("at 1s crash n1", ["--set:1:1", "a line of the header"]),
        ("murphy 1", ["--set:1:1", "a line of the header"]),
        ("", ["--set", "a line of the header"]),
        ("seed 1 2", ["--set:1:8", "the end of the line"]),
    ] {
        for command in ["replay", "show", "min", "encode", "lint"] {
            place.with(&[command, "story.murphy", "--set", line]).complains(2, &words);
        }
    }
}

#[test]
fn a_preset_is_a_schedule() {
    let place = Place::new();
    let ended = place
        .murphy("schedule new --nemesis partition,kill --shape majorities-ring,one --interval 10s --time-limit 60s");
    ended.succeeds(&["target any", "partition ring", "crash one", "# ", "phases chaos 60s"]);
    place.write("new.murphy", &ended.out);
    place.murphy("lint new.murphy").succeeds(&[]);
    let more = "schedule new --nemesis standard --shape packet=n1,n2 --target raft-kv --seed 0x5 --nodes 3 --clients 2 --rate 50 \
        --stagger --recovery 2s -o preset.murphy";
    place.murphy(more).succeeds(&[]);
    let text = place.text("preset.murphy");
    for word in ["target raft-kv", "seed 0x5", "nodes 3, clients 2", "rate 50", "heal 2s", "{n1,n2}"] {
        assert!(text.contains(word), "`{word}` is missing in {text}");
    }
    assert!([0, 1].contains(&place.murphy("replay preset.murphy").code));
    place.murphy(more).complains(10, &["preset.murphy", "--force"]);
    assert_eq!(place.murphy(&format!("{more} --force")).code, 0);
    for (line, words) in [
        ("--nemesis partiton", ["`partiton`", "`partition`"]),
        ("--nemesis teleport", ["`teleport`", "`kill`"]),
        ("--nemesis kill --shape majoritys-ring", ["`majoritys-ring`", "`majorities-ring`"]),
        ("--nemesis kill --shape kil=one", ["`kil`", "`kill`"]),
        ("--nemesis kill --target nosuch", ["`nosuch`", "raft-kv"]),
        ("--nemesis kill --interval 10", ["10", "unit"]),
        ("--nemesis kill --nodes 99", ["99", "16"]),
        ("", ["--nemesis", "Usage"]),
    ] {
        place.murphy(&format!("schedule new {line}")).complains(2, &words);
    }
    place.murphy("schedule new --nemesis none").succeeds(&["Nothing goes wrong"]);
}

#[test]
fn tests_of_other_tools_become_schedules() {
    let place = Place::new();
    let options = "--nemesis kill,partition --nemesis-interval 10 --time-limit 60";
    let ended = place.with(&["schedule", "import", "jepsen", options, "--target", "raft-kv"]);
    ended.succeeds(&["target raft-kv", "crash", "partition", "chaos 60s"]);
    place.write("options", format!("lein run test {options}\n"));
    place.murphy("schedule import jepsen options").succeeds(&["target any", "partition"]);
    let piped = place.murphy_reading("schedule import jepsen - -o new.murphy", options.as_bytes());
    assert_eq!(piped.code, 0, "{piped:?}");
    place.murphy("lint new.murphy").succeeds(&[]);
    place.murphy("schedule import jepsen options -o new.murphy").complains(10, &["new.murphy", "--force"]);
    place.with(&["schedule", "import", "jepsen", "--nemesis kil"]).complains(2, &["options:1:11", "`kil`", "`kill`"]);
    place.murphy("schedule import jepsen nosuch").complains(10, &["nosuch"]);
    let cycle = "[[test]]\ntestTitle = 'Clogged'\n[[test.workload]]\ntestName = 'Cycle'\ntestDuration = 10.0\n\
        [[test.workload]]\ntestName = 'RandomClogging'\ntestDuration = 10.0\nswizzle = 1\n";
    place.write("cycle.toml", cycle);
    place.murphy("schedule import fdb cycle.toml").succeeds(&["target any", "swizzle"]);
    place.write("cycle.toml", cycle.replace("RandomClogging", "RandomCloging"));
    place.murphy("schedule import fdb cycle.toml").complains(2, &["cycle.toml:7:", "RandomClogging"]);
    place.murphy("schedule import fdb nosuch.toml").complains(10, &["nosuch.toml"]);
    place.murphy("schedule import fdb cycle.toml --target nosuch").complains(2, &["`nosuch`"]);
}

#[test]
fn seeds_may_have_every_form_and_mistakes_stop_a_campaign() {
    let place = Place::new();
    let fuzz = "fuzz echo --execs 50 --json";
    place.write(
        "corpus/seeds/any.yaml",
        "murphy: 1\ntarget: any\nseed: 3\nsteps:\n- {at: 10ms, fault: crash, victims: n1}\n",
    );
    place.write("corpus/seeds/other.murphy", "murphy 1\ntarget raft-kv\nseed 0x1\n");
    place.write("corpus/seeds/README.md", "no schedule");
    assert_eq!(place.murphy(fuzz).code, 0);
    place.write("corpus/seeds/bad.json", "{\"murphy\": 1,\n \"steps\": [{\"at\": \"1s\", \"fault\": \"crush\"}]}");
    for line in [fuzz, "fuzz echo --execs 50", "fuzz echo --execs 50 -j 2"] {
        place.murphy(line).complains(2, &["corpus/seeds/bad.json:2:", "crush"]);
    }
}

#[test]
fn faults_are_listed_and_explained() {
    let place = Place::new();
    let list = place.murphy("faults");
    assert_eq!(list.out.lines().count(), FaultKind::ALL.len());
    list.succeeds(&["partition", "disk-stall"]);
    place.murphy("faults duplicate").succeeds(&[
        "a second time",
        "tests     idempotence",
        "at 1s  duplicate",
        "lag VALUE",
        "default   10ms",
        "`0%` to `100%`",
        "for LENGTH",
    ]);
    place.murphy("faults crash").succeeds(&["`, restart after LENGTH`", "weaker    pause", "`torn`"]);
    place.murphy("faults crush").complains(2, &["`crush`", "did you mean `crash`?", "`murphy faults`"]);
    assert_eq!(place.murphy("encode --help").out.matches("- toml").count(), 1);
    assert_eq!(place.murphy("encode --help").out.matches("- bytes").count(), 0, "what is bytes is not encoded");
    place.murphy("encode x --form bytes").complains(2, &["bytes", "toml"]);
    place.murphy("faults crash --markdown").complains(2, &["--markdown"]);
    let objects = place.murphy("faults --json").json();
    assert_eq!(objects.len(), FaultKind::ALL.len());
    assert!(objects.iter().all(|object| object["example"].is_string()));
    assert_eq!(place.murphy("faults delay --json").json()[0]["fields"][1]["word"], "of");
}

/// Compares what the command prints with a file of the repository.
#[track_caller]
fn up_to_date(arguments: &str, file: &str) {
    let printed = Place::new().murphy(arguments).out;
    let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == printed,
        "{file} is out of date: run `cargo run -- {arguments} > {file}` in the workspace's folder"
    );
}

#[test]
fn the_reference_is_up_to_date() {
    up_to_date("faults --markdown", "docs/faults.md");
}

#[test]
fn the_dictionary_is_up_to_date() {
    up_to_date("faults --dictionary", "fuzz/dictionaries/schedule.dict");
}

#[test]
fn every_example_can_be_read_and_strikes() {
    for kind in FaultKind::ALL {
        let others = "at 400ms crash n1, restart after 50ms\nsplit: at 500ms partition {n1,n2} | rest";
        let text = format!("murphy 1\ntarget any\n\n{others}\n{}\n", kind.example());
        let document = Document::parse(&text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
        let fault = document.schedule.steps.last().expect("a step").fault;
        assert_eq!(fault.kind(), *kind, "{text}");
        assert!(kind.example().split_whitespace().any(|word| word == kind.keyword()), "{text}");
        assert_eq!(lint(&document, None), [], "{text}");
    }
}

/// The reference without what is made of the table.
const REFERENCE: &str = include_str!("../src/cli/faults.md");

/// The cells of the table with this heading in the reference, row by row.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let rows = REFERENCE.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    let cells = |line: &'static str| Some(line.strip_prefix('|')?.split('|').map(str::trim).collect());
    let rows: Vec<Vec<_>> = rows.map_while(cells).collect();
    assert!(!rows.is_empty(), "{heading}");
    rows
}

/// What stands in backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_block_of_the_reference_can_be_read() {
    let mut read = 0;
    for block in REFERENCE.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').expect("a language");
        let document = match Form::from_extension(language) {
            Some(form) => forms::parse(form, text),
            None => Document::parse(text),
        };
        let document = document.unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
        assert_eq!(lint(&document, None), [], "{text}");
        read += 1;
    }
    assert!(read >= 8, "{read}");
}

#[test]
fn every_line_of_the_header_is_documented_as_it_is_read() {
    let rows = table("| line | example |");
    let mut document = Document::parse("murphy 1\n").expect("it is a schedule");
    for row in &rows[1..] {
        let (line, before) = (row[1].trim_matches('`'), document.to_string());
        document.set(line).unwrap_or_else(|mistake| panic!("{line}: {mistake}"));
        assert_ne!(document.to_string(), before, "{line}");
    }
    let text = document.to_string();
    for word in text.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split(' ').next()) {
        assert!(rows.iter().any(|row| row[0] == word), "{word}");
    }
}

#[test]
fn every_word_of_other_tools_in_the_reference_is_known() {
    let word = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !word.ends_with('_');
    for row in table("| fault | words elsewhere") {
        for word in quoted(row[1]).filter(word) {
            let text = format!("faults: [{{type: {word}, target: node1}}]");
            let mistakes = forms::parse(Form::Yaml, &text).err().unwrap_or_default();
            assert!(mistakes.iter().all(|mistake| !mistake.expected.contains("a fault such as")), "{mistakes:?}");
        }
    }
}

#[test]
fn a_pipe_is_written_into_and_not_replaced() {
    let place = Place::new();
    place.with_story();
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe")).status().expect("`mkfifo` is there");
    assert!(made.success());
    let reader = std::process::Command::new("cat").arg(place.path("pipe")).stdout(std::process::Stdio::piped()).spawn();
    place.murphy("encode story.murphy -o pipe").succeeds(&[]);
    let read = reader.expect("it starts").wait_with_output().expect("it ends").stdout;
    assert_eq!(read, place.read("story.bin"));
}
