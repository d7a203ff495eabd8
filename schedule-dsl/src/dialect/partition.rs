//! Partitions in the manner of other tools: groups of nodes, shapes, names, and coming and going.

use super::{
    Base, Sketch, Translator,
    bag::Bag,
    faults::one_way,
    is_duration, key,
    names::{self, Aim, text},
    values::{said, text_of},
    words::snake,
};
use crate::{
    fault::FaultKind as Kind,
    tree::{Key, Tree, Value},
};

/// The keys for the sides of a partition.
const SIDES: &[&str] = &["sides", "groups", "partitions"];
/// The keys for its shape.
const SHAPES: &[&str] = &["shape", "partition_type", "kind"];
/// The keys for its name where another entry refers to it.
const NAMES: &[&str] = &["partition", "step", "partition_name", "target"];

impl Translator<'_, '_> {
    /// Named partitions that begin when they are activated.
    pub(super) fn partitions(&mut self, value: &Tree) -> Vec<Tree> {
        let mut steps = Vec::new();
        let listed = value.items().iter().map(|item| (item.get("name").and_then(text_of).map(str::to_owned), item));
        let keyed = value.entries().iter().map(|(name, item)| (Some(name.text.clone()), item));
        for (name, item) in listed.chain(keyed) {
            let Some(name) = name else {
                self.source.complain(item.span.clone(), "a key `name`");
                continue;
            };
            let span = item.span.clone();
            let label = (key("label", &span), said(super::identifier(&name), &span));
            let word = said(Kind::Partition.keyword(), &span);
            let mut base = Base { entries: vec![label], span: span.clone(), word, strict: true };
            let mut bag = Bag::new(item);
            if matches!(item.value, Value::List(_)) {
                bag.entries.push((key("groups", &span), item.clone()));
            }
            bag.take(&["name"]);
            self.timing(&mut bag, &mut base);
            if !begins(&base) {
                base.entries.push((key("on", &span), said("call", &span)));
            }
            steps.extend(self.partition(bag, &base));
        }
        steps
    }

    /// A partition, and the steps that activate, deactivate and modify it.
    pub(super) fn partition(&mut self, mut bag: Bag, base: &Base) -> Vec<Tree> {
        let mut base = base.clone();
        let switches = self.switches(&mut bag);
        if switches.is_empty() {
            self.active(&mut bag, &mut base);
            return vec![self.cut(bag, &base)];
        }
        if base.label().is_none() {
            let label = self.made_up("partition");
            base.entries.push((key("label", &base.word.span), said(label, &base.word.span)));
        }
        let label = base.label().unwrap_or_default().to_owned();
        if switches.iter().any(|(kind, ..)| *kind == Kind::Activate) && !begins(&base) {
            base.entries.push((key("on", &base.word.span), said("call", &base.word.span)));
        }
        let mut steps = vec![self.cut(bag, &base)];
        for (kind, found, moment) in switches {
            let mut bag = Bag::new(&moment);
            let mut later =
                Base { entries: Vec::new(), span: moment.span.clone(), word: said("", &found.span), strict: true };
            if is_duration(&moment) {
                later.entries.push((key("at", &found.span), moment.clone()));
            }
            self.timing(&mut bag, &mut later);
            bag.entries.push((key("step", &found.span), said(&label, &found.span)));
            steps.extend(self.switch(bag, &later, kind));
        }
        steps
    }

    /// What is said of its coming and going: each time with what happens then.
    fn switches(&mut self, bag: &mut Bag) -> Vec<(Kind, Key, Tree)> {
        let mut switches = Vec::new();
        for (word, kind) in [("activate", Kind::Activate), ("deactivate", Kind::Deactivate), ("modify", Kind::Modify)] {
            let Some((found, value)) = bag.take(&[word]) else { continue };
            let moments = if value.items().is_empty() { vec![value] } else { value.items().to_vec() };
            for moment in moments {
                if is_duration(&moment) || matches!(moment.value, Value::Map(_)) {
                    switches.push((kind, found.clone(), moment));
                } else {
                    self.source.complain_of_kind(&moment, "a time such as `2s`, or a map");
                }
            }
        }
        switches
    }

    /// `active: false` waits for another entry.
    fn active(&mut self, bag: &mut Bag, base: &mut Base) {
        if self.flag(bag, &["active"]) == Some(false) && !begins(base) {
            base.entries.push((key("on", &base.word.span), said("call", &base.word.span)));
        }
    }

    /// The partition itself: sides, a shape, nodes that are cut off, or one direction of a link.
    fn cut(&mut self, mut bag: Bag, base: &Base) -> Tree {
        let direction = self.direction(&mut bag);
        let step = if let Some((found, sides)) = bag.take(SIDES) {
            self.sided(&found, &sides, base)
        } else if let Some((found, shape)) = bag.take(SHAPES) {
            self.shaped(&found, &shape, &mut bag, base)
        } else {
            self.isolated(&mut bag, base, direction)
        };
        let mut step = step;
        step.entries.append(&mut bag.entries);
        step.finish()
    }

