//! `murphy fuzz`: a campaign in this process, and what becomes of the violations it meets.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use murphy_checker::verdict::{Anomaly, Class};
use murphy_schedule::{Dice, FaultKind, Schedule, mutate};
use murphy_sim::{
    AnyTarget,
    marks::{self, Best, Site},
};
use serde_json::{Value, json};

use super::{
    FuzzArguments, StopOn,
    attention::Attention,
    divergence::Divergence,
    exit::{Exit, Failure, put, say},
    progress::{Line, Tally, thousands},
    provenance,
    status::{self, Journal},
    workers,
};
use crate::{
    engine::{self, Campaign, EngineError, Recipe, Stats, Summary, Watcher, link::Member},
    finding::{self, Finding, Provenance, read_folder},
    harness::Harness,
    kind::Kind,
    known::Known,
    minimize::{self, Minimized, Progress, Trail},
    regression,
    source::{self, Reading},
};

/// The most runs that minimizing one finding takes.
pub(super) const BUDGET: u64 = 20_000;
/// Schedules that are run twice before a campaign begins.
const PROOF: u64 = 20;
/// Executions after which it is worth saying what a campaign never did.
const ENOUGH: u64 = 1000;
/// Executions after which a campaign that waits for marks gives up, if nobody says another limit.
const UNTIL_MAX: u64 = 1_000_000;
/// How often a finding is replayed in a new process.
const TIMES: u64 = 3;

/// What nondeterminism means for the user.
const DIFFERS: &str =
    "two runs of one schedule differed: the target reads a clock, a random source or a hash map's order";

/// Runs the campaign that `arguments` describe.
pub(super) fn fuzz(targets: &[Box<dyn AnyTarget>], arguments: &FuzzArguments, json: bool) -> Result<Exit, Failure> {
    let name = std::iter::once(&arguments.target).chain(&arguments.bug).cloned().collect::<Vec<_>>().join("+");
    let mut harness = Harness::new(targets, &name)?;
    super::judge(&mut harness, &arguments.invariants)?;
    let corpus = arguments
        .corpus
        .clone()
        .unwrap_or_else(|| Path::new("corpus").join(murphy_checker::verdict::slug(harness.name())));
    // A seed that cannot be read is told before anything is begun, and once for all workers.
    let seeds = if arguments.corpus.is_some() { Vec::new() } else { seeds(&harness)? };
    writable(&arguments.crashes)?;
    if !arguments.worker {
        tidy(&arguments.crashes)?;
    }
    writable(&corpus)?;
    let interrupted = catch_interrupts()?;
    let dismissed = if arguments.worker { workers::hear_dismissal() } else { Arc::default() };
    let settings = Settings { arguments: arguments.clone(), corpus, json, interrupted, dismissed };
    // Addresses that are none are told before anything is spent.
    let broker = workers::broker(&settings, harness.about().name)?;
    if let Some(schedule) = disprove_determinism(&mut harness, arguments.seed) {
        say(&differs(&mut harness, &schedule));
        return Ok(Exit::Nondeterminism);
    }
    if json {
        settings.tell_undecided(&harness);
    } else {
        settings.greet(&harness);
    }
    if arguments.jobs > 1 || arguments.links() {
        return workers::fuzz(&settings, harness.name(), broker);
    }
    run(settings, harness, seeds)
}

/// What a campaign was asked for.
pub(super) struct Settings {
    pub(super) arguments: FuzzArguments,
    pub(super) corpus: PathBuf,
    pub(super) json: bool,
    pub(super) interrupted: Arc<AtomicBool>,
    /// Set when the process that started this worker wants no more of it.
    dismissed: Arc<AtomicBool>,
}

impl Settings {
    fn greet(&self, harness: &Harness) {
        let FuzzArguments { seed, jobs, crashes, .. } = &self.arguments;
        let workers = if *jobs == 1 { "1 worker".to_string() } else { format!("{jobs} workers") };
        say(&format!(
            "murphy {}  target {}  {workers}  seed {seed:#x}  corpus {}  findings {}",
            env!("CARGO_PKG_VERSION"),
            harness.name(),
            self.corpus.display(),
            crashes.display()
        ));
        say(&format!("  determinism check: {PROOF} schedules, two runs each, traces equal"));
        harness.undecided().iter().for_each(|what| say(&format!("  {what}")));
    }

