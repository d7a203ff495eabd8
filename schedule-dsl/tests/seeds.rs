//! The schedules that campaigns begin with are what they say they are.

use std::{collections::BTreeMap, fs, path::Path};

use murphy_schedule::{
    Document, Vocabulary,
    lint::{System, lint},
};

/// The most steps that a person can take in at once.
const STEPS_MAX: usize = 12;

/// Each named nemesis, and the seed that does what it does.
const NEMESES: &[(&str, &str)] = &[
    // Jepsen's `nemesis` and `nemesis.combined`.
    ("partition-random-node", "jepsen-partition-one"),
    ("partition one", "jepsen-partition-one"),
    ("partition-halves", "jepsen-partition-halves"),
    ("partition-random-halves", "jepsen-partition-halves"),
    ("partition majority", "jepsen-partition-majority"),
    ("partition-majorities-ring", "jepsen-partition-majorities-ring"),
    ("bridge", "jepsen-partition-bridge"),
    ("partition primaries", "jepsen-partition-primaries"),
    ("partition minority-third", "jepsen-partition-minority-third"),
    ("complete grudge of single nodes", "jepsen-isolate-all"),
    ("one-way grudge", "jepsen-one-way"),
    ("kill", "jepsen-kill-restart"),
    ("kill all", "jepsen-kill-all"),
    ("kill primaries", "jepsen-kill-primaries"),
    ("node-start-stopper", "jepsen-single-node-restarts"),
    ("flip-flop", "jepsen-flip-flop"),
    ("pause", "jepsen-pause-resume"),
    ("hammer-time", "jepsen-pause-resume"),
    ("clock bump", "jepsen-clock-bump"),
    ("clock strobe", "jepsen-clock-strobe"),
    ("clock reset", "jepsen-clock-reset"),
    ("clock-scrambler", "jepsen-clock-skew"),
    ("packet delay", "jepsen-packet-delay"),
    ("packet loss", "jepsen-packet-loss"),
    ("packet corrupt", "jepsen-packet-corrupt"),
    ("packet duplicate", "jepsen-packet-duplicate"),
    ("packet reorder", "jepsen-packet-reorder"),
    ("packet rate", "jepsen-packet-rate"),
    ("file bitflip", "jepsen-file-bitflip"),
    ("file truncate", "jepsen-file-truncate"),
    ("membership grow and shrink", "jepsen-membership-grow-shrink"),
    ("lose-unfsynced-writes", "jepsen-lazyfs-lose-unfsynced"),
    ("node teardown and setup", "jepsen-redeploy"),
    ("charybdefs", "jepsen-slow-disk"),
    ("several packages at once", "jepsen-combined"),
    // FoundationDB.
    ("RandomClogging", "fdb-cycle-random-clogging"),
    ("RandomClogging swizzle", "fdb-swizzle"),
    ("Rollback", "fdb-rollback"),
    ("Attrition", "fdb-attrition"),
    ("ChangeConfig", "fdb-change-config"),
    ("SwizzledCycleTest", "fdb-swizzled-cycle"),
    // fuzz_dist.
    ("fuzz_dist partition", "fuzz-dist-partition"),
    ("fuzz_dist packet", "fuzz-dist-packet"),
    ("fuzz_dist pause", "fuzz-dist-pause"),
    ("fuzz_dist kill", "fuzz-dist-kill"),
    ("fuzz_dist file-corruption", "fuzz-dist-file-corruption"),
    // TiKV and TiDB; their other partitions, kills and pauses are those of Jepsen.
    ("kill-pd", "tikv-kill-pd"),
    ("kill-kv", "tikv-kill-kv"),
    ("pause-pd", "tikv-pause-pd"),
    ("pause-kv", "tikv-pause-kv"),
    ("partition-pd-leader", "tikv-partition-pd-leader"),
    ("shuffle-leader", "tikv-shuffle-leader"),
    ("shuffle-region", "tikv-shuffle-region"),
    ("random-merge", "tikv-random-merge"),
    ("restart-kv-without-pd", "tikv-restart-kv-without-pd"),
    ("slow-primary", "tidb-slow-primary"),
    // Elastickv, etcd, Xline.
    ("route-shuffle", "elastickv-route-shuffle"),
    ("elastickv faults", "elastickv-faults"),
    ("etcd member", "etcd-member"),
    ("etcd admin", "etcd-compact-defrag"),
    ("etcd corrupt", "etcd-corrupt"),
    ("leader cannot hear majority", "xline-leader-cannot-hear-majority"),
    ("recovery upon recovery", "xline-recovery"),
];

