//! Presets: what Jepsen calls nemeses, written as a schedule that a person can read and change.
//!
//! A [`Plan`] names families of faults, whom they strike and how often; [`Plan::text`] writes a commented file. A family
//! strikes about every other interval and for about one, as Jepsen's packages do. Families are shifted against each other by
//! a fraction of the interval, so that every two of them overlap for a while and lie apart for a while: combinations are
//! tested without anybody asking for them.
//!
//! Names and default strengths are those of Jepsen's `nemesis.combined`, `nemesis.time` and `net` (Kingsbury), of the suites
//! for etcd, TiDB and TiKV, of fuzz_dist, of Elastickv, and of FoundationDB's simulation. Nothing is parsed here but names.

use std::{fmt::Write, ops::RangeInclusive};

use thiserror::Error;

use crate::{diagnostic::nearest, document::Document, units::print_micros};

/// The most further beginnings that are written for a step.
pub(crate) const AGAIN_MAX: u64 = 250;
/// The longest chaos phase, in microseconds.
pub(crate) const CHAOS_MAX_US: u64 = 655_000_000;
/// The most steps that are written.
const STEPS_MAX: usize = 120;
/// The widest comment.
const COMMENT_MAX: usize = 118;
/// The largest number of a node.
const NODES_MAX: u8 = 16;

/// What is to go wrong, in families of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The system that it is for; `any` if for any.
    pub target: String,
    /// The number that fixes what the schedule leaves open.
    pub seed: u64,
    /// What goes wrong.
    pub families: Vec<Family>,
    /// Whom it strikes, in turn; empty: as each family does by itself.
    pub shapes: Vec<Shape>,
    /// Whom single families strike instead.
    pub shapes_of: Vec<(Family, Vec<Shape>)>,
    /// How long a fault lasts, and how long its family then waits.
    pub interval: Interval,
    /// How long faults go on.
    pub time_limit_us: u64,
    /// Spells of faults and of calm in turn.
    pub long_recovery: Option<LongRecovery>,
    /// How long the system has to recover before the last operations.
    pub final_recovery_us: u64,
    /// How many nodes there are; `None`: as many as the target likes.
    pub nodes: Option<u8>,
    /// How many clients there are.
    pub clients: Option<u8>,
    /// How many keys there are.
    pub keys: Option<u8>,
    /// How many operations there are; `None`: as many as the rate makes in the time limit.
    pub ops: Option<u16>,
    /// How many operations there are a second.
    pub rate: Option<u16>,
    /// Into how many data centres the nodes are divided.
    pub data_centres: Option<u8>,
    /// What a kill leaves of what was written and not synced.
    pub kill: KillOf,
    /// Remarks for the top of the file, a paragraph each.
    pub remarks: Vec<String>,
}

/// How long a fault lasts, and how long its family then waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The length.
    pub micros: u64,
    /// Whether the waits are drawn around it (Jepsen's `stagger`) instead of all being the same.
    pub random: bool,
}

/// Spells of faults and of calm in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongRecovery {
    /// How long faults strike.
    pub active_us: u64,
    /// How long nothing goes wrong then.
    pub calm_us: u64,
}

impl LongRecovery {
    /// Two minutes of faults, one minute of calm: what the TiDB and TiKV suites do.
    pub const JEPSEN: Self = Self { active_us: 120_000_000, calm_us: 60_000_000 };
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillOf {
    /// The process: what it wrote reaches the disk, synced or not.
    Process,
    /// The machine: what was not synced is lost, as with power or with lazyfs.
    Machine,
}

/// Why a list of names could not be read, and at which byte of it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NemesisError {
    /// No family and no bundle is called so.
    #[error("unknown nemesis `{found}`{}, expected one of {}", hint(.suggestion), listed(&Family::names()))]
    UnknownFamily {
        /// What stands there.
        found: String,
        /// At which byte.
        at: usize,
        /// The nearest name.
        suggestion: Option<String>,
    },
    /// No choice of nodes is called so.
    #[error("unknown target `{found}`{}, expected `n1` or one of {}", hint(.suggestion), listed(&Shape::names()))]
    UnknownShape {
        /// What stands there.
        found: String,
        /// At which byte.
        at: usize,
        /// The nearest name.
        suggestion: Option<String>,
    },
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"))
}

pub(crate) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl NemesisError {
    /// The byte of the list at which the unknown name stands.
    pub fn at(&self) -> usize {
        match self {
            Self::UnknownFamily { at, .. } | Self::UnknownShape { at, .. } => *at,
        }
    }

    /// The unknown name.
    pub fn found(&self) -> &str {
        match self {
            Self::UnknownFamily { found, .. } | Self::UnknownShape { found, .. } => found,
        }
    }

    /// The nearest known name.
    pub fn suggestion(&self) -> Option<&str> {
        match self {
            Self::UnknownFamily { suggestion, .. } | Self::UnknownShape { suggestion, .. } => suggestion.as_deref(),
        }
    }
}

/// Which nodes a family strikes, or how a partition divides them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One node, drawn. A partition cuts it off.
    One,
    /// Every node. A partition leaves each of them alone.
    All,
    /// The smallest majority. A partition divides it from the others.
    Majority,
    /// The largest minority.
    Minority,
    /// Fewer than a third of the nodes.
    MinorityThird,
    /// A majority for every node, and no two see the same one. Only for partitions.
    Ring,
    /// Whoever leads, or believes so.
    Primaries,
    /// A drawn half.
    Halves,
    /// Two halves that see each other only through one node. Only for partitions.
    Bridge,
    /// Some nodes, drawn.
    Some,
    /// These nodes; bit 0 is node 1.
    Nodes(u16),
}

