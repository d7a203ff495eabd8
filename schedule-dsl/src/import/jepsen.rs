//! The options of a Jepsen test as a schedule.
//!
//! What the options of Jepsen's own command line mean is in `jepsen.cli`; those of the suites for etcd, TiDB, TiKV,
//! YugabyteDB, Dgraph, Redis-Raft, fuzz_dist and Elastickv are known too. Options that say how a cluster is reached,
//! installed or judged have no place in a schedule: they are accepted and named in a comment, without their values, since
//! some are passwords.

use std::ops::Range;

use super::{complaint, misspelling, seconds};
use crate::{
    diagnostic::Diagnostic,
    nemesis::{CHAOS_MAX_US, Family, Interval, KillOf, LongRecovery, NemesisError, Plan, Shape, items, listed},
};

/// What an option of the command line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Nemesis,
    Interval,
    TimeLimit,
    Spacing,
    LongRecovery,
    FinalRecovery,
    Targets(&'static [Family]),
    Rate,
    OpsPerKey,
    Keys,
    Concurrency,
    Nodes,
    Topology,
    Seed,
    Lazyfs,
    RouteShuffle,
    Skew,
    /// Not for a schedule; it has a value.
    Value,
    /// Not for a schedule; it has a value in one suite and none in another.
    Maybe,
    /// Not for a schedule; it has none.
    Flag,
}

impl About {
    fn has_value(self) -> bool {
        !matches!(self, Self::LongRecovery | Self::Lazyfs | Self::RouteShuffle | Self::Flag | Self::Maybe)
    }

    /// Whether the next word is its value rather than a mistake.
    fn takes_value(self) -> bool {
        self.has_value() || self == Self::Maybe
    }
}

const NETWORK: &[Family] = &[Family::Packet];
const DATABASE: &[Family] = &[Family::Kill, Family::Pause, Family::Packet, Family::Clock];

/// The options by all their names.
const OPTIONS: &[(&[&str], About)] = &[
    (&["--nemesis", "--nemeses", "--faults"], About::Nemesis),
    (&["--nemesis-interval", "--nemesis-stagger", "--fault-interval", "--interval"], About::Interval),
    (&["--time-limit"], About::TimeLimit),
    (&["--nemesis-schedule", "--schedule"], About::Spacing),
    (&["--nemesis-long-recovery", "--long-recovery"], About::LongRecovery),
    (&["--final-recovery-time", "--recovery-time"], About::FinalRecovery),
    (&["--nemesis-targets", "--targets"], About::Targets(&[])),
    (&["--partition-targets"], About::Targets(&[Family::Partition])),
    (&["--kill-targets"], About::Targets(&[Family::Kill])),
    (&["--pause-targets"], About::Targets(&[Family::Pause])),
    (&["--packet-targets"], About::Targets(NETWORK)),
    (&["--clock-targets"], About::Targets(&[Family::Clock])),
    (&["--file-corruption-targets"], About::Targets(&[Family::FileCorruption])),
    (&["--db-targets"], About::Targets(DATABASE)),
    (&["--rate", "-r"], About::Rate),
    (&["--ops-per-key", "--max-writes-per-key"], About::OpsPerKey),
    (&["--key-count"], About::Keys),
    (&["--concurrency", "-c"], About::Concurrency),
    (&["--nodes", "--node", "-n"], About::Nodes),
    (&["--topology"], About::Topology),
    (&["--seed"], About::Seed),
    (&["--lazyfs"], About::Lazyfs),
    (&["--composed1-route-shuffle"], About::RouteShuffle),
    (&["--skew"], About::Skew),
    (&["--nodes-file", "--username", "--password", "--ssh-private-key", "--ssh-key", "--ssh-user"], About::Value),
    (&["--version", "-v", "--tarball", "--package-url", "--db-dir", "--host", "--grpc-port"], About::Value),
    (&["--workload", "-w", "--test-count", "--test-number", "--client-type", "--db", "-d", "--os", "-o"], About::Value),
    (&["--url", "--local-binary", "--replicas", "--replication-factor", "--table-count"], About::Value),
    (&["--master-flags", "--tserver-flags", "--locking", "--rebalance-interval"], About::Value),
    (&["--tracing", "--dgraph-jaeger-collector", "--dgraph-jaeger-agent", "--sequencing"], About::Value),
    (&["--raft-log-max-size", "--raft-log-max-file-size", "--raft-log-max-cache-size"], About::Value),
    (&["--raft-version", "--raft-repo", "--redis-version", "--redis-repo"], About::Value),
    (&["--max-txn-length", "--min-txn-length", "--key-dist", "--counter-strategy", "--txn-types"], About::Value),
    (&["--consistency-model", "--consistency-models", "--expected-consistency-model", "--isolation"], About::Value),
    (&["--snapshot-count", "--retry-max-attempts", "--auto-retry", "--auto-retry-limit"], About::Value),
    (&["--read-lock", "--predicate-read", "--update-in-place"], About::Value),
    (&["--raft-engine", "--raft-groups", "--shard-ranges", "--route-shuffle-interval"], About::Value),
    (&["--erlang-eval", "--fuzz-dist-dir", "--kernel-logger-level"], About::Value),
    (&["--linearizable?", "--antidote-sync-log?"], About::Value),
    (&["--leave-db-running", "--no-ssh", "--strict-host-key-checking", "--logging-json"], About::Flag),
    (&["--help", "-h", "--debug", "--tcpdump", "--local", "--antithesis", "-a"], About::Flag),
    (&["--corrupt-check", "--unsafe-no-fsync", "--serializable", "--quorum", "-q"], About::Flag),
    (&["--only-workloads-expected-to-pass", "--force-reinstall", "--force-download", "-f"], About::Flag),
    (&["--follower-proxy", "--nuke-after-leave", "--retry-db-setup", "--defer-db-teardown"], About::Flag),
    (&["--experimental-tuning-flags", "--heartbeat-flags", "--connection-manager", "--stress-tuning"], About::Flag),
    (&["--clock-skew-flags", "--extreme-skew", "--geo-partition", "--table-locks", "--trace-cql"], About::Flag),
    (&["--linearizable-keys", "--no-linearizable-keys", "--yugabyte-ssh", "--nemesis-no-recovery"], About::Flag),
    // etcd's `--serializable` and Dgraph's `--sequencing MODE`; a flag, or `--upsert-schema false`.
    (&["-s", "--upsert-schema"], About::Maybe),
];

