//! What can never strike: warnings about schedules that can be read and mean less than they say.
//!
//! A run takes every schedule: a number beyond the cluster wraps, a name that means nothing takes the next one, a step whose
//! moment never comes does nothing. That is right for a fuzzer, and a trap for whoever writes a schedule by hand. A warning is
//! given only where it is certain, whatever is drawn and whatever the target does; many steps that do nothing get none.
//!
//! Fields are found by their types. Kinds of faults are known by name only where they are about other steps, or where several
//! fields together say nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diagnostic::nearest,
    document::{Document, Line, owners},
    fault::{Fault, Length},
    field::{DiskFate, Factor, Number, OfKind, Operation, Party, Place, Scope, Sides, Site, State, StepRef},
    header,
    name::Name,
    schedule::{Again, Budget, DCS_MAX, Edge, Fact, Group, Header, Lasts, Step, StepId, When},
    select::{Link, NODES_MAX, Nodes},
    text::{Printer, node_number},
    units::print_micros,
    vocabulary::{Names, Vocabulary},
};

/// Something that a schedule says and that can never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub line: Line,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

/// What is known of the system that a schedule is for.
#[derive(Clone, Copy, Debug)]
pub struct System<'a> {
    /// What schedules for it can name.
    pub vocabulary: &'a Vocabulary,
    /// Whether it promises to survive wiped disks.
    pub survives_wiped_disks: bool,
}

/// Everything that can never strike, in the order of the lines. Without a `system` only what holds of any.
pub fn lint(document: &Document, system: Option<System<'_>>) -> Vec<Warning> {
    let mut lint = Lint::new(document, system);
    lint.everything();
    lint.warnings
}

/// The names that `document` spells out and `system` does not have, each with its sort: ``kind of message `Promise` ``. A schedule
/// that was made for a system says more than the system now knows, if there are any.
pub fn missing_names(document: &Document, system: System<'_>) -> BTreeSet<String> {
    let mut lint = Lint::new(document, Some(system));
    lint.everything();
    lint.missing
}

/// Where a line of a document stands in the text that it was read from: line and column, from 1. For whoever has the text of a
/// `*.murphy` file only; a document itself knows it, whatever form it was read from: see [`Document::places`].
pub fn position(text: &str, line: Line) -> Option<(u32, u32)> {
    Document::parse(text).ok()?.places.get(&line).copied()
}

struct Lint<'a> {
    document: &'a Document,
    system: Option<System<'a>>,
    /// How many nodes there are, if it is known.
    nodes: Option<u8>,
    /// Nodes beside them that are no members at first.
    spares: u8,
    /// When the chaos phase ends, if it is known, in microseconds.
    chaos: Option<u64>,
    owners: BTreeMap<StepId, usize>,
    /// The earliest moment at which each step can begin, in microseconds; `None`: it never does.
    earliest: Vec<Option<u64>>,
    warnings: Vec<Warning>,
    /// See [`missing_names`].
    missing: BTreeSet<String>,
}

impl<'a> Lint<'a> {
    fn new(document: &'a Document, system: Option<System<'a>>) -> Self {
        let header = &document.schedule.header;
        let nodes = match system.map(|system| system.vocabulary.nodes).filter(|(_, most)| *most > 0) {
            Some((fewest, most)) => Some(cluster(header.nodes, fewest, most)),
            None => Some(header.nodes).filter(|nodes| *nodes > 0),
        };
        let usual = system.map(|system| u64::from(system.vocabulary.chaos_micros)).filter(|micros| *micros > 0);
        let said = (header.chaos > 0).then(|| u64::from(header.chaos) * u64::from(header::PHASE_UNIT));
        let mut lint = Self {
            document,
            system,
            nodes,
            spares: system.map_or(0, |system| system.vocabulary.spares),
            chaos: said.or(usual),
            owners: owners(&document.schedule.steps),
            earliest: vec![None; document.schedule.steps.len()],
            warnings: Vec::new(),
            missing: BTreeSet::new(),
        };
        lint.find_earliest();
        lint
    }

    /// Looks at every line.
    fn everything(&mut self) {
        self.shape();
        self.workload();
        self.phases();
        self.groups();
        self.latencies();
        for (at, step) in self.steps().iter().enumerate() {
            self.fact(at, step.when);
            self.fault(at, &step.fault);
            self.length(at, step.lasts);
            self.references(at, step);
            self.beginning(at, step.when);
            self.calm_begins(at, step);
            self.again(at, step);
            self.shadow(at);
        }
        self.warnings.sort_by_key(|warning| warning.line);
    }

    fn header(&self) -> &'a Header {
        &self.document.schedule.header
    }

    fn steps(&self) -> &'a [Step] {
        &self.document.schedule.steps
    }

    fn warn(&mut self, at: usize, what: impl Into<String>, help: impl Into<String>) {
        self.warnings.push(Warning { line: Line::Step(at), what: what.into(), help: help.into() });
    }

    fn printer(&self) -> Printer<'a> {
        Printer::new(&self.document.names, &self.document.labels)
    }

    fn spelled(&self, name: Name) -> String {
        self.document.names.get(&name).cloned().unwrap_or_else(|| format!("name:{:04x}", name.0))
    }

    /// The owner of an id, unless it is 0.
    fn owner(&self, id: StepId) -> Option<usize> {
        self.owners.get(&id).copied().filter(|_| id != 0)
    }

    /// The number of nodes that the header asks for, if the target cannot have it.
    fn shape(&mut self) {
        let asked = self.header().nodes;
        let Some((nodes, vocabulary)) = self.nodes.zip(self.system.map(|system| system.vocabulary)) else { return };
        if asked != 0 && asked != nodes {
            let (fewest, most) = vocabulary.nodes;
            self.warnings.push(Warning {
                line: Line::Shape,
                what: format!("the target has {fewest} to {most} nodes: {asked} become {nodes}"),
                help: format!("say `nodes {}`", asked.clamp(fewest, most)),
            });
        }
    }
}