impl Shape {
    /// Their names, the first of each being the usual one.
    const WORDS: [(&'static [&'static str], Self); 10] = [
        (&["one", "single"], Self::One),
        (&["all"], Self::All),
        (&["majority"], Self::Majority),
        (&["minority"], Self::Minority),
        (&["minority-third"], Self::MinorityThird),
        (&["majorities-ring", "ring"], Self::Ring),
        (&["primaries", "primary", "leader", "leaders"], Self::Primaries),
        (&["halves", "half"], Self::Halves),
        (&["bridge"], Self::Bridge),
        (&["some", "random"], Self::Some),
    ];

    /// The usual names of all but explicit lists of nodes.
    pub fn names() -> Vec<&'static str> {
        Self::WORDS.iter().map(|(words, _)| words[0]).collect()
    }

    /// Reads a list such as `one,majorities-ring` or `n1,n2,primaries`. Neighbouring nodes are one choice of several.
    ///
    /// # Errors
    /// The first item that is unknown.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, NemesisError> {
        let mut shapes = Vec::new();
        for (at, word) in items(list) {
            let shape = Self::parse(word, at)?;
            if let (Some(Self::Nodes(before)), Self::Nodes(node)) = (shapes.last_mut(), shape) {
                *before |= node;
            } else if !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
        Ok(shapes)
    }

    fn parse(word: &str, at: usize) -> Result<Self, NemesisError> {
        let known = Self::WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, shape)| *shape);
        known.or_else(|| node(word).map(|node| Self::Nodes(1 << (node - 1)))).ok_or_else(|| {
            NemesisError::UnknownShape {
                found: word.to_owned(),
                at,
                suggestion: nearest(word, Self::WORDS.iter().flat_map(|(words, _)| words.iter().copied())),
            }
        })
    }

    /// The words that select its nodes; `None` if it only divides them.
    fn selector(self) -> Option<String> {
        Some(match self {
            Self::One => "one".to_owned(),
            Self::All => "all".to_owned(),
            Self::Majority => "majority".to_owned(),
            Self::Minority => "minority".to_owned(),
            Self::MinorityThird => "minority-third".to_owned(),
            Self::Primaries => "primaries".to_owned(),
            Self::Halves => "half".to_owned(),
            Self::Some => "some".to_owned(),
            Self::Nodes(set) => set_of((1..=NODES_MAX).filter(|node| set >> (node - 1) & 1 == 1)),
            Self::Ring | Self::Bridge => return None,
        })
    }

    /// The fault that divides the nodes so.
    fn cut(self) -> String {
        match self {
            Self::All => "block all->all".to_owned(),
            Self::Halves => "partition halves".to_owned(),
            Self::Ring => "partition ring".to_owned(),
            Self::Bridge => "partition bridge".to_owned(),
            _ => format!("partition {} | rest", self.selector().expect("only a ring and a bridge select nobody")),
        }
    }
}

fn node(word: &str) -> Option<u8> {
    word.strip_prefix('n')?.parse().ok().filter(|node| (1..=NODES_MAX).contains(node))
}

fn set_of(nodes: impl Iterator<Item = u8>) -> String {
    let nodes: Vec<String> = nodes.map(|node| format!("n{node}")).collect();
    format!("{{{}}}", nodes.join(","))
}

/// The items of a list, each with the byte at which it stands.
pub(crate) fn items(list: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    list.split(',').filter_map(move |part| {
        let begin = at + part.len() - part.trim_start().len();
        at += part.len() + 1;
        let word = part.trim().trim_start_matches(':');
        (!word.is_empty()).then(|| (begin + part.trim().len() - word.len(), word))
    })
}

macro_rules! families {
    ($(
        $(#[doc = $doc:literal])+
        $name:literal $(or $other:literal)* => $family:ident tests $tests:literal;
    )+) => {
        /// A family of faults, as `--nemesis` names it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Family { $($(#[doc = $doc])+ $family,)+ }

        impl Family {
            /// Every family.
            pub const ALL: &'static [Self] = &[$(Self::$family,)+];

            /// Its usual name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$family => $name,)+ }
            }

            /// All its names, the usual one first.
            pub fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$family => &[$name $(, $other)*],)+ }
            }

            /// What it does.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$family => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// What it is good for.
            pub fn tests(self) -> &'static str {
                match self { $(Self::$family => $tests,)+ }
            }
        }
    };
}

