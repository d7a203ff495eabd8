//! Values drawn at random, with a bias towards those at which systems break.
//!
//! Roles are drawn more often than numbers. Lengths of time lie at, just under and just over the *landmarks* of the target
//! more often than anywhere else: its timing constants, sums and differences of two of them, and one times the ratio of two
//! others. Which steps a schedule has is decided in [`crate::mutate`].

use crate::{
    dice::Dice,
    name::Name,
    schedule::Lasts,
    select::{Link, NODES_MAX, Nodes},
    vocabulary::{Names, Vocabulary},
};

/// Percent above or below a landmark; the first ones are drawn most.
const AROUND: [i8; 12] = [-2, 2, 0, -4, 4, -1, 1, -10, 10, 50, 100, -50];
/// How many of [`AROUND`] are the first ones.
const CLOSE: u64 = 5;

/// One of `items` by weight; there is one of some weight.
pub(crate) fn weighted<T: Copy>(items: &[(T, u64)], dice: &mut Dice) -> T {
    let mut left = dice.below(items.iter().map(|(_, weight)| weight).sum());
    for (item, weight) in items {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return *item,
        }
    }
    items.last().expect("there is something to draw").0
}

/// One of `names`; [`Name::ANY`] if there is none.
pub(crate) fn name(names: &Names, dice: &mut Dice) -> Name {
    if names.is_empty() { Name::ANY } else { names.name(dice.below(names.len() as u64) as usize) }
}

/// A single node.
pub(crate) fn single(vocabulary: &Vocabulary, dice: &mut Dice) -> Nodes {
    if vocabulary.roles.is_empty() || dice.chance(3, 10) {
        return number(vocabulary, dice);
    }
    role(vocabulary, dice)
}

/// A node by its number.
pub(crate) fn number(vocabulary: &Vocabulary, dice: &mut Dice) -> Nodes {
    Nodes::Node(dice.between(1, largest(vocabulary)) as u8)
}

/// Who holds a role, or did so before.
pub(crate) fn role(vocabulary: &Vocabulary, dice: &mut Dice) -> Nodes {
    let role = name(&vocabulary.roles, dice);
    if dice.chance(1, 5) { Nodes::Previous(role) } else { Nodes::Role(role) }
}

/// Some nodes, most often one.
pub(crate) fn nodes(vocabulary: &Vocabulary, dice: &mut Dice) -> Nodes {
    let from = dice.below(largest(vocabulary) + 1) as u8;
    match dice.below(24) {
        0 => Nodes::All,
        1 => Nodes::Set((dice.word() & ((1 << largest(vocabulary)) - 1)) as u16),
        2 => Nodes::Majority(from),
        3 => Nodes::Minority(from),
        4 => Nodes::MinorityThird(from),
        5 => Nodes::Primaries,
        6 => *dice.pick(&[Nodes::One, Nodes::Some, Nodes::Half]).expect("there are three"),
        _ => single(vocabulary, dice),
    }
}

/// Some links: those from one node, to one node, or between two.
pub(crate) fn link(vocabulary: &Vocabulary, dice: &mut Dice) -> Link {
    let one = nodes(vocabulary, dice);
    let other = match dice.below(4) {
        0 => Nodes::Rest,
        1 => Nodes::All,
        _ => single(vocabulary, dice),
    };
    if dice.chance(1, 2) { Link { from: one, to: other } } else { Link { from: other, to: one } }
}

/// Microseconds between `low` and `high`, all orders of magnitude equally likely.
pub(crate) fn log_uniform(low: u32, high: u32, dice: &mut Dice) -> u32 {
    let (from, to) = (low.max(1).ilog2(), high.max(1).ilog2());
    let magnitude = 1u64 << dice.between(from.into(), to.max(from).into());
    dice.between(magnitude, 2 * magnitude - 1).clamp(low.into(), high.max(low).into()) as u32
}