/// The seeds by their names.
fn seeds() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/seeds");
    let mut seeds = BTreeMap::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.extension().and_then(|end| end.to_str()), Some("murphy"), "{}", path.display());
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        seeds.insert(name, fs::read_to_string(&path).unwrap());
    }
    seeds
}

#[test]
fn every_seed_parses_and_is_formatted() {
    for (name, text) in seeds() {
        let document = Document::parse(&text).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
        assert_eq!(document.to_string(), text, "`murphy fmt` would change {name}");
    }
}

#[test]
fn every_seed_is_short_and_says_what_it_does() {
    for (name, text) in seeds() {
        let steps = Document::parse(&text).unwrap().schedule.steps.len();
        assert!((1..=STEPS_MAX).contains(&steps), "{name} has {steps} steps");
        assert!(text.starts_with("# "), "{name} says nothing of itself");
    }
}

#[test]
fn every_seed_of_another_tool_says_where_it_comes_from() {
    let origins = [
        ("jepsen-", "Jepsen"),
        ("fdb-", "FoundationDB"),
        ("fuzz-dist-", "fuzz_dist"),
        ("tikv-", "TiKV"),
        ("tidb-", "TiDB"),
        ("elastickv-", "Elastickv"),
        ("etcd-", "etcd"),
        ("xline-", "Xline"),
    ];
    for (name, text) in seeds() {
        let Some((_, origin)) = origins.iter().find(|(begin, _)| name.starts_with(begin)) else { continue };
        let said = text.lines().take_while(|line| line.starts_with('#')).any(|line| line.contains(origin));
        assert!(said || (name.starts_with("tikv-") && text.contains("TiDB")), "{name} does not name {origin}");
    }
}

#[test]
fn every_named_nemesis_has_a_seed() {
    let seeds = seeds();
    for (nemesis, seed) in NEMESES {
        assert!(seeds.contains_key(*seed), "{nemesis} has no {seed}.murphy");
    }
}

#[test]
fn seeds_do_not_share_a_seed_number_within_a_target() {
    let mut taken: BTreeMap<(String, u64), String> = BTreeMap::new();
    for (name, text) in seeds() {
        let document = Document::parse(&text).unwrap();
        let before = taken.insert((document.target, document.schedule.header.seed), name.clone());
        assert_eq!(before, None, "{name} draws the same as another");
    }
}

#[test]
fn no_seed_says_what_can_never_strike() {
    let vocabulary = Vocabulary { nodes: (3, 5), chaos_micros: 4_000_000, ..Vocabulary::default() };
    let system = System { vocabulary: &vocabulary, survives_wiped_disks: true };
    for (name, text) in seeds() {
        let document = Document::parse(&text).unwrap();
        // Whether a name means something is the target's to say; some of its processes are of a kind that is a group.
        let names = ["that a schedule can name", "reports no roles", "no group or data centre is called"];
        let about_names = |what: &str| names.iter().any(|name| what.contains(name));
        let mut warnings = lint(&document, None);
        warnings.extend(lint(&document, Some(system)));
        warnings.retain(|warning| !about_names(&warning.what));
        assert_eq!(warnings, [], "{name}");
    }
}
