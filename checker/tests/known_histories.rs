//! Does the checker agree with the rest of the world on histories whose verdicts are known?
//!
//! They are Jepsen's of etcd with `quorum=false` and key-value histories as Porcupine ships them (the former originally by
//! ahorn/linearizability-checker), Knossos' cas-registers, simple ones of elle-cli, and transactions judged by Elle. They are
//! not in this repository: where they are missing the tests say so.

mod recorded;

use std::{
    fs,
    path::{Path, PathBuf},
};

use murphy_checker::{family::Family, linearizability::CONFIGURATIONS_MAX, observer::observe, verdict::Verdict};

use recorded::{folder, history, text};

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Invalid(_) => "invalid",
        Verdict::Unknown(_) => "unknown",
    }
}

/// The history in this file is so, whole and event by event.
#[track_caller]
fn check(path: &Path, family: Family, expected: &str) {
    let Some(history) = history(path, family) else { return };
    let name = path.display();
    assert!(!history.operations.is_empty(), "{name} is empty");
    let whole = family.check(&history, CONFIGURATIONS_MAX);
    assert_eq!(word(&whole), expected, "{name}, whole");
    let mut judge = family.judge(CONFIGURATIONS_MAX);
    assert_eq!(observe(&mut *judge, &history), whole, "{name}, event by event, evidence included");
}

#[test]
fn the_checker_agrees_with_porcupine_on_etcd() {
    let folder = folder().join("porcupine-etcd");
    let Some(verdicts) = text(&folder.join("VERDICTS.tsv")) else { return };
    assert_eq!(verdicts.lines().count(), 35, "a header and 34 histories");
    for line in verdicts.lines().skip(1) {
        let (file, is_linearizable) = line.split_once('\t').expect("a file and its verdict");
        check(&folder.join(file), Family::CasRegister, if is_linearizable == "true" { "valid" } else { "invalid" });
    }
}

#[test]
fn the_checker_agrees_with_porcupine_on_a_store() {
    let folder = folder().join("porcupine-kv");
    check(&folder.join("c01-ok.txt"), Family::KeyValue, "valid");
    check(&folder.join("c01-bad.txt"), Family::KeyValue, "invalid");
}

#[test]
fn the_checker_agrees_with_knossos() {
    for (name, expected, files) in [("good", "valid", 38), ("bad", "invalid", 2)] {
        let folder = folder().join("knossos/cas-register").join(name);
        let Ok(entries) = fs::read_dir(&folder) else {
            assert_eq!(text(&folder), None);
            continue;
        };
        let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        assert_eq!(paths.len(), files);
        paths.iter().for_each(|path| check(path, Family::Register, expected));
    }
}

#[test]
fn simple_histories_of_jepsen_are_valid() {
    let folder = folder().join("jepsen-simple");
    for family in [Family::Counter, Family::JepsenCounter, Family::PnCounter, Family::Stats] {
        check(&folder.join("counter.edn"), family, "valid");
    }
    // Of the counter nothing is read once all adds are over, so whether nodes agree is open.
    check(&folder.join("counter.edn"), Family::ReplicatedCounter, "unknown");
    check(&folder.join("set.edn"), Family::ReplicatedSet, "valid");
    use Family::{FinalReads, GSet, GSetGlobal, GrowSet, JepsenSet, Set, SetFull, SetFullStrict};
    for family in [GrowSet, Set, JepsenSet, SetFull, SetFullStrict, GSet, GSetGlobal, FinalReads] {
        check(&folder.join("set.edn"), family, "valid");
    }
    check(&folder.join("bank-neg.edn"), Family::Bank, "valid");
    check(&folder.join("bank-neg.edn"), Family::BankOverdraft, "valid");
}

#[test]
fn the_checker_agrees_with_elle_on_strict_serializability_of_lists() {
    let folder = folder().join("own-txn");
    check(&folder.join("../elle/paper-example.edn"), Family::ListAppend, "invalid");
    let Some(verdicts) = text(&folder.join("VERDICTS.tsv")) else { return };
    let lists = verdicts.lines().filter(|line| line.starts_with("la-"));
    for line in lists {
        let mut fields = line.split('\t');
        let (file, verdict) = (fields.next().expect("a file"), fields.next().expect("a verdict"));
        // What Elle rejects as input, a read of what nobody appended, is a violation here.
        check(&folder.join(file), Family::ListAppend, if verdict == "true" { "valid" } else { "invalid" });
    }
}
