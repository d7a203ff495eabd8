//! A set that is read all the time: what became of each element that was added?
//!
//! Jepsen's `set-full` (Kingsbury, jepsen.checker). An element is *known* from the completion of its add, or of the first read
//! that has it. Of the reads that completed after its add was invoked, the last that has it and the last that lacks it are
//! compared, by invocation:
//!
//! * *stable*: one has it, and none invoked later lacks it;
//! * *lost*: one invoked after it was known lacks it, and none invoked later has it;
//! * *never read*: neither.
//!
//! A stable element is *stale* if some read that was invoked after it was known lacks it; how long it still could be missed is its
//! stable latency, and how long a lost one still could be seen its lost latency. Lost elements are wrong, and so is an element
//! that one read has twice; stale ones are wrong where reads must be linearizable. Without a stable element there is no verdict.
//!
//! Reads are lists of what they have, and the time taken is in proportion to their lengths, and to the elements added while each
//! read was under way.

use std::cmp::Reverse;

use super::{
    Checker, DUPLICATED, Figure, Heard, LOST, breach,
    elements::{Elements, Marks},
    more, numbers, spell, spread, told, verdict,
};
use crate::{
    history::{History, OpId},
    verdict::{Anomaly, Budget, Verdict},
};

/// Some read did not have an element that was known, though later ones have it.
pub const STALE: &str = "stale";

/// The judge of each element.
#[derive(Clone, Debug)]
pub struct SetFull {
    is_strict: bool,
    elements: Elements,
    /// By element.
    fates: Vec<Fate>,
    /// Those that completed.
    reads: Vec<Read>,
    marks: Marks,
    outcomes: Outcomes,
}

#[derive(Clone, Copy, Debug)]
struct Read {
    op: OpId,
    /// Position of the invocation among all events.
    invoked: u32,
}

/// Since when an element is there, and the last reads by invocation that have it and that lack it.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    known: Option<Known>,
    seen: Option<Read>,
    /// Up to the end, only of the reads that were under way when it was added.
    missed: Option<Read>,
}

/// Since when an element is there for sure.
#[derive(Clone, Copy, Debug)]
struct Known {
    op: OpId,
    /// Position of the event among all.
    at: u32,
}

/// What became of the elements.
#[derive(Clone, Debug, Default)]
struct Outcomes {
    stable: Vec<u64>,
    lost: Vec<u64>,
    never_read: usize,
    stale: usize,
    duplicated: usize,
}

impl SetFull {
    /// Stale elements are right: every read has all in the end.
    pub fn eventual() -> Self {
        let (elements, fates, reads) = Default::default();
        Self { is_strict: false, elements, fates, reads, marks: Marks::default(), outcomes: Outcomes::default() }
    }

    /// Stale elements are wrong, as they are in a linearizable set.
    pub fn strict() -> Self {
        Self { is_strict: true, ..Self::eventual() }
    }

    fn read(&mut self, event: Heard<'_>, items: &[u64]) -> Option<Anomaly> {
        let read = Read { op: event.op, invoked: event.invoked };
        let sifted = self.elements.sift(items, &mut self.marks);
        let known = known_by(event);
        for element in &sifted.found {
            let fate = &mut self.fates[*element as usize];
            fate.known.get_or_insert(known);
            fate.seen = fate.seen.filter(|seen| seen.invoked > read.invoked).or(Some(read));
        }
        self.miss(read);
        self.reads.push(read);
        self.outcomes.duplicated += sifted.duplicated.len();
        let item = spell(event.history, *sifted.duplicated.first()?);
        breach(DUPLICATED, &[read.op], format!("{} has {item} more than once", told(event.history, read.op)))
    }

    /// Takes note of what was added while `read` was under way and is not marked.
    fn miss(&mut self, read: Read) {
        let first = self.elements.adds().partition_point(|add| add.invoked < read.invoked);
        for (element, fate) in self.fates.iter_mut().enumerate().skip(first) {
            if !self.marks.has(element as u32) {
                fate.missed = fate.missed.filter(|missed| missed.invoked > read.invoked).or(Some(read));
            }
        }
    }

    /// Finds of each element the last read that was invoked after its add and lacks it.
    ///
    /// The reads are gone through from the last on. An element that one has is looked for in the next, so that all takes no longer than to
    /// read what they have; one that was added after a read was invoked is done.
    fn find_missed(&mut self, history: &History) {
        self.reads.sort_unstable_by_key(|read| Reverse(read.invoked));
        let adds = self.elements.adds();
        let mut sought: Vec<u32> = (0..adds.len() as u32).collect();
        for &read in &self.reads {
            // They are in the order in which they were added.
            sought.truncate(sought.partition_point(|element| adds[*element as usize].invoked < read.invoked));
            self.elements.sift(numbers(history, read.op), &mut self.marks);
            sought.retain(|element| {
                let is_there = self.marks.has(*element);
                if !is_there {
                    self.fates[*element as usize].missed = Some(read);
                }
                is_there
            });
        }
    }
}

/// What became of an element.
enum Outcome {
    Stable { latency: u64 },
    Lost { latency: u64 },
    NeverRead,
}

