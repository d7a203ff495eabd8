//! A system under test: what it is made of, what its clients do, how it is judged.

use std::{collections::BTreeSet, fmt, ops::RangeInclusive, time::Duration};

use murphy_checker::verdict::Class;
use murphy_schedule::{
    FaultKind, Vocabulary,
    field::Change,
    vocabulary::{Names, Odds},
};

use crate::{
    address::Address,
    context::Context,
    core::Host,
    disk::FileCodec,
    hooks::Hooks,
    invariant::Invariant,
    limits::Limit,
    marks::{self, Kind},
    network::Network,
    node::{Node, NodeId},
    state::Condition,
    workload::Workload,
};

/// A system under test.
pub trait Target: 'static {
    /// One of its processes.
    type Node: Node;

    /// Its name, shape, words and promises.
    fn about(&self) -> About;

    /// Starts a process, from an empty disk or from what an earlier incarnation left there.
    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Self::Node>) -> Self::Node;

    /// What clients do and how their histories are judged. At least one; a schedule's seed chooses among them.
    fn workloads(&self) -> Vec<Workload<Self::Node>>;

    /// The request by which an operator asks for a change that concerns `nodes`; `None` if the system has no such change, and then none
    /// is drawn (which it has is asked once, of node 1). A node that replies has accepted it; one that refuses or redirects has
    /// not. A system that is given a node to add or remove uses it for nodes that are replaced, too.
    fn admin(&self, change: Change, nodes: &[NodeId]) -> Option<<Self::Node as Node>::Request> {
        let _ = (change, nodes);
        None
    }

    /// What watches its runs from within: a user's own observation. None if not said.
    fn hooks(&self) -> Option<Box<dyn Hooks<Self::Node>>> {
        None
    }

    /// What must hold of what nodes [expose](Node::expose), in the language of [`invariant`](crate::invariant) or in Rust. An
    /// invariant that is broken ends the run, with a report of the state.
    fn invariants(&self) -> Vec<Invariant> {
        Vec::new()
    }

    /// What its nodes may not log, what one must log, how many messages a node may send in how short a time, and how
    /// long an operation may take while nothing is wrong. None if not said.
    fn limits(&self) -> Vec<Limit> {
        Vec::new()
    }

    /// What must hold of the whole cluster after each event. It sees no node in the midst of a handler that takes time. Cheap ones only.
    fn properties(&self) -> Vec<Property<Self::Node>> {
        Vec::new()
    }
}

/// How a process starts.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// Its own number, from 1.
    pub me: NodeId,
    /// Which kind of process it is; empty where all are of one kind.
    pub kind: &'static str,
    /// Which version of the system it runs; empty where there is only one.
    pub version: &'static str,
    /// The nodes of the cluster as it began, of every kind. Spares are not among them.
    pub members: &'a [NodeId],
    pub(crate) kinds: &'a [&'static str],
    /// Where each of them listens, in the same order.
    pub addresses: &'a [Address],
    /// How often it has been started before: 0 for the first start.
    pub incarnation: u32,
    /// It is new in a cluster that is there already: a spare, or put in the place of a member. It is a member once it is added.
    pub joins: bool,
    /// Names of the planted bugs in force.
    pub bugs: &'a BTreeSet<String>,
}

impl Boot<'_> {
    /// Those of the members that are of this kind.
    pub fn members_of(&self, kind: &str) -> impl Iterator<Item = NodeId> {
        self.members.iter().zip(self.kinds).filter(move |(_, other)| **other == kind).map(|(node, _)| *node)
    }

    /// Where it listens itself.
    pub fn address(&self) -> Address {
        self.addresses[usize::from(self.me) - 1]
    }

    /// Whether the planted bug `name` is in force.
    pub fn bug(&self, name: &str) -> bool {
        self.bugs.contains(name)
    }
}

/// How messages between nodes travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Each message on its own: lost, repeated and reordered as it happens.
    #[default]
    Datagram,
    /// Sessions that keep order. What a broken session carried is lost; both ends hear that it broke and that it is back.
    Stream,
}

/// How many nodes something may befall in one run before a target's promises end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quota {
    /// No node.
    #[default]
    None,
    /// Fewer than half of the nodes.
    Minority,
    /// So many nodes.
    Exactly(u16),
    /// Every node.
    Any,
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no node"),
            Self::Minority => f.write_str("a minority"),
            Self::Exactly(1) => f.write_str("1 node"),
            Self::Exactly(most) => write!(f, "{most} nodes"),
            Self::Any => f.write_str("any number of nodes"),
        }
    }
}