families! {
    /// Divides the network in shapes of many kinds, one after another.
    "partition" => Partition tests "split brain, lost quorums, stale leaders";
    /// Cuts one node off.
    "partition-one" or "partition-node" or "partition-random-node" or "isolated-dc" => PartitionOne
        tests "a leader that goes on alone, a follower that has to catch up";
    /// Divides the network in two halves.
    "partition-half" or "partition-halves" or "partition-random-halves" or "partition-maj-min" => PartitionHalf
        tests "two sides that both go on";
    /// Has every node see a majority, but no two nodes the same one.
    "partition-ring" or "partition-majorities-ring" or "partition-maj-ring" => PartitionRing
        tests "quorums that overlap only in part, elections without end";
    /// Divides the network in two halves that meet in one node.
    "partition-bridge" => PartitionBridge tests "two leaders with one follower in common";
    /// Cuts whoever leads off from the others.
    "partition-leader" or "partition-primaries" or "partition-pd-leader" => PartitionLeader
        tests "a leader that does not know it was replaced";
    /// Leaves every node alone.
    "partition-all" or "isolated-all" => PartitionAll tests "what nodes promise without anybody to ask";
    /// Cuts links in one direction only.
    "one-way" or "asymmetric" or "half-partition" => OneWay tests "nodes that are heard but do not hear, and the reverse";
    /// Keeps the others from being heard by the leader, who is still heard by them.
    "leader-cannot-hear-majority" or "deaf-leader" => DeafLeader
        tests "heartbeats that hold a leader in office who can commit nothing";

    /// Delays, loses, damages, repeats, reorders and throttles what nodes send, one after another.
    "packet" or "network" => Packet tests "retries, timeouts, checksums, protocols that take order for granted";
    /// Delays what nodes send by 50ms or so.
    "packet-delay" or "delay" or "slow-network" => PacketDelay tests "timeouts, slow replicas";
    /// Loses a part of what nodes send, in bursts.
    "packet-loss" or "loss" or "flaky" => PacketLoss tests "retries, gaps in logs";
    /// Damages a part of what nodes send.
    "packet-corrupt" => PacketCorrupt tests "checksums, decoders";
    /// Delivers a part of what nodes send twice.
    "packet-duplicate" or "duplicate" => PacketDuplicate tests "idempotence, stale votes";
    /// Delivers a part of what nodes send in another order.
    "packet-reorder" or "reorder" => PacketReorder tests "protocols that take order for granted";
    /// Lets nodes send no more than 1 Mbit a second.
    "packet-rate" or "rate" or "bandwidth" => PacketRate tests "backlogs, heartbeats behind bulk data";
    /// Holds what is sent to and from nodes, and lets it go at once.
    "clog" => Clog tests "bursts of old messages";
    /// Clogs nodes one by one and lets them go in the reverse order.
    "swizzle" => Swizzle tests "recovery in an order nobody thought of";

    /// Kills nodes and starts them again.
    "kill" or "reboot" or "crash" => Kill tests "recovery from what is durable";
    /// Kills a node and starts it again at once, over and over.
    "flip-flop" or "kill-restart" => FlipFlop tests "crashes in the midst of recovery";
    /// Stops nodes from running, and lets them go on.
    "pause" or "hammer-time" => Pause tests "leases, nodes that missed that they were replaced";
    /// Asks nodes to stop, and starts them again.
    "stop" or "ctrl-c" => Stop tests "shutdown, handing over leadership";
    /// Takes nodes down one after another, and never all of them.
    "attrition" => Attrition tests "one failure after another, never more than the system must bear";
    /// Replaces a node by an empty one.
    "redeploy" or "replace" => Redeploy tests "membership with a history, nodes that come back empty";
    /// Lies to nodes about what is durable, and kills them meanwhile.
    "lazyfs" or "lose-unfsynced" or "lose-unsynced" => Lazyfs tests "writes that were acknowledged and never synced";

    /// Skews clocks for a while, strobes them, and bumps them for good. The end of a skew is Jepsen's reset.
    "clock" or "clocks" => Clock tests "leases, timestamps, clocks that disagree";
    /// Has clocks differ from the true time for a while.
    "clock-skew" or "skew" => ClockSkew tests "leases that end too early or too late";
    /// Moves clocks at once.
    "clock-bump" or "bump" => ClockBump tests "timeouts computed from wall clocks";
    /// Moves clocks forth and back, again and again.
    "clock-strobe" or "strobe" => ClockStrobe tests "clocks that are corrected all the time";
    /// Has clocks drift away.
    "clock-drift" or "drift" => ClockDrift tests "clocks as they are: never quite equal";
    /// Slows the leader's clock down and cuts it off.
    "slow-primary" => SlowPrimary tests "a leader whose lease lasts longer than it should";

    /// Flips bits in files and cuts their ends off.
    "file-corruption" or "file" => FileCorruption tests "checksums, repair from replicas";
    /// Flips a bit in a file.
    "bitflip" => Bitflip tests "checksums";
    /// Cuts the end of a file off.
    "truncate" => Truncate tests "recovery from logs that end too early";
    /// Flips a bit in the log.
    "bitflip-wal" => BitflipWal tests "checksums of the log";
    /// Flips a bit in a snapshot.
    "bitflip-snap" => BitflipSnap tests "checksums of snapshots";
    /// Cuts the end of the log off.
    "truncate-wal" => TruncateWal tests "recovery from logs that end too early";
    /// Makes syncs slow.
    "slow-disk" or "disk-delay" => SlowDisk tests "syncs behind heartbeats";
    /// Lets no sync return.
    "disk-stall" => DiskStall tests "disks that hang";
    /// Leaves no space on disks.
    "disk-full" => DiskFull tests "what runs when nothing can be written";
    /// Has a part of the syncs fail.
    "disk-error" => DiskError tests "code that runs when a sync fails";
    /// Takes most of the processor away.
    "cpu" or "slow-cpu" => Cpu tests "slow nodes that are not dead";
    /// Leaves little memory.
    "memory" => Memory tests "what runs when memory does not suffice";

    /// Removes members and adds them again.
    "member" or "membership" => Member tests "quorums that change while they are in use";
    /// Adds members.
    "grow" => Grow tests "members that vote before they have caught up";
    /// Removes members.
    "shrink" => Shrink tests "removed members that still vote";
    /// Compacts and defragments.
    "admin" => Admin tests "operators at work in the midst of faults";
    /// Compacts.
    "compact" => Compact tests "readers of what is compacted away, snapshots in place of logs";
    /// Defragments.
    "defrag" => Defrag tests "a node that is busy with itself";
    /// Has leaders hand over, again and again (TiKV's scheduler of this name).
    "shuffle-leader" => ShuffleLeader tests "requests on their way to the former leader";
    /// Moves regions to other nodes, again and again (TiKV's scheduler of this name).
    "shuffle-region" => ShuffleRegion tests "data that moves while it is written";
    /// Merges and splits regions (TiKV's scheduler of this name).
    "random-merge" => RandomMerge tests "transactions across a border that goes away";
    /// Splits and moves shards (Elastickv's route-shuffle).
    "route-shuffle" or "split" or "route-split" => RouteShuffle
        tests "transactions across shards whose routes change meanwhile";

    /// Kills placement drivers.
    "kill-pd" => KillPd tests "timestamps that may not go back";
    /// Kills storage nodes.
    "kill-kv" => KillKv tests "locks left behind, recovery of regions";
    /// Kills SQL nodes.
    "kill-db" => KillDb tests "transactions whose coordinator is gone";
    /// Pauses placement drivers.
    "pause-pd" => PausePd tests "two placement drivers that both give out timestamps";
    /// Pauses storage nodes.
    "pause-kv" => PauseKv tests "leases of region leaders";
    /// Pauses SQL nodes.
    "pause-db" => PauseDb tests "transactions that go on after their locks were resolved";
    /// Pauses the placement drivers while the storage nodes restart.
    "restart-kv-without-pd" => RestartKvWithoutPd tests "storage nodes that give up asking";
}

/// Families under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The name.
    pub name: &'static str,
    /// The families.
    pub families: &'static [Family],
}

/// The named bundles:
///
/// - `none`: nothing goes wrong;
/// - `standard`: the network (`partition`, `packet`), as in fuzz_dist;
/// - `process`: `pause` and `kill`, as in fuzz_dist;
/// - `all`: every package of Jepsen's `nemesis.combined` (`partition`, `packet`, `kill`, `pause`, `clock`,
///   `file-corruption`) with what the etcd suite adds (`member`, `admin`);
/// - `corrupt`: disks that rot (`bitflip-wal`, `bitflip-snap`, `truncate-wal`), as in the etcd suite;
/// - `schedules`: TiKV's schedulers (`shuffle-leader`, `shuffle-region`, `random-merge`).
pub const BUNDLES: &[Bundle] = &[
    Bundle { name: "none", families: &[] },
    Bundle { name: "standard", families: &[Family::Partition, Family::Packet] },
    Bundle { name: "process", families: &[Family::Pause, Family::Kill] },
    Bundle {
        name: "all",
        families: &[
            Family::Partition,
            Family::Packet,
            Family::Kill,
            Family::Pause,
            Family::Clock,
            Family::FileCorruption,
            Family::Member,
            Family::Admin,
        ],
    },
    Bundle { name: "corrupt", families: &[Family::BitflipWal, Family::BitflipSnap, Family::TruncateWal] },
    Bundle { name: "schedules", families: &[Family::ShuffleLeader, Family::ShuffleRegion, Family::RandomMerge] },
];

