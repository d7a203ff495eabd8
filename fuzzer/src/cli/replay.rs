//! `murphy replay`: a schedule once more, and what happened in it.

mod breakpoint;

use std::collections::BTreeMap;

use murphy_checker::verdict::{Class, Verdict};
use murphy_schedule::{Document, Header, Schedule, Step, Vocabulary};
use murphy_sim::{AnyTarget, Outcome, TraceEvent, What};
use serde_json::{Value, json};

use super::{
    Output, ReplayArguments,
    commands::{deliver, open, step_text, verdict_text, verdict_word},
    exit::{Exit, Failure, put, say},
};
use crate::{
    finding::Finding,
    harness::Harness,
    picture::{Detail, Selection, trace_lines, verbose},
    regression::Fate,
    source::Source,
};

/// Runs a schedule again.
pub(super) fn replay(targets: &[Box<dyn AnyTarget>], arguments: &ReplayArguments, json: bool) -> Result<Exit, Failure> {
    let (source, mut harness) = open(targets, &arguments.schedule, &arguments.place)?;
    let schedule = &source.document.schedule;
    if arguments.one_stream {
        harness.draw_from_one_stream();
    }
    let mut outcome = match arguments.break_at {
        Some(number) => breakpoint::stop_before(&mut harness, schedule, number)?,
        None => harness.trace(schedule),
    };
    label(&mut outcome.trace, &source.document, harness.vocabulary());
    list(&outcome, arguments, json)?;
    let mut replayed = Replayed::new(&source, &outcome, &mut harness);
    for _ in 0..arguments.times {
        let again = harness.run(schedule);
        replayed.same &= again.trace_hash == outcome.trace_hash;
        replayed.failed += u64::from(again.verdict == outcome.verdict && again.verdict.anomaly().is_some());
    }
    if !arguments.place.invariants.is_empty() {
        harness.undecided().iter().for_each(|what| say(what));
    }
    let exit = replayed.exit(&outcome.verdict);
    if json {
        put(&replayed.object(&source, &harness, &outcome, arguments.times).to_string());
    } else {
        replayed.tell(&harness, schedule, &outcome, arguments.times);
    }
    Ok(exit)
}

/// The finding that a schedule makes, its steps called as in the document.
pub(super) fn finding(harness: &mut Harness, document: &Document) -> Option<Finding> {
    let mut finding = Finding::new(harness, &document.schedule)?;
    label(&mut finding.outcome.trace, document, harness.vocabulary());
    Some(finding)
}

/// Prints and writes the events that were asked for. Whoever asks for those of a node or a time and says no more gets all of them.
fn list(outcome: &Outcome, arguments: &ReplayArguments, json: bool) -> Result<(), Failure> {
    let until = arguments.until.map_or(u64::MAX, |until| u64::try_from(until.as_nanos()).unwrap_or(u64::MAX));
    let all = Selection { node: arguments.node, until, ..Selection::ALL };
    if let Some(path) = &arguments.trace {
        let output = Output { output: Some(path.clone()), force: arguments.force };
        deliver(&output, None, trace_lines(outcome, &all).as_bytes())?;
    }
    let detail = match arguments.verbose {
        0 if all.node.is_none() && arguments.until.is_none() => return Ok(()),
        1 => Detail::Messages,
        2 => Detail::Timers,
        _ => Detail::Everything,
    };
    let selection = Selection { detail, ..all };
    let lines = if json { trace_lines(outcome, &selection) } else { verbose(outcome, &selection) };
    if !lines.is_empty() {
        put(lines.trim_end());
    }
    Ok(())
}

