//! Commands on schedules as files: lint, faults, schedule new, import and convert, every form everywhere, `--set`.

mod common;

use std::fs;

use common::{Ended, Place};
use murphy_schedule::{Document, FaultKind, lint::lint};

/// A schedule with some of everything, for a target that ships with Murphy.
const STORY: &str = "murphy 1\ntarget raft-kv\nseed 0x7\nnodes 3, clients 2, keys 1, ops 20\n\n\
    cut: at 500ms partition leader | rest for 400ms\nafter cut begins +40ms crash n2 torn, restart after 250ms\n\
    after n1 sync #2 pause n3 for election_timeout*1.1\n";

/// The six mistakes of the acceptance script.
const SIX: &str = "murphy 1\ntarget raft-kv\nseed 0x1\nnodes 3, clients 2\nat 10mz crash n1\nat 1s crush n2\n\
    at 1s partition {n1 | rest\nafter mark leader #0 pause n1 for 1s\nat 2s clock n1 rate fast for 1s\nat 1s delay n1->n9\n";

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
    place.murphy("lint odd.json").succeeds(&["odd.json: step 1: warning: the cluster", "    x: at 1s crash n9"]);
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
    let target = "murphy 1\ntarget nosuch\nseed 0x1\n";
    place.murphy_reading("lint -", target.as_bytes()).complains(2, &["`nosuch`", "raft-kv"]);
    place.murphy_reading("lint - --target nosuch", b"").complains(2, &["`nosuch`", "raft-kv"]);
    place.murphy_reading("lint -", SIX.as_bytes()).complains(2, &["standard input:6:7"]);
    place.murphy_reading("lint - --form yaml", b"steps: [").complains(2, &["standard input:1:"]);
}

#[test]
fn every_command_takes_every_form() {
    let place = Place::new();
    place.with_story();
    place.murphy("encode story.murphy -o expected").succeeds(&[]);
    let story = place.murphy("replay story.murphy --json").json().remove(0);
    for ending in ENDINGS {
        let file = format!("story.{ending}");
        place.murphy(&format!("encode {file} -o encoded")).succeeds(&[]);
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
    list.succeeds(&["partition", "not carried out by this version"]);
    place.murphy("faults duplicate").succeeds(&[
        "a second time",
        "tests     idempotence",
        "at 1s  duplicate",
        "lag VALUE",
        "default   10ms",
        "`0%` to `100%`",
        "for LENGTH",
        "carried out",
    ]);
    place.murphy("faults crash").succeeds(&["`, restart after LENGTH`", "weaker    pause", "`torn`"]);
    place.murphy("faults crush").complains(2, &["`crush`", "did you mean `crash`?", "`murphy faults`"]);
    place.murphy("faults crash --markdown").complains(2, &["--markdown"]);
    let objects = place.murphy("faults --json").json();
    assert_eq!(objects.len(), FaultKind::ALL.len());
    assert!(objects.iter().all(|object| object["example"].is_string() && object["carried_out"].is_boolean()));
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
        let text = format!("murphy 1\ntarget any\n\nsplit: at 500ms partition {{n1,n2}} | rest\n{}\n", kind.example());
        let document = Document::parse(&text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
        let fault = document.schedule.steps.last().expect("a step").fault;
        assert_eq!(fault.kind(), *kind, "{text}");
        assert!(kind.example().split_whitespace().any(|word| word == kind.keyword()), "{text}");
        assert_eq!(lint(&document, None, |_| None), [], "{text}");
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