impl Family {
    /// The names of all bundles and the usual names of all families.
    pub fn names() -> Vec<&'static str> {
        let bundles = BUNDLES.iter().map(|bundle| bundle.name);
        bundles.chain(Self::ALL.iter().map(|family| family.name())).collect()
    }

    /// The families that a name stands for: one, or those of a bundle.
    pub fn named(word: &str) -> Option<Vec<Self>> {
        let bundle = BUNDLES.iter().find(|bundle| bundle.name == word).map(|bundle| bundle.families.to_vec());
        bundle.or_else(|| Self::ALL.iter().find(|family| family.aliases().contains(&word)).map(|family| vec![*family]))
    }

    /// Reads a list of families and bundles such as `partition,kill`. No family comes twice.
    ///
    /// # Errors
    /// The first item that is unknown.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, NemesisError> {
        let mut families = Vec::new();
        for (at, word) in items(list) {
            for family in Self::parse(word, at)? {
                if !families.contains(&family) {
                    families.push(family);
                }
            }
        }
        Ok(families)
    }

    pub(crate) fn parse(word: &str, at: usize) -> Result<Vec<Self>, NemesisError> {
        Self::named(word).ok_or_else(|| {
            let aliases = Self::ALL.iter().flat_map(|family| family.aliases().iter().copied());
            let known = BUNDLES.iter().map(|bundle| bundle.name).chain(aliases);
            NemesisError::UnknownFamily { found: word.to_owned(), at, suggestion: nearest(word, known) }
        })
    }

    /// Whom it strikes if nobody says otherwise.
    fn usual_shapes(self) -> &'static [Shape] {
        match self {
            Self::Partition => {
                &[Shape::One, Shape::Halves, Shape::Ring, Shape::Primaries, Shape::MinorityThird, Shape::Bridge]
            }
            Self::Kill | Self::Pause => &[Shape::One, Shape::Primaries, Shape::Minority, Shape::All],
            Self::Packet => &[Shape::All, Shape::One, Shape::Primaries],
            Self::Clock | Self::ClockSkew | Self::ClockBump | Self::ClockStrobe => &[Shape::Some, Shape::Primaries],
            Self::FileCorruption | Self::Bitflip | Self::Truncate => &[Shape::MinorityThird],
            Self::BitflipWal | Self::BitflipSnap | Self::TruncateWal => &[Shape::MinorityThird],
            Self::Swizzle => &[Shape::Some],
            Self::Lazyfs | Self::Attrition | Self::ClockDrift | Self::RandomMerge | Self::RouteShuffle => &[Shape::All],
            Self::PacketDelay | Self::PacketLoss | Self::PacketCorrupt => &[Shape::All, Shape::One],
            Self::PacketDuplicate | Self::PacketReorder | Self::PacketRate => &[Shape::All, Shape::One],
            _ => &[Shape::One],
        }
    }

    /// How long it is from one of its turns to the next, in hundredths of an interval.
    fn pace(self) -> u64 {
        match self {
            Self::FlipFlop | Self::ShuffleLeader | Self::ShuffleRegion | Self::RandomMerge => 50,
            Self::Admin | Self::Compact | Self::Defrag | Self::RouteShuffle => 100,
            Self::RestartKvWithoutPd => 400,
            _ => 200,
        }
    }
}

/// How the length of a fault is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Instant,
    For,
    Restart,
    Rejoin,
}

/// A fault within a turn of its family: its words; when, and for how long, in hundredths of an interval.
#[derive(Clone, Debug)]
struct Act {
    words: String,
    ending: Ending,
    wait: u64,
    length: u64,
}

impl Act {
    fn new(words: impl Into<String>, ending: Ending) -> Self {
        Self { words: words.into(), ending, wait: 0, length: 100 }
    }

    fn lasting(words: impl Into<String>) -> Self {
        Self::new(words, Ending::For)
    }

    fn down(words: impl Into<String>) -> Self {
        Self::new(words, Ending::Restart)
    }

    fn instant(words: impl Into<String>) -> Self {
        Self::new(words, Ending::Instant)
    }

    fn at(self, wait: u64, length: u64) -> Self {
        Self { wait, length, ..self }
    }
}

/// What begins together.
type Turn = Vec<Act>;

/// Jepsen's packet behaviours with their usual strengths, the nodes left open.
const PACKETS: [&str; 6] = [
    "delay {}->all normal 50ms dev 10ms correlation 25%",
    "loss {}->all 20% correlation 75%",
    "corrupt {}->all 20% correlation 75%",
    "duplicate {}->all 20% correlation 75%",
    "reorder {}->all 20% correlation 75%",
    "bandwidth {}->all 125kB",
];

impl Plan {
    /// Five seconds of these families, half a second each: long enough for elections, short enough for a thousand runs.
    pub fn new(target: &str, families: Vec<Family>) -> Self {
        Self {
            target: target.to_owned(),
            seed: 1,
            families,
            shapes: Vec::new(),
            shapes_of: Vec::new(),
            interval: Interval { micros: 500_000, random: false },
            time_limit_us: 5_000_000,
            long_recovery: None,
            final_recovery_us: 0,
            nodes: None,
            clients: None,
            keys: None,
            ops: None,
            rate: None,
            data_centres: None,
            kill: KillOf::Machine,
            remarks: Vec::new(),
        }
    }

    /// The file. It parses, if the target's name can be one. A family that is named twice counts once.
    pub fn text(&self) -> String {
        let (steps, notes) = self.steps();
        let mut text = String::new();
        let remarks = self.remarks.iter().chain(&notes).cloned().chain([self.summary()]);
        remarks.for_each(|remark| comment(&mut text, &remark));
        text.push_str(&self.header());
        text.push_str(&steps);
        canonical(text)
    }

    fn summary(&self) -> String {
        if self.families.is_empty() {
            return "Nothing goes wrong.".to_owned();
        }
        let names: Vec<&str> = self.unique().iter().map(|family| family.name()).collect();
        let how = if self.interval.random { "about every" } else { "every" };
        let interval = print_micros(self.interval.micros);
        format!(
            "Nemeses: {}. A family acts {how} other interval of {interval}, shifted against the rest.",
            names.join(", ")
        )
    }

