//! Campaigns on `echo`, whose planted bug is shallow, and on a target that never does the same thing twice.

use std::{cell::Cell, collections::BTreeSet, fs, ops::ControlFlow, path::Path, time::Duration};

use murphy_checker::verdict::{Anomaly, Class};
use murphy_schedule::{Dice, Schedule, Vocabulary, mutate};
use murphy_sim::{
    About, AnyTarget, Boot, Context, Shared, Target, Timer, Workload,
    echo::{Echo, EchoNode},
};

use super::{Campaign, EngineError, Recipe, Stats, Watcher, input, run};
use crate::Harness;

/// Writes down all it hears.
#[derive(Debug, Default, PartialEq)]
struct Diary {
    violations: Vec<(Stats, Class, String, Schedule)>,
    executed: u64,
    /// End the campaign with the first violation.
    until_first: bool,
}

impl Watcher for Diary {
    fn violation(
        &mut self,
        harness: &mut Harness,
        schedule: &Schedule,
        anomaly: &Anomaly,
        stats: &Stats,
    ) -> ControlFlow<()> {
        if anomaly.class != Class::Nondeterminism {
            assert_eq!(harness.run(schedule).verdict.anomaly(), Some(anomaly), "the harness is free to be used");
        }
        self.violations.push((*stats, anomaly.class, anomaly.name.to_string(), schedule.clone()));
        if self.until_first { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn executed(&mut self, stats: &Stats) -> ControlFlow<()> {
        self.executed += 1;
        assert_eq!(stats.execs, self.executed, "each execution is told once");
        ControlFlow::Continue(())
    }
}

fn campaign(seed: u64, execs: u64) -> Campaign {
    Campaign { seed, execs: Some(execs), corpus: None, seeds: Vec::new(), recipe: Recipe::ENSEMBLE }
}

fn harness(name: &str) -> Harness {
    Harness::new(&[Box::new(Shared::new(Echo)) as Box<dyn AnyTarget>], name).expect("the target exists")
}

#[track_caller]
fn go(name: &str, campaign: &Campaign) -> (Stats, Diary) {
    let mut diary = Diary::default();
    let stats = run(campaign, harness(name), &mut diary).expect("the folder can be used").stats;
    (stats, diary)
}

/// A schedule that shows the planted bug of `echo`.
fn first_finding() -> Schedule {
    let mut diary = Diary { until_first: true, ..Diary::default() };
    run(&campaign(1, 5_000), harness("echo+early-ack"), &mut diary).expect("no folder is used");
    diary.violations.swap_remove(0).3
}

fn entries(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).expect("the folder exists");
    names.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
}

#[test]
fn a_campaign_is_a_function_of_its_seed() {
    for seed in 0..2 {
        let [first, again] = [(); 2].map(|()| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let campaign = Campaign { corpus: Some(folder.path().to_path_buf()), ..campaign(seed, 3_000) };
            (go("echo+early-ack", &campaign), entries(folder.path()))
        });
        assert_eq!(first, again, "seed {seed}");
        assert!(!first.1.is_empty(), "seed {seed} kept nothing");
    }
    assert_ne!(go("echo", &campaign(1, 1_000)).0, go("echo", &campaign(2, 1_000)).0);
}

#[test]
fn every_recipe_is_a_function_of_its_seed() {
    // With something to begin with, or 600 executions were too few for some to keep anything.
    let seeds: Vec<Schedule> =
        (0..8).map(|seed| mutate::random(&Vocabulary::default(), &mut Dice::new(seed))).collect();
    for recipe in Recipe::ALL {
        let campaign = Campaign { recipe, seeds: seeds.clone(), ..campaign(5, 600) };
        let [first, again] = [(); 2].map(|()| go("echo+early-ack", &campaign));
        assert_eq!(first, again, "{}", recipe.name);
        assert_eq!(first.0.corpus == 0, recipe.is_memoryless(), "{} keeps {} entries", recipe.name, first.0.corpus);
    }
}