/// The rest of the header.
impl Lint<'_> {
    fn warn_of(&mut self, line: Line, what: impl Into<String>, help: impl Into<String>) {
        self.warnings.push(Warning { line, what: what.into(), help: help.into() });
    }

    fn workload(&mut self) {
        if let Some(system) = self.system {
            self.name(Line::Workload, "workload", &system.vocabulary.workloads, self.header().workload);
        }
    }

    fn phases(&mut self) {
        match self.windows() {
            [1..=u64::MAX, 0] => self.warn_of(
                Line::Phases,
                "`active` without `calm`: all of the chaos phase is active",
                "say how long it is calm in between: `calm TIME`",
            ),
            [0, 1..=u64::MAX] => self.warn_of(
                Line::Phases,
                "`calm` without `active`: no window is calm",
                "say how long faults strike before it is calm: `active TIME`",
            ),
            _ => {}
        }
    }

    /// Members that are no nodes of the cluster.
    fn groups(&mut self) {
        let Some(nodes) = self.numbered() else { return };
        for (at, group) in self.header().groups.into_iter().enumerate() {
            let beyond = (1..=NODES_MAX).filter(|number| *number > nodes && group.members >> (number - 1) & 1 == 1);
            if let Some((what, help)) = self.beyond(beyond) {
                self.warn_of(Line::Group(at), what, help);
            }
        }
    }

    /// Latencies of data centres that are not there.
    fn latencies(&mut self) {
        let header = self.header();
        let pairs = (0..DCS_MAX).flat_map(|low| (low + 1..DCS_MAX).map(move |high| (low, high)));
        let said = pairs.zip(header.latencies).filter(|(_, span)| span.micros() > 0);
        let most = said.map(|((_, high), _)| high + 1).max().unwrap_or(0);
        let least =
            [(header.within, 1), (header.between, 2)].map(|(span, dcs)| if span.micros() > 0 { dcs } else { 0 });
        let (needed, dcs) = (most.max(least[0]).max(least[1]), usize::from(header.dcs));
        if needed > dcs {
            let there = match dcs {
                0 => "no data centre".to_owned(),
                1 => "one data centre".to_owned(),
                dcs => format!("{dcs} data centres"),
            };
            let what = format!("there is {there}, and a latency of this line concerns {needed}: it slows nothing down");
            let what = if dcs > 1 { what.replacen("there is", "there are", 1) } else { what };
            self.warn_of(Line::Latency, what, format!("declare data centres above it: `dcs {}`", needed.max(2)));
        }
    }
}

/// How many nodes a cluster has if `asked` are asked for, as the simulator decides it.
fn cluster(asked: u8, fewest: u8, most: u8) -> u8 {
    match asked {
        0 => fewest,
        asked if (fewest..=most).contains(&asked) => asked,
        asked => fewest + asked % (most.saturating_sub(fewest) + 1),
    }
}

