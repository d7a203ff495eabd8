//! From an entry to its steps, kind by kind where a table does not do.

use super::{
    Base, Sketch, Translator,
    bag::Bag,
    key,
    names::{Aim, text},
    values::{convert, said, text_of},
    words::{self, Alias, Convert, MESSAGES, PARAMETERS, STORAGE, WIDE, snake},
};
use crate::{
    fault::FaultKind as Kind,
    schedule::STEPS_MAX,
    tree::{Key, Tree, Value},
};

/// Fields that select whom a fault strikes.
pub(super) const SELECTORS: [&str; 4] = ["victims", "link", "sides", "scope"];

/// How a node goes down, and what that is here.
const ENDINGS: &[(&str, Kind)] = &[
    ("abrupt", Kind::Crash),
    ("crash", Kind::Crash),
    ("hard", Kind::Crash),
    ("sigkill", Kind::Crash),
    ("sigsegv", Kind::Crash),
    ("sigabrt", Kind::Crash),
    ("sigbus", Kind::Crash),
    ("sigill", Kind::Crash),
    ("power_loss", Kind::Crash),
    ("graceful", Kind::Stop),
    ("soft", Kind::Stop),
    ("sigterm", Kind::Stop),
    ("sigint", Kind::Stop),
    ("sighup", Kind::Stop),
    ("sigquit", Kind::Stop),
    ("sigstop", Kind::Pause),
    ("sigtstp", Kind::Pause),
];

/// What a `resource` is called, and the word for the fault of it.
const RESOURCES: &[(&str, Kind)] = &[
    ("cpu", Kind::Cpu),
    ("processor", Kind::Cpu),
    ("memory", Kind::Memory),
    ("ram", Kind::Memory),
    ("disk", Kind::DiskFull),
    ("disk_space", Kind::DiskFull),
];

/// What a word of our own says beside the kind of fault.
const PLAIN: Alias = Alias { word: "", kind: Kind::Note, file: "", part: "", says: &[] };

impl Translator<'_, '_> {
    /// The steps of an entry whose word is `known`, in the spelling of aliases.
    pub(super) fn dispatch(&mut self, known: &str, bag: Bag, base: Base) -> Vec<Tree> {
        match known {
            "resource_pressure" => self.resources(bag, &base),
            "io_pressure" => self.input_output(bag, &base),
            "disk_io" => self.disk_errors(bag, &base),
            "packet" => self.packet(bag, &base),
            "resume" | "resume_node" | "node_resume" => self.resume(bag, &base),
            "activate_partition" => self.switch(bag, &base, Kind::Activate),
            "deactivate_partition" | "heal_partition" => self.switch(bag, &base, Kind::Deactivate),
            "modify_partition" => self.switch(bag, &base, Kind::Modify),
            _ => self.known(known, bag, base),
        }
    }

    fn known(&mut self, known: &str, mut bag: Bag, base: Base) -> Vec<Tree> {
        let alias = words::fault(known).unwrap_or(&PLAIN);
        let Some(kind) = words::kind(known) else {
            // No word of anybody's: our own reader says so.
            let mut entries = base.entries;
            entries.push((key("fault", &base.word.span), base.word));
            entries.append(&mut bag.entries);
            return vec![Value::Map(entries).at(base.span)];
        };
        let kind = match kind {
            Kind::Crash => self.ending(&mut bag, kind),
            Kind::Damage if bag.has(&["probability"]) => Kind::Miswrite,
            kind => kind,
        };
        match kind {
            Kind::Partition => self.partition(bag, &base),
            _ if MESSAGES.contains(&kind) && bag.has(&["rules"]) => self.rules(kind, bag, &base),
            _ => vec![self.simple(kind, alias, bag, &base)],
        }
    }

    /// Which kind of ending `crash_type` means.
    fn ending(&mut self, bag: &mut Bag, kind: Kind) -> Kind {
        let Some((_, value)) = bag.take(&["crash_type", "signal", "crash_mode"]) else { return kind };
        let word = text_of(&value).map(|word| snake(word).replace("sig_", "sig")).unwrap_or_default();
        let word = word.to_lowercase();
        if let Some((_, kind)) = ENDINGS.iter().find(|(theirs, _)| *theirs == word) {
            return *kind;
        }
        let known = ENDINGS.iter().map(|(theirs, _)| *theirs);
        self.source.complain_unknown(value.span, &word, "`graceful`, `abrupt`, or a signal such as `SIGKILL`", known);
        kind
    }

