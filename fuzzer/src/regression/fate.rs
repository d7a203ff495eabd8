//! What became of one finding.

use murphy_checker::verdict::{Budget, Class, Verdict};
use murphy_schedule::{
    Document, Schedule,
    lint::{System, missing_names},
};
use murphy_sim::{Outcome, Quota};

use super::recorded::{Recorded, parts};
use crate::{
    finding::{Entry, Finding, skeleton, variants},
    harness::Harness,
    minimize::HARMLESS,
};

/// What became of a finding since it was filed.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It fails in the same way as when it was filed.
    Fails(Box<Finding>),
    /// It fails in another way.
    FailsOtherwise(Box<Finding>),
    /// It passes, though the same faults struck victims in the same roles.
    Fixed,
    /// It passes, and does not say anything: this is what no longer applies.
    Stale(Vec<String>),
    /// Two runs differed.
    Nondeterministic,
    /// Its run gave no verdict.
    Unknown(Budget),
}

/// What counts of a run.
struct Ran {
    verdict: Verdict,
    trace_hash: u64,
    struck: Vec<String>,
    fired: Vec<String>,
    /// The keyword of each fault that had no effect.
    idle: Vec<String>,
}

impl Ran {
    fn new(outcome: &Outcome, roles: &[&str]) -> Self {
        let harmless = |report: &&murphy_sim::StepReport| HARMLESS.contains(&report.step.fault.kind());
        let keyword = |report: &murphy_sim::StepReport| report.step.fault.kind().keyword().to_string();
        Self {
            verdict: outcome.verdict.clone(),
            trace_hash: outcome.trace_hash,
            struck: parts(&skeleton(outcome, roles)),
            fired: outcome.steps.iter().filter(|report| report.effects > 0).map(keyword).collect(),
            idle: outcome.steps.iter().filter(|report| report.effects == 0 && !harmless(report)).map(keyword).collect(),
        }
    }
}

impl Fate {
    /// Runs the schedule of `entry` twice on its target, which is ready to run.
    pub fn of(harness: &mut Harness, entry: &Entry) -> Self {
        let schedule = &entry.document.schedule;
        let roles = harness.about().roles;
        let ran = Ran::new(harness.run(schedule), roles);
        let again = harness.run(schedule);
        let same = again.trace_hash == ran.trace_hash && again.verdict == ran.verdict;
        let recorded = Recorded::read(&entry.path, entry.meta.as_ref());
        match &ran.verdict {
            _ if !same => Self::Nondeterministic,
            Verdict::Invalid(anomaly) if anomaly.class == Class::Nondeterminism => Self::Nondeterministic,
            Verdict::Invalid(_) => Self::failing(harness, schedule, &recorded),
            Verdict::Unknown(budget) => Self::Unknown(*budget),
            Verdict::Valid => Self::in_another_way(harness, entry, &recorded)
                .unwrap_or_else(|| Self::passing(idle(&recorded, &ran, &missing(harness, &entry.document)))),
        }
    }

    fn failing(harness: &mut Harness, schedule: &Schedule, recorded: &Recorded) -> Self {
        let Some(finding) = Finding::new(harness, schedule) else { return Self::Nondeterministic };
        let (class, name) = (finding.anomaly.class.name(), &*finding.anomaly.name);
        let same =
            recorded.anomaly.as_ref().is_none_or(|(was, called)| (was.as_str(), called.as_str()) == (class, name));
        let finding = Box::new(finding);
        if same { Self::Fails(finding) } else { Self::FailsOtherwise(finding) }
    }

    /// That it fails as recorded by one of its variants, though the smallest schedule passes: another bug was behind that one.
    fn in_another_way(harness: &mut Harness, entry: &Entry, recorded: &Recorded) -> Option<Self> {
        let mut fates =
            variants::read(&entry.path).into_iter().map(|variant| Self::failing(harness, &variant.schedule, recorded));
        fates.find(|fate| matches!(fate, Self::Fails(_)))
    }

    fn passing(idle: Vec<String>) -> Self {
        if idle.is_empty() { Self::Fixed } else { Self::Stale(idle) }
    }

    /// Whether the schedule still breaks a promise, in whatever way.
    pub fn violates(&self) -> bool {
        matches!(self, Self::Fails(_) | Self::FailsOtherwise(_))
    }

    /// What became of it, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fails(_) => "fails",
            Self::FailsOtherwise(_) => "fails-otherwise",
            Self::Fixed => "passes",
            Self::Stale(_) => "stale",
            Self::Nondeterministic => "nondeterministic",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What became of it, as a sentence without a full stop.
    pub fn sentence(&self) -> String {
        match self {
            Self::Fails(finding) => finding.sentence(),
            Self::FailsOtherwise(finding) => {
                format!("fails in another way than recorded, {}: {}", super::what(&finding.anomaly), finding.sentence())
            }
            Self::Fixed => "passes, and the same faults struck victims in the same roles".to_string(),
            Self::Stale(reasons) => format!("passes, and proves nothing: {}", reasons.join("; ")),
            Self::Nondeterministic => {
                "two runs differ: the target reads a clock, a random source or the order of a hash map".to_string()
            }
            Self::Unknown(budget) => format!("no verdict: {}", budget.reason()),
        }
    }
}

