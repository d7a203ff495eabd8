//! What families do: steps with holes in them, and how a plan fills the holes.
//!
//! A hole is `{}` (the nodes), a share of the interval such as `{20%}`, or one of the words in [`Plan::hole`].

use super::{
    CHAOS_MAX_US,
    family::Family,
    plan::{KillOf, Plan},
    prose::tidy,
    shape::Shape,
};
use crate::units::print_micros;

/// What a family does, one turn after another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deeds {
    /// Divides the network in each of its shapes.
    Cuts,
    /// Each phrase, whomever the plan names.
    Once(&'static [&'static str]),
    /// Phrases and nodes in turn, as many as it takes to have each at least once.
    InTurn(&'static [&'static str]),
    /// Both phrases for each choice of nodes.
    BothWays(&'static str, &'static str),
    /// One turn of several phrases, each so many hundredths of an interval after the turn begins.
    Together(&'static [(u64, &'static str)]),
}

impl Deeds {
    /// Whether any phrase is about this group of nodes.
    fn name_group(self, group: &str) -> bool {
        let named = format!("group {group}");
        match self {
            Self::Once(phrases) => phrases.iter().any(|phrase| phrase.contains(&named)),
            Self::Together(phrases) => phrases.iter().any(|(_, phrase)| phrase.contains(&named)),
            Self::Cuts | Self::InTurn(_) | Self::BothWays(..) => false,
        }
    }
}

/// A step within a turn of its family: its words, and when it begins, in hundredths of an interval.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) words: String,
    pub(super) wait: u64,
}

/// What begins together.
pub(super) type Turn = Vec<Act>;

impl Plan {
    /// The turns of a family, in the order in which they come.
    pub(super) fn turns(&self, family: Family) -> Vec<Turn> {
        let selectors = self.selectors(family);
        match family.deeds() {
            Deeds::Cuts => self.shapes(family).into_iter().map(|shape| self.cut(shape)).collect(),
            Deeds::Once(phrases) => phrases.iter().map(|phrase| vec![self.act(0, phrase, "")]).collect(),
            Deeds::InTurn(phrases) => self.in_turn(phrases, &selectors),
            Deeds::BothWays(one, other) => {
                let ways = |nodes| [vec![self.act(0, one, nodes)], vec![self.act(0, other, nodes)]];
                selectors.iter().flat_map(|nodes| ways(nodes)).collect()
            }
            Deeds::Together(phrases) => {
                vec![phrases.iter().map(|(wait, phrase)| self.act(*wait, phrase, &selectors[0])).collect()]
            }
        }
    }

    fn cut(&self, shape: Shape) -> Turn {
        vec![Act { words: format!("{} for {}", shape.cut(), self.share(100)), wait: 0 }]
    }

    fn in_turn(&self, phrases: &[&str], selectors: &[String]) -> Vec<Turn> {
        let count = phrases.len().max(selectors.len());
        let act = |at: usize| self.act(0, phrases[at % phrases.len()], &selectors[at % selectors.len()]);
        (0..count).map(|at| vec![act(at)]).collect()
    }

    fn act(&self, wait: u64, phrase: &str, nodes: &str) -> Act {
        Act { words: self.fill(phrase, nodes), wait }
    }

    fn fill(&self, phrase: &str, nodes: &str) -> String {
        let (mut words, mut rest) = (String::new(), phrase);
        while let Some((before, after)) = rest.split_once('{') {
            let (hole, after) = after.split_once('}').expect("the table closes its braces");
            words.push_str(before);
            words.push_str(&self.hole(hole, nodes));
            rest = after;
        }
        words + rest
    }

    fn hole(&self, hole: &str, nodes: &str) -> String {
        match hole {
            "" => nodes.to_owned(),
            "keep" if self.kill == KillOf::Process => " keep".to_owned(),
            "keep" => String::new(),
            "majority" => (self.nodes.unwrap_or(3) / 2 + 1).to_string(),
            "skew" => print_micros(tidy(self.skew_us.min(CHAOS_MAX_US))),
            _ => self.share(hole.trim_end_matches('%').parse().expect("the table has no other holes")),
        }
    }

    /// So many hundredths of the interval, as text.
    pub(super) fn share(&self, percent: u64) -> String {
        print_micros(tidy(self.interval_us() * percent / 100))
    }

    /// Whom a family strikes.
    fn shapes(&self, family: Family) -> Vec<Shape> {
        let own = self.shapes_of.iter().find(|(of, _)| *of == family).map(|(_, shapes)| shapes.as_slice());
        let asked = own.unwrap_or(&self.shapes);
        let usable = |shape: &&Shape| family == Family::Partition || shape.selector().is_some();
        let shapes: Vec<Shape> = asked.iter().filter(usable).copied().collect();
        if shapes.is_empty() { family.usual_shapes().to_vec() } else { shapes }
    }

    /// The words that select the nodes that a family strikes.
    fn selectors(&self, family: Family) -> Vec<String> {
        self.shapes(family).into_iter().filter_map(Shape::selector).collect()
    }

    /// The kinds of processes that the families tell apart.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        let named = |group: &str| self.families.iter().any(|family| family.deeds().name_group(group));
        match (named("pd") || named("kv"), named("db")) {
            (false, false) => vec![],
            (true, false) => vec!["pd", "kv"],
            _ => vec!["pd", "kv", "db"],
        }
    }
}
