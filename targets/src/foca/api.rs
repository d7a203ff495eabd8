//! What differs between releases: here 0.11.0.

pub(super) const SUMMARY: &str =
    "membership by the crate foca 0.11.0, whose nodes can tell each other without end that they are down";
