//! Schedules written in Rust, with the same power as the files.
//!
//! ```
//! use std::time::Duration;
//!
//! use murphy_schedule::{
//!     Document, Fault, Nodes,
//!     build::{after, at, before, begins, constant, mark, millis, node, role, secs, send, sync},
//!     field::{ClockOf, Factor, Offset, Sides},
//! };
//!
//! let document = Document::build("raft-kv")
//!     .seed(0x5eed)
//!     .nodes(3)
//!     .clients(4)
//!     .chaos(secs(4))
//!     .group("clusterA", [1, 2])
//!     .step(
//!         at(millis(1_200))
//!             .fault_with(|words| Fault::Clock {
//!                 victims: words.role("leader"),
//!                 offset: Offset::default(),
//!                 rate: Factor(500),
//!                 which: ClockOf::Both,
//!             })
//!             .lasts(secs(2))
//!             .label("slow")
//!             .comment("its lease lasts twice as long as it thinks"),
//!     )
//!     .step(
//!         after(begins("slow"))
//!             .plus(millis(40))
//!             .fault_with(|words| Fault::Partition { sides: Sides::Two(words.role("leader"), Nodes::Rest) })
//!             .lasts(constant("election_timeout").percent(110)),
//!     )
//!     .step(after(sync(node(2)).nth(3)).does("crash n2 torn").lasts(millis(250)))
//!     .step(after(send("AppendEntries").over(role("leader"), node(3)).nth(5)).does("delay 300ms"))
//!     .step(before(mark("two leaders").since(begins("slow"))).does("pause previous-leader").lasts(constant("lease").percent(98)))
//!     .finish()?;
//!
//! assert_eq!(
//!     document.to_string(),
//!     r#"murphy 1
//! target raft-kv
//! seed 0x5eed
//! nodes 3, clients 4
//! phases chaos 4s
//! group clusterA {n1,n2}
//!
//! ## its lease lasts twice as long as it thinks
//! slow: at 1.2s                                        clock leader rate 0.5 for 2s
//!       after slow begins +40ms                        partition leader | rest for election_timeout*1.1
//!       after n2 sync #3                               crash n2 torn, restart after 250ms
//!       after send AppendEntries leader->n3 #5         delay 300ms
//!       before mark "two leaders" #1 from slow begins  pause previous-leader for lease*0.98
//! "#
//! );
//! # Ok::<(), murphy_schedule::build::BuildErrors>(())
//! ```
//!
//! A fault is said in one of three ways: as a [`Fault`] ([`Moment::fault`]), as one whose names and labels are spelled out
//! ([`Moment::fault_with`]), or in the words of the text form ([`Moment::does`]). What is built is a text, read by the same
//! parser as every other: limits, labels and ids are those of the files, and nothing panics.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    time::Duration,
};

use thiserror::Error;

use crate::{
    bytes::VERSION,
    diagnostic::Diagnostic,
    document::{Document, Line},
    fault::{Fault, FaultKind},
    field::{Percent, Size, StepRef},
    lexer::{self, is_identifier},
    name::Name,
    phrase::edge_word,
    schedule::{Edge, StepId},
    select::Nodes,
    text::Printer,
    units::{decimal, print_bytes, print_micros, print_percent},
    vocabulary::Vocabulary,
};

/// What is wrong with one line of what was built.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}: {}", self.place(), self.problem())]
pub struct BuildError {
    /// The step, counted from 0; `None`: the header.
    pub step: Option<usize>,
    /// What was built, in the text form.
    pub text: String,
    /// What is wrong with it; spans and columns are those of `text`.
    pub diagnostic: Diagnostic,
}

impl BuildError {
    fn place(&self) -> String {
        match self.step {
            Some(step) => format!("step {}, `{}`", step + 1, self.text),
            None => format!("header, `{}`", self.text),
        }
    }

    fn problem(&self) -> String {
        let text = self.diagnostic.to_string();
        text.split_once(": ").map_or(text.clone(), |(_, problem)| problem.to_owned())
    }
}

/// Everything that is wrong with what was built.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub struct BuildErrors(pub Vec<BuildError>);

