//! The guarantees of sessions (Terry et al., 1994), object by object: what a process has seen or written, it does not lose.
//!
//! As far as versions are ordered: all of a list that was read; of registers, pairs of which one is known to come right after the
//! other, and what was there at the beginning before all others.

use super::{
    compact::{Compact, Fate, NONE, Part},
    phenomena::{Guarantee, Phenomenon},
    report::Report,
};
use crate::{history::History, interner::Interner};

/// What a process last read and wrote of an object: versions, as whoever orders them numbers them, and in which transaction.
#[derive(Clone, Copy, Debug)]
struct Last {
    read: (u32, u32),
    write: (u32, u32),
}

const NOTHING: Last = Last { read: (NONE, NONE), write: (NONE, NONE) };

/// Looks for broken guarantees. Its memory is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Guarantees {
    pairs: Interner<(u32, u32)>,
    last: Vec<Last>,
}

impl Guarantees {
    /// Reports what is broken, given the number of the version that a part read or wrote, if it has one, and whether one version of an
    /// object is known to come before another.
    pub(super) fn check(
        &mut self,
        compact: &Compact,
        history: &History,
        version: impl Fn(Part) -> Option<u32>,
        is_earlier: impl Fn(usize, u32, u32) -> bool,
        report: &mut Report,
    ) {
        self.pairs.clear();
        self.last.clear();
        for (op, operation) in (0..).zip(&history.operations) {
            if compact.fates[op as usize] != Fate::Committed {
                continue;
            }
            for part in compact.parts_of(op).iter().filter(|part| part.is_outer_read() || part.is_final_write()) {
                let (key, Some(version)) = (part.key(), version(*part)) else { continue };
                if compact.is_dropped[key] {
                    continue;
                }
                let pair = self.pairs.id((operation.process, key as u32)) as usize;
                if pair == self.last.len() {
                    self.last.push(NOTHING);
                }
                let last = self.last[pair];
                let broken = match part.is_write() {
                    true => [(Guarantee::MonotonicWrites, last.write), (Guarantee::WritesFollowReads, last.read)],
                    false => [(Guarantee::ReadYourWrites, last.write), (Guarantee::MonotonicReads, last.read)],
                };
                for (guarantee, (by, earlier)) in broken {
                    if by != NONE && by != op && is_earlier(key, version, earlier) {
                        report.add_place(Phenomenon::Broken(guarantee), op, Some(by), compact.name(key), None);
                    }
                }
                let last = &mut self.last[pair];
                *(if part.is_write() { &mut last.write } else { &mut last.read }) = (op, version);
            }
        }
    }
}
