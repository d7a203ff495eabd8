//! Marks: places in a target's code that say "this rare thing happened". They steer the search and trigger steps.
//!
//! Each site registers itself when the program is linked, so that marks that were never hit can be listed. Sites of equal
//! name are one mark. A counter's index is the rank of its name among all names, never the order of linking.

use std::{
    cell::RefCell,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use linkme::distributed_slice;

/// One [`sometimes!`](crate::sometimes) in the code.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    module: &'static str,
    /// Rank of its name, plus one; 0: not looked up yet.
    rank: AtomicU32,
}

/// Every site of the program.
#[allow(
    unsafe_code,
    reason = "the linker collects the sites; `the_marks_of_a_module_are_known_before_any_is_hit` tests it"
)]
#[distributed_slice]
pub static SITES: [Site];

/// Says that something worth reaching happened, if `condition` holds. Costs a few nanoseconds; does nothing outside a run.
///
/// ```
/// # let two_leaders = true;
/// murphy_sim::sometimes!(two_leaders, "two nodes lead");
/// ```
#[macro_export]
macro_rules! sometimes {
    ($condition:expr, $name:literal) => {{
        #[allow(unsafe_code)]
        #[$crate::linkme::distributed_slice($crate::marks::SITES)]
        #[linkme(crate = $crate::linkme)]
        static SITE: $crate::marks::Site = $crate::marks::Site::new($name, module_path!());
        if $condition {
            SITE.hit();
        }
    }};
}

impl Site {
    /// A site of this name in this module.
    pub const fn new(name: &'static str, module: &'static str) -> Self {
        Self { name, module, rank: AtomicU32::new(0) }
    }

    /// Counts one hit.
    pub fn hit(&self) {
        let rank = match self.rank.load(Ordering::Relaxed) {
            0 => self.look_up(),
            rank => rank,
        };
        HITS.with_borrow_mut(|hits| hits.add(rank as usize - 1));
    }

    #[cold]
    fn look_up(&self) -> u32 {
        let rank = names().binary_search(&self.name).expect("every site is in the list of sites") as u32 + 1;
        self.rank.store(rank, Ordering::Relaxed);
        rank
    }
}

/// The names of all marks of the program, sorted.
pub fn names() -> &'static [&'static str] {
    static NAMES: OnceLock<Vec<&'static str>> = OnceLock::new();
    NAMES.get_or_init(|| sorted(SITES.iter()))
}

/// The names of the marks in these modules and below, sorted.
pub fn names_in(modules: &[&str]) -> Vec<&'static str> {
    let below = |site: &Site, module: &str| {
        site.module.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    sorted(SITES.iter().filter(|site| modules.iter().any(|module| below(site, module))))
}

fn sorted<'a>(sites: impl Iterator<Item = &'a Site>) -> Vec<&'static str> {
    let mut names: Vec<&str> = sites.map(|site| site.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The hits of a run so far.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    counters: Vec<u8>,
    /// Ranks hit since they were last asked for, while somebody waits for one.
    fresh: Vec<u16>,
    watched: bool,
    muted: bool,
    /// Ranks that are hit later than the code runs.
    put_off: Vec<u16>,
    puts_off: bool,
}

clone_fields!(Hits { counters, fresh, watched, muted, put_off, puts_off });

impl Hits {
    /// How often the mark of this rank was hit; saturating.
    pub(crate) fn of(&self, rank: usize) -> u8 {
        self.counters.get(rank).copied().unwrap_or_default()
    }

    fn add(&mut self, rank: usize) {
        if self.muted {
            return;
        }
        if self.puts_off {
            return self.put_off.push(rank as u16);
        }
        if let Some(counter) = self.counters.get_mut(rank) {
            *counter = counter.saturating_add(1);
            if self.watched {
                self.fresh.push(rank as u16);
            }
        }
    }
}

thread_local! {
    static HITS: RefCell<Hits> = RefCell::default();
}

/// Forgets all hits; from now on hits are counted, and queued if `watched`.
pub(crate) fn start(watched: bool) {
    HITS.with_borrow_mut(|hits| {
        hits.counters.clear();
        hits.counters.resize(names().len(), 0);
        hits.fresh.clear();
        hits.watched = watched;
        hits.muted = false;
        hits.put_off.clear();
        hits.puts_off = false;
    });
}

/// The hits so far, for a snapshot.
pub(crate) fn save() -> Hits {
    HITS.with_borrow(Hits::clone)
}

/// Goes on counting from these hits; from now on they are queued if `watched`.
pub(crate) fn restore(from: &Hits, watched: bool) {
    HITS.with_borrow_mut(|hits| {
        hits.clone_from(from);
        hits.watched = watched;
    });
}

/// Copies the counters into `to`, and stops counting.
pub(crate) fn finish(to: &mut Vec<u8>) {
    HITS.with_borrow_mut(|hits| {
        to.clear();
        to.extend_from_slice(&hits.counters);
        hits.counters.clear();
    });
}

/// Past the point of a crash nothing counts until the handler has returned.
pub(crate) fn mute() {
    HITS.with_borrow_mut(|hits| hits.muted = true);
}

/// From here on the running handler hits marks later than its code runs: hits are kept for [`take_put_off`], not counted.
pub(crate) fn put_off() {
    HITS.with_borrow_mut(|hits| hits.puts_off = true);
}

/// Takes the ranks hit since the last call that are to be hit later.
pub(crate) fn take_put_off(take: impl FnMut(u16)) {
    HITS.with_borrow_mut(|hits| hits.put_off.drain(..).for_each(take));
}

/// A handler's code has returned: hits count again, and at once.
pub(crate) fn returned() {
    HITS.with_borrow_mut(|hits| {
        hits.muted = false;
        hits.puts_off = false;
        hits.put_off.clear();
    });
}

/// The mark of this rank is hit.
pub(crate) fn hit(rank: u16) {
    HITS.with_borrow_mut(|hits| hits.add(rank.into()));
}

/// Appends the ranks hit since the last call.
pub(crate) fn take_fresh(into: &mut Vec<u16>) {
    HITS.with_borrow_mut(|hits| into.append(&mut hits.fresh));
}
