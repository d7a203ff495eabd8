use std::collections::BTreeSet;

use murphy_schedule::{Dice, Document, Fault, field::DiskFate};

use super::{Disk, FRAME, Operation, Use, Wound, codec::FileCodec, codec::Layout, frame, length_at};
use crate::{
    node::{DiskError, File},
    target::About,
};

const WAL: File = File("wal");
const DATA: File = File("data");

fn written(synced: &[&str], open: &[&str]) -> Disk {
    let mut disk = Disk::default();
    synced.iter().for_each(|record| disk.append(WAL, record.as_bytes()));
    disk.sync(WAL);
    open.iter().for_each(|record| disk.append(WAL, record.as_bytes()));
    disk
}

fn crash(disk: &mut Disk, fate: DiskFate, seed: u64) {
    disk.crash(fate, &mut Dice::new(seed));
}

fn records(disk: &mut Disk, file: File) -> String {
    let records = disk.records(file, None);
    records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect::<Vec<_>>().join(" ")
}

fn after_crash(fate: DiskFate, seed: u64) -> String {
    let mut disk = written(&["a", "b"], &["c", "d", "e"]);
    crash(&mut disk, fate, seed);
    records(&mut disk, WAL)
}

fn replace(disk: &mut Disk, file: File, contents: &[u8]) {
    disk.operate(&Operation::Replace(file, contents.into()));
}

fn contents(disk: &Disk, file: File) -> Option<Result<Vec<u8>, DiskError>> {
    disk.bytes(file).map(|bytes| disk.contents(file, bytes))
}

/// A raw file that is durable, with its name.
fn raw(bytes: &[u8]) -> Disk {
    let mut disk = Disk::default();
    disk.write(DATA, Use::Raw, 0, bytes);
    disk.sync(DATA);
    disk.harden_names(u32::MAX);
    disk
}

/// Everything that a crash can leave of `disk`, as `look` sees it.
fn outcomes<T: Ord>(disk: &Disk, fate: DiskFate, look: impl Fn(&mut Disk) -> T) -> BTreeSet<T> {
    let one = |seed| {
        let mut disk = disk.clone();
        crash(&mut disk, fate, seed);
        look(&mut disk)
    };
    (0..400).map(one).collect()
}

#[test]
fn a_crash_loses_what_was_not_synced_and_nothing_else() {
    assert_eq!(after_crash(DiskFate::Lost, 1), "a b");
    assert_eq!(after_crash(DiskFate::Kept, 1), "a b c d e");
}

#[test]
fn a_wiped_disk_is_empty_though_it_was_synced() {
    assert_eq!(after_crash(DiskFate::Wiped, 1), "");
    let mut disk = Disk::default();
    replace(&mut disk, DATA, b"old");
    crash(&mut disk, DiskFate::Wiped, 1);
    assert_eq!(contents(&disk, DATA), None);
}

#[test]
fn a_torn_crash_leaves_a_prefix_and_every_prefix_is_possible() {
    let left: BTreeSet<String> = (0..200).map(|seed| after_crash(DiskFate::Torn, seed)).collect();
    assert_eq!(left, ["a b", "a b c", "a b c d", "a b c d e"].map(str::to_owned).into());
}

#[test]
fn a_torn_crash_keeps_the_order_of_writes_to_different_files() {
    let mut disk = raw(b"");
    disk.append(WAL, b"x");
    disk.sync(WAL);
    disk.append(WAL, b"first");
    disk.write(DATA, Use::Raw, 0, b"second");
    let left = outcomes(&disk, DiskFate::Torn, |disk| (records(disk, WAL), disk.length(DATA)));
    assert!(left.iter().all(|(log, length)| *length == 0 || log == "x first"), "{left:?}");
    assert!(left.len() == 2 + 6, "{left:?}");
}

