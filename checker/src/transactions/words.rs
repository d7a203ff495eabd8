//! What was found, for people: a sentence for every step of a cycle, naming the parts of the transactions and their values.

use std::fmt::{self, Display};

use super::{
    Transactions,
    compact::{Fate, deeds},
    levels::Level,
    phenomena::{Guarantee, Phenomenon},
    reasons::Reason,
    report::{CommitReason, CommitStep, Dependency, Finding, Objects, Report, Step, Undecided, Witness},
};
use crate::history::{Deed, History, Micro, OpId, Predicate, Value};

/// A finding in words. Its `Display` is the whole of it, over several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it is.
    pub phenomenon: Phenomenon,
    /// How often it was seen.
    pub count: u32,
    /// One sentence, without a full stop.
    pub summary: String,
    /// The transactions that show it, and what each did.
    pub transactions: Vec<(OpId, String)>,
    /// Of a cycle, its steps.
    pub steps: Vec<ToldStep>,
    /// Of a cycle of commits, its steps, each with a sentence.
    pub commits: Vec<(CommitStep, String)>,
}

/// A step of a cycle in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldStep {
    /// The step.
    pub step: Step,
    /// Where the two transactions met; orders of time and of processes need no place.
    pub reason: Option<Reason>,
    /// Why the first comes before the second, without a full stop.
    pub sentence: String,
}

impl Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = if self.count > 1 { format!(" ({} of them)", self.count) } else { String::new() };
        writeln!(f, "{}{count}: {}", self.phenomenon, self.summary)?;
        self.transactions.iter().try_for_each(|(op, did)| writeln!(f, "  T{} = {did}", op.0))?;
        for told in &self.steps {
            writeln!(f, "  T{} < T{}: {}", told.step.from.0, told.step.to.0, told.sentence)?;
        }
        let name = |op: Option<OpId>| op.map_or_else(|| "the beginning".to_owned(), |op| format!("T{}", op.0));
        for (step, sentence) in &self.commits {
            writeln!(f, "  {} < {}: {sentence}", name(step.from), name(step.to))?;
        }
        Ok(())
    }
}

/// Says what is in one history of transactions.
struct Teller<'a> {
    judge: &'a Transactions,
    history: &'a History,
    objects: Objects,
}

impl Transactions {
    /// A finding of the history that was checked last, in words.
    pub fn tell(&self, history: &History, objects: Objects, finding: &Finding) -> Told {
        let teller = Teller { judge: self, history, objects };
        let steps: Vec<ToldStep> = match &finding.witness {
            Witness::Cycle(steps) => steps.iter().map(|step| teller.step(*step)).collect(),
            Witness::EveryOrder | Witness::Commit(_) | Witness::Place { .. } | Witness::Versions { .. } => Vec::new(),
        };
        let mut ops: Vec<OpId> = match &finding.witness {
            Witness::Cycle(steps) => steps.iter().map(|step| step.from).collect(),
            Witness::Commit(steps) => steps.iter().flat_map(|step| commit_ops(*step)).collect(),
            Witness::Place { op, other, .. } => [*op].into_iter().chain(*other).collect(),
            Witness::EveryOrder | Witness::Versions { .. } => Vec::new(),
        };
        ops.sort_unstable();
        ops.dedup();
        let transactions = ops.into_iter().map(|op| (op, teller.transaction(op))).collect();
        let commits = match &finding.witness {
            Witness::Commit(steps) => steps.iter().map(|step| (*step, teller.commit(*step))).collect(),
            Witness::Cycle(_) | Witness::EveryOrder | Witness::Place { .. } | Witness::Versions { .. } => Vec::new(),
        };
        let summary = teller.summary(finding);
        Told { phenomenon: finding.phenomenon, count: finding.count, summary, transactions, steps, commits }
    }
}

