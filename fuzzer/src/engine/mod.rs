//! A campaign: the search for schedules under which a target breaks a promise, on LibAFL.
//!
//! Three executions of four mutate an entry of the corpus; the fourth is drawn from nothing, for ever, so that guidance is
//! never much worse than luck. A run that reached something new is kept if it does the same a second time.
//!
//! A campaign is a function of its seed, its seeds and what it finds in its corpus folder: nothing here reads a clock. That
//! is why the loop is ours and not LibAFL's, whose stages and monitors measure time; and so every execution can be counted
//! and watched, and a limit of executions is exact. Threads, restarts and the minimizer are deliberately absent: a campaign
//! is one worker, and workers share nothing but a folder, and what they [tell each other](link) at once.

mod bridge;
pub(crate) mod broker;
mod executor;
mod feedback;
pub(crate) mod folder;
mod input;
pub(crate) mod link;
mod mutator;
mod scheduler;
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
    corpus::{Corpus, InMemoryCorpus},
    events::NopEventManager,
    fuzzer::{NopInputFilter, StdFuzzer},
    inputs::BytesInputConverter,
    mutators::Mutator,
    schedulers::Scheduler,
    state::{HasCorpus, StdState},
};
use libafl_bolts::rands::StdRand;
use murphy_checker::verdict::{Anomaly, Class, Evidence};
use murphy_schedule::{FaultKind, Schedule};
use murphy_sim::marks::Best;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::{
    executor::{SharedHarness, SimExecutor},
    feedback::{FirstOfItsName, Keep, Repeats, Seen},
    folder::Folder,
    input::ScheduleInput,
    mutator::StepMutator,
    scheduler::RareFirst,
};
use crate::Harness;

/// One execution of so many is blind.
const BLIND: u64 = 4;
/// Schedules drawn before the first is mutated.
const DRAWN_FIRST: usize = 8;
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
}

/// What a campaign has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stats {
    /// Executions. The second run of a schedule that is about to be kept is not one.
    pub(crate) execs: u64,
    /// Schedules kept.
    pub(crate) corpus: usize,
    /// Distinct states that kept schedules reach.
    pub(crate) states: u64,
    /// Distinct marks hit by any run.
    pub(crate) marks: usize,
    /// Runs without an answer.
    pub(crate) unknown: u64,
    /// Simulated events.
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
    mutator: StepMutator,
    executor: SimExecutor,
    fuzzer: Fuzzer,
    state: State,
}

impl<'a, W: Watcher> Search<'a, W> {
    fn new(campaign: &Campaign, harness: Harness, watcher: &'a mut W) -> Result<Self, EngineError> {
        let folder = campaign.corpus.as_deref().map(Folder::open).transpose()?;
        let mutator = StepMutator::new(harness.vocabulary().clone());
        let harness: SharedHarness = Rc::new(RefCell::new(harness));
        let seen = Rc::new(RefCell::new(Seen::new()));
        let differs = Rc::new(Cell::new(false));
        let executor = SimExecutor::new(harness.clone());
        let repeats = Repeats::new(harness.clone(), differs.clone());
        let mut feedback = feedback::keep(&executor.observers, seen.clone(), repeats);
        let mut objective = FirstOfItsName::default();
        let rand = StdRand::with_seed(campaign.seed);
        let state = StdState::new(rand, InMemoryCorpus::new(), InMemoryCorpus::new(), &mut feedback, &mut objective)
            .expect("no two feedbacks have one name");
        let fuzzer = StdFuzzer::new(RareFirst::new(seen.clone()), feedback, objective);
        let limit = campaign.execs.unwrap_or(u64::MAX);
        Ok(Self { watcher, limit, harness, seen, differs, folder, mutator, executor, fuzzer, state })
    }

    fn run(&mut self, campaign: &Campaign) -> Stop {
        let Err(stop) = self.start(&campaign.seeds).and_then(|()| self.search());
        stop
    }

    fn start(&mut self, seeds: &[Schedule]) -> Result<(), Stop> {
        for seed in seeds {
            self.evaluate(ScheduleInput(seed.clone()), Origin::Ours)?;
        }
        self.import()?;
        for _ in 0..DRAWN_FIRST {
            let input = self.mutator.draw(&mut self.state);
            self.evaluate(input, Origin::Ours)?;
        }
        Ok(())
    }

    fn search(&mut self) -> Result<Infallible, Stop> {
        let mut synced = self.executor.stats.execs;
        let mut turn = 0;
        loop {
            if self.executor.stats.execs - synced >= SYNC {
                self.import()?;
                synced = self.executor.stats.execs;
            }
            self.hear()?;
            // A corpus stays empty while every run breaks a promise, say: then there is only luck.
            let blind = turn % BLIND == 0 || self.state.corpus().count() == 0;
            let input = if blind { self.mutator.draw(&mut self.state) } else { self.mutant() };
            self.evaluate(input, Origin::Ours)?;
            turn += 1;
        }
    }

    /// Runs what others have put into the corpus folder.
    fn import(&mut self) -> Result<(), Stop> {
        let news = self.folder.as_mut().map_or(Ok(Vec::new()), Folder::news)?;
        news.into_iter().try_for_each(|schedule| self.evaluate(ScheduleInput(schedule), Origin::Folder))
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

    /// A changed copy of an entry of the corpus.
    fn mutant(&mut self) -> ScheduleInput {
        let state = &mut self.state;
        let id = self.fuzzer.scheduler_mut().next(state).expect("the corpus is not empty");
        let entry = state.corpus().get(id).expect("nothing is removed from the corpus").borrow();
        let mut input = entry.input().clone().expect("a corpus in memory has its inputs");
        drop(entry);
        self.mutator.mutate(state, &mut input).expect("the corpus is not empty");
        input
    }

    /// Executes `input`, keeps it if it is worth that, and tells the watcher.
    fn evaluate(&mut self, input: ScheduleInput, origin: Origin) -> Result<(), Stop> {
        if self.executor.stats.execs >= self.limit {
            return Err(Stop::Over);
        }
        let mut events = NopEventManager::new();
        let (_, kept) = self
            .fuzzer
            .evaluate_input(&mut self.state, &mut self.executor, &mut events, &input)
            .expect("neither a corpus in memory nor our feedbacks can fail");
        self.executor.stats.corpus = self.state.corpus().count();
        self.executor.stats.states = self.seen.borrow().len() as u64;
        self.report(&input.0)?;
        if kept.is_some() {
            self.share(&input.0, origin)?;
        }
        go_on(self.watcher.executed(&self.executor.stats))
    }

    /// Writes a schedule that is kept to the corpus folder, and tells others of it, as far as they do not have it.
    fn share(&mut self, schedule: &Schedule, origin: Origin) -> Result<(), EngineError> {
        match (origin, &mut self.folder) {
            (Origin::Ours, Some(folder)) => folder.save(schedule)?,
            (Origin::Peer, Some(folder)) => folder.adopt(schedule)?,
            (Origin::Folder, _) | (_, None) => {}
        }
        if origin == Origin::Ours {
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