#[test]
fn a_write_is_torn_between_sectors_or_below_them() {
    let mut disk = raw(&[b'o'; 4096]);
    disk.write(DATA, Use::Raw, 256, &[b'n'; 2048]);
    let left = outcomes(&disk, DiskFate::Torn, |disk| {
        let bytes = disk.bytes(DATA).expect("its name is durable");
        let new = bytes.iter().filter(|byte| **byte == b'n').count();
        assert!(bytes[256..256 + new].iter().all(|byte| *byte == b'n'), "what survives is one piece");
        assert_eq!(bytes.len(), 4096);
        new
    });
    let (sectors, below): (Vec<usize>, Vec<usize>) = left.into_iter().partition(|new| (256 + *new) % 512 == 0);
    assert_eq!(sectors, [256, 768, 1280, 1792]);
    assert!(below.len() > 50, "{below:?}");
}

#[test]
fn of_a_subset_a_later_write_can_survive_an_earlier_one() {
    let disk = written(&["x"], &["one", "two"]);
    let left = outcomes(&disk, DiskFate::Subset, |disk| (disk.length(WAL), records(disk, WAL)));
    let logs: BTreeSet<&str> = left.iter().map(|(_, log)| log.as_str()).collect();
    assert_eq!(logs, ["x", "x one", "x one two"].into());
    // A hole before the second, and a length without what was written.
    assert!(left.contains(&(31, "x".to_owned())) && left.contains(&(20, "x".to_owned())), "{left:?}");
}

#[test]
fn a_new_length_is_durable_apart_from_what_is_written() {
    let mut disk = raw(&[1; 512]);
    disk.resize(DATA, 1024);
    disk.write(DATA, Use::Raw, 0, &[2; 512]);
    let look = |disk: &mut Disk| (disk.length(DATA), disk.bytes(DATA).expect("its name is durable")[0]);
    assert_eq!(outcomes(&disk, DiskFate::Subset, look), [(512, 1), (512, 2), (1024, 1), (1024, 2)].into());
    assert_eq!(outcomes(&disk, DiskFate::Lost, look), [(512, 1)].into());
    disk.sync(DATA);
    assert_eq!(outcomes(&disk, DiskFate::Lost, look), [(1024, 2)].into());
}

#[test]
fn what_was_cut_off_comes_back_unless_that_was_synced() {
    let mut disk = raw(b"abcdef");
    disk.resize(DATA, 2);
    assert_eq!(disk.bytes(DATA), Some(&b"ab"[..]));
    let look = |disk: &mut Disk| String::from_utf8_lossy(disk.bytes(DATA).unwrap_or_default()).into_owned();
    assert_eq!(outcomes(&disk, DiskFate::Lost, look), ["abcdef".to_owned()].into());
    disk.sync(DATA);
    assert_eq!(outcomes(&disk, DiskFate::Lost, look), ["ab".to_owned()].into());
}

#[test]
fn files_made_since_the_directory_was_synced_vanish_though_they_were_synced() {
    let mut disk = raw(b"old");
    disk.write(File("new"), Use::Raw, 0, b"data");
    disk.sync(File("new"));
    assert_eq!(outcomes(&disk, DiskFate::Lost, |disk| disk.exists(File("new"))), [false].into());
    assert_eq!(outcomes(&disk, DiskFate::Kept, |disk| disk.exists(File("new"))), [true].into());
    disk.harden_names(u32::MAX);
    assert_eq!(outcomes(&disk, DiskFate::Lost, |disk| disk.length(File("new"))), [4].into());
}

#[test]
fn the_name_of_a_log_is_durable_with_what_is_in_it() {
    let mut disk = written(&["a"], &[]);
    crash(&mut disk, DiskFate::Lost, 1);
    assert_eq!(records(&mut disk, WAL), "a");
    let mut disk = written(&[], &["a"]);
    crash(&mut disk, DiskFate::Lost, 1);
    assert!(!disk.exists(WAL));
}

#[test]
fn a_renamed_file_has_its_new_name_only_after_the_directory_is_synced() {
    let mut disk = raw(b"old");
    disk.write(File("aside"), Use::Raw, 0, b"new");
    disk.sync(File("aside"));
    disk.harden_names(u32::MAX);
    assert!(disk.rename(File("aside"), DATA) && !disk.rename(File("aside"), DATA));
    let look = |disk: &mut Disk| {
        let text = String::from_utf8_lossy(disk.bytes(DATA).unwrap_or_default()).into_owned();
        (text, disk.exists(File("aside")))
    };
    let (old, new) = (("old".to_owned(), true), ("new".to_owned(), false));
    assert_eq!(outcomes(&disk, DiskFate::Lost, look), [old.clone()].into());
    assert_eq!(outcomes(&disk, DiskFate::Subset, look), [old, new.clone()].into());
    disk.harden_names(u32::MAX);
    assert_eq!(outcomes(&disk, DiskFate::Lost, look), [new].into());
}