impl Teller<'_> {
    /// `p1 [r k1 [1 2], append k2 3]`, and how it ended if not well.
    fn transaction(&self, op: OpId) -> String {
        let (fate, micros) = deeds(self.history, op.0);
        let parts: Vec<String> = micros.iter().map(|micro| self.part(micro, fate)).collect();
        let end = match fate {
            Fate::Committed => "",
            Fate::Open => ", of which nobody knows whether it committed",
            Fate::Aborted => ", which aborted",
        };
        format!("[{}] by p{}{end}", parts.join(", "), self.history.operation(op).process)
    }

    fn part(&self, micro: &Micro, fate: Fate) -> String {
        let key = self.history.names.key(micro.key);
        match micro.deed {
            Deed::Read if fate != Fate::Committed => format!("r {key}"),
            Deed::Read => format!("r {key} {}", self.value(micro.value)),
            Deed::Write if self.objects == Objects::Predicates && micro.value == Value::Nil => format!("delete {key}"),
            Deed::Write => format!("w {key} {}", self.value(micro.value)),
            Deed::Match => search(self.history, micro),
            Deed::Begin => format!("begin {key} {}", self.value(micro.value)),
            Deed::Append => format!("append {key} {}", self.value(micro.value)),
        }
    }

    fn value(&self, value: Value) -> String {
        match value {
            Value::Int(number) => self.history.names.number(number),
            Value::List(span) => self.history.names.list(self.history.values.items(span)),
            Value::Nil if self.objects == Objects::Lists => "[]".to_owned(),
            Value::Nil | Value::Pair(..) | Value::Transaction(_) => "nil".to_owned(),
        }
    }

    fn number(&self, value: Option<u64>) -> String {
        value.map_or_else(|| "nil".to_owned(), |value| self.history.names.number(value))
    }

    fn step(&self, step: Step) -> ToldStep {
        let reason = self.judge.reason(self.history, self.objects, step);
        let sentence = match reason {
            Some(reason) => self.sentence(step, reason),
            None => self.order(step),
        };
        ToldStep { step, reason, sentence }
    }

    fn sentence(&self, step: Step, reason: Reason) -> String {
        let (one, other) = (format!("T{}", step.from.0), format!("T{}", step.to.0));
        let key = self.history.names.key(reason.key);
        let [before, after] = reason.values.map(|value| self.value(value));
        let [first, second] = reason.parts.map(|part| part + 1);
        let (did, verb) = match self.objects {
            Objects::Lists => ("appended", "append"),
            Objects::Registers | Objects::Predicates => ("wrote", "write"),
        };
        let last = match reason.is_unread {
            true => format!("; nobody read {after}, so it comes after all that somebody read"),
            false => String::new(),
        };
        match step.dependency {
            Dependency::Wr => {
                format!(
                    "{other} read {after} of {key} (its part {second}), where {one} {did} {before} (its part {first})"
                )
            }
            Dependency::Rw => format!(
                "{one} read {before} of {key} (its part {first}), which is before {other} {did} {after} (its part {second}){last}"
            ),
            Dependency::Ww => format!(
                "{other} {did} {after} to {key} (its part {second}) after the {verb} of {before} by {one} (its part {first}){last}"
            ),
            Dependency::PredicateWr => {
                let by = self.predicate(step.to, reason.parts[1]);
                format!(
                    "{other} did not find {key} by {by} (its part {second}), though all that it was before {one} {} (its part {first}) fits",
                    left(&before)
                )
            }
            Dependency::PredicateRw => {
                let by = self.predicate(step.from, reason.parts[0]);
                format!(
                    "{one} did not find {key} by {by} (its part {first}), which is before {other} {} (its part {second})",
                    left(&after)
                )
            }
            Dependency::Process | Dependency::Realtime => self.order(step),
        }
    }

    /// The predicate of a part of a transaction.
    fn predicate(&self, op: OpId, part: u32) -> String {
        let micro = deeds(self.history, op.0).1.get(part as usize);
        let known = micro.and_then(|micro| self.history.values.searched(micro));
        known.map_or_else(String::new, |(predicate, _)| predicate_in(self.history, predicate))
    }

    fn commit(&self, step: CommitStep) -> String {
        let name = |op: Option<OpId>| op.map_or_else(|| "the beginning".to_owned(), |op| format!("T{}", op.0));
        let (one, other) = (name(step.from), name(step.to));
        match step.reason {
            CommitReason::Session => format!("one process did {one} before {other}"),
            CommitReason::Read => format!("{other} read what {one} wrote"),
            CommitReason::Initial => format!("{other} wrote over what had been there"),
            CommitReason::Seen { reader, key } => {
                let key = self.history.names.key(key);
                format!("T{} has to see that {one} wrote {key}, and read what {other} left there instead", reader.0)
            }
        }
    }

    fn order(&self, step: Step) -> String {
        let (one, other) = (step.from.0, step.to.0);
        let [before, after] = [step.from, step.to].map(|op| self.history.operation(op));
        let ended = before.completion.map_or(after.invoked_at, |(_, at)| at);
        let gap = after.invoked_at.saturating_sub(ended);
        match step.dependency {
            Dependency::Process => format!("process {} did T{one} before T{other}", before.process),
            _ => format!("T{one} had completed {gap} ns before T{other} was invoked"),
        }
    }

    fn summary(&self, finding: &Finding) -> String {
        match &finding.witness {
            Witness::Cycle(steps) if steps.is_empty() => {
                "there is a cycle, but the search for a short one passed its limit of steps".to_owned()
            }
            Witness::Cycle(steps) => {
                format!(
                    "{} transactions of which each comes before the next, and the last before the first",
                    steps.len()
                )
            }
            Witness::EveryOrder => "there is a cycle in whatever order the versions came".to_owned(),
            Witness::Commit(_) => {
                "each of these has to commit before the next, and the last before the first".to_owned()
            }
            Witness::Versions { key, values } => {
                let values: Vec<String> = values.iter().map(|value| self.number(*value)).collect();
                let key = self.history.names.key(*key);
                format!("{key} took {} in this order, and the last came before the first", values.join(", "))
            }
            Witness::Place { op, other, key, value } => {
                let other = other.unwrap_or(*op).0;
                self.place(finding.phenomenon, op.0, other, &self.history.names.key(*key), &self.number(*value))
            }
        }
    }

    fn place(&self, phenomenon: Phenomenon, op: u32, other: u32, key: &str, value: &str) -> String {
        match phenomenon {
            Phenomenon::GarbageRead => format!("T{op} read {value} of {key}, which nobody wrote"),
            Phenomenon::DuplicateElements => format!("T{op} read {value} of {key} more than once"),
            Phenomenon::G1a => format!("T{op} read {value} of {key}, which T{other} wrote before it aborted"),
            Phenomenon::G1b => format!("T{op} read {value} of {key}, which T{other} wrote before it wrote {key} again"),
            Phenomenon::DirtyUpdate => {
                format!("T{op} committed a write of {key} on top of {value}, which T{other} wrote before it aborted")
            }
            Phenomenon::IncompatibleOrder => {
                format!("T{op} and T{other} read lists of {key} of which neither begins with the other")
            }
            Phenomenon::FutureRead => format!("T{op} read {value} of {key} before it wrote that itself"),
            Phenomenon::LostUpdate => format!("T{op} and T{other} both wrote {key} after they read {value} of it"),
            Phenomenon::Internal => format!("T{op} read {key} otherwise than it had read or written it itself"),
            Phenomenon::PredicateReadMiss => {
                format!("T{op} did not find {key}, though every version of it fits the predicate")
            }
            Phenomenon::PredicateReadExtra => {
                format!("T{op} found {value} of {key}, which does not fit the predicate")
            }
            Phenomenon::Broken(guarantee) => {
                let (did, before) = match guarantee {
                    Guarantee::MonotonicReads => ("read", "read"),
                    Guarantee::MonotonicWrites => ("wrote", "written"),
                    Guarantee::ReadYourWrites => ("read", "written"),
                    Guarantee::WritesFollowReads => ("wrote", "read"),
                };
                format!("T{op} {did} an earlier version of {key} than T{other} of the same process had {before}")
            }
            Phenomenon::LongFork
            | Phenomenon::CausalReverse
            | Phenomenon::CommitCycle(_)
            | Phenomenon::CyclicVersions
            | Phenomenon::Cycle(_)
            | Phenomenon::CycleExists(_) => phenomenon.to_string(),
        }
    }
}