/// Dgraph's sizes of a skewed clock, in microseconds.
const SKEWS: [(&str, u64); 4] = [("tiny", 100_000), ("small", 250_000), ("big", 2_000_000), ("huge", 7_500_000)];

/// The longest time in seconds that is understood.
const SECONDS_MAX: f64 = 1e6;
/// How many operations a second there are if nothing is said, as in the suites for TiKV and fuzz_dist.
const RATE: u16 = 10;
/// How many nodes there are if nothing is said: `n1` to `n5`.
const NODES: u8 = 5;
/// The most nodes, clients and keys that a schedule can ask for.
const NODES_MAX: usize = 16;
const CLIENTS_MAX: u64 = 15;
const KEYS_MAX: u64 = 63;

/// The schedule that the options of a Jepsen command line stand for.
///
/// Whatever comes before the first option (`lein run test`) is left out. Several `--node` add up; of other options that come
/// twice the last one counts. Times stay as they are, but a chaos phase ends after 655 s.
///
/// # Errors
/// Every option that is unknown, has no value, or has one that makes no sense.
pub fn jepsen(line: &str, target: &str) -> Result<String, Vec<Diagnostic>> {
    let mut reader = Reader { line, complaints: Vec::new(), said: Said::default(), targets: Vec::new() };
    reader.read();
    reader.missing_nodes();
    if reader.complaints.is_empty() { Ok(reader.said.plan(target).text()) } else { Err(reader.complaints) }
}

/// A word of the command line, without its quotes, and the bytes on which it stands.
#[derive(Clone, Debug)]
struct Word {
    text: String,
    span: Range<usize>,
}

/// What the options said.
#[derive(Debug, Default)]
struct Said {
    used: Vec<String>,
    left_out: Vec<String>,
    families: Vec<Family>,
    shapes: Vec<Shape>,
    shapes_of: Vec<(Family, Vec<Shape>)>,
    interval_us: Option<u64>,
    fixed: bool,
    time_limit_us: Option<u64>,
    long_recovery: bool,
    final_recovery_us: Option<u64>,
    rate: Option<u16>,
    ops_per_key: Option<u64>,
    keys: Option<u64>,
    /// How many clients, and whether for every node.
    concurrency: Option<(u64, bool)>,
    nodes: Vec<String>,
    data_centres: bool,
    seed: Option<u64>,
    lazyfs: bool,
    route_shuffle: bool,
    skew_us: Option<u64>,
}

