//! `murphy schedule`: making schedules from presets, from other tools' tests, and from each other's forms.

use std::path::{Path, PathBuf};

use murphy_schedule::{
    Diagnostic, Document, import,
    nemesis::{Family, Interval, KillOf, LongRecovery, Plan, Shape},
};
use murphy_sim::AnyTarget;

use super::{
    Disk, ImportArguments, ImportFrom, NewArguments, ScheduleArguments, ScheduleCommand, TranslateArguments,
    commands::{deliver, read},
    exit::{Exit, Failure},
};
use crate::{
    harness::Harness,
    source::{Mistakes, SourceError, Syntax},
};

/// Makes a schedule.
pub(super) fn schedule(targets: &[Box<dyn AnyTarget>], arguments: &ScheduleArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        ScheduleCommand::New(new) => self::new(targets, new),
        ScheduleCommand::Import(ImportArguments { from: ImportFrom::Jepsen(jepsen) }) => {
            let (name, text) = options(&jepsen.options)?;
            let target = known(targets, &jepsen.target)?;
            let file = Path::new(&jepsen.options);
            deliver(&jepsen.output, Some(file), &imported(&name, &text, import::jepsen(&text, &target))?)
        }
        ScheduleCommand::Import(ImportArguments { from: ImportFrom::Fdb(fdb) }) => {
            let (name, text) = text(&fdb.file)?;
            let target = known(targets, &fdb.target)?;
            deliver(&fdb.output, Some(&fdb.file), &imported(&name, &text, import::fdb(&text, &target))?)
        }
        ScheduleCommand::Convert(convert) => self::convert(targets, convert),
    }
}

/// The name of a target, if there is one: `any` always is.
fn known(targets: &[Box<dyn AnyTarget>], name: &str) -> Result<String, Failure> {
    if name == "any" { Ok(name.to_string()) } else { Ok(Harness::new(targets, name)?.name().to_string()) }
}

fn new(targets: &[Box<dyn AnyTarget>], arguments: &NewArguments) -> Result<Exit, Failure> {
    let plan = plan(known(targets, &arguments.target)?, arguments)?;
    plan.check()?;
    deliver(&arguments.output, None, plan.text().as_bytes())
}

fn plan(target: String, arguments: &NewArguments) -> Result<Plan, Failure> {
    let (mut shapes, mut shapes_of) = (Vec::new(), Vec::new());
    for said in &arguments.shape {
        match said.split_once('=') {
            None => shapes.extend(Shape::parse_list(said)?),
            Some((families, list)) => {
                for family in Family::parse_list(families)? {
                    shapes_of.push((family, Shape::parse_list(list)?));
                }
            }
        }
    }
    let plan = Plan::new(&target, Family::parse_list(&arguments.nemesis)?);
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Ok(Plan {
        seed: arguments.seed,
        shapes,
        shapes_of,
        interval: Interval {
            micros: arguments.interval.map_or(plan.interval.micros, micros),
            random: arguments.stagger,
        },
        time_limit_us: arguments.time_limit.map_or(plan.time_limit_us, micros),
        long_recovery: arguments.long_recovery.then_some(LongRecovery::JEPSEN),
        final_recovery_us: arguments.recovery.map_or(plan.final_recovery_us, micros),
        nodes: arguments.nodes,
        clients: arguments.clients,
        keys: arguments.keys,
        ops: arguments.ops,
        rate: arguments.rate,
        data_centres: arguments.dcs,
        kill: if arguments.disk == Disk::Keep { KillOf::Process } else { KillOf::Machine },
        remarks: vec![format!("Made by `{}`.", command(arguments))],
        ..plan
    })
}

/// What was asked for, for the top of the file.
fn command(arguments: &NewArguments) -> String {
    let shapes = arguments.shape.iter().map(|shape| format!(" --shape {shape}"));
    format!("murphy schedule new --nemesis {}{}", arguments.nemesis, shapes.collect::<String>())
}

/// The options of a Jepsen command line: themselves, or those in a file or on standard input.
fn options(word: &str) -> Result<(PathBuf, String), Failure> {
    let is_line = word.trim().contains(char::is_whitespace) || word.len() > 1 && word.starts_with('-');
    if is_line && !Path::new(word).is_file() {
        return Ok((PathBuf::from("options"), word.to_string()));
    }
    text(Path::new(word))
}

fn text(path: &Path) -> Result<(PathBuf, String), Failure> {
    let name = if path == Path::new("-") { Path::new("standard input") } else { path };
    Ok((name.to_path_buf(), String::from_utf8_lossy(&read(path)?).into_owned()))
}

fn imported(path: &Path, text: &str, schedule: Result<String, Vec<Diagnostic>>) -> Result<Vec<u8>, Failure> {
    schedule.map(String::into_bytes).map_err(|diagnostics| {
        let (path, text) = (path.to_path_buf(), text.to_string());
        Failure::Source(SourceError::Mistakes(Mistakes { path, text, diagnostics }))
    })
}

fn convert(targets: &[Box<dyn AnyTarget>], arguments: &TranslateArguments) -> Result<Exit, Failure> {
    let mut document = arguments.reading.reading().file(&arguments.file)?.document;
    if let Some(name) = &arguments.target {
        let harness = Harness::new(targets, name)?;
        let named = Document::new(harness.name(), document.schedule.clone(), harness.vocabulary());
        document.names.extend(named.names);
        document.target = named.target;
    }
    let mut contents = Syntax::from(arguments.to).write(&document);
    if arguments.to != super::Form::Bytes && !contents.ends_with(b"\n") {
        contents.push(b'\n');
    }
    deliver(&arguments.output, Some(&arguments.file), &contents)
}
