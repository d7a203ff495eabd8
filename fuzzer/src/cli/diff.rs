//! `murphy diff`: where two runs part, and what came of each.

use murphy_schedule::{Document, shrink};
use murphy_sim::{AnyTarget, Outcome};
use serde_json::{Value, json};

use super::{
    DiffArguments,
    commands::{open, step_text, verdict_text, verdict_word},
    divergence::{Divergence, listed},
    exit::{Exit, Failure, put},
    replay::label,
};
use crate::harness::Harness;

/// Compares two runs.
pub(super) fn diff(targets: &[Box<dyn AnyTarget>], arguments: &DiffArguments, json: bool) -> Result<Exit, Failure> {
    let (source, mut harness) = open(targets, &arguments.first, &arguments.place)?;
    let first = Side::run(&arguments.first, source.document, &mut harness);
    let second = match (&arguments.second, &arguments.without) {
        (Some(word), _) => {
            let (source, mut harness) = open(targets, word, &arguments.place)?;
            Side::run(word, source.document, &mut harness)
        }
        (None, without) => {
            let step = without.as_deref().unwrap_or_default();
            let (name, document) = (format!("without step {step}"), without_step(&first.document, step)?);
            Side::run(&name, document, &mut harness)
        }
    };
    let divergence = Divergence::with_rows(&first.events, &second.events, arguments.rows);
    put(&if json {
        object(&first, &second, divergence.as_ref()).to_string()
    } else {
        text(&first, &second, divergence.as_ref())
    });
    Ok(Exit::Clean)
}

/// One of the two runs.
struct Side {
    /// How the user called it.
    name: String,
    document: Document,
    verdict: String,
    outcome: Outcome,
    /// What happened, in words.
    events: Vec<String>,
}

impl Side {
    fn run(name: &str, document: Document, harness: &mut Harness) -> Self {
        let mut outcome = harness.trace(&document.schedule);
        label(&mut outcome.trace, &document, harness.vocabulary());
        let (verdict, events) = (verdict_text(harness, &outcome), listed(&outcome));
        Self { name: name.to_string(), document, verdict, outcome, events }
    }

    fn steps(&self) -> Vec<String> {
        (0..self.document.schedule.steps.len()).map(|at| step_text(&self.document, at)).collect()
    }

    /// The steps that the other does not have.
    fn only(&self, other: &Self) -> Vec<String> {
        let theirs = other.steps();
        self.steps().into_iter().filter(|step| !theirs.contains(step)).collect()
    }

    fn object(&self) -> Value {
        json!({
            "name": self.name, "target": self.document.target, "verdict": verdict_word(&self.outcome.verdict), "sentence": self.verdict,
            "events": self.events.len(), "trace_hash": format!("{:016x}", self.outcome.trace_hash),
        })
    }
}

/// The same schedule without a step, which is named by its number or its label.
fn without_step(document: &Document, step: &str) -> Result<Document, Failure> {
    let steps = &document.schedule.steps;
    let labelled = |id: &u8| *id != 0 && document.labels.get(id).is_some_and(|label| label == step);
    let number = step.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let at = number.or_else(|| steps.iter().position(|step| labelled(&step.id)));
    let Some(at) = at.filter(|at| *at < steps.len()) else {
        return Err(Failure::NoStep { found: step.to_string(), steps: steps.len() });
    };
    let keep: Vec<bool> = (0..steps.len()).map(|other| other != at).collect();
    Ok(Document { schedule: shrink::keep_steps(&document.schedule, &keep), ..document.clone() })
}

fn text(first: &Side, second: &Side, divergence: Option<&Divergence>) -> String {
    let mut lines = Vec::new();
    for (side, other) in [(first, second), (second, first)] {
        lines.push(format!("{}\n  {}", side.name, side.verdict));
        lines.extend(side.only(other).iter().map(|step| format!("  only here: {step}")));
    }
    let parts = divergence.map(|divergence| divergence.told([&first.name, &second.name]));
    let same = || format!("  the runs are the same, event by event: {} of them", first.events.len());
    lines.join("\n") + "\n\n" + &parts.unwrap_or_else(same)
}

fn object(first: &Side, second: &Side, divergence: Option<&Divergence>) -> Value {
    json!({
        "schema": "murphy/diff/1", "first": first.object(), "second": second.object(), "same": divergence.is_none(),
        "only_first": first.only(second), "only_second": second.only(first), "divergence": divergence.map(Divergence::object),
    })
}
