//! Rare branches of a target, in two phases as in FoundationDB (Zhou et al., 2021): a site is on or off, and one that is on is
//! taken now and then.
//!
//! What FoundationDB draws at the start of a run, which sites are on, is here a step of the schedule, so that the search can change
//! it, the minimizer drop it and a person read it. A step that names no site switches on one in four, which ones is the seed's.

use crate::draw::{Purpose, SLOT, mix};

/// Of the sites that a step does not name, one in so many is on.
const ONE_IN: u64 = 4;
/// What a step says if it says nothing.
const USUAL_SHARE: f64 = 0.25;

/// The handler that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) seed: u64,
    pub(crate) node: usize,
    pub(crate) incarnation: u32,
    /// How often the draws of the node have changed.
    pub(crate) epoch: u64,
    pub(crate) now: u64,
}

/// What a step switches on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switch {
    pub(crate) step: usize,
    /// A hash of what the step says.
    pub(crate) content: u32,
    /// The rank of the site's name; `None`: those that the seed chooses.
    pub(crate) site: Option<usize>,
    /// How often, in units of 0.01 %.
    pub(crate) share: u16,
    /// How often the draws of the world had changed as the step began.
    pub(crate) epoch: u64,
}

/// Which sites are on, and how often each was passed.
#[derive(Debug, Default)]
pub(super) struct Buggify {
    /// In an order that depends on nothing but what their steps say.
    switches: Vec<Switch>,
    pub(super) who: Option<Who>,
    /// The sites that were passed while something was on, by node: in which slot last, and how often in it.
    passes: Vec<Pass>,
    /// A step for each branch that was taken.
    pub(super) credits: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Pass {
    hash: u64,
    node: usize,
    slot: u64,
    count: u64,
}

clone_fields!(Buggify { switches, who, passes, credits });

impl Buggify {
    pub(super) fn reset(&mut self) {
        self.switches.clear();
        self.who = None;
        self.passes.clear();
        self.credits.clear();
    }

    pub(super) fn switch_on(&mut self, switch: Switch) {
        let at = self.switches.partition_point(|other| other.content < switch.content);
        self.switches.insert(at, switch);
    }

    pub(super) fn switch_off(&mut self, step: usize) {
        self.switches.retain(|switch| switch.step != step);
    }

    /// Whether the branch at this site is taken. If so the first step that would have it is credited.
    pub(super) fn fires(&mut self, hash: u64, rank: usize, usual: f64) -> bool {
        let Some(who) = self.who.filter(|_| !self.switches.is_empty()) else { return false };
        let slot = who.now / SLOT;
        let nth = self.pass(hash, who.node, slot);
        let life = (who.node as u64) << 32 | u64::from(who.incarnation);
        let draw = mix(who.seed, Purpose::Buggify, [hash, life, who.epoch, slot << 24 | nth]);
        let draw = (draw >> 11) as f64 / (1u64 << 53) as f64;
        let taken = self
            .switches
            .iter()
            .find(|switch| switch.covers(hash, rank, who.seed) && draw < probability(usual, switch.share));
        self.credits.extend(taken.map(|switch| switch.step));
        taken.is_some()
    }

    /// Counts a pass of a site by a node; returns which of the slot it is.
    fn pass(&mut self, hash: u64, node: usize, slot: u64) -> u64 {
        let new = Pass { hash, node, slot, count: 0 };
        let at = self.passes.iter().position(|pass| (pass.hash, pass.node) == (hash, node)).unwrap_or_else(|| {
            self.passes.push(new);
            self.passes.len() - 1
        });
        let pass = &mut self.passes[at];
        if pass.slot != slot {
            *pass = new;
        }
        pass.count += 1;
        pass.count
    }
}

impl Switch {
    fn covers(&self, hash: u64, rank: usize, seed: u64) -> bool {
        match self.site {
            Some(site) => site == rank,
            None => mix(seed, Purpose::Activation, [hash, self.epoch]).is_multiple_of(ONE_IN),
        }
    }
}

/// How often a site fires whose usual probability this is, while a step says `share`. The step's odds against the usual 25 % are
/// odds for the site as well: 25 % leaves its probability as it is, 100 % makes it certain, and a site that is usually taken in
/// one case of four is taken just as often as the step says.
fn probability(usual: f64, share: u16) -> f64 {
    let share = f64::from(share) / 10_000.0;
    if usual <= 0.0 || share <= 0.0 {
        return 0.0;
    }
    if usual >= 1.0 || share >= 1.0 {
        return 1.0;
    }
    let odds = |probability: f64| probability / (1.0 - probability);
    let odds = odds(usual) * odds(share) / odds(USUAL_SHARE);
    odds / (1.0 + odds)
}

#[cfg(test)]
mod tests {
    use super::probability;

    #[track_caller]
    fn check(usual: f64, share: u16, expected: f64) {
        let found = probability(usual, share);
        assert!((found - expected).abs() < 1e-12, "{usual} at {share}: {found}");
    }

    #[test]
    fn the_usual_share_leaves_a_probability_as_it_is_and_all_of_it_is_certain() {
        for usual in [0.25, 0.01, 0.9] {
            check(usual, 2_500, usual);
            check(usual, 0, 0.0);
            check(usual, 10_000, 1.0);
        }
        for share in [1, 700, 5_000, 9_999] {
            check(0.25, share, f64::from(share) / 10_000.0);
        }
        check(0.5, 5_000, 0.75);
    }

    #[test]
    fn what_never_happens_never_does_and_what_is_certain_stays_so() {
        check(1.0, 100, 1.0);
        check(0.0, 10_000, 0.0);
    }
}
