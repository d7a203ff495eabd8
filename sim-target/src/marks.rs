//! Marks: places in a target's code that say what happened there. They steer the search, trigger steps, and hold what must hold.
//!
//! | in the code | what it says |
//! | --- | --- |
//! | [`sometimes!`](crate::sometimes) | worth reaching, if its condition holds |
//! | [`reachable!`](crate::reachable) | worth reaching |
//! | [`sometimes_each!`](crate::sometimes_each) | worth reaching with each of several values |
//! | [`maximize!`](crate::maximize), [`minimize!`](crate::minimize) | a number worth raising or lowering: how near a run came to something |
//! | [`always!`](crate::always) | must hold whenever it is evaluated; otherwise the run ends in a violation |
//! | [`unreachable!`](crate::unreachable) | must not be reached |
//! | [`buggify!`](crate::buggify) | a rare branch, which a step of the schedule switches on |
//!
//! Each site registers itself when the program is linked, so that marks that were never hit can be listed with their places.
//! Sites of equal name are one mark. A counter's index is the rank of its name among all names, never the order of linking.
//! The words are Antithesis's, numbers worth raising are after IJON (Aschermann et al., 2020), `buggify!` is FoundationDB's.

mod buggify;
mod tally;

use std::{
    hash::{Hash, Hasher},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use linkme::distributed_slice;
use xxhash_rust::{const_xxh3, xxh3::xxh3_64};

use self::tally::With;
use crate::draw::fold;

pub use self::tally::{Best, Bucket, EACH_MAX};
pub(crate) use self::{
    buggify::{Switch, Who},
    tally::{
        Broken, Hit, Tally, broken, buggify_in, credits, finish, happen, is_muted, mute, put_off, restore, returned,
        save, start, switch_off, switch_on, take_fresh, take_put_off,
    },
};

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Must hold whenever it is evaluated.
    Always,
    /// Worth reaching, with its condition.
    Sometimes,
    /// Worth reaching.
    Reachable,
    /// Must not be reached.
    Unreachable,
    /// Worth reaching with each of several values.
    SometimesEach,
    /// The larger, the nearer to something rare.
    Maximize,
    /// The smaller, the nearer to something rare.
    Minimize,
    /// A rare branch that a schedule switches on.
    Buggify,
}

impl Kind {
    /// The name of its macro, without the exclamation mark.
    pub fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Sometimes => "sometimes",
            Self::Reachable => "reachable",
            Self::Unreachable => "unreachable",
            Self::SometimesEach => "sometimes_each",
            Self::Maximize => "maximize",
            Self::Minimize => "minimize",
            Self::Buggify => "buggify",
        }
    }

    /// Whether a step can wait for it: a hit of the others is the end of the run.
    pub fn triggers(self) -> bool {
        !matches!(self, Self::Always | Self::Unreachable)
    }

    /// Whether a test that never hits it has not tested what its author meant to. That of [`Unreachable`](Self::Unreachable)
    /// is as it should be, and a [`Buggify`](Self::Buggify) that never fires needs a step that switches it on.
    pub fn must_be_hit(self) -> bool {
        !matches!(self, Self::Unreachable | Self::Buggify)
    }
}

/// One mark in the code.
#[derive(Debug)]
pub struct Site {
    kind: Kind,
    name: &'static str,
    module: &'static str,
    place: &'static str,
    /// Of its name; keeps the draws of sites apart, whatever other sites there are.
    hash: u64,
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

impl Site {
    /// A site of this kind and name in this module, at this `file:line`. The macros make them.
    pub const fn new(kind: Kind, name: &'static str, module: &'static str, place: &'static str) -> Self {
        let hash = const_xxh3::xxh3_64(name.as_bytes());
        Self { kind, name, module, place, hash, rank: AtomicU32::new(0) }
    }

    /// What it says.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name; shared by all sites of one mark.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it is: `file:line`.
    pub fn place(&self) -> &'static str {
        self.place
    }

    /// What it is called where it is listed: `a vote is split (src/election.rs:19)`.
    pub fn listed(&self) -> String {
        format!("{} ({})", self.name, self.place)
    }

    /// Counts one hit.
    pub fn hit(&self) {
        tally::hit(self.rank(), With::Nothing);
    }

