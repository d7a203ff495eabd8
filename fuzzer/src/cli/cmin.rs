//! `murphy cmin`: the fewest and smallest entries of a corpus that reach together what all of it reaches.
//!
//! Which to keep is a set cover, found greedily: the entry that reaches most of what is left for its size, again and again
//! (Chvátal, 1979). What counts is what a campaign keeps schedules for: states, and marks by how often they are hit.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    fs,
    path::{Path, PathBuf},
};

use murphy_checker::verdict::{Verdict, slug};
use murphy_schedule::Schedule;
use murphy_sim::{AnyTarget, Outcome};
use serde_json::json;

use super::{
    CminArguments,
    exit::{Exit, Failure, put},
    progress::thousands,
};
use crate::{Harness, aside, engine};

/// An entry of a corpus.
struct Entry {
    path: PathBuf,
    bytes: usize,
    /// What its run reaches, as numbers without gaps over the whole corpus.
    reaches: Vec<u32>,
}

/// Weights of entries are compared as numbers of what they reach for so many bytes.
const UNIT: u64 = 1 << 20;

pub(super) fn cmin(targets: &[Box<dyn AnyTarget>], arguments: &CminArguments, as_json: bool) -> Result<Exit, Failure> {
    let mut harness = Harness::new(targets, &arguments.target)?;
    let corpus = arguments.corpus.clone().unwrap_or_else(|| Path::new("corpus").join(slug(harness.name())));
    let (entries, useless) = read(&mut harness, &corpus)?;
    let kept = cover(&entries);
    match (&arguments.output, arguments.yes) {
        (Some(output), _) => copy(&entries, &kept, output)?,
        (None, true) => remove(&entries, &kept, &useless)?,
        (None, false) => {}
    }
    let reached = entries.iter().flat_map(|entry| &entry.reaches).collect::<BTreeSet<_>>().len();
    let (all, left) = (entries.len() + useless.len(), kept.len());
    if as_json {
        put(&json!({
            "schema": "murphy/cmin/1", "corpus": corpus, "entries": all, "kept": left, "reached": reached,
            "violating": useless.len(), "output": arguments.output, "removed": arguments.output.is_none() && arguments.yes,
        })
        .to_string());
    } else {
        let what = match (&arguments.output, arguments.yes) {
            (Some(output), _) => format!("copied to {}", output.display()),
            (None, true) => "the others are removed".to_string(),
            (None, false) => {
                "nothing is changed: say `-o DIR` to copy them, or `--yes` to remove the others".to_string()
            }
        };
        put(&format!(
            "{} of {} entries reach all {} states and marks; {what}",
            thousands(left as u64),
            thousands(all as u64),
            thousands(reached as u64)
        ));
    }
    Ok(Exit::Clean)
}

/// The entries in a folder with what they reach, and those whose runs break a promise or give no answer: none is worth mutating.
fn read(harness: &mut Harness, corpus: &Path) -> Result<(Vec<Entry>, Vec<PathBuf>), Failure> {
    let (mut numbers, mut entries, mut useless) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (name, schedule) in engine::entries(corpus).map_err(|error| Failure::Corpus(error.to_string()))? {
        let path = corpus.join(name);
        let outcome = harness.run(&schedule);
        if outcome.verdict != Verdict::Valid {
            useless.push(path);
            continue;
        }
        let reaches = features(outcome).map(|feature| {
            let next = numbers.len() as u32;
            *numbers.entry(feature).or_insert(next)
        });
        entries.push(Entry { path, bytes: bytes(&schedule), reaches: reaches.collect() });
    }
    Ok((entries, useless))
}

fn bytes(schedule: &Schedule) -> usize {
    schedule.to_bytes().len()
}

/// What a run reaches: states, and marks with the power of two of their hits.
fn features(outcome: &Outcome) -> impl Iterator<Item = (u64, u64)> {
    let signals = &outcome.signals;
    let marks = (1..).zip(&signals.marks).filter(|(_, hits)| **hits > 0);
    let marks = marks.map(|(rank, hits)| (rank, u64::from(hits.ilog2())));
    let each = signals.each.iter().map(|bucket| (1 << 32 | u64::from(bucket.mark), bucket.value));
    signals.states.iter().map(|state| (0, *state)).chain(marks).chain(each)
}

/// The indices of the entries to keep, in the order of how much each adds.
fn cover(entries: &[Entry]) -> Vec<usize> {
    let mut covered = BTreeSet::new();
    let gain = |entry: &Entry, covered: &BTreeSet<u32>| {
        let fresh = entry.reaches.iter().filter(|feature| !covered.contains(feature)).count() as u64;
        fresh * UNIT / entry.bytes.max(1) as u64
    };
    // What an entry adds only shrinks, so one whose gain is still what it was is the best.
    let mut heap: BinaryHeap<(u64, std::cmp::Reverse<usize>)> =
        (0..entries.len()).map(|at| (gain(&entries[at], &covered), std::cmp::Reverse(at))).collect();
    let mut kept = Vec::new();
    while let Some((before, std::cmp::Reverse(at))) = heap.pop() {
        let now = gain(&entries[at], &covered);
        if now == 0 {
            continue;
        }
        if now < before {
            heap.push((now, std::cmp::Reverse(at)));
            continue;
        }
        covered.extend(&entries[at].reaches);
        kept.push(at);
    }
    kept
}

fn copy(entries: &[Entry], kept: &[usize], output: &Path) -> Result<(), Failure> {
    fs::create_dir_all(output).map_err(Failure::file("create the folder", output))?;
    for at in kept {
        let path = &entries[*at].path;
        let bytes = fs::read(path).map_err(Failure::file("read", path))?;
        let copy = output.join(path.file_name().expect("an entry has a name"));
        aside::write_file(&copy, &bytes).map_err(Failure::file("write", &copy))?;
    }
    Ok(())
}

fn remove(entries: &[Entry], kept: &[usize], useless: &[PathBuf]) -> Result<(), Failure> {
    let kept: BTreeSet<usize> = kept.iter().copied().collect();
    let others = (0..entries.len()).filter(|at| !kept.contains(at)).map(|at| &entries[at].path);
    for path in others.chain(useless) {
        fs::remove_file(path).map_err(Failure::file("remove", path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Entry, cover};

    fn entries(all: &[(usize, &[u32])]) -> Vec<Entry> {
        all.iter()
            .map(|(bytes, reaches)| Entry { path: PathBuf::new(), bytes: *bytes, reaches: reaches.to_vec() })
            .collect()
    }

    #[test]
    fn an_entry_that_others_subsume_goes() {
        assert_eq!(cover(&entries(&[(10, &[1]), (10, &[1, 2]), (10, &[3]), (10, &[2, 3])])), [1, 2]);
    }

    #[test]
    fn of_two_that_reach_the_same_the_smaller_stays() {
        assert_eq!(cover(&entries(&[(30, &[1, 2]), (20, &[1, 2])])), [1]);
        assert_eq!(cover(&entries(&[(20, &[1, 2]), (20, &[1, 2])])), [0]);
    }

    #[test]
    fn everything_reached_stays_reached() {
        let all = entries(&[(9, &[1, 2, 3]), (2, &[1]), (2, &[2]), (50, &[4])]);
        let kept = cover(&all);
        for feature in 1..=4 {
            assert!(kept.iter().any(|at| all[*at].reaches.contains(&feature)), "{feature} is lost: {kept:?}");
        }
    }
}
