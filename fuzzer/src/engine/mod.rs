//! A campaign: the search for schedules under which a target breaks a promise, on LibAFL.
//!
//! Three executions of four change an entry of the corpus; the fourth is drawn from nothing, for ever, so that guidance is
//! never much worse than luck ([`recipe`]). A run that reached something new is kept if it does the same a second time, without the
//! steps that did nothing. Changes come in bursts from one entry: most of them return to a moment at which it reached something new,
//! and change what follows, from a snapshot of that moment where there is one ([`burst`]).
//!
//! A campaign is a function of its seed, its seeds and what it finds in its corpus folder: nothing here reads a clock. That
//! is why the loop is ours and not LibAFL's, whose stages and monitors measure time; and so every execution can be counted
//! and watched, and a limit of executions is exact. Threads, restarts and the minimizer are deliberately absent: a campaign
//! is one worker, and workers share nothing but a folder, and what they [tell each other](link) at once.

mod bridge;
pub(crate) mod broker;
mod burst;
mod executor;
mod feedback;
pub(crate) mod folder;
mod input;
pub(crate) mod link;
mod mutator;
mod odds;
mod recipe;
mod scheduler;
mod shares;
#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    convert::Infallible,
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    rc::Rc,
};

use libafl::{
    Evaluator, HasScheduler,
    corpus::{Corpus, CorpusId, InMemoryCorpus},
    events::NopEventManager,
    fuzzer::{NopInputFilter, StdFuzzer},
    inputs::BytesInputConverter,
    schedulers::Scheduler,
    state::{HasCorpus, HasRand, StdState},
};
use libafl_bolts::rands::{Rand, StdRand};
use murphy_checker::verdict::{Anomaly, Class, Evidence};
use murphy_schedule::{Dice, FaultKind, Schedule};
use murphy_sim::marks::Best;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::{
    burst::Burst,
    executor::{SharedHarness, SimExecutor},
    feedback::{FirstOfItsName, Keep, Repeats, Seen},
    folder::Folder,
    input::ScheduleInput,
    mutator::StepMutator,
    odds::Learned,
    recipe::{Arm, Turn},
    scheduler::RareFirst,
    shares::Shares,
};
pub(crate) use self::{folder::entries, input::name, recipe::Recipe};
use crate::Harness;

/// Schedules drawn before the first is mutated.
const DRAWN_FIRST: usize = 8;
/// So many bursts return to a moment of their entry for each that changes all of it.
const RETURNS: u64 = 3;
/// Executions between two looks into the corpus folder.
const SYNC: u64 = 2048;

/// A campaign on one target, in this thread.
#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    /// Fixes every choice of the campaign.
    pub(crate) seed: u64,
    /// Stop after so many executions.
    pub(crate) execs: Option<u64>,
    /// A folder shared with other workers. Its entries are run first.
    pub(crate) corpus: Option<PathBuf>,
    /// Schedules to run before all others.
    pub(crate) seeds: Vec<Schedule>,
    /// How to search.
    pub(crate) recipe: Recipe,
}

/// What a campaign has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stats {
    /// Executions: schedules that were tried. To run one again, because it is about to be kept or to return to a moment of it, is
    /// none.
    pub(crate) execs: u64,
    /// Executions that went on from a snapshot.
    pub(crate) resumed: u64,
    /// Events that they did not simulate again.
    pub(crate) skipped: u64,
    /// Schedules kept.
    pub(crate) corpus: usize,
    /// Distinct states that kept schedules reach.
    pub(crate) states: u64,
    /// Distinct marks hit by any run.
    pub(crate) marks: usize,
    /// Marks of the target that a thorough campaign hits, and no run has.
    pub(crate) missed: usize,
    /// The execution after which a schedule was last kept; 0: none was.
    pub(crate) kept_at: u64,
    /// The execution after which a schedule was last kept, or more states than before began to count. While only some do, that none
    /// of them is new says little.
    #[serde(default)]
    pub(crate) stable_since: u64,
    /// How many of a thousand executions were kept lately, once that has been measured.
    pub(crate) novelty: u32,
    /// The finest grain of states that make a schedule worth keeping, 0 to 3.
    #[serde(default)]
    pub(crate) finest: u32,
    /// Only one of two to the power of this of them does.
    #[serde(default)]
    pub(crate) sample: u32,
    /// States that kept schedules reach and that one run alone visited.
    pub(crate) singles: u64,
    /// Visits to states that kept schedules reach.
    pub(crate) visits: u64,
    /// Executions that owed nothing to others.
    pub(crate) blind: u64,
    /// Runs that broke a promise.
    pub(crate) violations: u64,
    /// Runs without an answer.
    pub(crate) unknown: u64,
    /// Simulated events of executions.
    pub(crate) events: u64,
    /// Simulated time, in nanoseconds.
    pub(crate) virtual_ns: u64,
    /// Steps in all schedules run.
    pub(crate) steps: u64,
    /// Those of them that had an effect.
    pub(crate) effective_steps: u64,
    /// Operations that clients invoked.
    pub(crate) operations: u64,
    /// Those of them that completed with `ok`.
    pub(crate) completed: u64,
    /// Schedules that others kept and told of, and that the folder did not have before.
    #[serde(default)]
    pub(crate) received: u64,
}