    fn header(&self) -> String {
        let mut text = format!("murphy 1\ntarget {}\nseed {:#x}\n", self.target, self.seed);
        let shape = [
            ("nodes", self.node_count().map(u16::from)),
            ("clients", self.clients.map(u16::from)),
            ("keys", self.keys.map(u16::from)),
            ("ops", self.ops.or_else(|| self.ops_at_rate())),
            ("rate", self.rate),
        ];
        line(&mut text, "", shape.map(|(word, value)| value.map(|value| format!("{word} {value}"))));
        let (chaos, heal) = (self.chaos_us(), whole(self.final_recovery_us, 10_000).min(CHAOS_MAX_US));
        let recovery = self.long_recovery.map(|long| [("active", long.active_us), ("calm", long.calm_us)]);
        let phases = [("chaos", chaos)].into_iter().chain(recovery.into_iter().flatten()).chain([("heal", heal)]);
        let phases: Vec<_> = phases.filter(|(_, micros)| *micros > 0).collect();
        let said = phases
            .iter()
            .map(|(word, micros)| Some(format!("{word} {}", print_micros(whole((*micros).min(CHAOS_MAX_US), 10_000)))));
        line(&mut text, "phases ", said);
        if let Some(count) = self.data_centres {
            let _ = writeln!(text, "dcs {}", count.clamp(1, 5));
        }
        self.groups().iter().for_each(|(name, nodes)| {
            let _ = writeln!(text, "group {name} {}", set_of(nodes.clone()));
        });
        text
    }

    fn unique(&self) -> Vec<Family> {
        let new = |(at, family): &(usize, &Family)| !self.families[..*at].contains(family);
        self.families.iter().enumerate().filter(new).map(|(_, family)| *family).collect()
    }

    /// The interval, as far as it means anything.
    fn interval_us(&self) -> u64 {
        self.interval.micros.min(CHAOS_MAX_US)
    }

    fn chaos_us(&self) -> u64 {
        whole(self.time_limit_us.clamp(10_000, CHAOS_MAX_US), 10_000)
    }

    fn ops_at_rate(&self) -> Option<u16> {
        let ops = u64::from(self.rate?) * self.chaos_us() / 1_000_000;
        Some(ops.clamp(1, 65_534) as u16)
    }

    fn node_count(&self) -> Option<u8> {
        self.nodes.or_else(|| (self.target == "any" && !self.kinds().is_empty()).then_some(6))
    }