    /// One step with the fields of one entry.
    fn simple(&mut self, kind: Kind, alias: &Alias, mut bag: Bag, base: &Base) -> Tree {
        let mut step = base.step(kind);
        self.aimed(kind, &mut bag, &mut step, base);
        self.parameters(kind, &mut bag, &mut step);
        for (field, value) in alias.says {
            step.suppose(field, value, &base.word.span);
        }
        if STORAGE.contains(&kind) {
            self.place(alias, &mut bag, &mut step, base);
        }
        step.entries.append(&mut bag.entries);
        step.finish()
    }

    /// Sets the fields that other tools call otherwise.
    fn parameters(&mut self, kind: Kind, bag: &mut Bag, step: &mut Sketch) {
        for row in PARAMETERS.iter().filter(|row| row.kinds.contains(&kind)) {
            while let Some((found, value)) = bag.take(row.keys) {
                if step.has(row.field) {
                    let expected = format!("no `{}` here: `{}` has been said already", found.text, row.field);
                    self.source.complain(found.span, expected);
                    continue;
                }
                if matches!(row.convert, Convert::Flag(_)) && value.value == Value::Bool(false) {
                    continue;
                }
                self.correlation(row.convert, &value, step);
                // What has been complained of is nothing: the reader does not miss it.
                let nothing = || Value::Null.at(value.span.clone());
                let converted = convert(&value, row.convert, self.source).unwrap_or_else(nothing);
                step.entries.push((key(row.field, &found.span), converted));
            }
        }
    }

    /// The correlation that stands within a delay.
    fn correlation(&mut self, how: Convert, delay: &Tree, step: &mut Sketch) {
        if let (Convert::Latency, Some(value)) = (how, delay.get("correlation")) {
            let value = convert(value, Convert::Share, self.source);
            step.entries.extend(value.map(|value| (key("correlation", &value.span), value)));
        }
    }

    /// Sets whom it strikes.
    fn aimed(&mut self, kind: Kind, bag: &mut Bag, step: &mut Sketch, base: &Base) {
        let fields = kind.fields();
        let selector = SELECTORS.iter().find(|name| fields.iter().any(|field| field.name == **name));
        let Some(selector) = selector else {
            if let (Some((found, value)), Some(first)) = (bag.take(&["target"]), fields.first()) {
                step.entries.push((key(first.name, &found.span), value));
            }
            return;
        };
        if bag.has(&[selector]) {
            return;
        }
        let inward = self.inward(bag, selector);
        let Some(aim) = self.aim(bag, base, STORAGE.contains(&kind)) else {
            return step.set(selector, Value::Null.at(base.word.span.clone()));
        };
        let value = match (aim, *selector) {
            (Aim::Nodes(nodes), "link") => Some(one_way(&nodes, inward)),
            (Aim::Nodes(nodes), _) => Some(nodes),
            (Aim::Link(link), "link" | "scope") => Some(link),
            (Aim::Link(link), _) => {
                self.source.complain(link.span.clone(), format!("nodes, since `{}` strikes no link", kind.keyword()));
                Some(Value::Null.at(link.span))
            }
            (Aim::Nobody, "victims") if base.strict && (STORAGE.contains(&kind) || WIDE.contains(&kind)) => {
                Some(said("all", &base.word.span))
            }
            (Aim::Nobody, _) => None,
        };
        step.entries.extend(value.map(|value| (key(selector, &value.span), value)));
    }

    /// Whether a fault of the network concerns what a node receives.
    fn inward(&mut self, bag: &mut Bag, selector: &str) -> bool {
        if selector != "link" {
            return false;
        }
        let Some((_, value)) = bag.take(&["direction"]) else { return false };
        match text_of(&value).map(snake).as_deref() {
            Some("in" | "inbound" | "ingress" | "receive" | "incoming") => true,
            Some("out" | "outbound" | "egress" | "send" | "outgoing") => false,
            _ => {
                self.source.complain(value.span, "`in` or `out`");
                false
            }
        }
    }

