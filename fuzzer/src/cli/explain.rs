//! `murphy explain`: a finding in sentences; what its schedule's neighbours do; and from when on it could not be averted.

mod luck;
mod neighbours;

use murphy_checker::verdict::{Class, Verdict};
use murphy_schedule::Document;
use murphy_sim::{AnyTarget, NodeId, StepReport};
use serde_json::{Value, json};

use self::{luck::Curve, neighbours::Neighbour};
use super::{
    ExplainArguments,
    commands::{no_finding, open, step_text},
    exit::{Exit, Failure, put},
    replay::finding,
};
use crate::{finding::Finding, harness::Harness};

const SCHEMA: &str = "murphy/explain/1";

/// Explains a finding.
pub(super) fn explain(
    targets: &[Box<dyn AnyTarget>],
    arguments: &ExplainArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let (source, mut harness) = open(targets, &arguments.schedule, &arguments.place)?;
    let document = &source.document;
    let Some(finding) = finding(&mut harness, document) else {
        return Ok(no_finding(&mut harness, document, SCHEMA, json));
    };
    let around = arguments.neighbours.then(|| Around::look(&mut harness, &finding, document));
    let steps = Step::all(&finding, harness.about().roles, document);
    put(&if json {
        object(&finding, &steps, around.as_ref()).to_string()
    } else {
        text(&finding, &steps, around.as_ref())
    });
    Ok(Exit::Violation)
}

/// What a look around the schedule gave.
struct Around {
    neighbours: Vec<Neighbour>,
    curve: Curve,
}

impl Around {
    fn look(harness: &mut Harness, finding: &Finding, document: &Document) -> Self {
        Self { neighbours: neighbours::table(harness, finding, document), curve: Curve::of(harness, finding) }
    }
}

/// Whether a verdict is the same violation as that of a finding: of its class and name.
fn fails_alike(verdict: &Verdict, finding: &Finding) -> bool {
    let wanted = &finding.anomaly;
    verdict.anomaly().is_some_and(|anomaly| anomaly.class == wanted.class && anomaly.name == wanted.name)
}

/// What the class of an anomaly is about: the promise that does not hold.
fn promise(class: Class) -> &'static str {
    match class {
        Class::Nondeterminism => "that a run depends on its schedule alone",
        Class::Panic => "that no process panics, unless the target declares that it stops itself so",
        Class::Agreement => "that no two nodes report different values for what is one value",
        Class::Invariant => "that an invariant holds after every event",
        Class::Linearizability => {
            "that some order of the operations explains all answers, in which an operation that had ended when another began comes first"
        }
        Class::Liveness => "that operations succeed again soon after everything is healed",
    }
}

/// What a step of the schedule did.
struct Step<'a> {
    /// Its line.
    text: String,
    report: &'a StepReport,
    sides: [String; 2],
}

impl<'a> Step<'a> {
    /// The steps in the order in which they began; those that never did come last.
    fn all(finding: &'a Finding, roles: &[&str], document: &Document) -> Vec<Self> {
        let line = |report: &StepReport| {
            let at = document.schedule.steps.iter().position(|step| *step == report.step);
            at.map_or_else(String::new, |at| step_text(document, at))
        };
        let mut reports: Vec<&StepReport> = finding.outcome.steps.iter().collect();
        reports.sort_by_key(|report| report.begun.unwrap_or(u64::MAX));
        let step =
            |report: &'a StepReport| Self { text: line(report), sides: report.struck.sides(roles).map(named), report };
        reports.into_iter().map(step).collect()
    }

    /// What it did, in a sentence.
    fn sentence(&self) -> String {
        let Some(begun) = self.report.begun else { return "never began".to_string() };
        if self.report.effects == 0 {
            return format!("began at {}, and did nothing", ms(begun));
        }
        let whom = match &self.sides {
            [nobody, _] if nobody.is_empty() => String::new(),
            [struck, nobody] if nobody.is_empty() => format!(" struck {struck},"),
            [first, second] => format!(" came between {first} and {second},"),
        };
        let times = if self.report.effects == 1 { "once" } else { &format!("{} times", self.report.effects) };
        let until = match self.report.ended {
            Some(ended) if ended > begun => format!(" until {}", ms(ended)),
            Some(_) => String::new(),
            None => " to the end".to_string(),
        };
        format!("at {}{until}{whom} and had an effect {times}", ms(begun))
    }

    fn object(&self) -> Value {
        let StepReport { begun, ended, effects, .. } = self.report;
        json!({
            "step": self.text, "begun_ns": begun, "ended_ns": ended, "effects": effects, "first": self.sides[0], "second": self.sides[1],
            "sentence": self.sentence(),
        })
    }
}

/// `n1 (leader), n2 (follower)`.
fn named<'a>(side: impl Iterator<Item = (NodeId, Option<&'a str>)>) -> String {
    let one = |(node, role): (NodeId, Option<&str>)| format!("n{node} ({})", role.unwrap_or("without a role"));
    side.map(one).collect::<Vec<_>>().join(", ")
}

fn ms(nanos: u64) -> String {
    format!("{:.3} ms", nanos as f64 / 1e6)
}

fn text(finding: &Finding, steps: &[Step<'_>], around: Option<&Around>) -> String {
    let (class, name) = (finding.anomaly.class, &finding.anomaly.name);
    let line = |step: &Step<'_>| format!("  {}\n    {}\n", step.text, step.sentence());
    let steps: String = steps.iter().map(line).collect();
    let around = around.map_or_else(String::new, |Around { neighbours, curve }| {
        format!("\n{}\n{}", neighbours::text(neighbours), curve.text())
    });
    format!(
        "{} / {name}   {}\n\npromised is {}\n\nwhat happened\n\n{}\nthe steps\n\n{steps}{around}",
        class.name(),
        finding.folder_name(),
        promise(class),
        indented(&finding.explanation()),
    )
    .trim_end()
    .to_string()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}").trim_end().to_string() + "\n").collect()
}

fn object(finding: &Finding, steps: &[Step<'_>], around: Option<&Around>) -> Value {
    json!({
        "schema": SCHEMA, "key": finding.key(), "target": finding.target, "class": finding.anomaly.class.name(),
        "anomaly": finding.anomaly.name, "promise": promise(finding.anomaly.class), "sentence": finding.sentence(),
        "explanation": finding.explanation(), "steps": steps.iter().map(Step::object).collect::<Vec<_>>(),
        "neighbours": around.map(|around| around.neighbours.iter().map(Neighbour::object).collect::<Vec<_>>()),
        "luck": around.map(|around| around.curve.object()),
    })
}