/// What a target bears beyond crashes, pauses, partitions and lost, late or repeated messages, which every target must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Nodes that may lose what was durable: a wiped disk, a replaced node, a disk that acknowledges what it does not keep.
    pub lost_disks: Quota,
    /// Nodes whose durable data may be damaged or read back wrong.
    pub damaged_disks: Quota,
    /// The largest error of a node's clocks.
    pub clock_error: Duration,
    /// The largest error of a node's monotonic clock, which is all that a lease on it depends on.
    pub monotonic_error: Duration,
}

impl Promise {
    /// Whether a run can have faults of this kind without going beyond it.
    fn may_see(&self, kind: FaultKind) -> bool {
        let [lost, damaged] = [self.lost_disks, self.damaged_disks].map(|quota| quota != Quota::None);
        match kind {
            FaultKind::LazySync | FaultKind::Redeploy => lost,
            FaultKind::Misread => damaged,
            FaultKind::Damage | FaultKind::Miswrite => lost || damaged,
            _ => true,
        }
    }
}

/// Whether a kind of fault concerns connections, and nothing else.
fn strikes_connections(kind: FaultKind) -> bool {
    use FaultKind as F;
    matches!(kind, F::Connect | F::Close | F::Partial | F::HalfOpen)
}

/// Whether a kind of fault concerns what nodes send to each other, and nothing else.
fn strikes_messages(kind: FaultKind) -> bool {
    use FaultKind as F;
    matches!(
        kind,
        F::Partition
            | F::Block
            | F::Delay
            | F::Loss
            | F::Corrupt
            | F::Duplicate
            | F::Reorder
            | F::Clog
            | F::Swizzle
            | F::Bandwidth
            | F::Connect
            | F::Close
            | F::Partial
            | F::HalfOpen
            | F::Socket
            | F::Demote
    )
}

impl Default for Promise {
    /// Disks keep what they acknowledge; nothing depends on clocks.
    fn default() -> Self {
        let (clock_error, monotonic_error) = (Duration::MAX, Duration::MAX);
        Self { lost_disks: Quota::None, damaged_disks: Quota::None, clock_error, monotonic_error }
    }
}

/// A defect that can be planted: `target name+BUG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bug {
    /// Its name: `B1`.
    pub name: &'static str,
    /// What it gets wrong, in a sentence.
    pub about: &'static str,
    /// How many events of the environment must come together for it to show; 0: not said.
    pub events: u8,
    /// The kind of promise that it breaks.
    pub breaks: Option<Class>,
    /// Where a real system had it; empty: nowhere, or not said.
    pub source: &'static str,
}

impl Bug {
    /// How deep it lies: `S`hallow (at most two events), `M`edium or `D`eep (four and more); `?` if that is not said.
    pub fn depth(&self) -> char {
        match self.events {
            0 => '?',
            1..=2 => 'S',
            3 => 'M',
            _ => 'D',
        }
    }
}

