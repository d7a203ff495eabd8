//! What many runs of a target did, added up: which faults reach it, what never happened, whether its workload is worth judging.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use murphy_checker::{
    history::{Completion, Operation},
    verdict::Verdict,
};
use murphy_schedule::{Document, FaultKind, Schedule};
use murphy_sim::{About, Outcome, Transport, What, marks};
use serde_json::{Value, json};

use crate::{cli::progress::thousands, harness::Harness};

/// What the steps of one kind of fault did.
#[derive(Clone, Debug, Default)]
struct Effects {
    steps: u64,
    /// Steps that began.
    begun: u64,
    /// Steps that did something.
    effective: u64,
    effects: u64,
    /// Why steps were void.
    reasons: BTreeSet<String>,
}

/// How the operations of one function ended.
#[derive(Clone, Copy, Debug, Default)]
struct Endings {
    invoked: u64,
    ok: u64,
    fail: u64,
}

/// What the target was seen to do.
#[derive(Clone, Debug, Default)]
struct Habits {
    sends: BTreeSet<&'static str>,
    roles: BTreeSet<&'static str>,
    files: BTreeSet<&'static str>,
    sets_timers: bool,
    reads_wall_clock: bool,
    reads_monotonic_clock: bool,
    allocates: bool,
    breaks_sessions: bool,
}

/// What many runs did.
pub(super) struct Survey {
    about: About,
    kinds: Vec<FaultKind>,
    marks: Vec<String>,
    messages: Vec<String>,
    functions_known: Vec<String>,
    faults: BTreeMap<FaultKind, Effects>,
    functions: BTreeMap<&'static str, Endings>,
    habits: Habits,
    hit: Vec<bool>,
    runs: u64,
    events: u64,
    virtual_ns: u64,
    invalid: BTreeMap<String, u64>,
    unknown: u64,
    /// Runs that came to the last reads.
    settled: u64,
    /// Runs in which an operation succeeded that was invoked when all was healed.
    recovered: u64,
    /// Clauses of invariants that were never decided.
    pub(super) undecided: Vec<String>,
    /// Last reads, and those of them that were answered.
    last: (u64, u64),
}

/// What a fault needs of a target to do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    Messages,
    Datagrams,
    Sessions,
    Disk,
    WallClock,
    AnyClock,
    Memory,
    Operations,
    Sites,
}

/// Without what a kind of fault cannot have an effect.
fn need(kind: FaultKind) -> Need {
    use FaultKind as F;
    match kind {
        F::Note | F::Reseed | F::Heal | F::Activate | F::Deactivate | F::Modify | F::Admin => Need::Nothing,
        F::Crash | F::Pause | F::Stop | F::Restart | F::AutoRestart | F::Attrition | F::Redeploy => Need::Nothing,
        F::Cpu | F::Yield => Need::Nothing,
        F::Memory | F::Leak => Need::Memory,
        F::Invoke => Need::Operations,
        F::Partition | F::Block | F::Delay | F::Loss | F::Corrupt | F::Demote => Need::Messages,
        F::Duplicate | F::Reorder => Need::Datagrams,
        F::Clog | F::Swizzle | F::Bandwidth => Need::Messages,
        F::Connect | F::Close | F::Partial | F::HalfOpen | F::Socket => Need::Sessions,
        F::Bump | F::Strobe | F::Drift => Need::WallClock,
        F::Clock => Need::AnyClock,
        F::Buggify => Need::Sites,
        F::Damage | F::Miswrite | F::Misread | F::DiskError | F::DiskDelay | F::DiskStall => Need::Disk,
        F::DiskThrottle | F::DiskFull | F::LazySync => Need::Disk,
    }
}

impl Survey {
    pub(super) fn new(harness: &Harness) -> Self {
        let words = harness.vocabulary();
        Self {
            about: harness.about().clone(),
            kinds: words.faults.clone(),
            marks: words.marks.spellings().to_vec(),
            messages: words.kinds.spellings().to_vec(),
            functions_known: words.functions.spellings().to_vec(),
            faults: BTreeMap::new(),
            functions: BTreeMap::new(),
            habits: Habits::default(),
            hit: vec![false; marks::names().len()],
            runs: 0,
            events: 0,
            virtual_ns: 0,
            invalid: BTreeMap::new(),
            unknown: 0,
            settled: 0,
            recovered: 0,
            undecided: Vec::new(),
            last: (0, 0),
        }
    }

