//! What a user gets wrong, and what her disk does: an exit code, a place, what was found, what was expected. Never a panic.

mod common;

use std::fs;

use common::Place;

#[test]
fn an_unknown_target_is_refused_with_the_known_ones() {
    let place = Place::new();
    for line in ["fuzz nosuch", "replay x.murphy --target nosuch", "decode x.bin --target nosuch"] {
        place.write("x.murphy", "murphy 1\ntarget any\nseed 0x1\n");
        place.write("x.bin", [0; 64]);
        place.murphy(line).complains(2, &["`nosuch`", "omnipaxos", "echo"]);
    }
    place.write("x.murphy", "murphy 1\ntarget nosuch\nseed 0x1\n");
    place.murphy("show x.murphy").complains(2, &["`nosuch`", "omnipaxos", "echo"]);
    assert!(place.folders().is_empty(), "nothing is made for a campaign that cannot be");
}

#[test]
fn an_unknown_bug_is_refused_with_the_known_ones() {
    let place = Place::new();
    place.murphy("fuzz echo --bug nosuch").complains(2, &["`echo`", "`nosuch`", "early-ack"]);
    place.murphy("fuzz echo+nosuch").complains(2, &["`echo`", "`nosuch`", "early-ack"]);
    place.murphy("fuzz omnipaxos+nosuch").complains(2, &["`omnipaxos`", "`nosuch`"]);
}

#[test]
fn arguments_that_mean_nothing_are_refused() {
    let place = Place::new();
    place.murphy("fuzz echo --time 10parsecs").complains(2, &["10parsecs", "`90s`, `10m`, `2h`"]);
    place.murphy("fuzz echo --execs many").complains(2, &["many", "a whole number"]);
    place.murphy("fuzz echo --seed 0xg").complains(2, &["0xg"]);
    place.murphy("fuzz echo -j 0").complains(2, &["0"]);
    place.murphy("fuzz echo --stop-on sometimes").complains(2, &["sometimes", "never"]);
    place.murphy("fuzz echo --until-first --stop-on new").complains(2, &["--until-first", "--stop-on"]);
    place.murphy("fuzz").complains(2, &["<TARGET>"]);
    place.murphy("replay x --times 0").complains(2, &["0"]);
    place.murphy("frobnicate").complains(2, &["frobnicate"]);
    place.murphy("").complains(2, &["Usage"]);
}

/// Three mistakes on three lines.
const MISTAKES: &str = "murphy 1\ntarget echo\nseed 0x1\nnodes 2\n\n\
     at 1s partitoin n1 | rest\nat 2 lightyears crash n1\nat 3s crash n1, restart after 5parsecs\n";

#[test]
fn every_mistake_in_a_text_has_its_place_and_its_remedy() {
    let place = Place::new();
    place.write("bad.murphy", MISTAKES);
    let words =
        ["bad.murphy:6:7", "`partitoin`", "did you mean `partition`?", "bad.murphy:7:", "bad.murphy:8:", "duration"];
    for command in ["replay", "show", "min", "fmt", "fmt --check", "encode"] {
        place.murphy(&format!("{command} bad.murphy")).complains(2, &words);
    }
    assert_eq!(place.text("bad.murphy"), MISTAKES, "fmt leaves what it cannot read as it is");
    let ended = place.murphy("replay bad.murphy --json");
    ended.complains(2, &["bad.murphy:6:7: found `partitoin`", "murphy/error/1"]);
    let error: serde_json::Value = serde_json::from_str(&ended.err).expect("JSON");
    assert_eq!(error["exit"], 2);
    place.murphy_reading("fmt -", MISTAKES.as_bytes()).complains(2, &["`partitoin`"]);
    place.write("corpus/seeds/bad.murphy", MISTAKES);
    place.murphy("fuzz echo --execs 10").complains(2, &["corpus/seeds/bad.murphy:6:7"]);
}

#[test]
fn a_text_of_a_later_version_is_refused() {
    let place = Place::new();
    place.write("new.murphy", "murphy 2\ntarget echo\nseed 0x1\nsomething new\n");
    place.murphy("replay new.murphy").complains(2, &["new.murphy:1:8", "`2`", "version 1"]);
    place.murphy("fmt new.murphy").complains(2, &["version 1"]);
}

#[test]
fn bytes_and_text_are_not_mistaken_for_each_other() {
    let place = Place::new();
    place.write("a.murphy", "murphy 1\ntarget echo\nseed 0x1\n");
    let mut bytes = [0xff; 64];
    bytes[0] = 1;
    place.write("a.bin", bytes);
    place.murphy("encode a.bin").complains(2, &["a.bin", "murphy decode"]);
    place.murphy("decode a.murphy").complains(2, &["a.murphy", "murphy encode"]);
    place.murphy("replay a.bin").complains(2, &["--target"]);
    place.write("b.murphy", [0xff; 64]);
    place.murphy("replay b.murphy").complains(2, &["b.murphy:1:"]);
}

