//! Whom the names of a file mean: nodes by the number at their end or by their place in the topology, groups, roles.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    bag::Bag,
    values::{plain_of, quoted, said, text_of},
    words::{CUTS, ROLES, SHAPES, ours, snake},
};
use crate::{
    forms::source::Source,
    select::NODES_MAX,
    tree::{Tree, Value},
};

const DECLARE: &str = "a node whose name ends in its number, a group, a role such as `leader`, or a name that `topology` \
                       declares (`nodes: [{name: …}]`)";
/// The keys for the sender of a message.
const SOURCES: &[&str] =
    &["source_node", "source", "src", "from", "source_ip", "source_address", "src_ip", "source_group", "sender"];
/// The keys for its receiver.
const DESTINATIONS: &[&str] = &[
    "destination_node",
    "destination",
    "dest",
    "dst",
    "to",
    "destination_ip",
    "destination_address",
    "dst_ip",
    "destination_group",
    "target_node",
    "receiver",
];
/// The keys for nodes.
const NODES: &[&str] = &["node", "nodes", "node_id", "node_ids", "victims", "address", "ip"];

/// Whom an entry is about.
#[derive(Clone, Debug)]
pub(super) enum Aim {
    /// Nothing is said.
    Nobody,
    /// These nodes.
    Nodes(Tree),
    /// The links from some nodes to others.
    Link(Tree),
}

/// The names that a file declares.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The numbers of nodes, by name and by address.
    nodes: BTreeMap<String, u8>,
    groups: BTreeSet<String>,
}

impl Names {
    /// What `tree` declares.
    pub(super) fn declared(tree: &Tree) -> Self {
        let mut names = Self::default();
        let topology = tree.get("topology");
        names.groups(tree.get("groups"));
        names.groups(topology.and_then(|topology| topology.get("groups")));
        names.groups(tree.get("dcs"));
        names.groups(topology.and_then(|topology| topology.get("dcs")));
        for (number, node) in
            (1..=NODES_MAX).zip(topology.and_then(|topology| topology.get("nodes")).into_iter().flat_map(nodes))
        {
            let mut bag = Bag::new(&node);
            let called = [bag.take(&["name", "id"]), bag.take(&["address", "ip", "host"])];
            for (_, name) in called.into_iter().flatten() {
                names.nodes.extend(plain_of(&name).map(|name| (name.to_owned(), number)));
            }
            for (_, group) in bag.take(&["group"]).into_iter().chain(bag.take(super::topology::CENTRE)) {
                names.groups.extend(plain_of(&group).map(str::to_owned));
            }
        }
        names
    }

    fn groups(&mut self, groups: Option<&Tree>) {
        let Some(groups) = groups else { return };
        self.groups.extend(groups.entries().iter().map(|(key, _)| key.text.clone()));
        let named = groups.items().iter().filter_map(|group| group.get("name")).filter_map(plain_of);
        self.groups.extend(named.map(str::to_owned));
    }

    /// The selector that `value` means: a name, a number, or a list of them. A name that nothing explains is an error if
    /// `strict`, and a role otherwise.
    pub(super) fn selector(&self, value: &Tree, strict: bool, source: &mut Source<'_>) -> Option<Tree> {
        match &value.value {
            Value::Text(text) => self.name(text, &value.span, strict, source).map(|text| said(text, &value.span)),
            Value::Number(number) => Some(said(format!("n{number}"), &value.span)),
            Value::List(items) => self.set(items, value, strict, source),
            Value::Map(_) => {
                let mut bag = Bag::new(value);
                match self.aim(&mut bag, strict, source)? {
                    Aim::Nodes(nodes) => Some(nodes),
                    Aim::Nobody | Aim::Link(_) => {
                        source.complain(value.span.clone(), "nodes such as `{node: node1}`");
                        None
                    }
                }
            }
            Value::Null | Value::Bool(_) => {
                source.complain_of_kind(value, "nodes such as `node1`");
                None
            }
        }
    }

    fn set(&self, items: &[Tree], value: &Tree, strict: bool, source: &mut Source<'_>) -> Option<Tree> {
        let members: Option<Vec<Tree>> = items.iter().map(|item| self.selector(item, strict, source)).collect();
        let members = members?;
        if let [only] = members.as_slice() {
            return Some(only.clone());
        }
        Some(Value::List(members).at(value.span.clone()))
    }