/// What a campaign did, once it is over.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) stats: Stats,
    /// For each mark of the program, by the rank of its name: how many runs hit it.
    pub(crate) marks: Vec<u64>,
    /// The best number of any run, of each mark that is worth raising or lowering.
    pub(crate) bests: Vec<Best>,
    /// For each kind of fault that any schedule had: how often it had an effect.
    pub(crate) effects: BTreeMap<FaultKind, u64>,
}

/// Who hears of what a campaign does, and may end it.
pub(crate) trait Watcher {
    /// A run broke a promise, or did not repeat. Called for every such run, with the campaign's harness to run more.
    fn violation(
        &mut self,
        harness: &mut Harness,
        schedule: &Schedule,
        anomaly: &Anomaly,
        stats: &Stats,
    ) -> ControlFlow<()>;

    /// Called after every execution, so it must be cheap.
    fn executed(&mut self, stats: &Stats) -> ControlFlow<()>;

    /// A schedule is kept, and in the corpus folder.
    fn kept(&mut self, _: &Schedule) {}

    /// A schedule that another worker keeps, if there is one to run. Called before every execution, so it must be cheap.
    fn received(&mut self) -> Option<Schedule> {
        None
    }
}

/// Why a campaign ended before its time: its corpus folder cannot be used.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {error}", path.display())]
pub(crate) struct EngineError {
    action: &'static str,
    path: PathBuf,
    error: io::Error,
}

impl EngineError {
    fn new(action: &'static str, path: &Path, error: io::Error) -> Self {
        Self { action, path: path.to_path_buf(), error }
    }
}

/// Runs a campaign until its watcher has enough or its executions are spent.
///
/// # Errors
/// If the corpus folder cannot be made, listed, read or written. What was reported to the watcher stays reported.
pub(crate) fn run(campaign: &Campaign, harness: Harness, watcher: &mut impl Watcher) -> Result<Summary, EngineError> {
    let mut search = Search::new(campaign, harness, watcher)?;
    match search.run(campaign) {
        Stop::Over => Ok(search.executor.summary()),
        Stop::Failed(error) => Err(error),
    }
}

type State = StdState<InMemoryCorpus<ScheduleInput>, ScheduleInput, StdRand, InMemoryCorpus<ScheduleInput>>;
type Fuzzer = StdFuzzer<RareFirst, Keep, BytesInputConverter, NopInputFilter, FirstOfItsName>;

/// Why a search is over.
enum Stop {
    /// Its watcher or its limit ended it.
    Over,
    Failed(EngineError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

/// Whence a schedule comes, and so who has to hear of it if it is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Ours,
    /// Who began the campaign.
    Seed,
    Folder,
    /// Another worker, whose corpus folder may be another.
    Peer,
}

struct Search<'a, W> {
    watcher: &'a mut W,
    limit: u64,
    harness: SharedHarness,
    seen: Rc<RefCell<Seen>>,
    /// Set by the feedback that runs a schedule twice.
    differs: Rc<Cell<bool>>,
    folder: Option<Folder>,
    recipe: Recipe,
    burst: Option<Burst>,
    shares: Shares,
    learned: Learned,
    mutator: StepMutator,
    executor: SimExecutor,
    fuzzer: Fuzzer,
    state: State,
}

