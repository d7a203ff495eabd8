//! What other tools call our faults and their fields.

use crate::fault::FaultKind as Kind;

/// Another word for a fault.
pub(super) struct Alias {
    /// In small letters with `_`.
    pub(super) word: &'static str,
    pub(super) kind: Kind,
    /// The file that it is about; empty: none in particular.
    pub(super) file: &'static str,
    /// The part of that file; empty: all of it.
    pub(super) part: &'static str,
    /// Fields that the word says already.
    pub(super) says: &'static [(&'static str, &'static str)],
}

const fn alias(word: &'static str, kind: Kind) -> Alias {
    Alias { word, kind, file: "", part: "", says: &[] }
}

const fn says(word: &'static str, kind: Kind, says: &'static [(&'static str, &'static str)]) -> Alias {
    Alias { word, kind, file: "", part: "", says }
}

const fn stored(
    word: &'static str,
    kind: Kind,
    file: &'static str,
    part: &'static str,
    says: &'static [(&'static str, &'static str)],
) -> Alias {
    Alias { word, kind, file, part, says }
}

/// Every other word for a fault. Words for several faults at once are handled where they are taken apart.
pub(super) const ALIASES: &[Alias] = &[
    alias("network_delay", Kind::Delay),
    alias("message_delay", Kind::Delay),
    alias("packet_delay", Kind::Delay),
    alias("network_latency", Kind::Delay),
    alias("packet_loss", Kind::Loss),
    alias("message_loss", Kind::Loss),
    alias("network_loss", Kind::Loss),
    alias("packet_drop", Kind::Loss),
    alias("packet_duplication", Kind::Duplicate),
    alias("message_duplication", Kind::Duplicate),
    alias("duplication", Kind::Duplicate),
    alias("message_reordering", Kind::Reorder),
    alias("packet_reordering", Kind::Reorder),
    alias("packet_reorder", Kind::Reorder),
    alias("reordering", Kind::Reorder),
    alias("packet_corruption", Kind::Corrupt),
    alias("message_corruption", Kind::Corrupt),
    alias("network_corruption", Kind::Corrupt),
    alias("corruption", Kind::Corrupt),
    alias("network_partition", Kind::Partition),
    alias("bandwidth_limit", Kind::Bandwidth),
    alias("network_bandwidth", Kind::Bandwidth),
    alias("throttle", Kind::Bandwidth),
    alias("connection_failure", Kind::Connect),
    alias("connection_close", Kind::Close),
    alias("random_close", Kind::Close),
    alias("partial_write", Kind::Partial),
    alias("node_crash", Kind::Crash),
    alias("crash_node", Kind::Crash),
    alias("schedule_crash", Kind::Crash),
    alias("process_crash", Kind::Crash),
    alias("kill", Kind::Crash),
    alias("kill_node", Kind::Crash),
    alias("node_kill", Kind::Crash),
    alias("process_kill", Kind::Crash),
    alias("stop_node", Kind::Stop),
    alias("node_stop", Kind::Stop),
    alias("shutdown", Kind::Stop),
    alias("node_shutdown", Kind::Stop),
    alias("pause_node", Kind::Pause),
    alias("node_pause", Kind::Pause),
    alias("process_pause", Kind::Pause),
    alias("suspend", Kind::Pause),
    alias("restart_node", Kind::Restart),
    alias("node_restart", Kind::Restart),
    alias("start_node", Kind::Restart),
    alias("auto_restart_nodes", Kind::AutoRestart),
    alias("redeploy_node", Kind::Redeploy),
    alias("clock_skew", Kind::Clock),
    alias("clock_offset", Kind::Clock),
    alias("clock_bump", Kind::Bump),
    alias("clock_jump", Kind::Bump),
    alias("clock_strobe", Kind::Strobe),
    alias("clock_drift", Kind::Drift),
    alias("cpu_pressure", Kind::Cpu),
    alias("cpu_stress", Kind::Cpu),
    alias("memory_pressure", Kind::Memory),
    alias("memory_stress", Kind::Memory),
    alias("memory_leak", Kind::Leak),
    alias("disk_latency", Kind::DiskDelay),
    alias("slow_disk", Kind::DiskDelay),
    alias("disk_failure", Kind::DiskError),
    alias("disk_hang", Kind::DiskStall),
    alias("disk_bandwidth", Kind::DiskThrottle),
    alias("disk_space", Kind::DiskFull),
    says("sync_failure", Kind::DiskError, &[("calls", "sync")]),
    says("fsync_failure", Kind::DiskError, &[("calls", "sync")]),
    alias("async_persistence", Kind::LazySync),
    alias("storage_corruption", Kind::Damage),
    alias("file_corruption", Kind::Damage),
    alias("data_corruption", Kind::Damage),
    alias("disk_corruption", Kind::Damage),
    alias("rocksdb_corruption", Kind::Damage),
    says("bit_flip", Kind::Damage, &[("how", "bitflip")]),
    says("bitflip", Kind::Damage, &[("how", "bitflip")]),
    says("truncate", Kind::Damage, &[("how", "truncate")]),
    says("truncation", Kind::Damage, &[("how", "truncate")]),
    says("file_truncation", Kind::Damage, &[("how", "truncate")]),
    says("checksum_corruption", Kind::Damage, &[("how", "checksum")]),
    says("checksum_modification", Kind::Damage, &[("how", "checksum")]),
    says("record_reordering", Kind::Damage, &[("how", "reorder")]),
    says("invalid_record_type", Kind::Damage, &[("how", "type")]),
    says("invalid_value", Kind::Damage, &[("how", "value")]),
    says("phantom_write", Kind::Miswrite, &[("how", "phantom")]),
    says("misdirected_write", Kind::Miswrite, &[("how", "misdirected")]),
    says("misdirected_read", Kind::Misread, &[("how", "misdirected")]),
    stored("wal_corruption", Kind::Damage, "wal", "", &[]),
    stored("rocksdb_wal_corruption", Kind::Damage, "wal", "", &[]),
    stored("rocksdb_wal_record_corruption", Kind::Damage, "wal", "record", &[]),
    stored("rocksdb_sst_corruption", Kind::Damage, "sst", "", &[]),
    stored("rocksdb_sstable_corruption", Kind::Damage, "sst", "", &[]),
    stored("sstable_corruption", Kind::Damage, "sst", "", &[]),
    stored("rocksdb_manifest_corruption", Kind::Damage, "manifest", "", &[]),
    stored("manifest_corruption", Kind::Damage, "manifest", "", &[]),
    stored("wal_truncation", Kind::Damage, "wal", "", &[("how", "truncate")]),
    stored("wal_segment_deletion", Kind::Damage, "wal", "segment", &[("how", "delete")]),
    stored("wal_segment_duplication", Kind::Damage, "wal", "segment", &[("how", "repeat")]),
    stored("wal_record_reordering", Kind::Damage, "wal", "", &[("how", "reorder")]),
    stored("wal_delay", Kind::DiskDelay, "wal", "", &[("calls", "write")]),
    stored("delayed_wal_writes", Kind::DiskDelay, "wal", "", &[("calls", "write")]),
    stored("wal_stall", Kind::DiskStall, "wal", "", &[("calls", "write")]),
    stored("wal_unavailable", Kind::DiskError, "wal", "", &[]),
];

