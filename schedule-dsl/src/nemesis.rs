//! Presets: what Jepsen calls nemeses, written as a schedule that a person can read and change.
//!
//! A [`Plan`] names families of faults, whom they strike and how often; [`Plan::text`] writes a commented file. A family
//! strikes about every other interval and for about one, as Jepsen's packages do. Families are shifted against each other by
//! a fraction of the interval, so that every two of them overlap for a while and lie apart for a while: combinations are
//! tested without anybody asking for them.
//!
//! Names and default strengths are those of Jepsen's `nemesis.combined`, `nemesis.time` and `net` (Kingsbury), of the suites
//! for etcd, TiDB, TiKV, YugabyteDB and Dgraph, of fuzz_dist, of Elastickv, and of FoundationDB's simulation. Nothing is
//! parsed here but names.

mod deeds;
mod family;
mod header;
mod names;
mod plan;
mod prose;
mod shape;
mod steps;
#[cfg(test)]
mod tests;

pub use family::{BUNDLES, Bundle, Family};
pub use names::NemesisError;
pub(crate) use names::{items, listed};
pub use plan::{Interval, KillOf, LongRecovery, Plan};
pub(crate) use prose::{canonical, comment, tidy};
pub use shape::Shape;

/// The most further beginnings that are written for a step.
pub(crate) const AGAIN_MAX: u64 = 250;
/// The longest chaos phase, in microseconds.
pub(crate) const CHAOS_MAX_US: u64 = 655_000_000;