    /// Takes in a run, whose outcome has every event.
    pub(super) fn add(&mut self, schedule: &Schedule, outcome: &Outcome) {
        self.runs += 1;
        self.events += outcome.events;
        self.virtual_ns += outcome.time;
        match &outcome.verdict {
            Verdict::Valid => {}
            Verdict::Invalid(anomaly) => {
                *self.invalid.entry(format!("{} / {}", anomaly.class.name(), anomaly.name)).or_default() += 1;
            }
            Verdict::Unknown(_) => self.unknown += 1,
        }
        for (hit, hits) in self.hit.iter_mut().zip(&outcome.signals.marks) {
            *hit |= *hits > 0;
        }
        self.add_steps(outcome);
        self.add_voids(schedule, outcome);
        self.add_habits(outcome);
        self.add_operations(outcome);
    }

    fn add_steps(&mut self, outcome: &Outcome) {
        for report in &outcome.steps {
            let effects = self.faults.entry(report.step.fault.kind()).or_default();
            effects.steps += 1;
            effects.begun += u64::from(report.begun.is_some());
            effects.effective += u64::from(report.effects > 0);
            effects.effects += u64::from(report.effects);
        }
    }

    /// Why steps were void: the trace says so right after they began.
    fn add_voids(&mut self, schedule: &Schedule, outcome: &Outcome) {
        let mut begun = None;
        for event in &outcome.trace {
            match &event.what {
                What::Begin(text) => begun = Some(text),
                What::Void(why) => {
                    if let Some(kind) = begun.and_then(|text| kind_of(text, schedule)) {
                        self.faults.entry(kind).or_default().reasons.insert(why.clone());
                    }
                }
                _ => {}
            }
        }
    }

    fn add_habits(&mut self, outcome: &Outcome) {
        let habits = &mut self.habits;
        habits.reads_wall_clock |= outcome.reads_wall_clock;
        habits.reads_monotonic_clock |= outcome.reads_monotonic_clock;
        habits.allocates |= outcome.allocates;
        for event in &outcome.trace {
            match event.what {
                What::Send { kind, .. } => drop(habits.sends.insert(kind)),
                What::Role(role) => drop(habits.roles.insert(role)),
                What::Write(file) | What::Sync(file) => drop(habits.files.insert(file)),
                What::Timer(_) => habits.sets_timers = true,
                What::Link { up: false, .. } => habits.breaks_sessions = true,
                _ => {}
            }
        }
    }

    fn add_operations(&mut self, outcome: &Outcome) {
        let ok = |operation: &Operation| matches!(operation.completion, Some((Completion::Ok(_), _)));
        let history = &outcome.history;
        for operation in &history.operations {
            let endings = self.functions.entry(history.functions[usize::from(operation.call.function)]).or_default();
            endings.invoked += 1;
            endings.ok += u64::from(ok(operation));
            endings.fail += u64::from(matches!(operation.completion, Some((Completion::Fail, _))));
        }
        // A calm within the chaos phase heals, too: the last one counts.
        let last =
            |wanted: &What| outcome.trace.iter().rev().find(|event| event.what == *wanted).map(|event| event.time);
        let (healed, settled) = (last(&What::Heal), last(&What::Settle));
        let since = |time: Option<u64>| {
            history.operations.iter().filter(move |operation| time.is_some_and(|time| operation.invoked_at >= time))
        };
        self.recovered += u64::from(since(healed).any(ok));
        self.settled += u64::from(settled.is_some());
        self.last.0 += since(settled).count() as u64;
        self.last.1 += since(settled).filter(|operation| ok(operation)).count() as u64;
    }