impl<'a, W: Watcher> Search<'a, W> {
    fn new(campaign: &Campaign, mut harness: Harness, watcher: &'a mut W) -> Result<Self, EngineError> {
        let folder = campaign.corpus.as_deref().map(Folder::open).transpose()?;
        let recipe = campaign.recipe;
        let mutator = StepMutator::new(harness.vocabulary().clone(), &recipe);
        if !recipe.keyed {
            harness.draw_from_one_stream();
        }
        let harness: SharedHarness = Rc::new(RefCell::new(harness));
        let seen = Rc::new(RefCell::new(Seen::new()));
        let differs = Rc::new(Cell::new(false));
        let executor = SimExecutor::new(harness.clone());
        let repeats = Repeats::new(harness.clone(), seen.clone(), differs.clone());
        let mut feedback = feedback::keep(&executor.observers, &recipe, seen.clone(), repeats);
        let mut objective = FirstOfItsName::default();
        let rand = StdRand::with_seed(campaign.seed);
        let state = StdState::new(rand, InMemoryCorpus::new(), InMemoryCorpus::new(), &mut feedback, &mut objective)
            .expect("no two feedbacks have one name");
        let fuzzer = StdFuzzer::new(RareFirst::new(seen.clone(), &recipe), feedback, objective);
        let limit = campaign.execs.unwrap_or(u64::MAX);
        let (burst, learned) = (None, Learned::default());
        Ok(Self {
            watcher,
            limit,
            harness,
            seen,
            differs,
            folder,
            recipe,
            burst,
            shares: Shares::default(),
            learned,
            mutator,
            executor,
            fuzzer,
            state,
        })
    }

    fn run(&mut self, campaign: &Campaign) -> Stop {
        let Err(stop) = self.start(&campaign.seeds).and_then(|()| self.search());
        stop
    }

    fn start(&mut self, seeds: &[Schedule]) -> Result<(), Stop> {
        for seed in seeds {
            self.evaluate(ScheduleInput(seed.clone()), Origin::Seed)?;
        }
        self.import()?;
        for turn in 0..DRAWN_FIRST {
            // Nothing is there to be changed yet.
            let arm = match self.recipe.turns[turn % self.recipe.turns.len()] {
                Turn::Of(arm) => arm,
                Turn::Free => Arm::Swarm,
            };
            let input = self.mutator.draw(arm, &mut self.state);
            self.evaluate(input, Origin::Ours)?;
        }
        Ok(())
    }

    fn search(&mut self) -> Result<Infallible, Stop> {
        let mut synced = self.executor.stats.execs;
        for turn in self.recipe.turns.iter().cycle() {
            if self.executor.stats.execs - synced >= SYNC {
                self.import()?;
                synced = self.executor.stats.execs;
            }
            self.hear()?;
            let arm = self.shares.arm(*turn, &mut Dice::new(self.state.rand_mut().next()));
            // A corpus stays empty while every run breaks a promise, say: then there is only luck.
            let kept = if arm == Arm::Guided && self.state.corpus().count() > 0 {
                self.change()?
            } else {
                let input = self.mutator.draw(arm, &mut self.state);
                self.executor.stats.blind += 1;
                self.evaluate(input, Origin::Ours)?.is_some()
            };
            self.shares.count(arm, kept);
        }
        unreachable!("a recipe has turns")
    }

    /// Runs what others have put into the corpus folder.
    fn import(&mut self) -> Result<(), Stop> {
        let news = self.folder.as_mut().map_or(Ok(Vec::new()), Folder::news)?;
        news.into_iter().try_for_each(|schedule| self.evaluate(ScheduleInput(schedule), Origin::Folder).map(|_| ()))
    }

    /// Executes a changed copy of an entry of the corpus. Returns whether it was kept.
    fn change(&mut self) -> Result<bool, Stop> {
        let mut burst = match self.burst.take() {
            Some(burst) => burst,
            None => self.begin(),
        };
        let mut dice = Dice::new(self.state.rand_mut().next());
        let donor = self.donor(&mut dice);
        let input = burst.next(&self.mutator, donor.as_ref(), &mut dice);
        self.executor.from = burst.snapshot.clone();
        let kept = self.evaluate(input.clone(), Origin::Ours);
        self.executor.from = None;
        let kept = kept?;
        let schedule = kept.map(|id| self.schedule(id));
        if let Some(odds) = self.learned.count(burst.parent(), &input.0, schedule.as_ref()) {
            self.mutator.favour(odds);
        }
        self.burst = burst.goes_on(kept.is_some()).then_some(burst);
        Ok(kept.is_some())
    }

