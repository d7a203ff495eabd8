//! What differs between releases: here 4.4.0.

pub(super) const SUMMARY: &str = "one node, registers in the crate redb 4.4.0, the control of 4.1.0";