    /// Why a kind of fault never had an effect.
    fn why(&self, kind: FaultKind) -> String {
        let effects = self.faults.get(&kind).cloned().unwrap_or_default();
        let habits = &self.habits;
        let missing = match need(kind) {
            Need::Messages if habits.sends.is_empty() => Some("nodes send no messages"),
            Need::Datagrams if self.about.transport == Transport::Stream => {
                Some("messages travel on ordered streams, which keep their order and remove second copies")
            }
            Need::Sessions if self.about.transport == Transport::Datagram => {
                Some("it strikes connections, and the messages of this target are datagrams")
            }
            Need::Disk if habits.files.is_empty() => Some("nodes write no files"),
            Need::WallClock if !habits.reads_wall_clock => Some("no node reads its wall clock"),
            Need::AnyClock if !(habits.reads_wall_clock || habits.reads_monotonic_clock || habits.sets_timers) => {
                Some("nodes read no clock and set no timer")
            }
            Need::Memory if !habits.allocates => Some("no node says that it allocates memory"),
            Need::Operations if self.functions.is_empty() => Some("clients have no operations"),
            Need::Sites => Some("none of the sites that it switches on was passed while it lasted"),
            _ => None,
        };
        match missing {
            Some(missing) => missing.to_string(),
            None if effects.steps == 0 => "no schedule had one".to_string(),
            None if !effects.reasons.is_empty() => {
                effects.reasons.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
            }
            None if effects.begun == 0 => "none of its steps ever began".to_string(),
            None => "its steps found nobody to strike, or nothing happened while they lasted".to_string(),
        }
    }

    /// The kinds that this version carries out for the target, but for notes, which are not meant to do anything; and what else
    /// schedules had.
    fn known_faults(&self) -> BTreeSet<FaultKind> {
        let all = self.kinds.iter().chain(self.faults.keys()).copied();
        all.filter(|kind| *kind != FaultKind::Note).collect()
    }

    fn marks_never_hit(&self) -> Vec<&str> {
        let names = marks::names();
        let hit = |name: &&String| names.binary_search(&name.as_str()).is_ok_and(|rank| self.hit[rank]);
        self.marks.iter().filter(|name| !hit(name)).map(String::as_str).collect()
    }

    fn roles_never_taken(&self) -> Vec<&str> {
        self.about.roles.iter().filter(|role| !self.habits.roles.contains(*role)).copied().collect()
    }

    fn messages_never_sent(&self) -> Vec<&str> {
        let sent = |kind: &&String| self.habits.sends.contains(kind.as_str());
        self.messages.iter().filter(|kind| !sent(kind)).map(String::as_str).collect()
    }

    fn functions_never(&self, what: impl Fn(&Endings) -> u64) -> Vec<&str> {
        let did = |name: &&String| self.functions.get(name.as_str()).is_some_and(|endings| what(endings) > 0);
        self.functions_known.iter().filter(|name| !did(name)).map(String::as_str).collect()
    }

    fn empty_constants(&self) -> Vec<&str> {
        let constants = self.about.constants.iter();
        constants.filter(|(_, length)| length.is_zero()).map(|(name, _)| *name).collect()
    }