impl Display for BuildErrors {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(BuildError::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// So many milliseconds.
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// So many seconds.
pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A duration as text. What is finer than a microsecond is kept, for the parser to complain about.
fn time(duration: Duration) -> String {
    let (micros, rest) = (duration.as_micros(), duration.subsec_nanos() % 1_000);
    match u64::try_from(micros) {
        Ok(micros) if rest == 0 => print_micros(micros),
        _ => format!("{micros}.{rest:03}us"),
    }
}

/// A name as text, where a word of the grammar could stand.
fn spell(name: &str) -> String {
    let names = BTreeMap::from([(Name::of(name), name.to_owned())]);
    let labels = BTreeMap::new();
    let printer = Printer::new(&names, &labels);
    if unspellable(name) { format!("\"{name}") } else { printer.guarded_name(Name::of(name)) }
}

/// Whether the text form cannot say a name. It is then left with an open quote, for the parser to complain about.
fn unspellable(name: &str) -> bool {
    name.contains(|c: char| c == '"' || c.is_control())
}

/// Whom a step awaits: nodes by number, by role, by group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whom(String);

impl From<Nodes> for Whom {
    fn from(nodes: Nodes) -> Self {
        let (names, labels) = (BTreeMap::new(), BTreeMap::new());
        Self(Printer::new(&names, &labels).nodes(nodes))
    }
}

/// The node of this number, from 1.
pub fn node(number: u8) -> Whom {
    Nodes::Node(number).into()
}

/// The nodes of these numbers.
pub fn nodes(numbers: impl IntoIterator<Item = u8>) -> Whom {
    Whom(set(numbers))
}

/// Whoever holds this role.
pub fn role(name: &str) -> Whom {
    Whom(spell(name))
}

/// Who held this role before the present holder did.
pub fn previous(name: &str) -> Whom {
    let plain = is_identifier(name) && !name.starts_with('_');
    Whom(if plain { format!("previous-{name}") } else { format!("previous-\"{name}\"") })
}

/// The nodes of a group or a data centre.
pub fn group(name: &str) -> Whom {
    Whom(format!("group {}", spell(name)))
}

fn set(numbers: impl IntoIterator<Item = u8>) -> String {
    let names: Vec<String> = numbers.into_iter().map(|number| format!("n{number}")).collect();
    format!("{{{}}}", names.join(","))
}

/// Something that a step can wait for: a fact about the system, or an end of another step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    text: String,
    nth: String,
    since: String,
}

impl Event {
    fn new(text: String) -> Self {
        Self { text, nth: String::new(), since: String::new() }
    }

    /// Of messages: only those on these links.
    #[must_use]
    pub fn over(mut self, from: impl Into<Whom>, to: impl Into<Whom>) -> Self {
        self.text.push_str(&format!(" {}->{}", from.into().0, to.into().0));
        self
    }

    /// Of a fact: its n-th occurrence, from 1.
    #[must_use]
    pub fn nth(mut self, nth: u8) -> Self {
        self.nth = format!(" #{nth}");
        self
    }

    /// Of a fact: only occurrences since this end of another step.
    #[must_use]
    pub fn since(mut self, edge: Event) -> Self {
        self.since = format!(" from {}", edge.text);
        self
    }
}

/// The beginning of the step with this label.
pub fn begins(label: &str) -> Event {
    Event::new(format!("{label} {}", edge_word(Edge::Begins)))
}

/// The end of the step with this label.
pub fn ends(label: &str) -> Event {
    Event::new(format!("{label} {}", edge_word(Edge::Ends)))
}

fn message(verb: &str, kind: &str) -> Event {
    Event::new(if kind.is_empty() { verb.to_owned() } else { format!("{verb} {}", spell(kind)) })
}

/// A message of this kind is sent; an empty kind is any.
pub fn send(kind: &str) -> Event {
    message("send", kind)
}

/// A message of this kind is delivered; an empty kind is any.
pub fn deliver(kind: &str) -> Event {
    message("deliver", kind)
}

/// One of these nodes makes its writes durable.
pub fn sync(whom: impl Into<Whom>) -> Event {
    Event::new(whom.into().0 + " sync")
}

/// One of these nodes writes to a file.
pub fn write(whom: impl Into<Whom>) -> Event {
    Event::new(whom.into().0 + " write")
}

/// One of these nodes takes this role.
pub fn becomes(whom: impl Into<Whom>, role: &str) -> Event {
    Event::new(format!("{} becomes {}", whom.into().0, spell(role)))
}

/// A mark of this name is hit.
pub fn mark(name: &str) -> Event {
    Event::new(format!("mark \"{name}\""))
}

/// A client invokes this function; an empty one is any.
pub fn invoke(function: &str) -> Event {
    message("invoke", function)
}

/// A client hears of the outcome of this function; an empty one is any.
pub fn complete(function: &str) -> Event {
    message("complete", function)
}

/// One of these nodes goes down.
pub fn stops(whom: impl Into<Whom>) -> Event {
    Event::new(whom.into().0 + " stops")
}

/// One of these nodes starts.
pub fn starts(whom: impl Into<Whom>) -> Event {
    Event::new(whom.into().0 + " starts")
}

/// A fault of this kind begins or ends.
pub fn fault(kind: FaultKind, edge: Edge) -> Event {
    Event::new(format!("fault {} {}", kind.keyword(), edge_word(edge)))
}

/// When a step begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    text: String,
}

