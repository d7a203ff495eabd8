//! The shape of a system in the manner of other tools, as the header's keys.

use super::{
    Translator, key, names,
    values::{plain_of, said},
    words::snake,
};
use crate::{
    dialect::bag::Bag,
    select::NODES_MAX,
    tree::{Key, Tree, Value},
};

/// The keys for a node's data centre.
pub(super) const CENTRE: &[&str] = &["dc", "datacenter", "datacentre", "data_center", "data_centre", "region"];
const KNOWN: [&str; 9] = ["kind", "nodes", "clients", "servers", "count", "groups", "dcs", "latency", "resources"];

impl Translator<'_, '_> {
    /// The keys of the header that a `topology` means.
    pub(super) fn topology(&mut self, value: &Tree) -> Vec<(Key, Tree)> {
        if !matches!(value.value, Value::Map(_)) {
            self.source.complain_of_kind(value, "a map such as `{nodes: [{name: node1}], clients: 2}`");
            return Vec::new();
        }
        let mut bag = Bag::new(value);
        let kind = bag.take(&["kind", "type"]);
        let mut entries = self.sizes(&mut bag, kind.as_ref().map(|(_, kind)| kind));
        for word in ["groups", "dcs", "latency", "resources"] {
            if let Some((key, value)) = bag.take(&[word]) {
                entries.push((key.clone(), self.with_members(&key.text, &value)));
            }
        }
        bag.nothing_left("`topology`", &KNOWN, self.source);
        entries
    }

    /// How many nodes, clients and data centres there are, and which of them belong together.
    fn sizes(&mut self, bag: &mut Bag, kind: Option<&Tree>) -> Vec<(Key, Tree)> {
        let mut entries = Vec::new();
        let word = kind.and_then(plain_of).map(snake);
        let centres = matches!(word.as_deref(), Some("dcs" | "n_dcs" | "multi_dc" | "n_dc"));
        if let (Some(kind), false) = (kind, centres || matches!(word.as_deref(), Some("client_server" | "single_dc"))) {
            self.source.complain(kind.span.clone(), "`client_server`, `single_dc` or `dcs`");
        }
        if let Some((found, count)) = bag.take(&["count", "n"]) {
            entries.push((key("nodes", &found.span), count.clone()));
            entries.extend(centres.then(|| (key("dcs", &found.span), count)));
        }
        entries.extend(bag.take(&["servers"]).map(|(found, count)| (key("nodes", &found.span), count)));
        entries.extend(bag.take(&["clients"]));
        if let Some((found, nodes)) = bag.take(&["nodes"]) {
            match nodes.value {
                Value::List(_) | Value::Map(_) => entries.extend(self.listed(&found, &nodes)),
                _ => entries.push((found, nodes)),
            }
        }
        entries
    }

    fn listed(&mut self, found: &Key, nodes: &Tree) -> Vec<(Key, Tree)> {
        let nodes = names::nodes(nodes);
        let count = Value::Number(nodes.len().to_string()).at(found.span.clone());
        let mut entries = vec![(key("nodes", &found.span), count)];
        let (mut groups, mut centres): (Vec<Members>, Vec<Members>) = (Vec::new(), Vec::new());
        for (number, node) in (1..=NODES_MAX).zip(&nodes) {
            let mut bag = Bag::new(node);
            let _called = (bag.take(&["name", "id"]), bag.take(&["address", "ip", "host"]), bag.take(&["port"]));
            if let Some((_, name)) = bag.take(&["group"]) {
                join(&mut groups, &name, number);
            }
            if let Some((_, name)) = bag.take(CENTRE) {
                join(&mut centres, &name, number);
            }
            bag.nothing_left("a node", &["name", "address", "group", "dc"], self.source);
        }
        for (word, list) in [("groups", groups), ("dcs", centres)] {
            if !list.is_empty() {
                let items = list.into_iter().map(|(name, members)| declaration(&name, &members)).collect();
                entries.push((key(word, &found.span), Value::List(items).at(found.span.clone())));
            }
        }
        entries
    }

    /// The members of groups as numbered nodes.
    pub(super) fn with_members(&mut self, word: &str, value: &Tree) -> Tree {
        if word != "groups" && word != "dcs" {
            return value.clone();
        }
        let mut value = value.clone();
        match &mut value.value {
            Value::Map(entries) => entries.iter_mut().for_each(|(_, members)| self.number(members)),
            Value::List(items) => {
                for item in items {
                    let Value::Map(entries) = &mut item.value else { continue };
                    entries.iter_mut().filter(|(key, _)| key.text == "members").for_each(|(_, tree)| self.number(tree));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
        }
        value
    }

    fn number(&mut self, members: &mut Tree) {
        let Value::List(items) = &mut members.value else { return };
        for item in items {
            let node = self.names.selector(item, true, self.source);
            *item = node.unwrap_or_else(|| said("n1", &item.span));
        }
    }
}

/// A name and the numbers of the nodes that belong together under it.
type Members = (Tree, Vec<u8>);

fn join(groups: &mut Vec<Members>, name: &Tree, number: u8) {
    match groups.iter_mut().find(|(candidate, _)| candidate == name) {
        Some((_, members)) => members.push(number),
        None => groups.push((name.clone(), vec![number])),
    }
}

fn declaration(name: &Tree, members: &[u8]) -> Tree {
    let nodes = members.iter().map(|number| said(format!("n{number}"), &name.span)).collect();
    let members = Value::List(nodes).at(name.span.clone());
    let entries = vec![(key("name", &name.span), name.clone()), (key("members", &name.span), members)];
    Value::Map(entries).at(name.span.clone())
}