/// When steps begin.
impl Lint<'_> {
    /// The least fixed point: what begins at a time, and whatever that lets begin.
    fn find_earliest(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for at in 0..self.steps().len() {
                let sooner = self.possible(at);
                if sooner.is_some_and(|sooner| self.earliest[at].is_none_or(|known| sooner < known)) {
                    self.earliest[at] = sooner;
                    changed = true;
                }
            }
        }
    }

    /// The earliest moment at which a step can begin, as far as the others are known.
    fn possible(&self, at: usize) -> Option<u64> {
        let step = &self.steps()[at];
        let own = self.triggered(step).filter(|_| !matches!(step.when, When::At(_)) || !self.calm_throughout(step));
        let activated = self.activators(at).filter_map(|other| self.earliest[other]);
        let soonest = own.into_iter().chain(activated).min();
        soonest.filter(|soonest| self.chaos.is_none_or(|chaos| *soonest <= chaos))
    }

    /// The earliest moment at which the trigger of a step can come.
    fn triggered(&self, step: &Step) -> Option<u64> {
        let edge = |id: StepId| self.owner(id).and_then(|owner| self.earliest[owner]);
        match step.when {
            When::At(micros) => Some(micros.into()),
            When::Step { step, delay, .. } => Some(edge(step)? + u64::from(delay)),
            When::Fact { fact, from, delay, .. } => {
                let anchored = from.map_or(Some(0), |(id, _)| edge(id))?;
                let fault = if let Fact::Fault(name, _) = fact {
                    self.of_kind(name).filter_map(|other| self.earliest[other]).min()?
                } else {
                    0
                };
                Some(anchored.max(fault) + u64::from(delay))
            }
            When::Called => None,
        }
    }

    /// The steps whose fault has this keyword.
    fn of_kind(&self, keyword: Name) -> impl Iterator<Item = usize> {
        let steps = self.steps().iter().enumerate();
        steps.filter(move |(_, step)| Name::of(step.fault.kind().keyword()) == keyword).map(|(at, _)| at)
    }

    /// The other steps that activate a step.
    fn activators(&self, at: usize) -> impl Iterator<Item = usize> {
        let id = Some(self.steps()[at].id).filter(|id| self.owner(*id) == Some(at));
        let activates =
            move |step: &Step| matches!(step.fault, Fault::Activate { step: StepRef(other) } if Some(other) == id);
        self.steps()
            .iter()
            .enumerate()
            .filter(move |(other, step)| *other != at && activates(step))
            .map(|(other, _)| other)
    }

    /// Whether all beginnings of a step at a time are certain to fall into calm windows.
    fn calm_throughout(&self, step: &Step) -> bool {
        let When::At(first) = step.when else { return false };
        let more = if step.again.every > 0 { u64::from(step.again.times) } else { 0 };
        let (drawn, every) = (step.again.about && more > 0, u64::from(step.again.every));
        !drawn && (0..=more).all(|turn| self.is_calm(u64::from(first) + turn * every))
    }

    /// Whether nothing can begin at this moment of the chaos phase. At the border of two windows anything may be.
    fn is_calm(&self, micros: u64) -> bool {
        let [active, calm] = self.windows();
        active > 0 && calm > 0 && micros % (active + calm) > active
    }

    fn windows(&self) -> [u64; 2] {
        [self.header().active, self.header().calm].map(|units| u64::from(units) * u64::from(header::PHASE_UNIT))
    }

    /// Warns if a step never begins, and says why.
    fn beginning(&mut self, at: usize, when: When) {
        if self.earliest[at].is_some() {
            return;
        }
        let chaos = print_micros(self.chaos.unwrap_or_default());
        let late = format!("the chaos phase ends at {chaos}, and nothing begins after it");
        let longer = "let it begin earlier, or make the chaos phase longer: `phases chaos TIME`";
        match when {
            When::At(micros) if self.is_calm(micros.into()) => {
                let [active, calm] = self.windows().map(print_micros);
                let what = format!("{} is within a calm window: nothing begins then", print_micros(micros.into()));
                self.warn(at, what, format!("faults strike for {active} at a time, then all is calm for {calm}"));
            }
            When::At(_) => self.warn(at, late, longer),
            When::Called if self.activators(at).next().is_none() => {
                let label = self.printer().label(self.steps()[at].id);
                let help = match self.steps()[at].id {
                    0 => "give it a label, and another step that says `activate LABEL`".to_owned(),
                    _ => format!("add a step `activate {label}`, or say when it begins"),
                };
                self.warn(at, "it begins only when it is activated, and no step does that", help);
            }
            When::Called => {
                self.warn(at, "all steps that activate it never begin themselves", "see the warnings of those steps");
            }
            When::Step { step, .. } => self.waits_in_vain(at, step, &late),
            When::Fact { from: Some((id, _)), .. }
                if self.owner(id).is_none_or(|owner| self.earliest[owner].is_none()) =>
            {
                self.waits_in_vain(at, id, &late);
            }
            When::Fact { fact: Fact::Fault(name, _), .. }
                if self.of_kind(name).all(|other| self.earliest[other].is_none()) =>
            {
                let keyword = self.printer().keyword(name);
                let what = format!("it waits for a fault `{keyword}`, and no step that has one ever begins");
                self.warn(at, what, format!("add a step with a `{keyword}`, or wait for something else"));
            }
            When::Fact { .. } => self.warn(at, late, longer),
        }
    }

    /// Warns of a step that lasts and begins just as all is healed.
    fn calm_begins(&mut self, at: usize, step: &Step) {
        let ([active, calm], When::At(micros)) = (self.windows(), step.when) else { return };
        let once = step.again.times == 0 && self.activators(at).next().is_none();
        let lasts = step.fault.kind().length() == Length::Lasting;
        let within = self.earliest[at].is_some() && active > 0 && calm > 0;
        if within && once && lasts && u64::from(micros) % (active + calm) == active {
            let what = format!("a calm window begins at {}: it ends as soon as it begins", print_micros(micros.into()));
            let [active, calm] = [active, calm].map(print_micros);
            self.warn(at, what, format!("faults strike for {active} at a time, then all is calm for {calm}"));
        }
    }

    /// Warns of beginnings that are left out, since the step still lasts.
    fn again(&mut self, at: usize, step: &Step) {
        let Again { times, every, about } = step.again;
        // What a message triggers may be about that message alone, and then over at once.
        let message = matches!(step.when, When::Fact { fact: Fact::Send(..) | Fact::Deliver(..), delay: 0, .. });
        if times == 0 || every == 0 || message || step.fault.kind().length() == Length::Instant {
            return;
        }
        let ended = |other: &Step| match other.fault {
            Fault::Heal {} => true,
            Fault::Deactivate { step: other } => other.0 == step.id && step.id != 0,
            _ => false,
        };
        if self.windows().iter().all(|length| *length > 0) || self.steps().iter().any(ended) {
            return;
        }
        let Some(lasts) = self.micros(step.lasts).filter(|_| !about) else {
            if step.lasts == Lasts::Healed {
                let what = "it lasts to the end of the chaos phase: once it has begun, it does not begin again";
                self.warn(at, what, "give it a length that is shorter than the time between two beginnings");
            }
            return;
        };
        let (mut come, mut ends) = (0, lasts);
        for turn in 1..=u64::from(times) {
            let due = turn * u64::from(every);
            // At the border either may be first.
            if due >= ends {
                (come, ends) = (come + 1, due + lasts);
            }
        }
        if come < times {
            let (lasts, every) = (print_micros(lasts), print_micros(every.into()));
            let what = format!(
                "it lasts {lasts}, and what is due every {every} meanwhile is left out: it begins again {come} times, not {times}"
            );
            self.warn(at, what, "let it last for less time than passes between two beginnings");
        }
    }

    /// Warns of a step that waits for an edge of another one.
    fn waits_in_vain(&mut self, at: usize, id: StepId, late: &str) {
        let label = self.printer().label(id);
        let Some(owner) = self.owner(id) else {
            let what = format!("it waits for `{label}`, and no step has this label");
            return self.warn(at, what, self.labels());
        };
        let circle = self.circle(at);
        if circle.len() == 1 {
            self.warn(at, "it waits for itself", "say when it begins: `at TIME`, or after something else");
        } else if !circle.is_empty() {
            let labels: Vec<String> = circle.iter().map(|step| format!("`{}`", self.label_of(*step))).collect();
            let what = format!("steps that wait for each other in a circle never begin: {}", labels.join(" → "));
            self.warn(at, what, "let one of them begin at a time, or after something else");
        } else if self.earliest[owner].is_none() {
            self.warn(at, format!("it waits for `{label}`, which never begins"), "see the warning of that step");
        } else {
            self.warn(at, late, "let it begin earlier, or make the chaos phase longer: `phases chaos TIME`");
        }
    }

    fn label_of(&self, at: usize) -> String {
        match self.steps()[at].id {
            0 => format!("step {}", at + 1),
            id => self.printer().label(id),
        }
    }

    /// The labels there are, as a piece of advice.
    fn labels(&self) -> String {
        let labels: Vec<String> =
            self.owners.keys().filter(|id| **id != 0).map(|id| self.printer().label(*id)).collect();
        if labels.is_empty() {
            "no step has a label: write `LABEL:` before one".to_owned()
        } else {
            format!("there are: {}", labels.join(", "))
        }
    }

    /// The steps that wait for each other from this one back to itself; none if it is in no such circle.
    fn circle(&self, at: usize) -> Vec<usize> {
        let next = |at: usize| match self.steps()[at].when {
            When::Step { step, .. } | When::Fact { from: Some((step, _)), .. } => self.owner(step),
            When::At(_) | When::Fact { from: None, .. } | When::Called => None,
        };
        let mut passed = vec![at];
        while let Some(step) = next(passed[passed.len() - 1]) {
            if step == at {
                return passed;
            }
            if passed.contains(&step) {
                break;
            }
            passed.push(step);
        }
        Vec::new()
    }

    /// Whether a node can be down on account of a step: it is stopped, or its program gives up.
    fn takes_down(&self, at: usize, step: &Step) -> bool {
        let stopped = matches!(
            step.fault,
            Fault::Crash { .. }
                | Fault::Stop { .. }
                | Fault::Attrition { .. }
                | Fault::Redeploy { .. }
                | Fault::Admin { .. }
        );
        let gives_up = matches!(
            step.fault,
            Fault::Memory { .. }
                | Fault::Leak { .. }
                | Fault::Buggify { .. }
                | Fault::Damage { .. }
                | Fault::Miswrite { .. }
                | Fault::Misread { .. }
                | Fault::DiskError { .. }
                | Fault::DiskFull { .. }
        );
        self.earliest[at].is_some() && (stopped || gives_up)
    }

    /// Warns of references to steps that are not there, or cannot be what is wanted of them.
    fn references(&mut self, at: usize, step: &Step) {
        if let Lasts::Until(id, edge) = step.lasts {
            let label = self.printer().label(id);
            let healed = "so it lasts to the end of the chaos phase";
            match self.owner(id) {
                None => self.warn(
                    at,
                    format!("it lasts until `{label}`, and no step has this label, {healed}"),
                    self.labels(),
                ),
                Some(owner) if owner == at && edge == Edge::Ends => {
                    self.warn(
                        at,
                        format!("it lasts until its own end, {healed}"),
                        "say a length, or name another step",
                    );
                }
                Some(owner) if self.earliest[owner].is_none() => {
                    self.warn(
                        at,
                        format!("it lasts until `{label}`, which never begins, {healed}"),
                        "see the warning of that step",
                    );
                }
                Some(_) => {}
            }
        }
        if matches!(step.fault, Fault::Restart { .. })
            && !self.steps().iter().enumerate().any(|(other, step)| self.takes_down(other, step))
        {
            self.warn(at, "no step takes a node down: there is none to restart", "crash one before: `crash n1`");
        }
        let id = step.fault.reference();
        if id == 0 {
            return;
        }
        let (label, keyword) = (self.printer().label(id), step.fault.kind().keyword());
        let Some(owner) = self.owner(id) else {
            return self.warn(at, format!("no step has the label `{label}`: the step does nothing"), self.labels());
        };
        if owner == at {
            return self.warn(at, format!("`{keyword}` of itself does nothing"), "name another step");
        }
        let other = self.steps()[owner].fault;
        let wrong = match step.fault {
            Fault::Modify { .. } if !matches!(other, Fault::Partition { sides: Sides::Two(..) }) => {
                Some(format!("`{label}` is no partition with two sides: there is nothing to modify"))
            }
            Fault::Deactivate { .. } if other.kind().length() == Length::Instant => {
                Some(format!("`{label}` is over as soon as it begins: there is nothing to deactivate"))
            }
            _ => None,
        };
        if let Some(what) = wrong {
            self.warn(at, what, "name another step");
        }
    }
}