#[test]
fn a_name_can_be_durable_before_what_is_in_the_file() {
    let mut disk = raw(b"old");
    disk.write(File("aside"), Use::Raw, 0, b"new");
    disk.rename(File("aside"), DATA);
    disk.harden_names(u32::MAX);
    assert_eq!(outcomes(&disk, DiskFate::Lost, |disk| disk.length(DATA)), [0].into());
}

#[test]
fn a_removed_file_comes_back_unless_the_directory_was_synced() {
    let mut disk = raw(b"old");
    assert!(disk.remove(DATA) && !disk.remove(DATA));
    assert_eq!(outcomes(&disk, DiskFate::Lost, |disk| disk.length(DATA)), [3].into());
    disk.harden_names(u32::MAX);
    assert_eq!(outcomes(&disk, DiskFate::Lost, |disk| disk.exists(DATA)), [false].into());
}

#[test]
fn records_written_after_a_torn_one_are_read_back() {
    for seed in 0..50 {
        let mut disk = written(&["a"], &["lost"]);
        crash(&mut disk, DiskFate::Torn, seed);
        let kept = disk.records(WAL, None).len();
        disk.append(WAL, b"later");
        assert_eq!(disk.records(WAL, None).len(), kept + 1, "seed {seed}");
        disk.sync(WAL);
        crash(&mut disk, DiskFate::Lost, seed);
        assert_eq!(disk.records(WAL, None).len(), kept + 1, "seed {seed}");
    }
}

#[test]
fn replacing_a_file_survives_any_crash() {
    for fate in [DiskFate::Lost, DiskFate::Torn, DiskFate::Subset, DiskFate::Kept] {
        let mut disk = Disk::default();
        replace(&mut disk, DATA, b"old");
        replace(&mut disk, DATA, b"new");
        crash(&mut disk, fate, 1);
        assert_eq!(contents(&disk, DATA), Some(Ok(b"new".to_vec())));
    }
}

#[test]
fn damage_to_a_file_that_was_replaced_is_noticed() {
    let mut disk = Disk::default();
    replace(&mut disk, DATA, b"new");
    disk.damage(wound("data by bitflip"), &about(), &mut Dice::new(1));
    assert_eq!(contents(&disk, DATA), Some(Err(DiskError::Corrupt)));
}

#[test]
fn what_a_failed_sync_dropped_is_read_until_the_node_stops_and_gone_whatever_the_crash_keeps() {
    for fate in [DiskFate::Lost, DiskFate::Kept, DiskFate::Torn, DiskFate::Subset] {
        let mut disk = written(&["a"], &["dropped"]);
        disk.abandon(WAL);
        disk.append(WAL, b"later");
        assert_eq!(records(&mut disk.clone(), WAL), "a dropped later");
        disk.sync(WAL);
        let left = outcomes(&disk, fate, |disk| records(disk, WAL));
        assert_eq!(left, ["a".to_owned()].into(), "{fate:?}: a hole stands before what was written later");
    }
    let mut disk = raw(b"aaaa");
    disk.write(DATA, Use::Raw, 0, b"bb");
    disk.abandon(DATA);
    disk.write(DATA, Use::Raw, 1, b"c");
    disk.sync(DATA);
    assert_eq!(disk.bytes(DATA), Some(&b"bcaa"[..]));
    crash(&mut disk, DiskFate::Lost, 1);
    assert_eq!(disk.bytes(DATA), Some(&b"acaa"[..]));
}