    /// Names the invariants that nothing has decided, once for all workers.
    fn tell_undecided(&self, harness: &Harness) {
        let undecided = harness.undecided();
        if !self.arguments.worker && !undecided.is_empty() {
            put(&json!({ "schema": "murphy/fuzz/1", "event": "undecided", "invariants": undecided }).to_string());
        }
    }

    /// Tells something of the campaign itself: people on standard error, tools on standard output.
    pub(super) fn tell(&self, text: &str, mut object: Value) {
        if self.json {
            object["schema"] = json!("murphy/fuzz/1");
            put(&object.to_string());
        } else {
            say(&format!("  {text}"));
        }
    }

    /// What this worker hears others by; `None` if there are no others, or only their files.
    fn link(&self, target: &str) -> Option<Member> {
        let member = Member::attach(self.arguments.link.as_ref()?, target);
        member
            .inspect_err(|error| say(&format!("  {error}: this worker hears of others by the corpus folder alone")))
            .ok()
    }

    /// Whether somebody wants the campaign to end.
    fn over(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.dismissed.load(Ordering::Relaxed)
    }

    pub(super) fn stop_on(&self) -> StopOn {
        if self.arguments.until_first { StopOn::First } else { self.arguments.stop_on }
    }
}

/// Creates the folder if need be, and makes sure that files can be written there, before hours are spent.
fn writable(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(Failure::file("create the folder", folder))?;
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"murphy").map_err(Failure::file("write into", folder))?;
    fs::remove_file(&probe).map_err(Failure::file("remove", &probe))
}

/// Removes what processes that were killed left half-written among the findings.
pub(super) fn tidy(crashes: &Path) -> Result<(), Failure> {
    finding::sweep(crashes, &status::gone).map_err(Failure::file("tidy", crashes))
}

/// The first interrupt asks the campaign to end; the second ends the process.
pub(super) fn catch_interrupts() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(Exit::Interrupted as i32);
        }
    })?;
    Ok(interrupted)
}

/// Whether two more runs of a violating schedule fail in the same way, to the last event.
fn repeats(harness: &mut Harness, schedule: &Schedule, anomaly: &Anomaly) -> bool {
    let mut run = || {
        let outcome = harness.run(schedule);
        let same =
            outcome.verdict.anomaly().is_some_and(|found| found.class == anomaly.class && found.name == anomaly.name);
        (same, outcome.trace_hash)
    };
    let first = run();
    first.0 && first == run()
}

/// A schedule of which two runs differ, if one of a few is.
fn disprove_determinism(harness: &mut Harness, seed: u64) -> Option<Schedule> {
    let mut dice = Dice::new(seed);
    let mut schedules =
        (0..PROOF).map(|_| mutate::random(harness.vocabulary(), &mut dice)).collect::<Vec<_>>().into_iter();
    schedules.find(|schedule| {
        let (first, again) = (harness.trace(schedule), harness.trace(schedule));
        first.trace_hash != again.trace_hash || first.trace != again.trace
    })
}

/// What it means that two runs of `schedule` differed, and where they part.
fn differs(harness: &mut Harness, schedule: &Schedule) -> String {
    let divergence = Divergence::of(harness, schedule).map_or_else(String::new, |divergence| divergence.text() + "\n");
    let (program, name) = (super::program(), harness.name());
    format!("{DIFFERS}\n{divergence}  `{program} doctor {name}` says more\n\n{}", harness.document(schedule))
}

/// The schedules that people wrote for this target or for any, from `corpus/seeds`, if there are any.
pub(super) fn seeds(harness: &Harness) -> Result<Vec<Schedule>, Failure> {
    let folder = Path::new("corpus/seeds");
    let mut seeds = Vec::new();
    for seed in regression::seeds(folder).map_err(Failure::file("read", folder))? {
        let document = Reading::default().file(&seed.path)?.document;
        let base = document.target.split('+').next().unwrap_or_default();
        if base == "any" || base == harness.about().name {
            seeds.push(document.schedule);
        }
    }
    Ok(seeds)
}

