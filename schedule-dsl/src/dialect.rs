//! The words of other tools, MadJep's first of all: a file of theirs as a tree of ours.
//!
//! ```yaml
//! topology: {nodes: [{name: db-east, address: 10.0.0.7, group: data}]}
//! faults:                                       # a list, or a table by label
//! - type: network_delay
//!   target: {source_node: node1, destination_node: node3}
//!   delay: {distribution: normal, mean: 200ms, std_dev: 50ms}
//!   timing: {after: 30s}                        # at 30s; left out: from the start
//!   duration: 10s                               # left out: to the end of the chaos phase
//! ```
//!
//! An entry becomes one step or several. Entries of our own pass unchanged, and both sorts of words may be mixed, since the
//! script form calls faults by either. What nothing here understands is left where it is, for the reader of our own form to
//! complain about. What is decided here, where other tools do not say it:
//!
//! - A node is known by the number at the end of its name (`node1`, `database1`, `10.0.0.5`), or by its place in `topology`.
//! - A fault of the network that strikes a node concerns what it sends, as with `tc netem`; `direction: in` turns that around.
//! - A number from 0 to 1 is a share. The default of a list of `rules` is the fault without a number, the rules have numbers in
//!   the order of the list, and a rule of `packet_loss` without a probability loses everything.
//! - Faults of disks, clocks and resources without a target strike every node.
//! - `graceful` and most signals ask a node to stop, `abrupt` and SIGKILL crash it, SIGSTOP pauses it.

mod bag;
mod faults;
mod names;
mod partition;
mod storage;
mod timing;
mod topology;
mod values;
mod words;

use std::{collections::BTreeMap, ops::Range};

use crate::{
    document::owners,
    fault::{FaultKind, Length},
    forms::{read::timed, source::Source},
    header,
    lexer::is_identifier,
    schedule::{Edge, Lasts, Schedule, Step, StepId, When},
    text::node_number,
    tree::{Key, Tree, Value},
};
use bag::Bag;
use names::Names;
use values::{plain_of, said, text_of};

/// The chaos phase of targets that do not say otherwise, in microseconds.
const USUAL_CHAOS: u64 = 4_000_000;
/// How much longer than the last time that is said the chaos phase is, where nothing says how long the step lasts.
const MARGIN: u64 = 2_000_000;

/// Whether a file is written in the words of other tools.
pub(crate) fn is_foreign(tree: &Tree) -> bool {
    tree.get("faults").is_some()
}

/// Their words for faults.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    words::ALIASES.iter().map(|alias| alias.word).chain(words::SPECIAL.iter().copied())
}

/// Their keys.
pub(crate) fn keys() -> impl Iterator<Item = &'static str> {
    let parameters = words::PARAMETERS.iter().flat_map(|parameter| parameter.keys);
    parameters.copied().chain(["target", "timing", "duration", "enabled", "name", "rules"])
}

/// Whether a field says whom a fault strikes, as `target` does.
pub(crate) fn aims_at(field: &str) -> bool {
    faults::SELECTORS.contains(&field)
}

/// `tree` in our own words.
pub(crate) fn translate(tree: Tree, source: &mut Source<'_>) -> Tree {
    let Value::Map(entries) = &tree.value else { return tree };
    let names = Names::declared(&tree);
    let mut translator = Translator { source, names, counted: 0 };
    let mut translated = Vec::new();
    let mut steps: Option<(Key, Vec<Tree>, Range<usize>)> = None;
    for (found, value) in entries {
        match translator.steps_of(&found.text, value) {
            None => translated.extend(translator.header(found, value)),
            Some(more) => {
                let first = || (key("steps", &found.span), Vec::new(), value.span.clone());
                steps.get_or_insert_with(first).1.extend(more);
            }
        }
    }
    if let Some((found, all, span)) = steps {
        translated.push((found, Value::List(all).at(span)));
    }
    translator.once(&translated);
    Value::Map(translated).at(tree.span.clone())
}

/// A key of ours on account of what stands on `span`.
fn key(text: &str, span: &Range<usize>) -> Key {
    Key { text: text.to_owned(), span: span.clone() }
}

/// Turns entries into steps.
struct Translator<'s, 't> {
    source: &'s mut Source<'t>,
    names: Names,
    /// How many labels have been made up.
    counted: usize,
}

/// What all steps of one entry have in common.
#[derive(Clone, Debug)]
struct Base {
    /// Label, trigger, length, repetition and comment.
    entries: Vec<(Key, Tree)>,
    span: Range<usize>,
    /// The word for the fault, where it stands.
    word: Tree,
    /// Whether names that nothing explains are errors.
    strict: bool,
}

/// A step in the making.
#[derive(Clone, Debug)]
struct Sketch {
    entries: Vec<(Key, Tree)>,
    span: Range<usize>,
}

