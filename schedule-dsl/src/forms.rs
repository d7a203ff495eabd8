//! The structured forms of a schedule: TOML, YAML, JSON and scripts.
//!
//! All four are one tree (see [`crate::tree`]). Its keys are the words of the text form, and so are its values, read by the
//! same grammar; only what YAML and its like say better is a map or a list:
//!
//! ```yaml
//! murphy: 1
//! target: raft-kv
//! seed: 0x5eed
//! nodes: 3                              # clients, keys, ops, rate, mix: [3, 1], budget: off
//! phases: {chaos: 4s, settle: 3s}       # also active, calm, heal
//! ambient: {jitter: 1ms, loss: 1%, duplication: 1%}
//! dcs: 2                                # or [{name: east, members: [n1, n2]}, …]
//! groups: {clusterA: [n1, n2]}          # or [{name: clusterA, members: [n1, n2]}]
//! latency: {within: 1ms, between: 40ms, dc1 to dc2: 80ms}
//! resources: {cpu: 50%, memory: 64MB, disk: 1GB}
//! steps:
//! - label: slow
//!   at: 1.2s                            # or after:, before:, `on: call`
//!   fault: clock
//!   victims: leader                     # the fields of the fault by name, or by their word in the text form
//!   rate: 0.5                           # left out: the default
//!   for: 2s                             # or until:, restart_after:, rejoin_after:; again: 3 times every 10s
//!   comment: the leader's clock runs slow
//! - {after: slow begins +40ms, fault: partition, sides: [[n1, n2], [n3]]}
//! ```
//!
//! The words of other tools (`faults:`, `network_delay`, `target:`, `timing:`) are understood as well, in `dialect`. A script
//! and a file of `faults` need not say `murphy: 1`, nor when a step begins: at once. Such a file that says no length of the chaos
//! phase gets one that its times fit into. Comments of the concrete syntaxes are lost; `comment` is kept.

pub(crate) mod read;
pub(crate) mod source;

use std::collections::BTreeMap;

use crate::{
    diagnostic::Diagnostic,
    dialect,
    document::{Document, Line, owners},
    header,
    labels::spellable,
    lexer::is_identifier,
    name::Name,
    phrase::braces,
    schedule::{Header, Lasts, Step, StepId},
    text::Printer,
    tree::{Form, Tree},
};
use read::Spared;
use source::Source;

/// Reads a schedule in this form.
///
/// # Errors
/// Every mistake that was found, in the order of the text.
pub fn parse(form: Form, text: &str) -> Result<Document, Vec<Diagnostic>> {
    let (tree, repeated) = form.read_on(text)?;
    let mut source = Source::new(text, repeated);
    let foreign = dialect::is_foreign(&tree);
    let tree = dialect::translate(tree, &mut source);
    let spared = Spared { version: foreign || form == Form::Script, moments: form == Form::Script };
    let mut document = read::document(&tree, spared, source)?;
    if foreign {
        dialect::make_room(&mut document.schedule);
    }
    Ok(document)
}

/// Writes a document in this form. Comments of the header and at the end become one, and so do those of a step.
pub fn print(form: Form, document: &Document) -> String {
    form.write(&tree(document))
}

fn tree(document: &Document) -> Tree {
    let mut entries = header_entries(document);
    let owners = owners(&document.schedule.steps);
    let labels = spellable(&document.labels, &document.schedule.steps);
    let steps = document.schedule.steps.iter().enumerate().map(|(at, step)| {
        let owned = owners.get(&step.id) == Some(&at);
        let mut entries = step_entries(step, owned, &Speller { names: &document.names, labels: &labels });
        entries.extend(comment(document, |line| line == Line::Step(at)));
        Tree::map(entries)
    });
    entries.push(("steps".to_owned(), Tree::list(steps)));
    Tree::map(entries)
}

type Entry = (String, Tree);

fn header_entries(document: &Document) -> Vec<Entry> {
    let header = &document.schedule.header;
    let mut entries = Vec::new();
    for (line, text) in header::print(&document.target, header, &document.names) {
        let Some(text) = text else { continue };
        match line {
            Line::Version | Line::Target | Line::Seed | Line::Workload | Line::Budget => entries.push(worded(&text)),
            Line::Shape => entries.extend(text.split(", ").map(worded)),
            Line::Mix => entries.push(("mix".to_owned(), Tree::list(text.split(' ').skip(1).map(scalar)))),
            Line::Phases | Line::Ambient | Line::Latency | Line::Resources => entries.push(items(&text)),
            Line::Group(_) | Line::Step(_) | Line::End => {}
        }
    }
    entries.extend(groups(header, &document.names));
    entries.extend(comment(document, |line| !matches!(line, Line::Step(_))));
    entries
}

/// `seed 0x5eed` as a key and its value.
fn worded(text: &str) -> Entry {
    let (key, value) = text.split_once(' ').unwrap_or((text, ""));
    let value = if key == "target" { Tree::text(value) } else { scalar(value) };
    (key.to_owned(), value)
}

/// `phases chaos 4s, settle 3s` as a key and a map.
fn items(text: &str) -> Entry {
    let (key, list) = text.split_once(' ').unwrap_or((text, ""));
    let item = |item: &str| item.rsplit_once(' ').map(|(key, value)| (key.to_owned(), scalar(value)));
    (key.to_owned(), Tree::map(list.split(", ").filter_map(item)))
}