/// Gives the steps of a trace, which knows them by their numbers, the labels that they have in the document.
pub(super) fn label(trace: &mut [TraceEvent], document: &Document, vocabulary: &Vocabulary) {
    let mut known = document.clone();
    known.names.extend(vocabulary.spellings());
    let alone = |step: &Step| Schedule { header: Header::default(), steps: vec![*step] };
    let plain = |step| step_text(&Document::new("any", alone(step), vocabulary), 0);
    let steps = document.schedule.steps.iter().enumerate();
    let labelled: BTreeMap<_, _> = steps.map(|(at, step)| (plain(step), step_text(&known, at))).collect();
    for event in trace {
        if let What::Begin(text) | What::End(text) = &mut event.what
            && let Some(labelled) = labelled.get(text)
        {
            text.clone_from(labelled);
        }
    }
}

/// What several runs of one schedule gave.
struct Replayed {
    same: bool,
    failed: u64,
    /// Hash of the run that was recorded with the finding.
    recorded: Option<String>,
    /// Why it passes and proves nothing, if that is so.
    stale: Vec<String>,
}

impl Replayed {
    fn new(source: &Source, outcome: &Outcome, harness: &mut Harness) -> Self {
        let meta = source.entry.as_ref().and_then(|entry| entry.meta.as_ref());
        let recorded = meta.and_then(|meta| meta["trace_hash"].as_str()).map(str::to_string);
        let passes = source.entry.as_ref().filter(|_| outcome.verdict == Verdict::Valid);
        let stale = match passes.map(|entry| Fate::of(harness, entry)) {
            Some(Fate::Stale(reasons)) => reasons,
            _ => Vec::new(),
        };
        Self { same: true, failed: 0, recorded, stale }
    }

    fn exit(&self, verdict: &Verdict) -> Exit {
        match verdict {
            _ if !self.same => Exit::Nondeterminism,
            Verdict::Invalid(anomaly) if anomaly.class == Class::Nondeterminism => Exit::Nondeterminism,
            Verdict::Invalid(_) => Exit::Violation,
            Verdict::Valid if !self.stale.is_empty() => Exit::Stale,
            Verdict::Valid => Exit::Clean,
            Verdict::Unknown(_) => Exit::Inconclusive,
        }
    }

    fn as_recorded(&self, outcome: &Outcome) -> Option<bool> {
        self.recorded.as_ref().map(|recorded| *recorded == format!("{:016x}", outcome.trace_hash))
    }

    fn object(&self, source: &Source, harness: &Harness, outcome: &Outcome, times: u32) -> Value {
        let anomaly = outcome.verdict.anomaly();
        json!({
            "schema": "murphy/replay/1", "target": harness.name(), "verdict": verdict_word(&outcome.verdict), "times": times, "reproduced": self.failed,
            "same_trace": self.same, "as_recorded": self.as_recorded(outcome),
            "trace_hash": format!("{:016x}", outcome.trace_hash), "events": outcome.events,
            "class": anomaly.map(|anomaly| anomaly.class.name()), "anomaly": anomaly.map(|anomaly| anomaly.name.to_string()),
            "stale": self.stale, "folder": source.entry.as_ref().map(|entry| entry.path.clone()),
        })
    }

    fn tell(&self, harness: &Harness, schedule: &Schedule, outcome: &Outcome, times: u32) {
        let hash = outcome.trace_hash;
        put(&verdict_text(harness, outcome));
        if self.same {
            let violated = outcome.verdict.anomaly().is_some();
            let times = if violated { format!("reproduced {}/{times}, ", self.failed) } else { String::new() };
            put(&format!("{times}trace {hash:016x}, {} events", outcome.events));
        } else {
            put("the runs differ: the target reads a clock, a random source or the order of a hash map");
        }
        if self.as_recorded(outcome) == Some(false) {
            say("the trace is not the recorded one: the target or Murphy changed since");
        }
        if !self.stale.is_empty() {
            say(&format!("stale: {}", self.stale.join("; ")));
        }
        let idle = outcome.steps.iter().filter(|step| step.effects == 0).count();
        if self.stale.is_empty() && outcome.verdict == Verdict::Valid && idle > 0 {
            say(&format!("{idle} of {} steps had no effect", schedule.steps.len()));
        }
    }
}