/// Words that stand for several faults, or for one of several.
pub(super) const SPECIAL: &[&str] = &[
    "resource_pressure",
    "io_pressure",
    "disk_io",
    "packet",
    "resume",
    "resume_node",
    "node_resume",
    "activate_partition",
    "deactivate_partition",
    "heal_partition",
    "modify_partition",
];

/// How the value of a key is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Convert {
    /// As it stands.
    Plain,
    /// A number from 0 to 1 is a share.
    Share,
    /// A number is a share in percent.
    Percent,
    /// A distribution may be a map.
    Latency,
    /// A size in anybody's spelling.
    Size,
    /// A number of megabytes.
    Megabytes,
    /// A size or a number of bits a second.
    Rate,
    /// A duration with a sign.
    Offset,
    /// One of their words for one of ours.
    Word(&'static [(&'static str, &'static str)]),
    /// True means this word.
    Flag(&'static str),
}

/// Keys for fields.
pub(super) struct Parameter {
    pub(super) kinds: &'static [Kind],
    pub(super) keys: &'static [&'static str],
    pub(super) field: &'static str,
    pub(super) convert: Convert,
}

const fn row(
    kinds: &'static [Kind],
    keys: &'static [&'static str],
    field: &'static str,
    convert: Convert,
) -> Parameter {
    Parameter { kinds, keys, field, convert }
}