/// Names and numbers.
impl Lint<'_> {
    fn name(&mut self, line: Line, sort: &str, names: &Names, name: Name) {
        if name == Name::ANY || names.exact(name).is_some() {
            return;
        }
        let (spelled, target) = (self.spelled(name), &self.document.target);
        if self.document.names.contains_key(&name) {
            self.missing.insert(format!("{sort} `{spelled}`"));
        }
        let Some(means) = names.resolve(name).map(|index| names.spellings()[index].clone()) else {
            let what = format!("{target} has no {sort}s that a schedule can name: `{spelled}` means nothing");
            return self.warn_of(line, what, format!("`murphy targets` lists what {target} has"));
        };
        let known = names.spellings().iter().map(String::as_str);
        let node = Some(spelled.to_lowercase()).filter(|word| sort == "role" && node_number(word).is_some());
        let help = match node.or_else(|| nearest(&spelled, known.clone())) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("there are: {}", known.collect::<Vec<_>>().join(", ")),
        };
        let what = format!("{target} has no {sort} `{spelled}`: a run takes the next one by hash, `{means}`");
        self.warn_of(line, what, help);
    }

    /// A name of a sort that the target's words have, if the target is known.
    fn word(&mut self, at: usize, sort: &str, names: impl Fn(&Vocabulary) -> &Names, name: Name) {
        if let Some(system) = self.system {
            self.name(Line::Step(at), sort, names(system.vocabulary), name);
        }
    }

    fn nodes(&mut self, at: usize, nodes: Nodes) {
        match nodes {
            Nodes::Node(number) | Nodes::Majority(number) | Nodes::Minority(number) | Nodes::MinorityThird(number) => {
                self.numbers(at, [number]);
            }
            Nodes::Set(set) => self.numbers(at, (1..=NODES_MAX).filter(|number| set >> (number - 1) & 1 == 1)),
            Nodes::Role(name) | Nodes::Previous(name) => self.word(at, "role", |words| &words.roles, name),
            Nodes::Group(name) => self.group(at, name),
            Nodes::Primaries if self.system.is_some_and(|system| system.vocabulary.roles.is_empty()) => {
                let what = format!("{} reports no roles: `primaries` finds nobody", self.document.target);
                self.warn(at, what, "name nodes by number, or draw one: `one`");
            }
            Nodes::All | Nodes::Rest | Nodes::Primaries | Nodes::One | Nodes::Some | Nodes::Half => {}
            Nodes::MostUpToDate | Nodes::LeastUpToDate | Nodes::LastVoter => {}
        }
    }

    fn numbers(&mut self, at: usize, numbers: impl IntoIterator<Item = u8>) {
        if let Some((what, help)) = self.beyond(numbers) {
            self.warn(at, what, help);
        }
    }

    /// How many nodes have numbers: members and spares.
    fn numbered(&self) -> Option<u8> {
        self.nodes.map(|nodes| nodes + self.spares)
    }

    /// What becomes of those of these numbers that are beyond the cluster, and what to do about it.
    fn beyond(&self, numbers: impl IntoIterator<Item = u8>) -> Option<(String, String)> {
        let nodes = self.numbered()?;
        let beyond: Vec<u8> = numbers.into_iter().filter(|number| *number > nodes).collect();
        if beyond.is_empty() {
            return None;
        }
        let wrapped: Vec<String> = beyond.iter().map(|n| format!("n{n} is n{}", (n - 1) % nodes + 1)).collect();
        let what = format!("the cluster has {nodes} nodes, and numbers wrap: {}", wrapped.join(", "));
        let most = beyond.into_iter().max().unwrap_or(nodes);
        let can = self.system.is_none_or(|system| most <= system.vocabulary.nodes.1 + self.spares);
        let help = if can {
            format!("say `nodes {}`, or name one of n1 to n{nodes}", most - self.spares)
        } else {
            format!("name one of n1 to n{nodes}")
        };
        Some((what, help))
    }

    fn group(&mut self, at: usize, name: Name) {
        if self.members(name).is_some() {
            return;
        }
        let header = self.header();
        let named = header.groups.iter().filter(|group| group.name != Name::ANY).map(|group| self.spelled(group.name));
        let known: Vec<String> = (1..=header.dcs).map(|dc| format!("dc{dc}")).chain(named).collect();
        let spelled = self.spelled(name);
        let help = match nearest(&spelled, known.iter().map(String::as_str)) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("declare it in the header: `group {spelled} {{n1,n2}}`"),
        };
        self.warn(at, format!("no group or data centre is called `{spelled}`: it has no members"), help);
    }

    /// The declared group or data centre of this name.
    fn members(&self, name: Name) -> Option<Group> {
        let header = self.header();
        let declared = header.groups.iter().find(|group| group.name == name && name != Name::ANY);
        let numbered = (0..usize::from(header.dcs)).find(|at| Name::of(&format!("dc{}", at + 1)) == name);
        declared.copied().or_else(|| numbered.map(|at| header.groups[at]))
    }

    fn link(&mut self, at: usize, link: Link) {
        self.nodes(at, link.from);
        self.nodes(at, link.to);
        if self.joins_nobody(link) {
            let text = self.printer().link(link);
            self.warn(
                at,
                format!("no link goes `{text}`: the step does nothing"),
                "name other nodes on one of its ends",
            );
        }
    }

    fn fact(&mut self, at: usize, when: When) {
        let When::Fact { fact, .. } = when else { return };
        match fact {
            Fact::Send(kind, link) | Fact::Deliver(kind, link) => {
                self.word(at, "kind of message", |words| &words.kinds, kind);
                self.link(at, link);
            }
            Fact::Sync(nodes) | Fact::Write(nodes) | Fact::Stops(nodes) | Fact::Starts(nodes) => {
                self.somebody(at, nodes)
            }
            Fact::Role(nodes, role) => {
                self.somebody(at, nodes);
                self.word(at, "role", |words| &words.roles, role);
            }
            Fact::Mark(mark) => self.word(at, "mark", |words| &words.marks, mark),
            Fact::Invoke(function) | Fact::Complete(function) => {
                self.word(at, "function", |words| &words.functions, function);
            }
            Fact::Fault(..) => {}
        }
    }

    fn somebody(&mut self, at: usize, nodes: Nodes) {
        self.nodes(at, nodes);
        if self.set(nodes) == Some(0) {
            let text = self.printer().nodes(nodes);
            self.warn(at, format!("`{text}` finds nobody: the step does nothing"), "name somebody else");
        }
    }

    fn length(&mut self, at: usize, lasts: Lasts) {
        let constants: Vec<Name> = match lasts {
            Lasts::Healed | Lasts::For(_) | Lasts::Until(..) => vec![],
            Lasts::Constant { name, .. } => vec![name],
            Lasts::Sum { name, other, .. } | Lasts::Difference { name, other, .. } => vec![name, other],
        };
        constants.into_iter().for_each(|name| self.word(at, "timing constant", |words| &words.constants, name));
        if self.micros(lasts) == Some(0) {
            let text = self.printer().length(lasts);
            self.warn(at, format!("`{text}` is no time at all: it ends as it begins"), "give it a length");
        }
    }

    /// How long a step lasts in microseconds, if it is known.
    fn micros(&self, lasts: Lasts) -> Option<u64> {
        let constant = |name: Name| {
            let words = self.system?.vocabulary;
            words.constant_micros.get(words.constants.resolve(name)?).map(|micros| u64::from(*micros))
        };
        let scaled = |name: Name, percent: i8| match percent {
            -100 => Some(0),
            _ => Some(constant(name)? * (100 + i64::from(percent)).unsigned_abs() / 100),
        };
        match lasts {
            Lasts::Healed | Lasts::Until(..) => None,
            Lasts::For(micros) => Some(micros.into()),
            Lasts::Constant { name, percent } => scaled(name, percent),
            Lasts::Sum { name, percent, other } => Some(scaled(name, percent)? + constant(other)?),
            Lasts::Difference { name, percent, other } => Some(scaled(name, percent)?.saturating_sub(constant(other)?)),
        }
    }
}