impl Base {
    fn label(&self) -> Option<&str> {
        self.entries.iter().find(|(key, _)| key.text == "label").and_then(|(_, label)| text_of(label))
    }

    /// A step that does `kind`. All but the first of an entry have no label.
    fn step(&self, kind: FaultKind) -> Sketch {
        let mut entries = self.entries.clone();
        entries.push((key("fault", &self.word.span), said(kind.keyword(), &self.word.span)));
        Sketch { entries, span: self.span.clone() }
    }

    fn without_label(&self) -> Self {
        let mut base = self.clone();
        base.entries.retain(|(key, _)| key.text != "label" && key.text != "comment");
        base
    }
}

impl Sketch {
    fn has(&self, field: &str) -> bool {
        self.entries.iter().any(|(key, _)| key.text == field)
    }

    fn set(&mut self, field: &str, value: Tree) {
        self.entries.push((key(field, &value.span), value));
    }

    /// Sets a field unless it is set already.
    fn suppose(&mut self, field: &str, value: &str, span: &Range<usize>) {
        if !self.has(field) {
            self.set(field, said(value, span));
        }
    }

    fn finish(self) -> Tree {
        Value::Map(self.entries).at(self.span)
    }
}

impl Translator<'_, '_> {
    /// The steps under a key of the file; nothing if it is one of the header's.
    fn steps_of(&mut self, word: &str, value: &Tree) -> Option<Vec<Tree>> {
        match word {
            "faults" | "events" => Some(at_once(self.faults(value))),
            "partitions" => Some(at_once(self.partitions(value))),
            "steps" if matches!(value.value, Value::List(_)) => Some(self.steps(value)),
            _ => None,
        }
    }

    /// A key of the header in our words.
    fn header(&mut self, found: &Key, value: &Tree) -> Vec<(Key, Tree)> {
        match found.text.as_str() {
            "topology" => self.topology(value),
            "description" | "name" => vec![(key("comment", &found.span), value.clone())],
            "duration" => {
                let chaos = Value::Map(vec![(key("chaos", &found.span), value.clone())]).at(value.span.clone());
                vec![(key("phases", &found.span), chaos)]
            }
            word => vec![(found.clone(), self.with_members(word, value))],
        }
    }

    /// The value of one of these keys, which is true or false.
    fn flag(&mut self, bag: &mut Bag, keys: &[&str]) -> Option<bool> {
        match bag.take(keys)? {
            (_, Tree { value: Value::Bool(flag), .. }) => Some(flag),
            (_, other) => {
                self.source.complain_of_kind(&other, "true or false");
                None
            }
        }
    }

    /// Complains about keys of the header that stand there twice after translation.
    fn once(&mut self, entries: &[(Key, Tree)]) {
        let mut seen = BTreeMap::new();
        for (key, _) in entries {
            let earlier = *seen.entry(&key.text).or_insert(key.span.start);
            if earlier != key.span.start {
                let line = self.source.line(earlier);
                self.source.complain(key.span.clone(), format!("`{}` once (line {line} says it)", key.text));
            }
        }
    }

    /// A list of entries, or a table of them by label.
    fn faults(&mut self, value: &Tree) -> Vec<Tree> {
        if !matches!(value.value, Value::List(_) | Value::Map(_) | Value::Null) {
            self.source.complain_of_kind(value, "a list of faults");
        }
        let mut steps = Vec::new();
        for item in value.items() {
            steps.extend(self.entry(item, None, true));
        }
        for (name, item) in value.entries() {
            steps.extend(self.entry(item, Some(name), true));
        }
        self.resumed(steps)
    }

    fn steps(&mut self, value: &Tree) -> Vec<Tree> {
        let steps = value.items().iter().flat_map(|item| self.entry(item, None, false)).collect();
        self.resumed(steps)
    }

    /// The steps that an entry means.
    fn entry(&mut self, tree: &Tree, name: Option<&Key>, foreign: bool) -> Vec<Tree> {
        if !matches!(tree.value, Value::Map(_)) {
            return vec![tree.clone()];
        }
        let mut bag = Bag::new(tree);
        if self.flag(&mut bag, &["enabled"]) == Some(false) {
            return Vec::new();
        }
        let Some(word) = self.word(&mut bag, name, tree, foreign) else { return Vec::new() };
        let known = text_of(&word).map(words::snake).unwrap_or_default();
        let alias = words::fault(&known).is_some() || words::SPECIAL.contains(&known.as_str());
        let mut base = Base { entries: Vec::new(), span: tree.span.clone(), word, strict: foreign || alias };
        self.label(&mut bag, name, &mut base);
        self.timing(&mut bag, &mut base);
        self.dispatch(&known, bag, base)
    }