#[test]
fn snapshots_change_nothing_but_what_it_costs() {
    for seed in 0..2 {
        let without = Campaign { recipe: Recipe::named("no-snapshots").expect("it is one"), ..campaign(seed, 3_000) };
        let (with, diary) = go("echo+early-ack", &campaign(seed, 3_000));
        let (without, same) = go("echo+early-ack", &without);
        assert!(with.resumed > 100 && with.skipped > 0, "{with:?}");
        assert_eq!((without.resumed, without.skipped), (0, 0));
        assert_eq!(with.events + with.skipped, without.events, "seed {seed}");
        assert_eq!((with.corpus, with.states), (without.corpus, without.states));
        let found = |diary: &Diary| diary.violations.iter().map(|violation| violation.3.clone()).collect::<Vec<_>>();
        assert_eq!(found(&diary), found(&same));
    }
}

#[test]
fn each_means_of_guidance_makes_another_campaign() {
    let (ensemble, _) = go("echo", &campaign(3, 3_000));
    // `echo` has too few marks to be kept for one, and snapshots make the same campaign.
    for recipe in Recipe::ALL.iter().filter(|recipe| !["guided", "no-snapshots", "no-marks"].contains(&recipe.name)) {
        assert_ne!(go("echo", &Campaign { recipe: *recipe, ..campaign(3, 3_000) }).0, ensemble, "{}", recipe.name);
    }
}

#[cfg(feature = "targets")]
#[test]
fn marks_alone_keep_schedules() {
    let kept = |recipe: Recipe| {
        let harness = Harness::new(&murphy_targets::all(), "raft-kv").expect("the target exists");
        let mut diary = Diary::default();
        run(&Campaign { recipe, ..campaign(3, 300) }, harness, &mut diary).expect("no folder is used").stats.corpus
    };
    let marks = Recipe::named("no-states").expect("it is one");
    assert!(kept(marks) > 10);
    assert_eq!(kept(Recipe { marks: false, ..marks }), 0);
}

#[test]
fn the_planted_bug_is_found_within_five_thousand_executions() {
    for seed in 0..10 {
        let mut diary = Diary { until_first: true, ..Diary::default() };
        let stats =
            run(&campaign(seed, 5_000), harness("echo+early-ack"), &mut diary).expect("no folder is used").stats;
        assert_eq!(diary.violations.len(), 1, "seed {seed} found nothing in {stats:?}");
        assert_eq!(diary.violations[0].1, Class::Linearizability);
    }
}

#[test]
fn the_twin_is_never_blamed() {
    let (stats, diary) = go("echo", &campaign(7, 3_000));
    assert_eq!(diary.violations, []);
    assert!(stats.states > 0 && stats.marks > 0 && stats.effective_steps > 0, "{stats:?}");
}

#[test]
fn a_limit_of_executions_is_exact() {
    for execs in [0, 1, 7, 8, 9, 100, 2_500] {
        let (stats, diary) = go("echo+early-ack", &campaign(3, execs));
        assert_eq!((stats.execs, diary.executed), (execs, execs));
    }
}

#[test]
fn given_seeds_are_run_first() {
    let seed = mutate::random(&Vocabulary::default(), &mut Dice::new(5));
    let known = first_finding();
    let (_, diary) = go("echo+early-ack", &Campaign { seeds: vec![seed, known.clone()], ..campaign(2, 2) });
    assert_eq!(diary.violations.last().map(|(_, _, _, schedule)| schedule), Some(&known));
}

#[test]
fn a_folder_is_shared_between_campaigns() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("by-hand.murphy"), "murphy 1\n").expect("written");
    let shared = |seed, execs| Campaign { corpus: Some(folder.path().to_path_buf()), ..campaign(seed, execs) };
    let (first, _) = go("echo", &shared(1, 3_000));
    let kept = entries(folder.path());
    assert_eq!(kept.len(), first.corpus + 1, "one file per entry, and nothing left over: {kept:?}");
    for name in kept.iter().filter(|name| !name.contains('.')) {
        let bytes = fs::read(folder.path().join(name)).expect("an entry");
        assert_eq!(*name, input::name(&Schedule::from_bytes(&bytes)));
    }

    let (second, _) = go("echo", &shared(2, first.corpus as u64));
    assert!(second.states > first.states * 3 / 4, "its entries lead where they led: {second:?} after {first:?}");
    assert_eq!(entries(folder.path()), kept, "what came from the folder is not written to it");
}