    fn name(&self, name: &str, span: &Range<usize>, strict: bool, source: &mut Source<'_>) -> Option<String> {
        if let Some(number) = self.nodes.get(name) {
            return Some(format!("n{number}"));
        }
        if self.groups.contains(name) {
            return Some(format!("group {}", quoted(name)));
        }
        if let Some(shape) = ours(name, SHAPES) {
            return Some(shape.to_owned());
        }
        let phrase =
            name.contains([' ', '{', '|', '>', '"']) || name.starts_with("previous-") || name.starts_with("name:");
        if phrase || ROLES.contains(&snake(name).as_str()) {
            return Some(name.to_owned());
        }
        match number(name) {
            Some(Some(number)) => Some(format!("n{number}")),
            Some(None) => {
                let expected = format!(
                    "a node from 1 to {NODES_MAX} (names and addresses beyond them are declared in `topology`)"
                );
                source.complain(span.clone(), expected);
                None
            }
            None if strict => {
                let known = self.nodes.keys().chain(&self.groups).map(String::as_str).chain(ROLES.iter().copied());
                source.complain_unknown(span.clone(), name, DECLARE, known);
                None
            }
            None => Some(name.to_owned()),
        }
    }

    /// Takes whom it is about out of a map; nothing if a complaint has been made.
    pub(super) fn aim(&self, bag: &mut Bag, strict: bool, source: &mut Source<'_>) -> Option<Aim> {
        let mut side = |keys: &[&str]| match bag.take(keys) {
            Some((_, value)) => self.selector(&value, strict, source).map(|tree| Some((value.span, text(&tree)))),
            None => Some(None),
        };
        // Both are taken, whatever is wrong with one of them: what has been understood is not left over.
        let (from, to) = (side(SOURCES), side(DESTINATIONS));
        let (from, to) = (from?, to?);
        if from.is_none() && to.is_none() {
            return self.aim_at_nodes(bag, strict, source);
        }
        let spans = || [&from, &to].into_iter().flatten().map(|(span, _)| span);
        let start = spans().map(|span| span.start).min().unwrap_or(0);
        let end = spans().map(|span| span.end).max().unwrap_or(start);
        let all =
            |side: &Option<(Range<usize>, String)>| side.as_ref().map_or("all".to_owned(), |(_, text)| text.clone());
        Some(Aim::Link(said(format!("{}->{}", all(&from), all(&to)), &(start..end))))
    }

    fn aim_at_nodes(&self, bag: &mut Bag, strict: bool, source: &mut Source<'_>) -> Option<Aim> {
        if let Some((_, group)) = bag.take(&["group", "groups_of", "group_name"]) {
            let name = plain_of(&group).map(quoted);
            if name.is_none() {
                source.complain_of_kind(&group, "the name of a group");
            }
            return Some(Aim::Nodes(said(format!("group {}", name?), &group.span)));
        }
        match bag.take(NODES) {
            Some((_, nodes)) => self.selector(&nodes, strict, source).map(Aim::Nodes),
            None => Some(Aim::Nobody),
        }
    }
}

/// The nodes of a topology as maps with a name each.
pub(super) fn nodes(nodes: &Tree) -> Vec<Tree> {
    let named = |name: &Tree| Value::Map(vec![(super::key("name", &name.span), name.clone())]).at(name.span.clone());
    let listed = nodes.items().iter().map(|node| if plain_of(node).is_some() { named(node) } else { node.clone() });
    let keyed = nodes.entries().iter().map(|(key, node)| {
        let mut entries = vec![(super::key("name", &key.span), said(&key.text, &key.span))];
        entries.extend(node.entries().iter().cloned());
        Value::Map(entries).at(node.span.clone())
    });
    listed.chain(keyed).collect()
}

/// The number at the end of a name or an address without its port: `None` if it has none, `Some(None)` if it is too large.
fn number(name: &str) -> Option<Option<u8>> {
    let host = name.split_once(':').map_or(name, |(host, _)| host);
    let digits = &host[host.trim_end_matches(|c: char| c.is_ascii_digit()).len()..];
    if digits.is_empty() {
        return None;
    }
    Some(digits.parse().ok().filter(|number| (1..=NODES_MAX).contains(number)))
}

/// A selector as text.
pub(super) fn text(selector: &Tree) -> String {
    match &selector.value {
        Value::List(members) => format!("{{{}}}", members.iter().map(text).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Map(_) | Value::Number(_) | Value::Text(_) => {
            text_of(selector).unwrap_or_default().to_owned()
        }
    }
}

/// The shape of a partition that is no selector.
pub(super) fn cut(name: &str) -> Option<&'static str> {
    ours(name, CUTS)
}