fn run(settings: Settings, harness: Harness, seeds: Vec<Schedule>) -> Result<Exit, Failure> {
    let campaign = Campaign {
        seed: settings.arguments.seed,
        execs: settings.arguments.execs,
        corpus: Some(settings.corpus.clone()),
        seeds,
        recipe: Recipe::ENSEMBLE,
    };
    let known = Known::load(&settings.arguments.crashes, harness.name());
    let link = settings.link(harness.about().name);
    let journal = Journal::open(&settings.corpus, harness.name(), settings.arguments.seed);
    let mut hunt = Hunt::new(settings, known, link, journal);
    let sites = marks::sites_in(&harness.about().modules);
    let result = engine::run(&campaign, harness, &mut hunt);
    let journal = hunt.journal.take();
    let tally = hunt.tally;
    let summary = result.as_ref().ok().cloned();
    let dismissed = hunt.settings.dismissed.clone();
    let ended = hunt.end(result, &sites);
    if let Some(journal) = journal {
        let how = match &ended {
            Ok(Exit::Clean) if dismissed.load(Ordering::Relaxed) => "dismissed",
            Ok(exit) => exit.word(),
            Err(_) => "failed",
        };
        journal.close(summary.as_ref().map(|summary| (&summary.stats, report(summary, &sites))), tally, how);
    }
    ended
}

/// Whether a campaign without findings has shown anything at all.
fn judge(stats: &Stats) -> Exit {
    if stats.execs >= ENOUGH && stats.completed == 0 {
        say("  no operation of any client ever succeeded: nothing was tested");
        return Exit::Inconclusive;
    }
    if stats.execs >= ENOUGH && stats.steps > 0 && stats.effective_steps == 0 {
        say("  no fault had any effect: nothing was tested");
        return Exit::Inconclusive;
    }
    if stats.unknown * 100 > stats.execs { Exit::Inconclusive } else { Exit::Clean }
}