    /// Picks an entry, and a moment of it.
    fn begin(&mut self) -> Burst {
        let id = self.fuzzer.scheduler_mut().next(&mut self.state).expect("the corpus is not empty");
        let mut dice = Dice::new(self.state.rand_mut().next());
        let moment = dice.pick(self.fuzzer.scheduler().moments(id)).copied();
        let moment = moment.filter(|_| self.recipe.returns && dice.chance(RETURNS, RETURNS + 1));
        let parent = self.schedule(id);
        let mut harness = self.harness.borrow_mut();
        Burst::new(parent, moment, &mut harness, self.mutator.vocabulary(), self.recipe.snapshots)
    }

    /// Some entry of the corpus.
    fn donor(&self, dice: &mut Dice) -> Option<Schedule> {
        // Not LibAFL's `random_corpus_id!`, which is unsafe code where debug assertions are off.
        let corpus = self.state.corpus();
        let at = dice.below(corpus.count() as u64) as usize;
        self.recipe.splice.then(|| self.schedule(corpus.nth(at)))
    }

    fn schedule(&self, id: CorpusId) -> Schedule {
        let entry = self.state.corpus().get(id).expect("nothing is removed from the corpus").borrow();
        entry.input().as_ref().expect("a corpus in memory has its inputs").0.clone()
    }

    /// Runs what others have told of.
    fn hear(&mut self) -> Result<(), Stop> {
        while let Some(schedule) = self.watcher.received() {
            if self.folder.as_mut().is_none_or(|folder| folder.meet(&schedule)) {
                self.executor.stats.received += 1;
                self.evaluate(ScheduleInput(schedule), Origin::Peer)?;
            }
        }
        Ok(())
    }

    /// Executes `input`, keeps it if it is worth that, and tells the watcher.
    fn evaluate(&mut self, input: ScheduleInput, origin: Origin) -> Result<Option<CorpusId>, Stop> {
        if self.executor.stats.execs >= self.limit {
            return Err(Stop::Over);
        }
        self.seen.borrow_mut().set_given(origin != Origin::Ours);
        let mut events = NopEventManager::new();
        let (_, kept) = self
            .fuzzer
            .evaluate_input(&mut self.state, &mut self.executor, &mut events, &input)
            .expect("neither a corpus in memory nor our feedbacks can fail");
        self.executor.stats.corpus = self.state.corpus().count();
        self.seen.borrow().tell(&mut self.executor.stats);
        if kept.is_some() {
            let stats = &mut self.executor.stats;
            (stats.kept_at, stats.stable_since) = (stats.execs, stats.execs);
        }
        self.report(&input.0)?;
        if let Some(id) = kept {
            // Perhaps without some of its steps.
            let schedule = self.schedule(id);
            self.share(&schedule, origin)?;
        }
        go_on(self.watcher.executed(&self.executor.stats))?;
        Ok(kept)
    }

    /// Writes a schedule that is kept to the corpus folder, and tells others of it, as far as they do not have it.
    fn share(&mut self, schedule: &Schedule, origin: Origin) -> Result<(), EngineError> {
        match (origin, &mut self.folder) {
            (Origin::Ours | Origin::Seed, Some(folder)) => folder.save(schedule)?,
            (Origin::Peer, Some(folder)) => folder.adopt(schedule)?,
            (Origin::Folder, _) | (_, None) => {}
        }
        if matches!(origin, Origin::Ours | Origin::Seed) {
            self.watcher.kept(schedule);
        }
        Ok(())
    }

    /// Tells the watcher what was wrong with the last run, if anything was.
    fn report(&mut self, schedule: &Schedule) -> Result<(), Stop> {
        let broken = self.executor.judged().verdict.anomaly().cloned();
        let differs = self.differs.take().then(|| Anomaly {
            class: Class::Nondeterminism,
            name: "trace-differs".into(),
            evidence: Evidence::Property,
        });
        for anomaly in broken.into_iter().chain(differs) {
            let mut harness = self.harness.borrow_mut();
            go_on(self.watcher.violation(&mut harness, schedule, &anomaly, &self.executor.stats))?;
        }
        Ok(())
    }
}

fn go_on(flow: ControlFlow<()>) -> Result<(), Stop> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stop::Over),
    }
}
