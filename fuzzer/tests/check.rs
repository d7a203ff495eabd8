//! `murphy check`: the checker alone, on histories in files.

mod common;

use common::Place;
use serde_json::Value;

const GOOD: &str = "{:type :invoke, :f :write, :value 1, :process 0}\n{:type :ok, :f :write, :value 1, :process 0}\n\
    {:type :invoke, :f :read, :value nil, :process 1}\n{:type :ok, :f :read, :value 1, :process 1}\n";
const LOG: &str = "INFO  jepsen.util - 0\t:invoke\t:write\t3\nINFO  jepsen.util - 0\t:ok\t:write\t3\n\
    INFO  jepsen.util - 1\t:invoke\t:read\tnil\nINFO  jepsen.util - 1\t:ok\t:read\t4\n";

fn stale() -> String {
    GOOD.replace(":read, :value 1", ":read, :value nil")
}

#[test]
fn a_history_is_valid_invalid_or_unknown_and_the_exit_code_says_so() {
    let place = Place::new();
    place.write("good.edn", GOOD);
    place.write("stale.edn", stale());
    let ended = place.murphy("check good.edn");
    assert_eq!((ended.code, ended.out.as_str()), (0, "valid    good.edn  (register, 2 operations)\n"));
    let ended = place.murphy("check stale.edn");
    assert_eq!(ended.code, 1, "{ended:?}");
    for words in [
        "invalid  stale.edn  (register, 2 operations)\n  stale-read\n",
        "read(k1) -> nil by p1 is stale: write(k1, 1) by p0 had completed 0.000 ms earlier",
        "\n    p0   [--]          write(k1, 1)\n    p1         [--]    read(k1)\n",
    ] {
        assert!(ended.out.contains(words), "{words} is not in {}", ended.out);
    }
    // Nine at once that compare and set three values around, and one swap too many: there are many orders, none of which fits.
    const SWAPS: [u64; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 9];
    let swap = |kind: &str, n: u64| {
        let (old, new) = (n % 3, (n + 1) % 3);
        format!("{{:type :{kind}, :f :cas, :value [{old} {new}], :process {n}}}\n")
    };
    let (invoked, done): (String, String) =
        (SWAPS.iter().rev().map(|n| swap("invoke", *n)).collect(), SWAPS.iter().map(|n| swap("ok", *n)).collect());
    let zero = "{:type :invoke, :f :write, :value 0, :process 0} {:type :ok, :f :write, :value 0, :process 0}\n";
    place.write("hard.edn", format!("{zero}{invoked}{done}"));
    let ended = place.murphy("check hard.edn --budget 1");
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.out.ends_with("(register, 10 operations): the search frontier passed its limit\n"), "{}", ended.out);
    assert_eq!(place.murphy("check hard.edn").code, 1);
    // What comes after it is wrong whatever the order was.
    let then = |found: u64| {
        let op = |f: &str, asked: &str, told: u64| {
            format!(
                "{{:type :invoke, :f :{f}, :value {asked}, :process 0}} {{:type :ok, :f :{f}, :value {told}, :process 0}}\n"
            )
        };
        op("write", "50", 50) + &op("write", "51", 51) + &op("read", "nil", found)
    };
    place.write("hard.edn", format!("{zero}{invoked}{done}{}", then(51)));
    assert_eq!(place.murphy("check hard.edn --budget 1").code, 3);
    place.write("hard.edn", format!("{zero}{invoked}{done}{}", then(50)));
    let ended = place.murphy("check hard.edn --budget 1");
    let words = "\n  stale-read\n\n  read(k1) -> 50 by p0 found what write(k1, 50) by p0 wrote, though write(k1, 51) by p0 comes between\n";
    assert!(ended.code == 1 && ended.out.contains(words), "{ended:?}");
    let object = &place.murphy("check hard.edn --budget 1 --json").json()[0];
    assert_eq!(object["shown_by"].as_array().map(Vec::len), Some(3), "{object}");
}