    /// Whom it is about: under `target`, or directly in the entry. Of a target on a disk the rest goes back into the entry.
    pub(super) fn aim(&mut self, bag: &mut Bag, base: &Base, stored: bool) -> Option<Aim> {
        let Some((found, target)) = bag.take(&["target", "targets"]) else {
            return self.names.aim(bag, base.strict, self.source);
        };
        let Value::Map(_) = target.value else {
            return self.names.selector(&target, base.strict, self.source).map(Aim::Nodes);
        };
        let mut inner = Bag::new(&target);
        let aim = self.names.aim(&mut inner, base.strict, self.source);
        if stored {
            bag.entries.append(&mut inner.entries);
        } else {
            let known = ["node", "nodes", "group", "source_node", "destination_node"];
            inner.nothing_left(&format!("`{}`", found.text), &known, self.source);
            return aim.filter(|aim| inner.entries.is_empty() || !matches!(aim, Aim::Nobody));
        }
        aim
    }

    /// The rules of a fault of messages in their order, and its default, unless the rules only say where it strikes.
    fn rules(&mut self, kind: Kind, mut bag: Bag, base: &Base) -> Vec<Tree> {
        let Some((_, rules)) = bag.take(&["rules"]) else { return Vec::new() };
        if !matches!(rules.value, Value::List(_)) {
            self.source.complain_of_kind(&rules, "a list of rules");
        }
        let strength = strength(kind);
        let own = rules.items().iter().any(|rule| Bag::new(rule).has(strength));
        let wider = kind == Kind::Loss || own || bag.has(&["default_delay", "default_probability"]);
        let default = rules.items().is_empty() || wider && bag.has(strength);
        let mut steps: Vec<Tree> = Vec::new();
        for (number, rule) in (1_u32..).zip(rules.items()) {
            if !matches!(rule.value, Value::Map(_)) {
                self.source.complain_of_kind(rule, "a rule such as `{source_node: node1, probability: 0.1}`");
                continue;
            }
            let first = steps.is_empty() && !default;
            let mut base = if first { base.clone() } else { base.without_label() };
            base.span = rule.span.clone();
            base.entries.push((key("rule", &rule.span), Value::Number(number.to_string()).at(rule.span.clone())));
            steps.push(self.simple(kind, &PLAIN, with_inherited(Bag::new(rule), &bag, kind), &base));
        }
        if default {
            steps.push(self.simple(kind, &PLAIN, bag, base));
        }
        steps
    }

    /// The steps of an entry that names several faults, each with what the entry says of all of them.
    fn each(&mut self, faults: Vec<(Option<Kind>, Bag)>, base: &Base) -> Vec<Tree> {
        let mut steps = Vec::new();
        for (kind, bag) in faults {
            let base = if steps.is_empty() { base.clone() } else { base.without_label() };
            steps.extend(match kind {
                Some(kind) => self.known(&snake(kind.keyword()), bag, base),
                None => self.input_output(bag, &base),
            });
        }
        steps
    }

    /// A step for each resource that is short.
    fn resources(&mut self, mut bag: Bag, base: &Base) -> Vec<Tree> {
        if let Some((_, resource)) = bag.take(&["resource"]) {
            let word = text_of(&resource).map(snake).unwrap_or_default();
            if let Some((_, kind)) = RESOURCES.iter().find(|(theirs, _)| *theirs == word) {
                return self.known(&kind.keyword().replace('-', "_"), bag, base.clone());
            }
            if matches!(word.as_str(), "io" | "i/o" | "disk_io") {
                return self.input_output(bag, base);
            }
            let known = RESOURCES.iter().map(|(theirs, _)| *theirs);
            self.source.complain_unknown(resource.span, &word, "`cpu`, `memory`, `disk` or `io`", known);
            return Vec::new();
        }
        let mut parts = Vec::new();
        for (keys, kind) in [
            (&["cpu_utilization", "cpu", "cpu_usage"][..], Some(Kind::Cpu)),
            (&["memory", "memory_utilization", "memory_usage"], Some(Kind::Memory)),
            (&["disk", "disk_space"], Some(Kind::DiskFull)),
            (&["io", "disk_io"], None),
        ] {
            parts.extend(bag.take(keys).map(|(found, value)| (found, value, kind)));
        }
        if parts.is_empty() {
            self.source.complain(base.span.clone(), "a key `cpu_utilization`, `memory`, `disk` or `io`, or `resource`");
        }
        let faults = parts.into_iter().map(|(found, value, kind)| {
            let main = if kind == Some(Kind::DiskFull) { "free" } else { "utilization" };
            (kind, with_part(&bag, main, found, value))
        });
        self.each(faults.collect(), base)
    }

