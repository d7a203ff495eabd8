//! `murphy regress`: every finding and every seed once more, a line each.

use std::path::{Path, PathBuf};

use clap::Args;
use murphy_sim::AnyTarget;
use serde_json::json;

use super::{
    cases::{Case, cases, green_together},
    exit::{Exit, Failure, put, say},
    program, revision,
};
use crate::regression::{Seed, Standing, seeds};

#[derive(Clone, Debug, Args)]
pub(super) struct RegressArguments {
    /// Folder of findings [default: crashes].
    #[arg(long, value_name = "DIR")]
    crashes: Option<PathBuf>,
    /// Folder of schedules that people wrote; they have to run, whatever they give [default: corpus/seeds].
    #[arg(long, value_name = "DIR")]
    seeds: Option<PathBuf>,
}

const SCHEMA: &str = "murphy/regress/1";

/// The folder that was said, which must be there, or the usual one, which need not be.
fn folder(said: Option<&PathBuf>, usual: &str) -> Result<PathBuf, Failure> {
    let Some(path) = said else { return Ok(PathBuf::from(usual)) };
    std::fs::read_dir(path).map(|_| path.clone()).map_err(Failure::file("read the folder", path))
}

/// Runs everything that is kept.
pub(super) fn regress(
    targets: &[Box<dyn AnyTarget>],
    arguments: &RegressArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let crashes = folder(arguments.crashes.as_ref(), "crashes")?;
    let folder = folder(arguments.seeds.as_ref(), "corpus/seeds")?;
    let (mut run, mut exit, mut unreadable) = (Vec::new(), Exit::Clean, false);
    for (name, case) in cases(targets, &crashes)? {
        match case {
            Ok(case) => {
                tell(&case, json);
                exit = exit.or(case.standing.exit());
                run.push(case);
            }
            Err(failure) => unreadable |= complain(&format!("crash::{name}"), &failure.to_string(), json),
        }
    }
    for seed in seeds(&folder).map_err(Failure::file("read", &folder))? {
        unreadable |= tell_seed(targets, &seed, json);
    }
    if !json {
        sum_up(&run, &crashes);
    }
    Ok(if unreadable { Exit::Files } else { exit })
}

fn tell(case: &Case, json: bool) {
    let (name, word, sentence) = (format!("crash::{}", case.name), case.standing.word(), case.fate.sentence());
    if json {
        put(&json!({
            "schema": SCHEMA, "test": name, "key": case.key, "status": case.status(), "standing": word, "fate": case.fate.word(),
            "red": case.standing.is_red(), "sentence": sentence, "issue": case.decision.issue,
            "range": range(case).map(|(good, bad)| [good, bad]),
        }).to_string());
        return;
    }
    let program = program();
    let more = match case.standing {
        Standing::Holds => String::new(),
        Standing::Known => format!("  {}", case.decision.reason()),
        Standing::LooksFixed => format!(": `{program} triage set {} fixed`", case.key),
        Standing::Reopened => match range(case) {
            Some((good, bad)) => format!(
                ": {sentence}\n    between {good} and {bad}: `{program} bisect {} --good {good}` finds the revision",
                case.key
            ),
            None => format!(": {sentence}"),
        },
        _ => format!(": {sentence}"),
    };
    put(&format!("{name}  {word}{more}"));
}

/// The revision at which a reopened finding was called fixed, and the one that is there now.
fn range(case: &Case) -> Option<(String, String)> {
    let reopened = case.standing == Standing::Reopened;
    case.decision.revision.clone().zip(revision()).filter(|_| reopened)
}

/// Tells what a seed gave, or why it could not be run; whether it could not.
fn tell_seed(targets: &[Box<dyn AnyTarget>], seed: &Seed, json: bool) -> bool {
    let name = format!("seed::{}", seed.name);
    let yields = match seed.run(targets) {
        Ok(yields) => yields,
        Err(error) => return complain(&name, &error.to_string(), json),
    };
    if json {
        let object = yields.iter().map(|gave| json!({ "target": gave.target, "verdict": gave.verdict }));
        put(&json!({ "schema": SCHEMA, "test": name, "standing": "ok", "yields": object.collect::<Vec<_>>() })
            .to_string());
        return false;
    }
    let odd: Vec<String> = yields
        .iter()
        .filter(|gave| gave.verdict != "valid")
        .map(|gave| format!("{} on {}", gave.verdict, gave.target))
        .collect();
    let valid = match yields.len() - odd.len() {
        0 if yields.is_empty() => vec!["no target of this program".to_string()],
        0 => Vec::new(),
        1 => vec!["valid on 1 target".to_string()],
        many => vec![format!("valid on {many} targets")],
    };
    put(&format!("{name}  ok  {}", [valid, odd].concat().join(", ")));
    false
}

fn complain(name: &str, error: &str, json: bool) -> bool {
    if json {
        put(&json!({ "schema": SCHEMA, "test": name, "standing": "unreadable", "error": error }).to_string());
    } else {
        put(&format!("{name}  unreadable: {error}"));
    }
    true
}

/// How many findings stand how, and what is to be done about them.
fn sum_up(run: &[Case], crashes: &Path) {
    if run.is_empty() {
        return say(&format!("no findings in {}", crashes.display()));
    }
    let mut standings: Vec<Standing> = run.iter().map(|case| case.standing).collect();
    standings.sort();
    let counted = standings.chunk_by(|a, b| a == b).map(|same| format!("{} {}", same.len(), same[0].word()));
    say(&counted.collect::<Vec<_>>().join(", "));
    offer_merging(run);
}

/// Offers to call one what turned green at once.
pub(super) fn offer_merging(cases: &[Case]) {
    for group in green_together(cases) {
        let (first, program) = (&group[0].key, program());
        let keys: Vec<&str> = group.iter().map(|case| case.key.as_str()).collect();
        say(&format!("turned green together, perhaps one bug: {}", keys.join(", ")));
        keys[1..].iter().for_each(|key| say(&format!("    {program} triage merge {key} {first}")));
    }
}