#[test]
fn a_file_as_it_was_before_its_last_change() {
    let mut disk = written(&["a"], &["b"]);
    assert_eq!(disk.before(WAL).map(|bytes| bytes.len()), Some(9));
    disk.write(WAL, Use::Raw, 2, b"xyz");
    assert_eq!(disk.before(WAL).map(|bytes| bytes.len()), Some(18));
    replace(&mut disk, DATA, b"old");
    let old = disk.bytes(DATA).expect("there is one").to_vec();
    replace(&mut disk, DATA, b"newer");
    assert_eq!(disk.before(DATA), Some(old));
    let mut disk = raw(b"abcdef");
    disk.resize(DATA, 2);
    assert_eq!(disk.before(DATA), Some(b"abcdef".to_vec()));
}

#[test]
fn a_disk_that_was_reset_holds_nothing_of_the_run_before() {
    let mut disk = raw(b"abcdef");
    disk.write(DATA, Use::Raw, 0, b"x");
    disk.abandon(DATA);
    disk.reset();
    assert!(!disk.exists(DATA));
    disk.append(DATA, b"y");
    disk.sync(DATA);
    crash(&mut disk, DiskFate::Lost, 1);
    assert_eq!(records(&mut disk, DATA), "y");
}

/// Records of two bytes: a type, and a number that is also the key.
fn layout(bytes: &[u8]) -> Layout {
    let key = bytes.get(1).map_or(0, |digit| u64::from(digit.wrapping_sub(b'0')));
    Layout::new(0..bytes.len()).kind(0..1).field("digit", 1..2).key(key, 1..2)
}

fn about() -> About {
    About::new("test")
        .file("wal", FileCodec::framed(layout))
        .file("data", FileCodec::FRAMED)
        .file("blob", FileCodec::BLOCKS)
        .disk("fast")
}