fn groups(header: &Header, names: &BTreeMap<Name, String>) -> Vec<Entry> {
    let labels = BTreeMap::new();
    let printer = Printer::new(names, &labels);
    let dcs = usize::from(header.dcs);
    let declaration = |at: usize| {
        let group = header.groups[at];
        let name = (group.name != Name::ANY).then(|| ("name", Tree::text(header::spelled_group(header, at, &printer))));
        let members = (at >= dcs || group.members != 0).then(|| ("members", members(group.members)));
        Tree::map(name.into_iter().chain(members))
    };
    let plain = header.groups[..dcs].iter().all(|group| group.name == Name::ANY && group.members == 0);
    let centres = if plain { Tree::number(dcs) } else { Tree::list((0..dcs).map(declaration)) };
    let named = (dcs..header.groups.len()).filter(|at| header.groups[*at].name != Name::ANY);
    let groups: Vec<Tree> = named.map(declaration).collect();
    let dcs = (dcs > 0).then(|| ("dcs".to_owned(), centres));
    let groups = (!groups.is_empty()).then(|| ("groups".to_owned(), Tree::list(groups)));
    dcs.into_iter().chain(groups).collect()
}

fn members(set: u16) -> Tree {
    scalar(&braces(set))
}

/// What is needed to spell a step.
struct Speller<'a> {
    names: &'a BTreeMap<Name, String>,
    labels: &'a BTreeMap<StepId, String>,
}

impl Speller<'_> {
    fn printer(&self) -> Printer<'_> {
        Printer::new(self.names, self.labels)
    }

    fn written(&self, write: impl FnOnce(&mut Printer<'_>)) -> String {
        let mut printer = self.printer();
        write(&mut printer);
        printer.finish()
    }
}

fn step_entries(step: &Step, owned: bool, speller: &Speller<'_>) -> Vec<Entry> {
    let printer = speller.printer();
    let mut entries = Vec::new();
    let mut entry = |key: &str, value: Tree| entries.push((key.to_owned(), value));
    if step.id != 0 {
        entry("label", Tree::text(printer.label(step.id) + if owned { "" } else { "~" }));
    }
    let when = speller.written(|printer| printer.when(step.when));
    let (side, moment) = when.split_once(' ').unwrap_or((&when, ""));
    entry(side, Tree::text(moment));
    let kind = step.fault.kind();
    entry("fault", Tree::text(kind.keyword()));
    for (name, _, value) in step.fault.values(&printer) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        let is_name = matches!(name, "kind" | "site");
        entry(name, if is_name { Tree::text(unquoted(&value)) } else { scalar(&value) });
    }
    match step.lasts {
        Lasts::Healed => {}
        Lasts::Until(id, edge) => entry("until", Tree::text(speller.written(|printer| printer.reference(id, edge)))),
        Lasts::For(_) | Lasts::Constant { .. } | Lasts::Sum { .. } | Lasts::Difference { .. } => {
            entry(&length_key(kind.lasting_words()), Tree::text(printer.length(step.lasts)));
        }
    }
    let again = speller.written(|printer| printer.again(step.again));
    if let Some(again) = again.strip_prefix("again ") {
        entry("again", Tree::text(again));
    }
    entries
}

/// The key for the length of a fault with these words before it: `restart_after`.
fn length_key(words: &[&str]) -> String {
    if words.is_empty() { "for".to_owned() } else { words.join("_") }
}

/// A name without its quotes, if it reads as the same name without them.
fn unquoted(name: &str) -> &str {
    let inner = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|inner| is_identifier(inner) || read::quoted(inner) == name).unwrap_or(name)
}

/// The comments that belong to some lines, as one.
fn comment(document: &Document, belongs: impl Fn(Line) -> bool) -> Option<Entry> {
    let comments = &document.comments;
    let above = comments.above.iter().map(|(line, text)| (*line, text.clone()));
    let beside = comments.beside.iter().map(|(line, text)| (*line, vec![text.clone()]));
    let mut lines: Vec<(Line, Vec<String>)> = above.chain(beside).filter(|(line, _)| belongs(*line)).collect();
    lines.sort_by_key(|(line, _)| *line);
    let remarks: Vec<String> = lines.iter().flat_map(|(_, text)| text).map(|text| bare(text)).collect();
    let text = remarks.join("\n");
    let text = text.trim_matches('\n');
    (!text.is_empty()).then(|| ("comment".to_owned(), Tree::text(text)))
}

/// A line of a comment without its `#`, if that can be put back.
fn bare(remark: &str) -> String {
    let text = remark.strip_prefix("# ").or_else(|| remark.strip_prefix('#').filter(|text| !text.starts_with('!')));
    text.filter(|text| !text.starts_with(['#', ' '])).unwrap_or(remark).to_owned()
}

/// A value of the text form: as a number or a list of nodes if it is one, else as text.
fn scalar(text: &str) -> Tree {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let hexadecimal = text.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let decimal = text.split_once('.').map_or(digits(text), |(whole, part)| digits(whole) && digits(part));
    let list =
        text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).filter(|inner| !inner.contains(['{', '"']));
    match list {
        Some("") => Tree::list([]),
        Some(inner) => Tree::list(inner.split(',').map(Tree::text)),
        None if decimal || hexadecimal => Tree::number(text),
        None => Tree::text(text),
    }
}