    /// Counts one evaluation of what must hold; if it does not, the handler ends here, and the run with it. Does nothing
    /// outside a run or past the point of a crash.
    pub fn check(&'static self, holds: bool) {
        if tally::hit(self.rank(), With::Nothing) && !holds {
            tally::fail(self);
        }
    }

    /// Counts one hit with this value.
    pub fn each<T: Hash>(&self, value: &T) {
        let mut bucket = Words(0);
        value.hash(&mut bucket);
        tally::hit(self.rank(), With::Value(bucket.finish()));
    }

    /// Counts one hit, and keeps the value if it is the best of the run.
    pub fn measure<T: Measure>(&self, value: T) {
        tally::hit(self.rank(), With::Number(value.measure(), self.kind == Kind::Minimize));
    }

    /// Whether a rare branch is taken now: a step has switched it on, and chance would have it. `usual` is how often that is
    /// while a step says 25 %.
    pub fn fires(&self, usual: f64) -> bool {
        tally::fires(self, usual)
    }

    /// The rank of its name among all names.
    pub fn rank(&self) -> usize {
        let rank = match self.rank.load(Ordering::Relaxed) {
            0 => self.look_up(),
            rank => rank,
        };
        rank as usize - 1
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

/// The sites in these modules and below, by name, then by place.
pub fn sites_in(modules: &[&str]) -> Vec<&'static Site> {
    let below = |site: &Site, module: &str| {
        site.module.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let mut sites: Vec<&Site> = SITES.iter().filter(|site| modules.iter().any(|module| below(site, module))).collect();
    sites.sort_unstable_by_key(|site| (site.name, site.place));
    sites
}

/// The names of the marks of `wanted` kinds in these modules and below, sorted.
pub fn names_in(modules: &[&str], wanted: impl Fn(Kind) -> bool) -> Vec<&'static str> {
    sorted(sites_in(modules).into_iter().filter(|site| wanted(site.kind)))
}

/// Those of `sites` that were never hit, where `hit` says for each mark of the program, by the rank of its name, whether it was.
/// One that must not be reached is not missed.
pub fn never_hit(sites: &[&'static Site], hit: impl Fn(usize) -> bool) -> Vec<&'static Site> {
    sites.iter().copied().filter(|site| site.kind != Kind::Unreachable && !hit(site.rank())).collect()
}

fn sorted<'a>(sites: impl Iterator<Item = &'a Site>) -> Vec<&'static str> {
    let mut names: Vec<&str> = sites.map(|site| site.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What can be maximized and minimized: numbers, and lengths of time in nanoseconds. What an `i64` cannot hold counts as the
/// largest or least that it can.
pub trait Measure {
    /// As one number.
    fn measure(self) -> i64;
}

macro_rules! measures {
    ($($number:ty)*) => {
        $(impl Measure for $number {
            fn measure(self) -> i64 {
                i64::try_from(self).unwrap_or(if self > 0 { i64::MAX } else { i64::MIN })
            }
        })*
    };
}

measures!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl Measure for Duration {
    fn measure(self) -> i64 {
        self.as_nanos().measure()
    }
}

/// A hasher of fixed seed, the same on every machine.
struct Words(u64);

impl Hasher for Words {
    fn write(&mut self, bytes: &[u8]) {
        self.write_u64(xxh3_64(bytes));
    }
    fn write_u8(&mut self, word: u8) {
        self.write_u64(word.into());
    }
    fn write_u16(&mut self, word: u16) {
        self.write_u64(word.into());
    }
    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = fold(self.0, word);
    }
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// Registers a site here, and is it.
#[doc(hidden)]
#[macro_export]
macro_rules! mark_site {
    ($kind:ident, $name:expr) => {{
        #[allow(unsafe_code)]
        #[$crate::linkme::distributed_slice($crate::marks::SITES)]
        #[linkme(crate = $crate::linkme)]
        static SITE: $crate::marks::Site = $crate::marks::Site::new(
            $crate::marks::Kind::$kind,
            $name,
            ::core::module_path!(),
            ::core::concat!(::core::file!(), ":", ::core::line!()),
        );
        &SITE
    }};
}

/// Says that something worth reaching happened, if `condition` holds. Costs a few nanoseconds; does nothing outside a run.
///
/// ```
/// # let two_leaders = true;
/// murphy_sim::sometimes!(two_leaders, "two nodes lead");
/// ```
#[macro_export]
macro_rules! sometimes {
    ($condition:expr, $name:literal $(,)?) => {
        if $condition {
            $crate::mark_site!(Sometimes, $name).hit();
        }
    };
}

/// Says that this place is worth reaching.
///
/// ```
/// murphy_sim::reachable!("a snapshot is installed");
/// ```
#[macro_export]
macro_rules! reachable {
    ($name:literal $(,)?) => {
        $crate::mark_site!(Reachable, $name).hit()
    };
}

/// Says that `condition` must hold whenever it is evaluated. Where it does not, the run ends in a violation of the class
/// `invariant`, named by the mark. Nothing happens outside a run, nor past the point at which the node crashes.
///
/// ```
/// # let (commit, length) = (1, 2);
/// murphy_sim::always!(commit <= length, "nothing is committed that is not in the log");
/// ```
#[macro_export]
macro_rules! always {
    ($condition:expr, $name:literal $(,)?) => {
        $crate::mark_site!(Always, $name).check($condition)
    };
}

/// Says that a value is worth reaching: each value on its own, or each tuple. Anything that can be hashed is a value; a few
/// values tell a search more than thousands, and a run counts at most [`EACH_MAX`](crate::marks::EACH_MAX) of them.
///
/// ```
/// # let (in_flight, leads) = (3, true);
/// murphy_sim::sometimes_each!("entries in flight, as leader", in_flight.min(4), leads);
/// ```
#[macro_export]
macro_rules! sometimes_each {
    ($name:literal, $($value:expr),+ $(,)?) => {
        $crate::mark_site!(SometimesEach, $name).each(&($($value,)+))
    };
}

/// Says that a number is worth raising: the search keeps schedules that raise it beyond what any other did.
///
/// ```
/// # let lag = 17u64;
/// murphy_sim::maximize!("entries that a follower lags behind", lag);
/// ```
#[macro_export]
macro_rules! maximize {
    ($name:literal, $value:expr $(,)?) => {
        $crate::mark_site!(Maximize, $name).measure($value)
    };
}

/// Says that a number is worth lowering: how much is missing until something rare happens.
///
/// ```
/// # let left = std::time::Duration::from_millis(3);
/// murphy_sim::minimize!("time left of a lease when another leader starts", left);
/// ```
#[macro_export]
macro_rules! minimize {
    ($name:literal, $value:expr $(,)?) => {
        $crate::mark_site!(Minimize, $name).measure($value)
    };
}

/// Whether a rare but legal branch is taken now: a smaller batch, an early flush, a retry without need.
///
/// It is so only while a step `buggify` of the schedule has switched the site on, and then as often as the step says. Never
/// without such a step, outside a run, or outside a node's handler. A site without a name is called by its module and line.
///
/// ```
/// let batch = if murphy_sim::buggify!("small batch") { 1 } else { 64 };
/// # assert_eq!(batch, 64);
/// ```
#[macro_export]
macro_rules! buggify {
    () => {
        $crate::mark_site!(Buggify, ::core::concat!(::core::module_path!(), ":", ::core::line!())).fires(0.25)
    };
    ($name:literal $(,)?) => {
        $crate::mark_site!(Buggify, $name).fires(0.25)
    };
}

/// [`buggify!`](crate::buggify) for a branch that is to be taken more often or more rarely than others. `probability` is how
/// often that is where a step says 25 %, which is what it says if it says nothing; a larger or smaller share multiplies the
/// odds, so that 100 % is always.
///
/// ```
/// let flush = murphy_sim::buggify_with_prob!("flush after each write", 0.01);
/// # assert!(!flush);
/// ```
#[macro_export]
macro_rules! buggify_with_prob {
    ($name:literal, $probability:expr $(,)?) => {
        $crate::mark_site!(Buggify, $name).fires($probability)
    };
}

/// Says that this place must never be reached. Where it is, the run ends in a violation of the class `invariant`, named by the
/// mark. Call it with its path, `murphy_sim::unreachable!`: the standard library has a macro of that name.
///
/// ```
/// # let granted_twice = false;
/// if granted_twice {
///     murphy_sim::unreachable!("a vote is granted twice");
/// }
/// ```
// Last, so that it does not stand for the standard library's anywhere here.
#[macro_export]
macro_rules! unreachable {
    ($name:literal $(,)?) => {
        $crate::mark_site!(Unreachable, $name).check(false)
    };
}
