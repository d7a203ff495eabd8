//! `murphy check`: the checker alone, on histories of other systems.

mod clocks;
mod consistency;
mod invariants;
mod patterns;
mod selection;
mod transactions;

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use murphy_checker::{
    causal,
    checkers::Figure,
    explain::{Explanation, asked, explain_as, explain_causal, explain_sequential, heard},
    family::Family,
    history::{Event, History, OpId},
    invariant::Invariant,
    linearizability::CONFIGURATIONS_MAX,
    parts::{first, renumbered},
    pattern,
    read::{self, Format, ReadError, ReadErrorKind, read},
    sequential::{self, VISITS_MAX},
    verdict::{Anomaly, Evidence, Verdict},
};
use serde_json::{Value, json};

use self::{
    consistency::Consistency,
    patterns::{Known, Pattern},
};
pub(super) use self::{selection::Selection, transactions::TransactionArguments};
use super::{
    CheckArguments,
    exit::{Exit, Failure, put},
};

/// The endings of files that are taken for histories in a folder.
const ENDINGS: [&str; 5] = ["edn", "json", "jsonl", "log", "txt"];
/// Keys are shared out among threads where a history has more operations than these.
const SHARED: usize = 50_000;

/// Checks histories, and says of each whether it is right.
pub(super) fn check(arguments: &CheckArguments, json: bool) -> Result<Exit, Failure> {
    let mut paths = expand(&arguments.histories)?;
    if let Some(field) = &arguments.align {
        match clocks::align(&paths, field, arguments, json)? {
            Some(merged) => paths = vec![merged],
            None => return Ok(Exit::Clean),
        }
    }
    let invariants = invariants::read(arguments)?;
    let threads = usize::from(arguments.jobs.max(1));
    let mut known = Known::read(arguments.known.as_deref())?;
    let (mut exit, mut failed, mut counts) = (Exit::Clean, None, [0; 3]);
    // In the order of the paths, some at a time, so that a verdict is printed when it is known.
    for some in paths.chunks(threads * 4) {
        let judged = in_parallel(threads, some, |path| answer(path, arguments, &invariants, threads, json));
        for (path, judged) in some.iter().zip(judged) {
            match judged {
                Ok(answer) => {
                    exit = exit.or([Exit::Clean, Exit::Violation, Exit::Inconclusive][answer.place]);
                    counts[answer.place] += 1;
                    put(&answer.told(known.of(path, answer.pattern.as_ref())));
                }
                Err(failure) => {
                    let grave = failure.report(json);
                    failed = failed.or(Some(grave));
                }
            }
        }
    }
    if !json && paths.len() > 1 {
        put(&format!("{} histories: {} valid, {} invalid, {} unknown", paths.len(), counts[0], counts[1], counts[2]));
    }
    known.write()?;
    Ok(failed.unwrap_or(exit))
}

/// What is said of a history.
struct Answer {
    /// The place of the verdict: valid, invalid, unknown.
    place: usize,
    told: Told,
    /// Of the anomaly, if operations show one.
    pattern: Option<Pattern>,
}

/// What is printed.
enum Told {
    /// A line, and what explains it.
    Text {
        line: String,
        why: String,
    },
    Object(Value),
}

impl Answer {
    /// As it is printed. An anomaly that was met before, as `before` says, is not explained again.
    fn told(&self, before: Option<String>) -> String {
        let Some(pattern) = &self.pattern else {
            return match &self.told {
                Told::Text { line, why } => format!("{line}{why}"),
                Told::Object(object) => object.to_string(),
            };
        };
        match (&self.told, before) {
            (Told::Text { line, why }, None) => {
                let end = if why.ends_with('\n') { "\n" } else { "" };
                format!("{line}{}\n{end}  pattern {}{end}", why.trim_end(), pattern.id)
            }
            (Told::Text { line, .. }, Some(before)) => {
                format!("{line}\n  {}, the same pattern as {before}: {}", pattern.anomaly, pattern.id)
            }
            (Told::Object(object), before) => {
                let mut object = object.clone();
                object["pattern"] = json!(pattern.id);
                object["same_as"] = json!(before);
                object.to_string()
            }
        }
    }
}

