//! What is asked for: which families, whom they strike, how often, and in which cluster.

use super::{CHAOS_MAX_US, family::Family, names::NemesisError, shape::Shape};

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
    /// By how much `clock-skew` moves clocks, in microseconds.
    pub skew_us: u64,
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
            skew_us: 256_000,
            remarks: Vec::new(),
        }
    }

    /// Whether the plan makes sense. [`Plan::text`] writes a schedule in any case.
    ///
    /// # Errors
    /// An interval of 0, a shape for a family that is not among `families`, or a node above the number of nodes.
    pub fn check(&self) -> Result<(), NemesisError> {
        if self.interval.micros == 0 {
            return Err(NemesisError::NoInterval);
        }
        if let Some((family, _)) = self.shapes_of.iter().find(|(family, _)| !self.families.contains(family)) {
            return Err(NemesisError::NotChosen { family: family.name(), chosen: self.chosen() });
        }
        let highest = self.every_shape().filter_map(Shape::highest).max();
        match (highest, self.node_count()) {
            (Some(node), Some(nodes)) if node > nodes => {
                Err(NemesisError::NoSuchNode { node: format!("n{node}"), nodes })
            }
            _ => Ok(()),
        }
    }

    fn every_shape(&self) -> impl Iterator<Item = Shape> {
        self.shapes.iter().chain(self.shapes_of.iter().flat_map(|(_, shapes)| shapes)).copied()
    }

    /// The names of its families.
    pub(super) fn chosen(&self) -> String {
        let names: Vec<&str> = self.unique().iter().map(|family| family.name()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// Its families, none of them twice.
    pub(super) fn unique(&self) -> Vec<Family> {
        let new = |(at, family): &(usize, &Family)| !self.families[..*at].contains(family);
        self.families.iter().enumerate().filter(new).map(|(_, family)| *family).collect()
    }

    /// The interval, as far as it means anything.
    pub(super) fn interval_us(&self) -> u64 {
        self.interval.micros.min(CHAOS_MAX_US)
    }

    /// How long the chaos phase is.
    pub(super) fn chaos_us(&self) -> u64 {
        whole(self.time_limit_us.clamp(10_000, CHAOS_MAX_US), 10_000)
    }

    /// How many nodes there are, as far as the file says so.
    pub(super) fn node_count(&self) -> Option<u8> {
        self.nodes.or_else(|| (self.target == "any" && !self.kinds().is_empty()).then_some(6))
    }
}

/// The next multiple of `unit`.
pub(super) fn whole(micros: u64, unit: u64) -> u64 {
    micros.div_ceil(unit) * unit
}