#[test]
fn a_folder_and_standard_input_are_read_as_well() {
    let place = Place::new();
    place.write("all/good.edn", GOOD);
    place.write("all/deep/etcd.log", LOG);
    place.write("all/README.md", "no history");
    let ended = place.murphy("check all -j 2");
    let lines: Vec<&str> = ended.out.lines().filter(|line| line.starts_with(|first: char| first != ' ')).collect();
    let expected = [
        "invalid  all/deep/etcd.log  (cas-register, 2 operations)",
        "valid    all/good.edn  (register, 2 operations)",
        "2 histories: 1 valid, 1 invalid, 0 unknown",
    ];
    assert_eq!((ended.code, lines), (1, expected.to_vec()));
    assert_eq!(place.murphy_reading("check -", GOOD.as_bytes()).out, "valid    -  (register, 2 operations)\n");
}

#[test]
fn machines_get_an_object_a_history() {
    let place = Place::new();
    place.write("good.edn", GOOD);
    place.write("stale.edn", stale());
    let objects: Vec<Value> = place.murphy("check stale.edn good.edn --json").json();
    let [stale, good] = &objects[..] else { panic!("{objects:?}") };
    assert_eq!((&stale["verdict"], &stale["anomaly"]), (&"invalid".into(), &"stale-read".into()));
    assert_eq!((&stale["shown_by"][1]["asked"], &stale["shown_by"][1]["heard"]), (&"read(k1)".into(), &"nil".into()));
    assert_eq!(
        (&good["verdict"], &good["model"], &good["operations"]),
        (&"valid".into(), &"register".into(), &2.into())
    );
}

#[test]
fn the_model_is_the_one_that_was_said_or_the_first_that_fits() {
    let place = Place::new();
    let model = |history: &str, arguments: &str| {
        place.write("history.edn", history);
        let ended = place.murphy(&format!("check history.edn --json {arguments}"));
        ended.json()[0]["model"].as_str().map(str::to_owned)
    };
    let ops = |ops: &[(&str, &str)]| -> String {
        let op = |(f, value): &(&str, &str)| {
            format!(
                "{{:type :invoke, :f {f}, :value nil, :process 0}} {{:type :ok, :f {f}, :value {value}, :process 0}}\n"
            )
        };
        ops.iter().map(op).collect()
    };
    let put = |f: &str, value: &str| {
        format!(
            "{{:type :invoke, :f {f}, :value {value}, :process 0}} {{:type :ok, :f {f}, :value {value}, :process 0}}\n"
        )
    };
    let is = |history: &str, expected: &str| assert_eq!(model(history, "").as_deref(), Some(expected), "{history}");
    is(&(put(":add", "1") + &ops(&[(":read", "[1]")])), "set");
    is(&(put(":add", "1") + &ops(&[(":read", "1")])), "counter");
    is(&(put(":enqueue", "1") + &ops(&[(":dequeue", "1")])), "fifo-queue");
    is(&put(":txn", "[[:append 1 1] [:r 1 [1]]]"), "list-append");
    is(&put(":txn", "[[:w 1 1] [:r 1 1]]"), "multi-register");
    assert_eq!(model(GOOD, "--model cas-register").as_deref(), Some("cas-register"));
}

/// A write skew of registers: each of two transactions misses what the other wrote.
const SKEW: &str = "\
{:type :invoke, :f :txn, :value [[:r 1 nil] [:w 2 1]], :process 0}
{:type :invoke, :f :txn, :value [[:r 2 nil] [:w 1 1]], :process 1}
{:type :ok, :f :txn, :value [[:r 1 nil] [:w 2 1]], :process 0}
{:type :ok, :f :txn, :value [[:r 2 nil] [:w 1 1]], :process 1}
";

/// The same of predicates: each inserts what the other looked for.
const PHANTOMS: &str = "\
{:type :invoke, :f :txn, :value [[:rp [:= 5] nil] [:insert :x 6]], :process 0}
{:type :invoke, :f :txn, :value [[:rp [:= 6] nil] [:insert :y 5]], :process 1}
{:type :ok, :f :txn, :value [[:rp [:= 5] {}] [:insert :x 6]], :process 0}
{:type :ok, :f :txn, :value [[:rp [:= 6] {}] [:insert :y 5]], :process 1}
";

