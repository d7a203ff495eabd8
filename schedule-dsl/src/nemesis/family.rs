//! The families of faults, each declared once, and the bundles that name several.
//!
//! A row of the table is the whole definition of a family: its names, what it is, what it is good for, and its steps.

use super::{
    deeds::Deeds::{self, BothWays, Cuts, InTurn, Once, Together},
    names::{NemesisError, items},
    shape::Shape,
};
use crate::diagnostic::nearest;

// Jepsen's packet behaviours with their usual strengths.
const DELAY: &str = "delay {}->all normal 50ms dev 10ms correlation 25% for {100%}";
const LOSS: &str = "loss {}->all 20% correlation 75% for {100%}";
const CORRUPT: &str = "corrupt {}->all 20% correlation 75% for {100%}";
const DUPLICATE: &str = "duplicate {}->all 20% correlation 75% for {100%}";
const REORDER: &str = "reorder {}->all 20% correlation 75% for {100%}";
const BANDWIDTH: &str = "bandwidth {}->all 125kB for {100%}";
/// Its strobe.
const STROBE: &str = "strobe {} ahead 128ms period 16ms for {100%}";

macro_rules! families {
    ($(
        $(#[doc = $doc:literal])+
        $name:literal $(or $other:literal)* => $family:ident tests $tests:literal does $deeds:expr;
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

            /// What it does, as steps with holes in them.
            pub(super) fn deeds(self) -> Deeds {
                match self { $(Self::$family => $deeds,)+ }
            }
        }
    };
}

families! {
    /// Divides the network in shapes of many kinds, one after another.
    "partition" => Partition
        tests "split brain, lost quorums, stale leaders"
        does Cuts;
    /// Cuts one node off.
    "partition-one" or "partition-node" or "partition-random-node" or "isolated-dc" => PartitionOne
        tests "a leader that goes on alone, a follower that has to catch up"
        does Once(&["partition one | rest for {100%}"]);
    /// Divides the network in two halves.
    "partition-half" or "partition-halves" or "partition-random-halves" or "partition-maj-min" => PartitionHalf
        tests "two sides that both go on"
        does Once(&["partition halves for {100%}"]);
    /// Has every node see a majority, but no two nodes the same one.
    "partition-ring" or "partition-majorities-ring" or "partition-maj-ring" => PartitionRing
        tests "quorums that overlap only in part, elections without end"
        does Once(&["partition ring for {100%}"]);
    /// Divides the network in two halves that meet in one node.
    "partition-bridge" => PartitionBridge
        tests "two leaders with one follower in common"
        does Once(&["partition bridge for {100%}"]);
    /// Cuts whoever leads off from the others.
    "partition-leader" or "partition-primaries" or "partition-pd-leader" => PartitionLeader
        tests "a leader that does not know it was replaced"
        does Once(&["partition primaries | rest for {100%}"]);
    /// Leaves every node alone.
    "partition-all" or "isolated-all" => PartitionAll
        tests "what nodes promise without anybody to ask"
        does Once(&["block all->all for {100%}"]);
    /// Cuts links in one direction only.
    "one-way" or "asymmetric" or "half-partition" => OneWay
        tests "nodes that are heard but do not hear, and the reverse"
        does BothWays("block {}->all for {100%}", "block all->{} for {100%}");
    /// Keeps the others from being heard by the leader, who is still heard by them.
    "leader-cannot-hear-majority" or "deaf-leader" => DeafLeader
        tests "heartbeats that hold a leader in office who can commit nothing"
        does Once(&["block rest->primaries for {100%}"]);

    /// Delays, loses, damages, repeats, reorders and throttles what nodes send, one after another.
    "packet" or "network" => Packet
        tests "retries, timeouts, checksums, protocols that take order for granted"
        does InTurn(&[DELAY, LOSS, CORRUPT, DUPLICATE, REORDER, BANDWIDTH]);
    /// Delays what nodes send by 50ms or so.
    "packet-delay" or "delay" or "slow-network" => PacketDelay
        tests "timeouts, slow replicas"
        does InTurn(&[DELAY]);
    /// Loses a part of what nodes send, in bursts.
    "packet-loss" or "loss" or "flaky" => PacketLoss
        tests "retries, gaps in logs"
        does InTurn(&[LOSS]);
    /// Damages a part of what nodes send.
    "packet-corrupt" => PacketCorrupt
        tests "checksums, decoders"
        does InTurn(&[CORRUPT]);
    /// Delivers a part of what nodes send twice.
    "packet-duplicate" or "duplicate" => PacketDuplicate
        tests "idempotence, stale votes"
        does InTurn(&[DUPLICATE]);
    /// Delivers a part of what nodes send in another order.
    "packet-reorder" or "reorder" => PacketReorder
        tests "protocols that take order for granted"
        does InTurn(&[REORDER]);
    /// Lets nodes send no more than 1 Mbit a second.
    "packet-rate" or "rate" or "bandwidth" => PacketRate
        tests "backlogs, heartbeats behind bulk data"
        does InTurn(&[BANDWIDTH]);
    /// Holds what is sent to and from nodes, and lets it go at once.
    "clog" => Clog
        tests "bursts of old messages"
        does InTurn(&["clog {}->all for {100%}"]);
    /// Clogs nodes one by one and lets them go in the reverse order.
    "swizzle" => Swizzle
        tests "recovery in an order nobody thought of"
        does InTurn(&["swizzle {} over {33%} for {100%}"]);

    /// Kills nodes and starts them again.
    "kill" or "reboot" or "crash" => Kill
        tests "recovery from what is durable"
        does InTurn(&["crash {}{keep}, restart after {100%}"]);
    /// Kills a node and starts it again at once, over and over.
    "flip-flop" or "kill-restart" => FlipFlop
        tests "crashes in the midst of recovery"
        does InTurn(&["crash {}{keep}, restart after {25%}"]);
    /// Stops nodes from running, and lets them go on.
    "pause" or "hammer-time" => Pause
        tests "leases, nodes that missed that they were replaced"
        does InTurn(&["pause {} for {100%}"]);
    /// Asks nodes to stop, and starts them again.
    "stop" or "ctrl-c" => Stop
        tests "shutdown, handing over leadership"
        does InTurn(&["stop {} drain {20%}, restart after {100%}"]);
    /// Takes nodes down one after another, and never all of them.
    "attrition" => Attrition
        tests "one failure after another, never more than the system must bear"
        does InTurn(&["attrition {} kill 3 leave {majority} gap {30%} down {50%} for {100%}"]);
    /// Replaces a node by an empty one.
    "redeploy" or "replace" => Redeploy
        tests "membership with a history, nodes that come back empty"
        does InTurn(&["redeploy {}, rejoin after {100%}"]);
    /// Lies to nodes about what is durable, and kills them meanwhile.
    "lazyfs" or "lose-unfsynced" or "lose-unsynced" => Lazyfs
        tests "writes that were acknowledged and never synced"
        does Together(&[(0, "lazy-sync all lag {50%} for {100%}"), (50, "crash {}, restart after {25%}")]);

    /// Skews clocks for a while, strobes them, and bumps them for good. The end of a skew is Jepsen's reset.
    "clock" or "clocks" => Clock
        tests "leases, timestamps, clocks that disagree"
        does InTurn(&[
            "clock {} ahead 256ms for {100%}",
            STROBE,
            "bump {} ahead 4s",
            "clock {} behind 2s for {100%}",
            "bump {} behind 4s",
        ]);
    /// Has clocks differ from the true time for a while.
    "clock-skew" or "skew" or "skew-clock" => ClockSkew
        tests "leases that end too early or too late"
        does InTurn(&["clock {} ahead {skew} for {100%}"]);
    /// Moves clocks at once.
    "clock-bump" or "bump" => ClockBump
        tests "timeouts computed from wall clocks"
        does InTurn(&["bump {} ahead 2s", "bump {} behind 2s"]);
    /// Moves clocks forth and back, again and again.
    "clock-strobe" or "strobe" => ClockStrobe
        tests "clocks that are corrected all the time"
        does InTurn(&[STROBE]);
    /// Has clocks drift away.
    "clock-drift" or "drift" => ClockDrift
        tests "clocks as they are: never quite equal"
        does InTurn(&["drift {} within 100ms for {150%}"]);
    /// Slows the leader's clock down and cuts it off.
    "slow-primary" => SlowPrimary
        tests "a leader whose lease lasts longer than it should"
        does Together(&[(0, "clock primaries rate 0.5 for {100%}"), (25, "partition primaries | rest for {75%}")]);

    /// Flips bits in files and cuts their ends off.
    "file-corruption" or "file" => FileCorruption
        tests "checksums, repair from replicas"
        does InTurn(&["damage {} by bitflip", "damage {} by truncate"]);
    /// Flips a bit in a file.
    "bitflip" => Bitflip
        tests "checksums"
        does InTurn(&["damage {} by bitflip"]);
    /// Cuts the end of a file off.
    "truncate" => Truncate
        tests "recovery from logs that end too early"
        does InTurn(&["damage {} by truncate"]);
    /// Flips a bit in the log.
    "bitflip-wal" => BitflipWal
        tests "checksums of the log"
        does InTurn(&["damage {} in wal by bitflip"]);
    /// Flips a bit in a snapshot.
    "bitflip-snap" => BitflipSnap
        tests "checksums of snapshots"
        does InTurn(&["damage {} in snap by bitflip"]);
    /// Cuts the end of the log off.
    "truncate-wal" => TruncateWal
        tests "recovery from logs that end too early"
        does InTurn(&["damage {} in wal by truncate"]);
    /// Makes syncs slow.
    "slow-disk" or "disk-delay" => SlowDisk
        tests "syncs behind heartbeats"
        does InTurn(&["disk-delay {} on sync takes exponential 20ms for {100%}"]);
    /// Lets no sync return.
    "disk-stall" => DiskStall
        tests "disks that hang"
        does InTurn(&["disk-stall {} on sync for {100%}"]);
    /// Leaves no space on disks.
    "disk-full" => DiskFull
        tests "what runs when nothing can be written"
        does InTurn(&["disk-full {} free 4kB for {100%}"]);
    /// Has a part of the syncs fail.
    "disk-error" => DiskError
        tests "code that runs when a sync fails"
        does InTurn(&["disk-error {} on sync error EIO 10% for {100%}"]);
    /// Takes most of the processor away.
    "cpu" or "slow-cpu" => Cpu
        tests "slow nodes that are not dead"
        does InTurn(&["cpu {} use 90% for {100%}"]);
    /// Leaves little memory.
    "memory" => Memory
        tests "what runs when memory does not suffice"
        does InTurn(&["memory {} limit 16MB for {100%}"]);

    /// Removes members and adds them again.
    "member" or "membership" => Member
        tests "quorums that change while they are in use"
        does Once(&["admin remove one", "admin add all"]);
    /// Adds members.
    "grow" => Grow
        tests "members that vote before they have caught up"
        does Once(&["admin add all"]);
    /// Removes members.
    "shrink" => Shrink
        tests "removed members that still vote"
        does Once(&["admin remove one"]);
    /// Compacts and defragments.
    "admin" => Admin
        tests "operators at work in the midst of faults"
        does Once(&["admin compact one", "admin defrag one"]);
    /// Compacts.
    "compact" => Compact
        tests "readers of what is compacted away, snapshots in place of logs"
        does Once(&["admin compact one"]);
    /// Defragments.
    "defrag" => Defrag
        tests "a node that is busy with itself"
        does Once(&["admin defrag one"]);
    /// Has leaders hand over, again and again (TiKV's scheduler of this name).
    "shuffle-leader" => ShuffleLeader
        tests "requests on their way to the former leader"
        does Once(&["admin shuffle-leader all"]);
    /// Moves regions to other nodes, again and again (TiKV's scheduler of this name, Dgraph's tablets).
    "shuffle-region" or "move-tablet" => ShuffleRegion
        tests "data that moves while it is written"
        does Once(&["admin shuffle-region all"]);
    /// Merges and splits regions (TiKV's scheduler of this name).
    "random-merge" => RandomMerge
        tests "transactions across a border that goes away"
        does Once(&["admin merge all", "admin split all"]);
    /// Splits and moves shards (Elastickv's route-shuffle).
    "route-shuffle" or "split" or "route-split" => RouteShuffle
        tests "transactions across shards whose routes change meanwhile"
        does Once(&["admin split all", "admin shuffle-route all"]);

    /// Kills placement drivers: what YugabyteDB calls masters, Dgraph zeros.
    "kill-pd" or "kill-master" or "kill-zero" => KillPd
        tests "timestamps that may not go back"
        does Once(&["crash group pd{keep}, restart after {100%}"]);
    /// Kills storage nodes: what YugabyteDB calls tablet servers, Dgraph alphas.
    "kill-kv" or "kill-tserver" or "kill-alpha" => KillKv
        tests "locks left behind, recovery of regions"
        does Once(&["crash group kv{keep}, restart after {100%}"]);
    /// Kills SQL nodes.
    "kill-db" => KillDb
        tests "transactions whose coordinator is gone"
        does Once(&["crash group db{keep}, restart after {100%}"]);
    /// Asks placement drivers to stop, and starts them again.
    "stop-pd" or "stop-master" => StopPd
        tests "shutdown of those who know where everything is"
        does Once(&["stop group pd drain {20%}, restart after {100%}"]);
    /// Asks storage nodes to stop, and starts them again.
    "stop-kv" or "stop-tserver" => StopKv
        tests "handing over what a storage node leads"
        does Once(&["stop group kv drain {20%}, restart after {100%}"]);
    /// Starts storage nodes that have fallen over again (Dgraph's fix-alpha).
    "fix-kv" or "fix-alpha" => FixKv
        tests "supervisors, nodes that come back before anybody has missed them"
        does Once(&["auto-restart group kv delay {10%} for {100%}"]);
    /// Pauses placement drivers.
    "pause-pd" or "pause-master" => PausePd
        tests "two placement drivers that both give out timestamps"
        does Once(&["pause group pd for {100%}"]);
    /// Pauses storage nodes.
    "pause-kv" or "pause-tserver" => PauseKv
        tests "leases of region leaders"
        does Once(&["pause group kv for {100%}"]);
    /// Pauses SQL nodes.
    "pause-db" => PauseDb
        tests "transactions that go on after their locks were resolved"
        does Once(&["pause group db for {100%}"]);
    /// Pauses the placement drivers while the storage nodes restart.
    "restart-kv-without-pd" => RestartKvWithoutPd
        tests "storage nodes that give up asking"
        does Together(&[(0, "pause group pd for {200%}"), (0, "crash group kv{keep}, restart after {25%}")]);
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
    pub(super) fn usual_shapes(self) -> &'static [Shape] {
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
    pub(super) fn pace(self) -> u64 {
        match self {
            Self::FlipFlop | Self::ShuffleLeader | Self::ShuffleRegion | Self::RandomMerge => 50,
            Self::Admin | Self::Compact | Self::Defrag | Self::RouteShuffle => 100,
            Self::RestartKvWithoutPd => 400,
            _ => 200,
        }
    }
}