    /// What is worth a look, a sentence each.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut list = |what: &str, names: Vec<&str>| {
            if !names.is_empty() {
                remarks.push(format!("{what}: {}", names.join(", ")));
            }
        };
        list("marks never hit", self.marks_never_hit());
        list("roles declared and never taken", self.roles_never_taken());
        list("kinds of messages never sent", self.messages_never_sent());
        list("functions never called", self.functions_never(|endings| endings.invoked));
        list("functions that never succeeded", self.functions_never(|endings| endings.ok));
        list("constants of no length, around which no fault can last", self.empty_constants());
        let idle =
            self.known_faults().into_iter().filter(|kind| self.faults.get(kind).is_none_or(|of| of.effective == 0));
        list("faults without any effect", idle.map(FaultKind::keyword).collect());
        remarks.extend(self.remarks_on_the_workload());
        remarks.extend(self.undecided.iter().cloned());
        for (anomaly, runs) in &self.invalid {
            remarks.push(format!("{anomaly} in {} runs: `murphy fuzz` minimizes and files it", thousands(*runs)));
        }
        remarks
    }

    fn remarks_on_the_workload(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let invoked: u64 = self.functions.values().map(|endings| endings.invoked).sum();
        let ok: u64 = self.functions.values().map(|endings| endings.ok).sum();
        let judged = self.runs - self.invalid.values().sum::<u64>();
        let (lasts, answered) = self.last;
        if ok == 0 {
            remarks.push("no operation of any client ever succeeded: nothing was tested".to_string());
        } else if ok * 2 < invoked {
            remarks.push(format!("only {} of operations succeeded", percent(ok, invoked)));
        }
        if invoked < 10 * self.runs {
            remarks
                .push(format!("only {} operations in a run: a short history hides much", invoked / self.runs.max(1)));
        }
        if self.settled < judged {
            let late = judged - self.settled;
            remarks.push(format!("{} runs ended before the last reads", thousands(late)));
        }
        if lasts == 0 {
            remarks.push(
                "nothing is read at the end: the workload has no last reads, so lost writes can pass".to_string(),
            );
        } else if answered * 100 < lasts * 95 {
            let within = self.about.recovers_within;
            let share = percent(answered, lasts);
            remarks.push(format!("only {share} of the last reads succeeded: does it recover within {within:?}?"));
        }
        if self.recovered * 100 < judged * 95 {
            remarks.push(format!(
                "in {} of the runs nothing succeeded after all was healed",
                percent(judged - self.recovered, judged)
            ));
        }
        if self.unknown * 100 > self.runs {
            remarks.push(format!("{} of the runs gave no verdict", percent(self.unknown, self.runs)));
        }
        remarks
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "  {} events, {:.0} s of virtual time\n",
            thousands(self.events),
            self.virtual_ns as f64 / 1e9
        );
        self.write_faults(&mut text);
        self.write_workload(&mut text);
        self.write_promises(&mut text);
        let remarks = self.remarks();
        text.push_str(if remarks.is_empty() { "\n  nothing to remark\n" } else { "\n  worth a look\n" });
        remarks.iter().for_each(|remark| text.push_str(&format!("    ! {remark}\n")));
        text
    }

    fn write_faults(&self, text: &mut String) {
        let _ = writeln!(text, "  {:<16}{:>9}{:>14}{:>12}", "fault", "steps", "with effect", "effects");
        for kind in self.known_faults() {
            let of = self.faults.get(&kind).cloned().unwrap_or_default();
            let why = if of.effective == 0 { format!("   {}", self.why(kind)) } else { String::new() };
            let numbers = [of.steps, of.effective, of.effects].map(thousands);
            let [steps, effective, effects] = numbers;
            let _ = writeln!(text, "  {:<16}{steps:>9}{effective:>14}{effects:>12}{why}", kind.keyword());
        }
    }

    fn write_workload(&self, text: &mut String) {
        let _ = writeln!(text, "\n  {:<16}{:>9}{:>8}{:>8}{:>10}", "operation", "invoked", "ok", "fail", "unknown");
        for (name, endings) in &self.functions {
            let unknown = endings.invoked - endings.ok - endings.fail;
            let shares = [endings.ok, endings.fail, unknown].map(|part| percent(part, endings.invoked));
            let [ok, fail, unknown] = shares;
            let _ = writeln!(text, "  {name:<16}{:>9}{ok:>8}{fail:>8}{unknown:>10}", thousands(endings.invoked));
        }
        let (lasts, answered) = self.last;
        let _ = writeln!(
            text,
            "  last reads in {} of the runs, {} of them answered; something succeeded after all was healed in {}",
            percent(self.settled, self.runs),
            percent(answered, lasts),
            percent(self.recovered, self.runs)
        );
        let valid = self.runs - self.unknown - self.invalid.values().sum::<u64>();
        let invalid = percent(self.runs - self.unknown - valid, self.runs);
        let _ = writeln!(
            text,
            "  verdicts: {} valid, {invalid} invalid, {} unknown",
            percent(valid, self.runs),
            percent(self.unknown, self.runs)
        );
    }

    fn write_promises(&self, text: &mut String) {
        let promise = self.about.promise;
        let _ = writeln!(
            text,
            "\n  it promises to bear any crash, pause, partition, and lost, late or repeated messages, and"
        );
        let _ = writeln!(text, "    lost disks of {}, damaged disks of {}", promise.lost_disks, promise.damaged_disks);
        match promise.clock_error {
            Duration::MAX => text.push_str("    clocks that are wrong by any time\n"),
            most => text.push_str(&format!("    clocks that are wrong by at most {most:?}\n")),
        }
        if promise.monotonic_error < promise.clock_error {
            text.push_str(&format!("    monotonic clocks that are wrong by at most {:?}\n", promise.monotonic_error));
        }
        let transport = match self.about.transport {
            Transport::Datagram => "messages are datagrams",
            Transport::Stream => "messages travel on ordered streams",
        };
        let _ = writeln!(text, "    to answer again within {:?} of healing; {transport}", self.about.recovers_within);
        if let Some(panic) = self.about.fail_stop {
            let _ = writeln!(text, "    a panic with `{panic}` is a crash, not a violation");
        }
    }

    pub(super) fn object(&self) -> Value {
        let faults: Vec<Value> = self.known_faults().into_iter().map(|kind| self.fault_object(kind)).collect();
        let functions: Vec<Value> = self
            .functions
            .iter()
            .map(|(name, of)| json!({ "function": name, "invoked": of.invoked, "ok": of.ok, "fail": of.fail }))
            .collect();
        let promise = self.about.promise;
        let (lasts, answered) = self.last;
        json!({
            "runs": self.runs, "events": self.events, "virtual_ns": self.virtual_ns, "faults": faults, "functions": functions,
            "unknown": self.unknown, "violations": self.invalid, "settled": self.settled, "recovered": self.recovered,
            "last_reads": lasts, "last_reads_ok": answered, "marks_never_hit": self.marks_never_hit(),
            "roles_never_taken": self.roles_never_taken(), "messages_never_sent": self.messages_never_sent(),
            "functions_never_called": self.functions_never(|endings| endings.invoked),
            "functions_never_ok": self.functions_never(|endings| endings.ok), "empty_constants": self.empty_constants(),
            "reads_wall_clock": self.habits.reads_wall_clock, "reads_monotonic_clock": self.habits.reads_monotonic_clock,
            "files": self.habits.files,
            "promises": {
                "lost_disks": promise.lost_disks.to_string(), "damaged_disks": promise.damaged_disks.to_string(),
                "clock_error_ns": u64::try_from(promise.clock_error.as_nanos()).ok(),
                "monotonic_error_ns": u64::try_from(promise.monotonic_error.as_nanos()).ok(),
                "recovers_within_ns": u64::try_from(self.about.recovers_within.as_nanos()).ok(),
                "fail_stop": self.about.fail_stop,
            },
            "remarks": self.remarks(),
        })
    }

    fn fault_object(&self, kind: FaultKind) -> Value {
        let of = self.faults.get(&kind).cloned().unwrap_or_default();
        let why = (of.effective == 0).then(|| self.why(kind));
        json!({
            "fault": kind.keyword(), "steps": of.steps, "effective_steps": of.effective, "effects": of.effects,
            "without_effect": why, "reasons": of.reasons,
        })
    }
}

