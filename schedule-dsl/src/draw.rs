//! Values drawn at random, with a bias towards those at which systems break.
//!
//! Roles are drawn more often than numbers, and lengths of time lie just under, at and just over the target's timing
//! constants more often than anywhere else. Which steps a schedule has is decided in [`crate::mutate`].

use crate::{
    dice::Dice,
    name::Name,
    schedule::Lasts,
    select::{Link, NODES_MAX, Nodes},
    vocabulary::{Names, Vocabulary},
};

/// Percent above or below a timing constant; the first ones are drawn most.
const AROUND: [i8; 11] = [-2, 0, 2, -10, 10, 0, 5, 50, 100, -50, 120];

/// One of `names`; [`Name::ANY`] if there is none.
pub(crate) fn name(names: &Names, dice: &mut Dice) -> Name {
    if names.is_empty() { Name::ANY } else { names.name(dice.below(names.len() as u64) as usize) }
}

/// A single node.
pub(crate) fn single(vocabulary: &Vocabulary, dice: &mut Dice) -> Nodes {
    if vocabulary.roles.is_empty() || dice.chance(3, 10) {
        return Nodes::Node(dice.between(1, largest(vocabulary)) as u8);
    }
    let role = name(&vocabulary.roles, dice);
    if dice.chance(1, 5) { Nodes::Previous(role) } else { Nodes::Role(role) }
}

/// Some nodes, most often one.
pub(crate) fn nodes(vocabulary: &Vocabulary, dice: &mut Dice) -> Nodes {
    let from = dice.below(largest(vocabulary) + 1) as u8;
    match dice.below(20) {
        0 => Nodes::All,
        1 => Nodes::Set((dice.word() & ((1 << largest(vocabulary)) - 1)) as u16),
        2 => Nodes::Majority(from),
        3 => Nodes::Minority(from),
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

/// A length near one of the target's constants; an absolute one if there is none.
pub(crate) fn boundary(vocabulary: &Vocabulary, dice: &mut Dice) -> Lasts {
    if vocabulary.constants.is_empty() {
        return Lasts::For(log_uniform(1_000, 2_000_000, dice));
    }
    if vocabulary.constant_micros.len() > 1 && dice.chance(1, 10) {
        let sum = constant(vocabulary, dice).saturating_add(constant(vocabulary, dice));
        return Lasts::For(sum);
    }
    Lasts::Constant { name: name(&vocabulary.constants, dice), percent: around(dice) }
}

/// Microseconds near one of the target's constants, or anywhere.
pub(crate) fn length(vocabulary: &Vocabulary, dice: &mut Dice) -> u32 {
    match constant(vocabulary, dice) {
        micros if micros > 0 && dice.chance(1, 2) => {
            let scaled = u64::from(micros) * (100 + i64::from(around(dice))).unsigned_abs() / 100;
            u32::try_from(scaled).unwrap_or(u32::MAX)
        }
        _ => log_uniform(500, 2_000_000, dice),
    }
}

/// A short delay after something: most often none at all.
pub(crate) fn delay(dice: &mut Dice) -> u32 {
    if dice.chance(1, 2) { 0 } else { log_uniform(10, 50_000, dice) }
}

/// A low number of an occurrence.
pub(crate) fn nth(dice: &mut Dice) -> u8 {
    let most = [3, 10, 40][dice.below(3) as usize];
    dice.between(1, most) as u8
}

/// The largest number of a node of the target.
fn largest(vocabulary: &Vocabulary) -> u64 {
    vocabulary.nodes.1.clamp(1, NODES_MAX).into()
}

fn around(dice: &mut Dice) -> i8 {
    let most = if dice.chance(2, 3) { 6 } else { AROUND.len() as u64 };
    AROUND[dice.below(most) as usize]
}

fn constant(vocabulary: &Vocabulary, dice: &mut Dice) -> u32 {
    dice.pick(&vocabulary.constant_micros).copied().unwrap_or(0)
}