/// The sites of the target's marks that no run hit.
fn never_hit(summary: &Summary, sites: &[&'static Site]) -> Vec<&'static Site> {
    marks::never_hit(sites, |rank| summary.marks[rank] > 0)
}

/// Those of them that a thorough campaign hits, with their places.
fn required(summary: &Summary, sites: &[&'static Site]) -> Vec<String> {
    let missed = never_hit(summary, sites).into_iter().filter(|site| site.kind().must_be_hit());
    missed.map(Site::listed).collect()
}

/// Lists the marks that had to be hit and were not, if there are any.
pub(super) fn tell_required(missed: &[String]) -> Exit {
    missed.iter().for_each(|mark| say(&format!("  required, and never hit: {mark}")));
    if missed.is_empty() { Exit::Clean } else { Exit::Inconclusive }
}

/// What marks are worth raising or lowering, and how far any run came.
fn bests(summary: &Summary) -> Vec<String> {
    let name = |best: &Best| marks::names()[usize::from(best.mark)];
    summary.bests.iter().map(|best| format!("{}: {}", name(best), best.value)).collect()
}

/// What happened in a campaign, and what never did.
fn report(summary: &Summary, sites: &[&'static Site]) -> Value {
    let mut names: Vec<&str> = never_hit(summary, sites).iter().map(|site| site.name()).collect();
    names.dedup();
    json!({
        "marks_never_hit": names, "marks_required": required(summary, sites), "marks": tallied(summary, sites), "bests": bests(summary),
        "faults_with_effect": kinds(summary, true), "faults_without_effect": kinds(summary, false),
    })
}

/// Each mark of the target, and how many runs hit it.
fn tallied(summary: &Summary, sites: &[&'static Site]) -> Vec<Value> {
    let object = |site: &&Site| {
        let runs = summary.marks[site.rank()];
        json!({ "name": site.name(), "kind": site.kind().word(), "at": site.place(), "runs": runs })
    };
    sites.iter().map(object).collect()
}

/// The kinds of faults that schedules had and that did something, or never did. Notes are not meant to.
fn kinds(summary: &Summary, with_effect: bool) -> Vec<String> {
    let kinds = summary.effects.iter().filter(|(kind, _)| **kind != FaultKind::Note);
    let kinds = kinds.filter(|(_, effects)| (**effects > 0) == with_effect);
    kinds.map(|(kind, _)| kind.keyword().to_string()).collect()
}

/// Says on standard error what a campaign did in all.
pub(super) fn tell_totals(stats: &Stats, tally: Tally, seconds: f64) {
    let simulated = stats.virtual_ns as f64 / 1e9;
    say(&format!(
        "{} executions in {seconds:.1} s: {} new, {} known findings",
        thousands(stats.execs),
        tally.new,
        tally.known
    ));
    let share = |part: u64, whole: u64| part * 100 / whole.max(1);
    say(&format!(
        "  {} events, {simulated:.0} s of virtual time ({:.0} for each real one), {} % of operations succeeded, {} % of steps had an effect",
        thousands(stats.events),
        simulated / seconds.max(0.001),
        share(stats.completed, stats.operations),
        share(stats.effective_steps, stats.steps),
    ));
    if tally.unexamined > 0 {
        let (more, rule) = (thousands(tally.unexamined), Attention::rule());
        say(&format!("  {more} more violations were only counted: {rule}"));
    }
    tell_rest(stats);
    if stats.unknown > 0 {
        let why = "too many events, or too much for the checker";
        say(&format!("  {} runs gave no verdict: {why}", thousands(stats.unknown)));
    }
}

/// Says on standard error how much is left to be found, by what was found last: the share of the states that the next run visits and
/// that none has yet (Good, 1953, after Turing), and how likely a blind run violates at most if none has (the rule of three:
/// Hanley and Lippman-Hand, 1983).
fn tell_rest(stats: &Stats) {
    if stats.execs < ENOUGH || stats.visits == 0 {
        return;
    }
    let missing = stats.singles as f64 / stats.visits as f64;
    say(&format!(
        "  left to see: an estimated {:.2} % of the states that further runs visit are new; the last schedule worth keeping came {} executions ago",
        missing * 100.0,
        thousands(stats.execs - stats.kept_at)
    ));
    if stats.violations == 0 && stats.blind > 0 {
        say(&format!(
            "  no violation in {} blind executions: fewer than one in {} has one (95 %)",
            thousands(stats.blind),
            thousands(stats.blind / 3)
        ));
    }
}

/// Says on standard error what a campaign never did, if it was long enough for that to mean anything.
pub(super) fn tell_never(stats: &Stats, marks: &[String], faults: &[String]) {
    for (what, list) in [("marks never hit", marks), ("faults without any effect", faults)] {
        if !list.is_empty() && stats.execs >= ENOUGH {
            say(&format!("  {what}: {}", list.join(", ")));
        }
    }
}

/// Watches a campaign: minimizes and files what it finds.
struct Hunt {
    settings: Settings,
    known: Known,
    tally: Tally,
    line: Line,
    link: Option<Member>,
    journal: Option<Journal>,
    attention: Attention,
    exit: Exit,
    failure: Option<Failure>,
}

impl Hunt {
    fn new(settings: Settings, known: Known, link: Option<Member>, journal: Option<Journal>) -> Self {
        let line = Line::new(settings.arguments.monitor, settings.json);
        let (tally, attention) = (Tally::default(), Attention::default());
        Self { settings, known, tally, line, link, journal, attention, exit: Exit::Clean, failure: None }
    }

    fn too_late(&self) -> bool {
        let limit = self.settings.arguments.time.unwrap_or(Duration::MAX);
        self.line.elapsed() >= limit
    }

    /// Whether the campaign has all that it was to go on for.
    fn has_enough(&self, stats: &Stats) -> bool {
        let FuzzArguments { until_sometimes, until_stable, execs, time, .. } = &self.settings.arguments;
        let stable = until_stable.is_some_and(|without| stats.execs - stats.stable_since >= without);
        let capped = execs.is_none() && time.is_none() && stats.execs >= UNTIL_MAX;
        stable || (*until_sometimes && (stats.missed == 0 || capped))
    }

    /// Says how the campaign ended, and what that means for who called it.
    fn end(mut self, result: Result<Summary, EngineError>, sites: &[&'static Site]) -> Result<Exit, Failure> {
        self.line.clear();
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let summary = result.map_err(|error| Failure::Corpus(error.to_string()))?;
        self.close(&summary, sites);
        self.exit = self.exit.or(judge(&summary.stats));
        if self.settings.arguments.require_marks {
            self.exit = self.exit.or(tell_required(&required(&summary, sites)));
        }
        let interrupted = self.settings.interrupted.load(Ordering::SeqCst);
        Ok(self.exit.or(if interrupted { Exit::Interrupted } else { Exit::Clean }))
    }

    /// The last lines of a campaign: what it did, and what it never did.
    fn close(&self, summary: &Summary, sites: &[&'static Site]) {
        let stats = &summary.stats;
        self.line.show(stats, self.tally);
        if self.settings.json {
            let mut end = report(summary, sites);
            end["schema"] = json!("murphy/fuzz/1");
            end["event"] = json!("end");
            return put(&end.to_string());
        }
        self.line.clear();
        tell_totals(stats, self.tally, self.line.elapsed().as_secs_f64());
        if !summary.bests.is_empty() {
            say(&format!("  best numbers: {}", bests(summary).join(", ")));
        }
        let missed: Vec<String> = never_hit(summary, sites).iter().map(|site| site.listed()).collect();
        tell_never(stats, &missed, &kinds(summary, false));
    }

    /// Minimizes a violating schedule and files it. Returns whether the campaign goes on.
    fn take(
        &mut self,
        harness: &mut Harness,
        schedule: &Schedule,
        anomaly: &Anomaly,
        execs: u64,
    ) -> Result<ControlFlow<()>, Failure> {
        if anomaly.class == Class::Nondeterminism || !repeats(harness, schedule, anomaly) {
            return Ok(self.stop_at_nondeterminism(harness, schedule));
        }
        self.exit = self.exit.or(Exit::Violation);
        let Some(kind) = Kind::of(harness, schedule) else {
            return Ok(self.stop_at_nondeterminism(harness, schedule));
        };
        if !self.attention.is_due(&kind) {
            self.tally.unexamined += 1;
            return Ok(ControlFlow::Continue(()));
        }
        if let Some(folder) = self.known.fits(harness, schedule, &kind).map(Path::to_path_buf) {
            self.tally.known += 1;
            self.attention.known(&kind);
            return Ok(self.after_known(&folder, anomaly));
        }
        self.attention.minimized(&kind);
        let mut waiting = vec![(schedule.clone(), anomaly.clone())];
        let mut flow = ControlFlow::Continue(());
        while let Some((schedule, anomaly)) = waiting.pop() {
            let Some(slips) = self.file(harness, &schedule, &anomaly, execs)? else {
                return Ok(self.stop_at_nondeterminism(harness, &schedule));
            };
            // What else was met on the way, if it is new; without going further down from there.
            if flow == ControlFlow::Continue(()) && waiting.is_empty() {
                waiting.extend(slips.into_iter().filter_map(|slip| {
                    let anomaly = harness.run(&slip).verdict.anomaly()?.clone();
                    let kind = Kind::of(harness, &slip)?;
                    let new = !self.attention.has_minimized(&kind) && self.known.fits(harness, &slip, &kind).is_none();
                    new.then(|| {
                        self.attention.minimized(&kind);
                        (slip, anomaly)
                    })
                }));
            }
            if self.settings.stop_on() != StopOn::Never {
                flow = ControlFlow::Break(());
            }
        }
        Ok(flow)
    }

    fn after_known(&self, folder: &Path, anomaly: &Anomaly) -> ControlFlow<()> {
        if self.settings.stop_on() != StopOn::First {
            return ControlFlow::Continue(());
        }
        self.line.clear();
        let finding = json!({ "schema": "murphy/fuzz/1", "event": "finding", "new": false, "folder": folder,
            "class": anomaly.class.name(), "anomaly": anomaly.name });
        put(&if self.settings.json { finding.to_string() } else { describe(&finding) });
        ControlFlow::Break(())
    }

    /// The target is not a function of the schedule, so nothing more can be learned from it.
    fn stop_at_nondeterminism(&mut self, harness: &mut Harness, schedule: &Schedule) -> ControlFlow<()> {
        self.exit = Exit::Nondeterminism;
        self.line.clear();
        say(&differs(harness, schedule));
        ControlFlow::Break(())
    }

    /// Files a violating schedule: at once as it is, then minimized in its place. Returns what else was met on the way;
    /// `None` if a schedule that fails did not fail again.
    fn file(
        &mut self,
        harness: &mut Harness,
        schedule: &Schedule,
        anomaly: &Anomaly,
        execs: u64,
    ) -> Result<Option<Vec<Schedule>>, Failure> {
        let crashes = self.settings.arguments.crashes.clone();
        let Some(found) = Finding::new(harness, schedule) else { return Ok(None) };
        let before = (minimize::faults(schedule), found.outcome.history.operations.len());
        let mut provenance = Provenance {
            campaign_seed: self.settings.arguments.seed,
            execs,
            before,
            original: Some(schedule.clone()),
            ..provenance()
        };
        let was_there = crashes.join(found.folder_name()).exists();
        let first = First { folder: found.write(&crashes, &provenance)?, was_there, schedule };
        let smallest = self.minimize(harness, schedule, anomaly, before);
        provenance.one_minimal = smallest.one_minimal;
        provenance.minimizing_runs = smallest.runs;
        if !self.settings.over() {
            provenance.robustness = Some(minimize::robustness(harness, &smallest.schedule, anomaly));
        }
        let Some(finding) = Finding::new(harness, &smallest.schedule) else { return Ok(None) };
        let (folder, already) = first.give_way(&finding, &crashes, &provenance, harness)?;
        // What is enough with operations that clients draw is more likely to be so in other schedules.
        let schedules = smallest.drawn.iter().chain([&finding.schedule]);
        schedules.for_each(|schedule| self.known.add(&finding, schedule, &folder));
        *(if already { &mut self.tally.known } else { &mut self.tally.new }) += 1;
        self.announce(finding, &provenance, &folder, already)?;
        Ok(Some(smallest.slips))
    }

    fn minimize(
        &mut self,
        harness: &mut Harness,
        schedule: &Schedule,
        anomaly: &Anomaly,
        before: (usize, usize),
    ) -> Minimized {
        let (line, journal, settings) = (&self.line, &mut self.journal, &self.settings);
        let mut trail = Trail::new(before);
        let mut watch = |progress: Progress| {
            if let Some(journal) = journal {
                journal.beat();
            }
            line.minimizing(&mut trail, progress);
            !settings.over()
        };
        let smallest = minimize::minimize(harness, schedule, anomaly, BUDGET, &mut watch);
        self.line.clear();
        smallest
    }

    /// Has a new process replay what was filed, and says what came of it all. What does not repeat there is filed as that.
    fn announce(
        &mut self,
        finding: Finding,
        provenance: &Provenance,
        folder: &Path,
        already: bool,
    ) -> Result<(), Failure> {
        let (finding, folder, reproduced) = confirm(finding, provenance, folder)?;
        if finding.anomaly.class == Class::Nondeterminism {
            self.exit = self.exit.or(Exit::Nondeterminism);
        }
        if let Some(journal) = &mut self.journal {
            journal.found(&folder);
        }
        let robust = provenance.robustness.as_ref().map(|robustness| finding.robust(robustness));
        let finding = json!({
            "schema": "murphy/fuzz/1", "event": "finding", "new": !already, "folder": folder, "key": source::key(&folder),
            "class": finding.anomaly.class.name(), "anomaly": finding.anomaly.name, "execs": provenance.execs,
            "faults": minimize::faults(&finding.schedule), "faults_before": provenance.before.0,
            "steps": finding.schedule.steps.len(),
            "operations": finding.outcome.history.operations.len(), "operations_before": provenance.before.1,
            "one_minimal": provenance.one_minimal, "sentence": finding.sentence(), "reproduced": reproduced,
            "robust": robust.unwrap_or_default(), "schedule": finding.text(),
        });
        put(&if self.settings.json { finding.to_string() } else { describe(&finding) });
        Ok(())
    }
}

/// A violating schedule that was filed as it was found.
struct First<'a> {
    folder: PathBuf,
    /// Whether there was such a folder before.
    was_there: bool,
    schedule: &'a Schedule,
}

impl First<'_> {
    /// Files the minimal `finding` instead, on its own or as another way to show what is filed already. Its folder, and whether there was one already.
    fn give_way(
        self,
        finding: &Finding,
        crashes: &Path,
        provenance: &Provenance,
        harness: &mut Harness,
    ) -> Result<(PathBuf, bool), Failure> {
        let there = crashes.join(finding.folder_name());
        let home = if provenance.one_minimal { Known::home(crashes, harness, finding) } else { None };
        if let Some(home) = home {
            finding.write_as_another_way(&home, harness.vocabulary())?;
            if !self.was_there {
                finding::remove(&self.folder)?;
            }
            return Ok((home, true));
        }
        let same = there == self.folder;
        let already = there.exists() && (!same || self.was_there);
        // Another worker may have put a smaller schedule there, or a larger one that it is still minimizing.
        let is_ours = || matches!(read_folder(&there), Ok(Ok(entry)) if entry.document.schedule == *self.schedule);
        let folder = if same && !self.was_there && is_ours() {
            finding.replace(crashes, provenance)?
        } else {
            finding.write_if_smaller(crashes, provenance, harness.vocabulary())?
        };
        if !same && !self.was_there {
            finding::remove(&self.folder)?;
        }
        Ok((folder, already))
    }
}

/// Has a new process replay what was filed in `folder`, and records there how often it failed in the same way. What does not
/// always do so is filed as nondeterminism instead, whatever it seemed to be.
pub(super) fn confirm(
    finding: Finding,
    provenance: &Provenance,
    folder: &Path,
) -> Result<(Finding, PathBuf, Option<u64>), Failure> {
    let reproduced = reproduce(folder, &[]);
    let Some(times) = reproduced else { return Ok((finding, folder.to_path_buf(), None)) };
    let (mut finding, mut folder) = (finding, folder.to_path_buf());
    if times < TIMES {
        let crashes = folder.parent().unwrap_or(Path::new(".")).to_path_buf();
        finding::remove(&folder)?;
        finding = finding.that_differs();
        folder = finding.write(&crashes, provenance)?;
    }
    finding::record_reproduced(&folder, times, TIMES)?;
    Ok((finding, folder, reproduced))
}

/// A finding for people, from its announcement as JSON.
pub(super) fn describe(finding: &Value) -> String {
    let text = |field: &str| finding[field].as_str().unwrap_or_default();
    let counted = |field: &str, what: &str| {
        let count = finding[field].as_u64().unwrap_or_default();
        format!("{count} {what}{} (was {})", if count == 1 { "" } else { "s" }, finding[format!("{field}_before")])
    };
    let program = super::program();
    let (class, anomaly, folder, key) = (text("class"), text("anomaly"), text("folder"), text("key"));
    if finding["new"] != true {
        return format!("KNOWN  {class} / {anomaly}   {folder}");
    }
    let (faults, operations) = (counted("faults", "fault"), counted("operations", "operation"));
    let minimal = if finding["one_minimal"] == true { "1-minimal" } else { "not proved minimal" };
    let reproduced = finding["reproduced"].as_u64().map_or_else(|| "?".to_string(), |times| times.to_string());
    let robust = finding["robust"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let robust: String = robust.map(|sentence| format!("     {sentence}\n")).collect();
    let schedule: String =
        text("schedule").lines().map(|line| format!("       {line}").trim_end().to_string() + "\n").collect();
    format!(
        "NEW  {class} / {anomaly}   {folder}\n     {faults}, {operations}, {minimal}, reproduced {reproduced}/{TIMES}\n{robust}\n       \
         {}\n\n{schedule}\n     {program} show   {key}        what happened, as a picture\n     \
         {program} replay {key} -v     step by step\n     {program} min    {key}        minimize again\n",
        text("sentence"),
    )
}

/// Replays the finding in a new process, with these further options of `replay`. How often it failed in the same way; `None` if the process gave no answer.
pub(super) fn reproduce(folder: &Path, options: &[&str]) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let times = TIMES.to_string();
    let mut command = Command::new(program);
    let output = command.args(["--json", "replay", "--times", &times]).args(options).arg(folder).output().ok()?;
    let line = output.stdout.split(|byte| *byte == b'\n').next()?;
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    value["reproduced"].as_u64()
}

impl Watcher for Hunt {
    fn violation(
        &mut self,
        harness: &mut Harness,
        schedule: &Schedule,
        anomaly: &Anomaly,
        stats: &Stats,
    ) -> ControlFlow<()> {
        match self.take(harness, schedule, anomaly, stats.execs) {
            Ok(flow) => flow,
            Err(failure) => {
                self.failure = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn executed(&mut self, stats: &Stats) -> ControlFlow<()> {
        self.line.update(stats, self.tally);
        if let Some(journal) = &mut self.journal {
            journal.update(stats, self.tally);
        }
        if self.settings.over() || self.has_enough(stats) || (stats.execs.is_multiple_of(16) && self.too_late()) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn kept(&mut self, schedule: &Schedule) {
        if let Some(link) = &mut self.link {
            link.send(schedule);
        }
    }

    fn received(&mut self) -> Option<Schedule> {
        self.link.as_mut()?.receive()
    }
}