/// The fields of faults.
impl Lint<'_> {
    fn fault(&mut self, at: usize, fault: &Fault) {
        let mut parties = Vec::new();
        for (_, part) in fault.parts() {
            if let Some(nodes) = part.downcast_ref::<Nodes>() {
                self.somebody(at, *nodes);
            } else if let Some(link) = part.downcast_ref::<Link>() {
                self.link(at, *link);
            } else if let Some(sides) = part.downcast_ref::<Sides>() {
                self.sides(at, *sides);
            } else if let Some(Party(nodes)) = part.downcast_ref::<Party>() {
                self.nodes(at, *nodes);
                parties.push(*nodes);
            } else if let Some(scope) = part.downcast_ref::<Scope>() {
                self.scope(at, *scope);
            } else if let Some(OfKind(kind)) = part.downcast_ref::<OfKind>() {
                self.word(at, "kind of message", |words| &words.kinds, *kind);
            } else if let Some(Site(site)) = part.downcast_ref::<Site>() {
                self.word(at, "site", |words| &words.sites, *site);
            } else if let Some(operation) = part.downcast_ref::<Operation>() {
                self.word(at, "function", |words| &words.functions, operation.function);
                self.somebody(at, operation.via);
            } else if let Some(place) = part.downcast_ref::<Place>() {
                self.place(at, *place);
            }
            let wiped = part.downcast_ref() == Some(&DiskFate::Wiped) || part.downcast_ref() == Some(&State::Cold);
            if wiped
                && self.header().budget != Budget::Off
                && self.system.is_some_and(|system| !system.survives_wiped_disks)
            {
                let what =
                    format!("{} does not promise to survive wiped disks: the step is void", self.document.target);
                self.warn(at, what, "say `budget off` in the header to have it strike all the same");
            }
        }
        if !parties.is_empty() && parties.iter().all(|nodes| self.set(*nodes) == Some(0)) {
            self.warn(at, "nobody joins and nobody leaves: the step does nothing", "say `add` or `remove`");
        }
        for (what, help) in fault.flaws() {
            self.warn(at, what, help);
        }
        if let Some((what, help)) = self.says_nothing(fault) {
            self.warn(at, what, help);
        }
        for (name, _, value) in fault.values(&self.printer()) {
            let nothing = match (name, value.as_deref()) {
                ("share", Some("0%")) => Some("`0%` is never"),
                ("latency", Some("0s")) => Some("`0s` is no time at all"),
                _ => None,
            };
            if let Some(what) = nothing {
                self.warn(at, format!("{what}: the step does nothing"), "say how much");
            }
        }
    }

    /// What is wrong with fields that say nothing together, and what to do about it.
    fn says_nothing(&self, fault: &Fault) -> Option<(String, String)> {
        let keyword = fault.kind().keyword();
        let missing = |help: &str| Some((format!("`{keyword}` without a value changes nothing"), help.to_owned()));
        match *fault {
            Fault::Corrupt { min_bits, max_bits, .. } if min_bits.0 > max_bits.0 => {
                let what = format!("at least {} bits and at most {}: there is no such number", min_bits.0, max_bits.0);
                Some((what, "say a `max` that is not below `min`".to_owned()))
            }
            Fault::Memory { limit, share, .. } if limit.bytes() == 0 && share.0 == 0 => {
                missing("say how much is left, or how much others use: `limit 64MB`, `use 80%`")
            }
            Fault::Clock { offset, rate, .. } if offset.millis() == 0 && rate == Factor::default() => {
                missing("say how far it is off, or how fast it runs: `ahead 200ms`, `behind 5s`, `rate 0.5`")
            }
            Fault::Bump { offset, .. } | Fault::Strobe { offset, .. } if offset.millis() == 0 => {
                missing("say how far: `ahead 200ms` or `behind 5s`")
            }
            Fault::Attrition { leave, .. } => {
                let nodes = self.nodes.filter(|nodes| leave.0 >= *nodes)?;
                let what = format!("of {nodes} nodes {} are to be left running: none is taken down", leave.0);
                Some((what, "say a lesser number to `leave`, or more `nodes` in the header".to_owned()))
            }
            _ => None,
        }
    }

    fn scope(&mut self, at: usize, scope: Scope) {
        match scope {
            Scope::World => {}
            Scope::Nodes(nodes) => self.somebody(at, nodes),
            Scope::Link(link) => self.link(at, link),
        }
    }

    fn place(&mut self, at: usize, place: Place) {
        let file = match place {
            Place::Anywhere | Place::Disk(_) => Name::ANY,
            Place::File(name) | Place::Block(_, name) | Place::Segment(_, name) | Place::Record(_, name) => name,
            Place::Field(_, _, name) | Place::Key(_, name) | Place::Bytes(_, _, name) => name,
        };
        self.word(at, "file", |words| &words.files, file);
    }

    fn sides(&mut self, at: usize, sides: Sides) {
        let selectors = match sides {
            Sides::Two(a, b) => vec![a, b],
            Sides::Three(a, b, c) => vec![a, b, c],
            Sides::Ring => vec![],
            Sides::Bridge(nodes) => vec![nodes],
        };
        selectors.into_iter().for_each(|nodes| self.nodes(at, nodes));
        if !self.divides_nothing(sides) {
            return;
        }
        match (sides, self.nodes) {
            (Sides::Ring | Sides::Bridge(_), Some(nodes)) => {
                let what = format!("nothing is cut: {nodes} nodes are too few for this shape");
                self.warn(at, what, "say `nodes` in the header if the target can have more, or choose another shape");
            }
            _ => {
                let what = "nothing is cut: fewer than two sides have a node (who is on two counts for one of them)";
                self.warn(at, what, "name other nodes on one of the sides, such as `rest`");
            }
        }
    }

    /// Whether a partition is certain to leave all links as they are.
    fn divides_nothing(&self, sides: Sides) -> bool {
        let empty = |set: Option<u16>| set == Some(0);
        match sides {
            // The second side is taken as it is, the first without it; only a first `rest` is made up afterwards.
            Sides::Two(Nodes::Rest | Nodes::All, Nodes::Rest) | Sides::Two(_, Nodes::All) => true,
            // Of two sides that are drawn alike, the second is drawn from the other end.
            Sides::Two(a, b) if a == b && !matches!(a, Nodes::One | Nodes::Some | Nodes::Half) => true,
            Sides::Two(Nodes::Rest, b) => empty(self.set(b)) || empty(self.without(self.set(b))),
            Sides::Two(a, Nodes::Rest) => empty(self.set(a)) || empty(self.without(self.set(a))),
            Sides::Two(a, b) => {
                let (a, b) = (self.set(a), self.set(b));
                empty(a) || empty(b) || a.zip(b).is_some_and(|(a, b)| a & !b == 0)
            }
            Sides::Three(a, b, c) => self.three(&[a, b, c]).is_some_and(|sides| sides < 2),
            Sides::Ring => self.nodes.is_some_and(|nodes| nodes < 3),
            Sides::Bridge(middle) if is_single(middle) => self.nodes.is_some_and(|nodes| nodes < 3),
            Sides::Bridge(middle) => self.without(self.set(middle)).is_some_and(|others| others.count_ones() < 2),
        }
    }

    /// How many of three sides have a node, if that is known.
    fn three(&self, sides: &[Nodes]) -> Option<usize> {
        let named: Vec<Option<u16>> =
            sides.iter().map(|side| if *side == Nodes::Rest { Some(0) } else { self.set(*side) }).collect();
        let all = named.iter().try_fold(0, |all, side| Some(all | (*side)?))?;
        let (mut taken, mut filled) = (0, 0);
        for (side, named) in sides.iter().zip(named) {
            let set = if *side == Nodes::Rest { self.without(Some(all))? } else { named? };
            filled += usize::from(set & !taken != 0);
            taken |= set;
        }
        Some(filled)
    }

    /// Whether a link is certain to join nobody.
    fn joins_nobody(&self, link: Link) -> bool {
        let (from, to) = match (link.from, link.to) {
            (Nodes::Rest, Nodes::Rest | Nodes::All) | (Nodes::All, Nodes::Rest) => return true,
            (Nodes::Rest, to) => (self.without(self.set(to)), self.set(to)),
            (from, Nodes::Rest) => (self.set(from), self.without(self.set(from))),
            // Of two drawn nodes the second is another one.
            (from, to) if from == to && from != Nodes::One && is_single(from) => return true,
            (from, to) => (self.set(from), self.set(to)),
        };
        let itself = from.zip(to).is_some_and(|(from, to)| from == to && from.is_power_of_two());
        from == Some(0) || to == Some(0) || itself
    }

    /// Everybody but these, if it is known who that is.
    fn without(&self, set: Option<u16>) -> Option<u16> {
        Some(everybody(self.numbered()?) & !set?)
    }

    /// Whom a selector means, if that is certain: bit 0 is node 1.
    fn set(&self, nodes: Nodes) -> Option<u16> {
        let from = |first: u8, many: u8| {
            let count = self.numbered()?;
            Some((0..many).fold(0, |set, i| set | 1 << ((first.max(1) - 1 + i) % count)))
        };
        let wrapped = |set: u16| match self.numbered() {
            Some(count) => (0..u16::from(NODES_MAX))
                .filter(|bit| set >> bit & 1 == 1)
                .fold(0, |to, bit| to | 1 << (bit % u16::from(count))),
            None => set,
        };
        match nodes {
            Nodes::All => self.numbered().map(everybody),
            Nodes::Node(number) => Some(wrapped(1 << (number.max(1) - 1))),
            Nodes::Set(set) => Some(wrapped(set)),
            Nodes::Majority(first) => from(first, self.nodes? / 2 + 1),
            Nodes::Minority(first) => from(first, (self.nodes? - 1) / 2),
            Nodes::MinorityThird(first) => from(first, ((self.nodes? - 1) / 3).max(1)),
            Nodes::LastVoter => Some(1 << (self.nodes? - 1)),
            Nodes::One | Nodes::Some => self.nodes.filter(|nodes| *nodes == 1).map(everybody),
            Nodes::Half => self.nodes.filter(|nodes| *nodes == 1).map(|_| 0),
            // A data centre without members has its share, which depends on the number of nodes. A group that nobody
            // declares has its own warning.
            Nodes::Group(name) => {
                self.members(name).map(|group| group.members).filter(|members| *members != 0).map(wrapped)
            }
            Nodes::Role(_) | Nodes::Previous(_) | Nodes::Rest | Nodes::Primaries => None,
            Nodes::MostUpToDate | Nodes::LeastUpToDate => None,
        }
    }
}