/// This long after the start of the run.
pub fn at(after: Duration) -> Moment {
    Moment { text: format!("at {}", time(after)) }
}

/// Only when another step activates it.
pub fn on_call() -> Moment {
    Moment { text: "on call".to_owned() }
}

/// Once an event has taken effect.
pub fn after(event: Event) -> Moment {
    Moment { text: format!("after {}{}{}", event.text, event.nth, event.since) }
}

/// Before an event takes effect.
pub fn before(event: Event) -> Moment {
    Moment { text: format!("before {}{}{}", event.text, event.nth, event.since) }
}

impl Moment {
    /// So much later.
    #[must_use]
    pub fn plus(mut self, delay: Duration) -> Self {
        self.text.push_str(&format!(" +{}", time(delay)));
        self
    }

    /// Does this.
    pub fn fault(self, fault: Fault) -> Doing {
        self.doing(What::Fault(fault, Words::default()))
    }

    /// Does this, with names and labels spelled out.
    pub fn fault_with(self, fault: impl FnOnce(&mut Words) -> Fault) -> Doing {
        let mut words = Words::default();
        let fault = fault(&mut words);
        self.doing(What::Fault(fault, words))
    }

    /// Does what the text form calls this: `clock leader rate 0.5`.
    pub fn does(self, text: &str) -> Doing {
        self.doing(What::Text(text.to_owned()))
    }

    fn doing(self, what: What) -> Doing {
        let (lasts, again) = (Length(String::new()), String::new());
        Doing { when: self.text, what, lasts, until: false, again, label: None, comment: None }
    }
}

/// The names and labels that a fault uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    names: BTreeMap<Name, String>,
    labels: BTreeMap<StepId, String>,
}

impl Words {
    /// A name: of a kind of message, a file, a function, a site.
    pub fn name(&mut self, spelling: &str) -> Name {
        self.names.insert(Name::of(spelling), spelling.to_owned());
        Name::of(spelling)
    }

    /// Whoever holds this role.
    pub fn role(&mut self, name: &str) -> Nodes {
        Nodes::Role(self.name(name))
    }

    /// Who held this role before the present holder did.
    pub fn previous(&mut self, name: &str) -> Nodes {
        Nodes::Previous(self.name(name))
    }

    /// The nodes of a group or a data centre.
    pub fn group(&mut self, name: &str) -> Nodes {
        Nodes::Group(self.name(name))
    }

    /// The step with this label.
    pub fn step(&mut self, label: &str) -> StepRef {
        // Any id will do: only the label is printed.
        let id = StepId::MAX - self.labels.len() as u8 % StepId::MAX;
        self.labels.insert(id, label.to_owned());
        StepRef(id)
    }
}

/// How long a step lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Length(String);

impl From<Duration> for Length {
    fn from(duration: Duration) -> Self {
        Self(time(duration))
    }
}

/// As long as a timing constant of the target.
pub fn constant(name: &str) -> Length {
    Length(spell_constant(name))
}

fn spell_constant(name: &str) -> String {
    if is_identifier(name) { name.to_owned() } else { format!("\"{name}\"") }
}

impl Length {
    /// So many percent of it.
    #[must_use]
    pub fn percent(self, percent: u16) -> Self {
        if percent == 100 { self } else { Self(format!("{}*{}", self.0, decimal(percent.into(), 100))) }
    }