/// What a target says of itself. Built by its methods; shown by `murphy targets`.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name: lower-case letters, digits, `-`, `.`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub summary: &'static str,
    /// Fewest and most nodes; a schedule that leaves it open gets the fewest.
    pub nodes: RangeInclusive<u16>,
    /// Its kinds of process, and fewest and most of each; empty if all are of one kind.
    pub kinds: Vec<(&'static str, RangeInclusive<u16>)>,
    /// Nodes that run but are no members at first, so that there is somebody to add.
    pub spares: u16,
    /// Its versions, the oldest first; empty if there is only one.
    pub versions: &'static [&'static str],
    /// The roles that nodes report.
    pub roles: &'static [&'static str],
    /// Its timing constants.
    pub constants: Vec<(&'static str, Duration)>,
    /// How long after healing its operations succeed again; [`Duration::MAX`]: it promises nothing. Who needs ten times as long
    /// is to blame: class `liveness`, `stuck` or `slow-recovery`.
    pub recovers_within: Duration,
    /// Panics whose message contains this are crashes, not violations.
    pub fail_stop: Option<&'static str>,
    /// What it promises to bear beyond crashes, pauses, partitions and lost messages. Steps that go beyond it are void.
    pub promise: Promise,
    /// The names of its files, and how each is laid out. Segments of a file go by its name.
    pub files: Vec<(&'static str, FileCodec)>,
    /// The names of its disks, if a node has several.
    pub disks: Vec<&'static str>,
    /// How its messages travel.
    pub transport: Transport,
    /// Defects that can be planted.
    pub bugs: Vec<Bug>,
    /// Module paths whose marks belong to it.
    pub modules: Vec<&'static str>,
}

impl About {
    /// A target of this name: three nodes, datagrams, recovery within two seconds.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            summary: "",
            nodes: 3..=3,
            kinds: Vec::new(),
            spares: 0,
            versions: &[],
            roles: &[],
            constants: Vec::new(),
            recovers_within: Duration::from_secs(2),
            fail_stop: None,
            promise: Promise::default(),
            files: Vec::new(),
            disks: Vec::new(),
            transport: Transport::Datagram,
            bugs: Vec::new(),
            modules: Vec::new(),
        }
    }

    /// What it is, in a sentence.
    pub fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Fewest and most nodes, within 1..=16.
    pub fn nodes(mut self, nodes: RangeInclusive<u16>) -> Self {
        self.nodes = nodes;
        self
    }

    /// Fewest and most processes of one more kind. Nodes are numbered in the order in which kinds are named; a cluster has the fewest
    /// of each, and of what a schedule asks for beyond that as many of the first kinds as there can be.
    pub fn nodes_of(mut self, kind: &'static str, nodes: RangeInclusive<u16>) -> Self {
        self.kinds.push((kind, nodes));
        let sum = |end: fn(&RangeInclusive<u16>) -> u16| self.kinds.iter().map(|(_, nodes)| end(nodes)).sum();
        self.nodes = sum(|nodes| *nodes.start())..=sum(|nodes| *nodes.end());
        self
    }

    /// So many nodes beside the members, numbered after them and of the first kind. They run from the beginning, know by
    /// [`Boot::joins`] that they are no members, and can be added.
    pub fn spares(mut self, spares: u16) -> Self {
        self.spares = spares;
        self
    }

    /// Its versions, the oldest first. Each node runs one that is drawn by seed and node; when a `restart` or a `redeploy` starts it,
    /// the newest.
    pub fn versions(mut self, versions: &'static [&'static str]) -> Self {
        self.versions = versions;
        self
    }

    /// Of which kind the node at an index is in a cluster of so many members.
    pub(crate) fn kind_of(&self, mut node: u16, members: u16) -> &'static str {
        let mut more = members.saturating_sub(*self.nodes.start());
        for (kind, nodes) in &self.kinds {
            let room = (nodes.end() - nodes.start()).min(more);
            more -= room;
            match node.checked_sub(nodes.start() + room) {
                Some(rest) => node = rest,
                None => return kind,
            }
        }
        self.kinds.first().map_or("", |(kind, _)| kind)
    }

    /// The roles that nodes report; schedules aim at them.
    pub fn roles(mut self, roles: &'static [&'static str]) -> Self {
        self.roles = roles;
        self
    }

    /// A timing constant; faults last around it.
    pub fn constant(mut self, name: &'static str, length: Duration) -> Self {
        self.constants.push((name, length));
        self
    }

    /// How long after healing its operations succeed again; [`Duration::MAX`]: it promises nothing.
    pub fn recovers_within(mut self, time: Duration) -> Self {
        self.recovers_within = time;
        self
    }

    /// Panics whose message contains this are crashes, not violations.
    pub fn fail_stop(mut self, panic_contains: &'static str) -> Self {
        self.fail_stop = Some(panic_contains);
        self
    }

    /// What it promises to bear beyond crashes, pauses, partitions and lost messages.
    pub fn survives(mut self, promise: Promise) -> Self {
        self.promise = promise;
        self
    }

    /// A file, or a log in several segments: files whose names go on with a digit or one of `. - _`. Schedules aim at it by its
    /// name, and at parts of it as `codec` finds them.
    pub fn file(mut self, name: &'static str, codec: FileCodec) -> Self {
        self.files.push((name, codec));
        self
    }

    /// One of several disks of a node, on which the files are whose names begin with `name/`.
    pub fn disk(mut self, name: &'static str) -> Self {
        self.disks.push(name);
        self
    }

    /// How its messages travel.
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// A defect that can be planted.
    pub fn bug(self, name: &'static str, about: &'static str) -> Self {
        self.known_bug(Bug { name, about, events: 0, breaks: None, source: "" })
    }

    /// A defect that can be planted, and that a real system had.
    pub fn known_bug(mut self, bug: Bug) -> Self {
        self.bugs.push(bug);
        self
    }

    /// Where its marks are: a module path, usually `module_path!()`.
    pub fn marks_in(mut self, module: &'static str) -> Self {
        self.modules.push(module);
        self
    }

    /// Length of the chaos phase where a schedule leaves it open.
    pub const CHAOS: Duration = Duration::from_secs(4);
}