const PHANTOMS_TOLD: &str = "\
invalid  phantoms.edn  (closed-predicate, 2 operations): serializable
  not serializable; also not strict-serializable, strong-session-serializable
    G2: 2 transactions of which each comes before the next, and the last before the first
      T0 = [rp [:= 5] {}, w x 6] by p0
      T1 = [rp [:= 6] {}, w y 5] by p1
      T0 < T1: T0 did not find y by [:= 5] (its part 1), which is before T1 wrote 5 (its part 2)
      T1 < T0: T1 did not find x by [:= 6] (its part 1), which is before T0 wrote 6 (its part 2)
";

/// What is said of a history but for the name of its pattern, which ends it.
fn without_pattern(out: &str) -> &str {
    let (rest, pattern) = out.rsplit_once("  pattern ").expect("an anomaly has a pattern");
    assert_eq!(pattern.trim_end().len(), 6, "{pattern}");
    rest
}

#[test]
fn transactions_are_judged_by_the_models_that_were_asked() {
    let place = Place::new();
    place.write("skew.edn", SKEW);
    let ended = place.murphy("check skew.edn --model rw-register");
    let expected = "\
invalid  skew.edn  (rw-register, 2 operations): strict-serializable
  not repeatable-read; also not strict-serializable, strong-session-serializable, serializable
    G2-item: 2 transactions of which each comes before the next, and the last before the first
      T0 = [r k1 nil, w k2 1] by p0
      T1 = [r k2 nil, w k1 1] by p1
      T0 < T1: T0 read nil of k1 (its part 1), which is before T1 wrote 1 (its part 2)
      T1 < T0: T1 read nil of k2 (its part 1), which is before T0 wrote 1 (its part 2)
";
    assert_eq!((ended.code, without_pattern(&ended.out)), (1, expected));
    place.murphy("check skew.edn --model rw-register --graphs drawn");
    assert!(place.read("drawn/skew-G2-item.svg").starts_with(b"<svg"));
    assert!(place.read("drawn/skew-G2-item.dot").starts_with(b"digraph"));
    let ended = place.murphy("check skew.edn --consistency snapshot-isolation,read-committed");
    assert_eq!(ended.code, 0, "the anomaly rules out neither: {ended:?}");
    let objects = place.murphy("check skew.edn --consistency PL-2.99,read-committed --json").json();
    let object = &objects[0];
    assert_eq!((&object["verdict"], &object["not"][0]), (&"invalid".into(), &"repeatable-read".into()));
    assert_eq!(object["consistency"]["read-committed"], "valid");
    assert_eq!(object["anomalies"][0]["steps"][0]["dependency"], "rw");
    place.write("phantoms.edn", PHANTOMS);
    let ended = place.murphy("check phantoms.edn --consistency serializable");
    assert_eq!((ended.code, without_pattern(&ended.out)), (1, PHANTOMS_TOLD));
    let ended = place.murphy("check phantoms.edn --model closed-predicate --consistency repeatable-read");
    assert_eq!(ended.code, 0, "predicates are no items: {ended:?}");
    place.write("fork.txt", "w 1 1\nw 2 1\n=====\nw 1 2\nr 2 1\n=====\nr 1 2\nr 2 0\n");
    let ended = place.murphy("check fork.txt");
    let first = "invalid  fork.txt  (rw-register, 3 operations): causal\n";
    let is_told = ended.out.starts_with(first) && ended.out.contains("commit-cycle-causal");
    assert!(ended.code == 1 && is_told, "{ended:?}");
    let ended = place.murphy("check fork.txt --consistency strict-serializable");
    assert!(ended.code == 2 && ended.err.contains("fork.txt has no times"), "{ended:?}");
    place.write("good.edn", GOOD);
    let ended = place.murphy("check good.edn --model register --consistency serializable");
    assert!(ended.code == 2 && ended.err.contains("is no history of transactions"), "{ended:?}");
}