/// Faults of single messages.
pub(super) const MESSAGES: &[Kind] = &[Kind::Delay, Kind::Loss, Kind::Duplicate, Kind::Reorder, Kind::Corrupt];

/// Faults that concern a place on a disk.
pub(super) const STORAGE: &[Kind] = &[
    Kind::Damage,
    Kind::Miswrite,
    Kind::Misread,
    Kind::DiskError,
    Kind::DiskDelay,
    Kind::DiskStall,
    Kind::DiskThrottle,
    Kind::DiskFull,
    Kind::LazySync,
];

/// Faults that strike everybody where nothing is said.
pub(super) const WIDE: &[Kind] = &[
    Kind::Clock,
    Kind::Drift,
    Kind::Cpu,
    Kind::Memory,
    Kind::Leak,
    Kind::Yield,
    Kind::AutoRestart,
    Kind::Attrition,
    Kind::Swizzle,
];

const SHARES: &[Kind] = &[
    Kind::Loss,
    Kind::Duplicate,
    Kind::Reorder,
    Kind::Corrupt,
    Kind::Connect,
    Kind::Close,
    Kind::Yield,
    Kind::Buggify,
    Kind::DiskError,
    Kind::Miswrite,
    Kind::Misread,
];

const STRATEGIES: &[(&str, &str)] = &[
    ("fifo_with_delay", "fifo"),
    ("random", "shuffle"),
    ("bounded_delay", "bounded"),
    ("rule_based", "rule"),
    ("priority_queue", "rule"),
    ("pattern", "burst"),
    ("pattern_based", "burst"),
];
const ORDERS: &[(&str, &str)] = &[
    ("arrival_time", "arrival"),
    ("timestamp", "arrival"),
    ("source_node", "source"),
    ("logical_clock", "logical"),
    ("custom", "priority"),
    ("message_type", "priority"),
];
const RELEASES: &[(&str, &str)] =
    &[("time_based", "time"), ("count_based", "full"), ("count", "full"), ("on_demand", "demand")];
const DAMAGES: &[(&str, &str)] = &[
    ("bit_flip", "bitflip"),
    ("bit_flips", "bitflip"),
    ("truncation", "truncate"),
    ("checksum_modification", "checksum"),
    ("record_reordering", "reorder"),
    ("reordering", "reorder"),
    ("invalid_type", "type"),
    ("invalid_record_type", "type"),
    ("invalid_value", "value"),
    ("deletion", "delete"),
    ("segment_deletion", "delete"),
    ("duplicate", "repeat"),
    ("duplication", "repeat"),
    ("segment_duplication", "repeat"),
    ("zeros", "zero"),
    ("partial", "short"),
];
const FATES: &[(&str, &str)] = &[
    ("lose_unsynced", "lost"),
    ("all", "lost"),
    ("keep_all", "keep"),
    ("kept", "keep"),
    ("torn_write", "torn"),
    ("random_subset", "subset"),
    ("wipe", "wiped"),
    ("cold", "wiped"),
];
const CALLS: &[(&str, &str)] =
    &[("reads", "read"), ("writes", "write"), ("fsync", "sync"), ("syncs", "sync"), ("both", "all")];
const OVERFLOWS: &[(&str, &str)] = &[
    ("drop", "drop-newest"),
    ("drop_newest", "drop-newest"),
    ("drop_oldest", "drop-oldest"),
    ("deliver_oldest", "deliver-oldest"),
];
const FAILURES: &[(&str, &str)] = &[("refused", "refuse"), ("timeout", "hang"), ("random", "either")];