    /// The kinds of processes that the families tell apart.
    fn kinds(&self) -> Vec<&'static str> {
        let has = |families: &[Family]| self.families.iter().any(|family| families.contains(family));
        let db = has(&[Family::KillDb, Family::PauseDb]);
        let pd = has(&[Family::KillPd, Family::PausePd, Family::KillKv, Family::PauseKv, Family::RestartKvWithoutPd]);
        match (pd, db) {
            (false, false) => vec![],
            (true, false) => vec!["pd", "kv"],
            _ => vec!["pd", "kv", "db"],
        }
    }

    /// Which nodes are of which kind, if the target has no kinds of its own: equal shares, in order.
    fn groups(&self) -> Vec<(&'static str, RangeInclusive<u8>)> {
        let kinds = if self.target == "any" { self.kinds() } else { vec![] };
        let nodes = self.node_count().unwrap_or(1).max(1);
        let count = kinds.len() as u8;
        let share = |at: usize| {
            let first = (nodes * at as u8) / count.max(1) + 1;
            let last = (nodes * (at as u8 + 1)) / count.max(1);
            first.min(nodes)..=last.clamp(first.min(nodes), nodes)
        };
        kinds.into_iter().enumerate().map(|(at, kind)| (kind, share(at))).collect()
    }

    /// The steps, and what could not be said.
    fn steps(&self) -> (String, Vec<String>) {
        let (mut text, mut notes) = (String::new(), Vec::new());
        if !self.groups().is_empty() {
            notes.push("Which nodes are of which kind is a guess: change the groups as the target has it.".to_owned());
        }
        for (rank, family) in self.unique().iter().enumerate() {
            let turns = self.fitting(*family, &mut notes);
            let about = format!("{}: {} Tests {}.", family.name(), family.meaning(), family.tests());
            text.push('\n');
            comment(&mut text, &about);
            let mut labels = Labels { family: *family, given: 0 };
            for (at, turn) in turns.iter().enumerate() {
                self.write_turn(&mut text, &mut labels, self.when(*family, rank, at, turns.len()), turn);
            }
        }
        (text, notes)
    }

    /// The turns of a family for which there is room: within the file, and within the time.
    fn fitting(&self, family: Family, notes: &mut Vec<String>) -> Vec<Turn> {
        let mut turns = self.turns(family);
        let acts = turns.iter().map(Vec::len).max().unwrap_or(1);
        let room = (STEPS_MAX / self.families.len() / acts).max(1);
        let gap = self.interval_us() * family.pace() / 100;
        let time = 1 + self.chaos_us().saturating_sub(self.first_us(self.families.len())) / gap.max(1);
        let kept = room.min(usize::try_from(time).unwrap_or(usize::MAX));
        if kept < turns.len() {
            let left: Vec<String> = turns.drain(kept..).flatten().map(|act| act.words).collect();
            notes.push(format!("No room in this time for more of `{}`: {}.", family.name(), left.join("; ")));
        }
        turns
    }

    /// When the family of this rank begins.
    fn first_us(&self, rank: usize) -> u64 {
        let count = self.families.len().max(1) as u64;
        let usual = self.interval_us() + self.interval_us() * rank as u64 / count;
        usual.min(self.chaos_us() * (rank as u64 + 1) / (count + 2))
    }

    /// When the turn at this place among so many begins, and how it comes again.
    fn when(&self, family: Family, rank: usize, at: usize, count: usize) -> When {
        let gap = tidy(self.interval_us() * family.pace() / 100);
        let (first_us, every_us) = (tidy(self.first_us(rank)) + gap * at as u64, gap * count as u64);
        let more = self.chaos_us().saturating_sub(first_us + 1) / every_us;
        When { first_us, every_us, more: more.min(AGAIN_MAX) }
    }

    fn write_turn(&self, text: &mut String, labels: &mut Labels, when: When, turn: &[Act]) {
        // Acts that belong together must come again together.
        let about = if self.interval.random && turn.len() == 1 { "about " } else { "" };
        let leader = labels.next();
        for (at, act) in turn.iter().enumerate() {
            let length = print_micros(tidy(self.interval_us() * act.length / 100));
            let wait = print_micros(tidy(self.interval_us() * act.wait / 100));
            let _ = match (at, act.wait) {
                (0, _) => write!(text, "{leader}: at {}  ", print_micros(when.first_us)),
                (_, 0) => write!(text, "{}: after {leader} begins  ", labels.next()),
                _ => write!(text, "{}: after {leader} begins +{wait}  ", labels.next()),
            };
            text.push_str(&act.words);
            let _ = match act.ending {
                Ending::Instant => Ok(()),
                Ending::For => write!(text, " for {length}"),
                Ending::Restart => write!(text, ", restart after {length}"),
                Ending::Rejoin => write!(text, ", rejoin after {length}"),
            };
            if when.more > 0 {
                let _ = write!(text, " again {} times every {about}{}", when.more, print_micros(when.every_us));
            }
            text.push('\n');
        }
    }

    /// The turns of a family, in the order in which they come.
    fn turns(&self, family: Family) -> Vec<Turn> {
        let shapes = self.shapes(family);
        let each = |act: &dyn Fn(&str) -> Act| -> Vec<Turn> { turns_of(&self.selectors(family), act) };
        let same = |act: Act| vec![vec![act]];
        match family {
            Family::Partition => shapes.iter().map(|shape| vec![Act::lasting(shape.cut())]).collect(),
            Family::PartitionOne => same(Act::lasting(Shape::One.cut())),
            Family::PartitionHalf => same(Act::lasting(Shape::Halves.cut())),
            Family::PartitionRing => same(Act::lasting(Shape::Ring.cut())),
            Family::PartitionBridge => same(Act::lasting(Shape::Bridge.cut())),
            Family::PartitionLeader => same(Act::lasting(Shape::Primaries.cut())),
            Family::PartitionAll => same(Act::lasting(Shape::All.cut())),
            Family::OneWay => both_ways(&self.selectors(family)),
            Family::DeafLeader => same(Act::lasting("block rest->primaries")),
            Family::Packet => self.packets(family, &PACKETS),
            Family::PacketDelay => self.packets(family, &PACKETS[0..1]),
            Family::PacketLoss => self.packets(family, &PACKETS[1..2]),
            Family::PacketCorrupt => self.packets(family, &PACKETS[2..3]),
            Family::PacketDuplicate => self.packets(family, &PACKETS[3..4]),
            Family::PacketReorder => self.packets(family, &PACKETS[4..5]),
            Family::PacketRate => self.packets(family, &PACKETS[5..6]),
            Family::Clog => each(&|nodes| Act::lasting(format!("clog {nodes}->all"))),
            Family::Swizzle => each(&|nodes| Act::lasting(format!("swizzle {nodes} over {}", self.share(33)))),
            Family::Kill => each(&|nodes| Act::down(format!("crash {nodes}{}", self.disk()))),
            Family::FlipFlop => each(&|nodes| Act::down(format!("crash {nodes}{}", self.disk())).at(0, 25)),
            Family::Pause => each(&|nodes| Act::lasting(format!("pause {nodes}"))),
            Family::Stop => each(&|nodes| Act::down(format!("stop {nodes} drain {}", self.share(20)))),
            Family::Attrition => each(&|nodes| Act::lasting(self.attrition(nodes))),
            Family::Redeploy => each(&|nodes| Act::new(format!("redeploy {nodes}"), Ending::Rejoin)),
            Family::Lazyfs => vec![vec![
                Act::lasting(format!("lazy-sync all lag {}", self.share(50))),
                Act::down(format!("crash {}", self.selectors(family)[0])).at(50, 25),
            ]],
            Family::Clock => self.clocks(family),
            Family::ClockSkew => each(&|nodes| Act::lasting(format!("clock {nodes} ahead 256ms"))),
            Family::ClockBump => self.bumps(family),
            Family::ClockStrobe => each(&|nodes| Act::lasting(format!("strobe {nodes} ahead 128ms period 16ms"))),
            Family::ClockDrift => each(&|nodes| Act::lasting(format!("drift {nodes} within 100ms")).at(0, 150)),
            Family::SlowPrimary => vec![vec![
                Act::lasting("clock primaries rate 0.5"),
                Act::lasting("partition primaries | rest").at(25, 75),
            ]],
            Family::FileCorruption => self.damages(family, &["{} by bitflip", "{} by truncate"]),
            Family::Bitflip => self.damages(family, &["{} by bitflip"]),
            Family::Truncate => self.damages(family, &["{} by truncate"]),
            Family::BitflipWal => self.damages(family, &["{} in wal by bitflip"]),
            Family::BitflipSnap => self.damages(family, &["{} in snap by bitflip"]),
            Family::TruncateWal => self.damages(family, &["{} in wal by truncate"]),
            Family::SlowDisk => {
                each(&|nodes| Act::lasting(format!("disk-delay {nodes} on sync takes exponential 20ms")))
            }
            Family::DiskStall => each(&|nodes| Act::lasting(format!("disk-stall {nodes} on sync"))),
            Family::DiskFull => each(&|nodes| Act::lasting(format!("disk-full {nodes} free 4kB"))),
            Family::DiskError => each(&|nodes| Act::lasting(format!("disk-error {nodes} on sync error EIO 10%"))),
            Family::Cpu => each(&|nodes| Act::lasting(format!("cpu {nodes} use 90%"))),
            Family::Memory => each(&|nodes| Act::lasting(format!("memory {nodes} limit 16MB"))),
            Family::Member => changes(&["remove one", "add all"]),
            Family::Grow => changes(&["add all"]),
            Family::Shrink => changes(&["remove one"]),
            Family::Admin => changes(&["compact one", "defrag one"]),
            Family::Compact => changes(&["compact one"]),
            Family::Defrag => changes(&["defrag one"]),
            Family::ShuffleLeader => changes(&["shuffle-leader all"]),
            Family::ShuffleRegion => changes(&["shuffle-region all"]),
            Family::RandomMerge => changes(&["merge all", "split all"]),
            Family::RouteShuffle => changes(&["split all", "shuffle-route all"]),
            Family::KillPd => same(Act::down(format!("crash group pd{}", self.disk()))),
            Family::KillKv => same(Act::down(format!("crash group kv{}", self.disk()))),
            Family::KillDb => same(Act::down(format!("crash group db{}", self.disk()))),
            Family::PausePd => same(Act::lasting("pause group pd")),
            Family::PauseKv => same(Act::lasting("pause group kv")),
            Family::PauseDb => same(Act::lasting("pause group db")),
            Family::RestartKvWithoutPd => vec![vec![
                Act::lasting("pause group pd").at(0, 200),
                Act::down(format!("crash group kv{}", self.disk())).at(0, 25),
            ]],
        }
    }

    /// Whom a family strikes.
    fn shapes(&self, family: Family) -> Vec<Shape> {
        let own = self.shapes_of.iter().find(|(of, _)| *of == family).map(|(_, shapes)| shapes.as_slice());
        let asked = own.unwrap_or(&self.shapes);
        let usable = |shape: &&Shape| family == Family::Partition || shape.selector().is_some();
        let shapes: Vec<Shape> = asked.iter().filter(usable).copied().collect();
        if shapes.is_empty() { family.usual_shapes().to_vec() } else { shapes }
    }

    /// The words that select the nodes that a family strikes.
    fn selectors(&self, family: Family) -> Vec<String> {
        self.shapes(family).into_iter().filter_map(Shape::selector).collect()
    }

    /// So many hundredths of the interval, as text.
    fn share(&self, percent: u64) -> String {
        print_micros(tidy(self.interval_us() * percent / 100))
    }

    fn disk(&self) -> &'static str {
        match self.kill {
            KillOf::Process => " keep",
            KillOf::Machine => "",
        }
    }

    fn attrition(&self, nodes: &str) -> String {
        let leave = self.nodes.unwrap_or(3) / 2 + 1;
        format!("attrition {nodes} kill 3 leave {leave} gap {} down {}", self.share(30), self.share(50))
    }

    /// Behaviours and nodes in turn, as many as it takes to have each at least once.
    fn packets(&self, family: Family, behaviours: &[&str]) -> Vec<Turn> {
        alternate(behaviours, &self.selectors(family), Act::lasting)
    }

    fn damages(&self, family: Family, damages: &[&str]) -> Vec<Turn> {
        alternate(damages, &self.selectors(family), |words| Act::instant(format!("damage {words}")))
    }

    fn clocks(&self, family: Family) -> Vec<Turn> {
        let kinds = [
            "clock {} ahead 256ms",
            "strobe {} ahead 128ms period 16ms",
            "bump {} ahead 4s",
            "clock {} behind 2s",
            "bump {} behind 4s",
        ];
        alternate(&kinds, &self.selectors(family), |words| {
            if words.starts_with("bump") { Act::instant(words) } else { Act::lasting(words) }
        })
    }

    fn bumps(&self, family: Family) -> Vec<Turn> {
        alternate(&["bump {} ahead 2s", "bump {} behind 2s"], &self.selectors(family), Act::instant)
    }
}