    /// A step for each thing that happens to packets: `delay`, `loss`, `corrupt`, `duplicate`, `reorder`, `rate`.
    fn packet(&mut self, mut bag: Bag, base: &Base) -> Vec<Tree> {
        let words = [
            ("delay", Kind::Delay, "delay"),
            ("loss", Kind::Loss, "probability"),
            ("corrupt", Kind::Corrupt, "probability"),
            ("duplicate", Kind::Duplicate, "probability"),
            ("reorder", Kind::Reorder, "probability"),
            ("rate", Kind::Bandwidth, "rate"),
        ];
        let parts: Vec<_> =
            words.into_iter().filter_map(|(word, kind, main)| Some((kind, main, bag.take(&[word])?))).collect();
        if parts.is_empty() {
            self.source
                .complain(base.span.clone(), "a key `delay`, `loss`, `corrupt`, `duplicate`, `reorder` or `rate`");
        }
        let faults = parts.into_iter().map(|(kind, main, (found, value))| match kind {
            Kind::Delay => (Some(kind), with_entry(&bag, main, &found, value)),
            _ => (Some(kind), with_part(&bag, main, found, value)),
        });
        self.each(faults.collect(), base)
    }

    /// A slow disk, a narrow one, or both.
    fn input_output(&mut self, mut bag: Bag, base: &Base) -> Vec<Tree> {
        let rate = bag.take(&["throughput", "throughput_limit", "limit", "rate"]);
        let delay = bag.take(&["latency", "delay", "latency_increase"]);
        if rate.is_none() && delay.is_none() {
            self.source.complain(base.span.clone(), "a key `throughput` or `latency`");
        }
        let parts = [("rate", Kind::DiskThrottle, rate), ("delay", Kind::DiskDelay, delay)];
        let faults = parts.into_iter().filter_map(|(word, kind, said)| {
            let (found, value) = said?;
            Some((Some(kind), with_entry(&bag, word, &found, value)))
        });
        self.each(faults.collect(), base)
    }

    /// A step for each sort of call that fails or is slow, on each disk.
    fn disk_errors(&mut self, mut bag: Bag, base: &Base) -> Vec<Tree> {
        let mut parts = Vec::new();
        for (calls, word) in [("read", "read_"), ("write", "write_"), ("sync", "sync_"), ("all", "")] {
            let failure = bag.take(&[&format!("{word}failure_probability"), &format!("{word}error_probability")]);
            parts.extend(failure.map(|(found, value)| (calls, Kind::DiskError, "probability", found, value)));
            let delay = bag.take(&[&format!("{word}delay"), &format!("{word}latency")]);
            parts.extend(delay.map(|(found, value)| (calls, Kind::DiskDelay, "delay", found, value)));
        }
        if parts.is_empty() {
            let expected =
                "a key `read_failure_probability`, `write_failure_probability`, `read_delay` or `write_delay`";
            self.source.complain(base.span.clone(), expected);
        }
        let disks = match bag.take(&["disks", "disk"]) {
            None => vec![None],
            Some((_, Tree { value: Value::List(disks), .. })) => disks.into_iter().map(Some).collect(),
            Some((_, disk)) => vec![Some(disk)],
        };
        let mut faults = Vec::new();
        for disk in disks {
            for (calls, kind, word, found, value) in &parts {
                let mut inner = with_entry(&bag, word, found, value.clone());
                if *kind == Kind::DiskDelay {
                    inner.take(&["error_code", "errno", "code"]);
                }
                inner.entries.push((key("calls", &found.span), said(*calls, &found.span)));
                inner.entries.extend(disk.clone().map(|disk| (key("disk", &disk.span), disk)));
                faults.push((Some(*kind), inner));
            }
        }
        self.each(faults, base)
    }