#[test]
fn any_bytes_of_the_version_are_a_schedule_and_others_are_no_pass() {
    let place = Place::new();
    for bytes in [&b"\x01"[..], b"\x01junk", &[1; 63], &[1; 10_000]] {
        place.write("any.bin", bytes);
        let ended = place.murphy("replay any.bin --target echo");
        assert!([0, 1, 3].contains(&ended.code), "{ended:?}");
    }
    for bytes in [&b""[..], b"hello", &[0xff; 64]] {
        place.write("other.bin", bytes);
        place.murphy("replay other.bin --target echo").complains(2, &["other.bin", "no schedule"]);
        assert_eq!(place.murphy("decode other.bin").code, 0, "any bytes can be looked at");
    }
}

#[test]
fn a_folder_whose_files_disagree_is_left_alone() {
    let place = Place::new();
    let folder = format!("crashes/{}", place.with_finding());
    let (text, bytes) = (format!("{folder}/schedule.murphy"), format!("{folder}/input.bin"));
    let whole = place.read(&bytes);
    for wrong in [&whole[..10], &[], &[&whole[..], &[1; 64]].concat()] {
        place.write(&bytes, wrong);
        for command in ["replay", "show", "min"] {
            place.murphy(&format!("{command} latest")).complains(10, &["input.bin", "schedule.murphy"]);
        }
        assert_eq!(place.read(&bytes), wrong, "nothing is overwritten");
    }
    fs::remove_file(place.path(&bytes)).expect("it is there");
    place.murphy("replay latest").complains(10, &["input.bin"]);
    place.write(&bytes, &whole);
    fs::remove_file(place.path(&text)).expect("it is there");
    place.murphy("replay latest").complains(10, &["schedule.murphy"]);
    // The same campaign finds the same again, if it knows as little as before.
    fs::remove_dir_all(place.path("corpus")).expect("the campaign made it");
    let ended = place.murphy("fuzz omnipaxos --until-first --execs 20000 --seed 1");
    ended.complains(10, &[&folder]);
    assert!(!place.path(&text).exists(), "what is left of it stays as it is");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_the_campaign() {
    let place = Place::new();
    place.write("file", "");
    for folder in ["file", "file/below", "/proc/nosuch", "/dev/full"] {
        place.murphy(&format!("fuzz echo --execs 10 --crashes {folder}")).complains(10, &[folder]);
        place.murphy(&format!("fuzz echo --execs 10 --corpus {folder}")).complains(10, &[folder]);
        place.murphy(&format!("fuzz echo --execs 10 -j 2 --corpus {folder}")).complains(10, &[folder]);
    }
    assert_eq!(place.text("file"), "");
}

#[test]
fn what_cannot_be_written_is_said() {
    let place = Place::new();
    place.write("a.murphy", "murphy 1\ntarget echo\nseed 0x1\n");
    place.write("folder/x", "");
    for output in ["nosuch/a.bin", "folder", "/proc/nosuch"] {
        place.murphy(&format!("encode a.murphy -o {output}")).complains(10, &[output]);
    }
    assert!(place.hidden().is_empty(), "{:?}", place.hidden());
    place.murphy("encode nosuch.murphy").complains(10, &["nosuch.murphy"]);
    place.murphy("fmt nosuch.murphy").complains(10, &["nosuch.murphy"]);
    place.murphy("replay folder").complains(10, &["folder/schedule.murphy"]);
    let folder = format!("crashes/{}", place.with_finding());
    place.murphy(&format!("min {folder} --crashes a.murphy")).complains(10, &["a.murphy"]);
}

/// A disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_said() {
    let place = Place::new();
    place.write("a.murphy", "murphy 1\ntarget echo\nseed 0x1\nnodes 2\nat 1s crash n9\n");
    let lines = ["encode a.murphy", "lint a.murphy", "faults", "faults --dictionary", "targets", "replay a.murphy"];
    for line in lines.into_iter().chain(["schedule convert a.murphy --to json", "fmt -", "lint a.murphy --json"]) {
        let full = fs::File::options().write(true).open("/dev/full").expect("a full disk");
        let mut command = place.command(line);
        command.stdin(fs::File::open(place.path("a.murphy")).expect("a file"));
        let child = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
        common::finish(child).complains(10, &["cannot write standard output"]);
    }
    for line in ["encode a.murphy", "faults", "lint a.murphy"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = place.command(line);
        let child = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
        let ended = common::finish(child);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{line}: a reader may have read enough");
    }
}

#[test]
fn a_file_in_the_way_of_a_finding_is_reported() {
    let place = Place::new();
    let folder = place.with_finding();
    place.write(&format!("elsewhere/{folder}"), "in the way");
    let ended = place.murphy(&format!("min crashes/{folder} --crashes elsewhere"));
    ended.complains(10, &[&folder]);
    assert_eq!(place.text(&format!("elsewhere/{folder}")), "in the way");
    assert!(place.hidden().is_empty());
}

#[test]
fn strange_things_in_a_corpus_do_no_harm() {
    let place = Place::new();
    place.write("corpus/echo/0123456789abcdef/file", "a folder named like an entry");
    place.write("corpus/echo/0000000000000000", "");
    place.write("corpus/echo/1111111111111111", [0xff; 20_000]);
    place.write("corpus/echo/.hidden", "murphy");
    place.write("corpus/echo/note.murphy", MISTAKES);
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", place.path("corpus/echo/dangling")).expect("a link");
    // One of them lasts for half an hour, and has too many events for a verdict.
    let ended = place.murphy("fuzz echo --execs 200");
    ended.complains(0, &["200 executions", "1 runs gave no verdict"]);
}