#[test]
fn checkers_that_count_say_what_is_wrong_and_how_much() {
    let place = Place::new();
    let op = |f: &str, asked: &str, got: &str| {
        format!(
            "{{:type :invoke, :f {f}, :value {asked}, :process 0}} {{:type :ok, :f {f}, :value {got}, :process 0}}\n"
        )
    };
    place.write("set.edn", op(":add", "1", "1") + &op(":add", "2", "2") + &op(":read", "nil", "[2]"));
    let ended = place.murphy("check set.edn --model set-full");
    for words in [
        "invalid  set.edn  (set-full, 3 operations)\n  lost\n\n  read(k1) -> [2] by p0 lacks 1, and so do all later reads, though",
        "\n  counted:\n    attempts                  2\n    stable                    1\n    lost                      1\n",
    ] {
        assert!(ended.code == 1 && ended.out.contains(words), "{words} is not in {}", ended.out);
    }
    let [object] = &place.murphy("check set.edn --model set-full --json").json()[..] else { panic!("one history") };
    assert_eq!((&object["anomaly"], &object["figures"]["lost"]), (&"lost".into(), &1.into()));
    assert_eq!(object["shown_by"].as_array().map(Vec::len), Some(2), "{object}");
    place.write("bank.edn", op(":read", "nil", "{0 5, 1 5}") + &op(":read", "nil", "{0 5, 1 4}"));
    let ended = place.murphy("check bank.edn");
    assert!(
        ended.code == 1 && ended.out.starts_with("invalid  bank.edn  (bank, 2 operations)\n  wrong-total\n"),
        "{}",
        ended.out
    );
    let ended = place.murphy("check set.edn --model stats");
    assert!(ended.code == 0 && ended.out.contains("\n    add_count               2\n"), "{}", ended.out);
    place.write("unread.edn", op(":add", "1", "1"));
    let ended = place.murphy("check unread.edn --model jepsen-set");
    assert!(ended.code == 3 && ended.out.contains("operations): nothing was read that could tell"), "{}", ended.out);
    for model in
        ["queue", "total-queue", "fifo-groups", "unique-ids", "jepsen-counter", "pn-counter", "kafka", "lock", "ring"]
    {
        place.write("empty.edn", "");
        assert_eq!(place.murphy(&format!("check empty.edn --model {model}")).code, 2, "{model} is known");
    }
}

#[test]
fn what_cannot_be_read_is_named_with_its_place_and_the_others_are_checked_all_the_same() {
    let place = Place::new();
    place.write("good.edn", GOOD);
    place.write("cut.edn", &GOOD[..GOOD.len() - 20]);
    place.write("nothing.edn", "");
    place.write("other.edn", GOOD.replace(":write", ":paint"));
    let ended = place.murphy("check cut.edn nothing.edn other.edn good.edn");
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.out.contains("valid    good.edn"), "{}", ended.out);
    for words in ["error: cut.edn:4:", "nothing.edn has no operations", "other.edn: no model has all its functions"] {
        assert!(ended.err.contains(words), "{words} is not in {}", ended.err);
    }
    let ended = place.murphy("check good.edn --model stack");
    assert!(ended.err.contains("good.edn:1:1: unknown function `write`, a stack has push, pop"), "{}", ended.err);
    let ended = place.murphy("check good.edn --model heap");
    assert!(ended.code == 2 && ended.err.contains("unordered-queue"), "{ended:?}");
    assert_eq!(place.murphy("check missing.edn").code, 10);
    place.write("empty/notes.md", "");
    assert_eq!(place.murphy("check empty").code, 2);
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    let place = Place::new();
    place.write("odd.edn", [GOOD.as_bytes(), b"{:type \xff}"].concat());
    place.murphy("check odd.edn").complains(2, &["odd.edn:5:8: byte 0xff is no text in UTF-8"]);
}

/// Two keys, two processes, a node each; the read of `x` is stale.
fn two_keys() -> String {
    let line = |ty: &str, f: &str, value: &str, process: u32, time: u32| {
        format!("{{:type :{ty} :f :{f} :value {value} :process {process} :node n{process} :time {time}000000}}\n")
    };
    let events = [
        ("invoke", "write", "[:x 1]", 1, 1),
        ("ok", "write", "[:x 1]", 1, 2),
        ("invoke", "read", "[:x nil]", 2, 3),
        ("ok", "read", "[:x nil]", 2, 4),
        ("invoke", "write", "[7 5]", 2, 5),
        ("ok", "write", "[7 5]", 2, 6),
    ];
    events.map(|(ty, f, value, process, time)| line(ty, f, value, process, time)).concat()
}

