//! Whom a family strikes, or how a partition divides the nodes.

use super::names::{NemesisError, items};
use crate::diagnostic::nearest;

/// The largest number of a node.
const NODES_MAX: u8 = 16;

/// Which nodes a family strikes, or how a partition divides them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One node, drawn. A partition cuts it off.
    One,
    /// Every node. A partition leaves each of them alone.
    All,
    /// The smallest majority. A partition divides it from the others.
    Majority,
    /// The largest minority.
    Minority,
    /// Fewer than a third of the nodes.
    MinorityThird,
    /// A majority for every node, and no two see the same one. Only for partitions.
    Ring,
    /// Whoever leads, or believes so.
    Primaries,
    /// A drawn half.
    Halves,
    /// Two halves that see each other only through one node. Only for partitions.
    Bridge,
    /// Some nodes, drawn.
    Some,
    /// These nodes; bit 0 is node 1.
    Nodes(u16),
}

impl Shape {
    /// Their names, the first of each being the usual one.
    const WORDS: [(&'static [&'static str], Self); 10] = [
        (&["one", "single"], Self::One),
        (&["all"], Self::All),
        (&["majority"], Self::Majority),
        (&["minority"], Self::Minority),
        (&["minority-third"], Self::MinorityThird),
        (&["majorities-ring", "ring"], Self::Ring),
        (&["primaries", "primary", "leader", "leaders"], Self::Primaries),
        (&["halves", "half"], Self::Halves),
        (&["bridge"], Self::Bridge),
        (&["some", "random"], Self::Some),
    ];

    /// The usual names of all but explicit lists of nodes.
    pub fn names() -> Vec<&'static str> {
        Self::WORDS.iter().map(|(words, _)| words[0]).collect()
    }

    /// Reads a list such as `one,majorities-ring` or `n1,n2,primaries`. Neighbouring nodes are one choice of several.
    ///
    /// # Errors
    /// The first item that is unknown.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, NemesisError> {
        let mut shapes = Vec::new();
        for (at, word) in items(list) {
            let shape = Self::parse(word, at)?;
            if let (Some(Self::Nodes(before)), Self::Nodes(node)) = (shapes.last_mut(), shape) {
                *before |= node;
            } else if !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
        Ok(shapes)
    }

    fn parse(word: &str, at: usize) -> Result<Self, NemesisError> {
        let known = Self::WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, shape)| *shape);
        known.or_else(|| node(word).map(|node| Self::Nodes(1 << (node - 1)))).ok_or_else(|| {
            NemesisError::UnknownShape {
                found: word.to_owned(),
                at,
                suggestion: nearest(word, Self::WORDS.iter().flat_map(|(words, _)| words.iter().copied())),
            }
        })
    }

    /// The words that select its nodes; `None` if it only divides them.
    pub(super) fn selector(self) -> Option<String> {
        Some(match self {
            Self::One => "one".to_owned(),
            Self::All => "all".to_owned(),
            Self::Majority => "majority".to_owned(),
            Self::Minority => "minority".to_owned(),
            Self::MinorityThird => "minority-third".to_owned(),
            Self::Primaries => "primaries".to_owned(),
            Self::Halves => "half".to_owned(),
            Self::Some => "some".to_owned(),
            Self::Nodes(set) => set_of((1..=NODES_MAX).filter(|node| set >> (node - 1) & 1 == 1)),
            Self::Ring | Self::Bridge => return None,
        })
    }

    /// The largest number of a node that it names.
    pub(crate) fn highest(self) -> Option<u8> {
        if let Self::Nodes(set) = self { set.checked_ilog2().map(|bit| bit as u8 + 1) } else { None }
    }

    /// The fault that divides the nodes so.
    pub(super) fn cut(self) -> String {
        match self {
            Self::All => "block all->all".to_owned(),
            Self::Halves => "partition halves".to_owned(),
            Self::Ring => "partition ring".to_owned(),
            Self::Bridge => "partition bridge".to_owned(),
            _ => format!("partition {} | rest", self.selector().expect("only a ring and a bridge select nobody")),
        }
    }
}

fn node(word: &str) -> Option<u8> {
    word.strip_prefix('n')?.parse().ok().filter(|node| (1..=NODES_MAX).contains(node))
}

pub(super) fn set_of(nodes: impl Iterator<Item = u8>) -> String {
    let nodes: Vec<String> = nodes.map(|node| format!("n{node}")).collect();
    format!("{{{}}}", nodes.join(","))
}
