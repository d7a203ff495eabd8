//! What differs between releases: here 0.12.0.

pub(super) const SUMMARY: &str = "membership by the crate foca 0.12.0, the control of 0.11.0";