#[test]
fn a_part_of_a_history_is_judged_and_the_verdict_says_so() {
    let place = Place::new();
    place.write("two.edn", two_keys());
    assert_eq!(place.murphy("check two.edn").code, 1);
    for (arguments, count) in [
        ("--key 7", 1),
        ("--key ^:x", 1),
        ("--key k7", 1),
        ("--process 1", 1),
        ("--process ^2", 1),
        ("--key 7 --node n2", 1),
        ("--function write", 2),
        ("--function ^read", 2),
        ("--between 2ms..", 2),
        ("--between ..3ms", 1),
    ] {
        let ended = place.murphy(&format!("check two.edn {arguments}"));
        let words = arguments.replace("..3ms", "0ms..3ms");
        let expected = format!("valid    two.edn  (register, only {count} of 3 operations: {words})\n");
        assert_eq!((ended.code, ended.out), (0, expected), "{arguments}");
    }
    // What is left keeps the words of the file.
    let ended = place.murphy("check two.edn --key x,:x");
    assert!(ended.code == 1 && ended.out.contains("read(x) -> nil by p2"), "{ended:?}");
    let object = &place.murphy("check two.edn --key 7 --json").json()[0];
    assert_eq!((&object["operations"], &object["left_out"]), (&1.into(), &2.into()));
    assert_eq!(object["selection"][0], "--key 7");
    place.murphy("check two.edn --process 9").complains(2, &["two.edn has none of the operations"]);
    place.murphy("check two.edn --between 9").complains(2, &["expected two times"]);
}

#[test]
fn a_history_is_held_to_sequential_consistency_if_asked() {
    let place = Place::new();
    place.write("stale.edn", stale());
    let ended = place.murphy("check stale.edn --consistency sequential");
    assert_eq!((ended.code, ended.out.as_str()), (0, "valid    stale.edn  (register, sequential, 2 operations)\n"));
    // The same process forgets what it wrote.
    place.write("forgetful.edn", stale().replace(":process 1", ":process 0"));
    let ended = place.murphy("check forgetful.edn --consistency sequential");
    assert_eq!(ended.code, 1, "{ended:?}");
    for words in [
        "not-sequentially-consistent",
        "read(k1) -> nil by p0 fits no order of the 2 operations that keeps to each process",
        "p0 did, in this order: write(k1, 1), read(k1) -> nil",
    ] {
        assert!(ended.out.contains(words), "{words} is not in {}", ended.out);
    }
    place.write("set.edn", "{:type :invoke :f :add :value 1 :process 0}");
    let refused = place.murphy("check set.edn --model grow-set --consistency sequential");
    refused.complains(2, &["set.edn: sequential consistency is not judged of a grow-set"]);
    let refused = place.murphy("check set.edn --model grow-set --consistency snapshot-isolation");
    refused.complains(
        2,
        &["set.edn is no history of transactions: `--consistency` is `linearizable`, `sequential` or `causal`"],
    );
    assert_eq!(place.murphy("check stale.edn --consistency sequential --json").json()[0]["consistency"], "sequential");
}

#[test]
fn threads_do_not_change_a_verdict() {
    let place = Place::new();
    let operation = |at: u64| {
        let (key, value, process) = (1 + at % 5, at + 1, at % 3);
        let value = if at == 43_211 || at == 51_002 { 7 } else { value };
        let line = |kind: &str, f: &str, value: String| {
            format!("{{\"type\":\"{kind}\",\"f\":\"{f}\",\"key\":{key},\"value\":{value},\"process\":{process}}}\n")
        };
        let (write, read) = (format!("{}", at + 1), format!("{value}"));
        line("invoke", "write", write.clone())
            + &line("ok", "write", write)
            + &line("invoke", "read", "null".into())
            + &line("ok", "read", read)
    };
    place.write("long.jsonl", (0..30_000).chain(43_000..53_000).map(operation).collect::<String>());
    let one = place.murphy("check long.jsonl --json");
    let four = place.murphy("check long.jsonl --json -j 4");
    assert_eq!((one.code, one.out.as_str()), (1, four.out.as_str()));
    assert_eq!(one.json()[0]["shown_by"].as_array().map(Vec::len), Some(3), "{}", one.out);
}