/// Every other key for a field.
pub(super) const PARAMETERS: &[Parameter] = &[
    row(SHARES, &["probability", "default_probability", "share"], "share", Convert::Share),
    row(SHARES, &["percent", "percentage"], "share", Convert::Percent),
    row(MESSAGES, &["correlation"], "correlation", Convert::Share),
    row(MESSAGES, &["packet_type", "message_type", "message_kind"], "kind", Convert::Plain),
    row(MESSAGES, &["every_nth"], "each", Convert::Plain),
    row(&[Kind::Delay], &["delay", "default_delay", "latency"], "latency", Convert::Latency),
    row(&[Kind::Delay], &["queue_size", "max_queue", "buffer_size"], "queue", Convert::Plain),
    row(&[Kind::Delay], &["overflow", "overflow_policy"], "overflow", Convert::Word(OVERFLOWS)),
    row(&[Kind::Duplicate], &["delay"], "lag", Convert::Plain),
    row(&[Kind::Reorder], &["buffer_size"], "buffer", Convert::Plain),
    row(
        &[Kind::Reorder],
        &["reordering_window", "release_delay", "max_delay", "max_age", "delay"],
        "window",
        Convert::Plain,
    ),
    row(&[Kind::Reorder], &["strategy", "reorder_strategy"], "strategy", Convert::Word(STRATEGIES)),
    row(&[Kind::Reorder], &["order", "order_by", "priority", "sort_by"], "order", Convert::Word(ORDERS)),
    row(&[Kind::Reorder], &["release", "release_trigger"], "release", Convert::Word(RELEASES)),
    row(&[Kind::Corrupt, Kind::Close], &["cool_down"], "cooldown", Convert::Plain),
    row(&[Kind::Close], &["explicit_ratio", "fin_ratio", "fin"], "fin", Convert::Share),
    row(&[Kind::Connect], &["mode", "failure_mode", "failure"], "failure", Convert::Word(FAILURES)),
    row(&[Kind::Partial], &["max_bytes"], "most", Convert::Plain),
    row(&[Kind::Bandwidth], &["limit", "bandwidth", "rate", "rate_limit", "throughput"], "rate", Convert::Rate),
    row(&[Kind::DiskThrottle], &["limit", "throughput", "throughput_limit", "rate"], "rate", Convert::Rate),
    row(&[Kind::Leak], &["rate", "growth_rate", "leak_rate"], "rate", Convert::Rate),
    row(
        &[Kind::Clock, Kind::Bump, Kind::Strobe],
        &["offset", "skew", "clock_offset", "delta"],
        "offset",
        Convert::Offset,
    ),
    row(&[Kind::Clock], &["drift_rate"], "rate", Convert::Plain),
    row(&[Kind::Drift], &["max_drift", "max"], "within", Convert::Plain),
    row(&[Kind::Cpu], &["utilization", "cpu_utilization", "load", "share", "target_usage"], "share", Convert::Share),
    row(&[Kind::Cpu, Kind::Memory], &["percent", "percentage"], "share", Convert::Percent),
    row(&[Kind::Cpu], &["cores", "num_threads"], "threads", Convert::Plain),
    row(
        &[Kind::Memory],
        &["target_usage", "utilization", "memory_utilization", "usage", "share"],
        "share",
        Convert::Share,
    ),
    row(&[Kind::Memory], &["limit", "memory_limit", "bytes"], "limit", Convert::Size),
    row(&[Kind::Memory], &["limit_mb", "megabytes", "mb"], "limit", Convert::Megabytes),
    row(&[Kind::Crash], &["cold_start", "wipe"], "disk", Convert::Flag("wiped")),
    row(&[Kind::Crash], &["disk", "disk_fate", "unsynced_writes"], "disk", Convert::Word(FATES)),
    row(&[Kind::Crash, Kind::Stop], &["restart_delay"], "for", Convert::Plain),
    row(&[Kind::Stop], &["drain_time", "drain_timeout", "grace_period"], "drain", Convert::Plain),
    row(&[Kind::Restart], &["cold_start", "wipe"], "state", Convert::Flag("cold")),
    row(&[Kind::AutoRestart], &["restart_delay"], "delay", Convert::Plain),
    row(&[Kind::DiskDelay, Kind::LazySync], &["delay", "latency"], "latency", Convert::Latency),
    row(&[Kind::Socket, Kind::Yield], &["delay", "latency"], "latency", Convert::Latency),
    row(
        &[Kind::DiskError, Kind::DiskDelay, Kind::DiskStall],
        &["calls", "operation", "operations"],
        "calls",
        Convert::Word(CALLS),
    ),
    row(&[Kind::DiskError], &["error_code", "errno", "code"], "error", Convert::Plain),
    row(&[Kind::DiskFull], &["free", "free_space", "available", "available_space"], "free", Convert::Size),
    row(
        &[Kind::Damage, Kind::Miswrite, Kind::Misread],
        &["how", "corruption_type", "corruption", "mode", "method"],
        "how",
        Convert::Word(DAMAGES),
    ),
    row(&[Kind::Damage], &["bits", "bytes_changed", "count", "drop"], "amount", Convert::Plain),
    row(&[Kind::Damage], &["every_nth", "pattern_every"], "each", Convert::Plain),
];