/// What a write did: `wrote 5`, or `deleted it`.
fn left(value: &str) -> String {
    if value == "nil" { "deleted it".to_owned() } else { format!("wrote {value}") }
}

/// A predicate as files have it: `[:mod 2 0]`.
fn predicate_in(history: &History, predicate: Predicate) -> String {
    let (word, numbers) = predicate.spelled();
    let numbers: Vec<String> = numbers.iter().map(|number| format!(" {}", history.names.number(*number))).collect();
    if numbers.is_empty() { format!(":{word}") } else { format!("[:{word}{}]", numbers.concat()) }
}

/// A read by a predicate with what it found: `rp :true {k1 5}`.
pub(crate) fn search(history: &History, micro: &Micro) -> String {
    let Some((predicate, found)) = history.values.searched(micro) else { return "rp".to_owned() };
    let predicate = predicate_in(history, predicate);
    let Some(found) = found else { return format!("rp {predicate}") };
    let value = |value: Value| match value {
        Value::Int(number) => history.names.number(number),
        Value::Nil | Value::Pair(..) | Value::List(_) | Value::Transaction(_) => "nil".to_owned(),
    };
    let found: Vec<String> =
        found.iter().map(|read| format!("{} {}", history.names.key(read.key), value(read.value))).collect();
    format!("rp {predicate} {{{}}}", found.join(", "))
}

/// The transactions of a step.
fn commit_ops(step: CommitStep) -> Vec<OpId> {
    let reader = match step.reason {
        CommitReason::Seen { reader, .. } => Some(reader),
        CommitReason::Session | CommitReason::Read | CommitReason::Initial => None,
    };
    step.from.into_iter().chain(step.to).chain(reader).collect()
}

/// Something undecided as a phrase that ends the sentence "unknown: …".
pub fn undecided(history: &History, undecided: &Undecided) -> String {
    let key = |key: &u32| history.names.key(*key);
    match undecided {
        Undecided::NoDependencies => "nothing says that any transaction comes before another".to_owned(),
        Undecided::WrittenTwice { key: at, value } => {
            let value = history.names.number(*value);
            format!("{value} was written to {} more than once, so nobody can tell which write was read", key(at))
        }
        Undecided::OtherDeed { op, key: at } => {
            format!("T{} does something to {} that is not judged here", op.0, key(at))
        }
        Undecided::Search { phenomenon, steps_max } => {
            format!("whether there is a {phenomenon} was not decided within {steps_max} steps")
        }
    }
}

/// The models that a report rules out, as a line: the weakest, then what falls with them.
pub fn ruled_out(report: &Report) -> Option<String> {
    let names = |levels: super::levels::Levels| levels.iter().map(Level::name).collect::<Vec<_>>().join(", ");
    let (not, also) = (names(report.not()), names(report.also_not()));
    match (not.is_empty(), also.is_empty()) {
        (true, _) => None,
        (false, true) => Some(format!("not {not}")),
        (false, false) => Some(format!("not {not}; also not {also}")),
    }
}
