//! What the trials of `murphy bench` show: functions over the rows of its `results.csv`, and nothing else. No trial is run
//! here, no target known; the same rows always give the same report, byte by byte.
//!
//! A row is one trial, one part of a pooled stream, or one stream over a twin ([`row::Row`]). [`report::markdown`] says who found
//! what how soon, against the best of the blind arms, with losses, and [`chart::svg`] draws it.

mod arms;
pub(crate) mod chart;
pub(crate) mod report;
pub(crate) mod row;
mod rows;
mod statistics;
mod suite;
#[cfg(test)]
mod synthetic;

use std::collections::BTreeMap;

pub(crate) use rows::{RowError, Rows};

/// How deep each planted bug lies (`S`, `M`, `D` or `?`), by target and bug.
pub(crate) type Depths = BTreeMap<(String, String), char>;
