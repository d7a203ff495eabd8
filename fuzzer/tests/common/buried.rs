//! Findings made of schedules that were written by hand: the same under other seeds, with steps and operations at random beside them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use murphy::{
    Harness, resolve,
    schedule::{Dice, Document, Header, Schedule, Step, mutate},
};
use murphy_checker::verdict::Anomaly;

/// Schedules that are drawn for one finding at most.
const DRAWS: u32 = 2000;

/// A schedule that was written by hand, and the target that it breaks.
pub(crate) struct Written {
    pub(crate) document: Document,
    pub(crate) harness: Harness,
    pub(crate) anomaly: Anomaly,
    dice: Dice,
}

impl Written {
    pub(crate) fn read(path: &Path) -> Self {
        let document = Document::parse(&fs::read_to_string(path).expect("a file")).expect("a schedule");
        let mut harness = Harness::new(&murphy_targets::all(), &document.target).expect("it names a target");
        let anomaly = harness.run(&document.schedule).verdict.anomaly().expect("it fails").clone();
        Self { document, harness, anomaly, dice: Dice::new(1) }
    }

    /// The next finding in which it is buried, if one is drawn in time.
    pub(crate) fn bury(&mut self) -> Option<Schedule> {
        (0..DRAWS).find_map(|_| {
            let buried = buried(&self.document.schedule, &self.harness, &mut self.dice);
            self.fails(&buried).then_some(buried)
        })
    }

    /// Whether a schedule fails in the same way.
    pub(crate) fn fails(&mut self, schedule: &Schedule) -> bool {
        let found = self.harness.run(schedule).verdict.anomaly();
        found.is_some_and(|found| (found.class, &found.name) == (self.anomaly.class, &self.anomaly.name))
    }

    /// How many lines it takes: its steps, and the operations that it leaves clients to draw.
    pub(crate) fn size(&self) -> usize {
        let drawn = resolve(&self.document.schedule.header, self.harness.about()).ops;
        self.document.schedule.steps.len() + usize::from(drawn.unwrap_or(0))
    }
}

/// `schedule` under another seed, with steps at random, and half the time with operations that clients draw.
fn buried(schedule: &Schedule, harness: &Harness, dice: &mut Dice) -> Schedule {
    let noise = mutate::random(harness.vocabulary(), dice);
    let free = |step: &&Step| step.id == 0 && step.references().next().is_none();
    let steps = schedule.steps.iter().chain(noise.steps.iter().filter(free)).copied().collect();
    let ops = if dice.chance(1, 2) { Some(40) } else { schedule.header.ops };
    Schedule { header: Header { seed: noise.header.seed, ops, ..schedule.header }, steps }
}

/// The schedules that were written by hand, one for each planted bug.
pub(crate) fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let entries = fs::read_dir(folder).expect("testdata is in the repository");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