/// What `damage n1 in WORDS` does.
#[track_caller]
fn wound(words: &str) -> Wound {
    let text = format!("murphy 1\nat 1s  damage n1 in {words}\n");
    let document = Document::parse(&text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"));
    let Fault::Damage { place, how, each, amount, .. } = document.schedule.steps[0].fault else {
        panic!("no damage: {words}")
    };
    Wound { place, how, each: each.0.into(), amount: amount.0.into() }
}

/// The records of a log, whatever their checksums: `!` where one is wrong, `#` for what is no text, `+3` for three bytes that
/// are no record.
fn shown(bytes: &[u8]) -> String {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(payload) = length_at(&bytes[at..]).and_then(|length| bytes.get(at + FRAME..at + FRAME + length)) {
        let text: String =
            payload.iter().map(|byte| if byte.is_ascii_graphic() { *byte as char } else { '#' }).collect();
        words.push(text + if frame(&bytes[at..]).is_some() { "" } else { "!" });
        at += FRAME + payload.len();
    }
    if at < bytes.len() {
        words.push(format!("+{}", bytes.len() - at));
    }
    words.join(" ")
}

/// The log `a1 b2 c3 d4 e5` after damage, and how many parts were struck.
#[track_caller]
fn check(words: &str, expected: &str, parts: u32) {
    let mut disk = written(&["a1", "b2", "c3", "d4", "e5"], &[]);
    let struck = disk.damage(wound(words), &about(), &mut Dice::new(3));
    assert_eq!((shown(disk.bytes(WAL).unwrap_or_default()).as_str(), struck), (expected, parts), "{words}");
    // It is durable: a crash changes nothing about it.
    crash(&mut disk, DiskFate::Lost, 1);
    assert_eq!(shown(disk.bytes(WAL).unwrap_or_default()), expected, "{words}");
}

#[test]
fn damage_strikes_the_records_that_it_names() {
    check("record 2 of wal by checksum", "a1 b2! c3 d4 e5", 1);
    check("last record of wal by checksum", "a1 b2 c3 d4 e5!", 1);
    check("record 2 of wal by checksum amount 3", "a1 b2! c3! d4! e5", 3);
    check("wal by checksum each 2", "a1 b2! c3 d4! e5", 2);
    check("anywhere by checksum each 5", "a1 b2 c3 d4 e5!", 1);
    check("record 9 of wal by checksum", "a1 b2 c3 d4 e5", 0);
    check("record 2 of wal by delete", "a1 c3 d4 e5", 1);
    check("record 4 of wal by delete amount 9", "a1 b2 c3", 2);
    check("record 2 of wal by repeat", "a1 b2 b2 c3 d4 e5", 1);
    check("record 2 of wal by repeat amount 2", "a1 b2 b2 c3 c3 d4 e5", 2);
    check("record 2 of wal by reorder", "a1 c3 b2 d4 e5", 1);
    check("last record of wal by reorder", "a1 b2 c3 e5 d4", 1);
    check("wal by reorder each 2", "a1 c3 b2 e5 d4", 2);
    check("record 2 of wal by type", "a1 #2 c3 d4 e5", 1);
    check("record 2 of wal by value", "a1 b# c3 d4 e5", 1);
    check("field digit of record 2 of wal by value", "a1 b# c3 d4 e5", 1);
    check("field digit of last record of wal by zero", "a1 b2 c3 d4 e#!", 1);
    check("key 3 of wal by value", "a1 b2 c# d4 e5", 1);
    check("last key of wal by value", "a1 b2 c3 d4 e#", 1);
}

#[test]
fn the_end_is_cut_off_by_bytes_records_and_offsets() {
    check("wal by truncate", "a1 b2 c3 d4 +9", 1);
    check("wal by truncate amount 13", "a1 b2 c3 +7", 1);
    check("last record of wal by truncate", "a1 b2 c3 d4", 1);
    check("last record of wal by truncate amount 2", "a1 b2 c3", 1);
    check("record 2 of wal by truncate", "a1", 1);
    check("bytes 25 to 30 of wal by truncate", "a1 b2 +5", 1);
}

#[test]
fn zeros_stand_where_a_record_was() {
    let mut disk = written(&["a1", "b2", "c3"], &[]);
    let sound = disk.bytes(WAL).expect("there is one").to_vec();
    assert_eq!(disk.damage(wound("record 2 of wal by zero"), &about(), &mut Dice::new(1)), 1);
    let bytes = disk.bytes(WAL).expect("there is one");
    assert_eq!((&bytes[..10], &bytes[10..20], &bytes[20..]), (&sound[..10], &[0; 10][..], &sound[20..]));
}

/// The first and the last byte that damage changes in a file of zeros, and how many bits it changes in all.
fn flipped(words: &str, seed: u64, synced: bool) -> (usize, usize, u32) {
    let mut disk = Disk::default();
    disk.write(File("blob"), Use::Raw, 0, &[0; 10_000]);
    if synced {
        disk.sync(File("blob"));
        disk.harden_names(u32::MAX);
    }
    disk.damage(wound(words), &about(), &mut Dice::new(seed));
    let bytes = disk.bytes(File("blob")).expect("there is one").iter().enumerate();
    let changed: Vec<(usize, u8)> = bytes.map(|(at, byte)| (at, *byte)).filter(|(_, byte)| *byte != 0).collect();
    let bits = changed.iter().map(|(_, byte)| byte.count_ones()).sum();
    (changed.first().map_or(0, |(at, _)| *at), changed.last().map_or(0, |(at, _)| *at), bits)
}

#[test]
fn damage_flips_so_many_bits_where_it_says() {
    assert_eq!(flipped("blob by bitflip amount 7", 1, false), (0, 0, 0), "what is not durable is not on the disk");
    for seed in 0..50 {
        assert_eq!(flipped("blob by bitflip amount 7", seed, true).2, 7);
        let (first, last, bits) = flipped("block 2 of blob by bitflip amount 40", seed, true);
        assert!(first >= 4096 && last < 8192 && bits == 40);
        let (first, last, bits) = flipped("last block of blob by bitflip amount 40", seed, true);
        assert!(first >= 8192 && last < 10_000 && bits == 40);
        let all = flipped("bytes 100 to 102 of blob by bitflip amount 60000", seed, true);
        assert_eq!(all, (100, 101, 16), "all bits of two bytes, and no more");
    }
}

/// Three segments `s1`, `s2`, `s3` of a log, and another file, after damage.
#[track_caller]
fn segments(words: &str, expected: &str, parts: u32) {
    let mut disk = Disk::default();
    for (file, record) in [("fast/wal.1", "s1"), ("wal.2", "s2"), ("wal.10", "s3"), ("fast/data", "x")] {
        disk.append(File(file), record.as_bytes());
        disk.sync(File(file));
    }
    let struck = disk.damage(wound(words), &about(), &mut Dice::new(3));
    let files: Vec<String> =
        disk.list().iter().map(|listed| format!("{}: {}", listed.file.0, shown(listed.bytes))).collect();
    assert_eq!((files.join(", ").as_str(), struck), (expected, parts), "{words}");
}

#[test]
fn damage_strikes_whole_segments_and_disks() {
    segments("segment 1 of wal by delete", "fast/data: x, wal.2: s2, wal.10: s3", 1);
    segments("last segment of wal by truncate", "fast/data: x, fast/wal.1: s1, wal.2: s2", 1);
    segments("segment 2 of wal by truncate", "fast/data: x, fast/wal.1: s1", 2);
    segments("last segment of wal by truncate amount 2", "fast/data: x, fast/wal.1: s1", 2);
    segments("segment 2 of wal by repeat", "fast/data: x, fast/wal.1: s1, wal.2: s2 s2, wal.10: s3", 1);
    segments("segment 1 of wal by reorder", "fast/data: x, fast/wal.1: s2, wal.2: s1, wal.10: s3", 1);
    segments("segment 3 of wal by checksum", "fast/data: x, fast/wal.1: s1, wal.2: s2, wal.10: s3!", 1);
    segments("segment 2 of wal by zero", "fast/data: x, fast/wal.1: s1, wal.2: ! +2, wal.10: s3", 1);
    segments("record 2 of wal by checksum", "fast/data: x, fast/wal.1: s1, wal.2: s2!, wal.10: s3", 1);
    segments("disk fast by checksum each 1", "fast/data: x!, fast/wal.1: s1!, wal.2: s2, wal.10: s3", 2);
    segments("last record by checksum each 1", "fast/data: x!, fast/wal.1: s1, wal.2: s2, wal.10: s3!", 2);
}

#[test]
fn what_is_not_durable_yet_is_written_over_the_damage() {
    let mut disk = written(&["a1", "b2"], &["c3"]);
    assert_eq!(disk.damage(wound("last record of wal by checksum"), &about(), &mut Dice::new(1)), 1);
    assert_eq!(shown(disk.bytes(WAL).expect("there is one")), "a1 b2! c3");
    disk.sync(WAL);
    crash(&mut disk, DiskFate::Lost, 1);
    assert_eq!(shown(disk.bytes(WAL).expect("there is one")), "a1 b2! c3");
}

#[test]
fn a_codec_of_the_targets_own_finds_records_and_makes_checksums_right() {
    // A sum of the bytes that follow, and three of them.
    fn records(bytes: &[u8]) -> Vec<Layout> {
        let starts = (0..bytes.len()).step_by(4);
        starts
            .map(|at| Layout::new(at..at + 4).checksum(at..at + 1).kind(at + 1..at + 2).field("b", at + 2..at + 4))
            .collect()
    }
    fn seal(record: &mut [u8]) {
        record[0] = record[1..].iter().fold(0, |sum, byte| sum.wrapping_add(*byte));
    }
    let about = About::new("test").file("sst", FileCodec::new(records, seal));
    let damaged = |words: &str| {
        let mut disk = Disk::default();
        disk.write(File("sst"), Use::Raw, 0, &[6, 1, 2, 3, 15, 4, 5, 6, 1]);
        disk.sync(File("sst"));
        disk.harden_names(u32::MAX);
        disk.damage(wound(words), &about, &mut Dice::new(1));
        disk.bytes(File("sst")).expect("there is one").to_vec()
    };
    assert_eq!(damaged("record 2 of sst by type"), [6, 1, 2, 3, 10, 255, 5, 6, 1]);
    assert_eq!(damaged("field b of record 1 of sst by value"), [255, 1, 255, 255, 15, 4, 5, 6, 1]);
    assert_eq!(damaged("record 1 of sst by delete"), [15, 4, 5, 6, 1]);
    assert_eq!(damaged("record 1 of sst by checksum")[1..], [1, 2, 3, 15, 4, 5, 6, 1]);
    assert_ne!(damaged("record 1 of sst by checksum")[0], 6);
}
