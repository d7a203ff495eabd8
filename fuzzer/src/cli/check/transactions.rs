//! What `murphy check` says of transactions: which consistency models hold, and why others do not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use murphy_checker::{
    family::Family,
    history::{History, OpId},
    pattern,
    read::Format,
    transactions::{
        Finding, Holds, Objects, Options, Orders, Report, STEPS_MAX, Transactions, VersionOrders,
        levels::{Level, Levels},
        phenomena::Relation,
        picture,
        words::{self, Told},
    },
};
use serde_json::{Value, json};

use super::{
    super::{CheckArguments, exit::Failure},
    Answer, Part, Pattern, Told as Said,
    consistency::{Consistency, consistency, of_operations},
};

/// What concerns transactions only.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct TransactionArguments {
    /// What to hold the histories to: `linearizable`, `sequential` or `causal`; of transactions also any consistency models, separated
    /// by commas [default: linearizable; of transactions strict-serializable, or causal for a history without times].
    #[arg(long, value_name = "MODEL", value_delimiter = ',', value_parser = consistency(), hide_possible_values = true)]
    consistency: Vec<Consistency>,
    /// What orders the versions of registers, beside what must [default: writes-follow-reads].
    #[arg(long, value_name = "ORDER", value_delimiter = ',', value_enum)]
    versions: Vec<VersionOrder>,
    /// Draw each cycle: a .dot file for Graphviz, and of small ones an .svg.
    #[arg(long, value_name = "FOLDER")]
    graphs: Option<PathBuf>,
}

/// What is taken to order the versions of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VersionOrder {
    /// Nothing but what must.
    Nothing,
    /// Who reads a version and writes another writes the later one.
    WritesFollowReads,
    /// A process meets the versions of a register in order.
    SequentialKeys,
    /// Who is invoked later meets no earlier version of a register.
    LinearizableKeys,
}

impl TransactionArguments {
    /// Whether something was asked that only transactions have an answer to.
    fn are_of_transactions(&self) -> bool {
        let level = |one: &Consistency| matches!(one, Consistency::Level(level) if *level != Level::Causal);
        self.consistency.iter().any(level) || !self.versions.is_empty() || self.graphs.is_some()
    }

    /// Whether a history can be of this family, if nobody said of which.
    pub(super) fn may_be(&self, family: Family) -> bool {
        !self.are_of_transactions() || family.objects().is_some()
    }

    /// What a history whose operations are no transactions is held to.
    pub(super) fn of_operations(&self, path: &Path) -> Result<Consistency, Failure> {
        if !self.versions.is_empty() || self.graphs.is_some() {
            let what = "is no history of transactions, which `--versions` and `--graphs` are about";
            return Err(Failure::WrongForm { path: path.to_path_buf(), what });
        }
        of_operations(&self.consistency, path)
    }

    /// The models to check a history that is written so.
    pub(super) fn levels(&self, path: &Path, format: Format) -> Result<Vec<Level>, Failure> {
        let asked: Vec<Level> = self.consistency.iter().map(|one| one.level()).collect();
        if asked.iter().any(|level| !format.has_times() && level.relation() == Relation::Realtime) {
            let what = "has no times, without which nobody can tell whether a model holds that respects real time";
            return Err(Failure::WrongForm { path: path.to_path_buf(), what });
        }
        Ok(match (asked.is_empty(), format.has_times()) {
            (true, true) => vec![Level::StrictSerializable],
            (true, false) => vec![Level::Causal],
            (false, _) => asked,
        })
    }

    fn orders(&self) -> VersionOrders {
        let has = |order| self.versions.contains(&order);
        VersionOrders {
            writes_follow_reads: self.versions.is_empty() || has(VersionOrder::WritesFollowReads),
            sequential_keys: has(VersionOrder::SequentialKeys),
            linearizable_keys: has(VersionOrder::LinearizableKeys),
        }
    }
}

/// A history of transactions and what the checker says of it.
pub(super) struct Judged {
    family: Family,
    /// What was judged, in a few words.
    subject: String,
    history: History,
    levels: Vec<Level>,
    report: Report,
    told: Vec<Told>,
}

impl Judged {
    pub(super) fn new(
        part: &Part<'_>,
        objects: Objects,
        history: History,
        levels: Vec<Level>,
        arguments: &CheckArguments,
    ) -> Self {
        let options = Options {
            orders: Orders::of(levels.iter().copied()),
            versions: arguments.transactions.orders(),
            guarantees: levels.iter().any(|level| level.is_guarantee()),
            tries_orders: true,
            weak: levels.iter().filter_map(|level| level.weak()).max(),
            steps_max: arguments.budget.map_or(STEPS_MAX, |steps| steps as u64),
            ..Options::new(objects)
        };
        let mut judge = Transactions::new();
        let report = judge.check(&history, options).clone();
        let tell = |finding: &Finding| judge.tell(&history, objects, finding);
        let told = report.findings.iter().map(tell).collect();
        let subject = part.subject("", &history, arguments);
        Self { family: part.family, subject, history, levels, report, told }
    }