    /// Whether only one direction is cut: of what nodes send (`Some(false)`), or of what they receive.
    fn direction(&mut self, bag: &mut Bag) -> Option<bool> {
        let asymmetric = self.flag(bag, &["asymmetric", "one_way"]) == Some(true);
        let one_way = self.flag(bag, &["bidirectional", "symmetric"]) == Some(false) || asymmetric;
        let Some((_, value)) = bag.take(&["direction", "mode"]) else { return one_way.then_some(false) };
        match text_of(&value).map(snake).as_deref() {
            Some("send" | "send_only" | "out" | "outbound" | "outgoing" | "one_way" | "asymmetric") => Some(false),
            Some("receive" | "receive_only" | "in" | "inbound" | "incoming") => Some(true),
            Some("both" | "symmetric" | "bidirectional" | "full") => None,
            _ => {
                self.source.complain(value.span, "`both`, `send` or `receive`");
                None
            }
        }
    }

    fn sided(&mut self, found: &Key, sides: &Tree, base: &Base) -> Sketch {
        let mut step = base.step(Kind::Partition);
        let Value::List(items) = &sides.value else {
            step.entries.push((key("sides", &found.span), sides.clone()));
            return step;
        };
        let items: Vec<Tree> = items.iter().map(|side| self.side(side, base)).collect();
        let items = if let [only] = items.as_slice() { vec![only.clone(), said("rest", &sides.span)] } else { items };
        step.entries.push((key("sides", &found.span), Value::List(items).at(sides.span.clone())));
        step
    }

    fn side(&mut self, side: &Tree, base: &Base) -> Tree {
        self.names.selector(side, base.strict, self.source).unwrap_or_else(|| said("rest", &side.span))
    }

    fn shaped(&mut self, found: &Key, shape: &Tree, bag: &mut Bag, base: &Base) -> Sketch {
        let mut step = base.step(Kind::Partition);
        let cut = text_of(shape).and_then(names::cut);
        let bridge = cut == Some("bridge") && bag.has(&["target", "node"]);
        let value = match cut {
            Some(cut) if bridge => match self.aim(bag, base, false) {
                Some(Aim::Nodes(nodes)) => said(format!("{cut} {}", text(&nodes)), &nodes.span),
                _ => said(cut, &shape.span),
            },
            Some(cut) => said(cut, &shape.span),
            None => self.side(shape, base),
        };
        step.entries.push((key("sides", &found.span), value));
        step
    }

    fn isolated(&mut self, bag: &mut Bag, base: &Base, direction: Option<bool>) -> Sketch {
        let target = bag.entries.iter().find(|(key, _)| key.text == "target").map(|(_, target)| target.clone());
        let named = target.as_ref().and_then(text_of).and_then(names::cut);
        let listed = target.as_ref().is_some_and(|target| target.items().iter().any(|side| !side.items().is_empty()));
        if let (Some((found, target)), true) =
            (bag.entries.iter().find(|(key, _)| key.text == "target").cloned(), named.is_some() || listed)
        {
            bag.take(&["target"]);
            if listed {
                return self.sided(&found, &target, base);
            }
            return self.shaped(&found, &target, bag, base);
        }
        let aim = self.aim(bag, base, false);
        let (kind, field, value) = match (aim, direction) {
            (Some(Aim::Nodes(nodes)), None) => (Kind::Partition, "sides", Some(nodes)),
            (Some(Aim::Nodes(nodes)), Some(inward)) => (Kind::Block, "link", Some(one_way(&nodes, inward))),
            (Some(Aim::Link(link)), None) => {
                (Kind::Partition, "sides", Some(said(text(&link).replace("->", " | "), &link.span)))
            }
            (Some(Aim::Link(link)), Some(_)) => (Kind::Block, "link", Some(link)),
            (Some(Aim::Nobody), _) => (Kind::Partition, "sides", None),
            (None, _) => (Kind::Partition, "sides", Some(Value::Null.at(base.word.span.clone()))),
        };
        let mut step = base.step(kind);
        step.entries.extend(value.map(|value| (key(field, &value.span), value)));
        step
    }

    /// A step that activates, deactivates or modifies a named partition.
    pub(super) fn switch(&mut self, mut bag: Bag, base: &Base, kind: Kind) -> Vec<Tree> {
        let mut step = base.step(kind);
        let own = base.label().map(str::to_owned);
        match (bag.take(NAMES), own) {
            (Some((found, name)), _) => {
                let label = text_of(&name).map(super::identifier).map(|label| said(label, &name.span));
                step.entries.push((key("step", &found.span), label.unwrap_or(name)));
            }
            // The name of the entry is that of the partition.
            (None, Some(label)) => {
                step.entries.retain(|(key, _)| key.text != "label");
                step.set("step", said(label, &base.word.span));
            }
            (None, None) => {}
        }
        for (theirs, ours) in [("add_nodes", "add"), ("remove_nodes", "remove")] {
            if let Some((found, nodes)) = bag.take(&[theirs]) {
                let nodes = self.side(&nodes, base);
                step.entries.push((key(ours, &found.span), nodes));
            }
        }
        step.entries.append(&mut bag.entries);
        vec![step.finish()]
    }
}

/// Whether an entry says when it begins.
fn begins(base: &Base) -> bool {
    base.entries.iter().any(|(key, _)| matches!(key.text.as_str(), "at" | "after" | "before" | "on"))
}
