//! Labels as ids, and ids as labels.
//!
//! A label `s7` is the id 7 itself. The other labels of a file take the lowest ids that no such label claims, in the order in
//! which they are defined. [`spellable`] is the inverse: it keeps a label only where a reader would give it the same id again.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diagnostic::{Complaints, Diagnostic},
    lexer::{Kind, Token, is_identifier},
    schedule::{Step, StepId},
    text::{Place, node_number},
};

/// The ids that a file's labels stand for.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    named: BTreeMap<String, StepId>,
}

impl Labels {
    /// Reads all definitions and references ahead of the rest, since a step may refer to a later one.
    pub(crate) fn collect<'t>(
        lines: impl Iterator<Item = (Place<'t>, &'t [Token<'t>])>,
        complaints: &mut Complaints,
    ) -> Self {
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        let mut numbered = BTreeSet::new();
        let mut named = Vec::new();
        for (place, tokens) in lines {
            numbered.extend(references(tokens).filter_map(number));
            let Some((token, owned)) = definition(tokens) else { continue };
            numbered.extend(number(token.text));
            if let Some(line) = seen.get(token.text).filter(|_| owned) {
                complaints
                    .push(|| place.complain(Some(token), format!("a label of its own (line {line} has this one)")));
            } else if owned {
                seen.insert(token.text, place.number);
                named.extend(number(token.text).is_none().then_some(token.text));
            }
        }
        Self { named: assign(&named, &numbered) }
    }

    /// The id that `label` stands for.
    pub(crate) fn id(&self, label: &str) -> Option<StepId> {
        number(label).or_else(|| self.named.get(label).copied())
    }

    /// The labels that are no numbers.
    pub(crate) fn spellings(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// The labels by id.
    pub(crate) fn by_id(self) -> BTreeMap<StepId, String> {
        self.named.into_iter().map(|(label, id)| (id, label)).collect()
    }
}

/// The label that a line defines, and whether its step owns the id.
pub(crate) fn definition<'t>(tokens: &'t [Token<'t>]) -> Option<(&'t Token<'t>, bool)> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let label = tokens.first().filter(|token| token.kind == Kind::Word)?;
    match (text(1), text(2)) {
        (":", _) => Some((label, true)),
        ("~", ":") => Some((label, false)),
        _ => None,
    }
}

/// Those of `labels` that read back as the ids they have in `steps`.
pub(crate) fn spellable(labels: &BTreeMap<StepId, String>, steps: &[Step]) -> BTreeMap<StepId, String> {
    let mut order: Vec<StepId> = Vec::new();
    for step in steps.iter().filter(|step| step.id != 0) {
        if !order.contains(&step.id) {
            order.push(step.id);
        }
    }
    let used: BTreeSet<StepId> = order.iter().copied().chain(steps.iter().flat_map(Step::references)).collect();
    let mut kept = plausible(labels, &order);
    loop {
        let names: Vec<&str> = order.iter().filter_map(|id| kept.get(id)).map(String::as_str).collect();
        let given = assign(&names, &used.iter().filter(|id| !kept.contains_key(id)).copied().collect());
        let before = kept.len();
        kept.retain(|id, label| given.get(label) == Some(id));
        if kept.len() == before {
            return kept;
        }
    }
}

fn plausible(labels: &BTreeMap<StepId, String>, owned: &[StepId]) -> BTreeMap<StepId, String> {
    let mut spellings = BTreeSet::new();
    let usable = |label: &str| is_identifier(label) && !looks_numbered(label) && node_number(label).is_none();
    let mut kept = labels.clone();
    kept.retain(|id, label| owned.contains(id) && usable(label) && spellings.insert(label.clone()));
    kept
}

/// Gives each label the lowest id that is neither in `taken` nor given to a label before it.
fn assign(labels: &[&str], taken: &BTreeSet<StepId>) -> BTreeMap<String, StepId> {
    let free = (1..=StepId::MAX).filter(|id| !taken.contains(id));
    labels.iter().map(|label| (*label).to_owned()).zip(free).collect()
}

/// The labels that a line refers to.
fn references<'t>(tokens: &'t [Token<'t>]) -> impl Iterator<Item = &'t str> {
    tokens.windows(2).enumerate().filter_map(|(at, pair)| {
        let edge_follows = tokens.get(at + 2).is_some_and(|token| matches!(token.text, "begins" | "ends"));
        let refers = matches!(pair[0].text, "from" | "until" | "activate" | "deactivate" | "modify")
            || (pair[0].text == "after" && edge_follows);
        refers.then_some(pair[1].text)
    })
}

/// A complaint about a label that cannot be one.
pub(crate) fn misnamed(place: Place<'_>, label: &Token<'_>) -> Option<Diagnostic> {
    if looks_numbered(label.text) && number(label.text).is_none() {
        return Some(place.complain(Some(label), "a label from `s1` to `s255`, or another word"));
    }
    let node = node_number(label.text).is_some();
    node.then(|| place.complain(Some(label), "a label that is no node"))
}

fn looks_numbered(label: &str) -> bool {
    label.strip_prefix('s').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The id that a label such as `s7` is.
fn number(label: &str) -> Option<StepId> {
    let canonical = |id: &StepId| *id != 0 && label.len() == 1 + id.to_string().len();
    label.strip_prefix('s').filter(|_| looks_numbered(label))?.parse().ok().filter(canonical)
}