/// Puts a file into the corpus folder in the middle of the campaign.
struct Colleague<'a> {
    folder: &'a Path,
    entry: &'a Schedule,
    /// The campaign ran the file, and told so.
    run: bool,
}

impl Watcher for Colleague<'_> {
    fn violation(&mut self, _: &mut Harness, schedule: &Schedule, _: &Anomaly, _: &Stats) -> ControlFlow<()> {
        self.run |= schedule == self.entry;
        ControlFlow::Continue(())
    }

    fn executed(&mut self, stats: &Stats) -> ControlFlow<()> {
        if stats.execs == 100 {
            fs::write(self.folder.join("from-a-colleague"), self.entry.to_bytes()).expect("written");
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn what_others_find_is_read_while_the_campaign_runs() {
    let entry = &first_finding();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let campaign = Campaign { corpus: Some(folder.path().to_path_buf()), ..campaign(9, 2_300) };
    let mut colleague = Colleague { folder: folder.path(), entry, run: false };
    run(&campaign, harness("echo+early-ack"), &mut colleague).expect("the folder can be used");
    assert!(colleague.run);
}

#[track_caller]
fn fails(folder: &Path) -> EngineError {
    let campaign = Campaign { corpus: Some(folder.to_path_buf()), ..campaign(1, 3_000) };
    run(&campaign, harness("echo"), &mut Diary::default()).expect_err("the folder cannot be used")
}

#[cfg(unix)]
#[test]
fn an_entry_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let entry = folder.path().join("0123456789abcdef");
    // Not even root can read a link to itself.
    std::os::unix::fs::symlink(&entry, &entry).expect("a link");
    let text = fails(folder.path()).to_string();
    let expected = format!("cannot read the corpus entry {}: ", entry.display());
    assert!(text.strip_prefix(&expected).is_some_and(|reason| !reason.is_empty()), "{text}");
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("corpus");
    fs::write(&file, "a file").expect("written");
    let text = fails(&file).to_string();
    assert!(text.starts_with(&format!("cannot create the corpus folder {}: ", file.display())), "{text}");
}

#[test]
fn findings_survive_a_corpus_that_cannot_be_written() {
    /// Takes the folder away with the first violation.
    struct Thief(tempfile::TempDir, usize);
    impl Watcher for Thief {
        fn violation(&mut self, _: &mut Harness, _: &Schedule, _: &Anomaly, _: &Stats) -> ControlFlow<()> {
            if self.1 == 0 {
                fs::remove_dir_all(self.0.path()).expect("removed");
                fs::write(self.0.path(), "in the way").expect("written");
            }
            self.1 += 1;
            ControlFlow::Continue(())
        }

        fn executed(&mut self, _: &Stats) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
    }
    let mut thief = Thief(tempfile::tempdir().expect("a temporary folder"), 0);
    let campaign = Campaign { corpus: Some(thief.0.path().to_path_buf()), ..campaign(1, 5_000) };
    let error = run(&campaign, harness("echo+early-ack"), &mut thief).expect_err("the folder is gone");
    fs::remove_file(thief.0.path()).expect("removed");
    assert!(thief.1 > 0, "nothing was found before");
    let text = error.to_string();
    assert!(text.contains(&thief.0.path().display().to_string()), "{text}");
}

/// `echo` with a memory of earlier runs.
struct Fickle(Cell<u64>);

impl Target for Fickle {
    type Node = EchoNode;

    fn about(&self) -> About {
        Echo.about()
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, EchoNode>) -> EchoNode {
        self.0.set(self.0.get() + 1);
        cx.set(Timer(1), Duration::from_millis(self.0.get()));
        Echo.start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<EchoNode>> {
        Echo.workloads()
    }
}

#[test]
fn a_run_that_does_not_repeat_is_reported_and_not_kept() {
    let target = Shared::new(Fickle(Cell::new(0)));
    let harness = Harness::with_bugs(&target, BTreeSet::new()).expect("no bug is planted");
    let mut diary = Diary::default();
    let stats = run(&campaign(1, 50), harness, &mut diary).expect("no folder is used").stats;
    assert_eq!((stats.execs, stats.corpus), (50, 0));
    let first = diary.violations.first().expect("it never repeats");
    assert_eq!((first.1, first.2.as_str()), (Class::Nondeterminism, "trace-differs"));
}