    /// It and another constant.
    #[must_use]
    pub fn plus(self, constant: &str) -> Self {
        Self(format!("{} + {}", self.0, spell_constant(constant)))
    }

    /// It without another constant.
    #[must_use]
    pub fn minus(self, constant: &str) -> Self {
        Self(format!("{} - {}", self.0, spell_constant(constant)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Fault(Fault, Words),
    Text(String),
}

/// A step: when, what, how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doing {
    when: String,
    what: What,
    lasts: Length,
    until: bool,
    again: String,
    label: Option<String>,
    comment: Option<String>,
}

impl Doing {
    /// Lasts so long; of a crash, it restarts after so long.
    #[must_use]
    pub fn lasts(self, length: impl Into<Length>) -> Self {
        Self { lasts: length.into(), until: false, ..self }
    }

    /// Lasts until this end of another step.
    #[must_use]
    pub fn until(self, edge: Event) -> Self {
        Self { lasts: Length(edge.text), until: true, ..self }
    }

    /// Begins so many more times, at the next occurrences of its fact, or else when it has ended.
    #[must_use]
    pub fn again(self, times: u8) -> Self {
        Self { again: format!(" again {times} times"), ..self }
    }

    /// Begins so many more times, so long after one another.
    #[must_use]
    pub fn again_every(self, times: u8, every: Duration) -> Self {
        Self { again: format!(" again {times} times every {}", time(every)), ..self }
    }

    /// Begins so many more times, a drawn time after one another, with this mean.
    #[must_use]
    pub fn again_about_every(self, times: u8, mean: Duration) -> Self {
        Self { again: format!(" again {times} times every about {}", time(mean)), ..self }
    }

    /// Other steps can refer to it by this label.
    #[must_use]
    pub fn label(self, label: &str) -> Self {
        Self { label: Some(label.to_owned()), ..self }
    }

    /// A remark above it.
    #[must_use]
    pub fn comment(self, comment: &str) -> Self {
        Self { comment: Some(comment.to_owned()), ..self }
    }

    fn text(&self, spellings: &BTreeMap<Name, String>) -> String {
        let label = self.label.as_ref().map(|label| format!("{label}: ")).unwrap_or_default();
        let what = match &self.what {
            What::Text(text) => text.clone(),
            What::Fault(fault, words) => {
                let mut names = spellings.clone();
                names.extend(words.names.clone());
                print_fault(fault, Printer::new(&names, &words.labels))
            }
        };
        let lasts = match (self.lasts.0.as_str(), self.until) {
            ("", _) => String::new(),
            (label, true) => format!(" until {label}"),
            (length, false) => format!(" for {length}"),
        };
        format!("{label}{} {what}{lasts}{}", self.when, self.again)
    }
}

fn print_fault(fault: &Fault, mut printer: Printer<'_>) -> String {
    printer.word(fault.kind().keyword());
    for (_, word, value) in fault.values(&printer) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        if !word.is_empty() {
            printer.word(word);
        }
        printer.word(value);
    }
    printer.finish()
}

/// A document in the making.
#[derive(Clone, Debug, Default)]
pub struct Build {
    target: String,
    /// Lines of the header that stand for themselves.
    lines: Vec<String>,
    /// Items of the lines that are lists, by their first word.
    lists: BTreeMap<&'static str, Vec<String>>,
    /// Data centres, then groups.
    centres: Vec<String>,
    groups: Vec<String>,
    names: BTreeMap<Name, String>,
    comment: Option<String>,
    steps: Vec<Doing>,
}

impl Document {
    /// Begins a document for this target; `any` if for any.
    pub fn build(target: &str) -> Build {
        Build { target: target.to_owned(), ..Build::default() }
    }
}

impl Build {
    fn line(mut self, line: String) -> Self {
        self.lines.push(line);
        self
    }

    fn item(mut self, list: &'static str, item: String) -> Self {
        self.lists.entry(list).or_default().push(item);
        self
    }

    /// Fixes every draw of the run.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.line(format!("seed {seed:#x}"))
    }

    /// So many nodes in the cluster.
    #[must_use]
    pub fn nodes(self, nodes: u8) -> Self {
        self.line(format!("nodes {nodes}"))
    }