/// What is said of the history in a file.
fn answer(
    path: &Path,
    arguments: &CheckArguments,
    invariants: &[Invariant],
    threads: usize,
    json: bool,
) -> Result<Answer, Failure> {
    let bytes = contents(path)?;
    let text = read::text(&bytes).map_err(|error| unreadable(path, error))?;
    let (family, whole) = match arguments.model {
        Some(family) => (family, history(path, text, family)?),
        None => guess(path, text, &arguments.transactions)?,
    };
    let operations = whole.operations.len();
    let history = filled(path, arguments.selection.of(whole), "has none of the operations that are to be judged")?;
    let part = Part { path, text, family, operations };
    if invariants.is_empty() {
        return by_model(&part, history, arguments, threads, json);
    }
    let judged = invariants::Judged::new(&part, &history, invariants, arguments);
    let by_invariants = judged.answer(path, json);
    if arguments.model.is_none() {
        return Ok(by_invariants);
    }
    // Of two answers the worse.
    let by_model = by_model(&part, history, arguments, threads, json)?;
    let worse = |one: &Answer| [0, 2, 1][one.place];
    Ok(if worse(&by_invariants) > worse(&by_model) { by_invariants } else { by_model })
}

/// The file that a history comes from.
struct Part<'a> {
    path: &'a Path,
    text: &'a str,
    family: Family,
    /// How many operations the file has.
    operations: usize,
}

impl Part<'_> {
    /// What was judged, in a few words.
    fn subject(&self, level: &str, history: &History, arguments: &CheckArguments) -> String {
        let (name, count) = (self.family.name(), history.operations.len());
        match &arguments.selection.words()[..] {
            [] => format!("{name}, {level}{count} operations"),
            words => format!("{name}, {level}only {count} of {} operations: {}", self.operations, words.join(" ")),
        }
    }
}

/// What is said of a history held to its model.
fn by_model(
    part: &Part<'_>,
    history: History,
    arguments: &CheckArguments,
    threads: usize,
    json: bool,
) -> Result<Answer, Failure> {
    let Part { path, text, family, .. } = *part;
    if let Some(objects) = family.objects() {
        let levels = arguments.transactions.levels(path, Format::of(text))?;
        let judged = transactions::Judged::new(part, objects, history, levels, arguments);
        judged.draw(path, arguments)?;
        return Ok(judged.answer(path, json));
    }
    let consistency = arguments.transactions.of_operations(path)?;
    let budget = arguments.budget;
    let verdict = match consistency {
        Consistency::Sequential => sequential::check_as(family, &history, budget.unwrap_or(VISITS_MAX)),
        Consistency::Level(_) => causal::check_as(family, &history),
        Consistency::Linearizable => Some(judge(family, &history, budget.unwrap_or(CONFIGURATIONS_MAX), threads)),
    };
    let verdict = verdict.ok_or_else(|| {
        let (path, consistency) = (path.to_path_buf(), consistency.name());
        Failure::NotJudged { path, consistency, model: family.name() }
    })?;
    let checked = Checked { arguments, part, consistency, family, history, verdict };
    Ok(checked.answer(path, json))
}

/// The files that are meant: those named, and those in folders that look like histories, in order.
fn expand(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let known = files.len();
        collect(path, &mut files)?;
        if files.len() == known {
            let what = "has no histories: files that end in .edn, .json, .jsonl, .log or .txt";
            return Err(Failure::WrongForm { path: path.clone(), what });
        }
    }
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<PathBuf> =
        entries.map_err(Failure::file("read", folder))?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() {
            collect(&path, files)?;
        } else if ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
            files.push(path);
        }
    }
    Ok(())
}

/// What `work` gives for each of `items`, in their order, whatever thread did it.
fn in_parallel<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mine = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < items.len()));
        mine.map(|at| (at, work(&items[at]))).collect::<Vec<_>>()
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(items.len())).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker's panic ends the command")).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A history and what the checker says of it.
struct Checked<'a> {
    arguments: &'a CheckArguments,
    part: &'a Part<'a>,
    consistency: Consistency,
    family: Family,
    /// What was judged.
    history: History,
    verdict: Verdict,
}