struct Reader<'t> {
    line: &'t str,
    complaints: Vec<Diagnostic>,
    said: Said,
    /// Where nodes are named, and the highest of them.
    targets: Vec<(Range<usize>, u8)>,
}

impl Reader<'_> {
    fn read(&mut self) {
        let words = words(self.line);
        let command = words.iter().take_while(|word| !is_option(&word.text)).count();
        let mut rest = words.into_iter().skip(command).peekable();
        while let Some(word) = rest.next() {
            if word.text == "--" {
                continue;
            }
            if !is_option(&word.text) {
                self.complaints.push(complaint(self.line, word.span, "an option such as `--nemesis`"));
                continue;
            }
            let (name, given) = split(self.line, &word);
            let Some(about) = known(&name.text) else {
                self.unknown(&name);
                // What follows is its value, more likely than not, and no mistake of its own.
                rest.next_if(|next| given.is_none() && !is_option(&next.text));
                continue;
            };
            let wants = about.takes_value() && given.is_none();
            let value =
                given.or_else(|| rest.next_if(|next| wants && (!is_option(&next.text) || is_number(&next.text))));
            self.option(about, &name, value);
        }
    }

    fn unknown(&mut self, name: &Word) {
        let names = OPTIONS.iter().flat_map(|(names, _)| names.iter().copied());
        let expected = "an option of Jepsen or of one of its suites, such as `--nemesis` or `--time-limit`";
        self.complaints.push(misspelling(self.line, name.span.clone(), &name.text, expected, names));
    }

    fn option(&mut self, about: About, name: &Word, value: Option<Word>) {
        let Some(value) = value else {
            if about.has_value() {
                let end = name.span.end;
                self.complaints.push(complaint(self.line, end..end, format!("a value for `{}`", name.text)));
            } else {
                self.flag(about, &name.text);
            }
            return;
        };
        match about {
            About::Value | About::Flag | About::Maybe => self.said.left_out.push(name.text.clone()),
            _ => {
                self.said.used.push(format!("{} {}", name.text, value.text));
                self.value(about, &value);
            }
        }
    }

    fn flag(&mut self, about: About, name: &str) {
        let list =
            if matches!(about, About::Flag | About::Maybe) { &mut self.said.left_out } else { &mut self.said.used };
        list.push(name.to_owned());
        match about {
            About::LongRecovery => self.said.long_recovery = true,
            About::Lazyfs => self.said.lazyfs = true,
            About::RouteShuffle => self.said.route_shuffle = true,
            _ => {}
        }
    }

    fn value(&mut self, about: About, value: &Word) {
        match about {
            About::Nemesis => self.nemeses(value),
            About::Targets(families) => self.targets(families, value),
            About::Interval => self.said.interval_us = self.time(value, "above 0", 1).or(self.said.interval_us),
            About::TimeLimit => self.said.time_limit_us = self.time(value, "above 0", 1).or(self.said.time_limit_us),
            About::FinalRecovery => {
                self.said.final_recovery_us = self.time(value, "of 0 or more", 0).or(self.said.final_recovery_us);
            }
            About::Rate => self.rate(value),
            About::OpsPerKey => self.said.ops_per_key = self.count(value).or(self.said.ops_per_key),
            About::Keys => self.said.keys = self.count(value).or(self.said.keys),
            About::Concurrency => self.concurrency(value),
            About::Nodes => self.nodes(value),
            About::Seed => match value.text.parse() {
                Ok(seed) => self.said.seed = Some(seed),
                Err(_) => self.wrong(value, "a whole number of 0 or more"),
            },
            About::Spacing => match value.text.as_str() {
                "fixed" => self.said.fixed = true,
                "random" => self.said.fixed = false,
                _ => self.choice(value, &["fixed", "random"]),
            },
            About::Topology => match value.text.as_str() {
                "dcs" => self.said.data_centres = true,
                "nodes" => self.said.data_centres = false,
                _ => self.choice(value, &["dcs", "nodes"]),
            },
            About::Skew => match SKEWS.iter().find(|(size, _)| *size == value.text) {
                Some((_, micros)) => self.said.skew_us = Some(*micros),
                None => self.choice(value, &SKEWS.map(|(size, _)| size)),
            },
            About::LongRecovery | About::Lazyfs | About::RouteShuffle => self.wrong(value, "no value"),
            About::Value | About::Flag | About::Maybe => unreachable!("an option that is left out is not read"),
        }
    }

    fn wrong(&mut self, value: &Word, expected: impl Into<String>) {
        self.complaints.push(complaint(self.line, value.span.clone(), expected));
    }

    fn choice(&mut self, value: &Word, choices: &[&'static str]) {
        let expected = format!("one of {}", listed(choices));
        let choices = choices.iter().copied();
        self.complaints.push(misspelling(self.line, value.span.clone(), &value.text, expected, choices));
    }

    fn nemeses(&mut self, value: &Word) {
        self.said.families.clear();
        for (at, word) in items(&value.text) {
            match Family::parse(word, at) {
                Ok(families) => families.into_iter().for_each(|family| self.said.add(family)),
                Err(error) => self.unknown_name(value, &error, Family::names()),
            }
        }
    }

    fn targets(&mut self, families: &[Family], value: &Word) {
        let shapes = match Shape::parse_list(&value.text) {
            Ok(shapes) => shapes,
            Err(error) => return self.unknown_name(value, &error, Shape::names()),
        };
        self.targets.extend(shapes.iter().filter_map(|shape| Some((value.span.clone(), shape.highest()?))));
        if families.is_empty() {
            self.said.shapes = shapes;
            return;
        }
        for family in families {
            self.said.shapes_of.retain(|(of, _)| of != family);
            self.said.shapes_of.push((*family, shapes.clone()));
        }
    }

    fn unknown_name(&mut self, value: &Word, error: &NemesisError, names: Vec<&'static str>) {
        // Quotes within the value shift what stands where: then all of it is to blame.
        let begin = value.span.start + error.at();
        let exact = self.line.get(begin..begin + error.found().len()) == Some(error.found());
        let span = if exact { begin..begin + error.found().len() } else { value.span.clone() };
        let suggestion = error.suggestion().map(str::to_owned);
        let expected = format!("one of {}", listed(&names));
        self.complaints.push(Diagnostic { suggestion, ..complaint(self.line, span, expected) });
    }

    /// Points at nodes that are to be struck and are not there. Only at the end it is known how many there are.
    fn missing_nodes(&mut self) {
        let count = self.said.node_count();
        for (span, _) in self.targets.iter().filter(|(_, highest)| *highest > count) {
            self.complaints.push(complaint(self.line, span.clone(), format!("nodes from n1 to n{count}")));
        }
    }

    fn time(&mut self, value: &Word, range: &str, least_us: u64) -> Option<u64> {
        let time = seconds(&value.text, SECONDS_MAX).filter(|micros| *micros >= least_us);
        if time.is_none() {
            self.wrong(value, format!("a number of seconds {range}, without a unit, such as `10`"));
        }
        time
    }

    fn rate(&mut self, value: &Word) {
        match super::number(&value.text).filter(|rate| (0.0..=1e9).contains(rate)) {
            Some(rate) => self.said.rate = Some((rate.round() as u64).clamp(1, u16::MAX.into()) as u16),
            None => self.wrong(value, "a number of operations a second such as `100`"),
        }
    }

    fn count(&mut self, value: &Word) -> Option<u64> {
        let count = value.text.parse().ok().filter(|count| *count > 0);
        if count.is_none() {
            self.wrong(value, "a whole number above 0");
        }
        count
    }

    fn concurrency(&mut self, value: &Word) {
        let (digits, per_node) =
            value.text.strip_suffix('n').map_or((value.text.as_str(), false), |digits| (digits, true));
        match digits.parse().ok().filter(|count| *count > 0) {
            Some(count) => self.said.concurrency = Some((count, per_node)),
            None => self.wrong(value, "a whole number, or one for each node such as `2n`"),
        }
    }

    fn nodes(&mut self, value: &Word) {
        let names = items(&value.text).map(|(_, name)| name.to_owned());
        self.said.nodes.extend(names);
        if self.said.nodes.is_empty() || self.said.nodes.len() > NODES_MAX {
            self.wrong(value, format!("1 to {NODES_MAX} nodes such as `n1,n2,n3`"));
        }
    }
}