/// Selectors that are called otherwise, or spelled with `_`.
pub(super) const SHAPES: &[(&str, &str)] = &[
    ("all", "all"),
    ("everyone", "all"),
    ("*", "all"),
    ("one", "one"),
    ("any", "one"),
    ("random", "one"),
    ("single", "one"),
    ("some", "some"),
    ("random_subset", "some"),
    ("half", "half"),
    ("majority", "majority"),
    ("minority", "minority"),
    ("minority_third", "minority-third"),
    ("primaries", "primaries"),
    ("rest", "rest"),
    ("others", "rest"),
    ("most_up_to_date", "most-up-to-date"),
    ("least_up_to_date", "least-up-to-date"),
    ("last_voter", "last-voter"),
];

/// Shapes of partitions that are no selector.
pub(super) const CUTS: &[(&str, &str)] = &[
    ("halves", "halves"),
    ("random_halves", "halves"),
    ("ring", "ring"),
    ("majorities_ring", "ring"),
    ("bridge", "bridge"),
    ("isolate", "one"),
    ("isolate_one", "one"),
    ("isolate_leader", "leader"),
];

/// Names that are taken for roles rather than for nodes that nobody declared.
pub(super) const ROLES: &[&str] = &[
    "leader",
    "follower",
    "candidate",
    "primary",
    "secondary",
    "replica",
    "backup",
    "master",
    "coordinator",
    "learner",
    "observer",
    "witness",
    "voter",
    "standby",
    "sequencer",
    "owner",
];

/// `NetworkPartition`, `network-partition` and `network partition` as `network_partition`.
pub(super) fn snake(word: &str) -> String {
    let mut snake = String::new();
    let mut low = false;
    for c in word.trim().chars() {
        if c.is_uppercase() && low {
            snake.push('_');
        }
        low = c.is_lowercase() || c.is_ascii_digit();
        match c {
            '-' | ' ' => snake.push('_'),
            c => snake.extend(c.to_lowercase()),
        }
    }
    snake
}

/// Our word for one of theirs.
pub(super) fn ours(word: &str, table: &[(&'static str, &'static str)]) -> Option<&'static str> {
    let word = snake(word);
    table.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours)
}

/// The alias of a fault.
pub(super) fn fault(word: &str) -> Option<&'static Alias> {
    ALIASES.iter().find(|alias| alias.word == word)
}

/// The kind of fault that a word means here or elsewhere.
pub(super) fn kind(word: &str) -> Option<Kind> {
    let word = snake(word);
    fault(&word).map(|alias| alias.kind).or_else(|| Kind::from_keyword(&word.replace('_', "-")))
}