fn everybody(nodes: u8) -> u16 {
    ((1u32 << nodes) - 1) as u16
}

/// Whether a selector never means more than one node.
fn is_single(nodes: Nodes) -> bool {
    match nodes {
        Nodes::Node(_) | Nodes::Role(_) | Nodes::Previous(_) | Nodes::One => true,
        Nodes::MostUpToDate | Nodes::LeastUpToDate | Nodes::LastVoter => true,
        Nodes::Set(set) => set.count_ones() <= 1,
        Nodes::All | Nodes::Majority(_) | Nodes::Minority(_) | Nodes::MinorityThird(_) | Nodes::Rest => false,
        Nodes::Primaries | Nodes::Some | Nodes::Half | Nodes::Group(_) => false,
    }
}

/// A rule for messages: of the rules of one kind that match a message the one with the lowest number decides.
#[derive(Clone, Copy)]
struct MessageRule {
    link: Link,
    kind: OfKind,
    /// Its number; none at all is beyond all numbers.
    rank: u16,
}

impl MessageRule {
    fn of(step: &Step) -> Option<Self> {
        let parts = step.fault.parts();
        let link = *parts.iter().find_map(|(_, part)| part.downcast_ref::<Link>())?;
        let kind = *parts.iter().find_map(|(_, part)| part.downcast_ref::<OfKind>())?;
        let number =
            parts.iter().find(|(name, _)| *name == "rule").and_then(|(_, part)| part.downcast_ref::<Number>())?;
        // Without a link, a step that a message triggers at once is about that message alone.
        let message = matches!(step.when, When::Fact { fact: Fact::Send(..) | Fact::Deliver(..), delay: 0, .. });
        let rank = if number.0 == 0 { u16::MAX } else { number.0.into() };
        (link != Link::ALL || !message).then_some(Self { link, kind, rank })
    }
}

