//! What the marks of the run in this thread have counted so far.
//!
//! Marks take no context, so that they can be put anywhere in a target's code; the run's tally is in its thread. It is one value,
//! which can be copied.

use std::cell::RefCell;

use super::{
    Site,
    buggify::{Buggify, Switch, Who},
    names,
};
use crate::state::Signals;

/// The most values of all [`sometimes_each!`](crate::sometimes_each) that a run counts; later ones are not told apart.
pub const EACH_MAX: usize = 512;

/// One value of a [`sometimes_each!`](crate::sometimes_each), and how often a run had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    /// The rank of the mark's name.
    pub mark: u16,
    /// A hash of the value, the same in every run.
    pub value: u64,
    /// How often; saturating.
    pub hits: u8,
}

/// The best number of a [`maximize!`](crate::maximize) or [`minimize!`](crate::minimize) in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Best {
    /// The rank of the mark's name.
    pub mark: u16,
    /// Whether small is good.
    pub least: bool,
    /// The number.
    pub value: i64,
}

impl Best {
    /// Whether it beats `other`, of the same mark.
    pub fn beats(&self, other: &Self) -> bool {
        if self.least { self.value < other.value } else { self.value > other.value }
    }
}

/// What the run in this thread has counted so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Hits of each mark; none outside a run.
    counters: Vec<u8>,
    /// Sorted.
    each: Vec<Bucket>,
    bests: Vec<Best>,
    /// Ranks hit since they were last asked for, while somebody waits for one.
    fresh: Vec<u16>,
    watched: bool,
    muted: bool,
    /// What is hit later than the code runs.
    put_off: Vec<Hit>,
    puts_off: bool,
    /// The first that did not hold.
    broken: Option<Broken>,
    buggify: Buggify,
}

clone_fields!(Tally { counters, each, bests, fresh, watched, muted, put_off, puts_off, broken, buggify });

/// Something that must always hold and did not. It unwinds the handler that found it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken(pub(crate) &'static Site);

/// One hit of a mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    /// The rank of its name.
    mark: u16,
    with: With,
}

/// What a hit is with.
#[derive(Clone, Copy, Debug)]
pub(super) enum With {
    Nothing,
    Value(u64),
    /// Whether small is good.
    Number(i64, bool),
}

impl Tally {
    /// How often the mark of this rank was hit; saturating.
    pub(crate) fn of(&self, rank: usize) -> u8 {
        self.counters.get(rank).copied().unwrap_or_default()
    }

    /// Returns whether the hit counts, now or later.
    fn add(&mut self, hit: Hit) -> bool {
        if self.muted || self.counters.is_empty() {
            return false;
        }
        if self.puts_off {
            self.put_off.push(hit);
        } else {
            self.count(hit);
        }
        true
    }

    fn count(&mut self, Hit { mark, with }: Hit) {
        let Some(counter) = self.counters.get_mut(usize::from(mark)) else { return };
        *counter = counter.saturating_add(1);
        if self.watched {
            self.fresh.push(mark);
        }
        match with {
            With::Nothing => {}
            With::Value(value) => self.add_each(mark, value),
            With::Number(value, least) => self.add_best(Best { mark, least, value }),
        }
    }

    fn add_each(&mut self, mark: u16, value: u64) {
        match self.each.binary_search_by_key(&(mark, value), |bucket| (bucket.mark, bucket.value)) {
            Ok(at) => self.each[at].hits = self.each[at].hits.saturating_add(1),
            Err(at) if self.each.len() < EACH_MAX => self.each.insert(at, Bucket { mark, value, hits: 1 }),
            Err(_) => {}
        }
    }

    fn add_best(&mut self, new: Best) {
        let of_its_mark = |best: &&mut Best| (best.mark, best.least) == (new.mark, new.least);
        match self.bests.iter_mut().find(of_its_mark) {
            Some(best) if new.beats(best) => *best = new,
            Some(_) => {}
            None => self.bests.push(new),
        }
    }
}

thread_local! {
    static TALLY: RefCell<Tally> = RefCell::default();
}

/// Counts a hit. Returns whether it counts.
pub(super) fn hit(rank: usize, with: With) -> bool {
    TALLY.with_borrow_mut(|tally| tally.add(Hit { mark: rank as u16, with }))
}

