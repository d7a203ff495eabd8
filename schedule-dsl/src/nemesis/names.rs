//! Lists of names, and what can be wrong with them.

use thiserror::Error;

use super::{family::Family, shape::Shape};

/// Why a list of names could not be read, and at which byte of it; or why a plan makes no sense.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NemesisError {
    /// No family and no bundle is called so.
    #[error("unknown nemesis `{found}`{}, expected one of {}", hint(.suggestion), listed(&Family::names()))]
    UnknownFamily {
        /// What stands there.
        found: String,
        /// At which byte.
        at: usize,
        /// The nearest name.
        suggestion: Option<String>,
    },
    /// No choice of nodes is called so.
    #[error("unknown target `{found}`{}, expected `n1` or one of {}", hint(.suggestion), listed(&Shape::names()))]
    UnknownShape {
        /// What stands there.
        found: String,
        /// At which byte.
        at: usize,
        /// The nearest name.
        suggestion: Option<String>,
    },
    /// Faults would last for no time, one right after the other.
    #[error("the interval is 0, expected a time above it such as `500ms`")]
    NoInterval,
    /// It is said whom a family strikes, but the plan does not have it.
    #[error("a shape for `{family}`, which is not chosen: expected one of the nemeses of this plan ({chosen})")]
    NotChosen {
        /// The usual name of the family.
        family: &'static str,
        /// The families of the plan.
        chosen: String,
    },
    /// A node is to be struck that is not there.
    #[error("there is no node `{node}`: the nodes are n1 to n{nodes}")]
    NoSuchNode {
        /// The node.
        node: String,
        /// How many nodes there are.
        nodes: u8,
    },
}

impl NemesisError {
    /// The byte of the list at which the unknown name stands; 0 if the error is about a whole plan.
    pub fn at(&self) -> usize {
        match self {
            Self::UnknownFamily { at, .. } | Self::UnknownShape { at, .. } => *at,
            Self::NoInterval | Self::NotChosen { .. } | Self::NoSuchNode { .. } => 0,
        }
    }

    /// The name that is wrong; empty if none is.
    pub fn found(&self) -> &str {
        match self {
            Self::UnknownFamily { found, .. } | Self::UnknownShape { found, .. } => found,
            Self::NoInterval => "",
            Self::NotChosen { family, .. } => family,
            Self::NoSuchNode { node, .. } => node,
        }
    }

    /// The nearest known name.
    pub fn suggestion(&self) -> Option<&str> {
        match self {
            Self::UnknownFamily { suggestion, .. } | Self::UnknownShape { suggestion, .. } => suggestion.as_deref(),
            Self::NoInterval | Self::NotChosen { .. } | Self::NoSuchNode { .. } => None,
        }
    }
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"))
}

pub(crate) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The items of a list, each with the byte at which it stands.
pub(crate) fn items(list: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    list.split(',').filter_map(move |part| {
        let begin = at + part.len() - part.trim_start().len();
        at += part.len() + 1;
        let word = part.trim().trim_start_matches(':');
        (!word.is_empty()).then(|| (begin + part.trim().len() - word.len(), word))
    })
}