impl Said {
    fn add(&mut self, family: Family) {
        if !self.families.contains(&family) {
            self.families.push(family);
        }
    }

    fn node_count(&self) -> u8 {
        if self.nodes.is_empty() { NODES } else { self.nodes.len() as u8 }
    }

    fn plan(mut self, target: &str) -> Plan {
        if self.route_shuffle {
            self.add(Family::RouteShuffle);
        }
        let nodes = self.node_count();
        let time_limit_us = self.time_limit_us.unwrap_or(60_000_000);
        let rate = self.rate.unwrap_or(RATE);
        let (count, per_node) = self.concurrency.unwrap_or((1, true));
        let clients = if per_node { count.saturating_mul(nodes.into()) } else { count };
        let keys = self.keys.or_else(|| {
            let ops = u64::from(rate) * time_limit_us.min(CHAOS_MAX_US) / 1_000_000;
            self.ops_per_key.map(|each| ops.div_ceil(each).max(1))
        });
        let plan = Plan::new(target, self.families.clone());
        Plan {
            seed: self.seed.unwrap_or(1),
            interval: Interval { micros: self.interval_us.unwrap_or(10_000_000), random: !self.fixed },
            time_limit_us,
            long_recovery: self.long_recovery.then_some(LongRecovery::JEPSEN),
            final_recovery_us: self.final_recovery_us.unwrap_or(10_000_000),
            nodes: Some(nodes),
            clients: Some(clients.min(CLIENTS_MAX) as u8),
            keys: keys.map(|keys| keys.min(KEYS_MAX) as u8),
            rate: Some(rate),
            data_centres: self.data_centres.then_some(nodes.min(5)),
            kill: if self.lazyfs { KillOf::Machine } else { KillOf::Process },
            remarks: self.remarks(time_limit_us, clients, keys),
            shapes: self.shapes,
            shapes_of: self.shapes_of,
            skew_us: self.skew_us.unwrap_or(plan.skew_us),
            ..plan
        }
    }