    /// Valid, invalid, unknown: invalid if one of the models does not hold.
    fn place(&self) -> usize {
        let holds = |answer| self.levels.iter().any(|level| self.report.holds(*level) == answer);
        if holds(Holds::No) {
            1
        } else if holds(Holds::Unknown) {
            2
        } else {
            0
        }
    }

    fn word(&self) -> &'static str {
        ["valid", "invalid", "unknown"][self.place()]
    }

    /// Draws the cycles that were found, in files that are called as the history and the anomaly.
    pub(super) fn draw(&self, path: &Path, arguments: &CheckArguments) -> Result<(), Failure> {
        let Some(folder) = &arguments.transactions.graphs else { return Ok(()) };
        fs::create_dir_all(folder).map_err(Failure::file("create", folder))?;
        let stem = path.file_stem().map_or("history".into(), |stem| stem.to_string_lossy());
        for told in &self.told {
            for (ending, picture) in [("dot", picture::dot(told)), ("svg", picture::svg(told))] {
                if let Some(picture) = picture {
                    let file = folder.join(format!("{stem}-{}.{ending}", told.phenomenon));
                    fs::write(&file, picture).map_err(Failure::file("write", &file))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn answer(&self, path: &Path, json: bool) -> Answer {
        let told = if json {
            Said::Object(self.object(path))
        } else {
            let (word, path, subject) = (self.word(), path.display(), &self.subject);
            let asked: Vec<&str> = self.levels.iter().map(|level| level.name()).collect();
            let line = format!("{word:<7}  {path}  ({subject}): {}", asked.join(", "));
            Said::Text { line, why: self.why() }
        };
        Answer { place: self.place(), told, pattern: self.pattern() }
    }

    /// That of all that was found, if that is why the history is invalid.
    fn pattern(&self) -> Option<Pattern> {
        if self.place() != 1 || self.told.is_empty() {
            return None;
        }
        let of = |told: &Told| {
            let next = |op: OpId| told.steps.iter().find(|told| told.step.from == op).map(|told| told.step);
            let circle: Vec<(OpId, &str)> = told.steps.first().map_or_else(Vec::new, |first| {
                let steps = std::iter::successors(Some(first.step), |step| next(step.to));
                steps.take(told.steps.len()).map(|step| (step.from, step.dependency.name())).collect()
            });
            let text = if circle.is_empty() {
                let operations: Vec<OpId> = told.transactions.iter().map(|(op, _)| *op).collect();
                pattern::of_operations(&self.history, &operations, None)
            } else {
                pattern::of_circle(&self.history, &circle)
            };
            format!("{}\n{text}", told.phenomenon)
        };
        let all: Vec<String> = self.told.iter().map(of).collect();
        let anomaly = self.told[0].phenomenon.to_string();
        Some(Pattern::new(&anomaly, [self.family.name(), "", &all.join("\n")]))
    }

    fn why(&self) -> String {
        let mut text = String::new();
        let undecided = self.report.undecided.iter().map(|gap| words::undecided(&self.history, gap));
        let lines = words::ruled_out(&self.report).into_iter().chain(undecided.map(|gap| format!("unknown: {gap}")));
        lines.for_each(|line| text += &format!("\n  {line}"));
        for told in &self.told {
            told.to_string().lines().for_each(|line| text += &format!("\n    {line}"));
        }
        text
    }

    fn object(&self, path: &Path) -> Value {
        let names = |levels: Levels| levels.iter().map(Level::name).collect::<Vec<_>>();
        let verdicts: serde_json::Map<String, Value> = self
            .levels
            .iter()
            .map(|level| {
                let word = match self.report.holds(*level) {
                    Holds::Yes => "valid",
                    Holds::No => "invalid",
                    Holds::Unknown => "unknown",
                };
                (level.name().to_owned(), word.into())
            })
            .collect();
        let undecided = self.report.undecided.iter().map(|gap| words::undecided(&self.history, gap));
        json!({
            "schema": "murphy/check/1",
            "history": path,
            "model": self.family.name(),
            "operations": self.history.operations.len(),
            "verdict": self.word(),
            "consistency": verdicts,
            "not": names(self.report.not()),
            "also_not": names(self.report.also_not()),
            "anomaly": self.told.first().map(|told| told.phenomenon.to_string()),
            "summary": self.told.first().map(|told| &told.summary),
            "undecided": undecided.collect::<Vec<_>>(),
            "anomalies": self.told.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}

fn finding(told: &Told) -> Value {
    let transactions = told.transactions.iter().map(|(op, did)| json!({ "index": op.0, "did": did }));
    let steps = told.steps.iter().map(|told| {
        json!({
            "from": told.step.from.0,
            "to": told.step.to.0,
            "dependency": told.step.dependency.name(),
            "parts": told.reason.map(|reason| reason.parts),
            "why": told.sentence,
        })
    });
    let commits = told.commits.iter().map(|(step, sentence)| {
        json!({ "from": step.from.map(|op| op.0), "to": step.to.map(|op| op.0), "dependency": "commit", "why": sentence })
    });
    json!({
        "anomaly": told.phenomenon.to_string(),
        "count": told.count,
        "summary": told.summary,
        "transactions": transactions.collect::<Vec<_>>(),
        "steps": steps.chain(commits).collect::<Vec<_>>(),
    })
}