impl Checked<'_> {
    /// Valid, invalid, unknown.
    fn place(&self) -> usize {
        match self.verdict {
            Verdict::Valid => 0,
            Verdict::Invalid(_) => 1,
            Verdict::Unknown(_) => 2,
        }
    }

    fn word(&self) -> &'static str {
        ["valid", "invalid", "unknown"][self.place()]
    }

    fn explanation(&self) -> Option<(&Anomaly, Explanation)> {
        let anomaly = self.verdict.anomaly()?;
        let explain = match self.consistency {
            Consistency::Sequential => explain_sequential,
            Consistency::Level(_) => explain_causal,
            Consistency::Linearizable => explain_as,
        };
        Some((anomaly, explain(self.family, &self.history, anomaly)))
    }

    fn answer(&self, path: &Path, json: bool) -> Answer {
        let explanation = self.explanation();
        let pattern = explanation.as_ref().and_then(|(anomaly, told)| self.pattern(anomaly, told));
        let told = if json {
            Told::Object(self.object(path, explanation))
        } else {
            let line = format!("{:<7}  {}  ({})", self.word(), path.display(), self.subject());
            Told::Text { line, why: self.why(explanation) }
        };
        Answer { place: self.place(), told, pattern }
    }

    /// The pattern of the operations that show an anomaly.
    fn pattern(&self, anomaly: &Anomaly, told: &Explanation) -> Option<Pattern> {
        let last = if let Evidence::Operation(op) = anomaly.evidence { Some(op) } else { None };
        let operations = Some(&told.operations).filter(|operations| !operations.is_empty())?;
        let text = pattern::of_operations(&self.history, operations, last);
        Some(Pattern::new(&anomaly.name, [self.family.name(), self.consistency.name(), &text]))
    }

    fn why(&self, explanation: Option<(&Anomaly, Explanation)>) -> String {
        let figures = self.figures();
        match (&self.verdict, explanation) {
            (_, Some((anomaly, told))) => {
                let bars: String =
                    told.picture.iter().zip(&told.operations).map(|(bar, op)| self.bar(bar, *op)).collect();
                let text = format!("{}\n\n{told}\npicture:\n{bars}", anomaly.name);
                let text: Vec<String> = text.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
                let title = if figures.is_empty() { "" } else { "\n\n  counted:" };
                format!("\n{}{title}{figures}\n", text.join("\n"))
            }
            (Verdict::Unknown(budget), None) => format!(": {}{figures}", budget.reason()),
            (_, None) => figures,
        }
    }

    /// What was judged, in a few words.
    fn subject(&self) -> String {
        let level = match self.consistency {
            Consistency::Linearizable => String::new(),
            other => format!("{}, ", other.name()),
        };
        self.part.subject(&level, &self.history, self.arguments)
    }

    /// What was counted, each on a line that begins with its break.
    fn figures(&self) -> String {
        let figures = self.family.figures(&self.history);
        let width = figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
        figures.iter().map(|Figure { name, value }| format!("\n    {name:<width$}  {value}")).collect()
    }

    fn bar(&self, bar: &str, op: OpId) -> String {
        format!("  p{:<3} {bar}  {}\n", self.history.operation(op).process, asked(&self.history, op))
    }

    fn object(&self, path: &Path, explanation: Option<(&Anomaly, Explanation)>) -> Value {
        let mut object = json!({
            "schema": "murphy/check/1",
            "history": path,
            "model": self.family.name(),
            "operations": self.history.operations.len(),
            "left_out": self.part.operations - self.history.operations.len(),
            "selection": self.arguments.selection.words(),
            "consistency": self.consistency.name(),
            "verdict": self.word(),
        });
        if self.family.counts() {
            let figures = self.family.figures(&self.history).into_iter();
            object["figures"] = figures.map(|Figure { name, value }| (name, json!(value))).collect();
        }
        if let Verdict::Unknown(budget) = &self.verdict {
            object["reason"] = json!(budget.reason());
        }
        if let Some((anomaly, told)) = explanation {
            let operations: Vec<Value> = told.operations.iter().map(|op| self.operation(*op)).collect();
            object["anomaly"] = json!(anomaly.name);
            object["summary"] = json!(told.summary);
            object["shown_by"] = json!(operations);
            object["why"] = json!(told.why);
            object["picture"] = json!(told.picture);
        }
        object
    }

    fn operation(&self, op: OpId) -> Value {
        let operation = self.history.operation(op);
        json!({
            "index": op.0,
            "process": operation.process,
            "asked": asked(&self.history, op),
            "heard": heard(&self.history, op),
            "invoked_ns": operation.invoked_at,
            "completed_ns": operation.completion.map(|(_, at)| at),
            "also": also(&self.history, op),
        })
    }
}