    /// The end of a pause, as a step that a pause of the same nodes lasts until.
    fn resume(&mut self, mut bag: Bag, base: &Base) -> Vec<Tree> {
        let Some(Aim::Nodes(nodes)) = self.aim(&mut bag, base, false) else {
            self.source.complain(base.word.span.clone(), "a key `target` with the nodes that are paused");
            return Vec::new();
        };
        let mut step = base.step(Kind::Note);
        if base.label().is_none() {
            let label = self.made_up("resume");
            step.set("label", said(label, &base.word.span));
        }
        step.set(RESUMED, nodes);
        step.entries.append(&mut bag.entries);
        vec![step.finish()]
    }

    /// Ends the pauses that are resumed.
    pub(super) fn resumed(&mut self, mut steps: Vec<Tree>) -> Vec<Tree> {
        // Nobody reads those beyond the limit.
        for at in 0..steps.len().min(STEPS_MAX) {
            let Value::Map(entries) = &mut steps[at].value else { continue };
            let Some(found) = entries.iter().position(|(key, _)| key.text == RESUMED) else { continue };
            let (_, nodes) = entries.remove(found);
            let label = steps[at].get("label").and_then(text_of).unwrap_or_default().to_owned();
            let pauses = |step: &&mut Tree| {
                let is = |key: &str, value: &str| step.get(key).and_then(text_of) == Some(value);
                let same = step.get("victims").is_some_and(|victims| text(victims) == text(&nodes));
                is("fault", Kind::Pause.keyword()) && same && step.get("for").is_none() && step.get("until").is_none()
            };
            match steps[..at].iter_mut().rev().find(pauses) {
                Some(Tree { value: Value::Map(pause), .. }) => {
                    pause.push((key("until", &nodes.span), said(format!("{label} begins"), &nodes.span)));
                }
                _ => self.source.complain(nodes.span.clone(), "nodes that a `pause` above pauses without a length"),
            }
        }
        steps
    }
}

/// The key of a note that ends a pause of these nodes, until it has done so.
const RESUMED: &str = " resumed";

/// The links from some nodes, or to them.
pub(super) fn one_way(nodes: &Tree, inward: bool) -> Tree {
    let nodes_text = text(nodes);
    let link = if inward { format!("all->{nodes_text}") } else { format!("{nodes_text}->all") };
    let said_so = nodes_text.contains("->");
    said(if said_so { nodes_text } else { link }, &nodes.span)
}

/// The keys that say how strong a fault of messages is.
fn strength(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Delay => &["delay", "default_delay", "latency"],
        _ => &["probability", "default_probability", "percent", "percentage", "share"],
    }
}

/// A rule with what the entry says of all its rules: not whom it strikes, and of losses not how many.
fn with_inherited(mut rule: Bag, entry: &Bag, kind: Kind) -> Bag {
    let strength = strength(kind);
    let stronger = kind == Kind::Loss || rule.has(strength);
    let inherited = entry.entries.iter().filter(|(key, _)| {
        let word = snake(&key.text);
        let dropped = word == "target" || stronger && strength.contains(&word.as_str());
        !dropped && !rule.has(&[word.as_str()])
    });
    let inherited: Vec<(Key, Tree)> = inherited.cloned().collect();
    rule.entries.extend(inherited);
    rule
}

/// A bag with one more entry.
fn with_entry(bag: &Bag, word: &str, found: &Key, value: Tree) -> Bag {
    let mut bag = bag.clone();
    bag.entries.push((key(word, &found.span), value));
    bag
}

/// A bag with the entries of a map, or with one more entry of this key if it is none.
fn with_part(bag: &Bag, main: &str, found: Key, value: Tree) -> Bag {
    if !matches!(value.value, Value::Map(_)) {
        return with_entry(bag, main, &found, value);
    }
    let mut bag = bag.clone();
    bag.entries.extend(Bag::new(&value).entries);
    bag
}