#[test]
fn the_history_of_a_finding_shows_the_same_anomaly() {
    let place = Place::new();
    let schedule = "murphy 1\ntarget echo+early-ack\nseed 0x1\nnodes 2, clients 1, keys 1, ops 0\nworkload register\n\n\
        at 10ms invoke write k1 1\nbefore n1 sync #1 crash n1\n";
    place.write("lost.murphy", schedule);
    let ended = place.murphy("min lost.murphy");
    let folder = place.folders().pop().unwrap_or_else(|| panic!("a finding: {ended:?}"));
    for file in ["history.edn", "history.jsonl"] {
        let ended = place.murphy(&format!("check crashes/{folder}/{file} --json"));
        let anomaly = ended.json()[0]["anomaly"].as_str().expect("it is invalid").to_owned();
        assert!(folder.contains(&anomaly), "{anomaly} is not that of {folder}");
    }
}

#[test]
fn a_history_is_held_to_what_its_user_wrote_down() {
    let place = Place::new();
    place.write("good.edn", GOOD);
    place.write("small.inv", "invariant \"small\": { on every object: value < 1 }\n");
    place.write("large.inv", "invariant \"large\": { on every object: value < 9 }\n");
    place.write("typo.inv", "invariant \"typo\": { on every object: walue < 9 }\n");
    place.write("wrong.inv", "invariant \"wrong\": {\n  value =< 9\n}\n");
    place.write("fault.inv", "invariant \"fault\", on fault: { value < 9 }\n");
    let ended = place.murphy("check good.edn --invariant large.inv");
    assert_eq!((ended.code, ended.out.as_str()), (0, "valid    good.edn  (register, 2 operations): 1 invariant\n"));
    let ended = place.murphy("check good.edn --invariant small.inv --invariant large.inv");
    assert_eq!(ended.code, 1, "{ended:?}");
    let why = "as operation 0 completed: expected value < 1, but value is 1 (`on every object: value < 1`).\n    1: value = 1\n";
    assert!(ended.out.contains(why), "{}", ended.out);
    // Of the invariants and the model the worse.
    place.write("stale.edn", stale());
    assert!(place.murphy("check stale.edn --model register --invariant large.inv").out.contains("stale-read"));
    assert!(
        place.murphy("check good.edn --model register --invariant small.inv").out.contains("\"small\" does not hold")
    );
    let ended = place.murphy("check good.edn --invariant typo.inv");
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.out.contains("`on every object: walue < 9` was never true nor false"), "{}", ended.out);
    let ended = place.murphy("check good.edn --invariant wrong.inv");
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("found `=`") && ended.err.contains("wrong.inv:2:9"), "{}", ended.err);
    let ended = place.murphy("check good.edn --invariant fault.inv");
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(
        ended.err.contains("invariant \"fault\" is judged on fault, of which a history knows nothing"),
        "{}",
        ended.err
    );
    let ended = place.murphy("--json check good.edn --invariant small.inv");
    let object: serde_json::Value = serde_json::from_str(&ended.out).expect("it is an object");
    assert_eq!((&object["verdict"], &object["broken"]["state"]["1"]["value"]), (&"invalid".into(), &"1".into()));
}

#[test]
fn a_history_is_held_to_causal_consistency_if_asked() {
    let place = Place::new();
    // Another process missed the write; but what its own process wrote is its cause.
    place.write("stale.edn", stale());
    let ended = place.murphy("check stale.edn --consistency causal");
    assert_eq!((ended.code, ended.out.as_str()), (0, "valid    stale.edn  (register, causal, 2 operations)\n"));
    place.write("forgetful.edn", stale().replace(":process 1", ":process 0"));
    let ended = place.murphy("check forgetful.edn --consistency causal");
    assert_eq!(ended.code, 1, "{ended:?}");
    for words in [
        "write-before-initial-read",
        "read(k1) -> nil by p0 found nothing, although write(k1, 1) by p0 is a cause of it",
        "write(k1, 1) by p0 causes read(k1) -> nil by p0: its process did it before",
    ] {
        assert!(ended.out.contains(words), "{words} is not in {}", ended.out);
    }
    let object = &place.murphy("check forgetful.edn --model register --consistency causal --json").json()[0];
    assert_eq!((&object["consistency"], &object["anomaly"]), (&"causal".into(), &"write-before-initial-read".into()));
    let twice = GOOD.to_owned() + &GOOD.replace(":process 0", ":process 2");
    place.write("twice.edn", twice);
    let ended = place.murphy("check twice.edn --consistency causal");
    assert_eq!(ended.code, 3, "{ended:?}");
    place.write("set.edn", "{:type :invoke :f :add :value 1 :process 0}");
    let refused = place.murphy("check set.edn --model grow-set --consistency causal");
    refused.complains(2, &["set.edn: causal consistency is not judged of a grow-set"]);
}