/// The kind of fault of a step that a trace shows as text.
fn kind_of(text: &str, schedule: &Schedule) -> Option<FaultKind> {
    // Its triggers can name what only the rest of the schedule says, such as labels: then the steps themselves are asked.
    let parsed = Document::parse(&format!("murphy 1\ntarget any\n{text}\n")).ok();
    let parsed = parsed.and_then(|document| document.schedule.steps.first().map(|step| step.fault.kind()));
    parsed.or_else(|| {
        let named = |kind: &FaultKind| text.split_whitespace().any(|word| word == kind.keyword());
        schedule.steps.iter().map(|step| step.fault.kind()).find(named)
    })
}

fn percent(part: u64, whole: u64) -> String {
    match part * 1000 / whole.max(1) {
        0 if part > 0 => "<0.1 %".to_string(),
        share if share.is_multiple_of(10) => format!("{} %", share / 10),
        share => format!("{}.{} %", share / 10, share % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_share_that_is_small_is_not_shown_as_none() {
        assert_eq!(
            [(0, 0), (0, 9), (1, 2), (1, 3), (1, 5000), (7, 7)].map(|(part, all)| percent(part, all)),
            ["0 %", "0 %", "50 %", "33.3 %", "<0.1 %", "100 %"]
        );
    }
}