/// The words that a schedule for `target` can use.
pub fn vocabulary<T: Target>(target: &T) -> Vocabulary {
    let about = target.about();
    let mut functions: Vec<&str> =
        target.workloads().iter().flat_map(|workload| workload.about().functions.iter().copied()).collect();
    functions.sort_unstable();
    functions.dedup();
    let sites = marks::names_in(&about.modules, |kind| kind == Kind::Buggify);
    let changes: Vec<Change> =
        Change::ALL.iter().copied().filter(|change| target.admin(*change, &[1]).is_some()).collect();
    // Without a site there is nothing to switch on, some systems have nothing to ask of them, and datagrams need no connection.
    let possible = |kind: FaultKind| {
        about.promise.may_see(kind)
            && (kind != FaultKind::Buggify || !sites.is_empty())
            && (kind != FaultKind::Admin || !changes.is_empty())
            && (about.transport == Transport::Stream || !strikes_connections(kind))
            && (!T::Node::KINDS.is_empty() || !strikes_messages(kind))
    };
    let faults = FaultKind::ALL.iter().copied().filter(|kind| possible(*kind)).collect();
    let micros = |length: &Duration| u32::try_from(length.as_micros()).unwrap_or(u32::MAX);
    Vocabulary {
        nodes: (*about.nodes.start() as u8, *about.nodes.end() as u8),
        spares: about.spares as u8,
        kinds: Names::new(T::Node::KINDS.iter().copied()),
        roles: Names::new(about.roles.iter().copied()),
        marks: Names::new(marks::names_in(&about.modules, Kind::triggers)),
        sites: Names::new(sites),
        workloads: Names::new(target.workloads().iter().map(|workload| workload.about().name)),
        functions: Names::new(functions),
        files: Names::new(about.files.iter().map(|(name, _)| *name).chain(about.disks.iter().copied())),
        faults,
        constants: Names::new(about.constants.iter().map(|(name, _)| *name)),
        constant_micros: about.constants.iter().map(|(_, length)| micros(length)).collect(),
        changes,
        chaos_micros: micros(&About::CHAOS),
        times_only: false,
        odds: Odds::default(),
    }
}

/// Something that must hold of the whole cluster after each event.
pub struct Property<N: Node> {
    /// What it says.
    pub name: &'static str,
    pub(crate) holds: fn(&Cluster<'_, N>) -> bool,
}

impl<N: Node> Property<N> {
    /// `holds` must be true after each event; `name` is what a finding calls it.
    pub fn always(name: &'static str, holds: fn(&Cluster<'_, N>) -> bool) -> Self {
        Self { name, holds }
    }
}

/// The running nodes, as a property sees them.
pub struct Cluster<'a, N: Node> {
    pub(crate) nodes: &'a [Option<N>],
    pub(crate) hosts: &'a [Host],
    pub(crate) network: &'a Network,
}

impl<'a, N: Node> Cluster<'a, N> {
    /// The nodes that are up and in the midst of no handler, with their numbers.
    pub fn up(&self) -> impl Iterator<Item = (NodeId, &'a N)> {
        let nodes = (1..).zip(self.nodes).zip(self.hosts).filter(|(_, host)| host.up && !host.outbox.is_open());
        nodes.filter_map(|((id, node), _)| node.as_ref().map(|node| (id, node)))
    }

    /// How a node's process is, as whoever looks after it sees it.
    ///
    /// # Panics
    /// If there is no node of this number.
    pub fn condition(&self, node: NodeId) -> Condition {
        self.hosts[usize::from(node) - 1].condition()
    }

    /// Whether messages from one node reach another: no partition or block in force stands between them.
    pub fn are_connected(&self, from: NodeId, to: NodeId) -> bool {
        !self.network.is_cut(usize::from(from) - 1, usize::from(to) - 1)
    }
}