#[test]
fn clocks_of_logs_are_compared_by_what_several_recorded() {
    let place = Place::new();
    let client = "{:req a :type :invoke :time 100000000} {:req a :type :ok :time 119000000}";
    place.write("client.edn", client);
    place.write("server.jsonl", "{\"req\": \"a\", \"time\": 131000000}\n{\"note\": \"up\", \"time\": 5}\n");
    let ended = place.murphy("check client.edn server.jsonl --align req");
    let expected = "clock of server.jsonl is 12.000–31.000 ms ahead of client.edn\n";
    assert_eq!((ended.code, ended.out.as_str()), (0, expected));
    let object = &place.murphy("check client.edn server.jsonl --align req --json").json()[0];
    assert_eq!(object["clocks"][1]["ahead_ns_least"], 12_000_000);
    // Another request says that it is behind.
    place.write("client.edn", format!("{client} {{:req b :type :invoke :time 200000000}}"));
    place.write("server.jsonl", "{\"req\": \"a\", \"time\": 131000000}\n{\"req\": \"b\", \"time\": 150000000}\n");
    let refused = place.murphy("check client.edn server.jsonl --align req");
    refused.complains(2, &["no offsets of the clocks fit the operations a, b: they miss by 62 ms"]);
    place.murphy("check client.edn --align nothing").complains(2, &["has no entry with a time and the field"]);
}

#[test]
fn what_else_a_file_says_of_an_operation_is_shown() {
    let place = Place::new();
    place.write(
        "stale.edn",
        stale().replace(":f :read, :value nil, :process 1}", ":f :read, :value nil, :process 1, :via \"n7\"}"),
    );
    let ended = place.murphy("check stale.edn");
    assert!(ended.out.contains("  via \"n7\""), "{}", ended.out);
    let object = &place.murphy("check stale.edn --json").json()[0];
    assert_eq!(object["shown_by"][1]["also"]["via"], "\"n7\"");
}

#[test]
fn a_pattern_of_several_files_is_explained_once() {
    let place = Place::new();
    place.write("a.edn", stale());
    let other = stale().replace(":value 1", ":value 77").replace(":process 0", ":process 8");
    place.write("b.edn", format!("{{:type :invoke, :f :read, :value nil, :process 9}}\n{other}"));
    place.write("c.edn", GOOD.replace(":read, :value 1", ":read, :value 5"));
    let ended = place.murphy("check a.edn b.edn c.edn");
    let (_, rest) = ended.out.split_once("\n  pattern ").expect("the first is explained");
    let (id, rest) = rest.split_at(6);
    let second = format!(
        "\n\ninvalid  b.edn  (register, 3 operations)\n  stale-read, the same pattern as a.edn: {id}\ninvalid  c.edn"
    );
    assert!(ended.code == 1 && rest.starts_with(&second), "{}", ended.out);
    assert_eq!(ended.out.matches("picture:").count(), 2, "{}", ended.out);
    let objects = place.murphy("check a.edn b.edn c.edn --json").json();
    let field = |name: &str| objects.iter().map(|object| object[name].clone()).collect::<Vec<Value>>();
    assert_eq!(field("same_as"), [Value::Null, "a.edn".into(), Value::Null]);
    let patterns = field("pattern");
    assert!(patterns[0] == id && patterns[1] == id && patterns[2] != id && patterns[2].is_string(), "{patterns:?}");
    // What is known is not explained, even the first time; what is not is known from then on.
    place.write("known.txt", format!("# ours\n{id}  issue 12, not mended yet\n"));
    let ended = place.murphy("check a.edn c.edn --known known.txt");
    assert!(ended.code == 1, "a known anomaly is one: {ended:?}");
    assert!(
        ended.out.contains(&format!("\n  stale-read, the same pattern as issue 12, not mended yet: {id}\n")),
        "{}",
        ended.out
    );
    let text = String::from_utf8(place.read("known.txt")).expect("it is text");
    assert!(text.ends_with("  never-written, first seen in c.edn\n") && text.lines().count() == 3, "{text}");
    assert_eq!(place.murphy("check a.edn c.edn --known known.txt").out.matches("picture:").count(), 0);
    // Whose last line was left open is no reason to lose a name; what is no name is pointed at, and nothing is added.
    place.write("open.txt", id);
    place.murphy("check c.edn --known open.txt");
    let text = String::from_utf8(place.read("open.txt")).expect("it is text");
    assert!(text.starts_with(&format!("{id}\n")) && text.lines().count() == 2, "{text}");
    place.write("garbage.txt", "# ours\n???\n");
    place.murphy("check a.edn --known garbage.txt").complains(2, &["garbage.txt:2", "found `???`", "six letters"]);
    assert_eq!(place.read("garbage.txt"), b"# ours\n???\n");
    // Transactions have patterns, too.
    place.write("skew.edn", SKEW);
    place.write("also.edn", SKEW.replace(":process 0", ":process 5").replace("[:w 2 1]", "[:w 2 9]"));
    let ended = place.murphy("check skew.edn also.edn --model rw-register");
    assert!(ended.out.contains("\n  G2-item, the same pattern as skew.edn: "), "{}", ended.out);
}