/// What the schedule names and the target does not have.
fn missing(harness: &Harness, document: &Document) -> Vec<String> {
    let survives_wiped_disks = harness.about().promise.lost_disks != Quota::None;
    let system = System { vocabulary: harness.vocabulary(), survives_wiped_disks };
    missing_names(document, system)
        .into_iter()
        .map(|name| format!("{} has no {name} any more", harness.name()))
        .collect()
}

/// What of a recorded finding no longer applies in a run of its schedule that passes.
fn idle(recorded: &Recorded, ran: &Ran, missing: &[String]) -> Vec<String> {
    let mut reasons = missing.to_vec();
    let lacking = match &recorded.fired {
        Some(fired) => without(fired, &ran.fired),
        // Nothing was recorded: then every fault is needed.
        None => ran.idle.clone(),
    };
    reasons.extend(lacking.iter().map(|fault| format!("{fault} does nothing now")));
    if lacking.is_empty() {
        let lost = first_lost(&recorded.struck, &ran.struck);
        let now = if ran.struck.is_empty() { "nothing".to_string() } else { ran.struck.join(" ") };
        reasons.extend(lost.map(|part| format!("recorded was {part}, now there is {now}")));
    }
    reasons
}

/// What is left of `words` when each of `others` is taken out once.
fn without(words: &[String], others: &[String]) -> Vec<String> {
    let mut left = words.to_vec();
    for word in others {
        if let Some(at) = left.iter().position(|other| other == word) {
            left.remove(at);
        }
    }
    left
}

/// The first of `parts` that `others` do not have, in this order.
fn first_lost<'a>(parts: &'a [String], others: &[String]) -> Option<&'a String> {
    let mut others = others.iter();
    parts.iter().find(|part| !others.any(|other| other == *part))
}

#[cfg(test)]
mod tests {
    use super::{Document, Entry, Fate, Harness, Ran, Recorded, Verdict, idle};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_string).collect()
    }

    /// What is stale in a run, given what was recorded; struck and fired.
    fn stale(recorded: (&str, &str), ran: (&str, &str)) -> Vec<String> {
        let recorded = Recorded { struck: words(recorded.0), fired: Some(words(recorded.1)), ..Recorded::default() };
        let (struck, fired) = (words(ran.0), words(ran.1));
        idle(&recorded, &Ran { verdict: Verdict::Valid, trace_hash: 0, struck, fired, idle: Vec::new() }, &[])
    }

    #[test]
    fn the_same_faults_on_the_same_roles_prove_a_fix() {
        let crash = ("crash(leader)", "invoke crash");
        assert!(stale(crash, crash).is_empty());
        assert!(stale(crash, ("cut(a|b) crash(leader)", "cut crash invoke")).is_empty(), "more may strike");
    }

    #[test]
    fn a_fault_that_strikes_another_role_proves_nothing() {
        assert_eq!(
            stale(("crash(leader)", "crash"), ("crash(follower)", "crash")),
            ["recorded was crash(leader), now there is crash(follower)"]
        );
    }

    #[test]
    fn a_fault_that_does_nothing_proves_nothing() {
        assert_eq!(stale(("crash(leader)", "crash crash"), ("crash(leader)", "crash")), ["crash does nothing now"]);
    }

    #[test]
    fn faults_in_another_order_prove_nothing() {
        let both = "crash cut";
        assert_eq!(stale(("crash(a) cut(a|b)", both), ("cut(a|b) crash(a)", both)).len(), 1);
    }

    #[test]
    fn without_a_record_every_fault_is_needed() {
        let ran = |idle: &str| Ran {
            verdict: Verdict::Valid,
            trace_hash: 0,
            struck: Vec::new(),
            fired: Vec::new(),
            idle: words(idle),
        };
        assert!(idle(&Recorded::default(), &ran(""), &[]).is_empty());
        assert_eq!(idle(&Recorded::default(), &ran("crash"), &[]), ["crash does nothing now"]);
    }

    #[test]
    fn a_finding_fails_as_long_as_one_of_its_ways_does() {
        let text = include_str!("../../../testdata/echo-early-ack.invalid.murphy");
        let place = tempfile::tempdir().expect("a folder for the test");
        let document = Document::parse("murphy 1\ntarget echo+early-ack\nseed 0x1\nops 0\n").expect("a schedule");
        let entry = Entry { path: place.path().to_path_buf(), document, meta: None, invariants: None };
        let targets: Vec<_> = crate::targets![murphy_sim::echo::Echo];
        let mut harness = Harness::new(&targets, "echo+early-ack").expect("it is there");
        assert!(matches!(Fate::of(&mut harness, &entry), Fate::Fixed));
        std::fs::create_dir(place.path().join("variants")).expect("a folder");
        std::fs::write(place.path().join("variants/aaaaaa.murphy"), text).expect("it can be written");
        assert!(matches!(Fate::of(&mut harness, &entry), Fate::Fails(_)));
    }
}