    fn remarks(&self, time_limit_us: u64, clients: u64, keys: Option<u64>) -> Vec<String> {
        let said = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(" ") };
        let mut remarks = vec![format!("From the options of a Jepsen test: {}.", said(&self.used))];
        if !self.left_out.is_empty() {
            remarks.push(format!("Left out, since a schedule has no use for them: {}.", self.left_out.join(", ")));
        }
        if self.rate.is_none() {
            remarks.push(format!("No --rate is given: {RATE} operations a second."));
        }
        let cut = [
            (time_limit_us > CHAOS_MAX_US, "a chaos phase ends after 655s"),
            (clients > CLIENTS_MAX, "there are at most 15 clients"),
            (keys.is_some_and(|keys| keys > KEYS_MAX), "there are at most 63 keys"),
        ];
        let cut: Vec<&str> = cut.into_iter().filter(|(is_cut, _)| *is_cut).map(|(_, why)| why).collect();
        if !cut.is_empty() {
            remarks.push(format!("Less than was asked for: {}.", cut.join(", ")));
        }
        remarks
    }
}

/// Whether a word begins an option rather than being a value.
fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

fn is_number(word: &str) -> bool {
    super::number(word).is_some()
}

fn known(name: &str) -> Option<About> {
    OPTIONS.iter().find(|(names, _)| names.contains(&name)).map(|(_, about)| *about)
}

/// An option's name, and its value if that stands behind a `=`.
fn split(line: &str, word: &Word) -> (Word, Option<Word>) {
    let Some((name, value)) = word.text.split_once('=').filter(|_| word.text.starts_with("--")) else {
        return (word.clone(), None);
    };
    let begin = word.span.start;
    // With quotes in it the word is longer than its text.
    let exact = line[word.span.clone()] == word.text;
    let middle = if exact { begin + name.len() } else { word.span.end };
    let name_span = if exact { begin..middle } else { word.span.clone() };
    let value_span = if exact { middle + 1..word.span.end } else { word.span.clone() };
    let value = Word { text: value.to_owned(), span: value_span };
    (Word { text: name.to_owned(), span: name_span }, Some(value))
}

/// The words of a command line. Quotes hold a word together; a `\` at the end of a line continues it.
fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    for (at, letter) in line.char_indices() {
        let end = at + letter.len_utf8();
        let continued = letter == '\\' && line[end..].trim_start_matches('\r').starts_with('\n');
        if quote.is_none() && (letter.is_whitespace() || continued) {
            words.extend(word.take());
            continue;
        }
        let current = word.get_or_insert_with(|| Word { text: String::new(), span: at..at });
        current.span.end = end;
        match quote {
            Some(open) if open == letter => quote = None,
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            _ => current.text.push(letter),
        }
    }
    words.extend(word);
    words
}
