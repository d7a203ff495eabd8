//! The file: its remarks, and when each family has its turns.

use std::fmt::Write;

use super::{
    AGAIN_MAX,
    deeds::{Act, Turn},
    family::Family,
    plan::Plan,
    prose::{canonical, comment, tidy},
};
use crate::units::print_micros;

/// The most steps that are written.
const STEPS_MAX: usize = 120;

impl Plan {
    /// The file. It parses, if the target's name can be one. A family that is named twice counts once.
    pub fn text(&self) -> String {
        let (steps, notes) = self.steps();
        let mut text = String::new();
        let remarks = self.remarks.iter().chain(&notes).cloned().chain([self.summary()]);
        remarks.for_each(|remark| comment(&mut text, &remark));
        text.push_str(&self.header());
        text.push_str(&steps);
        canonical(text)
    }

    fn summary(&self) -> String {
        if self.families.is_empty() {
            return "Nothing goes wrong.".to_owned();
        }
        let how = if self.interval.random { "about every" } else { "every" };
        let (chosen, interval) = (self.chosen(), print_micros(self.interval.micros));
        format!("Nemeses: {chosen}. A family acts {how} other interval of {interval}, shifted against the rest.")
    }

    /// The steps, and what could not be said.
    fn steps(&self) -> (String, Vec<String>) {
        let (mut text, mut notes) = (String::new(), Vec::new());
        if !self.groups().is_empty() {
            notes.push("Which nodes are of which kind is a guess: change the groups as the target has it.".to_owned());
        }
        for (rank, family) in self.unique().into_iter().enumerate() {
            text.push('\n');
            comment(&mut text, &format!("{}: {} Tests {}.", family.name(), family.meaning(), family.tests()));
            self.family(family, rank, &mut text, &mut notes);
        }
        (text, notes)
    }

    fn family(&self, family: Family, rank: usize, text: &mut String, notes: &mut Vec<String>) {
        let turns = self.fitting(family, notes);
        let mut labels = Labels { family, given: 0 };
        let whens: Vec<When> = (0..turns.len()).map(|at| self.when(family, rank, at, turns.len())).collect();
        notes.extend(early_end(family, &whens));
        for (when, turn) in whens.into_iter().zip(&turns) {
            self.write_turn(text, &mut labels, when, turn);
        }
    }

    /// The turns of a family for which there is room: within the file, and within the time.
    fn fitting(&self, family: Family, notes: &mut Vec<String>) -> Vec<Turn> {
        let mut turns = self.turns(family);
        let acts = turns.iter().map(Vec::len).max().unwrap_or(1);
        let room = (STEPS_MAX / self.families.len() / acts).max(1);
        let gap = self.interval_us() * family.pace() / 100;
        let time = 1 + self.chaos_us().saturating_sub(self.first_us(self.families.len())) / gap.max(1);
        let kept = room.min(usize::try_from(time).unwrap_or(usize::MAX));
        if kept < turns.len() {
            let left: Vec<String> = turns.drain(kept..).flatten().map(|act| without_length(&act.words)).collect();
            notes.push(format!("No room in this time for more of `{}`: {}.", family.name(), left.join("; ")));
        }
        turns
    }

    /// When the family of this rank begins.
    fn first_us(&self, rank: usize) -> u64 {
        let count = self.families.len().max(1) as u64;
        let usual = self.interval_us() + self.interval_us() * rank as u64 / count;
        usual.min(self.chaos_us() * (rank as u64 + 1) / (count + 2))
    }

    /// When the turn at this place among so many begins, and how it comes again.
    fn when(&self, family: Family, rank: usize, at: usize, count: usize) -> When {
        let gap = tidy(self.interval_us() * family.pace() / 100);
        let (first_us, every_us) = (tidy(self.first_us(rank)) + gap * at as u64, gap * count as u64);
        When { first_us, every_us, wanted: self.chaos_us().saturating_sub(first_us + 1) / every_us }
    }

    fn write_turn(&self, text: &mut String, labels: &mut Labels, when: When, turn: &[Act]) {
        // Acts that belong together must come again together.
        let again = when.again(self.interval.random && turn.len() == 1);
        let leader = labels.next();
        for (at, act) in turn.iter().enumerate() {
            let begin = match (at, act.wait) {
                (0, _) => format!("{leader}: at {}", print_micros(when.first_us)),
                (_, 0) => format!("{}: after {leader} begins", labels.next()),
                _ => format!("{}: after {leader} begins +{}", labels.next(), self.share(act.wait)),
            };
            let _ = writeln!(text, "{begin}  {}{again}", act.words);
        }
    }
}

/// When a turn begins, and how often it would have to come again.
#[derive(Clone, Copy, Debug)]
struct When {
    first_us: u64,
    every_us: u64,
    wanted: u64,
}

impl When {
    fn again(self, about: bool) -> String {
        let about = if about { "about " } else { "" };
        match self.wanted.min(AGAIN_MAX) {
            0 => String::new(),
            times => format!(" again {times} times every {about}{}", print_micros(self.every_us)),
        }
    }
}

/// The words of a step but for how long it lasts.
fn without_length(words: &str) -> String {
    let end = words.find(" for ").or_else(|| words.find(", re"));
    words[..end.unwrap_or(words.len())].to_owned()
}

/// A remark on a family whose turns end before the chaos phase does, since no step comes again so often.
fn early_end(family: Family, whens: &[When]) -> Option<String> {
    let last_us =
        whens.iter().filter(|when| when.wanted > AGAIN_MAX).map(|when| when.first_us + AGAIN_MAX * when.every_us);
    let last = print_micros(last_us.max()?);
    Some(format!(
        "`{}` begins for the last time at {last}, before the chaos phase ends: a step comes again at most {AGAIN_MAX} times. \
         A longer interval reaches further.",
        family.name()
    ))
}

/// Gives the steps of a family their labels: `kill`, `kill-2`, …
struct Labels {
    family: Family,
    given: usize,
}

impl Labels {
    fn next(&mut self) -> String {
        self.given += 1;
        let name = self.family.name();
        if self.given == 1 { name.to_owned() } else { format!("{name}-{}", self.given) }
    }
}