pub(super) fn fires(site: &Site, usual: f64) -> bool {
    TALLY.with_borrow_mut(|tally| {
        let hit = Hit { mark: site.rank() as u16, with: With::Nothing };
        !tally.muted && tally.buggify.fires(site.hash, site.rank(), usual) && tally.add(hit)
    })
}

/// What must hold does not: remembered, in case the target catches the panic, and unwound past the program's panic hook.
#[cold]
pub(super) fn fail(site: &'static Site) {
    let broken = Broken(site);
    TALLY.with_borrow_mut(|tally| {
        // In a handler that takes time a crash can still come first.
        if !tally.puts_off {
            tally.broken.get_or_insert(broken);
        }
    });
    std::panic::resume_unwind(Box::new(broken));
}

/// Forgets all hits; from now on hits are counted, and queued if `watched`.
pub(crate) fn start(watched: bool) {
    TALLY.with_borrow_mut(|tally| {
        tally.counters.clear();
        tally.counters.resize(names().len(), 0);
        tally.each.clear();
        tally.bests.clear();
        tally.fresh.clear();
        tally.watched = watched;
        tally.muted = false;
        tally.put_off.clear();
        tally.puts_off = false;
        tally.broken = None;
        tally.buggify.reset();
    });
}

/// What was counted so far, for a snapshot.
pub(crate) fn save() -> Tally {
    TALLY.with_borrow(Tally::clone)
}

/// Goes on counting from here; from now on hits are queued if `watched`.
pub(crate) fn restore(from: &Tally, watched: bool) {
    TALLY.with_borrow_mut(|tally| {
        tally.clone_from(from);
        tally.watched = watched;
    });
}

/// Copies what was counted into `to`, and stops counting.
pub(crate) fn finish(to: &mut Signals) {
    TALLY.with_borrow_mut(|tally| {
        to.marks.clone_from(&tally.counters);
        to.each.clone_from(&tally.each);
        tally.bests.sort_unstable();
        to.bests.clone_from(&tally.bests);
        tally.counters.clear();
    });
}

/// What did not hold, if the run has come across something.
pub(crate) fn broken() -> Option<Broken> {
    TALLY.with_borrow(|tally| tally.broken)
}

/// Past the point of a crash nothing counts until the handler has returned.
pub(crate) fn mute() {
    TALLY.with_borrow_mut(|tally| tally.muted = true);
}

/// From here on the running handler hits marks later than its code runs: hits are kept for [`take_put_off`], not counted.
pub(crate) fn put_off() {
    TALLY.with_borrow_mut(|tally| tally.puts_off = true);
}

/// Takes the hits since the last call that are to come later.
pub(crate) fn take_put_off(take: impl FnMut(Hit)) {
    TALLY.with_borrow_mut(|tally| tally.put_off.drain(..).for_each(take));
}

/// A handler's code has returned: hits count again, and at once.
pub(crate) fn returned() {
    TALLY.with_borrow_mut(|tally| {
        tally.muted = false;
        tally.puts_off = false;
        tally.put_off.clear();
    });
}

/// A hit that was put off comes now.
pub(crate) fn happen(hit: Hit) {
    TALLY.with_borrow_mut(|tally| _ = tally.add(hit));
}

/// Whether the running handler is past the point of a crash.
pub(crate) fn is_muted() -> bool {
    TALLY.with_borrow(|tally| tally.muted)
}

/// Appends the ranks hit since the last call.
pub(crate) fn take_fresh(into: &mut Vec<u16>) {
    TALLY.with_borrow_mut(|tally| into.append(&mut tally.fresh));
}

/// Rare branches are those of this node's handler from now on; `None`: no handler runs.
pub(crate) fn buggify_in(who: Option<Who>) {
    TALLY.with_borrow_mut(|tally| tally.buggify.who = who);
}

/// A step switches rare branches on.
pub(crate) fn switch_on(switch: Switch) {
    TALLY.with_borrow_mut(|tally| tally.buggify.switch_on(switch));
}

/// What a step switched on goes off.
pub(crate) fn switch_off(step: usize) {
    TALLY.with_borrow_mut(|tally| tally.buggify.switch_off(step));
}

/// Appends the steps whose branches were taken since the last call, once for each branch.
pub(crate) fn credits(into: &mut Vec<usize>) {
    TALLY.with_borrow_mut(|tally| into.append(&mut tally.buggify.credits));
}