/// When a turn begins, and how it comes again.
#[derive(Clone, Copy, Debug)]
struct When {
    first_us: u64,
    every_us: u64,
    more: u64,
}

/// Gives the steps of a family their labels: `kill`, `kill-2`, …
struct Labels {
    family: Family,
    given: usize,
}

impl Labels {
    fn next(&mut self) -> String {
        self.given += 1;
        let name = self.family.name();
        if self.given == 1 { name.to_owned() } else { format!("{name}-{}", self.given) }
    }
}

fn turns_of(selectors: &[String], act: &dyn Fn(&str) -> Act) -> Vec<Turn> {
    selectors.iter().map(|nodes| vec![act(nodes)]).collect()
}

fn both_ways(selectors: &[String]) -> Vec<Turn> {
    let ways = |nodes: &String| [format!("block {nodes}->all"), format!("block all->{nodes}")];
    selectors.iter().flat_map(ways).map(|words| vec![Act::lasting(words)]).collect()
}

fn changes(changes: &[&str]) -> Vec<Turn> {
    changes.iter().map(|change| vec![Act::instant(format!("admin {change}"))]).collect()
}

/// Each phrase once with nodes in its `{}`, and all nodes at least once.
fn alternate(phrases: &[&str], selectors: &[String], act: impl Fn(String) -> Act) -> Vec<Turn> {
    let count = phrases.len().max(selectors.len());
    let words = (0..count).map(|at| phrases[at % phrases.len()].replace("{}", &selectors[at % selectors.len()]));
    words.map(|words| vec![act(words)]).collect()
}

/// A comment of one paragraph, wrapped.
pub(crate) fn comment(text: &mut String, remark: &str) {
    let mut width = 0;
    for word in remark.split_whitespace() {
        let letters = word.chars().count();
        if width == 0 || width + 1 + letters > COMMENT_MAX {
            text.push_str(if width == 0 { "#" } else { "\n#" });
            width = 1;
        }
        let _ = write!(text, " {word}");
        width += 1 + letters;
    }
    text.push('\n');
}

/// A line of the header, if any of its items is there.
fn line(text: &mut String, word: &str, items: impl IntoIterator<Item = Option<String>>) {
    let items: Vec<String> = items.into_iter().flatten().collect();
    if !items.is_empty() {
        let _ = writeln!(text, "{word}{}", items.join(", "));
    }
}

/// The next multiple of `unit`.
fn whole(micros: u64, unit: u64) -> u64 {
    micros.div_ceil(unit) * unit
}

/// A length near `micros` that reads well, and that every field for a length can hold.
pub(crate) fn tidy(micros: u64) -> u64 {
    let unit = match micros {
        16_000_000.. => 100_000,
        1_000_000.. => 10_000,
        100_000.. => 1_000,
        _ => 100,
    };
    ((micros + unit / 2) / unit * unit).max(unit)
}

/// The text as `murphy fmt` has it.
pub(crate) fn canonical(text: String) -> String {
    Document::parse(&text).map_or(text, |document| document.to_string())
}

#[cfg(test)]
mod tests {
    use super::{
        BUNDLES, CHAOS_MAX_US, Family, Interval, KillOf, LongRecovery, NemesisError, Plan, Shape, canonical, comment,
        tidy,
    };
    use crate::{
        document::Document,
        schedule::{Step, When},
    };