fn outcome(history: &History, Fate { known, seen, missed }: Fate) -> Outcome {
    let is_before = |one: Option<Read>, other: Option<Read>| {
        other.is_some_and(|other| one.is_none_or(|one| one.invoked < other.invoked))
    };
    // How long after it was known the other kind of read was still possible.
    let latency = |read: Option<Read>, known: Known| {
        let since = history.operation(known.op).completion.map_or(0, |(_, at)| at);
        read.map_or(0, |read| (history.operation(read.op).invoked_at + 1).saturating_sub(since))
    };
    match known {
        Some(known) if is_before(missed, seen) => Outcome::Stable { latency: latency(missed, known) },
        Some(known) if is_before(seen, missed) && missed.is_some_and(|missed| known.at < missed.invoked) => {
            Outcome::Lost { latency: latency(seen, known) }
        }
        _ => Outcome::NeverRead,
    }
}

/// That the event's operation has an element is known from now.
fn known_by(event: Heard<'_>) -> Known {
    Known { op: event.op, at: event.at }
}

impl Checker for SetFull {
    fn invoke(&mut self, event: Heard<'_>) {
        self.elements.invoke(event);
        self.fates.resize_with(self.elements.adds().len(), Fate::default);
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let output = event.output()?;
        match self.elements.acknowledge(event) {
            Some(element) => {
                self.fates[element as usize].known.get_or_insert(known_by(event));
                None
            }
            None => self.read(event, event.history.values.numbers(&output)),
        }
    }

    fn finish(&mut self, history: &History) -> Verdict {
        self.find_missed(history);
        let duplicated = self.outcomes.duplicated;
        self.outcomes = Outcomes { duplicated, ..Outcomes::default() };
        let (mut lost, mut stale) = (None, None);
        for (element, &fate) in (0..).zip(&self.fates) {
            match outcome(history, fate) {
                Outcome::Stable { latency } => {
                    self.outcomes.stable.push(latency);
                    self.outcomes.stale += usize::from(latency > 0);
                    stale = stale.or((latency > 0).then_some((self.elements.item(element), fate)));
                }
                Outcome::Lost { latency } => {
                    self.outcomes.lost.push(latency);
                    lost = lost.or(Some((self.elements.item(element), fate)));
                }
                Outcome::NeverRead => self.outcomes.never_read += 1,
            }
        }
        let lost = lost.and_then(|(item, fate)| told_lost(history, item, fate, self.outcomes.lost.len()));
        let stale = stale.filter(|_| self.is_strict);
        let stale = || stale.and_then(|(item, fate)| told_stale(history, item, fate, self.outcomes.stale));
        match lost.or_else(stale) {
            None if self.outcomes.stable.is_empty() => Verdict::Unknown(Budget::Unread),
            found => verdict(found),
        }
    }

    fn figures(&self) -> Vec<Figure> {
        let Outcomes { mut stable, mut lost, never_read, stale, duplicated } = self.outcomes.clone();
        let mut figures = vec![
            Figure::new("attempts", self.fates.len()),
            Figure::new("stable", stable.len()),
            Figure::new("lost", lost.len()),
            Figure::new("never_read", never_read),
            Figure::new("stale", stale),
            Figure::new("duplicated", duplicated),
        ];
        figures.extend(spread("stable_latency", &mut stable));
        figures.extend(spread("lost_latency", &mut lost));
        figures
    }
}

fn told_lost(history: &History, item: u64, Fate { known, seen, missed }: Fate, count: usize) -> Option<Anomaly> {
    let (known, missed) = (known?.op, missed?.op);
    let shown: Vec<OpId> = [known, missed].into_iter().chain(seen.map(|seen| seen.op)).collect();
    let [known, missed] = [known, missed].map(|op| told(history, op));
    let item = spell(history, item);
    let sentence = format!("{missed} lacks {item}, and so do all later reads, though {known} had shown it before");
    breach(LOST, &shown, sentence + &more(count))
}