/// Rules that hide others.
impl Lint<'_> {
    fn shadow(&mut self, at: usize) {
        let steps = self.steps();
        let Some(rule) = MessageRule::of(&steps[at]) else { return };
        let hides = |other: usize| {
            let above = MessageRule::of(&steps[other]).filter(|_| steps[other].fault.kind() == steps[at].fault.kind());
            above.is_some_and(|above| {
                let same_time = steps[other].when == steps[at].when;
                above.rank < rule.rank
                    && (above.kind == OfKind::default() || above.kind == rule.kind)
                    && self.covers(above.link.from, rule.link.from, same_time)
                    && self.covers(above.link.to, rule.link.to, same_time)
                    && self.outlasts(other, at)
            })
        };
        if let Some(other) = (0..steps.len()).find(|other| *other != at && hides(*other)) {
            let number = MessageRule::of(&steps[other]).map_or(0, |above| above.rank);
            let what = format!(
                "rule {number} ({}) decides about the same messages for as long as this one lasts: it never applies",
                self.label_of(other)
            );
            self.warn(
                at,
                what,
                "give this one a lower number with `rule`, or let them differ in links, kinds or times",
            );
        }
    }

    /// Whether `wide` is certain to mean everybody whom `narrow` means; at the same time, if they begin as one.
    fn covers(&self, wide: Nodes, narrow: Nodes, same_time: bool) -> bool {
        let drawn = matches!(wide, Nodes::One | Nodes::Some | Nodes::Half | Nodes::Rest);
        let sets = self.set(wide).zip(self.set(narrow));
        wide == Nodes::All
            || (wide == narrow && same_time && !drawn)
            || sets.is_some_and(|(wide, narrow)| narrow & !wide == 0)
    }

    /// Whether one step is certain to be in force whenever another one is.
    fn outlasts(&self, long: usize, short: usize) -> bool {
        let steps = self.steps();
        let (long, short) = (&steps[long], &steps[short]);
        let ended = |step: &Step| match step.fault {
            Fault::Heal {} => true,
            Fault::Activate { step } => step.0 == short.id,
            Fault::Deactivate { step } => step.0 == long.id,
            _ => false,
        };
        // What is healed in calm windows does not come back by itself.
        if steps.iter().any(ended) || short.again.times > 0 || self.windows().iter().all(|length| *length > 0) {
            return false;
        }
        let wait = match (long.when, short.when) {
            (long, short) if long == short => Some(0),
            (When::At(long), When::At(short)) => short.checked_sub(long).map(u64::from),
            _ => None,
        };
        let longer = match (self.micros(long.lasts), self.micros(short.lasts)) {
            _ if long.lasts == Lasts::Healed => true,
            (Some(long), Some(short)) => wait.is_some_and(|wait| wait + short <= long),
            _ => false,
        };
        wait.is_some() && longer
    }
}

#[cfg(test)]
mod tests;
