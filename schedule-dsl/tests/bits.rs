//! A small change of bytes is a small change of value, or mutating bytes is guessing anew (the reason, as far as we know, why
//! feeding fuzzer bytes into one stream of random numbers found nothing).
//!
//! One bit of the canonical bytes of a schedule is flipped, and the fields that differ afterwards are counted: of the header
//! each by itself (every weight, every group's name and members, every latency); of a step the trigger, its fact, side,
//! number, anchor and delay, the fault's kind and each of its fields down to the selectors of a link and the numbers of a
//! distribution, the length and its parameters, the id, and what is said of beginning again. A step that vanishes is one
//! change. So is an enum of which another variant comes: what that carries is part of it. The second figure is stricter: it
//! counts the parts of a new variant, and those of the old one, one by one.
//!
//! What is left are bits that decide whether another field means anything: a fault becomes one without a length, a fact one
//! that has no moment before it, a data centre without a name one group less.

mod common;

use common::{schedules, tree::Tree};
use murphy_schedule::{
    Again, Dice, Schedule, Step,
    bytes::{HEADER, RECORD},
};

const SAMPLES: u64 = 100_000;

/// How many fields differ; other variants count once, or (`strict`) with all their parts.
fn changes(before: &Tree, after: &Tree, strict: bool) -> usize {
    if before == after {
        return 0;
    }
    if before.head != after.head && (!strict || before.fields.is_empty() && after.fields.is_empty()) {
        return 1;
    }
    let lost = before.fields.iter().map(|(name, tree)| match after.field(name) {
        Some(after) => changes(tree, after, strict),
        None => tree.leaves(),
    });
    let gained = after.fields.iter().filter(|(name, _)| before.field(name).is_none()).map(|(_, tree)| tree.leaves());
    usize::from(before.head != after.head) + lost.chain(gained).sum::<usize>()
}

/// A step as a tree in which never to begin again is a variant of its own, as the bytes have it.
fn tree(step: &Step) -> Tree {
    let mut tree = Tree::of(step);
    if step.again == Again::NEVER {
        let again = tree.fields.iter_mut().find(|(name, _)| name == "again");
        again.expect("a step says whether it begins again").1 = Tree { head: "Never".to_owned(), fields: vec![] };
    }
    tree
}

/// How many fields of the two schedules differ, of which only the record at `at` can.
fn differences(before: &Schedule, after: &Schedule, at: Option<usize>, strict: bool) -> usize {
    let header = changes(&Tree::of(&before.header), &Tree::of(&after.header), strict);
    let (steps, others) = (&before.steps, &after.steps);
    if steps.len() != others.len() {
        let mut left = steps.clone();
        left.remove(at.expect("no bit of the header removes a step"));
        assert_eq!(left.len(), others.len());
        return header + 1 + left.iter().zip(others).filter(|(step, other)| step != other).count();
    }
    let changed = steps.iter().zip(others).filter(|(step, other)| step != other);
    header + changed.map(|(step, other)| changes(&tree(step), &tree(other), strict)).sum::<usize>()
}

#[test]
fn flipping_one_bit_changes_at_most_one_field() {
    let mut dice = Dice::new(11);
    let all: Vec<Schedule> = schedules(2_000).filter(|schedule| schedule.steps.len() <= 32).collect();
    // In the header and in steps: flips, those without any effect, those that change at most one field, and strictly so.
    let mut counts = [[0u64; 4]; 2];
    for _ in 0..SAMPLES {
        let before = dice.pick(&all).expect("there are schedules");
        let mut bytes = before.to_bytes();
        let bit = dice.below(bytes.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let after = Schedule::from_bytes(&bytes);
        let step = (bit / 8).checked_sub(HEADER).map(|at| at / RECORD);
        let (loose, strict) = (differences(before, &after, step, false), differences(before, &after, step, true));
        assert!(loose <= strict && (loose == 0) == (before == &after));
        let count = &mut counts[usize::from(step.is_some())];
        count[0] += 1;
        count[1] += u64::from(loose == 0);
        count[2] += u64::from(loose <= 1);
        count[3] += u64::from(strict <= 1);
    }
    let sum = std::array::from_fn(|at| counts[0][at] + counts[1][at]);
    for (place, [flips, none, one, strictly]) in [("all", sum), ("header", counts[0]), ("steps", counts[1])] {
        let percent = |count: u64| count as f64 * 100.0 / flips as f64;
        println!(
            "{place}: {flips} flips, {:.2} % change nothing, {:.2} % at most one field ({:.2} % of those that change \
             something), {:.2} % counted strictly",
            percent(none),
            percent(one),
            (one - none) as f64 * 100.0 / (flips - none) as f64,
            percent(strictly)
        );
    }
    for [flips, _, one, strictly] in [sum, counts[0], counts[1]] {
        assert!(one * 100 >= flips * 99 && strictly * 100 >= flips * 95, "{counts:?}");
    }
}