    /// The text of a plan is a schedule in its canonical form, and says what each family does.
    #[track_caller]
    fn check(plan: &Plan) -> Document {
        let text = plan.text();
        let document = Document::parse(&text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"));
        assert_eq!(document.to_string(), text);
        for family in &plan.families {
            assert!(text.contains(&format!("# {}: ", family.name())), "{} is not explained", family.name());
        }
        document
    }

    fn of(names: &str) -> Plan {
        Plan::new("any", Family::parse_list(names).unwrap())
    }

    #[test]
    fn every_family_is_a_schedule_whoever_it_strikes() {
        let words = Shape::names().join(",");
        let shapes: Vec<Shape> = Shape::parse_list(&format!("{words},n1,n3")).unwrap();
        for family in Family::ALL {
            assert!(!check(&Plan::new("any", vec![*family])).schedule.steps.is_empty());
            for shape in &shapes {
                let plan = Plan { shapes: vec![*shape], nodes: Some(5), ..Plan::new("any", vec![*family]) };
                assert!(!check(&plan).schedule.steps.is_empty(), "{} {shape:?}", family.name());
            }
            let plan = Plan { kill: KillOf::Process, ..Plan::new("percolator-kv", vec![*family]) };
            check(&plan);
        }
    }

    #[test]
    fn every_pair_of_families_is_a_schedule_and_overlaps() {
        for one in Family::ALL {
            for other in Family::ALL {
                check(&Plan::new("any", vec![*one, *other]));
            }
        }
        let document = check(&of("partition-half,pause"));
        let begins: Vec<u32> = document.schedule.steps.iter().map(begin).collect();
        assert!(begins.contains(&500_000) && begins.contains(&750_000), "{begins:?}");
    }

    fn begin(step: &Step) -> u32 {
        if let When::At(at) = step.when { at } else { 0 }
    }

    #[test]
    fn all_families_together_fit_into_one_schedule() {
        let all = Plan::new("any", Family::ALL.to_vec());
        check(&all);
        check(&Plan { time_limit_us: CHAOS_MAX_US * 3, long_recovery: Some(LongRecovery::JEPSEN), ..all.clone() });
        check(&Plan { interval: Interval { micros: 0, random: true }, ..all.clone() });
        check(&Plan { interval: Interval { micros: u64::MAX / 1_000, random: false }, ..all.clone() });
        check(&Plan { time_limit_us: 0, shapes: Shape::parse_list("n2,one,n3,ring").unwrap(), ..all });
    }

    #[test]
    fn every_time_fits_the_grammar() {
        for micros in [1, 99, 12_345, 123_456, 999_999, 1_234_567, 15_999_999, 16_049_999, 40_000_000, 299_999_999] {
            for names in ["attrition,swizzle,lazyfs,stop", "all", "process,corrupt"] {
                for random in [false, true] {
                    let interval = Interval { micros, random };
                    check(&Plan { interval, time_limit_us: micros.saturating_mul(7), ..of(names) });
                }
            }
            assert!(tidy(micros).abs_diff(micros) <= 100.max(micros / 100), "{micros}");
        }
    }

    #[test]
    fn nothing_begins_after_the_time_limit() {
        for names in ["all", "schedules,process", "standard", "restart-kv-without-pd,kill-kv"] {
            let plan = Plan { time_limit_us: 3_000_000, ..of(names) };
            for step in &check(&plan).schedule.steps {
                let last = begin(step) + u32::from(step.again.times) * step.again.every;
                assert!(last < 3_000_000, "{names}: {step:?}");
            }
        }
    }

    #[test]
    fn a_header_says_what_the_plan_says() {
        let plan = Plan {
            nodes: Some(5),
            clients: Some(10),
            keys: Some(3),
            rate: Some(20),
            time_limit_us: 30_000_000,
            long_recovery: Some(LongRecovery { active_us: 10_000_000, calm_us: 5_000_000 }),
            final_recovery_us: 2_000_000,
            data_centres: Some(5),
            seed: 7,
            ..of("none")
        };
        let header = check(&plan).schedule.header;
        assert_eq!((header.nodes, header.clients, header.keys, header.ops, header.rate), (5, 10, 3, Some(600), 20));
        assert_eq!((header.chaos, header.active, header.calm, header.heal), (3_000, 1_000, 500, 200));
        assert_eq!((header.seed, header.dcs), (7, 5));
    }

    #[test]
    fn names_are_read_in_lists_and_bundles() {
        assert_eq!(Family::parse_list("kill, partition,kill").unwrap(), [Family::Kill, Family::Partition]);
        assert_eq!(Family::parse_list(":none").unwrap(), []);
        assert_eq!(Family::parse_list("process,pause").unwrap(), [Family::Pause, Family::Kill]);
        assert_eq!(Family::parse_list("hammer-time").unwrap(), [Family::Pause]);
        assert_eq!(Shape::parse_list("n1,n3,one,n2").unwrap(), [Shape::Nodes(0b101), Shape::One, Shape::Nodes(0b10)]);
        assert_eq!(Shape::parse_list("majorities-ring,ring").unwrap(), [Shape::Ring]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = Family::parse_list("kill, partiton").unwrap_err();
        assert_eq!((error.at(), error.found(), error.suggestion()), (6, "partiton", Some("partition")));
        assert!(
            error
                .to_string()
                .starts_with("unknown nemesis `partiton` (did you mean `partition`?), expected one of `none`")
        );
        let error = Shape::parse_list("one,majorty").unwrap_err();
        assert_eq!((error.at(), error.found(), error.suggestion()), (4, "majorty", Some("majority")));
        assert!(matches!(Shape::parse_list("n17"), Err(NemesisError::UnknownShape { at: 0, .. })));
    }

    #[test]
    fn no_name_stands_for_two_families() {
        let bundles = BUNDLES.iter().map(|bundle| bundle.name);
        let aliases = Family::ALL.iter().flat_map(|family| family.aliases().iter().copied());
        let mut names: Vec<&str> = bundles.chain(aliases).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn comments_are_wrapped_and_hold_nothing_else() {
        let mut text = String::new();
        comment(&mut text, &"word\nat 1s  crash all\r\u{85}more ".repeat(20));
        assert!(text.lines().all(|line| line.starts_with("# ") && line.chars().count() <= 120), "{text}");
        assert_eq!(canonical(format!("{text}murphy 1\ntarget any\nseed 0x1\n")).matches("\n\n").count(), 0);
    }
}