#[test]
fn logs_are_merged_and_judged_as_one_history() {
    let place = Place::new();
    let op = |id: &str, f: &str, value: &str, [began, ended]: [u64; 2]| {
        let entry = |kind: &str, time: u64| {
            format!("{{:type :{kind} :f :{f} :value {value} :process 0 :req :{id} :time {time}000000}}\n")
        };
        entry("invoke", began) + &entry("ok", ended)
    };
    // Both clients were served by one node, whose clock is ahead of the first's by 40 to 60 ms, and of the other's by 190 to 200.
    let write = op("a", "write", "1", [100, 120]);
    place.write("one.edn", &write);
    place.write("node.jsonl", "{\"req\": \"a\", \"time\": 160000000}\n{\"req\": \"b\", \"time\": 300000000}\n");
    let other = |from: u64| op("b", "write", "2", [100, 110]) + &op("c", "read", "1", [from, from + 5]);
    // On the first clock the write was over at 270 ms; the read began at 275 ms at the earliest.
    place.write("two.edn", other(145));
    let ended = place.murphy("check one.edn two.edn node.jsonl --align req --output all.edn");
    assert_eq!(ended.code, 1, "{ended:?}");
    let ended = place.murphy("check one.edn two.edn node.jsonl --align req");
    assert!(
        ended.code == 0 && ended.out.contains("clock of two.edn is 130.000–160.000 ms behind one.edn"),
        "{ended:?}"
    );
    // It may have begun while the write was under way.
    place.write("two.edn", other(135));
    let refused = place.murphy("check one.edn two.edn node.jsonl --align req -o all.edn");
    refused.complains(10, &["all.edn is there already"]);
    let ended = place.murphy("check one.edn two.edn node.jsonl --align req -o all.edn --force");
    assert!(ended.code == 0 && ended.out.contains("\nvalid    all.edn  (register, 3 operations)\n"), "{ended:?}");
    let refused = place.murphy("check one.edn two.edn node.jsonl --align req -o one.edn --force");
    refused.complains(10, &["one.edn is what is read"]);
    let ended = place.murphy("--json check one.edn two.edn node.jsonl --align req -o all.jsonl --model cas-register");
    let objects = ended.json();
    assert_eq!((&objects[0]["schema"], &objects[1]["model"]), (&"murphy/clocks/1".into(), &"cas-register".into()));
    let refused = place.murphy("check one.edn two.edn --align req -o new.edn");
    refused.complains(2, &["two.edn has operations of its own, and too few that others have"]);
    place
        .murphy("check one.edn node.jsonl --align req --model register")
        .complains(2, &["is judged with other logs only as one"]);
    place.write(
        "node.jsonl",
        "{\"req\": \"a\", \"time\": 160000000}\n{\"req\": \"b\", \"time\": 300000000}\n{\"req\": \"d\", \"time\": 1}\n",
    );
    place.write("one.edn", write + &op("d", "read", "1", [130, 140]));
    let refused = place.murphy("check one.edn two.edn node.jsonl --align req -o new.edn");
    refused.complains(2, &["no offsets of the clocks fit the operations a, d"]);
}
