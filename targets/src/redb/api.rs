//! What differs between releases: here 4.1.0.

pub(super) const SUMMARY: &str =
    "one node, registers in the crate redb 4.1.0, which a crash can leave with a database that never opens again";