    /// So many client lanes.
    #[must_use]
    pub fn clients(self, clients: u8) -> Self {
        self.line(format!("clients {clients}"))
    }

    /// So many objects that the workload touches.
    #[must_use]
    pub fn keys(self, keys: u8) -> Self {
        self.line(format!("keys {keys}"))
    }

    /// So many operation slots over all lanes.
    #[must_use]
    pub fn ops(self, ops: u16) -> Self {
        self.line(format!("ops {ops}"))
    }

    /// So many operations a second over all lanes.
    #[must_use]
    pub fn rate(self, rate: u16) -> Self {
        self.line(format!("rate {rate}"))
    }

    /// Which workload of the target clients run, rather than one that the seed chooses.
    #[must_use]
    pub fn workload(self, name: &str) -> Self {
        self.line(format!("workload {}", spell(name)))
    }

    /// The weights of the workload's functions, up to eight.
    #[must_use]
    pub fn mix(self, weights: impl IntoIterator<Item = u8>) -> Self {
        let weights: Vec<String> = weights.into_iter().map(|weight| weight.to_string()).collect();
        self.line(format!("mix {}", weights.join(" ")))
    }

    /// The phase in which faults strike lasts so long.
    #[must_use]
    pub fn chaos(self, length: Duration) -> Self {
        self.item("phases", format!("chaos {}", time(length)))
    }

    /// Within it, faults strike for `active` at a time, and then nothing does for `calm`.
    #[must_use]
    pub fn calm(self, active: Duration, calm: Duration) -> Self {
        self.item("phases", format!("active {}", time(active))).item("phases", format!("calm {}", time(calm)))
    }

    /// The phase of recovery lasts so long.
    #[must_use]
    pub fn heal(self, length: Duration) -> Self {
        self.item("phases", format!("heal {}", time(length)))
    }

    /// The phase of final reads lasts so long.
    #[must_use]
    pub fn settle(self, length: Duration) -> Self {
        self.item("phases", format!("settle {}", time(length)))
    }

    /// The largest extra latency of a message.
    #[must_use]
    pub fn jitter(self, jitter: Duration) -> Self {
        self.item("ambient", format!("jitter {}", time(jitter)))
    }

    /// This share of messages is lost.
    #[must_use]
    pub fn loss(self, share: Percent<0>) -> Self {
        self.item("ambient", format!("loss {}", print_percent(share.0)))
    }

    /// This share of messages arrives twice.
    #[must_use]
    pub fn duplication(self, share: Percent<0>) -> Self {
        self.item("ambient", format!("duplication {}", print_percent(share.0)))
    }

    /// Steps beyond what the target promises to bear strike all the same.
    #[must_use]
    pub fn budget_off(self) -> Self {
        self.line("budget off".to_owned())
    }

    /// So many data centres of equal share, `dc1` and so on.
    #[must_use]
    pub fn dcs(mut self, count: u8) -> Self {
        self.centres.push(format!("dcs {count}"));
        self
    }

    /// A data centre; without members it has an equal share.
    #[must_use]
    pub fn dc(mut self, name: &str, members: impl IntoIterator<Item = u8>) -> Self {
        let members = Some(set(members)).filter(|members| members != "{}").unwrap_or_default();
        self.centres.push(format!("dc {} {members}", spell(name)));
        self
    }

    /// A group of nodes.
    #[must_use]
    pub fn group(mut self, name: &str, members: impl IntoIterator<Item = u8>) -> Self {
        self.groups.push(format!("group {} {}", spell(name), set(members)));
        self
    }

    /// The least latency within a data centre, one way.
    #[must_use]
    pub fn latency_within(self, latency: Duration) -> Self {
        self.item("latency", format!("within {}", time(latency)))
    }

    /// The least latency between data centres, one way.
    #[must_use]
    pub fn latency_between(self, latency: Duration) -> Self {
        self.item("latency", format!("between {}", time(latency)))
    }

    /// The least latency between two data centres, one way.
    #[must_use]
    pub fn latency(self, one: &str, other: &str, latency: Duration) -> Self {
        self.item("latency", format!("{} to {} {}", spell(one), spell(other), time(latency)))
    }