/// How long a fault lasts.
pub(crate) fn lasts(vocabulary: &Vocabulary, dice: &mut Dice) -> Lasts {
    match dice.below(10) {
        0 => Lasts::Healed,
        1..=3 => Lasts::For(log_uniform(1_000, 2_000_000, dice)),
        _ => boundary(vocabulary, dice),
    }
}

/// A length near one of the target's landmarks; an absolute one if there is none.
pub(crate) fn boundary(vocabulary: &Vocabulary, dice: &mut Dice) -> Lasts {
    if vocabulary.constants.is_empty() {
        return Lasts::For(log_uniform(1_000, 2_000_000, dice));
    }
    let (name, percent) = (name(&vocabulary.constants, dice), around(dice));
    match dice.below(10) {
        0 => combined(vocabulary, percent, dice),
        1 => near(vocabulary, dice).map_or(Lasts::Constant { name, percent }, Lasts::For),
        _ => Lasts::Constant { name, percent },
    }
}

/// The sum of two constants, or the difference of a longer one and a shorter.
fn combined(vocabulary: &Vocabulary, percent: i8, dice: &mut Dice) -> Lasts {
    let all = &vocabulary.constants;
    let [a, b] = [(); 2].map(|()| dice.below(all.len() as u64) as usize);
    let micros = |at: usize| vocabulary.constant_micros.get(at).copied().unwrap_or(0);
    let (longer, shorter) = if micros(a) < micros(b) { (b, a) } else { (a, b) };
    let (name, other) = (all.name(longer), all.name(shorter));
    if micros(longer) > micros(shorter) && dice.chance(1, 2) {
        Lasts::Difference { name, percent, other }
    } else {
        Lasts::Sum { name, percent, other }
    }
}

/// One of the target's landmarks in microseconds; 0 if it has no constants.
fn landmark(vocabulary: &Vocabulary, dice: &mut Dice) -> u64 {
    let [one, two, three] = [(); 3].map(|()| u64::from(dice.pick(&vocabulary.constant_micros).copied().unwrap_or(0)));
    match dice.below(10) {
        0 | 1 => one + two,
        2 => one.abs_diff(two),
        // So long take the retries that fit into a timeout.
        3 => one * two / three.max(1),
        _ => one,
    }
}

/// Microseconds at, just under or just over a landmark.
pub(crate) fn near(vocabulary: &Vocabulary, dice: &mut Dice) -> Option<u32> {
    let scaled = landmark(vocabulary, dice) * (100 + i64::from(around(dice))).unsigned_abs() / 100;
    (scaled > 0).then(|| u32::try_from(scaled).unwrap_or(u32::MAX))
}

/// Microseconds, most often near a landmark.
pub(crate) fn length(vocabulary: &Vocabulary, dice: &mut Dice) -> u32 {
    let near = if dice.chance(2, 3) { near(vocabulary, dice) } else { None };
    near.unwrap_or_else(|| log_uniform(500, 2_000_000, dice))
}

/// A delay after something: most often none at all, else a short one or one near a landmark.
pub(crate) fn delay(vocabulary: &Vocabulary, dice: &mut Dice) -> u32 {
    let near = if dice.chance(3, 5) { near(vocabulary, dice) } else { None };
    if dice.chance(1, 2) { 0 } else { near.unwrap_or_else(|| log_uniform(10, 50_000, dice)) }
}

/// A low number of an occurrence.
pub(crate) fn nth(dice: &mut Dice) -> u8 {
    let most = [3, 10, 40][dice.below(3) as usize];
    dice.between(1, most) as u8
}

/// The largest number of a node of the target.
fn largest(vocabulary: &Vocabulary) -> u64 {
    (vocabulary.nodes.1 + vocabulary.spares).clamp(1, NODES_MAX).into()
}

fn around(dice: &mut Dice) -> i8 {
    let most = if dice.chance(3, 4) { CLOSE } else { AROUND.len() as u64 };
    AROUND[dice.below(most) as usize]
}