fn told_stale(history: &History, item: u64, Fate { known, seen, missed }: Fate, count: usize) -> Option<Anomaly> {
    let shown = [known?.op, missed?.op, seen?.op];
    let [known, missed, seen] = shown.map(|op| told(history, op));
    let item = spell(history, item);
    let sentence = format!("{missed} lacks {item}, though {known} had shown it before; {seen} has it");
    breach(STALE, &shown, sentence + &more(count))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::{
        family::Family,
        history::{History, OpId},
    };

    const EVENTUAL: Family = Family::SetFull;
    const STRICT: Family = Family::SetFullStrict;

    #[test]
    fn an_element_that_was_known_and_is_missed_to_the_end_is_lost() {
        only(EVENTUAL, "0 add 1\n0 ok\n1 read\n1 ok [1]\n1 read\n1 ok []", "lost");
        only(EVENTUAL, "0 add 1\n1 read\n1 ok [1]\n1 read\n1 ok []", "lost");
        check(EVENTUAL, "0 add 1\n0 ok\n1 read\n1 ok []\n1 read\n1 ok [1]", "valid");
        check(EVENTUAL, "0 add 1\n1 read\n1 ok []\n0 ok", "unknown");
        says(
            EVENTUAL,
            "0 add 1\n0 ok\n1 read\n1 ok []",
            "read(k1) -> [] by p1 lacks 1, and so do all later reads, though add(k1, 1) by p0 had shown it before",
        );
    }

    #[test]
    fn reads_that_overlap_are_compared_by_invocation() {
        let both = "0 add 1\n0 ok\n1 read\n2 read\n2 ok [1]\n";
        check(EVENTUAL, &format!("{both}1 ok []"), "valid");
        check(EVENTUAL, "0 add 1\n0 ok\n1 read\n2 read\n1 ok [1]\n2 ok []", "lost");
        // What was asked before the add began says nothing of it, whenever the answer came.
        check(EVENTUAL, "1 read\n0 add 1\n0 ok\n1 ok []\n1 read\n1 ok [1]", "valid");
    }

    #[test]
    fn an_element_that_was_missed_for_a_while_is_stale_where_reads_are_strict() {
        only(STRICT, "0 add 1\n0 ok\n1 read\n1 ok []\n1 read\n1 ok [1]", "stale");
        check(STRICT, "0 add 1\n1 read\n1 ok []\n0 ok\n1 read\n1 ok [1]", "valid");
        check(STRICT, "0 add 1\n0 ok\n1 read\n1 ok []", "lost");
        says(
            STRICT,
            "0 add 1\n0 ok\n1 read\n1 ok []\n1 read\n1 ok [1]",
            "read(k1) -> [] by p1 lacks 1, though add(k1, 1) by p0 had shown it before; read(k1) -> [1] by p1 has it",
        );
    }

    #[test]
    fn an_element_is_read_once() {
        only(EVENTUAL, "0 add 1\n0 ok\n1 read\n1 ok [1 1]", "duplicated");
    }

    #[test]
    fn fates_and_latencies_are_reported() {
        // Known at 1, missed at 4, stable from 5 on.
        let text = "0 add 1\n0 ok\n0 add 2\n0 ok\n1 read\n1 ok [2]\n1 read\n1 ok [1]\n0 add 3\n0 info";
        let expected = "attempts 3, stable 1, lost 1, never_read 1, stale 1, duplicated 0, stable_latency_min_ns 4, \
            stable_latency_median_ns 4, stable_latency_p95_ns 4, stable_latency_p99_ns 4, stable_latency_max_ns 4, \
            lost_latency_min_ns 2, lost_latency_median_ns 2, lost_latency_p95_ns 2, lost_latency_p99_ns 2, lost_latency_max_ns 2";
        assert_eq!(reported(EVENTUAL, text), expected);
    }

    /// The definition, element by element and read by read. Times are positions.
    fn oracle(history: &History, is_strict: bool) -> Clauses {
        let (mut any_stable, mut any_lost, mut any_stale) = (false, false, false);
        let reads: Vec<_> =
            ops(history).filter(|(_, one)| one.call.function == 1 && is_ok(one)).map(|(op, _)| op).collect();
        let adds = |item: u64| ops(history).filter(move |(_, one)| int(one.call.input) == Some(item));
        for item in 0..4 {
            let Some(added) = adds(item).map(|(op, _)| invoked(history, op)).min() else { continue };
            let counts = reads.iter().filter(|read| completed(history, **read) > added);
            let (has, lacks): (Vec<&OpId>, Vec<&OpId>) =
                counts.partition(|read| numbers(history, **read).contains(&item));
            let acknowledged = adds(item).filter(|(_, one)| is_ok(one)).map(|(op, _)| completed(history, op));
            let known = acknowledged.chain(has.iter().map(|read| completed(history, **read))).min();
            let last = |reads: &[&OpId]| reads.iter().map(|read| invoked(history, **read) as i64).max();
            let (has, lacks, known) = (last(&has).unwrap_or(-1), last(&lacks).unwrap_or(-1), known.map(|at| at as i64));
            any_stable |= has > lacks;
            any_lost |= known.is_some_and(|known| has < lacks && known < lacks);
            any_stale |= known.is_some_and(|known| has > lacks && known < lacks);
        }
        let is_twice = |read: &OpId| {
            let items = numbers(history, *read);
            items.iter().any(|item| items.iter().filter(|other| *other == item).count() > 1)
        };
        let twice = reads.iter().any(is_twice);
        if !any_stable && !any_lost && !twice {
            return None;
        }
        clauses([("lost", any_lost), ("stale", any_stale && is_strict), ("duplicated", twice)])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke = |pick, value| if pick % 5 < 2 { format!("add {}", value % 3) } else { "read".to_owned() };
        let complete = |function: &str, pick, value: u8| match (function, pick % 16) {
            (_, 0) => "fail".to_owned(),
            (_, 1) => "info".to_owned(),
            ("read", 2) => "ok [1 1]".to_owned(),
            ("read", _) => format!("ok {}", subset(value | pick, 3)),
            _ => "ok".to_owned(),
        };
        compare(EVENTUAL, |history| oracle(history, false), invoke, complete);
        compare(STRICT, |history| oracle(history, true), invoke, complete);
    }
}