    /// Every node has this share of a core.
    #[must_use]
    pub fn cpu(self, share: Percent<0>) -> Self {
        self.item("resources", format!("cpu {}", print_percent(share.0)))
    }

    /// So much memory on every node.
    #[must_use]
    pub fn memory(self, size: Size<false>) -> Self {
        self.item("resources", format!("memory {}", print_bytes(size.bytes())))
    }

    /// Every node has a disk of this size.
    #[must_use]
    pub fn disk(self, size: Size<false>) -> Self {
        self.item("resources", format!("disk {}", print_bytes(size.bytes())))
    }

    /// The spellings of names that faults use, so that the text shows them.
    #[must_use]
    pub fn vocabulary(mut self, vocabulary: &Vocabulary) -> Self {
        self.names.extend(vocabulary.spellings());
        self
    }

    /// A remark above everything.
    #[must_use]
    pub fn comment(self, comment: &str) -> Self {
        Self { comment: Some(comment.to_owned()), ..self }
    }

    /// One more step.
    #[must_use]
    pub fn step(mut self, step: Doing) -> Self {
        self.steps.push(step);
        self
    }

    /// The document.
    ///
    /// # Errors
    /// Everything that is wrong: values beyond their limits, labels that no step has, names that cannot be spelled.
    pub fn finish(self) -> Result<Document, BuildErrors> {
        let header = self.header();
        let steps = self.steps.iter().map(|step| step.text(&self.names));
        let lines: Vec<String> = header.iter().cloned().chain(steps).collect();
        let step = |line: usize| line.checked_sub(header.len());
        let broken: Vec<BuildError> = lines
            .iter()
            .enumerate()
            .filter_map(|(at, line)| {
                broken(line).map(|diagnostic| BuildError { step: step(at), text: line.clone(), diagnostic })
            })
            .collect();
        if !broken.is_empty() {
            return Err(BuildErrors(broken));
        }
        let text = lines.join("\n") + "\n";
        let mut document = Document::parse(&text).map_err(|found| {
            let error = |diagnostic: Diagnostic| {
                let at = (diagnostic.line as usize).saturating_sub(1);
                let text = lines.get(at).cloned().unwrap_or_default();
                BuildError { step: step(at), text, diagnostic: moved(diagnostic, &lines, at) }
            };
            BuildErrors(found.into_iter().map(error).collect())
        })?;
        let above = |comment: &str| comment.lines().map(str::to_owned).collect::<Vec<_>>();
        let steps = self.steps.iter().enumerate().map(|(at, step)| (Line::Step(at), &step.comment));
        for (line, comment) in [(Line::Version, &self.comment)].into_iter().chain(steps) {
            document.comments.above.extend(comment.as_deref().map(|comment| (line, above(comment))));
        }
        Ok(document)
    }

    fn header(&self) -> Vec<String> {
        let mut lines = vec![format!("murphy {VERSION}"), format!("target {}", self.target)];
        lines.extend(self.lines.iter().cloned());
        let list = |word: &'static str| self.lists.get(word).map(|items| format!("{word} {}", items.join(", ")));
        lines.extend(["phases", "ambient"].into_iter().filter_map(list));
        lines.extend(self.centres.iter().chain(&self.groups).cloned());
        lines.extend(["latency", "resources"].into_iter().filter_map(list));
        lines
    }
}

/// What would make a line mean something else than what was said: a line break or a comment within it.
fn broken(line: &str) -> Option<Diagnostic> {
    let comment = lexer::lex(line).comment.and_then(|comment| line.find(comment));
    let at = line.find(['\n', '\r']).or(comment)?;
    let found = line[at..].lines().next().unwrap_or_default().to_owned();
    let span = at..at + found.len();
    let column = line[..at].chars().count() as u32 + 1;
    let expected = "one line without a comment".to_owned();
    Some(Diagnostic { line: 1, column, span, found, expected, suggestion: None })
}

/// A complaint about the line at `at` of several, as one about that line alone.
fn moved(diagnostic: Diagnostic, lines: &[String], at: usize) -> Diagnostic {
    let start: usize = lines[..at.min(lines.len())].iter().map(|line| line.len() + 1).sum();
    let span = diagnostic.span.start.saturating_sub(start)..diagnostic.span.end.saturating_sub(start);
    Diagnostic { line: 1, span, ..diagnostic }
}