/// What the file says of an operation beyond what a history knows, by field, as EDN; what the completion says goes first.
fn also(history: &History, op: OpId) -> BTreeMap<&str, &str> {
    [Event::Invoke(op), Event::Complete(op)].into_iter().flat_map(|event| history.names.notes(event)).collect()
}

fn contents(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        let done = std::io::stdin().lock().read_to_end(&mut bytes);
        return done.map(|_| bytes).map_err(Failure::file("read", Path::new("standard input")));
    }
    fs::read(path).map_err(Failure::file("read", path))
}

fn history(path: &Path, text: &str, family: Family) -> Result<History, Failure> {
    let history = read(text, Format::of(text), family).map_err(|error| unreadable(path, error))?;
    filled(path, history, "has no operations")
}

/// The history, which must not be empty.
fn filled(path: &Path, history: History, what: &'static str) -> Result<History, Failure> {
    if history.operations.is_empty() {
        return Err(Failure::WrongForm { path: path.to_path_buf(), what });
    }
    Ok(history)
}

fn unreadable(path: &Path, error: ReadError) -> Failure {
    Failure::History { path: path.to_path_buf(), error }
}

/// The first family of which the text is a history.
fn guess(path: &Path, text: &str, wanted: &TransactionArguments) -> Result<(Family, History), Failure> {
    if Format::of(text) == Format::EtcdLog {
        return Ok((Family::CasRegister, history(path, text, Family::CasRegister)?));
    }
    for family in Family::ALL.iter().filter(|family| wanted.may_be(**family)) {
        match read(text, Format::of(text), *family) {
            Ok(read) if family.fits(&read) => return Ok((*family, filled(path, read, "has no operations")?)),
            Ok(_) => {}
            Err(error) => match error.kind {
                ReadErrorKind::UnknownFunction { .. }
                | ReadErrorKind::BadValue { .. }
                | ReadErrorKind::Missing("f") => {}
                _ => return Err(unreadable(path, error)),
            },
        }
    }
    Err(Failure::WhichModel(path.to_path_buf(), Family::ALL.iter().map(|family| family.name()).collect()))
}

/// The verdict on a history. Keys of a long one are shared out among threads: each key is judged by itself anyway, so the verdict is
/// that of one thread, up to the first completion that is wrong.
fn judge(family: Family, history: &History, budget: usize, threads: usize) -> Verdict {
    let keys: u32 = history.operations.iter().map(|operation| operation.call.key).max().unwrap_or(0);
    // Checkers that count are fast enough, and what they say at the end is of all keys.
    if threads < 2 || keys < 2 || history.operations.len() < SHARED || family.counts() {
        return family.check(history, budget);
    }
    let shares: Vec<u32> = (0..threads as u32).collect();
    let verdicts = in_parallel(threads, &shares, |share| {
        let mine = |op: &&OpId| history.operation(**op).call.key % threads as u32 == *share;
        let all: Vec<OpId> = (0..history.operations.len() as u32).map(OpId).collect();
        let kept: Vec<OpId> = all.iter().filter(mine).copied().collect();
        let part = history.filter(|operation| operation.call.key % threads as u32 == *share);
        renumbered(family.check(&part, budget), &kept)
    });
    first(history, verdicts)
}