    /// The word for the fault: under `type` or `fault`, or as the name of the entry.
    fn word(&mut self, bag: &mut Bag, name: Option<&Key>, tree: &Tree, foreign: bool) -> Option<Tree> {
        let foreign_keys: &[&str] = if foreign { &["type", "fault", "fault_type"] } else { &["fault", "type"] };
        if let Some((_, word)) = bag.take(foreign_keys) {
            return Some(word);
        }
        let named = name.map(|name| (name.text.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_'), name));
        if let Some((word, name)) =
            named.filter(|(word, _)| words::kind(word).is_some() || words::SPECIAL.contains(word))
        {
            return Some(said(word, &name.span));
        }
        let key = if foreign { "`type`, such as `type: node_crash`" } else { "`fault`, such as `fault: crash`" };
        self.source.complain(tree.span.clone(), format!("a key {key}"));
        None
    }

    fn label(&mut self, bag: &mut Bag, name: Option<&Key>, base: &mut Base) {
        if let Some((found, label)) = bag.take(&["label", "name"]) {
            let fits = text_of(&label).map(identifier).filter(|_| found.text != "label");
            let label = fits.map_or_else(|| label.clone(), |text| said(text, &label.span));
            base.entries.push((key("label", &found.span), label));
        } else if let Some(name) = name.filter(|name| node_number(&name.text).is_none()) {
            base.entries.push((key("label", &name.span), said(identifier(&name.text), &name.span)));
        }
        if let Some((found, comment)) = bag.take(&["comment", "description"]) {
            base.entries.push((key("comment", &found.span), comment));
        }
    }

    /// A label that no file has given.
    fn made_up(&mut self, word: &str) -> String {
        self.counted += 1;
        format!("{word}_{}", self.counted)
    }
}

/// Steps of which those begin at once that do not say when.
fn at_once(mut steps: Vec<Tree>) -> Vec<Tree> {
    for step in &mut steps {
        let span = step.span.start..step.span.start;
        if let Value::Map(entries) = &mut step.value
            && !timed(entries)
        {
            entries.push((key("at", &span), said("0s", &span)));
        }
    }
    steps
}

/// Makes the chaos phase long enough for all steps whose times are known, if its length is not said. Other tools have no such
/// phase: what they inject after half a minute would never come here.
pub(crate) fn make_room(schedule: &mut Schedule) {
    let needed = last_moment(&schedule.steps);
    if schedule.header.chaos == 0 && needed > USUAL_CHAOS {
        let units = needed.div_ceil(header::PHASE_UNIT.into());
        schedule.header.chaos = u16::try_from(units).unwrap_or(u16::MAX);
    }
}

/// By when the last step has begun for the last time and ended, in microseconds, as far as that is a matter of times.
fn last_moment(steps: &[Step]) -> u64 {
    let length = |step: &Step| match (step.lasts, step.fault.kind().length()) {
        (Lasts::For(micros), _) => micros.into(),
        (_, Length::Instant) => 0,
        (Lasts::Healed | Lasts::Until(..), _) => MARGIN,
        (Lasts::Constant { .. } | Lasts::Sum { .. } | Lasts::Difference { .. }, _) => MARGIN,
    };
    let owners = owners(steps);
    let mut begins: Vec<Option<u64>> = vec![None; steps.len()];
    // One round for each step that another one waits for; those that wait for each other have no time.
    for _ in 0..steps.len() {
        for (at, step) in steps.iter().enumerate() {
            let edge = |id: StepId, edge: Edge| {
                let owner = *owners.get(&id)?;
                Some(begins[owner]? + if edge == Edge::Ends { length(&steps[owner]) } else { 0 })
            };
            begins[at] = match step.when {
                When::At(micros) => Some(micros.into()),
                When::Step { step, edge: side, delay } => edge(step, side).map(|begins| begins + u64::from(delay)),
                When::Fact { from: Some((step, side)), delay, .. } => {
                    edge(step, side).map(|begins| begins + u64::from(delay))
                }
                When::Fact { from: None, delay, .. } => Some(delay.into()),
                When::Called => None,
            };
        }
    }
    let ends = steps.iter().zip(begins).filter_map(|(step, begins)| {
        let (times, every) = (u64::from(step.again.times), u64::from(step.again.every));
        let spread = if step.again.about { 2 } else { 1 };
        let tail = if let Lasts::For(micros) = step.lasts { micros.into() } else { MARGIN };
        Some(begins? + times * every * spread + tail)
    });
    ends.max().unwrap_or(0)
}

/// A name as a label: `split brain` is `split_brain`.
fn identifier(name: &str) -> String {
    if is_identifier(name) || name.ends_with('~') {
        return name.to_owned();
    }
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let text: String = name.chars().map(fits).collect();
    if text.starts_with(|c: char| c.is_ascii_digit()) { format!("_{text}") } else { text }
}

/// Whether `value` is a duration.
fn is_duration(value: &Tree) -> bool {
    plain_of(value).is_some_and(|text| crate::units::micros(text.trim()).is_ok())
}
